//! 登记测速: the whole application behind its TLS listener, driven by clients as browsers and programs drive it.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use chuangsha_app::{
    App, channels,
    platform::{
        edge::{EdgeConfig, LimitConfig},
        people::totp,
    },
    registration::{
        bench::{self, Cast},
        order::State,
        table,
    },
    routes, start,
};
use chuangsha_kernel::{
    problem::Problem,
    role::Role,
    time::{Clock, SystemClock},
};
use chuangsha_store::testkit::{Cluster, Directory};
use chuangsha_world::city::DemoSubscriber;
use futures_util::future::{join_all, try_join_all};
use reqwest::{
    Method,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, SET_COOKIE},
};
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{FAILED, Figure};
use crate::{
    config::{Overrides, Settings},
    demo::{self, Login, orders},
    say::Say,
    serve::{self, parts},
};

/// Counters that register people at the same time.
const CLERKS: usize = 16;
/// Auditors at work.
const AUDITORS: usize = 4;
/// Sets of four pictures, drawn beforehand and sent in turn.
const ALBUMS: usize = 8;
/// Looks at the queue and claims from it.
const LOOKS: usize = 200;
/// Free numbers: more than any machine registers in the time.
const NUMBERS: u32 = 22_000;

pub(super) type Result<T> = std::result::Result<T, Problem>;

pub(super) fn failed(reason: impl std::fmt::Display) -> Problem {
    Problem::new(&FAILED).with("group", "registration").with("reason", reason)
}

/// Both figures on every engine the machine has, told as they come.
pub async fn run(say: &Say, on: &Path, seconds: u64, count: u32, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    measure(say, on, None, (seconds, count), tell).await?;
    let parent = on.to_owned();
    let cluster = tokio::task::spawn_blocking(move || Cluster::start_in(&parent, true).map(Arc::new)).await.map_err(failed)?;
    if let Some(cluster) = cluster {
        let measured = measure(say, on, Some(&cluster), (seconds, count), tell).await;
        tokio::task::spawn_blocking(move || drop(cluster)).await.map_err(failed)?;
        measured?;
    }
    Ok(())
}

async fn measure(
    say: &Say,
    on: &Path,
    cluster: Option<&Arc<Cluster>>,
    (seconds, count): (u64, u32),
    tell: &mut dyn FnMut(Vec<Figure>),
) -> Result<()> {
    let suffix = if cluster.is_some() { "_postgres" } else { "" };
    let span = Duration::from_secs(seconds);
    let rig = Rig::start(say, on, cluster, NUMBERS).await?;
    let value = orders_a_second(&rig, span).await?;
    rig.stop().await;
    let rig = Rig::start(say, on, cluster, 0).await?;
    let baseline = bare_orders_a_second(&rig, span).await?;
    rig.stop().await;
    tell(vec![Figure::new(format!("registration/orders{suffix}"), value, "orders/s", baseline)]);
    let rig = Rig::start(say, on, cluster, 0).await?;
    tell(queue(say, &rig, count, suffix).await?);
    rig.stop().await;
    Ok(())
}

/// The application with simulators around it, seeded with organisations, outlets, staff and free numbers.
pub(super) struct Rig {
    pub(super) app: App,
    pub(super) cast: Cast,
    logins: Vec<Login>,
    address: String,
    client: reqwest::Client,
    listening: serve::Listening,
    workers: JoinSet<()>,
    stop: CancellationToken,
    _world: demo::World,
    _directory: Directory,
}

