//! The story of a stopped number on every store: overlapping grounds, what the network is told and when, the customer who comes to the counter,
//! emergencies with a second person, the watchdog, and everything that goes wrong on the way (G3, L-REM-3 to L-REM-11, L-LIM-4, L-LIM-6).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::sync::{Arc, Mutex};

use chuangsha_app::{
    hotline::ivr::{self, IvrBranch},
    platform::{
        actor::Actor,
        audit::By,
        failure::Failure,
        network::{NetworkAction, NetworkCommand},
        notify::{Sms, SmsMessage, SmsOutcome},
        people::{OrganisationKind, organisation},
        second::{self, Answer},
    },
    registration::{
        audit_desk, desk as counter,
        desk::Capture,
        ending,
        order::{Customer, Order, State as OrderState},
        reregistration::{self, Reregistration},
        subscription,
        table::{self as orders, NumberState, Subscription},
    },
    subscribers::find,
    suspension::{
        self, Ground, Hold, Level, Notice, State, Stop, Tier,
        desk::{self, Asked, Emergency, Intake},
        table, watch,
    },
};
use chuangsha_kernel::{
    id::OrganisationId,
    role::{Action, ActionSet, Role},
    rulebook::ChannelKind,
    time::{Clock, DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use chuangsha_store::{params, testkit};
use chuangsha_world::{
    kit::{self, Kit, refused as code},
    network::Behaviour,
};
use futures_util::future::{BoxFuture, FutureExt};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Runs a story on each engine.
macro_rules! story {
    ($name:ident, $kit:ident, $phone:ident => $body:block) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for engine in testkit::engines().await {
                eprintln!("{} on {}", stringify!($name), engine.name);
                let $phone = Phone::default();
                let $kit = Kit::with_sms(engine.store.clone(), Arc::new($phone.clone())).await;
                $body
                assert_eq!($kit.broken().await, Vec::<&str>::new(), "on {}", engine.name);
            }
        }
    };
}

/// Every message that was sent: to whom, and what.
#[derive(Clone, Default)]
struct Phone(Arc<Mutex<Vec<(String, String)>>>);

impl Phone {
    /// What was sent since the last look.
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap()).into_iter().map(|(_, text)| text).collect()
    }
}

impl Sms for Phone {
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome> {
        self.0.lock().unwrap().push((message.to.digits().to_owned(), message.text.to_string()));
        async { SmsOutcome::Sent { ids: Vec::new() } }.boxed()
    }
}

/// A number of the old base, in service, under nobody's true name.
async fn old_number(kit: &Kit, index: u32) -> (Uuid, String) {
    let number = kit.numbers(index, 1).await[0];
    let app = kit.app.clone();
    let id = app.ids.next(kit::start());
    kit.app
        .write(move |tx| {
            let found = orders::number(tx, number)?;
            orders::move_number(tx, number, NumberState::Free, NumberState::Held, Some(id))?;
            orders::move_number(tx, number, NumberState::Held, NumberState::InUse, Some(id))?;
            orders::add_subscription(
                tx,
                &Subscription {
                    id,
                    number,
                    subject: None,
                    person_key: None,
                    region: kit::CITY.to_owned(),
                    channel_kind: ChannelKind::SocialOutlet as i64,
                    product: found.product,
                    real_name: false,
                    since: kit::start().plus_ms(-900 * DAY_MS),
                },
            )
        })
        .await
        .unwrap();
    (id, format!("199{index:08}"))
}

fn notice() -> Notice {
    Notice::new("未实名登记", "任一自有营业厅", "本人有效身份证件原件")
}

fn asked(subscription: Uuid, ground: Ground, level: Level) -> Stop<'static> {
    Stop { subscription, ground, level, article: ground.article(), notice: notice(), case: None, until: None }
}

async fn stop(kit: &Kit, stop: Stop<'static>) -> Result<Uuid, Failure> {
    let app = kit.app.clone();
    let now = app.clock.now();
    kit.app.write(move |tx| suspension::stop(&app, tx, By::System("test"), &stop, now)).await
}

async fn lift(kit: &Kit, hold: Uuid) {
    let app = kit.app.clone();
    let now = app.clock.now();
    kit.app.write(move |tx| suspension::lift(&app, tx, By::System("test"), hold, "done", now)).await.unwrap();
}

async fn level(kit: &Kit, subscription: Uuid) -> Option<Level> {
    kit.app.read(move |tx| suspension::standing(tx, subscription)).await.unwrap().level
}

async fn hold(kit: &Kit, id: Uuid) -> Hold {
    kit.app.read(move |tx| table::find(tx, id)).await.unwrap().unwrap()
}

async fn line(kit: &Kit, subscription: Uuid) -> table::Line {
    kit.app.read(move |tx| table::line(tx, subscription)).await.unwrap().unwrap()
}

fn manager(kit: &Kit) -> Actor {
    kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.city, kit::CITY)
}

fn intake(number: &str, ground: Ground) -> Intake {
    Intake {
        number: Some(Zeroizing::new(number.to_owned())),
        subscription: None,
        ground,
        level: None,
        tier: None,
        reason: String::new(),
        reference: String::new(),
        due_on: None,
        until: None,
    }
}

