//! The vault as its users see it.

use std::sync::Arc;

use chuangsha_vault::{Domain, Field, LocalAgent, Place, Suite, Vault, VaultError, checkpoint::Checkpoint, merkle::Frontier};
use uuid::Uuid;

const NAME: Place = Place::new("person", "name");
const NUMBER: Place = Place::new("person", "document_number");

fn vault(suite: Suite) -> Vault {
    Vault::new(Arc::new(LocalAgent::ephemeral(7, suite).unwrap()), "carrier", suite)
}

#[test]
fn a_value_opens_for_its_own_place_only() {
    for suite in [Suite::International, Suite::Gm] {
        let vault = vault(suite);
        let subject = Uuid::from_u128(1);
        let (key, wrapped) = vault.new_key(subject, Domain::Identity).unwrap();
        let sealed = key.seal(NAME, "张三".as_bytes()).unwrap();
        let again = vault.open_key(subject, Domain::Identity, &wrapped).unwrap();
        assert_eq!(again.open(NAME, &sealed).unwrap().as_slice(), "张三".as_bytes());
        assert_eq!(again.open(NUMBER, &sealed).unwrap_err(), VaultError::Refused);
        assert!(vault.open_key(Uuid::from_u128(2), Domain::Identity, &wrapped).is_err());
        assert!(vault.open_key(subject, Domain::Documents, &wrapped).is_err());
    }
}

#[test]
fn the_same_seed_gives_the_same_blind_index() {
    for suite in [Suite::International, Suite::Gm] {
        let index = vault(suite).blind(Field::Phone, "8619900001234").unwrap();
        assert_eq!(index, vault(suite).blind(Field::Phone, "8619900001234").unwrap());
        assert_ne!(index, vault(suite).blind(Field::Iccid, "8619900001234").unwrap());
        assert_ne!(index, vault(suite).blind(Field::Phone, "8619900001235").unwrap());
    }
}

#[test]
fn files_open_again_and_bad_permissions_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.key");
    let open =
        || LocalAgent::open_or_create(&root, Suite::International).map(|agent| Vault::new(Arc::new(agent), "t", Suite::International));
    let subject = Uuid::from_u128(1);
    let (key, wrapped) = open().unwrap().new_key(subject, Domain::Identity).unwrap();
    let sealed = key.seal(NAME, b"x").unwrap();
    let reopened = open().unwrap().open_key(subject, Domain::Identity, &wrapped).unwrap();
    assert_eq!(reopened.open(NAME, &sealed).unwrap().as_slice(), b"x");
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(open(), Err(VaultError::RootPermissions { mode: 0o640, .. })));
}

#[test]
fn a_checkpoint_verifies_under_each_key() {
    for suite in [Suite::International, Suite::Gm] {
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
    }
}
