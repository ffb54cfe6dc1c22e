//! The story: capture, audit, activation; then every page in both languages.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::{
    kit::{Browser, Setup, pause},
    place::{PASSWORD, Place},
};

async fn sign_in(browser: &Browser, place: &Place, number: &str) {
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
    let chain = chain.move_to_element_center(&pad).click_and_hold().move_by_offset(80, 30).move_by_offset(40, -60).move_by_offset(60, 40).release();
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
async fn becomes(browser: &Browser, place: &Place, order: &str, words: &str) {
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
