//! 台账页面: the list of the ledger, one line with its terms and history, the application, the file.

use axum::{
    Form, Router,
    extract::{Path, State as Of},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    Application, Asked as Step, Clause, Defect, Direction, Document, Filter, Industry, Kind, Listed, Moment as Version, Paper, Purpose,
    Refusal, Resource, State, Subject, file,
    watch::{self, Blacklisting, Found as Spotted, Sign, Watch},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result, refuse},
        rejected,
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused, page_with,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Facts, Moment, Tab, Tabs, Tag, Timeline, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Table, Tool},
        },
        words::{Words, fill},
    },
    registration::page::{city_choices, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/ledger", get(ledger))
        .route("/ledger/new", get(new).post(apply))
        .route("/ledger/file", get(file_page).post(take))
        .merge(super::sweep::page::pages())
        .route("/ledger/{id}", get(one))
        .route("/ledger/{id}/steps", post(step))
        .route("/ledger/{id}/papers", post(renew))
        .route("/ledger/{id}/blacklist", post(blacklist))
}

/// One of a closed list in the language of the page.
pub(super) fn said(language: Language, words: (&'static str, &'static str)) -> &'static str {
    match language {
        Language::Chinese => words.0,
        Language::English => words.1,
    }
}

pub(super) fn choices<T: Copy>(
    all: &[T],
    first: Option<&str>,
    value: impl Fn(T) -> &'static str,
    words: impl Fn(T) -> &'static str,
) -> Vec<Choice> {
    first.map(|first| Choice::new("", first)).into_iter().chain(all.iter().map(|one| Choice::new(value(*one), words(*one)))).collect()
}

pub(super) fn state_tag(language: Language, state: State) -> Tag {
    let tone = match state {
        State::Active => Tone::Good,
        State::Applied | State::Vetted => Tone::Active,
        State::Correcting => Tone::Warning,
        State::ShutDown => Tone::Bad,
        State::Closed => Tone::Quiet,
    };
    Tag::new(tone, said(language, state.words()))
}

/// 码号台账, as a list.
pub struct Ledger;

impl Listing for Ledger {
    fn path(&self) -> &'static str {
        "/ledger"
    }

    fn id(&self) -> &'static str {
        "ledger"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_ledger
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.ledger_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["code", "kind", "state", "industry", "defect", "city", "watch"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("code", w.ledger_code),
            Column::keyed("subject", w.ledger_subject),
            Column::keyed("industry", w.ledger_industry).hidden(),
            Column::keyed("purpose", w.ledger_purpose),
            Column::keyed("direction", w.ledger_direction),
            Column::keyed("callers", w.ledger_callers).figures(),
            Column::keyed("access", w.ledger_access_point).hidden(),
            Column::keyed("region", w.region),
            Column::keyed("owner", w.ledger_owner_short),
            Column::keyed("state", w.status),
            Column::keyed("defects", w.ledger_defects),
            Column::keyed("called", w.ledger_called).moment().hidden(),
            Column::keyed("papers", w.ledger_papers_until).hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let (w, language) = (look.w, look.language);
        vec![
            Input::new("code", w.ledger_code, Field::Line("search")),
            Input::select("kind", w.kind, choices(Kind::ALL, Some(w.all), Kind::as_str, |one| said(language, one.words()))),
            Input::select("state", w.status, choices(State::ALL, Some(w.all), State::as_str, |one| said(language, one.words()))),
            Input::select(
                "industry",
                w.ledger_industry,
                choices(Industry::ALL, Some(w.all), Industry::as_str, |one| said(language, one.words())),
            ),
            Input::select("defect", w.ledger_defects, choices(Defect::ALL, Some(w.all), Defect::as_str, |one| said(language, one.words()))),
            Input::select("city", w.region, city_choices(&look.app, language, w, &look.actor.region)),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn tabs<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(async move {
            let (w, now) = (look.w, asked.get("watch"));
            let tab = |watch: &str, label: &str, count: Option<i64>| Tab {
                label: label.to_owned(),
                href: asked.address(self).with("watch", watch).to_string(),
                current: now == watch,
                count: count.map(|count| count.max(0).unsigned_abs()),
            };
            let mut tabs = vec![tab("", w.all, None)];
            for watch in Watch::ALL {
                let count = watch::count(&look.app, &look.actor, *watch, asked.get("city")).await?;
                tabs.push(tab(watch.as_str(), said(look.language, watch.words()), Some(count)));
            }
            Ok(Some(Tabs { label: w.queues.to_owned(), tabs }))
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let filter = Filter {
                watch: Watch::parse(asked.get("watch")),
                region: asked.get("city").to_owned(),
                kind: Kind::parse(asked.get("kind")),
                state: State::parse(asked.get("state")),
                industry: Industry::parse(asked.get("industry")),
                defect: Defect::parse(asked.get("defect")),
                code: asked.get("code").to_owned(),
                after: window.after.unwrap_or_default(),
                limit: i64::from(window.limit) + 1,
                uncounted: !window.count,
                ..Filter::default()
            };
            let (mut rows, total) = super::list(&look.app, &look.actor, filter).await?;
            let more = rows.len() > window.limit as usize;
            rows.truncate(window.limit as usize);
            Ok(Found {
                next: rows.last().filter(|_| more).map(|last| last.resource.code.clone()),
                total: Some((total.unsigned_abs(), total >= super::table::COUNT_CAP)),
                lines: rows.iter().map(|row| line(look, row)).collect(),
            })
        })
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let mut tools = vec![("/ledger/sweeps".to_owned(), look.w.sweeps.to_owned())];
        if look.actor.could(&look.app, Action::LedgerApply) {
            tools.push(("/ledger/new".to_owned(), look.w.ledger_new.to_owned()));
        }
        if look.actor.could(&look.app, Action::LedgerManage) {
            tools.push(("/ledger/file".to_owned(), look.w.ledger_file.to_owned()));
        }
        tools
    }
}

