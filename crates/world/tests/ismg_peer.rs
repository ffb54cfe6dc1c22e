//! The gateway's simulator against an SP of other make (the PyPI package `pycmpp`, CMPP 2.0).

use std::{path::PathBuf, time::Duration};

use chuangsha_world::ismg::Ismg;
use serde_json::Value;
use tokio::{process::Command, time::timeout};

const SHORT: &str = "【示范电信】您的号码已开通，㼆鿃女士。";

/// What the client told, line by line; `None` when it is not installed, which is only allowed outside CI.
async fn client(port: u16, secret: &str, texts: &[&str]) -> Option<Vec<Value>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/ismg");
    if !folder.join("packages/pycmpp").is_dir() {
        assert!(std::env::var_os("CI").is_none(), "run `.ci/prepare test` first");
        eprintln!("SKIPPED: the PyPI client is not installed (pip install --target tests/peers/ismg/packages -r requirements.txt)");
        return None;
    }
    let mut command = Command::new("python3");
    command.arg("client.py").arg(port.to_string()).arg(secret).args(texts).env("PYTHONPATH", "packages").current_dir(folder);
    let output = timeout(Duration::from_secs(20), command.kill_on_drop(true).output()).await.expect("in time").expect("python runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

#[tokio::test]
async fn an_sp_of_other_make_connects_sends_and_takes_its_leave() {
    let gateway = Ismg::start("901234", "secret").await.expect("listens");
    let long = SHORT.repeat(6);
    let Some(events) = client(gateway.address().port(), "secret", &[SHORT, &long]).await else { return };
    assert_eq!((events[0]["command"].as_str(), events[0]["status"].as_u64()), (Some("0x80000001"), Some(0)));
    let told: Vec<_> = events.iter().filter(|event| event["event"] == "submitted").collect();
    let taken = gateway.segments();
    assert_eq!(told.len(), taken.len());
    for (told, taken) in told.iter().zip(&taken) {
        assert_eq!((told["result"].as_u64(), told["id"].as_str()), (Some(0), Some(taken.id.to_string().as_str())));
        assert_eq!((taken.to.as_str(), taken.format), ("19900000001", 8));
    }
    let texts: Vec<String> = gateway.texts().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, [SHORT.to_owned(), long]);
    assert_eq!(events.last().map(|event| event["command"].as_str()), Some(Some("0x80000002")));
}

#[tokio::test]
async fn a_wrong_secret_is_refused_in_the_callers_own_version() {
    let gateway = Ismg::start("901234", "secret").await.expect("listens");
    let Some(events) = client(gateway.address().port(), "wrong", &[]).await else { return };
    assert_eq!((events[0]["command"].as_str(), events[0]["status"].as_u64()), (Some("0x80000001"), Some(3)));
    assert_eq!(gateway.connects(), 0);
}
