//! The old base on every store: from a finding to a true name, with everything that can go wrong on the way (R-REM, L-REM, G2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::sync::Arc;

use chuangsha_app::{
    hotline::{
        self,
        filed::Filter as Page,
        refund::{RefundOrigin, RefundState},
    },
    platform::{
        actor::Actor,
        audit::By,
        failure::Failure,
        jobs::batch,
        network::{Worker, WorkerSettings, http_client},
        notify::{HttpCall, HttpCallSettings, Receipt, ReceiptState, Templates, record::Noted},
        people::OrganisationKind,
        web::list::{Asked as Shown, Look},
        words::Words,
    },
    registration::{
        order::Product,
        table::{self as registered, NumberState, PoolNumber, Subscription},
    },
    remediation::{
        self, Stage, State, campaign, clock,
        contact::CallHandler,
        desk::{self, Asked, NewCampaign},
        kind::{self, Finding, Kind},
        protected::{self, Category, NewProtected},
        table,
    },
    routes,
};
use chuangsha_kernel::{
    id::OrderId,
    problem::Language,
    role::Role,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use chuangsha_store::{params, testkit};
use chuangsha_world::story;
use chuangsha_world::{
    dialler::{Behaviour, CallPlatform},
    kit::{self, Kit, refused},
    year,
};
use uuid::Uuid;
use zeroize::Zeroizing;

fn manager(kit: &Kit) -> Actor {
    kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY)
}

/// A line of the old base with something wrong about it.
async fn line(kit: &Kit, index: u32) -> Uuid {
    let (app, now) = (kit.app.clone(), kit.app.clock.now());
    let (line, number) = (app.ids.next(now), app.ids.next(now));
    kit.app
        .write(move |tx| {
            let digits = format!("199{index:08}");
            let blind = app.vault.blind(chuangsha_vault::Field::Phone, &format!("86{digits}"))?.0.to_vec();
            let pool = PoolNumber {
                id: number,
                index: blind,
                sealed: app.seal_pool_number(tx, number, &digits)?,
                region: kit::CITY.to_owned(),
                product: Product::Voice,
                state: NumberState::InUse as i64,
                holder: Some(line),
            };
            registered::add_number(tx, &pool)?;
            let subscription = Subscription {
                id: line,
                number,
                subject: None,
                person_key: None,
                region: kit::CITY.to_owned(),
                channel_kind: 2,
                product: Product::Voice,
                real_name: false,
                since: now,
            };
            registered::add_subscription(tx, &subscription)?;
            let finding = Finding {
                subscription: line,
                kind: Kind::Unverified,
                reason: "test".to_owned(),
                found_at: now,
                closed_at: None,
                region: kit::CITY.to_owned(),
                channel_kind: 2,
                batch: None,
            };
            kind::open(tx, &finding).map(drop)
        })
        .await
        .unwrap();
    line
}

fn day(kit: &Kit, after: i64) -> String {
    kit.app.clock.now().plus_ms(after * DAY_MS).day().to_string()
}

fn drive(kit: &Kit, name: &str) -> NewCampaign {
    NewCampaign {
        name: name.to_owned(),
        region: kit::CITY.to_owned(),
        kinds: Vec::new(),
        channels: Vec::new(),
        numbers: Vec::new(),
        from: day(kit, 0),
        until: day(kit, 300),
        stops_per_day: 0,
        auto_pause: true,
        stages: desk::stages([0, 30, 45, 110].map(|after| day(kit, after)).each_ref().map(String::as_str), &day(kit, 300)),
        targets: Vec::new(),
    }
}

/// A running campaign that has taken everything in.
async fn running(kit: &Kit, by: &Actor, name: &str) -> Uuid {
    let id = desk::create(&kit.app, by, drive(kit, name)).await.unwrap();
    desk::turn(&kit.app, by, id, 1, campaign::Step::Start, String::new()).await.unwrap();
    let foretold = desk::simulate(&kit.app, by, id, 100).await.unwrap();
    desk::release(&kit.app, by, id, 100, foretold.touches).await.unwrap();
    while clock::take_in(&kit.app).await.unwrap() > 0 {}
    id
}

async fn case_of(kit: &Kit, line: Uuid) -> remediation::Case {
    kit.app.read(move |tx| table::open_of(tx, line)).await.unwrap().unwrap()
}

