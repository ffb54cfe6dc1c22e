//! 金库授权: what waits for an approver, one's own requests, one request.

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{problem::Problem, role::Action};
use uuid::Uuid;

use super::{Answer, Cause, Kind, Queue, Refusal, RequestView, Shown, answer, find, list, withdraw};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result, refuse},
        purpose::Purpose,
        web::{
            form::{Input, Kind as Field, Notice, Wrong},
            frame::shown,
            page, page_with,
            pages::{Button, DetailPage, Dialog, FormPart, ListPage, Section},
            parts::{Empty, Facts, Tab, Tabs, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Table, keyset},
        },
        words::Words,
    },
    registration::page::moment,
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/second", get(all))
        .route("/second/{id}", get(one))
        .route("/second/{id}/approval", get(back).post(approve))
        .route("/second/{id}/refusal", get(back).post(deny))
        .route("/second/{id}/withdrawal", post(take_back))
}

/// An act in words.
pub fn kind_words(w: &Words, kind: Kind) -> &'static str {
    match kind {
        Kind::RevealField => w.second_kind_reveal_field,
        Kind::RevealImage => w.second_kind_reveal_image,
        Kind::ExportClear => w.second_kind_export_clear,
    }
}

/// Why two, in words.
pub fn cause_words(w: &Words, cause: Cause) -> &'static str {
    match cause {
        Cause::Protected => w.second_cause_protected,
        Cause::Minor => w.second_cause_minor,
        Cause::Bulk => w.second_cause_bulk,
        Cause::Far => w.second_cause_far,
        Cause::Clear => w.second_cause_clear,
    }
}

/// A purpose in words.
pub fn purpose_words(w: &Words, purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Audit => w.purpose_audit,
        Purpose::CustomerCall => w.purpose_customer_call,
        Purpose::Complaint => w.purpose_complaint,
        Purpose::LawfulRequest => w.purpose_lawful_request,
        Purpose::Inspection => w.purpose_inspection,
    }
}

/// A field of a party, by its code, in words; anything else as it is.
pub fn field_words<'a>(w: &'a Words, field: &'a str) -> &'a str {
    match field {
        "name" => w.holder_name,
        "document_number" => w.document_number,
        "address" => w.address,
        "phone" => w.contact_phone,
        "number" => w.number,
        other => other,
    }
}

fn state_tag(w: &Words, state: Shown) -> Tag {
    match state {
        Shown::Pending => Tag::new(Tone::Active, w.second_state_pending),
        Shown::Approved => Tag::new(Tone::Good, w.second_state_approved),
        Shown::Refused => Tag::new(Tone::Bad, w.second_state_refused),
        Shown::Withdrawn => Tag::new(Tone::Quiet, w.second_state_withdrawn),
        Shown::Used => Tag::new(Tone::Quiet, w.second_state_used),
        Shown::Expired => Tag::new(Tone::Warning, w.second_state_expired),
        Shown::Ended => Tag::new(Tone::Bad, w.second_state_ended),
    }
}

/// What the address of the list says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Asked {
    queue: String,
    size: u32,
    after: String,
    n: u64,
}

