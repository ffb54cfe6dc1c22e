//! 字段映射: which column of a file holds which of our fields, what stands for all rows, and how dates and words are written. Without a mapping
//! file the usual headings are known, Chinese and English.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::code;
use crate::platform::failure::{Failure, Result};
use chuangsha_kernel::problem::{Code, Problem};

/// Declares the fields with name and usual headings.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal, [$($heading:literal),*];)*) => {
        /// 字段: what a row of the old base may say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($(#[$doc])* $name,)*
        }

        impl Field {
            /// Every field.
            pub const ALL: [Self; 16] = [$(Self::$name),*];

            /// Name, as the mapping file and a reject file write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// In words: its Chinese heading, its English name.
            pub fn words(self) -> (&'static str, String) {
                (self.headings().first().copied().unwrap_or_default(), self.as_str().replace('_', " "))
            }

            /// Headings it is known by, lower case and without spaces.
            const fn headings(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($heading),*]),* }
            }
        }
    };
}

fields! {
    /// 手机号码
    Number = "number", ["手机号码", "手机号", "号码", "用户号码", "业务号码", "msisdn", "phone", "mobile", "phone_number"];
    /// 姓名 on record
    Name = "name", ["姓名", "机主姓名", "客户名称", "客户姓名", "用户姓名", "holder", "holder_name", "customer_name"];
    /// 证件类型
    DocumentKind = "document_kind", ["证件类型", "证件种类", "document_type", "id_type"];
    /// 证件号码
    DocumentNumber = "document_number", ["证件号码", "证件号", "身份证号", "身份证号码", "document", "id_number"];
    /// 国籍 of a passport
    Country = "country", ["国籍", "签发国", "nationality"];
    /// 住址
    Address = "address", ["地址", "住址", "证件地址", "address_line"];
    /// 证件有效期起
    ValidFrom = "valid_from", ["有效期起", "证件生效日期", "签发日期", "issued"];
    /// 证件有效期止
    ValidUntil = "valid_until", ["有效期止", "证件失效日期", "证件有效期", "expires"];
    /// 实名标志: yes or no
    RealName = "real_name", ["实名标志", "是否实名", "实名", "实名状态", "realname", "verified"];
    /// 实际使用人姓名
    UserName = "user_name", ["使用人", "使用人姓名", "实际使用人", "实际使用人姓名", "user", "actual_user"];
    /// 单位名称
    OrganisationName = "organisation_name", ["单位名称", "集团名称", "organisation", "organization", "company"];
    /// 统一社会信用代码
    OrganisationCode = "organisation_code", ["统一社会信用代码", "单位证件号码", "信用代码", "credit_code"];
    /// 地市: six digits, or the city's name
    Region = "region", ["地市", "地区", "归属地", "地市编码", "行政区划", "city"];
    /// 渠道类型
    ChannelKind = "channel_kind", ["渠道类型", "渠道", "入网渠道", "channel", "channel_type"];
    /// 产品
    Product = "product", ["产品", "产品类型", "业务类型", "product_type"];
    /// 入网日期
    Since = "since", ["入网日期", "入网时间", "开户日期", "开户时间", "activated", "opened", "registration_date"];
}

/// 不规范值的处理: what becomes of a row whose name, document or address is there but cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// The row goes to the reject file, to be put right and brought again.
    #[default]
    Reject,
    /// The number lands without that value, as of incomplete information (`R-REM-2` b).
    Finding,
}

/// 映射文件, TOML. Every part may be missing.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Our field, and the heading of its column.
    pub columns: BTreeMap<String, String>,
    /// Our field, and the value it has in every row.
    pub constants: BTreeMap<String, String>,
    /// Our field, and what the file's words mean: `[values.document_kind]` `"1" = "resident_id"`.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// Forms a date may have, tried in order, as `strptime` has them: `%d.%m.%Y`.
    pub dates: Vec<String>,
    /// One character between the fields of a CSV file; found by itself when not given.
    pub delimiter: Option<String>,
    /// Sheet of a workbook; the first when not given.
    pub sheet: Option<String>,
    /// What becomes of a value that cannot be right.
    pub malformed: Malformed,
}

/// Forms a date has when the mapping names none.
const DATES: [&str; 4] = ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日"];

/// Words every file may use without naming them.
const WORDS: [(Field, &str, &str); 26] = [
    (Field::RealName, "是", "yes"),
    (Field::RealName, "已实名", "yes"),
    (Field::RealName, "实名", "yes"),
    (Field::RealName, "y", "yes"),
    (Field::RealName, "1", "yes"),
    (Field::RealName, "true", "yes"),
    (Field::RealName, "否", "no"),
    (Field::RealName, "未实名", "no"),
    (Field::RealName, "非实名", "no"),
    (Field::RealName, "n", "no"),
    (Field::RealName, "0", "no"),
    (Field::RealName, "false", "no"),
    (Field::DocumentKind, "身份证", "resident_id"),
    (Field::DocumentKind, "临时身份证", "temporary_id"),
    (Field::DocumentKind, "营业执照", "organisation_code"),
    (Field::ChannelKind, "自有营业厅", "own_hall"),
    (Field::ChannelKind, "自有厅", "own_hall"),
    (Field::ChannelKind, "自营厅", "own_hall"),
    (Field::ChannelKind, "社会渠道", "social_outlet"),
    (Field::ChannelKind, "社会渠道网点", "social_outlet"),
    (Field::ChannelKind, "代理商", "social_outlet"),
    (Field::ChannelKind, "网上营业厅", "online"),
    (Field::ChannelKind, "网上", "online"),
    (Field::Product, "移动电话卡", "voice"),
    (Field::Product, "无线上网卡", "data"),
    (Field::Product, "物联网卡", "iot"),
];

