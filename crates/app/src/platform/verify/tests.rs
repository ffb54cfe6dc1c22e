use std::sync::Arc;

use chuangsha_kernel::{
    id::Ids,
    time::{SettableClock, Timestamp},
};
use chuangsha_world::verification::{Behaviour, VerificationAuthority};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Breaker, BreakerSettings, BreakerState, CheckOutcome, DocumentCheck, DownReason, Evidence, FaceMatch, HttpVerifier,
    HttpVerifierSettings, Verifier,
};
use crate::platform::network::{Backoff, http_client};

const NUMBER: &str = "99010119900307001X";

fn check(number: u128) -> DocumentCheck {
    DocumentCheck {
        request: Uuid::from_u128(number),
        kind: "resident_id".to_owned(),
        number: Zeroizing::new(NUMBER.to_owned()),
        name: Zeroizing::new("测试㼆".to_owned()),
    }
}

fn verifier(authority: &VerificationAuthority, clock: &Arc<SettableClock>) -> HttpVerifier {
    // Another test of this process may have been first; one provider is as good as the other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = HttpVerifierSettings {
        url: authority.url(),
        timeout_ms: 250,
        attempts: 2,
        backoff: Backoff { first_ms: 1, cap_ms: 2 },
        breaker: BreakerSettings { failures: 4, open_ms: 30_000, probe_ms: 10_000 },
    };
    HttpVerifier::new(http_client().expect("a client"), settings, clock.clone(), Arc::new(Ids::seeded(7)))
}

async fn set() -> (VerificationAuthority, Arc<SettableClock>, HttpVerifier) {
    let authority = VerificationAuthority::start(1).await.expect("listens");
    let clock = Arc::new(SettableClock::at(Timestamp(1_000_000)));
    let verifier = verifier(&authority, &clock);
    (authority, clock, verifier)
}

#[tokio::test]
async fn the_three_outcomes_arrive_with_their_evidence() {
    let (authority, _, verifier) = set().await;
    authority.script([Behaviour::Match, Behaviour::Mismatch, Behaviour::NotFound]);
    assert!(matches!(verifier.check_document(&check(1)).await, Ok(CheckOutcome::Match(evidence)) if evidence.as_str().starts_with("VA-")));
    assert!(matches!(verifier.check_document(&check(2)).await, Ok(CheckOutcome::Mismatch(_))));
    assert!(matches!(verifier.check_document(&check(3)).await, Ok(CheckOutcome::NotFound(_))));
    let seen = authority.seen();
    assert_eq!((seen[0].number.as_str(), seen[0].name.as_str(), seen[0].kind.as_str()), (NUMBER, "测试㼆", "resident_id"));
}

#[tokio::test]
async fn no_fault_ever_becomes_an_outcome() {
    for (fault, reason) in [
        (Behaviour::Garbage, DownReason::Garbage),
        (Behaviour::WrongQuestion, DownReason::Garbage),
        (Behaviour::NoEvidence, DownReason::Garbage),
        (Behaviour::Status(503), DownReason::Status(503)),
        (Behaviour::Status(302), DownReason::Status(302)),
        (Behaviour::Status(401), DownReason::Status(401)),
        (Behaviour::Slow(5_000), DownReason::Timeout),
    ] {
        let (authority, _, verifier) = set().await;
        authority.always(Some(fault.clone()));
        let down = verifier.check_document(&check(1)).await.expect_err("down is not a match");
        assert_eq!(down.reason, reason, "{fault:?}");
        let tries = if fault == Behaviour::Status(401) { 1 } else { 2 };
        assert_eq!(authority.seen().len(), tries, "{fault:?}: bounded, and no point in repeating what cannot mend itself");
    }
}

#[tokio::test]
async fn nobody_listening_is_down() {
    let (authority, _, verifier) = set().await;
    drop(authority);
    assert!(verifier.check_document(&check(1)).await.is_err());
}

