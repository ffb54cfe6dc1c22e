//! 保留填写内容: a session that ends in the middle of a form, or a factor that has grown old there, must not cost what was typed. The texts of the
//! refused form are kept for half an hour, sealed under the key of the one who typed them, one form a person; after sign-in the same person finds
//! the page with the form filled again. Nobody else does, nothing stands in an address, passwords and pictures are not kept.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Multipart},
    http::{HeaderMap, Request, Uri, header},
};
use chuangsha_kernel::{
    id::StaffId,
    problem::Problem,
    time::{MINUTE_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{Domain, Place};
use zeroize::{Zeroize, Zeroizing};

use super::safe_path;
use crate::{
    App,
    platform::{
        edge,
        failure::{Failure, Result},
    },
};

/// Table of this module.
pub const DDL: &str = "
CREATE TABLE kept_form (
    staff BYTEA PRIMARY KEY,
    sealed BYTEA NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX kept_form_at ON kept_form (at);
";

/// In the address of a page that is to be shown with what was kept.
pub const MARK: &str = "kept=1";
/// How long a form is kept.
pub const KEEP_MS: i64 = 30 * MINUTE_MS;
/// Longest form that is kept, bytes as JSON.
const LONGEST: usize = 64 * 1024;
const PLACE: Place = Place::new("kept_form", "sealed");

/// 填写内容: the texts of one form that was refused.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Typed {
    /// Where it was posted.
    pub action: String,
    /// Names and values, as sent.
    pub fields: Vec<(String, String)>,
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.fields.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Typed({}, {} fields)", self.action, self.fields.len())
    }
}

/// Whether the texts of a form posted here may be kept at all: what proves who somebody is may not.
fn may_keep(path: &str) -> bool {
    !(path.starts_with("/login") || path == "/logout" || path.starts_with("/me/"))
}

/// A form as it came, held back until it is known whether it has to be kept.
pub enum Held {
    /// A form without files.
    Plain(Bytes),
    /// The texts of one with files.
    Texts(Vec<(String, String)>),
}

/// Reads the form of a POST and gives the body back for the handler. A form with files is read only when nobody is signed in: its handler will
/// not come to it.
///
/// # Errors
/// `edge.body_large`
pub async fn hold(headers: &HeaderMap, uri: &Uri, body: Body, signed_in: bool) -> Result<(Option<Held>, Body)> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if !may_keep(uri.path()) {
        return Ok((None, body));
    }
    if kind.starts_with("application/x-www-form-urlencoded") {
        // The edge has bounded it.
        let bytes = to_bytes(body, usize::MAX).await.map_err(|_| Failure::from(Problem::new(&edge::code::BODY_LARGE)))?;
        return Ok((Some(Held::Plain(bytes.clone())), Body::from(bytes)));
    }
    if kind.starts_with("multipart/form-data") && !signed_in {
        return Ok((texts(headers, body).await.map(Held::Texts), Body::empty()));
    }
    Ok((None, body))
}

/// The texts of a form with files; `None` when it cannot be read or holds more text than is kept.
async fn texts(headers: &HeaderMap, body: Body) -> Option<Vec<(String, String)>> {
    let mut request = Request::new(body);
    request.headers_mut().extend(headers.get(header::CONTENT_TYPE).map(|kind| (header::CONTENT_TYPE, kind.clone())));
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    let (mut found, mut size) = (Vec::new(), 0_usize);
    while let Some(mut field) = form.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        if field.file_name().is_some() {
            continue;
        }
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(piece) = field.chunk().await.ok()? {
            size = size.saturating_add(piece.len());
            if size > LONGEST {
                return None;
            }
            bytes.extend_from_slice(&piece);
        }
        found.push((name, std::str::from_utf8(&bytes).ok()?.to_owned()));
    }
    Some(found)
}

impl Held {
    /// The form, once it is known that it has to be kept.
    pub async fn typed(self, action: &str) -> Option<Typed> {
        let fields = match self {
            Self::Texts(fields) => fields,
            Self::Plain(bytes) if bytes.len() > LONGEST => return None,
            Self::Plain(bytes) => {
                let request = Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(bytes));
                axum::Form::<Vec<(String, String)>>::from_request(request.ok()?, &()).await.ok()?.0
            }
        };
        Some(Typed { action: action.to_owned(), fields })
    }
}

/// The page a form stood on, as the browser names it; its address is ours, or it is not used.
pub fn page_of(headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?.parse::<Uri>().ok()?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    (referer.authority()?.as_str() == host).then(|| safe_path(referer.path_and_query().map_or("/", |path| path.as_str())).to_owned())
}

/// That page's address with the mark; the toast of an earlier form is not said again.
pub fn marked(page: &str) -> String {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let rest = query.split('&').filter(|pair| !pair.is_empty() && *pair != MARK && !pair.starts_with("done="));
    format!("{path}?{}", rest.chain([MARK]).collect::<Vec<_>>().join("&"))
}

/// Whether an address asks for what was kept.
pub fn is_marked(query: &str) -> bool {
    query.split('&').any(|pair| pair == MARK)
}

/// Keeps the form of a person in place of the one kept before.
///
/// # Errors
/// The store's and the vault's.
pub async fn keep(app: &App, staff: StaffId, typed: Typed) -> Result<()> {
    let (keeping, now) = (app.clone(), app.clock.now());
    let text = Zeroizing::new(serde_json::to_vec(&typed).map_err(Failure::internal)?);
    app.store
        .write(move |tx| -> Result<()> {
            let sealed = keeping.key_of(tx, staff.0, Domain::Staff)?.seal(PLACE, &text)?;
            tx.push(
                "INSERT INTO kept_form (staff, sealed, at) VALUES ($1, $2, $3)
                 ON CONFLICT (staff) DO UPDATE SET sealed = excluded.sealed, at = excluded.at",
                &params![&staff.0, &sealed, now],
            )?;
            Ok(())
        })
        .await
}

/// What was kept for a person and has not lapsed.
///
/// # Errors
/// The store's and the vault's.
pub async fn find(app: &App, staff: StaffId) -> Result<Option<Typed>> {
    let (reading, now) = (app.clone(), app.clock.now());
    app.store
        .read(move |tx| {
            let row =
                tx.query_opt("SELECT sealed FROM kept_form WHERE staff = $1 AND at > $2", &params![&staff.0, now.plus_ms(-KEEP_MS)])?;
            let (Some(row), Some(key)) = (row, reading.key_if_any(tx, staff.0, Domain::Staff)?) else { return Ok(None) };
            let text = key.open(PLACE, row.slice(0)?)?;
            serde_json::from_slice(&text).map(Some).map_err(Failure::internal)
        })
        .await
}

/// Forgets what was kept for a person: it was sent.
///
/// # Errors
/// The store's.
pub async fn forget(app: &App, staff: StaffId) -> Result<()> {
    app.store
        .write(move |tx| -> Result<()> {
            tx.push("DELETE FROM kept_form WHERE staff = $1", &params![&staff.0])?;
            Ok(())
        })
        .await
}

/// Drops what lapsed.
pub fn prune(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.push("DELETE FROM kept_form WHERE at <= $1", &params![now.plus_ms(-KEEP_MS)])?;
    Ok(())
}
