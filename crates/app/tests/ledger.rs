//! The story of a trunk on every store: who may ask, what is missing named, what a sweep finds, what is shut down, and files in and out (R-LED, L-LED).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    platform::{actor::Actor, failure::Failure, people::OrganisationKind},
    resources::{
        self, Application, Asked, Clause, Defect, Direction, Document, Filter, Industry, Kind, Paper, Purpose, Resource, State, file,
        sweep::{self, Finding, Outcome, Plan, Stage, Work},
        watch::{self, Watch},
    },
};
use chuangsha_kernel::{OrganisationCode, problem::Language, role::Role, rulebook::ChannelKind, time::DAY_MS};
use chuangsha_store::params;
use chuangsha_world::kit::{self, Kit, refused};
use chuangsha_world::story;
use jiff::civil::{Date, date};

fn manager(kit: &Kit) -> Actor {
    kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.city, kit::CITY)
}

fn credit_code(number: u32) -> String {
    OrganisationCode::compose('9', '1', kit::CITY, &format!("MA{number:06}")).unwrap()
}

fn application(code: &str) -> Application {
    Application {
        code: code.into(),
        kind: Kind::VoiceTrunk,
        region: kit::CITY.into(),
        subject_code: credit_code(1),
        subject_name: "演示呼叫中心".into(),
        industry: Industry::CallCentre,
        papers: Document::ALL
            .iter()
            .map(|document| Paper { document: *document, reference: "X-1".into(), valid_until: None, in_scope: true })
            .collect(),
        access_point: "演示机楼".into(),
        purpose: Purpose::CustomerService,
        direction: Direction::Both,
        callers: vec!["95599*".into()],
        unit: "政企部".into(),
        owner: "D0051".into(),
    }
}

fn open() -> Asked {
    Asked::Open { clauses: Clause::ALL.to_vec(), calls_per_callee: 2, calls_per_day: 1_000 }
}

async fn step(kit: &Kit, by: &Actor, line: &Resource, asked: Asked) -> Result<Resource, Failure> {
    resources::step(&kit.app, by, line.id, line.version, asked, "测试".into()).await
}

async fn running(kit: &Kit, by: &Actor, code: &str) -> Resource {
    let line = resources::apply(&kit.app, by, application(code)).await.unwrap();
    let line = step(kit, by, &line, Asked::Vet).await.unwrap();
    step(kit, by, &line, open()).await.unwrap()
}

story!(only_organisations_ask_and_only_own_halls_take_it, kit => {
    let own = kit.clerk(kit.outlet("Z-1", ChannelKind::OwnHall).await);
    let agent = kit.clerk(kit.outlet("S-1", ChannelKind::SocialOutlet).await);
    assert_eq!(refused(resources::apply(&kit.app, &agent, application("T-01")).await), "resources.own_halls_only");
    let person = Application { subject_code: kit::resident_id(1), ..application("T-01") };
    assert_eq!(refused(resources::apply(&kit.app, &own, person).await), "resources.organisations_only");
    resources::apply(&kit.app, &own, application("T-01")).await.unwrap();
    assert_eq!(refused(resources::apply(&kit.app, &own, application("T-01")).await), "resources.code_taken");
    let number = Application { kind: Kind::Number400, code: "4001234567".into(), ..application("") };
    assert_eq!(refused(resources::apply(&kit.app, &own, number.clone()).await), "resources.never_out");
    resources::apply(&kit.app, &own, Application { direction: Direction::InboundOnly, ..number }).await.unwrap();
});

