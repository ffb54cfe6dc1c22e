use jiff::civil::date;
use proptest::prelude::*;

use super::{golden::*, *};
use crate::{
    Language, Refuse,
    region::Region,
    rulebook::{Rulebook, tests::PACKS},
};

pub(crate) fn provinces() -> Provinces {
    let code = |code: &str| Region { code: code.to_owned(), zh: String::new(), en: String::new() };
    Provinces::new(["11", "14", "32", "35", "44", "99"].map(code)).unwrap()
}

fn parse(kind: DocumentKind, text: &str) -> Result<Document, DocumentError> {
    Document::parse(kind, text, &provinces())
}

fn resident(text: &str) -> Result<Document, DocumentError> {
    parse(DocumentKind::ResidentId, text)
}

fn periods() -> Validity {
    Rulebook::embedded(PACKS).unwrap().validity().clone()
}

/// An invented resident of the demo province.
fn demo(birth: Date) -> Document {
    resident(&ResidentId::compose("990101", birth, 1).unwrap()).unwrap()
}

#[test]
fn golden_vectors_of_resident_ids() {
    // The worked examples of GB 11643-1999 itself.
    let document = resident(RESIDENT).unwrap();
    assert_eq!((document.birth(), document.sex()), (Some(date(1949, 12, 31)), Some(Sex::Female)));
    assert_eq!(document.person_key().as_str().strip_prefix("CN:"), Some(RESIDENT));
    let document = resident(RESIDENT_1880).unwrap();
    assert_eq!((document.birth(), document.sex()), (Some(date(1880, 1, 1)), Some(Sex::Male)));
}

#[test]
fn a_number_may_be_typed_in_any_usual_way() {
    for text in [
        RESIDENT.to_lowercase(),
        "110105 19491231 002X".to_owned(),
        "１１０１０５１９４９１２３１００２Ｘ".to_owned(),
        format!("　{RESIDENT}\n"),
    ] {
        assert_eq!(resident(&text).unwrap().number(), RESIDENT);
    }
}

#[test]
fn golden_vectors_of_residence_permits() {
    use DocumentKind::{HongKongMacauResidencePermit as HongKong, TaiwanResidencePermit as Taiwan};
    assert_eq!(parse(HongKong, HONG_KONG).unwrap().sex(), Some(Sex::Female));
    assert_eq!(parse(Taiwan, TAIWAN).unwrap().birth(), Some(date(1992, 1, 30)));
    assert_eq!(parse(Taiwan, HONG_KONG), Err(DocumentError::WrongKind { looks_like: HongKong }));
    assert_eq!(parse(HongKong, TAIWAN), Err(DocumentError::WrongKind { looks_like: Taiwan }));
    assert_eq!(resident(HONG_KONG), Err(DocumentError::WrongKind { looks_like: HongKong }));
    assert_eq!(parse(Taiwan, RESIDENT), Err(DocumentError::WrongKind { looks_like: DocumentKind::ResidentId }));
    assert_eq!(parse(HongKong, "810001199408230021"), Err(DocumentError::UnknownProvince));
    assert_eq!(parse(HongKong, "810000199408230022"), Err(DocumentError::CheckDigit));
}

#[test]
fn golden_vectors_of_permanent_resident_cards() {
    let card = |text| parse(DocumentKind::ForeignPermanentResident, text);
    assert_eq!(card(PERMANENT).unwrap().birth(), Some(date(1981, 8, 3)));
    assert_eq!(card(PERMANENT_JIANGSU).unwrap().sex(), Some(Sex::Male));
    assert_eq!(card("CAN110081080312").unwrap().person_key().as_str(), "FPR:CAN110081080312");
    assert_eq!(card("C1N110081080312"), Err(DocumentError::Character { position: 2 }));
    assert_eq!(card("811124198108030024"), Err(DocumentError::Character { position: 1 }));
    assert_eq!(card("977124198108030024"), Err(DocumentError::UnknownProvince));
    assert_eq!(card("911000198108030024"), Err(DocumentError::UnknownCountry));
    assert_eq!(card("911124198108030025"), Err(DocumentError::CheckDigit));
    assert_eq!(card("9111241981080300"), Err(DocumentError::Length { found: 16, expected: "15 / 18" }));
}

