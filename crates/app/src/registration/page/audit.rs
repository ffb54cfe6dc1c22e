//! 审核队列: list left, one case right, and the steps an auditor takes on it. After each the next case is there.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State as Of},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{id::OrderId, role::Action};

use super::{
    case::{Case, Deed, Draft, case},
    order_id,
    queue::{self, Queue},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        web::{
            form::{Notice, Wrong},
            frame::shown,
            list::{self, Asked, Built, Listing, Look},
            page, page_refused,
            parts::{Empty, Tabs},
            see_other,
            shell::Shell,
            table::{Search, Table},
            views::Views,
        },
        words::Words,
    },
    registration::{
        Refusal, audit_desk,
        order::{Defect, Order, RejectReason},
        refusal::code,
        table::Filter,
        view,
    },
};

/// 审核队列
#[derive(Template)]
#[template(path = "registration/audit.html")]
pub struct AuditPage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// Words typed for a case that is no longer there to take them.
    pub kept: String,
    /// Queues.
    pub tabs: Tabs,
    /// Search form.
    pub search: Search,
    /// Saved views.
    pub views: Views,
    /// The list.
    pub table: Table,
    /// Where the next case is claimed, for who may.
    pub next: Option<String>,
    /// The case.
    pub case: Option<Case>,
    /// Instead of a case.
    pub none: Empty,
}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/audit", get(open))
        .route("/audit/next", post(next))
        .route("/audit/{id}/claim", post(claim))
        .route("/audit/{id}/release", post(release))
        .route("/audit/{id}/approval", post(approve))
        .route("/audit/{id}/return", post(send_back))
        .route("/audit/{id}/rejection", post(reject))
        .route("/audit/{id}/escalation", post(escalate))
        .route("/audit/{id}/decision", post(decide))
        .route("/audit/{id}/recheck", post(recheck))
}

/// Which case is open, and which other one is laid beside it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Opened {
    order: String,
    with: String,
}

async fn open(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri, Query(opened): Query<Opened>) -> Result<Response> {
    let asked = Asked::read(&Queue, &uri);
    let id = if opened.order.is_empty() { None } else { Some(order_id(&opened.order)?) };
    let screen = screen(&app, &actor, shell, &asked, (id, opened.with.parse().ok()), None).await?;
    match id {
        // Somebody else's, or nobody's: to be looked at, not decided.
        Some(id) if screen.case.as_ref().is_none_or(|case| case.id != id.to_string()) => Ok(see_other(&format!("/orders/{id}"))),
        _ => Ok(page(&screen)),
    }
}

async fn screen(
    app: &App,
    actor: &Actor,
    shell: Shell,
    asked: &Asked,
    (id, beside): (Option<OrderId>, Option<OrderId>),
    draft: Option<Draft>,
) -> Result<AuditPage> {
    queue::may_open(app, actor)?;
    let (w, look) = (shell.w, Look::of(app, actor, &shell));
    let audits = actor.could(app, Action::OrderClaim);
    // What one holds is shown at once: a lease should not run out behind a list.
    let id = match id {
        None if audits => audit_desk::first_held(app, actor).await?,
        id => id,
    };
    let case = match id {
        Some(id) => case(&look, asked, id, beside, draft.as_ref()).await?,
        None => None,
    };
    let Built { search, views, mut table } = list::build(&Queue, &look, asked).await?;
    // Beside an open case there is room for what one picks by; who chose columns gets them all the same.
    if case.is_some() && asked.columns.is_empty() {
        let plain: Vec<bool> = table.columns.iter().map(|column| !matches!(column.key, "outlet" | "held")).collect();
        let mut keep = plain.iter();
        table.columns.retain(|_| *keep.next().unwrap_or(&true));
        for line in &mut table.lines {
            let mut keep = plain.iter();
            line.cells.retain(|_| *keep.next().unwrap_or(&true));
        }
    }
    for line in &mut table.lines {
        line.current = case.as_ref().is_some_and(|case| case.id == line.id);
    }
    // A form that opens again says itself what is wrong with it.
    let at_form = case.as_ref().is_some_and(|case| case.dialogs.iter().any(|dialog| dialog.open));
    let kept = draft.as_ref().filter(|_| !at_form).and_then(|draft| draft.answers.get("words").cloned()).unwrap_or_default();
    let notice = draft.filter(|_| !at_form).map(|draft| Notice { wrong: Wrong::of(&draft.problem, shell.language) });
    Ok(AuditPage {
        w,
        notice,
        kept,
        tabs: Queue.tabs(&look, asked).await?.unwrap_or(Tabs { label: String::new(), tabs: Vec::new() }),
        search,
        views,
        table,
        next: audits.then(|| queue::step_next(&asked.address(&Queue))),
        none: Empty { title: w.queue_none.into(), hint: w.queue_none_hint.into(), action: None },
        case,
        shell,
    })
}

