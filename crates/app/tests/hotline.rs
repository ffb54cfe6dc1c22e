//! The story of a complaint on every store: taken, its case held, paused, answered, asked about; three of them; appeals, refunds, warnings, the tag
//! of a caller, and the bulletins that count it all (R-HOT, L-HOT).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use calamine::{Reader, Xlsx};
use chuangsha_app::{
    figures::{
        self,
        bulletin::{self, BulletinKind, sheet},
    },
    hotline::{
        self, Asked, Filter, Intake, Kind, Outcome, Stage, Ticket, Topic,
        appeal::{self, About, AppealState, AppealStep, NewAppeal},
        filed,
        http::NewTicket,
        ivr::{self, IvrBranch},
        refund::{self, RefundState, RefundStep},
        view,
        warning::{self, WarningKind, WarningState},
    },
    platform::{actor::Actor, audit::By, failure::Failure, people::OrganisationKind, reveal::Reveal, words::Words},
    registration::{
        order::Product,
        table::{self, Subscription},
    },
    remediation::{
        self,
        campaign::{State as Runs, Step as Turn},
        desk::NewCampaign,
        kind::{Finding, Kind as Wrong},
    },
    start,
    suspension::{self, Ground, Level, Notice, Stop},
};
use chuangsha_kernel::{
    id::StaffId,
    problem::Language,
    role::Role,
    rulebook::ChannelKind,
    time::{Clock, DAY_MS, HOUR_MS, Timestamp},
};
use chuangsha_store::params;
use chuangsha_vault::{checkpoint::Checkpoint, note::VerifierKey};
use chuangsha_world::kit::{self, Kit, refused};
use chuangsha_world::story;
use jiff::civil::date;
use uuid::Uuid;

/// Somebody of the hotline, hired, so that a ticket can be theirs.
async fn agent(kit: &Kit, number: &'static str) -> Actor {
    let staff = kit.staff_of(number, Role::HotlineAgent, kit.hq).await;
    Actor { staff, number: number.to_owned(), ..kit.actor(Role::HotlineAgent, OrganisationKind::CarrierHq, kit.hq, "") }
}

fn manager(kit: &Kit) -> Actor {
    kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.city, kit::CITY)
}

/// Numbers of the old base, nobody's by name, as an import brings them.
async fn base(kit: &Kit, count: u32) -> Vec<Uuid> {
    let free = kit.numbers(1, count).await;
    let (app, now) = (kit.app.clone(), kit.clock.now());
    let write = move |tx: &mut chuangsha_store::Tx<'_>| {
        let mut made = Vec::new();
        for number in &free {
            let subscription = Subscription {
                id: app.ids.next(now),
                number: *number,
                subject: None,
                person_key: None,
                region: kit::CITY.to_owned(),
                channel_kind: 2,
                product: Product::Voice,
                real_name: false,
                since: now,
            };
            table::move_number(tx, *number, table::NumberState::Free, table::NumberState::InUse, Some(subscription.id))?;
            table::add_subscription(tx, &subscription)?;
            made.push(subscription.id);
        }
        Ok::<_, Failure>(made)
    };
    kit.app.write(write).await.unwrap()
}

fn complaint(subscription: Uuid) -> Intake {
    Intake {
        subscription: Some(subscription),
        kind: Kind::Complaint,
        topic: Topic::Suspension,
        region: String::new(),
        place: String::new(),
        words: "我的号码被停机了".into(),
    }
}

async fn step(kit: &Kit, by: &Actor, ticket: &Ticket, asked: Asked, words: &str) -> Result<Ticket, Failure> {
    hotline::step(&kit.app, by, ticket.id, ticket.version, asked, words.into()).await
}

async fn held(kit: &Kit, subscription: Uuid) -> bool {
    kit.app.read(move |tx| hotline::holds(tx, subscription)).await.unwrap()
}