async fn all(State(app): State<App>, actor: Actor, shell: Shell, Query(asked): Query<Asked>) -> Result<Response> {
    let w = shell.w;
    let approver = actor.could(&app, Action::SecondApprove);
    let queue = Queue::parse(&asked.queue).unwrap_or(if approver { Queue::Waiting } else { Queue::Mine });
    let size = if asked.size == 0 { 20 } else { asked.size };
    let found = list(&app, &actor, queue, Uuid::try_parse(&asked.after).ok(), i64::from(size)).await?;
    let address = Address::new(
        "/second",
        [("queue", queue.as_str().to_owned()), ("size", if asked.size == 0 { String::new() } else { asked.size.to_string() })],
    );
    let shown: &[Queue] = if approver { &Queue::ALL } else { &[Queue::Mine] };
    let tabs = shown.iter().map(|one| Tab {
        label: match one {
            Queue::Waiting => w.second_waiting,
            Queue::Mine => w.second_mine,
            Queue::Decided => w.second_decided,
        }
        .to_owned(),
        href: Address::new("/second", [("queue", one.as_str())]).to_string(),
        current: *one == queue,
        count: (*one == queue).then_some(found.total.max(0).unsigned_abs()),
    });
    let table = Table {
        w,
        id: "second".into(),
        caption: w.menu_second.into(),
        columns: [w.second_made, w.kind, w.second_cause, w.party, w.purpose, w.second_requester, w.status, w.actions]
            .into_iter()
            .map(Column::new)
            .collect(),
        lines: found.rows.iter().map(|row| line(&shell, row)).collect(),
        pager: keyset(
            &address,
            asked.n,
            size,
            found.total.max(0).unsigned_abs(),
            found.total >= super::COUNT_CAP,
            found.next.map(|id| id.to_string()),
        ),
        empty: Empty { title: w.second_empty.into(), hint: w.second_empty_hint.into(), action: None },
        tools: Vec::new(),
        batch: None,
    };
    let tabs = Some(Tabs { label: w.queues.to_owned(), tabs: tabs.collect() });
    let (title, lead) = (w.menu_second.to_owned(), w.second_lead.to_owned());
    Ok(page(&ListPage { w, shell, title, lead, cards: Vec::new(), tabs, notice: None, search: None, table, sections: Vec::new() }))
}

fn line(shell: &Shell, row: &RequestView) -> Line {
    let w = shell.w;
    let href = format!("/second/{}", row.id);
    let open = Act::page(w.open, &row.object, href.clone());
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::Link(href, moment(&row.made_at)),
            Cell::Text(kind_words(w, row.kind).to_owned()),
            Cell::Text(cause_words(w, row.cause).to_owned()),
            Cell::Two(row.object.clone(), field_words(w, &row.field).to_owned()),
            Cell::Two(purpose_words(w, row.purpose).to_owned(), row.case.clone()),
            Cell::Two(row.number.clone(), organisation(shell, row).to_owned()),
            Cell::Tag(state_tag(w, row.state)),
            Cell::Actions(vec![if row.may_decide { open.primary() } else { open }]),
        ],
        current: false,
    }
}

fn organisation<'r>(shell: &Shell, row: &'r RequestView) -> &'r str {
    match shell.language {
        chuangsha_kernel::problem::Language::Chinese => &row.organisation_zh,
        chuangsha_kernel::problem::Language::English => &row.organisation_en,
    }
}

fn request_id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| refuse(Refusal::NotFound))
}

async fn one(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, request_id(&id)?, None, "").await?))
}

/// A passkey asserted again leads back to the form's own address: the page it stands on is meant.
async fn back(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/second/{}", request_id(&id)?)))
}

