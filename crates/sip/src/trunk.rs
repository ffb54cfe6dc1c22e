//! 中继: who may send to this edge, and how each is answered. Read from a file; a source that stands in none is refused.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use chuangsha_kernel::{
    codes,
    problem::{Problem, Refuse},
};
use chuangsha_screen::{Ingress, TrunkId};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use crate::message::Uri;

/// 一条中继 and its profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Number of its line in the ledger; left out, the line of the same name.
    pub id: Option<TrunkId>,
    /// As in the ledger, and for logs.
    pub name: String,
    /// Row of the caller-format table.
    pub class: Ingress,
    /// Addresses and networks its requests come from.
    #[serde(deserialize_with = "networks")]
    sources: Vec<IpNet>,
    /// Trunk group (`;tgrp=`, RFC 4904) that tells several trunks of one source apart.
    group: Option<String>,
    /// How it is served.
    #[serde(default)]
    pub mode: Mode,
    /// How "let it through" is said.
    #[serde(default)]
    pub pass: Pass,
    /// How "block it" is said.
    #[serde(default)]
    pub block: Block,
    /// `sip:host:port`: the host of the Contact in a 302, and where a proxied call goes.
    pub next: Option<String>,
    /// `sip:user@host` that asks the caller for a sign of life; without it a challenge is a label.
    pub challenge: Option<String>,
    /// Where the one who was blocked finds help.
    #[serde(default)]
    pub redress: Redress,
}

/// 服务方式.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 重定向: every call gets its answer and goes on elsewhere.
    #[default]
    Redirect,
    /// 代理: calls go through, so that ring time and release are seen.
    Proxy,
}

/// 放行应答: what the softswitch takes for "route on".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// 404: go on to the next route.
    #[default]
    NotFound,
    /// 503 without Retry-After: go on to the next route.
    Unavailable,
    /// 302 to `next`.
    Moved,
}

/// 拦截应答.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Block {
    /// 603 Decline.
    #[default]
    Decline,
    /// 603+: "Network Blocked", with the Reason of ATIS-1000099.
    NetworkBlocked,
    /// 607 Unwanted (RFC 8197).
    Unwanted,
    /// 608 Rejected with a card of the one who rejected (RFC 8688).
    Rejected,
}

impl<'de> Deserialize<'de> for Pass {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match u16::deserialize(input)? {
            404 => Ok(Self::NotFound),
            503 => Ok(Self::Unavailable),
            302 => Ok(Self::Moved),
            _ => Err(serde::de::Error::custom("404, 503 or 302")),
        }
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match String::deserialize(input)?.as_str() {
            "603" => Ok(Self::Decline),
            "603+" => Ok(Self::NetworkBlocked),
            "607" => Ok(Self::Unwanted),
            "608" => Ok(Self::Rejected),
            _ => Err(serde::de::Error::custom("\"603\", \"603+\", \"607\" or \"608\"")),
        }
    }
}

/// 申诉入口 of the blocks on a trunk. No part of it may name a person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redress {
    /// Page for appeals; the evidence id is appended.
    pub url: Option<String>,
    /// Telephone number.
    pub tel: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Signed card for 608 (RFC 8688).
    pub card: Option<String>,
}

fn networks<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(input)?;
    let network = |text: &String| {
        let alone = text.trim_matches(['[', ']']).parse::<IpAddr>().map(IpNet::from);
        alone
            .or_else(|_| text.parse::<IpNet>())
            .map_err(|_| serde::de::Error::custom("a source is an IP address or a network such as 192.0.2.0/24"))
    };
    texts.iter().map(network).collect()
}

impl Trunk {
    /// The address of the next hop, where it is written as one.
    pub fn far(&self) -> Option<SocketAddr> {
        Uri::parse(self.next.as_ref()?.as_bytes()).as_ref().and_then(crate::proxy::socket_address)
    }

    /// Whether a call must not pass unchecked: only caller authentication on enterprise trunks fails closed (I4).
    pub fn fails_closed(&self) -> bool {
        self.class == Ingress::Enterprise
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    trunk: Vec<Trunk>,
}

/// 全部中继, found by source and trunk group.
#[derive(Debug, Default)]
pub struct Trunks {
    all: Vec<Trunk>,
    /// Single addresses, the usual case.
    addresses: HashMap<IpAddr, Vec<usize>>,
    /// Networks, the narrowest first.
    networks: Vec<(IpNet, usize)>,
    /// Next hops of proxied trunks.
    far: Vec<IpAddr>,
    /// Whether any trunk is told by its group.
    grouped: bool,
}

/// Why a file of trunks is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrunksError {
    /// Not TOML, an unknown key, a missing one, a value of another shape.
    #[error("line {line}: {reason}")]
    Malformed {
        /// From 1.
        line: usize,
        /// In English, from the parser.
        reason: String,
    },
    /// No trunk at all: every call would be refused.
    #[error("no trunk")]
    Empty,
    /// Two trunks of one id or name, or of one source and group.
    #[error("trunk {0} is there twice")]
    Twice(String),
    /// Something is missing, or is no SIP address.
    #[error("trunk {trunk}: {key}")]
    Unset {
        /// Name.
        trunk: String,
        /// Key of the file.
        key: &'static str,
    },
}

