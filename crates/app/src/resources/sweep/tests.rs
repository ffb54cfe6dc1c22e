//! Every finding against every line a sweep may meet, and when it may end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use chuangsha_kernel::time::Timestamp;
use jiff::civil::date;
use uuid::Uuid;

use super::{Defect, Finding, Industry, Kind, Outcome, Plan, Refusal, Stage, Sweep};
use crate::resources::{State, tests::trunk};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn plan() -> Plan {
    Plan {
        name: "重点行业清查".into(),
        region: "990100".into(),
        industries: Vec::new(),
        kinds: vec![Kind::Number95, Kind::VoiceTrunk, Kind::Number95],
        starts: date(2026, 11, 22),
        ends: date(2026, 12, 22),
        lead: "1024".into(),
    }
}

fn sweep() -> Sweep {
    plan().read(Uuid::from_u128(1), NOW).unwrap()
}

fn defective(evidence: &str) -> Finding {
    Finding::Defective { defects: vec![Defect::Abnormal, Defect::PurposeMissing, Defect::Abnormal], evidence: evidence.into() }
}

#[test]
fn a_plan_without_industries_takes_those_that_come_first() {
    use Industry::{CallCentre, FinanceInsurance, RealEstateAgent, RetailPromotion};
    assert_eq!(sweep().industries, [FinanceInsurance, RealEstateAgent, RetailPromotion, CallCentre], "R-LED-3");
    assert_eq!(sweep().kinds, [Kind::VoiceTrunk, Kind::Number95]);
    let refused = |plan: Plan| plan.read(Uuid::from_u128(1), NOW).unwrap_err();
    assert_eq!(refused(Plan { name: " x ".into(), ..plan() }), Refusal::FieldInvalid("name"));
    assert_eq!(refused(Plan { lead: String::new(), ..plan() }), Refusal::FieldInvalid("lead"));
    assert_eq!(refused(Plan { ends: date(2026, 11, 21), ..plan() }), Refusal::FieldInvalid("ends"));
    for region in ["9", "9901", "99010a", "9901000"] {
        assert_eq!(refused(Plan { region: region.into(), ..plan() }), Refusal::FieldInvalid("region"), "{region}");
    }
}

#[test]
fn every_state_takes_exactly_the_results_that_fit_it() {
    let two = vec![Defect::PurposeMissing, Defect::Abnormal];
    for state in State::ALL {
        let line = trunk(*state);
        let results =
            [Finding::Clean, defective("现场无人使用"), Finding::Gone].map(|finding| sweep().check(Outcome::Open, &line, &finding));
        let wanted = if line.in_service() {
            [
                Ok((Outcome::Clean, Vec::new(), String::new())),
                Ok((Outcome::Defective, two.clone(), "现场无人使用".to_owned())),
                Err(Refusal::StillInService),
            ]
        } else {
            [Err(Refusal::OutOfOrder(*state)), Err(Refusal::OutOfOrder(*state)), Ok((Outcome::Gone, Vec::new(), String::new()))]
        };
        assert_eq!(results, wanted, "{state:?}");
    }
}

#[test]
fn a_defect_needs_its_evidence_and_a_result_stands() {
    let line = trunk(State::Active);
    let check = |before, finding: &Finding| sweep().check(before, &line, finding);
    assert_eq!(check(Outcome::Open, &defective(" 无 ")), Err(Refusal::EvidenceMissing));
    assert_eq!(check(Outcome::Open, &defective(&"长".repeat(201))), Err(Refusal::EvidenceMissing));
    let none = Finding::Defective { defects: Vec::new(), evidence: "现场无人使用".into() };
    assert_eq!(check(Outcome::Open, &none), Err(Refusal::FieldInvalid("defects")));
    for before in [Outcome::Clean, Outcome::Defective, Outcome::Gone] {
        assert_eq!(check(before, &Finding::Clean), Err(Refusal::AlreadyChecked), "{before:?}");
    }
    let over = Sweep { stage: Stage::Closed, ..sweep() };
    assert_eq!(over.check(Outcome::Open, &line, &Finding::Clean), Err(Refusal::SweepClosed));
}

#[test]
fn a_sweep_ends_when_every_line_has_its_result() {
    assert_eq!(sweep().close(2, NOW), Err(Refusal::SweepUnfinished(2)));
    let closed = sweep().close(0, NOW).unwrap();
    assert_eq!((closed.stage, closed.closed_at), (Stage::Closed, Some(NOW)));
    assert_eq!(closed.close(0, NOW), Err(Refusal::SweepClosed));
}