/// An existing number brought to the audit by a clerk, for the person with this index.
async fn at_the_counter(kit: &Kit, clerk: &Actor, number: &str, person: u16) -> Order {
    let asked = Reregistration { number: Zeroizing::new(number.to_owned()), customer: Customer::Individual };
    let id = reregistration::open(&kit.app, clerk, asked).await.unwrap();
    counter::reserve(&kit.app, clerk, id, kit::reservation(1, person)).await.unwrap();
    kit.pictures(clerk, id).await;
    let capture = Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    let order = counter::capture(&kit.app, clerk, id, capture).await.unwrap();
    counter::submit(&kit.app, clerk, id, order.version).await.unwrap();
    kit.work().await;
    kit.order(id).await
}

async fn approve(kit: &Kit, order: &Order) -> Order {
    let auditor = kit.auditor();
    let claimed = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    audit_desk::approve(&kit.app, &auditor, order.id, claimed.version).await.unwrap()
}

story!(several_grounds_stand_side_by_side_and_only_a_change_of_standing_is_commanded, kit, phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let real_name = stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    kit.work().await;
    let there = kit.network.line(&digits).unwrap();
    assert_eq!((there.action.as_str(), there.reachable.as_str()), ("stop_out", "110,119,120,122,10000"), "emergency numbers and hotline stay");
    let told = phone.taken();
    assert_eq!(told.len(), 1);
    for part in ["单停", "未实名登记", "任一自有营业厅", "本人有效身份证件原件"] {
        assert!(told[0].contains(part), "{}", told[0]);
    }
    // A second ground at the same level, and the same ground once more: told, not commanded; told once.
    let risk = stop(&kit, asked(number, Ground::Risk, Level::StoppedOut)).await.unwrap();
    assert_eq!(stop(&kit, asked(number, Ground::Risk, Level::Limited)).await.unwrap(), risk, "said twice, it is one");
    kit.work().await;
    assert_eq!((line(&kit, number).await.sequence, phone.taken().len()), (1, 1));
    // Raised: the next command. Lifting the one leaves the other.
    let app = kit.app.clone();
    let now = app.clock.now();
    kit.app.write(move |tx| suspension::raise(&app, tx, By::System("test"), real_name, Level::StoppedBoth, now)).await.unwrap();
    kit.work().await;
    lift(&kit, real_name).await;
    kit.work().await;
    assert_eq!(level(&kit, number).await, Some(Level::StoppedOut));
    assert_eq!(kit.network.line(&digits).unwrap().action, "stop_out");
    lift(&kit, risk).await;
    assert_eq!(level(&kit, number).await, None);
    phone.taken();
    kit.work().await;
    let there = kit.network.line(&digits).unwrap();
    assert_eq!(there.history, ["stop_out", "stop_both", "stop_out", "restore"]);
    assert!(there.reachable.is_empty(), "a restored line needs no exceptions");
    assert_eq!(phone.taken().len(), 1, "told of the end when the network confirmed it");
    assert_eq!(code(stop(&kit, asked(number, Ground::RealName, Level::StoppedBoth)).await), "suspension.step_by_step");
    let entries = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE case_kind = 'suspension'", &[])?.int(0)?)).await.unwrap();
    assert_eq!(entries, 5, "an entry a step, none for what changed nothing");
});

story!(a_stopped_customer_comes_to_the_counter_and_is_restored_with_the_approval, kit, phone => {
    let (number, digits) = old_number(&kit, 1).await;
    stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    let arrears = stop(&kit, asked(number, Ground::ServiceLock, Level::Limited)).await.unwrap();
    kit.work().await;
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let unknown = Reregistration { number: Zeroizing::new("19900000099".to_owned()), customer: Customer::Individual };
    assert_eq!(code(reregistration::open(&kit.app, &clerk, unknown).await), "registration.not_in_service_here");
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    let twice = Reregistration { number: Zeroizing::new(digits.clone()), customer: Customer::Individual };
    assert_eq!(code(reregistration::open(&kit.app, &clerk, twice).await), "registration.already_reregistering");
    assert_eq!(level(&kit, number).await, Some(Level::StoppedOut), "nothing is restored before the audit");
    phone.taken();
    let done = approve(&kit, &order).await;
    // One transaction: the order, the subscription, the slot and the hold.
    assert_eq!(done.state, OrderState::Activated);
    assert_eq!(level(&kit, number).await, Some(Level::Limited), "only what was held for want of a true name is lifted");
    let held = kit.app.read(move |tx| subscription::find(tx, number)).await.unwrap().unwrap();
    assert!(held.real_name && held.subject == done.subject && held.person_key == done.person_key);
    assert_eq!(held.slot, Some(1), "the slot is the subscription's now");
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().history, ["stop_out", "limit"]);
    lift(&kit, arrears).await;
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "restore");
    assert!(phone.taken().iter().any(|text| text.contains("实名补登")), "and the number itself is told");
    let activations = kit.network.services().iter().filter(|service| service.action == "activate").count();
    assert_eq!(activations, 0, "no number is opened that was open");
    // Under a true name: another person does not take it over, the same one may come again, and it counts once.
    let again = Reregistration { number: Zeroizing::new(digits.clone()), customer: Customer::Individual };
    let next = reregistration::open(&kit.app, &clerk, again).await.unwrap();
    assert_eq!(code(counter::reserve(&kit.app, &clerk, next, kit::reservation(1, 2)).await), "registration.another_holder");
    let reserved = counter::reserve(&kit.app, &clerk, next, kit::reservation(1, 1)).await.unwrap();
    assert_eq!(reserved.slot, None);
    counter::cancel(&kit.app, &clerk, next, reserved.version, "客户离开".into()).await.unwrap();
    let state = kit.app.read(move |tx| Ok(orders::number_of(tx, next)?.state)).await.unwrap();
    assert_eq!(state, NumberState::InUse as i64, "a cancelled order leaves the number in service");
    chuangsha_app::start::fold(&kit.app).await.unwrap();
    let table = kit.app.read(|tx| chuangsha_app::figures::table(tx, kit::start().day(), kit::start().day(), "99")).await.unwrap();
    let counts = &table[&(kit::CITY.to_owned(), ChannelKind::SocialOutlet as i64)];
    assert_eq!(counts[&chuangsha_app::figures::Metric::BaseRealName], 1);
    assert!(!counts.contains_key(&chuangsha_app::figures::Metric::NewCustomers), "nobody new");
});

