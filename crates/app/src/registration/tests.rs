//! The pure order: every state against every step, every guard, and what no sequence of steps may ever bring about (part H, 1 and 2).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that fails stops")]

use chuangsha_kernel::{
    document::DocumentKind,
    id::{OrderId, OrganisationId, StaffId, SubjectId},
    problem::{Language, Refuse},
    rulebook::Ruling,
    time::Timestamp,
};
use proptest::{prelude::*, strategy::ValueTree as _};
use uuid::Uuid;

use super::{
    Refusal,
    order::{
        ApproveFacts, CaptureFacts, Check, Customer, Decision, Defect, Effect, ImageKind, Lease, Mode, Named, Order, Product, RejectReason,
        ReserveFacts, State, Step, Vote, Who,
    },
};

const NOW: Timestamp = Timestamp(1_780_000_000_000);
const HOLD_MS: i64 = 1_800_000;
const LEASE_MS: i64 = 600_000;
const ASSIGNMENT_MS: i64 = 14_400_000;
const WINDOW_MS: i64 = 259_200_000;
const DELIVERY_MS: i64 = 604_800_000;

const fn who(staff: u128, organisation: u128) -> Who {
    Who { staff: StaffId(Uuid::from_u128(staff)), organisation: OrganisationId(Uuid::from_u128(organisation)) }
}

const CLERK: Who = who(1, 100);
const COLLEAGUE: Who = who(2, 100);
/// The clerk, moved to the audit centre since.
const CLERK_MOVED: Who = who(1, 200);
const AUDITOR: Who = who(3, 200);
const OTHER_AUDITOR: Who = who(4, 200);
const SENIOR: Who = who(5, 300);

fn ruling<T>(value: T) -> Ruling<T> {
    Ruling { value, rule: "test.rule".into(), article: "R-TEST".into(), source: "test".into(), pack_version: "1".into() }
}

/// Rulings steps borrow from.
struct Rules {
    yes: Ruling<bool>,
    no: Ruling<bool>,
    limit: Ruling<i64>,
    hold: Ruling<i64>,
    lease: Ruling<i64>,
    assignment: Ruling<i64>,
    window: Ruling<i64>,
    delivery: Ruling<i64>,
    face: Ruling<i64>,
    unit: Ruling<()>,
}

impl Rules {
    fn new() -> Self {
        Self {
            yes: ruling(true),
            no: ruling(false),
            limit: ruling(5),
            hold: ruling(HOLD_MS),
            lease: ruling(LEASE_MS),
            assignment: ruling(ASSIGNMENT_MS),
            window: ruling(WINDOW_MS),
            delivery: ruling(DELIVERY_MS),
            face: ruling(800),
            unit: ruling(()),
        }
    }

    fn named(&self) -> Named {
        Named { subject: SubjectId(Uuid::from_u128(9)), person_key: [7; 16], document: DocumentKind::ResidentId, by_proxy: false, slot: 1 }
    }

