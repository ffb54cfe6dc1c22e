//! 清查: a planned check of every line of some industries in one place. It ends when each of them has its result (R-LED-2, R-LED-3).

use chuangsha_kernel::{role::Action, time::Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use super::{Defect, Industry, Kind, Refusal, Resource, Step};
use crate::platform::listed::listed;
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
    },
};

pub mod http;
pub mod page;
pub mod table;
#[cfg(test)]
mod tests;

pub use table::{Checked, Progress};

listed! {
    /// 清查状态
    #[schema(as = SweepStage)]
    Stage {
        Running = 1, "running", "进行中", "Running";
        Closed = 2, "closed", "已结束", "Closed";
    }
}

listed! {
    /// 核查结果 of one line.
    Outcome {
        Open = 0, "open", "待核查", "To be checked";
        Clean = 1, "clean", "无问题", "Clean";
        Defective = 2, "defective", "有问题", "Defects found";
        Gone = 3, "gone", "已停用", "No longer in service";
    }
}

/// 清查: what is checked, where, by when, and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// City, six digits; a province, two; empty: everywhere.
    pub region: String,
    /// Industries; never empty.
    pub industries: Vec<Industry>,
    /// Kinds of resource; empty: all.
    pub kinds: Vec<Kind>,
    /// First day.
    pub starts: Date,
    /// Last day.
    pub ends: Date,
    /// Staff number of who answers for it.
    pub lead: String,
    /// State.
    pub stage: Stage,
    /// Planned at.
    pub created_at: Timestamp,
    /// Closed at.
    pub closed_at: Option<Timestamp>,
}

/// What a plan says of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name, 2 to 60 characters.
    pub name: String,
    /// City, six digits; a province, two; empty: everywhere the planner reaches.
    #[serde(default)]
    pub region: String,
    /// Industries; none given: the four that come first (R-LED-3).
    #[serde(default)]
    pub industries: Vec<Industry>,
    /// Kinds of resource; none given: all.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// First day, `YYYY-MM-DD`.
    #[schema(value_type = String, format = Date)]
    pub starts: Date,
    /// Last day, not before the first.
    #[schema(value_type = String, format = Date)]
    pub ends: Date,
    /// Staff number of who answers for it.
    pub lead: String,
}

impl Plan {
    /// Checks every field; the sweep as it begins.
    ///
    /// # Errors
    /// [`Refusal::FieldInvalid`], with the first field that is not of its form.
    pub fn read(&self, id: Uuid, now: Timestamp) -> Result<Sweep, Refusal> {
        let text = |text: &str, field: &'static str, most: usize| {
            let text = text.trim();
            let fits = (2..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
            if fits { Ok(text.to_owned()) } else { Err(Refusal::FieldInvalid(field)) }
        };
        let name = text(&self.name, "name", 60)?;
        let lead = text(&self.lead, "lead", 20)?;
        if !matches!(self.region.len(), 0 | 2 | 6) || !self.region.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::FieldInvalid("region"));
        }
        if self.ends < self.starts {
            return Err(Refusal::FieldInvalid("ends"));
        }
        let mut industries = self.industries.clone();
        if industries.is_empty() {
            industries = Industry::ALL.iter().copied().filter(|industry| industry.is_priority()).collect();
        }
        let mut kinds = self.kinds.clone();
        industries.sort();
        industries.dedup();
        kinds.sort();
        kinds.dedup();
        Ok(Sweep {
            id,
            name,
            region: self.region.clone(),
            industries,
            kinds,
            starts: self.starts,
            ends: self.ends,
            lead,
            stage: Stage::Running,
            created_at: now,
            closed_at: None,
        })
    }
}

/// What was found at one line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum Finding {
    /// 无问题
    Clean,
    /// 有问题
    Defective {
        /// Which of the seven, at least one.
        defects: Vec<Defect>,
        /// What shows it, 2 to 200 characters.
        evidence: String,
    },
    /// 已停用: shut down or closed since the sweep was planned.
    Gone,
}

