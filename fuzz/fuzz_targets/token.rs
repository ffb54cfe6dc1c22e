//! 主叫签名: no header and no certificate makes the verifier panic, and what nobody signed never holds.
#![no_main]

use chuangsha_kernel::Timestamp;
use chuangsha_screen::{
    Identity, Number,
    stir::{Anchor, Told, Verified, Verifier},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let told = Told {
        call: b"call".to_vec(),
        caller: Number::china(19_900_001_234).unwrap(),
        callee: Number::china(19_900_005_678).unwrap(),
        dialled: None,
        diverted: false,
        at: Timestamp(1_795_312_800_000),
    };
    let verifier = Verifier::default();
    let tokens: Vec<String> = String::from_utf8_lossy(bytes).split('\n').map(str::to_owned).collect();
    let said = verifier.verify(&tokens, &told);
    assert!(matches!(said, Verified::Wants(_) | Verified::Known(Identity::Invalid | Identity::Unchecked)), "{said:?}");
    assert!(verifier.keep("https://cert.example/", bytes, told.at).is_err(), "below nobody we trust");
    let _ = Anchor::read_all(bytes);
});
