//! 审核件: the case beside the queue, in the form its next step needs: a claim, one whose time ran out, a senior's vote, a second look.

use std::collections::BTreeMap;

use chuangsha_kernel::{id::OrderId, problem::Problem, role::Action};

use super::{
    check_tag,
    checks::{CaseCheck, checks},
    defect_words, document_words, image_words, moment, party_words, product_words,
    queue::{Queue, step},
    reason_words, region_name, risk_tag, state_tag, way_words,
};
use crate::{
    platform::{
        failure::Result,
        web::{
            form::{Choice, Input, Kind, notice},
            list::{Asked, Look},
            pages::{Dialog, FormPart, Picture},
            parts::{Tag, Timeline, Tone},
            table::Address,
        },
        words::fill,
    },
    registration::{
        order::{Defect, RejectReason, State},
        view::{self, OrderView, RowView},
    },
};

/// One field beside what was found out about it.
#[derive(Debug, Clone)]
pub struct Compared {
    /// 姓名
    pub label: String,
    /// As declared, masked.
    pub declared: String,
    /// What a check said.
    pub verified: Tag,
}

/// How long the claim still holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// "claimed by me, left".
    pub words: String,
    /// End of the lease, milliseconds UTC.
    pub until_ms: i64,
    /// Time left when the page was made, `09:48`.
    pub left: String,
}