story!(each_step_leaves_its_version_and_its_entry, kit => {
    let manager = manager(&kit);
    let line = running(&kit, &manager, "T-01").await;
    assert_eq!(refused(step(&kit, &manager, &Resource { version: 1, ..line.clone() }, Asked::ShutDown).await), "resources.changed");
    let other = Asked::Repurpose { purpose: Purpose::Marketing, direction: Direction::Both, approval: String::new() };
    assert_eq!(refused(step(&kit, &manager, &line, other).await), "resources.no_approval");
    let other = Asked::Repurpose { purpose: Purpose::Marketing, direction: Direction::Both, approval: "批〔2026〕1 号".into() };
    let line = step(&kit, &manager, &line, other).await.unwrap();
    let (_, _, history) = resources::find(&kit.app, &manager, line.id).await.unwrap();
    assert_eq!(history.iter().map(|one| one.version).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert!(history.first().unwrap().line.contains("marketing") && history.last().unwrap().line.contains("customer_service"));
    let entries = kit.app.read(move |tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE case_kind = 'ledger'", &[])?.int(0)?)).await.unwrap();
    assert_eq!(entries, 4);
    let clerk = kit.clerk(kit.outlet("Z-1", ChannelKind::OwnHall).await);
    assert_eq!(refused(resources::find(&kit.app, &clerk, line.id).await), "resources.not_found", "who may not see it does not learn that it is there");
});

story!(what_traffic_contradicts_is_corrected_by_the_deadline_or_shut_down, kit => {
    let manager = manager(&kit);
    let (kept, lost) = (running(&kit, &manager, "T-01").await, running(&kit, &manager, "T-02").await);
    let app = kit.app.clone();
    let now = app.clock.now();
    let (kept_id, lost_id) = (kept.id, lost.id);
    let report = move |tx: &mut chuangsha_store::Tx<'_>| {
        [kept_id, lost_id, lost_id].iter().map(|id| resources::report_finding(&app, tx, *id, Defect::ActualDiffers, "sub_lease:0190aa", now)).collect()
    };
    let news: Vec<bool> = kit.app.write(report).await.unwrap();
    assert_eq!(news, [true, true, false], "said once, it stays one finding");
    let about = watch::about(&kit.app, &manager, lost.id).await.unwrap();
    let told: Vec<_> = about.found.iter().map(|one| (one.defect, one.by.as_str(), one.evidence.as_str())).collect();
    assert_eq!(told, [(Defect::ActualDiffers, "screening", "sub_lease:0190aa")]);
    let (found, ..) = resources::find(&kit.app, &manager, kept.id).await.unwrap();
    assert_eq!((found.state, found.defects.as_slice()), (State::Correcting, [Defect::ActualDiffers].as_slice()));
    step(&kit, &manager, &found, Asked::Correct { defect: Defect::ActualDiffers }).await.unwrap();
    kit.clock.advance_ms(14 * DAY_MS);
    assert_eq!(resources::shut_overdue(&kit.app).await.unwrap(), 0);
    kit.clock.advance_ms(DAY_MS);
    assert_eq!(resources::shut_overdue(&kit.app).await.unwrap(), 1);
    assert_eq!(resources::shut_overdue(&kit.app).await.unwrap(), 0, "once");
    let state = async |id| resources::find(&kit.app, &manager, id).await.unwrap().0.state;
    assert_eq!((state(kept.id).await, state(lost.id).await), (State::Active, State::ShutDown));
});

fn plan(kit: &Kit) -> Plan {
    let today = kit.app.clock.now().day();
    Plan {
        name: "重点行业清查".into(),
        region: kit::CITY.into(),
        industries: Vec::new(),
        kinds: Vec::new(),
        starts: today,
        ends: today,
        lead: "1024".into(),
    }
}

story!(a_sweep_ends_when_every_line_has_its_result_and_its_defects_run_to_their_deadline, kit => {
    let manager = manager(&kit);
    assert_eq!(refused(sweep::plan(&kit.app, &manager, plan(&kit)).await), "resources.sweep_empty");
    let lines = [running(&kit, &manager, "T-01").await, running(&kit, &manager, "T-02").await, running(&kit, &manager, "T-03").await];
    let shop = Application { industry: Industry::Logistics, subject_code: credit_code(2), ..application("T-04") };
    let shop = resources::apply(&kit.app, &manager, shop).await.unwrap();
    let shop = step(&kit, &manager, &shop, Asked::Vet).await.unwrap();
    step(&kit, &manager, &shop, open()).await.unwrap();
    let clerk = kit.clerk(kit.outlet("Z-1", ChannelKind::OwnHall).await);
    assert!(sweep::plan(&kit.app, &clerk, plan(&kit)).await.is_err(), "a clerk plans none");
    let begun = sweep::plan(&kit.app, &manager, plan(&kit)).await.unwrap();
    assert_eq!(refused(sweep::find(&kit.app, &clerk, begun.id).await), "resources.sweep_not_found");

    // The courier is not among the industries that come first.
    let work = async |outcome| sweep::work(&kit.app, &manager, Work { sweep: Some(begun.id), outcome, limit: 50, ..Work::default() }).await.unwrap();
    assert_eq!(work(None).await.0.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["T-01", "T-02", "T-03"]);
    let check = async |line: &Resource, finding| sweep::check(&kit.app, &manager, begun.id, line.id, finding).await;
    assert_eq!(check(&lines[0], Finding::Clean).await.unwrap(), Outcome::Clean);
    assert_eq!(refused(check(&lines[0], Finding::Clean).await), "resources.already_checked");
    assert_eq!(refused(check(&lines[1], Finding::Gone).await), "resources.still_in_service");
    let empty = Finding::Defective { defects: vec![Defect::PurposeMissing], evidence: String::new() };
    assert_eq!(refused(check(&lines[1], empty).await), "resources.evidence_missing");
    let two = Finding::Defective { defects: vec![Defect::PurposeMissing, Defect::Abnormal], evidence: "现场未见登记的客服".into() };
    check(&lines[1], two).await.unwrap();
    assert_eq!(refused(check(&shop, Finding::Clean).await), "resources.not_found", "not on the list");
    assert_eq!(refused(sweep::close(&kit.app, &manager, begun.id).await), "resources.sweep_unfinished");
    step(&kit, &manager, &lines[2], Asked::ShutDown).await.unwrap();
    check(&lines[2], Finding::Gone).await.unwrap();

    let (_, progress) = sweep::find(&kit.app, &manager, begun.id).await.unwrap();
    let figures: Vec<_> = progress.iter().map(|one| (one.industry, one.region.as_str(), one.lines, one.clean, one.defective, one.gone)).collect();
    assert_eq!(figures, [(Industry::CallCentre, kit::CITY, 3, 1, 1, 1)]);
    assert_eq!(work(Some(Outcome::Defective)).await.1, 1);
    let closed = sweep::close(&kit.app, &manager, begun.id).await.unwrap();
    assert_eq!(closed.stage, Stage::Closed);
    assert_eq!(refused(sweep::close(&kit.app, &manager, begun.id).await), "resources.sweep_closed");
    let listed = sweep::list(&kit.app, &manager, Some(Stage::Closed), None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|(sweep, lines, done)| (sweep.id, *lines, *done)).collect::<Vec<_>>(), [(begun.id, 3, 3)]);

    // What was found runs to its deadline and is shut down like any finding.
    let (found, ..) = resources::find(&kit.app, &manager, lines[1].id).await.unwrap();
    assert_eq!((found.state, found.defects.as_slice()), (State::Correcting, [Defect::PurposeMissing, Defect::Abnormal].as_slice()));
    let about = watch::about(&kit.app, &manager, found.id).await.unwrap();
    assert!(about.checked_at.is_some() && about.found.iter().all(|one| one.evidence == "现场未见登记的客服"));
    kit.clock.advance_ms(15 * DAY_MS);
    assert_eq!(resources::shut_overdue(&kit.app).await.unwrap(), 1);
});

