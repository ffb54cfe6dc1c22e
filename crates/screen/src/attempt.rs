//! 呼叫尝试: what an edge knows about a call before it rings, and what it learns afterwards. Signalling only; no content, ever (I10).

use chuangsha_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::number::Number;

/// 入中继号: a line of the ledger, by its place in the snapshot's table of trunks. Stable while the trunk lives: the control plane gives it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrunkId(pub u32);

/// 入局类别: the rows of the caller-format table (requirements, part D).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ingress {
    /// 国际关口局
    International = 1,
    /// 互联互通: another operator of the mainland.
    Interconnect = 2,
    /// 企业专线: a voice trunk of a customer.
    Enterprise = 3,
    /// 自有接入: our own subscribers, registered with our own core.
    Retail = 4,
}

impl Ingress {
    /// Every class.
    pub const ALL: &[Self] = &[Self::International, Self::Interconnect, Self::Enterprise, Self::Retail];

    /// Stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::International => "international",
            Self::Interconnect => "interconnect",
            Self::Enterprise => "enterprise",
            Self::Retail => "retail",
        }
    }
}

/// 漫游查询结果: whether the network says that a +86 subscriber is abroad now (L-SCR-5). The edge asks through [`RoamingPort`] before it asks for
/// a decision, and only when [`crate::Engine::needs_roaming`] says so: a decision waits for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roaming {
    /// Nobody asked: there is no such port here. A +86 caller from abroad is then taken for fake, as part D says.
    #[default]
    Unasked,
    /// The subscriber is registered abroad.
    Abroad,
    /// The subscriber is registered at home.
    AtHome,
    /// The port gave no answer in time: the call passes with a label and is logged (I4, ordinary calls fail open).
    Unreachable,
}

/// 漫游查询口: HLR/HSS location, or whatever the operator has.
pub trait RoamingPort: Send + Sync {
    /// Where the subscriber is. Implementations bound their own time: [`Roaming::Unreachable`] when it runs out.
    fn locate(&self, subscriber: Number, at: Timestamp) -> Roaming;
}

/// 主叫签名验证结果: what verification of the call's identity token (RFC 8224) said. It runs off the hot path, see [`crate::stir`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// No token: most calls. Nothing is concluded from it.
    #[default]
    Absent,
    /// A token is there and was not verified in time: nothing is concluded from it (I4).
    Unchecked,
    /// Verified, full attestation: the signer knows the caller and the caller's right to the number.
    Full,
    /// Verified, partial attestation: the signer knows the caller, not the right to the number.
    Partial,
    /// Verified, gateway attestation: the signer only knows where the call came in.
    Gateway,
    /// The token is false: signature, certificate, numbers or age do not hold.
    Invalid,
    /// The token is signed with a certificate its issuer has revoked.
    Revoked,
}

/// 呼叫尝试: one call before it rings. Texts are the user parts as signalled (`+8619900001234`, `0086…`, `tel:` stripped); parameters such as
/// `;tgrp=` are taken off by the edge, which finds the trunk by them.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The edge's own number for this call, the same for a retransmission: a hash of Call-ID and CSeq, or a sequence number.
    pub id: u64,
    /// When the edge received it. Every clock of the decision runs on this.
    pub at: Timestamp,
    /// Where it came in.
    pub trunk: TrunkId,
    /// As the edge's profile has it; the ledger's class leads where the trunk stands in the ledger.
    pub ingress: Ingress,
    /// From, the presented number.
    pub from: Option<&'a str>,
    /// P-Asserted-Identity, the number the network vouches for: leads over From.
    pub pai: Option<&'a str>,
    /// P-Preferred-Identity: a wish of the terminal, trusted by nobody; compared only.
    pub ppi: Option<&'a str>,
    /// The registered number of the line, where the edge knows it (own access).
    pub line: Option<&'a str>,
    /// Callee, as signalled.
    pub callee: &'a str,
    /// `Privacy: id` or an anonymous From: the caller hides the number from the callee.
    pub hidden: bool,
    /// The call carries proof of forwarding (Diversion or History-Info): a number of ours may come back from outside.
    pub diverted: bool,
    /// Answer of the roaming port.
    pub roaming: Roaming,
    /// Answer of the verification of the identity token.
    pub identity: Identity,
}

impl<'a> Attempt<'a> {
    /// An attempt with a presented number and nothing special about it.
    pub const fn new(id: u64, at: Timestamp, trunk: TrunkId, ingress: Ingress, from: Option<&'a str>, callee: &'a str) -> Self {
        Self {
            id,
            at,
            trunk,
            ingress,
            from,
            pai: None,
            ppi: None,
            line: None,
            callee,
            hidden: false,
            diverted: false,
            roaming: Roaming::Unasked,
            identity: Identity::Absent,
        }
    }
}

impl std::fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Numbers are personal: a log line gets the shape of the call only.
        f.debug_struct("Attempt").field("id", &self.id).field("at", &self.at).field("trunk", &self.trunk).finish_non_exhaustive()
    }
}

/// 释放方: who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Released {
    /// 主叫
    Caller,
    /// 被叫
    Callee,
    /// 网络
    Network,
}

/// 呼叫结果: what became of a call, from call records, the probe (HEP3) or the edge in the path. Numbers as the verdict had them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// When the call ended.
    pub at: Timestamp,
    /// Where it came in.
    pub trunk: TrunkId,
    /// Caller.
    pub caller: Number,
    /// Callee.
    pub callee: Number,
    /// How long it rang, milliseconds.
    pub ring_ms: u32,
    /// How long they spoke, milliseconds; 0 = never answered.
    pub talk_ms: u32,
    /// Who ended it.
    pub released: Released,
}

impl Outcome {
    /// 接通
    pub const fn answered(&self) -> bool {
        self.talk_ms > 0
    }
}
