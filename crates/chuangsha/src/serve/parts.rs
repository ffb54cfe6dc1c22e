//! 组装: the application from its settings. Everything that reaches outside is made here and handed in.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chuangsha_app::{
    App, AppConfig, CaptureConfig, MIGRATIONS, Operator, Parts,
    platform::{
        failure::Failure,
        images::{ImageLimits, MarkFont, Objects},
        network::{Tmf640, Tmf640Settings, http_client},
        notify::{Cmpp, CmppSettings, CmppVersion, Console, HttpCallSettings, HttpSms, HttpSmsSettings, Receipt, Smpp, SmppSettings, Sms},
        people::{People, PeopleConfig},
        verify::{HttpVerifier, HttpVerifierSettings},
    },
    rulebook,
    screening::{
        self, ScreeningConfig, revocation,
        tokens::{Sources, Tokens, Vouch},
    },
};
use chuangsha_kernel::{
    id::Ids,
    problem::Problem,
    role::Matrix,
    time::{Clock, SystemClock},
};
use chuangsha_screen::stir::Anchor;
use chuangsha_store::Store;
use chuangsha_vault::{LocalAgent, Vault};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::codes;
use crate::{audit, config::Settings, record, rules};

/// Something in the way of starting that is no refusal of ours.
pub fn not_started(reason: impl std::fmt::Display) -> Problem {
    Problem::new(&codes::NOT_STARTED).with("reason", reason)
}

/// A refusal keeps its words; a fault shows its reason: whoever starts the program may see it.
pub fn failed(failure: Failure) -> Problem {
    match failure {
        Failure::Problem(problem) => *problem,
        other => not_started(other.log_line()),
    }
}

/// Puts the application together and brings the schema up. `address` is where browsers find it, `demo` admits the demo province.
///
/// # Errors
/// Whatever part cannot be had, named.
pub async fn build(settings: &Settings, address: &str, demo: bool, stop: &CancellationToken) -> Result<App, Problem> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ids = Arc::new(Ids::system());
    let (sms, receipts) = sms(settings, &clock, &ids, stop)?;
    let app = assemble(settings, &record::config(settings), address, demo, clock, ids, sms).await?;
    if let Some(receipts) = receipts {
        tokio::spawn(app.clone().note_receipts(receipts));
    }
    Ok(app)
}

/// The application for a command at the terminal: it sends nothing by itself.
///
/// # Errors
/// As [`build`].
pub async fn quiet(settings: &Settings, demo: bool) -> Result<App, Problem> {
    let address = settings.set_text("server.public_url").unwrap_or("https://localhost:8443");
    assemble(
        settings,
        &record::config(settings),
        address,
        demo,
        Arc::new(SystemClock::default()),
        Arc::new(Ids::system()),
        Arc::new(Console),
    )
    .await
}

/// The same with a store set up to bring millions of rows over.
///
/// # Errors
/// As [`build`].
pub async fn bulk(settings: &Settings, demo: bool) -> Result<App, Problem> {
    let (address, store) = (settings.set_text("server.public_url").unwrap_or("https://localhost:8443"), record::bulk_config(settings));
    assemble(settings, &store, address, demo, Arc::new(SystemClock::default()), Arc::new(Ids::system()), Arc::new(Console)).await
}

