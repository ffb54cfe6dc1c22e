//! Many at once: the fifth slot, one order's lease, one order's end. Whoever loses is told why in the words of the law, and no invariant breaks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{collections::BTreeMap, future::Future, sync::Arc};

use chuangsha_app::{
    platform::failure::Failure,
    registration::{
        audit_desk,
        desk::{self, Capture, NewOrder},
        order::{Customer, Mode, Product, State},
        table,
    },
};
use chuangsha_kernel::{id::OrderId, rulebook::ChannelKind};
use chuangsha_store::params;
use chuangsha_world::kit::{self, Kit};
use chuangsha_world::story;
use tokio::sync::Barrier;

const CLIENTS: usize = 64;

/// Lets everybody go at the same moment; how often each answer was given, `ok` or a code.
async fn race<T: Send + 'static, F>(runners: impl IntoIterator<Item = F>) -> (Vec<T>, BTreeMap<String, usize>)
where
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let runners: Vec<F> = runners.into_iter().collect();
    let gate = Arc::new(Barrier::new(runners.len()));
    let tasks: Vec<_> = runners
        .into_iter()
        .map(|runner| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                gate.wait().await;
                runner.await
            })
        })
        .collect();
    let (mut won, mut answers) = (Vec::new(), BTreeMap::new());
    for task in tasks {
        let answer = match task.await.unwrap() {
            Ok(value) => {
                won.push(value);
                "ok".to_owned()
            }
            Err(Failure::Problem(problem)) => problem.code.id.to_owned(),
            // A fault is a defect of this test's subject: there is nothing to mend for the one who asked.
            Err(fault) => format!("fault: {fault}"),
        };
        *answers.entry(answer).or_insert(0) += 1;
    }
    (won, answers)
}

fn tally<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(answer, count)| (answer.to_owned(), count)).collect()
}

/// How many slots anybody fills at most, and how many there are.
async fn slots(kit: &Kit) -> (i64, i64) {
    kit.app
        .read(|tx| {
            let row = tx.query_one(
                "SELECT COALESCE(MAX(n), 0), COALESCE(SUM(n), 0) FROM (SELECT COUNT(*) AS n FROM quota_slot GROUP BY operator, person_key, class) AS held",
                &[],
            )?;
            Ok((row.int(0)?, row.int(1)?))
        })
        .await
        .unwrap()
}

story!(sixty_four_clients_race_for_the_fifth_slot, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    for round in 0_u16..5 {
        let person = round + 1;
        let clerk = kit.clerk(outlet);
        let numbers = kit.numbers(u32::from(round) * 100, 4 + CLIENTS as u32).await;
        // In the last round nobody has seen the person yet: all five slots, the person and their keys are raced for.
        let held = if round == 4 { 0 } else { 4 };
        for number in &numbers[..held] {
            kit.reserved(&clerk, *number, person).await.unwrap();
        }
        let mut runners = Vec::new();
        for number in &numbers[4..] {
            let clerk = kit.clerk(outlet);
            let input = NewOrder { number: *number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
            let id = desk::open(&kit.app, &clerk, input).await.unwrap();
            let app = kit.app.clone();
            runners.push(async move { desk::reserve(&app, &clerk, id, kit::reservation(1, person)).await });
        }
        let (won, answers) = race(runners).await;
        assert_eq!(answers, tally([("ok", 5 - held), ("registration.quota_full", CLIENTS - 5 + held)]), "round {round}");
        assert!(won.iter().all(|order| order.slot.is_some_and(|slot| (1..=5).contains(&slot))));
        assert_eq!(slots(&kit).await, (5, i64::from(round + 1) * 5));
    }
});

story!(sixty_four_clients_race_for_one_number, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let number = kit.numbers(1, 1).await[0];
    let runners = (0..CLIENTS).map(|_| {
        let (app, clerk) = (kit.app.clone(), kit.clerk(outlet));
        let input = NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
        async move { desk::open(&app, &clerk, input).await }
    });
    let (_, answers) = race(runners).await;
    assert_eq!(answers, tally([("ok", 1), ("registration.number_taken", CLIENTS - 1)]));
});

