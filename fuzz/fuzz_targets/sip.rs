//! 信令: no bytes make the edge panic; what it answers is a sound response to what it was asked; the same bytes get the same answer.
#![no_main]

use std::sync::{Arc, LazyLock};

use chuangsha_kernel::{Timestamp, time::SettableClock};
use chuangsha_screen::{Action, Attempt, EvidenceId, Outcome, Reasons, Redress, Verdict, Versions};
use chuangsha_sip::{
    Decide, Edge, Reaction, Source, Trunks, Work,
    message::{Fields, Head, Name, Scheme},
    stream,
    watch::{Moment, Settable},
};
use libfuzzer_sys::fuzz_target;
use rsip::{SipMessage, headers::UntypedHeader, message::HeadersExt, prelude::*};

struct ByLength;

impl Decide for ByLength {
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        Verdict {
            action: Action::ALL[attempt.callee.len() % 4],
            score: 50,
            reasons: Reasons::default(),
            caller: None,
            callee: None,
            category: 0,
            country: 44,
            versions: Versions::default(),
            evidence: EvidenceId(1),
            expires: attempt.at,
            redress: Redress::None,
        }
    }

    fn outcome(&self, _: &Outcome) {}
}

const TRUNKS: &str = r#"
    [[trunk]]
    id = 1
    name = "redirect"
    class = "interconnect"
    sources = ["192.0.2.1"]
    next = "sip:core.example"
    [[trunk]]
    id = 2
    name = "proxy"
    class = "interconnect"
    sources = ["192.0.2.2"]
    mode = "proxy"
    next = "sip:192.0.2.3"
"#;

static EDGE: LazyLock<Edge> = LazyLock::new(|| {
    let clock = Arc::new(SettableClock::at(Timestamp(0)));
    let edge = Edge::remembering(1_000, Trunks::parse(TRUNKS).unwrap(), Arc::new(ByLength), [1; 16], clock, Arc::new(Settable::default()));
    edge.proxy("192.0.2.9:5060".parse().unwrap())
});

/// What both take for a request they must read alike: two that disagree about who is called let somebody past one of them.
fn alike(bytes: &[u8], fields: &mut Fields) {
    let Ok(ours) = Head::read(bytes, fields) else { return };
    let (Ok(ours), Ok(SipMessage::Request(theirs))) = (ours.request(), SipMessage::try_from(bytes)) else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    // Folded lines are read by us alone.
    let folded = ours.head.all().any(|(_, line)| line.contains(&b'\n'));
    if folded {
        return;
    }
    assert_eq!(text(ours.method.text()).to_uppercase(), theirs.method().to_string().to_uppercase());
    if let Ok(call) = theirs.call_id_header() {
        assert_eq!(text(ours.call_id), call.value().trim());
    }
    if let Ok(cseq) = theirs.cseq_header().and_then(|cseq| cseq.typed()) {
        assert_eq!(ours.sequence, cseq.seq);
    }
    // Of other schemes the other parser makes a user and a password, and of users with some of the rarer signs none.
    let ours_is_sip = matches!(ours.from.uri.scheme, Scheme::Sip | Scheme::Sips);
    // Of a bracket within a quoted name it makes the beginning of the address.
    let bracketed = ours.head.value(Name::From).is_some_and(|line| line.iter().filter(|byte| **byte == b'<').count() > 1);
    if ours_is_sip && !bracketed && let Ok(from) = theirs.from_header().and_then(|from| from.typed()) {
        if let Some(user) = from.uri.auth.map(|auth| auth.user) {
            assert_eq!(text(ours.from.uri.user).split(':').next().unwrap_or_default(), user.split(':').next().unwrap_or_default());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut fields = Fields::default();
    alike(bytes, &mut fields);
    let _ = stream::frame(bytes, &mut fields);
    let mut work = Work::default();
    for source in ["192.0.2.1:5060", "192.0.2.2:5060", "192.0.2.3:5060"] {
        let source = Source { address: source.parse().unwrap(), stream: false };
        let reaction = EDGE.receive(bytes, source, Moment::default(), &mut work);
        let first = work.out.clone();
        let sound = Head::read(bytes, &mut fields).is_ok_and(|head| head.request().is_ok());
        if let Reaction::Answer(_) = reaction {
            let mut read = Fields::default();
            let head = Head::read(&first, &mut read).expect("an answer is SIP");
            assert!(head.is_response());
            // The answer to a malformed request carries its malformed headers back.
            assert!(!sound || head.response().is_ok(), "{}", first.escape_ascii());
        }
        assert_eq!(EDGE.receive(bytes, source, Moment::default(), &mut work), reaction);
        // A BYE ends its call: what follows is told so.
        assert!(work.out == first || matches!(reaction, Reaction::Forward(_)), "the same bytes, the same answer");
    }
});
