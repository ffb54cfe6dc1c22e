//! 离线采集: an order captured while the network was gone arrives whole, once.
//!
//! The device makes the order's id. The first transaction that accepts it writes that id beside the order it opened; whoever sends the same id
//! again, from another tab or after a crash, is given that order and whatever was still missing is done. A number is chosen here and not on the
//! device: a device that holds numbers while nobody can reach it would keep them from everybody else.

pub mod http;
pub mod limits;
pub mod table;

use chuangsha_kernel::{
    id::OrderId,
    role::Action,
    time::{HOUR_MS, Timestamp},
};
use chuangsha_store::Tx;
use chuangsha_vault::Field;
use ring::digest;
use uuid::Uuid;

use super::{
    Refusal,
    desk::{self, Asking, Capture, NewOrder, PartyInput, Reservation},
    order::{Customer, ImageKind, Mode, Order, Product, State},
    table as orders,
};
use crate::{
    App, channels,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

pub use limits::CaptureLimits;
pub use table::{DDL, Upload};

/// Most numbers a customer may wish for.
pub const MOST_WISHES: usize = 5;

/// 离线登记单: a counter order of one person, as a device kept it. Wiped when dropped; no Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfflineOrder {
    /// The device's own id of the order, random: the key under which it exists once.
    pub id: Uuid,
    /// When the capture was finished, by the device's clock, milliseconds UTC.
    pub captured_at: i64,
    /// When the server gave the device its rules, milliseconds UTC.
    pub rules_at: i64,
    /// Version of those rules.
    pub rules_version: String,
    /// What is asked for.
    pub product: Product,
    /// Numbers wished for, by their ids in the pool, the first first; at most five.
    pub numbers: Vec<Uuid>,
    /// If none of them is free any more, any free number of the city will do.
    #[serde(default)]
    pub any_number: bool,
    /// How the document was read: `reader`, `scan` or `manual`.
    pub entry: String,
    /// The holder.
    pub holder: PartyInput,
    /// The agent, by proxy.
    #[serde(default)]
    pub agent: Option<PartyInput>,
    /// The clerk saw and checked the original.
    #[serde(default)]
    pub original_seen: bool,
    /// The customer heard the warning of ATNF 30.
    #[serde(default)]
    pub warning_read: bool,
    /// The customer declines the machine's comparison of faces.
    #[serde(default)]
    pub face_declined: bool,
}

/// One sending of an order.
pub struct Sending {
    /// The order.
    pub order: OfflineOrder,
    /// SHA-256 of the order as it came.
    pub digest: [u8; 32],
    /// When it was sent, by the device's clock, milliseconds UTC.
    pub sent_at: i64,
    /// Pictures, one of a kind.
    pub pictures: Vec<(ImageKind, Vec<u8>)>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The order here.
    pub order: OrderId,
    /// The same id came before.
    pub replayed: bool,
}

/// SHA-256 of the order's bytes.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0_u8; 32];
    hash.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// Takes an order in, from the number to the submission, exactly once.
