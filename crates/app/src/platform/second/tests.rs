//! The pure request: every state against every step, and every guard before it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails stops")]

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    rulebook::Ruling,
    time::Timestamp,
};
use uuid::Uuid;

use super::grant::{Cause, Kind, Refusal, Request, Shown, Signer, Standing, State, Step};
use crate::platform::purpose::Purpose;

const NOW: Timestamp = Timestamp(1_780_000_000_000);
const GOOD_MS: i64 = 1_800_000;
const ALL_STAND: Standing = Standing { requester: true, approver: true };

const fn signer(staff: u128, organisation: u128) -> Signer {
    Signer {
        staff: StaffId(Uuid::from_u128(staff)),
        organisation: OrganisationId(Uuid::from_u128(organisation)),
        staff_epoch: 1,
        organisation_epoch: 1,
    }
}

const AGENT: Signer = signer(1, 100);
const COLLEAGUE: Signer = signer(2, 100);
const OFFICER: Signer = signer(3, 200);

fn good() -> Ruling<i64> {
    Ruling { value: GOOD_MS, rule: "test.rule".into(), article: "L-TEST".into(), source: "test".into(), pack_version: "1".into() }
}

/// A request in the state, as the way there leaves it.
fn request(state: State) -> Request {
    let decided = matches!(state, State::Approved | State::Refused | State::Used);
    Request {
        id: Uuid::from_u128(9),
        kind: Kind::RevealField,
        cause: Cause::Protected,
        state,
        version: 3,
        by: AGENT,
        purpose: Purpose::CustomerCall,
        made_at: NOW,
        expires_at: NOW.plus_ms(60_000),
        decided: decided.then_some(OFFICER),
        decided_at: decided.then_some(NOW),
        good_until: matches!(state, State::Approved | State::Used).then_some(NOW.plus_ms(GOOD_MS)),
        used_at: (state == State::Used).then_some(NOW),
    }
}

/// A step of each kind, by whoever may take it.
fn steps(good: &Ruling<i64>) -> [Step<'_>; 4] {
    let steps = [
        Step::Approve { by: OFFICER, good_ms: good },
        Step::Refuse { by: OFFICER },
        Step::Withdraw { by: AGENT.staff },
        Step::Take { by: AGENT.staff, kind: Kind::RevealField, same: true },
    ];
    // Without a wildcard: a new step does not compile until it has a column.
    for step in &steps {
        match step {
            Step::Approve { .. } | Step::Refuse { .. } | Step::Withdraw { .. } | Step::Take { .. } => {}
        }
    }
    steps
}

/// Where each step leads; `None`: out of order.
#[rustfmt::skip]
fn row(state: State) -> [Option<State>; 4] {
    match state {
        //                  approve                refuse                withdraw                take
        State::Pending   => [Some(State::Approved), Some(State::Refused), Some(State::Withdrawn), None],
        State::Approved  => [None,                  None,                 Some(State::Withdrawn), Some(State::Used)],
        State::Refused | State::Withdrawn | State::Used => [None; 4],
    }
}

#[test]
fn every_state_meets_every_step() {
    let good = good();
    for state in State::ALL.iter().copied() {
        for (step, wanted) in steps(&good).into_iter().zip(row(state)) {
            let got = request(state).decide(step, ALL_STAND, NOW);
            match wanted {
                Some(to) => {
                    let got = got.unwrap();
                    assert_eq!((got.state, got.version), (to, 4), "{state:?} {step:?}");
                }
                None => assert_eq!(got.unwrap_err(), Refusal::OutOfOrder(state), "{state:?} {step:?}"),
            }
        }
    }
}

#[test]
fn nobody_decides_for_themselves_or_for_their_colleagues() {
    let good = good();
    let pending = request(State::Pending);
    let moved = Signer { organisation: OFFICER.organisation, ..AGENT };
    for (by, refusal) in [(AGENT, Refusal::OwnRequest), (moved, Refusal::OwnRequest), (COLLEAGUE, Refusal::SameOrganisation)] {
        assert_eq!(pending.decide(Step::Approve { by, good_ms: &good }, ALL_STAND, NOW), Err(refusal));
        assert_eq!(pending.decide(Step::Refuse { by }, ALL_STAND, NOW), Err(refusal));
    }
    let approved = pending.decide(Step::Approve { by: OFFICER, good_ms: &good }, ALL_STAND, NOW).unwrap();
    assert_eq!((approved.decided, approved.good_until), (Some(OFFICER), Some(NOW.plus_ms(GOOD_MS))));
}

#[test]
fn what_ran_out_or_lost_its_people_serves_nobody() {
    let good = good();
    let late = NOW.plus_ms(60_000);
    let approve = Step::Approve { by: OFFICER, good_ms: &good };
    let take = Step::Take { by: AGENT.staff, kind: Kind::RevealField, same: true };
    assert_eq!(request(State::Pending).decide(approve, ALL_STAND, late), Err(Refusal::Expired));
    assert!(request(State::Pending).decide(approve, ALL_STAND, late.plus_ms(-1)).is_ok(), "the last moment counts");
    let over = NOW.plus_ms(GOOD_MS);
    assert_eq!(request(State::Approved).decide(take, ALL_STAND, over), Err(Refusal::Expired));
    assert!(request(State::Approved).decide(take, ALL_STAND, over.plus_ms(-1)).is_ok());
    let gone = Standing { requester: false, approver: true };
    assert_eq!(request(State::Pending).decide(approve, gone, NOW), Err(Refusal::Ended));
    for standing in [gone, Standing { requester: true, approver: false }] {
        assert_eq!(request(State::Approved).decide(take, standing, NOW), Err(Refusal::Ended));
        assert_eq!(request(State::Approved).shown(standing, NOW), Shown::Ended);
    }
}

#[test]
fn an_approval_serves_its_requester_its_act_and_its_thing() {
    let approved = request(State::Approved);
    let take = |by: Signer, kind, same| approved.decide(Step::Take { by: by.staff, kind, same }, ALL_STAND, NOW).map(|new| new.state);
    assert_eq!(take(AGENT, Kind::RevealField, true), Ok(State::Used));
    assert_eq!(take(OFFICER, Kind::RevealField, true), Err(Refusal::NotFound), "not even the approver's");
    assert_eq!(take(COLLEAGUE, Kind::RevealField, true), Err(Refusal::NotFound));
    assert_eq!(take(AGENT, Kind::ExportClear, true), Err(Refusal::Another));
    assert_eq!(take(AGENT, Kind::RevealField, false), Err(Refusal::Another));
    assert_eq!(request(State::Used).decide(Step::Withdraw { by: COLLEAGUE.staff }, ALL_STAND, NOW), Err(Refusal::NotFound));
}

#[test]
fn codes_and_names_survive_the_store() {
    for state in State::ALL {
        assert_eq!(State::from_i64(*state as i64), Some(*state));
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for cause in Cause::ALL {
        assert_eq!(Cause::parse(cause.as_str()), Some(*cause));
    }
    assert_eq!(State::from_i64(6), None);
}
