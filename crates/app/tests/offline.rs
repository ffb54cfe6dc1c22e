//! Orders captured while the network was gone: they arrive whole, once, in time, under every rule of the counter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails stops"
)]

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use chuangsha_app::{
    platform::{
        actor::Actor,
        edge::EdgeConfig,
        people::{Credentials, Origin, extract::SESSION_COOKIE, password, staff::NewStaff, totp},
    },
    registration::{
        offline::{self, OfflineOrder, Sending, Taken, limits},
        order::{ImageKind, Product, State},
        table, view,
    },
    routes,
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    role::{Role, RoleSet},
    rulebook::ChannelKind,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};
use chuangsha_store::testkit;
use chuangsha_world::story;
use chuangsha_world::{
    kit::{self, Kit, refused as code},
    pictures,
};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

fn shots() -> Vec<(ImageKind, Vec<u8>)> {
    let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
    vec![
        (ImageKind::DocumentFront, pictures::document_front(&card, None)),
        (ImageKind::DocumentBack, pictures::document_back(&card, None)),
        (ImageKind::LivePhoto, pictures::live_photo(1)),
        (ImageKind::Signature, pictures::signature(1)),
    ]
}

/// What a device sends an hour after it captured the person with this index; its clock agrees with ours.
fn sending(kit: &Kit, numbers: &[Uuid], person: u16) -> Sending {
    let now = kit.app.clock.now().0;
    let order = OfflineOrder {
        id: Uuid::from_u128(u128::from(person) + 1),
        captured_at: now - HOUR_MS,
        rules_at: now - 2 * HOUR_MS,
        rules_version: kit.app.rules.version.clone(),
        product: Product::Voice,
        numbers: numbers.to_vec(),
        any_number: false,
        entry: "reader".to_owned(),
        holder: kit::holder(person),
        agent: None,
        original_seen: true,
        warning_read: true,
        face_declined: false,
    };
    Sending { digest: offline::digest(&[u8::try_from(person).unwrap()]), order, sent_at: now, pictures: shots() }
}

async fn orders(kit: &Kit) -> usize {
    kit.app.read(|tx| table::list(tx, &table::Filter { limit: 100, ..table::Filter::default() })).await.unwrap().len()
}

async fn free(kit: &Kit, number: Uuid) -> bool {
    kit.app.read(move |tx| table::number(tx, number)).await.unwrap().state == table::NumberState::Free as i64
}

async fn desk_of(kit: &Kit, kind: ChannelKind) -> (Actor, OrganisationId) {
    let outlet = kit.outlet("S-0001", kind).await;
    (kit.clerk(outlet), outlet)
}

story!(an_order_captured_offline_arrives_whole_and_once, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::SocialOutlet).await;
    let number = kit.numbers(1, 1).await[0];
    let first = offline::take(&kit.app, &clerk, sending(&kit, &[number], 1)).await.unwrap();
    assert!(!first.replayed);
    // The answer was lost on the way; the device sends again, twice.
    for _ in 0..2 {
        let again = offline::take(&kit.app, &clerk, sending(&kit, &[number], 1)).await.unwrap();
        assert_eq!(again, Taken { order: first.order, replayed: true });
    }
    assert_eq!(orders(&kit).await, 1);
    assert_eq!(kit.order(first.order).await.state, State::Submitted, "and not further: nothing is active before the audit");
    let seen = view::find(&kit.app, &clerk, first.order).await.unwrap();
    assert_eq!(seen.images.len(), 4, "no picture came twice");
    let clocks = seen.offline.unwrap();
    assert_eq!((clocks.clock_off_ms, clocks.clock_wrong), (0, false));
    assert!(clocks.captured_at < clocks.received_at);
    let steps: Vec<String> = view::timeline(&kit.app, &clerk, first.order).await.unwrap().into_iter().map(|entry| entry.step).collect();
    assert_eq!(steps.iter().filter(|step| *step == offline::STEP).count(), 1, "{steps:?}");
    // An order that was submitted is its own answer, however long ago.
    kit.clock.advance_ms(20 * DAY_MS);
    let mut late = sending(&kit, &[number], 1);
    late.order.captured_at -= 20 * DAY_MS;
    assert_eq!(offline::take(&kit.app, &clerk, late).await.unwrap().order, first.order);
});