#[tokio::test]
async fn one_bad_moment_is_retried() {
    let (authority, _, verifier) = set().await;
    authority.script([Behaviour::Status(500), Behaviour::Match]);
    assert!(matches!(verifier.check_document(&check(1)).await, Ok(CheckOutcome::Match(_))));
    assert_eq!(verifier.breaker(), BreakerState::Closed { failures: 0 });
}

#[tokio::test]
async fn a_face_is_a_score_and_never_a_verdict() {
    let (authority, _, verifier) = set().await;
    let face = FaceMatch {
        request: Uuid::from_u128(9),
        kind: "resident_id".to_owned(),
        number: Zeroizing::new(NUMBER.to_owned()),
        picture: Zeroizing::new(vec![0xFF, 0xD8, 0xFF]),
    };
    authority.script([Behaviour::Score(987)]);
    assert_eq!(verifier.match_face(&face).await.expect("an answer").score, 987);
    authority.always(Some(Behaviour::Score(1001)));
    let other = FaceMatch { request: Uuid::from_u128(10), ..face };
    assert_eq!(verifier.match_face(&other).await.expect_err("out of range").reason, DownReason::Garbage);
}

#[tokio::test]
async fn the_breaker_stops_asking_and_one_probe_finds_out() {
    let (authority, clock, verifier) = set().await;
    authority.always(Some(Behaviour::Status(500)));
    for request in 0..2 {
        assert_eq!(verifier.check_document(&check(request)).await.expect_err("down").reason, DownReason::Status(500));
    }
    assert_eq!(verifier.breaker(), BreakerState::Open { until: Timestamp(1_030_000) });
    let down = verifier.check_document(&check(3)).await.expect_err("open");
    assert_eq!((down.reason, down.retry_at), (DownReason::Open, Some(Timestamp(1_030_000))));
    assert_eq!(authority.seen().len(), 4, "nothing went over the wire while open");
    clock.advance_ms(30_000);
    authority.always(Some(Behaviour::Match));
    assert!(verifier.check_document(&check(4)).await.is_ok());
    assert_eq!(verifier.breaker(), BreakerState::Closed { failures: 0 });
}

#[test]
fn breaker_table() {
    use BreakerState::{Closed, HalfOpen, Open};
    let (now, later) = (Timestamp(100), Timestamp(200));
    let settings = BreakerSettings { failures: 2, open_ms: 50, probe_ms: 30 };
    let at = |state| Breaker { settings, state };
    // state, admitted at 100?, after admit, after a success, after a failure at 100
    for (state, admitted, after, on_failure) in [
        (Closed { failures: 0 }, true, Closed { failures: 0 }, Closed { failures: 1 }),
        (Closed { failures: 1 }, true, Closed { failures: 1 }, Open { until: Timestamp(150) }),
        (Open { until: later }, false, Open { until: later }, Open { until: later }),
        (Open { until: now }, true, HalfOpen { until: Timestamp(130) }, Open { until: now }),
        (HalfOpen { until: later }, false, HalfOpen { until: later }, Open { until: Timestamp(150) }),
        (HalfOpen { until: now }, true, HalfOpen { until: Timestamp(130) }, Open { until: Timestamp(150) }),
    ] {
        let mut breaker = at(state);
        assert_eq!(breaker.admit(now).is_ok(), admitted, "{state:?}");
        assert_eq!(breaker.state(), after, "{state:?}");
        let mut breaker = at(state);
        breaker.succeeded();
        assert_eq!(breaker.state(), Closed { failures: 0 });
        let mut breaker = at(state);
        breaker.failed(now);
        assert_eq!(breaker.state(), on_failure, "{state:?}");
    }
}

#[test]
fn evidence_is_a_plain_reference() {
    assert!(Evidence::parse("VA-0001").is_some());
    for bad in ["", "张三", "a b", "line\nbreak", &"x".repeat(129)] {
        assert!(Evidence::parse(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn debug_shows_no_person() {
    let text = format!("{:?}", check(1));
    assert!(!text.contains(NUMBER) && !text.contains("测试"));
}
