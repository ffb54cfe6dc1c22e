//! 金库授权: operation separated from authorisation (L-PIP-17). Whoever is about to do something a person alone must not do asks; another
//! person of another organisation agrees or not; the answer serves once.
//!
//! A module that guards such an act does three things, all in its own transactions:
//! 1. finds that the act needs a second person, and refuses with [`needed`] where no approval is at hand;
//! 2. lets the person ask: [`request`], with what exactly they want ([`What`]);
//! 3. takes the approval in the transaction that does the act: [`take`], by the very same [`What::key`].

pub mod grant;
pub mod http;
pub mod page;
pub mod table;

#[cfg(test)]
mod tests;

use chuangsha_kernel::{
    id::{StaffId, SubjectId},
    problem::Problem,
    role::{Action, RegionCode, Resource},
    time::Timestamp,
};
use chuangsha_store::Tx;
use chuangsha_vault::{DataKey, Domain, Place};
use uuid::Uuid;

pub use grant::{Cause, Kind, Refusal, Shown, State, code};
pub use table::{DDL, Queue};

use self::{
    grant::{Request, Step},
    table::{Reader, Stored},
};
use super::{
    actor::Actor,
    audit::{By, Entry},
    failure::{Failure, Result, refuse},
    people::organisation,
    purpose::{Purpose, Reason},
};
use crate::App;

/// Where the words of a request are sealed.
const PLACE: Place = Place::new("second_request", "sealed");

/// The subject whose data key seals the requests.
const SECOND_SUBJECT: Uuid = Uuid::from_u128(0x7365_636f_6e64_7000_8000_0000_0000_0001);

/// What exactly is asked for. `key` is compared letter for letter when the approval is taken; none of it leaves its seal but to requester and
/// approver.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct What {
    /// The act in one canonical text: `holder.document_number of 0198…`, or the whole query of an export.
    pub key: String,
    /// The field, by its code, where it is one: `document_number`.
    pub field: String,
    /// The thing as both people know it, masked: `199****0001`, an order's code, a list and its filter.
    pub object: String,
    /// The page it is done on, once approved.
    pub page: String,
    /// Whose data, where it is one person's.
    #[serde(skip)]
    pub subject: Option<SubjectId>,
    /// Where the thing lies; empty: everywhere.
    #[serde(skip)]
    pub region: String,
}

/// A request on its way in.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What act.
    pub kind: Kind,
    /// Why it needs two.
    pub cause: Cause,
    /// Purpose, case, words.
    pub reason: Reason,
    /// What exactly.
    pub what: What,
}

/// What is sealed beside a request, bound to its row.
#[derive(serde::Serialize, serde::Deserialize)]
struct Sealed {
    id: Uuid,
    what: What,
    case: String,
    words: String,
}

/// The refusal of an act that needs a second person and has none.
pub fn needed(cause: Cause) -> Failure {
    let (zh, en) = cause.words();
    Problem::new(&code::NEEDED).with("cause_zh", zh).with("cause_en", en).into()
}

fn key(app: &App, tx: &mut Tx) -> Result<DataKey> {
    app.key_of(tx, SECOND_SUBJECT, Domain::Audit)
}

fn opened(app: &App, tx: &mut Tx, stored: &Stored) -> Result<Sealed> {
    let key = app.key_if_any(tx, SECOND_SUBJECT, Domain::Audit)?.ok_or_else(|| Failure::internal("the requests have no key"))?;
    let sealed: Sealed = serde_json::from_slice(&key.open(PLACE, &stored.sealed)?).map_err(Failure::internal)?;
    if sealed.id != stored.request.id {
        return Err(Failure::internal("a sealed request belongs to another row"));
    }
    Ok(sealed)
}

