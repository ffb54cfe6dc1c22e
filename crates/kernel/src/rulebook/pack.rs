//! What stands in a rule pack, as written and as used.

use std::cmp::Ordering;

use jiff::civil::{Date, Time};
use serde::{Deserialize, Deserializer, Serialize};

use super::{ChannelKind, EntryMode, Fault, Place};
use crate::{
    document::{DocumentKind, ValidityRule},
    region::Region,
};

/// One TOML file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pack {
    pub pack: Head,
    #[serde(default)]
    pub rule: Vec<RawRule>,
    #[serde(default)]
    pub permit: Vec<Permit>,
    #[serde(default)]
    pub validity: Vec<ValidityRule>,
    #[serde(default)]
    pub region: Vec<Region>,
    #[serde(default)]
    pub range: Vec<NumberRange>,
    #[serde(default)]
    pub target: Vec<Target>,
    #[serde(default)]
    pub day: Vec<CalendarDay>,
}

/// Title of a pack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    #[serde(default = "china")]
    pub jurisdiction: String,
    #[allow(dead_code, reason = "for readers of the file")]
    pub zh: String,
    #[allow(dead_code, reason = "for readers of the file")]
    pub en: String,
}

fn china() -> String {
    "CN".to_owned()
}

/// `[[rule]]` as written: what is missing is found by the check, with a message of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub id: String,
    pub value: Value,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub tighter: String,
    #[serde(default)]
    pub order: Vec<String>,
    #[serde(default)]
    pub article: String,
    #[serde(default)]
    pub source: String,
    #[serde(deserialize_with = "date")]
    pub in_force: Date,
    #[serde(default, deserialize_with = "optional_date")]
    pub until: Option<Date>,
    pub jurisdiction: Option<String>,
    pub licence: Option<String>,
    #[serde(default)]
    pub evidence: String,
    #[serde(default)]
    pub zh: String,
    #[serde(default)]
    pub en: String,
}

/// 规则: one dated value of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `limit.mobile_numbers`
    pub id: String,
    /// Value, in [`Rule::unit`].
    pub value: Value,
    /// Unit.
    pub unit: Unit,
    /// Which direction a local pack may go.
    pub tighter: Tighter,
    /// For [`Tighter::Later`]: the choices from loosest to tightest.
    pub order: Vec<String>,
    /// `R-*` or `L-*`.
    pub article: String,
    /// Title and number of the text.
    pub source: String,
    /// First day.
    pub in_force: Date,
    /// Last day; none = still in force.
    pub until: Option<Date>,
    /// `CN`, `CN-14`, `CN-1401`.
    pub jurisdiction: String,
    /// Holder of which licence; none = everyone.
    pub licence: Option<String>,
    /// How well the source is known.
    pub evidence: Evidence,
    /// 说明
    pub zh: String,
    /// Explanation.
    pub en: String,
    /// Name of the pack it stands in.
    pub pack: String,
    /// From a local pack.
    pub local: bool,
}

/// A value as TOML writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Whole number.
    Int(i64),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$item_doc])* $item),* }

        impl $name {
            /// The word in a pack.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word),* }
            }

            /// The item of a word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$item),)* _ => None }
            }
        }
    };
}

words! {
    /// 单位
    Unit {
        /// 个
        Count = "count",
        /// 百分比
        Percent = "percent",
        /// 秒
        Second = "second",
        /// 分钟
        Minute = "minute",
        /// 小时
        Hour = "hour",
        /// 日
        Day = "day",
        /// 工作日
        WorkingDay = "working_day",
        /// 月
        Month = "month",
        /// 年
        Year = "year",
        /// 字节
        Byte = "byte",
        /// 像素
        Pixel = "pixel",
        /// 米
        Metre = "metre",
        /// MB of traffic
        Megabyte = "megabyte",
        /// 是/否
        Flag = "flag",
        /// 文本
        Text = "text",
        /// 列表
        List = "list",
        /// 时段, `22:00-08:00`
        Window = "window",
    }
}

words! {
    /// 收紧方向: which way a local pack, a province or a licence may differ.
    Tighter {
        /// A smaller number is tighter.
        Lower = "lower",
        /// A larger number is tighter.
        Higher = "higher",
        /// `false` is tighter: something allowed may be forbidden.
        Deny = "deny",
        /// `true` is tighter: something optional may be required.
        Require = "require",
        /// Later in `order` is tighter.
        Later = "later",
        /// More entries are tighter: windows that cover more, lists that hold more.
        More = "more",
        /// Nobody may differ.
        Fixed = "fixed",
        /// Anybody may differ: the law leaves it open.
        Free = "free",
    }
}