story!(who_holds_five_registers_no_sixth_by_way_of_an_old_number, kit, _phone => {
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    for number in kit.numbers(10, 5).await {
        kit.reserved(&clerk, number, 1).await.unwrap();
    }
    let (_, digits) = old_number(&kit, 1).await;
    let asked = Reregistration { number: Zeroizing::new(digits), customer: Customer::Individual };
    let id = reregistration::open(&kit.app, &clerk, asked).await.unwrap();
    assert_eq!(code(counter::reserve(&kit.app, &clerk, id, kit::reservation(1, 1)).await), "registration.quota_full");
    counter::reserve(&kit.app, &clerk, id, kit::reservation(1, 2)).await.unwrap();
});

story!(the_subscription_ends_while_its_order_is_with_the_auditor, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    let app = kit.app.clone();
    kit.app.write(move |tx| {
        tx.push_one("UPDATE subscription SET state = 2 WHERE id = $1", &params![&number])?;
        suspension::ended(&app, tx, By::System("test"), number, app.clock.now())
    }).await.unwrap();
    let auditor = kit.auditor();
    let claimed = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    assert_eq!(code(audit_desk::approve(&kit.app, &auditor, order.id, claimed.version).await), "registration.not_in_service_here");
    assert_eq!(kit.order(order.id).await.state, OrderState::Auditing, "nothing is half done");
});

story!(a_late_stop_never_overtakes_a_newer_restoration, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    // The first command hangs in the element; the customer is restored meanwhile; then the element comes round to it.
    kit.network.script([Behaviour::Late]);
    let held = stop(&kit, asked(number, Ground::Risk, Level::StoppedOut)).await.unwrap();
    let handlers = kit.work().await;
    assert!(handlers >= 1);
    lift(&kit, held).await;
    kit.work().await;
    kit.network.confirm_pending().await;
    assert_eq!(kit.network.line(&digits).unwrap().history, ["restore"], "the older command ends without effect");
    kit.clock.advance_ms(5 * MINUTE_MS);
    kit.work().await;
    let line = line(&kit, number).await;
    assert!(line.is_settled() && line.confirmed.is_none());
});

story!(whatever_the_element_does_each_standing_is_reached_and_done_once, kit, _phone => {
    let faults = [
        Behaviour::Fail(503), Behaviour::LostAnswer, Behaviour::Garbage, Behaviour::LatePolls(2), Behaviour::Fail(429), Behaviour::Slow(50),
    ];
    for (index, fault) in (1_u32..).zip(faults) {
        let (number, digits) = old_number(&kit, index).await;
        kit.network.script([fault.clone()]);
        let held = stop(&kit, asked(number, Ground::Risk, Level::StoppedOut)).await.unwrap();
        for _ in 0..6 {
            kit.work().await;
            kit.clock.advance_ms(30_000);
            watch::turn(&kit.app).await.unwrap();
        }
        assert_eq!(kit.network.line(&digits).unwrap().history, ["stop_out"], "{fault:?}");
        assert!(line(&kit, number).await.is_settled(), "{fault:?}");
        lift(&kit, held).await;
        kit.work().await;
        assert_eq!(kit.network.line(&digits).unwrap().history, ["stop_out", "restore"], "{fault:?}");
    }
});