#[test]
fn travel_permits_are_one_person_across_renewals() {
    let permit = |text| parse(DocumentKind::HongKongMacauTravelPermit, text);
    let first = permit("H1234567800").unwrap();
    assert_eq!(first.person_key(), permit("h1234567803").unwrap().person_key());
    assert_eq!(first.person_key(), permit("H12345678").unwrap().person_key());
    assert_ne!(first.person_key(), permit("M1234567800").unwrap().person_key());
    assert_eq!(first.person_key().as_str(), "HMT:H12345678");
    assert_eq!(permit("K1234567800"), Err(DocumentError::Character { position: 1 }));
    assert_eq!(permit("H123456780"), Err(DocumentError::Length { found: 10, expected: "9 / 11" }));

    let taiwan = |text| parse(DocumentKind::TaiwanTravelPermit, text);
    assert_eq!(taiwan("12345678").unwrap().person_key().as_str(), "TWT:12345678");
    assert!(taiwan("T123456789").is_ok());
    assert_eq!(taiwan("1234567A"), Err(DocumentError::Character { position: 8 }));
    assert_eq!(taiwan("1234567"), Err(DocumentError::Length { found: 7, expected: "8–12" }));
}

#[test]
fn passports_and_service_documents() {
    let passport = parse(DocumentKind::Passport, "l898902c3").unwrap();
    assert_eq!(passport.person_key().as_str(), "PP:XXX:L898902C3");
    assert_eq!(passport.clone().with_country("can").unwrap().person_key().as_str(), "PP:CAN:L898902C3");
    assert_eq!(passport.with_country("C1"), Err(DocumentError::UnknownCountry));
    assert_eq!(parse(DocumentKind::Passport, "ABCDEFGHI"), Err(DocumentError::Character { position: 1 }));
    assert_eq!(parse(DocumentKind::Passport, "1234567890"), Err(DocumentError::Length { found: 10, expected: "3–9" }));
    assert_eq!(parse(DocumentKind::Passport, "AB-12345"), Err(DocumentError::Character { position: 3 }));

    let military = parse(DocumentKind::Military, "军字第 1234567 号").unwrap();
    assert_eq!(military.person_key().as_str(), "MIL:军字第1234567号");
    assert_ne!(military.person_key(), parse(DocumentKind::ArmedPolice, "军字第1234567号").unwrap().person_key());
    assert!(parse(DocumentKind::Military, "军字第号军字第号").is_err());
}

#[test]
fn the_same_number_is_the_same_person_in_register_and_temporary_card() {
    let key = resident(RESIDENT).unwrap().person_key();
    assert_eq!(parse(DocumentKind::TemporaryId, RESIDENT).unwrap().person_key(), key);
    assert_eq!(parse(DocumentKind::HouseholdRegister, RESIDENT).unwrap().person_key(), key);
}

#[test]
fn organisations_are_documents_too() {
    let code = parse(DocumentKind::OrganisationCode, ORGANISATION).unwrap();
    assert_eq!(code.person_key().as_str().strip_prefix("ORG:"), Some(ORGANISATION));
    assert!(code.kind().is_organisation());
}

#[test]
fn each_fault_of_a_resident_id_has_its_own_name() {
    assert_eq!(resident(""), Err(DocumentError::Length { found: 0, expected: "18" }));
    assert_eq!(resident("11010519491231002"), Err(DocumentError::Length { found: 17, expected: "18" }));
    assert_eq!(resident(&"1".repeat(1_000_000)), Err(DocumentError::Length { found: 65, expected: "18" }));
    assert_eq!(resident("1101O519491231002X"), Err(DocumentError::Character { position: 5 }));
    assert_eq!(resident("X1010519491231002X"), Err(DocumentError::Character { position: 1 }));
    assert_eq!(resident("110105194912310021"), Err(DocumentError::CheckDigit));
    assert_eq!(resident("110105194902300021"), Err(DocumentError::ImpossibleDate));
    assert_eq!(resident("110105000012310021"), Err(DocumentError::ImpossibleDate));
    assert_eq!(resident("98010519491231002X"), Err(DocumentError::UnknownProvince));
    assert_eq!(resident(FIRST_GENERATION), Err(DocumentError::FirstGeneration));
    assert_eq!("driving_licence".parse::<DocumentKind>(), Err(DocumentError::UnknownKind));
    let unborn = demo(date(2026, 11, 23));
    assert_eq!(unborn.check_birth(date(2026, 11, 22)), Err(DocumentError::FutureDate));
    assert_eq!(unborn.check_birth(date(2026, 11, 23)), Ok(()));
}

