//! What people see of an order: masked, unless a field is revealed with a reason, and the revealing is written down first.

use chuangsha_kernel::{
    document::{Document, DocumentKind},
    id::OrderId,
    mask,
    name::{Address, PersonName},
    phone::Phone,
    problem::Problem,
    role::Action,
    time::Timestamp,
};
use chuangsha_store::Tx;
use chuangsha_vault::{DataKey, Domain};
use uuid::Uuid;

use super::{
    Refusal,
    desk::place,
    order::{ImageKind, Order, Product, RiskBounds},
    subscription,
    table::{self, Filter, Party},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit,
        failure::{Failure, Result},
        keys,
        reveal::{self, Reveal, Revealed, Thing},
    },
};

/// One party, masked.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct PartyView {
    /// `holder`, `agent`, `organisation`, `handler`.
    pub role: String,
    /// Kind of document.
    pub document_kind: String,
    /// `张**`
    pub name: String,
    /// First and last character.
    pub document_number: String,
    /// To the district.
    pub address: String,
    /// `138****1234`
    pub phone: Option<String>,
    /// Validity of the document.
    pub valid_until: Option<String>,
}

/// One picture: that it is there and what its hash is. Looking at it is an action of its own.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct ImageView {
    /// Id.
    pub id: Uuid,
    /// Kind.
    pub kind: ImageKind,
    /// SHA-256, hex.
    pub sha256: String,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// RFC 3339.
    pub at: String,
}

/// An order, masked.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct OrderView {
    /// Id.
    pub id: Uuid,
    /// 单号
    pub code: String,
    /// State.
    pub state: super::order::State,
    /// Version, to be sent back with the next step.
    pub version: i64,
    /// 个人 or 集团.
    pub customer: super::order::Customer,
    /// Product.
    pub product: super::order::Product,
    /// Mode.
    pub mode: super::order::Mode,
    /// 补登: an existing number is registered anew.
    pub reregistration: bool,
    /// 补登: how far that number is limited or stopped now; absent: in full service, or a new number.
    pub standing: Option<crate::suspension::Level>,
    /// City.
    pub region: String,
    /// Outlet.
    pub channel: String,
    /// `138****1234`
    pub number: String,
    /// Parties.
    pub parties: Vec<PartyView>,
    /// Pictures.
    pub images: Vec<ImageView>,
    /// Networked check.
    pub check: super::order::Check,
    /// Face comparison, thousandths.
    pub face_score: Option<i64>,
    /// Slot of the quota.
    pub slot: Option<i64>,
    /// By proxy.
    pub by_proxy: bool,
    /// What to capture again.
    pub defects: Vec<super::order::Defect>,
    /// Why rejected.
    pub reason: Option<super::order::RejectReason>,
    /// Who holds it, until when.
    pub lease: Option<LeaseView>,
    /// The caller captured it.
    pub captured_by_me: bool,
    /// The caller's outlet captured it.
    pub captured_by_us: bool,
    /// First senior vote given.
    pub first_vote: bool,
    /// The caller gave it.
    pub voted_by_me: bool,
    /// The caller approved or rejected it.
    pub decided_by_me: bool,
    /// Drawn for a second look nobody has taken yet.
    pub recheck_due: bool,
    /// How many numbers of this kind one person may hold.
    pub limit: i64,
    /// How closely an auditor should look.
    pub risk: super::order::Risk,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub submitted_at: Option<String>,
    /// RFC 3339.
    pub updated_at: String,
    /// The pictures a capture still needs.
    pub images_needed: Vec<ImageKind>,
    /// Captured without the network: both clocks.
    pub offline: Option<OfflineView>,
    /// Milliseconds since it was submitted.
    pub waited_ms: Option<i64>,
    /// The clock of the audit, milliseconds (rule pack).
    pub due_ms: i64,
}

