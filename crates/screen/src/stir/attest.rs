//! 证明级别: what we may say of the caller of a call that leaves with our signature (RFC 8588, 5.1).

use super::Attestation;
use crate::{
    attempt::{Attempt, Identity, Ingress},
    snapshot::Snapshot,
    verdict::{Action, Rule, Verdict},
};

/// What may be said of a call about which that verdict was given; nothing where it leaves as it came.
///
/// Signed is what came in by an open line of our own ledger and goes on. Not signed: what is blocked, what has no number on either side (emergency
/// calls among it), what carries a token already, and what hides its caller, since a token shows the number to everybody on the way.
///
/// A: the number stands in the line's allowed set, or is the line's own. B: the customer is known, the number is not, or a rule of authentication
/// spoke, even in shadow. C: it came in by a gateway, from abroad or from another network.
pub fn attest(snapshot: &Snapshot, attempt: &Attempt<'_>, verdict: &Verdict) -> Option<Attestation> {
    let trunk = snapshot.ledger.trunk(attempt.trunk).filter(|trunk| trunk.active)?;
    let (caller, _) = verdict.caller.zip(verdict.callee)?;
    let leaves = verdict.action != Action::Block && verdict.reasons.of(Rule::Emergency).is_none();
    if !leaves || attempt.identity != Identity::Absent || attempt.hidden {
        return None;
    }
    let questioned = verdict.reasons.iter().any(|reason| (Rule::Trunk..=Rule::Revoked).contains(&reason.rule));
    let own_line = || attempt.line.and_then(|line| snapshot.plan.read(line).ok()).is_some_and(|line| line.number == caller);
    Some(match trunk.ingress {
        Ingress::International | Ingress::Interconnect => Attestation::Gateway,
        Ingress::Enterprise | Ingress::Retail if questioned => Attestation::Partial,
        Ingress::Enterprise if trunk.allows(caller) => Attestation::Full,
        Ingress::Retail if trunk.allows(caller) || own_line() => Attestation::Full,
        Ingress::Enterprise | Ingress::Retail => Attestation::Partial,
    })
}

#[cfg(test)]
mod tests {
    use chuangsha_kernel::{Rulebook, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::{
        Engine, Roaming,
        attempt::TrunkId,
        replay::SnapshotSpec,
        rules::{Mode, PACKS},
        state::StateConfig,
    };

    /// 2026-11-22 10:00 in China.
    const TEN: Timestamp = Timestamp(1_795_312_800_000);
    const MOBILE: &str = "13900000777";
    const ME: &str = "+8613912345678";

    fn engine() -> Engine {
        let spec: SnapshotSpec = serde_json::from_value(json!({
            "version": 1, "home": "china_mobile", "on": "2026-11-22",
            "trunks": [
                {"id": 1, "name": "HK-2", "ingress": "international"},
                {"id": 2, "name": "UNI-1", "ingress": "interconnect", "peer": "china_unicom"},
                {"id": 3, "name": "T-07", "ingress": "enterprise", "outbound": true, "allowed": [[8_695_588, 8_695_588]]},
                {"id": 4, "name": "IMS", "ingress": "retail", "allowed": [[8_613_900_000_001_u64, 8_613_900_000_009_u64]]},
                {"id": 5, "name": "T-08", "ingress": "retail", "active": false}
            ],
            "numbers": [{"number": 8_613_900_000_009_u64, "suspect": true}]
        }))
        .unwrap();
        let mut snapshot = spec.compile(&Rulebook::embedded(PACKS).unwrap()).unwrap();
        snapshot.rules.set_mode(Rule::Asserted, Mode::Shadow).unwrap();
        Engine::new(snapshot, StateConfig { callers: 1_024, callees: 1_024, seed: 1 })
    }

    fn said(attempt: Attempt<'_>) -> Option<Attestation> {
        let engine = engine();
        attest(&engine.snapshot(), &attempt, &engine.decide(&attempt))
    }

    const fn call<'a>(trunk: u32, ingress: Ingress, from: &'a str, callee: &'a str) -> Attempt<'a> {
        Attempt::new(1, TEN, TrunkId(trunk), ingress, Some(from), callee)
    }

    #[test]
    fn what_is_said_of_a_caller_is_what_the_ledger_knows() {
        use Attestation::{Full, Gateway, Partial};
        use Ingress::{Enterprise, Interconnect, International, Retail};
        let own = call(4, Retail, MOBILE, ME);
        for (what, attempt, expected) in [
            ("in the allowed set of a customer", call(3, Enterprise, "95588", ME), Some(Full)),
            ("of another set: blocked", call(3, Enterprise, "95599", ME), None),
            ("a number entered for the line", call(4, Retail, "13900000001", ME), Some(Full)),
            ("the line's own number", Attempt { line: Some(MOBILE), ..own }, Some(Full)),
            ("somebody on our access", own, Some(Partial)),
            ("labelled, and of the set all the same", call(4, Retail, "13900000009", ME), Some(Full)),
            ("another number shown than asserted, in shadow", Attempt { pai: Some("13900000001"), ..own }, Some(Partial)),
            ("another network's", call(2, Interconnect, "13000000500", ME), Some(Gateway)),
            ("from abroad", call(1, International, "+85221234567", ME), Some(Gateway)),
            (
                "whose roaming nobody knows",
                Attempt { roaming: Roaming::Unreachable, ..call(1, International, "+8613900000777", ME) },
                Some(Gateway),
            ),
            ("a closed line: blocked", call(5, Retail, MOBILE, ME), None),
            ("no line of the ledger", call(99, Retail, MOBILE, ME), None),
            ("with a token already", Attempt { identity: Identity::Unchecked, ..own }, None),
            ("with a false token: blocked", Attempt { identity: Identity::Invalid, ..own }, None),
            ("with a revoked one: blocked", Attempt { identity: Identity::Revoked, ..own }, None),
            ("hides its number", Attempt { hidden: true, ..own }, None),
            ("in an emergency", Attempt { callee: "110", ..own }, None),
        ] {
            assert_eq!(said(attempt), expected, "{what}");
        }
    }
}
