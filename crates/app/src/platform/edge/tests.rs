//! The edge, from outside: headers on everything, one answer for one key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that fails stops")]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::Problem,
    role::Role,
    time::{DAY_MS, MINUTE_MS},
};
use chuangsha_store::testkit::engines;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

use super::{EdgeConfig, LimitConfig, code, wrap};
use crate::{
    App,
    platform::{
        failure::Failure,
        people::{extract::SESSION_COOKIE, tests::World},
    },
};

/// What the routes under test count and wait for.
#[derive(Default)]
struct Bench {
    done: AtomicU32,
    entered: Notify,
    go_on: Notify,
}

fn routes(bench: &Arc<Bench>) -> Router<App> {
    let (counted, held, failing) = (Arc::clone(bench), Arc::clone(bench), Arc::clone(bench));
    Router::new()
        .route("/plain/{id}", get(|| async { "plain" }))
        .route(
            "/count",
            post(move |State(_): State<App>, body: String| async move {
                let n = counted.done.fetch_add(1, Ordering::SeqCst) + 1;
                (StatusCode::CREATED, [(header::LOCATION, format!("/things/{n}"))], Json(json!({"n": n, "body": body})))
            }),
        )
        .route(
            "/held",
            post(move || async move {
                held.entered.notify_one();
                held.go_on.notified().await;
                held.done.fetch_add(1, Ordering::SeqCst);
                "held"
            }),
        )
        .route(
            "/refusing",
            post(move || async move {
                failing.done.fetch_add(1, Ordering::SeqCst);
                Failure::from(Problem::new(&code::BODY_LARGE)).into_response()
            }),
        )
}

