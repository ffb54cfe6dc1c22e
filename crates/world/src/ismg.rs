//! 短信网关: plays China Mobile's gateway (CMPP 2.0 and 3.0), keeps what it is given and sends status reports.

use std::{
    collections::{HashMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chuangsha_cmpp::{
    Body, Connect, ConnectResp, Deliver, DeliverResp, MsgId, Part, Pdu, QueryResp, Report, Submit, SubmitResp, Version, frame_length,
    gateway_sign, source_sign, text, ucs2,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

/// How one message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Taken; the report says delivered.
    Deliver,
    /// Taken; the report arrives before the answer.
    ReportFirst,
    /// Taken; the report says undeliverable.
    Fail,
    /// Taken; no report ever comes.
    NoReport,
    /// Taken; the report comes twice.
    ReportTwice,
    /// Not taken: this result, e.g. 8 for flow control, 13 for a wrong receiver.
    Refuse(u32),
    /// No answer for so many milliseconds, then taken.
    Slow(u64),
    /// Kept, and never answered.
    Silent,
    /// The connection is closed instead of an answer.
    HangUp,
}

/// 收到的短信分段: one submit to one receiver, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Id given to it.
    pub id: MsgId,
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// 0 ASCII, 8 UCS-2.
    pub format: u8,
    /// Whether a report was asked for.
    pub report: bool,
    /// Reference, parts in all, number of this part.
    pub part: Option<(u16, u8, u8)>,
    /// The text of this part; empty when the bytes are no text.
    pub text: String,
}

/// A running gateway; dropping it stops it.
pub struct Ismg {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Shared {
    account: String,
    secret: String,
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Default)]
struct Inner {
    plan: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    segments: Vec<Segment>,
    sessions: HashMap<u64, Session>,
    connects: u32,
    tests: u32,
    deaf: bool,
    reports_answered: u32,
    next: u16,
}

#[derive(Clone)]
struct Session {
    version: Version,
    out: Arc<tokio::sync::Mutex<OwnedWriteHalf>>,
    hang_up: Arc<Notify>,
}

impl std::fmt::Debug for Ismg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ismg({})", self.address)
    }
}

impl Drop for Ismg {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ismg {
    /// Starts on a free loopback port; takes this account with its shared secret, in both versions.
    ///
    /// # Errors
    /// No port.
    pub async fn start(account: &str, secret: &str) -> std::io::Result<Self> {
        Self::start_at(account, secret, 0).await
    }

