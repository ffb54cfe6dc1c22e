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
    Attempt, Engine, Observe, Snapshot, StateConfig, Verdict,
    plan::{Operator, Plan},
    rules::RuleSet,
};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    platform::failure::{Failure, Result},
};

pub mod act;
pub mod appeal;
pub mod base;
pub mod change;
pub mod coded;
pub mod compile;
pub mod decide;
mod draft;
pub mod file;
pub mod finding;
pub mod http;
mod kept;
pub mod list;
pub mod live;
pub mod log;
pub mod page;
pub mod revocation;
pub mod rules;
pub mod snapshot;
mod table;
pub mod tokens;
pub mod watch;

pub use live::LiveView;
pub use table::{DDL, DDL_2};
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
    /// Numbers of the lists that may differ from their base, or the 128th part of the base where that is more; beyond it the base is built anew.
    pub beside: u64,
}

impl Default for ScreeningConfig {
    fn default() -> Self {
        Self {
            home: "china_broadnet".into(),
            folder: None,
            callers: 1 << 12,
            callees: 1 << 12,
            passes_in_ten_thousand: 100,
            waiting: 1 << 12,
            beside: 1 << 16,
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
    /// 判定 where no edge of signalling does it: asks the engine, and tells the watch of the verdict and of how long it took.
    pub fn screen(&self, attempt: &Attempt<'_>) -> Verdict {
        let started = std::time::Instant::now();
        let verdict = self.engine.decide(attempt);
        self.watch.took(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        self.watch.decided(attempt, &verdict);
        verdict
    }

    /// 旁观: what an edge tells of every decision. Never waits; what the hand-over cannot take is counted and let go.
    pub fn observer(&self) -> Arc<dyn Observe> {
        Arc::clone(&self.watch) as Arc<dyn Observe>
    }
}

/// Takes away what is kept no longer: verdicts whose time is over, bases of lists nobody stands on. Says how many rows.
///
/// # Errors
/// The record failed.
pub async fn prune(app: &App) -> Result<usize> {
    Ok(log::prune(app).await? + base::prune(app).await?)
}

type Turn = for<'a> fn(&'a App) -> BoxFuture<'a, Result<usize>>;

/// What every node does for itself, without a lease: follows the snapshot in force, writes its verdicts down, looks at its own traffic.
const OWN: [(&str, u64, Turn); 3] = [
    ("screening-follow", 2_000, |app| Box::pin(snapshot::follow(app))),
    ("screening-log", 200, |app| Box::pin(log::write(app))),
    ("screening-findings", 60_000, |app| Box::pin(finding::turn(app))),
];

/// Runs what every node does for itself until `stop`. First the snapshot this node kept as a file, so that it decides before the store has answered.
pub async fn run(app: App, stop: CancellationToken) {
    match snapshot::resume(&app).await {
        Ok(Some(version)) => tracing::info!(version, "the screening snapshot kept on this node is in force until the store answers"),
        Ok(None) => {}
        Err(failure) => {
            tracing::warn!(error = %failure.log_line(), "the kept screening snapshot is not used: enterprise trunks fail closed")
        }
    }
    let turns = OWN.map(|(name, pause_ms, turn)| every(&app, name, pause_ms, turn, &stop));
    futures_util::future::join_all(turns).await;
    // What was decided until now is written down before the node goes, if the store still takes it.
    while log::write(&app).await.is_ok_and(|written| written > 0) {}
}

async fn every(app: &App, name: &'static str, pause_ms: u64, turn: Turn, stop: &CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        let pause = match turn(app).await {
            Ok(done) => {
                failing = false;
                // More may be waiting.
                if done == 0 { pause_ms } else { pause_ms / 20 }
            }
            Err(failure) => {
                // Said once, not with every turn of an outage.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(job = name, error = %failure.log_line(), "a screening job failed; it is tried again, and calls go on being decided");
                }
                pause_ms.max(1_000)
            }
        };
        crate::start::pause(pause, stop).await;
    }
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "screening.not_found", 404, "没有这条记录，或您无权查看", "There is no such record, or it is not yours to see", "请核对编号", "Check the id";
        FIELD_INVALID = "screening.field_invalid", 422, "「{field}」缺失或格式不对", "\"{field}\" is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
        NUMBER_INVALID = "screening.number_invalid", 422, "号码不在编号计划内", "The number is none of the numbering plan", "国内号码写国内格式（如 19900001234、0351…、95588），境外号码写 + 和国家码", "Write Chinese numbers as dialled (19900001234, 0351…, 95588), others with + and the country code";
        EVIDENCE_INVALID = "screening.evidence_invalid", 422, "证据编号不对", "This is no evidence id", "证据编号为 32 位十六进制数字，见拦截应答", "An evidence id has 32 hexadecimal digits; the answer to the call gave it";
        FILE_REFUSED = "screening.file_refused", 422, "整个文件未导入：{zh}", "Nothing of the file was taken: {en}", "请重新导出完整文件再导入", "Export the whole file again and take that";
        BATCH_SIZE = "screening.batch_size", 422, "一批须为 1 至 {most} 条", "A batch has 1 to {most} lines", "请分批提交", "Send it in pieces";
        RULE_UNKNOWN = "screening.rule_unknown", 422, "没有这条规则", "There is no such rule", "规则代码见规则列表", "The list of rules has the codes";
        MODE_UNKNOWN = "screening.mode_unknown", 422, "没有这种运行方式", "There is no such mode", "可选 on、canary、shadow、off", "Choose on, canary, shadow or off";
        ALWAYS_ON = "screening.always_on", 409, "规则 {rule} 不得关停或改为观察：紧急呼叫与专线鉴权始终有效", "The rule {rule} is always on: emergency calls and the authentication of enterprise trunks are never switched off", "如确为误拦，请更正台账或名单", "If a call was stopped by mistake, correct the ledger or the list";
        NOT_KEPT = "screening.not_kept", 409, "版本 {version} 的内容已不再保留", "The content of version {version} is no longer kept", "请选择较新的版本", "Choose a newer version";
        TRUNK_TAKEN = "screening.trunk_taken", 409, "该中继编号已分配，编号一经分配不再变更", "This trunk number is given out; once given it never changes", "换一个编号，或留空由系统分配", "Take another number, or none and one is given";
        APPEAL_CLOSED = "screening.appeal_closed", 409, "申诉已办结：{zh}", "The appeal is closed: {en}", "请刷新查看结果", "Reload to see the outcome";
        SAME_PERSON = "screening.same_person", 403, "申诉须由受理人和列名人以外的人裁定", "An appeal is decided by another person than the one who took it in or listed the number", "请交其他人员裁定", "Leave it to another person";
        NOTHING_TO_APPEAL = "screening.nothing_to_appeal", 422, "该次呼叫已放行，没有可申诉的处置", "The call passed: nothing was done to it", "请核对证据编号", "Check the evidence id";
        NOT_LIFTED_HERE = "screening.not_lifted_here", 409, "该次呼叫没有可在此撤销的处置", "Nothing was done to this call that is lifted here", "鉴权不符请更正台账；被叫拒接由被叫更改", "What fails authentication is mended in the ledger; what the callee refuses, by the callee";
        TOO_LATE = "screening.too_late", 422, "该次判定已过申诉期", "The time to appeal this verdict is over", "如仍被拦截，请就最近一次呼叫申诉", "If calls are still stopped, appeal the latest one";
    }
}
