//! 测速: calls answered over the loopback against a bare echo by the same loop, in the same run. Bounded in count and time.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the machine's clock; nothing is decided by it")]

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use chuangsha_kernel::{Rulebook, time::SystemClock};
use chuangsha_screen::{Engine, StateConfig, replay::SnapshotSpec, rules::PACKS};
use nix::{
    cmsg_space,
    sched::{CpuSet, sched_setaffinity},
    sys::{
        socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
    unistd::Pid,
};

use crate::{
    datagram::{Datagrams, Handle},
    decide::Decide,
    edge::{Edge, Reaction, Source, Work},
    message::Fields,
    screening::Screening,
    trunk::Trunks,
    watch::Monotonic,
};

/// One measured figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// `sip/…`
    pub bench: &'static str,
    /// Ours.
    pub value: f64,
    /// Of both.
    pub unit: &'static str,
    /// The bare echo's.
    pub baseline: f64,
}

/// Most calls of one round, whatever the time.
const MOST: u64 = 4_000_000;
/// Calls on their way at once when as many as possible are wanted.
const WINDOW: usize = 256;
const BATCH: usize = 32;
const BUFFER: usize = 16 << 20;
/// Rounds of each; the median counts.
const ROUNDS: usize = 3;

/// Trunks of a measurement: one, on the loopback.
pub const TRUNKS: &str = r#"
    [[trunk]]
    id = 1
    name = "bench"
    class = "interconnect"
    sources = ["127.0.0.0/8"]
"#;

/// A call with the headers a carrier's gateway sends; eight digits of it are the call's number.
pub const INVITE: &str = "INVITE sip:+8619900000000@127.0.0.1:5060;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 127.0.0.1:5090;rport;branch=z9hG4bK-00000000\r\n\
Max-Forwards: 69\r\n\
Record-Route: <sip:127.0.0.1:5090;lr=on;ftag=gK00000000>\r\n\
From: <sip:+8613300000000@127.0.0.1;user=phone>;tag=gK00000000\r\n\
To: <sip:+8619900000000@127.0.0.1;user=phone>\r\n\
Call-ID: 00000000_128459087@127.0.0.1\r\n\
CSeq: 17041 INVITE\r\n\
Contact: <sip:+8613300000000@127.0.0.1:5090;transport=udp>\r\n\
P-Asserted-Identity: <sip:+8613300000000@127.0.0.1;user=phone>\r\n\
Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS,MESSAGE\r\n\
Accept: application/sdp, application/isup, application/dtmf, multipart/mixed\r\n\
Supported: timer,100rel,precondition\r\n\
Session-Expires: 1800\r\n\
Min-SE: 90\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 169\r\n\
\r\n\
v=0\r\no=gw 15823 5613 IN IP4 127.0.0.1\r\ns=call\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 10000 RTP/AVP 8 0 101\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";

/// Sends back what it gets.
struct Echo;

impl Handle for Echo {
    const BUNDLES: bool = false;

    type Batch = ();

    fn batch(&self) {}

    type Seen<'a> = &'a [u8];

    fn glance<'a>(&self, (): &(), bytes: &'a [u8], _: &'a mut Fields) -> &'a [u8] {
        bytes
    }

    fn reach(&self, (): &(), _: &&[u8]) {}

    fn take(&self, (): &(), bytes: &&[u8], source: Source, work: &mut Work) -> Reaction {
        work.out.clear();
        work.out.extend_from_slice(bytes);
        Reaction::Answer(source.address)
    }
}

struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    loops: Vec<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start<H: Handle>(handler: &Arc<H>) -> io::Result<Self> {
        let datagrams = Datagrams::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, BUFFER)?;
        let (address, stop) = (datagrams.address, Arc::new(AtomicBool::new(false)));
        // A thread begins on the core of the one that starts it.
        keep_to(LOOP);
        let loops = datagrams.serve(handler, &stop);
        keep_to(CALLER);
        Ok(Self { address, loops: loops?, stop })
    }
}

/// Cores of a measurement. Left alone, the kernel wakes the loop on the core of the caller, which never rests, and the time it takes until they are
/// parted again, some milliseconds, is what one would measure.
const LOOP: usize = 0;
const CALLER: usize = 1;