/// Both media arrive, as the record of contacts says.
async fn everything_arrives(kit: &Kit) {
    let now = kit.app.clock.now();
    let sql = "UPDATE remediation_contact SET result = 2, result_at = $1 WHERE result IN (0, 1)";
    kit.app.write(move |tx| Ok(tx.push(sql, &params![now.0])?)).await.unwrap();
}

/// Day after day, at ten in the morning; the receipts of the day come at once where they come at all.
async fn days(kit: &Kit, count: i64, arrive: bool) {
    for _ in 0..count {
        let midnight = Timestamp::start_of(kit.app.clock.now().day()).plus_ms(DAY_MS);
        kit.clock.set(midnight.plus_ms(10 * HOUR_MS));
        while clock::turn(&kit.app).await.unwrap() > 0 {
            if arrive {
                everything_arrives(kit).await;
            }
        }
    }
}

story!(a_line_climbs_the_ladder_and_is_restored_at_once, kit => {
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    days(&kit, 20, true).await;
    assert_eq!(case_of(&kit, line).await.state, State::Called);
    days(&kit, 20, true).await;
    let stopped = case_of(&kit, line).await;
    assert_eq!(stopped.state, State::SingleStop);
    let hold = stopped.hold;
    let standing = kit.app.read(move |tx| chuangsha_app::suspension::standing(tx, line)).await.unwrap();
    assert!(standing.level.is_some() && standing.holds.iter().any(|one| Some(one.id) == hold));
    let (app, now) = (kit.app.clone(), kit.app.clock.now());
    let order = OrderId(app.ids.next(now));
    kit.app.write(move |tx| remediation::restored(&app, tx, line, order, now)).await.unwrap();
    let standing = kit.app.read(move |tx| chuangsha_app::suspension::standing(tx, line)).await.unwrap();
    assert_eq!(standing.level, None, "lifted in the same transaction");
    let finding = kit.app.read(move |tx| kind::find(tx, line)).await.unwrap().unwrap();
    assert!(finding.closed_at.is_some());
    let entries = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE case_kind = 'remediation'", &[])?.int(0)?)).await.unwrap();
    assert!(entries >= 8, "an entry for every step: {entries}");
});

story!(a_gateway_that_is_silent_stops_nobody, kit => {
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    days(&kit, 30, false).await;
    let case = case_of(&kit, line).await;
    assert_eq!((case.state, case.hold), (State::Called, None), "messages and calls went out, and nothing says that they arrived");
    assert!(case.contacts >= 4);
});

story!(calls_go_over_real_http_through_every_fault_and_each_counts_once, kit => {
    let switch = CallPlatform::start("token").await.unwrap();
    // Not now, unreadable, broken off, silent; then what becomes of people: heard, not at home, engaged, hung up at once, refused.
    use Behaviour::{Answer, Busy, Garbage, Lost, NoAnswer, Refuse, Slow, Status, Underway};
    switch.script([Status(503), Garbage, Status(429), Lost, Slow(60_000), Underway, NoAnswer, Busy, Answer(0, None), Refuse]);
    let settings = HttpCallSettings { url: switch.url(), token: "token".into(), source: "10000".into(), timeout_ms: 300 };
    let handler = Arc::new(CallHandler {
        app: kit.app.clone(),
        templates: Arc::new(Templates::embedded().unwrap()),
        calls: Arc::new(HttpCall::new(http_client().unwrap(), settings)),
    });
    let worker = Worker {
        store: kit.app.store.clone(),
        settings: WorkerSettings { parallel: 1, ..WorkerSettings::new("call", "test") },
        handler,
        clock: Arc::clone(&kit.app.clock),
        ids: Arc::clone(&kit.app.ids),
        wake: Arc::default(),
    };
    let manager = manager(&kit);
    let mut lines = Vec::new();
    for index in 1..=7 {
        lines.push(line(&kit, index).await);
    }
    running(&kit, &manager, "一波").await;
    // The messages arrive; the calls wait for the switch.
    while case_of(&kit, lines[0]).await.state != State::Called {
        days(&kit, 1, false).await;
        let now = kit.app.clock.now();
        let sql = "UPDATE remediation_contact SET result = 2, result_at = $1 WHERE medium = 1 AND result IN (0, 1)";
        kit.app.write(move |tx| Ok(tx.push(sql, &params![now.0])?)).await.unwrap();
    }
    for _ in 0..40 {
        worker.turn().await.unwrap();
        kit.clock.advance_ms(2 * MINUTE_MS);
    }
    assert_eq!(switch.placed().len(), lines.len(), "each rang once, however often it was asked about");
    let first = &switch.placed()[0];
    assert_eq!((first.from.as_str(), first.announcement.as_str(), first.language.as_str()), ("10000", "remediation_remind", "zh"));
    assert!(first.text.contains("10000"), "{}", first.text);
    let results = || async {
        let sql = "SELECT result, COUNT(*) FROM remediation_contact WHERE medium = 2 GROUP BY result ORDER BY result";
        kit.app.read(move |tx| tx.query(sql, &[])?.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect::<Result<Vec<_>, Failure>>()).await.unwrap()
    };
    let after = results().await;
    assert_eq!(after, [(table::ContactResult::Delivered as i64, 3), (table::ContactResult::Failed as i64, 4)], "heard is what counts");
    // The outbox delivers at least once: what it brings again is a call that was made, and changes nothing.
    let again = |tx: &mut chuangsha_store::Tx<'_>| {
        Ok::<_, Failure>(tx.execute("UPDATE outbox SET state = 'waiting', settled_at = NULL, attempts = 0 WHERE topic = 'call'", &[])?)
    };
    assert_eq!(kit.app.write(again).await.unwrap(), 7);
    worker.turn().await.unwrap();
    assert_eq!((results().await, switch.placed().len()), (after, 7));
});

