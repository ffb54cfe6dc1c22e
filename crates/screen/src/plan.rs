//! 号码计划: what a written caller means. One table for every form, compiled from dated packs: mobile ranges from the rulebook, all other Chinese
//! forms from `rules/cn/callers.toml`, country codes from `rules/world/country_codes.toml`.
//!
//! For China libphonenumber knows too little: it refuses ranges in service and takes others nobody has. For the rest of the world its lengths are
//! compiled in ([`crate::foreign`]).

use chuangsha_kernel::rulebook::{Evidence, NumberRange};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    foreign,
    number::{MOST_DIGITS, Number},
};

/// 号码种类
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 移动电话
    Mobile,
    /// 卫星移动
    Satellite,
    /// 固定电话
    Fixed,
    /// 紧急电话
    Emergency,
    /// “1”字头短号码
    Service,
    /// 公益预警号码: only on the line of its owner.
    Hotline,
    /// 95 大企业客服
    #[serde(rename = "enterprise_95")]
    Enterprise95,
    /// 95 增值电信业务
    #[serde(rename = "call_centre_95")]
    CallCentre95,
    /// 96 省内
    #[serde(rename = "provincial_96")]
    Provincial96,
    /// 400
    #[serde(rename = "freephone_400")]
    Freephone400,
    /// 800
    #[serde(rename = "freephone_800")]
    Freephone800,
    /// 106 短消息类服务接入代码: never a caller.
    #[serde(rename = "message_106")]
    Message106,
    /// 物联网
    Machine,
    /// 境外
    Foreign,
}

impl Kind {
    /// A short or service number: nobody abroad can have it, and only its owner's line may show it.
    pub const fn is_short(self) -> bool {
        matches!(
            self,
            Self::Emergency
                | Self::Service
                | Self::Hotline
                | Self::Enterprise95
                | Self::CallCentre95
                | Self::Provincial96
                | Self::Message106
        )
    }
}

/// 基础电信企业, as the range was allotted: not the serving operator, numbers are portable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// 中国电信
    ChinaTelecom = 1,
    /// 中国移动
    ChinaMobile = 2,
    /// 中国联通
    ChinaUnicom = 3,
    /// 中国广电
    ChinaBroadnet = 4,
}

impl Operator {
    /// Every operator.
    pub const ALL: &[Self] = &[Self::ChinaTelecom, Self::ChinaMobile, Self::ChinaUnicom, Self::ChinaBroadnet];

    /// The operator of a code in the packs; none for satellite ranges.
    pub fn parse(code: &str) -> Option<Self> {
        match code {
            "china_telecom" => Some(Self::ChinaTelecom),
            "china_mobile" => Some(Self::ChinaMobile),
            "china_unicom" => Some(Self::ChinaUnicom),
            "china_broadnet" => Some(Self::ChinaBroadnet),
            _ => None,
        }
    }
}

/// 写法: how the number was written, which part D cares about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// `+86…`, `+44…`
    Plus,
    /// `0086…`, `0044…`
    DoubleZero,
    /// As dialled within China: `19900001234`, `0351…`, `10086`.
    National,
    /// `8619900001234`: E.164 without a mark, as some cores send it.
    Bare,
}

impl Written {
    /// With a country code and a mark that says so.
    pub const fn is_international(self) -> bool {
        matches!(self, Self::Plus | Self::DoubleZero)
    }
}

/// 主叫: a written number understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Number.
    pub number: Number,
    /// Kind.
    pub kind: Kind,
    /// How it was written.
    pub written: Written,
    /// To whom the range was allotted, where the plan says.
    pub allotted: Option<Operator>,
    /// Country code of a foreign number; 86 for Chinese ones.
    pub country: u16,
    /// Only the line of its owner may show it.
    pub owner_only: bool,
}

/// 不规范: why a text is no number of any plan. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing there.
    #[error("empty")]
    Empty,
    /// Something that is no digit.
    #[error("a character that is no digit")]
    Letters,
    /// `+` not at the beginning, or twice.
    #[error("a misplaced plus sign")]
    Plus,
    /// More than fifteen digits.
    #[error("more than fifteen digits")]
    TooLong,
    /// 0 before a mobile or a short code.
    #[error("a leading zero where none belongs")]
    Zero,
    /// No such country code.
    #[error("no such country code")]
    Country,
    /// No form of the Chinese plan.
    #[error("not in the plan, or of the wrong length")]
    NotInPlan,
}

