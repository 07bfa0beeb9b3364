//! Single sign-on: people prove at an identity provider who they are (OpenID Connect), and this server decides what they
//! may do. Why it is so: `docs/decisions/0018-single-sign-on.md`.

mod admit;
mod ticket;

use std::{collections::BTreeMap, fmt, time::Duration};

use url::Url;
use valetkey_domain::{Changes, Error, ErrorCode, RequestId, Role, SecretString, audit::AuditOutcome};
use valetkey_upstream::{
    http::Egress,
    oidc::{ClientSettings, Provider, of_callback},
};

use super::{LoggedIn, sessions::SSO};
use crate::Engine;
use ticket::Ticket;

/// Single sign-on as the operator set it up.
#[derive(Clone)]
pub struct SsoSettings {
    /// The issuer, exactly as the provider writes it.
    pub issuer: String,
    /// The client id.
    pub client_id: String,
    /// The client secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// What is asked for beside `openid`. Default: `profile` and `email`.
    pub scopes: Vec<String>,
    /// The domains whose addresses may sign in for the first time, in lower case; all if there are none.
    pub domains: Vec<String>,
    /// Whether people of these domains become users without being added before. It needs `domains`.
    pub admit_domains: bool,
    /// What these people may do. Default: [`Role::Viewer`].
    pub default_role: Role,
    /// The claim that holds the groups of a person.
    pub role_claim: Option<String>,
    /// What the members of a group may do. Who is in several gets the most of it, at every sign-in anew.
    pub roles: BTreeMap<String, Role>,
    /// Takes an address as verified that is not marked so: for providers where only administrators give out addresses.
    pub trust_email: bool,
    /// Switches passwords off.
    pub require: bool,
    /// How long a session goes on at most before the provider is asked again whether the person may still come in;
    /// never longer than any other session. Default: 1 hour.
    pub session_life: Duration,
    /// What stands on the button.
    pub label: String,
    /// The way to the provider. It may be another one than that to the providers of connections: the issuer is named by
    /// the operator, and may be on a private address when those may not.
    pub egress: Egress,
}

impl SsoSettings {
    /// The defaults for a client of `issuer`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>, egress: Egress) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            client_secret: None,
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            domains: Vec::new(),
            admit_domains: false,
            default_role: Role::Viewer,
            role_claim: None,
            roles: BTreeMap::new(),
            trust_email: false,
            require: false,
            session_life: Duration::from_secs(3600),
            label: "Continue with single sign-on".to_owned(),
            egress,
        }
    }

    /// The provider that these settings name, for a server at `public_url`.
    ///
    /// # Errors
    /// `internal` if no redirect URI can be made of the address.
    pub fn provider(&self, public_url: &Url) -> Result<Provider, Error> {
        let redirect = format!("{}{CALLBACK}", public_url.as_str().trim_end_matches('/'));
        let client = ClientSettings {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            scopes: self.scopes.clone(),
            redirect_uri: redirect.parse().map_err(Error::internal)?,
        };
        Ok(Provider::new(client, self.egress.clone()))
    }
}

impl fmt::Debug for SsoSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SsoSettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("domains", &self.domains)
            .field("require", &self.require)
            .finish_non_exhaustive()
    }
}

/// Where the provider sends browsers back to, below the public URL.
pub const CALLBACK: &str = "/dashboard/sso/callback";

/// A sign-in that was just begun.
#[derive(Debug, Clone)]
pub struct SsoStart {
    /// Where the browser goes.
    pub url: Url,
    /// What the browser keeps meanwhile, in a cookie that no other site and no script can read or set.
    pub ticket: SecretString,
}

/// What the provider sends back by way of the browser.
#[derive(Clone, Default)]
pub struct SsoAnswer {
    /// The code.
    pub code: Option<SecretString>,
    /// The state.
    pub state: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// Somebody who came through the identity provider.
#[derive(Debug, Clone)]
pub struct SignedOn {
    /// Their session.
    pub session: LoggedIn,
    /// The page that they wanted to see.
    pub next: String,
}

impl Engine {
    /// How people sign in through an identity provider, if they can.
    #[must_use]
    pub fn sso(&self) -> Option<&SsoSettings> {
        self.0.settings.sso.as_ref()
    }

