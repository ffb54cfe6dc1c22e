//! 版本页面: the snapshots, what each changed, the difference between any two, putting one in force and rolling back.

use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
    routing::get,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action as Right,
};
use futures_util::future::BoxFuture;

use super::{may, moment, parts, rule_name, rule_of, rules::mode_words, trail, window};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong, notice},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Card, Empty, Fact, Facts, Tabs, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Tool, thousands},
        },
        words::{Words, fill},
    },
    screening::{
        code as codes,
        list::List,
        snapshot::{self, Changes, VersionView},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/screening/versions", get(all))
        .route("/screening/versions/new", get(new).post(make))
        .route("/screening/versions/{version}", get(one).post(activate))
}

/// 快照版本, as a list.
pub struct Versions;

impl Listing for Versions {
    fn path(&self) -> &'static str {
        "/screening/versions"
    }

    fn id(&self) -> &'static str {
        "versions"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.screening_versions
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.versions_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &[]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("version", w.live_version),
            Column::keyed("made", w.version_made).moment(),
            Column::keyed("by", w.version_by),
            Column::keyed("trunks", w.version_lines).figures(),
            Column::keyed("numbers", w.version_numbers).figures(),
            Column::keyed("changes", w.version_changes),
            Column::keyed("state", w.status),
            Column::keyed("hash", "SHA-256").hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, _look: &Look, _asked: &Asked) -> Vec<Input> {
        Vec::new()
    }

    fn tabs<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(std::future::ready(Ok(Some(parts(look.w, self.path())))))
    }

    fn cards<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Vec<Card>>> {
        Box::pin(async move {
            let (w, all) = (look.w, snapshot::versions(&look.app, &look.actor).await?);
            let card = |label: &str, value: String, tone: Tone, note: &str| Card {
                label: label.to_owned(),
                value,
                unit: String::new(),
                change: None,
                note: note.to_owned(),
                href: "#versions".to_owned(),
                spark: None,
                tone,
            };
            let held = if all.held { w.version_held } else { w.version_follows };
            Ok(vec![
                card(w.version_active, format!("v{}", all.active), if all.held { Tone::Warning } else { Tone::Good }, held),
                card(w.version_here, format!("v{}", all.here), if all.here == all.active { Tone::Good } else { Tone::Warning }, ""),
                card(
                    w.version_pending,
                    (if all.pending { w.yes } else { w.no }).to_owned(),
                    if all.pending { Tone::Active } else { Tone::Quiet },
                    "",
                ),
            ])
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, _asked: &'a Asked, asked_for: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let rows = snapshot::versions(&look.app, &look.actor).await?.versions;
            Ok(window(&rows, &asked_for, |row| row.version.to_string(), |row| line(look, row)))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.none_yet.into(), hint: w.versions_lead.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let may = may(&look.app, &look.actor, Right::ScreeningManage);
        may.then(|| ("/screening/versions/new".to_owned(), look.w.version_new.to_owned())).into_iter().collect()
    }
}

fn state_tag(w: &'static Words, row: &VersionView) -> Tag {
    match (row.active, row.kept) {
        (true, _) => Tag::new(Tone::Good, w.version_in_force),
        (false, true) => Tag::new(Tone::Active, w.version_kept),
        (false, false) => Tag::new(Tone::Quiet, w.version_gone),
    }
}

/// `2 added · 1 changed`; what is nothing is left out.
fn counted(w: &'static Words, added: u64, removed: u64, changed: u64) -> String {
    let all = [(w.version_added, added), (w.version_removed, removed), (w.version_changed, changed)];
    let said = all.iter().filter(|(_, count)| *count > 0).map(|(words, count)| fill(words, thousands(*count)));
    said.collect::<Vec<_>>().join(" · ")
}

/// What changed, in one line.
fn in_short(w: &'static Words, changes: &Changes) -> String {
    let sum = |of: fn(&snapshot::ListChange) -> u64| changes.lists.iter().map(of).sum::<u64>();
    let added = changes.trunks_added.len() as u64 + sum(|one| one.added);
    let removed = changes.trunks_removed.len() as u64 + sum(|one| one.removed);
    let changed = changes.trunks_changed.len() as u64 + changes.modes.len() as u64 + sum(|one| one.changed);
    if added + removed + changed == 0 { "—".to_owned() } else { counted(w, added, removed, changed) }
}

/// A change of mode, `on > off`, in words.
fn from_to(w: &'static Words, step: &str) -> String {
    step.split('>').map(|mode| mode_words(w, mode.trim())).collect::<Vec<_>>().join(" → ")
}

/// Why a version was made; where that is a change of mode, by the names of rule and modes, not by their codes.
fn why(w: &'static Words, language: Language, words: &str) -> String {
    match words.split_once(':').filter(|(rule, step)| rule_of(rule).is_some() && step.contains('>')) {
        Some((rule, step)) => format!("{} {}", rule_name(language, rule), from_to(w, step)),
        None => words.to_owned(),
    }
}

fn line(look: &Look, row: &VersionView) -> Line {
    let w = look.w;
    let (href, name) = (format!("/screening/versions/{}", row.version), format!("v{}", row.version));
    Line {
        id: row.version.to_string(),
        cells: vec![
            Cell::LinkTwo(href.clone(), name.clone(), why(w, look.language, &row.words)),
            Cell::Text(moment(&row.made)),
            row.by.clone().map_or_else(|| Cell::Text(w.version_by_itself.to_owned()), Cell::Code),
            Cell::Number(thousands(row.counts.trunks)),
            Cell::Number(thousands(row.counts.numbers)),
            Cell::Text(in_short(w, &row.changes)),
            Cell::Tag(state_tag(w, row)),
            Cell::Code(row.hash.clone()),
            Cell::Actions(vec![Act::page(w.open, name, href)]),
        ],
        current: false,
    }
}

async fn all(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Versions, &app, &actor, shell, &uri).await
}

