//! 甄别接口: the JSON of call screening.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    appeal::{self, AppealView, Intake},
    code,
    decide::{self, Answer, AttemptInput, Decided, Fedback, OutcomeInput},
    file,
    list::{self, EntryView, List, NewEntry, Put},
    live::{self, LiveView},
    log::{self, FigureView, LogQuery, LogView, LookUp},
    rules::{self, RulesView, TrunkInput, TrunkView},
    snapshot::{self, Changes, SnapshotsView},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::cursor::{Cursor, Page},
        failure::Result,
        people::http::Body,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(decide_one))
        .routes(routes!(decide_batch))
        .routes(routes!(tell_outcomes))
        .routes(routes!(look_live))
        .routes(routes!(list_verdicts))
        .routes(routes!(look_up))
        .routes(routes!(count_days))
        .routes(routes!(list_entries, add_entry))
        .routes(routes!(end_entry))
        .routes(routes!(take_file))
        .routes(routes!(list_rules))
        .routes(routes!(set_mode))
        .routes(routes!(list_trunks, put_trunk))
        .routes(routes!(list_snapshots, make_snapshot))
        .routes(routes!(activate))
        .routes(routes!(differ))
        .routes(routes!(list_appeals, take_appeal))
        .routes(routes!(settle))
}

/// Decides about one call: the same verdict a SIP edge acts on.
#[utoipa::path(post, path = "/screening/decisions", tag = "screening", request_body = AttemptInput, responses((status = 200, body = Decided)))]
async fn decide_one(State(app): State<App>, actor: Actor, Body(input): Body<AttemptInput>) -> Result<Json<Decided>> {
    decide::one(&app, &actor, &input).await.map(Json)
}

/// Decides about up to 1,000 calls, in the order given; a line that is not of its form is told and stops no other.
#[utoipa::path(post, path = "/screening/decisions/batch", tag = "screening", request_body = Vec<AttemptInput>, responses((status = 200, body = Vec<Answer>)))]
async fn decide_batch(State(app): State<App>, actor: Actor, Body(inputs): Body<Vec<AttemptInput>>) -> Result<Json<Vec<Answer>>> {
    decide::batch(&app, &actor, &inputs).await.map(Json)
}

/// One end of a call, or up to 1,000.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Outcomes {
    /// Several.
    Many(Vec<OutcomeInput>),
    /// One.
    One(Box<OutcomeInput>),
}

/// Takes in how calls ended; the same call told again counts nothing.
#[utoipa::path(post, path = "/screening/outcomes", tag = "screening", request_body = Outcomes, responses((status = 200, body = Fedback)))]
async fn tell_outcomes(State(app): State<App>, actor: Actor, Body(input): Body<Outcomes>) -> Result<Json<Fedback>> {
    let told = match input {
        Outcomes::Many(inputs) => decide::outcomes(&app, &actor, &inputs),
        Outcomes::One(input) => decide::outcomes(&app, &actor, &[*input]),
    };
    told.map(Json)
}

/// The last quarter of an hour of the node that answers.
#[utoipa::path(get, path = "/screening/live", tag = "screening", responses((status = 200, body = LiveView)))]
async fn look_live(State(app): State<App>, actor: Actor) -> Result<Json<LiveView>> {
    live::view(&app, &actor).map(Json)
}

/// Verdicts, newest first, masked.
#[utoipa::path(get, path = "/screening/verdicts", tag = "screening", params(LogQuery), responses((status = 200, body = Vec<LogView>)))]
async fn list_verdicts(State(app): State<App>, actor: Actor, Query(query): Query<LogQuery>) -> Result<Json<Vec<LogView>>> {
    log::page(&app, &actor, query).await.map(Json)
}

/// Finds verdicts by evidence id or by an exact number, for a purpose.
#[utoipa::path(post, path = "/screening/verdicts/search", tag = "screening", request_body = LookUp, responses((status = 200, body = Vec<LogView>)))]
async fn look_up(State(app): State<App>, actor: Actor, Body(asked): Body<LookUp>) -> Result<Json<Vec<LogView>>> {
    log::look_up(&app, &actor, asked).await.map(Json)
}

/// Which days.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DaysQuery {
    /// First day, `2026-11-22`; today when absent.
    from: String,
    /// Last day; today when absent.
    until: String,
}

/// Counts by day, action, rule, trunk and city.
#[utoipa::path(get, path = "/screening/figures", tag = "screening", params(DaysQuery), responses((status = 200, body = Vec<FigureView>)))]
async fn count_days(State(app): State<App>, actor: Actor, Query(query): Query<DaysQuery>) -> Result<Json<Vec<FigureView>>> {
    log::figures(&app, &actor, &query.from, &query.until).await.map(Json)
}

