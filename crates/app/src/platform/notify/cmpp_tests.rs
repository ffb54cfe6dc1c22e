use chuangsha_world::ismg::{Behaviour, Ismg};

use super::{
    super::{
        ReceiptState,
        test_line::{CHINESE, Line, TO, ids, message, started},
    },
    Cmpp, CmppSettings, CmppVersion, Receipt, Sms, SmsOutcome,
};
use crate::platform::network::Backoff;

fn line(port: u16, change: impl FnOnce(&mut CmppSettings)) -> Line<Cmpp> {
    let mut settings = CmppSettings {
        host: "127.0.0.1".to_owned(),
        port,
        account: "901234".to_owned(),
        secret: "secret".to_owned(),
        service: "CSSM".to_owned(),
        source: "10086".to_owned(),
        per_second: 0,
        response_ms: 2_000,
        connect_ms: 2_000,
        patience_ms: 4_000,
        backoff: Backoff { first_ms: 10, cap_ms: 50 },
        ..CmppSettings::default()
    };
    change(&mut settings);
    started(1_767_200_461_000, |(receipts, clock, ids, stop)| Cmpp::start(settings, receipts, clock, ids, stop))
}

async fn set() -> (Ismg, Line<Cmpp>) {
    let gateway = Ismg::start("901234", "secret").await.expect("listens");
    let line = line(gateway.address().port(), |_| {});
    (gateway, line)
}

async fn is_unreachable(line: &Line<Cmpp>, key: &str) -> bool {
    matches!(line.out.send(&message(key, "x")).await, SmsOutcome::Unreachable { .. })
}

#[tokio::test]
async fn both_versions_carry_chinese_and_bring_the_report_back() {
    for version in [CmppVersion::V20, CmppVersion::V30] {
        let gateway = Ismg::start("901234", "secret").await.expect("listens");
        let mut line = line(gateway.address().port(), |settings| settings.version = version);
        gateway.script([Behaviour::Deliver, Behaviour::Fail, Behaviour::ReportFirst]);
        for (key, text, format, state) in [
            ("k1", CHINESE, 8, ReceiptState::Delivered),
            ("k2", "Your number is active. Call 10086.", 0, ReceiptState::Failed),
            ("k3", "Größe", 8, ReceiptState::Delivered),
        ] {
            let id = ids(line.out.send(&message(key, text)).await).remove(0);
            let taken = gateway.segments().pop().expect("taken");
            assert_eq!((taken.text.as_str(), taken.format, taken.from.as_str(), taken.to.as_str()), (text, format, "10086", TO));
            let receipt = line.receipts.recv().await.expect("a receipt");
            assert_eq!(receipt, Receipt { id, key: Some(key.to_owned()), state }, "{version:?}");
        }
        gateway.until(|gateway| gateway.answered() == 3).await;
        gateway.write(TO, "10086", "TD").await;
        gateway.until(|gateway| gateway.answered() == 4).await;
        assert!(line.receipts.try_recv().is_err(), "what somebody writes to us is acknowledged and not read");
    }
}

#[tokio::test]
async fn a_long_text_arrives_whole_and_each_part_has_its_report() {
    let (gateway, mut line) = set().await;
    let long = CHINESE.repeat(5);
    let parts = ids(line.out.send(&message("k1", &long)).await);
    assert!(parts.len() > 2);
    assert_eq!(gateway.texts(), [(TO.to_owned(), long)]);
    for _ in &parts {
        let receipt = line.receipts.recv().await.expect("a receipt");
        assert!(parts.contains(&receipt.id) && receipt.key.as_deref() == Some("k1"));
    }
    let endless = "长".repeat(2_000);
    assert_eq!(line.out.send(&message("k2", &endless)).await, SmsOutcome::Rejected { code: "text_too_long".to_owned() });
}

#[tokio::test]
async fn a_busy_gateway_is_asked_again_and_a_wrong_number_is_not() {
    let (gateway, line) = set().await;
    gateway.script([Behaviour::Refuse(8), Behaviour::Refuse(9), Behaviour::Refuse(13)]);
    assert!(is_unreachable(&line, "k1").await && is_unreachable(&line, "k1").await);
    assert_eq!(line.out.send(&message("k1", "x")).await, SmsOutcome::Rejected { code: "cmpp_13".to_owned() });
    assert!(gateway.texts().is_empty());
}

#[tokio::test]
async fn a_report_that_never_comes_or_comes_twice_is_no_second_delivery() {
    let (gateway, mut line) = set().await;
    gateway.script([Behaviour::NoReport, Behaviour::ReportTwice, Behaviour::Deliver]);
    for key in ["k1", "k2", "k3"] {
        ids(line.out.send(&message(key, "x")).await);
    }
    let keys = [line.receipts.recv().await, line.receipts.recv().await].map(|receipt| receipt.expect("a receipt").key);
    assert_eq!(keys, [Some("k2".to_owned()), Some("k3".to_owned())]);
    gateway.until(|gateway| gateway.answered() == 3).await;
}

