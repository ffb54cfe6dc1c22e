//! 地址头域: `"显示名" <uri>;参数`, alone or in a list, as in From, To, Contact, Route and P-Asserted-Identity.

use super::uri::Uri;
use crate::scan;

/// 一个地址: display name, URI and header parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// Display name without its quotes, escapes as they are; empty when there is none.
    pub display: &'a [u8],
    /// The URI.
    pub uri: Uri<'a>,
    /// From the first `;` after the URI to the end of this address.
    parameters: &'a [u8],
    tag: Option<&'a [u8]>,
}

impl<'a> Address<'a> {
    /// One address from the front of `text`, and what follows it: nothing, or a comma and more.
    pub fn take(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let text = scan::skip_blank(text);
        if let [b'<', rest @ ..] = text
            && let Some((uri, [b'>', rest @ ..])) = Uri::usual(rest)
        {
            return Self::after(&[], uri, rest);
        }
        let (display, rest) = match text.first()? {
            b'"' => {
                let (display, rest) = scan::quoted(text)?;
                (display, Some(scan::skip_blank(rest).strip_prefix(b"<")?))
            }
            b'<' => (&[][..], text.get(1..)),
            _ => Self::words(text)?,
        };
        let (uri, rest) = match rest {
            Some(rest) => {
                let end = memchr::memchr(b'>', rest)?;
                (rest.get(..end)?, rest.get(end + 1..)?)
            }
            None => {
                // Without brackets what follows a `;` belongs to the header, and there can be neither `,` nor `?` in it (RFC 3261 20.10).
                let ends = |b: &u8| matches!(b, b';' | b',' | b' ' | b'\t' | b'\r' | b'\n');
                let end = text.iter().position(ends).unwrap_or(text.len());
                let (uri, rest) = text.split_at_checked(end)?;
                if memchr::memchr(b'?', uri).is_some() {
                    return None;
                }
                (uri, rest)
            }
        };
        Self::after(display, Uri::parse(uri)?, rest)
    }

    fn after(display: &'a [u8], uri: Uri<'a>, text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut tag = None;
        let (parameters, rest) = each(text, |name, value| {
            if name.eq_ignore_ascii_case(b"tag") {
                tag = tag.or(Some(value));
            }
        })?;
        Some((Self { display, uri, parameters, tag: tag.filter(|tag| !tag.is_empty()) }, rest))
    }

    /// Unquoted words before `<`, if that is what stands here.
    fn words(text: &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        // Words in Chinese are often sent without quotes; bytes above ASCII cannot be mistaken for anything else here.
        let word = |b: &u8| scan::is_token(std::slice::from_ref(b)) || matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0x80..);
        let end = text.iter().position(|b| !word(b)).unwrap_or(text.len());
        match text.split_at_checked(end)? {
            (display, [b'<', rest @ ..]) => Some((scan::trim(display), Some(rest))),
            (_, [b':', ..]) => Some((&[], None)),
            _ => None,
        }
    }

    /// All of `text` as one address.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (address, rest) = Self::take(text)?;
        rest.is_empty().then_some(address)
    }

    /// The value of a header parameter, quotes left out; empty for one without a value.
    pub fn parameter(&self, name: &str) -> Option<&'a [u8]> {
        parameter(self.parameters, name)
    }

    /// The tag, where there is one.
    pub const fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }
}

/// The addresses of one header value, parted by commas; `None` stands for the place where it is malformed.
pub fn list(value: &[u8]) -> impl Iterator<Item = Option<Address<'_>>> + Clone {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((address, after)) = Address::take(text) else { return Some(None) };
        rest = scan::separator(after, b',');
        if rest.is_none() && !after.is_empty() { Some(None) } else { Some(Some(address)) }
    })
}

/// The number in an address header, at a glance: what stands behind the first colon. A guess, for those who read again before they rely on it.
pub fn number(value: &[u8]) -> Option<&[u8]> {
    let text = value.get(memchr::memchr(b':', value)? + 1..)?;
    let end = text.iter().position(|b| matches!(b, b'@' | b';' | b'>' | b':')).unwrap_or(text.len());
    text.get(..end)
}

