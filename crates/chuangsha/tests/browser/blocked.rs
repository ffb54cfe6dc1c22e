//! 误拦: a call is seen to be blocked while it happens, explained, appealed at the hotline, and the next one passes. In Chinese and English, with the
//! keyboard where it matters, and without scripts.

use chuangsha_app::{
    platform::people::{Credentials, Origin},
    screening::{
        list::{self, List, NewEntry},
        snapshot,
    },
};
use chuangsha_screen::{Action, Attempt, Ingress, TrunkId};

use crate::{
    kit::{Browser, Setup, pause},
    place::{PASSWORD, Place, twin_of},
    story::sign_in,
};

const CALLER: &str = "19900001111";

/// A call by the own access, decided by the engine and told to the observer as an edge does.
fn call(place: &Place, id: u64) -> Action {
    let attempt = Attempt::new(id, place.app.clock.now(), TrunkId(9), Ingress::Retail, Some(CALLER), "19900002222");
    let verdict = place.app.engine.decide(&attempt);
    place.app.observer().decided(&attempt, &verdict);
    verdict.action
}

async fn listed(place: &Place) {
    // A colleague: whoever lists a number does not judge the appeal against that.
    let number = twin_of("3001", 1);
    let credentials = Credentials { code: Some(place.code(&number)), number, password: PASSWORD.to_owned() };
    let opened = place.app.sign_in(credentials, Origin { address: "127.0.0.*".to_owned(), device: None }).await.unwrap();
    let entry = NewEntry {
        number: CALLER.to_owned(),
        source: "12321".to_owned(),
        reason: "多人举报".to_owned(),
        article: "R-SCR-3".to_owned(),
        ..NewEntry::default()
    };
    list::add(&place.app, &opened.actor, List::Bad, &entry).await.unwrap();
    snapshot::make(&place.app, &opened.actor, "首个版本".to_owned(), true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_blocked_by_mistake_is_seen_live_understood_appealed_and_the_next_one_passes() {
    let place = Place::open().await;
    listed(&place).await;
    let operator = Browser::start(Setup::default()).await;
    sign_in(&operator, &place, "3001").await;
    operator.click(".menu a[href='/screening']").await;
    operator.find("[data-live-pause]:not([hidden])").await;
    assert!(!operator.has("#newest td.main").await, "nobody has called");

    // It happens while the page stands open.
    assert_eq!(call(&place, 1), Action::Block);
    operator.find("#newest td.main a").await;
    let line = operator.text("#newest tbody tr").await;
    assert!(line.contains("199****1111") && line.contains("拦截") && line.contains("不良号码名单"), "{line}");
    assert!(!line.contains(CALLER), "masked");
    operator.shot("screening-live-zh").await;

    // Paused, the page stands still; resumed, it catches up.
    operator.click("[data-live-pause]").await;
    assert_eq!(operator.text("[data-live-pause]").await, "继续更新");
    call(&place, 2);
    pause(1_500).await;
    assert_eq!(operator.run("return document.querySelectorAll('#newest tbody tr').length").await, 1);
    operator.click("[data-live-pause]").await;
    operator.find("#newest tbody tr:nth-child(2)").await;

    // Opened with the keyboard: why, by which article, who can undo it.
    operator.run("document.querySelector('#newest td.main a').focus()").await;
    pause(1_200).await;
    assert_eq!(
        operator.run("return document.activeElement.matches('#newest td.main a')").await,
        true,
        "what somebody stands on is not taken away"
    );
    // The log takes a moment.
    let href = operator.run("return document.activeElement.getAttribute('href')").await.as_str().unwrap().to_owned();
    for _ in 0..100 {
        operator.go(&format!("{}{href}", place.url)).await;
        if operator.has(".checks").await || operator.text("h1").await.contains("拦截") {
            break;
        }
        pause(100).await;
    }
    let page = operator.text("main").await;
    assert!(page.contains("不良号码名单") && page.contains("R-SCR-3") && page.contains("主叫可申诉误拦"), "{page}");
    operator.shot("screening-verdict-zh").await;
    assert!(!operator.has("a[href^='/screening/appeals/new']").await, "who runs the lists does not take appeals in");

    // The hotline takes the appeal in, in English.
    let agent = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&agent, &place, "3004").await;
    agent.go(&format!("{}{href}", place.url)).await;
    agent.click(".tools a[href^='/screening/appeals/new']").await;
    agent.arrived("/screening/appeals/new").await;
    agent.fill("#f-words", "It was a call back after a sale").await;
    agent.shot("screening-appeal-new-en").await;
    agent.click(".form-buttons .primary").await;
    agent.arrived("/screening/appeals/").await;
    assert!(agent.text(".head").await.contains("Open"));
    assert!(!agent.has("[commandfor=step-uphold]").await, "whoever takes it in does not decide it");
    let appeal = agent.page.current_url().await.unwrap().path().to_owned();
    agent.shot("screening-appeal-en").await;

    // Another person upholds it, and the next call passes.
    operator.go(&format!("{}{appeal}", place.url)).await;
    operator.click("[commandfor=step-uphold]").await;
    operator.fill("#uphold-words", "核实为售后回访").await;
    operator.click("#step-uphold .primary").await;
    operator.arrived("done=saved").await;
    assert!(operator.text(".head").await.contains("成立"));
    operator.shot("screening-appeal-upheld-zh").await;
    assert_eq!(call(&place, 3), Action::Pass, "lifted at once");

    // Without scripts the page is there, with a way to ask again.
    let plain = Browser::start(Setup { scripts: false, ..Setup::default() }).await;
    sign_in(&plain, &place, &twin_of("3001", 2)).await;
    plain.go(&format!("{}/screening", place.url)).await;
    assert!(plain.has("#newest td.main a").await && plain.has(".tools a[href='/screening']").await);
    assert!(!plain.has("[data-live-pause]:not([hidden])").await, "nothing to pause");
}