story!(what_runs_out_and_what_lies_idle_is_told_and_what_has_run_out_is_a_finding, kit => {
    let manager = manager(&kit);
    let (used, idle) = (running(&kit, &manager, "T-01").await, running(&kit, &manager, "T-02").await);
    let watched = async |watch| {
        let filter = Filter { watch: Some(watch), limit: 10, ..Filter::default() };
        let (rows, total) = resources::list(&kit.app, &manager, filter).await.unwrap();
        assert_eq!(total as usize, rows.len());
        rows.iter().map(|row| row.resource.code.clone()).collect::<Vec<_>>()
    };
    kit.clock.advance_ms(179 * DAY_MS);
    assert!(watched(Watch::Idle).await.is_empty());
    let (now, id) = (kit.app.clock.now(), used.id);
    kit.app.write(move |tx| resources::saw_calls(tx, id, 12, now)).await.unwrap();
    // A late feed does not make the last call older.
    kit.app.write(move |tx| resources::saw_calls(tx, id, 1, now.plus_ms(-DAY_MS))).await.unwrap();
    assert_eq!(watch::about(&kit.app, &manager, id).await.unwrap().called_at, Some(now));
    kit.clock.advance_ms(2 * DAY_MS);
    assert_eq!(watched(Watch::Idle).await, ["T-02"]);
    assert_eq!(watch::count(&kit.app, &manager, Watch::Idle, "").await.unwrap(), 1);

    let until = |days| {
        let day = kit.app.clock.now().plus_ms(days * DAY_MS).day();
        Paper { document: Document::TelecomPermit, reference: "X-2".into(), valid_until: Some(day), in_scope: true }
    };
    watch::renew(&kit.app, &manager, idle.id, until(60)).await.unwrap();
    assert!(watched(Watch::Expiring).await.is_empty());
    kit.clock.advance_ms(31 * DAY_MS);
    assert_eq!(watched(Watch::Expiring).await, ["T-01", "T-02"], "both are the same organisation's");
    assert_eq!(watch::note_expired(&kit.app).await.unwrap(), 0, "it still holds");
    kit.clock.advance_ms(30 * DAY_MS);
    assert_eq!(watch::note_expired(&kit.app).await.unwrap(), 2);
    assert_eq!(watch::note_expired(&kit.app).await.unwrap(), 0, "once");
    let (found, ..) = resources::find(&kit.app, &manager, used.id).await.unwrap();
    assert_eq!((found.state, found.defects.as_slice()), (State::Correcting, [Defect::NoQualification].as_slice()));
    let correct = || Asked::Correct { defect: Defect::NoQualification };
    assert_eq!(refused(step(&kit, &manager, &found, correct()).await), "resources.paper_missing");
    watch::renew(&kit.app, &manager, idle.id, until(400)).await.unwrap();
    assert_eq!(step(&kit, &manager, &found, correct()).await.unwrap().state, State::Active);
    let clerk = kit.clerk(kit.outlet("Z-1", ChannelKind::OwnHall).await);
    assert!(watch::renew(&kit.app, &clerk, idle.id, until(1)).await.is_err());
});

