//! 现场采集 App: the shell of the capture app. One page that knows nobody, its manifest, its icons and its service worker; everything personal
//! comes later, over the interface, and is never in a cache.

use std::{fmt::Write as _, sync::LazyLock};

use askama::Template;
use axum::{
    Router,
    extract::{Path, State as Of},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use chuangsha_kernel::problem::Language;
use ring::digest;

use super::{document_words, product_words};
use crate::{
    App,
    platform::{
        edge::headers::Reach,
        web::{assets, page, shell::Shell},
        words::Words,
    },
    registration::{order::Product, view},
};

/// Where the app lives; the service worker governs this folder and nothing else.
const HOME: &str = "/app/";

/// Scripts of the page, in the order they stand on each other.
const SCRIPTS: [&str; 6] =
    ["capture-seal.js", "capture-camera.js", "capture-pad.js", "capture-reader.js", "capture-queue.js", "capture-app.js"];

const STYLES: [&str; 2] = ["style.css", "capture-app.css"];

/// Says which shell a page belongs to, so that an older worker does not keep a page whose scripts it has not got.
const VERSION: HeaderName = HeaderName::from_static("capture-shell");

/// A picture to take.
struct Shot {
    kind: &'static str,
    label: &'static str,
    facing: &'static str,
    pad: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "registration/field.html")]
struct FieldPage {
    shell: Shell,
    w: &'static Words,
    data: String,
    scripts: [&'static str; 6],
    steps: [&'static str; 5],
    products: Vec<(&'static str, &'static str)>,
    document_shots: Vec<Shot>,
    agent_shots: Vec<Shot>,
    portrait_shots: Vec<Shot>,
    signature_shots: Vec<Shot>,
}

/// Routes of this file. They need no session: a shell that starts without the network cannot ask for one, and there is nothing in it to protect.
pub fn shell_pages() -> Router<App> {
    Router::new()
        .route("/app", get(|| async { Redirect::permanent(HOME) }))
        .route(HOME, get(shell_page))
        .route("/app/worker.js", get(worker))
        .route("/app/{file}", get(file))
}

/// The words the scripts say, as the page's data block: `{"field_online": "…", …}` and the names of documents and pictures.
macro_rules! said {
    ($w:expr; $($name:ident),* $(,)?) => { serde_json::Map::from_iter([$((stringify!($name).to_owned(), serde_json::Value::from($w.$name))),*]) };
}

fn words(w: &'static Words, language: Language) -> serde_json::Value {
    let mut said = said!(w;
        close, cancel, field_online, field_offline, field_queued, field_done, field_waiting, field_refused, field_captured_at, field_edit, field_remove,
        field_remove_ask, field_remove_lead, field_limits, field_frozen_first, field_frozen_count, field_frozen_age, field_frozen_rules,
        field_frozen_far, field_frozen_place, field_frozen_clock, field_place_unset, field_missing, field_not_kept, field_storage_full,
        field_sign_in, field_sign_in_go, field_other_person, field_sign_out_ask, field_sign_out_lead, field_updated, field_kept, field_taken,
        field_no_number, field_reading, field_read_done, field_reader_ready, field_reader_off, field_reader_no_card, field_reader_busy,
        field_reader_refused, field_reader_slow, field_file_bad, field_hint_dark, field_hint_glare, field_hint_blur, field_hint_frame,
        field_hint_good, field_need_field, field_need_picture, field_bad_number, field_expired, field_need_tick, camera_denied, camera_taken,
        camera_again, camera_start, signed, log_out, number, holder_name, document_kind, document_number, address, valid_until, agent,
        entry_mode, product_kind, entry_reader, entry_mrz, entry_ocr, entry_manual, entry_upload, step_done, field_any_number, front, back, photo,
        signature, agent_document, agent_name, agent_number,
    );
    let documents: serde_json::Map<_, _> =
        view::document_kinds().map(|kind| (kind.as_str().to_owned(), document_words(language, kind.as_str()).into())).collect();
    let products: serde_json::Map<_, _> =
        Product::ALL.into_iter().map(|product| (product.as_str().to_owned(), product_words(w, product).into())).collect();
    said.insert("documents".to_owned(), documents.into());
    said.insert("products".to_owned(), products.into());
    said.into()
}

/// JSON within a page: no `<` can end the block it stands in.
fn block(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

async fn shell_page(Of(app): Of<App>, uri: Uri, headers: HeaderMap) -> Response {
    let shell = Shell::anonymous(&headers, &uri);
    let w = shell.w;
    let camera = |kind, label, facing| Shot { kind, label, facing, pad: false };
    let data = block(&words(w, shell.language));
    let mut response = page(&FieldPage {
        w,
        data,
        scripts: SCRIPTS,
        steps: [w.step_number, w.step_document, w.step_portrait, w.step_signature, w.step_submit],
        products: Product::ALL.into_iter().map(|product| (product.as_str(), product_words(w, product))).collect(),
        document_shots: vec![camera("document_front", w.front, "environment"), camera("document_back", w.back, "environment")],
        agent_shots: vec![camera("agent_document", w.agent_document, "environment")],
        portrait_shots: vec![camera("live_photo", w.photo, "user")],
        signature_shots: vec![Shot { kind: "signature", label: w.signature, facing: "", pad: true }],
        shell,
    });
    if let Ok(version) = HeaderValue::from_str(version()) {
        response.headers_mut().insert(VERSION, version);
    }
    // This page alone may speak to the reader's bridge, and ask where the device is.
    response.extensions_mut().insert(Reach { connect: app.config.capture.reader_bridge.clone(), geolocation: true });
    response
}

/// What the shell is made of besides its page.
fn parts() -> Vec<String> {
    let files = STYLES.iter().chain(&SCRIPTS).chain(&["icon.svg"]).map(|name| assets::address(name).to_owned());
    let own = ["zh-CN.webmanifest", "en.webmanifest", "icon-192.png", "icon-512.png"].map(|name| format!("{HOME}{name}"));
    files.chain(own).collect()
}

/// Changes with any file, any word and any template of the shell, and so does the name of the cache.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts() {
            hash.update(part.as_bytes());
        }
        for language in [Language::Chinese, Language::English] {
            hash.update(block(&words(Words::of(language), language)).as_bytes());
        }
        hash.update(include_bytes!("../field.html"));
        hash.update(include_bytes!("../field_shot.html"));
        hash.update(WORKER.as_bytes());
        hash.finish().as_ref().iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    });
    &VERSION
}

