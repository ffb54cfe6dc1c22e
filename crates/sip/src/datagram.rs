//! 数据报: one loop a core over UDP. The kernel spreads senders over the sockets (SO_REUSEPORT); on Linux many datagrams are taken and sent with
//! one system call.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    aside::Way,
    edge::{Batch, Edge, Reaction, Seen, Source, Work},
    message::Fields,
};

/// Datagrams taken with one call.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "one at a time there"))]
const BATCH: usize = 64;
/// Of those, so many are looked at together before the first is taken: what they need from memory arrives meanwhile.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "one at a time there"))]
const TOGETHER: usize = 16;
/// Room for one datagram.
const ROOM: usize = 65_536;
/// From one datagram's room to the next: what lies a whole number of pages apart takes the same few places of the processor's cache, so that of
/// sixteen messages eight would push the others out. Moved by a message's usual length each, they lie beside each other.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "one at a time there"))]
const STRIDE: usize = ROOM + 1_088;
/// Batches a loop still takes from its buffer once it is to end: a flood does not keep it.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "not there"))]
const LAST: u32 = 2_048;
/// How often a loop without traffic looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// Whoever takes datagrams: the edge, or the bare echo it is measured against.
pub trait Handle: Send + Sync + 'static {
    /// Whether answers of one length to one place are handed to the kernel as one, which cuts them apart (UDP_SEGMENT).
    const BUNDLES: bool = true;

    /// What holds for all messages that were received together.
    type Batch;

    /// Messages were received, this moment.
    fn batch(&self) -> Self::Batch;

    /// What a first glance at a message gives.
    type Seen<'a>;

    /// Reads a message and asks for the memory that taking it needs: for each of several, before the first is taken.
    fn glance<'a>(&self, batch: &Self::Batch, bytes: &'a [u8], fields: &'a mut Fields) -> Self::Seen<'a>;

    /// Second step of that, again for each of them.
    fn reach(&self, batch: &Self::Batch, seen: &Self::Seen<'_>);

    /// Takes one message; what is to be sent stands in `work.out`.
    fn take(&self, batch: &Self::Batch, seen: &Self::Seen<'_>, source: Source, work: &mut Work) -> Reaction;

    /// Takes one that has to wait ([`Reaction::Later`]).
    fn later(self: &Arc<Self>, bytes: &[u8], source: Source, way: Way) {
        let _ = (bytes, source, way);
    }
}

impl Handle for Edge {
    type Batch = Batch;

    fn batch(&self) -> Batch {
        Self::batch(self)
    }

    type Seen<'a> = Seen<'a>;

    fn glance<'a>(&self, batch: &Batch, bytes: &'a [u8], fields: &'a mut Fields) -> Seen<'a> {
        Self::glance(self, batch, bytes, fields)
    }

    fn reach(&self, batch: &Batch, seen: &Seen<'_>) {
        Self::reach(self, batch, seen);
    }

    fn take(&self, batch: &Batch, seen: &Seen<'_>, source: Source, work: &mut Work) -> Reaction {
        Self::take(self, batch, seen, source, work)
    }

    fn later(self: &Arc<Self>, bytes: &[u8], source: Source, way: Way) {
        Self::later(self, bytes, source, way);
    }
}

/// Sockets on one address, one a loop.
pub struct Datagrams {
    sockets: Vec<UdpSocket>,
    /// Where.
    pub address: SocketAddr,
}

impl Datagrams {
    /// Takes an address for `loops` loops. `buffer`: bytes the kernel keeps for each while the loop is busy; it gives less where
    /// `net.core.rmem_max` is lower.
    ///
    /// # Errors
    /// The address is taken, or not of this machine.
    pub fn bind(address: SocketAddr, loops: usize, buffer: usize) -> io::Result<Self> {
        let loops = loops.max(1);
        let open = |address: SocketAddr| {
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
            if address.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            #[cfg(unix)]
            socket.set_reuse_port(loops > 1)?;
            room(&socket, buffer)?;
            socket.set_read_timeout(Some(GLANCE))?;
            socket.bind(&address.into())?;
            Ok::<UdpSocket, io::Error>(socket.into())
        };
        // Sockets of another process of the same user would share the address and the calls: whoever has it keeps it alone.
        drop(UdpSocket::bind(address)?);
        let first = open(address)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..loops {
            sockets.push(open(address)?);
        }
        Ok(Self { sockets, address })
    }

    /// Starts the loops. They end when `stop` is set.
    ///
    /// # Errors
    /// No threads to be had.
    pub fn serve<H: Handle>(self, handler: &Arc<H>, stop: &Arc<AtomicBool>) -> io::Result<Vec<JoinHandle<()>>> {
        let start = |(i, socket): (usize, UdpSocket)| {
            let (handler, stop) = (Arc::clone(handler), Arc::clone(stop));
            std::thread::Builder::new().name(format!("sip-udp-{i}")).spawn(move || batches::run(&Arc::new(socket), &handler, &stop))
        };
        self.sockets.into_iter().enumerate().map(start).collect()
    }
}

/// Room in the kernel; beyond what it gives everybody where this process may ask for that.
pub(crate) fn room(socket: &Socket, bytes: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::RcvBufForce, &bytes).is_ok()
        && nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::SndBufForce, &bytes).is_ok()
    {
        return Ok(());
    }
    socket.set_recv_buffer_size(bytes)?;
    socket.set_send_buffer_size(bytes)
}

