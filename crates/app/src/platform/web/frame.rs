//! 边框: what happens around every page. Who looks is found out once, refusals become pages or the way to sign-in, and every answer carries
//! the browser's orders: no code but ours, no frame around us, nothing kept.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{problem::Problem, role::Action};

use super::{
    form::Wrong,
    pages::{ErrorPage, not_found_page, problem_page},
    parts::{Icon, Toast, Tone},
    shell::{MenuItem, Shell, User},
    table::Address,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{self, Failure, Result},
        people::{
            extract::SignedIn,
            session::{Live, Step},
        },
        words::Words,
    },
};

/// No script, style or connection but our own; pictures also from memory, for the preview of a shot.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Longest body of a refusal that is turned into a page.
const LONGEST: usize = 64 * 1024;

/// Wraps the pages of the console.
pub async fn frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut shell = Shell::anonymous(&parts.headers, &parts.uri);
    if parts.method == Method::POST && !from_here(&parts.headers) {
        return secure(problem_page(shell, &Problem::new(&code::OTHER_SITE)));
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    shell.toast = query.split('&').find_map(|pair| pair.strip_prefix("done=")).and_then(|done| toast(shell.w, done));
    if let Ok(SignedIn(live)) = SignedIn::from_request_parts(&mut parts, &app).await
        && live.standing.step == Step::Done
    {
        let own = own_name(&app, &live).await;
        shell.user = Some(user(&app, &shell, &live, own));
        shell.menu = menu(&app, &live.actor, shell.w, parts.uri.path());
    }
    let language = shell.language;
    parts.extensions.insert(shell.clone());
    let answer = failure::LANGUAGE.scope(language, next.run(Request::from_parts(parts, body))).await;
    secure(as_page(shell, answer).await)
}

/// The name shown in the top bar; the page goes on without it.
async fn own_name(app: &App, live: &Live) -> String {
    let (reader, staff) = (app.clone(), live.actor.staff);
    app.store.read(move |tx| reader.staff_name(tx, staff)).await.unwrap_or_default()
}

fn user(app: &App, shell: &Shell, live: &Live, name: String) -> User {
    User {
        name,
        number: live.actor.number.clone(),
        role: crate::platform::people::staff::role_names(app, live.actor.roles, shell.language),
    }
}

/// A form is only taken from our own pages. Browsers say where a form came from; who says nothing is held by the cookie's SameSite rule.
fn from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        _ => true,
    }
}

/// The browser's orders for an answer.
fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(self), microphone=(), geolocation=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What a refusal said, read back from its body.
#[derive(serde::Deserialize)]
struct Refused {
    code: String,
    title: String,
    detail: String,
    incident: Option<String>,
}

/// Handlers refuse in one way, as a problem; a person gets it as a page, or is sent where it can be mended.
async fn as_page(shell: Shell, response: Response) -> Response {
    let problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    let status = response.status();
    if !problem {
        return match status {
            StatusCode::NOT_FOUND if empty(&response) => not_found_page(shell),
            _ => response,
        };
    }
    let Ok(bytes) = to_bytes(response.into_body(), LONGEST).await else { return status.into_response() };
    let Ok(refused) = serde_json::from_slice::<Refused>(&bytes) else { return status.into_response() };
    let come_back = |path: &str| {
        let here = shell.here.split('?').next().unwrap_or("/");
        // Only pages can be come back to: a form's own address often answers to POST alone.
        super::see_other(&Address::new(path, [("to", if here == "/" { "" } else { &shell.here })]).to_string())
    };
    match refused.code.as_str() {
        "platform.sign_in" => come_back("/login"),
        "people.factor_required" => come_back("/login/second"),
        "people.step_up" => come_back("/login/again"),
        "people.password_change" => super::see_other("/me/password"),
        _ => {
            let w = shell.w;
            let wrong = Wrong { title: refused.title, remedy: refused.detail };
            super::page_with(status, &ErrorPage { w, shell, status: status.as_u16(), wrong, incident: refused.incident })
        }
    }
}

fn empty(response: &Response) -> bool {
    use axum::body::HttpBody;
    let body: &Body = response.body();
    body.size_hint().exact() == Some(0)
}