fn line(look: &Look, row: &Listed) -> Line {
    let (w, language, one) = (look.w, look.language, &row.resource);
    let href = format!("/ledger/{}", one.id);
    let defects = one.defects.iter().map(|defect| said(language, defect.words())).collect::<Vec<_>>().join(w.comma);
    let until = one.correct_by.map(|by| by.day().to_string()).unwrap_or_default();
    Line {
        id: one.id.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), one.code.clone(), said(language, one.kind.words()).to_owned()),
            Cell::Text(row.subject.clone()),
            Cell::Text(said(language, row.industry.words()).to_owned()),
            Cell::Text(said(language, one.purpose.words()).to_owned()),
            Cell::Text(said(language, one.direction.words()).to_owned()),
            Cell::Number(one.callers.len().to_string()),
            Cell::Text(one.access_point.clone()),
            Cell::Text(region_name(&look.app, language, &one.region)),
            Cell::Two(one.owner.clone(), one.unit.clone()),
            Cell::Tag(state_tag(language, one.state)),
            if defects.is_empty() { Cell::Text("—".to_owned()) } else { Cell::Two(defects, until) },
            Cell::Text(row.called_at.map_or_else(|| fill(w.ledger_silent_since, row.since.display()), |at| at.display())),
            Cell::Text(row.papers.iter().filter_map(|paper| paper.valid_until).min().map_or_else(|| "—".to_owned(), |day| day.to_string())),
            Cell::Actions(vec![Act::page(w.open, &one.code, href)]),
        ],
        current: false,
    }
}

async fn ledger(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Ledger, &app, &actor, shell, &uri).await
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, read_id(&id)?, None).await?))
}

