//! The story of a second person, told on every store the machine has: asked, agreed, used once; and every way it must not be had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::platform::{
    actor::Actor,
    failure::Failure,
    people::{OrganisationKind, organisation, staff},
    purpose::{Purpose, Reason},
    second::{self, Answer, Ask, Cause, Kind, Queue, Shown, What},
};
use chuangsha_kernel::{
    id::{OrganisationId, SubjectId},
    role::Role,
    time::{HOUR_MS, MINUTE_MS},
};
use chuangsha_world::kit::{self, Kit, refused as code};
use chuangsha_world::story;
use uuid::Uuid;

/// A call centre of its own, so that the officers of headquarters are another organisation.
async fn call_centre(kit: &Kit) -> OrganisationId {
    let (id, hq) = (OrganisationId(kit.app.ids.next(kit::start())), kit.hq);
    kit.app
        .write(move |tx| {
            let new = organisation::NewOrganisation {
                id,
                kind: OrganisationKind::CallCentre,
                parent: Some(hq),
                region: "99",
                zh: "客服中心",
                en: "Call centre",
            };
            organisation::create(tx, &new, kit::start())
        })
        .await
        .unwrap();
    id
}

/// Somebody of the record, signed in with everything the role needs.
async fn employed(kit: &Kit, number: &'static str, role: Role, kind: OrganisationKind, organisation: OrganisationId) -> Actor {
    let staff = kit.staff_of(number, role, organisation).await;
    Actor { staff, number: number.to_owned(), ..kit.actor(role, kind, organisation, "99") }
}

/// An agent of the call centre and two officers of headquarters.
async fn people(kit: &Kit) -> (Actor, Actor, Actor) {
    let centre = call_centre(kit).await;
    let agent = employed(kit, "H-1", Role::HotlineAgent, OrganisationKind::CallCentre, centre).await;
    let officer = employed(kit, "P-1", Role::PrivacyOfficer, OrganisationKind::CarrierHq, kit.hq).await;
    let other = employed(kit, "P-2", Role::PrivacyOfficer, OrganisationKind::CarrierHq, kit.hq).await;
    (agent, officer, other)
}

fn ask(kit: &Kit, key: &str) -> Ask {
    Ask {
        kind: Kind::RevealField,
        cause: Cause::Protected,
        reason: Reason { purpose: Purpose::CustomerCall, case: "T-20931".into(), words: "客户来电核对".into() },
        what: What {
            key: key.into(),
            field: "document_number".into(),
            object: "199****0001".into(),
            page: "/orders".into(),
            subject: Some(SubjectId(kit.app.ids.next(kit::start()))),
            region: kit::CITY.into(),
        },
    }
}

fn page(queue: Queue) -> second::Page {
    second::Page { queue, limit: 20, ..second::Page::default() }
}

async fn take(kit: &Kit, actor: &Actor, id: Uuid, kind: Kind, key: &'static str) -> Result<(), Failure> {
    let (app, actor, now) = (kit.app.clone(), actor.clone(), kit.app.clock.now());
    kit.app.write(move |tx| second::take(&app, tx, &actor, id, kind, key, now)).await
}

async fn approve(kit: &Kit, actor: &Actor, id: Uuid) -> Result<(), Failure> {
    second::answer(&kit.app, actor, id, Answer::Approve, String::new()).await
}

/// The steps the log holds of a request.
async fn log(kit: &Kit, id: Uuid) -> Vec<String> {
    let app = kit.app.clone();
    let seen = kit.app.read(move |tx| chuangsha_app::platform::audit::query::of_case(&app, tx, id)).await.unwrap();
    seen.into_iter().map(|entry| format!("{} {}", entry.action, entry.step)).collect()
}

