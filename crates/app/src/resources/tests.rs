//! Every state against every step, and each guard by its own name.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails stops")]

use chuangsha_kernel::time::{DAY_MS, Timestamp};
use jiff::civil::date;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Caller, Clause, Defect, Direction, Document, Industry, Kind, Paper, Purpose, Refusal, Resource, State, Step, Subject};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn caller(text: &str) -> Caller {
    Caller::parse(text).unwrap()
}

pub(super) fn trunk(state: State) -> Resource {
    let running = matches!(state, State::Active | State::Correcting);
    Resource {
        id: Uuid::from_u128(1),
        code: "0999-T07".into(),
        kind: Kind::VoiceTrunk,
        state,
        version: 4,
        subject: Uuid::from_u128(2),
        region: "990100".into(),
        access_point: "演示机楼".into(),
        purpose: Purpose::CustomerService,
        direction: Direction::Both,
        callers: vec![caller("95599*")],
        calls_per_callee: if running { 2 } else { 0 },
        calls_per_day: if running { 1_000 } else { 0 },
        clauses: if running { Clause::COMPLETE } else { 0 },
        unit: "政企部".into(),
        owner: "D0051".into(),
        defects: if state == State::Correcting { vec![Defect::PurposeMissing] } else { Vec::new() },
        correct_by: (state == State::Correcting).then(|| NOW.plus_ms(DAY_MS)),
        updated_at: NOW,
    }
}

fn subject() -> Subject {
    Subject {
        id: Uuid::from_u128(2),
        code: String::new(),
        name: "演示呼叫中心".into(),
        industry: Industry::CallCentre,
        blacklisted: false,
        papers: Document::ALL
            .iter()
            .map(|document| Paper { document: *document, reference: "X".into(), valid_until: Some(date(2099, 1, 1)), in_scope: true })
            .collect(),
    }
}

fn steps() -> Vec<Step> {
    vec![
        Step::Vet,
        Step::Open { clauses: Clause::COMPLETE, calls_per_callee: 2, calls_per_day: 1_000 },
        Step::Repurpose { purpose: Purpose::Notice, direction: Direction::InboundOnly, approval: "批〔2026〕1 号".into() },
        Step::SetCallers { callers: vec![caller("9551")] },
        Step::Find { defect: Defect::Abnormal, correct_by: NOW.plus_ms(15 * DAY_MS) },
        Step::Correct { defect: Defect::PurposeMissing },
        Step::ShutDown,
        Step::Close,
    ]
}

