//! 话单: no bytes make a reader of call records or frames panic or run on.
#![no_main]

use chuangsha_sip::feed::{asterisk, freeswitch, hep, kamailio};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let zone = jiff::tz::TimeZone::UTC;
    for row in asterisk::read(bytes, zone.clone()).chain(freeswitch::read(bytes, zone.clone())).chain(kamailio::read(bytes)) {
        match row {
            Ok(record) => assert!(!record.caller.is_empty() && record.caller.len() <= 64 && !record.callee.is_empty()),
            Err(reject) => assert!(reject.row > 0),
        }
    }
    if let Ok(frame) = hep::frame(bytes) {
        assert!(frame.payload.len() < bytes.len());
    }
    let _ = hep::Probe::new(8, "", [1; 16]).take(bytes);
});