pub(super) fn read_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| refuse(Refusal::NotFound))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, id: Uuid, refused: Option<&Refused<'_>>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let (line, subject, history) = super::find(app, actor, id).await?;
    let known = watch::about(app, actor, id).await?;
    let mut dialogs = dialogs(app, actor, w, language, &line);
    dialogs.extend(listing(app, actor, w, &line, &subject));
    let dialogs = Dialog::reopened(dialogs, refused);
    let untold = refused.and_then(|refused| refused.untold(&dialogs));
    let mut terms = terms(w, language, &line);
    let moment = |at: Option<chuangsha_kernel::time::Timestamp>| at.map_or_else(|| w.none_yet.to_owned(), |at| at.display());
    terms.push(fact(w.sweep_last, moment(known.checked_at)));
    terms.push(fact(w.ledger_called, moment(known.called_at)));
    Ok(DetailPage {
        w,
        title: line.code.clone(),
        trail: vec![(w.menu_ledger.to_owned(), "/ledger".to_owned())],
        tags: vec![state_tag(language, line.state)],
        lead: [said(language, line.kind.words()), subject.name.as_str(), region_name(app, language, &line.region).as_str()].join(" · "),
        buttons: dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect(),
        tabs: None,
        notice: untold.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections: vec![
            Section::Facts(w.ledger_terms.to_owned(), Facts { facts: terms }),
            Section::Facts(w.ledger_subject.to_owned(), Facts { facts: about(w, language, &line, &subject) }),
            Section::Table(Box::new(findings(w, language, &known.found))),
            Section::Timeline(
                w.timeline.to_owned(),
                Timeline { empty: w.none_yet.to_owned(), moments: moments(w, language, &history, &known.blacklistings) },
            ),
        ],
        dialogs,
        shell,
    })
}

fn terms(w: &'static Words, language: Language, line: &Resource) -> Vec<crate::platform::web::parts::Fact> {
    let callers = line.callers.iter().map(super::Caller::as_str).collect::<Vec<_>>().join(", ");
    let clauses = Clause::ALL.iter().filter(|clause| line.clauses & (**clause as i64) != 0).map(|clause| said(language, clause.words()));
    // Before the contract nothing is agreed: that is not the same as no call at all.
    let agreed = |calls: i64| if calls == 0 { "—".to_owned() } else { calls.to_string() };
    let mut facts = vec![
        fact(w.ledger_purpose, said(language, line.purpose.words())),
        fact(w.ledger_direction, said(language, line.direction.words())),
        code(w.ledger_callers, if callers.is_empty() { "—".to_owned() } else { callers }),
        fact(w.ledger_access_point, line.access_point.clone()),
        fact(w.ledger_clauses, clauses.collect::<Vec<_>>().join(w.comma)),
        fact(w.ledger_per_callee, agreed(line.calls_per_callee)),
        fact(w.ledger_per_day, agreed(line.calls_per_day)),
        fact(w.ledger_unit, line.unit.clone()),
        code(w.ledger_owner, line.owner.clone()),
    ];
    for defect in &line.defects {
        facts.push(status(w.ledger_defects, Tag::new(Tone::Warning, said(language, defect.words()))));
    }
    if let Some(by) = line.correct_by {
        facts.push(fact(w.ledger_correct_by, by.display()));
    }
    facts
}

fn about(w: &'static Words, language: Language, line: &Resource, subject: &Subject) -> Vec<crate::platform::web::parts::Fact> {
    let mut facts = vec![
        fact(w.ledger_subject_name, subject.name.clone()),
        code(w.ledger_subject_code, subject.code.clone()),
        fact(w.ledger_industry, said(language, subject.industry.words())),
    ];
    if subject.blacklisted {
        facts.push(status(w.ledger_blacklist, Tag::new(Tone::Bad, w.ledger_listed)));
    }
    for document in Document::ALL.iter().copied().filter(|document| line.needs(*document, subject.industry)) {
        let tag = match subject.papers.iter().find(|paper| paper.document == document) {
            Some(paper) if !paper.in_scope => Tag::new(Tone::Bad, w.ledger_out_of_scope),
            Some(paper) => Tag::new(Tone::Good, paper.valid_until.map_or_else(|| w.present.to_owned(), |until| until.to_string())),
            None => Tag::new(Tone::Warning, w.absent),
        };
        facts.push(status(said(language, document.words()), tag));
    }
    facts
}