story!(a_permit_is_recorded_with_its_number_and_its_last_day, kit => {
    let manager = manager(&kit);
    let line = running(&kit, &manager, "T-01").await;
    let record = async |document: Document, number: &str, valid_until: Option<Date>| {
        let paper = Paper { document, reference: number.into(), valid_until, in_scope: true };
        watch::renew(&kit.app, &manager, line.id, paper).await
    };
    let last = Some(date(2030, 12, 31));
    for document in [Document::TelecomPermit, Document::NumberCertificate] {
        assert_eq!(refused(record(document, " ", last).await), "resources.paper_number");
        assert_eq!(refused(record(document, "B2-20260001", None).await), "resources.paper_last_day");
        record(document, " B2-20260001 ", last).await.unwrap();
    }
    let Err(Failure::Problem(problem)) = record(Document::TelecomPermit, "B2-20260001", None).await else { panic!("taken") };
    assert_eq!(problem.field.as_deref(), Some("valid_until"));
    assert_eq!(problem.title(Language::Chinese), "「电信业务经营许可证」须登记有效期的最后一天");
    assert_eq!(problem.remedy(Language::English), "Give the date from the document, as 2030-12-31 (R-LED-7, L-LED-6)");
    // A licence may hold for good; the number of a person's ID is not kept, and a plan has none.
    assert_eq!(refused(record(Document::BusinessLicence, "", last).await), "resources.paper_number");
    record(Document::BusinessLicence, "91990100", None).await.unwrap();
    for document in [Document::LegalPersonId, Document::AgentId, Document::BusinessPlan] {
        record(document, "", None).await.unwrap();
    }
    let (_, subject, _) = resources::find(&kit.app, &manager, line.id).await.unwrap();
    let permit = subject.papers.iter().find(|paper| paper.document == Document::TelecomPermit).unwrap();
    assert_eq!((permit.reference.as_str(), permit.valid_until), ("B2-20260001", last), "what was refused changed nothing");
});