/// A step asked for: by whom, in which list, on which case.
struct Ask {
    app: App,
    actor: Actor,
    shell: Shell,
    asked: Asked,
    id: OrderId,
    answers: Answers,
}

/// A form of the case, whose boxes have names of their own.
type Answers = BTreeMap<String, String>;

impl Ask {
    fn read(app: App, actor: Actor, shell: Shell, uri: &Uri, id: &str, answers: Answers) -> Result<Self> {
        Ok(Self { asked: Asked::read(&Queue, uri), id: order_id(id)?, app, actor, shell, answers })
    }

    fn words(&self) -> String {
        self.answers.get("words").cloned().unwrap_or_default()
    }

    /// The version the page showed; of a form that outlived its claim, the version after claiming again.
    async fn version(&self) -> Result<i64> {
        if self.answers.contains_key("again") {
            return Ok(audit_desk::claim(&self.app, &self.actor, self.id).await?.version);
        }
        Ok(self.answers.get("version").and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// The list as it was, one case open.
    fn at(&self, id: OrderId, done: &str) -> Response {
        see_other(&self.asked.address(&Queue).with("order", id).with("done", done).to_string())
    }

    fn list(&self, done: &str) -> Response {
        see_other(&self.asked.address(&Queue).with("done", done).to_string())
    }

    /// The next case of the same kind, or the list when none is left.
    async fn on(self, dialog: &'static str, step: Result<Order>, after: After) -> Result<Response> {
        match step {
            Err(failure) => self.refused(dialog, failure).await,
            Ok(_) => {
                let next = match after {
                    After::Case(_) => next_case(&self).await?,
                    After::Vote => self.first_of("escalated").await?,
                    After::Recheck => self.first_of("recheck").await?,
                };
                Ok(next.map_or_else(|| self.list(after.done()), |id| self.at(id, after.done())))
            }
        }
    }

    async fn first_of(&self, queue: &str) -> Result<Option<OrderId>> {
        let now = self.app.clock.now();
        let filter = queue::of_queue(&self.actor, queue, queue::narrowed(&self.app, &self.asked, now).await?, now);
        let filter = Filter { not_voted_by: Some(self.actor.staff), limit: 1, uncounted: true, ..filter };
        Ok(view::list(&self.app, &self.actor, filter).await?.rows.first().map(|row| OrderId(row.id)))
    }

    /// The queue again, with why the step was not taken and everything that was typed.
    async fn refused(self, dialog: &'static str, failure: Failure) -> Result<Response> {
        let problem = shown(failure)?;
        let visible = view::find(&self.app, &self.actor, self.id).await.is_ok();
        let draft = Draft { dialog, answers: self.answers, problem: problem.clone() };
        let id = visible.then_some(self.id);
        let screen = screen(&self.app, &self.actor, self.shell, &self.asked, (id, None), Some(draft)).await?;
        Ok(page_refused(&problem, &screen))
    }
}

/// What was done, and so which case comes next.
#[derive(Debug, Clone, Copy)]
enum After {
    /// An auditor's decision: the toast it leaves.
    Case(&'static str),
    Vote,
    Recheck,
}

impl After {
    const fn done(self) -> &'static str {
        match self {
            Self::Case(done) => done,
            Self::Vote => "voted",
            Self::Recheck => "checked",
        }
    }
}

/// What this auditor holds, else the next of the list's filter, claimed; an empty queue is good news, not a refusal.
async fn next_case(ask: &Ask) -> Result<Option<OrderId>> {
    let within = queue::narrowed(&ask.app, &ask.asked, ask.app.clock.now()).await?;
    empty_is_none(audit_desk::next_case(&ask.app, &ask.actor, within).await)
}

fn empty_is_none(found: Result<Order>) -> Result<Option<OrderId>> {
    match found {
        Ok(order) => Ok(Some(order.id)),
        Err(Failure::Problem(problem)) if problem.code.id == code::QUEUE_EMPTY.id => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn next(Of(app): Of<App>, actor: Actor, uri: Uri) -> Result<Response> {
    let asked = Asked::read(&Queue, &uri);
    let within = queue::narrowed(&app, &asked, app.clock.now()).await?;
    let address = asked.address(&Queue);
    let found = empty_is_none(audit_desk::claim_next(&app, &actor, within).await)?;
    Ok(see_other(&match found {
        Some(id) => address.with("order", id).with("done", "claimed").to_string(),
        None => address.with("done", "empty").to_string(),
    }))
}

async fn claim(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri, Path(id): Path<String>) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, Answers::new())?;
    match audit_desk::claim(&ask.app, &ask.actor, ask.id).await {
        Ok(order) => Ok(ask.at(order.id, "claimed")),
        Err(failure) => ask.refused("", failure).await,
    }
}

async fn release(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri, Path(id): Path<String>) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, Answers::new())?;
    match audit_desk::release(&ask.app, &ask.actor, ask.id).await {
        Ok(_) => Ok(ask.list("released")),
        Err(failure) => ask.refused("", failure).await,
    }
}