story!(two_tabs_that_send_at_once_make_one_order, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::OwnHall).await;
    let numbers = kit.numbers(1, 4).await;
    let send = || offline::take(&kit.app, &clerk, sending(&kit, &numbers, 1));
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    let all = [a, b, c, d].map(Result::unwrap);
    assert!(all.iter().all(|taken| taken.order == all[0].order), "{all:?}");
    assert_eq!(orders(&kit).await, 1);
    assert_eq!(kit.order(all[0].order).await.state, State::Submitted);
    let mut left = 0;
    for number in numbers {
        left += usize::from(free(&kit, number).await);
    }
    assert_eq!(left, 3, "one number is held");
});

story!(an_upload_that_broke_off_goes_on_where_it_stood, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::OwnHall).await;
    let number = kit.numbers(1, 1).await[0];
    let mut broken = sending(&kit, &[number], 1);
    broken.pictures[2].1 = b"not a picture".to_vec();
    assert!(code(offline::take(&kit.app, &clerk, broken).await).starts_with("image."));
    let held = kit.app.read(|tx| table::list(tx, &table::Filter { limit: 9, ..table::Filter::default() })).await.unwrap();
    assert_eq!((held.len(), held[0].order.state), (1, State::Reserved));
    let taken = offline::take(&kit.app, &clerk, sending(&kit, &[number], 1)).await.unwrap();
    assert_eq!((taken.order, taken.replayed), (held[0].order.id, true));
    assert_eq!(kit.order(taken.order).await.state, State::Submitted);
    assert_eq!(orders(&kit).await, 1);
});

story!(what_comes_too_late_or_from_an_impossible_clock_is_refused_and_leaves_nothing, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::OwnHall).await;
    let number = kit.numbers(1, 1).await[0];
    let spoilt = |spoil: fn(&mut Sending)| {
        let mut sending = sending(&kit, &[number], 1);
        spoil(&mut sending);
        offline::take(&kit.app, &clerk, sending)
    };
    type Spoil = fn(&mut Sending);
    let cases: [(&str, Spoil); 8] = [
        ("registration.offline_too_old", |sent| sent.order.captured_at = sent.sent_at - 25 * HOUR_MS),
        ("registration.offline_device_time", |sent| sent.order.captured_at = sent.sent_at + 1),
        ("registration.offline_device_time", |sent| sent.order.captured_at = -1),
        ("registration.offline_device_time", |sent| sent.order.rules_at = sent.sent_at + HOUR_MS),
        ("registration.offline_rules_stale", |sent| sent.order.rules_at = sent.sent_at - 14 * HOUR_MS),
        ("registration.original_not_seen", |sent| sent.order.original_seen = false),
        ("registration.warning_not_read", |sent| sent.order.warning_read = false),
        ("registration.image_missing", |sent| drop(sent.pictures.pop())),
    ];
    for (wanted, spoil) in cases {
        assert_eq!(code(spoilt(spoil).await), wanted);
        assert_eq!((orders(&kit).await, free(&kit, number).await), (0, true), "{wanted} left something behind");
    }
    for (at, extreme) in [i64::MIN, i64::MAX, 0].into_iter().enumerate() {
        let mut sending = sending(&kit, &[number], 1);
        match at {
            0 => sending.order.captured_at = extreme,
            1 => sending.sent_at = extreme,
            _ => sending.order.rules_at = extreme,
        }
        assert!(code(offline::take(&kit.app, &clerk, sending).await).starts_with("registration.offline_"));
    }
});

story!(a_clock_that_is_off_changes_no_answer_and_both_times_are_kept, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::OwnHall).await;
    let number = kit.numbers(1, 1).await[0];
    let mut sending = sending(&kit, &[number], 1);
    // Three hours ahead, captured an hour ago by that clock.
    sending.sent_at += 3 * HOUR_MS;
    sending.order.captured_at += 3 * HOUR_MS;
    let captured = sending.order.captured_at;
    let taken = offline::take(&kit.app, &clerk, sending).await.unwrap();
    let clocks = view::find(&kit.app, &clerk, taken.order).await.unwrap().offline.unwrap();
    assert_eq!((clocks.clock_off_ms, clocks.clock_wrong), (3 * HOUR_MS, true));
    assert_eq!(clocks.captured_at, chuangsha_kernel::time::Timestamp(captured).rfc3339());
    assert_eq!(clocks.received_at, kit.app.clock.now().rfc3339());
});

