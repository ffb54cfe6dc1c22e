//! 来电甄别: lists, rules and snapshots for the engine, what it decided, and how a mistake is mended (R-SCR, L-SCR).
//!
//! The engine (`crates/screen`) decides and waits for nobody; everything here may wait. What it needs comes to it as an immutable snapshot, what it
//! decided leaves it through a hand-over of a fixed size ([`watch::Watch`]). With the store gone calls go on being decided by the snapshot in force.

use std::{path::PathBuf, sync::Arc};

use chuangsha_kernel::{
    rulebook::{Place, Rulebook},
    time::Timestamp,
};
use chuangsha_screen::{
    Engine, Observe, Snapshot, StateConfig,
    plan::{Operator, Plan},
    rules::RuleSet,
};

use crate::{
    App,
    platform::failure::{Failure, Result},
};

pub mod live;
pub mod watch;

pub use live::LiveView;
pub use watch::Watch;

/// 甄别设置: what the engine and its control plane need to know of their surroundings.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreeningConfig {
    /// Which operator we are, as the numbering plan names it: `china_telecom`, `china_mobile`, `china_unicom`, `china_broadnet`.
    pub home: String,
    /// Folder of the snapshot files, the one place where numbers stand outside their seals, readable by this program only; none = in memory only.
    pub folder: Option<PathBuf>,
    /// Callers remembered, 66 bytes each once they have called.
    pub callers: usize,
    /// Callees remembered, the same.
    pub callees: usize,
    /// 放行抽样: of ten thousand passed calls so many are written to the log; what did not pass always is.
    pub passes_in_ten_thousand: u32,
    /// Verdicts that may wait for the log; what comes while it is full is counted and let go.
    pub waiting: usize,
}

impl Default for ScreeningConfig {
    fn default() -> Self {
        Self {
            home: "china_mobile".into(),
            folder: None,
            callers: 1 << 12,
            callees: 1 << 12,
            passes_in_ten_thousand: 100,
            waiting: 1 << 12,
        }
    }
}

impl ScreeningConfig {
    fn operator(&self) -> Result<Operator> {
        Operator::parse(&self.home).ok_or_else(|| Failure::internal("screening.home names no operator of the numbering plan"))
    }
}

/// A snapshot of the day's plan and rules with nothing listed: ordinary calls pass the rules that need no list, and nothing leaves an enterprise
/// trunk, for none is in its ledger (I4).
fn bare(rules: &Rulebook, now: Timestamp, config: &ScreeningConfig) -> Result<Snapshot> {
    let plan = Plan::embedded(rules.ranges(), now.day()).map_err(Failure::internal)?;
    let compiled = RuleSet::compile(rules, now.day(), &Place::china()).map_err(Failure::internal)?;
    Ok(Snapshot::bare(0, config.operator()?, plan, compiled))
}

/// The engine of a node before it has loaded anything, for `Parts.engine`. `seed` keys its tables: random, so that nobody can aim at one place.
///
/// # Errors
/// The packs do not compile for today.
pub fn engine(rules: &Rulebook, now: Timestamp, config: &ScreeningConfig, seed: u64) -> Result<Arc<Engine>> {
    let state = StateConfig { callers: config.callers, callees: config.callees, seed };
    Ok(Arc::new(Engine::new(bare(rules, now, config)?, state)))
}

impl App {
    /// 旁观: what an edge tells of every decision. Never waits; what the hand-over cannot take is counted and let go.
    pub fn observer(&self) -> Arc<dyn Observe> {
        Arc::clone(&self.watch) as Arc<dyn Observe>
    }
}
