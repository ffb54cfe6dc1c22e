//! 停机与补登: a stopped customer comes to the counter, is registered anew, an auditor approves, and the network gives the number back.

use chuangsha_app::{
    platform::audit::By,
    registration::{
        order::Product,
        table::{self, NumberState, PoolNumber, Subscription},
    },
    suspension::{self, Ground, Level, Notice, Stop},
};
use chuangsha_vault::Field;
use uuid::Uuid;

use crate::{
    kit::{Browser, Setup, pause},
    place::Place,
    story::{Files, sign_in},
};

const NUMBER: &str = "19900009911";

/// A number of the old base under nobody's name, stopped for it.
async fn stopped(place: &Place) -> Uuid {
    let app = place.app.clone();
    let now = app.clock.now();
    let (id, number) = (app.ids.next(now), app.ids.next(now));
    place
        .app
        .write(move |tx| {
            let index = app.vault.blind(Field::Phone, &format!("86{NUMBER}"))?.0.to_vec();
            let pool = PoolNumber {
                id: number,
                index,
                sealed: app.seal_pool_number(tx, number, NUMBER)?,
                region: "990100".to_owned(),
                product: Product::Voice,
                state: NumberState::InUse as i64,
                holder: Some(id),
            };
            table::add_number(tx, &pool)?;
            let subscription = Subscription {
                id,
                number,
                subject: None,
                person_key: None,
                region: "990100".to_owned(),
                channel_kind: 1,
                product: Product::Voice,
                real_name: false,
                since: now,
            };
            table::add_subscription(tx, &subscription)?;
            let stop = Stop {
                subscription: id,
                ground: Ground::RealName,
                level: Level::StoppedOut,
                article: "L-REM-1",
                notice: Notice::new("未实名登记", "任一自有营业厅", "本人有效身份证件原件"),
                case: None,
                until: None,
            };
            suspension::stop(&app, tx, By::System("test"), &stop, now)
        })
        .await
        .unwrap();
    id
}

/// Waits until the element has done this to the number last.
async fn does(place: &Place, action: &str) {
    for _ in 0..200 {
        if place.network.line(NUMBER).is_some_and(|line| line.action == action) {
            return;
        }
        pause(50).await;
    }
    panic!("the network did {:?} and not {action}", place.network.line(NUMBER));
}

