//! The story of a batch on every store: few lines at once, many as a job that may be undone, goes on after a crash and ends with whoever asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails stops"
)]

use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        failure::Result,
        jobs::{self, Job, State, batch, batch::Started, run},
        people::{OrganisationKind, staff},
        web::list::{Asked, Fields, Listing, Look},
        words::Words,
    },
    routes,
};
use chuangsha_kernel::{id::StaffId, problem::Language, role::Role, time::Timestamp};
use chuangsha_store::{outbox, params};
use chuangsha_world::kit::{Kit, hired, refused as code};
use chuangsha_world::story;
use uuid::Uuid;

fn look(app: &App, actor: &Actor) -> Look {
    Look { app: app.clone(), actor: actor.clone(), language: Language::English, w: Words::of(Language::English) }
}

fn dead_letters() -> &'static dyn Listing {
    routes::list_at("/network").unwrap()
}

/// Commands the network refused for good.
async fn dead(kit: &Kit, count: u32) -> Vec<Uuid> {
    let (app, now) = (kit.app.clone(), kit.clock_now());
    kit.app
        .write(move |tx| {
            let mut ids = Vec::new();
            for number in 0..count {
                let id = app.ids.next(now);
                let key = format!("activate:{id}:{number}");
                outbox::post(tx, &outbox::Message { id, topic: "network", key: &key, case: id, payload: b"", due: now })?;
                tx.push("UPDATE outbox SET state = 'dead', settled_at = $2, error = 'refused' WHERE id = $1", &params![&id, now])?;
                ids.push(id);
            }
            Ok(ids)
        })
        .await
        .unwrap()
}

async fn still_dead(app: &App) -> i64 {
    app.read(|tx| Ok(outbox::depth(tx, "network")?.dead)).await.unwrap()
}

async fn entries(app: &App, action: &'static str) -> i64 {
    app.read(move |tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = $1", &params![action])?.int(0)?)).await.unwrap()
}

async fn job(app: &App, staff: StaffId, id: Uuid) -> Job {
    let reading = app.clone();
    app.read(move |tx| jobs::table::find_own(&reading, tx, staff, id)).await.unwrap()
}

async fn ask(look: &Look, chosen: Option<Vec<String>>) -> Result<Started> {
    let asked = Asked::read_address(dead_letters(), "/network");
    batch::ask(look, dead_letters(), &asked, "retry", Fields::new(), chosen).await
}

async fn asked_for_all(look: &Look) -> Uuid {
    match ask(look, None).await.unwrap() {
        Started::Job(id) => id,
        now => panic!("{now:?}"),
    }
}

/// Lets the worker have its turns until there is none.
async fn work(app: &App) -> usize {
    let mut turns = 0;
    while run::turn(app).await.unwrap() > 0 {
        turns += 1;
        assert!(turns < 1_000, "a job does not end");
    }
    turns
}

trait Now {
    fn clock_now(&self) -> Timestamp;
}

impl Now for Kit {
    fn clock_now(&self) -> Timestamp {
        self.app.clock.now()
    }
}

story!(a_few_lines_are_done_at_once_and_what_is_refused_is_told, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let look = look(&kit.app, &operator);
    let letters = dead(&kit, 3).await;
    let mut chosen: Vec<String> = letters.iter().map(ToString::to_string).collect();
    chosen.push(Uuid::nil().to_string());
    chosen.push("no id at all".to_owned());
    assert_eq!(ask(&look, Some(chosen)).await.unwrap(), Started::Now { done: 3, failed: 2 });
    assert_eq!(still_dead(&kit.app).await, 0);
    assert_eq!((entries(&kit.app, "network.retry").await, entries(&kit.app, "job.batch").await, entries(&kit.app, "job.end").await), (3, 1, 1));
    let reading = kit.app.clone();
    let listed = kit.app.read(move |tx| jobs::table::list(&reading, tx, operator.staff, "", None, 10)).await.unwrap();
    assert_eq!((listed.len(), listed[0].state, listed[0].done, listed[0].failed, listed[0].total), (1, State::Done, 3, 2, 5));
    let id = listed[0].id;
    let refused = kit.app.read(move |tx| jobs::table::refused(tx, id, 10)).await.unwrap();
    let told: Vec<batch::Told> = refused.iter().map(|(_, _, told)| serde_json::from_str(told).unwrap()).collect();
    assert_eq!(told.iter().map(|told| told.code.as_str()).collect::<Vec<_>>(), ["platform.not_found"; 2]);
    assert!(told.iter().all(|told| !told.words(Language::Chinese)[1].is_empty() && !told.words(Language::English)[1].is_empty()));
});

story!(a_line_that_is_as_asked_already_counts_as_done_and_changes_nothing, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let look = look(&kit.app, &operator);
    let chosen = vec![dead(&kit, 1).await[0].to_string()];
    for _ in 0..2 {
        assert_eq!(ask(&look, Some(chosen.clone())).await.unwrap(), Started::Now { done: 1, failed: 0 });
    }
    assert_eq!(entries(&kit.app, "network.retry").await, 1);
});

