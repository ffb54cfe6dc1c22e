//! 投诉预警: complaints of a city × stage × channel against what that cell had before (R-HOT-4), and many complaints at one place about one thing
//! (R-HOT-5). An open warning pauses the waves of its cell until somebody says why they may go on.
//!
//! The test is exact. Given all complaints of the days looked at, those of today are binomial if nothing changed, whatever the cell's own rate is;
//! a warning is raised where so many or more have a chance of at most the false alarms a year let to a cell, over 365. The count of a day only
//! grows and is weighed against a whole day, so that looking often raises no more false alarms than looking once.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    problem::{Problem, Refuse},
    role::Action,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use chuangsha_store::{Row, Tx, params};
use jiff::ToSpan;
use uuid::Uuid;

use super::{
    place, table,
    ticket::{Stage, Ticket, Topic},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        listed::listed,
    },
    remediation,
};

/// Tables of warnings.
pub const DDL: &str = "
CREATE TABLE early_warning (
    id BYTEA PRIMARY KEY,
    kind BIGINT NOT NULL,
    day TEXT NOT NULL,
    region TEXT NOT NULL,
    stage BIGINT NOT NULL,
    channel_kind BIGINT NOT NULL,
    place TEXT NOT NULL,
    topic BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    expected_milli BIGINT NOT NULL,
    chance_ppb BIGINT NOT NULL,
    state BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT NOT NULL,
    UNIQUE (kind, day, region, stage, channel_kind, place, topic),
    CONSTRAINT whoever_ends_a_warning_is_named CHECK (state = 1 OR (ended_at IS NOT NULL AND ended_by <> ''))
);
CREATE INDEX early_warning_open ON early_warning (region, id) WHERE state = 1;
";

listed! {
    /// 预警种类
    WarningKind {
        Rate = 1, "rate", "投诉率异常", "Complaint rate";
        Group = 2, "group", "群体性事件苗头", "Group incident";
    }
}

listed! {
    /// 预警状态
    WarningState {
        Open = 1, "open", "预警中，整治暂停", "Open: the waves pause";
        Acknowledged = 2, "acknowledged", "已处置", "Dealt with";
    }
}

/// 预警
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Id.
    pub id: Uuid,
    /// Kind.
    pub kind: WarningKind,
    /// Day in China.
    pub day: String,
    /// City.
    pub region: String,
    /// Stage; none for a group incident.
    pub stage: Stage,
    /// Kind of outlet; 0 where none is known.
    pub channel_kind: i64,
    /// Outlet of a group incident, or empty.
    pub place: String,
    /// Topic of a group incident.
    pub topic: Option<Topic>,
    /// Complaints of the day, or people of the incident.
    pub observed: i64,
    /// Complaints a day before, thousandths.
    pub expected_milli: i64,
    /// Chance of so many if nothing changed, in 1 of 10⁹.
    pub chance_ppb: i64,
    /// State.
    pub state: WarningState,
    /// Opened.
    pub opened_at: Timestamp,
    /// 工号 of whoever dealt with it.
    pub ended_by: String,
}

/// Why a step on a warning is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such warning")]
    NotFound,
    #[error("it was dealt with already")]
    Acknowledged,
    #[error("what was done is said in 2 to 200 characters")]
    WordsMissing,
}

/// Codes of warnings.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "warning.not_found", 404, "没有这条预警，或您无权查看", "There is no such warning, or it is not yours to see", "请核对地址", "Check the address";
        ACKNOWLEDGED = "warning.acknowledged", 409, "该预警已处置", "The warning was dealt with already", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        WORDS_MISSING = "warning.words_missing", 422, "请写明原因与处置，2 至 200 字", "Say the cause and what was done, 2 to 200 characters", "写明后整治才能继续", "The waves go on once it is said";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::Acknowledged => Problem::new(&code::ACKNOWLEDGED),
            Self::WordsMissing => Problem::new(&code::WORDS_MISSING).field("words"),
        }
    }
}

