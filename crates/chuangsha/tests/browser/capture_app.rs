//! 现场采集 App in a real Chromium: without the network, with a tab that dies, a disk that is full, a session that is over, a camera that is refused.

use chuangsha_app::registration::{
    offline,
    order::State,
    table::{self, NumberState},
};
use chuangsha_kernel::{id::OrderId, rulebook::ChannelKind};
use chuangsha_world::{kit::resident_id, reader};
use serde_json::{Value, json};

use crate::{
    kit::{Browser, Setup, pause},
    place::Place,
    story::{Files, sign_in},
    weather::Uploads,
};

/// The app's page, ready for work.
async fn app(browser: &Browser, place: &Place) {
    browser.go(&format!("{}/app/", place.url)).await;
    browser.find("body[data-ready]").await;
}

/// Waits until a script says yes.
async fn until(browser: &Browser, what: &str, script: &str) {
    for _ in 0..200 {
        let asked = format!(
            "const done = arguments[arguments.length - 1]; Promise.resolve((async () => {{ {script} }})()).then((yes) => done(Boolean(yes)), () => done(false));"
        );
        if browser.page.execute_async(asked, vec![]).await.is_ok_and(|answer| *answer.json() == json!(true)) {
            return;
        }
        pause(50).await;
    }
    browser.shot("capture-app-not-yet").await;
    panic!("{what}: {}", browser.text("main").await);
}

/// What an asynchronous script answers.
async fn answer(browser: &Browser, script: &str) -> Value {
    let asked = format!(
        "const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done, (error) => done('failed: ' + error));"
    );
    browser.page.execute_async(asked, vec![]).await.unwrap().json().clone()
}

async fn queued(browser: &Browser, count: usize) {
    let script = format!("return document.querySelectorAll('#queue li').length === {count}");
    until(browser, &format!("{count} orders wait"), &script).await;
}

async fn on_step(browser: &Browser, step: usize) {
    until(
        browser,
        &format!("step {step}"),
        &format!("return !document.querySelector('#step-{step}').hidden && document.activeElement.tagName === 'H1'"),
    )
    .await;
}

/// The orders the server has.
async fn orders(place: &Place) -> Vec<(OrderId, State)> {
    let rows = place.app.read(|tx| table::list(tx, &table::Filter { limit: 100, ..table::Filter::default() })).await.unwrap();
    rows.iter().map(|row| (row.order.id, row.order.state)).collect()
}

async fn typed(browser: &Browser, person: u16) {
    browser.pick("#document_kind", "resident_id").await;
    browser.fill("#document_number", &resident_id(person)).await;
    browser.fill("#name", "离线演示甲").await;
    browser.fill("#address", "演示省演示一市一区九路9号").await;
}

async fn attach(browser: &Browser, files: &Files, kind: &str) {
    browser.find(&format!("#file-{kind}")).await.send_keys(files.path(kind).display().to_string()).await.unwrap();
    until(browser, kind, &format!("return !document.querySelector('[data-shot={kind}] [data-preview]').hidden")).await;
}

/// From home to the last screen with picture files.
async fn to_the_end(browser: &Browser, files: &Files, person: u16) {
    browser.click("#start").await;
    on_step(browser, 1).await;
    to_the_end_from(browser, files, person).await;
}

/// As [`to_the_end`], from the first screen on.
async fn to_the_end_from(browser: &Browser, files: &Files, person: u16) {
    browser.click("#step-1 > .form-buttons .primary").await;
    on_step(browser, 2).await;
    typed(browser, person).await;
    attach(browser, files, "document_front").await;
    attach(browser, files, "document_back").await;
    browser.click("#step-2 > .form-buttons .primary").await;
    on_step(browser, 3).await;
    attach(browser, files, "live_photo").await;
    browser.click("#step-3 > .form-buttons .primary").await;
    on_step(browser, 4).await;
    attach(browser, files, "signature").await;
    browser.click("#step-4 > .form-buttons .primary").await;
    on_step(browser, 5).await;
    browser.click("[name=original_seen]").await;
    browser.click("[name=warning_read]").await;
}

