//! 用户视图: one subscriber, masked here and nowhere later; the page is of a number (`subscription`) or of a person (`subject`), and either id
//! says nothing about them.

use chuangsha_kernel::{
    document::DocumentKind,
    id::{OrderId, SubjectId},
    mask,
    problem::Problem,
    role::Action,
    rulebook::ChannelKind,
    time::{MINUTE_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use super::{code, find::resource};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{
            By, Entry,
            query::{self, Seen},
        },
        failure::{Failure, Result},
        purpose,
        reveal::{
            self, Budget, Reveal, Revealed, Thing,
            disclosure::{self, Audience, Disclosure},
        },
    },
    registration::{
        order::Product,
        subscription::{self, Held, ServiceState},
        table,
        view::{PartyView, RowView, born, clear, masked_party, rows_of_person},
    },
};

/// A look at the same page within this time is the same look.
const ONE_LOOK_MS: i64 = 15 * MINUTE_MS;

/// Fields of a subscriber that may be revealed.
pub const FIELDS: [&str; 5] = ["number", "document_number", "name", "address", "phone"];

/// 名下号码: one number of the person.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct NumberView {
    /// Subscription: the id of its page.
    pub id: Uuid,
    /// `138****1234`
    pub number: String,
    /// In service or ended.
    pub state: ServiceState,
    /// Registered under a true name.
    pub real_name: bool,
    /// City.
    pub region: String,
    /// Product.
    pub product: Product,
    /// Kind of outlet, `own_hall`.
    pub channel_kind: String,
    /// Code of the outlet, where it was registered here.
    pub channel: Option<String>,
    /// 工号 of the auditor, where it was registered here.
    pub audited_by: Option<String>,
    /// RFC 3339.
    pub since: String,
    /// Slot of the quota it fills.
    pub slot: Option<i64>,
}

/// A subscriber, masked.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct SubscriberView {
    /// Id of this page.
    pub id: Uuid,
    /// The person; absent while the number is not registered.
    #[schema(value_type = Option<Uuid>)]
    pub subject: Option<SubjectId>,
    /// The number the page is of; absent on the page of a person.
    pub number: Option<NumberView>,
    /// City.
    pub region: String,
    /// The holder as last recorded.
    pub holder: Option<PartyView>,
    /// Every number of the person.
    pub numbers: Vec<NumberView>,
    /// Slots of mobile numbers in use or reserved.
    pub slots_used: i64,
    /// How many there may be (R-LIM-1).
    pub slots_limit: i64,
    /// A look in clear needs a second person.
    pub protected: bool,
    /// On a restriction list until then, RFC 3339 (L-LIM-6).
    pub restricted_until: Option<String>,
}

/// A subscriber in the record: what every function below starts from.
struct Found {
    number: Option<Held>,
    subjects: Vec<SubjectId>,
    key: Option<[u8; 16]>,
    region: String,
}

impl Found {
    fn subject(&self) -> Option<SubjectId> {
        self.subjects.first().copied()
    }
}

/// Where a person lives, as far as their numbers tell: the city of the one held longest.
pub(super) fn home(tx: &mut Tx, subject: SubjectId) -> Result<String> {
    let Some(key) = subscription::person_key(tx, subject)? else { return Ok(String::new()) };
    Ok(subscription::of_person(tx, &key)?.into_iter().next().map(|held| held.region).unwrap_or_default())
}

/// The subscriber behind an id, when this person may take the action on them.
fn found(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, action: Action) -> Result<Found> {
    let number = subscription::find(tx, id)?;
    let subject = match &number {
        Some(held) => held.subject,
        None => Some(SubjectId(id)),
    };
    let subjects = match subject {
        Some(subject) => subscription::subjects_of(tx, subject)?,
        None => Vec::new(),
    };
    let key = match (&number, subject) {
        (Some(held), _) if held.person_key.is_some() => held.person_key,
        (_, Some(subject)) => subscription::person_key(tx, subject)?,
        _ => None,
    };
    let region = match (&number, subject) {
        (Some(held), _) => held.region.clone(),
        (None, Some(subject)) if key.is_some() => home(tx, subject)?,
        _ => return missing(app, actor, action),
    };
    let resource = resource(app, &region);
    // Who may not see them at all does not learn that they are there; who may is told why not more.
    if !actor.may(app, Action::SubscriberView, &resource) {
        return missing(app, actor, action);
    }
    actor.require(app, action, &resource)?;
    Ok(Found { number, subjects, key, region })
}