story!(money_a_closed_account_sends_back_is_paid_when_somebody_comes_for_it, kit => {
    // A year whose holidays are known to its end, and those of the next.
    kit.clock.set(Timestamp::start_of(jiff::civil::date(2025, 4, 7)).plus_ms(9 * HOUR_MS));
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    let id = case_of(&kit, line).await.id;
    let now_is = async || kit.app.read(move |tx| table::find(tx, id)).await.unwrap().unwrap();
    let step = async |asked: Asked| {
        let version = now_is().await.version;
        desk::step(&kit.app, &manager, id, version, asked, "核实".into()).await
    };
    step(Asked::Balance { amount: 1_250 }).await.unwrap();
    for _ in 0..80 {
        if now_is().await.state == State::Refunding {
            break;
        }
        days(&kit, 4, true).await;
    }
    assert_eq!(now_is().await.state, State::Refunding);
    let rest = |reference: &str, account_closed| Asked::Settle { reference: reference.into(), account_closed };
    step(rest("", true)).await.unwrap();
    let closed = now_is().await;
    assert_eq!(closed.state, State::Quarantined, "the number rests all the same");
    let owed = async || kit.app.read(move |tx| remediation::refund::find(tx, id)).await.unwrap().unwrap();
    assert_eq!(owed().await.state, remediation::refund::State::AccountClosed);
    assert_eq!(refused(step(rest("", true)).await), "remediation.out_of_order", "it cannot come back twice");
    step(rest("P-2026-77", false)).await.unwrap();
    let paid = owed().await;
    assert_eq!((paid.state, paid.amount, paid.reference.as_str()), (remediation::refund::State::Settled, 1_250, "P-2026-77"));
    assert_eq!(now_is().await, closed, "the case has gone on without it");
    assert_eq!(refused(step(rest("P-2026-78", false)).await), "remediation.out_of_order", "nor is it paid twice");
    // It stands in the one ledger beside what complaints are paid.
    let agent = kit.actor(Role::HotlineAgent, OrganisationKind::CarrierHq, kit.hq, "");
    let of = |origin| hotline::refund::ledger(&kit.app, &agent, Page { limit: 10, ..Page::default() }, origin);
    let all = of(None).await.unwrap();
    let told = |one: &hotline::refund::Entered| (one.id, one.origin, one.state, one.amount_fen);
    assert_eq!(all.iter().map(told).collect::<Vec<_>>(), [(id, RefundOrigin::Closing, RefundState::Paid, 1_250)]);
    assert!(of(Some(RefundOrigin::Complaint)).await.unwrap().is_empty());
    let clerk = kit.clerk(kit.outlet("Z-1", chuangsha_kernel::rulebook::ChannelKind::OwnHall).await);
    assert_eq!(refused(hotline::refund::ledger(&kit.app, &clerk, Page::default(), None).await), "people.denied");
});

