//! 服务: puts the parts together, listens, and stops without dropping what is in flight.

pub mod admin;
pub mod codes;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod tls;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{Router, middleware};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use chuangsha_kernel::{
    problem::Problem,
    time::{Clock, SystemClock},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli,
    config::Settings,
    say::{Outcome, Say},
};

/// `chuangsha serve`.
pub fn run(say: &Say, settings: Settings, options: &cli::Serve) -> Outcome {
    if settings.text("server.tls") == "off" && !options.plain_http {
        return Err(Problem::new(&codes::PLAIN_HTTP).field("server.tls").into());
    }
    let _lock = lock::take(&settings.data())?;
    log::start(&settings)?;
    let runtime = runtime()?;
    runtime.block_on(serve(say, &settings, options))
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

async fn serve(say: &Say, settings: &Settings, options: &cli::Serve) -> Outcome {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let stop = CancellationToken::new();
    let metrics = Arc::new(metrics::Metrics::new(|_| {}));
    let admin = admin::Admin::new(Arc::clone(&metrics));
    let operations = Listening::start(settings, "admin.listen", admin.clone().router(), None)?;

    let tls = if options.plain_http { None } else { Some(certificates(settings, &clock)?) };
    let router = Router::new().layer(middleware::from_fn_with_state(Arc::clone(&metrics), metrics::count));
    let public = Listening::start(settings, "server.listen", router, tls.clone())?;
    admin.ready(Arc::new(|| Box::pin(async { Vec::new() })));

    announce(say, settings, &public, &operations);
    let renewal = tls.map(|tls| tokio::spawn(renew(settings.clone(), Arc::clone(&clock), tls, stop.clone())));
    stop_signal().await;
    say.note("正在停止：等待在途请求完成……", "stopping: waiting for requests in flight …");
    admin.stopping();
    stop.cancel();
    public.stop(Duration::from_secs(settings.number("server.drain_seconds"))).await;
    if let Some(renewal) = renewal {
        let _ = renewal.await;
    }
    operations.stop(Duration::ZERO).await;
    say.note("已停止", "stopped");
    Ok(())
}

/// The TLS configuration of the settings; the local one is made when it is missing.
fn certificates(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<RustlsConfig, Problem> {
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

/// A listener with its server task.
struct Listening {
    address: SocketAddr,
    secure: bool,
    handle: Handle<SocketAddr>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Listening {
    fn start(settings: &Settings, key: &'static str, router: Router, tls: Option<RustlsConfig>) -> Result<Self, Problem> {
        let wanted = settings.text(key);
        let taken = |error: std::io::Error| {
            Problem::new(&codes::ADDRESS_TAKEN).field(key).with("address", wanted).with("reason", error).with("key", key)
        };
        let listener = TcpListener::bind(wanted).map_err(taken)?;
        listener.set_nonblocking(true).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let handle = Handle::new();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let secure = tls.is_some();
        let task = match tls {
            Some(tls) => {
                let server = axum_server::from_tcp_rustls(listener, tls).map_err(taken)?.handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
            None => {
                let server = axum_server::from_tcp(listener).map_err(taken)?.handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
        };
        Ok(Self { address, secure, handle, task })
    }

    /// Takes no more connections, lets those in flight finish for at most `patience`.
    async fn stop(self, patience: Duration) {
        self.handle.graceful_shutdown(Some(patience));
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!("listener on {} ended badly: {error}", self.address);
        }
    }

    fn url(&self, settings: &Settings) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let derived = || format!("{scheme}://{}:{}", tls::shown_host(self.address.ip()), self.address.port());
        settings.set_text("server.public_url").map_or_else(derived, str::to_owned)
    }
}

fn announce(say: &Say, settings: &Settings, public: &Listening, operations: &Listening) {
    let address = public.url(settings);
    let admin = format!("http://{}", operations.address);
    let authority = settings.data().join("tls").join("ca.crt");
    if say.json {
        say.answer(&serde_json::json!({ "address": address, "admin": admin, "ca": authority }).to_string());
        return;
    }
    say.answer(&format!("{} {address}", say.pick("控制台", "console")));
    if public.secure && settings.text("server.tls") == "local" {
        let ca = authority.display();
        say.note(&format!("浏览器信任 {ca} 后不再提示证书"), &format!("browsers stop warning once they trust {ca}"));
    }
    say.note(&format!("运维 {admin}/readyz ，按 Ctrl-C 停止"), &format!("operations {admin}/readyz, Ctrl-C stops"));
}

/// Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