fn missing<T>(app: &App, actor: &Actor, action: Action) -> Result<T> {
    actor.reach(app, Action::SubscriberView)?;
    actor.reach(app, action)?;
    Err(Problem::new(&code::NOT_FOUND).into())
}

fn number_view(app: &App, tx: &mut Tx, held: &Held) -> Result<NumberView> {
    let digits = app.open_pool_number(tx, held.number_id, &held.number_sealed)?;
    // The subscription keeps its order's id; a number of the base has none.
    let order = table::find(tx, OrderId(held.id)).ok();
    let channel = match &order {
        Some(order) => crate::channels::of_organisation(tx, order.captured_by.organisation)?.map(|channel| channel.code),
        None => None,
    };
    // Shown where it is still known: the record of a member of staff may be gone before the order's.
    let audited_by = order.and_then(|order| order.decided_by).and_then(|by| app.staff_number(tx, by.staff).ok());
    Ok(NumberView {
        id: held.id,
        number: mask::phone(&digits),
        state: held.state,
        real_name: held.real_name,
        region: held.region.clone(),
        product: held.product,
        channel_kind: ChannelKind::from_i64(held.channel_kind).map_or("", |kind| kind.as_str()).to_owned(),
        channel,
        audited_by,
        since: held.since.rfc3339(),
        slot: held.slot,
    })
}

fn view(app: &App, tx: &mut Tx, id: Uuid, found: &Found, now: Timestamp) -> Result<SubscriberView> {
    let holder = match subscription::holder(tx, &found.subjects)? {
        Some((_, party)) => Some(masked_party(app, tx, &party)?),
        None => None,
    };
    let (mut numbers, mut used, mut restricted) = (Vec::new(), 0, None);
    if let Some(key) = &found.key {
        for held in subscription::of_person(tx, key)? {
            numbers.push(number_view(app, tx, &held)?);
        }
        used = table::slots(tx, &app.config.operator.code, key, Product::Voice.quota_class())?.len() as i64;
        restricted = table::person(tx, key)?.map(|person| person.listed_until).filter(|until| *until > now);
    }
    let mut protected = false;
    for subject in &found.subjects {
        protected |= reveal::is_protected(tx, *subject)?;
    }
    Ok(SubscriberView {
        id,
        subject: found.subject(),
        number: found.number.as_ref().map(|held| number_view(app, tx, held)).transpose()?,
        region: found.region.clone(),
        holder,
        numbers,
        slots_used: used,
        slots_limit: app.number_rule(Product::Voice.limit_rule(), now, &found.region)?.value,
        protected,
        restricted_until: restricted.map(Timestamp::rfc3339),
    })
}

/// One subscriber, masked. That somebody looked is in the log before anything is shown, once in a quarter of an hour.
///
/// # Errors
/// `subscriber.not_found`, `people.denied`
pub async fn open(app: &App, actor: &Actor, id: Uuid) -> Result<SubscriberView> {
    let now = app.clock.now();
    let (writer, asker) = (app.clone(), actor.clone());
    let seen = app
        .read(move |tx| {
            found(&writer, tx, &asker, id, Action::SubscriberView)?;
            looked(tx, &asker, id, now)
        })
        .await?;
    if !seen {
        let (writer, asker) = (app.clone(), actor.clone());
        app.write(move |tx| {
            let found = found(&writer, tx, &asker, id, Action::SubscriberView)?;
            let facts = serde_json::json!({ "post": asker.roles.names() }).to_string();
            let entry = Entry {
                action: "subscriber.view",
                case_kind: "subscriber",
                case: Some(id),
                article: "R-PIP-3",
                pack: &writer.rules.version,
                facts: &facts,
                subject: found.subject(),
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&asker), &entry, now).map(drop)
        })
        .await?;
    }
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = found(&reader, tx, &actor, id, Action::SubscriberView)?;
        view(&reader, tx, id, &found, now)
    })
    .await
}

