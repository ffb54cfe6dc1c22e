//! 签名证书: chains up to an anchor, and for which numbers they vouch (RFC 8226).

use chuangsha_kernel::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_parser::{certificate::X509Certificate, pem::Pem, prelude::FromDer};

use super::revocation::Link;
use crate::number::Number;

/// Why a certificate is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not PEM, not X.509, or more than four.
    #[error("no chain of one to four certificates in PEM")]
    Unreadable,
    /// A key or signature other than ECDSA on P-256 with SHA-256.
    #[error("only ECDSA on P-256 with SHA-256 is used")]
    Algorithm,
    /// Outside its dates.
    #[error("a certificate of the chain is not valid at this time")]
    Expired,
    /// An issuer that is no authority.
    #[error("an issuer in the chain may not issue certificates")]
    NotAuthority,
    /// A signature that does not hold, or a name that does not fit.
    #[error("the chain does not hold together")]
    Broken,
    /// No anchor of ours at its end.
    #[error("the chain ends at nobody we trust")]
    Untrusted,
    /// No TNAuthList, or one that cannot be read.
    #[error("the certificate does not say for which numbers it vouches (TNAuthList)")]
    NoNumbers,
}

/// 信任锚
#[derive(Clone)]
pub struct Anchor {
    pub(super) subject: Vec<u8>,
    pub(super) key: Vec<u8>,
    valid: (i64, i64),
    pub(super) signs_lists: bool,
}

/// What is kept of a chain.
pub(super) struct Certificate {
    /// Uncompressed point of the leaf's key.
    pub key: Vec<u8>,
    /// Seconds, the narrowest of the chain.
    valid: (i64, i64),
    /// First and last numbers, for every certificate of the chain that is not a provider's: a delegate vouches for nothing its issuer cannot (RFC 9060).
    numbers: Vec<Vec<(u64, u64)>>,
    /// Of every certificate of the chain, for the lists of revoked ones.
    pub links: Vec<Link>,
}

const MOST: usize = 4;
/// id-pe-TNAuthList
const TN_AUTH_LIST: &str = "1.3.6.1.5.5.7.1.26";
/// ecdsa-with-SHA256
pub(super) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";

impl Anchor {
    /// From a certificate in PEM: self-signed or not, it is trusted because an administrator put it there.
    ///
    /// # Errors
    /// It cannot be read, or has another kind of key.
    pub fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        Self::read_all(pem)?.into_iter().next().ok_or(CertificateError::Unreadable)
    }

    /// Every certificate of a file in PEM, at least one.
    ///
    /// # Errors
    /// One of them cannot be read, or has another kind of key.
    pub fn read_all(pem: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let anchor = |pem: Result<Pem, _>| {
            let pem = pem.map_err(|_| CertificateError::Unreadable)?;
            let certificate = parse(&pem.contents)?;
            Ok(Self {
                subject: certificate.subject().as_raw().to_vec(),
                key: key(&certificate)?,
                valid: dates(&certificate),
                signs_lists: may_sign_lists(&certificate),
            })
        };
        let all = Pem::iter_from_buffer(pem).map(anchor).collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() { Err(CertificateError::Unreadable) } else { Ok(all) }
    }
}

