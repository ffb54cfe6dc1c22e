//! A file of ten thousand lines, streamed by a process that does nothing else: its memory does not grow with the file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails stops"
)]

use chuangsha_app::{
    platform::{
        export::{About, Format, Wish, make},
        people::OrganisationKind,
        web::list::{Asked, Look},
        words::Words,
    },
    routes,
};
use chuangsha_kernel::{problem::Language, role::Role};
use chuangsha_store::testkit;
use chuangsha_world::kit::Kit;
use futures_util::{StreamExt, TryStreamExt};

/// Memory of this process, in KiB, as the kernel counts it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_lines_stream_in_constant_memory() {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let actor = kit.actor(Role::CarrierAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    let look = Look { app: kit.app.clone(), actor, language: Language::Chinese, w: Words::of(Language::Chinese) };
    kit.outlets(0, 10_000).await;
    let listing = routes::list_at("/channels").unwrap();
    let asked = Asked::read_address(listing, "/channels");
    let wish = Wish { purpose: "report".into(), words: "测量".into(), ..Wish::default() };
    let mut grown = Vec::new();
    for run in 0..3 {
        let about = About::of(&look, listing, &asked, &wish, kit.app.clock.now());
        let mut pieces = Box::pin(make::stream(look.clone(), listing, asked.clone(), Format::Xlsx, about));
        let (before, mut most, mut longest, mut total, mut count) = (resident_kib(), 0, 0, 0, 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece.unwrap();
            longest = longest.max(piece.len());
            total += piece.len();
            count += 1;
            most = most.max(resident_kib());
        }
        eprintln!("run {run}: {count} pieces, {total} bytes, the longest {longest}; resident {before} KiB, at most {most} KiB");
        assert!(count > 100 && longest < 64 * 1024, "{count} pieces, the longest {longest}");
        grown.push(most.saturating_sub(before));
    }
    // The first run fills caches; after it a file of ten thousand lines leaves no mark.
    assert!(grown[1..].iter().all(|kib| *kib < 4 * 1024), "{grown:?} KiB");
    let stream =
        make::stream(look.clone(), listing, asked.clone(), Format::Csv, About::of(&look, listing, &asked, &wish, kit.app.clock.now()));
    let all: Vec<_> = Box::pin(stream).try_collect().await.unwrap();
    assert_eq!(all.iter().map(|piece| piece.iter().filter(|byte| **byte == b'\n').count()).sum::<usize>(), 10_001);
}