/// ln Γ(x) for x ≥ 1, by Lanczos' series; exact to 1e-10 for what is counted here.
fn ln_gamma(x: f64) -> f64 {
    const SERIES: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.120_865_097_386_617_9e-2,
        -0.539_523_938_495_3e-5,
    ];
    let t = x + 5.5;
    let sum = SERIES.iter().enumerate().fold(1.000_000_000_190_015, |sum, (index, term)| sum + term / (x + 1.0 + index as f64));
    (x + 0.5) * t.ln() - t + (2.506_628_274_631_000_5 * sum / x).ln()
}

/// Chance of `today` or more complaints in one day if nothing changed, given `before` in the `days` before: the upper tail of a binomial of
/// `today + before` with chance 1 / (days + 1).
pub fn chance(today: i64, before: i64, days: i64) -> f64 {
    if today <= 0 {
        return 1.0;
    }
    let (n, x) = ((today + before.max(0)) as f64, today as f64);
    let q = 1.0 / (days.max(1) as f64 + 1.0);
    let odds = q / (1.0 - q);
    let mut term = (ln_gamma(n + 1.0) - ln_gamma(x + 1.0) - ln_gamma(n - x + 1.0) + x * q.ln() + (n - x) * (1.0 - q).ln()).exp();
    let (mut sum, mut k) = (0.0, x);
    while k <= n && (term > sum * 1e-12 || k < n * q) {
        sum += term;
        term *= (n - k) / (k + 1.0) * odds;
        k += 1.0;
    }
    sum.min(1.0)
}

/// What raises a warning.
#[derive(Debug, Clone, Copy)]
pub struct Threshold {
    /// False alarms let to a hundred cells in a year.
    pub false_alarms: i64,
    /// Fewer in a day are never a warning.
    pub least: i64,
    /// Days of the baseline.
    pub days: i64,
}

impl Threshold {
    /// Highest chance that still raises a warning.
    pub fn level(&self) -> f64 {
        self.false_alarms as f64 / 100.0 / 365.0
    }

    /// Whether a day is a warning.
    pub fn raised(&self, today: i64, before: i64) -> bool {
        today >= self.least && chance(today, before, self.days) <= self.level()
    }
}

fn threshold(app: &App, now: Timestamp) -> Result<Threshold> {
    Ok(Threshold {
        false_alarms: app.number_rule("hotline.warning_false_alarms", now, "")?.value,
        least: app.number_rule("hotline.warning_least", now, "")?.value,
        days: app.number_rule("hotline.warning_baseline", now, "")?.value,
    })
}

const COLUMNS: &str =
    "id, kind, day, region, stage, channel_kind, place, topic, observed, expected_milli, chance_ppb, state, opened_at, ended_by";

fn read(row: &Row) -> Result<Warning> {
    let broken = |column: &str| Failure::internal(format!("early_warning.{column} holds a value this version does not know"));
    Ok(Warning {
        id: row.uuid(0)?,
        kind: WarningKind::from_i64(row.int(1)?).ok_or_else(|| broken("kind"))?,
        day: row.text(2)?,
        region: row.text(3)?,
        stage: Stage::from_i64(row.int(4)?).ok_or_else(|| broken("stage"))?,
        channel_kind: row.int(5)?,
        place: row.text(6)?,
        topic: Topic::from_i64(row.int(7)?),
        observed: row.int(8)?,
        expected_milli: row.int(9)?,
        chance_ppb: row.int(10)?,
        state: WarningState::from_i64(row.int(11)?).ok_or_else(|| broken("state"))?,
        opened_at: Timestamp(row.int(12)?),
        ended_by: row.text(13)?,
    })
}