async fn entries(kit: &Kit, action: &'static str) -> i64 {
    kit.app.read(move |tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = $1", &params![action])?.int(0)?)).await.unwrap()
}

story!(a_complaint_holds_its_case_until_it_is_answered, kit => {
    let number = base(&kit, 1).await.remove(0);
    let (agent, other) = (agent(&kit, "H0001").await, agent(&kit, "H0002").await);
    let ticket = hotline::open(&kit.app, &agent, complaint(number)).await.unwrap();
    assert!(held(&kit, number).await);
    assert_eq!(ticket.clock.base, Some(kit::start().plus_ms(15 * DAY_MS)), "L-HOT-1");
    assert_eq!(refused(step(&kit, &agent, &Ticket { version: 7, ..ticket.clone() }, Asked::Claim, "").await), "hotline.changed");
    let ticket = step(&kit, &agent, &ticket, Asked::Claim, "").await.unwrap();
    let answer = Asked::Answer { outcome: Outcome::Upheld };
    assert_eq!(refused(step(&kit, &other, &ticket, answer.clone(), "已恢复").await), "hotline.not_the_worker");
    // Three days for the customer do not count.
    let ticket = step(&kit, &agent, &ticket, Asked::Pause, "待提供证件").await.unwrap();
    kit.clock.advance_ms(3 * DAY_MS);
    let ticket = step(&kit, &agent, &ticket, Asked::Resume, "").await.unwrap();
    let seen = view::find(&kit.app, &agent, ticket.id).await.unwrap();
    assert_eq!(seen.ticket.due_at.as_deref(), Some(kit::start().plus_ms(18 * DAY_MS).rfc3339().as_str()));
    let ticket = step(&kit, &agent, &ticket, answer, "已恢复服务，深表歉意").await.unwrap();
    assert!(!held(&kit, number).await);
    let ticket = step(&kit, &agent, &ticket, Asked::Survey { satisfied: true }, "").await.unwrap();
    step(&kit, &agent, &ticket, Asked::Close, "").await.unwrap();
    let seen = view::find(&kit.app, &agent, ticket.id).await.unwrap();
    assert_eq!(seen.happened.iter().map(|one| one.action.as_str()).collect::<Vec<_>>(), [
        "ticket.close", "ticket.survey", "ticket.answer", "ticket.resume", "ticket.pause", "ticket.claim", "ticket.open",
    ]);
    assert_eq!(seen.happened.last().unwrap().words, "我的号码被停机了");
    assert_eq!(entries(&kit, "ticket.answer").await, 1);
    // What they said is nowhere in clear.
    let raw = kit.app.read(|tx| {
        let rows = tx.query("SELECT words FROM ticket_moment WHERE words IS NOT NULL", &[])?;
        Ok(rows.iter().map(|row| row.bytes(0)).collect::<Result<Vec<_>, _>>()?)
    }).await.unwrap();
    assert!(!raw.is_empty() && raw.iter().all(|sealed| !String::from_utf8_lossy(sealed).contains("号码")));
    kit.clock.advance_ms(8 * DAY_MS);
    let quality = hotline::quality(&kit.app, &agent, "", 30).await.unwrap();
    assert_eq!((quality.satisfaction(), quality.resolution()), (Some(1_000), Some(1_000)));
    // A clerk does not learn that it is there.
    let clerk = kit.clerk(kit.outlet("Z-1", ChannelKind::OwnHall).await);
    assert_eq!(refused(view::find(&kit.app, &clerk, ticket.id).await), "people.denied");
});

story!(the_third_complaint_has_one_owner_and_who_comes_again_was_not_helped, kit => {
    let number = base(&kit, 1).await.remove(0);
    let (first, second) = (agent(&kit, "H0001").await, agent(&kit, "H0002").await);
    let one = hotline::open(&kit.app, &first, complaint(number)).await.unwrap();
    let one = step(&kit, &first, &one, Asked::Claim, "").await.unwrap();
    step(&kit, &first, &one, Asked::Answer { outcome: Outcome::Unfounded }, "已核实").await.unwrap();
    let two = hotline::open(&kit.app, &first, complaint(number)).await.unwrap();
    assert!(!two.named);
    let seen = view::find(&kit.app, &first, one.id).await.unwrap();
    assert!(seen.ticket.recontacted, "R-HOT-2: the same matter within seven days");
    let three = hotline::open(&kit.app, &second, complaint(number)).await.unwrap();
    assert!(three.named && three.worker == Some(second.staff), "R-REM-9");
    assert_eq!(refused(step(&kit, &first, &three, Asked::Claim, "").await), "hotline.named_owner");
    // The one that was waiting went to the same person.
    let filter = Filter { subscription: Some(number), limit: 10, ..Filter::default() };
    let all = view::list(&kit.app, &first, filter.clone()).await.unwrap().0;
    let workers: Vec<_> = all.iter().filter(|(row, _)| row.outcome.is_none()).map(|(row, _)| (row.named, row.worker.clone())).collect();
    assert_eq!(workers, [(true, Some("H0002".to_owned())), (true, Some("H0002".to_owned()))]);
    // A manager may name another; a clerk is nobody's owner.
    let manager = manager(&kit);
    assert_eq!(refused(step(&kit, &manager, &three, Asked::Assign { to: "X9999".into() }, "").await), "hotline.not_an_agent");
    let three = step(&kit, &manager, &three, Asked::Assign { to: "H0001".into() }, "").await.unwrap();
    assert_eq!(three.worker, Some(first.staff));
    let quality = hotline::quality(&kit.app, &first, "", 30).await.unwrap();
    assert_eq!(quality.resolution(), Some(0));
});

story!(a_clock_of_working_days_is_held_where_the_holidays_are_not_known, kit => {
    let number = base(&kit, 1).await.remove(0);
    let agent = agent(&kit, "H0001").await;
    let question = Intake { kind: Kind::Question, ..complaint(number) };
    let known = hotline::open(&kit.app, &agent, question.clone()).await.unwrap();
    // Sunday: Monday and Tuesday, to their end.
    assert_eq!(known.clock.base, Some(Timestamp::start_of(date(2026, 11, 25))));
    assert!(!held(&kit, number).await, "a question holds nothing");
    // 2031: nobody knows its holidays yet.
    kit.clock.set(Timestamp::start_of(date(2031, 3, 3)).plus_ms(9 * HOUR_MS));
    let unknown = hotline::open(&kit.app, &agent, question).await.unwrap();
    assert_eq!(unknown.clock.base, None);
    let seen = view::find(&kit.app, &agent, unknown.id).await.unwrap();
    assert_eq!((seen.ticket.due_at, seen.ticket.late), (None, false));
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 0, "still not known");
    // A complaint's days are exact and never held.
    assert!(hotline::open(&kit.app, &agent, complaint(number)).await.unwrap().clock.base.is_some());
});