#[test]
fn a_demo_identity_is_refused_without_the_demo_pack() {
    let number = ResidentId::compose("990101", date(2000, 1, 1), 1).unwrap();
    let law = Rulebook::embedded(PACKS).unwrap();
    assert_eq!(Document::parse(DocumentKind::ResidentId, &number, law.provinces()), Err(DocumentError::UnknownProvince));
}

#[test]
fn first_generation_numbers_are_upgraded_for_the_legacy_base() {
    assert_eq!(upgrade_first_generation(FIRST_GENERATION, &provinces()).unwrap(), RESIDENT);
    assert_eq!(upgrade_first_generation("11010549123100X", &provinces()), Err(DocumentError::Character { position: 15 }));
    assert_eq!(upgrade_first_generation("110105490230002", &provinces()), Err(DocumentError::ImpossibleDate));
    assert_eq!(upgrade_first_generation(RESIDENT, &provinces()), Err(DocumentError::Length { found: 18, expected: "15" }));
}

#[test]
fn composing_refuses_what_would_not_be_a_number() {
    let birth = date(2000, 1, 1);
    assert!(ResidentId::compose("9901", birth, 1).is_err());
    assert!(ResidentId::compose("99010A", birth, 1).is_err());
    assert!(ResidentId::compose("990101", birth, 1000).is_err());
    assert!(ResidentId::compose("990101", date(1600, 1, 1), 1).is_err());
}

#[test]
fn validity_by_age_at_issue() {
    let (periods, today) = (periods(), date(2026, 11, 22));
    let born = |years: i16| demo(date(2020 - years, 6, 15));
    let issued = date(2020, 7, 1);
    let check = |document: &Document, until: Option<Date>| document.check_validity(Some(issued), until, today, &periods);
    let after = |years: i16| Some(date(2020 + years, 7, 1));
    for (age, good) in
        [(10, after(5)), (15, after(5)), (16, after(10)), (25, after(10)), (26, after(20)), (45, after(20)), (46, None), (90, None)]
    {
        let expected = match good {
            Some(until) if until < today => Err(DocumentError::Expired { until }),
            _ => Ok(()),
        };
        assert_eq!(check(&born(age), good), expected, "age {age}");
        for years in [5, 10, 20].into_iter().filter(|years| after(*years) != good && after(*years) > Some(today)) {
            // A card may have been applied for just before the birthday; these ages had theirs two weeks before.
            let other_side = matches!((age, years), (16, 5) | (26, 10) | (46, 20));
            let expected = matches!(check(&born(age), after(years)), Err(DocumentError::ImplausiblePeriod { .. }));
            assert_eq!(expected, !other_side, "age {age}, {years} years");
        }
    }
    assert!(matches!(check(&born(30), None), Err(DocumentError::ImplausiblePeriod { .. })));
    let reason = check(&born(30), after(10)).unwrap_err().problem();
    assert!(reason.title(Language::English).contains("20 年 years"), "{reason}");
}

#[test]
fn validity_against_the_calendar() {
    let periods = periods();
    let document = demo(date(1990, 1, 1));
    let (issued, until) = (date(2020, 3, 15), date(2040, 3, 15));
    let check = |issued, until, today| document.check_validity(issued, until, today, &periods);
    assert_eq!(check(Some(issued), Some(until), issued), Ok(()));
    assert_eq!(check(Some(issued), Some(until), until), Ok(()));
    assert_eq!(check(Some(issued), Some(until), date(2040, 3, 16)), Err(DocumentError::Expired { until }));
    assert_eq!(check(Some(issued), Some(until), date(2020, 3, 14)), Err(DocumentError::NotYetValid { from: issued }));
    assert_eq!(check(Some(until), Some(issued), until), Err(DocumentError::DatesOutOfOrder));
    assert_eq!(check(Some(date(1989, 12, 31)), None, until), Err(DocumentError::DatesOutOfOrder));
    assert_eq!(check(None, Some(until), issued), Ok(()));
    assert_eq!(check(None, None, issued), Ok(()));
    assert_eq!(check(Some(issued), Some(date(2040, 3, 14)), issued), Ok(()));
    assert_eq!(check(Some(date(2020, 2, 29)), Some(date(2040, 2, 29)), issued), Ok(()));
    assert!(check(Some(issued), Some(date(2040, 3, 17)), issued).is_err());
}

