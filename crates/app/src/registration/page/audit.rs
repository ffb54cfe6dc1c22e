//! 审核队列: list left, one claimed case right.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State as Of},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{id::OrderId, problem::Problem, role::Action, rulebook::ChannelKind};

use super::{
    age, channel_choices, channel_words, check_tag, city_choices, cursor_text, defect_words, document_words, image_words, mode_words,
    order_id, party_words, product_words, read_cursor, reason_words, region_name, state_tag,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        web::{
            form::{Choice, Input, Kind, Notice, Wrong},
            frame::shown,
            page, page_with,
            pages::{Check, Dialog, FormPart, Picture},
            parts::{Empty, Tab, Tabs, Tag, Timeline, Tone},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Search, Table, keyset},
            views::{self, Views},
        },
        words::Words,
    },
    registration::{
        Refusal, audit_desk,
        order::{Check as Verdict, Defect, RejectReason, State},
        table::Filter,
        view::{self, OrderView, RowView},
    },
};

/// One field beside what was found out about it.
#[derive(Debug, Clone)]
pub struct Compared {
    /// 姓名
    pub label: String,
    /// As declared, masked.
    pub declared: String,
    /// What a check said.
    pub verified: Tag,
}

/// The case one auditor holds.
pub struct Case {
    /// Id of the order.
    pub id: String,
    /// 单号
    pub number: String,
    /// Where it stands.
    pub state: Tag,
    /// "claimed by me, left".
    pub held: String,
    /// End of the lease, milliseconds UTC.
    pub lease_until_ms: i64,
    /// Time left when the page was made, `09:48`.
    pub lease_left: String,
    /// Product, mode, outlet, city in one line.
    pub line: String,
    /// Version the decision will be about: an older page is refused.
    pub version: i64,
    /// Images.
    pub pictures: Vec<Picture>,
    /// Fields.
    pub compare: Vec<Compared>,
    /// Checks with their articles.
    pub checks: Vec<Check>,
    /// Steps so far, and whether there are any.
    pub history: String,
    /// Steps so far.
    pub timeline: Timeline,
    /// Where approval is posted; `None` while something keeps it from being approved.
    pub approve: Option<String>,
    /// Return, reject, escalate.
    pub dialogs: Vec<Dialog>,
}

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
    /// Queues.
    pub tabs: Tabs,
    /// Search form.
    pub search: Search,
    /// Saved views.
    pub views: Views,
    /// The list.
    pub table: Table,
    /// The claimed case.
    pub case: Option<Case>,
    /// Instead of a case.
    pub none: Empty,
}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/audit", get(queue))
        .route("/audit/next", post(next))
        .route("/audit/{id}/claim", post(claim))
        .route("/audit/{id}/release", post(release))
        .route("/audit/{id}/approval", post(approve))
        .route("/audit/{id}/return", post(send_back))
        .route("/audit/{id}/rejection", post(reject))
        .route("/audit/{id}/escalation", post(escalate))
}

/// What the address of the queue says.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
struct Asked {
    queue: String,
    code: String,
    channel: String,
    city: String,
    size: u32,
    after: String,
    n: u64,
    order: String,
}

impl Asked {
    fn queue(&self) -> &str {
        if self.queue.is_empty() { "unclaimed" } else { &self.queue }
    }

    fn address(&self) -> Address {
        let size = if self.size == 0 { String::new() } else { self.size.to_string() };
        Address::new(
            "/audit",
            [
                ("queue", self.queue.clone()),
                ("code", self.code.clone()),
                ("channel", self.channel.clone()),
                ("city", self.city.clone()),
                ("size", size),
                ("order", self.order.clone()),
            ],
        )
    }

