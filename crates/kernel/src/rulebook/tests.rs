use jiff::civil::{Date, date};

use super::*;
use crate::document::DocumentKind as Kind;

/// The packs of the repository, as the binary embeds them.
pub(crate) const PACKS: &[(&str, &str)] = &[
    ("cn/limits", include_str!("../../../../rules/cn/limits.toml")),
    ("cn/documents", include_str!("../../../../rules/cn/documents.toml")),
    ("cn/registration", include_str!("../../../../rules/cn/registration.toml")),
    ("cn/clocks", include_str!("../../../../rules/cn/clocks.toml")),
    ("cn/retention", include_str!("../../../../rules/cn/retention.toml")),
    ("cn/quiet_hours", include_str!("../../../../rules/cn/quiet_hours.toml")),
    ("cn/targets", include_str!("../../../../rules/cn/targets.toml")),
    ("cn/numbering", include_str!("../../../../rules/cn/numbering.toml")),
    ("cn/protection", include_str!("../../../../rules/cn/protection.toml")),
    ("cn/screening", include_str!("../../../../rules/cn/screening.toml")),
    ("cn/remediation", include_str!("../../../../rules/cn/remediation.toml")),
    ("cn/suspension", include_str!("../../../../rules/cn/suspension.toml")),
    ("cn/regions", include_str!("../../../../rules/cn/regions.toml")),
];

const DEMO: (&str, &str) = ("demo/regions", include_str!("../../../../rules/demo/regions.toml"));

fn book() -> Rulebook {
    Rulebook::embedded(PACKS).unwrap_or_else(|error| panic!("{error}"))
}

fn today() -> Date {
    date(2026, 11, 22)
}

