//! 编译: from ledger and modes to what the engine reads; the lists come from [`super::draft`]. A line of the ledger that cannot be used as it stands goes
//! into the snapshot closed and is named: one mistake stops no other line.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chuangsha_kernel::{rulebook::Place, time::Timestamp};
use chuangsha_screen::{
    Ingress, Number, Rule, Snapshot, TrunkId,
    index::Index,
    ledger::{Ledger, Trunk},
    lists::{Category, Hours, Preference},
    plan::Plan,
    rules::{Mode, RuleSet},
    snapshot::{Lists, Preferences},
};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{
    base::{self, Base},
    table,
};
use crate::{
    App,
    platform::failure::{Failure, Result},
    resources::{self, Caller, Industry, Kind, Purpose, Resource},
};

/// 快照内容: everything of a version but the numbers of the lists. Rules and plan are not in it: each node compiles them for the day it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Content {
    /// Lines.
    pub trunks: Vec<Trunk>,
    /// Where each line of the ledger stands in it.
    pub lines: BTreeMap<u32, Line>,
    /// Rules that are not simply on.
    pub modes: BTreeMap<Rule, Mode>,
    /// Callees with wishes that do not fit into the marks, where the base says otherwise; in order.
    pub own: Vec<Own>,
    /// Callees of the base without wishes of their own now; in order.
    #[serde(default)]
    pub gone: Vec<u64>,
    /// Numbers of the ledger by what they are registered for.
    #[serde(default)]
    pub registered: BTreeMap<u64, Category>,
}

/// 台账条目 behind a line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Its id in the ledger.
    pub resource: Uuid,
    /// City.
    pub region: String,
}

/// 被叫自定偏好
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Own {
    /// Whose.
    pub number: u64,
    /// Hours by name, as of the day.
    pub hours: Hours,
    /// Own windows.
    pub quiet: Vec<(u16, u16)>,
    /// Numbers refused, sorted.
    pub refused: Vec<u64>,
}

/// Night and noon of the day's rules, minutes of the day.
pub(super) type Wishes = [(u16, u16); 2];
/// 被叫自定偏好 as the engine reads them.
pub(super) type Resolved = HashMap<Number, Preference>;

impl Own {
    /// With the hours of the day.
    pub(super) fn resolve(&self, [night, noon]: Wishes) -> Option<(Number, Preference)> {
        let mut quiet = self.quiet.clone();
        match self.hours {
            Hours::Night => quiet.push(night),
            Hours::NightAndNoon => quiet.extend([night, noon]),
            Hours::Any | Hours::Own => {}
        }
        let refused = self.refused.iter().copied().filter_map(Number::new).collect();
        Some((Number::new(self.number)?, Preference { quiet, refused }))
    }
}

/// How much a version holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Counts {
    /// Lines that may carry calls.
    pub trunks: u64,
    /// Lines that may not.
    pub closed: u64,
    /// Numbers with marks.
    pub numbers: u64,
    /// Callees with wishes of their own.
    pub own: u64,
    /// Rules that are not simply on.
    pub modes: u64,
    /// Base of the lists it stands on; 0 = none.
    pub base: i64,
    /// Numbers that stand beside the base.
    pub delta: u64,
    /// Rows of lists that were read to make it.
    pub read: u64,
    /// Bytes that were written for it, a new base included.
    pub written: u64,
}

/// Content as it is kept.
pub(super) fn bytes_of(content: &Content) -> Result<Vec<u8>> {
    serde_json::to_vec(content).map_err(Failure::internal)
}

/// SHA-256 over content, what stands beside the base, and the base's own hash, hexadecimal: two versions with the same are the same.
pub(super) fn hash(head: &[u8], delta: &[u8], base: &str) -> String {
    if base.is_empty() { base::sum(head, delta) } else { base::sum(head, &[delta, base.as_bytes()].concat()) }
}

/// What a version would be made of: ledger and settings, and lists, as they stand. The same fingerprint, the same content (but for what begins and ends
/// by itself).
pub(super) fn fingerprint(tx: &mut Tx) -> Result<(String, i64)> {
    let (lists, settings) = table::revisions(tx)?;
    Ok((format!("{}/{settings}", resources::fingerprint(tx)?), lists))
}

/// Lines calls come in on; the other resources are numbers.
const fn is_line(kind: Kind) -> bool {
    matches!(kind, Kind::VoiceTrunk | Kind::OneNumber | Kind::Switchboard)
}

