//! 规则库: what the law says in numbers, dated and sourced, read from packs (`rules/cn/*.toml`) that the caller embeds.
//!
//! A rule is asked for by id, day and place; the answer is a [`Ruling`] that names the article and the version of the packs, so that a decision
//! can be explained and replayed. Where several values apply (national, provincial, one licence, local) the tightest wins. A local pack may only
//! tighten: each rule says which direction that is.

mod build;
mod error;
mod pack;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

pub use error::{Fault, Finding, RulebookError, code};
pub use pack::{CalendarDay, Evidence, NumberRange, Permit, Rule, Target, Tighter, Unit, Value, Window};
pub(crate) use pack::{date, optional_date};

use crate::{
    document::{DocumentKind, Validity},
    phone::Phone,
    region::Provinces,
    time::Timestamp,
};

/// 裁定: a value with the article that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling<T> {
    /// The value.
    pub value: T,
    /// Rule that decided: `limit.mobile_numbers`.
    pub rule: String,
    /// Article: `R-LIM-1`.
    pub article: String,
    /// Title and number of the text.
    pub source: String,
    /// Version of the packs.
    pub pack_version: String,
}

impl<T> Ruling<T> {
    /// The same ruling about something computed from the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Ruling<U> {
        Ruling { value: f(self.value), rule: self.rule, article: self.article, source: self.source, pack_version: self.pack_version }
    }
}

/// 适用范围: where a case is, and under which licence the operator acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Digits of the region, most significant first, without the zeros of the levels left open; empty = the whole country.
    region: String,
    licence: Option<String>,
}

impl Place {
    /// The whole country.
    pub fn china() -> Self {
        Self::default()
    }

    /// A region code of two, four or six digits: `14`, `1401`, `140100`. Trailing zeros of a six-digit code mean the larger unit.
    pub fn region(code: &str) -> Self {
        let code = code.strip_suffix("0000").or_else(|| code.strip_suffix("00").filter(|c| c.len() >= 4)).unwrap_or(code);
        Self { region: code.to_owned(), licence: None }
    }

    /// Under a licence: `basic`, `mvno`, `call_centre`.
    #[must_use]
    pub fn with_licence(mut self, licence: &str) -> Self {
        self.licence = Some(licence.to_owned());
        self
    }

    /// The licence.
    pub fn licence(&self) -> Option<&str> {
        self.licence.as_deref()
    }

    fn is_in(&self, jurisdiction: &str) -> bool {
        match jurisdiction.strip_prefix("CN") {
            Some("") => true,
            Some(code) => code.strip_prefix('-').is_some_and(|code| self.region.starts_with(code)),
            None => false,
        }
    }
}

/// 渠道类型
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// 自有营业厅
    OwnHall = 1,
    /// 社会渠道网点
    SocialOutlet = 2,
    /// 自营网络渠道
    Online = 3,
}

impl ChannelKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::OwnHall, Self::SocialOutlet, Self::Online];

    /// Stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnHall => "own_hall",
            Self::SocialOutlet => "social_outlet",
            Self::Online => "online",
        }
    }

    /// The kind of a stable code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == code)
    }

    /// From the number in the store, which is `kind as i64` and never changes.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as i64 == value)
    }
}

/// 录入方式: how the data of a document came into the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryMode {
    /// 读卡器: chip read by a reader.
    Reader = 1,
    /// 机读区: machine-readable zone read by a camera or scanner.
    Mrz = 2,
    /// 拍照识别: recognised from a photograph in the app.
    Ocr = 3,
    /// 手工录入
    Manual = 4,
    /// 网上上传: scan uploaded by the customer, compared over the network.
    Upload = 5,
}

impl EntryMode {
    /// Every mode.
    pub const ALL: &[Self] = &[Self::Reader, Self::Mrz, Self::Ocr, Self::Manual, Self::Upload];

    /// Stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Mrz => "mrz",
            Self::Ocr => "ocr",
            Self::Manual => "manual",
            Self::Upload => "upload",
        }
    }

    /// The mode of a stable code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == code)
    }

    /// From the number in the store, which is `mode as i64` and never changes.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| *mode as i64 == value)
    }
}

/// The rule that names the article of a refusal no entry of the matrix gives.
const NOT_LISTED: &str = "document.not_listed";

/// 规则库
#[derive(Debug, Clone)]
pub struct Rulebook {
    /// SM3 of all packs, first 16 bytes in hex: the same packs give the same version everywhere.
    pub version: String,
    rules: BTreeMap<String, Vec<Rule>>,
    permits: Vec<Permit>,
    validity: Validity,
    provinces: Provinces,
    ranges: Vec<NumberRange>,
    targets: Vec<Target>,
    days: Vec<CalendarDay>,
    packs: BTreeMap<String, String>,
}

impl Rulebook {
    /// Compiles packs given as (name, TOML text). Any fault refuses all of them and names every one.
    pub fn embedded(packs: &[(&str, &str)]) -> Result<Self, RulebookError> {
        build::embedded(packs).map_err(RulebookError::Packs)
    }

