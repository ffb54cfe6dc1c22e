//! 规则页面: how each rule runs, what it did, how often it was wrong; the kill switch.

use axum::{
    Form, Router,
    extract::{Path, State},
    http::Uri,
    response::Response,
    routing::get,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action as Right,
};
use futures_util::future::BoxFuture;

use super::{action_tag, may, parts, rule_name, trail, window};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            chart::Bar,
            form::{Choice, Input, Kind as Field, Notice, Wrong},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Facts, Tabs, Tag, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, thousands},
        },
        words::Words,
    },
    screening::{
        code as codes,
        rules::{self, RuleView},
        snapshot,
    },
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/screening/rules", get(all)).route("/screening/rules/{rule}", get(one).post(change))
}

const MODES: [&str; 4] = ["on", "canary", "shadow", "off"];

pub(super) fn mode_words(w: &'static Words, mode: &str) -> &'static str {
    match mode {
        "canary" => w.mode_canary,
        "shadow" => w.mode_shadow,
        "off" => w.mode_off,
        _ => w.mode_on,
    }
}

fn mode_tag(w: &'static Words, mode: &str) -> Tag {
    let tone = match mode {
        "canary" => Tone::Warning,
        "shadow" => Tone::Active,
        "off" => Tone::Bad,
        _ => Tone::Good,
    };
    Tag::new(tone, mode_words(w, mode))
}

/// Mistakes among what a rule decided: proven wrong, or appealed with success; parts of a million.
fn mistakes(rule: &RuleView) -> u64 {
    let wrong = rule.refuted.max(rule.upheld);
    (wrong * 1_000_000).checked_div(rule.enforced.max(wrong)).unwrap_or(0)
}

fn meter(rule: &RuleView) -> Bar {
    let wrong = mistakes(rule);
    // The bar of the block tier is ten in a million calls, of the label tier one in a hundred: full at one in a hundred of what the rule decided.
    let tone = if wrong >= 10_000 {
        Tone::Bad
    } else if wrong > 0 {
        Tone::Warning
    } else {
        Tone::Good
    };
    Bar::new(format!("{:.2}%", wrong as f64 / 1e4), wrong as f64 / 1e4, tone)
}

/// 甄别规则, as a list.
pub struct Rules;

impl Listing for Rules {
    fn path(&self) -> &'static str {
        "/screening/rules"
    }

    fn id(&self) -> &'static str {
        "rules"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.screening_rules
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.rules_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["mode"]
    }

    fn size(&self) -> u32 {
        50
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("rule", w.screen_rule),
            Column::keyed("action", w.screen_verdict),
            Column::keyed("mode", w.rule_mode),
            Column::keyed("enforced", w.screen_hits).figures(),
            Column::keyed("shadow", w.screen_shadow_hits).figures(),
            Column::keyed("alone", w.rule_alone).figures(),
            Column::keyed("mistakes", w.rule_mistakes).figures(),
            Column::keyed("upheld", w.rule_upheld).figures(),
            Column::keyed("article", w.screen_article).hidden(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let modes = MODES.iter().map(|mode| Choice::new(*mode, mode_words(look.w, mode)));
        vec![asked.fill(Input::select("mode", look.w.rule_mode, std::iter::once(Choice::new("", look.w.all)).chain(modes).collect()))]
    }

    fn tabs<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(std::future::ready(Ok(Some(parts(look.w, self.path())))))
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, asked_for: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let mut rows = rules::rules(&look.app, &look.actor).await?.rules;
            rows.retain(|row| asked.get("mode").is_empty() || row.mode == asked.get("mode"));
            Ok(window(&rows, &asked_for, |row| row.rule.clone(), |row| line(look, row)))
        })
    }
}

fn line(look: &Look, row: &RuleView) -> Line {
    let (w, language) = (look.w, look.language);
    let (href, name) = (format!("/screening/rules/{}", row.rule), rule_name(language, &row.rule));
    Line {
        id: row.rule.clone(),
        cells: vec![
            Cell::LinkTwo(href.clone(), name.clone(), row.rule.clone()),
            Cell::Tag(action_tag(w, &row.action)),
            Cell::Tag(mode_tag(w, &row.mode)),
            Cell::Number(thousands(row.enforced)),
            Cell::Number(thousands(row.shadow)),
            Cell::Number(thousands(row.alone)),
            Cell::Bar(meter(row)),
            Cell::Number(thousands(row.upheld)),
            Cell::Text(row.article.clone()),
            Cell::Actions(vec![Act::page(w.open, name, href)]),
        ],
        current: false,
    }
}

