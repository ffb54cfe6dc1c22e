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

use serde_json::{Value, json};

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
    /// Of the console and the interface.
    web: String,
    admin: String,
    sip: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(more: &[&str]) -> Self {
        Self::beside(&[], more)
    }

    /// With files beside that of the trunks.
    fn beside(files: &[(&str, &str)], more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("trunks.toml"), TRUNKS).unwrap();
        files.iter().for_each(|(name, text)| fs::write(at(name), text).unwrap());
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
        Self::run(command.arg("serve"), folder)
    }

    /// The demo province, listening where it is free; every call is written down.
    fn demo() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chuangsha"));
        command.args(["--json", "--lang", "en", "--data"]).arg(folder.path().join("data")).current_dir(folder.path()).env_remove("LANG");
        for setting in
            ["server.listen=127.0.0.1:0", "server.tls=off", "admin.listen=127.0.0.1:0", "screening.log_passes=10000", "log.file=server.log"]
        {
            command.args(["--set", setting]);
        }
        Self::run(command.args(["serve", "--demo", "--plain-http"]), folder)
    }

    fn run(command: &mut Command, folder: tempfile::TempDir) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not started: {line}"));
        let address = started["address"].as_str().unwrap().to_owned();
        let sip = started["sip"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
        Self { child, web: address, admin: started["admin"].as_str().unwrap().to_owned(), sip, folder }
    }

    /// One request of a program that is signed in; the answer's JSON.
    fn ask(&self, method: &str, path: &str, cookie: &str, body: &Value) -> (String, Value) {
        let mut connection = TcpStream::connect(self.web.trim_start_matches("http://")).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.web.trim_start_matches("http://"),
            body.len()
        )
        .unwrap();
        let answer = std::io::read_to_string(connection).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {answer}"));
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        // Short answers come in one piece, or in pieces with their lengths between.
        let json = body.find(['{', '[']).and_then(|from| Some(&body[from..=body.rfind(['}', ']'])?])).unwrap_or("null");
        (head.to_owned(), serde_json::from_str(json).unwrap_or_else(|error| panic!("{method} {path}: {error}: {body}")))
    }

    /// Signs a demo account in; its cookies.
    fn sign_in(&self, number: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chuangsha"));
        command.args(["--json", "--data"]).arg(self.path("data")).args(["demo", "code", number]).current_dir(self.folder.path());
        let told: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let credentials = json!({ "number": number, "password": "Window-Screen-2026", "code": told["code"] });
        let (head, _) = self.ask("POST", "/api/v1/session", "", &credentials);
        let cookie = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim().to_owned())
        };
        head.lines().filter_map(cookie).collect::<Vec<_>>().join("; ")
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
        self.send(&self.request(method, from, group))
    }

    fn send(&self, message: &str) -> String {
        self.0.send_to(message.as_bytes(), self.1).unwrap();
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

/// What the log keeps of a verdict, but for the moment and the name of the call.
fn substance(row: &Value) -> Value {
    let mut row = row.clone();
    for of_this_call in ["evidence", "at", "kept_until"] {
        assert!(row.as_object_mut().unwrap().remove(of_this_call).is_some(), "{row}");
    }
    row
}

#[test]
fn the_same_call_gets_the_same_verdict_and_reasons_over_sip_and_over_http() {
    let server = Server::demo();
    let session = server.sign_in("D0051");
    let caller = Caller::to(&server);
    // Group, class, caller as signalled, callee, and how the redirect server says it (these trunks route on with 404, a label in it): ordinary, listed, suspected, refused by the callee, unknown on
    // an enterprise trunk, one of its own, +86 from abroad, the other operator's own, malformed, 400 calling out, emergency.
    let calls = [
        ("demo-own", "retail", "19900012001", "19900009101", 404),
        ("demo-own", "retail", "19900009001", "19900009102", 603),
        ("demo-own", "retail", "19900009003", "19900009103", 404),
        ("demo-own", "retail", "19900009005", "19900008001", 603),
        ("9901-T01", "enterprise", "95588", "19900009105", 603),
        ("9901-T01", "enterprise", "03997000002", "19900009106", 404),
        ("demo-abroad", "international", "+8619900007777", "19900009107", 603),
        ("demo-peer", "interconnect", "19900012002", "19900009110", 404),
        ("demo-peer", "interconnect", "0000012", "19900009108", 603),
        ("demo-peer", "interconnect", "4009909906", "19900009109", 603),
        ("demo-own", "retail", "19900009002", "110", 404),
    ];
    let rows = |evidence: Option<&str>| -> Vec<Value> {
        let (_, rows) = server.ask("GET", "/api/v1/screening/verdicts?limit=1000", &session, &Value::Null);
        let rows = rows.as_array().cloned().or_else(|| rows["verdicts"].as_array().cloned()).unwrap_or_else(|| panic!("{rows}"));
        rows.into_iter().filter(|row| evidence.is_none_or(|evidence| row["evidence"] == evidence)).collect()
    };
    until("what the demo seeded is written down", || {
        let (_, live) = server.ask("GET", "/api/v1/screening/live", &session, &Value::Null);
        live["waiting"] == 0
    });
    let mut known: std::collections::HashSet<String> = rows(None).iter().map(|row| row["evidence"].as_str().unwrap().to_owned()).collect();
    for (group, class, from, to, says) in calls {
        let invite = caller.request("INVITE", from, Some(group));
        let number = invite.split("sip:").nth(1).and_then(|rest| rest.split('@').next()).unwrap().to_owned();
        let answer = caller.send(&invite.replace(&number, to));
        assert_eq!(status(&answer), says, "{from} to {to}: {answer}");
        let mut over_sip = None;
        until("the call is written down", || {
            over_sip = rows(None).into_iter().find(|row| !known.contains(row["evidence"].as_str().unwrap()));
            over_sip.is_some()
        });
        let over_sip = over_sip.unwrap();
        known.insert(over_sip["evidence"].as_str().unwrap().to_owned());

        let attempt = json!({ "call": format!("http-{from}-{to}"), "trunk_code": group, "ingress": class, "from": from, "callee": to });
        let (_, decided) = server.ask("POST", "/api/v1/screening/decisions", &session, &attempt);
        let verdict = &decided["verdict"];
        let evidence = verdict["evidence"].as_str().unwrap().to_owned();
        let mut over_http = Vec::new();
        until("this one too", || {
            over_http = rows(Some(&evidence));
            !over_http.is_empty()
        });
        known.insert(evidence);
        assert_eq!(substance(&over_sip), substance(&over_http[0]), "{from} to {to} on {group}");
        // And what HTTP answered is what the log keeps.
        assert_eq!((&verdict["action"], &verdict["score"]), (&over_http[0]["action"], &over_http[0]["score"]));
        assert_eq!(verdict["reasons"].as_array().unwrap().len(), over_http[0]["reasons"].as_array().unwrap().len());
    }
    // The live page has times to show, for either way.
    let (_, live) = server.ask("GET", "/api/v1/screening/live", &session, &Value::Null);
    assert!(live["p50_ns"].as_u64() > Some(0) && live["p99_ns"].as_u64() >= live["p50_ns"].as_u64(), "{live}");
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
fn another_signing_key_comes_into_force_and_a_broken_one_does_not() {
    let key = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let signing = ["sip.signing_key=key.pem", "sip.signing_certificate=https://cert.example/sp.pem", "sip.own_address=127.0.0.1:5060"];
    let server = Server::beside(&[("key.pem", &key())], &signing);
    let file = server.path("key.pem");
    replace(&file, "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");
    until("a key of another kind is refused", || server.counted("reload_refused") == 1);
    assert!(server.get("/readyz").contains("was refused"));
    assert!(server.log().contains("serve.sip_signing_unusable") && !server.log().contains("AAAA"), "{}", server.log());
    replace(&file, &key());
    until("the new key is in force", || server.counted("reload_refused") == 0);
    assert_eq!(Caller::to(&server).call("19900001234", None), 404);
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
    let signing = ["sip.signing_certificate=https://cert.example/sp.pem", "sip.own_address=127.0.0.1:5060"];
    let anchor = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let anchor = rcgen::CertificateParams::default().self_signed(&anchor).unwrap();
    fs::write(folder.path().join("root.pem"), anchor.pem()).unwrap();
    let proxied = TRUNKS.replacen("class =", "mode = \"proxy\"\nnext = \"sip:127.0.0.1:5080\"\nclass =", 1);
    for (trunks, set, code) in [
        ("", &[][..], "trunks.empty"),
        (&TRUNKS.replace("interconnect", "peering"), &[], "trunks.malformed"),
        (&proxied, &[], "serve.sip_own_address_unset"),
        (TRUNKS, &["sip.trunks=nowhere.toml"], "serve.trunks_unreadable"),
        (TRUNKS, &["sip.listen=udp:192.0.2.1:5060"], "serve.address_taken"),
        (TRUNKS, &["sip.listen=tls:127.0.0.1:0", "sip.certificate=none.pem", "sip.key=none.pem"], "serve.sip_tls_unusable"),
        (TRUNKS, &[&signing[..], &["sip.signing_key=trunks.toml"]].concat()[..], "serve.sip_signing_unusable"),
        (TRUNKS, &["sip.signing_key=trunks.toml", "sip.own_address=127.0.0.1:5060"], "sip.signing_certificate"),
        (TRUNKS, &["screening.identity_anchors=root.pem", "screening.identity_revocations=none.crl"], "serve.identity_unusable"),
        (
            TRUNKS,
            &["screening.identity_anchors=root.pem", "screening.identity_revocations=http://plain.example/a"],
            "serve.identity_unusable",
        ),
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

/// A program that ends with the test, by its own number.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        }
        let _ = self.0.wait();
    }
}

fn have(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    let missing: Vec<_> = programs.iter().filter(|program| !folders.iter().any(|folder| folder.join(program).is_file())).collect();
    assert!(missing.is_empty() || std::env::var_os("CI").is_none(), "missing: {missing:?} (.ci/prepare test)");
    if !missing.is_empty() {
        eprintln!("SKIPPED: missing {missing:?} (apt-get install kamailio sip-tester)");
    }
    missing.is_empty()
}

#[test]
fn killed_at_a_high_rate_the_softswitch_routes_on() {
    const CALLS: u32 = 1_500;
    if !have(&["kamailio", "sipp"]) {
        return;
    }
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").canonicalize().unwrap();
    let mut server = Server::start(&[]);
    let free = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (front, core, caller) = (free(), free(), free());
    let config = fs::read_to_string(peers.join("kamailio/front.cfg")).unwrap();
    let config = config
        .replace("127.0.0.1:5060", &format!("127.0.0.1:{front}"))
        .replace("127.0.0.1:5070", &server.address("udp").to_string())
        .replace("127.0.0.1:5080", &format!("127.0.0.1:{core}"));
    fs::write(server.path("front.cfg"), config).unwrap();
    // Every caller is another one and calls another one: nothing to be screened out.
    let scenario = fs::read_to_string(peers.join("sipp/caller.xml")).unwrap();
    fs::write(server.path("caller.xml"), scenario.replace("+8619900001234", "[field0]").replace("[service]", "[field1]")).unwrap();
    let rows: String = (0..CALLS).map(|call| format!("+861990{call:07};+861992{call:07}\n")).collect();
    fs::write(server.path("numbers.csv"), format!("SEQUENTIAL\n{rows}")).unwrap();

    let quiet = |command: &mut Command| Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let mut kamailio = Command::new("kamailio");
    kamailio.arg("-f").arg(server.path("front.cfg")).args(["-DD", "-E", "-m", "128", "-M", "16", "-Y"]).arg(server.folder.path());
    let _kamailio = quiet(&mut kamailio);
    let mut callee = Command::new("sipp");
    callee.arg("-sf").arg(peers.join("sipp/callee.xml")).args(["-i", "127.0.0.1", "-p", &core.to_string(), "-nostdin"]);
    let _callee = quiet(callee.current_dir(server.folder.path()));
    let socket = Caller(UdpSocket::bind("127.0.0.1:0").unwrap(), SocketAddr::from(([127, 0, 0, 1], front)), Default::default());
    socket.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    until("Kamailio answers", || {
        socket.0.send_to(socket.request("OPTIONS", "19900001234", None).as_bytes(), socket.1).unwrap();
        socket.0.recv(&mut [0; 2_048]).is_ok()
    });

    let mut calls = Command::new("sipp");
    calls.arg("-sf").arg(server.path("caller.xml")).arg("-inf").arg(server.path("numbers.csv")).args(["-i", "127.0.0.1", "-nostdin"]);
    calls.args(["-p", &caller.to_string(), "-r", "300", "-l", "3000", "-m", &CALLS.to_string(), "-timeout", "90s", "-timeout_error"]);
    calls.arg(format!("127.0.0.1:{front}")).current_dir(server.folder.path());
    let mut calls = quiet(&mut calls);
    until("calls are decided", || server.counted("calls_total") >= u64::from(CALLS) / 4);
    assert_eq!(server.counted("blocked_total"), 0);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let ended = calls.0.wait().unwrap();
    assert!(ended.success(), "every call went on, before and after: {ended}");
}
