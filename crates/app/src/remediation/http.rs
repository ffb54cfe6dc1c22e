//! 补登接口: the JSON of campaigns and cases.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use chuangsha_kernel::rulebook::ChannelKind;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Case, Refusal,
    campaign::{self, Publicity},
    case,
    clock::Simulation,
    desk::{self, Asked, NewCampaign, TargetInput},
    kind::Kind,
    pause::Pause,
    protected::{self as list, Category, NewProtected, Taken},
    refund, table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{one_of, rows},
        failure::{Result, refuse},
        people::http::Body,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(campaigns, create))
        .routes(routes!(find))
        .routes(routes!(turn))
        .routes(routes!(simulate))
        .routes(routes!(release))
        .routes(routes!(targets))
        .routes(routes!(plan))
        .routes(routes!(parcel))
        .routes(routes!(publicise))
        .routes(routes!(cases))
        .routes(routes!(find_case))
        .routes(routes!(step))
        .routes(routes!(refunds))
        .routes(routes!(protected, protect))
        .routes(routes!(protect_many))
        .routes(routes!(unprotect))
}

/// A campaign as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationCampaign)]
pub struct CampaignView {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// State.
    pub state: campaign::State,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// Region.
    pub region: String,
    /// Kinds; empty: all.
    pub kinds: Vec<Kind>,
    /// First day.
    pub from: String,
    /// Last day.
    pub until: String,
    /// Lines it may stop a day.
    pub stops_per_day: i64,
    /// An early warning may pause it.
    pub auto_pause: bool,
    /// Why it is paused.
    pub pause_reason: String,
    /// Cases standing in each state.
    pub standing: Vec<Standing>,
    /// Cells that early warnings hold.
    pub paused: Vec<PausedView>,
}

/// A cell of a campaign that an early warning holds.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationPaused)]
pub struct PausedView {
    /// The warning.
    pub warning: Uuid,
    /// City.
    pub region: String,
    /// Nobody is brought into this stage.
    pub stage: case::Stage,
    /// `own_hall`, `social_outlet` or `online`.
    pub channel: String,
    /// Since then, RFC 3339.
    pub since: String,
}

impl From<&Pause> for PausedView {
    fn from(one: &Pause) -> Self {
        Self {
            warning: one.warning,
            region: one.cell.region.clone(),
            stage: one.cell.stage,
            channel: ChannelKind::from_i64(one.cell.channel_kind).map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            since: one.since.rfc3339(),
        }
    }
}

/// How many cases stand in a state.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationStanding)]
pub struct Standing {
    /// State.
    pub state: case::State,
    /// Cases.
    pub cases: i64,
}

/// Cases by state, of all kinds and regions.
pub fn by_state(counts: &[table::Count]) -> Vec<Standing> {
    let of = |state: &case::State| counts.iter().filter(|count| count.metric == *state as i64).map(|count| count.value).sum();
    case::State::ALL.iter().map(|state| Standing { state: *state, cases: of(state) }).filter(|one| one.cases != 0).collect()
}

fn view(one: &campaign::Campaign, counts: &[table::Count], pauses: &[Pause]) -> CampaignView {
    CampaignView {
        id: one.id,
        name: one.name.clone(),
        state: one.state,
        version: one.version,
        region: one.region.clone(),
        kinds: one.kinds.clone(),
        from: one.from.to_string(),
        until: one.until.to_string(),
        stops_per_day: one.stops_per_day,
        auto_pause: one.auto_pause,
        pause_reason: one.pause_reason.clone(),
        standing: by_state(counts),
        paused: pauses.iter().map(PausedView::from).collect(),
    }
}

/// Campaigns one may see, newest first.
#[utoipa::path(get, path = "/remediation/campaigns", tag = "remediation", responses((status = 200, body = Vec<CampaignView>)))]
async fn campaigns(State(app): State<App>, actor: Actor) -> Result<Json<Vec<CampaignView>>> {
    let found = desk::campaigns(&app, &actor, None, None, 200).await?;
    Ok(Json(found.iter().map(|(one, counts, pauses)| view(one, counts, pauses)).collect()))
}

/// What was made.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationMade)]
pub struct Made {
    /// Its id.
    pub id: Uuid,
}

