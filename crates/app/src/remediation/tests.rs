//! Every state against every step, each guard by its own name, and the ladder climbed by a clock that comes late, early and out of order.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails stops")]

use chuangsha_kernel::{
    id::StaffId,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use jiff::civil::date;
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    campaign::{self, Planned, Target},
    case::{Case, Delivered, Effect, Facts, Ladder, Medium, Purpose, Refusal, Stage, State, Step, Wait},
    kind::Kind,
    ladder,
};
use crate::rulebook;

/// A Monday morning: people may be called and lines may be stopped.
const NOW: Timestamp = Timestamp(1_795_399_200_000);
const ANN: StaffId = StaffId(Uuid::from_u128(1));
const BOB: StaffId = StaffId(Uuid::from_u128(2));
const ORDER: Uuid = Uuid::from_u128(77);

fn lengths() -> Ladder {
    Ladder::read(&rulebook::embedded(true).unwrap(), "990100", NOW).unwrap()
}

fn case(state: State) -> Case {
    let aside = matches!(state, State::ReRegistering | State::EmergencyRestored | State::Held);
    Case {
        id: Uuid::from_u128(9),
        campaign: Uuid::from_u128(8),
        wave: 1,
        subscription: Uuid::from_u128(7),
        kind: Kind::Unverified,
        region: "990100".into(),
        channel_kind: 2,
        state,
        version: 3,
        before: aside.then_some(State::SingleStop),
        since: NOW.plus_ms(-20 * DAY_MS),
        due: NOW,
        left_ms: 0,
        first_at: Some(NOW.plus_ms(-40 * DAY_MS)),
        window_ends: Some(NOW),
        contacts: 4,
        tries: 0,
        complaints: 0,
        owner: None,
        worker: None,
        exempt_until: None,
        hold: state.is_stopped().then(|| Uuid::from_u128(5)),
        order: (state == State::ReRegistering).then_some(ORDER),
        wait: Wait::Nothing,
    }
}

fn all_told() -> Delivered {
    let told = Some((NOW.plus_ms(-10 * DAY_MS), NOW.plus_ms(-31 * DAY_MS)));
    Delivered { contacts: 3, media: 3, told: [told; 4] }
}

fn facts() -> Facts {
    Facts {
        stages: 15,
        paused: 0,
        protected: false,
        in_service: true,
        delivered: all_told(),
        contact_at: NOW,
        stop_at: Some(NOW),
        cap_left: true,
        tomorrow: ladder::next_day(NOW),
        balance: Some(500),
        ordered: false,
    }
}

