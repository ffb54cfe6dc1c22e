//! 吊销列表的读取: lists of revoked certificates from files and https addresses, read again when they change, for the check of identity tokens.
//!
//! What was read stays in force until something newer was: a source that fails is told in the log, and so is a list that is out of date.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use chuangsha_kernel::time::Timestamp;
use chuangsha_screen::stir::{Anchor, RevocationList, Revocations};
use tokio::time::timeout;

use super::tokens::Shared;
use crate::platform::network::client::read_limited;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often an address is asked; one that failed is asked again sooner.
const ASKED_MS: u64 = 3_600_000;
const ASKED_AGAIN_MS: u64 = 60_000;
/// How often a list that is out of date is told of.
const TOLD_MS: u64 = 3_600_000;
/// Longest list.
const LONGEST: usize = 32 << 20;
/// Longest a list is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// 一处吊销列表: where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, PEM or DER.
    File(PathBuf),
    /// An https address.
    Address(reqwest::Url),
}

impl Source {
    /// A path, or an https address.
    ///
    /// # Errors
    /// An address of another scheme, or none at all.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.contains("://") {
            return if text.is_empty() { Err("an empty path") } else { Ok(Self::File(PathBuf::from(text))) };
        }
        let url = reqwest::Url::parse(text).ok().filter(|url| url.scheme() == "https");
        url.map(Self::Address).ok_or("a list is a file or stands at an https address")
    }

    /// For the log: an address may carry more than its host.
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Address(url) => url.host_str().unwrap_or_default().to_owned(),
        }
    }
}

/// Lists of all sources, each as it was read last.
pub(super) struct Reader {
    sources: Vec<Source>,
    lists: HashMap<usize, Vec<Arc<RevocationList>>>,
    /// Of files: when they were written and how long they are, as read; and as seen since, until they stand still.
    stamps: HashMap<usize, Stamp>,
    settling: HashMap<usize, Stamp>,
    /// Of addresses: when to ask next.
    due: HashMap<usize, Timestamp>,
    told: Option<Timestamp>,
}

type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    fs::metadata(path).ok().and_then(|file| Some((file.modified().ok()?, file.len())))
}

fn read_file(path: &Path, anchors: &[Anchor]) -> Result<Vec<RevocationList>, String> {
    let too_long = fs::metadata(path).is_ok_and(|file| file.len() > LONGEST as u64);
    if too_long {
        return Err("it is longer than 32 MB".to_owned());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    RevocationList::read_all(&bytes, anchors).map_err(|error| error.to_string())
}

impl Reader {
    /// Reads every file; addresses are asked by [`Self::turn`].
    ///
    /// # Errors
    /// A file that cannot be read, and why.
    pub fn new(sources: Vec<Source>, anchors: &[Anchor]) -> Result<Self, String> {
        let (mut lists, mut stamps) = (HashMap::new(), HashMap::new());
        for (at, source) in sources.iter().enumerate() {
            let Source::File(path) = source else { continue };
            stamps.insert(at, stamp(path));
            let read = read_file(path, anchors).map_err(|reason| format!("{}: {reason}", path.display()))?;
            lists.insert(at, read.into_iter().map(Arc::new).collect());
        }
        Ok(Self { sources, lists, stamps, settling: HashMap::new(), due: HashMap::new(), told: None })
    }

    /// What is in force now.
    pub fn lists(&self) -> Revocations {
        Revocations::new(self.lists.values().flatten().cloned())
    }

    /// Reads what changed and asks what is due; true when another list is in force than before.
    async fn turn(&mut self, anchors: &[Anchor], client: &reqwest::Client, now: Timestamp) -> bool {
        let mut changed = false;
        for at in 0..self.sources.len() {
            let Some(source) = self.sources.get(at).cloned() else { continue };
            let read = match &source {
                Source::File(path) => {
                    let Some(stamp) = self.stands_still(at, path) else { continue };
                    self.stamps.insert(at, stamp);
                    read_file(path, anchors)
                }
                Source::Address(url) => {
                    // A clock that jumped back must not leave an address alone for ever.
                    if self.due.get(&at).is_some_and(|due| now < *due && due.0.abs_diff(now.0) <= ASKED_MS) {
                        continue;
                    }
                    let fetched = fetch(client, url.clone()).await;
                    let read = fetched.and_then(|bytes| RevocationList::read_all(&bytes, anchors).map_err(|error| error.to_string()));
                    let pause = if read.is_ok() { ASKED_MS } else { ASKED_AGAIN_MS };
                    self.due.insert(at, now.plus_ms(i64::try_from(pause).unwrap_or_default()));
                    read
                }
            };
            match read {
                Ok(lists) => {
                    let named: usize = lists.iter().map(RevocationList::len).sum();
                    tracing::info!(source = source.name(), named, "a list of revoked certificates was read");
                    self.lists.insert(at, lists.into_iter().map(Arc::new).collect());
                    changed = true;
                }
                Err(reason) => {
                    tracing::warn!(source = source.name(), reason, "a list of revoked certificates is not to be had, the old one stays");
                }
            }
        }
        changed
    }

    /// The stamp of a file that is another than the one read, once it no longer changes: one that is still being written is left alone.
    fn stands_still(&mut self, at: usize, path: &Path) -> Option<Stamp> {
        let seen = stamp(path);
        if self.stamps.get(&at) == Some(&seen) {
            self.settling.remove(&at);
            return None;
        }
        let settled = self.settling.get(&at) == Some(&seen);
        if settled {
            self.settling.remove(&at)
        } else {
            self.settling.insert(at, seen)
        };
        settled.then_some(seen)
    }

    /// Says which lists are out of date, once an hour.
    fn tell_stale(&mut self, now: Timestamp) {
        if self.told.is_some_and(|told| told.0.abs_diff(now.0) < TOLD_MS) {
            return;
        }
        let stale = |lists: &Vec<Arc<RevocationList>>| lists.iter().any(|list| list.is_stale(now));
        for source in self.lists.iter().filter(|(_, lists)| stale(lists)).filter_map(|(at, _)| self.sources.get(*at)) {
            self.told = Some(now);
            tracing::warn!(
                source = source.name(),
                "a list of revoked certificates is out of date: what it names stays revoked, what it does not name counts as not revoked"
            );
        }
    }
}

async fn fetch(client: &reqwest::Client, url: reqwest::Url) -> Result<Vec<u8>, String> {
    let fetched = timeout(PATIENCE, async {
        let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("the answer is {}", answer.status()));
        }
        read_limited(answer, LONGEST).await.ok_or_else(|| "it broke off, or is longer than 32 MB".to_owned())
    });
    fetched.await.map_err(|_| "no answer in time".to_owned())?
}

/// Follows the sources for as long as somebody checks tokens.
pub(super) async fn follow(mut reader: Reader, shared: Weak<Shared>) {
    loop {
        {
            let Some(shared) = shared.upgrade() else { return };
            let now = shared.clock.now();
            if reader.turn(shared.verifier.anchors(), &shared.client, now).await {
                shared.verifier.revoke(&reader.lists());
            }
            reader.tell_stale(now);
        }
        tokio::time::sleep(LOOK).await;
    }
}
