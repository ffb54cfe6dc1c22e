//! 真实对端: Debian's Kamailio in front, SIPp as caller and callee, tshark to see the wire. A laptop without them skips visibly; the build machine
//! fails. Everything stays on the loopback, every load is a handful of calls, and every program is ended by its own number.

mod kit;

use std::{
    fs,
    io::Cursor,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use chuangsha_kernel::time::SystemClock;
use chuangsha_screen::Released;
use chuangsha_sip::{Edge, Trunks, datagram::Datagrams, feed::kamailio, watch::Monotonic};
use kit::{ByLastDigit, TRUNKS, local, message, wire};

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").canonicalize().unwrap()
}

/// Whether the programs are there.
fn have(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    let missing: Vec<_> = programs.iter().filter(|program| !folders.iter().any(|folder| folder.join(program).is_file())).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "missing: {missing:?} (.ci/prepare test)");
    eprintln!("SKIPPED: missing {missing:?} (apt-get install kamailio sip-tester tshark)");
    false
}

/// A port nobody has.
fn free() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Asks it to end and waits.
    fn end(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        }
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn sipp(scenario: &str, own: u16, to: Option<u16>, number: &str, calls: u32) -> Command {
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(peers().join("sipp").join(scenario)).args(["-i", "127.0.0.1", "-p", &own.to_string(), "-nostdin"]);
    command.args(["-m", &calls.to_string()]);
    if let Some(to) = to {
        command.args(["-r", "10", "-l", "5", "-timeout", "60s", "-timeout_error", "-s", number]).arg(format!("127.0.0.1:{to}"));
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).current_dir(std::env::temp_dir());
    command
}

/// Calls a number so often; every call must go as the scenario has it.
fn calls(scenario: &str, to: u16, number: &str, times: u32) {
    let mut caller = Running::start(&mut sipp(scenario, free(), Some(to), number, times));
    let status = caller.0.wait().unwrap();
    assert!(status.success(), "{scenario} to {number}: {status}");
}

struct Server {
    edge: Arc<Edge>,
    decider: Arc<ByLastDigit>,
    stop: Arc<AtomicBool>,
    loops: Vec<JoinHandle<()>>,
}

impl Server {
    fn start(port: u16, trunks: &str, proxy: bool) -> Self {
        let decider = Arc::new(ByLastDigit::default());
        let edge = Edge::remembering(
            10_000,
            Trunks::parse(trunks).unwrap(),
            decider.clone(),
            [3; 16],
            Arc::new(SystemClock::default()),
            Arc::new(Monotonic::default()),
        );
        // Builds and other tests run beside this one.
        let edge = edge.patience(Duration::from_secs(5));
        let edge = Arc::new(if proxy { edge.proxy(local(port)) } else { edge });
        let stop = Arc::new(AtomicBool::new(false));
        let loops = Datagrams::bind(local(port), 2, 1 << 20).unwrap().serve(&edge, &stop).unwrap();
        Self { edge, decider, stop, loops }
    }

    fn stop(self) -> Arc<ByLastDigit> {
        self.stop.store(true, Ordering::Relaxed);
        self.loops.into_iter().for_each(|one| one.join().unwrap());
        self.decider
    }
}