impl Rig {
    pub(super) async fn start(say: &Say, on: &Path, cluster: Option<&Arc<Cluster>>, numbers: u32) -> Result<Self> {
        let directory = Directory::within(on);
        let mut set = vec!["server.listen=127.0.0.1:0".to_owned(), "sms.sink=console".to_owned()];
        if let Some(cluster) = cluster {
            let cluster = Arc::clone(cluster);
            let url = tokio::task::spawn_blocking(move || cluster.new_database()).await.map_err(failed)?;
            set.push(format!("store.url={url}"));
        }
        let overrides = Overrides { file: None, data: Some(directory.path().to_owned()), set };
        let mut settings = Settings::load(&overrides, []).map_err(|problems| failed(format!("{problems:?}")))?;
        let world = demo::World::start(&mut settings).await?;
        let socket = serve::Socket::bind(&settings, "server.listen")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let tls = serve::certificates(&settings, &clock)?;
        let address = parts::public_url(&settings, socket.address, true);
        let stop = CancellationToken::new();
        let app = parts::build(&settings, &address, true, &stop).await?;
        let quiet = Say { quiet: true, ..*say };
        let logins = demo::province(&quiet, &app, numbers).await?;
        let workers = start::spawn(&app, "bench", &stop).map_err(parts::failed)?;
        // All clients come from one network here, and each signs in once and works without pause.
        let limits = LimitConfig { network_per_second: 0, credential_per_second: 0, ..LimitConfig::default() };
        let router = routes::router(&app, &EdgeConfig { limits, ..EdgeConfig::default() });
        let listening = serve::Listening::start(socket, router, Some(tls))?;
        let ca = std::fs::read(directory.path().join("tls").join("ca.crt")).map_err(failed)?;
        let ca = reqwest::Certificate::from_pem(&ca).map_err(failed)?;
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).http1_only().tls_certs_only([ca]);
        let outlets = app.store.read(channels::active).await.map_err(parts::failed)?;
        let audit_centre = logins.iter().find(|login| login.role() == Some(Role::Auditor)).map(Login::organisation);
        Ok(Self {
            cast: Cast { outlets, audit_centre: audit_centre.ok_or_else(|| failed("no auditor"))? },
            client: client.build().map_err(failed)?,
            app,
            logins,
            address,
            listening,
            workers,
            stop,
            _world: world,
            _directory: directory,
        })
    }

    pub(super) async fn stop(self) {
        self.listening.stop(Duration::ZERO).await;
        self.stop.cancel();
        self.workers.join_all().await;
        self.app.store.close().await;
    }

    /// Signs the first people of a role in.
    pub(super) async fn sign_in(&self, role: Role, most: usize) -> Result<Vec<Client>> {
        let wanted = |login: &&Login| {
            login.role() == Some(role)
                && (role != Role::Clerk || self.cast.outlets.iter().any(|outlet| outlet.organisation == login.organisation()))
        };
        let mut clients = Vec::new();
        for login in self.logins.iter().filter(wanted).take(most) {
            clients.push(Client::sign_in(self, login).await?);
        }
        if clients.is_empty() { Err(failed(format!("nobody is {}", role.as_str()))) } else { Ok(clients) }
    }

    async fn in_state(&self, state: State) -> Result<i64> {
        let filter = table::Filter { states: vec![state], ..table::Filter::default() };
        self.app.read(move |tx| table::count(tx, &filter, i64::MAX)).await.map_err(parts::failed)
    }
}

/// One person's connection, kept alive, with their session.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    address: String,
    pub(super) region: String,
    /// Header and value it is known by: a session, or a key.
    known_by: (HeaderName, String),
}

