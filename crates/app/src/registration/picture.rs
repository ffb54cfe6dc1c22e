//! 影像查看: the pictures of an order in clear, each look written down first. Whoever registers or audits looks at them for that; where a look at
//! the person would need a second person, so does a look at their pictures, for everybody else.

use chuangsha_kernel::{
    id::OrderId,
    role::{Action, Role},
    time::Timestamp,
};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{
    Refusal,
    desk::IMAGE,
    order::{ImageKind, Order},
    subscription,
    table::{self, Party},
    view,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        purpose::Purpose,
        reveal::{self, Reveal, Thing},
        second::{self, Ask, Cause, Kind, What},
    },
};

/// What the log and an approval call the pictures of an order together.
const STEP: &str = "images";

/// Whoever captures or audits looks at pictures for that; anybody else's reason is not known here.
fn registers_or_audits(actor: &Actor) -> bool {
    [Role::Clerk, Role::Auditor, Role::SeniorAuditor].into_iter().any(|role| actor.roles.has(role))
}

/// Why the pictures of an order need a second person for this one, if they do, and what is asked for: one approval opens all of them.
fn guard(app: &App, tx: &mut Tx, actor: &Actor, order: &Order, now: Timestamp) -> Result<Option<(Cause, What)>> {
    if registers_or_audits(actor) {
        return Ok(None);
    }
    for party in table::parties(tx, order.id)? {
        let thing = thing(app, tx, order, &party)?;
        if let Some(cause) = reveal::cause(app, tx, actor, &thing, now)? {
            let what = What {
                key: format!("order {} {STEP}", order.id),
                field: String::new(),
                object: thing.object,
                page: format!("{}?tab=documents", thing.page),
                subject: Some(party.subject),
                region: thing.region,
            };
            return Ok(Some((cause, what)));
        }
    }
    Ok(None)
}

fn thing(app: &App, tx: &mut Tx, order: &Order, party: &Party) -> Result<Thing> {
    Ok(Thing {
        case_kind: "order",
        case: order.id.0,
        subjects: subscription::subjects_of(tx, party.subject)?,
        region: order.region.clone(),
        object: order.code.clone(),
        page: format!("/orders/{}", order.id),
        born: view::born(app, tx, party)?,
    })
}

/// One picture in clear; looking is written down first.
///
/// # Errors
/// `registration.not_found`; the right to see pictures there; `second.needed` until another person agreed.
pub async fn show(app: &App, actor: &Actor, id: OrderId, kind: ImageKind) -> Result<Vec<u8>> {
    let now = app.clock.now();
    let (writer, asker) = (app.clone(), actor.clone());
    let (image, key) = app
        .store
        .write(move |tx| {
            let order = view::visible(&writer, tx, &asker, id, Action::ImageView)?;
            let image = table::images(tx, id)?.into_iter().find(|image| image.kind == kind).ok_or(Refusal::NotFound)?;
            let key = writer.key_if_any(tx, image.subject.0, chuangsha_vault::Domain::Documents)?.ok_or(Refusal::NotFound)?;
            let (cause, second) = match guard(&writer, tx, &asker, &order, now)? {
                Some((cause, what)) => {
                    let agreed = reveal::agreed_look(&writer, tx, &asker, (Kind::RevealImage, &what), (id.0, STEP), now)?;
                    (Some(cause), Some(agreed.ok_or_else(|| second::needed(cause))?))
                }
                None => (None, None),
            };
            let purpose = registers_or_audits(&asker).then_some(Purpose::Audit);
            let facts = serde_json::json!({
                "image": kind.as_str(), "sha256": hex::encode(&image.sha256), "purpose": purpose, "post": asker.roles.names(),
                "cause": cause, "second": second,
            })
            .to_string();
            let entry = Entry {
                action: "image.view",
                case_kind: "order",
                case: Some(id.0),
                step: kind.as_str(),
                article: "R-PIP-3",
                pack: &writer.rules.version,
                facts: &facts,
                subject: Some(image.subject),
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&asker), &entry, now)?;
            Ok::<_, Failure>((image, std::sync::Arc::new(key)))
        })
        .await?;
    let sealed = app.objects.get(image.id).await.map_err(Failure::internal)?;
    let plain = key.open(IMAGE, &sealed)?;
    if ring::digest::digest(&ring::digest::SHA256, &plain).as_ref() != image.sha256 {
        return Err(Failure::internal("a stored picture does not match its hash"));
    }
    Ok(plain.to_vec())
}

/// Why this person has to ask somebody before they see the pictures; `None`: they may look.
///
/// # Errors
/// `registration.not_found`. Whether they may look at all is asked when they do.
pub async fn waits_for(app: &App, actor: &Actor, id: OrderId) -> Result<Option<Cause>> {
    let now = app.clock.now();
    let (reader, asker) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let order = view::visible(&reader, tx, &asker, id, Action::OrderView)?;
        let Some((cause, what)) = guard(&reader, tx, &asker, &order, now)? else { return Ok(None) };
        let may = reveal::may_look(&reader, tx, &asker, (Kind::RevealImage, &what), (id.0, STEP), now)?;
        Ok((!may).then_some(cause))
    })
    .await
}

/// Asks a second person for the pictures of an order.
///
/// # Errors
/// `second.not_needed`: one person alone may look. As [`second::request_in`].
pub async fn ask_second(app: &App, actor: &Actor, id: OrderId, asked: Reveal) -> Result<Uuid> {
    actor.reach(app, Action::ImageView)?;
    let now = app.clock.now();
    let reason = asked.reason(app, now)?;
    let (writer, asker) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let order = view::visible(&writer, tx, &asker, id, Action::ImageView)?;
        let (cause, what) = guard(&writer, tx, &asker, &order, now)?.ok_or_else(reveal::not_needed)?;
        second::request_in(&writer, tx, &asker, &Ask { kind: Kind::RevealImage, cause, reason: reason.clone(), what }, now)
    })
    .await
}
