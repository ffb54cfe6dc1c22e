use chuangsha_kernel::{problem::Language, time::Timestamp};
use chuangsha_world::{
    gateway::SmsGateway,
    smsc::{Behaviour, Smsc},
};
use proptest::prelude::*;

use super::{
    Console, HttpSms, HttpSmsSettings, LongMessages, Receipt, ReceiptState, Smpp, SmppSettings, Sms, SmsOutcome, TemplateError, Templates,
    receipt::{Book, EARLY_MS, parse},
    test_line::{CHINESE, Line, TO, ids, message, started},
    text,
};
use crate::platform::network::{Backoff, http_client};

const TO_E164: &str = "8619900000001";

fn line(port: u16, change: impl FnOnce(&mut SmppSettings)) -> Line<Smpp> {
    let mut settings = SmppSettings {
        host: "127.0.0.1".to_owned(),
        port,
        system_id: "chuangsha".to_owned(),
        password: "secret".to_owned(),
        source: "10086".to_owned(),
        response_ms: 2_000,
        bind_ms: 2_000,
        patience_ms: 4_000,
        backoff: Backoff { first_ms: 10, cap_ms: 50 },
        ..SmppSettings::default()
    };
    change(&mut settings);
    started(0, |(receipts, clock, ids, stop)| Smpp::start(settings, receipts, clock, ids, stop))
}

async fn set() -> (Smsc, Line<Smpp>) {
    let centre = Smsc::start("chuangsha", "secret").await.expect("listens");
    let line = line(centre.address().port(), |_| {});
    (centre, line)
}

#[tokio::test]
async fn chinese_goes_out_and_the_receipt_comes_back() {
    let (centre, mut line) = set().await;
    centre.script([Behaviour::Deliver, Behaviour::Fail]);
    let id = ids(line.out.send(&message("k1", CHINESE)).await).remove(0);
    assert_eq!(centre.texts(), [(TO_E164.to_owned(), CHINESE.to_owned())]);
    assert_eq!((centre.segments()[0].data_coding, centre.segments()[0].from.as_str()), (8, "10086"));
    let receipt = line.receipts.recv().await.expect("a receipt");
    assert_eq!(receipt, Receipt { id, key: Some("k1".to_owned()), state: ReceiptState::Delivered });
    ids(line.out.send(&message("k2", "Your number is active.")).await);
    assert_eq!(centre.segments()[1].data_coding, 0);
    let receipt = line.receipts.recv().await.expect("a receipt");
    assert_eq!((receipt.key.as_deref(), receipt.state), (Some("k2"), ReceiptState::Failed));
}

#[tokio::test]
async fn a_receipt_faster_than_the_answer_finds_its_message() {
    let (centre, mut line) = set().await;
    centre.script([Behaviour::ReceiptFirst]);
    ids(line.out.send(&message("k1", CHINESE)).await);
    let receipt = line.receipts.recv().await.expect("a receipt");
    assert_eq!((receipt.key.as_deref(), receipt.state), (Some("k1"), ReceiptState::Delivered));
}

#[tokio::test]
async fn long_texts_arrive_whole_in_parts_and_as_payload() {
    let long = CHINESE.repeat(5);
    let (centre, line) = set().await;
    assert_eq!(ids(line.out.send(&message("k1", &long)).await).len(), centre.segments().len());
    assert!(centre.segments().len() > 2);
    assert_eq!(centre.texts(), [(TO_E164.to_owned(), long.clone())]);
    let whole = self::line(centre.address().port(), |settings| settings.long_messages = LongMessages::Payload);
    assert_eq!(ids(whole.out.send(&message("k2", &long)).await).len(), 1);
    let last = centre.segments().pop().expect("taken");
    assert!(last.payload && last.text == long);
}

#[tokio::test]
async fn a_busy_centre_is_asked_again_and_a_wrong_number_is_not() {
    let (centre, line) = set().await;
    centre.script([Behaviour::Throttle, Behaviour::Reject(20), Behaviour::Reject(8), Behaviour::Reject(11), Behaviour::Reject(0x45)]);
    for _ in 0..3 {
        assert!(matches!(line.out.send(&message("k1", "x")).await, SmsOutcome::Unreachable { .. }));
    }
    assert_eq!(line.out.send(&message("k1", "x")).await, SmsOutcome::Rejected { code: "smpp_0xb".to_owned() });
    assert!(matches!(line.out.send(&message("k1", "x")).await, SmsOutcome::Unreachable { .. }), "submit failed: no verdict on the message");
    assert!(centre.texts().is_empty());
    let endless = "长".repeat(2_000);
    assert_eq!(line.out.send(&message("k1", &endless)).await, SmsOutcome::Rejected { code: "text_too_long".to_owned() });
}

#[tokio::test]
async fn a_silent_centre_is_no_success() {
    let centre = Smsc::start("chuangsha", "secret").await.expect("listens");
    let line = line(centre.address().port(), |settings| settings.response_ms = 100);
    centre.script([Behaviour::Slow(60_000)]);
    assert!(matches!(line.out.send(&message("k1", "x")).await, SmsOutcome::Unreachable { .. }));
}

