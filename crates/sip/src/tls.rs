//! 加密: TLS 1.3 for SIP, and nothing older.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// Why certificates cannot be used. Never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or none in it.
    #[error("no certificate or key: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The key is not that of the certificate, or of a kind nobody knows.
    #[error("not usable: {0}")]
    Unusable(#[from] rustls::Error),
    /// The authority for peers cannot be used.
    #[error("the authority for peers is not usable: {0}")]
    Authority(#[from] rustls::server::VerifierBuilderError),
}

/// A server that speaks TLS 1.3. With an authority, peers must show a certificate of it that is in force; each text is PEM.
///
/// # Errors
/// [`TlsError`]
pub fn server(chain: &[u8], key: &[u8], authority: Option<&[u8]>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match authority {
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate?)?;
            }
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(builder.with_single_cert(chain, key)?))
}
