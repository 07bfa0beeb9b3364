//! The URL of a database, and trust for connections to it.

use std::{fmt, path::PathBuf, str::FromStr as _, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::row::words;

/// How the store treats its database. The defaults are for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// How many connections this process opens at most. Default: 16.
    pub max_connections: usize,
    /// How long a caller waits for a free connection. Default: 5 s.
    pub acquire_timeout: Duration,
    /// How long a new connection may take, with TLS and log-in. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long a statement may run. Default: 10 s.
    pub statement_timeout: Duration,
    /// How long a statement waits for a row that another transaction holds. Default: 5 s.
    pub lock_timeout: Duration,
    /// How often a process that has joined gives a sign of life. Default: 5 s.
    pub heartbeat: Duration,
    /// After how long without a sign of life a process whose session is gone too is taken for gone, by one that has been
    /// connected for as long. Default: 20 s.
    pub gone_after: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(5),
            gone_after: Duration::from_secs(20),
        }
    }
}

/// A peer that does not answer for so long is given up. On a connection that only waits it is asked for the first time
/// after as long, and then a few times more.
pub(super) const PEER_TIMEOUT: Duration = Duration::from_secs(15);
pub(super) const PEER_PROBE_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const PEER_PROBES: u32 = 3;

/// What a URL says.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    /// `None`: without TLS.
    pub(super) tls: Option<MakeRustlsConnect>,
}

/// Where it is; never with the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self
            .config
            .get_hosts()
            .iter()
            .zip(self.config.get_ports().iter().chain(std::iter::repeat(&5432)));
        for (n, (host, port)) in hosts.enumerate() {
            let comma = if n > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().or(self.config.get_user()).unwrap_or_default())
    }
}

impl Target {
    /// Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`. `sslmode` is `disable` (also if
    /// there is none) or `require`, `verify-ca`, `verify-full`: all three check the certificate and the name in it,
    /// against `sslrootcert` if it is given and the system's roots if not. The other parameters are those of
    /// `tokio_postgres`, among them `connect_timeout`, `target_session_attrs` and several hosts.
    pub(super) fn parse(url: &SecretString, options: &PostgresOptions) -> Result<Self, String> {
        let url = url.expose_secret();
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("it must begin with postgres:// or postgresql://".into());
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (SslMode::Disable, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "disable")) => mode = SslMode::Disable,
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => mode = SslMode::Require,
                Some(("sslmode", _)) => {
                    return Err("sslmode must be disable, require, verify-ca or verify-full".into());
                }
                Some(("sslrootcert", "system")) => roots = None,
                Some(("sslrootcert", path)) => roots = Some(PathBuf::from(decoded(path)?)),
                _ => rest.push(pair),
            }
        }
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        // The parser names the parameter that is wrong, not its value.
        let mut config = Config::from_str(&format!("{base}{query}")).map_err(|error| words(&error))?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        config.ssl_mode(mode);
        if config.get_application_name().is_none() {
            config.application_name("valetkey");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(options.connect_timeout);
        }
        // Every use of the store writes at some point: a standby is no use.
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.keepalives_idle(PEER_TIMEOUT);
        config.keepalives_interval(PEER_PROBE_INTERVAL);
        config.keepalives_retries(PEER_PROBES);
        config.tcp_user_timeout(PEER_TIMEOUT);
        let tls = match mode {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(trust(roots)?)),
        };
        let target = Self { config, tls };
        if target.tls.is_none() && target.leaves_the_machine() {
            tracing::warn!(
                "connections to the database {target} are not encrypted; add sslmode=verify-full to database_url"
            );
        }
        Ok(target)
    }

    fn leaves_the_machine(&self) -> bool {
        self.config.get_hosts().iter().any(|host| match host {
            Host::Unix(_) => false,
            Host::Tcp(name) => {
                name != "localhost"
                    && !name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        })
    }
}

fn decoded(text: &str) -> Result<String, String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| format!("sslrootcert: {error}"))
}

fn trust(file: Option<PathBuf>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            let refuse = |reason: String| format!("sslrootcert {}: {reason}", path.display());
            let certificates = CertificateDer::pem_file_iter(&path).map_err(|e| refuse(e.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| refuse(e.to_string()))?;
                roots.add(certificate).map_err(|e| refuse(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(refuse("it holds no certificate".into()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "a system certificate could not be read");
            }
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("this system has no root certificates; name a file with sslrootcert".into());
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, String> {
        Target::parse(&SecretString::from(url), &PostgresOptions::default())
    }

    #[test]
    fn url_with_tls_modes_is_read_or_refused() {
        for (query, tls) in
            [("", false), ("?sslmode=disable", false), ("?sslmode=disable&application_name=x", false)]
        {
            assert_eq!(parse(&format!("postgres://u:p@db.example/v{query}")).unwrap().tls.is_some(), tls);
        }
        for mode in ["prefer", "allow", "", "REQUIRE"] {
            let refusal = parse(&format!("postgres://u:p@db.example/v?sslmode={mode}")).err().unwrap();
            assert!(refusal.contains("verify-full"), "{refusal}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.pem");
        let with = || {
            parse(&format!(
                "postgresql://u:p@db.example/v?sslmode=verify-full&sslrootcert={}",
                path.display().to_string().replace(' ', "%20")
            ))
        };
        for content in
            [None, Some("nothing"), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
        {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let refusal = with().err().unwrap();
            assert!(refusal.contains("a b.pem"), "{refusal}");
        }
    }

    #[test]
    fn url_that_is_wrong_is_refused_without_its_password() {
        for url in [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h/d?no_such_thing=hunter2",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?connect_timeout=hunter2",
            "postgres://",
        ] {
            let refusal = parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn target_shown_names_the_place_alone() {
        for (url, shown) in [
            ("postgres://u:hunter2@db.example:6543/valetkey", "db.example:6543/valetkey"),
            ("postgres://u:hunter2@one,two/valetkey", "one:5432,two:5432/valetkey"),
            ("postgres://u:hunter2@%2Frun%2Fpostgresql/valetkey", "/run/postgresql/valetkey"),
            ("postgres://u:hunter2@[::1]", "::1:5432/u"),
        ] {
            assert_eq!(parse(url).unwrap().to_string(), shown);
        }
    }
}
