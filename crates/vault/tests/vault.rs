//! The vault as its users see it: what opens where, what rotation and destruction leave open, and what two key files survive.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use chuangsha_kernel::{
    name::PersonName,
    phone::Phone,
    problem::{Language, Refuse as _},
    time::Timestamp,
};
use chuangsha_vault::{
    DataKey, Destruction, Domain, Field, Grant, LocalAgent, Masked, Month, Place, RevealError, Revealed, Sealed, Shelf, Suite, Vault,
    VaultError,
    agent::{Statement, Target},
    checkpoint::Checkpoint,
    error, merkle,
    merkle::Frontier,
    shelf,
};
use proptest::prelude::*;
use uuid::Uuid;

const SUITES: [Suite; 2] = [Suite::International, Suite::Gm];
const NAME: Place = Place::new("person", "name");
const SUBJECT: Uuid = Uuid::from_u128(1);

fn vault(suite: Suite) -> Vault {
    Vault::new(Arc::new(LocalAgent::ephemeral(7, suite).unwrap()), "carrier", suite)
}

fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

/// Everything a value can be moved between: tenants, subjects, domains, tables, columns.
fn keys_and_places(suite: Suite) -> Vec<(DataKey, Vec<u8>, Place)> {
    let agent = Arc::new(LocalAgent::ephemeral(7, suite).unwrap());
    let mut all = Vec::new();
    for tenant in ["carrier", "reseller"] {
        let vault = Vault::new(agent.clone(), tenant, suite);
        for subject in [1, 2] {
            for domain in [Domain::Identity, Domain::Documents] {
                for (table, column) in [("person", "name"), ("person", "number"), ("order", "name"), ("personn", "ame"), ("perso", "nname")]
                {
                    let (key, wrapped) = vault.new_key(Uuid::from_u128(subject), domain).unwrap();
                    all.push((key, wrapped, Place::new(table, column)));
                }
            }
        }
    }
    all
}

#[test]
fn a_ciphertext_swapped_for_any_other_is_refused() {
    for suite in SUITES {
        let cells = keys_and_places(suite);
        let sealed: Vec<_> = cells.iter().map(|(key, _, place)| key.seal(*place, "张三".as_bytes()).unwrap()).collect();
        for (here, (key, _, place)) in cells.iter().enumerate() {
            for (there, sealed) in sealed.iter().enumerate() {
                match key.open(*place, sealed) {
                    Ok(plain) => assert!(here == there && plain.as_slice() == "张三".as_bytes()),
                    Err(error) => assert!(here != there && error == VaultError::Refused),
                }
            }
        }
    }
}

