//! A carrier's message centre over SMPP 3.4: one transceiver session, kept up by a task of its own.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chuangsha_kernel::{id::Ids, time::Clock};
use futures_util::future::BoxFuture;
use smpp34::{
    SmppConnectionInformation, SmppError, Tlv, TlvList, TlvTag,
    client::{BIND_TYPE, SMSC, SmppClient, SmppClientListener},
    deliver_sm, deliver_sm_resp, submit_sm,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Receipt, Sms, SmsMessage, SmsOutcome,
    receipt::{self, Inbox},
    text,
};
use crate::platform::network::Backoff;

/// How a text longer than one message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongMessages {
    /// In parts with a user data header; every centre takes them.
    #[default]
    Parts,
    /// Whole, in the `message_payload` parameter; the centre cuts.
    Payload,
}

/// Where the centre is and who we are to it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmppSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS with the system's trust store.
    pub tls: bool,
    /// Account.
    pub system_id: String,
    /// Password, at most 8 characters by the standard.
    #[serde(skip_serializing)]
    pub password: String,
    /// System type, mostly empty.
    pub system_type: String,
    /// Sender number or name shown to the receiver.
    pub source: String,
    /// Long texts.
    pub long_messages: LongMessages,
    /// A sign of life this often, milliseconds.
    pub enquire_ms: u64,
    /// How long an answer may take, milliseconds.
    pub response_ms: u64,
    /// How long the bind may take, milliseconds.
    pub bind_ms: u64,
    /// How long a message waits for the session to be up before it goes back to the outbox, milliseconds.
    pub patience_ms: u64,
    /// Waiting between attempts to connect.
    pub backoff: Backoff,
}

impl Default for SmppSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 2775,
            tls: false,
            system_id: String::new(),
            password: String::new(),
            system_type: String::new(),
            source: String::new(),
            long_messages: LongMessages::Parts,
            enquire_ms: 30_000,
            response_ms: 10_000,
            bind_ms: 5_000,
            patience_ms: 5_000,
            backoff: Backoff { first_ms: 500, cap_ms: 60_000 },
        }
    }
}

impl std::fmt::Debug for SmppSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmppSettings({}@{}:{}, tls {})", self.system_id, self.host, self.port, self.tls)
    }
}

/// 短信中心 over SMPP.
pub struct Smpp {
    settings: SmppSettings,
    session: watch::Receiver<Option<Arc<SMSC>>>,
    shared: Arc<Inbox>,
}

impl Smpp {
    /// Starts the task that keeps the session up until `stop`. Receipts arrive at `receipts`, each once per part.
    pub fn start(
        settings: SmppSettings,
        receipts: mpsc::UnboundedSender<Receipt>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        stop: CancellationToken,
    ) -> Self {
        let (up, session) = watch::channel(None);
        let shared = Arc::new(Inbox::new(receipts, clock));
        tokio::spawn(keep_up(settings.clone(), Arc::new(up), shared.clone(), ids, stop));
        Self { settings, session, shared }
    }

    /// Whether the session is up, for the health page.
    pub fn bound(&self) -> bool {
        self.session.borrow().is_some()
    }

    async fn hand_over(&self, message: &SmsMessage) -> SmsOutcome {
        let encoded = text::encode(&message.text);
        if encoded.parts.len() > text::MAX_PARTS {
            return SmsOutcome::Rejected { code: "text_too_long".to_owned() };
        }
        let mut session = self.session.clone();
        let patience = Duration::from_millis(self.settings.patience_ms);
        let Ok(Ok(session)) = tokio::time::timeout(patience, session.wait_for(Option::is_some)).await.map(|up| up.map(|up| up.clone()))
        else {
            return SmsOutcome::Unreachable { why: "the message centre is not connected" };
        };
        let Some(session) = session else { return SmsOutcome::Unreachable { why: "the message centre is not connected" } };
        let mut ids = Vec::new();
        for pdu in self.pdus(message, &encoded) {
            match session.send_submit_sm_pdu(pdu).await {
                Ok(answer) if answer.is_success() => {
                    let Some(id) = answer.message_id.filter(|id| !id.is_empty()) else {
                        return SmsOutcome::Unreachable { why: "the message centre gave no id" };
                    };
                    if message.receipt {
                        self.shared.sent(&id, &message.idempotency_key);
                    }
                    ids.push(id);
                }
                Ok(answer) => return refused(answer.command_status()),
                Err(_) => return SmsOutcome::Unreachable { why: "the message centre did not answer" },
            }
        }
        SmsOutcome::Sent { ids }
    }

    fn pdus(&self, message: &SmsMessage, encoded: &text::Encoded) -> Vec<submit_sm> {
        let whole = encoded.parts.len() > 1 && self.settings.long_messages == LongMessages::Payload;
        if whole {
            let payload = Tlv::from_tag(TlvTag::MessagePayload, encoded.whole.clone());
            return vec![self.pdu(message, encoded.data_coding, 0, Vec::new()).with_tlvs([payload])];
        }
        let [only] = encoded.parts.as_slice() else {
            // The same key gives the same reference: parts of a repeated message join those that arrived before.
            let reference = message.idempotency_key.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
            let total = u8::try_from(encoded.parts.len()).unwrap_or(u8::MAX);
            let numbered = (1..=total).zip(&encoded.parts);
            return numbered
                .map(|(number, part)| self.pdu(message, encoded.data_coding, 0x40, text::with_header(reference, total, number, part)))
                .collect();
        };
        vec![self.pdu(message, encoded.data_coding, 0, only.clone())]
    }

