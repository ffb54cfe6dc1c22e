//! 工单视图: a ticket as it is shown, the customer masked here and nowhere later.

use chuangsha_kernel::{
    mask,
    role::Action,
    rulebook::ChannelKind,
    time::{HOUR_MS, Timestamp},
};
use chuangsha_store::Tx;
use chuangsha_vault::Domain;
use uuid::Uuid;

use super::{Filter, Kind, Outcome, Refusal, Stage, State, Ticket, Topic, WORDS, longest_ms, masked_number, place, seen, table};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        keys,
        reveal::{self, Budget, Reveal, Revealed, Thing},
    },
    registration::{
        subscription::{self, Held},
        view::{born, clear, masked_party},
    },
};

/// A ticket as a program or a list reads it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct TicketView {
    /// Id.
    pub id: Uuid,
    /// `T-20261122-7K3QX2A`
    pub code: String,
    /// Kind.
    pub kind: Kind,
    /// Topic.
    pub topic: Topic,
    /// State.
    pub state: State,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// City.
    pub region: String,
    /// Kind of outlet the number belongs to, or empty.
    pub channel_kind: String,
    /// Stage of the remediation at the opening.
    pub stage: Stage,
    /// Outlet it is about.
    pub place: String,
    /// `199****0001`; absent for somebody who did not say.
    pub number: Option<String>,
    /// RFC 3339.
    pub opened_at: String,
    /// RFC 3339; absent while the holidays of a year are not known.
    pub due_at: Option<String>,
    /// Milliseconds left, negative when late; absent where no clock runs.
    pub left_ms: Option<i64>,
    /// Past its clock.
    pub late: bool,
    /// 工号 of whoever works on it.
    pub worker: Option<String>,
    /// 专人
    pub named: bool,
    /// Conclusion.
    pub outcome: Option<Outcome>,
    /// What the customer said of the answer.
    pub satisfied: Option<bool>,
    /// Came again within the days.
    pub recontacted: bool,
    /// Holds the remediation of its number.
    pub holds: bool,
}

/// Something that happened, its words opened.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// `ticket.answer`
    pub action: String,
    /// State it led to.
    pub state: State,
    /// 工号
    pub staff: String,
    /// Words.
    pub words: String,
}

/// A ticket with everything its page shows.
#[derive(Debug, Clone)]
pub struct Detail {
    /// The ticket.
    pub ticket: TicketView,
    /// Newest first.
    pub happened: Vec<Happened>,
    /// `张*`, where a holder is recorded.
    pub holder: Option<String>,
    /// The number's own page.
    pub subscription: Option<Uuid>,
    /// Other complaints of this number in the days that make a frequent complainer.
    pub complaints: usize,
    /// Refunds computed for it.
    pub refunds: Vec<super::refund::Refund>,
    /// The worker is whoever looks.
    pub mine: bool,
}

fn view(app: &App, tx: &mut Tx, one: &Ticket, now: Timestamp) -> Result<TicketView> {
    let held = held_of(tx, one)?;
    let longest = longest_ms(app, now)?;
    let due = one.clock.due(one.answered_at.unwrap_or(now), longest);
    let running = matches!(one.state, State::Open | State::Working);
    Ok(TicketView {
        id: one.id,
        code: one.code.clone(),
        kind: one.kind,
        topic: one.topic,
        state: one.state,
        version: one.version,
        region: one.region.clone(),
        channel_kind: ChannelKind::from_i64(one.channel_kind).map_or("", |kind| kind.as_str()).to_owned(),
        stage: one.stage,
        place: one.place.clone(),
        number: held.map(|held| masked_number(app, tx, &held)).transpose()?,
        opened_at: one.opened_at.rfc3339(),
        due_at: due.map(Timestamp::rfc3339),
        left_ms: due.filter(|_| running).map(|due| due.0 - now.0),
        late: one.late(now, longest),
        worker: one.worker.and_then(|id| app.staff_number(tx, id).ok()),
        named: one.named,
        outcome: one.outcome,
        satisfied: one.satisfied,
        recontacted: one.recontacted,
        holds: one.holds,
    })
}

fn held_of(tx: &mut Tx, one: &Ticket) -> Result<Option<Held>> {
    match one.subscription {
        Some(id) => subscription::find(tx, id),
        None => Ok(None),
    }
}

/// `170000000000_018f…`: where a row stands in its list.
pub fn cursor((due, id): (i64, Uuid)) -> String {
    format!("{due}_{}", id.simple())
}

/// From [`cursor`].
pub fn read_cursor(text: &str) -> Option<(i64, Uuid)> {
    let (due, id) = text.split_once('_')?;
    Some((due.parse().ok()?, Uuid::try_parse(id).ok()?))
}

/// One page of the tickets this person may see, each with its cursor, and how many there are (counted up to 10,000).
///
/// # Errors
/// The person may not see tickets.
pub async fn list(app: &App, actor: &Actor, mut filter: Filter) -> Result<(Vec<(TicketView, String)>, i64)> {
    filter.region = app.visible_region(actor, Action::TicketView, &filter.region)?;
    let (reader, now) = (app.clone(), app.clock.now());
    app.read(move |tx| {
        let total = if filter.uncounted { 0 } else { table::count(tx, &filter)? };
        let rows = table::list(tx, &filter)?;
        let seen = rows.into_iter().map(|(one, due)| Ok((view(&reader, tx, &one, now)?, cursor((due, one.id)))));
        Ok((seen.collect::<Result<Vec<_>>>()?, total))
    })
    .await
}

