//! 阶段时钟: the leased jobs of the ladder. One step a case at a time, a thousand cases a transaction; what cannot happen now waits and says why.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chuangsha_kernel::{id::OrderId, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{
    campaign::{self, Campaign, Planned, State as Runs, Wave},
    carry::{self, Because},
    case::{Case, Facts, Ladder, Stage, State, Step, Wait},
    kind, ladder,
    pause::{self, Cell},
    protected,
    table::{self, Asked, Counts, Due},
};
use crate::{
    App,
    platform::{
        audit::By,
        failure::{Failure, Result, refuse},
    },
    registration::{self, order, subscription},
};

/// Cases of one transaction.
pub const BATCH: i64 = 1_000;

/// The name the log knows the job by.
const JOB: By<'static> = By::System("remediation");

/// What holds for one region at one moment.
struct Here {
    ladder: Ladder,
    contact_at: Timestamp,
    stop_at: Option<Timestamp>,
    stages: i64,
}

impl Here {
    fn at(app: &App, region: &str, plan: &[Planned], now: Timestamp) -> Result<Self> {
        Ok(Self {
            ladder: Ladder::read(&app.rules, region, now)?,
            contact_at: ladder::contact_at(&app.rules, region, now)?,
            stop_at: ladder::stop_at(&app.rules, region, now)?,
            stages: campaign::begun(plan, region, now.day()),
        })
    }
}

/// One turn of the leased job: lines are taken in, and what is due takes its step. Says how many moved; more may wait.
///
/// # Errors
/// The record failed.
pub async fn turn(app: &App) -> Result<usize> {
    turn_at(app, app.clock.now()).await
}

/// As [`turn`], for a moment of its own: a past that is told step by step.
///
/// # Errors
/// The record failed.
pub async fn turn_at(app: &App, now: Timestamp) -> Result<usize> {
    // Whoever is protected no longer is known before anything moves.
    Ok(protected::expire(app, now).await? + take_in_at(app, now).await? + tick_at(app, now).await?)
}

/// Everything that is due takes one step: of running campaigns, and what goes back or ends whatever its campaign does.
///
/// # Errors
/// The record failed.
pub async fn tick(app: &App) -> Result<usize> {
    tick_at(app, app.clock.now()).await
}

async fn tick_at(app: &App, now: Timestamp) -> Result<usize> {
    let running = app.read(|tx| campaign::list(tx, Some(Runs::Running), "", None, 1_000)).await?;
    let mut moved = batch(app, Asked::Returning, None, now).await?;
    for one in running {
        moved += batch(app, Asked::Of(one.id), Some(one), now).await?;
    }
    Ok(moved)
}

async fn batch(app: &App, asked: Asked, campaign: Option<Campaign>, now: Timestamp) -> Result<usize> {
    let (writer, whole) = (app.clone(), campaign.clone());
    let done = app.write(move |tx| together(&writer, tx, asked, whole.as_ref(), BATCH, now)).await;
    match done {
        // One case that something refuses must not stop the others: they are taken one by one, and that one waits.
        Err(Failure::Problem(_)) => apart(app, asked, campaign, now).await,
        done => done,
    }
}

/// The cases of a batch in one transaction.
fn together(app: &App, tx: &mut Tx, asked: Asked, campaign: Option<&Campaign>, limit: i64, now: Timestamp) -> Result<usize> {
    // Paused since it was listed: nothing moves.
    if let Some(campaign) = campaign
        && campaign::find(tx, campaign.id)?.is_none_or(|found| found.state != Runs::Running)
    {
        return Ok(0);
    }
    let due = table::due(tx, asked, now, limit)?;
    if due.is_empty() {
        return Ok(0);
    }
    let lines: Vec<Uuid> = due.iter().map(|one| one.case.subscription).collect();
    let standing = subscription::in_service(tx, &lines)?;
    let day = now.day().to_string();
    let plan = campaign.map_or(Ok(Vec::new()), |campaign| campaign::plan(tx, campaign.id))?;
    let before = campaign.map_or(Ok(0), |campaign| campaign::stops(tx, campaign.id, &day))?;
    // Read in the transaction that acts on it: a warning opened a moment ago holds the batch that is under way.
    let pauses = if campaign.is_some_and(|campaign| campaign.auto_pause) { pause::standing(tx)? } else { Vec::new() };
    let mut stops = before;
    let mut places: BTreeMap<String, Here> = BTreeMap::new();
    let mut counts = Counts::default();
    let mut moved = 0;
    for one in due {
        if !places.contains_key(&one.case.region) {
            places.insert(one.case.region.clone(), Here::at(app, &one.case.region, &plan, now)?);
        }
        let Some(here) = places.get(&one.case.region) else { continue };
        let cap_left = campaign.is_none_or(|campaign| stops < campaign.stops_per_day);
        let paused = pause::stages(&pauses, &one.case.region, one.case.channel_kind);
        let facts = Facts { paused, cap_left, ..facts(tx, &one, here, &standing, now)? };
        let decision = one.case.decide(Step::Tick(&facts), &here.ladder, now).map_err(refuse)?;
        moved += usize::from(!decision.action.is_empty());
        stops += i64::from(decision.effects.contains(&super::case::Effect::Stop));
        carry::step(app, tx, JOB, &one.case, decision, Because::default(), &mut counts, now)?;
    }
    if let Some(campaign) = campaign
        && stops > before
    {
        campaign::add_stops(tx, campaign.id, &day, stops - before)?;
    }
    counts.flush(&app.ids, tx, now)?;
    Ok(moved)
}

