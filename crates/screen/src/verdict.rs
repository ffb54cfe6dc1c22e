//! 判定: what to do with a call and why, without a single allocation: a verdict is a plain value that can be copied, compared and written down.

use chuangsha_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::number::Number;

/// 处置动作, from mild to hard. Where several rules speak, the hardest action counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// 放行
    #[default]
    Pass = 0,
    /// 标签: the call rings and the callee is told (R-SCR-10).
    Label = 1,
    /// 改接验证: a machine asks the caller for a sign of life first.
    Challenge = 2,
    /// 拦截
    Block = 3,
}

impl Action {
    /// Every action.
    pub const ALL: &[Self] = &[Self::Pass, Self::Label, Self::Challenge, Self::Block];

    /// Stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Label => "label",
            Self::Challenge => "challenge",
            Self::Block => "block",
        }
    }

    /// The action of a stable code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == code)
    }
}

macro_rules! screen_rules {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $zh:literal, $en:literal;)*) => {
        /// 规则: everything that can speak about a call. The article, action, mode and thresholds of each are dated data (`rules/cn/screening.toml`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Rule { $($(#[$doc])* $name),* }

        impl Rule {
            /// Every rule, in the order they are asked.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Stable code; `screen.CODE.action` is its entry in the packs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// 名称
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh),* }
            }

            /// Name.
            pub const fn en(self) -> &'static str {
                match self { $(Self::$name => $en),* }
            }
        }
    };
}

screen_rules! {
    /// An emergency number is called: passed before anything else is looked at (I3).
    Emergency = "emergency", "紧急呼叫", "emergency call";
    /// Emergency services and justice calling out, on a line of their own country.
    AllowList = "allow_list", "白名单主叫", "caller on the allow-list";
    /// The trunk is not in the ledger, or closed.
    Trunk = "trunk", "中继不在台账或已关停", "the trunk is not in the ledger or is closed";
    /// 不规范主叫: no number at all, or none the table of part D accepts in that form.
    Malformed = "malformed", "主叫不规范", "malformed caller number";
    /// 虚假 +86: a Chinese number from abroad whose subscriber is not abroad.
    ForgedHome = "forged_home", "境外来话携带虚假 +86 主叫", "a Chinese number from abroad that is not roaming";
    /// The roaming check gave no answer.
    RoamingUnknown = "roaming_unknown", "+86 漫游状态无法核实", "a Chinese number from abroad whose roaming could not be checked";
    /// 虚假主叫: a number that cannot come from there: another operator's, a short code, a message code.
    Forged = "forged", "虚假主叫", "a number that cannot come from there";
    /// The caller is not in the trunk's allowed set: blocked, whatever else is down (I4).
    NotAllowed = "not_allowed", "主叫不在专线许可号码内", "the caller is not in the trunk's allowed set";
    /// The line is for incoming calls only.
    InboundOnly = "inbound_only", "该线路仅限呼入", "the line is for incoming calls only";
    /// 400 never calls out (L-LED-9).
    Caller400 = "caller_400", "400 号码不得外呼", "400 numbers never call out";
    /// 用户号码作业务号码 (R-OUT-1).
    SubscriberNumber = "subscriber_number", "以用户号码作为业务号码", "a subscriber's number used as business number";
    /// 主叫隐藏 on an enterprise trunk (L-SCR-5).
    Hidden = "hidden", "专线隐藏主叫号码", "hidden caller on an enterprise trunk";
    /// From and P-Asserted-Identity differ, or the asserted number is not the line's.
    Asserted = "asserted", "主叫与网络核定号码不一致", "the presented number is not the asserted one";
    /// The identity token is false.
    Token = "token", "主叫签名验证失败", "the identity token does not hold";
    /// The identity token is signed with a revoked certificate.
    Revoked = "revoked", "主叫签名证书已被吊销", "the identity token is signed with a revoked certificate";
    /// On the bad list.
    BadList = "bad_list", "不良号码名单", "on the bad list";
    /// Reported, not proven.
    Suspect = "suspect", "疑似骚扰号码", "a suspected nuisance caller";
    /// The callee refuses this kind of call.
    RefusedCategory = "refused_category", "被叫谢绝此类来电", "the callee refuses this kind of call";
    /// The callee refuses this number.
    RefusedNumber = "refused_number", "被叫拒接该号码", "the callee refuses this number";
    /// Outside the hours the callee takes commercial calls.
    RefusedHours = "refused_hours", "被叫免打扰时段", "outside the callee's hours";
    /// 呼死你
    Bombing = "bombing", "呼死你攻击", "call bombing";
    /// 响一声
    OneRing = "one_ring", "响一声", "one ring and gone";
    /// More calls than the contract allows.
    Contract = "contract", "超出合同呼叫频次", "more calls than the contract allows";
    /// 按号段盲呼
    Sequential = "sequential", "按号段盲呼", "dialling through number blocks";
    /// The behaviour of a machine that sells: many calls out, hardly any in, hardly anyone twice.
    Behaviour = "behaviour", "呼叫行为异常", "behaves like a call machine";
    /// 境外来电提示 (L-SCR-3).
    Overseas = "overseas", "境外来电", "a call from abroad";
}