/// Opens a warning; the same one of the same day is opened once.
pub(super) fn raise(app: &App, tx: &mut Tx, one: &Warning, article: &str, now: Timestamp) -> Result<bool> {
    let topic = one.topic.map_or(0, |topic| topic as i64);
    let there = tx.query_opt(
        "SELECT 1 FROM early_warning WHERE kind = $1 AND region = $2 AND stage = $3 AND channel_kind = $4 AND place = $5 AND topic = $6 \
         AND (state = 1 OR day = $7) LIMIT 1",
        &params![one.kind as i64, &one.region, one.stage as i64, one.channel_kind, &one.place, topic, &one.day],
    )?;
    if there.is_some() {
        return Ok(false);
    }
    tx.push_one(
        "INSERT INTO early_warning (id, kind, day, region, stage, channel_kind, place, topic, observed, expected_milli, chance_ppb, state, \
         opened_at, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, '')",
        &params![
            &one.id,
            one.kind as i64,
            &one.day,
            &one.region,
            one.stage as i64,
            one.channel_kind,
            &one.place,
            topic,
            one.observed,
            one.expected_milli,
            one.chance_ppb,
            now.0
        ],
    )?;
    let facts = serde_json::json!({
        "kind": one.kind, "region": one.region, "stage": one.stage, "channel_kind": one.channel_kind, "observed": one.observed,
        "expected_milli": one.expected_milli, "chance_ppb": one.chance_ppb,
    })
    .to_string();
    let entry = Entry {
        action: "warning.open",
        case_kind: "warning",
        case: Some(one.id),
        step: ">open",
        article,
        pack: &app.rules.version,
        facts: &facts,
        ..Entry::default()
    };
    app.audit(tx, By::System("hotline"), &entry, now)?;
    // The campaigns that let a warning pause them stand still until somebody sets them going again.
    remediation::desk::pause(app, tx, "hotline", &one.region, one.kind.words().0, now)?;
    Ok(true)
}

/// Weighs today's complaints of every cell. Says how many warnings were opened. One leased job calls it.
///
/// # Errors
/// The record failed.
pub async fn weigh(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let threshold = threshold(app, now)?;
    let today = now.day();
    let from = today.checked_sub(threshold.days.days()).unwrap_or(today);
    let number = (Timestamp::start_of(today).0 + 8 * HOUR_MS) / DAY_MS;
    let reader = move |tx: &mut Tx<'_>| table::complaint_counts(tx, Timestamp::start_of(from), now.plus_ms(1));
    let mut cells: BTreeMap<(String, Stage, i64), (i64, i64)> = BTreeMap::new();
    for (region, stage, kind, day, count) in app.read(reader).await? {
        let cell = cells.entry((region, stage, kind)).or_default();
        if day == number { cell.0 += count } else { cell.1 += count }
    }
    let found: Vec<Warning> = cells
        .into_iter()
        .filter(|(_, (now, before))| threshold.raised(*now, *before))
        .map(|((region, stage, channel_kind), (observed, before))| Warning {
            id: app.ids.next(now),
            kind: WarningKind::Rate,
            day: today.to_string(),
            region,
            stage,
            channel_kind,
            place: String::new(),
            topic: None,
            observed,
            expected_milli: before * 1_000 / threshold.days.max(1),
            chance_ppb: (chance(observed, before, threshold.days) * 1e9) as i64,
            state: WarningState::Open,
            opened_at: now,
            ended_by: String::new(),
        })
        .collect();
    if found.is_empty() {
        return Ok(0);
    }
    let writer = app.clone();
    app.write(move |tx| {
        let mut opened = 0;
        for one in &found {
            opened += usize::from(raise(&writer, tx, one, "R-HOT-4", now)?);
        }
        Ok(opened)
    })
    .await
}