    fn reserve(&self) -> ReserveFacts<'_> {
        ReserveFacts {
            channel_active: &self.yes,
            clerk_trained: &self.yes,
            mode_open: &self.yes,
            document_allowed: &self.yes,
            proxy_allowed: &self.yes,
            slots_used: 0,
            limit: &self.limit,
            listed: false,
            number_free: true,
            counted: false,
            another_holder: false,
            document_valid: true,
            hold_ms: &self.hold,
        }
    }

    fn capture(&self) -> CaptureFacts<'_> {
        CaptureFacts {
            original_seen: true,
            images: &ImageKind::ALL,
            face_declined: false,
            agreement_clause: true,
            organisation_recorded: true,
            warning_read: true,
            original_rule: &self.unit,
            photograph_rule: &self.unit,
        }
    }

    fn approve(&self) -> ApproveFacts<'_> {
        ApproveFacts { slots_used: 1, limit: &self.limit, face_threshold: &self.face, delivery_ms: &self.delivery, audit_rule: &self.unit }
    }

    /// A step of each kind, every fact green, taken by whoever holds the order in [`order`].
    fn step(&self, kind: Kind) -> Step<'_> {
        match kind {
            Kind::Reserve => Step::Reserve(self.named(), self.reserve()),
            Kind::Capture => Step::Capture(self.capture()),
            Kind::Submit => Step::Submit,
            Kind::Verified => Step::Verified { check: Check::Match, face_score: Some(900) },
            Kind::Claim => Step::Claim { by: AUDITOR, lease_ms: &self.lease },
            Kind::Assign => Step::Assign { by: SENIOR, to: AUDITOR, lease_ms: &self.assignment },
            Kind::Release => Step::Release { by: AUDITOR },
            Kind::Approve => Step::Approve { by: AUDITOR, facts: self.approve() },
            Kind::Return => Step::Return { by: AUDITOR, defects: &[Defect::DocumentGlare], window_ms: &self.window },
            Kind::Reject => Step::Reject { by: AUDITOR, reason: RejectReason::ForgedDocument },
            Kind::Escalate => Step::Escalate { by: AUDITOR },
            Kind::VoteFor => Step::Decide { by: SENIOR, approve: true, facts: self.approve() },
            Kind::VoteAgainst => Step::Decide { by: SENIOR, approve: false, facts: self.approve() },
            Kind::DeliverSame => Step::Deliver { same_document: true },
            Kind::DeliverOther => Step::Deliver { same_document: false },
            Kind::Activate => Step::Activate { slots_used: 1, limit: &self.limit },
            Kind::Confirm => Step::Confirm,
            Kind::Cancel => Step::Cancel,
            Kind::Expire => Step::Expire,
        }
    }
}

/// Every kind of step, in the order of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reserve,
    Capture,
    Submit,
    Verified,
    Claim,
    Assign,
    Release,
    Approve,
    Return,
    Reject,
    Escalate,
    VoteFor,
    VoteAgainst,
    DeliverSame,
    DeliverOther,
    Activate,
    Confirm,
    Cancel,
    Expire,
}

impl Kind {
    const ALL: [Self; 19] = [
        Self::Reserve,
        Self::Capture,
        Self::Submit,
        Self::Verified,
        Self::Claim,
        Self::Assign,
        Self::Release,
        Self::Approve,
        Self::Return,
        Self::Reject,
        Self::Escalate,
        Self::VoteFor,
        Self::VoteAgainst,
        Self::DeliverSame,
        Self::DeliverOther,
        Self::Activate,
        Self::Confirm,
        Self::Cancel,
        Self::Expire,
    ];

    /// Without a wildcard: a new step does not compile until it has a column.
    fn of(step: &Step<'_>) -> Self {
        match step {
            Step::Reserve(..) => Self::Reserve,
            Step::Capture(_) => Self::Capture,
            Step::Submit => Self::Submit,
            Step::Verified { .. } => Self::Verified,
            Step::Claim { .. } => Self::Claim,
            Step::Assign { .. } => Self::Assign,
            Step::Release { .. } => Self::Release,
            Step::Approve { .. } => Self::Approve,
            Step::Return { .. } => Self::Return,
            Step::Reject { .. } => Self::Reject,
            Step::Escalate { .. } => Self::Escalate,
            Step::Decide { approve: true, .. } => Self::VoteFor,
            Step::Decide { approve: false, .. } => Self::VoteAgainst,
            Step::Deliver { same_document: true } => Self::DeliverSame,
            Step::Deliver { same_document: false } => Self::DeliverOther,
            Step::Activate { .. } => Self::Activate,
            Step::Confirm => Self::Confirm,
            Step::Cancel => Self::Cancel,
            Step::Expire => Self::Expire,
        }
    }
}