/// What the calls of a resource are, from its registered purpose and its subject's industry.
pub(super) const fn category(purpose: Purpose, industry: Industry) -> Category {
    match (purpose, industry) {
        (Purpose::Marketing, Industry::FinanceInsurance) => Category::Finance,
        (Purpose::Marketing, Industry::RealEstateAgent) => Category::Property,
        (Purpose::Marketing, _) => Category::Retail,
        (Purpose::Delivery, _) => Category::Courier,
        (Purpose::Verification, _) => Category::Verification,
        (Purpose::CustomerService | Purpose::Notice, Industry::PublicService) => Category::Government,
        _ => Category::None,
    }
}

/// Most digits of a Chinese number after its 86.
const MOST_NATIONAL: usize = 13;

/// Ranges of whole numbers behind one entry of an allowed set; national digits, an area code with its leading zero.
pub(super) fn ranges(caller: &Caller) -> Vec<(u64, u64)> {
    let text = caller.as_str().trim_start_matches('0');
    let (digits, block) = text.strip_suffix('*').map_or((text, false), |head| (head, true));
    let Some(head) = format!("86{digits}").parse::<u64>().ok().filter(|_| digits.len() <= MOST_NATIONAL && !digits.is_empty()) else {
        return Vec::new();
    };
    let more = if block { MOST_NATIONAL - digits.len() } else { 0 };
    (0..=more as u32).map(|more| (head * 10_u64.pow(more), (head + 1) * 10_u64.pow(more) - 1)).collect()
}

fn line(resource: &Resource, industry: Industry, number: &table::TrunkNumber, hours: i64) -> Trunk {
    Trunk {
        id: number.id,
        name: resource.code.clone(),
        ingress: Ingress::Enterprise,
        // Sources stand with the edge, in its own file.
        sources: Vec::new(),
        active: resource.in_service(),
        outbound: resource.direction.calls_out(),
        purpose: category(resource.purpose, industry),
        allowed: resource.callers.iter().flat_map(ranges).collect(),
        peer: None,
        transit: false,
        calls_per_hour: (resource.calls_per_day > 0)
            .then(|| u32::try_from(resource.calls_per_day.saturating_add(hours - 1) / hours).unwrap_or(u32::MAX)),
        canary: number.canary,
    }
}

fn gateway(number: &table::TrunkNumber) -> Trunk {
    Trunk {
        id: number.id,
        name: number.code.clone(),
        ingress: Ingress::ALL.iter().copied().find(|ingress| *ingress as i64 == number.class).unwrap_or(Ingress::Enterprise),
        sources: Vec::new(),
        // An enterprise line the ledger does not know any more.
        active: number.class != Ingress::Enterprise as i64,
        outbound: true,
        purpose: Category::None,
        allowed: Vec::new(),
        peer: number.peer,
        transit: number.transit,
        calls_per_hour: None,
        canary: number.canary,
    }
}

/// Compiles ledger and modes as they stand; gives the codes of lines that went in closed because they could not be used as they stand. Lines that have no
/// number yet get one.
pub(super) fn content(app: &App, tx: &mut Tx, now: Timestamp) -> Result<(Content, Vec<String>)> {
    let hours = app.number_rule("screen.contract.hours", now, "")?.value.max(1);
    let mut numbers: BTreeMap<String, table::TrunkNumber> =
        table::trunk_numbers(tx)?.into_iter().map(|number| (number.code.clone(), number)).collect();
    let (mut content, mut refused) = (Content::default(), Vec::new());
    for (resource, industry) in resources::lines(tx)? {
        if !is_line(resource.kind) {
            // A number of the ledger is known for what it is registered for, unless a list says better.
            let category = category(resource.purpose, industry);
            if resource.in_service()
                && category != Category::None
                && let Some(number) = resource.code.parse().ok().and_then(Number::china)
            {
                content.registered.insert(number.value(), category);
            }
            continue;
        }
        let number = match numbers.remove(&resource.code) {
            Some(number) => number,
            None => {
                let class = Ingress::Enterprise as i64;
                let id = table::give_number(tx, &resource.code, class, None)?;
                table::TrunkNumber { id, code: resource.code.clone(), class, peer: None, transit: false, canary: false }
            }
        };
        let mut trunk = line(&resource, industry, &number, hours);
        if Ledger::new([trunk.clone()]).is_err() {
            refused.push(resource.code.clone());
            (trunk.active, trunk.allowed) = (false, Vec::new());
        }
        content.lines.insert(trunk.id.0, Line { resource: resource.id, region: resource.region.clone() });
        content.trunks.push(trunk);
    }
    content.trunks.extend(numbers.values().map(gateway));
    content.trunks.sort_by_key(|trunk| trunk.id);
    content.modes = modes(tx)?;
    Ok((content, refused))
}