story!(asked_agreed_and_used_once, kit => {
    let (agent, officer, _) = people(&kit).await;
    let asked = ask(&kit, "number of a");
    let id = second::request(&kit.app, &agent, asked.clone()).await.unwrap();
    assert_eq!(code(second::request(&kit.app, &agent, asked.clone()).await), "second.pending", "once is enough");
    assert_eq!(code(take(&kit, &agent, id, Kind::RevealField, "number of a").await), "second.out_of_order", "nobody agreed yet");
    let waiting = second::list(&kit.app, &officer, page(Queue::Waiting)).await.unwrap();
    assert_eq!((waiting.total, waiting.rows[0].id, waiting.rows[0].may_decide), (1, id, true));
    assert_eq!((waiting.rows[0].case.as_str(), waiting.rows[0].number.as_str()), ("T-20931", "H-1"));
    approve(&kit, &officer, id).await.unwrap();
    let (app, me, what) = (kit.app.clone(), agent.clone(), asked.what.clone());
    let now = kit.app.clock.now();
    let open = kit.app.read(move |tx| second::find_open(&app, tx, &me, Kind::RevealField, &what, now)).await.unwrap();
    assert_eq!(open, Some((id, Shown::Approved)));
    assert_eq!(code(take(&kit, &agent, id, Kind::RevealField, "number of b").await), "second.another");
    assert_eq!(code(take(&kit, &agent, id, Kind::ExportClear, "number of a").await), "second.another");
    assert_eq!(code(take(&kit, &officer, id, Kind::RevealField, "number of a").await), "second.not_found", "it is the agent's");
    take(&kit, &agent, id, Kind::RevealField, "number of a").await.unwrap();
    assert_eq!(code(take(&kit, &agent, id, Kind::RevealField, "number of a").await), "second.out_of_order", "once");
    assert_eq!(code(second::withdraw(&kit.app, &agent, id).await), "second.out_of_order");
    assert_eq!(log(&kit, id).await, ["second.request >pending", "second.approve pending>approved", "second.take approved>used"]);
    let seen = second::find(&kit.app, &agent, id).await.unwrap();
    assert_eq!((seen.state, seen.decided_by.as_deref()), (Shown::Used, Some("P-1")));
    second::request(&kit.app, &agent, asked).await.unwrap();
});

story!(nobody_decides_their_own_or_a_colleagues_request_and_the_table_says_so_too, kit => {
    let (agent, officer, other) = people(&kit).await;
    let id = second::request(&kit.app, &officer, ask(&kit, "own")).await.unwrap();
    assert_eq!(code(approve(&kit, &officer, id).await), "second.own_request");
    assert_eq!(code(approve(&kit, &other, id).await), "second.same_organisation");
    assert_eq!(code(approve(&kit, &agent, id).await), "people.denied", "not their right");
    assert_eq!(code(second::find(&kit.app, &agent, id).await), "second.not_found", "nor theirs to see");
    assert_eq!(second::list(&kit.app, &other, page(Queue::Waiting)).await.unwrap().total, 0, "and not offered");
    assert_eq!(code(second::list(&kit.app, &agent, page(Queue::Waiting)).await), "people.denied");
    assert_eq!(second::list(&kit.app, &agent, page(Queue::Mine)).await.unwrap().total, 0);
    for (staff, organisation) in [(officer.staff.0, Uuid::from_u128(7)), (Uuid::from_u128(7), officer.organisation.0)] {
        let forced = kit.app.write(move |tx| {
            let sql = "UPDATE second_request SET state = 2, decided_staff = $2, decided_organisation = $3 WHERE id = $1";
            Ok(tx.execute(sql, &chuangsha_store::params![&id, &staff, &organisation])?)
        }).await;
        assert!(matches!(forced, Err(Failure::Store(_))), "{forced:?}");
    }
    let unsigned = kit.app.write(move |tx| {
        Ok(tx.execute("UPDATE second_request SET state = 2 WHERE id = $1", &chuangsha_store::params![&id])?)
    }).await;
    assert!(matches!(unsigned, Err(Failure::Store(_))), "{unsigned:?}");
    let stale = Actor { mfa_at: Some(kit.app.clock.now().plus_ms(-HOUR_MS)), ..officer.clone() };
    let id = second::request(&kit.app, &agent, ask(&kit, "agent's")).await.unwrap();
    assert_eq!(code(approve(&kit, &stale, id).await), "people.step_up", "an approval needs a fresh passkey");
});

story!(of_two_approvers_one_wins_and_of_two_uses_one, kit => {
    let (agent, officer, other) = people(&kit).await;
    for round in 0..5 {
        let id = second::request(&kit.app, &agent, ask(&kit, &format!("race {round}"))).await.unwrap();
        let (one, two, three) = tokio::join!(
            approve(&kit, &officer, id),
            second::answer(&kit.app, &other, id, Answer::Refuse, "与工单不符".to_owned()),
            approve(&kit, &officer, id),
        );
        let won = [&one, &two, &three].into_iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "{one:?} {two:?} {three:?}");
        for lost in [one, two, three].into_iter().filter(Result::is_err) {
            assert_eq!(code(lost), "second.out_of_order");
        }
        assert_eq!(log(&kit, id).await.len(), 2, "one decision, one entry");
    }
    let id = second::request(&kit.app, &agent, ask(&kit, "twice")).await.unwrap();
    approve(&kit, &officer, id).await.unwrap();
    let (one, two) = tokio::join!(
        take(&kit, &agent, id, Kind::RevealField, "twice"),
        take(&kit, &agent, id, Kind::RevealField, "twice"),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(log(&kit, id).await.len(), 3);
});

