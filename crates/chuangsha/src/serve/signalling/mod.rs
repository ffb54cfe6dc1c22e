//! 信令接入: call screening in the path. Listeners, trunks and their reloading, feeds of outcomes, and what is told about all of it.

pub mod feeds;
pub mod figures;
pub mod roaming;
mod signing;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use chuangsha_kernel::{
    problem::{Problem, Refuse},
    time::Clock,
};
use chuangsha_screen::{Engine, Observe, stir::Vouch};
use chuangsha_sip::{
    Decide, Edge, Screening, TRANSACTIONS, Trunks, aside::Aside, datagram::Datagrams, stream, tls, trunk::Mode, watch::Monotonic,
};
use rustls::ServerConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::codes;
use crate::config::{Settings, keys};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Stopping ends when nothing has come for this long.
const QUIET: Duration = Duration::from_millis(200);

/// Addresses taken, nobody answering yet.
pub struct Sockets {
    datagrams: Vec<Datagrams>,
    streams: Vec<(bool, TcpListener)>,
    probe: Option<std::net::UdpSocket>,
    /// As `udp:127.0.0.1:5060`.
    pub addresses: Vec<String>,
}

impl Sockets {
    /// Takes the addresses of `sip.listen` and `sip.hep_listen`; nothing when there is none.
    ///
    /// # Errors
    /// `serve.address_taken`
    pub fn bind(settings: &Settings) -> Result<Option<Self>, Problem> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let loops = match usize::try_from(settings.number("sip.loops")) {
            Ok(0) | Err(_) => cores,
            Ok(loops) => loops,
        };
        let buffer = usize::try_from(settings.number("sip.receive_buffer")).unwrap_or(1 << 24);
        let mut sockets = Self { datagrams: Vec::new(), streams: Vec::new(), probe: None, addresses: Vec::new() };
        for text in settings.list("sip.listen") {
            let Some((transport, address)) = keys::listener(&text) else { continue };
            let taken = |error: std::io::Error| super::taken("sip.listen", &text, &error);
            let bound = if transport == "udp" {
                let datagrams = Datagrams::bind(address, loops, buffer).map_err(taken)?;
                let bound = datagrams.address;
                sockets.datagrams.push(datagrams);
                bound
            } else {
                let listener = TcpListener::bind(address).map_err(taken)?;
                let bound = listener.local_addr().map_err(taken)?;
                sockets.streams.push((transport == "tls", listener));
                bound
            };
            sockets.addresses.push(format!("{transport}:{bound}"));
        }
        if let Some(text) = settings.set_text("sip.hep_listen") {
            sockets.probe = Some(std::net::UdpSocket::bind(text).map_err(|error| super::taken("sip.hep_listen", text, &error))?);
        }
        let none = sockets.addresses.is_empty() && sockets.probe.is_none() && settings.list("sip.cdr_files").is_empty();
        Ok((!none).then_some(sockets))
    }
}

fn secret() -> Result<[u8; 16], Problem> {
    let mut secret = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut secret).map_err(|_| super::parts::not_started("no randomness"))?;
    Ok(secret)
}

/// The files an edge is made of, and what they said last.
struct Files {
    trunks: PathBuf,
    proxies: bool,
    tls: Option<[Option<PathBuf>; 3]>,
    signing: Option<signing::Source>,
}

impl Files {
    fn of(settings: &Settings, tls: bool) -> Self {
        let path = |key: &str| settings.set_text(key).map(PathBuf::from);
        Self {
            trunks: PathBuf::from(settings.text("sip.trunks")),
            proxies: settings.set_text("sip.own_address").is_some(),
            tls: tls.then(|| [path("sip.certificate"), path("sip.key"), path("sip.authority")]),
            signing: signing::Source::of(settings),
        }
    }

    fn trunks(&self) -> Result<Trunks, Problem> {
        let path = self.trunks.display();
        let text = fs::read_to_string(&self.trunks)
            .map_err(|error| Problem::new(&codes::TRUNKS_UNREADABLE).field("sip.trunks").with("path", path).with("reason", error))?;
        let trunks = Trunks::parse(&text).map_err(|error| error.problem().field("sip.trunks"))?;
        if let Some(trunk) = trunks.iter().find(|trunk| trunk.mode == Mode::Proxy && !self.proxies) {
            return Err(Problem::new(&codes::OWN_ADDRESS_UNSET).field("sip.own_address").with("trunk", &trunk.name));
        }
        Ok(trunks)
    }

