//! 复算: takes the steps of an order again from what the audit log says they were decided on, with no clock and no store. A step whose record
//! gives another decision than the one recorded was decided by another program, other rules, or was changed afterwards.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    rulebook::{Place, Rulebook, Ruling},
    time::Timestamp,
};
use serde_json::Value;

use super::order::{ApproveFacts, CaptureFacts, Check, Defect, ImageKind, Named, Order, RejectReason, ReserveFacts, State, Step, Who};
use crate::platform::audit::query::Seen;

/// What taking a step again gave.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// The same state by the same article.
    Equal,
    /// Something else.
    Different {
        /// What came out.
        got: String,
    },
    /// The record does not hold enough to decide again.
    NotReplayable {
        /// What is missing.
        missing: String,
    },
}

/// One decision of an order, taken again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Replayed {
    /// Id of the audit entry.
    pub entry: uuid::Uuid,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The packs loaded now are those of the day.
    pub same_pack: bool,
}

/// Whether an entry is a step of the order: `reserved>captured`.
pub fn is_decision(entry: &Seen) -> bool {
    entry.step.split_once('>').is_some_and(|(from, to)| State::parse(from).is_some() && State::parse(to).is_some())
}

/// Takes every decision among `entries`, oldest first, again. `order` gives what never changes: who captured it, product, mode, person.
pub fn replay(rules: &Rulebook, order: &Order, entries: &[Seen]) -> Vec<Replayed> {
    let mut at = Order {
        state: State::Draft,
        version: 1,
        check: Check::Waiting,
        face_score: None,
        lease: None,
        decided_by: None,
        first_vote: None,
        defects: Vec::new(),
        reason: None,
        slot: None,
        expires_at: order.created_at,
        submitted_at: None,
        updated_at: order.created_at,
        ..order.clone()
    };
    let mut replayed = Vec::new();
    for entry in entries.iter().filter(|entry| is_decision(entry)) {
        let (from, to) = entry.step.split_once('>').unwrap_or_default();
        let (from, to) = (State::parse(from), State::parse(to));
        let outcome = match take(rules, &at, order, entry, to) {
            _ if from != Some(at.state) => Outcome::Different { got: format!("{} before the step", at.state.as_str()) },
            Err(missing) => Outcome::NotReplayable { missing },
            Ok(Err(refusal)) => Outcome::Different { got: format!("refused: {refusal}") },
            Ok(Ok(decision)) => {
                let same = Some(decision.order.state) == to && decision.article == entry.article;
                let got = format!("{} by {}", decision.order.state.as_str(), decision.article);
                at = decision.order;
                if same { Outcome::Equal } else { Outcome::Different { got } }
            }
        };
        // Whatever came out, the record says where the order went on from.
        if let Some(to) = to {
            at.state = to;
        }
        replayed.push(Replayed { entry: entry.id, outcome, same_pack: entry.pack == rules.version });
    }
    replayed
}

/// What an entry says it was decided on.
struct Facts(Value);

impl Facts {
    fn flag(&self, name: &str) -> Result<bool, String> {
        self.0.get(name).and_then(Value::as_bool).ok_or_else(|| name.to_owned())
    }

    fn number(&self, name: &str) -> Result<i64, String> {
        self.0.get(name).and_then(Value::as_i64).ok_or_else(|| name.to_owned())
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| name.to_owned())
    }

    fn list<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
        let items = self.0.get(name).and_then(Value::as_array).ok_or_else(|| name.to_owned())?;
        items.iter().map(|item| item.as_str().and_then(&read).ok_or_else(|| name.to_owned())).collect()
    }
}

/// A value as the record has it, by the rule it is said to come from.
fn ruling<T>(value: T, rule: &str, article: &str, entry: &Seen) -> Ruling<T> {
    Ruling { value, rule: rule.to_owned(), article: article.to_owned(), source: String::new(), pack_version: entry.pack.clone() }
}

type Decided = Result<super::order::Decision, super::Refusal>;

