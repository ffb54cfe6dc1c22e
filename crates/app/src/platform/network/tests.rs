use chuangsha_world::network::{Behaviour, NetworkElement as Element};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Feedback, FeedbackRefusal, NetworkAction, NetworkCommand, NetworkElement, NetworkOutcome, Tmf640, Tmf640Settings, drive, http_client,
    read_feedback,
};

fn command(key: &str) -> NetworkCommand {
    NetworkCommand {
        key: key.to_owned(),
        action: NetworkAction::Activate,
        number: Zeroizing::new("19900000001".to_owned()),
        case: Uuid::from_u128(5),
        sequence: 0,
        reachable: Vec::new(),
    }
}

#[tokio::test]
async fn a_late_stop_never_overtakes_a_newer_restoration() {
    let (element, port) = set().await;
    let reachable = vec!["110".to_owned(), "119".to_owned()];
    let ordered = |key: &str, action, sequence| NetworkCommand { action, sequence, reachable: reachable.clone(), ..command(key) };
    let stop = ordered("stop", NetworkAction::StopBoth, 1);
    assert_eq!(port.submit(&stop).await, confirmed("svc-1"));
    let line = element.line("19900000001").expect("known");
    assert_eq!((line.action.as_str(), line.sequence, line.reachable.as_str()), ("stop_both", 1, "110,119"));
    assert_eq!(port.submit(&ordered("restore", NetworkAction::Restore, 3)).await, confirmed("svc-2"));
    let late = ordered("late", NetworkAction::StopOut, 2);
    assert_eq!(port.submit(&late).await, NetworkOutcome::Refused { code: "outdated".to_owned() });
    assert_eq!(element.line("19900000001").expect("known").action, "restore");
    // Taken before, done late: the newer one was done in between, so the older one is not done any more.
    element.script([Behaviour::Late]);
    assert!(matches!(port.submit(&ordered("slow", NetworkAction::StopOut, 4)).await, NetworkOutcome::Accepted { .. }));
    assert_eq!(port.submit(&ordered("again", NetworkAction::Restore, 5)).await, confirmed("svc-4"));
    element.confirm_pending().await;
    assert_eq!(element.line("19900000001").expect("known").action, "restore");
}

async fn set() -> (Element, Tmf640) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let element = Element::start().await.expect("listens");
    let port = Tmf640::new(http_client().expect("a client"), Tmf640Settings { url: element.url(), timeout_ms: 400 });
    (element, port)
}

fn confirmed(reference: &str) -> NetworkOutcome {
    NetworkOutcome::Confirmed { reference: reference.to_owned() }
}

#[tokio::test]
async fn a_command_is_confirmed_and_its_repetition_does_nothing() {
    let (element, port) = set().await;
    for conflict in [false, true] {
        element.conflict_on_repeat(conflict);
        for repeated in [false, true] {
            assert_eq!(drive(&port, &command("k1"), repeated).await, confirmed("svc-1"), "conflict {conflict}, repeated {repeated}");
        }
        assert_eq!(port.submit(&command("k1")).await, confirmed("svc-1"));
    }
    let services = element.services();
    assert_eq!(services.len(), 1);
    assert_eq!((services[0].executions, services[0].number.as_str(), services[0].action.as_str()), (1, "19900000001", "activate"));
}

#[tokio::test]
async fn a_lost_answer_is_found_again_and_not_done_twice() {
    let (element, port) = set().await;
    element.script([Behaviour::LostAnswer, Behaviour::Slow(5_000)]);
    for (key, reference) in [("lost", "svc-1"), ("slow", "svc-2")] {
        assert!(matches!(drive(&port, &command(key), false).await, NetworkOutcome::Unreachable { .. }));
        assert_eq!(drive(&port, &command(key), true).await, confirmed(reference));
    }
    assert!(element.services().iter().all(|service| service.executions == 1 && service.posts == 1));
}

#[tokio::test]
async fn a_late_confirmation_is_awaited() {
    let (element, port) = set().await;
    element.script([Behaviour::Late, Behaviour::LatePolls(2)]);
    let accepted = |reference: &str| NetworkOutcome::Accepted { reference: reference.to_owned() };
    assert_eq!(drive(&port, &command("a"), false).await, accepted("svc-1"));
    assert_eq!(drive(&port, &command("a"), true).await, accepted("svc-1"));
    assert_eq!(element.confirm_pending().await, 1);
    assert_eq!(drive(&port, &command("a"), true).await, confirmed("svc-1"));
    assert_eq!(drive(&port, &command("b"), false).await, accepted("svc-2"));
    assert_eq!(drive(&port, &command("b"), true).await, accepted("svc-2"));
    assert_eq!(drive(&port, &command("b"), true).await, confirmed("svc-2"));
}

