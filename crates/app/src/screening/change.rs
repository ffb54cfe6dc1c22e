//! 版本差异: what one version says otherwise than another. Between versions over one base only what stands beside the base can differ, so that a
//! comparison costs what changed and not what is listed.

use std::collections::{BTreeMap, BTreeSet};

use chuangsha_screen::{Number, Rule, TrunkId, lists::Marks, rules::Mode};

use super::{
    base::Base,
    compile::{self, Content, Own},
    live::masked,
};

/// Masked numbers shown of a difference.
const SAMPLES: usize = 5;

/// 一处名单差异
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct ListChange {
    /// `bad`, `suspect`, `category`, `ported`, `preference`.
    pub list: String,
    /// Numbers that came on it.
    pub added: u64,
    /// Numbers that went.
    pub removed: u64,
    /// Numbers of which it says something else.
    pub changed: u64,
    /// A few of them, masked, each with `+`, `-` or `~` before it.
    pub samples: Vec<String>,
}

/// 版本差异
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Changes {
    /// Codes of lines that are new.
    pub trunks_added: Vec<String>,
    /// Codes of lines that went.
    pub trunks_removed: Vec<String>,
    /// Codes of lines that are otherwise now.
    pub trunks_changed: Vec<String>,
    /// Rules whose mode changed: `behaviour: on > shadow`.
    pub modes: Vec<String>,
    /// Lists.
    pub lists: Vec<ListChange>,
    /// Codes of lines that went in closed because they could not be used as they stand.
    #[serde(default)]
    pub refused: Vec<String>,
}

impl Changes {
    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        let Self { trunks_added, trunks_removed, trunks_changed, modes, lists, refused: _ } = self;
        [trunks_added, trunks_removed, trunks_changed, modes].iter().all(|list| list.is_empty()) && lists.is_empty()
    }
}

/// Stable name of a mode.
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::On => "on",
        Mode::Canary => "canary",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}

/// The mode of a stable name; `enforce` is another word for `on`.
pub fn mode_of(text: &str) -> Option<Mode> {
    match text {
        "on" | "enforce" => Some(Mode::On),
        "canary" => Some(Mode::Canary),
        "shadow" => Some(Mode::Shadow),
        "off" => Some(Mode::Off),
        _ => None,
    }
}

/// What each list says, as a number; 0 = nothing.
const fn facets(marks: Marks) -> [u16; 5] {
    [marks.0 & 1, marks.0 >> 1 & 1, marks.0 >> 5 & 0b1111, marks.0 >> 2 & 0b111, marks.0 >> 9]
}

/// Counts what lists say otherwise, number by number.
pub(super) struct Tally([ListChange; 5]);

impl Default for Tally {
    fn default() -> Self {
        let named = |list: &str| ListChange { list: list.to_owned(), ..ListChange::default() };
        Self(["bad", "suspect", "category", "ported", "preference"].map(named))
    }
}

impl Tally {
    /// One number: its marks before and after, and whether its own wishes, which stand beside the marks, are others.
    pub(super) fn differ(&mut self, number: Number, (before, after): (Marks, Marks), own_differs: bool) {
        let (was, is) = (facets(before), facets(after));
        for (list, (was, is)) in self.0.iter_mut().zip(was.into_iter().zip(is)) {
            let own_differs = own_differs && list.list == "preference" && was != 0 && is != 0;
            let (counter, sign) = match (was, is) {
                (was, is) if was == is && !own_differs => continue,
                (0, _) => (&mut list.added, '+'),
                (_, 0) => (&mut list.removed, '-'),
                _ => (&mut list.changed, '~'),
            };
            *counter += 1;
            if list.samples.len() < SAMPLES {
                list.samples.push(format!("{sign}{}", masked(Some(number))));
            }
        }
    }

    /// The lists that differ.
    pub(super) fn lists(self) -> Vec<ListChange> {
        self.0.into_iter().filter(|list| list.added + list.removed + list.changed > 0).collect()
    }
}

/// Lines and modes.
pub(super) fn of_content(old: &Content, new: &Content) -> Changes {
    let mut changes = Changes::default();
    let by_id =
        |content: &Content| content.trunks.iter().map(|trunk| (trunk.id, trunk.name.clone())).collect::<BTreeMap<TrunkId, String>>();
    let (before, after) = (by_id(old), by_id(new));
    for (id, code) in &after {
        if !before.contains_key(id) {
            changes.trunks_added.push(code.clone());
        } else if compile::trunk_of(old, *id) != compile::trunk_of(new, *id) {
            changes.trunks_changed.push(code.clone());
        }
    }
    changes.trunks_removed = before.iter().filter(|(id, _)| !after.contains_key(id)).map(|(_, code)| code.clone()).collect();
    let rules: BTreeSet<Rule> = old.modes.keys().chain(new.modes.keys()).copied().collect();
    for rule in rules {
        let mode = |content: &Content| content.modes.get(&rule).copied().unwrap_or_default();
        if mode(old) != mode(new) {
            changes.modes.push(format!("{}: {} > {}", rule.as_str(), mode_name(mode(old)), mode_name(mode(new))));
        }
    }
    changes
}

/// A version as it is compared: its content, its base, and what stands beside the base.
pub(super) struct Side<'a> {
    pub(super) content: &'a Content,
    pub(super) base: &'a Base,
    pub(super) delta: &'a BTreeMap<Number, Marks>,
}

impl Side<'_> {
    fn marks(&self, number: Number) -> Marks {
        self.delta.get(&number).copied().or_else(|| self.base.index.get(number)).unwrap_or_default()
    }

    fn own(&self, number: Number) -> Option<&Own> {
        let value = number.value();
        match self.content.own.binary_search_by_key(&value, |own| own.number) {
            Ok(at) => self.content.own.get(at),
            Err(_) if self.content.gone.binary_search(&value).is_ok() => None,
            Err(_) => self.base.own.get(&value),
        }
    }
}

/// What differs from the first to the second.
pub(super) fn between(old: &Side<'_>, new: &Side<'_>) -> Changes {
    let mut tally = Tally::default();
    let mut look = |number: Number| {
        tally.differ(number, (old.marks(number), new.marks(number)), old.own(number) != new.own(number));
    };
    let beside: BTreeSet<Number> = [old, new]
        .iter()
        .flat_map(|side| {
            let own = side.content.own.iter().map(|own| own.number).chain(side.content.gone.iter().copied());
            side.delta.keys().copied().chain(own.filter_map(Number::new))
        })
        .collect();
    if old.base.number != new.base.number {
        for number in new.base.index.iter().map(|(number, _)| number).filter(|number| !beside.contains(number)) {
            look(number);
        }
        for (number, _) in old.base.index.iter().filter(|(number, _)| !beside.contains(number)) {
            if new.base.index.get(number).is_none() {
                look(number);
            }
        }
    }
    beside.into_iter().for_each(&mut look);
    Changes { lists: tally.lists(), ..of_content(old.content, new.content) }
}
