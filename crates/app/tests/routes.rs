//! Every operation the interface describes, asked by those who may not and with what no program should send: nothing is public by accident, nobody
//! does what their role does not carry, no body makes a fault, and every refusal is told in both languages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails stops"
)]

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use chuangsha_app::{
    platform::{
        edge::{EdgeConfig, LimitConfig},
        people::{Credentials, OrganisationKind, Origin, extract::SESSION_COOKIE, organisation, password, staff::NewStaff, totp},
    },
    routes,
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    role::{Action, Role, RoleSet},
    rulebook::ChannelKind,
    time::DAY_MS,
};
use chuangsha_store::testkit;
use chuangsha_world::kit::{self, Kit};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

/// What anybody may ask without a session. A new public operation is added here, and why it may be public is said where it is.
const PUBLIC: [(&str, &str); 3] =
    [("post", "/api/v1/session"), ("post", "/api/v1/network/feedback"), ("get", "/api/v1/audit-log/checkpoint")];

/// What everybody signed in may do to their own account.
const ONES_OWN: [&str; 4] = ["/api/v1/session", "/api/v1/passkeys", "/api/v1/totp", "/api/v1/sessions"];

const PASSWORD: &str = "correct horse 电池 staple";

/// One operation of the interface.
struct Operation {
    method: String,
    path: String,
    /// A body of the form described, where there is one.
    body: Option<Value>,
    multipart: bool,
    query: String,
}

/// What a field described as a text must hold to pass for one of its kind.
fn named(field: &str) -> Option<Value> {
    Some(match field {
        "roles" => json!([Role::Clerk.as_str()]),
        "actions" => json!([Action::OrderView.as_str()]),
        "document_kind" => json!("resident_id"),
        "document_number" => json!(kit::resident_id(1)),
        "entry" => json!("reader"),
        "field" => json!("name"),
        "purpose" => json!("audit"),
        "words" | "name" => json!("测试"),
        "region" => json!(kit::CITY),
        "until" => json!("2027-01-01"),
        "code" => json!("S-9"),
        _ => return None,
    })
}

/// Something of the form a schema describes: every required field, the first of every choice.
fn example(api: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return example(api, api.pointer(name.trim_start_matches('#')).expect(name));
    }
    if let Some(first) = schema["oneOf"].get(0).or_else(|| schema["anyOf"].get(0)) {
        let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()).unwrap();
        let chosen = choices.iter().find(|choice| choice["type"] != "null").unwrap_or(first);
        return example(api, chosen);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = serde_json::Map::new();
        for part in parts {
            match example(api, part) {
                Value::Object(fields) => whole.extend(fields),
                other => return other,
            }
        }
        return Value::Object(whole);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0).and_then(Value::as_str)).unwrap_or("object");
    match kind {
        "string" if schema["format"] == "uuid" => json!(Uuid::nil()),
        "string" => json!("00000000-0000-0000-0000-000000000000"),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "array" => json!([example(api, &schema["items"])]),
        _ => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let of = |name: &str| named(name).unwrap_or_else(|| example(api, &schema["properties"][name]));
            let words = schema["properties"].get("words").map(|_| "words");
            let required = required.chain(words);
            Value::Object(required.map(|name| (name.to_owned(), of(name))).collect())
        }
    }
}