#[test]
fn every_state_takes_exactly_the_steps_of_the_table() {
    use State::{
        Called, Cancelled, Closed, DoubleStop, EmergencyRestored, FinalNotice, Held, Identified, Quarantined, ReRegistering, Refunding,
        RemindExpired, Restored, SingleStop, SmsSent, Warned,
    };
    let facts = facts();
    let until = NOW.plus_ms(24 * HOUR_MS);
    let steps = [
        Step::Tick(&facts),
        Step::Come { order: Uuid::from_u128(78) },
        Step::ComeToNothing,
        Step::Restore,
        Step::Emergency { until, actor: ANN, approver: BOB },
        Step::Complain,
        Step::Release { by: ANN },
        Step::Own { owner: ANN },
        Step::Exempt { until },
        Step::Protect,
        Step::Settle,
        Step::Reach,
        Step::Parcel { worker: ANN },
    ];
    let aside = Some(ReRegistering);
    let (over, held, back) = (Some(Restored), Some(Held), Some(SingleStop));
    let safe = Some(Called);
    // Columns: tick, come, to nothing, restore, emergency, complain, release, own, exempt, protect, settle, reach, parcel.
    #[rustfmt::skip]
    let table: [(State, [Option<State>; 13]); 16] = [
        (Identified,        [Some(SmsSent),       aside, None, over, None, held, None, Some(Identified), Some(Identified), Some(Identified), None, Some(Identified), Some(Identified)]),
        (SmsSent,           [Some(SmsSent),       aside, None, over, None, held, None, Some(SmsSent), Some(SmsSent), Some(SmsSent), None, Some(SmsSent), Some(SmsSent)]),
        (Called,            [Some(RemindExpired), aside, None, over, None, held, None, Some(Called), Some(Called), Some(Called), None, Some(Called), Some(Called)]),
        (RemindExpired,     [Some(Warned),        aside, None, over, None, held, None, Some(RemindExpired), Some(RemindExpired), Some(RemindExpired), None, Some(RemindExpired), Some(RemindExpired)]),
        (Warned,            [Some(SingleStop),    aside, None, over, None, held, None, Some(Warned), Some(Warned), Some(Warned), None, Some(Warned), Some(Warned)]),
        (SingleStop,        [Some(DoubleStop),    aside, None, over, Some(EmergencyRestored), held, None, Some(SingleStop), safe, safe, None, Some(SingleStop), Some(SingleStop)]),
        (DoubleStop,        [Some(FinalNotice),   aside, None, over, Some(EmergencyRestored), held, None, Some(DoubleStop), safe, safe, None, Some(DoubleStop), Some(DoubleStop)]),
        (ReRegistering,     [back,                None,  back, over, None, held, None, Some(ReRegistering), Some(ReRegistering), Some(ReRegistering), None, Some(ReRegistering), Some(ReRegistering)]),
        (Restored,          [Some(Restored),      None,  None, None, None, None, None, None, None, None, None, None, None]),
        (EmergencyRestored, [back,                aside, None, over, None, held, None, Some(EmergencyRestored), Some(EmergencyRestored), Some(EmergencyRestored), None, Some(EmergencyRestored), Some(EmergencyRestored)]),
        (FinalNotice,       [Some(Cancelled),     aside, None, over, Some(EmergencyRestored), held, None, Some(FinalNotice), safe, safe, None, Some(FinalNotice), Some(FinalNotice)]),
        (Cancelled,         [Some(Refunding),     None,  None, None, None, None, None, None, None, None, None, None, None]),
        (Refunding,         [Some(Quarantined),   None,  None, None, None, None, None, None, None, None, Some(Quarantined), None, None]),
        (Quarantined,       [Some(Closed),        None,  None, None, None, None, None, None, None, None, None, None, None]),
        (Closed,            [Some(Closed),        None,  None, None, None, None, None, None, None, None, None, None, None]),
        (Held,              [Some(Held),          aside, None, over, None, held, back, Some(Held), Some(Held), Some(Held), None, Some(Held), Some(Held)]),
    ];
    assert_eq!(table.map(|(state, _)| state).as_slice(), State::ALL);
    let ladder = lengths();
    for (state, expected) in table {
        for (step, expected) in steps.iter().zip(expected) {
            let done = case(state).decide(*step, &ladder, NOW);
            assert_eq!(done.as_ref().ok().map(|done| done.case.state), expected, "{state:?} {step:?} {done:?}");
            if let Err(refusal) = done {
                assert_eq!(refusal, Refusal::OutOfOrder(state), "{step:?}");
            }
        }
    }
}

#[test]
fn each_guard_refuses_by_its_own_name() {
    let ladder = lengths();
    let decide = |case: &Case, step| case.decide(step, &ladder, NOW).unwrap_err();
    let stopped = case(State::SingleStop);
    let emergency = |hours: i64, approver| Step::Emergency { until: NOW.plus_ms(hours * HOUR_MS), actor: ANN, approver };
    assert_eq!(decide(&stopped, emergency(73, BOB)), Refusal::TooLong { hours: 72 });
    assert_eq!(decide(&stopped, emergency(0, BOB)), Refusal::TooLong { hours: 72 });
    assert_eq!(decide(&stopped, emergency(24, ANN)), Refusal::SamePerson);
    let late = NOW.plus_ms(181 * DAY_MS);
    assert_eq!(decide(&case(State::Called), Step::Exempt { until: late }), Refusal::ExemptionTooLong { days: 180 });
    assert_eq!(decide(&case(State::Called), Step::Exempt { until: NOW }), Refusal::ExemptionTooLong { days: 180 });
    let three = Case { complaints: 3, ..case(State::Held) };
    assert_eq!(
        decide(&three, Step::Release { by: ANN }),
        Refusal::OwnerMissing { complaints: 3 },
        "three complaints give the case an owner"
    );
    let owned = Case { owner: Some(BOB), ..three };
    assert_eq!(decide(&owned, Step::Release { by: ANN }), Refusal::NotOwner);
    assert_eq!(owned.decide(Step::Release { by: BOB }, &ladder, NOW).unwrap().case.state, State::SingleStop);
}

