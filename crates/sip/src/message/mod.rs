//! 报文: one SIP message in the bytes it came in (RFC 3261). Reading it copies nothing: every part is a slice of the datagram.
//!
//! Two steps. [`Head::read`] finds the lines; whatever has a start line and a way back gets that far, so that a malformed request can still be
//! answered. [`Head::request`] and [`Head::response`] check what the standard demands and say with which answer a request is refused.

pub mod address;
mod date;
pub mod name;
pub mod uri;
pub mod via;

pub use address::Address;
pub use name::Name;
pub use uri::{Scheme, Uri};
pub use via::Via;

use crate::scan;

/// Most header lines of a message. A long way through the network has some forty; what has more is an attack on whoever reads it.
pub const MOST_FIELDS: usize = 256;
/// Most bytes of a message: what a datagram can hold.
pub const LONGEST: usize = 65_535;
/// Largest sequence number (RFC 3261 section 8.1.1.5).
const LARGEST_CSEQ: u64 = (1 << 31) - 1;

/// Where a header line lies: name, value and end, in bytes from the start of the message.
#[derive(Debug, Clone, Copy)]
struct Field {
    name: Name,
    line: u32,
    value: u32,
    end: u32,
    next: u16,
}

const NONE: u16 = u16::MAX;

/// Where the header lines of a message lie. Kept and used again by whoever reads many messages: no allocation after the first long one.
#[derive(Debug)]
pub struct Fields {
    all: Vec<Field>,
    first: [u16; Name::COUNT],
    last: [u16; Name::COUNT],
}

impl Default for Fields {
    fn default() -> Self {
        Self { all: Vec::with_capacity(48), first: [NONE; Name::COUNT], last: [NONE; Name::COUNT] }
    }
}

impl Fields {
    fn clear(&mut self) {
        self.all.clear();
        self.first = [NONE; Name::COUNT];
    }

    fn push(&mut self, field: Field) {
        let at = self.all.len() as u16;
        let kind = field.name as usize;
        self.all.push(field);
        if let (Some(first), Some(last)) = (self.first.get_mut(kind), self.last.get_mut(kind)) {
            if *first == NONE {
                *first = at;
            } else if let Some(before) = self.all.get_mut(usize::from(*last)) {
                before.next = at;
            }
            *last = at;
        }
    }

    fn of(&self, name: Name) -> impl Iterator<Item = &Field> + Clone {
        let mut next = self.first.get(name as usize).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let field = self.all.get(usize::from(next))?;
            next = field.next;
            Some(field)
        })
    }
}

/// What is not even the beginning of a SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Noise {
    /// Empty or line breaks only: somebody keeps a path through a firewall open.
    #[error("empty: a keep-alive")]
    KeepAlive,
    /// The first line names no SIP version.
    #[error("not SIP")]
    NotSip,
    /// More than [`LONGEST`] bytes.
    #[error("longer than a message can be")]
    TooLong,
}

/// Why a request is refused, and with which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {why}")]
pub struct Refusal {
    /// Status code of the answer.
    pub status: u16,
    /// A few words for the reason phrase and the log; never anything that came in.
    pub why: &'static str,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

/// 头部: the lines of a message, found but not judged.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    bytes: &'a [u8],
    fields: &'a Fields,
    /// The first line without its end.
    pub start: &'a [u8],
    /// Where the body begins; nothing when the head does not end.
    body: Option<usize>,
    fault: Option<&'static str>,
}

impl<'a> Head<'a> {
    /// Finds the lines of a message. `fields` is working memory.
    ///
    /// # Errors
    /// What has no first line of SIP: nobody could be answered.
    pub fn read(bytes: &'a [u8], fields: &'a mut Fields) -> Result<Self, Noise> {
        fields.clear();
        if bytes.len() > LONGEST {
            return Err(Noise::TooLong);
        }
        // Line breaks before the first line are to be ignored (RFC 3261 section 7.5); a lone NUL is some phones' keep-alive.
        let begin = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n' | 0)).ok_or(Noise::KeepAlive)?;
        let first = memchr::memchr2(b'\r', b'\n', bytes.get(begin..).unwrap_or_default()).map_or(bytes.len(), |at| begin + at);
        let start = bytes.get(begin..first).unwrap_or_default();
        let version = |at: usize| start.get(at..at + 4).is_some_and(|text| text.eq_ignore_ascii_case(b"SIP/"));
        if !version(0) && !memchr::memrchr(b'/', start.trim_ascii_end()).is_some_and(|slash| slash >= 4 && version(slash - 3)) {
            return Err(Noise::NotSip);
        }
        let (body, fault) = lines(bytes, first, fields);
        Ok(Self { bytes, fields, start, body, fault })
    }

