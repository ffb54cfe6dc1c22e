//! 走访计划 (R-CHN-16): which outlet is visited on which day, and by whom; ticked off by that person with what was found, missed when the day passes.
//! An outlet has one open plan of a kind, so that a missed one is not planned away but moved to a day.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::{Problem, Refuse},
    role::Action,
    rulebook::ChannelKind,
    time::Timestamp,
};
use chuangsha_store::{Param, Row, Tx, params};
use jiff::{ToSpan, civil::Date};
use uuid::Uuid;

use super::{State as Standing, Visit, put_visit};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        listed::listed,
        people::{self, organisation},
    },
};

pub mod http;
pub mod page;
mod spread;

pub use spread::{NewPlan, plan};

/// Table of this module.
pub const DDL: &str = "
CREATE TABLE channel_plan (
    id BYTEA PRIMARY KEY,
    channel BYTEA NOT NULL,
    region TEXT NOT NULL,
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    staff BYTEA NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    visit BYTEA,
    planned_by BYTEA NOT NULL,
    planned_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT a_visit_that_was_made_is_on_record CHECK ((state = 2) = (visit IS NOT NULL))
);
CREATE UNIQUE INDEX channel_plan_open ON channel_plan (channel, kind) WHERE state IN (1, 3);
CREATE INDEX channel_plan_day ON channel_plan (day, id);
CREATE INDEX channel_plan_due ON channel_plan (day) WHERE state = 1;
CREATE INDEX channel_plan_staff ON channel_plan (staff, day);
";

listed! {
    /// 走访计划状态
    #[schema(as = VisitPlanState)]
    State {
        Planned = 1, "planned", "待走访", "Planned";
        Done = 2, "done", "已走访", "Visited";
        Missed = 3, "missed", "逾期未走访", "Missed";
        Withdrawn = 4, "withdrawn", "已取消", "Withdrawn";
    }
}

/// 走访计划: one outlet, one day, one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Id.
    pub id: Uuid,
    /// The outlet.
    pub channel: OrganisationId,
    /// Its city.
    pub region: String,
    /// The day.
    pub day: Date,
    /// `visit` or `mystery`.
    pub kind: String,
    /// Who goes.
    pub staff: StaffId,
    /// State.
    pub state: State,
    /// Grows with every step.
    pub version: i64,
    /// The visit that was made.
    pub visit: Option<Uuid>,
}

/// What is done to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// 走访登记
    Visit {
        /// By whom.
        by: StaffId,
        /// The visit on record.
        visit: Uuid,
    },
    /// 改期、改派
    Move {
        /// To this day.
        day: Date,
        /// For this person.
        staff: StaffId,
    },
    /// 取消
    Withdraw,
    /// 逾期: the day has passed.
    Miss,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such plan")]
    NotFound,
    #[error("the plan is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    #[error("somebody else is to go")]
    NotYours,
    #[error("the visit is planned for a later day")]
    TooEarly(Date),
    #[error("the day has passed")]
    Past,
    #[error("somebody changed it in the meantime")]
    Changed,
    #[error("there is no outlet to plan for")]
    Nobody,
    #[error("more outlets than the days hold")]
    NoRoom { outlets: usize, places: usize },
    #[error("the outlet has an open plan")]
    Twice(String),
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
}

