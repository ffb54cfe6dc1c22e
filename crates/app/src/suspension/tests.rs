//! The pure hold: every state against every step, every guard, and what no sequence of steps on several holds may ever bring about (G3).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails stops")]

use chuangsha_kernel::{
    id::StaffId,
    problem::Refuse,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Standing,
    hold::{Ground, Hold, Level, Method, Notice, Refusal, State, Step, Tier},
};

const NOW: Timestamp = Timestamp(1_780_000_000_000);
const DECIDER: StaffId = StaffId(Uuid::from_u128(1));
const WORKER: StaffId = StaffId(Uuid::from_u128(2));

fn notice() -> Notice {
    Notice::new("未实名登记", "任一自有营业厅", "有效身份证件原件")
}

fn fresh(ground: Ground) -> Hold {
    let notice = if ground == Ground::Police { notice().with_reference("公停〔2026〕8 号") } else { notice() };
    Hold::new(Uuid::from_u128(9), Uuid::from_u128(10), ground, "L-REM-7", notice, None, NOW.plus_ms(-DAY_MS))
}

/// A risk hold in a state, as the way there leaves it: every timer has run out, and an emergency restoration with it.
fn hold(state: State) -> Hold {
    let past = NOW.plus_ms(-1);
    let level = match state {
        State::Active | State::Flagged | State::VerifyRequested => None,
        State::Limited => Some(Level::Limited),
        State::StoppedBoth => Some(Level::StoppedBoth),
        _ => Some(Level::StoppedOut),
    };
    Hold {
        state,
        level,
        version: 3,
        tier: Some(Tier::High),
        method: Some(Method::Counter),
        decided_by: level.map(|_| DECIDER),
        due: (state == State::VerifyRequested).then_some(past),
        until: level.map(|_| past),
        interrupted_until: None,
        ..fresh(Ground::Risk)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Ask,
    Pass,
    Fail,
    Stop,
    Raise,
    Appeal,
    Decide,
    Interrupt,
    Resume,
    Lift,
    Expire,
    End,
    Terminate,
}

impl Kind {
    const ALL: [Self; 14] = [
        Self::Flag,
        Self::Ask,
        Self::Pass,
        Self::Fail,
        Self::Stop,
        Self::Raise,
        Self::Appeal,
        Self::Decide,
        Self::Interrupt,
        Self::Resume,
        Self::Lift,
        Self::Expire,
        Self::End,
        Self::Terminate,
    ];

    /// Without a wildcard: a new step does not compile until it has a column.
    fn of(step: &Step<'_>) -> Self {
        match step {
            Step::Flag => Self::Flag,
            Step::AskVerification { .. } => Self::Ask,
            Step::Pass => Self::Pass,
            Step::Fail { .. } => Self::Fail,
            Step::Stop { .. } => Self::Stop,
            Step::Raise { .. } => Self::Raise,
            Step::Appeal { .. } => Self::Appeal,
            Step::Decide { .. } => Self::Decide,
            Step::Interrupt { .. } => Self::Interrupt,
            Step::Resume => Self::Resume,
            Step::Lift => Self::Lift,
            Step::Expire => Self::Expire,
            Step::End => Self::End,
            Step::Terminate { .. } => Self::Terminate,
        }
    }

    /// A step of this kind with every guard met.
    fn step(self) -> Step<'static> {
        match self {
            Self::Flag => Step::Flag,
            Self::Ask => Step::AskVerification { tier: Tier::High, method: Method::Counter, due: NOW.plus_ms(DAY_MS) },
            Self::Pass => Step::Pass,
            Self::Fail => Step::Fail { came: false, level: Level::StoppedOut, basic: false },
            Self::Stop => stop(Level::StoppedOut),
            Self::Raise => Step::Raise { level: Level::StoppedBoth, by: Some(DECIDER), basic: false },
            Self::Appeal => Step::Appeal { worker: WORKER },
            Self::Decide => Step::Decide { by: WORKER, passed: true, why: "" },
            Self::Interrupt => interrupt(NOW.plus_ms(HOUR_MS)),
            Self::Resume => Step::Resume,
            Self::Lift => Step::Lift,
            Self::Expire => Step::Expire,
            Self::End => Step::End,
            Self::Terminate => Step::Terminate { detached: true, ordered: false },
        }
    }
}