    /// Whether passwords let somebody in.
    #[must_use]
    pub fn takes_passwords(&self) -> bool {
        self.sso().is_none_or(|sso| !sso.require)
    }

    /// Begins a sign-in, after which the browser wants to see `next`.
    ///
    /// # Errors
    /// `sso_not_configured`, `sso_unavailable`, `sso_provider_invalid`.
    pub async fn begin_sso(&self, next: &str) -> Result<SsoStart, Error> {
        let provider = self.provider()?;
        let ticket = Ticket::new(self.now(), next, &*self.0.entropy);
        let url = provider.authorization_url(&ticket.attempt(), self.now()).await?;
        Ok(SsoStart { url, ticket: ticket.text().clone() })
    }

    /// Ends a sign-in: who is it, and may they come in? `ticket` is what the browser kept.
    ///
    /// # Errors
    /// `sso_…` as the catalogue has them.
    pub async fn complete_sso(
        &self,
        ticket: Option<&SecretString>,
        answer: &SsoAnswer,
        browser: &str,
        request: Option<&RequestId>,
    ) -> Result<SignedOn, Error> {
        let outcome = self.complete(ticket, answer, browser, request).await;
        if let Err(error) = &outcome {
            let mut entry = self.audit_of("nobody", "user.login", None);
            entry.0.outcome = AuditOutcome::Refused;
            entry.0.request_id = request.map(ToString::to_string);
            let entry = entry.data(serde_json::json!({ "method": "sso", "code": error.code().as_str() }));
            self.commit(Changes::from(valetkey_domain::Change::from(entry))).await?;
        }
        outcome
    }

    async fn complete(
        &self,
        ticket: Option<&SecretString>,
        answer: &SsoAnswer,
        browser: &str,
        request: Option<&RequestId>,
    ) -> Result<SignedOn, Error> {
        let (provider, settings) = (self.provider()?, self.sso_settings()?);
        let now = self.now();
        // The order of the checks is that of the authorization of accounts: state and browser, issuer, error.
        let lost = || Error::new(ErrorCode::SsoStateLost);
        let ticket = ticket.and_then(|text| Ticket::read(text, now)).ok_or_else(lost)?;
        if !answer.state.as_deref().is_some_and(|state| ticket.began(state)) {
            return Err(lost());
        }
        provider.check_issuer(answer.iss.as_deref(), now).await?;
        if let Some(error) = &answer.error {
            return Err(of_callback(error));
        }
        let code = answer.code.as_ref().ok_or_else(|| of_callback(""))?;
        let vouched = provider.exchange(code, &ticket.attempt(), now).await?;
        let user = self.admitted(settings, &vouched, request).await?;
        let session = self.begin_session(user, browser, SSO, request).await?;
        Ok(SignedOn { session, next: ticket.next() })
    }

    /// Where the browser goes to sign out at the provider too; `None` if it has no such page or does not answer.
    pub async fn sso_logout_url(&self) -> Option<Url> {
        let provider = self.provider().ok()?;
        let back = self.public_address("/dashboard/login").parse().ok()?;
        match provider.logout_url(&back, self.now()).await {
            Ok(url) => url,
            Err(error) => {
                tracing::info!(code = error.code().as_str(), "the identity provider's sign-out is not known");
                None
            }
        }
    }

    fn sso_settings(&self) -> Result<&SsoSettings, Error> {
        self.sso().ok_or_else(|| Error::new(ErrorCode::SsoNotConfigured))
    }

    fn provider(&self) -> Result<&Provider, Error> {
        self.0.identity_provider.as_ref().ok_or_else(|| Error::new(ErrorCode::SsoNotConfigured))
    }
}
