// long: every step a person takes, each with its right, its rule and its one transaction; campaigns and cases share them
//! 整改工作台: what people do with campaigns and cases. Every function checks the right, takes one step and writes everything in one transaction.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    id::StaffId,
    phone::Phone,
    problem::{Problem, Refuse},
    role::{Action, Resource},
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::Field;
use jiff::civil::Date;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    campaign::{self, Campaign, Planned, Publicity, State as Runs, Step as Turn, Target, Wave},
    carry::{self, Because},
    case::{Case, Ladder, Medium, Refusal, Stage, State, Step},
    clock::{self, Simulation},
    kind::Kind,
    pause::{self, Pause},
    protected::{self, Category},
    refund,
    table::{self, Contact, ContactResult, Counts, Filter},
};
use crate::{
    App, channels,
    hotline::warning::{self, Warning},
    platform::{
        actor::Actor,
        audit::{
            By, Entry,
            query::{self, Seen},
        },
        failure::{Failure, Result, refuse},
        people,
        purpose::{Purpose as LookPurpose, Reason},
        second,
    },
    registration::subscription,
    subscribers,
    suspension::{self, Standing},
};

fn invalid(field: &'static str) -> Failure {
    refuse(Refusal::FieldInvalid(field))
}

/// A new campaign, as it is asked for.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    /// Name, 2 to 60 characters.
    pub name: String,
    /// Region: two digits a province, six a city.
    pub region: String,
    /// Kinds; empty: all four.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// `own_hall`, `social_outlet`, `online`; empty: all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Only these numbers, of the scope, 11 digits each; empty: the whole scope.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// First day, `2026-11-01`.
    pub from: String,
    /// Last day.
    pub until: String,
    /// Lines it may stop a day; 0: the rule's cap.
    #[serde(default)]
    pub stops_per_day: i64,
    /// An early warning may pause it.
    #[serde(default)]
    pub auto_pause: bool,
    /// The four stages, general and for regions of their own.
    pub stages: Vec<StageInput>,
    /// Targets, in the order of their days.
    #[serde(default)]
    pub targets: Vec<TargetInput>,
}

/// A planned stage, as it is asked for.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationStageInput)]
pub struct StageInput {
    /// Region or the start of one; empty: everywhere without a plan of its own.
    #[serde(default)]
    pub region: String,
    /// Stage.
    pub stage: Stage,
    /// First day, `2026-11-01`.
    pub from: String,
    /// Last day.
    pub until: String,
}

/// A target, as it is asked for.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationTargetInput)]
pub struct TargetInput {
    /// Reached by, `2026-12-31`.
    pub due: String,
    /// Percent of the campaign's lines.
    pub percent: i64,
}

fn day(text: &str, field: &'static str) -> Result<Date> {
    text.trim().parse().map_err(|_| invalid(field))
}

fn read_stages(input: &[StageInput]) -> Result<Vec<Planned>> {
    let one = |one: &StageInput| {
        let (from, until) = (day(&one.from, "stages")?, day(&one.until, "stages")?);
        Ok(Planned { region: one.region.clone(), stage: one.stage, from, until })
    };
    input.iter().map(one).collect()
}

fn read_targets(input: &[TargetInput]) -> Result<Vec<(Date, i64)>> {
    let targets = input.iter().map(|one| Ok((day(&one.due, "targets")?, one.percent))).collect::<Result<Vec<_>>>()?;
    check_targets(&targets)?;
    Ok(targets)
}

