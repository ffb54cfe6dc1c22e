//! The story of a subscriber's page, told on every store the machine has: found by a full number, masked, revealed once and counted, protected,
//! and told to the person afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    platform::{
        actor::Actor,
        failure::Failure,
        people::{OrganisationKind, organisation},
        reveal::Reveal,
        second::{self, Answer},
    },
    registration::{audit_desk, desk, order::ImageKind, picture, view as orders},
    subscribers::{
        find::{self, Search},
        view::{self, Protection},
    },
};
use chuangsha_kernel::{
    id::{OrganisationId, SubjectId},
    role::Role,
    rulebook::ChannelKind,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};
use chuangsha_store::params;
use chuangsha_world::kit::{self, Kit, refused as code};
use chuangsha_world::story;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Who serves subscribers: an agent of a call centre, and a privacy officer of headquarters.
async fn people(kit: &Kit) -> (Actor, Actor) {
    let (centre, hq) = (OrganisationId(kit.app.ids.next(kit::start())), kit.hq);
    kit.app
        .write(move |tx| {
            let kind = OrganisationKind::CallCentre;
            let new =
                organisation::NewOrganisation { id: centre, kind, parent: Some(hq), region: "99", zh: "客服中心", en: "Call centre" };
            organisation::create(tx, &new, kit::start())
        })
        .await
        .unwrap();
    let agent = employed(kit, "H-1", Role::HotlineAgent, OrganisationKind::CallCentre, centre).await;
    let officer = employed(kit, "P-1", Role::PrivacyOfficer, OrganisationKind::CarrierHq, kit.hq).await;
    (agent, officer)
}

async fn employed(kit: &Kit, number: &'static str, role: Role, kind: OrganisationKind, organisation: OrganisationId) -> Actor {
    let staff = kit.staff_of(number, role, organisation).await;
    Actor { staff, number: number.to_owned(), ..kit.actor(role, kind, organisation, "99") }
}