/// What is said about them.
pub mod code {
    super::codes! {
        MALFORMED = "trunks.malformed", 422, "中继文件第 {line} 行有误：{reason}", "the file of trunks is wrong in line {line}: {reason}",
            "按操作手册中的样例改正该行", "correct that line after the example in the operator's manual";
        EMPTY = "trunks.empty", 422, "中继文件中没有中继", "the file of trunks holds no trunk",
            "至少写一条 [[trunk]]，否则所有呼叫都会被拒绝", "write one [[trunk]] at least, or every call is refused";
        TWICE = "trunks.twice", 422, "中继 {trunk} 的编号、名称，或来源与群组，与另一条相同", "trunk {trunk} has the id, the name, or the source and group, of another one",
            "为每条中继写不同的 id 与 name；同一来源用 group 区分", "give each trunk an id and a name of its own; tell trunks of one source apart by group";
        UNSET = "trunks.unset", 422, "中继 {trunk} 的 {key} 未填写或不是有效的值", "{key} of trunk {trunk} is missing or not usable",
            "填写该项；next 与 challenge 形如 sip:host:port", "fill it in; next and challenge look like sip:host:port";
    }
}

impl Refuse for TrunksError {
    fn problem(&self) -> Problem {
        match self {
            Self::Malformed { line, reason } => Problem::new(&code::MALFORMED).with("line", line).with("reason", reason),
            Self::Empty => Problem::new(&code::EMPTY),
            Self::Twice(trunk) => Problem::new(&code::TWICE).with("trunk", trunk),
            Self::Unset { trunk, key } => Problem::new(&code::UNSET).with("trunk", trunk).with("key", key),
        }
    }
}