impl Certificate {
    pub fn read(pem: &[u8], anchors: &[Anchor], at: Timestamp) -> Result<Self, CertificateError> {
        let ders = ders(pem)?;
        let chain = ders.iter().map(|der| parse(der)).collect::<Result<Vec<_>, _>>()?;
        let leaf = chain.first().ok_or(CertificateError::Unreadable)?;
        let mut valid = (i64::MIN, i64::MAX);
        let mut narrow = |dates: (i64, i64)| valid = (valid.0.max(dates.0), valid.1.min(dates.1));
        chain.iter().for_each(|certificate| narrow(dates(certificate)));
        if chain.iter().any(demands_more) {
            return Err(CertificateError::Broken);
        }
        for (below_it, pair) in chain.windows(2).enumerate() {
            let [below, above] = pair else { continue };
            if !may_issue(above, below_it) {
                return Err(CertificateError::NotAuthority);
            }
            if below.issuer().as_raw() != above.subject().as_raw() {
                return Err(CertificateError::Broken);
            }
            signed_by(below, &key(above)?)?;
        }
        let last = chain.last().ok_or(CertificateError::Unreadable)?;
        // The anchor itself may be sent along at the end.
        let own = anchors.iter().find(|anchor| anchor.subject == last.subject().as_raw() && key(last).is_ok_and(|key| key == anchor.key));
        let above = || anchors.iter().find(|anchor| anchor.subject == last.issuer().as_raw() && signed_by(last, &anchor.key).is_ok());
        let own = own.filter(|_| chain.len() > 1);
        let anchor = own.or_else(above).ok_or(CertificateError::Untrusted)?;
        narrow(anchor.valid);
        let mut lists = Vec::new();
        for (at, certificate) in chain.iter().enumerate() {
            let list = certificate.extensions().iter().find(|extension| extension.oid.to_id_string() == TN_AUTH_LIST);
            // Only the one that signs must have it.
            if at == 0 || list.is_some() {
                lists.push(list.and_then(|list| numbers(list.value)).ok_or(CertificateError::NoNumbers)?);
            }
        }
        lists.retain(|ranges| !ranges.is_empty());
        let mut links = Vec::with_capacity(chain.len());
        for (below_it, certificate) in chain.iter().enumerate() {
            // Above the last one stands the anchor, unless the last one is it: nobody takes back what an administrator trusts.
            let above = match chain.get(below_it + 1) {
                Some(above) => may_sign_lists(above).then(|| key(above)).transpose()?,
                None if own.is_some() => continue,
                None => anchor.signs_lists.then(|| anchor.key.clone()),
            };
            links.push(Link { issuer: certificate.issuer().as_raw().to_vec(), key: above, serial: certificate.raw_serial().to_vec() });
        }
        let certificate = Self { key: key(leaf)?, valid, numbers: lists, links };
        if certificate.is_valid(at) { Ok(certificate) } else { Err(CertificateError::Expired) }
    }

    pub const fn is_valid(&self, at: Timestamp) -> bool {
        let seconds = at.0.div_euclid(1_000);
        self.valid.0 <= seconds && seconds <= self.valid.1
    }

    /// Whether it may vouch for a number.
    pub fn covers(&self, number: Number) -> bool {
        self.numbers.iter().all(|ranges| ranges.iter().any(|(first, last)| (*first..=*last).contains(&number.value())))
    }
}

fn ders(pem: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let all = Pem::iter_from_buffer(pem).take(MOST + 1).map(|pem| pem.map(|pem| pem.contents)).collect::<Result<Vec<_>, _>>();
    all.ok().filter(|all| (1..=MOST).contains(&all.len())).ok_or(CertificateError::Unreadable)
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|_| CertificateError::Unreadable)
}

fn dates(certificate: &X509Certificate<'_>) -> (i64, i64) {
    let validity = certificate.validity();
    (validity.not_before.timestamp(), validity.not_after.timestamp())
}

/// Whether it may stand above others, of which `below` are authorities themselves (RFC 5280, 4.2.1.3 and 4.2.1.9).
fn may_issue(certificate: &X509Certificate<'_>, below: usize) -> bool {
    let constraints = certificate.basic_constraints().ok().flatten();
    let deep = constraints.is_some_and(|found| found.value.path_len_constraint.is_none_or(|most| below <= most as usize));
    let signs = certificate.key_usage().ok().is_some_and(|found| found.is_none_or(|usage| usage.value.key_cert_sign()));
    certificate.is_ca() && deep && signs
}

/// Whether its key may sign lists of revoked certificates: one that says for what its key is must say so (RFC 5280, 6.3.3).
fn may_sign_lists(certificate: &X509Certificate<'_>) -> bool {
    certificate.key_usage().ok().is_some_and(|found| found.is_none_or(|usage| usage.value.crl_sign()))
}