story!(approved_but_still_stopped_alarms_within_a_minute_and_is_tried_again, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let held = stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    kit.work().await;
    // The element refuses for good: the message becomes a dead letter, and nobody looks at it.
    kit.network.script([Behaviour::Refuse("busy".into())]);
    lift(&kit, held).await;
    kit.work().await;
    watch::turn(&kit.app).await.unwrap();
    let waiting = || kit.app.read(table::still_stopped);
    assert_eq!(waiting().await.unwrap(), 0, "not yet: it was asked for this moment");
    kit.clock.advance_ms(31_000);
    watch::turn(&kit.app).await.unwrap();
    assert_eq!(waiting().await.unwrap(), 1, "within the minute");
    watch::turn(&kit.app).await.unwrap();
    assert_eq!(line(&kit, number).await.asked, 2, "asked again once, not at every turn");
    let alarms = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = 'suspension.alarm'", &[])?.int(0)?)).await.unwrap();
    assert_eq!(alarms, 1);
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "restore");
    assert_eq!(waiting().await.unwrap(), 0, "over with the confirmation");
    // A clock set back by a day accuses nobody and loses nothing.
    let held = stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    kit.clock.advance_ms(-DAY_MS);
    watch::turn(&kit.app).await.unwrap();
    assert_eq!(waiting().await.unwrap(), 0);
    kit.clock.advance_ms(DAY_MS);
    lift(&kit, held).await;
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "restore");
});

story!(an_emergency_restoration_takes_a_second_person_and_ends_by_itself, kit, phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let held = stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    kit.work().await;
    let centre = OrganisationId(kit.app.ids.next(kit::start()));
    let hq = kit.hq;
    kit.app.write(move |tx| {
        let kind = OrganisationKind::CallCentre;
        organisation::create(tx, &organisation::NewOrganisation { id: centre, kind, parent: Some(hq), region: "99", zh: "客服中心", en: "Call centre" }, kit::start())
    }).await.unwrap();
    let mut agent = kit.actor(Role::HotlineAgent, OrganisationKind::CallCentre, centre, "99");
    agent.staff = kit.staff_of("T-1", Role::HotlineAgent, centre).await;
    let mut officer = kit.actor(Role::CarrierAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    officer.staff = kit.staff("T-2", Role::CarrierAdministrator).await;
    let version = hold(&kit, held).await.version;
    let ask = |hours| desk::emergency(&kit.app, &agent, held, version, hours, "老人独居，需要叫车就医".into());
    assert_eq!(code(ask(73).await), "suspension.too_long", "refused before anybody is asked");
    let Emergency::Asked(request) = ask(24).await.unwrap() else { panic!("nobody approved it yet") };
    assert_eq!(code(ask(24).await), "second.needed");
    second::answer(&kit.app, &officer, request, Answer::Approve, String::new()).await.unwrap();
    assert!(matches!(ask(48).await.unwrap(), Emergency::Asked(_)), "an approval serves what was asked for, not longer");
    assert_eq!(ask(24).await.unwrap(), Emergency::Restored);
    phone.taken();
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "restore");
    assert!(phone.taken().iter().all(|text| text.contains("紧急复机")), "told when it ends, not that all is well");
    let version = hold(&kit, held).await.version;
    assert_eq!(code(desk::emergency(&kit.app, &agent, held, version, 24, "再来一天".into()).await), "suspension.out_of_order");
    watch::turn(&kit.app).await.unwrap();
    assert_eq!(level(&kit, number).await, None, "not over yet");
    kit.clock.advance_ms(24 * HOUR_MS);
    watch::turn(&kit.app).await.unwrap();
    assert_eq!(level(&kit, number).await, Some(Level::StoppedOut));
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().history, ["stop_out", "restore", "stop_out"], "the previous stop returned");
});

story!(a_risk_is_asked_first_and_limited_when_nobody_comes, kit, phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let (other, other_digits) = old_number(&kit, 2).await;
    let manager = manager(&kit);
    let high = Intake { tier: Some(Tier::High), ..intake(&digits, Ground::Risk) };
    let asked = desk::take(&kit.app, &manager, high.clone()).await.unwrap();
    assert_eq!(desk::take(&kit.app, &manager, high).await.unwrap(), asked, "a duplicate changes nothing");
    let low = desk::take(&kit.app, &manager, Intake { tier: Some(Tier::Low), ..intake(&other_digits, Ground::Risk) }).await.unwrap();
    kit.work().await;
    assert!(kit.network.line(&digits).is_none(), "a question is no measure");
    let told = phone.taken();
    assert!(told.len() == 2 && told.iter().any(|text| text.contains("到营业厅核验")), "{told:?}");
    kit.clock.advance_ms(24 * HOUR_MS - 1);
    watch::turn(&kit.app).await.unwrap();
    assert_eq!((level(&kit, number).await, level(&kit, other).await), (None, None));
    kit.clock.advance_ms(1);
    watch::turn(&kit.app).await.unwrap();
    assert_eq!((level(&kit, number).await, level(&kit, other).await), (Some(Level::StoppedOut), Some(Level::Limited)), "by the tier");
    // The online check was passed after all; the other comes to the counter, and the registration is the check.
    let version = hold(&kit, low).await.version;
    desk::step(&kit.app, &manager, low, version, Asked::Verify { passed: true }, "线上核验通过".into()).await.unwrap();
    assert_eq!(level(&kit, other).await, None);
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    approve(&kit, &order).await;
    assert_eq!((hold(&kit, asked).await.state, level(&kit, number).await), (State::Lifted, None));
});

