//! The story of an outlet on every store: the way to its rights, each thing that is missing named, and how it loses them (R-CHN).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    channels::{
        self, Asked, Clause, ModeSwitch, NewChannel, State, Violation,
        plan::{self, Asked as OnPlan, Filter, NewPlan, State as PlanState},
    },
    platform::{
        actor::Actor,
        failure::Failure,
        people::{OrganisationKind, staff::NewStaff},
    },
    registration::{
        desk::{self, NewOrder},
        order::{Customer, Mode, Product},
    },
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    role::{Role, RoleSet},
    rulebook::ChannelKind,
    time::{Clock, DAY_MS},
};
use chuangsha_world::kit::{self, Kit, refused as code};
use chuangsha_world::story;

fn manager(kit: &Kit) -> Actor {
    kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY)
}

fn application(code: &str, parent: OrganisationId) -> NewChannel {
    NewChannel {
        code: code.into(),
        kind: "social_outlet".into(),
        region: kit::CITY.into(),
        parent,
        name_zh: "演示网点".into(),
        name_en: "Demo outlet".into(),
    }
}

async fn step(kit: &Kit, by: &Actor, id: OrganisationId, asked: Asked) -> Result<State, Failure> {
    Ok(channels::step(&kit.app, by, id, asked, "测试".into()).await?.state)
}

fn penalty(violation: Violation) -> Asked {
    Asked::Penalise { violation, responsible_unit: "渠道部".into(), responsible_post: "渠道经理".into() }
}

/// A clerk of the outlet, not trained yet.
async fn hire(kit: &Kit, outlet: OrganisationId) -> StaffId {
    let (app, id) = (kit.app.clone(), StaffId(kit.app.ids.next(kit::start())));
    kit.app
        .write(move |tx| {
            let new = NewStaff {
                id,
                number: "C-1",
                name: "测试",
                organisation: outlet,
                roles: RoleSet::of(&[Role::Clerk]),
                password: "x",
                must_change: false,
                trained_until: None,
            };
            app.join(tx, &new, kit::start())
        })
        .await
        .unwrap();
    id
}

story!(an_outlet_is_admitted_step_by_step_and_what_is_missing_is_named, kit => {
    let by = manager(&kit);
    let id = channels::apply(&kit.app, &by, application("S-7001", kit.city)).await.unwrap();
    assert_eq!(code(channels::apply(&kit.app, &by, application("S-7001", kit.city)).await), "channels.code_taken");
    assert_eq!(code(channels::apply(&kit.app, &by, application("S-7002", id)).await), "channels.sub_agent");
    assert_eq!(code(step(&kit, &by, id, Asked::Open).await), "channels.out_of_order", "nothing is skipped");
    assert_eq!(step(&kit, &by, id, Asked::Vet).await.unwrap(), State::Vetted);
    for missing in Clause::ALL {
        let clauses = Clause::ALL.into_iter().filter(|clause| *clause != missing).collect();
        assert_eq!(code(step(&kit, &by, id, Asked::Sign { clauses }).await), "channels.clause_missing", "{missing:?}");
    }
    assert_eq!(step(&kit, &by, id, Asked::Sign { clauses: Clause::ALL.to_vec() }).await.unwrap(), State::Signed);
    for (reader, app) in [(false, false), (true, false), (false, true)] {
        step(&kit, &by, id, Asked::Equip { reader, app }).await.unwrap();
        assert_eq!(code(step(&kit, &by, id, Asked::Open).await), "channels.not_equipped");
    }
    step(&kit, &by, id, Asked::Equip { reader: true, app: true }).await.unwrap();
    assert_eq!(code(step(&kit, &by, id, Asked::Open).await), "channels.nobody_trained");
    let clerk = hire(&kit, id).await;
    channels::train(&kit.app, &by, clerk).await.unwrap();
    assert_eq!(step(&kit, &by, id, Asked::Open).await.unwrap(), State::Active);
    // Without its reader it registers nobody.
    assert_eq!(step(&kit, &by, id, Asked::Equip { reader: false, app: true }).await.unwrap(), State::Suspended);
});

