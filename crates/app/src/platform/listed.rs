//! 词表: closed lists that are stored as numbers, sent as stable names and shown as words.

/// A closed list with a stable name, a number in the store and words in both languages.
macro_rules! listed {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal, $stable:literal, $zh:literal, $en:literal;)+ }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        $(#[$about])*
        pub enum $name {
            $($(#[$doc])* #[doc = $zh] $variant = $number,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $stable,)+ }
            }

            /// In words, Chinese and English.
            pub const fn words(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($zh, $en),)+ }
            }

            /// From the stable name.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }

            /// From the number in the store.
            pub fn from_i64(value: i64) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| *one as i64 == value)
            }
        }
    };
}

pub(crate) use listed;