impl Client {
    async fn sign_in(rig: &Rig, login: &Login) -> Result<Self> {
        let code = totp::code(&totp::demo_secret(login.number()), rig.app.clock.now()).map_err(parts::failed)?;
        let credentials = json!({ "number": login.number(), "password": demo::PASSWORD, "code": code });
        let answer =
            rig.client.post(format!("{}/api/v1/session", rig.address)).json(&credentials).send().await.map_err(failed)?.error_for_status();
        let answer = answer.map_err(failed)?;
        let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookie = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with("__Host-session="));
        let cookie = cookie.ok_or_else(|| failed("no session"))?.to_owned();
        Ok(Self { http: rig.client.clone(), address: rig.address.clone(), region: login.region().to_owned(), known_by: (COOKIE, cookie) })
    }

    /// Another system with a key of these actions, made by this person.
    pub(super) async fn with_key(&self, actions: &[&str]) -> Result<Self> {
        let made = self.must(Method::POST, "/api-keys", json!({ "name": "bench", "actions": actions, "days": 1 })).await?;
        let key = made["key"].as_str().ok_or_else(|| failed("no key"))?;
        Ok(Self { known_by: (AUTHORIZATION, format!("Bearer {key}")), ..self.clone() })
    }

    pub(super) async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Result<(u16, Vec<u8>)> {
        let mut request = self.http.request(method, format!("{}{path}", self.address)).header(&self.known_by.0, &self.known_by.1);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, kind).body(body);
        } else if !path.starts_with("/api/") {
            // As a browser asks; what is weighed is what goes over the wire.
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await.map_err(failed)?.to_vec()))
    }

    /// A JSON request; `None` when it is refused.
    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Option<Value>> {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).map_err(failed)? };
        let (status, answer) = self.send(method, &format!("/api/v1{path}"), "application/json", body).await?;
        match status {
            200..300 => Ok(Some(if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer).map_err(failed)? })),
            400..500 => Ok(None),
            _ => Err(failed(format!("{path}: {status} {}", String::from_utf8_lossy(&answer)))),
        }
    }

    pub(super) async fn must(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        self.ask(method, path, body).await?.ok_or_else(|| failed(format!("{path} was refused")))
    }

    async fn picture(&self, order: &str, kind: &str, bytes: &[u8]) -> Result<()> {
        const BOUNDARY: &str = "chuangsha-bench-boundary";
        let mut body = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{kind}\"\r\n\r\n").into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let path = format!("/api/v1/registrations/{order}/images/{kind}");
        let (status, answer) = self.send(Method::POST, &path, &format!("multipart/form-data; boundary={BOUNDARY}"), body).await?;
        if status == 200 { Ok(()) } else { Err(failed(format!("{path}: {status} {}", String::from_utf8_lossy(&answer)))) }
    }
}

/// Free numbers of one city that no other client has been given.
#[derive(Default)]
struct Offers {
    waiting: VecDeque<String>,
    last: Option<String>,
}

/// What the clerks of one run share.
struct Counter {
    offers: HashMap<String, Mutex<Offers>>,
    visitors: std::sync::Mutex<Box<dyn Iterator<Item = DemoSubscriber> + Send>>,
    albums: Vec<[(String, Vec<u8>); 4]>,
    next: AtomicU32,
    until: Instant,
}

impl Counter {
    async fn number(&self, clerk: &Client) -> Result<String> {
        let city = self.offers.get(&clerk.region).ok_or_else(|| failed("a clerk of no city"))?;
        let mut city = city.lock().await;
        if city.waiting.is_empty() {
            let after = city.last.as_ref().map_or_else(String::new, |last| format!("&after={last}"));
            let found = clerk.must(Method::GET, &format!("/numbers/free?product=voice{after}"), Value::Null).await?;
            city.waiting = found.as_array().into_iter().flatten().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
            city.last = city.waiting.back().cloned().or_else(|| city.last.take());
        }
        city.waiting.pop_front().ok_or_else(|| failed("no number is free"))
    }

    fn visitor(&self) -> Result<DemoSubscriber> {
        let mut visitors = self.visitors.lock().map_err(|_| failed("a client broke down"))?;
        visitors.next().ok_or_else(|| failed("no more people"))
    }

    /// From the picked number to the submission.
    async fn register(&self, clerk: &Client) -> Result<()> {
        let number = self.number(clerk).await?;
        let one = self.visitor()?;
        let draft = json!({ "number": number, "mode": "counter", "product": "voice", "customer": "individual" });
        let order = clerk.must(Method::POST, "/registrations", draft).await?;
        let id = order["id"].as_str().ok_or_else(|| failed("an order without id"))?.to_owned();
        let holder = json!({
            "document_kind": one.document.as_str(), "document_number": one.number, "name": one.name, "address": one.address, "phone": one.phone,
            "valid_from": one.issued.to_string(), "valid_until": one.until.map(|day| day.to_string()),
        });
        let reservation = json!({ "version": 1, "entry": "reader", "holder": holder });
        let order = clerk.must(Method::POST, &format!("/registrations/{id}/reservation"), reservation).await?;
        let album = self.albums.get(self.next.fetch_add(1, Ordering::Relaxed) as usize % self.albums.len().max(1));
        for (kind, picture) in album.into_iter().flatten() {
            clerk.picture(&id, kind, picture).await?;
        }
        let capture = json!({
            "version": order["version"], "original_seen": true, "warning_read": true, "face_declined": false, "agreement_clause": false,
        });
        let order = clerk.must(Method::POST, &format!("/registrations/{id}/capture"), capture).await?;
        clerk.must(Method::POST, &format!("/registrations/{id}/submission"), json!({ "version": order["version"] })).await?;
        Ok(())
    }

