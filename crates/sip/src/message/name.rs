//! 头域名: the headers this edge reads, in long and compact form; everything else is carried along unread.

/// What parts the names from each other at a glance: length and first letters.
const fn key(name: &[u8]) -> usize {
    match name {
        [first, second, ..] => name.len() << 16 | (first.to_ascii_lowercase() as usize) << 8 | second.to_ascii_lowercase() as usize,
        _ => 0,
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $long:literal $(, $compact:literal)?;)*) => {
        /// 头域名.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Name {
            $($(#[$doc])* $variant,)*
            /// One this edge does not read.
            Other,
        }

        impl Name {
            /// How many there are.
            pub const COUNT: usize = [$(stringify!($variant)),*].len() + 1;

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name of a header, upper and lower case alike.
            pub fn of(text: &[u8]) -> Self {
                if let [letter] = text {
                    let letter = letter.to_ascii_lowercase();
                    $($(if letter == $compact { return Self::$variant; })?)*
                    return Self::Other;
                }
                let key = key(text);
                $(if key == const { self::key($long.as_bytes()) } {
                    // Nearly all write it as the standard does: that is told by a load or two.
                    let same = text == $long.as_bytes() || text.eq_ignore_ascii_case($long.as_bytes());
                    return if same { Self::$variant } else { Self::Other };
                })*
                Self::Other
            }

            /// As it is written.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $long,)*
                    Self::Other => "",
                }
            }
        }
    };
}

names! {
    /// The way back.
    Via = "Via", b'v';
    /// Who calls, as the caller says.
    From = "From", b'f';
    /// Who is called.
    To = "To", b't';
    /// The call.
    CallId = "Call-ID", b'i';
    /// Number and method of the request.
    CSeq = "CSeq";
    /// Hops left.
    MaxForwards = "Max-Forwards";
    /// Bytes of the body.
    ContentLength = "Content-Length", b'l';
    /// Where to send what follows.
    Contact = "Contact", b'm';
    /// The way to go.
    Route = "Route";
    /// Who wants to see what follows.
    RecordRoute = "Record-Route";
    /// Who calls, as the network says (RFC 3325).
    AssertedIdentity = "P-Asserted-Identity";
    /// Who calls, as the caller would like it shown (RFC 3325).
    PreferredIdentity = "P-Preferred-Identity";
    /// What may be shown (RFC 3323).
    Privacy = "Privacy";
    /// A signed token about the caller (RFC 8224).
    Identity = "Identity", b'y';
    /// From where the call was forwarded (RFC 5806).
    Diversion = "Diversion";
    /// The same (RFC 7044).
    HistoryInfo = "History-Info";
    /// Extensions asked of the one who answers.
    Require = "Require";
    /// Extensions asked of those on the way.
    ProxyRequire = "Proxy-Require";
    /// When it was sent.
    Date = "Date";
    /// Why (RFC 3326).
    Reason = "Reason";
    /// What the body is.
    ContentType = "Content-Type", b'c';
}

impl Name {
    /// Whether a message may have it once only.
    pub const fn single(self) -> bool {
        matches!(
            self,
            Self::From | Self::To | Self::CallId | Self::CSeq | Self::MaxForwards | Self::ContentLength | Self::Date | Self::ContentType
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_from_the_others_at_a_glance() {
        let keys: std::collections::BTreeSet<usize> = Name::ALL.iter().map(|name| key(name.text().as_bytes())).collect();
        assert_eq!(keys.len(), Name::COUNT - 1);
        assert!(Name::ALL.iter().all(|name| Name::of(name.text().to_ascii_uppercase().as_bytes()) == *name));
    }

    #[test]
    fn long_and_compact_names_are_one() {
        for (long, compact) in
            [("Via", "v"), ("FROM", "F"), ("to", "t"), ("call-id", "i"), ("Content-length", "L"), ("contact", "m"), ("identity", "y")]
        {
            assert_ne!(Name::of(long.as_bytes()), Name::Other, "{long}");
            assert_eq!(Name::of(long.as_bytes()), Name::of(compact.as_bytes()), "{long}");
        }
        assert_eq!(Name::of(b"x"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"Vi\xc3\xa4"), Name::Other);
    }
}
