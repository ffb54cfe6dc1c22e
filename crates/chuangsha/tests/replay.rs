//! `chuangsha screen replay`: the same file, the same bytes.

use std::{fs, process::Command};

fn replay(text: &str) -> (bool, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_chuangsha")).args(["--lang", "en", "screen", "replay"]).arg(&path).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

const SNAPSHOT: &str = r#"{"snapshot":{"version":41,"home":"china_mobile","on":"2026-11-22","trunks":[{"id":1,"name":"HK-2","ingress":"international"},{"id":7,"name":"T-07","ingress":"enterprise","outbound":true,"allowed":[[8695588,8695588]]}]}}"#;

/// A machine dialling through a block, one forged number, one emergency call.
fn calls() -> String {
    let mut lines = vec![SNAPSHOT.to_owned()];
    let call = |id: u64, trunk: u32, from: &str, callee: &str| {
        let at = 1_795_312_800_000 + id * 1_000;
        format!(r#"{{"attempt":{{"id":{id},"at":{at},"trunk":{trunk},"ingress":"interconnect","from":"{from}","callee":"{callee}"}}}}"#)
    };
    lines.extend((0..12).map(|at| call(at, 9, "19900001234", &format!("1990000{:04}", 2_000 + at))));
    lines.push(call(20, 1, "+8619900001234", "19900005678"));
    lines.push(call(21, 7, "95599", "19900005678"));
    lines.push(call(22, 7, "95599", "110"));
    lines.push(r#"{"outcome":{"at":1795312830000,"trunk":9,"caller":8619900001234,"callee":8619900002000,"ring_ms":2000,"talk_ms":0,"released":"caller"}}"#.to_owned());
    lines.push(r#"{"lift":{"number":8619900001234,"at":1795312840000,"immune_s":3600}}"#.to_owned());
    lines.push(call(50, 9, "19900001234", "19900002100"));
    lines.join("\n")
}

#[test]
fn the_same_file_gives_the_same_bytes_and_no_number_in_them() {
    let (well, first, errors) = replay(&calls());
    assert!(well, "{errors}");
    assert_eq!(replay(&calls()).1, first);
    assert!(!first.contains("1990000") && !errors.contains("1990000"));
    let verdicts: Vec<serde_json::Value> = first.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict["action"].as_str().unwrap(), verdict["reasons"][0]["rule"].as_str().unwrap_or("")))
        .collect();
    assert_eq!((said[0], said[11]), (("pass", ""), ("block", "sequential")));
    assert_eq!(said[12..], [("block", "forged_home"), ("block", "not_allowed"), ("pass", "emergency"), ("pass", "")]);
    assert_eq!(verdicts[12]["reasons"][0]["article"], "R-SCR-4");
}

#[test]
fn a_line_that_is_none_is_named_by_its_place_and_not_quoted() {
    let (well, _, errors) = replay(&format!("{SNAPSHOT}\n{{\"attempt\":{{\"number\":19900001234}}}}"));
    assert!(!well && errors.contains("line 2") && !errors.contains("1990000"), "{errors}");
    let (well, _, errors) = replay("\n{\"lift\":{\"number\":0,\"at\":0,\"immune_s\":1}}");
    assert!(!well && errors.contains("line 2"), "{errors}");
}
