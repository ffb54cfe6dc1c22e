use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use ring::rand::SystemRandom;
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_795_312_800_000);
const ADDRESS: &str = "https://cert.example/sp.pem";
const ORIGIN: &str = "123e4567-e89b-12d3-a456-426614174000";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority(name: &str) -> Authority {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

/// A leaf with a TNAuthList, valid from 2026 for so many years.
fn leaf(authority: &Authority, list: Option<Vec<u8>>, years: i32) -> (KeyPair, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "SHAKEN 1234");
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026 + years, 1, 1));
    params.custom_extensions.extend(list.map(|list| CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], list)));
    let pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
    (key, pem)
}

fn provider() -> Option<Vec<u8>> {
    Some(vec![0x30, 8, 0xA0, 6, 0x16, 4, b'1', b'2', b'3', b'4'])
}

fn caller() -> Number {
    Number::china(19_900_001_234).unwrap()
}

fn callee() -> Number {
    Number::china(19_900_005_678).unwrap()
}

fn signed(key: &KeyPair, attestation: Attestation, at: Timestamp) -> String {
    let random = SystemRandom::new();
    Signer::new(&key.serialize_der(), ADDRESS, &random).unwrap().sign(attestation, (caller(), callee()), at, ORIGIN, &random).unwrap()
}

/// One header, held against a call.
fn told(verifier: &Verifier, header: &str, caller: Number, callee: Number, at: Timestamp) -> Verified {
    verifier.verify(&[header], &call(header, caller, callee, at))
}

/// A call named after its token.
fn call(header: &str, caller: Number, callee: Number, at: Timestamp) -> Told {
    Told { call: header.as_bytes().to_vec(), caller, callee, dialled: None, diverted: false, at }
}

fn verifier(authority: &Authority) -> Verifier {
    Verifier::new(vec![Anchor::read(authority.pem.as_bytes()).unwrap()])
}

