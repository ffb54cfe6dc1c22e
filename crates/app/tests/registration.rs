//! The story of an order, told on every store the machine has: the way through, each guard in it, and what cannot be had in another order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use chuangsha_app::{
    platform::{failure::Failure, reveal::Reveal},
    registration::{
        audit_desk,
        desk::{self, Capture, Delivery, NewOrder},
        gate,
        order::{Check, Customer, Defect, ImageKind, Mode, Product, RejectReason, State},
        person, picture, table, view,
    },
    start,
};
use chuangsha_kernel::{
    id::OrderId,
    rulebook::ChannelKind,
    time::{DAY_MS, MINUTE_MS},
};
use chuangsha_store::testkit;
use chuangsha_world::story;
use chuangsha_world::{
    kit::{self, Kit, refused as code},
    network, verification,
};
use zeroize::Zeroizing;

story!(from_the_counter_to_the_network, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let number = kit.numbers(1, 1).await[0];
    let order = kit.submitted(&clerk, number, 1).await;
    assert_eq!((order.state, order.check), (State::Submitted, Check::Match));
    let claimed = audit_desk::claim_next(&kit.app, &auditor, table::Filter::default()).await.unwrap();
    assert_eq!(claimed.id, order.id);
    let approved = audit_desk::approve(&kit.app, &auditor, order.id, claimed.version).await.unwrap();
    assert_eq!(approved.state, State::Activating, "the command waits in the outbox");
    assert!(kit.network.services().is_empty(), "nothing reached the network inside the transaction");
    kit.work().await;
    assert_eq!(kit.order(order.id).await.state, State::Activated);
    assert_eq!(kit.network.services().len(), 1);
    let timeline = view::timeline(&kit.app, &clerk, order.id).await.unwrap();
    let steps: Vec<&str> = timeline.iter().map(|entry| entry.step.as_str()).filter(|step| step.contains('>')).collect();
    assert_eq!(steps, [
        ">draft", "draft>reserved", "reserved>captured", "captured>submitted", "submitted>submitted", "submitted>auditing", "auditing>approved",
        "approved>activating", "activating>activated",
    ]);
    assert!(timeline.iter().all(|entry| !entry.article.is_empty()), "every step says which article decided");
    start::integrate(&kit.app).await.unwrap();
    start::fold(&kit.app).await.unwrap();
    let table = kit.app.read(|tx| chuangsha_app::figures::table(tx, kit::start().day(), kit::start().day(), "99")).await.unwrap();
    let counts = &table[&(kit::CITY.to_owned(), ChannelKind::SocialOutlet as i64)];
    assert_eq!(counts[&chuangsha_app::figures::Metric::NewRealName], 1);
    assert_eq!(counts[&chuangsha_app::figures::Metric::NewCustomers], 1);
});

story!(nobody_audits_what_their_own_outlet_captured, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 1).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    // The same person, promoted in their sleep.
    let mut same = kit.auditor();
    same.staff = clerk.staff;
    assert_eq!(code(audit_desk::claim(&kit.app, &same, order.id).await), "registration.own_order");
    // A colleague of the same outlet.
    let mut colleague = kit.auditor();
    colleague.organisation = outlet;
    assert_eq!(code(audit_desk::claim(&kit.app, &colleague, order.id).await), "registration.same_organisation");
    assert_eq!(code(audit_desk::claim_next(&kit.app, &colleague, table::Filter::default()).await), "registration.queue_empty", "and is not offered it");
    // And the table refuses what no code asked for.
    let (id, organisation) = (order.id, outlet);
    let forced = kit.app.write(move |tx| {
        let sql = "UPDATE registration_order SET state = 8, decided_staff = $2, decided_organisation = $3 WHERE id = $1";
        Ok(tx.execute(sql, &chuangsha_store::params![id.as_bytes(), &[9_u8; 16], organisation.as_bytes()])?)
    }).await;
    assert!(matches!(forced, Err(Failure::Store(_))), "{forced:?}");
    let unaudited = kit.app.write(move |tx| {
        Ok(tx.execute("UPDATE registration_order SET state = 11 WHERE id = $1", &chuangsha_store::params![id.as_bytes()])?)
    }).await;
    assert!(matches!(unaudited, Err(Failure::Store(_))), "{unaudited:?}");
});