async fn captured(browser: &Browser, files: &Files, person: u16) {
    to_the_end(browser, files, person).await;
    browser.click("#step-5 > .form-buttons .primary").await;
    until(browser, "home", "return !document.querySelector('#home').hidden").await;
}

/// Takes a picture with the fake camera, once it has looked and said what it saw.
async fn photograph(browser: &Browser, kind: &str) {
    browser.click(&format!("[data-shot={kind}] [data-start]")).await;
    until(browser, "the camera says what it sees", &format!("return Boolean(document.querySelector('[data-shot={kind}]').dataset.seen)"))
        .await;
    browser.click(&format!("[data-shot={kind}] [data-take]")).await;
    until(browser, kind, &format!("return !document.querySelector('[data-shot={kind}] [data-preview]').hidden")).await;
}

/// Everything the browser keeps of this origin, as text: records as JSON with their bytes as Latin and as UTF-16, storage, and what caches are called for.
const KEPT: &str = "const texts = [];
    for (const { name } of await indexedDB.databases()) {
        const base = await new Promise((done) => { const request = indexedDB.open(name); request.onsuccess = () => done(request.result); });
        for (const store of base.objectStoreNames) {
            const all = await new Promise((done) => { const request = base.transaction(store).objectStore(store).getAll(); request.onsuccess = () => done(request.result); });
            const spell = (value) => {
                if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
                    const bytes = new Uint8Array(value.buffer || value);
                    texts.push(new TextDecoder('utf-8').decode(bytes), new TextDecoder('utf-16le').decode(bytes));
                } else if (value && typeof value === 'object') Object.entries(value).forEach(([key, inner]) => { texts.push(key); spell(inner); });
                else texts.push(String(value));
            };
            all.forEach(spell);
        }
        base.close();
    }
    texts.push(JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }));
    for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) {
        texts.push(request.url, await (await (await caches.open(name)).match(request)).text());
    }
    return texts.join('\\n');";

