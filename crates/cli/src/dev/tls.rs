//! A private certificate authority and a certificate for this machine. The authority stays the same, so that it has
//! to be trusted once; the certificate is renewed under it before it runs out.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};
use time::Duration;
use url::{Host, Url};
use valetkey_domain::{Clock as _, SystemClock, Time};

use super::{broken, folder::Folder};
use crate::{failure::Failure, settings::Settings};

pub(super) const CA_CERT: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
pub(super) const CERT: &str = "server.pem";
pub(super) const KEY: &str = "server.key";
const ABOUT: &str = "server.json";

const CA_LIFE: Duration = Duration::days(10 * 365);
/// Clients refuse certificates that live longer than 398 days.
const LIFE: Duration = Duration::days(390);
/// Renewed at a start when no more than this is left.
const MARGIN: Duration = Duration::days(60);

/// What server and simulator speak TLS with, and what their clients must trust.
pub(super) struct DevTls {
    /// The settings' certificate if there is one, else the data folder's own.
    pub(super) server: Arc<ServerConfig>,
    /// Always the data folder's own.
    pub(super) simulator: Arc<ServerConfig>,
    pub(super) ca_file: PathBuf,
    /// How server and simulator are addressed.
    pub(super) names: Vec<String>,
    pub(super) authority: Authority,
}

impl DevTls {
    /// What the server must trust to call the simulator.
    pub(super) fn simulator_ca(&self) -> Result<Vec<u8>, Failure> {
        std::fs::read(&self.ca_file).map_err(|error| broken(&self.ca_file, error))
    }
}

/// What the certificate in the folder is good for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    names: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: Time,
}

pub(super) fn prepare(
    settings: &Settings,
    folder: &Folder,
    public_url: &Url,
    listen: IpAddr,
) -> Result<DevTls, Failure> {
    let names = names(public_url, listen);
    let authority = Authority::open(folder)?;
    authority.issue_if_due(folder, &names, SystemClock.now())?;
    let config = |certificates: &[u8], key: &[u8], setting: &str| {
        valetkey_server::server_config(certificates, key).map_err(|error| Failure::setting(setting, error))
    };
    let simulator = config(&required(folder, CERT)?, &required(folder, KEY)?, "data_dir")?;
    let server = match &settings.network.tls {
        Some(tls) => config(&tls.certificates, &tls.key, "tls_cert")?,
        None => Arc::clone(&simulator),
    };
    Ok(DevTls { server, simulator, ca_file: folder.file(CA_CERT), names, authority })
}

/// What the simulator alone speaks TLS with.
pub(crate) struct SimulatorTls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) ca_file: PathBuf,
    /// How it is addressed.
    pub(crate) names: Vec<String>,
    pub(crate) authority: Authority,
}

/// The certificate of a simulator without a server, from an authority in a folder of its own.
pub(crate) fn for_simulator(folder: &Path, listen: IpAddr) -> Result<SimulatorTls, Failure> {
    let folder = Folder::open(folder)?;
    let loopback = Url::parse("https://localhost").map_err(unusable)?;
    let names = names(&loopback, listen);
    let authority = Authority::open(&folder)?;
    authority.issue_if_due(&folder, &names, SystemClock.now())?;
    let config = valetkey_server::server_config(&required(&folder, CERT)?, &required(&folder, KEY)?);
    let config = config.map_err(unusable)?;
    Ok(SimulatorTls { config, ca_file: folder.file(CA_CERT), names, authority })
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("TLS: {error}"))
}

fn required(folder: &Folder, name: &str) -> Result<Vec<u8>, Failure> {
    folder.read(name)?.ok_or_else(|| broken(&folder.file(name), "is gone"))
}

/// How the server is addressed: always `localhost` and the loopback addresses, then what its public URL says and what
/// it listens on.
fn names(public_url: &Url, listen: IpAddr) -> Vec<String> {
    let mut names =
        vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()];
    let public = public_url.host().map(|host| match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    });
    let listen = (!listen.is_unspecified()).then(|| listen.to_string());
    for name in public.into_iter().chain(listen) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A private certificate authority.
pub(crate) struct Authority {
    key: KeyPair,
    params: CertificateParams,
}