/// 规则状态: what came of a rule's hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It counted.
    Enforced = 1,
    /// 观察: it was noted only; the rule is in shadow, or its canary is another trunk.
    Shadow = 2,
}

/// 理由: one rule that spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Which.
    pub rule: Rule,
    /// Whether it counted.
    pub effect: Effect,
    /// What the rule asked for.
    pub action: Action,
    /// What was measured, in the rule's own unit: calls, callees, percent; 0 where the rule counts nothing.
    pub measured: u32,
    /// The threshold it was measured against.
    pub limit: u32,
}

/// Room for reasons: more rules than that never speak about one call together; what would be more is left out, the hardest first in.
pub const MOST_REASONS: usize = 6;

/// 理由 of one verdict, in the order the rules were asked.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasons {
    list: [Option<Reason>; MOST_REASONS],
}

impl Reasons {
    /// Adds one; when full, it takes the place of a milder one or is left out.
    pub fn push(&mut self, reason: Reason) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some(reason);
            return;
        }
        let weight = |place: &Option<Reason>| place.map_or((false, Action::Pass), |held| (held.effect == Effect::Enforced, held.action));
        if let Some(mildest) = self.list.iter_mut().min_by_key(|place| weight(place))
            && weight(mildest) < weight(&Some(reason))
        {
            *mildest = Some(reason);
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Reason> {
        self.list.iter().flatten()
    }

    /// Whether no rule spoke.
    pub fn is_empty(&self) -> bool {
        self.list.iter().all(Option::is_none)
    }

    /// The reason of a rule.
    pub fn of(&self, rule: Rule) -> Option<&Reason> {
        self.iter().find(|reason| reason.rule == rule)
    }
}

impl std::fmt::Debug for Reasons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// 证据编号: the same call under the same rules and lists has the same one; the verdict log is keyed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvidenceId(pub u128);

impl std::fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// 版本: of the rules (first bytes of the hash over the packs) and of the lists and ledger (the control plane's counter).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Versions {
    /// Rules.
    pub rules: u64,
    /// Ledger, lists and preferences.
    pub lists: u64,
}

/// 申诉途径: who can undo it, and where. The words and addresses stand in the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redress {
    /// Nothing was done to the call.
    #[default]
    None,
    /// The callee's own wish: the callee changes it.
    Callee,
    /// 误拦申诉: the caller appeals, a person looks (L-SCR-9), and a lifted block is gone at once.
    Appeal,
    /// The holder of the trunk turns to the access operator.
    Operator,
}

/// 判定: the answer about one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// 0 to 100: how sure the enforced rules are together; 100 for what the law or the callee decides.
    pub score: u8,
    /// Why.
    pub reasons: Reasons,
    /// The caller as understood: what a label shows; none when it could not be understood.
    pub caller: Option<Number>,
    /// The callee as understood.
    pub callee: Option<Number>,
    /// 来电类别: shown to the callee; 0 = none ([`crate::lists::Category`]).
    pub category: u8,
    /// Country of a caller from abroad, its code (`1`, `44`); 0 = home or unknown.
    pub country: u16,
    /// Which rules, which lists.
    pub versions: Versions,
    /// Key of the evidence.
    pub evidence: EvidenceId,
    /// Until when the same caller meets the same answer for a reason that stands by itself (a tier); the moment of the call for all others.
    pub expires: Timestamp,
    /// Who can undo it.
    pub redress: Redress,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_code_and_both_names() {
        let codes: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        assert!(Rule::ALL.iter().all(|rule| rule.zh().chars().any(|c| c > '\u{4E00}') && rule.en().is_ascii()));
        assert!(Rule::ALL.iter().enumerate().all(|(i, rule)| *rule as usize == i));
    }

    #[test]
    fn when_the_room_for_reasons_is_used_up_the_hardest_stay() {
        let reason = |action, effect| Reason { rule: Rule::Behaviour, effect, action, measured: 0, limit: 0 };
        let mut reasons = Reasons::default();
        for _ in 0..MOST_REASONS {
            reasons.push(reason(Action::Label, Effect::Shadow));
        }
        reasons.push(reason(Action::Block, Effect::Shadow));
        reasons.push(reason(Action::Label, Effect::Enforced));
        reasons.push(reason(Action::Pass, Effect::Shadow));
        let held: Vec<_> = reasons.iter().map(|held| (held.action, held.effect)).collect();
        assert_eq!(held.len(), MOST_REASONS);
        assert!(held.contains(&(Action::Block, Effect::Shadow)) && held.contains(&(Action::Label, Effect::Enforced)));
    }
}
