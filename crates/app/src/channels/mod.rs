//! 渠道: which outlets may register people, and what happens to those that break the rules (R-CHN, G8).

use chuangsha_kernel::{
    id::OrganisationId,
    role::{Action, OrganisationKind},
    rulebook::{ChannelKind, Place, Ruling},
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        people::{self, organisation},
    },
    registration::order::Mode,
};

pub mod channel;
pub mod http;
pub mod page;
pub mod place;
pub mod plan;

pub use channel::{Channel, Clause, Refusal, State, Step, Violation};

/// Tables of this module. A channel's parent is a unit of the carrier by construction: there is no column in which it could be a channel.
pub const DDL: &str = "
CREATE TABLE channel (
    organisation BYTEA PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind BIGINT NOT NULL,
    region TEXT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    clauses BIGINT NOT NULL,
    reader BIGINT NOT NULL,
    app BIGINT NOT NULL,
    warnings BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX channel_region ON channel (region, kind, state);
CREATE TABLE channel_visit (
    id BYTEA PRIMARY KEY,
    channel BYTEA NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    passed BIGINT NOT NULL,
    finding TEXT NOT NULL,
    staff BYTEA NOT NULL
);
CREATE INDEX channel_visit_channel ON channel_visit (channel, at);
CREATE TABLE channel_violation (
    id BYTEA PRIMARY KEY,
    channel BYTEA NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    outcome BIGINT NOT NULL,
    responsible_unit TEXT NOT NULL,
    responsible_post TEXT NOT NULL,
    staff BYTEA NOT NULL
);
CREATE INDEX channel_violation_channel ON channel_violation (channel, at);
CREATE TABLE region_mode (
    region TEXT NOT NULL,
    mode BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    is_open BIGINT NOT NULL,
    PRIMARY KEY (region, mode, from_at)
);
";

const COLUMNS: &str = "organisation, code, kind, region, state, version, clauses, reader, app, warnings, updated_at";

fn read(row: &Row) -> Result<Channel> {
    let broken = |column: &str| Failure::internal(format!("channel.{column} holds a value this version does not know"));
    Ok(Channel {
        organisation: OrganisationId(row.uuid(0)?),
        code: row.text(1)?,
        kind: ChannelKind::from_i64(row.int(2)?).ok_or_else(|| broken("kind"))?,
        region: row.text(3)?,
        state: State::from_i64(row.int(4)?).ok_or_else(|| broken("state"))?,
        version: row.int(5)?,
        clauses: row.int(6)?,
        reader: row.int(7)? == 1,
        app: row.int(8)? == 1,
        warnings: row.int(9)?,
        updated_at: Timestamp(row.int(10)?),
    })
}

/// Every outlet that may register people, by code.
pub fn active(tx: &mut Tx) -> Result<Vec<Channel>> {
    tx.query(&format!("SELECT {COLUMNS} FROM channel WHERE state = $1 ORDER BY code"), &params![State::Active as i64])?
        .iter()
        .map(read)
        .collect()
}

/// The channel an organisation is, if it is one.
pub fn of_organisation(tx: &mut Tx, id: OrganisationId) -> Result<Option<Channel>> {
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM channel WHERE organisation = $1"), &params![id.as_bytes()])?;
    row.as_ref().map(read).transpose()
}

/// May this outlet register people now, and which article says so (R-CHN-1).
pub fn admission(app: &App, channel: &Channel, now: Timestamp) -> Result<Ruling<bool>> {
    app.flag_rule("channel.good_standing", now, channel.may_register())
}

/// Is the mode open in this region now (R-CHN-11)? A city's own switch beats its province's; without one, the rule pack's default holds.
pub fn mode_open(tx: &mut Tx, app: &App, region: &str, mode: Mode, now: Timestamp) -> Result<Ruling<bool>> {
    let pack = app.rules.text("channel.online_mode", now.day(), &Place::region(region)).map_err(Failure::internal)?;
    let default = match mode {
        Mode::Counter => return Ok(pack.map(|_| true)),
        Mode::OnlineDelivery => pack.value == "delivery",
        Mode::OnlineCollect => pack.value != "off",
    };
    let province: String = region.chars().take(2).collect();
    let row = tx.query_opt(
        "SELECT is_open FROM region_mode WHERE mode = $1 AND from_at <= $2 AND (region = $3 OR region = $4) \
         ORDER BY length(region) DESC, from_at DESC LIMIT 1",
        &params![mode as i64, now.0, region, &province],
    )?;
    let open = match row {
        Some(row) => row.int(0)? == 1,
        None => default,
    };
    Ok(pack.map(|_| open))
}

/// What admits a new outlet.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// 网点编号: 2 to 20 letters, digits and hyphens.
    pub code: String,
    /// `own_hall`, `social_outlet` or `online`.
    pub kind: String,
    /// City, six digits.
    pub region: String,
    /// The carrier's unit that is responsible for it.
    #[schema(value_type = Uuid)]
    pub parent: OrganisationId,
    /// Name, Chinese.
    pub name_zh: String,
    /// Name, English.
    pub name_en: String,
}