/// Asks for a second person. That the asker may do the act at all is the caller's guard, before this.
///
/// # Errors
/// `second.pending`: the same thing is asked for already. `second.ended`: an API key, or a leaver, has no second person.
pub fn request_in(app: &App, tx: &mut Tx, actor: &Actor, ask: &Ask, now: Timestamp) -> Result<Uuid> {
    let by = table::signer(tx, actor.staff)?.ok_or_else(|| refuse(Refusal::Ended))?;
    if find_open(app, tx, actor, ask.kind, &ask.what, now)?.is_some_and(|(_, shown)| shown == Shown::Pending) {
        return Err(Problem::new(&code::PENDING).into());
    }
    let wait = app.clock_rule("protection.second_wait", now)?;
    let id = app.ids.next(now);
    let sealed = Sealed { id, what: ask.what.clone(), case: ask.reason.case.clone(), words: ask.reason.words.clone() };
    let stored = Stored {
        request: Request {
            id,
            kind: ask.kind,
            cause: ask.cause,
            state: State::Pending,
            version: 1,
            by,
            purpose: ask.reason.purpose,
            made_at: now,
            expires_at: now.plus_ms(wait.value),
            decided: None,
            decided_at: None,
            good_until: None,
            used_at: None,
        },
        subject: ask.what.subject,
        region: ask.what.region.clone(),
        sealed: key(app, tx)?.seal(PLACE, &serde_json::to_vec(&sealed).map_err(Failure::internal)?)?,
    };
    table::insert(tx, &stored)?;
    let step = Written { action: "second.request", step: ">pending", why: &ask.reason.why(), article: &wait.article };
    record(app, tx, By::Actor(actor), &stored, &step, now)?;
    Ok(id)
}

/// [`request_in`] in a transaction of its own.
///
/// # Errors
/// As [`request_in`].
pub async fn request(app: &App, actor: &Actor, ask: Ask) -> Result<Uuid> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| request_in(&writer, tx, &actor, &ask, now)).await
}

/// One line of the log about a request.
struct Written<'a> {
    action: &'a str,
    step: &'a str,
    why: &'a str,
    article: &'a str,
}

fn record(app: &App, tx: &mut Tx, by: By<'_>, stored: &Stored, written: &Written<'_>, now: Timestamp) -> Result<()> {
    let request = &stored.request;
    let facts = serde_json::json!({
        "kind": request.kind, "cause": request.cause, "purpose": request.purpose, "expires_at": request.expires_at.rfc3339(),
        "good_until": request.good_until.map(Timestamp::rfc3339), "requester": request.by.staff, "approver": request.decided.map(|by| by.staff),
    })
    .to_string();
    let entry = Entry {
        action: written.action,
        case_kind: "second",
        case: Some(request.id),
        step: written.step,
        why: written.why,
        article: written.article,
        pack: &app.rules.version,
        facts: &facts,
        subject: stored.subject,
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// The request as the role table sees it: it belongs to whoever asked, in their organisation.
fn resource(app: &App, stored: &Stored) -> Resource {
    Resource {
        owner: Some(stored.request.by.staff),
        organisation: Some(stored.request.by.organisation),
        carrier: app.people.carrier(),
        region: RegionCode::read(&stored.region),
    }
}

/// What an approver decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 批准
    Approve,
    /// 拒绝
    Refuse,
}

/// Decides a request. The rules answer first, so that the one who asked is told why not, and not only that a row is missing.
///
/// # Errors
/// The codes of [`grant::code`]; `people.denied`, `people.step_up`; `protection.words_missing`: a refusal says why.
pub async fn answer(app: &App, actor: &Actor, id: Uuid, answer: Answer, words: String) -> Result<()> {
    let now = app.clock.now();
    let words = words.trim().to_owned();
    if answer == Answer::Refuse && !(2..=200).contains(&words.chars().count()) || words.chars().count() > 200 {
        return Err(Problem::new(&super::purpose::code::WORDS_MISSING).field("words").into());
    }
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let app = &writer;
        if !actor.could(app, Action::SecondApprove) {
            actor.require(app, Action::SecondApprove, &actor.here())?;
        }
        let stored = table::find(tx, id)?;
        let by = table::signer(tx, actor.staff)?.ok_or_else(|| refuse(Refusal::Ended))?;
        let standing = table::standing(tx, &stored.request)?;
        let good = app.clock_rule("protection.second_good", now)?;
        let (step, action, arrow) = match answer {
            Answer::Approve => (Step::Approve { by, good_ms: &good }, "second.approve", "pending>approved"),
            Answer::Refuse => (Step::Refuse { by }, "second.refuse", "pending>refused"),
        };
        let new = stored.request.decide(step, standing, now).map_err(refuse)?;
        actor.require(app, Action::SecondApprove, &resource(app, &stored))?;
        let new = Stored { request: new, ..stored.clone() };
        // The entry before the effect: both stand or neither does.
        let written = Written { action, step: arrow, why: &words, article: &good.article };
        record(app, tx, By::Actor(&actor), &new, &written, now)?;
        table::advance(tx, &stored.request, &new.request)
    })
    .await
}

