//! What a regulator does with an export, and what a witness does with a checkpoint: with the program alone, far from the server.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use chuangsha_kernel::time::Timestamp;
use chuangsha_vault::{LocalAgent, Suite, Vault, checkpoint::Checkpoint, log_export::Writer, merkle::Frontier};

const BINARY: &str = env!("CARGO_BIN_EXE_chuangsha");
const ORIGIN: &str = "log.example/audit";
const NOW: Timestamp = Timestamp(1_795_300_000_000);

struct Log {
    folder: tempfile::TempDir,
    agent: std::sync::Arc<LocalAgent>,
}

impl Log {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), agent: std::sync::Arc::new(LocalAgent::ephemeral(7, Suite::Gm).unwrap()) }
    }

    fn entries(&self, size: u64) -> Frontier {
        let mut log = Frontier::new();
        (0..size).for_each(|number| {
            log.append(format!("entry {number}").as_bytes());
        });
        log
    }

    fn checkpoint(&self, size: u64) -> String {
        Checkpoint { origin: ORIGIN.to_owned(), size, root: self.entries(size).root() }.sign(self.agent.as_ref()).unwrap()
    }

    fn keys(&self) -> PathBuf {
        let vault = Vault::new(self.agent.clone(), "main", Suite::Gm);
        let text: String = vault.verifier_keys(ORIGIN).unwrap().iter().map(|key| format!("{key}\n")).collect();
        self.write("keys", text.as_bytes())
    }

    fn export(&self, size: u64) -> Vec<u8> {
        let mut export = Writer::start(Vec::new(), ORIGIN, Frontier::new()).unwrap();
        (0..size).for_each(|number| export.entry(format!("entry {number}").as_bytes()).unwrap());
        export.checkpoint(&self.checkpoint(size)).unwrap();
        export.close(self.agent.as_ref(), NOW).unwrap()
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn verify(file: &Path, keys: &Path, more: &[&Path]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["--lang", "en", "--json", "audit", "verify"]).arg(file).arg("--key").arg(keys);
    more.iter().for_each(|path| {
        command.arg("--seen").arg(path);
    });
    command.output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_export_is_verified_and_every_tampering_is_found() {
    let log = Log::new();
    let keys = log.keys();
    let export = String::from_utf8(log.export(5)).unwrap();
    let good = verify(&log.write("good", export.as_bytes()), &keys, &[]);
    assert_eq!(good.status.code(), Some(0), "{}", errors(&good));
    let told: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!((told["size"].as_u64(), told["origin"].as_str()), (Some(5), Some(ORIGIN)));

    let lines: Vec<&str> = export.lines().collect();
    let dropped: Vec<&str> = [&lines[..5], &lines[6..]].concat();
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    let other = LocalAgent::ephemeral(8, Suite::Gm).unwrap();
    let forged = Log { folder: tempfile::tempdir().unwrap(), agent: std::sync::Arc::new(other) };
    let cases = [
        ("dropped", dropped.join("\n") + "\n"),
        ("swapped", swapped.join("\n") + "\n"),
        ("cut off", lines[..lines.len() - 1].join("\n") + "\n"),
        ("appended", export.clone() + lines[4] + "\n"),
        ("forged", String::from_utf8(forged.export(5)).unwrap()),
    ];
    for (name, text) in cases {
        let bad = verify(&log.write(name, text.as_bytes()), &keys, &[]);
        assert_eq!(bad.status.code(), Some(1), "{name}: {}", errors(&bad));
        assert!(errors(&bad).contains("audit.log_broken"), "{name}: {}", errors(&bad));
    }
}

#[test]
fn a_log_shorter_than_the_witness_saw_is_found() {
    let log = Log::new();
    let keys = log.keys();
    let seen = log.write("seen", log.checkpoint(5).as_bytes());
    let whole = verify(&log.write("whole", &log.export(6)), &keys, &[&seen]);
    assert_eq!(whole.status.code(), Some(0), "{}", errors(&whole));
    let cut = verify(&log.write("cut", &log.export(4)), &keys, &[&seen]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(errors(&cut).contains("truncated"), "{}", errors(&cut));
}

#[test]
fn a_key_that_is_none_is_a_usage_error() {
    let log = Log::new();
    let file = log.write("export", &log.export(1));
    let refused = verify(&file, Path::new("no-such-key"), &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("audit.bad_key"));
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_witness_cosigns_what_goes_on_and_nothing_else() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let log = Log::new();
    let mut command = Command::new(BINARY);
    command.args(["--quiet", "audit", "witness", "--name", "witness.example", "--listen", "127.0.0.1:0", "--key"]).arg(log.keys());
    command.arg("--state").arg(log.folder.path().join("witness")).stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    assert!(lines.next().unwrap().unwrap().starts_with("witness.example+"));

    let client = reqwest::Client::new();
    let send = async |old: u64, checkpoint: String| {
        let answer = client.post(&address).body(format!("old {old}\n\n{checkpoint}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, cosignature) = send(0, log.checkpoint(3)).await;
    assert_eq!(status, 200, "{cosignature}");
    assert!(cosignature.starts_with("— witness.example "), "{cosignature}");
    assert_eq!(send(0, log.checkpoint(3)).await, (409, "3\n".to_owned()));
    let (forked, _) = send(3, log.checkpoint(4)).await;
    assert_eq!(forked, 422, "a later checkpoint without its proof");
    assert_eq!(send(3, "nonsense".to_owned()).await.0, 400);
}
