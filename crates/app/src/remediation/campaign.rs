//! 整改批次: one named drive through the old base, with its scope, its targets, its four stages and its waves (R-REM-1, R-REM-4, R-REM-5, R-REM-14).
//! Pure rules above, their tables below.

use std::collections::BTreeMap;

use chuangsha_kernel::{id::StaffId, time::Timestamp};
use chuangsha_store::{Row, Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    case::{Refusal, Stage},
    kind::{self, Kind},
    pause::{self, Cell, Pause},
};
use crate::platform::failure::{Failure, Result};

/// Tables of this file. A stage has one planned span for each region of the campaign; the empty region holds for all that have none of their own.
pub const DDL: &str = "
CREATE TABLE remediation_campaign (
    id BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    region TEXT NOT NULL,
    kinds BIGINT NOT NULL,
    channels BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    from_day TEXT NOT NULL,
    until_day TEXT NOT NULL,
    stops_per_day BIGINT NOT NULL,
    auto_pause BIGINT NOT NULL,
    owner BYTEA,
    pause_reason TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX remediation_campaign_state ON remediation_campaign (state, id);
CREATE TABLE remediation_stage (
    campaign BYTEA NOT NULL,
    region TEXT NOT NULL,
    stage BIGINT NOT NULL,
    from_day TEXT NOT NULL,
    until_day TEXT NOT NULL,
    PRIMARY KEY (campaign, region, stage)
);
CREATE TABLE remediation_target (
    campaign BYTEA NOT NULL,
    due TEXT NOT NULL,
    percent BIGINT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (campaign, due, since)
);
CREATE TABLE remediation_wave (
    campaign BYTEA NOT NULL,
    wave BIGINT NOT NULL,
    size BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    last BYTEA,
    done BIGINT NOT NULL,
    released_at BIGINT NOT NULL,
    PRIMARY KEY (campaign, wave)
);
CREATE TABLE remediation_list (
    campaign BYTEA NOT NULL,
    subscription BYTEA NOT NULL,
    PRIMARY KEY (campaign, subscription)
);
CREATE TABLE remediation_protected (
    subscription BYTEA PRIMARY KEY,
    sealed BYTEA NOT NULL,
    staff BYTEA,
    at BIGINT NOT NULL
);
CREATE TABLE remediation_cap (
    campaign BYTEA NOT NULL,
    day TEXT NOT NULL,
    stops BIGINT NOT NULL,
    PRIMARY KEY (campaign, day)
);
CREATE TABLE remediation_publicity (
    id BYTEA PRIMARY KEY,
    campaign BYTEA NOT NULL,
    at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    place TEXT NOT NULL,
    pieces BIGINT NOT NULL,
    staff BYTEA
);
CREATE INDEX remediation_publicity_campaign ON remediation_publicity (campaign, id);
";

/// With the closing day in it the index of open findings answers a count by itself: a wave is simulated without a look at any row.
pub const DDL_2: &str = "
DROP INDEX base_finding_open;
CREATE INDEX base_finding_open ON base_finding (subscription, region, kind, channel_kind, closed_at) WHERE closed_at IS NULL;
";

crate::platform::listed::listed! {
    /// 批次状态
    #[schema(as = RemediationCampaignState)]
    State {
        Draft = 1, "draft", "草稿", "Draft";
        Running = 2, "running", "进行中", "Running";
        Paused = 3, "paused", "已暂停", "Paused";
        Ended = 4, "ended", "已结束", "Ended";
    }
}

crate::platform::listed::listed! {
    /// 宣传方式 (R-CHN-17)
    #[schema(as = RemediationPublicityKind)]
    Publicity {
        Screen = 1, "screen", "电子屏", "Screen";
        Poster = 2, "poster", "海报", "Poster";
        Chat = 3, "chat", "微信", "Chat";
        Press = 4, "press", "媒体", "Press";
        Talk = 5, "talk", "宣讲", "Talk";
    }
}

/// 阶段计划 (R-REM-5): when a stage is planned in a region; the empty region holds for all without their own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Planned {
    /// Region or the start of one.
    #[serde(default)]
    pub region: String,
    /// Stage.
    pub stage: Stage,
    /// First day.
    #[schema(value_type = String)]
    pub from: Date,
    /// Last day.
    #[schema(value_type = String)]
    pub until: Date,
}

