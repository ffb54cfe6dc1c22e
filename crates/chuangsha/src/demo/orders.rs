//! 演示登记单: carried by the application's own steps, as clerks and auditors would, so that each has its timeline, its pictures and its entries in the log.

use std::time::Duration;

use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        images::MarkFont,
    },
    registration::{
        audit_desk, desk,
        order::{Customer, Defect, ImageKind, Mode, Order, Product, RejectReason},
        table,
    },
};
use chuangsha_kernel::{document::DocumentKind, id::OrderId, problem::Problem, role::Role, time::DAY_MS};
use chuangsha_world::{
    city::{DemoProvince, DemoSubscriber, MOST_SUBSCRIBERS},
    network::{Behaviour, NetworkElement},
    pictures::{self, Card},
};
use zeroize::Zeroizing;

use super::{Login, SEED};
use crate::{say::Say, serve::parts};

/// People who come to the counter: none of the base.
const FIRST_VISITOR: u32 = 60_000;

/// How far an order is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Draft,
    Reserved,
    Captured,
    Queued,
    Claimed,
    Returned,
    Escalated,
    Rejected,
    Cancelled,
    Activated,
    DeadLetter,
    Delivery,
}

const PLAN: [(Goal, usize); 12] = [
    (Goal::Draft, 2),
    (Goal::Reserved, 2),
    (Goal::Captured, 2),
    (Goal::Queued, 20),
    (Goal::Claimed, 2),
    (Goal::Returned, 3),
    (Goal::Escalated, 2),
    (Goal::Rejected, 2),
    (Goal::Cancelled, 1),
    (Goal::Activated, 6),
    (Goal::Delivery, 2),
    // Last: the element refuses the next command it gets.
    (Goal::DeadLetter, 1),
];

