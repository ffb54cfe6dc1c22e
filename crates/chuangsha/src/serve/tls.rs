//! TLS 1.3, with a local certificate authority made at the first start: cameras, service workers and passkeys vanish from a page that came in clear.

use std::{fs, net::IpAddr, path::Path, sync::Arc};

use chuangsha_kernel::{
    problem::Problem,
    time::{DAY_MS, Timestamp},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::{Deserialize, Serialize};

use super::{codes, lock};

/// Browsers refuse server certificates that live longer than this.
const SERVER_DAYS: i64 = 397;
const AUTHORITY_DAYS: i64 = 3_650;
const RENEW_BEFORE_MS: i64 = 30 * DAY_MS;

/// What is known about the certificates on disk without parsing them.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Note {
    names: Vec<String>,
    server_until: Timestamp,
    authority_until: Timestamp,
}

/// The names the local certificate stands for: this machine and what the settings add.
pub fn names(more: &[String]) -> Vec<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    for name in std::iter::once(host.trim()).chain(more.iter().map(String::as_str)) {
        if !name.is_empty() && name != "(none)" && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Makes what is missing, renews what is about to run out. Returns whether anything was written.
///
/// `folder` holds `ca.crt` (to be trusted by browsers), `ca.key`, `server.crt`, `server.key` and a note; keys are 0600.
///
/// # Errors
/// `serve.tls_unusable` when the folder cannot be written or the authority in it cannot be read.
pub fn ensure_local(folder: &Path, names: &[String], now: Timestamp) -> Result<bool, Problem> {
    let note: Option<Note> = fs::read(folder.join("note.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let fresh = |until: Timestamp| until.0 - now.0 > RENEW_BEFORE_MS;
    let whole = ["ca.crt", "ca.key", "server.crt", "server.key"].iter().all(|file| folder.join(file).is_file());
    if whole && note.as_ref().is_some_and(|note| fresh(note.server_until) && fresh(note.authority_until) && note.names == names) {
        return Ok(false);
    }
    lock::private_directory(folder).map_err(unusable)?;
    // The authority outlives its servers, so that a browser that trusts it keeps trusting: it is made anew only when it runs out or is gone.
    let kept = note.filter(|note| fresh(note.authority_until)).and_then(|note| {
        let key = fs::read_to_string(folder.join("ca.key")).ok()?;
        let certificate = fs::read_to_string(folder.join("ca.crt")).ok()?;
        Some((key, certificate, note.authority_until))
    });
    let (key, certificate, authority_until) = match kept {
        Some(kept) => kept,
        None => make_authority(folder, now)?,
    };
    let issuer = Issuer::from_ca_cert_pem(&certificate, KeyPair::from_pem(&key).map_err(unusable)?).map_err(unusable)?;
    let server_until = make_server(folder, &issuer, names, now, authority_until)?;
    let note = Note { names: names.to_vec(), server_until, authority_until };
    lock::private_file(&folder.join("note.json"), &serde_json::to_vec_pretty(&note).unwrap_or_default()).map_err(unusable)?;
    Ok(true)
}

fn make_authority(folder: &Path, now: Timestamp) -> Result<(String, String, Timestamp), Problem> {
    let until = now.plus_ms(AUTHORITY_DAYS * DAY_MS);
    let key = KeyPair::generate().map_err(unusable)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(unusable)?;
    let day = now.day();
    // Several installations in one trust store must be told apart.
    params.distinguished_name.push(DnType::CommonName, format!("Chuangsha local CA {day}"));
    params.distinguished_name.push(DnType::OrganizationName, "Chuangsha");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, until);
    let certificate = params.self_signed(&key).map_err(unusable)?.pem();
    let key = key.serialize_pem();
    lock::private_file(&folder.join("ca.key"), key.as_bytes()).map_err(unusable)?;
    fs::write(folder.join("ca.crt"), &certificate).map_err(unusable)?;
    Ok((key, certificate, until))
}

fn make_server(
    folder: &Path,
    issuer: &Issuer<'_, KeyPair>,
    names: &[String],
    now: Timestamp,
    ceiling: Timestamp,
) -> Result<Timestamp, Problem> {
    let until = now.plus_ms(SERVER_DAYS * DAY_MS).min(ceiling);
    let key = KeyPair::generate().map_err(unusable)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(unusable)?;
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("localhost", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, until);
    let certificate = params.signed_by(&key, issuer).map_err(unusable)?;
    lock::private_file(&folder.join("server.key"), key.serialize_pem().as_bytes()).map_err(unusable)?;
    fs::write(folder.join("server.crt"), certificate.pem()).map_err(unusable)?;
    Ok(until)
}

/// From the day before (clocks differ) to the last whole day.
fn valid(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let moment = |at: Timestamp| {
        let day = at.day();
        date_time_ymd(i32::from(day.year()), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    params.not_before = moment(from.plus_ms(-DAY_MS));
    params.not_after = moment(until);
}

/// Reads a chain and its key: TLS 1.3 only, HTTP/2 and HTTP/1.1.
///
/// # Errors
/// `serve.tls_unusable` says which file and why.
pub fn server_config(certificate: &Path, key: &Path) -> Result<ServerConfig, Problem> {
    let named = |path: &Path, error: &dyn std::fmt::Display| unusable(format!("{}: {error}", path.display()));
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(|error| named(certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| named(certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn unusable(error: impl std::fmt::Display) -> Problem {
    Problem::new(&codes::TLS_UNUSABLE).with("reason", error)
}

/// The name a person should type: the public one, or localhost for a loopback address.
pub fn shown_host(address: IpAddr) -> String {
    match address {
        address if address.is_loopback() || address.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_300_000_000);

    fn made() -> (tempfile::TempDir, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let names = names(&["chuangsha.example".to_owned()]);
        assert!(ensure_local(folder.path(), &names, NOW).unwrap());
        (folder, names)
    }

    fn read(folder: &tempfile::TempDir, file: &str) -> Vec<u8> {
        fs::read(folder.path().join(file)).unwrap()
    }

    #[test]
    fn a_second_start_keeps_what_is_there() {
        let (folder, names) = made();
        let before = read(&folder, "server.crt");
        assert!(!ensure_local(folder.path(), &names, NOW.plus_ms(DAY_MS)).unwrap());
        assert_eq!(read(&folder, "server.crt"), before);
        server_config(&folder.path().join("server.crt"), &folder.path().join("server.key")).unwrap();
    }

    #[test]
    fn the_server_is_renewed_before_it_expires_and_the_authority_stays() {
        let (folder, names) = made();
        let (server, authority) = (read(&folder, "server.crt"), read(&folder, "ca.crt"));
        assert!(ensure_local(folder.path(), &names, NOW.plus_ms((SERVER_DAYS - 29) * DAY_MS)).unwrap());
        assert_ne!(read(&folder, "server.crt"), server);
        assert_eq!(read(&folder, "ca.crt"), authority);
    }

    #[test]
    fn another_name_makes_another_certificate_under_the_same_authority() {
        let (folder, names) = made();
        let authority = read(&folder, "ca.crt");
        let more = [names, vec!["192.0.2.7".to_owned()]].concat();
        assert!(ensure_local(folder.path(), &more, NOW).unwrap());
        assert_eq!(read(&folder, "ca.crt"), authority);
    }

    #[test]
    fn an_authority_about_to_run_out_is_made_anew() {
        let (folder, names) = made();
        let authority = read(&folder, "ca.crt");
        assert!(ensure_local(folder.path(), &names, NOW.plus_ms((AUTHORITY_DAYS - 10) * DAY_MS)).unwrap());
        assert_ne!(read(&folder, "ca.crt"), authority);
    }

    #[cfg(unix)]
    #[test]
    fn private_keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, _) = made();
        for file in ["ca.key", "server.key"] {
            assert_eq!(fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_named() {
        let (folder, _) = made();
        let wrong = folder.path().join("wrong.crt");
        fs::write(&wrong, "not a certificate").unwrap();
        let problem = server_config(&wrong, &folder.path().join("server.key")).unwrap_err();
        assert!(problem.data["reason"].contains("wrong.crt"), "{problem:?}");
    }
}
