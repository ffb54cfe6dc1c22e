//! 触达: messages and calls on their way out, and what is heard of them. A contact counts only with evidence that it arrived (R-REM-3).
//!
//! Each has a key of its own, `remediation:CASE:N`; by it the outbox knows repetitions, the carrier knows repetitions, and a receipt finds back.
//! A receipt nobody waits for is counted by day and ignored.

use std::sync::Arc;

use chuangsha_kernel::{phone::Phone, problem::Language, time::Timestamp};
use chuangsha_store::{Tx, outbox::Leased};
use futures_util::future::BoxFuture;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    case::{Case, Purpose, State},
    kind::Kind,
    ladder,
    table::{self, ContactResult, Counts, metric},
};
use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        network::{Handled, Handler, NetworkAction, NetworkCommand, drive},
        notify::{self, CallMessage, CallOutcome, OutboundCall, Templates},
    },
    registration::subscription::{self, ServiceState},
};

/// What a contact's message begins with, in the topics `sms` and `call`.
pub const KEY: &str = "remediation:";

/// What the end of a line begins with, in the topic `network`.
pub const END: &str = "remediation-end:";

/// The key of a contact.
pub fn key(case: Uuid, n: i64) -> String {
    format!("{KEY}{case}:{n}")
}

/// Reads a contact's key.
pub fn read_key(key: &str) -> Option<(Uuid, i64)> {
    let (case, n) = key.strip_prefix(KEY)?.split_once(':')?;
    Some((case.parse().ok()?, n.parse().ok()?))
}

/// What the outbox carries of a contact: no number, no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Which notice.
    pub purpose: Purpose,
    /// The deadline it tells.
    pub deadline: Timestamp,
}

impl Payload {
    /// As the outbox keeps it.
    pub fn written(self) -> String {
        format!("{}|{}", self.purpose.as_str(), self.deadline.0)
    }

    /// Back from there.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (purpose, deadline) = std::str::from_utf8(bytes).ok()?.split_once('|')?;
        Some(Self { purpose: Purpose::parse(purpose)?, deadline: Timestamp(deadline.parse().ok()?) })
    }
}

/// What is said to whom.
struct Said {
    to: Phone,
    /// The template's name; the switch knows its recording by it.
    announcement: &'static str,
    text: Zeroizing<String>,
}

/// What is said to whom, found at the moment of sending; `None`: it is no longer to be said.
async fn found(app: &App, templates: &Templates, message: &Leased) -> Result<Option<Said>> {
    let Some((id, n)) = read_key(&message.key) else { return Err(Failure::internal("a contact's key is not of its form")) };
    let Some(payload) = Payload::read(&message.payload) else {
        return Err(Failure::internal("a contact's payload is not of its form"));
    };
    let reader = app.clone();
    let found = app
        .read(move |tx| {
            let Some(case) = table::find(tx, id)? else { return Ok(None) };
            // Restored, held or ended meanwhile, or the number is somebody else's by now: nothing is said any more. Nor is what arrived said twice.
            if !stands(&case, payload.purpose) || case.contacts < n || table::has_arrived(tx, id, n)? {
                return Ok(None);
            }
            let Some(held) = subscription::find(tx, case.subscription)?.filter(|held| held.state == ServiceState::InService) else {
                return Ok(None);
            };
            let digits = Zeroizing::new(reader.open_pool_number(tx, held.number_id, &held.number_sealed)?);
            Ok::<_, Failure>(Some((case, digits)))
        })
        .await?;
    let Some((case, digits)) = found else {
        let (now, result) = (app.clock.now(), ContactResult::Dropped);
        app.store.write(move |tx| table::settle_contact(tx, id, n, result, None, now).map(drop)).await?;
        return Ok(None);
    };
    let to = Phone::parse(&digits).map_err(|_| Failure::internal("a sealed number is not a number"))?;
    let operator = &app.config.operator;
    let announcement = template(payload.purpose);
    let text = templates.render(
        announcement,
        Language::Chinese,
        &[
            ("operator", operator.name_zh.as_str()),
            ("number", &to.masked()),
            ("reason", reason(case.kind)),
            ("channel", &operator.remedy_zh),
            ("documents", &operator.documents_zh),
            ("deadline", &payload.deadline.display()),
            ("hotline", &operator.hotline),
        ],
    );
    Ok(Some(Said { to, announcement, text: text.map_err(Failure::internal)? }))
}

