//! The audit desk in a real browser: many orders with the keyboard alone, what two tabs and a run-out claim do, and the ways of an order that
//! lead past one auditor: seniors, second looks, deliveries, dead letters, outlets.

use std::collections::BTreeMap;

use chuangsha_app::{
    channels,
    platform::actor::Actor,
    registration::{
        audit_desk, desk,
        order::{Check, Customer, ImageKind, Mode, Order, Product, State},
        table,
    },
};
use chuangsha_kernel::{
    id::{OrderId, OrganisationId, StaffId},
    role::{OrganisationKind, Role, RoleSet},
    rulebook::ChannelKind,
    time::DAY_MS,
};
use chuangsha_store::params;
use chuangsha_world::{kit, network::Behaviour, pictures};
use serde_json::json;
use thirtyfour::Key;

use crate::{
    kit::{Browser, Setup, pause},
    place::Place,
    story::{becomes, sign_in},
};

/// Somebody of an organisation, signed in with everything their role needs.
fn actor(place: &Place, role: Role, kind: OrganisationKind, organisation: OrganisationId) -> Actor {
    let now = place.app.clock.now();
    Actor {
        staff: StaffId(place.app.ids.next(now)),
        number: "T-1".to_owned(),
        organisation,
        organisation_kind: kind,
        region: "990100".to_owned(),
        carrier: place.app.people.carrier(),
        roles: RoleSet::of(&[role]),
        mfa_at: Some(now),
        passkey: true,
        trained_until: Some(now.plus_ms(DAY_MS)),
        address: "127.0.*".to_owned(),
        session: None,
        key_actions: None,
        alive: Default::default(),
    }
}

/// A clerk of the one outlet, whose orders need no camera.
struct Counter<'a> {
    place: &'a Place,
    clerk: Actor,
    shots: Vec<(ImageKind, Vec<u8>)>,
}

impl<'a> Counter<'a> {
    async fn open(place: &'a Place) -> Self {
        let outlet = place.app.read(|tx| channels::id_of_code(tx, "S-2231")).await.unwrap().unwrap();
        let card = pictures::Card { name: "Demo", number: "990101", address: "Demo", valid: "2020-01-01 2040-01-01", seed: 5 };
        let shots = vec![
            (ImageKind::DocumentFront, pictures::document_front(&card, None)),
            (ImageKind::DocumentBack, pictures::document_back(&card, None)),
            (ImageKind::LivePhoto, pictures::live_photo(5)),
            (ImageKind::Signature, pictures::signature(5)),
        ];
        Self { place, clerk: actor(place, Role::Clerk, OrganisationKind::Channel, OrganisationId(outlet)), shots }
    }

    /// One order of this person, checked by the authority.
    async fn submitted(&self, person: u16, mode: Mode) -> Order {
        let (app, clerk) = (&self.place.app, &self.clerk);
        let number = desk::offers(app, clerk, Product::Voice, uuid::Uuid::nil(), 1).await.unwrap()[0].id;
        let new = desk::NewOrder { number, mode, product: Product::Voice, customer: Customer::Individual };
        let id = desk::open(app, clerk, new).await.unwrap();
        let mut reservation = kit::reservation(1, person);
        if mode.is_online() {
            reservation.entry = "upload".to_owned();
        }
        let order = desk::reserve(app, clerk, id, reservation).await.unwrap();
        for (kind, bytes) in &self.shots {
            desk::add_image(app, clerk, id, *kind, bytes.clone()).await.unwrap();
        }
        let seen = desk::Capture {
            version: order.version,
            original_seen: true,
            warning_read: true,
            face_declined: false,
            agreement_clause: false,
        };
        let order = desk::capture(app, clerk, id, seen).await.unwrap();
        desk::submit(app, clerk, id, order.version).await.unwrap();
        self.until(id, |order| order.check == Check::Match).await
    }

    async fn until(&self, id: OrderId, wanted: impl Fn(&Order) -> bool) -> Order {
        for _ in 0..400 {
            let order = self.place.app.read(move |tx| table::find(tx, id)).await.unwrap();
            if wanted(&order) {
                return order;
            }
            pause(25).await;
        }
        panic!("the order never came so far");
    }

