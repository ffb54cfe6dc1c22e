//! 影像: no bytes make the intake of a picture panic, and what is accepted is stored as a JPEG of bounded size.
#![no_main]

use chuangsha_app::platform::images::fuzz_intake;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz_intake(data));
