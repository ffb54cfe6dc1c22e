//! 通报页面: the list, one bulletin with its charts, the same as it is printed, and two side by side.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State as Of},
    http::{Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chuangsha_kernel::{problem::Language, role::Action, rulebook::ChannelKind};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    Bulletin, BulletinFigures, BulletinKind as Kind, Filter, NotFound,
    sheet::{self, cells, heads, per_cent, title},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        web::{
            chart::{Bars, Series},
            form::{Choice, Input},
            list::{self, Asked, Found, Listing, Look, Window},
            page,
            parts::{Card, Fact, Facts, Tone, code, fact},
            shell::Shell,
            table::{Act, Address, Cell, Column, Line, Table},
        },
        words::{Words, said},
    },
    registration::page::{channel_words, moment, region_name},
};

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/bulletins", get(all))
        .route("/bulletins/compare", get(compare))
        .route("/bulletins/{id}", get(one))
        .route("/bulletins/{id}/print", get(print))
        .route("/bulletins/{id}/xlsx", get(file))
}

/// 通报, as a list.
pub struct Bulletins;

impl Listing for Bulletins {
    fn path(&self) -> &'static str {
        "/bulletins"
    }

    fn id(&self) -> &'static str {
        "bulletins"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.bulletin
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.bulletin_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["kind"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("day", w.day),
            Column::keyed("kind", w.kind),
            Column::keyed("rate", w.bulletin_rate).figures(),
            Column::keyed("remediated", w.bulletin_remediated).figures(),
            Column::keyed("complaints", w.bulletin_complaints).figures(),
            Column::keyed("warnings", w.warning_list).figures(),
            Column::keyed("made", w.bulletin_made).moment(),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        let mut kinds = vec![Choice::new("", look.w.all)];
        kinds.extend(Kind::ALL.iter().map(|kind| Choice::new(kind.as_str(), said(look.language, kind.words()))));
        vec![asked.fill(Input::select("kind", look.w.kind, kinds))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let after = window.after.as_deref().and_then(|after| after.rsplit_once('_'));
            let filter = Filter {
                kind: Kind::parse(asked.get("kind")),
                after: after.and_then(|(day, kind)| Some((day.to_owned(), kind.parse().ok()?))),
                limit: i64::from(window.limit) + 1,
            };
            let rows = super::list(&look.app, &look.actor, filter).await?;
            let cursor = |one: &Bulletin| format!("{}_{}", one.content.until, one.content.kind as i64);
            Ok(Found::page(rows, window.limit, None, |one| line(look, one), cursor))
        })
    }
}

fn line(look: &Look, one: &Bulletin) -> Line {
    let (w, language, content) = (look.w, look.language, &one.content);
    let href = format!("/bulletins/{}", one.id);
    Line {
        id: one.id.to_string(),
        cells: vec![
            Cell::Link(href.clone(), content.until.clone()),
            Cell::Text(said(language, content.kind.words()).to_owned()),
            Cell::Number(per_cent(content.all.rate)),
            Cell::Number(sheet::count(content.all.remediated, content.small)),
            Cell::Number(sheet::count(content.all.complaints, content.small)),
            Cell::Number(content.all.warnings.to_string()),
            Cell::Text(moment(&content.made_at)),
            Cell::Actions(vec![Act::page(w.open, &content.until, href)]),
        ],
        current: false,
    }
}

async fn all(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Bulletins, &app, &actor, shell, &uri).await
}

/// One bulletin, on the screen or on paper.
#[derive(Template)]
#[template(path = "figures/bulletin/bulletin.html")]
struct Paper {
    shell: Shell,
    w: &'static Words,
    title: String,
    operator: String,
    cards: Vec<Card>,
    progress: Facts,
    rates: Bars,
    flows: Bars,
    table: Table,
    control: String,
    facts: Facts,
    checkpoint: String,
    /// Addresses of the printed form, the file and the comparison; empty on paper.
    links: Vec<(String, String)>,
    paper: bool,
}

fn bulletin_id(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| refuse(NotFound))
}

async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let found = super::find(&app, &actor, bulletin_id(&id)?).await?;
    let w = shell.w;
    let mut links = vec![
        (format!("/bulletins/{}/print", found.id), w.bulletin_print.to_owned()),
        (format!("/bulletins/{}/xlsx", found.id), "XLSX".to_owned()),
    ];
    if let Some(before) = super::before(&app, &actor, &found).await? {
        let address = Address::new("/bulletins/compare", [("a", before.id.to_string()), ("b", found.id.to_string())]);
        links.push((address.to_string(), w.bulletin_compare.to_owned()));
    }
    Ok(page(&paper(&app, shell, &found, links, false)))
}

async fn print(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let found = super::find(&app, &actor, bulletin_id(&id)?).await?;
    Ok(page(&paper(&app, shell, &found, Vec::new(), true)))
}