story!(arrears_wait_thirty_days_and_a_payment_restores, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    // Billing acts with a key of its own: no passkey, and only what the key holds.
    let mut billing = kit.actor(Role::CarrierAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    (billing.mfa_at, billing.passkey) = (None, false);
    billing.key_actions = Some(ActionSet::of(&[Action::FiguresView]));
    assert_eq!(code(desk::take(&kit.app, &billing, intake(&digits, Ground::Arrears)).await), "people.key_scope");
    billing.key_actions = Some(ActionSet::of(&[Action::SuspensionStop, Action::SuspensionLift, Action::SuspensionView]));
    let due = |day: &str| Intake { due_on: Some(day.to_owned()), ..intake(&digits, Ground::Arrears) };
    assert_eq!(code(desk::take(&kit.app, &billing, intake(&digits, Ground::Arrears)).await), "suspension.not_overdue");
    assert_eq!(code(desk::take(&kit.app, &billing, due("2026-10-24")).await), "suspension.not_overdue");
    let held = desk::take(&kit.app, &billing, due("2026-10-23")).await.unwrap();
    assert_eq!(hold(&kit, held).await.due, Some(kit::start().plus_ms(60 * DAY_MS)), "unpaid until then, the service may end");
    assert_eq!(code(stop(&kit, asked(number, Ground::Arrears, Level::StoppedOut)).await.map(drop).and(stop(&kit, Stop { subscription: Uuid::nil(), ..asked(number, Ground::Arrears, Level::StoppedOut) }).await)), "suspension.not_in_service");
    kit.work().await;
    kit.clock.advance_ms(60 * DAY_MS);
    let queue = table::Filter { queue: table::Queue::MayEnd, now: kit.app.clock.now(), limit: 10, ..table::Filter::default() };
    assert_eq!(desk::list(&kit.app, &billing, queue).await.unwrap().0.len(), 1, "somebody decides about its end");
    assert_eq!(desk::paid(&kit.app, &billing, Zeroizing::new(digits.clone())).await.unwrap(), 1);
    assert_eq!(desk::paid(&kit.app, &billing, Zeroizing::new(digits.clone())).await.unwrap(), 0);
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().history, ["stop_out", "restore"]);
});

story!(the_police_stop_both_ways_with_a_paper_and_nothing_else_lifts_it, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let manager = manager(&kit);
    assert_eq!(code(desk::take(&kit.app, &manager, intake(&digits, Ground::Police)).await), "suspension.no_reference");
    let paper = |reference: &str| Intake { reference: reference.into(), ..intake(&digits, Ground::Police) };
    let first = desk::take(&kit.app, &manager, paper("公停〔2026〕1 号")).await.unwrap();
    let second = desk::take(&kit.app, &manager, paper("公停〔2026〕2 号")).await.unwrap();
    assert_ne!(first, second, "two papers are two grounds");
    stop(&kit, asked(number, Ground::RealName, Level::StoppedOut)).await.unwrap();
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    approve(&kit, &order).await;
    assert_eq!(level(&kit, number).await, Some(Level::StoppedBoth), "registering does not undo what the police ordered");
    lift(&kit, first).await;
    assert_eq!(level(&kit, number).await, Some(Level::StoppedBoth));
    // A clerk and an agent cannot: the right is asked for, and the number is not told of.
    assert_eq!(code(desk::take(&kit.app, &clerk, paper("x")).await), "people.denied");
    let version = hold(&kit, second).await.version;
    assert_eq!(code(desk::step(&kit.app, &clerk, second, version, Asked::Lift, "请求".into()).await), "suspension.not_found");
});

story!(emergency_numbers_hotline_and_registration_stay_reachable_in_every_stop, kit, _phone => {
    let switch = kit.actor(Role::SystemAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    let open = ivr::reachable(&kit.app, &switch, kit.clock.now()).unwrap();
    for number in ["110", "119", "120", "122", &open.hotline, &open.registration] {
        assert!(open.numbers.iter().any(|one| one == number), "{number}");
    }
    for (index, ground) in (1..).zip(Ground::ALL.iter().copied()) {
        let (number, digits) = old_number(&kit, index).await;
        let app = kit.app.clone();
        let now = app.clock.now();
        let notice = if ground == Ground::Police { notice().with_reference("公停〔2026〕1 号") } else { notice() };
        let one = |level| Stop { notice: notice.clone(), ..asked(number, ground, level) };
        if ground == Ground::Arrears {
            let due = Intake { due_on: Some("2026-01-01".into()), ..intake(&digits, ground) };
            desk::take(&kit.app, &manager(&kit), due).await.unwrap();
        }
        // Level by level, as far as the ground goes.
        let mut reached = 0;
        for level in Level::ALL.iter().copied() {
            let asked = one(level);
            let app = app.clone();
            if kit.app.write(move |tx| suspension::stop(&app, tx, By::System("test"), &asked, now)).await.is_err() {
                continue;
            }
            kit.work().await;
            let there = kit.network.line(&digits).unwrap();
            assert_eq!(there.reachable, open.numbers.join(","), "{ground:?} at {level:?}");
            reached += 1;
        }
        assert!(reached > 0, "{ground:?} stops nobody");
        // And the caller is led to people who can lift it.
        let asked = ivr::TagQuery { number: Zeroizing::new(digits.clone()), language: None };
        let tag = ivr::find(&kit.app, &switch, asked).await.unwrap();
        assert_eq!(tag.branch, IvrBranch::Stopped, "{ground:?}");
    }
});

story!(an_appeal_is_heard_by_another_and_lifts_in_the_same_transaction, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let (decider, worker) = (manager(&kit), manager(&kit));
    let held = desk::take(&kit.app, &decider, Intake { level: Some(Level::StoppedOut), ..intake(&digits, Ground::Risk) }).await.unwrap();
    let step = |by: &Actor, version, asked, why: &str| {
        let (app, by, why) = (kit.app.clone(), by.clone(), why.to_owned());
        async move { desk::step(&app, &by, held, version, asked, why).await }
    };
    assert_eq!(code(step(&decider, 1, Asked::Appeal, "用户申诉").await), "suspension.own_decision");
    assert_eq!(code(step(&worker, 7, Asked::Appeal, "用户申诉").await), "suspension.changed");
    let appealing = step(&worker, 1, Asked::Appeal, "用户申诉").await.unwrap();
    assert_eq!((appealing.state, level(&kit, number).await), (State::Appealing, Some(Level::StoppedOut)));
    assert_eq!(code(step(&decider, 2, Asked::Decide { passed: true }, "通过").await), "suspension.own_decision");
    assert_eq!(code(step(&worker, 2, Asked::Decide { passed: true }, "").await), "suspension.no_reason");
    step(&worker, 2, Asked::Decide { passed: true }, "核实为误判").await.unwrap();
    assert_eq!(level(&kit, number).await, None);
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "restore");
});

