//! 窗纱: the modular monolith. One folder per noun of the law; a module calls another module's functions, never its tables.

pub mod channels;
pub mod figures;
pub mod hotline;
pub mod platform;
pub mod registration;
pub mod remediation;
pub mod resources;
pub mod routes;
pub mod rulebook;
pub mod screening;
pub mod start;
pub mod subscribers;
pub mod suspension;
#[cfg(test)]
pub(crate) mod testkit;

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use chuangsha_kernel::{
    id::{Ids, OrganisationId, StaffId},
    role::{Action, Matrix, RegionCode, Resource, Scope},
    rulebook::{Place, Rulebook, Ruling},
    time::{Clock, Timestamp},
};
use chuangsha_store::{Migration, Store, Tx};
use chuangsha_vault::{DataKey, Domain, Vault};
use uuid::Uuid;

use platform::{
    actor::Actor,
    failure::{Failure, Result},
    images::{ImageLimits, MarkFont, Objects},
    network::NetworkElement,
    notify::Sms,
    people::People,
    verify::Verifier,
};

/// 运营商: whose installation this is.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operator {
    /// Short code, the quota's key: one count per operator, nationwide (L-LIM-1).
    pub code: String,
    /// Name, Chinese.
    pub name_zh: String,
    /// Name, English, as burnt into pictures.
    pub name_en: String,
    /// Where customers turn to.
    pub hotline: String,
    /// Where customers register and re-register by telephone: reachable in every stop, like the hotline (L-REM-4).
    pub registration_port: String,
    /// Where a refusal is mended, as a message tells it (L-REM-8).
    pub remedy_zh: String,
    /// What to bring, as a message tells it (L-REM-8).
    pub documents_zh: String,
}

impl Default for Operator {
    fn default() -> Self {
        Self {
            code: "demo".into(),
            name_zh: "演示通信".into(),
            name_en: "DEMO TELECOM".into(),
            hotline: "10000".into(),
            registration_port: "10000".into(),
            remedy_zh: "任一自有营业厅".into(),
            documents_zh: "本人有效身份证件原件".into(),
        }
    }
}

/// 现场采集: what the capture app needs at the counter.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureConfig {
    /// Origin of the reader's bridge on the clerk's own machine, `http://127.0.0.1:17510`; empty: none. The page may connect there and nowhere else.
    pub reader_bridge: String,
    /// What that bridge wants to be shown.
    pub reader_token: String,
}

/// What the application needs to know of its surroundings.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppConfig {
    /// Operator.
    pub operator: Operator,
    /// Name of the audit log, as in its checkpoints: a host name and a path, no spaces.
    pub log_origin: String,
    /// Limits of pictures.
    pub images: ImageLimits,
    /// Capture app.
    pub capture: CaptureConfig,
    /// 外呼: the switch that calls the old base; without an address calls wait in the outbox.
    pub call: platform::notify::HttpCallSettings,
    /// Call screening.
    pub screening: screening::ScreeningConfig,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            operator: Operator::default(),
            log_origin: "chuangsha.local/audit".into(),
            images: ImageLimits::default(),
            capture: CaptureConfig::default(),
            call: platform::notify::HttpCallSettings::default(),
            screening: screening::ScreeningConfig::default(),
        }
    }
}

impl AppConfig {
    /// Name of the audit log.
    pub fn origin(&self) -> String {
        self.log_origin.clone()
    }
}

/// The parts an application is made of. Clock, ids and every way outside are given to it.
pub struct Parts {
    /// The record.
    pub store: Store,
    /// Keys.
    pub vault: Vault,
    /// The law, dated.
    pub rules: Arc<Rulebook>,
    /// Who may do what.
    pub matrix: Arc<Matrix>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<Ids>,
    /// Sealed files.
    pub objects: Objects,
    /// Font of the marks on pictures.
    pub mark_font: Option<MarkFont>,
    /// Networked check.
    pub verifier: Arc<dyn Verifier>,
    /// Network.
    pub network: Arc<dyn NetworkElement>,
    /// Messages.
    pub sms: Arc<dyn Sms>,
    /// People and their sessions.
    pub people: People,
    /// Surroundings.
    pub config: AppConfig,
    /// The audit log's own data key, once it exists.
    pub audit_key: OnceLock<Arc<DataKey>>,
    /// Where the audit tree stands, on the node that orders it.
    pub integrator: tokio::sync::Mutex<Option<platform::audit::integrate::Integrator>>,
    /// Rung after a commit that posted messages.
    pub bell: Arc<tokio::sync::Notify>,
    /// What decides about calls: [`screening::engine`].
    pub engine: Arc<chuangsha_screen::Engine>,
    /// What was decided: [`screening::Watch::new`].
    pub watch: Arc<screening::Watch>,
    /// Who checks the identity tokens of calls; none: nothing is concluded from them.
    pub tokens: Option<Arc<dyn chuangsha_screen::stir::Vouch>>,
}