    fn filter(&self, actor: &Actor, now: chuangsha_kernel::time::Timestamp) -> Filter {
        let base = Filter {
            not_captured_by: Some(actor.organisation),
            region: self.city.clone(),
            channel_kind: ChannelKind::parse(&self.channel).map(|kind| kind as i64),
            code: self.code.trim().to_owned(),
            oldest_first: true,
            limit: i64::from(if self.size == 0 { 20 } else { self.size }),
            ..Filter::default()
        };
        match self.queue() {
            "mine" => Filter { states: vec![State::Auditing], held_by: Some(actor.staff), ..base },
            "returned" => Filter { states: vec![State::Returned], ..base },
            "escalated" => Filter { states: vec![State::Escalated], ..base },
            "recheck" => Filter { recheck: true, ..base },
            "all" => Filter { states: vec![State::Submitted, State::Auditing, State::Returned, State::Escalated], ..base },
            // Unclaimed: also the ones whose lease ran out; what the networked check has not answered cannot be judged yet.
            _ => Filter { states: vec![State::Submitted, State::Auditing], unheld_at: Some(now), checked: true, ..base },
        }
    }
}

async fn queue(Of(app): Of<App>, actor: Actor, shell: Shell, Query(asked): Query<Asked>) -> Result<Response> {
    let id = if asked.order.is_empty() { None } else { Some(order_id(&asked.order)?) };
    if let Some(id) = id
        && !view::find(&app, &actor, id).await?.lease.is_some_and(|lease| lease.mine)
    {
        // Somebody else's, or nobody's: to be looked at, not decided.
        return Ok(see_other(&format!("/orders/{id}")));
    }
    Ok(page(&screen(&app, &actor, shell, asked, id, None).await?))
}

async fn screen(app: &App, actor: &Actor, shell: Shell, asked: Asked, id: Option<OrderId>, problem: Option<&Problem>) -> Result<AuditPage> {
    let (w, language) = (shell.w, shell.language);
    actor.reach(app, Action::OrderClaim)?;
    let now = app.clock.now();
    let address = asked.address();
    let due_ms = app.clock_rule("registration.audit_clock", now)?.value;
    let mut filter = asked.filter(actor, now);
    filter.after = read_cursor(&asked.after);
    let found = view::list(app, actor, filter).await?;
    let mine = view::list(app, actor, Asked { queue: "mine".into(), ..Asked::default() }.filter(actor, now)).await?;
    // What one holds is shown at once: a lease should not run out behind a list.
    let id = id.or_else(|| mine.rows.first().map(|row| OrderId(row.id)));
    let case = match id {
        Some(id) => case(app, actor, &shell, id).await?,
        None => None,
    };
    let current = case.as_ref().map(|case| case.id.clone());
    let lines = found.rows.iter().map(|row| line(app, &shell, actor, row, due_ms, current.as_deref())).collect();
    let plain = address.without("order");
    let tab = |queue: &str, label: &str, count: Option<u64>| Tab {
        label: label.to_owned(),
        href: plain.with("queue", queue).to_string(),
        current: asked.queue() == queue,
        count: count.or_else(|| (asked.queue() == queue).then_some(found.total.max(0).unsigned_abs())),
    };
    let mut tabs = vec![
        tab("mine", w.queue_mine, Some(mine.total.max(0).unsigned_abs())),
        tab("unclaimed", w.queue_unclaimed, None),
        tab("returned", w.queue_returned, None),
    ];
    if actor.could(app, Action::OrderDecide) {
        tabs.push(tab("escalated", w.queue_escalated, None));
    }
    if actor.could(app, Action::OrderSample) {
        tabs.push(tab("recheck", w.queue_recheck, None));
    }
    tabs.push(tab("all", w.queue_all, None));
    let size = if asked.size == 0 { 20 } else { asked.size };
    let capped = found.total >= view::COUNT_CAP;
    let table = Table {
        w,
        id: "queue".into(),
        caption: w.queues.into(),
        columns: [w.order_code, w.waited, w.outlet, w.actions].into_iter().map(Column::new).collect(),
        lines,
        pager: keyset(&plain, asked.n, size, found.total.max(0).unsigned_abs(), capped, found.next.map(cursor_text)),
        empty: Empty { title: w.queue_empty.into(), hint: w.queue_empty_hint.into(), action: None },
        tools: Vec::new(),
        batch: None,
        state: None,
    };
    let kept = [("queue", asked.queue.clone()), ("size", if asked.size == 0 { String::new() } else { asked.size.to_string() })];
    let search = Search {
        w,
        action: "/audit".into(),
        target: "queue".into(),
        fields: vec![
            Input::new("code", w.order_code, Kind::Line("search")).value(&asked.code).prefix("s"),
            Input::select("channel", w.channel, channel_choices(w)).value(&asked.channel).prefix("s"),
            Input::select("city", w.region, city_choices(app, language, w, &actor.region)).value(&asked.city).prefix("s"),
        ],
        kept: kept.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key.to_owned(), value)).collect(),
    };
    let views = views::saved(app, actor, w, "/audit", &plain.to_string()).await?;
    Ok(AuditPage {
        w,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        tabs: Tabs { label: w.queues.into(), tabs },
        search,
        views,
        table,
        none: Empty { title: w.queue_none.into(), hint: w.queue_none_hint.into(), action: None },
        case,
        shell,
    })
}

