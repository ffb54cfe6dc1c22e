//! The story of an old base brought over, on every store: what each row says and what is wrong with it, files of every kind, what is refused and
//! why, the same file twice, and a process that dies in the middle (R-REM-2, R-LIM-2, L-LIM-1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use chuangsha_app::{
    App,
    platform::{
        export::{About, xlsx},
        failure::Failure,
        people::OrganisationKind,
    },
    registration::{subscription, table},
    remediation::{
        excess::{self, Said},
        import::{
            desk,
            http::ImportView,
            read::Source,
            rejects::{self, Sheet},
            row::Reject,
            run::{self, Report, Request},
        },
        kind::{self, Filter, Finding, Kind},
    },
};
use chuangsha_kernel::{Language, Phone, Problem, id::Ids, role::Role, rulebook::ChannelKind};
use chuangsha_store::{Config, Store, StoreError, params, testkit};
use chuangsha_vault::Field;
use chuangsha_world::kit::{self, Kit};
use chuangsha_world::story;

const HEADING: &str = "手机号码,机主姓名,证件类型,证件号码,地址,是否实名,使用人,单位名称,统一社会信用代码,地市,渠道类型,入网日期";

/// A resident ID of a place that does not exist.
fn id(person: u16) -> String {
    kit::resident_id(person)
}

fn phone(number: u32) -> String {
    format!("1990{number:07}")
}

/// A row with nothing wrong with it.
fn good(number: u32, person: u16) -> String {
    format!("{},王小明,身份证,{},演示省演示一市一号,是,,,,990100,社会渠道,2013-09-01", phone(number), id(person))
}

fn request(text: impl Into<Vec<u8>>) -> Request {
    let source = Source::Bytes(text.into().into());
    Request { source, file_name: "base.csv".into(), mapping: String::new(), batch: run::BATCH, most_batches: 0 }
}

async fn take(app: &App, request: &Request) -> Report {
    run::take(app, request, "terminal", &mut |_| {}).await.unwrap()
}

async fn rows(app: &App, rows: &[String]) -> Report {
    take(app, &request(format!("{HEADING}\n{}\n", rows.join("\n")))).await
}

async fn problem(app: &App, request: &Request) -> Problem {
    match run::take(app, request, "terminal", &mut |_| {}).await.expect_err("refused") {
        Failure::Problem(problem) => *problem,
        other => panic!("a fault, not a refusal: {other}"),
    }
}

async fn refused(app: &App, request: &Request) -> String {
    problem(app, request).await.code.id.to_owned()
}

/// Row, field and code of everything a run refused.
async fn told(app: &App, report: &Report) -> Vec<(i64, String, String)> {
    let run = report.run.unwrap();
    let found = app.read(move |tx| chuangsha_app::remediation::import::table::rejects(tx, run, 0, 1_000)).await.unwrap();
    found.into_iter().map(|(row, field, code, _)| (row, field, code)).collect()
}

async fn held(app: &App, number: u32) -> subscription::Held {
    let index = app.vault.blind(Field::Phone, &Phone::parse(&phone(number)).unwrap().e164()).unwrap().0;
    app.read(move |tx| subscription::of_number(tx, &index)).await.unwrap().expect("the number is there")
}

async fn finding(app: &App, number: u32) -> Option<Finding> {
    let subscription = held(app, number).await.id;
    app.read(move |tx| kind::find(tx, subscription)).await.unwrap()
}

async fn count(app: &App, sql: &'static str) -> i64 {
    app.read(move |tx| Ok(tx.query_one(sql, &[])?.int(0)?)).await.unwrap()
}

// What one import looked up beforehand the other has written by then: the tables refuse it, and it looks again.
story!(two_files_with_the_same_numbers_at_once_land_each_number_once, kit => {
    let app = &kit.app;
    let numbers: Vec<u32> = (0..6_000).collect();
    let file = |numbers: &mut dyn Iterator<Item = &u32>| {
        let rows: Vec<String> = numbers.map(|number| good(*number, u16::try_from(number % 40).unwrap())).collect();
        Request { batch: 1_000, ..request(format!("{HEADING}\n{}\n", rows.join("\n"))) }
    };
    let (up, down) = (file(&mut numbers.iter()), file(&mut numbers.iter().rev()));
    let (one, two) = futures_util::future::join(take(app, &up), take(app, &down)).await;
    assert_eq!((one.landed + two.landed, one.known + two.known, one.rejected + two.rejected), (6_000, 6_000, 0));
    assert_eq!(count(app, "SELECT COUNT(*) FROM subscription").await, 6_000);
    assert_eq!(count(app, "SELECT COUNT(*) FROM person").await, 40);
    assert_eq!(kit.broken().await, Vec::<&str>::new());
});