/// Every operation, as the interface describes itself.
fn operations() -> Vec<Operation> {
    let api = serde_json::to_value(routes::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let content = &operation["requestBody"]["content"];
            let mut body = content.get("application/json").map(|content| example(&api, &content["schema"]));
            // The same name, another list of words.
            match (path.as_str(), &mut body) {
                ("/api/v1/channels", Some(body)) => body["kind"] = json!("social_outlet"),
                ("/api/v1/ledger", Some(body)) => body["purpose"] = json!("notice"),
                ("/api/v1/channels/{id}/visits", Some(body)) => body["kind"] = json!("visit"),
                // Two documents that may be one person's.
                ("/api/v1/persons/links", Some(body)) => {
                    for (place, number) in [("first", "AB111111"), ("second", "AB222222")] {
                        body[place] = json!({ "document_kind": "passport", "document_number": number, "country": "UTO" });
                    }
                }
                ("/api/v1/region-modes", Some(body)) => body["mode"] = json!("online_delivery"),
                _ => {}
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let wanted = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true).map(|parameter| {
                let value = example(&api, &parameter["schema"]);
                format!("{}={}", parameter["name"].as_str().unwrap(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            all.push(Operation {
                method: method.clone(),
                path: path.clone(),
                body,
                multipart: content.get("multipart/form-data").is_some(),
                query: wanted.collect::<Vec<_>>().join("&"),
            });
        }
    }
    assert!(all.len() > 50, "{}", all.len());
    all
}

/// What the addresses name: things that are there, so that a right is asked about and not the place.
struct Things {
    order: Uuid,
    outlet: Uuid,
    staff: Uuid,
}

impl Operation {
    fn is_own(&self) -> bool {
        // Another's session is not one's own: `/sessions/{id}` is asked.
        ONES_OWN.iter().any(|own| self.path == *own || self.path.starts_with(&format!("{own}/"))) && self.path != "/api/v1/sessions/{id}"
    }

    fn changes(&self) -> bool {
        self.method != "get"
    }

    fn uri(&self, things: &Things) -> String {
        let id = match self.path.split('/').nth(3) {
            Some("registrations") => things.order,
            Some("channels") => things.outlet,
            Some("people") => things.staff,
            _ => Uuid::nil(),
        };
        let path = self.path.replace("{id}", &id.to_string()).replace("{kind}", "document_front");
        assert!(!path.contains('{'), "{path}: what stands there?");
        if self.query.is_empty() { path } else { format!("{path}?{}", self.query) }
    }

    fn request(&self, things: &Things, token: Option<&str>, body: Option<(&str, Vec<u8>)>) -> Request<Body> {
        let request = Request::builder().method(self.method.to_uppercase().as_str()).uri(self.uri(things));
        let request = request.header("sec-fetch-site", "same-origin");
        let request = match token {
            Some(token) => request.header(header::COOKIE, format!("{SESSION_COOKIE}={token}")),
            None => request,
        };
        match body {
            Some((kind, bytes)) => request.header(header::CONTENT_TYPE, kind).body(Body::from(bytes)).unwrap(),
            None => request.body(Body::empty()).unwrap(),
        }
    }

    /// The request as a well-behaved program sends it.
    fn proper(&self, things: &Things, token: Option<&str>) -> Request<Body> {
        let picture = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\npicture\r\n--x--\r\n";
        let body = match &self.body {
            _ if self.multipart => Some(("multipart/form-data; boundary=x", picture.as_bytes().to_vec())),
            body => body.as_ref().map(|body| ("application/json", body.to_string().into_bytes())),
        };
        self.request(things, token, body)
    }
}

/// Asks; a refusal must be told in both languages, whatever it is. Gives status and code.
async fn ask(router: &Router, what: &str, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    if status.is_success() {
        return (status, String::new());
    }
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    assert_eq!(kind, "application/problem+json", "{what}: {status} {text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status.as_u16(), "{what}");
    let han = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    for (field, chinese) in [("title", true), ("detail", true), ("title_other", false), ("detail_other", false)] {
        let words = problem[field].as_str().unwrap_or_default();
        assert!(!words.is_empty() && (!chinese || han(words)), "{what}: {field} of {problem}");
        assert!(!words.contains('{'), "{what}: a gap is left in {words}");
    }
    (status, problem["code"].as_str().unwrap().to_owned())
}

fn router(kit: &Kit) -> Router {
    let limits = LimitConfig { network_per_second: 0, credential_per_second: 0, ..LimitConfig::default() };
    routes::router(&kit.app, &EdgeConfig { limits, ..EdgeConfig::default() })
}

/// Takes somebody in, with a generator, and signs them in.
async fn arrive(kit: &Kit, number: &'static str, organisation: OrganisationId, role: Role) -> (StaffId, String) {
    let id = StaffId(kit.app.ids.next(kit::start()));
    let hash = password::hash_now(&password::Password::typed(PASSWORD), &kit.app.ids).unwrap();
    let app = kit.app.clone();
    kit.app
        .write(move |tx| {
            let roles = RoleSet::of(&[role]);
            let trained_until = Some(kit::start().plus_ms(300 * DAY_MS));
            let new = NewStaff { id, number, name: "测试", organisation, roles, password: &hash, must_change: false, trained_until };
            app.join(tx, &new, kit::start())?;
            app.set_totp(tx, id, &totp::demo_secret(number), 0)
        })
        .await
        .unwrap();
    let code = totp::code(&totp::demo_secret(number), kit.app.clock.now()).unwrap();
    let credentials = Credentials { number: number.to_owned(), password: PASSWORD.to_owned(), code: Some(code) };
    let opened = kit.app.sign_in(credentials, Origin { address: "unknown".to_owned(), device: None }).await.unwrap();
    (id, opened.token.as_str().to_owned())
}

/// An organisation a role fits into.
async fn seat(kit: &Kit, role: Role) -> OrganisationId {
    let kind = *OrganisationKind::ALL.iter().find(|kind| kit.app.matrix.fits(role, **kind)).unwrap();
    match kind {
        OrganisationKind::CarrierHq => return kit.hq,
        OrganisationKind::City => return kit.city,
        OrganisationKind::AuditCentre => return kit.audit_centre,
        OrganisationKind::Channel => return kit.outlet(&format!("R-{}", role as u8), ChannelKind::SocialOutlet).await,
        _ => {}
    }
    let (id, hq) = (OrganisationId(kit.app.ids.next(kit::start())), kit.hq);
    kit.app
        .write(move |tx| {
            let above = !matches!(kind, OrganisationKind::Ministry | OrganisationKind::Administration);
            let region = if kind == OrganisationKind::Ministry { "" } else { "99" };
            let new = organisation::NewOrganisation { id, kind, parent: above.then_some(hq), region, zh: "组织", en: "Organisation" };
            organisation::create(tx, &new, kit::start())
        })
        .await
        .unwrap();
    id
}

async fn things(kit: &Kit) -> Things {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let number = kit.numbers(1, 1).await[0];
    let order = kit.reserved(&kit.clerk(outlet), number, 1).await.unwrap().0;
    Things { order, outlet: outlet.0, staff: kit.staff("Z-1", Role::CarrierAdministrator).await.0 }
}

async fn start() -> (testkit::TestStore, Kit, Things, Router) {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let (things, router) = (things(&kit).await, router(&kit));
    (engine, kit, things, router)
}

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
        if operation.changes() {
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