/// The same data key, so that only the associated data and the column key stand between the places.
#[test]
fn a_ciphertext_moved_under_the_same_key_is_refused() {
    for suite in SUITES {
        let (key, _) = vault(suite).new_key(SUBJECT, Domain::Identity).unwrap();
        let places =
            [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc"), ("b", "ac"), ("a", "c")].map(|(table, column)| Place::new(table, column));
        for from in places {
            let sealed = key.seal(from, b"value").unwrap();
            for to in places {
                assert_eq!(key.open(to, &sealed).is_ok(), from == to);
            }
        }
    }
}

#[test]
fn a_data_key_opens_for_its_tenant_subject_and_domain_only() {
    for suite in SUITES {
        let agent = Arc::new(LocalAgent::ephemeral(7, suite).unwrap());
        let owners: Vec<(Vault, Uuid, Domain)> = ["carrier", "reseller", ""]
            .iter()
            .flat_map(|tenant| {
                let vault = Vault::new(agent.clone(), tenant, suite);
                Domain::ALL.into_iter().flat_map(move |domain| [1, 2].map(|subject| (vault.clone(), Uuid::from_u128(subject), domain)))
            })
            .collect();
        let wrapped: Vec<_> = owners.iter().map(|(vault, subject, domain)| vault.new_key(*subject, *domain).unwrap().1).collect();
        for (here, (vault, subject, domain)) in owners.iter().enumerate() {
            for (there, wrapped) in wrapped.iter().enumerate() {
                assert_eq!(vault.open_key(*subject, *domain, wrapped).is_ok(), here == there);
            }
        }
    }
}

#[test]
fn one_flipped_bit_of_a_wrapped_key_is_refused() {
    for suite in SUITES {
        let vault = vault(suite);
        let (_, wrapped) = vault.new_key(SUBJECT, Domain::Identity).unwrap();
        for shelved in [
            wrapped.clone(),
            vault.rewrap_to_bucket(month("2028-11"), &wrapped, SUBJECT, Domain::Identity).unwrap().unwrap(),
            vault.rewrap_to(Target::Hold, &wrapped, SUBJECT, Domain::Identity).unwrap().unwrap(),
        ] {
            assert!(vault.open_key(SUBJECT, Domain::Identity, &shelved).is_ok());
            for bit in 0..shelved.len() * 8 {
                let mut flipped = shelved.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(vault.open_key(SUBJECT, Domain::Identity, &flipped).is_err(), "bit {bit}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_sealed_opens_and_one_flipped_bit_does_not(
        plain in proptest::collection::vec(any::<u8>(), 0..200), suite in 0..2_usize, bit in any::<proptest::sample::Index>(), cut in any::<proptest::sample::Index>(),
    ) {
        let (key, _) = vault(SUITES[suite]).new_key(SUBJECT, Domain::Identity).unwrap();
        let sealed = key.seal(NAME, &plain).unwrap();
        prop_assert_eq!(sealed.len(), plain.len() + 33);
        prop_assert_eq!(&*key.open(NAME, &sealed).unwrap(), &plain);
        prop_assert_ne!(&sealed, &key.seal(NAME, &plain).unwrap());
        let mut flipped = sealed.clone();
        let bit = bit.index(sealed.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key.open(NAME, &flipped).is_err());
        prop_assert!(key.open(NAME, &sealed[..cut.index(sealed.len())]).is_err());
        prop_assert!(key.open(NAME, &plain).is_err());
        prop_assert!(Month::parse(&String::from_utf8_lossy(&plain)).is_err());
    }
}

#[test]
fn values_of_both_suites_open_side_by_side() {
    let agent = Arc::new(LocalAgent::ephemeral(7, Suite::International).unwrap());
    let [before, after] = SUITES.map(|suite| Vault::new(agent.clone(), "carrier", suite));
    let (key, wrapped) = before.new_key(SUBJECT, Domain::Identity).unwrap();
    let old = key.seal(NAME, b"old").unwrap();
    let key = after.open_key(SUBJECT, Domain::Identity, &wrapped).unwrap();
    let new = key.seal(NAME, b"new").unwrap();
    assert_eq!((old[0], new[0]), (1, 2));
    for vault in [&before, &after] {
        let key = vault.open_key(SUBJECT, Domain::Identity, &wrapped).unwrap();
        assert_eq!(
            (key.open(NAME, &old).unwrap().as_slice(), key.open(NAME, &new).unwrap().as_slice()),
            (b"old".as_slice(), b"new".as_slice())
        );
    }
    // A value that claims the other suite is refused.
    let mut claimed = old.clone();
    claimed[0] = 2;
    assert_eq!(key.open(NAME, &claimed).unwrap_err(), VaultError::Refused);
}

#[test]
fn blind_indexes_tell_tenants_fields_values_and_versions_apart() {
    for suite in SUITES {
        let agent = Arc::new(LocalAgent::ephemeral(7, suite).unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for tenant in ["carrier", "reseller"] {
            let vault = Vault::new(agent.clone(), tenant, suite);
            for field in Field::ALL {
                for value in ["8619900001234", "8619900001235", ""] {
                    let index = vault.blind(field, value).unwrap();
                    assert_eq!(index, vault.blind(field, value).unwrap());
                    assert!(seen.insert(index));
                }
            }
        }
        let vault = Vault::new(agent, "carrier", suite);
        let old = vault.blind(Field::Phone, "8619900001234").unwrap();
        assert_eq!(vault.rotate_index(Field::Phone).unwrap(), 2);
        assert_eq!(vault.blind_versions(Field::Phone).unwrap(), [2, 1]);
        assert_eq!(vault.blind_version(Field::Phone, 1, "8619900001234").unwrap(), old);
        let new = vault.blind(Field::Phone, "8619900001234").unwrap();
        assert!(seen.insert(new));
        assert_eq!(vault.blind_version(Field::Phone, 2, "8619900001234").unwrap(), new);
        assert_eq!(vault.destroy_index_version(Field::Phone, 1, 3), Err(VaultError::InUse { version: 1, census: 3 }));
        vault.destroy_index_version(Field::Phone, 1, 0).unwrap();
        assert!(vault.blind_version(Field::Phone, 1, "8619900001234").is_err());
        assert_eq!(vault.blind(Field::Phone, "8619900001234").unwrap(), new);
    }
}

#[test]
fn rotation_moves_keys_by_a_cursor_that_may_be_repeated() {
    let vault = vault(Suite::International);
    let mut rows: Vec<(Uuid, Vec<u8>, Vec<u8>)> = (1..=20)
        .map(|number| {
            let subject = Uuid::from_u128(number);
            let (key, wrapped) = vault.new_key(subject, Domain::Identity).unwrap();
            (subject, wrapped, key.seal(NAME, &number.to_be_bytes()).unwrap())
        })
        .collect();
    assert_eq!(vault.rotate(Domain::Identity).unwrap(), 2);
    let census = |rows: &[(Uuid, Vec<u8>, Vec<u8>)]| rows.iter().filter(|row| shelf(&row.1).unwrap().1 == Shelf::Service(1)).count() as u64;
    // Cut off after seven rows, begun again from five.
    for range in [0..7, 5..20] {
        assert_eq!(vault.destroy_version(Domain::Identity, 1, census(&rows)), Err(VaultError::InUse { version: 1, census: census(&rows) }));
        for (subject, wrapped, _) in &mut rows[range] {
            if let Some(moved) = vault.rewrap(wrapped, *subject, Domain::Identity).unwrap() {
                *wrapped = moved;
            }
        }
    }
    assert_eq!(census(&rows), 0);
    assert_eq!(vault.destroy_version(Domain::Identity, 2, 0), Err(VaultError::Current(2)));
    vault.destroy_version(Domain::Identity, 1, 0).unwrap();
    assert!(vault.destroy_version(Domain::Identity, 1, 0).is_err());
    for (number, (subject, wrapped, sealed)) in (1_u128..).zip(&rows) {
        let key = vault.open_key(*subject, Domain::Identity, wrapped).unwrap();
        assert_eq!(key.open(NAME, sealed).unwrap().as_slice(), number.to_be_bytes());
    }
}

#[test]
fn a_key_left_under_a_destroyed_version_stays_shut() {
    let vault = vault(Suite::Gm);
    let (_, wrapped) = vault.new_key(SUBJECT, Domain::Identity).unwrap();
    vault.rotate(Domain::Identity).unwrap();
    vault.destroy_version(Domain::Identity, 1, 0).unwrap();
    let refused = vault.open_key(SUBJECT, Domain::Identity, &wrapped).err().unwrap();
    assert_eq!(refused, VaultError::KeyUnknown { what: "identity", version: 1 });
    assert_eq!(vault.rotate(Domain::Identity).unwrap(), 3);
}

fn destruction(bucket: &str, keys: u64) -> Destruction {
    let mut subjects = Frontier::new();
    for subject in 0..keys {
        subjects.append(&merkle::commit(&[3; 32], &subject.to_be_bytes()));
    }
    Destruction { bucket: month(bucket), keys, subjects: subjects.root(), at: Timestamp(1_795_000_000_000) }
}

#[test]
fn a_destroyed_bucket_takes_every_copy_of_its_keys_with_it() {
    for suite in SUITES {
        let vault = vault(suite);
        let ended: Vec<_> = (1..=5)
            .map(|number| {
                let subject = Uuid::from_u128(number);
                let (_, wrapped) = vault.new_key(subject, Domain::Identity).unwrap();
                (subject, vault.rewrap_to_bucket(month("2028-11"), &wrapped, subject, Domain::Identity).unwrap().unwrap())
            })
            .collect();
        let (_, living) = vault.new_key(Uuid::from_u128(9), Domain::Identity).unwrap();
        let next = vault.rewrap_to_bucket(month("2028-12"), &living, Uuid::from_u128(9), Domain::Identity).unwrap().unwrap();
        let backup = ended.clone();
        assert_eq!(shelf(&ended[0].1).unwrap(), (suite, Shelf::Bucket(month("2028-11"))));
        assert!(ended.iter().all(|(subject, wrapped)| vault.open_key(*subject, Domain::Identity, wrapped).is_ok()));
        // Ordinary rotation leaves them where they are.
        vault.rotate(Domain::Identity).unwrap();
        assert_eq!(vault.rewrap(&ended[0].1, ended[0].0, Domain::Identity).unwrap(), None);

        let order = destruction("2028-11", 5);
        let statement = vault.destroy_bucket(&order, "chuangsha.example/keys").unwrap();
        for (subject, wrapped) in &backup {
            assert_eq!(vault.open_key(*subject, Domain::Identity, wrapped).err(), Some(VaultError::Destroyed(month("2028-11"))));
            for target in [Target::Service, Target::Hold, Target::Bucket(month("2029-01"))] {
                assert_eq!(vault.rewrap_to(target, wrapped, *subject, Domain::Identity), Err(VaultError::Destroyed(month("2028-11"))));
            }
        }
        assert!(vault.open_key(Uuid::from_u128(9), Domain::Identity, &next).is_ok());
        // Nothing goes into it any more, and a repeated order gives the first statement.
        let refused = vault.rewrap_to_bucket(month("2028-11"), &living, Uuid::from_u128(9), Domain::Identity);
        assert_eq!(refused, Err(VaultError::Destroyed(month("2028-11"))));
        assert_eq!(vault.destroy_bucket(&destruction("2028-11", 99), "chuangsha.example/keys").unwrap(), statement);
        assert_eq!(vault.agent().buckets().unwrap(), [month("2028-12")]);

        let keys = vault.verifier_keys("chuangsha.example/keys").unwrap();
        let read = Statement::verify(&statement, &keys).unwrap();
        assert_eq!((read.bucket, read.keys, read.subjects), (order.bucket, 5, order.subjects));
        assert_eq!(read.at, "2026-11-18T11:06:40.000Z");
        assert!(Statement::verify(&statement.replace("keys 5", "keys 4"), &keys).is_err());
    }
}

#[test]
fn a_key_on_hold_outlives_its_bucket_until_it_is_released() {
    let vault = vault(Suite::International);
    let domain = Domain::Identity;
    let (_, wrapped) = vault.new_key(SUBJECT, domain).unwrap();
    let bucket = vault.rewrap_to_bucket(month("2028-11"), &wrapped, SUBJECT, domain).unwrap().unwrap();
    let held = vault.rewrap_to(Target::Hold, &bucket, SUBJECT, domain).unwrap().unwrap();
    assert_eq!(shelf(&held).unwrap().1, Shelf::Hold);
    vault.destroy_bucket(&destruction("2028-11", 1), "k").unwrap();
    assert!(vault.open_key(SUBJECT, domain, &held).is_ok());
    assert_eq!(vault.rewrap_to_bucket(month("2029-01"), &held, SUBJECT, domain), Err(VaultError::Held));
    assert_eq!(vault.rewrap_to(Target::Service, &held, SUBJECT, domain), Err(VaultError::Held));
    assert_eq!(vault.rewrap(&held, SUBJECT, domain).unwrap(), None);
    let released = vault.rewrap_to(Target::Release(month("2029-01")), &held, SUBJECT, domain).unwrap().unwrap();
    assert_eq!(shelf(&released).unwrap().1, Shelf::Bucket(month("2029-01")));
    let back = vault.rewrap_to(Target::Service, &released, SUBJECT, domain).unwrap().unwrap();
    assert_eq!(shelf(&back).unwrap().1, Shelf::Service(1));
    assert!(vault.open_key(SUBJECT, domain, &back).is_ok());
}

fn open(root: &Path) -> Result<Vault, VaultError> {
    LocalAgent::open_or_create(root, Suite::Gm).map(|agent| Vault::new(Arc::new(agent), "carrier", Suite::Gm))
}

#[test]
fn key_files_open_again_with_everything_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.key");
    let first = open(&root).unwrap();
    let (key, wrapped) = first.new_key(SUBJECT, Domain::Identity).unwrap();
    let sealed = key.seal(NAME, b"x").unwrap();
    let index = first.blind(Field::Phone, "8619900001234").unwrap();
    let bucket = first.rewrap_to_bucket(month("2028-11"), &wrapped, SUBJECT, Domain::Identity).unwrap().unwrap();
    let second = open(&root).unwrap();
    for wrapped in [&wrapped, &bucket] {
        assert_eq!(second.open_key(SUBJECT, Domain::Identity, wrapped).unwrap().open(NAME, &sealed).unwrap().as_slice(), b"x");
    }
    assert_eq!(second.blind(Field::Phone, "8619900001234").unwrap(), index);
    assert_eq!(second.public_key().unwrap(), first.public_key().unwrap());
    for name in ["root.key", "root.key.keys"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    // Two processes on the same files: what one rotates or destroys the other sees.
    assert_eq!(second.rotate(Domain::Identity).unwrap(), 2);
    let (_, newer) = second.new_key(SUBJECT, Domain::Identity).unwrap();
    assert!(first.open_key(SUBJECT, Domain::Identity, &newer).is_ok());
    assert_eq!(first.rotate(Domain::Identity).unwrap(), 3);
    let statement = second.destroy_bucket(&destruction("2028-11", 1), "k").unwrap();
    assert_eq!(first.open_key(SUBJECT, Domain::Identity, &bucket).err(), Some(VaultError::Destroyed(month("2028-11"))));
    assert_eq!(open(&root).unwrap().destroy_bucket(&destruction("2028-11", 1), "k").unwrap(), statement);
}

#[test]
fn key_files_hold_no_key_in_clear_and_are_refused_when_altered() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.key");
    drop(open(&root).unwrap().new_key(SUBJECT, Domain::Identity).unwrap());
    let path = folder.path().join("root.key.keys");
    let good = std::fs::read(&path).unwrap();
    assert!(!good.windows(9).any(|window| window == b"tenants\":"));
    for position in (0..good.len()).step_by(37).chain(good.len() - 20..good.len()) {
        let mut bad = good.clone();
        bad[position] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert!(matches!(open(&root), Err(VaultError::FileDamaged(_))), "{position}");
        std::fs::write(&path, &good[..position]).unwrap();
        assert!(matches!(open(&root), Err(VaultError::FileDamaged(_))), "{position}");
    }
    std::fs::write(&path, &good).unwrap();
    assert!(open(&root).is_ok());
}

#[test]
fn a_root_others_can_reach_is_refused_in_two_languages() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.key");
    open(&root).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o601, 0o777] {
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = open(&root).err().unwrap();
        assert_eq!(refused, VaultError::RootPermissions { path: root.display().to_string(), mode });
        assert!(refused.problem().title(Language::Chinese).contains(&format!("{mode:03o}")));
        assert!(refused.problem().remedy(Language::English).contains("chmod 600"));
    }
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert!(open(&root).is_ok());
}

#[test]
fn one_file_of_the_two_is_never_replaced_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (root, keys) = (folder.path().join("root.key"), folder.path().join("root.key.keys"));
    open(&root).unwrap();
    let away = folder.path().join("away");
    std::fs::rename(&root, &away).unwrap();
    assert!(matches!(open(&root), Err(VaultError::RootMissing(_))));
    std::fs::rename(&away, &root).unwrap();
    std::fs::rename(&keys, &away).unwrap();
    assert!(matches!(open(&root), Err(VaultError::KeysMissing(_))));
    // The state a first start leaves that is cut off between its two files.
    std::fs::rename(&away, folder.path().join("root.key.keys.new")).unwrap();
    assert!(open(&root).is_ok());
    assert!(keys.exists());
    // The state it leaves when cut off before the root: nothing was sealed yet, so it starts over.
    std::fs::rename(&keys, folder.path().join("root.key.keys.new")).unwrap();
    std::fs::rename(&root, folder.path().join("root.key.new")).unwrap();
    assert!(open(&root).is_ok());
    assert!(open(&root).is_ok());
}

#[test]
fn many_threads_making_the_same_keys_agree() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.key");
    let agents: Vec<_> = (0..4).map(|_| open(&root).unwrap()).collect();
    let indexes: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = agents.iter().map(|vault| scope.spawn(|| vault.blind(Field::Phone, "8619900001234").unwrap())).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    assert!(indexes.iter().all(|index| *index == indexes[0]));
}

