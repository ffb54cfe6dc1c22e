//! The story of an outlet on every store: the way to its rights, each thing that is missing named, and how it loses them (R-CHN).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    channels::{self, Asked, Clause, ModeSwitch, NewChannel, State, Violation},
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