impl Sweep {
    /// What a finding makes of a line that has no result yet.
    ///
    /// # Errors
    /// The sweep is over; the line has its result; the finding does not fit the line as it stands, or lacks its evidence.
    pub fn check(&self, before: Outcome, line: &Resource, finding: &Finding) -> Result<(Outcome, Vec<Defect>, String), Refusal> {
        if self.stage == Stage::Closed {
            return Err(Refusal::SweepClosed);
        }
        if before != Outcome::Open {
            return Err(Refusal::AlreadyChecked);
        }
        match finding {
            Finding::Gone if line.in_service() => Err(Refusal::StillInService),
            Finding::Gone => Ok((Outcome::Gone, Vec::new(), String::new())),
            _ if !line.in_service() => Err(Refusal::OutOfOrder(line.state)),
            Finding::Clean => Ok((Outcome::Clean, Vec::new(), String::new())),
            Finding::Defective { defects, evidence } => {
                let (mut defects, evidence) = (defects.clone(), evidence.trim());
                defects.sort();
                defects.dedup();
                if defects.is_empty() {
                    return Err(Refusal::FieldInvalid("defects"));
                }
                if !(2..=200).contains(&evidence.chars().count()) {
                    return Err(Refusal::EvidenceMissing);
                }
                Ok((Outcome::Defective, defects, evidence.to_owned()))
            }
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// It is over already, or `open` lines have no result.
    pub fn close(&self, open: i64, now: Timestamp) -> Result<Self, Refusal> {
        match (self.stage, open) {
            (Stage::Closed, _) => Err(Refusal::SweepClosed),
            (Stage::Running, 1..) => Err(Refusal::SweepUnfinished(open)),
            (Stage::Running, _) => Ok(Self { stage: Stage::Closed, closed_at: Some(now), ..self.clone() }),
        }
    }
}

fn place(app: &App, actor: &Actor, region: &str) -> chuangsha_kernel::role::Resource {
    app.resource(actor.organisation, region, None)
}

/// The sweep, when this person may see it: one of their own place, of the place above it, or of a place below it.
fn seen(app: &App, tx: &mut chuangsha_store::Tx, actor: &Actor, id: Uuid) -> Result<Sweep> {
    let found = table::find(tx, id)?.ok_or_else(|| refuse(Refusal::SweepNotFound))?;
    let own = app.visible_region(actor, Action::LedgerView, "").map_err(|_| refuse(Refusal::SweepNotFound))?;
    if own.starts_with(&found.region) || found.region.starts_with(&own) { Ok(found) } else { Err(refuse(Refusal::SweepNotFound)) }
}

fn entry<'e>(app: &'e App, sweep: &Sweep, action: &'e str, why: &'e str, facts: &'e str) -> Entry<'e> {
    let article = "R-LED-3";
    Entry { action, case_kind: "ledger_sweep", case: Some(sweep.id), why, article, pack: &app.rules.version, facts, ..Entry::default() }
}

/// 制定清查: its work list is every line in service that it covers, as of now.
///
/// # Errors
/// The right to sweep there; [`Refusal`]; nothing to check.
pub async fn plan(app: &App, actor: &Actor, mut plan: Plan) -> Result<Sweep> {
    let now = app.clock.now();
    if plan.region.is_empty() {
        plan.region = app.visible_region(actor, Action::LedgerSweep, "")?;
    }
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.require(&app, Action::LedgerSweep, &place(&app, &actor, &plan.region))?;
            if !plan.region.is_empty()
                && app.rules.provinces().city(&plan.region).or_else(|| app.rules.provinces().province(&plan.region)).is_none()
            {
                return Err(refuse(Refusal::FieldInvalid("region")));
            }
            let sweep = plan.read(app.ids.next(now), now).map_err(refuse)?;
            table::insert(tx, &sweep)?;
            let lines = table::fill(tx, &sweep)?;
            if lines == 0 {
                return Err(refuse(Refusal::SweepEmpty));
            }
            let facts = serde_json::json!({ "industries": sweep.industries, "kinds": sweep.kinds, "region": sweep.region, "lines": lines });
            app.audit(tx, By::Actor(&actor), &entry(&app, &sweep, "ledger.sweep_plan", "", &facts.to_string()), now)?;
            Ok(sweep)
        })
        .await
}

