//! 批次列表: campaigns, and the form of a new one.

use axum::{Form, extract::State as Of, http::Uri, response::Response};
use chuangsha_kernel::{problem::Problem, role::Action, rulebook::ChannelKind};
use futures_util::future::BoxFuture;

use super::{Pairs, choices, count, detail, kind_words, number, parts, runs_tag, said, value, whole_region};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            form::{Choice, Input, Kind as Field},
            frame::shown,
            list::{self, Asked, Found, Listing, Look, Window},
            page, page_refused,
            pages::{DetailPage, FormPart, Section},
            parts::{Empty, Tag, Tone},
            see_other,
            shell::Shell,
            table::{Act, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    registration::page::{channel_words, city_choices},
    remediation::{
        Refusal,
        campaign::State as Runs,
        case::{Stage, State},
        desk::{self, NewCampaign, TargetInput},
        kind::Kind,
    },
};

/// 批次, as a list.
pub struct Campaigns;

impl Listing for Campaigns {
    fn path(&self) -> &'static str {
        "/remediation"
    }

    fn id(&self) -> &'static str {
        "remediation"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.menu_remediation
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.remediation_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["state"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("name", w.remediation_campaign),
            Column::keyed("region", w.region),
            Column::keyed("from", w.remediation_from),
            Column::keyed("until", w.remediation_until),
            Column::keyed("lines", w.remediation_lines).figures(),
            Column::keyed("restored", w.remediation_restored).figures(),
            Column::keyed("stopped", w.remediation_stopped).figures(),
            Column::keyed("state", w.status),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let language = look.language;
        let states = choices(Runs::ALL, Some(look.w.all), Runs::as_str, |one| said(language, one.words()));
        vec![asked.fill(Input::select("state", look.w.status, states))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let before = window.after.as_deref().and_then(|text| text.parse().ok());
            let limit = window.limit as usize;
            let mut rows = desk::campaigns(&look.app, &look.actor, Runs::parse(asked.get("state")), before, limit as i64 + 1).await?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            Ok(Found {
                next: rows.last().filter(|_| more).map(|(last, ..)| last.id.to_string()),
                total: Some((rows.len() as u64, more)),
                lines: rows
                    .iter()
                    .map(|(one, counts, pauses)| {
                        let sum = |wanted: &dyn Fn(State) -> bool| -> i64 {
                            let fits = |number: i64| State::from_i64(number).is_some_and(wanted);
                            counts.iter().filter(|count| fits(count.metric)).map(|count| count.value).sum()
                        };
                        let (w, href) = (look.w, format!("/remediation/{}", one.id));
                        Line {
                            id: one.id.to_string(),
                            cells: vec![
                                Cell::Link(href.clone(), one.name.clone()),
                                Cell::Text(whole_region(&look.app, look.language, w, &one.region)),
                                Cell::Code(one.from.to_string()),
                                Cell::Code(one.until.to_string()),
                                Cell::NumberLink(format!("/remediation/cases?campaign={}", one.id), count(sum(&|_| true))),
                                Cell::Number(count(sum(&|state| state == State::Restored))),
                                Cell::Number(count(sum(&|state| state.is_stopped()))),
                                Cell::Tag(match pauses.is_empty() {
                                    true => runs_tag(look.language, one.state),
                                    false => Tag::new(
                                        Tone::Warning,
                                        format!("{} · {}", said(look.language, one.state.words()), w.remediation_paused),
                                    ),
                                }),
                                Cell::Actions(vec![Act::page(w.open, &one.name, href)]),
                            ],
                            current: false,
                        }
                    })
                    .collect(),
            })
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.nothing_found.into(), hint: w.remediation_empty.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        let mut tools = Vec::new();
        if look.actor.could(&look.app, Action::RemediationManage) {
            tools.push(("/remediation/new".to_owned(), look.w.remediation_new.to_owned()));
        }
        tools.push(("/remediation/cases".to_owned(), look.w.remediation_cases.to_owned()));
        tools.push(("/remediation/protected".to_owned(), look.w.remediation_protected.to_owned()));
        tools
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Campaigns, &app, &actor, shell, &uri).await
}

pub(super) async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::RemediationManage)?;
    Ok(page(&asking(&app, &actor, shell, &Vec::new(), None)))
}

