//! A decision allocates nothing: counted, call by call, by the allocator of this test.
#![allow(unsafe_code, reason = "an allocator cannot be written without; this one only counts and hands on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::LazyLock,
};

use chuangsha_kernel::{Rulebook, Timestamp};
use chuangsha_screen::{
    Attempt, Engine, Ingress, Number, Outcome, Released, Roaming, StateConfig, TrunkId, replay::SnapshotSpec, rules::PACKS,
};
use serde_json::json;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static BOOK: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::embedded(PACKS).unwrap());

#[test]
fn neither_a_decision_nor_an_outcome_allocates() {
    let numbers: Vec<_> =
        (0..2_000_u64).map(|at| json!({"number": 8_613_900_000_000 + at * 37, "bad": at % 7 == 0, "hours": "night"})).collect();
    let spec: SnapshotSpec = serde_json::from_value(json!({
        "version": 1, "home": "china_mobile", "on": "2026-11-22", "numbers": numbers,
        "trunks": [
            {"id": 1, "name": "HK", "ingress": "international"}, {"id": 2, "name": "UNI", "ingress": "interconnect", "peer": "china_unicom"},
            {"id": 3, "name": "T", "ingress": "enterprise", "outbound": true, "purpose": "property", "allowed": [[863517000000_u64, 863517000099_u64]]},
            {"id": 4, "name": "IMS", "ingress": "retail"},
        ],
    }))
    .unwrap();
    // Small enough to be full soon: the way through the sketch is walked too.
    let engine = Engine::new(spec.compile(&BOOK).unwrap(), StateConfig { callers: 1_024, callees: 1_024, seed: 5 });
    let texts: Vec<String> = (0..3_000_u64).map(|at| format!("139{:08}", at * at % 50_000)).collect();
    let forms = ["+8613900000500", "0085221234567", "03517000001", "hello", "", "110", "4001234567"];
    // The first time a table is full it makes its sketch, the first load of a thread its slot in the swap: once in the life of a node.
    for warm in [true, false] {
        let before = COUNT.with(Cell::get);
        let mut decided = 0;
        for (at, text) in texts.iter().enumerate() {
            for (trunk, ingress) in
                [(1, Ingress::International), (2, Ingress::Interconnect), (3, Ingress::Enterprise), (4, Ingress::Retail)]
            {
                let from = if at % 3 == 0 { forms[at % forms.len()] } else { text.as_str() };
                let callee = if at % 11 == 0 { "110" } else { texts[(at * 7 + 13) % 40].as_str() };
                let now = Timestamp(1_795_312_800_000 + at as i64 * 40);
                let mut attempt = Attempt::new(at as u64, now, TrunkId(trunk), ingress, Some(from), callee);
                attempt.roaming = Roaming::Abroad;
                attempt.pai = (at % 2 == 0).then_some(from);
                let verdict = engine.decide(&attempt);
                decided += 1;
                if let (Some(caller), Some(callee)) = (verdict.caller, verdict.callee) {
                    let outcome =
                        Outcome { at: now, trunk: TrunkId(trunk), caller, callee, ring_ms: 2_000, talk_ms: 0, released: Released::Caller };
                    engine.outcome(&outcome);
                }
            }
        }
        engine.state.lift(Number::china(13_900_000_000).unwrap(), Timestamp(0), 60);
        let allocations = COUNT.with(Cell::get) - before;
        assert_eq!(decided, texts.len() * 4);
        assert!(warm || allocations == 0, "{allocations} allocations in {decided} decisions");
    }
    assert!(engine.state.fill()[0].refused > 0, "the tables were never full");
}
