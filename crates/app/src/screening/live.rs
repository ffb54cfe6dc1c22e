//! 实时甄别: the last quarter of an hour on this node, from memory. Numbers are masked here; nothing of it is kept.

use chuangsha_kernel::{mask, role, time::Timestamp};
use chuangsha_screen::{Action, Number, Rule, Verdict};

use super::watch::{BUCKET_S, BUCKETS, Seen};
use crate::{
    App,
    platform::{actor::Actor, failure::Result},
};

/// 实时视图: screen 5.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct LiveView {
    /// When it was taken, RFC 3339.
    pub at: String,
    /// Calls a second over the last full ten seconds.
    pub calls_per_second: f64,
    /// Half of all decisions took no longer, nanoseconds; absent where no edge measures.
    pub p50_ns: Option<u64>,
    /// 99 of 100 took no longer.
    pub p99_ns: Option<u64>,
    /// Version of lists and ledger in force; 0 = nothing loaded yet.
    pub version: u64,
    /// Calls of the quarter of an hour.
    pub calls: u64,
    /// Share of each action in it, parts of a thousand.
    pub shares: Shares,
    /// Ten seconds each, oldest first, 90 of them.
    pub buckets: Vec<Bucket>,
    /// What did not pass, newest first, at most 500.
    pub newest: Vec<VerdictRow>,
    /// Rules that spoke in the quarter of an hour, the busiest first.
    pub rules: Vec<RuleRow>,
    /// Trunks by what did not pass on them, the worst first, at most 20.
    pub trunks: Vec<TrunkRow>,
    /// 呼死你: callees under bombing, the worst first, at most 20.
    pub besieged: Vec<CalleeRow>,
    /// Verdicts waiting for the log.
    pub waiting: u64,
    /// Verdicts that found no room since the start: decided and carried out, not written down.
    pub dropped: u64,
    /// Ends of calls reported since the start.
    pub outcomes: u64,
}

/// Parts of a thousand; they add up to 1000 but for rounding, or to 0 where nobody called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Shares {
    /// 放行
    pub pass: u32,
    /// 标签
    pub label: u32,
    /// 改接验证
    pub challenge: u32,
    /// 拦截
    pub block: u32,
}

/// Ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Bucket {
    /// Beginning, milliseconds UTC.
    pub at_ms: i64,
    /// 放行
    pub pass: u32,
    /// 标签
    pub label: u32,
    /// 改接验证
    pub challenge: u32,
    /// 拦截
    pub block: u32,
}

/// One call that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct VerdictRow {
    /// Milliseconds UTC.
    pub at_ms: i64,
    /// 32 hexadecimal digits: the key of the log.
    pub evidence: String,
    /// Caller, masked; empty where it could not be understood.
    pub caller: String,
    /// Callee, masked.
    pub callee: String,
    /// Number of the trunk in the snapshot.
    pub trunk: u32,
    /// Its code in the ledger; empty where it is in none.
    pub trunk_code: String,
    /// `label`, `challenge` or `block`.
    pub action: String,
    /// 0 to 100.
    pub score: u8,
    /// The rule that decided, its stable code.
    pub rule: String,
    /// Its name, Chinese.
    pub rule_zh: String,
    /// Its name, English.
    pub rule_en: String,
    /// What was measured, and against what; 0 where the rule counts nothing.
    pub measured: u32,
    /// The threshold.
    pub limit: u32,
    /// Article.
    pub article: String,
    /// Who can undo it: `none`, `callee`, `appeal`, `operator`.
    pub redress: String,
}

/// 规则命中 of the quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct RuleRow {
    /// Stable code.
    pub rule: String,
    /// Name, Chinese.
    pub zh: String,
    /// Name, English.
    pub en: String,
    /// Calls it decided about.
    pub enforced: u64,
    /// Calls it would have decided about.
    pub shadow: u64,
}

/// 中继排行
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct TrunkRow {
    /// Number in the snapshot.
    pub trunk: u32,
    /// Code in the ledger.
    pub code: String,
    /// Calls labelled.
    pub label: u64,
    /// Calls challenged.
    pub challenge: u64,
    /// Calls blocked.
    pub block: u64,
}

/// 被骚扰号码
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct CalleeRow {
    /// Callee, masked.
    pub callee: String,
    /// Calls stopped or labelled in this siege.
    pub calls: u64,
    /// The last of them, milliseconds UTC.
    pub last_ms: i64,
}

/// A number as a list may show it: `199****0001`; short public numbers (10086, 95588) in full; others by their first three and last two digits.
pub fn masked(number: Option<Number>) -> String {
    let Some(number) = number else { return String::new() };
    let Some(national) = number.national() else {
        return format!("+{}", ends(&number.e164()));
    };
    let digits = national.to_string();
    match digits.len() {
        0..=6 => digits,
        11 if digits.starts_with('1') => mask::phone(&digits),
        _ => ends(&digits),
    }
}

fn ends(digits: &str) -> String {
    match (digits.get(..3), digits.len().checked_sub(2).and_then(|at| digits.get(at..))) {
        (Some(head), Some(tail)) if digits.len() > 6 => format!("{head}****{tail}"),
        _ => "****".to_owned(),
    }
}