/// 群体性事件: many different people complain at one place about one thing within the window.
pub(super) fn detect(app: &App, tx: &mut Tx, ticket: &Ticket, now: Timestamp) -> Result<()> {
    let many = app.number_rule("hotline.incident_complaints", now, &ticket.region)?.value;
    let window = app.clock_rule("hotline.incident_window", now)?.value;
    let (_, people) = table::gathered(tx, &ticket.region, &ticket.place, ticket.topic, now.plus_ms(-window))?;
    if people < many {
        return Ok(());
    }
    let one = Warning {
        id: app.ids.next(now),
        kind: WarningKind::Group,
        day: now.day().to_string(),
        region: ticket.region.clone(),
        stage: Stage::None,
        channel_kind: 0,
        place: ticket.place.clone(),
        topic: Some(ticket.topic),
        observed: people,
        expected_milli: 0,
        chance_ppb: 0,
        state: WarningState::Open,
        opened_at: now,
        ended_by: String::new(),
    };
    raise(app, tx, &one, "R-HOT-5", now).map(drop)
}

/// Whether the waves of a cell pause: a warning of it is open, or a group incident in its city. Asked by the remediation before it touches anybody.
///
/// # Errors
/// The record failed.
pub fn pauses(tx: &mut Tx, region: &str, stage: Stage, channel_kind: i64) -> Result<bool> {
    let row = tx.query_opt(
        "SELECT 1 FROM early_warning WHERE state = 1 AND region = $1 AND (kind = 2 OR (stage = $2 AND channel_kind = $3)) LIMIT 1",
        &params![region, stage as i64, channel_kind],
    )?;
    Ok(row.is_some())
}

/// What a list of warnings shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// State.
    pub state: Option<WarningState>,
    /// Keyset: id of the last row before.
    pub after: Option<Uuid>,
    /// Rows.
    pub limit: i64,
}

/// One page, newest first.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Warning>> {
    let last = Uuid::max();
    let sql = format!(
        "SELECT {COLUMNS} FROM early_warning WHERE ($1 = '' OR substr(region, 1, 2) = $1 OR region = $1) AND ($2 = 0 OR state = $2) AND id < $3 \
         ORDER BY id DESC LIMIT $4"
    );
    let state = filter.state.map_or(0, |state| state as i64);
    tx.query(&sql, &params![&filter.region, state, filter.after.as_ref().unwrap_or(&last), filter.limit.clamp(1, 1_001)])?
        .iter()
        .map(read)
        .collect()
}

/// Open warnings in a region.
pub fn open_in(tx: &mut Tx, region: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM early_warning WHERE state = 1 AND ($1 = '' OR substr(region, 1, 2) = $1 OR region = $1)";
    Ok(tx.query_one(sql, &params![region])?.int(0)?)
}

/// Warnings opened on days of a region, by city and kind of outlet, for bulletins.
pub fn counts(tx: &mut Tx, from: &str, until: &str) -> Result<Vec<(String, i64, i64)>> {
    tx.query(
        "SELECT region, channel_kind, COUNT(*) FROM early_warning WHERE day >= $1 AND day <= $2 GROUP BY region, channel_kind",
        &params![from, until],
    )?
    .iter()
    .map(|row| Ok((row.text(0)?, row.int(1)?, row.int(2)?)))
    .collect()
}

fn seen(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Warning> {
    actor.reach(app, Action::TicketView)?;
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM early_warning WHERE id = $1"), &params![&id])?;
    let found = row.as_ref().map(read).transpose()?.ok_or_else(|| refuse(Refusal::NotFound))?;
    actor.require(app, Action::TicketView, &place(app, &found.region)).map_err(|_| refuse(Refusal::NotFound))?;
    Ok(found)
}

/// One warning.
///
/// # Errors
/// `warning.not_found`
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<Warning> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| seen(&reader, tx, &actor, id)).await
}

