//! 统一资源标识: `sip:`, `sips:` and `tel:` URIs (RFC 3261, RFC 3966, trunk groups of RFC 4904); any other scheme is kept whole.

use crate::scan;

/// 被叫或主叫的地址: one URI, its parts still in the bytes they came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// All of it.
    pub text: &'a [u8],
    /// Which kind.
    pub scheme: Scheme,
    /// Before the `@`; for `tel:` the number. Empty when there is none.
    pub user: &'a [u8],
    /// Empty for `tel:` and unknown schemes.
    pub host: &'a [u8],
    /// Where one is written.
    pub port: Option<u16>,
    /// From the first `;` on, that one left out.
    parameters: &'a [u8],
    /// From the `?` on: headers to be put into a request.
    pub headers: &'a [u8],
}

/// What stands before the first colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other, well formed.
    Other,
}

impl<'a> Uri<'a> {
    /// Reads all of `text`; nothing when it is no URI.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        match Self::usual(text) {
            Some((uri, [])) => Some(uri),
            _ => Self::any(text),
        }
    }

    /// The usual URI from the front, `sip:user@name:port;parameters` with nothing escaped, each byte looked at once, and what follows. Nothing where
    /// there may be more to it: where a byte follows that can be part of one, [`Self::parse`] is to be asked.
    pub(super) fn usual(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let [b's', b'i', b'p', b':', rest @ ..] = text else { return None };
        let (user, host) = match scan::user(rest) {
            ([_, ..], [b'@', host @ ..]) => (rest.get(..rest.len() - host.len() - 1)?, host),
            // A host by itself, or a user with a password: if it is that, there is an `@` where the host would end.
            _ => (&[][..], rest),
        };
        let (host, rest) = scan::host(host)?;
        let (port, rest) = scan::port(rest)?;
        let parameters = rest;
        let mut rest = rest;
        while let [b';', after @ ..] = rest {
            rest = scan::plain_parameter(after)?;
            if let [b'=', value @ ..] = rest {
                rest = scan::plain_parameter(value)?;
            }
        }
        if !matches!(rest, [] | [b'>', ..]) {
            return None;
        }
        let parameters = parameters.get(..parameters.len() - rest.len())?;
        let parameters = parameters.strip_prefix(b";").unwrap_or(parameters);
        let text = text.get(..text.len() - rest.len())?;
        Some((Self { text, scheme: Scheme::Sip, user, host, port, parameters, headers: &[] }, rest))
    }

    fn any(text: &'a [u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', text)?;
        let (scheme, rest) = (text.get(..colon)?, text.get(colon + 1..)?);
        let bare = Self { text, scheme: Scheme::Other, user: &[], host: &[], port: None, parameters: &[], headers: &[] };
        if scheme.eq_ignore_ascii_case(b"sip") {
            Self { scheme: Scheme::Sip, ..bare }.sip(rest)
        } else if scheme.eq_ignore_ascii_case(b"sips") {
            Self { scheme: Scheme::Sips, ..bare }.sip(rest)
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            Self { scheme: Scheme::Tel, ..bare }.tel(rest)
        } else {
            let [first, more @ ..] = scheme else { return None };
            let named = first.is_ascii_alphabetic() && more.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
            (named && scan::is_opaque(rest)).then_some(bare)
        }
    }

    fn sip(mut self, text: &'a [u8]) -> Option<Self> {
        // No `@` may stand anywhere else unescaped, so that a user part with `;` and `?` is told from parameters.
        let rest = match memchr::memchr(b'@', text) {
            Some(at) => {
                self.user = text.get(..at)?;
                if !scan::is_user_information(self.user) {
                    return None;
                }
                text.get(at + 1..)?
            }
            None => text,
        };
        let (host, rest) = scan::host(rest)?;
        let (port, rest) = scan::port(rest)?;
        (self.host, self.port) = (host, port);
        let (parameters, headers) = match memchr::memchr(b'?', rest) {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
            None => (rest, &[][..]),
        };
        if rest.len() != parameters.len() && !scan::is_opaque(headers) {
            return None;
        }
        self.headers = headers;
        self.after(parameters)
    }

    fn tel(mut self, text: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        let (number, parameters) = text.split_at_checked(end)?;
        self.user = number;
        let digits = number.strip_prefix(b"+").unwrap_or(number);
        let telephone = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'(' | b')' | b'*' | b'#' | b'A'..=b'F' | b'a'..=b'f');
        if digits.is_empty() || !digits.iter().all(telephone) {
            return None;
        }
        self.after(parameters)
    }

    fn after(mut self, parameters: &'a [u8]) -> Option<Self> {
        if parameters.is_empty() {
            return Some(self);
        }
        self.parameters = parameters.strip_prefix(b";")?;
        let fine = |parameter: &'a [u8]| {
            let (name, value) = split(parameter);
            scan::is_parameter(name) && value.is_none_or(scan::is_parameter)
        };
        self.parameters.split(|b| *b == b';').all(fine).then_some(self)
    }

    /// The value of a parameter; empty for one without a value.
    pub fn parameter(&self, name: &str) -> Option<&'a [u8]> {
        let all = if self.parameters.is_empty() { &[][..] } else { self.parameters };
        find(all, name).or_else(|| {
            // `sip:+86…;tgrp=x;trunk-context=y@host;user=phone`: telephone parameters stand within the user part (RFC 3261 19.1.6).
            let inside = memchr::memchr(b';', self.user).and_then(|at| self.user.get(at + 1..))?;
            find(inside, name)
        })
    }

    /// The user part up to its first `;` and without a password: a telephone number, where it is one.
    pub fn telephone(&self) -> &'a [u8] {
        let end = memchr::memchr2(b';', b':', self.user).unwrap_or(self.user.len());
        self.user.get(..end).unwrap_or(self.user)
    }

    /// The trunk group a call comes by (RFC 4904), where one is told.
    pub fn trunk_group(&self) -> Option<&'a [u8]> {
        self.parameter("tgrp").filter(|group| !group.is_empty())
    }

    /// Whether it is `sip:` or `sips:`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }
}

