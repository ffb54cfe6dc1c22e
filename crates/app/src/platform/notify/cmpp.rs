//! China Mobile's gateway over CMPP 2.0 or 3.0: one connection, kept up by a task of its own. How its messages are coded stands in `chuangsha-cmpp`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chuangsha_cmpp::{
    Body, Connect, DeliverResp, Pdu, Report, Submit, SubmitResp, Version, ascii, frame_length, gateway_sign, parts_of, source_sign,
    with_header,
};
use chuangsha_kernel::{
    id::Ids,
    time::{Clock, Timestamp},
};
use futures_util::future::{BoxFuture, try_join_all};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Receipt, Sms, SmsMessage, SmsOutcome,
    receipt::{self, Inbox},
    text::MAX_PARTS,
};
use crate::platform::network::Backoff;

/// 协议版本, as the carrier gave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum CmppVersion {
    /// 2.0
    #[serde(rename = "2.0")]
    V20,
    /// 3.0
    #[default]
    #[serde(rename = "3.0")]
    V30,
}

impl From<CmppVersion> for Version {
    fn from(version: CmppVersion) -> Self {
        match version {
            CmppVersion::V20 => Self::V20,
            CmppVersion::V30 => Self::V30,
        }
    }
}

/// Where the gateway is and who we are to it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CmppSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Version.
    pub version: CmppVersion,
    /// 企业代码 (SP_Id): account, at most 6 characters.
    pub account: String,
    /// Shared secret.
    #[serde(skip_serializing)]
    pub secret: String,
    /// 业务代码 (Service_Id), at most 10 characters.
    pub service: String,
    /// Sender number shown to the receiver.
    pub source: String,
    /// 滑动窗口: messages that may be without an answer at a time.
    pub window: usize,
    /// Messages a second the carrier allows; 0 = as fast as the window lets.
    pub per_second: u32,
    /// After so long a silence a sign of life is asked for, milliseconds; three without an answer end the connection.
    pub active_test_ms: u64,
    /// How long an answer may take, milliseconds.
    pub response_ms: u64,
    /// How long the connection may take, milliseconds.
    pub connect_ms: u64,
    /// How long a message waits for the connection to be up before it goes back to the outbox, milliseconds.
    pub patience_ms: u64,
    /// Waiting between attempts to connect.
    pub backoff: Backoff,
}

impl Default for CmppSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 7_890,
            version: CmppVersion::V30,
            account: String::new(),
            secret: String::new(),
            service: String::new(),
            source: String::new(),
            window: 16,
            per_second: 100,
            active_test_ms: 30_000,
            response_ms: 10_000,
            connect_ms: 5_000,
            patience_ms: 5_000,
            backoff: Backoff { first_ms: 500, cap_ms: 60_000 },
        }
    }
}

impl std::fmt::Debug for CmppSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CmppSettings({}@{}:{}, {:?})", self.account, self.host, self.port, self.version)
    }
}

/// 短信网关 over CMPP.
pub struct Cmpp {
    settings: CmppSettings,
    session: watch::Receiver<Option<mpsc::Sender<Asked>>>,
    inbox: Arc<Inbox>,
}

/// A message on its way to the line, and who waits for its answer.
struct Asked {
    message: Box<Submit>,
    answer: oneshot::Sender<SubmitResp>,
}

impl Cmpp {
    /// Starts the task that keeps the connection up until `stop`. Receipts arrive at `receipts`, each once per part.
    pub fn start(
        settings: CmppSettings,
        receipts: mpsc::UnboundedSender<Receipt>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        stop: CancellationToken,
    ) -> Self {
        let (up, session) = watch::channel(None);
        let inbox = Arc::new(Inbox::new(receipts, clock));
        tokio::spawn(keep_up(settings.clone(), up, inbox.clone(), ids, stop));
        Self { settings, session, inbox }
    }

