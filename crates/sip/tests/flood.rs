//! 号码洪泛: callers nobody has seen before, in a release build a million of them in a minute, and the memory that is there for callers does not grow.

mod kit;

use std::sync::Arc;

use chuangsha_kernel::{Rulebook, Timestamp, time::SettableClock};
use chuangsha_screen::{Engine, StateConfig, replay::SnapshotSpec, rules::PACKS};
use chuangsha_sip::{Edge, Reaction, Screening, Source, Trunks, Work, watch::Settable};
use kit::{message, wire};

#[test]
fn callers_nobody_has_seen_leave_everything_within_its_bound() {
    const CALLERS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    const REMEMBERED: usize = 10_000;
    let spec: SnapshotSpec = serde_json::from_str(r#"{"version":1,"home":"china_broadnet","on":"2026-11-22"}"#).unwrap();
    let snapshot = spec.compile(&Rulebook::embedded(PACKS).unwrap()).unwrap();
    let engine = Arc::new(Engine::new(snapshot, StateConfig { callers: 4_096, callees: 4_096, seed: 1 }));
    let trunks = Trunks::parse("[[trunk]]\nname = \"peer\"\nclass = \"interconnect\"\nsources = [\"192.0.2.1\"]").unwrap();
    let (clock, stopwatch) = (Arc::new(SettableClock::at(Timestamp(1_795_320_000_000))), Arc::new(Settable::default()));
    let decide = Arc::new(Screening::new(engine.clone()));
    let edge = Edge::remembering(REMEMBERED, trunks, decide, [7; 16], clock.clone(), stopwatch.clone());
    let source = Source { address: "192.0.2.1:5060".parse().unwrap(), stream: false };
    let text = message(
        "INVITE sip:+86199200#######@127.0.0.1 SIP/2.0",
        &[
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-#######",
            "From: <sip:+86133#######0@gw.example>;tag=#######",
            "Call-ID: #######@gw.example",
        ],
        "",
    );
    let text = text.replace("+86199200#######", "+8619920######");
    let mut bytes = wire(&text);
    let places = |unit: &str| memchr::memmem::find_iter(&bytes, unit).collect::<Vec<_>>();
    let (sevens, sixes) = (places("#######"), places("######@"));
    let mut work = Work::default();
    for caller in 0..CALLERS {
        let seven = format!("{caller:07}");
        sevens.iter().for_each(|at| bytes[*at..at + 7].copy_from_slice(seven.as_bytes()));
        sixes.iter().filter(|at| !sevens.contains(at) && !sevens.contains(&(*at - 1))).for_each(|at| {
            bytes[*at..at + 6].copy_from_slice(&seven.as_bytes()[1..]);
        });
        let reaction = edge.receive(&bytes, source, edge.moment(), &mut work);
        assert!(matches!(reaction, Reaction::Answer(_)), "{}", bytes.escape_ascii());
        if caller % 1_000 == 0 {
            clock.advance_ms(60);
            stopwatch.advance_ms(60);
        }
    }
    assert_eq!(edge.counters.calls.get(), CALLERS, "each is decided");
    assert_eq!((edge.counters.malformed.get(), edge.counters.late.get()), (0, 0));
    assert!(edge.remembered() <= REMEMBERED + 64);
    for fill in engine.state.fill() {
        assert!(fill.records <= fill.capacity && fill.capacity <= 3 * 4_096, "{fill:?}");
    }
}