fn split(parameter: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'=', parameter) {
        Some(at) => (parameter.get(..at).unwrap_or_default(), parameter.get(at + 1..)),
        None => (parameter, None),
    }
}

fn find<'a>(parameters: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut all = parameters.split(|b| *b == b';').map(split);
    all.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_usual_uri_is_read_as_any_other(text in "sips?:([+a1;=%,?-]{0,6}(:[a1%]{0,2})?@)?[a1.\\-\\[\\]:]{0,8}(:[0-9]{1,6})?[;=?a1%/&\\[]{0,8}") {
            if let Some((uri, rest)) = Uri::usual(text.as_bytes()) {
                prop_assert!(rest.is_empty());
                prop_assert_eq!(Uri::any(text.as_bytes()), Some(uri));
            }
        }

        #[test]
        fn what_a_bracket_ends_is_the_same_uri(text in "sip:[a1;:@.=?%-]{0,16}") {
            let bracketed = format!("{text}>;tag=1");
            let found = Uri::usual(bracketed.as_bytes());
            prop_assert_eq!(found.map(|(uri, _)| uri), Uri::usual(text.as_bytes()).map(|(uri, _)| uri));
            prop_assert!(found.is_none_or(|(_, rest)| rest == b">;tag=1"));
        }
    }

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn the_parts_of_a_sip_uri_are_told_apart() {
        let full = uri("sip:+8619900001234;phone-context=x:secret@[2001:db8::10]:5070;transport=udp;lr?subject=a");
        assert_eq!(full.telephone(), b"+8619900001234");
        assert_eq!((full.host, full.port), (&b"[2001:db8::10]"[..], Some(5070)));
        assert_eq!(full.parameter("Transport"), Some(&b"udp"[..]));
        assert_eq!(full.parameter("lr"), Some(&b""[..]));
        assert_eq!(full.headers, b"subject=a");
        assert_eq!(full.parameter("phone-context"), Some(&b"x:secret"[..]));
        assert_eq!(uri("SIPS:example.com").scheme, Scheme::Sips);
        assert_eq!(uri("sip:[2001:db8::10:5070]").port, None, "the port is part of the address");
    }

    #[test]
    fn a_trunk_group_is_found_wherever_it_may_stand() {
        assert_eq!(uri("sip:+8619900001234;tgrp=hz-1;trunk-context=+8657@gw.example;user=phone").trunk_group(), Some(&b"hz-1"[..]));
        assert_eq!(uri("sip:+8619900001234@gw.example;tgrp=hz-2").trunk_group(), Some(&b"hz-2"[..]));
        assert_eq!(uri("tel:+8619900001234;tgrp=hz-3;trunk-context=x.example").trunk_group(), Some(&b"hz-3"[..]));
        assert_eq!(uri("tel:+86-199-0000-1234").trunk_group(), None);
        assert_eq!(uri("tel:+86-199-0000-1234").telephone(), b"+86-199-0000-1234");
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for wrong in [
            "",
            "sip",
            ":x",
            "sip:",
            "sip:@host",
            "sip:user@",
            "sip:user@host:port",
            "sip:user@host;",
            "sip:user@host;;lr",
            "sip:user@host?",
            "sip:2001:db8::10",
            "sip:user@[2001:db8:::1]",
            "tel:",
            "tel:+",
            "tel:hello",
            "1x:y",
            "name: y",
            "sip:us er@host",
            "sip:<user@host>",
        ] {
            assert_eq!(Uri::parse(wrong.as_bytes()), None, "{wrong}");
        }
        for other in ["isbn:2983792873", "http://www.example.com", "soap.beep://192.0.2.103:3002", "mailto:a@example.com"] {
            assert_eq!(uri(other).scheme, Scheme::Other, "{other}");
        }
    }
}
