//! 总览: figures of registration, each with the list behind it.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use chuangsha_kernel::{role::Action, rulebook::ChannelKind};
use jiff::{ToSpan, civil::Date};

use super::{
    Metric,
    alerts::{self, Alert, Where},
    rate,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        web::{
            chart::{Bar, Bars, Lines, Series, Spark, Tile, TileMap},
            form::{Choice, Input},
            list::Look,
            page,
            parts::{Card, Change, Tone},
            shell::Shell,
            table::{Address, Cell, Column, Line, Search, Table, thousands},
        },
        words::Words,
    },
    registration::{
        page::{channel_choices, city_choices, region_name},
        view,
    },
};

/// 总览
#[derive(Template)]
#[template(path = "figures/overview.html")]
pub struct Overview {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// One sentence.
    pub lead: String,
    /// Period, city, channel.
    pub search: Search,
    /// Figures in a row.
    pub cards: Vec<Card>,
    /// 地市 × 渠道
    pub cities: Table,
    /// 地市方格图: the same rates, one tile a city.
    pub map: TileMap,
    /// How far the orders of the period came.
    pub funnel: Bars,
    /// What calls for somebody now.
    pub alerts: Vec<Alert>,
    /// Days in a line.
    pub trend: Lines,
}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/overview", get(overview)).merge(super::bulletin::page::pages())
}

/// What the address says.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
struct Asked {
    days: String,
    city: String,
    channel: String,
}

/// Days of the trend.
const TREND_DAYS: i32 = 14;

/// Since when the base is counted: before any installation.
const BEGINNING: Date = Date::constant(2000, 1, 1);

struct Found {
    period: super::Table,
    base: super::Table,
    submitted: Vec<(String, i64)>,
    approved: Vec<(String, i64)>,
    new: Vec<(String, i64)>,
    new_real: Vec<(String, i64)>,
}

fn kind_of(table: &super::Table, channel: Option<i64>, metric: Metric) -> i64 {
    table
        .iter()
        .filter(|((_, kind), _)| channel.is_none_or(|channel| channel == *kind))
        .filter_map(|(_, metrics)| metrics.get(&metric))
        .sum()
}