#[test]
fn what_we_sign_verifies_with_its_attestation_once_the_certificate_is_there() {
    let root = authority("root");
    let (key, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    let header = signed(&key, Attestation::Full, NOW);
    assert_eq!(told(&verifier, &header, caller(), callee(), NOW), Verified::Wants(ADDRESS.to_owned()));
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    for (attestation, identity) in
        [(Attestation::Full, Identity::Full), (Attestation::Partial, Identity::Partial), (Attestation::Gateway, Identity::Gateway)]
    {
        assert_eq!(told(&verifier, &signed(&key, attestation, NOW), caller(), callee(), NOW), Verified::Known(identity));
    }
}

#[test]
fn a_token_for_another_call_another_time_or_with_another_key_is_false() {
    let root = authority("root");
    let (key, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    let header = signed(&key, Attestation::Full, NOW);
    let answer = |header: &str, caller, callee, at| told(&verifier, header, caller, callee, at);
    let invalid = Verified::Known(Identity::Invalid);
    assert_eq!(answer(&header, callee(), caller(), NOW), invalid);
    assert_eq!(answer(&header, caller(), caller(), NOW), invalid);
    assert_eq!(answer(&header, caller(), callee(), NOW.plus_ms(61_000)), invalid);
    assert_eq!(answer(&header, caller(), callee(), NOW.plus_ms(-61_000)), invalid);
    assert_eq!(answer(&header, caller(), callee(), NOW.plus_ms(59_000)), Verified::Known(Identity::Full));
    let (other, _) = leaf(&root, provider(), 2);
    assert_eq!(answer(&signed(&other, Attestation::Full, NOW), caller(), callee(), NOW), invalid);
    for (from, to) in [("alg=ES256", "alg=none"), ("info=<https", "info=<http"), (";info", ";inf"), (".", "..")] {
        assert_eq!(answer(&header.replacen(from, to, 1), caller(), callee(), NOW), invalid, "{from}");
    }
    // An unsigned token, and one that claims another algorithm.
    let head = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","ppt":"shaken","typ":"passport","x5u":"{ADDRESS}"}}"#));
    let rest = header.split_once('.').unwrap().1;
    assert_eq!(answer(&format!("{head}.{rest}"), caller(), callee(), NOW), invalid);
    assert_eq!(answer(&"a".repeat(9_000), caller(), callee(), NOW), invalid);
}

#[test]
fn a_certificate_vouches_for_its_own_numbers_only() {
    let root = authority("root");
    let one = |digits: &[u8]| {
        let length = digits.len() as u8;
        let mut list = vec![0x30, length + 4, 0xA2, length + 2, 0x16, length];
        list.extend_from_slice(digits);
        Some(list)
    };
    for (digits, identity) in [(b"8619900001234", Identity::Full), (b"8619900009999", Identity::Invalid)] {
        let (key, pem) = leaf(&root, one(digits), 2);
        let verifier = verifier(&root);
        verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
        assert_eq!(told(&verifier, &signed(&key, Attestation::Full, NOW), caller(), callee(), NOW), Verified::Known(identity));
    }
}

#[test]
fn a_chain_that_cannot_be_trusted_is_named_and_not_kept() {
    let (root, stranger) = (authority("root"), authority("stranger"));
    let verifier = verifier(&root);
    let keep = |pem: &str| verifier.keep(ADDRESS, pem.as_bytes(), NOW);
    let (key, good) = leaf(&root, provider(), 2);
    assert_eq!(keep(&leaf(&stranger, provider(), 2).1), Err(CertificateError::Untrusted));
    assert_eq!(keep(&leaf(&authority("root"), provider(), 2).1), Err(CertificateError::Untrusted), "the name alone is not enough");
    assert_eq!(keep(&leaf(&root, None, 2).1), Err(CertificateError::NoNumbers));
    assert_eq!(keep(&leaf(&root, Some(vec![0x30, 0]), 2).1), Err(CertificateError::NoNumbers));
    assert_eq!(keep(&format!("{good}{}", leaf(&root, provider(), 2).1)), Err(CertificateError::NotAuthority));
    assert_eq!(keep(&format!("{good}{}", stranger.pem)), Err(CertificateError::Broken));
    assert_eq!(keep("no certificate"), Err(CertificateError::Unreadable));
    assert_eq!(keep(&good.repeat(5)), Err(CertificateError::Unreadable));
    let late = NOW.plus_ms(3 * 366 * 86_400_000);
    assert_eq!(verifier.keep(ADDRESS, good.as_bytes(), late), Err(CertificateError::Expired));
    assert_eq!(keep(&format!("{good}{}", root.pem)), Ok(()));
    // Expired in the cache: unchecked and fetched again, never believed.
    assert_eq!(told(&verifier, &signed(&key, Attestation::Full, late), caller(), callee(), late), Verified::Wants(ADDRESS.to_owned()));
    assert!(Anchor::read(b"").is_err());
}

/// A token of any head and claims, signed with a key.
fn token(key: &KeyPair, head: &serde_json::Value, claims: &serde_json::Value, parameters: &str) -> String {
    let random = SystemRandom::new();
    let signing =
        ring::signature::EcdsaKeyPair::from_pkcs8(&ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = signing.unwrap().sign(&random, signed.as_bytes()).unwrap();
    format!("{signed}.{};info=<{ADDRESS}>{parameters}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

#[test]
fn of_other_kinds_of_token_nothing_is_concluded_and_the_known_one_is_found_among_them() {
    let root = authority("root");
    let (key, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    let claims = json!({ "dest": { "tn": [callee().e164()] }, "iat": NOW.0 / 1_000, "orig": { "tn": caller().e164() } });
    let head = |ppt: Option<&str>| json!({ "alg": "ES256", "ppt": ppt, "typ": "passport", "x5u": ADDRESS });
    let verify = |tokens: &[String]| verifier.verify(tokens, &call("a", caller(), callee(), NOW));
    let (div, rcd) = (token(&key, &head(Some("div")), &claims, ";ppt=div"), token(&key, &head(Some("rcd")), &claims, ""));
    let compact = format!("..c2lnbmF0dXJl;info=<{ADDRESS}>;ppt=div");
    for foreign in [&div, &rcd, &compact] {
        assert_eq!(verify(std::slice::from_ref(foreign)), Verified::Known(Identity::Unchecked));
    }
    let shaken = signed(&key, Attestation::Partial, NOW);
    assert_eq!(verify(&[div.clone(), rcd, shaken.clone()]), Verified::Known(Identity::Partial));
    assert_eq!(verify(&[div, shaken.replace("info=<https", "info=<http")]), Verified::Known(Identity::Invalid));
    assert_eq!(verify(&vec![compact; MOST_TOKENS].into_iter().chain([shaken]).collect::<Vec<_>>()), Verified::Known(Identity::Unchecked));
    // Without an extension (RFC 8225) the signature is the attestation; one that claims to be SHAKEN without one is false.
    let mut plain = head(None);
    plain.as_object_mut().unwrap().remove("ppt");
    assert_eq!(verify(&[token(&key, &plain, &claims, "")]), Verified::Known(Identity::Full));
    assert_eq!(verify(&[token(&key, &plain, &claims, ";ppt=shaken")]), Verified::Known(Identity::Invalid));
    assert_eq!(verify(&[token(&key, &head(Some("shaken")), &claims, ";ppt=shaken")]), Verified::Known(Identity::Invalid));
    for alg in ["ES384", "RS256", "HS256", "none", ""] {
        let head = json!({ "alg": alg, "ppt": "shaken", "typ": "passport", "x5u": ADDRESS });
        assert_eq!(verify(&[token(&key, &head, &claims, "")]), Verified::Known(Identity::Invalid), "{alg}");
    }
}

#[test]
fn a_forwarded_call_keeps_its_token_and_without_proof_it_counts_for_nothing() {
    let root = authority("root");
    let (key, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    let header = signed(&key, Attestation::Full, NOW);
    let elsewhere = Number::china(19_900_009_999).unwrap();
    for (dialled, diverted, identity) in [
        (Some(callee()), true, Identity::Full),
        (Some(callee()), false, Identity::Unchecked),
        (Some(elsewhere), true, Identity::Invalid),
        (None, true, Identity::Invalid),
    ] {
        let told = Told { dialled, diverted, ..call("a", caller(), elsewhere, NOW) };
        assert_eq!(verifier.verify(&[&header], &told), Verified::Known(identity));
    }
}

#[test]
fn a_token_in_too_many_calls_is_a_copy() {
    let root = authority("root");
    let (key, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    let header = signed(&key, Attestation::Full, NOW);
    let said = ["a", "a", "b", "c", "d"].map(|name| verifier.verify(&[&header], &call(name, caller(), callee(), NOW)));
    let (full, copy) = (Verified::Known(Identity::Full), Verified::Known(Identity::Invalid));
    assert_eq!(said, [full.clone(), full.clone(), full.clone(), full, copy]);
}

#[test]
fn a_certificate_is_fetched_anew_after_a_day() {
    let root = authority("root");
    let (key, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    for (hours, known) in [(23, Verified::Known(Identity::Full)), (25, Verified::Wants(ADDRESS.to_owned()))] {
        let later = NOW.plus_ms(hours * 3_600_000);
        assert_eq!(told(&verifier, &signed(&key, Attestation::Full, later), caller(), callee(), later), known);
    }
}

#[test]
fn a_chain_holds_as_far_as_its_authorities_reach() {
    let root = authority("root");
    let verifier = verifier(&root);
    let keep = |pem: &str| verifier.keep(ADDRESS, pem.as_bytes(), NOW);
    // An authority below the root, of that many levels, for those uses, perhaps for some numbers only.
    let below = |issuer: &Authority, levels: IsCa, uses: Vec<rcgen::KeyUsagePurpose>, list: Option<Vec<u8>>| {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("below {}", issuer.pem.len()));
        (params.is_ca, params.key_usages) = (levels, uses);
        params.custom_extensions.extend(list.map(|list| CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], list)));
        let own = params.signed_by(&key, &issuer.issuer).unwrap().pem();
        let above = if issuer.pem == root.pem { String::new() } else { issuer.pem.clone() };
        Authority { issuer: Issuer::new(params, key), pem: format!("{own}{above}") }
    };
    let free = IsCa::Ca(BasicConstraints::Unconstrained);
    let sign = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let chain = |authority: &Authority, list| {
        let (key, leaf) = leaf(authority, list, 2);
        (key, format!("{leaf}{}", authority.pem))
    };
    let one = below(&root, IsCa::Ca(BasicConstraints::Constrained(0)), sign.clone(), None);
    assert_eq!(keep(&chain(&one, provider()).1), Ok(()));
    let two = below(&one, free, sign.clone(), None);
    assert_eq!(keep(&chain(&two, provider()).1), Err(CertificateError::NotAuthority), "one level more than it may have below it");
    let other = below(&root, free, vec![rcgen::KeyUsagePurpose::DigitalSignature], None);
    assert_eq!(keep(&chain(&other, provider()).1), Err(CertificateError::NotAuthority), "its key is for something else");

    let list = |digits: &[u8; 13]| Some([&[0x30, 17, 0xA2, 15, 0x16, 13][..], digits].concat());
    for (theirs, identity) in [(b"8619900001234", Identity::Full), (b"8619900009999", Identity::Invalid)] {
        let delegate = below(&root, free, sign.clone(), list(theirs));
        let (key, pem) = chain(&delegate, provider());
        keep(&pem).unwrap();
        let header = signed(&key, Attestation::Full, NOW);
        assert_eq!(told(&verifier, &header, caller(), callee(), NOW), Verified::Known(identity), "no more than its issuer");
    }

    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    let mut more = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
    more.set_criticality(true);
    let list = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], provider().unwrap());
    params.custom_extensions.extend([list, more]);
    assert_eq!(keep(&params.signed_by(&key, &root.issuer).unwrap().pem()), Err(CertificateError::Broken), "critical, and not understood");
}

#[test]
fn the_cache_is_bounded_and_drops_the_one_used_longest_ago() {
    let root = authority("root");
    let (_, pem) = leaf(&root, provider(), 2);
    let verifier = verifier(&root);
    for at in 0..MOST_CERTIFICATES + 5 {
        verifier.keep(&format!("https://cert.example/{at}"), pem.as_bytes(), NOW).unwrap();
    }
    let cache = verifier.cache();
    assert_eq!(cache.kept.len(), MOST_CERTIFICATES);
    assert!(!cache.kept.contains_key("https://cert.example/0") && cache.kept.contains_key("https://cert.example/1028"));
}

#[test]
fn a_signer_refuses_a_wrong_key_and_an_address_no_header_can_hold() {
    let random = SystemRandom::new();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_der();
    assert_eq!(Signer::new(b"nothing", ADDRESS, &random).err(), Some(SignError::Key));
    for address in ["http://cert.example", "https://cert.example/>;x=", "https://cert.example/a b"] {
        assert_eq!(Signer::new(&key, address, &random).err(), Some(SignError::Address));
    }
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(header in "\\PC{0,200}", token in "[A-Za-z0-9_-]{0,60}[.][A-Za-z0-9_-]{0,60}[.][A-Za-z0-9_-]{0,60}(;info=<https://a>)?") {
        let verifier = Verifier::default();
        for text in [header, token] {
            prop_assert_ne!(told(&verifier, &text, caller(), callee(), NOW), Verified::Known(Identity::Full));
        }
    }
}

/// A list of those serial numbers, out of date after that year.
fn list(authority: &Authority, serials: &[u64], until: i32) -> String {
    let revoked = |serial: &u64| rcgen::RevokedCertParams {
        serial_number: rcgen::SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 2, 1),
        reason_code: Some(rcgen::RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let params = rcgen::CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: rcgen::SerialNumber::from(7_u64),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    params.signed_by(&authority.issuer).unwrap().pem().unwrap()
}

/// A provider's certificate with that serial number.
fn numbered(authority: &Authority, serial: u64) -> (KeyPair, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.serial_number = Some(rcgen::SerialNumber::from(serial));
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2030, 1, 1));
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], provider().unwrap()));
    let pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
    (key, pem)
}