story!(each_row_lands_with_its_kind_and_the_reason, kit => {
    let app = &kit.app;
    let row = |number: u32, rest: &str| format!("{},{rest},990100,社会渠道,2013-09-01", phone(number));
    let (one, two) = (id(1), id(2));
    let company = chuangsha_kernel::OrganisationCode::compose('9', '1', kit::CITY, "MA000001").unwrap();
    let report = rows(app, &[
        good(1, 1),
        row(2, ",,,,,,,"),
        row(3, &format!("王小明,身份证,{two},演示一号,否,,,")),
        row(4, &format!(",身份证,{two},演示一号,是,,,")),
        row(5, "王小明,身份证,,演示一号,是,,,"),
        row(6, &format!("王小明,身份证,{two},,是,,,")),
        row(7, &format!("王小明,身份证,{two},演示一号,是,李小红,,")),
        row(8, &format!("演示公司,营业执照,{company},演示一号,是,,,")),
        row(9, &format!(",,,,,,演示公司,{company}")),
        row(10, &format!("王小明,身份证,{one},演示一号,是,,演示公司,{company}")),
        row(11, &format!("王小明,身份证,{one},演示一号,是,王小明,,")),
    ]).await;
    assert_eq!((report.rows, report.landed, report.rejected), (11, 11, 0), "{:?}", told(app, &report).await);
    assert_eq!((report.unverified, report.incomplete, report.holder_differs, report.group_card), (2, 3, 1, 2));
    for (number, wanted) in [
        (1, None),
        (2, Some((Kind::Unverified, "import.nobody"))),
        (3, Some((Kind::Unverified, "import.declared_unverified"))),
        (4, Some((Kind::Incomplete, "import.no_name"))),
        (5, Some((Kind::Incomplete, "import.no_document"))),
        (6, Some((Kind::Incomplete, "import.no_address"))),
        (7, Some((Kind::HolderDiffers, "import.other_user"))),
        (8, Some((Kind::GroupCard, "import.group_card"))),
        (9, Some((Kind::GroupCard, "import.group_card"))),
        (10, None),
        (11, None),
    ] {
        let found = finding(app, number).await;
        assert_eq!(found.as_ref().map(|found| (found.kind, found.reason.as_str())), wanted, "number {number}");
        assert_eq!(held(app, number).await.real_name, wanted.is_none(), "number {number}");
    }
    // An organisation's number is counted on nobody, an actual user's on them (R-LIM-2).
    assert_eq!((held(app, 8).await.slot, held(app, 10).await.slot), (None, Some(2)));
    assert_eq!(held(app, 8).await.subject, held(app, 9).await.subject, "one organisation is one subject");
    assert_eq!(held(app, 1).await.channel_kind, ChannelKind::SocialOutlet as i64);
    let only = Filter { region: "99".into(), kinds: vec![Kind::GroupCard], channel_kinds: vec![ChannelKind::SocialOutlet as i64] };
    let nowhere = Filter { region: "14".into(), ..Filter::default() };
    let (groups, none, page) = app.read(move |tx| {
        Ok((kind::count(tx, &only)?, kind::count(tx, &nowhere)?, kind::open_findings(tx, &Filter::default(), None, 5)?))
    }).await.unwrap();
    assert_eq!((groups, none, page.len()), (2, 0, 5));
    let (after, now) = (page.last().unwrap().subscription, app.clock.now());
    let (rest, closed, again) = app.write(move |tx| {
        let rest = kind::open_findings(tx, &Filter::default(), Some(after), 100)?;
        Ok((rest, kind::close(tx, after, now)?, kind::close(tx, after, now)?))
    }).await.unwrap();
    assert_eq!((rest.len(), closed, again), (3, true, false));
    // What was sealed opens, with the key of its person only.
    let subject = held(app, 1).await.subject.unwrap();
    let reader = app.clone();
    let name = app.read(move |tx| {
        let (_, party) = subscription::holder(tx, &[subject])?.unwrap();
        let key = reader.key_if_any(tx, subject.0, chuangsha_vault::Domain::Identity)?.unwrap();
        chuangsha_app::platform::keys::open(&key, chuangsha_app::registration::desk::place::NAME, &party.name)
    }).await.unwrap();
    assert_eq!(name, "王小明");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
    assert_eq!(count(app, "SELECT SUM(delta) FROM figure_delta WHERE metric = 7").await, 11);
    assert_eq!(count(app, "SELECT SUM(delta) FROM figure_delta WHERE metric = 8").await, 3);
    assert_eq!(count(app, "SELECT COUNT(*) FROM audit_entry WHERE action = 'import.batch'").await, 1, "one entry a transaction, not one a row");
});