/// 目标 (R-REM-4): a rate by a day. A later notice replaces it; both stay on record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Target {
    /// Reached by.
    #[schema(value_type = String)]
    pub due: Date,
    /// Percent of the campaign's lines.
    pub percent: i64,
    /// Known since.
    #[schema(value_type = String)]
    pub since: Date,
    /// Replaced on; `None`: still valid.
    #[schema(value_type = Option<String>)]
    pub until: Option<Date>,
}

/// 整改批次
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// State.
    pub state: State,
    /// Grows with every change.
    pub version: i64,
    /// Region or the start of one; empty: everywhere.
    pub region: String,
    /// Kinds; empty: all four.
    pub kinds: Vec<Kind>,
    /// Kinds of outlet as stored; empty: all.
    pub channels: Vec<i64>,
    /// Only the lines of a list of its own.
    pub listed: bool,
    /// Period.
    pub from: Date,
    /// Period, last day.
    pub until: Date,
    /// Lines it may stop a day.
    pub stops_per_day: i64,
    /// An early warning may pause it.
    pub auto_pause: bool,
    /// 负责人
    pub owner: Option<StaffId>,
    /// Why it is paused.
    pub pause_reason: String,
    /// Last change.
    pub updated_at: Timestamp,
}

/// What is done to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// 启动
    Start,
    /// 暂停
    Pause,
    /// 继续
    Resume,
    /// 结束
    End,
}

impl Campaign {
    /// The state after a step.
    ///
    /// # Errors
    /// [`Refusal::CampaignState`].
    pub fn decide(&self, step: Step, reason: &str, now: Timestamp) -> Result<Self, Refusal> {
        let state = match (self.state, step) {
            (State::Draft, Step::Start) | (State::Paused, Step::Resume) => State::Running,
            (State::Running, Step::Pause) => State::Paused,
            (State::Draft | State::Running | State::Paused, Step::End) => State::Ended,
            _ => return Err(Refusal::CampaignState),
        };
        let pause_reason = if state == State::Paused { reason.chars().take(200).collect() } else { String::new() };
        Ok(Self { state, pause_reason, version: self.version + 1, updated_at: now, ..self.clone() })
    }

    /// 预警暂停: cells of its scope that stand still, where it lets a warning pause it.
    ///
    /// # Errors
    /// The record fails.
    pub fn pauses(&self, tx: &mut Tx) -> Result<Vec<Pause>> {
        let mut pauses = if self.auto_pause && self.state != State::Ended { pause::standing(tx)? } else { Vec::new() };
        pauses.retain(|Pause { cell, .. }| {
            cell.region.starts_with(&self.region) && (self.channels.is_empty() || self.channels.contains(&cell.channel_kind))
        });
        Ok(pauses)
    }

    /// Its scope as the findings are asked for.
    pub fn scope(&self) -> kind::Filter {
        kind::Filter { region: self.region.clone(), kinds: self.kinds.clone(), channel_kinds: self.channels.clone() }
    }
}

/// The four stages follow each other: none begins before the one before it, in every region that has a plan of its own.
///
/// # Errors
/// [`Refusal::StageOrder`]; [`Refusal::FieldInvalid`] where a stage ends before it begins, or the plan for everywhere lacks one.
pub fn check_plan(plan: &[Planned]) -> Result<(), Refusal> {
    let mut regions: BTreeMap<&str, BTreeMap<Stage, &Planned>> = BTreeMap::new();
    for one in plan {
        if one.until < one.from || regions.entry(&one.region).or_default().insert(one.stage, one).is_some() {
            return Err(Refusal::FieldInvalid("stages"));
        }
    }
    if regions.get("").is_none_or(|general| general.len() != Stage::ALL.len()) {
        return Err(Refusal::FieldInvalid("stages"));
    }
    for stages in regions.values() {
        let begins: Vec<Date> = stages.values().map(|one| one.from).collect();
        if begins.windows(2).any(|pair| matches!(pair, [first, second] if second < first)) {
            return Err(Refusal::StageOrder);
        }
    }
    Ok(())
}

