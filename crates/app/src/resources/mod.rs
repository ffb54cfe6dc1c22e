//! 码号与专线台账: which trunk or service number belongs to whom, for what, and what it may show. Who connects is responsible (R-LED, L-LED).

use chuangsha_kernel::{
    OrganisationCode,
    role::{Action, OrganisationKind},
    rulebook::ChannelKind,
    time::Timestamp,
};
use chuangsha_store::Tx;
use uuid::Uuid;

use crate::{
    App, channels,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
    },
};

pub mod file;
pub mod http;
pub mod page;
pub mod resource;
pub mod sweep;
pub mod table;
#[cfg(test)]
mod tests;
pub mod watch;

pub use resource::{Caller, Clause, Defect, Direction, Document, Industry, Kind, Paper, Purpose, Refusal, Resource, State, Step, Subject};
pub use table::{DDL, DDL_2, Filter, Listed, Moment};
pub use watch::{report_finding, saw_calls};

/// What an application says of a resource.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// 编号: a trunk's code (2 to 20 letters, digits, hyphens) or the number itself.
    pub code: String,
    /// Kind.
    pub kind: Kind,
    /// City, six digits.
    pub region: String,
    /// 统一社会信用代码 of the organisation, 18 characters.
    pub subject_code: String,
    /// Its name, 2 to 80 characters.
    pub subject_name: String,
    /// Its industry.
    pub industry: Industry,
    /// Documents shown.
    pub papers: Vec<Paper>,
    /// Where it is connected, 2 to 80 characters.
    pub access_point: String,
    /// Purpose.
    pub purpose: Purpose,
    /// Direction; inbound only when nobody asks for more.
    #[serde(default = "inbound")]
    pub direction: Direction,
    /// Numbers it may show.
    #[serde(default)]
    pub callers: Vec<String>,
    /// 责任单位
    pub unit: String,
    /// 责任人: staff number.
    pub owner: String,
}

const fn inbound() -> Direction {
    Direction::InboundOnly
}

impl Application {
    /// Checks every field; what stands in the ledger afterwards.
    ///
    /// # Errors
    /// The first field that is not of its form.
    pub fn read(&self, app: &App, id: Uuid, subject: Uuid, now: Timestamp) -> Result<(Resource, Subject), Refusal> {
        let invalid = |field: &'static str| Refusal::FieldInvalid(field);
        let code = self.code.trim();
        let code_ok = match self.kind {
            Kind::VoiceTrunk => (2..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            _ => Caller::parse(code).is_ok() && !code.ends_with('*') && self.kind_fits(code),
        };
        if !code_ok {
            return Err(invalid("code"));
        }
        if self.region.len() != 6 || app.rules.provinces().city(&self.region).is_none() {
            return Err(invalid("region"));
        }
        for (text, field, most) in [
            (&self.subject_name, "subject_name", 80),
            (&self.access_point, "access_point", 80),
            (&self.unit, "unit", 80),
            (&self.owner, "owner", 20),
        ] {
            let text = text.trim();
            if text.chars().count() < 2 || text.chars().count() > most || text.chars().any(char::is_control) {
                return Err(invalid(field));
            }
        }
        let credit = OrganisationCode::parse(&self.subject_code, app.rules.provinces()).map_err(|_| Refusal::OrganisationsOnly)?;
        if self.papers.iter().any(|paper| paper.reference.chars().count() > 60 || paper.reference.chars().any(char::is_control)) {
            return Err(invalid("papers"));
        }
        self.papers.iter().try_for_each(|paper| paper.impersonal("papers", app.rules.provinces()))?;
        let mut callers = self.callers.iter().map(|text| Caller::parse(text.trim())).collect::<Result<Vec<_>, _>>()?;
        callers.sort();
        callers.dedup();
        let subject = Subject {
            id: subject,
            code: credit.as_str().to_owned(),
            name: self.subject_name.trim().to_owned(),
            industry: self.industry,
            blacklisted: false,
            papers: self.papers.clone(),
        };
        let resource = Resource {
            id,
            code: code.to_owned(),
            kind: self.kind,
            state: State::Applied,
            version: 1,
            subject: subject.id,
            region: self.region.clone(),
            access_point: self.access_point.trim().to_owned(),
            purpose: self.purpose,
            direction: self.direction,
            callers,
            calls_per_callee: 0,
            calls_per_day: 0,
            clauses: 0,
            unit: self.unit.trim().to_owned(),
            owner: self.owner.trim().to_owned(),
            defects: Vec::new(),
            correct_by: None,
            updated_at: now,
        };
        resource.terms(subject.industry)?;
        Ok((resource, subject))
    }

    fn kind_fits(&self, code: &str) -> bool {
        match self.kind {
            Kind::Number95 => code.starts_with("95") && (5..=8).contains(&code.len()),
            Kind::Number96 => code.starts_with("96") && (5..=8).contains(&code.len()),
            Kind::Number400 => code.starts_with("400") && code.len() == 10,
            _ => true,
        }
    }
}

/// Only the carrier itself and its own halls take such an application (L-LED-2).
fn own_hall(tx: &mut Tx, actor: &Actor) -> Result<()> {
    if actor.organisation_kind != OrganisationKind::Channel {
        return Ok(());
    }
    match channels::of_organisation(tx, actor.organisation)? {
        Some(channel) if channel.kind == ChannelKind::OwnHall => Ok(()),
        _ => Err(refuse(Refusal::OwnHallsOnly)),
    }
}

/// 受理: an organisation asks for a resource.
///
/// # Errors
/// [`Refusal`]; the right to take applications.
pub async fn apply(app: &App, actor: &Actor, input: Application) -> Result<Resource> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.require(&app, Action::LedgerApply, &app.resource(actor.organisation, &input.region, None))?;
            own_hall(tx, &actor)?;
            enter(&app, tx, By::Actor(&actor), &input, now)
        })
        .await
}

