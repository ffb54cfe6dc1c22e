//! 受理台: what a clerk does with an order, from the picked number to the submission.

use chuangsha_kernel::{
    document::{Document, DocumentError, DocumentKind},
    id::{OrderId, SubjectId},
    name::{Address, PersonName},
    phone::Phone,
    role::Action,
    rulebook::{EntryMode, Place},
    time::Timestamp,
};
use chuangsha_store::Tx;
use chuangsha_vault::{Domain, Field, Place as Sealed};
use jiff::civil::Date;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Refusal,
    carry::{Because, carry},
    order::{CaptureFacts, Customer, ImageKind, Mode, Named, Order, Product, ReserveFacts, State, Step},
    reregistration,
    table::{self, NumberState},
};
use crate::{
    App, channels,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        images, keys,
    },
};

/// Where a party's fields are sealed.
pub mod place {
    use super::Sealed as Place;
    /// Name.
    pub const NAME: Place = Place::new("registration_party", "name");
    /// Document number.
    pub const NUMBER: Place = Place::new("registration_party", "number");
    /// Address.
    pub const ADDRESS: Place = Place::new("registration_party", "address");
    /// Contact number.
    pub const PHONE: Place = Place::new("registration_party", "phone");
    /// Number of the pool.
    pub const POOL: Place = Place::new("number_pool", "number_sealed");
}

/// What starts an order.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// The number picked, by its id in the pool.
    pub number: Uuid,
    /// How the customer comes to it.
    pub mode: Mode,
    /// What is asked for.
    pub product: Product,
    /// 个人 or 集团.
    pub customer: Customer,
}

/// A party as typed or read. Wiped when dropped; no Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartyInput {
    /// Kind of document, `resident_id`.
    pub document_kind: String,
    /// Number on it.
    #[schema(value_type = String)]
    pub document_number: Zeroizing<String>,
    /// Name on it, 1 to 64 characters.
    #[schema(value_type = String)]
    pub name: Zeroizing<String>,
    /// Address on it, 1 to 200 characters.
    #[schema(value_type = String)]
    pub address: Zeroizing<String>,
    /// Issuing country of a passport, three letters.
    #[serde(default)]
    pub country: Option<String>,
    /// Contact number, 11 digits.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Zeroizing<String>>,
    /// Issued, `2020-01-31`.
    #[serde(default)]
    pub valid_from: Option<String>,
    /// Valid until, `2040-01-31`; absent for a document valid for life.
    #[serde(default)]
    pub valid_until: Option<String>,
}

/// 预占: who asks, with which document.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// Version of the order the page showed.
    pub version: i64,
    /// How the document was read: `reader`, `scan` or `manual`.
    pub entry: String,
    /// The holder: the person, or in a group the actual user.
    pub holder: PartyInput,
    /// The agent, by proxy.
    #[serde(default)]
    pub agent: Option<PartyInput>,
    /// The organisation that signs, in a group.
    #[serde(default)]
    pub organisation: Option<PartyInput>,
    /// The organisation's handling person, in a group.
    #[serde(default)]
    pub handler: Option<PartyInput>,
}

/// 采集 declared complete.
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Version of the order the page showed.
    pub version: i64,
    /// The clerk saw and checked the original.
    #[serde(default)]
    pub original_seen: bool,
    /// The customer heard the warning of ATNF 30.
    #[serde(default)]
    pub warning_read: bool,
    /// The customer declines the machine's comparison of faces.
    #[serde(default)]
    pub face_declined: bool,
    /// Group: the agreement carries the real-name clause.
    #[serde(default)]
    pub agreement_clause: bool,
}

/// A party after parsing.
struct Parsed {
    role: &'static str,
    document: Document,
    name: PersonName,
    address: Address,
    phone: Option<Phone>,
    from: Option<Date>,
    until: Option<Date>,
}

/// Picks a number and opens a draft. The number is kept from others from here on.
pub async fn open(app: &App, actor: &Actor, input: NewOrder) -> Result<OrderId> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store.write(move |tx| open_in(&app, tx, &actor, &input, now)).await
}

