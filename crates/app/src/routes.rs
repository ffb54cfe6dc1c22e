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
    &channels::plan::page::Visits,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]

    use std::{collections::BTreeMap, fs, path::Path};

    /// Every type the interface may describe, by the name it has there, with where it stands. Two types of one name would be one schema, and the
    /// document would say of the one what holds for the other.
    fn schemas(folder: &Path, found: &mut BTreeMap<String, Vec<String>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                schemas(&path, found);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let (text, mut described, mut named, mut listed) = (fs::read_to_string(&path).unwrap(), false, None, false);
            for line in text.lines().map(str::trim) {
                listed |= line.ends_with("listed! {") || line.ends_with("code_list! {");
                described |= line.starts_with("#[derive(") && line.contains("ToSchema") || listed;
                if let Some((_, rest)) = line.split_once("schema(as = ") {
                    named = rest.split([')', ',']).next().map(str::to_owned);
                }
                let word = ["pub struct ", "pub enum ", "pub(crate) struct ", "pub(super) struct ", "struct ", "enum "]
                    .iter()
                    .find_map(|keyword| line.strip_prefix(keyword))
                    .or_else(|| line.strip_suffix(" {").filter(|word| listed && word.chars().all(char::is_alphanumeric)));
                let Some(word) = word else { continue };
                let name: String = word.chars().take_while(|letter| letter.is_alphanumeric()).collect();
                if described && !name.is_empty() {
                    found.entry(named.take().unwrap_or(name)).or_default().push(path.display().to_string());
                }
                (described, named, listed) = (false, None, false);
            }
        }
    }

    #[test]
    fn no_two_types_of_the_interface_have_one_name() {
        let mut found = BTreeMap::new();
        schemas(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let twice: Vec<_> = found.iter().filter(|(_, places)| places.len() > 1).collect();
        assert!(twice.is_empty(), "name one of them by #[schema(as = …)]: {twice:#?}");
        // What the document holds was found, or this test looks past something.
        let document = serde_json::to_value(super::openapi()).unwrap();
        // A page of a list is named by what it lists.
        let is_found = |name: &str| found.contains_key(name) || name.strip_prefix("Page_").is_some_and(|of| found.contains_key(of));
        let unknown: Vec<_> = document["components"]["schemas"].as_object().unwrap().keys().filter(|name| !is_found(name)).collect();
        assert!(unknown.is_empty() && found.len() > 100, "{unknown:?}");
    }
}