/// Codes of plans.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "visit.not_found", 404, "没有这项走访计划，或您无权查看", "There is no such plan, or it is not yours to see", "请从列表中打开", "Open it from the list";
        OUT_OF_ORDER = "visit.out_of_order", 409, "计划当前为「{state_zh}」，不能执行此步骤", "The plan is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        NOT_YOURS = "visit.not_yours", 403, "该走访由他人负责，须由其本人登记", "Somebody else is to go: they record the visit", "由他人代走访时，请先改派", "Where another goes instead, name them first";
        TOO_EARLY = "visit.too_early", 409, "计划走访日为 {day}，尚未到", "The visit is planned for {day}, which is still to come", "提前走访的，请先改期", "To go earlier, move it to that day first";
        PAST = "visit.past", 422, "走访日不能早于今天", "A visit is not planned for a day that has passed", "填写今天或以后的日期", "Give today or a later day";
        CHANGED = "visit.changed", 409, "该计划刚被他人修改", "Somebody changed the plan in the meantime", "请刷新后重试", "Reload and try again";
        NOBODY = "visit.nobody", 422, "没有待走访的网点", "There is no outlet left to plan for", "所选范围的网点都已走访或已有计划", "All of them were visited or stand in a plan";
        NO_ROOM = "visit.no_room", 422, "{outlets} 个网点，所给日期与人员只能走访 {places} 个", "{outlets} outlets, but these days and people hold {places}", "增加人员、天数或每人每日走访数", "Add people, days, or visits a day";
        TWICE = "visit.twice", 409, "网点 {outlet} 已有未完成的走访计划", "The outlet {outlet} has an open plan already", "在原计划上改期或登记", "Move or tick off that one";
        FIELD_INVALID = "visit.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::NotYours => Problem::new(&code::NOT_YOURS),
            Self::TooEarly(day) => Problem::new(&code::TOO_EARLY).with("day", day),
            Self::Past => Problem::new(&code::PAST).field("day"),
            Self::Changed => Problem::new(&code::CHANGED),
            Self::Nobody => Problem::new(&code::NOBODY),
            Self::NoRoom { outlets, places } => Problem::new(&code::NO_ROOM).with("outlets", outlets).with("places", places).field("until"),
            Self::Twice(outlet) => Problem::new(&code::TWICE).with("outlet", outlet).field("outlets"),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
        }
    }
}

impl Planned {
    /// The only way a plan changes.
    ///
    /// # Errors
    /// The refusal names the guard that held.
    pub fn decide(&self, step: Step, today: Date) -> Result<Self, Refusal> {
        let open = matches!(self.state, State::Planned | State::Missed);
        let next = Self { version: self.version + 1, ..self.clone() };
        match step {
            Step::Visit { by, .. } if open && by != self.staff => Err(Refusal::NotYours),
            Step::Visit { .. } if open && today < self.day => Err(Refusal::TooEarly(self.day)),
            Step::Visit { visit, .. } if open => Ok(Self { state: State::Done, visit: Some(visit), ..next }),
            Step::Move { day, .. } if open && day < today => Err(Refusal::Past),
            Step::Move { day, staff } if open => Ok(Self { state: State::Planned, day, staff, ..next }),
            Step::Withdraw if open => Ok(Self { state: State::Withdrawn, ..next }),
            Step::Miss if self.state == State::Planned && self.day < today => Ok(Self { state: State::Missed, ..next }),
            _ => Err(Refusal::OutOfOrder(self.state)),
        }
    }
}

const COLUMNS: &str = "p.id, p.channel, p.region, p.day, p.kind, p.staff, p.state, p.version, p.visit";

fn read(row: &Row) -> Result<Planned> {
    let broken = |column: &str| Failure::internal(format!("channel_plan.{column} holds a value this version does not know"));
    Ok(Planned {
        id: row.uuid(0)?,
        channel: OrganisationId(row.uuid(1)?),
        region: row.text(2)?,
        day: row.text(3)?.parse().map_err(|_| broken("day"))?,
        kind: row.text(4)?,
        staff: StaffId(row.uuid(5)?),
        state: State::from_i64(row.int(6)?).ok_or_else(|| broken("state"))?,
        version: row.int(7)?,
        visit: row.opt_uuid(8)?,
    })
}

fn advance(tx: &mut Tx, old: &Planned, new: &Planned, now: Timestamp) -> Result<()> {
    let ended = (!matches!(new.state, State::Planned | State::Missed)).then_some(now.0);
    Ok(tx.push_one(
        "UPDATE channel_plan SET state = $3, version = $4, day = $5, staff = $6, visit = $7, ended_at = $8 WHERE id = $1 AND version = $2",
        &params![
            &old.id,
            old.version,
            new.state as i64,
            new.version,
            &new.day.to_string(),
            new.staff.as_bytes(),
            new.visit.as_ref(),
            ended
        ],
    )?)
}

