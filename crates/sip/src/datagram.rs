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
    edge::{Edge, Reaction, Source, Work},
};

/// Datagrams taken with one call.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "one at a time there"))]
const BATCH: usize = 32;
/// Room for one datagram.
const ROOM: usize = 65_536;
/// Batches a loop still takes from its buffer once it is to end: a flood does not keep it.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "not there"))]
const LAST: u32 = 2_048;
/// How often a loop without traffic looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// Whoever takes datagrams: the edge, or the bare echo it is measured against.
pub trait Handle: Send + Sync + 'static {
    /// The moment, for `receive`.
    fn moment(&self) -> u64;

    /// Takes one message; what is to be sent stands in `work.out`.
    fn receive(&self, bytes: &[u8], source: Source, received: u64, work: &mut Work) -> Reaction;

    /// Takes one that has to wait ([`Reaction::Later`]).
    fn later(self: &Arc<Self>, bytes: &[u8], source: Source, way: Way) {
        let _ = (bytes, source, way);
    }
}

impl Handle for Edge {
    fn moment(&self) -> u64 {
        Self::moment(self)
    }

    fn receive(&self, bytes: &[u8], source: Source, received: u64, work: &mut Work) -> Reaction {
        Self::receive(self, bytes, source, received, work)
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
fn room(socket: &Socket, bytes: usize) -> io::Result<()> {
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

    use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

    use super::{Arc, AtomicBool, BATCH, Handle, LAST, Ordering, ROOM, Reaction, SocketAddr, Source, UdpSocket, Way, Work, idle, trouble};

    pub fn run<H: Handle>(socket: &Arc<UdpSocket>, handler: &Arc<H>, stop: &AtomicBool) {
        let mut room = vec![0_u8; BATCH * ROOM];
        let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
        let mut outgoing = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
        let mut work = Work::default();
        let mut answers: Vec<Vec<u8>> = (0..BATCH).map(|_| Vec::with_capacity(2_048)).collect();
        let mut destinations: Vec<Option<SockaddrStorage>> = Vec::with_capacity(BATCH);
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
            destinations.clear();
            {
                let mut slices: Vec<[IoSliceMut<'_>; 1]> = room.chunks_exact_mut(ROOM).map(|part| [IoSliceMut::new(part)]).collect();
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
                let moment = handler.moment();
                for message in received {
                    let Some(address) = message.address.as_ref().and_then(address) else { continue };
                    let bytes = message.iovs().next().unwrap_or_default();
                    let source = Source { address, stream: false };
                    match handler.receive(bytes, source, moment, &mut work) {
                        Reaction::Quiet => {}
                        Reaction::Later => handler.later(bytes, source, Way::Socket(Arc::clone(socket))),
                        Reaction::Answer(to) | Reaction::Forward(to) => {
                            if let Some(place) = answers.get_mut(destinations.len()) {
                                std::mem::swap(place, &mut work.out);
                                destinations.push(Some(to.into()));
                            }
                        }
                    }
                }
            }
            let slices: Vec<[IoSlice<'_>; 1]> = answers.iter().zip(&destinations).map(|(bytes, _)| [IoSlice::new(bytes)]).collect();
            if slices.is_empty() {
                continue;
            }
            let sent = sendmmsg(socket.as_raw_fd(), &mut outgoing, slices.iter(), &destinations, [], MsgFlags::empty());
            // One that cannot be sent stops the call: the rest go one by one, and that one is lost like any datagram.
            let sent = sent.map_or(0, Iterator::count);
            for (bytes, to) in answers.iter().zip(&destinations).skip(sent) {
                if let Some(to) = to.as_ref().and_then(address) {
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
    use super::{Arc, AtomicBool, Handle, Ordering, ROOM, Reaction, Source, UdpSocket, Way, Work, idle, trouble};

    pub fn run<H: Handle>(socket: &Arc<UdpSocket>, handler: &Arc<H>, stop: &AtomicBool) {
        let mut room = vec![0_u8; ROOM];
        let mut work = Work::default();
        while !stop.load(Ordering::Relaxed) {
            match socket.recv_from(&mut room) {
                Ok((length, address)) => {
                    let bytes = room.get(..length).unwrap_or_default();
                    let source = Source { address, stream: false };
                    match handler.receive(bytes, source, handler.moment(), &mut work) {
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
