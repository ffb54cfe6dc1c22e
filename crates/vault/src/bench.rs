//! 速度: the measured loops behind `chuangsha bench vault` and `bench audit`, each with its baseline: the bare calls that do the same work.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{
    Domain, Field, LocalAgent, Place, Suite, Vault, VaultError,
    merkle::{Frontier, sha256},
    suite::random,
};

/// One measured loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    /// How often the work was done.
    pub operations: u64,
    /// How long that took.
    pub elapsed: Duration,
}

impl Loop {
    /// Operations a second.
    pub fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Microseconds an operation.
    pub fn micros(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e6 / (self.operations.max(1)) as f64
    }
}

/// A figure and its baseline, measured in the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Through the vault.
    pub ours: Loop,
    /// The bare calls.
    pub baseline: Loop,
}

fn timed(operations: u64, mut work: impl FnMut(u64) -> Result<(), VaultError>) -> Result<Loop, VaultError> {
    // A monotonic stopwatch, not the time of day: nothing of the business depends on it.
    let start = Instant::now();
    for number in 0..operations {
        work(number)?;
    }
    Ok(Loop { operations, elapsed: start.elapsed() })
}

const FIELDS: [(Place, &str); 6] = [
    (Place::new("person", "name"), "测试用户"),
    (Place::new("person", "document_number"), "990101199001010000"),
    (Place::new("person", "address"), "测试省测试市测试区测试路一百二十三号四单元五零六室"),
    (Place::new("person", "contact"), "19900001234"),
    (Place::new("person", "document_validity"), "2015-01-01/2035-01-01"),
    (Place::new("subscription", "number"), "19900001234"),
];

/// 入网一户: six fields sealed and two blind indexes, with the person's data key at hand. Baseline: the same HKDF, AES-GCM, randomness and HMAC calls of `ring`
/// with prepared inputs, or the suite's own primitives under GM.
pub fn subscriber(suite: Suite, operations: u64) -> Result<Measured, VaultError> {
    let vault = Vault::new(Arc::new(LocalAgent::ephemeral(1, suite)?), "bench", suite);
    let (key, _) = vault.new_key(Uuid::from_u128(1), Domain::Identity)?;
    let ours = timed(operations, |_| {
        for (place, value) in FIELDS {
            black_box(key.seal(place, value.as_bytes())?);
        }
        black_box(vault.blind(Field::Phone, "8619900001234")?);
        black_box(vault.blind(Field::DocumentNumber, "resident_id:990101199001010000")?);
        Ok(())
    })?;
    let baseline = bare::subscriber(suite, operations)?;
    Ok(Measured { ours, baseline })
}

/// As [`subscriber`], with a new data key made and wrapped for every person.
pub fn new_subscriber(suite: Suite, operations: u64) -> Result<Loop, VaultError> {
    let vault = Vault::new(Arc::new(LocalAgent::ephemeral(1, suite)?), "bench", suite);
    timed(operations, |number| {
        let (key, wrapped) = vault.new_key(Uuid::from_u128(u128::from(number)), Domain::Identity)?;
        black_box(wrapped);
        for (place, value) in FIELDS {
            black_box(key.seal(place, value.as_bytes())?);
        }
        black_box(vault.blind(Field::Phone, "8619900001234")?);
        black_box(vault.blind(Field::DocumentNumber, "resident_id:990101199001010000")?);
        Ok(())
    })
}

/// 追加审计: 300-byte entries into the frontier, in memory. Baseline: SHA-256 of the same entries and nothing else.
pub fn audit_append(operations: u64) -> Result<Measured, VaultError> {
    let mut entry = [0x5a_u8; 300];
    let mut number_into = |number: u64| {
        if let Some(head) = entry.first_chunk_mut::<8>() {
            *head = number.to_be_bytes();
        }
        entry
    };
    let mut log = Frontier::new();
    let ours = timed(operations, |number| {
        log.append(&number_into(number));
        Ok(())
    })?;
    black_box(log.root());
    let baseline = timed(operations, |number| {
        black_box(sha256(&[&number_into(number)]));
        Ok(())
    })?;
    Ok(Measured { ours, baseline })
}

/// The same work without the vault: no associated data built, no agent, no key look-up.
mod bare {
    use super::{FIELDS, Loop, Suite, VaultError, black_box, random, timed};
    use crate::suite::{AeadKey, Kdf, MacKey, NONCE};

    pub fn subscriber(suite: Suite, operations: u64) -> Result<Loop, VaultError> {
        let kdf = Kdf::new(suite, &[1; 32])?;
        let mac = MacKey::new(suite, &[2; 32])?;
        timed(operations, |_| {
            for (_, value) in FIELDS {
                let key = {
                    let derived = kdf.expand(b"column")?;
                    AeadKey::new(suite, &derived)?
                };
                let mut nonce = [0; NONCE];
                random(&mut nonce)?;
                let mut data = value.as_bytes().to_vec();
                black_box(key.seal(&nonce, b"associated", &mut data)?);
                black_box(data);
            }
            black_box(mac.tag(&[b"8619900001234"])?);
            black_box(mac.tag(&[b"resident_id:990101199001010000"])?);
            Ok(())
        })
    }
}
