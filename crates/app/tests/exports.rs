//! The story of a file on every store: who may take a list away, what is written down first, how a long one survives a crash, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails stops"
)]

use std::{
    io::{BufRead, BufReader, Cursor, Write},
    path::Path,
    process::{Command, Stdio},
};

use axum::{body::to_bytes, http::header, response::Response};
use calamine::{Data, Reader, Xlsx};
use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        export::{
            Format, Wish, make,
            page::{self, Made},
        },
        failure::Result,
        jobs::{self, State, run},
        people::{OrganisationKind, organisation, staff},
        second,
        web::list::Look,
        words::Words,
    },
};
use chuangsha_kernel::{id::OrganisationId, problem::Language, role::Role, rulebook::ChannelKind, time::HOUR_MS};
use chuangsha_store::{Config, Store, params, testkit};
use chuangsha_world::kit::{self, Kit, hired, refused as code};
use chuangsha_world::story;
use uuid::Uuid;

fn look(app: &App, actor: &Actor) -> Look {
    Look { app: app.clone(), actor: actor.clone(), language: Language::Chinese, w: Words::of(Language::Chinese) }
}

fn wish(list: &str, format: Format) -> Wish {
    Wish {
        list: list.into(),
        format: format.as_str().into(),
        purpose: "inspection".into(),
        words: "十一月渠道检查".into(),
        ..Wish::default()
    }
}

async fn bytes(response: Response) -> Vec<u8> {
    to_bytes(response.into_body(), 1 << 26).await.unwrap().to_vec()
}

async fn taken(look: &Look, list: &str, format: Format) -> (String, Vec<u8>) {
    match page::ask(look, &wish(list, format)).await.unwrap() {
        Made::File(file) => {
            let name = file.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
            assert_eq!(file.headers()[header::CACHE_CONTROL], "no-store");
            (name, bytes(file).await)
        }
        Made::Job(id) | Made::Second(id) => panic!("a job {id}"),
    }
}

async fn job(look: &Look, list: &str, format: Format) -> Uuid {
    match page::ask(look, &wish(list, format)).await.unwrap() {
        Made::Job(id) => id,
        Made::File(_) | Made::Second(_) => panic!("no job"),
    }
}

/// Another person of another organisation agrees.
async fn approve(kit: &Kit, request: Uuid) {
    let id = OrganisationId(kit.app.ids.next(kit.app.clock.now()));
    let staff = chuangsha_kernel::id::StaffId(kit.app.ids.next(kit.app.clock.now()));
    let (app, hq, now) = (kit.app.clone(), kit.hq, kit.app.clock.now());
    kit.app
        .write(move |tx| {
            let kind = OrganisationKind::Province;
            let new = organisation::NewOrganisation { id, kind, parent: Some(hq), region: "99", zh: "省公司", en: "Province" };
            organisation::create(tx, &new, now)?;
            let roles = chuangsha_kernel::role::RoleSet::of(&[Role::PrivacyOfficer]);
            let (number, trained_until) = ("P-2", Some(now.plus_ms(HOUR_MS)));
            let new = staff::NewStaff {
                id: staff,
                number,
                name: "测试",
                organisation: id,
                roles,
                password: "-",
                must_change: false,
                trained_until,
            };
            app.join(tx, &new, now)
        })
        .await
        .unwrap();
    let officer = Actor { staff, ..kit.actor(Role::PrivacyOfficer, OrganisationKind::Province, id, "99") };
    second::answer(&kit.app, &officer, request, second::Answer::Approve, String::new()).await.unwrap();
}

async fn entries(app: &App, action: &'static str) -> i64 {
    app.read(move |tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = $1", &params![action])?.int(0)?)).await.unwrap()
}

fn sheet(bytes: Vec<u8>) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    book.worksheet_range(&name).unwrap().rows().map(<[Data]>::to_vec).collect()
}

