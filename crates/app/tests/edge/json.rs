//! Every operation the interface describes, asked by those who may not and with what no program should send: nothing is public by accident, nobody
//! does what their role does not carry, no body makes a fault, and every refusal is told in both languages.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use chuangsha_app::platform::people::extract::SESSION_COOKIE;
use chuangsha_kernel::{
    id::OrganisationId,
    role::{Action, Role, RoleSet},
};
use serde_json::{Value, json};

use crate::kit::{PUBLIC, arrive, ask, operations, seat, start};

/// A look that is sent as a POST, because a number never stands in an address.
const SEARCH: &str = "/api/v1/screening/verdicts/search";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_nothing_but_the_public_is_answered() {
    let (_engine, kit, things, router) = start().await;
    let mut public = Vec::new();
    for operation in operations() {
        let what = format!("{} {}", operation.method, operation.path);
        for token in [None, Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            let (status, code) = ask(&router, &what, operation.proper(&things, token)).await;
            if PUBLIC.contains(&(operation.method.as_str(), operation.path.as_str())) {
                assert_ne!(code, "platform.sign_in", "{what}");
                public.push(what.clone());
            } else {
                assert_eq!((status, code.as_str()), (StatusCode::UNAUTHORIZED, "platform.sign_in"), "{what}");
            }
        }
    }
    assert_eq!(public.len(), 2 * PUBLIC.len(), "a public operation is gone: {public:?}");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_of_roles_changes_nothing_and_a_leaver_is_nobody() {
    let (_engine, kit, things, router) = start().await;
    let rights = |role: &&Role| Action::ALL.iter().filter(|action| kit.app.matrix.could(RoleSet::of(&[**role]), **action)).count();
    let least = *Role::ALL.iter().min_by_key(rights).unwrap();
    let (staff, token) = arrive(&kit, "L-1", seat(&kit, least).await, least).await;
    let (mut refused, mut let_through) = (0, Vec::new());
    for operation in operations().into_iter().filter(|operation| !operation.is_own()) {
        let what = format!("{least}: {} {}", operation.method, operation.path);
        let (status, code) = ask(&router, &what, operation.proper(&things, Some(&token))).await;
        if PUBLIC.contains(&(operation.method.as_str(), operation.path.as_str())) {
            continue;
        }
        assert!(!status.is_server_error(), "{what}: {status} {code}");
        if operation.changes() && operation.path != SEARCH {
            // 404 where whoever may not see a thing does not learn that it is there.
            if !matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
                let_through.push(format!("{what}: {status} {code}"));
            }
            refused += 1;
        }
    }
    assert_eq!(let_through, Vec::<String>::new());
    assert!(refused > 25, "{refused}");
    let app = kit.app.clone();
    kit.app.write(move |tx| chuangsha_app::platform::people::staff::leave(tx, staff, app.clock.now())).await.unwrap();
    kit.app.poll_epochs().await.unwrap();
    for operation in operations() {
        let what = format!("leaver: {} {}", operation.method, operation.path);
        if PUBLIC.contains(&(operation.method.as_str(), operation.path.as_str())) {
            continue;
        }
        let (status, _) = ask(&router, &what, operation.proper(&things, Some(&token))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}");
    }
}

