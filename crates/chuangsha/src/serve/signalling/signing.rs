//! 签名私钥: what calls of our own ledger are signed with when they go on.

use std::{fs, path::PathBuf};

use chuangsha_kernel::{Timestamp, problem::Problem};
use chuangsha_screen::{
    Number,
    stir::{Attestation, Sign, Signer},
};
use ring::rand::SystemRandom;
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use super::codes;
use crate::config::Settings;

/// The key file, and where others find its certificate.
pub(super) struct Source {
    pub key: PathBuf,
    certificate: String,
}

impl Source {
    /// Nothing where nothing is signed.
    pub fn of(settings: &Settings) -> Option<Self> {
        let (key, certificate) = settings.set_text("sip.signing_key").zip(settings.set_text("sip.signing_certificate"))?;
        Some(Self { key: PathBuf::from(key), certificate: certificate.to_owned() })
    }

    /// Reads the key as it is now.
    ///
    /// # Errors
    /// `serve.sip_signing_unusable`
    pub fn signer(&self) -> Result<Box<dyn Sign>, Problem> {
        let wrong = |reason: &dyn std::fmt::Display| Problem::new(&codes::SIGNING_UNUSABLE).field("sip.signing_key").with("reason", reason);
        let pem = fs::read(&self.key).map_err(|error| wrong(&format!("{}: {error}", self.key.display())))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| wrong(&"no private key in PKCS #8 (BEGIN PRIVATE KEY)"))?;
        let random = SystemRandom::new();
        let signer = Signer::new(der.secret_pkcs8_der(), &self.certificate, &random).map_err(|error| wrong(&error))?;
        Ok(Box::new(Signing { signer, random }))
    }
}

struct Signing {
    signer: Signer,
    random: SystemRandom,
}

impl Sign for Signing {
    fn sign(&self, attestation: Attestation, ends: (Number, Number), at: Timestamp, trunk: &str) -> Option<String> {
        self.signer.sign(attestation, ends, at, &self.signer.origin(trunk), &self.random).ok()
    }
}