fn place(app: &App, actor: &Actor, region: &str) -> Resource {
    app.resource(actor.organisation, region, None)
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn note(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, action: &str, step: &str, why: &str, article: &str, now: Timestamp) -> Result<()> {
    let entry = Entry {
        action,
        case_kind: "remediation_campaign",
        case: Some(id),
        step,
        why,
        article,
        pack: &app.rules.version,
        facts: "{}",
        subject: None,
    };
    app.audit(tx, By::Actor(actor), &entry, now).map(drop)
}

fn check_targets(targets: &[(Date, i64)]) -> Result<()> {
    let ordered = targets.windows(2).all(|pair| matches!(pair, [first, second] if first.0 < second.0 && first.1 <= second.1));
    let within = targets.iter().all(|(_, percent)| (1..=100).contains(percent));
    if ordered && within && targets.len() <= 50 { Ok(()) } else { Err(invalid("targets")) }
}

/// 建立批次: a draft, with its plan and its targets.
///
/// # Errors
/// [`Refusal`]; the right to run campaigns in the region.
pub async fn create(app: &App, actor: &Actor, input: NewCampaign) -> Result<Uuid> {
    actor.reach(app, Action::RemediationManage)?;
    let now = app.clock.now();
    let name = input.name.trim().to_owned();
    if !(2..=60).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(invalid("name"));
    }
    if !matches!(input.region.len(), 0 | 2 | 6) || input.region.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Err(invalid("region"));
    }
    let (from, until) = (day(&input.from, "from")?, day(&input.until, "until")?);
    if until < from {
        return Err(invalid("until"));
    }
    let stages = read_stages(&input.stages)?;
    campaign::check_plan(&stages).map_err(refuse)?;
    let targets = read_targets(&input.targets)?;
    let cap = app.number_rule("remediation.stops_per_day", now, &input.region)?.value;
    if !(0..=cap).contains(&input.stops_per_day) {
        return Err(invalid("stops_per_day"));
    }
    let mut kinds_of_outlet = Vec::new();
    for text in &input.channels {
        let kind = chuangsha_kernel::rulebook::ChannelKind::parse(text).ok_or_else(|| invalid("channels"))?;
        kinds_of_outlet.push(kind as i64);
    }
    if input.numbers.len() > 100_000 {
        return Err(invalid("numbers"));
    }
    let mut indexes = Vec::with_capacity(input.numbers.len());
    for text in &input.numbers {
        let phone = Phone::parse(text.trim()).map_err(|_| invalid("numbers"))?;
        indexes.push(app.vault.blind(Field::Phone, &phone.e164())?.as_bytes().to_vec());
    }
    let new = Campaign {
        id: app.ids.next(now),
        name,
        state: Runs::Draft,
        version: 1,
        region: input.region.clone(),
        kinds: input.kinds.clone(),
        channels: kinds_of_outlet,
        listed: !indexes.is_empty(),
        from,
        until,
        stops_per_day: if input.stops_per_day == 0 { cap } else { input.stops_per_day },
        auto_pause: input.auto_pause,
        owner: Some(actor.staff),
        pause_reason: String::new(),
        updated_at: now,
    };
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        actor.require(&writer, Action::RemediationManage, &place(&writer, &actor, &new.region))?;
        campaign::put(tx, &new)?;
        campaign::put_plan(tx, new.id, &stages)?;
        campaign::supersede_targets(tx, new.id, &targets, now.day())?;
        for index in &indexes {
            if let Some(held) = subscription::of_number(tx, index)? {
                campaign::add_to_list(tx, new.id, held.id)?;
            }
        }
        note(&writer, tx, &actor, new.id, "remediation.create", ">draft", "", "R-REM-14", now)?;
        Ok(new.id)
    })
    .await
}

/// Staff number of whoever did it; nothing where it was a key, or somebody who is gone.
pub(super) fn number_of(app: &App, tx: &mut Tx, staff: StaffId) -> Result<String> {
    match app.staff_number(tx, staff) {
        Err(Failure::Problem(_)) => Ok(String::new()),
        found => found,
    }
}

fn seen_campaign(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Campaign> {
    let found = campaign::find(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    // A campaign of a province is seen from its cities, each for its own lines.
    let region = if actor.region.starts_with(&found.region) { &actor.region } else { &found.region };
    actor.require(app, Action::RemediationView, &place(app, actor, region)).map_err(|_| refuse(Refusal::NotFound))?;
    Ok(found)
}

fn run_campaign(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Campaign> {
    let found = seen_campaign(app, tx, actor, id)?;
    actor.require(app, Action::RemediationManage, &place(app, actor, &found.region))?;
    Ok(found)
}

/// 启动, 暂停, 继续, 结束.
///
/// # Errors
/// [`Refusal::CampaignState`], [`Refusal::Changed`]; the right to run it.
pub async fn turn(app: &App, actor: &Actor, id: Uuid, version: i64, step: Turn, why: String) -> Result<Campaign> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let old = run_campaign(&writer, tx, &actor, id)?;
        if old.version != version {
            return Err(refuse(Refusal::Changed));
        }
        if step == Turn::Pause && why.trim().is_empty() {
            return Err(invalid("words"));
        }
        let new = old.decide(step, &why, now).map_err(refuse)?;
        campaign::put(tx, &new)?;
        let arrow = format!("{}>{}", old.state.as_str(), new.state.as_str());
        note(&writer, tx, &actor, id, "remediation.turn", &arrow, &why, "R-REM-5", now)?;
        Ok(new)
    })
    .await
}

/// 地市计划 (R-REM-5): the stages of one region as they differ from the general plan; those not named follow it, and with none named the region has no
/// plan of its own any more.
///
/// # Errors
/// [`Refusal::StageOrder`], [`Refusal::FieldInvalid`], [`Refusal::Changed`], [`Refusal::CampaignState`]; the right to run it.
pub async fn set_plan(
    app: &App,
    actor: &Actor,
    (id, version): (Uuid, i64),
    region: String,
    stages: Vec<StageInput>,
    why: String,
) -> Result<()> {
    let now = app.clock.now();
    let region = region.trim().to_owned();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let old = run_campaign(&writer, tx, &actor, id)?;
        if old.version != version {
            return Err(refuse(Refusal::Changed));
        }
        if old.state == Runs::Ended {
            return Err(refuse(Refusal::CampaignState));
        }
        let provinces = writer.rules.provinces();
        let known = provinces.city(&region).is_some() || provinces.provinces().any(|one| one.code == region);
        if !known || !region.starts_with(&old.region) || stages.iter().any(|one| one.region != region) {
            return Err(invalid("region"));
        }
        let mut plan = campaign::plan(tx, id)?;
        plan.retain(|one| one.region != region);
        plan.extend(read_stages(&stages)?);
        campaign::check_plan(&plan).map_err(refuse)?;
        campaign::put(tx, &Campaign { version: old.version + 1, updated_at: now, ..old })?;
        campaign::put_plan(tx, id, &plan)?;
        note(&writer, tx, &actor, id, "remediation.plan", &region, &why, "R-REM-5", now)
    })
    .await
}