/// Bodies no program should send. Those made from a proper one are wrong in one field each.
fn nonsense(proper: Option<&Value>) -> Vec<Vec<u8>> {
    let huge = "长".repeat(400_000);
    let mut bodies: Vec<Vec<u8>> =
        ["", "null", "[]", "{}", "0", "\"\"", "{\"", "{\"version\": 1e999}", "[1,2", "{\"version\":-9223372036854775808}"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec();
    bodies.push(vec![0xff, 0xfe, 0x00]);
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push("{\"a\":".repeat(100_000).into_bytes());
    bodies.push(json!(huge).to_string().into_bytes());
    let Some(proper) = proper else { return bodies };
    let text = proper.to_string();
    bodies.push(text.as_bytes()[..text.len() - 1].to_vec());
    bodies.push(text.clone().into_bytes());
    let wrong = [
        Value::Null,
        json!([]),
        json!({}),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(0.5),
        json!(true),
        json!(""),
        json!(" "),
        json!("😀👩‍👩‍👧‍👦\u{0}\u{202e}é"),
        json!("'; DROP TABLE staff; --"),
        json!("%%__\\"),
        json!("9999-99-99"),
        json!(huge),
    ];
    for at in places(proper, "") {
        for value in &wrong {
            let mut body = proper.clone();
            *body.pointer_mut(&at).unwrap() = value.clone();
            bodies.push(body.to_string().into_bytes());
        }
    }
    bodies
}

/// Where something stands in a value, the value itself included.
fn places(value: &Value, at: &str) -> Vec<String> {
    let mut found = vec![at.to_owned()];
    match value {
        Value::Object(fields) => found.extend(fields.iter().flat_map(|(name, inner)| places(inner, &format!("{at}/{name}")))),
        Value::Array(items) => found.extend(items.iter().enumerate().flat_map(|(index, inner)| places(inner, &format!("{at}/{index}")))),
        _ => {}
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_makes_a_fault_whoever_sends_it() {
    let (_engine, kit, things, router) = start().await;
    let (mut sent, mut faults) = (0, Vec::new());
    let roles = [
        (Role::Clerk, "F-1"),
        (Role::SeniorAuditor, "F-2"),
        (Role::CityManager, "F-3"),
        (Role::CarrierAdministrator, "F-4"),
        (Role::HotlineAgent, "F-5"),
        (Role::NetworkOperator, "F-6"),
    ];
    for (role, number) in roles {
        // The clerk stands where the order was captured.
        let organisation = if role == Role::Clerk { OrganisationId(things.outlet) } else { seat(&kit, role).await };
        let (_, token) = arrive(&kit, number, organisation, role).await;
        for operation in operations().into_iter().filter(|operation| operation.method == "post") {
            // Sign-in, where a wrong number is hashed each time, is asked once.
            if operation.path == "/api/v1/session" && role != Role::Clerk {
                continue;
            }
            // What cannot be allowed to anybody here need not be asked with every field of it wrong: the first of each kind shows it.
            let what = format!("{role}: {}", operation.path);
            let (_, code) = ask(&router, &what, operation.proper(&things, Some(&token))).await;
            let bodies = nonsense(operation.body.as_ref());
            let some = if code == "people.denied" { 20 } else { bodies.len() };
            for body in bodies.into_iter().take(some) {
                let shown = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
                let what = format!("{what} {shown}");
                let (status, code) = ask(&router, &what, operation.request(&things, Some(&token), Some(("application/json", body)))).await;
                if status.is_server_error() {
                    faults.push(format!("{what}: {status} {code}"));
                }
                sent += 1;
            }
        }
    }
    assert!(sent > 1_000, "{sent}");
    assert_eq!(faults, Vec::<String>::new(), "of {sent} bodies");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_web_library_refuses_is_told_in_our_words() {
    let (_engine, kit, _things, router) = start().await;
    let (_, token) = arrive(&kit, "W-1", kit.hq, Role::CarrierAdministrator).await;
    let asked = [
        ("GET", "/api/v1/registrations/not-an-id", StatusCode::BAD_REQUEST, "platform.request_invalid"),
        ("GET", "/api/v1/registrations?no_such=1", StatusCode::BAD_REQUEST, "platform.request_invalid"),
        ("GET", "/api/v1/channels?limit=many", StatusCode::BAD_REQUEST, "platform.request_invalid"),
        ("PATCH", "/api/v1/people", StatusCode::METHOD_NOT_ALLOWED, "platform.method"),
        ("GET", "/api/v1/no/such", StatusCode::NOT_FOUND, "platform.not_found"),
    ];
    for (method, path, status, code) in asked {
        let request = Request::builder().method(method).uri(path).header(header::COOKIE, format!("{SESSION_COOKIE}={token}"));
        let told = ask(&router, path, request.header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap()).await;
        assert_eq!((told.0.as_u16(), told.1.as_str()), (status.as_u16(), code), "{method} {path}");
    }
}