/// Whether an error of a receiving call means "nothing there".
fn idle(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// An error nobody can mend by trying again at once, such as a lost interface: said, and not said a million times a second.
fn trouble(error: &io::Error) {
    // A peer that is not there (ICMP) is no trouble of ours.
    if error.kind() != io::ErrorKind::ConnectionRefused {
        tracing::error!("receiving datagrams: {error}");
        std::thread::park_timeout(GLANCE);
    }
}

#[cfg(target_os = "linux")]
mod batches {
    use std::{
        io::{IoSlice, IoSliceMut},
        os::fd::AsRawFd,
    };

    use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, sendmsg};

    use super::{
        Arc, AtomicBool, BATCH, Fields, Handle, LAST, Ordering, ROOM, Reaction, STRIDE, SocketAddr, Source, TOGETHER, UdpSocket, Way, Work,
        idle, trouble,
    };

    pub fn run<H: Handle>(socket: &Arc<UdpSocket>, handler: &Arc<H>, stop: &AtomicBool) {
        let mut room = vec![0_u8; BATCH * STRIDE];
        let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
        let mut work = Work::default();
        let mut fields: [Fields; TOGETHER] = std::array::from_fn(|_| Fields::default());
        let mut outbox = Outbox::new();
        let mut last = LAST;
        loop {
            // What lies in the buffer when the end comes is answered still.
            let ending = stop.load(Ordering::Relaxed);
            if ending {
                last -= 1;
                if last == 0 {
                    return;
                }
            }
            let flags = if ending { MsgFlags::MSG_DONTWAIT } else { MsgFlags::MSG_WAITFORONE };
            outbox.clear();
            {
                let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                    room.chunks_exact_mut(STRIDE).filter_map(|part| part.get_mut(..ROOM)).map(|part| [IoSliceMut::new(part)]).collect();
                let received = match recvmmsg(socket.as_raw_fd(), &mut incoming, slices.iter_mut(), flags, None) {
                    Ok(received) => received,
                    Err(errno) => {
                        let error = errno.into();
                        if ending {
                            return;
                        }
                        if !idle(&error) {
                            trouble(&error);
                        }
                        continue;
                    }
                };
                let batch = handler.batch();
                let mut messages = received.filter_map(|message| {
                    let source = Source { address: message.address.as_ref().and_then(address)?, stream: false };
                    Some((message.iovs().next().unwrap_or_default(), source))
                });
                loop {
                    let mut held: [Option<Held<'_, H>>; TOGETHER] = std::array::from_fn(|_| None);
                    for (place, ((bytes, source), fields)) in held.iter_mut().zip(messages.by_ref().zip(&mut fields)) {
                        *place = Some(Held { seen: handler.glance(&batch, bytes, fields), bytes, source });
                    }
                    if matches!(held.first(), None | Some(None)) {
                        break;
                    }
                    held.iter().flatten().for_each(|held| handler.reach(&batch, &held.seen));
                    for Held { seen, bytes, source } in held.iter().flatten() {
                        match handler.take(&batch, seen, *source, &mut work) {
                            Reaction::Quiet => {}
                            Reaction::Later => handler.later(bytes, *source, Way::Socket(Arc::clone(socket))),
                            Reaction::Answer(to) => outbox.put(&mut work.out, to, true),
                            Reaction::Forward(to) => outbox.put(&mut work.out, to, false),
                        }
                    }
                }
            }
            outbox.send(socket, H::BUNDLES);
        }
    }

    /// A message between its glance and its turn.
    struct Held<'a, H: Handle> {
        seen: H::Seen<'a>,
        bytes: &'a [u8],
        source: Source,
    }

    /// What one batch is answered with.
    struct Outbox {
        answers: Vec<Vec<u8>>,
        to: Vec<SocketAddr>,
        /// Whether its place among the others is free: an answer's is, what is forwarded keeps its order.
        free: Vec<bool>,
        order: Vec<usize>,
        alone: Vec<usize>,
        headers: MultiHeaders<SockaddrStorage>,
        /// The kernel and the way out can cut bundles apart, as far as is known.
        bundles: bool,
    }

    /// Longest answer that is bundled: what is cut apart must fit into a packet.
    const PACKET: usize = 1_400;
    /// Most answers in one bundle, and most bytes.
    const BUNDLE: (usize, usize) = (64, 60_000);

    impl Outbox {
        fn new() -> Self {
            let answers = (0..BATCH).map(|_| Vec::with_capacity(2_048)).collect();
            let room = || Vec::with_capacity(BATCH);
            let headers = MultiHeaders::preallocate(BATCH, None);
            Self {
                answers,
                to: Vec::with_capacity(BATCH),
                free: Vec::with_capacity(BATCH),
                order: room(),
                alone: room(),
                headers,
                bundles: true,
            }
        }

        fn clear(&mut self) {
            self.to.clear();
            self.free.clear();
        }

        fn put(&mut self, bytes: &mut Vec<u8>, to: SocketAddr, free: bool) {
            if let Some(place) = self.answers.get_mut(self.to.len()) {
                std::mem::swap(place, bytes);
                self.to.push(to);
                self.free.push(free);
            }
        }

        fn length(&self, at: usize) -> usize {
            self.answers.get(at).map_or(0, Vec::len)
        }

        fn send(&mut self, socket: &UdpSocket, wanted: bool) {
            self.order.clear();
            self.alone.clear();
            self.order.extend(0..self.to.len());
            if wanted && self.bundles && self.to.len() > 1 {
                self.bundle(socket);
            } else {
                std::mem::swap(&mut self.order, &mut self.alone);
            }
            self.send_alone(socket);
        }

        /// Sends what can be sent as bundles; what cannot stays in `alone`.
        fn bundle(&mut self, socket: &UdpSocket) {
            let (to, free, answers) = (&self.to, &self.free, &self.answers);
            let key = |at: &usize| {
                let length = answers.get(*at).map_or(0, Vec::len);
                // Longest first: only the last one of a bundle may be shorter than the others.
                (free.get(*at).is_none_or(|free| !free), to.get(*at), std::cmp::Reverse(length))
            };
            // Stable: what is forwarded, last here, keeps its order.
            let same = |a: &usize, b: &usize| key(a) == key(b);
            if !self.order.is_sorted_by(same) {
                self.order.sort_by(|a, b| match (key(a), key(b)) {
                    ((true, ..), (true, ..)) => std::cmp::Ordering::Equal,
                    (a, b) => a.cmp(&b),
                });
            }
            let mut rest = self.order.as_slice();
            while let [first, after @ ..] = rest {
                let length = self.length(*first);
                let most = BUNDLE.0.min(BUNDLE.1 / length.max(1));
                let fits = self.free.get(*first) == Some(&true) && (1..=PACKET).contains(&length);
                let alike = |at: &&usize| fits && self.to.get(**at) == self.to.get(*first) && self.length(**at) == length;
                let mut count = 1 + after.iter().take(most - 1).take_while(alike).count();
                // One shorter one may end it.
                let ends = |at: &usize| fits && self.free.get(*at) == Some(&true) && self.to.get(*at) == self.to.get(*first);
                if count < most && rest.get(count).is_some_and(ends) {
                    count += 1;
                }
                let (run, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                rest = others;
                if count == 1 || !self.bundles {
                    self.alone.extend_from_slice(run);
                    continue;
                }
                let slices: Vec<IoSlice<'_>> = run.iter().filter_map(|at| self.answers.get(*at)).map(|bytes| IoSlice::new(bytes)).collect();
                let to = self.to.get(*first).map(|to| SockaddrStorage::from(*to));
                let size = length as u16;
                let cut = [ControlMessage::UdpGsoSegments(&size)];
                if sendmsg(socket.as_raw_fd(), &slices, &cut, MsgFlags::empty(), to.as_ref()).is_err() {
                    // An old kernel, or a way out without checksums of its own: one by one from now on.
                    self.bundles = false;
                    self.alone.extend_from_slice(run);
                }
            }
        }

        fn send_alone(&mut self, socket: &UdpSocket) {
            let answers = self.alone.iter().filter_map(|at| self.answers.get(*at));
            let slices: Vec<[IoSlice<'_>; 1]> = answers.map(|bytes| [IoSlice::new(bytes)]).collect();
            if slices.is_empty() {
                return;
            }
            let to: Vec<Option<SockaddrStorage>> = self.alone.iter().map(|at| self.to.get(*at).map(|to| (*to).into())).collect();
            let sent = sendmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter(), &to, [], MsgFlags::empty());
            // One that cannot be sent stops the call: the rest go one by one, and that one is lost like any datagram.
            let sent = sent.map_or(0, Iterator::count);
            for at in self.alone.iter().skip(sent) {
                if let (Some(bytes), Some(to)) = (self.answers.get(*at), self.to.get(*at)) {
                    let _ = socket.send_to(bytes, to);
                }
            }
        }
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let four = storage.as_sockaddr_in().map(|four| SocketAddr::from(*four));
        four.or_else(|| storage.as_sockaddr_in6().map(|six| SocketAddr::from(*six)))
    }
}

#[cfg(not(target_os = "linux"))]
mod batches {
    use super::{Arc, AtomicBool, Fields, Handle, Ordering, ROOM, Reaction, Source, UdpSocket, Way, Work, idle, trouble};

    pub fn run<H: Handle>(socket: &Arc<UdpSocket>, handler: &Arc<H>, stop: &AtomicBool) {
        let mut room = vec![0_u8; ROOM];
        let (mut work, mut fields) = (Work::default(), Fields::default());
        while !stop.load(Ordering::Relaxed) {
            match socket.recv_from(&mut room) {
                Ok((length, address)) => {
                    let bytes = room.get(..length).unwrap_or_default();
                    let source = Source { address, stream: false };
                    let batch = handler.batch();
                    match handler.take(&batch, &handler.glance(&batch, bytes, &mut fields), source, &mut work) {
                        Reaction::Quiet => {}
                        Reaction::Later => handler.later(bytes, source, Way::Socket(Arc::clone(socket))),
                        Reaction::Answer(to) | Reaction::Forward(to) => drop(socket.send_to(&work.out, to)),
                    }
                }
                Err(error) if idle(&error) => {}
                Err(error) => trouble(&error),
            }
        }
    }
}