/// Writes a new line with its subject; the subject's papers are those shown last.
pub(super) fn enter(app: &App, tx: &mut Tx, by: By<'_>, input: &Application, now: Timestamp) -> Result<Resource> {
    let (resource, mut subject) = input.read(app, app.ids.next(now), app.ids.next(now), now).map_err(refuse)?;
    if table::id_of(tx, &resource.code)?.is_some() {
        return Err(refuse(Refusal::CodeTaken));
    }
    if let Some(known) = table::subject_of_code(tx, &subject.code)? {
        subject.id = known.id;
        subject.blacklisted = known.blacklisted;
    }
    if subject.blacklisted {
        return Err(refuse(Refusal::Blacklisted));
    }
    let resource = Resource { subject: subject.id, ..resource };
    table::put_subject(tx, &subject, now)?;
    table::insert(tx, &resource)?;
    record(app, tx, by, None, &resource, "ledger.apply", "", "L-LED-2", now)?;
    Ok(resource)
}

/// A step asked for, as the request names it.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ResourceAsked)]
pub enum Asked {
    /// 审查资质
    Vet,
    /// 开通
    Open {
        /// The clauses of the contract.
        clauses: Vec<Clause>,
        /// Calls to one callee a day.
        calls_per_callee: i64,
        /// Calls a day.
        calls_per_day: i64,
    },
    /// 变更用途
    Repurpose {
        /// New purpose.
        purpose: Purpose,
        /// New direction.
        direction: Direction,
        /// Number of the approval.
        approval: String,
    },
    /// 变更主叫集
    SetCallers {
        /// Numbers it may show from now on.
        callers: Vec<String>,
    },
    /// 认定问题
    Find {
        /// What is wrong.
        defect: Defect,
    },
    /// 整改完成
    Correct {
        /// What was put right.
        defect: Defect,
    },
    /// 关停
    ShutDown,
    /// 注销
    Close,
}

impl Asked {
    const fn action(&self) -> Action {
        match self {
            Self::Vet | Self::Open { .. } | Self::SetCallers { .. } | Self::Close => Action::LedgerManage,
            Self::Repurpose { .. } | Self::ShutDown => Action::LedgerDispose,
            Self::Find { .. } | Self::Correct { .. } => Action::LedgerSweep,
        }
    }

    const fn article(&self) -> &'static str {
        match self {
            Self::Vet => "L-LED-6",
            Self::Open { .. } => "R-LED-10",
            Self::Repurpose { .. } => "R-LED-5",
            Self::SetCallers { .. } => "L-LED-1",
            Self::Find { .. } | Self::Correct { .. } => "L-LED-3",
            Self::ShutDown => "R-LED-8",
            Self::Close => "L-LED-7",
        }
    }
}

