//! 号码: one number in one machine word, so that tables, lists and records of a hundred million stay small.

/// 号码: E.164 digits with the country code, as an integer; Chinese numbers with 86, also the short ones (`8610086`, `8695588`).
///
/// The lengths of the national plan keep short codes, fixed lines and mobiles apart. Prints masked, is never serialised by accident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Number(u64);

/// 86
const CHINA: u64 = 86;
/// The longest number E.164 allows.
pub const MOST_DIGITS: u32 = 15;
const MOST: u64 = 999_999_999_999_999;

impl Number {
    /// From its integer; `None` for zero and for more than fifteen digits.
    pub const fn new(digits: u64) -> Option<Self> {
        if digits == 0 || digits > MOST { None } else { Some(Self(digits)) }
    }

    /// A Chinese number from its national digits without a leading zero (`19900001234`, `3517000000`, `10086`).
    pub const fn china(national: u64) -> Option<Self> {
        // More digits than these are no number with any country code before them.
        if national > MOST / 100 {
            return None;
        }
        Self::new(CHINA * 10_u64.pow(digits_of(national)) + national)
    }

    /// The integer.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// How many digits, country code included.
    pub const fn digits(self) -> u32 {
        digits_of(self.0)
    }

    /// The national digits of a Chinese number.
    ///
    /// No other country code begins with 86: what begins so is Chinese.
    pub const fn national(self) -> Option<u64> {
        let digits = self.digits();
        if digits <= 2 {
            return None;
        }
        let scale = 10_u64.pow(digits - 2);
        if self.0 / scale == CHINA { Some(self.0 % scale) } else { None }
    }

    /// The digits in full, for those who may see them: evidence and signalling, never logs.
    pub fn e164(self) -> String {
        self.0.to_string()
    }
}

const fn digits_of(value: u64) -> u32 {
    match value.checked_ilog10() {
        Some(log) => log + 1,
        None => 1,
    }
}

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Enough to tell a mobile from a trunk in a test's message, not enough to call anybody.
        let digits = self.digits();
        let head = self.0 / 10_u64.pow(digits.saturating_sub(5));
        write!(f, "Number({head}…, {digits} digits)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_codes_and_long_numbers_keep_their_national_digits() {
        for national in [110, 10_086, 95_588, 4_001_234_567, 3_517_000_000, 19_900_001_234, 1_064_812_345_678] {
            assert_eq!(Number::china(national).unwrap().national(), Some(national));
        }
        assert_eq!(Number::china(19_900_001_234).unwrap().value(), 8_619_900_001_234);
        assert_eq!(Number::new(14_155_550_100).unwrap().national(), None);
        assert_eq!(Number::new(86).unwrap().national(), None);
        assert_eq!((Number::new(0), Number::new(1_000_000_000_000_000)), (None, None));
        assert_eq!(Number::china(u64::MAX / 100), None);
        assert_eq!(std::mem::size_of::<Option<Number>>(), 16);
    }

    #[test]
    fn debug_never_shows_a_whole_number() {
        assert_eq!(format!("{:?}", Number::china(19_900_001_234).unwrap()), "Number(86199…, 13 digits)");
    }
}
