//! What is told once the simulator is ready: where it is, and how to point a connection at it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use valetkey_simulator::Profile;

use super::{Port, Start};
use crate::{failure::Failure, files, output};

/// The ready line.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    url: String,
    control_url: String,
    client_id: String,
    client_secret: String,
    profile: Profile,
    connector: &'static str,
    /// What to override in a connection of that connector.
    overrides: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    /// Ports with certificates that clients must refuse, by what is wrong with them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bad_tls: BTreeMap<&'static str, String>,
}

fn url(address: SocketAddr, tls: bool) -> String {
    format!("{}://{address}", if tls { "https" } else { "http" })
}

impl Facts {
    pub(super) fn new(start: &Start, ports: &[Port], ca_file: Option<PathBuf>) -> Self {
        let tls = start.tls.is_some();
        let base = ports.first().map_or_else(String::new, |port| url(port.address, tls));
        let (connector, api) = match start.profile {
            Profile::Plain => ("sandbox", "/api/v1"),
            Profile::Google => ("gmail", ""),
            Profile::Microsoft => ("microsoft365", "/v1.0"),
            Profile::Slack => ("slack", "/slack/api"),
        };
        let at = |path: &str| format!("{base}{path}");
        let mut overrides = BTreeMap::from([
            ("authorize_url", at("/oauth/authorize")),
            ("token_url", at("/oauth/token")),
            ("api_base_url", at(api)),
        ]);
        if matches!(start.profile, Profile::Plain | Profile::Google) {
            overrides.insert("revoke_url", at("/oauth/revoke"));
            overrides.insert("userinfo_url", at("/oauth/userinfo"));
        }
        Self {
            control_url: at("/_sim"),
            url: base,
            client_id: start.client_id.clone(),
            client_secret: start.client_secret.clone(),
            profile: start.profile,
            connector,
            overrides,
            seed: start.seed,
            at: start.at.and_then(|at| at.format(&Rfc3339).ok()),
            ca_file,
            bad_tls: ports.iter().skip(1).map(|port| (port.name, url(port.address, true))).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("\nThe simulator is ready\n\n  URL             {}\n", self.url);
        let mut line = |name: &str, value: &str| text += &format!("  {name:<16}{value}\n");
        line("control API", &self.control_url);
        line("client id", &self.client_id);
        line("client secret", &self.client_secret);
        if let Some(ca) = &self.ca_file {
            line("CA file", &ca.display().to_string());
        }
        for (name, url) in &self.bad_tls {
            line(&name.replace('_', " "), url);
        }
        text += "\nPoint a connection at it (`valetkey dev` may call any address of this machine; a production server \
                 refuses to\nunless its setting allowed_upstreams names this one):\n\n";
        text += &format!(
            "SECRET={} valetkey connection create sim --connector {} \\\n  --client-id {} --client-secret-env SECRET",
            self.client_secret, self.connector, self.client_id
        );
        for (name, url) in &self.overrides {
            text += &format!(" \\\n  --{} {url}", name.replace('_', "-"));
        }
        text += "\n\nand register the redirect URI that it answers with:\n\n";
        text += &format!(
            "valetkey simulate do clients --simulator {} client_id={} client_secret={} 'redirect_uris=[\"<redirect \
             URI>\"]'\n\n",
            self.url, self.client_id, self.client_secret
        );
        text
    }
}

/// Prints the facts, and writes them where asked.
pub(super) fn tell(facts: &Facts, json: bool, file: Option<&Path>) -> Result<(), Failure> {
    let line = serde_json::to_string(facts).map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(path) = file {
        let failed = |error| Failure::usage(format!("--ready-file {}: {error}", path.display()));
        files::write_private(path, line.as_bytes()).map_err(failed)?;
    }
    if json { output::print_line(&line) } else { output::print(&facts.text()) }
}
