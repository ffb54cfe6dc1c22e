//! 途经: one hop of the way back, as in `SIP/2.0/UDP host:port;branch=…`.

use super::address::{each, parameter};
use crate::scan;

/// 途经一跳.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, or any other token.
    pub transport: &'a [u8],
    /// Host the sender says it is.
    pub host: &'a [u8],
    /// Port it says, where it says one.
    pub port: Option<u16>,
    parameters: &'a [u8],
    /// From its first byte to the end of its parameters.
    pub text: &'a [u8],
    branch: Option<&'a [u8]>,
    /// `rport` (RFC 3581): what stands behind its name is told by [`Via::around_rport`].
    pub rport: Option<&'a [u8]>,
    rport_name: &'a [u8],
    /// Whether the sender itself says where it was seen.
    pub is_received: bool,
    /// What follows it in its header: nothing, or a comma and the next hop.
    pub rest: &'a [u8],
}

/// What branches begin with since RFC 3261.
const COOKIE: &[u8] = b"z9hG4bK";

impl<'a> Via<'a> {
    /// One from the front of `text`, and what follows: nothing, or a comma and more.
    pub fn take(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let start = scan::skip_blank(text);
        let (protocol, rest) = scan::token(start)?;
        let (version, rest) = scan::token(scan::separator(rest, b'/')?)?;
        if !protocol.eq_ignore_ascii_case(b"SIP") || version != b"2.0" {
            return None;
        }
        let (transport, rest) = scan::token(scan::separator(rest, b'/')?)?;
        let sent_by = scan::skip_blank(rest);
        if sent_by.len() == rest.len() {
            return None;
        }
        let (host, rest) = scan::host(sent_by)?;
        // White space may stand around the colon here, unlike in a URI.
        let (port, rest) = match scan::separator(rest, b':') {
            Some(after) => {
                let (port, rest) = scan::digits(after);
                (Some(u16::try_from(scan::number(port)?).ok()?), rest)
            }
            None => (None, rest),
        };
        let (mut branch, mut rport, mut rport_name, mut is_received) = (None, None, &[][..], false);
        let (parameters, rest) = each(rest, |name, value| match name.len() {
            6 if branch.is_none() && name.eq_ignore_ascii_case(b"branch") => branch = Some(value),
            5 if rport.is_none() && name.eq_ignore_ascii_case(b"rport") => (rport, rport_name) = (Some(value), name),
            8 => is_received |= name.eq_ignore_ascii_case(b"received"),
            _ => {}
        })?;
        let text = scan::trim(start.get(..start.len() - rest.len())?);
        Some((Self { transport, host, port, parameters, text, branch, rport, rport_name, is_received, rest }, rest))
    }

    /// The value of a parameter; empty for one without a value.
    pub fn parameter(&self, name: &str) -> Option<&'a [u8]> {
        parameter(self.parameters, name)
    }

    /// What stands before and after the end of the name `rport` in [`Via::text`], where it is there.
    pub fn around_rport(&self) -> Option<(&'a [u8], &'a [u8])> {
        self.rport?;
        let end = (self.rport_name.as_ptr_range().end.addr()).checked_sub(self.text.as_ptr().addr())?;
        self.text.split_at_checked(end)
    }

    /// The branch, if it names a transaction as RFC 3261 has it: with the cookie and something after it.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch.filter(|branch| {
            branch.len() > COOKIE.len() && branch.get(..COOKIE.len()).is_some_and(|cookie| cookie.eq_ignore_ascii_case(COOKIE))
        })
    }
}

/// The hops of one header value; `None` stands for the place where it is malformed.
pub fn list(value: &[u8]) -> impl Iterator<Item = Option<Via<'_>>> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((via, after)) = Via::take(text) else { return Some(None) };
        rest = scan::separator(after, b',');
        if rest.is_none() && !after.is_empty() { Some(None) } else { Some(Some(via)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_read_with_blanks_wherever_they_may_stand() {
        let folded = b"SIP  / 2.0\r\n / UDP\r\n    192.0.2.2 : 5070 ;\r\n  branch = z9hG4bK390skdjuw , SIP/2.0/TCP [2001:db8::9:1];received=2001:db8::9:255";
        let hops: Vec<_> = list(folded).map(|hop| hop.unwrap()).collect();
        assert_eq!((hops[0].host, hops[0].port, hops[0].branch()), (&b"192.0.2.2"[..], Some(5070), Some(&b"z9hG4bK390skdjuw"[..])));
        assert_eq!(hops[0].text.last(), Some(&b'w'));
        assert_eq!(hops[1].parameter("received"), Some(&b"2001:db8::9:255"[..]));
        assert_eq!(hops[1].transport, b"TCP");
    }

    #[test]
    fn an_empty_branch_names_no_transaction() {
        let branch = |text: &'static [u8]| Via::take(text).unwrap().0.branch();
        assert_eq!(branch(b"SIP/2.0/UDP a.example;branch=z9hG4bK"), None);
        assert_eq!(branch(b"SIP/2.0/UDP a.example;branch=1"), None);
        assert_eq!(branch(b"SIP/2.0/UDP a.example"), None);
    }

    #[test]
    fn malformed_hops_are_refused() {
        for wrong in [
            &b""[..],
            b"SIP/2.0/UDP 192.0.2.15;;,;,,",
            b"SIP/2.0/UDP",
            b"SIP/3.0/UDP a.example",
            b"SIP/2.0/UDPa.example",
            b"SIP/2.0/UDP a.example:port",
            b"SIP/2.0/UDP a.example,",
            b"SIP/2.0/UDP a.example;branch=",
        ] {
            assert!(list(wrong).any(|hop| hop.is_none()), "{}", wrong.escape_ascii());
        }
    }
}
