//! Identifiers. Every id is a UUID version 7 made in this process, never by a database.

use std::sync::Mutex;

use uuid::Uuid;

use crate::time::Timestamp;

/// Declares a typed id: `id_type!(/// 登记单号. OrderId);`
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl $name {
            /// The sixteen bytes the store keeps.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }

            /// Reads the sixteen bytes the store keeps; `None` when there are not sixteen.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                uuid::Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id_type!(
    /// 工作人员: one member of staff.
    StaffId
);
id_type!(
    /// 组织: ministry, administration, carrier unit, channel or call centre.
    OrganisationId
);
id_type!(
    /// 客户主体: one subject of data, person or organisation.
    SubjectId
);
id_type!(
    /// 登记单: one registration order.
    OrderId
);

/// Where new ids come from. Two sources with the same seed give the same ids.
pub struct Ids {
    source: Mutex<Source>,
    last: Mutex<(u64, u16)>,
}

enum Source {
    System,
    Seeded(u64),
}

impl Ids {
    /// Ids with randomness from the operating system.
    pub fn system() -> Self {
        Self { source: Mutex::new(Source::System), last: Mutex::default() }
    }

    /// Reproducible ids, for tests and the demo world.
    pub fn seeded(seed: u64) -> Self {
        Self { source: Mutex::new(Source::Seeded(seed)), last: Mutex::default() }
    }

    /// A UUIDv7: the time, a counter within the millisecond, random bits. Ids of one source sort in the order they were made, also when two
    /// fall into one millisecond or the clock is set back.
    pub fn next(&self, now: Timestamp) -> Uuid {
        let mut random = [0_u8; 10];
        self.fill(&mut random);
        let (ms, count) = self.tick(now.0.max(0).unsigned_abs());
        let [high, low] = count.to_be_bytes();
        let [first, second, ..] = &mut random;
        *first = high;
        *second = low;
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    /// So many at once, as [`Ids::next`] makes them: one draw of randomness for all. For rows by the thousand.
    pub fn many(&self, now: Timestamp, count: usize) -> Vec<Uuid> {
        let mut random = vec![0_u8; count * 10];
        self.fill(&mut random);
        let (drawn, _) = random.as_chunks_mut::<10>();
        let one = |random: &mut [u8; 10]| {
            let (ms, place) = self.tick(now.0.max(0).unsigned_abs());
            let [high, low] = place.to_be_bytes();
            let [first, second, ..] = &mut *random;
            *first = high;
            *second = low;
            uuid::Builder::from_unix_timestamp_millis(ms, random).into_uuid()
        };
        drawn.iter_mut().map(one).collect()
    }

    /// The next place in time: twelve bits of counter, then the millisecond is borrowed from the future.
    fn tick(&self, ms: u64) -> (u64, u16) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = match *last {
            (then, _) if ms > then => (ms, 0),
            (then, 0xfff) => (then + 1, 0),
            (then, count) => (then, count + 1),
        };
        *last
    }

    /// Fills a buffer from the same source.
    pub fn fill(&self, buffer: &mut [u8]) {
        let mut source = self.source.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &mut *source {
            Source::System => {
                if getrandom::fill(buffer).is_err() {
                    // Without randomness nothing here is safe: stopping beats handing out a predictable id.
                    std::process::abort();
                }
            }
            Source::Seeded(state) => {
                for chunk in buffer.chunks_mut(8) {
                    let word = split_mix(state).to_le_bytes();
                    for (byte, random) in chunk.iter_mut().zip(word) {
                        *byte = random;
                    }
                }
            }
        }
    }
}

/// SplitMix64: one step of the seeded source.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_as_they_were_made_even_when_the_clock_is_set_back() {
        let ids = Ids::seeded(1);
        let mut made: Vec<Uuid> = (0..5_000).map(|_| ids.next(Timestamp(1_000))).collect();
        made.push(ids.next(Timestamp(10)));
        made.push(ids.next(Timestamp(2_000_000)));
        assert!(made.is_sorted());
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