fn revocations(verifier: &Verifier, pem: &str) -> Result<Revocations, RevocationError> {
    Ok(Revocations::new(RevocationList::read_all(pem.as_bytes(), verifier.anchors())?.into_iter().map(std::sync::Arc::new)))
}

#[test]
fn a_token_of_a_revoked_certificate_is_refused_whenever_the_list_comes() {
    let root = authority("root");
    let verifier = verifier(&root);
    let (key, pem) = numbered(&root, 300);
    let answer = |key: &KeyPair| told(&verifier, &signed(key, Attestation::Full, NOW), caller(), callee(), NOW);
    let (full, revoked) = (Verified::Known(Identity::Full), Verified::Known(Identity::Revoked));
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    assert_eq!(answer(&key), full);
    verifier.revoke(&revocations(&verifier, &list(&root, &[299, 301], 2027)).unwrap());
    assert_eq!(answer(&key), full, "others are revoked");
    verifier.revoke(&revocations(&verifier, &list(&root, &[299, 300], 2027)).unwrap());
    assert_eq!(answer(&key), revoked, "the certificate was in the cache before");
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    assert_eq!(answer(&key), revoked, "and is fetched after");
    assert_eq!(
        answer(&leaf(&root, provider(), 2).0),
        Verified::Known(Identity::Invalid),
        "signed by somebody else it is false, whatever the list says"
    );
    verifier.revoke(&Revocations::default());
    assert_eq!(answer(&key), full, "the issuer took it off its list");
}

