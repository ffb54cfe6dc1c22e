//! 机读区: no bytes make a machine-readable zone panic, and what is accepted makes sense.
#![no_main]

use chuangsha_kernel::{Mrz, Provinces};
use jiff::civil::date;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let today = date(2026, 11, 22);
    let Ok(zone) = Mrz::parse(text, today) else { return };
    assert!(zone.birth.is_none_or(|birth| birth <= today), "nobody is born in the future");
    assert!(!zone.surname.contains('<') && !zone.number.contains('<'), "fillers are gone");
    let _ = zone.passport(&Provinces::default());
});
