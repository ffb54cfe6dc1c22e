//! Identity tokens of calls (STIR/SHAKEN): real certificates from a real https server, checked beside the calls, the same as a redirect server, as a
//! proxy and over HTTP. What cannot be checked in time goes on (I4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_app::{
    App,
    platform::{actor::Actor, people::OrganisationKind},
    screening::{
        decide::{self, AttemptInput},
        tokens::{Sources, Tokens},
    },
};
use chuangsha_kernel::{Timestamp, role::Role};
use chuangsha_screen::{
    Attempt, Identity, Number, Observe, Outcome, Verdict,
    stir::{Anchor, Attestation, Signer},
};
use chuangsha_sip::{Edge, Screening, Trunks, aside::Aside, datagram::Datagrams, watch::Monotonic};
use chuangsha_store::testkit;
use chuangsha_world::kit::Kit;
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use ring::rand::SystemRandom;

const CALLER: u64 = 19_900_001_234;

/// Says what became of the token of each call: the verdict alone does not show it.
#[derive(Default)]
struct Seen(Mutex<Vec<Identity>>);

impl Observe for Seen {
    fn decided(&self, attempt: &Attempt<'_>, _: &Verdict) {
        self.0.lock().unwrap().push(attempt.identity);
    }

    fn ended(&self, _: &Outcome) {}
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// A provider's certificate, valid from 2026 to that year.
fn provider(issuer: &Issuer<'static, KeyPair>, until: i32) -> (KeyPair, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "SHAKEN 1234");
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(until, 2, 1));
    let list = vec![0x30, 8, 0xA0, 6, 0x16, 4, b'1', b'2', b'3', b'4'];
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], list));
    let pem = params.signed_by(&key, issuer).unwrap().pem();
    (key, pem)
}

/// Certificates over https: `/good.pem`, `/expired.pem`, `/stranger.pem`; `/silent.pem` never answers.
struct Host {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    anchor: Anchor,
    tls: String,
    keys: [KeyPair; 3],
}

impl Host {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ((root, anchor), (other, _), (web, tls)) = (authority("root"), authority("other"), authority("web"));
        let (good, expired, stranger) = (provider(&root, 2030), provider(&root, 2026), provider(&other, 2030));
        let asked = Arc::new(AtomicUsize::new(0));
        let page = |pem: &str| {
            let (pem, asked) = (pem.to_owned(), Arc::clone(&asked));
            get(move || async move {
                asked.fetch_add(1, Ordering::SeqCst);
                pem
            })
        };
        let silent = get(|| async {
            std::future::pending::<()>().await;
        });
        let router = Router::new()
            .route("/good.pem", page(&good.1))
            .route("/expired.pem", page(&expired.1))
            .route("/stranger.pem", page(&stranger.1))
            .route("/silent.pem", silent);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &web).unwrap();
        let key_der = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key_der).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let tls_config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
        tokio::spawn(axum_server::from_tcp_rustls(listener, tls_config).unwrap().serve(router.into_make_service()));
        let anchor = Anchor::read(anchor.as_bytes()).unwrap();
        Self { address, asked, anchor, tls, keys: [good.0, expired.0, stranger.0] }
    }

    fn at(&self, page: &str) -> String {
        format!("https://{}/{page}.pem", self.address)
    }

    /// A token with the first key, for a callee.
    fn token(&self, page: &str, attestation: Attestation, callee: u64, at: Timestamp) -> String {
        let key = ["good", "expired", "stranger"].iter().position(|named| *named == page).unwrap_or(0);
        self.signed(key, page, attestation, callee, at)
    }

    fn signed(&self, key: usize, page: &str, attestation: Attestation, callee: u64, at: Timestamp) -> String {
        let random = SystemRandom::new();
        let signer = Signer::new(&self.keys[key].serialize_der(), &self.at(page), &random).unwrap();
        let ends = (Number::china(CALLER).unwrap(), Number::china(callee).unwrap());
        signer.sign(attestation, ends, at, "123e4567-e89b-12d3-a456-426614174000", &random).unwrap()
    }
}