#[test]
fn a_list_speaks_for_its_issuer_alone_and_an_old_one_is_still_believed() {
    let (root, stranger) = (authority("root"), authority("stranger"));
    let verifier = verifier(&root);
    let (key, pem) = numbered(&root, 300);
    verifier.keep(ADDRESS, pem.as_bytes(), NOW).unwrap();
    let answer = || told(&verifier, &signed(&key, Attestation::Full, NOW), caller(), callee(), NOW);
    let read = |pem: &str| RevocationList::read_all(pem.as_bytes(), verifier.anchors());
    assert_eq!(read(&list(&authority("root"), &[300], 2027)).err(), Some(RevocationError::Forged), "its name alone is not enough");
    verifier.revoke(&revocations(&verifier, &list(&stranger, &[300], 2027)).unwrap());
    assert_eq!(answer(), Verified::Known(Identity::Full), "another's list, another's numbers");
    assert_eq!(read("no list").err(), Some(RevocationError::Unreadable));
    assert_eq!(read("-----BEGIN X509 CRL-----\n-----END X509 CRL-----").err(), Some(RevocationError::Unreadable));
    assert_eq!(read(&root.pem).err(), Some(RevocationError::Unreadable), "a certificate is no list");
    assert_eq!(read(&format!("{}{}", list(&root, &[1], 2027), list(&stranger, &[2, 3], 2027))).unwrap().len(), 2);

    let fresh = &read(&list(&root, &[300], 2027)).unwrap()[0];
    assert_eq!((fresh.len(), fresh.is_stale(NOW), fresh.is_stale(NOW.plus_ms(400 * 86_400_000))), (1, false, true));
    let old = list(&root, &[300], 2026 + 1);
    verifier.revoke(&revocations(&verifier, &old).unwrap());
    let later = NOW.plus_ms(400 * 86_400_000);
    verifier.keep(ADDRESS, pem.as_bytes(), later).unwrap();
    let header = signed(&key, Attestation::Full, later);
    assert_eq!(told(&verifier, &header, caller(), callee(), later), Verified::Known(Identity::Revoked));
}

