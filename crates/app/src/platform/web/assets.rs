//! 静态文件: embedded, named after their content and compressed once, so that a browser fetches each version a single time.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::platform::edge::headers::Fixed;

const FILES: &[(&str, &str, &[u8])] = &[
    // One sheet for the browser, three files for people: tokens before everything that uses them.
    (
        "style.css",
        "text/css; charset=utf-8",
        concat!(include_str!("assets/tokens.css"), include_str!("assets/style.css"), include_str!("assets/charts.css")).as_bytes(),
    ),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("assets/app.js")),
    ("viewer.js", "text/javascript; charset=utf-8", include_bytes!("assets/viewer.js")),
    ("capture.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture.js")),
    ("capture-app.css", "text/css; charset=utf-8", include_bytes!("assets/capture-app.css")),
    ("capture-seal.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture-seal.js")),
    ("capture-camera.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture-camera.js")),
    ("capture-pad.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture-pad.js")),
    ("capture-reader.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture-reader.js")),
    ("capture-queue.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture-queue.js")),
    ("capture-app.js", "text/javascript; charset=utf-8", include_bytes!("assets/capture-app.js")),
    ("live.js", "text/javascript; charset=utf-8", include_bytes!("assets/live.js")),
    ("passkey.js", "text/javascript; charset=utf-8", include_bytes!("assets/passkey.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
    // Copied by build.rs from the pinned npm package; never kept in this repository.
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!(concat!(env!("OUT_DIR"), "/htmx.min.js"))),
];

struct Asset {
    kind: &'static str,
    plain: &'static [u8],
    gzip: Vec<u8>,
}

struct Assets {
    /// `style.css` → `/static/style-1f0c….css`
    addresses: BTreeMap<&'static str, String>,
    /// `style-1f0c….css` → the file
    files: BTreeMap<String, Asset>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut addresses = BTreeMap::new();
    let mut files = BTreeMap::new();
    for (name, kind, plain) in FILES.iter().copied() {
        let digest = ring::digest::digest(&ring::digest::SHA256, plain);
        let hash: String = hex::encode(digest.as_ref()).chars().take(12).collect();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
        let hashed = format!("{stem}-{hash}.{extension}");
        addresses.insert(name, format!("/static/{hashed}"));
        files.insert(hashed, Asset { kind, plain, gzip: compress(plain) });
    }
    Assets { addresses, files }
});

fn compress(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing into a Vec does not fail; an empty result only means the plain bytes are sent.
    encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Address of an embedded file; its name changes whenever its content does. Unknown names give an address that answers 404.
pub fn address(name: &str) -> &'static str {
    ASSETS.addresses.get(name).map_or("/static/missing", String::as_str)
}

/// Bytes a browser receives for a file (gzip), for the tests that weigh a page.
pub fn weight(name: &str) -> usize {
    address(name).strip_prefix("/static/").and_then(|hashed| ASSETS.files.get(hashed)).map_or(0, |asset| asset.gzip.len())
}

/// `GET /static/{name}`: public, immutable for a year.
pub async fn serve(Path(name): Path<String>, request: HeaderMap) -> Response {
    let Some(asset) = ASSETS.files.get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let gzip_accepted = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.split(',').any(|coding| coding.trim().starts_with("gzip") && !coding.contains("q=0")));
    let common = [(header::CONTENT_TYPE, asset.kind), (header::VARY, "accept-encoding")];
    if gzip_accepted && !asset.gzip.is_empty() {
        (Extension(Fixed), common, [(header::CONTENT_ENCODING, "gzip")], asset.gzip.clone()).into_response()
    } else {
        (Extension(Fixed), common, asset.plain).into_response()
    }
}

/// Size of a text as it travels.
#[cfg(test)]
pub fn compressed(text: &[u8]) -> usize {
    compress(text).len()
}

/// The file as it is.
#[cfg(test)]
pub fn plain(name: &str) -> &'static [u8] {
    FILES.iter().find(|file| file.0 == name).map_or(&[], |file| file.2)
}