/// What was just done, from a closed list: no text of an address is ever shown.
fn toast(w: &'static Words, done: &str) -> Option<Toast> {
    let text = match done {
        "saved" => w.done_saved,
        "claimed" => w.done_claimed,
        "approved" => w.done_approved,
        "returned" => w.done_returned,
        "rejected" => w.done_rejected,
        "escalated" => w.done_escalated,
        "released" => w.done_released,
        "submitted" => w.done_submitted,
        "cancelled" => w.done_cancelled,
        "retried" => w.done_retried,
        "ended" => w.done_ended,
        "left" => w.done_left,
        "changed" => w.done_changed,
        "voted" => w.done_voted,
        "checked" => w.done_checked,
        "delivered" => w.done_delivered,
        "empty" => w.queue_done,
        _ => return None,
    };
    Some(Toast { tone: if done == "empty" { Tone::Active } else { Tone::Good }, text: text.to_owned() })
}

/// The menu of a person: what no role of theirs could ever open is not in it.
fn menu(app: &App, actor: &Actor, w: &'static Words, path: &str) -> Vec<MenuItem> {
    let entries: [(&'static str, &'static str, &'static str, Option<Action>); 9] = [
        ("/", w.menu_work, "work", None),
        ("/overview", w.menu_overview, "overview", Some(Action::FiguresView)),
        ("/capture", w.menu_capture, "register", Some(Action::OrderReserve)),
        ("/audit", w.menu_audit_queue, "audit_queue", Some(Action::OrderClaim)),
        ("/orders", w.menu_orders, "orders", Some(Action::OrderView)),
        ("/channels", w.menu_channels, "channels", Some(Action::ChannelView)),
        ("/people", w.menu_people, "people", Some(Action::PeopleView)),
        ("/network", w.menu_network, "network", Some(Action::NetworkView)),
        ("/log", w.menu_audit, "audit", Some(Action::AuditView)),
    ];
    entries
        .into_iter()
        .filter(|(_, _, _, action)| action.is_none_or(|action| actor.could(app, action)))
        .map(|(href, label, icon, _)| MenuItem {
            href,
            label,
            icon: Icon(icon),
            current: path == href || (href != "/" && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/'))),
            count: None,
        })
        .collect()
}

impl FromRequestParts<App> for Shell {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        // Every page lies within the frame; outside it there is nothing to show a page in.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::anonymous(&parts.headers, &parts.uri)))
    }
}

/// A refusal a form can show at its field; anything else ends the page.
///
/// # Errors
/// The failure, when it is a fault of ours, or asks for sign-in or another factor.
pub fn shown(failure: Failure) -> Result<Problem> {
    match failure {
        Failure::Problem(problem) if problem.code.status < 500 && !problem.code.id.starts_with("people.step_up") => Ok(*problem),
        other => Err(other),
    }
}

/// Codes of this file.
pub mod code {
    chuangsha_kernel::codes! {
        OTHER_SITE = "platform.other_site", 403, "表单不是从本站页面提交的", "The form was not sent from a page of this site", "请回到本站页面重新填写并提交", "Open the page here and send the form again";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_sites_are_refused() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect::<HeaderMap>()
        };
        assert!(from_here(&headers(&[("origin", "https://localhost:8443"), ("host", "localhost:8443")])));
        assert!(!from_here(&headers(&[("origin", "https://evil.example"), ("host", "localhost:8443")])));
        assert!(!from_here(&headers(&[("origin", "null"), ("host", "localhost:8443")])));
        assert!(!from_here(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(!from_here(&headers(&[("sec-fetch-site", "same-site")])), "a neighbour on the same domain is another site");
        assert!(from_here(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(from_here(&headers(&[])), "a program without a browser brings its own credentials");
    }

    #[test]
    fn only_known_words_are_said_after_a_form() {
        let w = Words::of(chuangsha_kernel::problem::Language::English);
        assert_eq!(toast(w, "approved").map(|toast| toast.text).as_deref(), Some(w.done_approved));
        assert!(toast(w, "<script>").is_none());
    }
}