#[test]
fn what_cannot_happen_now_waits_and_says_what_for() {
    let ladder = lengths();
    let waits = |state: State, facts: &Facts| {
        let done = case(state).decide(Step::Tick(facts), &ladder, NOW).unwrap();
        assert!(done.effects.is_empty() && done.case.due > NOW, "{state:?} {done:?}");
        assert_eq!(done.case.state, state);
        done.case.wait
    };
    let open = facts();
    let undelivered = Facts { delivered: Delivered { media: 1, ..all_told() }, ..open };
    assert_eq!(waits(State::RemindExpired, &undelivered), Wait::Undelivered, "two contacts by one medium are not enough");
    assert_eq!(waits(State::Warned, &undelivered), Wait::Undelivered);
    assert_eq!(waits(State::SingleStop, &Facts { delivered: Delivered::default(), ..open }), Wait::Undelivered);
    for state in [State::Warned, State::SingleStop] {
        assert_eq!(waits(state, &Facts { cap_left: false, ..open }), Wait::Cap);
        assert_eq!(waits(state, &Facts { stop_at: None, ..open }), Wait::NoCalendar, "nobody knows the holidays: nobody is stopped");
        assert_eq!(waits(state, &Facts { stop_at: Some(NOW.plus_ms(HOUR_MS)), ..open }), Wait::StopHours);
        assert_eq!(waits(state, &Facts { stages: Stage::Remind as i64, ..open }), Wait::Stage);
    }
    let quiet = Facts { contact_at: NOW.plus_ms(HOUR_MS), ..open };
    assert_eq!(waits(State::Identified, &quiet), Wait::QuietHours);
    assert_eq!(waits(State::SmsSent, &quiet), Wait::QuietHours);
    assert_eq!(waits(State::FinalNotice, &Facts { balance: None, ..open }), Wait::Balance);
    assert_eq!(waits(State::Called, &Facts { protected: true, ..open }), Wait::Protected);
    let exempt = Case { exempt_until: Some(NOW.plus_ms(DAY_MS)), ..case(State::Identified) };
    let done = exempt.decide(Step::Tick(&open), &ladder, NOW).unwrap();
    assert_eq!((done.case.wait, done.case.due), (Wait::Exempt, NOW.plus_ms(DAY_MS)), "exemption is asked before the state");
}

#[test]
fn a_warning_holds_the_steps_into_its_stage_and_no_others() {
    let ladder = lengths();
    let climbing = [
        State::Identified,
        State::SmsSent,
        State::Called,
        State::RemindExpired,
        State::Warned,
        State::SingleStop,
        State::DoubleStop,
        State::FinalNotice,
    ];
    for state in State::ALL {
        let open = case(*state).decide(Step::Tick(&facts()), &ladder, NOW).unwrap();
        for stage in Stage::ALL {
            let done = case(*state).decide(Step::Tick(&Facts { paused: *stage as i64, ..facts() }), &ladder, NOW).unwrap();
            if climbing.contains(state) && open.case.state.stage() == *stage {
                assert_eq!((done.case.state, done.case.wait, done.effects.len()), (*state, Wait::Warning, 0), "{state:?} {stage:?}");
                assert_eq!((done.case.due, done.case.tries), (ladder::next_day(NOW), case(*state).tries));
            } else {
                // What goes back, ends, or leads elsewhere is nothing the warning is about.
                assert_eq!(done, open, "{state:?} {stage:?}");
            }
        }
    }
    // Whoever may not be stopped is lifted all the same, and whoever is gone is let go.
    let all = Facts { paused: 15, ..facts() };
    let lifted = case(State::SingleStop).decide(Step::Tick(&Facts { protected: true, ..all }), &ladder, NOW).unwrap();
    assert_eq!(lifted.effects, [Effect::Lift]);
    let gone = case(State::Warned).decide(Step::Tick(&Facts { in_service: false, ..all }), &ladder, NOW).unwrap();
    assert_eq!(gone.case.state, State::Closed);
    // Quiet hours say so, and not the warning: there was no step to hold.
    let quiet = Facts { contact_at: NOW.plus_ms(HOUR_MS), ..all };
    assert_eq!(case(State::Identified).decide(Step::Tick(&quiet), &ladder, NOW).unwrap().case.wait, Wait::QuietHours);
}

