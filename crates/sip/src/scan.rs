//! 逐字节读取: the smallest pieces of the grammar of RFC 3261 section 25, each taken from the front of a byte slice.
//!
//! Every function looks at a byte once and allocates nothing. A header value may be folded: the line splitter has seen to it that a CRLF inside
//! one is always followed by a blank, so that CR and LF count as white space here.

use std::net::{Ipv4Addr, Ipv6Addr};

use chuangsha_screen::either;

const TOKEN: u8 = 1;
const BLANK: u8 = 2;
const USER: u8 = 4;
const PARAMETER: u8 = 8;
const HOST: u8 = 16;
const HEX: u8 = 32;
const WORD: u8 = 64;
const DIGIT: u8 = 128;

#[allow(clippy::indexing_slicing, reason = "run by the compiler, which would refuse an index out of bounds")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        let mark = matches!(b, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')');
        if b.is_ascii_alphanumeric() {
            class |= TOKEN | USER | PARAMETER | HOST | WORD;
        }
        if b.is_ascii_digit() {
            class |= DIGIT;
        }
        if b.is_ascii_hexdigit() {
            class |= HEX;
        }
        if matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~') {
            class |= TOKEN | WORD;
        }
        if matches!(b, b'(' | b')' | b'<' | b'>' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'{' | b'}') {
            class |= WORD;
        }
        if mark || matches!(b, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/') {
            class |= USER;
        }
        if mark || matches!(b, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$') {
            class |= PARAMETER;
        }
        // The underscore is no part of a host name, yet machines carry names with one.
        if matches!(b, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        if matches!(b, b' ' | b'\t' | b'\r' | b'\n') {
            class |= BLANK;
        }
        table[byte] = class;
        byte += 1;
    }
    table
}

static CLASSES: [u8; 256] = classes();

fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|found| found & class != 0)
}

/// The line breaks of a message, one after the other: CR and LF each for itself. Looked for in sixty-four bytes at a time, for a line is short.
pub struct Breaks<'a> {
    bytes: &'a [u8],
    /// Where the bytes begin that were looked at last, and what was found in them.
    block: (usize, u64),
}

impl<'a> Breaks<'a> {
    /// Of these bytes.
    pub const fn of(bytes: &'a [u8]) -> Self {
        // Nothing was looked at: the first question is never within this block.
        Self { bytes, block: (usize::MAX, 0) }
    }

    /// The first one at that place or after it, or else the end. Places are asked for in their order.
    pub fn after(&mut self, mut at: usize) -> usize {
        loop {
            let (begin, found) = self.block;
            if let Some(within) = at.checked_sub(begin).filter(|within| *within < 64) {
                let left = found >> within;
                if left != 0 {
                    return at + left.trailing_zeros() as usize;
                }
                at = begin + 64;
            }
            let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) else { return self.bytes.len() };
            let found = match rest.first_chunk() {
                Some(block) => either(block, b'\r', b'\n'),
                None => {
                    let mut block = [0; 64];
                    block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
                    either(&block, b'\r', b'\n')
                }
            };
            self.block = (at, found);
        }
    }
}

/// The longest run of bytes of a class, and what follows.
fn run(text: &[u8], class: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !is(*byte, class)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

fn all(text: &[u8], class: u8) -> bool {
    text.iter().all(|byte| is(*byte, class))
}

/// Without white space in front.
pub fn skip_blank(text: &[u8]) -> &[u8] {
    run(text, BLANK).1
}

/// Without white space on either side.
pub fn trim(text: &[u8]) -> &[u8] {
    let mut text = skip_blank(text);
    while let [rest @ .., last] = text
        && is(*last, BLANK)
    {
        text = rest;
    }
    text
}

/// A token from the front; at least one byte.
pub fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (token, rest) = run(text, TOKEN);
    (!token.is_empty()).then_some((token, rest))
}

/// Whether all of it is one token.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && all(text, TOKEN)
}

/// Whether all of it is one `word`, as in Call-ID.
pub fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && all(text, WORD)
}

