//! What the stories of this folder share: the whole application without a network, people who sign in, everything that can be asked.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
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
pub const PUBLIC: [(&str, &str); 3] =
    [("post", "/api/v1/session"), ("post", "/api/v1/network/feedback"), ("get", "/api/v1/audit-log/checkpoint")];

/// What everybody signed in may do to their own account.
pub const ONES_OWN: [&str; 4] = ["/api/v1/session", "/api/v1/passkeys", "/api/v1/totp", "/api/v1/sessions"];

pub const PASSWORD: &str = "correct horse 电池 staple";

/// One operation of the interface.
pub struct Operation {
    pub method: String,
    pub path: String,
    /// A body of the form described, where there is one.
    pub body: Option<Value>,
    pub multipart: bool,
    pub query: String,
}

/// What a field described as a text must hold to pass for one of its kind.
pub fn named(field: &str) -> Option<Value> {
    Some(match field {
        "roles" => json!([Role::Clerk.as_str()]),
        "actions" => json!([Action::OrderView.as_str()]),
        "document_kind" => json!("resident_id"),
        "document_number" => json!(kit::resident_id(1)),
        "entry" => json!("reader"),
        "field" => json!("name"),
        "purpose" => json!("audit"),
        "role" => json!("holder"),
        "words" | "name" => json!("测试"),
        "region" => json!(kit::CITY),
        "until" => json!("2027-01-01"),
        "code" => json!("S-9"),
        _ => return None,
    })
}