#[test]
fn whoever_is_protected_while_stopped_is_lifted_at_once() {
    let ladder = lengths();
    for state in [State::SingleStop, State::DoubleStop, State::FinalNotice] {
        for done in [
            case(state).decide(Step::Protect, &ladder, NOW).unwrap(),
            case(state).decide(Step::Tick(&Facts { protected: true, ..facts() }), &ladder, NOW).unwrap(),
        ] {
            assert_eq!((done.case.state, done.case.hold), (State::Called, None));
            assert_eq!(done.effects, [Effect::Lift]);
        }
    }
    // Put aside while stopped: lifted, and it does not return into the stop.
    let held = case(State::Held).decide(Step::Protect, &ladder, NOW).unwrap();
    assert_eq!((held.case.state, held.case.before, held.effects), (State::Held, Some(State::Called), vec![Effect::Lift]));
}

#[test]
fn the_warning_runs_from_when_it_arrived_and_a_lost_one_is_repeated() {
    let ladder = lengths();
    let arrived = |at: Timestamp| {
        let mut delivered = all_told();
        delivered.told[Purpose::Warn as usize - 1] = Some((NOW.plus_ms(-5 * DAY_MS), at));
        Facts { delivered, ..facts() }
    };
    let warned = Case { tries: 1, ..case(State::Warned) };
    let late = warned.decide(Step::Tick(&arrived(NOW.plus_ms(-HOUR_MS))), &ladder, NOW).unwrap();
    assert_eq!((late.case.state, late.case.due), (State::Warned, NOW.plus_ms(71 * HOUR_MS)));
    let mut delivered = all_told();
    delivered.told[Purpose::Warn as usize - 1] = None;
    let lost = warned.decide(Step::Tick(&Facts { delivered, ..facts() }), &ladder, NOW).unwrap();
    let [Effect::Contact { medium, purpose, deadline }] = lost.effects[..] else { panic!("{lost:?}") };
    assert_eq!((medium, purpose), (Medium::Call, Purpose::Warn), "the other medium");
    assert_eq!(deadline, NOW.plus_ms(72 * HOUR_MS), "its deadline is told anew, and lies ahead");
}

#[test]
fn a_restoration_for_an_emergency_goes_back_with_a_warnings_time() {
    let ladder = lengths();
    let until = NOW.plus_ms(24 * HOUR_MS);
    let open = case(State::DoubleStop).decide(Step::Emergency { until, actor: ANN, approver: BOB }, &ladder, NOW).unwrap();
    assert_eq!(open.effects, [Effect::Interrupt { until }]);
    assert_eq!((open.case.due, open.case.before), (until, Some(State::DoubleStop)));
    let back = open.case.decide(Step::Tick(&facts()), &ladder, until).unwrap().case;
    assert_eq!((back.state, back.before), (State::DoubleStop, None));
    assert!(back.due >= until.plus_ms(72 * HOUR_MS) && back.window_ends == Some(until), "the window is longer by what was put aside");
}

#[test]
fn a_number_that_is_somebody_elses_by_now_ends_the_case_without_a_word() {
    let ladder = lengths();
    let gone = Facts { in_service: false, ..facts() };
    for state in State::ALL.iter().copied().filter(|state| state.is_open()) {
        let done = Case { due: NOW, ..case(state) }.decide(Step::Tick(&gone), &ladder, NOW).unwrap();
        assert_eq!(done.case.state, State::Closed, "{state:?}");
        assert!(!done.effects.iter().any(|effect| matches!(effect, Effect::Contact { .. } | Effect::Stop | Effect::Raise)), "{done:?}");
    }
}