#[test]
fn every_state_takes_exactly_the_steps_of_the_table() {
    use State::{Active, Applied, Closed, Correcting, ShutDown, Vetted};
    // Columns: vet, open, repurpose, callers, find, correct, shut down, close.
    #[rustfmt::skip]
    let table: [(State, [Option<State>; 8]); 6] = [
        (Applied,    [Some(Vetted), None,         None,             Some(Applied),    None,             None,         Some(ShutDown), Some(Closed)]),
        (Vetted,     [None,         Some(Active), None,             Some(Vetted),     None,             None,         Some(ShutDown), Some(Closed)]),
        (Active,     [None,         None,         Some(Active),     Some(Active),     Some(Correcting), None,         Some(ShutDown), Some(Closed)]),
        (Correcting, [None,         None,         Some(Correcting), Some(Correcting), Some(Correcting), Some(Active), Some(ShutDown), None]),
        (ShutDown,   [None; 7].iter().copied().chain([Some(Closed)]).collect::<Vec<_>>().try_into().unwrap()),
        (Closed,     [None; 8]),
    ];
    assert_eq!(table.map(|(state, _)| state).as_slice(), State::ALL, "a new state has its row");
    for (state, row) in table {
        for (step, wanted) in steps().iter().zip(row) {
            match (trunk(state).decide(step, &subject(), NOW), wanted) {
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
    let vet = |resource: Resource, subject: Subject| resource.decide(&Step::Vet, &subject, NOW).unwrap_err();
    assert_eq!(vet(trunk(State::Applied), Subject { blacklisted: true, ..subject() }), Refusal::Blacklisted);
    for missing in [Document::BusinessLicence, Document::LegalPersonId, Document::AgentId, Document::TelecomPermit, Document::BusinessPlan]
    {
        let mut without = subject();
        without.papers.retain(|paper| paper.document != missing);
        assert_eq!(vet(trunk(State::Applied), without), Refusal::PaperMissing(missing));
    }
    let mut run_out = subject();
    run_out.papers[0].valid_until = Some(NOW.day().yesterday().unwrap());
    assert_eq!(vet(trunk(State::Applied), run_out), Refusal::PaperMissing(Document::BusinessLicence), "L-LED-6: watched until it runs out");
    let mut beyond = subject();
    beyond.papers[3].in_scope = false;
    assert_eq!(vet(trunk(State::Applied), beyond), Refusal::PaperMissing(Document::TelecomPermit), "R-LED-7: out of scope");
    for number in ["13800000000", "0999*", "199*"] {
        let own = Resource { callers: vec![caller(number)], ..trunk(State::Applied) };
        assert_eq!(vet(own, subject()), Refusal::SubscriberNumber, "R-LED-6: {number}");
    }
    let shop = Subject { industry: Industry::Logistics, ..subject() };
    assert!(Resource { callers: vec![caller("0999*")], ..trunk(State::Applied) }.decide(&Step::Vet, &shop, NOW).is_ok());
    assert_eq!(vet(Resource { kind: Kind::Number400, ..trunk(State::Applied) }, subject()), Refusal::NeverOut);
    assert_eq!(vet(Resource { callers: vec![caller("4001234567")], ..trunk(State::Applied) }, subject()), Refusal::NeverOut);
    assert_eq!(vet(Resource { callers: Vec::new(), ..trunk(State::Applied) }, subject()), Refusal::CallersMissing);

    let open = |clauses, calls_per_day| {
        trunk(State::Vetted).decide(&Step::Open { clauses, calls_per_callee: 2, calls_per_day }, &subject(), NOW).unwrap_err()
    };
    assert_eq!(open(3, 100), Refusal::ClauseMissing(Clause::ReportHandling));
    assert_eq!(open(Clause::COMPLETE, 0), Refusal::NoLimit);
    let silent = Step::Repurpose { purpose: Purpose::Marketing, direction: Direction::Both, approval: "  ".into() };
    assert_eq!(trunk(State::Active).decide(&silent, &subject(), NOW).unwrap_err(), Refusal::NoApproval);
    let other = Step::Correct { defect: Defect::SubjectFalse };
    assert_eq!(trunk(State::Correcting).decide(&other, &subject(), NOW).unwrap_err(), Refusal::NoSuchDefect);
}

#[test]
fn a_second_finding_never_prolongs_the_first_deadline() {
    let find = Step::Find { defect: Defect::ActualDiffers, correct_by: NOW.plus_ms(30 * DAY_MS) };
    let next = trunk(State::Correcting).decide(&find, &subject(), NOW).unwrap();
    assert_eq!(next.correct_by, Some(NOW.plus_ms(DAY_MS)));
    assert_eq!(next.defects, [Defect::PurposeMissing, Defect::ActualDiffers]);
    // One of two put right: the deadline stays.
    let next = next.decide(&Step::Correct { defect: Defect::PurposeMissing }, &subject(), NOW).unwrap();
    assert_eq!((next.state, next.correct_by), (State::Correcting, Some(NOW.plus_ms(DAY_MS))));
}

#[test]
fn a_set_of_callers_covers_what_it_says() {
    assert!(caller("95599*").covers("9559901") && !caller("95599*").covers("9558801"));
    assert!(caller("9551").covers("9551") && !caller("9551").covers("95511"));
    for bad in ["", "12", "*", "12*", "95-51", "+8695", "123456789012345678901", "1234567890123456789*", "９５１"] {
        assert_eq!(Caller::parse(bad), Err(Refusal::CallerInvalid), "{bad}");
    }
}

proptest! {
    /// Whatever is done in whatever order: nothing in service lacks a clause, a limit, or shows what it must not.
    #[test]
    fn nothing_in_service_breaks_its_terms(choice in proptest::collection::vec((0_usize..8, 0_usize..4), 0..40)) {
        let callers = ["95599*", "9551", "4001234567", "0999*"];
        let mut resource = trunk(State::Applied);
        for (step, number) in choice {
            let step = match steps().swap_remove(step) {
                Step::SetCallers { .. } => Step::SetCallers { callers: vec![caller(callers[number])] },
                Step::Open { .. } => Step::Open { clauses: if number == 0 { 3 } else { Clause::COMPLETE }, calls_per_callee: 1, calls_per_day: i64::try_from(number).unwrap() },
                other => other,
            };
            if let Ok(next) = resource.decide(&step, &subject(), NOW) {
                resource = next;
            }
            if resource.in_service() {
                prop_assert_eq!(resource.clauses, Clause::COMPLETE);
                prop_assert!(!resource.direction.calls_out() || resource.calls_per_day > 0);
                prop_assert!(resource.terms(Industry::CallCentre).is_ok());
            }
            prop_assert_eq!(resource.state == State::Correcting, !resource.defects.is_empty() && resource.in_service());
        }
    }
}

#[test]
fn the_history_and_the_findings_are_only_ever_added_to() {
    fn sources(folder: &std::path::Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    let (mut added, mut broken) = (0, Vec::new());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for table in ["ledger_history", "ledger_finding"] {
            added += usize::from(text.contains(&format!("INSERT INTO {table} (")));
            for verb in ["UPDATE", "DELETE FROM", "DROP TABLE", "TRUNCATE"] {
                if text.contains(&format!("{verb} {table}")) {
                    broken.push((path.clone(), verb, table));
                }
            }
        }
    }
    assert_eq!((added, broken), (2, Vec::new()), "R-LED-4: both are written in one place, and never changed");
}

#[test]
fn a_sign_carries_what_it_rests_on() {
    use super::watch::Sign;
    assert_eq!(Sign::read("sub_lease:0190aa"), Some((Sign::SubLease, "0190aa")));
    assert_eq!(Sign::read("beyond_limit"), Some((Sign::BeyondLimit, "")));
    assert_eq!(Sign::read("现场无人使用"), None);
}

#[test]
fn the_first_paper_to_run_out_counts_and_a_permit_only_where_it_is_needed() {
    let mut one = subject();
    one.papers[3].valid_until = Some(date(2027, 1, 1));
    assert_eq!(one.papers_until(), Some(date(2027, 1, 1)));
    assert_eq!(Subject { industry: Industry::Logistics, ..one.clone() }.papers_until(), Some(date(2099, 1, 1)));
    one.papers.iter_mut().for_each(|paper| paper.valid_until = None);
    assert_eq!(one.papers_until(), None);
}
