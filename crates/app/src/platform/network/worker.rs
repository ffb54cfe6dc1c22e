//! 投递: carries outbox messages to the world outside, at least once, whatever the topic.
//!
//! A message is leased, handed to the topic's [`Handler`] and settled by what came of it. A worker that dies leaves a lease that ends by
//! itself; a handler that panics or hangs costs one try, not the worker.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chuangsha_kernel::{id::Ids, time::Clock};
use chuangsha_store::{Store, StoreError, outbox, outbox::Leased};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Backoff, NetworkOutcome};

/// 投递结果: what came of one message. Texts are shown to people and stored: no personal data in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Delivered; the worker settles the message.
    Done,
    /// Delivered, and the handler settled the message itself (`outbox::done_in`) together with what the delivery means.
    Settled,
    /// Under way; look again after a while. Not a failure.
    Later {
        /// Milliseconds.
        after_ms: i64,
    },
    /// Failed for now.
    Retry {
        /// What happened.
        why: String,
    },
    /// Will never succeed: people must look.
    Bury {
        /// What happened.
        why: String,
    },
}

impl From<NetworkOutcome> for Handled {
    /// For a handler that has nothing to write down itself.
    fn from(outcome: NetworkOutcome) -> Self {
        match outcome {
            NetworkOutcome::Confirmed { .. } => Self::Done,
            NetworkOutcome::Accepted { .. } => Self::Later { after_ms: 5_000 },
            NetworkOutcome::Refused { code } => Self::Bury { why: format!("refused: {code}") },
            NetworkOutcome::Unreachable { why } => Self::Retry { why: why.to_owned() },
        }
    }
}

/// What to do with the messages of one topic.
pub trait Handler: Send + Sync {
    /// Delivers one message; may be called again for the same one (`message.attempts > 1`, and even that is no proof of the contrary: a worker
    /// may have died after the delivery). `worker` is the name that holds it, for `outbox::done_in`.
    fn handle<'a>(&'a self, message: &'a Leased, worker: &'a str) -> BoxFuture<'a, Handled>;

    /// The message is about to become a dead letter: a chance to show it on its case.
    fn burying<'a>(&'a self, _message: &'a Leased, _why: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How one topic is worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    /// Topic: `network`, `sms`, ….
    pub topic: String,
    /// Name of this worker, unique among all of them.
    pub worker: String,
    /// How long a message is held, milliseconds. A handler is cut off shortly before.
    pub lease_ms: i64,
    /// Messages taken at a time.
    pub batch: i64,
    /// Messages handled at the same time.
    pub parallel: usize,
    /// Tries before a failing message becomes a dead letter.
    pub max_attempts: i64,
    /// Tries before a message that is forever "under way" becomes one.
    pub max_looks: i64,
    /// Waiting between tries.
    pub backoff: Backoff,
    /// Longest pause without looking, milliseconds; a wake-up shortens it.
    pub idle_ms: u64,
}

impl WorkerSettings {
    /// Usual values for a topic.
    pub fn new(topic: &str, worker: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            worker: worker.to_owned(),
            lease_ms: 60_000,
            batch: 32,
            parallel: 8,
            max_attempts: 12,
            max_looks: 500,
            backoff: Backoff::default(),
            idle_ms: 1_000,
        }
    }
}

/// 投递员: works one topic.
#[derive(Clone)]
pub struct Worker {
    /// Where the outbox is.
    pub store: Store,
    /// How.
    pub settings: WorkerSettings,
    /// What to do.
    pub handler: Arc<dyn Handler>,
    /// Decides what is due.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub ids: Arc<Ids>,
    /// Whoever posts a message rings here after the commit.
    pub wake: Arc<Notify>,
}

impl Worker {
    /// Works until told to stop; what is in hand then is finished first.
    pub async fn run(self, stop: CancellationToken) {
        let topic = self.settings.topic.as_str();
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            // Listening starts before looking: a ring while a batch is in hand is not lost.
            let mut bell = std::pin::pin!(self.wake.notified());
            bell.as_mut().enable();
            let pause = match self.turn().await {
                Ok(0) => Duration::from_millis(self.settings.idle_ms),
                Ok(_) => {
                    failures = 0;
                    continue;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(topic, %error, "the outbox could not be read");
                    Duration::from_millis(self.settings.backoff.delay_from(failures, &self.ids).unsigned_abs())
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = bell => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes one batch of what is due now and settles it; returns how many.
    ///
    /// # Errors
    /// The store fails; what was leased comes back when its lease ends.
    pub async fn turn(&self) -> Result<usize, StoreError> {
        let settings = &self.settings;
        let leased =
            outbox::lease(&self.store, &settings.topic, &settings.worker, self.clock.now(), settings.lease_ms, settings.batch).await?;
        let count = leased.len();
        futures_util::stream::iter(leased)
            .for_each_concurrent(settings.parallel.max(1), |message| async move {
                let handled = self.handle(&message).await;
                if let Err(error) = self.settle(&message, handled).await {
                    tracing::warn!(topic = settings.topic, id = %message.id, %error, "a message could not be settled; it will be delivered again");
                }
            })
            .await;
        Ok(count)
    }

    async fn handle(&self, message: &Leased) -> Handled {
        let limit = Duration::from_millis(self.settings.lease_ms.max(10).unsigned_abs() / 10 * 9);
        let guarded = AssertUnwindSafe(self.handler.handle(message, &self.settings.worker)).catch_unwind();
        match tokio::time::timeout(limit, guarded).await {
            Ok(Ok(handled)) => handled,
            Ok(Err(_)) => Handled::Retry { why: "the handler broke down".to_owned() },
            Err(_) => Handled::Retry { why: "the handler took too long".to_owned() },
        }
    }

    async fn settle(&self, message: &Leased, handled: Handled) -> Result<(), StoreError> {
        let (store, settings, now) = (&self.store, &self.settings, self.clock.now());
        match handled {
            Handled::Settled => {}
            Handled::Done => {
                outbox::done(store, message.id, &settings.worker, now).await?;
            }
            Handled::Later { after_ms } if message.attempts < settings.max_looks => {
                outbox::retry(store, message.id, &settings.worker, now.plus_ms(after_ms.max(1)), "under way").await?;
            }
            Handled::Retry { why } if message.attempts < settings.max_attempts => {
                let failures = u32::try_from(message.attempts).unwrap_or(1);
                let next = now.plus_ms(settings.backoff.delay_from(failures, &self.ids));
                outbox::retry(store, message.id, &settings.worker, next, &why).await?;
            }
            Handled::Later { .. } => self.bury(message, "still under way after the last look").await?,
            Handled::Retry { why } | Handled::Bury { why } => self.bury(message, &why).await?,
        }
        Ok(())
    }

    async fn bury(&self, message: &Leased, why: &str) -> Result<(), StoreError> {
        tracing::warn!(topic = self.settings.topic, id = %message.id, attempts = message.attempts, why, "a message became a dead letter");
        self.handler.burying(message, why).await;
        outbox::bury(&self.store, message.id, &self.settings.worker, self.clock.now(), why).await?;
        Ok(())
    }
}