story!(the_second_minor_violation_suspends_and_one_grave_one_ends_it, kit => {
    let by = manager(&kit);
    let minor = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    assert_eq!(step(&kit, &by, minor, penalty(Violation::Minor)).await.unwrap(), State::Warned);
    assert_eq!(step(&kit, &by, minor, penalty(Violation::Minor)).await.unwrap(), State::Suspended);
    for (violation, place) in Violation::ALL.into_iter().filter(|violation| *violation != Violation::Minor).zip(1..) {
        let id = kit.outlet(&format!("S-100{place}"), ChannelKind::SocialOutlet).await;
        assert_eq!(step(&kit, &by, id, penalty(violation)).await.unwrap(), State::Blacklisted, "{violation:?}");
        assert_eq!(code(step(&kit, &by, id, Asked::Resume).await), "channels.out_of_order", "there is no way back");
    }
});

story!(an_outlet_that_is_not_active_opens_no_order, kit => {
    let (by, number) = (manager(&kit), kit.numbers(1, 1).await[0]);
    let input = NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
    for (asked, name) in [(Asked::Suspend, "S-0001"), (Asked::Terminate, "S-0002"), (penalty(Violation::CardFarming), "S-0003")] {
        let id = kit.outlet(name, ChannelKind::SocialOutlet).await;
        step(&kit, &by, id, asked).await.unwrap();
        assert_eq!(code(desk::open(&kit.app, &kit.clerk(id), input.clone()).await), "registration.channel_not_active");
    }
});

story!(a_city_switch_beats_its_province_and_both_beat_the_default, kit => {
    let province = kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.hq, "99");
    let open = || async {
        let app = kit.app.clone();
        kit.app.read(move |tx| Ok(channels::mode_open(tx, &app, kit::CITY, Mode::OnlineDelivery, app.clock.now())?.value)).await.unwrap()
    };
    assert!(open().await);
    for (region, is_open, expected) in [("99", false, false), (kit::CITY, true, true), ("99", false, true), (kit::CITY, false, false)] {
        kit.clock.advance_ms(1);
        let switch = ModeSwitch { region: region.into(), mode: Mode::OnlineDelivery, open: is_open };
        channels::switch_mode(&kit.app, &province, switch, "测试".into()).await.unwrap();
        assert_eq!(open().await, expected, "{region} {is_open}");
    }
});