fn request(path: &str, key: &str, session: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header("idempotency-key", key)
        .header(header::COOKIE, format!("{SESSION_COOKIE}={session}"))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

#[tokio::test]
async fn the_same_key_is_answered_once_and_the_answer_given_again() {
    for store in engines().await {
        println!("on {}", store.name);
        let w = World::on(store).await;
        w.hire_with_totp("A1", w.outlet, &[Role::Clerk]).await;
        w.hire_with_totp("A2", w.outlet, &[Role::Clerk]).await;
        let (session, other) = (w.arrive("A1").await, w.arrive("A2").await);
        let bench = Arc::new(Bench::default());
        let edge = wrap(routes(&bench), &w.app, &EdgeConfig::default());
        let send = |path, key, session: &str, body: &str| edge.clone().oneshot(request(path, key, session, body));

        let first = send("/count", "k1", session.as_str(), "one").await.unwrap();
        assert_eq!(first.status(), StatusCode::CREATED);
        assert!(!first.headers().contains_key("idempotency-replayed"));
        assert_eq!(body(first).await, json!({"n": 1, "body": "one"}));
        let again = send("/count", "k1", session.as_str(), "one").await.unwrap();
        assert_eq!(again.status(), StatusCode::CREATED);
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(again.headers()[header::LOCATION], "/things/1");
        assert_eq!(again.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(body(again).await, json!({"n": 1, "body": "one"}));

        let changed = send("/count", "k1", session.as_str(), "two").await.unwrap();
        assert_eq!(changed.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body(changed).await["code"], "edge.key_reused");
        let elsewhere = send("/count?x=1", "k1", session.as_str(), "one").await.unwrap();
        assert_eq!(elsewhere.status(), StatusCode::UNPROCESSABLE_ENTITY, "the address is part of the request");
        assert_eq!(body(send("/count", "k1", other.as_str(), "one").await.unwrap()).await["n"], 2, "another person's key is another key");
        assert_eq!(send("/count", "", session.as_str(), "one").await.unwrap().status(), StatusCode::BAD_REQUEST);
        assert_eq!(bench.done.load(Ordering::SeqCst), 2);

        // A new session of the same person finds the answer too; a day later it is gone.
        let later = w.arrive("A1").await;
        assert_eq!(send("/count", "k1", later.as_str(), "one").await.unwrap().headers()["idempotency-replayed"], "true");
        w.clock.advance_ms(DAY_MS);
        let next_day = w.arrive("A1").await;
        assert_eq!(body(send("/count", "k1", next_day.as_str(), "two").await.unwrap()).await["n"], 3);

        // A refusal changed nothing and is not kept.
        for _ in 0..2 {
            assert_eq!(send("/refusing", "k2", next_day.as_str(), "").await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
        assert_eq!(bench.done.load(Ordering::SeqCst), 5);
    }
}

#[tokio::test]
async fn a_key_under_way_is_refused_even_after_the_client_hung_up_and_lapses_after_a_crash() {
    for store in engines().await {
        println!("on {}", store.name);
        let w = World::on(store).await;
        w.hire_with_totp("A1", w.outlet, &[Role::Clerk]).await;
        let session = w.arrive("A1").await;
        let bench = Arc::new(Bench::default());
        let edge = wrap(routes(&bench), &w.app, &EdgeConfig::default());
        let send = |key| edge.clone().oneshot(request("/held", key, session.as_str(), ""));

        let client = tokio::spawn(send("k1"));
        bench.entered.notified().await;
        let second = send("k1").await.unwrap();
        assert_eq!(second.status(), StatusCode::CONFLICT);
        assert_eq!(body(second).await["code"], "edge.key_in_flight");
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        bench.go_on.notify_one();
        // The work goes on without its client; its answer is there for the retry.
        let replayed = loop {
            let answer = send("k1").await.unwrap();
            if answer.status() != StatusCode::CONFLICT {
                break answer;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(replayed.headers()["idempotency-replayed"], "true");
        assert_eq!(bench.done.load(Ordering::SeqCst), 1);

        // As after a crash: the first never comes back within the time a key may be under way.
        let lost = tokio::spawn(send("k2"));
        bench.entered.notified().await;
        assert_eq!(send("k2").await.unwrap().status(), StatusCode::CONFLICT);
        w.clock.advance_ms(2 * MINUTE_MS);
        let retried = tokio::spawn(send("k2"));
        bench.entered.notified().await;
        bench.go_on.notify_waiters();
        assert_eq!(retried.await.unwrap().unwrap().status(), StatusCode::OK, "the key lapsed: the retry is carried out");
        assert_eq!(lost.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(send("k2").await.unwrap().headers()["idempotency-replayed"], "true");
        assert_eq!(bench.done.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_and_strangers_are_stopped() {
    let w = World::on(chuangsha_store::testkit::sqlite().await).await;
    let bench = Arc::new(Bench::default());
    let config =
        EdgeConfig { limits: LimitConfig { network_per_second: 1, network_burst: 6, ..LimitConfig::default() }, ..EdgeConfig::default() };
    let edge = wrap(routes(&bench), &w.app, &config);
    for (path, status) in [("/plain/1?phone=19900001234", StatusCode::OK), ("/nowhere", StatusCode::NOT_FOUND)] {
        let answer = edge.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
        let headers = answer.headers();
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'; script-src 'self';"));
        assert!(!headers["content-security-policy"].to_str().unwrap().contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers["x-request-id"].len() >= 8);
    }
    let own = Request::get("/plain/1").header("x-request-id", "caller-4711").body(Body::empty()).unwrap();
    assert_eq!(edge.clone().oneshot(own).await.unwrap().headers()["x-request-id"], "caller-4711");
    let forged = Request::get("/plain/1").header("x-request-id", "a b\"c{}<script>").body(Body::empty()).unwrap();
    assert_ne!(edge.clone().oneshot(forged).await.unwrap().headers()["x-request-id"], "a b\"c{}<script>");

    let foreign = Request::post("/count").header("sec-fetch-site", "cross-site").header(header::ACCEPT_LANGUAGE, "en-GB,zh;q=0.5");
    let answer = edge.clone().oneshot(foreign.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let problem = body(answer).await;
    assert_eq!(problem["code"], "edge.foreign");
    assert_eq!(problem["title"], "The request did not come from our own pages", "in the reader's language");
    assert_eq!(bench.done.load(Ordering::SeqCst), 0);

    let limited = loop {
        let answer = edge.clone().oneshot(Request::get("/plain/1").body(Body::empty()).unwrap()).await.unwrap();
        if answer.status() != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers()[header::RETRY_AFTER], "1");
    assert!(limited.headers().contains_key("content-security-policy"), "refusals too");
}
