//! The SMPP adapter against a message centre of other make (the npm package `smpp`).

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use chuangsha_app::platform::notify::{LongMessages, Receipt, ReceiptState, Smpp, SmppSettings, Sms, SmsMessage, SmsOutcome};
use chuangsha_kernel::{
    id::Ids,
    phone::Phone,
    time::{SettableClock, Timestamp},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const CHINESE: &str = "【示范电信】您的号码199****0001已通过实名审核并开通，㼆𠮷鿃女士。";
const LIMIT: Duration = Duration::from_secs(20);

struct Peer {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Peer {
    /// `None` when it is not installed; that is only allowed outside CI.
    async fn start() -> Option<(Self, u16)> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/smsc");
        if !folder.join("node_modules/smpp").is_dir() {
            assert!(std::env::var_os("CI").is_none(), "run `npm ci` in tests/peers/smsc first");
            eprintln!("SKIPPED: the npm message centre is not installed (npm ci in tests/peers/smsc)");
            return None;
        }
        let mut command = Command::new("node");
        command.arg("server.js").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("node runs");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut peer = Self { lines, _process: process };
        let port = peer.next("listening").await["port"].as_u64().expect("a port");
        Some((peer, u16::try_from(port).expect("a port")))
    }

    /// The next event of a kind; others are passed over.
    async fn next(&mut self, kind: &str) -> Value {
        loop {
            let line = timeout(LIMIT, self.lines.next_line()).await.expect("in time").expect("readable").expect("still running");
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["event"] == kind {
                return event;
            }
        }
    }
}

fn message(key: &str, text: &str) -> SmsMessage {
    SmsMessage {
        to: Phone::parse("19900000001").expect("a demo number"),
        text: text.to_owned().into(),
        idempotency_key: key.to_owned(),
        receipt: true,
    }
}

fn connect(port: u16, long_messages: LongMessages) -> (Smpp, mpsc::UnboundedReceiver<Receipt>, CancellationToken) {
    let settings = SmppSettings {
        host: "127.0.0.1".to_owned(),
        port,
        system_id: "chuangsha".to_owned(),
        password: "secret".to_owned(),
        source: "10086".to_owned(),
        enquire_ms: 200,
        long_messages,
        ..SmppSettings::default()
    };
    let (sender, receipts) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let clock = Arc::new(SettableClock::at(Timestamp(0)));
    (Smpp::start(settings, sender, clock, Arc::new(Ids::seeded(1)), stop.clone()), receipts, stop)
}

fn ids(outcome: SmsOutcome) -> Vec<String> {
    match outcome {
        SmsOutcome::Sent { ids } => ids,
        other => panic!("not sent: {other:?}"),
    }
}

#[tokio::test]
async fn chinese_english_and_receipts_both_before_and_after_the_answer() {
    let Some((mut peer, port)) = Peer::start().await else { return };
    let (smpp, mut receipts, stop) = connect(port, LongMessages::Parts);
    for (key, text, coding) in
        [("k1", CHINESE, 8), ("k2", "Your number is active. Call 10086.", 0), ("k3", "Größe 5 Grüße", 3), ("k4", CHINESE, 8)]
    {
        let sent = ids(smpp.send(&message(key, text)).await);
        let event = peer.next("submit").await;
        assert_eq!((event["text"].as_str(), event["coding"].as_u64()), (Some(text), Some(coding)), "{key}");
        assert_eq!((event["to"].as_str(), event["from"].as_str()), (Some("8619900000001"), Some("10086")));
        let receipt = timeout(LIMIT, receipts.recv()).await.expect("in time").expect("a receipt");
        assert_eq!(receipt, Receipt { id: sent[0].clone(), key: Some(key.to_owned()), state: ReceiptState::Delivered });
    }
    peer.next("enquire_link").await;
    stop.cancel();
}

#[tokio::test]
async fn a_long_chinese_text_arrives_whole() {
    let Some((mut peer, port)) = Peer::start().await else { return };
    let long = CHINESE.repeat(4);
    let (smpp, _receipts, _stop) = connect(port, LongMessages::Parts);
    let parts = ids(smpp.send(&message("k1", &long)).await).len();
    let mut joined = String::new();
    for number in 1..=parts {
        let event = peer.next("submit").await;
        let header = event["udh"].as_str().expect("a header");
        assert!(header.ends_with(&format!("{parts:02x}{number:02x}")), "part {number} of {parts}: {header}");
        joined.push_str(event["text"].as_str().expect("text"));
    }
    assert!(parts > 2);
    assert_eq!(joined, long);
    let (whole, _receipts, _stop) = connect(port, LongMessages::Payload);
    assert_eq!(ids(whole.send(&message("k2", &long)).await).len(), 1);
    assert_eq!(peer.next("submit").await["text"].as_str(), Some(long.as_str()));
}
