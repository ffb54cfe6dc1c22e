//! 路由: every route there is. Read this first.

use axum::{Router, middleware::map_response, response::IntoResponse, routing::any};
use chuangsha_kernel::problem::Problem;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App, channels, figures, hotline,
    platform::{
        audit,
        edge::{self, EdgeConfig},
        export,
        failure::{self, Failure},
        jobs, network, people, second,
        web::{frame, gallery, list::Listing, reference, switch, views},
    },
    registration,
    remediation::{self, excess, import},
    resources, screening, subscribers, suspension,
};

/// What the JSON interface says of itself.
#[derive(OpenApi)]
#[openapi(info(
    title = "窗纱 Chuangsha",
    description = "实名登记、审核、开通与审计 / Real-name registration, audit, activation and the log of it. Errors are RFC 9457 problems in Chinese and English."
))]
struct Api;

fn json() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Api::openapi()).nest(
        "/api/v1",
        OpenApiRouter::new()
            .merge(people::http::routes())
            .merge(registration::http::routes())
            .merge(subscribers::http::routes())
            .merge(registration::offline::http::routes())
            .merge(channels::http::routes())
            .merge(figures::http::routes())
            .merge(resources::http::routes())
            .merge(hotline::http::routes())
            .merge(screening::http::routes())
            .merge(remediation::http::routes())
            .merge(import::http::routes())
            .merge(excess::http::routes())
            .merge(suspension::http::routes())
            .merge(network::http::routes())
            .merge(second::http::routes())
            .merge(audit::http::routes())
            .merge(export::http::routes()),
    )
}

/// The interface, described.
pub fn openapi() -> utoipa::openapi::OpenApi {
    json().split_for_parts().1
}

/// The whole application behind its edge.
pub fn router(app: &App, edge: &EdgeConfig) -> Router {
    let api = json().split_for_parts().0.layer(map_response(failure::in_own_words));
    // An unknown address below /api is told to a program, any other to a person.
    let unknown_page = frame::framed(Router::new().fallback(missing), app).with_state(app.clone());
    let routes = api
        .route("/api/{*rest}", any(missing))
        .merge(frame::framed(pages(), app))
        .merge(switch::pages())
        .merge(registration::page::field::shell_pages().layer(CompressionLayer::new()))
        .fallback_service(unknown_page);
    edge::wrap(routes, app, edge)
}

/// The console.
fn pages() -> Router<App> {
    Router::new()
        .merge(registration::page::pages())
        .merge(subscribers::page::pages())
        .merge(figures::page::pages())
        .merge(channels::page::pages())
        .merge(resources::page::pages())
        .merge(hotline::page::pages())
        .merge(screening::page::pages())
        .merge(remediation::page::pages())
        .merge(suspension::page::pages())
        .merge(import::page::pages())
        .merge(excess::page::pages())
        .merge(people::page::pages())
        .merge(network::page::pages())
        .merge(second::page::pages())
        .merge(audit::page::pages())
        .merge(jobs::page::pages())
        .merge(jobs::batch::pages())
        .merge(export::page::pages())
        .merge(views::pages())
        .merge(reference::pages())
        .merge(gallery::pages())
}

/// Every list of the console: what may be exported, worked on in a batch, saved as a view.
pub const LISTS: &[&dyn Listing] = &[
    &registration::page::orders::Orders,
    &registration::page::queue::Queue,
    &channels::page::Channels,
    &people::page::People,
    &network::page::DeadLetters,
    &second::page::Requests,
    &audit::page::Log,
    &resources::page::Ledger,
    &suspension::page::Suspensions,
    &resources::sweep::page::Sweeps,
    &resources::sweep::page::Checks,
    &figures::bulletin::page::Bulletins,
    &hotline::page::tickets::Tickets,
    &hotline::page::appeals::Appeals,
    &hotline::page::refunds::Refunds,
    &hotline::page::warnings::Warnings,
    &screening::page::verdicts::Verdicts,
    &screening::page::appeals::Appeals,
    &screening::page::rules::Rules,
    &screening::page::lists::Lists,
    &screening::page::versions::Versions,
    &screening::page::figures::Figures,
    &remediation::page::Campaigns,
    &remediation::page::Cases,
    &remediation::page::Protected,
    &import::page::Imports,
    &excess::page::Excess,
    &jobs::page::Jobs,
];

/// The list at a path.
pub fn list_at(path: &str) -> Option<&'static dyn Listing> {
    LISTS.iter().copied().find(|listing| listing.path() == path)
}

async fn missing() -> impl IntoResponse {
    Failure::from(Problem::new(&failure::code::NOT_FOUND))
}
