//! 代码用语: what lists say of a number is kept as a code; here are its words.

use chuangsha_kernel::problem::Language;

/// A code, in Chinese and in English.
pub type Coded = (&'static str, &'static str, &'static str);

/// 来电类别
pub const CATEGORIES: [Coded; 13] = [
    ("finance", "贷款理财", "Loans and investment"),
    ("insurance", "保险", "Insurance"),
    ("property", "房产", "Property"),
    ("education", "教育培训", "Education"),
    ("retail", "零售推销", "Retail and other sales"),
    ("courier", "快递外卖", "Courier"),
    ("ride_hailing", "网约车", "Ride-hailing"),
    ("hospital", "医院", "Hospital"),
    ("school", "学校", "School"),
    ("bank", "银行客服", "Bank"),
    ("verification", "来电验证码", "Verification codes"),
    ("government", "政务热线", "Government"),
    ("emergency", "紧急与司法", "Emergency and justice"),
];
/// 运营商
pub const OPERATORS: [Coded; 4] = [
    ("china_telecom", "中国电信", "China Telecom"),
    ("china_mobile", "中国移动", "China Mobile"),
    ("china_unicom", "中国联通", "China Unicom"),
    ("china_broadnet", "中国广电", "China Broadnet"),
];
/// 可接时段
pub const HOURS: [Coded; 3] = [
    ("any", "不限", "Any time"),
    ("night", "夜间免打扰", "Not at night"),
    ("night_and_noon", "夜间与午间免打扰", "Neither at night nor at noon"),
];

/// A code of one of these lists in words; as it is where nobody knows it.
pub fn coded<'a>(language: Language, all: &[Coded], code: &'a str) -> &'a str {
    all.iter().find(|(known, ..)| *known == code).map_or(code, |(_, zh, en)| if language == Language::Chinese { *zh } else { *en })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]

    use chuangsha_screen::{lists::Category, plan::Operator};

    use super::*;

    #[test]
    fn every_code_a_form_asks_for_has_words_in_both_languages() {
        let code = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        let categories = Category::ALL.iter().map(|one| code(serde_json::to_value(one).unwrap()));
        let named: Vec<_> = CATEGORIES.iter().map(|(code, ..)| (*code).to_owned()).collect();
        assert_eq!(named, categories.filter(|code| code != "none").collect::<Vec<_>>());
        for (code, ..) in OPERATORS {
            assert!(Operator::parse(code).is_some(), "{code}");
        }
        for (code, zh, en) in CATEGORIES.iter().chain(&OPERATORS).chain(&HOURS) {
            assert!(zh.chars().any(|c| c > '\u{4E00}') && en.is_ascii() && *en != *code, "{code}");
        }
    }
}
