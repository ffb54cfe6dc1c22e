//! One million distinct callers in a minute: the memory is bounded, next to nobody honest is displaced, and who is honest is decided about as before.

use std::sync::LazyLock;

use chuangsha_kernel::{Rulebook, Timestamp};
use chuangsha_screen::{Action, Attempt, Engine, Ingress, Number, StateConfig, TrunkId, replay::SnapshotSpec, rules::PACKS};
use serde_json::json;

static BOOK: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::embedded(PACKS).unwrap());

/// 2026-11-22 10:00 in China.
const TEN: i64 = 1_795_312_800_000;
const HONEST: u64 = 40_000;
const FORGED: u64 = 1_000_000;

#[test]
fn one_million_forged_callers_a_minute_displace_two_in_a_hundred_at_most() {
    let trunks = json!([{"id": 1, "name": "UNI", "ingress": "interconnect", "transit": true}]);
    let spec: SnapshotSpec =
        serde_json::from_value(json!({"version": 1, "home": "china_broadnet", "on": "2026-11-22", "trunks": trunks})).unwrap();
    let engine = Engine::new(spec.compile(&BOOK).unwrap(), StateConfig { callers: 48_000, callees: 48_000, seed: 7 });
    let mut id = 0;
    let mut call = |at: i64, caller: u64, callee: u64| {
        id += 1;
        let (caller, callee) = (format!("{caller}"), format!("{callee}"));
        let attempt = Attempt::new(id, Timestamp(at), TrunkId(1), Ingress::Interconnect, Some(&caller), &callee);
        engine.decide(&attempt).action
    };
    let honest = |at: u64| 13_800_000_000 + at * 3;
    // Everybody called within the last ten minutes, and is called.
    for at in 0..HONEST {
        assert_eq!(call(TEN + at as i64 * 15, honest(at), honest((at * 7 + 1) % HONEST)), Action::Pass);
    }
    let before = engine.state.fill();
    for at in 0..FORGED {
        let moment = TEN + 600_000 + (at * 60_000 / FORGED) as i64;
        call(moment, 15_000_000_000 + at * 11, 15_500_000_000 + at * 13);
        // In between honest people go on calling, and none of them meets anything.
        if at % 500 == 0 {
            let caller = at / 500 * 17 % HONEST;
            assert_eq!(call(moment, honest(caller), honest((caller + 5) % HONEST)), Action::Pass);
        }
    }
    let after = engine.state.fill();
    let known = |at: &u64| Number::china(honest(*at)).is_some_and(|number| engine.state.caller(number).is_some());
    let stayed = (0..HONEST).filter(known).count() as u64;
    for side in 0..2 {
        assert_eq!(after[side].capacity, before[side].capacity, "the memory is what it was");
        assert!(after[side].refused > FORGED * 8 / 10, "{after:?}");
    }
    // The sketch takes one forged number in 1,500 for one it has seen.
    assert!(stayed * 100 >= before[0].records * 98, "{stayed} of {} are left", before[0].records);
}
