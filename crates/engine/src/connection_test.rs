//! Testing a connection without a user.
//!
//! The token endpoint is asked to exchange a code that does not exist. A provider that checks the client first answers
//! `invalid_client` for a wrong secret and `invalid_grant` for a right one (RFC 6749 §5.2). Some check the code first,
//! and then the answer proves nothing; a second request with a secret that is certainly wrong tells the two apart.

use std::collections::BTreeMap;

use serde_json::json;
use valetkey_domain::{
    Caller, Connection, Error, ErrorCode, Permission, SecretString, entropy::random_bytes,
};
use valetkey_upstream::{
    connector::{Auth, Connector, OAuthProfile, Pkce},
    oauth::{self, ClientConfig, FailureClass, TokenFailure},
};

use crate::{Engine, context::target, credentials::OAuthClient};

/// One thing that a connection test looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionCheck {
    /// What: `client_credentials`, `token_endpoint`, `redirect_uri`, `scopes`, …
    pub item: &'static str,
    /// Whether it is in order.
    pub ok: bool,
    /// What was found, in words.
    pub detail: String,
    /// The code of the catalogue, if it is not in order.
    pub code: Option<ErrorCode>,
}

/// One thing that a connection test could not look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckedItem {
    /// What.
    pub item: &'static str,
    /// Why not, and how to find out.
    pub reason: String,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionTest {
    /// Whether everything that could be checked is in order.
    pub ok: bool,
    /// What was checked.
    pub checked: Vec<ConnectionCheck>,
    /// What could not be checked from here.
    pub not_checked: Vec<UncheckedItem>,
}

impl ConnectionTest {
    /// Whether the provider was seen to accept the client.
    pub(crate) fn accepts_the_client(&self) -> bool {
        self.checked.iter().any(|check| check.item == "client_credentials" && check.ok)
    }
}

/// The findings of a test as they come in.
#[derive(Default)]
struct Findings {
    checked: Vec<ConnectionCheck>,
    not_checked: Vec<UncheckedItem>,
}

impl Findings {
    fn good(&mut self, item: &'static str, detail: impl Into<String>) {
        self.checked.push(ConnectionCheck { item, ok: true, detail: detail.into(), code: None });
    }

    fn bad(&mut self, item: &'static str, code: ErrorCode, detail: impl Into<String>) {
        self.checked.push(ConnectionCheck { item, ok: false, detail: detail.into(), code: Some(code) });
    }

    fn open(&mut self, item: &'static str, reason: impl Into<String>) {
        self.not_checked.push(UncheckedItem { item, reason: reason.into() });
    }
}

impl Findings {
    /// What a verdict on a client of the code flow means for each item.
    fn add(&mut self, verdict: &Verdict, said: &str, redirect_uri: &str) {
        match verdict {
            Verdict::Unreachable(code) => {
                self.bad("token_endpoint", *code, format!("{}{said}", code.entry().meaning));
                self.open("client_credentials", "The token endpoint gave no usable answer.");
            }
            _ => self.good("token_endpoint", "The token endpoint answers."),
        }
        match verdict {
            Verdict::Accepted => self.good(
                "client_credentials",
                "The provider accepts the client id and secret: it refused a made-up code of this client, and it \
                 refused the client with a made-up secret.",
            ),
            Verdict::Refused(code) => {
                self.bad("client_credentials", *code, format!("{}{said}", code.entry().meaning));
            }
            Verdict::RedirectUri => {
                self.open("client_credentials", "The provider complained about the redirect URI first.");
                self.bad(
                    "redirect_uri",
                    ErrorCode::RedirectUriMismatch,
                    format!(
                        "The provider does not know the redirect URI. Register exactly {redirect_uri} in its \
                         console.{said}"
                    ),
                );
                return;
            }
            Verdict::Unclear => self.open(
                "client_credentials",
                format!(
                    "This provider looks at the code before it looks at the client, so a made-up code proves \
                     nothing. Authorize an account to find out.{said}"
                ),
            ),
            Verdict::Unreachable(_) => {}
        }
        self.open(
            "redirect_uri",
            format!(
                "Providers check the redirect URI only when a user authorizes. Register exactly {redirect_uri} in \
                 the provider's console."
            ),
        );
    }
}

