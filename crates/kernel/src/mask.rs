//! 脱敏: what may be shown of a personal value without a grant. One function a kind of value; the server masks, never the page.
//!
//! | value | shown | example |
//! |---|---|---|
//! | mobile number | first 3 and last 4 | `138****1234` |
//! | name of a person | first character, or a compound surname | `张**`, `欧阳**` |
//! | document number | first and last character | `1****************X` |
//! | address | down to the district | `某省某市某区****` |
//!
//! Four shown digits of a resident ID beside a birth date and a county give the whole number away, so no more than two are ever shown.

/// 复姓: surnames of two characters. Only these; a rare one that is missing shows less, never more.
const COMPOUND_SURNAMES: &[&str] = &[
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "司空", "夏侯", "端木", "南宫", "独孤", "宇文",
    "长孙", "轩辕", "呼延", "西门", "东郭", "百里", "申屠", "闻人", "澹台", "公冶", "宗政", "濮阳", "淳于", "单于", "太叔", "仲孙", "钟离",
    "鲜于", "闾丘", "拓跋", "赫连", "万俟", "完颜", "纳兰", "第五",
];

/// Endings that look like a district (`区`) but name an estate, a campus or a works.
const NOT_A_DISTRICT: &[&str] =
    &["小区", "社区", "园区", "校区", "厂区", "院区", "片区", "景区", "街区", "营区", "库区", "矿区", "宿舍区", "住宅区", "生活区"];

/// `138****1234`. Anything that is not 11 ASCII digits shows nothing.
pub fn phone(digits: &str) -> String {
    match (digits.get(..3), digits.get(7..)) {
        (Some(head), Some(tail)) if digits.len() == 11 && digits.bytes().all(|b| b.is_ascii_digit()) => format!("{head}****{tail}"),
        _ => "****".to_owned(),
    }
}

/// `张**`, `欧阳**`, `A**`. Always two stars: the number of characters stays hidden too.
pub fn name(name: &str) -> String {
    let shown = if name.chars().nth(2).is_some() && COMPOUND_SURNAMES.iter().any(|s| name.starts_with(s)) { 2 } else { 1 };
    name.chars().take(shown).chain("**".chars()).collect()
}

/// First and last character, stars between. Fewer than six characters show nothing.
pub fn document_number(number: &str) -> String {
    let length = number.chars().count();
    if length < 6 {
        return "****".to_owned();
    }
    number.chars().enumerate().map(|(i, c)| if i == 0 || i + 1 == length { c } else { '*' }).collect()
}

/// Province, city and district, then stars. What does not read as one of them is not shown.
pub fn address(address: &str) -> String {
    let mut rest = address;
    for level in [take_province, take_city, take_district] {
        rest = level(rest);
    }
    let shown = address.get(..address.len() - rest.len()).unwrap_or("");
    format!("{shown}****")
}

fn take_province(text: &str) -> &str {
    after_unit(text, &["省", "自治区", "特别行政区"], 12)
}

fn take_city(text: &str) -> &str {
    after_unit(text, &["市", "自治州", "地区", "盟"], 12)
}

fn take_district(text: &str) -> &str {
    after_unit(text, &["区", "县", "旗", "市"], 10)
}

/// The text after the first administrative unit with one of the endings, or the text itself when it does not begin with one.
fn after_unit<'t>(text: &'t str, endings: &[&str], longest: usize) -> &'t str {
    for (count, (at, c)) in text.char_indices().enumerate() {
        let end = at + c.len_utf8();
        // A road, a number or a village before the ending: the unit is missing and this is already the private part.
        if count >= longest || !('\u{4E00}'..='\u{9FFF}').contains(&c) || "路街巷弄号村镇乡楼院组".contains(c) {
            return text;
        }
        let head = text.get(..end).unwrap_or("");
        if count >= 1 && endings.iter().any(|e| head.ends_with(e)) {
            if NOT_A_DISTRICT.iter().any(|e| head.ends_with(e)) {
                return text;
            }
            return text.get(end..).unwrap_or("");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_above_holds() {
        assert_eq!(phone("19900001234"), "199****1234");
        assert_eq!(phone("1990000"), "****");
        assert_eq!(phone("1990000123４"), "****");
        assert_eq!(name("张伟"), "张**");
        assert_eq!(name("欧阳修"), "欧阳**");
        assert_eq!(name("欧阳"), "欧**");
        assert_eq!(name("𠮷田"), "𠮷**");
        assert_eq!(name("买买提·艾力"), "买**");
        assert_eq!(name(""), "**");
        assert_eq!(document_number("990101200001010018"), "9****************8");
        assert_eq!(document_number("AB12"), "****");
        assert_eq!(address("演示省演示一市演示区光明路8号2单元"), "演示省演示一市演示区****");
        assert_eq!(address("内蒙古自治区某某盟某某旗幸福街1号"), "内蒙古自治区某某盟某某旗****");
        assert_eq!(address("演示直辖市演示区光明路8号"), "演示直辖市演示区****");
    }

    #[test]
    fn an_address_without_a_district_shows_no_estate_and_no_road() {
        assert_eq!(address("演示省演示一市幸福小区3号楼"), "演示省演示一市****");
        assert_eq!(address("光明路8号"), "****");
        assert_eq!(address("12 Demo Road"), "****");
        assert_eq!(address(""), "****");
    }

    proptest! {
        #[test]
        fn a_phone_shows_seven_digits_at_most(text in "\\PC{0,40}") {
            let masked = phone(&text);
            prop_assert!(masked == "****" || (masked.len() == 11 && masked.bytes().filter(u8::is_ascii_digit).count() == 7));
        }

        #[test]
        fn a_document_shows_two_characters_at_most(text in "[0-9A-Z]{0,40}") {
            prop_assert!(document_number(&text).chars().filter(|c| *c != '*').count() <= 2);
        }

        #[test]
        fn a_name_shows_its_first_character_or_a_compound_surname(text in "\\PC{0,70}") {
            let masked = name(&text);
            let shown: String = masked.strip_suffix("**").unwrap_or_default().to_owned();
            prop_assert!(shown.chars().count() <= 1 || COMPOUND_SURNAMES.contains(&shown.as_str()));
        }

        #[test]
        fn an_address_never_shows_a_digit_or_more_than_three_units(text in "[省市区县旗路号甲乙丙丁0-9]{0,60}") {
            let masked = address(&text);
            prop_assert!(!masked.chars().any(|c| c.is_ascii_digit()));
            prop_assert!(masked.chars().filter(|c| *c != '*').count() <= 34);
        }
    }
}
