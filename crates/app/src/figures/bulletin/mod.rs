//! 通报: what happened in a day or a week, by city and kind of outlet, made at a set hour, kept as it was published and never made again.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    problem::{Problem, Refuse},
    role::Action,
    rulebook::ChannelKind,
    time::{HOUR_MS, Timestamp},
};
use chuangsha_store::{Row as Line, Tx, params};
use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use ring::digest;
use uuid::Uuid;

use super::{Metric, Table as Sums};
use crate::{
    App,
    hotline::warning,
    platform::{
        actor::Actor,
        audit::{By, Entry, integrate},
        failure::{Failure, Result, refuse},
        listed::listed,
    },
};

pub mod http;
pub mod page;
pub mod sheet;
pub mod suppress;

use suppress::{ALL, Grid, Published, Rule, publish};

/// Tables of bulletins. What was published is only ever added to.
pub const DDL: &str = "
CREATE TABLE bulletin (
    id BYTEA PRIMARY KEY,
    kind BIGINT NOT NULL,
    from_day TEXT NOT NULL,
    until_day TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    content TEXT NOT NULL,
    digest TEXT NOT NULL,
    entry BYTEA NOT NULL,
    UNIQUE (kind, until_day)
);
CREATE INDEX bulletin_until ON bulletin (until_day, kind);
";

listed! {
    /// 通报种类
    BulletinKind {
        Daily = 1, "daily", "日报", "Daily bulletin";
        Weekly = 2, "weekly", "周报", "Weekly bulletin";
    }
}

/// Figures of one place. `None`: not published, small or hidden for another's sake.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct BulletinFigures {
    /// 在网用户 at the end of the time.
    pub base: Option<i64>,
    /// Of them registered.
    pub real_name: Option<i64>,
    /// 实名率, thousandths, from the two published figures.
    pub rate: Option<i64>,
    /// 新入网
    pub new_customers: Option<i64>,
    /// 补登完成
    pub remediated: Option<i64>,
    /// 停机
    pub stopped: Option<i64>,
    /// 复机
    pub restored: Option<i64>,
    /// 投诉
    pub complaints: Option<i64>,
    /// 预警, which are of places and not of people: never hidden.
    pub warnings: i64,
}

/// One city.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct BulletinRow {
    /// City, six digits.
    pub region: String,
    /// 排名 by the published rate; equal rates share one.
    pub rank: Option<i64>,
    /// By kind of outlet: `own_hall`, `social_outlet`, `online`.
    pub channels: BTreeMap<String, BulletinFigures>,
    /// All outlets.
    pub all: BulletinFigures,
}

/// A target as it was known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct BulletinTarget {
    /// Percent.
    pub percent: i64,
    /// To be reached by, `2016-12-31`.
    pub due: String,
    /// Article.
    pub article: String,
}

/// 通报内容, as published: these bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct BulletinContent {
    /// Form of this content.
    pub v: u8,
    /// Kind.
    pub kind: BulletinKind,
    /// First day.
    pub from: String,
    /// Last day.
    pub until: String,
    /// RFC 3339.
    pub made_at: String,
    /// Operator, Chinese and English.
    pub operator: (String, String),
    /// Cities, best rate first.
    pub rows: Vec<BulletinRow>,
    /// All cities.
    pub all: BulletinFigures,
    /// By kind of outlet, all cities.
    pub channels: BTreeMap<String, BulletinFigures>,
    /// Schedule of the base's rate as it was known on the last day.
    pub targets: Vec<BulletinTarget>,
    /// Counts below are hidden.
    pub small: i64,
    /// Counts are rounded to.
    pub round: i64,
    /// Stocks are rounded to.
    pub round_stock: i64,
    /// Version of the rule packs.
    pub pack: String,
    /// Signed checkpoint of the audit log when it was made.
    pub checkpoint: Option<String>,
}

/// A bulletin as it is kept.
#[derive(Debug, Clone)]
pub struct Bulletin {
    /// Id.
    pub id: Uuid,
    /// Content.
    pub content: BulletinContent,
    /// The very bytes.
    pub bytes: String,
    /// SHA-256 of them, hex: it stands in the audit log too.
    pub digest: String,
}

/// Why a bulletin is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such bulletin")]
pub struct NotFound;

/// Codes of bulletins.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "bulletin.not_found", 404, "没有这份通报，或您无权查看", "There is no such bulletin, or it is not yours to see", "请从通报列表选择", "Choose one from the list";
    }
}

impl Refuse for NotFound {
    fn problem(&self) -> Problem {
        Problem::new(&code::NOT_FOUND)
    }
}