    /// The value of the first header of that name, white space around it left out.
    pub fn value(&self, name: Name) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The values of all headers of that name, in their order.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let bytes = self.bytes;
        self.fields.of(name).map(move |field| bytes.get(field.value as usize..field.end as usize).unwrap_or_default())
    }

    /// Whole lines of that name as they came, without their ends.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.fields.of(name).map(move |field| bytes.get(field.line as usize..field.end as usize).unwrap_or_default())
    }

    /// Every header line in its order, with its name.
    pub fn all(&self) -> impl Iterator<Item = (Name, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.fields.all.iter().map(move |field| (field.name, bytes.get(field.line as usize..field.end as usize).unwrap_or_default()))
    }

    /// Whether the first line is that of a response.
    pub fn is_response(&self) -> bool {
        self.start.get(..4).is_some_and(|text| text.eq_ignore_ascii_case(b"SIP/"))
    }

    /// The hops, as far as they are well formed.
    pub fn vias(&self) -> impl Iterator<Item = Option<Via<'a>>> + use<'a> {
        self.values(Name::Via).flat_map(via::list)
    }

    /// The request this is.
    ///
    /// # Errors
    /// The answer RFC 3261 and RFC 4475 ask for.
    pub fn request(&self) -> Result<Request<'a>, Refusal> {
        let (method, target) = self.request_line()?;
        if let Some(fault) = self.fault {
            return Err(bad(fault));
        }
        let target = Uri::parse(target).ok_or(bad("Malformed Request-URI"))?;
        if !target.headers.is_empty() {
            return Err(bad("Headers in Request-URI"));
        }
        let common = self.common()?;
        if common.method != method.text() {
            return Err(match method {
                Method::Other(_) => Refusal { status: 501, why: "Unknown Method" },
                _ => bad("CSeq Names Another Method"),
            });
        }
        self.lists()?;
        if self.value(Name::Date).is_some_and(|value| !date::is_date(value)) {
            return Err(bad("Malformed Date"));
        }
        let max_forwards = match self.value(Name::MaxForwards) {
            // More than a byte holds is as good as none (RFC 4475 section 3.1.2.4).
            Some(value) => u8::try_from(scan::number(value).ok_or(bad("Malformed Max-Forwards"))?).ok(),
            None => None,
        };
        let Common { via, from, to, call_id, sequence, body, .. } = common;
        Ok(Request { method, target, via, from, to, call_id, sequence, max_forwards, body, head: *self })
    }

    /// The response this is.
    ///
    /// # Errors
    /// A malformed response has nobody to be told: it is dropped.
    pub fn response(&self) -> Result<Response<'a>, Refusal> {
        let mut parts = self.start.splitn(3, |b| *b == b' ');
        let version = parts.next().unwrap_or_default();
        let status = parts.next().filter(|code| code.len() == 3).and_then(scan::number).unwrap_or_default();
        let (100..=699, true) = (status, version.eq_ignore_ascii_case(b"SIP/2.0")) else { return Err(bad("Malformed Status-Line")) };
        if let Some(fault) = self.fault {
            return Err(bad(fault));
        }
        let common = self.common()?;
        let Common { via, from, to, call_id, sequence, method, body } = common;
        Ok(Response { status: status as u16, via, from, to, call_id, sequence, method: Method::of(method), body, head: *self })
    }

    /// Method and target of the first line: three words parted by one blank each.
    fn request_line(&self) -> Result<(Method<'a>, &'a [u8]), Refusal> {
        let malformed = bad("Malformed Request-Line");
        let first = memchr::memchr(b' ', self.start).ok_or(malformed)?;
        let last = memchr::memrchr(b' ', self.start).filter(|last| *last > first).ok_or(malformed)?;
        let part = |range: std::ops::Range<usize>| self.start.get(range).unwrap_or_default();
        let (method, target, version) = (part(0..first), part(first + 1..last), part(last + 1..self.start.len()));
        let [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', number @ ..] = version else { return Err(malformed) };
        let mut halves = number.split(|b| *b == b'.').map(scan::number);
        match (halves.next().flatten(), halves.next().flatten(), halves.next()) {
            (Some(2), Some(0), None) => {}
            (Some(_), Some(_), None) => return Err(Refusal { status: 505, why: "Version Not Supported" }),
            _ => return Err(malformed),
        }
        if !scan::is_token(method) || target.is_empty() || target.iter().any(|b| matches!(b, b' ' | b'\t')) {
            return Err(malformed);
        }
        Ok((Method::of(method), target))
    }

    /// What requests and responses both have.
    fn common(&self) -> Result<Common<'a>, Refusal> {
        let twice = self.fields.all.iter().any(|field| field.next != NONE && field.name.single());
        if twice {
            return Err(bad("Header Twice"));
        }
        let mut via = None;
        for hop in self.vias() {
            let hop = hop.ok_or(bad("Malformed Via"))?;
            via.get_or_insert(hop);
        }
        let via = via.ok_or(bad("Missing Via"))?;
        let address = |name, missing, malformed| {
            let value = self.value(name).ok_or(bad(missing))?;
            Address::parse(value).ok_or(bad(malformed))
        };
        let from = address(Name::From, "Missing From", "Malformed From")?;
        let to = address(Name::To, "Missing To", "Malformed To")?;
        let call_id = self.value(Name::CallId).ok_or(bad("Missing Call-ID"))?;
        let (word, host) = match memchr::memchr(b'@', call_id) {
            Some(at) => (call_id.get(..at).unwrap_or_default(), call_id.get(at + 1..)),
            None => (call_id, None),
        };
        if !scan::is_word(word) || host.is_some_and(|host| !scan::is_word(host)) {
            return Err(bad("Malformed Call-ID"));
        }
        let malformed = bad("Malformed CSeq");
        let (sequence, rest) = scan::digits(self.value(Name::CSeq).ok_or(bad("Missing CSeq"))?);
        let sequence = scan::number(sequence).filter(|number| *number <= LARGEST_CSEQ).ok_or(malformed)?;
        let method = scan::skip_blank(rest);
        if method.len() == rest.len() || !scan::is_token(method) {
            return Err(malformed);
        }
        let body = self.body.and_then(|at| self.bytes.get(at..)).ok_or(bad("Head Without End"))?;
        let length = match self.value(Name::ContentLength) {
            Some(value) => scan::number(value).and_then(|length| usize::try_from(length).ok()).ok_or(bad("Malformed Content-Length"))?,
            None => body.len(),
        };
        // Bytes after the body of a datagram are no part of it (RFC 4475 section 3.1.1.8).
        let body = body.get(..length).ok_or(bad("Body Shorter Than Content-Length"))?;
        Ok(Common { via, from, to, call_id, sequence: sequence as u32, method, body })
    }

    /// Headers that hold a list of addresses.
    fn lists(&self) -> Result<(), Refusal> {
        for (name, why) in
            [(Name::Contact, "Malformed Contact"), (Name::Route, "Malformed Route"), (Name::RecordRoute, "Malformed Record-Route")]
        {
            for value in self.values(name) {
                let any = name == Name::Contact && value == b"*";
                if !any && address::list(value).any(|one| one.is_none()) {
                    return Err(bad(why));
                }
            }
        }
        Ok(())
    }
}