fn take(rules: &Rulebook, order: &Order, last: &Order, entry: &Seen, to: Option<State>) -> Result<Decided, String> {
    let now = Timestamp(entry.at_ms);
    let facts = Facts(serde_json::from_str(&entry.facts).map_err(|_| "facts".to_owned())?);
    let by = || match (entry.staff, entry.organisation) {
        (Some(staff), Some(organisation)) => Ok(Who { staff, organisation }),
        _ => Err("staff".to_owned()),
    };
    let article = |rule: &str| rules.article(rule, now.day()).map(|found| found.article).map_err(|_| rule.to_owned());
    let clock = |rule: &str| rules.clock_ms(rule, now.day(), &Place::china()).map_err(|_| rule.to_owned());
    let limit_rule = order.product.limit_rule();
    let limit = |value| {
        let place = Place::region(&order.region);
        rules.number(limit_rule, now.day(), &place).map(|found| found.map(|_| value)).map_err(|_| limit_rule.to_owned())
    };
    Ok(match (entry.action.as_str(), to) {
        ("order.reserve", _) => {
            let flag = |name: &str| Ok::<_, String>(ruling(facts.flag(name)?, name, "", entry));
            let (active, trained, mode_open) = (flag("channel_active")?, flag("clerk_trained")?, flag("mode_open")?);
            let (allowed, proxy) = (flag("document_allowed")?, flag("proxy_allowed")?);
            let (limit, hold) = (limit(facts.number("limit")?)?, clock("registration.reservation")?);
            let document = chuangsha_kernel::document::DocumentKind::parse(facts.text("document")?).ok_or("document")?;
            let named = Named {
                subject: last.subject.ok_or("subject")?,
                // Only its being there matters to the decision; after a destruction it is gone.
                person_key: last.person_key.unwrap_or_default(),
                document,
                by_proxy: facts.flag("by_proxy")?,
                slot: facts.number("slot")?,
            };
            let facts = ReserveFacts {
                channel_active: &active,
                clerk_trained: &trained,
                mode_open: &mode_open,
                document_allowed: &allowed,
                proxy_allowed: &proxy,
                slots_used: facts.number("slots_used")?,
                limit: &limit,
                listed: facts.flag("listed")?,
                number_free: facts.flag("number_free")?,
                // Decisions of before there was re-registration say nothing of it.
                counted: facts.flag("counted").unwrap_or(false),
                another_holder: facts.flag("another_holder").unwrap_or(false),
                // An expired document never comes as far as a decision.
                document_valid: true,
                hold_ms: &hold,
            };
            order.decide(Step::Reserve(named, facts), now)
        }
        ("order.capture", _) => {
            let images = facts.list("images", ImageKind::parse)?;
            let original = ruling((), "registration.original_seen", &article("registration.original_seen")?, entry);
            let photograph = ruling((), "registration.central_audit", &article("registration.central_audit")?, entry);
            let facts = CaptureFacts {
                original_seen: facts.flag("original_seen")?,
                images: &images,
                face_declined: facts.flag("face_declined")?,
                agreement_clause: facts.flag("agreement_clause")?,
                organisation_recorded: facts.flag("organisation_recorded")?,
                warning_read: facts.flag("warning_read")?,
                original_rule: &original,
                photograph_rule: &photograph,
            };
            order.decide(Step::Capture(facts), now)
        }
        ("order.submit", _) => order.decide(Step::Submit, now),
        ("order.verify", _) => {
            let check = Check::parse(facts.text("check")?).ok_or("check")?;
            order.decide(Step::Verified { check, face_score: facts.number("face_score").ok() }, now)
        }
        ("order.claim", Some(State::Submitted)) => order.decide(Step::Release { by: by()? }, now),
        ("order.claim", _) => order.decide(Step::Claim { by: by()?, lease_ms: &clock("registration.audit_lease")? }, now),
        ("order.assign", _) => {
            let id = |name: &str| facts.text(name).and_then(|text| text.parse::<uuid::Uuid>().map_err(|_| name.to_owned()));
            let to = Who { staff: StaffId(id("to_staff")?), organisation: OrganisationId(id("to_organisation")?) };
            order.decide(Step::Assign { by: by()?, to, lease_ms: &clock("registration.assignment_lease")? }, now)
        }
        ("order.approve" | "order.decide", _) => {
            let limit = limit(facts.number("limit")?)?;
            let threshold = ruling(facts.number("face_threshold")?, "registration.face_match_threshold", "", entry);
            let audit = ruling((), "registration.central_audit", &article("registration.central_audit")?, entry);
            let delivery = clock("registration.delivery_window")?;
            let green = ApproveFacts {
                slots_used: facts.number("slots_used")?,
                limit: &limit,
                face_threshold: &threshold,
                delivery_ms: &delivery,
                audit_rule: &audit,
            };
            if entry.action == "order.approve" {
                order.decide(Step::Approve { by: by()?, facts: green }, now)
            } else {
                order.decide(Step::Decide { by: by()?, approve: facts.flag("approve")?, facts: green }, now)
            }
        }
        ("order.return", _) => {
            let defects = facts.list("defects", Defect::parse)?;
            let window = clock("registration.return_window")?;
            order.decide(Step::Return { by: by()?, defects: &defects, window_ms: &window }, now)
        }
        ("order.reject", _) => {
            let reason = RejectReason::parse(facts.text("reason")?).ok_or("reason")?;
            order.decide(Step::Reject { by: by()?, reason }, now)
        }
        ("order.escalate", _) => order.decide(Step::Escalate { by: by()? }, now),
        ("order.deliver", _) => order.decide(Step::Deliver { same_document: facts.flag("same_document")? }, now),
        ("order.activate", _) => {
            let limit = limit(facts.number("limit")?)?;
            order.decide(Step::Activate { slots_used: facts.number("slots_used")?, limit: &limit }, now)
        }
        ("order.confirm", _) => order.decide(Step::Confirm, now),
        ("order.cancel", _) => order.decide(Step::Cancel, now),
        ("order.expire", _) => order.decide(Step::Expire, now),
        (other, _) => return Err(other.to_owned()),
    })
}