/// A sign in words, with what it rests on behind it; what a person wrote stays as it is.
fn evidence(language: Language, text: &str) -> String {
    match Sign::read(text) {
        Some((Sign::PaperExpired, document)) => {
            let document = Document::parse(document).map_or(document, |document| said(language, document.words()));
            format!("{} · {document}", said(language, Sign::PaperExpired.words()))
        }
        Some((sign, "")) => said(language, sign.words()).to_owned(),
        Some((sign, rest)) => format!("{} · {rest}", said(language, sign.words())),
        None => text.to_owned(),
    }
}

/// 问题线索: what was found at the line, by people, by traffic, by the calendar.
fn findings(w: &'static Words, language: Language, found: &[Spotted]) -> Table {
    let lines = found
        .iter()
        .enumerate()
        .map(|(nth, one)| Line {
            id: nth.to_string(),
            cells: vec![
                Cell::Text(one.at.display()),
                Cell::Text(said(language, one.defect.words()).to_owned()),
                Cell::Text(evidence(language, &one.evidence)),
                Cell::Code(match one.by.as_str() {
                    "screening" => w.menu_screening.to_owned(),
                    "ledger" => w.ledger_by_calendar.to_owned(),
                    number => number.to_owned(),
                }),
                Cell::Text(one.correct_by.display()),
            ],
            current: false,
        })
        .collect::<Vec<_>>();
    let columns = [w.time, w.ledger_defects, w.ledger_evidence, w.ledger_found_by, w.ledger_correct_by].map(Column::new).to_vec();
    Table::within(w, "findings", w.ledger_findings, columns, lines, w.none_yet).hint(w.ledger_findings_hint)
}

/// What was done, in the words of its button.
fn step_words<'a>(w: &'static Words, language: Language, action: &'a str) -> &'a str {
    match action {
        "ledger.apply" => w.ledger_new,
        "ledger.vet" => w.ledger_vet,
        "ledger.open" => w.ledger_open,
        "ledger.repurpose" => w.ledger_repurpose,
        "ledger.callers" => w.ledger_set_callers,
        "ledger.find" => w.ledger_find,
        "ledger.correct" => w.ledger_correct,
        "ledger.shut_down" => w.ledger_shut_down,
        "ledger.close" => said(language, State::Closed.words()),
        other => other,
    }
}

/// The versions of a line and what became of its subject on the black list, newest first.
fn moments(w: &'static Words, language: Language, history: &[Version], blacklistings: &[Blacklisting]) -> Vec<Moment> {
    let versions = history.iter().map(|version| {
        let line: serde_json::Value = serde_json::from_str(&version.line).unwrap_or_default();
        let state = line.get("state").and_then(serde_json::Value::as_str).and_then(State::parse).unwrap_or(State::Applied);
        let moment = Moment {
            at: version.at.display(),
            title: said(language, state.words()).to_owned(),
            by: step_words(w, language, &version.action).to_owned(),
            note: format!("{} {}", w.ledger_version, version.version),
            tone: state_tag(language, state).tone,
        };
        (version.at, moment)
    });
    let listed = blacklistings.iter().map(|one| {
        let moment = Moment {
            at: one.at.display(),
            title: if one.listed { w.ledger_list } else { w.ledger_unlist }.to_owned(),
            by: one.by.clone(),
            note: one.why.clone(),
            tone: if one.listed { Tone::Bad } else { Tone::Quiet },
        };
        (one.at, moment)
    });
    // Of one moment the line comes first: it was shut down because its subject was listed.
    let mut all: Vec<_> = versions.chain(listed).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, moment)| moment).collect()
}

