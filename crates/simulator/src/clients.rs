//! The OAuth clients registered at the provider.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::hash::Hashed;

/// What a client is registered with.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSetup {
    /// The client id.
    pub client_id: String,
    /// The client secret; a public client has none.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Where users may be sent back to; compared as exact strings.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The grant types the client may use.
    #[serde(default = "all_grant_types")]
    pub grant_types: Vec<String>,
    /// The only organization whose users may consent; every organization's if absent.
    #[serde(default)]
    pub tenant: Option<String>,
}

const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

fn all_grant_types() -> Vec<String> {
    GRANT_TYPES.map(str::to_owned).to_vec()
}

impl ClientSetup {
    /// A confidential web client with one redirect URI and every grant type.
    pub fn web(
        client_id: impl Into<String>,
        secret: impl Into<String>,
        redirect_uri: impl Into<String>,
    ) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: Some(secret.into()),
            redirect_uris: vec![redirect_uri.into()],
            grant_types: all_grant_types(),
            tenant: None,
        }
    }

    /// Checks what was given; the message names the field.
    pub(crate) fn into_client(self) -> Result<Client, String> {
        let plain =
            |text: &str| !text.is_empty() && text.len() <= 200 && text.bytes().all(|b| b.is_ascii_graphic());
        if !plain(&self.client_id) {
            return Err("client_id: 1 to 200 printable ASCII characters without spaces".to_owned());
        }
        if self.client_secret.as_deref().is_some_and(|secret| !plain(secret)) {
            return Err("client_secret: 1 to 200 printable ASCII characters without spaces".to_owned());
        }
        if self.redirect_uris.len() > 50 {
            return Err("redirect_uris: at most 50".to_owned());
        }
        for uri in &self.redirect_uris {
            let url = Url::parse(uri).map_err(|e| format!("redirect_uris: {e}"))?;
            // RFC 6749 §3.1.2: no fragment.
            if url.fragment().is_some() {
                return Err("redirect_uris: a redirect URI has no fragment".to_owned());
            }
        }
        if let Some(unknown) = self.grant_types.iter().find(|g| !GRANT_TYPES.contains(&g.as_str())) {
            return Err(format!("grant_types: {unknown} is none of {}", GRANT_TYPES.join(", ")));
        }
        Ok(Client {
            secret: self.client_secret.as_deref().map(Hashed::of),
            redirect_uris: self.redirect_uris,
            grant_types: self.grant_types,
            tenant: self.tenant,
        })
    }
}

/// A registered client, as the control API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientView {
    /// The client id.
    pub client_id: String,
    /// Whether it has a secret.
    pub confidential: bool,
    /// Where users may be sent back to.
    pub redirect_uris: Vec<String>,
    /// The grant types it may use.
    pub grant_types: Vec<String>,
    /// The only organization whose users may consent.
    pub tenant: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) secret: Option<Hashed>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    #[serde(default)]
    pub(crate) tenant: Option<String>,
}

impl Client {
    pub(crate) fn view(&self, client_id: &str) -> ClientView {
        ClientView {
            client_id: client_id.to_owned(),
            confidential: self.secret.is_some(),
            redirect_uris: self.redirect_uris.clone(),
            grant_types: self.grant_types.clone(),
            tenant: self.tenant.clone(),
        }
    }

    /// Whether the secret is this client's. A public client has none to show and must show none.
    pub(crate) fn accepts(&self, secret: Option<&str>) -> bool {
        match (&self.secret, secret) {
            (Some(hashed), Some(secret)) => hashed.matches(secret),
            (None, None) => true,
            _ => false,
        }
    }

    pub(crate) fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|g| g == grant_type)
    }
}