#[test]
fn the_hours_of_contacts_and_stops_follow_the_packs() {
    let rules = rulebook::embedded(true).unwrap();
    let at = |month, day, hour: i8| Timestamp::start_of(date(2026, month, day)).plus_ms(i64::from(hour) * HOUR_MS);
    let contact = |at| ladder::contact_at(&rules, "990100", at).unwrap();
    assert_eq!(contact(at(11, 23, 10)), at(11, 23, 10));
    assert_eq!(contact(at(11, 23, 13)), at(11, 23, 14), "people rest at noon");
    assert_eq!(contact(at(11, 23, 22)), at(11, 24, 9), "and at night");
    assert_eq!(contact(at(11, 23, 3)), at(11, 23, 9));
    let stop = |at| ladder::stop_at(&rules, "990100", at).unwrap();
    assert_eq!(stop(at(11, 23, 10)), Some(at(11, 23, 10)));
    assert_eq!(stop(at(11, 23, 17)), Some(at(11, 24, 9)));
    assert_eq!(stop(at(11, 21, 10)), Some(at(11, 23, 9)), "nobody is stopped on a Saturday");
    assert_eq!(stop(at(9, 30, 17)), Some(at(10, 8, 9)), "nor in the holidays");
    let unknown = Timestamp::start_of(date(2031, 3, 3)).plus_ms(10 * HOUR_MS);
    assert_eq!(stop(unknown), None, "a year whose holidays nobody knows");
}

#[test]
fn stages_follow_each_other_and_a_citys_plan_beats_the_general_one() {
    let stage =
        |region: &str, stage, month| Planned { region: region.into(), stage, from: date(2026, month, 1), until: date(2026, month, 28) };
    let general: Vec<Planned> = Stage::ALL.iter().zip([1, 2, 4, 8]).map(|(one, month)| stage("", *one, month)).collect();
    campaign::check_plan(&general).unwrap();
    assert_eq!(campaign::check_plan(&general[..3]), Err(Refusal::FieldInvalid("stages")), "exactly four");
    let mut swapped = general.clone();
    swapped[1].from = date(2025, 12, 1);
    assert_eq!(campaign::check_plan(&swapped), Err(Refusal::StageOrder));
    let mut own = general;
    own.push(stage("9901", Stage::Suspend, 5));
    assert_eq!(campaign::begun(&own, "990200", date(2026, 2, 2)), 3);
    assert_eq!(campaign::begun(&own, "990100", date(2026, 4, 2)), 1, "a later stage waits for the one before it");
    assert_eq!(campaign::begun(&own, "990100", date(2026, 5, 2)), 7);
}

#[test]
fn a_target_replaces_another_and_both_stay_answerable() {
    let old = Target { due: date(2026, 12, 31), percent: 80, since: date(2026, 1, 1), until: Some(date(2026, 7, 1)) };
    let new = Target { due: date(2026, 10, 31), percent: 96, since: date(2026, 7, 1), until: None };
    let targets = [old, new];
    let planned = |month, day| campaign::planned_percent(&targets, date(2026, 1, 1), date(2026, month, day));
    assert_eq!(planned(6, 30), 80 * 180 / 364, "by the schedule of its time");
    assert_eq!(planned(7, 2), 96 * 182 / 303, "and by the new one from the day it held");
    assert_eq!(planned(12, 1), 96);
}