/// What stands between the quotes at the front, escapes as they are, and what follows the closing one.
pub fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let [b'"', inside @ ..] = text else { return None };
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', inside.get(at..)?)?;
        match inside.get(at)? {
            b'"' => return Some((inside.get(..at)?, inside.get(at + 1..)?)),
            // The byte after a backslash is taken as it is, but a line break may not be escaped.
            _ if matches!(inside.get(at + 1)?, b'\r' | b'\n') => return None,
            _ => at += 2,
        }
    }
}

/// A byte at the front, white space around it allowed.
pub fn separator(text: &[u8], wanted: u8) -> Option<&[u8]> {
    match skip_blank(text) {
        [first, rest @ ..] if *first == wanted => Some(skip_blank(rest)),
        _ => None,
    }
}

/// All digits: the number, or nothing when there is another byte, none at all, or it does not fit.
pub fn number(text: &[u8]) -> Option<u64> {
    // Nineteen nines fit.
    if text.len() < 20 {
        let digit = |sum, byte: &u8| is(*byte, DIGIT).then(|| sum * 10 + u64::from(byte - b'0'));
        return text.iter().try_fold(0_u64, digit).filter(|_| !text.is_empty());
    }
    if !all(text, DIGIT) {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// What may stand unescaped before the `@` of a SIP URI from the front, and what follows.
pub fn user(text: &[u8]) -> (&[u8], &[u8]) {
    run(text, USER)
}

/// Name or value of a URI parameter, nothing in it escaped, from the front; at least one byte.
pub fn plain_parameter(text: &[u8]) -> Option<&[u8]> {
    let (found, rest) = run(text, PARAMETER);
    (!found.is_empty()).then_some(rest)
}

/// The value of a header parameter from the front, a token or a host; and what follows.
pub fn parameter_value(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !is(*b, TOKEN) && !matches!(b, b'[' | b']' | b':')).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// Digits from the front and what follows.
pub fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    run(text, DIGIT)
}

/// Whether every `%` is followed by two hexadecimal digits and every other byte is fine.
fn escaped(text: &[u8], class: u8) -> bool {
    if all(text, class) {
        return true;
    }
    let mut rest = text;
    loop {
        rest = run(rest, class).1;
        match rest {
            [] => return true,
            [b'%', high, low, more @ ..] if is(*high, HEX) && is(*low, HEX) => rest = more,
            _ => return false,
        }
    }
}

/// Whether it can stand before the `@` of a SIP URI. A colon parts the password; it is allowed once.
pub fn is_user_information(text: &[u8]) -> bool {
    match memchr::memchr(b':', text).and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) {
        Some((user, password)) => !user.is_empty() && escaped(user, USER) && escaped(password, USER),
        None => !text.is_empty() && escaped(text, USER),
    }
}

/// Whether it can be the name or value of a URI parameter.
pub fn is_parameter(text: &[u8]) -> bool {
    !text.is_empty() && escaped(text, PARAMETER)
}

/// Whether it can be the part of an absolute URI after its scheme.
pub fn is_opaque(text: &[u8]) -> bool {
    !text.is_empty() && escaped(text, USER | PARAMETER) || {
        // `@` and `#` stand for themselves; no other byte is added.
        let mut parts = text.split(|byte| matches!(byte, b'@' | b'#'));
        !text.is_empty() && parts.all(|part| escaped(part, USER | PARAMETER))
    }
}

/// A host from the front: name, IPv4 address, or IPv6 address in brackets; and what follows.
pub fn host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.first() == Some(&b'[') {
        let end = memchr::memchr(b']', text)?;
        let inside = std::str::from_utf8(text.get(1..end)?).ok()?;
        // Three colons before an embedded IPv4 address: what the grammar of RFC 3261 allowed by mistake is to be put up with (RFC 5118, 4.10).
        inside.parse::<Ipv6Addr>().ok().or_else(|| embedded(inside))?;
        return Some((text.get(..=end)?, text.get(end + 1..)?));
    }
    let (name, rest) = run(text, HOST);
    is_host_name(name).then_some((name, rest))
}

fn embedded(text: &str) -> Option<Ipv6Addr> {
    let (before, four) = text.split_once(":::")?;
    four.parse::<Ipv4Addr>().ok()?;
    format!("{before}::{four}").parse().ok()
}