impl Trunks {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TrunksError`], the first fault.
    pub fn parse(text: &str) -> Result<Self, TrunksError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            TrunksError::Malformed { line: before.matches('\n').count() + 1, reason: error.message().to_owned() }
        })?;
        if file.trunk.is_empty() {
            return Err(TrunksError::Empty);
        }
        let mut trunks = Self::default();
        for trunk in file.trunk {
            trunks.add(trunk)?;
        }
        trunks.networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        Ok(trunks)
    }

    fn add(&mut self, trunk: Trunk) -> Result<(), TrunksError> {
        let unset = |key| Err(TrunksError::Unset { trunk: trunk.name.clone(), key });
        let sip = |text: &str| Uri::parse(text.as_bytes()).is_some_and(|uri| uri.is_sip());
        if trunk.sources.is_empty() {
            return unset("sources");
        }
        match &trunk.next {
            Some(next) if !Uri::parse(next.as_bytes()).is_some_and(|uri| uri.is_sip() && uri.user.is_empty()) => return unset("next"),
            None if trunk.mode == Mode::Proxy || trunk.pass == Pass::Moved => return unset("next"),
            _ => {}
        }
        // A name would have to be looked up while a call waits.
        if trunk.mode == Mode::Proxy && trunk.far().is_none() {
            return unset("next");
        }
        if trunk.challenge.as_deref().is_some_and(|uri| !sip(uri)) {
            return unset("challenge");
        }
        // What ends up in a header may hold nothing that ends a header.
        let plain =
            |text: &Option<String>| text.as_ref().is_none_or(|text| text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\";".contains(&b)));
        let Redress { url, tel, email, card } = &trunk.redress;
        if ![url, tel, email, card].into_iter().all(plain) {
            return unset("redress");
        }
        if trunk.block == Block::Rejected && card.is_none() {
            return unset("redress.card");
        }
        if let Some(far) = trunk.far().filter(|_| trunk.mode == Mode::Proxy) {
            self.far.push(far.ip().to_canonical());
        }
        self.grouped |= trunk.group.is_some();
        let at = self.all.len();
        let same = |other: &&Trunk| {
            other.id.is_some() && other.id == trunk.id
                || other.name == trunk.name
                || other.group == trunk.group && other.sources.iter().any(|source| trunk.sources.contains(source))
        };
        if self.all.iter().any(|other| same(&other)) {
            return Err(TrunksError::Twice(trunk.name));
        }
        for source in &trunk.sources {
            if source.prefix_len() == source.max_prefix_len() {
                self.addresses.entry(source.addr().to_canonical()).or_default().push(at);
            } else {
                self.networks.push((*source, at));
            }
        }
        self.all.push(trunk);
        Ok(())
    }

    /// The trunk of a request: that of its group, or the one of its source that has no group.
    pub fn find(&self, source: IpAddr, group: Option<&[u8]>) -> Option<&Trunk> {
        let source = source.to_canonical();
        let alone = self.addresses.get(&source).into_iter().flatten();
        let wider = self.networks.iter().filter(|(network, _)| network.contains(&source)).map(|(_, at)| at);
        let mut plain = None;
        for trunk in alone.chain(wider).filter_map(|at| self.all.get(*at)) {
            match (&trunk.group, group) {
                (Some(own), Some(group)) if own.as_bytes().eq_ignore_ascii_case(group) => return Some(trunk),
                (None, _) => plain = plain.or(Some(trunk)),
                _ => {}
            }
        }
        plain
    }

    /// Whether the group of a call has to be known to find its trunk.
    pub fn asks_for_groups(&self) -> bool {
        self.grouped
    }

    /// Whether anything may come from there: calls, or what belongs to those that went there.
    pub fn admits(&self, source: IpAddr) -> bool {
        self.knows(source) || self.leads_to(source)
    }

    /// Whether calls may come from there.
    pub fn knows(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.addresses.contains_key(&source) || self.networks.iter().any(|(network, _)| network.contains(&source))
    }

    /// Whether calls of a proxied trunk go there.
    pub fn leads_to(&self, address: IpAddr) -> bool {
        self.far.contains(&address.to_canonical())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Trunk> {
        self.all.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        [[trunk]]
        id = 1
        name = "interconnect"
        class = "interconnect"
        sources = ["192.0.2.0/24", "2001:db8::/64"]

        [[trunk]]
        id = 2
        name = "call-centre"
        class = "enterprise"
        sources = ["192.0.2.7", "[2001:db8:1::7]"]
        group = "hz-1"
        block = "608"
        redress = { url = "https://appeal.example/", card = "https://appeal.example/card" }
    "#;

    fn name<'a>(trunks: &'a Trunks, source: &str, group: Option<&str>) -> Option<&'a str> {
        trunks.find(source.parse().unwrap(), group.map(str::as_bytes)).map(|trunk| trunk.name.as_str())
    }

    #[test]
    fn a_trunk_is_found_by_source_and_group() {
        let trunks = Trunks::parse(TWO).unwrap();
        assert_eq!(name(&trunks, "192.0.2.7", Some("HZ-1")), Some("call-centre"));
        assert_eq!(name(&trunks, "::ffff:192.0.2.7", Some("hz-1")), Some("call-centre"), "an IPv4 address in IPv6 clothes");
        assert_eq!(name(&trunks, "192.0.2.7", Some("other")), Some("interconnect"), "the network's trunk has no group");
        assert_eq!(name(&trunks, "192.0.2.8", None), Some("interconnect"));
        assert_eq!(name(&trunks, "2001:db8:1::7", None), None, "that source has a trunk of a group only");
        assert!(trunks.knows("2001:db8:1::7".parse().unwrap()) && !trunks.knows("198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_place() {
        let error = |text: &str| Trunks::parse(text).unwrap_err();
        assert_eq!(error(""), TrunksError::Empty);
        assert!(matches!(error(&TWO.replace("enterprise", "entreprise")), TrunksError::Malformed { line: 11, .. }));
        assert!(matches!(error(&TWO.replace("192.0.2.0/24", "192.0.2.0/40")), TrunksError::Malformed { .. }));
        assert!(matches!(error(&TWO.replace("group =", "gruop =")), TrunksError::Malformed { .. }));
        assert_eq!(error(&TWO.replace("id = 2", "id = 1")), TrunksError::Twice("call-centre".to_owned()));
        let unset = |key| TrunksError::Unset { trunk: "call-centre".to_owned(), key };
        assert_eq!(error(&TWO.replace("block = \"608\"", "mode = \"proxy\"")), unset("next"));
        assert_eq!(error(&TWO.replace("block = \"608\"", "mode = \"proxy\"\nnext = \"sip:name.example\"")), unset("next"));
        assert_eq!(error(&TWO.replace(", card = \"https://appeal.example/card\"", "")), unset("redress.card"));
        assert_eq!(error(&TWO.replace("example/\",", "example/\\r\\nX: y\",")), unset("redress"));
    }
}