#[tokio::test]
async fn the_session_comes_back_after_the_centre_ended_it() {
    let (centre, line) = set().await;
    ids(line.out.send(&message("k1", "first")).await);
    centre.unbind_all().await;
    // The message may hit the dying session; the outbox would bring it again, and so does this loop.
    let mut tries = 0;
    while !matches!(line.out.send(&message("k2", "second")).await, SmsOutcome::Sent { .. }) {
        tries += 1;
        assert!(tries < 20, "the session never came back");
    }
    assert!(centre.binds() >= 2);
    assert_eq!(centre.texts().last().map(|(_, text)| text.as_str()), Some("second"));
}

#[tokio::test]
async fn no_centre_and_wrong_credentials_are_unreachable() {
    let centre = Smsc::start("chuangsha", "other").await.expect("listens");
    let short = |settings: &mut SmppSettings| (settings.patience_ms, settings.bind_ms) = (200, 100);
    let refused = line(centre.address().port(), short);
    assert!(matches!(refused.out.send(&message("k1", "x")).await, SmsOutcome::Unreachable { .. }));
    assert!(!refused.out.bound());
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let nobody = line(port, short);
    assert!(matches!(nobody.out.send(&message("k1", "x")).await, SmsOutcome::Unreachable { .. }));
}

#[tokio::test]
async fn the_gateway_takes_a_message_once_and_no_fault_is_a_success() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gateway = SmsGateway::start("token").await.expect("listens");
    let client = http_client().expect("a client");
    let settings = |token: &str| HttpSmsSettings { url: gateway.url(), token: token.to_owned(), timeout_ms: 2_000 };
    let sms = HttpSms::new(client.clone(), settings("token"));
    for _ in 0..2 {
        assert_eq!(ids(sms.send(&message("k1", CHINESE)).await), ["gw-k1"]);
    }
    let received = gateway.received();
    assert_eq!((received.len(), received[0].to.as_str(), received[0].text.as_str()), (1, TO_E164, CHINESE));
    use chuangsha_world::gateway::Behaviour::{Garbage, Status};
    for fault in [Status(503), Status(429), Garbage] {
        gateway.script([fault]);
        assert!(matches!(sms.send(&message("k2", "x")).await, SmsOutcome::Unreachable { .. }), "{fault:?}");
    }
    gateway.script([Status(422)]);
    assert_eq!(sms.send(&message("k2", "x")).await, SmsOutcome::Rejected { code: "422".to_owned() });
    let stranger = HttpSms::new(client, settings("wrong"));
    assert!(matches!(stranger.send(&message("k3", "x")).await, SmsOutcome::Unreachable { .. }));
    assert!(!format!("{stranger:?}").contains("wrong"), "no token in a log");
    drop(gateway);
    assert!(matches!(sms.send(&message("k4", "x")).await, SmsOutcome::Unreachable { .. }));
}

#[tokio::test]
async fn the_console_takes_everything() {
    assert_eq!(ids(Console.send(&message("k1", CHINESE)).await), ["console-k1"]);
}

#[test]
fn debug_shows_neither_number_nor_text() {
    let text = format!("{:?}", message("k1", "secret words"));
    assert!(!text.contains(TO) && !text.contains("secret"), "{text}");
    assert!(!format!("{:?}", SmppSettings { password: "hunter2".to_owned(), ..SmppSettings::default() }).contains("hunter2"));
}

#[test]
fn receipts_are_read_from_parameters_or_text() {
    let text = b"id:0000002A sub:001 dlvrd:001 submit date:2611220930 done date:2611220931 stat:DELIVRD err:000 text:abc";
    let read =
        |class, id: Option<&str>, state, text: &[u8]| parse(class, id.map(str::to_owned), state, text).map(|one| (one.id, one.state));
    assert_eq!(read(4, None, None, text), Some(("0000002A".to_owned(), ReceiptState::Delivered)));
    assert_eq!(read(4, Some("7"), Some(5), b""), Some(("7".to_owned(), ReceiptState::Failed)));
    assert_eq!(read(4, Some("7"), Some(6), text), Some(("7".to_owned(), ReceiptState::Underway)));
    for (word, state) in [
        ("ENROUTE", ReceiptState::Underway),
        ("EXPIRED", ReceiptState::Failed),
        ("REJECTD", ReceiptState::Failed),
        ("XYZ", ReceiptState::Unknown),
    ] {
        assert_eq!(read(4, None, None, format!("id:9 stat:{word} err:0").as_bytes()), Some(("9".to_owned(), state)));
    }
    assert_eq!(read(0, None, None, text), None, "somebody writing the words of a receipt is not a receipt");
    assert_eq!(read(4, None, None, b"no id here"), None);
    assert_eq!(read(4, Some(&"x".repeat(66)), Some(2), b""), None);
}