/// 离线采集: when the device says it was, and when it came.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct OfflineView {
    /// RFC 3339, by the device's clock.
    pub captured_at: String,
    /// RFC 3339, by the server's clock.
    pub received_at: String,
    /// How far the device's clock was ahead when it sent, milliseconds.
    pub clock_off_ms: i64,
    /// Further than the rule allows.
    pub clock_wrong: bool,
}

/// A lease as others see it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct LeaseView {
    /// The caller holds it.
    pub mine: bool,
    /// 工号 of the holder.
    pub number: String,
    /// RFC 3339.
    pub until: String,
    /// Milliseconds left; never negative.
    pub left_ms: i64,
}

fn opened(key: Option<&DataKey>, place: chuangsha_vault::Place, sealed: &[u8]) -> Result<Option<String>> {
    key.map(|key| keys::open(key, place, sealed)).transpose()
}

/// What stands where the person's key was destroyed.
const DESTROYED: &str = "***";

/// A party as everybody sees it who may see it at all.
pub(crate) fn masked_party(app: &App, tx: &mut Tx, party: &Party) -> Result<PartyView> {
    let key = app.key_if_any(tx, party.subject.0, Domain::Identity)?;
    let key = key.as_ref();
    let name = opened(key, place::NAME, &party.name)?.and_then(|text| PersonName::parse(&text).ok()).map(|name| name.masked());
    let address = opened(key, place::ADDRESS, &party.address)?.and_then(|text| Address::parse(&text).ok()).map(|address| address.masked());
    let number = opened(key, place::NUMBER, &party.number)?.map(|text| mask::document_number(&text));
    let phone = match &party.phone {
        Some(sealed) => opened(key, place::PHONE, sealed)?.and_then(|text| Phone::parse(&text).ok()).map(|phone| phone.masked()),
        None => None,
    };
    Ok(PartyView {
        role: party.role.clone(),
        document_kind: party.document.as_str().to_owned(),
        name: name.unwrap_or_else(|| DESTROYED.to_owned()),
        document_number: number.unwrap_or_else(|| DESTROYED.to_owned()),
        address: address.unwrap_or_else(|| DESTROYED.to_owned()),
        phone,
        valid_until: party.valid_until.clone(),
    })
}

/// The order, when this person may see it: one's own outlet's, or those of the region one audits or manages.
pub(super) fn visible(app: &App, tx: &mut Tx, actor: &Actor, id: OrderId, action: Action) -> Result<Order> {
    let order = table::find(tx, id)?;
    let resource = app.resource(order.captured_by.organisation, &order.region, Some(order.captured_by.staff));
    // Who may not even see it does not learn that it is there; who may is told why not more.
    actor.require(app, Action::OrderView, &resource).map_err(|_| Failure::from(Refusal::NotFound))?;
    actor.require(app, action, &resource)?;
    Ok(order)
}

/// One order, masked.
pub async fn find(app: &App, actor: &Actor, id: OrderId) -> Result<OrderView> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let order = visible(&app, tx, &actor, id, Action::OrderView)?;
            view(&app, tx, &actor, &order, now)
        })
        .await
}