fn record(app: &App, tx: &mut Tx, by: By<'_>, one: &Planned, (action, step, why): (&str, &str, &str), now: Timestamp) -> Result<()> {
    let facts = serde_json::json!({ "outlet": one.channel.0, "day": one.day.to_string(), "kind": one.kind, "staff": one.staff.0, "visit": one.visit });
    let entry = Entry {
        action,
        case_kind: "visit",
        case: Some(one.id),
        step,
        why,
        article: "R-CHN-16",
        pack: &app.rules.version,
        facts: &facts.to_string(),
        ..Entry::default()
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// Somebody by staff number who may visit outlets.
fn visitor(app: &App, tx: &mut Tx, number: &str) -> Result<StaffId> {
    let invalid = || refuse(Refusal::FieldInvalid("staff"));
    let number = people::staff::number(number).map_err(|_| invalid())?;
    let login = app.vault.blind(chuangsha_vault::Field::StaffLogin, &number)?;
    let account = people::staff::account(tx, login.as_bytes())?.filter(|account| app.matrix.could(account.roles, Action::ChannelVisit));
    account.map(|account| account.id).ok_or_else(invalid)
}

fn day_of(text: &str, field: &'static str) -> Result<Date> {
    text.trim().parse().map_err(|_| refuse(Refusal::FieldInvalid(field)))
}

/// A step asked for, as the request names it.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = VisitPlanAsked)]
pub enum Asked {
    /// 走访登记: by whoever was to go.
    Visit {
        /// Nothing was found wanting.
        passed: bool,
        /// What was found, 2 to 500 characters, no personal data.
        finding: String,
    },
    /// 改期、改派
    Move {
        /// Today or later, `2026-12-01`.
        day: String,
        /// Staff number; empty: the same person.
        #[serde(default)]
        staff: String,
    },
    /// 取消
    Withdraw,
}

/// Takes a step on a plan, at the version the person saw. A visit that was made is on the outlet's record in the same transaction.
///
/// # Errors
/// [`Refusal`]; the right to visit there, for moving and withdrawing to plan there; the codes of [`super::visit`].
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, asked: Asked, words: String) -> Result<Planned> {
    let now = app.clock.now();
    let words = words.trim().chars().take(200).collect::<String>();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let app = &writer;
        let old = seen(app, tx, &actor, id)?;
        let right = if matches!(asked, Asked::Visit { .. }) { Action::ChannelVisit } else { Action::ChannelPlan };
        actor.require(app, right, &organisation::find(tx, old.channel)?.resource(None))?;
        if old.version != version {
            return Err(refuse(Refusal::Changed));
        }
        let (step, action) = match &asked {
            Asked::Visit { passed, finding } => {
                // The rules first: what may not be ticked off leaves no visit behind.
                let visit = app.ids.next(now);
                let step = Step::Visit { by: actor.staff, visit };
                old.decide(step, now.day()).map_err(refuse)?;
                put_visit(
                    app,
                    tx,
                    &actor,
                    old.channel,
                    visit,
                    &Visit { kind: old.kind.clone(), passed: *passed, finding: finding.clone() },
                    now,
                )?;
                (step, "visit.make")
            }
            Asked::Move { day, staff } => {
                let staff = if staff.trim().is_empty() { old.staff } else { visitor(app, tx, staff)? };
                (Step::Move { day: day_of(day, "day")?, staff }, "visit.move")
            }
            Asked::Withdraw if words.chars().count() < 2 => return Err(refuse(Refusal::FieldInvalid("words"))),
            Asked::Withdraw => (Step::Withdraw, "visit.withdraw"),
        };
        let next = old.decide(step, now.day()).map_err(refuse)?;
        advance(tx, &old, &next, now)?;
        let arrow = format!("{}>{}", old.state.as_str(), next.state.as_str());
        record(app, tx, By::Actor(&actor), &next, (action, &arrow, &words), now)?;
        Ok(next)
    })
    .await
}