/// What a step leads to, said before it is taken.
fn lead(w: &'static Words, step: &str) -> &'static str {
    match step {
        "vet" => w.ledger_vet_lead,
        "open" => w.ledger_open_lead,
        "set_callers" => w.ledger_set_callers_lead,
        "find" => w.ledger_find_lead,
        "correct" => w.ledger_correct_lead,
        "repurpose" => w.ledger_repurpose_lead,
        "shut_down" => w.ledger_shut_down_lead,
        _ => "",
    }
}

/// What may be done to a line as it stands, each as a dialog that asks for what it needs.
fn dialogs(app: &App, actor: &Actor, w: &'static Words, language: Language, line: &Resource) -> Vec<Dialog> {
    let words = |prefix: &'static str| Input::new("words", w.note, Field::Area).longest(200).hint(w.ledger_why_hint).wide().prefix(prefix);
    let number =
        |name: &'static str, label: &str, value: i64| Input::text(name, label).inputmode("numeric").value(value.to_string()).prefix("open");
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/ledger/{}/steps", line.id), title, fields).keep("step", name).keep("version", line.version);
        let form = form.lead(lead(w, name));
        let form = if danger { form.danger() } else { form };
        dialogs.push(Dialog { id: format!("step-{name}"), title: title.to_owned(), open: false, form });
    };
    let defects = |all: &[Defect]| choices(all, None, Defect::as_str, |one| said(language, one.words()));
    if actor.could(app, Action::LedgerManage) {
        if line.state == State::Applied {
            add("vet", w.ledger_vet, vec![words("vet")], false);
        }
        if line.state == State::Vetted {
            let clauses =
                Clause::ALL.iter().map(|clause| Input::new(clause.as_str(), said(language, clause.words()), Field::Check).prefix("open"));
            let limits = [number("calls_per_callee", w.ledger_per_callee, 2), number("calls_per_day", w.ledger_per_day, 1_000)];
            add("open", w.ledger_open, clauses.chain(limits).collect(), false);
        }
        if !matches!(line.state, State::ShutDown | State::Closed) {
            let callers = line.callers.iter().map(super::Caller::as_str).collect::<Vec<_>>().join(", ");
            let field =
                Input::new("callers", w.ledger_callers, Field::Area).value(callers).hint(w.ledger_callers_hint).wide().prefix("callers");
            add("set_callers", w.ledger_set_callers, vec![field, words("callers")], false);
        }
    }
    if actor.could(app, Action::LedgerManage) && line.state != State::Closed {
        let documents = choices(Document::ALL, None, Document::as_str, |one| said(language, one.words()));
        let fields = vec![
            Input::select("document", w.ledger_paper, documents).wide().prefix("paper"),
            Input::text("reference", w.ledger_paper_reference).longest(60).hint(w.ledger_paper_reference_hint).prefix("paper"),
            Input::new("valid_until", w.ledger_papers_until, Field::Line("date")).hint(w.ledger_papers_until_hint).prefix("paper"),
            Input::new("in_scope", w.ledger_in_scope, Field::Check).value("yes").prefix("paper"),
        ];
        let form = FormPart::new(w, format!("/ledger/{}/papers", line.id), w.ledger_renew, fields).lead(w.ledger_renew_lead);
        dialogs.push(Dialog { id: "paper".to_owned(), title: w.ledger_renew.to_owned(), open: false, form });
    }
    let mut add = |name: &'static str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/ledger/{}/steps", line.id), title, fields).keep("step", name).keep("version", line.version);
        let form = form.lead(lead(w, name));
        let form = if danger { form.danger() } else { form };
        dialogs.push(Dialog { id: format!("step-{name}"), title: title.to_owned(), open: false, form });
    };
    if actor.could(app, Action::LedgerSweep) && line.in_service() {
        add(
            "find",
            w.ledger_find,
            vec![Input::select("defect", w.ledger_defects, defects(Defect::ALL)).wide().prefix("find"), words("find")],
            false,
        );
        if !line.defects.is_empty() {
            add(
                "correct",
                w.ledger_correct,
                vec![Input::select("defect", w.ledger_defects, defects(&line.defects)).wide().prefix("correct"), words("correct")],
                false,
            );
        }
    }
    if actor.could(app, Action::LedgerDispose) {
        if line.in_service() {
            let purposes = choices(Purpose::ALL, None, Purpose::as_str, |one| said(language, one.words()));
            let directions = choices(Direction::ALL, None, Direction::as_str, |one| said(language, one.words()));
            let fields = vec![
                Input::select("purpose", w.ledger_purpose, purposes).value(line.purpose.as_str()).prefix("purpose"),
                Input::select("direction", w.ledger_direction, directions).value(line.direction.as_str()).prefix("purpose"),
                Input::text("approval", w.ledger_approval).required().longest(60).wide().prefix("purpose"),
            ];
            add("repurpose", w.ledger_repurpose, fields, false);
        }
        if !matches!(line.state, State::ShutDown | State::Closed) {
            add("shut_down", w.ledger_shut_down, vec![words("shut").required()], true);
        }
    }
    dialogs
}