/// Where each step leads from a state, in the order of [`Kind::ALL`]; `None`: out of order. Without a wildcard: a new state does not compile
/// until it has a row.
#[rustfmt::skip]
fn row(state: State) -> [Option<State>; 19] {
    use State::{
        Activated as Act, Activating as Ing, Approved as App, Auditing as Aud, Cancelled as Can, Captured as Cap, Escalated as Esc,
        Expired as Exp, Rejected as Rej, Reserved as Res, Returned as Ret, Submitted as Sub,
    };
    const O: Option<State> = None;
    let s = Some;
    match state {
        //                          reserve capture submit  verify  claim   assign  release approve return  reject  escal.  for     against same    other   activ.  confirm cancel  expire
        State::Draft           => [s(Res), O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Can), s(Exp)],
        State::Reserved        => [O,      s(Cap), O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Can), s(Exp)],
        State::Captured        => [O,      s(Cap), s(Sub), O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Can), s(Exp)],
        State::Submitted       => [O,      O,      O,      s(Sub), s(Aud), s(Aud), O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Can), O     ],
        State::Auditing        => [O,      O,      O,      O,      s(Aud), s(Aud), s(Sub), s(App), s(Ret), s(Rej), s(Esc), O,      O,      O,      O,      O,      O,      O,      O     ],
        State::Returned        => [O,      s(Cap), O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Can), s(Exp)],
        State::Escalated       => [O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(App), s(Rej), O,      O,      O,      O,      O,      O     ],
        State::Approved        => [O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Ing), O,      O,      O     ],
        State::DeliveryPending => [O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(App), s(Rej), O,      O,      s(Can), s(Exp)],
        State::Activating      => [O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      O,      s(Act), O,      O     ],
        State::Activated       => [O; 19],
        State::Rejected        => [O; 19],
        State::Cancelled       => [O; 19],
        State::Expired         => [O; 19],
    }
}

/// An order in the state, as the way there leaves it; an escalated one has its first vote.
fn order(state: State) -> Order {
    let past = |from: State| state as i64 >= from as i64;
    Order {
        id: OrderId(Uuid::from_u128(42)),
        code: "A-20261122-TESTABC".into(),
        state,
        version: 7,
        customer: Customer::Individual,
        product: Product::Voice,
        mode: if state == State::DeliveryPending { Mode::OnlineDelivery } else { Mode::Counter },
        region: "990100".into(),
        captured_by: CLERK,
        subject: past(State::Reserved).then_some(SubjectId(Uuid::from_u128(9))),
        person_key: past(State::Reserved).then_some([7; 16]),
        existing: None,
        slot: past(State::Reserved).then_some(1),
        document: past(State::Reserved).then_some(DocumentKind::ResidentId),
        by_proxy: false,
        check: if past(State::Submitted) { Check::Match } else { Check::Waiting },
        face_score: past(State::Submitted).then_some(900),
        lease: (state == State::Auditing).then_some(Lease { by: AUDITOR, until: NOW.plus_ms(LEASE_MS) }),
        decided_by: past(State::Approved).then_some(AUDITOR),
        first_vote: (state == State::Escalated).then_some(Vote { by: OTHER_AUDITOR, approve: true }),
        defects: Vec::new(),
        reason: None,
        created_at: NOW.plus_ms(-HOLD_MS),
        expires_at: NOW,
        submitted_at: past(State::Submitted).then_some(NOW),
        updated_at: NOW.plus_ms(-1),
    }
}