const fn stop(level: Level) -> Step<'static> {
    Step::Stop { level, by: Some(DECIDER), basic: false, overdue: true, due: None, until: None }
}

const fn interrupt(until: Timestamp) -> Step<'static> {
    Step::Interrupt { by: Some(DECIDER), approver: WORKER, until, most_ms: 72 * HOUR_MS, reason: "家中急病" }
}

#[rustfmt::skip]
fn row(state: State) -> [Option<State>; 14] {
    use State::{Appealing as App, Flagged as Fla, Lifted as Lif, Limited as Lim, StoppedBoth as Bot, StoppedOut as Out, Terminated as Ter, VerifyRequested as Ver};
    const O: Option<State> = None;
    let s = Some;
    match state {
        //                          flag    ask     pass    fail    stop    raise   appeal  decide  interr. resume  lift    expire  end     terminate
        State::Active          => [s(Fla), s(Ver), O,      O,      s(Out), O,      O,      O,      O,      O,      O,      O,      O,      O     ],
        State::Flagged         => [O,      s(Ver), O,      O,      s(Out), O,      O,      O,      O,      O,      s(Lif), O,      s(Ter), O],
        State::VerifyRequested => [O,      O,      s(Lif), s(Out), s(Out), O,      O,      O,      O,      O,      s(Lif), O,      s(Ter), O],
        State::Limited         => [O,      O,      s(Lif), O,      O,      s(Bot), s(App), O,      s(Lim), O,      s(Lif), s(Lif), s(Ter), O],
        State::StoppedOut      => [O,      O,      s(Lif), O,      O,      s(Bot), s(App), O,      s(Out), O,      s(Lif), s(Lif), s(Ter), O],
        State::StoppedBoth     => [O,      O,      s(Lif), O,      O,      O,      s(App), O,      s(Bot), O,      s(Lif), s(Lif), s(Ter), O],
        State::Appealing       => [O,      O,      O,      O,      O,      O,      O,      s(Lif), s(App), O,      s(Lif), s(Lif), s(Ter), O],
        State::Lifted          => [O; 14],
        State::Terminated      => [O; 14],
    }
}

