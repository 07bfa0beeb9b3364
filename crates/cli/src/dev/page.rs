//! The page that `valetkey dev` prints once it is ready. Every command on it works as it stands, in any terminal.

use std::path::Path;

use url::Url;
use valetkey_domain::ExposeSecret;

use super::{env_file::quoted, keys::Access};
use crate::{failure::Failure, output};

/// What the page and the environment file are about.
pub(super) struct Facts<'a> {
    pub(super) url: &'a Url,
    pub(super) access: &'a Access,
    pub(super) ca_file: &'a Path,
    pub(super) folder: &'a Path,
    /// The link that makes the first user of the dashboard, while there is none.
    pub(super) setup: Option<&'a Url>,
    pub(super) simulator: std::net::SocketAddr,
    /// Whether the ports with bad certificates are open.
    pub(super) bad_tls: bool,
}

impl Facts<'_> {
    pub(super) fn base_url(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// Where people log in, or become the owner as long as there is none.
    fn dashboard(&self) -> String {
        match self.setup {
            Some(link) => format!("{link} (once: makes its owner)"),
            None => format!("{}/dashboard", self.base_url()),
        }
    }
}

pub(super) fn print(facts: &Facts<'_>, env_file: &Path) -> Result<(), Failure> {
    output::print(&text(facts, env_file))
}

fn text(facts: &Facts<'_>, env_file: &Path) -> String {
    format!(
        r#"
Valetkey is ready (development server, everything is in {folder})

  URL             {url}
  client id       {client_id}
  client secret   {client_secret}
  API token       {token}
  dashboard       {dashboard}
  MCP             {url}/mcp?identifier=user_123
  Simulator       https://{simulator}{bad_tls}

1. Make an authorization link for your user user_123:

curl --cacert {ca} \
  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \
  -d '{{"connection_name": "sandbox", "identifier": "user_123"}}' \
  {url}/v1/connect/authorization-links

2. Open the "link" of the answer in a browser (it warns of the private certificate: go on),
   press Continue, then Allow.

3. Call a tool on the account that is now connected:

curl --cacert {ca} \
  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \
  -d '{{"tool_name": "sandbox_get_profile", "identifier": "user_123", "tool_input": {{}}}}' \
  {url}/v1/connect/tools/execute

The official Scalekit SDKs must trust the certificate before your program starts:

  Python   export REQUESTS_CA_BUNDLE={ca} GRPC_DEFAULT_SSL_ROOTS_FILE_PATH={ca}
  Node     export NODE_EXTRA_CA_CERTS={ca}

The values as shell variables:  set -a; . {env}; set +a
Ctrl-C stops the server; the next start goes on with the same data.

"#,
        folder = facts.folder.display(),
        simulator = facts.simulator,
        bad_tls = match facts.bad_tls {
            true =>
                format!("\n  bad TLS         ports in {}", facts.folder.join(super::bad_tls::PORTS).display()),
            false => String::new(),
        },
        url = facts.base_url(),
        dashboard = facts.dashboard(),
        client_id = facts.access.client_id,
        client_secret = facts.access.client_secret.expose_secret(),
        token = facts.access.api_token.expose_secret(),
        ca = quoted(&facts.ca_file.display().to_string()),
        env = quoted(&env_file.display().to_string()),
    )
}