///
/// # Errors
/// The refusals of every step of a counter order; `registration.offline_device_time`, `registration.offline_too_old`,
/// `registration.offline_rules_stale`, `registration.offline_differs`. Before the reservation a refusal leaves nothing behind; after it the
/// order stays as far as it came, and the same id goes on from there.
pub async fn take(app: &App, actor: &Actor, sending: Sending) -> Result<Taken> {
    actor.require(app, Action::OrderReserve, &actor.here())?;
    let now = app.clock.now();
    let (id, replayed) = admit(app, actor, &sending, now).await?;
    // Two tabs may carry on one order at the same time: whoever comes second finds a step done and goes on from what there is.
    for _ in 0..ATTEMPTS {
        match carry_on(app, actor, id, &sending).await {
            Ok(()) => return Ok(Taken { order: id, replayed }),
            Err(failure) if overtaken(&failure) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Refusal::Stale.into())
}

/// How often a step done by somebody else at the same moment is looked at again.
const ATTEMPTS: u8 = 5;

fn overtaken(failure: &Failure) -> bool {
    let code = match failure {
        Failure::Problem(problem) => problem.code.id,
        _ => return false,
    };
    code == super::refusal::code::STALE.id || code == super::refusal::code::OUT_OF_ORDER.id
}

/// Opens and reserves in one transaction, or finds what an earlier sending left.
async fn admit(app: &App, actor: &Actor, sending: &Sending, now: Timestamp) -> Result<(OrderId, bool)> {
    let order = sending.order.clone();
    // A keyed hash: the order's own hash could be guessed back to a document number.
    let request = app.vault.blind(Field::DocumentNumber, &format!("offline order {}", hex::encode(sending.digest)))?.0.to_vec();
    let before = {
        let (actor, request, id) = (actor.clone(), request.clone(), order.id);
        app.read(move |tx| known(tx, &actor, id, &request)).await?
    };
    if let Some(found) = before {
        return Ok((found, true));
    }
    timely(app, &order, sending.sent_at, now)?;
    let reservation = Reservation {
        version: 1,
        entry: order.entry.clone(),
        holder: order.holder.clone(),
        agent: order.agent.clone(),
        organisation: None,
        handler: None,
    };
    let asking = std::sync::Arc::new(Asking::read(app, &reservation, now.day())?);
    let there: Vec<ImageKind> = sending.pictures.iter().map(|(kind, _)| *kind).collect();
    let sent_at = sending.sent_at;
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            if let Some(found) = known(tx, &actor, order.id, &request)? {
                return Ok((found, true));
            }
            if !order.original_seen {
                return Err(Refusal::OriginalNotSeen.into());
            }
            if !order.warning_read {
                return Err(Refusal::WarningNotRead.into());
            }
            let number = pick(tx, &actor, &order)?;
            let new = NewOrder { number, mode: Mode::Counter, product: order.product, customer: Customer::Individual };
            let id = desk::open_in(&app, tx, &actor, &new, now)?;
            let reserved = desk::reserve_in(&app, tx, &actor, id, 1, &asking, now)?;
            if let Some(kind) = reserved.images_needed(order.face_declined).find(|kind| !there.contains(kind)) {
                return Err(Refusal::ImageMissing { kind }.into());
            }
            let upload = Upload {
                captured_at: Timestamp(order.captured_at),
                sent_at: Timestamp(sent_at),
                received_at: now,
                rules_at: Timestamp(order.rules_at),
                rules_version: order.rules_version.clone(),
            };
            table::insert(tx, order.id, &actor, id, &request, &upload)?;
            record(&app, tx, &actor, &reserved, &upload, now)?;
            Ok((id, false))
        })
        .await
}

/// The order an earlier sending opened, when it was this clerk's and the same.
fn known(tx: &mut Tx, actor: &Actor, id: Uuid, request: &[u8]) -> Result<Option<OrderId>> {
    match table::find(tx, id)? {
        None => Ok(None),
        Some(found) if found.staff != actor.staff => Err(Refusal::NotFound.into()),
        Some(found) if found.request != request => Err(Refusal::OfflineDiffers.into()),
        Some(found) => Ok(Some(found.order)),
    }
}

/// Whether it comes in time: measured on one clock each, so that a wrong clock of the device changes nothing.
fn timely(app: &App, order: &OfflineOrder, sent_at: i64, now: Timestamp) -> Result<()> {
    let rule = |name| app.clock_rule(name, now).map(|ruling| ruling.value);
    let (most, stale, skew) = (rule(limits::AGE)?, rule(limits::RULES_AGE)?, rule(limits::SKEW)?);
    let age = sent_at.checked_sub(order.captured_at).filter(|age| *age >= 0 && order.captured_at > 0);
    let Some(age) = age else { return Err(Refusal::OfflineDeviceTime.into()) };
    if age > most {
        return Err(Refusal::OfflineTooOld { hours: most / HOUR_MS }.into());
    }
    // The rules were given by our own clock: a moment still to come was never given.
    let captured = now.0.saturating_sub(age);
    let rules_age = captured.saturating_sub(order.rules_at);
    if rules_age < -skew {
        return Err(Refusal::OfflineDeviceTime.into());
    }
    if rules_age > stale {
        return Err(Refusal::OfflineRulesStale { hours: stale / HOUR_MS }.into());
    }
    if order.numbers.len() > MOST_WISHES || order.rules_version.len() > 64 {
        return Err(Refusal::FieldInvalid { field: "numbers" }.into());
    }
    Ok(())
}

