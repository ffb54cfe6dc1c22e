//! 投诉预警: complaints of a city × stage × channel per customer touched, against what that cell had before (R-HOT-4; the tests stand in
//! `rate.rs`), and many complaints at one place about one thing (R-HOT-5). A warning holds the cells it is about, in the campaigns that let one pause
//! them, in the transaction that opens it; they go on when somebody says what the cause was and what was done.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    problem::{Problem, Refuse},
    role::Action,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use chuangsha_store::{Row, Tx, params};
use jiff::ToSpan;
use uuid::Uuid;

pub use super::filed::Filter;
use super::{
    case,
    filed::{self, Filed, Noted},
    rate::{Cell, REACH, Threshold, weight},
    table,
    ticket::{Stage, Ticket, Topic},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result, refuse},
        listed::listed,
    },
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

/// The rate is per customer touched.
pub const DDL_2: &str = "
ALTER TABLE early_warning ADD COLUMN touched BIGINT NOT NULL DEFAULT 0;
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
        Open = 1, "open", "预警中", "Open";
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
    /// Customers of the cell touched in the last four weeks.
    pub touched: i64,
    /// Complaints of the day at the rate of the days before, thousandths.
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

fn threshold(app: &App, now: Timestamp) -> Result<Threshold> {
    Ok(Threshold {
        false_alarms: app.number_rule("hotline.warning_false_alarms", now, "")?.value,
        least: app.number_rule("hotline.warning_least", now, "")?.value,
        days: app.number_rule("hotline.warning_baseline", now, "")?.value,
        ceiling: app.number_rule("hotline.warning_ceiling", now, "")?.value,
    })
}

impl Filed for Warning {
    const TABLE: &'static str = "early_warning";
    const COLUMNS: &'static str = "id, kind, day, region, stage, channel_kind, place, topic, observed, touched, expected_milli, chance_ppb, state, opened_at, ended_by";

    fn read(row: &Row) -> Result<Self> {
        let broken = |column: &str| Failure::internal(format!("early_warning.{column} holds a value this version does not know"));
        Ok(Self {
            id: row.uuid(0)?,
            kind: WarningKind::from_i64(row.int(1)?).ok_or_else(|| broken("kind"))?,
            day: row.text(2)?,
            region: row.text(3)?,
            stage: Stage::from_i64(row.int(4)?).ok_or_else(|| broken("stage"))?,
            channel_kind: row.int(5)?,
            place: row.text(6)?,
            topic: Topic::from_i64(row.int(7)?),
            observed: row.int(8)?,
            touched: row.int(9)?,
            expected_milli: row.int(10)?,
            chance_ppb: row.int(11)?,
            state: WarningState::from_i64(row.int(12)?).ok_or_else(|| broken("state"))?,
            opened_at: Timestamp(row.int(13)?),
            ended_by: row.text(14)?,
        })
    }

    fn missing() -> Failure {
        refuse(Refusal::NotFound)
    }

    fn region(&self) -> &str {
        &self.region
    }
}

/// Opens a warning; the same one of the same day is opened once.
pub(super) fn raise(app: &App, tx: &mut Tx, one: &Warning, cells: &[(Stage, i64)], article: &str, now: Timestamp) -> Result<bool> {
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
         opened_at, ended_by, touched) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, '', $13)",
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
            now.0,
            one.touched
        ],
    )?;
    let facts = serde_json::json!({
        "kind": one.kind, "region": one.region, "stage": one.stage, "channel_kind": one.channel_kind, "observed": one.observed,
        "touched": one.touched, "expected_milli": one.expected_milli, "chance_ppb": one.chance_ppb, "paused": cells,
    });
    let noted = Noted { action: "warning.open", id: one.id, step: ">open", why: "", article, facts };
    filed::note(app, tx, By::System("hotline"), &noted, now)?;
    case::pause(tx, one.id, &one.region, cells, now)?;
    Ok(true)
}

/// Days since 1970 in China.
fn number(day: jiff::civil::Date) -> i64 {
    (Timestamp::start_of(day).0 + 8 * HOUR_MS) / DAY_MS
}

/// A city, a stage and a kind of outlet.
type Where = (String, Stage, i64);