    /// As [`Self::start`] on a port of your choice.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(account: &str, secret: &str, port: u16) -> std::io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        let shared =
            Arc::new(Shared { account: account.to_owned(), secret: secret.to_owned(), inner: Mutex::default(), arrived: Notify::new() });
        let task = tokio::spawn(listen(socket, shared.clone()));
        Ok(Self { shared, address, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the next messages so, one each; afterwards as usual.
    pub fn script(&self, plan: impl IntoIterator<Item = Behaviour>) {
        self.shared.lock().plan.extend(plan);
    }

    /// Takes every unscripted message so; `None`: delivers.
    pub fn always(&self, behaviour: Option<Behaviour>) {
        self.shared.lock().always = behaviour;
    }

    /// Reads and says nothing any more, not even to signs of life: the line is up and nobody is there.
    pub fn go_deaf(&self, deaf: bool) {
        self.shared.lock().deaf = deaf;
    }

    /// Everything taken so far, part by part.
    pub fn segments(&self) -> Vec<Segment> {
        self.shared.lock().segments.clone()
    }

    /// Whole texts by receiver, parts joined in their order; a message with a part missing is not among them.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut waiting: HashMap<(String, u16), Vec<(u8, String)>> = HashMap::new();
        let mut texts = Vec::new();
        for segment in self.segments() {
            let Some((reference, total, number)) = segment.part else {
                texts.push((segment.to, segment.text));
                continue;
            };
            let parts = waiting.entry((segment.to.clone(), reference)).or_default();
            parts.push((number, segment.text));
            if parts.len() == usize::from(total) {
                parts.sort();
                texts.push((segment.to, parts.drain(..).map(|(_, text)| text).collect()));
            }
        }
        texts
    }

    /// How often somebody connected with the right secret.
    pub fn connects(&self) -> u32 {
        self.shared.lock().connects
    }

    /// Signs of life received.
    pub fn tests(&self) -> u32 {
        self.shared.lock().tests
    }

    /// Reports and messages to the SP that were answered.
    pub fn answered(&self) -> u32 {
        self.shared.lock().reports_answered
    }

    /// Waits until `enough` of what happened is true.
    pub async fn until(&self, enough: impl Fn(&Self) -> bool) {
        loop {
            let arrived = self.shared.arrived.notified();
            if enough(self) {
                return;
            }
            arrived.await;
        }
    }

    /// 上行: somebody writes to the SP.
    pub async fn write(&self, from: &str, to: &str, words: &str) {
        let message = Deliver {
            id: self.shared.next_id(),
            from: from.to_owned(),
            to: to.to_owned(),
            format: 8,
            content: ucs2(words),
            ..Deliver::default()
        };
        let sessions: Vec<_> = self.shared.lock().sessions.values().cloned().collect();
        for session in sessions {
            session.say(1, Body::Deliver(Box::new(message.clone()))).await;
        }
    }

    /// Cuts every connection, as a gateway does that restarts.
    pub fn hang_up(&self) {
        for (_, session) in self.shared.lock().sessions.drain() {
            session.hang_up.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> MsgId {
        let mut inner = self.lock();
        inner.next = inner.next.wrapping_add(1);
        MsgId::new([11, 22, 9, 30, 0], 100_086, inner.next)
    }

    fn happened(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
        self.arrived.notify_waiters();
    }
}

impl Session {
    async fn say(&self, sequence: u32, body: Body) {
        let Ok(bytes) = (Pdu { sequence, body }).write(self.version) else {
            tracing::error!("the simulator made a message that does not fit");
            return;
        };
        // The other side may be gone: it connects again.
        let _ = self.out.lock().await.write_all(&bytes).await;
    }
}

async fn listen(socket: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    for at in 0_u64.. {
        let Ok((stream, _)) = socket.accept().await else { return };
        let shared = shared.clone();
        sessions.spawn(async move {
            serve(stream, &shared, at).await;
            shared.happened(|inner| {
                inner.sessions.remove(&at);
            });
        });
        while sessions.try_join_next().is_some() {}
    }
}

/// One connection, until somebody ends it.
async fn serve(stream: TcpStream, shared: &Arc<Shared>, at: u64) {
    let (mut input, output) = stream.into_split();
    let hang_up = Arc::new(Notify::new());
    let mut session = Session { version: Version::V30, out: Arc::new(tokio::sync::Mutex::new(output)), hang_up: hang_up.clone() };
    let mut bytes = Vec::new();
    let mut known = false;
    loop {
        match frame_length(&bytes) {
            Ok(Some(length)) if bytes.len() >= length => {
                let frame: Vec<u8> = bytes.drain(..length).collect();
                let Ok(pdu) = Pdu::read(&frame, session.version) else { return };
                if shared.lock().deaf {
                    continue;
                }
                match pdu.body {
                    Body::Connect(connect) => {
                        let Some(version) = greet(&mut session, pdu.sequence, &connect, shared).await else { return };
                        session.version = version;
                        known = true;
                        shared.happened(|inner| {
                            inner.connects += 1;
                            inner.sessions.insert(at, session.clone());
                        });
                    }
                    _ if !known => return,
                    body => {
                        if !answer(&session, pdu.sequence, body, shared).await {
                            return;
                        }
                    }
                }
            }
            Ok(_) => {
                let read = tokio::select! {
                    read = input.read_buf(&mut bytes) => read.unwrap_or(0),
                    () = hang_up.notified() => 0,
                };
                if read == 0 {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// The version of a caller who knows the secret; who does not is told so.
async fn greet(session: &mut Session, sequence: u32, connect: &Connect, shared: &Shared) -> Option<Version> {
    let version = Version::of(connect.version);
    let right = connect.account == shared.account && connect.sign == source_sign(&shared.account, &shared.secret, connect.timestamp);
    session.version = version.unwrap_or(Version::V30);
    let status = match (version, right) {
        (None, _) => 4,
        (_, false) => 3,
        _ => 0,
    };
    let sign = gateway_sign(session.version, status, &connect.sign, &shared.secret);
    session.say(sequence, Body::ConnectResp(ConnectResp { status, sign, version: session.version.code() })).await;
    version.filter(|_| right)
}

/// Answers one message; false when the connection is to be closed.
async fn answer(session: &Session, sequence: u32, body: Body, shared: &Arc<Shared>) -> bool {
    match body {
        Body::Submit(message) => return submit(session, sequence, &message, shared).await,
        Body::ActiveTest => {
            shared.happened(|inner| inner.tests += 1);
            session.say(sequence, Body::ActiveTestResp).await;
        }
        Body::DeliverResp(DeliverResp { result: 0, .. }) => shared.happened(|inner| inner.reports_answered += 1),
        Body::Query(query) => {
            let all = shared.lock().segments.len() as u32;
            let counts = [all, all, all, 0, 0, 0, 0, 0];
            session.say(sequence, Body::QueryResp(QueryResp { day: query.day, kind: query.kind, code: query.code, counts })).await;
        }
        // Delivered at once: there is nothing to take back.
        Body::Cancel(_) => session.say(sequence, Body::CancelResp(1)).await,
        Body::Terminate => {
            session.say(sequence, Body::TerminateResp).await;
            return false;
        }
        _ => {}
    }
    true
}

async fn submit(session: &Session, sequence: u32, message: &Submit, shared: &Arc<Shared>) -> bool {
    let id = shared.next_id();
    let segments: Vec<Segment> = message.to.iter().map(|to| segment(message, to, id)).collect();
    let behaviour = {
        let mut inner = shared.lock();
        let behaviour = inner.plan.pop_front().or(inner.always).unwrap_or(Behaviour::Deliver);
        if !matches!(behaviour, Behaviour::Refuse(_) | Behaviour::HangUp) {
            inner.segments.extend(segments.iter().cloned());
        }
        behaviour
    };
    shared.arrived.notify_waiters();
    let reported = if message.registered == 1 { segments } else { Vec::new() };
    let session = session.clone();
    let answer = move |result| Body::SubmitResp(SubmitResp { id, result });
    match behaviour {
        Behaviour::HangUp => return false,
        Behaviour::Silent => {}
        Behaviour::Refuse(result) => session.say(sequence, answer(result)).await,
        Behaviour::NoReport => session.say(sequence, answer(0)).await,
        Behaviour::ReportFirst => {
            send_reports(&session, &reported, "DELIVRD").await;
            session.say(sequence, answer(0)).await;
        }
        Behaviour::Slow(ms) => {
            // Those behind it are answered meanwhile: that is what a window is for.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                session.say(sequence, answer(0)).await;
                send_reports(&session, &reported, "DELIVRD").await;
            });
        }
        Behaviour::Deliver | Behaviour::Fail | Behaviour::ReportTwice => {
            session.say(sequence, answer(0)).await;
            let stat = if behaviour == Behaviour::Fail { "UNDELIV" } else { "DELIVRD" };
            send_reports(&session, &reported, stat).await;
            if behaviour == Behaviour::ReportTwice {
                send_reports(&session, &reported, stat).await;
            }
        }
    }
    true
}

async fn send_reports(session: &Session, segments: &[Segment], stat: &str) {
    for segment in segments {
        let report = Report {
            id: segment.id,
            stat: stat.to_owned(),
            submitted: "2611220930".to_owned(),
            done: "2611220931".to_owned(),
            to: segment.to.clone(),
            sequence: 1,
        };
        let Ok(content) = report.write(session.version) else { return };
        let (to, from) = (segment.from.clone(), segment.to.clone());
        let message = Deliver { id: segment.id, to, from, registered: 1, content, ..Deliver::default() };
        session.say(u32::from(segment.id.sequence()), Body::Deliver(Box::new(message))).await;
    }
}

fn segment(message: &Submit, to: &str, id: MsgId) -> Segment {
    let part = (message.header == 1).then(|| Part::read(&message.content)).flatten();
    let bytes = part.map_or(message.content.as_slice(), |part| part.rest);
    Segment {
        id,
        from: message.from.clone(),
        to: to.to_owned(),
        format: message.format,
        report: message.registered == 1,
        part: part.map(|part| (part.reference, part.total, part.number)),
        text: text(message.format, bytes).unwrap_or_default(),
    }
}
