//! 开通闸门: nothing is active before the audit (R-REG-5, R-REG-6). Only an approved order yields a command, the command leaves through
//! the outbox, and the order is activated when the network confirms it.

use std::sync::Arc;

use chuangsha_kernel::{id::OrderId, phone::Phone, problem::Language, time::Timestamp};
use chuangsha_store::{Tx, outbox::Leased};
use chuangsha_vault::Domain;
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    carry::{Because, carry},
    desk::{IMAGE, place},
    order::{Check, ImageKind, Order, State, Step},
    table,
};
use crate::{
    App,
    platform::{
        audit::By,
        failure::{Failure, Result},
        keys,
        network::{Handled, Handler, NetworkAction, NetworkCommand, NetworkOutcome, drive},
        notify,
        verify::{CheckOutcome, DocumentCheck, FaceMatch},
    },
    remediation, suspension,
};

/// Slots the order's person fills now, the order's own among them.
pub fn slots_used(app: &App, tx: &mut Tx, order: &Order) -> Result<i64> {
    let Some(person) = &order.person_key else { return Ok(0) };
    Ok(table::slots(tx, &app.config.operator.code, person, order.product.quota_class())?.len() as i64)
}

/// Commands the activation of an approved order; the count is checked once more.
pub fn activate(app: &App, tx: &mut Tx, by: By<'_>, order: &Order, now: Timestamp) -> Result<Order> {
    let used = slots_used(app, tx, order)?;
    let limit = app.number_rule(order.product.limit_rule(), now, &order.region)?;
    let facts = serde_json::json!({ "slots_used": used, "limit": limit.value, "rules": [limit.rule] }).to_string();
    let step = Step::Activate { slots_used: used, limit: &limit };
    carry(app, tx, by, order, step, Because { action: "order.activate", why: "", facts: &facts }, now)
}

/// Topic `verification`: asks the authority about document and face. Down means: the order waits, the message stays.
pub struct VerificationHandler(pub App);

impl Handler for VerificationHandler {
    fn handle<'a>(&'a self, message: &'a Leased, _worker: &'a str) -> BoxFuture<'a, Handled> {
        Box::pin(async move {
            verify(&self.0, OrderId(message.case), message.id).await.unwrap_or_else(|failure| Handled::Retry { why: failure.log_line() })
        })
    }
}

/// What the authority is asked, opened for the moment of asking.
struct Question {
    check: DocumentCheck,
    picture: Option<Zeroizing<Vec<u8>>>,
}

/// `question` is the message's id: asked again after a lost answer it is the same question, and a re-captured order asks a new one.
async fn verify(app: &App, id: OrderId, question: Uuid) -> Result<Handled> {
    let reader = app.clone();
    let found = app
        .read(move |tx| {
            let order = table::find(tx, id)?;
            if order.state != State::Submitted || order.check != Check::Waiting {
                return Ok(None);
            }
            let Some(party) = table::parties(tx, id)?.into_iter().find(|party| party.role == "holder") else { return Ok(None) };
            let Some(key) = reader.key_if_any(tx, party.subject.0, Domain::Identity)? else { return Ok(None) };
            let check = DocumentCheck {
                request: question,
                kind: party.document.as_str().to_owned(),
                number: Zeroizing::new(keys::open(&key, place::NUMBER, &party.number)?),
                name: Zeroizing::new(keys::open(&key, place::NAME, &party.name)?),
            };
            let declined = table::face_declined(tx, id)?;
            let photo = table::images(tx, id)?.into_iter().find(|image| image.kind == ImageKind::LivePhoto && !declined);
            let documents = reader.key_if_any(tx, party.subject.0, Domain::Documents)?;
            Ok::<_, Failure>(Some((check, photo, documents)))
        })
        .await?;
    // Cancelled, expired or answered in the meantime: nothing to ask.
    let Some((check, photo, documents)) = found else { return Ok(Handled::Done) };
    let picture = match (photo, documents) {
        (Some(photo), Some(key)) => {
            let sealed = app.objects.get(photo.id).await.map_err(Failure::internal)?;
            Some(key.open(IMAGE, &sealed)?)
        }
        _ => None,
    };
    let question = Question { check, picture };
    let check = match app.verifier.check_document(&question.check).await {
        Ok(CheckOutcome::Match(_)) => Check::Match,
        Ok(CheckOutcome::Mismatch(_)) => Check::Mismatch,
        Ok(CheckOutcome::NotFound(_)) => Check::NotFound,
        Err(down) => return Ok(Handled::Retry { why: format!("verification down: {:?}", down.reason) }),
    };
    let face_score = match question.picture {
        Some(picture) => {
            let face = FaceMatch {
                // The face is a question of its own.
                request: Uuid::from_u128(question.check.request.as_u128() ^ 1),
                kind: question.check.kind.clone(),
                number: question.check.number.clone(),
                picture,
            };
            match app.verifier.match_face(&face).await {
                Ok(outcome) => Some(i64::from(outcome.score)),
                Err(down) => return Ok(Handled::Retry { why: format!("face comparison down: {:?}", down.reason) }),
            }
        }
        None => None,
    };
    let (writer, now) = (app.clone(), app.clock.now());
    app.write(move |tx| {
        let order = table::find(tx, id)?;
        if order.state != State::Submitted || order.check != Check::Waiting {
            return Ok(());
        }
        let facts = serde_json::json!({ "check": check.as_str(), "face_score": face_score }).to_string();
        let because = Because { action: "order.verify", why: "", facts: &facts };
        carry(&writer, tx, By::System("verification"), &order, Step::Verified { check, face_score }, because, now).map(drop)
    })
    .await?;
    Ok(Handled::Done)
}

