//! 主叫签名: calls of our own ledger that go on through this edge leave with a token (RFC 8224). They are decided and signed beside the loops that take
//! messages; one for which there is no time goes on as it came.

use std::sync::Arc;

use chuangsha_kernel::Timestamp;
use chuangsha_screen::{
    Number,
    stir::{Attestation, Sign},
};
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::{
    edge::{Edge, Source},
    message::{Name, Request},
    trunk::{Mode, Trunk},
};

/// A token and the Date of its call differ by this at most (RFC 8224, 6.2.2): a verifier holds both against its clock.
const FRESH_MS: u64 = 60_000;

impl Edge {
    /// Signs with that from now on, or with nothing. Calls wait for it aside ([`Edge::aside`]); without a place to wait nothing is signed.
    pub fn sign_with(&self, signer: Option<Box<dyn Sign>>) {
        self.signer.store(signer.map(Arc::new));
    }

    /// Whether a call is one that leaves with our token, if its verdict lets it go on: it goes through here, over UDP, and has none yet.
    pub(crate) fn signs(&self, request: &Request<'_>, source: Source, trunk: &Trunk) -> bool {
        trunk.mode == Mode::Proxy
            && !source.stream
            && self.own.is_some()
            && self.signer.load().is_some()
            && request.head.value(Name::Identity).is_none()
            && trunk.far().is_some()
    }

    /// The header lines that sign a call; none when it goes on without them, which is counted.
    pub(crate) fn signed(
        &self,
        request: &Request<'_>,
        trunk: &Trunk,
        attestation: Attestation,
        ends: (Number, Number),
    ) -> Option<Arc<str>> {
        let at = self.now();
        let lines = self.lines(request, trunk, attestation, ends, at);
        if lines.is_some() {
            self.counters.signed.add();
        } else {
            self.counters.unsigned.add();
        }
        lines
    }

    fn lines(
        &self,
        request: &Request<'_>,
        trunk: &Trunk,
        attestation: Attestation,
        ends: (Number, Number),
        at: Timestamp,
    ) -> Option<Arc<str>> {
        let told = request.head.value(Name::Date).map(|text| std::str::from_utf8(text).ok().and_then(moment));
        // A Date that is wrong by more than a minute would make every verifier refuse the token.
        let dated = match told {
            Some(date) => date.is_some_and(|date| date.0.abs_diff(at.0) <= FRESH_MS),
            None => false,
        };
        if told.is_some() && !dated {
            return None;
        }
        let token = self.signer.load().as_ref()?.sign(attestation, ends, at, &trunk.name)?;
        let mut lines = format!("Identity: {token}\r\n");
        if !dated {
            let date = jiff::Timestamp::from_millisecond(at.0).ok()?;
            lines.push_str(&format!("Date: {}\r\n", DateTimePrinter::new().timestamp_to_rfc9110_string(&date).ok()?));
        }
        Some(lines.into())
    }
}

/// The moment a Date header tells.
fn moment(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| Timestamp(zoned.timestamp().as_millisecond()))
}