/// What can be wrong with the packs of the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not TOML, or not of this shape.
    #[error("{0}")]
    Syntax(String),
    /// A prefix that is not one to seven digits.
    #[error("the prefix {0:?} is not one to seven digits")]
    Prefix(String),
    /// An entry without source, or with an evidence label nobody knows.
    #[error("the entry of {0:?} has no source or no evidence label")]
    Source(String),
    /// A country code twice, or not one to three digits.
    #[error("the country code {0} is not one to three digits, or comes twice")]
    Country(u16),
}

/// One row, compiled: leading digits, which lengths, what it is.
#[derive(Debug, Clone, Copy)]
struct Form {
    prefix: u32,
    prefix_digits: u8,
    /// Bit n: n national digits in all.
    lengths: u32,
    kind: Kind,
    allotted: Option<Operator>,
    /// 固定电话: the written form begins with 0.
    zero: bool,
    /// Digits before the subscriber number of a fixed line, whose first digit is 2 to 8; 0 = no such rule.
    subscriber_from: u8,
    owner_only: bool,
}

/// 国家或地区
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// Country code.
    pub code: u16,
    /// 名称
    pub zh: String,
    /// Name.
    pub en: String,
}

/// 号码计划 of one day.
#[derive(Debug, Clone)]
pub struct Plan {
    forms: Vec<Form>,
    /// By the first three national digits: which forms to try, longest prefix first.
    heads: Vec<(u16, u16)>,
    /// By the first three digits after `00`.
    countries: Vec<Abroad>,
    names: Vec<Country>,
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallerPack {
    #[allow(dead_code, reason = "for readers of the file")]
    pack: toml::Table,
    form: Vec<RawForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForm {
    kind: Kind,
    prefixes: Vec<String>,
    digits: Vec<u8>,
    #[serde(default)]
    zero: bool,
    #[serde(default)]
    subscriber_from: u8,
    #[serde(default)]
    owner_only: bool,
    source: String,
    in_force: toml::value::Datetime,
    until: Option<toml::value::Datetime>,
    evidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountryPack {
    source: String,
    evidence: String,
    #[allow(dead_code, reason = "for readers of the file")]
    in_force: toml::value::Datetime,
    codes: Vec<Country>,
}

/// The packs that ship with this crate.
pub const CALLERS: &str = include_str!("../../../rules/cn/callers.toml");
/// Country codes.
pub const COUNTRY_CODES: &str = include_str!("../../../rules/world/country_codes.toml");

/// Four national digits and more: what is taken where no lengths are known. No country has shorter numbers.
const ANY_LENGTH: u32 = !0b1111;
const HEADS: usize = 1_000;
/// National digits of a mobile number.
const MOBILE_DIGITS: u32 = 11;

impl Plan {
    /// The plan in force on a day: mobile ranges as the rulebook has them, the rest from the packs of this crate.
    pub fn embedded(ranges: &[NumberRange], on: Date) -> Result<Self, PlanError> {
        Self::compile(ranges, CALLERS, COUNTRY_CODES, on)
    }

    /// Compiles the plan of a day.
    pub fn compile(ranges: &[NumberRange], callers: &str, country_codes: &str, on: Date) -> Result<Self, PlanError> {
        let syntax = |error: toml::de::Error| PlanError::Syntax(error.to_string());
        let callers_sum = crc32fast::hash(callers.as_bytes());
        let mut abroad_sum = crc32fast::Hasher::new();
        abroad_sum.update(country_codes.as_bytes());
        let callers: CallerPack = toml::from_str(callers).map_err(syntax)?;
        let countries: CountryPack = toml::from_str(country_codes).map_err(syntax)?;
        let mut forms = Vec::new();
        for range in ranges.iter().filter(|range| range.in_force <= on && range.until.is_none_or(|until| on <= until)) {
            let kind = if range.satellite { Kind::Satellite } else { Kind::Mobile };
            let allotted = Operator::parse(&range.operator);
            for prefix in &range.prefixes {
                let form = Form { kind, allotted, ..Form::of(prefix, 1 << MOBILE_DIGITS, kind)? };
                forms.push(form);
            }
        }
        for raw in callers.form {
            let first = raw.prefixes.first().cloned().unwrap_or_default();
            if raw.source.trim().is_empty() || Evidence::parse(&raw.evidence).is_none() {
                return Err(PlanError::Source(first));
            }
            let from = day(&raw.in_force).ok_or_else(|| PlanError::Source(first.clone()))?;
            let until = raw.until.as_ref().map(|until| day(until).ok_or_else(|| PlanError::Source(first.clone()))).transpose()?;
            if from > on || until.is_some_and(|until| until < on) {
                continue;
            }
            let lengths = raw.digits.iter().filter(|digits| **digits < 32).fold(0_u32, |bits, digits| bits | 1 << digits);
            for prefix in &raw.prefixes {
                let form = Form::of(prefix, lengths, raw.kind)?;
                forms.push(Form { zero: raw.zero, subscriber_from: raw.subscriber_from, owner_only: raw.owner_only, ..form });
            }
        }
        if countries.source.trim().is_empty() || Evidence::parse(&countries.evidence).is_none() {
            return Err(PlanError::Source("country_codes".to_owned()));
        }
        let table = country_table(&countries.codes)?;
        // Another edition of the library's tables is another plan (I6).
        for abroad in &table {
            abroad_sum.update(&abroad.lengths.to_le_bytes());
        }
        let version = u64::from(callers_sum) << 32 | u64::from(abroad_sum.finalize());
        let mut names = countries.codes;
        names.sort_by_key(|country| country.code);
        Ok(Self::built(&forms, table, names, version))
    }

    fn built(forms: &[Form], countries: Vec<Abroad>, names: Vec<Country>, version: u64) -> Self {
        let mut plan = Self { forms: Vec::new(), heads: Vec::with_capacity(HEADS), countries, names, version };
        for head in 0..HEADS as u32 {
            let mut here: Vec<Form> = forms.iter().filter(|form| form.may_begin(head)).copied().collect();
            here.sort_by_key(|form| std::cmp::Reverse(form.prefix_digits));
            plan.heads.push((plan.forms.len() as u16, here.len() as u16));
            plan.forms.extend(here);
        }
        plan
    }

    /// Reads a caller or callee as signalled. Hyphens, dots, spaces and brackets of `tel:` are overlooked.
    ///
    /// Allocates nothing; takes a few tens of nanoseconds.
    #[inline]
    pub fn read(&self, text: &str) -> Result<Line, Fault> {
        let digits = Digits::read(text)?;
        match (digits.plus, digits.zeros) {
            (true, 0) => self.with_country(digits.value, digits.count, Written::Plus),
            // `+0086…` and `000…`: a mark kept twice.
            (true, _) => Err(Fault::Plus),
            (false, 2) => self.with_country(digits.value, digits.count, Written::DoubleZero),
            (false, 1) => self.national(digits.value, digits.count, true, Written::National),
            (false, 0) => self.national(digits.value, digits.count, false, Written::National).or_else(|fault| {
                // No Chinese form begins with 86 and is that long.
                match national_part(digits.value, digits.count) {
                    Some((national, count)) if count >= 10 => self.national(national, count, false, Written::Bare).map_err(|_| fault),
                    _ => Err(fault),
                }
            }),
            _ => Err(Fault::Zero),
        }
    }

    /// Whether a callee as signalled is an emergency number, in any form a switch may give it: bare, with 86, behind an area code (I3).
    pub fn is_emergency(&self, callee: &str) -> bool {
        let Ok(digits) = Digits::read(callee) else { return false };
        let emergency = |value, count| self.form(value, count, false).is_some_and(|form| form.kind == Kind::Emergency);
        let behind_area = |value: u64, count: u32| {
            // 0351110, 010110: area codes have two or three digits.
            [3, 5].iter().any(|short| {
                let tail = 10_u64.pow(*short);
                (2..=3).contains(&count.saturating_sub(*short)) && count > *short && emergency(value % tail, *short)
            })
        };
        let marked = digits.plus || digits.zeros == 2;
        let (value, count) = match national_part(digits.value, digits.count) {
            Some(national) if marked || digits.zeros == 0 => national,
            _ if marked => return false,
            _ => (digits.value, digits.count),
        };
        emergency(value, count) || emergency(digits.value, digits.count) || ((digits.zeros == 1 || marked) && behind_area(value, count))
    }

    /// Checksums of the two packs of this crate and of the lengths abroad; the mobile ranges are in the version of the rulebook.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The name of a country code, for the label.
    pub fn country(&self, code: u16) -> Option<&Country> {
        self.names.binary_search_by_key(&code, |country| country.code).ok().and_then(|at| self.names.get(at))
    }

    fn with_country(&self, value: u64, count: u32, written: Written) -> Result<Line, Fault> {
        if let Some((national, count)) = national_part(value, count) {
            return self.national(national, count, false, written);
        }
        if count < 3 {
            return Err(Fault::Country);
        }
        let head = value / 10_u64.pow(count - 3);
        let Some(abroad) = self.countries.get(head as usize).copied().filter(|abroad| abroad.code > 0) else {
            return Err(Fault::Country);
        };
        let number = Number::new(value).ok_or(Fault::TooLong)?;
        // `0095588` is a bank's short code in disguise.
        if abroad.lengths & 1_u32.checked_shl(count - u32::from(abroad.code)).unwrap_or(0) == 0 {
            return Err(Fault::NotInPlan);
        }
        let country = (head / 10_u64.pow(3 - u32::from(abroad.code))) as u16;
        Ok(Line { number, kind: Kind::Foreign, written, allotted: None, country, owner_only: false })
    }

    fn national(&self, value: u64, count: u32, zero: bool, written: Written) -> Result<Line, Fault> {
        // Behind a country code no 0 is written: 10 6200 0000 is Beijing there, and a message code in no case (those are longer or shorter).
        let with_zero = (zero || written != Written::National).then(|| self.form(value, count, true)).flatten();
        let without = (!zero).then(|| self.form(value, count, false)).flatten();
        let Some(form) = with_zero.or(without) else {
            return Err(if zero && self.form(value, count, false).is_some() { Fault::Zero } else { Fault::NotInPlan });
        };
        let number = Number::new(power(count) * 86 + value).filter(|_| count < MOST_DIGITS).ok_or(Fault::TooLong)?;
        Ok(Line { number, kind: form.kind, written, allotted: form.allotted, country: 86, owner_only: form.owner_only })
    }

    /// The form of national digits, among those that are written with 0 within China or among those that are not.
    fn form(&self, value: u64, count: u32, zero: bool) -> Option<&Form> {
        let head = match count {
            // The usual length first: a division by what is known is no division.
            MOBILE_DIGITS => value / 100_000_000,
            _ => value / power(count.checked_sub(3)?),
        };
        let (start, length) = self.heads.get(head as usize).copied()?;
        let forms = self.forms.get(usize::from(start)..usize::from(start) + usize::from(length))?;
        forms.iter().find(|form| form.zero == zero && form.fits(value, count))
    }
}

impl Form {
    fn of(prefix: &str, lengths: u32, kind: Kind) -> Result<Self, PlanError> {
        let wrong = || PlanError::Prefix(prefix.to_owned());
        let good = (1..=7).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit()) && !prefix.starts_with('0');
        let value = prefix.parse().map_err(|_| wrong())?;
        if !good {
            return Err(wrong());
        }
        let prefix_digits = prefix.len() as u8;
        Ok(Self { prefix: value, prefix_digits, lengths, kind, allotted: None, zero: false, subscriber_from: 0, owner_only: false })
    }

    /// Whether numbers that begin with these three digits may have this form.
    fn may_begin(&self, head: u32) -> bool {
        let digits = u32::from(self.prefix_digits);
        if digits <= 3 { head / 10_u32.pow(3 - digits) == self.prefix } else { self.prefix / 10_u32.pow(digits - 3) == head }
    }

    #[inline]
    fn fits(&self, value: u64, count: u32) -> bool {
        let after = |digits: u8| count.checked_sub(u32::from(digits)).map(|rest| value / power(rest));
        let Some(rest) = count.checked_sub(u32::from(self.prefix_digits)).filter(|_| count <= MOST_DIGITS) else { return false };
        // Below fifteen digits in all: no product overflows.
        let from = u64::from(self.prefix) * power(rest);
        if self.lengths & (1 << count) == 0 || value.wrapping_sub(from) >= power(rest) {
            return false;
        }
        match self.subscriber_from {
            0 => true,
            // Two-digit area codes have eight-digit numbers behind them, three-digit ones seven or eight.
            from => after(from + 1).is_some_and(|first| (2..=8).contains(&(first % 10))),
        }
    }
}

/// National digits of a number that begins with 86, and how many they are.
fn national_part(value: u64, count: u32) -> Option<(u64, u32)> {
    let rest = count.checked_sub(2).filter(|rest| *rest > 0)?;
    let scale = power(rest);
    // A national number never begins with 0 behind the country code: the digits would be fewer than counted.
    (value / scale == 86 && value % scale >= scale / 10).then_some((value % scale, rest))
}

/// What three leading digits from abroad mean.
#[derive(Debug, Clone, Copy, Default)]
struct Abroad {
    /// Digits of the country code; 0 = nobody's.
    code: u8,
    /// How many digits may follow it, as bits.
    lengths: u32,
}

fn country_table(codes: &[Country]) -> Result<Vec<Abroad>, PlanError> {
    let mut table = vec![Abroad::default(); HEADS];
    let mut seen = std::collections::BTreeSet::new();
    for country in codes {
        let text = country.code.to_string();
        if text.len() > 3 || country.code == 0 || !seen.insert(country.code) {
            return Err(PlanError::Country(country.code));
        }
        let width = 10_usize.pow(3 - text.len() as u32);
        let first = usize::from(country.code) * width;
        let known = foreign::lengths(country.code);
        let abroad = Abroad { code: text.len() as u8, lengths: if known == 0 { ANY_LENGTH } else { known } };
        for place in table.iter_mut().skip(first).take(width).filter(|place| place.code < abroad.code) {
            *place = abroad;
        }
    }
    Ok(table)
}

fn day(date: &toml::value::Datetime) -> Option<Date> {
    let date = date.date?;
    Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
}

/// 10⁰ to 10¹⁹, so that no decision multiplies its way there.
const POWERS: [u64; 20] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
    10_000_000_000_000_000,
    100_000_000_000_000_000,
    1_000_000_000_000_000_000,
    10_000_000_000_000_000_000,
];

/// 10 to a power below 20.
#[inline]
fn power(exponent: u32) -> u64 {
    POWERS.get(exponent as usize).copied().unwrap_or(u64::MAX)
}

/// Digits of a text without the leading marks.
struct Digits {
    plus: bool,
    zeros: u32,
    value: u64,
    count: u32,
}

impl Digits {
    /// Longer than any number with separators; what follows does not change the answer.
    const LONGEST: usize = 40;

