//! 码号资源台账, as the engine needs it: which trunk may call out with which numbers. An excerpt, compiled by the control plane.

use std::{collections::HashMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Ingress, TrunkId},
    lists::Category,
    number::Number,
    plan::Operator,
};

/// 中继: one line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Number of the line, given out by the control plane; below [`MOST_TRUNKS`].
    pub id: TrunkId,
    /// 中继群名: the `tgrp` parameter, unique.
    pub name: String,
    /// Class.
    pub ingress: Ingress,
    /// Addresses it comes from; several trunks may share one and are then told apart by `tgrp`.
    #[serde(default)]
    pub sources: Vec<IpAddr>,
    /// 在用: a closed line does not call.
    #[serde(default = "yes")]
    pub active: bool,
    /// 允许外呼: incoming only by default (L-OUT-1).
    #[serde(default)]
    pub outbound: bool,
    /// Purpose: what its calls are, as registered.
    #[serde(default)]
    pub purpose: Category,
    /// Allowed callers of an enterprise trunk: first and last number of each range (L-LED-1).
    #[serde(default)]
    pub allowed: Vec<(u64, u64)>,
    /// Which operator is at the other end of an interconnect trunk.
    #[serde(default)]
    pub peer: Option<Operator>,
    /// 转接: the peer may bring calls of third networks and from abroad.
    #[serde(default)]
    pub transit: bool,
    /// 合同呼叫频次: calls an hour and caller (R-LED-10); none = the default of the rules.
    #[serde(default)]
    pub calls_per_hour: Option<u32>,
    /// 灰度: rules in canary mode count here.
    #[serde(default)]
    pub canary: bool,
}

fn yes() -> bool {
    true
}

/// Why a ledger was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Two trunks with one number, or a number too large.
    #[error("trunk {0} comes twice or is above the most")]
    Id(u32),
    /// Two trunks with one name.
    #[error("two trunks are named {0}")]
    Name(String),
    /// A range that ends before it begins, or with numbers outside E.164.
    #[error("a range of allowed callers of trunk {0} is none")]
    Range(u32),
    /// 用户号码 or a 400 number in the allowed set (R-OUT-1, L-LED-9): the ledger itself refuses it.
    #[error("trunk {0} allows a number that may not call out")]
    Forbidden(u32),
}

/// More lines than any operator has; a table by number stays small.
pub const MOST_TRUNKS: u32 = 1 << 20;

/// 台账快照
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// By number.
    trunks: Vec<Option<Trunk>>,
    names: HashMap<String, TrunkId>,
    sources: HashMap<IpAddr, Vec<TrunkId>>,
}

impl Ledger {
    /// Compiles the lines; ranges of allowed callers are sorted and joined.
    pub fn new(trunks: impl IntoIterator<Item = Trunk>) -> Result<Self, LedgerError> {
        let mut ledger = Self::default();
        for mut trunk in trunks {
            let id = trunk.id;
            for &(first, last) in &trunk.allowed {
                if Number::new(first).is_none() || Number::new(last).is_none() || last < first {
                    return Err(LedgerError::Range(id.0));
                }
                if trunk.ingress == Ingress::Enterprise && FORBIDDEN.iter().any(|(from, to)| first <= *to && *from <= last) {
                    return Err(LedgerError::Forbidden(id.0));
                }
            }
            trunk.allowed.sort_unstable();
            trunk.allowed.dedup_by(|next, held| {
                let joins = next.0 <= held.1.saturating_add(1);
                if joins {
                    held.1 = held.1.max(next.1);
                }
                joins
            });
            for source in &trunk.sources {
                ledger.sources.entry(*source).or_default().push(id);
            }
            if ledger.names.insert(trunk.name.clone(), id).is_some() {
                return Err(LedgerError::Name(trunk.name));
            }
            let at = id.0 as usize;
            if id.0 >= MOST_TRUNKS || ledger.trunks.get(at).is_some_and(Option::is_some) {
                return Err(LedgerError::Id(id.0));
            }
            if ledger.trunks.len() <= at {
                ledger.trunks.resize(at + 1, None);
            }
            if let Some(place) = ledger.trunks.get_mut(at) {
                *place = Some(trunk);
            }
        }
        Ok(ledger)
    }

    /// The line of a number.
    pub fn trunk(&self, id: TrunkId) -> Option<&Trunk> {
        self.trunks.get(id.0 as usize)?.as_ref()
    }

    /// The line of a `tgrp` name.
    pub fn named(&self, name: &str) -> Option<&Trunk> {
        self.names.get(name).and_then(|id| self.trunk(*id))
    }

