//! 导出 in a real browser: a list in clear is asked for, agreed to by a second person of another organisation, made by a job, and fetched.

use serde_json::json;

use crate::{
    everywhere::drafted,
    kit::{Browser, Setup, pause},
    person::check,
    place::{Place, twin_of},
    story::sign_in,
};

/// The file the browser wrote, as soon as it is whole.
async fn downloaded(folder: &std::path::Path) -> (String, String) {
    for _ in 0..200 {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // What is not whole yet has another name; the name it will have is kept free with an empty file.
            let text = if name.ends_with(".csv") { std::fs::read_to_string(path).unwrap() } else { String::new() };
            if !text.is_empty() {
                return (name, text);
            }
        }
        pause(50).await;
    }
    panic!("no file came: {:?}", std::fs::read_dir(folder).unwrap().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_clear_is_asked_for_agreed_to_made_and_fetched() {
    let place = Place::open().await;
    let clerk = place.actor_of(&twin_of("2207", 1)).await;
    drafted(&place, &clerk, 1).await;
    let mut wrong = Vec::new();
    let asker = Browser::start(Setup::default()).await;
    sign_in(&asker, &place, "3005").await;
    let folder = tempfile::tempdir().unwrap();
    asker.command("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": folder.path() })).await;

    // From the list to the form; without a case it comes back at its field, with what was typed.
    asker.go(&format!("{}/orders", place.url)).await;
    assert!(asker.text("main").await.contains("199****"), "masked");
    asker.click("a[href^='/exports/new']").await;
    asker.arrived("/exports/new").await;
    check(&asker, "export-new-zh", &mut wrong).await;
    asker.click("input[name=format][value=csv]").await;
    asker.pick("#f-purpose", "inspection").await;
    asker.fill("#f-words", "十一月渠道检查").await;
    asker.click("#f-clear").await;
    asker.click("main .form-buttons .primary").await;
    asker.find(".field-wrong #f-case").await;
    assert_eq!(asker.find("#f-words").await.prop("value").await.unwrap().as_deref(), Some("十一月渠道检查"));
    check(&asker, "export-refused-zh", &mut wrong).await;
    asker.fill("#f-case", "T-20931").await;
    asker.click("main .form-buttons .primary").await;
    asker.arrived("/second/").await;
    check(&asker, "export-second-mine-zh", &mut wrong).await;
    assert!(!asker.has("button[commandfor=approval]").await, "nobody agrees to their own request");

    // Somebody of another organisation reads what is asked and why, and agrees.
    let other = Browser::start(Setup::default()).await;
    sign_in(&other, &place, "3006").await;
    other.go(&format!("{}/second", place.url)).await;
    other.click("td.main a").await;
    other.arrived("/second/").await;
    let told = other.text("main").await;
    assert!(told.contains("十一月渠道检查") && told.contains("T-20931") && told.contains("3005"), "{told}");
    check(&other, "export-second-one-zh", &mut wrong).await;
    other.click("button[commandfor=approval]").await;
    other.click("dialog#approval .form-buttons button").await;
    other.arrived("done=second-approved").await;

    // Back to the same form, filled as it was; a job makes the file.
    asker.go(&format!("{}/second?queue=mine", place.url)).await;
    asker.click("td.main a").await;
    asker.click(".tools a.primary").await;
    asker.arrived("/exports/new").await;
    assert_eq!(asker.find("#f-case").await.prop("value").await.unwrap().as_deref(), Some("T-20931"));
    asker.click("main .form-buttons .primary").await;
    asker.arrived("/jobs/").await;
    let job = asker.page.current_url().await.unwrap();
    for _ in 0..200 {
        if asker.has("form[action$='/file'] button").await {
            break;
        }
        pause(100).await;
        asker.go(job.as_str()).await;
    }
    check(&asker, "export-job-zh", &mut wrong).await;
    asker.click("form[action$='/file'] button").await;
    let (name, file) = downloaded(folder.path()).await;
    assert!(name.starts_with("orders-"), "{name}");
    assert!(file.contains("1990000") && !file.contains("****"), "in clear: {file}");
    assert!(file.contains("3005 "), "and says whose copy it is: {file}");
    asker.go(job.as_str()).await;
    check(&asker, "export-fetched-zh", &mut wrong).await;

    // The approval served once.
    asker.go(&format!("{}/second?queue=mine", place.url)).await;
    asker.click("td.main a").await;
    assert!(!asker.has(".tools a.primary").await, "used up: {}", asker.text("main").await);
    // The internal auditor reads in the log who took what.
    let auditor = Browser::start(Setup::default()).await;
    sign_in(&auditor, &place, "3002").await;
    auditor.go(&format!("{}/log?action=export.clear", place.url)).await;
    assert!(auditor.text("main").await.contains("3005"), "{}", auditor.text("main").await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The same form in English, on a telephone.
    let phone = Browser::start(Setup { width: 390, height: 844, language: "en", ..Setup::default() }).await;
    sign_in(&phone, &place, &twin_of("3005", 1)).await;
    phone.go(&format!("{}/exports/new?list=/orders", place.url)).await;
    check(&phone, "export-new-en-390", &mut wrong).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
