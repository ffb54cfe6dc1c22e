//! How soon the first rows stand on the screen when a million lie behind them, and what a browser that has never been here loads for it.

use chuangsha_app::{
    channels,
    registration::bench::{self, Cast},
};
use serde_json::{Value, json};

use crate::{
    kit::{Browser, Setup, pause},
    place::Place,
    story::sign_in,
};

const ROWS: u32 = 1_000_000;
const LOOKS: usize = 9;
const BAR_MS: f64 = 300.0;
const BAR_KIB: f64 = 40.0;

/// Milliseconds to the first and the largest paint, rows, and bytes over the wire, of the page as it stands.
const ASK: &str = "const done = arguments[arguments.length - 1]; \
    new PerformanceObserver((list) => { \
      const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]; \
      const first = performance.getEntriesByName('first-contentful-paint')[0]; \
      done([first ? first.startTime : 1e9, list.getEntries().at(-1).startTime, document.querySelectorAll('main tbody tr').length, \
        loaded.reduce((sum, one) => sum + one.transferSize, 0), loaded.length]); \
    }).observe({ type: 'largest-contentful-paint', buffered: true });";

/// `cargo test --release --test browser -- --ignored --nocapture first_rows` prints what each list needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes"]
async fn first_rows_of_a_million_are_seen_at_once() {
    let place = Place::open().await;
    let now = place.app.clock.now();
    let outlets = place.app.read(channels::active).await.unwrap();
    let audit_centre = place.actor_of("1187-4").await.organisation;
    bench::load(&place.app, &Cast { outlets, audit_centre }, ROWS, now, drop).await.unwrap();
    bench::load_log(&place.app, ROWS, now, drop).await.unwrap();
    for (who, path) in [("1190", "/orders"), ("1190-1", "/audit"), ("3002", "/log")] {
        let browser = Browser::start(Setup::default()).await;
        sign_in(&browser, &place, who).await;
        browser.command("Network.enable", json!({})).await;
        browser.command("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
        let mut looks = Vec::new();
        for _ in 0..LOOKS {
            browser.go(&format!("{}{path}", place.url)).await;
            let found = browser.page.execute_async(ASK, vec![]).await.unwrap().json().clone();
            looks.push([0, 1, 2, 3, 4].map(|at| found.get(at).and_then(Value::as_f64).unwrap_or_default()));
            pause(200).await;
        }
        let mut of = |at: usize| {
            looks.sort_by(|one, other| one[at].total_cmp(&other[at]));
            (looks[LOOKS / 2][at], looks[LOOKS - 1][at])
        };
        let (first, largest, rows, bytes, files) = (of(0), of(1), of(2), of(3), of(4));
        println!(
            "{path:8} first paint {:5.0} ms (most {:5.0})  largest {:5.0} ms (most {:5.0})  {} rows  {:5.1} KiB in {} files",
            first.0,
            first.1,
            largest.0,
            largest.1,
            rows.0,
            bytes.1 / 1024.0,
            files.0
        );
        assert!(rows.0 >= 10.0, "{path} shows rows");
        assert!(first.0 <= BAR_MS, "{path}: first paint");
        assert!(bytes.1 / 1024.0 <= BAR_KIB, "{path}: bytes");
    }
}