/// 受理申请: an outlet asks to be admitted. Its parent is a unit of the carrier, never another channel (R-CHN-2).
pub async fn apply(app: &App, actor: &Actor, input: NewChannel) -> Result<OrganisationId> {
    let now = app.clock.now();
    let code_ok = (2..=20).contains(&input.code.len()) && input.code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !code_ok {
        return Err(refuse(Refusal::FieldInvalid("code")));
    }
    let kind = ChannelKind::parse(&input.kind).ok_or_else(|| refuse(Refusal::FieldInvalid("kind")))?;
    if input.region.len() != 6 || !input.region.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse(Refusal::FieldInvalid("region")));
    }
    for (name, field) in [(&input.name_zh, "name_zh"), (&input.name_en, "name_en")] {
        if name.trim().is_empty() || name.chars().count() > 80 {
            return Err(refuse(Refusal::FieldInvalid(field)));
        }
    }
    let id = OrganisationId(app.ids.next(now));
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let parent = organisation::active(tx, input.parent)?;
            if !matches!(parent.kind, OrganisationKind::CarrierHq | OrganisationKind::Province | OrganisationKind::City) {
                return Err(refuse(Refusal::SubAgent));
            }
            actor.require(&app, Action::ChannelAdmit, &parent.resource(None))?;
            let taken = tx.query_opt("SELECT 1 FROM channel WHERE code = $1", &params![&input.code])?;
            if taken.is_some() {
                return Err(refuse(Refusal::CodeTaken));
            }
            let new = organisation::NewOrganisation {
                id,
                kind: OrganisationKind::Channel,
                parent: Some(input.parent),
                region: &input.region,
                zh: input.name_zh.trim(),
                en: input.name_en.trim(),
            };
            organisation::create(tx, &new, now)?;
            let channel = Channel {
                organisation: id,
                code: input.code.clone(),
                kind,
                region: input.region.clone(),
                state: State::Applied,
                version: 1,
                clauses: 0,
                reader: false,
                app: false,
                warnings: 0,
                updated_at: now,
            };
            insert(tx, &channel)?;
            record(&app, tx, &actor, id, "channel.admit", ">applied", "", "R-CHN-1", now)?;
            Ok(id)
        })
        .await
}

/// Writes a channel as it is.
pub fn insert(tx: &mut Tx, channel: &Channel) -> Result<()> {
    tx.push(
        "INSERT INTO channel (organisation, code, kind, region, state, version, clauses, reader, app, warnings, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &params![
            channel.organisation.as_bytes(),
            &channel.code,
            channel.kind as i64,
            &channel.region,
            channel.state as i64,
            channel.version,
            channel.clauses,
            i64::from(channel.reader),
            i64::from(channel.app),
            channel.warnings,
            channel.updated_at.0
        ],
    )?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    id: OrganisationId,
    action: &str,
    step: &str,
    why: &str,
    article: &str,
    now: Timestamp,
) -> Result<()> {
    let entry =
        Entry { action, case_kind: "channel", case: Some(id.0), step, why, article, pack: &app.rules.version, facts: "{}", subject: None };
    app.audit(tx, By::Actor(actor), &entry, now).map(drop)
}

/// Clerks of the outlet whose training has not run out.
pub fn trained_clerks(tx: &mut Tx, id: OrganisationId, now: Timestamp) -> Result<i64> {
    Ok(tx
        .query_one(
            "SELECT COUNT(*) FROM staff WHERE organisation = $1 AND state = 'active' AND training_passed_until > $2",
            &params![id.as_bytes(), now.0],
        )?
        .int(0)?)
}