story!(one_id_is_one_order_of_one_clerk, kit, sound => {
    let (clerk, outlet) = desk_of(&kit, ChannelKind::OwnHall).await;
    let numbers = kit.numbers(1, 2).await;
    offline::take(&kit.app, &clerk, sending(&kit, &numbers, 1)).await.unwrap();
    let mut other = sending(&kit, &numbers, 2);
    other.order.id = sending(&kit, &numbers, 1).order.id;
    assert_eq!(code(offline::take(&kit.app, &clerk, other).await), "registration.offline_differs");
    let colleague = kit.clerk(outlet);
    assert_eq!(code(offline::take(&kit.app, &colleague, sending(&kit, &numbers, 1)).await), "registration.not_found");
    assert_eq!(code(offline::take(&kit.app, &kit.auditor(), sending(&kit, &numbers, 3)).await), "people.denied");
    assert_eq!(orders(&kit).await, 1);
});

story!(the_limit_of_five_holds_at_the_upload_and_frees_what_it_took, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::OwnHall).await;
    let numbers = kit.numbers(1, 6).await;
    for number in &numbers[..5] {
        kit.reserved(&clerk, *number, 1).await.unwrap();
    }
    assert_eq!(code(offline::take(&kit.app, &clerk, sending(&kit, &numbers[5..], 1)).await), "registration.quota_full");
    assert_eq!(orders(&kit).await, 5, "no draft is left");
    assert!(free(&kit, numbers[5]).await);
    // A document this outlet may not take is as little taken from a device.
    let mut manual = sending(&kit, &numbers[5..], 2);
    let social = kit.clerk(kit.outlet("S-0002", ChannelKind::SocialOutlet).await);
    manual.order.entry = "manual".to_owned();
    assert_eq!(code(offline::take(&kit.app, &social, manual).await), "registration.document_not_allowed");
    assert!(free(&kit, numbers[5]).await);
});

story!(the_number_is_chosen_at_the_upload_by_the_customers_wishes, kit, sound => {
    let (clerk, _) = desk_of(&kit, ChannelKind::OwnHall).await;
    let numbers = kit.numbers(1, 4).await;
    kit.reserved(&clerk, numbers[0], 9).await.unwrap();
    let number_of = |order| { let app = kit.app.clone(); async move { app.read(move |tx| table::number_of(tx, order)).await.unwrap().id } };
    let second = offline::take(&kit.app, &clerk, sending(&kit, &numbers[..2], 1)).await.unwrap();
    assert_eq!(number_of(second.order).await, numbers[1], "the first that is free");
    assert_eq!(code(offline::take(&kit.app, &clerk, sending(&kit, &numbers[..2], 2)).await), "registration.number_taken");
    let mut any = sending(&kit, &numbers[..2], 2);
    any.order.any_number = true;
    let third = offline::take(&kit.app, &clerk, any).await.unwrap();
    assert!(numbers[2..].contains(&number_of(third.order).await), "any other, because the customer said so");
    let mut many = sending(&kit, &[Uuid::nil(); 6], 3);
    many.order.any_number = true;
    assert_eq!(code(offline::take(&kit.app, &clerk, many).await), "registration.field_invalid");
});

story!(a_device_is_told_the_dated_limits_and_what_this_outlet_takes, kit, sound => {
    let (clerk, outlet) = desk_of(&kit, ChannelKind::SocialOutlet).await;
    kit.numbers(1, 3).await;
    let told = limits::of(&kit.app, &clerk).await.unwrap();
    assert_eq!((told.orders, told.age_ms, told.rules_age_ms, told.distance_m, told.clock_skew_ms), (20, 24 * HOUR_MS, 12 * HOUR_MS, 500, 10 * MINUTE_MS));
    assert_eq!((told.now, told.numbers.len()), (kit.app.clock.now().0, 3));
    assert_eq!(told.documents.len(), 1, "a social outlet takes resident IDs only: {:?}", told.documents);
    assert_eq!((told.documents[0].kind, told.documents[0].back), ("resident_id", true));
    assert!(told.reader.is_none() && told.outlet.latitude.is_none());
    assert_ne!(told.owner, limits::of(&kit.app, &kit.clerk(outlet)).await.unwrap().owner, "another person, another word");
    assert_eq!(told.owner, limits::of(&kit.app, &clerk).await.unwrap().owner);
    assert_eq!(code(limits::of(&kit.app, &kit.auditor()).await), "people.denied");
    // Where the outlet stands is recorded by whoever admits outlets.
    let manager = kit.actor(Role::CityManager, chuangsha_app::platform::people::OrganisationKind::City, kit.city, kit::CITY);
    let at = chuangsha_app::channels::place::Coordinates::new(37.87, 112.55).unwrap();
    assert_eq!(code(chuangsha_app::channels::place::set(&kit.app, &clerk, outlet, at).await), "people.denied");
    chuangsha_app::channels::place::set(&kit.app, &manager, outlet, at).await.unwrap();
    let told = limits::of(&kit.app, &clerk).await.unwrap();
    assert_eq!((told.outlet.latitude, told.outlet.longitude), (Some(37.87), Some(112.55)));
});