/// Takes a step on a line, at the version the person saw.
///
/// # Errors
/// [`Refusal`]; the right to take it.
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, asked: Asked, why: String) -> Result<Resource> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let old = seen(&app, tx, &actor, id)?;
            actor.require(&app, asked.action(), &place(&app, &actor, &old))?;
            if old.version != version {
                return Err(refuse(Refusal::Changed));
            }
            let step = match &asked {
                Asked::Vet => Step::Vet,
                Asked::Open { clauses, calls_per_callee, calls_per_day } => Step::Open {
                    clauses: clauses.iter().fold(0, |bits, clause| bits | *clause as i64),
                    calls_per_callee: *calls_per_callee,
                    calls_per_day: *calls_per_day,
                },
                Asked::Repurpose { purpose, direction, approval } => {
                    Step::Repurpose { purpose: *purpose, direction: *direction, approval: approval.clone() }
                }
                Asked::SetCallers { callers } => {
                    let callers = callers.iter().map(|text| Caller::parse(text.trim())).collect::<Result<Vec<_>, _>>();
                    Step::SetCallers { callers: callers.map_err(refuse)? }
                }
                Asked::Find { defect } => Step::Find { defect: *defect, correct_by: deadline(&app, now)? },
                Asked::Correct { defect } => Step::Correct { defect: *defect },
                Asked::ShutDown => Step::ShutDown,
                Asked::Close => Step::Close,
            };
            let why = match &asked {
                Asked::Repurpose { approval, .. } => format!("{approval} {why}"),
                _ => why.clone(),
            };
            carry(&app, tx, By::Actor(&actor), &old, &step, &why, asked.article(), now)
        })
        .await
}

/// Until when a finding must be corrected.
fn deadline(app: &App, now: Timestamp) -> Result<Timestamp> {
    Ok(now.plus_ms(app.clock_rule("ledger.correction", now)?.value))
}

/// Every line of the ledger with its subject's industry, by code: what call screening is compiled from.
///
/// # Errors
/// The record failed.
pub fn lines(tx: &mut Tx) -> Result<Vec<(Resource, Industry)>> {
    let mut filter = Filter { limit: 1_000, ..Filter::default() };
    let mut all = Vec::new();
    loop {
        let page = table::list(tx, &filter)?;
        let full = page.len() == 1_000;
        all.extend(page.into_iter().map(|listed| (listed.resource, listed.industry)));
        match all.last() {
            Some((last, _)) if full => filter.after.clone_from(&last.code),
            _ => return Ok(all),
        }
    }
}

/// Another one whenever anything of the ledger changed.
///
/// # Errors
/// The record failed.
pub fn fingerprint(tx: &mut Tx) -> Result<String> {
    table::fingerprint(tx)
}

/// 到期关停: what was not corrected in time is shut down (R-LED-8). Says how many.
///
/// # Errors
/// The record failed.
pub async fn shut_overdue(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let due = app.read(move |tx| table::overdue(tx, now, 200)).await?;
    let mut done = 0;
    for id in due {
        let writer = app.clone();
        done += app
            .write(move |tx| {
                let Some(old) = table::find(tx, id)? else { return Ok(0) };
                // Corrected in the meantime: nothing to shut.
                if old.state != State::Correcting || old.correct_by.is_none_or(|by| by > now) {
                    return Ok(0);
                }
                carry(&writer, tx, By::System("ledger"), &old, &Step::ShutDown, "", "R-LED-8", now)?;
                Ok::<_, Failure>(1)
            })
            .await?;
    }
    Ok(done)
}

#[allow(clippy::too_many_arguments, reason = "one line per thing a step is carried out with")]
fn carry(app: &App, tx: &mut Tx, by: By<'_>, old: &Resource, step: &Step, why: &str, article: &str, now: Timestamp) -> Result<Resource> {
    let subject = table::subject(tx, old.subject)?.ok_or_else(|| Failure::internal("a ledger line without its subject"))?;
    let next = old.decide(step, &subject, now).map_err(refuse)?;
    table::advance(tx, old, &next)?;
    if let Step::Find { defect, correct_by } = step {
        let by = match by {
            By::Actor(actor) => actor.number.clone(),
            By::System(part) => part.to_owned(),
        };
        let correct_by = next.correct_by.unwrap_or(*correct_by);
        table::note(tx, app.ids.next(now), old.id, &watch::Found { at: now, defect: *defect, by, evidence: why.to_owned(), correct_by })?;
    }
    record(app, tx, by, Some(old), &next, action_of(step), why, article, now)?;
    Ok(next)
}