story!(the_sixth_number_is_refused_before_anything_is_captured, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 7).await;
    for number in &numbers[..5] {
        kit.reserved(&clerk, *number, 1).await.unwrap();
    }
    assert_eq!(code(kit.reserved(&clerk, numbers[5], 1).await), "registration.quota_full");
    // Another person is not concerned.
    let other = kit.reserved(&clerk, numbers[6], 2).await.unwrap();
    // One of the five is given up: its slot is free again, and only that one.
    let first = kit.app.read(|tx| table::list(tx, &table::Filter { limit: 10, ..table::Filter::default() })).await.unwrap();
    let mine = first.iter().find(|row| row.order.slot == Some(3)).unwrap().order.clone();
    desk::cancel(&kit.app, &clerk, mine.id, mine.version, "客户改变主意".to_owned()).await.unwrap();
    let again = kit.numbers(20, 1).await[0];
    let id = kit.reserved(&clerk, again, 1).await.unwrap();
    assert_eq!(kit.order(id).await.slot, Some(3));
    assert_ne!(id, other);
});

story!(a_legacy_holder_above_the_limit_keeps_what_they_have_and_gets_nothing_new, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 1).await;
    let app = kit.app.clone();
    let key = app.vault.blind(chuangsha_vault::Field::PersonKey, &format!("CN:{}", kit::resident_id(1))).unwrap().0;
    kit.app.write(move |tx| {
        for slot in 1..=8 {
            let holder = app.ids.next(kit::start());
            table::take_slot(tx, &app.config.operator.code, &key, "mobile", slot, holder, true)?;
            let number = table::PoolNumber {
                id: holder, index: holder.as_bytes().to_vec(), sealed: Vec::new(), region: kit::CITY.into(), product: Product::Voice,
                state: table::NumberState::InUse as i64, holder: Some(holder),
            };
            table::add_number(tx, &number)?;
            table::add_subscription(tx, &table::Subscription {
                id: holder, number: holder, subject: None, person_key: Some(key), region: kit::CITY.into(),
                channel_kind: 1, product: Product::Voice, real_name: true, since: kit::start(),
            })?;
        }
        Ok(())
    }).await.unwrap();
    let canonical = kit.reserved(&clerk, numbers[0], 1).await;
    assert_eq!(code(canonical), "registration.quota_full");
});

story!(one_person_behind_two_documents_is_counted_once, kit, sound => {
    let hall = kit.outlet("Z-0001", ChannelKind::OwnHall).await;
    let social = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(hall);
    let numbers = kit.numbers(1, 8).await;
    // The golden vector of the requirements, put together here.
    let permit = chuangsha_kernel::document::ResidentId::compose("830000", jiff::civil::date(1992, 1, 30), 2).unwrap();
    let travel = |entry: &str| {
        let mut input = kit::reservation(1, 1);
        input.entry = entry.to_owned();
        input.holder.document_kind = "taiwan_travel_permit".to_owned();
        input.holder.document_number = Zeroizing::new("12345678".to_owned());
        input.holder.valid_from = None;
        input.holder.valid_until = Some("2028-01-01".to_owned());
        input
    };
    let residence = |entry: &str| {
        let mut input = kit::reservation(1, 1);
        input.entry = entry.to_owned();
        input.holder.document_kind = "taiwan_residence_permit".to_owned();
        input.holder.document_number = Zeroizing::new(permit.clone());
        input.holder.valid_from = Some("2024-01-01".to_owned());
        input.holder.valid_until = Some("2029-01-01".to_owned());
        input
    };
    let new = |number| NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
    for (index, number) in numbers[..6].iter().enumerate() {
        let id = desk::open(&kit.app, &clerk, new(*number)).await.unwrap();
        let input = if index < 3 { travel("manual") } else { residence("reader") };
        desk::reserve(&kit.app, &clerk, id, input).await.unwrap_or_else(|failure| panic!("{index}: {failure}"));
    }
    let shown = |kind: &str, number: &str| person::Shown { document_kind: kind.into(), document_number: Zeroizing::new(number.into()), country: None };
    let link = |words: &str| person::Link {
        first: shown("taiwan_residence_permit", &permit), second: shown("taiwan_travel_permit", "12345678"), words: words.into(),
    };
    assert_eq!(code(person::link(&kit.app, &kit.clerk(social), link("两证同时出示")).await), "registration.document_not_allowed");
    person::link(&kit.app, &clerk, link("两证同时出示")).await.unwrap();
    person::link(&kit.app, &clerk, link("再次出示")).await.unwrap();
    // Six numbers stay, one more than the limit; whichever document is shown, nothing is added.
    for input in [travel("manual"), residence("reader")] {
        let number = if input.entry == "manual" { numbers[6] } else { numbers[7] };
        let id = desk::open(&kit.app, &clerk, new(number)).await.unwrap();
        assert_eq!(code(desk::reserve(&kit.app, &clerk, id, input).await), "registration.quota_full");
    }
    let mut other = link("不同的人");
    other.second = shown("hong_kong_macau_travel_permit", "H1234567800");
    assert_eq!(code(person::link(&kit.app, &clerk, other).await), "document.not_linkable");
});