/// A clerk who signs in, and the application behind its edge.
async fn over_http(kit: &Kit) -> (Router, String) {
    const PASSWORD: &str = "correct horse 电池 staple";
    let (_, outlet) = desk_of(kit, ChannelKind::OwnHall).await;
    let (id, app) = (StaffId(kit.app.ids.next(kit::start())), kit.app.clone());
    let hash = password::hash_now(&password::Password::typed(PASSWORD), &kit.app.ids).unwrap();
    kit.app
        .write(move |tx| {
            let trained_until = Some(kit::start().plus_ms(300 * DAY_MS));
            let roles = RoleSet::of(&[Role::Clerk]);
            app.join(
                tx,
                &NewStaff {
                    id,
                    number: "O-1",
                    name: "测试",
                    organisation: outlet,
                    roles,
                    password: &hash,
                    must_change: false,
                    trained_until,
                },
                kit::start(),
            )?;
            app.set_totp(tx, id, &totp::demo_secret("O-1"), 0)
        })
        .await
        .unwrap();
    let code = totp::code(&totp::demo_secret("O-1"), kit.app.clock.now()).unwrap();
    let credentials = Credentials { number: "O-1".to_owned(), password: PASSWORD.to_owned(), code: Some(code) };
    let opened = kit.app.sign_in(credentials, Origin { address: "unknown".to_owned(), device: None }).await.unwrap();
    (routes::router(&kit.app, &EdgeConfig::default()), format!("{SESSION_COOKIE}={}", opened.token.as_str()))
}

/// The form a device posts.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend_from_slice(
            format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    body
}