/// One thing to do with the case; each has its key.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Posted at once: key, words, address, values sent along.
    Step(char, String, String, Vec<(&'static str, String)>),
    /// Asks first: key, words, dialog, refuses something.
    Ask(char, String, &'static str, bool),
}

/// 同人登记单: another order of the same person, to be laid beside this one.
pub struct Twin {
    /// 单号
    pub code: String,
    /// Outlet, number and day in one line.
    pub line: String,
    /// Where it stands.
    pub state: Tag,
    /// Address of the pane with its pictures beside this one's.
    pub beside: String,
    /// They are there now.
    pub current: bool,
}

/// The case beside the queue.
pub struct Case {
    /// Id of the order.
    pub id: String,
    /// 单号
    pub number: String,
    /// Where it stands.
    pub state: Tag,
    /// How closely to look.
    pub risk: Tag,
    /// The claim, where one is needed.
    pub held: Option<Held>,
    /// One sentence where there is something to know first.
    pub note: String,
    /// Product, mode, outlet, city in one line.
    pub line: String,
    /// Its pictures.
    pub pictures: Vec<Picture>,
    /// Pictures of the other order laid beside it, and its number.
    pub beside: Option<(String, Vec<Picture>)>,
    /// Fields.
    pub compare: Vec<Compared>,
    /// Checks with their articles.
    pub checks: Vec<CaseCheck>,
    /// Other orders of the same person.
    pub twins: Vec<Twin>,
    /// Steps so far, and whether there are any.
    pub history: String,
    /// Steps so far.
    pub timeline: Timeline,
    /// What may be done, the main one first.
    pub deeds: Vec<Deed>,
    /// Where the claim is given back.
    pub release: Option<String>,
    /// What the deeds ask.
    pub dialogs: Vec<Dialog>,
}

/// A form that was refused, as it was filled in: nothing typed is lost.
pub struct Draft {
    /// Dialog it came from; empty for one without.
    pub dialog: &'static str,
    /// What was filled in.
    pub answers: BTreeMap<String, String>,
    /// Why.
    pub problem: Problem,
}

impl Draft {
    fn of(&self, dialog: &str) -> bool {
        self.dialog == dialog
    }
}

/// What the case's next step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Claimed by this auditor.
    Claimed,
    /// It was, and nobody has it now.
    RunOut,
    /// Escalated: a senior's vote.
    Vote,
    /// Drawn: a second look.
    Recheck,
}

fn way(look: &Look, order: &OrderView, refused: bool) -> Option<Way> {
    let could = |action| look.actor.could(&look.app, action) && !order.captured_by_us;
    match order.state {
        State::Auditing if order.lease.as_ref().is_some_and(|lease| lease.mine) => Some(Way::Claimed),
        State::Submitted | State::Auditing if refused && order.lease.is_none() && could(Action::OrderClaim) => Some(Way::RunOut),
        State::Escalated if could(Action::OrderDecide) => Some(Way::Vote),
        _ if order.recheck_due && !order.decided_by_me && could(Action::OrderSample) => Some(Way::Recheck),
        _ => None,
    }
}

/// The case, when there is a step for this person to take on it.
///
/// # Errors
/// It is not theirs to see.
pub async fn case(look: &Look, asked: &Asked, id: OrderId, beside: Option<OrderId>, draft: Option<&Draft>) -> Result<Option<Case>> {
    let (app, actor, w, language) = (&look.app, &look.actor, look.w, look.language);
    let order = view::find(app, actor, id).await?;
    let Some(way) = way(look, &order, draft.is_some()) else { return Ok(None) };
    let (checks, passes) = checks(app, w, language, &order)?;
    let timeline = super::orders::moments(w, &view::timeline(app, actor, id).await?);
    let others = view::same_person(app, actor, id).await?;
    let beside = match beside.filter(|beside| others.iter().any(|row| row.id == beside.0)) {
        Some(beside) => Some(view::find(app, actor, beside).await?),
        None => None,
    };
    let address = asked.address(&Queue);
    let deeds = Deeds { look, address: &address, order: &order, way, draft };
    Ok(Some(Case {
        id: id.to_string(),
        number: order.code.clone(),
        state: state_tag(w, order.state),
        risk: Tag { text: format!("{} {}", w.risk, risk_tag(w, order.risk).text), ..risk_tag(w, order.risk) },
        held: order.lease.as_ref().filter(|lease| lease.mine).map(|lease| Held {
            words: w.claimed_by_me.to_owned(),
            until_ms: app.clock.now().0 + lease.left_ms,
            left: super::countdown(lease.left_ms),
        }),
        note: note(look, &order, way, passes),
        line: [
            product_words(w, order.product),
            way_words(w, order.mode, order.reregistration),
            order.channel.as_str(),
            region_name(app, language, &order.region).as_str(),
            order.number.as_str(),
        ]
        .join(" · "),
        pictures: pictures(look, &order),
        beside: beside.as_ref().map(|other| (other.code.clone(), pictures(look, other))),
        compare: compare(look, &order),
        checks,
        twins: others.iter().map(|row| twin(look, &address, id, row, beside.as_ref())).collect(),
        history: if timeline.is_empty() { String::new() } else { timeline.len().to_string() },
        timeline: Timeline { empty: w.none_yet.to_owned(), moments: timeline },
        deeds: deeds.list(passes),
        release: (way == Way::Claimed).then(|| step(&address, &id.to_string(), "release")),
        dialogs: deeds.dialogs(),
    }))
}

fn note(look: &Look, order: &OrderView, way: Way, passes: bool) -> String {
    let w = look.w;
    match way {
        Way::RunOut => w.run_out_note.to_owned(),
        Way::Vote if order.voted_by_me => w.voted_note.to_owned(),
        Way::Vote if order.first_vote => format!("{} {}", w.vote_lead, w.first_vote_given),
        Way::Vote => w.vote_lead.to_owned(),
        Way::Recheck => w.recheck_lead.to_owned(),
        Way::Claimed if !passes => w.not_alone_note.to_owned(),
        Way::Claimed => String::new(),
    }
}

fn pictures(look: &Look, order: &OrderView) -> Vec<Picture> {
    let may_see = look.actor.could(&look.app, Action::ImageView) && !order.captured_by_us;
    let of = |image: &view::ImageView| Picture {
        label: image_words(look.w, image.kind).to_owned(),
        href: format!("/orders/{}/images/{}", order.id, image.kind.as_str()),
        note: String::new(),
    };
    if may_see { order.images.iter().map(of).collect() } else { Vec::new() }
}

fn compare(look: &Look, order: &OrderView) -> Vec<Compared> {
    let w = look.w;
    let mut rows = Vec::new();
    for party in &order.parties {
        let of =
            |label: &str| if party.role == "holder" { label.to_owned() } else { format!("{} · {label}", party_words(w, &party.role)) };
        // The networked check speaks about the holder's name and number together.
        let verdict = || if party.role == "holder" { check_tag(w, order.check) } else { Tag::new(Tone::Quiet, w.check_human) };
        let mut add = |label: String, declared: &str, verified| rows.push(Compared { label, declared: declared.to_owned(), verified });
        add(of(w.holder_name), &party.name, verdict());
        add(of(&document_words(look.language, &party.document_kind)), &party.document_number, verdict());
        add(of(w.address), &party.address, Tag::new(Tone::Quiet, w.check_human));
        if let Some(until) = &party.valid_until {
            add(of(w.valid_until), until, Tag::new(Tone::Good, w.check_passed));
        }
    }
    rows
}

fn twin(look: &Look, address: &Address, id: OrderId, row: &RowView, beside: Option<&OrderView>) -> Twin {
    Twin {
        code: row.code.clone(),
        line: [row.number.as_str(), row.channel.as_str(), moment(&row.created_at).get(..10).unwrap_or_default()].join(" · "),
        state: state_tag(look.w, row.state),
        beside: address.with("order", id).with("with", row.id).to_string(),
        current: beside.is_some_and(|other| other.id == row.id),
    }
}

/// What may be done with a case, and what is asked for it.
struct Deeds<'a> {
    look: &'a Look,
    address: &'a Address,
    order: &'a OrderView,
    way: Way,
    draft: Option<&'a Draft>,
}