story!(an_appeal_that_passes_lifts_the_stop_and_nobody_judges_their_own, kit => {
    let number = base(&kit, 1).await.remove(0);
    let agent = agent(&kit, "H0001").await;
    let manager = manager(&kit);
    let ticket = hotline::open(&kit.app, &agent, complaint(number)).await.unwrap();
    let input = NewAppeal { ticket: ticket.id, about: About::Stop, happened_on: "2026-11-20".into(), reference: "申 1".into(), words: "不服停机".into() };
    assert_eq!(refused(appeal::receive(&kit.app, &agent, input.clone()).await), "appeal.no_stop");
    let (app, stopper, now) = (kit.app.clone(), manager.clone(), kit.clock.now());
    let stop = move |tx: &mut chuangsha_store::Tx<'_>| {
        let notice = Notice { reason: "涉诈风险".into(), remedy: "到厅核验".into(), documents: "身份证".into(), reference: "R-1".into() };
        let stop = Stop { subscription: number, ground: Ground::Risk, level: Level::StoppedOut, article: "L-REM-8", notice, case: None, until: None };
        suspension::stop(&app, tx, By::Actor(&stopper), &stop, now)
    };
    let hold = kit.app.write(stop).await.unwrap();
    let one = appeal::receive(&kit.app, &agent, input).await.unwrap();
    assert_eq!((one.hold, one.hold_decided_by), (Some(hold), Some(manager.staff)));
    // Received on a Sunday: five working days end with Friday.
    assert_eq!(one.accept_by, Some(Timestamp::start_of(date(2026, 11, 28))));
    let decide = async |by: &Actor, one: &appeal::Appeal, step| appeal::step(&kit.app, by, one.id, one.version, step, "核实".into()).await;
    assert_eq!(refused(decide(&manager, &one, AppealStep::Accept).await), "appeal.own_decision");
    let other = Actor { staff: StaffId(Uuid::from_u128(77)), ..manager.clone() };
    let one = decide(&other, &one, AppealStep::Accept).await.unwrap();
    assert_eq!(one.settle_by, Some(kit.clock.now().plus_ms(30 * DAY_MS)));
    let level = async || kit.app.read(move |tx| Ok(suspension::standing(tx, number)?.level)).await.unwrap();
    assert!(level().await.is_some());
    let one = decide(&other, &one, AppealStep::Pass).await.unwrap();
    assert_eq!(one.state, AppealState::Passed);
    assert_eq!(level().await, None, "L-REM-8: in the same transaction");
    // Not from a nuisance call: nothing is deducted (R-HOT-7).
    assert_eq!(refused(decide(&other, &one, AppealStep::Deduct).await), "appeal.not_deductible");
    // A fee of more than five months ago is not accepted.
    let old = NewAppeal { ticket: ticket.id, about: About::Fee, happened_on: "2026-06-21".into(), reference: String::new(), words: String::new() };
    let old = appeal::receive(&kit.app, &agent, old).await.unwrap();
    assert_eq!(refused(decide(&other, &old, AppealStep::Accept).await), "appeal.too_old");
    decide(&other, &old, AppealStep::Decline).await.unwrap();
    let nuisance = hotline::open(&kit.app, &agent, Intake { topic: Topic::Nuisance, ..complaint(number) }).await.unwrap();
    let input = NewAppeal { ticket: nuisance.id, about: About::Other, happened_on: "2026-11-01".into(), reference: String::new(), words: String::new() };
    let one = appeal::receive(&kit.app, &agent, input).await.unwrap();
    assert!(decide(&other, &one, AppealStep::Deduct).await.unwrap().deductible);
});