fn seen(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Planned> {
    actor.reach(app, Action::ChannelVisit)?;
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM channel_plan p WHERE p.id = $1"), &params![&id])?;
    let found = row.as_ref().map(read).transpose()?.ok_or_else(|| refuse(Refusal::NotFound))?;
    // An outlet does not hear of a mystery visit beforehand: whoever may not visit does not see.
    let resource = organisation::find(tx, found.channel)?.resource(None);
    actor.require(app, Action::ChannelVisit, &resource).map_err(|_| refuse(Refusal::NotFound))?;
    Ok(found)
}

/// Plans whose day has passed are missed. The leased job calls it; says how many.
///
/// # Errors
/// The record failed.
pub async fn turn(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let writer = app.clone();
    app.write(move |tx| {
        let today = now.day();
        let sql = format!("SELECT {COLUMNS} FROM channel_plan p WHERE p.state = 1 AND p.day < $1 ORDER BY p.day LIMIT 500");
        let late = tx.query(&sql, &params![&today.to_string()])?.iter().map(read).collect::<Result<Vec<_>>>()?;
        for old in &late {
            let next = old.decide(Step::Miss, today).map_err(refuse)?;
            advance(tx, old, &next, now)?;
            record(&writer, tx, By::System("visits"), &next, ("visit.miss", "planned>missed", ""), now)?;
        }
        Ok(late.len())
    })
    .await
}

/// What a list of plans shows. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// States; empty: all.
    pub states: Vec<State>,
    /// Who goes.
    pub staff: Option<StaffId>,
    /// From this day on.
    pub from: Option<Date>,
    /// To this day.
    pub until: Option<Date>,
    /// Keyset: day and id of the last row before.
    pub after: Option<(Date, Uuid)>,
    /// Rows.
    pub limit: i64,
}

/// A plan as a list shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The plan.
    pub plan: Planned,
    /// Code of the outlet.
    pub code: String,
    /// Name of the outlet, Chinese.
    pub zh: String,
    /// Name of the outlet, English.
    pub en: String,
    /// Staff number of whoever goes.
    pub number: String,
    /// The visit that was made: when, whether nothing was wanting, what was found.
    pub made: Option<(Timestamp, bool, String)>,
}

const JOINED: &str = "channel_plan p JOIN channel c ON c.organisation = p.channel JOIN organisation o ON o.id = p.channel \
                      LEFT JOIN channel_visit v ON v.id = p.visit";

fn listed_of(app: &App, tx: &mut Tx, row: &Row) -> Result<Listed> {
    let plan = read(row)?;
    let made = match row.opt_int(12)? {
        Some(at) => Some((Timestamp(at), row.opt_int(13)? == Some(1), row.opt_text(14)?.unwrap_or_default())),
        None => None,
    };
    let number = match app.staff_number(tx, plan.staff) {
        Err(Failure::Problem(_)) => String::new(),
        found => found?,
    };
    Ok(Listed { plan, code: row.text(9)?, zh: row.text(10)?, en: row.text(11)?, number, made })
}

/// Plans this person may see, by day.
///
/// # Errors
/// The right to visit anywhere.
pub async fn list(app: &App, actor: &Actor, mut filter: Filter) -> Result<Vec<Listed>> {
    filter.region = app.visible_region(actor, Action::ChannelVisit, &filter.region)?;
    let reader = app.clone();
    app.read(move |tx| {
        let from = filter.from.map_or_else(String::new, |day| day.to_string());
        let until = filter.until.map_or_else(|| "9999".to_owned(), |day| day.to_string());
        let (day, id) = filter.after.map_or_else(|| (String::new(), Uuid::nil()), |(day, id)| (day.to_string(), id));
        let staff = filter.staff.unwrap_or(StaffId(Uuid::nil()));
        let states = filter.states.iter().map(|state| (*state as i64).to_string()).collect::<Vec<_>>().join(", ");
        let states = if states.is_empty() { "1 = 1".to_owned() } else { format!("p.state IN ({states})") };
        let mut values: Vec<Param<'_>> =
            params![&filter.region, from.as_str(), until.as_str(), day.as_str(), &id, filter.limit.clamp(1, 1_001)].into();
        let mine = if filter.staff.is_some() { "AND p.staff = $7" } else { "" };
        if filter.staff.is_some() {
            values.push(Param::from(staff.as_bytes()));
        }
        let sql = format!(
            "SELECT {COLUMNS}, c.code, o.name_zh, o.name_en, v.at, v.passed, v.finding FROM {JOINED} \
             WHERE ($1 = '' OR substr(p.region, 1, 2) = $1 OR p.region = $1) AND {states} AND p.day >= $2 AND p.day <= $3 \
             AND (p.day > $4 OR (p.day = $4 AND p.id > $5)) {mine} ORDER BY p.day, p.id LIMIT $6"
        );
        let rows = tx.query(&sql, &values)?;
        rows.iter().map(|row| listed_of(&reader, tx, row)).collect()
    })
    .await
}

