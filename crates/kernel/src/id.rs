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
pub struct Ids(Mutex<Source>);

enum Source {
    System,
    Seeded(u64),
}

impl Ids {
    /// Ids with randomness from the operating system.
    pub fn system() -> Self {
        Self(Mutex::new(Source::System))
    }

    /// Reproducible ids, for tests and the demo world.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(Source::Seeded(seed)))
    }

    /// Ten random bytes and the given time make one UUIDv7.
    pub fn next(&self, now: Timestamp) -> Uuid {
        let mut random = [0_u8; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(now.0.max(0).unsigned_abs(), &random).into_uuid()
    }

    /// Fills a buffer from the same source.
    pub fn fill(&self, buffer: &mut [u8]) {
        let mut source = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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