// What is typed as the number of a paper stands in clear: a person's may not be there (I7).
story!(the_number_of_a_persons_id_is_no_number_of_a_paper, kit => {
    let manager = manager(&kit);
    let line = running(&kit, &manager, "T-01").await;
    let paper = |document: Document, number: &str| Paper { document, reference: number.into(), valid_until: Some(date(2030, 12, 31)), in_scope: true };
    let id = kit::resident_id(1);
    let first_generation = format!("{}{}", &id[..6], &id[8..17]);
    let wide: String = id.chars().map(|letter| char::from_u32(u32::from(letter) + 0xfee0).unwrap()).collect();
    let spaced = format!(" {} {} {}", &id[..6], &id[6..14], &id[14..]);
    for number in [id.clone(), first_generation.clone(), wide, spaced, format!("身份证{id}"), format!("法定代表人：{first_generation}。")] {
        for document in [Document::LegalPersonId, Document::AgentId, Document::TelecomPermit] {
            assert_eq!(refused(watch::renew(&kit.app, &manager, line.id, paper(document, &number)).await), "resources.paper_personal");
        }
    }
    let Err(Failure::Problem(problem)) = watch::renew(&kit.app, &manager, line.id, paper(Document::AgentId, &id)).await else { panic!("taken") };
    assert_eq!(problem.field.as_deref(), Some("reference"));
    assert_eq!(problem.title(Language::Chinese), "「经办人身份证件与授权」的编号是个人身份证件号码（18 位或 15 位），台账不保存");
    assert!(!problem.title(Language::English).contains('{') && !problem.remedy(Language::English).contains(&id));
    // Nor with the application, nor in a file.
    let shown = Application { papers: vec![paper(Document::LegalPersonId, &id)], ..application("T-02") };
    let Err(Failure::Problem(problem)) = resources::apply(&kit.app, &manager, shown).await else { panic!("taken") };
    assert_eq!((problem.code.id, problem.field.as_deref()), ("resources.paper_personal", Some("papers")));
    let given = String::from_utf8(file::give(&kit.app, &manager, Filter::default()).await.unwrap()).unwrap();
    let named = given.replace("T-01", "T-03").replace("legal_person_id:X-1:", &format!("legal_person_id:{id}:"));
    let taken = file::take(&kit.app, &manager, &named, false).await.unwrap();
    let told: Vec<_> = taken.rejected.iter().map(|one| (one.row, one.field.as_str(), one.code.as_str())).collect();
    assert_eq!(told, [(2, "papers", "resources.paper_personal")]);
    // What only looks like one is taken: a check digit that is wrong, the credit code of an organisation.
    let other = if id.ends_with('0') { '1' } else { '0' };
    for number in [format!("{}{other}", &id[..17]), credit_code(1)] {
        watch::renew(&kit.app, &manager, line.id, paper(Document::BusinessLicence, &number)).await.unwrap();
    }
    let (_, subject, _) = resources::find(&kit.app, &manager, line.id).await.unwrap();
    assert!(subject.papers.iter().all(|paper| paper.reference != id), "what was refused changed nothing");
});