/// The application. Clones share everything.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Every table of the application, in the order modules stand on each other.
pub const MIGRATIONS: &[Migration] = &[
    Migration { module: "keys", version: 1, sql: platform::keys::DDL },
    Migration { module: "keys", version: 2, sql: platform::keys::DDL_2 },
    Migration { module: "people", version: 1, sql: platform::people::DDL },
    Migration { module: "edge", version: 1, sql: platform::edge::DDL },
    Migration { module: "audit", version: 1, sql: platform::audit::DDL },
    Migration { module: "audit", version: 2, sql: platform::audit::DDL_2 },
    Migration { module: "audit", version: 3, sql: platform::audit::DDL_3 },
    Migration { module: "audit", version: 4, sql: platform::audit::DDL_4 },
    Migration { module: "messages", version: 1, sql: platform::notify::record::DDL },
    Migration { module: "channels", version: 1, sql: channels::DDL },
    Migration { module: "registration", version: 1, sql: registration::DDL },
    Migration { module: "resources", version: 1, sql: resources::DDL },
    Migration { module: "figures", version: 1, sql: figures::DDL },
    Migration { module: "second", version: 1, sql: platform::second::DDL },
    Migration { module: "reveal", version: 1, sql: platform::reveal::DDL },
    Migration { module: "views", version: 1, sql: platform::web::views::DDL },
    Migration { module: "jobs", version: 1, sql: platform::jobs::DDL },
    Migration { module: "exports", version: 1, sql: platform::export::DDL },
    Migration { module: "kept", version: 1, sql: platform::web::kept::DDL },
    Migration { module: "channel_place", version: 1, sql: channels::place::DDL },
    Migration { module: "offline", version: 1, sql: registration::offline::DDL },
    Migration { module: "base_finding", version: 1, sql: remediation::kind::DDL },
    Migration { module: "resources", version: 2, sql: resources::DDL_2 },
    Migration { module: "sweeps", version: 1, sql: resources::sweep::table::DDL },
    Migration { module: "suspension", version: 1, sql: suspension::DDL },
    Migration { module: "reregistration", version: 1, sql: registration::reregistration::DDL },
    Migration { module: "import", version: 1, sql: remediation::import::DDL },
    Migration { module: "remediation", version: 1, sql: remediation::campaign::DDL },
    Migration { module: "remediation", version: 2, sql: remediation::refund::DDL },
    Migration { module: "remediation", version: 3, sql: remediation::table::DDL },
    Migration { module: "ticket", version: 1, sql: hotline::table::DDL },
    Migration { module: "appeal", version: 1, sql: hotline::appeal::DDL },
    Migration { module: "refund", version: 1, sql: hotline::refund::DDL },
    Migration { module: "early_warning", version: 1, sql: hotline::warning::DDL },
    Migration { module: "screening", version: 1, sql: screening::DDL },
    Migration { module: "remediation", version: 4, sql: remediation::campaign::DDL_2 },
    Migration { module: "excess", version: 1, sql: remediation::excess::DDL },
    Migration { module: "bulletin", version: 1, sql: figures::bulletin::DDL },
    Migration { module: "subscription", version: 1, sql: registration::DDL_2 },
    Migration { module: "screening", version: 2, sql: screening::DDL_2 },
    Migration { module: "early_warning", version: 2, sql: hotline::warning::DDL_2 },
    Migration { module: "remediation", version: 5, sql: remediation::table::DDL_2 },
    Migration { module: "excess", version: 2, sql: remediation::excess::table::DDL_2 },
    Migration { module: "number_tenure", version: 1, sql: registration::ending::DDL },
    Migration { module: "protected", version: 1, sql: remediation::protected::DDL },
    Migration { module: "subscription", version: 2, sql: registration::DDL_3 },
    Migration { module: "keys", version: 3, sql: platform::keys::DDL_3 },
    Migration { module: "channel_plan", version: 1, sql: channels::plan::DDL },
    Migration { module: "remediation_pause", version: 1, sql: remediation::pause::DDL },
    Migration { module: "subscription", version: 3, sql: registration::DDL_4 },
    Migration { module: "import", version: 2, sql: remediation::import::DDL_2 },
];

