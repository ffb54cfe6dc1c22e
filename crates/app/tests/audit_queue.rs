//! The audit queue as a list, on every store the machine has: what each queue holds, who may hand out work and to whom, what comes next.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    platform::{
        actor::Actor,
        people::staff::NewStaff,
        web::list::{Asked, Fields, Listing, Look, Window},
        words::Words,
    },
    registration::{
        audit_desk,
        order::{Check, Order, Risk, State},
        page::queue::Queue,
        replay,
        table::{self, Filter},
        view,
    },
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::Language,
    role::{Role, RoleSet},
    rulebook::ChannelKind,
    time::{HOUR_MS, MINUTE_MS},
};
use chuangsha_store::{params, testkit};
use chuangsha_world::kit::{self, Kit, refused as code};

/// Somebody with an account: the number others may hand work to, and who they are.
async fn hired(kit: &Kit, number: &'static str, role: Role, organisation: OrganisationId) -> Actor {
    let app = kit.app.clone();
    let mut actor = kit.auditor();
    actor.organisation = organisation;
    actor.roles = RoleSet::of(&[role]);
    let id: StaffId = actor.staff;
    app.clone()
        .write(move |tx| {
            let roles = RoleSet::of(&[role]);
            let new = NewStaff { id, number, name: "测试", organisation, roles, password: "-", must_change: true, trained_until: None };
            app.join(tx, &new, kit::start())
        })
        .await
        .unwrap();
    actor
}

fn look(kit: &Kit, actor: &Actor) -> Look {
    Look { app: kit.app.clone(), actor: actor.clone(), language: Language::English, w: Words::of(Language::English) }
}

/// Codes of the orders a queue shows this person.
async fn shown(kit: &Kit, actor: &Actor, query: &str) -> Vec<String> {
    let asked = Asked::read_address(&Queue, &format!("/audit?{query}"));
    let found = Queue.rows(&look(kit, actor), &asked, Window { after: None, limit: 20, count: true }).await.unwrap();
    assert_eq!(found.total, Some((found.lines.len() as u64, false)), "counted as shown: {query}");
    found.lines.into_iter().map(|line| line.id).collect()
}

async fn tabs(kit: &Kit, actor: &Actor) -> Vec<(String, Option<u64>)> {
    let asked = Asked::read_address(&Queue, "/audit");
    let tabs = Queue.tabs(&look(kit, actor), &asked).await.unwrap().unwrap();
    tabs.tabs.into_iter().map(|tab| (tab.label, tab.count)).collect()
}

