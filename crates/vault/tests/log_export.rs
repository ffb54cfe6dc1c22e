//! The export against everything that can be done to it.

use std::sync::Arc;

use chuangsha_kernel::time::Timestamp;
use chuangsha_vault::{
    LocalAgent, Suite, Vault,
    checkpoint::Checkpoint,
    log_export::{Broken, Fault, Verified, Writer, verify},
    merkle::{Frontier, consistency_proof, inclusion_proof, leaf_hash, peaks_at, root_at},
    note::{Kind, NoteError, VerifierKey},
    proof::{LogProof, ProofError},
    witness::{Refusal, Request, Witness},
};
use proptest::prelude::*;

const ORIGIN: &str = "chuangsha.example/audit";
const AT: Timestamp = Timestamp(1_795_000_000_000);
const SIZE: usize = 25;
/// A checkpoint after every so many entries.
const EVERY: usize = 10;

fn vault(seed: u64, suite: Suite) -> Vault {
    Vault::new(Arc::new(LocalAgent::ephemeral(seed, suite).unwrap()), "carrier", suite)
}

fn entry(number: usize) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

fn checkpoint_of(log: &Frontier) -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size: log.size(), root: log.root() }
}

/// An export of these entries, signed by `vault`: what an honest log writes, and what a forger with the key would.
fn export(vault: &Vault, entries: &[Vec<u8>]) -> String {
    let mut log = Frontier::new();
    let mut writer = Writer::start(Vec::new(), ORIGIN, Frontier::new()).unwrap();
    for (number, entry) in entries.iter().enumerate() {
        writer.entry(entry).unwrap();
        log.append(entry);
        if (number + 1) % EVERY == 0 || number + 1 == entries.len() {
            writer.checkpoint(&vault.sign_checkpoint(&checkpoint_of(&log)).unwrap()).unwrap();
        }
    }
    String::from_utf8(writer.close(vault.agent(), AT).unwrap()).unwrap()
}

fn entries() -> Vec<Vec<u8>> {
    (0..SIZE).map(entry).collect()
}

fn check(text: &str, keys: &[VerifierKey], seen: &[Checkpoint]) -> Result<Verified, Broken> {
    verify(text.as_bytes(), keys, seen, &mut |_, _| {}).unwrap()
}