/// 调整目标: from today on these hold; those before stay on record (L-REM-2).
///
/// # Errors
/// [`Refusal::FieldInvalid`]; the right to run it.
pub async fn set_targets(app: &App, actor: &Actor, id: Uuid, targets: Vec<TargetInput>, why: String) -> Result<()> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        run_campaign(&writer, tx, &actor, id)?;
        campaign::supersede_targets(tx, id, &read_targets(&targets)?, now.day())?;
        note(&writer, tx, &actor, id, "remediation.targets", "", &why, "L-REM-2", now)
    })
    .await
}

/// 模拟运行 of a wave of so many lines.
///
/// # Errors
/// The right to see the campaign.
pub async fn simulate(app: &App, actor: &Actor, id: Uuid, size: i64) -> Result<Simulation> {
    let now = app.clock.now();
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = seen_campaign(&reader, tx, &actor, id)?;
        if !(1..=10_000_000).contains(&size) {
            return Err(invalid("size"));
        }
        clock::simulate(&reader, tx, &found, size, now)
    })
    .await
}

/// 放行下一波: so many lines, as the simulation just said. Where it says otherwise by now, nothing is released.
///
/// # Errors
/// [`Refusal::NotSimulated`]: `touches` is not what the simulation says now; [`Refusal::CampaignState`].
pub async fn release(app: &App, actor: &Actor, id: Uuid, size: i64, touches: i64) -> Result<Wave> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let found = run_campaign(&writer, tx, &actor, id)?;
        if !(1..=10_000_000).contains(&size) {
            return Err(invalid("size"));
        }
        let waves = campaign::waves(tx, id)?;
        if found.state != Runs::Running || waves.iter().any(|wave| !wave.done) {
            return Err(refuse(Refusal::CampaignState));
        }
        if clock::simulate(&writer, tx, &found, size, now)?.touches != touches {
            return Err(refuse(Refusal::NotSimulated));
        }
        let wave = Wave {
            campaign: id,
            wave: waves.len() as i64 + 1,
            size,
            taken: 0,
            refused: 0,
            // Behind the last one; from the beginning where that had come to the end.
            last: waves.last().filter(|last| last.taken + last.refused >= last.size).and_then(|last| last.last),
            done: false,
            released_at: now,
        };
        campaign::put_wave(tx, &wave)?;
        let arrow = format!("wave {}", wave.wave);
        note(&writer, tx, &actor, id, "remediation.release", &arrow, "", "R-REM-5", now)?;
        Ok(wave)
    })
    .await
}

/// A campaign with everything its page shows.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The campaign.
    pub campaign: Campaign,
    /// The plan.
    pub plan: Vec<Planned>,
    /// Targets, old ones included.
    pub targets: Vec<Target>,
    /// Waves.
    pub waves: Vec<Wave>,
    /// Counts standing.
    pub standing: Vec<table::Count>,
    /// Counts of its whole time.
    pub flow: Vec<table::Count>,
    /// Staff number of whoever runs it.
    pub owner: String,
    /// Lines of its region that are never stopped.
    pub protected: i64,
    /// Outlets visited since it began, and all of them (R-CHN-16).
    pub visits: (i64, i64),
    /// What was hung up, shown and said: kind, times, pieces.
    pub publicity: Vec<(Publicity, i64, i64)>,
    /// Cells of it that an early warning holds.
    pub pauses: Vec<Pause>,
    /// The warnings that hold them.
    pub warnings: BTreeMap<Uuid, Warning>,
    /// Lines of it that wait for a warning to be closed.
    pub waiting: i64,
}

/// One campaign, from its counts; no case is read.
///
/// # Errors
/// No such campaign, or not this person's to see.
pub async fn whole(app: &App, actor: &Actor, id: Uuid) -> Result<Whole> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = seen_campaign(&reader, tx, &actor, id)?;
        let sql = "SELECT kind, COUNT(*), SUM(pieces) FROM remediation_publicity WHERE campaign = $1 GROUP BY kind ORDER BY kind";
        let mut publicity = Vec::new();
        for row in tx.query(sql, &params![&id])? {
            if let Some(kind) = Publicity::from_i64(row.int(0)?) {
                publicity.push((kind, row.int(1)?, row.int(2)?));
            }
        }
        let pauses = found.pauses(tx)?;
        let mut warnings = BTreeMap::new();
        for one in &pauses {
            if let Some(warning) = warning::by_id(tx, one.warning)? {
                warnings.insert(one.warning, warning);
            }
        }
        Ok(Whole {
            plan: campaign::plan(tx, id)?,
            targets: campaign::targets(tx, id)?,
            waves: campaign::waves(tx, id)?,
            standing: table::counts(tx, Some(id), None)?,
            flow: table::counts(tx, Some(id), Some(("0000", "9999")))?,
            owner: found.owner.map_or(Ok(String::new()), |owner| number_of(&reader, tx, owner))?,
            protected: protected::count(tx, &found.region)?,
            visits: channels::visited(tx, &found.region, Timestamp::start_of(found.from))?,
            publicity,
            pauses,
            warnings,
            waiting: pause::waiting(tx, Some(id))?,
            campaign: found,
        })
    })
    .await
}

