//! 演示存量补登: campaigns at different points of their four stages, told day by day through the same clock, rules and desks that a carrier uses:
//! contacts that arrive and some that do not, complaints, exemptions, protected lines, stops, cancellations, and customers who come and are restored.

use std::collections::HashMap;

use chuangsha_app::{
    App, channels,
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result},
    },
    registration::{
        audit_desk, desk as counter,
        order::Customer,
        reregistration::{self, Reregistration},
        subscription,
    },
    remediation::{
        Case, Medium, State,
        campaign::{Publicity, Step as Turn},
        clock, contact,
        desk::{self, Asked, NewCampaign, TargetInput},
        protected::{self, Category, NewProtected},
        table::{self, ContactResult, Filter},
    },
    suspension::{
        self, Ground, Level, Tier,
        desk::{Asked as HoldAsked, Intake},
    },
};
use chuangsha_kernel::{
    phone::Phone,
    role::Role,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use chuangsha_vault::Field;
use chuangsha_world::city::{DemoProvince, DemoSubscriber};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Login, SEED, base, orders};

/// One campaign: name, city, days since it began, lines of its waves, whether a warning may pause it.
struct Plan(&'static str, &'static str, i64, &'static [i64], bool);

const PLANS: [Plan; 3] = [
    Plan("演示一市存量攻坚", "990100", 150, &[24, 12], true),
    Plan("演示二市补登", "990200", 52, &[30], true),
    Plan("演示三市催告", "990300", 9, &[40], false),
];

/// First days of the four stages, counted from the campaign's first.
const STAGES: [i64; 4] = [0, 30, 45, 105];

fn day(at: Timestamp) -> String {
    at.day().to_string()
}

/// The base, one number after the other.
fn everybody() -> impl Iterator<Item = DemoSubscriber> {
    let province = DemoProvince::new(SEED);
    (0..base::SUBSCRIBERS).map(move |index| province.subscriber(index))
}

/// Numbers of the base that belong to nobody yet, of one city.
fn unregistered(city: &'static str) -> impl Iterator<Item = DemoSubscriber> {
    everybody().filter(move |one| !one.real_name && one.region == city)
}

/// Tells the past of every campaign. Before the workers run: the clock of today would go on where this one stands.
///
/// # Errors
/// As the desks.
pub async fn past(app: &App, logins: &[Login]) -> Result<()> {
    let manager = orders::who(app, logins, Role::ProvinceManager, 0, false)?;
    let now = app.clock.now();
    for (one, (category, words)) in unregistered("990200").take(4).zip([
        (Category::Hospital, "市医院急诊值班电话，医务科核实"),
        (Category::Emergency, "消防救援站联络电话，支队来函"),
        (Category::Elderly, "独居老人，社区网格员核实"),
        (Category::Elderly, "本人八十二岁，子女来电核实"),
    ]) {
        let until = if category == Category::Elderly { day(now.plus_ms(180 * DAY_MS)) } else { String::new() };
        let input = NewProtected { number: Zeroizing::new(one.phone.clone()), category, until, words: words.to_owned() };
        protected::add(app, &manager, &input).await?;
    }
    let mut running: HashMap<usize, Uuid> = HashMap::new();
    let longest = PLANS.iter().map(|plan| plan.2).max().unwrap_or(0);
    let midnight = Timestamp::start_of(now.day());
    for ago in (0..=longest).rev() {
        let at = midnight.plus_ms(10 * HOUR_MS - ago * DAY_MS);
        for (nth, plan) in PLANS.iter().enumerate() {
            let since = plan.2 - ago;
            if since == 0 {
                let id = begin(app, &manager, plan, at).await?;
                running.insert(nth, id);
            }
            // The next wave a week after the one before, once that took its lines in.
            if let (Some(id), true) = (running.get(&nth), since >= 0 && since % 7 == 0)
                && let Some(size) = usize::try_from(since / 7).ok().and_then(|wave| plan.3.get(wave))
            {
                let foretold = desk::simulate(app, &manager, *id, *size).await?;
                desk::release(app, &manager, *id, *size, foretold.touches).await?;
            }
        }
        if at > now {
            break;
        }
        for _ in 0..12 {
            let moved = clock::turn_at(app, at).await?;
            arrive(app, at.plus_ms(2 * MINUTE_MS)).await?;
            if moved == 0 {
                break;
            }
        }
        among_people(app, &manager, &running, ago, at).await?;
    }
    while clock::fold(app).await? > 0 {}
    in_the_field(app, logins, &manager, &running).await?;
    // And one that is only planned.
    desk::create(app, &manager, campaign("演示四市预案", "990400", now.plus_ms(40 * DAY_MS), false)).await?;
    Ok(())
}

fn campaign(name: &str, city: &str, from: Timestamp, auto_pause: bool) -> NewCampaign {
    let until = day(from.plus_ms(300 * DAY_MS));
    NewCampaign {
        name: name.to_owned(),
        region: city.to_owned(),
        kinds: Vec::new(),
        channels: Vec::new(),
        numbers: Vec::new(),
        from: day(from),
        until: until.clone(),
        stops_per_day: 12,
        auto_pause,
        stages: desk::stages(STAGES.map(|after| day(from.plus_ms(after * DAY_MS))).each_ref().map(String::as_str), &until),
        targets: [(60, 60), (120, 95), (180, 100)]
            .map(|(after, percent)| TargetInput { due: day(from.plus_ms(after * DAY_MS)), percent })
            .into(),
    }
}

async fn begin(app: &App, manager: &Actor, plan: &Plan, at: Timestamp) -> Result<Uuid> {
    let id = desk::create(app, manager, campaign(plan.0, plan.1, at, plan.4)).await?;
    desk::turn(app, manager, id, 1, Turn::Start, String::new()).await?;
    Ok(id)
}

/// What became of the contacts: most arrive, some messages and more calls do not.
async fn arrive(app: &App, at: Timestamp) -> Result<()> {
    let writer = app.clone();
    app.write(move |tx| {
        for (case, n, medium) in table::unheard(tx)? {
            let chance = u64::from(case.as_bytes().iter().fold(0_u32, |sum, byte| sum + u32::from(*byte))) + n.unsigned_abs() * 7;
            let lost = if medium == Medium::Sms { chance % 9 == 0 } else { chance % 4 == 0 };
            let result = if lost { ContactResult::Failed } else { ContactResult::Delivered };
            contact::heard(&writer, tx, case, n, result, None, at)?;
        }
        Ok::<_, Failure>(())
    })
    .await
}

async fn cases(app: &App, by: &Actor, campaign: Uuid, state: Option<State>) -> Result<Vec<Case>> {
    Ok(desk::cases(app, by, Filter { campaign: Some(campaign), state, limit: 200, ..Filter::default() }, false).await?.0)
}

/// Complaints and the balance of those who will be cancelled, on the days they come.
async fn among_people(app: &App, manager: &Actor, running: &HashMap<usize, Uuid>, ago: i64, at: Timestamp) -> Result<()> {
    let Some(first) = running.get(&0) else { return Ok(()) };
    if [40, 33, 26].contains(&ago) {
        // The same customer three times: the case needs an owner.
        let mut found = cases(app, manager, *first, Some(State::Held)).await?;
        found.extend(cases(app, manager, *first, Some(State::DoubleStop)).await?);
        if let Some(one) = found.first() {
            complain(app, manager, one.subscription, at).await?;
        }
    }
    if [12, 5].contains(&ago)
        && let Some(second) = running.get(&1)
        && let Some(one) =
            cases(app, manager, *second, None).await?.iter().filter(|one| one.state.is_open()).nth(usize::try_from(ago).unwrap_or(0))
    {
        complain(app, manager, one.subscription, at).await?;
    }
    // Asked of billing before the final notice runs out.
    if ago == 50 {
        for (nth, one) in cases(app, manager, *first, None).await?.iter().filter(|one| one.state.is_stopped()).enumerate() {
            let amount = if nth % 3 == 0 { 0 } else { 350 + 125 * nth as i64 };
            desk::step(app, manager, one.id, one.version, Asked::Balance { amount }, "计费系统核算".to_owned()).await?;
        }
    }
    Ok(())
}

async fn complain(app: &App, manager: &Actor, line: Uuid, at: Timestamp) -> Result<()> {
    let (writer, actor) = (app.clone(), manager.clone());
    app.write(move |tx| desk::complained(&writer, tx, By::Actor(&actor), line, "称未收到短信", at).map(drop)).await
}

/// Lines parcelled out, outlets visited, posters hung, one line exempt, one emergency asked for.
async fn in_the_field(app: &App, logins: &[Login], manager: &Actor, running: &HashMap<usize, Uuid>) -> Result<()> {
    let staff: Vec<String> =
        logins.iter().filter(|one| one.role() == Some(Role::ChannelManager)).take(3).map(|one| one.number().to_owned()).collect();
    for id in running.values() {
        desk::parcel(app, manager, *id, staff.clone(), 6).await?;
    }
    let Some(second) = running.get(&1) else { return Ok(()) };
    for (kind, pieces, place) in
        [(Publicity::Poster, 120, "演示二市各乡镇营业厅"), (Publicity::Screen, 36, "客运站与广场电子屏"), (Publicity::Talk, 15, "社区宣讲")]
    {
        desk::publicise(app, manager, *second, kind, pieces, place.to_owned()).await?;
    }
    let filter = channels::Filter { region: "990200".to_owned(), limit: 12, ..channels::Filter::default() };
    for (nth, one) in channels::list(app, manager, filter).await?.into_iter().enumerate() {
        let passed = nth % 5 != 4;
        let finding = if passed { "补登台席与宣传到位" } else { "宣传海报缺失，已当场补齐" };
        let visit = channels::Visit { kind: "visit".to_owned(), passed, finding: finding.to_owned() };
        channels::visit(app, manager, one.channel.organisation, visit).await?;
    }
    let stopped = cases(app, manager, *second, Some(State::SingleStop)).await?;
    if let Some(one) = stopped.last() {
        // The second person has still to agree: the request stands in their list.
        match desk::step(app, manager, one.id, one.version, Asked::Emergency { hours: 24 }, "家中老人住院，急需恢复通话".to_owned()).await
        {
            Ok(_) | Err(Failure::Problem(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    if let Some(third) = running.get(&2)
        && let Some(one) = cases(app, manager, *third, None).await?.iter().find(|one| one.state.is_open())
    {
        let until = day(app.clock.now().plus_ms(20 * DAY_MS));
        desk::step(app, manager, one.id, one.version, Asked::Exempt { until }, "用户出国，月底返回后补登".to_owned()).await?;
    }
    Ok(())
}

/// Stops of every other ground, each as its own system or desk asks for it.
///
/// # Errors
/// As the desks.
pub async fn stops(app: &App, logins: &[Login]) -> Result<()> {
    let manager = orders::who(app, logins, Role::ProvinceManager, 0, false)?;
    let people = everybody().skip(600).filter(|one| one.real_name).step_by(37);
    let today = app.clock.now();
    let plan: [(Ground, Option<Level>, Option<Tier>, &str); 9] = [
        (Ground::Arrears, None, None, ""),
        (Ground::Arrears, None, None, ""),
        (Ground::Risk, None, Some(Tier::High), ""),
        (Ground::Risk, None, Some(Tier::Low), ""),
        (Ground::Police, None, None, "公停〔2026〕118 号"),
        (Ground::Dispute, None, None, ""),
        (Ground::Dispute, None, None, ""),
        (Ground::Punishment, None, None, "惩〔2026〕7 号"),
        (Ground::ServiceLock, None, None, ""),
    ];
    for (nth, ((ground, level, tier, reference), one)) in plan.into_iter().zip(people).enumerate() {
        let intake = Intake {
            number: Some(Zeroizing::new(one.phone.clone())),
            subscription: None,
            ground,
            level,
            tier,
            reason: String::new(),
            reference: reference.to_owned(),
            due_on: (ground == Ground::Arrears).then(|| day(today.plus_ms(-45 * DAY_MS))),
            until: (ground == Ground::Punishment).then(|| day(today.plus_ms(700 * DAY_MS))),
        };
        let hold = suspension::desk::take(app, &manager, intake).await?;
        // One of the disputed numbers is out of its holder's name already: it may be ended from its page.
        if nth == 6 {
            suspension::desk::step(app, &manager, hold, 1, HoldAsked::Detach, "笔迹与人像均不符".to_owned()).await?;
        }
    }
    Ok(())
}

/// How many customers come to the counter with their old number.
const COME: usize = 4;

/// 到厅补登: stopped and reminded customers register their number and are restored. The workers must run.
///
/// # Errors
/// As the desks.
pub async fn come(app: &App, logins: &[Login]) -> Result<()> {
    let manager = orders::who(app, logins, Role::ProvinceManager, 0, false)?;
    let campaigns = desk::campaigns(app, &manager, None, None, 10).await?;
    let Some((campaign, ..)) = campaigns.iter().find(|(one, ..)| one.region == "990200") else { return Ok(()) };
    let open: Vec<Uuid> =
        cases(app, &manager, campaign.id, None).await?.iter().filter(|one| one.state.is_open()).map(|one| one.subscription).collect();
    let mut came = 0;
    for one in unregistered("990200").skip(4) {
        if came == COME {
            break;
        }
        let index = app.vault.blind(Field::Phone, &Phone::parse(&one.phone).map_err(Failure::internal)?.e164())?.0;
        let held = app.read(move |tx| subscription::of_number(tx, &index)).await?;
        if held.is_some_and(|held| open.contains(&held.id)) {
            register(app, logins, &one, came).await?;
            came += 1;
        }
    }
    Ok(())
}

async fn register(app: &App, logins: &[Login], line: &DemoSubscriber, nth: usize) -> Result<()> {
    let clerk = orders::who(app, logins, Role::Clerk, nth, false)?;
    let visitor = orders::visitor(70 + nth)?;
    let asked = Reregistration { number: Zeroizing::new(line.phone.clone()), customer: Customer::Individual };
    let id = reregistration::open(app, &clerk, asked).await?;
    let (agent, organisation, handler) = (None, None, None);
    let reservation =
        counter::Reservation { version: 1, entry: "reader".to_owned(), holder: orders::party(&visitor), agent, organisation, handler };
    let order = counter::reserve(app, &clerk, id, reservation).await?;
    orders::photograph(app, &clerk, id, &visitor).await?;
    let facts =
        counter::Capture { version: order.version, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    let order = counter::capture(app, &clerk, id, facts).await?;
    let order = counter::submit(app, &clerk, id, order.version).await?;
    let order = orders::verified(app, order).await?;
    // The last one still waits for the auditor.
    if nth + 1 == COME {
        return Ok(());
    }
    let auditor = orders::who(app, logins, Role::Auditor, nth, false)?;
    let claimed = audit_desk::claim(app, &auditor, order.id).await?;
    match audit_desk::approve(app, &auditor, order.id, claimed.version).await {
        Ok(_) => Ok(()),
        // The simulated authority finds three documents in a hundred wrong.
        Err(Failure::Problem(_)) => audit_desk::release(app, &auditor, order.id).await.map(drop),
        Err(failure) => Err(failure),
    }
}
