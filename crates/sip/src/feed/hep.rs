//! 探针: SIP seen elsewhere and sent here in HEP3 (HOMER's encapsulation), as Kamailio's siptrace, FreeSWITCH and Asterisk can.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use chuangsha_kernel::Timestamp;

use super::Record;
use crate::{
    calls::{Calls, Ended},
    memory::Secret,
    message::{Fields, Head, Method},
};

/// 一帧: one message as a probe saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where it came from, where that is told.
    pub source: Option<SocketAddr>,
    /// Where it went.
    pub destination: Option<SocketAddr>,
    /// When it was seen, microseconds since 1970.
    pub micros: u64,
    /// The password the probe was given.
    pub password: &'a [u8],
    /// The message.
    pub payload: &'a [u8],
}

/// Why a frame is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HepError {
    /// It does not begin with HEP3.
    #[error("not HEP3")]
    NotHep,
    /// A length is wrong.
    #[error("a chunk is cut off")]
    Cut,
    /// It carries something else than SIP.
    #[error("it carries no SIP")]
    NotSip,
    /// No message, or no time.
    #[error("message or time is missing")]
    Missing,
    /// The password is not ours.
    #[error("the password is another")]
    Password,
}

/// The protocol number of SIP in HEP.
const SIP: u8 = 1;

fn number(value: &[u8]) -> Option<u32> {
    (value.len() <= 4 && !value.is_empty()).then(|| value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

/// Reads one frame. Chunks of other vendors and unknown kinds are passed over.
///
/// # Errors
/// [`HepError`]
pub fn frame(bytes: &[u8]) -> Result<Frame<'_>, HepError> {
    let [b'H', b'E', b'P', b'3', high, low, ..] = bytes else { return Err(HepError::NotHep) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let mut rest = bytes.get(6..length).ok_or(HepError::Cut)?;
    let (mut ip, mut port) = ([None; 2], [0_u16; 2]);
    let (mut seconds, mut micros, mut protocol, mut password, mut payload) = (None, 0, SIP, &[][..], None);
    while let [v0, v1, k0, k1, l0, l1, after @ ..] = rest {
        let long = usize::from(u16::from_be_bytes([*l0, *l1])).checked_sub(6).ok_or(HepError::Cut)?;
        let (value, next) = after.split_at_checked(long).ok_or(HepError::Cut)?;
        rest = next;
        if (*v0, *v1) != (0, 0) {
            continue;
        }
        let four = || <[u8; 4]>::try_from(value).map(|ip| IpAddr::V4(Ipv4Addr::from(ip))).map_err(|_| HepError::Cut);
        let six = || <[u8; 16]>::try_from(value).map(|ip| IpAddr::V6(Ipv6Addr::from(ip))).map_err(|_| HepError::Cut);
        let whole = || number(value).ok_or(HepError::Cut);
        match u16::from_be_bytes([*k0, *k1]) {
            3 => ip[0] = Some(four()?),
            4 => ip[1] = Some(four()?),
            5 => ip[0] = Some(six()?),
            6 => ip[1] = Some(six()?),
            7 => port[0] = whole()? as u16,
            8 => port[1] = whole()? as u16,
            9 => seconds = Some(whole()?),
            10 => micros = whole()?,
            11 => protocol = whole()? as u8,
            14 => password = value,
            15 => payload = Some(value),
            _ => {}
        }
    }
    if !rest.is_empty() {
        return Err(HepError::Cut);
    }
    if protocol != SIP {
        return Err(HepError::NotSip);
    }
    let (Some(seconds), Some(payload)) = (seconds, payload) else { return Err(HepError::Missing) };
    let [source, destination] = ip;
    Ok(Frame {
        source: source.map(|ip| SocketAddr::new(ip, port[0])),
        destination: destination.map(|ip| SocketAddr::new(ip, port[1])),
        micros: u64::from(seconds) * 1_000_000 + u64::from(micros.min(999_999)),
        password,
        payload,
    })
}

/// Whether `end` is that listening address; one that listens everywhere is told by its port.
fn is_at(own: SocketAddr, end: SocketAddr) -> bool {
    own.port() == end.port() && (own.ip().is_unspecified() || own.ip().to_canonical() == end.ip().to_canonical())
}

/// 探针观察: puts frames together to calls.
pub struct Probe {
    calls: Calls<(String, String)>,
    secret: Secret,
    password: Vec<u8>,
    fields: Fields,
    own: Vec<SocketAddr>,
}

impl Probe {
    /// A probe for so many calls at a time. Frames without that password are refused; an empty one asks for none.
    pub fn new(most: usize, password: &str, secret: [u8; 16]) -> Self {
        Self {
            calls: Calls::new(most),
            secret: Secret(secret),
            password: password.as_bytes().to_vec(),
            fields: Fields::default(),
            own: Vec::new(),
        }
    }

    /// Passes over frames from or to these addresses: the edge's own, whose answer to a call is not the end of it.
    #[must_use]
    pub fn passing_over(mut self, own: Vec<SocketAddr>) -> Self {
        self.own = own;
        self
    }

    /// Takes one frame; a record when a call ended with it.
    ///
    /// # Errors
    /// [`HepError`]. What is no sound SIP message in a sound frame is passed over: the probe sees other people's traffic.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Record>, HepError> {
        let frame = frame(bytes)?;
        if !self.password.is_empty() && frame.password != self.password {
            return Err(HepError::Password);
        }
        let ours = |end: Option<SocketAddr>| end.is_some_and(|end| self.own.iter().any(|own| is_at(*own, end)));
        if ours(frame.source) || ours(frame.destination) {
            return Ok(None);
        }
        let Ok(head) = Head::read(frame.payload, &mut self.fields) else { return Ok(None) };
        let (id, ended) = if head.is_response() {
            let Ok(response) = head.response() else { return Ok(None) };
            if response.method != Method::Invite {
                return Ok(None);
            }
            (response.call_id, self.calls.answered(self.secret.hash(response.call_id), response.status, frame.micros))
        } else {
            let Ok(request) = head.request() else { return Ok(None) };
            let (call, tag) = (self.secret.hash(request.call_id), self.secret.hash(request.from.tag().unwrap_or_default()));
            let ended = match request.method {
                // The same INVITE is seen on every leg: the first one counts.
                Method::Invite if request.to.tag().is_none() && self.calls.parties(call).is_none() => {
                    let text = |number: &[u8]| String::from_utf8_lossy(number).into_owned();
                    self.calls.begin(call, tag, (text(request.from.uri.telephone()), text(request.target.telephone())), frame.micros);
                    None
                }
                Method::Cancel => {
                    self.calls.cancelled(call);
                    None
                }
                Method::Bye => self.calls.hung_up(call, tag, frame.micros),
                _ => None,
            };
            (request.call_id, ended)
        };
        Ok(ended.map(|Ended { parties: (caller, callee), ring_ms, talk_ms, released }| Record {
            at: Timestamp((frame.micros / 1_000) as i64),
            caller,
            callee,
            ring_ms: Some(ring_ms),
            talk_ms,
            released: Some(released),
            call: String::from_utf8_lossy(id).into_owned(),
        }))
    }
}
