//! 坏输入: whatever is typed, pasted, sent twice, sent late or sent by no browser is answered in words, quickly, and changes nothing by half.

use std::fmt::Write as _;

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use chuangsha_app::{
    platform::{images::fuzz_intake, reveal::Reveal},
    registration::{
        desk::{Capture, NewOrder, Reservation},
        person::{Link, Restriction},
    },
};
use chuangsha_kernel::{id::Ids, role::Role};
use chuangsha_world::{kit::Kit, pictures};

use crate::kit::{Answer, Things, arrive, browse, form, pages, send, start};

/// Every name a form of ours has for something typed.
const NAMES: [&str; 24] = [
    "number",
    "name",
    "password",
    "to",
    "code",
    "answer",
    "old",
    "new",
    "organisation",
    "organisation_name",
    "words",
    "reason",
    "role",
    "field",
    "purpose",
    "vote",
    "finding",
    "step",
    "violation",
    "responsible_unit",
    "document_kind",
    "document_number",
    "list",
    "address",
];

/// What people paste and what keyboards can make.
fn oddities() -> Vec<String> {
    vec![
        "😀👩‍👩‍👧‍👦".to_owned(),
        "𠮷野家㼆𪚥".to_owned(),
        "e\u{301}\u{301}\u{301}".repeat(50),
        "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}".to_owned(),
        "a\0b".to_owned(),
        "\u{fffd}\u{ffff}\u{1}\u{7f}\u{85}\u{2028}".to_owned(),
        "'; DROP TABLE staff; --".to_owned(),
        "<script>alert(1)</script>\"><img src=x onerror=alert(1)>".to_owned(),
        "{{7*7}}${7*7}%s%n".to_owned(),
        "=cmd|' /C calc'!A0".to_owned(),
        "../../../../etc/passwd".to_owned(),
        "-9223372036854775809".to_owned(),
        "长".repeat(200_000),
        String::new(),
        " \t\r\n".to_owned(),
    ]
}

/// What a page says to whoever sent that: in words, on a page of ours, never a fault of ours, and what was typed is never markup.
fn answered(what: &str, answer: &Answer) {
    assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text().chars().take(2000).collect::<String>());
    if answer.status.is_redirection() || answer.status.is_success() {
        return;
    }
    let page = answer.text();
    assert!(answer.header("content-type").starts_with("text/html"), "{what}: {} {page}", answer.status);
    let said = page.contains("role=\"alert\"") || page.contains("aria-invalid=\"true\"") || page.contains("class=\"error-page\"");
    assert!(said, "{what}: {} without a word", answer.status);
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{what}: typed markup is markup");
}

async fn people(kit: &Kit, things: &Things) -> Vec<(Role, String)> {
    let outlet = chuangsha_kernel::id::OrganisationId(things.outlet);
    let mut tokens = vec![(Role::Clerk, arrive(kit, "B-1", outlet, Role::Clerk).await.1)];
    for (number, role, seat) in [
        ("B-2", Role::SeniorAuditor, kit.audit_centre),
        ("B-3", Role::CityManager, kit.city),
        ("B-4", Role::CarrierAdministrator, kit.hq),
        ("B-5", Role::PrivacyOfficer, kit.hq),
        ("B-6", Role::NetworkOperator, kit.hq),
    ] {
        tokens.push((role, arrive(kit, number, seat, role).await.1));
    }
    tokens
}