fn asking(app: &App, actor: &Actor, shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let date = |name: &'static str, label: &str| Input::new(name, label, Field::Line("date")).required();
    let mut regions = city_choices(app, language, w, &actor.region);
    regions.retain(|choice| !choice.value.is_empty());
    regions.insert(0, Choice::new(actor.region.clone(), whole_region(app, language, w, &actor.region)));
    let mut fields = vec![
        Input::text("name", w.remediation_name).required().longest(60).hint(w.remediation_name_hint).first(),
        Input::select("region", w.region, regions),
        date("from", w.remediation_from),
        date("until", w.remediation_until),
        date("remind", said(language, Stage::Remind.words())).hint(w.remediation_plan_new_hint),
        date("suspend", said(language, Stage::Suspend.words())),
        date("reregister", said(language, Stage::Reregister.words())),
        date("cancel", said(language, Stage::Cancel.words())),
        Input::text("stops_per_day", w.remediation_cap).inputmode("numeric").hint(w.remediation_cap_hint),
        Input::text("targets", w.remediation_targets).hint(w.remediation_targets_hint).wide(),
    ];
    // Boxes of one group say of which: there is no heading above them.
    let of = |group: &str, words: &str| format!("{group} · {words}");
    let mut boxes: Vec<Input> =
        Kind::ALL.iter().map(|kind| Input::new(kind.as_str(), of(w.kind, kind_words(w, *kind)), Field::Check)).collect();
    boxes.extend(ChannelKind::ALL.iter().map(|kind| Input::new(kind.as_str(), of(w.channel, channel_words(w, *kind)), Field::Check)));
    boxes.push(Input::new("auto_pause", w.remediation_auto_pause, Field::Check).hint(w.remediation_auto_pause_hint));
    if let Some(first) = boxes.first_mut() {
        w.remediation_none_is_all.clone_into(&mut first.hint);
    }
    fields.extend(boxes);
    fields.push(Input::new("numbers", w.remediation_numbers, Field::Area).hint(w.remediation_numbers_hint).wide());
    let fields = fields
        .into_iter()
        .map(|input| {
            let typed = value(form, input.name).to_owned();
            let input = if typed.is_empty() { input } else { input.value(typed) };
            input.check(problem, language)
        })
        .collect();
    let form = FormPart::new(w, "/remediation/new", w.remediation_create, fields).lead(w.remediation_new_lead);
    let form = FormPart { cancel: Some(("/remediation".to_owned(), w.cancel.to_owned())), ..form };
    detail(shell, w.remediation_new.to_owned(), vec![Section::Form(w.remediation_new.to_owned(), form)], problem)
}

/// `2026-10-31 96, 2026-12-31 100`.
pub(super) fn read_targets(text: &str) -> Result<Vec<TargetInput>> {
    let wrong = || refuse(Refusal::FieldInvalid("targets"));
    let one = |part: &str| {
        let (due, percent) = part.trim().split_once(' ').ok_or_else(wrong)?;
        let percent = percent.trim().trim_end_matches('%').parse().map_err(|_| wrong())?;
        Ok(TargetInput { due: due.to_owned(), percent })
    };
    text.split([',', '，', ';', '\n']).filter(|part| !part.trim().is_empty()).map(one).collect()
}

pub(super) async fn create(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::RemediationManage)?;
    let until = value(&form, "until");
    let cap = if value(&form, "stops_per_day").is_empty() { Ok(0) } else { number(&form, "stops_per_day") };
    let input = cap.and_then(|cap| Ok((cap, read_targets(value(&form, "targets"))?))).map(|(cap, targets)| NewCampaign {
        name: value(&form, "name").to_owned(),
        region: value(&form, "region").to_owned(),
        kinds: Kind::ALL.into_iter().filter(|kind| !value(&form, kind.as_str()).is_empty()).collect(),
        channels: ChannelKind::ALL
            .iter()
            .map(|kind| kind.as_str())
            .filter(|name| !value(&form, name).is_empty())
            .map(str::to_owned)
            .collect(),
        numbers: parts(value(&form, "numbers")),
        from: value(&form, "from").to_owned(),
        until: until.to_owned(),
        stops_per_day: cap,
        auto_pause: !value(&form, "auto_pause").is_empty(),
        stages: desk::stages(["remind", "suspend", "reregister", "cancel"].map(|name| value(&form, name)), until),
        targets,
    });
    let done = match input {
        Ok(input) => desk::create(&app, &actor, input).await,
        Err(failure) => Err(failure),
    };
    match done {
        Ok(id) => Ok(see_other(&format!("/remediation/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &asking(&app, &actor, shell, &form, Some(&problem))))
        }
    }
}
