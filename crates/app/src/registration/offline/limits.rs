//! 离线限额: what a device may do on its own, and what it needs for it: the dated rules, the outlet's place, the documents taken here, free numbers.

use chuangsha_kernel::{
    role::Action,
    rulebook::{EntryMode, Place},
};
use uuid::Uuid;

use crate::{
    App, channels,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
    },
    registration::{
        Refusal,
        order::{Product, has_back},
        table, view,
    },
};

/// Orders on one device.
pub const ORDERS: &str = "registration.offline_orders";
/// How old an order may be.
pub const AGE: &str = "registration.offline_age";
/// How old the rules may be.
pub const RULES_AGE: &str = "registration.offline_rules_age";
/// How far from the outlet.
pub const DISTANCE: &str = "registration.offline_distance";
/// How far off the clock.
pub const SKEW: &str = "registration.offline_clock_skew";

/// Free numbers given along, of each product.
const OFFERS: i64 = 12;

/// Limits and means of one device, for one person at one outlet.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct CaptureLimits {
    /// Whose: an opaque word. Another word than before means another person, and what the one before left is deleted.
    pub owner: String,
    /// Now, by the server's clock, milliseconds UTC.
    pub now: i64,
    /// Version of the rules.
    pub rules_version: String,
    /// Orders a device may keep.
    pub orders: i64,
    /// How old an order may get, milliseconds.
    pub age_ms: i64,
    /// How old these limits may get, milliseconds.
    pub rules_age_ms: i64,
    /// How far from the outlet, metres.
    pub distance_m: i64,
    /// How far off the device's clock may be, milliseconds.
    pub clock_skew_ms: i64,
    /// The outlet.
    pub outlet: OutletPlace,
    /// Documents taken here.
    pub documents: Vec<DocumentTaken>,
    /// Numbers free just now.
    pub numbers: Vec<FreeNumber>,
    /// The reader's bridge, where one is set.
    pub reader: Option<ReaderBridge>,
}

/// Where the outlet is.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct OutletPlace {
    /// 网点编号
    pub code: String,
    /// Degrees north; absent where nobody recorded it, and distance is then not checked.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

/// A kind of document and the ways it may be read here.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct DocumentTaken {
    /// `resident_id`
    pub kind: &'static str,
    /// `reader`, `manual`, …
    pub entries: Vec<&'static str>,
    /// It has a back that is photographed too.
    pub back: bool,
}

/// A number nobody has yet.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct FreeNumber {
    /// Id in the pool.
    pub id: Uuid,
    /// The digits.
    pub number: String,
    /// What it is for.
    pub product: Product,
}

/// The program beside the browser that speaks to the reader.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct ReaderBridge {
    /// Its origin, `http://127.0.0.1:17510`.
    pub url: String,
    /// What it wants to be shown.
    pub token: String,
}

/// Limits and means for this person.
///
/// # Errors
/// No right to register; no outlet.
pub async fn of(app: &App, actor: &Actor) -> Result<CaptureLimits> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            actor.require(&app, Action::OrderReserve, &actor.here())?;
            let channel = channels::of_organisation(tx, actor.organisation)?.ok_or(Refusal::ChannelNotActive)?;
            let count = |rule| {
                app.rules.number(rule, now.day(), &Place::region(&channel.region)).map(|ruling| ruling.value).map_err(Failure::internal)
            };
            let clock = |rule| app.clock_rule(rule, now).map(|ruling| ruling.value);
            let place = channels::place::find(tx, channel.organisation)?;
            let documents = view::document_kinds()
                .map(|kind| {
                    let allowed = |entry: &&EntryMode| app.rules.document_allowed(kind, channel.kind, **entry, now.day()).value;
                    DocumentTaken {
                        kind: kind.as_str(),
                        back: has_back(kind),
                        entries: EntryMode::ALL.iter().filter(allowed).map(|entry| entry.as_str()).collect(),
                    }
                })
                .filter(|taken| !taken.entries.is_empty())
                .collect();
            let mut numbers = Vec::new();
            for product in Product::ALL {
                for number in table::free_numbers(tx, &channel.region, product, Uuid::nil(), OFFERS)? {
                    let digits = app.open_pool_number(tx, number.id, &number.sealed)?;
                    numbers.push(FreeNumber { id: number.id, number: digits, product });
                }
            }
            let bridge = &app.config.capture;
            Ok(CaptureLimits {
                owner: hex::encode(&super::digest(format!("capture owner {}", actor.staff).as_bytes())[..16]),
                now: now.0,
                rules_version: app.rules.version.clone(),
                orders: count(ORDERS)?,
                age_ms: clock(AGE)?,
                rules_age_ms: clock(RULES_AGE)?,
                distance_m: count(DISTANCE)?,
                clock_skew_ms: clock(SKEW)?,
                outlet: OutletPlace {
                    code: channel.code.clone(),
                    latitude: place.map(|place| place.latitude()),
                    longitude: place.map(|place| place.longitude()),
                },
                documents,
                numbers,
                reader: (!bridge.reader_bridge.is_empty())
                    .then(|| ReaderBridge { url: bridge.reader_bridge.clone(), token: bridge.reader_token.clone() }),
            })
        })
        .await
}
