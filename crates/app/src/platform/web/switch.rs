//! Switches of language, text size and theme: cookies, so that they work before sign-in.

use axum::{
    Router,
    extract::{Path, Query},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    assets, safe_path, see_other,
    shell::{LANGUAGE_COOKIE, TEXT_COOKIE, THEME_COOKIE, Theme},
};
use crate::App;

/// Where to go back to.
#[derive(serde::Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/language/{language}", get(language))
        .route("/text/{size}", get(text))
        .route("/theme/{theme}", get(theme))
        .route("/static/{name}", get(assets::serve))
}

async fn language(Path(language): Path<String>, Query(back): Query<Back>) -> Response {
    match language.as_str() {
        "zh-CN" | "en" => remember(LANGUAGE_COOKIE, &language, &back.back),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn text(Path(size): Path<String>, Query(back): Query<Back>) -> Response {
    match size.as_str() {
        "large" | "normal" => remember(TEXT_COOKIE, &size, &back.back),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn theme(Path(theme): Path<String>, Query(back): Query<Back>) -> Response {
    match Theme::named(&theme) {
        Some(theme) => remember(THEME_COOKIE, theme.as_str(), &back.back),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn remember(cookie: &str, value: &str, back: &str) -> Response {
    let cookie = format!("{cookie}={value}; Path=/; Max-Age=31536000; SameSite=Strict; Secure; HttpOnly");
    ([(header::SET_COOKIE, cookie)], see_other(safe_path(back))).into_response()
}
