//! 姓名与地址: no bytes make a name panic, and what is accepted is normalised once and for all.
#![no_main]

use chuangsha_kernel::{Address, PersonName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = PersonName::parse(text) {
        assert!((1..=64).contains(&name.as_str().chars().count()), "length");
        assert_eq!(PersonName::parse(name.as_str()).as_ref(), Ok(&name), "parsing is idempotent");
        assert!(name.masked().chars().count() <= 4, "surname and two stars");
    }
    if let Ok(address) = Address::parse(text) {
        assert!((1..=200).contains(&address.as_str().chars().count()), "length");
        assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(&address), "parsing is idempotent");
        assert!(!address.masked().chars().any(|c| c.is_ascii_digit()), "no house number is shown");
    }
});