/// Fills what room is left, in ever smaller pieces; says how the last one was refused.
const FILL: &str = "const base = await new Promise((done) => { const request = indexedDB.open('filler', 1); request.onupgradeneeded = () => request.result.createObjectStore('all', { autoIncrement: true }); request.onsuccess = () => done(request.result); });
    let why = '';
    for (const size of [1000000, 100000, 10000]) {
        for (let count = 0; count < 200; count += 1) {
            why = await new Promise((done) => {
                const transaction = base.transaction('all', 'readwrite');
                transaction.oncomplete = () => done('');
                transaction.onabort = () => done(transaction.error ? transaction.error.name : 'aborted');
                const bytes = new Uint8Array(size);
                for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
                transaction.objectStore('all').put(bytes);
            });
            if (why) break;
        }
    }
    base.close();
    return why;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_network_orders_wait_sealed_and_are_uploaded_once() {
    let mut place = Place::open().await;
    let browser = Browser::start(Setup { width: 390, height: 844, ..Setup::default() }).await;
    sign_in(&browser, &place, "2207").await;
    app(&browser, &place).await;
    until(&browser, "the worker governs the page", "return Boolean(navigator.serviceWorker.controller)").await;
    let problems = browser.command("Page.getInstallabilityErrors", json!({})).await;
    let kinds: Vec<&str> = problems["installabilityErrors"].as_array().unwrap().iter().filter_map(|one| one["errorId"].as_str()).collect();
    assert!(kinds.iter().all(|kind| *kind == "in-incognito"), "installable: {kinds:?}");

    place.go_dark().await;
    app(&browser, &place).await;
    assert!(browser.text("#network").await.contains("未联网"), "{}", browser.text("main").await);
    browser.shot("app-home-offline-zh-390").await;
    browser.click("#start").await;
    on_step(&browser, 1).await;
    browser.click("#offers label:nth-child(2)").await;
    browser.click("#offers label:nth-child(1)").await;
    assert_eq!(browser.text("#offers label:nth-child(1) .field-rank").await, "#2", "wishes keep their order");
    browser.shot("app-1-number-zh-390").await;
    browser.click("#step-1 > .form-buttons .primary").await;
    on_step(&browser, 2).await;
    // A wrong check digit is said while the customer is still there.
    typed(&browser, 7).await;
    browser.fill("#document_number", "990101199001011235").await;
    browser.click("#step-2 > .form-buttons .primary").await;
    assert!(browser.text("#step-2 [data-wrong]").await.contains("校验位"));
    assert_eq!(browser.run("return document.activeElement.id").await, json!("document_number"));
    browser.fill("#document_number", &resident_id(7)).await;
    browser.click("#step-2 > .form-buttons .primary").await;
    assert!(browser.text("#step-2 [data-wrong]").await.contains("缺少影像"));
    photograph(&browser, "document_front").await;
    photograph(&browser, "document_back").await;
    browser.shot("app-2-document-zh-390").await;
    browser.click("#step-2 > .form-buttons .primary").await;
    on_step(&browser, 3).await;
    photograph(&browser, "live_photo").await;
    browser.shot("app-3-portrait-zh-390").await;
    browser.click("#step-3 > .form-buttons .primary").await;
    on_step(&browser, 4).await;

    // The tab dies here: what was captured so far is there again.
    app(&browser, &place).await;
    browser.click("#resume").await;
    on_step(&browser, 4).await;
    let pad = browser.find(".pad canvas").await;
    pad.scroll_into_view().await.unwrap();
    let chain = browser.page.action_chain();
    let chain =
        chain.move_to_element_center(&pad).click_and_hold().move_by_offset(60, 20).move_by_offset(30, -40).move_by_offset(40, 30).release();
    chain.perform().await.unwrap();
    until(&browser, "signed", "return document.querySelector('[data-shot=signature] [data-say]').textContent !== ''").await;
    browser.shot("app-4-signature-zh-390").await;
    browser.click("#step-4 > .form-buttons .primary").await;
    on_step(&browser, 5).await;
    browser.click("#step-5 > .form-buttons .primary").await;
    assert!(browser.text("#step-5 [data-wrong]").await.contains("请勾选"));
    browser.click("[name=original_seen]").await;
    browser.click("[name=warning_read]").await;
    browser.shot("app-5-submit-zh-390").await;
    browser.click("#step-5 > .form-buttons .primary").await;
    queued(&browser, 1).await;
    browser.shot("app-home-queued-zh-390").await;

    // On the disk there is nothing to read.
    let kept = answer(&browser, KEPT).await;
    let kept = kept.as_str().unwrap();
    for secret in ["离线演示甲", "九路9号", &resident_id(7), "JFIF", "a reader token"] {
        assert!(!kept.contains(secret), "{secret} is kept in clear");
    }
    assert!(kept.contains("waiting") && kept.contains("/app/"), "the look finds what is there: {}", kept.len());
    assert!(!kept.contains("/api/") || !kept.contains("capture-limits?"), "no answer of the interface is in a cache");
    let key = "const base = await new Promise((done) => { const request = indexedDB.open('chuangsha-capture'); request.onsuccess = () => done(request.result); });
        const key = await new Promise((done) => { const request = base.transaction('keys').objectStore('keys').get('seal'); request.onsuccess = () => done(request.result); });
        base.close();
        return [key.extractable, await crypto.subtle.exportKey('raw', key).then(() => 'read out', () => 'refused')];";
    assert_eq!(answer(&browser, key).await, json!([false, "refused"]));
    assert!(orders(&place).await.is_empty());

    place.come_back().await;
    browser.click("#upload").await;
    queued(&browser, 0).await;
    let there = orders(&place).await;
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].1, State::Submitted, "and nothing more before the audit");
    assert!(browser.text("#notices").await.contains("已上传"));
    browser.shot("app-home-uploaded-zh-390").await;
    // Both clocks are on the order's page.
    browser.go(&format!("{}/orders/{}", place.url, there[0].0)).await;
    let page = browser.text("main").await;
    assert!(page.contains("采集时间（设备）") && page.contains("收到时间（服务器）"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tab_that_dies_in_the_middle_of_an_upload_makes_no_second_order() {
    let place = Place::open().await;
    let files = Files::new();
    let browser = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&browser, &place, "2207").await;
    for (person, how) in [(11, Uploads::Swallowed), (12, Uploads::AnswerLost)] {
        let before = orders(&place).await.len();
        let seen = place.weather.seen();
        app(&browser, &place).await;
        place.weather.uploads(how);
        captured(&browser, &files, person).await;
        for _ in 0..200 {
            if place.weather.seen() > seen
                && (how == Uploads::Swallowed || orders(&place).await.iter().filter(|one| one.1 == State::Submitted).count() > before)
            {
                break;
            }
            pause(50).await;
        }
        // Killed while the answer is out; a new tab later.
        let dead = browser.page.window().await.unwrap();
        let fresh = browser.page.new_tab().await.unwrap();
        browser.page.switch_to_window(dead).await.unwrap();
        browser.page.close_window().await.unwrap();
        browser.page.switch_to_window(fresh).await.unwrap();
        place.weather.uploads(Uploads::Pass);
        app(&browser, &place).await;
        queued(&browser, 0).await;
        let there = orders(&place).await;
        assert_eq!(there.len(), before + 1, "{how:?}: {there:?}");
        assert!(there.iter().all(|one| one.1 == State::Submitted), "{there:?}");
    }
    // Two tabs that come back together send it once.
    place.weather.uploads(Uploads::Busy);
    app(&browser, &place).await;
    captured(&browser, &files, 13).await;
    queued(&browser, 1).await;
    let first = browser.page.window().await.unwrap();
    let second = browser.page.new_tab().await.unwrap();
    browser.page.switch_to_window(second).await.unwrap();
    app(&browser, &place).await;
    queued(&browser, 1).await;
    place.weather.uploads(Uploads::Pass);
    browser.run("document.querySelector('#upload').click()").await;
    browser.page.switch_to_window(first).await.unwrap();
    browser.run("document.querySelector('#upload').click()").await;
    queued(&browser, 0).await;
    assert_eq!(orders(&place).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_keeps_them_another_person_and_signing_out_do_not() {
    let place = Place::open().await;
    let files = Files::new();
    let browser = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    browser.go(&format!("{}/login", place.url)).await;
    // A small disk, from before anything is on it: a browser remembers for a while how much room there was.
    browser.command("Storage.overrideQuotaForOrigin", json!({ "origin": place.url, "quotaSize": 12_000_000 })).await;
    sign_in(&browser, &place, "2207").await;
    app(&browser, &place).await;
    place.weather.uploads(Uploads::Busy);
    captured(&browser, &files, 21).await;
    queued(&browser, 1).await;

    // The session ends while it waits: it stays, and who is asked is told to sign in.
    let cookies = browser.command("Network.getCookies", json!({ "urls": [place.url] })).await["cookies"].clone();
    browser.command("Network.clearBrowserCookies", json!({})).await;
    place.weather.uploads(Uploads::Pass);
    browser.click("#upload").await;
    until(&browser, "asks to sign in", "return Boolean(document.querySelector('[data-notice=session] a'))").await;
    queued(&browser, 1).await;
    browser.shot("app-session-over-en").await;
    for cookie in cookies.as_array().unwrap() {
        let set = json!({ "name": cookie["name"], "value": cookie["value"], "url": place.url, "httpOnly": true, "secure": true, "sameSite": "Strict" });
        browser.command("Network.setCookie", set).await;
    }
    browser.click("#upload").await;
    queued(&browser, 0).await;
    assert_eq!(orders(&place).await.len(), 1);

    // The disk is full: this one is not kept, the one before it is, and the screen still holds what was typed.
    place.weather.uploads(Uploads::Busy);
    captured(&browser, &files, 22).await;
    queued(&browser, 1).await;
    to_the_end(&browser, &files, 23).await;
    assert_eq!(answer(&browser, FILL).await, json!("QuotaExceededError"));
    browser.click("#step-5 > .form-buttons .primary").await;
    until(&browser, "says that it is full", "return Boolean(document.querySelector('[data-notice=storage]'))").await;
    assert!(browser.text("#notices").await.contains("Storage is full"));
    browser.shot("app-storage-full-en").await;
    browser.command("Storage.overrideQuotaForOrigin", json!({ "origin": place.url })).await;
    browser.click("#step-5 > .form-buttons .primary").await;
    queued(&browser, 2).await;

    // Another person signs in on this device: what the one before left is deleted.
    browser.command("Network.clearBrowserCookies", json!({})).await;
    place.weather.uploads(Uploads::Pass);
    sign_in(&browser, &place, "2207-1").await;
    app(&browser, &place).await;
    assert!(browser.text("#notices").await.contains("Another person signed in: 2 orders"), "{}", browser.text("#notices").await);
    queued(&browser, 0).await;
    assert_eq!(orders(&place).await.len(), 1, "and was not uploaded under a strange name");

    // Signing out asks first, then deletes.
    place.weather.uploads(Uploads::Busy);
    captured(&browser, &files, 24).await;
    queued(&browser, 1).await;
    browser.click("#sign-out button").await;
    browser.find("dialog#ask[open]").await;
    browser.click("dialog#ask button[value=no]").await;
    queued(&browser, 1).await;
    browser.click("#sign-out button").await;
    browser.click("dialog#ask button[value=yes]").await;
    browser.arrived("/login").await;
    let left = answer(&browser, KEPT).await;
    assert!(!left.as_str().unwrap().contains("waiting"), "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_says_why_and_is_corrected_under_the_same_id() {
    let place = Place::open().await;
    let files = Files::new();
    let browser = Browser::start(Setup { width: 390, height: 844, language: "en", ..Setup::default() }).await;
    sign_in(&browser, &place, "2207").await;
    app(&browser, &place).await;
    place.weather.uploads(Uploads::Busy);
    browser.click("#start").await;
    on_step(&browser, 1).await;
    browser.click("#offers label:nth-child(1)").await;
    browser.click("[name=any_number]").await;
    let wish = browser.find("#offers label:nth-child(1) input").await.prop("value").await.unwrap().unwrap();
    to_the_end_from(&browser, &files, 51).await;
    browser.click("#step-5 > .form-buttons .primary").await;
    queued(&browser, 1).await;
    let id = browser.run("return document.querySelector('#queue li').dataset.order").await.as_str().unwrap().to_owned();

    // Somebody else takes the number before the network is back.
    let wish = wish.parse().unwrap();
    let other = place.app.ids.next(place.app.clock.now());
    place.app.write(move |tx| table::move_number(tx, wish, NumberState::Free, NumberState::Held, Some(other))).await.unwrap();
    place.weather.uploads(Uploads::Pass);
    browser.click("#upload").await;
    browser.find("#queue li[data-state=refused]").await;
    assert!(browser.text("#queue .wrong").await.contains("This number is taken"), "{}", browser.text("#queue").await);
    assert!(orders(&place).await.is_empty(), "a refusal leaves nothing behind");
    browser.shot("app-refused-en-390").await;
    assert_eq!(browser.breaches().await, Vec::<String>::new());
    browser.click("#queue li button:last-child").await;
    browser.find("dialog#ask[open]").await;
    assert_eq!(browser.breaches().await, Vec::<String>::new());
    browser.click("dialog#ask button[value=no]").await;

    // Another number, everything else as it was; nothing is typed or photographed again.
    browser.click("#queue li button:nth-of-type(1)").await;
    on_step(&browser, 1).await;
    browser.click("#offers label:nth-child(3)").await;
    for step in 1..=4 {
        browser.click(&format!("#step-{step} > .form-buttons .primary")).await;
        on_step(&browser, step + 1).await;
    }
    browser.click("#step-5 > .form-buttons .primary").await;
    queued(&browser, 0).await;
    assert_eq!(orders(&place).await.len(), 1);
    let kept = place.app.read(move |tx| Ok(offline::table::find(tx, id.parse().unwrap())?.is_some())).await.unwrap();
    assert!(kept, "under the id it had from the beginning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_camera_or_secure_connection_files_do_and_it_is_said() {
    let place = Place::open().await;
    let files = Files::new();
    let browser = Browser::start(Setup { language: "en", camera_refused: true, ..Setup::default() }).await;
    // Plain HTTP under a name of its own: the page says what it lacks.
    browser.go(&format!("http://plain.test:{}/app/", place.port())).await;
    browser.find("body[data-ready]").await;
    assert!(browser.text("[data-notice=missing]").await.contains("not on a secure connection"));
    assert_eq!(browser.run("return [...document.querySelectorAll('.viewfinder')].every((one) => one.hidden)").await, json!(true));
    browser.shot("app-plain-http-en").await;

    sign_in(&browser, &place, "2207").await;
    app(&browser, &place).await;
    browser.click("#start").await;
    on_step(&browser, 1).await;
    browser.click("#step-1 > .form-buttons .primary").await;
    on_step(&browser, 2).await;
    browser.click("[data-shot=document_front] [data-start]").await;
    until(
        &browser,
        "the refusal is said",
        "return document.querySelector('[data-shot=document_front] [data-say]').textContent.includes('cannot be used')",
    )
    .await;
    assert_eq!(browser.run("return document.activeElement.id").await, json!("file-document_front"), "and the file field is next");
    browser.find("#file-document_front").await.send_keys(files.path("polyglot").display().to_string()).await.unwrap();

    // The same page where the browser gives nothing that needs a secure connection: straight to the server, nothing on the disk.
    let bare = "Object.defineProperty(globalThis, 'isSecureContext', { value: false }); Object.defineProperty(Navigator.prototype, 'mediaDevices', { value: undefined }); \
        Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined }); Object.defineProperty(Crypto.prototype, 'randomUUID', { value: undefined });";
    browser.run("localStorage.clear()").await;
    answer(&browser, "for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name); return true").await;
    browser.command("Page.addScriptToEvaluateOnNewDocument", json!({ "source": bare })).await;
    app(&browser, &place).await;
    assert!(browser.has("[data-notice=missing]").await);
    place.weather.uploads(Uploads::Busy);
    captured(&browser, &files, 31).await;
    until(&browser, "said that it is not kept", "return Boolean(document.querySelector('[data-notice=unkept]'))").await;
    queued(&browser, 1).await;
    place.weather.uploads(Uploads::Pass);
    browser.click("#upload").await;
    queued(&browser, 0).await;
    assert_eq!(orders(&place).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_worker_gives_way_and_what_it_kept_goes() {
    let place = Place::open().await;
    let browser = Browser::start(Setup::default()).await;
    sign_in(&browser, &place, "2207").await;
    place.weather.old_worker(true);
    app(&browser, &place).await;
    until(
        &browser,
        "the old worker governs",
        "return (await caches.keys()).includes('leftovers') && Boolean(navigator.serviceWorker.controller)",
    )
    .await;
    assert!(answer(&browser, "return Boolean(await caches.match('/orders'))").await == json!(true), "it kept a personal page");
    place.weather.old_worker(false);
    app(&browser, &place).await;
    answer(&browser, "await (await navigator.serviceWorker.getRegistration('/app/')).update(); return true").await;
    until(&browser, "one cache is left", "const names = await caches.keys(); return names.length === 1 && names[0].startsWith('capture-shell-') && names[0] !== 'capture-shell-older'").await;
    assert_eq!(answer(&browser, "return Boolean(await caches.match('/orders'))").await, json!(false));
    let listed = answer(
        &browser,
        "const cache = await caches.open((await caches.keys())[0]); return (await cache.keys()).map((one) => new URL(one.url).pathname)",
    )
    .await;
    assert!(
        listed.as_array().unwrap().iter().all(|path| ["/app/", "/static/"].iter().any(|start| path.as_str().unwrap().starts_with(start))),
        "{listed}"
    );
    app(&browser, &place).await;
    assert_eq!(browser.run("return document.querySelector('#start').disabled").await, json!(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reader_fills_the_fields_and_its_faults_are_said() {
    let place = Place::open().await;
    let browser = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&browser, &place, "2207").await;
    app(&browser, &place).await;
    until(&browser, "connected", "return document.querySelector('#reader-state').textContent.includes('connected')").await;
    browser.click("#start").await;
    browser.click("#step-1 > .form-buttons .primary").await;
    on_step(&browser, 2).await;
    let faults = [
        (reader::Behaviour::NoCard, "No card"),
        (reader::Behaviour::Busy, "busy"),
        (reader::Behaviour::Refuse, "refused"),
        (reader::Behaviour::NoReader, "not connected"),
    ];
    for (behaviour, words) in faults {
        place.reader.behave(behaviour);
        browser.click("#read").await;
        until(&browser, words, &format!("return document.querySelector('#read-said').textContent.includes('{words}')")).await;
        assert_eq!(browser.find("#document_number").await.prop("value").await.unwrap().as_deref(), Some(""));
    }
    place.reader.behave(reader::Behaviour::Slow(600));
    browser.click("#read").await;
    assert!(browser.text("#read-said").await.contains("Reading"));
    until(&browser, "read", "return document.querySelector('#document_number').value.startsWith('990101')").await;
    assert_eq!(browser.find("#entry").await.prop("value").await.unwrap().as_deref(), Some("reader"));
    assert_eq!(browser.find("#name").await.prop("value").await.unwrap().as_deref(), Some("演示持卡人"));
    browser.shot("app-reader-en").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_freezes_with_its_reason_and_the_camera_sees_what_is_wrong() {
    let place = Place::open().await;
    let outlet =
        place.app.read(chuangsha_app::channels::active).await.unwrap().into_iter().find(|one| one.kind == ChannelKind::OwnHall).unwrap();
    let manager = place.actor_of("1024").await;
    let at = chuangsha_app::channels::place::Coordinates::new(37.87, 112.55).unwrap();
    chuangsha_app::channels::place::set(&place.app, &manager, outlet.organisation, at).await.unwrap();
    let browser = Browser::start(Setup { language: "en", ..Setup::default() }).await;
    sign_in(&browser, &place, "2207").await;
    let here = json!({ "latitude": 37.8702, "longitude": 112.5501, "accuracy": 10 });
    let grant = |setting: &str| json!({ "permission": { "name": "geolocation" }, "setting": setting, "origin": place.url });
    browser.command("Browser.setPermission", grant("granted")).await;
    browser.command("Emulation.setGeolocationOverride", here.clone()).await;
    app(&browser, &place).await;
    assert!(!browser.find("#frozen").await.is_displayed().await.unwrap(), "at the outlet: {}", browser.text("#frozen").await);
    browser.command("Emulation.setGeolocationOverride", json!({ "latitude": 37.88, "longitude": 112.55, "accuracy": 10 })).await;
    browser.command("Browser.setPermission", grant("granted")).await;
    app(&browser, &place).await;
    browser.click("#refresh").await;
    until(
        &browser,
        "too far",
        "return Boolean(document.querySelector('#frozen [data-why=field_frozen_far]')) && document.querySelector('#start').disabled",
    )
    .await;
    assert!(browser.text("#frozen").await.contains("1112 metres"), "{}", browser.text("#frozen").await);
    browser.shot("app-frozen-en").await;
    browser.command("Browser.setPermission", grant("denied")).await;
    app(&browser, &place).await;
    until(&browser, "no place", "return Boolean(document.querySelector('#frozen [data-why=field_frozen_place]'))").await;

    // Each limit by itself.
    let why = |change: &str| {
        format!(
            "const limits = {{ orders: 2, age_ms: 3600000, rules_age_ms: 3600000, distance_m: 500, clock_skew_ms: 60000, clock_off_ms: 0, fetched_at: 1000000000, outlet: {{ latitude: null }} }}; \
             let orders = [], place = null, now = 1000000000; {change}; return capture.queue.frozen(limits, orders, place, now).map((one) => one[0]).join()"
        )
    };
    for (change, wanted) in [
        ("", ""),
        ("orders = [{ captured_at: now }, { captured_at: now }]", "field_frozen_count"),
        ("orders = [{ captured_at: now - 3600001 }]", "field_frozen_age"),
        ("now += 3600001", "field_frozen_rules"),
        ("limits.clock_off_ms = -60001", "field_frozen_clock"),
        ("now -= 60001", "field_frozen_clock"),
        ("place = 'denied'", ""),
        ("limits.outlet = { latitude: 1, longitude: 1 }; place = { latitude: 1, longitude: 1.004 }", ""),
        ("limits.outlet = { latitude: 1, longitude: 1 }; place = { latitude: 1, longitude: 1.005 }", "field_frozen_far"),
    ] {
        assert_eq!(browser.run(&why(change)).await, json!(wanted), "{change}");
    }
    assert_eq!(browser.run("return capture.queue.frozen(null, [], null, 0)[0][0]").await, json!("field_frozen_first"));

    // What the camera looks for, on drawn pictures: light, glare, blur, a card in its frame and beside it.
    let drawn = "const draw = (work) => { const canvas = document.createElement('canvas'); canvas.width = 160; canvas.height = 101; const brush = canvas.getContext('2d'); work(brush); return brush.getImageData(0, 0, 160, 101); };
        const lines = (brush, x, y, w, h) => { brush.fillStyle = '#222'; for (let at = 6; at < h - 6; at += 6) for (let along = 6; along < w - 12; along += 9) brush.fillRect(x + along, y + at, 6, 2); };
        const card = (brush, x, y, w, h) => { brush.fillStyle = '#333'; brush.fillRect(0, 0, 160, 101); brush.fillStyle = '#cfd8dc'; brush.fillRect(x, y, w, h); lines(brush, x, y, w, h); };
        const seen = (work) => capture.camera.hint(draw(work), true);
        return [
            seen((brush) => { brush.fillStyle = '#111'; brush.fillRect(0, 0, 160, 101); }),
            seen((brush) => { card(brush, 8, 8, 144, 85); brush.fillStyle = '#fff'; brush.fillRect(40, 30, 60, 40); }),
            seen((brush) => { const shade = brush.createLinearGradient(0, 0, 160, 0); shade.addColorStop(0, '#888'); shade.addColorStop(1, '#bbb'); brush.fillStyle = shade; brush.fillRect(0, 0, 160, 101); }),
            seen((brush) => card(brush, 60, 40, 80, 50)),
            seen((brush) => card(brush, 8, 8, 144, 85)),
        ].join();";
    assert_eq!(browser.run(drawn).await, json!("dark,glare,blur,frame,good"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_is_clean_in_both_languages_and_goes_by_keyboard() {
    let place = Place::open().await;
    let files = Files::new();
    let mut wrong = Vec::new();
    let setups = [
        ("zh-1440", Setup::default()),
        ("en-390", Setup { width: 390, height: 844, language: "en", ..Setup::default() }),
        ("en-dark-390", Setup { width: 390, height: 844, language: "en", dark: true, ..Setup::default() }),
    ];
    for (twin, (suffix, setup)) in setups.into_iter().enumerate() {
        let browser = Browser::start(setup).await;
        sign_in(&browser, &place, &crate::place::twin_of("2207", twin)).await;
        app(&browser, &place).await;
        let mut check = async |name: &str| {
            browser.shot(&format!("app-{name}-{suffix}")).await;
            wrong.extend(browser.breaches().await.into_iter().map(|breach| format!("{name}-{suffix}: {breach}")));
            wrong.extend(browser.overflowing().await.into_iter().map(|element| format!("{name}-{suffix}: sticks out: {element}")));
        };
        check("home").await;
        // By keyboard: a button has the focus and is pressed; the heading of the next screen has it then, and Tab goes on from there.
        browser.run("document.querySelector('#start').focus()").await;
        browser.page.action_chain().send_keys("\u{e007}").perform().await.unwrap();
        on_step(&browser, 1).await;
        for key in ["\u{e004}", "\u{e004}", " "] {
            browser.page.action_chain().send_keys(key).perform().await.unwrap();
        }
        assert_eq!(
            browser.run("return document.activeElement.name + document.activeElement.checked").await,
            json!("numbertrue"),
            "{suffix}"
        );
        check("number").await;
        browser.page.action_chain().send_keys("\u{e007}").perform().await.unwrap();
        on_step(&browser, 2).await;
        browser.run("document.querySelector('#proxy').open = true").await;
        check("document").await;
        typed(&browser, 41).await;
        attach(&browser, &files, "document_front").await;
        attach(&browser, &files, "document_back").await;
        browser.find("#name").await.send_keys("\u{e007}").await.unwrap();
        on_step(&browser, 3).await;
        check("portrait").await;
        attach(&browser, &files, "live_photo").await;
        browser.click("#step-3 > .form-buttons .primary").await;
        on_step(&browser, 4).await;
        check("signature").await;
        attach(&browser, &files, "signature").await;
        browser.click("#step-4 > .form-buttons .primary").await;
        on_step(&browser, 5).await;
        browser.click("#step-5 > .form-buttons .primary").await;
        check("submit").await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