#[test]
fn lifetime_of_permits() {
    let (periods, today) = (periods(), date(2026, 11, 22));
    let permit = parse(DocumentKind::HongKongMacauTravelPermit, "H1234567801").unwrap();
    let issued = Some(date(2024, 5, 1));
    // Without a birth date both periods of the time are possible; with one, only that of the age.
    for (years, unknown, adult, child) in
        [(3, false, false, false), (5, true, false, true), (10, true, true, false), (20, false, false, false)]
    {
        let until = Some(date(2024 + years, 5, 1));
        assert_eq!(permit.check_validity(issued, until, today, &periods).is_ok(), unknown, "{years}");
        let aged = |birth| permit.clone().with_birth(birth).unwrap().check_validity(issued, until, today, &periods).is_ok();
        assert_eq!((aged(date(1980, 1, 1)), aged(date(2015, 1, 1))), (adult, child), "{years}");
    }
    let old = permit.with_birth(date(1995, 1, 1)).unwrap();
    assert_eq!(old.check_validity(Some(date(2001, 5, 1)), Some(date(2004, 5, 1)), date(2003, 1, 1), &periods), Ok(()));

    let temporary = parse(DocumentKind::TemporaryId, RESIDENT).unwrap();
    assert_eq!(temporary.check_validity(Some(date(2026, 11, 1)), Some(date(2027, 2, 1)), today, &periods), Ok(()));
    assert!(temporary.check_validity(Some(date(2026, 11, 1)), Some(date(2027, 11, 1)), today, &periods).is_err());
}

#[test]
fn a_birth_date_that_contradicts_the_number_is_refused() {
    let document = demo(date(1990, 1, 1));
    assert!(document.clone().with_birth(date(1990, 1, 1)).is_ok());
    assert_eq!(document.with_birth(date(1990, 1, 2)), Err(DocumentError::BirthDiffers));
}

#[test]
fn linked_documents_are_one_person_whatever_the_order() {
    let residence = parse(DocumentKind::HongKongMacauResidencePermit, HONG_KONG).unwrap();
    let travel = parse(DocumentKind::HongKongMacauTravelPermit, "H1234567800").unwrap();
    let old = parse(DocumentKind::ForeignPermanentResident, "CAN110081080312").unwrap();
    let new = parse(DocumentKind::ForeignPermanentResident, PERMANENT).unwrap();

    let permits = PersonLink::between(&residence, &travel).unwrap();
    let cards = PersonLink::between(&old, &new).unwrap();
    assert_eq!((permits.kind, cards.kind), (LinkKind::ResidenceAndTravelPermit, LinkKind::RenewedPermanentResidentCard));
    for links in [[permits.clone(), cards.clone()], [cards.clone(), permits.clone()]] {
        assert_eq!(canonical(&residence.person_key(), &links), canonical(&travel.person_key(), &links));
        assert_eq!(canonical(&old.person_key(), &links), canonical(&new.person_key(), &links));
        assert_ne!(canonical(&old.person_key(), &links), canonical(&travel.person_key(), &links));
    }
    assert_eq!(canonical(&old.person_key(), &[permits]), old.person_key());

    let passport = |number: &str| parse(DocumentKind::Passport, number).unwrap().with_country("CAN").unwrap();
    let first = PersonLink::between(&passport("AB111111"), &passport("AB222222")).unwrap();
    let second = PersonLink::between(&passport("AB222222"), &passport("AB333333")).unwrap();
    let chain = [second, first];
    assert_eq!(canonical(&passport("AB333333").person_key(), &chain), passport("AB111111").person_key());
}

#[test]
fn what_cannot_be_one_person_is_not_linked() {
    let residence = parse(DocumentKind::HongKongMacauResidencePermit, HONG_KONG).unwrap();
    let travel = parse(DocumentKind::HongKongMacauTravelPermit, "H1234567800").unwrap();
    let taiwan = parse(DocumentKind::TaiwanTravelPermit, "12345678").unwrap();
    let other_birth = travel.clone().with_birth(date(1994, 8, 24)).unwrap();
    let other_sex = travel.with_sex(Sex::Male);
    let resident = demo(date(1994, 8, 23));
    for other in [&taiwan, &other_birth, &other_sex, &resident, &residence] {
        assert_eq!(PersonLink::between(&residence, other), Err(DocumentError::NotLinkable), "{other:?}");
    }
}

#[test]
fn kinds_have_stable_codes_and_two_names() {
    // Numbers stand in stored rows: these two must never move.
    assert_eq!((DocumentKind::ResidentId as i64, DocumentKind::OrganisationCode as i64), (1, 12));
    assert_eq!((DocumentKind::from_i64(0), DocumentKind::from_i64(13)), (None, None));
    for kind in DocumentKind::ALL {
        assert_eq!(DocumentKind::parse(kind.as_str()), Some(*kind));
        assert_eq!(DocumentKind::from_i64(*kind as i64), Some(*kind));
        assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.as_str()));
        assert!(!kind.zh().is_ascii() && kind.en().is_ascii());
    }
}

