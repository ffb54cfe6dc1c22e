//! 服务: puts the parts together, listens, and stops without dropping what is in flight.

pub mod admin;
pub mod codes;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod parts;
pub mod signalling;
pub mod tls;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{Router, middleware};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use chuangsha_app::{App, MIGRATIONS, platform::edge::EdgeConfig, routes, start};
use chuangsha_kernel::{
    problem::{Problem, Refuse},
    time::{Clock, SystemClock},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli,
    config::Settings,
    demo,
    say::{Outcome, Say},
};

/// `chuangsha serve`.
pub fn run(say: &Say, mut settings: Settings, options: &cli::Serve) -> Outcome {
    if settings.text("server.tls") == "off" && !options.plain_http {
        return Err(Problem::new(&codes::PLAIN_HTTP).field("server.tls").into());
    }
    if !options.demo {
        operator_set(&settings)?;
    }
    let _lock = lock::take(&settings.data())?;
    demo::same_kind(&settings.data(), options.demo)?;
    log::start(&settings)?;
    let runtime = runtime()?;
    runtime.block_on(serve(say, &mut settings, options))
}

/// Customers are told who speaks to them, and the number limit counts by operator: neither is guessed.
fn operator_set(settings: &Settings) -> Result<(), Vec<Problem>> {
    let unset = |key: &&&str| settings.set_text(key).is_none();
    let keys = ["operator.code", "operator.name_zh", "operator.name_en", "operator.hotline"];
    let problems: Vec<Problem> =
        keys.iter().filter(unset).map(|key| Problem::new(&codes::OPERATOR_UNSET).field(*key).with("key", key)).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The runtime of a command that speaks to others.
///
/// # Errors
/// `serve.runtime`: no threads to be had.
pub fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    install_crypto();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Problem::new(&codes::RUNTIME).with("reason", error))
}

/// One provider for everything that speaks TLS in this process; the second call finds the first and that is fine.
fn install_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

async fn serve(say: &Say, settings: &mut Settings, options: &cli::Serve) -> Outcome {
    let stop = CancellationToken::new();
    let figures = Arc::new(signalling::figures::Figures::default());
    let metrics = Arc::new(metrics::Metrics::new(|registry| registry.register_collector(Box::new(Arc::clone(&figures)))));
    let admin = admin::Admin::new(Arc::clone(&metrics));
    // Listening first: a taken port is said before anything is written.
    let public = Socket::bind(settings, "server.listen")?;
    let operations = Listening::start(Socket::bind(settings, "admin.listen")?, admin.clone().router(), None)?;
    let world = if options.demo { Some(demo::World::start(settings).await?) } else { None };
    let sockets = signalling::Sockets::bind(settings)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let tls = if options.plain_http { None } else { Some(certificates(settings, &clock)?) };
    let address = parts::public_url(settings, public.address, tls.is_some());
    let app = parts::build(settings, &address, options.demo, &stop).await?;
    let logins = if options.demo { demo::seed(say, &app, &settings.data()).await? } else { Vec::new() };

    let workers = start::spawn(&app, &format!("node-{}", std::process::id()), &stop).map_err(parts::failed)?;
    if let Some(world) = &world {
        demo::seed_orders(say, &app, world, &settings.data()).await?;
    }
    let router = routes::router(&app, &EdgeConfig::default()).layer(middleware::from_fn_with_state(Arc::clone(&metrics), metrics::count));
    let public = Listening::start(public, router, tls.clone())?;
    let edge = match sockets {
        Some(sockets) => Some(signalling(sockets, settings, &app, figures)?),
        None => None,
    };
    admin.ready(probe(&app, settings, &stop, edge.as_ref()));

    let signal = StopSignal::listen()?;
    announce(say, settings, &address, &public, &operations, edge.as_ref());
    demo::show(say, &logins);
    let renewal = tls.map(|tls| tokio::spawn(renew(settings.clone(), Arc::clone(&clock), tls, stop.clone())));
    signal.wait().await;
    say.note("正在停止：等待在途请求完成……", "stopping: waiting for requests in flight …");
    admin.stopping();
    // Calls first: who asks for a verdict has less time than who waits for a page.
    if let Some(edge) = edge {
        edge.stop(Duration::from_secs(settings.number("sip.drain_seconds"))).await;
    }
    // First no new requests, then the workers: what a request posted is still there for the next start.
    public.stop(Duration::from_secs(settings.number("server.drain_seconds"))).await;
    stop.cancel();
    workers.join_all().await;
    if let Some(renewal) = renewal {
        let _ = renewal.await;
    }
    app.store.close().await;
    operations.stop(Duration::ZERO).await;
    drop(world);
    say.note("已停止", "stopped");
    Ok(())
}

