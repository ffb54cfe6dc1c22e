//! 判定页面: the log of verdicts, and one verdict explained: each rule that spoke, what it measured, its article, and who can undo it.

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

use super::{action_choices, action_tag, action_words, may, moment, parts, rule_choices, rule_name, trail};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        reveal::{self, Reveal},
        web::{
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, Check, DetailPage, Dialog, FormPart, Section, for_seconds},
            parts::{Empty, Fact, Facts, Tabs, Tag, Tone, Value, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    screening::{
        act,
        log::{self, LogQuery, LogView},
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/screening/verdicts", get(verdicts))
        .route("/screening/verdicts/{evidence}", get(one))
        .route("/screening/verdicts/{evidence}/reveal", get(back).post(in_clear))
        .route("/screening/verdicts/{evidence}/second", get(back).post(second))
        .route("/screening/verdicts/{evidence}/lift", get(back).post(lift))
        .route("/screening/verdicts/{evidence}/do-not-call", get(back).post(do_not_call))
}

/// 判定记录, as a list.
pub struct Verdicts;

impl Listing for Verdicts {
    fn path(&self) -> &'static str {
        "/screening/verdicts"
    }

    fn id(&self) -> &'static str {
        "verdicts"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.screening_verdicts
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.screen_verdicts_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["action", "rule", "trunk"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("time", w.time).moment(),
            Column::keyed("caller", w.screen_caller),
            Column::keyed("callee", w.screen_callee),
            Column::keyed("trunk", w.screen_trunk),
            Column::keyed("verdict", w.screen_verdict),
            Column::keyed("basis", w.screen_basis),
            Column::keyed("score", w.screen_score).figures().hidden(),
            Column::keyed("evidence", w.screen_evidence).hidden(),
            Column::keyed("kept", w.screen_kept).moment().hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        vec![
            Input::select("action", w.screen_verdict, action_choices(w)),
            Input::select("rule", w.screen_rule, rule_choices(w, look.language)),
            Input::new("trunk", w.screen_trunk, Field::Line("search")),
        ]
        .into_iter()
        .map(|input| asked.fill(input))
        .collect()
    }

    fn tabs<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(std::future::ready(Ok(Some(parts(look.w, self.path())))))
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let query = LogQuery {
                action: asked.get("action").to_owned(),
                rule: asked.get("rule").to_owned(),
                trunk: asked.get("trunk").to_owned(),
                limit: Some(i64::from(window.limit) + 1),
                after: window.after.unwrap_or_default(),
            };
            let rows = log::page(&look.app, &look.actor, query).await?;
            Ok(Found::page(rows, window.limit, None, |row| line(look, row), |row| row.evidence.clone()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.nothing_found.into(), hint: w.verdicts_empty_hint.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let may = may(&look.app, &look.actor, Right::ScreeningAppeal);
        may.then(|| ("/screening/appeals/new".to_owned(), look.w.screen_appeal_new.to_owned())).into_iter().collect()
    }
}

fn line(look: &Look, row: &LogView) -> Line {
    let (w, language) = (look.w, look.language);
    let href = format!("/screening/verdicts/{}", row.evidence);
    let article = row.reasons.get(0).and_then(|reason| reason.get("article")).and_then(serde_json::Value::as_str).unwrap_or_default();
    Line {
        id: row.evidence.clone(),
        cells: vec![
            Cell::Link(href.clone(), moment(&row.at)),
            Cell::Code(if row.caller.is_empty() { w.screen_no_caller.to_owned() } else { row.caller.clone() }),
            Cell::Code(row.callee.clone()),
            Cell::Text(row.trunk_code.clone()),
            Cell::Tag(action_tag(w, &row.action)),
            Cell::Two(rule_name(language, &row.rule), article.to_owned()),
            Cell::Number(row.score.to_string()),
            Cell::Code(row.evidence.clone()),
            Cell::Text(moment(&row.kept_until)),
            Cell::Actions(vec![Act::page(w.details, moment(&row.at), href)]),
        ],
        current: false,
    }
}

async fn verdicts(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Verdicts, &app, &actor, shell, &uri).await
}

/// What stands on the page beside the verdict.
enum After<'a> {
    Shown((String, String, u32)),
    Refused(&'a Reveal, &'a Problem),
    /// An act was asked for, or refused: its name, what was typed, why not.
    Act(&'a str, &'a str, Option<&'a Problem>),
}

/// Which act the page is opened for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Asks {
    act: String,
}

async fn one(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(evidence): Path<String>,
    Query(asks): Query<Asks>,
) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, &evidence, After::Act(&asks.act, "", None)).await?))
}

