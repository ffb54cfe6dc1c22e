//! 批次页: one campaign.

use std::collections::BTreeMap;

use axum::{
    Form,
    extract::{Path, State as Of},
    response::Response,
};
use chuangsha_kernel::{
    problem::Language,
    role::Action,
    rulebook::{ChannelKind, Place},
    time::DAY_MS,
};
use uuid::Uuid;

use super::campaigns::read_targets;
use super::{Pairs, choices, count, detail, kind_words, number, parts, plain_table, read_id, runs_tag, said, value, whole_region};
use crate::{
    App,
    hotline::warning::{Warning, WarningKind},
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            chart::Bar,
            form::{Input, Kind as Field},
            frame::shown,
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Fact, Facts, Tag, Tone, Value, code, duration, fact, status},
            see_other,
            shell::Shell,
            table::{Cell, Column, Line, Table},
        },
        words::{Words, fill},
    },
    registration::page::{channel_words, city_choices, moment},
    remediation::{
        Refusal,
        campaign::{self, Publicity, State as Runs},
        case::{Ladder, Stage, State, Wait},
        clock::Simulation,
        desk::{self, StageInput, Whole},
        http,
        kind::Kind,
        table::{Count, metric},
    },
};

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let whole = desk::whole(&app, &actor, read_id(&id)?).await?;
    Ok(page(&campaign_page(&app, &actor, shell, &whole, None, None)))
}

fn campaign_page(
    app: &App,
    actor: &Actor,
    shell: Shell,
    whole: &Whole,
    simulated: Option<(i64, &Simulation)>,
    refused: Option<&Refused<'_>>,
) -> DetailPage {
    let (w, language, of) = (shell.w, shell.language, &whole.campaign);
    let manages = actor.could(app, Action::RemediationManage);
    let mut sections = Vec::new();
    if let Some((size, simulation)) = simulated {
        sections.push(Section::Facts(w.remediation_simulation.to_owned(), Facts { facts: simulation_facts(w, simulation) }));
        if manages && of.state == Runs::Running && simulation.touches > 0 {
            let form = FormPart::new(w, format!("/remediation/{}/steps", of.id), w.remediation_release, Vec::new())
                .keep("step", "release")
                .keep("size", size)
                .keep("touches", simulation.touches)
                .lead(w.remediation_release_lead);
            sections.push(Section::Form(w.remediation_release.to_owned(), form));
        }
    }
    sections.push(Section::Facts(w.remediation_progress.to_owned(), Facts { facts: progress(app, w, language, whole) }));
    if !whole.pauses.is_empty() {
        sections.push(Section::Table(Box::new(paused(app, w, language, whole))));
    }
    sections.push(Section::Facts(w.remediation_rules.to_owned(), Facts { facts: rules(app, w, whole) }));
    sections.push(Section::Table(Box::new(by_kind(w, whole))));
    sections.push(Section::Table(Box::new(by_region(app, w, language, whole))));
    sections.push(Section::Table(Box::new(plan_table(app, w, language, whole))));
    let dialogs = if manages { campaign_dialogs(app, w, language, whole, refused) } else { Vec::new() };
    let mut built = detail(shell, of.name.clone(), sections, refused.and_then(|refused| refused.untold(&dialogs)));
    built.tags = vec![runs_tag(language, of.state)];
    built.lead = format!("{} · {} → {}", whole_region(app, language, w, &of.region), of.from, of.until);
    built.buttons = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    built.buttons.push(Button::Page(format!("/remediation/{}/field", of.id), w.remediation_field.to_owned()));
    built.buttons.push(Button::Page("/remediation/cases/search".to_owned(), w.remediation_by_number.to_owned()));
    if actor.could(app, Action::FiguresView) {
        built.buttons.push(Button::Page("/bulletins".to_owned(), w.bulletin.to_owned()));
    }
    built.dialogs = dialogs;
    built
}