/// Lets the worker have its turns until there is none.
async fn work(app: &App) {
    for _ in 0..1_000 {
        if run::turn(app).await.unwrap() == 0 {
            return;
        }
    }
    panic!("a job does not end");
}

story!(a_list_is_taken_away_as_it_is_shown_in_every_form, kit => {
    let administrator = hired(&kit, "A-1", Role::CarrierAdministrator).await;
    let look = look(&kit.app, &administrator);
    kit.outlets(0, 250).await;
    let (name, file) = taken(&look, "/channels?code=S-0001&cols=code,state,updated", Format::Xlsx).await;
    assert_eq!(name, "attachment; filename=\"channels-202611220900.xlsx\"");
    let rows = sheet(file);
    let text = |row: &[Data]| row.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(&rows[0]), ["渠道编码", "准入状态", "更新时间 (UTC+8)"].map(str::to_owned), "the columns shown, and which clock");
    assert_eq!(rows.len(), 101, "what was searched for, beyond one page");
    assert_eq!(text(&rows[1])[0], "S-000100 · 㼆𠮷鿃营业厅");
    let (_, plain) = taken(&look, "/channels", Format::Csv).await;
    let plain = String::from_utf8(plain).unwrap();
    assert_eq!(plain.lines().count(), 251);
    let (_, marked) = taken(&look, "/channels", Format::CsvBom).await;
    assert_eq!(marked, [b"\xEF\xBB\xBF".as_slice(), plain.as_bytes()].concat());
    let (_, older) = taken(&look, "/channels", Format::CsvGb18030).await;
    assert_eq!(encoding_rs::GB18030.decode(&older).0, plain);
});

story!(who_what_and_why_is_on_record_before_the_first_byte, kit => {
    let administrator = hired(&kit, "A-1", Role::CarrierAdministrator).await;
    let look = look(&kit.app, &administrator);
    kit.outlets(0, 30).await;
    for (lacks, expected) in [
        (Wish { purpose: String::new(), ..wish("/channels", Format::Xlsx) }, "export.purpose"),
        (Wish { words: "好".into(), ..wish("/channels", Format::Xlsx) }, "export.words"),
        (Wish { format: "pdf".into(), ..wish("/channels", Format::Xlsx) }, "export.format"),
        (wish("/nowhere", Format::Xlsx), "job.list_unknown"),
        (wish("//evil.example/channels", Format::Xlsx), "job.list_unknown"),
    ] {
        assert_eq!(code(page::ask(&look, &lacks).await), expected);
    }
    // A clerk may take away what a clerk may see, and nothing else.
    let clerk = kit.actor(Role::Clerk, OrganisationKind::Channel, kit.city, kit::CITY);
    assert_eq!(code(page::ask(&Look { actor: clerk, ..look.clone() }, &wish("/log", Format::Csv)).await), "people.denied");
    assert_eq!(entries(&kit.app, "export.masked").await, 0);
    let made = page::ask(&look, &wish("/channels?code=S-00", Format::Csv)).await.unwrap();
    assert_eq!(entries(&kit.app, "export.masked").await, 1, "written while nothing was read yet");
    let rows = kit.app.read(|tx| Ok(tx.query("SELECT facts, leaf FROM audit_entry WHERE action = 'export.masked'", &[])?)).await.unwrap();
    assert!(rows[0].str(0).unwrap().contains("\"purpose\":\"inspection\""));
    for secret in ["十一月", "S-00"] {
        let leaf = rows[0].bytes(1).unwrap();
        assert!(!leaf.windows(secret.len()).any(|window| window == secret.as_bytes()) && !rows[0].str(0).unwrap().contains(secret));
    }
    let Made::File(file) = made else { panic!("at once") };
    // Signed out in the middle: the file breaks off.
    administrator.alive.cancel();
    assert!(to_bytes(file.into_body(), 1 << 20).await.is_err());
});

