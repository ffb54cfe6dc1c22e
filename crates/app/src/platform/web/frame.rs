//! 边框: what happens around every page. Who looks is found out once; refusals become pages, or the way to sign-in.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{
    problem::{Code, Problem},
    role::Action,
};
use tower_http::compression::CompressionLayer;

use super::{
    form::Wrong,
    kept::{self, Typed},
    pages::{ErrorPage, not_found_page},
    parts::{Icon, Toast, Tone},
    refill,
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
        words::{Words, fill},
    },
};

/// Longest body of a refusal that is turned into a page.
const LONGEST: usize = 64 * 1024;

/// Wraps the pages of the console.
pub fn framed(pages: axum::Router<App>, app: &App) -> axum::Router<App> {
    // Compressed: a list of fifty rows is ten times smaller. A guess by length needs requests that carry the cookie from elsewhere, which
    // SameSite=Strict forbids.
    pages.layer(axum::middleware::from_fn_with_state(app.clone(), frame)).layer(CompressionLayer::new())
}

/// What happens around one page.
async fn frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut shell = Shell::anonymous(&parts.headers, &parts.uri);
    let query = parts.uri.query().unwrap_or_default().to_owned();
    shell.toast = query.split('&').find_map(|pair| pair.strip_prefix("done=")).and_then(|done| toast(shell.w, done));
    let live = SignedIn::from_request_parts(&mut parts, &app).await.ok().map(|SignedIn(live)| live);
    if let Some(live) = live.as_ref().filter(|live| live.standing.step == Step::Done) {
        let user = user(&app, &shell, live, own_name(&app, live).await);
        let minute = app.clock.now().display();
        // 姓名 工号 分钟: whoever photographs a page photographs this with it.
        shell.mark = Some([user.name.as_str(), user.number.as_str(), minute.get(..16).unwrap_or_default()].join(" "));
        shell.user = Some(user);
        shell.menu = menu(&app, &live.actor, shell.w, parts.uri.path());
    }
    let language = shell.language;
    failure::LANGUAGE
        .scope(language, async {
            let answer = match parts.method {
                Method::POST => posted(&app, &mut shell, live.as_deref(), parts, body, next).await,
                _ => looked_at(&app, &mut shell, live.as_deref(), &query, Request::from_parts(parts, body), next).await,
            };
            let answer = answer.unwrap_or_else(IntoResponse::into_response);
            as_page(shell, answer).await
        })
        .await
}

/// A form: what was typed is kept when it has to be sent again after sign-in.
async fn posted(app: &App, shell: &mut Shell, live: Option<&Live>, mut parts: Parts, body: Body, next: Next) -> Result<Response> {
    let (held, body) = kept::hold(&parts.headers, &parts.uri, body, live.is_some()).await?;
    let action = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let page = kept::page_of(&parts.headers);
    let headers = parts.headers.clone();
    // After sign-in one comes back to the page the form stood on: the form's own address may answer to POST alone.
    shell.here = page.clone().unwrap_or_else(|| "/".to_owned());
    parts.extensions.insert(Shell { here: shell.here.clone(), ..shell.clone() });
    let answer = next.run(Request::from_parts(parts, body)).await;
    let interrupted =
        answer.extensions().get::<&'static Code>().is_some_and(|code| MENDED_BY_SIGNING_IN.iter().any(|(of, _)| *of == code.id));
    let marked = page.as_deref().is_some_and(|page| kept::is_marked(page.split_once('?').map_or("", |(_, query)| query)));
    if interrupted && let (Some(page), Some(held)) = (&page, held) {
        let staff = match live {
            Some(live) => Some(live.actor.staff),
            None => app.whose_session_ended(&headers).await?,
        };
        if let (Some(staff), Some(typed)) = (staff, held.typed(&action).await) {
            kept::keep(app, staff, typed).await?;
            shell.here = kept::marked(page);
        }
    } else if marked
        && answer.status() == StatusCode::SEE_OTHER
        && let Some(live) = live
    {
        kept::forget(app, live.actor.staff).await?;
    }
    Ok(answer)
}

/// A page: where it was left in the middle of a form, the form is shown filled again.
async fn looked_at(app: &App, shell: &mut Shell, live: Option<&Live>, query: &str, mut request: Request, next: Next) -> Result<Response> {
    let back = match live.filter(|_| shell.user.is_some() && kept::is_marked(query)) {
        Some(live) => kept::find(app, live.actor.staff).await?,
        None => None,
    };
    if back.is_some() {
        shell.toast = Some(Toast { tone: Tone::Warning, text: shell.w.kept_lead.to_owned() });
    }
    request.extensions_mut().insert(shell.clone());
    let answer = next.run(request).await;
    match back {
        Some(typed) if answer.status().is_success() => refilled(shell, answer, &typed).await,
        _ => Ok(answer),
    }
}

/// The page with the form filled, and with what has no field on it any more in a list of its own.
async fn refilled(shell: &Shell, answer: Response, typed: &Typed) -> Result<Response> {
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(Failure::internal)?;
    let page = String::from_utf8(bytes.to_vec()).map_err(Failure::internal)?;
    let (mut page, lost) = refill::fill(&page, typed);
    if !lost.is_empty() {
        let lines = lost.iter().map(|text| format!("<li>{}</li>", refill::escape(text))).collect::<String>();
        let kept = format!("<section class=\"panel\"><h2>{}</h2><ul>{lines}</ul></section></main>", shell.w.kept_texts);
        page = page.replacen("</main>", &kept, 1);
    }
    Ok(Response::from_parts(parts, Body::from(page)))
}

