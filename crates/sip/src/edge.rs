//! 边缘: what happens to one message. No socket, no clock of its own: bytes and their source in, bytes and their destination out.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use chuangsha_kernel::time::Clock;
use chuangsha_screen::{
    Action, Ahead, Attempt, Held, Identity, InForce, Ingress, Number, Roaming,
    stir::{Attestation, MOST_TOKENS, Sign, Told},
};

use crate::{
    answer,
    aside::{Aside, Heard, Questions, Way},
    calls::Calls,
    decide::Decide,
    memory::{Kept, Key, Known, Memory, Onward, Secret},
    message::{Address, Fields, Head, Method, Name, Noise, Refusal, Request, Scheme, Uri, address},
    proxy::{Added, Parties, goes_on},
    scan,
    trunk::{Mode, Trunk, Trunks},
    watch::{Counters, Moment, Stopwatch},
};

/// Longest a call waits for its verdict, microseconds; then it passes and that is logged, except where it must not (I4).
pub const PATIENCE_MICROS: u64 = 5_000;
/// Most refusals of unknown sources a second: what is spoofed is not to be turned into a stream towards somebody else.
const REFUSALS_A_SECOND: u64 = 200;
/// Room for transactions by default: 32 seconds at 50,000 calls a second.
pub const TRANSACTIONS: usize = 1_600_000;
/// Most calls under way through this edge.
const CALLS: usize = 1_000_000;

/// 来处: where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The other end.
    pub address: SocketAddr,
    /// Over a connection: the answer goes back on it.
    pub stream: bool,
}

/// 反应: what to do after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing.
    Quiet,
    /// Send what was written: over the connection it came by, or as a datagram to that address.
    Answer(SocketAddr),
    /// Send what was written as a datagram to the next hop, or back along the way.
    Forward(SocketAddr),
    /// Somebody has to be asked first, and that takes time: hand the message to [`Edge::later`].
    Later,
}

/// Working memory of one worker: used again for every message, so that none costs an allocation.
#[derive(Default)]
pub struct Work {
    fields: Fields,
    /// What is to be sent.
    pub out: Vec<u8>,
    pub(crate) scratch: Scratch,
}

/// What a worker carries from one message to the next besides.
#[derive(Default)]
pub(crate) struct Scratch {
    spelled: [String; 4],
    /// The stopwatch when it was last read here.
    micros: u64,
}

/// A message that was read and not yet taken ([`Edge::glance`]).
pub struct Seen<'a> {
    head: Result<Head<'a>, Noise>,
    /// None of a response.
    request: Option<Result<Request<'a>, Refusal>>,
    /// Of a well-formed request.
    key: Option<Key>,
    ahead: Ahead<'a>,
}

/// 一批: what holds for all messages that were received together, so that nothing is asked twice for them.
pub struct Batch {
    received: Moment,
    trunks: Guard<Arc<Trunks>>,
    rules: Option<Held>,
}

/// A well-formed request, and all that is known about it.
#[derive(Clone, Copy)]
struct Case<'c> {
    request: &'c Request<'c>,
    source: Source,
    key: Key,
    received: Moment,
    ahead: &'c Ahead<'c>,
    rules: Option<&'c InForce>,
}

/// 信令边缘. One for all workers.
pub struct Edge {
    pub(crate) decide: Arc<dyn Decide>,
    trunks: ArcSwap<Trunks>,
    pub(crate) memory: Memory,
    pub(crate) secret: Secret,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stopwatch: Arc<dyn Stopwatch>,
    /// What was seen so far.
    pub counters: Counters,
    pub(crate) calls: Calls<Parties>,
    /// As it stands in Via and Record-Route; without it nothing is proxied.
    pub(crate) own: Option<SocketAddr>,
    patience_micros: u64,
    late_said: AtomicU64,
    unverified_said: AtomicU64,
    refusals: AtomicU64,
    aside: Option<Aside>,
    pub(crate) signer: ArcSwapOption<Box<dyn Sign>>,
    leaving: AtomicBool,
}

impl Edge {
    /// An edge that asks `decide` about every call of `trunks`. `secret` is random, new for every process.
    pub fn new(trunks: Trunks, decide: Arc<dyn Decide>, secret: [u8; 16], clock: Arc<dyn Clock>, stopwatch: Arc<dyn Stopwatch>) -> Self {
        Self::remembering(TRANSACTIONS, trunks, decide, secret, clock, stopwatch)
    }