#[test]
fn the_packs_of_the_repository_have_no_fault() {
    let mut packs = PACKS.to_vec();
    packs.push(DEMO);
    let findings: Vec<String> = Rulebook::check(&packs, &[]).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn a_limit_names_its_article_and_the_version_of_the_packs() {
    let book = book();
    let ruling = book.number("limit.mobile_numbers", today(), &Place::china()).unwrap();
    assert_eq!((ruling.value, ruling.article.as_str()), (5, "R-LIM-1"));
    assert_eq!(ruling.pack_version, book.version);
    assert_eq!(book.version.len(), 32);
}

fn with_demo() -> Rulebook {
    let mut packs = PACKS.to_vec();
    packs.push(DEMO);
    Rulebook::embedded(&packs).unwrap()
}

fn shanxi() -> Place {
    Place::region("140100")
}

/// One pack of one rule, to be spoilt.
const SMALL: &str = r#"
[pack]
zh = "试"
en = "Trial"

[[rule]]
id = "limit.things"
value = 5
unit = "count"
tighter = "lower"
article = "R-LIM-1"
source = "A text"
in_force = 2016-01-01
evidence = "P"
zh = "五个"
en = "Five"
"#;

fn faults(packs: &[(&str, &str)]) -> Vec<Fault> {
    Rulebook::check(packs, &[]).into_iter().map(|finding| finding.fault).collect()
}

fn local_faults(local: &str) -> Vec<Fault> {
    Rulebook::check(PACKS, &[("ours", local)]).into_iter().map(|finding| finding.fault).collect()
}

/// A local rule as an operator would write it.
fn local(id: &str, value: &str, more: &str) -> String {
    format!(
        "[pack]\nzh = \"本地\"\nen = \"Local\"\n\n[[rule]]\nid = \"{id}\"\nvalue = {value}\nsource = \"Instruction 7\"\nin_force = 2026-01-01\n{more}\n"
    )
}

#[test]
fn the_version_is_that_of_the_content_not_of_the_order() {
    let mut reversed = PACKS.to_vec();
    reversed.reverse();
    assert_eq!(Rulebook::embedded(&reversed).unwrap().version, book().version);
    let mut changed = PACKS.to_vec();
    let text = format!("{}# one more line\n", changed[0].1);
    changed[0].1 = &text;
    assert_ne!(Rulebook::embedded(&changed).unwrap().version, book().version);
    let local = local("limit.mobile_numbers", "3", "");
    assert_ne!(book().with_local(&[("ours", &local)]).unwrap().version, book().version);
}

#[test]
fn the_limit_is_a_dated_rule() {
    let book = book();
    let on = |day| book.number("limit.mobile_numbers", day, &Place::china());
    assert_eq!(on(date(2014, 12, 31)), Err(RulebookError::NotInForce { rule: "limit.mobile_numbers".to_owned(), on: date(2014, 12, 31) }));
    assert!(on(date(2015, 1, 1)).unwrap().source.contains("专项治理行动"));
    assert!(on(date(2016, 9, 22)).unwrap().source.contains("专项治理行动"));
    assert!(on(date(2016, 9, 23)).unwrap().source.contains("六部门"));
    assert_eq!(book.number("limit.nothing", today(), &Place::china()), Err(RulebookError::Unknown("limit.nothing".to_owned())));
}

#[test]
fn a_provincial_rule_holds_in_its_province_only() {
    let book = book();
    let credit = |place: &Place| book.number("limit.bad_credit_numbers", today(), place);
    assert_eq!(credit(&Place::region("440300")).unwrap().value, 1);
    assert_eq!(credit(&Place::region("44")).unwrap().value, 1);
    assert!(credit(&shanxi()).is_err());
    assert!(credit(&Place::china()).is_err());
}

#[test]
fn a_rule_is_asked_for_in_its_own_unit() {
    let book = book();
    let (on, place) = (today(), Place::china());
    assert_eq!(book.clock_ms("registration.audit_lease", on, &place).unwrap().value, 600_000);
    assert_eq!(book.clock_ms("clock.restore_after_payment", on, &place).unwrap().value, 172_800_000);
    assert_eq!(book.clock_ms("clock.restore_after_appeal", on, &place).unwrap().value, 0);
    assert_eq!(book.clock_ms("protection.reveal_window", on, &place).unwrap().value, 60_000);
    assert!(book.flag("registration.no_audit_no_service", on, &place).unwrap().value);
    assert!(book.text("registration.watermark", on, &place).unwrap().value.contains("{order}"));
    assert_eq!(book.list("registration.mandatory_fields", on, &place).unwrap().value.len(), 4);
    let wrong = [
        book.clock_ms("limit.mobile_numbers", on, &place).err(),
        book.clock_ms("clock.appeal_acceptance", on, &place).err(),
        book.number("registration.proxy_allowed", on, &place).err(),
        book.flag("limit.mobile_numbers", on, &place).err(),
        book.text("registration.mandatory_fields", on, &place).err(),
        book.list("quiet.floor", on, &place).err(),
        book.windows("registration.mandatory_fields", on, &place).err(),
        book.deadline("limit.mobile_numbers", Timestamp::start_of(on), &place).err(),
    ];
    for error in wrong {
        assert!(matches!(error, Some(RulebookError::Unit { .. })), "{error:?}");
    }
}

#[test]
fn deadlines_follow_the_calendar() {
    let book = book();
    let at = |day: Date, hours: i64| Timestamp::start_of(day).plus_ms(hours * crate::time::HOUR_MS);
    let due = |rule: &str, from| book.deadline(rule, from, &Place::china()).unwrap().value;
    // Friday 13 February 2026: Saturday is worked, then the holidays until Monday 23.
    assert_eq!(due("clock.appeal_acceptance", at(date(2026, 2, 13), 10)), at(date(2026, 2, 28), 0));
    // An ordinary week: Monday to Friday of the next.
    assert_eq!(due("clock.appeal_acceptance", at(date(2026, 11, 20), 23)), at(date(2026, 11, 28), 0));
    assert_eq!(due("clock.complaint", at(date(2026, 11, 20), 9)), at(date(2026, 12, 5), 9));
    assert_eq!(due("retention.registration.floor", at(date(2024, 2, 29), 9)), at(date(2026, 2, 28), 9));
    assert_eq!(due("retention.logs.floor", at(date(2026, 8, 31), 0)), at(date(2027, 2, 28), 0));
    assert!(!book.is_working_day(date(2026, 10, 1)) && book.is_working_day(date(2026, 10, 10)));
    assert!(!book.is_working_day(date(2026, 11, 22)) && book.is_working_day(date(2026, 11, 23)));
}

#[test]
fn document_by_channel_and_way_of_entry() {
    use ChannelKind::{Online, OwnHall, SocialOutlet};
    use EntryMode::{Manual, Mrz, Ocr, Reader, Upload};
    let book = book();
    for (kind, channel, entry, allowed, article) in [
        (Kind::ResidentId, OwnHall, Reader, true, "L-REG-14"),
        (Kind::ResidentId, SocialOutlet, Reader, true, "L-REG-14"),
        (Kind::ResidentId, SocialOutlet, Manual, false, "L-REG-3"),
        (Kind::ResidentId, SocialOutlet, Ocr, false, "L-REG-3"),
        (Kind::ResidentId, OwnHall, Manual, false, "L-REG-3"),
        (Kind::ResidentId, Online, Upload, true, "R-REG-13"),
        (Kind::ResidentId, Online, Manual, false, "L-REG-3"),
        (Kind::Passport, OwnHall, Mrz, true, "R-CHN-5"),
        (Kind::Passport, SocialOutlet, Mrz, false, "R-CHN-4"),
        (Kind::Passport, Online, Upload, false, "L-REG-3"),
        (Kind::HouseholdRegister, SocialOutlet, Manual, false, "R-CHN-4"),
        (Kind::TaiwanResidencePermit, SocialOutlet, Reader, false, "R-CHN-4"),
        (Kind::TaiwanResidencePermit, OwnHall, Reader, true, "L-REG-3"),
        (Kind::OrganisationCode, OwnHall, Manual, true, "L-REG-5"),
        (Kind::OrganisationCode, SocialOutlet, Manual, false, "R-CHN-4"),
    ] {
        let ruling = book.document_allowed(kind, channel, entry, today());
        assert_eq!((ruling.value, ruling.article.as_str()), (allowed, article), "{kind:?} {channel:?} {entry:?}");
        assert!(book.explain(&ruling.rule, today()).is_ok(), "{}", ruling.rule);
        assert_eq!(book.article(&ruling.rule, today()).unwrap().article, article);
    }
    // At a social outlet nothing but the resident ID, whatever the way of entry.
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::ResidentId) {
        for entry in EntryMode::ALL {
            assert!(!book.document_allowed(*kind, SocialOutlet, *entry, today()).value, "{kind:?} {entry:?}");
        }
    }
    // Every other kind of document has a way in at an own hall.
    for kind in Kind::ALL {
        assert!(EntryMode::ALL.iter().any(|entry| book.document_allowed(*kind, OwnHall, *entry, today()).value), "{kind:?}");
    }
}