story!(what_cannot_be_right_goes_to_the_reject_file_and_the_rest_lands, kit => {
    let app = &kit.app;
    let mut wrong = id(1);
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });
    let row = |number: &str, document: &str, rest: &str| format!("{number},王小明,身份证,{document},演示一号,是,,,,{rest}");
    let (fine, usual) = (id(1), "990100,社会渠道,2013-09-01");
    let report = rows(app, &[
        good(1, 1),
        row("", &fine, usual),
        row("1380000", &fine, usual),
        row(&phone(2), &wrong, usual),
        row(&phone(3), &fine, "999900,社会渠道,2013-09-01"),
        row(&phone(4), &fine, "990100,路边摊,2013-09-01"),
        row(&phone(5), &fine, "990100,社会渠道,01.09.2013"),
        row(&phone(6), &fine, "990100,社会渠道,2099-01-01"),
        format!("\"{}", good(7, 2)),
        good(1, 2),
        format!("{},王小明\u{200b},身份证,{fine},演示一号,是,,,,{usual}", phone(8)),
        "x".repeat(70_000),
        format!("\"{}\",\"王小明\",身份证,{fine},\"演示一号, \"\"二\"\" 楼\",是,,,,{usual}", phone(9)),
        String::new(),
        good(10, 1),
    ]).await;
    assert_eq!((report.rows, report.landed, report.known), (14, 3, 0));
    let said = told(app, &report).await;
    let said: Vec<(i64, &str, &str)> = said.iter().map(|(row, field, code)| (*row, field.as_str(), code.as_str())).collect();
    assert_eq!(said, [
        (3, "number", "import.field_missing"),
        (4, "number", "phone.length"),
        (5, "document_number", "document.check_digit"),
        (6, "region", "import.region_unknown"),
        (7, "channel_kind", "import.word_unknown"),
        (8, "since", "import.date_form"),
        (9, "since", "import.date_ahead"),
        (10, "", "import.quote"),
        (11, "number", "import.number_taken"),
        (12, "name", "name.invisible"),
        (13, "", "import.row_long"),
    ]);
    let mut sheet = Sheet::new(Vec::new()).unwrap();
    assert_eq!(rejects::write_all(app, report.run.unwrap(), &mut sheet).await.unwrap(), 11);
    let text = String::from_utf8(sheet.end().unwrap()).unwrap();
    assert!(text.starts_with("\u{feff}row,field,code,reason_zh,reason_en,remedy\n3,number,import.field_missing,"), "{text}");
    assert!(text.contains("手机号码应为 11 位数字，现为 7 位") && text.contains("this one has 7"), "the reason with its count");
    for value in ["1380000", &wrong, "王小明", "路边摊", &phone(2)] {
        assert!(!text.contains(value), "a reject repeats what the row holds");
    }
    // The same rows under a mapping that lets them in: without the value that is wrong, as of incomplete information.
    let lenient = Request {
        mapping: "malformed = 'finding'".into(),
        ..request(format!("{HEADING}\n{}\n", row(&phone(2), &wrong, usual)))
    };
    assert_eq!(take(app, &lenient).await.incomplete, 1);
    assert_eq!(finding(app, 2).await.unwrap().reason, "import.document_invalid");
});

story!(a_first_generation_number_becomes_one_of_eighteen_digits, kit => {
    let app = &kit.app;
    let new = id(1);
    // 15 digits lack the century and the check digit.
    let old = format!("{}{}", &new[..6], &new[8..17]);
    let born_before_2000 = &new[6..8] == "19";
    assert!(born_before_2000, "the first generation knows no other century");
    rows(app, &[good(1, 1)]).await;
    let report = rows(app, &[format!("{},王小明,身份证,{old},演示一号,是,,,,990100,社会渠道,2001-02-03", phone(2))]).await;
    assert_eq!((report.landed, report.incomplete), (1, 0), "{:?}", told(app, &report).await);
    assert_eq!(held(app, 1).await.person_key, held(app, 2).await.person_key, "one person behind both numbers");
});

story!(nothing_lands_twice_and_a_number_has_one_holder, kit => {
    let app = &kit.app;
    let base: Vec<String> = (1..=40).map(|number| good(number, u16::try_from(number % 3).unwrap())).collect();
    let first = rows(app, &base).await;
    assert_eq!((first.landed, first.again), (40, false));
    let again = rows(app, &base).await;
    assert_eq!((again.landed, again.again, again.run), (40, true, first.run), "the same file is the same run");
    // Another file with the same rows, one more, and one under somebody else.
    let mut other: Vec<String> = base.iter().rev().cloned().collect();
    other.push(good(41, 1));
    other[0] = good(40, 2);
    let report = rows(app, &other).await;
    assert_eq!((report.landed, report.known, report.rejected), (1, 39, 1));
    assert_eq!(told(app, &report).await, [(2, "number".to_owned(), "import.number_taken".to_owned())]);
    assert_eq!(count(app, "SELECT COUNT(*) FROM subscription").await, 41);
    // Fifteen numbers of one person are kept; nothing new is given beyond the limit (L-LIM-1).
    let most = "SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM quota_slot GROUP BY person_key) AS held";
    assert_eq!(count(app, most).await, 15);
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let numbers = kit.numbers(9_001, 3).await;
    assert!(matches!(kit.reserved(&clerk, numbers[0], 1).await, Err(Failure::Problem(problem)) if problem.code.id == "registration.quota_full"));
    assert_eq!(kit.broken().await, Vec::<&str>::new());
    // A number of the pool that is free is taken into use; one that somebody reserved is not.
    kit.reserved(&clerk, numbers[1], 900).await.unwrap();
    let mut phones = Vec::new();
    for number in [numbers[1], numbers[2]] {
        let index: Vec<u8> = app.read(move |tx| Ok(table::number(tx, number)?.index)).await.unwrap();
        let same = |phone: &u32| app.vault.blind(Field::Phone, &format!("86199{phone:08}")).unwrap().as_bytes() == index;
        phones.push((0..20_000_u32).find(same).expect("a number of the kit"));
    }
    let row = |phone: u32| format!("199{phone:08},王小明,身份证,{},演示一号,是,,,,990100,社会渠道,2013-09-01", id(950));
    let report = rows(app, &[row(phones[0]), row(phones[1])]).await;
    assert_eq!(told(app, &report).await, [(2, "number".to_owned(), "import.number_busy".to_owned())]);
    let pool = numbers[2];
    assert_eq!((report.landed, app.read(move |tx| Ok(table::number(tx, pool)?.state)).await.unwrap()), (1, 3));
    assert_eq!(kit.broken().await, Vec::<&str>::new());
});

