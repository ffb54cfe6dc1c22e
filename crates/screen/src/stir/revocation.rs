//! 吊销列表 (CRL, RFC 5280): which certificates their issuers have taken back.
//!
//! A list that is out of date is used on: what it names stays revoked, and what it does not name counts as not revoked, so that a list nobody
//! renewed stops no calls. Whoever keeps the lists says so in the log ([`RevocationList::is_stale`]).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use chuangsha_kernel::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_parser::{extensions::ParsedExtension, pem::Pem, prelude::FromDer, revocation_list::CertificateRevocationList};

use super::certificate::{Anchor, ECDSA_SHA256};

/// Why a list of revoked certificates is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Neither PEM nor DER, or no list.
    #[error("no list of revoked certificates in PEM or DER")]
    Unreadable,
    /// Signed with something other than ECDSA on P-256 with SHA-256.
    #[error("only lists signed with ECDSA on P-256 with SHA-256 are used")]
    Algorithm,
    /// An addition to another list, a list on behalf of other issuers, or with a critical extension nobody here understands.
    #[error("only whole lists of an issuer's own certificates are used")]
    Kind,
    /// It names an anchor of ours as its issuer, and the signature is not that anchor's.
    #[error("the list is not signed by the anchor it names")]
    Forged,
}

/// 吊销列表 of one issuer.
pub struct RevocationList {
    issuer: Vec<u8>,
    serials: HashSet<Vec<u8>>,
    next_update_s: Option<i64>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    /// Keys it was held against, and whether they signed it: a list may be long.
    held: Mutex<Vec<(Vec<u8>, bool)>>,
}

/// Lists in force. Clones share them.
#[derive(Clone, Default)]
pub struct Revocations(Vec<Arc<RevocationList>>);

/// Above a certificate: who issued it, and under which number.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub issuer: Vec<u8>,
    /// The issuer's key; none when it may not sign lists.
    pub key: Option<Vec<u8>>,
    pub serial: Vec<u8>,
}

/// Critical extensions that are understood: numbers of lists, keys of issuers, and which certificates a list is about.
const UNDERSTOOD: [&str; 3] = ["2.5.29.20", "2.5.29.35", "2.5.29.28"];
/// Of an entry: why.
const REASON: &str = "2.5.29.21";
/// Keys remembered for a list; more than one issuer of a name is an exception already.
const MOST_KEYS: usize = 16;

impl RevocationList {
    /// Every list of a file, in PEM or one in DER. Lists of our anchors are held against them; those of others wait for a chain that leads to them.
    ///
    /// # Errors
    /// It is none, or none that is used.
    pub fn read_all(bytes: &[u8], anchors: &[Anchor]) -> Result<Vec<Self>, RevocationError> {
        let ders = if bytes.trim_ascii_start().starts_with(b"-----") {
            let all = Pem::iter_from_buffer(bytes).map(|pem| pem.map(|pem| pem.contents)).collect::<Result<Vec<_>, _>>();
            all.map_err(|_| RevocationError::Unreadable)?
        } else {
            vec![bytes.to_vec()]
        };
        let lists = ders.iter().map(|der| Self::read(der, anchors)).collect::<Result<Vec<_>, _>>()?;
        if lists.is_empty() { Err(RevocationError::Unreadable) } else { Ok(lists) }
    }

    fn read(der: &[u8], anchors: &[Anchor]) -> Result<Self, RevocationError> {
        let Ok(([], list)) = CertificateRevocationList::from_der(der) else { return Err(RevocationError::Unreadable) };
        if list.signature_algorithm.algorithm.to_id_string() != ECDSA_SHA256 {
            return Err(RevocationError::Algorithm);
        }
        let strange = list.extensions().iter().any(|extension| {
            let indirect = matches!(extension.parsed_extension(), ParsedExtension::IssuingDistributionPoint(point) if point.indirect_crl);
            indirect || (extension.critical && !UNDERSTOOD.contains(&extension.oid.to_id_string().as_str()))
        });
        let entry = |extension: &x509_parser::extensions::X509Extension<'_>| extension.critical && extension.oid.to_id_string() != REASON;
        if strange || list.iter_revoked_certificates().any(|entries| entries.extensions().iter().any(entry)) {
            return Err(RevocationError::Kind);
        }
        let read = Self {
            issuer: list.issuer().as_raw().to_vec(),
            serials: list.iter_revoked_certificates().map(|one| one.raw_serial().to_vec()).collect(),
            next_update_s: list.next_update().map(|time| time.timestamp()),
            signed: list.tbs_cert_list.as_ref().to_vec(),
            signature: list.signature_value.data.to_vec(),
            held: Mutex::default(),
        };
        let mut named = anchors.iter().filter(|anchor| anchor.subject == read.issuer).peekable();
        if named.peek().is_some() && !named.any(|anchor| anchor.signs_lists && read.is_by(&anchor.key)) {
            return Err(RevocationError::Forged);
        }
        Ok(read)
    }

    /// Certificates it names.
    pub fn len(&self) -> usize {
        self.serials.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// 过期: its issuer has promised a newer one by now. One without such a promise is never out of date.
    pub fn is_stale(&self, at: Timestamp) -> bool {
        self.next_update_s.is_some_and(|next| next < at.0.div_euclid(1_000))
    }

    fn is_by(&self, key: &[u8]) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, by)) = held.iter().find(|(known, _)| known == key) {
            return *by;
        }
        let by = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&self.signed, &self.signature).is_ok();
        if held.len() < MOST_KEYS {
            held.push((key.to_vec(), by));
        }
        by
    }
}

impl Revocations {
    /// Those lists, and no others.
    pub fn new(lists: impl IntoIterator<Item = Arc<RevocationList>>) -> Self {
        Self(lists.into_iter().collect())
    }

    /// Whether one of the issuers in a chain has taken its certificate back.
    pub(super) fn names(&self, links: &[Link]) -> bool {
        links.iter().any(|link| {
            let named = self.0.iter().filter(|list| list.issuer == link.issuer && list.serials.contains(&link.serial));
            link.key.as_ref().is_some_and(|key| named.into_iter().any(|list| list.is_by(key)))
        })
    }
}