/// [`open`] within a transaction of the caller's.
pub(super) fn open_in(app: &App, tx: &mut Tx, actor: &Actor, input: &NewOrder, now: Timestamp) -> Result<OrderId> {
    let channel = open_channel(app, tx, actor, input.mode, now)?;
    let number = table::number(tx, input.number)?;
    if number.state != NumberState::Free as i64 || number.product != input.product {
        return Err(Refusal::NumberTaken.into());
    }
    let hold = app.clock_rule("registration.reservation", now)?;
    let order = draft(app, actor, &channel, (input.mode, input.product, input.customer), hold.value, now);
    let id = order.id;
    table::insert(tx, &order, number.id, channel.kind as i64)?;
    table::move_number(tx, number.id, NumberState::Free, NumberState::Held, Some(id.0))?;
    let entry = Entry {
        action: "order.reserve",
        case_kind: "order",
        case: Some(id.0),
        step: ">draft",
        article: &hold.article,
        pack: &hold.pack_version,
        facts: "{}",
        ..Entry::default()
    };
    app.audit(tx, By::Actor(actor), &entry, now)?;
    Ok(id)
}

/// The outlet this clerk works for, when it may register people in this mode today.
pub(super) fn open_channel(app: &App, tx: &mut Tx, actor: &Actor, mode: Mode, now: Timestamp) -> Result<channels::Channel> {
    let channel = channels::of_organisation(tx, actor.organisation)?.ok_or(Refusal::ChannelNotActive)?;
    actor.require(app, Action::OrderReserve, &app.resource(actor.organisation, &channel.region, Some(actor.staff)))?;
    if !channel.may_register() {
        return Err(Refusal::ChannelNotActive.into());
    }
    if !channel.takes(mode) || !channels::mode_open(tx, app, &channel.region, mode, now)?.value {
        return Err(Refusal::ModeClosed { mode }.into());
    }
    Ok(channel)
}

/// A draft, not yet written.
pub(super) fn draft(
    app: &App,
    actor: &Actor,
    channel: &channels::Channel,
    (mode, product, customer): (Mode, Product, Customer),
    hold_ms: i64,
    now: Timestamp,
) -> Order {
    let id = OrderId(app.ids.next(now));
    Order {
        id,
        code: code_of(id, now),
        state: State::Draft,
        version: 1,
        customer,
        product,
        mode,
        region: channel.region.clone(),
        captured_by: actor.who(),
        subject: None,
        person_key: None,
        existing: None,
        slot: None,
        document: None,
        by_proxy: false,
        check: super::order::Check::Waiting,
        face_score: None,
        lease: None,
        decided_by: None,
        first_vote: None,
        defects: Vec::new(),
        reason: None,
        created_at: now,
        expires_at: now.plus_ms(hold_ms),
        submitted_at: None,
        updated_at: now,
    }
}

/// `A-20261122-7K3QX`: the day and five characters of the id, without the ones people confuse.
fn code_of(id: OrderId, now: Timestamp) -> String {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let bytes = id.0.as_bytes();
    let tail: String = bytes.iter().rev().take(7).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    format!("A-{}-{tail}", now.day().strftime("%Y%m%d"))
}

/// The parties of a reservation, parsed: what can be refused before any transaction is.
pub(super) struct Asking {
    entry: EntryMode,
    parties: Vec<Parsed>,
}

impl Asking {
    /// # Errors
    /// The first field that is not of its form, named `role.field`.
    pub(super) fn read(app: &App, input: &Reservation, today: Date) -> Result<Self> {
        let entry = EntryMode::parse(&input.entry).ok_or(Refusal::FieldInvalid { field: "entry" })?;
        let mut parties = vec![parse(app, "holder", &input.holder, today)?];
        for (role, party) in [("agent", &input.agent), ("organisation", &input.organisation), ("handler", &input.handler)] {
            if let Some(party) = party {
                parties.push(parse(app, role, party, today)?);
            }
        }
        Ok(Self { entry, parties })
    }
}

/// Names the holder, takes a slot of their quota.
pub async fn reserve(app: &App, actor: &Actor, id: OrderId, input: Reservation) -> Result<Order> {
    let now = app.clock.now();
    let asking = std::sync::Arc::new(Asking::read(app, &input, now.day())?);
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store.write(move |tx| reserve_in(&app, tx, &actor, id, input.version, &asking, now)).await
}