fn simulation_facts(w: &'static Words, one: &Simulation) -> Vec<Fact> {
    vec![
        fact(w.remediation_in_scope, count(one.in_scope)),
        fact(w.remediation_claimed, count(one.claimed)),
        fact(w.remediation_protected, count(one.protected)),
        fact(w.remediation_paused_lines, count(one.paused)),
        fact(w.remediation_touches, count(one.touches)),
        fact(w.remediation_stops_before_30, count(one.stops_before_day_30)),
        fact(w.remediation_first_stop_day, one.first_stop_day.to_string()),
        match &one.first_stop {
            Some(at) => fact(w.remediation_first_stop, moment(at)),
            None => status(w.remediation_first_stop, Tag::new(Tone::Warning, w.remediation_no_calendar)),
        },
        fact(w.remediation_days_of_stops, count(one.days_of_stops)),
    ]
}

fn progress(app: &App, w: &'static Words, language: Language, whole: &Whole) -> Vec<Fact> {
    let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
        let fits = |number: i64| State::from_i64(number).is_some_and(wanted);
        whole.standing.iter().filter(|one| fits(one.metric)).map(|one| one.value).sum()
    };
    let flow = |wanted: i64| whole.flow.iter().filter(|one| one.metric == wanted).map(|one| one.value).sum::<i64>();
    let (all, restored) = (sum(&|_| true), sum(&|state| state == State::Restored));
    let planned = campaign::planned_percent(&whole.targets, whole.campaign.from, app.clock.now().day());
    let percent = if all > 0 { restored * 1_000 / all } else { 0 };
    let complaints = flow(metric::COMPLAINTS);
    let link = |label: &str, href: String, text: String| Fact { label: label.to_owned(), value: Value::Link(href, text) };
    let mut facts = vec![
        fact(w.remediation_done, format!("{} / {} ({}.{} %)", count(restored), count(all), percent / 10, percent % 10)),
        status(w.remediation_planned, Tag::new(if percent >= planned * 10 { Tone::Good } else { Tone::Warning }, format!("{planned} %"))),
        fact(w.remediation_contacts, format!("{} / {}", count(flow(metric::DELIVERED)), count(flow(metric::CONTACTS)))),
        fact(w.remediation_stopped, count(sum(&|state| state.is_stopped()))),
        fact(w.remediation_complaints, format!("{} ({})", count(complaints), per_mille(complaints, all))),
        code(w.remediation_manager, if whole.owner.is_empty() { "—".to_owned() } else { whole.owner.clone() }),
        fact(w.remediation_cap, count(whole.campaign.stops_per_day)),
        status(
            w.remediation_auto_pause,
            Tag::new(Tone::Quiet, if whole.campaign.auto_pause { w.remediation_on } else { w.remediation_off }),
        ),
        link(w.remediation_protected, "/remediation/protected".to_owned(), count(whole.protected)),
        link(
            w.remediation_visits,
            format!("/remediation/{}/field", whole.campaign.id),
            format!("{} / {}", count(whole.visits.0), count(whole.visits.1)),
        ),
        link(w.remediation_cases, format!("/remediation/cases?campaign={}", whole.campaign.id), count(all)),
    ];
    if whole.waiting > 0 {
        let cases = format!("/remediation/cases?campaign={}&wait={}", whole.campaign.id, Wait::Warning.as_str());
        facts.push(link(w.remediation_waiting, cases, count(whole.waiting)));
    }
    if whole.campaign.state == Runs::Paused {
        facts.push(status(w.remediation_pause_reason, Tag::new(Tone::Warning, whole.campaign.pause_reason.clone())));
    }
    for (kind, times, pieces) in &whole.publicity {
        let text = format!("{} {} · {} {}", w.remediation_times, count(*times), w.remediation_pieces, count(*pieces));
        facts.push(fact(said(language, kind.words()), text));
    }
    for wave in &whole.waves {
        facts.push(fact(
            &format!("{} {}", w.remediation_wave, wave.wave),
            format!("{} / {} · {} {}", count(wave.taken), count(wave.size), w.remediation_refused, count(wave.refused)),
        ));
    }
    facts
}

