//! 用户 360 and 金库授权: found by a full number, seen for a minute, found in the access record; then with a second person.

use chuangsha_app::{
    platform::keys,
    registration::{
        desk::place as sealed,
        order::Product,
        table::{self, NumberState, Party, PoolNumber, Subscription},
    },
};
use chuangsha_kernel::{
    document::{Document, DocumentKind},
    id::{OrderId, SubjectId},
};
use chuangsha_vault::{Domain, Field};

use crate::{
    kit::{Browser, Setup, pause},
    place::{Place, twin_of},
    story::sign_in,
};

pub(crate) const NUMBER: &str = "19900009901";
const DOCUMENT: &str = "990101199001011230";

/// Somebody of the base with two numbers, as a migration takes them over.
pub(crate) async fn subscriber(place: &Place) {
    let app = place.app.clone();
    place
        .app
        .write(move |tx| {
            let now = app.clock.now();
            let document = Document::parse(DocumentKind::ResidentId, DOCUMENT, app.rules.provinces()).unwrap();
            let key = app.vault.blind(Field::PersonKey, document.person_key().as_str())?.0;
            let subject = SubjectId(app.ids.next(now));
            table::add_person(tx, &key, subject, now)?;
            let data = app.key_of(tx, subject.0, Domain::Identity)?;
            for (slot, digits) in [(1, NUMBER), (2, "19900009902")] {
                let (id, number) = (app.ids.next(now), app.ids.next(now));
                let index = app.vault.blind(Field::Phone, &format!("86{digits}"))?.0.to_vec();
                let state = NumberState::InUse as i64;
                let pool = PoolNumber {
                    id: number,
                    index,
                    sealed: app.seal_pool_number(tx, number, digits)?,
                    region: "990100".to_owned(),
                    product: Product::Voice,
                    state,
                    holder: Some(id),
                };
                table::add_number(tx, &pool)?;
                let subscription = Subscription {
                    id,
                    number,
                    subject: Some(subject),
                    person_key: Some(key),
                    region: "990100".to_owned(),
                    channel_kind: 1,
                    product: Product::Voice,
                    real_name: true,
                    since: now,
                };
                table::add_subscription(tx, &subscription)?;
                table::take_slot(tx, &app.config.operator.code, &key, Product::Voice.quota_class(), slot, id, true)?;
                let party = Party {
                    role: "holder".to_owned(),
                    subject,
                    document: DocumentKind::ResidentId,
                    number_index: app.vault.blind(Field::DocumentNumber, document.number())?.0.to_vec(),
                    name: keys::seal(&data, sealed::NAME, "演示甲")?,
                    number: keys::seal(&data, sealed::NUMBER, document.number())?,
                    address: keys::seal(&data, sealed::ADDRESS, "演示省演示一市一区一路1号")?,
                    phone: None,
                    valid_from: Some("2020-01-01".to_owned()),
                    valid_until: Some("2040-01-01".to_owned()),
                };
                table::put_party(tx, OrderId(id), &party)?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// Looks a number up; the address of the page it leads to.
async fn look_up(browser: &Browser, place: &Place) -> String {
    browser.go(&format!("{}/persons", place.url)).await;
    browser.fill("#f-value", NUMBER).await;
    browser.click("main .form-buttons .primary").await;
    browser.arrived("/persons/").await;
    let address = browser.page.current_url().await.unwrap();
    assert!(!address.as_str().contains("1990"), "{address} says nothing of the number");
    address.path().to_owned()
}

/// Fills the dialog of a reveal and sends it.
async fn ask(browser: &Browser, field: &str, words: &str) {
    browser.click("button[commandfor=reveal]").await;
    browser.pick("#reveal-field", field).await;
    browser.pick("#reveal-purpose", "customer_call").await;
    browser.fill("#reveal-case", "T-20931").await;
    browser.fill("#reveal-words", words).await;
    browser.click("dialog#reveal .form-buttons button").await;
}

pub(crate) async fn check(browser: &Browser, name: &str, wrong: &mut Vec<String>) {
    browser.find("h1").await;
    browser.shot(name).await;
    wrong.extend(browser.breaches().await.into_iter().map(|breach| format!("{name}: {breach}")));
    wrong.extend(browser.overflowing().await.into_iter().map(|element| format!("{name}: sticks out: {element}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_is_found_seen_for_a_minute_and_told_and_protected_by_a_second_person() {
    let place = Place::open().await;
    subscriber(&place).await;
    let mut wrong = Vec::new();
    let agent = Browser::start(Setup::default()).await;
    sign_in(&agent, &place, "3004").await;

    // Nobody there, and a number that is none: said at the field, nothing in the address.
    agent.go(&format!("{}/persons", place.url)).await;
    check(&agent, "person-search-zh", &mut wrong).await;
    agent.fill("#f-value", "19900008888").await;
    agent.click("main .form-buttons .primary").await;
    assert!(agent.find(".field-wrong .wrong").await.text().await.unwrap().contains("没有查到用户"));

    let page = look_up(&agent, &place).await;
    let text = agent.text("main").await;
    assert!(text.contains("199****9901") && text.contains("演**") && text.contains("2/5"), "{text}");
    for secret in [NUMBER, DOCUMENT, "演示甲", "一路1号"] {
        assert!(!agent.page.source().await.unwrap().contains(secret), "the page holds {secret}");
    }
    check(&agent, "person-zh", &mut wrong).await;
    for tab in ["documents", "numbers", "timeline", "access"] {
        agent.go(&format!("{}{page}?tab={tab}", place.url)).await;
        check(&agent, &format!("person-{tab}-zh"), &mut wrong).await;
    }

    // Without a case it is refused at its field, and the words are kept.
    agent.go(&format!("{}{page}", place.url)).await;
    agent.click("button[commandfor=reveal]").await;
    agent.pick("#reveal-purpose", "customer_call").await;
    agent.fill("#reveal-words", "客户来电核对").await;
    agent.click("dialog#reveal .form-buttons button").await;
    agent.find("dialog#reveal[open] .field-wrong #reveal-case").await;
    assert_eq!(agent.find("#reveal-words").await.prop("value").await.unwrap().as_deref(), Some("客户来电核对"));
    check(&agent, "person-reveal-refused-zh", &mut wrong).await;

    // Seen, counted down, gone; and gone when the page is come back to.
    agent.go(&format!("{}{page}", place.url)).await;
    ask(&agent, "document_number", "客户来电核对").await;
    let shown = agent.find("[data-hide-after]").await.text().await.unwrap();
    assert!(shown.contains(DOCUMENT) && shown.contains("19/20"), "{shown}");
    check(&agent, "person-revealed-zh", &mut wrong).await;
    agent.run("document.querySelector('[data-hide-after]').dataset.gone = Date.now() + 2500").await;
    for _ in 0..100 {
        if !agent.has("[data-hide-after]").await {
            break;
        }
        pause(100).await;
    }
    assert!(!agent.text("main").await.contains(DOCUMENT), "the countdown hides it");
    agent.go(&format!("{}{page}?tab=access", place.url)).await;
    agent.page.back().await.unwrap();
    pause(300).await;
    assert!(!agent.page.source().await.unwrap().contains(DOCUMENT), "nor does going back show it");
    agent.go(&format!("{}{page}?tab=access", place.url)).await;
    let told = agent.text("main").await;
    assert!(told.contains("演示省客服中心") && told.contains("客户来电核实") && told.contains("证件号码"), "{told}");
    assert!(!told.contains("3004"), "an agent reads what the person is told");

    // The officer reads who it was, and protects the person.
    let officer = Browser::start(Setup::default()).await;
    sign_in(&officer, &place, "3005").await;
    officer.go(&format!("{}{page}?tab=access", place.url)).await;
    let told = officer.text("main").await;
    assert!(told.contains("3004") && told.contains("T-20931"), "{told}");
    check(&officer, "person-access-officer-zh", &mut wrong).await;
    officer.click("button[commandfor=protect]").await;
    officer.fill("#protect-words", "公众人物").await;
    officer.click("dialog#protect .form-buttons button").await;
    officer.arrived("done=saved").await;

    // Now it takes two: asked, agreed in another organisation, used once.
    agent.go(&format!("{}{page}", place.url)).await;
    ask(&agent, "name", "核对姓名").await;
    agent.find("dialog#reveal[open] .notice").await;
    assert!(!agent.page.source().await.unwrap().contains("演示甲"));
    check(&agent, "person-needs-second-zh", &mut wrong).await;
    agent.click("dialog#reveal .form-buttons button").await;
    agent.arrived("done=second-asked").await;
    check(&agent, "second-mine-zh", &mut wrong).await;
    officer.go(&format!("{}/second", place.url)).await;
    check(&officer, "second-waiting-zh", &mut wrong).await;
    officer.click("td.main a").await;
    officer.arrived("/second/").await;
    check(&officer, "second-one-zh", &mut wrong).await;
    officer.click("button[commandfor=approval]").await;
    officer.click("dialog#approval .form-buttons button").await;
    officer.arrived("done=second-approved").await;
    agent.go(&format!("{}/second?queue=mine", place.url)).await;
    agent.click("td.main a").await;
    agent.click(".tools a.primary").await;
    agent.arrived(&page).await;
    ask(&agent, "name", "核对姓名").await;
    assert!(agent.find("[data-hide-after]").await.text().await.unwrap().contains("演示甲"));
    agent.go(&format!("{}{page}", place.url)).await;
    ask(&agent, "name", "核对姓名").await;
    agent.find("dialog#reveal[open] .notice").await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The same pages in English, on a telephone.
    let phone = Browser::start(Setup { width: 390, height: 844, language: "en", ..Setup::default() }).await;
    sign_in(&phone, &place, &twin_of("3005", 1)).await;
    for (name, path) in [
        ("person-search", "/persons".to_owned()),
        ("person", page.clone()),
        ("person-numbers", format!("{page}?tab=numbers")),
        ("person-access", format!("{page}?tab=access")),
        ("second", "/second?queue=decided".to_owned()),
    ] {
        phone.go(&format!("{}{path}", place.url)).await;
        check(&phone, &format!("{name}-en-390"), &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