fn facts(tx: &mut Tx, one: &Due, here: &Here, standing: &HashSet<Uuid>, now: Timestamp) -> Result<Facts> {
    let ordered = match one.case.order {
        Some(id) if one.case.state.is_open() => under_way(tx, OrderId(id))?,
        _ => false,
    };
    Ok(Facts {
        stages: here.stages,
        paused: 0,
        protected: one.protected,
        in_service: standing.contains(&one.case.subscription),
        delivered: one.delivered,
        contact_at: here.contact_at,
        stop_at: here.stop_at,
        cap_left: true,
        tomorrow: ladder::next_day(now),
        balance: one.balance,
        ordered,
    })
}

/// The order that re-registers a line is neither open for use nor at its end.
fn under_way(tx: &mut Tx, id: OrderId) -> Result<bool> {
    use order::State as Order;
    match registration::table::find(tx, id) {
        Ok(order) => Ok(!matches!(order.state, Order::Activated | Order::Rejected | Order::Cancelled | Order::Expired)),
        Err(Failure::Problem(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The cases of a batch each in its own transaction; what is refused waits a day.
async fn apart(app: &App, asked: Asked, campaign: Option<Campaign>, now: Timestamp) -> Result<usize> {
    let mut moved = 0;
    for _ in 0..BATCH {
        let (writer, whole) = (app.clone(), campaign.clone());
        match app.write(move |tx| together(&writer, tx, asked, whole.as_ref(), 1, now)).await {
            Ok(0) => break,
            Ok(done) => moved += done,
            Err(Failure::Problem(problem)) => {
                tracing::warn!(code = problem.code.id, "a step of a case was refused; it waits a day");
                app.write(move |tx| {
                    for one in table::due(tx, asked, now, 1)? {
                        table::look_later(tx, &one.case, ladder::next_day(now), Wait::Refused)?;
                    }
                    Ok::<_, Failure>(())
                })
                .await?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(moved)
}

/// A released wave takes its lines in, a batch at a time; a line that another campaign has is counted and left there. Says how many came.
///
/// # Errors
/// The record failed.
pub async fn take_in(app: &App) -> Result<usize> {
    take_in_at(app, app.clock.now()).await
}

async fn take_in_at(app: &App, now: Timestamp) -> Result<usize> {
    let writer = app.clone();
    app.write(move |tx| {
        let Some(wave) = campaign::open_wave(tx)? else { return Ok(0) };
        let Some(of) = campaign::find(tx, wave.campaign)? else { return Ok(0) };
        let wanted = (wave.size - wave.taken).clamp(0, BATCH);
        let findings = candidates(tx, &of, wave.last, wanted)?;
        let more = findings.len() as i64 == wanted && wanted > 0;
        let mut wave = Wave { last: findings.last().map(|one| one.subscription).or(wave.last), ..wave };
        let mut counts = Counts::default();
        let mut seen = 0;
        for finding in &findings {
            seen += 1;
            let case = carry::identified(&writer, &of, wave.wave, finding, now);
            if carry::enter(&writer, tx, JOB, &case, &mut counts, now)? { wave.taken += 1 } else { wave.refused += 1 }
        }
        wave.done = !more || wave.taken >= wave.size;
        campaign::put_wave(tx, &wave)?;
        counts.flush(&writer.ids, tx, now)?;
        Ok::<_, Failure>(seen)
    })
    .await
}

/// The next lines of a campaign's scope behind one.
fn candidates(tx: &mut Tx, of: &Campaign, after: Option<Uuid>, limit: i64) -> Result<Vec<kind::Finding>> {
    if !of.listed {
        return kind::open_findings(tx, &of.scope(), after, limit);
    }
    let scope = of.scope();
    let fits = |finding: &kind::Finding| {
        finding.closed_at.is_none()
            && finding.region.starts_with(&scope.region)
            && (scope.kinds.is_empty() || scope.kinds.contains(&finding.kind))
            && (scope.channel_kinds.is_empty() || scope.channel_kinds.contains(&finding.channel_kind))
    };
    let (mut found, mut last) = (Vec::new(), after.unwrap_or(Uuid::nil()));
    while (found.len() as i64) < limit {
        let some = campaign::list_after(tx, of.id, last, limit)?;
        let Some(end) = some.last() else { break };
        last = *end;
        for id in some {
            if let Some(finding) = kind::find(tx, id)?.filter(fits)
                && (found.len() as i64) < limit
            {
                found.push(finding);
            }
        }
    }
    Ok(found)
}

/// Folds what was counted.
///
/// # Errors
/// The record failed.
pub async fn fold(app: &App) -> Result<usize> {
    app.write(|tx| table::fold(tx, 2_000)).await
}

/// What would become of a wave: nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Simulation {
    /// Lines of the scope with an open finding.
    pub in_scope: i64,
    /// Of them in a campaign already.
    pub claimed: i64,
    /// On the protected list, in the region: told, never stopped.
    pub protected: i64,
    /// In a cell of the first stage that an early warning pauses: told once the warning is closed.
    pub paused: i64,
    /// Lines the wave would take in.
    pub touches: i64,
    /// First contact, RFC 3339.
    pub first_contact: String,
    /// Nobody is stopped before this day of the wave.
    pub first_stop_day: i64,
    /// Lines stopped before day 30.
    pub stops_before_day_30: i64,
    /// The earliest moment of a stop, RFC 3339; absent: the holidays of that year are missing.
    pub first_stop: Option<String>,
    /// Days it takes to stop all of them, if nobody re-registers, under the day's cap.
    pub days_of_stops: i64,
}

/// 模拟运行: counts from the index of open findings and the incremental figures; no case is touched.
///
/// # Errors
/// The record failed.
pub fn simulate(app: &App, tx: &mut Tx, of: &Campaign, size: i64, now: Timestamp) -> Result<Simulation> {
    let plan = campaign::plan(tx, of.id)?;
    let region = if of.region.len() == 6 { of.region.as_str() } else { "" };
    let ladder = Ladder::read(&app.rules, region, now)?;
    let in_scope = if of.listed { campaign::list_size(tx, of.id)? } else { kind::count(tx, &of.scope())? };
    let open: Vec<i64> = State::ALL.iter().filter(|state| !state.is_over()).map(|state| table::metric::STANDING + *state as i64).collect();
    let claimed = table::counts(tx, None, None)?
        .iter()
        .filter(|count| open.contains(&count.metric) && count.region.starts_with(&of.region))
        .filter(|count| of.kinds.is_empty() || of.kinds.iter().any(|kind| *kind as i64 == count.kind))
        .filter(|count| of.channels.is_empty() || of.channels.contains(&count.channel_kind))
        .map(|count| count.value)
        .sum::<i64>();
    let protected = protected::count(tx, &of.region)?;
    // Two warnings may hold one cell.
    let cells: BTreeSet<Cell> = of.pauses(tx)?.into_iter().map(|one| one.cell).filter(|cell| cell.stage == Stage::Remind).collect();
    let mut paused = 0;
    for cell in &cells {
        paused += campaign::open_in_cell(tx, of, cell)?;
    }
    let touches = (in_scope - claimed).clamp(0, size.max(0));
    let begins = |stage: Stage| plan.iter().filter(|one| one.stage == stage).map(|one| Timestamp::start_of(one.from)).min();
    let start = begins(Stage::Remind).map_or(now, |at| at.max(now));
    let first_contact = ladder::contact_at(&app.rules, region, start)?;
    let earliest = first_contact.plus_ms(ladder.earliest_stop());
    let earliest = begins(Stage::Suspend).map_or(earliest, |at| at.plus_ms(ladder.warning).max(earliest));
    let first_stop = ladder::stop_at(&app.rules, region, earliest)?;
    let days = |to: Timestamp| (to.0 - first_contact.0) / chuangsha_kernel::time::DAY_MS;
    Ok(Simulation {
        in_scope,
        claimed,
        protected,
        paused,
        touches,
        first_contact: first_contact.rfc3339(),
        first_stop_day: days(first_stop.unwrap_or(earliest)),
        stops_before_day_30: if days(earliest) >= 30 { 0 } else { touches },
        first_stop: first_stop.map(Timestamp::rfc3339),
        days_of_stops: if of.stops_per_day > 0 { (touches + of.stops_per_day - 1) / of.stops_per_day } else { 0 },
    })
}

/// A case as the jobs and the tests ask for it.
///
/// # Errors
/// No such case.
pub fn case(tx: &mut Tx, id: Uuid) -> Result<Case> {
    table::find(tx, id)?.ok_or_else(|| refuse(super::Refusal::NotFound))
}