story!(two_people_pay_back, kit => {
    let number = base(&kit, 1).await.remove(0);
    let agent = agent(&kit, "H0001").await;
    let ticket = hotline::open(&kit.app, &agent, Intake { kind: Kind::Refund, topic: Topic::Fee, ..complaint(number) }).await.unwrap();
    assert_eq!(refused(refund::compute(&kit.app, &agent, ticket.id, "12.345".into(), String::new()).await), "refund.amount");
    let one = refund::compute(&kit.app, &agent, ticket.id, "12.50".into(), "按天折算".into()).await.unwrap();
    assert_eq!(one.amount_fen, 1_250);
    let decide = async |by: &Actor, one: &refund::Refund, step| refund::step(&kit.app, by, one.id, one.version, step, String::new()).await;
    assert_eq!(refused(decide(&agent, &one, RefundStep::Approve).await), "people.denied");
    let same = Actor { staff: agent.staff, ..manager(&kit) };
    assert_eq!(refused(decide(&same, &one, RefundStep::Approve).await), "refund.own_computation");
    assert_eq!(refused(decide(&agent, &one, RefundStep::Pay).await), "refund.out_of_order");
    let one = decide(&manager(&kit), &one, RefundStep::Approve).await.unwrap();
    let one = decide(&agent, &one, RefundStep::CloseAccount).await.unwrap();
    let one = decide(&agent, &one, RefundStep::Unclaim).await.unwrap();
    let listed = refund::ledger(&kit.app, &agent, filed::Filter { limit: 10, ..filed::Filter::default() }, None).await.unwrap();
    assert_eq!(listed.iter().map(|row| (row.id, row.state)).collect::<Vec<_>>(), [(one.id, RefundState::Unclaimed)]);
    let one = decide(&agent, &one, RefundStep::Pay).await.unwrap();
    assert_eq!(one.state, RefundState::Paid);
});

/// A campaign of the city over what is wrong in one way, running, everything taken in.
async fn campaign(kit: &Kit, kind: Wrong, auto_pause: bool) -> Uuid {
    let by = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY);
    let day = |after: i64| kit.clock.now().plus_ms(after * DAY_MS).day().to_string();
    let drive = NewCampaign {
        name: "存量整治".into(),
        region: kit::CITY.into(),
        kinds: vec![kind],
        channels: Vec::new(),
        numbers: Vec::new(),
        from: day(0),
        until: day(300),
        stops_per_day: 0,
        auto_pause,
        stages: remediation::desk::stages([0, 30, 45, 110].map(day).each_ref().map(String::as_str), &day(300)),
        targets: Vec::new(),
    };
    let id = remediation::desk::create(&kit.app, &by, drive).await.unwrap();
    remediation::desk::turn(&kit.app, &by, id, 1, Turn::Start, String::new()).await.unwrap();
    let foretold = remediation::desk::simulate(&kit.app, &by, id, 100).await.unwrap();
    remediation::desk::release(&kit.app, &by, id, 100, foretold.touches).await.unwrap();
    while remediation::clock::take_in(&kit.app).await.unwrap() > 0 {}
    id
}

/// What warnings hold: stage and kind of outlet.
async fn held_cells(kit: &Kit) -> Vec<(remediation::Stage, i64)> {
    let standing = kit.app.read(remediation::pause::standing).await.unwrap();
    assert!(standing.iter().all(|one| one.cell.region == kit::CITY));
    standing.into_iter().map(|one| (one.cell.stage, one.cell.channel_kind)).collect()
}

/// Numbers of the base with something wrong about them, sold by one kind of outlet.
async fn wanting(kit: &Kit, lines: &[Uuid], kind: Wrong, outlet: ChannelKind) {
    let (lines, now) = (lines.to_vec(), kit.clock.now());
    let write = move |tx: &mut chuangsha_store::Tx<'_>| {
        for line in &lines {
            tx.push_one("UPDATE subscription SET channel_kind = $2 WHERE id = $1", &params![line, outlet as i64])?;
            let finding = Finding {
                subscription: *line,
                kind,
                reason: "test".into(),
                found_at: now,
                closed_at: None,
                region: kit::CITY.into(),
                channel_kind: outlet as i64,
                batch: None,
            };
            remediation::kind::open(tx, &finding)?;
        }
        Ok::<_, Failure>(())
    };
    kit.app.write(write).await.unwrap();
}

/// Day after day, at ten in the morning.
async fn days(kit: &Kit, count: i64) {
    for _ in 0..count {
        let midnight = Timestamp::start_of(kit.clock.now().day()).plus_ms(DAY_MS);
        kit.clock.set(midnight.plus_ms(10 * HOUR_MS));
        while remediation::clock::turn(&kit.app).await.unwrap() > 0 {}
    }
}