const WORKER: &str = include_str!("../../platform/web/assets/capture-worker.js");

/// The service worker: the file, and before it which shell it keeps.
async fn worker() -> Response {
    let head = format!("const VERSION={};const HOME={};const SHELL={};\n", text(version()), text(HOME), serde_json::json!(parts()));
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], head + WORKER).into_response()
}

fn text(text: &str) -> serde_json::Value {
    text.into()
}

async fn file(Path(name): Path<String>) -> Response {
    let png = |side: &'static LazyLock<Vec<u8>>| ([(header::CONTENT_TYPE, "image/png")], side.as_slice()).into_response();
    match name.as_str() {
        "zh-CN.webmanifest" => manifest(Language::Chinese, "zh-CN"),
        "en.webmanifest" => manifest(Language::English, "en"),
        "icon-192.png" => png(&ICON_192),
        "icon-512.png" => png(&ICON_512),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn manifest(language: Language, lang: &str) -> Response {
    let w = Words::of(language);
    let icon = |side: u32, purpose: &str| serde_json::json!({ "src": format!("{HOME}icon-{side}.png"), "sizes": format!("{side}x{side}"), "type": "image/png", "purpose": purpose });
    let manifest = serde_json::json!({
        "id": HOME, "start_url": HOME, "scope": HOME, "display": "standalone", "lang": lang, "dir": "ltr",
        "name": format!("{} · {}", w.product, w.field_app), "short_name": w.field_app, "description": w.field_lead,
        "theme_color": "#0b6468", "background_color": "#f3f5f6",
        "icons": [icon(192, "any"), icon(512, "any"), icon(512, "maskable"),
            { "src": assets::address("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any" }],
    });
    ([(header::CONTENT_TYPE, "application/manifest+json; charset=utf-8")], manifest.to_string()).into_response()
}

static ICON_192: LazyLock<Vec<u8>> = LazyLock::new(|| icon(192));
static ICON_512: LazyLock<Vec<u8>> = LazyLock::new(|| icon(512));

/// The lattice of the brand, drawn within the middle four fifths: a launcher may cut a circle out of it.
fn icon(side: u32) -> Vec<u8> {
    const GROUND: [u8; 3] = [0x0b, 0x64, 0x68];
    let on_line = |at: u32| {
        // Lines at 5, 9.7, 14.3 and 19 of 24, 1.3 wide: the drawing of icon.svg.
        let at = (f64::from(at) + 0.5) * 24.0 / f64::from(side);
        [5.0, 9.7, 14.3, 19.0].iter().any(|line: &f64| (at - line).abs() <= 0.65)
    };
    let within = |at: u32| (4.35..=19.65).contains(&((f64::from(at) + 0.5) * 24.0 / f64::from(side)));
    let drawn = image::RgbImage::from_fn(side, side, |x, y| {
        let line = (on_line(x) && within(y)) || (on_line(y) && within(x));
        image::Rgb(if line { [0xff; 3] } else { GROUND })
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    // Writing into memory does not fail; an empty picture would only leave the launcher its own.
    drawn.write_to(&mut bytes, image::ImageFormat::Png).map(|()| bytes.into_inner()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]
    use super::*;

    #[test]
    fn no_word_ends_the_block_it_stands_in() {
        let text = block(&serde_json::json!({ "a": "</script><b>" }));
        assert!(!text.contains('<'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["a"], "</script><b>");
    }

    #[test]
    fn every_part_of_the_shell_is_there_and_its_icons_are_pictures() {
        for part in parts() {
            assert_ne!(part, "/static/missing", "an asset is not embedded");
        }
        for (side, icon) in [(192, &*ICON_192), (512, &*ICON_512)] {
            let picture = image::load_from_memory(icon).unwrap();
            assert_eq!((picture.width(), picture.height()), (side, side));
        }
        assert_eq!(version().len(), 16);
    }

    #[test]
    fn the_worker_keeps_the_shell_and_names_nothing_personal() {
        for part in parts() {
            assert!(part.starts_with("/static/") || part.starts_with(HOME), "{part}");
        }
        assert!(!WORKER.contains("/api/"), "the worker never touches the interface");
    }
}