/// Campaigns this person may see, newest first.
///
/// # Errors
/// The right to see any.
pub async fn campaigns(
    app: &App,
    actor: &Actor,
    state: Option<Runs>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(Campaign, Vec<table::Count>, Vec<Pause>)>> {
    let region = app.visible_region(actor, Action::RemediationView, "")?;
    app.read(move |tx| {
        let found = campaign::list(tx, state, &region, before, limit.clamp(1, 1_001))?;
        found
            .into_iter()
            .map(|one| {
                let (counts, pauses) = (table::counts(tx, Some(one.id), None)?, one.pauses(tx)?);
                Ok((one, counts, pauses))
            })
            .collect()
    })
    .await
}

/// The newest campaigns this person may see, by name alone: nothing is counted.
///
/// # Errors
/// The right to see any.
pub async fn campaign_names(app: &App, actor: &Actor, limit: i64) -> Result<Vec<(Uuid, String)>> {
    let region = app.visible_region(actor, Action::RemediationView, "")?;
    app.read(move |tx| Ok(campaign::list(tx, None, &region, None, limit)?.into_iter().map(|one| (one.id, one.name)).collect())).await
}

/// 宣传登记 (R-CHN-17): what was hung up, shown or said.
///
/// # Errors
/// [`Refusal::FieldInvalid`]; the right to work on the campaign.
pub async fn publicise(app: &App, actor: &Actor, id: Uuid, kind: Publicity, pieces: i64, at_place: String) -> Result<()> {
    let at_place = at_place.trim().to_owned();
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let found = seen_campaign(&writer, tx, &actor, id)?;
        let region = if actor.region.starts_with(&found.region) { &actor.region } else { &found.region };
        actor.require(&writer, Action::RemediationWork, &place(&writer, &actor, region))?;
        if !(2..=80).contains(&at_place.chars().count()) {
            return Err(invalid("place"));
        }
        if !(1..=100_000).contains(&pieces) {
            return Err(invalid("pieces"));
        }
        tx.push(
            "INSERT INTO remediation_publicity (id, campaign, at, kind, place, pieces, staff) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &params![&writer.ids.next(now), &id, now.0, kind as i64, &at_place, pieces, actor.staff.as_bytes()],
        )?;
        note(&writer, tx, &actor, id, "remediation.publicise", kind.as_str(), "", "R-CHN-17", now)
    })
    .await
}

/// Somebody by staff number who may work on cases.
fn worker(app: &App, tx: &mut Tx, number: &str) -> Result<StaffId> {
    let number = people::staff::number(number).map_err(|_| invalid("staff"))?;
    let login = app.vault.blind(Field::StaffLogin, &number)?;
    let account = people::staff::account(tx, login.as_bytes())?.filter(|account| app.matrix.could(account.roles, Action::RemediationWork));
    account.map(|account| account.id).ok_or_else(|| invalid("staff"))
}

/// 分包: the lines of a campaign that nobody has go to these people, in turn, so many each (R-CHN-17). Says how many went.
///
/// # Errors
/// [`Refusal::FieldInvalid`] `staff`: one of them does not work on cases; the right to run the campaign.
pub async fn parcel(app: &App, actor: &Actor, id: Uuid, staff: Vec<String>, each: i64) -> Result<i64> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let found = run_campaign(&writer, tx, &actor, id)?;
        if !(1..=1_000).contains(&each) {
            return Err(invalid("each"));
        }
        if staff.is_empty() || staff.len() > 200 {
            return Err(invalid("staff"));
        }
        let workers = staff.iter().map(|number| worker(&writer, tx, number)).collect::<Result<Vec<_>>>()?;
        let free = table::unparcelled(tx, id, (workers.len() as i64 * each).min(10_000))?;
        let ladder = Ladder::read(&writer.rules, &found.region, now)?;
        let mut counts = Counts::default();
        for (old, worker) in free.iter().zip(workers.iter().cycle()) {
            let decision = old.decide(Step::Parcel { worker: *worker }, &ladder, now).map_err(refuse)?;
            carry::step(&writer, tx, By::Actor(&actor), old, decision, Because::default(), &mut counts, now)?;
        }
        counts.flush(&writer.ids, tx, now)?;
        Ok(free.len() as i64)
    })
    .await
}

/// 包保: what one member of staff has of a campaign.
#[derive(Debug, Clone)]
pub struct Parcelled {
    /// Staff number.
    pub number: String,
    /// Lines.
    pub lines: i64,
    /// Of them re-registered.
    pub restored: i64,
    /// Stopped now.
    pub stopped: i64,
    /// Complaints.
    pub complaints: i64,
}

/// 宣传记录 (R-CHN-17)
#[derive(Debug, Clone)]
pub struct Publicised {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Publicity,
    /// Where.
    pub place: String,
    /// How many.
    pub pieces: i64,
    /// By whom, staff number.
    pub by: String,
}