fn view(app: &App, tx: &mut Tx, actor: &Actor, order: &Order, now: Timestamp) -> Result<OrderView> {
    let parties = table::parties(tx, order.id)?.iter().map(|party| masked_party(app, tx, party)).collect::<Result<Vec<_>>>()?;
    let images: Vec<ImageView> = table::images(tx, order.id)?
        .into_iter()
        .map(|image| ImageView {
            id: image.id,
            kind: image.kind,
            sha256: hex::encode(&image.sha256),
            width: image.width,
            height: image.height,
            at: image.at.rfc3339(),
        })
        .collect();
    let declined = table::face_declined(tx, order.id)?;
    let number = table::number_of(tx, order.id)?;
    let number = app.open_pool_number(tx, number.id, &number.sealed)?;
    let channel = crate::channels::of_organisation(tx, order.captured_by.organisation)?;
    let due = app.clock_rule("registration.audit_clock", now)?;
    let lease = match order.lease {
        Some(lease) if lease.until > now => Some(LeaseView {
            mine: lease.by.staff == actor.staff,
            number: app.staff_number(tx, lease.by.staff)?,
            until: lease.until.rfc3339(),
            left_ms: (lease.until.0 - now.0).max(0),
        }),
        _ => None,
    };
    let offline = match super::offline::table::of_order(tx, order.id)? {
        None => None,
        Some(upload) => Some(OfflineView {
            captured_at: upload.captured_at.rfc3339(),
            received_at: upload.received_at.rfc3339(),
            clock_off_ms: upload.skew_ms(),
            clock_wrong: upload.skew_ms().abs() > app.clock_rule(super::offline::limits::SKEW, now)?.value,
        }),
    };
    let needed = order.images_needed(declined).filter(|kind| !images.iter().any(|image| image.kind == *kind)).collect();
    let standing = match order.existing {
        Some(line) => crate::suspension::standing(tx, line)?.level,
        None => None,
    };
    Ok(OrderView {
        id: order.id.0,
        code: order.code.clone(),
        state: order.state,
        version: order.version,
        customer: order.customer,
        product: order.product,
        mode: order.mode,
        reregistration: order.existing.is_some(),
        standing,
        region: order.region.clone(),
        channel: channel.map(|channel| channel.code).unwrap_or_default(),
        number: mask::phone(&number),
        parties,
        images,
        check: order.check,
        face_score: order.face_score,
        slot: order.slot,
        by_proxy: order.by_proxy,
        defects: order.defects.clone(),
        reason: order.reason,
        lease,
        captured_by_me: order.captured_by.staff == actor.staff,
        captured_by_us: order.captured_by.organisation == actor.organisation,
        first_vote: order.first_vote.is_some(),
        voted_by_me: order.first_vote.is_some_and(|vote| vote.by.staff == actor.staff),
        decided_by_me: order.decided_by.is_some_and(|by| by.staff == actor.staff),
        recheck_due: table::recheck_due(tx, order.id)?,
        limit: app.number_rule(order.product.limit_rule(), now, &order.region)?.value,
        risk: order.risk(risk_bounds(app, now)?),
        created_at: order.created_at.rfc3339(),
        submitted_at: order.submitted_at.map(Timestamp::rfc3339),
        updated_at: order.updated_at.rfc3339(),
        images_needed: needed,
        offline,
        waited_ms: order.submitted_at.map(|at| (now.0 - at.0).max(0)),
        due_ms: due.value,
    })
}

/// A row of a list.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct RowView {
    /// Id.
    pub id: Uuid,
    /// 单号
    pub code: String,
    /// State.
    pub state: super::order::State,
    /// Outlet.
    pub channel: String,
    /// Kind of outlet, `own_hall`.
    pub channel_kind: String,
    /// City.
    pub region: String,
    /// Mode.
    pub mode: super::order::Mode,
    /// 补登: an existing number is registered anew.
    pub reregistration: bool,
    /// Product.
    pub product: super::order::Product,
    /// `张**`
    pub name: String,
    /// Masked number.
    pub number: String,
    /// Networked check.
    pub check: super::order::Check,
    /// Face comparison, thousandths.
    pub face_score: Option<i64>,
    /// Who holds it now.
    pub held: bool,
    /// The caller holds it.
    pub held_by_me: bool,
    /// 工号 of who holds it now.
    pub held_by: Option<String>,
    /// How closely an auditor should look.
    pub risk: super::order::Risk,
    /// Milliseconds since submission.
    pub waited_ms: Option<i64>,
    /// Past its clock.
    pub overdue: bool,
    /// RFC 3339.
    pub submitted_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// One page of a list.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = OrderPage)]