story!(a_restricted_person_gets_nothing_new_until_the_term_ends, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 1).await;
    let agent = kit.actor(chuangsha_kernel::role::Role::HotlineAgent, chuangsha_app::platform::people::OrganisationKind::CarrierHq, kit.hq, "");
    let restriction = person::Restriction {
        document: person::Shown { document_kind: "resident_id".into(), document_number: Zeroizing::new(kit::resident_id(1)), country: None },
        until: "2026-12-31".into(),
        words: "惩戒告知书示例".into(),
    };
    assert_eq!(code(person::restrict(&kit.app, &clerk, restriction.clone()).await), "people.denied");
    person::restrict(&kit.app, &agent, restriction).await.unwrap();
    assert_eq!(code(kit.reserved(&clerk, numbers[0], 1).await), "registration.person_listed");
    kit.clock.advance_ms(40 * DAY_MS);
    start::expire(&kit.app).await.unwrap();
    kit.reserved(&clerk, numbers[0], 1).await.unwrap();
});

story!(what_the_counter_may_not_do, kit, sound => {
    let social = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(social);
    let numbers = kit.numbers(1, 9).await;
    let draft = |number, mode| NewOrder { number, mode, product: Product::Voice, customer: Customer::Individual };
    // A mode of another kind of channel.
    assert_eq!(code(desk::open(&kit.app, &clerk, draft(numbers[0], Mode::OnlineDelivery)).await), "registration.mode_closed");
    let id = desk::open(&kit.app, &clerk, draft(numbers[0], Mode::Counter)).await.unwrap();
    // The number is kept from others.
    assert_eq!(code(desk::open(&kit.app, &clerk, draft(numbers[0], Mode::Counter)).await), "registration.number_taken");
    // Typed in by hand, at a social outlet.
    let mut typed = kit::reservation(1, 1);
    typed.entry = "manual".to_owned();
    assert_eq!(code(desk::reserve(&kit.app, &clerk, id, typed).await), "registration.document_not_allowed");
    // A passport, at a social outlet.
    let mut passport = kit::reservation(1, 1);
    passport.holder.document_kind = "passport".to_owned();
    passport.holder.document_number = Zeroizing::new("E12345678".to_owned());
    passport.holder.country = Some("UTO".to_owned());
    assert_eq!(code(desk::reserve(&kit.app, &clerk, id, passport).await), "registration.document_not_allowed");
    // Bad input, each naming its field.
    for (field, change) in [
        ("holder.document_number", Box::new(|input: &mut desk::PartyInput| *input.document_number = "99010119800101001X0".into()) as Box<dyn Fn(&mut desk::PartyInput)>),
        ("holder.document_number", Box::new(|input| { let last = input.document_number.pop().unwrap(); input.document_number.push(if last == '1' { '2' } else { '1' }); })),
        ("holder.name", Box::new(|input| *input.name = String::new())),
        ("holder.name", Box::new(|input| *input.name = "长".repeat(10_000))),
        ("holder.address", Box::new(|input| *input.address = " ".into())),
        ("holder.phone", Box::new(|input| input.phone = Some(Zeroizing::new("12345".into())))),
        ("holder.valid_until", Box::new(|input| input.valid_until = Some("2021-01-01".into()))),
        ("holder.valid_until", Box::new(|input| input.valid_until = Some("2040-02-30".into()))),
        ("holder.document_kind", Box::new(|input| input.document_kind = "library_card".into())),
    ] {
        let mut bad = kit::reservation(1, 1);
        change(&mut bad.holder);
        let Err(Failure::Problem(problem)) = desk::reserve(&kit.app, &clerk, id, bad).await else { panic!("{field} was accepted") };
        assert_eq!(problem.field.as_deref(), Some(field), "{}", problem.code.id);
        assert!(problem.code.status == 422 || problem.code.status == 400, "{}", problem.code.id);
    }
    // Rare characters and full-width digits are people's names and numbers.
    let mut rare = kit::reservation(1, 1);
    *rare.holder.name = "㼆𠮷鿃".to_owned();
    let wide: String = kit::resident_id(1).chars().map(|c| char::from_u32(c as u32 - 0x30 + 0xff10).filter(|_| c.is_ascii_digit()).unwrap_or(c)).collect();
    *rare.holder.document_number = wide;
    let reserved = desk::reserve(&kit.app, &clerk, id, rare).await.unwrap();
    assert_eq!(reserved.state, State::Reserved);
    // The page is stale.
    assert_eq!(code(desk::submit(&kit.app, &clerk, id, 1).await), "registration.stale");
    // Out of order.
    assert_eq!(code(desk::submit(&kit.app, &clerk, id, 2).await), "registration.out_of_order");
    // Without the original, the warning, the pictures.
    let capture = |original_seen, warning_read| Capture { version: 2, original_seen, warning_read, face_declined: false, agreement_clause: false };
    assert_eq!(code(desk::capture(&kit.app, &clerk, id, capture(false, true)).await), "registration.original_not_seen");
    assert_eq!(code(desk::capture(&kit.app, &clerk, id, capture(true, false)).await), "registration.warning_not_read");
    assert_eq!(code(desk::capture(&kit.app, &clerk, id, capture(true, true)).await), "registration.image_missing");
    kit.pictures(&clerk, id).await;
    let captured = desk::capture(&kit.app, &clerk, id, capture(true, true)).await.unwrap();
    let submitted = desk::submit(&kit.app, &clerk, id, captured.version).await.unwrap();
    assert_eq!(code(desk::submit(&kit.app, &clerk, id, captured.version).await), "registration.stale", "a second submit");
    assert_eq!(code(desk::submit(&kit.app, &clerk, id, submitted.version).await), "registration.out_of_order");
    // An untrained clerk.
    let mut untrained = kit.clerk(social);
    untrained.trained_until = Some(kit::start());
    let refused = code(desk::open(&kit.app, &untrained, draft(numbers[1], Mode::Counter)).await);
    assert!(["people.denied", "registration.clerk_not_trained"].contains(&refused), "{refused}");
});