/// What early warnings hold of it (R-HOT-4), each with the warning that is to be dealt with.
fn paused(app: &App, w: &'static Words, language: Language, whole: &Whole) -> Table {
    let lines = whole
        .pauses
        .iter()
        .enumerate()
        .map(|(index, one)| Line {
            id: format!("paused-{index}"),
            cells: vec![
                Cell::Text(whole_region(app, language, w, &one.cell.region)),
                Cell::Text(said(language, one.cell.stage.words()).to_owned()),
                Cell::Text(ChannelKind::from_i64(one.cell.channel_kind).map_or("—", |kind| channel_words(w, kind)).to_owned()),
                Cell::Code(one.since.display()),
                Cell::Link(
                    format!("/warnings/{}", one.warning),
                    whole.warnings.get(&one.warning).map_or_else(|| w.warning.to_owned(), |warning| why(w, language, warning)),
                ),
            ],
            current: false,
        })
        .collect();
    let columns = [w.region, w.remediation_stage, w.channel, w.remediation_since, w.warning_why].map(Column::new).into();
    plain_table(w, "paused", w.remediation_paused_cells, columns, lines)
}

/// Why a cell is held: what kind of warning, and the count it was raised on.
fn why(w: &'static Words, language: Language, one: &Warning) -> String {
    let counted = match one.kind {
        WarningKind::Rate => w.warning_observed,
        WarningKind::Group => w.warning_people,
    };
    let topic = one.topic.map(|topic| said(language, topic.words()).to_owned());
    let parts = [Some(said(language, one.kind.words()).to_owned()), topic, Some(format!("{counted} {}", one.observed))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn by_kind(w: &'static Words, whole: &Whole) -> Table {
    let mut kinds: BTreeMap<i64, BTreeMap<i64, i64>> = BTreeMap::new();
    for one in &whole.standing {
        *kinds.entry(one.kind).or_default().entry(one.metric).or_default() += one.value;
    }
    let columns = vec![
        Column::new(w.kind),
        Column::number(w.remediation_lines),
        Column::number(w.remediation_reminded),
        Column::number(w.remediation_warned),
        Column::number(w.remediation_stopped),
        Column::number(w.remediation_held),
        Column::number(w.remediation_complaints),
        Column::number(w.remediation_restored),
        Column::number(w.remediation_rate),
    ];
    let lines = Kind::ALL
        .iter()
        .map(|kind| {
            let counts = kinds.remove(&(*kind as i64)).unwrap_or_default();
            let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
                counts.iter().filter(|(number, _)| State::from_i64(**number).is_some_and(wanted)).map(|(_, value)| *value).sum()
            };
            let (all, restored) = (sum(&|_| true), sum(&|state| state == State::Restored));
            let share = if all > 0 { restored as f64 / all as f64 } else { 0.0 };
            let href = |state: &str| format!("/remediation/cases?campaign={}&kind={}{state}", whole.campaign.id, kind.as_str());
            Line {
                id: kind.as_str().to_owned(),
                cells: vec![
                    Cell::Text(kind_words(w, *kind).to_owned()),
                    Cell::NumberLink(href(""), count(all)),
                    Cell::Number(count(sum(&|state| matches!(state, State::SmsSent | State::Called | State::RemindExpired)))),
                    Cell::Number(count(sum(&|state| state == State::Warned))),
                    Cell::Number(count(sum(&|state| state.is_stopped()))),
                    Cell::NumberLink(href("&state=held"), count(sum(&|state| state == State::Held))),
                    Cell::Number(count(complaints(whole, &|one| one.kind == *kind as i64))),
                    Cell::NumberLink(href("&state=restored"), count(restored)),
                    Cell::Bar(Bar::new(format!("{:.1} %", share * 100.0), share, Tone::Good)),
                ],
                current: false,
            }
        })
        .collect();
    plain_table(w, "kinds", w.remediation_by_kind, columns, lines)
}

/// Complaints of a part of the campaign.
fn complaints(whole: &Whole, part: &dyn Fn(&Count) -> bool) -> i64 {
    whole.flow.iter().filter(|one| one.metric == metric::COMPLAINTS && part(one)).map(|one| one.value).sum()
}

/// `0.42 ‰`
fn per_mille(part: i64, all: i64) -> String {
    if all == 0 {
        return "0 ‰".to_owned();
    }
    let hundredths = part.saturating_mul(100_000) / all;
    format!("{}.{:02} ‰", hundredths / 100, hundredths % 100)
}

/// What the packs ask of each line on its way, as they hold today in the campaign's region; a year without its holidays is said here.
fn rules(app: &App, w: &'static Words, whole: &Whole) -> Vec<Fact> {
    let now = app.clock.now();
    let mut facts = Vec::new();
    if let Ok(ladder) = Ladder::read(&app.rules, &whole.campaign.region, now) {
        let days = |ms: i64| ms / DAY_MS;
        let (last, call) = (days(ladder.sms_interval) * (ladder.sms_most - 1), days(ladder.call_after));
        let messages: Vec<String> = (0..ladder.sms_most).map(|nth| format!("D{}", nth * days(ladder.sms_interval))).collect();
        facts.push(fact(w.remediation_rule_messages, messages.join(" / ")));
        facts.push(fact(w.remediation_rule_call, format!("D{} · {}", last + call, fill(w.remediation_at_most, ladder.call_most))));
        let stop = format!("≥ D{} + {}", days(ladder.first_deadline), duration(w, ladder.warning));
        facts.push(fact(w.remediation_rule_stop, stop));
        facts.push(fact(w.remediation_rule_double, duration(w, ladder.single_stop)));
        facts.push(fact(w.remediation_rule_window, duration(w, ladder.window)));
        facts.push(fact(w.remediation_rule_cancel, duration(w, ladder.final_notice)));
    }
    let place = Place::region(&whole.campaign.region);
    let hours = |id: &str| {
        let windows = app.rules.windows(id, now.day(), &place).map(|ruling| ruling.value).unwrap_or_default();
        let time = |at: jiff::civil::Time| format!("{:02}:{:02}", at.hour(), at.minute());
        windows.iter().map(|window| format!("{}–{}", time(window.from), time(window.to))).collect::<Vec<_>>().join(w.comma)
    };
    facts.push(fact(w.remediation_rule_quiet, [hours("quiet.noon"), hours("quiet.default")].join(w.comma)));
    facts.push(fact(w.remediation_rule_stop_hours, hours("remediation.stop_hours")));
    if whole.campaign.state != Runs::Ended
        && let Some(missing) = app.calendar().missing(now.day(), whole.campaign.until)
    {
        facts.push(status(w.remediation_calendar, Tag::new(Tone::Warning, fill(w.remediation_calendar_missing, missing.0))));
    }
    facts
}

/// Actual against plan, city by city (R-REM-5), the furthest behind first.
fn by_region(app: &App, w: &'static Words, language: Language, whole: &Whole) -> Table {
    let mut regions: BTreeMap<&str, BTreeMap<i64, i64>> = BTreeMap::new();
    for one in &whole.standing {
        *regions.entry(&one.region).or_default().entry(one.metric).or_default() += one.value;
    }
    let planned = campaign::planned_percent(&whole.targets, whole.campaign.from, app.clock.now().day());
    let mut rows: Vec<(i64, &str, i64, i64, i64)> = regions
        .iter()
        .map(|(region, counts)| {
            let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
                counts.iter().filter(|(number, _)| State::from_i64(**number).is_some_and(wanted)).map(|(_, value)| *value).sum()
            };
            let (all, restored) = (sum(&|_| true), sum(&|state| state == State::Restored));
            let permille = if all > 0 { restored * 1_000 / all } else { 0 };
            (permille, *region, all, restored, sum(&|state| state.is_stopped()))
        })
        .collect();
    rows.sort_unstable();
    let lines = rows
        .into_iter()
        .map(|(permille, region, all, restored, stopped)| {
            let behind = permille < planned * 10;
            let said = format!("{}.{} %", permille / 10, permille % 10);
            Line {
                id: format!("region-{region}"),
                cells: vec![
                    Cell::Text(whole_region(app, language, w, region)),
                    Cell::NumberLink(format!("/remediation/cases?campaign={}&city={region}", whole.campaign.id), count(all)),
                    Cell::Number(count(restored)),
                    Cell::Number(count(stopped)),
                    Cell::Number(count(complaints(whole, &|one| one.region == region))),
                    Cell::Bar(Bar::new(said, permille as f64 / 1_000.0, if behind { Tone::Warning } else { Tone::Good })),
                    Cell::Tag(match behind {
                        true => Tag::new(Tone::Warning, format!("{} {planned} %", w.remediation_behind)),
                        false => Tag::new(Tone::Good, format!("{} {planned} %", w.remediation_ahead)),
                    }),
                ],
                current: false,
            }
        })
        .collect();
    let columns = vec![
        Column::new(w.region),
        Column::number(w.remediation_lines),
        Column::number(w.remediation_restored),
        Column::number(w.remediation_stopped),
        Column::number(w.remediation_complaints),
        Column::number(w.remediation_rate),
        Column::new(w.remediation_planned),
    ];
    Table::within(w, "regions", w.remediation_by_region, columns, lines, w.remediation_regions_none)
}

