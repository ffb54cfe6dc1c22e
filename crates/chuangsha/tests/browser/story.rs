//! The story: capture, audit, activation, with a camera and keys, and without scripts.

use chuangsha_world::pictures;
use serde_json::json;

use crate::{
    kit::{Browser, Setup, pause},
    place::{PASSWORD, Place},
};

pub async fn sign_in(browser: &Browser, place: &Place, number: &str) {
    browser.go(&format!("{}/login", place.url)).await;
    browser.fill("#f-number", number).await;
    browser.fill("#f-password", PASSWORD).await;
    browser.click(".login-box .primary").await;
    browser.arrived("/login/second").await;
    browser.fill("#f-code", &place.code(number)).await;
    browser.click(".login-box .primary").await;
    browser.find(".menu").await;
}

/// Takes a picture with the fake camera.
async fn take(browser: &Browser, field: &str) {
    let shot = format!(".shot:has([name={field}])");
    browser.click(&format!("{shot} [data-start]")).await;
    let button = browser.find(&format!("{shot} [data-take]:not([hidden])")).await;
    // The first frames of a camera are empty.
    for _ in 0..100 {
        let ready = browser.run(&format!("return document.querySelector('{shot} video').videoWidth > 0")).await;
        if ready == json!(true) {
            break;
        }
        pause(50).await;
    }
    button.click().await.unwrap();
    browser.find(&format!("{shot} [data-again]:not([hidden])")).await;
    let files = browser.run(&format!("return document.querySelector('[name={field}]').files.length")).await;
    assert_eq!(files, json!(1), "the shot of {field} fills its file field");
}

/// A clerk captures an order with the camera; its address is the answer.
async fn capture(browser: &Browser, place: &Place, number: &str) -> String {
    browser.go(&format!("{}/capture", place.url)).await;
    browser.click(".offers label").await;
    browser.shot("capture-1-number").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/document").await;
    browser.pick("[name='holder.document_kind']", "resident_id").await;
    browser.pick("[name=entry]", "reader").await;
    browser.fill("[name='holder.document_number']", number).await;
    browser.fill("[name='holder.name']", "演示甲").await;
    browser.fill("[name='holder.address']", "演示省演示一市一区一路1号").await;
    browser.run("document.querySelector('[name=\"holder.valid_from\"]').value = '2020-01-01'; document.querySelector('[name=\"holder.valid_until\"]').value = '2040-01-01'").await;
    take(browser, "document_front").await;
    take(browser, "document_back").await;
    browser.shot("capture-2-document").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/portrait").await;
    take(browser, "live_photo").await;
    browser.shot("capture-3-portrait").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/signature").await;
    let pad = browser.find(".pad canvas").await;
    pad.scroll_into_view().await.unwrap();
    let chain = browser.page.action_chain();
    let chain =
        chain.move_to_element_center(&pad).click_and_hold().move_by_offset(80, 30).move_by_offset(40, -60).move_by_offset(60, 40).release();
    chain.perform().await.unwrap();
    for _ in 0..100 {
        if browser.run("return document.querySelector('[name=signature]').files.length").await == json!(1) {
            break;
        }
        pause(50).await;
    }
    browser.shot("capture-4-signature").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/submission").await;
    browser.click("[name=original_seen]").await;
    browser.click("[name=warning_read]").await;
    browser.shot("capture-5-submission").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/orders/").await;
    browser.page.current_url().await.unwrap().path().to_owned()
}