/// Finds header lines from `at` on, the end of the first line; gives where the body begins and the first fault.
fn lines(bytes: &[u8], mut at: usize, fields: &mut Fields) -> (Option<usize>, Option<&'static str>) {
    let mut fault = None;
    let mut begin = None;
    let mut breaks = scan::Breaks::of(bytes);
    loop {
        let Some([b'\r', b'\n']) = bytes.get(at..at + 2) else {
            // A lone CR or LF, or the end of the bytes: what follows can not be told from anything.
            return (None, fault.or(Some(if at >= bytes.len() { "Head Without End" } else { "Bare Line Break" })));
        };
        let next = at + 2;
        // A line that begins with a blank goes on with the one before it; only the first line can not be folded.
        let folded = matches!(bytes.get(next), Some(b' ' | b'\t'));
        if folded && begin.is_none() {
            fault = fault.or(Some("Folded Start-Line"));
        }
        if !folded {
            if let Some(line) = begin {
                fault = fault.or(field(bytes, line, at, fields));
            }
            begin = Some(next);
            if bytes.get(next..next + 2) == Some(b"\r\n") {
                return (Some(next + 2), fault);
            }
        }
        at = breaks.after(next);
    }
}

fn field(bytes: &[u8], line: usize, end: usize, fields: &mut Fields) -> Option<&'static str> {
    if fields.all.len() >= MOST_FIELDS {
        return Some("Too Many Headers");
    }
    let text = bytes.get(line..end)?;
    let (name, value) = match scan::token(text) {
        Some((name, [b':', value @ ..])) => (name, value),
        _ => {
            let Some(colon) = memchr::memchr(b':', text) else { return Some("Header Without Colon") };
            let mut name = text.get(..colon)?;
            while let [rest @ .., b' ' | b'\t'] = name {
                name = rest;
            }
            if !scan::is_token(name) {
                return Some("Malformed Header Name");
            }
            (name, text.get(colon + 1..)?)
        }
    };
    let value_at = end - scan::skip_blank(value).len();
    let end = value_at + scan::trim(value).len();
    fields.push(Field { name: Name::of(name), line: line as u32, value: value_at as u32, end: end as u32, next: NONE });
    None
}