    #[inline]
    fn read(text: &str) -> Result<Self, Fault> {
        match Self::plain(text.as_bytes()) {
            Some(digits) => Ok(digits),
            None => Self::any(text),
        }
    }

    /// Nine to fifteen digits, a plus before them or not, nothing between them and no zero first: nearly all there are. The first eight are read as one
    /// word.
    #[inline]
    fn plain(text: &[u8]) -> Option<Self> {
        let (plus, rest) = match text {
            [b'+', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (first, tail) = rest.split_first_chunk::<8>()?;
        if !(1..=7).contains(&tail.len()) || rest.first() == Some(&b'0') {
            return None;
        }
        let word = u64::from_le_bytes(*first);
        const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
        const THREE: u64 = 0x3030_3030_3030_3030;
        if word & HIGH != THREE || word.wrapping_add(0x0606_0606_0606_0606) & HIGH != THREE {
            return None;
        }
        // Neighbours are joined: eight digits to four pairs, to two fours, to one eight.
        let pairs = (word & 0x0F0F_0F0F_0F0F_0F0F).wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
        let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
        let mut value = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
        for byte in tail {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u64::from(digit);
        }
        Some(Self { plus, zeros: 0, value, count: rest.len() as u32 })
    }

    fn any(text: &str) -> Result<Self, Fault> {
        let mut digits = Self { plus: false, zeros: 0, value: 0, count: 0 };
        let mut begun = false;
        for (at, byte) in text.bytes().enumerate() {
            if at == Self::LONGEST {
                return Err(Fault::TooLong);
            }
            match byte {
                b'0' if digits.count == 0 => {
                    digits.zeros += 1;
                    begun = true;
                }
                b'0'..=b'9' => {
                    begun = true;
                    digits.count += 1;
                    if digits.count > MOST_DIGITS {
                        return Err(Fault::TooLong);
                    }
                    digits.value = digits.value * 10 + u64::from(byte - b'0');
                }
                b'+' if !begun && !digits.plus => digits.plus = true,
                b'+' => return Err(Fault::Plus),
                b' ' | b'-' | b'.' | b'(' | b')' => {}
                _ => return Err(Fault::Letters),
            }
        }
        if digits.count == 0 { Err(Fault::Empty) } else { Ok(digits) }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