async fn check(browser: &Browser, name: &str, wrong: &mut Vec<String>) {
    browser.find("h1").await;
    browser.shot(name).await;
    wrong.extend(browser.breaches().await.into_iter().map(|breach| format!("{name}: {breach}")));
    wrong.extend(browser.overflowing().await.into_iter().map(|element| format!("{name}: sticks out: {element}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_customer_comes_to_the_counter_and_leaves_with_a_working_number() {
    let place = Place::open().await;
    let line = stopped(&place).await;
    does(&place, "stop_out").await;
    let mut wrong = Vec::new();

    // Whoever answers the telephone sees why, and where it is mended.
    let agent = Browser::start(Setup::default()).await;
    sign_in(&agent, &place, "3004").await;
    agent.go(&format!("{}/persons/{line}", place.url)).await;
    assert!(agent.text("main").await.contains("单停"), "the page says that it is stopped");
    check(&agent, "stopped-person-zh", &mut wrong).await;
    agent.click("#person-holds tbody a").await;
    agent.arrived("/suspensions/").await;
    assert!(agent.text("main").await.contains("任一自有营业厅"));
    check(&agent, "stopped-hold-zh", &mut wrong).await;

    // At the counter, in English and without scripts: the number they have, then the capture of any order.
    let files = Files::new();
    let clerk = Browser::start(Setup { scripts: false, language: "en", ..Setup::default() }).await;
    sign_in(&clerk, &place, "2207").await;
    clerk.go(&format!("{}/capture", place.url)).await;
    clerk.click("a[href='/capture/existing']").await;
    clerk.arrived("/capture/existing").await;
    clerk.fill("#f-number", "19900009912").await;
    clerk.click(".form-buttons .primary").await;
    assert!(clerk.find(".field-wrong .wrong").await.text().await.unwrap().contains("No subscriber"), "said at its field");
    clerk.shot("stopped-existing-wrong-en").await;
    clerk.fill("#f-number", NUMBER).await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("/document").await;
    assert!(clerk.text("main").await.contains("Stopped outgoing"), "the clerk sees how the number stands");
    clerk.shot("stopped-document-en").await;
    clerk.fill("[name='holder.document_number']", "990101199303031237").await;
    clerk.fill("[name='holder.name']", "演示丙").await;
    clerk.fill("[name='holder.address']", "演示省演示一市一区二路2号").await;
    for (fields, next) in
        [(["document_front", "document_back"].as_slice(), "/portrait"), (&["live_photo"], "/signature"), (&["signature"], "/submission")]
    {
        for field in fields {
            files.attach(&clerk, field).await;
        }
        clerk.click(".form-buttons .primary").await;
        clerk.arrived(next).await;
    }
    clerk.click("[name=original_seen]").await;
    clerk.click("[name=warning_read]").await;
    clerk.shot("stopped-submission-en").await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("/orders/").await;
    assert_eq!(place.network.line(NUMBER).unwrap().action, "stop_out", "nothing is restored before the audit");

    let auditor = Browser::start(Setup::default()).await;
    sign_in(&auditor, &place, "1187").await;
    for _ in 0..100 {
        auditor.go(&format!("{}/audit", place.url)).await;
        if auditor.has("[data-line]").await {
            break;
        }
        pause(100).await;
    }
    assert!(auditor.text("[data-line]").await.contains("补登"), "the auditor sees what kind of order it is");
    auditor.click(".head .primary").await;
    auditor.find("[data-case]").await;
    auditor.shot("stopped-audit-zh").await;
    auditor.page.action_chain().send_keys("a").perform().await.unwrap();
    auditor.arrived("done=approved").await;

    // Restored by itself, confirmed by the network, and shown so.
    does(&place, "restore").await;
    for _ in 0..100 {
        agent.go(&format!("{}/persons/{line}", place.url)).await;
        if agent.text("main").await.contains("已实名") && !agent.text(".head").await.contains("单停") {
            break;
        }
        pause(100).await;
    }
    let head = agent.text(".head").await;
    assert!(head.contains("已实名") && !head.contains("单停"), "{head}");
    check(&agent, "stopped-restored-zh", &mut wrong).await;
    let services = place.network.services();
    assert!(services.iter().all(|service| service.action != "activate"), "a number in use is not opened again");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_stops_a_number_by_hand_and_lifts_it_again_on_a_narrow_screen() {
    let place = Place::open().await;
    let line = stopped(&place).await;
    does(&place, "stop_out").await;
    let mut wrong = Vec::new();
    let manager = Browser::start(Setup { width: 390, height: 900, ..Setup::default() }).await;
    sign_in(&manager, &place, "1024").await;
    manager.go(&format!("{}/suspensions", place.url)).await;
    check(&manager, "stopped-list-390-zh", &mut wrong).await;
    manager.go(&format!("{}/suspensions/new?subscription={line}", place.url)).await;
    manager.pick("[name=ground]", "police").await;
    manager.click("main .form-buttons button").await;
    assert!(manager.find(".field-wrong .wrong").await.text().await.unwrap().contains("文书编号"), "the police's notice has a number");
    check(&manager, "stopped-new-wrong-390-zh", &mut wrong).await;
    manager.fill("[name=reference]", "公停〔2026〕8 号").await;
    manager.click("main .form-buttons button").await;
    manager.arrived("done=saved").await;
    does(&place, "stop_both").await;
    manager.click("button[commandfor=step-lift]").await;
    manager.fill("#lift-words", "通知机关已撤销").await;
    manager.click("dialog#step-lift .form-buttons button").await;
    manager.arrived("done=saved").await;
    check(&manager, "stopped-lifted-390-zh", &mut wrong).await;
    does(&place, "stop_out").await;
    manager.go(&format!("{}/suspensions?queue=all", place.url)).await;
    assert!(manager.text("main").await.contains("已解除"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