/// Why, as its form sends it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Why {
    words: String,
}

async fn lift(State(app): State<App>, actor: Actor, shell: Shell, Path(evidence): Path<String>, Form(why): Form<Why>) -> Result<Response> {
    acted(&app, &actor, shell, &evidence, ("lift", &why.words), act::lift(&app, &actor, &evidence, &why.words).await).await
}

async fn do_not_call(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(evidence): Path<String>,
    Form(why): Form<Why>,
) -> Result<Response> {
    let done = act::do_not_call(&app, &actor, &evidence, shell.w.menu_screening, &why.words).await.map(drop);
    acted(&app, &actor, shell, &evidence, ("do-not-call", &why.words), done).await
}

async fn acted(app: &App, actor: &Actor, shell: Shell, evidence: &str, (act, words): (&str, &str), done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see_other(&Address::new(&format!("/screening/verdicts/{evidence}"), [("done", act)]).to_string())),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &detail(app, actor, shell, evidence, After::Act(act, words, Some(&problem))).await?))
        }
    }
}

async fn back(Path(evidence): Path<String>) -> Response {
    see_other(&Address::new(&format!("/screening/verdicts/{}", Address::value(&evidence)), Vec::<(String, String)>::new()).to_string())
}

/// One rule that spoke: whether it counted, what it asked for, what it measured against what.
fn reason(w: &'static Words, language: Language, reason: &serde_json::Value) -> Check {
    let text = |name: &str| reason.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let count = |name: &str| reason.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0);
    let measured = match count("limit") {
        0 => String::new(),
        limit => crate::platform::words::fill(&crate::platform::words::fill(w.screen_measured, count("measured")), limit),
    };
    let tag = match text("effect") {
        "shadow" => Tag::new(Tone::Quiet, w.screen_shadow_only),
        _ => action_tag(w, text("action")),
    };
    Check { tag, text: [rule_name(language, text("rule")), measured].join(" "), article: text("article").to_owned() }
}