/// Call screening in the path, on the engine of the application.
fn signalling(
    sockets: signalling::Sockets,
    settings: &Settings,
    app: &App,
    figures: Arc<signalling::figures::Figures>,
) -> Result<signalling::Signalling, Problem> {
    let (engine, clock, tokens) = (Arc::clone(&app.engine), Arc::clone(&app.clock), app.tokens.clone());
    signalling::Signalling::start(sockets, signalling::Around { settings, engine, observer: app.observer(), tokens, clock, figures })
}

/// What has to hold for the server to do its work.
fn probe(app: &App, settings: &Settings, stop: &CancellationToken, edge: Option<&signalling::Signalling>) -> admin::Probe {
    let (app, root, stop) = (app.clone(), settings.root_key(), stop.clone());
    let started = app.clock.now();
    let edge = edge.map(|edge| Arc::new(edge.check()));
    Arc::new(move || {
        let (app, root, stop, edge) = (app.clone(), root.clone(), stop.clone(), edge.clone());
        Box::pin(async move {
            let check = |name, ok, detail: &str| admin::Check { name, ok, detail: detail.to_owned() };
            let pending = app.store.pending_migrations(MIGRATIONS).await;
            let keys = app.vault.sign(b"ready").is_ok() && root.is_file();
            let now = app.clock.now();
            let mut checks = vec![
                match &pending {
                    Ok(_) => check("store", true, "answers"),
                    Err(error) => check("store", false, error.problem().code.id),
                },
                check("migrations", pending.as_ref().is_ok_and(Vec::is_empty), "schema of this version"),
                check("keys", keys, "root key present, signing works"),
                check("clock", now >= started, "does not run backwards"),
                check("workers", !stop.is_cancelled(), "running"),
            ];
            if let Some(edge) = edge {
                let (ok, detail) = edge();
                checks.push(check("sip", ok, &detail));
            }
            checks
        })
    })
}

/// The TLS configuration of the settings; the local one is made when it is missing.
///
/// # Errors
/// `serve.tls_unusable`
pub fn certificates(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<RustlsConfig, Problem> {
    let (certificate, key) = match settings.text("server.tls") {
        "files" => (PathBuf::from(settings.text("server.tls_certificate")), PathBuf::from(settings.text("server.tls_key"))),
        _ => {
            let folder = settings.data().join("tls");
            tls::ensure_local(&folder, &tls::names(&settings.list("server.names")), clock.now())?;
            (folder.join("server.crt"), folder.join("server.key"))
        }
    };
    Ok(RustlsConfig::from_config(Arc::new(tls::server_config(&certificate, &key)?)))
}

/// Twice a day: renews the local certificate before it runs out, and picks up certificate files somebody replaced.
async fn renew(settings: Settings, clock: Arc<dyn Clock>, tls: RustlsConfig, stop: CancellationToken) {
    loop {
        #[allow(clippy::disallowed_methods, reason = "a worker's timer, ended by the token")]
        let pause = tokio::time::sleep(Duration::from_secs(12 * 3_600));
        tokio::select! {
            () = stop.cancelled() => return,
            () = pause => {}
        }
        match certificates(&settings, &clock) {
            Ok(fresh) => tls.reload_from_config(fresh.get_inner()),
            Err(problem) => tracing::error!(code = problem.code.id, "certificates not renewed: {problem}"),
        }
    }
}

/// An address taken, nobody answering yet.
pub struct Socket {
    key: &'static str,
    listener: TcpListener,
    /// Where.
    pub address: SocketAddr,
}

impl Socket {
    /// Takes the address of a setting.
    ///
    /// # Errors
    /// `serve.address_taken`
    pub fn bind(settings: &Settings, key: &'static str) -> Result<Self, Problem> {
        let wanted = settings.text(key);
        let open = || {
            let listener = TcpListener::bind(wanted)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { key, listener, address })
        };
        open().map_err(|error| taken(key, wanted, &error))
    }
}