async fn all(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Rules, &app, &actor, shell, &uri).await
}

async fn one(State(app): State<App>, actor: Actor, shell: Shell, Path(rule): Path<String>) -> Result<Response> {
    Ok(page(&detail(&app, &actor, shell, &rule, None).await?))
}

async fn detail(app: &App, actor: &Actor, shell: Shell, rule: &str, refused: Option<&Refused<'_>>) -> Result<DetailPage> {
    let (w, language) = (shell.w, shell.language);
    let all = rules::rules(app, actor).await?;
    let found = all.rules.iter().find(|one| one.rule == rule).ok_or_else(|| Problem::new(&codes::NOT_FOUND))?;
    let name = rule_name(language, rule);
    let mut dialogs = Vec::new();
    if may(app, actor, Right::ScreeningManage) && !found.always_on {
        let action = format!("/screening/rules/{rule}");
        let words = |prefix: &'static str| {
            Input::new("words", w.note, Field::Area).required().longest(200).hint(w.screen_why_hint).wide().prefix(prefix)
        };
        let modes = MODES.iter().map(|mode| Choice::new(*mode, mode_words(w, mode))).collect();
        let fields =
            vec![Input::new("mode", w.rule_mode, Field::Radio(modes)).value(found.mode.clone()).wide().prefix("mode"), words("mode")];
        let form = FormPart::new(w, action.clone(), w.rule_change, fields).lead(w.rule_change_lead);
        dialogs.push(Dialog { id: "mode".to_owned(), title: w.rule_change.to_owned(), open: false, form });
        if found.mode != "off" {
            let form = FormPart::new(w, action, w.rule_stop, vec![words("stop")]).lead(w.rule_stop_lead).keep("mode", "off").danger();
            dialogs.push(Dialog { id: "stop".to_owned(), title: w.rule_stop.to_owned(), open: false, form });
        }
    }
    let dialogs = Dialog::reopened(dialogs, refused);
    let untold = refused.and_then(|refused| refused.untold(&dialogs));
    let about = match language {
        Language::Chinese => &found.about_zh,
        Language::English => &found.about_en,
    };
    let basis = vec![
        code(w.screen_rule, found.rule.clone()),
        status(w.screen_verdict, action_tag(w, &found.action)),
        status(w.rule_mode, mode_tag(w, &found.mode)),
        fact(w.screen_article, found.article.clone()),
        fact(w.rule_source, found.source.clone()),
        code(w.screen_pack, all.pack.clone()),
    ];
    let figures = vec![
        fact(w.screen_hits, thousands(found.enforced)),
        fact(w.screen_shadow_hits, thousands(found.shadow)),
        fact(w.rule_alone, thousands(found.alone)),
        fact(w.rule_refuted, thousands(found.refuted)),
        fact(w.rule_doubted, thousands(found.doubted)),
        fact(w.rule_upheld, thousands(found.upheld)),
        fact(w.rule_mistakes, meter(found).text()),
    ];
    let mut tags = vec![mode_tag(w, &found.mode)];
    if found.always_on {
        tags.push(Tag::new(Tone::Quiet, w.rule_always_on));
    }
    Ok(DetailPage {
        w,
        title: name,
        trail: trail(w, w.screening_rules, "/screening/rules"),
        tags,
        lead: about.clone(),
        buttons: dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect(),
        tabs: None,
        notice: untold.map(|problem| Notice { wrong: Wrong::of(problem, language) }),
        revealed: None,
        sections: vec![
            Section::Facts(w.rule_basis.to_owned(), Facts { facts: basis }),
            Section::Facts(w.rule_figures.to_owned(), Facts { facts: figures }),
        ],
        dialogs,
        shell,
    })
}

/// Another mode, as its form sends it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Posted {
    mode: String,
    words: String,
}

async fn change(
    State(app): State<App>,
    actor: Actor,
    shell: Shell,
    Path(rule): Path<String>,
    Form(posted): Form<Posted>,
) -> Result<Response> {
    let words: String = posted.words.chars().take(200).collect();
    match snapshot::set_mode(&app, &actor, &rule, &posted.mode, &words).await {
        Ok(()) => Ok(see_other(&format!("/screening/rules/{rule}?done=changed"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let typed = [("mode".to_owned(), posted.mode), ("words".to_owned(), posted.words)];
            // A rule is stopped from either dialog: what was refused is asked again where every mode can be chosen.
            let refused = Refused { step: "mode", typed: &typed, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &detail(&app, &actor, shell, &rule, Some(&refused)).await?))
        }
    }
}