words! {
    /// 依据可靠程度
    Evidence {
        /// Text of the law or document read.
        Primary = "P",
        /// Secondary source.
        Secondary = "S",
        /// Draft, not in force.
        Draft = "D",
        /// Default that an administrator must confirm.
        Unconfirmed = "U",
        /// Computed and checked.
        Computed = "C",
    }
}

/// 时段: from and to within a day of 24 hours; to before from runs past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// First minute inside.
    pub from: Time,
    /// First minute outside.
    pub to: Time,
}

impl Window {
    /// `22:00-08:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let time = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        let window = Self { from: time(from)?, to: time(to)? };
        (window.from != window.to).then_some(window)
    }

    /// Whether a time of day is inside.
    pub fn contains(self, time: Time) -> bool {
        if self.from < self.to { self.from <= time && time < self.to } else { time >= self.from || time < self.to }
    }
}

impl Unit {
    /// Whether a value can be meant in this unit.
    pub(super) fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag, Value::Flag(_)) | (Self::Text, Value::Text(_)) | (Self::List, Value::List(_)) => true,
            (Self::Window, Value::List(windows)) => windows.iter().all(|w| Window::parse(w).is_some()),
            (Self::Percent, Value::Int(n)) => (0..=100).contains(n),
            (Self::Flag | Self::Text | Self::List | Self::Window, _) => false,
            (_, Value::Int(n)) => *n >= 0,
            _ => false,
        }
    }

    /// Milliseconds of one, for units of fixed length.
    pub(super) const fn ms(self) -> Option<i64> {
        match self {
            Self::Second => Some(1_000),
            Self::Minute => Some(crate::time::MINUTE_MS),
            Self::Hour => Some(crate::time::HOUR_MS),
            Self::Day => Some(crate::time::DAY_MS),
            _ => None,
        }
    }
}

impl Tighter {
    /// Whether the direction makes sense for the unit.
    pub(super) const fn suits(self, unit: Unit) -> bool {
        match self {
            Self::Lower | Self::Higher => !matches!(unit, Unit::Flag | Unit::Text | Unit::List | Unit::Window),
            Self::Deny | Self::Require => matches!(unit, Unit::Flag),
            Self::Later => matches!(unit, Unit::Text),
            Self::More => matches!(unit, Unit::List | Unit::Window),
            Self::Fixed | Self::Free => true,
        }
    }