    fn auditor(&self, role: Role) -> Actor {
        let now = self.place.app.clock.now();
        actor(self.place, role, OrganisationKind::AuditCentre, OrganisationId(self.place.app.ids.next(now)))
    }
}

/// Presses the keys of a text one by one. Not as an action of the driver: that one is begun anew when a key leads to another page, and would
/// decide the next case as well.
async fn keys(browser: &Browser, text: &str) {
    for letter in text.chars().map(String::from) {
        browser.command("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": letter, "text": letter })).await;
        browser.command("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": letter })).await;
    }
}

/// Number of the open case, empty where none is.
async fn open_case(browser: &Browser) -> String {
    browser.run("return document.querySelector('[data-case] h2')?.innerText || ''").await.as_str().unwrap_or_default().to_owned()
}

/// Waits until another case is open, or none.
async fn moved_on(browser: &Browser, from: &str) -> String {
    for _ in 0..400 {
        // Asked at once: between two questions there may be another document, without its case yet.
        let seen = browser.run("return [document.readyState, document.querySelector('[data-case] h2')?.innerText || '']").await;
        let now = seen[1].as_str().unwrap_or_default();
        if seen[0] == json!("complete") && now != from {
            return now.to_owned();
        }
        pause(10).await;
    }
    browser.shot("keys-stuck").await;
    panic!("{from} stays open: {}", browser.text("main").await);
}