/// [`reserve`] within a transaction of the caller's.
pub(super) fn reserve_in(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    id: OrderId,
    version: i64,
    asking: &Asking,
    now: Timestamp,
) -> Result<Order> {
    let today = now.day();
    let Asking { entry, parties } = asking;
    let (entry, by_proxy) = (*entry, parties.iter().any(|party| party.role == "agent"));
    let order = own_order(app, tx, actor, id, Action::OrderReserve, Some(version))?;
    let channel = channels::of_organisation(tx, order.captured_by.organisation)?.ok_or(Refusal::ChannelNotActive)?;
    let holder = parties.first().ok_or(Refusal::FieldInvalid { field: "holder" })?;
    if order.customer == Customer::Group
        && !(parties.iter().any(|p| p.role == "organisation") && parties.iter().any(|p| p.role == "handler"))
    {
        return Err(Refusal::OrganisationMissing.into());
    }
    let mut named = Vec::with_capacity(parties.len());
    for party in parties.iter() {
        named.push(name_party(app, tx, party, now)?);
    }
    let (key, person) = named[0];
    if named.iter().zip(parties.iter()).any(|((other, _), party)| party.role == "agent" && *other == key) {
        return Err(Refusal::AgentIsHolder.into());
    }
    let operator = app.config.operator.code.clone();
    let class = order.product.quota_class();
    let used = table::slots(tx, &operator, &key, class)?;
    let slot = table::free_slot(&used);
    let limit = app.number_rule(order.product.limit_rule(), now, &order.region)?;
    let allowed = app.rules.document_allowed(holder.document.kind(), channel.kind, entry, today);
    let agent_allowed = parties
        .iter()
        .filter(|party| party.role == "agent")
        .all(|party| app.rules.document_allowed(party.document.kind(), channel.kind, entry, today).value);
    let active = channels::admission(app, &channel, now)?;
    let trained = app.flag_rule("channel.trained_clerk", now, actor.trained_until.is_some_and(|until| until > now))?;
    let mode_open = channels::mode_open(tx, app, &order.region, order.mode, now)?;
    let proxy_allowed = app
        .rules
        .flag("registration.proxy_allowed", today, &Place::region(&order.region))
        .map_err(Failure::internal)?
        .map(|admitted| admitted && agent_allowed);
    let hold = app.clock_rule("registration.reservation", now)?;
    let number = table::number_of(tx, id)?;
    let line = reregistration::line(tx, &order)?;
    let counted = line.as_ref().is_some_and(|line| line.person_key == Some(key));
    let facts = ReserveFacts {
        channel_active: &active,
        clerk_trained: &trained,
        mode_open: &mode_open,
        document_allowed: &allowed,
        proxy_allowed: &proxy_allowed,
        slots_used: used.len() as i64,
        limit: &limit,
        listed: person.listed_until > now,
        number_free: if order.existing.is_some() { line.is_some() } else { number.holder == Some(id.0) },
        counted,
        another_holder: line.is_some_and(|line| line.real_name && !counted),
        document_valid: true,
        hold_ms: &hold,
    };
    let step = Step::Reserve(Named { subject: person.subject, person_key: key, document: holder.document.kind(), by_proxy, slot }, facts);
    let facts = serde_json::json!({
        "channel_active": active.value, "clerk_trained": trained.value, "mode_open": mode_open.value,
        "document": holder.document.kind().as_str(), "entry": entry.as_str(), "document_allowed": allowed.value,
        "by_proxy": by_proxy, "proxy_allowed": proxy_allowed.value, "slots_used": used.len(), "limit": limit.value, "slot": slot,
        "listed": facts.listed, "number_free": facts.number_free, "counted": counted, "another_holder": facts.another_holder, "rules": [active.rule, trained.rule, mode_open.rule, allowed.rule, limit.rule],
    })
    .to_string();
    let new = carry(app, tx, By::Actor(actor), &order, step, Because { action: "order.reserve", why: "", facts: &facts }, now)?;
    for (party, (_, person)) in parties.iter().zip(&named) {
        let sealed = seal_party(app, tx, party, person.subject)?;
        table::put_party(tx, id, &sealed)?;
    }
    table::set_capture(tx, id, Some(entry as i64), None)?;
    Ok(new)
}