    /// How `a` compares with `b`: `Greater` = tighter. `None` = the two cannot be compared.
    pub(super) fn compare(self, unit: Unit, order: &[String], a: &Value, b: &Value) -> Option<Ordering> {
        match (self, a, b) {
            _ if a == b => Some(Ordering::Equal),
            (Self::Lower, Value::Int(a), Value::Int(b)) => Some(b.cmp(a)),
            (Self::Higher, Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Self::Deny, Value::Flag(a), Value::Flag(b)) => Some(b.cmp(a)),
            (Self::Require, Value::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
            (Self::Later, Value::Text(a), Value::Text(b)) => {
                let place = |text: &String| order.iter().position(|o| o == text);
                Some(place(a)?.cmp(&place(b)?))
            }
            (Self::More, Value::List(a), Value::List(b)) => match (covers(unit, a, b), covers(unit, b, a)) {
                (true, true) => Some(Ordering::Equal),
                (true, false) => Some(Ordering::Greater),
                (false, true) => Some(Ordering::Less),
                (false, false) => None,
            },
            _ => None,
        }
    }
}

/// Whether `a` holds all of `b`: entry by entry, or minute by minute for windows.
fn covers(unit: Unit, a: &[String], b: &[String]) -> bool {
    if unit != Unit::Window {
        return b.iter().all(|entry| a.contains(entry));
    }
    let windows = |list: &[String]| list.iter().filter_map(|w| Window::parse(w)).collect::<Vec<_>>();
    let (a, b) = (windows(a), windows(b));
    let inside = |list: &[Window], time| list.iter().any(|w| w.contains(time));
    (0..24)
        .flat_map(|hour| (0..60).filter_map(move |minute| Time::new(hour, minute, 0, 0).ok()))
        .all(|time| !inside(&b, time) || inside(&a, time))
}

impl Rule {
    /// Compiles what was written; a local rule takes unit and direction from the rule it narrows.
    pub(super) fn compile(raw: RawRule, pack: &str, head: &Head, base: Option<&Self>, local: bool) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let unit = match (base, raw.unit.as_str()) {
            (Some(base), "") => Some(base.unit),
            (_, word) => Unit::parse(word),
        };
        let tighter = match base {
            Some(base) => Some(base.tighter),
            None => Tighter::parse(&raw.tighter),
        };
        let order = base.map_or(raw.order, |base| base.order.clone());
        match unit {
            None => faults.push(Fault::UnknownUnit(raw.unit)),
            Some(unit) if !unit.fits(&raw.value) || base.is_some_and(|base| base.unit != unit) => faults.push(Fault::ValueUnit(unit)),
            Some(unit) if tighter.is_some_and(|t| !t.suits(unit)) => faults.push(Fault::UnknownDirection(raw.tighter.clone())),
            Some(_) => {}
        }
        if tighter.is_none() {
            faults.push(Fault::UnknownDirection(raw.tighter));
        }
        if let (Some(Tighter::Later), Value::Text(text)) = (tighter, &raw.value)
            && !order.contains(text)
        {
            faults.push(Fault::NotAChoice(order.join(", ")));
        }
        let evidence = Evidence::parse(if local && raw.evidence.is_empty() { "P" } else { &raw.evidence });
        if evidence.is_none() {
            faults.push(Fault::UnknownEvidence(raw.evidence));
        }
        if raw.source.trim().is_empty() {
            faults.push(Fault::MissingSource);
        }
        let article = if raw.article.is_empty() { base.map_or(String::new(), |b| b.article.clone()) } else { raw.article };
        if !is_article(&article) {
            faults.push(Fault::Article(article.clone()));
        }
        let or_base =
            |text: String, of: fn(&Self) -> &String| if text.is_empty() { base.map_or(String::new(), |b| of(b).clone()) } else { text };
        let (zh, en) = (or_base(raw.zh, |b| &b.zh), or_base(raw.en, |b| &b.en));
        if zh.trim().is_empty() || en.trim().is_empty() {
            faults.push(Fault::MissingExplanation);
        }
        if raw.until.is_some_and(|until| until < raw.in_force) {
            faults.push(Fault::DatesOutOfOrder);
        }
        let jurisdiction = raw.jurisdiction.unwrap_or_else(|| head.jurisdiction.clone());
        if !is_jurisdiction(&jurisdiction) {
            faults.push(Fault::Jurisdiction(jurisdiction.clone()));
        }
        match (unit, tighter, evidence) {
            (Some(unit), Some(tighter), Some(evidence)) if faults.is_empty() => Ok(Self {
                id: raw.id,
                value: raw.value,
                unit,
                tighter,
                order,
                article,
                source: raw.source,
                in_force: raw.in_force,
                until: raw.until,
                jurisdiction,
                licence: raw.licence.filter(|licence| licence != "any"),
                evidence,
                zh,
                en,
                pack: pack.to_owned(),
                local,
            }),
            _ => Err(faults),
        }
    }

    pub(super) fn applies(&self, on: Date, place: &Place) -> bool {
        in_force(on, self.in_force, self.until)
            && place.is_in(&self.jurisdiction)
            && self.licence.as_deref().is_none_or(|licence| place.licence() == Some(licence))
    }

    /// Whether both can apply to one case at one time.
    pub(super) fn meets(&self, other: &Self) -> bool {
        overlap((self.in_force, self.until), (other.in_force, other.until))
            && (self.jurisdiction.starts_with(&other.jurisdiction) || other.jurisdiction.starts_with(&self.jurisdiction))
            && (self.licence.is_none() || other.licence.is_none() || self.licence == other.licence)
    }

    /// Whether this one wins over `other` where both apply: the tighter; else the local one; else the one for the smaller place.
    pub(super) fn beats(&self, other: &Self) -> bool {
        match self.tighter.compare(self.unit, &self.order, &self.value, &other.value) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Less) => false,
            Some(Ordering::Equal) | None => {
                (self.local, self.jurisdiction.len(), self.licence.is_some())
                    > (other.local, other.jurisdiction.len(), other.licence.is_some())
            }
        }
    }
}