/// Whether this person's look at this page is written down already.
fn looked(tx: &mut Tx, actor: &Actor, id: Uuid, now: Timestamp) -> Result<bool> {
    let sql = "SELECT 1 FROM audit_entry WHERE staff = $1 AND at > $2 AND case_id = $3 AND action IN ('subscriber.search', 'subscriber.view') LIMIT 1";
    Ok(tx.query_opt(sql, &params![actor.staff.as_bytes(), now.plus_ms(-ONE_LOOK_MS), &id])?.is_some())
}

/// What is left of this person's reveals today.
pub async fn budget(app: &App, actor: &Actor, region: String) -> Result<Budget> {
    let (now, reader, actor) = (app.clock.now(), app.clone(), actor.clone());
    app.read(move |tx| reveal::budget(&reader, tx, &actor, &region, now)).await
}

/// Orders of the person, newest first, for whoever may see orders: each as the list of orders shows it.
///
/// # Errors
/// As [`open`].
pub async fn orders(app: &App, actor: &Actor, id: Uuid) -> Result<Vec<RowView>> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = found(&reader, tx, &actor, id, Action::SubscriberView)?;
        match found.key {
            Some(key) => rows_of_person(&reader, tx, &actor, &key),
            None => Ok(Vec::new()),
        }
    })
    .await
}

/// What happened to the person's numbers and data, newest first: everything in the log but looks and requests for them.
///
/// # Errors
/// As [`open`].
pub async fn timeline(app: &App, actor: &Actor, id: Uuid) -> Result<Vec<Seen>> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = found(&reader, tx, &actor, id, Action::SubscriberView)?;
        let actions = ["order.", "subscription.", "person.", "subscriber.protect", "suspension.", "vault."];
        query::of_subjects(&reader, tx, &found.subjects, &actions, None, 200)
    })
    .await
}

/// Who looked, newest first. With staff number, words and what is withheld from the person: to whoever holds `subscriber.access`; to everybody
/// else as the person is told.
///
/// # Errors
/// As [`open`].
pub async fn access(app: &App, actor: &Actor, id: Uuid, after: Option<Uuid>, limit: usize) -> Result<(Vec<Disclosure>, Option<Uuid>)> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = found(&reader, tx, &actor, id, Action::SubscriberView)?;
        let officer = actor.may(&reader, Action::SubscriberAccess, &resource(&reader, &found.region));
        let audience = if officer { Audience::Officer } else { Audience::Person };
        disclosure::of_person(&reader, tx, &found.subjects, audience, after, limit.clamp(1, 100))
    })
    .await
}

/// Who looked, as the person is told. For the page on which they ask themselves, once there is one.
///
/// # Errors
/// As [`open`].
pub async fn disclosures(app: &App, actor: &Actor, id: Uuid, after: Option<Uuid>, limit: usize) -> Result<(Vec<Disclosure>, Option<Uuid>)> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let found = found(&reader, tx, &actor, id, Action::SubscriberView)?;
        disclosure::of_person(&reader, tx, &found.subjects, Audience::Person, after, limit.clamp(1, 100))
    })
    .await
}

/// What the log and a second person are told of a subscriber's field, once this person may reveal it at all.
fn thing(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, asked: &Reveal) -> Result<Thing> {
    let found = found(app, tx, actor, id, Action::RevealField)?;
    known(tx, &found, asked)?;
    let born = match subscription::holder(tx, &found.subjects)? {
        Some((_, party)) => born(app, tx, &party)?,
        None => None,
    };
    let object = match &found.number {
        Some(held) => mask::phone(&app.open_pool_number(tx, held.number_id, &held.number_sealed)?),
        None => match subscription::holder(tx, &found.subjects)? {
            Some((_, party)) => masked_party(app, tx, &party)?.name,
            None => String::new(),
        },
    };
    Ok(Thing {
        case_kind: "subscriber",
        case: id,
        subjects: found.subjects,
        region: found.region,
        object,
        page: format!("/persons/{id}"),
        born,
    })
}