/// Where the value of a field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Nowhere,
    Column(usize),
    Constant(String),
}

/// 读取方案: a mapping put to the headings of one file.
#[derive(Debug, Clone)]
pub struct Plan {
    origins: [Origin; 16],
    words: BTreeMap<(Field, String), String>,
    dates: Vec<String>,
    /// What becomes of a value that cannot be right.
    pub malformed: Malformed,
}

fn plain(text: &str) -> String {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_lowercase().replace([' ', '\u{3000}'], "")
}

fn wrong(code: &'static Code) -> Problem {
    Problem::new(code).field("mapping")
}

fn field(name: &str) -> Result<Field> {
    let unknown = || {
        let fields = Field::ALL.map(Field::as_str).join(", ");
        Failure::from(wrong(&code::MAPPING_FIELD).with("name", name).with("fields", fields))
    };
    Field::ALL.into_iter().find(|field| field.as_str() == name).ok_or_else(unknown)
}

/// Line and column of a byte of a text, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// `import.mapping`: it is no TOML of this form; `import.mapping_field`, `import.mapping_delimiter`.
    pub fn parse(text: &str) -> Result<Self> {
        let mapping: Self = toml::from_str(text).map_err(|error| {
            // Where it is wrong, in our words: the parser's are English only.
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            wrong(&code::MAPPING).with("line", line).with("column", column)
        })?;
        for name in mapping.columns.keys().chain(mapping.constants.keys()).chain(mapping.values.keys()) {
            field(name)?;
        }
        if mapping.delimiter.as_ref().is_some_and(|text| text.len() != 1) {
            return Err(wrong(&code::MAPPING_DELIMITER).into());
        }
        Ok(mapping)
    }

    /// The byte between the fields, where the mapping says so.
    pub fn delimiter(&self) -> Option<u8> {
        self.delimiter.as_ref().and_then(|text| text.bytes().next())
    }

    /// Finds each field's column among the headings.
    ///
    /// # Errors
    /// `import.column_missing`: a column the mapping names, or one no base can do without, is not there.
    pub fn plan(&self, headings: &[&str]) -> Result<Plan> {
        let known: Vec<String> = headings.iter().map(|heading| plain(heading)).collect();
        let missing =
            |field: Field| Failure::from(Problem::new(&code::COLUMN_MISSING).with("column", field.as_str()).field(field.as_str()));
        let mut origins = [const { Origin::Nowhere }; 16];
        for (origin, field) in origins.iter_mut().zip(Field::ALL) {
            *origin = if let Some(value) = self.constants.get(field.as_str()) {
                Origin::Constant(value.clone())
            } else if let Some(heading) = self.columns.get(field.as_str()) {
                let wanted = plain(heading);
                Origin::Column(known.iter().position(|heading| *heading == wanted).ok_or_else(|| missing(field))?)
            } else {
                let usual = |heading: &String| heading == field.as_str() || field.headings().contains(&heading.as_str());
                known.iter().position(usual).map_or(Origin::Nowhere, Origin::Column)
            };
            if matches!(field, Field::Number | Field::Region | Field::Since) && *origin == Origin::Nowhere {
                return Err(missing(field));
            }
        }
        let mut words: BTreeMap<(Field, String), String> =
            WORDS.iter().map(|(field, word, meaning)| ((*field, (*word).to_owned()), (*meaning).to_owned())).collect();
        for kind in chuangsha_kernel::DocumentKind::ALL {
            words.insert((Field::DocumentKind, plain(kind.zh())), kind.as_str().to_owned());
        }
        for (name, meanings) in &self.values {
            let field = field(name)?;
            words.extend(meanings.iter().map(|(word, meaning)| ((field, plain(word)), meaning.clone())));
        }
        let dates = if self.dates.is_empty() { DATES.map(ToOwned::to_owned).to_vec() } else { self.dates.clone() };
        Ok(Plan { origins, words, dates, malformed: self.malformed })
    }
}

impl Plan {
    /// What a row says of a field, trimmed; empty when it says nothing.
    pub fn text<'r>(&'r self, row: &'r csv::StringRecord, field: Field) -> &'r str {
        match self.origins.get(field as usize) {
            Some(Origin::Column(place)) => row.get(*place).unwrap_or_default().trim(),
            Some(Origin::Constant(value)) => value,
            _ => "",
        }
    }

