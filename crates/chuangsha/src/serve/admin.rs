//! 运维监听: is it alive, can it work, what has it counted. Plain HTTP on its own address, so that no proxy opens it by accident.

use std::sync::{Arc, RwLock};

use axum::{Json, Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use serde_json::{Value, json};

use super::metrics::Metrics;

/// One thing that must hold for the server to do its work.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Check {
    /// `store`, `migrations`, `keys`, `clock`, `workers`.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// In words; never personal data.
    pub detail: String,
}

/// Runs every check; `None` until the server has started and again once it is stopping.
pub type Probe = Arc<dyn Fn() -> futures_util::future::BoxFuture<'static, Vec<Check>> + Send + Sync>;

/// What the admin listener answers from.
#[derive(Clone)]
pub struct Admin {
    metrics: Arc<Metrics>,
    probe: Arc<RwLock<Option<Probe>>>,
}

impl Admin {
    /// Alive, not yet ready.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, probe: Arc::default() }
    }

    /// From now on ready when every check says so.
    pub fn ready(&self, probe: Probe) {
        *self.probe.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(probe);
    }

    /// From now on not ready: load balancers stop sending before the listener closes.
    pub fn stopping(&self) {
        *self.probe.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    /// The three routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, Json<Value>) {
    let probe = admin.probe.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let Some(probe) = probe else {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "checks": [] })));
    };
    let checks = probe().await;
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "checks": checks })))
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], admin.metrics.text())
}
