//! Lives through the rules alone: every end is reached, the same seed lives the same year, and what ever broke stays mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_world::lives::{Province, life, live};

/// Seed and subscriber: a life that breaks a promise becomes a line here. The first only shows the form.
const KEPT_NOW: &[(u64, u64)] = &[(1, 0)];

#[test]
fn twenty_thousand_lives_keep_every_promise_and_come_to_every_end() {
    let told = live(&Province::of(1, 365), 20_000, &|_| {}).unwrap_or_else(|broken| panic!("{broken}"));
    for state in ["restored", "called", "quarantined", "closed"] {
        assert!(told.standing.contains_key(state), "{state}: {told:?}");
    }
    assert_eq!(told.standing.values().sum::<i64>(), 20_000);
    assert!(told.messages > 40_000 && told.calls > 20_000 && told.emergencies > 0 && told.complaints > 0, "{told:?}");
}

#[test]
fn a_life_is_the_same_whenever_it_is_lived() {
    let province = Province::of(7, 365);
    let first: Vec<_> = (0..200).map(|subscriber| life(&province, subscriber)).collect();
    assert_eq!(first, (0..200).map(|subscriber| life(&province, subscriber)).collect::<Vec<_>>());
}

#[test]
fn lives_that_broke_a_promise_once_keep_it_now() {
    for &(seed, subscriber) in KEPT_NOW {
        life(&Province::of(seed, 365), subscriber).unwrap_or_else(|broken| panic!("{broken}"));
    }
}