/// Makes a campaign, as a draft.
#[utoipa::path(post, path = "/remediation/campaigns", tag = "remediation", request_body = NewCampaign, responses((status = 201, body = Made)))]
async fn create(State(app): State<App>, actor: Actor, Body(input): Body<NewCampaign>) -> Result<(StatusCode, Json<Made>)> {
    let id = desk::create(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// One campaign with its counts.
#[utoipa::path(get, path = "/remediation/campaigns/{id}", tag = "remediation", params(("id" = Uuid, Path)), responses((status = 200, body = CampaignView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<CampaignView>> {
    let whole = desk::whole(&app, &actor, id).await?;
    Ok(Json(view(&whole.campaign, &whole.standing, &whole.pauses)))
}

/// A step on a campaign.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationTurn)]
pub struct TurnInput {
    /// `start`, `pause`, `resume`, `end`.
    pub step: String,
    /// Version the caller saw.
    pub version: i64,
    /// Why; a pause needs it.
    #[serde(default)]
    pub words: String,
}

/// The step of a name.
///
/// # Errors
/// [`Refusal::FieldInvalid`].
pub fn turn_of(text: &str) -> Result<campaign::Step> {
    Ok(match text {
        "start" => campaign::Step::Start,
        "pause" => campaign::Step::Pause,
        "resume" => campaign::Step::Resume,
        "end" => campaign::Step::End,
        _ => return Err(refuse(Refusal::FieldInvalid("step"))),
    })
}

/// Starts, pauses, resumes or ends a campaign.
#[utoipa::path(post, path = "/remediation/campaigns/{id}/steps", tag = "remediation", params(("id" = Uuid, Path)), request_body = TurnInput, responses((status = 204)))]
async fn turn(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<TurnInput>) -> Result<StatusCode> {
    // Whether it is there comes first: a word nobody knows tells nothing about it.
    desk::whole(&app, &actor, id).await?;
    desk::turn(&app, &actor, id, input.version, turn_of(&input.step)?, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How large a wave.
#[derive(Debug, Clone, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SizeQuery {
    /// Lines, 500 when absent.
    pub size: i64,
}

impl Default for SizeQuery {
    fn default() -> Self {
        Self { size: 500 }
    }
}

/// What a wave would do. Nothing is written.
#[utoipa::path(get, path = "/remediation/campaigns/{id}/simulation", tag = "remediation", params(("id" = Uuid, Path), SizeQuery), responses((status = 200, body = Simulation)))]
async fn simulate(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Query(query): Query<SizeQuery>) -> Result<Json<Simulation>> {
    Ok(Json(desk::simulate(&app, &actor, id, query.size).await?))
}

/// A wave, as the simulation foretold it.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationWaveInput)]
pub struct WaveInput {
    /// Lines.
    pub size: i64,
    /// Lines the simulation said it touches.
    pub touches: i64,
}

/// Releases the next wave.
#[utoipa::path(post, path = "/remediation/campaigns/{id}/waves", tag = "remediation", params(("id" = Uuid, Path)), request_body = WaveInput, responses((status = 204)))]
async fn release(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<WaveInput>) -> Result<StatusCode> {
    desk::release(&app, &actor, id, input.size, input.touches).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Targets that hold from today on.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationTargets)]
pub struct TargetsInput {
    /// In the order of their days.
    pub targets: Vec<TargetInput>,
    /// Which notice says so.
    pub words: String,
}

/// Replaces the targets; those before stay on record.
#[utoipa::path(post, path = "/remediation/campaigns/{id}/targets", tag = "remediation", params(("id" = Uuid, Path)), request_body = TargetsInput, responses((status = 204)))]
async fn targets(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<TargetsInput>) -> Result<StatusCode> {
    desk::set_targets(&app, &actor, id, input.targets, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The stages of one region as they differ from the general plan.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationPlan)]
pub struct PlanInput {
    /// Version the caller saw.
    pub version: i64,
    /// Province or city.
    pub region: String,
    /// Its own stages; those not named follow the general plan, and none takes its plan away.
    pub stages: Vec<desk::StageInput>,
    /// Why.
    #[serde(default)]
    pub words: String,
}

/// Gives a region stages of its own.
#[utoipa::path(post, path = "/remediation/campaigns/{id}/plan", tag = "remediation", params(("id" = Uuid, Path)), request_body = PlanInput, responses((status = 204)))]
async fn plan(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<PlanInput>) -> Result<StatusCode> {
    desk::set_plan(&app, &actor, (id, input.version), input.region, input.stages, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom the lines go to.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationParcel)]
pub struct ParcelInput {
    /// Staff numbers.
    pub staff: Vec<String>,
    /// Lines each.
    pub each: i64,
}

/// What was parcelled out.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationParcelled)]
pub struct Parcelled {
    /// Lines.
    pub lines: i64,
}

/// Parcels lines out to named staff.
#[utoipa::path(post, path = "/remediation/campaigns/{id}/parcels", tag = "remediation", params(("id" = Uuid, Path)), request_body = ParcelInput, responses((status = 200, body = Parcelled)))]
async fn parcel(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<ParcelInput>) -> Result<Json<Parcelled>> {
    Ok(Json(Parcelled { lines: desk::parcel(&app, &actor, id, input.staff, input.each).await? }))
}

/// What was hung up, shown or said.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationPublicity)]
pub struct PublicityInput {
    /// Kind.
    pub kind: Publicity,
    /// Pieces, screens or listeners.
    pub pieces: i64,
    /// Where, 2 to 80 characters.
    pub place: String,
}

/// Records publicity.
#[utoipa::path(post, path = "/remediation/campaigns/{id}/publicity", tag = "remediation", params(("id" = Uuid, Path)), request_body = PublicityInput, responses((status = 204)))]
async fn publicise(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<PublicityInput>) -> Result<StatusCode> {
    desk::publicise(&app, &actor, id, input.kind, input.pieces, input.place).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A case as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationCase)]
