//! 应答: responses written from the request they answer. The same request and the same verdict always give the same bytes.

use std::net::{IpAddr, SocketAddr};

use chuangsha_screen::{Action, Rule};

use crate::{
    memory::{Kept, Key},
    message::{Head, Method, Name, Request, Uri, Via},
    scan,
    trunk::{Block, Pass, Trunk},
};

/// The port of SIP where none is written.
pub const PORT: u16 = 5060;

/// Methods this edge takes.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, OPTIONS";

/// Numbers without the formatting machinery: these lines are written for every call.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Sixteen hexadecimal digits.
pub fn hexadecimal(out: &mut Vec<u8>, number: u64) {
    let digits: [u8; 16] = std::array::from_fn(|i| {
        let nibble = (number >> (60 - 4 * i)) as u8 & 15;
        nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
    });
    out.extend_from_slice(&digits);
}

fn address(out: &mut Vec<u8>, ip: IpAddr) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            for (i, part) in ip.octets().into_iter().enumerate() {
                if i > 0 {
                    out.push(b'.');
                }
                decimal(out, u64::from(part));
            }
        }
        IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
    }
}

/// Whether a host is written as that address.
pub fn is_address(host: &[u8], ip: IpAddr) -> bool {
    let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    // Names are told by their first byte: no need to parse them.
    bare.first().is_some_and(|b| b.is_ascii_hexdigit() || *b == b':')
        && std::str::from_utf8(bare)
            .ok()
            .and_then(|text| text.parse::<IpAddr>().ok())
            .is_some_and(|found| found.to_canonical() == ip.to_canonical())
}

/// Where the answer to a request goes over a datagram transport (RFC 3261 section 18.2.2, RFC 3581). Only ever back to the address it came
/// from: `maddr` and names are not followed, so that nobody can point this edge at somebody else.
pub fn destination(source: SocketAddr, via: Option<&Via<'_>>) -> SocketAddr {
    match via {
        Some(via) if via.rport.is_none() => SocketAddr::new(source.ip(), via.port.unwrap_or(PORT)),
        _ => source,
    }
}