async fn ask(router: &Router, method: &str, path: &str, cookie: &str, body: Vec<u8>) -> (StatusCode, header::HeaderMap, Vec<u8>) {
    let request = Request::builder().method(method).uri(path).header(header::COOKIE, cookie).header("sec-fetch-site", "same-origin");
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge").body(Body::from(body)).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, to_bytes(answer.into_body(), 4 << 20).await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_interface_a_replay_says_so_and_a_broken_form_is_refused() {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let (router, cookie) = over_http(&kit).await;
    let number = kit.numbers(1, 1).await[0];
    let (status, _, told) = ask(&router, "GET", "/api/v1/capture-limits", &cookie, Vec::new()).await;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!((status, told["numbers"][0]["id"].as_str()), (StatusCode::OK, Some(number.to_string().as_str())));
    let now = kit.app.clock.now().0;
    let order = json!({
        "id": Uuid::from_u128(77), "captured_at": now - MINUTE_MS, "rules_at": told["now"].as_i64().unwrap() - HOUR_MS, "rules_version": told["rules_version"],
        "product": "voice", "numbers": [number], "entry": "reader", "original_seen": true, "warning_read": true,
        "holder": { "document_kind": "resident_id", "document_number": kit::resident_id(1), "name": "测试甲", "address": "演示省演示一市示范区一号", "country": null, "phone": null, "valid_from": null, "valid_until": "2040-01-01" },
    })
    .to_string();
    let (sent, shots) = (now.to_string(), shots());
    let mut parts: Vec<(&str, &[u8])> = vec![("sent_at", sent.as_bytes()), ("order", order.as_bytes())];
    parts.extend(shots.iter().map(|(kind, bytes)| (kind.as_str(), bytes.as_slice())));
    let path = "/api/v1/offline-registrations";
    let mut seen = Vec::new();
    for (wanted, replayed) in [(StatusCode::CREATED, false), (StatusCode::OK, true)] {
        let (status, headers, body) = ask(&router, "POST", path, &cookie, form(&parts)).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body["replayed"].as_bool(), body["state"].as_str()), (wanted, Some(replayed), Some("submitted")), "{body}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        seen.push(body["id"].clone());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(orders(&kit).await, 1);
    let broken: [&[(&str, &[u8])]; 6] = [
        &[],
        &[("order", b"{}"), ("sent_at", b"1")],
        &[("order", order.as_bytes())],
        &[("sent_at", b"soon"), ("order", order.as_bytes())],
        &[("sent_at", b"1"), ("order", order.as_bytes()), ("surprise", b"x")],
        &[("sent_at", b"1"), ("order", order.as_bytes()), ("signature", b"x"), ("signature", b"y")],
    ];
    for parts in broken {
        let (status, _, body) = ask(&router, "POST", path, &cookie, form(parts)).await;
        assert!(status.is_client_error(), "{status} {}", String::from_utf8_lossy(&body));
        assert!(!String::from_utf8_lossy(&body).contains("测试甲"), "a refusal quotes nothing");
    }
    let (status, ..) = ask(&router, "POST", path, "", form(&parts)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let at_rest = kit.app.read(|tx| Ok(tx.query("SELECT request, rules_version FROM offline_upload", &[])?.len())).await.unwrap();
    assert_eq!(at_rest, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_knows_nobody_and_may_reach_the_bridge_alone() {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let (router, cookie) = over_http(&kit).await;
    let (status, headers, page) = ask(&router, "GET", "/app/", &cookie, Vec::new()).await;
    assert_eq!(status, StatusCode::OK);
    let (_, _, nobody) = ask(&router, "GET", "/app/", "", Vec::new()).await;
    assert_eq!(page, nobody, "the page is the same for whoever is signed in");
    assert!(!String::from_utf8_lossy(&page).contains("O-1"));
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("connect-src 'self';") && !policy.contains("unsafe"), "no bridge is set: {policy}");
    assert!(headers["permissions-policy"].to_str().unwrap().contains("geolocation=(self)"), "the page may ask where the device is");
    let (_, elsewhere, _) = ask(&router, "GET", "/login", "", Vec::new()).await;
    assert!(elsewhere["permissions-policy"].to_str().unwrap().contains("geolocation=()"), "only here");
    // With a bridge: exactly that origin, on this page alone.
    for (bridge, wanted) in
        [("http://127.0.0.1:17510", "connect-src 'self' http://127.0.0.1:17510;"), ("http://x; script-src *", "connect-src 'self';")]
    {
        let app = kit.app_with(|config| bridge.clone_into(&mut config.capture.reader_bridge));
        let router = routes::router(&app, &EdgeConfig::default());
        let (_, headers, _) = ask(&router, "GET", "/app/", "", Vec::new()).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains(wanted) && policy.matches("script-src").count() == 1, "{policy}");
        let (_, headers, _) = ask(&router, "GET", "/login", "", Vec::new()).await;
        assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("connect-src 'self';"));
    }
    let (_, headers, worker) = ask(&router, "GET", "/app/worker.js", "", Vec::new()).await;
    let worker = String::from_utf8(worker).unwrap();
    assert_eq!(headers[header::CACHE_CONTROL], "no-store", "a new worker is found");
    assert!(worker.starts_with("const VERSION=\""));
    let list = worker.split_once("const SHELL=").unwrap().1.split_once(";\n").unwrap().0;
    for part in serde_json::from_str::<Vec<String>>(list).unwrap() {
        let (status, ..) = ask(&router, "GET", &part, "", Vec::new()).await;
        assert_eq!(status, StatusCode::OK, "{part} is kept but not there");
    }
    for (lang, name) in [("zh-CN", "现场采集"), ("en", "Field capture")] {
        let (_, headers, manifest) = ask(&router, "GET", &format!("/app/{lang}.webmanifest"), "", Vec::new()).await;
        assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("application/manifest+json"));
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(
            (manifest["short_name"].as_str(), manifest["start_url"].as_str(), manifest["display"].as_str()),
            (Some(name), Some("/app/"), Some("standalone"))
        );
    }
}
