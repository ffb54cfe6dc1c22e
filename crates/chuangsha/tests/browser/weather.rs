//! What happens between a browser and the server: answers lost, requests swallowed, a server that is not there, a service worker of another year.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

/// How uploads fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Uploads {
    /// As they should.
    Pass,
    /// The server does its work and the answer never arrives.
    AnswerLost,
    /// They never reach the server.
    Swallowed,
    /// The server is too busy.
    Busy,
}

/// The weather, changed while the server runs.
#[derive(Debug, Clone, Default)]
pub struct Weather(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    uploads: AtomicU8,
    old_worker: AtomicU8,
    seen: AtomicUsize,
}

/// A worker as an older version might have been: it keeps whatever it sees, personal pages included.
const OLD_WORKER: &str = "const CACHE = 'capture-shell-older'; \
    self.addEventListener('install', (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(['/app/', '/orders'])).then(() => caches.open('leftovers')).then(() => self.skipWaiting()))); \
    self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim())); \
    self.addEventListener('fetch', (event) => { if (event.request.method === 'GET') event.respondWith(caches.match(event.request).then((kept) => kept || fetch(event.request))); });";

impl Weather {
    /// Uploads fare so from now on.
    pub fn uploads(&self, how: Uploads) {
        self.0.uploads.store(how as u8, Ordering::SeqCst);
    }

    /// An older version's worker is given out.
    pub fn old_worker(&self, old: bool) {
        self.0.old_worker.store(u8::from(old), Ordering::SeqCst);
    }

    /// Uploads that arrived here so far.
    pub fn seen(&self) -> usize {
        self.0.seen.load(Ordering::SeqCst)
    }

    /// Puts it over a server.
    pub fn over(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), blow))
    }
}

async fn blow(State(weather): State<Weather>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/app/worker.js" && weather.0.old_worker.load(Ordering::SeqCst) == 1 {
        return ([(header::CONTENT_TYPE, "text/javascript"), (header::CACHE_CONTROL, "no-cache")], OLD_WORKER).into_response();
    }
    if path != "/api/v1/offline-registrations" {
        return next.run(request).await;
    }
    weather.0.seen.fetch_add(1, Ordering::SeqCst);
    let how = weather.0.uploads.load(Ordering::SeqCst);
    if how == Uploads::Swallowed as u8 {
        return std::future::pending().await;
    }
    if how == Uploads::Busy as u8 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let answer = next.run(request).await;
    if how == Uploads::AnswerLost as u8 { std::future::pending().await } else { answer }
}