/// What the provider makes of a client.
enum Verdict {
    /// The client is who it says, as far as this answer goes.
    Accepted,
    /// The client or its secret is wrong, or it may not do this.
    Refused(ErrorCode),
    /// The redirect URI is not registered; the client itself is known.
    RedirectUri,
    /// The answer does not tell.
    Unclear,
    /// There was no answer.
    Unreachable(ErrorCode),
}

fn verdict(failure: &TokenFailure) -> Verdict {
    match (failure.class, failure.code) {
        (FailureClass::Dead, _) => Verdict::Accepted,
        // No answer at all: the evidence names what went wrong on the way.
        (FailureClass::Transient { .. }, code) => {
            let on_the_way = failure.evidence.code.as_deref().filter(|_| failure.evidence.status.is_none());
            Verdict::Unreachable(on_the_way.and_then(ErrorCode::parse).unwrap_or(code))
        }
        (
            FailureClass::Configuration,
            code @ (ErrorCode::InvalidClient | ErrorCode::UnauthorizedClient | ErrorCode::InvalidScope),
        ) => Verdict::Refused(code),
        (FailureClass::Configuration, ErrorCode::RedirectUriMismatch) => Verdict::RedirectUri,
        (FailureClass::Configuration, _) => Verdict::Unclear,
    }
}

fn said(failure: &TokenFailure) -> String {
    let evidence = &failure.evidence;
    let words = evidence.message.as_deref().or(evidence.code.as_deref());
    words.map_or_else(String::new, |words| format!(" The provider said: {words}"))
}

impl Engine {
    /// Checks a connection's client credentials as far as the provider lets one without a user, and says what could
    /// not be checked. Needs `connections:write`. Notes or clears the connection's fault.
    ///
    /// # Errors
    /// `connection_not_found`.
    pub async fn test_connection(&self, caller: &Caller, id_or_name: &str) -> Result<ConnectionTest, Error> {
        caller.require(Permission::ConnectionsWrite)?;
        let connection = self.resolve_connection(&caller.environment, id_or_name).await?;
        let connector = self.connector_of(&connection)?.clone();
        let mut findings = Findings::default();
        match &connector.auth {
            Auth::OAuth(profile) => self.test_code_client(&connector, profile, &connection, &mut findings).await?,
            Auth::ClientCredentials(profile) => {
                self.test_own_client(&connector, profile, &connection, &mut findings).await?;
            }
            Auth::Static(..) | Auth::None => findings.open(
                "client_credentials",
                "This connector has no OAuth client. Every account's credential is tried out when it is entered.",
            ),
        }
        let ok = findings.checked.iter().all(|check| check.ok);
        Ok(ConnectionTest { ok, checked: findings.checked, not_checked: findings.not_checked })
    }

    /// A client of the code flow: exchanges a code that does not exist.
    async fn test_code_client(
        &self,
        connector: &Connector,
        profile: &OAuthProfile,
        connection: &Connection,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        findings.open(
            "scopes",
            "Providers tell which scopes the OAuth app may ask for only when a user consents. Make an authorization \
             link and try it.",
        );
        findings.open(
            "consent",
            "Whether users (or only administrators) may consent, and whether the app is published, shows when a user \
             tries.",
        );
        let Some(client) = self.usable_client(connection, findings).await? else { return Ok(()) };
        let redirect_uri = self.redirect_uri(connection);
        let failure = self.try_client(connector, profile, connection, &client, &redirect_uri).await;
        let mut verdict = verdict(&failure);
        if matches!(verdict, Verdict::Accepted) {
            let imposter = self.imposter(&client);
            let control = self.try_client(connector, profile, connection, &imposter, &redirect_uri).await;
            if !matches!(self::verdict(&control), Verdict::Refused(_)) {
                verdict = Verdict::Unclear;
            }
        }
        match verdict {
            Verdict::Accepted => self.clear_fault(&connection.id).await?,
            Verdict::Refused(code) => {
                self.mark_fault(&connection.id, code, json!(failure.evidence)).await?;
            }
            Verdict::RedirectUri | Verdict::Unclear | Verdict::Unreachable(_) => {}
        }
        findings.add(&verdict, &said(&failure), &redirect_uri);
        Ok(())
    }