/// This thread, and what it starts from now on, keeps to one core. On a machine with one core nothing changes.
fn keep_to(core: usize) {
    let mut cores = CpuSet::new();
    if cores.set(core).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &cores);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for one in self.loops.drain(..) {
            let _ = one.join();
        }
    }
}

/// What a caller saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Calls sent.
    pub sent: u64,
    /// Answers that came.
    pub answered: u64,
    /// How long it took.
    pub seconds: f64,
    /// Time of each answer, microseconds, sorted.
    pub micros: Vec<u32>,
}

impl Seen {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    /// The time that many of a thousand answers took at most, microseconds.
    pub fn quantile(&self, of_a_thousand: usize) -> f64 {
        let at = (self.micros.len() * of_a_thousand / 1_000).min(self.micros.len().saturating_sub(1));
        self.micros.get(at).copied().map_or(f64::NAN, f64::from)
    }
}

/// A caller on the loopback: `rate` calls a second, or as many as are answered when it is 0; for so long. `first`: number of the first call.
///
/// # Errors
/// A socket that cannot be had.
pub fn call(server: SocketAddr, rate: u64, time: Duration, first: u64) -> io::Result<Seen> {
    caller(server, rate, time, first, Duration::ZERO)
}

/// The same; with nothing to do it rests for so long instead of keeping a core for itself.
fn caller(server: SocketAddr, rate: u64, time: Duration, first: u64, rest: Duration) -> io::Result<Seen> {
    keep_to(CALLER);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let tuned = socket2::SockRef::from(&socket);
    tuned.set_recv_buffer_size(BUFFER)?;
    tuned.set_send_buffer_size(BUFFER)?;
    socket.set_nonblocking(true)?;
    let places: Vec<usize> = memchr::memmem::find_iter(INVITE.as_bytes(), b"00000000").collect();
    let mut messages: Vec<Vec<u8>> = vec![INVITE.as_bytes().to_vec(); BATCH];
    // The kernel says when an answer arrived: what this caller itself is late by is no wait of the call.
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(cmsg_space!(TimeSpec)));
    let mut outgoing = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let to = vec![Some(SockaddrStorage::from(server)); BATCH];
    let mut room = vec![0_u8; BATCH * 4_096];
    let mut sent_at: Vec<u32> = Vec::new();
    let mut seen = Seen::default();
    let (started, epoch) = (Instant::now(), SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    let mut last_answer = started;
    let mut missed = 0;
    loop {
        let elapsed = started.elapsed();
        let over = elapsed >= time || seen.sent >= MOST;
        let open = seen.sent - seen.answered;
        // What is not answered within a fifth of a second after the end is lost.
        if over && (open == 0 || last_answer.elapsed() > Duration::from_millis(200)) {
            break;
        }
        let wanted = match rate {
            _ if over => 0,
            // A lost answer must not stop the flow.
            0 if last_answer.elapsed() > Duration::from_millis(100) => BATCH as u64,
            0 => (WINDOW as u64).saturating_sub(open),
            rate => {
                let due = ((elapsed.as_secs_f64() * rate as f64) as u64).saturating_sub(seen.sent + missed);
                // When the machine held this caller back, what it missed is left out: a burst would be another rate.
                let most = (rate / 1_000).max(1);
                missed += due.saturating_sub(most);
                due.min(most)
            }
        };
        let batch = (wanted as usize).min(BATCH);
        if batch > 0 && (rate > 0 || batch == BATCH || open == 0) {
            for (i, message) in messages.iter_mut().take(batch).enumerate() {
                let number = format!("{:08}", (first + seen.sent + i as u64) % 100_000_000);
                for place in &places {
                    if let Some(digits) = message.get_mut(*place..place + 8) {
                        digits.copy_from_slice(number.as_bytes());
                    }
                }
            }
            let now = started.elapsed().as_micros() as u32;
            let slices: Vec<[IoSlice<'_>; 1]> = messages.iter().take(batch).map(|bytes| [IoSlice::new(bytes)]).collect();
            let gone =
                sendmmsg(socket.as_raw_fd(), &mut outgoing, slices.iter(), to.get(..batch).unwrap_or_default(), [], MsgFlags::empty());
            let gone = gone.map_or(0, Iterator::count);
            if rate > 0 {
                sent_at.extend(std::iter::repeat_n(now, gone));
            }
            seen.sent += gone as u64;
        }
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = room.chunks_exact_mut(4_096).map(|part| [IoSliceMut::new(part)]).collect();
        match recvmmsg(socket.as_raw_fd(), &mut incoming, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(answers) => {
                last_answer = Instant::now();
                for answer in answers {
                    seen.answered += 1;
                    if rate == 0 {
                        continue;
                    }
                    let bytes = answer.iovs().next().unwrap_or_default();
                    let number = memchr::memmem::find(bytes, b"z9hG4bK-").and_then(|at| bytes.get(at + 8..at + 16));
                    let number = number.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse::<u64>().ok());
                    let sent = number.and_then(|number| sent_at.get(usize::try_from(number.checked_sub(first)?).ok()?));
                    let arrived = answer.cmsgs().ok().and_then(|mut messages| {
                        messages.find_map(|message| match message {
                            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at).saturating_sub(epoch).as_micros() as u32),
                            _ => None,
                        })
                    });
                    if let Some((sent, arrived)) = sent.zip(arrived) {
                        seen.micros.push(arrived.saturating_sub(*sent));
                    }
                }
            }
            Err(_) if !rest.is_zero() => std::thread::park_timeout(rest),
            Err(_) if rate == 0 || over => std::thread::yield_now(),
            Err(_) => std::hint::spin_loop(),
        }
    }
    seen.seconds = started.elapsed().as_secs_f64();
    seen.micros.sort_unstable();
    Ok(seen)
}