fn parse(app: &App, role: &'static str, input: &PartyInput, today: Date) -> Result<Parsed> {
    let at = |field: &str| format!("{role}.{field}");
    let kind = DocumentKind::parse(&input.document_kind).ok_or_else(|| refuse_at(DocumentError::UnknownKind, at("document_kind")))?;
    let mut document =
        Document::parse(kind, &input.document_number, app.rules.provinces()).map_err(|error| refuse_at(error, at("document_number")))?;
    if let Some(country) = input.country.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        document = document.with_country(country).map_err(|error| refuse_at(error, at("country")))?;
    }
    let name = PersonName::parse(&input.name).map_err(|error| refuse_at(error, at("name")))?;
    let address = Address::parse(&input.address).map_err(|error| refuse_at(error, at("address")))?;
    let phone = match input.phone.as_ref().filter(|text| !text.trim().is_empty()) {
        Some(text) => Some(Phone::parse(text).map_err(|error| refuse_at(error, at("phone")))?),
        None => None,
    };
    let date = |text: &Option<String>, field: &str| match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => {
            text.parse::<Date>().map(Some).map_err(|_| Failure::from(refuse_at(Refusal::FieldInvalid { field: "valid_until" }, at(field))))
        }
        None => Ok(None),
    };
    let from = date(&input.valid_from, "valid_from")?;
    let until = date(&input.valid_until, "valid_until")?;
    document.check_validity(from, until, today, app.rules.validity()).map_err(|error| refuse_at(error, at("valid_until")))?;
    Ok(Parsed { role, document, name, address, phone, from, until })
}

/// A refusal about one field, named as the caller named it.
fn refuse_at(refusal: impl chuangsha_kernel::problem::Refuse, field: String) -> chuangsha_kernel::problem::Problem {
    refusal.problem().field(field)
}

/// The canonical person behind a document, made known on first sight.
fn name_party(app: &App, tx: &mut Tx, party: &Parsed, now: Timestamp) -> Result<([u8; 16], table::Person)> {
    let key = app.vault.blind(Field::PersonKey, party.document.person_key().as_str())?.0;
    let key = table::canonical(tx, key)?;
    if let Some(person) = table::person(tx, &key)? {
        return Ok((key, person));
    }
    let subject = SubjectId(app.ids.next(now));
    table::add_person(tx, &key, subject, now)?;
    Ok((key, table::Person { subject, listed_until: Timestamp(0) }))
}

fn seal_party(app: &App, tx: &mut Tx, party: &Parsed, subject: SubjectId) -> Result<table::Party> {
    let key = app.key_of(tx, subject.0, Domain::Identity)?;
    Ok(table::Party {
        role: party.role.to_owned(),
        subject,
        document: party.document.kind(),
        number_index: app.vault.blind(Field::DocumentNumber, party.document.number())?.0.to_vec(),
        name: keys::seal(&key, place::NAME, party.name.as_str())?,
        number: keys::seal(&key, place::NUMBER, party.document.number())?,
        address: keys::seal(&key, place::ADDRESS, party.address.as_str())?,
        phone: party.phone.as_ref().map(|phone| keys::seal(&key, place::PHONE, phone.digits())).transpose()?,
        valid_from: party.from.map(|date| date.to_string()),
        valid_until: party.until.map(|date| date.to_string()),
    })
}

/// The order, when this clerk's outlet captured it and the page is not stale.
pub(super) fn own_order(app: &App, tx: &mut Tx, actor: &Actor, id: OrderId, action: Action, version: Option<i64>) -> Result<Order> {
    let order = table::find(tx, id)?;
    let resource = app.resource(order.captured_by.organisation, &order.region, Some(order.captured_by.staff));
    // An order this person may not touch looks like one that does not exist.
    actor.require(app, action, &resource).map_err(|_| Failure::from(Refusal::NotFound))?;
    match version {
        Some(version) if version != order.version => Err(Refusal::Stale.into()),
        _ => Ok(order),
    }
}

