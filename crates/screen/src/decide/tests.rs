//! Stories: each rule by what it is for, and by the honest caller it must leave alone.

use std::sync::LazyLock;

use chuangsha_kernel::{Rulebook, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Engine,
    attempt::{Identity, Outcome, Released, TrunkId},
    replay::SnapshotSpec,
    rules::{Mode, PACKS},
    state::StateConfig,
};

static BOOK: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::embedded(PACKS).unwrap());

/// 2026-11-22 10:00 in China.
const TEN: i64 = 1_795_312_800_000;
const HK: u32 = 1;
const PEER: u32 = 2;
const BANK: u32 = 3;
const OWN: u32 = 4;
const CLOSED: u32 = 5;
const INBOUND: u32 = 6;
const TRANSIT: u32 = 7;
const SHOP: u32 = 8;

fn spec(more: &Value) -> SnapshotSpec {
    let mut spec = json!({
        "version": 41, "home": "china_mobile", "on": "2026-11-22",
        "trunks": [
            {"id": HK, "name": "HK-2", "ingress": "international"},
            {"id": PEER, "name": "UNI-1", "ingress": "interconnect", "peer": "china_unicom"},
            {"id": BANK, "name": "T-07", "ingress": "enterprise", "outbound": true, "purpose": "bank", "calls_per_hour": 100,
             "allowed": [[8695588, 8695588], [863517000000_u64, 863517000099_u64]]},
            {"id": OWN, "name": "IMS", "ingress": "retail"},
            {"id": CLOSED, "name": "T-08", "ingress": "enterprise", "active": false, "outbound": true, "allowed": [[8695588, 8695588]]},
            {"id": INBOUND, "name": "T-09", "ingress": "enterprise", "allowed": [[8695588, 8695588]]},
            {"id": TRANSIT, "name": "UNI-2", "ingress": "interconnect", "peer": "china_unicom", "transit": true, "canary": true},
            {"id": SHOP, "name": "T-10", "ingress": "enterprise", "outbound": true, "purpose": "property", "allowed": [[863518000000_u64, 863518000999_u64]]}
        ],
        "numbers": [
            {"number": 8613900000001_u64, "bad": true}, {"number": 8613900000002_u64, "suspect": true},
            {"number": 86110, "category": "emergency"},
            {"number": 8613900000003_u64, "operator": "china_unicom"}, {"number": 8613000000003_u64, "operator": "china_mobile"},
            {"number": 8613900000010_u64, "refuses": ["property"]},
            {"number": 8613900000011_u64, "hours": "own", "quiet": [[1320, 480]], "refused": [8613900000099_u64]},
            {"number": 8613900000012_u64, "hours": "night"},
            {"number": 8613900000020_u64, "category": "courier"}
        ]
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn snapshot() -> Snapshot {
    spec(&json!({})).compile(&BOOK).unwrap()
}

fn state() -> State {
    State::new(StateConfig { callers: 4_096, callees: 4_096, seed: 7 })
}

/// Trunk, presented number, callee.
fn call<'a>(trunk: u32, from: &'a str, callee: &'a str) -> Attempt<'a> {
    Attempt::new(1, Timestamp(TEN), TrunkId(trunk), Ingress::Interconnect, Some(from), callee)
}

fn rules_of(verdict: &Verdict) -> Vec<Rule> {
    verdict.reasons.iter().map(|reason| reason.rule).collect()
}

#[track_caller]
fn answers(attempt: Attempt<'_>, action: Action, rule: Option<Rule>) {
    let verdict = decide(&snapshot(), &state(), &attempt);
    let said: Vec<Rule> = rules_of(&verdict);
    assert!(
        verdict.action == action && rule.is_none_or(|rule| said.contains(&rule)) && (rule.is_some() || said.is_empty()),
        "{action:?} {rule:?}: {verdict:?}"
    );
}

/// A mobile of ours.
const ME: &str = "13900000500";

#[test]
fn the_table_of_part_d_row_by_row() {
    use Action::{Block, Label, Pass};
    for (trunk, from, action, rule) in [
        // International gateway.
        (HK, "0085221234567", Label, Some(Rule::Overseas)),
        (HK, "+14155550100", Label, Some(Rule::Overseas)),
        (HK, "85221234567", Block, Some(Rule::Malformed)),
        (HK, "", Block, Some(Rule::Malformed)),
        (HK, "unknown", Block, Some(Rule::Malformed)),
        (HK, "00852212345678901234", Block, Some(Rule::Malformed)),
        (HK, "00999123456789", Block, Some(Rule::Malformed)),
        (HK, "++14155550100", Block, Some(Rule::Malformed)),
        (HK, "008613900000500", Block, Some(Rule::ForgedHome)),
        (HK, "+8613900000500", Block, Some(Rule::ForgedHome)),
        (HK, "+863517000000", Block, Some(Rule::ForgedHome)),
        (HK, "110", Block, Some(Rule::Forged)),
        (HK, "+86110", Block, Some(Rule::Forged)),
        (HK, "10086", Block, Some(Rule::Forged)),
        (HK, "0086955880", Block, Some(Rule::Forged)),
        (HK, "95588", Block, Some(Rule::Forged)),
        (HK, "96110", Block, Some(Rule::Forged)),
        (HK, "13900000500", Block, Some(Rule::Forged)),
        (HK, "03517000000", Block, Some(Rule::Forged)),
        // Interconnect with China Unicom.
        (PEER, "13000000500", Pass, None),
        (PEER, "03517000000", Pass, None),
        (PEER, "95588", Pass, None),
        (PEER, "13900000003", Pass, None),
        (PEER, "110", Pass, Some(Rule::AllowList)),
        (PEER, "14400000000", Block, Some(Rule::Malformed)),
        (PEER, "1300000050", Block, Some(Rule::Malformed)),
        (PEER, "013000000500", Block, Some(Rule::Malformed)),
        (PEER, "", Block, Some(Rule::Malformed)),
        (PEER, "13900000500", Block, Some(Rule::Forged)),
        (PEER, "13000000003", Block, Some(Rule::Forged)),
        (PEER, "13300000500", Block, Some(Rule::Forged)),
        (PEER, "0085221234567", Block, Some(Rule::Forged)),
        (PEER, "10690001234", Block, Some(Rule::Forged)),
        (PEER, "12381", Block, Some(Rule::Forged)),
        (PEER, "96110", Block, Some(Rule::Forged)),
        (PEER, "119", Block, Some(Rule::Forged)),
        (PEER, "4001234567", Block, Some(Rule::Caller400)),
        (TRANSIT, "0085221234567", Label, Some(Rule::Overseas)),
        (TRANSIT, "13300000500", Pass, None),
        // Enterprise trunk.
        (BANK, "95588", Pass, None),
        (BANK, "03517000099", Pass, None),
        (BANK, "03517000100", Block, Some(Rule::NotAllowed)),
        (BANK, "95599", Block, Some(Rule::NotAllowed)),
        (BANK, "", Block, Some(Rule::NotAllowed)),
        (BANK, "hello", Block, Some(Rule::NotAllowed)),
        (BANK, "13900000500", Block, Some(Rule::SubscriberNumber)),
        (BANK, "4001234567", Block, Some(Rule::Caller400)),
        (BANK, "10690001234", Block, Some(Rule::NotAllowed)),
        (CLOSED, "95588", Block, Some(Rule::Trunk)),
        (INBOUND, "95588", Block, Some(Rule::InboundOnly)),
        // Own access.
        (OWN, "13900000500", Pass, None),
        (OWN, "03517000000", Pass, None),
        (OWN, "10690001234", Block, Some(Rule::Forged)),
        (OWN, "12381", Block, Some(Rule::Forged)),
        (OWN, "4001234567", Block, Some(Rule::Caller400)),
        (OWN, "1390000", Block, Some(Rule::Malformed)),
    ] {
        answers(call(trunk, from, ME), action, rule);
    }
}

#[test]
fn the_asserted_number_leads_and_nobody_forges_it() {
    let asserted = |trunk, from, pai, line| Attempt { pai, line, ..call(trunk, from, ME) };
    answers(asserted(OWN, "13900000500", Some("13900000500"), Some("+8613900000500")), Action::Pass, None);
    answers(asserted(OWN, "13900000777", Some("13900000500"), None), Action::Label, Some(Rule::Asserted));
    answers(asserted(OWN, "13900000500", Some("13900000777"), Some("13900000500")), Action::Block, Some(Rule::Forged));
    answers(asserted(BANK, "95588", Some("03517000001"), None), Action::Pass, None);
    answers(asserted(BANK, "95599", Some("03517000001"), None), Action::Block, Some(Rule::NotAllowed));
    answers(Attempt { hidden: true, ..asserted(BANK, "anonymous", Some("95588"), None) }, Action::Block, Some(Rule::Hidden));
    answers(Attempt { hidden: true, ..asserted(OWN, "anonymous", Some("13900000500"), None) }, Action::Pass, None);
}

#[test]
fn a_roaming_subscriber_comes_through_and_a_silent_port_lets_the_call_ring_with_a_label() {
    let roaming = |roaming| Attempt { roaming, ..call(HK, "+8613900000500", ME) };
    answers(roaming(Roaming::Abroad), Action::Pass, None);
    answers(roaming(Roaming::AtHome), Action::Block, Some(Rule::ForgedHome));
    answers(roaming(Roaming::Unreachable), Action::Label, Some(Rule::RoamingUnknown));
    let snapshot = snapshot();
    let asked = |attempt: Attempt<'_>| needs_roaming(&snapshot, &attempt).is_some();
    assert!(asked(roaming(Roaming::Unasked)) && !asked(roaming(Roaming::AtHome)));
    assert!(!asked(call(HK, "13900000500", ME)) && !asked(call(HK, "+14155550100", ME)) && !asked(call(PEER, "+8613900000500", ME)));
    answers(Attempt { diverted: true, ..call(PEER, "13900000500", ME) }, Action::Pass, None);
    answers(Attempt { roaming: Roaming::Abroad, ..call(PEER, "13900000500", ME) }, Action::Pass, None);
}

#[test]
fn an_emergency_call_passes_whatever_speaks_against_it() {
    for (trunk, from) in [(HK, "110"), (CLOSED, "95588"), (99, ""), (BANK, "hello"), (PEER, "13900000001")] {
        for callee in ["110", "+86120", "0351119", "122"] {
            answers(
                Attempt { identity: Identity::Invalid, hidden: true, ..call(trunk, from, callee) },
                Action::Pass,
                Some(Rule::Emergency),
            );
        }
    }
}

#[test]
fn without_a_ledger_enterprise_trunks_fail_closed_and_ordinary_calls_open() {
    let empty = spec(&json!({"trunks": []})).compile(&BOOK).unwrap();
    let decided = |ingress| decide(&empty, &state(), &Attempt { ingress, ..call(9, "13000000500", ME) }).action;
    assert_eq!([Ingress::Enterprise, Ingress::Interconnect, Ingress::Retail].map(decided), [Action::Block, Action::Pass, Action::Pass]);
    // Not even with the milder rule switched off does a caller nobody can read leave an enterprise trunk.
    let off = spec(&json!({"modes": {"malformed": "off", "hidden": "shadow"}})).compile(&BOOK).unwrap();
    let verdict = decide(&off, &state(), &call(BANK, "???", ME));
    assert_eq!((verdict.action, rules_of(&verdict)), (Action::Block, vec![Rule::NotAllowed]));
    assert!(spec(&json!({"modes": {"not_allowed": "shadow"}})).compile(&BOOK).is_err());
}

#[test]
fn lists_and_the_callees_wishes_decide_in_that_order() {
    answers(call(OWN, "13900000001", ME), Action::Block, Some(Rule::BadList));
    answers(call(OWN, "13900000002", ME), Action::Label, Some(Rule::Suspect));
    answers(call(SHOP, "03518000001", "13900000010"), Action::Block, Some(Rule::RefusedCategory));
    answers(call(BANK, "95588", "13900000010"), Action::Pass, None);
    answers(call(OWN, "13900000099", "13900000011"), Action::Block, Some(Rule::RefusedNumber));
    let at = |hour: i64, callee| Attempt { at: Timestamp(TEN + (hour - 10) * 3_600_000), ..call(SHOP, "03518000001", callee) };
    answers(at(23, "13900000011"), Action::Block, Some(Rule::RefusedHours));
    answers(at(12, "13900000011"), Action::Pass, None);
    answers(at(22, "13900000012"), Action::Block, Some(Rule::RefusedHours));
    answers(at(12, "13900000012"), Action::Pass, None);
    answers(Attempt { at: Timestamp(TEN + 13 * 3_600_000), ..call(OWN, "13900000500", "13900000012") }, Action::Pass, None);
    let verdict = decide(&snapshot(), &state(), &call(SHOP, "03518000001", "13900000010"));
    assert_eq!((verdict.redress, verdict.score), (Redress::Callee, 100));
}

#[test]
fn a_false_token_stops_a_call_and_an_unchecked_one_does_not() {
    answers(Attempt { identity: Identity::Invalid, ..call(PEER, "13000000500", ME) }, Action::Block, Some(Rule::Token));
    for identity in [Identity::Unchecked, Identity::Full, Identity::Partial, Identity::Gateway] {
        answers(Attempt { identity, ..call(PEER, "13000000500", ME) }, Action::Pass, None);
    }
}

/// A made-up world for the rules of behaviour: one state, calls in order.
struct Scene {
    snapshot: Snapshot,
    state: State,
    id: u64,
}

impl Scene {
    fn new() -> Self {
        Self { snapshot: snapshot(), state: state(), id: 0 }
    }

    fn call(&mut self, second: i64, trunk: u32, from: &str, callee: u64) -> Verdict {
        self.id += 1;
        let callee = format!("{callee}");
        let attempt = Attempt { id: self.id, at: Timestamp(TEN + second * 1_000), ..call(trunk, from, &callee) };
        decide(&self.snapshot, &self.state, &attempt)
    }

    fn end(&mut self, second: i64, caller: u64, callee: u64, (ring_ms, talk_ms): (u32, u32), released: Released) {
        let [caller, callee] = [caller, callee].map(|national| Number::china(national).unwrap());
        let outcome = Outcome { at: Timestamp(TEN + second * 1_000), trunk: TrunkId(OWN), caller, callee, ring_ms, talk_ms, released };
        self.state.outcome(&outcome, &self.snapshot.rules.thresholds);
    }
}

/// Some mobile of ours, spread over the country.
fn somebody(at: u64) -> u64 {
    13_500_000_000 + hash(at, 99) % 90_000_000
}

#[test]
fn one_ring_and_gone_earns_a_label_then_a_block_and_a_slow_courier_does_not() {
    let mut scene = Scene::new();
    let mut actions = Vec::new();
    for at in 0..50 {
        let second = at as i64 * 60;
        actions.push(scene.call(second, OWN, "13900000700", somebody(at)).action);
        scene.end(second + 3, 13_900_000_700, somebody(at), (2_000, 0), Released::Caller);
    }
    assert_eq!(actions[10], Action::Pass);
    assert!(actions[14..35].iter().all(|action| *action == Action::Label), "{actions:?}");
    assert_eq!(actions[45], Action::Block);
    let verdict = scene.call(3_100, OWN, "13900000700", somebody(1));
    assert_eq!((rules_of(&verdict), verdict.redress), (vec![Rule::OneRing], Redress::Appeal));
    assert!(verdict.expires > Timestamp(TEN + 3_100_000));
    for at in 0..50 {
        let second = at as i64 * 60;
        assert_eq!(scene.call(second, OWN, "13900000701", somebody(1_000 + at / 2)).action, Action::Pass);
        let how = if at % 3 == 0 { (9_000, 0) } else { (5_500, 20_000) };
        scene.end(second + 20, 13_900_000_701, somebody(1_000 + at / 2), how, Released::Caller);
    }
}

#[test]
fn a_siege_is_lifted_for_strangers_only_and_the_baseline_is_not_taught_by_it() {
    let mut scene = Scene::new();
    let victim = 13_900_000_800;
    // A friend spoke with the victim this morning; a neighbour is called by others.
    scene.call(-7_200, OWN, "13900000801", victim);
    scene.end(-7_100, 13_900_000_801, victim, (4_000, 90_000), Released::Callee);
    scene.call(-7_000, OWN, "13900000803", 13_900_000_802);
    let blocked = (0..120_u64)
        .filter(|at| scene.call(*at as i64, OWN, &format!("{}", 13_700_000_000 + at * 7_919), victim).action == Action::Block)
        .count();
    assert!(blocked > 90, "{blocked} of 120 were stopped");
    assert_eq!(scene.call(121, OWN, "13900000801", victim).action, Action::Pass, "the friend comes through");
    assert_eq!(scene.call(122, OWN, "13900000802", victim).action, Action::Pass, "so does whom others call");
    let stranger = scene.call(123, OWN, "13700999999", victim);
    assert_eq!((stranger.action, rules_of(&stranger)), (Action::Block, vec![Rule::Bombing]));
    assert_eq!(scene.call(123 + 601, OWN, "13700999998", victim).action, Action::Pass, "ten quiet minutes end the protection");
    assert!(scene.state.callee(Number::china(victim).unwrap()).unwrap().baseline <= 16, "one call an hour is still usual");
}

#[test]
fn a_few_numbers_that_hammer_one_callee_are_a_siege_too() {
    let mut scene = Scene::new();
    let blocked =
        (0..120).filter(|at| scene.call(*at, OWN, &format!("1370000000{}", at % 4), 13_900_000_800).action == Action::Block).count();
    assert!(blocked > 70, "{blocked} of 120 were stopped");
}

#[test]
fn numbers_that_hammer_several_at_once_or_over_the_turn_of_an_hour_are_found_all_the_same() {
    let mut scene = Scene::new();
    let victims = [13_900_000_800, 13_900_000_810, 13_900_000_820];
    // Five numbers, three victims, sixty-four calls a minute on each, from five minutes before the hour to five minutes after.
    let mut blocked = [0; 2];
    for at in 0..1_920_u64 {
        let second = 3_300 + at as i64 * 600 / 1_920;
        for (place, victim) in victims.iter().enumerate() {
            let caller = format!("1370000000{}", (at + place as u64) % 5);
            if at % 3 == place as u64 && scene.call(second, OWN, &caller, *victim).action == Action::Block {
                blocked[usize::from(second >= 3_600)] += 1;
            }
        }
    }
    // Three at once show later than one: each is called often only after a while.
    assert!(blocked[0] > 750 && blocked[1] > 940, "{blocked:?} of 960 before and after the hour were stopped");
    // A courier who has just begun another hour, to a callee under siege, is no hammer: each call was to somebody else.
    for at in 0..40 {
        scene.call(3_400 + at * 5, OWN, "13900000830", somebody(at as u64 + 500));
    }
    let courier = scene.call(3_901, OWN, "13900000830", victims[0]);
    assert!(courier.action != Action::Block && !rules_of(&courier).contains(&Rule::Bombing), "{courier:?}");
}

#[test]
fn a_flash_crowd_of_people_who_are_called_themselves_is_no_siege() {
    let mut scene = Scene::new();
    let fan = |at: u64| 13_600_000_000 + at * 7_919;
    for at in 0..200 {
        scene.call(-40_000 + at as i64, OWN, "13900000804", fan(at));
        scene.call(-36_000 + at as i64, OWN, "13900000805", fan(at));
    }
    let answers: Vec<_> = (0..200).map(|at| scene.call(at as i64 / 2, OWN, &format!("{}", fan(at)), 13_900_000_900).action).collect();
    assert!(answers.iter().all(|action| *action == Action::Pass), "{answers:?}");
}

#[test]
fn runs_and_sweeps_through_number_blocks_are_stopped() {
    let mut scene = Scene::new();
    let first = (0..12).map(|at| scene.call(at as i64 * 20, OWN, "13900000710", 13_500_010_000 + at).action).collect::<Vec<_>>();
    assert_eq!((first[5], first[8], first[11]), (Action::Pass, Action::Block, Action::Block));
    let sweep =
        (0..60).map(|at| scene.call(at as i64 * 50, OWN, "13900000711", 13_500_020_000 + hash(at, 3) % 10_000).action).collect::<Vec<_>>();
    assert_eq!((sweep[20], sweep[59]), (Action::Pass, Action::Block));
    let honest =
        (0..60).map(|at| scene.call(at as i64 * 59, OWN, "13900000712", somebody(at)).action).filter(|action| *action == Action::Block);
    assert_eq!(honest.count(), 0);
}

#[test]
fn a_call_machine_is_labelled_a_listed_courier_and_who_is_called_back_are_not() {
    let mut scene = Scene::new();
    let actions: Vec<_> = (0..60).map(|at| scene.call(at as i64 * 50, OWN, "13900000720", somebody(at)).action).collect();
    assert_eq!((actions[30], actions[45], actions[59]), (Action::Pass, Action::Label, Action::Label));
    assert!((0..60).all(|at| scene.call(at as i64 * 50, OWN, "13900000020", somebody(at)).action == Action::Pass));
    for at in 0..60 {
        let second = at as i64 * 50;
        assert_eq!(scene.call(second, OWN, "13900000721", somebody(at)).action, Action::Pass, "{at}");
        if at % 8 == 0 {
            scene.call(second + 10, OWN, &format!("{}", somebody(at)), 13_900_000_721);
        }
    }
}

#[test]
fn a_tier_stands_its_time_and_is_left_by_the_lower_threshold() {
    let mut scene = Scene::new();
    let hold = i64::from(scene.snapshot.rules.thresholds.hold_s);
    let mut at = 0;
    let mut dial = |scene: &mut Scene, from: i64, calls: i64, gap: i64| {
        (0..calls)
            .map(|turn| {
                at += 1;
                scene.call(from + turn * gap, OWN, "13900000730", somebody(at)).action
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(dial(&mut scene, 0, 60, 50).last(), Some(&Action::Label));
    // Slower than the entry threshold but not than seven tenths of it, over the whole time and beyond.
    let slower = dial(&mut scene, 3_000, hold / 100 + 40, 100);
    assert!(slower.iter().all(|action| *action == Action::Label), "renewed: {slower:?}");
    let quiet = dial(&mut scene, 2 * hold + 90_000, 10, 300);
    assert!(quiet.iter().all(|action| *action == Action::Pass), "left: {quiet:?}");
}

#[test]
fn an_upheld_appeal_lifts_at_once_and_is_counted_against_the_rule() {
    let mut scene = Scene::new();
    (0..12).for_each(|at| assert!(scene.call(at, OWN, "13900000740", 13_500_010_000 + at as u64).score <= 100));
    assert_eq!(scene.call(13, OWN, "13900000740", somebody(1)).action, Action::Block);
    scene.state.lift(Number::china(13_900_000_740).unwrap(), Timestamp(TEN + 14_000), 86_400);
    let after: Vec<_> = (0..30).map(|at| scene.call(15 + at, OWN, "13900000740", 13_500_010_000 + at as u64).action).collect();
    assert!(after.iter().all(|action| *action == Action::Pass), "{after:?}");
    let count = scene.state.meters.of(Rule::Sequential);
    assert!(count.enforced >= 4 && count.refuted == 1, "{count:?}");
    assert!(scene.state.meters.decisions(Action::Block) >= 4);
}

#[test]
fn the_contract_counts_for_the_trusted_too() {
    let mut scene = Scene::new();
    let actions: Vec<_> = (0..110).map(|at| scene.call(at as i64, BANK, "95588", somebody(at)).action).collect();
    assert_eq!((actions[99], actions[100]), (Action::Pass, Action::Block));
    let verdict = scene.call(120, BANK, "95588", somebody(1));
    assert_eq!((rules_of(&verdict), verdict.redress), (vec![Rule::Contract], Redress::Operator));
}

#[test]
fn a_rule_in_shadow_is_noted_and_a_canary_counts_on_its_trunk_only() {
    let dial = |modes: Value, trunk: u32| {
        let mut scene = Scene { snapshot: spec(&json!({ "modes": modes })).compile(&BOOK).unwrap(), ..Scene::new() };
        (0..12).map(|at| scene.call(at, trunk, "13000000740", 13_500_010_000 + at as u64)).last().unwrap()
    };
    let shadow = dial(json!({"sequential": "shadow"}), PEER);
    assert_eq!((shadow.action, shadow.reasons.of(Rule::Sequential).unwrap().effect, shadow.score), (Action::Pass, Effect::Shadow, 0));
    assert_eq!(dial(json!({"sequential": "off"}), PEER).reasons.of(Rule::Sequential), None);
    let canary = json!({"sequential": "canary"});
    assert_eq!((dial(canary.clone(), PEER).action, dial(canary, TRANSIT).action), (Action::Pass, Action::Block));
}

#[test]
fn the_kill_switch_frees_callers_that_already_hold_a_tier() {
    let mut scene = Scene::new();
    (0..12).for_each(|at| assert!(scene.call(at, OWN, "13900000740", 13_500_010_000 + at as u64).score <= 100));
    scene.snapshot = spec(&json!({"modes": {"sequential": "off"}})).compile(&BOOK).unwrap();
    assert_eq!(scene.call(13, OWN, "13900000740", somebody(1)).action, Action::Pass);
}

#[test]
fn a_clock_that_jumps_never_accuses_anybody() {
    for jump in [-100_000_000, -4_000, 4_000, 100_000_000, 4_000_000_000] {
        let mut scene = Scene::new();
        let mut calls = 0;
        let mut dial = |scene: &mut Scene, second: i64| {
            calls += 1;
            scene.call(second, OWN, "13900000750", somebody(calls)).action
        };
        (0..30).for_each(|at| assert_eq!(dial(&mut scene, at * 100), Action::Pass));
        assert_eq!(dial(&mut scene, 3_000 + jump), Action::Pass, "{jump}");
        (31..120).for_each(|at| assert_eq!(dial(&mut scene, at * 100), Action::Pass, "{jump} {at}"));
    }
}

#[test]
fn a_forged_call_leaves_no_trace_on_the_number_it_shows() {
    let mut scene = Scene::new();
    (0..100).for_each(|at| assert_eq!(scene.call(at, PEER, "13900000500", somebody(at as u64)).action, Action::Block));
    assert_eq!(scene.state.caller(Number::china(13_900_000_500).unwrap()), None);
}

#[test]
fn the_same_call_has_the_same_evidence_and_another_another() {
    let snapshot = snapshot();
    let id = |attempt: Attempt<'_>| decide(&snapshot, &state(), &attempt).evidence;
    let one = call(OWN, "13900000500", ME);
    assert_eq!(id(one), id(one));
    let others = [
        Attempt { id: 2, ..one },
        Attempt { at: Timestamp(TEN + 1), ..one },
        call(OWN, "13900000501", ME),
        call(OWN, "13900000500", "13900000501"),
    ];
    assert!(others.into_iter().all(|other| id(other) != id(one)));
}

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(snapshot);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_is_signalled_there_is_an_answer_and_emergencies_pass(
        calls in prop::collection::vec((any::<i64>(), 0_u32..12, prop::option::of("[+0-9a-z]{0,18}"), prop::option::of("\\PC{0,12}"), "\\PC{0,16}|[0+]{0,2}[0-9]{3,13}", any::<bool>()), 1..30),
    ) {
        let state = state();
        for (at, trunk, from, pai, callee, hidden) in &calls {
            let base = Attempt { at: Timestamp(*at), pai: pai.as_deref(), hidden: *hidden, ..call(*trunk, "", callee) };
            let verdict = decide(&SNAPSHOT, &state, &Attempt { from: from.as_deref(), ..base });
            prop_assert!(verdict.score <= 100);
            prop_assert!(verdict.action == Action::Pass || !verdict.reasons.is_empty());
            if SNAPSHOT.plan.is_emergency(callee) {
                prop_assert_eq!(verdict.action, Action::Pass);
            }
            let emergency = decide(&SNAPSHOT, &state, &Attempt { callee: "+86120", ..base });
            prop_assert_eq!(emergency.action, Action::Pass);
        }
    }

    #[test]
    fn whatever_the_modes_an_unknown_caller_leaves_no_enterprise_trunk(rules in prop::collection::vec(0..Rule::ALL.len(), 0..10), from in "[+0-9]{0,14}", hidden in any::<bool>()) {
        let mut snapshot = SNAPSHOT.clone();
        for rule in rules {
            let _ = snapshot.rules.set_mode(Rule::ALL[rule], Mode::Off);
        }
        let allowed = snapshot.plan.read(&from).is_ok_and(|line| snapshot.ledger.trunk(TrunkId(BANK)).unwrap().allows(line.number));
        let verdict = decide(&snapshot, &state(), &Attempt { hidden, ..call(BANK, &from, ME) });
        prop_assert!(allowed || verdict.action == Action::Block);
    }

    #[test]
    fn the_same_calls_in_the_same_order_leave_the_same_state_and_verdicts(seed in any::<u64>()) {
        let run = || {
            let mut scene = Scene { snapshot: SNAPSHOT.clone(), state: state(), id: 0 };
            let verdicts: Vec<_> = (0..300_u64).map(|at| {
                let draw = hash(seed, at);
                let verdict = scene.call((draw % 4_000) as i64, [OWN, PEER, BANK][at as usize % 3], &format!("139000{:05}", draw >> 8 & 7), somebody(draw >> 20 & 31));
                scene.end((draw % 4_000) as i64, 13_900_000_000 + (draw >> 8 & 7), somebody(draw >> 20 & 31), (draw as u32 % 9_000, 0), Released::Caller);
                verdict
            }).collect();
            (verdicts, scene.state.digest())
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn reading_ahead_changes_no_verdict_whatever_was_read(
        calls in prop::collection::vec((0_u32..12, prop::option::of("[+]?(86)?1390000000[0-9]|[+0-9]{0,14}"), "1390000001[0-2]|[+0-9]{0,14}|110"), 1..40),
        swap in any::<prop::sample::Index>(),
    ) {
        let config = StateConfig { callers: 4_096, callees: 4_096, seed: 7 };
        let engines = [Engine::new(SNAPSHOT.clone(), config), Engine::new(SNAPSHOT.clone(), config)];
        let [plain, ahead] = &engines;
        let other = spec(&json!({"version": 42, "numbers": []})).compile(&BOOK).unwrap();
        let attempts: Vec<_> = calls.iter().enumerate().map(|(at, (trunk, from, callee))| Attempt {
            id: at as u64, at: Timestamp(TEN + at as i64 * 500), from: from.as_deref(), ..call(*trunk, "", callee)
        }).collect();
        let read: Vec<Ahead<'_>> = attempts.iter().map(|attempt| ahead.foresee(&ahead.hold(), attempt.from, attempt.callee)).collect();
        read.iter().for_each(|read| ahead.reach(&ahead.hold(), read));
        let (swap, last) = (swap.index(calls.len()), attempts.len() - 1);
        for (at, attempt) in attempts.iter().enumerate() {
            if at == swap {
                engines.iter().for_each(|engine| engine.replace(other.clone()));
            }
            // What was read of another call is no help, and no harm either.
            let read = if at % 3 == 2 { &read[last - at] } else { &read[at] };
            prop_assert_eq!(ahead.decide_foreseen(&ahead.hold(), attempt, read), plain.decide(attempt));
        }
        prop_assert_eq!(ahead.state.digest(), plain.state.digest());
    }
}