story!(the_second_campaign_is_refused_the_line_the_first_has, kit => {
    let manager = manager(&kit);
    line(&kit, 1).await;
    let first = running(&kit, &manager, "先行批次").await;
    let second = desk::create(&kit.app, &manager, drive(&kit, "后来批次")).await.unwrap();
    desk::turn(&kit.app, &manager, second, 1, campaign::Step::Start, String::new()).await.unwrap();
    let foretold = desk::simulate(&kit.app, &manager, second, 100).await.unwrap();
    assert_eq!((foretold.in_scope, foretold.claimed, foretold.touches), (1, 1, 0), "the simulation says so beforehand");
    assert_eq!(foretold.stops_before_day_30, 0);
    assert_eq!(refused(desk::release(&kit.app, &manager, second, 100, 1).await), "remediation.not_simulated");
    desk::release(&kit.app, &manager, second, 100, 0).await.unwrap();
    while clock::take_in(&kit.app).await.unwrap() > 0 {}
    let waves = kit.app.read(move |tx| campaign::waves(tx, second)).await.unwrap();
    assert_eq!((waves[0].taken, waves[0].refused, waves[0].done), (0, 1, true));
    let whole = desk::whole(&kit.app, &manager, first).await.unwrap();
    assert_eq!(whole.standing.iter().map(|one| one.value).sum::<i64>(), 1);
});

story!(a_paused_campaign_stands_still, kit => {
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    let id = running(&kit, &manager, "一波").await;
    let version = kit.app.read(move |tx| campaign::find(tx, id)).await.unwrap().unwrap().version;
    let pause = async |words: &str| desk::turn(&kit.app, &manager, id, version, campaign::Step::Pause, words.into()).await;
    assert_eq!(refused(pause(" ").await), "remediation.field_invalid");
    pause("短信模板有误").await.unwrap();
    days(&kit, 10, true).await;
    assert_eq!(case_of(&kit, line).await.state, State::Identified);
    let version = kit.app.read(move |tx| campaign::find(tx, id)).await.unwrap().unwrap().version;
    desk::turn(&kit.app, &manager, id, version, campaign::Step::Resume, String::new()).await.unwrap();
    days(&kit, 1, true).await;
    assert_eq!(case_of(&kit, line).await.state, State::SmsSent);
});

story!(a_city_gets_stages_of_its_own_and_follows_the_general_plan_again, kit => {
    let province = kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.hq, "99");
    let id = desk::create(&kit.app, &province, NewCampaign { region: "99".into(), ..drive(&kit, "全省批次") }).await.unwrap();
    let version = async || kit.app.read(move |tx| campaign::find(tx, id)).await.unwrap().unwrap().version;
    let own = |stage: Stage, from: i64| desk::StageInput { region: kit::CITY.into(), stage, from: day(&kit, from), until: day(&kit, 300) };
    let set = async |by: &Actor, version: i64, region: &str, stages: Vec<desk::StageInput>| {
        desk::set_plan(&kit.app, by, (id, version), region.into(), stages, "地市错峰".into()).await
    };
    assert_eq!(refused(set(&manager(&kit), 1, kit::CITY, vec![own(Stage::Suspend, 60)]).await), "people.denied");
    assert_eq!(refused(set(&province, 7, kit::CITY, vec![own(Stage::Suspend, 60)]).await), "remediation.changed");
    assert_eq!(refused(set(&province, 1, "140100", vec![]).await), "remediation.field_invalid", "of another province");
    assert_eq!(refused(set(&province, 1, "99", vec![own(Stage::Suspend, 60)]).await), "remediation.field_invalid", "said of one, meant for another");
    let backwards = vec![own(Stage::Suspend, 60), own(Stage::Reregister, 50)];
    assert_eq!(refused(set(&province, 1, kit::CITY, backwards).await), "remediation.stage_order");
    set(&province, 1, kit::CITY, vec![own(Stage::Suspend, 60), own(Stage::Reregister, 75)]).await.unwrap();
    let begun = async |region: &'static str, after: i64| {
        let on = kit.app.clock.now().plus_ms(after * DAY_MS).day();
        let plan = kit.app.read(move |tx| campaign::plan(tx, id)).await.unwrap();
        campaign::begun(&plan, region, on) & Stage::Suspend as i64 != 0
    };
    assert_eq!((begun(kit::CITY, 40).await, begun(kit::CITY, 60).await, begun("990200", 40).await), (false, true, true));
    // Given again it replaces what was given before; none given takes it away.
    set(&province, version().await, kit::CITY, vec![own(Stage::Suspend, 70)]).await.unwrap();
    assert_eq!((begun(kit::CITY, 60).await, begun(kit::CITY, 70).await), (false, true));
    set(&province, version().await, kit::CITY, vec![]).await.unwrap();
    assert!(begun(kit::CITY, 40).await);
    assert_eq!(kit.app.read(move |tx| campaign::plan(tx, id)).await.unwrap().len(), 4);
    let entries = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = 'remediation.plan'", &[])?.int(0)?));
    assert_eq!(entries.await.unwrap(), 3);
});