/// Takes a request back: its own author, before it was used.
///
/// # Errors
/// `second.not_found`, `second.out_of_order`, `second.expired`
pub async fn withdraw(app: &App, actor: &Actor, id: Uuid) -> Result<()> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let stored = table::find(tx, id)?;
        let standing = table::standing(tx, &stored.request)?;
        let new = stored.request.decide(Step::Withdraw { by: actor.staff }, standing, now).map_err(refuse)?;
        let arrow = format!("{}>withdrawn", stored.request.state.as_str());
        let new = Stored { request: new, ..stored.clone() };
        let written = Written { action: "second.withdraw", step: &arrow, why: "", article: "L-PIP-17" };
        record(&writer, tx, By::Actor(&actor), &new, &written, now)?;
        table::advance(tx, &stored.request, &new.request)
    })
    .await
}

/// Uses an approval up, in the transaction that writes the act to the log. It serves this person, this act and this very thing, once.
///
/// # Errors
/// `second.not_found` (not theirs), `second.out_of_order` (not approved, or used), `second.expired`, `second.ended`, `second.another`
pub fn take(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, kind: Kind, key: &str, now: Timestamp) -> Result<()> {
    let stored = table::find(tx, id)?;
    let same = stored.request.by.staff == actor.staff && opened(app, tx, &stored)?.what.key == key;
    let standing = table::standing(tx, &stored.request)?;
    let new = stored.request.decide(Step::Take { by: actor.staff, kind, same }, standing, now).map_err(refuse)?;
    let new = Stored { request: new, ..stored.clone() };
    let written = Written { action: "second.take", step: "approved>used", why: "", article: "L-PIP-17" };
    record(app, tx, By::Actor(actor), &new, &written, now)?;
    table::advance(tx, &stored.request, &new.request)
}

/// Who agreed to a request; `None` while nobody did.
///
/// # Errors
/// `second.not_found`
pub fn approver(tx: &mut Tx, id: Uuid) -> Result<Option<StaffId>> {
    let request = table::find(tx, id)?.request;
    let agreed = matches!(request.state, State::Approved | State::Used);
    Ok(request.decided.filter(|_| agreed).map(|signer| signer.staff))
}

/// One's own request for this very thing that still waits or may be used, approved ones first.
pub fn find_open(app: &App, tx: &mut Tx, actor: &Actor, kind: Kind, what: &What, now: Timestamp) -> Result<Option<(Uuid, Shown)>> {
    let mut waiting = None;
    for stored in table::open(tx, actor.staff, kind, what.subject)? {
        let standing = table::standing(tx, &stored.request)?;
        let shown = stored.request.shown(standing, now);
        if !matches!(shown, Shown::Pending | Shown::Approved) || opened(app, tx, &stored)?.what.key != what.key {
            continue;
        }
        if shown == Shown::Approved {
            return Ok(Some((stored.request.id, shown)));
        }
        waiting = waiting.or(Some((stored.request.id, shown)));
    }
    Ok(waiting)
}

/// A request as its requester and its approvers see it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct RequestView {
    /// Id.
    pub id: Uuid,
    /// What act.
    pub kind: Kind,
    /// Why it needs two.
    pub cause: Cause,
    /// Where it stands.
    pub state: Shown,
    /// What for.
    pub purpose: Purpose,
    /// Case it belongs to.
    pub case: String,
    /// Why, in words.
    pub words: String,
    /// Field, by its code.
    pub field: String,
    /// The thing, masked.
    pub object: String,
    /// Where the requester uses an approval: a path of the console.
    pub page: String,
    /// 工号 of who asks.
    pub number: String,
    /// Their organisation, Chinese.
    pub organisation_zh: String,
    /// Their organisation, English.
    pub organisation_en: String,
    /// The caller asked.
    pub mine: bool,
    /// The caller may decide it now.
    pub may_decide: bool,
    /// RFC 3339.
    pub made_at: String,
    /// Undecided until then: void. RFC 3339.
    pub expires_at: String,
    /// 工号 of who decided.
    pub decided_by: Option<String>,
    /// RFC 3339.
    pub decided_at: Option<String>,
    /// Unused until then: void. RFC 3339.
    pub good_until: Option<String>,
    /// RFC 3339.
    pub used_at: Option<String>,
}

