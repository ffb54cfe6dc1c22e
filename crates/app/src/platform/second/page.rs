//! 金库授权: what waits for an approver, one's own requests, one request.

use axum::{
    Form, Router,
    extract::{Path, State},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{Answer, Kind, Page, Queue, Refusal, RequestView, Shown, answer, find, withdraw};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result, refuse},
        purpose::Purpose,
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Section},
            parts::{Empty, Facts, Tab, Tabs, Tag, Tone, code, fact, status},
            safe_path, see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line},
        },
        words::{Words, said},
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

/// A purpose in words.
pub fn purpose_words(w: &Words, purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Audit => w.purpose_audit,
        Purpose::CustomerCall => w.purpose_customer_call,
        Purpose::Complaint => w.purpose_complaint,
        Purpose::LawfulRequest => w.purpose_lawful_request,
        Purpose::Inspection => w.purpose_inspection,
        Purpose::Report => w.purpose_report,
        Purpose::Rectification => w.purpose_rectification,
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

/// 金库授权, as a list.
pub struct Requests;

/// Which queue an address asks for; an approver lands on what waits.
fn queue(look: &Look, asked: &Asked) -> Queue {
    let usual = if look.actor.could(&look.app, Action::SecondApprove) { Queue::Waiting } else { Queue::Mine };
    Queue::parse(asked.get("queue")).unwrap_or(usual)
}

impl Listing for Requests {
    fn path(&self) -> &'static str {
        "/second"
    }

    fn id(&self) -> &'static str {
        "second"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_second
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.second_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["queue", "kind"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("made", w.second_made),
            Column::keyed("kind", w.kind),
            Column::keyed("cause", w.second_cause),
            Column::keyed("object", w.party),
            Column::keyed("purpose", w.purpose),
            Column::keyed("requester", w.second_requester),
            Column::keyed("state", w.status),
            Column::keyed("until", w.second_until).hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let mut kinds = vec![Choice::new("", look.w.all)];
        kinds.extend(Kind::ALL.iter().map(|kind| Choice::new(kind.as_str(), said(look.language, kind.words()))));
        vec![asked.fill(Input::select("kind", look.w.kind, kinds))]
    }

    fn tabs<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        let (w, current) = (look.w, queue(look, asked));
        let shown: &[Queue] = if look.actor.could(&look.app, Action::SecondApprove) { &Queue::ALL } else { &[Queue::Mine] };
        let tabs = shown.iter().map(|one| Tab {
            label: match one {
                Queue::Waiting => w.second_waiting,
                Queue::Mine => w.second_mine,
                Queue::Decided => w.second_decided,
            }
            .to_owned(),
            href: asked.address(self).with("queue", one.as_str()).to_string(),
            current: *one == current,
            count: None,
        });
        let tabs = Tabs { label: w.queues.to_owned(), tabs: tabs.collect() };
        Box::pin(async move { Ok(Some(tabs)) })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let page = Page {
                queue: queue(look, asked),
                kind: Kind::parse(asked.get("kind")),
                after: window.after.as_deref().and_then(|after| Uuid::try_parse(after).ok()),
                limit: i64::from(window.limit),
            };
            let found = super::list(&look.app, &look.actor, page).await?;
            Ok(Found {
                lines: found.rows.iter().map(|row| line(look, row)).collect(),
                total: Some((found.total.max(0).unsigned_abs(), found.total >= super::COUNT_CAP)),
                next: found.next.map(|id| id.to_string()),
            })
        })
    }

    /// What is asked for and why is sealed; a file of it serves nobody.
    fn exports(&self) -> bool {
        false
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.second_empty.into(), hint: w.second_empty_hint.into(), action: None }
    }
}

async fn all(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Requests, &app, &actor, shell, &uri).await
}

fn line(look: &Look, row: &RequestView) -> Line {
    let w = look.w;
    let href = format!("/second/{}", row.id);
    let open = Act::page(w.open, &row.object, href.clone());
    Line {
        id: row.id.to_string(),
        cells: vec![
            Cell::Link(href, moment(&row.made_at)),
            Cell::Text(said(look.language, row.kind.words()).to_owned()),
            Cell::Text(said(look.language, row.cause.words()).to_owned()),
            Cell::Two(row.object.clone(), field_words(w, &row.field).to_owned()),
            Cell::Two(purpose_words(w, row.purpose).to_owned(), row.case.clone()),
            Cell::Two(row.number.clone(), organisation(look.language, row).to_owned()),
            Cell::Tag(state_tag(w, row.state)),
            Cell::Text(moment(row.good_until.as_deref().unwrap_or(&row.expires_at))),
            Cell::Actions(vec![if row.may_decide { open.primary() } else { open }]),
        ],
        current: false,
    }
}

fn organisation(language: Language, row: &RequestView) -> &str {
    match language {
        Language::Chinese => &row.organisation_zh,
        Language::English => &row.organisation_en,
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
    if request.mine && request.state == Shown::Approved && !request.page.is_empty() {
        buttons.push(Button::Page(safe_path(&request.page).to_owned(), w.second_use.to_owned()));
    }
    if request.mine && matches!(request.state, Shown::Pending | Shown::Approved) {
        buttons.push(Button::Step(format!("/second/{id}/withdrawal"), w.second_withdraw.to_owned()));
    }
    let mut facts = vec![
        fact(w.kind, said(shell.language, request.kind.words())),
        fact(w.second_cause, said(shell.language, request.cause.words())),
        code(w.party, request.object.clone()),
        fact(w.field, field_words(w, &request.field)),
        fact(w.purpose, purpose_words(w, request.purpose)),
        code(w.case_reference, request.case.clone()),
        fact(w.reveal_words, request.words.clone()),
        fact(w.second_requester, format!("{} · {}", request.number, organisation(shell.language, &request))),
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
    Ok(page_refused(&problem, &screen))
}

async fn take_back(State(app): State<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let id = request_id(&id)?;
    match withdraw(&app, &actor, id).await {
        Ok(()) => Ok(see_other("/second?queue=mine&done=second-withdrawn")),
        Err(failure) => refused(&app, &actor, shell, id, Answer::Approve, failure, "").await,
    }
}