story!(a_black_listed_organisation_loses_everything_at_once, kit => {
    let manager = manager(&kit);
    let lines = [running(&kit, &manager, "T-01").await, running(&kit, &manager, "T-02").await];
    let listed = |why: &'static str| resources::blacklist(&kit.app, &manager, credit_code(1), true, why.into());
    assert_eq!(refused(listed(" ").await), "resources.field_invalid");
    assert_eq!(listed("涉诈").await.unwrap(), 2);
    for line in &lines {
        assert_eq!(resources::find(&kit.app, &manager, line.id).await.unwrap().0.state, State::ShutDown);
    }
    assert_eq!(refused(resources::apply(&kit.app, &manager, application("T-03")).await), "resources.blacklisted");
    kit.clock.advance_ms(DAY_MS);
    resources::blacklist(&kit.app, &manager, credit_code(1), false, "复核".into()).await.unwrap();
    resources::apply(&kit.app, &manager, application("T-03")).await.unwrap();
    let about = watch::about(&kit.app, &manager, lines[0].id).await.unwrap();
    let told: Vec<_> = about.blacklistings.iter().map(|one| (one.listed, one.why.as_str(), one.by == manager.number)).collect();
    assert_eq!(told, [(false, "复核", true), (true, "涉诈", true)], "each of its lines tells it");
});

story!(a_file_lands_its_good_rows_names_its_bad_ones_and_adds_nothing_twice, kit => {
    let manager = manager(&kit);
    for code in ["T-01", "T-02"] {
        running(&kit, &manager, code).await;
    }
    let filter = Filter::default();
    let given = String::from_utf8(file::give(&kit.app, &manager, filter.clone()).await.unwrap()).unwrap();
    assert_eq!(given.lines().count(), 3);
    // The same file again, with a mark in front as table programs write it: nothing is added.
    let again = file::take(&kit.app, &manager, &format!("\u{feff}{given}"), false).await.unwrap();
    assert_eq!((again.rows, again.entered, again.known, again.rejected.len()), (2, 0, 2, 0));
    let row = given.lines().nth(1).unwrap();
    let more = [
        given.lines().next().unwrap().to_owned(),
        row.replace("T-01", "T-03"),
        row.replace("T-01", "T-04").replace("voice_trunk", "voice"),
        row.replace("T-01", "T-05").replace("95599*", "0999*"),
        row.replace("T-01", "T-06").replace("report_handling", ""),
        row.replace("演示机楼", "别处"),
        "T-07,voice_trunk".to_owned(),
    ]
    .join("\n");
    let trial = file::take(&kit.app, &manager, &more, true).await.unwrap();
    let told: Vec<_> = trial.rejected.iter().map(|one| (one.row, one.field.as_str(), one.code.as_str())).collect();
    assert_eq!(told, [
        (3, "kind", "resources.field_invalid"),
        (4, "callers", "resources.subscriber_number"),
        (5, "clauses", "resources.clause_missing"),
        (6, "code", "resources.code_taken"),
        (7, "industry", "resources.field_invalid"),
    ]);
    let lines = async || resources::list(&kit.app, &manager, Filter { limit: 100, ..Filter::default() }).await.unwrap();
    assert_eq!((trial.entered, lines().await.1), (1, 2), "a trial writes nothing");
    let taken = file::take(&kit.app, &manager, &more, false).await.unwrap();
    assert_eq!((taken.entered, taken.rejected), (1, trial.rejected.clone()));
    let (rows, total) = lines().await;
    assert_eq!((total, rows.iter().filter(|row| row.resource.state == State::Active).count()), (3, 3));
    let told = String::from_utf8(chuangsha_app::platform::rejected::sheet(&trial.rejected, Language::English).unwrap()).unwrap();
    assert!(told.starts_with("row,field,code,reason,remedy\n3,kind,resources.field_invalid,"), "{told}");
    assert_eq!(refused(file::take(&kit.app, &manager, "code,kind\n", true).await), "resources.field_invalid");
});

story!(a_table_refuses_what_a_broken_rule_would_let_through, kit => {
    let manager = manager(&kit);
    let line = running(&kit, &manager, "T-01").await;
    for broken in ["clauses = 3", "calls_per_day = 0", "kind = 4", "state = 4"] {
        let sql = format!("UPDATE ledger_resource SET {broken} WHERE id = $1");
        let refused = kit.app.write(move |tx| Ok(tx.push_one(&sql, &params![&line.id])?)).await;
        assert!(refused.is_err(), "{broken}");
    }
});
