//! 测速: each figure beside a baseline measured in the same run on the same machine, so that a ratio means the same everywhere.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the machine's clock; nothing is decided by it")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use chuangsha_kernel::{
    codes,
    problem::Problem,
    role::{Action, Matrix, Role},
};
use chuangsha_vault::{DataKey, Domain, Field, LocalAgent, Place, Suite, Vault, VaultError, merkle};
use uuid::Uuid;

use crate::{
    cli::Group,
    say::{Outcome, Say},
};

codes! {
    FAILED = "bench.failed", 500,
        "测量 {group} 未完成：{reason}", "measuring {group} did not finish: {reason}",
        "检查磁盘空间与临时目录后重试", "check disk space and the temporary directory, then try again";
}

/// One measured figure.
#[derive(Debug, serde::Serialize)]
struct Figure {
    bench: String,
    value: f64,
    unit: &'static str,
    baseline: f64,
    ratio: f64,
}

impl Figure {
    fn new(bench: impl Into<String>, value: f64, unit: &'static str, baseline: f64) -> Self {
        Self { bench: bench.into(), value: short(value), unit, baseline: short(baseline), ratio: short(value / baseline) }
    }
}

/// Three digits that matter.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// `chuangsha bench GROUP`: prints each figure as soon as it is measured.
pub fn run(say: &Say, group: Group) -> Outcome {
    if cfg!(debug_assertions) {
        say.note("注意：这是调试版，数字没有意义", "careful: this is a debug build, its figures mean nothing");
    }
    let failed = |reason: &dyn std::fmt::Display| Problem::new(&FAILED).with("group", group.name()).with("reason", reason);
    let figures = match group {
        Group::Vault => vault().map_err(|error| failed(&error))?,
        Group::Authz => authz().map_err(|error| failed(&error))?,
        Group::Audit => audit(),
    };
    if say.json {
        for figure in &figures {
            say.answer(&serde_json::to_string(figure).unwrap_or_default());
        }
        return Ok(());
    }
    let rows = figures.iter().map(|figure| {
        vec![figure.bench.clone(), figure.value.to_string(), figure.unit.to_owned(), figure.baseline.to_string(), figure.ratio.to_string()]
    });
    let heads = [
        say.pick("项目", "bench"),
        say.pick("值", "value"),
        say.pick("单位", "unit"),
        say.pick("基线", "baseline"),
        say.pick("比", "ratio"),
    ];
    say.table(&heads, &rows.collect::<Vec<_>>());
    Ok(())
}

/// Repeats for about half a second and gives the best of five rounds in seconds a turn: the least disturbed one.
fn seconds(mut turn: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut turns = 0_u32;
    while started.elapsed() < Duration::from_millis(100) {
        turn();
        turns += 1;
    }
    let round = |turn: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..turns).for_each(|_| turn());
        started.elapsed().as_secs_f64() / f64::from(turns)
    };
    (0..5).map(|_| round(&mut turn)).fold(f64::INFINITY, f64::min)
}

const COLUMNS: [Place; 6] = [
    Place::new("person", "name"),
    Place::new("person", "document"),
    Place::new("person", "address"),
    Place::new("number", "phone"),
    Place::new("person", "contact"),
    Place::new("person", "remark"),
];

fn seal_subscriber(vault: &Vault, key: &DataKey, value: &[u8], phone: &str, document: &str) -> Result<(), VaultError> {
    for place in COLUMNS {
        black_box(key.seal(place, value)?);
    }
    black_box(vault.blind(Field::Phone, phone)?);
    black_box(vault.blind(Field::DocumentNumber, document)?);
    Ok(())
}

/// Six fields sealed and two blind indexes, against the bare primitives under keys made beforehand.
fn vault() -> Result<Vec<Figure>, VaultError> {
    let (value, phone, document) = ([7_u8; 64], "8619900000001", "resident_id:99010119900101000X");
    let bare = bare_primitives(&value, phone, document);
    let measure = |suite| -> Result<f64, VaultError> {
        let vault = Vault::new(Arc::new(LocalAgent::ephemeral(1, suite)?), "bench", suite);
        let (key, _) = vault.new_key(Uuid::from_u128(1), Domain::Identity)?;
        seal_subscriber(&vault, &key, &value, phone, document)?;
        Ok(seconds(|| drop(seal_subscriber(&vault, &key, &value, phone, document))))
    };
    let micro = |seconds: f64| seconds * 1e6;
    Ok(vec![
        Figure::new("vault/subscriber", micro(measure(Suite::International)?), "µs", micro(bare)),
        Figure::new("vault/subscriber_gm", micro(measure(Suite::Gm)?), "µs", micro(bare)),
    ])
}

fn bare_primitives(value: &[u8], phone: &str, document: &str) -> f64 {
    use ring::{aead, hmac};
    let Ok(key) = aead::UnboundKey::new(&aead::AES_256_GCM, &[1; 32]) else { return f64::NAN };
    let (key, index) = (aead::LessSafeKey::new(key), hmac::Key::new(hmac::HMAC_SHA256, &[2; 32]));
    let mut counter = 0_u64;
    seconds(|| {
        for _ in COLUMNS {
            counter += 1;
            let mut nonce = [0; 12];
            nonce[..8].copy_from_slice(&counter.to_le_bytes());
            let mut text = value.to_vec();
            let sealed = key.seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(&[3; 32]), &mut text);
            black_box((sealed.is_ok(), text));
        }
        black_box((hmac::sign(&index, phone.as_bytes()), hmac::sign(&index, document.as_bytes())));
    })
}

/// One decision of the compiled table, against a search of the table row by row.
fn authz() -> Result<Vec<Figure>, chuangsha_kernel::role::MatrixError> {
    let value = chuangsha_kernel::role::bench()?;
    let matrix = Matrix::embedded()?;
    let pairs = Role::ALL.iter().flat_map(|role| Action::ALL.iter().map(move |action| (*role, *action))).collect::<Vec<_>>();
    let search = seconds(|| {
        for (role, action) in &pairs {
            let row = matrix.rules().iter().find(|rule| rule.roles.contains(role) && rule.actions.contains(action));
            black_box(row.map(|rule| rule.id.as_str()));
        }
    });
    let baseline = search * 1e9 / pairs.len() as f64;
    Ok(vec![Figure::new("authz/decision", value, "ns", baseline)])
}

/// Entries of 300 bytes into the tree, against a plain chain of hashes.
fn audit() -> Vec<Figure> {
    const ENTRIES: usize = 10_000;
    let entry = [9_u8; 300];
    let tree = seconds(|| {
        let mut frontier = merkle::Frontier::new();
        for _ in 0..ENTRIES {
            frontier.append(black_box(&entry));
        }
        black_box(frontier.root());
    });
    let chain = seconds(|| {
        let mut last = [0; 32];
        for _ in 0..ENTRIES {
            last = merkle::sha256(&[&last, black_box(&entry)]);
        }
        black_box(last);
    });
    let per_second = |seconds: f64| ENTRIES as f64 / seconds;
    vec![Figure::new("audit/append", per_second(tree), "entries/s", per_second(chain))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_their_ratio_is_of_the_measured_values() {
        let figure = Figure::new("a/b", 9_312.4, "tx/s", 17_003.0);
        assert_eq!((figure.value, figure.baseline, figure.ratio), (9_310.0, 17_000.0, 0.548));
        assert_eq!(short(0.001_234), 0.001_23);
    }
}