/// 不良主体: the line's organisation on the black list, or off it.
fn listing(app: &App, actor: &Actor, w: &'static Words, line: &Resource, subject: &Subject) -> Option<Dialog> {
    if !actor.could(app, Action::LedgerDispose) {
        return None;
    }
    let (title, lead) = if subject.blacklisted { (w.ledger_unlist, w.ledger_unlist_lead) } else { (w.ledger_list, w.ledger_list_lead) };
    let why = Input::new("words", w.note, Field::Area).longest(200).hint(w.ledger_why_hint).wide().required().prefix("blacklist");
    let form = FormPart::new(w, format!("/ledger/{}/blacklist", line.id), title, vec![why]).lead(lead);
    let form = if subject.blacklisted { form } else { form.keep("listed", "yes").danger() };
    Some(Dialog { id: "blacklist".to_owned(), title: title.to_owned(), open: false, form })
}

pub(super) type Pairs = Vec<(String, String)>;

pub(super) fn value<'f>(form: &'f Pairs, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

fn parts(text: &str) -> Vec<String> {
    text.split([',', '，', '、', ';', '\n', ' ']).map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

fn asked(form: &Pairs) -> std::result::Result<Step, Refusal> {
    let invalid = |field: &'static str| Refusal::FieldInvalid(field);
    let count = |name: &'static str| value(form, name).parse().map_err(|_| invalid(name));
    let defect = || Defect::parse(value(form, "defect")).ok_or(invalid("defect"));
    Ok(match value(form, "step") {
        "vet" => Step::Vet,
        "open" => Step::Open {
            clauses: Clause::ALL.iter().copied().filter(|clause| !value(form, clause.as_str()).is_empty()).collect(),
            calls_per_callee: count("calls_per_callee")?,
            calls_per_day: count("calls_per_day")?,
        },
        "set_callers" => Step::SetCallers { callers: parts(value(form, "callers")) },
        "repurpose" => Step::Repurpose {
            purpose: Purpose::parse(value(form, "purpose")).ok_or(invalid("purpose"))?,
            direction: Direction::parse(value(form, "direction")).ok_or(invalid("direction"))?,
            approval: value(form, "approval").to_owned(),
        },
        "find" => Step::Find { defect: defect()? },
        "correct" => Step::Correct { defect: defect()? },
        "shut_down" => Step::ShutDown,
        "close" => Step::Close,
        _ => return Err(invalid("step")),
    })
}

async fn step(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let words = value(&form, "words").chars().take(200).collect::<String>();
    let done = match (asked(&form), value(&form, "version").parse()) {
        (Ok(asked), Ok(version)) => super::step(&app, &actor, id, version, asked, words).await,
        (Err(refusal), _) => Err(refuse(refusal)),
        (_, Err(_)) => Err(refuse(Refusal::FieldInvalid("version"))),
    };
    let dialog = format!("step-{}", value(&form, "step"));
    after(&app, &actor, shell, id, (&dialog, &form), done.map(drop)).await
}

/// The page of a line after its form: as it stands now, or with what was refused in its dialog.
async fn after(app: &App, actor: &Actor, shell: Shell, id: Uuid, (dialog, form): (&str, &Pairs), done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see_other(&format!("/ledger/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let refused = Refused { step: dialog, typed: form, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &detail(app, actor, shell, id, Some(&refused)).await?))
        }
    }
}

async fn renew(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let until = match value(&form, "valid_until") {
        "" => Ok(None),
        day => day.parse().map(Some).map_err(|_| Refusal::FieldInvalid("valid_until")),
    };
    let paper = Document::parse(value(&form, "document")).ok_or(Refusal::FieldInvalid("document")).and_then(|document| {
        let in_scope = !value(&form, "in_scope").is_empty();
        Ok(Paper { document, reference: value(&form, "reference").to_owned(), valid_until: until?, in_scope })
    });
    let done = match paper {
        Ok(paper) => watch::renew(&app, &actor, id, paper).await,
        Err(refusal) => Err(refuse(refusal)),
    };
    after(&app, &actor, shell, id, ("paper", &form), done).await
}

async fn blacklist(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>, Form(form): Form<Pairs>) -> Result<Response> {
    let id = read_id(&id)?;
    let (_, subject, _) = super::find(&app, &actor, id).await?;
    let words = value(&form, "words").chars().take(200).collect::<String>();
    let done = super::blacklist(&app, &actor, subject.code, !value(&form, "listed").is_empty(), words).await;
    after(&app, &actor, shell, id, ("blacklist", &form), done.map(drop)).await
}

async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::LedgerApply)?;
    Ok(page(&application(&app, &actor, shell, &Vec::new(), None)))
}