/// Topic `network`: commands the element and confirms the order when it says so.
pub struct NetworkHandler(pub App);

impl Handler for NetworkHandler {
    fn handle<'a>(&'a self, message: &'a Leased, _worker: &'a str) -> BoxFuture<'a, Handled> {
        Box::pin(async move {
            let key = message.key.as_str();
            let done = if key.starts_with(suspension::line::KEY) {
                suspension::line::command(&self.0, message).await
            } else if key.starts_with(suspension::line::END) {
                suspension::line::ended(&self.0, message).await
            } else if key.starts_with(remediation::contact::END) {
                remediation::contact::end(&self.0, message).await
            } else {
                command(&self.0, message).await
            };
            done.unwrap_or_else(|failure| Handled::Retry { why: failure.log_line() })
        })
    }
}

async fn command(app: &App, message: &Leased) -> Result<Handled> {
    let (id, key) = (OrderId(message.case), message.key.clone());
    // Older messages carry no sequence: the number was never commanded before.
    let sequence = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let reader = app.clone();
    let number = app
        .read(move |tx| {
            let order = table::find(tx, id)?;
            if order.state != State::Activating {
                return Ok(None);
            }
            let number = table::number_of(tx, id)?;
            Ok::<_, Failure>(Some(reader.open_pool_number(tx, number.id, &number.sealed)?))
        })
        .await?;
    let Some(number) = number else { return Ok(Handled::Done) };
    let number = Zeroizing::new(number);
    let command = NetworkCommand { key, action: NetworkAction::Activate, number, case: id.0, sequence, reachable: Vec::new() };
    match drive(&*app.network, &command, message.attempts > 1).await {
        NetworkOutcome::Confirmed { .. } => confirm(app, id).await.map(|()| Handled::Done),
        other => Ok(other.into()),
    }
}

/// Asks the element about an order that waits for it; says nothing about any other.
pub async fn ask_again(app: &App, id: OrderId, key: &str) -> Result<()> {
    let waits = app.read(move |tx| Ok::<_, Failure>(table::find(tx, id).is_ok_and(|order| order.state == State::Activating))).await?;
    if waits && let Some(NetworkOutcome::Confirmed { .. }) = app.network.poll(key, NetworkAction::Activate).await {
        confirm(app, id).await?;
    }
    Ok(())
}

/// The network says the number is open: by answer, by poll or by its own call back. Said twice, it is done once.
pub async fn confirm(app: &App, id: OrderId) -> Result<()> {
    let (writer, now) = (app.clone(), app.clock.now());
    app.write(move |tx| {
        let order = table::find(tx, id)?;
        if order.state != State::Activating {
            return Ok(());
        }
        let because = Because { action: "order.confirm", why: "", facts: "{\"network\":\"confirmed\"}" };
        carry(&writer, tx, By::System("network"), &order, Step::Confirm, because, now).map(drop)
    })
    .await
}