story!(a_long_file_is_a_job_that_survives_a_crash_byte_for_byte, kit => {
    let administrator = hired(&kit, "A-1", Role::CarrierAdministrator).await;
    let look = look(&kit.app, &administrator);
    kit.outlets(0, 10_500).await;
    let first = job(&look, "/channels", Format::Xlsx).await;
    work(&kit.app).await;
    let whole = bytes(page::file(&kit.app, &administrator, first).await.unwrap()).await;
    assert_eq!(sheet(whole.clone()).len(), 10_501);
    let second = job(&look, "/channels", Format::Xlsx).await;
    for turn in 0..4 {
        // Each turn a new process, which knows nothing but the record and the pieces.
        let app = kit.app_on(kit.app.store.clone()).await;
        let (reading, staff) = (app.clone(), administrator.staff);
        let stale = app.read(move |tx| jobs::table::find_own(&reading, tx, staff, second)).await.unwrap();
        assert_eq!(stale.done, turn * 1_000);
        run::turn(&app).await.unwrap();
        // A worker that had put its piece and died before noting it: the piece is the same, the note is refused.
        assert!(matches!(make::turn(&Look { app, ..look.clone() }, stale).await.unwrap(), run::Outcome::Over(_)));
    }
    assert_eq!(code(page::file(&kit.app, &administrator, second).await), "export.not_ready");
    work(&kit.app).await;
    let again = bytes(page::file(&kit.app, &administrator, second).await.unwrap()).await;
    assert!(again == whole, "{} and {} bytes", again.len(), whole.len());
    assert_eq!((entries(&kit.app, "export.masked").await, entries(&kit.app, "export.download").await, entries(&kit.app, "job.end").await), (2, 2, 2));
});

const URL: &str = "CHUANGSHA_TEST_URL";
const KEYS: &str = "CHUANGSHA_TEST_KEYS";

/// Not a test: what the killed process does. It says when a turn is over, and goes on with the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of the story of a killed worker"]
async fn child_that_makes_a_file() {
    let (Ok(url), Ok(keys)) = (std::env::var(URL), std::env::var(KEYS)) else { return };
    let kit = Kit::again(Store::open(&Config::new(url)).await.unwrap(), Path::new(&keys), 2).await;
    while run::turn(&kit.app).await.unwrap() > 0 {
        let mut output = std::io::stdout().lock();
        writeln!(output, "turn").and_then(|()| output.flush()).unwrap();
    }
}

/// Lets a child make turns until it has said so often that one is over, and kills it in the next.
fn killed_after(turns: usize, url: &str, keys: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_makes_a_file", "--ignored", "--nocapture", "--test-threads=1"])
        .env(URL, url)
        .env(KEYS, keys)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let heard = said.filter(|line| line.ends_with("turn")).take(turns).count();
    // SIGKILL: nothing of the process runs after it.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(heard, turns, "the child ended by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_killed_in_the_middle_and_the_file_is_the_same_byte_for_byte() {
    for engine in testkit::engines().await {
        let directory = testkit::Directory::new();
        let keys = directory.path().join("root");
        let kit = Kit::lasting(engine.store.clone(), &keys).await;
        let administrator = hired(&kit, "A-1", Role::CarrierAdministrator).await;
        let asking = look(&kit.app, &administrator);
        kit.outlets(0, 10_500).await;
        let first = job(&asking, "/channels", Format::Xlsx).await;
        work(&kit.app).await;
        let whole = bytes(page::file(&kit.app, &administrator, first).await.unwrap()).await;
        let second = job(&asking, "/channels", Format::Xlsx).await;
        engine.store.close().await;
        for turns in [1, 2, 1] {
            let (url, keys) = (engine.config.url.clone(), keys.clone());
            tokio::task::spawn_blocking(move || killed_after(turns, &url, &keys)).await.unwrap();
        }
        let kit = Kit::again(Store::open(&engine.config).await.unwrap(), &keys, 3).await;
        let (reading, staff) = (kit.app.clone(), administrator.staff);
        let left = kit.app.read(move |tx| jobs::table::find_own(&reading, tx, staff, second)).await.unwrap();
        assert!(left.state.live() && (4_000..10_500).contains(&left.done), "{}: {:?} at {}", engine.name, left.state, left.done);
        work(&kit.app).await;
        let again = bytes(page::file(&kit.app, &administrator, second).await.unwrap()).await;
        assert!(again == whole, "{}: {} and {} bytes", engine.name, again.len(), whole.len());
        kit.app.store.close().await;
    }
}