pub struct CaseView {
    /// Id.
    pub id: Uuid,
    /// Campaign.
    pub campaign: Uuid,
    /// Line.
    pub subscription: Uuid,
    /// What is wrong with it.
    pub kind: Kind,
    /// City.
    pub region: String,
    /// State.
    pub state: case::State,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// In this state since, RFC 3339.
    pub since: String,
    /// When the clock looks next, RFC 3339.
    pub due: String,
    /// Why it waits.
    pub wait: case::Wait,
    /// Contacts made.
    pub contacts: i64,
    /// Complaints.
    pub complaints: i64,
}

impl From<&Case> for CaseView {
    fn from(case: &Case) -> Self {
        Self {
            id: case.id,
            campaign: case.campaign,
            subscription: case.subscription,
            kind: case.kind,
            region: case.region.clone(),
            state: case.state,
            version: case.version,
            since: case.since.rfc3339(),
            due: case.due.rfc3339(),
            wait: case.wait,
            contacts: case.contacts,
            complaints: case.complaints,
        }
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CaseQuery {
    /// Region or the start of one.
    pub region: String,
    /// Campaign.
    pub campaign: Option<Uuid>,
    /// State.
    pub state: String,
    /// Kind.
    pub kind: String,
    /// What the clock waits for.
    pub wait: String,
    /// Id of the last case of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Cases one may see, in the order they were made.
#[utoipa::path(get, path = "/remediation/cases", tag = "remediation", params(CaseQuery), responses((status = 200, body = Vec<CaseView>)))]
async fn cases(State(app): State<App>, actor: Actor, Query(query): Query<CaseQuery>) -> Result<Json<Vec<CaseView>>> {
    let wrong = |field: &'static str| move || refuse(Refusal::FieldInvalid(field));
    let filter = table::Filter {
        state: one_of(&query.state, case::State::parse, wrong("state"))?,
        kind: one_of(&query.kind, Kind::parse, wrong("kind"))?,
        wait: one_of(&query.wait, case::Wait::parse, wrong("wait"))?,
        region: query.region,
        campaign: query.campaign,
        worker: None,
        after: query.after,
        limit: rows(query.limit),
    };
    let (found, _) = desk::cases(&app, &actor, filter, false).await?;
    Ok(Json(found.iter().map(CaseView::from).collect()))
}

/// One case.
#[utoipa::path(get, path = "/remediation/cases/{id}", tag = "remediation", params(("id" = Uuid, Path)), responses((status = 200, body = CaseView)))]
async fn find_case(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<CaseView>> {
    let file = desk::case_file(&app, &actor, id).await?;
    Ok(Json(CaseView::from(&file.case)))
}

/// A step on a case.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = RemediationStep)]
pub struct StepInput {
    /// The step.
    #[serde(flatten)]
    pub asked: Asked,
    /// Version the caller saw.
    pub version: i64,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Takes a step: emergency restoration, complaint, release, owner, exemption, protection, contact, balance, refund.
#[utoipa::path(post, path = "/remediation/cases/{id}/steps", tag = "remediation", params(("id" = Uuid, Path)), request_body = StepInput, responses((status = 200, body = CaseView)))]
async fn step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<StepInput>) -> Result<Json<CaseView>> {
    let next = desk::step(&app, &actor, id, input.version, input.asked, input.words).await?;
    Ok(Json(CaseView::from(&next)))
}

/// A line that is never stopped, as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationProtected)]
pub struct ProtectedView {
    /// The line.
    pub subscription: Uuid,
    /// `138****1234`
    pub number: String,
    /// City.
    pub region: String,
    /// Why.
    pub category: Category,
    /// In words.
    pub words: String,
    /// Ends then, RFC 3339; absent: not by itself.
    pub until: Option<String>,
    /// Entered at, RFC 3339.
    pub at: String,
    /// The line's open case.
    pub case: Option<Uuid>,
}

/// What the protected list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProtectedQuery {
    /// Region or the start of one.
    pub region: String,
    /// Line of the last entry of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Lines that are never stopped.
#[utoipa::path(get, path = "/remediation/protected", tag = "remediation", params(ProtectedQuery), responses((status = 200, body = Vec<ProtectedView>)))]
async fn protected(State(app): State<App>, actor: Actor, Query(query): Query<ProtectedQuery>) -> Result<Json<Vec<ProtectedView>>> {
    let (found, _) = list::list(&app, &actor, &query.region, query.after, rows(query.limit)).await?;
    let view = |one: list::Protected| ProtectedView {
        subscription: one.subscription,
        number: one.number,
        region: one.region,
        category: one.category,
        words: one.words,
        until: one.until.map(|at| at.rfc3339()),
        at: one.at.rfc3339(),
        case: one.case,
    };
    Ok(Json(found.into_iter().map(view).collect()))
}

/// Enters a line; one that its case stopped is lifted at once.
#[utoipa::path(post, path = "/remediation/protected", tag = "remediation", request_body = NewProtected, responses((status = 201, body = Made)))]
async fn protect(State(app): State<App>, actor: Actor, Body(input): Body<NewProtected>) -> Result<(StatusCode, Json<Made>)> {
    let (id, _) = list::add(&app, &actor, &input).await?;
    Ok((StatusCode::CREATED, Json(Made { id })))
}

/// Enters lines from a CSV file: `number,category,until,words`. Good rows land, wrong ones are told one by one.
#[utoipa::path(post, path = "/remediation/protected/files", tag = "remediation", request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Taken)))]
async fn protect_many(State(app): State<App>, actor: Actor, body: axum::body::Bytes) -> Result<Json<Taken>> {
    Ok(Json(list::take(&app, &actor, &body).await?))
}

/// Why a line is taken off.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationUnprotected)]
pub struct RemovalInput {
    /// 2 to 200 characters.
    pub words: String,
}

/// Takes a line off the list.
#[utoipa::path(post, path = "/remediation/protected/{id}/removal", tag = "remediation", params(("id" = Uuid, Path)), request_body = RemovalInput, responses((status = 204)))]
async fn unprotect(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<RemovalInput>) -> Result<StatusCode> {
    list::remove(&app, &actor, id, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A refund as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationRefund)]
pub struct RefundView {
    /// Case.
    pub case: Uuid,
    /// City.
    pub region: String,
    /// Fen.
    pub amount: i64,
    /// State.
    pub state: refund::State,
    /// When it was computed or owed, RFC 3339.
    pub at: String,
    /// When it was paid or registered as unclaimed, RFC 3339.
    pub settled_at: Option<String>,
}

/// The refunds of cancelled lines, by the time they were owed; 200 at most.
#[utoipa::path(get, path = "/remediation/refunds", tag = "remediation", responses((status = 200, body = Vec<RefundView>)))]
async fn refunds(State(app): State<App>, actor: Actor) -> Result<Json<Vec<RefundView>>> {
    let found = desk::refunds(&app, &actor, refund::Filter { limit: 200, ..refund::Filter::default() }).await?;
    let view = |one: &refund::Refund| RefundView {
        case: one.case,
        region: one.region.clone(),
        amount: one.amount,
        state: one.state,
        at: one.at.rfc3339(),
        settled_at: one.settled_at.map(|at| at.rfc3339()),
    };
    Ok(Json(found.iter().map(view).collect()))
}