    /// Adds local packs, which may only tighten.
    pub fn with_local(self, packs: &[(&str, &str)]) -> Result<Self, RulebookError> {
        build::with_local(self, packs).map_err(RulebookError::Packs)
    }

    /// Every fault of these packs, without using them.
    pub fn check(packs: &[(&str, &str)], local: &[(&str, &str)]) -> Vec<Finding> {
        match build::embedded(packs) {
            Ok(book) => build::with_local(book, local).err().unwrap_or_default(),
            Err(findings) => findings,
        }
    }

    /// A number in the rule's own unit: counts, percent, bytes, pixels, and clocks too.
    pub fn number(&self, rule: &str, on: Date, place: &Place) -> Result<Ruling<i64>, RulebookError> {
        let found = self.find(rule, on, place)?;
        match found.value {
            Value::Int(value) => Ok(self.ruling(found, value)),
            _ => Err(RulebookError::Unit { rule: rule.to_owned(), unit: found.unit }),
        }
    }

    /// A clock in milliseconds; for units of fixed length only (minutes, hours, days). Months, years and working days need [`Self::deadline`].
    pub fn clock_ms(&self, rule: &str, on: Date, place: &Place) -> Result<Ruling<i64>, RulebookError> {
        let found = self.find(rule, on, place)?;
        match (&found.value, found.unit.ms()) {
            (Value::Int(value), Some(ms)) => Ok(self.ruling(found, value.saturating_mul(ms))),
            _ => Err(RulebookError::Unit { rule: rule.to_owned(), unit: found.unit }),
        }
    }

    /// When a clock that starts now runs out. Working days end at midnight after the last of them, the first not counted; months and years are
    /// those of the calendar.
    pub fn deadline(&self, rule: &str, from: Timestamp, place: &Place) -> Result<Ruling<Timestamp>, RulebookError> {
        let found = self.find(rule, from.day(), place)?;
        let wrong = || RulebookError::Unit { rule: rule.to_owned(), unit: found.unit };
        let Value::Int(value) = found.value else { return Err(wrong()) };
        let end = match found.unit {
            Unit::WorkingDay => self.working_days_after(from.day(), value).map(Timestamp::start_of),
            Unit::Month | Unit::Year => {
                let months = if found.unit == Unit::Year { value.saturating_mul(12) } else { value };
                let day = from.day().saturating_add(months.clamp(0, 12_000).months());
                let within = from.0 - Timestamp::start_of(from.day()).0;
                Some(Timestamp::start_of(day).plus_ms(within))
            }
            unit => unit.ms().map(|ms| from.plus_ms(value.saturating_mul(ms))),
        };
        Ok(self.ruling(found, end.ok_or_else(wrong)?))
    }

    /// A yes or no.
    pub fn flag(&self, rule: &str, on: Date, place: &Place) -> Result<Ruling<bool>, RulebookError> {
        let found = self.find(rule, on, place)?;
        match found.value {
            Value::Flag(value) => Ok(self.ruling(found, value)),
            _ => Err(RulebookError::Unit { rule: rule.to_owned(), unit: found.unit }),
        }
    }

    /// A text.
    pub fn text(&self, rule: &str, on: Date, place: &Place) -> Result<Ruling<String>, RulebookError> {
        let found = self.find(rule, on, place)?;
        match &found.value {
            Value::Text(value) => Ok(self.ruling(found, value.clone())),
            _ => Err(RulebookError::Unit { rule: rule.to_owned(), unit: found.unit }),
        }
    }

    /// A list of texts.
    pub fn list(&self, rule: &str, on: Date, place: &Place) -> Result<Ruling<Vec<String>>, RulebookError> {
        let found = self.find(rule, on, place)?;
        match (&found.value, found.unit) {
            (Value::List(value), Unit::List) => Ok(self.ruling(found, value.clone())),
            _ => Err(RulebookError::Unit { rule: rule.to_owned(), unit: found.unit }),
        }
    }

    /// Windows of a day, such as quiet hours.
    pub fn windows(&self, rule: &str, on: Date, place: &Place) -> Result<Ruling<Vec<Window>>, RulebookError> {
        let found = self.find(rule, on, place)?;
        match (&found.value, found.unit) {
            (Value::List(value), Unit::Window) => Ok(self.ruling(found, value.iter().filter_map(|w| Window::parse(w)).collect())),
            _ => Err(RulebookError::Unit { rule: rule.to_owned(), unit: found.unit }),
        }
    }

    /// 证件 × 渠道 × 录入方式. A refusal beats a permission; what no entry mentions is refused.
    pub fn document_allowed(&self, kind: DocumentKind, channel: ChannelKind, entry: EntryMode, on: Date) -> Ruling<bool> {
        let applies = |permit: &&Permit| {
            pack::in_force(on, permit.in_force, permit.until)
                && permit.kinds.contains(&kind)
                && permit.channels.contains(&channel)
                && permit.entries.contains(&entry)
        };
        let mut allowed = None;
        for permit in self.permits.iter().filter(applies) {
            if !permit.allowed {
                return self.permit_ruling(permit, false);
            }
            allowed = allowed.or(Some(permit));
        }
        match (allowed, self.find(NOT_LISTED, on, &Place::china())) {
            (Some(permit), _) => self.permit_ruling(permit, true),
            (None, Ok(rule)) => self.ruling(rule, false),
            // Packs without that rule, or a day before it: refused all the same.
            (None, Err(_)) => Ruling {
                value: false,
                rule: NOT_LISTED.to_owned(),
                article: "L-REG-3".to_owned(),
                source: String::new(),
                pack_version: self.version.clone(),
            },
        }
    }

