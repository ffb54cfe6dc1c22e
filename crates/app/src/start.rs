//! 值守: the workers and timed jobs of a running application. Each job is leased, so that any number of nodes may run them.

use std::{sync::Arc, time::Duration};

use chuangsha_kernel::{id::OrderId, time::MINUTE_MS};
use chuangsha_store::lease;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    App, figures,
    platform::{
        audit::{
            By,
            integrate::{BATCH, Integrator},
        },
        export,
        failure::{Failure, Result},
        jobs,
        network::{Handler, Worker, WorkerSettings, http_client},
        notify::{HttpCall, Templates},
    },
    registration::{
        carry::{Because, carry},
        gate, order, table,
    },
    remediation::{self, excess, import},
};

/// How long a job's lease lasts; renewed at every turn.
const LEASE_MS: i64 = 10_000;

/// Everything that runs beside the requests. Ends when `stop` is cancelled; the set is joined at shutdown.
pub fn spawn(app: &App, node: &str, stop: &CancellationToken) -> Result<JoinSet<()>> {
    let mut set = JoinSet::new();
    let templates = Arc::new(Templates::embedded().map_err(Failure::internal)?);
    let mut handlers: Vec<(&str, Arc<dyn Handler>)> = vec![
        ("verification", Arc::new(gate::VerificationHandler(app.clone()))),
        ("network", Arc::new(gate::NetworkHandler(app.clone()))),
        ("sms", Arc::new(gate::MessageHandler(app.clone(), Arc::clone(&templates)))),
    ];
    // Without a switch the calls of the old base wait: nobody is stopped for one that was never placed.
    if !app.config.call.url.is_empty() {
        let client = http_client().map_err(Failure::internal)?;
        let calls = Arc::new(HttpCall::new(client, app.config.call.clone()));
        handlers.push(("call", Arc::new(remediation::contact::CallHandler { app: app.clone(), templates, calls })));
    }
    for (topic, handler) in handlers {
        let worker = Worker {
            store: app.store.clone(),
            settings: WorkerSettings::new(topic, &format!("{node}:{topic}")),
            handler,
            clock: Arc::clone(&app.clock),
            ids: Arc::clone(&app.ids),
            wake: Arc::clone(&app.bell),
        };
        set.spawn(worker.run(stop.clone()));
    }
    set.spawn(app.clone().watch_epochs(stop.clone()));
    set.spawn(keep(app.clone(), node.to_owned(), "audit", 500, stop.clone(), |app| Box::pin(integrate(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "figures", 2_000, stop.clone(), |app| Box::pin(fold(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "expiry", 5_000, stop.clone(), |app| Box::pin(expire(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "ledger", 60_000, stop.clone(), |app| Box::pin(crate::resources::watch::turn(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "suspension", 5_000, stop.clone(), |app| Box::pin(crate::suspension::watch::turn(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "bulletins", 60_000, stop.clone(), |app| Box::pin(figures::bulletin::turn(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "hotline", 60_000, stop.clone(), |app| Box::pin(crate::hotline::turn(app))));
    set.spawn(crate::screening::run(app.clone(), stop.clone()));
    set.spawn(keep(app.clone(), node.to_owned(), "screening", 1_000, stop.clone(), |app| {
        Box::pin(crate::screening::snapshot::keep_up(app))
    }));
    set.spawn(keep(app.clone(), node.to_owned(), "screening-prune", 10 * 60_000, stop.clone(), |app| {
        Box::pin(crate::screening::prune(app))
    }));
    set.spawn(keep(app.clone(), node.to_owned(), "remediation", 5_000, stop.clone(), |app| Box::pin(remediation::clock::turn(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "remediation_figures", 2_000, stop.clone(), |app| {
        Box::pin(remediation::clock::fold(app))
    }));
    set.spawn(keep(app.clone(), node.to_owned(), "jobs", 500, stop.clone(), |app| Box::pin(jobs::run::turn(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "imports", 1_000, stop.clone(), |app| Box::pin(import::desk::turn(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "excess", 60 * MINUTE_MS.unsigned_abs(), stop.clone(), |app| Box::pin(find_excess(app))));
    set.spawn(keep(app.clone(), node.to_owned(), "visits", 10 * MINUTE_MS.unsigned_abs(), stop.clone(), |app| {
        Box::pin(crate::channels::plan::turn(app))
    }));
    set.spawn(keep(app.clone(), node.to_owned(), "sweep", 60 * MINUTE_MS.unsigned_abs(), stop.clone(), |app| Box::pin(sweep(app))));
    Ok(set)
}

type Turn = for<'a> fn(&'a App) -> futures_util::future::BoxFuture<'a, Result<usize>>;

/// Runs one job on whichever node holds its lease.
async fn keep(app: App, node: String, name: &'static str, pause_ms: u64, stop: CancellationToken, turn: Turn) {
    let lease_ms = LEASE_MS.max(i64::try_from(pause_ms).unwrap_or(LEASE_MS) * 3);
    while !stop.is_cancelled() {
        let done = match lease::acquire(&app.store, name, &node, app.clock.now(), lease_ms).await {
            Ok(true) => turn(&app).await,
            Ok(false) => Ok(0),
            Err(error) => Err(error.into()),
        };
        match done {
            // More may be waiting.
            Ok(count) if count > 0 => {}
            Ok(_) => pause(pause_ms, &stop).await,
            Err(failure) => {
                tracing::warn!(job = name, error = %failure.log_line(), "a timed job failed; it is tried again");
                pause(pause_ms.max(1_000), &stop).await;
            }
        }
    }
    drop(lease::release(&app.store, name, &node).await);
}

pub(crate) async fn pause(ms: u64, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
    }
}

/// Orders waiting audit entries into the tree.
pub async fn integrate(app: &App) -> Result<usize> {
    let mut kept = app.integrator.lock().await;
    let now = app.clock.now();
    let mut integrator = match kept.take() {
        Some(integrator) => integrator,
        None => Integrator::resume(app).await?,
    };
    // On a failure nothing is kept: what the store holds is read anew.
    let taken = integrator.run(app, now).await?;
    *kept = Some(integrator);
    // Only a full batch is followed by the next at once: otherwise every single entry would have a checkpoint of its own.
    Ok(if taken < BATCH { 0 } else { taken })
}

/// Folds figure deltas.
pub async fn fold(app: &App) -> Result<usize> {
    app.write(|tx| figures::fold(tx, 2_000)).await
}

/// Ends orders whose time has run out; slot and number are free again.
pub async fn expire(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let due: Vec<OrderId> = app.read(move |tx| table::expired(tx, now, 200)).await?;
    let mut ended = 0;
    for id in due {
        let writer = app.clone();
        ended += app
            .write(move |tx| {
                let order = table::find(tx, id)?;
                // Moved on in the meantime: not expired any more.
                if order.expires_at > now || order.decide(order::Step::Expire, now).is_err() {
                    return Ok(0);
                }
                let because = Because { action: "order.expire", why: "", facts: "{}" };
                carry(&writer, tx, By::System("expiry"), &order, order::Step::Expire, because, now)?;
                Ok::<_, Failure>(1)
            })
            .await?;
    }
    Ok(ended)
}

/// Looks for persons with too many numbers. One pass finds all of them, so the next one waits for its hour.
async fn find_excess(app: &App) -> Result<usize> {
    excess::find(app).await.map(|_| 0)
}

/// Hourly housekeeping.
async fn sweep(app: &App) -> Result<usize> {
    app.prune_people().await?;
    crate::registration::ending::sweep(app).await?;
    export::make::sweep(app).await?;
    let before = app.clock.now().plus_ms(-7 * chuangsha_kernel::time::DAY_MS);
    chuangsha_store::outbox::purge(&app.store, before, 10_000).await?;
    let before = app.clock.now().plus_ms(-90 * chuangsha_kernel::time::DAY_MS);
    app.store.write(move |tx| crate::platform::notify::record::prune(tx, before)).await?;
    Ok(0)
}