story!(an_agent_shows_both_documents, kit, sound => {
    let hall = kit.outlet("Z-0001", ChannelKind::OwnHall).await;
    let clerk = kit.clerk(hall);
    let numbers = kit.numbers(1, 3).await;
    let new = |number| NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
    let id = desk::open(&kit.app, &clerk, new(numbers[0])).await.unwrap();
    let mut own_agent = kit::reservation(1, 1);
    own_agent.agent = Some(kit::holder(1));
    assert_eq!(code(desk::reserve(&kit.app, &clerk, id, own_agent).await), "registration.agent_is_holder");
    let mut agent = kit::reservation(1, 1);
    agent.agent = Some(kit::holder(2));
    desk::reserve(&kit.app, &clerk, id, agent).await.unwrap();
    kit.pictures(&clerk, id).await;
    let capture = Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    assert_eq!(code(desk::capture(&kit.app, &clerk, id, capture).await), "registration.image_missing", "the agent's document");
    desk::add_image(&kit.app, &clerk, id, ImageKind::AgentDocument, chuangsha_world::pictures::signature(2)).await.unwrap();
    desk::capture(&kit.app, &clerk, id, capture).await.unwrap();
});

story!(a_group_names_its_user_and_its_agreement, kit, sound => {
    let hall = kit.outlet("Z-0001", ChannelKind::OwnHall).await;
    let clerk = kit.clerk(hall);
    let numbers = kit.numbers(1, 3).await;
    let id = desk::open(&kit.app, &clerk, NewOrder { number: numbers[0], mode: Mode::Counter, product: Product::Voice, customer: Customer::Group }).await.unwrap();
    assert_eq!(code(desk::reserve(&kit.app, &clerk, id, kit::reservation(1, 1)).await), "registration.organisation_missing");
    let mut group = kit::reservation(1, 1);
    let mut organisation = kit::holder(1);
    organisation.document_kind = "organisation_code".to_owned();
    organisation.document_number = Zeroizing::new("91350100M000100Y43".to_owned());
    organisation.valid_from = None;
    organisation.valid_until = None;
    group.organisation = Some(organisation);
    group.handler = Some(kit::holder(3));
    desk::reserve(&kit.app, &clerk, id, group).await.unwrap();
    kit.pictures(&clerk, id).await;
    desk::add_image(&kit.app, &clerk, id, ImageKind::OrganisationCertificate, chuangsha_world::pictures::signature(2)).await.unwrap();
    let capture = |agreement_clause| Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause };
    assert_eq!(code(desk::capture(&kit.app, &clerk, id, capture(false)).await), "registration.agreement_clause_missing");
    desk::capture(&kit.app, &clerk, id, capture(true)).await.unwrap();
});