/// The first number wished for that is still free; else, if the customer said so, any of the city.
fn pick(tx: &mut Tx, actor: &Actor, order: &OfflineOrder) -> Result<Uuid> {
    for wish in &order.numbers {
        let number = orders::number(tx, *wish)?;
        if number.state == orders::NumberState::Free as i64 && number.product == order.product {
            return Ok(number.id);
        }
    }
    let any = match channels::of_organisation(tx, actor.organisation)? {
        Some(channel) if order.any_number => orders::free_numbers(tx, &channel.region, order.product, Uuid::nil(), 1)?.pop(),
        _ => None,
    };
    any.map(|number| number.id).ok_or_else(|| Refusal::NumberTaken.into())
}

/// One entry that keeps both clocks.
fn record(app: &App, tx: &mut Tx, actor: &Actor, order: &Order, upload: &Upload, now: Timestamp) -> Result<()> {
    let age = app.clock_rule(limits::AGE, now)?;
    let facts = serde_json::json!({
        "captured_at": upload.captured_at.rfc3339(), "sent_at": upload.sent_at.rfc3339(), "received_at": upload.received_at.rfc3339(),
        "clock_off_ms": upload.skew_ms(), "rules_at": upload.rules_at.rfc3339(), "rules": upload.rules_version,
    })
    .to_string();
    let entry = Entry {
        action: Action::OrderCapture.as_str(),
        case_kind: "order",
        case: Some(order.id.0),
        step: STEP,
        article: &age.article,
        pack: &age.pack_version,
        facts: &facts,
        subject: order.subject,
        ..Entry::default()
    };
    app.audit(tx, By::Actor(actor), &entry, now).map(drop)
}

/// The step of that entry.
pub const STEP: &str = "offline";

/// Pictures, capture, submission: as far as they are not done.
async fn carry_on(app: &App, actor: &Actor, id: OrderId, sending: &Sending) -> Result<()> {
    let (scope_app, scope_actor) = (app.clone(), actor.clone());
    let (mut order, there) = app
        .read(move |tx| {
            let order = desk::own_order(&scope_app, tx, &scope_actor, id, Action::OrderCapture, None)?;
            let there: Vec<ImageKind> = orders::images(tx, id)?.into_iter().map(|image| image.kind).collect();
            Ok((order, there))
        })
        .await?;
    if order.state == State::Reserved {
        let declined = sending.order.face_declined;
        for kind in order.images_needed(declined).filter(|kind| !there.contains(kind)).collect::<Vec<_>>() {
            let bytes = sending.pictures.iter().find(|(sent, _)| *sent == kind).map(|(_, bytes)| bytes.clone());
            let bytes = bytes.ok_or(Refusal::ImageMissing { kind })?;
            desk::add_image(app, actor, id, kind, bytes).await?;
        }
        let capture = Capture {
            version: order.version,
            original_seen: sending.order.original_seen,
            warning_read: sending.order.warning_read,
            face_declined: declined,
            agreement_clause: false,
        };
        order = desk::capture(app, actor, id, capture).await?;
    }
    if order.state == State::Captured {
        desk::submit(app, actor, id, order.version).await?;
    }
    // Anything else: it was submitted before, or has ended since. Either way it is the one order of this id.
    Ok(())
}