fn view(app: &App, tx: &mut Tx, actor: &Actor, stored: &Stored, now: Timestamp) -> Result<RequestView> {
    let request = &stored.request;
    let sealed = opened(app, tx, stored)?;
    let state = request.shown(table::standing(tx, request)?, now);
    let from = organisation::find(tx, request.by.organisation)?;
    let decided_by = match request.decided {
        Some(by) => Some(app.staff_number(tx, by.staff)?),
        None => None,
    };
    // A stale passkey is asked for again when the button is pressed; the button is there.
    let open = state == Shown::Pending && request.by.staff != actor.staff && request.by.organisation != actor.organisation;
    Ok(RequestView {
        id: request.id,
        kind: request.kind,
        cause: request.cause,
        state,
        purpose: request.purpose,
        case: sealed.case,
        words: sealed.words,
        field: sealed.what.field,
        object: sealed.what.object,
        page: sealed.what.page,
        number: app.staff_number(tx, request.by.staff)?,
        organisation_zh: from.zh,
        organisation_en: from.en,
        mine: request.by.staff == actor.staff,
        may_decide: open && actor.could(app, Action::SecondApprove),
        made_at: request.made_at.rfc3339(),
        expires_at: request.expires_at.rfc3339(),
        decided_by,
        decided_at: request.decided_at.map(Timestamp::rfc3339),
        good_until: request.good_until.map(Timestamp::rfc3339),
        used_at: request.used_at.map(Timestamp::rfc3339),
    })
}

/// One request: its author's own, or one an approver may see.
///
/// # Errors
/// `second.not_found`
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<RequestView> {
    let now = app.clock.now();
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let stored = table::find(tx, id)?;
        if stored.request.by.staff != actor.staff && !approves(&reader, &actor) {
            return Err(refuse(Refusal::NotFound));
        }
        view(&reader, tx, &actor, &stored, now)
    })
    .await
}

/// An approver, whether or not their passkey is fresh: reading a list changes nothing.
fn approves(app: &App, actor: &Actor) -> bool {
    actor.passkey && actor.could(app, Action::SecondApprove)
}

/// One page of a list.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Listed {
    /// Rows.
    pub rows: Vec<RequestView>,
    /// How many there are, counted up to 10,000.
    pub total: i64,
    /// Id of the last row, when there are more.
    pub next: Option<Uuid>,
}

/// Counted no further.
pub const COUNT_CAP: i64 = 10_000;

/// Which part of which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Page {
    /// Which list.
    pub queue: Queue,
    /// Only requests for this kind of act.
    pub kind: Option<Kind>,
    /// After this row.
    pub after: Option<Uuid>,
    /// Rows, 1 to 100.
    pub limit: i64,
}

/// One list of requests: one's own for everybody; what waits and what one decided for approvers.
///
/// # Errors
/// `people.denied`
pub async fn list(app: &App, actor: &Actor, page: Page) -> Result<Listed> {
    let Page { queue, kind, after, limit } = page;
    let now = app.clock.now();
    if queue != Queue::Mine && !approves(app, actor) {
        actor.require(app, Action::SecondApprove, &actor.here())?;
    }
    let limit = limit.clamp(1, 100);
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let of = Reader { staff: actor.staff, organisation: actor.organisation, now, kind };
        let total = table::count(tx, queue, &of, COUNT_CAP)?;
        let mut found = table::list(tx, queue, &of, after, limit + 1)?;
        let more = found.len() as i64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(0));
        let next = found.last().filter(|_| more).map(|last| last.request.id);
        let rows = found.iter().map(|stored| view(&reader, tx, &actor, stored, now)).collect::<Result<Vec<_>>>()?;
        Ok(Listed { rows, total, next })
    })
    .await
}