story!(who_has_too_many_numbers_keeps_five_gives_up_some_and_some_were_never_theirs, kit => {
    let app = &kit.app;
    let mut base: Vec<String> = (1..=8).map(|number| good(number, 1)).collect();
    base.extend((9..=13).map(|number| good(number, 2)));
    base.extend((14..=17).map(|number| good(number, 3)));
    rows(app, &base).await;
    let found = (excess::find(app).await.unwrap(), excess::find(app).await.unwrap());
    assert_eq!(found, (2, 0), "eight are too many, five are verified again one by one, four are nobody's business; a case is found once");
    let manager = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY);
    let elsewhere = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, "990200");
    let all = || excess::table::Filter { limit: 10, ..excess::table::Filter::default() };
    let (cases, total) = excess::list(app, &manager, all(), true).await.unwrap();
    let with = |numbers: i64| cases.iter().find(|case| case.numbers == numbers).unwrap().clone();
    let (case, five) = (with(8), with(5));
    assert_eq!((total, case.most, five.most, case.region.as_str()), (Some(2), 5, 5, kit::CITY));
    // Exactly five: each is verified, all may stay, and the same numbers are not asked about again (L-LIM-2).
    let shown = excess::show(app, &manager, five.id).await.unwrap();
    let all_kept = shown.numbers.iter().map(|(held, _)| (held.id, Said::Keep)).collect();
    assert_eq!(excess::decide(app, &manager, five.id, all_kept, "在一号厅逐号核验".into()).await.unwrap().kept, 5);
    assert_eq!((excess::find(app).await.unwrap(), count(app, "SELECT COUNT(*) FROM subscription WHERE state = 2").await), (0, 0));
    assert_eq!(excess::list(app, &elsewhere, all(), true).await.unwrap().1, Some(0));
    let refused = |result: Result<_, Failure>| match result {
        Err(Failure::Problem(problem)) => problem.code.id,
        Err(other) => panic!("{other}"),
        Ok::<excess::Case, _>(_) => "settled",
    };
    assert_eq!(refused(excess::decide(app, &elsewhere, case.id, Vec::new(), "在一号厅".into()).await), "excess.not_found");
    let shown = excess::show(app, &manager, case.id).await.unwrap();
    assert!(shown.numbers.iter().all(|(_, number)| number.contains('*')), "the numbers are masked");
    let answers = |kept: usize| -> Vec<(uuid::Uuid, Said)> {
        let said = |at: usize| if at < kept { Said::Keep } else if at == kept { Said::GiveUp } else { Said::NotMine };
        shown.numbers.iter().enumerate().map(|(at, (held, _))| (held.id, said(at))).collect()
    };
    assert_eq!(refused(excess::decide(app, &manager, case.id, answers(6), "在一号厅".into()).await), "excess.too_many");
    assert_eq!(refused(excess::decide(app, &manager, case.id, answers(5)[1..].to_vec(), "在一号厅".into()).await), "excess.incomplete");
    assert_eq!(refused(excess::decide(app, &manager, case.id, answers(5), String::new()).await), "registration.words_missing");
    let settled = excess::decide(app, &manager, case.id, answers(5), "在一号厅当面核对原件".into()).await.unwrap();
    assert_eq!((settled.kept, settled.given_up, settled.not_mine), (5, 1, 2));
    assert_eq!(refused(excess::decide(app, &manager, case.id, answers(5), "再一次".into()).await), "excess.settled");
    assert_eq!(excess::find(app).await.unwrap(), 0);
    // What was given up has ended; what was never theirs is nobody's, and found to be.
    assert_eq!(count(app, "SELECT COUNT(*) FROM subscription WHERE state = 2").await, 1);
    assert_eq!(count(app, "SELECT COUNT(*) FROM number_pool WHERE state = 4").await, 1);
    assert_eq!(count(app, "SELECT COUNT(*) FROM subscription WHERE subject IS NULL AND person_key IS NULL AND real_name = 0").await, 2);
    assert_eq!(count(app, "SELECT COUNT(*) FROM base_finding WHERE kind = 3 AND reason = 'excess.not_mine' AND closed_at IS NULL").await, 2);
    assert_eq!(count(app, "SELECT SUM(delta) FROM figure_delta WHERE metric = 7").await, 16);
    assert_eq!(count(app, "SELECT SUM(delta) FROM figure_delta WHERE metric = 8").await, 14);
    assert_eq!(count(app, "SELECT COUNT(*) FROM audit_entry WHERE case_kind = 'excess'").await, 4);
    // Whoever uses them does so in the name of somebody who denies it: stopped outgoing as disputed, and told why (L-LIM-4).
    assert_eq!(count(app, "SELECT COUNT(*) FROM suspension_hold WHERE ground = 5 AND state = 5 AND article = 'L-LIM-4'").await, 2);
    // The element is told that what was given up is closed.
    assert_eq!(count(app, "SELECT COUNT(*) FROM outbox WHERE topic = 'network' AND substr(message_key, 1, 9) = 'line-end:'").await, 1);
    assert_eq!(kit.broken().await, Vec::<&str>::new());
});

