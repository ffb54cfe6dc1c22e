//! 渠道接口: the JSON of outlets.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    rulebook::ChannelKind,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Asked, Detail, Filter, ModeSwitch, NewChannel, Refusal, State as ChannelState, Visit};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        people::http::Body,
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, apply))
        .routes(routes!(find))
        .routes(routes!(step))
        .routes(routes!(visit))
        .routes(routes!(train))
        .routes(routes!(switch_mode))
        .routes(routes!(set_place))
        .merge(super::plan::http::routes())
}

/// An outlet as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ChannelView {
    /// Id.
    pub id: Uuid,
    /// 网点编号
    pub code: String,
    /// `own_hall`, `social_outlet` or `online`.
    pub kind: String,
    /// City.
    pub region: String,
    /// State.
    pub state: ChannelState,
    /// Name, Chinese.
    pub name_zh: String,
    /// Name, English.
    pub name_en: String,
    /// Reader deployed.
    pub reader: bool,
    /// App deployed.
    pub app: bool,
    /// Warnings so far.
    pub warnings: i64,
    /// Version.
    pub version: i64,
}

fn shown(channel: &super::Channel, zh: &str, en: &str) -> ChannelView {
    ChannelView {
        id: channel.organisation.0,
        code: channel.code.clone(),
        kind: channel.kind.as_str().to_owned(),
        region: channel.region.clone(),
        state: channel.state,
        name_zh: zh.to_owned(),
        name_en: en.to_owned(),
        reader: channel.reader,
        app: channel.app,
        warnings: channel.warnings,
        version: channel.version,
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Region or the start of one.
    pub region: String,
    /// `own_hall`, `social_outlet` or `online`.
    pub kind: String,
    /// State.
    pub state: String,
    /// Code, from its start.
    pub code: String,
    /// Code of the last outlet of the page before.
    pub after: String,
    /// Rows, 1 to 200; 20 when absent.
    pub limit: Option<i64>,
}

impl ListQuery {
    /// As the table reads it.
    ///
    /// # Errors
    /// A kind or state that is none.
    pub fn filter(&self) -> Result<Filter> {
        let kind = match self.kind.as_str() {
            "" => None,
            text => Some(ChannelKind::parse(text).ok_or_else(|| refuse(Refusal::FieldInvalid("kind")))?),
        };
        let state = match self.state.as_str() {
            "" => None,
            text => {
                let found = ChannelState::ALL.into_iter().find(|state| state.as_str() == text);
                Some(found.ok_or_else(|| refuse(Refusal::FieldInvalid("state")))?)
            }
        };
        Ok(Filter {
            region: self.region.clone(),
            kind,
            state,
            code: self.code.clone(),
            after: self.after.clone(),
            limit: self.limit.unwrap_or(20),
        })
    }
}

/// Outlets one may see, by code.
#[utoipa::path(get, path = "/channels", tag = "channels", params(ListQuery), responses((status = 200, body = Vec<ChannelView>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<ListQuery>) -> Result<Json<Vec<ChannelView>>> {
    let found = super::list(&app, &actor, query.filter()?).await?;
    Ok(Json(found.iter().map(|row| shown(&row.channel, &row.zh, &row.en)).collect()))
}

/// An outlet just entered.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Applied {
    /// Id.
    pub id: Uuid,
}

/// Where an outlet stands (WGS 84).
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOf {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

/// Records where an outlet stands: the capture app stops when the device is too far from it.
#[utoipa::path(put, path = "/channels/{id}/place", tag = "channels", params(("id" = Uuid, Path)), request_body = PlaceOf, responses((status = 204)))]
async fn set_place(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<PlaceOf>) -> Result<StatusCode> {
    let at = super::place::Coordinates::new(input.latitude, input.longitude).map_err(refuse)?;
    super::place::set(&app, &actor, OrganisationId(id), at).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Enters an outlet's application.
#[utoipa::path(post, path = "/channels", tag = "channels", request_body = NewChannel, responses((status = 201, body = Applied)))]
async fn apply(State(app): State<App>, actor: Actor, Body(input): Body<NewChannel>) -> Result<(StatusCode, Json<Applied>)> {
    let id = super::apply(&app, &actor, input).await?;
    Ok((StatusCode::CREATED, Json(Applied { id: id.0 })))
}

fn detail(found: &Detail) -> ChannelView {
    shown(&found.channel, &found.zh, &found.en)
}

/// One outlet.
#[utoipa::path(get, path = "/channels/{id}", tag = "channels", params(("id" = Uuid, Path)), responses((status = 200, body = ChannelView)))]
async fn find(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<ChannelView>> {
    Ok(Json(detail(&super::find(&app, &actor, OrganisationId(id)).await?)))
}

/// A step on an outlet.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct AskedStep {
    /// The step.
    #[serde(flatten)]
    pub asked: Asked,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Takes a step on an outlet: vet, sign, equip, open, suspend, resume, terminate, penalise.
#[utoipa::path(post, path = "/channels/{id}/steps", tag = "channels", params(("id" = Uuid, Path)), request_body = AskedStep, responses((status = 200, body = ChannelView)))]
async fn step(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<AskedStep>) -> Result<Json<ChannelView>> {
    let over = super::step(&app, &actor, OrganisationId(id), input.asked, input.words).await?.is_over();
    if over {
        // Here at once; other nodes within a second.
        app.poll_epochs().await?;
    }
    Ok(Json(detail(&super::find(&app, &actor, OrganisationId(id)).await?)))
}

/// Records a visit or mystery visit.
#[utoipa::path(post, path = "/channels/{id}/visits", tag = "channels", params(("id" = Uuid, Path)), request_body = Visit, responses((status = 204)))]
async fn visit(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>, Body(input): Body<Visit>) -> Result<StatusCode> {
    super::visit(&app, &actor, OrganisationId(id), input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Records a passed training.
#[utoipa::path(post, path = "/people/{id}/training", tag = "channels", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn train(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<StatusCode> {
    super::train(&app, &actor, StaffId(id)).await?;
    app.poll_epochs().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A switch of an online mode.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct AskedSwitch {
    /// The switch.
    #[serde(flatten)]
    pub switch: ModeSwitch,
    /// Why, in words.
    #[serde(default)]
    pub words: String,
}

/// Opens or closes an online mode in a province or city.
#[utoipa::path(post, path = "/region-modes", tag = "channels", request_body = AskedSwitch, responses((status = 204)))]
async fn switch_mode(State(app): State<App>, actor: Actor, Body(input): Body<AskedSwitch>) -> Result<StatusCode> {
    super::switch_mode(&app, &actor, input.switch, input.words).await?;
    Ok(StatusCode::NO_CONTENT)
}