#[test]
fn every_state_takes_exactly_the_steps_of_the_table() {
    let rules = Rules::new();
    for state in State::ALL {
        for (kind, target) in Kind::ALL.into_iter().zip(row(state)) {
            let step = rules.step(kind);
            assert_eq!(Kind::of(&step), kind);
            let old = order(state);
            match (old.decide(step, NOW), target) {
                (Ok(decision), Some(target)) => {
                    assert_eq!(decision.order.state, target, "{state:?} {kind:?}");
                    assert_eq!(decision.order.version, old.version + 1, "{state:?} {kind:?}");
                    assert_eq!(decision.order.updated_at, NOW, "{state:?} {kind:?}");
                    assert_eq!((decision.order.id, decision.order.captured_by), (old.id, old.captured_by));
                    assert!(!decision.article.is_empty() && !decision.rule.is_empty(), "{state:?} {kind:?}");
                }
                (Err(refusal), None) => assert_eq!(refusal, Refusal::OutOfOrder { state }, "{state:?} {kind:?}"),
                (other, target) => panic!("{state:?} {kind:?}: {other:?}, the table says {target:?}"),
            }
        }
        assert_eq!(state.is_final(), row(state).iter().all(Option::is_none), "{state:?}");
        assert_eq!(State::from_i64(state as i64), Some(state));
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
}

#[test]
fn an_existing_number_is_registered_anew_without_a_command_and_without_a_second_count() {
    let (rules, line) = (Rules::new(), Uuid::from_u128(77));
    let draft = Order { existing: Some(line), ..order(State::Draft) };
    // The person it counts for already, at the limit and beyond it, and on a list: nothing new is asked for.
    let full = ReserveFacts { slots_used: 9, listed: true, counted: true, ..rules.reserve() };
    let reserved = draft.decide(Step::Reserve(rules.named(), full), NOW).unwrap();
    assert_eq!((reserved.order.slot, reserved.effects.as_slice()), (None, [].as_slice()));
    // Somebody else: one more number for them, with every guard of a new one.
    let taken = draft.decide(Step::Reserve(rules.named(), rules.reserve()), NOW).unwrap();
    assert_eq!((taken.order.slot, taken.effects.as_slice()), (Some(1), [Effect::TakeSlot].as_slice()));
    let other = ReserveFacts { slots_used: 5, ..rules.reserve() };
    assert_eq!(draft.decide(Step::Reserve(rules.named(), other), NOW), Err(Refusal::QuotaFull { limit: 5 }));
    assert_eq!(
        draft.decide(Step::Reserve(rules.named(), ReserveFacts { listed: true, ..rules.reserve() }), NOW),
        Err(Refusal::PersonListed)
    );
    let named = ReserveFacts { another_holder: true, ..rules.reserve() };
    assert_eq!(draft.decide(Step::Reserve(rules.named(), named), NOW), Err(Refusal::AnotherHolder), "a true name is not taken over");
    let gone = ReserveFacts { number_free: false, ..full };
    assert_eq!(draft.decide(Step::Reserve(rules.named(), gone), NOW), Err(Refusal::NumberTaken), "the subscription ended meanwhile");
    // Approved, it is done: the network has nothing to open.
    let approved = Order { existing: Some(line), slot: None, ..order(State::Approved) };
    let done = approved.decide(Step::Activate { slots_used: 9, limit: &rules.limit }, NOW).unwrap();
    assert_eq!(done.order.state, State::Activated);
    assert_eq!(done.effects, [Effect::Reregister, Effect::Tell(super::order::Message::Reregistered)]);
    let more = Order { existing: Some(line), slot: Some(6), ..order(State::Approved) };
    assert_eq!(more.decide(Step::Activate { slots_used: 6, limit: &rules.limit }, NOW), Err(Refusal::QuotaFull { limit: 5 }));
    // Nothing that ends such an order takes the number out of service.
    for state in [State::Reserved, State::Submitted, State::Returned] {
        let open = Order { existing: Some(line), slot: None, ..order(state) };
        assert_eq!(open.decide(Step::Cancel, NOW).unwrap().effects, [], "{state:?}");
    }
}

/// How many slots an effect gives and takes.
fn slots(effects: &[Effect]) -> i64 {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::TakeSlot => 1,
            Effect::VoidSlot => -1,
            Effect::PostSlot
            | Effect::FreeNumber
            | Effect::AskVerification
            | Effect::CommandActivation
            | Effect::CreateSubscription
            | Effect::Reregister
            | Effect::Tell(_) => 0,
        })
        .sum()
}

#[test]
fn every_step_keeps_the_count_of_slots_and_frees_the_number_with_the_order() {
    let rules = Rules::new();
    for state in State::ALL {
        for (kind, target) in Kind::ALL.into_iter().zip(row(state)) {
            let Some(target) = target else { continue };
            let decision = order(state).decide(rules.step(kind), NOW).unwrap();
            assert_eq!(slots(&decision.effects), i64::from(target.holds_slot()) - i64::from(state.holds_slot()), "{state:?} {kind:?}");
            let ends = matches!(target, State::Rejected | State::Cancelled | State::Expired);
            assert_eq!(decision.effects.contains(&Effect::FreeNumber), ends, "{state:?} {kind:?}");
            assert_eq!(decision.effects.contains(&Effect::CommandActivation), target == State::Activating, "{state:?} {kind:?}");
            for only_when_active in [Effect::PostSlot, Effect::CreateSubscription] {
                assert_eq!(decision.effects.contains(&only_when_active), target == State::Activated, "{state:?} {kind:?}");
            }
        }
    }
}

