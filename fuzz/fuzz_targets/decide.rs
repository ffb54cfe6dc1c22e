//! 判定: any calls, in any order, at any time: an answer, no panic, emergencies pass, and the same again gives the same.
#![no_main]

use std::sync::LazyLock;

use chuangsha_kernel::Rulebook;
use chuangsha_screen::{
    Snapshot, StateConfig,
    replay::{Replay, SnapshotSpec},
    rules::PACKS,
};
use libfuzzer_sys::fuzz_target;

static BOOK: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::embedded(PACKS).expect("the packs compile"));

/// Compiled once: that takes longer than the calls.
static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let spec: SnapshotSpec = serde_json::from_str(SPEC).expect("the snapshot reads");
    spec.compile(&BOOK).expect("the snapshot compiles")
});

const SPEC: &str = r#"{"version":1,"home":"china_mobile","on":"2026-11-22","trunks":[{"id":1,"name":"a","ingress":"international"},{"id":2,"name":"b","ingress":"interconnect","peer":"china_unicom"},{"id":3,"name":"c","ingress":"enterprise","outbound":true,"allowed":[[8695588,8695588]]},{"id":4,"name":"d","ingress":"retail"}]}"#;

fuzz_target!(|text: &str| {
    let run = || {
        let mut replay = Replay::new(&BOOK, StateConfig { callers: 64, callees: 64, seed: 1 }).starting_with(SNAPSHOT.clone());
        let said: Vec<Option<String>> = text.lines().map(|line| replay.feed(line).ok().flatten()).collect();
        (said, replay.state().digest())
    };
    assert_eq!(run(), run(), "the same calls, the same verdicts");
});