pub struct Page {
    /// Rows.
    pub rows: Vec<RowView>,
    /// Rows there are, counted up to 10,000; 0 where nobody asked.
    pub total: i64,
    /// Where the next page starts, when there is one: time and id of the last row.
    #[schema(value_type = Option<String>)]
    pub next: Option<(i64, Uuid)>,
}

/// Counted no further: an exact count of millions is not worth its time.
pub const COUNT_CAP: i64 = 10_000;

/// What the grades of risk are measured by today.
pub fn risk_bounds(app: &App, now: Timestamp) -> Result<RiskBounds> {
    let rule = |rule| app.number_rule(rule, now, "").map(|found| found.value);
    Ok(RiskBounds {
        face: rule("registration.face_match_threshold")? * 10,
        mobile: rule(Product::Voice.limit_rule())?,
        iot: rule(Product::Iot.limit_rule())?,
    })
}

/// How many of a queue wait, counted up to `cap`.
pub async fn count(app: &App, actor: &Actor, filter: Filter, cap: i64) -> Result<i64> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let mut filter = filter.clone();
            app.narrow(&actor, &mut filter)?;
            table::count(tx, &filter, cap)
        })
        .await
}

/// Orders this person may see, narrowed by the filter.
pub async fn list(app: &App, actor: &Actor, filter: Filter) -> Result<Page> {
    list_as(app, actor, filter, false).await
}

/// As [`list`], with names and numbers as they are: for a file two people agreed to, and which is on record before it is read.
///
/// # Errors
/// `people.denied` for whoever may take no file in clear.
pub(crate) async fn list_clear(app: &App, actor: &Actor, filter: Filter) -> Result<Page> {
    if !actor.could(app, Action::ExportClear) {
        actor.require(app, Action::ExportClear, &actor.here())?;
    }
    list_as(app, actor, filter, true).await
}

async fn list_as(app: &App, actor: &Actor, mut filter: Filter, clear: bool) -> Result<Page> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    filter.limit = filter.limit.clamp(1, 100);
    store
        .read(move |tx| {
            let mut filter = filter.clone();
            app.narrow(&actor, &mut filter)?;
            let total = if filter.uncounted { 0 } else { table::count(tx, &filter, COUNT_CAP)? };
            let due = app.clock_rule("registration.audit_clock", now)?.value;
            let bounds = risk_bounds(&app, now)?;
            filter.limit += 1;
            let mut listed = table::list(tx, &filter)?;
            filter.limit -= 1;
            let more = listed.len() as i64 > filter.limit;
            listed.truncate(usize::try_from(filter.limit).unwrap_or(0));
            let next = listed.last().filter(|_| more).map(|last| {
                let at = if filter.oldest_first { last.order.submitted_at.unwrap_or_default() } else { last.order.created_at };
                (at.0, last.order.id.0)
            });
            let mut rows = listed.iter().map(|row| row_view(&app, tx, &actor, row, (now, due, bounds))).collect::<Result<Vec<_>>>()?;
            if clear {
                for (view, row) in rows.iter_mut().zip(&listed) {
                    unmask(&app, tx, row, view)?;
                }
            }
            Ok(Page { rows, total, next })
        })
        .await
}

/// Puts what was masked in clear.
fn unmask(app: &App, tx: &mut Tx, row: &table::Listed, view: &mut RowView) -> Result<()> {
    if let Some((subject, sealed)) = &row.name {
        let key = app.key_if_any(tx, subject.0, Domain::Identity)?;
        view.name = opened(key.as_ref(), place::NAME, sealed)?.unwrap_or_else(|| DESTROYED.to_owned());
    }
    view.number = app.open_pool_number(tx, row.number_id, &row.number_sealed)?;
    Ok(())
}

/// Now, the clock of the audit in milliseconds, what risk is measured by.
type Clocks = (Timestamp, i64, RiskBounds);