async fn overview(State(app): State<App>, actor: Actor, shell: Shell, Query(asked): Query<Asked>) -> Result<Response> {
    let (w, language) = (shell.w, shell.language);
    actor.reach(&app, Action::FiguresView)?;
    let today = app.clock.now().day();
    let days: i32 = match asked.days.as_str() {
        "7" => 7,
        "30" => 30,
        _ => 1,
    };
    let back = |days: i32| today.checked_sub(i64::from(days - 1).days()).unwrap_or(today);
    let (from, trend_from) = (back(days), back(TREND_DAYS));
    let region = app.visible_region(&actor, Action::FiguresView, &asked.city)?;
    let channel = ChannelKind::parse(&asked.channel).map(|kind| kind as i64);
    let in_region = region.clone();
    let found = app
        .store
        .read(move |tx| {
            Ok::<_, crate::platform::failure::Failure>(Found {
                period: super::table(tx, from, today, &in_region)?,
                base: super::table(tx, BEGINNING, today, &in_region)?,
                submitted: super::series(tx, Metric::Submitted, (trend_from, today), &in_region, channel)?,
                approved: super::series(tx, Metric::Approved, (trend_from, today), &in_region, channel)?,
                new: super::series(tx, Metric::NewCustomers, (trend_from, today), &in_region, channel)?,
                new_real: super::series(tx, Metric::NewRealName, (trend_from, today), &in_region, channel)?,
            })
        })
        .await?;
    let labels: Vec<String> =
        (0..TREND_DAYS).filter_map(|index| trend_from.checked_add(i64::from(index).days()).ok()).map(|day| day.to_string()).collect();
    let by_day = |series: &[(String, i64)]| {
        let values: BTreeMap<&str, i64> = series.iter().map(|(day, value)| (day.as_str(), *value)).collect();
        labels.iter().map(|day| values.get(day.as_str()).copied().unwrap_or(0) as f64).collect::<Vec<_>>()
    };
    let (submitted, approved) = (by_day(&found.submitted), by_day(&found.approved));
    let trend = Lines::new(
        w,
        "trend",
        w.trend,
        w.trend_about,
        labels.iter().map(|day| day.get(5..).unwrap_or(day).to_owned()).collect(),
        vec![Series { name: w.submitted.into(), values: submitted.clone() }, Series { name: w.approved.into(), values: approved.clone() }],
        0,
    );
    let orders = |state: &str| {
        let from = if state == "submitted" || state.is_empty() { String::new() } else { from.to_string() };
        Address::new(
            "/orders",
            [("state", state.to_owned()), ("city", asked.city.clone()), ("channel", asked.channel.clone()), ("from", from)],
        )
        .to_string()
    };
    let counted = |metric: Metric| kind_of(&found.period, channel, metric);
    let base = |metric: Metric| kind_of(&found.base, channel, metric);
    let new_rates = by_day(&found.new)
        .iter()
        .zip(by_day(&found.new_real))
        .map(|(all, real)| if *all > 0.0 { real * 100.0 / all } else { f64::NAN })
        .collect::<Vec<_>>();
    let plain = |label: &str, value: String, unit: &str, href: String, tone: Tone| Card {
        label: label.to_owned(),
        value,
        unit: unit.to_owned(),
        change: None,
        note: String::new(),
        href,
        spark: None,
        tone,
    };
    let against_yesterday = |series: &[f64]| match series {
        [.., before, now] if days == 1 && (now - before).abs() > f64::EPSILON => Some(Change {
            up: now > before,
            good: now > before,
            by: format!("{:.0}", (now - before).abs()),
            since: w.since_yesterday.to_owned(),
        }),
        _ => None,
    };
    let percent = |value: Option<i64>| value.map_or_else(|| "—".to_owned(), hundredths);
    let new_rate = rate(counted(Metric::NewRealName), counted(Metric::NewCustomers));
    let base_rate = rate(base(Metric::BaseRealName), base(Metric::Base));
    let tone_of = |rate: Option<i64>, target: i64| match rate {
        Some(rate) if rate < target => Tone::Bad,
        Some(_) => Tone::Good,
        None => Tone::Quiet,
    };
    let count = |value: i64| thousands(value.max(0).unsigned_abs());
    let look = Look::of(&app, &actor, &shell);
    let place = Where { city: &asked.city, channel: &asked.channel };
    let (waiting, late) = match actor.could(&app, Action::OrderView) {
        true => (
            view::count(&app, &actor, alerts::waiting(&place), view::COUNT_CAP).await?,
            alerts::overdue(&app, &actor, &place, app.clock.now()).await?,
        ),
        false => (0, 0),
    };
    let queue = Address::new("/orders", [("state", "submitted"), ("city", asked.city.as_str()), ("channel", asked.channel.as_str())]);
    let alerts = alerts::alerts(&look, place).await?;
    let stages = [
        (w.submitted, Metric::Submitted),
        (w.approved, Metric::Approved),
        (w.activated, Metric::NewCustomers),
        (w.returned, Metric::Returned),
        (w.rejected, Metric::Rejected),
    ];
    let funnel = Bars::new(
        w,
        "funnel",
        w.funnel,
        w.funnel_about,
        stages.iter().map(|(name, _)| (*name).to_owned()).collect(),
        vec![Series { name: w.menu_orders.into(), values: stages.iter().map(|(_, metric)| counted(*metric).max(0) as f64).collect() }],
        0,
        false,
    );
    let map = TileMap::new(w, "map", w.city_map, w.city_map_about, w.rate_base, tiles(&app, &shell, &found.base, &asked), 2);
    let cards = vec![
        Card {
            spark: new_rate.and_then(|_| Spark::new(format!("{} {}", w.rate_new, w.trend), &new_rates)),
            // R-REG-1: since 2013-09 every new customer.
            ..plain(
                w.rate_new,
                percent(new_rate),
                if new_rate.is_some() { w.unit_percent } else { "" },
                orders("activated"),
                tone_of(new_rate, 10_000),
            )
        },
        Card {
            note: shell.say(w.of_base, count(base(Metric::Base))),
            ..plain(
                w.rate_base,
                percent(base_rate),
                if base_rate.is_some() { w.unit_percent } else { "" },
                "#cities".to_owned(),
                tone_of(base_rate, 9_500),
            )
        },
        plain(w.card_unregistered, count(base(Metric::Base) - base(Metric::BaseRealName)), "", "#cities".to_owned(), Tone::Warning),
        Card {
            note: if late > 0 { shell.say(w.overdue_of_it, count(late)) } else { String::new() },
            ..plain(w.card_waiting, count(waiting), w.unit_orders, queue.to_string(), if late > 0 { Tone::Bad } else { Tone::Active })
        },
        Card {
            change: against_yesterday(&submitted),
            spark: Spark::new(format!("{} {}", w.submitted, w.trend), &submitted),
            ..plain(w.submitted, count(counted(Metric::Submitted)), w.unit_orders, orders(""), Tone::Quiet)
        },
        Card {
            change: against_yesterday(&approved),
            spark: Spark::new(format!("{} {}", w.approved, w.trend), &approved),
            ..plain(w.approved, count(counted(Metric::Approved)), w.unit_orders, orders("activated"), Tone::Quiet)
        },
    ];
    let cities = cities(&app, &shell, &found.base, &asked);
    let search = Search {
        w,
        action: "/overview".into(),
        target: "figures".into(),
        fields: vec![
            Input::select(
                "days",
                w.figures_days,
                vec![Choice::new("", w.days_today), Choice::new("7", w.days_7), Choice::new("30", w.days_30)],
            )
            .value(&asked.days)
            .prefix("s"),
            Input::select("city", w.region, city_choices(&app, language, w, &actor.region)).value(&asked.city).prefix("s"),
            Input::select("channel", w.channel, channel_choices(w)).value(&asked.channel).prefix("s"),
        ],
        kept: Vec::new(),
    };
    Ok(page(&Overview { w, lead: w.overview_lead.into(), search, cards, cities, map, funnel, alerts, trend, shell }))
}

