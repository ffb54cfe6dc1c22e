//! 误拦申诉: somebody was blocked by mistake. Taken in by one person, decided by another; upheld, the block is gone on every node within seconds, the list
//! entry that caused it has ended, and the rule is charged with a mistake, all in the transaction of the decision (L-SCR-9).

use chuangsha_kernel::{
    id::StaffId,
    problem::{Problem, Refuse},
    role,
    time::Timestamp,
};
use chuangsha_screen::{Action, Number, Rule};
use chuangsha_store::{Row, Tx, params};
use chuangsha_vault::DataKey;
use uuid::Uuid;

use super::{
    code,
    list::{self, List},
    live::masked,
    log,
    snapshot::{self, Node},
    table::{self, place},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        keys,
    },
};

/// 申诉状态. The numbers are what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScreenAppealState)]
pub enum State {
    /// 待裁定
    Open = 1,
    /// 成立
    Upheld = 2,
    /// 不成立
    Rejected = 3,
    /// 已撤回
    Withdrawn = 4,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Upheld, Self::Rejected, Self::Withdrawn];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Chinese, English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Open => ("待裁定", "Open"),
            Self::Upheld => ("成立，已解除", "Upheld and lifted"),
            Self::Rejected => ("不成立", "Rejected"),
            Self::Withdrawn => ("已撤回", "Withdrawn"),
        }
    }

    fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == value)
    }
}

/// What is done to an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScreenAppealStep)]
pub enum Step {
    /// 裁定成立
    Uphold,
    /// 裁定不成立
    Reject,
    /// 撤回
    Withdraw,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 3] = [Self::Uphold, Self::Reject, Self::Withdraw];
}

/// 误拦申诉, as its rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appeal {
    /// Where it stands.
    pub state: State,
    /// Who took it in.
    pub taken_by: StaffId,
    /// Who put the number on the list that blocked it.
    pub listed_by: Option<StaffId>,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is decided already.
    #[error("the appeal is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    /// Whoever took it in, or listed the number, does not judge it.
    #[error("an appeal is decided by another person than the one who took it in or listed the number")]
    SamePerson,
    /// Nothing was done to the call that could be appealed.
    #[error("the call passed")]
    Passed,
    /// The time to appeal is over.
    #[error("the verdict is too old to be appealed")]
    TooLate,
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::OutOfOrder(state) => {
                let (zh, en) = state.words();
                Problem::new(&code::APPEAL_CLOSED).with("zh", zh).with("en", en)
            }
            Self::SamePerson => Problem::new(&code::SAME_PERSON),
            Self::Passed => Problem::new(&code::NOTHING_TO_APPEAL).field("evidence"),
            Self::TooLate => Problem::new(&code::TOO_LATE).field("evidence"),
        }
    }
}

impl Appeal {
    /// The only way an appeal changes.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn decide(&self, step: Step, by: StaffId) -> Result<State, Refusal> {
        match (self.state, step) {
            (State::Open, Step::Uphold | Step::Reject) if by == self.taken_by || self.listed_by == Some(by) => Err(Refusal::SamePerson),
            (State::Open, Step::Uphold) => Ok(State::Upheld),
            (State::Open, Step::Reject) => Ok(State::Rejected),
            (State::Open, Step::Withdraw) => Ok(State::Withdrawn),
            (state @ (State::Upheld | State::Rejected | State::Withdrawn), _) => Err(Refusal::OutOfOrder(state)),
        }
    }
}

/// An appeal as it is taken in: by evidence id, or else by number and time. No Debug.
#[derive(Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = MistakeIntake)]
pub struct Intake {
    /// Evidence id, as the answer to the call gave it.
    pub evidence: String,
    /// The caller that was blocked; not needed with an evidence id.
    #[schema(value_type = String)]
    pub number: zeroize::Zeroizing<String>,
    /// About when it called, RFC 3339 with offset; not needed with an evidence id.
    pub at: String,
    /// What the caller says, 2 to 500 characters.
    pub words: String,
}

/// An appeal as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenAppealView)]
pub struct AppealView {
    /// Id.
    pub id: Uuid,
    /// Where it stands.
    pub state: State,
    /// The verdict it is about, where one was found.
    pub evidence: Option<String>,
    /// The rule that blocked; empty where no verdict was found.
    pub rule: String,
    /// The caller, masked.
    pub number: String,
    /// When the call was, RFC 3339.
    pub called: String,
    /// What the caller says; only for whoever takes appeals in or decides them.
    pub words: String,
    /// When it was taken in, RFC 3339.
    pub taken: String,
    /// To be decided by, RFC 3339.
    pub due: String,
    /// Past that time and not decided.
    pub overdue: bool,
    /// When it was decided, RFC 3339.
    pub decided: Option<String>,
}