fn named(list: &str) -> Result<List> {
    List::parse(list).ok_or_else(|| chuangsha_kernel::problem::Problem::new(&code::NOT_FOUND).into())
}

/// Which entries.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EntriesQuery {
    /// Rows, 1 to 1,000; 50 when absent.
    limit: Option<i64>,
    /// Cursor of the page before.
    after: String,
}

/// Entries of a list that stand, newest first, masked: `bad`, `suspect`, `category`, `ported`, `preference`.
#[utoipa::path(get, path = "/screening/lists/{list}", tag = "screening", params(("list" = String, Path), EntriesQuery), responses((status = 200, body = Page<EntryView>)))]
async fn list_entries(
    State(app): State<App>,
    actor: Actor,
    Path(list): Path<String>,
    Query(query): Query<EntriesQuery>,
) -> Result<Json<Page<EntryView>>> {
    let list = named(&list)?;
    let limit = query.limit.unwrap_or(50).clamp(1, 1_000);
    let after = if query.after.is_empty() { None } else { Some(Cursor::read("screening", &query.after)?.id) };
    let (entries, _) = list::page(&app, &actor, list, "", after, limit + 1).await?;
    Ok(Json(Page::cut("screening", entries, limit, |entry| Cursor { at: 0, id: entry.id })))
}

/// What became of an entry.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct EntryMade {
    /// Id of the entry that stands now.
    id: Uuid,
    /// It stood already.
    known: bool,
}

/// Puts a number on a list.
#[utoipa::path(post, path = "/screening/lists/{list}", tag = "screening", params(("list" = String, Path)), request_body = NewEntry, responses((status = 201, body = EntryMade)))]
async fn add_entry(
    State(app): State<App>,
    actor: Actor,
    Path(list): Path<String>,
    Body(input): Body<NewEntry>,
) -> Result<(StatusCode, Json<EntryMade>)> {
    let (id, known) = match list::add(&app, &actor, named(&list)?, &input).await? {
        Put::Entered(id) => (id, false),
        Put::Known(id) => (id, true),
    };
    Ok((StatusCode::CREATED, Json(EntryMade { id, known })))
}

/// Why, in words.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenWords)]
struct Words {
    /// 2 to 200 characters.
    words: String,
}