/// 证件 × 渠道 × 录入方式: who may register with what, where and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// `document.social_outlet_other`
    pub id: String,
    /// Kinds of document.
    pub kinds: Vec<DocumentKind>,
    /// Channels.
    pub channels: Vec<ChannelKind>,
    /// Ways of entry.
    pub entries: Vec<EntryMode>,
    /// Allowed, or refused whatever another entry allows.
    pub allowed: bool,
    /// `R-*` or `L-*`.
    pub article: String,
    /// Title and number of the text.
    #[serde(default)]
    pub source: String,
    /// First day.
    #[serde(deserialize_with = "date")]
    pub in_force: Date,
    /// Last day; none = still in force.
    #[serde(default, deserialize_with = "optional_date")]
    pub until: Option<Date>,
    /// P, S, D, U or C.
    pub evidence: String,
    /// 说明
    pub zh: String,
    /// Explanation.
    pub en: String,
}

/// 号段: who was allotted a range of mobile numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRange {
    /// Leading digits of the national number.
    pub prefixes: Vec<String>,
    /// `china_telecom`, `china_mobile`, `china_unicom`, `china_broadnet` or `satellite`. Numbers are portable: not the serving operator.
    pub operator: String,
    /// 虚商: reserved for mobile virtual network operators on that network.
    #[serde(default)]
    pub mvno: bool,
    /// 卫星
    #[serde(default)]
    pub satellite: bool,
    /// `R-*` or `L-*`, or the section of the number plan.
    #[serde(default)]
    pub source: String,
    /// First day.
    #[serde(deserialize_with = "date")]
    pub in_force: Date,
    /// Last day; none = still in force.
    #[serde(default, deserialize_with = "optional_date")]
    pub until: Option<Date>,
    /// P, S, D, U or C.
    pub evidence: String,
}

/// 目标: a rate to be reached by a day, as known between two days.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `target.base_rate`
    pub id: String,
    /// Percent.
    pub percent: i64,
    /// To be reached by.
    #[serde(deserialize_with = "date")]
    pub due: Date,
    /// `R-*` or `L-*`.
    pub article: String,
    /// Title and number of the text.
    #[serde(default)]
    pub source: String,
    /// Day from which the target was known.
    #[serde(deserialize_with = "date")]
    pub in_force: Date,
    /// Last day before another replaced it.
    #[serde(default, deserialize_with = "optional_date")]
    pub until: Option<Date>,
    /// P, S, D, U or C.
    pub evidence: String,
    /// 说明
    pub zh: String,
    /// Explanation.
    pub en: String,
}

/// 节假日与调休: a day that differs from its day of the week.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarDay {
    /// First day.
    #[serde(deserialize_with = "date")]
    pub from: Date,
    /// Last day.
    #[serde(deserialize_with = "date")]
    pub to: Date,
    /// Whether people work.
    pub working: bool,
    /// Title and number of the notice.
    #[serde(default)]
    pub source: String,
}

pub(super) fn in_force(on: Date, from: Date, until: Option<Date>) -> bool {
    from <= on && until.is_none_or(|until| on <= until)
}

pub(super) fn overlap(a: (Date, Option<Date>), b: (Date, Option<Date>)) -> bool {
    a.1.is_none_or(|until| b.0 <= until) && b.1.is_none_or(|until| a.0 <= until)
}

/// `R-LIM-1`, `L-REG-14`.
pub(super) fn is_article(text: &str) -> bool {
    let mut parts = text.split('-');
    matches!(parts.next(), Some("R" | "L"))
        && parts.next().is_some_and(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_uppercase()))
        && parts.next().is_some_and(|number| number.parse::<u8>().is_ok())
        && parts.next().is_none()
}

fn is_jurisdiction(text: &str) -> bool {
    text == "CN" || text.strip_prefix("CN-").is_some_and(|code| matches!(code.len(), 2 | 4) && code.bytes().all(|b| b.is_ascii_digit()))
}

/// A TOML date, bare or in quotes.
pub(crate) fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
    let text = match toml::Value::deserialize(from)? {
        toml::Value::Datetime(date) => date.to_string(),
        toml::Value::String(text) => text,
        _ => return Err(serde::de::Error::custom("a date such as 2016-09-23 is expected")),
    };
    text.parse().map_err(|_| serde::de::Error::custom("a date such as 2016-09-23 is expected"))
}

/// A TOML date that may be missing.
pub(crate) fn optional_date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    date(from).map(Some)
}