story!(complaints_hold_the_case_and_three_give_it_an_owner, kit => {
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    for _ in 0..3 {
        let (app, now) = (kit.app.clone(), kit.app.clock.now());
        kit.app.write(move |tx| desk::complained(&app, tx, By::System("hotline"), line, "测试", now).map(drop)).await.unwrap();
    }
    let held = case_of(&kit, line).await;
    assert_eq!((held.state, held.complaints), (State::Held, 3));
    let step = async |asked| { let case = case_of(&kit, line).await; desk::step(&kit.app, &manager, case.id, case.version, asked, "已核实".into()).await };
    assert_eq!(refused(step(Asked::Release).await), "remediation.owner_missing");
    days(&kit, 60, true).await;
    assert_eq!(case_of(&kit, line).await.state, State::Held, "no forward move until it is released");
    kit.staff_of("T-77", Role::CityManager, kit.city).await;
    step(Asked::Own { staff: "T-77".into() }).await.unwrap();
    assert_eq!(refused(step(Asked::Release).await), "remediation.not_owner");
});

story!(duplicates_and_receipts_of_nobody_change_nothing, kit => {
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    days(&kit, 1, false).await;
    let case = case_of(&kit, line).await;
    let key = remediation::contact::key(case.id, 1);
    let receipt = |id: &str, key: Option<&str>| Receipt { id: id.to_owned(), key: key.map(ToOwned::to_owned), state: ReceiptState::Delivered };
    assert_eq!(kit.app.note_receipt(receipt("A-1", Some(&key))).await.unwrap(), Noted::New);
    assert_eq!(kit.app.note_receipt(receipt("A-1", Some(&key))).await.unwrap(), Noted::Known);
    assert_eq!(kit.app.note_receipt(receipt("B-9", None)).await.unwrap(), Noted::Unknown);
    let delivered = kit.app.read(move |tx| table::delivered(tx, case.id)).await.unwrap();
    assert_eq!((delivered.contacts, delivered.media), (1, 1));
});

story!(a_contact_takes_less_than_two_hundred_bytes, kit => {
    const ENTRIES: i64 = 20_000;
    let size = async |what: &'static str| match kit.app.store.engine() {
        chuangsha_store::Engine::Sqlite => kit.app.read(|tx| Ok(tx.query_one("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()", &[])?.int(0)?)).await.unwrap(),
        chuangsha_store::Engine::Postgres => kit.app.read(move |tx| Ok(tx.query_one(&format!("SELECT pg_total_relation_size('{what}')"), &[])?.int(0)?)).await.unwrap(),
    };
    let before = size("remediation_contact").await;
    let app = kit.app.clone();
    kit.app.write(move |tx| {
        for case in 0..ENTRIES / 5 {
            let id = app.ids.next(kit::start());
            for n in 1..=5 {
                table::add_contact(tx, id, &table::Contact {
                    n,
                    at: kit::start().plus_ms(case),
                    medium: remediation::Medium::Sms,
                    purpose: remediation::Purpose::Remind,
                    result: table::ContactResult::Delivered,
                    result_at: Some(kit::start()),
                    receipt: Some("0123456789ABCDEF".into()),
                })?;
            }
        }
        Ok(())
    }).await.unwrap();
    let each = (size("remediation_contact").await - before) / ENTRIES;
    assert!(each > 0 && each <= 200, "{each} bytes a contact");
});