/// `9623` → `96.23`
fn hundredths(rate: i64) -> String {
    format!("{}.{:02}", rate / 100, rate % 100)
}

/// 地市 × 渠道: the base's real-name rate, best city first; every figure leads to its orders.
fn cities(app: &App, shell: &Shell, base: &super::Table, asked: &Asked) -> Table {
    let w = shell.w;
    let mut sums: BTreeMap<&str, BTreeMap<i64, (i64, i64)>> = BTreeMap::new();
    for ((region, kind), metrics) in base {
        let cell = sums.entry(region).or_default().entry(*kind).or_default();
        cell.0 += metrics.get(&Metric::BaseRealName).copied().unwrap_or(0);
        cell.1 += metrics.get(&Metric::Base).copied().unwrap_or(0);
    }
    let mut rows: Vec<_> = sums
        .into_iter()
        .map(|(region, kinds)| {
            let total = kinds.values().fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
            (region, kinds, rate(total.0, total.1))
        })
        .collect();
    rows.sort_by_key(|(region, _, rate)| (std::cmp::Reverse(*rate), region.to_owned()));
    let orders = |region: &str, channel: &str| Address::new("/orders", [("city", region), ("channel", channel)]).to_string();
    let lines = rows
        .iter()
        .enumerate()
        .map(|(index, (region, kinds, total))| {
            let mut cells = vec![Cell::Link(
                Address::new("/overview", [("city", *region), ("days", asked.days.as_str())]).to_string(),
                region_name(app, shell.language, region),
            )];
            cells.extend(ChannelKind::ALL.iter().map(|kind| match kinds.get(&(*kind as i64)).and_then(|cell| rate(cell.0, cell.1)) {
                Some(rate) => Cell::NumberLink(orders(region, kind.as_str()), hundredths(rate)),
                None => Cell::Number("—".to_owned()),
            }));
            cells.push(match total {
                // The scale starts at 80 %: all rates are high, and their differences are what is looked for.
                Some(rate) => Cell::Bar(Bar::new(
                    hundredths(*rate),
                    (*rate as f64 - 8_000.0) / 2_000.0,
                    if *rate < 9_500 { Tone::Warning } else { Tone::Good },
                )),
                None => Cell::Number("—".to_owned()),
            });
            cells.push(Cell::Number((index + 1).to_string()));
            Line { id: (*region).to_owned(), cells, current: asked.city == **region }
        })
        .collect::<Vec<_>>();
    let columns = vec![
        Column::new(w.region),
        Column::number(w.own_hall),
        Column::number(w.social_outlet),
        Column::number(w.online),
        Column::number(w.total),
        Column::number(w.rank),
    ];
    Table::within(w, "cities", w.city_channel, columns, lines, w.rates_none)
}

/// One tile for each city in the order of their codes, so that a city keeps its place.
fn tiles(app: &App, shell: &Shell, base: &super::Table, asked: &Asked) -> Vec<Tile> {
    const COLUMNS: usize = 4;
    let channel = ChannelKind::parse(&asked.channel).map(|kind| kind as i64);
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for ((region, _), metrics) in base.iter().filter(|((_, kind), _)| channel.is_none_or(|channel| channel == *kind)) {
        let cell = sums.entry(region).or_default();
        cell.0 += metrics.get(&Metric::BaseRealName).copied().unwrap_or(0);
        cell.1 += metrics.get(&Metric::Base).copied().unwrap_or(0);
    }
    let tile = |(index, (region, (real, all))): (usize, (&str, (i64, i64)))| Tile {
        column: u8::try_from(index % COLUMNS).unwrap_or(0),
        row: u8::try_from(index / COLUMNS).unwrap_or(u8::MAX),
        name: region_name(app, shell.language, region),
        value: rate(real, all).map_or(f64::NAN, |rate| rate as f64 / 100.0),
        href: Address::new("/overview", [("city", region), ("days", asked.days.as_str()), ("channel", asked.channel.as_str())]).to_string(),
    };
    sums.into_iter().enumerate().map(tile).collect()
}