story!(every_outlet_stands_in_the_plan_and_is_ticked_off_or_missed, kit => {
    let outlets = ["S-0001", "S-0002", "S-0003", "Z-0001"].map(|name| (name, ChannelKind::SocialOutlet));
    let mut ids = Vec::new();
    for (name, kind) in outlets {
        ids.push(kit.outlet(name, kind).await);
    }
    kit.outlet("W-0001", ChannelKind::Online).await;
    let ann = Actor { staff: kit.staff_of("V-1", Role::ChannelManager, kit.city).await, ..kit.actor(Role::ChannelManager, OrganisationKind::City, kit.city, kit::CITY) };
    let ben = Actor { staff: kit.staff_of("V-2", Role::ChannelManager, kit.city).await, ..ann.clone() };
    let day = |after: i64| kit.clock.now().plus_ms(after * DAY_MS).day().to_string();
    let new = |outlets: &[&str], staff: &[&str], from: i64, until: i64| NewPlan {
        outlets: outlets.iter().map(ToString::to_string).collect(),
        region: kit::CITY.into(),
        since: String::new(),
        kind: "visit".into(),
        staff: staff.iter().map(ToString::to_string).collect(),
        from: day(from),
        until: day(until),
        each: 1,
    };
    let plan = async |input: NewPlan| plan::plan(&kit.app, &ann, input).await;
    let listed = async |filter: Filter| plan::list(&kit.app, &ann, Filter { limit: 50, ..filter }).await.unwrap();
    // What cannot be is said by its field, and nothing is planned.
    assert_eq!(code(plan(new(&["S-9999"], &["V-1"], 0, 0)).await), "visit.field_invalid");
    assert_eq!(code(plan(new(&["W-0001"], &["V-1"], 0, 0)).await), "visit.field_invalid", "nobody visits a page");
    assert_eq!(code(plan(new(&["S-0001"], &["N-9"], 0, 0)).await), "visit.field_invalid", "somebody who visits outlets");
    assert_eq!(code(plan(new(&["S-0001"], &["V-1"], -1, 0)).await), "visit.past");
    assert_eq!(code(plan(new(&[], &["V-1"], 0, 1)).await), "visit.no_room", "four outlets, and a weekend's end of room");
    let clerk = kit.clerk(ids[0]);
    assert_eq!(code(plan::plan(&kit.app, &clerk, new(&["S-0001"], &["V-1"], 0, 0)).await), "people.denied");
    assert!(listed(Filter::default()).await.is_empty());
    // All of the city that were never visited, over the working days of a week: two people, one visit a day each.
    assert_eq!(plan(new(&[], &["V-1", "V-2"], 0, 6)).await.unwrap(), 4);
    assert_eq!(code(plan(new(&[], &["V-1"], 0, 6)).await), "visit.nobody", "each stands in it once");
    assert_eq!(code(plan(new(&["S-0002"], &["V-1"], 3, 3)).await), "visit.twice");
    let all = listed(Filter::default()).await;
    let told: Vec<_> = all.iter().map(|one| (one.plan.day.to_string(), one.number.as_str(), one.code.as_str())).collect();
    let (monday, tuesday) = (day(1), day(2));
    assert_eq!(
        told,
        [(monday.clone(), "V-1", "S-0001"), (monday, "V-2", "S-0002"), (tuesday.clone(), "V-1", "S-0003"), (tuesday, "V-2", "Z-0001")],
        "the Sunday is left out, neighbours go together"
    );
    assert_eq!(code(plan::list(&kit.app, &clerk, Filter::default()).await), "people.denied", "an outlet does not hear who comes when");
    let step = async |by: &Actor, one: &plan::Listed, asked| plan::step(&kit.app, by, one.plan.id, one.plan.version, asked, "核实".into()).await;
    let went = || OnPlan::Visit { passed: true, finding: "门头与公示齐全".into() };
    assert_eq!(code(step(&ann, &all[0], went()).await), "visit.too_early");
    kit.clock.advance_ms(DAY_MS);
    assert_eq!(code(step(&ben, &all[0], went()).await), "visit.not_yours");
    assert_eq!(code(step(&ann, &all[0], OnPlan::Visit { passed: true, finding: "x".into() }).await), "channels.field_invalid");
    assert_eq!(step(&ann, &all[0], went()).await.unwrap().state, PlanState::Done);
    assert_eq!(code(step(&ann, &all[0], went()).await), "visit.changed");
    let outlet = channels::find(&kit.app, &ann, ids[0]).await.unwrap();
    assert_eq!((outlet.visits.len(), outlet.visits[0].3.as_str()), (1, "门头与公示齐全"), "the visit is on the outlet's record");
    // The day passes: missed, once, by the job; then another day and another person.
    assert_eq!(plan::turn(&kit.app).await.unwrap(), 0, "today is not over");
    kit.clock.advance_ms(DAY_MS);
    assert_eq!((plan::turn(&kit.app).await.unwrap(), plan::turn(&kit.app).await.unwrap()), (1, 0));
    let missed = listed(Filter { states: vec![PlanState::Missed], ..Filter::default() }).await.remove(0);
    assert_eq!(missed.code, "S-0002");
    let counted = kit.app.read(|tx| plan::counts(tx, "9901", kit::start().day())).await.unwrap();
    assert_eq!(counted, (2, 1), "two to come, one missed");
    assert_eq!(code(step(&ann, &missed, OnPlan::Move { day: day(-1), staff: String::new() }).await), "visit.past");
    let moved = step(&ann, &missed, OnPlan::Move { day: day(0), staff: "V-1".into() }).await.unwrap();
    assert_eq!((moved.state, moved.staff), (PlanState::Planned, ann.staff));
    let mine = listed(Filter { staff: Some(ann.staff), states: vec![PlanState::Planned], ..Filter::default() }).await;
    assert_eq!(mine.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["S-0002", "S-0003"]);
    assert_eq!(step(&ann, &mine[0], went()).await.unwrap().state, PlanState::Done);
    assert_eq!(step(&ann, &mine[1], OnPlan::Withdraw).await.unwrap().state, PlanState::Withdrawn);
    // What was withdrawn may be planned again; what was visited since a day is not asked for.
    let again = plan(NewPlan { since: day(-5), ..new(&[], &["V-1"], 1, 1) }).await.unwrap();
    assert_eq!((again, listed(Filter { from: Some(kit.clock.now().plus_ms(DAY_MS).day()), ..Filter::default() }).await[0].code.clone()), (1, "S-0003".into()));
    let entries = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE case_kind = 'visit'", &[])?.int(0)?)).await.unwrap();
    assert_eq!(entries, 5 + 2 + 1 + 1 + 1, "every step has its entry");
});

