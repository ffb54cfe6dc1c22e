//! 行政区划: the two-digit province codes of GB/T 2260 and the cities an installation names. The table is data (`rules/*/regions.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

/// 省级行政区表: which province codes exist, and the cities named in the packs.
///
/// The code 99 exists only where the demo pack is loaded: an invented identity of the demo can never be a real person's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provinces(BTreeMap<String, Region>);

/// One province (code of two digits) or city (four).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// `14`, `9901`.
    pub code: String,
    /// 中文名称
    pub zh: String,
    /// English name.
    pub en: String,
}

impl Provinces {
    /// A table of these regions. A code that is not two or four digits, or appears twice, is given back as the error.
    pub fn new(regions: impl IntoIterator<Item = Region>) -> Result<Self, String> {
        let mut table = BTreeMap::new();
        for region in regions {
            let code = region.code.clone();
            if !matches!(code.len(), 2 | 4) || !code.bytes().all(|b| b.is_ascii_digit()) || table.insert(code.clone(), region).is_some() {
                return Err(code);
            }
        }
        match table.keys().find(|code| code.len() == 4 && !code.get(..2).is_some_and(|p| table.contains_key(p))) {
            Some(orphan) => Err(orphan.clone()),
            None => Ok(Self(table)),
        }
    }

    /// Whether the first two digits of `code` name a province.
    pub fn contains(&self, code: &str) -> bool {
        code.get(..2).is_some_and(|province| self.0.contains_key(province))
    }

    /// The province of a code of two digits or more.
    pub fn province(&self, code: &str) -> Option<&Region> {
        self.0.get(code.get(..2)?)
    }

    /// The city of a code of four digits or more, when the packs name it.
    pub fn city(&self, code: &str) -> Option<&Region> {
        self.0.get(code.get(..4)?)
    }

    /// All provinces, by code.
    pub fn provinces(&self) -> impl Iterator<Item = &Region> {
        self.0.values().filter(|region| region.code.len() == 2)
    }

    /// The named cities of a province, by code.
    pub fn cities<'p>(&'p self, province: &'p str) -> impl Iterator<Item = &'p Region> {
        self.0.values().filter(move |region| region.code.len() == 4 && region.code.starts_with(province))
    }
}