/// A step asked for: what it is, as the request names it.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
#[schema(as = ChannelAsked)]
pub enum Asked {
    /// 审查通过
    Vet,
    /// 签约
    Sign {
        /// The clauses of the contract.
        clauses: Vec<Clause>,
    },
    /// 装备
    Equip {
        /// ID reader deployed.
        reader: bool,
        /// Registration app deployed.
        app: bool,
    },
    /// 开通权限
    Open,
    /// 暂停
    Suspend,
    /// 恢复
    Resume,
    /// 终止
    Terminate,
    /// 处罚: the responsible unit and post are named (R-CHN-8).
    Penalise {
        /// What was found.
        violation: Violation,
        /// 责任单位
        responsible_unit: String,
        /// 责任岗位: a post, not a name.
        responsible_post: String,
    },
}

/// Takes a step on an outlet. Terminated or blacklisted: its people lose every session, stream and key in the same transaction.
pub async fn step(app: &App, actor: &Actor, id: OrganisationId, asked: Asked, why: String) -> Result<Channel> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let channel = of_organisation(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            let action = if matches!(asked, Asked::Penalise { .. }) { Action::ChannelPenalise } else { Action::ChannelAdmit };
            actor.require(&app, action, &organisation::find(tx, id)?.resource(None))?;
            let trained = trained_clerks(tx, id, now)?;
            let (step, article) = match &asked {
                Asked::Vet => (Step::Vet, "R-CHN-1"),
                Asked::Sign { clauses } => {
                    (Step::Sign { clauses: clauses.iter().fold(0, |bits, clause| bits | *clause as i64) }, "L-REG-21")
                }
                Asked::Equip { reader, app } => (Step::Equip { reader: *reader, app: *app }, "L-REG-14"),
                Asked::Open => (Step::Open { trained_clerks: trained }, "R-CHN-1"),
                Asked::Suspend => (Step::Suspend, "R-CHN-15"),
                Asked::Resume => (Step::Resume { trained_clerks: trained }, "R-CHN-1"),
                Asked::Terminate => (Step::Terminate, "R-CHN-7"),
                Asked::Penalise { violation, .. } => (Step::Penalise { violation: *violation }, "R-CHN-7"),
            };
            let next = channel.decide(step, now).map_err(refuse)?;
            advance(tx, &channel, &next)?;
            if let Asked::Penalise { violation, responsible_unit, responsible_post } = &asked {
                for (text, field) in [(responsible_unit, "responsible_unit"), (responsible_post, "responsible_post")] {
                    if text.trim().is_empty() || text.chars().count() > 80 {
                        return Err(refuse(Refusal::FieldInvalid(field)));
                    }
                }
                tx.push(
                    "INSERT INTO channel_violation (id, channel, at, kind, outcome, responsible_unit, responsible_post, staff) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    &params![
                        &app.ids.next(now),
                        id.as_bytes(),
                        now.0,
                        violation.as_str(),
                        next.state as i64,
                        responsible_unit.trim(),
                        responsible_post.trim(),
                        actor.staff.as_bytes()
                    ],
                )?;
            }
            if next.is_over() && !channel.is_over() {
                organisation::terminate(tx, id, now)?;
            }
            let moved = format!("{}>{}", channel.state.as_str(), next.state.as_str());
            record(&app, tx, &actor, id, action.as_str(), &moved, &why, article, now)?;
            Ok(next)
        })
        .await
}

fn advance(tx: &mut Tx, old: &Channel, new: &Channel) -> Result<()> {
    tx.push_one(
        "UPDATE channel SET state = $3, version = $4, clauses = $5, reader = $6, app = $7, warnings = $8, updated_at = $9 \
         WHERE organisation = $1 AND version = $2",
        &params![
            old.organisation.as_bytes(),
            old.version,
            new.state as i64,
            new.version,
            new.clauses,
            i64::from(new.reader),
            i64::from(new.app),
            new.warnings,
            new.updated_at.0
        ],
    )?;
    Ok(())
}

/// 走访或暗访 (R-CHN-6, R-CHN-15).
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// `visit` or `mystery`.
    pub kind: String,
    /// Nothing was found wanting.
    pub passed: bool,
    /// What was found, 2 to 500 characters, no personal data.
    pub finding: String,
}

/// Records a visit.
pub async fn visit(app: &App, actor: &Actor, id: OrganisationId, input: Visit) -> Result<()> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.require(&app, Action::ChannelVisit, &organisation::find(tx, id)?.resource(None))?;
            put_visit(&app, tx, &actor, id, app.ids.next(now), &input, now)
        })
        .await
}

