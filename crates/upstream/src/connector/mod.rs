//! Connectors as data: how a third-party app authenticates, where its API is, which tools it has, and its quirks.
//!
//! A connector is one file, `connectors/<slug>.yaml`. Its shape is the types of this module, read strictly: an
//! unknown field, a wrong type or a rule that cannot be carried out yet is refused when the file is loaded, with the
//! name of the file and of the field. Nothing is silently ignored.

mod catalogue;
mod check;
pub mod declared;
mod limits;
mod load;
mod oauth;
mod path;
mod placement;
mod reasons;
mod supported;
mod target;
pub(crate) mod text;
mod url;

use std::{collections::BTreeMap, sync::Arc};

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use valetkey_domain::{AuthType, Error};

pub use self::{
    catalogue::Connectors,
    limits::{ApiLimits, LimitScope, Rate, ToolCount, ToolRate},
    load::LoadError,
    oauth::{
        AccountPlace, Authorize, BodyFormat, CallMethod, ClientAuth, CodeArrival, Death, ErrorClass, Expiry,
        ExpiryUnit, FollowUp, Introspect, IntrospectAuth, IntrospectedToken, IssueLimit, Lifetimes,
        OAuthProfile, Pkce, Places, Refresh, RefreshBy, ReplyFormat, Revoke, RevokeAuth, RevokeMethod,
        RevokeReach, RevokedToken, Rotation, ScopeReply, ScopeSet, Scopes, SecondExchange, TokenEndpoint,
        TokenErrorRule, TokenMethod, TokenReplyShape, TokenRequest, Userinfo,
    },
    path::{Condition, InvalidPath, JsonPath},
    placement::{BasicPlacement, Field, HeaderPlacement, Placement, QueryPlacement, StaticAuth},
    reasons::{Place, Reason, Reasons},
    target::{ExpectedIssuer, Target},
    text::{InvalidTemplate, TextTemplate},
    url::{UrlFault, UrlTemplate},
};
pub use crate::tool::Tool;

/// The definition of a third-party app.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Its name in our API and the name of its file: `gmail`.
    pub slug: String,
    /// Its name in the compatible API: `GMAIL`.
    pub provider: String,
    /// Further names under which it is found.
    pub aliases: Vec<String>,
    /// Its name for people: `Gmail`.
    pub display_name: String,
    /// What it is for, in a sentence.
    pub description: String,
    /// Words to find it by: `email`, `calendar`.
    pub categories: Vec<String>,
    /// Pages about it.
    pub links: Links,
    /// What a connection must or may state (a tenant, a subdomain); read as `var.<name>` in templates.
    pub variables: BTreeMap<String, Variable>,
    /// How accounts are authorized.
    pub auth: Auth,
    /// Where and how the API is called.
    pub api: Api,
    /// The tool that tests a credential: the cheapest one that reads and needs no input.
    pub probe: Option<String>,
    /// What the provider's own errors mean, for the diagnosis.
    pub reasons: Reasons,
    /// Webhooks that it sends. Not carried out yet: refused at load.
    pub webhooks: Option<declared::Webhooks>,
    /// Its tools, in the order of the file.
    pub tools: Vec<Arc<Tool>>,
}

/// How accounts of a connector are authorized.
#[derive(Debug, Clone)]
pub enum Auth {
    /// OAuth 2.0 authorization code flow.
    OAuth(Box<OAuthProfile>),
    /// OAuth 2.0 client credentials: the connection's own client is the account.
    ClientCredentials(Box<OAuthProfile>),
    /// An API key, a user name and password, or a bearer token; the type says which.
    Static(AuthType, StaticAuth),
    /// Nothing at all.
    None,
}

impl Auth {
    /// The type of the connector's accounts.
    #[must_use]
    pub fn auth_type(&self) -> AuthType {
        match self {
            Self::OAuth(_) => AuthType::OAuth,
            Self::ClientCredentials(_) => AuthType::ClientCredentials,
            Self::Static(kind, _) => *kind,
            Self::None => AuthType::None,
        }
    }

    /// The OAuth profile, of both OAuth types.
    #[must_use]
    pub fn oauth(&self) -> Option<&OAuthProfile> {
        match self {
            Self::OAuth(profile) | Self::ClientCredentials(profile) => Some(profile),
            Self::Static(..) | Self::None => None,
        }
    }

    /// The form of a credential without OAuth.
    #[must_use]
    pub fn form(&self) -> Option<&StaticAuth> {
        match self {
            Self::Static(_, form) => Some(form),
            _ => None,
        }
    }

    /// Where the credential goes in an API call.
    #[must_use]
    pub fn attach(&self) -> &[Placement] {
        match self {
            Self::OAuth(profile) | Self::ClientCredentials(profile) => &profile.attach,
            Self::Static(_, form) => &form.attach,
            Self::None => &[],
        }
    }
}

/// Pages about a connector.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// The documentation of its API.
    pub docs: Option<String>,
    /// Where an OAuth client is made and its redirect URI registered, or where API keys are made.
    pub console: Option<String>,
    /// The way to the field of the console that takes the redirect URI, in the console's own words.
    pub redirect_field: Option<String>,
    /// The provider's status page.
    pub status: Option<String>,
    /// Where users look at and remove the access of apps.
    pub user_access: Option<String>,
}

