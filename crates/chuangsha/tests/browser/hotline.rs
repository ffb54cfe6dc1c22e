//! 热线 in a real browser: a complaint taken by the full number, its remediation held, answered, asked about and closed; a bulletin printed.

use chuangsha_app::{figures::bulletin, hotline};

use crate::{
    kit::{Browser, Setup},
    person::{NUMBER, check, subscriber},
    place::Place,
    story::sign_in,
};

/// Opens a dialog by its button, and sends it.
async fn send(browser: &Browser, id: &str) {
    // Every step comes back to the same address: the page there must be another one.
    browser.run("document.documentElement.dataset.left = 'yes'").await;
    browser.click(&format!("dialog#{id} .form-buttons button")).await;
    browser.find("html:not([data-left]) main").await;
    browser.arrived("done=saved").await;
}

async fn open(browser: &Browser, id: &str) {
    browser.click(&format!("button[commandfor={id}]")).await;
    browser.find(&format!("dialog#{id}[open]")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_is_taken_holds_its_case_is_answered_and_asked_about_and_a_bulletin_is_printed() {
    let place = Place::open().await;
    subscriber(&place).await;
    let mut wrong = Vec::new();
    let agent = Browser::start(Setup::default()).await;
    sign_in(&agent, &place, "3004").await;

    // A number that is none comes back at its field, with what was typed, and never in the address.
    agent.go(&format!("{}/tickets/new", place.url)).await;
    check(&agent, "ticket-new-zh", &mut wrong).await;
    agent.fill("#f-number", "19900008888").await;
    agent.pick("#f-kind", "complaint").await;
    agent.pick("#f-topic", "suspension").await;
    agent.fill("#f-words", "没有收到短信就被停机").await;
    agent.click("main .form-buttons .primary").await;
    agent.find(".field-wrong #f-number").await;
    assert_eq!(agent.find("#f-words").await.prop("value").await.unwrap().as_deref(), Some("没有收到短信就被停机"));
    agent.fill("#f-number", NUMBER).await;
    agent.click("main .form-buttons .primary").await;
    agent.arrived("done=saved").await;
    let address = agent.page.current_url().await.unwrap();
    assert!(address.path().starts_with("/tickets/") && !address.as_str().contains("1990"), "{address}");
    let text = agent.text("main").await;
    assert!(text.contains("整治暂停") && text.contains("199****9901") && text.contains("剩余"), "{text}");
    assert!(!agent.page.source().await.unwrap().contains(NUMBER), "masked");
    let id: uuid::Uuid = address.path().trim_start_matches("/tickets/").parse().unwrap();
    let holds = |id| {
        place.app.read(move |tx| {
            let number = hotline::table::find(tx, id)?.and_then(|ticket| ticket.subscription);
            number.map_or(Ok(false), |number| hotline::holds(tx, number))
        })
    };
    assert!(holds(id).await.unwrap());

    open(&agent, "step-claim").await;
    send(&agent, "step-claim").await;
    open(&agent, "step-answer").await;
    agent.pick("#answer-outcome", "upheld").await;
    agent.fill("#answer-words", "核实已补登，服务已恢复，向您致歉。").await;
    check(&agent, "ticket-answer-zh", &mut wrong).await;
    send(&agent, "step-answer").await;
    assert!(!holds(id).await.unwrap(), "answered, the case goes on");
    open(&agent, "step-survey").await;
    agent.click("dialog#step-survey input[value=yes]").await;
    send(&agent, "step-survey").await;
    open(&agent, "step-close").await;
    send(&agent, "step-close").await;
    let text = agent.text("main").await;
    assert!(text.contains("已办结") && text.contains("满意") && text.contains("核实已补登"), "{text}");
    check(&agent, "ticket-closed-zh", &mut wrong).await;
    agent.go(&format!("{}/tickets?state=closed", place.url)).await;
    assert!(agent.text("main").await.contains("100.0"), "satisfied: one of one");
    check(&agent, "tickets-zh", &mut wrong).await;

    // Yesterday's bulletin, as it is printed.
    bulletin::turn(&place.app).await.unwrap();
    let manager = Browser::start(Setup::default()).await;
    sign_in(&manager, &place, "1024").await;
    manager.go(&format!("{}/bulletins", place.url)).await;
    check(&manager, "bulletins-zh", &mut wrong).await;
    manager.click("td.main a").await;
    manager.arrived("/bulletins/").await;
    check(&manager, "bulletin-zh", &mut wrong).await;
    manager.click(".tools a[href$='/print']").await;
    manager.arrived("/print").await;
    manager.find("button[data-print]").await;
    assert!(manager.text("main").await.contains("SHA-256"));
    // On paper: no menu, and the charts and the proof on it.
    manager.media("light", true).await;
    check(&manager, "bulletin-print-zh", &mut wrong).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
