//! 上游软交换: who asks the screen about every call and routes on by itself when it hears nothing, as one in service does. It measures what becomes of
//! calls while a screen is killed in the middle of them.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the machine's clock; nothing is decided by it")]

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

use crate::{bench::INVITE, datagram};

/// How long it waits for an answer before it routes on: `t_set_fr` of `tests/peers/kamailio/front.cfg`.
pub const TIMER: Duration = Duration::from_millis(300);
const BATCH: usize = 32;
const BUFFER: usize = 32 << 20;
/// After the last call: its timer, and some.
const REST: Duration = Duration::from_millis(700);

/// What became of calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fate {
    /// Calls asked about.
    pub calls: u64,
    /// Answered by the screen in time, and routed on as it said.
    pub answered: u64,
    /// Stopped by the screen.
    pub blocked: u64,
    /// Routed on without an answer.
    pub unanswered: u64,
    /// Distinct calls that reached the core, whichever way.
    pub reached: u64,
    /// Longest a call waited before it was routed on, milliseconds.
    pub longest_ms: f64,
    /// Of every tenth of a second: calls asked about, and how many of them the screen answered.
    pub tenths: Vec<(u64, u64)>,
}

/// The far side: counts the calls that reach it.
struct Core {
    address: SocketAddr,
    reached: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
}