    /// The same with room for so many transactions: all of it is there from the start.
    pub fn remembering(
        transactions: usize,
        trunks: Trunks,
        decide: Arc<dyn Decide>,
        secret: [u8; 16],
        clock: Arc<dyn Clock>,
        stopwatch: Arc<dyn Stopwatch>,
    ) -> Self {
        Self {
            decide,
            trunks: ArcSwap::from_pointee(trunks),
            memory: Memory::new(transactions),
            secret: Secret(secret),
            clock,
            stopwatch,
            counters: Counters::default(),
            calls: Calls::new(CALLS),
            own: None,
            patience_micros: PATIENCE_MICROS,
            late_said: AtomicU64::new(0),
            unverified_said: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            aside: None,
            signer: ArcSwapOption::empty(),
            leaving: AtomicBool::new(false),
        }
    }

    /// Another time a call may wait for its verdict, for a machine that is not only there for calls.
    #[must_use]
    pub fn patience(mut self, time: std::time::Duration) -> Self {
        self.patience_micros = time.as_micros() as u64;
        self
    }

    /// Proxies calls of the trunks that ask for it. `own` is the address the other ends reach this edge at.
    #[must_use]
    pub fn proxy(mut self, own: SocketAddr) -> Self {
        self.own = Some(own);
        self
    }

    /// Lets calls wait aside for an answer that takes longer than a call's own time, instead of going without it.
    #[must_use]
    pub fn aside(mut self, aside: Aside) -> Self {
        self.aside = Some(aside);
        self
    }

    /// Puts other trunks in force; a message being read finishes under the old ones.
    pub fn replace(&self, trunks: Trunks) {
        self.trunks.store(Arc::new(trunks));
    }

    /// The trunks in force.
    pub fn trunks(&self) -> Arc<Trunks> {
        self.trunks.load_full()
    }

    /// From now on whoever asks whether this edge is well (OPTIONS) is told that it is not, so that new calls go elsewhere; those that come are
    /// decided all the same.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Calls under way through this edge.
    pub fn under_way(&self) -> usize {
        self.calls.len()
    }

    /// Transactions remembered now.
    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// Whether anything may come from there: a trunk, or the far side of a proxied one.
    pub fn knows(&self, source: std::net::IpAddr) -> bool {
        self.trunks.load().admits(source)
    }

    /// The moment something is received, for [`Edge::receive`].
    pub fn moment(&self) -> Moment {
        Moment { micros: self.stopwatch.micros(), at: self.clock.now() }
    }

    /// Longest a call waits for its verdict.
    pub(crate) const fn patience_micros(&self) -> u64 {
        self.patience_micros
    }

    /// The time of day, for what is asked of others.
    pub(crate) fn now(&self) -> chuangsha_kernel::Timestamp {
        self.clock.now()
    }

    /// Takes one message. `received` is the moment it came, by [`Edge::moment`]; what is to be sent stands in `work.out`.
    pub fn receive(&self, bytes: &[u8], source: Source, received: Moment, work: &mut Work) -> Reaction {
        let Work { fields, out, scratch } = work;
        // Nothing is asked for ahead: it is needed at once.
        self.answer(&self.batch_of(received), &self.read(bytes, fields), source, out, scratch)
    }

    /// Messages were received, this moment.
    pub fn batch(&self) -> Batch {
        self.batch_of(self.moment())
    }

    fn batch_of(&self, received: Moment) -> Batch {
        Batch { received, trunks: self.trunks.load(), rules: self.decide.hold() }
    }

    fn read<'a>(&self, bytes: &'a [u8], fields: &'a mut Fields) -> Seen<'a> {
        let head = Head::read(bytes, fields);
        let request = head.as_ref().ok().filter(|head| !head.is_response()).map(Head::request);
        let key = request.as_ref().and_then(|request| request.as_ref().ok()).map(|request| Key::of(&self.secret, request));
        Seen { head, request, key, ahead: Ahead::NONE }
    }