/// Weighs today's complaints of every cell. Says how many warnings were opened. One leased job calls it.
///
/// # Errors
/// The record failed.
pub async fn weigh(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let threshold = threshold(app, now)?;
    let (today, number) = (now.day(), number(now.day()));
    let day = |back: i64| today.checked_sub(back.days()).unwrap_or(today);
    let since = Timestamp::start_of(day(threshold.days));
    let mut cells: BTreeMap<Where, Cell> = BTreeMap::new();
    for (region, stage, kind, day, count) in app.read(move |tx| table::complaint_counts(tx, since, now.plus_ms(1))).await? {
        let cell = cells.entry((region, stage, kind)).or_default();
        *(if day == number { &mut cell.today } else { &mut cell.before }) += count;
    }
    // Most turns end here, before the counts of the remediation are read.
    cells.retain(|_, cell| cell.today >= threshold.least);
    if cells.is_empty() {
        return Ok(0);
    }
    let (from, until) = (day(threshold.days + REACH), today);
    let touched = app.read(move |tx| case::touched(tx, from, until)).await?;
    let mut found = Vec::new();
    for (place, mut cell) in cells {
        let of_cell = || touched.iter().filter(|one| one.0 == place).map(|one| (one.1, one.2));
        cell.weight = weight(of_cell(), number);
        cell.weight_before = (number - threshold.days..number).map(|day| weight(of_cell(), day)).sum();
        let (chance, warns) = threshold.judge(&cell);
        if warns {
            let ((region, stage, channel_kind), recent) = (place.clone(), number - REACH + 1..=number);
            found.push(Warning {
                id: app.ids.next(now),
                kind: WarningKind::Rate,
                day: today.to_string(),
                region,
                stage,
                channel_kind,
                place: String::new(),
                topic: None,
                observed: cell.today,
                touched: of_cell().filter(|(day, _)| recent.contains(day)).map(|(_, count)| count).sum(),
                expected_milli: (threshold.expected(&cell) * 1e3) as i64,
                chance_ppb: (chance * 1e9) as i64,
                state: WarningState::Open,
                opened_at: now,
                ended_by: String::new(),
            });
        }
    }
    if found.is_empty() {
        return Ok(0);
    }
    let writer = app.clone();
    app.write(move |tx| {
        let mut opened = 0;
        for one in &found {
            opened += usize::from(raise(&writer, tx, one, &[(one.stage, one.channel_kind)], "R-HOT-4", now)?);
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
        touched: 0,
        expected_milli: 0,
        chance_ppb: 0,
        state: WarningState::Open,
        opened_at: now,
        ended_by: String::new(),
    };
    // The stages its people stand in, each with their kind of outlet.
    let cells = table::gathered_in(tx, &ticket.region, &ticket.place, ticket.topic, now.plus_ms(-window))?;
    raise(app, tx, &one, &cells, "R-HOT-5", now).map(drop)
}

/// One page, newest first.
pub fn list(tx: &mut Tx, filter: &Filter) -> Result<Vec<Warning>> {
    filed::page(tx, filter)
}

/// One of them by its id, for what shows why a cell is held.
///
/// # Errors
/// The record failed.
pub fn by_id(tx: &mut Tx, id: Uuid) -> Result<Option<Warning>> {
    filed::by_id(tx, id)
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

/// One of them with what it holds, when this person may see it.
///
/// # Errors
/// [`Refusal::NotFound`]
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<(Warning, Vec<(Stage, i64)>)> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| Ok((filed::seen(&reader, tx, &actor, id)?, case::paused_by(tx, id)?))).await
}

/// 处置: says the cause and what was done; what it held goes on.
///
/// # Errors
/// [`Refusal`]; the right to decide there.
pub async fn acknowledge(app: &App, actor: &Actor, id: Uuid, words: String) -> Result<()> {
    filed::change(app, actor, (id, 0), Action::TicketDecide, move |app, tx, actor, one: &Warning, now| {
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
        case::go_on(tx, id, now)?;
        let (step, why, facts) = ("open>acknowledged", words.trim(), serde_json::json!({}));
        filed::note(app, tx, By::Actor(actor), &Noted { action: "warning.acknowledge", id, step, why, article: "R-HOT-4", facts }, now)
    })
    .await
}