impl App {
    /// What this node decided in the last quarter of an hour. Costs milliseconds and touches no store.
    pub fn live_screening(&self) -> LiveView {
        let now = self.clock.now();
        let snapshot = self.engine.snapshot();
        let counts = self.watch.counts(now);
        let buckets: Vec<Bucket> = counts
            .iter()
            .map(|counts| {
                let [pass, label, challenge, block] = counts.actions;
                Bucket { at_ms: counts.at.0, pass, label, challenge, block }
            })
            .collect();
        let sum = |of: fn(&Bucket) -> u32| buckets.iter().map(|bucket| u64::from(of(bucket))).sum::<u64>();
        let sums = [sum(|one| one.pass), sum(|one| one.label), sum(|one| one.challenge), sum(|one| one.block)];
        let calls = sums.iter().sum::<u64>();
        let [pass, label, challenge, block] = sums.map(|one| (one * 1_000 + calls / 2).checked_div(calls).unwrap_or(0) as u32);
        // The last bucket is still filling.
        let full = buckets.iter().rev().nth(1).map_or(0, |one| one.pass + one.label + one.challenge + one.block);
        let mut rules: Vec<RuleRow> = Rule::ALL
            .iter()
            .map(|rule| {
                let of = |pick: fn(&super::watch::Counts) -> &[u32; Rule::ALL.len()]| {
                    counts.iter().filter_map(|one| pick(one).get(*rule as usize)).map(|count| u64::from(*count)).sum()
                };
                RuleRow {
                    rule: rule.as_str().to_owned(),
                    zh: rule.zh().to_owned(),
                    en: rule.en().to_owned(),
                    enforced: of(|one| &one.enforced),
                    shadow: of(|one| &one.shadow),
                }
            })
            .filter(|row| row.enforced + row.shadow > 0)
            .collect();
        rules.sort_by_key(|row| std::cmp::Reverse((row.enforced, row.shadow)));

        let code_of =
            |trunk: u32| snapshot.ledger.trunk(chuangsha_screen::TrunkId(trunk)).map_or_else(String::new, |line| line.name.clone());
        let since = now.0.div_euclid(BUCKET_S * 1_000) - BUCKETS as i64;
        let shown = self.watch.shown();
        let newest = shown.newest.iter().rev().map(|seen| row(seen, &code_of, &snapshot.rules)).collect();
        let mut by_trunk = std::collections::BTreeMap::<u32, [u64; 4]>::new();
        for (_, trunks) in shown.trunks.iter().filter(|(number, _)| *number > since) {
            for (trunk, counts) in trunks {
                let held = by_trunk.entry(*trunk).or_default();
                held.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(*count));
            }
        }
        let mut trunks: Vec<TrunkRow> = by_trunk
            .into_iter()
            .map(|(trunk, [_, label, challenge, block])| TrunkRow { trunk, code: code_of(trunk), label, challenge, block })
            .collect();
        trunks.sort_by_key(|row| std::cmp::Reverse((row.block, row.challenge, row.label)));
        trunks.truncate(20);
        let quiet_since = now.plus_ms(-BUCKET_S * 1_000 * BUCKETS as i64);
        let mut besieged: Vec<CalleeRow> = shown
            .besieged
            .iter()
            .filter(|(_, (_, last))| *last > quiet_since)
            .map(|(callee, (calls, last))| CalleeRow { callee: masked(Some(*callee)), calls: *calls, last_ms: last.0 })
            .collect();
        besieged.sort_by(|one, two| (two.calls, two.last_ms, &one.callee).cmp(&(one.calls, one.last_ms, &two.callee)));
        besieged.truncate(20);
        let waiting = shown.unwritten.len() as u64;
        drop(shown);

        LiveView {
            at: now.rfc3339(),
            calls_per_second: f64::from(full) / BUCKET_S as f64,
            p50_ns: self.watch.percentile_ns(50),
            p99_ns: self.watch.percentile_ns(99),
            version: snapshot.version,
            calls,
            shares: Shares { pass, label, challenge, block },
            buckets,
            newest,
            rules,
            trunks,
            besieged,
            waiting,
            dropped: self.watch.dropped(),
            outcomes: self.watch.outcomes(),
        }
    }
}

/// [`App::live_screening`] for whoever may see it.
///
/// # Errors
/// `people.denied`
pub fn view(app: &App, actor: &Actor) -> Result<LiveView> {
    actor.reach(app, role::Action::ScreeningView)?;
    Ok(app.live_screening())
}

fn row(seen: &Seen, code_of: &impl Fn(u32) -> String, rules: &chuangsha_screen::rules::RuleSet) -> VerdictRow {
    let Seen { at, trunk, verdict } = seen;
    let Verdict { action, score, evidence, caller, callee, .. } = verdict;
    let rule = seen.rule();
    let reason = rule.and_then(|rule| verdict.reasons.of(rule));
    VerdictRow {
        at_ms: at.0,
        evidence: evidence.to_string(),
        caller: masked(*caller),
        callee: masked(*callee),
        trunk: *trunk,
        trunk_code: code_of(*trunk),
        action: Action::as_str(*action).to_owned(),
        score: *score,
        rule: rule.map_or("", Rule::as_str).to_owned(),
        rule_zh: rule.map_or("", Rule::zh).to_owned(),
        rule_en: rule.map_or("", Rule::en).to_owned(),
        measured: reason.map_or(0, |reason| reason.measured),
        limit: reason.map_or(0, |reason| reason.limit),
        article: rule.and_then(|rule| rules.clause(rule)).map_or_else(String::new, |clause| clause.article.clone()),
        redress: super::log::redress_name(verdict.redress),
    }
}

/// A moment of the list, for pages.
pub const fn moment(at_ms: i64) -> Timestamp {
    Timestamp(at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_show_public_short_numbers_and_mask_all_others() {
        let china = |national| masked(Number::china(national));
        assert_eq!((china(19_900_001_234), china(95_588), china(110)), ("199****1234".into(), "95588".into(), "110".into()));
        assert_eq!((china(3_517_000_123), china(4_001_234_567)), ("351****23".into(), "400****67".into()));
        assert_eq!(
            (masked(Number::new(442_079_460_000)), masked(None), masked(Number::new(41_234))),
            ("+442****00".into(), String::new(), "+****".into())
        );
    }
}
