//! 通报接口

use axum::{
    Json,
    extract::{Query, State},
};
use chuangsha_kernel::role::Action;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Metric, rate, table};
use crate::{
    App,
    platform::{actor::Actor, failure::Result},
    registration::Refusal,
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(figures)).merge(super::bulletin::http::routes())
}

/// Which figures.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FigureQuery {
    /// First day, `2026-11-01`; today when absent.
    pub from: String,
    /// Last day; today when absent.
    pub until: String,
    /// Region or the start of one.
    pub region: String,
}

impl FigureQuery {
    /// The days asked for.
    ///
    /// # Errors
    /// A day that is none, or a last day before the first.
    pub fn days(&self, today: jiff::civil::Date) -> Result<(jiff::civil::Date, jiff::civil::Date)> {
        let day = |text: &str, field| match text {
            "" => Ok(today),
            text => text.parse().map_err(|_| Refusal::FieldInvalid { field }),
        };
        let (from, until) = (day(&self.from, "from")?, day(&self.until, "until")?);
        if until < from {
            return Err(Refusal::FieldInvalid { field: "until" }.into());
        }
        Ok((from, until))
    }
}

/// Counts of one city and kind of outlet.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FigureRow {
    /// City.
    pub region: String,
    /// `own_hall`, `social_outlet` or `online`.
    pub channel_kind: String,
    /// Submitted for audit.
    pub submitted: i64,
    /// Approved.
    pub approved: i64,
    /// Returned for re-capture.
    pub returned: i64,
    /// Rejected.
    pub rejected: i64,
    /// New customers.
    pub new_customers: i64,
    /// Real-name rate of new customers, hundredths of a percent.
    pub new_rate: Option<i64>,
    /// Base, counted over the days asked for.
    pub base: i64,
    /// Real-name rate of that base, hundredths of a percent.
    pub base_rate: Option<i64>,
}

/// Counts by city and kind of outlet over some days.
#[utoipa::path(get, path = "/figures", tag = "figures", params(FigureQuery), responses((status = 200, body = Vec<FigureRow>)))]
async fn figures(State(app): State<App>, actor: Actor, Query(query): Query<FigureQuery>) -> Result<Json<Vec<FigureRow>>> {
    let (from, until) = query.days(app.clock.now().day())?;
    let region = app.visible_region(&actor, Action::FiguresView, &query.region)?;
    let found = app.store.read(move |tx| table(tx, from, until, &region)).await?;
    let rows = found.into_iter().map(|((region, kind), counts)| {
        let of = |metric| counts.get(&metric).copied().unwrap_or(0);
        FigureRow {
            region,
            channel_kind: chuangsha_kernel::rulebook::ChannelKind::from_i64(kind).map_or("", |kind| kind.as_str()).to_owned(),
            submitted: of(Metric::Submitted),
            approved: of(Metric::Approved),
            returned: of(Metric::Returned),
            rejected: of(Metric::Rejected),
            new_customers: of(Metric::NewCustomers),
            new_rate: rate(of(Metric::NewRealName), of(Metric::NewCustomers)),
            base: of(Metric::Base),
            base_rate: rate(of(Metric::BaseRealName), of(Metric::Base)),
        }
    });
    Ok(Json(rows.collect()))
}