/// Waits until the order's page says so.
pub async fn becomes(browser: &Browser, place: &Place, order: &str, words: &str) {
    for _ in 0..200 {
        browser.go(&format!("{}{order}", place.url)).await;
        if browser.text(".head .tag").await.contains(words) {
            return;
        }
        pause(100).await;
    }
    browser.shot("not-become").await;
    panic!("{order} is {} and not {words}", browser.text(".head .tag").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_counter_to_the_network_with_a_camera_and_keys() {
    let place = Place::open().await;
    let clerk = Browser::start(Setup::default()).await;
    sign_in(&clerk, &place, "2207").await;
    clerk.shot("work-clerk-zh").await;

    // A wrong check digit is said at its field, in words, and nothing typed is lost.
    clerk.go(&format!("{}/capture", place.url)).await;
    clerk.click(".offers label").await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("/document").await;
    clerk.fill("[name='holder.document_number']", "990101199001011235").await;
    clerk.fill("[name='holder.name']", "演示乙").await;
    clerk.fill("[name='holder.address']", "演示省演示一市").await;
    clerk.click(".form-buttons .primary").await;
    let wrong = clerk.find(".field-wrong .wrong").await.text().await.unwrap();
    assert!(!wrong.is_empty());
    assert_eq!(clerk.find("[name='holder.name']").await.prop("value").await.unwrap().as_deref(), Some("演示乙"));
    clerk.shot("capture-wrong-zh").await;

    let order = capture(&clerk, &place, "990101199001011230").await;
    clerk.shot("order-submitted-zh").await;
    assert!(!place.network.services().iter().any(|service| service.state == "active"), "nothing is active before the audit");

    let auditor = Browser::start(Setup::default()).await;
    sign_in(&auditor, &place, "1187").await;
    for _ in 0..100 {
        auditor.go(&format!("{}/audit", place.url)).await;
        if auditor.has("[data-line]").await {
            break;
        }
        pause(100).await;
    }
    auditor.shot("queue-zh").await;
    auditor.click(".head .primary").await;
    auditor.find("[data-case]").await;
    auditor.shot("audit-zh").await;
    // Keys: rotate, help, then approve.
    auditor.page.action_chain().send_keys("z").perform().await.unwrap();
    assert!(auditor.has(".turn-1").await, "z turns the picture");
    auditor.page.action_chain().send_keys("e").perform().await.unwrap();
    assert!(auditor.has("dialog#return[open]").await, "e asks what to capture again");
    auditor.shot("audit-return-zh").await;
    auditor.page.action_chain().send_keys("a").perform().await.unwrap();
    assert!(auditor.has("dialog#return[open]").await, "keys do nothing while a dialog is open");
    auditor.click("dialog#return button.link").await;
    auditor.click("[data-keys]").await;
    auditor.page.action_chain().send_keys("a").perform().await.unwrap();
    assert!(auditor.has("[data-case]").await, "keys that are switched off do nothing");
    auditor.click("[data-keys]").await;
    auditor.page.action_chain().send_keys("a").perform().await.unwrap();
    auditor.arrived("done=approved").await;
    auditor.shot("queue-empty-zh").await;

    becomes(&clerk, &place, &order, "已开通").await;
    assert!(!place.network.services().is_empty(), "the network took the command");
    for tab in ["", "documents", "timeline", "access"] {
        clerk.go(&format!("{}{order}?tab={tab}", place.url)).await;
        clerk.shot(&format!("order-{tab}-zh")).await;
    }
}

/// The number field and what is beside it, typed; pictures from files. No camera, no pad.
async fn capture_from_files(browser: &Browser, place: &Place, number: &str) -> String {
    let files = Files::new();
    browser.go(&format!("{}/capture", place.url)).await;
    browser.click(".offers label").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/document").await;
    browser.fill("[name='holder.document_number']", number).await;
    browser.fill("[name='holder.name']", "演示丙").await;
    browser.fill("[name='holder.address']", "演示省演示一市一区二路2号").await;
    files.attach(browser, "document_front").await;
    files.attach(browser, "document_back").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/portrait").await;
    files.attach(browser, "live_photo").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/signature").await;
    files.attach(browser, "signature").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/submission").await;
    browser.click("[name=original_seen]").await;
    browser.click("[name=warning_read]").await;
    browser.click(".form-buttons .primary").await;
    browser.arrived("/orders/").await;
    browser.page.current_url().await.unwrap().path().to_owned()
}

/// Drawn pictures in a folder of their own.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let card = pictures::Card { name: "Demo", number: "990101199303031237", address: "Demo", valid: "2020-01-01 2040-01-01", seed: 5 };
        let drawn = [
            ("document_front", pictures::document_front(&card, None)),
            ("document_back", pictures::document_back(&card, None)),
            ("live_photo", pictures::live_photo(5)),
            ("signature", pictures::signature(5)),
        ];
        for (name, bytes) in drawn {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        std::fs::write(folder.path().join("polyglot"), pictures::polyglot(5)).unwrap();
        Self(folder)
    }

    /// Where a picture lies.
    pub fn path(&self, field: &str) -> std::path::PathBuf {
        self.0.path().join(field)
    }

    pub async fn attach(&self, browser: &Browser, field: &str) {
        let path = self.path(field);
        browser.find(&format!("[name={field}]")).await.send_keys(path.display().to_string()).await.unwrap();
    }
}

/// The auditor's queue, once the authority has answered for an order.
async fn waits_for_audit(browser: &Browser, place: &Place) {
    for _ in 0..100 {
        browser.go(&format!("{}/audit", place.url)).await;
        if browser.has("[data-line]").await {
            return;
        }
        pause(100).await;
    }
    panic!("nothing reached the queue: {}", browser.text("main").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_everything_but_the_camera_works_and_a_returned_order_comes_back() {
    let place = Place::open().await;
    let plain = Setup { scripts: false, language: "en", ..Setup::default() };
    let clerk = Browser::start(plain).await;
    sign_in(&clerk, &place, "2207").await;
    let order = capture_from_files(&clerk, &place, "990101199303031237").await;
    clerk.shot("order-no-script-en").await;

    let auditor = Browser::start(plain).await;
    sign_in(&auditor, &place, "1187").await;
    waits_for_audit(&auditor, &place).await;
    auditor.click("[data-line] form button").await;
    auditor.find("[data-case]").await;
    auditor.shot("audit-no-script-en").await;

    // A second auditor finds it taken, and is told so.
    let second = Browser::start(plain).await;
    sign_in(&second, &place, "1187-1").await;
    second.go(&format!("{}/audit", place.url)).await;
    assert!(!second.has("[data-line]").await, "what one holds is not offered to another");
    second.go(&format!("{}{order}", place.url)).await;
    assert!(!second.has("form[action$=claim]").await);

    // Returned with its defects marked; the clerk sees them and captures again.
    auditor.click("button[commandfor=return]").await;
    auditor.click("#return-document_blurred").await;
    auditor.click("dialog#return .form-buttons button").await;
    auditor.arrived("done=returned").await;
    clerk.go(&place.url).await;
    clerk.click("td.actions a.primary").await;
    clerk.arrived("/document").await;
    assert!(clerk.text("main").await.contains("Document blurred"), "the defect is named");
    clerk.shot("capture-returned-en").await;
    let files = Files::new();
    files.attach(&clerk, "document_front").await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("/portrait").await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("/signature").await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("/submission").await;
    clerk.click("[name=original_seen]").await;
    clerk.click("[name=warning_read]").await;
    clerk.click(".form-buttons .primary").await;
    clerk.arrived("done=submitted").await;

    // Rejected with a reason: final.
    waits_for_audit(&auditor, &place).await;
    auditor.click(".head .primary").await;
    auditor.find("[data-case]").await;
    auditor.click("button[commandfor=reject]").await;
    auditor.click("dialog#reject [value=forged_document]").await;
    auditor.click("dialog#reject .form-buttons button").await;
    auditor.arrived("done=rejected").await;
    becomes(&clerk, &place, &order, "Rejected").await;
    assert!(clerk.text("main").await.contains("Forged or altered document"));
    assert!(place.network.services().is_empty(), "the network never heard of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_saved_words_switch_and_the_queue_is_light_and_quick() {
    let place = Place::open().await;
    let browser = Browser::start(Setup::default()).await;
    sign_in(&browser, &place, "1187").await;

    // The language is chosen on any page and comes back to it; the text grows.
    browser.go(&format!("{}/audit?queue=returned", place.url)).await;
    browser.click("a[href^='/language/en']").await;
    browser.arrived("/audit?queue=returned").await;
    assert_eq!(browser.text("h1").await, "Audit queue");
    let normal = browser.run("return parseFloat(getComputedStyle(document.body).fontSize)").await.as_f64().unwrap();
    browser.click("a[href^='/text/large']").await;
    browser.find("html.large").await;
    let large = browser.run("return parseFloat(getComputedStyle(document.body).fontSize)").await.as_f64().unwrap();
    assert!(large >= normal * 1.3, "{normal} → {large}");
    browser.click("a[href^='/text/normal']").await;

    // A view keeps the whole state of the list.
    browser.click(".views summary").await;
    browser.fill("#view-name", "Back from audit").await;
    browser.click(".views > form button").await;
    browser.arrived("done=saved").await;
    browser.go(&format!("{}/audit", place.url)).await;
    browser.click(".views li a").await;
    browser.arrived("queue=returned").await;

    // A word of the search goes into the address without a new page; the heading is where the reader goes on.
    browser.fill("#s-code", "A-0").await;
    browser.click(".search .primary").await;
    browser.arrived("code=A-0").await;
    for _ in 0..50 {
        if browser.run("return document.activeElement.tagName").await == json!("H2") {
            break;
        }
        pause(20).await;
    }
    assert_eq!(browser.run("return document.activeElement.tagName").await, json!("H2"));

    // Light and quick: everything the queue needs, and the best of five looks.
    let script = "const parts = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]; \
        return [parts.reduce((sum, one) => sum + one.encodedBodySize, 0), performance.getEntriesByType('paint').map((one) => one.startTime).pop() || 0];";
    let mut best = f64::INFINITY;
    let mut bytes = 0.0;
    for _ in 0..5 {
        browser.go(&format!("{}/audit", place.url)).await;
        pause(300).await;
        let found = browser.run(script).await;
        bytes = found[0].as_f64().unwrap();
        best = best.min(found[1].as_f64().unwrap());
    }
    assert!(bytes > 5_000.0 && bytes <= 40.0 * 1024.0, "{bytes} bytes");
    assert!(best > 0.0 && best <= 300.0, "first rows after {best} ms");

    // No script of another's making runs, whatever an address says.
    browser.go(&format!("{}/audit?code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", place.url)).await;
    assert_eq!(browser.find("#s-code").await.prop("value").await.unwrap().as_deref(), Some("\"><script>alert(1)</script>"));

    // Signed out, a page leads to sign-in and back.
    browser.click(".top form button").await;
    browser.arrived("/login").await;
    browser.go(&format!("{}/audit?queue=all", place.url)).await;
    browser.arrived("/login?to=%2Faudit%3Fqueue%3Dall").await;
}