/// Waits until somebody answers there, or gives up.
#[allow(clippy::disallowed_methods, reason = "waits for another program")]
fn wait_for(address: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let ping =
        wire(&message("OPTIONS sip:127.0.0.1 SIP/2.0", &[&format!("Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-ping")], ""));
    let started = Instant::now();
    let mut room = [0; 2_048];
    while started.elapsed() < Duration::from_secs(20) {
        let _ = socket.send_to(&ping, address);
        if socket.recv(&mut room).is_ok() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("nobody answers on {address}");
}

/// One value of each captured packet a filter lets through.
fn seen(capture: &Path, ports: &[u16], filter: &str, field: &str) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(capture).args(["-Y", filter, "-T", "fields", "-e", field]);
    for port in ports {
        command.args(["-d", &format!("udp.port=={port},sip")]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn kamailio_routes_on_our_answers() {
    if !have(&["kamailio", "sipp", "tshark"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (front, screen, core) = (free(), free(), free());
    let config = fs::read_to_string(peers().join("kamailio/front.cfg")).unwrap();
    let ports = [("127.0.0.1:5060", front), ("127.0.0.1:5070", screen), ("127.0.0.1:5080", core)];
    let config = ports.iter().fold(config, |text, (written, port)| text.replace(written, &format!("127.0.0.1:{port}")));
    let (file, log) = (folder.path().join("front.cfg"), folder.path().join("front.log"));
    fs::write(&file, config).unwrap();

    let capture = folder.path().join("wire.pcapng");
    let mut tshark = Command::new("tshark");
    tshark.args(["-q", "-i", "lo", "-f", "udp", "-a", "duration:120", "-w"]).arg(&capture).stdout(Stdio::null()).stderr(Stdio::null());
    let mut tshark = Running::start(&mut tshark);
    let server = Server::start(screen, TRUNKS, false);
    let mut kamailio_command = Command::new("kamailio");
    kamailio_command.arg("-f").arg(&file).args(["-DD", "-E", "-m", "64", "-M", "8", "-Y"]).arg(folder.path());
    kamailio_command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut kamailio_process = Running::start(&mut kamailio_command);
    wait_for(local(front));
    let _callee = Running::start(&mut sipp("callee.xml", core, None, "", 1_000));
    wait_for_capture(&capture);

    calls("caller.xml", front, "+8619900005670", 3);
    calls("caller.xml", front, "+8619900005671", 3);
    calls("blocked.xml", front, "+8619900005672", 3);
    let counters = &server.edge.counters;
    assert_eq!((counters.calls.get(), counters.passed.get(), counters.labelled.get(), counters.blocked.get()), (9, 3, 3, 3));
    assert_eq!((counters.malformed.get(), counters.late.get()), (0, 0));

    // Screening gone: ordinary calls go on (I4).
    drop(server.stop());
    calls("caller.xml", front, "+8619900005672", 2);
    tshark.end();
    kamailio_process.end();

    let ports = [front, screen, core];
    let to_core = format!("udp.dstport == {core} && sip.Method == \"INVITE\" && sip.resend == 0");
    assert_eq!(seen(&capture, &ports, &to_core, "sip.Method").len(), 8, "what was blocked never got there");
    let labels = seen(&capture, &ports, &to_core, "sip.P-Asserted-Identity");
    assert_eq!(labels.iter().filter(|label| label.contains("疑似骚扰电话") && label.contains("+8619900001234")).count(), 3, "{labels:?}");
    let told = format!("udp.srcport == {front} && sip.Status-Code == 603");
    assert!(seen(&capture, &ports, &told, "sip.Reason").iter().filter(|reason| reason.contains("rule=bad_list")).count() >= 3);
    let ours = format!("udp.srcport == {screen} && sip");
    let answers = seen(&capture, &ports, &ours, "sip.Status-Code");
    assert!(answers.iter().all(|code| ["302", "404", "603"].contains(&code.as_str())), "{answers:?}");
    let wrong = format!("udp.srcport == {screen} && (_ws.malformed || _ws.expert.severity == error)");
    assert_eq!(seen(&capture, &ports, &wrong, "frame.number"), [""; 0], "tshark finds nothing wrong with what we write");

    // What Kamailio wrote down is what the outcome feed reads.
    let rows: Vec<_> = kamailio::read(Cursor::new(fs::read(&log).unwrap())).collect();
    let records: Vec<_> = rows.iter().map(|row| row.as_ref().unwrap_or_else(|reject| panic!("{reject}"))).collect();
    let answered: Vec<_> = records.iter().filter(|record| record.talk_ms > 0).collect();
    assert_eq!(answered.len(), 8, "{records:?}");
    for record in answered {
        assert_eq!(record.released, Some(Released::Caller), "{record:?}");
        assert!(record.ring_ms.is_some_and(|ms| (100..10_000).contains(&ms)), "{record:?}");
    }
    assert_eq!(records.iter().filter(|record| record.talk_ms == 0 && record.callee.ends_with('2')).count(), 3);
}

/// Waits until the capture has begun: a call before that would not be seen.
fn wait_for_capture(capture: &Path) {
    let started = Instant::now();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // A datagram to nobody fills the file once somebody listens.
    while fs::metadata(capture).map_or(0, |file| file.len()) < 600 && started.elapsed() < Duration::from_secs(20) {
        let _ = socket.send_to(&[0; 400], local(9));
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert!(capture.is_file(), "tshark does not capture on the loopback");
}

#[test]
fn calls_through_the_proxy_are_seen_to_ring_and_end() {
    if !have(&["sipp"]) {
        return;
    }
    let (own, core) = (free(), free());
    let trunks = TRUNKS.replace("next = \"sip:core.example:5070\"", &format!("mode = \"proxy\"\nnext = \"sip:127.0.0.1:{core}\""));
    let server = Server::start(own, &trunks, true);
    {
        let _callee = Running::start(&mut sipp("callee.xml", core, None, "", 1_000));
        wait_for(local(own));
        calls("caller.xml", own, "+8619900005670", 3);
        calls("caller.xml", own, "+8619900005671", 2);
        calls("blocked.xml", own, "+8619900005672", 2);
    }
    {
        let _callee = Running::start(&mut sipp("ringing.xml", core, None, "", 1_000));
        calls("one_ring.xml", own, "+8619900005670", 3);
    }
    let outcomes = server.stop().outcomes.lock().unwrap().clone();
    let answered: Vec<_> = outcomes.iter().filter(|outcome| outcome.answered()).collect();
    assert_eq!(answered.len(), 5);
    assert!(
        answered.iter().all(|outcome| outcome.released == Released::Caller && (100..10_000).contains(&outcome.ring_ms)),
        "{answered:?}"
    );
    let rung: Vec<_> = outcomes.iter().filter(|outcome| !outcome.answered()).collect();
    assert_eq!(rung.len(), 3);
    assert!(rung.iter().all(|outcome| outcome.released == Released::Caller && (200..10_000).contains(&outcome.ring_ms)), "{rung:?}");
}