story!(a_number_that_is_not_mine_is_stopped_and_taken_out_of_my_name, kit, _phone => {
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let (number, digits) = old_number(&kit, 1).await;
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    approve(&kit, &order).await;
    let agent = kit.actor(Role::HotlineAgent, OrganisationKind::CarrierHq, kit.hq, "");
    let held = desk::take(&kit.app, &agent, intake(&digits, Ground::Dispute)).await.unwrap();
    assert_eq!(level(&kit, number).await, Some(Level::StoppedOut));
    let manager = manager(&kit);
    assert_eq!(code(desk::step(&kit.app, &agent, held, 1, Asked::Detach, "核实".into()).await), "people.denied", "taken in by one, decided by another");
    desk::step(&kit.app, &manager, held, 1, Asked::Detach, "笔迹与人像均不符".into()).await.unwrap();
    let line = kit.app.read(move |tx| subscription::find(tx, number)).await.unwrap().unwrap();
    assert!(!line.real_name && line.person_key.is_none() && line.slot.is_none());
    assert_eq!(level(&kit, number).await, Some(Level::StoppedOut), "out of my name, and still stopped");
});

story!(whoever_has_a_disputed_number_registers_it_and_is_restored, kit, _phone => {
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let (number, digits) = old_number(&kit, 1).await;
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    approve(&kit, &order).await;
    let manager = manager(&kit);
    let held = desk::take(&kit.app, &manager, intake(&digits, Ground::Dispute)).await.unwrap();
    desk::step(&kit.app, &manager, held, 1, Asked::Detach, "笔迹与人像均不符".into()).await.unwrap();
    // The one who uses it comes to the counter with the notice in hand.
    let order = at_the_counter(&kit, &clerk, &digits, 2).await;
    assert_eq!(code(desk::step(&kit.app, &manager, held, 1, Asked::End, "本人否认".into()).await), "suspension.being_registered");
    approve(&kit, &order).await;
    assert_eq!((hold(&kit, held).await.state, level(&kit, number).await), (State::Lifted, None), "in the transaction of the approval");
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "restore");
});

story!(an_unpaid_or_a_denied_line_is_ended_by_somebody_with_the_right_and_a_reason, kit, _phone => {
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let (manager, agent) = (manager(&kit), kit.actor(Role::HotlineAgent, OrganisationKind::CarrierHq, kit.hq, ""));
    let (unpaid, digits) = old_number(&kit, 1).await;
    let due = Intake { due_on: Some("2026-10-23".to_owned()), ..intake(&digits, Ground::Arrears) };
    let held = desk::take(&kit.app, &manager, due).await.unwrap();
    kit.work().await;
    let end = async |by: &Actor, id: Uuid, words: &str| {
        let version = hold(&kit, id).await.version;
        desk::step(&kit.app, by, id, version, Asked::End, words.into()).await
    };
    assert_eq!(code(end(&manager, held, "欠费").await), "suspension.not_due");
    kit.clock.advance_ms(60 * DAY_MS);
    assert_eq!(code(end(&agent, held, "欠费").await), "people.denied");
    assert_eq!(code(end(&manager, held, "").await), "suspension.no_reason");
    assert_eq!(end(&manager, held, "停机满六十日仍未缴费").await.unwrap().state, State::Terminated);
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().history, ["stop_out", "terminate"], "never restored on the way out");
    let line = kit.app.read(move |tx| subscription::find(tx, unpaid)).await.unwrap().unwrap();
    assert_eq!(line.state, subscription::ServiceState::Ended);
    let said = kit.app.read(move |tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action IN ('suspension.end', 'subscription.end')", &[])?.int(0)?));
    assert_eq!(said.await.unwrap(), 2);
    // A number that is not mine: first out of my name, then ended.
    let (_, digits) = old_number(&kit, 2).await;
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    approve(&kit, &order).await;
    let held = desk::take(&kit.app, &manager, intake(&digits, Ground::Dispute)).await.unwrap();
    assert_eq!(code(end(&manager, held, "本人否认").await), "suspension.not_detached");
    desk::step(&kit.app, &manager, held, 1, Asked::Detach, "笔迹与人像均不符".into()).await.unwrap();
    end(&manager, held, "无人认领").await.unwrap();
    // A risk ends nobody's service.
    let (risk, _) = old_number(&kit, 3).await;
    let held = stop(&kit, asked(risk, Ground::Risk, Level::StoppedOut)).await.unwrap();
    assert_eq!(code(end(&manager, held, "风险").await), "suspension.not_ending");
});