    /// Whether the connection is up, for the health page.
    pub fn connected(&self) -> bool {
        self.session.borrow().is_some()
    }

    async fn hand_over(&self, message: &SmsMessage) -> SmsOutcome {
        const NOT_UP: SmsOutcome = SmsOutcome::Unreachable { why: "the gateway is not connected" };
        let messages = self.messages(message);
        if messages.len() > MAX_PARTS {
            return SmsOutcome::Rejected { code: "text_too_long".to_owned() };
        }
        let mut session = self.session.clone();
        let patience = Duration::from_millis(self.settings.patience_ms);
        let Ok(Ok(session)) = timeout(patience, session.wait_for(Option::is_some)).await.map(|up| up.map(|up| up.clone())) else {
            return NOT_UP;
        };
        let Some(session) = session else { return NOT_UP };
        // All parts at once: the window holds them back where it must.
        let parts = messages.into_iter().map(|part| self.ask(&session, part, message));
        match try_join_all(parts).await {
            Ok(ids) => SmsOutcome::Sent { ids },
            Err(outcome) => outcome,
        }
    }

    async fn ask(&self, session: &mpsc::Sender<Asked>, part: Submit, message: &SmsMessage) -> Result<String, SmsOutcome> {
        let (answer, answered) = oneshot::channel();
        let limit = Duration::from_millis(self.settings.response_ms);
        let asked = async {
            session.send(Asked { message: Box::new(part), answer }).await.ok()?;
            answered.await.ok()
        };
        let Ok(Some(answer)) = timeout(limit, asked).await else {
            return Err(SmsOutcome::Unreachable { why: "the gateway did not answer" });
        };
        if answer.result != 0 {
            return Err(refused(answer.result));
        }
        let id = answer.id.to_string();
        if message.receipt {
            self.inbox.sent(&id, &message.idempotency_key);
        }
        Ok(id)
    }

    fn messages(&self, message: &SmsMessage) -> Vec<Submit> {
        let one = |format: u8, content: Vec<u8>, [parts, part, header]: [u8; 3]| Submit {
            parts,
            part,
            registered: u8::from(message.receipt),
            service: self.settings.service.clone(),
            // The SP pays, and asks nothing of the receiver.
            payer: 2,
            header,
            format,
            source: self.settings.account.clone(),
            fee_type: "01".to_owned(),
            fee: "000000".to_owned(),
            from: self.settings.source.clone(),
            to: vec![message.to.digits().to_owned()],
            content,
            ..Submit::default()
        };
        if let Some(text) = ascii(&message.text) {
            return vec![one(0, text.to_vec(), [1, 1, 0])];
        }
        let parts = parts_of(&message.text);
        let Some(total) = u8::try_from(parts.len()).ok().filter(|total| *total > 1) else {
            return parts.into_iter().map(|part| one(8, part, [1, 1, 0])).collect();
        };
        // The same key gives the same reference: parts of a repeated message join those that arrived before.
        let reference = message.idempotency_key.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        (1..=total).zip(&parts).map(|(number, part)| one(8, with_header(reference, total, number, part), [total, number, 1])).collect()
    }
}

/// What a result means for the message: what is wrong with the message itself never gets better; what is wrong with the line, the account or the
/// contract does, and the message waits for it.
fn refused(result: u32) -> SmsOutcome {
    match result {
        8 => SmsOutcome::Unreachable { why: "the gateway is throttling" },
        1 | 4 | 6 | 13 => SmsOutcome::Rejected { code: format!("cmpp_{result}") },
        _ => SmsOutcome::Unreachable { why: "the gateway refused for now" },
    }
}

impl Sms for Cmpp {
    fn send<'a>(&'a self, message: &'a SmsMessage) -> BoxFuture<'a, SmsOutcome> {
        Box::pin(self.hand_over(message))
    }
}

