//! 手机号码: no bytes make a phone number panic, and what is accepted has one form.
#![no_main]

use chuangsha_kernel::Phone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(phone) = Phone::parse(text) else { return };
    assert!(phone.digits().len() == 11 && phone.digits().bytes().all(|b| b.is_ascii_digit()), "eleven digits");
    for same in [phone.digits().to_owned(), phone.e164(), format!("+{}", phone.e164()), format!("00{}", phone.e164())] {
        assert_eq!(Phone::parse(&same).as_ref(), Ok(&phone), "every form is the same number");
    }
    assert_eq!(phone.masked().chars().filter(char::is_ascii_digit).count(), 7, "the mask shows seven digits");
});