#[test]
fn every_state_takes_exactly_the_steps_of_the_table() {
    for state in State::ALL.iter().copied() {
        for (kind, target) in Kind::ALL.into_iter().zip(row(state)) {
            let (step, old) = (kind.step(), hold(state));
            assert_eq!(Kind::of(&step), kind);
            match (old.decide(step, NOW), target) {
                (Ok(next), Some(target)) => {
                    assert_eq!((next.state, next.version), (target, old.version + 1), "{state:?} {kind:?}");
                    assert_eq!((next.id, next.ground, &next.article, &next.notice), (old.id, old.ground, &old.article, &old.notice));
                }
                (Err(Refusal::OutOfOrder(refused)), None) => assert_eq!(refused, state, "{state:?} {kind:?}"),
                // What is stopped both ways is not raised further, and says so.
                (Err(Refusal::NotHigher), None) if kind == Kind::Raise && state == State::StoppedBoth => {}
                // A risk ends nobody's service; what does is in its own test.
                (Err(Refusal::NotEnding), None) if kind == Kind::Terminate && old.level.is_some() => {}
                (other, target) => panic!("{state:?} {kind:?}: {other:?}, the table says {target:?}"),
            }
        }
        assert_eq!(state.is_final(), row(state).iter().all(Option::is_none), "{state:?}");
        assert_eq!(State::from_i64(state as i64), Some(state));
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
}

#[test]
fn an_emergency_restoration_counts_nothing_until_it_ends_and_is_not_prolonged() {
    let stopped = hold(State::StoppedOut);
    let short = stopped.decide(interrupt(NOW.plus_ms(HOUR_MS)), NOW).unwrap();
    assert_eq!((short.counts(), short.level), (None, Some(Level::StoppedOut)));
    assert_eq!(short.decide(interrupt(NOW.plus_ms(2 * HOUR_MS)), NOW), Err(Refusal::OutOfOrder(State::StoppedOut)));
    assert_eq!(short.decide(Step::Resume, NOW), Err(Refusal::NotDue));
    let back = short.decide(Step::Resume, NOW.plus_ms(HOUR_MS)).unwrap();
    assert_eq!(back.counts(), Some(Level::StoppedOut), "the previous stop returns");
    for until in [NOW, NOW.plus_ms(-1), NOW.plus_ms(72 * HOUR_MS + 1)] {
        assert_eq!(stopped.decide(interrupt(until), NOW), Err(Refusal::TooLong { hours: 72 }));
    }
    assert!(stopped.decide(interrupt(NOW.plus_ms(72 * HOUR_MS)), NOW).is_ok());
    let step = |by, approver, reason| Step::Interrupt { by, approver, until: NOW.plus_ms(HOUR_MS), most_ms: 72 * HOUR_MS, reason };
    assert_eq!(stopped.decide(step(Some(WORKER), WORKER, "家中急病"), NOW), Err(Refusal::NotApproved));
    assert_eq!(stopped.decide(step(Some(DECIDER), WORKER, " "), NOW), Err(Refusal::NoReason));
    let police = Hold { state: State::StoppedBoth, level: Some(Level::StoppedBoth), ..fresh(Ground::Police) };
    assert_eq!(police.decide(interrupt(NOW.plus_ms(HOUR_MS)), NOW), Err(Refusal::DoesNotYield));
}

#[test]
fn only_the_police_stops_both_ways_at_once_and_with_a_paper() {
    for ground in Ground::ALL.iter().copied() {
        let done = fresh(ground).decide(stop(Level::StoppedBoth), NOW);
        assert_eq!(done.is_ok(), ground == Ground::Police, "{ground:?}");
        assert!(fresh(ground).decide(stop(Level::StoppedOut), NOW).is_ok(), "{ground:?}");
    }
    let bare = Hold { notice: notice(), ..fresh(Ground::Police) };
    assert_eq!(bare.decide(stop(Level::StoppedBoth), NOW), Err(Refusal::NoReference));
}

#[test]
fn no_measure_is_without_its_basis_and_the_three_parts_of_its_notice() {
    for article in ["", "REM-7", "L-", "because"] {
        let bare = Hold { article: article.into(), ..fresh(Ground::Risk) };
        for step in [Step::Flag, stop(Level::Limited), Kind::Ask.step()] {
            assert_eq!(bare.decide(step, NOW), Err(Refusal::NoBasis), "{article}");
        }
    }
    let lacks = |notice: Notice, part| {
        let bare = Hold { notice, ..fresh(Ground::Risk) };
        assert_eq!(bare.decide(stop(Level::Limited), NOW), Err(Refusal::NoticeIncomplete(part)));
        assert_eq!(Refusal::NoticeIncomplete(part).problem().field.as_deref(), Some(part));
    };
    lacks(Notice { reason: " ".into(), ..notice() }, "reason");
    lacks(Notice { remedy: String::new(), ..notice() }, "remedy");
    lacks(Notice { documents: "证".into(), ..notice() }, "documents");
    lacks(Notice { reason: "字".repeat(61), ..notice() }, "reason");
    lacks(Notice { reason: "19900000001 涉诈".into(), ..notice() }, "reason");
}

#[test]
fn whoever_decided_does_not_hear_the_appeal_and_a_passed_one_lifts_in_the_same_step() {
    let stopped = hold(State::StoppedOut);
    assert_eq!(stopped.decide(Step::Appeal { worker: DECIDER }, NOW), Err(Refusal::OwnDecision));
    let appealing = stopped.decide(Step::Appeal { worker: WORKER }, NOW).unwrap();
    assert_eq!(appealing.counts(), Some(Level::StoppedOut), "an appeal leaves it as it was");
    assert_eq!(appealing.decide(Step::Decide { by: DECIDER, passed: true, why: "" }, NOW), Err(Refusal::OwnDecision));
    assert_eq!(appealing.decide(Step::Decide { by: WORKER, passed: false, why: "" }, NOW), Err(Refusal::NoReason));
    let back = appealing.decide(Step::Decide { by: WORKER, passed: false, why: "证据充分" }, NOW).unwrap();
    assert_eq!((back.state, back.counts()), (State::StoppedOut, Some(Level::StoppedOut)));
    // Raised by whoever heard it: a decision of their own, which another one hears.
    let raised = back.decide(Step::Raise { level: Level::StoppedBoth, by: Some(WORKER), basic: false }, NOW).unwrap();
    assert_eq!((raised.decided_by, raised.appeal_worker), (Some(WORKER), None));
    assert_eq!(raised.decide(Step::Appeal { worker: WORKER }, NOW), Err(Refusal::OwnDecision));
    let passed = appealing.decide(Step::Decide { by: WORKER, passed: true, why: "" }, NOW).unwrap();
    assert_eq!((passed.state, passed.counts()), (State::Lifted, None));
}

#[test]
fn a_punished_person_keeps_one_basic_line() {
    let basic = |level| Step::Stop { level, by: None, basic: true, overdue: true, due: None, until: None };
    for ground in [Ground::Punishment, Ground::Risk, Ground::ServiceLock] {
        assert!(fresh(ground).decide(basic(Level::Limited), NOW).is_ok(), "{ground:?}");
        assert_eq!(fresh(ground).decide(basic(Level::StoppedOut), NOW), Err(Refusal::BasicLine), "{ground:?}");
        let limited = Hold { state: State::Limited, level: Some(Level::Limited), ..fresh(ground) };
        let raised = limited.decide(Step::Raise { level: Level::StoppedBoth, by: None, basic: true }, NOW);
        assert_eq!(raised, Err(Refusal::BasicLine), "{ground:?}");
    }
    let asked = hold(State::VerifyRequested);
    let missed = asked.decide(Step::Fail { came: false, level: Level::StoppedOut, basic: true }, NOW).unwrap();
    assert_eq!(missed.level, Some(Level::Limited), "never below: limited instead of stopped");
}

#[test]
fn a_check_not_made_in_time_limits_and_one_not_passed_does_not_wait() {
    let asked = Hold { due: Some(NOW.plus_ms(DAY_MS)), ..hold(State::VerifyRequested) };
    let fail = |came| Step::Fail { came, level: Level::Limited, basic: false };
    assert_eq!(asked.decide(fail(false), NOW.plus_ms(DAY_MS - 1)), Err(Refusal::NotDue));
    assert_eq!(asked.decide(fail(false), NOW.plus_ms(DAY_MS)).unwrap().state, State::Limited);
    assert_eq!(asked.decide(fail(true), NOW).unwrap().state, State::Limited);
    assert_eq!(asked.decide(Step::Pass, NOW.plus_ms(9 * DAY_MS)).unwrap().state, State::Lifted, "late is not too late");
}

#[test]
fn arrears_stop_only_what_is_overdue_and_a_term_ends_itself() {
    let early = Step::Stop { level: Level::StoppedOut, by: None, basic: false, overdue: false, due: None, until: None };
    assert_eq!(fresh(Ground::Arrears).decide(early, NOW), Err(Refusal::NotOverdue));
    assert!(fresh(Ground::Dispute).decide(early, NOW).is_ok(), "a bill means nothing to another ground");
    let until = Some(NOW.plus_ms(DAY_MS));
    let term = Step::Stop { level: Level::Limited, by: None, basic: false, overdue: false, due: None, until };
    let punished = fresh(Ground::Punishment).decide(term, NOW).unwrap();
    assert_eq!(punished.decide(Step::Expire, NOW), Err(Refusal::NotDue));
    assert_eq!(punished.decide(Step::Expire, NOW.plus_ms(DAY_MS)).unwrap().state, State::Lifted);
}

#[test]
fn only_a_bill_unpaid_for_its_time_or_a_detached_dispute_ends_a_line() {
    let stopped = |ground| Hold { state: State::StoppedOut, level: Some(Level::StoppedOut), ..fresh(ground) };
    let end = |detached| Step::Terminate { detached, ordered: false };
    for ground in Ground::ALL.iter().copied().filter(|ground| !matches!(ground, Ground::Arrears | Ground::Dispute)) {
        assert_eq!(stopped(ground).decide(end(true), NOW), Err(Refusal::NotEnding), "{ground:?}");
    }
    let unpaid = Hold { due: Some(NOW), ..stopped(Ground::Arrears) };
    assert_eq!(unpaid.decide(end(false), NOW.plus_ms(-1)), Err(Refusal::NotDue));
    assert_eq!(unpaid.decide(end(false), NOW).unwrap().state, State::Terminated);
    assert_eq!(stopped(Ground::Arrears).decide(end(true), NOW), Err(Refusal::NotDue), "without a day it never runs out");
    let disputed = stopped(Ground::Dispute);
    assert_eq!(disputed.decide(end(false), NOW), Err(Refusal::NotDetached), "it still stands in somebody's name");
    assert_eq!(disputed.decide(end(true), NOW).unwrap().state, State::Terminated);
    assert_eq!(disputed.decide(Step::Terminate { detached: true, ordered: true }, NOW), Err(Refusal::BeingRegistered));
    let appealing = disputed.decide(Step::Appeal { worker: WORKER }, NOW).unwrap();
    assert_eq!(appealing.decide(end(true), NOW), Err(Refusal::OutOfOrder(State::Appealing)), "first the appeal is heard");
    let given_back = disputed.decide(interrupt(NOW.plus_ms(HOUR_MS)), NOW).unwrap();
    assert!(given_back.decide(end(true), NOW).is_err(), "what was given back for an emergency is not ended meanwhile");
}

/// One step on one of several holds, at a moment: clocks jump both ways.
#[derive(Debug, Clone)]
struct Command {
    which: usize,
    kind: usize,
    at: i64,
    level: usize,
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let one = (0..7_usize, 0..14_usize, -3 * DAY_MS..30 * DAY_MS, 0..3_usize);
    proptest::collection::vec(one.prop_map(|(which, kind, at, level)| Command { which, kind, at, level }), 0..60)
}

proptest! {
    /// Grounds overlap in any order: what counts is the highest of what is open and not interrupted, and a step on one hold touches no other.
    #[test]
    fn holds_stand_side_by_side_and_none_lifts_another(commands in commands()) {
        let mut holds: Vec<Hold> = Ground::ALL.iter().map(|ground| fresh(*ground)).collect();
        for command in commands {
            let now = NOW.plus_ms(command.at);
            let level = Level::ALL[command.level];
            let step = match Kind::ALL[command.kind] {
                Kind::Stop => stop(level),
                Kind::Raise => Step::Raise { level, by: None, basic: false },
                Kind::Interrupt => interrupt(now.plus_ms(HOUR_MS)),
                other => other.step(),
            };
            let before = holds.clone();
            let old = &before[command.which];
            if let Ok(next) = old.decide(step, now) {
                prop_assert_eq!(next.version, old.version + 1);
                prop_assert!(next.updated_at >= old.updated_at, "a case's clock never runs backwards");
                prop_assert!(next.state != State::Active);
                prop_assert!(!matches!(next.state, State::Limited | State::StoppedOut | State::StoppedBoth) || next.level.map(Level::state) == Some(next.state));
                prop_assert!(next.ground != Ground::Police || next.interrupted_until.is_none());
                holds[command.which] = next;
            }
            for (index, (now, was)) in holds.iter().zip(&before).enumerate() {
                prop_assert!(index == command.which || now == was, "another hold is never touched");
            }
            let open: Vec<Hold> = holds.iter().filter(|hold| hold.state != State::Active && !hold.state.is_final()).cloned().collect();
            let standing = Standing::of(open.clone());
            let highest = open.iter().filter(|hold| hold.interrupted_until.is_none()).filter_map(|hold| hold.level).max();
            prop_assert_eq!(standing.level, highest);
        }
    }
}