/// How far around the named time a verdict is looked for.
const AROUND_MS: i64 = 30 * 60_000;

fn field(name: &'static str) -> Failure {
    Problem::new(&code::FIELD_INVALID).field(name).with("field", name).into()
}

/// 受理: takes an appeal in. Where a verdict is found it must be one that can be appealed.
///
/// # Errors
/// `screening.evidence_invalid`, `.number_invalid`, `.field_invalid`, `.not_found`, `.nothing_to_appeal`, `.too_late`; `people.denied`
pub async fn take(app: &App, actor: &Actor, input: Intake) -> Result<Uuid> {
    actor.reach(app, role::Action::ScreeningAppeal)?;
    let now = app.clock.now();
    let words = input.words.trim().to_owned();
    if !(2..=500).contains(&words.chars().count()) {
        return Err(field("words"));
    }
    let evidence = if input.evidence.trim().is_empty() { None } else { Some(log::evidence_of(&input.evidence)?) };
    let named = match evidence {
        Some(_) => None,
        None => {
            let number = list::number(&app.engine.snapshot().plan, &input.number, "number")?;
            let at = input.at.trim().parse::<jiff::Timestamp>().map_err(|_| field("at"))?;
            Some((number, Timestamp(at.as_millisecond())))
        }
    };
    let due = table::kept_until(app, "screen.appeal.answer", now)?;
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let row = match (&evidence, &named) {
            (Some(id), _) => {
                let row = tx.query_opt("SELECT evidence, at, action, rule, sealed, month FROM screen_verdict WHERE evidence = $1", &params![id])?;
                Some(row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND).field("evidence")))?)
            }
            (None, Some((number, at))) => {
                let index = table::index(&writer, *number)?;
                tx.query(
                    "SELECT evidence, at, action, rule, sealed, month FROM screen_verdict WHERE caller_index = $1 AND at >= $2 AND at <= $3 \
                     AND action > 0 ORDER BY action DESC, at DESC LIMIT 1",
                    &params![&index, at.plus_ms(-AROUND_MS), at.plus_ms(AROUND_MS)],
                )?
                .into_iter()
                .next()
            }
            (None, None) => None,
        };
        let (evidence, called, rule, number) = match row {
            Some(row) => {
                let (id, called) = (row.uuid(0)?, row.timestamp(1)?);
                if row.int(2)? == Action::Pass as i64 {
                    return Err(refuse(Refusal::Passed));
                }
                let [caller, _] = log::numbers(&writer, tx, id, row.str(5)?, row.slice(4)?)?;
                (Some(id), called, row.text(3)?, caller.ok_or_else(|| refuse(Refusal::Passed))?)
            }
            None => {
                let (number, at) = named.ok_or_else(|| field("number"))?;
                (None, at, String::new(), number)
            }
        };
        if table::kept_until(&writer, "screen.appeal.window", called)? < now {
            return Err(refuse(Refusal::TooLate));
        }
        let id = writer.ids.next(now);
        let key = table::key(&writer, tx)?;
        let sealed = table::seal(&key, place::APPEAL, id, number)?;
        let sealed_words = keys::seal(&key, place::WORDS, &words)?;
        tx.push_one(
            "INSERT INTO screen_appeal (id, state, version, evidence, rule, number_index, sealed, called_at, words, taken_by, taken_at, due_at) \
             VALUES ($1, 1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &params![
                &id,
                evidence.as_ref(),
                &rule,
                &table::index(&writer, number)?,
                &sealed,
                called,
                &sealed_words,
                actor.staff.as_bytes(),
                now,
                due
            ],
        )?;
        record(&writer, tx, By::Actor(&actor), "screening.appeal", id, ">open", &rule, "", now)?;
        Ok(id)
    })
    .await
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(app: &App, tx: &mut Tx, by: By<'_>, action: &str, id: Uuid, step: &str, rule: &str, why: &str, now: Timestamp) -> Result<()> {
    let facts = serde_json::json!({ "rule": rule }).to_string();
    let entry = Entry {
        action,
        case_kind: "screen_appeal",
        case: Some(id),
        step,
        why,
        article: "L-SCR-9",
        pack: &app.rules.version,
        facts: &facts,
        subject: None,
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// 裁定: takes a step. Upheld: lift, end of the list entry and audit entry are one transaction with the decision.
///
/// # Errors
/// [`Refusal`]; `screening.not_found`, `screening.field_invalid`, `people.denied`
pub async fn settle(app: &App, actor: &Actor, id: Uuid, step: Step, words: &str) -> Result<State> {
    let right = if step == Step::Withdraw { role::Action::ScreeningAppeal } else { role::Action::ScreeningManage };
    actor.reach(app, right)?;
    let now = app.clock.now();
    let words = words.trim().to_owned();
    if !(2..=500).contains(&words.chars().count()) {
        return Err(field("words"));
    }
    let immune_s = app.clock_rule("screen.lift.immunity", now)?.value / 1_000;
    let (writer, actor) = (app.clone(), actor.clone());
    let next = app
        .write(move |tx| {
            let row = tx.query_opt("SELECT state, version, rule, number_index, sealed, taken_by FROM screen_appeal WHERE id = $1", &params![&id])?;
            let row = row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
            let state = State::from_i64(row.int(0)?).ok_or_else(|| Failure::internal("screen_appeal.state holds a value this version does not know"))?;
            let (rule, index) = (row.text(2)?, row.bytes(3)?);
            let held = entry_of(tx, &rule, &index)?;
            let listed_by = held.as_ref().and_then(|(_, entry)| entry.staff);
            let appeal = Appeal { state, taken_by: StaffId(row.uuid(5)?), listed_by };
            let next = appeal.decide(step, actor.staff).map_err(refuse)?;
            tx.push_one(
                "UPDATE screen_appeal SET state = $3, version = version + 1, decided_by = $4, decided_at = $5 WHERE id = $1 AND version = $2",
                &params![&id, row.int(1)?, next as i64, actor.staff.as_bytes(), now],
            )?;
            let moved = format!("{}>{}", state.as_str(), next.as_str());
            record(&writer, tx, By::Actor(&actor), "screening.settle", id, &moved, &rule, &words, now)?;
            if next == State::Upheld {
                let key = table::key(&writer, tx)?;
                let number = table::open(&key, place::APPEAL, id, &row.bytes(4)?)?;
                lift(&writer, tx, number, &rule, immune_s, now)?;
                if let Some((list, entry)) = &held {
                    list::refuted(&writer, tx, By::Actor(&actor), *list, entry, now)?;
                }
            }
            Ok(next)
        })
        .await?;
    if next == State::Upheld {
        carry_out(app).await;
    }
    Ok(next)
}

/// 放行: what every node takes back of a number within seconds, in a transaction of somebody else's.
pub(super) fn lift(app: &App, tx: &mut Tx, number: Number, rule: &str, immune_s: i64, now: Timestamp) -> Result<()> {
    let (key, index, id) = (table::key(app, tx)?, table::index(app, number)?, app.ids.next(now));
    let sealed = table::seal(&key, place::LIFT, id, number)?;
    Ok(tx.push_one(
        "INSERT INTO screen_lift (id, at, immune_s, rule, number_index, sealed) VALUES ($1, $2, $3, $4, $5, $6)",
        &params![&id, now, immune_s, rule, &index, &sealed],
    )?)
}

/// The entry that made a rule speak; where no rule is named, whichever stands.
pub(super) fn entry_of(tx: &mut Tx, rule: &str, index: &[u8]) -> Result<Option<(List, list::Standing)>> {
    for (list, speaks) in [(List::Bad, Rule::BadList), (List::Suspect, Rule::Suspect)] {
        if (rule.is_empty() || rule == speaks.as_str())
            && let Some(entry) = list::of_number(tx, list, index)?
        {
            return Ok(Some((list, entry)));
        }
    }
    Ok(None)
}

/// Carries a lift out here at once; every other node follows by itself within seconds, and so does this one should this fail.
pub(super) async fn carry_out(app: &App) {
    if let Err(failure) = at_once(app).await {
        tracing::warn!(error = %failure.log_line(), "a lift waits for the next turn");
    }
}

async fn at_once(app: &App) -> Result<()> {
    snapshot::keep_up(app).await?;
    snapshot::follow(app).await.map(drop)
}

/// Carries out the lifts this node has not seen yet. Says how many.
pub(super) async fn follow_lifts(app: &App, node: &mut Node) -> Result<usize> {
    /// Lifts of other nodes may become visible this much later than they were written.
    const LATE_MS: i64 = 10 * 60_000;
    let (reader, since) = (app.clone(), node.lifted.1);
    let now = app.clock.now();
    let lifts = app
        .read(move |tx| {
            let rows =
                tx.query("SELECT id, at, immune_s, rule, sealed FROM screen_lift WHERE at >= $1 ORDER BY at, id", &params![since])?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let key = table::key(&reader, tx)?;
            let lift = |row: &Row| {
                let id = row.uuid(0)?;
                Ok((id, row.timestamp(1)?, row.int(2)?, row.text(3)?, table::open(&key, place::LIFT, id, row.slice(4)?)?))
            };
            rows.iter().map(lift).collect::<Result<Vec<(Uuid, Timestamp, i64, String, Number)>>>()
        })
        .await?;
    let mut done = 0;
    for (id, at, immune_s, rule, number) in lifts {
        if !node.lifted.0.insert(id) {
            continue;
        }
        let until = at.plus_ms(immune_s * 1_000);
        if until > now {
            let rule = Rule::ALL.iter().copied().find(|one| one.as_str() == rule);
            // The state charges the rule whose tier it takes back; what decided without a tier is charged here.
            let tier = app.engine.state.caller(number).filter(|caller| caller.tier != Action::Pass && !caller.immune);
            let charged = tier.and_then(|caller| Rule::ALL.get(usize::from(caller.tier_rule)).copied());
            app.engine.state.lift(number, at, u32::try_from(immune_s).unwrap_or(u32::MAX));
            if let Some(rule) = rule.filter(|rule| charged != Some(*rule)) {
                app.engine.state.meters.refuted(rule);
            }
            done += 1;
        }
    }
    node.lifted.1 = Timestamp(now.0 - LATE_MS).max(since);
    Ok(done)
}

/// One page of appeals, the most urgent open ones first, then the newest; 1 to 1,000 rows.
///
/// # Errors
/// `people.denied`
pub async fn page(app: &App, actor: &Actor, only_open: bool, limit: i64) -> Result<Vec<AppealView>> {
    actor.reach(app, role::Action::ScreeningView)?;
    let now = app.clock.now();
    let in_clear = actor.could(app, role::Action::ScreeningAppeal) || actor.could(app, role::Action::ScreeningManage);
    let reader = app.clone();
    app.read(move |tx| {
        let rows = tx.query(
            "SELECT id, state, evidence, rule, sealed, called_at, words, taken_at, due_at, decided_at FROM screen_appeal \
             WHERE state = 1 OR $1 = 0 ORDER BY CASE WHEN state = 1 THEN 0 ELSE 1 END, CASE WHEN state = 1 THEN due_at ELSE -taken_at END LIMIT $2",
            &params![only_open, limit.clamp(1, 1_000)],
        )?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let key = table::key(&reader, tx)?;
        rows.iter().map(|row| view(&key, row, in_clear, now)).collect()
    })
    .await
}

/// One appeal.
///
/// # Errors
/// `screening.not_found`, `people.denied`
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<AppealView> {
    actor.reach(app, role::Action::ScreeningView)?;
    let now = app.clock.now();
    let in_clear = actor.could(app, role::Action::ScreeningAppeal) || actor.could(app, role::Action::ScreeningManage);
    let reader = app.clone();
    app.read(move |tx| {
        let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM screen_appeal WHERE id = $1"), &params![&id])?;
        let row = row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
        let key = table::key(&reader, tx)?;
        view(&key, &row, in_clear, now)
    })
    .await
}

const COLUMNS: &str = "id, state, evidence, rule, sealed, called_at, words, taken_at, due_at, decided_at";

fn view(key: &DataKey, row: &Row, in_clear: bool, now: Timestamp) -> Result<AppealView> {
    let (id, due) = (row.uuid(0)?, row.timestamp(8)?);
    let state =
        State::from_i64(row.int(1)?).ok_or_else(|| Failure::internal("screen_appeal.state holds a value this version does not know"))?;
    Ok(AppealView {
        id,
        state,
        evidence: row.opt_uuid(2)?.map(|id| id.simple().to_string()),
        rule: row.text(3)?,
        number: masked(Some(table::open(key, place::APPEAL, id, row.slice(4)?)?)),
        called: row.timestamp(5)?.rfc3339(),
        words: if in_clear { keys::open(key, place::WORDS, row.slice(6)?)? } else { String::new() },
        taken: row.timestamp(7)?.rfc3339(),
        due: due.rfc3339(),
        overdue: state == State::Open && due < now,
        decided: row.opt_timestamp(9)?.map(Timestamp::rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_against_every_step_by_everybody() {
        let who = |number| StaffId(Uuid::from_u128(number));
        let (taker, lister, other) = (who(1), who(2), who(3));
        for state in State::ALL {
            for step in Step::ALL {
                for by in [taker, lister, other] {
                    let appeal = Appeal { state, taken_by: taker, listed_by: Some(lister) };
                    let wanted = match (state, step) {
                        (State::Open, Step::Withdraw) => Ok(State::Withdrawn),
                        (State::Open, _) if by != other => Err(Refusal::SamePerson),
                        (State::Open, Step::Uphold) => Ok(State::Upheld),
                        (State::Open, Step::Reject) => Ok(State::Rejected),
                        (state, _) => Err(Refusal::OutOfOrder(state)),
                    };
                    assert_eq!(appeal.decide(step, by), wanted, "{state:?} {step:?}");
                }
            }
            assert_eq!(State::from_i64(state as i64), Some(state));
        }
    }
}