async fn warnings(kit: &Kit) -> Vec<warning::Warning> {
    kit.app.read(|tx| warning::list(tx, &warning::Filter { limit: 10, ..warning::Filter::default() })).await.unwrap()
}

story!(many_complaints_raise_one_warning_and_somebody_says_what_was_done, kit => {
    let numbers = base(&kit, 6).await;
    let agent = agent(&kit, "H0001").await;
    for number in &numbers[..2] {
        hotline::open(&kit.app, &agent, Intake { topic: Topic::Other, ..complaint(*number) }).await.unwrap();
    }
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 0, "two are no warning");
    hotline::open(&kit.app, &agent, Intake { topic: Topic::Fee, ..complaint(numbers[2]) }).await.unwrap();
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 1);
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 0, "once");
    assert!(held_cells(&kit).await.is_empty(), "they are in no stage: there is nothing to hold");
    let open = warnings(&kit).await;
    assert_eq!((open.len(), open[0].observed, open[0].touched, open[0].expected_milli), (1, 3, 0, 0));
    assert_eq!(refused(warning::acknowledge(&kit.app, &agent, open[0].id, "核查".into()).await), "people.denied");
    let manager = manager(&kit);
    assert_eq!(refused(warning::acknowledge(&kit.app, &manager, open[0].id, " ".into()).await), "warning.words_missing");
    warning::acknowledge(&kit.app, &manager, open[0].id, "短信内容有误，已更正".into()).await.unwrap();
    assert_eq!(refused(warning::acknowledge(&kit.app, &manager, open[0].id, "再次".into()).await), "warning.acknowledged");
    // Five different people about one outlet: a group incident; the same one five times is not.
    let outlet = |number: Uuid| Intake { place: "S-2231".into(), topic: Topic::Outlet, ..complaint(number) };
    for _ in 0..5 {
        hotline::open(&kit.app, &agent, outlet(numbers[0])).await.unwrap();
    }
    let groups = async || warnings(&kit).await.iter().filter(|one| one.kind == WarningKind::Group).count();
    assert_eq!(groups().await, 0);
    for number in &numbers[1..5] {
        hotline::open(&kit.app, &agent, outlet(*number)).await.unwrap();
    }
    assert_eq!(groups().await, 1);
    let open = warnings(&kit).await;
    assert_eq!(open.iter().filter(|one| one.state == WarningState::Open).count(), 1, "R-HOT-5");
    assert_eq!(open[0].place, "S-2231");
});

story!(a_warning_holds_its_own_cell_until_it_is_dealt_with, kit => {
    let numbers = base(&kit, 11).await;
    let (social, hall, other) = (&numbers[..4], &numbers[4..10], numbers[10]);
    wanting(&kit, social, Wrong::Unverified, ChannelKind::SocialOutlet).await;
    wanting(&kit, hall, Wrong::Unverified, ChannelKind::OwnHall).await;
    wanting(&kit, &[other], Wrong::Incomplete, ChannelKind::SocialOutlet).await;
    let id = campaign(&kit, Wrong::Unverified, true).await;
    campaign(&kit, Wrong::Incomplete, false).await;
    let agent = agent(&kit, "H0001").await;
    let case = async |line: Uuid| kit.app.read(move |tx| remediation::table::open_of(tx, line)).await.unwrap().unwrap();
    let made = async |line: Uuid| case(line).await.contacts;
    days(&kit, 1).await;
    assert_eq!((case(social[3]).await.state, made(hall[5]).await, made(other).await), (remediation::State::SmsSent, 1, 1));
    for line in &social[..3] {
        hotline::open(&kit.app, &agent, Intake { topic: Topic::Other, ..complaint(*line) }).await.unwrap();
    }
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 1);
    assert_eq!(held_cells(&kit).await, [(remediation::Stage::Remind, ChannelKind::SocialOutlet as i64)]);
    days(&kit, 8).await;
    let waiting = case(social[3]).await;
    assert_eq!((waiting.contacts, waiting.wait, waiting.state), (1, remediation::Wait::Warning, remediation::State::SmsSent));
    assert_eq!(made(hall[5]).await, 2, "another kind of outlet goes on");
    assert_eq!(made(other).await, 2, "and so does a campaign that no warning pauses");
    // The page says what is held, the simulation what would wait, the list which.
    let manager = manager(&kit);
    let whole = remediation::desk::whole(&kit.app, &manager, id).await.unwrap();
    let open = warnings(&kit).await.remove(0);
    assert_eq!((whole.campaign.state, whole.waiting, whole.pauses.len(), whole.pauses[0].warning), (Runs::Running, 1, 1, open.id));
    assert_eq!(remediation::desk::simulate(&kit.app, &manager, id, 10).await.unwrap().paused, 4);
    let filter = remediation::table::Filter { wait: Some(remediation::Wait::Warning), limit: 10, ..remediation::table::Filter::default() };
    let (listed, total) = remediation::desk::cases(&kit.app, &manager, filter, true).await.unwrap();
    assert_eq!((listed, total), (vec![waiting], 1));
    assert_eq!(warning::find(&kit.app, &manager, open.id).await.unwrap().1, [(Stage::First, ChannelKind::SocialOutlet as i64)]);
    // Five people of the own halls about one outlet: theirs is held as well.
    for line in &hall[..5] {
        let about = Intake { place: "Z-1".into(), topic: Topic::Outlet, ..complaint(*line) };
        hotline::open(&kit.app, &agent, about).await.unwrap();
    }
    assert_eq!(held_cells(&kit).await.len(), 2);
    days(&kit, 7).await;
    assert_eq!((made(hall[5]).await, case(hall[5]).await.wait), (2, remediation::Wait::Warning));
    // Dealt with: what waited is due at once, without a day's wait; the other warning still holds its own.
    warning::acknowledge(&kit.app, &manager, open.id, "短信内容有误，已更正".into()).await.unwrap();
    assert_eq!(case(social[3]).await.due, kit.clock.now());
    while remediation::clock::turn(&kit.app).await.unwrap() > 0 {}
    assert_eq!((made(social[3]).await, made(hall[5]).await), (2, 2));
    assert_eq!(held_cells(&kit).await, [(remediation::Stage::Remind, ChannelKind::OwnHall as i64)]);
    assert!(warning::find(&kit.app, &manager, open.id).await.unwrap().1.is_empty());
});