story!(while_the_authority_is_down_orders_wait, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 3).await;
    for behaviour in [verification::Behaviour::Status(503), verification::Behaviour::Garbage, verification::Behaviour::WrongQuestion, verification::Behaviour::NoEvidence] {
        kit.authority.always(Some(behaviour));
        kit.clock.advance_ms(MINUTE_MS);
    }
    kit.authority.always(Some(verification::Behaviour::Garbage));
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    assert_eq!((order.state, order.check), (State::Submitted, Check::Waiting));
    assert_eq!(code(audit_desk::claim(&kit.app, &auditor, order.id).await), "registration.check_pending");
    assert_eq!(code(audit_desk::claim_next(&kit.app, &auditor, table::Filter::default()).await), "registration.queue_empty");
    kit.authority.always(None);
    for _ in 0..20 {
        kit.clock.advance_ms(30 * MINUTE_MS);
        kit.work().await;
        if kit.order(order.id).await.check != Check::Waiting {
            break;
        }
    }
    assert_eq!(kit.order(order.id).await.check, Check::Match, "it goes on by itself");
});

story!(a_mismatch_is_never_approved_and_a_low_score_needs_two_people, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 3).await;
    kit.authority.script([verification::Behaviour::Mismatch, verification::Behaviour::Score(950)]);
    let forged = kit.submitted(&clerk, numbers[0], 1).await;
    assert_eq!(forged.check, Check::Mismatch);
    let held = audit_desk::claim(&kit.app, &auditor, forged.id).await.unwrap();
    assert_eq!(code(audit_desk::approve(&kit.app, &auditor, forged.id, held.version).await), "registration.check_failed");
    assert_eq!(code(audit_desk::reject(&kit.app, &auditor, forged.id, held.version, RejectReason::Other, String::new()).await), "registration.words_missing");
    let rejected = audit_desk::reject(&kit.app, &auditor, forged.id, held.version, RejectReason::CheckFailed, String::new()).await.unwrap();
    assert_eq!(rejected.state, State::Rejected);
    kit.authority.script([verification::Behaviour::Match, verification::Behaviour::Score(310)]);
    let doubtful = kit.submitted(&clerk, numbers[1], 2).await;
    assert_eq!((doubtful.check, doubtful.face_score), (Check::Match, Some(310)));
    let held = audit_desk::claim(&kit.app, &auditor, doubtful.id).await.unwrap();
    assert_eq!(code(audit_desk::approve(&kit.app, &auditor, doubtful.id, held.version).await), "registration.face_not_matched");
    let escalated = audit_desk::escalate(&kit.app, &auditor, doubtful.id, held.version, "人像得分偏低".to_owned()).await.unwrap();
    let (one, two) = (kit.senior(), kit.senior());
    assert_eq!(code(audit_desk::decide(&kit.app, &auditor, doubtful.id, escalated.version, true, "看过".to_owned()).await), "people.denied");
    let voted = audit_desk::decide(&kit.app, &one, doubtful.id, escalated.version, true, "本人无误".to_owned()).await.unwrap();
    assert_eq!(voted.state, State::Escalated, "one vote decides nothing");
    assert_eq!(code(audit_desk::decide(&kit.app, &one, doubtful.id, voted.version, true, "再看一次".to_owned()).await), "registration.second_senior_needed");
    let decided = audit_desk::decide(&kit.app, &two, doubtful.id, voted.version, true, "同意".to_owned()).await.unwrap();
    assert_eq!(decided.state, State::Activating);
});

