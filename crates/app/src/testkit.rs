//! 测试工具: an application with nothing outside but a store and a clock. Every way out answers "not there".
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up stops")]

use std::sync::{Arc, OnceLock};

use chuangsha_kernel::{id::Ids, role::Matrix, time::Clock};
use chuangsha_store::Store;
use chuangsha_vault::{LocalAgent, Suite, Vault};
use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    App, AppConfig, Parts,
    platform::{
        images::Objects,
        network::{NetworkAction, NetworkCommand, NetworkElement, NetworkOutcome},
        notify::Console,
        people::{People, PeopleConfig},
        verify::{CheckOutcome, DocumentCheck, DownReason, FaceMatch, FaceOutcome, Verifier, VerifyDown},
    },
};

/// Whoever is not there.
struct Nobody;

const DOWN: VerifyDown = VerifyDown { reason: DownReason::Unreachable, retry_at: None };

impl Verifier for Nobody {
    fn check_document<'a>(&'a self, _: &'a DocumentCheck) -> BoxFuture<'a, Result<CheckOutcome, VerifyDown>> {
        async { Err(DOWN) }.boxed()
    }

    fn match_face<'a>(&'a self, _: &'a FaceMatch) -> BoxFuture<'a, Result<FaceOutcome, VerifyDown>> {
        async { Err(DOWN) }.boxed()
    }
}

impl NetworkElement for Nobody {
    fn submit<'a>(&'a self, _: &'a NetworkCommand) -> BoxFuture<'a, NetworkOutcome> {
        async { NetworkOutcome::Unreachable { why: "nobody" } }.boxed()
    }

    fn poll<'a>(&'a self, _: &'a str, _: NetworkAction) -> BoxFuture<'a, Option<NetworkOutcome>> {
        async { None }.boxed()
    }
}

/// The vault of a test; the nodes of one world share it.
pub(crate) fn vault() -> Vault {
    Vault::new(Arc::new(LocalAgent::ephemeral(7, Suite::International).unwrap()), "demo", Suite::International)
}

/// A node over the store.
pub(crate) fn app(store: Store, vault: Vault, clock: Arc<dyn Clock>, seed: u64, people: PeopleConfig) -> App {
    let ids = Arc::new(Ids::seeded(seed));
    let rules = crate::rulebook::embedded(true).unwrap();
    let config = AppConfig::default();
    App::new(Parts {
        engine: crate::screening::engine(&rules, clock.now(), &config.screening, seed).unwrap(),
        watch: Arc::new(crate::screening::Watch::new(&config.screening)),
        tokens: None,
        store,
        vault,
        rules: Arc::new(rules),
        matrix: Arc::new(Matrix::embedded().unwrap()),
        clock,
        people: People::new(people, &ids).unwrap(),
        ids,
        objects: Objects::in_memory(),
        mark_font: None,
        verifier: Arc::new(Nobody),
        network: Arc::new(Nobody),
        sms: Arc::new(Console),
        config,
        audit_key: OnceLock::new(),
        integrator: tokio::sync::Mutex::default(),
        bell: Arc::default(),
    })
}
