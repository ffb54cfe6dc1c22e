//! 短信中心: plays a message centre that speaks SMPP 3.4, keeps what it is given and sends delivery receipts.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use smpp34::{
    SmppConnectionInformation, SmppError, SmppServer, SmppServerListener, Tlv, TlvList, TlvTag, bind_transceiver, bind_transceiver_resp,
    deliver_sm, server::ESME, submit_sm, submit_sm_resp,
};
use tokio::sync::Notify;

/// How one message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Taken; the receipt says delivered.
    Deliver,
    /// Taken; the receipt arrives before the answer.
    ReceiptFirst,
    /// Taken; the receipt says undeliverable.
    Fail,
    /// Taken; no receipt ever comes.
    NoReceipt,
    /// Not taken: throttled.
    Throttle,
    /// Not taken: this command status, e.g. 11 for a bad destination.
    Reject(u32),
    /// No answer for so many milliseconds, then taken.
    Slow(u64),
}

/// 收到的短信分段: one `submit_sm` as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Id given to it.
    pub id: String,
    /// Sender.
    pub from: String,
    /// Receiver, international digits.
    pub to: String,
    /// 0 default alphabet, 3 Latin-1, 8 UCS-2.
    pub data_coding: u8,
    /// Whether a receipt was asked for.
    pub receipt: bool,
    /// Whether the text came in `message_payload`.
    pub payload: bool,
    /// Reference, parts in all, number of this part.
    pub part: Option<(u8, u8, u8)>,
    /// The text of this part; empty when the bytes are no text.
    pub text: String,
}

/// A running centre; dropping it stops it.
pub struct Smsc {
    shared: Arc<Shared>,
    server: tokio::sync::Mutex<SmppServer>,
    address: SocketAddr,
}

struct Shared {
    system_id: String,
    password: String,
    inner: Mutex<Inner>,
    arrived: Notify,
    failed: AtomicBool,
}

#[derive(Default)]
struct Inner {
    plan: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    segments: Vec<Segment>,
    sessions: HashMap<String, Arc<ESME>>,
    binds: u32,
    next: u32,
}

impl std::fmt::Debug for Smsc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smsc({})", self.address)
    }
}

impl Smsc {
    /// Starts on a free loopback port; takes transceivers with these credentials.
    ///
    /// # Errors
    /// No port.
    pub async fn start(system_id: &str, password: &str) -> std::io::Result<Self> {
        // The SMPP library cannot tell which port it took for port 0: find a free one first, and try another should somebody be quicker.
        for _ in 0..16 {
            let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            if let Ok(started) = Self::start_at(system_id, password, port).await {
                return Ok(started);
            }
        }
        Err(std::io::Error::other("no free port"))
    }