/// Since when the base is counted: before any installation.
const BEGINNING: Date = Date::constant(2000, 1, 1);

/// Columns of a table: the kinds of outlet, and what belongs to none, such as the complaint of somebody who did not say their number.
const CHANNELS: [(i64, &str); 4] = [
    (ChannelKind::OwnHall as i64, ChannelKind::OwnHall.as_str()),
    (ChannelKind::SocialOutlet as i64, ChannelKind::SocialOutlet.as_str()),
    (ChannelKind::Online as i64, ChannelKind::Online.as_str()),
    (0, "none"),
];

/// A metric over cities and kinds of outlet, as a table.
fn grid(found: &Sums, cities: &[String], metric: Metric) -> Grid {
    let mut grid = Grid::new();
    for (row, city) in cities.iter().enumerate() {
        for (column, (kind, _)) in CHANNELS.iter().enumerate() {
            let count = found.get(&(city.clone(), *kind)).and_then(|metrics| metrics.get(&metric)).copied().unwrap_or(0);
            grid.insert((row, column), count.max(0));
        }
    }
    grid
}

/// 实名率 from published figures, thousandths. All of them is said only when it is so.
fn rate(real_name: Option<i64>, base: Option<i64>, all: bool) -> Option<i64> {
    let (real_name, base) = (real_name?, base.filter(|base| *base > 0)?);
    let rate = (real_name * 1_000 / base).min(1_000);
    Some(if all { rate } else { rate.min(999) })
}

struct Tables {
    base: Published,
    real_name: Published,
    complete: Grid,
    flows: Vec<(Metric, Published)>,
    warnings: BTreeMap<(usize, usize), i64>,
}

impl Tables {
    fn at(&self, place: (usize, usize)) -> BulletinFigures {
        let of = |published: &Published| published.get(&place).copied().flatten();
        let flow = |metric: Metric| self.flows.iter().find(|(one, _)| *one == metric).and_then(|(_, published)| of(published));
        let (base, real_name) = (of(&self.base), of(&self.real_name));
        BulletinFigures {
            base,
            real_name,
            rate: rate(real_name, base, self.complete.get(&place) == Some(&0)),
            new_customers: flow(Metric::NewCustomers),
            remediated: flow(Metric::Remediated),
            stopped: flow(Metric::Stopped),
            restored: flow(Metric::Restored),
            complaints: flow(Metric::Complaints),
            warnings: self.warnings.get(&place).copied().unwrap_or(0),
        }
    }

    fn channels(&self, row: usize) -> BTreeMap<String, BulletinFigures> {
        CHANNELS.iter().enumerate().map(|(column, (_, name))| ((*name).to_owned(), self.at((row, column)))).collect()
    }
}

impl BulletinFigures {
    /// A count of the time, as it was published.
    const fn flow(&self, metric: Metric) -> Option<i64> {
        match metric {
            Metric::NewCustomers => self.new_customers,
            Metric::Remediated => self.remediated,
            Metric::Stopped => self.stopped,
            Metric::Restored => self.restored,
            Metric::Complaints => self.complaints,
            _ => None,
        }
    }
}

/// The daily bulletin of a day, where it was published: a week repeats it and never counts anew.
fn daily(tx: &mut Tx, day: Date) -> Result<Option<BulletinContent>> {
    let sql = "SELECT content FROM bulletin WHERE kind = $1 AND until_day = $2";
    let row = tx.query_opt(sql, &params![BulletinKind::Daily as i64, &day.to_string()])?;
    row.map(|row| serde_json::from_str(row.str(0)?).map_err(Failure::internal)).transpose()
}

/// A metric of a published bulletin, as a table over these cities.
fn as_told(content: &BulletinContent, cities: &[String], metric: Metric) -> Published {
    let mut told = Published::new();
    let mut take = |row: usize, all: &BulletinFigures, channels: &BTreeMap<String, BulletinFigures>| {
        told.insert((row, ALL), all.flow(metric));
        for (column, (_, name)) in CHANNELS.iter().enumerate() {
            told.insert((row, column), channels.get(*name).and_then(|one| one.flow(metric)));
        }
    };
    take(ALL, &content.all, &content.channels);
    for row in &content.rows {
        if let Some(place) = cities.iter().position(|city| *city == row.region) {
            take(place, &row.all, &row.channels);
        }
    }
    told
}

/// What is counted in the time of a bulletin.
const FLOWS: [Metric; 5] = [Metric::NewCustomers, Metric::Remediated, Metric::Stopped, Metric::Restored, Metric::Complaints];