    /// The article of a rule or permit on a day, for decisions that have no number.
    pub fn article(&self, rule: &str, on: Date) -> Result<Ruling<()>, RulebookError> {
        if let Some(permit) = self.permits.iter().find(|p| p.id == rule && pack::in_force(on, p.in_force, p.until)) {
            return Ok(self.permit_ruling(permit, ()));
        }
        let found = self.find(rule, on, &Place::china())?;
        Ok(self.ruling(found, ()))
    }

    /// Why, in Chinese and English.
    pub fn explain(&self, rule: &str, on: Date) -> Result<(String, String), RulebookError> {
        if let Some(permit) = self.permits.iter().find(|p| p.id == rule && pack::in_force(on, p.in_force, p.until)) {
            return Ok((permit.zh.clone(), permit.en.clone()));
        }
        let found = self.find(rule, on, &Place::china())?;
        Ok((found.zh.clone(), found.en.clone()))
    }

    /// 号段: the allotment with the longest prefix of this number, in force that day.
    pub fn number_range(&self, phone: &Phone, on: Date) -> Option<&NumberRange> {
        let longest = |range: &NumberRange| range.prefixes.iter().filter(|p| phone.digits().starts_with(*p)).map(String::len).max();
        self.ranges
            .iter()
            .filter(|range| pack::in_force(on, range.in_force, range.until))
            .filter_map(|range| Some((longest(range)?, range)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, range)| range)
    }

    /// 目标: the schedule of a target as it was known on a day, earliest due first.
    pub fn targets(&self, id: &str, on: Date) -> Vec<&Target> {
        let mut found: Vec<_> = self.targets.iter().filter(|t| t.id == id && pack::in_force(on, t.in_force, t.until)).collect();
        found.sort_by_key(|t| t.due);
        found
    }

    /// 行政区划
    pub fn provinces(&self) -> &Provinces {
        &self.provinces
    }

    /// 有效期规则
    pub fn validity(&self) -> &Validity {
        &self.validity
    }

    /// Every rule, for listings.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flatten()
    }

    /// Every entry of the document matrix, for listings.
    pub fn permits(&self) -> &[Permit] {
        &self.permits
    }

    /// Every number range, for listings.
    pub fn ranges(&self) -> &[NumberRange] {
        &self.ranges
    }

    /// Rules in force on a day whose source was never confirmed: an administrator has to look at them.
    pub fn unconfirmed(&self, on: Date) -> impl Iterator<Item = &Rule> {
        self.rules().filter(move |rule| rule.evidence == Evidence::Unconfirmed && pack::in_force(on, rule.in_force, rule.until))
    }

    /// 工作日: Monday to Friday, unless the State Council's notice says otherwise.
    pub fn is_working_day(&self, day: Date) -> bool {
        match self.days.iter().find(|d| d.from <= day && day <= d.to) {
            Some(special) => special.working,
            None => !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday),
        }
    }

    /// 某年的节假日安排是否已收录: a year without its notice has no known working days, whatever the day of the week.
    pub fn knows_year(&self, year: i16) -> bool {
        self.days.iter().any(|day| day.from.year() <= year && year <= day.to.year())
    }

    fn working_days_after(&self, from: Date, count: i64) -> Option<Date> {
        let mut day = from;
        let mut left = count.clamp(0, 1_000);
        while left > 0 {
            day = day.tomorrow().ok()?;
            left -= i64::from(self.is_working_day(day));
        }
        day.tomorrow().ok()
    }

    fn find(&self, rule: &str, on: Date, place: &Place) -> Result<&Rule, RulebookError> {
        let values = self.rules.get(rule).ok_or_else(|| RulebookError::Unknown(rule.to_owned()))?;
        values
            .iter()
            .filter(|value| value.applies(on, place))
            .reduce(|best, next| if next.beats(best) { next } else { best })
            .ok_or_else(|| RulebookError::NotInForce { rule: rule.to_owned(), on })
    }

    fn ruling<T>(&self, rule: &Rule, value: T) -> Ruling<T> {
        Ruling {
            value,
            rule: rule.id.clone(),
            article: rule.article.clone(),
            source: rule.source.clone(),
            pack_version: self.version.clone(),
        }
    }

    fn permit_ruling<T>(&self, permit: &Permit, value: T) -> Ruling<T> {
        Ruling {
            value,
            rule: permit.id.clone(),
            article: permit.article.clone(),
            source: permit.source.clone(),
            pack_version: self.version.clone(),
        }
    }
}