/// Labels of letters, digits and inner hyphens, parted by single dots; one dot may end it.
fn is_host_name(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    // No label is empty, and none begins or ends with a hyphen: told by each byte and the one before it.
    let mut before = b'.';
    let fine = name.iter().all(|byte| {
        let fits = !matches!((before, *byte), (b'.' | b'-', b'.') | (b'.', b'-'));
        before = *byte;
        fits
    });
    fine && !matches!(before, b'.' | b'-')
}

/// A port after a colon, where there is one: `Some(None)` for no colon, `None` for a colon without a port.
pub fn port(text: &[u8]) -> Option<(Option<u16>, &[u8])> {
    let [b':', rest @ ..] = text else { return Some((None, text)) };
    let (port, rest) = digits(rest);
    Some((Some(u16::try_from(number(port)?).ok()?), rest))
}

/// Fills `into` with `text`, each `%HH` as the byte it stands for; stops when full and says so.
pub fn unescape(text: &[u8], into: &mut impl FnMut(u8) -> bool) -> bool {
    let mut rest = text;
    loop {
        let byte = match rest {
            [] => return true,
            [b'%', high, low, more @ ..] if is(*high, HEX) && is(*low, HEX) => {
                rest = more;
                nibble(*high) << 4 | nibble(*low)
            }
            [byte, more @ ..] => {
                rest = more;
                *byte
            }
        };
        if !into(byte) {
            return false;
        }
    }
}

fn nibble(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        b'a'..=b'f' => hex - b'a' + 10,
        _ => hex.to_ascii_uppercase().wrapping_sub(b'A') + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quoted_text_ends_at_the_first_quote_that_is_not_escaped() {
        assert_eq!(quoted(br#""a \" b\\" rest"#), Some((&br#"a \" b\\"#[..], &b" rest"[..])));
        assert_eq!(quoted(br#""open"#), None);
        assert_eq!(quoted(br#""ends in a slash\"#), None);
        assert_eq!(quoted(b"\"a\\\rb\""), None);
        assert_eq!(quoted(b"plain"), None);
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        for fine in ["a", "a.b-c.example", "example.com.", "192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.1]"] {
            assert_eq!(host(fine.as_bytes()), Some((fine.as_bytes(), &b""[..])), "{fine}");
        }
        for wrong in ["", ".", "a..b", "-a", "a-", "[2001:db8:::1]", "[::1", "[1.2.3.4]", "[]"] {
            assert!(host(wrong.as_bytes()).is_none_or(|(_, rest)| !rest.is_empty()), "{wrong}");
        }
        assert_eq!(host(b"2001:db8::1").map(|(name, _)| name), Some(&b"2001"[..]), "without brackets the colon ends it");
    }

    proptest! {
        #[test]
        fn a_host_name_is_told_byte_by_byte_as_label_by_label(name in "[ab.-]{0,8}") {
            let bare = name.strip_suffix('.').unwrap_or(&name);
            let labels = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
            prop_assert_eq!(is_host_name(name.as_bytes()), bare.split('.').all(labels), "{}", name);
        }
    }

    proptest! {
        #[test]
        fn every_line_break_is_found(text in "([ab]{0,40}[ab\r\n]{0,3}){0,8}", begin in 0_usize..70) {
            let mut breaks = Breaks::of(text.as_bytes());
            let mut at = begin;
            while at < text.len() {
                let found = breaks.after(at);
                let wanted = text.as_bytes()[at..].iter().position(|b| matches!(b, b'\r' | b'\n'));
                prop_assert_eq!(found, wanted.map_or(text.len(), |found| at + found));
                at = found + 1;
            }
            prop_assert_eq!(breaks.after(at), text.len());
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_none() {
        assert_eq!(number(b"0068"), Some(68));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
        assert_eq!(port(b":5060;x"), Some((Some(5060), &b";x"[..])));
        assert_eq!(port(b":65536"), None);
        assert_eq!(port(b":"), None);
    }

    #[test]
    fn escapes_are_whole_or_wrong() {
        assert!(is_user_information(b"sips%3Auser%40example.com"));
        assert!(!is_user_information(b"a%4"));
        assert!(!is_user_information(b"a%zz"));
        assert!(!is_user_information(b"a b"));
        assert!(!is_user_information(b"<a"));
        let mut plain = Vec::new();
        assert!(unescape(b"%2b86%3a", &mut |byte| {
            plain.push(byte);
            true
        }));
        assert_eq!(plain, b"+86:");
    }
}