/// The notice still fits where the case stands.
pub fn stands(case: &Case, purpose: Purpose) -> bool {
    match purpose {
        Purpose::Remind => matches!(case.state, State::SmsSent | State::Called),
        Purpose::Warn => case.state == State::Warned,
        Purpose::SecondReminder => case.state == State::DoubleStop,
        Purpose::FinalNotice => case.state == State::FinalNotice,
    }
}

const fn template(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Remind => "remediation_remind",
        Purpose::Warn => "remediation_warn",
        Purpose::SecondReminder => "remediation_second_reminder",
        Purpose::FinalNotice => "remediation_final_notice",
    }
}

/// 原因: why this line is asked, in the words of the message.
const fn reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Unverified => "未进行实名登记",
        Kind::Incomplete => "登记信息不完整",
        Kind::HolderDiffers => "机主与实际使用人不一致",
        Kind::GroupCard => "单位号码未登记实际使用人",
    }
}

/// Not in the quiet hours, however long the message lay in the outbox.
fn quiet(app: &App, now: Timestamp) -> Result<Option<Handled>> {
    let at = ladder::contact_at(&app.rules, "", now)?;
    Ok((at > now).then(|| Handled::Later { after_ms: at.0 - now.0 }))
}

/// Topic `sms`, the part of it that is ours.
///
/// # Errors
/// The record fails.
pub async fn send(app: &App, templates: &Templates, message: &Leased) -> Result<Handled> {
    if let Some(later) = quiet(app, app.clock.now())? {
        return Ok(later);
    }
    let Some(Said { to, text, .. }) = found(app, templates, message).await? else { return Ok(Handled::Done) };
    let sms = notify::SmsMessage { to, text, idempotency_key: message.key.clone(), receipt: true };
    let outcome = app.sms.send(&sms).await;
    let (key, case, now) = (message.key.clone(), message.case, app.clock.now());
    let noted = match &outcome {
        notify::SmsOutcome::Sent { ids } => {
            let ids = ids.clone();
            app.store
                .write(move |tx| {
                    notify::record::sent(tx, &ids, &key, Some(case), now)?;
                    let Some((case, n)) = read_key(&key) else { return Ok(()) };
                    let receipt = ids.first().map(String::as_str);
                    table::settle_contact(tx, case, n, ContactResult::Handed, receipt, now).map(drop)
                })
                .await
        }
        notify::SmsOutcome::Rejected { .. } => settle(app, &key, ContactResult::Failed, None).await,
        notify::SmsOutcome::Unreachable { .. } => Ok(()),
    };
    if let Err(failure) = noted {
        // The message is out: sending it again would be worse than a contact that does not count.
        tracing::warn!(error = %failure.log_line(), "what became of a contact was not noted");
    }
    Ok(outcome.into())
}

/// What became of a contact, written down with its count.
async fn settle(app: &App, key: &str, result: ContactResult, receipt: Option<String>) -> Result<()> {
    let Some((case, n)) = read_key(key) else { return Ok(()) };
    let (writer, now) = (app.clone(), app.clock.now());
    app.write(move |tx| heard(&writer, tx, case, n, result, receipt.as_deref(), now).map(drop)).await
}

/// News of a contact; `false`: known already, or nobody waits for it.
///
/// # Errors
/// The record fails.
pub fn heard(app: &App, tx: &mut Tx, case: Uuid, n: i64, result: ContactResult, receipt: Option<&str>, now: Timestamp) -> Result<bool> {
    if !table::settle_contact(tx, case, n, result, receipt, now)? {
        return Ok(false);
    }
    if result == ContactResult::Delivered
        && let Some(found) = table::find(tx, case)?
    {
        let mut counts = Counts::default();
        counts.add(&found, &now.day().to_string(), metric::DELIVERED, 1);
        counts.flush(&app.ids, tx, now)?;
    }
    Ok(true)
}

