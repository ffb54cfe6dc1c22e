//! 网页外壳: the look and the parts every page is made of. A page is a struct of plain data and a template; masks are made before it gets here.

pub mod assets;
pub mod chart;
pub mod feedback;
pub mod form;
pub mod frame;
pub mod gallery;
pub mod kept;
pub mod list;
pub mod pages;
pub mod parts;
pub mod reference;
pub mod refill;
pub mod shell;
pub mod switch;
pub mod table;
pub mod views;

#[cfg(test)]
mod style_tests;
#[cfg(test)]
mod tests;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use chuangsha_kernel::problem::Problem;

/// A whole page as an answer.
pub fn page(template: &impl askama::Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// A whole page with another status than 200: a refused form is shown again with what is wrong.
pub fn page_with(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The page again, with why the form was refused on it and the status of that refusal.
pub fn page_refused(problem: &Problem, template: &impl askama::Template) -> Response {
    page_with(StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::CONFLICT), template)
}

/// Answer to a form that did its work: the browser fetches the next page, so neither "back" nor "reload" sends the form again.
pub fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/"))]).into_response(),
    }
}

/// `to` when it is a path on this server, else `/`: a link in a mail must not send people elsewhere after they log in here.
pub fn safe_path(to: &str) -> &str {
    let own = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control);
    if own { to } else { "/" }
}