/// Connects, waits for the end, connects again.
async fn keep_up(
    settings: CmppSettings,
    up: watch::Sender<Option<mpsc::Sender<Asked>>>,
    inbox: Arc<Inbox>,
    ids: Arc<Ids>,
    stop: CancellationToken,
) {
    let mut failures = 0_u32;
    loop {
        let connect = Line::connect(&settings, inbox.now());
        let connected = tokio::select! {
            connected = timeout(Duration::from_millis(settings.connect_ms), connect) => connected.unwrap_or(Err("no answer in time")),
            () = stop.cancelled() => return,
        };
        let why = match connected {
            Ok(line) => {
                failures = 0;
                tracing::info!(host = settings.host, "connected to the gateway");
                let (ask, asked) = mpsc::channel(settings.window.max(1));
                up.send_replace(Some(ask));
                let why = line.run(&settings, asked, &inbox, &stop).await;
                up.send_replace(None);
                why
            }
            Err(why) => why,
        };
        if stop.is_cancelled() {
            return;
        }
        failures = failures.saturating_add(1);
        tracing::warn!(host = settings.host, failures, why, "no connection with the gateway");
        let wait = settings.backoff.delay_from(failures, &ids);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(Duration::from_millis(wait.unsigned_abs())) => {}
        }
    }
}

/// The digits MMDDHHMMSS in China, as a number.
fn timestamp(now: Timestamp) -> u32 {
    let civil = now.civil();
    [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()]
        .iter()
        .fold(0, |sum, part| sum * 100 + u32::from(part.unsigned_abs()))
}

/// One connection.
struct Line {
    stream: TcpStream,
    bytes: Vec<u8>,
    version: Version,
    sequence: u32,
}

/// Why a connection ended; never holds what was said.
type Why = &'static str;

impl Line {
    async fn connect(settings: &CmppSettings, now: Timestamp) -> Result<Self, Why> {
        let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(|_| "the gateway cannot be reached")?;
        let _ = stream.set_nodelay(true);
        let mut line = Self { stream, bytes: Vec::new(), version: settings.version.into(), sequence: 0 };
        let timestamp = timestamp(now);
        let sign = source_sign(&settings.account, &settings.secret, timestamp);
        let (account, version) = (settings.account.clone(), line.version.code());
        line.ask(Body::Connect(Connect { account, sign, version, timestamp })).await?;
        loop {
            if let Some(pdu) = line.next()? {
                let Body::ConnectResp(answer) = pdu.body else { return Err("the gateway speaks out of turn") };
                return match answer.status {
                    0 if answer.sign == gateway_sign(line.version, 0, &sign, &settings.secret) => Ok(line),
                    // Whoever it is, it does not know the secret: our customers' messages are not for it.
                    0 => Err("the gateway's own sign does not hold"),
                    3 => Err("the gateway refused account or secret"),
                    4 => Err("the gateway does not speak this version"),
                    _ => Err("the gateway refused the connection"),
                };
            }
            line.fill().await?;
        }
    }

