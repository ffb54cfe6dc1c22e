//! 退避: how long to wait before the next try. Pure: the randomness is an argument.

use chuangsha_kernel::id::Ids;

/// Exponential waiting with jitter, so that a thousand waiting commands do not all come back in the same second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// Longest wait after the first failure, milliseconds.
    pub first_ms: i64,
    /// No wait is longer, milliseconds.
    pub cap_ms: i64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first_ms: 1_000, cap_ms: 5 * 60_000 }
    }
}

impl Backoff {
    /// Wait after `failures` failures (1 = the first): between half and the whole of `first_ms × 2^(failures-1)`, capped. `random` is any number.
    pub fn delay_ms(&self, failures: u32, random: u64) -> i64 {
        let doublings = failures.saturating_sub(1).min(40);
        let whole = self.first_ms.max(1).saturating_mul(1_i64 << doublings).min(self.cap_ms.max(1));
        let half = whole / 2;
        let spread = u64::try_from(whole - half).unwrap_or(0).saturating_add(1);
        half + i64::try_from(random % spread).unwrap_or(0)
    }

    /// The same with randomness from the id source.
    pub fn delay_from(&self, failures: u32, ids: &Ids) -> i64 {
        let mut random = [0_u8; 8];
        ids.fill(&mut random);
        self.delay_ms(failures, u64::from_le_bytes(random))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Backoff;

    proptest! {
        #[test]
        fn waits_grow_and_stay_within_half_and_whole(failures in 1_u32..200, random: u64) {
            let backoff = Backoff { first_ms: 1_000, cap_ms: 60_000 };
            let whole = 1_000_i64.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(60_000);
            let delay = backoff.delay_ms(failures, random);
            prop_assert!(delay >= whole / 2 && delay <= whole, "{delay} of {whole}");
        }
    }
}
