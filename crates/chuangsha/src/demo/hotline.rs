//! 演示热线: four weeks of tickets in every state, a city whose complaints rise, an appeal, refunds, and the bulletins of a week.

use chuangsha_app::{
    App,
    figures::{
        self,
        bulletin::{self, BulletinKind},
    },
    hotline::{
        self, Asked, Intake, Kind, Outcome, Step, Ticket, Topic,
        appeal::{self, About, AppealStep, NewAppeal},
        refund::{self, RefundStep},
    },
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result},
    },
    registration::subscription,
    remediation,
};
use chuangsha_kernel::{
    role::Role,
    rulebook::ChannelKind,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use chuangsha_vault::Field;
use chuangsha_world::city::{DemoProvince, DemoSubscriber};
use jiff::ToSpan;

use super::{Login, SEED, base, orders};

/// Kind, topic, words, place, and the answer where there is one.
type Told = (Kind, Topic, &'static str, &'static str, Option<(Outcome, &'static str)>);

/// What people say, and how it ended.
const SAID: [Told; 8] = [
    (Kind::Complaint, Topic::Suspension, "号码被停机，本人已补登", "S-2231", Some((Outcome::Upheld, "核实已补登，服务已恢复，向您致歉。"))),
    (Kind::Question, Topic::RealName, "补登要带什么材料", "", Some((Outcome::Informed, "请携带本人有效身份证件原件到任一自有营业厅。"))),
    (Kind::Complaint, Topic::Outlet, "网点拒绝办理补登", "S-2240", None),
    (Kind::Dispute, Topic::RealName, "名下有一个号码不是本人办理", "", None),
    (Kind::Refund, Topic::Fee, "停机期间仍收月租", "", Some((Outcome::Partly, "停机期间月租按天退还。"))),
    (Kind::PersonalInformation, Topic::Data, "接到推销电话，怀疑信息被泄露", "", None),
    (Kind::Restore, Topic::Suspension, "家中老人住院，急需恢复通话", "", Some((Outcome::Upheld, "已紧急复机，请在 72 小时内补登。"))),
    (Kind::Complaint, Topic::Nuisance, "举报后仍接到同一号码来电", "", Some((Outcome::Upheld, "来电号码已处置。"))),
];

/// How many tickets the four weeks have.
const TICKETS: usize = 56;

/// Fills the hotline, by its own steps.
///
/// # Errors
/// As the steps.
pub async fn seed(app: &App, logins: &[Login]) -> Result<()> {
    let agents = [orders::who(app, logins, Role::HotlineAgent, 0, false)?, orders::who(app, logins, Role::HotlineAgent, 1, false)?];
    let manager = orders::who(app, logins, Role::ProvinceManager, 0, false)?;
    let people: Vec<DemoSubscriber> =
        DemoProvince::new(SEED).subscribers().take(base::SUBSCRIBERS as usize).step_by(base::EVERY as usize).take(400).collect();
    let now = app.clock.now();
    let mut last = None;
    for (nth, one) in people.iter().cycle().step_by(7).take(TICKETS).enumerate() {
        let at = now.plus_ms(-(28 * DAY_MS) * (TICKETS - nth) as i64 / TICKETS as i64 + HOUR_MS);
        let (kind, topic, words, place, ended) = SAID.get(nth % SAID.len()).copied().unwrap_or(SAID[0]);
        let agent = &agents[nth % 2];
        let ticket =
            take(app, agent, one, Intake { kind, topic, place: place.to_owned(), words: words.to_owned(), ..nothing() }, at.min(now))
                .await?;
        // The last days are still worked on.
        let fresh = nth + 10 > TICKETS;
        last = Some(settle(app, agent, ticket, ended.filter(|_| !fresh), nth, at).await?);
    }
    // One customer who complains for the third time, and one city where many do today.
    if let Some(one) = people.first() {
        for days in [12, 6, 0] {
            let words = "第几次反映了，仍未解决".to_owned();
            take(
                app,
                &agents[0],
                one,
                Intake { kind: Kind::Complaint, topic: Topic::Suspension, words, ..nothing() },
                now.plus_ms(-days * DAY_MS),
            )
            .await?;
        }
    }
    let city = people.first().map(|one| one.region.clone()).unwrap_or_default();
    for one in people.iter().skip(1).filter(|one| one.region == city).take(9) {
        let intake =
            Intake { kind: Kind::Complaint, topic: Topic::Suspension, words: "没有收到短信就被停机".to_owned(), ..nothing() };
        take(app, &agents[1], one, intake, now).await?;
    }
    // And in another city customers whom a campaign has just stopped: a warning that holds its cell.
    let stopped = remediation::table::Filter {
        region: "990200".to_owned(),
        state: Some(remediation::State::SingleStop),
        limit: 4,
        ..remediation::table::Filter::default()
    };
    for case in app.read(move |tx| remediation::table::list(tx, &stopped)).await? {
        let intake =
            Intake { kind: Kind::Complaint, topic: Topic::Suspension, words: "短信没写清到哪里补登".to_owned(), ..nothing() };
        let (writer, agent) = (app.clone(), agents[0].clone());
        app.write(move |tx| {
            let held = subscription::find(tx, case.subscription)?.ok_or_else(|| Failure::internal("a demo line that is gone"))?;
            let intake = Intake { subscription: Some(held.id), ..intake.clone() };
            hotline::enter(&writer, tx, By::Actor(&agent), agent.staff, &intake, Some(&held), now).map(drop)
        })
        .await?;
    }
    if let Some(ticket) = last {
        ended(app, &agents[0], &manager, &ticket).await?;
    }
    hotline::turn(app).await?;
    bulletins(app, now).await
}

fn nothing() -> Intake {
    Intake {
        subscription: None,
        kind: Kind::Question,
        topic: Topic::Other,
        region: String::new(),
        place: String::new(),
        words: String::new(),
    }
}

async fn take(app: &App, agent: &Actor, one: &DemoSubscriber, intake: Intake, at: Timestamp) -> Result<Ticket> {
    let phone = chuangsha_kernel::phone::Phone::parse(&one.phone).map_err(Failure::internal)?;
    let index = app.vault.blind(Field::Phone, &phone.e164())?.0;
    let (writer, agent) = (app.clone(), agent.clone());
    app.write(move |tx| {
        let held = subscription::of_number(tx, &index)?.ok_or_else(|| Failure::internal("a demo number nobody holds"))?;
        let intake = Intake { subscription: Some(held.id), ..intake.clone() };
        hotline::enter(&writer, tx, By::Actor(&agent), agent.staff, &intake, Some(&held), at)
    })
    .await
}

/// Answers, asks and closes; or leaves it half done.
async fn settle(
    app: &App,
    agent: &Actor,
    ticket: Ticket,
    ended: Option<(Outcome, &'static str)>,
    nth: usize,
    at: Timestamp,
) -> Result<Ticket> {
    let mut steps = Vec::new();
    if nth % 5 != 4 {
        steps.push(Step::Claim);
    }
    match ended {
        Some((outcome, words)) if nth % 5 != 4 => {
            steps.push(Step::Answer { outcome, words: words.to_owned() });
            steps.push(Step::Survey { satisfied: nth % 19 != 3 });
            steps.push(Step::Close);
        }
        _ if nth % 5 == 1 => steps.push(Step::Pause),
        _ => {}
    }
    let (writer, agent) = (app.clone(), agent.clone());
    app.write(move |tx| {
        let mut one = ticket.clone();
        for (index, step) in steps.iter().enumerate() {
            let words = match step {
                Step::Answer { words, .. } => words.as_str(),
                _ => "",
            };
            let when = at.plus_ms((index as i64 + 1) * 3 * HOUR_MS).min(writer.clock.now());
            // A customer with a named owner waits for that one.
            match hotline::carry(&writer, tx, &agent, &one, step, words, "L-HOT-1", when) {
                Ok(next) => one = next,
                Err(Failure::Problem(_)) => break,
                Err(failure) => return Err(failure),
            }
        }
        Ok(one)
    })
    .await
}

async fn ended(app: &App, agent: &Actor, manager: &Actor, ticket: &Ticket) -> Result<()> {
    let day = app.clock.now().day().checked_sub(20.days()).map_err(Failure::internal)?.to_string();
    let fee = NewAppeal {
        ticket: ticket.id,
        about: About::Fee,
        happened_on: day,
        reference: "申诉 2026-1180".to_owned(),
        words: "停机期间收费".to_owned(),
    };
    let one = appeal::receive(app, agent, fee.clone()).await?;
    appeal::step(app, manager, one.id, one.version, AppealStep::Accept, String::new()).await?;
    appeal::receive(app, agent, NewAppeal { about: About::Other, reference: "申诉 2026-1203".to_owned(), ..fee }).await?;
    let one = refund::compute(app, agent, ticket.id, "12.50".to_owned(), "停机 5 日月租".to_owned()).await?;
    let one = refund::step(app, manager, one.id, one.version, RefundStep::Approve, String::new()).await?;
    refund::step(app, agent, one.id, one.version, RefundStep::Pay, String::new()).await?;
    refund::compute(app, agent, ticket.id, "30.00".to_owned(), "预存款余额".to_owned()).await?;
    let held = hotline::view::find(app, agent, ticket.id).await?.ticket;
    if held.outcome.is_none() && held.state == hotline::State::Open {
        hotline::step(app, agent, ticket.id, held.version, Asked::Claim, String::new()).await?;
    }
    Ok(())
}

/// What was done in the two weeks before, for the bulletins to tell. Written before any job runs: yesterday is published at once.
///
/// # Errors
/// The record failed.
pub async fn past(app: &App) -> Result<()> {
    let now = app.clock.now();
    let (writer, today) = (app.clone(), now.day());
    app.write(move |tx| {
        let cities: Vec<String> = writer.rules.provinces().cities("99").map(|city| format!("{}00", city.code)).collect();
        for back in 1..=13_i64 {
            let day = today.checked_sub(back.days()).map_err(Failure::internal)?;
            for (nth, city) in cities.iter().enumerate() {
                for kind in ChannelKind::ALL {
                    let cell = figures::Cell { day, region: city.clone(), channel_kind: *kind as i64 };
                    let size = (40 - 3 * nth as i64).max(4) / (*kind as i64);
                    for (metric, count) in [
                        (figures::Metric::Remediated, size * 3 + back * 2),
                        (figures::Metric::Stopped, size / 2),
                        (figures::Metric::Restored, size / 3),
                    ] {
                        figures::add(tx, writer.ids.next(now), &cell, metric, count)?;
                    }
                }
            }
        }
        Ok::<_, Failure>(())
    })
    .await
}

/// The bulletins of the last week; those that are there already stay as they are.
async fn bulletins(app: &App, now: Timestamp) -> Result<()> {
    let today = now.day();
    // The newest by the job itself, at its hour.
    bulletin::turn(app).await?;
    for back in 2..=7_i64 {
        bulletin::make(app, BulletinKind::Daily, today.checked_sub(back.days()).map_err(Failure::internal)?).await?;
    }
    Ok(())
}