#[test]
fn the_book_joins_in_any_order_and_lets_go() {
    let receipt = |id: &str, state| Receipt { id: id.to_owned(), key: None, state };
    let with_key = |id: &str, key: &str, state| Receipt { id: id.to_owned(), key: Some(key.to_owned()), state };
    let (mut book, now) = (Book::default(), Timestamp(0));
    assert_eq!(book.sent("1", "a", now), None);
    assert_eq!(book.received(receipt("1", ReceiptState::Underway), now), Some(with_key("1", "a", ReceiptState::Underway)));
    assert_eq!(book.received(receipt("1", ReceiptState::Delivered), now), Some(with_key("1", "a", ReceiptState::Delivered)));
    assert_eq!(book.received(receipt("2", ReceiptState::Failed), now), None);
    assert_eq!(book.sent("2", "b", now), Some(with_key("2", "b", ReceiptState::Failed)));
    assert_eq!(book.received(receipt("3", ReceiptState::Delivered), now), None, "sent before a restart");
    assert_eq!(book.expired(now.plus_ms(EARLY_MS - 1)), []);
    assert_eq!(book.expired(now.plus_ms(EARLY_MS)), [receipt("3", ReceiptState::Delivered)]);
    assert_eq!(book.expired(now.plus_ms(EARLY_MS)), []);
}

#[test]
fn every_template_renders_in_both_languages_and_every_refusal_has_its_three_parts() {
    let templates = Templates::embedded().expect("readable");
    let values = [
        ("operator", "示范电信"),
        ("number", "199****0001"),
        ("order", "R-1"),
        ("hotline", "10086"),
        ("reason", "照片不清晰"),
        ("channel", "示范市人民路营业厅"),
        ("documents", "本人身份证原件"),
        ("deadline", "2026-12-01"),
        ("code", "482913"),
        ("minutes", "5"),
        ("measure", "单停"),
        ("method", "到营业厅核验"),
    ];
    let names: Vec<&str> = templates.iter().map(|(name, _)| name).collect();
    let refusing = [
        "emergency_restored",
        "rejected",
        "remediation_final_notice",
        "remediation_remind",
        "remediation_second_reminder",
        "remediation_warn",
        "returned",
        "service_stopped",
        "verify_requested",
    ];
    let others = ["activated", "order_received", "reregistered", "self_service_code", "service_restored"];
    let mut all: Vec<&str> = refusing.into_iter().chain(others).collect();
    all.sort_unstable();
    assert_eq!(names, all);
    for (name, template) in templates.iter() {
        for language in [Language::Chinese, Language::English] {
            let text = templates.render(name, language, &values).expect("all values are given");
            assert!(!text.contains('{') && !text.contains('}'), "{name}");
            assert!(text::encode(&text).parts.len() <= 4, "{name}: {} parts", text::encode(&text).parts.len());
            for part in ["照片不清晰", "示范市人民路营业厅", "本人身份证原件"] {
                assert_eq!(text.contains(part), template.refusing, "{name}, {language:?}: L-REM-8");
            }
        }
        assert_eq!(template.refusing, refusing.contains(&name), "{name}");
    }
}

#[test]
fn a_refusal_without_its_parts_is_neither_loaded_nor_sent() {
    let text = "[stop]\nrefusing = true\nzh = \"停机：{reason}，{channel}\"\nen = \"Stopped: {reason}, {channel}\"";
    assert_eq!(
        Templates::parse(text).expect_err("incomplete"),
        TemplateError::Incomplete { template: "stop".to_owned(), part: "documents" }
    );
    let uneven = "[x]\nzh = \"{a}\"\nen = \"{b}\"";
    assert_eq!(Templates::parse(uneven).expect_err("uneven"), TemplateError::Uneven { template: "x".to_owned() });
    let templates = Templates::embedded().expect("readable");
    let values = [("operator", "x"), ("number", "x"), ("hotline", "x"), ("channel", "x"), ("documents", "x"), ("reason", "  ")];
    let missing = TemplateError::Missing { template: "rejected".to_owned(), value: "reason".to_owned() };
    assert_eq!(templates.render("rejected", Language::Chinese, &values).expect_err("blank reason"), missing);
    assert_eq!(templates.render("nothing", Language::Chinese, &[]).expect_err("unknown"), TemplateError::Unknown("nothing".to_owned()));
}

proptest! {
    #[test]
    fn parts_fit_join_and_split_no_character(text in "\\PC{0,400}") {
        let encoded = text::encode(&text);
        prop_assert_eq!(&encoded.parts.concat(), &encoded.whole);
        let limit = match (encoded.data_coding, encoded.parts.len()) { (0, 1) => 160, (0, _) => 153, (_, 1) => 140, _ => 134 };
        for part in &encoded.parts {
            prop_assert!(part.len() <= limit);
            if encoded.data_coding == 8 {
                let units: Vec<u16> = part.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                prop_assert!(String::from_utf16(&units).is_ok(), "no lone surrogate");
            }
        }
    }

    #[test]
    fn any_deliver_sm_is_survived(class: u8, id in proptest::option::of(".{0,80}"), state in proptest::option::of(any::<u8>()), text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(class, id, state, &text);
    }
}