/// 走访情况 of one city since the campaign began (R-CHN-16).
#[derive(Debug, Clone)]
pub struct Visited {
    /// Its first four digits; empty: everywhere.
    pub region: String,
    /// Outlets visited.
    pub visited: i64,
    /// Outlets.
    pub outlets: i64,
    /// Visits planned and still to come.
    pub planned: i64,
    /// Visits whose day passed.
    pub missed: i64,
}

/// 现场工作 of a campaign.
#[derive(Debug, Clone)]
pub struct FieldWork {
    /// The campaign.
    pub campaign: Campaign,
    /// By staff number.
    pub parcels: Vec<Parcelled>,
    /// City by city.
    pub visits: Vec<Visited>,
    /// What was hung up, shown and said, newest first; 200 at most.
    pub publicity: Vec<Publicised>,
}

/// What is done for a campaign among the customers. It reads cases, so it is a page of its own.
///
/// # Errors
/// No such campaign, or not this person's to see.
pub async fn field_work(app: &App, actor: &Actor, id: Uuid) -> Result<FieldWork> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = seen_campaign(&reader, tx, &actor, id)?;
        let mut parcels = Vec::new();
        for (staff, [lines, restored, stopped, complaints]) in table::parcelled(tx, id)? {
            parcels.push(Parcelled { number: number_of(&reader, tx, staff)?, lines, restored, stopped, complaints });
        }
        parcels.sort_by(|a, b| a.number.cmp(&b.number));
        let region = if actor.region.starts_with(&found.region) { actor.region.clone() } else { found.region.clone() };
        // Cities are named by their first four digits; a campaign of the whole country is one line.
        let (province, city): (String, String) = (region.chars().take(2).collect(), region.chars().take(4).collect());
        let mut cities: Vec<String> = reader.rules.provinces().cities(&province).map(|one| one.code.clone()).collect();
        cities.retain(|one| one.starts_with(&city));
        if province.is_empty() {
            cities = vec![String::new()];
        }
        let since = Timestamp::start_of(found.from);
        let mut visits = Vec::new();
        for city in cities {
            let (visited, outlets) = channels::visited(tx, &city, since)?;
            let (planned, missed) = channels::plan::counts(tx, &city, found.from)?;
            visits.push(Visited { region: city, visited, outlets, planned, missed });
        }
        let sql = "SELECT at, kind, place, pieces, staff FROM remediation_publicity WHERE campaign = $1 ORDER BY id DESC LIMIT 200";
        let mut publicity = Vec::new();
        for row in tx.query(sql, &params![&id])? {
            let Some(kind) = Publicity::from_i64(row.int(1)?) else { continue };
            let by = row.opt_uuid(4)?.map_or(Ok(String::new()), |staff| number_of(&reader, tx, StaffId(staff)))?;
            publicity.push(Publicised { at: row.timestamp(0)?, kind, place: row.text(2)?, pieces: row.int(3)?, by });
        }
        Ok(FieldWork { campaign: found, parcels, visits, publicity })
    })
    .await
}

/// A case with everything its page shows.
#[derive(Debug, Clone)]
pub struct CaseFile {
    /// The case.
    pub case: Case,
    /// Its campaign.
    pub campaign: Campaign,
    /// The number, masked; empty once the line let go of it.
    pub number: String,
    /// Its contacts, newest first.
    pub contacts: Vec<Contact>,
    /// What arrived.
    pub delivered: super::case::Delivered,
    /// What stops the line, whoever stopped it.
    pub standing: Standing,
    /// On the protected list.
    pub protected: bool,
    /// Its refund.
    pub refund: Option<refund::Refund>,
    /// Staff number of the owner.
    pub owner: String,
    /// Staff number of whom it is parcelled out to.
    pub worker: String,
    /// What was done to it, oldest first.
    pub history: Vec<Seen>,
}

fn seen_case(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Case> {
    let found = table::find(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    actor.require(app, Action::RemediationView, &place(app, actor, &found.region)).map_err(|_| refuse(Refusal::NotFound))?;
    Ok(found)
}

/// One case.
///
/// # Errors
/// No such case, or not this person's to see.
pub async fn case_file(app: &App, actor: &Actor, id: Uuid) -> Result<CaseFile> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let case = seen_case(&reader, tx, &actor, id)?;
        let campaign = campaign::find(tx, case.campaign)?.ok_or_else(|| refuse(Refusal::NotFound))?;
        let number = match subscription::find(tx, case.subscription)? {
            Some(held) => {
                let digits = Zeroizing::new(reader.open_pool_number(tx, held.number_id, &held.number_sealed)?);
                Phone::parse(&digits).map(|phone| phone.masked()).unwrap_or_default()
            }
            None => String::new(),
        };
        let staff = |tx: &mut Tx, id: Option<StaffId>| id.map_or(Ok(String::new()), |id| number_of(&reader, tx, id));
        Ok(CaseFile {
            campaign,
            number,
            contacts: table::contacts(tx, id)?,
            delivered: table::delivered(tx, id)?,
            standing: suspension::standing(tx, case.subscription)?,
            protected: protected::is_on(tx, case.subscription)?,
            refund: refund::find(tx, id)?,
            owner: staff(tx, case.owner)?,
            worker: staff(tx, case.worker)?,
            history: query::of_case(&reader, tx, id)?,
            case,
        })
    })
    .await
}

