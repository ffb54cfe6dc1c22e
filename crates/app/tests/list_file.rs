//! A list sent over HTTP as a file of the largest size there is: taken in with its own length in memory and not much more; beyond that it is refused in
//! words that say what to do (R-SCR-3).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    reason = "a test that fails stops; the kit is another test's too"
)]

#[path = "edge/kit.rs"]
mod kit;

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use chuangsha_kernel::role::Role;
use chuangsha_world::kit::Kit;
use futures_util::stream;
use kit::{arrive, router, send, told};
use serde_json::Value;

const MOST: usize = 32 << 20;
const PIECE: usize = 1 << 16;

/// A field of `/proc/self/status`, KiB.
fn kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A file of that many bytes: good rows at its beginning, then rows longer than any may be. Made piece by piece, so that it is held nowhere.
fn file(json: bool, bytes: usize) -> impl Iterator<Item = Bytes> {
    let good = |number: u64| match json {
        true => format!(r#"{{"number":"{number}","source":"12321","reason":"举报"}},"#),
        false => format!("{number},12321,举报\n"),
    };
    let start = if json { "[".to_owned() } else { "number,source,reason\n".to_owned() };
    let start = (0..500).fold(start, |text, at| text + &good(19_900_000_000 + at));
    let (open, close, end) = if json { (r#"{"reason":""#, r#""},"#, "7]") } else { ("", ",1,2\n", "1,1,1\n") };
    let mut left = bytes - start.len() - end.len();
    let mut pieces = vec![Bytes::from(start)];
    while left > 0 {
        let size = if left < 2 * PIECE { left } else { PIECE };
        let filling = "x".repeat(size - open.len() - close.len());
        // The same piece again and again: one of them is held.
        if pieces.last().is_some_and(|last| last.len() == size) {
            pieces.push(pieces.last().unwrap().clone());
        } else {
            pieces.push(Bytes::from(format!("{open}{filling}{close}")));
        }
        left -= size;
    }
    pieces.push(Bytes::from(end));
    pieces.into_iter()
}

fn sent(json: bool, bytes: usize, announced: bool, token: &str) -> Request<Body> {
    let body = Body::from_stream(stream::iter(file(json, bytes).map(Ok::<_, std::io::Error>)));
    let kind = if json { "application/json" } else { "text/csv" };
    let request = kit::browse("post", "/api/v1/screening/lists/bad/files", Some(token)).header(header::CONTENT_TYPE, kind);
    let request = if announced { request.header(header::CONTENT_LENGTH, bytes) } else { request };
    request.body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_file_is_taken_with_its_own_length_in_memory_and_a_longer_one_is_refused_in_words() {
    let store = chuangsha_store::testkit::sqlite().await;
    let kit = Kit::new(store.store.clone()).await;
    let router = router(&kit);
    let (_, token) = arrive(&kit, "N-1", kit.hq, Role::NetworkOperator).await;
    for (json, name) in [(false, "csv"), (true, "json")] {
        // A small one first: what is made once for all is not this file's.
        assert_eq!(send(&router, name, sent(json, 2 << 20, true, &token)).await.status, StatusCode::OK);
        let before = kib("VmRSS:");
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let answer = send(&router, name, sent(json, MOST, true, &token)).await;
        let grown = kib("VmHWM:").saturating_sub(before);
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text());
        let taken: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(taken["known"] == 500 && taken["refused"].as_u64().unwrap() > 500, "{name}: {} {}", taken["rows"], taken["known"]);
        eprintln!("{name}: 32 MB, resident {before} KiB before, {grown} KiB more at most");
        // Held once; what a buffer that grows leaves behind is a part of it at most.
        assert!(grown < 2 * (MOST as u64 >> 10), "{name}: {grown} KiB");
        for announced in [true, false] {
            let refused = send(&router, name, sent(json, MOST + (1 << 20), announced, &token)).await;
            assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{name}: {}", refused.text());
            assert_eq!(told(name, &refused), "edge.file_large");
            assert!(refused.text().contains("32 MB") && refused.text().contains("chuangsha screen list"), "{}", refused.text());
        }
    }
}