#[test]
fn the_way_of_entry_narrowed_on_its_days() {
    let book = book();
    let ways = |day| {
        let allowed = |entry: &&EntryMode| book.document_allowed(Kind::ResidentId, ChannelKind::SocialOutlet, **entry, day).value;
        EntryMode::ALL.iter().filter(allowed).copied().collect::<Vec<_>>()
    };
    assert_eq!(ways(date(2013, 8, 31)), []);
    assert_eq!(ways(date(2015, 1, 31)), [EntryMode::Reader, EntryMode::Ocr, EntryMode::Manual]);
    assert_eq!(ways(date(2015, 2, 1)), [EntryMode::Reader, EntryMode::Ocr]);
    assert_eq!(ways(date(2015, 9, 1)), [EntryMode::Reader]);
    let passport = |day| book.document_allowed(Kind::Passport, ChannelKind::SocialOutlet, EntryMode::Manual, day).value;
    assert!(passport(date(2014, 12, 31)) && !passport(date(2015, 1, 1)));
}

#[test]
fn a_local_pack_may_tighten_in_every_direction() {
    let on = today();
    for (id, value, more) in [
        ("limit.mobile_numbers", "3", ""),
        ("registration.face_match_threshold", "90", ""),
        ("registration.proxy_allowed", "false", ""),
        ("channel.online_mode", "\"collect_in_hall\"", "jurisdiction = \"CN-14\""),
        ("registration.mandatory_fields", r#"["document_kind", "name", "document_number", "address", "nation"]"#, ""),
        ("quiet.floor", r#"["21:00-09:00"]"#, ""),
        ("registration.watermark", "\"{operator} {purpose} {date} {order}\"", ""),
        ("limit.punished_numbers", "1", ""),
    ] {
        let text = local(id, value, more);
        let book = book().with_local(&[("ours", &text)]).unwrap_or_else(|error| panic!("{id}: {error}"));
        let before = self::book();
        assert_eq!(book.article(id, on).unwrap().article, before.article(id, on).unwrap().article);
    }
    let text = local("limit.mobile_numbers", "3", "jurisdiction = \"CN-1401\"");
    let book = book().with_local(&[("ours", &text)]).unwrap();
    let limit = |day, place: &Place| book.number("limit.mobile_numbers", day, place).unwrap();
    assert_eq!(limit(on, &shanxi()).value, 3);
    assert_eq!(limit(on, &shanxi()).source, "Instruction 7");
    assert_eq!(limit(on, &Place::region("140200")).value, 5);
    assert_eq!(limit(on, &Place::region("14")).value, 5);
    assert_eq!(limit(date(2025, 12, 31), &shanxi()).value, 5);
}

#[test]
fn a_local_pack_may_not_loosen() {
    for (id, value, more) in [
        ("limit.mobile_numbers", "6", ""),
        ("limit.mobile_numbers", "6", "jurisdiction = \"CN-14\""),
        ("limit.mobile_numbers", "6", "licence = \"mvno\""),
        ("registration.face_match_threshold", "60", ""),
        ("registration.no_audit_no_service", "false", ""),
        ("registration.mandatory_fields", r#"["name"]"#, ""),
        ("registration.mandatory_fields", r#"["name", "nation"]"#, ""),
        ("quiet.floor", r#"["23:00-08:00"]"#, ""),
        ("quiet.floor", r#"["10:00-11:00"]"#, ""),
        ("limit.punished_numbers", "0", ""),
        ("clock.restore_after_appeal", "5", ""),
    ] {
        let found = local_faults(&local(id, value, more));
        assert!(matches!(found.as_slice(), [Fault::Loosened { .. }, ..]), "{id} {value}: {found:?}");
    }
    let error = book().with_local(&[("ours", &local("limit.mobile_numbers", "6", ""))]).unwrap_err();
    assert_eq!(error.to_string(), "ours limit.mobile_numbers: the local value 6 loosens the rule, which says 5");
}

#[test]
fn a_local_pack_holds_rules_and_refusals_only() {
    let permit = |allowed: bool| {
        format!(
            "[pack]\nzh = \"本地\"\nen = \"Local\"\n\n[[permit]]\nid = \"document.ours\"\nkinds = [\"passport\"]\nchannels = [\"own_hall\"]\n\
             entries = [\"manual\"]\nallowed = {allowed}\narticle = \"R-CHN-5\"\nsource = \"Instruction 8\"\nin_force = 2026-01-01\nevidence = \"P\"\n\
             zh = \"护照须机读\"\nen = \"Passports by their machine-readable zone\"\n"
        )
    };
    assert_eq!(local_faults(&permit(true)), [Fault::LocalTable]);
    let stricter = permit(false);
    let book = book().with_local(&[("ours", &stricter)]).unwrap();
    let passport = |entry| book.document_allowed(Kind::Passport, ChannelKind::OwnHall, entry, today());
    assert_eq!((passport(EntryMode::Manual).value, passport(EntryMode::Manual).rule.as_str()), (false, "document.ours"));
    assert!(passport(EntryMode::Mrz).value);

    // The holidays of a year that nobody has may come from the operator; those of a year that ships may not.
    let days = |year: i16| {
        format!(
            "[pack]\nzh = \"节假日\"\nen = \"Holidays\"\n\n[[day]]\nfrom = {year}-01-01\nto = {year}-01-01\nworking = false\nsource = \"国务院办公厅通知\"\n"
        )
    };
    let next = (2026..).find(|year| !book.knows_year(*year)).unwrap();
    assert!(book.clone().with_local(&[("days", &days(next))]).unwrap().knows_year(next));
    assert_eq!(local_faults(&days(2026)), [Fault::LocalTable]);
    assert_eq!(local_faults(&days(next).replace("国务院办公厅通知", "")), [Fault::MissingSource]);
    assert_eq!(local_faults(DEMO.1), [Fault::LocalTable]);
    assert_eq!(local_faults(&local("limit.of_our_own", "1", "")), [Fault::UnknownRule]);
    assert_eq!(local_faults(&local("limit.mobile_numbers", "true", "")), [Fault::ValueUnit(Unit::Count)]);
    assert_eq!(local_faults(&local("limit.mobile_numbers", "3", "unit = \"percent\"")), [Fault::ValueUnit(Unit::Percent)]);
    assert_eq!(local_faults(&local("channel.online_mode", "\"anything\"", "")).len(), 1);
    let twice =
        format!("{}{}", local("limit.mobile_numbers", "3", ""), local("limit.mobile_numbers", "2", "").split_once("\n\n").unwrap().1);
    assert!(matches!(local_faults(&twice).as_slice(), [Fault::Overlap(_)]));
}

#[test]
fn each_fault_of_a_pack_has_its_own_name() {
    let spoilt = |from: &str, to: &str| {
        assert!(SMALL.contains(from));
        faults(&[("trial", &SMALL.replace(from, to))])
    };
    assert_eq!(faults(&[("trial", SMALL)]), []);
    assert_eq!(spoilt("source = \"A text\"", ""), [Fault::MissingSource]);
    assert_eq!(spoilt("R-LIM-1", "X-1"), [Fault::Article("X-1".to_owned())]);
    assert_eq!(spoilt("en = \"Five\"", ""), [Fault::MissingExplanation]);
    assert_eq!(spoilt("unit = \"count\"", "unit = \"furlong\""), [Fault::UnknownUnit("furlong".to_owned())]);
    assert_eq!(spoilt("tighter = \"lower\"", ""), [Fault::UnknownDirection(String::new())]);
    assert_eq!(spoilt("tighter = \"lower\"", "tighter = \"deny\""), [Fault::UnknownDirection("deny".to_owned())]);
    assert_eq!(spoilt("value = 5", "value = \"five\""), [Fault::ValueUnit(Unit::Count)]);
    assert_eq!(spoilt("value = 5", "value = -5"), [Fault::ValueUnit(Unit::Count)]);
    assert_eq!(spoilt("evidence = \"P\"", "evidence = \"Q\""), [Fault::UnknownEvidence("Q".to_owned())]);
    assert_eq!(spoilt("evidence = \"P\"", "evidence = \"P\"\nuntil = 2015-12-31"), [Fault::DatesOutOfOrder]);
    assert_eq!(spoilt("evidence = \"P\"", "evidence = \"P\"\njurisdiction = \"US\""), [Fault::Jurisdiction("US".to_owned())]);
    assert!(matches!(spoilt("in_force = 2016-01-01", "in_force = 2016-02-30").as_slice(), [Fault::Syntax(_)]));
    assert!(matches!(spoilt("value = 5", "worth = 5").as_slice(), [Fault::Syntax(_)]));

    let second = |in_force: &str, more: &str| {
        let rule = SMALL.split_once("[[rule]]").unwrap().1.replace("2016-01-01", in_force).replace("value = 5", more);
        faults(&[("trial", &format!("{SMALL}\n[[rule]]{rule}"))])
    };
    assert!(matches!(second("2020-01-01", "value = 4").as_slice(), [Fault::Overlap(_)]));
    assert_eq!(second("2015-01-01", "value = 4\nuntil = 2015-12-31"), []);
    assert_eq!(second("2020-01-01", "value = 4\njurisdiction = \"CN-44\""), []);
    assert_eq!(second("2020-01-01", "value = 6\njurisdiction = \"CN-44\""), [Fault::LooserThanGeneral("5".to_owned())]);
    assert_eq!(second("2020-01-01", "value = 6\nlicence = \"mvno\""), [Fault::LooserThanGeneral("5".to_owned())]);

    let head = "[pack]\nzh = \"试\"\nen = \"Trial\"\n";
    let region = |code: &str| faults(&[("trial", &format!("{head}[[region]]\ncode = \"{code}\"\nzh = \"某\"\nen = \"Some\"\n"))]);
    assert_eq!(
        (region("14"), region("1401"), region("1")),
        (vec![], vec![Fault::Region("1401".to_owned())], vec![Fault::Region("1".to_owned())])
    );
    let range = |prefix: &str| {
        let entry = format!(
            "[[range]]\noperator = \"a\"\nprefixes = [\"{prefix}\"]\nsource = \"A text\"\nin_force = 2016-01-01\nevidence = \"S\"\n"
        );
        faults(&[("trial", &format!("{head}{entry}{}", entry.replace("\"a\"", "\"b\"").replace("2016", "2015")))])
    };
    assert!(matches!(range("138").as_slice(), [Fault::Overlap(_)]));
    assert!(range("010").contains(&Fault::Prefix("010".to_owned())));
}

#[test]
fn all_faults_are_named_at_once_in_both_languages() {
    let worse = SMALL.replace("source = \"A text\"", "").replace("\"P\"", "\"Q\"");
    let findings = Rulebook::check(&[("trial", &worse), ("broken", "[[")], &[]);
    assert_eq!(findings.len(), 3);
    for finding in &findings {
        let problem = crate::Refuse::problem(finding);
        for language in [crate::Language::Chinese, crate::Language::English] {
            for text in [problem.title(language), problem.remedy(language)] {
                assert!(!text.is_empty() && !text.contains(['{', '}']), "{text}");
            }
        }
    }
}

#[test]
fn quiet_hours_run_past_midnight() {
    let windows = book().windows("quiet.floor", today(), &Place::china()).unwrap().value;
    let quiet = |hour, minute| windows.iter().any(|w| w.contains(jiff::civil::time(hour, minute, 0, 0)));
    assert_eq!(
        [quiet(21, 59), quiet(22, 0), quiet(0, 0), quiet(7, 59), quiet(8, 0), quiet(12, 0)],
        [false, true, true, true, false, false]
    );
    assert_eq!(Window::parse("25:00-08:00"), None);
    assert_eq!(Window::parse("08:00-08:00"), None);
    assert_eq!(Window::parse("midnight"), None);
}

#[test]
fn a_later_notice_replaced_the_schedule_of_the_base() {
    let book = book();
    let schedule = |day| book.targets("target.base_rate", day).iter().map(|t| (t.percent, t.due)).collect::<Vec<_>>();
    let (end_2015, end_2016) = (date(2015, 12, 31), date(2016, 12, 31));
    assert_eq!(schedule(date(2016, 8, 1)), [(90, end_2015), (95, end_2016), (100, date(2017, 6, 30))]);
    assert_eq!(schedule(date(2016, 9, 23)), [(90, end_2015), (96, date(2016, 10, 31)), (100, end_2016)]);
    assert_eq!(book.targets("target.new_customer_rate", today())[0].percent, 100);
}

#[test]
fn the_number_plan_of_the_appendix() {
    let book = book();
    let range = |prefix: &str| book.number_range(&Phone::parse(&format!("{prefix:0<11}")).unwrap(), today());
    for (operator, prefixes) in [
        ("china_telecom", "133 149 153 162 1700 1701 1702 173 17400 17405 177 180 181 189 190 191 193 199 13492 13493 13499"),
        ("china_mobile", "1340 1348 135 139 147 148 150 151 152 157 158 159 165 1703 1705 1706 172 178 182 183 184 187 188 195 197 198"),
        ("china_unicom", "130 131 132 145 146 155 156 166 167 1704 1707 1708 1709 171 175 176 185 186 196"),
        ("china_broadnet", "192"),
        ("satellite", "1349 17406 1619"),
    ] {
        for prefix in prefixes.split(' ') {
            assert_eq!(range(prefix).map(|r| r.operator.as_str()), Some(operator), "{prefix}");
        }
    }
    for prefix in ["1700", "1709", "171", "162", "165", "167"] {
        assert!(range(prefix).unwrap().mvno, "{prefix}");
    }
    for prefix in ["17400", "1349", "13492", "1619"] {
        assert!(range(prefix).unwrap().satellite, "{prefix}");
    }
    assert!(!range("199").unwrap().mvno);
    assert_eq!(range("1440"), None);
    assert_eq!(range("160"), None);
    let early = book.number_range(&Phone::parse("19900001234").unwrap(), date(2014, 1, 1));
    assert_eq!(early, None);
}

#[test]
fn the_demo_province_exists_only_with_its_pack() {
    assert!(!book().provinces().contains("990101"));
    let demo = with_demo();
    assert!(demo.provinces().contains("990101"));
    assert_eq!(demo.provinces().province("9901").unwrap().zh, "演示省");
    assert_eq!(demo.provinces().cities("99").count(), 11);
    assert_eq!(demo.provinces().city("991100").unwrap().en, "Demo City Eleven");
    assert_eq!(book().provinces().provinces().count(), 34);
    assert_eq!(book().provinces().cities("14").count(), 11);
}

#[test]
fn every_rule_explains_itself_in_both_languages() {
    let book = with_demo();
    let chinese = |text: &str| text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    for rule in book.rules() {
        assert!(chinese(&rule.zh) && !chinese(&rule.en), "{}", rule.id);
    }
    for permit in book.permits() {
        assert!(chinese(&permit.zh) && !chinese(&permit.en), "{}", permit.id);
    }
    assert!(book.unconfirmed(today()).any(|rule| rule.id == "registration.audit_clock"));
    assert!(book.unconfirmed(today()).all(|rule| rule.id != "limit.mobile_numbers"));
}

#[test]
fn a_ruling_can_be_stored_and_read_again() {
    let ruling = book().number("limit.mobile_numbers", today(), &Place::china()).unwrap();
    let text = serde_json::to_string(&ruling).unwrap();
    assert_eq!(serde_json::from_str::<Ruling<i64>>(&text).unwrap(), ruling);
}

#[test]
fn floors_never_pass_their_ceilings() {
    let book = book();
    for rule in book.rules().filter(|rule| rule.id.ends_with(".ceiling")) {
        let floor = rule.id.replace(".ceiling", ".floor");
        let from = Timestamp::start_of(today());
        let end = |id: &str| book.deadline(id, from, &Place::china()).unwrap().value;
        assert!(end(&floor) <= end(&rule.id), "{floor}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_pack_panic(text in "\\PC{0,200}") {
        let _ = Rulebook::check(&[("trial", &text)], &[("ours", &text)]);
    }

    #[test]
    fn whatever_a_local_pack_says_the_limit_never_grows(value in 0_i64..12, province in 10_u8..66) {
        let text = local("limit.mobile_numbers", &value.to_string(), &format!("jurisdiction = \"CN-{province}\""));
        match book().with_local(&[("ours", &text)]) {
            Ok(book) => {
                let limit = book.number("limit.mobile_numbers", today(), &Place::region(&format!("{province}0100"))).unwrap().value;
                proptest::prop_assert_eq!(limit, value);
                proptest::prop_assert!(value <= 5);
            }
            Err(_) => proptest::prop_assert!(value > 5),
        }
    }
}