#[tokio::test]
async fn what_nobody_knows_is_never_confirmed() {
    let (element, port) = set().await;
    for fault in [Behaviour::Fail(503), Behaviour::Fail(500), Behaviour::Fail(429), Behaviour::Fail(401), Behaviour::Garbage] {
        element.script([fault.clone()]);
        assert!(matches!(drive(&port, &command("x"), false).await, NetworkOutcome::Unreachable { .. }), "{fault:?}");
        assert_eq!(port.poll("x", NetworkAction::Activate).await, None, "{fault:?}");
    }
    assert_eq!(drive(&port, &command("x"), true).await, confirmed("svc-1"), "the element is well again");
    drop(element);
    assert!(matches!(drive(&port, &command("y"), true).await, NetworkOutcome::Unreachable { .. }));
}

#[tokio::test]
async fn a_refusal_keeps_the_code_and_drops_the_text() {
    let (element, port) = set().await;
    element.script([
        Behaviour::Refuse("numberNotInRange".to_owned()),
        Behaviour::Refuse("19900000001 unknown".to_owned()),
        Behaviour::Refuse("19900000001".to_owned()),
    ]);
    assert_eq!(port.submit(&command("r")).await, NetworkOutcome::Refused { code: "numberNotInRange".to_owned() });
    for _ in 0..2 {
        assert_eq!(port.submit(&command("r")).await, NetworkOutcome::Refused { code: "422".to_owned() });
    }
}