story!(a_program_takes_a_short_list_at_once_masked_and_on_record, kit => {
    let officer = hired(&kit, "P-1", Role::PrivacyOfficer).await;
    let look = Look { actor: officer, ..look(&kit.app, &hired(&kit, "A-1", Role::CarrierAdministrator).await) };
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let number = kit.numbers(1, 1).await[0];
    kit.reserved(&clerk, number, 1).await.unwrap();
    // Whatever else a wish says, a program never takes a list in clear.
    let asked = Wish { clear: "yes".into(), case: "T-20931".into(), ..wish("/orders", Format::Csv) };
    let file = String::from_utf8(bytes(page::ask_at_once(&look, &asked).await.unwrap()).await).unwrap();
    assert!(file.lines().count() == 2 && file.contains("****") && !file.starts_with('\u{feff}'), "{file}");
    assert_eq!((entries(&kit.app, "export.masked").await, entries(&kit.app, "export.clear").await), (1, 0));
    assert_eq!(code(page::ask_at_once(&look, &Wish { purpose: "audit".into(), ..asked.clone() }).await), "export.purpose");
});

story!(a_program_is_refused_a_list_that_needs_a_job, kit => {
    let look = look(&kit.app, &hired(&kit, "A-1", Role::CarrierAdministrator).await);
    kit.outlets(0, 10_500).await;
    assert_eq!(code(page::ask_at_once(&look, &wish("/channels", Format::Csv)).await), "export.at_once");
    assert_eq!(entries(&kit.app, "export.masked").await, 0);
    let jobs = kit.app.read(|tx| Ok(tx.query("SELECT 1 FROM job", &[])?.len())).await.unwrap();
    assert_eq!(jobs, 0, "nothing goes on behind its back");
});

story!(a_file_is_its_askers_alone_for_a_day_and_three_times, kit => {
    let administrator = hired(&kit, "A-1", Role::CarrierAdministrator).await;
    let look = look(&kit.app, &administrator);
    kit.outlets(0, 10_000).await;
    let id = job(&look, "/channels", Format::Csv).await;
    work(&kit.app).await;
    let other = hired(&kit, "A-2", Role::CarrierAdministrator).await;
    assert_eq!(code(page::file(&kit.app, &other, id).await), "platform.not_found");
    for _ in 0..3 {
        assert_eq!(bytes(page::file(&kit.app, &administrator, id).await.unwrap()).await.iter().filter(|byte| **byte == b'\n').count(), 10_001);
    }
    assert_eq!(code(page::file(&kit.app, &administrator, id).await), "export.spent");
    assert_eq!(make::sweep(&kit.app).await.unwrap(), 0);
    kit.clock.advance_ms(25 * HOUR_MS);
    assert_eq!(code(page::file(&kit.app, &administrator, id).await), "export.gone");
    assert_eq!((make::sweep(&kit.app).await.unwrap(), make::sweep(&kit.app).await.unwrap()), (1, 0));
    let keys = kit.app.read(move |tx| Ok(tx.query("SELECT 1 FROM data_key WHERE subject = $1", &params![&id])?.len())).await.unwrap();
    assert_eq!(keys, 0, "what is left of it anywhere does not open");
    // The job itself is still listed; what was looked for is forgotten with the key.
    let (reading, staff) = (kit.app.clone(), administrator.staff);
    let gone = kit.app.read(move |tx| jobs::table::find_own(&reading, tx, staff, id)).await.unwrap();
    assert_eq!((gone.state, gone.asked.words.as_str(), gone.done), (State::Done, "", 10_000));
});