    async fn serve(&self, clerk: Client) -> Result<()> {
        while Instant::now() < self.until {
            self.register(&clerk).await?;
        }
        Ok(())
    }
}

/// Takes what comes from the queue until told that nothing more will; says how many were approved.
async fn audit(auditor: Client, finished: CancellationToken) -> Result<i64> {
    let mut approved = 0;
    loop {
        // Asked before the queue: what was submitted before the end is seen after it.
        let last = finished.is_cancelled();
        let Some(order) = auditor.ask(Method::POST, "/audit-queue/next", Value::Null).await? else {
            if last {
                return Ok(approved);
            }
            #[allow(clippy::disallowed_methods, reason = "an auditor with an empty queue looks again a little later")]
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (id, version) = (order["id"].as_str().unwrap_or_default(), &order["version"]);
        let approval = json!({ "version": version });
        // The simulated authority finds some documents wrong and some faces unlike: those are rejected, and not counted.
        if auditor.ask(Method::POST, &format!("/registrations/{id}/approval"), approval).await?.is_some() {
            approved += 1;
        } else {
            let rejection = json!({ "version": version, "reason": "not_the_holder" });
            auditor.must(Method::POST, &format!("/registrations/{id}/rejection"), rejection).await?;
        }
    }
}

/// Whole orders a second: activated by the network, over the time from the first request to the last confirmation.
async fn orders_a_second(rig: &Rig, span: Duration) -> Result<f64> {
    let clerks = rig.sign_in(Role::Clerk, CLERKS).await?;
    let auditors = rig.sign_in(Role::Auditor, AUDITORS).await?;
    let font = rig.app.mark_font.clone();
    let album = move |one: DemoSubscriber| orders::shots(&one, font.as_ref()).map(|(kind, bytes)| (kind.as_str().to_owned(), bytes));
    let albums = orders::visitors().take(ALBUMS).map(album).collect();
    let started = Instant::now();
    let counter = Arc::new(Counter {
        offers: clerks.iter().map(|clerk| (clerk.region.clone(), Mutex::default())).collect(),
        visitors: std::sync::Mutex::new(Box::new(orders::visitors())),
        albums,
        next: AtomicU32::new(0),
        until: started + span,
    });
    let finished = CancellationToken::new();
    let auditing: Vec<_> = auditors.into_iter().map(|auditor| tokio::spawn(audit(auditor, finished.clone()))).collect();
    // As many counters as asked for: where there are fewer clerks, some work at two.
    let working = clerks.iter().cycle().take(CLERKS).cloned().map(|clerk| {
        let counter = Arc::clone(&counter);
        tokio::spawn(async move { counter.serve(clerk).await })
    });
    for done in join_all(working.collect::<Vec<_>>()).await {
        done.map_err(failed)??;
    }
    while rig.waiting().await? > 0 {
        pause().await;
    }
    finished.cancel();
    let mut approved = 0;
    for done in join_all(auditing).await {
        approved += done.map_err(failed)??;
    }
    let patience = Instant::now() + Duration::from_secs(60);
    while rig.in_state(State::Activated).await? < approved {
        if Instant::now() > patience {
            return Err(failed("approved orders were not activated within a minute"));
        }
        pause().await;
    }
    Ok(approved as f64 / started.elapsed().as_secs_f64())
}

async fn pause() {
    #[allow(clippy::disallowed_methods, reason = "looks again a little later")]
    tokio::time::sleep(Duration::from_millis(10)).await;
}

impl Rig {
    /// Submitted orders nobody has taken yet.
    async fn waiting(&self) -> Result<i64> {
        self.in_state(State::Submitted).await
    }
}

/// The rows of such orders and nothing else, by as many writers.
async fn bare_orders_a_second(rig: &Rig, span: Duration) -> Result<f64> {
    let now = rig.app.clock.now();
    let numbers = bench::bare_numbers(&rig.app, NUMBERS, now).await.map_err(parts::failed)?;
    let next = Arc::new(AtomicU32::new(0));
    let numbers = Arc::new(numbers);
    let started = Instant::now();
    let writers = (0..CLERKS + AUDITORS).map(|_| {
        let (app, cast, next, numbers) = (rig.app.clone(), rig.cast.clone(), Arc::clone(&next), Arc::clone(&numbers));
        tokio::spawn(async move {
            let mut done = 0_u32;
            while started.elapsed() < span {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(number) = numbers.get(nth as usize) else { break };
                bench::bare_order(&app, &cast, *number, nth, now).await?;
                done += 1;
            }
            Ok::<_, chuangsha_app::platform::failure::Failure>(done)
        })
    });
    let done = try_join_all(writers.collect::<Vec<_>>()).await.map_err(failed)?;
    let done = done.into_iter().collect::<std::result::Result<Vec<_>, _>>().map_err(parts::failed)?;
    Ok(f64::from(done.iter().sum::<u32>()) / started.elapsed().as_secs_f64())
}

/// The audit queue with `count` orders stored: the next item claimed, and its page in the forms auditors ask for.
async fn queue(say: &Say, rig: &Rig, count: u32, suffix: &str) -> Result<Vec<Figure>> {
    let now = rig.app.clock.now();
    let bar = say.progress(u64::from(count), "登记单", "orders");
    bench::load(&rig.app, &rig.cast, count, now, |written| bar.inc(u64::from(written))).await.map_err(parts::failed)?;
    bar.finish_and_clear();
    let auditor = rig.sign_in(Role::Auditor, 1).await?.remove(0);

    let mut spent = Vec::new();
    for look in 0..LOOKS as u32 {
        let id = bench::loaded_id(look.wrapping_mul(2_654_435_761) % count, count, now);
        let started = Instant::now();
        bench::look_up(&rig.app.store, id).await.map_err(parts::failed)?;
        spent.push(started.elapsed());
    }
    let bare = Percentiles::of(spent);
    let mut figures = Vec::new();
    let mut add = |name: &str, percentiles: &Percentiles| {
        figures.push(Figure::new(format!("registration/{name}{suffix}"), percentiles.p95, "ms", bare.p95));
        figures.push(Figure::new(format!("registration/{name}_p50{suffix}"), percentiles.p50, "ms", bare.p50));
    };
    let mut spent = Vec::new();
    for _ in 0..LOOKS {
        let started = Instant::now();
        // A small record has fewer to give.
        if auditor.ask(Method::POST, "/audit-queue/next", Value::Null).await?.is_none() {
            break;
        }
        spent.push(started.elapsed());
    }
    add("next_item", &Percentiles::of(spent));
    for (name, path) in PAGES {
        let mut spent = Vec::new();
        for _ in 0..LOOKS / 4 {
            let started = Instant::now();
            let (status, answer) = auditor.send(Method::GET, path, "", Vec::new()).await?;
            if status != 200 {
                return Err(failed(format!("{path}: {status} {}", String::from_utf8_lossy(&answer))));
            }
            spent.push(started.elapsed());
        }
        add(name, &Percentiles::of(spent));
    }
    Ok(figures)
}

/// Pages that read the queue, and the list of all orders.
const PAGES: [(&str, &str); 8] = [
    ("queue_page", "/audit"),
    ("queue_city", "/audit?city=990300"),
    ("queue_mine", "/audit?queue=mine"),
    ("queue_returned", "/audit?queue=returned"),
    ("queue_escalated", "/audit?queue=escalated"),
    ("queue_recheck", "/audit?queue=recheck"),
    ("queue_all", "/audit?queue=all"),
    ("orders_page", "/orders"),
];

pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
}

impl Percentiles {
    pub(super) fn of(mut spent: Vec<Duration>) -> Self {
        spent.sort_unstable();
        let at = |part: usize| spent.get(spent.len() * part / 100).map_or(0.0, |spent| spent.as_secs_f64() * 1e3);
        Self { p50: at(50), p95: at(95) }
    }
}