/// The engine as a node runs it, with room for the callers of a measurement, all rules of the packs and a trunk on the loopback.
///
/// # Errors
/// Packs that do not compile: the tests of `screen` would have told.
pub fn engine() -> Result<Arc<dyn Decide>, Box<dyn std::error::Error>> {
    let book = Rulebook::embedded(PACKS)?;
    let trunk = r#"{"id":1,"name":"bench","ingress":"interconnect","transit":true}"#;
    let spec: SnapshotSpec =
        serde_json::from_str(&format!(r#"{{"version":1,"home":"china_broadnet","on":"2026-11-22","trunks":[{trunk}]}}"#))?;
    let engine = Engine::new(spec.compile(&book)?, StateConfig { callers: 2_000_000, callees: 2_000_000, seed: 41 });
    Ok(Arc::new(Screening::new(Arc::new(engine))))
}

fn edge(decide: &Arc<dyn Decide>) -> io::Result<Arc<Edge>> {
    let trunks = Trunks::parse(TRUNKS).map_err(io::Error::other)?;
    let clock = Arc::new(SystemClock::default());
    Ok(Arc::new(Edge::new(trunks, Arc::clone(decide), [0x5A; 16], clock, Arc::new(Monotonic::default()))))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Time on a core of the loop of this process so far, nanoseconds, as the kernel counts it; its system calls are in it.
fn loop_nanos() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.flatten().map(|task| task.path());
    let of = |task: std::path::PathBuf| {
        let name = std::fs::read_to_string(task.join("comm")).ok()?;
        let spent = std::fs::read_to_string(task.join("schedstat")).ok()?;
        name.starts_with("sip-udp").then(|| spent.split(' ').next()?.parse::<u64>().ok()).flatten()
    };
    Some(tasks.filter_map(of).sum())
}

/// Resident memory of this process, bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kb| kb * 1_024)
}

/// How many calls a second a loop answers, and how long it is on its core for one, nanoseconds.
fn round<H: Handle>(handler: &Arc<H>, time: Duration, first: &mut u64) -> io::Result<(f64, f64)> {
    let server = Server::start(handler)?;
    let before = loop_nanos().unwrap_or_default();
    let seen = call(server.address, 0, time, *first)?;
    *first += seen.sent;
    let spent = loop_nanos().unwrap_or_default().saturating_sub(before);
    Ok((seen.rate(), spent as f64 / seen.answered.max(1) as f64))
}

/// 长时间: 20,000 calls a second for so many minutes with one loop; `told` hears of every minute: resident bytes, calls sent, calls lost, and the
/// slowest of a hundred answers in microseconds, the worst of any ten seconds. Two minutes fill the tables; from there memory is to stay flat.
///
/// # Errors
/// A socket that cannot be had.
pub fn soak(decide: &Arc<dyn Decide>, minutes: u64, mut told: impl FnMut(u64, u64, u64, u64, f64)) -> io::Result<Vec<Figure>> {
    const RATE: u64 = 20_000;
    const FILLED: u64 = 2;
    // A long run leaves the machine to others; up to so much of every answer's time is the caller's own.
    const REST: Duration = Duration::from_micros(200);
    let server = Server::start(&edge(decide)?)?;
    let (mut sent, mut answered, mut first, mut slowest) = (0, 0, 1, Vec::new());
    let mut filled = resident().unwrap_or_default();
    for minute in 1..=minutes.clamp(FILLED + 1, 24 * 60) {
        let mut worst = 0.0_f64;
        for _ in 0..6 {
            let seen = caller(server.address, RATE, Duration::from_secs(10), first, REST)?;
            first += seen.sent;
            sent += seen.sent;
            answered += seen.answered;
            worst = worst.max(seen.quantile(990));
        }
        let held = resident().unwrap_or_default();
        if minute == FILLED {
            filled = held;
        }
        slowest.push(worst);
        told(minute, held, sent, sent - answered, worst);
    }
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let end = resident().unwrap_or_default();
    Ok(vec![
        Figure { bench: "sip/soak_resident", value: megabytes(end), unit: "MiB", baseline: megabytes(filled) },
        Figure { bench: "sip/soak_answered", value: answered as f64 / sent.max(1) as f64, unit: "of 1", baseline: 1.0 },
        Figure { bench: "sip/soak_p99", value: median(slowest), unit: "µs", baseline: 1_000.0 },
    ])
}

/// How many calls one loop answers, what each costs its core, and how long the slowest of a hundred waits at 20,000 and at 50,000 a second. The
/// baseline is a bare echo of the same messages: received and sent in batches of the same size, each answer a datagram of its own. The caller
/// has one core and the loop another.
///
/// # Errors
/// A socket that cannot be had.
pub fn run(decide: &Arc<dyn Decide>, seconds: u64) -> io::Result<Vec<Figure>> {
    let time = Duration::from_secs(seconds.clamp(1, 30));
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let mut first = 1;
    // One edge for all rounds, and a round before them: a node in service has touched its memory before.
    let edge = edge(decide)?;
    round(&edge, time, &mut first)?;
    for _ in 0..ROUNDS {
        bare.push(round(&Arc::new(Echo), time, &mut first)?);
        ours.push(round(&edge, time, &mut first)?);
    }
    let of = |rounds: &[(f64, f64)], part: fn(&(f64, f64)) -> f64| median(rounds.iter().map(part).collect());
    let mut figures = vec![
        Figure { bench: "sip/redirect", value: of(&ours, |one| one.0), unit: "calls/s", baseline: of(&bare, |one| one.0) },
        Figure { bench: "sip/core_time", value: of(&ours, |one| one.1), unit: "ns", baseline: of(&bare, |one| one.1) },
    ];
    for (p99, answered, rate) in [("sip/p99_20k", "sip/answered_20k", 20_000), ("sip/p99_50k", "sip/answered_50k", 50_000)] {
        let echo = call(Server::start(&Arc::new(Echo))?.address, rate, time, first)?;
        first += echo.sent;
        let ours = call(Server::start(&edge)?.address, rate, time, first)?;
        first += ours.sent;
        let share = |seen: &Seen| seen.answered as f64 / seen.sent.max(1) as f64;
        figures.push(Figure { bench: p99, value: ours.quantile(990), unit: "µs", baseline: echo.quantile(990) });
        figures.push(Figure { bench: answered, value: share(&ours), unit: "of 1", baseline: share(&echo) });
    }
    Ok(figures)
}

/// Answers calls on an address for so long, with one loop; for a measurement beside another server.
///
/// # Errors
/// A socket that cannot be had.
pub fn serve(address: SocketAddr, time: Duration, decide: &Arc<dyn Decide>) -> io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    keep_to(LOOP);
    let loops = Datagrams::bind(address, 1, BUFFER)?.serve(&edge(decide)?, &stop)?;
    std::thread::park_timeout(time);
    stop.store(true, Ordering::Relaxed);
    loops.into_iter().for_each(|one| drop(one.join()));
    Ok(())
}
