use chuangsha_world::network::{Behaviour, NetworkElement as Element};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Feedback, FeedbackRefusal, NetworkAction, NetworkCommand, NetworkElement, NetworkOutcome, Tmf640, Tmf640Settings, drive, http_client,
    read_feedback,
};

fn command(key: &str) -> NetworkCommand {
    NetworkCommand {
        key: key.to_owned(),
        action: NetworkAction::Activate,
        number: Zeroizing::new("19900000001".to_owned()),
        case: Uuid::from_u128(5),
    }
}

async fn set() -> (Element, Tmf640) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let element = Element::start().await.expect("listens");
    let port = Tmf640::new(http_client().expect("a client"), Tmf640Settings { url: element.url(), timeout_ms: 400 });
    (element, port)
}

fn confirmed(reference: &str) -> NetworkOutcome {
    NetworkOutcome::Confirmed { reference: reference.to_owned() }
}

#[tokio::test]
async fn a_command_is_confirmed_and_its_repetition_does_nothing() {
    let (element, port) = set().await;
    for conflict in [false, true] {
        element.conflict_on_repeat(conflict);
        for repeated in [false, true] {
            assert_eq!(drive(&port, &command("k1"), repeated).await, confirmed("svc-1"), "conflict {conflict}, repeated {repeated}");
        }
        assert_eq!(port.submit(&command("k1")).await, confirmed("svc-1"));
    }
    let services = element.services();
    assert_eq!(services.len(), 1);
    assert_eq!((services[0].executions, services[0].number.as_str(), services[0].action.as_str()), (1, "19900000001", "activate"));
}

#[tokio::test]
async fn a_lost_answer_is_found_again_and_not_done_twice() {
    let (element, port) = set().await;
    element.script([Behaviour::LostAnswer, Behaviour::Slow(5_000)]);
    for (key, reference) in [("lost", "svc-1"), ("slow", "svc-2")] {
        assert!(matches!(drive(&port, &command(key), false).await, NetworkOutcome::Unreachable { .. }));
        assert_eq!(drive(&port, &command(key), true).await, confirmed(reference));
    }
    assert!(element.services().iter().all(|service| service.executions == 1 && service.posts == 1));
}

#[tokio::test]
async fn a_late_confirmation_is_awaited() {
    let (element, port) = set().await;
    element.script([Behaviour::Late, Behaviour::LatePolls(2)]);
    let accepted = |reference: &str| NetworkOutcome::Accepted { reference: reference.to_owned() };
    assert_eq!(drive(&port, &command("a"), false).await, accepted("svc-1"));
    assert_eq!(drive(&port, &command("a"), true).await, accepted("svc-1"));
    assert_eq!(element.confirm_pending().await, 1);
    assert_eq!(drive(&port, &command("a"), true).await, confirmed("svc-1"));
    assert_eq!(drive(&port, &command("b"), false).await, accepted("svc-2"));
    assert_eq!(drive(&port, &command("b"), true).await, accepted("svc-2"));
    assert_eq!(drive(&port, &command("b"), true).await, confirmed("svc-2"));
}

#[tokio::test]
async fn what_nobody_knows_is_never_confirmed() {
    let (element, port) = set().await;
    for fault in [Behaviour::Fail(503), Behaviour::Fail(500), Behaviour::Fail(429), Behaviour::Fail(401), Behaviour::Garbage] {
        element.script([fault.clone()]);
        assert!(matches!(drive(&port, &command("x"), false).await, NetworkOutcome::Unreachable { .. }), "{fault:?}");
        assert_eq!(port.poll("x", NetworkAction::Activate).await, None, "{fault:?}");
    }
    assert_eq!(drive(&port, &command("x"), true).await, confirmed("svc-1"), "the element is well again");
    drop(element);
    assert!(matches!(drive(&port, &command("y"), true).await, NetworkOutcome::Unreachable { .. }));
}

#[tokio::test]
async fn a_refusal_keeps_the_code_and_drops_the_text() {
    let (element, port) = set().await;
    element.script([
        Behaviour::Refuse("numberNotInRange".to_owned()),
        Behaviour::Refuse("19900000001 unknown".to_owned()),
        Behaviour::Refuse("19900000001".to_owned()),
    ]);
    assert_eq!(port.submit(&command("r")).await, NetworkOutcome::Refused { code: "numberNotInRange".to_owned() });
    for _ in 0..2 {
        assert_eq!(port.submit(&command("r")).await, NetworkOutcome::Refused { code: "422".to_owned() });
    }
}

#[test]
fn a_callback_is_only_a_hint() {
    let event = br#"{"eventType":"ServiceStateChangeEvent","event":{"service":{"id":"1","state":"active","externalReference":[{"id":"k1","externalReferenceType":"idempotencyKey"}]}}}"#;
    assert_eq!(read_feedback(event), Ok(Feedback { key: "k1".to_owned() }));
    for bad in
        ["", "{}", "[]", r#"{"event":{"service":{"externalReference":[]}}}"#, r#"{"event":{"service":{"externalReference":[{"id":""}]}}}"#]
    {
        assert_eq!(read_feedback(bad.as_bytes()), Err(FeedbackRefusal), "{bad}");
    }
}

#[test]
fn debug_shows_no_number() {
    assert!(!format!("{:?}", command("k")).contains("1990"));
}