story!(the_end_of_an_outlet_ends_the_sessions_of_its_people, kit => {
    use chuangsha_app::platform::people::{Credentials, Origin, password, session::Presented};
    const PASSWORD: &str = "correct horse 电池 staple";
    let by = manager(&kit);
    let outlets = [kit.outlet("S-0001", ChannelKind::SocialOutlet).await, kit.outlet("S-0002", ChannelKind::SocialOutlet).await];
    let hash = password::hash_now(&password::Password::typed(PASSWORD), &kit.app.ids).unwrap();
    let mut tokens = Vec::new();
    for (outlet, number) in outlets.into_iter().zip(["C-11", "C-12"]) {
        let (app, hash, id) = (kit.app.clone(), hash.clone(), StaffId(kit.app.ids.next(kit::start())));
        kit.app
            .write(move |tx| {
                let roles = RoleSet::of(&[Role::Clerk]);
                let new =
                    NewStaff { id, number, name: "测试", organisation: outlet, roles, password: &hash, must_change: false, trained_until: None };
                app.join(tx, &new, kit::start())
            })
            .await
            .unwrap();
        let credentials = Credentials { number: number.into(), password: PASSWORD.into(), code: None };
        tokens.push(kit.app.sign_in(credentials, Origin { address: "10.0.0.*".into(), device: None }).await.unwrap().token);
    }
    let node = kit.app_on(kit.app.store.clone()).await;
    let alive = async |app: &chuangsha_app::App| {
        let mut alive = Vec::new();
        for token in &tokens {
            alive.push(app.live(Presented::Session(token.hash()), "10.0.0.*").await.unwrap());
        }
        alive
    };
    // Both nodes have both sessions in memory.
    let before = alive(&kit.app).await;
    assert!(before.iter().chain(&alive(&node).await).all(Option::is_some));
    assert_eq!(step(&kit, &by, outlets[0], Asked::Terminate).await.unwrap(), State::Terminated);
    for app in [&kit.app, &node] {
        app.poll_epochs().await.unwrap();
        let after = alive(app).await;
        assert!(after[0].is_none(), "the ended outlet's");
        assert!(after[1].is_some(), "the other outlet's goes on");
    }
    assert!(before[0].as_ref().unwrap().actor.alive.is_cancelled(), "a stream of that session stops");
    assert!(!before[1].as_ref().unwrap().actor.alive.is_cancelled());
});