fn line(app: &App, shell: &Shell, actor: &Actor, row: &RowView, due_ms: i64, current: Option<&str>) -> Line {
    let w = shell.w;
    let kind = ChannelKind::parse(&row.channel_kind).map_or("", |kind| channel_words(w, kind));
    let open = matches!(row.state, State::Submitted | State::Auditing) && !row.held && row.check != Verdict::Waiting;
    let act = if row.held_by_me {
        Act::page(w.continue_case, &row.code, format!("/audit?order={}", row.id)).primary()
    } else if open && actor.could(app, Action::OrderClaim) {
        Act::step(w.claim, &row.code, format!("/audit/{}/claim", row.id)).primary()
    } else {
        Act::page(w.open, &row.code, format!("/orders/{}", row.id))
    };
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::LinkTwo(
                if row.held_by_me { format!("/audit?order={}", row.id) } else { format!("/orders/{}", row.id) },
                row.code.clone(),
                format!("{} · {}", product_words(w, row.product), mode_words(w, row.mode)),
            ),
            age(row.waited_ms, due_ms, row.overdue),
            Cell::Two(row.channel.clone(), format!("{kind} · {}", region_name(app, shell.language, &row.region))),
            Cell::Actions(vec![act]),
        ],
        current: current == Some(row.id.to_string().as_str()),
    }
}

/// The case, when this auditor holds it.
async fn case(app: &App, actor: &Actor, shell: &Shell, id: OrderId) -> Result<Option<Case>> {
    let (w, language) = (shell.w, shell.language);
    let order = view::find(app, actor, id).await?;
    let Some(lease) = order.lease.clone().filter(|lease| lease.mine) else { return Ok(None) };
    let now = app.clock.now();
    let threshold = app.number_rule("registration.face_match_threshold", now, &order.region)?;
    let (checks, passes) = checks(w, &order, threshold.value, &threshold.article);
    let timeline = super::orders::moments(w, &view::timeline(app, actor, id).await?);
    let mut compare = Vec::new();
    for party in &order.parties {
        let of =
            |label: &str| if party.role == "holder" { label.to_owned() } else { format!("{} · {label}", party_words(w, &party.role)) };
        // The networked check speaks about the holder's name and number together.
        let verdict = || if party.role == "holder" { check_tag(w, order.check) } else { Tag::new(Tone::Quiet, w.check_human) };
        compare.push(Compared { label: of(w.holder_name), declared: party.name.clone(), verified: verdict() });
        compare.push(Compared {
            label: of(&document_words(language, &party.document_kind)),
            declared: party.document_number.clone(),
            verified: verdict(),
        });
        compare.push(Compared { label: of(w.address), declared: party.address.clone(), verified: Tag::new(Tone::Quiet, w.check_human) });
    }
    let pictures = order
        .images
        .iter()
        .map(|image| Picture {
            label: image_words(w, image.kind).to_owned(),
            href: format!("/orders/{id}/images/{}", image.kind.as_str()),
            note: String::new(),
        })
        .collect();
    Ok(Some(Case {
        id: id.to_string(),
        number: order.code.clone(),
        state: state_tag(w, order.state),
        held: w.claimed_by_me.to_owned(),
        lease_until_ms: now.0 + lease.left_ms,
        lease_left: super::duration(lease.left_ms),
        line: [
            product_words(w, order.product),
            mode_words(w, order.mode),
            order.channel.as_str(),
            region_name(app, language, &order.region).as_str(),
            order.number.as_str(),
        ]
        .join(" · "),
        version: order.version,
        pictures,
        compare,
        checks,
        history: if timeline.is_empty() { String::new() } else { timeline.len().to_string() },
        timeline: Timeline { empty: w.none_yet.to_owned(), moments: timeline },
        approve: passes.then(|| format!("/audit/{id}/approval")),
        dialogs: dialogs(w, id, order.version),
    }))
}