story!(a_file_sent_through_the_console_is_taken_in_by_the_server_and_destroyed, kit => {
    let app = &kit.app;
    let manager = kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.hq, "99");
    let sent = |rows: &[String]| desk::Sent { name: "base.csv".into(), bytes: format!("{HEADING}\n{}\n", rows.join("\n")).into(), mapping: String::new() };
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    assert!(desk::send(app, &clerk, &sent(&[good(1, 1)])).await.is_err(), "a clerk brings nothing over");
    let (trial, first) = desk::weigh(app, &manager, &sent(&[good(1, 1), String::from("x")])).await.unwrap();
    assert_eq!((trial.landed, trial.rejected, first.len()), (1, 1, 1));
    let base: Vec<String> = (1..=50).map(|number| good(number, u16::try_from(number).unwrap())).collect();
    let id = desk::send(app, &manager, &sent(&base)).await.unwrap();
    assert_eq!(desk::send(app, &manager, &sent(&base)).await.unwrap(), id, "sent twice, it is one import");
    let sealed = app.objects.get(id).await.unwrap();
    assert!(!sealed.windows(9).any(|window| window == "王小明".as_bytes()), "in clear among the files");
    assert_eq!(desk::turn(app).await.unwrap(), 1);
    let run = desk::find(app, &manager, id).await.unwrap();
    assert_eq!((run.state.as_str(), run.landed), ("done", 50));
    assert!(app.objects.get(id).await.is_err(), "the file is gone with its key");
    assert_eq!(desk::turn(app).await.unwrap(), 0);
    let elsewhere = kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.hq, "98");
    assert!(desk::find(app, &elsewhere, id).await.is_err());
    // Stopped before its turn; sent again, it goes on. A file that is none ends with its reason.
    let other = sent(&[good(99, 9)]);
    let id = desk::send(app, &manager, &other).await.unwrap();
    desk::cancel(app, &manager, id).await.unwrap();
    assert_eq!(desk::turn(app).await.unwrap(), 0);
    assert_eq!(desk::send(app, &manager, &other).await.unwrap(), id);
    assert_eq!(desk::turn(app).await.unwrap(), 1);
    assert_eq!(desk::find(app, &manager, id).await.unwrap().landed, 1);
    let broken = desk::Sent { bytes: bytes::Bytes::from_static(b"a,b\n1,2\n"), ..sent(&[]) };
    let id = desk::send(app, &manager, &broken).await.unwrap();
    desk::turn(app).await.unwrap();
    let run = desk::find(app, &manager, id).await.unwrap();
    assert_eq!((run.state.as_str(), run.error.as_str()), ("failed", "import.column_missing"));
    // Its words are kept with it and name what is missing.
    let told = serde_json::to_value(ImportView::from(&run)).unwrap();
    let missing = run.error_data["column"].clone();
    assert_eq!(told["stopped_by"]["reason_zh"], format!("找不到字段 {missing} 的列"));
    assert_eq!(told["stopped_by"]["reason_en"], format!("There is no column for the field {missing}"));
    assert!(!told.to_string().contains("{column}"), "{told}");
    assert_eq!(run.stopped().unwrap().remedy(Language::English), told["stopped_by"]["remedy_en"]);
    // Sent anew it begins without them; what ends as it should says nothing.
    assert_eq!(desk::send(app, &manager, &broken).await.unwrap(), id);
    let run = desk::find(app, &manager, id).await.unwrap();
    assert!(run.state.live() && run.error.is_empty() && run.error_data.is_empty() && run.stopped().is_none());
    let cut = desk::Sent { bytes: bytes::Bytes::from_static(b"PK\x03\x04 no workbook"), ..sent(&[]) };
    let id = desk::send(app, &manager, &cut).await.unwrap();
    while desk::turn(app).await.unwrap() > 0 {}
    let stopped = desk::find(app, &manager, id).await.unwrap().stopped().unwrap();
    assert_eq!(stopped.title(Language::Chinese), "文件以 XLSX 开头，却没有 XLSX 的结尾：内容不完整");
});