async fn file(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let found = super::find(&app, &actor, bulletin_id(&id)?).await?;
    let bytes = sheet::xlsx(&app, shell.w, shell.language, &found);
    let name = format!("attachment; filename=\"bulletin-{}-{}.xlsx\"", found.content.kind.as_str(), found.content.until);
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

fn paper(app: &App, shell: Shell, found: &Bulletin, links: Vec<(String, String)>, paper: bool) -> Paper {
    let (w, language, content) = (shell.w, shell.language, &found.content);
    let card = |label: &str, value: String, tone: Tone| Card {
        label: label.to_owned(),
        value,
        unit: String::new(),
        change: None,
        note: String::new(),
        href: "#bulletin".to_owned(),
        spark: None,
        tone,
    };
    let small = content.small;
    let cards = vec![
        Card { unit: w.unit_percent.to_owned(), ..card(w.rate_base, per_cent(content.all.rate), Tone::Active) },
        card(w.bulletin_remediated, sheet::count(content.all.remediated, small), Tone::Good),
        card(w.bulletin_stopped, sheet::count(content.all.stopped, small), Tone::Warning),
        card(w.bulletin_restored, sheet::count(content.all.restored, small), Tone::Good),
        card(w.bulletin_complaints, sheet::count(content.all.complaints, small), Tone::Quiet),
        card(w.warning_list, content.all.warnings.to_string(), if content.all.warnings > 0 { Tone::Bad } else { Tone::Good }),
    ];
    let names: Vec<String> = content.rows.iter().map(|row| region_name(app, language, &row.region)).collect();
    let value = |value: Option<i64>, by: f64| value.map_or(f64::NAN, |value| value as f64 / by);
    let rates = Bars::new(
        w,
        "rates",
        w.bulletin_rates,
        w.bulletin_rates_about,
        names.clone(),
        vec![Series { name: w.bulletin_rate.into(), values: content.rows.iter().map(|row| value(row.all.rate, 10.0)).collect() }],
        1,
        false,
    );
    let series = |name: &str, of: &dyn Fn(&BulletinFigures) -> Option<i64>| Series {
        name: name.into(),
        values: content.rows.iter().map(|row| value(of(&row.all), 1.0)).collect(),
    };
    let flows = Bars::new(
        w,
        "flows",
        w.bulletin_flows,
        w.bulletin_flows_about,
        names,
        vec![
            series(w.bulletin_remediated, &|one| one.remediated),
            series(w.bulletin_stopped, &|one| one.stopped),
            series(w.bulletin_restored, &|one| one.restored),
            series(w.bulletin_complaints, &|one| one.complaints),
        ],
        0,
        false,
    );
    let progress = content.targets.iter().map(|target| {
        let reached = content.all.rate.is_some_and(|rate| rate >= target.percent * 10);
        let reached = if reached { w.bulletin_reached } else { w.bulletin_open };
        fact(&format!("{} %", target.percent), format!("{} {} · {reached} · {}", w.until, target.due, target.article))
    });
    Paper {
        w,
        title: title(w, language, found),
        operator: if language == Language::Chinese { content.operator.0.clone() } else { content.operator.1.clone() },
        cards,
        progress: Facts { facts: progress.collect() },
        rates,
        flows,
        table: figures(app, w, language, found),
        control: sheet::control(w, content.small, content.round, content.round_stock),
        facts: Facts { facts: about(w, found) },
        checkpoint: content.checkpoint.clone().unwrap_or_else(|| "—".to_owned()),
        links,
        paper,
        shell,
    }
}

fn about(w: &'static Words, found: &Bulletin) -> Vec<Fact> {
    vec![
        fact(w.bulletin_made, moment(&found.content.made_at)),
        code(w.bulletin_digest, found.digest.clone()),
        code(w.bulletin_pack, found.content.pack.clone()),
    ]
}

/// 地市 × 渠道: every published figure.
fn figures(app: &App, w: &'static Words, language: Language, found: &Bulletin) -> Table {
    let content = &found.content;
    let mut columns = vec![Column::new(w.region), Column::new(w.channel), Column::number(w.rank)];
    columns.extend(heads(w).into_iter().map(Column::number));
    let mut lines = Vec::new();
    let mut add = |id: String, region: String, channel: String, rank: Option<i64>, one: &BulletinFigures| {
        let mut row =
            vec![Cell::Text(region), Cell::Text(channel), Cell::Number(rank.map_or_else(|| "—".to_owned(), |rank| rank.to_string()))];
        row.extend(cells(one, content.small, content.round_stock).map(Cell::Number));
        lines.push(Line { id, cells: row, current: false });
    };
    let channel = |kind: &str| ChannelKind::parse(kind).map_or(w.bulletin_no_channel, |kind| channel_words(w, kind)).to_owned();
    add("all".into(), w.total.to_owned(), w.total.to_owned(), None, &content.all);
    for (kind, one) in content.channels.iter().filter(|(_, one)| !one.is_silent()) {
        add(format!("all-{kind}"), w.total.to_owned(), channel(kind), None, one);
    }
    for row in &content.rows {
        let name = region_name(app, language, &row.region);
        add(row.region.clone(), name.clone(), w.total.to_owned(), row.rank, &row.all);
        for (kind, one) in row.channels.iter().filter(|(_, one)| !one.is_silent()) {
            add(format!("{}-{kind}", row.region), name.clone(), channel(kind), None, one);
        }
    }
    plain(w, "bulletin", w.city_channel, columns, lines)
}

fn plain(w: &'static Words, id: &str, caption: &str, columns: Vec<Column>, lines: Vec<Line>) -> Table {
    Table::within(w, id, caption, columns, lines, w.no_figures)
}

/// Two bulletins side by side.
#[derive(Template)]
#[template(path = "figures/bulletin/compare.html")]
struct Comparison {
    shell: Shell,
    w: &'static Words,
    lead: String,
    table: Table,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Two {
    a: String,
    b: String,
}

async fn compare(Of(app): Of<App>, actor: Actor, shell: Shell, Query(two): Query<Two>) -> Result<Response> {
    actor.reach(&app, Action::FiguresView)?;
    let (w, language) = (shell.w, shell.language);
    // Without two ids: the newest and the one before it.
    let (a, b) = match (Uuid::try_parse(&two.a), Uuid::try_parse(&two.b)) {
        (Ok(a), Ok(b)) => (Some(super::find(&app, &actor, a).await?), Some(super::find(&app, &actor, b).await?)),
        _ => {
            let newest = Filter { kind: Some(Kind::Daily), limit: 2, ..Filter::default() };
            let mut found = super::list(&app, &actor, newest).await?.into_iter();
            let b = found.next();
            (found.next(), b)
        }
    };
    let mut columns = vec![Column::new(w.region), Column::new(w.item)];
    let mut lines = Vec::new();
    let mut lead = w.no_figures.to_owned();
    if let (Some(a), Some(b)) = (&a, &b) {
        columns.extend([Column::number(title(w, language, a)), Column::number(title(w, language, b)), Column::number(w.bulletin_change)]);
        lead = format!("{} ↔ {}", title(w, language, a), title(w, language, b));
        lines.extend(changed(w, "all", w.total, (a, &a.content.all), (b, &b.content.all)));
        for row in &b.content.rows {
            let nothing = BulletinFigures::default();
            let before = a.content.rows.iter().find(|one| one.region == row.region).map_or(&nothing, |one| &one.all);
            lines.extend(changed(w, &row.region, &region_name(&app, language, &row.region), (a, before), (b, &row.all)));
        }
    }
    Ok(page(&Comparison { w, lead, table: plain(w, "compare", w.bulletin_compare, columns, lines), shell }))
}

/// The figures of one place in both, and what changed: only published figures are subtracted.
fn changed(
    w: &'static Words,
    id: &str,
    region: &str,
    (a, old): (&Bulletin, &BulletinFigures),
    (b, new): (&Bulletin, &BulletinFigures),
) -> Vec<Line> {
    let pairs = [
        (old.base, new.base),
        (old.real_name, new.real_name),
        (old.rate, new.rate),
        (old.new_customers, new.new_customers),
        (old.remediated, new.remediated),
        (old.stopped, new.stopped),
        (old.restored, new.restored),
        (old.complaints, new.complaints),
        (Some(old.warnings), Some(new.warnings)),
    ];
    let before = cells(old, a.content.small, a.content.round_stock);
    let after = cells(new, b.content.small, b.content.round_stock);
    heads(w)
        .into_iter()
        .zip(pairs)
        .zip(before.into_iter().zip(after))
        .enumerate()
        .map(|(index, ((head, (old, new)), (before, after)))| {
            let change = match (old, new) {
                (Some(old), Some(new)) => difference(new - old, index == 2),
                _ => "—".to_owned(),
            };
            Line {
                id: format!("{id}-{index}"),
                cells: vec![
                    Cell::Text(region.to_owned()),
                    Cell::Text(head.to_owned()),
                    Cell::Number(before),
                    Cell::Number(after),
                    Cell::Number(change),
                ],
                current: false,
            }
        })
        .collect()
}

/// By how much a figure changed, with its sign; what did not change has none.
fn difference(by: i64, tenths: bool) -> String {
    match by {
        0 => "0".to_owned(),
        by if tenths => format!("{:+.1}", by as f64 / 10.0),
        by => format!("{by:+}"),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn what_did_not_change_has_no_sign() {
        assert_eq!([difference(0, false), difference(0, true)], ["0", "0"]);
        let changed = [difference(12, false), difference(-3, false), difference(4, true), difference(-15, true)];
        assert_eq!(changed, ["+12", "-3", "+0.4", "-1.5"]);
    }
}
