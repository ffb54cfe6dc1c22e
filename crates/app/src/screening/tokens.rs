//! 主叫签名验证 around [`stir`]: certificates are fetched from the hosts an operator names, once for all calls that want them, and no call waits longer
//! for one than it may. What was fetched too late for one call is there for the next.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chuangsha_kernel::time::{Clock, Timestamp};
pub use chuangsha_screen::stir::Vouch;
use chuangsha_screen::{
    Identity,
    stir::{Anchor, Told, Verified, Verifier},
};
use tokio::{sync::watch, time::timeout};

use super::revocation;
use crate::platform::network::client::read_limited;

/// How long a call waits for a certificate.
const PATIENCE: Duration = Duration::from_millis(4);
/// Longest chain.
const LONGEST: usize = 65_536;
/// Certificates being fetched at a time.
const MOST_UNDER_WAY: usize = 64;
/// An address that gave nothing is left alone for so long.
const LEFT_ALONE_MS: i64 = 60_000;
/// Most addresses left alone that are remembered.
const MOST_LEFT_ALONE: usize = 4_096;

/// 证书来源: where certificates come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// `host` or `host:port`; from others nothing is fetched.
    pub hosts: Vec<String>,
    /// Longest a fetch takes.
    pub timeout: Duration,
}

/// 验签服务. Clones share everything.
#[derive(Clone)]
pub struct Tokens(Arc<Shared>);

pub(super) struct Shared {
    pub(super) verifier: Verifier,
    sources: Sources,
    pub(super) client: reqwest::Client,
    pub(super) clock: Arc<dyn Clock>,
    fetches: Mutex<Fetches>,
}

#[derive(Default)]
struct Fetches {
    /// Done when the sender is gone.
    under_way: HashMap<String, watch::Receiver<()>>,
    left_alone: HashMap<String, Timestamp>,
}

impl Tokens {
    /// Trusts those anchors and asks those hosts. `client` follows no redirects: they would lead away from the hosts named.
    pub fn new(anchors: Vec<Anchor>, sources: Sources, client: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let verifier = Verifier::new(anchors);
        Self(Arc::new(Shared { verifier, sources, client, clock, fetches: Mutex::default() }))
    }

    /// Reads these lists of revoked certificates, and follows them from now on. In a tokio runtime.
    ///
    /// # Errors
    /// A file among them cannot be read, and why; an address is asked in the background, and again when it fails.
    pub fn revoked_by(self, sources: Vec<revocation::Source>) -> Result<Self, String> {
        let reader = revocation::Reader::new(sources, self.0.verifier.anchors())?;
        self.0.verifier.revoke(&reader.lists());
        tokio::spawn(revocation::follow(reader, Arc::downgrade(&self.0)));
        Ok(self)
    }

    /// A client for those hosts; `authority`: whom to trust in TLS besides the world's, PEM.
    ///
    /// # Errors
    /// The authority cannot be read.
    pub fn client(authority: Option<&[u8]>) -> Result<reqwest::Client, reqwest::Error> {
        let mut builder =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().https_only(true).user_agent("chuangsha");
        if let Some(pem) = authority {
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
        }
        builder.build()
    }

    /// What a token comes to for now; waits for a certificate no longer than a call may.
    async fn check(&self, tokens: &[String], told: &Told) -> Identity {
        let wanted = match self.0.verifier.verify(tokens, told) {
            Verified::Known(identity) => return identity,
            Verified::Wants(address) => address,
        };
        let Some(mut done) = self.fetch(&wanted) else { return Identity::Unchecked };
        if timeout(PATIENCE, done.changed()).await.is_err() {
            return Identity::Unchecked;
        }
        match self.0.verifier.verify(tokens, told) {
            Verified::Known(identity) => identity,
            Verified::Wants(_) => Identity::Unchecked,
        }
    }

    /// Sees to it that a certificate is fetched; nothing when it is not to be had now.
    fn fetch(&self, address: &str) -> Option<watch::Receiver<()>> {
        let now = self.0.clock.now();
        let mut fetches = self.0.fetches();
        if let Some(done) = fetches.under_way.get(address).filter(|done| done.has_changed().is_ok()) {
            return Some(done.clone());
        }
        // A clock that jumped back must not leave an address alone for ever.
        let alone = fetches.left_alone.get(address).is_some_and(|until| now < *until && until.0 - now.0 <= LEFT_ALONE_MS);
        if alone || fetches.under_way.len() >= MOST_UNDER_WAY {
            return None;
        }
        let (tell, done) = watch::channel(());
        fetches.under_way.insert(address.to_owned(), done.clone());
        drop(fetches);
        let (shared, address) = (Arc::clone(&self.0), address.to_owned());
        tokio::spawn(async move {
            let fetched = shared.get(&address).await;
            let now = shared.clock.now();
            let kept = fetched.and_then(|pem| shared.verifier.keep(&address, &pem, now).map_err(|error| error.to_string()));
            let mut fetches = shared.fetches();
            fetches.under_way.remove(&address);
            match kept {
                Ok(()) => drop(fetches.left_alone.remove(&address)),
                Err(reason) => {
                    fetches.leave_alone(&address, now);
                    // The path may say anything; the host was named by an operator.
                    let host = reqwest::Url::parse(&address)
                        .ok()
                        .filter(|url| shared.named(url))
                        .and_then(|url| url.host_str().map(str::to_owned));
                    tracing::warn!(host, reason, "a certificate of identity tokens is not to be had; their calls go on unchecked");
                }
            }
            drop(fetches);
            drop(tell);
        });
        Some(done)
    }
}

impl Shared {
    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a certificate may be fetched from there.
    fn named(&self, url: &reqwest::Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
        let bare = url.port().is_none() && self.sources.hosts.iter().any(|named| named.eq_ignore_ascii_case(host));
        let ported = with_port.is_some_and(|here| self.sources.hosts.iter().any(|named| named.eq_ignore_ascii_case(&here)));
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none() && (bare || ported)
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        let url = reqwest::Url::parse(address).map_err(|_| "its address is none")?;
        if !self.named(&url) {
            return Err("its host is not named in screening.identity_hosts".to_owned());
        }
        let fetched = timeout(self.sources.timeout, async {
            let answer = self.client.get(url).send().await.and_then(reqwest::Response::error_for_status);
            // What failed, without the address.
            let answer = answer.map_err(|error| error.without_url().to_string())?;
            if answer.status() != reqwest::StatusCode::OK {
                return Err(format!("the answer is {}", answer.status()));
            }
            read_limited(answer, LONGEST).await.ok_or_else(|| "it broke off, or is too long".to_owned())
        });
        fetched.await.map_err(|_| "no answer in time".to_owned())?
    }
}

impl Fetches {
    fn leave_alone(&mut self, address: &str, now: Timestamp) {
        if self.left_alone.len() >= MOST_LEFT_ALONE {
            self.left_alone.retain(|_, until| now < *until);
        }
        // Still full: somebody invents addresses. They are tried again sooner, within what may be under way.
        if self.left_alone.len() >= MOST_LEFT_ALONE {
            self.left_alone.clear();
        }
        self.left_alone.insert(address.to_owned(), now.plus_ms(LEFT_ALONE_MS));
    }
}

impl Vouch for Tokens {
    fn vouch(&self, tokens: Vec<String>, told: Told) -> Pin<Box<dyn Future<Output = Identity> + Send + '_>> {
        Box::pin(async move { self.check(&tokens, &told).await })
    }
}