/// 处置: says the cause and what was done; the waves of the cell may go on.
///
/// # Errors
/// [`Refusal`]; the right to decide there.
pub async fn acknowledge(app: &App, actor: &Actor, id: Uuid, words: String) -> Result<()> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let one = seen(&writer, tx, &actor, id)?;
        actor.require(&writer, Action::TicketDecide, &place(&writer, &one.region))?;
        if one.state == WarningState::Acknowledged {
            return Err(refuse(Refusal::Acknowledged));
        }
        if !(2..=200).contains(&words.trim().chars().count()) {
            return Err(refuse(Refusal::WordsMissing));
        }
        tx.push_one(
            "UPDATE early_warning SET state = 2, ended_at = $2, ended_by = $3 WHERE id = $1 AND state = 1",
            &params![&id, now.0, &actor.number],
        )?;
        let entry = Entry {
            action: "warning.acknowledge",
            case_kind: "warning",
            case: Some(id),
            step: "open>acknowledged",
            why: words.trim(),
            article: "R-HOT-4",
            pack: &writer.rules.version,
            facts: "{}",
            ..Entry::default()
        };
        writer.audit(tx, By::Actor(&actor), &entry, now).map(drop)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Threshold = Threshold { false_alarms: 50, least: 3, days: 28 };

    /// A small generator of its own: the same simulation every time.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut x = self.0;
            x ^= x >> 33;
            x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
            x ^= x >> 33;
            (x >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Poisson, by multiplying; means here stay below 50.
        fn poisson(&mut self, mean: f64) -> i64 {
            let (end, mut product, mut count) = ((-mean).exp(), self.next(), 0);
            while product > end {
                product *= self.next();
                count += 1;
            }
            count
        }
    }

    #[test]
    fn the_tail_is_the_binomials() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b.max(1e-3), "{a} {b}");
        near(chance(1, 0, 28), 1.0 / 29.0);
        near(chance(3, 0, 28), (1.0_f64 / 29.0).powi(3));
        // Two or more of three with chance 1/2: 3/8 + 1/8.
        near(chance(2, 1, 1), 0.5);
        near(chance(0, 10, 28), 1.0);
        assert!(chance(40, 280, 28) < 1e-8 && chance(10, 280, 28) > 0.4);
    }

    /// The promise: whatever rate a cell has, it raises no more false alarms a year than it is let. 2,000 cell-years for each rate; the allowance
    /// is three standard deviations of what the simulation itself wavers.
    #[test]
    fn false_alarms_stay_below_what_is_stated() {
        const CELLS: usize = 2_000;
        let stated = USUAL.false_alarms as f64 / 100.0;
        for mean in [0.05, 0.3, 1.0, 4.0, 15.0, 40.0] {
            let (mut dice, mut alarms) = (Dice(7), 0_u32);
            for _ in 0..CELLS {
                let mut days: std::collections::VecDeque<i64> = (0..USUAL.days).map(|_| dice.poisson(mean)).collect();
                let mut before: i64 = days.iter().sum();
                for _ in 0..365 {
                    let today = dice.poisson(mean);
                    alarms += u32::from(USUAL.raised(today, before));
                    days.push_back(today);
                    before += today - days.pop_front().unwrap_or(0);
                }
            }
            let a_year = f64::from(alarms) / CELLS as f64;
            assert!(a_year <= stated + 3.0 * (stated / CELLS as f64).sqrt(), "{mean} a day: {a_year} a year, stated {stated}");
        }
    }

    #[test]
    fn a_cell_whose_rate_rises_is_seen_within_days() {
        // A test that never warns would pass the one above.
        for (mean, times, within) in [(1.0, 6.0, 2), (4.0, 3.0, 2), (15.0, 2.0, 2)] {
            let (mut dice, mut days) = (Dice(11), 0_u32);
            for _ in 0..500 {
                let before: i64 = (0..USUAL.days).map(|_| dice.poisson(mean)).sum();
                days += 1;
                while !USUAL.raised(dice.poisson(mean * times), before) {
                    days += 1;
                }
            }
            assert!(f64::from(days) / 500.0 <= f64::from(within), "{mean} × {times}: {} days", f64::from(days) / 500.0);
        }
    }
}