    /// What a word of a field means: the mapping's meaning, or the word itself in small letters.
    pub fn meaning<'r>(&'r self, field: Field, text: &'r str) -> std::borrow::Cow<'r, str> {
        let word = plain(text);
        match self.words.get(&(field, word.clone())) {
            Some(meaning) => meaning.as_str().into(),
            None => word.into(),
        }
    }

    /// A day in one of the forms of the file; a time of day behind it is left out.
    pub fn day(&self, text: &str) -> Option<Date> {
        let text = text.trim();
        let of = |text: &str| self.dates.iter().find_map(|form| Date::strptime(form, text).ok());
        iso(text).or_else(|| of(text)).or_else(|| of(text.split([' ', 'T']).next()?))
    }
}

/// `2013-09-01` read by hand: nearly every date of a file of millions has this form.
fn iso(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let number = |from: usize, until: usize| text.get(from..until)?.parse::<i16>().ok();
    Date::new(number(0, 4)?, i8::try_from(number(5, 7)?).ok()?, i8::try_from(number(8, 10)?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]

    use chuangsha_kernel::problem::Language;

    use super::*;

    fn code_of<T>(result: Result<T>) -> String {
        match result {
            Err(Failure::Problem(problem)) => problem.code.id.to_owned(),
            _ => String::new(),
        }
    }

    #[test]
    fn usual_headings_are_known_in_both_languages() {
        let chinese = Mapping::default().plan(&["\u{feff}手机号码", "机主姓名", "证件号码", "地市", " 入网日期 "]).unwrap();
        let row = csv::StringRecord::from(vec!["19900001234", " 王小明 ", "", "990100", "2013年09月01日"]);
        assert_eq!(chinese.text(&row, Field::Name), "王小明");
        assert_eq!(chinese.day(chinese.text(&row, Field::Since)).unwrap(), jiff::civil::date(2013, 9, 1));
        let unnamed = Mapping::default().plan(&["Holder Name", "city", "since"]);
        assert!(unnamed.is_err(), "a base without numbers is none");
        assert!(Mapping::default().plan(&["MSISDN", "holder_name", "city", "Opened"]).is_ok());
    }

    #[test]
    fn a_mapping_renames_fixes_and_translates() {
        let mapping = Mapping::parse(
            "dates = ['%d.%m.%Y']\nmalformed = 'finding'\n[columns]\nnumber = 'A'\nsince = 'B'\n[constants]\nregion = '990100'\n\
             [values.document_kind]\n'01' = 'passport'",
        )
        .unwrap();
        let plan = mapping.plan(&["b", "a"]).unwrap();
        let row = csv::StringRecord::from(vec!["01.09.2013 10:11:12", "19900001234"]);
        assert_eq!(plan.text(&row, Field::Number), "19900001234");
        assert_eq!(plan.text(&row, Field::Region), "990100");
        assert_eq!(plan.day(plan.text(&row, Field::Since)).unwrap(), jiff::civil::date(2013, 9, 1));
        assert_eq!(plan.meaning(Field::DocumentKind, "01"), "passport");
        assert_eq!(plan.meaning(Field::DocumentKind, "护照"), "passport");
        assert_eq!(plan.meaning(Field::RealName, "未实名"), "no");
        assert_eq!(plan.malformed, Malformed::Finding);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert_eq!(code_of(Mapping::parse("[columns]\nnumbre = 'A'")), "import.mapping_field");
        assert_eq!(code_of(Mapping::parse("delimiter = 'ab'")), "import.mapping_delimiter");
        assert_eq!(code_of(Mapping::parse("columns = 3")), "import.mapping");
        assert_eq!(code_of(Mapping::default().plan(&["手机号码", "地市"])), "import.column_missing");
        let named = Mapping::parse("[columns]\nname = 'Nobody'").unwrap();
        assert_eq!(code_of(named.plan(&["手机号码", "地市", "入网日期", "姓名"])), "import.column_missing");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place_in_our_own_words() {
        let told = |text: &str| match Mapping::parse(text) {
            Err(Failure::Problem(problem)) => {
                assert_eq!(problem.field.as_deref(), Some("mapping"), "as the form and the interface name it");
                [Language::Chinese, Language::English].map(|language| problem.title(language))
            }
            _ => panic!("{text:?} was read"),
        };
        assert_eq!(
            told("dates = ['%d.%m.%Y']\ncolumns = 3"),
            ["映射文件第 2 行第 11 列的写法不对", "Line 2, column 11 of the mapping file is not written as a mapping is"]
        );
        for text in ["手机号码,姓名", "[columns]\nnumber = 手机号", "[columns", "other = 1", "malformed = 'maybe'"] {
            let [zh, en] = told(text);
            assert!(zh.starts_with("映射文件第 ") && en.starts_with("Line "), "{text}: {zh} / {en}");
        }
        assert_eq!([position("", 0), position("号码\n姓名 = 1", 13), position("a\n", 99)], [(1, 1), (2, 3), (2, 1)]);
    }
}
