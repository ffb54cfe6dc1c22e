//! Known answers of the standards, for the primitives as this crate calls them.

use sm4::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _};
use zeroize::Zeroizing;

use crate::{
    Algorithm, Suite,
    merkle::sha256,
    signature_is_good,
    suite::{AeadKey, Kdf, MacKey, SigningKey},
};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().unwrap()
}

struct Aead {
    suite: Suite,
    key: &'static str,
    nonce: &'static str,
    plain: &'static str,
    aad: &'static str,
    sealed: &'static str,
    tag: &'static str,
}

/// AES-256-GCM: test cases 13, 14 and 16 of the GCM submission to NIST. SM4-GCM: RFC 8998 appendix A.1.
const AEAD: [Aead; 4] = [
    Aead {
        suite: Suite::International,
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        plain: "",
        aad: "",
        sealed: "",
        tag: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    Aead {
        suite: Suite::International,
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        plain: "00000000000000000000000000000000",
        aad: "",
        sealed: "cea7403d4d606b6e074ec5d3baf39d18",
        tag: "d0d1c8a799996bf0265b98b5d48ab919",
    },
    Aead {
        suite: Suite::International,
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        plain: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    Aead {
        suite: Suite::Gm,
        // The second half is there to show that SM4 does not look at it.
        key: "0123456789abcdeffedcba987654321000000000000000000000000000000000",
        nonce: "00001234567800000000abcd",
        plain: "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        sealed: "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d",
        tag: "83de3541e4c2b58177e065a9bf7b62ec",
    },
];

#[test]
fn aes_gcm_and_sm4_gcm() {
    for case in AEAD {
        let key = AeadKey::new(case.suite, &array(case.key)).unwrap();
        let (nonce, aad) = (array(case.nonce), bytes(case.aad));
        let mut data = bytes(case.plain);
        let tag = key.seal(&nonce, &aad, &mut data).unwrap();
        assert_eq!((hex::encode(&data), hex::encode(tag)), (case.sealed.to_owned(), case.tag.to_owned()));
        let mut opened = Zeroizing::new([data, tag.to_vec()].concat());
        key.open(&nonce, &aad, &mut opened).unwrap();
        assert_eq!(*opened, bytes(case.plain));
    }
}

/// GB/T 32907-2016 appendix A.1.
#[test]
fn sm4() {
    let key = array::<16>("0123456789abcdeffedcba9876543210");
    let cipher = <sm4::Sm4 as hmac::KeyInit>::new(&key.into());
    let mut block = key.into();
    cipher.encrypt_block(&mut block);
    assert_eq!(hex::encode(block), "681edf34d206965e86b3e94f536e4246");
    cipher.decrypt_block(&mut block);
    assert_eq!(hex::encode(block), "0123456789abcdeffedcba9876543210");
}

/// GB/T 32905-2016 appendix A.
#[test]
fn sm3() {
    use sm3::Digest as _;
    assert_eq!(hex::encode(sm3::Sm3::digest(b"abc")), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    assert_eq!(hex::encode(sm3::Sm3::digest("abcd".repeat(16))), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

/// FIPS 180-4 examples.
#[test]
fn sha_256() {
    assert_eq!(hex::encode(sha256(&[b"a", b"", b"bc"])), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/// RFC 4231 cases 1 and 2; GM/T 0042-2015 for HMAC-SM3, and one value computed with OpenSSL.
#[test]
fn hmac_sha_256_and_hmac_sm3() {
    let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopqabcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let sm3_key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
    let cases: [(Suite, &str, &[u8], &str); 4] = [
        (
            Suite::International,
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            Suite::International,
            "4a656665",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (Suite::Gm, sm3_key, long, "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a"),
        (Suite::Gm, sm3_key, b"abc", "44809d3ff5336f44071be1917887380730ae145f940a53819279801784c65e17"),
    ];
    for (suite, key, message, tag) in cases {
        let key = MacKey::new(suite, &bytes(key)).unwrap();
        assert_eq!(hex::encode(key.tag(&[message]).unwrap()), tag);
        let (head, tail) = message.split_at(message.len() / 2);
        assert_eq!(hex::encode(key.tag(&[head, tail]).unwrap()), tag);
    }
}

/// RFC 5869 appendix A.1 from its PRK on; HKDF-SM3 computed with OpenSSL.
#[test]
fn hkdf_expand() {
    let info = bytes("f0f1f2f3f4f5f6f7f8f9");
    let sha = Kdf::new(Suite::International, &array("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")).unwrap();
    assert_eq!(hex::encode(sha.expand(&info).unwrap()), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    let sm3 = Kdf::new(Suite::Gm, &array("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")).unwrap();
    assert_eq!(hex::encode(sm3.expand(&info).unwrap()), "6790974e92f91c31df70eff99674baa7b0bef54f6a5fdb7d9a1007b128579287");
}

/// RFC 8032 section 7.1, tests 1 and 3.
#[test]
fn ed25519() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in cases {
        let key = SigningKey::new(Algorithm::Ed25519, &array(seed)).unwrap();
        assert_eq!(hex::encode(key.public()), public);
        assert_eq!(hex::encode(key.sign(&bytes(message)).unwrap()), signature);
        assert!(signature_is_good(Algorithm::Ed25519, &bytes(public), &bytes(message), &bytes(signature)));
    }
}

/// The worked example of GB/T 32918.5-2017: recommended curve, SM3, default identity. Signing is randomised in the standard, so it is the verification that must
/// agree; our own signatures have their own random number.
#[test]
fn sm2() {
    let secret = array("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let public = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
    let signature = bytes(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
    );
    let key = SigningKey::new(Algorithm::Sm2, &secret).unwrap();
    assert_eq!(hex::encode(key.public()), public);
    let good = |message: &[u8], signature: &[u8]| signature_is_good(Algorithm::Sm2, &bytes(public), message, signature);
    assert!(good(b"message digest", &signature));
    assert!(!good(b"message digest.", &signature));
    assert!(good(b"another", &key.sign(b"another").unwrap()));
    for bit in 0..signature.len() * 8 {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!good(b"message digest", &flipped));
    }
    assert!(!signature_is_good(Algorithm::Sm2, b"", b"message digest", &signature));
    assert!(!signature_is_good(Algorithm::Sm2, &bytes(public), b"message digest", b""));
}