fn ids(orders: &[&Order]) -> Vec<String> {
    orders.iter().map(|order| order.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_hands_a_case_to_an_auditor_and_never_to_the_outlet() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let outlet = kit.outlet("S-0001", ChannelKind::OwnHall).await;
        let clerk = kit.clerk(outlet);
        let order = kit.submitted(&clerk, kit.numbers(1, 1).await[0], 1).await;
        let (lead, centre) = (kit.senior(), kit.audit_centre);
        let first = hired(&kit, "A-1", Role::Auditor, centre).await;
        let second = hired(&kit, "A-2", Role::Auditor, centre).await;
        hired(&kit, "C-1", Role::Clerk, outlet).await;

        assert_eq!(code(audit_desk::assign(&kit.app, &first, order.id, "A-2").await), "people.denied", "an auditor hands nothing out");
        assert_eq!(
            code(audit_desk::assign(&kit.app, &lead, order.id, "C-1").await),
            "registration.assignee_unfit",
            "a clerk audits nothing"
        );
        assert_eq!(code(audit_desk::assign(&kit.app, &lead, order.id, "nobody").await), "registration.assignee_unfit");
        assert_eq!(kit.order(order.id).await.state, State::Submitted, "a refusal changes nothing");

        let assigned = audit_desk::assign(&kit.app, &lead, order.id, " a-1 ".trim()).await.unwrap();
        assert_eq!((assigned.state, assigned.lease.unwrap().by.staff), (State::Auditing, first.staff));
        // Another lead, another mind: it is taken away again, and the first finds it gone.
        audit_desk::assign(&kit.app, &lead, order.id, "A-2").await.unwrap();
        let version = kit.order(order.id).await.version;
        assert_eq!(code(audit_desk::approve(&kit.app, &first, order.id, version).await), "registration.held_by_another");
        // Three hours later it is still the second's; a claim of ten minutes would be long over.
        kit.clock.advance_ms(3 * HOUR_MS);
        assert_eq!(code(audit_desk::claim(&kit.app, &first, order.id).await), "registration.held_by_another");
        assert_eq!(shown(&kit, &second, "queue=mine").await, ids(&[&order]));
        // After the fourth hour it is anybody's.
        kit.clock.advance_ms(HOUR_MS + MINUTE_MS);
        assert!(shown(&kit, &second, "queue=mine").await.is_empty());
        audit_desk::claim(&kit.app, &first, order.id).await.unwrap();

        let entries = view::timeline(&kit.app, &lead, order.id).await.unwrap();
        assert_eq!(entries.iter().filter(|entry| entry.action == "order.assign").count(), 2, "one entry each");
        let again = replay::replay(&kit.app.rules, &kit.order(order.id).await, &entries);
        assert!(again.iter().all(|one| one.outcome == replay::Outcome::Equal), "on {}: {again:?}", engine.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grade_of_risk_is_the_same_in_the_rule_and_in_the_list() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let outlet = kit.outlet("S-0001", ChannelKind::OwnHall).await;
        let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
        let numbers = kit.numbers(1, 12).await;
        // Check, face, proxy, customer, slot: each alone and together.
        let cases = [
            (1, Some(930), 0, 1, 1),
            (1, Some(799), 0, 1, 1),
            (1, Some(800), 0, 1, 4),
            (1, None, 0, 1, 1),
            (2, Some(930), 0, 1, 1),
            (3, None, 1, 2, 5),
            (1, Some(930), 1, 1, 1),
            (1, Some(930), 0, 2, 1),
            (1, Some(930), 0, 1, 5),
            (1, Some(100), 1, 2, 5),
            (0, None, 0, 1, 1),
            (0, None, 1, 1, 1),
        ];
        for (index, (check, face, proxy, customer, slot)) in cases.into_iter().enumerate() {
            let id = kit.submitted(&clerk, numbers[index], u16::try_from(index).unwrap() + 1).await.id;
            let sql =
                "UPDATE registration_order SET check_result = $2, face_score = $3, by_proxy = $4, customer = $5, slot = $6 WHERE id = $1";
            let change =
                move |tx: &mut chuangsha_store::Tx<'_>| Ok(tx.execute(sql, &params![id.as_bytes(), check, face, proxy, customer, slot])?);
            kit.app.write(change).await.unwrap();
        }
        let bounds = view::risk_bounds(&kit.app, kit.app.clock.now()).unwrap();
        let all = kit.app.read(|tx| table::list(tx, &Filter { limit: 50, ..Filter::default() })).await.unwrap();
        assert_eq!(all.len(), cases.len());
        let mut graded = 0;
        for risk in Risk::ALL {
            let mut expected: Vec<String> =
                all.iter().filter(|row| row.order.risk(bounds) == risk).map(|row| row.order.id.to_string()).collect();
            expected.sort();
            graded += expected.len();
            let mut found = shown(&kit, &auditor, &format!("queue=all&risk={}", risk.as_str())).await;
            found.sort();
            assert_eq!(found, expected, "{risk:?} on {}", engine.name);
            assert!(!expected.is_empty(), "{risk:?} occurs");
        }
        assert_eq!(graded, cases.len(), "every order has one grade");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_queue_holds_its_own_and_the_next_case_is_what_one_holds_already() {
    for engine in testkit::engines().await {
        let kit = Kit::new(engine.store.clone()).await;
        let outlet = kit.outlet("S-0001", ChannelKind::OwnHall).await;
        let other = kit.outlet("S-0002", ChannelKind::SocialOutlet).await;
        let (clerk, elsewhere) = (kit.clerk(outlet), kit.clerk(other));
        let auditor = hired(&kit, "A-1", Role::Auditor, kit.audit_centre).await;
        let colleague = hired(&kit, "A-2", Role::Auditor, kit.audit_centre).await;
        let senior = kit.senior();
        let numbers = kit.numbers(1, 5).await;
        let mut orders = Vec::new();
        for (index, number) in numbers.into_iter().enumerate() {
            let who = if index == 4 { &elsewhere } else { &clerk };
            orders.push(kit.submitted(who, number, u16::try_from(index).unwrap() + 1).await);
            kit.clock.advance_ms(1_000);
        }
        let [a, b, c, d, e] = orders.as_slice() else { panic!("five orders") };
        assert_eq!(shown(&kit, &auditor, "").await, ids(&[a, b, c, d, e]), "the longest waiting first");
        assert_eq!(shown(&kit, &auditor, "outlet=S-0002").await, ids(&[e]));
        assert_eq!(shown(&kit, &auditor, "channel=own_hall&product=voice").await, ids(&[a, b, c, d]));
        assert!(shown(&kit, &auditor, "outlet=S-9999").await.is_empty(), "an outlet nobody knows has none");
        assert!(shown(&kit, &auditor, "product=iot").await.is_empty());

        // Two are claimed at once; what is resolved leads to the other before anything new.
        let batch = look(&kit, &auditor);
        for id in ids(&[b, d]) {
            Queue.apply(&batch, "claim", &Fields::new(), &id).await.unwrap();
        }
        assert_eq!(
            code(Queue.apply(&look(&kit, &colleague), "claim", &Fields::new(), &b.id.to_string()).await),
            "registration.held_by_another"
        );
        assert_eq!(shown(&kit, &auditor, "queue=mine").await, ids(&[b, d]));
        let held = kit.order(b.id).await;
        audit_desk::approve(&kit.app, &auditor, b.id, held.version).await.unwrap();
        assert_eq!(audit_desk::next_case(&kit.app, &auditor, Filter::default()).await.unwrap().id, d.id);
        Queue.apply(&batch, "release", &Fields::new(), &d.id.to_string()).await.unwrap();
        Queue.apply(&batch, "release", &Fields::new(), &d.id.to_string()).await.unwrap();
        assert_eq!(kit.order(d.id).await.state, State::Submitted, "put back once, however often it is said");
        // The next one respects what is looked for in the list.
        let within = Filter { channel_kind: Some(ChannelKind::SocialOutlet as i64), ..Filter::default() };
        assert_eq!(audit_desk::next_case(&kit.app, &colleague, within).await.unwrap().id, e.id);

        // Escalated: until one has voted it is theirs to vote on.
        let case = audit_desk::claim(&kit.app, &auditor, a.id).await.unwrap();
        audit_desk::escalate(&kit.app, &auditor, a.id, case.version, "照片差异较大".to_owned()).await.unwrap();
        assert_eq!(shown(&kit, &senior, "queue=escalated").await, ids(&[a]));
        let labels: Vec<String> = tabs(&kit, &auditor).await.into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["Mine", "Unclaimed", "Returned", "All"], "an auditor sees no seniors' queues");
        let counted = tabs(&kit, &senior).await;
        let count = |label: &str| counted.iter().find(|(name, _)| name == label).unwrap().1;
        assert_eq!((count("Unclaimed"), count("Second level"), count("Mine")), (Some(2), Some(1), Some(0)));
        // Nobody of the outlet sees its own orders here, whatever they are.
        let mut insider = kit.auditor();
        insider.organisation = outlet;
        assert_eq!(shown(&kit, &insider, "queue=all").await, ids(&[e]));
        assert!(a.check == Check::Match && c.check == Check::Match);
    }
}
