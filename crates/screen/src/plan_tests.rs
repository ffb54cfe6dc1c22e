use chuangsha_kernel::Rulebook;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;

pub(crate) fn plan() -> Plan {
    let book = Rulebook::embedded(&[("cn/numbering", include_str!("../../../rules/cn/numbering.toml"))]).unwrap();
    Plan::embedded(book.ranges(), date(2026, 11, 22)).unwrap()
}

fn read(text: &str) -> Result<(u64, Kind, Written), Fault> {
    plan().read(text).map(|line| (line.number.value(), line.kind, line.written))
}

#[test]
fn every_form_of_the_appendix_is_read() {
    use Kind::*;
    use Written::*;
    for (text, number, kind, written) in [
        ("19900001234", 8_619_900_001_234, Mobile, National),
        ("+8619900001234", 8_619_900_001_234, Mobile, Plus),
        ("008619900001234", 8_619_900_001_234, Mobile, DoubleZero),
        ("8619900001234", 8_619_900_001_234, Mobile, Bare),
        ("+86 199-0000-1234", 8_619_900_001_234, Mobile, Plus),
        ("13490001234", 8_613_490_001_234, Satellite, National),
        ("03517000000", 863_517_000_000, Fixed, National),
        ("+863517000000", 863_517_000_000, Fixed, Plus),
        ("01062000000", 861_062_000_000, Fixed, National),
        ("00861062000000", 861_062_000_000, Fixed, DoubleZero),
        ("0411-82000000", 8_641_182_000_000, Fixed, National),
        ("110", 86_110, Emergency, National),
        ("10086", 8_610_086, Service, National),
        ("12345", 8_612_345, Service, National),
        ("12381", 8_612_381, Hotline, National),
        ("96110", 8_696_110, Hotline, National),
        ("95588", 8_695_588, Enterprise95, National),
        ("951234", 86_951_234, CallCentre95, National),
        ("96315", 8_696_315, Provincial96, National),
        ("4001234567", 864_001_234_567, Freephone400, National),
        ("10690001234", 8_610_690_001_234, Message106, National),
        ("1064812345678", 861_064_812_345_678, Machine, National),
        ("09552123456", 869_552_123_456, Fixed, National),
        ("+14155550100", 14_155_550_100, Foreign, Plus),
        ("0085221234567", 85_221_234_567, Foreign, DoubleZero),
    ] {
        assert_eq!(read(text), Ok((number, kind, written)), "{text}");
    }
    let line = plan().read("19900001234").unwrap();
    assert_eq!((line.allotted, line.country), (Some(Operator::ChinaTelecom), 86));
    assert_eq!(plan().read("0085221234567").unwrap().country, 852);
    assert_eq!(plan().read("+442079460000").unwrap().country, 44);
}

#[test]
fn every_malformed_form_of_part_d_has_its_name() {
    for (text, fault) in [
        ("", Fault::Empty),
        ("+", Fault::Empty),
        ("000", Fault::Empty),
        ("anonymous", Fault::Letters),
        ("1990000123a", Fault::Letters),
        ("++8619900001234", Fault::Plus),
        ("+008619900001234", Fault::Plus),
        ("00+8619900001234", Fault::Plus),
        ("0008619900001234", Fault::Zero),
        ("019900001234", Fault::Zero),
        ("010086", Fault::Zero),
        ("0095588", Fault::NotInPlan),
        // North America has ten digits, no fewer and no more.
        ("00121255501", Fault::NotInPlan),
        ("001212555012345", Fault::NotInPlan),
        ("+999123456789", Fault::Country),
        ("00210123456", Fault::Country),
        ("+1415", Fault::NotInPlan),
        ("+1234567890123456", Fault::TooLong),
        ("1990000123", Fault::NotInPlan),
        ("199000012345", Fault::NotInPlan),
        ("14400001234", Fault::NotInPlan),
        ("12900001234", Fault::NotInPlan),
        ("3517000000", Fault::NotInPlan),
        ("03511000000", Fault::NotInPlan),
        ("+860351700000", Fault::Country),
        ("11", Fault::NotInPlan),
        ("9558", Fault::NotInPlan),
    ] {
        let found = read(text);
        assert_eq!(found, Err(fault), "{text}");
    }
}