/// Page of one request; `problem` and the words typed come back with the form they belong to.
async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, problem: Option<(&Problem, Answer)>, typed: &str) -> Result<DetailPage> {
    let w = shell.w;
    let request = find(app, actor, id).await?;
    let (mut buttons, mut dialogs) = (Vec::new(), Vec::new());
    if request.may_decide {
        let words =
            |prefix: &'static str| Input::new("words", w.purpose_words, Field::Area).longest(200).wide().prefix(prefix).value(typed);
        for (which, name, title, lead, form) in [
            (Answer::Approve, "approval", w.second_approve, w.second_approve_lead, {
                Input { label: w.note.to_owned(), ..words("approval") }
            }),
            (Answer::Refuse, "refusal", w.second_refuse, w.second_refuse_lead, words("refusal").required()),
        ] {
            let wrong = problem.filter(|(_, of)| *of == which).map(|(problem, _)| problem);
            let form = FormPart::new(w, format!("/second/{id}/{name}"), title, vec![form.check(wrong, shell.language)]).lead(lead);
            let form = if which == Answer::Refuse { form.danger() } else { form };
            let open = wrong.is_some_and(|problem| problem.field.is_some());
            buttons.push(Button::Dialog(name.to_owned(), title.to_owned()));
            dialogs.push(Dialog { id: name.to_owned(), title: title.to_owned(), open, form });
        }
    }
    if request.mine && matches!(request.state, Shown::Pending | Shown::Approved) {
        buttons.push(Button::Step(format!("/second/{id}/withdrawal"), w.second_withdraw.to_owned()));
    }
    let mut facts = vec![
        fact(w.kind, kind_words(w, request.kind)),
        fact(w.second_cause, cause_words(w, request.cause)),
        code(w.party, request.object.clone()),
        fact(w.field, field_words(w, &request.field)),
        fact(w.purpose, purpose_words(w, request.purpose)),
        code(w.case_reference, request.case.clone()),
        fact(w.reveal_words, request.words.clone()),
        fact(w.second_requester, format!("{} · {}", request.number, organisation(&shell, &request))),
        fact(w.second_made, moment(&request.made_at)),
        status(w.status, state_tag(w, request.state)),
    ];
    match (&request.decided_by, &request.good_until) {
        (None, _) => facts.push(fact(w.second_until, moment(&request.expires_at))),
        (Some(by), good) => {
            facts.push(code(w.second_approver, by.clone()));
            facts.push(fact(w.time, request.decided_at.as_deref().map(moment).unwrap_or_default()));
            facts.extend(good.as_deref().map(|until| fact(w.second_until, moment(until))));
        }
    }
    facts.extend(request.used_at.as_deref().map(|at| fact(w.second_used_at, moment(at))));
    let notice =
        problem.filter(|(problem, _)| problem.field.is_none()).map(|(problem, _)| Notice { wrong: Wrong::of(problem, shell.language) });
    Ok(DetailPage {
        w,
        title: w.second_one.to_owned(),
        trail: vec![(w.menu_second.to_owned(), "/second".to_owned())],
        tags: vec![state_tag(w, request.state)],
        lead: String::new(),
        buttons,
        tabs: None,
        notice,
        revealed: None,
        sections: vec![Section::Facts(w.facts.to_owned(), Facts { facts })],
        dialogs,
        shell,
    })
}

/// An approver's words.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Said {
    words: String,
}

async fn approve(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(said): Form<Said>) -> Result<Response> {
    decide(&app, &actor, shell, request_id(&id)?, Answer::Approve, said.words).await
}

async fn deny(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(said): Form<Said>) -> Result<Response> {
    decide(&app, &actor, shell, request_id(&id)?, Answer::Refuse, said.words).await
}

async fn decide(app: &App, actor: &Actor, shell: Shell, id: Uuid, which: Answer, words: String) -> Result<Response> {
    match answer(app, actor, id, which, words.clone()).await {
        Ok(()) => {
            let done = if which == Answer::Approve { "second-approved" } else { "second-refused" };
            Ok(see_other(&format!("/second?queue=waiting&done={done}")))
        }
        Err(failure) => refused(app, actor, shell, id, which, failure, &words).await,
    }
}

async fn refused(app: &App, actor: &Actor, shell: Shell, id: Uuid, which: Answer, failure: Failure, typed: &str) -> Result<Response> {
    let problem = shown(failure)?;
    let screen = detail(app, actor, shell, id, Some((&problem, which)), typed).await?;
    Ok(page_with(StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::CONFLICT), &screen))
}

async fn take_back(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id = request_id(&id)?;
    match withdraw(&app, &actor, id).await {
        Ok(()) => Ok(see_other("/second?queue=mine&done=second-withdrawn")),
        Err(failure) => refused(&app, &actor, shell, id, Answer::Approve, failure, "").await,
    }
}