/// One page of the cases this person may see, and how many there are (counted up to 10,000).
///
/// # Errors
/// The right to see any.
pub async fn cases(app: &App, actor: &Actor, mut filter: Filter, count: bool) -> Result<(Vec<Case>, i64)> {
    filter.region = app.visible_region(actor, Action::RemediationView, &filter.region)?;
    app.read(move |tx| {
        let total = if count { table::count(tx, &filter)? } else { 0 };
        Ok((table::list(tx, &filter)?, total))
    })
    .await
}

/// A step asked for, as the request names it.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = RemediationAsked)]
pub enum Asked {
    /// 紧急复机, with a second person's approval.
    Emergency {
        /// Hours, up to the rule's.
        hours: i64,
    },
    /// 投诉升级
    Complain,
    /// 解除暂停
    Release,
    /// 指定专人
    Own {
        /// Staff number.
        staff: String,
    },
    /// 豁免
    Exempt {
        /// Last day, `2026-12-31`.
        until: String,
    },
    /// 列入保护名单: `emergency`, `hospital`, `elderly` or `other`.
    Protect {
        /// Which.
        category: String,
        /// Last day, `2026-12-31`; empty: until somebody takes it off.
        #[serde(default)]
        until: String,
    },
    /// 移出保护名单
    Unprotect,
    /// 分包 to one person; takes the right to run campaigns.
    Parcel {
        /// Staff number.
        staff: String,
    },
    /// 人工触达
    Reach {
        /// By which medium.
        medium: Medium,
        /// The customer was reached.
        delivered: bool,
        /// Number of the letter, the call or the visit, up to 40 characters.
        receipt: String,
    },
    /// 核算余额
    Balance {
        /// Fen, 0 to 100,000,000.
        amount: i64,
    },
    /// 退费办结
    Settle {
        /// Number of the payment, up to 60 characters.
        reference: String,
        /// The account to be paid to is closed: the amount goes into the unclaimed register.
        #[serde(default)]
        account_closed: bool,
    },
}

