//! 停复机告知: every measure is told with its reason, its remedy and the documents (L-REM-8), and its end when the network confirmed it.

use chuangsha_kernel::{id::SubjectId, phone::Phone, problem::Language, time::Timestamp};
use chuangsha_store::{Tx, outbox, outbox::Leased};
use chuangsha_vault::Domain;
use uuid::Uuid;

use super::{
    hold::{Ground, Hold, Level, Notice, Step},
    standing, table,
};
use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        keys,
        network::Handled,
        notify,
    },
    registration::{desk::place, subscription},
};

/// What a message of this module begins with, in the topic `sms`.
pub const KEY: &str = "suspension:";

impl Notice {
    /// What is told of a ground where nobody says it better: where to go and what to bring as this operator tells it.
    pub fn standard(app: &App, ground: Ground) -> Self {
        Self::new(ground.words().0, &app.config.operator.remedy_zh, &app.config.operator.documents_zh)
    }
}

/// Posts what a step is told by, if it is told.
pub(super) fn of_step(app: &App, tx: &mut Tx, hold: &Hold, step: Step<'_>, now: Timestamp) -> Result<()> {
    let template = match step {
        Step::Stop { .. } | Step::Raise { .. } | Step::Fail { .. } => "service_stopped",
        Step::AskVerification { .. } => "verify_requested",
        Step::Interrupt { .. } => "emergency_restored",
        _ => return Ok(()),
    };
    let key = format!("{KEY}{}:{}", hold.id, hold.version);
    post(app, tx, hold.subscription, &key, &format!("{template}:{}", hold.id), now)
}

/// Tells of the end.
pub(super) fn restored(app: &App, tx: &mut Tx, subscription: Uuid, sequence: i64, now: Timestamp) -> Result<()> {
    post(app, tx, subscription, &format!("{KEY}{subscription}:restored:{sequence}"), "service_restored", now)
}

fn post(app: &App, tx: &mut Tx, case: Uuid, key: &str, payload: &str, now: Timestamp) -> Result<()> {
    outbox::post(tx, &outbox::Message { id: app.ids.next(now), topic: "sms", key, case, payload: payload.as_bytes(), due: now })?;
    Ok(())
}

/// What is told, to whom.
struct Told {
    to: String,
    masked: String,
    hold: Option<Hold>,
}

/// Topic `sms`: tells the person.
///
/// # Errors
/// The record fails.
pub async fn tell(app: &App, templates: &notify::Templates, message: &Leased) -> Result<Handled> {
    let payload = String::from_utf8_lossy(&message.payload).into_owned();
    let (template, id) = payload.split_once(':').unwrap_or((&payload, ""));
    let (reader, subscription, id) = (app.clone(), message.case, id.parse::<Uuid>().ok());
    let told = app.read(move |tx| address(&reader, tx, subscription, id)).await?;
    let Some(told) = told else { return Ok(Handled::Done) };
    let operator = &app.config.operator;
    let notice = told.hold.as_ref().map(|hold| hold.notice.clone()).unwrap_or_default();
    let deadline = told.hold.as_ref().and_then(|hold| hold.interrupted_until.or(hold.due)).map(Timestamp::display).unwrap_or_default();
    let words = |words: Option<(&'static str, &'static str)>| words.map_or("", |words| words.0);
    let text = templates.render(
        template,
        Language::Chinese,
        &[
            ("operator", operator.name_zh.as_str()),
            ("number", &told.masked),
            ("measure", words(told.hold.as_ref().and_then(|hold| hold.level).map(Level::words))),
            ("method", words(told.hold.as_ref().and_then(|hold| hold.method).map(super::hold::Method::words))),
            ("reason", &notice.reason),
            ("channel", &notice.remedy),
            ("documents", &notice.documents),
            ("deadline", &deadline),
            ("hotline", &operator.hotline),
        ],
    );
    let text = match text {
        Ok(text) => text,
        // A refusal that cannot say why, where and with what is not sent half: people mend the template.
        Err(error) => return Ok(Handled::Bury { why: error.to_string() }),
    };
    let to = Phone::parse(&told.to).map_err(|_| Failure::internal("a sealed number is not a number"))?;
    let sms = notify::SmsMessage { to, text, idempotency_key: message.key.clone(), receipt: true };
    let outcome = app.sms.send(&sms).await;
    if let notify::SmsOutcome::Sent { ids } = &outcome
        && !ids.is_empty()
    {
        let (ids, key, now) = (ids.clone(), message.key.clone(), app.clock.now());
        // The message is out: sending it again would be worse than a receipt without its message.
        if let Err(failure) = app.store.write(move |tx| notify::record::sent(tx, &ids, &key, Some(subscription), now)).await {
            tracing::warn!(error = %failure.log_line(), "the carrier's message ids were not noted");
        }
    }
    Ok(outcome.into())
}

/// The number itself; stopped both ways, the contact number the person left, where there is one. Nobody is told of what is over already, and
/// nothing is said to a number that is somebody else's by now.
fn address(app: &App, tx: &mut Tx, id: Uuid, hold: Option<Uuid>) -> Result<Option<Told>> {
    let Some(held) = subscription::find(tx, id)? else { return Ok(None) };
    if held.state != subscription::ServiceState::InService {
        return Ok(None);
    }
    let hold = match hold {
        Some(hold) => match table::find(tx, hold)? {
            Some(hold) if !hold.state.is_final() => Some(hold),
            _ => return Ok(None),
        },
        None => None,
    };
    let number = app.open_pool_number(tx, held.number_id, &held.number_sealed)?;
    let masked = Phone::parse(&number).map(|phone| phone.masked()).unwrap_or_default();
    let contact = match (standing(tx, id)?.level, held.subject) {
        (Some(Level::StoppedBoth), Some(subject)) => contact(app, tx, subject)?,
        _ => None,
    };
    Ok(Some(Told { to: contact.unwrap_or(number), masked, hold }))
}

fn contact(app: &App, tx: &mut Tx, subject: SubjectId) -> Result<Option<String>> {
    let Some((_, party)) = subscription::holder(tx, &[subject])? else { return Ok(None) };
    match (party.phone, app.key_if_any(tx, party.subject.0, Domain::Identity)?) {
        (Some(sealed), Some(key)) => Ok(Some(keys::open(&key, place::PHONE, &sealed)?)),
        _ => Ok(None),
    }
}