/// A value that a connection states for URL templates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its label on forms.
    pub label: String,
    /// What it is, in a sentence.
    pub help: Option<String>,
    /// What it must look like as a whole: a regular expression.
    pub pattern: String,
    /// An example.
    pub example: String,
    /// Used when the connection states none; without it the variable is required unless `optional`.
    pub default: Option<String>,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
}

/// Where and how an API is called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The base URL: scheme, host and maybe the beginning of the path. Tool and proxy paths follow it. Use
    /// [`Target::api_base`].
    pub base_url: UrlTemplate,
    /// Hosts that a base URL learned at the provider may name; needed only if `base_url` (or an OAuth endpoint) begins
    /// with a placeholder.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Headers on every call: a version, a user agent. Templates know `var.…` and `account.…`.
    #[serde(default)]
    pub headers: BTreeMap<String, TextTemplate>,
    /// How failures show in answers.
    #[serde(default)]
    pub errors: ApiErrors,
    /// What the provider allows, and whom it counts against.
    #[serde(default)]
    pub limits: ApiLimits,
    /// The longest that a call may take, in milliseconds.
    pub timeout_ms: Option<u32>,
    /// How requests are signed. Not carried out yet: refused at load.
    pub signing: Option<declared::Signing>,
}

/// How failures show in the answers of an API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiErrors {
    /// When an answer with a success status is a failure all the same: any of these that holds.
    pub error_when: Vec<Condition>,
    /// Where the provider's codes are; all that are found are looked up in `codes`, in this order.
    pub code: Vec<JsonPath>,
    /// Where the provider's words are: the first that is found.
    pub message: Vec<JsonPath>,
    /// What the provider's codes mean. They win over the HTTP status.
    pub codes: BTreeMap<String, ApiErrorCode>,
    /// Where a missing scope is named.
    pub needed_scope: Option<JsonPath>,
    /// Headers that say when to try again, beside `Retry-After`, as seconds since 1970: `x-ratelimit-reset`.
    pub reset_headers: Vec<String>,
    /// A 403 with this header at `0` is a rate limit: `x-ratelimit-remaining`.
    pub remaining_header: Option<String>,
    /// Headers by which the provider names a request, beside `X-Request-Id` and `Request-Id`: `x-slack-req-id`.
    pub request_id_headers: Vec<String>,
}

/// The codes of the catalogue that a provider's code can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiErrorCode {
    /// The token is not good (any more).
    UpstreamUnauthorized,
    /// A scope is missing.
    InsufficientScope,
    /// Not allowed for another reason.
    UpstreamForbidden,
    /// Not there, or not visible.
    UpstreamNotFound,
    /// A value is wrong.
    UpstreamInvalidRequest,
    /// Changed or taken by somebody else.
    UpstreamConflict,
    /// Too many calls.
    UpstreamRateLimited,
    /// The provider's own failure.
    UpstreamError,
}

impl Variable {
    /// Whether `value` fits the pattern as a whole.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        value.len() <= 500 && whole(&self.pattern).is_ok_and(|pattern| pattern.is_match(value))
    }
}

impl Field {
    /// Checks what was entered.
    ///
    /// # Errors
    /// In words for the person who entered it; never with the value.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if value.is_empty() {
            return if self.optional { Ok(()) } else { Err("is required".into()) };
        }
        if value.len() > 8192 || value.chars().any(char::is_control) {
            return Err("is too long or holds control characters".into());
        }
        match &self.pattern {
            Some(pattern) if !whole(pattern).is_ok_and(|pattern| pattern.is_match(value)) => {
                Err("does not look like one; check that it was copied completely".into())
            }
            _ => Ok(()),
        }
    }
}

/// A regular expression that must fit from start to end.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()
}

/// The compiled-in files.
mod embedded {
    /// Name and text of every file in `connectors/`.
    pub(super) const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/connectors.rs"));
}

impl Connector {
    /// Checks the variables that a connection states. `issuer` is accepted by every OAuth connector: the exact issuer
    /// identifier, for connections that override the authorization endpoint.
    ///
    /// # Errors
    /// `invalid_argument` naming `variables.<name>`: unknown, missing or not fitting its pattern.
    pub fn check_variables(&self, given: &BTreeMap<String, String>) -> Result<(), Error> {
        for (name, value) in given {
            let field = format!("variables.{name}");
            if name == "issuer" && self.auth.oauth().is_some() && !self.variables.contains_key(name) {
                if value.len() > 500 || ::url::Url::parse(value).is_err() {
                    return Err(Error::invalid(field, "is not a URL"));
                }
                continue;
            }
            match self.variables.get(name) {
                None => return Err(Error::invalid(field, "is not a variable of this connector")),
                Some(variable) if !variable.accepts(value) => {
                    let hint = format!("is not acceptable; expected something like \"{}\"", variable.example);
                    return Err(Error::invalid(field, hint));
                }
                Some(_) => {}
            }
        }
        for (name, variable) in &self.variables {
            if variable.default.is_none() && !variable.optional && !given.contains_key(name) {
                let hint = format!("is required, for example \"{}\"", variable.example);
                return Err(Error::invalid(format!("variables.{name}"), hint));
            }
        }
        Ok(())
    }

    /// The tool of this name or alias.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.iter().find(|tool| tool.name == name || tool.aliases.iter().any(|alias| alias == name))
    }
}

#[cfg(test)]
mod tests;