/// Topic `sms`: tells the customer.
pub struct MessageHandler(pub App, pub Arc<notify::Templates>);

impl Handler for MessageHandler {
    fn handle<'a>(&'a self, message: &'a Leased, _worker: &'a str) -> BoxFuture<'a, Handled> {
        Box::pin(async move {
            let key = message.key.as_str();
            let told = if key.starts_with(suspension::notice::KEY) {
                suspension::notice::tell(&self.0, &self.1, message).await
            } else if key.starts_with(remediation::contact::KEY) {
                remediation::contact::send(&self.0, &self.1, message).await
            } else {
                tell(self, message).await
            };
            told.unwrap_or_else(|failure| Handled::Retry { why: failure.log_line() })
        })
    }
}

async fn tell(handler: &MessageHandler, message: &Leased) -> Result<Handled> {
    let (app, id) = (&handler.0, OrderId(message.case));
    let template = String::from_utf8_lossy(&message.payload).into_owned();
    let reader = app.clone();
    let found = app
        .read(move |tx| {
            let order = table::find(tx, id)?;
            let Some(party) = table::parties(tx, id)?.into_iter().find(|party| party.role == "holder") else { return Ok(None) };
            // An existing number is told itself, whoever came with it: its holder learns of it.
            // Otherwise the contact number the customer gave; without one, the new number itself once it is open.
            let to = match (party.phone, order.state) {
                (_, _) if order.existing.is_some() => {
                    let number = table::number_of(tx, id)?;
                    Some(reader.open_pool_number(tx, number.id, &number.sealed)?)
                }
                (Some(sealed), _) => match reader.key_if_any(tx, party.subject.0, Domain::Identity)? {
                    Some(key) => Some(keys::open(&key, place::PHONE, &sealed)?),
                    None => None,
                },
                (None, State::Activated) if order.existing.is_none() => {
                    let number = table::number_of(tx, id)?;
                    Some(reader.open_pool_number(tx, number.id, &number.sealed)?)
                }
                (None, _) => None,
            };
            let number = table::number_of(tx, id)?;
            let masked =
                Phone::parse(&reader.open_pool_number(tx, number.id, &number.sealed)?).map(|phone| phone.masked()).unwrap_or_default();
            Ok::<_, Failure>(Some((order, to, masked)))
        })
        .await?;
    let Some((order, Some(to), masked)) = found else { return Ok(Handled::Done) };
    let to = Phone::parse(&to).map_err(|_| Failure::internal("a sealed contact number is not a number"))?;
    let reasons: Vec<&str> = match order.state {
        State::Returned => order.defects.iter().map(|defect| defect.zh()).collect(),
        _ => order.reason.iter().map(|reason| reason.zh()).collect(),
    };
    let deadline = order.expires_at.display();
    let text = handler.1.render(
        &template,
        Language::Chinese,
        &[
            ("operator", app.config.operator.name_zh.as_str()),
            ("order", &order.code),
            ("number", &masked),
            ("reason", &reasons.join("、")),
            ("channel", &app.config.operator.remedy_zh),
            ("documents", &app.config.operator.documents_zh),
            ("deadline", &deadline),
            ("hotline", &app.config.operator.hotline),
        ],
    );
    let text = match text {
        Ok(text) => text,
        // A refusal that cannot say why, where and with what is not sent half: people mend the template.
        Err(error) => return Ok(Handled::Bury { why: error.to_string() }),
    };
    let sms = notify::SmsMessage { to, text, idempotency_key: message.key.clone(), receipt: true };
    let outcome = app.sms.send(&sms).await;
    if let notify::SmsOutcome::Sent { ids } = &outcome
        && !ids.is_empty()
    {
        let (ids, key, now) = (ids.clone(), message.key.clone(), app.clock.now());
        // The message is out: sending it again would be worse than a receipt without its message.
        if let Err(failure) = app.store.write(move |tx| notify::record::sent(tx, &ids, &key, Some(id.0), now)).await {
            tracing::warn!(error = %failure.log_line(), "the carrier's message ids were not noted");
        }
    }
    Ok(outcome.into())
}