/// Refusals that are mended by signing in or by another factor, and where.
const MENDED_BY_SIGNING_IN: [(&str, &str); 4] = [
    ("platform.sign_in", "/login"),
    ("people.factor_required", "/login/second"),
    ("people.step_up", "/login/again"),
    ("people.password_change", "/me/password"),
];

/// A refusal of the edge, told to a person: a browser that asks for a page gets one, a program gets the problem.
pub async fn outside(request: Request, next: Next) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let person = accepts.contains("text/html") && !request.uri().path().starts_with("/api/");
    let shell = Shell::anonymous(request.headers(), request.uri());
    let answer = next.run(request).await;
    if person { as_page(shell, answer).await } else { answer }
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

/// What a refusal said, read back from its body.
#[derive(serde::Deserialize)]
struct Refused {
    code: String,
    title: String,
    detail: String,
    incident: Option<String>,
    field: Option<String>,
}

/// Handlers refuse in one way, as a problem; a person gets it as a page, or is sent where it can be mended.
async fn as_page(shell: Shell, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let of_kind = |wanted: &str| kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(wanted.as_bytes()));
    let response = match response.status() {
        _ if of_kind("application/problem+json") => response,
        StatusCode::NOT_FOUND if empty(&response) => return not_found_page(shell),
        status if !status.is_client_error() || of_kind("text/html") => return response,
        // The web library's own refusal of an address or a form.
        _ => failure::in_own_words(response).await,
    };
    let status = response.status();
    let Ok(bytes) = to_bytes(response.into_body(), LONGEST).await else { return status.into_response() };
    let Ok(refused) = serde_json::from_slice::<Refused>(&bytes) else { return status.into_response() };
    match MENDED_BY_SIGNING_IN.iter().find(|(code, _)| *code == refused.code) {
        Some((_, path)) => super::see_other(&Address::new(path, [("to", if shell.here == "/" { "" } else { &shell.here })]).to_string()),
        None => {
            let w = shell.w;
            let title = refused.field.map_or_else(|| refused.title.clone(), |field| format!("{} ({field})", refused.title));
            let wrong = Wrong { title, remedy: refused.detail };
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
    if let Some(counts) = done.strip_prefix("batch.") {
        // Two numbers and nothing else.
        let (done, failed) = counts.split_once('.')?;
        let (done, failed): (u32, u32) = (done.parse().ok()?, failed.parse().ok()?);
        let (tone, text) = if failed == 0 { (Tone::Good, w.done_batch) } else { (Tone::Warning, w.done_batch_failed) };
        return Some(Toast { tone, text: fill(&fill(text, done), failed) });
    }
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
        "second-asked" => w.done_second_asked,
        "second-approved" => w.done_second_approved,
        "second-refused" => w.done_second_refused,
        "second-withdrawn" => w.done_second_withdrawn,
        "lift" => w.act_lifted,
        "do-not-call" => w.act_refuses,
        "empty" => w.queue_done,
        "out" => w.signed_out,
        _ => return None,
    };
    Some(Toast { tone: if done == "empty" { Tone::Active } else { Tone::Good }, text: text.to_owned() })
}

/// The menu of a person: what no role of theirs could ever open is not in it.
fn menu(app: &App, actor: &Actor, w: &'static Words, path: &str) -> Vec<MenuItem> {
    let entries: Vec<(&'static str, &'static str, &'static str, Option<Action>)> = vec![
        ("/", w.menu_work, "work", None),
        ("/overview", w.menu_overview, "overview", Some(Action::FiguresView)),
        ("/bulletins", w.bulletin, "bulletins", Some(Action::FiguresView)),
        ("/capture", w.menu_capture, "register", Some(Action::OrderReserve)),
        ("/audit", w.menu_audit_queue, "audit_queue", Some(Action::OrderClaim)),
        ("/orders", w.menu_orders, "orders", Some(Action::OrderView)),
        ("/persons", w.menu_subscribers, "subscribers", Some(Action::SubscriberView)),
        ("/channels", w.menu_channels, "channels", Some(Action::ChannelView)),
        ("/remediation", w.menu_remediation, "register", Some(Action::RemediationView)),
        ("/suspensions", w.menu_suspension, "suspension", Some(Action::SuspensionView)),
        ("/ledger", w.menu_ledger, "ledger", Some(Action::LedgerView)),
        ("/tickets", w.menu_hotline, "hotline", Some(Action::TicketView)),
        ("/screening", w.menu_screening, "screening", Some(Action::ScreeningView)),
        ("/excess", w.menu_excess, "subscribers", Some(Action::ExcessWork)),
        ("/imports", w.menu_import, "imports", Some(Action::ImportManage)),
        ("/people", w.menu_people, "people", Some(Action::PeopleView)),
        ("/network", w.menu_network, "network", Some(Action::NetworkView)),
        // Whoever reveals or restores in an emergency asks here; whoever approves answers here.
        (
            "/second",
            w.menu_second,
            "second",
            Some(if actor.could(app, Action::SecondApprove) {
                Action::SecondApprove
            } else if actor.could(app, Action::RevealField) {
                Action::RevealField
            } else {
                Action::SuspensionInterrupt
            }),
        ),
        ("/log", w.menu_audit, "audit", Some(Action::AuditView)),
        ("/jobs", w.menu_jobs, "work", Some(Action::JobView)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_are_said_after_a_form() {
        let w = Words::of(chuangsha_kernel::problem::Language::English);
        assert_eq!(toast(w, "approved").map(|toast| toast.text).as_deref(), Some(w.done_approved));
        assert!(toast(w, "<script>").is_none());
    }
}