#[test]
fn each_guard_refuses_by_its_own_name() {
    let rules = Rules::new();
    let refuse = |name: &str, old: &Order, step: Step<'_>, expected: Refusal| {
        assert_eq!(old.decide(step, NOW).unwrap_err(), expected, "{name}");
    };
    // Reservation.
    let draft = order(State::Draft);
    let reserve = |name, named: Named, facts: ReserveFacts<'_>, expected| refuse(name, &draft, Step::Reserve(named, facts), expected);
    let (named, green) = (rules.named(), rules.reserve());
    reserve("channel", named, ReserveFacts { channel_active: &rules.no, ..green }, Refusal::ChannelNotActive);
    reserve("training", named, ReserveFacts { clerk_trained: &rules.no, ..green }, Refusal::ClerkNotTrained);
    reserve("mode", named, ReserveFacts { mode_open: &rules.no, ..green }, Refusal::ModeClosed { mode: Mode::Counter });
    let barred = Refusal::DocumentNotAllowedHere { article: "R-TEST".into() };
    reserve("document", named, ReserveFacts { document_allowed: &rules.no, ..green }, barred);
    let by_proxy = Named { by_proxy: true, ..named };
    reserve("proxy", by_proxy, ReserveFacts { proxy_allowed: &rules.no, ..green }, Refusal::ProxyNotAllowed);
    reserve("validity", named, ReserveFacts { document_valid: false, ..green }, Refusal::DocumentNotValid);
    reserve("list", named, ReserveFacts { listed: true, ..green }, Refusal::PersonListed);
    reserve("limit", named, ReserveFacts { slots_used: 5, ..green }, Refusal::QuotaFull { limit: 5 });
    reserve("legacy", named, ReserveFacts { slots_used: 9, ..green }, Refusal::QuotaFull { limit: 5 });
    reserve("slot", Named { slot: 6, ..named }, green, Refusal::QuotaFull { limit: 5 });
    reserve("number", named, ReserveFacts { number_free: false, ..green }, Refusal::NumberTaken);
    // Capture.
    let reserved = order(State::Reserved);
    let capture = |facts: CaptureFacts<'_>, old: &Order, expected: Refusal| refuse("capture", old, Step::Capture(facts), expected);
    capture(CaptureFacts { original_seen: false, ..rules.capture() }, &reserved, Refusal::OriginalNotSeen);
    capture(CaptureFacts { warning_read: false, ..rules.capture() }, &reserved, Refusal::WarningNotRead);
    let group_by_proxy = Order { customer: Customer::Group, by_proxy: true, ..reserved.clone() };
    for missing in ImageKind::ALL {
        let others: Vec<ImageKind> = ImageKind::ALL.into_iter().filter(|kind| *kind != missing).collect();
        capture(CaptureFacts { images: &others, ..rules.capture() }, &group_by_proxy, Refusal::ImageMissing { kind: missing });
    }
    capture(CaptureFacts { agreement_clause: false, ..rules.capture() }, &group_by_proxy, Refusal::AgreementClauseMissing);
    capture(CaptureFacts { organisation_recorded: false, ..rules.capture() }, &group_by_proxy, Refusal::OrganisationMissing);
    // Claim: another person, of another organisation, after the check, of an order nobody holds.
    let submitted = order(State::Submitted);
    let claim = |by| Step::Claim { by, lease_ms: &rules.lease };
    refuse("own order", &submitted, claim(CLERK), Refusal::OwnOrder);
    refuse("own order, other desk", &submitted, claim(CLERK_MOVED), Refusal::OwnOrder);
    refuse("colleague", &submitted, claim(COLLEAGUE), Refusal::SameOrganisation);
    refuse("unchecked", &Order { check: Check::Waiting, ..submitted.clone() }, claim(AUDITOR), Refusal::CheckPending);
    let held = order(State::Auditing);
    refuse("held", &held, claim(OTHER_AUDITOR), Refusal::HeldByAnother);
    // A lead hands out what may be audited, to who may audit it.
    let assign = |by, to| Step::Assign { by, to, lease_ms: &rules.assignment };
    refuse("to the clerk", &submitted, assign(SENIOR, CLERK), Refusal::OwnOrder);
    refuse("to a colleague", &submitted, assign(SENIOR, COLLEAGUE), Refusal::SameOrganisation);
    refuse("by a colleague", &submitted, assign(COLLEAGUE, AUDITOR), Refusal::SameOrganisation);
    refuse("unchecked", &Order { check: Check::Waiting, ..submitted.clone() }, assign(SENIOR, AUDITOR), Refusal::CheckPending);
    let taken = held.decide(assign(SENIOR, OTHER_AUDITOR), NOW).unwrap().order;
    refuse("taken away", &taken, rules.step(Kind::Approve), Refusal::HeldByAnother);
    let lease = Lease { by: OTHER_AUDITOR, until: NOW.plus_ms(ASSIGNMENT_MS) };
    assert_eq!(taken.lease, Some(lease));
    let opened = taken.decide(claim(OTHER_AUDITOR), NOW).unwrap().order;
    assert_eq!(opened.lease, Some(lease), "opening an assigned case does not shorten how long it is kept");
    // Everything an auditor does needs the lease, and the lease is a person's.
    let run_out = Order { lease: Some(Lease { by: AUDITOR, until: NOW }), ..held.clone() };
    for kind in [Kind::Release, Kind::Approve, Kind::Return, Kind::Reject, Kind::Escalate] {
        refuse("run out", &run_out, rules.step(kind), Refusal::LeaseExpired);
        let others = Order { lease: Some(Lease { by: OTHER_AUDITOR, until: NOW.plus_ms(1) }), ..held.clone() };
        refuse("another's", &others, rules.step(kind), Refusal::HeldByAnother);
    }
    // Whatever the row says, who captured does not decide.
    for (by, expected) in [(CLERK, Refusal::OwnOrder), (CLERK_MOVED, Refusal::OwnOrder), (COLLEAGUE, Refusal::SameOrganisation)] {
        let forged = Order { lease: Some(Lease { by, until: NOW.plus_ms(1) }), ..held.clone() };
        refuse("approve", &forged, Step::Approve { by, facts: rules.approve() }, expected.clone());
        refuse("reject", &forged, Step::Reject { by, reason: RejectReason::Other }, expected.clone());
        refuse("return", &forged, Step::Return { by, defects: &[Defect::FieldsWrong], window_ms: &rules.window }, expected.clone());
        refuse("escalate", &forged, Step::Escalate { by }, expected.clone());
        refuse("vote", &order(State::Escalated), Step::Decide { by, approve: true, facts: rules.approve() }, expected);
    }
    refuse("no defect", &held, Step::Return { by: AUDITOR, defects: &[], window_ms: &rules.window }, Refusal::NoDefectNamed);
    // Approval: check, face, quota.
    for (check, expected) in
        [(Check::Waiting, Refusal::CheckPending), (Check::Mismatch, Refusal::CheckFailed), (Check::NotFound, Refusal::CheckFailed)]
    {
        refuse("check", &Order { check, ..held.clone() }, rules.step(Kind::Approve), expected.clone());
        refuse("check", &Order { check, ..order(State::Escalated) }, rules.step(Kind::VoteFor), expected);
    }
    for face_score in [None, Some(0), Some(799)] {
        refuse("face", &Order { face_score, ..held.clone() }, rules.step(Kind::Approve), Refusal::FaceNotMatched);
        let by_eye = Order { face_score, ..order(State::Escalated) }.decide(rules.step(Kind::VoteFor), NOW).unwrap();
        assert_eq!(by_eye.order.state, State::Approved, "a machine's comparison is never the only way (L-REG-17)");
    }
    let full = ApproveFacts { slots_used: 6, ..rules.approve() };
    refuse("quota", &held, Step::Approve { by: AUDITOR, facts: full }, Refusal::QuotaFull { limit: 5 });
    refuse("quota", &order(State::Escalated), Step::Decide { by: SENIOR, approve: true, facts: full }, Refusal::QuotaFull { limit: 5 });
    refuse("quota", &order(State::Approved), Step::Activate { slots_used: 6, limit: &rules.limit }, Refusal::QuotaFull { limit: 5 });
    refuse(
        "one senior",
        &order(State::Escalated),
        Step::Decide { by: OTHER_AUDITOR, approve: true, facts: rules.approve() },
        Refusal::SecondSeniorNeeded,
    );
    // Nothing expires early.
    for state in State::ALL.into_iter().filter(|state| row(*state)[Kind::Expire as usize].is_some()) {
        refuse("early", &Order { expires_at: NOW.plus_ms(1), ..order(state) }, Step::Expire, Refusal::NotYetExpired);
    }
}