story!(a_large_wave_may_have_more_complaints_than_a_small_one, kit => {
    let numbers = base(&kit, 4).await;
    let agent = agent(&kit, "H0001").await;
    // Put aside in the first stage by the complaint itself; what they complain of is the message of today's wave.
    let wave = async |customers: i64| {
        let (app, now) = (kit.app.clone(), kit.clock.now());
        let write = move |tx: &mut chuangsha_store::Tx<'_>| {
            let metric = remediation::table::metric::ENTERED + remediation::State::SmsSent as i64;
            let sql = "INSERT INTO remediation_delta (id, campaign, day, region, kind, channel_kind, metric, delta) VALUES ($1, $2, $3, $4, 1, 2, $5, $6)";
            let (id, campaign, day) = (app.ids.next(now), app.ids.next(now), now.day().to_string());
            Ok::<_, Failure>(tx.push(sql, &params![&id, &campaign, &day, kit::CITY, metric, customers])?)
        };
        kit.app.write(write).await.unwrap();
    };
    for number in &numbers {
        let ticket = hotline::open(&kit.app, &agent, Intake { topic: Topic::Other, ..complaint(*number) }).await.unwrap();
        let staged = move |tx: &mut chuangsha_store::Tx<'_>| {
            Ok::<_, Failure>(tx.push_one("UPDATE ticket SET stage = 1 WHERE id = $1", &params![&ticket.id])?)
        };
        kit.app.write(staged).await.unwrap();
    }
    wave(100_000).await;
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 0, "four of a hundred thousand are what may be");
    wave(-99_000).await;
    assert_eq!(hotline::turn(&kit.app).await.unwrap(), 1, "four of a thousand are not");
    let open = warnings(&kit).await;
    assert_eq!((open[0].observed, open[0].touched, open[0].stage), (4, 1_000, Stage::First));
});

story!(the_switch_is_told_the_branch_and_nothing_of_the_caller, kit => {
    let number = base(&kit, 1).await.remove(0);
    let digits = digits(&kit, number).await;
    let switch = kit.actor(Role::SystemAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    let ask = async |number: &str| ivr::find(&kit.app, &switch, ivr::TagQuery { number: zeroize::Zeroizing::new(number.to_owned()), language: None }).await;
    let tag = ask(&digits).await.unwrap();
    assert_eq!((tag.branch, tag.real_name, tag.recording), (IvrBranch::RealName, Some(false), "register"));
    let told = serde_json::to_string(&tag).unwrap();
    assert!(!told.contains(&digits) && !told.contains(&number.to_string()));
    assert_eq!(ask("19900009876").await.unwrap().branch, IvrBranch::Stranger);
    assert_eq!(refused(ask("12").await), "phone.length");
    let clerk = kit.clerk(kit.outlet("Z-1", ChannelKind::OwnHall).await);
    let asked = ivr::TagQuery { number: zeroize::Zeroizing::new(digits.clone()), language: None };
    assert!(matches!(ivr::find(&kit.app, &clerk, asked).await, Err(Failure::Problem(problem)) if problem.code.id == "people.denied"));
    let open = ivr::reachable(&kit.app, &switch, kit.clock.now()).unwrap();
    assert_eq!(open.numbers, ["110", "119", "120", "122", "10000"]);
    assert_eq!((open.hotline.as_str(), open.registration.as_str(), open.referral.as_str()), ("10000", "10000", "12381"));
    let english = ivr::TagQuery { number: zeroize::Zeroizing::new(digits.clone()), language: Some(ivr::IvrLanguage::En) };
    let told = serde_json::to_value(ivr::find(&kit.app, &switch, english).await.unwrap()).unwrap();
    assert_eq!((&told["language"], &told["recording"]), (&"en".into(), &"register".into()));
});

async fn digits(kit: &Kit, subscription: Uuid) -> String {
    let app = kit.app.clone();
    let read = move |tx: &mut chuangsha_store::Tx<'_>| {
        let held = chuangsha_app::registration::subscription::find(tx, subscription)?.unwrap();
        app.open_pool_number(tx, held.number_id, &held.number_sealed)
    };
    kit.app.read(read).await.unwrap()
}