/// Which other version this one is compared with.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Against {
    against: Option<i64>,
}

async fn one(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(version): Path<String>,
    Query(against): Query<Against>,
) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, &version, against.against, None).await?))
}

fn facts_of(language: Language, w: &'static Words, changes: &Changes) -> Vec<Fact> {
    let joined = |codes: &[String]| codes.join(", ");
    let mut facts = Vec::new();
    for (label, list) in [
        (w.version_trunks_added, &changes.trunks_added),
        (w.version_trunks_removed, &changes.trunks_removed),
        (w.version_trunks_changed, &changes.trunks_changed),
    ] {
        if !list.is_empty() {
            facts.push(code(label, joined(list)));
        }
    }
    for mode in &changes.modes {
        let (rule, step) = mode.split_once(": ").unwrap_or((mode.as_str(), ""));
        facts.push(fact(&fill(w.version_mode_changed, rule_name(language, rule)), from_to(w, step)));
    }
    for list in &changes.lists {
        let name = List::parse(&list.list).map_or(list.list.as_str(), |list| match language {
            Language::Chinese => list.words().0,
            Language::English => list.words().1,
        });
        let said = counted(w, list.added, list.removed, list.changed);
        facts.push(fact(name, if list.samples.is_empty() { said } else { format!("{said} · {}", list.samples.join(" ")) }));
    }
    if !changes.refused.is_empty() {
        facts.push(status(w.version_refused, Tag::new(Tone::Warning, joined(&changes.refused))));
    }
    if facts.is_empty() {
        facts.push(fact(w.version_changes, w.version_same));
    }
    facts
}