/// 登记结果 of one line. Defects go to their deadline and to closure, as any finding does.
///
/// # Errors
/// The right to sweep where the line is; [`Refusal`].
pub async fn check(app: &App, actor: &Actor, id: Uuid, resource: Uuid, finding: Finding) -> Result<Outcome> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let sweep = seen(&app, tx, &actor, id)?;
            let mut line = super::seen(&app, tx, &actor, resource)?;
            actor.require(&app, Action::LedgerSweep, &place(&app, &actor, &line.region))?;
            let before = table::outcome(tx, id, resource)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            let (outcome, defects, evidence) = sweep.check(before, &line, &finding).map_err(refuse)?;
            table::settle(tx, id, resource, outcome, &defects, &evidence, &actor.number, now)?;
            let facts = serde_json::json!({ "line": line.id, "result": outcome, "defects": defects }).to_string();
            app.audit(tx, By::Actor(&actor), &entry(&app, &sweep, "ledger.check", &evidence, &facts), now)?;
            for defect in defects {
                let step = Step::Find { defect, correct_by: super::deadline(&app, now)? };
                line = super::carry(&app, tx, By::Actor(&actor), &line, &step, &evidence, "L-LED-3", now)?;
            }
            Ok(outcome)
        })
        .await
}

/// 结束清查
///
/// # Errors
/// The right to sweep all of its place; lines without a result.
pub async fn close(app: &App, actor: &Actor, id: Uuid) -> Result<Sweep> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let sweep = seen(&app, tx, &actor, id)?;
            actor.require(&app, Action::LedgerSweep, &place(&app, &actor, &sweep.region))?;
            let progress = table::progress(tx, id, "")?;
            let open = progress.iter().map(|one| one.lines - one.done()).sum();
            let closed = sweep.close(open, now).map_err(refuse)?;
            table::close(tx, &closed)?;
            let found: i64 = progress.iter().map(|one| one.defective).sum();
            let facts = serde_json::json!({ "lines": progress.iter().map(|one| one.lines).sum::<i64>(), "defective": found }).to_string();
            app.audit(tx, By::Actor(&actor), &entry(&app, &sweep, "ledger.sweep_close", "", &facts), now)?;
            Ok(closed)
        })
        .await
}

/// One sweep with its progress by industry and city, as far as this person sees it.
///
/// # Errors
/// No such sweep, or not this person's to see.
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<(Sweep, Vec<Progress>)> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let sweep = seen(&app, tx, &actor, id)?;
            let region = app.visible_region(&actor, Action::LedgerView, "")?;
            Ok((sweep, table::progress(tx, id, &region)?))
        })
        .await
}

/// Sweeps this person may see, newest first, each with its lines and how many have a result.
///
/// # Errors
/// The person may not see the ledger.
pub async fn list(app: &App, actor: &Actor, stage: Option<Stage>, after: Option<Uuid>, limit: i64) -> Result<Vec<(Sweep, i64, i64)>> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let region = app.visible_region(&actor, Action::LedgerView, "")?;
            table::list(tx, &region, stage, after, limit)
        })
        .await
}

/// What a work list shows. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// The sweep; `None`: the newest that runs.
    pub sweep: Option<Uuid>,
    /// Result.
    pub outcome: Option<Outcome>,
    /// Industry.
    pub industry: Option<Industry>,
    /// City or province.
    pub region: String,
    /// Keyset: code of the last row before.
    pub after: String,
    /// Rows.
    pub limit: i64,
}

/// 工作清单: the lines of a sweep this person may see, by code, and how many there are.
///
/// # Errors
/// The person may not see the ledger, or not this sweep.
pub async fn work(app: &App, actor: &Actor, mut work: Work) -> Result<(Vec<Checked>, i64)> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            work.region = app.visible_region(&actor, Action::LedgerView, &work.region)?;
            let Some(id) = work.sweep else { return Ok((Vec::new(), 0)) };
            seen(&app, tx, &actor, id)?;
            Ok((table::work(tx, id, &work)?, table::count(tx, id, &work)?))
        })
        .await
}

/// One line of a sweep, with the line itself.
///
/// # Errors
/// No such sweep or line, or not this person's to see.
pub async fn line(app: &App, actor: &Actor, id: Uuid, resource: Uuid) -> Result<(Sweep, Checked, Resource)> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let sweep = seen(&app, tx, &actor, id)?;
            let line = super::seen(&app, tx, &actor, resource)?;
            let checked = table::one(tx, id, resource)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            Ok::<_, Failure>((sweep, checked, line))
        })
        .await
}