fn application(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let mut cities = city_choices(app, language, w, &actor.region);
    // A line is in one city.
    if let Some(all) = cities.first_mut() {
        *all = Choice::new("", w.choose);
    }
    let mut fields = vec![
        Input::select("kind", w.kind, choices(Kind::ALL, Some(w.choose), Kind::as_str, |one| said(language, one.words())))
            .required()
            .first(),
        Input::text("code", w.ledger_code).required().longest(20).hint(w.ledger_code_hint),
        Input::text("subject_code", w.ledger_subject_code).required().longest(18).hint(w.ledger_subject_code_hint),
        Input::text("subject_name", w.ledger_subject).required().longest(80).hint(w.ledger_text_hint),
        Input::select(
            "industry",
            w.ledger_industry,
            choices(Industry::ALL, Some(w.choose), Industry::as_str, |one| said(language, one.words())),
        )
        .required(),
        Input::select("region", w.region, cities).required(),
        Input::text("access_point", w.ledger_access_point).required().longest(80).hint(w.ledger_text_hint),
        Input::select(
            "purpose",
            w.ledger_purpose,
            choices(Purpose::ALL, Some(w.choose), Purpose::as_str, |one| said(language, one.words())),
        )
        .required(),
        Input::select("direction", w.ledger_direction, choices(Direction::ALL, None, Direction::as_str, |one| said(language, one.words()))),
        Input::new("callers", w.ledger_callers, Field::Area).hint(w.ledger_callers_hint).wide(),
        Input::text("unit", w.ledger_unit).required().longest(80).hint(w.ledger_text_hint),
        Input::text("owner", w.ledger_owner).required().longest(20).hint(w.ledger_owner_hint),
    ];
    for input in &mut fields {
        let filled = value(form, input.name).to_owned();
        *input = input.clone().value(filled).check(problem, language);
    }
    for document in Document::ALL {
        let name = document.as_str();
        let shown = Input::new(name, said(language, document.words()), Field::Check);
        fields.push(if value(form, name).is_empty() { shown } else { shown.value("yes") });
    }
    let notice = crate::platform::web::form::notice(problem, &fields, language);
    let mut part = FormPart::new(w, "/ledger/new", w.ledger_new, fields).lead(w.ledger_new_lead);
    part.cancel = Some(("/ledger".to_owned(), w.cancel.to_owned()));
    DetailPage {
        w,
        title: w.ledger_new.to_owned(),
        trail: vec![(w.menu_ledger.to_owned(), "/ledger".to_owned())],
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice,
        revealed: None,
        sections: vec![Section::Form(w.ledger_new.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

fn applied(form: &Pairs) -> std::result::Result<Application, Refusal> {
    let invalid = |field: &'static str| Refusal::FieldInvalid(field);
    let of = |name: &str| value(form, name).to_owned();
    // Seen at the counter; their numbers and days are added where they run out.
    let papers = Document::ALL.iter().copied().filter(|document| !value(form, document.as_str()).is_empty());
    Ok(Application {
        code: of("code"),
        kind: Kind::parse(value(form, "kind")).ok_or(invalid("kind"))?,
        region: of("region"),
        subject_code: of("subject_code"),
        subject_name: of("subject_name"),
        industry: Industry::parse(value(form, "industry")).ok_or(invalid("industry"))?,
        papers: papers.map(|document| Paper { document, reference: String::new(), valid_until: None, in_scope: true }).collect(),
        access_point: of("access_point"),
        purpose: Purpose::parse(value(form, "purpose")).ok_or(invalid("purpose"))?,
        direction: Direction::parse(value(form, "direction")).ok_or(invalid("direction"))?,
        callers: parts(value(form, "callers")),
        unit: of("unit"),
        owner: of("owner"),
    })
}

async fn apply(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::LedgerApply)?;
    let done = match applied(&form) {
        Ok(input) => super::apply(&app, &actor, input).await,
        Err(refusal) => Err(refuse(refusal)),
    };
    match done {
        // Who may only apply is shown the form again, not a list they cannot open.
        Ok(line) if actor.could(&app, Action::LedgerView) => Ok(see_other(&format!("/ledger/{}?done=submitted", line.id))),
        Ok(_) => Ok(see_other("/ledger/new?done=submitted")),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &application(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}

async fn file_page(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::LedgerManage)?;
    Ok(page(&taking(shell, "", None, None)))
}

fn taking(shell: Shell, text: &str, taken: Option<&file::Taken>, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let fields = vec![
        Input::new("text", w.ledger_file_text, Field::Area).required().wide().value(text).hint(format!(
            "{} {}",
            w.ledger_columns_hint,
            file::COLUMNS.join(", ")
        )),
        Input::new("dry_run", w.ledger_dry_run, Field::Check).value(if taken.is_none_or(|taken| taken.dry_run) { "yes" } else { "" }),
    ];
    let mut sections = Vec::new();
    if let Some(taken) = taken {
        let mut facts = vec![
            fact(w.ledger_rows, taken.rows.to_string()),
            fact(if taken.dry_run { w.ledger_would_enter } else { w.ledger_entered }, taken.entered.to_string()),
            fact(w.ledger_known, taken.known.to_string()),
            status(
                w.ledger_rejected,
                Tag::new(if taken.rejected.is_empty() { Tone::Good } else { Tone::Bad }, taken.rejected.len().to_string()),
            ),
        ];
        facts.extend(taken.rejected.iter().take(200).map(|one| {
            let (reason, remedy) = one.words(language);
            fact(&format!("{} {} {}", w.ledger_row, one.row, one.field), format!("{reason} — {remedy}"))
        }));
        sections.push(Section::Facts(w.ledger_result.to_owned(), Facts { facts }));
    }
    if taken.is_some_and(|taken| taken.dry_run && !taken.rejected.is_empty()) {
        let kept = FormPart::new(w, "/ledger/file", w.ledger_reject_file, Vec::new()).lead(w.ledger_reject_lead);
        sections.push(Section::Form(w.ledger_rejected.to_owned(), kept.keep("text", text).keep("rejects", "yes")));
    }
    sections
        .push(Section::Form(w.ledger_file.to_owned(), FormPart::new(w, "/ledger/file", w.ledger_take, fields).lead(w.ledger_file_lead)));
    DetailPage {
        w,
        title: w.ledger_file.to_owned(),
        trail: vec![(w.menu_ledger.to_owned(), "/ledger".to_owned())],
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice: problem.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections,
        dialogs: Vec::new(),
        shell,
    }
}

async fn take(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::LedgerManage)?;
    let text = value(&form, "text");
    if !value(&form, "rejects").is_empty() {
        // What is wrong with the file, tried again: nothing is written, and nothing was kept of it.
        let rejects = rejected::sheet(&file::take(&app, &actor, text, true).await?.rejected, shell.language)?;
        let named =
            [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"rejects.csv\"")];
        return Ok((named, rejects).into_response());
    }
    match file::take(&app, &actor, text, !value(&form, "dry_run").is_empty()).await {
        Ok(taken) => Ok(page(&taking(shell, if taken.dry_run { text } else { "" }, Some(&taken), None))),
        Err(failure @ (Failure::Store(_) | Failure::Vault(_) | Failure::Internal(_))) => Err(failure),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &taking(shell, text, None, Some(&problem))))
        }
    }
}
