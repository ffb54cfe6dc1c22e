//! 代理: calls go through this edge, which puts itself on their way (Record-Route) and so sees them ring and end.
//!
//! It keeps no transactions of its own but forwards every message, retransmissions included, to the same place with the same branch
//! (RFC 3261 section 16.11): the ends see to it that nothing is lost. What it keeps is the verdict, in the transaction memory, and the call.

use std::net::{IpAddr, SocketAddr};

use chuangsha_kernel::Timestamp;
use chuangsha_screen::{Action, Number, Outcome, TrunkId};

use crate::{
    answer,
    calls::Ended,
    edge::{Edge, Reaction, Source},
    memory::{Kept, Key},
    message::{Address, Head, Method, Name, Request, Response, Uri, Via, address, via},
    scan,
    trunk::Trunk,
    watch::Moment,
};

/// Hops where the caller names none (RFC 3261 section 16.6).
const HOPS: u8 = 70;

/// 双方: who is in a call, and where its two sides are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parties {
    pub trunk: TrunkId,
    pub caller: Option<Number>,
    pub callee: Option<Number>,
    pub near: SocketAddr,
    pub far: SocketAddr,
}

/// What a call is given on its way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    pub label: Option<(&'a Kept, &'a Trunk)>,
    /// Header lines, each with its end.
    pub signed: Option<&'a str>,
}

/// The socket address in a URI, where it names an address and no host name.
pub(crate) fn socket_address(uri: &Uri<'_>) -> Option<SocketAddr> {
    host_address(uri.host).map(|ip| SocketAddr::new(ip, uri.port.unwrap_or(answer::PORT)))
}

fn host_address(host: &[u8]) -> Option<IpAddr> {
    let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    std::str::from_utf8(bare).ok()?.parse().ok()
}

fn own_uri(out: &mut Vec<u8>, own: SocketAddr) {
    out.extend_from_slice(own.to_string().as_bytes());
}