/// Writes a visit down. That the visitor may is the caller's guard.
fn put_visit(app: &App, tx: &mut Tx, actor: &Actor, id: OrganisationId, visit: Uuid, input: &Visit, now: Timestamp) -> Result<()> {
    if !matches!(input.kind.as_str(), "visit" | "mystery") {
        return Err(refuse(Refusal::FieldInvalid("kind")));
    }
    if !(2..=500).contains(&input.finding.trim().chars().count()) {
        return Err(refuse(Refusal::FieldInvalid("finding")));
    }
    of_organisation(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    tx.push(
        "INSERT INTO channel_visit (id, channel, at, kind, passed, finding, staff) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &params![&visit, id.as_bytes(), now.0, &input.kind, i64::from(input.passed), input.finding.trim(), actor.staff.as_bytes()],
    )?;
    record(app, tx, actor, id, "channel.visit", &input.kind, "", "R-CHN-6", now)
}

/// 走访覆盖 (R-CHN-16): of the physical outlets of a region, how many were visited since a day, and how many there are.
///
/// # Errors
/// The record fails.
pub fn visited(tx: &mut Tx, region: &str, since: Timestamp) -> Result<(i64, i64)> {
    let length = region.chars().count();
    let sql = format!(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM channel_visit v WHERE v.channel = c.organisation AND v.at >= $1) \
         THEN 1 ELSE 0 END), 0) FROM channel c WHERE c.kind <> $2 AND c.state IN ($3, $4) AND substr(c.region, 1, {length}) = $5"
    );
    let values = params![since.0, ChannelKind::Online as i64, State::Active as i64, State::Warned as i64, region];
    let row = tx.query_one(&sql, &values)?;
    Ok((row.int(1)?, row.int(0)?))
}

/// 培训合格: records a clerk's passed training; it runs out after the time the rule gives (R-CHN-14).
pub async fn train(app: &App, actor: &Actor, staff: chuangsha_kernel::id::StaffId) -> Result<()> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let row = tx.query_opt("SELECT organisation FROM staff WHERE id = $1 AND state = 'active'", &params![staff.as_bytes()])?;
            let organisation_id = OrganisationId(row.ok_or_else(|| refuse(Refusal::NotFound))?.uuid(0)?);
            actor.require(&app, Action::ChannelTrain, &organisation::find(tx, organisation_id)?.resource(None))?;
            let valid = app.clock_rule("channel.training_valid", now)?;
            people::staff::train(tx, staff, now.plus_ms(valid.value), now)?;
            record(&app, tx, &actor, organisation_id, "channel.train", "passed", "", &valid.article, now)
        })
        .await
}

/// Opens or closes an online mode in a province or city from a moment on (R-CHN-11).
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
pub struct ModeSwitch {
    /// Two digits (province) or six (city).
    pub region: String,
    /// The mode.
    pub mode: Mode,
    /// Open from now on, or closed.
    pub open: bool,
}

/// Switches a mode.
pub async fn switch_mode(app: &App, actor: &Actor, input: ModeSwitch, why: String) -> Result<()> {
    let now = app.clock.now();
    if !matches!(input.region.len(), 2 | 6) || !input.region.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse(Refusal::FieldInvalid("region")));
    }
    if input.mode == Mode::Counter {
        return Err(refuse(Refusal::FieldInvalid("mode")));
    }
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let mut resource = app.resource(actor.organisation, &input.region, None);
            resource.carrier = actor.carrier;
            actor.require(&app, Action::ChannelAdmit, &resource)?;
            tx.push(
                "INSERT INTO region_mode (region, mode, from_at, is_open) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (region, mode, from_at) DO UPDATE SET is_open = excluded.is_open",
                &params![&input.region, input.mode as i64, now.0, i64::from(input.open)],
            )?;
            let step = format!("{} {} {}", input.region, input.mode.as_str(), if input.open { "open" } else { "closed" });
            record(&app, tx, &actor, actor.organisation, "channel.mode", &step, &why, "R-CHN-11", now)
        })
        .await
}

/// What a list of channels shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// Kind.
    pub kind: Option<ChannelKind>,
    /// State.
    pub state: Option<State>,
    /// Code, from its start.
    pub code: String,
    /// Keyset: code of the last row before.
    pub after: String,
    /// Rows.
    pub limit: i64,
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The outlet.
    pub channel: Channel,
    /// Name, Chinese.
    pub zh: String,
    /// Name, English.
    pub en: String,
}

/// Counted no further: an exact count of many is not worth its time.
pub const COUNT_CAP: i64 = 10_000;

/// Which outlets a filter finds; its parameters are `$1` to `$4`.
const FOUND: &str = "($1 = '' OR c.region = $1 OR substr(c.region, 1, 2) = $1) AND ($2 = 0 OR c.kind = $2) \
                     AND ($3 = 0 OR c.state = $3) AND ($4 = '' OR substr(c.code, 1, length($4)) = $4)";