fn join(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Line of entry `number` in the file.
fn line_of(number: usize) -> usize {
    3 + number + number / EVERY
}

#[test]
fn an_honest_export_verifies_with_the_public_key_alone() {
    for suite in [Suite::International, Suite::Gm] {
        let vault = vault(1, suite);
        let text = export(&vault, &entries());
        for key in vault.verifier_keys(ORIGIN).unwrap() {
            // The key goes through its text form, as it would reach a regulator.
            let key = VerifierKey::parse(&key.to_string()).unwrap();
            let mut passed = Vec::new();
            let verified = verify(text.as_bytes(), &[key], &[], &mut |_, entry| passed.push(entry.to_vec())).unwrap().unwrap();
            assert_eq!((verified.size, verified.checkpoints, verified.origin.as_str()), (SIZE as u64, 3, ORIGIN));
            assert_eq!(passed, entries());
        }
        let other = self::vault(2, suite).verifier_keys(ORIGIN).unwrap();
        assert!(matches!(check(&text, &other, &[]), Err(Broken { fault: Fault::Checkpoint(NoteError::Unsigned), .. })));
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let text = export(&vault, &entries());
    for position in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            let found = verify(bytes.as_slice(), &keys, &[], &mut |_, _| {}).unwrap();
            assert!(found.is_err(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn an_altered_entry_is_found_at_its_index() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let honest = lines(&export(&vault, &entries()));
    for number in 0..SIZE {
        let mut forged = honest.clone();
        let (head, _) = forged[line_of(number)].rsplit_once(' ').unwrap();
        forged[line_of(number)] = format!("{head} Zm9yZ2Vk");
        let broken = check(&join(&forged), &keys, &[]).unwrap_err();
        assert_eq!((broken.index, broken.fault), (number as u64, Fault::Altered));

        // A forger who recomputes the hash as well is found at the next checkpoint.
        let mut entries = entries();
        entries[number] = b"forged".to_vec();
        let recomputed = lines(&export(&vault, &entries));
        forged[line_of(number)].clone_from(&recomputed[line_of(number)]);
        let broken = check(&join(&forged), &keys, &[]).unwrap_err();
        assert_eq!(broken.index as usize, number / EVERY * EVERY);
        assert!(matches!(broken.fault, Fault::Root { .. }));
    }
}

#[test]
fn a_dropped_entry_is_found_at_its_index() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let honest = lines(&export(&vault, &entries()));
    for number in 0..SIZE {
        let mut forged = honest.clone();
        forged.remove(line_of(number));
        let broken = check(&join(&forged), &keys, &[]).unwrap_err();
        // The last entry before a checkpoint leaves no gap in the numbers: the checkpoint misses it.
        assert!(broken.index as usize == number || matches!(broken.fault, Fault::Misplaced { .. }), "{number}: {broken}");

        // Renumbered, with fitting hashes and the genuine checkpoints.
        let mut entries = entries();
        entries.remove(number);
        let mut forged = honest.clone();
        forged.remove(line_of(number));
        let renumbered = lines(&export(&vault, &entries));
        let mut body = renumbered.iter().filter(|line| line.starts_with("entry"));
        for line in forged.iter_mut().filter(|line| line.starts_with("entry")) {
            line.clone_from(body.next().unwrap());
        }
        let broken = check(&join(&forged), &keys, &[]).unwrap_err();
        assert_eq!(broken.index as usize, number / EVERY * EVERY, "{broken}");
    }
}

#[test]
fn reordered_entries_are_found_at_the_first_of_them() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let honest = lines(&export(&vault, &entries()));
    for first in 0..SIZE {
        for second in first + 1..SIZE {
            let mut forged = honest.clone();
            forged.swap(line_of(first), line_of(second));
            let broken = check(&join(&forged), &keys, &[]).unwrap_err();
            assert_eq!((broken.index, broken.fault), (first as u64, Fault::OutOfOrder { expected: first as u64, found: second as u64 }));

            // Swapped contents under their right numbers and hashes.
            let mut entries = entries();
            entries.swap(first, second);
            let swapped = lines(&export(&vault, &entries));
            let mut forged = honest.clone();
            for number in [first, second] {
                forged[line_of(number)].clone_from(&swapped[line_of(number)]);
            }
            let broken = check(&join(&forged), &keys, &[]).unwrap_err();
            assert_eq!(broken.index as usize, first / EVERY * EVERY);
        }
    }
}

#[test]
fn a_truncated_export_is_found_at_every_length() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let text = export(&vault, &entries());
    for length in 0..text.len() {
        assert!(check(&text[..length], &keys, &[]).is_err(), "{length}");
    }
    let lines = lines(&text);
    for kept in 0..lines.len() - 1 {
        // The genuine closing behind fewer entries.
        let mut forged = lines[..kept].to_vec();
        forged.push(lines[lines.len() - 1].clone());
        // Only the last checkpoint may be missing: the closing vouches for the same entries.
        assert_eq!(check(&join(&forged), &keys, &[]).is_err(), kept < lines.len() - 2, "{kept}");
    }
    assert_eq!(check(&(text.clone() + "more\n"), &keys, &[]).unwrap_err().fault, Fault::Trailing);
}

#[test]
fn a_log_rewritten_by_the_holder_of_the_key_is_found_by_what_a_witness_saw() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let honest = entries();
    let seen = |size: usize| {
        let mut log = Frontier::new();
        honest[..size].iter().for_each(|entry| {
            log.append(entry);
        });
        checkpoint_of(&log)
    };
    for size in 1..=SIZE {
        assert_eq!(check(&export(&vault, &honest), &keys, &[seen(size)]).unwrap().witnessed, 1);
        for forked in 0..size {
            let mut entries = honest.clone();
            entries[forked] = b"rewritten".to_vec();
            let broken = check(&export(&vault, &entries), &keys, &[seen(size)]).unwrap_err();
            assert_eq!(broken.fault, Fault::Forked { size: size as u64 });
        }
        let truncated = export(&vault, &honest[..size - 1]);
        let broken = check(&truncated, &keys, &[seen(size)]).unwrap_err();
        assert_eq!((broken.index, broken.fault), (size as u64 - 1, Fault::Truncated { size: size as u64 }));
    }
}