    /// The line a message came in on: by its source address, and by `tgrp` where several share the address. A name the address does not have is no
    /// line: nobody speaks for another's trunk.
    pub fn at(&self, source: IpAddr, tgrp: Option<&str>) -> Option<&Trunk> {
        let here = self.sources.get(&source)?;
        match tgrp {
            Some(name) => self.named(name).filter(|trunk| here.contains(&trunk.id)),
            None => match here.as_slice() {
                [only] => self.trunk(*only),
                _ => None,
            },
        }
    }

    /// Every line.
    pub fn trunks(&self) -> impl Iterator<Item = &Trunk> {
        self.trunks.iter().flatten()
    }
}

impl Trunk {
    /// Whether a caller is in the allowed set.
    pub fn allows(&self, caller: Number) -> bool {
        let value = caller.value();
        let after = self.allowed.partition_point(|(first, _)| *first <= value);
        after.checked_sub(1).and_then(|at| self.allowed.get(at)).is_some_and(|(_, last)| value <= *last)
    }
}

/// 400, and mobiles of subscribers.
const FORBIDDEN: [(u64, u64); 2] = [(864_000_000_000, 864_009_999_999), (8_613_000_000_000, 8_619_999_999_999)];

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn trunk(id: u32, name: &str) -> Trunk {
        Trunk {
            id: TrunkId(id),
            name: name.to_owned(),
            ingress: Ingress::Enterprise,
            sources: vec![IpAddr::from([192, 0, 2, 1])],
            active: true,
            outbound: true,
            purpose: Category::None,
            allowed: Vec::new(),
            peer: None,
            transit: false,
            calls_per_hour: None,
            canary: false,
        }
    }

    fn number(value: u64) -> Number {
        Number::new(value).unwrap()
    }

    #[test]
    fn ranges_of_callers_are_joined_and_found() {
        let allowed = vec![
            (863_517_000_100, 863_517_000_199),
            (8_695_588, 8_695_588),
            (863_517_000_000, 863_517_000_099),
            (863_518_000_000, 863_518_000_000),
        ];
        let ledger = Ledger::new([Trunk { allowed, ..trunk(7, "T-07") }]).unwrap();
        let line = ledger.trunk(TrunkId(7)).unwrap();
        assert_eq!(line.allowed.len(), 3);
        for value in [8_695_588, 863_517_000_000, 863_517_000_150, 863_517_000_199, 863_518_000_000] {
            assert!(line.allows(number(value)), "{value}");
        }
        for value in [8_695_587, 8_695_589, 863_517_000_200, 863_518_000_001, 1] {
            assert!(!line.allows(number(value)), "{value}");
        }
        assert!(!trunk(1, "empty").allows(number(8_695_588)));
    }

    #[test]
    fn a_line_is_found_by_address_and_name_and_nobody_speaks_for_another() {
        let elsewhere = Trunk { sources: vec![IpAddr::from([192, 0, 2, 9])], ..trunk(3, "T-03") };
        let ledger = Ledger::new([trunk(1, "T-01"), trunk(2, "T-02"), elsewhere]).unwrap();
        let at = |last, name| ledger.at(IpAddr::from([192, 0, 2, last]), name).map(|trunk| trunk.id.0);
        assert_eq!((at(1, Some("T-01")), at(1, Some("T-02")), at(9, None)), (Some(1), Some(2), Some(3)));
        assert_eq!((at(1, None), at(1, Some("T-03")), at(5, None), at(5, Some("T-01"))), (None, None, None, None));
        assert_eq!(ledger.trunks().count(), 3);
    }

    #[test]
    fn a_ledger_with_a_fault_is_not_taken() {
        let with = |allowed| Ledger::new([Trunk { allowed, ..trunk(1, "T-01") }]).unwrap_err();
        assert_eq!(with(vec![(2, 1)]), LedgerError::Range(1));
        assert_eq!(with(vec![(0, 1)]), LedgerError::Range(1));
        assert_eq!(with(vec![(8_619_900_001_234, 8_619_900_001_234)]), LedgerError::Forbidden(1));
        assert_eq!(with(vec![(8_612_000_000_000, 8_620_000_000_000)]), LedgerError::Forbidden(1));
        assert_eq!(with(vec![(864_001_234_567, 864_001_234_567)]), LedgerError::Forbidden(1));
        assert_eq!(Ledger::new([trunk(1, "a"), trunk(1, "b")]).unwrap_err(), LedgerError::Id(1));
        assert_eq!(Ledger::new([trunk(1, "a"), trunk(2, "a")]).unwrap_err(), LedgerError::Name("a".to_owned()));
        assert_eq!(Ledger::new([trunk(MOST_TRUNKS, "a")]).unwrap_err(), LedgerError::Id(MOST_TRUNKS));
    }
}