    /// First of three steps with a message of a batch: reads it, and asks for the memory that taking it needs. The second is [`Self::reach`], the
    /// third [`Self::take`]; each for several messages before the next.
    pub fn glance<'a>(&self, batch: &Batch, bytes: &'a [u8], fields: &'a mut Fields) -> Seen<'a> {
        let mut seen = self.read(bytes, fields);
        if let (Some(Ok(request)), Some(key)) = (&seen.request, seen.key) {
            self.memory.expect(key);
            if request.method == Method::Invite
                && let Some(rules) = &batch.rules
                && let Some(callee) = plain(request.target.telephone())
            {
                let asserted = request.head.value(Name::AssertedIdentity).and_then(address::number);
                seen.ahead = self.decide.foresee(rules, plain(asserted.unwrap_or(request.from.uri.telephone())), callee);
            }
        }
        seen
    }

    /// Second step.
    pub fn reach(&self, batch: &Batch, seen: &Seen<'_>) {
        if let Some(rules) = &batch.rules {
            self.decide.reach(rules, &seen.ahead);
        }
    }

    /// Third step: what [`Self::receive`] does with a message.
    pub fn take(&self, batch: &Batch, seen: &Seen<'_>, source: Source, work: &mut Work) -> Reaction {
        self.answer(batch, seen, source, &mut work.out, &mut work.scratch)
    }

    fn answer(&self, batch: &Batch, seen: &Seen<'_>, source: Source, out: &mut Vec<u8>, scratch: &mut Scratch) -> Reaction {
        out.clear();
        let head = match &seen.head {
            Ok(head) => head,
            Err(Noise::KeepAlive | Noise::NotSip | Noise::TooLong) => {
                self.counters.noise.add();
                return Reaction::Quiet;
            }
        };
        let known = batch.trunks.admits(source.address.ip());
        let (request, key) = match (&seen.request, seen.key) {
            (Some(Ok(request)), Some(key)) => (request, key),
            (Some(Err(refusal)), _) if known => {
                self.counters.malformed.add();
                // An ACK is never answered, and who sends no way back cannot be.
                if head.start.starts_with(b"ACK ") || head.value(Name::Via).is_none() {
                    return Reaction::Quiet;
                }
                let via = head.vias().next().flatten();
                answer::refuse(out, head, via.as_ref(), source.address, (refusal.status, refusal.why));
                return self.answer_to(source, via.as_ref());
            }
            (Some(_), _) => return self.refuse_stranger(None, source, out),
            (None, _) => {
                return match head.response() {
                    Ok(response) if known => self.back(&response, batch.received, out),
                    _ => {
                        self.counters.strays.add();
                        Reaction::Quiet
                    }
                };
            }
        };
        if !known {
            return self.refuse_stranger(Some(request), source, out);
        }
        let case =
            Case { request, source, key, received: batch.received, ahead: &seen.ahead, rules: batch.rules.as_deref().map(Arc::as_ref) };
        self.request(&case, &batch.trunks, out, scratch)
    }

    fn request(&self, case: &Case<'_>, trunks: &Trunks, out: &mut Vec<u8>, scratch: &mut Scratch) -> Reaction {
        let Case { request, source, key, received, .. } = *case;
        let back = self.answer_to(source, Some(&request.via));
        // What belongs to a call that went through here goes through as well, whatever it asks for.
        let within = if source.stream || self.own.is_none() { None } else { self.within(request, source, key, received) };
        if let Some(to) = within {
            return self.forward(request, source, key, to, Added::default(), out);
        }
        if request.method == Method::Ack {
            return Reaction::Quiet;
        }
        if request.method == Method::Cancel {
            return self.cancel(request, source, key, received, out);
        }
        if self.own.is_some() && answer::unknown_options(&request.head, Name::ProxyRequire).next().is_some() {
            answer::bad_extension(out, request, source.address, key.tag(), Name::ProxyRequire);
            return back;
        }
        if answer::unknown_options(&request.head, Name::Require).next().is_some() {
            answer::bad_extension(out, request, source.address, key.tag(), Name::Require);
            return back;
        }
        if request.target.scheme == Scheme::Other {
            answer::write(out, request, source.address, (416, "Unsupported URI Scheme"), key.tag(), |_| {});
            return back;
        }
        match request.method {
            Method::Invite if request.to.tag().is_some() => {
                answer::write(out, request, source.address, (481, "Call Does Not Exist"), key.tag(), |_| {});
                back
            }
            Method::Invite => self.invite(case, trunks, out, scratch),
            Method::Options if self.leaving.load(Ordering::Relaxed) => {
                answer::write(out, request, source.address, (503, "Going Away"), key.tag(), |_| {});
                back
            }
            Method::Options => {
                answer::options(out, request, source.address, key.tag(), answer::ALLOW);
                back
            }
            Method::Bye => {
                answer::write(out, request, source.address, (481, "Call Does Not Exist"), key.tag(), |_| {});
                back
            }
            _ => {
                answer::not_here(out, request, source.address, key.tag(), answer::ALLOW);
                back
            }
        }
    }

