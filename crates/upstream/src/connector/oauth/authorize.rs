//! The authorization request and its callback.

use std::collections::BTreeMap;

use serde::Deserialize;
use valetkey_domain::language::Words;

use crate::connector::{TextTemplate, UrlTemplate};

/// Scopes and how they are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scopes {
    /// Asked for when the connection names none.
    pub default: Vec<String>,
    /// Asked for always, whatever the connection says: what refresh or identity needs (`offline_access`, `openid`).
    pub always: Vec<String>,
    /// Between two scopes.
    pub separator: String,
    /// The parameter's name on the authorization request.
    pub param: String,
    /// Further sets with a parameter of their own. A scope written `<set>:<scope>` in the connection goes there.
    pub sets: Vec<ScopeSet>,
    /// Whether the token request of client credentials names the scopes (and refresh, if `refresh.send_scopes`).
    pub in_token_request: bool,
    /// What a scope lets one do, in words for the consent page.
    pub describe: BTreeMap<String, Words>,
    /// Words to put before a granted scope when the provider shortens it in its reply (`https://graph.microsoft.com/`
    /// is stripped, say): both forms count as the same scope.
    pub prefixes: Vec<String>,
    /// Scopes for which the provider looks at the app before strangers may use it. A fact for the preflight.
    pub sensitive: Vec<String>,
    /// Scopes that the provider gives after an audit only. A fact for the preflight.
    pub restricted: Vec<String>,
    /// Scopes to which only an administrator can consent. A fact for the preflight.
    pub admin_consent: Vec<String>,
}

impl Default for Scopes {
    fn default() -> Self {
        Self {
            default: Vec::new(),
            always: Vec::new(),
            separator: " ".into(),
            param: "scope".into(),
            sets: Vec::new(),
            in_token_request: true,
            describe: BTreeMap::new(),
            prefixes: Vec::new(),
            sensitive: Vec::new(),
            restricted: Vec::new(),
            admin_consent: Vec::new(),
        }
    }
}

/// A further set of scopes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeSet {
    /// Its name, the prefix in a connection's scopes: `user` in `user:search:read`.
    pub name: String,
    /// Its parameter on the authorization request: `user_scope`, `optional_scope`.
    pub param: String,
    /// Asked for when the connection names no scope at all.
    #[serde(default)]
    pub default: Vec<String>,
}

/// The authorization request (RFC 6749 §4.1.1) and what comes back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// The endpoint. Use [`crate::connector::Target::authorize_url`].
    pub url: UrlTemplate,
    /// Fixed parameters (`access_type: offline`). They win over the standard ones of the same name. Templates know
    /// `client_id`, `redirect_uri`, `nonce` (fresh per request), `var.…`.
    #[serde(default)]
    pub params: BTreeMap<String, TextTemplate>,
    /// Standard parameters under another name: `client_id: client_key`.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Standard parameters that the provider does not tolerate: `response_type`.
    #[serde(default)]
    pub drop: Vec<String>,
    /// The parameter that tells the provider in which language to ask: `ui_locales` (OpenID Connect Core §3.1.2.1), or a
    /// name of its own (`hl`). Left out where the provider has none.
    #[serde(default)]
    pub locale_param: Option<String>,
    /// PKCE (RFC 7636).
    #[serde(default)]
    pub pkce: Pkce,
    /// The name of the code in the callback.
    #[serde(default = "code")]
    pub code_param: String,
    /// The name of the state, in the request and in the callback.
    #[serde(default = "state")]
    pub state_param: String,
    /// How the code comes back.
    #[serde(default)]
    pub code_from: CodeArrival,
    /// Facts in the callback's query to keep as account metadata: metadata name → parameter (`realm_id: realmId`).
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// How the code of an authorization comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeArrival {
    /// In the redirect of the browser.
    #[default]
    Callback,
    /// In a webhook of the provider. Not carried out yet: refused at load.
    Webhook,
}

/// PKCE (RFC 7636). There is no `plain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// SHA-256 challenge.
    #[default]
    S256,
    /// The provider refuses requests with a challenge.
    Off,
}

fn code() -> String {
    "code".into()
}

fn state() -> String {
    "state".into()
}
