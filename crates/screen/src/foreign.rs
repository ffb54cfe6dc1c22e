//! 境外号码: how many digits a number of another country may have. Asked of libphonenumber's tables when a plan is compiled, never during a call.

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber};

/// Digits there may be behind a country code at most: fifteen with the shortest code (L-SCR-1).
const MOST: u32 = 14;

/// How many national digits a country code may be followed by, as bits: bit 9 for nine digits. 0: the tables do not know the code.
///
/// Only the length is taken from them. Which ranges are in use changes faster than any table, and a wrong "no" would block a living number.
pub fn lengths(code: u16) -> u32 {
    (2..=MOST)
        .filter(|digits| {
            let national_number = 2 * 10_u64.pow(digits - 1);
            let number = PhoneNumber { country_code: i32::from(code), national_number, ..PhoneNumber::default() };
            matches!(PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number), Ok(NumberLengthType::IsPossible))
        })
        .fold(0, |bits, digits| bits | 1 << digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_country() {
        assert_eq!(lengths(1), 1 << 10, "North America: ten, always");
        assert_ne!(lengths(49) & (1 << 11), 0, "Germany: eleven is usual");
        assert_ne!(lengths(44) & (1 << 10), 0);
        assert_eq!(lengths(44) & (1 << 14), 0);
        assert_eq!(lengths(999), 0, "nobody's code");
    }
}