/// A slow answer holds up nobody behind it, and a silent one frees its place after a while.
#[tokio::test]
async fn the_window_is_kept_and_silence_does_not_fill_it_for_ever() {
    let gateway = Ismg::start("901234", "secret").await.expect("listens");
    let line = line(gateway.address().port(), |settings| (settings.window, settings.response_ms) = (2, 300));
    gateway.script([Behaviour::Silent, Behaviour::Silent]);
    let (one, two) = (message("k1", "x"), message("k2", "x"));
    let (one, two) = tokio::join!(line.out.send(&one), line.out.send(&two));
    assert!([one, two].iter().all(|outcome| matches!(outcome, SmsOutcome::Unreachable { .. })));
    ids(line.out.send(&message("k3", "x")).await);
    gateway.script([Behaviour::Slow(200), Behaviour::Deliver]);
    let (slow, quick) = (message("k4", "slow"), message("k5", "quick"));
    let first = tokio::select! {
        biased;
        _ = line.out.send(&slow) => "slow",
        _ = line.out.send(&quick) => "quick",
    };
    assert_eq!(first, "quick");
    assert_eq!(gateway.connects(), 1, "one connection all along");
}

#[tokio::test]
async fn a_line_gone_dead_is_noticed_and_comes_back() {
    let gateway = Ismg::start("901234", "secret").await.expect("listens");
    let line = line(gateway.address().port(), |settings| {
        (settings.active_test_ms, settings.response_ms, settings.connect_ms) = (30, 500, 100);
    });
    ids(line.out.send(&message("k1", "first")).await);
    gateway.until(|gateway| gateway.tests() >= 2).await;
    gateway.go_deaf(true);
    // Three signs of life without an answer end the connection; the next finds a gateway that hears again.
    let mut dead = line.out.session.clone();
    dead.wait_for(Option::is_none).await.expect("the task lives");
    gateway.go_deaf(false);
    for (how, expected) in [("deaf", 2), ("hung up", 3), ("at the submit", 4)] {
        match how {
            "hung up" => gateway.hang_up(),
            "at the submit" => gateway.script([Behaviour::HangUp]),
            _ => {}
        }
        let mut tries = 0;
        // The message may hit the dying connection; the outbox would bring it again, and so does this loop.
        while gateway.connects() < expected || !matches!(line.out.send(&message(how, how)).await, SmsOutcome::Sent { .. }) {
            tries += 1;
            assert!(tries < 400, "the connection never came back: {how}");
            let _ = line.out.send(&message(how, how)).await;
        }
        assert_eq!(gateway.texts().pop().map(|(_, text)| text).as_deref(), Some(how));
    }
}

#[tokio::test]
async fn who_does_not_know_the_secret_gets_no_message() {
    let short = |settings: &mut CmppSettings| (settings.patience_ms, settings.connect_ms) = (200, 100);
    let other = Ismg::start("901234", "other").await.expect("listens");
    let refused = line(other.address().port(), short);
    assert!(is_unreachable(&refused, "k1").await && !refused.out.connected());
    assert_eq!(other.connects(), 0);
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    assert!(is_unreachable(&line(port, short), "k1").await);
    // A gateway that takes anybody and cannot prove itself.
    let impostor = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let port = impostor.local_addr().expect("bound").port();
    let impostor = tokio::spawn(async move {
        use chuangsha_cmpp::{Body, ConnectResp, Pdu, Version};
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = impostor.accept().await.expect("a caller");
        let mut asked = [0; 39];
        stream.read_exact(&mut asked).await.expect("a connect");
        let body = Body::ConnectResp(ConnectResp { status: 0, sign: [0; 16], version: 0x30 });
        stream.write_all(&Pdu { sequence: 1, body }.write(Version::V30).expect("fits")).await.expect("sent");
        stream.read_u8().await
    });
    assert!(is_unreachable(&line(port, short), "k1").await);
    assert!(impostor.await.expect("no panic").is_err(), "nothing is said to an impostor");
    assert!(!format!("{:?}", CmppSettings { secret: "hunter2".to_owned(), ..CmppSettings::default() }).contains("hunter2"));
}

/// Twenty messages a second at most: five take a quarter of a second.
#[tokio::test]
async fn the_pace_of_the_contract_is_kept() {
    let gateway = Ismg::start("901234", "secret").await.expect("listens");
    let line = line(gateway.address().port(), |settings| settings.per_second = 20);
    ids(line.out.send(&message("k0", "x")).await);
    let started = tokio::time::Instant::now();
    let messages: Vec<_> = (1..=5).map(|at| message(&format!("k{at}"), "x")).collect();
    futures_util::future::join_all(messages.iter().map(|message| line.out.send(message))).await;
    assert!(started.elapsed().as_millis() >= 180, "{:?}", started.elapsed());
    assert_eq!(gateway.segments().len(), 6);
}