story!(whoever_had_a_number_on_a_day_is_found_after_it_was_issued_anew, kit, _phone => {
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let (manager, officer) = (manager(&kit), kit.actor(Role::PrivacyOfficer, OrganisationKind::CarrierHq, kit.hq, ""));
    let (first, digits) = old_number(&kit, 1).await;
    let order = at_the_counter(&kit, &clerk, &digits, 1).await;
    approve(&kit, &order).await;
    let pool = kit.app.read(move |tx| subscription::find(tx, first)).await.unwrap().unwrap();
    let due = Intake { due_on: Some("2026-10-23".to_owned()), ..intake(&digits, Ground::Arrears) };
    let held = desk::take(&kit.app, &manager, due).await.unwrap();
    kit.clock.advance_ms(60 * DAY_MS);
    let version = hold(&kit, held).await.version;
    desk::step(&kit.app, &manager, held, version, Asked::End, "停机满六十日仍未缴费".into()).await.unwrap();
    let ended = kit.app.clock.now();
    kit.clock.advance_ms(90 * DAY_MS - 1);
    assert_eq!(ending::sweep(&kit.app).await.unwrap(), 0, "it rests for its ninety days");
    kit.clock.advance_ms(1);
    assert_eq!(ending::sweep(&kit.app).await.unwrap(), 1);
    // Issued to somebody else ten days later.
    kit.clock.advance_ms(10 * DAY_MS);
    let (app, anew) = (kit.app.clone(), kit.app.clock.now());
    let second = app.ids.next(anew);
    let number = pool.number_id;
    kit.app.write(move |tx| {
        let found = orders::number(tx, number)?;
        orders::move_number(tx, number, NumberState::Free, NumberState::Held, Some(second))?;
        orders::move_number(tx, number, NumberState::Held, NumberState::InUse, Some(second))?;
        orders::add_subscription(tx, &Subscription {
            id: second, number, subject: None, person_key: None, region: kit::CITY.to_owned(),
            channel_kind: ChannelKind::SocialOutlet as i64, product: found.product, real_name: false, since: anew,
        })
    }).await.unwrap();
    let on = async |day: &str| {
        let search = find::Search { by: "number".into(), value: Zeroizing::new(digits.clone()), on: day.to_owned() };
        find::search(&kit.app, &officer, search).await
    };
    let day = |at: Timestamp| at.day().to_string();
    assert_eq!(on("").await.unwrap(), second, "the new holder alone has it now");
    assert_eq!(on(&day(kit::start())).await.unwrap(), first, "and on a day before, the one who had it then");
    assert_eq!(on(&day(ended)).await.unwrap(), first);
    assert_eq!(code(on(&day(ended.plus_ms(20 * DAY_MS))).await), "subscriber.not_found", "while it rested it was nobody's");
    assert_eq!(on(&day(anew)).await.unwrap(), second);
    assert_eq!(code(on("yesterday").await), "subscriber.day_form");
    let former = kit.app.read(move |tx| subscription::find(tx, first)).await.unwrap().unwrap();
    assert_eq!((former.number_id, former.state), (number, subscription::ServiceState::Ended), "the former line still knows its number");
    assert_eq!(kit.broken().await, Vec::<&str>::new());
    // Two years after its end it is forgotten (L-REG-8, L-PIP-4); the new holder is not.
    kit.clock.set(ended.plus_ms(731 * DAY_MS));
    assert_eq!(ending::sweep(&kit.app).await.unwrap(), 1);
    assert_eq!(code(on(&day(ended)).await), "subscriber.not_found");
    assert_eq!(on("").await.unwrap(), second);
});

