//! A connector made for a test, pointed at test servers.

use std::collections::BTreeMap;

use support::Server;
use valetkey_domain::{SecretString, connection::Overrides};
use valetkey_upstream::{
    connector::{Connector, Connectors, OAuthProfile, Target},
    oauth::ClientConfig,
};

use crate::support;

pub(crate) const CLIENT_ID: &str = "cli ent:1";
pub(crate) const CLIENT_SECRET: &str = "s3cret&with=odd/chars+%";
pub(crate) const REDIRECT_URI: &str = "https://valetkey.example/oauth/callback/conn_1";

/// Connector, overrides and secret: what a [`ClientConfig`] borrows.
pub(crate) struct Acme {
    connectors: Connectors,
    pub(crate) overrides: Overrides,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    secret: Option<SecretString>,
}

impl Acme {
    /// `oauth` is the YAML below `auth.oauth`, indented by four; `authorize` and `token` are added unless it has them.
    pub(crate) fn new(oauth: &str, server: Option<&Server>) -> Self {
        Self::of("oauth", oauth, server)
    }

    pub(crate) fn of(kind: &str, oauth: &str, server: Option<&Server>) -> Self {
        let mut text = format!(
            "slug: acme\ndisplay_name: Acme\ndescription: For tests.\nauth:\n  {kind}:\n{}",
            oauth.trim_start_matches('\n')
        );
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if kind == "oauth" && !oauth.contains("    authorize:") {
            text.push_str("    authorize:\n      url: https://acme.example/authorize\n");
        }
        if !oauth.contains("    token:") {
            text.push_str("    token:\n      url: https://acme.example/token\n");
        }
        text.push_str("api:\n  base_url: https://api.acme.example\n");
        let connectors = Connectors::from_files([("acme.yaml".to_owned(), text)]).unwrap();
        let overrides = server
            .map(|server| Overrides {
                authorize_url: Some(server.url("/authorize")),
                token_url: Some(server.url("/token")),
                revoke_url: None,
                userinfo_url: None,
                api_base_url: Some(server.url("/api")),
            })
            .unwrap_or_default();
        Self {
            connectors,
            overrides,
            variables: BTreeMap::new(),
            metadata: BTreeMap::new(),
            secret: Some(SecretString::from(CLIENT_SECRET)),
        }
    }

    pub(crate) fn public(mut self) -> Self {
        self.secret = None;
        self
    }

    pub(crate) fn connector(&self) -> &Connector {
        self.connectors.get("acme").unwrap()
    }

    pub(crate) fn profile(&self) -> &OAuthProfile {
        self.connector().auth.oauth().unwrap()
    }

    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            connector: self.connector(),
            overrides: &self.overrides,
            variables: &self.variables,
            metadata: &self.metadata,
        }
    }

    pub(crate) fn config(&self) -> ClientConfig<'_> {
        ClientConfig {
            target: self.target(),
            profile: self.profile(),
            client_id: CLIENT_ID,
            client_secret: self.secret.as_ref(),
            redirect_uri: REDIRECT_URI,
        }
    }
}
