//! What people see of an order: masked, unless a field is revealed with a reason, and the revealing is written down first.

use chuangsha_kernel::{
    document::DocumentKind,
    id::OrderId,
    mask,
    name::{Address, PersonName},
    phone::Phone,
    role::Action,
    time::Timestamp,
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{DataKey, Domain};
use uuid::Uuid;

use super::{
    Refusal,
    desk::{IMAGE, place},
    order::{ImageKind, Order, Product, RiskBounds},
    table::{self, Filter, Party},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{self, By, Entry},
        failure::{Failure, Result},
        keys,
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
    /// Milliseconds since it was submitted.
    pub waited_ms: Option<i64>,
    /// The clock of the audit, milliseconds (rule pack).
    pub due_ms: i64,
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

fn masked_party(app: &App, tx: &mut Tx, party: &Party) -> Result<PartyView> {
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
fn visible(app: &App, tx: &mut Tx, actor: &Actor, id: OrderId, action: Action) -> Result<Order> {
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
    let needed = order.images_needed(declined).filter(|kind| !images.iter().any(|image| image.kind == *kind)).collect();
    Ok(OrderView {
        id: order.id.0,
        code: order.code.clone(),
        state: order.state,
        version: order.version,
        customer: order.customer,
        product: order.product,
        mode: order.mode,
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
pub async fn list(app: &App, actor: &Actor, mut filter: Filter) -> Result<Page> {
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
            let rows = listed.iter().map(|row| row_view(&app, tx, &actor, row, (now, due, bounds))).collect::<Result<Vec<_>>>()?;
            Ok(Page { rows, total, next })
        })
        .await
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

/// 查看明文: one field, a purpose, words. Written to the log before it is shown; counted against a budget.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// `holder`, `agent`, `organisation` or `handler`.
    pub role: String,
    /// `name`, `document_number`, `address` or `phone`.
    pub field: String,
    /// Purpose code: `audit`, `customer_call`, `complaint`, `lawful_request`.
    pub purpose: String,
    /// Why, in words.
    pub words: String,
}

/// A field in clear, for 60 seconds.
#[derive(Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Revealed {
    /// The field in clear.
    pub value: String,
    /// Hide it after so many seconds.
    pub seconds: i64,
    /// Reveals left today.
    pub left_today: i64,
}

/// Purposes a reveal may have.
pub const PURPOSES: [&str; 4] = ["audit", "customer_call", "complaint", "lawful_request"];

/// Shows one field in clear.
pub async fn reveal(app: &App, actor: &Actor, id: OrderId, input: Reveal) -> Result<Revealed> {
    let now = app.clock.now();
    let words = super::desk::words(input.words.clone())?;
    if !PURPOSES.contains(&input.purpose.as_str()) {
        return Err(Refusal::FieldInvalid { field: "purpose" }.into());
    }
    if !["name", "document_number", "address", "phone"].contains(&input.field.as_str()) {
        return Err(Refusal::FieldInvalid { field: "field" }.into());
    }
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    // Two transactions on purpose: the entry is durable before the value exists anywhere outside its seal.
    let (writer, asker, asked) = (app.clone(), actor.clone(), input.clone());
    let left = store
        .write(move |tx| {
            let order = visible(&writer, tx, &asker, id, Action::RevealField)?;
            let budget = writer.number_rule("protection.reveals_per_day", now, &order.region)?;
            let since = Timestamp::start_of(now.day());
            let used = tx
                .query_one(
                    "SELECT COUNT(*) FROM audit_entry WHERE staff = $1 AND at >= $2 AND action = 'reveal.field'",
                    &params![asker.staff.as_bytes(), since.0],
                )?
                .int(0)?;
            if used >= budget.value {
                return Err(Failure::from(chuangsha_kernel::problem::Problem::new(&super::view::code::REVEALS_SPENT).with("limit", budget.value)));
            }
            let facts = serde_json::json!({ "role": asked.role, "field": asked.field, "purpose": asked.purpose, "used": used, "budget": budget.value }).to_string();
            let entry = Entry {
                action: "reveal.field",
                case_kind: "order",
                case: Some(id.0),
                step: &format!("{}.{}", asked.role, asked.field),
                why: &words,
                article: &budget.article,
                pack: &budget.pack_version,
                facts: &facts,
                subject: order.subject,
            };
            writer.audit(tx, By::Actor(&asker), &entry, now)?;
            Ok(budget.value - used - 1)
        })
        .await?;
    store
        .read(move |tx| {
            visible(&app, tx, &actor, id, Action::RevealField)?;
            let party = table::parties(tx, id)?.into_iter().find(|party| party.role == input.role).ok_or(Refusal::NotFound)?;
            let key = app.key_if_any(tx, party.subject.0, Domain::Identity)?;
            let value = match input.field.as_str() {
                "name" => opened(key.as_ref(), place::NAME, &party.name)?,
                "document_number" => opened(key.as_ref(), place::NUMBER, &party.number)?,
                "address" => opened(key.as_ref(), place::ADDRESS, &party.address)?,
                _ => match &party.phone {
                    Some(sealed) => opened(key.as_ref(), place::PHONE, sealed)?,
                    None => None,
                },
            };
            let value = value.ok_or(Refusal::NotFound)?;
            Ok(Revealed { value, seconds: 60, left_today: left })
        })
        .await
}

/// One picture in clear, for the viewer of an auditor; looking is written down first.
pub async fn image(app: &App, actor: &Actor, id: OrderId, kind: ImageKind) -> Result<Vec<u8>> {
    let now = app.clock.now();
    let (writer, asker) = (app.clone(), actor.clone());
    let (image, key) = app
        .store
        .write(move |tx| {
            let order = visible(&writer, tx, &asker, id, Action::ImageView)?;
            let image = table::images(tx, id)?.into_iter().find(|image| image.kind == kind).ok_or(Refusal::NotFound)?;
            let key = writer.key_if_any(tx, image.subject.0, Domain::Documents)?.ok_or(Refusal::NotFound)?;
            let facts = serde_json::json!({ "image": kind.as_str(), "sha256": hex::encode(&image.sha256) }).to_string();
            let entry = Entry {
                action: "image.view",
                case_kind: "order",
                case: Some(id.0),
                step: kind.as_str(),
                article: "R-PIP-3",
                pack: &writer.rules.version,
                facts: &facts,
                subject: order.subject,
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&asker), &entry, now)?;
            Ok::<_, Failure>((image, std::sync::Arc::new(key)))
        })
        .await?;
    let sealed = app.objects.get(image.id).await.map_err(Failure::internal)?;
    let plain = key.open(IMAGE, &sealed)?;
    if ring::digest::digest(&ring::digest::SHA256, &plain).as_ref() != image.sha256 {
        return Err(Failure::internal("a stored picture does not match its hash"));
    }
    Ok(plain.to_vec())
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

/// Kinds of document, for a form.
pub fn document_kinds() -> impl Iterator<Item = DocumentKind> {
    DocumentKind::ALL.iter().copied().filter(|kind| *kind != DocumentKind::OrganisationCode)
}

/// Codes of this file.
pub mod code {
    chuangsha_kernel::codes! {
        REVEALS_SPENT = "protection.reveals_spent", 429, "今日查看明文次数已用完（{limit} 次）", "Today's reveals are spent ({limit})", "确有需要请联系个人信息保护负责人", "If your work needs more, ask the privacy officer";
    }
}