    /// A client that is its own account: asks for a token, as every account of the connection would.
    async fn test_own_client(
        &self,
        connector: &Connector,
        profile: &OAuthProfile,
        connection: &Connection,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let Some(client) = self.usable_client(connection, findings).await? else { return Ok(()) };
        let redirect_uri = self.redirect_uri(connection);
        let nothing = BTreeMap::new();
        let config = ClientConfig {
            target: target(connector, connection, &nothing),
            profile,
            client_id: &client.id,
            client_secret: client.secret.as_ref(),
            redirect_uri: &redirect_uri,
        };
        let scopes = oauth::requested_scopes(profile, &connection.scopes);
        let deadline = oauth::LIMITS.deadline;
        match oauth::client_credentials(&self.0.egress, &config, &scopes, deadline, self.now()).await {
            Ok(_) => {
                findings.good("token_endpoint", "The token endpoint answers.");
                findings
                    .good("client_credentials", "The provider gave a token for the client id and secret.");
                findings.good("scopes", "The provider accepts the connection's scopes.");
                self.clear_fault(&connection.id).await?;
            }
            Err(failure) => {
                let detail = format!("{}{}", failure.code.entry().meaning, said(&failure));
                match failure.class {
                    FailureClass::Transient { .. } => findings.bad("token_endpoint", failure.code, detail),
                    FailureClass::Dead | FailureClass::Configuration => {
                        findings.bad("client_credentials", failure.code, detail);
                        self.mark_fault(&connection.id, failure.code, json!(failure.evidence)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The connection's OAuth client; `None`, and a finding, if it has none that could be tried.
    async fn usable_client(
        &self,
        connection: &Connection,
        findings: &mut Findings,
    ) -> Result<Option<OAuthClient>, Error> {
        match self.oauth_client(connection).await {
            Ok(client) => Ok(Some(client)),
            Err(error) if error.code() == ErrorCode::StorageUnavailable => Err(error),
            Err(error) => {
                findings.bad("client_credentials", error.code(), error.details().message.clone());
                Ok(None)
            }
        }
    }

    /// Exchanges a code that does not exist. A provider that gives tokens for it checks nothing at all.
    async fn try_client(
        &self,
        connector: &Connector,
        profile: &OAuthProfile,
        connection: &Connection,
        client: &OAuthClient,
        redirect_uri: &str,
    ) -> TokenFailure {
        let nothing = BTreeMap::new();
        let config = ClientConfig {
            target: target(connector, connection, &nothing),
            profile,
            client_id: &client.id,
            client_secret: client.secret.as_ref(),
            redirect_uri,
        };
        let code = self.made_up("valetkey-connection-test-");
        let pkce = profile.authorize.as_ref().is_none_or(|authorize| authorize.pkce == Pkce::S256);
        let verifier = pkce.then(|| oauth::pkce::verifier(&*self.0.entropy));
        let outcome =
            oauth::exchange_code(&self.0.egress, &config, &code, verifier.as_ref(), &nothing, self.now())
                .await;
        outcome.err().unwrap_or_else(|| TokenFailure {
            class: FailureClass::Configuration,
            code: ErrorCode::UpstreamResponseInvalid,
            evidence: Default::default(),
            death: None,
            outcome_unknown: false,
            note: None,
        })
    }

    /// The client with a secret (or, for a public client, an id) that cannot be right.
    fn imposter(&self, client: &OAuthClient) -> OAuthClient {
        match &client.secret {
            Some(_) => OAuthClient { id: client.id.clone(), secret: Some(self.made_up("not-the-secret-")) },
            None => OAuthClient { id: format!("{}-not-this-client", client.id), secret: None },
        }
    }

    fn made_up(&self, prefix: &str) -> SecretString {
        let random = u128::from_be_bytes(random_bytes::<16>(&*self.0.entropy));
        SecretString::from(format!("{prefix}{random:032x}"))
    }
}