/// Rules that are not simply on, as the desk set them.
pub(super) fn modes(tx: &mut Tx) -> Result<BTreeMap<Rule, Mode>> {
    let mut modes = BTreeMap::new();
    for row in tx.query("SELECT rule, mode FROM screen_mode", &[])? {
        // A rule this version does not know any more has no mode.
        let rule = Rule::ALL.iter().copied().find(|rule| row.str(0).is_ok_and(|code| code == rule.as_str()));
        let mode =
            [Mode::On, Mode::Canary, Mode::Shadow, Mode::Off].into_iter().find(|mode| row.int(1).is_ok_and(|held| held == *mode as i64));
        if let (Some(rule), Some(mode)) = (rule, mode)
            && mode != Mode::On
        {
            modes.insert(rule, mode);
        }
    }
    Ok(modes)
}

/// The snapshot a node runs on: a version's content over its base, with the plan and the rules of the day.
pub(super) fn snapshot(app: &App, version: u64, content: &Content, base: &Base, delta: &Arc<Index>, now: Timestamp) -> Result<Snapshot> {
    let plan = Plan::embedded(app.rules.ranges(), now.day()).map_err(Failure::internal)?;
    let mut rules = RuleSet::compile(&app.rules, now.day(), &Place::china()).map_err(Failure::internal)?;
    for (rule, mode) in &content.modes {
        rules.set_mode(*rule, *mode).map_err(Failure::internal)?;
    }
    let wishes = [rules.night, rules.noon];
    let mut snapshot = Snapshot::bare(version, app.config.screening.operator()?, plan, rules);
    snapshot.ledger = Ledger::new(content.trunks.iter().cloned()).map_err(Failure::internal)?;
    snapshot.lists = Lists { base: Arc::clone(&base.index), delta: Arc::clone(delta) };
    let own = content.own.iter().filter_map(|own| own.resolve(wishes)).map(|(number, own)| (number, Some(own)));
    let gone = content.gone.iter().filter_map(|number| Some((Number::new(*number)?, None)));
    snapshot.preferences = Preferences { base: base.resolved(wishes), delta: own.chain(gone).collect() };
    Ok(snapshot)
}

/// A trunk of a snapshot by its number.
pub(super) fn trunk_of(content: &Content, id: TrunkId) -> Option<&Trunk> {
    content.trunks.binary_search_by_key(&id, |trunk| trunk.id).ok().and_then(|at| content.trunks.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(u64, u64)> {
        ranges(&Caller::parse(text).unwrap())
    }

    #[test]
    fn a_set_of_callers_becomes_ranges_of_whole_numbers() {
        assert_eq!(of("95588"), [(8_695_588, 8_695_588)]);
        assert_eq!(of("03517000123"), [(863_517_000_123, 863_517_000_123)], "an area code goes in without its zero");
        let block = of("95599*");
        assert_eq!((block[0], block[3], block.len()), ((8_695_599, 8_695_599), (8_695_599_000, 8_695_599_999), 9));
        assert_eq!(of("0351700*").last().copied(), Some((863_517_000_000_000, 863_517_009_999_999)));
        assert!(of("12345678901234567890").is_empty(), "longer than any number: it allows nobody");
        let ledger = Ledger::new([Trunk {
            allowed: block,
            ..gateway(&table::TrunkNumber { id: TrunkId(1), code: "x".into(), class: 3, peer: None, transit: false, canary: false })
        }])
        .unwrap();
        let allows = |number| ledger.trunk(TrunkId(1)).unwrap().allows(Number::new(number).unwrap());
        assert!(allows(8_695_599) && allows(869_559_912_345) && !allows(8_695_598) && !allows(8_695_600));
    }

    #[test]
    fn a_purpose_says_what_the_calls_are() {
        assert_eq!(category(Purpose::Marketing, Industry::FinanceInsurance), Category::Finance);
        assert_eq!(category(Purpose::Delivery, Industry::Logistics), Category::Courier);
        assert_eq!(category(Purpose::CustomerService, Industry::PublicService), Category::Government);
        assert_eq!(category(Purpose::CustomerService, Industry::CallCentre), Category::None);
    }
}