/// Carries numbers of one person to the network; their subscriptions.
async fn subscribed(kit: &Kit, person: u16, from: u32, count: u32) -> Vec<Uuid> {
    let outlet = kit.outlet(&format!("S-{from:04}"), ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let mut opened = Vec::new();
    for number in kit.numbers(from, count).await {
        let order = kit.submitted(&clerk, number, person).await;
        let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
        audit_desk::approve(&kit.app, &auditor, order.id, held.version).await.unwrap();
        kit.work().await;
        opened.push(order.id.0);
    }
    opened
}

fn by(way: &str, value: &str) -> Search {
    Search { by: way.to_owned(), value: Zeroizing::new(value.to_owned()), on: String::new() }
}

fn ask(field: &str) -> Reveal {
    Reveal {
        field: field.into(),
        purpose: "customer_call".into(),
        case: "T-20931".into(),
        words: "客户来电核对".into(),
        ..Reveal::default()
    }
}

/// How many entries of an action the log holds.
async fn logged(kit: &Kit, action: &'static str) -> i64 {
    kit.app
        .read(move |tx| {
            let sql = "SELECT COUNT(*) FROM audit_entry WHERE action = $1";
            Ok(tx.query_one(sql, &chuangsha_store::params![action])?.int(0)?)
        })
        .await
        .unwrap()
}

story!(found_by_a_full_number_and_masked_for_everybody, kit, sound => {
    let (agent, officer) = people(&kit).await;
    let opened = subscribed(&kit, 1, 1, 3).await;
    let id = find::search(&kit.app, &agent, by("number", "+86 199 0000 0001")).await.unwrap();
    assert_eq!(id, opened[0]);
    let person = find::search(&kit.app, &agent, by("resident_id", &kit::resident_id(1))).await.unwrap();
    for (who, page) in [(&agent, id), (&agent, person), (&officer, id), (&officer, person)] {
        let seen = view::open(&kit.app, who, page).await.unwrap();
        assert_eq!((seen.numbers.len(), seen.slots_used, seen.slots_limit), (3, 3, 5));
        assert_eq!(seen.subject, Some(SubjectId(person)));
        let text = serde_json::to_string(&(&seen, view::orders(&kit.app, who, page).await.unwrap())).unwrap();
        for secret in ["测试甲", kit::resident_id(1).as_str(), "19900009999", "示范区一号", "19900000001", "19900000002"] {
            assert!(!text.contains(secret), "{} sees {secret}", who.number);
        }
        assert!(text.contains("199****0001") && text.contains("测**"));
    }
    let seen = view::open(&kit.app, &agent, id).await.unwrap();
    let number = seen.number.unwrap();
    assert_eq!((number.number.as_str(), number.slot, number.channel.as_deref(), number.real_name), ("199****0001", Some(1), Some("S-0001"), true));
    assert!(view::open(&kit.app, &agent, person).await.unwrap().number.is_none(), "the page of a person is of no single number");
    assert_eq!(view::timeline(&kit.app, &agent, id).await.unwrap().iter().filter(|entry| entry.step == "activating>activated").count(), 3);

    // Whoever has no such right learns nothing, not even that an id is one.
    for role in [Role::Clerk, Role::Auditor, Role::SystemAdministrator, Role::NetworkOperator, Role::InternalAuditor, Role::CityManager] {
        let other = kit.actor(role, OrganisationKind::CarrierHq, kit.hq, "99");
        for page in [id, person, Uuid::from_u128(7)] {
            assert_eq!(code(view::open(&kit.app, &other, page).await), "people.denied", "{role}");
        }
        assert_eq!(code(find::search(&kit.app, &other, by("number", "19900000001")).await), "people.denied", "{role}");
    }
    let foreign = Actor { carrier: Some(OrganisationId(Uuid::from_u128(5))), ..agent.clone() };
    assert_eq!(code(view::open(&kit.app, &foreign, id).await), code(view::open(&kit.app, &foreign, Uuid::from_u128(7)).await));
    assert_eq!(code(find::search(&kit.app, &foreign, by("number", "19900000001")).await), "subscriber.not_found");
});

story!(every_look_up_is_written_down_and_counted, kit, sound => {
    let (agent, officer) = people(&kit).await;
    subscribed(&kit, 1, 1, 1).await;
    assert_eq!(code(find::search(&kit.app, &agent, by("number", "1990000")).await), "phone.length");
    assert_eq!(code(find::search(&kit.app, &agent, by("name", "测试甲")).await), "subscriber.kind_unknown", "never by name");
    assert_eq!(logged(&kit, "subscriber.search").await, 0, "what cannot be a number looks nobody up");
    // A robot walks the neighbouring numbers.
    let (mut found, mut missed) = (0, 0);
    let spent = loop {
        match find::search(&kit.app, &agent, by("number", &format!("199{:08}", found + missed))).await {
            Ok(_) => found += 1,
            Err(Failure::Problem(problem)) if problem.code.id == "subscriber.not_found" => missed += 1,
            Err(Failure::Problem(problem)) => break problem.code.id,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!((found, missed, spent), (1, 49, "subscriber.lookups_spent"));
    assert_eq!(logged(&kit, "subscriber.search").await, 50);
    find::search(&kit.app, &officer, by("number", "19900000001")).await.unwrap();
    kit.clock.advance_ms(HOUR_MS + 1);
    find::search(&kit.app, &agent, by("number", "19900000001")).await.unwrap();
    // A page opened again within a quarter of an hour is one look; after it, another.
    let id = find::search(&kit.app, &agent, by("number", "19900000001")).await.unwrap();
    view::open(&kit.app, &agent, id).await.unwrap();
    assert_eq!(logged(&kit, "subscriber.view").await, 0, "the search was the look");
    kit.clock.advance_ms(16 * MINUTE_MS);
    for _ in 0..3 {
        view::open(&kit.app, &agent, id).await.unwrap();
    }
    assert_eq!(logged(&kit, "subscriber.view").await, 1);
});

story!(one_field_for_a_minute_once_and_within_the_budget, kit, sound => {
    let (agent, officer) = people(&kit).await;
    let id = subscribed(&kit, 1, 1, 1).await[0];
    let reveal = |asked: Reveal| { let (app, agent) = (kit.app.clone(), agent.clone()); async move { view::reveal(&app, &agent, id, asked).await } };
    assert_eq!(code(reveal(Reveal { purpose: "curiosity".into(), ..ask("name") }).await), "protection.purpose_unknown");
    assert_eq!(code(reveal(Reveal { case: " ".into(), ..ask("name") }).await), "protection.case_missing");
    assert_eq!(code(reveal(Reveal { words: "x".into(), ..ask("name") }).await), "protection.words_missing");
    assert_eq!(code(reveal(ask("salary")).await), "protection.field_unknown");
    assert_eq!(code(reveal(Reveal { role: "agent".into(), ..ask("name") }).await), "protection.field_unknown");
    assert_eq!(logged(&kit, "reveal.field").await, 0);
    for (field, value) in [
        ("number", "19900000001".to_owned()),
        ("document_number", kit::resident_id(1)),
        ("name", "测试甲".to_owned()),
        ("phone", "19900009999".to_owned()),
    ] {
        let shown = reveal(ask(field)).await.unwrap();
        assert_eq!((shown.value, shown.seconds, shown.budget), (value, 60, 20));
    }
    // The same form again: one look while it lasts, refused afterwards; another person's or another field's never.
    let once = Some(kit.app.ids.next(kit.app.clock.now()));
    let first = reveal(Reveal { once, ..ask("address") }).await.unwrap();
    assert_eq!(first.left_today, 15);
    kit.clock.advance_ms(20_000);
    let again = reveal(Reveal { once, ..ask("address") }).await.unwrap();
    assert_eq!((again.value, again.seconds, again.left_today), (first.value, 40, 15));
    assert_eq!(code(reveal(Reveal { once, ..ask("name") }).await), "protection.shown_already");
    assert_eq!(code(view::reveal(&kit.app, &officer, id, Reveal { once, ..ask("address") }).await), "protection.shown_already");
    kit.clock.advance_ms(40_000);
    assert_eq!(code(reveal(Reveal { once, ..ask("address") }).await), "protection.shown_already");
    assert_eq!(logged(&kit, "reveal.field").await, 5);
    // The budget is one, wherever it is spent.
    let order = chuangsha_kernel::id::OrderId(id);
    for _ in 0..14 {
        orders::reveal(&kit.app, &agent, order, ask("name")).await.unwrap();
    }
    assert_eq!(reveal(ask("name")).await.unwrap().left_today, 0);
    assert_eq!(code(reveal(ask("name")).await), "protection.reveals_spent");
    assert_eq!(code(orders::reveal(&kit.app, &agent, order, ask("name")).await), "protection.reveals_spent");
    kit.clock.advance_ms(DAY_MS);
    reveal(ask("name")).await.unwrap();
    // Who sees masked data only is refused, and so is a colleague without current training.
    let untrained = Actor { trained_until: None, ..agent.clone() };
    assert_eq!(code(view::reveal(&kit.app, &untrained, id, ask("name")).await), "people.denied");
});

story!(a_protected_person_is_seen_by_two, kit, sound => {
    let (agent, officer) = people(&kit).await;
    let id = subscribed(&kit, 1, 1, 1).await[0];
    assert_eq!(code(view::protect(&kit.app, &agent, id, Protection { protect: true, words: "公众人物".into() }).await), "people.denied");
    assert_eq!(code(view::protect(&kit.app, &officer, id, Protection { protect: true, words: String::new() }).await), "protection.words_missing");
    assert_eq!(code(view::ask_second(&kit.app, &agent, id, ask("name")).await), "second.not_needed");
    view::protect(&kit.app, &officer, id, Protection { protect: true, words: "公众人物".into() }).await.unwrap();
    assert!(view::open(&kit.app, &agent, id).await.unwrap().protected);
    assert_eq!(code(view::reveal(&kit.app, &agent, id, ask("name")).await), "second.needed");
    let order = chuangsha_kernel::id::OrderId(id);
    assert_eq!(code(orders::reveal(&kit.app, &agent, order, ask("name")).await), "second.needed", "nor by way of the order");
    assert_eq!(code(view::reveal(&kit.app, &officer, id, ask("name")).await), "second.needed", "nor the officer alone");
    let request = view::ask_second(&kit.app, &agent, id, ask("name")).await.unwrap();
    assert_eq!(code(view::reveal(&kit.app, &agent, id, ask("name")).await), "second.needed", "asked is not agreed");
    second::answer(&kit.app, &officer, request, Answer::Approve, String::new()).await.unwrap();
    assert_eq!(code(view::reveal(&kit.app, &agent, id, ask("address")).await), "second.needed", "another field");
    let other = Reveal { purpose: "complaint".into(), ..ask("name") };
    assert_eq!(code(view::reveal(&kit.app, &agent, id, other).await), "second.needed", "another purpose");
    assert_eq!(code(orders::reveal(&kit.app, &agent, order, ask("name")).await), "second.needed", "another page");
    assert_eq!(view::reveal(&kit.app, &agent, id, ask("name")).await.unwrap().value, "测试甲");
    assert_eq!(code(view::reveal(&kit.app, &agent, id, ask("name")).await), "second.needed", "once");
    assert_eq!(second::find(&kit.app, &agent, request).await.unwrap().page, format!("/persons/{id}"));
    view::protect(&kit.app, &officer, id, Protection { protect: false, words: "期满".into() }).await.unwrap();
    view::reveal(&kit.app, &agent, id, ask("name")).await.unwrap();
});

story!(the_pictures_of_a_protected_person_are_seen_by_two_and_by_whoever_audits, kit, sound => {
    let (agent, officer) = people(&kit).await;
    let province = OrganisationId(kit.app.ids.next(kit::start()));
    let hq = kit.hq;
    let found = move |tx: &mut chuangsha_store::Tx<'_>| {
        let kind = OrganisationKind::Province;
        let new = organisation::NewOrganisation { id: province, kind, parent: Some(hq), region: "99", zh: "省公司", en: "Province" };
        organisation::create(tx, &new, kit::start())
    };
    kit.app.write(found).await.unwrap();
    let other = employed(&kit, "P-2", Role::PrivacyOfficer, OrganisationKind::Province, province).await;
    let subscription = subscribed(&kit, 1, 1, 1).await[0];
    let id = chuangsha_kernel::id::OrderId(subscription);
    let look = async |by: &Actor, kind| picture::show(&kit.app, by, id, kind).await;
    let waits = async || picture::waits_for(&kit.app, &officer, id).await.unwrap();
    look(&officer, ImageKind::DocumentFront).await.unwrap();
    assert_eq!(waits().await, None);
    assert_eq!(code(picture::ask_second(&kit.app, &officer, id, ask("images")).await), "second.not_needed");
    view::protect(&kit.app, &officer, subscription, Protection { protect: true, words: "公众人物".into() }).await.unwrap();
    assert_eq!(code(look(&officer, ImageKind::DocumentFront).await), "second.needed");
    assert_eq!(waits().await, Some(second::Cause::Protected));
    assert_eq!(code(look(&agent, ImageKind::DocumentFront).await), "people.denied", "an agent has no pictures to ask for");
    look(&kit.auditor(), ImageKind::DocumentFront).await.unwrap();
    assert_eq!(code(picture::ask_second(&kit.app, &officer, id, Reveal { words: String::new(), ..ask("images") }).await), "protection.words_missing");
    let request = picture::ask_second(&kit.app, &officer, id, ask("images")).await.unwrap();
    assert_eq!(code(look(&officer, ImageKind::DocumentFront).await), "second.needed", "asked is not agreed");
    second::answer(&kit.app, &other, request, Answer::Approve, String::new()).await.unwrap();
    assert_eq!(waits().await, None);
    for kind in [ImageKind::DocumentFront, ImageKind::LivePhoto, ImageKind::DocumentFront] {
        assert_eq!(&look(&officer, kind).await.unwrap()[..2], [0xff, 0xd8], "all of the order, for a while");
    }
    assert_eq!(code(look(&other, ImageKind::DocumentFront).await), "second.needed", "and for nobody else");
    kit.clock.advance_ms(2 * MINUTE_MS);
    assert_eq!(code(look(&officer, ImageKind::DocumentFront).await), "second.needed");
    let facts = kit.app.read(|tx| Ok(tx.query("SELECT facts FROM audit_entry WHERE action = 'image.view' ORDER BY id", &[])?)).await.unwrap();
    let told = facts.iter().filter(|row| row.text(0).unwrap().contains(&request.to_string())).count();
    assert_eq!((facts.len(), told), (5, 3), "every look is on record, with who agreed where it took two");
});

story!(many_persons_the_young_and_other_provinces_are_seen_by_two, kit, sound => {
    let (agent, _) = people(&kit).await;
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let mut ids = Vec::new();
    for (person, number) in (1..).zip(kit.numbers(1, 12).await) {
        ids.push(kit.reserved(&clerk, number, person).await.unwrap());
    }
    for id in &ids[..10] {
        orders::reveal(&kit.app, &agent, *id, ask("name")).await.unwrap();
    }
    assert_eq!(code(orders::reveal(&kit.app, &agent, ids[10], ask("name")).await), "second.needed", "the eleventh within the hour");
    orders::reveal(&kit.app, &agent, ids[0], ask("name")).await.unwrap();
    kit.clock.advance_ms(HOUR_MS + 1);
    orders::reveal(&kit.app, &agent, ids[10], ask("name")).await.unwrap();
    let elsewhere = Actor { region: "110100".to_owned(), ..agent.clone() };
    assert_eq!(code(orders::reveal(&kit.app, &elsewhere, ids[0], ask("name")).await), "second.needed", "another province");

    // Somebody of fifteen, and what the article says of them.
    let born = kit::start().day().saturating_sub(jiff::Span::new().years(15));
    let number = chuangsha_kernel::document::ResidentId::compose("990101", born, 7).unwrap();
    let mut young = kit::reservation(1, 1);
    young.holder.document_number = Zeroizing::new(number);
    (young.holder.valid_from, young.holder.valid_until) = (Some("2024-01-01".to_owned()), Some("2029-01-01".to_owned()));
    let free = kit.numbers(50, 1).await[0];
    let new = desk::NewOrder {
        number: free,
        mode: chuangsha_app::registration::order::Mode::Counter,
        product: chuangsha_app::registration::order::Product::Voice,
        customer: chuangsha_app::registration::order::Customer::Individual,
    };
    let id = desk::open(&kit.app, &clerk, new).await.unwrap();
    desk::reserve(&kit.app, &clerk, id, young).await.unwrap();
    let refused = orders::reveal(&kit.app, &agent, id, ask("name")).await;
    let Err(Failure::Problem(problem)) = refused else { panic!("somebody under age was shown") };
    assert_eq!(problem.data.get("cause_en").map(String::as_str), Some("Under age"));
});

story!(the_person_is_told_who_looked_but_never_which_of_them, kit, sound => {
    let (agent, officer) = people(&kit).await;
    let ids = subscribed(&kit, 1, 1, 2).await;
    let id = find::search(&kit.app, &agent, by("number", "19900000001")).await.unwrap();
    view::reveal(&kit.app, &agent, id, ask("name")).await.unwrap();
    orders::reveal(&kit.app, &agent, chuangsha_kernel::id::OrderId(ids[1]), ask("document_number")).await.unwrap();
    let lawful = Reveal { purpose: "lawful_request".into(), ..ask("address") };
    view::reveal(&kit.app, &agent, id, lawful).await.unwrap();
    // Another person's looks are another person's.
    let other = subscribed(&kit, 2, 30, 1).await[0];
    view::reveal(&kit.app, &agent, other, ask("name")).await.unwrap();

    let (told, _) = view::disclosures(&kit.app, &officer, id, None, 100).await.unwrap();
    let text = serde_json::to_string(&told).unwrap();
    for secret in ["H-1", "客户来电核对", "T-20931", agent.staff.to_string().as_str()] {
        assert!(!text.contains(secret), "the person is told {secret}");
    }
    let looks: Vec<(&str, &str)> = told.iter().map(|look| (look.action.as_str(), look.what.as_str())).filter(|(action, _)| *action != "image.view").collect();
    assert_eq!(looks, [("reveal.field", "holder.document_number"), ("reveal.field", "holder.name"), ("subscriber.search", "")]);
    assert_eq!((told[0].organisation_en.as_str(), told[0].posts.as_slice()), ("Call centre", &[Role::HotlineAgent][..]));
    // An agent sees what the person is told; the officer sees who, why, and what is held back until its day.
    assert_eq!(serde_json::to_string(&view::access(&kit.app, &agent, id, None, 100).await.unwrap().0).unwrap(), text);
    let (all, _) = view::access(&kit.app, &officer, id, None, 100).await.unwrap();
    let held = all.iter().find(|look| look.withheld_until.is_some()).unwrap();
    assert_eq!((held.what.as_str(), held.number.as_deref(), held.why.as_deref()), ("holder.address", Some("H-1"), Some("T-20931 · 客户来电核对")));
    kit.clock.advance_ms(180 * DAY_MS + 1);
    let (later, _) = view::disclosures(&kit.app, &officer, id, None, 100).await.unwrap();
    assert_eq!(later.len(), told.len() + 1, "held back, not hidden for good");
    // Page by page, nothing is left out and nothing told twice.
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = view::disclosures(&kit.app, &officer, id, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        paged.extend(page.into_iter().map(|look| look.id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, later.iter().map(|look| look.id).collect::<Vec<_>>());
});

story!(when_the_log_cannot_be_written_nothing_is_shown, kit, sound => {
    let (agent, _) = people(&kit).await;
    let id = subscribed(&kit, 1, 1, 1).await[0];
    kit.app.write(|tx| Ok(tx.batch("ALTER TABLE audit_entry RENAME TO audit_entry_away")?)).await.unwrap();
    assert!(matches!(view::reveal(&kit.app, &agent, id, ask("name")).await, Err(Failure::Store(_))));
    assert!(find::search(&kit.app, &agent, by("number", "19900000001")).await.is_err());
    assert!(view::open(&kit.app, &agent, id).await.is_err());
    kit.app.write(|tx| Ok(tx.batch("ALTER TABLE audit_entry_away RENAME TO audit_entry")?)).await.unwrap();
    assert_eq!(view::reveal(&kit.app, &agent, id, ask("name")).await.unwrap().value, "测试甲");
});

/// What was recorded before the tables changed is found after it: by number, by person, by an identity card and by any other document.
#[tokio::test]
async fn a_record_of_the_older_tables_is_found_in_the_newer() {
    use chuangsha_app::{MIGRATIONS, registration::subscription};
    use chuangsha_kernel::document::DocumentKind;
    for engine in chuangsha_store::testkit::engines().await {
        let before: Vec<_> = MIGRATIONS.iter().take_while(|step| step.module != "subscription").copied().collect();
        engine.store.migrate(&before).await.unwrap();
        let bytes = |byte: u8| vec![byte; 16];
        let (line, number, index, subject, person, card, passport) = (bytes(1), bytes(2), bytes(3), bytes(4), bytes(5), bytes(6), bytes(7));
        let sealed = b"sealed".to_vec();
        let fill = move |tx: &mut chuangsha_store::Tx<'_>| {
            tx.execute(
                "INSERT INTO number_pool (id, number_index, number_sealed, region, product, state, holder) VALUES ($1, $2, $3, '990100', 1, 3, $4)",
                &params![&number, &index, &sealed, &line],
            )?;
            tx.execute(
                "INSERT INTO subscription (id, number_id, number_index, subject, person_key, region, channel_kind, product, real_name, state, \
                 since) VALUES ($1, $2, $3, $4, $5, '990100', 2, 1, 1, 1, 0)",
                &params![&line, &number, &index, &subject, &person],
            )?;
            tx.execute("INSERT INTO person (person_key, subject, created_at) VALUES ($1, $2, 0)", &params![&person, &subject])?;
            for (order, document, index) in [(8_u8, "resident_id", &card), (9, "passport", &passport)] {
                tx.execute(
                    "INSERT INTO registration_party (order_id, role, subject, document, number_index, name, number, address) \
                     VALUES ($1, 'holder', $2, $3, $4, $5, $5, $5)",
                    &params![&vec![order; 16], &subject, document, index, &sealed],
                )?;
            }
            Ok::<_, chuangsha_store::StoreError>(())
        };
        engine.store.write(fill).await.unwrap();
        engine.store.migrate(MIGRATIONS).await.unwrap();
        let found = engine
            .store
            .read(move |tx| {
                let line = subscription::standing_of_number(tx, &[3; 16])?.map(|found| *found.id.as_bytes());
                let held = subscription::of_person(tx, &[5; 16])?.len();
                let by_card = subscription::of_document(tx, DocumentKind::ResidentId, &[6; 16], &[5; 16])?;
                let by_passport = subscription::of_document(tx, DocumentKind::Passport, &[7; 16], &[0; 16])?;
                let nobody = subscription::of_document(tx, DocumentKind::ResidentId, &[6; 16], &[0; 16])?;
                Ok::<_, chuangsha_app::platform::failure::Failure>((line, held, by_card, by_passport, nobody))
            })
            .await
            .unwrap();
        let subject = Some(chuangsha_kernel::id::SubjectId(uuid::Uuid::from_bytes([4; 16])));
        assert_eq!(found, (Some([1; 16]), 1, subject, subject, None), "{}", engine.name);
    }
}