story!(it_runs_out_and_it_ends_with_its_people, kit => {
    let (agent, officer, other) = people(&kit).await;
    let late = second::request(&kit.app, &agent, ask(&kit, "late")).await.unwrap();
    kit.clock.advance_ms(8 * HOUR_MS);
    let fresh = |actor: &Actor| Actor { mfa_at: Some(kit.app.clock.now()), ..actor.clone() };
    assert_eq!(code(approve(&kit, &fresh(&officer), late).await), "second.expired");
    assert_eq!(second::find(&kit.app, &agent, late).await.unwrap().state, Shown::Expired);
    let id = second::request(&kit.app, &agent, ask(&kit, "unused")).await.unwrap();
    approve(&kit, &fresh(&officer), id).await.unwrap();
    kit.clock.advance_ms(30 * MINUTE_MS);
    assert_eq!(code(take(&kit, &agent, id, Kind::RevealField, "unused").await), "second.expired");

    // The approver goes: what they agreed to goes with them.
    let id = second::request(&kit.app, &agent, ask(&kit, "approver leaves")).await.unwrap();
    approve(&kit, &fresh(&other), id).await.unwrap();
    let (gone, now) = (other.staff, kit.app.clock.now());
    kit.app.write(move |tx| staff::leave(tx, gone, now)).await.unwrap();
    assert_eq!(code(take(&kit, &agent, id, Kind::RevealField, "approver leaves").await), "second.ended");
    assert_eq!(second::find(&kit.app, &agent, id).await.unwrap().state, Shown::Ended);

    // The requester gets other roles: what they asked for before is nobody's.
    let (approved, pending) = (
        second::request(&kit.app, &agent, ask(&kit, "approved")).await.unwrap(),
        second::request(&kit.app, &agent, ask(&kit, "pending")).await.unwrap(),
    );
    approve(&kit, &fresh(&officer), approved).await.unwrap();
    let (app, moved) = (kit.app.clone(), agent.staff);
    kit.app.write(move |tx| {
        staff::change_roles(&app, tx, moved, chuangsha_kernel::role::RoleSet::of(&[Role::CallCentreManager]), now)
    }).await.unwrap();
    assert_eq!(code(take(&kit, &agent, approved, Kind::RevealField, "approved").await), "second.ended");
    assert_eq!(code(approve(&kit, &fresh(&officer), pending).await), "second.ended");
    second::answer(&kit.app, &fresh(&officer), pending, Answer::Refuse, "申请人已变更岗位".to_owned()).await.unwrap();

    // Nobody who is not on the record asks.
    let key = kit.actor(Role::HotlineAgent, OrganisationKind::CallCentre, agent.organisation, "99");
    assert_eq!(code(second::request(&kit.app, &key, ask(&kit, "key")).await), "second.ended");
});

story!(a_refusal_says_why_and_what_is_sealed_stays_sealed, kit => {
    let (agent, officer, _) = people(&kit).await;
    let id = second::request(&kit.app, &agent, ask(&kit, "holder.document_number")).await.unwrap();
    assert_eq!(code(second::answer(&kit.app, &officer, id, Answer::Refuse, " ".to_owned()).await), "protection.words_missing");
    second::answer(&kit.app, &officer, id, Answer::Refuse, "工单不符".to_owned()).await.unwrap();
    assert_eq!(code(approve(&kit, &officer, id).await), "second.out_of_order");
    assert_eq!(second::list(&kit.app, &officer, page(Queue::Decided)).await.unwrap().total, 1);
    let found = kit.app.read(|tx| {
        let mut clear = Vec::new();
        for row in tx.query("SELECT * FROM second_request", &[])? {
            for value in row.values() {
                let bytes = match value {
                    chuangsha_store::Value::Text(text) => text.clone().into_bytes(),
                    chuangsha_store::Value::Bytes(bytes) => bytes.clone(),
                    _ => continue,
                };
                for secret in ["T-20931", "客户来电核对", "199****0001", "holder.document_number"] {
                    if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                        clear.push(secret);
                    }
                }
            }
        }
        Ok(clear)
    }).await.unwrap();
    assert_eq!(found, Vec::<&str>::new());
    // A request pasted over another does not open.
    let a = second::request(&kit.app, &agent, ask(&kit, "a")).await.unwrap();
    kit.app.write(move |tx| {
        let sql = "UPDATE second_request SET sealed = (SELECT s.sealed FROM second_request s WHERE s.id = $2) WHERE id = $1";
        Ok(tx.execute(sql, &chuangsha_store::params![&a, &id])?)
    }).await.unwrap();
    assert!(matches!(second::find(&kit.app, &agent, a).await, Err(Failure::Internal(_))));
});