/// Stages begun in a region on a day, bits of [`Stage`]. The plan of the city beats that of its province, and that the general one; a stage is open
/// only when those before it are.
pub fn begun(plan: &[Planned], region: &str, on: Date) -> i64 {
    let mut open = 0;
    for stage in Stage::ALL {
        let best = plan.iter().filter(|one| one.stage == *stage && region.starts_with(&one.region)).max_by_key(|one| one.region.len());
        match best {
            Some(planned) if planned.from <= on => open |= *stage as i64,
            _ => break,
        }
    }
    open
}

/// The share that should be done by a day, in percent: along a straight line between the targets (序时进度).
pub fn planned_percent(targets: &[Target], from: Date, on: Date) -> i64 {
    let mut known: Vec<&Target> = targets.iter().filter(|one| one.since <= on && one.until.is_none_or(|until| on < until)).collect();
    known.sort_by_key(|one| one.due);
    let days = |from: Date, to: Date| from.until(to).map_or(0, |span| i64::from(span.get_days()));
    let (mut start, mut reached) = (from, 0);
    for target in known {
        if on >= target.due {
            (start, reached) = (target.due, target.percent);
            continue;
        }
        let whole = days(start, target.due).max(1);
        return reached + (target.percent - reached) * days(start, on).clamp(0, whole) / whole;
    }
    reached
}

const COLUMNS: &str = "id, name, state, version, region, kinds, channels, listed, from_day, until_day, stops_per_day, auto_pause, owner, \
                       pause_reason, updated_at";

fn broken(column: &str) -> Failure {
    Failure::internal(format!("remediation_campaign.{column} holds a value this version does not know"))
}

fn day(text: &str) -> Result<Date> {
    text.parse().map_err(|_| broken("day"))
}

fn bits(numbers: impl Iterator<Item = i64>) -> i64 {
    numbers.filter(|number| (0..62).contains(number)).fold(0, |bits, number| bits | 1 << number)
}

fn numbers(bits: i64) -> impl Iterator<Item = i64> {
    (0..62).filter(move |number| bits & (1 << number) != 0)
}

fn read(row: &Row) -> Result<Campaign> {
    Ok(Campaign {
        id: row.uuid(0)?,
        name: row.text(1)?,
        state: State::from_i64(row.int(2)?).ok_or_else(|| broken("state"))?,
        version: row.int(3)?,
        region: row.text(4)?,
        kinds: numbers(row.int(5)?).filter_map(Kind::from_i64).collect(),
        channels: numbers(row.int(6)?).collect(),
        listed: row.flag(7)?,
        from: day(&row.text(8)?)?,
        until: day(&row.text(9)?)?,
        stops_per_day: row.int(10)?,
        auto_pause: row.flag(11)?,
        owner: row.opt_uuid(12)?.map(StaffId),
        pause_reason: row.text(13)?,
        updated_at: row.timestamp(14)?,
    })
}

/// One campaign.
pub fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Campaign>> {
    tx.query_opt(&format!("SELECT {COLUMNS} FROM remediation_campaign WHERE id = $1"), &params![&id])?.as_ref().map(read).transpose()
}

/// Campaigns in a state (or all) of a region, newest first.
pub fn list(tx: &mut Tx, state: Option<State>, region: &str, before: Option<Uuid>, limit: i64) -> Result<Vec<Campaign>> {
    let before = before.unwrap_or(Uuid::max());
    let length = region.chars().count();
    // A campaign of the whole province is seen by its cities too.
    let sql = format!(
        "SELECT {COLUMNS} FROM remediation_campaign WHERE ($1 = 0 OR state = $1) AND id < $2 \
         AND (substr(region, 1, {length}) = $3 OR substr($3, 1, length(region)) = region) ORDER BY id DESC LIMIT $4"
    );
    tx.query(&sql, &params![state.map_or(0, |state| state as i64), &before, region, limit])?.iter().map(read).collect()
}