    fn invite(&self, case: &Case<'_>, trunks: &Trunks, out: &mut Vec<u8>, scratch: &mut Scratch) -> Reaction {
        let Case { request, source, key, received, .. } = *case;
        let Some(trunk) = find(trunks, source, request) else {
            return self.refuse_stranger(Some(request), source, out);
        };
        let (known, early) = self.memory.begin(key, received.micros / 1_000);
        if early {
            self.counters.forgotten.add();
        }
        let (kept, onward) = match known {
            Known::Decided(kept, onward) => {
                self.counters.retransmissions.add();
                (kept, onward)
            }
            // The worker that decides it answers it.
            Known::Deciding => return Reaction::Quiet,
            Known::New => {
                if let Some(aside) = &self.aside
                    && self.must_ask(aside, case, trunk, scratch)
                {
                    return Reaction::Later;
                }
                self.conclude(case, trunk, Heard::default(), scratch)
            }
        };
        self.tell(case, trunk, kept, onward, out)
    }

    /// Decides about a new call and remembers it.
    fn conclude(&self, case: &Case<'_>, trunk: &Trunk, heard: Heard, scratch: &mut Scratch) -> (Kept, Option<Onward>) {
        let Case { request, source, key, received, .. } = *case;
        let proxied = trunk.mode == Mode::Proxy && self.own.is_some() && !source.stream;
        let far = if proxied { trunk.far() } else { None };
        let Judged { kept, caller, callee, attestation } = self.judge(case, trunk, heard, scratch);
        let onward = far.filter(|_| goes_on(kept.action, trunk)).map(|to| {
            let ours = attestation.filter(|_| self.signs(request, source, trunk)).zip(caller.zip(callee));
            let signed = ours.and_then(|(attestation, ends)| {
                if heard.signable {
                    return self.signed(request, trunk, attestation, ends);
                }
                self.counters.unsigned.add();
                None
            });
            Onward { to, signed }
        });
        self.memory.decided(key, kept, onward.clone());
        if let Some(Onward { to: far, .. }) = onward {
            let parties = Parties { trunk: self.decide.line(trunk), caller, callee, near: source.address, far };
            self.calls.begin(self.call_of(request.call_id), self.tag_of(request.from.tag()), parties, received.micros);
        }
        (kept, onward)
    }

    fn tell(&self, case: &Case<'_>, trunk: &Trunk, kept: Kept, onward: Option<Onward>, out: &mut Vec<u8>) -> Reaction {
        let Case { request, source, key, .. } = *case;
        if let Some(Onward { to, signed }) = onward {
            let label = (kept.action != Action::Pass).then_some((&kept, trunk));
            return self.forward(request, source, key, to, Added { label, signed: signed.as_deref() }, out);
        }
        answer::verdict(out, request, source.address, key, trunk, &kept);
        self.answer_to(source, Some(&request.via))
    }

    /// Whether a call is decided aside: its verdict hangs on an answer from elsewhere that is not there yet, or it is to be signed.
    fn must_ask(&self, aside: &Aside, case: &Case<'_>, trunk: &Trunk, scratch: &mut Scratch) -> bool {
        if self.signs(case.request, case.source, trunk) {
            return true;
        }
        if aside.vouches() && case.request.head.value(Name::Identity).is_some() {
            return true;
        }
        // Nobody is asked about calls that cannot roam in.
        aside.locates()
            && matches!(trunk.class, Ingress::International | Ingress::Interconnect)
            && self.decide.ask(&self.attempt(case.request, trunk, case.key, case.received, &mut scratch.spelled)).is_some()
    }

    /// Takes a message that has to wait for an answer, and sends what it gets by `way` when that is there. A call for which there is no room to
    /// wait is decided at once, without the answer.
    pub fn later(self: &Arc<Self>, bytes: &[u8], source: Source, way: Way) {
        let Some(aside) = &self.aside else { return };
        if let Err(way) = aside.take(self, bytes, source, way) {
            self.counters.unasked.add();
            // What is known without asking may have come meanwhile; nothing at all is [`Roaming::Unreachable`].
            let heard = Heard { identity: aside.vouches().then_some(Identity::Unchecked), ..Heard::default() };
            self.resume(bytes, source, heard, &way, &mut Work::default());
        }
    }