    fn tls(&self) -> Result<Option<Arc<ServerConfig>>, Problem> {
        let Some([certificate, key, authority]) = &self.tls else { return Ok(None) };
        let wrong = |reason: &dyn std::fmt::Display| Problem::new(&codes::SIP_TLS_UNUSABLE).field("sip.certificate").with("reason", reason);
        let read = |path: &Option<PathBuf>| path.as_deref().map(fs::read).transpose().map_err(|error| wrong(&error));
        let (certificate, key, authority) = (read(certificate)?, read(key)?, read(authority)?);
        let server = tls::server(&certificate.unwrap_or_default(), &key.unwrap_or_default(), authority.as_deref());
        server.map(Some).map_err(|error| wrong(&error))
    }

    /// When each was written, and how long it is: another value means that somebody changed one.
    fn stamp(&self) -> Vec<Option<(SystemTime, u64)>> {
        let tls = self.tls.iter().flatten().flatten().chain(self.signing.as_ref().map(|signing| &signing.key));
        let stamp = |path: &Path| fs::metadata(path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
        std::iter::once(&self.trunks).chain(tls).map(|path| stamp(path)).collect()
    }
}

/// 信令接入, running.
pub struct Signalling {
    addresses: Vec<String>,
    probe: Option<SocketAddr>,
    edge: Arc<Edge>,
    figures: Arc<figures::Figures>,
    loops: Vec<JoinHandle<()>>,
    stop_loops: Arc<AtomicBool>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What it is started with.
pub struct Around<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// The engine all edges share.
    pub engine: Arc<Engine>,
    /// Who is told of every decision.
    pub observer: Arc<dyn Observe>,
    /// Who checks identity tokens.
    pub tokens: Option<Arc<dyn Vouch>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where it is counted.
    pub figures: Arc<figures::Figures>,
}

impl Signalling {
    /// Answers from here on.
    ///
    /// # Errors
    /// The file of trunks, certificates, the roaming port, or the file of records cannot be used.
    pub fn start(sockets: Sockets, around: Around<'_>) -> Result<Self, Problem> {
        let Around { settings, engine, observer, tokens, clock, figures } = around;
        let listens = !sockets.addresses.is_empty();
        let files = Files::of(settings, sockets.streams.iter().any(|(secure, _)| *secure));
        let trunks = if listens { files.trunks()? } else { Trunks::default() };
        let secure = files.tls()?.map(|tls| Arc::new(ArcSwap::new(tls)));

        let mut screening = Screening::new(Arc::clone(&engine)).observed(observer);
        let port = roaming::port(settings)?.map(Arc::new);
        if let Some(port) = &port {
            screening = screening.roaming(port.clone());
        }
        let screening: Arc<dyn Decide> = Arc::new(screening);
        let transactions = usize::try_from(settings.number("sip.transactions")).unwrap_or(TRANSACTIONS);
        let mut edge = Edge::remembering(transactions, trunks, Arc::clone(&screening), secret()?, clock, Arc::new(Monotonic::default()));
        if let Some(own) = settings.set_text("sip.own_address").and_then(|text| text.parse().ok()) {
            edge = edge.proxy(own);
        }
        let signer = files.signing.as_ref().map(signing::Source::signer).transpose()?;
        if port.is_some() || tokens.is_some() || signer.is_some() {
            let mut aside = Aside::new(tokio::runtime::Handle::current());
            if let Some(port) = port {
                aside = aside.roaming(port, Duration::from_millis(settings.number("sip.roaming_timeout_ms")));
            }
            if let Some(tokens) = tokens {
                aside = aside.tokens(tokens);
            }
            edge = edge.aside(aside);
        }
        edge.sign_with(signer);
        let edge = Arc::new(edge);
        figures.watch(&edge);

        let (stop, stop_loops) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let (mut loops, mut tasks) = (Vec::new(), JoinSet::new());
        let own: Vec<_> = sockets.addresses.iter().filter_map(|text| keys::listener(text)).map(|(_, address)| address).collect();
        for datagrams in sockets.datagrams {
            loops.extend(datagrams.serve(&edge, &stop_loops).map_err(super::parts::not_started)?);
        }
        for (encrypted, listener) in sockets.streams {
            let (edge, tls, stop) = (Arc::clone(&edge), secure.clone().filter(|_| encrypted), stop.clone());
            tasks.spawn(async move {
                if let Err(error) = stream::serve(listener, edge, tls, stop).await {
                    tracing::error!("a SIP listener ended: {error}");
                }
            });
        }
        let heard = sockets.probe.as_ref().and_then(|socket| socket.local_addr().ok());
        if let Some(socket) = sockets.probe {
            let probe = feeds::Probes::new(socket, settings.text("sip.hep_password"), own, secret()?).map_err(super::parts::not_started)?;
            tasks.spawn(probe.run(Arc::clone(&engine), Arc::clone(&screening), Arc::clone(&figures), stop.clone()));
        }
        if let Some(follower) = feeds::Follower::of(settings)? {
            tasks.spawn(follower.run(engine, screening, Arc::clone(&figures), stop.clone()));
        }
        if listens {
            tasks.spawn(reload(files, Arc::clone(&edge), secure, Arc::clone(&figures), stop.clone()));
        }
        Ok(Self { addresses: sockets.addresses, probe: heard, edge, figures, loops, stop_loops, stop, tasks })
    }

