//! What every answer carries is checked by [`send`](crate::kit::send) itself. Here everything is asked once by a stranger and by somebody signed in,
//! properly and in every way that is refused before a handler sees it.

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use chuangsha_app::platform::{edge::body::LONG_TEXTS, people::extract::SESSION_COOKIE};
use chuangsha_kernel::role::Role;

use crate::kit::{addresses, arrive, browse, form, operations, pages, send, start};

/// What is public among the pages; everything else sends a stranger to sign-in.
const PUBLIC_PAGES: [&str; 28] = [
    "/api",
    "/api/openapi.json",
    "/language/{language}",
    "/text/{size}",
    "/theme/{theme}",
    "/app",
    "/app/",
    "/app/worker.js",
    "/app/{file}",
    // Lead back to the page of the request, which asks.
    "/orders/{id}/reveal",
    "/orders/{id}/second",
    "/orders/{id}/images/second",
    "/suspensions/{id}/interruption",
    "/remediation/cases/{id}/steps",
    "/persons/{id}/reveal",
    "/persons/{id}/second",
    "/persons/{id}/protection",
    "/tickets/{id}/reveal",
    "/tickets/{id}/second",
    "/screening/verdicts/{evidence}/reveal",
    "/screening/verdicts/{evidence}/second",
    "/screening/verdicts/{evidence}/lift",
    "/screening/verdicts/{evidence}/do-not-call",
    "/second/{id}/approval",
    "/second/{id}/refusal",
    "/static/{name}",
    "/login",
    "/logout",
];

#[tokio::test(flavor = "multi_thread")]
async fn everything_there_is_answers_with_the_headers_whoever_asks_and_however() {
    let (_engine, kit, things, router) = start().await;
    let (_, token) = arrive(&kit, "H-1", kit.hq, Role::CarrierAdministrator).await;
    let all = addresses(&router);
    for operation in operations() {
        assert!(all.contains(&(operation.method.clone(), operation.path.clone())), "{} is described and not served", operation.path);
    }
    let mut seen = std::collections::BTreeSet::new();
    for (method, path) in &all {
        let (what, address) = (format!("{method} {path}"), things.fill(path));
        // A stranger, before anything else ends the session.
        let answer = send(&router, &what, browse(method, &address, None).body(Body::empty()).unwrap()).await;
        seen.insert(answer.status.as_u16());
        if method == "get" && !path.starts_with("/api/v1/") && !PUBLIC_PAGES.contains(&path.as_str()) {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
            assert!(answer.header("location").starts_with("/login"), "{what}: {}", answer.header("location"));
        }
        // From elsewhere, too large, with a method nobody serves.
        if method != "get" {
            let foreign = browse(method, &address, Some(&token)).header("sec-fetch-site", "cross-site");
            let mut foreign = foreign.body(Body::empty()).unwrap();
            foreign.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
            assert_eq!(send(&router, &what, foreign).await.status, StatusCode::FORBIDDEN, "{what}");
            let kinds = ["application/x-www-form-urlencoded", "application/json"];
            for kind in kinds.into_iter().filter(|_| !LONG_TEXTS.contains(&path.as_str())) {
                let paste = browse(method, &address, Some(&token)).header(header::CONTENT_TYPE, kind).body(Body::from(vec![b'a'; 5 << 20]));
                assert_eq!(send(&router, &what, paste.unwrap()).await.status, StatusCode::PAYLOAD_TOO_LARGE, "{what} {kind}");
            }
        }
        let wrong = send(&router, &what, browse("patch", &address, Some(&token)).body(Body::empty()).unwrap()).await;
        assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED, "{what}");
        if method == "get" {
            let answer = send(&router, &what, browse(method, &address, Some(&token)).body(Body::empty()).unwrap()).await;
            seen.insert(answer.status.as_u16());
            assert!(!answer.status.is_server_error(), "{what}: {}", answer.status);
        }
    }
    for path in [
        "/nowhere",
        "/orders/../..",
        "/api/v1/nowhere",
        "/api/nowhere",
        "/static/none.css",
        "/language/fr",
        "/%00",
        "/orders/%F0%9F%98%80",
        "//evil.example",
    ] {
        for token in [None, Some(token.as_str())] {
            let answer = send(&router, path, browse("get", path, token).body(Body::empty()).unwrap()).await;
            assert!(answer.status.is_client_error() || answer.status.is_redirection(), "{path}: {}", answer.status);
            seen.insert(answer.status.as_u16());
        }
    }
    for status in [200, 303, 400, 401, 404] {
        assert!(seen.contains(&status), "{status} was never answered: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_forgotten_by_the_browser() {
    let (_engine, kit, _things, router) = start().await;
    for (number, program) in [("G-1", false), ("G-2", true)] {
        let (_, token) = arrive(&kit, number, kit.hq, Role::CarrierAdministrator).await;
        let leaving = if program {
            browse("delete", "/api/v1/session", Some(&token)).body(Body::empty()).unwrap()
        } else {
            form("/logout", Some(&token), "/", &[])
        };
        let answer = send(&router, "leaving", leaving).await;
        assert_eq!(answer.header("clear-site-data"), "\"cache\", \"storage\"");
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with(&format!("{SESSION_COOKIE}=;")) && cookie.contains("Max-Age=0"), "{cookie}");
        let after = send(&router, "after", browse("get", "/", Some(&token)).body(Body::empty()).unwrap()).await;
        assert_eq!(after.status, StatusCode::SEE_OTHER);
        assert_eq!(after.header("clear-site-data"), "", "only where a session ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_somebody_signed_in_sees_bears_their_name_number_and_the_minute() {
    let (_engine, kit, things, router) = start().await;
    let (_, token) = arrive(&kit, "M-1", kit.hq, Role::CarrierAdministrator).await;
    let mark = format!("测试 M-1 {}", &kit.app.clock.now().display()[..16]);
    let (mut marked, mut public) = (0, Vec::new());
    for (method, path) in pages(&router) {
        let (what, address) = (format!("{method} {path}"), things.fill(&path));
        if method != "get" {
            continue;
        }
        let page = send(&router, &what, browse("get", &address, Some(&token)).body(Body::empty()).unwrap()).await;
        if !page.header("content-type").starts_with("text/html") {
            continue;
        }
        let text = page.text();
        if text.contains("class=\"mark\"") {
            assert!(text.matches(&mark).count() >= 3, "{what}: {mark}");
            // Seen, printed, never read out; and the page says nothing of it in an address.
            let (_, layer) = text.split_once("<svg class=\"mark\"").unwrap();
            assert!(layer.starts_with(" aria-hidden=\"true\" focusable=\"false\">"), "{what}");
            marked += 1;
        } else {
            public.push(path.clone());
        }
        assert!(!text.contains("%E6%B5%8B"), "{what}: the name stands in an address");
        let stranger = send(&router, &what, browse("get", &address, None).body(Body::empty()).unwrap()).await;
        assert!(!stranger.text().contains("class=\"mark\""), "{what}");
    }
    assert_eq!(public, ["/api", "/app/"], "a page without the mark");
    assert!(marked >= 12, "{marked}");
    let unknown = send(&router, "unknown", browse("get", "/nowhere", Some(&token)).body(Body::empty()).unwrap()).await;
    assert!(unknown.text().contains(&mark), "refusals too");
}