story!(a_punished_person_keeps_one_basic_line_until_the_term_is_over, kit, _phone => {
    let clerk = kit.clerk(kit.outlet("S-0001", ChannelKind::SocialOutlet).await);
    let mut lines = Vec::new();
    for index in 1..=3 {
        let (number, digits) = old_number(&kit, index).await;
        let order = at_the_counter(&kit, &clerk, &digits, 1).await;
        approve(&kit, &order).await;
        lines.push((number, digits));
    }
    let (app, now) = (kit.app.clone(), kit.app.clock.now());
    let key = kit.app.read({ let id = lines[0].0; move |tx| subscription::find(tx, id) }).await.unwrap().unwrap().person_key.unwrap();
    let until = now.plus_ms(2 * 365 * DAY_MS);
    let told = Notice::new("惩戒措施：限制功能", "任一自有营业厅", "惩戒决定告知书").with_reference("惩〔2026〕3 号");
    let made = kit.app.write(move |tx| desk::punish(&app, tx, By::System("list"), &key, Level::StoppedOut, &told, until, now)).await.unwrap();
    assert_eq!(made.len(), 3);
    let levels = [level(&kit, lines[0].0).await, level(&kit, lines[1].0).await, level(&kit, lines[2].0).await];
    assert_eq!(levels.iter().filter(|level| **level == Some(Level::Limited)).count(), 1, "{levels:?}");
    let basic = lines[levels.iter().position(|level| *level == Some(Level::Limited)).unwrap()].0;
    assert_eq!(code(stop(&kit, asked(basic, Ground::Risk, Level::StoppedOut)).await), "suspension.basic_line");
    kit.clock.set(until);
    watch::turn(&kit.app).await.unwrap();
    for (number, _) in &lines {
        assert_eq!(level(&kit, *number).await, None, "the term is over");
    }
});

story!(a_hold_belongs_to_the_subscription_never_to_the_number, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let held = stop(&kit, asked(number, Ground::Risk, Level::StoppedOut)).await.unwrap();
    kit.work().await;
    // Raised at the moment the service ends: the command waits in the outbox while the number goes to somebody else.
    let (app, now) = (kit.app.clone(), kit.app.clock.now());
    kit.app.write(move |tx| suspension::raise(&app, tx, By::System("test"), held, Level::StoppedBoth, now)).await.unwrap();
    let app = kit.app.clone();
    let pool = kit.app.write(move |tx| {
        let line = subscription::find(tx, number)?.unwrap();
        tx.push_one("UPDATE subscription SET state = 2 WHERE id = $1", &params![&number])?;
        suspension::ended(&app, tx, By::System("test"), number, now)?;
        Ok(line.number_id)
    }).await.unwrap();
    assert_eq!(hold(&kit, held).await.state, State::Terminated);
    kit.work().await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "stop_out", "nothing more is said of a number that is nobody's");
    watch::turn(&kit.app).await.unwrap();
    kit.clock.advance_ms(HOUR_MS);
    watch::turn(&kit.app).await.unwrap();
    assert_eq!(kit.app.read(table::still_stopped).await.unwrap(), 0, "and nobody is alarmed of it");
    // The next holder's commands are newer than any of the last one's, wherever those may still be on their way.
    let sequence = kit.app.write(move |tx| suspension::line::next_sequence(tx, pool)).await.unwrap();
    let command = |key: &str, action, sequence| NetworkCommand {
        key: key.into(), action, number: Zeroizing::new(digits.clone()), case: Uuid::nil(), sequence, reachable: Vec::new(),
    };
    kit.app.network.submit(&command("next-holder", NetworkAction::Activate, sequence)).await;
    kit.app.network.submit(&command("late", NetworkAction::StopBoth, sequence - 1)).await;
    assert_eq!(kit.network.line(&digits).unwrap().action, "activate");
});

story!(any_walk_over_the_grounds_ends_with_the_network_as_it_should_be, kit, _phone => {
    let (number, digits) = old_number(&kit, 1).await;
    let mut seed = 7_u64;
    let mut draw = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let grounds = [Ground::RealName, Ground::Risk, Ground::ServiceLock, Ground::Dispute];
    let (mut sequence, mut last) = (0, None);
    for turn in 0..40 {
        let ground = grounds[draw(4) as usize];
        let open = kit.app.read(move |tx| table::open_of(tx, number)).await.unwrap();
        match (open.iter().find(|hold| hold.ground == ground), draw(4)) {
            (Some(hold), 0 | 1) => lift(&kit, hold.id).await,
            (Some(old), 2) => {
                let (app, now, id) = (kit.app.clone(), kit.app.clock.now(), old.id);
                let raised = kit.app.write(move |tx| suspension::raise(&app, tx, By::System("test"), id, Level::StoppedBoth, now)).await;
                assert_eq!(raised.is_err(), old.level == Some(Level::StoppedBoth));
            }
            _ => drop(stop(&kit, asked(number, ground, Level::ALL[draw(2) as usize])).await.unwrap()),
        }
        let now = level(&kit, number).await;
        let line = kit.app.read(move |tx| table::line(tx, number)).await.unwrap();
        let sent = line.map_or(0, |line| line.sequence);
        assert_eq!(sent - sequence, i64::from(now != last), "turn {turn}: a command only where the standing changed");
        (sequence, last) = (sent, now);
        if draw(3) == 0 {
            kit.work().await;
        }
    }
    kit.work().await;
    let there = kit.network.line(&digits).unwrap();
    let wanted = match last {
        None => "restore",
        Some(Level::Limited) => "limit",
        Some(Level::StoppedOut) => "stop_out",
        Some(Level::StoppedBoth) => "stop_both",
    };
    assert_eq!((there.action.as_str(), there.sequence), (wanted, sequence));
    let _: Timestamp = kit.app.clock.now();
});