    /// Until somebody ends it; why.
    async fn run(mut self, settings: &CmppSettings, mut asked: mpsc::Receiver<Asked>, inbox: &Inbox, stop: &CancellationToken) -> Why {
        let mut waiting: HashMap<u32, oneshot::Sender<SubmitResp>> = HashMap::new();
        let silence = Duration::from_millis(settings.active_test_ms.max(1));
        let (mut tests, mut test_at) = (0_u32, Instant::now() + silence);
        let mut sweep = interval(Duration::from_millis(receipt::EARLY_MS.unsigned_abs()));
        let mut next = Instant::now();
        let pace = if settings.per_second == 0 { Duration::ZERO } else { Duration::from_secs(1) / settings.per_second };
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            loop {
                match self.next() {
                    Ok(Some(pdu)) => {
                        (tests, test_at) = (0, Instant::now() + silence);
                        if let Err(why) = self.take(pdu, &mut waiting, inbox).await {
                            return why;
                        }
                    }
                    Ok(None) => break,
                    Err(why) => return why,
                }
            }
            // Who gave up waiting frees the place in the window.
            waiting.retain(|_, answer| !answer.is_closed());
            let free = waiting.len() < settings.window.max(1);
            let done = tokio::select! {
                read = self.fill() => read,
                Some(asked) = asked.recv(), if free && Instant::now() >= next => {
                    next = Instant::now() + pace;
                    self.ask(Body::Submit(asked.message)).await.map(|sequence| {
                        waiting.insert(sequence, asked.answer);
                    })
                }
                () = sleep_until(next), if free && Instant::now() < next => Ok(()),
                // Answers nobody waits for any more are looked for when the next could be sent.
                () = sleep(Duration::from_millis(50)), if !free => Ok(()),
                () = sleep_until(test_at) => {
                    tests += 1;
                    test_at = Instant::now() + silence.min(Duration::from_millis(settings.response_ms));
                    if tests > 3 { Err("the gateway gave no sign of life") } else { self.ask(Body::ActiveTest).await.map(drop) }
                }
                _ = sweep.tick() => {
                    inbox.sweep();
                    Ok(())
                }
                () = stop.cancelled() => {
                    // A polite end; the gateway notices the closed connection otherwise.
                    let _ = timeout(Duration::from_secs(1), self.ask(Body::Terminate)).await;
                    Err("stopped")
                }
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    async fn take(&mut self, pdu: Pdu, waiting: &mut HashMap<u32, oneshot::Sender<SubmitResp>>, inbox: &Inbox) -> Result<(), Why> {
        match pdu.body {
            Body::SubmitResp(answer) => {
                // An answer too late: whoever waited has gone, and the message comes again under the same key.
                if let Some(asker) = waiting.remove(&pdu.sequence) {
                    let _ = asker.send(answer);
                }
                Ok(())
            }
            Body::Deliver(message) => {
                // Anything but a report is somebody's message to us: acknowledged, not read.
                if message.registered == 1
                    && let Ok(report) = Report::read(&message.content)
                {
                    inbox.received(Receipt { id: report.id.to_string(), key: None, state: receipt::state_of(&report.stat) });
                }
                self.say(pdu.sequence, Body::DeliverResp(DeliverResp { id: message.id, result: 0 })).await
            }
            Body::ActiveTest => self.say(pdu.sequence, Body::ActiveTestResp).await,
            Body::Terminate => {
                self.say(pdu.sequence, Body::TerminateResp).await?;
                Err("the gateway ended the connection")
            }
            _ => Ok(()),
        }
    }

    /// The next message that is there whole.
    fn next(&mut self) -> Result<Option<Pdu>, Why> {
        let length = frame_length(&self.bytes).map_err(|_| "the gateway sent what is no message")?;
        let Some(length) = length.filter(|length| *length <= self.bytes.len()) else { return Ok(None) };
        let frame: Vec<u8> = self.bytes.drain(..length).collect();
        Pdu::read(&frame, self.version).map(Some).map_err(|fault| {
            tracing::warn!(%fault, "a message of the gateway cannot be read");
            "the gateway sent what cannot be read"
        })
    }

    async fn fill(&mut self) -> Result<(), Why> {
        match self.stream.read_buf(&mut self.bytes).await {
            Ok(0) | Err(_) => Err("the connection was closed"),
            Ok(_) => Ok(()),
        }
    }

    /// Asks under a number of its own, which it gives back.
    async fn ask(&mut self, body: Body) -> Result<u32, Why> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.say(self.sequence, body).await.map(|()| self.sequence)
    }

    async fn say(&mut self, sequence: u32, body: Body) -> Result<(), Why> {
        let bytes = Pdu { sequence, body }.write(self.version).map_err(|_| "a message does not fit its fields")?;
        self.stream.write_all(&bytes).await.map_err(|_| "the connection was closed")
    }
}

#[cfg(test)]
#[path = "cmpp_tests.rs"]
mod tests;