fn redress_words(w: &'static Words, action: &str, redress: &str) -> &'static str {
    match redress {
        "callee" => w.redress_callee,
        "appeal" => w.redress_appeal,
        "operator" => w.redress_operator,
        _ if action == "label" => w.redress_told,
        _ => w.redress_none,
    }
}

async fn detail(app: &App, actor: &Actor, shell: Shell, evidence: &str, after: After<'_>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let found = log::find(app, actor, evidence).await?;
    let href = format!("/screening/verdicts/{}", found.evidence);
    let (mut buttons, mut dialogs) = (Vec::new(), Vec::new());
    if found.redress == "appeal" && may(app, actor, Right::ScreeningAppeal) {
        let to = Address::new("/screening/appeals/new", [("evidence", found.evidence.as_str())]);
        buttons.push(Button::Page(to.to_string(), w.screen_appeal_new.to_owned()));
    }
    if may(app, actor, Right::ScreeningManage) {
        if !found.rule.is_empty() {
            buttons.push(Button::Page(format!("/screening/rules/{}", found.rule), w.screen_rule.to_owned()));
        }
        buttons.push(Button::Page("/screening/lists/new?list=bad".to_owned(), w.list_new.to_owned()));
    }
    if may(app, actor, Right::ScreeningManage) {
        let acts = [
            ("lift", w.act_lift, w.act_lift_lead, act::can_lift(&found.action, &found.redress)),
            ("do-not-call", w.act_do_not_call, w.act_do_not_call_lead, !found.callee.is_empty()),
        ];
        for (name, title, lead, possible) in acts {
            if !possible {
                continue;
            }
            let asked = match &after {
                After::Act(act, words, problem) if *act == name => Some((*words, *problem)),
                _ => None,
            };
            let words = Input::new("words", w.note, Field::Area).required().longest(200).hint(w.screen_why_hint).wide().prefix(name);
            let words = words.value(asked.map_or("", |(words, _)| words)).check(asked.and_then(|(_, problem)| problem), language);
            let form = FormPart::new(w, format!("{href}/{name}"), title, vec![words]).lead(lead);
            let open = asked.is_some_and(|(_, problem)| problem.is_none_or(|problem| problem.field.is_some()));
            dialogs.push(Dialog { id: format!("act-{name}"), title: title.to_owned(), open, form });
            buttons.push(Button::Dialog(format!("act-{name}"), title.to_owned()));
        }
    }
    let reveals = may(app, actor, Right::RevealField);
    if reveals {
        let budget = log::budget(app, actor).await?;
        let fields = vec![Choice::new("caller", w.screen_caller), Choice::new("callee", w.screen_callee)];
        let refused = match &after {
            After::Refused(asked, problem) => Some((*asked, *problem)),
            _ => None,
        };
        let once = app.ids.next(app.clock.now());
        let form = reveal::page::Form {
            w,
            language,
            page: &href,
            parties: vec![Choice::new("holder", w.party)],
            fields,
            budget: &budget,
            once,
            refused,
        };
        dialogs.push(reveal::page::dialog(form));
    }
    let number = |label: &str, masked: &str| match masked {
        "" => fact(label, w.screen_no_caller),
        masked if reveals => {
            Fact { label: label.to_owned(), value: Value::Masked(masked.to_owned(), "reveal".to_owned(), w.reveal.to_owned()) }
        }
        masked => code(label, masked),
    };
    let mut facts = vec![
        fact(w.time, moment(&found.at)),
        number(w.screen_caller, &found.caller),
        number(w.screen_callee, &found.callee),
        code(w.screen_trunk, if found.trunk_code.is_empty() { found.trunk.to_string() } else { found.trunk_code.clone() }),
        status(w.screen_verdict, action_tag(w, &found.action)),
        fact(w.screen_rule, rule_name(language, &found.rule)),
        fact(w.screen_score, found.score.to_string()),
    ];
    if found.country > 0 {
        facts.push(code(w.screen_country, format!("+{}", found.country)));
    }
    let made_by = vec![
        code(w.screen_evidence, found.evidence.clone()),
        code(w.screen_pack, found.rules.clone()),
        code(w.live_version, format!("v{}", found.lists)),
        fact(w.screen_redress, redress_words(w, &found.action, &found.redress)),
        fact(w.screen_kept, moment(&found.kept_until)),
    ];
    let checks = found.reasons.as_array().into_iter().flatten().map(|one| reason(w, language, one)).collect::<Vec<_>>();
    let (notice, revealed) = match after {
        After::Refused(_, problem) | After::Act(_, _, Some(problem)) if problem.field.is_none() => {
            (Some(Notice { wrong: Wrong::of(problem, language) }), None)
        }
        After::Shown(shown) => (None, Some(shown)),
        _ => (None, None),
    };
    let mut sections = vec![Section::Facts(w.screen_verdict.to_owned(), Facts { facts })];
    if !checks.is_empty() {
        sections.push(Section::Checks(w.screen_why.to_owned(), checks));
    }
    sections.push(Section::Facts(w.screen_made_by.to_owned(), Facts { facts: made_by }));
    Ok(DetailPage {
        w,
        title: format!("{} {}", action_words(w, &found.action), moment(&found.at)),
        trail: trail(w, w.screening_verdicts, "/screening/verdicts"),
        tags: vec![action_tag(w, &found.action)],
        lead: rule_name(language, &found.rule),
        buttons,
        tabs: None,
        notice,
        revealed,
        sections,
        dialogs,
        shell,
    })
}

async fn in_clear(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(evidence): Path<String>,
    Form(asked): Form<Reveal>,
) -> Result<Response> {
    match log::reveal(&app, &actor, &evidence, asked.clone()).await {
        Ok(revealed) => {
            let label = if asked.field == "callee" { shell.w.screen_callee } else { shell.w.screen_caller };
            let shown = reveal::page::shown(shell.w, label, revealed);
            let seconds = shown.2;
            let screen = detail(&app, &actor, shell, &evidence, After::Shown(shown)).await?;
            Ok(for_seconds(page(&screen), seconds, &format!("/screening/verdicts/{evidence}")))
        }
        Err(failure) => kept(&app, &actor, shell, &evidence, &asked, failure).await,
    }
}

async fn second(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(evidence): Path<String>,
    Form(asked): Form<Reveal>,
) -> Result<Response> {
    match log::ask_second(&app, &actor, &evidence, asked.clone()).await {
        Ok(request) => Ok(see_other(&format!("/second/{request}?done=second-asked"))),
        Err(failure) => kept(&app, &actor, shell, &evidence, &asked, failure).await,
    }
}

/// The page again, with the form and what was typed in it.
async fn kept(
    app: &App,
    actor: &Actor,
    shell: Shell,
    evidence: &str,
    asked: &Reveal,
    failure: crate::platform::failure::Failure,
) -> Result<Response> {
    let problem = shown(failure)?;
    let screen = detail(app, actor, shell, evidence, After::Refused(asked, &problem)).await?;
    Ok(page_refused(&problem, &screen))
}
