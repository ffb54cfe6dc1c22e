//! 指标: what is counted about requests. Labels are routes as written in the code, never addresses as they came: an address may hold a personal value.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

/// The counters and the registry that prints them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Histogram,
    in_flight: Gauge,
}

impl Metrics {
    /// Fresh counters; `more` adds those of other parts.
    pub fn new(more: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix("chuangsha");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let in_flight = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Time to answer", seconds.clone());
        registry.register("http_requests_in_flight", "Requests being answered", in_flight.clone());
        more(&mut registry);
        Self { registry, requests, seconds, in_flight }
    }

    /// Everything in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(std::fmt::Error) => String::new(),
        }
    }
}

/// Counts one request and logs it by its route, without query, body or address.
#[allow(clippy::disallowed_methods, reason = "measures how long an answer took, decides nothing")]
pub async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    metrics.in_flight.inc();
    let started = Instant::now();
    let response = next.run(request).await;
    let taken = started.elapsed();
    metrics.in_flight.dec();
    metrics.seconds.observe(taken.as_secs_f64());
    let status = response.status().as_u16();
    tracing::debug!(method, route, status, ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX), "request");
    metrics.requests.get_or_create(&Labels { method, route, status }).inc();
    response
}

/// Methods anyone can invent would make labels anyone can invent.
fn method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