/// 状态报告: a receipt was noted; where it belongs to a contact, the contact is settled with it. A long message arrives when all its parts did.
///
/// # Errors
/// The record fails.
pub fn receipt(app: &App, tx: &mut Tx, part: &str, now: Timestamp) -> Result<()> {
    let Some(key) = notify::record::key_of(tx, part)? else { return Ok(()) };
    let Some((case, n)) = read_key(&key) else { return Ok(()) };
    let states = notify::record::states(tx, &key)?;
    let result = if states.iter().all(|(_, state)| state == "delivered") {
        ContactResult::Delivered
    } else if states.iter().any(|(_, state)| state == "failed") {
        ContactResult::Failed
    } else {
        return Ok(());
    };
    heard(app, tx, case, n, result, Some(part), now).map(drop)
}

/// Topic `call`: places the calls of the ladder.
pub struct CallHandler {
    /// The application.
    pub app: App,
    /// The words.
    pub templates: Arc<Templates>,
    /// The switch.
    pub calls: Arc<dyn OutboundCall>,
}

impl Handler for CallHandler {
    fn handle<'a>(&'a self, message: &'a Leased, _worker: &'a str) -> BoxFuture<'a, Handled> {
        Box::pin(async move { self.place(message).await.unwrap_or_else(|failure| Handled::Retry { why: failure.log_line() }) })
    }

    fn burying<'a>(&'a self, message: &'a Leased, _why: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Err(failure) = settle(&self.app, &message.key, ContactResult::Failed, None).await {
                tracing::warn!(error = %failure.log_line(), "what became of a contact was not noted");
            }
        })
    }
}

impl CallHandler {
    async fn place(&self, message: &Leased) -> Result<Handled> {
        let app = &self.app;
        if let Some(later) = quiet(app, app.clock.now())? {
            return Ok(later);
        }
        let Some(Said { to, announcement, text }) = found(app, &self.templates, message).await? else { return Ok(Handled::Done) };
        let call = CallMessage {
            to,
            announcement: announcement.to_owned(),
            text,
            language: Language::Chinese,
            idempotency_key: message.key.clone(),
        };
        Ok(match self.calls.call(&call).await {
            // Hung up before a word was said: nobody was told anything.
            CallOutcome::Answered { id, seconds, .. } => {
                let result = if seconds > 0 { ContactResult::Delivered } else { ContactResult::Failed };
                settle(app, &message.key, result, Some(id)).await?;
                Handled::Done
            }
            CallOutcome::NoAnswer { id } | CallOutcome::Busy { id } | CallOutcome::Failed { id } => {
                settle(app, &message.key, ContactResult::Failed, Some(id)).await?;
                Handled::Done
            }
            CallOutcome::Underway => Handled::Later { after_ms: 5_000 },
            CallOutcome::Refused { code } => {
                settle(app, &message.key, ContactResult::Failed, None).await?;
                Handled::Bury { why: format!("refused: {code}") }
            }
            CallOutcome::Unreachable { why } => Handled::Retry { why: why.to_owned() },
        })
    }
}

/// Topic `network`, the part of it that is ours: a cancelled line is closed at the element.
///
/// # Errors
/// The record fails.
pub async fn end(app: &App, message: &Leased) -> Result<Handled> {
    let (reader, id) = (app.clone(), message.case);
    // Its place in the order of the number's commands was given with the message: a stop that is still on its way is older.
    let sequence = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let number = app
        .read(move |tx| {
            let Some(case) = table::find(tx, id)? else { return Ok(None) };
            // Freed already: whoever has the number now is not to be closed.
            if !matches!(case.state, State::Cancelled | State::Refunding | State::Quarantined) {
                return Ok(None);
            }
            let Some(held) = subscription::find(tx, case.subscription)? else { return Ok(None) };
            Ok::<_, Failure>(Some(reader.open_pool_number(tx, held.number_id, &held.number_sealed)?))
        })
        .await?;
    let Some(number) = number else { return Ok(Handled::Done) };
    let number = Zeroizing::new(number);
    let command =
        NetworkCommand { key: message.key.clone(), action: NetworkAction::Terminate, number, case: id, sequence, reachable: Vec::new() };
    Ok(drive(&*app.network, &command, message.attempts > 1).await.into())
}