/// Carries every order of the plan.
pub async fn seed(say: &Say, app: &App, network: &NetworkElement, logins: &[Login]) -> std::result::Result<(), Problem> {
    let total: usize = PLAN.iter().map(|(_, count)| count).sum();
    let bar = say.progress(total as u64, "登记单", "orders");
    let goals = PLAN.iter().flat_map(|(goal, count)| std::iter::repeat_n(*goal, *count));
    for (nth, goal) in goals.enumerate() {
        if goal == Goal::DeadLetter {
            network.script([Behaviour::Refuse("4103".to_owned())]);
        }
        carry(app, logins, nth, goal).await.map_err(parts::failed)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn actor(app: &App, login: &Login) -> Actor {
    let now = app.clock.now();
    Actor {
        staff: login.staff,
        number: login.number.clone(),
        organisation: login.organisation,
        organisation_kind: login.kind(),
        region: login.region.clone(),
        carrier: login.carrier,
        roles: login.roles(),
        mfa_at: Some(now),
        passkey: true,
        trained_until: Some(now.plus_ms(300 * DAY_MS)),
        address: "127.0.*".to_owned(),
        session: None,
        key_actions: None,
        alive: tokio_util::sync::CancellationToken::new(),
    }
}

/// The nth person with the role, counted round.
pub(super) fn who(app: &App, logins: &[Login], role: Role, nth: usize, online: bool) -> Result<Actor> {
    let fits = |login: &&Login| login.role() == Some(role) && (role != Role::Clerk || login.organisation_en.contains("Online") == online);
    let all: Vec<&Login> = logins.iter().filter(fits).collect();
    let login = all.get(nth % all.len().max(1)).ok_or_else(|| Failure::internal(format!("the demo has no {}", role.as_str())))?;
    Ok(actor(app, login))
}

async fn carry(app: &App, logins: &[Login], nth: usize, goal: Goal) -> Result<()> {
    let online = goal == Goal::Delivery;
    let clerk = who(app, logins, Role::Clerk, nth, online)?;
    let visitor = visitor(nth)?;
    let offers = desk::offers(app, &clerk, Product::Voice, uuid::Uuid::nil(), 1).await?;
    let number = offers.first().ok_or_else(|| Failure::internal("no number is free"))?.id;
    let mode = if online { Mode::OnlineDelivery } else { Mode::Counter };
    let id = desk::open(app, &clerk, desk::NewOrder { number, mode, product: Product::Voice, customer: Customer::Individual }).await?;
    if goal == Goal::Draft {
        return Ok(());
    }
    let entry = if online { "upload" } else { "reader" };
    let holder = party(&visitor);
    let (agent, organisation, handler) = (None, None, None);
    let order =
        desk::reserve(app, &clerk, id, desk::Reservation { version: 1, entry: entry.to_owned(), holder, agent, organisation, handler })
            .await?;
    match goal {
        Goal::Reserved => return Ok(()),
        Goal::Cancelled => return desk::cancel(app, &clerk, id, order.version, "客户改主意了".to_owned()).await.map(drop),
        _ => {}
    }
    photograph(app, &clerk, id, &visitor).await?;
    let facts =
        desk::Capture { version: order.version, original_seen: true, warning_read: true, face_declined: false, agreement_clause: false };
    let order = desk::capture(app, &clerk, id, facts).await?;
    if goal == Goal::Captured {
        return Ok(());
    }
    let order = desk::submit(app, &clerk, id, order.version).await?;
    if goal == Goal::Queued {
        return Ok(());
    }
    let order = verified(app, order).await?;
    audit(app, logins, nth, goal, &order).await
}

/// The nth person who comes with a resident ID card: the reader at the counter takes no other.
pub(super) fn visitor(nth: usize) -> Result<DemoSubscriber> {
    visitors().nth(nth).ok_or_else(|| Failure::internal("the demo has no more people"))
}

/// Everybody who comes with one.
pub fn visitors() -> impl Iterator<Item = DemoSubscriber> {
    let province = DemoProvince::new(SEED);
    (FIRST_VISITOR..MOST_SUBSCRIBERS).map(move |index| province.subscriber(index)).filter(|one| one.document == DocumentKind::ResidentId)
}

pub(super) fn party(one: &DemoSubscriber) -> desk::PartyInput {
    desk::PartyInput {
        document_kind: one.document.as_str().to_owned(),
        document_number: Zeroizing::new(one.number.clone()),
        name: Zeroizing::new(one.name.clone()),
        address: Zeroizing::new(one.address.clone()),
        country: one.country.map(str::to_owned),
        phone: Some(Zeroizing::new(one.phone.clone())),
        valid_from: Some(one.issued.to_string()),
        valid_until: one.until.map(|day| day.to_string()),
    }
}

/// The four pictures a resident needs.
pub fn shots(one: &DemoSubscriber, font: Option<&MarkFont>) -> [(ImageKind, Vec<u8>); 4] {
    let valid = format!("{} - {}", one.issued, one.until.map_or_else(|| "长期".to_owned(), |day| day.to_string()));
    let card = Card { name: &one.name, number: &one.number, address: &one.address, valid: &valid, seed: u64::from(one.index) };
    let seed = u64::from(one.index);
    [
        (ImageKind::DocumentFront, pictures::document_front(&card, font)),
        (ImageKind::DocumentBack, pictures::document_back(&card, font)),
        (ImageKind::LivePhoto, pictures::live_photo(seed)),
        (ImageKind::Signature, pictures::signature(seed)),
    ]
}

pub(super) async fn photograph(app: &App, clerk: &Actor, id: OrderId, one: &DemoSubscriber) -> Result<()> {
    for (kind, picture) in shots(one, app.mark_font.as_ref()) {
        desk::add_image(app, clerk, id, kind, picture).await?;
    }
    Ok(())
}

/// Waits until the authority has answered: at most ten seconds, then the order is left as it stands.
pub(super) async fn verified(app: &App, order: Order) -> Result<Order> {
    let mut order = order;
    for _ in 0..200 {
        if order.check != chuangsha_app::registration::order::Check::Waiting {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let id = order.id;
        order = app.read(move |tx| table::find(tx, id)).await?;
    }
    Ok(order)
}

async fn audit(app: &App, logins: &[Login], nth: usize, goal: Goal, order: &Order) -> Result<()> {
    let auditor = who(app, logins, Role::Auditor, nth, false)?;
    let claimed = audit_desk::claim(app, &auditor, order.id).await?;
    let (id, version) = (order.id, claimed.version);
    match goal {
        Goal::Claimed => Ok(()),
        Goal::Returned => {
            let defects = vec![Defect::DocumentBlurred, Defect::PhotoUnclear];
            audit_desk::send_back(app, &auditor, id, version, defects, "证件正面反光，请重拍".to_owned()).await.map(drop)
        }
        Goal::Escalated => audit_desk::escalate(app, &auditor, id, version, "照片与证件差异较大，请复核".to_owned()).await.map(drop),
        Goal::Rejected => audit_desk::reject(app, &auditor, id, version, RejectReason::NotTheHolder, String::new()).await.map(drop),
        _ => match audit_desk::approve(app, &auditor, id, version).await {
            // The simulated authority finds three documents in a hundred wrong: such an order cannot be approved, and stays in the queue.
            Ok(_) => Ok(()),
            Err(Failure::Problem(_)) => audit_desk::release(app, &auditor, id).await.map(drop),
            Err(other) => Err(other),
        },
    }
}