#[test]
fn an_export_may_start_at_a_checkpoint_and_only_there() {
    let vault = vault(1, Suite::International);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let hashes: Vec<_> = entries().iter().map(|entry| leaf_hash(entry)).collect();
    let start = 13;
    let before = Frontier::resume(start, peaks_at(hashes.as_slice(), start).unwrap()).unwrap();
    let mut log = before.clone();
    let mut write = |anchored: bool| {
        let mut writer = Writer::start(Vec::new(), ORIGIN, before.clone()).unwrap();
        if anchored {
            writer.checkpoint(&vault.sign_checkpoint(&checkpoint_of(&before)).unwrap()).unwrap();
        }
        for entry in &entries()[13..] {
            writer.entry(entry).unwrap();
            log.append(entry);
        }
        String::from_utf8(writer.close(vault.agent(), AT).unwrap()).unwrap()
    };
    let verified = check(&write(true), &keys, &[]).unwrap();
    assert_eq!((verified.start, verified.size, Some(verified.root)), (start, SIZE as u64, root_at(hashes.as_slice(), SIZE as u64)));
    assert!(check(&write(false), &keys, &[]).is_err());
}

#[test]
fn a_log_proof_holds_for_its_entry_only() {
    let vault = vault(1, Suite::Gm);
    let keys = vault.verifier_keys(ORIGIN).unwrap();
    let hashes: Vec<_> = entries().iter().map(|entry| leaf_hash(entry)).collect();
    let size = SIZE as u64;
    let root = root_at(hashes.as_slice(), size).unwrap();
    let checkpoint = vault.sign_checkpoint(&Checkpoint { origin: ORIGIN.to_owned(), size, root }).unwrap();
    for index in 0..size {
        let hashes = inclusion_proof(hashes.as_slice(), index, size).unwrap();
        let extra = (index % 2 == 0).then(|| b"hint".to_vec());
        let proof = LogProof { extra, index, hashes, checkpoint: checkpoint.clone() };
        let read = LogProof::parse(&proof.to_string()).unwrap();
        assert_eq!(read, proof);
        for other in 0..SIZE {
            let held = read.verify(&entry(other), &keys);
            assert_eq!(held.is_ok(), other as u64 == index);
            assert!(held.is_ok() || held == Err(ProofError::Absent(index)));
        }
    }
}

struct Watched {
    log: Vault,
    witness: Witness,
    hashes: Vec<[u8; 32]>,
    _folder: tempfile::TempDir,
}

impl Watched {
    fn new() -> Self {
        let log = vault(1, Suite::Gm);
        let folder = tempfile::tempdir().unwrap();
        let agent = Arc::new(LocalAgent::ephemeral(9, Suite::International).unwrap());
        let keys = log.verifier_keys(ORIGIN).unwrap();
        let witness = Witness::new(agent, "regulator.example/w1", keys, folder.path().join("last-checkpoint"));
        let hashes = entries().iter().map(|entry| leaf_hash(entry)).collect();
        Self { log, witness, hashes, _folder: folder }
    }

    fn request(&self, hashes: &[[u8; 32]], old: u64, size: u64) -> Request {
        let root = root_at(hashes, size).unwrap();
        let checkpoint = self.log.sign_checkpoint(&Checkpoint { origin: ORIGIN.to_owned(), size, root }).unwrap();
        Request { old, proof: consistency_proof(hashes, old, size).unwrap(), checkpoint }
    }
}