story!(sixty_four_auditors_race_for_one_order, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 9).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    let runners = (0..CLIENTS).map(|_| {
        let (app, auditor, id) = (kit.app.clone(), kit.auditor(), order.id);
        async move { audit_desk::claim(&app, &auditor, id).await }
    });
    let (won, answers) = race(runners).await;
    assert_eq!(answers, tally([("ok", 1), ("registration.held_by_another", CLIENTS - 1)]));
    assert_eq!(kit.order(order.id).await.lease, won[0].lease, "and the one who was told so holds it");
    // Eight orders in the queue, and each goes to one.
    let mut waiting = Vec::new();
    for (number, person) in numbers[1..].iter().zip(2..) {
        waiting.push(kit.submitted(&clerk, *number, person).await.id);
    }
    let runners = (0..CLIENTS).map(|_| {
        let (app, auditor) = (kit.app.clone(), kit.auditor());
        async move { audit_desk::claim_next(&app, &auditor, table::Filter::default()).await }
    });
    let (won, answers) = race(runners).await;
    assert_eq!(answers, tally([("ok", 8), ("registration.queue_empty", CLIENTS - 8)]));
    let mut claimed: Vec<OrderId> = won.iter().map(|order| order.id).collect();
    claimed.sort_unstable();
    waiting.sort_unstable();
    assert_eq!(claimed, waiting);
});

story!(an_order_is_approved_once_however_often_it_is_said, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    for (number, person) in kit.numbers(1, 4).await.into_iter().zip(1..) {
        let order = kit.submitted(&clerk, number, person).await;
        let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
        let runners = (0..16).map(|_| {
            let (app, auditor) = (kit.app.clone(), auditor.clone());
            async move { audit_desk::approve(&app, &auditor, held.id, held.version).await }
        });
        let (won, answers) = race(runners).await;
        assert_eq!(answers, tally([("ok", 1), ("registration.stale", 15)]));
        assert_eq!(won[0].state, State::Activating);
    }
    kit.work().await;
    assert_eq!(kit.network.services().len(), 4);
    let twice = kit.app.read(|tx| {
        Ok(tx.query("SELECT case_id FROM audit_entry WHERE action = 'order.approve' GROUP BY case_id HAVING COUNT(*) <> 1", &[])?.len())
    }).await.unwrap();
    assert_eq!(twice, 0);
});

story!(approving_and_rejecting_at_once_do_one_of_the_two, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    for (number, person) in kit.numbers(1, 4).await.into_iter().zip(1..) {
        let order = kit.submitted(&clerk, number, person).await;
        let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
        let runners = (0..8).map(|turn| {
            let (app, auditor) = (kit.app.clone(), auditor.clone());
            async move {
                if turn % 2 == 0 {
                    audit_desk::approve(&app, &auditor, held.id, held.version).await
                } else {
                    let reason = chuangsha_app::registration::order::RejectReason::ForgedDocument;
                    audit_desk::reject(&app, &auditor, held.id, held.version, reason, String::new()).await
                }
            }
        });
        let (won, answers) = race(runners).await;
        assert_eq!(answers, tally([("ok", 1), ("registration.stale", 7)]));
        kit.work().await;
        let end = kit.order(order.id).await;
        assert_eq!(end.state == State::Activated, won[0].state == State::Activating);
        assert_eq!(end.state == State::Rejected, won[0].state == State::Rejected);
    }
});

story!(cancelling_and_submitting_at_once_do_one_of_the_two, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    for (number, person) in kit.numbers(1, 6).await.into_iter().zip(1..) {
        let id = kit.reserved(&clerk, number, person).await.unwrap();
        kit.pictures(&clerk, id).await;
        let capture = Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
        let captured = desk::capture(&kit.app, &clerk, id, capture).await.unwrap();
        let runners = (0..8).map(|turn| {
            let (app, clerk) = (kit.app.clone(), clerk.clone());
            async move {
                if turn % 2 == 0 {
                    desk::submit(&app, &clerk, id, captured.version).await
                } else {
                    desk::cancel(&app, &clerk, id, captured.version, "客户改变主意".to_owned()).await
                }
            }
        });
        let (won, answers) = race(runners).await;
        assert_eq!(answers, tally([("ok", 1), ("registration.stale", 7)]));
        let end = kit.order(id).await;
        assert_eq!(end.state, won[0].state);
        let asked = kit.app.read(move |tx| {
            let held = table::number_of(tx, id)?.holder;
            Ok((tx.query("SELECT 1 FROM outbox WHERE topic = 'verification' AND case_id = $1", &params![id.as_bytes()])?.len(), held))
        }).await.unwrap();
        assert_eq!(asked, if end.state == State::Submitted { (1, Some(id.0)) } else { (0, None) });
    }
});