const fn action_of(step: &Step) -> &'static str {
    match step {
        Step::Vet => "ledger.vet",
        Step::Open { .. } => "ledger.open",
        Step::Repurpose { .. } => "ledger.repurpose",
        Step::SetCallers { .. } => "ledger.callers",
        Step::Find { .. } => "ledger.find",
        Step::Correct { .. } => "ledger.correct",
        Step::ShutDown => "ledger.shut_down",
        Step::Close => "ledger.close",
    }
}

/// The audit entry and the line of the append-only history.
#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    old: Option<&Resource>,
    new: &Resource,
    action: &str,
    why: &str,
    article: &str,
    now: Timestamp,
) -> Result<()> {
    let step = format!("{}>{}", old.map_or("", |old| old.state.as_str()), new.state.as_str());
    let facts = serde_json::json!({
        "version": new.version, "purpose": new.purpose, "direction": new.direction, "callers": new.callers.len(), "defects": new.defects,
    })
    .to_string();
    let entry = Entry {
        action,
        case_kind: "ledger",
        case: Some(new.id),
        step: &step,
        why,
        article,
        pack: &app.rules.version,
        facts: &facts,
        subject: None,
    };
    let entry = app.audit(tx, by, &entry, now)?;
    table::remember(tx, entry, new, action, now)
}

fn place(app: &App, actor: &Actor, resource: &Resource) -> chuangsha_kernel::role::Resource {
    app.resource(actor.organisation, &resource.region, None)
}

/// The line, when this person may see it; else as if it were not there.
fn seen(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Resource> {
    let found = table::find(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    actor.require(app, Action::LedgerView, &place(app, actor, &found)).map_err(|_| refuse(Refusal::NotFound))?;
    Ok(found)
}

/// One line with its subject and its history, newest first.
///
/// # Errors
/// No such line, or not this person's to see.
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<(Resource, Subject, Vec<Moment>)> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let resource = seen(&app, tx, &actor, id)?;
            let subject = table::subject(tx, resource.subject)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            let history = table::history(tx, id)?;
            Ok((resource, subject, history))
        })
        .await
}

/// One page of the lines this person may see, and how many there are (counted up to 10,000).
///
/// # Errors
/// The person may not see the ledger.
pub async fn list(app: &App, actor: &Actor, mut filter: Filter) -> Result<(Vec<Listed>, i64)> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            filter.region = app.visible_region(&actor, Action::LedgerView, &filter.region)?;
            if filter.watch.is_some() {
                filter.bounds = Some(watch::Bounds::of(&app, app.clock.now())?);
            }
            let total = if filter.uncounted { 0 } else { table::count(tx, &filter)? };
            Ok((table::list(tx, &filter)?, total))
        })
        .await
}

/// 不良主体: puts an organisation on the black list or takes it off (L-LED-5). What it uses is shut down in the same transaction.
///
/// # Errors
/// The right to dispose; an unknown organisation; no reason.
pub async fn blacklist(app: &App, actor: &Actor, subject_code: String, listed: bool, why: String) -> Result<usize> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.require(&app, Action::LedgerDispose, &app.resource(actor.organisation, &actor.region, None))?;
            if why.trim().is_empty() {
                return Err(refuse(Refusal::FieldInvalid("words")));
            }
            let mut subject = table::subject_of_code(tx, subject_code.trim())?.ok_or_else(|| refuse(Refusal::NotFound))?;
            subject.blacklisted = listed;
            table::put_subject(tx, &subject, now)?;
            let entry = Entry {
                action: if listed { watch::Blacklisting::ON } else { watch::Blacklisting::OFF },
                case_kind: "ledger_subject",
                case: Some(subject.id),
                why: &why,
                article: "L-LED-5",
                pack: &app.rules.version,
                facts: "{}",
                ..Entry::default()
            };
            app.audit(tx, By::Actor(&actor), &entry, now)?;
            if !listed {
                return Ok(0);
            }
            let running = table::in_service_of(tx, subject.id)?;
            for old in &running {
                carry(&app, tx, By::Actor(&actor), old, &Step::ShutDown, &why, "L-LED-5", now)?;
            }
            Ok(running.len())
        })
        .await
}
