//! 来源检查: a request that changes something and rides on a cookie must come from our own pages. Together with `SameSite=Strict` this is the
//! whole defence against forged requests: there is no token to forget in a form.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::problem::Problem;

use super::code;
use crate::platform::failure::Failure;

/// Whether the request may go on.
fn ours(method: &Method, headers: &HeaderMap, uri: &Uri) -> bool {
    if method.is_safe() || headers.contains_key(header::AUTHORIZATION) {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Set by the browser itself; a page cannot forge it.
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match headers.get(header::ORIGIN) {
        Some(origin) => {
            let host = uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text("host"));
            let of_origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
            of_origin.is_some() && of_origin == host
        }
        // No browser sends a cookie with a changing request and neither header; a program may, and cannot be tricked into it.
        None => true,
    }
}

/// Refuses what comes from elsewhere.
pub async fn check(request: Request, next: Next) -> Response {
    if ours(request.method(), request.headers(), request.uri()) {
        next.run(request).await
    } else {
        Failure::from(Problem::new(&code::FOREIGN)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        ours(&method, &map, &Uri::from_static("/x"))
    }

    #[test]
    fn only_our_own_pages_change_anything() {
        let host = ("host", "shop.example:8443");
        assert!(of(Method::GET, &[host, ("sec-fetch-site", "cross-site")]));
        assert!(of(Method::POST, &[host, ("sec-fetch-site", "same-origin")]));
        assert!(of(Method::POST, &[host, ("sec-fetch-site", "none")]));
        for site in ["cross-site", "same-site", "", "sneaky"] {
            assert!(!of(Method::POST, &[host, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(
            !of(Method::DELETE, &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://shop.example:8443")]),
            "the stronger header decides"
        );
        assert!(of(Method::POST, &[host, ("origin", "https://shop.example:8443")]));
        for origin in ["https://evil.example", "null", "https://shop.example", "https://shop.example:8443.evil.example"] {
            assert!(!of(Method::POST, &[host, ("origin", origin)]), "{origin}");
        }
        assert!(of(Method::POST, &[host]), "a program");
        assert!(
            of(Method::POST, &[host, ("authorization", "Bearer csk_x"), ("origin", "https://elsewhere.example")]),
            "a key is no cookie"
        );
    }
}