#[test]
fn an_emergency_number_is_known_in_every_form_a_switch_gives_it() {
    let plan = plan();
    for text in ["110", "119", "120", "122", "95110", "+86110", "0086119", "86120", "0351110", "010110", "+8610119", "+86351120", "1-1-0"] {
        assert!(plan.is_emergency(text), "{text}");
    }
    for text in ["1100", "10086", "19900000110", "03517000110", "+44110", "011", "", "abc", "+1110", "12110"] {
        assert!(!plan.is_emergency(text), "{text}");
    }
}

#[test]
fn a_country_has_a_name_in_both_languages_and_no_code_comes_twice() {
    let plan = plan();
    assert_eq!(plan.country(852).unwrap().zh, "中国香港");
    assert_eq!(plan.country(44).unwrap().en, "United Kingdom");
    assert_eq!(plan.country(86), None);
    let twice = COUNTRY_CODES.replace("code = 44,", "code = 43,");
    assert_eq!(Plan::compile(&[], CALLERS, &twice, date(2026, 11, 22)).unwrap_err(), PlanError::Country(43));
}

#[test]
fn a_pack_without_source_or_with_a_wrong_prefix_is_refused() {
    let spoilt = |from: &str, to: &str| {
        assert!(CALLERS.contains(from));
        Plan::compile(&[], &CALLERS.replacen(from, to, 1), COUNTRY_CODES, date(2026, 11, 22)).unwrap_err()
    };
    assert_eq!(spoilt("evidence = \"P\"", "evidence = \"Z\""), PlanError::Source("110".to_owned()));
    assert_eq!(spoilt("\"110\"", "\"0110\""), PlanError::Prefix("0110".to_owned()));
    assert_eq!(spoilt("\"110\"", "\"11x\""), PlanError::Prefix("11x".to_owned()));
    assert!(matches!(spoilt("[[form]]", "[[farm]]"), PlanError::Syntax(_)));
    assert!(matches!(spoilt("digits = [3]", "digits = \"three\""), PlanError::Syntax(_)));
}

#[test]
fn the_plan_is_that_of_the_day() {
    let book = Rulebook::embedded(&[("cn/numbering", include_str!("../../../rules/cn/numbering.toml"))]).unwrap();
    let early = Plan::embedded(book.ranges(), date(2014, 1, 1)).unwrap();
    assert_eq!(early.read("19900001234"), Err(Fault::NotInPlan));
    assert!(early.read("13800001234").is_ok() && early.read("12381").is_ok_and(|line| line.kind == Kind::Service));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let plan = PLAN.with(Clone::clone);
        let _ = plan.is_emergency(&text);
        if let Ok(line) = plan.read(&text) {
            prop_assert!(line.number.digits() <= 15);
        }
    }

    #[test]
    fn digits_and_marks_in_any_order_are_a_number_or_a_fault(text in "[+0]{0,3}[0-9 ()-]{0,20}") {
        let plan = PLAN.with(Clone::clone);
        if let Ok(line) = plan.read(&text) {
            // What was read once is read again from its E.164 form, to the same number and kind.
            let again = plan.read(&format!("+{}", line.number.e164())).unwrap();
            prop_assert_eq!((again.number, again.kind, again.country), (line.number, line.kind, line.country));
        }
    }

    #[test]
    fn every_mobile_reads_the_same_in_its_four_forms(prefix in prop::sample::select(vec!["133", "138", "186", "192", "1700"]), rest in 0_u64..100_000_000) {
        let plan = PLAN.with(Clone::clone);
        let national = format!("{prefix}{}", format!("{rest:08}").split_at(prefix.len() - 3).1);
        let all: Vec<_> = ["", "+86", "0086", "86"].iter().map(|mark| plan.read(&format!("{mark}{national}")).unwrap().number).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        prop_assert_eq!(plan.read(&format!("0{national}")), Err(Fault::Zero));
    }
}

thread_local! {
    static PLAN: Plan = plan();
}
