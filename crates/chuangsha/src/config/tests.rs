//! Layers in order, every wrong value named, no secret shown.

use super::*;

fn load(file: Option<&str>, environment: &[(&str, &str)], set: &[&str]) -> Result<Settings, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    let path = file.map(|text| {
        let path = folder.path().join("site.toml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let overrides = Overrides { file: path, data: None, set: set.iter().map(|text| (*text).to_owned()).collect() };
    Settings::load(&overrides, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn ids(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.code.id).collect()
}

#[test]
fn a_later_layer_wins_and_says_so() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndrain_seconds = 3\n[log]\nlevel = \"debug\"";
    let settings = load(Some(file), &[("CHUANGSHA__SERVER__LISTEN", "127.0.0.1:2")], &["server.drain_seconds=4"]).unwrap();
    assert_eq!(settings.text("server.listen"), "127.0.0.1:2");
    assert_eq!(settings.number("server.drain_seconds"), 4);
    assert_eq!(settings.text("log.level"), "debug");
    let origin = |key: &str| settings.lines().into_iter().find(|line| line.key == key).unwrap().origin;
    assert_eq!(origin("server.listen"), "CHUANGSHA__SERVER__LISTEN");
    assert_eq!(origin("server.drain_seconds"), "--set");
    assert!(origin("log.level").ends_with("site.toml"));
    assert_eq!(origin("log.format"), "default");
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let file = "[server]\nlisten = \"here\"\ntls = \"maybe\"\nlisen = \"127.0.0.1:1\"\n[stroe]\nurl = \"sqlite:x\"";
    let problems = load(Some(file), &[("CHUANGSHA__STORE__READERS", "many")], &["nonsense"]).unwrap_err();
    let found = ids(&problems);
    assert_eq!(found.iter().filter(|id| **id == "config.wrong_shape").count(), 3, "{found:?}");
    assert_eq!(found.iter().filter(|id| **id == "config.unknown_key").count(), 2, "{found:?}");
    assert!(found.contains(&"config.not_a_pair"));
    let typo = problems.iter().find(|problem| problem.field.as_deref() == Some("server.lisen")).unwrap();
    assert_eq!(typo.remedy(chuangsha_kernel::problem::Language::English), "did you mean server.listen?");
}

#[test]
fn a_number_outside_its_bounds_is_refused() {
    assert_eq!(ids(&load(None, &[], &["server.drain_seconds=301"]).unwrap_err()), ["config.wrong_shape"]);
    assert!(load(None, &[], &["server.drain_seconds=300"]).is_ok());
}

#[test]
fn settings_that_need_one_another_are_checked_together() {
    let problems = load(None, &[], &["server.tls=files", "sms.sink=smpp"]).unwrap_err();
    assert_eq!(ids(&problems), ["config.missing"; 4]);
    let problems = load(None, &[], &["sip.listen=udp:127.0.0.1:5060,tls:[::1]:5061"]).unwrap_err();
    assert_eq!(ids(&problems), ["config.missing"; 3], "trunks, certificate, key");
}

#[test]
fn ways_to_listen_and_files_to_follow_are_checked_one_by_one() {
    for fine in ["sip.cdr_files=kamailio:/var/log/k.log,asterisk:Master.csv", "sip.hep_listen=127.0.0.1:9060", "sip.hep_listen="] {
        assert!(load(None, &[], &[fine]).is_ok(), "{fine}");
    }
    for wrong in [
        "sip.listen=127.0.0.1:5060",
        "sip.listen=udp:localhost:5060",
        "sip.listen=sctp:127.0.0.1:5060",
        "sip.cdr_files=/var/log/k.log",
        "sip.cdr_files=kamailio:",
        "sip.hep_listen=9060",
    ] {
        assert_eq!(ids(&load(None, &[], &[wrong]).unwrap_err()), ["config.wrong_shape"], "{wrong}");
    }
}

#[test]
fn broken_toml_names_its_line() {
    let problems = load(Some("[server]\nlisten = \"127.0.0.1:1\"\ntls = \n"), &[], &[]).unwrap_err();
    assert_eq!(ids(&problems), ["config.not_toml"]);
    assert_eq!(problems[0].data["line"], "3");
}

#[test]
fn a_secret_comes_from_its_file_and_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "opened-by-nobody\n").unwrap();
    let settings = load(None, &[("CHUANGSHA__SMS__SMPP_PASSWORD_FILE", path.to_str().unwrap())], &[]).unwrap();
    assert_eq!(settings.text("sms.smpp_password"), "opened-by-nobody");
    assert!(settings.lines().iter().all(|line| !line.value.contains("opened")));
    let absent = load(None, &[("CHUANGSHA__SMS__SMPP_PASSWORD_FILE", "/nowhere/at/all")], &[]).unwrap_err();
    assert_eq!(ids(&absent), ["config.unreadable"]);
}

#[test]
fn only_a_secret_has_a_file_beside_it() {
    assert_eq!(ids(&load(None, &[("CHUANGSHA__SERVER__LISTEN_FILE", "x")], &[]).unwrap_err()), ["config.unknown_key"]);
}

#[test]
fn the_annotated_file_is_the_defaults() {
    let settings = load(Some(&print::annotated()), &[], &[]).unwrap();
    for key in KEYS {
        assert_eq!(settings.value(key.name), &default_of(key), "{}", key.name);
        assert!(key.shape.fits(&default_of(key)), "{}", key.name);
    }
}

#[test]
fn the_annotated_file_in_the_documentation_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/chuangsha.toml");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == print::annotated(), "run: chuangsha config print --defaults > docs/operate/chuangsha.toml");
}

#[test]
fn the_schema_knows_every_key() {
    let schema = print::schema(chuangsha_kernel::problem::Language::English);
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap();
        assert!(schema["properties"][section]["properties"][name]["description"].is_string(), "{}", key.name);
    }
}