/// Takes one picture in: decoded, marked, re-encoded, sealed, its hash kept.
pub async fn add_image(app: &App, actor: &Actor, id: OrderId, kind: ImageKind, bytes: Vec<u8>) -> Result<()> {
    let now = app.clock.now();
    let (scope_app, scope_actor) = (app.clone(), actor.clone());
    let order = app.store.read(move |tx| own_order(&scope_app, tx, &scope_actor, id, Action::OrderCapture, None)).await?;
    if !matches!(order.state, State::Reserved | State::Captured | State::Returned) {
        return Err(Refusal::OutOfOrder { state: order.state }.into());
    }
    let subject = order.subject.ok_or(Refusal::OutOfOrder { state: order.state })?;
    let mark = images::Watermark {
        operator: app.config.operator.name_zh.clone(),
        operator_code: app.config.operator.name_en.clone(),
        purpose: "实名登记".to_owned(),
        purpose_code: "REAL-NAME".to_owned(),
        date: now.day(),
        order: order.code.clone(),
        font: app.mark_font.clone(),
    };
    let limits = app.config.images;
    let field = kind.as_str();
    let intake = tokio::task::spawn_blocking(move || images::intake(&bytes, &limits, &mark))
        .await
        .map_err(Failure::internal)?
        .map_err(|refusal| refuse_at(refusal, field.to_owned()))?;
    let image_id = app.ids.next(now);
    let (key_app, jpeg) = (app.clone(), intake.jpeg);
    let sealed = app
        .store
        .write(move |tx| {
            let key = key_app.key_of(tx, subject.0, Domain::Documents)?;
            Ok::<_, Failure>(key.seal(IMAGE, &jpeg)?)
        })
        .await?;
    let bytes = sealed.len() as i64;
    // The file first: a file without its row is swept away later, a row without its file would be a lie.
    app.objects.put(image_id, sealed).await.map_err(Failure::internal)?;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = own_order(&app, tx, &actor, id, Action::OrderCapture, None)?;
            if !matches!(order.state, State::Reserved | State::Captured | State::Returned) {
                return Err(Refusal::OutOfOrder { state: order.state }.into());
            }
            let image = table::Image {
                id: image_id,
                kind,
                subject,
                sha256: intake.sha256.to_vec(),
                width: i64::from(intake.width),
                height: i64::from(intake.height),
                at: now,
            };
            table::add_image(tx, id, &image, bytes)?;
            let facts = serde_json::json!({ "image": kind.as_str(), "sha256": hex::encode(intake.sha256) }).to_string();
            let entry = Entry {
                action: "order.capture",
                case_kind: "order",
                case: Some(id.0),
                step: field,
                article: "R-REG-3",
                pack: &app.rules.version,
                facts: &facts,
                subject: order.subject,
                ..Entry::default()
            };
            app.audit(tx, By::Actor(&actor), &entry, now)?;
            Ok(())
        })
        .await
}

/// Where pictures are sealed.
pub const IMAGE: Sealed = Sealed::new("registration_image", "file");

/// Declares the capture complete.
pub async fn capture(app: &App, actor: &Actor, id: OrderId, input: Capture) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = own_order(&app, tx, &actor, id, Action::OrderCapture, Some(input.version))?;
            let stored: Vec<ImageKind> = table::images(tx, id)?.into_iter().map(|image| image.kind).collect();
            let organisation_recorded = table::parties(tx, id)?.iter().any(|party| party.role == "organisation");
            let original_rule = app.article("registration.original_seen", now)?;
            let photograph_rule = app.article("registration.central_audit", now)?;
            let facts = CaptureFacts {
                original_seen: input.original_seen,
                images: &stored,
                face_declined: input.face_declined,
                agreement_clause: input.agreement_clause,
                organisation_recorded,
                warning_read: input.warning_read,
                original_rule: &original_rule,
                photograph_rule: &photograph_rule,
            };
            let text = serde_json::json!({
                "original_seen": input.original_seen, "warning_read": input.warning_read, "face_declined": input.face_declined,
                "agreement_clause": input.agreement_clause, "organisation_recorded": organisation_recorded,
                "images": stored.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
            })
            .to_string();
            let new = carry(
                &app,
                tx,
                By::Actor(&actor),
                &order,
                Step::Capture(facts),
                Because { action: "order.capture", why: "", facts: &text },
                now,
            )?;
            table::set_capture(tx, id, None, Some(input.face_declined))?;
            Ok(new)
        })
        .await
}

