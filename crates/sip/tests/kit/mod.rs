//! A decider that says what it is told to, and messages as they lie on the wire.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use chuangsha_kernel::{
    Timestamp,
    time::{Clock, SettableClock},
};
use chuangsha_screen::{Action, Attempt, Effect, EvidenceId, Number, Outcome, Reason, Reasons, Redress, Rule, Verdict, Versions};
use chuangsha_sip::{Decide, Edge, Reaction, Source, Trunks, Work, watch::Settable};

/// What an attempt said, kept for the test to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub trunk: u32,
    pub from: Option<String>,
    pub pai: Option<String>,
    pub ppi: Option<String>,
    pub callee: String,
    pub hidden: bool,
    pub diverted: bool,
}

/// Decides by the callee's last digit: 1 label, 2 block, 3 challenge, all others pass.
#[derive(Default)]
pub struct ByLastDigit {
    pub seen: Mutex<Vec<Seen>>,
    pub outcomes: Mutex<Vec<Outcome>>,
    pub decided: AtomicUsize,
    /// How long it takes, on that stopwatch.
    pub slow: Mutex<Option<(Arc<Settable>, u64)>>,
    pub forget: AtomicBool,
}

impl Decide for ByLastDigit {
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        self.decided.fetch_add(1, Ordering::SeqCst);
        if !self.forget.load(Ordering::SeqCst) {
            let own = |text: Option<&str>| text.map(str::to_owned);
            self.seen.lock().unwrap().push(Seen {
                trunk: attempt.trunk.0,
                from: own(attempt.from),
                pai: own(attempt.pai),
                ppi: own(attempt.ppi),
                callee: attempt.callee.to_owned(),
                hidden: attempt.hidden,
                diverted: attempt.diverted,
            });
        }
        if let Some((stopwatch, ms)) = &*self.slow.lock().unwrap() {
            stopwatch.advance_ms(*ms);
        }
        let (action, rule) = match attempt.callee.chars().last() {
            Some('1') => (Action::Label, Rule::Suspect),
            Some('2') => (Action::Block, Rule::BadList),
            Some('3') => (Action::Challenge, Rule::Behaviour),
            _ => (Action::Pass, Rule::AllowList),
        };
        let mut reasons = Reasons::default();
        if action != Action::Pass {
            reasons.push(Reason { rule, effect: Effect::Enforced, action, measured: 0, limit: 0 });
        }
        Verdict {
            action,
            score: 80,
            reasons,
            caller: attempt.pai.or(attempt.from).and_then(number),
            callee: number(attempt.callee),
            category: 0,
            country: 0,
            versions: Versions::default(),
            evidence: EvidenceId(0xABCD),
            expires: attempt.at,
            redress: Redress::None,
        }
    }

    fn outcome(&self, outcome: &Outcome) {
        self.outcomes.lock().unwrap().push(*outcome);
    }
}

fn number(text: &str) -> Option<Number> {
    Number::new(text.trim_start_matches('+').parse().ok()?)
}

pub const TRUNKS: &str = r#"
    [[trunk]]
    id = 7
    name = "interconnect"
    class = "interconnect"
    sources = ["192.0.2.0/24", "2001:db8::/32", "127.0.0.0/8", "::1"]
    next = "sip:core.example:5070"
    redress = { url = "https://appeal.example/", tel = "+8610000" }
"#;

pub struct Rig {
    pub edge: Edge,
    pub decider: Arc<ByLastDigit>,
    pub clock: Arc<SettableClock>,
    pub stopwatch: Arc<Settable>,
    pub work: Work,
}

impl Rig {
    pub fn new(trunks: &str) -> Self {
        let decider = Arc::new(ByLastDigit::default());
        let clock = Arc::new(SettableClock::at(Timestamp(1_800_000_000_000)));
        let stopwatch = Arc::new(Settable::default());
        let trunks = Trunks::parse(trunks).unwrap();
        let dyn_clock: Arc<dyn Clock> = clock.clone();
        let edge = Edge::remembering(10_000, trunks, decider.clone(), [7; 16], dyn_clock, stopwatch.clone());
        Self { edge, decider, clock, stopwatch, work: Work::default() }
    }

    pub fn send_from(&mut self, source: &str, bytes: &[u8]) -> (Reaction, String) {
        let source = Source { address: source.parse().unwrap(), stream: false };
        let reaction = self.edge.receive(bytes, source, self.edge.moment(), &mut self.work);
        (reaction, String::from_utf8_lossy(&self.work.out).into_owned())
    }

    /// The answer; empty when there is none.
    pub fn send(&mut self, text: &str) -> String {
        self.send_from("192.0.2.1:5060", &wire(text)).1
    }

    pub fn status(&mut self, text: &str) -> u16 {
        status(&self.send(text))
    }
}

/// 0 when there is no answer.
pub fn status(answer: &str) -> u16 {
    answer.strip_prefix("SIP/2.0 ").map_or(0, |rest| rest[..3].parse().unwrap())
}

/// The value of a header of a message.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Lines as they are written here become lines of the wire.
pub fn wire(text: &str) -> Vec<u8> {
    text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
}

/// A message around its start line: sound headers, then those given, which take the place of the sound ones of their name; a name with `-`
/// before it takes the sound one away.
pub fn message(start: &str, headers: &[&str], body: &str) -> String {
    let method = start.split(' ').next().unwrap();
    let length = format!("Content-Length: {}", body.len());
    let sound = [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-7d1",
        "Max-Forwards: 70",
        "From: <sip:+8619900001234@gw.example>;tag=a1",
        "To: <sip:+8619900005678@core.example>",
        "Call-ID: 7f3@gw.example",
        &format!("CSeq: 3 {method}"),
        "Contact: <sip:+8619900001234@192.0.2.1>",
        &length,
    ];
    let name = |line: &str| line.trim_start_matches('-').split(':').next().unwrap().trim().to_ascii_lowercase();
    let replaced: Vec<String> = headers.iter().map(|line| name(line)).collect();
    let kept = sound.iter().filter(|line| !replaced.contains(&name(line))).copied();
    let all: Vec<&str> = kept.chain(headers.iter().copied().filter(|line| !line.starts_with('-'))).collect();
    format!("{start}\n{}\n\n{body}", all.join("\n"))
}

/// A call to a number, its transaction told by `n`.
pub fn call(callee: &str, n: u32) -> String {
    message(
        &format!("INVITE sip:{callee}@core.example SIP/2.0"),
        &[&format!("Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK-{n}"), &format!("Call-ID: {n}@gw.example")],
        "",
    )
}

pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