    /// What has to be asked before the call in `bytes` is decided.
    pub(crate) fn questions(&self, bytes: &[u8], source: Source, work: &mut Work) -> Questions {
        let Work { fields, scratch, .. } = work;
        let Some(request) = Head::read(bytes, fields).ok().and_then(|head| head.request().ok()) else { return Questions::default() };
        let trunks = self.trunks.load();
        let Some(trunk) = find(&trunks, source, &request) else { return Questions::default() };
        let attempt = self.attempt(&request, trunk, Key::of(&self.secret, &request), self.moment(), &mut scratch.spelled);
        let subscriber = self.decide.ask(&attempt);
        let tokens = request.head.values(Name::Identity).take(MOST_TOKENS);
        let tokens: Vec<String> = tokens.map(|token| String::from_utf8_lossy(token).into_owned()).collect();
        Questions { subscriber, tokens: self.told(&request, &attempt).map(|told| (tokens, told)).filter(|(tokens, _)| !tokens.is_empty()) }
    }

    /// What a call says of itself outside its identity token, where both its ends can be read.
    fn told(&self, request: &Request<'_>, attempt: &Attempt<'_>) -> Option<Told> {
        Some(Told {
            call: request.call_id.to_vec(),
            caller: self.decide.number(attempt.pai.or(attempt.from)?)?,
            callee: self.decide.number(attempt.callee)?,
            dialled: spell(request.to.uri, &mut String::new()).and_then(|to| self.decide.number(to)),
            diverted: attempt.diverted,
            at: attempt.at,
        })
    }

    /// Decides about a call that waited, and sends what it gets.
    pub(crate) fn resume(&self, bytes: &[u8], source: Source, heard: Heard, way: &Way, work: &mut Work) {
        let Work { fields, out, scratch } = work;
        out.clear();
        let Some(request) = Head::read(bytes, fields).ok().and_then(|head| head.request().ok()) else { return };
        let trunks = self.trunks.load();
        // Taken off the file meanwhile: a stranger's call gets no verdict.
        let Some(trunk) = find(&trunks, source, &request) else { return };
        let key = Key::of(&self.secret, &request);
        let token = request.head.value(Name::Identity).is_some();
        let heard = Heard { identity: heard.identity.filter(|_| token), ..heard };
        if heard.identity == Some(Identity::Unchecked) {
            self.counters.unverified.add();
            self.once_a_second(
                &self.unverified_said,
                trunk,
                self.counters.unverified.get(),
                "calls go on with an unchecked identity token",
            );
        }
        let case = Case { request: &request, source, key, received: self.moment(), ahead: &Ahead::NONE, rules: None };
        let (kept, onward) = self.conclude(&case, trunk, heard, scratch);
        match self.tell(&case, trunk, kept, onward, out) {
            Reaction::Answer(to) | Reaction::Forward(to) => way.send(out, to),
            Reaction::Quiet | Reaction::Later => {}
        }
    }

    /// Where a request goes that belongs to a call through here, if it does.
    fn within(&self, request: &Request<'_>, source: Source, key: Key, received: Moment) -> Option<SocketAddr> {
        let call = self.call_of(request.call_id);
        let remembered = || match self.memory.find(key, received.micros / 1_000) {
            Some(Known::Decided(_, onward)) => onward.map(|onward| onward.to),
            _ => None,
        };
        // What belongs to a call names both its ends.
        let onward = || request.to.tag().and_then(|_| self.onward(request, source, call));
        match request.method {
            Method::Invite if request.to.tag().is_none() => None,
            // CANCEL, and the ACK of a refusal, follow their INVITE; the ACK of an answer is a request of its own.
            Method::Cancel => {
                let to = remembered()?;
                self.counters.cancelled.add();
                self.calls.cancelled(call);
                Some(to)
            }
            Method::Ack => remembered().or_else(onward),
            Method::Bye => remembered().or_else(|| {
                let to = onward()?;
                if let Some(ended) = self.calls.hung_up(call, self.tag_of(request.from.tag()), received.micros) {
                    self.ended(&ended);
                }
                // The call is over, but this BYE may have to be sent again.
                self.memory.begin(key, received.micros / 1_000);
                self.memory.decided(key, Kept::UNDECIDED, Some(Onward { to, signed: None }));
                Some(to)
            }),
            _ => onward(),
        }
    }

