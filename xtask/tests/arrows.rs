//! Who may depend on whom, and what may be depended on: read from the Cargo.toml files and the resolved graph.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;
use xtask::{licence, tree};

/// Package → the packages of this workspace it may use. Development dependencies are free: tests use `world`.
const ARROWS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("vault", &["kernel"]),
    ("store", &["kernel", "vault"]),
    ("screen", &["kernel"]),
    ("sip", &["kernel", "screen"]),
    ("cmpp", &[]),
    ("app", &["kernel", "vault", "store", "screen", "cmpp"]),
    ("world", &["kernel", "vault", "store", "cmpp", "app"]),
    ("chuangsha", &["kernel", "vault", "store", "screen", "sip", "app", "world"]),
];

fn manifests() -> BTreeMap<String, toml::Table> {
    let folder = tree::root().join("crates");
    let crates = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join("Cargo.toml")).unwrap();
        (entry.file_name().into_string().unwrap(), text.parse().unwrap())
    };
    crates.filter(|entry| entry.path().join("Cargo.toml").is_file()).map(read).collect()
}

fn used(manifest: &toml::Table) -> Vec<String> {
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[test]
fn every_arrow_points_the_right_way() {
    let manifests = manifests();
    assert_eq!(
        manifests.keys().map(String::as_str).collect::<Vec<_>>().len(),
        ARROWS.len(),
        "a package without its arrows: {:?}",
        manifests.keys()
    );
    for (name, may) in ARROWS {
        for dependency in used(&manifests[*name]) {
            if let Some(ours) = dependency.strip_prefix("chuangsha-") {
                assert!(may.contains(&ours), "{name} may not depend on {ours}");
            }
        }
    }
}

#[test]
fn only_the_store_names_a_database_driver() {
    for (name, manifest) in manifests() {
        for driver in ["rusqlite", "tokio-postgres", "sqlx", "diesel", "postgres"] {
            assert!(name == "store" || !used(&manifest).iter().any(|dependency| dependency == driver), "{name} depends on {driver}");
        }
    }
    for file in tree::files().iter().filter(|file| file.ends(".rs") && file.under("crates/") && !file.under("crates/store/")) {
        assert!(!file.text.contains("rusqlite::") && !file.text.contains("tokio_postgres::"), "{} names a driver", file.path);
    }
}

#[test]
fn the_kernel_the_vault_and_the_engine_do_no_input_or_output() {
    for (name, manifest) in manifests().iter().filter(|(name, _)| ["kernel", "vault", "screen"].contains(&name.as_str())) {
        for runtime in ["tokio", "axum", "reqwest", "tracing", "object_store"] {
            assert!(!used(manifest).iter().any(|dependency| dependency == runtime), "{name} depends on {runtime}");
        }
    }
}

/// The graph for one platform, as cargo resolves it.
fn resolved() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .current_dir(tree::root())
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts(value: &toml::Value, key: &str) -> Vec<String> {
    value[key].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_package_has_an_allowed_licence_and_source() {
    let deny: toml::Table = fs::read_to_string(tree::root().join("deny.toml")).unwrap().parse().unwrap();
    let allow = texts(&deny["licenses"], "allow");
    let banned: Vec<&str> = deny["bans"]["deny"].as_array().unwrap().iter().map(|entry| entry["crate"].as_str().unwrap()).collect();
    let registry = "registry+https://github.com/rust-lang/crates.io-index";

    let graph = resolved();
    let packages: BTreeMap<&str, &Value> =
        graph["packages"].as_array().unwrap().iter().map(|package| (package["id"].as_str().unwrap(), package)).collect();
    // What the features in force pull in, tests and build scripts included; not what a manifest could pull in.
    let nodes: BTreeMap<&str, &Value> =
        graph["resolve"]["nodes"].as_array().unwrap().iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let mut waiting: Vec<&str> = graph["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            waiting.extend(nodes[id]["deps"].as_array().unwrap().iter().map(|dependency| dependency["pkg"].as_str().unwrap()));
        }
    }
    assert!(seen.len() > 100, "the graph was not read: {}", seen.len());
    for id in seen {
        let package = packages[id];
        let name = package["name"].as_str().unwrap();
        let expression = package["license"].as_str().unwrap_or_default();
        assert!(licence::allowed(expression, &allow), "{name}: licence {expression:?} is not in deny.toml");
        assert!(!banned.contains(&name), "{name} is banned in deny.toml");
        assert!(package["source"].is_null() || package["source"] == registry, "{name} comes from {}", package["source"]);
    }
}