story!(a_returned_order_is_captured_again_and_checked_anew, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 1).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    assert_eq!(code(audit_desk::send_back(&kit.app, &auditor, order.id, held.version, Vec::new(), String::new()).await), "registration.no_defect_named");
    let returned = audit_desk::send_back(&kit.app, &auditor, order.id, held.version, vec![Defect::DocumentGlare], String::new()).await.unwrap();
    assert_eq!(returned.defects, [Defect::DocumentGlare]);
    kit.pictures(&clerk, order.id).await;
    let capture = Capture { version: returned.version, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    let captured = desk::capture(&kit.app, &clerk, order.id, capture).await.unwrap();
    let submitted = desk::submit(&kit.app, &clerk, order.id, captured.version).await.unwrap();
    assert_eq!(submitted.check, Check::Waiting, "what was true of the old pictures proves nothing of the new ones");
    kit.work().await;
    assert_eq!(kit.order(order.id).await.check, Check::Match);
});

story!(a_lease_keeps_others_out_and_runs_out, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, one, two) = (kit.clerk(outlet), kit.auditor(), kit.auditor());
    let numbers = kit.numbers(1, 1).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    let held = audit_desk::claim(&kit.app, &one, order.id).await.unwrap();
    assert_eq!(code(audit_desk::claim(&kit.app, &two, order.id).await), "registration.held_by_another");
    assert_eq!(code(audit_desk::approve(&kit.app, &two, order.id, held.version).await), "registration.held_by_another");
    kit.clock.advance_ms(10 * MINUTE_MS);
    assert_eq!(code(audit_desk::approve(&kit.app, &one, order.id, held.version).await), "registration.lease_expired");
    let taken = audit_desk::claim(&kit.app, &two, order.id).await.unwrap();
    assert_eq!(code(audit_desk::approve(&kit.app, &one, order.id, held.version).await), "registration.stale");
    audit_desk::approve(&kit.app, &two, order.id, taken.version).await.unwrap();
    assert_eq!(code(audit_desk::approve(&kit.app, &two, order.id, taken.version).await), "registration.stale", "a second approval");
});

story!(online_orders_are_compared_at_the_door, kit, sound => {
    let online = kit.outlet("W-0001", ChannelKind::Online).await;
    let (clerk, auditor) = (kit.clerk(online), kit.auditor());
    let numbers = kit.numbers(1, 2).await;
    let mut ids = Vec::new();
    for (number, person) in [(numbers[0], 1), (numbers[1], 2)] {
        let id = desk::open(&kit.app, &clerk, NewOrder { number, mode: Mode::OnlineDelivery, product: Product::Voice, customer: Customer::Individual }).await.unwrap();
        let mut input = kit::reservation(1, person);
        input.entry = "upload".to_owned();
        desk::reserve(&kit.app, &clerk, id, input).await.unwrap();
        kit.pictures(&clerk, id).await;
        let capture = Capture { version: 2, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
        let captured = desk::capture(&kit.app, &clerk, id, capture).await.unwrap();
        desk::submit(&kit.app, &clerk, id, captured.version).await.unwrap();
        kit.work().await;
        let held = audit_desk::claim(&kit.app, &auditor, id).await.unwrap();
        let approved = audit_desk::approve(&kit.app, &auditor, id, held.version).await.unwrap();
        assert_eq!(approved.state, State::DeliveryPending, "approved, and still nothing is commanded");
        ids.push((id, approved.version));
    }
    kit.work().await;
    assert!(kit.network.services().is_empty());
    let delivery = |version, person| Delivery { version, document_kind: "resident_id".to_owned(), document_number: Zeroizing::new(kit::resident_id(person)) };
    let rejected = desk::deliver(&kit.app, &clerk, ids[0].0, delivery(ids[0].1, 9)).await.unwrap();
    assert_eq!((rejected.state, rejected.reason), (State::Rejected, Some(RejectReason::DeliveryMismatch)));
    let delivered = desk::deliver(&kit.app, &clerk, ids[1].0, delivery(ids[1].1, 2)).await.unwrap();
    assert_eq!(delivered.state, State::Activating);
    kit.work().await;
    assert_eq!(kit.order(ids[1].0).await.state, State::Activated);
});

story!(the_network_fails_in_every_way_and_the_number_opens_once, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 2).await;
    let mut orders = Vec::new();
    for (number, person) in [(numbers[0], 1), (numbers[1], 2)] {
        let order = kit.submitted(&clerk, number, person).await;
        let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
        orders.push(audit_desk::approve(&kit.app, &auditor, order.id, held.version).await.unwrap());
    }
    kit.network.script([network::Behaviour::LostAnswer, network::Behaviour::Fail(500)]);
    for _ in 0..6 {
        kit.work().await;
        kit.clock.advance_ms(DAY_MS / 4);
    }
    assert_eq!(kit.order(orders[0].id).await.state, State::Activated);
    assert_eq!(kit.order(orders[1].id).await.state, State::Activated);
    assert_eq!(kit.network.services().len(), 2, "each was opened once, however often it was asked");
    // Confirmed a second time by the network's own word: nothing happens twice.
    gate::confirm(&kit.app, orders[0].id).await.unwrap();
    assert_eq!(kit.order(orders[0].id).await.state, State::Activated);
});