#[test]
fn a_witness_cosigns_what_goes_on_from_what_it_saw() {
    let watched = Watched::new();
    let mut old = 0;
    for size in [3, 4, 17, 17, 25] {
        let request = Request::parse(&watched.request(&watched.hashes, old, size).to_string()).unwrap();
        let line = watched.witness.add_checkpoint(&request, AT).unwrap();
        let mut keys = watched.log.verifier_keys(ORIGIN).unwrap();
        let witness_key = VerifierKey::parse(&watched.witness.verifier_key().unwrap().to_string()).unwrap();
        assert_eq!(witness_key.kind, Kind::Cosignature);
        keys.push(witness_key.clone());
        let cosigned = request.checkpoint.clone() + &line;
        assert_eq!(Checkpoint::verify(&cosigned, &keys).unwrap().size, size);
        let (_, note) = Checkpoint::parse(&cosigned).unwrap();
        let seen = note.verify(std::slice::from_ref(&witness_key)).unwrap();
        assert_eq!(seen[0].seen_s, Some(AT.0 as u64 / 1000));
        // A witness alone does not speak for the log.
        assert_eq!(Checkpoint::verify(&cosigned, &[witness_key]), Err(NoteError::Unsigned));
        assert_eq!(watched.witness.last().unwrap().unwrap().size, size);
        old = size;
    }
}

#[test]
fn a_witness_refuses_what_does_not_go_on_from_what_it_saw() {
    let watched = Watched::new();
    watched.witness.add_checkpoint(&watched.request(&watched.hashes, 0, 10), AT).unwrap();
    for forked in 0..10 {
        let mut hashes = watched.hashes.clone();
        hashes[forked] = leaf_hash(b"rewritten");
        for size in 10..=25 {
            let refusal = watched.witness.add_checkpoint(&watched.request(&hashes, 10, size), AT).unwrap_err();
            assert_eq!(refusal, Refusal::Inconsistent(10));
        }
    }
    assert_eq!(watched.witness.add_checkpoint(&watched.request(&watched.hashes, 0, 20), AT), Err(Refusal::Stale(10)));
    assert_eq!(watched.witness.add_checkpoint(&watched.request(&watched.hashes, 4, 9), AT), Err(Refusal::Stale(10)));
    let mut unsigned = watched.request(&watched.hashes, 10, 20);
    let stranger = vault(5, Suite::International);
    let root = root_at(watched.hashes.as_slice(), 20).unwrap();
    unsigned.checkpoint = stranger.sign_checkpoint(&Checkpoint { origin: ORIGIN.to_owned(), size: 20, root }).unwrap();
    assert_eq!(watched.witness.add_checkpoint(&unsigned, AT), Err(Refusal::Unsigned(NoteError::Unsigned)));
    unsigned.checkpoint = stranger.sign_checkpoint(&Checkpoint { origin: "other.example".to_owned(), size: 20, root }).unwrap();
    assert_eq!(watched.witness.add_checkpoint(&unsigned, AT), Err(Refusal::Origin));
    assert_eq!(watched.witness.last().unwrap().unwrap().size, 10);
}

#[test]
fn an_agent_names_its_algorithms() {
    assert_eq!(vault(1, Suite::International).agent().algorithms().len(), 1);
    assert_eq!(vault(1, Suite::Gm).agent().algorithms().len(), 2);
}

proptest! {
    #[test]
    fn no_reader_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,80}(\n\\PC{0,40}){0,8}\n{0,2}") {
        let keys = vault(1, Suite::International).verifier_keys(ORIGIN).unwrap();
        let _ = verify(bytes.as_slice(), &keys, &[], &mut |_, _| {}).unwrap();
        let _ = check(&format!("chuangsha-audit-export v1\norigin {ORIGIN}\n{text}"), &keys, &[]);
        let _ = check(&format!("chuangsha-audit-export v1\norigin {ORIGIN}\nstart 0\nentry 0 {text}\n"), &keys, &[]);
        let _ = Checkpoint::parse(&text);
        let _ = Checkpoint::parse(&format!("{text}\n— {text}\n"));
        let _ = LogProof::parse(&format!("c2sp.org/tlog-proof@v1\n{text}"));
        let _ = Request::parse(&format!("old {text}"));
        let _ = VerifierKey::parse(&text);
        let _ = chuangsha_vault::shelf(&bytes);
    }
}