    /// As [`Self::start`] on a port of your choice.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start_at(system_id: &str, password: &str, port: u16) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            inner: Mutex::default(),
            arrived: Notify::new(),
            failed: AtomicBool::new(false),
        });
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut server = SmppServer::new(ip, port, Arc::new(Listener(shared.clone())));
        server.start().await;
        if shared.failed.load(Ordering::SeqCst) {
            return Err(std::io::Error::from(std::io::ErrorKind::AddrInUse));
        }
        Ok(Self { shared, server: tokio::sync::Mutex::new(server), address: SocketAddr::new(ip, port) })
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

    /// Everything taken so far, part by part.
    pub fn segments(&self) -> Vec<Segment> {
        self.shared.lock().segments.clone()
    }

    /// Whole texts by receiver, parts joined; a message with a part missing is not among them.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut parts: BTreeMap<(String, u8), BTreeMap<u8, String>> = BTreeMap::new();
        let mut texts = Vec::new();
        for segment in self.segments() {
            let Some((reference, total, number)) = segment.part else {
                texts.push((segment.to, segment.text));
                continue;
            };
            let whole = parts.entry((segment.to.clone(), reference)).or_default();
            whole.insert(number, segment.text);
            if whole.len() == usize::from(total) {
                texts.push((segment.to, whole.values().map(String::as_str).collect()));
                whole.clear();
            }
        }
        texts
    }

    /// Waits until at least `count` parts were taken.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let arrived = self.shared.arrived.notified();
            if self.shared.lock().segments.len() >= count {
                return;
            }
            arrived.await;
        }
    }

    /// How often somebody bound.
    pub fn binds(&self) -> u32 {
        self.shared.lock().binds
    }

    /// Ends every session, as a centre does before maintenance.
    pub async fn unbind_all(&self) {
        let sessions: Vec<_> = self.shared.lock().sessions.drain().map(|(_, session)| session).collect();
        for session in sessions {
            // The session is over either way.
            let _ = session.send_unbind().await;
        }
    }

    /// Stops listening.
    pub async fn stop(&self) {
        self.unbind_all().await;
        self.server.lock().await.stop().await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listener(Arc<Shared>);

#[async_trait]
impl SmppServerListener for Listener {
    async fn on_bind_transceiver(&self, bind: bind_transceiver, _: &SmppConnectionInformation, _: &String) -> bind_transceiver_resp {
        if bind.system_id == self.0.system_id && bind.password == self.0.password {
            bind.accept("WORLD".to_owned(), Some(0x34))
        } else {
            bind.reject(SmppError::ESME_RINVPASWD)
        }
    }

    async fn on_esme_bound(&self, esme: ESME, session: &String) {
        let mut inner = self.0.lock();
        inner.binds += 1;
        inner.sessions.insert(session.clone(), Arc::new(esme));
    }

    async fn on_esme_unbound(&self, session: &String) {
        self.0.lock().sessions.remove(session);
    }

    async fn on_listen_failed(&self, _: &str) {
        self.0.failed.store(true, Ordering::SeqCst);
    }

    async fn on_submit_sm(&self, message: submit_sm, _: &SmppConnectionInformation, session: &String) -> submit_sm_resp {
        let (behaviour, segment, session) = {
            let mut inner = self.0.lock();
            let behaviour = inner.plan.pop_front().or(inner.always).unwrap_or(Behaviour::Deliver);
            inner.next += 1;
            let segment = read(&message, format!("{:08X}", inner.next));
            let taken = !matches!(behaviour, Behaviour::Throttle | Behaviour::Reject(_));
            if taken {
                inner.segments.push(segment.clone());
            }
            (behaviour, segment, inner.sessions.get(session).cloned())
        };
        self.0.arrived.notify_waiters();
        let receipt = session.filter(|_| segment.receipt);
        match behaviour {
            Behaviour::Throttle => return message.reject(SmppError::ESME_RTHROTTLED),
            Behaviour::Reject(status) => return message.reject(SmppError::from_command_status(status)),
            Behaviour::Slow(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Behaviour::NoReceipt => {}
            Behaviour::ReceiptFirst => send_receipt(receipt, &segment, "DELIVRD", 2).await,
            Behaviour::Deliver | Behaviour::Fail => {
                let (state, code) = if behaviour == Behaviour::Fail { ("UNDELIV", 5) } else { ("DELIVRD", 2) };
                let segment = segment.clone();
                tokio::spawn(async move { send_receipt(receipt, &segment, state, code).await });
            }
        }
        message.accept(segment.id)
    }
}

async fn send_receipt(session: Option<Arc<ESME>>, segment: &Segment, state: &str, code: u8) {
    let Some(session) = session else { return };
    let text = format!("id:{} sub:001 dlvrd:001 submit date:2611220930 done date:2611220931 stat:{state} err:000 text:", segment.id);
    let receipt = deliver_sm::new(
        0,
        String::new(),
        1,
        1,
        segment.to.clone(),
        0,
        1,
        segment.from.clone(),
        0x04,
        0,
        0,
        String::new(),
        String::new(),
        0,
        0,
        0,
        0,
        text.into_bytes(),
    )
    .with_tlvs([Tlv::from_c_string(TlvTag::ReceiptedMessageId, &segment.id), Tlv::from_u8(TlvTag::MessageStateTlv, code)]);
    if session.send_deliver_sm_pdu(receipt).await.is_err() {
        tracing::warn!("a receipt was not taken");
    }
}

fn read(message: &submit_sm, id: String) -> Segment {
    let payload = message.tlvs.message_payload();
    let body = payload.unwrap_or(&message.short_message);
    // User data header: length, then 00 03 reference total number.
    let (part, text) = match body {
        [5, 0, 3, reference, total, number, rest @ ..] if message.esm_class & 0x40 != 0 => (Some((*reference, *total, *number)), rest),
        _ => (None, body),
    };
    let text = if message.data_coding == 8 {
        let units: Vec<u16> = text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        String::from_utf16(&units).unwrap_or_default()
    } else {
        text.iter().map(|byte| char::from(*byte)).collect()
    };
    Segment {
        id,
        from: message.source_addr.clone(),
        to: message.destination_addr.clone(),
        data_coding: message.data_coding,
        receipt: message.registered_delivery & 1 == 1,
        payload: payload.is_some(),
        part,
        text,
    }
}