fn plan_table(app: &App, w: &'static Words, language: Language, whole: &Whole) -> Table {
    let today = app.clock.now().day();
    let lines = whole
        .plan
        .iter()
        .enumerate()
        .map(|(index, one)| Line {
            id: format!("stage-{index}"),
            cells: vec![
                Cell::Text(said(language, one.stage.words()).to_owned()),
                Cell::Text(whole_region(app, language, w, &one.region)),
                Cell::Code(one.from.to_string()),
                Cell::Code(one.until.to_string()),
                Cell::Tag(match (one.from <= today, one.until < today) {
                    (false, _) => Tag::new(Tone::Quiet, w.remediation_to_come),
                    (true, false) => Tag::new(Tone::Active, w.remediation_current),
                    (true, true) => Tag::new(Tone::Good, w.remediation_over),
                }),
            ],
            current: false,
        })
        .collect();
    let columns = vec![
        Column::new(w.remediation_stage),
        Column::new(w.region),
        Column::new(w.remediation_from),
        Column::new(w.remediation_until),
        Column::new(w.status),
    ];
    plain_table(w, "plan", w.remediation_plan, columns, lines)
}

/// What a step leads to, said before it is taken.
fn lead(w: &'static Words, step: &str) -> &'static str {
    match step {
        "start" => w.remediation_start_lead,
        "pause" => w.remediation_pause_lead,
        "resume" => w.remediation_resume_lead,
        "simulate" => w.remediation_simulate_lead,
        "parcel" => w.remediation_parcel_out_lead,
        "publicise" => w.remediation_publicise_lead,
        "targets" => w.remediation_targets_lead,
        "plan" => w.remediation_plan_lead,
        "end" => w.remediation_end_lead,
        _ => "",
    }
}

fn campaign_dialogs(app: &App, w: &'static Words, language: Language, whole: &Whole, refused: Option<&Refused<'_>>) -> Vec<Dialog> {
    let of = &whole.campaign;
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/remediation/{}/steps", of.id), title, fields).keep("version", of.version);
        let form = if name == "plan" { form.keep("campaign_until", of.until) } else { form };
        let form = form.lead(lead(w, name));
        dialogs.push(Dialog::step(name, title, if danger { form.danger() } else { form }, refused));
    };
    let words = || Input::new("words", w.note, Field::Area).longest(200).hint(w.remediation_words_hint).wide();
    match of.state {
        Runs::Draft => add("start", w.remediation_start, vec![words()], false),
        Runs::Running => {
            add(
                "simulate",
                w.remediation_simulate,
                vec![Input::text("size", w.remediation_size).required().inputmode("numeric").value("500").hint(w.remediation_size_hint)],
                false,
            );
            add("pause", w.remediation_pause, vec![words().required()], false);
        }
        Runs::Paused => add("resume", w.remediation_resume, vec![words()], false),
        Runs::Ended => return dialogs,
    }
    add(
        "parcel",
        w.remediation_parcel,
        vec![
            Input::text("staff", w.remediation_staff).required().hint(w.remediation_staff_hint).wide(),
            Input::text("each", w.remediation_each).required().inputmode("numeric").value("50").hint(w.remediation_each_hint),
        ],
        false,
    );
    let kinds = choices(Publicity::ALL, None, Publicity::as_str, |one| said(language, one.words()));
    add(
        "publicise",
        w.remediation_publicise,
        vec![
            Input::select("kind", w.kind, kinds),
            Input::text("pieces", w.remediation_pieces).required().inputmode("numeric").hint(w.remediation_pieces_hint),
            Input::text("place", w.remediation_place).required().longest(80).hint(w.remediation_place_hint).wide(),
        ],
        false,
    );
    add(
        "targets",
        w.remediation_targets,
        vec![Input::text("targets", w.remediation_targets).required().hint(w.remediation_targets_hint).wide(), words().required()],
        false,
    );
    // A campaign of one city has the general plan alone.
    if of.region.len() < 6 {
        let mut cities = city_choices(app, language, w, &of.region);
        cities.retain(|choice| !choice.value.is_empty());
        let mut fields = vec![Input::select("region", w.region, cities).required()];
        let date = |stage: &Stage| Input::new(stage.as_str(), said(language, stage.words()), Field::Line("date"));
        fields.extend(Stage::ALL.iter().map(date));
        fields.push(words().hint(w.remediation_plan_own_hint));
        add("plan", w.remediation_plan_own, fields, false);
    }
    add("end", w.remediation_end, vec![words().required()], true);
    dialogs
}