/// One thing that happens to a case in the property test.
#[derive(Debug, Clone, Copy)]
enum Event {
    Wait(i64),
    Arrive,
    Lose,
    Complain,
    Release,
    Protect,
    Unprotect,
    Exempt(i64),
    Emergency(i64),
    Come,
    GoAway,
    Restore,
    Silence,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        8 => (1_i64..20).prop_map(Event::Wait),
        5 => Just(Event::Arrive),
        2 => Just(Event::Lose),
        1 => Just(Event::Complain),
        1 => Just(Event::Release),
        1 => Just(Event::Protect),
        1 => Just(Event::Unprotect),
        1 => (1_i64..60).prop_map(Event::Exempt),
        1 => (1_i64..72).prop_map(Event::Emergency),
        1 => Just(Event::Come),
        1 => Just(Event::GoAway),
        1 => Just(Event::Restore),
        1 => Just(Event::Silence),
    ];
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// H.5 and the promises of the ladder, whatever happens in whatever order and however late the clock comes.
    #[test]
    fn nobody_is_stopped_but_by_the_ladder(events in events()) {
        let ladder = lengths();
        let mut now = NOW;
        let mut case = Case { first_at: None, window_ends: None, contacts: 0, due: NOW, since: NOW, ..case(State::Identified) };
        let mut waiting: Vec<(Medium, Purpose, Timestamp)> = Vec::new();
        let mut delivered = Delivered::default();
        let mut protected = false;
        for event in events {
            let open = Facts { protected, delivered, tomorrow: ladder::next_day(now), contact_at: now, stop_at: Some(now), ..facts() };
            let old = case.clone();
            let step = match event {
                Event::Wait(days) => { now = now.plus_ms(days * DAY_MS); None }
                Event::Arrive => {
                    for (medium, purpose, at) in waiting.drain(..) {
                        delivered.contacts += 1;
                        delivered.media |= medium as i64;
                        delivered.told[purpose as usize - 1] = Some((at, now));
                    }
                    None
                }
                Event::Lose => { waiting.clear(); None }
                Event::Complain => Some(Step::Complain),
                Event::Release => Some(Step::Release { by: ANN }),
                Event::Protect => { protected = true; Some(Step::Protect) }
                Event::Unprotect => {
                    protected = false;
                    // As `desk::unprotected`: only what waits for this is looked at now.
                    if case.wait == Wait::Protected {
                        case.due = case.due.min(now);
                    }
                    None
                }
                Event::Exempt(days) => Some(Step::Exempt { until: now.plus_ms(days * DAY_MS) }),
                Event::Emergency(hours) => Some(Step::Emergency { until: now.plus_ms(hours * HOUR_MS), actor: ANN, approver: BOB }),
                Event::Come => Some(Step::Come { order: ORDER }),
                Event::GoAway => Some(Step::ComeToNothing),
                Event::Restore => Some(Step::Restore),
                Event::Silence => { now = now.plus_ms(DAY_MS); None }
            };
            let done = match step {
                Some(step) => case.decide(step, &ladder, now).ok(),
                None => Some(case.decide(Step::Tick(&Facts { protected, delivered, tomorrow: ladder::next_day(now), contact_at: now, stop_at: Some(now), ..open }), &ladder, now).unwrap()),
            };
            let Some(done) = done else { continue };
            for effect in &done.effects {
                match effect {
                    Effect::Contact { medium, purpose, deadline } => {
                        prop_assert!(deadline.0 >= now.plus_ms(ladder.warning).0, "a deadline lies a warning's time ahead: {done:?}");
                        waiting.push((*medium, *purpose, now));
                    }
                    Effect::Stop => {
                        prop_assert!(!protected && old.exempt_until.is_none_or(|until| until <= now), "nobody protected or exempt is stopped");
                        prop_assert!(delivered.contacts >= 2 && delivered.media.count_ones() >= 2, "two contacts by two media");
                        prop_assert_eq!(old.state, State::Warned);
                        prop_assert!(now.0 - old.first_at.unwrap().0 >= ladder.earliest_stop(), "not before its deadlines");
                        let (_, arrived) = delivered.told[Purpose::Warn as usize - 1].unwrap();
                        prop_assert!(now.0 - arrived.0 >= ladder.warning, "the warning arrived its time before");
                    }
                    Effect::Raise => prop_assert!(old.state == State::SingleStop && !protected && now.0 - old.since.0 >= ladder.warning),
                    Effect::Terminate => {
                        prop_assert!(old.state == State::FinalNotice && now.0 - old.since.0 >= ladder.final_notice);
                        prop_assert!(done.effects.iter().any(|effect| matches!(effect, Effect::Refund { .. })), "no cancellation without its refund");
                    }
                    _ => {}
                }
            }
            let forward = |state: State| match state {
                State::Identified => 0, State::SmsSent => 1, State::Called => 2, State::RemindExpired => 3, State::Warned => 4,
                State::SingleStop => 5, State::DoubleStop => 6, State::FinalNotice => 7, State::Cancelled => 8, _ => -1,
            };
            let (from, to) = (forward(old.state), forward(done.case.state));
            if step.is_none() && from >= 0 && to >= 0 {
                prop_assert!(to <= from + 1, "no stage is skipped: {:?} to {:?}", old.state, done.case.state);
            }
            prop_assert!(step.is_none() || !done.effects.contains(&Effect::Stop), "only the clock stops");
            if matches!(done.case.state, State::Restored) {
                prop_assert!(done.effects.contains(&Effect::Lift) || old.state == State::Restored, "restored means lifted");
            }
            prop_assert_eq!(matches!(done.case.state, State::Held | State::ReRegistering | State::EmergencyRestored), done.case.before.is_some());
            case = done.case;
            if case.state == State::Cancelled { break; }
        }
    }
}
