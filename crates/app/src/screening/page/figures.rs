//! 甄别日报页面: what did not pass, day by day, as a chart and as a list to take away.

use axum::{Router, extract::State, http::Uri, response::Response, routing::get};
use chuangsha_kernel::time::{DAY_MS, Timestamp};
use chuangsha_screen::TrunkId;
use futures_util::future::BoxFuture;
use jiff::civil::Date;

use super::{action_choices, action_tag, action_words, parts, rule_name, window};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            chart::{Columns, Series},
            form::{Input, Kind as Field},
            list::{self, Asked, Found, Listing, Look, Window},
            pages::Section,
            parts::Tabs,
            shell::Shell,
            table::{Cell, Column, Line, thousands},
        },
        words::Words,
    },
    screening::log::{self, FigureView},
};

/// Days shown unless asked otherwise.
const DAYS: i64 = 14;

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/screening/figures", get(figures))
}

/// 甄别日报, as a list.
pub struct Figures;

fn days(app: &App, asked: &Asked) -> (Date, Date) {
    let until = asked.day("to").unwrap_or_else(|| app.clock.now().day());
    let from = asked.day("from").unwrap_or_else(|| Timestamp::start_of(until).plus_ms(-(DAYS - 1) * DAY_MS).day());
    (from.min(until), until)
}

async fn read(look: &Look, asked: &Asked) -> Result<Vec<FigureView>> {
    let (from, until) = days(&look.app, asked);
    log::figures(&look.app, &look.actor, &from.to_string(), &until.to_string()).await
}

impl Listing for Figures {
    fn path(&self) -> &'static str {
        "/screening/figures"
    }

    fn id(&self) -> &'static str {
        "figures"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.screening_figures
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.figures_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["from", "to", "action"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("day", w.figure_day),
            Column::keyed("verdict", w.screen_verdict),
            Column::keyed("rule", w.screen_rule),
            Column::keyed("trunk", w.screen_trunk),
            Column::keyed("region", w.region),
            Column::keyed("calls", w.screen_calls).figures(),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let w = look.w;
        let day = |name: &'static str, label: &str| Input::new(name, label, Field::Line("date"));
        let mut fields = vec![day("from", w.sweep_starts), day("to", w.sweep_ends)];
        fields.push(Input::select("action", w.screen_verdict, action_choices(w)));
        fields.into_iter().map(|input| asked.fill(input)).collect()
    }

    fn tabs<'a>(&'a self, look: &'a Look, _asked: &'a Asked) -> BoxFuture<'a, Result<Option<Tabs>>> {
        Box::pin(std::future::ready(Ok(Some(parts(look.w, self.path())))))
    }

    fn sections<'a>(&'a self, look: &'a Look, asked: &'a Asked) -> BoxFuture<'a, Result<Vec<Section>>> {
        Box::pin(async move {
            let w = look.w;
            let (from, until) = days(&look.app, asked);
            let rows = read(look, asked).await?;
            let days: Vec<Date> = from.series(jiff::Span::new().days(1)).take_while(|day| *day <= until).take(92).collect();
            let series = ["block", "challenge", "label"].map(|action| {
                let of = |day: &Date| {
                    let counted = rows.iter().filter(|row| row.rule.is_empty() && row.action == action && row.day == day.to_string());
                    counted.map(|row| row.calls as f64).sum::<f64>()
                };
                Series { name: action_words(w, action).to_owned(), values: days.iter().map(of).collect() }
            });
            let labels = days.iter().map(|day| day.strftime("%m-%d").to_string()).collect();
            let chart = Columns::new(w, "screening-days", w.figure_chart, w.figure_chart_about, labels, series.to_vec(), 0, true);
            Ok(vec![Section::Chart(Box::new(chart))])
        })
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, asked_for: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let mut rows = read(look, asked).await?;
            rows.retain(|row| asked.get("action").is_empty() || row.action == asked.get("action"));
            rows.reverse();
            let id = |row: &FigureView| format!("{}.{}.{}.{}.{}", row.day, row.action, row.rule, row.trunk, row.region);
            Ok(window(&rows, &asked_for, id, |row| line(look, row, id(row))))
        })
    }
}

/// A line of the ledger by its code, as the version in force knows it; else by its number.
fn trunk_name(look: &Look, trunk: i64) -> String {
    if trunk == 0 {
        return "—".to_owned();
    }
    let snapshot = look.app.engine.snapshot();
    let line = u32::try_from(trunk).ok().and_then(|id| snapshot.ledger.trunk(TrunkId(id)));
    line.map_or_else(|| trunk.to_string(), |line| line.name.clone())
}

fn line(look: &Look, row: &FigureView, id: String) -> Line {
    let w = look.w;
    Line {
        id,
        cells: vec![
            Cell::Text(row.day.clone()),
            Cell::Tag(action_tag(w, &row.action)),
            Cell::Text(if row.rule.is_empty() { w.figure_all.to_owned() } else { rule_name(look.language, &row.rule) }),
            Cell::Text(trunk_name(look, row.trunk)),
            Cell::Text(if row.region.is_empty() {
                "—".to_owned()
            } else {
                crate::registration::page::region_name(&look.app, look.language, &row.region)
            }),
            Cell::Number(thousands(row.calls.max(0).unsigned_abs())),
        ],
        current: false,
    }
}

async fn figures(State(app): State<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Figures, &app, &actor, shell, &uri).await
}