/// Audits `count` orders without touching the mouse; milliseconds of the server for each route.
async fn by_keyboard(count: u16) -> BTreeMap<String, Vec<f64>> {
    let place = Place::open().await;
    let counter = Counter::open(&place).await;
    for person in 1..=count {
        counter.submitted(person, Mode::Counter).await;
    }
    let browser = Browser::start(Setup::default()).await;
    sign_in(&browser, &place, "1187").await;
    browser.go(&format!("{}/audit", place.url)).await;
    // The switch is remembered; it starts switched on.
    assert_eq!(browser.run("return document.querySelector('[data-keys]').checked").await, json!(true));
    place.spent.lock().unwrap().clear();
    keys(&browser, "n").await;
    let mut case = moved_on(&browser, "").await;
    let mut expected = BTreeMap::from([(State::Returned, 0), (State::Rejected, 0), (State::Escalated, 0)]);
    let mut trail = Vec::new();
    for nth in 1..=count {
        keys(&browser, "z+").await;
        let ended = match nth % 10 {
            3 => {
                keys(&browser, "e").await;
                keys(&browser, "1").await;
                browser.page.action_chain().key_down(Key::Control).send_keys(Key::Enter).key_up(Key::Control).perform().await.unwrap();
                Some(State::Returned)
            }
            6 => {
                keys(&browser, "r").await;
                keys(&browser, "2").await;
                browser.page.action_chain().send_keys(Key::Enter).perform().await.unwrap();
                Some(State::Rejected)
            }
            9 => {
                keys(&browser, "s").await;
                keys(&browser, "photo differs").await;
                browser.page.action_chain().key_down(Key::Control).send_keys(Key::Enter).key_up(Key::Control).perform().await.unwrap();
                Some(State::Escalated)
            }
            _ => {
                keys(&browser, "a").await;
                None
            }
        };
        if let Some(state) = ended {
            *expected.entry(state).or_insert(0) += 1;
        }
        case = moved_on(&browser, &case).await;
        trail.push(browser.page.current_url().await.unwrap().to_string());
        assert_eq!(case.is_empty(), nth == count, "each decision opens the next case: {trail:#?} {}", browser.text("body").await);
    }
    let mut found = BTreeMap::new();
    for state in [State::Returned, State::Rejected, State::Escalated] {
        let filter = table::Filter { states: vec![state], ..table::Filter::default() };
        found.insert(state, place.app.read(move |tx| table::count(tx, &filter, 10_000)).await.unwrap());
    }
    assert_eq!(found, expected, "every decision is the one whose key was pressed: {trail:#?}");
    let mut spent: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (route, ms) in place.spent.lock().unwrap().drain(..) {
        if !route.contains("/assets") {
            spent.entry(route).or_default().push(ms);
        }
    }
    spent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_orders_are_audited_with_the_keyboard_alone() {
    let spent = by_keyboard(20).await;
    assert_eq!(spent["POST /audit/{id}/approval"].len(), 14);
    assert_eq!(spent["GET /audit"].len(), 21, "one page a decision, and nothing asked twice");
}

/// `cargo test --test browser -- --ignored --nocapture two_hundred` prints what the server needs for each step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of minutes"]
async fn two_hundred_orders_are_audited_with_the_keyboard_alone() {
    for (route, mut ms) in by_keyboard(200).await {
        ms.sort_by(f64::total_cmp);
        let at = |part: usize| ms[(ms.len() - 1) * part / 100];
        println!("{route:60} {:5} times  p50 {:6.1} ms  p95 {:6.1} ms  most {:6.1} ms", ms.len(), at(50), at(95), at(100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_two_tabs_or_when_the_claim_runs_out_and_others_lead_past_one_auditor() {
    let place = Place::open().await;
    let counter = Counter::open(&place).await;
    let first = counter.submitted(1, Mode::Counter).await;
    let second = counter.submitted(1, Mode::Counter).await;
    let browser = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&browser, &place, "1187").await;

    // Two tabs: what one decided, the other learns in clear words; the next case is there.
    browser.go(&format!("{}/audit", place.url)).await;
    browser.click(".head .primary").await;
    browser.arrived("done=claimed").await;
    let address = browser.page.current_url().await.unwrap().to_string();
    let here = browser.page.window().await.unwrap();
    let other = browser.page.new_tab().await.unwrap();
    browser.page.switch_to_window(other.clone()).await.unwrap();
    browser.go(&address).await;
    keys(&browser, "a").await;
    browser.arrived("done=approved").await;
    browser.page.close_window().await.unwrap();
    browser.page.switch_to_window(here).await.unwrap();
    assert_eq!(open_case(&browser).await, first.code);
    keys(&browser, "a").await;
    browser.find(".notice").await;
    assert!(browser.text(".notice").await.contains("stale") || browser.text(".notice").await.contains("moved on"));

    // The same person's documents side by side, zoomed together.
    browser.go(&format!("{}/audit?order={}", place.url, second.id)).await;
    browser.click(".twins summary").await;
    browser.click(".twins a").await;
    browser.find(".comparing").await;
    assert_eq!(browser.run("return document.querySelectorAll('.viewer-stage figure:not(.behind)').length").await, json!(2));
    keys(&browser, "+").await;
    assert_eq!(browser.run("return document.querySelectorAll('.viewer-stage .zoom-1').length").await, json!(2));
    browser.shot("audit-compare-en").await;

    // The claim runs out while somebody writes: the words stay, and one press claims again and goes on.
    let id = second.id;
    let run_out = move |tx: &mut chuangsha_store::Tx<'_>| {
        Ok(tx.execute("UPDATE registration_order SET lease_until = 1 WHERE id = $1", &params![id.as_bytes()])?)
    };
    place.app.write(run_out).await.unwrap();
    keys(&browser, "s").await;
    keys(&browser, "another face").await;
    browser.click("dialog#escalate .form-buttons button").await;
    browser.find("dialog#escalate[open] .notice").await;
    assert_eq!(browser.find("#escalate-words").await.prop("value").await.unwrap().as_deref(), Some("another face"));
    browser.shot("audit-run-out-en").await;
    browser.click("dialog#escalate .form-buttons button").await;
    browser.arrived("done=escalated").await;

    // The outlet becomes the carrier's own on the network, and its city lets orders be brought to the door.
    let open = |tx: &mut chuangsha_store::Tx<'_>| {
        tx.execute("UPDATE channel SET kind = $1 WHERE code = 'S-2231'", &params![ChannelKind::Online as i64])?;
        let sql = "INSERT INTO region_mode (region, mode, from_at, is_open) VALUES ('990100', $1, 1, 1)";
        Ok(tx.execute(sql, &params![Mode::OnlineDelivery as i64])?)
    };
    place.app.write(open).await.unwrap();

    // Two seniors vote from the same pane; the first is told that the second vote is another's.
    let third = counter.submitted(3, Mode::OnlineDelivery).await;
    let senior = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&senior, &place, "1190").await;
    senior.go(&format!("{}/audit?queue=escalated", place.url)).await;
    senior.click("td.actions a").await;
    senior.find("[data-case]").await;
    keys(&senior, "a").await;
    keys(&senior, "same person").await;
    senior.click("dialog#vote-for .form-buttons button").await;
    senior.arrived("done=voted").await;
    senior.go(&format!("{}/audit?queue=escalated&order={}", place.url, second.id)).await;
    assert!(senior.text("[data-case]").await.contains("another senior"), "{}", senior.text("[data-case]").await);
    let two = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&two, &place, "1190-1").await;
    two.go(&format!("{}/audit?queue=escalated&order={}", place.url, second.id)).await;
    keys(&two, "a").await;
    keys(&two, "same person").await;
    // The element refuses the command: it becomes a dead letter.
    place.network.script([Behaviour::Refuse("4103".to_owned())]);
    two.click("dialog#vote-for .form-buttons button").await;
    two.arrived("done=voted").await;

    // Operations find it on their desk and send it again.
    drop(two);
    let operator = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&operator, &place, "3001").await;
    for _ in 0..200 {
        operator.go(&place.url).await;
        if operator.has("#dead form button").await {
            break;
        }
        pause(100).await;
    }
    operator.shot("work-operator-en").await;
    operator.click("#dead form button").await;
    operator.arrived("done=retried").await;
    counter.until(second.id, |order| order.state == State::Activated).await;
    drop(operator);

    // A second look at what another approved.
    let drawn = first.id;
    let draw = move |tx: &mut chuangsha_store::Tx<'_>| {
        Ok(tx.execute(
            "INSERT INTO registration_recheck (order_id, drawn_at) VALUES ($1, 1) ON CONFLICT DO NOTHING",
            &params![drawn.as_bytes()],
        )?)
    };
    place.app.write(draw).await.unwrap();
    senior.go(&format!("{}/audit?queue=recheck", place.url)).await;
    senior.click("td.actions a").await;
    senior.find("[data-case]").await;
    senior.shot("audit-recheck-en").await;
    keys(&senior, "a").await;
    senior.arrived("done=checked").await;

    // An online order is approved, and compared with the document shown at the door.
    let auditor = counter.auditor(Role::Auditor);
    let claimed = audit_desk::claim(&place.app, &auditor, third.id).await.unwrap();
    audit_desk::approve(&place.app, &auditor, third.id, claimed.version).await.unwrap();
    let clerk = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&clerk, &place, "2207").await;
    clerk.go(&format!("{}/orders/{}", place.url, third.id)).await;
    clerk.click("button[commandfor=deliver]").await;
    clerk.fill("#deliver-document_number", &kit::resident_id(3)).await;
    clerk.click("dialog#deliver .form-buttons button").await;
    clerk.arrived("done=delivered").await;
    becomes(&clerk, &place, &format!("/orders/{}", third.id), "Activated").await;
    drop(clerk);

    // The outlet is suspended by the province, with a reason, and opened again.
    let manager = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&manager, &place, "1024").await;
    manager.go(&format!("{}/overview", place.url)).await;
    manager.shot("overview-figures-en").await;
    manager.go(&format!("{}/channels", place.url)).await;
    manager.click("td.main a").await;
    for (step, tag) in [("suspend", "Suspended"), ("resume", "Active")] {
        manager.click(&format!("button[commandfor={step}]")).await;
        manager.fill(&format!("#{step}-why"), "checked on the spot").await;
        manager.click(&format!("dialog#{step} .form-buttons button")).await;
        manager.arrived("done=changed").await;
        let here = manager.page.current_url().await.unwrap().path().to_owned();
        becomes(&manager, &place, &here, tag).await;
    }
}