/// Puts a bulletin together from the figures as they stand.
fn compile(app: &App, tx: &mut Tx, kind: BulletinKind, (from, until): (Date, Date), now: Timestamp) -> Result<BulletinContent> {
    let flows = super::table(tx, from, until, "")?;
    let stock = super::table(tx, BEGINNING, until, "")?;
    let small = app.number_rule("bulletin.small_cell", now, "")?.value;
    let round = app.number_rule("bulletin.rounding", now, "")?.value;
    let round_stock = app.number_rule("bulletin.rounding_stock", now, "")?.value;
    let mut cities: Vec<String> = stock.keys().chain(flows.keys()).map(|(region, _)| region.clone()).collect();
    cities.sort();
    cities.dedup();
    // A stock below its rounding says nothing but who is in it.
    let stocks = Rule { small: round_stock, round: round_stock };
    let counted = Rule { small, round };
    // A week adds up its days as each is told: it says nothing that they do not.
    let mut each = Vec::new();
    let mut day = from;
    while day <= until {
        let kept = if kind == BulletinKind::Weekly { daily(tx, day)? } else { None };
        each.push((kept, super::table(tx, day, day, "")?));
        day = day.tomorrow().map_err(Failure::internal)?;
    }
    let told = |metric: Metric| {
        let day = |(kept, counts): &(Option<BulletinContent>, Sums)| match kept {
            Some(kept) => as_told(kept, &cities, metric),
            None => publish(&grid(counts, &cities, metric), counted),
        };
        suppress::added(&each.iter().map(day).collect::<Vec<_>>())
    };
    let (base, real_name) = (grid(&stock, &cities, Metric::Base), grid(&stock, &cities, Metric::BaseRealName));
    let missing: Grid = base.iter().map(|(place, all)| (*place, (all - real_name.get(place).copied().unwrap_or(0)).max(0))).collect();
    let mut warnings: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for (region, channel, count) in warning::counts(tx, &from.to_string(), &until.to_string())? {
        let Some(row) = cities.iter().position(|city| *city == region) else { continue };
        let column = CHANNELS.iter().position(|(kind, _)| *kind == channel);
        let places = [(row, ALL), (ALL, ALL)].into_iter().chain(column.into_iter().flat_map(|column| [(row, column), (ALL, column)]));
        for place in places {
            *warnings.entry(place).or_default() += count;
        }
    }
    let tables = Tables {
        base: publish(&base, stocks),
        real_name: publish(&real_name, stocks),
        complete: suppress::with_sums(&missing),
        flows: FLOWS.into_iter().map(|metric| (metric, told(metric))).collect(),
        warnings,
    };
    let mut rows: Vec<BulletinRow> = cities
        .iter()
        .enumerate()
        .map(|(row, region)| BulletinRow { region: region.clone(), rank: None, channels: tables.channels(row), all: tables.at((row, ALL)) })
        .collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.all.rate), row.region.clone()));
    let rates: Vec<Option<i64>> = rows.iter().map(|row| row.all.rate).collect();
    for row in &mut rows {
        row.rank = row.all.rate.map(|own| 1 + rates.iter().flatten().filter(|rate| **rate > own).count() as i64);
    }
    let targets = app.rules.targets("target.base_rate", until);
    Ok(BulletinContent {
        v: 1,
        kind,
        from: from.to_string(),
        until: until.to_string(),
        made_at: now.rfc3339(),
        operator: (app.config.operator.name_zh.clone(), app.config.operator.name_en.clone()),
        rows,
        all: tables.at((ALL, ALL)),
        channels: tables.channels(ALL),
        targets: targets
            .into_iter()
            .map(|target| BulletinTarget { percent: target.percent, due: target.due.to_string(), article: target.article.clone() })
            .collect(),
        small,
        round,
        round_stock,
        pack: app.rules.version.clone(),
        checkpoint: integrate::last(tx)?.map(|(_, _, note)| note),
    })
}

/// First and last day of the bulletin that ends on `until`.
pub fn days(kind: BulletinKind, until: Date) -> (Date, Date) {
    match kind {
        BulletinKind::Daily => (until, until),
        BulletinKind::Weekly => (until.checked_sub(6.days()).unwrap_or(until), until),
    }
}

