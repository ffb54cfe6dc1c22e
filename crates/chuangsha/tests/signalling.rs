//! The real binary in the path of calls: it answers, takes new trunks without stopping, keeps the old ones when the new are broken, and leaves.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

const TRUNKS: &str = r#"
[[trunk]]
name = "peer"
class = "interconnect"
sources = ["127.0.0.1", "::1"]
[[trunk]]
name = "9901-T01"
class = "enterprise"
sources = ["127.0.0.1"]
group = "9901-T01"
block = "603+"
"#;

struct Server {
    child: Child,
    admin: String,
    sip: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("trunks.toml"), TRUNKS).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chuangsha"));
        command.args(["--json", "--lang", "en", "--data"]).arg(at("data")).current_dir(folder.path()).env_remove("LANG");
        for setting in [
            "server.listen=127.0.0.1:0",
            "admin.listen=127.0.0.1:0",
            "operator.code=test",
            "operator.name_zh=测试",
            "operator.name_en=TEST",
            "operator.hotline=10000",
            "sip.listen=udp:127.0.0.1:0,tcp:127.0.0.1:0",
            "sip.trunks=trunks.toml",
            "sip.loops=2",
            "log.file=server.log",
        ] {
            command.args(["--set", setting]);
        }
        for setting in more {
            command.args(["--set", setting]);
        }
        let mut child = command.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not started: {line}"));
        let sip = started["sip"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
        Self { child, admin: started["admin"].as_str().unwrap().to_owned(), sip, folder }
    }

    fn address(&self, transport: &str) -> SocketAddr {
        let text = self.sip.iter().find_map(|one| one.strip_prefix(transport)).unwrap_or_else(|| panic!("{transport} {:?}", self.sip));
        text.trim_start_matches(':').parse().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success());
    }

    fn get(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(self.admin.trim_start_matches("http://")).unwrap();
        write!(connection, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        std::io::read_to_string(connection).unwrap()
    }

    fn counted(&self, name: &str) -> u64 {
        let text = self.get("/metrics");
        let line =
            text.lines().find(|line| line.starts_with(&format!("chuangsha_sip_{name} "))).unwrap_or_else(|| panic!("{name}: {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A caller with a socket of its own.
struct Caller(UdpSocket, SocketAddr, std::cell::Cell<u32>);

impl Caller {
    fn to(server: &Server) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(socket, server.address("udp"), std::cell::Cell::new(0))
    }

    fn request(&self, method: &str, from: &str, group: Option<&str>) -> String {
        self.2.set(self.2.get() + 1);
        let (call, port) = (self.2.get(), self.0.local_addr().unwrap().port());
        let group = group.map(|group| format!(";tgrp={group};trunk-context=demo.example")).unwrap_or_default();
        format!(
            "{method} sip:1990100{call:04}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@127.0.0.1>;tag=f{call}\r\nTo: <sip:1990100{call:04}@127.0.0.1>\r\n\
             Call-ID: {call}@test.example\r\nCSeq: 1 {method}\r\nContact: <sip:{from}{group}@127.0.0.1:{port}>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn ask(&self, method: &str, from: &str, group: Option<&str>) -> String {
        self.0.send_to(self.request(method, from, group).as_bytes(), self.1).unwrap();
        let mut room = [0; 4_096];
        let (length, _) = self.0.recv_from(&mut room).unwrap();
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    fn call(&self, from: &str, group: Option<&str>) -> u16 {
        status(&self.ask("INVITE", from, group))
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

/// Waits until something holds.
#[allow(clippy::disallowed_methods, reason = "waits for another process")]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn replace(file: &Path, text: &str) {
    let fresh = file.with_extension("new");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, file).unwrap();
}

#[test]
fn calls_are_answered_counted_and_refused_by_trunk() {
    let server = Server::start(&[]);
    let caller = Caller::to(&server);
    assert_eq!(caller.call("19900001234", None), 404, "an ordinary call goes on");
    let blocked = caller.ask("INVITE", "95900", Some("9901-T01"));
    assert_eq!(status(&blocked), 603, "without its line in the ledger an enterprise trunk brings nothing (I4): {blocked}");
    assert!(blocked.contains("Network Blocked"), "{blocked}");
    assert_eq!(caller.call("19900001234", Some("9901-T09")), 404, "a group nobody knows is the source's plain trunk");

    let mut connection = TcpStream::connect(server.address("tcp")).unwrap();
    let message = caller.request("INVITE", "19900001234", None).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    connection.write_all(message.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(&connection).read_line(&mut line).unwrap();
    assert_eq!(status(&line), 404);

    assert_eq!((server.counted("calls_total"), server.counted("blocked_total"), server.counted("trunks")), (4, 1, 2));
    let ready = server.get("/readyz");
    assert!(ready.contains("\"name\":\"sip\"") && ready.contains("2 trunks, 2 UDP loops"), "{ready}");
    let metrics = server.get("/metrics");
    assert!(!metrics.contains("19900001234") && !metrics.contains("95900"), "no number is in a metric");
}

#[test]
fn new_trunks_come_into_force_and_broken_ones_do_not() {
    let server = Server::start(&[]);
    let caller = Caller::to(&server);
    let file = server.path("trunks.toml");
    assert_eq!(caller.call("19900001234", None), 404);

    // Cut off in the middle of a line, as a full disk leaves it.
    let half = &TRUNKS[..TRUNKS.len() / 2];
    fs::write(&file, half).unwrap();
    until("the broken file is refused", || server.counted("reload_refused") == 1);
    assert_eq!(caller.call("19900001234", None), 404, "the old trunks stay");
    assert!(server.get("/readyz").contains("was refused"));
    assert!(server.log().contains("trunks.malformed"), "{}", server.log());

    replace(&file, &TRUNKS.replace("class = \"interconnect\"", "class = \"interconnect\"\npass = 503"));
    until("the mended file is in force", || server.counted("reload_refused") == 0);
    assert_eq!(caller.call("19900001234", None), 503);

    // SIGHUP does not wait for the file to look changed, and does not end the program.
    let before = server.counted("reloads_total");
    server.signal("HUP");
    until("SIGHUP reads again", || server.counted("reloads_total") > before);
    assert_eq!(caller.call("19900001234", None), 503);

    replace(&file, "");
    until("an empty file is refused", || server.counted("reload_refused") == 1);
    assert_eq!(caller.call("19900001234", None), 503);
}

#[test]
fn a_server_that_leaves_says_so_and_decides_to_the_last() {
    let mut server = Server::start(&["sip.drain_seconds=5"]);
    let caller = Caller::to(&server);
    assert_eq!(status(&caller.ask("OPTIONS", "19900001234", None)), 200);
    server.signal("TERM");
    // Many callers, each calling somebody else: nothing to be screened out.
    let mut number = 19_900_001_000_u64;
    let mut call = || {
        number += 1;
        assert_eq!(caller.call(&number.to_string(), None), 404);
    };
    let mut told = 0;
    until("OPTIONS are refused", || {
        // Calls keep coming: the edge waits for them to stop.
        call();
        told = status(&caller.ask("OPTIONS", "19900001234", None));
        told == 503
    });
    (0..20).for_each(|_| call());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(server.address("tcp")).is_err());
}

#[test]
fn it_does_not_start_on_what_it_cannot_serve() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |trunks: &str, set: &[&str]| {
        fs::write(folder.path().join("trunks.toml"), trunks).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chuangsha"));
        command.args(["--json", "--lang", "en", "--data"]).arg(folder.path().join("data")).current_dir(folder.path());
        for setting in ["server.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "operator.code=test", "operator.name_zh=测试"] {
            command.args(["--set", setting]);
        }
        for setting in ["operator.name_en=TEST", "operator.hotline=10000", "sip.trunks=trunks.toml", "sip.listen=udp:127.0.0.1:0"] {
            command.args(["--set", setting]);
        }
        for setting in set {
            command.args(["--set", setting]);
        }
        let output = command.arg("serve").stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let proxied = TRUNKS.replacen("class =", "mode = \"proxy\"\nnext = \"sip:127.0.0.1:5080\"\nclass =", 1);
    for (trunks, set, code) in [
        ("", &[][..], "trunks.empty"),
        (&TRUNKS.replace("interconnect", "peering"), &[], "trunks.malformed"),
        (&proxied, &[], "serve.sip_own_address_unset"),
        (TRUNKS, &["sip.trunks=nowhere.toml"], "serve.trunks_unreadable"),
        (TRUNKS, &["sip.listen=udp:192.0.2.1:5060"], "serve.address_taken"),
        (TRUNKS, &["sip.listen=tls:127.0.0.1:0", "sip.certificate=none.pem", "sip.key=none.pem"], "serve.sip_tls_unusable"),
        (TRUNKS, &["sip.cdr_files=asterisk:Master.csv", "sip.cdr_zone=Nowhere/At_All"], "serve.sip_time_zone"),
    ] {
        let told = refuse(trunks, set);
        assert!(told.contains(code), "{code}: {told}");
    }
    // Whoever has the address keeps it alone: calls are not shared with another process by accident.
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = format!("sip.listen=udp:{}", holder.local_addr().unwrap());
    assert!(refuse(TRUNKS, &[&taken]).contains("serve.address_taken"));
}