story!(lines_are_parcelled_out_publicity_is_recorded_and_visits_are_counted, kit => {
    let manager = manager(&kit);
    for index in 1..=4 {
        line(&kit, index).await;
    }
    let id = running(&kit, &manager, "一波").await;
    let outlet = kit.outlet("S-1", chuangsha_kernel::rulebook::ChannelKind::SocialOutlet).await;
    for number in ["T-71", "T-72"] {
        kit.staff_of(number, Role::ChannelManager, kit.city).await;
    }
    let staff = vec!["T-71".to_owned(), "T-72".to_owned()];
    assert_eq!(refused(desk::parcel(&kit.app, &manager, id, vec!["T-99".into()], 5).await), "remediation.field_invalid");
    assert_eq!(desk::parcel(&kit.app, &manager, id, staff.clone(), 5).await.unwrap(), 4);
    assert_eq!(desk::parcel(&kit.app, &manager, id, staff, 5).await.unwrap(), 0, "nobody is left");
    desk::publicise(&kit.app, &manager, id, campaign::Publicity::Poster, 40, "演示一市广场".into()).await.unwrap();
    let before = desk::whole(&kit.app, &manager, id).await.unwrap();
    assert_eq!((before.visits, before.publicity.as_slice()), ((0, 1), [(campaign::Publicity::Poster, 1, 40)].as_slice()));
    let visit = chuangsha_app::channels::Visit { kind: "visit".into(), passed: true, finding: "无问题".into() };
    chuangsha_app::channels::visit(&kit.app, &manager, outlet, visit).await.unwrap();
    assert_eq!(desk::whole(&kit.app, &manager, id).await.unwrap().visits, (1, 1));
});

story!(many_cases_are_worked_at_once_and_who_is_protected_is_not_among_them, kit => {
    let manager = manager(&kit);
    let lines = [line(&kit, 1).await, line(&kit, 2).await, line(&kit, 3).await];
    running(&kit, &manager, "一波").await;
    kit.staff_of("T-77", Role::CityManager, kit.city).await;
    let hospital = NewProtected {
        number: Zeroizing::new("19900000003".to_owned()), category: Category::Hospital, until: String::new(), words: "急诊值班电话".to_owned(),
    };
    assert_eq!(protected::add(&kit.app, &manager, &hospital).await.unwrap(), (lines[2], true));
    assert_eq!(protected::add(&kit.app, &manager, &hospital).await.unwrap(), (lines[2], false), "said twice, it is one");
    let cases = [case_of(&kit, lines[0]).await, case_of(&kit, lines[1]).await, case_of(&kit, lines[2]).await];
    let act = async |nth: usize, asked: Asked, words: &str| desk::among_many(&kit.app, &manager, cases[nth].id, asked, words.into()).await;
    for nth in [0, 1] {
        act(nth, Asked::Parcel { staff: "T-77".into() }, "").await.unwrap();
    }
    let once = case_of(&kit, lines[0]).await;
    act(0, Asked::Parcel { staff: "T-77".into() }, "").await.unwrap();
    assert_eq!(case_of(&kit, lines[0]).await, once, "as asked already: nothing changes");
    assert_eq!(refused(act(2, Asked::Parcel { staff: "T-77".into() }, "").await), "remediation.one_by_one");
    assert_eq!(refused(act(2, Asked::Exempt { until: day(&kit, 5) }, "核实").await), "remediation.one_by_one");
    assert_eq!(refused(act(0, Asked::Exempt { until: day(&kit, 5) }, "").await), "remediation.field_invalid", "a reason is part of it");
    // Among many it is asked for once, before any line is touched.
    let operator = Actor { staff: kit.staff_of("M-1", Role::CityManager, kit.city).await, ..manager.clone() };
    let look = Look { app: kit.app.clone(), actor: operator, language: Language::Chinese, w: Words::of(Language::Chinese) };
    let list = routes::list_at("/remediation/cases").unwrap();
    let many = async |act: &str, fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let chosen = cases.iter().map(|case| case.id.to_string()).collect();
        batch::ask(&look, list, &Shown::read_address(list, "/remediation/cases"), act, fields, Some(chosen)).await
    };
    for (act, fields, missing) in [
        ("release", &[("words", " ")][..], "words"),
        ("exempt", &[("until", "2026-12-31"), ("words", "")], "words"),
        ("exempt", &[("until", "31.12."), ("words", "核实")], "until"),
        ("protect", &[("category", "elderly")], "words"),
        ("protect", &[("category", "anybody"), ("words", "核实")], "category"),
        ("own", &[("staff", "")], "staff"),
    ] {
        let problem = many(act, fields).await.unwrap_err().into_problem();
        assert_eq!((problem.code.id, problem.field.as_deref()), ("remediation.field_invalid", Some(missing)), "{act}");
    }
    let batches = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = 'job.batch'", &[])?.int(0)?));
    assert_eq!(batches.await.unwrap(), 0, "nothing was begun");
    assert_eq!(refused(act(0, Asked::Release, "核实").await), "remediation.out_of_order");
    act(1, Asked::Protect { category: "elderly".into(), until: String::new() }, "本人八十岁").await.unwrap();
    assert_eq!(protected::list(&kit.app, &manager, "", None, 10).await.unwrap().1, 2);
    let clerk = kit.clerk(kit.outlet("S-1", chuangsha_kernel::rulebook::ChannelKind::SocialOutlet).await);
    assert!(desk::among_many(&kit.app, &clerk, cases[0].id, Asked::Complain, String::new()).await.is_err(), "nor does a clerk see them");
    // Found by the full number, and the look is on record.
    let found = desk::of_number(&kit.app, &manager, Zeroizing::new("19900000001".into())).await.unwrap();
    assert_eq!(found, cases[0].id);
    assert_eq!(refused(desk::of_number(&kit.app, &manager, Zeroizing::new("19900000009".into())).await), "remediation.number_unknown");
    let looks = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = 'remediation.search'", &[])?.int(0)?));
    assert_eq!(looks.await.unwrap(), 2);
});

