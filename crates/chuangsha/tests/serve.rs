//! The real binary: starts, answers over TLS 1.3 only, is alone in its directory, stops cleanly.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_chuangsha");

struct Server {
    child: Child,
    address: String,
    admin: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = command(data).arg("serve").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not started: {line}"));
        let text = |key: &str| started[key].as_str().unwrap().to_owned();
        Self { address: text("address"), admin: text("admin"), child }
    }

    fn terminate(mut self) -> i32 {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["--json", "--lang", "en", "--set", "server.listen=127.0.0.1:0", "--set", "admin.listen=127.0.0.1:0", "--data"]).arg(data);
    for setting in ["operator.code=test", "operator.name_zh=测试", "operator.name_en=TEST", "operator.hotline=10000"] {
        command.args(["--set", setting]);
    }
    command.env_remove("LANG").stdin(Stdio::null()).current_dir(data.parent().unwrap());
    command
}

fn client(data: &Path) -> reqwest::ClientBuilder {
    drop(rustls::crypto::ring::default_provider().install_default());
    let authority = std::fs::read(data.join("tls/ca.crt")).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

#[tokio::test]
async fn it_answers_over_tls_and_tells_its_state() {
    let (_folder, data) = folder();
    let server = Server::start(&data);
    let browser = client(&data).build().unwrap();
    assert!(server.address.starts_with("https://localhost:"), "{}", server.address);
    browser.get(&server.address).send().await.unwrap();

    let get = async |path: &str| {
        let answer = reqwest::get(format!("{}{path}", server.admin)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/livez").await, (200, "alive\n".to_owned()));
    let (status, body) = get("/readyz").await;
    assert_eq!(status, 200, "{body}");
    let ready: Value = serde_json::from_str(&body).unwrap();
    let names: Vec<&str> = ready["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["store", "migrations", "keys", "clock", "workers"]);
    let (_, counted) = get("/metrics").await;
    assert!(counted.contains("route=\"/login\",status=\"200\"} 1"), "{counted}");
}

#[tokio::test]
async fn older_tls_is_refused() {
    let (_folder, data) = folder();
    let server = Server::start(&data);
    let old = client(&data).max_tls_version(reqwest::tls::Version::TLS_1_2).build().unwrap();
    assert!(old.get(&server.address).send().await.unwrap_err().is_connect());
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(&server.address).send().await.is_err(), "a client that does not know the authority must not be satisfied");
}

#[test]
fn it_stops_cleanly_and_the_second_start_keeps_the_certificate() {
    let (_folder, data) = folder();
    assert_eq!(Server::start(&data).terminate(), 0);
    let certificate = std::fs::read(data.join("tls/server.crt")).unwrap();
    assert_eq!(Server::start(&data).terminate(), 0);
    assert_eq!(std::fs::read(data.join("tls/server.crt")).unwrap(), certificate);
}

#[test]
fn a_second_server_on_the_same_data_is_refused_by_name() {
    let (_folder, data) = folder();
    let server = Server::start(&data);
    let second = command(&data).arg("serve").output().unwrap();
    assert_eq!(second.status.code(), Some(75));
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("serve.data_in_use") && message.contains(&server.child.id().to_string()), "{message}");
}

#[test]
fn plain_http_must_be_asked_for_on_the_command_line() {
    let (_folder, data) = folder();
    std::fs::create_dir_all(&data).unwrap();
    let refused = command(&data).args(["serve", "--set", "server.tls=off"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn an_operator_without_a_name_is_not_guessed() {
    let (_folder, data) = folder();
    let refused = Command::new(BINARY).args(["--json", "serve", "--data"]).arg(&data).current_dir(data.parent().unwrap()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(String::from_utf8(refused.stderr).unwrap().matches("serve.operator_unset").count(), 4);
    assert!(!data.exists(), "nothing is written before that");
}

#[test]
fn demo_data_and_real_data_are_not_started_as_each_other() {
    let (_folder, data) = folder();
    assert_eq!(Server::start(&data).terminate(), 0);
    let as_demo = command(&data).args(["serve", "--demo"]).output().unwrap();
    assert!(String::from_utf8(as_demo.stderr).unwrap().contains("serve.not_demo_data"));
    std::fs::write(data.join("demo.json"), "{}").unwrap();
    let as_real = command(&data).arg("serve").output().unwrap();
    assert!(String::from_utf8(as_real.stderr).unwrap().contains("serve.demo_data"));
}

#[test]
fn a_record_is_backed_up_while_it_works_and_brought_back() {
    let (folder, data) = folder();
    let server = Server::start(&data);
    let backup = folder.path().join("backup.db");
    let run = |arguments: &[&str]| {
        let output = command(&data).arg("store").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let file = backup.to_str().unwrap();
    assert_eq!(run(&["backup", file]).0, Some(0));
    assert_eq!(run(&["restore", file, "--verify"]).0, Some(0));
    let (code, message) = run(&["restore", file, "--replace"]);
    assert_eq!(code, Some(75), "a running server is not restored over: {message}");
    assert_eq!(server.terminate(), 0);
    assert_eq!(run(&["restore", file, "--replace"]).0, Some(0));
    assert_eq!(run(&["verify"]).0, Some(0));
    let (code, message) = run(&["migrate", "--dry-run"]);
    assert_eq!(code, Some(0), "{message}");
    let mut damaged = std::fs::read(&backup).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&backup, damaged).unwrap();
    assert_eq!(run(&["restore", file, "--verify"]).0, Some(1));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child =
        Command::new(BINARY).args(["config", "print", "--defaults"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    assert!(child.wait().unwrap().success());
}