story!(a_refused_command_is_a_dead_letter_people_can_send_again, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 1).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    audit_desk::approve(&kit.app, &auditor, order.id, held.version).await.unwrap();
    kit.network.script([network::Behaviour::Refuse("NO_CAPACITY".to_owned())]);
    kit.work().await;
    assert_eq!(kit.order(order.id).await.state, State::Activating);
    let operator = kit.actor(chuangsha_kernel::role::Role::NetworkOperator, chuangsha_app::platform::people::OrganisationKind::Province, kit.hq, "99");
    let dead = chuangsha_app::platform::network::http::dead(&kit.app, &operator, "network", None).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].case, order.id.0);
    chuangsha_app::platform::network::http::revive(&kit.app, &operator, dead[0].id).await.unwrap();
    kit.clock.advance_ms(MINUTE_MS);
    kit.work().await;
    assert_eq!(kit.order(order.id).await.state, State::Activated);
});

story!(a_forgotten_reservation_gives_everything_back, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 1).await;
    let id = kit.reserved(&clerk, numbers[0], 1).await.unwrap();
    assert_eq!(start::expire(&kit.app).await.unwrap(), 0);
    kit.clock.advance_ms(DAY_MS);
    assert_eq!(start::expire(&kit.app).await.unwrap(), 1);
    assert_eq!(kit.order(id).await.state, State::Expired);
    kit.reserved(&clerk, numbers[0], 1).await.unwrap();
});

story!(a_clock_set_back_moves_no_case_back, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let clerk = kit.clerk(outlet);
    let numbers = kit.numbers(1, 1).await;
    let id = kit.reserved(&clerk, numbers[0], 1).await.unwrap();
    let before = kit.order(id).await.updated_at;
    kit.clock.advance_ms(-DAY_MS);
    let order = kit.order(id).await;
    let cancelled = desk::cancel(&kit.app, &clerk, id, order.version, "改变主意".to_owned()).await.unwrap();
    assert_eq!(cancelled.updated_at, before);
});

story!(masks_hold_and_a_look_is_written_down_first, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 1).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    let seen = serde_json::to_string(&view::find(&kit.app, &auditor, order.id).await.unwrap()).unwrap();
    let id_number = kit::resident_id(1);
    for secret in ["测试甲", id_number.as_str(), "19900009999", "示范区一号", "19900000001"] {
        assert!(!seen.contains(secret), "an order shows what it masks");
    }
    let agent = kit.actor(chuangsha_kernel::role::Role::HotlineAgent, chuangsha_app::platform::people::OrganisationKind::CarrierHq, kit.hq, "");
    let ask = |words: &str| Reveal { field: "document_number".into(), purpose: "audit".into(), words: words.into(), ..Reveal::default() };
    assert_eq!(code(view::reveal(&kit.app, &auditor, order.id, ask("核对末位")).await.map(|_| ())), "people.denied", "an auditor has no need");
    assert_eq!(code(view::reveal(&kit.app, &agent, order.id, ask("")).await.map(|_| ())), "protection.words_missing");
    let revealed = view::reveal(&kit.app, &agent, order.id, ask("核对末位")).await.unwrap();
    assert_eq!(revealed.value, id_number);
    for _ in 0..revealed.left_today {
        view::reveal(&kit.app, &agent, order.id, ask("再看")).await.unwrap();
    }
    assert_eq!(code(view::reveal(&kit.app, &agent, order.id, ask("再看")).await.map(|_| ())), "protection.reveals_spent");
    let picture = picture::show(&kit.app, &auditor, order.id, ImageKind::DocumentFront).await.unwrap();
    assert_eq!(&picture[..2], [0xff, 0xd8]);
    let timeline = view::timeline(&kit.app, &auditor, order.id).await.unwrap();
    assert!(timeline.iter().any(|entry| entry.action == "image.view"));
    assert!(timeline.iter().any(|entry| entry.action == "reveal.field" && entry.why == "核对末位"));
    // An outlet elsewhere does not learn that the order exists.
    let stranger = kit.clerk(kit.outlet("S-0002", ChannelKind::SocialOutlet).await);
    assert_eq!(code(view::find(&kit.app, &stranger, order.id).await.map(|_| ())), "registration.not_found");
    assert_eq!(code(view::find(&kit.app, &stranger, OrderId(uuid::Uuid::nil())).await.map(|_| ())), "registration.not_found");
});