/// One page of the outlets this person may see.
pub async fn list(app: &App, actor: &Actor, filter: Filter) -> Result<Vec<Listed>> {
    Ok(page(app, actor, filter, false).await?.0)
}

/// As [`list`], and how many there are where that is wanted, counted up to [`COUNT_CAP`].
pub async fn page(app: &App, actor: &Actor, filter: Filter, count: bool) -> Result<(Vec<Listed>, Option<i64>)> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let region = app.visible_region(&actor, Action::ChannelView, &filter.region)?;
            let (kind, state) = (filter.kind.map_or(0, |kind| kind as i64), filter.state.map_or(0, |state| state as i64));
            let rows = tx.query(
                &format!(
                    "SELECT {}, o.name_zh, o.name_en FROM channel c JOIN organisation o ON o.id = c.organisation \
                     WHERE {FOUND} AND c.code > $5 ORDER BY c.code LIMIT $6",
                    COLUMNS.split(", ").map(|column| format!("c.{column}")).collect::<Vec<_>>().join(", ")
                ),
                &params![&region, kind, state, &filter.code, &filter.after, filter.limit.clamp(1, 201)],
            )?;
            let total = if count {
                let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM channel c WHERE {FOUND} LIMIT $5) AS found");
                Some(tx.query_one(&sql, &params![&region, kind, state, &filter.code, COUNT_CAP])?.int(0)?)
            } else {
                None
            };
            let rows = rows.iter().map(|row| Ok(Listed { channel: read(row)?, zh: row.text(11)?, en: row.text(12)? }));
            Ok((rows.collect::<Result<Vec<_>>>()?, total))
        })
        .await
}

/// What an outlet's page shows beside the outlet.
#[derive(Debug, Clone)]
pub struct Detail {
    /// The outlet.
    pub channel: Channel,
    /// Name, Chinese.
    pub zh: String,
    /// Name, English.
    pub en: String,
    /// Responsible unit of the carrier.
    pub parent_zh: String,
    /// Responsible unit of the carrier.
    pub parent_en: String,
    /// Clerks with valid training.
    pub trained: i64,
    /// Visits, newest first: when, kind, passed, finding.
    pub visits: Vec<(Timestamp, String, bool, String)>,
    /// Violations, newest first: when, kind, state it led to, unit, post.
    pub violations: Vec<(Timestamp, String, State, String, String)>,
}

/// One outlet.
pub async fn find(app: &App, actor: &Actor, id: OrganisationId) -> Result<Detail> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let channel = of_organisation(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            let own = organisation::find(tx, id)?;
            actor.require(&app, Action::ChannelView, &own.resource(None)).map_err(|_| refuse(Refusal::NotFound))?;
            let parent = own.parent.map(|parent| organisation::find(tx, parent)).transpose()?;
            let visits = tx
                .query("SELECT at, kind, passed, finding FROM channel_visit WHERE channel = $1 ORDER BY at DESC LIMIT 50", &params![id.as_bytes()])?
                .iter()
                .map(|row| Ok((Timestamp(row.int(0)?), row.text(1)?, row.int(2)? == 1, row.text(3)?)))
                .collect::<Result<Vec<_>>>()?;
            let violations = tx
                .query(
                    "SELECT at, kind, outcome, responsible_unit, responsible_post FROM channel_violation WHERE channel = $1 ORDER BY at DESC LIMIT 50",
                    &params![id.as_bytes()],
                )?
                .iter()
                .map(|row| {
                    let state = State::from_i64(row.int(2)?).unwrap_or(State::Applied);
                    Ok((Timestamp(row.int(0)?), row.text(1)?, state, row.text(3)?, row.text(4)?))
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(Detail {
                trained: trained_clerks(tx, id, now)?,
                channel,
                zh: own.zh,
                en: own.en,
                parent_zh: parent.as_ref().map(|parent| parent.zh.clone()).unwrap_or_default(),
                parent_en: parent.map(|parent| parent.en).unwrap_or_default(),
                visits,
                violations,
            })
        })
        .await
}

/// Id of a channel by its code.
pub fn id_of_code(tx: &mut Tx, code: &str) -> Result<Option<Uuid>> {
    Ok(tx.query_opt("SELECT organisation FROM channel WHERE code = $1", &params![code])?.map(|row| row.uuid(0)).transpose()?)
}