/// Header parameters from the front of `text`, to the end or to a comma; each must have a name, and a value after `=`. `found` is told of each: its
/// name, and its value, empty when there is none.
pub fn each<'a>(text: &'a [u8], mut found: impl FnMut(&'a [u8], &'a [u8])) -> Option<(&'a [u8], &'a [u8])> {
    let mut rest = text;
    loop {
        let Some(after) = scan::separator(rest, b';') else {
            let rest = scan::skip_blank(rest);
            let taken = text.get(..text.len() - rest.len())?;
            return (rest.is_empty() || rest.first() == Some(&b',')).then_some((taken, rest));
        };
        let (name, value, more) = one(after)?;
        found(name, value);
        rest = more;
    }
}

type Parameter<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Name, value and what follows; the value is empty when there is none.
fn one(text: &[u8]) -> Option<Parameter<'_>> {
    let (name, rest) = scan::token(text)?;
    let Some(after) = scan::separator(rest, b'=') else { return Some((name, &[], rest)) };
    if let Some((value, rest)) = scan::quoted(after) {
        return Some((name, value, rest));
    }
    // A token or a host; `received` of an IPv6 address is found with and without its brackets (RFC 5118 section 4.5).
    let (value, rest) = scan::parameter_value(after);
    (!value.is_empty()).then_some((name, value, rest))
}

/// The value of one parameter among those [`each`] has found well formed.
pub fn parameter<'a>(parameters: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = parameters;
    while let Some(after) = scan::separator(rest, b';') {
        let (found, value, more) = one(after)?;
        if found.eq_ignore_ascii_case(name.as_bytes()) {
            return Some(value);
        }
        rest = more;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address<'_> {
        Address::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let quoted = address("\"A. G. \\\"Bell\\\"\" <sip:a@example.com;lr> ;tag = 43;x");
        assert_eq!(quoted.display, br#"A. G. \"Bell\""#);
        assert_eq!(quoted.tag(), Some(&b"43"[..]));
        assert_eq!(quoted.parameter("x"), Some(&b""[..]));
        let bracketed = address(r#""<sip:+86133" <sip:+8619900001234@gw.example>;tag=a1"#);
        assert_eq!((bracketed.display, bracketed.uri.user), (&b"<sip:+86133"[..], &b"+8619900001234"[..]), "a name is no address");
        assert_eq!(address("caller<sip:caller@example.com>;tag=323").display, b"caller");
        assert_eq!(address("疑似推销 <tel:+8619900001234>").display, "疑似推销".as_bytes());
        assert_eq!(address("A  B\r\n C <sip:x.example>").display, b"A  B\r\n C");
        let bare = address("sip:a@example.com;tag=1");
        assert_eq!((bare.uri.user, bare.tag(), bare.uri.parameter("tag")), (&b"a"[..], Some(&b"1"[..]), None));
        assert_eq!(address(" <tel:+86-1> ").uri.telephone(), b"+86-1");
        assert_eq!(address("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>").uri.headers, b"Route=%3Csip:sip.example.com%3E");
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for wrong in [
            "",
            "<>",
            "\"Mr. J. User <sip:j.user@example.com>",
            "\"Watson\" < sip:t.watson@example.org >",
            "Bell, Alexander <sip:a.g.bell@example.com>",
            "sip:user@example.com?Route=x",
            "\"Joe\" <sip:joe@example.org>;;;;",
            "<sip:a@b.example>;tag=",
            "<sip:a@b.example> x",
            "\"a\" sip:a@b.example",
            "a b sip:c@d.example",
        ] {
            assert_eq!(Address::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_tells_where_it_breaks() {
        let all = |text: &'static str| list(text.as_bytes()).map(|one| one.map(|a| a.uri.telephone())).collect::<Vec<_>>();
        assert_eq!(all("<sip:a@x.example> , \"b,c\" <tel:+1>;q=1,sip:d@y.example").len(), 3);
        assert!(all("<sip:a@x.example>,<tel:+1>").iter().all(Option::is_some));
        assert_eq!(all("<sip:a@x.example>,"), [Some(&b"a"[..]), None]);
        assert_eq!(all("<sip:a@x.example>;;"), [None]);
    }
}