/// Whether there is such a field to reveal.
fn known(tx: &mut Tx, found: &Found, asked: &Reveal) -> Result<()> {
    let there = match asked.field.as_str() {
        _ if asked.role() != "holder" => false,
        "number" => found.number.is_some(),
        "phone" => subscription::holder(tx, &found.subjects)?.is_some_and(|(_, party)| party.phone.is_some()),
        field => FIELDS.contains(&field) && subscription::holder(tx, &found.subjects)?.is_some(),
    };
    if there { Ok(()) } else { Err(Problem::new(&reveal::code::FIELD_UNKNOWN).field("field").into()) }
}

fn value(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, asked: &Reveal) -> Result<String> {
    let found = found(app, tx, actor, id, Action::RevealField)?;
    let missing = || Failure::from(Problem::new(&code::NOT_FOUND));
    if asked.field == "number" {
        let held = found.number.ok_or_else(missing)?;
        return app.open_pool_number(tx, held.number_id, &held.number_sealed);
    }
    let (_, party) = subscription::holder(tx, &found.subjects)?.ok_or_else(missing)?;
    clear(app, tx, &party, &asked.field)
}

/// Shows one field of a subscriber in clear.
///
/// # Errors
/// As [`reveal::reveal`]; `subscriber.not_found`.
pub async fn reveal(app: &App, actor: &Actor, id: Uuid, asked: Reveal) -> Result<Revealed> {
    let (guard, asker, wanted) = (app.clone(), actor.clone(), asked.clone());
    let (opener, again, field) = (app.clone(), actor.clone(), asked.clone());
    let look = move |tx: &mut Tx<'_>| thing(&guard, tx, &asker, id, &wanted);
    reveal::reveal(app, actor, &asked, look, move |tx| value(&opener, tx, &again, id, &field)).await
}

/// Asks a second person for a field of a subscriber.
///
/// # Errors
/// As [`reveal::ask_second`]; `subscriber.not_found`.
pub async fn ask_second(app: &App, actor: &Actor, id: Uuid, asked: Reveal) -> Result<Uuid> {
    let (guard, asker, wanted) = (app.clone(), actor.clone(), asked.clone());
    reveal::ask_second(app, actor, &asked, move |tx| thing(&guard, tx, &asker, id, &wanted)).await
}

/// 重点保护: from now on a look in clear at this person needs a second person, or no longer does.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Protected from now on.
    pub protect: bool,
    /// Why, 2 to 200 characters.
    pub words: String,
}

/// Puts a person under protection or takes it away.
///
/// # Errors
/// `subscriber.not_found`, `people.denied`, `protection.words_missing`
pub async fn protect(app: &App, actor: &Actor, id: Uuid, input: Protection) -> Result<()> {
    let now = app.clock.now();
    let words = input.words.trim().to_owned();
    if !(2..=200).contains(&words.chars().count()) {
        return Err(Problem::new(&purpose::code::WORDS_MISSING).field("words").into());
    }
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let found = found(&writer, tx, &actor, id, Action::SubscriberProtect)?;
        let subject = found.subject().ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
        let mut changed = false;
        // One person, whatever documents they are known by: lifted for all of them, set for the one.
        let reach = if input.protect { found.subjects.get(..1).unwrap_or_default() } else { found.subjects.as_slice() };
        for subject in reach {
            changed |= reveal::protect(tx, &actor, *subject, input.protect, now)?;
        }
        let facts = serde_json::json!({ "protect": input.protect, "changed": changed }).to_string();
        let entry = Entry {
            action: "subscriber.protect",
            case_kind: "subscriber",
            case: Some(id),
            step: if input.protect { "protected" } else { "lifted" },
            why: &words,
            article: "L-PIP-8",
            pack: &writer.rules.version,
            facts: &facts,
            subject: Some(subject),
        };
        writer.audit(tx, By::Actor(&actor), &entry, now).map(drop)
    })
    .await
}

/// Kinds of document a search may be by.
pub fn document_kinds() -> impl Iterator<Item = DocumentKind> {
    crate::registration::view::document_kinds()
}