story!(a_protected_list_comes_from_a_file_row_by_row_and_an_entry_ends_on_its_day, kit => {
    let manager = manager(&kit);
    let lines = [line(&kit, 1).await, line(&kit, 2).await];
    running(&kit, &manager, "一波").await;
    let text = format!(
        "号码,类别,期限,理由\n19900000001,医疗,{},急诊值班电话\n19900000002,elderly,,本人八十岁\n19900000009,老人,,不是我们的号码\n1990,老人,,号码不全\n\
         19900000001,重要,,没有这一类\n",
        day(&kit, 3)
    );
    let taken = protected::take(&kit.app, &manager, text.as_bytes()).await.unwrap();
    assert_eq!((taken.rows, taken.entered, taken.known), (5, 2, 0));
    let told: Vec<_> = taken.rejected.iter().map(|one| (one.row, one.field.as_str(), one.code.as_str())).collect();
    assert_eq!(told[0], (4, "number", "remediation.number_unknown"));
    assert_eq!((told[1].0, told[1].1), (5, "number"));
    assert_eq!(told[2], (6, "category", "remediation.field_invalid"));
    assert!(!format!("{:?}", taken.rejected).contains("19900000009"), "the value itself is never repeated");
    let gb = encoding_rs::GB18030.encode(&text).0.into_owned();
    let again = protected::take(&kit.app, &manager, &gb).await.unwrap();
    assert_eq!((again.entered, again.known), (0, 2), "the same file in another encoding changes nothing");
    let (list, total) = protected::list(&kit.app, &manager, "", None, 10).await.unwrap();
    assert_eq!(total, 2);
    assert!(list.iter().all(|one| one.number.contains('*')));
    let rows = kit.app.read(|tx| Ok(tx.query("SELECT sealed FROM remediation_protected", &[])?.iter().map(|row| row.bytes(0).unwrap()).collect::<Vec<_>>()));
    assert!(rows.await.unwrap().iter().all(|sealed| !String::from_utf8_lossy(sealed).contains("急诊")), "why somebody is protected is sealed");
    days(&kit, 5, true).await;
    let (list, _) = protected::list(&kit.app, &manager, "", None, 10).await.unwrap();
    assert_eq!(list.iter().map(|one| one.subscription).collect::<Vec<_>>(), [lines[1]], "the other entry ended by itself");
    days(&kit, 40, true).await;
    let states = (case_of(&kit, lines[0]).await.state, case_of(&kit, lines[1]).await.state);
    assert!(states.0.is_stopped() && !states.1.is_stopped(), "{states:?}");
    protected::remove(&kit.app, &manager, lines[1], "核实有误".into()).await.unwrap();
    assert_eq!(protected::list(&kit.app, &manager, "", None, 10).await.unwrap().1, 0);
    assert_eq!(refused(protected::remove(&kit.app, &manager, lines[1], String::new()).await), "remediation.field_invalid");
});