fn row_view(app: &App, tx: &mut Tx, actor: &Actor, row: &table::Listed, (now, due_ms, bounds): Clocks) -> Result<RowView> {
    let order = &row.order;
    let name = match &row.name {
        Some((subject, sealed)) => {
            let key = app.key_if_any(tx, subject.0, Domain::Identity)?;
            opened(key.as_ref(), place::NAME, sealed)?
                .and_then(|text| PersonName::parse(&text).ok())
                .map_or(DESTROYED.to_owned(), |name| name.masked())
        }
        None => String::new(),
    };
    let number = app.open_pool_number(tx, row.number_id, &row.number_sealed)?;
    let held = order.lease.is_some_and(|lease| lease.until > now);
    let waited_ms = order.submitted_at.map(|at| (now.0 - at.0).max(0));
    Ok(RowView {
        id: order.id.0,
        code: order.code.clone(),
        state: order.state,
        channel: row.channel_code.clone(),
        channel_kind: chuangsha_kernel::rulebook::ChannelKind::from_i64(row.channel_kind).map_or("", |kind| kind.as_str()).to_owned(),
        region: order.region.clone(),
        mode: order.mode,
        reregistration: order.existing.is_some(),
        product: order.product,
        name,
        number: mask::phone(&number),
        check: order.check,
        face_score: order.face_score,
        held,
        held_by_me: held && order.lease.is_some_and(|lease| lease.by.staff == actor.staff),
        held_by: match order.lease.filter(|_| held) {
            // Somebody who is no longer on record holds nothing: the number is left out.
            Some(lease) => app.staff_number(tx, lease.by.staff).ok(),
            None => None,
        },
        risk: order.risk(bounds),
        waited_ms,
        overdue: !order.state.is_final() && waited_ms.is_some_and(|waited| waited > due_ms),
        submitted_at: order.submitted_at.map(Timestamp::rfc3339),
        created_at: order.created_at.rfc3339(),
    })
}

/// The entries of an order's timeline.
pub async fn timeline(app: &App, actor: &Actor, id: OrderId) -> Result<Vec<audit::query::Seen>> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            visible(&app, tx, &actor, id, Action::OrderView)?;
            audit::query::of_case(&app, tx, id.0)
        })
        .await
}

/// Fields of a party that may be revealed, and where each lies.
pub const FIELDS: [&str; 4] = ["document_number", "name", "address", "phone"];

/// What the log and a second person are told of an order's field, once this person may reveal it at all.
fn thing(app: &App, tx: &mut Tx, actor: &Actor, id: OrderId, asked: &Reveal) -> Result<Thing> {
    let order = visible(app, tx, actor, id, Action::RevealField)?;
    let party = party_of(tx, id, asked)?;
    Ok(Thing {
        case_kind: "order",
        case: id.0,
        subjects: subscription::subjects_of(tx, party.subject)?,
        region: order.region.clone(),
        object: order.code.clone(),
        page: format!("/orders/{id}"),
        born: born(app, tx, &party)?,
    })
}

/// The party asked for, when the field is one it has.
fn party_of(tx: &mut Tx, id: OrderId, asked: &Reveal) -> Result<Party> {
    let party = table::parties(tx, id)?.into_iter().find(|party| party.role == asked.role());
    let known = party.filter(|party| FIELDS.contains(&asked.field.as_str()) && (asked.field != "phone" || party.phone.is_some()));
    known.ok_or_else(|| Problem::new(&reveal::code::FIELD_UNKNOWN).field("field").into())
}

/// Birth date of a party, where the document tells one.
pub(crate) fn born(app: &App, tx: &mut Tx, party: &Party) -> Result<Option<jiff::civil::Date>> {
    let key = app.key_if_any(tx, party.subject.0, Domain::Identity)?;
    let number = opened(key.as_ref(), place::NUMBER, &party.number)?;
    Ok(number.and_then(|number| Document::parse(party.document, &number, app.rules.provinces()).ok()).and_then(|document| document.birth()))
}