    /// Where it listens, as `udp:127.0.0.1:5060`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Where HEP3 probes are listened to.
    pub fn probe(&self) -> Option<SocketAddr> {
        self.probe
    }

    /// For the probe of readiness.
    pub fn check(&self) -> impl Fn() -> (bool, String) + Send + Sync + use<> {
        let (edge, figures, loops) = (Arc::clone(&self.edge), Arc::clone(&self.figures), self.loops.len());
        move || {
            let trunks = edge.trunks().iter().count();
            let refused = if figures.reload_refused() {
                "; the file of trunks, a certificate or the signing key was refused, the old one is in force"
            } else {
                ""
            };
            (true, format!("{trunks} trunks, {loops} UDP loops{refused}"))
        }
    }

    /// Sends new calls elsewhere, decides about those that still come, and ends.
    pub async fn stop(mut self, patience: Duration) {
        self.edge.leave();
        let mut left = patience;
        let mut seen = self.edge.counters.calls.get();
        while left > Duration::ZERO && !self.loops.is_empty() {
            pause(QUIET).await;
            left = left.saturating_sub(QUIET);
            let now = self.edge.counters.calls.get();
            if now == seen {
                break;
            }
            seen = now;
        }
        self.stop.cancel();
        self.stop_loops.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        let loops = std::mem::take(&mut self.loops);
        // A loop looks up ten times a second: not on a thread that others wait for.
        let _ = tokio::task::spawn_blocking(move || loops.into_iter().for_each(|one| drop(one.join()))).await;
    }
}

/// Reads the files again when they change and when asked to (SIGHUP). What is wrong is told, and the old stays in force.
async fn reload(
    files: Files,
    edge: Arc<Edge>,
    secure: Option<Arc<ArcSwap<ServerConfig>>>,
    figures: Arc<figures::Figures>,
    stop: CancellationToken,
) {
    let mut asked = Asked::listen();
    let mut known = files.stamp();
    let mut pending = None;
    loop {
        let told = tokio::select! {
            () = stop.cancelled() => return,
            () = asked.wait() => true,
            () = pause(LOOK) => false,
        };
        let stamp = files.stamp();
        // A file that is still being written is left alone until it stands still.
        let settled = pending.as_ref() == Some(&stamp);
        if !told && (stamp == known || !settled) {
            pending = (stamp != known).then_some(stamp);
            continue;
        }
        (known, pending) = (stamp, None);
        let mut refused = false;
        match files.trunks() {
            Ok(trunks) => {
                tracing::info!(trunks = trunks.iter().count(), "trunks read again");
                edge.replace(trunks);
            }
            Err(problem) => {
                refused = true;
                tracing::error!(code = problem.code.id, "the file of trunks is refused, the old one stays: {problem}");
            }
        }
        match (files.tls(), &secure) {
            (Ok(Some(fresh)), Some(secure)) => secure.store(fresh),
            (Ok(_), _) => {}
            (Err(problem), _) => {
                refused = true;
                tracing::error!(code = problem.code.id, "the certificate of SIP is refused, the old one stays: {problem}");
            }
        }
        match files.signing.as_ref().map(signing::Source::signer).transpose() {
            Ok(signer) => edge.sign_with(signer),
            Err(problem) => {
                refused = true;
                tracing::error!(code = problem.code.id, "the signing key is refused, the old one stays: {problem}");
            }
        }
        figures.reloaded(refused);
    }
}

/// A timer of a worker, ended by its token.
#[allow(clippy::disallowed_methods, reason = "a worker's timer, ended by the token")]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// SIGHUP.
struct Asked {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Asked {
    fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self { signal: signal(SignalKind::hangup()).ok() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    async fn wait(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            signal.recv().await;
            return;
        }
        std::future::pending::<()>().await;
    }
}