story!(nothing_personal_is_at_rest_in_clear, kit, sound => {
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let numbers = kit.numbers(1, 1).await;
    let order = kit.submitted(&clerk, numbers[0], 1).await;
    let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    audit_desk::approve(&kit.app, &auditor, order.id, held.version).await.unwrap();
    kit.work().await;
    let found = kit.app.read(|tx| {
        let mut found = Vec::new();
        for table in ["person", "number_pool", "registration_order", "registration_party", "registration_image", "subscription", "audit_entry", "outbox", "figure_delta"] {
            for row in tx.query(&format!("SELECT * FROM {table}"), &[])? {
                for value in row.values() {
                    let bytes = match value {
                        chuangsha_store::Value::Text(text) => text.clone().into_bytes(),
                        chuangsha_store::Value::Bytes(bytes) => bytes.clone(),
                        _ => continue,
                    };
                    for secret in ["测试甲", "990101198", "19900009999", "示范区一号", "19900000001"] {
                        if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                            found.push(format!("{table}: {secret}"));
                        }
                    }
                }
            }
        }
        Ok(found)
    }).await.unwrap();
    assert_eq!(found, Vec::<String>::new());
});

/// The whole way with real wires on both ends: the network element over HTTP, the message centre over SMPP.
#[tokio::test(flavor = "multi_thread")]
async fn the_customer_is_told_over_smpp_what_the_network_confirmed() {
    use chuangsha_app::platform::notify::{Smpp, SmppSettings};
    let engine = testkit::sqlite().await;
    let centre = chuangsha_world::smsc::Smsc::start("chuangsha", "secret").await.unwrap();
    let address = centre.address();
    let settings = SmppSettings {
        host: address.ip().to_string(),
        port: address.port(),
        system_id: "chuangsha".to_owned(),
        password: "secret".to_owned(),
        source: "10000".to_owned(),
        ..SmppSettings::default()
    };
    let (receipts, mut received) = tokio::sync::mpsc::unbounded_channel();
    let clock = std::sync::Arc::new(chuangsha_world::SettableClock::at(kit::start()));
    let ids = std::sync::Arc::new(chuangsha_kernel::id::Ids::seeded(3));
    let stop = tokio_util::sync::CancellationToken::new();
    let smpp = Smpp::start(settings, receipts, clock, ids, stop.clone());
    let kit = Kit::with_sms(engine.store.clone(), std::sync::Arc::new(smpp)).await;
    let outlet = kit.outlet("S-0001", ChannelKind::SocialOutlet).await;
    let (clerk, auditor) = (kit.clerk(outlet), kit.auditor());
    let number = kit.numbers(1, 1).await[0];
    let order = kit.submitted(&clerk, number, 1).await;
    let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    audit_desk::approve(&kit.app, &auditor, order.id, held.version).await.unwrap();
    assert!(centre.texts().iter().all(|(_, text)| !text.contains("开通。")), "nobody is told before the network confirmed");
    kit.work().await;
    assert_eq!(kit.order(order.id).await.state, State::Activated);
    let texts = centre.texts();
    assert!(texts.iter().all(|(to, _)| to.ends_with("19900009999")), "the contact number given at the counter");
    assert!(texts.iter().any(|(_, text)| text.contains("已受理") && text.contains(&order.code)), "{} texts", texts.len());
    assert!(texts.iter().any(|(_, text)| text.contains("已通过实名审核并开通") && text.contains("199****0001")), "{} texts", texts.len());
    assert!(received.recv().await.is_some(), "a delivery receipt came back");
    stop.cancel();
}