#[test]
fn an_authority_below_the_anchor_is_revoked_with_all_it_issued_and_revokes_its_own() {
    let root = authority("root");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.serial_number = Some(rcgen::SerialNumber::from(41_u64));
    params.distinguished_name.push(rcgen::DnType::CommonName, "below");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    let own = params.signed_by(&key, &root.issuer).unwrap().pem();
    let below = Authority { issuer: Issuer::new(params, key), pem: own };
    let (key, leaf) = numbered(&below, 42);
    for (what, pem, identity) in [
        ("the authority", list(&root, &[41], 2027), Identity::Revoked),
        ("the certificate, by its issuer", list(&below, &[42], 2027), Identity::Revoked),
        ("the same number of another issuer", list(&root, &[42], 2027), Identity::Full),
        ("and the other way round", list(&below, &[41], 2027), Identity::Full),
    ] {
        for sent_along in [String::new(), root.pem.clone()] {
            let verifier = verifier(&root);
            verifier.revoke(&revocations(&verifier, &pem).unwrap());
            verifier.keep(ADDRESS, format!("{leaf}{}{sent_along}", below.pem).as_bytes(), NOW).unwrap();
            let header = signed(&key, Attestation::Full, NOW);
            assert_eq!(told(&verifier, &header, caller(), callee(), NOW), Verified::Known(identity), "{what}");
        }
    }
}

#[test]
fn an_origin_is_a_uuid_that_stays_and_tells_trunks_apart() {
    let random = SystemRandom::new();
    let signer = |key: &KeyPair| Signer::new(&key.serialize_der(), ADDRESS, &random).unwrap();
    let [one, two] = [(); 2].map(|()| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let origin = signer(&one).origin("T-07");
    let parts: Vec<usize> = origin.split('-').map(str::len).collect();
    assert!(parts == [8, 4, 4, 4, 12] && origin.as_bytes()[14] == b'8' && b"89ab".contains(&origin.as_bytes()[19]), "{origin}");
    assert_eq!(signer(&one).origin("T-07"), origin, "after a restart too");
    assert!(signer(&one).origin("T-08") != origin && signer(&two).origin("T-07") != origin);
}
