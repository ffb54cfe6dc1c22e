//! 导出接口: a list for a program, as plain UTF-8 CSV, masked, under the rules and with the record of any other file.

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Format, Wish, page};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{list::Look, shell::language_of},
        words::Words,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(take))
}

/// Which list, and why.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Address of the list on the console with what it is narrowed to and the columns wanted: `/channels?state=active&cols=code,state`.
    pub list: String,
    /// `report`, `inspection`, `rectification`, `complaint` or `lawful_request`.
    pub purpose: String,
    /// What it is for, 4 to 200 characters. It stands in the address: it names nobody.
    pub words: String,
}

/// A list as CSV. It is on record before its first byte; a list too long to be made while one waits is refused.
#[utoipa::path(get, path = "/exports", tag = "exports", params(ExportQuery), responses((status = 200, body = String, content_type = "text/csv")))]
async fn take(State(app): State<App>, actor: Actor, headers: HeaderMap, Query(asked): Query<ExportQuery>) -> Result<Response> {
    let language = language_of(&headers);
    let look = Look { app, actor, language, w: Words::of(language) };
    let format = Format::Csv.as_str().to_owned();
    page::ask_at_once(&look, &Wish { list: asked.list, format, purpose: asked.purpose, words: asked.words, ..Wish::default() }).await
}