impl Deeds<'_> {
    fn to(&self, name: &str) -> String {
        step(self.address, &self.order.id.to_string(), name)
    }

    fn list(&self, passes: bool) -> Vec<Deed> {
        let w = self.look.w;
        let post = |words: &str, name: &str, more: Option<(&'static str, String)>| {
            let version = ("version", self.order.version.to_string());
            Deed::Step('a', words.to_owned(), self.to(name), [version].into_iter().chain(more).collect())
        };
        let ask = |key, words: &str, dialog, danger| Deed::Ask(key, words.to_owned(), dialog, danger);
        let asks =
            || [ask('e', w.return_order, "return", false), ask('r', w.reject, "reject", true), ask('s', w.escalate, "escalate", false)];
        match self.way {
            Way::Claimed if passes => {
                let mut deeds = vec![post(w.approve_next, "approval", None)];
                deeds.extend(asks());
                deeds
            }
            Way::Claimed => asks().into(),
            Way::RunOut => vec![post(w.claim_again, "claim", None)],
            Way::Vote if self.order.voted_by_me => Vec::new(),
            Way::Vote => vec![ask('a', w.vote_approve, "vote-for", false), ask('r', w.vote_reject, "vote-against", true)],
            Way::Recheck => vec![
                post(w.recheck_sound_next, "recheck", Some(("finding", "sound".to_owned()))),
                ask('r', w.recheck_unsound, "unsound", true),
            ],
        }
    }

    fn dialogs(&self) -> Vec<Dialog> {
        let w = self.look.w;
        match self.way {
            Way::Claimed => vec![self.return_dialog(), self.reject_dialog(), self.escalate_dialog()],
            // Only what was begun is shown again; it claims first when it is sent.
            Way::RunOut => {
                [self.return_dialog(), self.reject_dialog(), self.escalate_dialog()].into_iter().filter(|one| one.open).collect()
            }
            Way::Vote if self.order.voted_by_me => Vec::new(),
            Way::Vote => [("vote-for", "approve", w.vote_approve), ("vote-against", "reject", w.vote_reject)]
                .into_iter()
                .map(|(id, vote, title)| {
                    let form =
                        FormPart::new(w, self.to("decision"), title, vec![self.words(id, true)]).lead(w.vote_lead).keep("vote", vote);
                    self.dialog(id, title, if vote == "reject" { form.danger() } else { form })
                })
                .collect(),
            Way::Recheck => {
                let form = FormPart::new(w, self.to("recheck"), w.recheck_unsound, vec![self.words("unsound", true)]);
                vec![self.dialog("unsound", w.recheck_unsound, form.lead(w.recheck_lead).keep("finding", "unsound").danger())]
            }
        }
    }

    fn return_dialog(&self) -> Dialog {
        let w = self.look.w;
        let defects = Defect::ALL.into_iter().enumerate().map(|(index, defect)| {
            let label = format!("{} {}", index + 1, defect_words(w, defect));
            self.filled("return", Input::new(defect.as_str(), label, Kind::Check).prefix("return"))
        });
        let fields = defects.chain([self.words("return", false)]).collect();
        self.dialog("return", w.return_order, FormPart::new(w, self.to("return"), w.return_order, fields).lead(w.return_lead))
    }

    fn reject_dialog(&self) -> Dialog {
        let w = self.look.w;
        let reasons = RejectReason::ALL.into_iter().enumerate();
        let reasons =
            reasons.map(|(index, reason)| Choice::new(reason.as_str(), format!("{} {}", index + 1, reason_words(w, reason)))).collect();
        let reason = self.filled("reject", Input::new("reason", w.reason, Kind::Radio(reasons)).required().wide().prefix("reject"));
        let form = FormPart::new(w, self.to("rejection"), w.reject, vec![reason, self.words("reject", false)]);
        self.dialog("reject", w.reject, form.lead(w.reject_lead).danger())
    }

    fn escalate_dialog(&self) -> Dialog {
        let w = self.look.w;
        let form = FormPart::new(w, self.to("escalation"), w.escalate, vec![self.words("escalate", true)]);
        self.dialog("escalate", w.escalate, form.lead(w.escalate_lead))
    }

    fn words(&self, dialog: &'static str, must: bool) -> Input {
        let input = Input::new("words", self.look.w.note, Kind::Area).longest(200).wide().prefix(dialog);
        self.filled(dialog, if must { input.required() } else { input })
    }

    /// With what was typed when the form was refused.
    fn filled(&self, dialog: &str, input: Input) -> Input {
        match self.draft.filter(|draft| draft.of(dialog)) {
            Some(draft) => {
                let value = draft.answers.get(input.name).cloned().unwrap_or_default();
                input.value(value).check(Some(&draft.problem), self.look.language)
            }
            None => input,
        }
    }

    fn dialog(&self, id: &'static str, title: &str, mut form: FormPart) -> Dialog {
        let w = self.look.w;
        form = form.keep("version", self.order.version);
        let draft = self.draft.filter(|draft| draft.of(id));
        if self.way == Way::RunOut {
            form.submit = fill(w.claim_and, title);
            form = form.keep("again", "yes");
        }
        if let Some(draft) = draft {
            form.notice = notice(Some(&draft.problem), &form.fields, self.look.language);
        }
        Dialog { id: id.to_owned(), title: title.to_owned(), open: draft.is_some(), form }
    }
}
