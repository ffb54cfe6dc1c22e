//! What is generated and kept in the tree is what this program generates.

use std::{path::Path, process::Command};

#[test]
fn the_description_of_the_interface_is_this_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_chuangsha")).arg("openapi").output().unwrap();
    let kept = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json")).unwrap_or_default();
    assert!(output.status.success());
    assert!(kept == output.stdout, "run: cargo run -p xtask -- regenerate");
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_chuangsha")).args(["completions", shell]).output().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains("serve"), "{shell}");
    }
}

#[test]
fn the_law_is_listed_with_its_article() {
    let output = Command::new(env!("CARGO_BIN_EXE_chuangsha"))
        .args(["--json", "rules", "list", "limit.mobile_numbers", "--on", "2026-11-22"])
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((told["rules"][0]["value"].as_i64(), told["rules"][0]["article"].as_str()), (Some(5), Some("R-LIM-1")));
    let none = Command::new(env!("CARGO_BIN_EXE_chuangsha")).args(["rules", "list", "no.such.rule"]).output().unwrap();
    assert_eq!(none.status.code(), Some(3));
    let checked = Command::new(env!("CARGO_BIN_EXE_chuangsha")).args(["rules", "check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
}
