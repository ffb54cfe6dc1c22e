//! 请求体: no bytes make the reader of a JSON body panic. The first byte chooses the body, so that each gets its share.
#![no_main]

use chuangsha_app::{
    channels::{Asked, ModeSwitch, NewChannel, Visit},
    platform::network::read_feedback,
    registration::{
        desk::{Capture, Delivery, NewOrder, Reservation},
        person::{Link, Restriction},
        view::Reveal,
    },
};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;

/// What was read is dropped: the types hold what the bytes say and judge nothing before a module does.
fn read<T: DeserializeOwned>(body: &[u8]) {
    let _ = serde_json::from_slice::<T>(body);
}

const READERS: [fn(&[u8]); 12] = [
    read::<NewOrder>,
    read::<Reservation>,
    read::<Capture>,
    read::<Delivery>,
    read::<Reveal>,
    read::<Link>,
    read::<Restriction>,
    read::<NewChannel>,
    read::<Asked>,
    read::<Visit>,
    read::<ModeSwitch>,
    |body| {
        let _ = read_feedback(body);
    },
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let Some(reader) = READERS.get(usize::from(*choice) % READERS.len()) else { return };
    reader(body);
});