#[test]
fn no_refusal_leaves_a_gap_or_quotes_the_number() {
    let today = date(2026, 11, 22);
    let refusals = [
        DocumentError::UnknownKind,
        DocumentError::Length { found: 3, expected: "18" },
        DocumentError::Character { position: 3 },
        DocumentError::CheckDigit,
        DocumentError::ImpossibleDate,
        DocumentError::FutureDate,
        DocumentError::UnknownProvince,
        DocumentError::WrongKind { looks_like: DocumentKind::Passport },
        DocumentError::FirstGeneration,
        DocumentError::UnknownCountry,
        DocumentError::BirthDiffers,
        DocumentError::Expired { until: today },
        DocumentError::NotYetValid { from: today },
        DocumentError::DatesOutOfOrder,
        DocumentError::ImplausiblePeriod { expected: "10".to_owned() },
        DocumentError::NotLinkable,
        DocumentError::MrzShape,
        DocumentError::MrzCharacter { line: 1, position: 2 },
        DocumentError::MrzCheckDigit { field: crate::mrz::Field::Number },
    ];
    assert_eq!(refusals.len(), code::ALL.len());
    for refusal in refusals {
        let problem = refusal.problem();
        for language in [Language::Chinese, Language::English] {
            for text in [problem.title(language), problem.remedy(language)] {
                assert!(!text.contains(['{', '}']), "{text}");
            }
        }
    }
    for text in [format!("{:?}", demo(date(1990, 1, 1))), format!("{:?}", demo(date(1990, 1, 1)).person_key())] {
        assert!(!text.contains("1990"), "{text}");
    }
}

fn any_birth() -> impl Strategy<Value = Date> {
    (1900_i16..=2100, 1_i8..=12, 1_i8..=31).prop_filter_map("day of the calendar", |(y, m, d)| Date::new(y, m, d).ok())
}

fn any_resident() -> impl Strategy<Value = String> {
    ("99[0-9]{4}", any_birth(), 0_u16..=999).prop_map(|(region, birth, sequence)| ResidentId::compose(&region, birth, sequence).unwrap())
}

proptest! {
    #[test]
    fn every_composed_number_parses(region in "99[0-9]{4}", birth in any_birth(), sequence in 0_u16..=999) {
        let document = resident(&ResidentId::compose(&region, birth, sequence).unwrap()).unwrap();
        prop_assert_eq!(document.birth(), Some(birth));
        prop_assert_eq!(document.sex(), Some(if sequence % 2 == 1 { Sex::Male } else { Sex::Female }));
    }

    #[test]
    fn every_change_of_one_character_is_refused(number in any_resident(), at in 0_usize..18, other in "[0-9X]") {
        let mut wrong: Vec<char> = number.chars().collect();
        let other = other.chars().next().unwrap();
        prop_assume!(wrong[at] != other);
        wrong[at] = other;
        prop_assert!(resident(&wrong.into_iter().collect::<String>()).is_err());
    }

    #[test]
    fn every_swap_of_neighbours_is_refused(number in any_resident(), at in 0_usize..17) {
        let mut wrong: Vec<char> = number.chars().collect();
        prop_assume!(wrong[at] != wrong[at + 1]);
        wrong.swap(at, at + 1);
        prop_assert!(resident(&wrong.into_iter().collect::<String>()).is_err());
    }

    #[test]
    fn no_text_makes_any_kind_panic(text in prop_oneof![any::<String>(), "[0-9X]{0,20}", "[A-Z0-9\u{4e00}-\u{4eff}]{0,20}"]) {
        for kind in DocumentKind::ALL {
            if let Ok(document) = parse(*kind, &text) {
                // What parses once parses again to the same, and its mask gives two characters at most.
                prop_assert_eq!(&parse(*kind, document.number()).unwrap(), &document);
                prop_assert!(document.masked().chars().filter(|c| *c != '*').count() <= 2);
            }
        }
        let _ = upgrade_first_generation(&text, &provinces());
        let _ = DocumentKind::parse(&text);
    }

    #[test]
    fn no_dates_make_the_validity_check_panic(birth in any_birth(), issued in any_birth(), until in any_birth(), today in any_birth()) {
        let _ = demo(birth).check_validity(Some(issued), Some(until), today, &periods());
    }
}