async fn assemble(
    settings: &Settings,
    store: &chuangsha_store::Config,
    address: &str,
    demo: bool,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    sms: Arc<dyn Sms>,
) -> Result<App, Problem> {
    let config = app_config(settings);
    let suite = audit::suite(settings);
    let agent = LocalAgent::open_or_create(settings.root_key(), suite).map_err(Problem::from)?;
    let store = Store::open(store).await.map_err(record::fault)?;
    store.migrate(MIGRATIONS).await.map_err(record::fault)?;

    let packs = rules::local(settings)?;
    let packs: Vec<(&str, &str)> = packs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let rules = rulebook::embedded(demo).and_then(|book| book.with_local(&packs)).map_err(Problem::from)?;

    let verifier = HttpVerifier::new(
        client(settings, "verification.token")?,
        HttpVerifierSettings {
            url: settings.text("verification.url").to_owned(),
            timeout_ms: settings.number("verification.timeout_ms"),
            ..HttpVerifierSettings::default()
        },
        Arc::clone(&clock),
        Arc::clone(&ids),
    );
    let network = Tmf640::new(
        client(settings, "network.token")?,
        Tmf640Settings { url: settings.text("network.url").to_owned(), timeout_ms: settings.number("network.timeout_ms") },
    );
    let people = People::new(people_config(address, demo), &ids).map_err(failed)?;
    let mut seed = [0; 8];
    ids.fill(&mut seed);
    let engine = screening::engine(&rules, clock.now(), &config.screening, u64::from_le_bytes(seed)).map_err(failed)?;
    let parts = Parts {
        engine,
        watch: Arc::new(screening::Watch::new(&config.screening)),
        tokens: tokens(settings, &clock)?,
        store,
        vault: Vault::new(Arc::new(agent), settings.text("vault.tenant"), suite),
        rules: Arc::new(rules),
        matrix: Arc::new(Matrix::embedded().map_err(not_started)?),
        clock,
        ids,
        objects: Objects::local(&settings.data().join("objects")).map_err(not_started)?,
        mark_font: MarkFont::load(None),
        verifier: Arc::new(verifier),
        network: Arc::new(network),
        sms,
        people,
        config,
        audit_key: OnceLock::new(),
        integrator: tokio::sync::Mutex::new(None),
        bell: Arc::new(tokio::sync::Notify::new()),
    };
    let app = App::new(parts);
    app.poll_epochs().await.map_err(failed)?;
    Ok(app)
}

/// Who checks identity tokens; nobody without anchors.
fn tokens(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Option<Arc<dyn Vouch>>, Problem> {
    let wrong = |key: &'static str, reason: &dyn std::fmt::Display| {
        Problem::new(&codes::IDENTITY_UNUSABLE).field(key).with("key", key).with("reason", reason)
    };
    let read = |key: &'static str| settings.set_text(key).map(std::fs::read).transpose().map_err(|error| wrong(key, &error));
    let Some(anchors) = read("screening.identity_anchors")? else { return Ok(None) };
    let anchors = Anchor::read_all(&anchors).map_err(|error| wrong("screening.identity_anchors", &error))?;
    let authority = read("screening.identity_authority")?;
    let client = Tokens::client(authority.as_deref()).map_err(|error| wrong("screening.identity_authority", &error))?;
    let sources = Sources {
        hosts: settings.list("screening.identity_hosts"),
        timeout: Duration::from_millis(settings.number("screening.identity_timeout_ms")),
    };
    let mut lists = Vec::new();
    for text in settings.list("screening.identity_revocations") {
        lists.push(revocation::Source::parse(&text).map_err(|reason| wrong("screening.identity_revocations", &reason))?);
    }
    let tokens = Tokens::new(anchors, sources, client, Arc::clone(clock));
    if lists.is_empty() {
        return Ok(Some(Arc::new(tokens)));
    }
    let tokens = tokens.revoked_by(lists).map_err(|reason| wrong("screening.identity_revocations", &reason))?;
    Ok(Some(Arc::new(tokens)))
}

fn app_config(settings: &Settings) -> AppConfig {
    let text = |key: &str| settings.text(key).to_owned();
    let number = |key: &str| settings.number(key);
    AppConfig {
        operator: Operator {
            code: text("operator.code"),
            name_zh: text("operator.name_zh"),
            name_en: text("operator.name_en"),
            hotline: text("operator.hotline"),
            registration_port: text("operator.registration_port"),
            remedy_zh: text("operator.remedy_zh"),
            documents_zh: text("operator.documents_zh"),
        },
        log_origin: text("audit.origin"),
        images: ImageLimits {
            max_bytes: usize::try_from(number("images.max_bytes")).unwrap_or(usize::MAX),
            max_pixels: number("images.max_pixels"),
            stored_side: u32::try_from(number("images.stored_side")).unwrap_or(u32::MAX),
            quality: u8::try_from(number("images.quality")).unwrap_or(u8::MAX),
            ..ImageLimits::default()
        },
        capture: CaptureConfig {
            reader_bridge: text("capture.reader_bridge").trim_end_matches('/').to_owned(),
            reader_token: text("capture.reader_token"),
        },
        call: HttpCallSettings {
            url: text("call.http_url"),
            token: text("call.http_token"),
            // Who calls back reaches people who can help.
            source: text("operator.hotline"),
            ..HttpCallSettings::default()
        },
        screening: screening_config(settings),
    }
}

/// Operators of the numbering plan.
const NETWORKS: [&str; 4] = ["china_mobile", "china_telecom", "china_unicom", "china_broadnet"];