/// Extensions that are understood here, or change nothing about a signature: basic constraints, key usage, key identifiers, policies, where lists of
/// revoked ones are, purpose, numbers.
const UNDERSTOOD: [&str; 8] = ["2.5.29.19", "2.5.29.15", "2.5.29.14", "2.5.29.35", "2.5.29.32", "2.5.29.31", "2.5.29.37", TN_AUTH_LIST];

/// Whether it has a critical extension nobody here understands: then it must not be used (RFC 5280, 4.2).
fn demands_more(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| extension.critical && !UNDERSTOOD.contains(&extension.oid.to_id_string().as_str()))
}

/// An uncompressed point on P-256.
fn key(certificate: &X509Certificate<'_>) -> Result<Vec<u8>, CertificateError> {
    let key = certificate.public_key().subject_public_key.data.as_ref();
    if key.len() == 65 && key.first() == Some(&4) { Ok(key.to_vec()) } else { Err(CertificateError::Algorithm) }
}

fn signed_by(certificate: &X509Certificate<'_>, key: &[u8]) -> Result<(), CertificateError> {
    if certificate.signature_algorithm.algorithm.to_id_string() != ECDSA_SHA256 {
        return Err(CertificateError::Algorithm);
    }
    let signature = certificate.signature_value.data.as_ref();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(certificate.tbs_certificate.as_ref(), signature)
        .map_err(|_| CertificateError::Broken)
}

/// TNAuthorizationList: `SEQUENCE OF CHOICE { [0] provider code, [1] { first, count }, [2] one number }`. The ranges of numbers it names; empty when it
/// names a provider; none when it cannot be read or is empty.
fn numbers(der: &[u8]) -> Option<Vec<(u64, u64)>> {
    let (0x30, mut list, []) = element(der)? else { return None };
    let mut ranges = Vec::new();
    let mut provider = false;
    while !list.is_empty() {
        let (tag, content, rest) = element(list)?;
        match tag {
            0xA0 => provider = true,
            0xA1 => {
                let (0x30, range, []) = element(content)? else { return None };
                let (0x16, first, rest) = element(range)? else { return None };
                let (0x02, count, []) = element(rest)? else { return None };
                let count = count.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)))?;
                let first = number(first)?;
                ranges.push((first, first.checked_add(count.checked_sub(1)?)?));
            }
            0xA2 => {
                let (0x16, one, []) = element(content)? else { return None };
                let one = number(one)?;
                ranges.push((one, one));
            }
            _ => return None,
        }
        list = rest;
    }
    if provider { Some(Vec::new()) } else { Some(ranges).filter(|ranges| !ranges.is_empty()) }
}

fn number(text: &[u8]) -> Option<u64> {
    super::digits(std::str::from_utf8(text).ok()?).map(Number::value)
}

/// Tag, content and what follows of one DER element with a length of up to two bytes.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = match rest {
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [length, rest @ ..] if *length < 0x80 => (usize::from(*length), rest),
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_list_is_read_or_refused_and_never_panics() {
        let provider = [0x30, 8, 0xA0, 6, 0x16, 4, b'1', b'2', b'3', b'4'];
        assert_eq!(numbers(&provider), Some(vec![]));
        let one = [0x30, 9, 0xA2, 7, 0x16, 5, b'8', b'6', b'1', b'1', b'0'];
        assert_eq!(numbers(&one), Some(vec![(86_110, 86_110)]));
        let range = [0x30, 14, 0xA1, 12, 0x30, 10, 0x16, 5, b'8', b'6', b'1', b'0', b'0', 2, 1, 20];
        assert_eq!(numbers(&range), Some(vec![(86_100, 86_119)]));
        for good in [&provider[..], &one, &range] {
            for cut in 0..good.len() {
                assert_eq!(numbers(&good[..cut]), None);
            }
            for at in 0..good.len() {
                for byte in 0..=255 {
                    let mut bytes = good.to_vec();
                    bytes[at] = byte;
                    let _ = numbers(&bytes);
                }
            }
        }
        assert_eq!(numbers(&[0x30, 0]), None);
    }
}