impl Authority {
    /// Reads the authority, or makes it.
    fn open(folder: &Folder) -> Result<Self, Failure> {
        let failed = |error: rcgen::Error| broken(&folder.file(CA_KEY), error);
        if let (Some(key), Some(_)) = (folder.read(CA_KEY)?, folder.read(CA_CERT)?) {
            let key = KeyPair::from_pem(&String::from_utf8_lossy(&key)).map_err(failed)?;
            let params = ca_params(&key);
            return Ok(Self { key, params });
        }
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = ca_params(&key);
        let now = SystemClock.now();
        params.not_before = now - Duration::days(1);
        params.not_after = now + CA_LIFE;
        let certificate = params.self_signed(&key).map_err(failed)?;
        folder.write(CA_KEY, key.serialize_pem().as_bytes())?;
        folder.write(CA_CERT, certificate.pem().as_bytes())?;
        Ok(Self { key, params })
    }

    /// An authority that nobody trusts and nobody keeps.
    pub(crate) fn throwaway(now: Time) -> Result<Self, Failure> {
        let key = KeyPair::generate().map_err(unusable)?;
        let mut params = ca_params(&key);
        params.not_before = now - Duration::days(1);
        params.not_after = now + CA_LIFE;
        Ok(Self { key, params })
    }

    /// What a server needs that shows a certificate with these names and this validity.
    pub(crate) fn config(
        &self,
        names: &[String],
        not_before: Time,
        not_after: Time,
    ) -> Result<Arc<ServerConfig>, Failure> {
        let (certificate, key) = self.sign(names, not_before, not_after).map_err(unusable)?;
        valetkey_server::server_config(certificate.as_bytes(), key.as_bytes()).map_err(unusable)
    }

    /// A certificate with its key, both in PEM.
    fn sign(
        &self,
        names: &[String],
        not_before: Time,
        not_after: Time,
    ) -> Result<(String, String), rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Valetkey on this machine");
        params.subject_alt_names = names.iter().map(|name| alt_name(name)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = not_before;
        params.not_after = not_after;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key))?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Makes a certificate unless the one in the folder has these names and lives long enough.
    fn issue_if_due(&self, folder: &Folder, names: &[String], now: Time) -> Result<(), Failure> {
        let about: Option<About> = folder.read_json(ABOUT)?;
        let complete = folder.file(CERT).exists() && folder.file(KEY).exists();
        if complete && about.is_some_and(|a| a.names == names && a.expires_at - now > MARGIN) {
            return Ok(());
        }
        let failed = |error: rcgen::Error| broken(&folder.file(CERT), error);
        let expires_at = now + LIFE;
        let (certificate, key) = self.sign(names, now - Duration::days(1), expires_at).map_err(failed)?;
        folder.write(KEY, key.as_bytes())?;
        folder.write(CERT, certificate.as_bytes())?;
        folder.write_json(ABOUT, &About { names: names.to_vec(), expires_at })
    }
}

fn alt_name(name: &str) -> Result<SanType, rcgen::Error> {
    match name.parse::<IpAddr>() {
        Ok(ip) => Ok(SanType::IpAddress(ip)),
        Err(_) => Ok(SanType::DnsName(name.try_into()?)),
    }
}

/// The authority's parameters follow from its key alone, so that it can be used again without reading its
/// certificate. Its name differs from folder to folder: trust stores confuse authorities of one name.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let hash = digest(&SHA256, &key.subject_public_key_info());
    let tail: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Valetkey development CA {tail}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Folder) -> Vec<Vec<u8>> {
        [CA_CERT, CA_KEY, CERT, KEY].iter().map(|name| folder.read(name).unwrap().unwrap()).collect()
    }

    #[test]
    fn certificate_is_kept_until_it_nears_its_end_and_the_authority_for_good() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let now = SystemClock.now();
        Authority::open(&folder).unwrap().issue_if_due(&folder, &names, now).unwrap();
        let first = files(&folder);
        Authority::open(&folder).unwrap().issue_if_due(&folder, &names, now + Duration::days(300)).unwrap();
        assert_eq!(files(&folder), first);
        Authority::open(&folder).unwrap().issue_if_due(&folder, &names, now + Duration::days(331)).unwrap();
        let renewed = files(&folder);
        assert_eq!(renewed[..2], first[..2]);
        assert_ne!(renewed[2], first[2]);
        valetkey_server::server_config(&renewed[2], &renewed[3]).unwrap();
    }

    #[test]
    fn certificate_for_another_name_is_made_anew() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let now = SystemClock.now();
        Authority::open(&folder).unwrap().issue_if_due(&folder, &["localhost".to_owned()], now).unwrap();
        let first = files(&folder);
        let url = Url::parse("https://dev.example:7077").unwrap();
        let names = names(&url, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        assert_eq!(names, ["localhost", "127.0.0.1", "::1", "dev.example"]);
        Authority::open(&folder).unwrap().issue_if_due(&folder, &names, now).unwrap();
        assert_ne!(files(&folder)[2], first[2]);
    }
}