/// Something of the form a schema describes: every required field, the first of every choice.
pub fn example(api: &Value, schema: &Value) -> Value {
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
        "string" if schema["format"] == "date" => json!("2026-11-22"),
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
pub fn operations() -> Vec<Operation> {
    let api = serde_json::to_value(routes::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let content = &operation["requestBody"]["content"];
            let mut body = content.get("application/json").map(|content| example(&api, &content["schema"]));
            // The same name, another list of words.
            match (path.as_str(), &mut body) {
                ("/api/v1/ledger", Some(body)) => body["purpose"] = json!("notice"),
                ("/api/v1/channels", Some(body)) => body["kind"] = json!("social_outlet"),
                ("/api/v1/channels/{id}/visits", Some(body)) => body["kind"] = json!("visit"),
                // Two documents that may be one person's.
                ("/api/v1/persons/links", Some(body)) => {
                    for (place, number) in [("first", "AB111111"), ("second", "AB222222")] {
                        body[place] = json!({ "document_kind": "passport", "document_number": number, "country": "UTO" });
                    }
                }
                ("/api/v1/screening/decisions", Some(body)) => body["ingress"] = json!("retail"),
                ("/api/v1/screening/decisions/batch", Some(body)) => body[0]["ingress"] = json!("retail"),
                ("/api/v1/screening/outcomes", Some(body)) => {
                    let end = json!({ "call": "1", "at": 1, "caller": "19900001111", "callee": "19900002222", "ring_ms": 1, "talk_ms": 0, "released": "caller" });
                    *body = json!([end]);
                }
                ("/api/v1/screening/trunks", Some(body)) => body["class"] = json!("retail"),
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
pub struct Things {
    pub order: Uuid,
    pub outlet: Uuid,
    pub staff: Uuid,
}

impl Things {
    /// An address with a thing that is there in each of its gaps.
    pub fn fill(&self, path: &str) -> String {
        let noun = path.trim_start_matches("/api/v1").split('/').nth(1);
        let id = match noun {
            Some("registrations" | "orders" | "capture" | "audit") => self.order,
            Some("channels") => self.outlet,
            Some("people") => self.staff,
            _ => Uuid::nil(),
        };
        let asset = chuangsha_app::platform::web::assets::address("icon.svg").trim_start_matches("/static/");
        let gaps = [
            ("{id}", id.to_string()),
            ("{resource}", Uuid::nil().to_string()),
            ("{kind}", "document_front".into()),
            ("{list}", "bad".into()),
            ("{language}", "en".into()),
            ("{size}", "large".into()),
            ("{theme}", "dark".into()),
            ("{file}", "icon-192.png".into()),
            ("{name}", asset.into()),
        ];
        let filled = gaps.into_iter().fold(path.to_owned(), |path, (gap, value)| path.replace(gap, &value));
        assert!(!filled.contains('{'), "{filled}: what stands there?");
        filled
    }
}

impl Operation {
    pub fn is_own(&self) -> bool {
        // Another's session is not one's own: `/sessions/{id}` is asked.
        ONES_OWN.iter().any(|own| self.path == *own || self.path.starts_with(&format!("{own}/"))) && self.path != "/api/v1/sessions/{id}"
    }

    pub fn changes(&self) -> bool {
        self.method != "get"
    }

    pub fn uri(&self, things: &Things) -> String {
        let path = things.fill(&self.path);
        if self.query.is_empty() { path } else { format!("{path}?{}", self.query) }
    }

    pub fn request(&self, things: &Things, token: Option<&str>, body: Option<(&str, Vec<u8>)>) -> Request<Body> {
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
    pub fn proper(&self, things: &Things, token: Option<&str>) -> Request<Body> {
        let picture = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\npicture\r\n--x--\r\n";
        let body = match &self.body {
            _ if self.multipart => Some(("multipart/form-data; boundary=x", picture.as_bytes().to_vec())),
            body => body.as_ref().map(|body| ("application/json", body.to_string().into_bytes())),
        };
        self.request(things, token, body)
    }
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Sends one request. Whatever comes back must carry what every answer carries: each story of this folder checks it with every answer it gets.
pub async fn send(router: &Router, what: &str, request: Request<Body>) -> Answer {
    let fixed = request.uri().path().starts_with("/static/") && *request.method() == Method::GET;
    // The capture app alone speaks to the document reader beside it and asks where it is.
    let field = request.uri().path() == "/app/" && *request.method() == Method::GET;
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let answer = Answer { status: parts.status, headers: parts.headers, body: to_bytes(body, 1 << 26).await.unwrap().to_vec() };
    let what = format!("{what}: {}", answer.status);
    let policy = answer.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.split(';').any(|directive| directive.trim() == part), "{what}: {part} is not in {policy}");
    }
    let strict = policy.split(';').filter(|directive| !(field && directive.trim().starts_with("connect-src"))).collect::<String>();
    for loose in ["unsafe", "*", "http:", "https:", "data:"] {
        assert!(!strict.contains(loose), "{what}: {loose} in {policy}");
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    assert!(answer.header("strict-transport-security").starts_with("max-age="), "{what}");
    let allowed = answer.header("permissions-policy");
    for part in ["camera=(self)", if field { "geolocation=(self)" } else { "geolocation=()" }, "microphone=()", "payment=()", "usb=()"] {
        assert!(allowed.contains(part), "{what}: {part} is not in {allowed}");
    }
    let kept = if fixed && answer.status.is_success() { "public, max-age=31536000, immutable" } else { "no-store" };
    assert_eq!(answer.header("cache-control"), kept, "{what}");
    assert!(answer.header("x-request-id").len() >= 8, "{what}");
    for cookie in answer.headers.get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().unwrap();
        for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
            assert!(cookie.split("; ").any(|attribute| attribute == part), "{what}: {part} is not in {cookie}");
        }
        assert!(!cookie.contains("Domain="), "{what}: {cookie}");
    }
    // A way out of a refusal leads to our own pages.
    let location = answer.header("location");
    assert!(location.is_empty() || (location.starts_with('/') && !location.starts_with("//")), "{what}: {location}");
    if answer.header("content-type").starts_with("text/html") {
        let page = answer.text();
        for inline in ["<style", "style=\"", "javascript:", " onclick=", " onload=", " onsubmit="] {
            assert!(!page.contains(inline), "{what}: {inline}");
        }
        assert!(
            !page.replace("<script defer src=\"/static/", "").replace("<script type=\"application/json\"", "").contains("<script"),
            "{what}: a script of its own"
        );
    }
    answer
}

/// Asks a program's question; a refusal must be told in both languages, whatever it is. Gives status and code.
pub async fn ask(router: &Router, what: &str, request: Request<Body>) -> (StatusCode, String) {
    let answer = send(router, what, request).await;
    if answer.status.is_success() {
        return (answer.status, String::new());
    }
    (answer.status, told(what, &answer))
}

/// The code of a refusal, which is told in both languages with what to do.
pub fn told(what: &str, answer: &Answer) -> String {
    let text = answer.text();
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}: {} {text}", answer.status);
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], answer.status.as_u16(), "{what}");
    let han = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    for (field, chinese) in [("title", true), ("detail", true), ("title_other", false), ("detail_other", false)] {
        let words = problem[field].as_str().unwrap_or_default();
        assert!(!words.is_empty() && (!chinese || han(words)), "{what}: {field} of {problem}");
        assert!(!words.contains('{'), "{what}: a gap is left in {words}");
    }
    problem["code"].as_str().unwrap().to_owned()
}