#[test]
fn a_callback_is_only_a_hint() {
    let event = br#"{"eventType":"ServiceStateChangeEvent","event":{"service":{"id":"1","state":"active","externalReference":[{"id":"k1","externalReferenceType":"idempotencyKey"}]}}}"#;
    assert_eq!(read_feedback(event), Ok(Feedback { key: "k1".to_owned() }));
    for bad in
        ["", "{}", "[]", r#"{"event":{"service":{"externalReference":[]}}}"#, r#"{"event":{"service":{"externalReference":[{"id":""}]}}}"#]
    {
        assert_eq!(read_feedback(bad.as_bytes()), Err(FeedbackRefusal), "{bad}");
    }
}

#[test]
fn debug_shows_no_number() {
    assert!(!format!("{:?}", command("k")).contains("1990"));
}

mod outbox {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    use chuangsha_kernel::{
        id::Ids,
        time::{Clock, SettableClock, Timestamp},
    };
    use chuangsha_store::{
        Store,
        outbox::{self, Leased, Message},
        testkit,
    };
    use futures_util::future::BoxFuture;
    use tokio::sync::Notify;
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::super::{Backoff, Handled, Handler, Worker, WorkerSettings};

    #[derive(Default)]
    struct Scripted {
        plan: Mutex<VecDeque<Option<Handled>>>,
        calls: Mutex<Vec<(String, i64)>>,
        buried: Mutex<Vec<String>>,
        called: Notify,
    }

    impl Handler for Scripted {
        fn handle<'a>(&'a self, message: &'a Leased, _worker: &'a str) -> BoxFuture<'a, Handled> {
            Box::pin(async move {
                self.calls.lock().expect("no panic").push((message.key.clone(), message.attempts));
                self.called.notify_one();
                let next = self.plan.lock().expect("no panic").pop_front().unwrap_or(Some(Handled::Done));
                next.expect("a scripted panic")
            })
        }

        fn burying<'a>(&'a self, _message: &'a Leased, why: &'a str) -> BoxFuture<'a, ()> {
            self.buried.lock().expect("no panic").push(why.to_owned());
            Box::pin(std::future::ready(()))
        }
    }

    struct Bench {
        worker: Worker,
        clock: Arc<SettableClock>,
        script: Arc<Scripted>,
    }

    fn bench(store: &Store, plan: impl IntoIterator<Item = Option<Handled>>) -> Bench {
        let clock = Arc::new(SettableClock::at(Timestamp(1_000)));
        let script = Arc::new(Scripted { plan: Mutex::new(plan.into_iter().collect()), ..Scripted::default() });
        let mut settings = WorkerSettings::new("network", "worker-1");
        settings.backoff = Backoff { first_ms: 1_000, cap_ms: 60_000 };
        (settings.max_attempts, settings.max_looks, settings.parallel) = (3, 4, 1);
        let worker = Worker {
            store: store.clone(),
            settings,
            handler: script.clone(),
            clock: clock.clone(),
            ids: Arc::new(Ids::seeded(3)),
            wake: Arc::new(Notify::new()),
        };
        Bench { worker, clock, script }
    }

    async fn post(store: &Store, key: &'static str) {
        let id = Uuid::from_bytes(std::array::from_fn(|at| key.as_bytes().get(at).copied().unwrap_or(1)));
        store
            .write(move |tx| outbox::post(tx, &Message { id, topic: "network", key, case: id, payload: b"p", due: Timestamp(0) }))
            .await
            .expect("posted");
    }

    async fn depth(store: &Store) -> (i64, i64) {
        let depth = store.read(|tx| outbox::depth(tx, "network")).await.expect("reads");
        (depth.waiting, depth.dead)
    }

    fn retry() -> Option<Handled> {
        Some(Handled::Retry { why: "no connection".to_owned() })
    }

    #[tokio::test]
    async fn a_failing_message_waits_longer_each_time_and_then_is_a_dead_letter() {
        for kit in testkit::engines().await {
            let store = &kit.store;
            store.migrate(&[]).await.expect("the outbox table");
            post(store, "a").await;
            let bench = bench(store, [retry(), retry(), retry()]);
            assert_eq!(bench.worker.turn().await.expect("works"), 1);
            assert_eq!(bench.worker.turn().await.expect("works"), 0, "{}: not due yet", kit.name);
            bench.clock.advance_ms(1_000);
            assert_eq!(bench.worker.turn().await.expect("works"), 1);
            bench.clock.advance_ms(999);
            assert_eq!(bench.worker.turn().await.expect("works"), 0, "{}: the second wait is at least a second", kit.name);
            bench.clock.advance_ms(1_001);
            assert_eq!(bench.worker.turn().await.expect("works"), 1);
            assert_eq!(depth(store).await, (0, 1));
            assert_eq!(*bench.script.buried.lock().expect("no panic"), ["no connection"]);
            let dead = store.read(|tx| outbox::list_dead(tx, "network", None, 10)).await.expect("reads");
            assert_eq!((dead[0].error.as_str(), dead[0].attempts), ("no connection", 3));
            let (id, now) = (dead[0].id, bench.clock.now());
            assert!(store.write(move |tx| outbox::revive(tx, id, now)).await.expect("writes"));
            assert_eq!(bench.worker.turn().await.expect("works"), 1);
            assert_eq!(depth(store).await, (0, 0), "{}: a person's retry delivered it", kit.name);
        }
    }

    #[tokio::test]
    async fn a_refusal_is_buried_at_once_and_a_panic_costs_one_try() {
        for kit in testkit::engines().await {
            let store = &kit.store;
            store.migrate(&[]).await.expect("the outbox table");
            post(store, "a").await;
            post(store, "b").await;
            let bench = bench(store, [Some(Handled::Bury { why: "refused: 422".to_owned() }), None]);
            assert_eq!(bench.worker.turn().await.expect("works"), 2);
            assert_eq!(depth(store).await, (1, 1), "{}", kit.name);
            bench.clock.advance_ms(1_000);
            assert_eq!(bench.worker.turn().await.expect("works"), 1);
            assert_eq!(depth(store).await, (0, 1), "{}", kit.name);
        }
    }

    #[tokio::test]
    async fn what_is_under_way_is_looked_at_again_but_not_for_ever() {
        let kit = testkit::sqlite().await;
        kit.store.migrate(&[]).await.expect("the outbox table");
        post(&kit.store, "a").await;
        let bench = bench(&kit.store, std::iter::repeat_n(Some(Handled::Later { after_ms: 5_000 }), 10));
        for look in 1..=4 {
            assert_eq!(bench.worker.turn().await.expect("works"), 1, "look {look}");
            bench.clock.advance_ms(5_000);
        }
        assert_eq!(depth(&kit.store).await, (0, 1));
        assert_eq!(bench.script.calls.lock().expect("no panic").len(), 4);
    }

    #[tokio::test]
    async fn a_dead_worker_leaves_its_messages_to_the_next() {
        let kit = testkit::sqlite().await;
        kit.store.migrate(&[]).await.expect("the outbox table");
        post(&kit.store, "a").await;
        let bench = bench(&kit.store, []);
        let taken = outbox::lease(&kit.store, "network", "dead-worker", bench.clock.now(), 60_000, 10).await.expect("leases");
        assert_eq!(taken.len(), 1);
        assert_eq!(bench.worker.turn().await.expect("works"), 0);
        bench.clock.advance_ms(60_000);
        assert_eq!(bench.worker.turn().await.expect("works"), 1);
        assert_eq!(*bench.script.calls.lock().expect("no panic"), [("a".to_owned(), 2)]);
        assert!(
            !outbox::done(&kit.store, taken[0].id, "dead-worker", bench.clock.now()).await.expect("asks"),
            "the late one settles nothing"
        );
    }

    #[tokio::test]
    async fn the_running_worker_wakes_on_a_bell_and_stops_when_told() {
        let kit = testkit::sqlite().await;
        kit.store.migrate(&[]).await.expect("the outbox table");
        let mut bench = bench(&kit.store, []);
        bench.worker.settings.idle_ms = 3_600_000;
        let (wake, script, stop) = (bench.worker.wake.clone(), bench.script.clone(), CancellationToken::new());
        let running = tokio::spawn(bench.worker.run(stop.clone()));
        post(&kit.store, "a").await;
        wake.notify_one();
        script.called.notified().await;
        stop.cancel();
        running.await.expect("ends by itself");
        assert_eq!(depth(&kit.store).await, (0, 0), "what was in hand is finished");
    }
}