/// A step that needs nothing but the order.
async fn plain(
    app: &App,
    actor: &Actor,
    id: OrderId,
    version: Option<i64>,
    action: Action,
    step: Step<'static>,
    why: String,
) -> Result<Order> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = own_order(&app, tx, &actor, id, action, version)?;
            carry(&app, tx, By::Actor(&actor), &order, step, Because { action: action.as_str(), why: &why, facts: "{}" }, now)
        })
        .await
}

/// Sends the order to the audit.
pub async fn submit(app: &App, actor: &Actor, id: OrderId, version: i64) -> Result<Order> {
    plain(app, actor, id, Some(version), Action::OrderSubmit, Step::Submit, String::new()).await
}

/// Ends the order at the customer's wish.
pub async fn cancel(app: &App, actor: &Actor, id: OrderId, version: i64, why: String) -> Result<Order> {
    plain(app, actor, id, Some(version), Action::OrderCancel, Step::Cancel, words(why)?).await
}

/// Two to two hundred characters.
pub(crate) fn words(text: String) -> Result<String> {
    let length = text.trim().chars().count();
    if (2..=200).contains(&length) { Ok(text.trim().to_owned()) } else { Err(Refusal::WordsMissing.into()) }
}

/// 交付核对: what the courier or the hall sees at the door.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Version of the order the page showed.
    pub version: i64,
    /// Kind of the document shown.
    pub document_kind: String,
    /// Number of the document shown.
    #[schema(value_type = String)]
    pub document_number: Zeroizing<String>,
}

/// Compares the document shown at delivery with the one submitted (R-REG-14): the same, and the number is activated; another, and the
/// order is rejected and its slot freed.
pub async fn deliver(app: &App, actor: &Actor, id: OrderId, input: Delivery) -> Result<Order> {
    let now = app.clock.now();
    let kind =
        DocumentKind::parse(&input.document_kind).ok_or_else(|| refuse_at(DocumentError::UnknownKind, "document_kind".to_owned()))?;
    let document = Document::parse(kind, &input.document_number, app.rules.provinces())
        .map_err(|error| refuse_at(error, "document_number".to_owned()))?;
    let shown = app.vault.blind(Field::DocumentNumber, document.number())?.0;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let order = own_order(&app, tx, &actor, id, Action::OrderDeliver, Some(input.version))?;
            let holder = table::parties(tx, id)?.into_iter().find(|party| party.role == "holder").ok_or(Refusal::NotFound)?;
            let same = holder.document == kind && holder.number_index == shown;
            let facts = serde_json::json!({ "same_document": same }).to_string();
            let delivered = carry(
                &app,
                tx,
                By::Actor(&actor),
                &order,
                Step::Deliver { same_document: same },
                Because { action: "order.deliver", why: "", facts: &facts },
                now,
            )?;
            if !same {
                return Ok(delivered);
            }
            super::gate::activate(&app, tx, By::Actor(&actor), &delivered, now)
        })
        .await
}

/// A free number a clerk may offer.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Offer {
    /// Id in the pool.
    pub id: Uuid,
    /// The digits: a free number is nobody's yet.
    pub number: String,
}

/// Free numbers of the clerk's city.
pub async fn offers(app: &App, actor: &Actor, product: Product, after: Uuid, limit: i64) -> Result<Vec<Offer>> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            actor.require(&app, Action::OrderReserve, &app.resource(actor.organisation, &actor.region, Some(actor.staff)))?;
            table::free_numbers(tx, &actor.region, product, after, limit.clamp(1, 100))?
                .into_iter()
                .map(|number| Ok(Offer { id: number.id, number: app.open_pool_number(tx, number.id, &number.sealed)? }))
                .collect()
        })
        .await
}