/// The hops of a request as its answer has them: with the address it came from in the first one (RFC 3261 section 18.2.1, RFC 3581). `first`: the
/// first one, where it could be read.
pub fn vias(out: &mut Vec<u8>, head: &Head<'_>, first: Option<&Via<'_>>, source: SocketAddr) {
    let mut lines = head.lines(Name::Via);
    if let Some(line) = lines.next() {
        match first {
            Some(via) => {
                out.extend_from_slice(b"Via: ");
                hop(out, via, source);
                out.extend_from_slice(via.rest);
            }
            None => out.extend_from_slice(line),
        }
        out.extend_from_slice(b"\r\n");
    }
    for line in lines {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// One hop with `received` and `rport` filled in.
pub fn hop(out: &mut Vec<u8>, via: &Via<'_>, source: SocketAddr) {
    let asked = via.rport.is_some_and(<[u8]>::is_empty);
    match via.around_rport().filter(|_| asked) {
        Some((before, after)) => {
            out.extend_from_slice(before);
            out.push(b'=');
            decimal(out, u64::from(source.port()));
            out.extend_from_slice(after);
        }
        None => out.extend_from_slice(via.text),
    }
    // What the sender itself calls `received` is not believed, but it stands first and would be: then ours is not added.
    if (asked || !is_address(via.host, source.ip())) && !via.is_received {
        out.extend_from_slice(b";received=");
        address(out, source.ip());
    }
}

fn status_line(out: &mut Vec<u8>, status: u16, reason: &str) {
    out.extend_from_slice(b"SIP/2.0 ");
    decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the response to a request with what every one has; `extra` adds its own lines. `tag` is put to a To that has none.
pub fn write(
    out: &mut Vec<u8>,
    request: &Request<'_>,
    source: SocketAddr,
    status: (u16, &str),
    tag: u64,
    extra: impl FnOnce(&mut Vec<u8>),
) {
    let Request { head, via, to, .. } = request;
    write_to(out, head, Some(via), source, status, Some(tag).filter(|_| to.tag().is_none()), extra);
}

/// The response to what is no request: its own refusal.
pub fn refuse(out: &mut Vec<u8>, head: &Head<'_>, via: Option<&Via<'_>>, source: SocketAddr, status: (u16, &str)) {
    // A To that cannot be read gets no tag: nobody could say where it belongs.
    let lacks_tag = |to| crate::message::Address::parse(to).is_some_and(|to| to.tag().is_none());
    write_to(out, head, via, source, status, Some(0).filter(|_| head.value(Name::To).is_some_and(lacks_tag)), |_| {});
}

fn write_to(
    out: &mut Vec<u8>,
    head: &Head<'_>,
    via: Option<&Via<'_>>,
    source: SocketAddr,
    (status, reason): (u16, &str),
    tag: Option<u64>,
    extra: impl FnOnce(&mut Vec<u8>),
) {
    status_line(out, status, reason);
    vias(out, head, via, source);
    for name in [Name::From, Name::To, Name::CallId, Name::CSeq] {
        if let Some(value) = head.value(name) {
            out.extend_from_slice(name.text().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            if let Some(tag) = tag.filter(|_| name == Name::To) {
                out.extend_from_slice(b";tag=");
                hexadecimal(out, tag);
            }
            out.extend_from_slice(b"\r\n");
        }
    }
    extra(out);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// The answer to OPTIONS.
pub fn options(out: &mut Vec<u8>, request: &Request<'_>, source: SocketAddr, tag: u64, allow: &str) {
    write(out, request, source, (200, "OK"), tag, |out| {
        line(out, "Allow", allow.as_bytes());
        line(out, "Accept", b"application/sdp");
        line(out, "Supported", b"");
    });
}

/// The refusal of a method: 405 for one that exists, 501 for one nobody knows.
pub fn not_here(out: &mut Vec<u8>, request: &Request<'_>, source: SocketAddr, tag: u64, allow: &str) {
    let status = match request.method {
        Method::Other(_) => (501, "Not Implemented"),
        _ => (405, "Method Not Allowed"),
    };
    write(out, request, source, status, tag, |out| line(out, "Allow", allow.as_bytes()));
}

/// The refusal of extensions nobody knows (RFC 3261 section 8.2.2.3).
pub fn bad_extension(out: &mut Vec<u8>, request: &Request<'_>, source: SocketAddr, tag: u64, name: Name) {
    write(out, request, source, (420, "Bad Extension"), tag, |out| {
        for option in unknown_options(&request.head, name) {
            line(out, "Unsupported", option);
        }
    });
}

/// Extensions registered with IANA. None of them changes anything for one who never opens a dialogue; a proxy leaves them to the ends.
const OPTIONS: &[&str] = &[
    "100rel",
    "199",
    "answermode",
    "early-session",
    "eventlist",
    "explicitsub",
    "from-change",
    "geolocation-http",
    "geolocation-sip",
    "gin",
    "gruu",
    "histinfo",
    "ice",
    "join",
    "multiple-refer",
    "norefersub",
    "nosub",
    "outbound",
    "path",
    "policy",
    "precondition",
    "pref",
    "privacy",
    "recipient-list-invite",
    "recipient-list-message",
    "recipient-list-subscribe",
    "record-aware",
    "replaces",
    "resource-priority",
    "sdp-anat",
    "sec-agree",
    "siprec",
    "tdialog",
    "timer",
    "trickle-ice",
    "uui",
];

/// What is asked for in Require or Proxy-Require and registered nowhere.
pub fn unknown_options<'a>(head: &Head<'a>, name: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let options = head.values(name).flat_map(|value| value.split(|b| *b == b',')).map(scan::trim);
    options.filter(|option| !option.is_empty() && !OPTIONS.iter().any(|known| option.eq_ignore_ascii_case(known.as_bytes())))
}

/// The answer to a call of a trunk, by its verdict.
pub fn verdict(out: &mut Vec<u8>, request: &Request<'_>, source: SocketAddr, key: Key, trunk: &Trunk, kept: &Kept) {
    match kept.action {
        Action::Pass => match (trunk.pass, &trunk.next) {
            (Pass::Moved, Some(next)) => moved(out, request, source, key, next, None, trunk),
            (Pass::Unavailable, _) => write(out, request, source, (503, "Service Unavailable"), key.tag(), |_| {}),
            _ => write(out, request, source, (404, "Not Found"), key.tag(), |_| {}),
        },
        Action::Challenge if trunk.challenge.is_some() => {
            let to = trunk.challenge.as_deref().unwrap_or_default();
            write(out, request, source, (302, "Moved Temporarily"), key.tag(), |out| {
                bracketed(out, "Contact", &[to.as_bytes()]);
                label(out, request, kept, trunk);
            });
        }
        Action::Label | Action::Challenge => match &trunk.next {
            Some(next) => moved(out, request, source, key, next, Some(kept), trunk),
            // Without a next hop the label rides on the answer that lets the call through: the one in front takes it from there.
            None => {
                let status = if trunk.pass == Pass::Unavailable { (503, "Service Unavailable") } else { (404, "Not Found") };
                write(out, request, source, status, key.tag(), |out| label(out, request, kept, trunk));
            }
        },
        Action::Block => block(out, request, source, key, trunk, kept),
    }
}

fn moved(out: &mut Vec<u8>, request: &Request<'_>, source: SocketAddr, key: Key, next: &str, kept: Option<&Kept>, trunk: &Trunk) {
    write(out, request, source, (302, "Moved Temporarily"), key.tag(), |out| {
        contact(out, &request.target, next);
        if let Some(kept) = kept {
            label(out, request, kept, trunk);
        }
    });
}

/// The callee at the next hop. `next` is `sip:host:port`, with or without parameters.
fn contact(out: &mut Vec<u8>, target: &Uri<'_>, next: &str) {
    let (scheme, host) = next.split_once(':').unwrap_or(("sip", next));
    let user = target.user;
    let at: &[u8] = if user.is_empty() { b"" } else { b"@" };
    bracketed(out, "Contact", &[scheme.as_bytes(), b":", user, at, host.as_bytes()]);
}

fn bracketed(out: &mut Vec<u8>, name: &str, parts: &[&[u8]]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": <");
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(b">\r\n");
}

/// 标签 in Chinese, as the callee's screen shows it.
pub fn label_text(rule: Option<Rule>) -> &'static str {
    match rule {
        Some(Rule::BadList | Rule::Suspect | Rule::Behaviour | Rule::Sequential | Rule::Contract) => "疑似骚扰电话",
        Some(Rule::OneRing) => "疑似响一声电话",
        Some(Rule::Overseas) => "境外来电",
        Some(Rule::RoamingUnknown | Rule::ForgedHome | Rule::Forged | Rule::Malformed | Rule::Asserted | Rule::Token | Rule::Revoked) => {
            "主叫号码未经核实"
        }
        _ => "请注意核实来电身份",
    }
}

/// The caller's identity with a label before it, and where more is said. Both go on to the callee's side.
pub fn label(out: &mut Vec<u8>, request: &Request<'_>, kept: &Kept, trunk: &Trunk) {
    let asserted = request.head.values(Name::AssertedIdentity).flat_map(crate::message::address::list).flatten().next();
    let uri = asserted.unwrap_or(request.from).uri;
    out.extend_from_slice(b"P-Asserted-Identity: \"");
    out.extend_from_slice(label_text(kept.rule).as_bytes());
    if kept.country > 0 {
        out.extend_from_slice(b" +");
        decimal(out, u64::from(kept.country));
    }
    out.extend_from_slice(b"\" <");
    out.extend_from_slice(uri.text);
    out.extend_from_slice(b">\r\n");
    if let Some(url) = &trunk.redress.url {
        out.extend_from_slice(b"Call-Info: <");
        evidence_url(out, url, kept);
        out.extend_from_slice(b">;purpose=info\r\n");
    }
    reason(out, kept, 0);
}

fn evidence_url(out: &mut Vec<u8>, url: &str, kept: &Kept) {
    out.extend_from_slice(url.as_bytes());
    evidence(out, kept);
}

fn evidence(out: &mut Vec<u8>, kept: &Kept) {
    hexadecimal(out, (kept.evidence.0 >> 64) as u64);
    hexadecimal(out, kept.evidence.0 as u64);
}

/// Why, for machines on the way: rule and evidence, never a number.
fn reason(out: &mut Vec<u8>, kept: &Kept, cause: u16) {
    if cause == 0 {
        // A label rides on an answer that lets the call through: no cause of release, only the rule.
        out.extend_from_slice(b"Reason: X-Screen;text=\"");
    } else {
        out.extend_from_slice(b"Reason: SIP;cause=");
        decimal(out, u64::from(cause));
        out.extend_from_slice(b";text=\"");
    }
    out.extend_from_slice(b"rule=");
    out.extend_from_slice(kept.rule.map_or("none", Rule::as_str).as_bytes());
    out.extend_from_slice(b" score=");
    decimal(out, u64::from(kept.score));
    out.extend_from_slice(b" evidence=");
    evidence(out, kept);
    out.extend_from_slice(b"\"\r\n");
}

fn block(out: &mut Vec<u8>, request: &Request<'_>, source: SocketAddr, key: Key, trunk: &Trunk, kept: &Kept) {
    let redress = &trunk.redress;
    let (status, phrase) = match trunk.block {
        Block::Decline => (603, "Decline"),
        Block::NetworkBlocked => (603, "Network Blocked"),
        Block::Unwanted => (607, "Unwanted"),
        Block::Rejected => (608, "Rejected"),
    };
    write(out, request, source, (status, phrase), key.tag(), |out| {
        if trunk.block == Block::NetworkBlocked {
            out.extend_from_slice(b"Reason: Q.850;cause=21;text=\"v=analytics1");
            for (name, value) in [(";url=", &redress.url), (";tel=", &redress.tel), (";email=", &redress.email)] {
                if let Some(value) = value {
                    out.extend_from_slice(name.as_bytes());
                    out.extend_from_slice(value.as_bytes());
                }
            }
            out.extend_from_slice(b";id=");
            evidence(out, kept);
            out.extend_from_slice(b"\";location=LN\r\n");
        } else {
            reason(out, kept, status);
        }
        if let Some(card) = redress.card.as_ref().filter(|_| trunk.block == Block::Rejected) {
            out.extend_from_slice(b"Call-Info: <");
            out.extend_from_slice(card.as_bytes());
            out.extend_from_slice(b">;purpose=jwscard\r\n");
        }
        if let Some(url) = &redress.url {
            out.extend_from_slice(b"Error-Info: <");
            evidence_url(out, url, kept);
            out.extend_from_slice(b">\r\n");
        } else if let Some(tel) = &redress.tel {
            bracketed(out, "Error-Info", &[b"tel:", tel.as_bytes()]);
        }
    });
}
