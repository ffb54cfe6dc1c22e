//! 幂等键: `Idempotency-Key` on a POST makes it happen once. The first answer is kept sealed for a day and given again, marked
//! `Idempotency-Replayed: true`; the same key under way is 409, the same key with another request 422.
//!
//! Only answers that did something (2xx, 3xx) are kept: a refusal changed nothing, and what refused it may be mended. A crash leaves the key "in
//! flight" until it lapses; what the crashed request had committed is then guarded by the case's own constraints.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{
    id::StaffId,
    problem::Problem,
    time::{DAY_MS, MINUTE_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{Domain, Place};
use ring::digest;

use super::code;
use crate::{
    App,
    platform::{
        failure::{self, Failure, LANGUAGE, Result},
        people::SignedIn,
    },
};

/// Table of this module.
pub const DDL: &str = "
CREATE TABLE idempotency (
    id BYTEA PRIMARY KEY,
    staff BYTEA NOT NULL,
    request BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('in_flight', 'done')),
    claim BYTEA NOT NULL,
    answer BYTEA,
    at BIGINT NOT NULL
);
CREATE INDEX idempotency_at ON idempotency (at);
";

/// The request's header.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer given again.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long an answer is kept.
const KEEP_MS: i64 = DAY_MS;
/// How long a key may be under way before it is taken for abandoned.
const FLIGHT_MS: i64 = 2 * MINUTE_MS;
/// The largest request and answer: as the largest upload.
const MAX: usize = 32 << 20;
const PLACE: Place = Place::new("idempotency", "answer");

type Hash = [u8; 32];

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0_u8; 32];
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// What is kept of an answer.
#[derive(serde::Serialize, serde::Deserialize)]
struct Answer {
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    body: Vec<u8>,
}

/// What a key stands at.
enum Found {
    /// Ours to carry out.
    Claimed,
    /// Done before.
    Done(Vec<u8>),
    /// Under way.
    InFlight,
    /// Used for another request.
    Other,
}

fn claim(tx: &mut Tx<'_>, id: &Hash, staff: StaffId, request: &Hash, claim: &[u8; 16], now: Timestamp) -> Result<Found> {
    let row = tx.query_opt("SELECT request, state, answer, at FROM idempotency WHERE id = $1", &params![id])?;
    if let Some(row) = row {
        let (state, at) = (row.str(1)?, row.timestamp(3)?);
        let lapsed = now >= at.plus_ms(if state == "done" { KEEP_MS } else { FLIGHT_MS });
        if !lapsed {
            return Ok(match (row.slice(0)? == request, state, row.opt_bytes(2)?) {
                (false, _, _) => Found::Other,
                (true, "done", Some(answer)) => Found::Done(answer),
                _ => Found::InFlight,
            });
        }
    }
    tx.push(
        "INSERT INTO idempotency (id, staff, request, state, claim, at) VALUES ($1, $2, $3, 'in_flight', $4, $5)
         ON CONFLICT (id) DO UPDATE SET request = excluded.request, state = 'in_flight', claim = excluded.claim, answer = NULL, at = excluded.at",
        &params![id, &staff.0, request, claim, now],
    )?;
    Ok(Found::Claimed)
}

/// Drops what is no longer given again.
pub fn prune(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.push("DELETE FROM idempotency WHERE at <= $1", &params![now.plus_ms(-KEEP_MS)])?;
    Ok(())
}

/// The layer.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let key = match request.headers().get(KEY) {
        Some(key) if request.method() == Method::POST => key.clone(),
        _ => return next.run(request).await,
    };
    once_keyed(app, key, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn once_keyed(app: App, key: HeaderValue, request: Request, next: Next) -> Result<Response> {
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len())).map(str::to_owned);
    let key = key.ok_or_else(|| Failure::from(Problem::new(&code::KEY_INVALID)))?;
    let (mut parts, body) = request.into_parts();
    // Without somebody to keep an answer for there is nothing to keep: the handler itself will say what is missing.
    let Ok(SignedIn(live)) = SignedIn::from_request_parts(&mut parts, &app).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let body = to_bytes(body, MAX).await.map_err(|_| Failure::from(Problem::new(&code::BODY_LARGE)))?;
    let staff = live.actor.staff;
    // Sessions of one person share their keys; each API key has its own.
    let of_key = if live.actor.session.is_none() { live.id } else { uuid::Uuid::nil() };
    let id = hash(&[staff.as_bytes(), of_key.as_bytes(), key.as_bytes()]);
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let wanted = hash(&[parts.method.as_str().as_bytes(), target.as_bytes(), &body]);
    let (now, mut mark) = (app.clock.now(), [0_u8; 16]);
    app.ids.fill(&mut mark);
    match app.store.write(move |tx| claim(tx, &id, staff, &wanted, &mark, now)).await? {
        Found::Other => return Err(Problem::new(&code::KEY_REUSED).into()),
        Found::InFlight => return Err(Problem::new(&code::KEY_IN_FLIGHT).into()),
        Found::Done(sealed) => return replay(&app, staff, sealed).await,
        Found::Claimed => {}
    }
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own: a client that hangs up does not leave the request half done and the key in flight.
    let work =
        tokio::spawn(LANGUAGE.scope(failure::language(), async move { settle(app, id, mark, staff, next.run(request).await).await }));
    work.await.map_err(Failure::internal)?
}

async fn replay(app: &App, staff: StaffId, sealed: Vec<u8>) -> Result<Response> {
    let reading = app.clone();
    let answer = app
        .store
        .read(move |tx| -> Result<Answer> {
            let key =
                reading.key_if_any(tx, staff.0, Domain::Staff)?.ok_or_else(|| Failure::internal("the key of a kept answer is gone"))?;
            serde_json::from_slice(&key.open(PLACE, &sealed)?).map_err(Failure::internal)
        })
        .await?;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in [(header::CONTENT_TYPE, answer.content_type), (header::LOCATION, answer.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps the answer, or frees the key.
async fn settle(app: App, id: Hash, mark: [u8; 16], staff: StaffId, response: Response) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let did_something = parts.status.is_success() || parts.status.is_redirection();
    // A cookie must not be given twice: such an answer is not kept.
    if !did_something || parts.headers.contains_key(header::SET_COOKIE) {
        app.store
            .write(move |tx| -> Result<()> {
                tx.push("DELETE FROM idempotency WHERE id = $1 AND claim = $2", &params![&id, &mark])?;
                Ok(())
            })
            .await?;
        return Ok(Response::from_parts(parts, body));
    }
    let body = to_bytes(body, MAX).await.map_err(Failure::internal)?;
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = Answer {
        status: parts.status.as_u16(),
        content_type: text(header::CONTENT_TYPE),
        location: text(header::LOCATION),
        body: body.to_vec(),
    };
    let answer = serde_json::to_vec(&answer).map_err(Failure::internal)?;
    let keeping = app.clone();
    app.store
        .write(move |tx| -> Result<()> {
            let sealed = keeping.key_of(tx, staff.0, Domain::Staff)?.seal(PLACE, &answer)?;
            tx.push("UPDATE idempotency SET state = 'done', answer = $3 WHERE id = $1 AND claim = $2", &params![&id, &mark, &sealed])?;
            Ok(())
        })
        .await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}