struct Common<'a> {
    via: Via<'a>,
    from: Address<'a>,
    to: Address<'a>,
    call_id: &'a [u8],
    sequence: u32,
    method: &'a [u8],
    body: &'a [u8],
}

/// 请求: a request in which everything the standard demands is there and well formed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is asked.
    pub method: Method<'a>,
    /// Of whom.
    pub target: Uri<'a>,
    /// The last hop.
    pub via: Via<'a>,
    /// Who asks.
    pub from: Address<'a>,
    /// Who was asked first.
    pub to: Address<'a>,
    /// The call.
    pub call_id: &'a [u8],
    /// Number within the call.
    pub sequence: u32,
    /// Hops left, where it says so.
    pub max_forwards: Option<u8>,
    /// The body. Screening looks at the signalling only: it is forwarded, never read (I10).
    pub body: &'a [u8],
    /// All the headers.
    pub head: Head<'a>,
}

/// 响应: a well-formed response.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// 100 to 699.
    pub status: u16,
    /// The hop it is meant for.
    pub via: Via<'a>,
    /// Who asked.
    pub from: Address<'a>,
    /// Who was asked.
    pub to: Address<'a>,
    /// The call.
    pub call_id: &'a [u8],
    /// Number within the call.
    pub sequence: u32,
    /// What was asked.
    pub method: Method<'a>,
    /// The body: forwarded, never read.
    pub body: &'a [u8],
    /// All the headers.
    pub head: Head<'a>,
}

/// 方法. Upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method<'a> {
    /// Opens a call.
    Invite,
    /// Confirms a final response to INVITE.
    Ack,
    /// Takes an INVITE back.
    Cancel,
    /// Ends a call.
    Bye,
    /// Asks what can be done.
    Options,
    /// Registered with IANA, of no use here.
    Known(&'a [u8]),
    /// Any other token.
    Other(&'a [u8]),
}

impl<'a> Method<'a> {
    fn of(text: &'a [u8]) -> Self {
        match text {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"CANCEL" => Self::Cancel,
            b"BYE" => Self::Bye,
            b"OPTIONS" => Self::Options,
            b"REGISTER" | b"PRACK" | b"UPDATE" | b"INFO" | b"SUBSCRIBE" | b"NOTIFY" | b"REFER" | b"MESSAGE" | b"PUBLISH" => {
                Self::Known(text)
            }
            _ => Self::Other(text),
        }
    }

    /// As it is written.
    pub fn text(self) -> &'a [u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Cancel => b"CANCEL",
            Self::Bye => b"BYE",
            Self::Options => b"OPTIONS",
            Self::Known(text) | Self::Other(text) => text,
        }
    }
}