story!(the_intake_finds_the_customer_by_the_full_number_and_the_look_is_counted, kit => {
    let number = base(&kit, 1).await.remove(0);
    let digits = digits(&kit, number).await;
    let agent = agent(&kit, "H0001").await;
    let typed = |number: &str| NewTicket {
        number: zeroize::Zeroizing::new(number.to_owned()),
        kind: Kind::Dispute,
        topic: Topic::RealName,
        region: String::new(),
        place: String::new(),
        words: "不是本人办理".into(),
    };
    let input = typed(&digits).read(&kit.app, &agent).await.unwrap();
    assert_eq!(input.subscription, Some(number));
    assert_eq!(refused(typed("19900009876").read(&kit.app, &agent).await), "subscriber.not_found");
    assert_eq!(entries(&kit, "subscriber.search").await, 2, "found or not");
    let ticket = hotline::open(&kit.app, &agent, input).await.unwrap();
    let seen = view::find(&kit.app, &agent, ticket.id).await.unwrap();
    assert!(seen.ticket.number.as_deref().is_some_and(|masked| masked.contains('*') && !masked.contains(&digits)));
    // In clear only through the one way there is, with the ticket as its case.
    let asked = Reveal { field: "number".into(), purpose: "complaint".into(), case: ticket.code.clone(), words: "回访核对".into(), ..Reveal::default() };
    let shown = view::reveal(&kit.app, &agent, ticket.id, asked).await.unwrap();
    assert_eq!(shown.value, digits);
    let cases = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM audit_entry WHERE action = 'reveal.field' AND case_kind = 'ticket'", &[])?.int(0)?)).await;
    assert_eq!(cases.unwrap(), 1);
    // Somebody who does not say their number is heard too, and holds nothing.
    let anonymous = Intake { subscription: None, region: kit::CITY.into(), ..complaint(number) };
    assert!(!hotline::open(&kit.app, &agent, anonymous).await.unwrap().holds);
    let nowhere = Intake { subscription: None, region: "000000".into(), ..complaint(number) };
    assert_eq!(refused(hotline::open(&kit.app, &agent, nowhere).await), "hotline.field_invalid");
});