async fn approve(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    uri: Uri,
    Path(id): Path<String>,
    Form(answers): Form<Answers>,
) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, answers)?;
    let step = match ask.version().await {
        Ok(version) => audit_desk::approve(&ask.app, &ask.actor, ask.id, version).await,
        Err(failure) => Err(failure),
    };
    ask.on("", step, After::Case("approved")).await
}

async fn send_back(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    uri: Uri,
    Path(id): Path<String>,
    Form(answers): Form<Answers>,
) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, answers)?;
    let defects = Defect::ALL.into_iter().filter(|defect| ask.answers.contains_key(defect.as_str())).collect();
    let step = match ask.version().await {
        Ok(version) => audit_desk::send_back(&ask.app, &ask.actor, ask.id, version, defects, ask.words()).await,
        Err(failure) => Err(failure),
    };
    ask.on("return", step, After::Case("returned")).await
}

async fn reject(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    uri: Uri,
    Path(id): Path<String>,
    Form(answers): Form<Answers>,
) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, answers)?;
    let reason = ask.answers.get("reason").and_then(|text| RejectReason::parse(text));
    let step = match (reason, ask.version().await) {
        (Some(reason), Ok(version)) => audit_desk::reject(&ask.app, &ask.actor, ask.id, version, reason, ask.words()).await,
        (None, Ok(_)) => Err(Refusal::FieldInvalid { field: "reason" }.into()),
        (_, Err(failure)) => Err(failure),
    };
    ask.on("reject", step, After::Case("rejected")).await
}

async fn escalate(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    uri: Uri,
    Path(id): Path<String>,
    Form(answers): Form<Answers>,
) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, answers)?;
    let step = match ask.version().await {
        Ok(version) => audit_desk::escalate(&ask.app, &ask.actor, ask.id, version, ask.words()).await,
        Err(failure) => Err(failure),
    };
    ask.on("escalate", step, After::Case("escalated")).await
}

async fn decide(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    uri: Uri,
    Path(id): Path<String>,
    Form(answers): Form<Answers>,
) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, answers)?;
    let (dialog, approve) = match ask.answers.get("vote").map(String::as_str) {
        Some("approve") => ("vote-for", true),
        Some("reject") => ("vote-against", false),
        _ => return ask.refused("", Refusal::FieldInvalid { field: "vote" }.into()).await,
    };
    let version = ask.version().await?;
    let step = audit_desk::decide(&ask.app, &ask.actor, ask.id, version, approve, ask.words()).await;
    ask.on(dialog, step, After::Vote).await
}

async fn recheck(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    uri: Uri,
    Path(id): Path<String>,
    Form(answers): Form<Answers>,
) -> Result<Response> {
    let ask = Ask::read(app, actor, shell, &uri, &id, answers)?;
    let (dialog, sound) = match ask.answers.get("finding").map(String::as_str) {
        Some("sound") => ("", true),
        Some("unsound") => ("unsound", false),
        _ => return ask.refused("", Refusal::FieldInvalid { field: "finding" }.into()).await,
    };
    let step = audit_desk::recheck(&ask.app, &ask.actor, ask.id, sound, ask.words()).await;
    ask.on(dialog, step, After::Recheck).await
}