story!(what_may_not_be_done_is_refused_before_a_job_is_made, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let administrator = hired(&kit, "A-1", Role::SystemAdministrator).await;
    let chosen = vec![dead(&kit, 1).await[0].to_string()];
    // Administrators see dead letters and send none again.
    assert_eq!(code(ask(&look(&kit.app, &administrator), Some(chosen.clone())).await), "job.act_unknown");
    assert_eq!(code(ask(&look(&kit.app, &operator), Some(Vec::new())).await), "job.nothing_chosen");
    assert_eq!(batch::listing_of("/nowhere?x=1").map(|_| ()).map_err(|failure| failure.into_problem().code.id), Err("job.list_unknown"));
    let many = (0..20_001).map(|number| number.to_string()).collect();
    assert_eq!(code(ask(&look(&kit.app, &operator), Some(many)).await), "job.too_many");
    // Whoever has no account has nobody a job could work for.
    let stranger = kit.actor(Role::NetworkOperator, OrganisationKind::CarrierHq, kit.hq, "");
    assert_eq!(code(ask(&look(&kit.app, &stranger), Some(chosen)).await), "people.staff_left");
    assert_eq!((still_dead(&kit.app).await, entries(&kit.app, "job.batch").await), (1, 0));
});

story!(all_that_match_become_a_job_that_waits_and_may_be_undone, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let look = look(&kit.app, &operator);
    dead(&kit, 30).await;
    let id = asked_for_all(&look).await;
    assert_eq!(run::turn(&kit.app).await.unwrap(), 0, "nothing begins before it may no longer be undone");
    let stranger = hired(&kit, "N-2", Role::NetworkOperator).await;
    assert_eq!(code(jobs::page::stop(&kit.app, &stranger, id).await), "platform.not_found", "another's job looks like none");
    jobs::page::stop(&kit.app, &operator, id).await.unwrap();
    assert_eq!(code(jobs::page::stop(&kit.app, &operator, id).await), "job.over");
    kit.clock.advance_ms(60_000);
    assert_eq!((work(&kit.app).await, still_dead(&kit.app).await), (0, 30));
    assert_eq!(job(&kit.app, operator.staff, id).await.state, State::Cancelled);
    // Asked anew, and left to begin.
    let id = asked_for_all(&look).await;
    kit.clock.advance_ms(10_000);
    assert!(work(&kit.app).await > 1);
    let done = job(&kit.app, operator.staff, id).await;
    assert_eq!((done.state, done.total, done.done, done.failed, done.percent()), (State::Done, 30, 30, 0, 100));
    assert_eq!((still_dead(&kit.app).await, entries(&kit.app, "network.retry").await), (0, 30));
});

story!(a_job_cut_off_anywhere_goes_on_and_does_each_line_once, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let look = look(&kit.app, &operator);
    dead(&kit, 120).await;
    let id = asked_for_all(&look).await;
    kit.clock.advance_ms(10_000);
    run::turn(&kit.app).await.unwrap();
    // What came after the lines were written down is not of this job; two pages are still to be read.
    let stale = job(&kit.app, operator.staff, id).await;
    assert_eq!((stale.gathered, stale.total), (false, 50));
    let mut app = kit.app_on(kit.app.store.clone()).await;
    for _ in 0..3 {
        run::turn(&app).await.unwrap();
        // Each turn a new process, which knows nothing but the record.
        app = kit.app_on(kit.app.store.clone()).await;
    }
    dead(&kit, 5).await;
    // A worker that was thought dead comes back with what it knew: it is not listened to.
    assert!(matches!(batch::turn(&look, stale).await.unwrap(), run::Outcome::Over(_)));
    // A line was done and the note of it was lost with the process.
    let (writer, pending) = (app.clone(), app.read(move |tx| jobs::table::open_lines(tx, id, 1)).await.unwrap());
    let actor = operator.clone();
    dead_letters().apply(&Look { app: writer, actor, ..look.clone() }, "retry", &Fields::new(), &pending[0].1).await.unwrap();
    work(&app).await;
    let done = job(&app, operator.staff, id).await;
    assert_eq!((done.state, done.total, done.done, done.failed), (State::Done, 120, 120, 0));
    assert_eq!((still_dead(&app).await, entries(&app, "network.retry").await), (5, 120), "each once, and none that was not there");
});

story!(a_job_ends_with_whoever_asked_for_it, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let look = look(&kit.app, &operator);
    dead(&kit, 80).await;
    let id = asked_for_all(&look).await;
    kit.clock.advance_ms(10_000);
    for _ in 0..3 {
        run::turn(&kit.app).await.unwrap();
    }
    let before = job(&kit.app, operator.staff, id).await;
    assert_eq!((before.gathered, before.done), (true, 50));
    let (staff, now) = (operator.staff, kit.app.clock.now());
    kit.app.write(move |tx| staff::leave(tx, staff, now)).await.unwrap();
    work(&kit.app).await;
    let after = job(&kit.app, operator.staff, id).await;
    assert_eq!((after.state, after.done, after.error.as_str()), (State::Ended, 50, "job.left"));
    assert_eq!(still_dead(&kit.app).await, 30);
});

story!(nothing_looked_for_is_at_rest_in_clear_and_five_jobs_are_enough, kit => {
    let operator = hired(&kit, "N-1", Role::NetworkOperator).await;
    let look = look(&kit.app, &operator);
    dead(&kit, 1).await;
    let asked = Asked::read_address(dead_letters(), "/network?topic=sms");
    batch::ask(&look, dead_letters(), &asked, "retry", Fields::from([("note".into(), "给张三补发".into())]), None).await.unwrap();
    let rows = kit.app.read(|tx| Ok(tx.query("SELECT asked FROM job", &[])?)).await.unwrap();
    let sealed = rows[0].bytes(0).unwrap();
    for secret in ["张三", "topic"] {
        assert!(!sealed.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    for _ in 0..4 {
        asked_for_all(&look).await;
    }
    assert_eq!(code(ask(&look, None).await), "job.too_many_jobs");
});