impl Core {
    fn start(most: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        datagram::room(&socket2::SockRef::from(&socket), BUFFER)?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let address = socket.local_addr()?;
        let (reached, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ending) = (Arc::clone(&reached), Arc::clone(&stop));
        let task = std::thread::Builder::new().name("core".into()).spawn(move || {
            let mut seen = vec![false; most];
            let mut room = vec![0_u8; BATCH * 4_096];
            let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
            while !ending.load(Ordering::Relaxed) {
                let mut slices: Vec<[IoSliceMut<'_>; 1]> = room.chunks_exact_mut(4_096).map(|part| [IoSliceMut::new(part)]).collect();
                let Ok(calls) = recvmmsg(socket.as_raw_fd(), &mut incoming, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None) else {
                    continue;
                };
                for call in calls {
                    let place = number(call.iovs().next().unwrap_or_default()).and_then(|number| seen.get_mut(number));
                    if let Some(seen) = place
                        && !std::mem::replace(seen, true)
                    {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        })?;
        Ok(Self { address, reached, stop, task: Some(task) })
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(task) = self.task.take() {
            let _ = task.join();
        }
    }
}

/// The number of a call, from its branch.
fn number(bytes: &[u8]) -> Option<usize> {
    let digits = memchr::memmem::find(bytes, b"z9hG4bK-").and_then(|at| bytes.get(at + 8..at + 16))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Messages on their way to one place.
struct Post {
    socket: UdpSocket,
    places: Vec<usize>,
    messages: Vec<Vec<u8>>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Post {
    fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        datagram::room(&socket2::SockRef::from(&socket), BUFFER)?;
        socket.set_nonblocking(true)?;
        let places = memchr::memmem::find_iter(INVITE.as_bytes(), b"00000000").collect();
        Ok(Self { socket, places, messages: vec![INVITE.as_bytes().to_vec(); BATCH], headers: MultiHeaders::preallocate(BATCH, None) })
    }

    /// Sends those calls; all of them, however long the socket is full.
    fn send(&mut self, calls: &[usize], to: SocketAddr) {
        for batch in calls.chunks(BATCH) {
            for (message, call) in self.messages.iter_mut().zip(batch) {
                let digits = format!("{call:08}");
                for place in &self.places {
                    if let Some(room) = message.get_mut(*place..place + 8) {
                        room.copy_from_slice(digits.as_bytes());
                    }
                }
            }
            let to = [Some(SockaddrStorage::from(to)); BATCH];
            let mut gone = 0;
            while gone < batch.len() {
                let rest = self.messages.get(gone..batch.len()).unwrap_or_default();
                let slices: Vec<[IoSlice<'_>; 1]> = rest.iter().map(|bytes| [IoSlice::new(bytes)]).collect();
                let sent = sendmmsg(
                    self.socket.as_raw_fd(),
                    &mut self.headers,
                    slices.iter(),
                    to.get(..slices.len()).unwrap_or_default(),
                    [],
                    MsgFlags::empty(),
                );
                match sent.map(Iterator::count) {
                    Ok(0) | Err(nix::Error::EAGAIN | nix::Error::ENOBUFS) => std::thread::yield_now(),
                    // Nobody listens there (an ICMP of the call before): this one went all the same, or is as lost as that one.
                    Err(_) => {}
                    Ok(sent) => gone += sent,
                }
            }
        }
    }
}

/// Calls `rate` times a second for `time`, each call another caller and callee. `moment` is told how long it has been going on, about every
/// millisecond, on this thread: whatever takes long belongs elsewhere.
///
/// # Errors
/// A socket or thread that cannot be had.
pub fn run(screen: SocketAddr, rate: u64, time: Duration, mut moment: impl FnMut(Duration)) -> io::Result<Fate> {
    let most = (time.as_secs_f64() * rate as f64) as usize + 1;
    let core = Core::start(most)?;
    let (mut asking, mut routing) = (Post::new()?, Post::new()?);
    let mut asked_at: Vec<u32> = Vec::with_capacity(most);
    let mut done = vec![false; most];
    let mut tenths = vec![(0, 0); (time.as_millis() / 100) as usize + 1];
    let (mut fate, mut oldest, mut longest) = (Fate::default(), 0, 0);
    let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut room = vec![0_u8; BATCH * 4_096];
    let (mut asking_now, mut onward) = (Vec::new(), Vec::new());
    let timer = TIMER.as_micros() as u32;
    let started = Instant::now();
    loop {
        let elapsed = started.elapsed();
        if elapsed >= time + REST && oldest == asked_at.len() {
            break;
        }
        moment(elapsed);
        let now = elapsed.as_micros() as u32;
        if elapsed < time {
            let due = ((elapsed.as_secs_f64() * rate as f64) as usize).min(most);
            // A millisecond's worth at a time, so that answers are taken in between.
            let until = due.min(asked_at.len() + (rate as usize / 1_000).max(1));
            asking_now.clear();
            asking_now.extend(asked_at.len()..until);
            if !asking_now.is_empty() {
                asking.send(&asking_now, screen);
                asked_at.resize(until, now);
                if let Some(tenth) = tenths.get_mut(now as usize / 100_000) {
                    tenth.0 += asking_now.len() as u64;
                }
            }
        }
        onward.clear();
        // An error of the socket is the ICMP of a screen that is gone: the timer tells.
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = room.chunks_exact_mut(4_096).map(|part| [IoSliceMut::new(part)]).collect();
        if let Ok(answers) = recvmmsg(asking.socket.as_raw_fd(), &mut incoming, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            for answer in answers {
                let bytes = answer.iovs().next().unwrap_or_default();
                let Some(call) = number(bytes) else { continue };
                let (Some(done), Some(asked)) = (done.get_mut(call), asked_at.get(call)) else { continue };
                // Too late: it went on already.
                if std::mem::replace(done, true) {
                    continue;
                }
                if bytes.starts_with(b"SIP/2.0 6") {
                    fate.blocked += 1;
                    continue;
                }
                fate.answered += 1;
                if let Some(tenth) = tenths.get_mut(*asked as usize / 100_000) {
                    tenth.1 += 1;
                }
                longest = longest.max(now.saturating_sub(*asked));
                onward.push(call);
            }
        }
        while let Some(asked) = asked_at.get(oldest).filter(|asked| now.saturating_sub(**asked) >= timer) {
            if done.get_mut(oldest).is_some_and(|done| !std::mem::replace(done, true)) {
                fate.unanswered += 1;
                longest = longest.max(now.saturating_sub(*asked));
                onward.push(oldest);
            }
            oldest += 1;
        }
        routing.send(&onward, core.address);
    }
    // What lies in the core's socket still.
    std::thread::park_timeout(Duration::from_millis(300));
    fate.calls = asked_at.len() as u64;
    fate.reached = core.reached.load(Ordering::Relaxed);
    fate.longest_ms = f64::from(longest) / 1_000.0;
    fate.tenths = tenths;
    Ok(fate)
}
