//! A browser to drive: chromedriver on a free port, Chromium with a profile of its own that is gone afterwards, no network but the loopback.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities, prelude::*};

/// One browser.
pub struct Browser {
    pub page: WebDriver,
    setup: Setup,
    port: u16,
    direct: reqwest::Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is killed leaves its browser running: it is asked to close it first.
        let session = self.page.session_id().to_string();
        let goodbye = format!("DELETE /session/{session} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        if let Ok(mut wire) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = wire.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = wire.write_all(goodbye.as_bytes());
            let _ = wire.read(&mut [0; 256]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// How the browser is set up.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub width: u32,
    pub height: u32,
    pub scripts: bool,
    pub dark: bool,
    pub language: &'static str,
    /// The camera is refused when a page asks for it.
    pub camera_refused: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { width: 1440, height: 1000, scripts: true, dark: false, language: "zh-CN", camera_refused: false }
    }
}

impl Browser {
    pub async fn start(setup: Setup) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let profile = tempfile::tempdir().unwrap();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed by `make test`");
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-domain-reliability",
            "--disable-sync",
            "--no-first-run",
            "--no-default-browser-check",
            "--no-pings",
            "--ignore-certificate-errors",
            // plain.test is this machine under a name that no browser trusts without TLS.
            "--host-resolver-rules=MAP plain.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            "--use-fake-device-for-media-stream",
            if setup.camera_refused { "--use-fake-ui-for-media-stream=deny" } else { "--use-fake-ui-for-media-stream" },
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        wanted.add_arg(&format!("--window-size={},{}", setup.width, setup.height)).unwrap();
        wanted.add_arg(&format!("--accept-lang={}", setup.language)).unwrap();
        let mut preferences = json!({ "intl.accept_languages": setup.language });
        if !setup.scripts {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        wanted.add_experimental_option("prefs", preferences).unwrap();
        let page = Self::connect(port, wanted).await;
        page.set_page_load_timeout(Duration::from_secs(30)).await.unwrap();
        let direct = reqwest::Client::builder().no_proxy().build().unwrap();
        let browser = Self { page, setup, port, direct, driver, _profile: profile };
        // A headless window is never narrower than 500: the size of the page is set as a device is emulated.
        browser.resize(setup.height).await;
        // Pictures and checks of contrast must not depend on how far an animation has come.
        browser.media(if setup.dark { "dark" } else { "light" }, true).await;
        browser
    }

    /// The theme and the motion the device asks for.
    pub async fn media(&self, theme: &str, still: bool) {
        let motion = if still { "reduce" } else { "no-preference" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }, { "name": "prefers-reduced-motion", "value": motion }] });
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// Size of the page.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Puts a cookie as the server would.
    pub async fn cookie(&self, name: &str, value: &str, url: &str) {
        let cookie =
            json!({ "name": name, "value": value, "url": url, "path": "/", "secure": true, "httpOnly": true, "sameSite": "Strict" });
        let set = self.command("Network.setCookie", cookie).await;
        assert_eq!(set["success"], json!(true), "{name} is a cookie of {url}");
    }

    async fn resize(&self, height: u32) {
        self.size(self.setup.width, height).await;
    }

    async fn connect(port: u16, wanted: ChromeCapabilities) -> WebDriver {
        let address = format!("http://127.0.0.1:{port}");
        let mut left = 100;
        loop {
            match WebDriver::new(&address, wanted.clone()).await {
                Ok(driver) => return driver,
                Err(error) if left == 0 => panic!("chromedriver does not answer: {error}"),
                Err(_) => left -= 1,
            }
            pause(50).await;
        }
    }

    pub async fn command(&self, name: &str, parameters: Value) -> Value {
        let address = format!("http://127.0.0.1:{}/session/{}/goog/cdp/execute", self.port, self.page.session_id());
        let body = json!({ "cmd": name, "params": parameters });
        let answer = self.direct.post(address).json(&body).send().await.unwrap().json::<Value>().await.unwrap();
        answer["value"].clone()
    }

    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// The element, as soon as it is there.
    pub async fn find(&self, css: &str) -> WebElement {
        match self.page.query(By::Css(css.to_owned())).wait(Duration::from_secs(10), Duration::from_millis(50)).first().await {
            Ok(element) => element,
            Err(_) => {
                self.shot("missing").await;
                panic!("{css} is not on {}: {}", self.page.current_url().await.unwrap(), self.text("main").await)
            }
        }
    }

    pub async fn has(&self, css: &str) -> bool {
        !self.page.find_all(By::Css(css.to_owned())).await.unwrap().is_empty()
    }

    pub async fn text(&self, css: &str) -> String {
        match self.page.find(By::Css(css.to_owned())).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.scroll_into_view().await.unwrap();
        if let Err(error) = element.click().await {
            self.shot("not-clickable").await;
            panic!(
                "{css} cannot be clicked on {}: {}",
                self.page.current_url().await.unwrap(),
                error.to_string().lines().next().unwrap_or_default()
            );
        }
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    pub async fn pick(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value=\"{value}\"]")).await;
    }

    /// Waits until the address contains a part.
    pub async fn arrived(&self, part: &str) {
        for _ in 0..200 {
            if self.page.current_url().await.unwrap().as_str().contains(part) {
                return;
            }
            pause(50).await;
        }
        self.shot("not-arrived").await;
        panic!("{} is not {part}: {}", self.page.current_url().await.unwrap(), self.text("main").await);
    }

    /// A picture of the whole page in `target/screenshots`.
    pub async fn shot(&self, name: &str) {
        let folder = target().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        // The window grows to the page, so that what sticks to its edges stays where people see it.
        let height = self.run("return document.documentElement.scrollHeight").await.as_u64().unwrap_or(0);
        self.resize(u32::try_from(height).unwrap_or(0).clamp(self.setup.height, 6_000)).await;
        let taken = self.command("Page.captureScreenshot", json!({ "format": "png" })).await;
        self.resize(self.setup.height).await;
        let picture = taken["data"].as_str().unwrap_or_default();
        let bytes = base64_decode(picture);
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Breaches of WCAG 2.2 A and AA that axe-core finds on the page.
    pub async fn breaches(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules/axe-core/axe.min.js"))
            .expect("axe-core is installed by `make test`");
        self.page.execute(axe, vec![]).await.unwrap();
        let script = "const done = arguments[arguments.length - 1]; \
            axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }) \
            .then((found) => done(found.violations.flatMap((one) => one.nodes.map((node) => one.id + ': ' + node.target.join(' ') + ' ' + (node.any[0] || node.all[0] || node.none[0] || {message: ''}).message))));";
        let found = self.page.execute_async(script, vec![]).await.unwrap();
        found.json().as_array().unwrap().iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Elements that stick out of the page sideways.
    pub async fn overflowing(&self) -> Vec<String> {
        let script = "const width = document.documentElement.clientWidth; \
            if (document.documentElement.scrollWidth <= width) return []; \
            return [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > width + 1 && !one.closest('.scroll, .menu, .tabs, .viewer-stage, .unseen, .skip')) \
            .slice(0, 5).map((one) => one.tagName + '.' + one.className + ' ' + Math.round(one.getBoundingClientRect().right));";
        let found = self.run(script).await;
        found.as_array().into_iter().flatten().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }

    pub async fn run(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap().json().clone()
    }
}

/// Lets the browser work.
pub async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

pub fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// Standard base64, as the browser sends pictures.
fn base64_decode(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let Some(value) = LETTERS.iter().position(|known| *known == letter) else { continue };
        held = held << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    bytes
}