/// Writes a campaign: a new one, or one moved on from the version it was read at.
pub fn put(tx: &mut Tx, campaign: &Campaign) -> Result<()> {
    let kinds = bits(campaign.kinds.iter().map(|kind| *kind as i64));
    let channels = bits(campaign.channels.iter().copied());
    let (from, until) = (campaign.from.to_string(), campaign.until.to_string());
    let values = &params![
        &campaign.id,
        &campaign.name,
        campaign.state as i64,
        campaign.version,
        &campaign.region,
        kinds,
        channels,
        i64::from(campaign.listed),
        &from,
        &until,
        campaign.stops_per_day,
        i64::from(campaign.auto_pause),
        campaign.owner.as_ref().map(StaffId::as_bytes),
        &campaign.pause_reason,
        campaign.updated_at.0
    ];
    tx.push_one(
        &format!(
            "INSERT INTO remediation_campaign ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state, version = excluded.version, \
             stops_per_day = excluded.stops_per_day, auto_pause = excluded.auto_pause, owner = excluded.owner, \
             pause_reason = excluded.pause_reason, updated_at = excluded.updated_at WHERE remediation_campaign.version = excluded.version - 1"
        ),
        values,
    )?;
    Ok(())
}

/// Writes the plan of the stages anew.
pub fn put_plan(tx: &mut Tx, campaign: Uuid, plan: &[Planned]) -> Result<()> {
    tx.push("DELETE FROM remediation_stage WHERE campaign = $1", &params![&campaign])?;
    for one in plan {
        tx.push(
            "INSERT INTO remediation_stage (campaign, region, stage, from_day, until_day) VALUES ($1, $2, $3, $4, $5)",
            &params![&campaign, &one.region, one.stage as i64, &one.from.to_string(), &one.until.to_string()],
        )?;
    }
    Ok(())
}

/// The plan of the stages.
pub fn plan(tx: &mut Tx, campaign: Uuid) -> Result<Vec<Planned>> {
    let sql = "SELECT region, stage, from_day, until_day FROM remediation_stage WHERE campaign = $1 ORDER BY region, stage";
    tx.query(sql, &params![&campaign])?
        .iter()
        .map(|row| {
            Ok(Planned {
                region: row.text(0)?,
                stage: Stage::from_i64(row.int(1)?).ok_or_else(|| broken("stage"))?,
                from: day(&row.text(2)?)?,
                until: day(&row.text(3)?)?,
            })
        })
        .collect()
}

/// Sets the targets from a day on; those known before are closed, not deleted (L-REM-2).
pub fn supersede_targets(tx: &mut Tx, campaign: Uuid, targets: &[(Date, i64)], since: Date) -> Result<()> {
    let since = since.to_string();
    tx.push("DELETE FROM remediation_target WHERE campaign = $1 AND since = $2", &params![&campaign, &since])?;
    tx.push("UPDATE remediation_target SET until = $2 WHERE campaign = $1 AND until = ''", &params![&campaign, &since])?;
    for (due, percent) in targets {
        tx.push(
            "INSERT INTO remediation_target (campaign, due, percent, since, until) VALUES ($1, $2, $3, $4, '')",
            &params![&campaign, &due.to_string(), *percent, &since],
        )?;
    }
    Ok(())
}

/// Every target there was, the earliest known first.
pub fn targets(tx: &mut Tx, campaign: Uuid) -> Result<Vec<Target>> {
    let sql = "SELECT due, percent, since, until FROM remediation_target WHERE campaign = $1 ORDER BY since, due";
    tx.query(sql, &params![&campaign])?
        .iter()
        .map(|row| {
            let until = row.text(3)?;
            Ok(Target {
                due: day(&row.text(0)?)?,
                percent: row.int(1)?,
                since: day(&row.text(2)?)?,
                until: if until.is_empty() { None } else { Some(day(&until)?) },
            })
        })
        .collect()
}

/// 波次: lines taken in together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Campaign.
    pub campaign: Uuid,
    /// Number, from 1.
    pub wave: i64,
    /// Lines wanted.
    pub size: i64,
    /// Lines taken.
    pub taken: i64,
    /// Lines that another campaign has.
    pub refused: i64,
    /// Last line looked at.
    pub last: Option<Uuid>,
    /// Complete: as many as wanted, or no more to be had.
    pub done: bool,
    /// When it was released.
    pub released_at: Timestamp,
}

fn read_wave(row: &Row) -> Result<Wave> {
    Ok(Wave {
        campaign: row.uuid(0)?,
        wave: row.int(1)?,
        size: row.int(2)?,
        taken: row.int(3)?,
        refused: row.int(4)?,
        last: row.opt_uuid(5)?,
        done: row.flag(6)?,
        released_at: row.timestamp(7)?,
    })
}