/// One ticket with what happened to it.
///
/// # Errors
/// `hotline.not_found`
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<Detail> {
    let (reader, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    app.read(move |tx| {
        let one = seen(&reader, tx, &actor, id)?;
        let held = held_of(tx, &one)?;
        let holder = match held.as_ref().and_then(|held| held.subject) {
            Some(subject) => {
                let subjects = subscription::subjects_of(tx, subject)?;
                let party = subscription::holder(tx, &subjects)?;
                party.map(|(_, party)| masked_party(&reader, tx, &party)).transpose()?.map(|party| party.name)
            }
            None => None,
        };
        let key = reader.key_if_any(tx, one.id, Domain::Messages)?;
        let mut happened = Vec::new();
        for moment in table::moments(tx, id)? {
            // Where the key is gone with its time, what happened stays and the words do not.
            let words = match (&key, &moment.words) {
                (Some(key), Some(sealed)) => keys::open(key, WORDS, sealed)?,
                _ => String::new(),
            };
            happened.push(Happened { at: moment.at, action: moment.action, state: moment.state, staff: moment.staff, words });
        }
        let days = reader.number_rule("hotline.frequent_days", now, "")?.value;
        let complaints = match one.subscription {
            Some(id) => table::complaints_of(tx, id, now.plus_ms(-days * 24 * HOUR_MS))?.len(),
            None => 0,
        };
        Ok(Detail {
            ticket: view(&reader, tx, &one, now)?,
            happened,
            holder,
            subscription: one.subscription,
            complaints,
            refunds: super::refund::of_ticket(tx, id)?,
            mine: one.worker == Some(actor.staff),
        })
    })
    .await
}

/// Fields of a ticket's customer that may be revealed.
pub const FIELDS: [&str; 4] = ["number", "name", "phone", "document_number"];

fn customer(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<(Ticket, Held)> {
    let one = seen(app, tx, actor, id)?;
    actor.require(app, Action::RevealField, &place(app, &one.region))?;
    let held = held_of(tx, &one)?.ok_or_else(|| refuse(Refusal::FieldInvalid("field")))?;
    Ok((one, held))
}

fn thing(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, asked: &Reveal) -> Result<Thing> {
    let (one, held) = customer(app, tx, actor, id)?;
    let subjects = match held.subject {
        Some(subject) => subscription::subjects_of(tx, subject)?,
        None => Vec::new(),
    };
    let party = subscription::holder(tx, &subjects)?.map(|(_, party)| party);
    let there = asked.role() == "holder" && FIELDS.contains(&asked.field.as_str()) && (asked.field == "number" || party.is_some());
    if !there {
        return Err(refuse(Refusal::FieldInvalid("field")));
    }
    Ok(Thing {
        case_kind: "ticket",
        case: one.id,
        subjects,
        region: one.region,
        object: mask::phone(&app.open_pool_number(tx, held.number_id, &held.number_sealed)?),
        page: format!("/tickets/{id}"),
        born: party.map(|party| born(app, tx, &party)).transpose()?.flatten(),
    })
}

fn value(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, asked: &Reveal) -> Result<String> {
    let (_, held) = customer(app, tx, actor, id)?;
    if asked.field == "number" {
        return app.open_pool_number(tx, held.number_id, &held.number_sealed);
    }
    let subjects = match held.subject {
        Some(subject) => subscription::subjects_of(tx, subject)?,
        None => Vec::new(),
    };
    let (_, party) = subscription::holder(tx, &subjects)?.ok_or_else(|| refuse(Refusal::FieldInvalid("field")))?;
    clear(app, tx, &party, &asked.field)
}

/// Shows one field of a ticket's customer in clear, with the ticket as the case.
///
/// # Errors
/// As [`reveal::reveal`]; `hotline.not_found`.
pub async fn reveal(app: &App, actor: &Actor, id: Uuid, asked: Reveal) -> Result<Revealed> {
    let (guard, asker, wanted) = (app.clone(), actor.clone(), asked.clone());
    let (opener, again, field) = (app.clone(), actor.clone(), asked.clone());
    let look = move |tx: &mut Tx<'_>| thing(&guard, tx, &asker, id, &wanted);
    reveal::reveal(app, actor, &asked, look, move |tx| value(&opener, tx, &again, id, &field)).await
}

/// Asks a second person for a field of a ticket's customer.
///
/// # Errors
/// As [`reveal::ask_second`]; `hotline.not_found`.
pub async fn ask_second(app: &App, actor: &Actor, id: Uuid, asked: Reveal) -> Result<Uuid> {
    let (guard, asker, wanted) = (app.clone(), actor.clone(), asked.clone());
    reveal::ask_second(app, actor, &asked, move |tx| thing(&guard, tx, &asker, id, &wanted)).await
}

/// What is left of this person's reveals today.
///
/// # Errors
/// The record failed.
pub async fn budget(app: &App, actor: &Actor, region: String) -> Result<Budget> {
    let (now, reader, actor) = (app.clock.now(), app.clone(), actor.clone());
    app.read(move |tx| reveal::budget(&reader, tx, &actor, &region, now)).await
}