/// Makes the bulletin that ends on a day, once: what is there already is left as it is. Says whether it was made.
///
/// # Errors
/// The record failed.
pub async fn make(app: &App, kind: BulletinKind, until: Date) -> Result<bool> {
    let now = app.clock.now();
    let writer = app.clone();
    app.write(move |tx| {
        let day = until.to_string();
        if tx.query_opt("SELECT 1 FROM bulletin WHERE kind = $1 AND until_day = $2", &params![kind as i64, &day])?.is_some() {
            return Ok(false);
        }
        let content = compile(&writer, tx, kind, days(kind, until), now)?;
        let bytes = serde_json::to_string(&content).map_err(Failure::internal)?;
        let digest = hex::encode(digest::digest(&digest::SHA256, bytes.as_bytes()));
        let id = writer.ids.next(now);
        let facts = serde_json::json!({ "kind": kind, "until": day, "sha256": digest }).to_string();
        let entry = Entry {
            action: "bulletin.publish",
            case_kind: "bulletin",
            case: Some(id),
            step: kind.as_str(),
            article: "R-GOV-9",
            pack: &writer.rules.version,
            facts: &facts,
            ..Entry::default()
        };
        let entry = writer.audit(tx, By::System("bulletin"), &entry, now)?;
        tx.push_one(
            "INSERT INTO bulletin (id, kind, from_day, until_day, made_at, content, digest, entry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &params![&id, kind as i64, &content.from, &content.until, now.0, &bytes, &digest, &entry],
        )?;
        Ok(true)
    })
    .await
}

/// The bulletins due by now: yesterday's from the set hour on, and the last whole week's (Monday to Sunday). Says how many were made. One leased
/// job calls it.
///
/// # Errors
/// The record failed.
pub async fn turn(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let hour = app.number_rule("bulletin.hour", now, "")?.value;
    // Before the hour the day counts as the one before.
    let day = now.plus_ms(-hour * HOUR_MS).day();
    let Ok(yesterday) = day.yesterday() else { return Ok(0) };
    let back = i64::from(yesterday.weekday().since(Weekday::Sunday));
    let sunday = yesterday.checked_sub(back.days()).unwrap_or(yesterday);
    let daily = make(app, BulletinKind::Daily, yesterday).await?;
    let weekly = make(app, BulletinKind::Weekly, sunday).await?;
    Ok(usize::from(daily) + usize::from(weekly))
}

fn read(row: &Line) -> Result<Bulletin> {
    let bytes = row.text(1)?;
    Ok(Bulletin { id: row.uuid(0)?, content: serde_json::from_str(&bytes).map_err(Failure::internal)?, bytes, digest: row.text(2)? })
}

/// What a list of bulletins shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Kind.
    pub kind: Option<BulletinKind>,
    /// Keyset: last day and kind of the last row before.
    pub after: Option<(String, i64)>,
    /// Rows.
    pub limit: i64,
}

/// One page, newest first, narrowed to what this person may see.
///
/// # Errors
/// The right to see figures.
pub async fn list(app: &App, actor: &Actor, filter: Filter) -> Result<Vec<Bulletin>> {
    let region = app.visible_region(actor, Action::FiguresView, "")?;
    let rows = app
        .read(move |tx| {
            let (day, kind) = filter.after.clone().unwrap_or_else(|| ("9999-12-31".to_owned(), i64::MAX));
            let wanted = filter.kind.map_or(0, |kind| kind as i64);
            let sql = "SELECT id, content, digest FROM bulletin WHERE ($1 = 0 OR kind = $1) AND (until_day < $2 OR (until_day = $2 AND kind < $3)) \
                       ORDER BY until_day DESC, kind DESC LIMIT $4";
            tx.query(sql, &params![wanted, &day, kind, filter.limit.clamp(1, 1_001)])?.iter().map(read).collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(rows.into_iter().map(|one| narrowed(one, &region)).collect())
}

/// One bulletin, narrowed to what this person may see.
///
/// # Errors
/// `bulletin.not_found`; the right to see figures.
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<Bulletin> {
    let region = app.visible_region(actor, Action::FiguresView, "")?;
    let found = app
        .read(move |tx| {
            let row = tx.query_opt("SELECT id, content, digest FROM bulletin WHERE id = $1", &params![&id])?;
            row.as_ref().map(read).transpose()
        })
        .await?;
    found.map(|one| narrowed(one, &region)).ok_or_else(|| refuse(NotFound))
}

/// The rows of a region. Ranks and sums of the whole are published figures and stay.
fn narrowed(mut one: Bulletin, region: &str) -> Bulletin {
    one.content.rows.retain(|row| row.region.starts_with(region));
    one
}

/// The newest of a kind before a day, to compare with.
///
/// # Errors
/// The right to see figures.
pub async fn before(app: &App, actor: &Actor, one: &Bulletin) -> Result<Option<Bulletin>> {
    let after = Some((one.content.until.clone(), 0));
    let filter = Filter { kind: Some(one.content.kind), after, limit: 1 };
    Ok(list(app, actor, filter).await?.into_iter().next())
}