/// The checks of an order, and whether one auditor alone may approve it.
pub fn checks(w: &'static Words, order: &OrderView, face_threshold: i64, face_article: &str) -> (Vec<Check>, bool) {
    let passed = || Tag::new(Tone::Good, w.check_passed);
    let item = |tag: Tag, text: &str, article: &str| Check { tag, text: text.to_owned(), article: article.to_owned() };
    let recorded = !order.parties.is_empty();
    let pictures = order.images_needed.is_empty();
    let face_passes = order.face_score.is_some_and(|score| score >= face_threshold);
    let face = match order.face_score {
        Some(score) if score >= face_threshold => Tag::new(Tone::Good, format!("{}.{}", score / 10, score % 10)),
        Some(score) => Tag::new(Tone::Bad, format!("{}.{}", score / 10, score % 10)),
        None if order.check == Verdict::Waiting => Tag::new(Tone::Quiet, w.check_waiting),
        None => Tag::new(Tone::Warning, w.check_human),
    };
    let waiting = || Tag::new(Tone::Quiet, w.check_waiting);
    let list = vec![
        item(if order.submitted_at.is_some() { passed() } else { waiting() }, w.check_original, "R-REG-2"),
        item(if pictures && recorded { passed() } else { Tag::new(Tone::Warning, w.check_waiting) }, w.check_pictures, "R-REG-3"),
        item(if recorded { passed() } else { waiting() }, w.check_digit, "GB 11643"),
        item(check_tag(w, order.check), w.check_network, "R-REG-7"),
        item(face, w.check_face, face_article),
        match order.slot {
            Some(slot) => item(Tag::new(Tone::Good, slot.to_string()), w.check_limit, "R-LIM-1"),
            None => item(waiting(), w.check_limit, "R-LIM-1"),
        },
    ];
    (list, order.check == Verdict::Match && face_passes)
}

fn dialogs(w: &'static Words, id: OrderId, version: i64) -> Vec<Dialog> {
    let words = |must: bool| {
        let input = Input::new("words", w.note, Kind::Area).longest(200).wide();
        if must { input.required() } else { input }
    };
    let defects = Defect::ALL.into_iter().map(|defect| Input::new(defect.as_str(), defect_words(w, defect), Kind::Check).prefix("return"));
    let mut reasons = vec![Choice::new("", w.choose)];
    reasons.extend(RejectReason::ALL.into_iter().map(|reason| Choice::new(reason.as_str(), reason_words(w, reason))));
    let dialog = |name: &str, title: &str, form: FormPart| Dialog {
        id: name.to_owned(),
        title: title.to_owned(),
        open: false,
        form: form.keep("version", version),
    };
    vec![
        dialog(
            "return",
            w.return_order,
            FormPart::new(w, format!("/audit/{id}/return"), w.return_order, defects.chain([words(false).prefix("return")]).collect())
                .lead(w.return_lead),
        ),
        dialog(
            "reject",
            w.reject,
            FormPart::new(
                w,
                format!("/audit/{id}/rejection"),
                w.reject,
                vec![Input::select("reason", w.reason, reasons).required().wide().prefix("reject"), words(false).prefix("reject")],
            )
            .lead(w.reject_lead)
            .danger(),
        ),
        dialog(
            "escalate",
            w.escalate,
            FormPart::new(w, format!("/audit/{id}/escalation"), w.escalate, vec![words(true).prefix("escalate")]).lead(w.escalate_lead),
        ),
    ]
}

