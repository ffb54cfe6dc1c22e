//! Every state against every step, and what a clock does whatever is done to its ticket.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails stops")]

use chuangsha_kernel::{
    id::StaffId,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::ticket::{Clocked, Kind, Outcome, Quality, Refusal, Stage, State, Step, Ticket, Topic};

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const LONGEST: i64 = 15 * DAY_MS;

fn staff(number: u128) -> StaffId {
    StaffId(Uuid::from_u128(number))
}

fn ticket(state: State) -> Ticket {
    let answered = matches!(state, State::Answered | State::Closed);
    Ticket {
        id: Uuid::from_u128(1),
        code: "T-1".into(),
        kind: Kind::Complaint,
        topic: Topic::Suspension,
        state,
        version: 4,
        region: "990100".into(),
        channel_kind: 2,
        stage: Stage::Second,
        place: String::new(),
        subscription: Some(Uuid::from_u128(2)),
        opened_at: NOW,
        clock: Clocked {
            base: Some(NOW.plus_ms(15 * DAY_MS)),
            waiting_since: (state == State::Waiting).then_some(NOW),
            ..Clocked::default()
        },
        worker: (state != State::Open).then_some(staff(7)),
        named: false,
        outcome: answered.then_some(Outcome::Upheld),
        answered_at: answered.then_some(NOW),
        satisfied: None,
        recontacted: false,
        holds: !answered && state != State::Withdrawn,
    }
}

fn steps() -> Vec<Step> {
    vec![
        Step::Claim,
        Step::Assign { to: staff(8) },
        Step::Pause,
        Step::Resume,
        Step::Reclassify { kind: Kind::Question, base: Some(NOW.plus_ms(2 * DAY_MS)) },
        Step::Answer { outcome: Outcome::Upheld, words: "已恢复服务".into() },
        Step::Survey { satisfied: true },
        Step::Reopen,
        Step::Close,
        Step::Withdraw,
    ]
}

#[test]
fn every_state_takes_exactly_the_steps_of_the_table() {
    use State::{Answered, Closed, Open, Waiting, Withdrawn, Working};
    // Columns: claim, assign, pause, resume, reclassify, answer, survey, reopen, close, withdraw.
    #[rustfmt::skip]
    let table: [(State, [Option<State>; 10]); 6] = [
        (Open,      [Some(Working), Some(Working), None,          None,          Some(Open),    None,           None,           None,          None,         Some(Withdrawn)]),
        (Working,   [None,          Some(Working), Some(Waiting), None,          Some(Working), Some(Answered), None,           None,          None,         Some(Withdrawn)]),
        (Waiting,   [None,          Some(Waiting), None,          Some(Working), Some(Waiting), None,           None,           None,          None,         Some(Withdrawn)]),
        (Answered,  [None,          None,          None,          None,          None,          None,           Some(Answered), Some(Working), Some(Closed), None]),
        (Closed,    [None,          None,          None,          None,          None,          None,           Some(Closed),   Some(Working), None,         None]),
        (Withdrawn, [None; 10]),
    ];
    assert_eq!(table.map(|(state, _)| state).as_slice(), State::ALL, "a new state has its row");
    for (state, row) in table {
        for (step, wanted) in steps().iter().zip(row) {
            match (ticket(state).decide(step, staff(7), NOW), wanted) {
                (Ok(next), Some(wanted)) => {
                    assert_eq!(next.state, wanted, "{state:?} {step:?}");
                    assert_eq!(next.version, 5);
                }
                (Err(Refusal::OutOfOrder(found)), None) => assert_eq!(found, state),
                (result, wanted) => panic!("{state:?} {step:?}: {result:?}, wanted {wanted:?}"),
            }
        }
    }
}

#[test]
fn each_guard_refuses_by_its_own_name() {
    let answer = |words: &str| Step::Answer { outcome: Outcome::Informed, words: words.into() };
    let refused = |ticket: Ticket, step: &Step, by| ticket.decide(step, by, NOW).unwrap_err();
    assert_eq!(refused(ticket(State::Working), &answer("已办"), staff(9)), Refusal::NotTheWorker);
    assert_eq!(refused(ticket(State::Working), &answer(" 办 "), staff(7)), Refusal::WordsMissing);
    assert_eq!(refused(ticket(State::Working), &Step::Pause, staff(9)), Refusal::NotTheWorker);
    let named = |state| Ticket { named: true, worker: Some(staff(7)), ..ticket(state) };
    assert_eq!(refused(named(State::Open), &Step::Claim, staff(9)), Refusal::NamedOwner, "R-REM-9: one person follows through");
    assert_eq!(refused(named(State::Working), &answer("已办"), staff(9)), Refusal::NamedOwner);
    assert!(named(State::Open).decide(&Step::Claim, staff(7), NOW).is_ok());
    let asked = Ticket { satisfied: Some(false), ..ticket(State::Answered) };
    assert_eq!(refused(asked.clone(), &Step::Survey { satisfied: true }, staff(7)), Refusal::SurveyedAlready);
    // Opened again, they may be asked about the new answer.
    assert_eq!(asked.decide(&Step::Reopen, staff(9), NOW).unwrap().satisfied, None);
}

#[test]
fn a_complaint_holds_until_it_is_answered_and_a_question_never() {
    let open = ticket(State::Working);
    let answered = open.decide(&Step::Answer { outcome: Outcome::Unfounded, words: "已核实".into() }, staff(7), NOW).unwrap();
    assert!(open.holds && !answered.holds);
    assert!(answered.decide(&Step::Reopen, staff(9), NOW).unwrap().holds, "opened again it holds again");
    assert!(!open.decide(&Step::Withdraw, staff(7), NOW).unwrap().holds);
    let question = Step::Reclassify { kind: Kind::Question, base: None };
    assert!(!open.decide(&question, staff(7), NOW).unwrap().holds);
    let anonymous = Ticket { subscription: None, holds: false, ..ticket(State::Working) };
    let dispute = Step::Reclassify { kind: Kind::Dispute, base: None };
    assert!(!anonymous.decide(&dispute, staff(7), NOW).unwrap().holds, "nobody's case to hold");
}

#[test]
fn a_pause_survives_a_change_of_class() {
    let at = |days: i64| NOW.plus_ms(days * DAY_MS);
    let due = |ticket: &Ticket, now| ticket.clock.due(now, LONGEST).unwrap();
    let paused = ticket(State::Working).decide(&Step::Pause, staff(7), at(1)).unwrap();
    // While it stops, the end moves with the day, and nothing is late.
    assert_eq!(due(&paused, at(3)), at(17));
    assert!(!paused.late(at(30), LONGEST));
    // Two days into the pause it turns out to be a question of two days.
    let question = paused.decide(&Step::Reclassify { kind: Kind::Question, base: Some(at(2)) }, staff(7), at(3)).unwrap();
    assert_eq!(due(&question, at(3)), at(4), "two days waited before the change still count");
    let running = question.decide(&Step::Resume, staff(7), at(4)).unwrap();
    assert_eq!(due(&running, at(9)), at(5), "three days waited in all");
    assert!(!running.late(at(5), LONGEST) && running.late(at(5).plus_ms(1), LONGEST));
    // And back: the complaint's end, with the same three days.
    let complaint = running.decide(&Step::Reclassify { kind: Kind::Complaint, base: Some(at(15)) }, staff(7), at(6)).unwrap();
    assert_eq!(due(&complaint, at(6)), at(18));
    // Nobody waits for a customer for ever.
    let endless = complaint.decide(&Step::Pause, staff(7), at(7)).unwrap();
    assert_eq!(due(&endless, at(300)), at(30));
    // Answered on day 8, opened again on day 20: twelve days were nobody's delay.
    let answered = complaint.decide(&Step::Answer { outcome: Outcome::Informed, words: "已办".into() }, staff(7), at(8)).unwrap();
    let again = answered.decide(&Step::Reopen, staff(7), at(20)).unwrap();
    assert_eq!(due(&again, at(20)), at(30));
    // Without its holidays a clock has no end, and nothing is called late by a guess.
    let held = Ticket { clock: Clocked::default(), ..ticket(State::Working) };
    assert_eq!(held.clock.due(at(99), LONGEST), None);
    assert!(!held.late(at(99), LONGEST));
}

#[test]
fn rates_count_who_was_asked_and_who_came_again() {
    let mut quality = Quality::default();
    assert_eq!((quality.satisfaction(), quality.resolution()), (None, None));
    let answered = |satisfied, recontacted| Ticket { satisfied, recontacted, ..ticket(State::Answered) };
    let week = NOW.plus_ms(7 * DAY_MS);
    quality.count(&answered(None, false), week.plus_ms(-HOUR_MS), 7);
    assert_eq!(quality, Quality::default(), "too early to tell");
    for one in [answered(Some(true), false), answered(Some(true), false), answered(Some(false), true), answered(None, false)] {
        quality.count(&one, week, 7);
    }
    assert_eq!(quality, Quality { surveyed: 3, satisfied: 2, settled: 4, resolved: 3 });
    assert_eq!((quality.satisfaction(), quality.resolution()), (Some(666), Some(750)));
    quality.count(&ticket(State::Working), week, 7);
    assert_eq!(quality.settled, 4, "what is not answered is neither");
}

proptest! {
    /// Whatever is done in whatever order: the end is the kind's own end, the time waited up to the cap, and the time spent answered; it holds
    /// only while somebody owes the customer an answer.
    #[test]
    fn the_end_is_base_and_waits(choice in proptest::collection::vec((0_usize..10, 1_i64..72), 0..60)) {
        let (mut one, mut now) = (ticket(State::Open), NOW);
        let (mut waited, mut rested) = (0_i64, 0_i64);
        for (step, hours) in choice {
            let before = one.state;
            now = now.plus_ms(hours * HOUR_MS);
            if before == State::Waiting {
                waited += hours * HOUR_MS;
            }
            let answered = one.answered_at;
            if let Ok(next) = one.decide(&steps()[step], one.worker.unwrap_or(staff(7)), now) {
                if matches!(steps()[step], Step::Reopen) {
                    rested += now.0 - answered.unwrap().0;
                }
                one = next;
            }
            if one.state != State::Withdrawn {
                prop_assert_eq!(one.clock.due(now, LONGEST), one.clock.base.map(|base| base.plus_ms(waited.min(LONGEST) + rested)));
            }
            prop_assert!(!one.holds || one.pending());
            prop_assert_eq!(one.answered_at.is_some(), matches!(one.state, State::Answered | State::Closed));
        }
    }
}
