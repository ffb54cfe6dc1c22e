//! 现场工作页: what is done for a campaign among the customers: who has how many lines (R-CHN-17), which outlets were visited (R-CHN-16), what was
//! hung up and shown.

use axum::{
    extract::{Path, State as Of},
    response::Response,
};
use chuangsha_kernel::role::Action;

use super::{count, detail, read_id, said};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            chart::Bar,
            page,
            pages::{Button, Section},
            parts::Tone,
            shell::Shell,
            table::{Address, Cell, Column, Line, Table},
        },
    },
    registration::page::region_name,
    remediation::desk::{self, Visited},
};

fn share(done: i64, all: i64) -> Cell {
    let share = if all > 0 { done as f64 / all as f64 } else { 0.0 };
    Cell::Bar(Bar::new(format!("{:.1} %", share * 100.0), share, Tone::Good))
}

/// The plans of a city in one state.
fn planned(one: &Visited, state: &str) -> String {
    let city = if one.region.is_empty() { String::new() } else { format!("{}00", one.region) };
    Address::new("/visits", [("state", state), ("city", city.as_str())]).to_string()
}

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let work = desk::field_work(&app, &actor, read_id(&id)?).await?;
    let (w, language, of) = (shell.w, shell.language, &work.campaign);
    let parcels = work
        .parcels
        .iter()
        .map(|one| Line {
            id: one.number.clone(),
            cells: vec![
                Cell::Code(one.number.clone()),
                Cell::Number(count(one.lines)),
                Cell::Number(count(one.restored)),
                Cell::Number(count(one.stopped)),
                Cell::Number(count(one.complaints)),
                share(one.restored, one.lines),
            ],
            current: false,
        })
        .collect();
    let visits = work
        .visits
        .iter()
        .map(|one| Line {
            id: one.region.clone(),
            cells: vec![
                match one.region.as_str() {
                    "" => Cell::Link("/channels".to_owned(), w.all.to_owned()),
                    city => Cell::Link(format!("/channels?city={city}00"), region_name(&app, language, city)),
                },
                Cell::Number(count(one.outlets)),
                Cell::Number(count(one.visited)),
                Cell::Number(count(one.outlets - one.visited)),
                Cell::NumberLink(planned(one, "planned"), count(one.planned)),
                Cell::NumberLink(planned(one, "missed"), count(one.missed)),
                share(one.visited, one.outlets),
            ],
            current: false,
        })
        .collect();
    let publicity = work
        .publicity
        .iter()
        .enumerate()
        .map(|(index, one)| Line {
            id: format!("publicity-{index}"),
            cells: vec![
                Cell::Text(one.at.display()),
                Cell::Text(said(language, one.kind.words()).to_owned()),
                Cell::Number(count(one.pieces)),
                Cell::Text(one.place.clone()),
                Cell::Code(one.by.clone()),
            ],
            current: false,
        })
        .collect();
    let columns = |names: &[(&str, bool)]| {
        names.iter().map(|(name, figures)| if *figures { Column::number(*name) } else { Column::new(*name) }).collect::<Vec<_>>()
    };
    let sections = vec![
        Section::Table(Box::new(Table::within(
            w,
            "parcels",
            w.remediation_parcels,
            columns(&[
                (w.remediation_worker, false),
                (w.remediation_lines, true),
                (w.remediation_restored, true),
                (w.remediation_stopped, true),
                (w.remediation_complaints, true),
                (w.remediation_rate, true),
            ]),
            parcels,
            w.remediation_parcels_none,
        ))),
        Section::Table(Box::new(Table::within(
            w,
            "visits",
            w.remediation_visits,
            columns(&[
                (w.region, false),
                (w.remediation_outlets, true),
                (w.remediation_visited, true),
                (w.remediation_not_visited, true),
                (w.visit_planned, true),
                (w.visit_missed, true),
                (w.remediation_coverage, true),
            ]),
            visits,
            w.remediation_visits_none,
        ))),
        Section::Table(Box::new(Table::within(
            w,
            "publicity",
            w.remediation_publicity,
            columns(&[
                (w.remediation_entered, false),
                (w.kind, false),
                (w.remediation_pieces, true),
                (w.remediation_place, false),
                (w.remediation_by, false),
            ]),
            publicity,
            w.remediation_publicity_none,
        ))),
    ];
    let title = w.remediation_field.to_owned();
    let mut built = detail(shell, title, sections, None);
    built.trail.push((of.name.clone(), format!("/remediation/{}", of.id)));
    w.remediation_field_lead.clone_into(&mut built.lead);
    if actor.could(&app, Action::ChannelPlan) {
        let since = of.from.to_string();
        let asked =
            Address::new("/visits/new", [("since", since.as_str()), ("region", if of.region.len() == 6 { &of.region } else { "" })]);
        built.buttons.push(Button::Page(asked.to_string(), w.visit_plan.to_owned()));
    }
    if actor.could(&app, Action::ChannelVisit) {
        built.buttons.push(Button::Page("/visits".to_owned(), w.visit_plans.to_owned()));
    }
    Ok(page(&built))
}
