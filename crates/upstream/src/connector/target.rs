//! Where requests of one account go.

use std::collections::BTreeMap;

use url::Url;
use valetkey_domain::{Error, ErrorCode, catalogue::RemedyAction, connection::Overrides};

use super::{Auth, Connector, UrlFault, UrlTemplate};

/// Everything that decides where a request goes: the connector, the connection's overrides and variables, and what was
/// learned about the account.
///
/// An endpoint of the connector's own host is never handed out for a token that comes from an overridden one: with
/// `token_url` overridden, revocation, userinfo and follow-up calls are there only if they are overridden too or
/// continue the (overridden) API base.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The connector.
    pub connector: &'a Connector,
    /// Other base URLs than the connector's.
    pub overrides: &'a Overrides,
    /// The connection's variables, `var.…` in templates.
    pub variables: &'a BTreeMap<String, String>,
    /// The account's metadata, `account.…` in templates. Empty before an account is authorized.
    pub metadata: &'a BTreeMap<String, String>,
}

/// The issuer that the `iss` parameter of a callback must name (RFC 9207).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedIssuer {
    /// Exactly this text, compared byte for byte (RFC 9207 §2.4). `required`: a callback without `iss` is refused.
    Exact {
        /// The issuer identifier.
        issuer: String,
        /// Whether the provider promises to send it.
        required: bool,
    },
    /// The issuer is not known (the authorization endpoint is overridden): if `iss` comes, it must at least be of the
    /// authorization endpoint's origin. A connection states it exactly with the variable `issuer`.
    SameOrigin(Url),
    /// The provider is not known to send `iss`, and its issuer is unknown.
    Unknown,
}