#[test]
fn what_the_way_through_changes_beside_the_state() {
    let rules = Rules::new();
    let decide = |old: &Order, kind| old.decide(rules.step(kind), NOW).unwrap().order;
    let reserved = decide(&order(State::Draft), Kind::Reserve);
    assert_eq!((reserved.slot, reserved.person_key, reserved.expires_at), (Some(1), Some([7; 16]), NOW.plus_ms(HOLD_MS)));
    let claimed = decide(&order(State::Submitted), Kind::Claim);
    assert_eq!(claimed.lease, Some(Lease { by: AUDITOR, until: NOW.plus_ms(LEASE_MS) }));
    let returned = decide(&order(State::Auditing), Kind::Return);
    assert_eq!((returned.lease, returned.expires_at), (None, NOW.plus_ms(WINDOW_MS)), "the clerk has time to bring the customer back");
    let online = Order { mode: Mode::OnlineCollect, ..order(State::Auditing) };
    let pending = decide(&online, Kind::Approve);
    assert_eq!((pending.state, pending.decided_by), (State::DeliveryPending, Some(AUDITOR)), "approved, not commanded");
    assert_eq!(pending.expires_at, NOW.plus_ms(DELIVERY_MS), "the half hour of the reservation does not end an approved order");
    let again = decide(&order(State::Captured), Kind::Submit);
    assert_eq!((again.check, again.face_score, again.submitted_at), (Check::Waiting, None, Some(NOW)));
    let first = decide(&Order { first_vote: None, ..order(State::Escalated) }, Kind::VoteAgainst);
    assert_eq!((first.state, first.first_vote), (State::Escalated, Some(Vote { by: SENIOR, approve: false })), "one vote decides nothing");
    assert_eq!(decide(&first_against(), Kind::VoteFor).state, State::Rejected, "one doubt is enough");
    let rejected = decide(&order(State::DeliveryPending), Kind::DeliverOther);
    assert_eq!((rejected.reason, rejected.decided_by), (Some(RejectReason::DeliveryMismatch), Some(AUDITOR)));
    // The clock of a case never runs backwards.
    let ahead = Order { updated_at: NOW.plus_ms(5_000), ..order(State::Reserved) };
    assert_eq!(decide(&ahead, Kind::Cancel).updated_at, NOW.plus_ms(5_000));
}