fn taken(key: &'static str, address: &str, error: &std::io::Error) -> Problem {
    Problem::new(&codes::ADDRESS_TAKEN).field(key).with("address", address).with("reason", error).with("key", key)
}

/// A listener with its server task.
pub struct Listening {
    address: SocketAddr,
    secure: bool,
    handle: Handle<SocketAddr>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Listening {
    /// Answers from here on; without `tls`, plain HTTP.
    ///
    /// # Errors
    /// `serve.address_taken`
    pub fn start(socket: Socket, router: Router, tls: Option<RustlsConfig>) -> Result<Self, Problem> {
        let Socket { key, listener, address } = socket;
        let failed = |error: std::io::Error| taken(key, &address.to_string(), &error);
        let handle = Handle::new();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let secure = tls.is_some();
        let task = match tls {
            Some(tls) => tokio::spawn(axum_server::from_tcp_rustls(listener, tls).map_err(failed)?.handle(handle.clone()).serve(service)),
            None => tokio::spawn(axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone()).serve(service)),
        };
        Ok(Self { address, secure, handle, task })
    }

    /// Takes no more connections, lets those in flight finish for at most `patience`.
    pub async fn stop(self, patience: Duration) {
        self.handle.graceful_shutdown(Some(patience));
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!("listener on {} ended badly: {error}", self.address);
        }
    }
}

fn announce(
    say: &Say,
    settings: &Settings,
    address: &str,
    public: &Listening,
    operations: &Listening,
    edge: Option<&signalling::Signalling>,
) {
    let admin = format!("http://{}", operations.address);
    let authority = settings.data().join("tls").join("ca.crt");
    if say.json {
        let sip = edge.map(signalling::Signalling::addresses).unwrap_or_default();
        say.answer(&serde_json::json!({ "address": address, "admin": admin, "ca": authority, "sip": sip, "hep": edge.and_then(signalling::Signalling::probe) }).to_string());
        return;
    }
    say.answer(&format!("{}  {address}", say.pick("控制台", "console")));
    if let Some(edge) = edge {
        say.answer(&format!("{}  {}", say.pick("信令", "SIP"), edge.addresses().join("  ")));
        if let (Some(probe), Some(udp)) = (edge.probe(), edge.addresses().iter().find_map(|one| one.strip_prefix("udp:"))) {
            let calls = format!("chuangsha world calls --to {udp} --hep {probe}");
            say.note(&format!("模拟话务 {calls}"), &format!("simulated calls {calls}"));
        }
    }
    if public.secure && settings.text("server.tls") == "local" {
        let ca = authority.display();
        say.note(&format!("浏览器信任 {ca} 后不再提示证书"), &format!("browsers stop warning once they trust {ca}"));
    }
    say.note(&format!("运维 {admin}/readyz ，按 Ctrl-C 停止"), &format!("operations {admin}/readyz, Ctrl-C stops"));
}

/// Ctrl-C or SIGTERM, listened for from the moment this is made: whoever reads the address may send the signal at once.
pub struct StopSignal {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    /// Starts listening.
    ///
    /// # Errors
    /// `serve.runtime`: the system gives no signals.
    pub fn listen() -> Result<Self, Problem> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let of = |kind| signal(kind).map_err(|error| Problem::new(&codes::RUNTIME).with("reason", error));
            Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for it.
    pub async fn wait(mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