/// The queue again, with why the step was not taken.
async fn refused(app: &App, actor: &Actor, shell: Shell, id: OrderId, failure: Failure) -> Result<Response> {
    let problem = shown(failure)?;
    let held = view::find(app, actor, id).await.is_ok_and(|order| order.lease.is_some_and(|lease| lease.mine));
    let screen = screen(app, actor, shell, Asked::default(), held.then_some(id), Some(&problem)).await?;
    Ok(page_with(StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::CONFLICT), &screen))
}

async fn next(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    on_to_next(&app, &actor, shell, "claimed").await
}

/// Claims the next order and opens it; an empty queue is good news, not a refusal.
async fn on_to_next(app: &App, actor: &Actor, shell: Shell, done: &str) -> Result<Response> {
    let _ = shell;
    match audit_desk::claim_next(app, actor).await {
        Ok(order) => Ok(see_other(&format!("/audit?order={}&done={done}", order.id))),
        Err(failure) => {
            let problem = shown(failure)?;
            if problem.code.id == crate::registration::refusal::code::QUEUE_EMPTY.id {
                return Ok(see_other(&format!("/audit?done={}", if done == "claimed" { "empty" } else { done })));
            }
            Err(problem.into())
        }
    }
}

async fn claim(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id = order_id(&id)?;
    match audit_desk::claim(&app, &actor, id).await {
        Ok(order) => Ok(see_other(&format!("/audit?order={}&done=claimed", order.id))),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

async fn release(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id = order_id(&id)?;
    match audit_desk::release(&app, &actor, id).await {
        Ok(_) => Ok(see_other("/audit?done=released")),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

/// A form of the case, whose boxes have names of their own.
type Answers = BTreeMap<String, String>;

fn version(answers: &Answers) -> i64 {
    answers.get("version").and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn words(answers: &Answers) -> String {
    answers.get("words").cloned().unwrap_or_default()
}

async fn approve(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    match audit_desk::approve(&app, &actor, id, version(&answers)).await {
        Ok(_) if answers.contains_key("next") => on_to_next(&app, &actor, shell, "approved").await,
        Ok(_) => Ok(see_other("/audit?done=approved")),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

async fn send_back(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    let defects = Defect::ALL.into_iter().filter(|defect| answers.contains_key(defect.as_str())).collect();
    match audit_desk::send_back(&app, &actor, id, version(&answers), defects, words(&answers)).await {
        Ok(_) => Ok(see_other("/audit?done=returned")),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

async fn reject(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    let reason = answers.get("reason").and_then(|text| RejectReason::parse(text));
    let done = match reason {
        Some(reason) => audit_desk::reject(&app, &actor, id, version(&answers), reason, words(&answers)).await,
        None => Err(Refusal::FieldInvalid { field: "reason" }.into()),
    };
    match done {
        Ok(_) => Ok(see_other("/audit?done=rejected")),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}

async fn escalate(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(answers): Form<Answers>) -> Result<Response> {
    let id = order_id(&id)?;
    match audit_desk::escalate(&app, &actor, id, version(&answers), words(&answers)).await {
        Ok(_) => Ok(see_other("/audit?done=escalated")),
        Err(failure) => refused(&app, &actor, shell, id, failure).await,
    }
}