const WAVE: &str = "campaign, wave, size, taken, refused, last, done, released_at";

/// The waves of a campaign.
pub fn waves(tx: &mut Tx, campaign: Uuid) -> Result<Vec<Wave>> {
    let sql = format!("SELECT {WAVE} FROM remediation_wave WHERE campaign = $1 ORDER BY wave");
    tx.query(&sql, &params![&campaign])?.iter().map(read_wave).collect()
}

/// A wave of a running campaign that still takes lines in.
pub fn open_wave(tx: &mut Tx) -> Result<Option<Wave>> {
    let columns = WAVE.split(", ").map(|column| format!("w.{column}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns} FROM remediation_wave w JOIN remediation_campaign c ON c.id = w.campaign WHERE w.done = 0 AND c.state = 2 \
         ORDER BY w.released_at, w.campaign, w.wave LIMIT 1"
    );
    tx.query_opt(&sql, &[])?.as_ref().map(read_wave).transpose()
}

/// Writes a wave as it stands.
pub fn put_wave(tx: &mut Tx, wave: &Wave) -> Result<()> {
    Ok(tx.push(
        &format!(
            "INSERT INTO remediation_wave ({WAVE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (campaign, wave) DO UPDATE SET \
             taken = excluded.taken, refused = excluded.refused, last = excluded.last, done = excluded.done"
        ),
        &params![
            &wave.campaign,
            wave.wave,
            wave.size,
            wave.taken,
            wave.refused,
            wave.last.as_ref(),
            i64::from(wave.done),
            wave.released_at.0
        ],
    )?)
}

/// Lines stopped by a campaign on a day.
pub fn stops(tx: &mut Tx, campaign: Uuid, day: &str) -> Result<i64> {
    let row = tx.query_opt("SELECT stops FROM remediation_cap WHERE campaign = $1 AND day = $2", &params![&campaign, day])?;
    Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
}

/// So many lines were stopped on the day. Only the leased clock writes it.
pub fn add_stops(tx: &mut Tx, campaign: Uuid, day: &str, stops: i64) -> Result<()> {
    Ok(tx.push(
        "INSERT INTO remediation_cap (campaign, day, stops) VALUES ($1, $2, $3) \
         ON CONFLICT (campaign, day) DO UPDATE SET stops = remediation_cap.stops + excluded.stops",
        &params![&campaign, day, stops],
    )?)
}

/// Adds lines to the campaign's own list.
pub fn add_to_list(tx: &mut Tx, campaign: Uuid, subscription: Uuid) -> Result<bool> {
    let sql = "INSERT INTO remediation_list (campaign, subscription) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(tx.execute(sql, &params![&campaign, &subscription])? == 1)
}

/// How many lines the list has.
pub fn list_size(tx: &mut Tx, campaign: Uuid) -> Result<i64> {
    Ok(tx.query_one("SELECT COUNT(*) FROM remediation_list WHERE campaign = $1", &params![&campaign])?.int(0)?)
}

/// Open lines of the scope in one cell.
pub fn open_in_cell(tx: &mut Tx, of: &Campaign, cell: &Cell) -> Result<i64> {
    let within = kind::Filter { region: cell.region.clone(), channel_kinds: vec![cell.channel_kind], ..of.scope() };
    if !of.listed {
        return kind::count(tx, &within);
    }
    let sql = "SELECT COUNT(*) FROM remediation_list l JOIN base_finding f ON f.subscription = l.subscription \
               WHERE l.campaign = $1 AND f.closed_at IS NULL AND f.region = $2 AND f.channel_kind = $3";
    Ok(tx.query_one(sql, &params![&of.id, &cell.region, cell.channel_kind])?.int(0)?)
}

/// The lines of the list behind one.
pub fn list_after(tx: &mut Tx, campaign: Uuid, after: Uuid, limit: i64) -> Result<Vec<Uuid>> {
    let sql = "SELECT subscription FROM remediation_list WHERE campaign = $1 AND subscription > $2 ORDER BY subscription LIMIT $3";
    tx.query(sql, &params![&campaign, &after, limit])?.iter().map(|row| Ok(row.uuid(0)?)).collect()
}