/// Every method and address there is, read from the router itself: what is nested or merged anywhere is among them.
pub fn addresses(router: &Router) -> BTreeSet<(String, String)> {
    let drawn = format!("{router:?}");
    let (routes, rest) = drawn.split_once("paths: {").expect("axum draws its router in another way");
    let (paths, _) = rest.split_once('}').map(|_| rest.split_once("\"}").unwrap()).unwrap();
    let entries = |text: &'_ str| -> Vec<(String, String)> {
        let pieces = text.split("RouteId(").skip(1).filter_map(|piece| piece.split_once("): "));
        pieces.map(|(id, rest)| (id.to_owned(), rest.to_owned())).collect()
    };
    let routes: BTreeMap<String, String> = entries(routes).into_iter().filter(|(_, drawn)| drawn.starts_with("MethodRouter")).collect();
    let mut all = BTreeSet::new();
    for (id, path) in entries(paths) {
        let path = path.split('"').nth(1).unwrap().to_owned();
        if path.contains("{*") {
            continue;
        }
        let drawn = &routes[&id];
        for method in ["get", "post", "put", "patch", "delete"] {
            let (_, endpoint) = drawn.split_once(&format!(" {method}: ")).unwrap();
            if !endpoint.starts_with("None") {
                all.insert((method.to_owned(), path.clone()));
            }
        }
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// The addresses of pages and what hangs on them: what is not a program's.
pub fn pages(router: &Router) -> BTreeSet<(String, String)> {
    addresses(router).into_iter().filter(|(_, path)| !path.starts_with("/api/v1/")).collect()
}

/// A request as a browser sends it from our own pages.
pub fn browse(method: &str, path: &str, token: Option<&str>) -> axum::http::request::Builder {
    let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    let request = request.header("sec-fetch-site", "same-origin").header(header::HOST, "localhost");
    let request =
        if path.starts_with("/api/") { request } else { request.header(header::ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8") };
    match token {
        Some(token) => request.header(header::COOKIE, format!("{SESSION_COOKIE}={token}")),
        None => request,
    }
}

/// A form as a browser posts it.
pub fn form(path: &str, token: Option<&str>, on: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect::<String>()
    };
    let body = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&");
    let request = browse("post", path, token).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.header(header::REFERER, format!("http://localhost{on}")).body(Body::from(body)).unwrap()
}

pub fn router(kit: &Kit) -> Router {
    let limits = LimitConfig { network_per_second: 0, credential_per_second: 0, ..LimitConfig::default() };
    routes::router(&kit.app, &EdgeConfig { limits, ..EdgeConfig::default() })
}

/// Takes somebody in, with a generator, and signs them in.
pub async fn arrive(kit: &Kit, number: &'static str, organisation: OrganisationId, role: Role) -> (StaffId, String) {
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
pub async fn seat(kit: &Kit, role: Role) -> OrganisationId {
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

pub async fn things(kit: &Kit) -> Things {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let number = kit.numbers(1, 1).await[0];
    let order = kit.reserved(&kit.clerk(outlet), number, 1).await.unwrap().0;
    Things { order, outlet: outlet.0, staff: kit.staff("Z-1", Role::CarrierAdministrator).await.0 }
}

pub async fn start() -> (testkit::TestStore, Kit, Things, Router) {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let (things, router) = (things(&kit).await, router(&kit));
    (engine, kit, things, router)
}