story!(a_trial_tells_all_and_writes_nothing, kit => {
    let app = &kit.app;
    rows(app, &[good(1, 1)]).await;
    let before = count(app, "SELECT COUNT(*) FROM audit_entry").await;
    let wanted = request(format!("{HEADING}\n{}\n{}\n{}\n{}\n", good(1, 1), good(2, 2), good(3, 2), good(2, 3)));
    let mut heard = Vec::new();
    let mut refused = |found: &[Reject]| {
        heard.extend(found.iter().map(|reject| (reject.row, reject.code.id)));
        Ok(())
    };
    let report = run::weigh(app, &wanted, &mut |_| {}, &mut refused).await.unwrap();
    assert_eq!((report.landed, report.known, report.rejected, report.dry_run), (2, 1, 1, true));
    assert_eq!(heard, [(5, "import.number_taken")]);
    assert_eq!(count(app, "SELECT COUNT(*) FROM subscription").await, 1);
    assert_eq!(count(app, "SELECT COUNT(*) FROM audit_entry").await, before);
});

/// The same four rows in every form a carrier may have them in.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_what_it_holds_and_not_what_it_is_called() {
    let lines: Vec<String> = (1..=4).map(|number| good(number, u16::try_from(number).unwrap())).collect();
    let text = format!("{HEADING}\r\n{}\r\n", lines.join("\r\n"));
    let cells: Vec<Vec<String>> = lines.iter().map(|line| line.split(',').map(ToOwned::to_owned).collect()).collect();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let gb18030 = encoding_rs::GB18030.encode(&text.replace("王小明", "王小㼆")).0.into_owned();
    let semicolons = text.replace(',', ";").into_bytes();
    for (form, bytes) in [
        ("csv (UTF-8)", text.clone().into_bytes()),
        ("csv (UTF-8)", format!("\u{feff}{text}").into_bytes()),
        ("csv (UTF-8)", semicolons),
        ("csv (UTF-8)", text.replace("\r\n", "\n").trim_end().as_bytes().to_vec()),
        ("csv (GB18030)", gb18030),
        ("csv (UTF-16)", utf16),
        ("xlsx", workbook(&cells)),
        ("parquet", parquet_file(&cells)),
    ] {
        let store = testkit::sqlite().await;
        let kit = Kit::new(store.store.clone()).await;
        let report = take(&kit.app, &request(bytes)).await;
        assert_eq!(report.format, form);
        assert_eq!((report.rows, report.landed), (4, 4), "{form}: {:?}", told(&kit.app, &report).await);
        assert!(held(&kit.app, 4).await.real_name, "{form}");
    }
    let store = testkit::sqlite().await;
    let kit = Kit::new(store.store.clone()).await;
    for (bytes, code) in [
        (Vec::new(), "import.empty"),
        (b"PK\x03\x04 no workbook".to_vec(), "import.cut_short"),
        (b"PAR1 no columns".to_vec(), "import.cut_short"),
        (half(&workbook(&cells)), "import.cut_short"),
        (half(&parquet_file(&cells)), "import.cut_short"),
        ([b"PK\x03\x04PK\x05\x06".as_slice(), &[0; 18]].concat(), "import.xlsx_broken"),
        (b"PAR1 no columns PAR1".to_vec(), "import.parquet_broken"),
        (in_zstd(parquet_file(&cells)), "import.parquet_compression"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 of the old form".to_vec(), "import.workbook_old"),
        (b"a,b\n1,2\n".to_vec(), "import.column_missing"),
    ] {
        let told = problem(&kit.app, &request(bytes)).await;
        assert_eq!(told.code.id, code);
        for language in [Language::Chinese, Language::English] {
            assert!(!told.title(language).contains('{') && !told.remedy(language).contains('{'), "{told}");
        }
    }
    let elsewhere = Request { mapping: "sheet = \"Base\"\n".into(), ..request(workbook(&cells)) };
    assert_eq!(problem(&kit.app, &elsewhere).await.title(Language::Chinese), "工作簿中没有名为「Base」的工作表");
    let other = Request { mapping: "columns = 1".into(), ..request("x") };
    assert_eq!(refused(&kit.app, &other).await, "import.mapping");
    // A byte that is no character spoils its row and no other.
    let mut broken = format!("{HEADING}\n{}\n", good(1, 1)).into_bytes();
    broken.extend(b"\xff\xff,\n");
    broken.extend(good(2, 2).into_bytes());
    let report = take(&kit.app, &request(broken)).await;
    assert_eq!(report.format, "csv (UTF-8)", "its heading says what it is");
    assert_eq!((report.landed, report.rejected, report.rows), (2, 1, 3));
    assert_eq!(told(&kit.app, &report).await, [(3, String::new(), "import.encoding".to_owned())]);
}