/// The subject whose key seals the numbers of the pool.
const POOL_SUBJECT: Uuid = Uuid::from_u128(0x706f_6f6c_0000_7000_8000_0000_0000_0001);

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// One transaction that may change the record; the workers are woken after it, for it may have posted messages.
    ///
    /// # Errors
    /// What the closure refuses, or what the store could not do. Nothing is half-written.
    pub async fn write<T: Send + 'static>(&self, work: impl FnMut(&mut Tx) -> Result<T> + Send + 'static) -> Result<T> {
        let done = self.store.write(work).await;
        self.ring();
        done
    }

    /// One consistent look at the record.
    ///
    /// # Errors
    /// As [`App::write`].
    pub async fn read<T: Send + 'static>(&self, work: impl FnMut(&mut Tx) -> Result<T> + Send + 'static) -> Result<T> {
        self.store.read(work).await
    }

    /// Wakes the workers: messages were posted.
    pub fn ring(&self) {
        self.bell.notify_waiters();
    }

    /// A limit or threshold of the law, on the day and in the place of `now` and `region`.
    pub fn number_rule(&self, rule: &str, now: Timestamp, region: &str) -> Result<Ruling<i64>> {
        self.rules.number(rule, now.day(), &Place::region(region)).map_err(Failure::internal)
    }

    /// A duration of the law, in milliseconds.
    pub fn clock_rule(&self, rule: &str, now: Timestamp) -> Result<Ruling<i64>> {
        self.rules.clock_ms(rule, now.day(), &Place::china()).map_err(Failure::internal)
    }

    /// A guard of the law, without a value.
    pub fn article(&self, rule: &str, now: Timestamp) -> Result<Ruling<()>> {
        self.rules.article(rule, now.day()).map_err(Failure::internal)
    }

    /// A guard of the law, and whether it is met.
    pub fn flag_rule(&self, rule: &str, now: Timestamp, met: bool) -> Result<Ruling<bool>> {
        Ok(self.article(rule, now)?.map(|()| met))
    }

    /// A thing of an organisation in a region, as the role table sees it. It belongs to this installation's carrier.
    pub fn resource(&self, organisation: OrganisationId, region: &str, owner: Option<StaffId>) -> Resource {
        Resource { owner, organisation: Some(organisation), carrier: self.people.carrier(), region: RegionCode::read(region) }
    }

    /// The part of the country a list shows: what was asked for, narrowed to what the actor may see.
    /// Where the actor reaches no further than their own organisation, the caller narrows by organisation too.
    ///
    /// # Errors
    /// The actor may not take the action anywhere.
    pub fn visible_region(&self, actor: &Actor, action: Action, asked: &str) -> Result<String> {
        let region = match actor.reach(self, action)? {
            Scope::All | Scope::Carrier => String::new(),
            Scope::Province => actor.region.chars().take(2).collect(),
            Scope::City | Scope::Organisation | Scope::Own => actor.region.clone(),
        };
        Ok(if asked.starts_with(&region) { asked.to_owned() } else { region })
    }

    /// Narrows a list of orders to what the actor may see: an outlet its own, an office its region.
    pub fn narrow(&self, actor: &Actor, filter: &mut registration::table::Filter) -> Result<()> {
        filter.region = self.visible_region(actor, Action::OrderView, &filter.region)?;
        if matches!(actor.reach(self, Action::OrderView)?, Scope::Organisation | Scope::Own) {
            filter.captured_by = Some(actor.organisation);
        }
        Ok(())
    }

    /// The key that seals the numbers of the pool.
    pub(crate) fn pool_key(&self, tx: &mut Tx) -> Result<chuangsha_vault::DataKey> {
        self.key_of(tx, POOL_SUBJECT, Domain::Identity)
    }

    /// Seals a number of the pool, bound to its row.
    pub fn seal_pool_number(&self, tx: &mut Tx, id: Uuid, digits: &str) -> Result<Vec<u8>> {
        let key = self.pool_key(tx)?;
        platform::keys::seal(&key, registration::desk::place::POOL, &format!("{id}{digits}"))
    }

    /// Opens a number of the pool; one that was moved to another row is refused.
    pub fn open_pool_number(&self, tx: &mut Tx, id: Uuid, sealed: &[u8]) -> Result<String> {
        let key = self.key_if_any(tx, POOL_SUBJECT, Domain::Identity)?.ok_or_else(|| Failure::internal("the pool has no key"))?;
        let text = platform::keys::open(&key, registration::desk::place::POOL, sealed)?;
        match text.strip_prefix(&id.to_string()) {
            Some(digits) => Ok(digits.to_owned()),
            None => Err(Failure::internal("a sealed number belongs to another row of the pool")),
        }
    }
}