story!(a_bulletin_is_made_at_its_hour_once_and_never_again, kit => {
    // Sunday 22 November, nine o'clock: yesterday's, and the week to last Sunday.
    let app = kit.app.clone();
    let cell = |day, region: &str, channel_kind| figures::Cell { day, region: region.to_owned(), channel_kind };
    let count = move |tx: &mut chuangsha_store::Tx<'_>| {
        for (region, base, real) in [("990100", 12_345, 11_111), ("990200", 20_000, 19_990)] {
            for kind in [1, 2] {
                let at = cell(date(2026, 11, 1), region, kind);
                figures::add(tx, app.ids.next(kit::start()), &at, figures::Metric::Base, base)?;
                figures::add(tx, app.ids.next(kit::start()), &at, figures::Metric::BaseRealName, real)?;
            }
            let at = cell(date(2026, 11, 21), region, 1);
            figures::add(tx, app.ids.next(kit::start()), &at, figures::Metric::Complaints, if region == "990100" { 3 } else { 57 })?;
        }
        Ok::<_, Failure>(())
    };
    kit.app.write(count).await.unwrap();
    kit.clock.set(Timestamp::start_of(date(2026, 11, 22)).plus_ms(8 * HOUR_MS - 1));
    assert_eq!(bulletin::turn(&kit.app).await.unwrap(), 2, "before eight: the day before yesterday's, and the week to the 15th");
    kit.clock.set(kit::start());
    assert_eq!(bulletin::turn(&kit.app).await.unwrap(), 1, "at eight: yesterday's");
    assert_eq!(bulletin::turn(&kit.app).await.unwrap(), 0, "once");
    let manager = kit.actor(Role::CarrierAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    let filter = || bulletin::Filter { kind: Some(BulletinKind::Daily), limit: 10, ..bulletin::Filter::default() };
    let all = bulletin::list(&kit.app, &manager, filter()).await.unwrap();
    assert_eq!(all.iter().map(|one| one.content.until.as_str()).collect::<Vec<_>>(), ["2026-11-21", "2026-11-20"]);
    let one = all.first().unwrap();
    assert_eq!(one.content.rows.iter().map(|row| (row.region.as_str(), row.rank, row.all.rate)).collect::<Vec<_>>(), [
        ("990200", Some(1), Some(999)),
        ("990100", Some(2), Some(898)),
    ]);
    // Three complaints are not told, nor what would tell them.
    assert_eq!(one.content.rows.iter().map(|row| row.all.complaints).collect::<Vec<_>>(), [None, None]);
    assert_eq!(one.content.all.complaints, Some(60));
    // More is counted for that day afterwards: what was published stays, byte for byte, and its digest is in the log.
    let bytes = one.bytes.clone();
    let late = kit.app.clone();
    let more = move |tx: &mut chuangsha_store::Tx<'_>| {
        figures::add(tx, late.ids.next(kit::start()), &cell(date(2026, 11, 21), "990100", 1), figures::Metric::Complaints, 500)
    };
    kit.app.write(more).await.unwrap();
    assert!(!bulletin::make(&kit.app, BulletinKind::Daily, date(2026, 11, 21)).await.unwrap());
    let again = bulletin::find(&kit.app, &manager, one.id).await.unwrap();
    assert_eq!((again.bytes, again.digest.as_str()), (bytes, one.digest.as_str()));
    let digest = one.digest.clone();
    let logged = kit.app.read(move |tx| {
        let rows = tx.query("SELECT facts FROM audit_entry WHERE action = 'bulletin.publish'", &[])?;
        Ok(rows.iter().filter(|row| row.text(0).is_ok_and(|facts| facts.contains(&digest))).count())
    }).await.unwrap();
    assert_eq!(logged, 1);
    // A city sees its own row.
    let city = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY);
    let own = bulletin::find(&kit.app, &city, one.id).await.unwrap();
    assert_eq!(own.content.rows.iter().map(|row| row.region.as_str()).collect::<Vec<_>>(), [kit::CITY]);
    let before = bulletin::before(&kit.app, &manager, one).await.unwrap().unwrap();
    assert_eq!(before.content.until, "2026-11-20");
});

story!(a_bulletin_opens_as_a_sheet_and_its_checkpoint_is_signed_by_the_published_key, kit => {
    let numbers = base(&kit, 1).await;
    let agent = agent(&kit, "H0001").await;
    hotline::open(&kit.app, &agent, complaint(numbers[0])).await.unwrap();
    start::integrate(&kit.app).await.unwrap();
    kit.clock.advance_ms(DAY_MS);
    bulletin::turn(&kit.app).await.unwrap();
    let manager = kit.actor(Role::CarrierAdministrator, OrganisationKind::CarrierHq, kit.hq, "");
    let filter = bulletin::Filter { kind: Some(BulletinKind::Daily), limit: 1, ..bulletin::Filter::default() };
    let one = bulletin::list(&kit.app, &manager, filter).await.unwrap().remove(0);
    let note = one.content.checkpoint.clone().unwrap();
    // Whoever has the paper needs the printed keys and nothing else of ours.
    let published = kit.app.vault.verifier_keys(&kit.app.config.origin()).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    let known: Vec<VerifierKey> = published.iter().map(|key| VerifierKey::parse(key).unwrap()).collect();
    let signed = Checkpoint::verify(&note, &known).unwrap();
    assert!(signed.size > 0);
    let other = note.replacen(&format!("\n{}\n", signed.size), &format!("\n{}\n", signed.size + 1), 1);
    assert!(other != note && Checkpoint::verify(&other, &known).is_err(), "a changed one is not signed");
    // The file opens in what reads spreadsheets: every promised figure has its column, and the checkpoint stands in it whole.
    let w = Words::of(Language::English);
    let bytes = sheet::xlsx(&kit.app, w, Language::English, &one);
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let mut cells = Vec::new();
    for name in book.sheet_names() {
        cells.extend(book.worksheet_range(&name).unwrap().rows().flatten().map(ToString::to_string));
    }
    for head in sheet::heads(w).into_iter().chain([w.region, w.channel, w.rank]) {
        assert!(cells.iter().any(|cell| cell == head), "{head}");
    }
    let told = |cell: &String| cell.replace('\r', "").trim() == note.trim();
    assert!(cells.iter().any(told), "the checkpoint: {cells:?}");
});