/// What is left of a file when its transfer breaks off.
fn half(whole: &[u8]) -> Vec<u8> {
    whole[..whole.len() / 2].to_vec()
}

/// The last column says it is packed with ZSTD: its codec stands behind its name, 1 for Snappy and 6 for ZSTD, both doubled.
fn in_zstd(mut file: Vec<u8>) -> Vec<u8> {
    let snappy = "入网日期\u{15}\u{2}".as_bytes();
    let at = file.windows(snappy.len()).rposition(|part| part == snappy).unwrap();
    file[at + snappy.len() - 1] = 12;
    file
}

fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let heads = HEADING.split(',').map(|head| (head.to_owned(), 20)).collect();
    let about = About { title: "底数".into(), sheet: "说明".into(), facts: Vec::new(), heads, mark: String::new() };
    let mut archive = xlsx::Archive::default();
    let mut bytes = xlsx::head(&mut archive, &about);
    bytes.extend(xlsx::lines(&mut archive, 0, rows));
    bytes.extend(xlsx::tail(&mut archive, &about));
    bytes
}

fn parquet_file(rows: &[Vec<String>]) -> Vec<u8> {
    use parquet::{
        basic::Compression,
        data_type::{ByteArray, ByteArrayType, Int32Type},
        file::{properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };
    let heads: Vec<&str> = HEADING.split(',').collect();
    let columns: Vec<String> =
        heads
            .iter()
            .map(|head| {
                if *head == "入网日期" {
                    format!("REQUIRED INT32 {head} (DATE);")
                } else {
                    format!("OPTIONAL BYTE_ARRAY {head} (UTF8);")
                }
            })
            .collect();
    let schema = Arc::new(parse_message_type(&format!("message base {{ {} }}", columns.join(" "))).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (place, head) in heads.iter().enumerate() {
        let mut column = group.next_column().unwrap().unwrap();
        if *head == "入网日期" {
            // 2013-09-01 in days since 1970.
            column.typed::<Int32Type>().write_batch(&vec![15_949; rows.len()], None, None).unwrap();
        } else {
            let filled: Vec<i16> = rows.iter().map(|row| i16::from(!row[place].is_empty())).collect();
            let values: Vec<ByteArray> =
                rows.iter().filter(|row| !row[place].is_empty()).map(|row| ByteArray::from(row[place].as_str())).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&filled), None).unwrap();
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// Broken rows in such numbers that keeping them would show, each one told.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_nothing_but_broken_rows_is_refused_row_by_row() {
    const ROWS: u64 = 60_000;
    let store = testkit::sqlite().await;
    let kit = Kit::new(store.store.clone()).await;
    let mut text = format!("{HEADING}\n");
    for row in 0..ROWS {
        text.push_str(match row % 5 {
            0 => "1990000,,,,,,,,,990100,,2013-09-01\n",
            1 => "\"never closed,,,,,\n",
            2 => ",,,,,,,,,,,\n",
            3 => "no fields at all\n",
            _ => "19900000001,王小明,身份证,123,,,,,,990100,,2013-09-01\n",
        });
    }
    let report = take(&kit.app, &Request { batch: 10_000, ..request(text) }).await;
    assert_eq!((report.rows, report.landed, report.rejected), (ROWS, 0, ROWS));
    let mut sheet = Sheet::new(std::io::sink()).unwrap();
    assert_eq!(rejects::write_all(&kit.app, report.run.unwrap(), &mut sheet).await.unwrap(), ROWS);
    assert_eq!(count(&kit.app, "SELECT COUNT(*) FROM import_reject").await, 60_000);
    assert_eq!(count(&kit.app, "SELECT COUNT(*) FROM audit_entry WHERE action = 'import.batch'").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_lies_in_the_record_in_clear() {
    let store = testkit::sqlite().await;
    let kit = Kit::new(store.store.clone()).await;
    rows(&kit.app, &[good(1, 1), good(1, 2), format!("{},王小明,身份证,1,演示一号,是,,,,990100,社会渠道,2013-09-01", phone(3))]).await;
    kit.app.store.close().await;
    let path = PathBuf::from(store.config.url.strip_prefix("sqlite:").unwrap());
    for end in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{end}", path.display())).unwrap_or_default();
        for value in [phone(1), phone(3), id(1), "王小明".to_owned(), "演示一号".to_owned(), "演示省演示一市一号".to_owned()]
        {
            assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()), "in clear in the file{end}");
        }
    }
}

const URL: &str = "CHUANGSHA_TEST_URL";
const FOLDER: &str = "CHUANGSHA_TEST_FOLDER";
const KILL: &str = "CHUANGSHA_TEST_KILL";
const BASE: u32 = 30_000;
const KILLS: u64 = 6;

/// A base with people of several numbers, and a bad row in every hundred.
fn base() -> String {
    let mut text = format!("{HEADING}\n");
    for number in 0..BASE {
        let row = if number % 100 == 99 {
            ",,,,,,,,,990100,,2013-09-01".to_owned()
        } else {
            good(number, u16::try_from(number % 2_000).unwrap())
        };
        text.push_str(&row);
        text.push('\n');
    }
    text
}

fn whole(folder: &Path) -> Request {
    let source = Source::Path(folder.join("base.csv"));
    Request { source, file_name: "base.csv".into(), mapping: String::new(), batch: 1_000, most_batches: 0 }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child process of the kill test"]
async fn child_that_is_killed() {
    let (Ok(url), Ok(folder), Ok(kill)) = (std::env::var(URL), std::env::var(FOLDER), std::env::var(KILL)) else { return };
    let store = Store::open(&Config { writers: 2, readers: 1, ..Config::new(&url) }).await.unwrap();
    let folder = PathBuf::from(folder);
    let kit = Kit::again(store, &folder.join("root.key"), 100 + kill.parse::<u64>().unwrap()).await;
    run::take(&kit.app, &whole(&folder), "terminal", &mut |progress| println!("\nthrough {}", progress.rows)).await.unwrap();
    println!("\nwhole");
}

async fn prove(url: &str) {
    let folder = testkit::Directory::new();
    std::fs::write(folder.path().join("base.csv"), base()).unwrap();
    let config = Config { writers: 2, readers: 1, connect_timeout_ms: 30_000, ..Config::new(url) };
    let store = Store::open(&config).await.unwrap();
    Kit::lasting(store.clone(), &folder.path().join("root.key")).await;
    store.close().await;
    let dice = Ids::seeded(20_261_122);
    for kill in 0..KILLS {
        let (url, path) = (url.to_owned(), folder.path().to_owned());
        let mut byte = [0_u8; 1];
        dice.fill(&mut byte);
        let patience = usize::from(byte[0] % 4);
        tokio::task::spawn_blocking(move || {
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
                .env(URL, url)
                .env(FOLDER, path)
                .env(KILL, kill.to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let heard = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
            // So many transactions were told; the next one is under way.
            let told = heard.filter(|line| line.contains("through ")).take(patience).count();
            process.kill().unwrap();
            process.wait().unwrap();
            assert_eq!(told, patience, "the child ended by itself");
        })
        .await
        .unwrap();
        let store = Store::open(&config).await.unwrap();
        let found = store.read(|tx| {
            let landed = tx.query_one("SELECT COUNT(*) FROM subscription", &[])?.int(0)?;
            let run = tx.query_opt("SELECT landed, rejected, (SELECT COUNT(*) FROM import_reject) FROM import_run", &[])?;
            Ok::<_, StoreError>((landed, run.map(|run| Ok::<_, StoreError>((run.int(0)?, run.int(1)?, run.int(2)?))).transpose()?))
        });
        let (landed, run) = found.await.unwrap();
        if let Some((counted, rejected, told)) = run {
            assert_eq!((counted, rejected), (landed, told), "kill {kill}: what is counted is what is there");
        }
        store.close().await;
    }
    let store = Store::open(&config).await.unwrap();
    let kit = Kit::again(store, &folder.path().join("root.key"), 999).await;
    let report = run::take(&kit.app, &whole(folder.path()), "terminal", &mut |_| {}).await.unwrap();
    assert!(report.resumed_behind > 0, "the kills came before anything was committed");
    assert_eq!((report.rows, report.landed, report.known, report.rejected), (30_000, 29_700, 0, 300));
    let app = &kit.app;
    assert_eq!(count(app, "SELECT COUNT(*) FROM subscription").await, 29_700);
    assert_eq!(count(app, "SELECT COUNT(DISTINCT line) FROM import_reject").await, 300);
    assert_eq!(count(app, "SELECT SUM(delta) FROM figure_delta WHERE metric = 7").await, 29_700);
    assert_eq!(count(app, "SELECT COUNT(*) FROM registration_party").await, 29_700);
    assert_eq!(count(app, "SELECT COUNT(*) FROM person").await, 1_980);
    // Each transaction has its one entry, and no row is in two.
    let facts = app.read(|tx| {
        let rows = tx.query("SELECT facts FROM audit_entry WHERE action = $1", &params!["import.batch"])?;
        Ok(rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?)
    });
    let landed: i64 = facts
        .await
        .unwrap()
        .iter()
        .map(|facts| serde_json::from_str::<serde_json::Value>(facts).unwrap()["landed"].as_i64().unwrap())
        .sum();
    assert_eq!(landed, 29_700);
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_sqlite_it_goes_on_behind_what_was_committed() {
    let folder = testkit::Directory::new();
    prove(&format!("sqlite:{}", folder.path().join("kill.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_postgres_it_goes_on_behind_what_was_committed() {
    let Some(cluster) = tokio::task::spawn_blocking(|| testkit::Cluster::start(true).map(Arc::new)).await.unwrap() else { return };
    let database = Arc::clone(&cluster);
    let url = tokio::task::spawn_blocking(move || database.new_database()).await.unwrap();
    prove(&url).await;
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