/// Takes an entry off its list.
#[utoipa::path(post, path = "/screening/entries/{id}/end", tag = "screening", params(("id" = Uuid, Path)), request_body = Words, responses((status = 204)))]
async fn end_entry(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Words>) -> Result<StatusCode> {
    list::end(&app, &actor, id, &input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a file is taken in.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// Only says what would become of it.
    dry_run: bool,
    /// How many rows it has: another number and nothing is taken.
    rows: Option<u64>,
}

/// Takes a CSV or JSON file in; wrong rows are told, good ones land, the same file again adds nothing, one cut short is refused whole.
#[utoipa::path(post, path = "/screening/lists/{list}/files", tag = "screening", params(("list" = String, Path), FileQuery), request_body(content = String, content_type = "text/csv"), responses((status = 200, body = file::Taken)))]
async fn take_file(
    State(app): State<App>,
    actor: Actor,
    Path(list): Path<String>,
    Query(query): Query<FileQuery>,
    sent: Bytes,
) -> Result<Json<file::Taken>> {
    file::take(&app, &actor, named(&list)?, sent, query.rows, query.dry_run).await.map(Json)
}

/// Every rule with its mode and its meters.
#[utoipa::path(get, path = "/screening/rules", tag = "screening", responses((status = 200, body = RulesView)))]
async fn list_rules(State(app): State<App>, actor: Actor) -> Result<Json<RulesView>> {
    rules::rules(&app, &actor).await.map(Json)
}

/// How a rule is to be run.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenMode)]
struct ModeInput {
    /// Code of the rule.
    rule: String,
    /// `on`, `canary`, `shadow`, `off`.
    mode: String,
    /// Why, in words.
    #[serde(default)]
    words: String,
}

/// Puts a rule on, on the canary trunks, in shadow or off, at once.
#[utoipa::path(put, path = "/screening/rules", tag = "screening", request_body = ModeInput, responses((status = 204)))]
async fn set_mode(State(app): State<App>, actor: Actor, Body(input): Body<ModeInput>) -> Result<StatusCode> {
    snapshot::set_mode(&app, &actor, &input.rule, &input.mode, &input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lines with their numbers.
#[utoipa::path(get, path = "/screening/trunks", tag = "screening", responses((status = 200, body = Vec<TrunkView>)))]
async fn list_trunks(State(app): State<App>, actor: Actor) -> Result<Json<Vec<TrunkView>>> {
    rules::trunks(&app, &actor).await.map(Json)
}

/// Gives a gateway its number, or marks a line for the canary.
#[utoipa::path(put, path = "/screening/trunks", tag = "screening", request_body = TrunkInput, responses((status = 200, body = TrunkView)))]
async fn put_trunk(State(app): State<App>, actor: Actor, Body(input): Body<TrunkInput>) -> Result<Json<TrunkView>> {
    rules::put_trunk(&app, &actor, input).await.map(Json)
}

/// Versions, newest first, and which is in force.
#[utoipa::path(get, path = "/screening/snapshots", tag = "screening", responses((status = 200, body = SnapshotsView)))]
async fn list_snapshots(State(app): State<App>, actor: Actor) -> Result<Json<SnapshotsView>> {
    snapshot::versions(&app, &actor).await.map(Json)
}

/// A version to be made.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenSnapshotInput)]
struct SnapshotInput {
    /// Put it in force at once.
    #[serde(default)]
    activate: bool,
    /// Why, in words.
    #[serde(default)]
    words: String,
}

/// What was made.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenSnapshotMade)]
struct SnapshotMade {
    /// Version; the newest one where nothing changed.
    version: i64,
}

/// Makes a version of ledger and lists as they stand.
#[utoipa::path(post, path = "/screening/snapshots", tag = "screening", request_body = SnapshotInput, responses((status = 201, body = SnapshotMade)))]
async fn make_snapshot(State(app): State<App>, actor: Actor, Body(input): Body<SnapshotInput>) -> Result<(StatusCode, Json<SnapshotMade>)> {
    let version = snapshot::make(&app, &actor, input.words, input.activate).await?;
    Ok((StatusCode::CREATED, Json(SnapshotMade { version })))
}

/// A version to be put in force.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenActivation)]
struct Activation {
    /// Version; an older one rolls back and holds.
    version: i64,
    /// Why, in words.
    #[serde(default)]
    words: String,
}

/// Puts a version in force on every node, or rolls back to it.
#[utoipa::path(put, path = "/screening/snapshots/active", tag = "screening", request_body = Activation, responses((status = 204)))]
async fn activate(State(app): State<App>, actor: Actor, Body(input): Body<Activation>) -> Result<StatusCode> {
    snapshot::activate(&app, &actor, input.version, &input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Two versions.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DiffQuery {
    /// Before; 0: nothing at all.
    from: i64,
    /// After; 0: the one in force.
    to: i64,
}

/// What differs between two versions.
#[utoipa::path(get, path = "/screening/snapshots/difference", tag = "screening", params(DiffQuery), responses((status = 200, body = Changes)))]
async fn differ(State(app): State<App>, actor: Actor, Query(query): Query<DiffQuery>) -> Result<Json<Changes>> {
    snapshot::diff(&app, &actor, query.from, query.to).await.map(Json)
}

/// Which appeals.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AppealsQuery {
    /// Only what waits for a decision.
    open: bool,
    /// Rows, 1 to 1,000; 50 when absent.
    limit: Option<i64>,
}

/// Appeals: open ones first, by their time.
#[utoipa::path(get, path = "/screening/appeals", tag = "screening", params(AppealsQuery), responses((status = 200, body = Vec<AppealView>)))]
async fn list_appeals(State(app): State<App>, actor: Actor, Query(query): Query<AppealsQuery>) -> Result<Json<Vec<AppealView>>> {
    appeal::page(&app, &actor, query.open, query.limit.unwrap_or(50)).await.map(Json)
}

/// What was taken in.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenAppealMade)]
struct AppealMade {
    /// Id of the appeal.
    id: Uuid,
}

/// Takes an appeal against a block in.
#[utoipa::path(post, path = "/screening/appeals", tag = "screening", request_body = Intake, responses((status = 201, body = AppealMade)))]
async fn take_appeal(State(app): State<App>, actor: Actor, Body(input): Body<Intake>) -> Result<(StatusCode, Json<AppealMade>)> {
    let id = appeal::take(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(AppealMade { id })))
}

/// A decision.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenSettlement)]
struct Settlement {
    /// `uphold`, `reject`, `withdraw`.
    step: appeal::Step,
    /// Why, 2 to 500 characters.
    words: String,
}

/// Where it stands now.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenSettled)]
struct Settled {
    /// State.
    state: appeal::State,
}

/// Decides an appeal: upheld, the block is gone at once.
#[utoipa::path(post, path = "/screening/appeals/{id}/decision", tag = "screening", params(("id" = Uuid, Path)), request_body = Settlement, responses((status = 200, body = Settled)))]
async fn settle(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Settlement>) -> Result<Json<Settled>> {
    let state = appeal::settle(&app, &actor, id, input.step, &input.words).await?;
    Ok(Json(Settled { state }))
}