impl Target<'_> {
    /// The value of `var.…` or `account.…`. Values of variables are checked against their patterns first.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        if let Some(variable) = name.strip_prefix("var.") {
            let definition = self.connector.variables.get(variable)?;
            return match self.variables.get(variable) {
                Some(value) => definition.accepts(value).then(|| value.clone()),
                None => definition.default.clone(),
            };
        }
        let fact = name.strip_prefix("account.")?;
        self.metadata.get(fact).cloned()
    }

    /// The base URL of the API, without a slash at its end. Tool and proxy paths follow it; the credential goes
    /// nowhere else.
    ///
    /// # Errors
    /// When a variable or a fact about the account is missing or unacceptable.
    pub fn api_base(&self) -> Result<Url, Error> {
        match &self.overrides.api_base_url {
            Some(url) => Ok(url.clone()),
            None => self.render(&self.connector.api.base_url),
        }
    }

    /// Whether a credential may be sent to `url`: same scheme, host and port as the API base, and below its path.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn allows(&self, url: &Url) -> Result<bool, Error> {
        let base = self.api_base()?;
        let prefix = base.path().trim_end_matches('/');
        let below =
            url.path().strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let plain = url.username().is_empty() && url.password().is_none();
        Ok(url.origin() == base.origin() && url.origin().is_tuple() && below && plain)
    }

    /// The authorization endpoint; `None` unless the connector has the code flow.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn authorize_url(&self) -> Result<Option<Url>, Error> {
        let Auth::OAuth(profile) = &self.connector.auth else { return Ok(None) };
        let template = profile.authorize.as_ref().map(|authorize| &authorize.url);
        self.endpoint(self.overrides.authorize_url.as_ref(), template)
    }

    /// The token endpoint; `None` without OAuth.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn token_url(&self) -> Result<Option<Url>, Error> {
        let template = self.connector.auth.oauth().map(|profile| &profile.token.url);
        self.endpoint(self.overrides.token_url.as_ref(), template)
    }

    /// Where tokens are renewed: the connector's separate endpoint if it has one, else the token endpoint. With
    /// `token_url` overridden a separate endpoint keeps its path and takes scheme, host and port of the override.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn refresh_url(&self) -> Result<Option<Url>, Error> {
        match self.connector.auth.oauth().and_then(|profile| profile.refresh.url.as_ref()) {
            Some(template) => self.beside_token_url(template).map(Some),
            None => self.token_url(),
        }
    }

    /// Where the second exchange goes; moved with an overridden `token_url` as [`Target::refresh_url`] is.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn exchange_url(&self) -> Result<Option<Url>, Error> {
        let exchange = self.connector.auth.oauth().and_then(|profile| profile.exchange.as_ref());
        exchange.map(|exchange| self.beside_token_url(&exchange.url)).transpose()
    }

    /// Where tokens are introspected; moved with an overridden `token_url` as [`Target::refresh_url`] is. `None` unless the
    /// connector can.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn introspect_url(&self) -> Result<Option<Url>, Error> {
        let introspect = self.connector.auth.oauth().and_then(|profile| profile.introspect.as_ref());
        introspect.map(|introspect| self.beside_token_url(&introspect.url)).transpose()
    }

    /// Where grants are revoked. `extra` knows `client_id` and `token` for the odd ones that have them in the path.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn revoke_url(&self, extra: impl Fn(&str) -> Option<String>) -> Result<Option<Url>, Error> {
        if let Some(url) = &self.overrides.revoke_url {
            return Ok(Some(url.clone()));
        }
        let Some(revoke) = self.connector.auth.oauth().and_then(|profile| profile.revoke.as_ref()) else {
            return Ok(None);
        };
        if !self.may_follow_tokens(&revoke.url) {
            return Ok(None);
        }
        self.render_with(&revoke.url, |name| extra(name).or_else(|| self.value(name))).map(Some)
    }

    /// Where the account behind a grant is named.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn userinfo_url(&self) -> Result<Option<Url>, Error> {
        if let Some(url) = &self.overrides.userinfo_url {
            return Ok(Some(url.clone()));
        }
        let Some(userinfo) = self.connector.auth.oauth().and_then(|profile| profile.userinfo.as_ref()) else {
            return Ok(None);
        };
        self.follow_up_url(&userinfo.url)
    }

    /// The address of a call with a fresh token; `None` if it must not be made because the token comes from an
    /// overridden endpoint.
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn follow_up_url(&self, template: &UrlTemplate) -> Result<Option<Url>, Error> {
        if self.may_follow_tokens(template) { self.render(template).map(Some) } else { Ok(None) }
    }

    /// The issuer to expect in the callback (RFC 9207).
    ///
    /// # Errors
    /// As [`Target::api_base`].
    pub fn issuer(&self) -> Result<ExpectedIssuer, Error> {
        let profile = self.connector.auth.oauth();
        let required = profile.is_some_and(|profile| profile.issuer_required);
        if let Some(issuer) = self.variables.get("issuer") {
            return Ok(ExpectedIssuer::Exact { issuer: issuer.clone(), required });
        }
        let constant = profile.is_some_and(|profile| profile.issuer_is_constant && profile.issuer.is_some());
        if let Some(authorize) = self.overrides.authorize_url.as_ref().filter(|_| !constant) {
            return Ok(ExpectedIssuer::SameOrigin(authorize.clone()));
        }
        Ok(match profile.and_then(|profile| profile.issuer.clone()) {
            Some(issuer) => ExpectedIssuer::Exact { issuer, required },
            None => ExpectedIssuer::Unknown,
        })
    }

    fn endpoint(&self, given: Option<&Url>, template: Option<&UrlTemplate>) -> Result<Option<Url>, Error> {
        match (template, given) {
            (None, _) => Ok(None),
            (Some(_), Some(url)) => Ok(Some(url.clone())),
            (Some(template), None) => self.render(template).map(Some),
        }
    }

    fn beside_token_url(&self, template: &UrlTemplate) -> Result<Url, Error> {
        let own = self.render(template)?;
        let Some(token_url) = &self.overrides.token_url else { return Ok(own) };
        let mut moved = token_url.clone();
        moved.set_path(own.path());
        moved.set_query(own.query());
        Ok(moved)
    }

    /// Whether an endpoint may get tokens: its host is the provider's own and so is the token endpoint, or it
    /// continues the API base.
    fn may_follow_tokens(&self, template: &UrlTemplate) -> bool {
        template.is_relative() || self.overrides.token_url.is_none()
    }

    fn render(&self, template: &UrlTemplate) -> Result<Url, Error> {
        self.render_with(template, |name| self.value(name))
    }

    fn render_with(
        &self,
        template: &UrlTemplate,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Url, Error> {
        let base = if template.is_relative() { Some(self.api_base()?) } else { None };
        template
            .render(base.as_ref(), &self.connector.api.hosts, lookup)
            .map_err(|fault| self.fault(template, &fault))
    }

    fn fault(&self, template: &UrlTemplate, fault: &UrlFault) -> Error {
        let name = match fault {
            UrlFault::Missing(name) | UrlFault::Value { name, .. } => name.as_str(),
            UrlFault::Malformed => "",
        };
        let because =
            format!("URL template {} of connector {}: {fault}", template.as_str(), self.connector.slug);
        if let Some(variable) = name.strip_prefix("var.") {
            let example = self.connector.variables.get(variable).map_or("", |v| v.example.as_str());
            let message = match self.variables.get(variable) {
                Some(_) => format!("is not acceptable; expected something like \"{example}\""),
                None => format!("is missing; the connector needs it, for example \"{example}\""),
            };
            return Error::new(ErrorCode::ConnectionNotConfigured)
                .field(format!("variables.{variable}"), message)
                .remedy(
                    RemedyAction::ConfigureConnection,
                    format!("Set the connection's variable \"{variable}\"."),
                )
                .because(because);
        }
        if let Some(fact) = name.strip_prefix("account.") {
            return Error::new(ErrorCode::AccountError)
                .message(format!("The provider did not tell \"{fact}\" about this account, or what it told is not acceptable; its API cannot be addressed."))
                .remedy(RemedyAction::Reauthorize, "Send the user a new authorization link.")
                .because(because);
        }
        Error::internal(because)
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