async fn detail(
    app: &App,
    actor: &Actor,
    shell: Shell,
    version: &str,
    against: Option<i64>,
    refused: Option<&Refused<'_>>,
) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let all = snapshot::versions(app, actor).await?;
    let number = version.parse::<i64>().ok();
    let found = all.versions.iter().find(|one| Some(one.version) == number).ok_or_else(|| Problem::new(&codes::NOT_FOUND))?;
    let (mut buttons, mut dialogs) = (Vec::new(), Vec::new());
    if found.kept && !found.active && may(app, actor, Right::ScreeningManage) {
        let back = found.version < all.active;
        let (title, lead) =
            if back { (w.version_roll_back, w.version_roll_back_lead) } else { (w.version_activate, w.version_activate_lead) };
        let words = Input::new("words", w.note, Field::Area).required().longest(200).hint(w.screen_why_hint).wide();
        let form = FormPart::new(w, format!("/screening/versions/{}", found.version), title, vec![words]).lead(lead);
        let form = if back { form.danger() } else { form };
        buttons.push(Button::Dialog("activate".to_owned(), title.to_owned()));
        dialogs.push(Dialog { id: "activate".to_owned(), title: title.to_owned(), open: false, form });
    }
    for other in all.versions.iter().filter(|other| other.kept && found.kept && other.version != found.version).take(3) {
        let href = format!("/screening/versions/{}?against={}", found.version, other.version);
        buttons.push(Button::Page(href, fill(w.version_compare, other.version)));
    }
    let about = vec![
        fact(w.version_made, moment(&found.made)),
        code(w.version_by, found.by.clone().unwrap_or_else(|| w.version_by_itself.to_owned())),
        fact(w.note, if found.words.is_empty() { "—".to_owned() } else { why(w, language, &found.words) }),
        fact(w.version_trunks, format!("{} / {}", found.counts.trunks, found.counts.closed)),
        fact(w.version_numbers, thousands(found.counts.numbers)),
        fact(w.version_own, thousands(found.counts.own)),
        fact(w.version_base, if found.counts.base == 0 { "—".to_owned() } else { found.counts.base.to_string() }),
        fact(w.version_beside, thousands(found.counts.delta)),
        fact(w.version_modes, thousands(found.counts.modes)),
        code("SHA-256", found.hash.clone()),
    ];
    let mut sections = vec![Section::Facts(w.live_version.to_owned(), Facts { facts: about })];
    match against.filter(|other| *other != found.version) {
        Some(other) => {
            let changes = snapshot::diff(app, actor, other, found.version).await?;
            let title = fill(&fill(w.version_from_to, other), found.version);
            sections.push(Section::Facts(title, Facts { facts: facts_of(language, w, &changes) }));
        }
        None => sections.push(Section::Facts(w.version_changes.to_owned(), Facts { facts: facts_of(language, w, &found.changes) })),
    }
    let dialogs = Dialog::reopened(dialogs, refused);
    let untold = refused.and_then(|refused| refused.untold(&dialogs));
    Ok(DetailPage {
        w,
        title: format!("v{}", found.version),
        trail: trail(w, w.screening_versions, "/screening/versions"),
        tags: vec![state_tag(w, found)],
        lead: String::new(),
        buttons,
        tabs: None,
        notice: untold.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections,
        dialogs,
        shell,
    })
}

/// Why, as a form sends it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Posted {
    words: String,
    activate: String,
}

async fn activate(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(version): Path<String>,
    Form(posted): Form<Posted>,
) -> Result<Response> {
    let words: String = posted.words.chars().take(200).collect();
    match snapshot::activate(&app, &actor, version.parse().unwrap_or(0), &words).await {
        Ok(()) => Ok(see_other(&format!("/screening/versions/{version}?done=changed"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let typed = [("words".to_owned(), words)];
            let refused = Refused { step: "activate", typed: &typed, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &detail(&app, &actor, shell, &version, None, Some(&refused)).await?))
        }
    }
}

async fn new(State(app): State<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Right::ScreeningManage)?;
    Ok(page(&making(shell, None)))
}

fn making(shell: Shell, refused: Option<(&Posted, &Problem)>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let choices = vec![Choice::new("yes", w.version_activate), Choice::new("no", w.version_make_only)];
    let (words, activate) = refused.map_or(("", "yes"), |(posted, _)| (posted.words.as_str(), posted.activate.as_str()));
    let problem = refused.map(|(_, problem)| problem);
    let fields = vec![
        Input::new("words", w.note, Field::Area)
            .required()
            .longest(200)
            .hint(w.screen_why_hint)
            .wide()
            .first()
            .value(words)
            .check(problem, language),
        Input::new("activate", w.status, Field::Radio(choices)).value(activate).wide(),
    ];
    let notice = notice(problem, &fields, language);
    let mut part = FormPart::new(w, "/screening/versions/new", w.version_new, fields).lead(w.version_new_lead);
    part.cancel = Some(("/screening/versions".to_owned(), w.cancel.to_owned()));
    DetailPage {
        w,
        title: w.version_new.to_owned(),
        trail: trail(w, w.screening_versions, "/screening/versions"),
        tags: Vec::new(),
        lead: String::new(),
        buttons: Vec::new(),
        tabs: None,
        notice,
        revealed: None,
        sections: vec![Section::Form(w.version_new.to_owned(), part)],
        dialogs: Vec::new(),
        shell,
    }
}

async fn make(State(app): State<App>, actor: Actor, shell: Shell, Form(posted): Form<Posted>) -> Result<Response> {
    let words: String = posted.words.chars().take(200).collect();
    match snapshot::make(&app, &actor, words, posted.activate == "yes").await {
        Ok(version) => Ok(see_other(&format!("/screening/versions/{version}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &making(shell, Some((&posted, &problem)))))
        }
    }
}