story!(a_file_begun_by_a_leaver_is_never_ended_and_its_pieces_go, kit => {
    let administrator = hired(&kit, "A-1", Role::CarrierAdministrator).await;
    let look = look(&kit.app, &administrator);
    kit.outlets(0, 10_000).await;
    let id = job(&look, "/channels", Format::Csv).await;
    run::turn(&kit.app).await.unwrap();
    let (staff, now) = (administrator.staff, kit.app.clock.now());
    kit.app.write(move |tx| staff::leave(tx, staff, now)).await.unwrap();
    work(&kit.app).await;
    let reading = kit.app.clone();
    let ended = kit.app.read(move |tx| jobs::table::find_own(&reading, tx, staff, id)).await.unwrap();
    assert_eq!(ended.state, State::Ended);
    assert_eq!(make::sweep(&kit.app).await.unwrap(), 1);
    assert_eq!(code(page::file(&kit.app, &administrator, id).await), "export.gone");
});

story!(a_list_in_clear_needs_a_case_and_another_person_and_says_whose_copy_it_is, kit => {
    let officer = hired(&kit, "P-1", Role::PrivacyOfficer).await;
    let officer = Actor { trained_until: Some(kit.app.clock.now().plus_ms(HOUR_MS)), ..officer };
    let look = look(&kit.app, &officer);
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let number = kit.numbers(1, 1).await[0];
    kit.reserved(&clerk, number, 1).await.unwrap();
    let asked = Wish { clear: "yes".into(), case: "T-20931".into(), ..wish("/orders", Format::Csv) };
    let (_, masked) = taken(&look, "/orders", Format::Csv).await;
    let masked = String::from_utf8(masked).unwrap();
    assert!(masked.contains("****"), "{masked}");
    for (lacks, expected) in [
        (Wish { case: String::new(), ..asked.clone() }, "export.case"),
        (Wish { purpose: "report".into(), ..asked.clone() }, "export.clear_purpose"),
        (Wish { list: "/channels".into(), ..asked.clone() }, "people.denied"),
    ] {
        assert_eq!(code(page::ask(&look, &lacks).await), expected);
    }
    let administrator = Look { actor: hired(&kit, "A-1", Role::CarrierAdministrator).await, ..look.clone() };
    assert_eq!(code(page::ask(&administrator, &asked).await), "export.not_clear");
    let Made::Second(request) = page::ask(&look, &asked).await.unwrap() else { panic!("nobody agreed yet") };
    assert!(matches!(page::ask(&look, &asked).await.unwrap(), Made::Second(same) if same == request), "asked for once");
    assert_eq!(code(second::answer(&kit.app, &officer, request, second::Answer::Approve, String::new()).await), "second.own_request");
    approve(&kit, request).await;
    // The approval is for this list and this form.
    let other = Wish { list: "/orders?state=reserved".into(), ..asked.clone() };
    assert!(matches!(page::ask(&look, &other).await.unwrap(), Made::Second(id) if id != request));
    let Made::Job(id) = page::ask(&look, &asked).await.unwrap() else { panic!("agreed") };
    assert_eq!(entries(&kit.app, "export.clear").await, 1);
    assert!(matches!(page::ask(&look, &asked).await.unwrap(), Made::Second(again) if again != request), "it serves once");
    work(&kit.app).await;
    let file = String::from_utf8(bytes(page::file(&kit.app, &officer, id).await.unwrap()).await).unwrap();
    assert!(!file.contains("****"), "{file}");
    let mark = format!("{} {} {id}", officer.number, kit.app.clock.now().display());
    assert_eq!(file.matches(&mark).count(), 2, "before the lines and behind them: {file}");
});