#[test]
fn a_checkpoint_verifies_under_each_key() {
    for suite in SUITES {
        let vault = vault(suite);
        let mut log = Frontier::new();
        for entry in 0..5_u8 {
            log.append(&[entry]);
        }
        let checkpoint = Checkpoint { origin: "chuangsha.example/log".to_owned(), size: log.size(), root: log.root() };
        let note = vault.sign_checkpoint(&checkpoint).unwrap();
        for key in vault.verifier_keys(&checkpoint.origin).unwrap() {
            assert_eq!(Checkpoint::verify(&note, std::slice::from_ref(&key)).unwrap(), checkpoint);
            assert!(Checkpoint::verify(&note.replacen("\n5\n", "\n6\n", 1), &[key]).is_err());
        }
        let (algorithm, public) = vault.public_key().unwrap();
        assert!(chuangsha_vault::signature_is_good(algorithm, &public, b"m", &vault.sign(b"m").unwrap()));
    }
}

#[test]
fn a_value_leaves_masked_or_under_a_grant() {
    let (key, _) = vault(Suite::International).new_key(SUBJECT, Domain::Identity).unwrap();
    let sealed = Sealed::seal(&key, NAME, &PersonName::parse("张三丰").unwrap()).unwrap();
    assert_eq!(format!("{sealed:?}"), "Sealed(..)");
    let masked: Masked<PersonName> = sealed.mask(&key, NAME).unwrap();
    assert_eq!((masked.to_string(), serde_json::to_string(&masked).unwrap()), ("张**".to_owned(), "\"张**\"".to_owned()));

    let number = Phone::parse("19900001234").unwrap();
    let sealed_number = Sealed::seal(&key, Place::new("person", "contact"), &number).unwrap();
    assert_eq!(sealed_number.mask(&key, Place::new("person", "contact")).unwrap().to_string(), number.masked());
    assert_eq!(sealed_number.open(&key, Place::new("person", "contact")).unwrap().digits(), "19900001234");

    let viewer = Uuid::from_u128(8);
    let grant =
        Grant { viewer, subject: SUBJECT, place: NAME, case: Uuid::from_u128(5), audited: Uuid::from_u128(6), expires: Timestamp(60_000) };
    let reveal = |grant: &Grant, viewer, now| Revealed::open(&sealed, &key, NAME, viewer, grant, Timestamp(now));
    let revealed = reveal(&grant, viewer, 59_999).unwrap();
    assert_eq!(serde_json::to_string(&revealed).unwrap(), "\"张三丰\"");
    assert_eq!(format!("{revealed:?}"), "Revealed(..)");
    assert_eq!(reveal(&grant, viewer, 60_000).err(), Some(RevealError::Expired));
    assert_eq!(reveal(&grant, Uuid::from_u128(9), 0).err(), Some(RevealError::Other));
    let others =
        [Grant { subject: Uuid::from_u128(2), ..grant.clone() }, Grant { place: Place::new("person", "address"), ..grant.clone() }];
    for other in others {
        assert_eq!(reveal(&other, viewer, 0).err(), Some(RevealError::Other));
    }
}

#[test]
fn every_refusal_speaks_both_languages() {
    let lists = [
        error::codes::ALL,
        chuangsha_vault::log_export::codes::ALL,
        chuangsha_vault::witness::codes::ALL,
        chuangsha_vault::sealed::codes::ALL,
    ];
    let mut ids = std::collections::BTreeSet::new();
    for code in lists.into_iter().flatten() {
        assert!(ids.insert(code.id), "{}", code.id);
        for (zh, en) in [(code.zh, code.en), (code.remedy_zh, code.remedy_en)] {
            assert!(!zh.is_ascii() && en.is_ascii(), "{}", code.id);
            assert_eq!(zh.matches('{').count(), en.matches('{').count(), "{}", code.id);
        }
    }
}

#[test]
fn months_are_written_in_one_way() {
    assert_eq!(month("2028-11").to_string(), "2028-11");
    for text in ["", "2028", "2028-13", "2028-00", "28-11", "2028-1", "2028-011", "1999-12", "2028-1 ", "+028-11", "2028-+1", "20281-1"] {
        assert_eq!(Month::parse(text), Err(VaultError::BadMonth), "{text}");
    }
}
