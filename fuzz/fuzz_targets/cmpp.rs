//! CMPP: any bytes are a message or a fault, a message written again is the same, and both versions keep to their frame.
#![no_main]

use chuangsha_cmpp::{Part, Pdu, Report, Version, frame_length, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for version in [Version::V20, Version::V30] {
        let Ok(pdu) = Pdu::read(bytes, version) else { continue };
        let again = pdu.write(version).expect("what was read fits its fields");
        assert_eq!(Pdu::read(&again, version), Ok(pdu), "a message stays the same");
        assert_eq!(frame_length(&again), Ok(Some(again.len())));
    }
    let _ = Report::read(bytes);
    let _ = Part::read(bytes);
    let _ = text(8, bytes);
});