/// One field of a party in clear. Whoever calls this has written the look down.
pub(crate) fn clear(app: &App, tx: &mut Tx, party: &Party, field: &str) -> Result<String> {
    let key = app.key_if_any(tx, party.subject.0, Domain::Identity)?;
    let key = key.as_ref();
    let value = match field {
        "name" => opened(key, place::NAME, &party.name)?,
        "document_number" => opened(key, place::NUMBER, &party.number)?,
        "address" => opened(key, place::ADDRESS, &party.address)?,
        _ => party.phone.as_deref().map(|sealed| opened(key, place::PHONE, sealed)).transpose()?.flatten(),
    };
    // A destroyed person has nothing left to show.
    value.ok_or_else(|| Refusal::NotFound.into())
}

/// Shows one field of an order in clear.
///
/// # Errors
/// As [`reveal::reveal`].
pub async fn reveal(app: &App, actor: &Actor, id: OrderId, asked: Reveal) -> Result<Revealed> {
    let (guard, asker, wanted) = (app.clone(), actor.clone(), asked.clone());
    let (opener, again, field) = (app.clone(), actor.clone(), asked.clone());
    reveal::reveal(
        app,
        actor,
        &asked,
        move |tx| thing(&guard, tx, &asker, id, &wanted),
        move |tx| {
            visible(&opener, tx, &again, id, Action::RevealField)?;
            let party = party_of(tx, id, &field)?;
            clear(&opener, tx, &party, &field.field)
        },
    )
    .await
}

/// Asks a second person for a field of an order.
///
/// # Errors
/// As [`reveal::ask_second`].
pub async fn ask_second(app: &App, actor: &Actor, id: OrderId, asked: Reveal) -> Result<Uuid> {
    let (guard, asker, wanted) = (app.clone(), actor.clone(), asked.clone());
    reveal::ask_second(app, actor, &asked, move |tx| thing(&guard, tx, &asker, id, &wanted)).await
}

/// What is left of this person's reveals today, as an order's page shows it.
pub async fn budget(app: &App, actor: &Actor, region: String) -> Result<reveal::Budget> {
    let (now, reader, actor) = (app.clock.now(), app.clone(), actor.clone());
    app.read(move |tx| reveal::budget(&reader, tx, &actor, &region, now)).await
}

/// Other orders of the same person, for the auditor to compare (R-LIM-1).
pub async fn same_person(app: &App, actor: &Actor, id: OrderId) -> Result<Vec<RowView>> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let order = visible(&app, tx, &actor, id, Action::OrderView)?;
            let Some(person) = order.person_key else { return Ok(Vec::new()) };
            let due = app.clock_rule("registration.audit_clock", now)?.value;
            let bounds = risk_bounds(&app, now)?;
            table::of_person(tx, &person, order.id, 10)?.iter().map(|row| row_view(&app, tx, &actor, row, (now, due, bounds))).collect()
        })
        .await
}

/// Orders of a person, newest first, those this reader may see.
pub(crate) fn rows_of_person(app: &App, tx: &mut Tx, actor: &Actor, person: &[u8; 16]) -> Result<Vec<RowView>> {
    let now = app.clock.now();
    let due = app.clock_rule("registration.audit_clock", now)?.value;
    let found = table::of_person(tx, person, OrderId(Uuid::nil()), 50)?;
    let may = |row: &&table::Listed| {
        let order = &row.order;
        actor.may(app, Action::OrderView, &app.resource(order.captured_by.organisation, &order.region, Some(order.captured_by.staff)))
    };
    let bounds = risk_bounds(app, now)?;
    found.iter().filter(may).map(|row| row_view(app, tx, actor, row, (now, due, bounds))).collect()
}

/// Kinds of document, for a form.
pub fn document_kinds() -> impl Iterator<Item = DocumentKind> {
    DocumentKind::ALL.iter().copied().filter(|kind| *kind != DocumentKind::OrganisationCode)
}
