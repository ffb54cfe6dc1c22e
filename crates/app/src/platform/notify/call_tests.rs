use chuangsha_kernel::{phone::Phone, problem::Language};
use chuangsha_world::dialler::{Behaviour, CallPlatform};
use zeroize::Zeroizing;

use super::{CallMessage, CallOutcome, HttpCall, HttpCallSettings, OutboundCall};
use crate::platform::network::http_client;

fn message(key: &str) -> CallMessage {
    CallMessage {
        to: Phone::parse("19900000001").expect("a demo number"),
        announcement: "remediation_deadline".to_owned(),
        text: Zeroizing::new("请于三十日内补登记。".to_owned()),
        language: Language::Chinese,
        idempotency_key: key.to_owned(),
    }
}

async fn set(token: &str, timeout_ms: u64) -> (CallPlatform, HttpCall) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let platform = CallPlatform::start("token").await.expect("listens");
    let settings = HttpCallSettings { url: platform.url(), token: token.to_owned(), source: "10086".to_owned(), timeout_ms };
    (platform, HttpCall::new(http_client().expect("a client"), settings))
}

#[tokio::test]
async fn every_end_of_a_call_is_told_apart_and_the_same_key_rings_once() {
    let (platform, calls) = set("token", 2_000).await;
    use Behaviour::{Answer, Busy, Fail, NoAnswer, Refuse};
    platform.script([Answer(31, Some('1')), NoAnswer, Busy, Fail, Refuse, Answer(3, Some('x'))]);
    let id = |at: usize| format!("call-{at}");
    let expected = [
        CallOutcome::Answered { id: id(1), seconds: 31, pressed: Some('1') },
        CallOutcome::NoAnswer { id: id(2) },
        CallOutcome::Busy { id: id(3) },
        CallOutcome::Failed { id: id(4) },
        CallOutcome::Refused { code: "refused".to_owned() },
        CallOutcome::Answered { id: id(6), seconds: 3, pressed: None },
    ];
    for _ in 0..2 {
        for (at, expected) in expected.iter().enumerate() {
            assert_eq!(&calls.call(&message(&format!("k{at}"))).await, expected);
        }
    }
    let placed = platform.placed();
    assert_eq!(placed.len(), expected.len(), "asked twice, rung once");
    let first = &placed[0];
    assert_eq!(
        [&first.to, &first.from, &first.announcement, &first.text, &first.language],
        ["8619900000001", "10086", "remediation_deadline", "请于三十日内补登记。", "zh"]
    );
}

#[tokio::test]
async fn no_fault_of_the_switch_is_a_call_and_a_call_under_way_is_asked_about_again() {
    let (platform, calls) = set("token", 300).await;
    platform.script([
        Behaviour::Status(503),
        Behaviour::Status(429),
        Behaviour::Garbage,
        Behaviour::Status(422),
        Behaviour::Underway,
        Behaviour::Slow(60_000),
        Behaviour::Lost,
    ]);
    for _ in 0..3 {
        assert!(matches!(calls.call(&message("k1")).await, CallOutcome::Unreachable { .. }));
    }
    assert_eq!(calls.call(&message("k1")).await, CallOutcome::Refused { code: "422".to_owned() });
    assert_eq!(calls.call(&message("k2")).await, CallOutcome::Underway);
    assert!(matches!(calls.call(&message("k2")).await, CallOutcome::Answered { seconds: 20, .. }));
    assert!(matches!(calls.call(&message("k3")).await, CallOutcome::Unreachable { .. }), "no answer in time");
    assert!(matches!(calls.call(&message("k3")).await, CallOutcome::Answered { .. }), "the call was placed all the same, once");
    assert!(matches!(calls.call(&message("k4")).await, CallOutcome::Unreachable { .. }), "the answer broke off");
    assert!(matches!(calls.call(&message("k4")).await, CallOutcome::Answered { .. }), "and what became of the call is found out");
    assert_eq!(platform.placed().len(), 3);
    let (_other, stranger) = set("wrong", 2_000).await;
    assert!(matches!(stranger.call(&message("k5")).await, CallOutcome::Unreachable { .. }));
    assert!(!format!("{stranger:?}").contains("wrong") && !format!("{:?}", message("k6")).contains("19900000001"));
}