impl Asked {
    /// Refuses what no case could take, whatever its state: words that are missing, a day that is none.
    ///
    /// # Errors
    /// [`Refusal::FieldInvalid`], by the field.
    pub fn check(&self, words: &str, now: Timestamp) -> Result<()> {
        let needs_words = matches!(self, Self::Emergency { .. } | Self::Exempt { .. } | Self::Protect { .. } | Self::Release);
        if needs_words && words.trim().chars().count() < 2 {
            return Err(invalid("words"));
        }
        match self {
            Self::Own { staff } | Self::Parcel { staff } => people::staff::number(staff).map(drop).map_err(|_| invalid("staff")),
            Self::Exempt { until } => day(until, "until").map(drop),
            Self::Protect { category, until } => {
                Category::parse(category).ok_or_else(|| invalid("category"))?;
                protected::read_until(until, now).map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// The second person's approval is bound to this case and these hours.
fn what(case: &Case, hours: i64) -> second::What {
    second::What {
        key: format!("remediation.emergency {hours} of {}", case.id),
        field: String::new(),
        object: format!("{} · {hours} h", case.id),
        page: format!("/remediation/cases/{}", case.id),
        subject: None,
        region: case.region.clone(),
    }
}

/// Takes a step on a case, at the version the person saw.
///
/// # Errors
/// [`Refusal`]; the right to work on it. An emergency restoration without an approval asks for one and says so (`second.needed`).
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, asked: Asked, words: String) -> Result<Case> {
    let now = app.clock.now();
    let words = words.trim().chars().take(200).collect::<String>();
    let (writer, actor, given) = (app.clone(), actor.clone(), asked.clone());
    let done = app.write(move |tx| one_step(&writer, tx, &actor, (id, version), &given, &words, now)).await?;
    match done {
        Done::Case(case) => Ok(*case),
        // The request stands in its own transaction, so that the refusal does not undo it.
        Done::Asked => Err(second::needed(second::Cause::Emergency)),
    }
}

/// 批量办理: the same act on one of many chosen lines, at the version it has now. A line that already is as asked changes nothing.
///
/// # Errors
/// As [`step`]; [`Refusal::OneByOne`]: whoever is protected is looked at by itself, never among many.
pub async fn among_many(app: &App, actor: &Actor, id: Uuid, asked: Asked, words: String) -> Result<()> {
    let now = app.clock.now();
    let words = words.trim().chars().take(200).collect::<String>();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let old = seen_case(&writer, tx, &actor, id)?;
        let protects = matches!(asked, Asked::Protect { .. });
        if protected::is_on(tx, old.subscription)? {
            return if protects { Ok(()) } else { Err(refuse(Refusal::OneByOne)) };
        }
        let already = match &asked {
            Asked::Own { staff } => old.owner == Some(worker(&writer, tx, staff)?),
            Asked::Parcel { staff } => old.worker == Some(worker(&writer, tx, staff)?),
            Asked::Exempt { until } => old.exempt_until == Some(Timestamp::start_of(day(until, "until")?).plus_ms(DAY_MS)),
            _ => false,
        };
        if already {
            return Ok(());
        }
        one_step(&writer, tx, &actor, (id, old.version), &asked, &words, now).map(drop)
    })
    .await
}

/// 按号码找工单: the open case of a line, else its last one. Looked up by the full number and counted like every look-up.
///
/// # Errors
/// [`Refusal::NumberUnknown`]: no such line, or none that has a case this person sees; the codes of [`crate::subscribers::find::search`].
pub async fn of_number(app: &App, actor: &Actor, number: Zeroizing<String>) -> Result<Uuid> {
    actor.reach(app, Action::RemediationView)?;
    let now = app.clock.now();
    let phone = Phone::parse(number.trim()).map_err(|error| Failure::from(error.problem().field("number")))?;
    let index = app.vault.blind(Field::Phone, &phone.e164())?.0;
    let (writer, actor) = (app.clone(), actor.clone());
    let found = app
        .write(move |tx| {
            let limit = writer.number_rule("protection.lookups_per_hour", now, "")?;
            let sql =
                "SELECT COUNT(*) FROM audit_entry WHERE staff = $1 AND at > $2 AND action IN ('subscriber.search', 'remediation.search')";
            if tx.query_one(sql, &params![actor.staff.as_bytes(), now.plus_ms(-HOUR_MS)])?.int(0)? >= limit.value {
                return Err(Problem::new(&subscribers::code::LOOKUPS_SPENT).with("limit", limit.value).into());
            }
            let held = subscription::of_number(tx, &index)?;
            let case = match &held {
                Some(held) => table::latest_of(tx, held.id)?,
                None => None,
            };
            let seen = |case: &Case| actor.may(&writer, Action::RemediationView, &place(&writer, &actor, &case.region));
            let case = case.filter(seen);
            let facts = serde_json::json!({ "found": case.is_some() }).to_string();
            let entry = Entry {
                action: "remediation.search",
                case_kind: "remediation",
                case: case.as_ref().map(|case| case.id),
                step: "number",
                article: "L-PIP-8",
                pack: &writer.rules.version,
                facts: &facts,
                subject: held.filter(|_| case.is_some()).and_then(|held| held.subject),
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            Ok::<_, Failure>(case.map(|case| case.id))
        })
        .await?;
    // Refused outside the transaction: a look-up that found nothing stays in the log.
    found.ok_or_else(|| refuse(Refusal::NumberUnknown))
}

enum Done {
    Case(Box<Case>),
    Asked,
}

fn one_step(app: &App, tx: &mut Tx, actor: &Actor, (id, version): (Uuid, i64), asked: &Asked, words: &str, now: Timestamp) -> Result<Done> {
    let old = seen_case(app, tx, actor, id)?;
    let right = if matches!(asked, Asked::Parcel { .. }) { Action::RemediationManage } else { Action::RemediationWork };
    actor.require(app, right, &place(app, actor, &old.region))?;
    if old.version != version {
        return Err(refuse(Refusal::Changed));
    }
    let ladder = Ladder::read(&app.rules, &old.region, now)?;
    asked.check(words, now)?;
    // What moves money and not the case.
    let money = |action, facts| Entry {
        action,
        case_kind: "remediation",
        case: Some(id),
        article: "R-REM-11",
        pack: &app.rules.version,
        facts,
        why: words,
        ..Entry::default()
    };
    let mut approver = None;
    let step = match asked {
        Asked::Emergency { hours } => {
            let until = now.plus_ms(hours.saturating_mul(HOUR_MS));
            // The rules first: nobody is asked to agree to what cannot be.
            let trial = Step::Emergency { until, actor: actor.staff, approver: StaffId(Uuid::nil()) };
            old.decide(trial, &ladder, now).map_err(refuse)?;
            let what = what(&old, *hours);
            match second::find_open(app, tx, actor, second::Kind::EmergencyRestore, &what, now)? {
                Some((request, second::Shown::Approved)) => {
                    let agreed = second::approver(tx, request)?.ok_or_else(|| refuse(Refusal::SamePerson))?;
                    second::take(app, tx, actor, request, second::Kind::EmergencyRestore, &what.key, now)?;
                    approver = Some(agreed);
                    Step::Emergency { until, actor: actor.staff, approver: agreed }
                }
                Some(_) => return Ok(Done::Asked),
                None => {
                    let reason = Reason { purpose: LookPurpose::Complaint, case: id.to_string(), words: words.to_owned() };
                    let ask = second::Ask { kind: second::Kind::EmergencyRestore, cause: second::Cause::Emergency, reason, what };
                    second::request_in(app, tx, actor, &ask, now)?;
                    return Ok(Done::Asked);
                }
            }
        }
        Asked::Complain => Step::Complain,
        Asked::Release => Step::Release { by: actor.staff },
        Asked::Own { staff } => Step::Own { owner: worker(app, tx, staff)? },
        Asked::Exempt { until } => Step::Exempt { until: Timestamp::start_of(day(until, "until")?).plus_ms(DAY_MS) },
        Asked::Protect { category, until } => {
            let category = Category::parse(category).ok_or_else(|| invalid("category"))?;
            let said = protected::Said { category, until: protected::read_until(until, now)?, words };
            protected::put(app, tx, actor.staff, (old.subscription, &old.region), said, now)?;
            Step::Protect
        }
        Asked::Unprotect => {
            return protected::remove_in(app, tx, actor, &old, words, now).map(|case| Done::Case(Box::new(case)));
        }
        Asked::Parcel { staff } => Step::Parcel { worker: worker(app, tx, staff)? },
        Asked::Reach { medium, delivered, receipt } => {
            let receipt = receipt.trim();
            if !(2..=40).contains(&receipt.chars().count()) || matches!(medium, Medium::Sms) {
                return Err(invalid("receipt"));
            }
            let result = if *delivered { ContactResult::Delivered } else { ContactResult::Failed };
            let contact = Contact {
                n: old.contacts + 1,
                at: now,
                medium: *medium,
                purpose: old.notice(),
                result,
                result_at: Some(now),
                receipt: Some(receipt.to_owned()),
            };
            table::add_contact(tx, id, &contact)?;
            Step::Reach
        }
        Asked::Balance { amount } => {
            if !(0..=100_000_000).contains(amount) {
                return Err(invalid("amount"));
            }
            refund::compute(tx, &old, *amount, now)?;
            let facts = format!("{{\"fen\":{amount}}}");
            app.audit(tx, By::Actor(actor), &money("remediation.balance", &facts), now)?;
            return Ok(Done::Case(Box::new(old)));
        }
        Asked::Settle { reference, account_closed } => {
            let reference = reference.trim();
            if reference.chars().count() > 60 || (!account_closed && reference.is_empty()) {
                return Err(invalid("reference"));
            }
            let state = if *account_closed { refund::State::AccountClosed } else { refund::State::Settled };
            // Money nobody claimed, or that a closed account sent back, is paid when somebody comes for it; the case has gone on without.
            let late = refund::find(tx, id)?.is_some_and(|one| one.state.waits_for_somebody());
            if late && old.state != State::Refunding && state == refund::State::Settled {
                refund::end(tx, id, state, reference, now)?;
                app.audit(tx, By::Actor(actor), &money("remediation.settle_late", "{}"), now)?;
                return Ok(Done::Case(Box::new(old)));
            }
            refund::end(tx, id, state, reference, now)?;
            Step::Settle
        }
    };
    let decision = old.decide(step, &ladder, now).map_err(refuse)?;
    let mut counts = Counts::default();
    let case = carry::step(app, tx, By::Actor(actor), &old, decision, Because { why: words, approver }, &mut counts, now)?;
    counts.flush(&app.ids, tx, now)?;
    Ok(Done::Case(Box::new(case)))
}

/// 投诉升级, from the hotline: the case of this line, where it has one, is held until its owner releases it. Says which.
///
/// # Errors
/// The record fails.
pub fn complained(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, why: &str, now: Timestamp) -> Result<Option<Case>> {
    let Some(old) = table::open_of(tx, subscription)?.filter(|case| case.state.is_open()) else { return Ok(None) };
    let ladder = Ladder::read(&app.rules, &old.region, now)?;
    let decision = old.decide(Step::Complain, &ladder, now).map_err(refuse)?;
    carry::one(app, tx, by, &old, decision, why, now).map(Some)
}

/// 投诉办结, from the hotline: what was held for it goes on. Where the case has an owner of its own, or needs one, it stays held until the owner
/// releases it (R-REM-9).
///
/// # Errors
/// The record fails.
pub fn answered(app: &App, tx: &mut Tx, actor: &Actor, subscription: Uuid, why: &str, now: Timestamp) -> Result<()> {
    let Some(old) = table::open_of(tx, subscription)?.filter(|case| case.state == super::State::Held) else { return Ok(()) };
    let ladder = Ladder::read(&app.rules, &old.region, now)?;
    match old.decide(Step::Release { by: actor.staff }, &ladder, now) {
        Ok(decision) => carry::one(app, tx, By::Actor(actor), &old, decision, why, now).map(drop),
        Err(super::Refusal::OwnerMissing { .. } | super::Refusal::NotOwner) => Ok(()),
        Err(refusal) => Err(refuse(refusal)),
    }
}

/// The four stages from their first days; each lasts to the end of the campaign unless a plan says otherwise.
pub fn stages(begins: [&str; 4], until: &str) -> Vec<StageInput> {
    let one =
        |(stage, from): (&Stage, &str)| StageInput { region: String::new(), stage: *stage, from: from.to_owned(), until: until.to_owned() };
    Stage::ALL.iter().zip(begins).map(one).collect()
}

/// 退费台账, as far as this person sees it.
///
/// # Errors
/// The right to see any case.
pub async fn refunds(app: &App, actor: &Actor, mut filter: refund::Filter) -> Result<Vec<refund::Refund>> {
    filter.region = app.visible_region(actor, Action::RemediationView, &filter.region)?;
    app.read(move |tx| refund::refunds(tx, &filter)).await
}