fn posts(router: &axum::Router) -> Vec<String> {
    pages(router).into_iter().filter(|(method, path)| method == "post" && path != "/logout").map(|(_, path)| path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_breaks_on_what_people_type_and_every_refusal_is_a_page_with_words() {
    let (_engine, kit, things, router) = start().await;
    let tokens = people(&kit, &things).await;
    let mut sent = 0;
    for path in posts(&router) {
        let address = things.fill(&path);
        for (role, token) in &tokens {
            let mut may = false;
            // Sign-in hashes whatever it is given: once is enough.
            let some = if path.starts_with("/login") || path == "/me/password" { 3 } else { usize::MAX };
            let odd = oddities();
            for (index, odd) in odd.iter().map(String::as_str).enumerate().take(some) {
                let what = format!("{role} {path} oddity {index}");
                // Whoever may not do it at all need not be asked with all of it.
                if index > 1 && !may {
                    break;
                }
                let mut fields: Vec<(&str, &str)> = NAMES.iter().map(|name| (*name, odd)).collect();
                fields.push(("version", if index % 2 == 0 { "1" } else { odd }));
                if index == 12 {
                    // As long as it is, once is enough.
                    fields.truncate(1);
                    fields.push(("words", odd));
                }
                let answer = send(&router, &what, form(&address, Some(token), "/", &fields)).await;
                answered(&what, &answer);
                may |= !matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
                let mut parts = String::new();
                for (name, value) in fields.iter().chain([("holder.name", odd), ("holder.document_number", odd), ("entry", odd)].iter()) {
                    let _ = write!(parts, "--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
                }
                let request = browse("post", &address, Some(token)).header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
                answered(&what, &send(&router, &what, request.body(Body::from(parts + "--x--\r\n")).unwrap()).await);
                sent += 2;
            }
        }
    }
    println!("{sent} sent");
    assert!(sent > 1_000, "{sent}");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

/// Bodies no browser sends: what they claim to be, and what they are.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let urlencoded = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=x";
    let part = |name: &str, rest: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"{rest}");
    vec![
        (urlencoded, b"version=1&words=%FF%FE&name=%C3%28".to_vec()),
        (urlencoded, b"words=%".to_vec()),
        (urlencoded, b"words=%ZZ&=&&=x&version".to_vec()),
        (urlencoded, b"version=1&version=2&words=a&words=b&number=1&number=2&password=a&password=b".to_vec()),
        (urlencoded, vec![0xff; 64]),
        (urlencoded, "a=1&".repeat(50_000).into_bytes()),
        ("application/x-www-form-urlencoded; charset=utf-16", b"words=\0a".to_vec()),
        ("application/json", b"{\"words\":\"x\"}".to_vec()),
        ("text/plain", b"words=x".to_vec()),
        ("application/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>".to_vec()),
        ("", b"words=x".to_vec()),
        ("multipart/form-data", b"--x\r\n".to_vec()),
        (multipart, Vec::new()),
        (multipart, b"--y\r\n\r\n--y--".to_vec()),
        (multipart, part("words", "\r\n\r\nnever ends").into_bytes()),
        (multipart, part("words", &format!("; filename=\"{}\"\r\n\r\nx\r\n--x--\r\n", "a".repeat(100_000))).into_bytes()),
        (multipart, [part("words", "\r\n\r\n").into_bytes(), vec![0xff, 0xfe, 0, 0xc3], b"\r\n--x--\r\n".to_vec()].concat()),
        (multipart, [part("words", "\r\n\r\n").into_bytes(), vec![b'a'; 5 << 20], b"\r\n--x--\r\n".to_vec()].concat()),
        (multipart, (part("holder.name", "\r\n\r\nx\r\n").repeat(5_000) + "--x--\r\n").into_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_browser_sends_is_refused_on_a_page_in_either_language() {
    let (_engine, kit, things, router) = start().await;
    let tokens = people(&kit, &things).await;
    for path in posts(&router) {
        let address = things.fill(&path);
        for (index, (kind, body)) in malformed().into_iter().enumerate() {
            let (role, token) = &tokens[index % tokens.len()];
            for language in ["zh-CN", "en"] {
                let what = format!("{role} {path} malformed {index} {language}");
                let mut request = browse("post", &address, Some(token)).header(header::ACCEPT_LANGUAGE, language);
                if !kind.is_empty() {
                    request = request.header(header::CONTENT_TYPE, kind);
                }
                let answer = send(&router, &what, request.body(Body::from(body.clone())).unwrap()).await;
                answered(&what, &answer);
                if answer.status.is_client_error() {
                    assert!(answer.text().contains(&format!("<html lang=\"{language}\"")), "{what}");
                }
            }
        }
    }
    // A missing field is named, for people as for programs.
    let (_, token) = &tokens[0];
    let page = send(&router, "login", form("/login", None, "/login", &[("password", "x")])).await;
    assert!(page.status.is_client_error() && page.text().contains("(number)"), "{}", page.text());
    let twice = send(&router, "login", form("/login", None, "/login", &[("number", "a"), ("number", "b"), ("password", "x")])).await;
    assert!(twice.status.is_client_error() && twice.text().contains("(number)"), "{}", twice.text());
    let request = browse("post", "/api/v1/session", Some(token)).header(header::CONTENT_TYPE, "application/json");
    let json = send(&router, "session", request.body(Body::from("{\"number\":\"a\"}")).unwrap()).await;
    let told: serde_json::Value = serde_json::from_str(&json.text()).unwrap();
    assert_eq!((told["code"].as_str(), told["field"].as_str()), (Some("platform.body_invalid"), Some("password")), "{told}");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

/// A PNG whose header promises a picture of any size.
fn promises(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = pictures::signature(1);
    let header = bytes.windows(4).position(|window| window == b"IHDR");
    if let Some(at) = header {
        bytes[at + 4..at + 8].copy_from_slice(&width.to_be_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&height.to_be_bytes());
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn no_upload_is_more_than_a_picture() {
    let (_engine, kit, things, router) = start().await;
    let (_, token) = arrive(&kit, "V-1", chuangsha_kernel::id::OrganisationId(things.outlet), Role::Clerk).await;
    let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
    let sound = pictures::document_front(&card, None);
    let mut gzip = flate2_bomb();
    gzip.truncate(1 << 20);
    let uploads: Vec<(&str, Vec<u8>)> = vec![
        ("text", b"not a picture".to_vec()),
        ("svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec()),
        ("html", b"<html><script>alert(1)</script></html>".to_vec()),
        ("pdf", b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>".to_vec()),
        ("gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00,".to_vec()),
        ("a zip of zeros", gzip),
        ("a picture of 4 gigapixels", promises(65_535, 65_535)),
        ("a picture of no pixels", promises(0, 0)),
        ("half a picture", sound[..sound.len() / 2].to_vec()),
        ("a picture with a page behind it", [sound.clone(), b"<script>alert(1)</script>".repeat(10)].concat()),
        ("31 megabytes of nothing", vec![0; 31 << 20]),
    ];
    for (name, bytes) in uploads {
        for path in [format!("/capture/{}/document", things.order), format!("/api/v1/registrations/{}/images/document_front", things.order)]
        {
            let field = if path.starts_with("/api") { "file" } else { "document_front" };
            let head = format!(
                "--x\r\ncontent-disposition: form-data; name=\"version\"\r\n\r\n2\r\n--x\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"a.jpg\"\r\ncontent-type: image/jpeg\r\n\r\n"
            );
            let head = if path.starts_with("/api") { head.split_once("2\r\n").unwrap().1.to_owned() } else { head };
            let body = [head.into_bytes(), bytes.clone(), b"\r\n--x--\r\n".to_vec()].concat();
            let request = browse("post", &path, Some(&token)).header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
            let answer = send(&router, name, request.body(Body::from(body)).unwrap()).await;
            assert!(!answer.status.is_server_error(), "{name} to {path}: {}", answer.status);
            if path.starts_with("/api") && name != "a picture with a page behind it" {
                assert!(answer.status.is_client_error(), "{name} to {path}: {}", answer.status);
                crate::kit::told(name, &answer);
            }
        }
    }
    // What was taken is our own encoding: nothing that came behind the picture is in it.
    let (_, officer) = arrive(&kit, "V-2", kit.hq, Role::PrivacyOfficer).await;
    let address = format!("/orders/{}/images/document_front", things.order);
    let kept = send(&router, "kept", browse("get", &address, Some(&officer)).body(Body::empty()).unwrap()).await;
    assert_eq!((kept.status, kept.header("content-type")), (StatusCode::OK, "image/jpeg"));
    assert!(!kept.body.windows(7).any(|window| window == b"<script"));
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

/// A megabyte that unpacks to a gigabyte.
fn flate2_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..64 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_twice_sent_late_and_sent_from_two_tabs_it_is_done_once_and_said() {
    let (_engine, kit, things, router) = start().await;
    let outlet = chuangsha_kernel::id::OrganisationId(things.outlet);
    let (staff, token) = arrive(&kit, "T-1", outlet, Role::Clerk).await;
    let clerk = chuangsha_app::platform::actor::Actor { staff, ..kit.clerk(outlet) };
    let number = kit.numbers(8000, 1).await[0];
    let order = kit.reserved(&clerk, number, 60).await.unwrap();
    let action = format!("/capture/{order}/cancellation");
    let page = format!("/capture/{order}/portrait");
    let cancel = || form(&action, Some(&token), &page, &[("version", "2"), ("words", "客户改变主意")]);
    // A double click: both at once.
    let (one, other) = tokio::join!(send(&router, "first", cancel()), send(&router, "second", cancel()));
    let done = [&one, &other]
        .into_iter()
        .filter(|answer| answer.status == StatusCode::SEE_OTHER && answer.header("location").contains("done="))
        .count();
    assert_eq!(done, 1, "{} {}", one.status, other.status);
    // The back button, and the form sent again: the step is over, and that is said, or the page shows where the order stands.
    let late = send(&router, "late", cancel()).await;
    answered("late", &late);
    assert!(!late.header("location").contains("done="), "{}", late.header("location"));
    let entries = kit
        .app
        .read(move |tx| {
            Ok(tx
                .query_one("SELECT COUNT(*) FROM audit_entry WHERE case_id = $1 AND action = 'order.cancel'", &[(&order.0).into()])?
                .int(0)?)
        })
        .await;
    assert_eq!(entries.unwrap(), 1, "done once, written once");

    // Two tabs on one person: the second departure is refused in words.
    let (_, boss) = arrive(&kit, "T-2", kit.hq, Role::CarrierAdministrator).await;
    let leave = || form(&format!("/people/{}/departure", things.staff), Some(&boss), "/people", &[]);
    assert_eq!(send(&router, "tab one", leave()).await.status, StatusCode::SEE_OTHER);
    let second = send(&router, "tab two", leave()).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(second.text().contains("该人员已离职"));
    assert_eq!(kit.broken().await, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_taken_in_on_a_page_once_and_within_ones_own_reach() {
    let (_engine, kit, things, router) = start().await;
    let (_, boss) = arrive(&kit, "J-1", kit.hq, Role::CarrierAdministrator).await;
    let outlet = things.outlet.to_string();
    let blank = send(&router, "blank", browse("get", "/people/new", Some(&boss)).body(Body::empty()).unwrap()).await;
    assert!(blank.text().contains(&format!("<option value=\"{outlet}\"")), "{}", blank.text());
    let list = send(&router, "list", browse("get", "/people", Some(&boss)).body(Body::empty()).unwrap()).await;
    assert!(list.text().contains("href=\"/people/new\""));
    let join = |fields: &[(&str, &str)]| form("/people/new", Some(&boss), "/people/new", fields);
    // What is missing is said at its field, and what was typed stays.
    let unchosen = send(&router, "unchosen", join(&[("number", "N-77"), ("name", "新人甲"), ("organisation", "")])).await;
    assert_eq!(unchosen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unchosen.text().contains("f-organisation-wrong") && unchosen.text().contains("value=\"新人甲\""), "{}", unchosen.text());
    let misfit =
        send(&router, "misfit", join(&[("number", "N-77"), ("name", "新人甲"), ("organisation", &outlet), ("auditor", "yes")])).await;
    assert!(misfit.status.is_client_error() && misfit.text().contains("role=\"alert\""), "an auditor does not sit in an outlet");
    let taken_in =
        send(&router, "joined", join(&[("number", "N-77"), ("name", "新人甲"), ("organisation", &outlet), ("clerk", "yes")])).await;
    assert_eq!(taken_in.status, StatusCode::OK, "{}", taken_in.text());
    let text = taken_in.text();
    let (_, rest) = text.split_once("首次口令: <strong class=\"code\">").expect("the first password");
    let password = rest.split('<').next().unwrap().to_owned();
    assert!(password.len() >= 20 && taken_in.header("refresh").starts_with("120;url=/people/"), "{password}");
    // Loaded again it is refused, and shows no password.
    let again = send(&router, "again", join(&[("number", "N-77"), ("name", "新人甲"), ("organisation", &outlet), ("clerk", "yes")])).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(!again.text().contains(&password) && again.text().contains("工号已被使用"));
    // It opens nothing but the way to a factor of one's own, and then to a password of one's own.
    let first = send(&router, "first sign-in", form("/login", None, "/login", &[("number", "N-77"), ("password", &password)])).await;
    assert!(first.header("location").starts_with("/login/enrol"), "{} {}", first.status, first.header("location"));
    // A city's manager offers the city's outlets, and reaches nothing above it whatever is sent.
    let (_, city) = arrive(&kit, "J-2", kit.city, Role::CityManager).await;
    let theirs = send(&router, "city", browse("get", "/people/new", Some(&city)).body(Body::empty()).unwrap()).await.text();
    assert!(theirs.contains(&outlet) && !theirs.contains(&kit.hq.to_string()), "{theirs}");
    let above = form(
        "/people/new",
        Some(&city),
        "/people/new",
        &[("number", "N-78"), ("name", "x"), ("organisation", &kit.hq.to_string()), ("carrier_administrator", "yes")],
    );
    assert_eq!(send(&router, "above", above).await.status, StatusCode::FORBIDDEN);
    let (_, clerk) = arrive(&kit, "J-3", chuangsha_kernel::id::OrganisationId(things.outlet), Role::Clerk).await;
    let nobody = send(&router, "clerk", browse("get", "/people/new", Some(&clerk)).body(Body::empty()).unwrap()).await;
    assert_eq!(nobody.status, StatusCode::FORBIDDEN);
}

/// The bodies of the two fuzz targets that need the whole application, bent at random: `CHUANGSHA_FUZZ_ROUNDS` makes more of them.
#[test]
fn bent_pictures_and_bodies_make_nothing_panic() {
    let rounds: u32 = std::env::var("CHUANGSHA_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let ids = Ids::seeded(42);
    let random = |below: usize| {
        let mut bytes = [0_u8; 4];
        ids.fill(&mut bytes);
        usize::try_from(u32::from_be_bytes(bytes)).unwrap() % below.max(1)
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let seeds = |name: &str| -> Vec<Vec<u8>> {
        std::fs::read_dir(folder.join(name)).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    };
    let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
    let images = [seeds("image"), vec![pictures::signature(1), pictures::document_front(&card, None)]].concat();
    let bodies = seeds("bodies");
    let bend = |seed: &[u8]| {
        let mut bytes = seed.to_vec();
        for _ in 0..=random(8) {
            let at = random(bytes.len());
            match random(5) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] = u8::try_from(random(256)).unwrap(),
                2 if !bytes.is_empty() => bytes[at] ^= 1 << random(8),
                3 => drop(bytes.splice(at..at, seed.iter().copied().take(random(64)).collect::<Vec<_>>())),
                _ => drop(bytes.drain(at..(at + random(16)).min(bytes.len()))),
            }
        }
        bytes
    };
    for _ in 0..rounds {
        fuzz_intake(&bend(&images[random(images.len())]));
        for _ in 0..20 {
            let body = bend(&bodies[random(bodies.len())]);
            let body = body.get(1..).unwrap_or_default();
            let _ = serde_json::from_slice::<NewOrder>(body);
            let _ = serde_json::from_slice::<Reservation>(body);
            let _ = serde_json::from_slice::<Capture>(body);
            let _ = serde_json::from_slice::<Reveal>(body);
            let _ = serde_json::from_slice::<Link>(body);
            let _ = serde_json::from_slice::<Restriction>(body);
            let _ = chuangsha_app::platform::network::read_feedback(body);
        }
    }
}