/// One plan.
///
/// # Errors
/// [`Refusal::NotFound`]
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<Listed> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        seen(&reader, tx, &actor, id)?;
        let sql = format!("SELECT {COLUMNS}, c.code, o.name_zh, o.name_en, v.at, v.passed, v.finding FROM {JOINED} WHERE p.id = $1");
        let row = tx.query_one(&sql, &params![&id])?;
        listed_of(&reader, tx, &row)
    })
    .await
}

/// 计划执行: visits of a region planned from a day on that are still to come, and those that were missed.
///
/// # Errors
/// The record fails.
pub fn counts(tx: &mut Tx, region: &str, since: Date) -> Result<(i64, i64)> {
    let length = region.chars().count();
    let sql = format!(
        "SELECT COALESCE(SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 3 THEN 1 ELSE 0 END), 0) \
         FROM channel_plan WHERE day >= $1 AND substr(region, 1, {length}) = $2"
    );
    let row = tx.query_one(&sql, &params![&since.to_string(), region])?;
    Ok((row.int(0)?, row.int(1)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

    use jiff::civil::date;

    use super::*;

    #[test]
    fn every_state_takes_exactly_the_steps_of_the_table() {
        let (ann, bob) = (StaffId(Uuid::from_u128(1)), StaffId(Uuid::from_u128(2)));
        let today = date(2026, 11, 23);
        let plan = |state: State, day: Date| Planned {
            id: Uuid::nil(),
            channel: OrganisationId(Uuid::nil()),
            region: "990100".into(),
            day,
            kind: "visit".into(),
            staff: ann,
            state,
            version: 1,
            visit: None,
        };
        let steps = [Step::Visit { by: ann, visit: Uuid::from_u128(5) }, Step::Move { day: today, staff: bob }, Step::Withdraw, Step::Miss];
        let yesterday = today.yesterday().unwrap();
        // Columns: visit, move, withdraw, miss; the day was yesterday.
        use State::{Done, Missed, Withdrawn};
        let table: [(State, [Option<State>; 4]); 4] = [
            (State::Planned, [Some(Done), Some(State::Planned), Some(Withdrawn), Some(Missed)]),
            (Done, [None; 4]),
            (Missed, [Some(Done), Some(State::Planned), Some(Withdrawn), None]),
            (Withdrawn, [None; 4]),
        ];
        assert_eq!(table.map(|(state, _)| state).as_slice(), State::ALL, "a new state has its row");
        for (state, row) in table {
            for (step, wanted) in steps.iter().zip(row) {
                match (plan(state, yesterday).decide(*step, today), wanted) {
                    (Ok(next), Some(wanted)) => assert_eq!((next.state, next.version), (wanted, 2), "{state:?} {step:?}"),
                    (Err(Refusal::OutOfOrder(found)), None) => assert_eq!(found, state),
                    (result, wanted) => panic!("{state:?} {step:?}: {result:?}, wanted {wanted:?}"),
                }
            }
        }
        let open = plan(State::Planned, today);
        assert_eq!(open.decide(Step::Miss, today), Err(Refusal::OutOfOrder(State::Planned)), "the day is not over");
        assert_eq!(open.decide(Step::Visit { by: bob, visit: Uuid::nil() }, today), Err(Refusal::NotYours));
        let later = plan(State::Planned, today.tomorrow().unwrap());
        assert_eq!(later.decide(steps[0], today), Err(Refusal::TooEarly(later.day)));
        assert_eq!(open.decide(Step::Move { day: yesterday, staff: ann }, today), Err(Refusal::Past));
        let moved = plan(State::Missed, yesterday).decide(steps[1], today).unwrap();
        assert_eq!((moved.day, moved.staff, moved.visit), (today, bob, None));
    }
}