/// One edge, and how it is asked.
struct Way {
    socket: UdpSocket,
    far: UdpSocket,
    address: SocketAddr,
    edge: Arc<Edge>,
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
}

impl Way {
    fn start(app: &App, mode: &str) -> Self {
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        };
        let (socket, far) = (open(), open());
        let trunks = format!(
            "[[trunk]]\nname = \"peer\"\nclass = \"interconnect\"\nsources = [\"127.0.0.1\"]\nmode = \"{mode}\"\nnext = \"sip:{}\"",
            far.local_addr().unwrap()
        );
        let seen = Arc::new(Seen::default());
        let screening = Screening::new(Arc::clone(&app.engine)).observed(seen.clone());
        let datagrams = Datagrams::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, 1 << 20).unwrap();
        let address = datagrams.address;
        let aside = Aside::new(tokio::runtime::Handle::current()).tokens(app.tokens.clone().unwrap());
        let edge = Edge::new(
            Trunks::parse(&trunks).unwrap(),
            Arc::new(screening),
            [7; 16],
            Arc::clone(&app.clock),
            Arc::new(Monotonic::default()),
        );
        // Patience is another test's: this machine may be busy.
        let edge = Arc::new(edge.proxy(address).aside(aside).patience(Duration::from_secs(10)));
        let stop = Arc::new(AtomicBool::new(false));
        datagrams.serve(&edge, &stop).unwrap();
        Self { socket, far, address, edge, seen, stop }
    }

    /// Sends a call; what came of its token, and of the call: what the caller was answered, or what went on.
    fn call(&self, name: &str, callee: u64, headers: &str) -> (Identity, String) {
        let own = self.socket.local_addr().unwrap().port();
        let call = format!(
            "INVITE sip:+86{callee}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};rport;branch=z9hG4bK-{name}\r\nMax-Forwards: 70\r\n\
             From: <sip:+86{CALLER}@127.0.0.1>;tag=f\r\nTo: <sip:+86{callee}@127.0.0.1>\r\nCall-ID: {name}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:+86{CALLER}@127.0.0.1:{own}>\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(call.as_bytes(), self.address).unwrap();
        let mut room = [0; 16_384];
        let until = Instant::now() + Duration::from_secs(10);
        let text = loop {
            assert!(Instant::now() < until, "no answer to {name}");
            let mut heard = |socket: &UdpSocket| {
                socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
                socket.recv(&mut room).ok().map(|length| String::from_utf8_lossy(&room[..length]).into_owned())
            };
            if let Some(text) = heard(&self.socket).or_else(|| heard(&self.far))
                && text.contains(&format!("z9hG4bK-{name}"))
            {
                break text;
            }
        };
        (self.seen.0.lock().unwrap().last().copied().unwrap(), text)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A callee; in no order: whoever dials one number after the other is stopped for that.
const fn somebody(at: u64) -> u64 {
    19_900_000_000 + at * at * 7_919 % 10_000
}

struct Place {
    kit: Kit,
    app: App,
    host: Host,
    by: Actor,
    /// The store goes last.
    _store: testkit::TestStore,
}

impl Place {
    async fn new() -> Self {
        let store = testkit::sqlite().await;
        let kit = Kit::new(store.store.clone()).await;
        let host = Host::start().await;
        let sources = Sources { hosts: vec![host.address.to_string()], timeout: Duration::from_millis(500) };
        let client = Tokens::client(Some(host.tls.as_bytes())).unwrap();
        let tokens = Tokens::new(vec![host.anchor.clone()], sources, client, Arc::clone(&kit.app.clock));
        let app = kit.app_checking(Arc::new(tokens));
        let by = kit.actor(Role::NetworkOperator, OrganisationKind::CarrierHq, kit.hq, "");
        Self { kit, app, host, by, _store: store }
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    fn token(&self, page: &str, callee: u64) -> String {
        self.host.token(page, Attestation::Full, callee, self.now())
    }

    /// The same call over HTTP.
    async fn decided(&self, name: &str, callee: u64, token: &str) -> serde_json::Value {
        let input: AttemptInput = serde_json::from_value(serde_json::json!({
            "call": name, "trunk": u32::MAX, "ingress": "interconnect", "from": format!("+86{CALLER}"), "callee": format!("+86{callee}"),
            "identity_tokens": [token],
        }))
        .unwrap();
        serde_json::to_value(decide::one(&self.app, &self.by, &input).await.unwrap()).unwrap()["verdict"].clone()
    }

    /// Until the certificate of that page is there.
    async fn warm(&self, page: &str) {
        let callee = somebody(90);
        for turn in 0..400 {
            let told = chuangsha_screen::stir::Told {
                call: format!("warm-{turn}").into_bytes(),
                caller: Number::china(CALLER).unwrap(),
                callee: Number::china(callee).unwrap(),
                dialled: None,
                diverted: false,
                at: self.now(),
            };
            if self.app.tokens.as_ref().unwrap().vouch(vec![self.token(page, callee)], told).await == Identity::Full {
                return;
            }
            pause(10).await;
        }
        panic!("the certificate never came");
    }
}

#[allow(clippy::disallowed_methods, reason = "waits for a server of the test")]
async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// A token with another head than was signed.
fn with_algorithm(token: &str, algorithm: &str) -> String {
    let (head, rest) = token.split_once('.').unwrap();
    let head = String::from_utf8(URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(head.replace("ES256", algorithm))).replace("alg=ES256", &format!("alg={algorithm}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_comes_to_the_same_as_redirect_as_proxy_and_over_http() {
    let place = Place::new().await;
    place.warm("good").await;
    let fetched = place.host.asked.load(Ordering::SeqCst);
    let ways = [Way::start(&place.app, "redirect"), Way::start(&place.app, "proxy")];
    let now = place.now();
    let token = |attestation, at| move |host: &Host, callee| host.token("good", attestation, callee, at);
    type Make<'a> = Box<dyn Fn(&Host, u64) -> String + 'a>;
    let cases: [(&str, Identity, Make<'_>); 9] = [
        ("full", Identity::Full, Box::new(token(Attestation::Full, now))),
        ("partial", Identity::Partial, Box::new(token(Attestation::Partial, now))),
        ("gateway", Identity::Gateway, Box::new(token(Attestation::Gateway, now))),
        ("another-callee", Identity::Invalid, Box::new(|host, callee| host.token("good", Attestation::Full, callee + 1, now))),
        ("stale", Identity::Invalid, Box::new(token(Attestation::Full, now.plus_ms(-61_000)))),
        ("too-early", Identity::Invalid, Box::new(token(Attestation::Full, now.plus_ms(61_000)))),
        (
            "unknown-algorithm",
            Identity::Invalid,
            Box::new(|host, callee| with_algorithm(&host.token("good", Attestation::Full, callee, now), "ES999")),
        ),
        ("another-key", Identity::Invalid, Box::new(|host, callee| host.signed(2, "good", Attestation::Full, callee, now))),
        ("no-token-at-all", Identity::Invalid, Box::new(|_, _| "nothing".to_owned())),
    ];
    for (case, (name, identity, make)) in cases.iter().enumerate() {
        let callee = somebody(case as u64);
        let token = make(&place.host, callee);
        let stopped = *identity == Identity::Invalid;
        for (way, mode) in ways.iter().zip(["redirect", "proxy"]) {
            let (found, text) = way.call(name, callee, &format!("Identity: {token}\r\n"));
            assert_eq!(found, *identity, "{name} by {mode}: {text}");
            let start = match (stopped, mode) {
                (true, _) => "SIP/2.0 603 ",
                (false, "redirect") => "SIP/2.0 ",
                (false, _) => "INVITE ",
            };
            assert!(text.starts_with(start) && text.contains("rule=token") == stopped, "{name} by {mode}: {text}");
            assert!(stopped || mode == "redirect" || text.contains(&token), "a proxy hands the token on");
        }
        let decided = place.decided(name, callee, &token).await;
        assert_eq!(decided["action"] == "block", stopped, "{name}: {decided}");
        assert_eq!(decided.to_string().contains("\"token\""), stopped, "{name}: {decided}");
    }
    assert_eq!(place.host.asked.load(Ordering::SeqCst), fetched, "the certificate was there for all of them");
    assert!(ways.iter().all(|way| way.edge.counters.unverified.get() == 0));
    let (none, text) = ways[0].call("no-header", somebody(30), "");
    assert_eq!(none, Identity::Absent, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_checked_goes_on_is_counted_and_is_not_asked_again_by_every_call() {
    let place = Place::new().await;
    let way = Way::start(&place.app, "redirect");
    let elsewhere = "https://elsewhere.example/good.pem";
    for (at, page) in ["expired", "stranger", "silent", "absent", "elsewhere"].into_iter().enumerate() {
        let callee = somebody(31 + at as u64);
        for turn in 0..5 {
            let mut token = place.token(if page == "elsewhere" { "good" } else { page }, callee + turn);
            if page == "elsewhere" {
                // A host nobody named: signed so, for whoever could read it.
                let random = SystemRandom::new();
                let ends = (Number::china(CALLER).unwrap(), Number::china(callee + turn).unwrap());
                let signer = Signer::new(&place.host.keys[0].serialize_der(), elsewhere, &random).unwrap();
                token = signer.sign(Attestation::Full, ends, place.now(), "123e4567-e89b-12d3-a456-426614174000", &random).unwrap();
            }
            let (found, text) = way.call(&format!("{page}-{turn}"), callee + turn, &format!("Identity: {token}\r\n"));
            assert_eq!(found, Identity::Unchecked, "{page}");
            assert!(!text.contains("rule=token"), "{page}: {text}");
            if turn == 0 {
                // The fetch ends in its own time, whatever the call did.
                pause(700).await;
            }
        }
    }
    assert_eq!(way.edge.counters.unverified.get(), 25);
    assert_eq!(place.host.asked.load(Ordering::SeqCst), 2, "expired and stranger once each: what gave nothing is left alone");
    place.kit.clock.advance_ms(61_000);
    let callee = somebody(40);
    way.call("again", callee, &format!("Identity: {}\r\n", place.token("expired", callee)));
    pause(300).await;
    assert_eq!(place.host.asked.load(Ordering::SeqCst), 3, "and asked again after a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_silent_host_holds_no_call_up_and_calls_without_a_token_not_at_all() {
    let place = Place::new().await;
    let way = Way::start(&place.app, "redirect");
    let mut took = Vec::new();
    for turn in 0..20 {
        let callee = somebody(41 + turn);
        let token = place.token("silent", callee);
        let started = Instant::now();
        let (found, _) = way.call(&format!("silent-{turn}"), callee, &format!("Identity: {token}\r\n"));
        took.push(started.elapsed());
        assert_eq!(found, Identity::Unchecked);
    }
    took.sort_unstable();
    // The bound is 4 ms for the token; what this machine adds on a bad day is its own, the middle one tells.
    assert!(took[10] < Duration::from_millis(25), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copied_token_is_found_out_across_ways_and_a_renewed_one_holds() {
    let place = Place::new().await;
    place.warm("good").await;
    let ways = [Way::start(&place.app, "redirect"), Way::start(&place.app, "proxy")];
    let callee = somebody(70);
    let token = place.token("good", callee);
    let header = format!("Identity: {token}\r\n");
    // The call, and its way around a closed gateway: two more Call-IDs.
    for (turn, way) in [&ways[0], &ways[1], &ways[0]].into_iter().enumerate() {
        assert_eq!(way.call(&format!("copy-{turn}"), callee, &header).0, Identity::Full);
    }
    let (found, text) = ways[1].call("copy-3", callee, &header);
    assert!(found == Identity::Invalid && text.contains("rule=token"), "{text}");
    assert_eq!(place.decided("copy-4", callee, &token).await["action"], "block");
    assert_eq!(
        ways[0]
            .call(
                "fresh",
                callee,
                &format!("Identity: {}\r\n", place.host.token("good", Attestation::Full, callee, place.now().plus_ms(1_000)))
            )
            .0,
        Identity::Full
    );
}