story!(a_clock_that_jumps_skips_no_stage_and_dates_nothing_back, kit => {
    let manager = manager(&kit);
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    days(&kit, 5, true).await;
    let before = case_of(&kit, line).await;
    let now = kit.app.clock.now();
    // The machine wakes up in another year: one step, and its whole time ahead of it.
    kit.clock.set(now.plus_ms(400 * DAY_MS));
    clock::turn(&kit.app).await.unwrap();
    let after = case_of(&kit, line).await;
    assert_eq!((after.contacts, after.hold), (before.contacts + 1, None), "one contact, and nobody is stopped");
    assert!(matches!(after.state, State::SmsSent | State::Called));
    assert!(after.due >= kit.app.clock.now().plus_ms(DAY_MS), "the next step has its whole time");
    for _ in 0..20 {
        clock::turn(&kit.app).await.unwrap();
    }
    assert_eq!(case_of(&kit, line).await, after, "however often it looks");
    // Set right again: nothing is due, and nothing is dated before what was.
    kit.clock.set(now);
    clock::turn(&kit.app).await.unwrap();
    assert_eq!(case_of(&kit, line).await, after);
});

story!(a_year_without_its_holidays_stops_nobody_and_says_which, kit => {
    let manager = manager(&kit);
    // A Monday of a year whose notice nobody has written yet.
    kit.clock.set(Timestamp::start_of(jiff::civil::date(2031, 3, 3)).plus_ms(10 * HOUR_MS));
    let line = line(&kit, 1).await;
    let id = running(&kit, &manager, "一波").await;
    assert_eq!(desk::simulate(&kit.app, &manager, id, 10).await.unwrap().first_stop, None, "the simulation says so beforehand");
    days(&kit, 60, true).await;
    let case = case_of(&kit, line).await;
    assert_eq!((case.state, case.wait, case.hold), (State::Warned, remediation::Wait::NoCalendar, None), "told, and not stopped");
    let today = kit.app.clock.now().day();
    let problem = chuangsha_kernel::problem::Refuse::problem(&kit.app.calendar().missing(today, today).unwrap());
    for language in [chuangsha_kernel::problem::Language::Chinese, chuangsha_kernel::problem::Language::English] {
        assert!(problem.title(language).contains("2031") && problem.remedy(language).contains("[[day]]"), "{}", problem.remedy(language));
    }
});

story!(a_refund_to_a_closed_account_stands_in_the_register_of_the_unclaimed, kit => {
    let manager = manager(&kit);
    kit.clock.set(Timestamp::start_of(jiff::civil::date(2025, 2, 10)).plus_ms(10 * HOUR_MS));
    let line = line(&kit, 1).await;
    running(&kit, &manager, "一波").await;
    days(&kit, 60, true).await;
    let step = async |asked| { let case = case_of(&kit, line).await; desk::step(&kit.app, &manager, case.id, case.version, asked, "核实".into()).await };
    step(Asked::Balance { amount: 12_50 }).await.unwrap();
    days(&kit, 120, true).await;
    let case = case_of(&kit, line).await;
    assert_eq!(case.state, State::Refunding);
    assert_eq!(refused(step(Asked::Settle { reference: String::new(), account_closed: false }).await), "remediation.field_invalid", "paid has its number");
    step(Asked::Settle { reference: String::new(), account_closed: true }).await.unwrap();
    let find = move || { let (app, id) = (kit.app.clone(), case.id); async move { app.read(move |tx| remediation::refund::find(tx, id)).await.unwrap().unwrap() } };
    let refund = find().await;
    assert_eq!((refund.amount, refund.state), (12_50, remediation::refund::State::AccountClosed), "nothing is lost, and nothing sent back and forth");
});

/// A year of a small province on every store. A seed that ever failed becomes a line here.
#[tokio::test(flavor = "multi_thread")]
async fn a_province_lives_a_year_and_every_promise_holds() {
    for engine in testkit::engines().await {
        let plan = year::Plan { seed: 20_250_106, subscribers: 60, days: 250, restarts: true };
        let told = year::live(engine.store.clone(), plan, |_| {}).await.unwrap_or_else(|broken| panic!("{broken}"));
        assert!(told.stopped > 0 && told.restored > 0, "{told:?}");
    }
}