    /// A call by its Call-ID, hashed with the secret of this process.
    pub(crate) fn call_of(&self, call_id: &[u8]) -> u64 {
        self.secret.hash(call_id)
    }

    fn tag_of(&self, tag: Option<&[u8]>) -> u64 {
        self.secret.hash(tag.unwrap_or_default())
    }

    /// The verdict about a new call, within the time there is; and its parties as understood.
    fn judge(&self, case: &Case<'_>, trunk: &Trunk, heard: Heard, scratch: &mut Scratch) -> Judged {
        self.counters.calls.add();
        let late = |now: u64| now.saturating_sub(case.received.micros) > self.patience_micros && !trunk.fails_closed();
        // What waited too long already is not made to wait longer: by the stopwatch as it was read last, after the call before this one. What took
        // too long is not believed any more.
        let decided = (!late(scratch.micros)).then(|| self.decide_about(case, trunk, heard, scratch));
        scratch.micros = self.stopwatch.micros();
        let judged = match decided.filter(|_| !late(scratch.micros)) {
            Some(judged) => judged,
            None => {
                self.counters.late.add();
                self.once_a_second(&self.late_said, trunk, self.counters.late.get(), "calls pass without a verdict: none came in time");
                Judged { kept: Kept::UNDECIDED, caller: None, callee: None, attestation: None }
            }
        };
        match judged.kept.action {
            Action::Pass => self.counters.passed.add(),
            Action::Label => self.counters.labelled.add(),
            Action::Challenge => self.counters.challenged.add(),
            Action::Block => self.counters.blocked.add(),
        }
        judged
    }

    /// Once a second at most: when such things are said there is no time for more.
    fn once_a_second(&self, said: &AtomicU64, trunk: &Trunk, so_far: u64, what: &str) {
        let second = self.stopwatch.micros() / 1_000_000 + 1;
        if said.swap(second, Ordering::Relaxed) != second {
            tracing::warn!(trunk = trunk.name, so_far, "{what}");
        }
    }

    fn decide_about(&self, case: &Case<'_>, trunk: &Trunk, heard: Heard, scratch: &mut Scratch) -> Judged {
        let mut attempt = self.attempt(case.request, trunk, case.key, case.received, &mut scratch.spelled);
        attempt.roaming = heard.roaming.unwrap_or_else(|| self.decide.roaming(&attempt));
        attempt.identity = heard.identity.unwrap_or(attempt.identity);
        let verdict = match case.rules {
            Some(rules) => self.decide.decide_foreseen(rules, &attempt, case.ahead),
            None => self.decide.decide(&attempt),
        };
        // Nobody asks where nothing is signed.
        let attestation =
            if trunk.mode == Mode::Proxy && self.signer.load().is_some() { self.decide.attest(&attempt, &verdict) } else { None };
        Judged { kept: Kept::of(&verdict), caller: verdict.caller, callee: verdict.callee, attestation }
    }

    /// A call as the engine sees it.
    fn attempt<'a>(&self, request: &Request<'a>, trunk: &Trunk, key: Key, received: Moment, spelled: &'a mut [String; 4]) -> Attempt<'a> {
        let head = &request.head;
        let [from, pai, ppi, callee] = spelled;
        let from_uri = request.from.uri;
        let hidden = head.values(Name::Privacy).any(|value| value.split(|b| matches!(b, b';' | b',')).any(|one| hides(scan::trim(one))))
            || from_uri.host.eq_ignore_ascii_case(b"anonymous.invalid")
            || from_uri.telephone().eq_ignore_ascii_case(b"anonymous");
        Attempt {
            id: (key.0 >> 64) as u64,
            at: received.at,
            trunk: self.decide.line(trunk),
            ingress: trunk.class,
            from: spell(from_uri, from),
            pai: identity(head, Name::AssertedIdentity, pai),
            ppi: identity(head, Name::PreferredIdentity, ppi),
            line: None,
            callee: spell(request.target, callee).unwrap_or_default(),
            hidden,
            diverted: head.value(Name::Diversion).or_else(|| head.value(Name::HistoryInfo)).is_some(),
            roaming: Roaming::Unasked,
            identity: head.value(Name::Identity).map_or(Identity::Absent, |_| Identity::Unchecked),
        }
    }