fn first_against() -> Order {
    Order { first_vote: Some(Vote { by: OTHER_AUDITOR, approve: false }), ..order(State::Escalated) }
}

/// One try at the order: which step, by whom, with which facts, how far the clock moved.
#[derive(Debug, Clone, Copy)]
struct Command {
    /// Follow the table (or try a step at random).
    follow: bool,
    pick: u8,
    by: u8,
    red: u8,
    clock: i64,
}

fn command() -> impl Strategy<Value = Command> {
    (prop::bool::weighted(0.8), any::<u8>(), 0_u8..6, 0_u8..40, -LEASE_MS..2 * LEASE_MS)
        .prop_map(|(follow, pick, by, red, clock)| Command { follow, pick, by, red, clock: clock / 4 })
}

/// Walks an order through the commands, checking after each what must always hold; gives the states it was in.
fn walk(online: bool, commands: &[Command]) -> Vec<State> {
    let rules = Rules::new();
    let people = [AUDITOR, OTHER_AUDITOR, SENIOR, CLERK, COLLEAGUE, CLERK_MOVED];
    let mut now = NOW;
    let mut case = Order { mode: if online { Mode::OnlineDelivery } else { Mode::Counter }, expires_at: NOW, ..order(State::Draft) };
    let (mut ledger, mut posted, mut commanded) = (0_i64, 0_i64, 0_i64);
    let mut states = vec![case.state];
    for command in commands {
        now = now.plus_ms(command.clock);
        let open: Vec<Kind> =
            Kind::ALL.into_iter().zip(row(case.state)).filter(|(_, target)| target.is_some()).map(|(kind, _)| kind).collect();
        let kind = match (command.follow, open.is_empty()) {
            (true, false) => open[usize::from(command.pick) % open.len()],
            _ => Kind::ALL[usize::from(command.pick) % Kind::ALL.len()],
        };
        let by = people[usize::from(command.by)];
        let full = if command.red == 0 { 6 } else { 1 };
        let facts = ApproveFacts { slots_used: full, ..rules.approve() };
        let step = match kind {
            Kind::Reserve => {
                Step::Reserve(rules.named(), ReserveFacts { slots_used: full - 1, listed: command.red == 1, ..rules.reserve() })
            }
            Kind::Capture => Step::Capture(CaptureFacts { original_seen: command.red != 2, ..rules.capture() }),
            Kind::Verified => Step::Verified {
                check: if command.red == 3 { Check::Mismatch } else { Check::Match },
                face_score: (command.red != 4).then_some(900),
            },
            Kind::Claim => Step::Claim { by, lease_ms: &rules.lease },
            Kind::Assign => Step::Assign { by: SENIOR, to: by, lease_ms: &rules.assignment },
            Kind::Release => Step::Release { by },
            Kind::Approve => Step::Approve { by, facts },
            Kind::Return => Step::Return { by, defects: &[Defect::DocumentBlurred], window_ms: &rules.window },
            Kind::Reject => Step::Reject { by, reason: RejectReason::NotTheHolder },
            Kind::Escalate => Step::Escalate { by },
            Kind::VoteFor => Step::Decide { by, approve: true, facts },
            Kind::VoteAgainst => Step::Decide { by, approve: false, facts },
            Kind::Activate => Step::Activate { slots_used: full, limit: &rules.limit },
            Kind::Submit | Kind::DeliverSame | Kind::DeliverOther | Kind::Confirm | Kind::Cancel | Kind::Expire => rules.step(kind),
        };
        let decided = case.decide(step, now);
        if case.state.is_final() {
            assert_eq!(decided.unwrap_err(), Refusal::OutOfOrder { state: case.state }, "a step led out of {:?}", case.state);
            continue;
        }
        let Ok(Decision { order: next, effects, .. }) = decided else { continue };
        assert!(next.version > case.version, "the version did not grow");
        assert!(next.updated_at >= case.updated_at, "the case went back in time");
        assert!(row(case.state)[kind as usize].is_some(), "{:?} took {kind:?}", case.state);
        ledger += slots(&effects);
        posted += effects.iter().filter(|effect| **effect == Effect::PostSlot).count() as i64;
        commanded += effects.iter().filter(|effect| **effect == Effect::CommandActivation).count() as i64;
        assert_eq!(ledger, i64::from(next.state.holds_slot()), "slots of {:?}", next.state);
        assert_eq!(posted, i64::from(next.state == State::Activated), "posted of {:?}", next.state);
        if matches!(next.state, State::Approved | State::DeliveryPending | State::Activating | State::Activated) {
            let by = next.decided_by.unwrap_or_else(|| panic!("{:?} without a decision", next.state));
            assert_ne!(by.staff, next.captured_by.staff);
            assert_ne!(by.organisation, next.captured_by.organisation);
            assert_eq!(next.check, Check::Match);
        }
        if next.state == State::Activated {
            assert_eq!(case.state, State::Activating);
            assert!(states.contains(&State::Approved), "activated without an approval: {states:?}");
            assert!(!online || states.contains(&State::DeliveryPending), "{states:?}");
            assert_eq!(commanded, 1, "the network is commanded once");
        }
        case = next;
        states.push(case.state);
    }
    states
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_steps_passes_the_audit_or_turns_back(online in any::<bool>(), commands in prop::collection::vec(command(), 1..60)) {
        walk(online, &commands);
    }
}

/// The walks above mean something only if they get anywhere.
#[test]
fn the_random_walks_come_to_every_state() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let walks = (any::<bool>(), prop::collection::vec(command(), 60..61));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3_000 {
        let (online, commands) = walks.new_tree(&mut runner).unwrap().current();
        seen.extend(walk(online, &commands));
    }
    let missing: Vec<State> = State::ALL.into_iter().filter(|state| !seen.contains(state)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_refusal_of_a_state_says_which() {
    for state in State::ALL {
        let problem = Refusal::OutOfOrder { state }.problem();
        let (zh, en) = state.words();
        for (language, word) in [(Language::Chinese, zh), (Language::English, en)] {
            assert!(problem.title(language).contains(word) && !problem.title(language).contains('{'));
        }
    }
}