pub(super) async fn step(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = read_id(&id)?;
    let whole = desk::whole(&app, &actor, id).await?;
    if value(&form, "step") == "simulate" {
        let done = match number(&form, "size") {
            Ok(size) => desk::simulate(&app, &actor, id, size).await.map(|simulation| (size, simulation)),
            Err(failure) => Err(failure),
        };
        return match done {
            Ok((size, simulation)) => Ok(page(&campaign_page(&app, &actor, shell, &whole, Some((size, &simulation)), None))),
            Err(failure) => {
                let problem = shown(failure)?;
                let refused = Refused { step: value(&form, "step"), typed: &form, problem: &problem, language: shell.language };
                Ok(page_refused(&problem, &campaign_page(&app, &actor, shell, &whole, None, Some(&refused))))
            }
        };
    }
    match take(&app, &actor, id, &form).await {
        Ok(()) => Ok(see_other(&format!("/remediation/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let refused = Refused { step: value(&form, "step"), typed: &form, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &campaign_page(&app, &actor, shell, &whole, None, Some(&refused))))
        }
    }
}

async fn take(app: &App, actor: &Actor, id: Uuid, form: &Pairs) -> Result<()> {
    let words = value(form, "words").chars().take(200).collect::<String>();
    match value(form, "step") {
        "release" => desk::release(app, actor, id, number(form, "size")?, number(form, "touches")?).await.map(drop),
        "parcel" => desk::parcel(app, actor, id, parts(value(form, "staff")), number(form, "each")?).await.map(drop),
        "publicise" => {
            let kind = Publicity::parse(value(form, "kind")).ok_or_else(|| refuse(Refusal::FieldInvalid("kind")))?;
            desk::publicise(app, actor, id, kind, number(form, "pieces")?, value(form, "place").to_owned()).await
        }
        "plan" => {
            let region = value(form, "region").to_owned();
            let until = value(form, "campaign_until");
            let own = Stage::ALL.iter().filter(|stage| !value(form, stage.as_str()).is_empty()).map(|stage| StageInput {
                region: region.clone(),
                stage: *stage,
                from: value(form, stage.as_str()).to_owned(),
                until: until.to_owned(),
            });
            desk::set_plan(app, actor, (id, number(form, "version")?), region.clone(), own.collect(), words).await
        }
        "targets" => desk::set_targets(app, actor, id, read_targets(value(form, "targets"))?, words).await,
        other => desk::turn(app, actor, id, number(form, "version")?, http::turn_of(other)?, words).await.map(drop),
    }
}