fn screening_config(settings: &Settings) -> ScreeningConfig {
    let number = |key: &str| usize::try_from(settings.number(key)).unwrap_or(usize::MAX);
    let home = match settings.text("screening.home") {
        // An operator the plan does not name, such as the demo's, takes the part of the youngest.
        "auto" => Some(settings.text("operator.code")).filter(|code| NETWORKS.contains(code)).unwrap_or("china_broadnet"),
        named => named,
    };
    ScreeningConfig {
        home: home.to_owned(),
        folder: Some(settings.set_text("screening.folder").map_or_else(|| settings.data().join("screen"), Into::into)),
        callers: number("screening.callers"),
        callees: number("screening.callees"),
        passes_in_ten_thousand: u32::try_from(number("screening.log_passes")).unwrap_or(10_000),
        waiting: number("screening.log_waiting"),
        beside: settings.number("screening.beside"),
    }
}

fn people_config(address: &str, demo: bool) -> PeopleConfig {
    let host =
        reqwest::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "localhost".to_owned());
    PeopleConfig { host, origin: address.to_owned(), demo }
}

/// A client that carries the access token of one peer, when there is one.
///
/// # Errors
/// A token that is no header value.
pub fn client(settings: &Settings, token: &str) -> Result<reqwest::Client, Problem> {
    let Some(token) = settings.set_text(token) else { return http_client().map_err(not_started) };
    let mut headers = HeaderMap::new();
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(not_started)?;
    bearer.set_sensitive(true);
    headers.insert(AUTHORIZATION, bearer);
    let none = reqwest::redirect::Policy::none();
    reqwest::Client::builder().redirect(none).no_proxy().user_agent("chuangsha").default_headers(headers).build().map_err(not_started)
}

type Receipts = mpsc::UnboundedReceiver<Receipt>;

/// How messages leave, and where their receipts come in.
fn sms(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    ids: &Arc<Ids>,
    stop: &CancellationToken,
) -> Result<(Arc<dyn Sms>, Option<Receipts>), Problem> {
    Ok(match settings.text("sms.sink") {
        "smpp" => {
            let (host, port) = settings.text("sms.smpp_peer").rsplit_once(':').unwrap_or_default();
            let smpp = SmppSettings {
                host: host.to_owned(),
                port: port.parse().unwrap_or_default(),
                system_id: settings.text("sms.smpp_system_id").to_owned(),
                password: settings.text("sms.smpp_password").to_owned(),
                source: settings.text("sms.source").to_owned(),
                ..SmppSettings::default()
            };
            let (send, receive) = mpsc::unbounded_channel();
            (Arc::new(Smpp::start(smpp, send, Arc::clone(clock), Arc::clone(ids), stop.clone())), Some(receive))
        }
        "cmpp" => {
            let (host, port) = settings.text("sms.cmpp_peer").rsplit_once(':').unwrap_or_default();
            let cmpp = CmppSettings {
                host: host.to_owned(),
                port: port.parse().unwrap_or_default(),
                version: if settings.text("sms.cmpp_version") == "2.0" { CmppVersion::V20 } else { CmppVersion::V30 },
                account: settings.text("sms.cmpp_account").to_owned(),
                secret: settings.text("sms.cmpp_secret").to_owned(),
                service: settings.text("sms.cmpp_service").to_owned(),
                source: settings.text("sms.source").to_owned(),
                per_second: u32::try_from(settings.number("sms.cmpp_per_second")).unwrap_or_default(),
                ..CmppSettings::default()
            };
            let (send, receive) = mpsc::unbounded_channel();
            (Arc::new(Cmpp::start(cmpp, send, Arc::clone(clock), Arc::clone(ids), stop.clone())), Some(receive))
        }
        "http" => {
            let url = settings.text("sms.http_url").to_owned();
            let token = settings.text("sms.http_token").to_owned();
            let settings = HttpSmsSettings { url, token, ..HttpSmsSettings::default() };
            (Arc::new(HttpSms::new(http_client().map_err(not_started)?, settings)), None)
        }
        _ => (Arc::new(Console), None),
    })
}

/// Where browsers find the console.
pub fn public_url(settings: &Settings, address: SocketAddr, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    let derived = || format!("{scheme}://{}:{}", super::tls::shown_host(address.ip()), address.port());
    settings.set_text("server.public_url").map_or_else(derived, |url| url.trim_end_matches('/').to_owned())
}