impl Edge {
    /// Sends a request of a call on.
    pub(crate) fn forward(
        &self,
        request: &Request<'_>,
        source: Source,
        key: Key,
        to: SocketAddr,
        added: Added<'_>,
        out: &mut Vec<u8>,
    ) -> Reaction {
        let Some(own) = self.own else { return Reaction::Quiet };
        if request.max_forwards == Some(0) {
            if request.method == Method::Ack {
                return Reaction::Quiet;
            }
            answer::write(out, request, source.address, (483, "Too Many Hops"), key.tag(), |_| {});
            return Reaction::Answer(answer::destination(source.address, Some(&request.via)));
        }
        out.extend_from_slice(request.method.text());
        out.push(b' ');
        out.extend_from_slice(request.target.text);
        out.extend_from_slice(b" SIP/2.0\r\nVia: SIP/2.0/UDP ");
        own_uri(out, own);
        // The same for a request, its CANCEL and the ACK of its refusal; another for whatever else is sent.
        out.extend_from_slice(b";branch=z9hG4bK-cs");
        answer::hexadecimal(out, (key.0 >> 64) as u64);
        out.extend_from_slice(b"\r\n");
        answer::vias(out, &request.head, Some(&request.via), source.address);
        out.extend_from_slice(b"Max-Forwards: ");
        answer::decimal(out, u64::from(request.max_forwards.map_or(HOPS, |hops| hops - 1)));
        out.extend_from_slice(b"\r\n");
        if request.method == Method::Invite {
            out.extend_from_slice(b"Record-Route: <sip:");
            own_uri(out, own);
            out.extend_from_slice(b";lr>\r\n");
        }
        self.routes(&request.head, out);
        if let Some((kept, trunk)) = added.label {
            answer::label(out, request, kept, trunk);
        }
        out.extend_from_slice(added.signed.unwrap_or_default().as_bytes());
        for (name, line) in request.head.all() {
            let written = matches!(name, Name::Via | Name::MaxForwards | Name::Route | Name::ContentLength);
            // A label takes the place of the identities that came: two would contradict each other.
            let replaced = added.label.is_some() && matches!(name, Name::AssertedIdentity | Name::PreferredIdentity);
            if !(written || replaced) {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
        }
        body(out, request.body);
        Reaction::Forward(to)
    }

    /// The routes that are left once this edge has taken its own off.
    fn routes(&self, head: &Head<'_>, out: &mut Vec<u8>) {
        for (i, value) in head.values(Name::Route).enumerate() {
            let left = match Address::take(value) {
                Some((first, rest)) if i == 0 && self.is_own(&first.uri) => scan::separator(rest, b',').unwrap_or_default(),
                _ => value,
            };
            if !left.is_empty() {
                out.extend_from_slice(b"Route: ");
                out.extend_from_slice(left);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn is_own(&self, uri: &Uri<'_>) -> bool {
        self.own.is_some() && socket_address(uri) == self.own
    }

    /// Where a request within a call goes: the next route, the target, or the other side as it was seen.
    pub(crate) fn onward(&self, request: &Request<'_>, source: Source, call: u64) -> Option<SocketAddr> {
        let mut routes = request.head.values(Name::Route).flat_map(address::list).flatten().map(|route| route.uri);
        let ours = routes.clone().next().is_some_and(|uri| self.is_own(&uri));
        let next = routes.find(|uri| !self.is_own(uri));
        let Some(parties) = self.calls.parties(call) else {
            // A call from before a restart: its ends still send it through here. It goes on, to somebody who stands in the file and nobody else.
            let to = socket_address(&next.unwrap_or(request.target)).filter(|_| ours)?;
            return (Some(to) != self.own && self.knows(to.ip())).then_some(to);
        };
        let from_far = source.address != parties.near && source.address.ip() == parties.far.ip();
        let other = if from_far { parties.near } else { parties.far };
        // Only to the two sides of that call: nobody uses this edge to reach somebody else.
        let named = socket_address(&next.unwrap_or(request.target));
        Some(named.filter(|to| [parties.near.ip(), parties.far.ip()].contains(&to.ip())).unwrap_or(other))
    }

    /// Sends a response back along the way.
    pub(crate) fn back(&self, response: &Response<'_>, received: Moment, out: &mut Vec<u8>) -> Reaction {
        let ours = host_address(response.via.host).map(|ip| SocketAddr::new(ip, response.via.port.unwrap_or(answer::PORT)));
        let mut hops = response.head.vias().flatten().skip(1);
        let (true, Some(next)) = (self.own.is_some() && ours == self.own, hops.next()) else {
            self.counters.strays.add();
            return Reaction::Quiet;
        };
        let Some(to) = way_back(&next).filter(|to| self.knows(to.ip())) else {
            self.counters.strays.add();
            return Reaction::Quiet;
        };
        let call = self.call_of(response.call_id);
        if response.method == Method::Invite
            && let Some(ended) = self.calls.answered(call, response.status, received.micros)
        {
            self.ended(&ended);
        }
        out.extend_from_slice(response.head.start);
        out.extend_from_slice(b"\r\n");
        // The first hop is this edge: it stands alone in its line, or before a comma.
        let rest = response.head.value(Name::Via).and_then(Via::take).and_then(|(_, rest)| scan::separator(rest, b','));
        if let Some(rest) = rest {
            out.extend_from_slice(b"Via: ");
            out.extend_from_slice(rest);
            out.extend_from_slice(b"\r\n");
        }
        for line in response.head.lines(Name::Via).skip(1) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        for (name, line) in response.head.all() {
            if !matches!(name, Name::Via | Name::ContentLength) {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
        }
        body(out, response.body);
        Reaction::Forward(to)
    }

    /// Hands an outcome to whoever decides.
    pub(crate) fn ended(&self, ended: &Ended<Parties>) {
        let Parties { trunk, caller: Some(caller), callee: Some(callee), .. } = ended.parties else { return };
        let at: Timestamp = self.clock.now();
        self.counters.outcomes.add();
        self.decide.outcome(&Outcome {
            at,
            trunk,
            caller,
            callee,
            ring_ms: ended.ring_ms,
            talk_ms: ended.talk_ms,
            released: ended.released,
        });
    }
}

fn body(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(b"Content-Length: ");
    answer::decimal(out, body.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

/// Where the hop wants its answers: the address it was seen at when its request went through here.
fn way_back(via: &via::Via<'_>) -> Option<SocketAddr> {
    let ip = via.parameter("received").and_then(host_address).or_else(|| host_address(via.host))?;
    let told = via.rport.and_then(scan::number).and_then(|port| u16::try_from(port).ok());
    Some(SocketAddr::new(ip, told.or(via.port).unwrap_or(answer::PORT)))
}

/// Whether a verdict lets a call go on to its next hop.
pub(crate) fn goes_on(action: Action, trunk: &Trunk) -> bool {
    match action {
        Action::Pass | Action::Label => true,
        Action::Challenge => trunk.challenge.is_none(),
        Action::Block => false,
    }
}