    fn cancel(&self, request: &Request<'_>, source: Source, key: Key, received: Moment, out: &mut Vec<u8>) -> Reaction {
        let status = match self.memory.find(key, received.micros / 1_000) {
            // The call was answered already: there is nothing left to take back, but the CANCEL itself is fine (RFC 3261 section 9.2).
            Some(_) => {
                self.counters.cancelled.add();
                (200, "OK")
            }
            None => (481, "Call Does Not Exist"),
        };
        answer::write(out, request, source.address, status, key.tag(), |_| {});
        self.answer_to(source, Some(&request.via))
    }

    /// A stranger is told so, but not often: who is not in the file of trunks may be somebody whose address was forged.
    fn refuse_stranger(&self, request: Option<&Request<'_>>, source: Source, out: &mut Vec<u8>) -> Reaction {
        self.counters.unknown_source.add();
        let Some(request) = request.filter(|request| request.method != Method::Ack) else { return Reaction::Quiet };
        // The second in the upper half, how many were told in it in the lower one.
        let second = self.stopwatch.micros() / 1_000_000;
        let told = self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            if held >> 32 != second { Some(second << 32 | 1) } else { (held & 0xFFFF_FFFF < REFUSALS_A_SECOND).then_some(held + 1) }
        });
        if told.is_err() {
            return Reaction::Quiet;
        }
        let key = Key::of(&self.secret, request);
        answer::write(out, request, source.address, (403, "Forbidden"), key.tag(), |_| {});
        self.answer_to(source, Some(&request.via))
    }

    fn answer_to(&self, source: Source, via: Option<&crate::message::Via<'_>>) -> Reaction {
        Reaction::Answer(if source.stream { source.address } else { answer::destination(source.address, via) })
    }
}

/// A verdict in short, caller and callee, and what we would say of the caller.
struct Judged {
    kept: Kept,
    caller: Option<Number>,
    callee: Option<Number>,
    attestation: Option<Attestation>,
}

/// The trunk a request comes by.
fn find<'t>(trunks: &'t Trunks, source: Source, request: &Request<'_>) -> Option<&'t Trunk> {
    let group = if trunks.asks_for_groups() { trunk_group(request) } else { None };
    trunks.find(source.address.ip(), group)
}

/// The group the call comes by: told in Contact (RFC 4904), by some in the Request-URI.
fn trunk_group<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let contact = request.head.value(Name::Contact).and_then(|value| address::list(value).next().flatten());
    contact.and_then(|contact| contact.uri.trunk_group()).or_else(|| request.target.trunk_group())
}

fn hides(privacy: &[u8]) -> bool {
    ["id", "user", "header"].iter().any(|word| privacy.eq_ignore_ascii_case(word.as_bytes()))
}

/// The number of a URI as it was written, `%2B` read as `+`; nothing where there is none.
fn spell<'a>(uri: Uri<'a>, room: &'a mut String) -> Option<&'a str> {
    let text = uri.telephone();
    if text.is_empty() {
        return None;
    }
    if memchr::memchr(b'%', text).is_none() {
        return std::str::from_utf8(text).ok();
    }
    room.clear();
    // Longer than any number; what is beyond makes it no better one.
    let whole = scan::unescape(text, &mut |byte| {
        room.push(char::from(byte));
        room.len() < 64
    });
    Some(if whole { room.as_str() } else { UNREADABLE })
}

/// A number as it was written, where nothing in it has to be read otherwise.
fn plain(text: &[u8]) -> Option<&str> {
    if text.is_empty() || text.contains(&b'%') { None } else { std::str::from_utf8(text).ok() }
}

/// Stands for an identity nobody can read: no number is written so, and the engine takes it for malformed.
const UNREADABLE: &str = "?";

/// The number of an identity header: of the first address in it that has one (RFC 3325 allows a `sip:` and a `tel:` one).
fn identity<'a>(head: &Head<'a>, name: Name, room: &'a mut String) -> Option<&'a str> {
    let mut first = None;
    for one in head.values(name).flat_map(address::list) {
        let Some(Address { uri, .. }) = one else { return Some(UNREADABLE) };
        first = first.or(Some(uri));
        if uri.telephone().first().is_some_and(|b| b.is_ascii_digit() || *b == b'+') {
            first = Some(uri);
            break;
        }
    }
    first.map(|uri| spell(uri, room).unwrap_or(UNREADABLE))
}