    fn pdu(&self, message: &SmsMessage, data_coding: u8, esm_class: u8, short_message: Vec<u8>) -> submit_sm {
        let alphanumeric = !self.settings.source.bytes().all(|byte| byte.is_ascii_digit());
        let (ton, npi) = if alphanumeric { (5, 0) } else { (0, 1) };
        let (none, receipt) = (String::new(), u8::from(message.receipt));
        let source = self.settings.source.clone();
        submit_sm::new(
            0,
            none.clone(),
            ton,
            npi,
            source,
            1,
            1,
            message.to.e164(),
            esm_class,
            0,
            0,
            none.clone(),
            none,
            receipt,
            0,
            data_coding,
            0,
            short_message,
        )
    }
}

/// What a command status means for the message: a busy centre takes it later, a wrong number never.
fn refused(status: u32) -> SmsOutcome {
    match SmppError::from_command_status(status) {
        SmppError::ESME_RTHROTTLED | SmppError::ESME_RMSGQFUL => SmsOutcome::Unreachable { why: "the message centre is throttling" },
        SmppError::ESME_RINVDSTADR
        | SmppError::ESME_RINVSRCADR
        | SmppError::ESME_RINVMSGLEN
        | SmppError::ESME_RINVESMCLASS
        | SmppError::ESME_RINVDSTTON
        | SmppError::ESME_RINVDSTNPI
        | SmppError::ESME_RINVSRCTON
        | SmppError::ESME_RINVSRCNPI
        | SmppError::ESME_RINVPARLEN
        | SmppError::ESME_RX_P_APPN
        | SmppError::ESME_RX_R_APPN => SmsOutcome::Rejected { code: format!("smpp_{status:#x}") },
        _ => SmsOutcome::Unreachable { why: "the message centre refused for now" },
    }
}

impl Sms for Smpp {
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome> {
        Box::pin(self.hand_over(message))
    }
}

/// What the SMPP library calls while a session lives.
struct Listener {
    up: Arc<watch::Sender<Option<Arc<SMSC>>>>,
    over: watch::Sender<bool>,
    shared: Arc<Inbox>,
}

#[async_trait]
impl SmppClientListener for Listener {
    async fn on_smsc_bound(&self, session: SMSC, _: &String) {
        self.up.send_replace(Some(Arc::new(session)));
    }

    async fn on_smsc_unbound(&self, _: &String) {
        self.over.send_replace(true);
    }

    async fn on_connection_failed(&self, _: &str) {
        self.over.send_replace(true);
    }

    async fn on_deliver_sm(&self, message: deliver_sm, _: &SmppConnectionInformation, _: &String) -> deliver_sm_resp {
        let (id, state) = (message.tlvs.receipted_message_id(), message.tlvs.message_state());
        let text = message.tlvs.message_payload().unwrap_or(&message.short_message);
        // Anything but a receipt is somebody's message to us: acknowledged, not read.
        if let Some(receipt) = receipt::parse(message.esm_class, id, state, text) {
            self.shared.received(receipt);
        }
        message.accept()
    }
}

/// Connects, waits for the end, connects again.
async fn keep_up(
    settings: SmppSettings,
    up: Arc<watch::Sender<Option<Arc<SMSC>>>>,
    shared: Arc<Inbox>,
    ids: Arc<Ids>,
    stop: CancellationToken,
) {
    let mut failures = 0_u32;
    loop {
        let was_up = one_session(&settings, &up, &shared, &stop).await;
        if stop.is_cancelled() {
            return;
        }
        failures = if was_up { 1 } else { failures.saturating_add(1) };
        tracing::warn!(host = settings.host, failures, was_up, "no session with the message centre");
        let wait = settings.backoff.delay_from(failures, &ids);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())) => {}
        }
    }
}

/// One session from connect to end; whether it ever was up.
async fn one_session(
    settings: &SmppSettings,
    up: &Arc<watch::Sender<Option<Arc<SMSC>>>>,
    shared: &Arc<Inbox>,
    stop: &CancellationToken,
) -> bool {
    let (over, mut ended) = watch::channel(false);
    let listener = Arc::new(Listener { up: up.clone(), over, shared: shared.clone() });
    let mut client = SmppClient::new_with_default_timers(
        settings.host.clone(),
        settings.port,
        settings.tls,
        BIND_TYPE::TRX,
        settings.system_id.clone(),
        settings.password.clone(),
        settings.system_type.clone(),
        0,
        0,
        String::new(),
        listener.clone(),
        settings.bind_ms,
        settings.enquire_ms,
        settings.enquire_ms.saturating_mul(4),
        settings.response_ms,
        1_500,
        32,
    );
    let mut bound = up.subscribe();
    let bind = async {
        client.start().await;
        bound.wait_for(Option::is_some).await.is_ok()
    };
    let limit = Duration::from_millis(settings.bind_ms);
    let is_up = tokio::select! {
        up = tokio::time::timeout(limit, bind) => up.unwrap_or(false),
        () = end_of(&mut ended) => false,
        () = stop.cancelled() => false,
    };
    if is_up {
        tracing::info!(host = settings.host, "bound to the message centre");
        loop {
            tokio::select! {
                () = end_of(&mut ended) => break,
                () = tokio::time::sleep(Duration::from_millis(receipt::EARLY_MS.unsigned_abs())) => shared.sweep(),
                () = stop.cancelled() => {
                    let session = up.borrow().clone();
                    if let Some(session) = session {
                        // A polite end; the centre notices the closed connection otherwise.
                        let _ = tokio::time::timeout(Duration::from_secs(1), session.send_unbind()).await;
                    }
                    break;
                }
            }
        }
    }
    up.send_replace(None);
    client.stop().await;
    is_up
}

async fn end_of(ended: &mut watch::Receiver<bool>) {
    // A sender that is gone is an end, too.
    let _ = ended.wait_for(|over| *over).await.is_ok();
}
