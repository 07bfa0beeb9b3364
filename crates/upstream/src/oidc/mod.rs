//! OpenID Connect, for the people at our own dashboard: asking an identity provider who somebody is.
//!
//! The protocol is that of the crate `openidconnect`; its requests leave through [`Egress`], and time comes from the
//! caller. Why it is so: `docs/decisions/0018-single-sign-on.md`.

mod claims;
mod kinds;
mod refusal;

use std::{fmt, time::Duration};

use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, EndSessionUrl, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, PostLogoutRedirectUrl, RedirectUrl, Scope, SubjectIdentifier, TokenResponse as _,
    core::{CoreClientAuthMethod, CoreResponseType},
};
use tokio::sync::Mutex;
use url::Url;
use valetkey_domain::{Error, ErrorCode, ExposeSecret as _, SecretString, Time};

use self::{
    claims::vouched,
    kinds::{ALGORITHMS, Claims, Client, IdToken, Metadata, UserInfo},
};
use crate::http::{CallLimits, Egress, Fault, OutboundRequest};

pub use claims::Vouched;
pub use refusal::of_callback;

/// What one question to the provider may take.
const LIMITS: CallLimits = CallLimits { deadline: Duration::from_secs(10), max_response_bytes: 1 << 20 };
/// How long the provider's description of itself and its keys are used before they are read again.
const KNOWN_FOR: time::Duration = time::Duration::minutes(10);
/// How far the provider's clock may be from ours.
const LEEWAY: time::Duration = time::Duration::seconds(60);

/// This server as a client of an identity provider.
#[derive(Clone)]
pub struct ClientSettings {
    /// The issuer, exactly as the provider writes it: with or without a slash at the end.
    pub issuer: String,
    /// The client id.
    pub client_id: String,
    /// The client secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Where the provider sends the browser back to.
    pub redirect_uri: Url,
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("redirect_uri", &self.redirect_uri.as_str())
            .finish_non_exhaustive()
    }
}

/// The secrets of one sign-in. All of them are bound to the browser by whoever makes them.
#[derive(Clone)]
pub struct Attempt {
    /// Comes back in the callback.
    pub state: SecretString,
    /// Comes back in the ID token.
    pub nonce: SecretString,
    /// Of PKCE (RFC 7636 §4.1): 43 to 128 characters.
    pub verifier: SecretString,
}

/// An identity provider.
pub struct Provider {
    settings: ClientSettings,
    egress: Egress,
    known: Mutex<Option<(Time, Metadata)>>,
}

impl Provider {
    /// The provider of `settings`, asked through `egress`. Nothing is sent yet.
    #[must_use]
    pub fn new(settings: ClientSettings, egress: Egress) -> Self {
        Self { settings, egress, known: Mutex::default() }
    }

    /// The issuer as it is in the settings.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// `sso_unavailable`, `sso_provider_invalid`.
    pub async fn authorization_url(&self, attempt: &Attempt, now: Time) -> Result<Url, Error> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata)?;
        let verifier = PkceCodeVerifier::new(attempt.verifier.expose_secret().to_owned());
        let state = CsrfToken::new(attempt.state.expose_secret().to_owned());
        let nonce = Nonce::new(attempt.nonce.expose_secret().to_owned());
        let request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            move || state,
            move || nonce,
        );
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid");
        let request = request.add_scopes(scopes.map(|scope| Scope::new(scope.clone())));
        let (url, ..) =
            request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier)).url();
        Ok(url)
    }

    /// Whether an answer that names `issuer` (or none) is this provider's (RFC 9207 §2.4).
    ///
    /// # Errors
    /// `sso_token_invalid` if it is another's; `sso_unavailable`, `sso_provider_invalid`.
    pub async fn check_issuer(&self, issuer: Option<&str>, now: Time) -> Result<(), Error> {
        let promised = match issuer {
            Some(issuer) if issuer == self.settings.issuer => return Ok(()),
            Some(_) => true,
            None => self.metadata(now).await?.additional_metadata().names_itself(),
        };
        if promised {
            return Err(Error::new(ErrorCode::SsoTokenInvalid)
                .cause("The answer does not name the identity provider that was asked."));
        }
        Ok(())
    }

    /// Exchanges a code for who the person is.
    ///
    /// # Errors
    /// `sso_unavailable`, `sso_provider_invalid`, `sso_client_refused`, `sso_code_refused`, `sso_token_invalid`,
    /// `sso_clock_skew`.
    pub async fn exchange(
        &self,
        code: &SecretString,
        attempt: &Attempt,
        now: Time,
    ) -> Result<Vouched, Error> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .map_err(|error| Error::new(ErrorCode::SsoProviderInvalid).because(error))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.expose_secret().to_owned()));
        let http = self.http();
        let response = request.request_async(&http).await.map_err(refusal::of_token_endpoint)?;
        let token = response.id_token().ok_or_else(|| {
            Error::new(ErrorCode::SsoProviderInvalid)
                .cause("The answer of the token endpoint holds no ID token: is the scope openid allowed?")
        })?;
        let claims = match self.checked(token, &client, attempt, now) {
            // The provider may have new keys since they were read.
            Err(error) if refusal::wants_new_keys(&error) => {
                let metadata = self.read_metadata(now).await?;
                let client = self.client(&metadata)?;
                self.checked(token, &client, attempt, now).map_err(|error| refusal::of_token(&error))?
            }
            outcome => outcome.map_err(|error| refusal::of_token(&error))?,
        };
        check_access_token(token, claims, &client, response.access_token())?;
        let further = match claims.email() {
            Some(_) => None,
            None => self.user_info(&client, response.access_token(), claims.subject()).await?,
        };
        Ok(vouched(&self.settings.issuer, claims, further.as_ref()))
    }

    /// Where the browser goes to end the session at the provider too (RP-Initiated Logout 1.0 §2), if it can be ended
    /// there. No token is kept for it: the provider knows the browser, and asks.
    ///
    /// # Errors
    /// `sso_unavailable`, `sso_provider_invalid`.
    pub async fn logout_url(&self, back: &Url, now: Time) -> Result<Option<Url>, Error> {
        let metadata = self.metadata(now).await?;
        let Some(end) = &metadata.additional_metadata().end_session_endpoint else { return Ok(None) };
        let end = EndSessionUrl::new(end.to_string()).map_err(Error::internal)?;
        let request = LogoutRequest::from(end)
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(back.clone()));
        Ok(Some(request.http_get_url()))
    }

    /// Reads the provider's description and keys, for a diagnosis.
    ///
    /// # Errors
    /// `sso_unavailable`, `sso_provider_invalid`.
    pub async fn check(&self, now: Time) -> Result<(), Error> {
        self.read_metadata(now).await.map(drop)
    }

    async fn metadata(&self, now: Time) -> Result<Metadata, Error> {
        if let Some((at, metadata)) = &*self.known.lock().await
            && (now - *at).abs() < KNOWN_FOR
        {
            return Ok(metadata.clone());
        }
        self.read_metadata(now).await
    }

    async fn read_metadata(&self, now: Time) -> Result<Metadata, Error> {
        let invalid = |reason: &dyn fmt::Display| Error::new(ErrorCode::SsoProviderInvalid).because(reason);
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|error| invalid(&error))?;
        let http = self.http();
        let metadata = Metadata::discover_async(issuer, &http).await.map_err(refusal::of_discovery)?;
        if metadata.token_endpoint().is_none() {
            return Err(invalid(&"no token endpoint"));
        }
        *self.known.lock().await = Some((now, metadata.clone()));
        Ok(metadata)
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, Error> {
        let secret = self.settings.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        let redirect = RedirectUrl::from_url(self.settings.redirect_uri.clone());
        // Without a word about it, it is `client_secret_basic` (OpenID Connect Discovery §3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth = if basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        let client = Client::from_provider_metadata(metadata.clone(), id, secret);
        Ok(client.set_redirect_uri(redirect).set_auth_type(auth))
    }

    fn checked<'t>(
        &self,
        token: &'t IdToken,
        client: &Client,
        attempt: &Attempt,
        now: Time,
    ) -> Result<&'t Claims, openidconnect::ClaimsVerificationError> {
        let at = |time: Time| chrono::DateTime::from_timestamp(time.unix_timestamp(), 0).unwrap_or_default();
        let (judged_at, latest) = (at(now - LEEWAY), at(now + LEEWAY));
        // Only keys that the provider publishes: a secret that is shared, or no signature at all, proves nothing that the
        // token endpoint's own TLS does not.
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || judged_at)
            .set_issue_time_verifier_fn(move |issued| match issued <= latest {
                true => Ok(()),
                false => Err(format!("issued at {issued}, which is not yet")),
            });
        token.claims(&verifier, &Nonce::new(attempt.nonce.expose_secret().to_owned()))
    }

    /// What the provider says to the holder of the access token: many leave the address out of the ID token.
    async fn user_info(
        &self,
        client: &Client,
        token: &AccessToken,
        subject: &SubjectIdentifier,
    ) -> Result<Option<UserInfo>, Error> {
        let Ok(request) = client.user_info(token.clone(), Some(subject.clone())) else { return Ok(None) };
        let http = self.http();
        request.request_async(&http).await.map(Some).map_err(refusal::of_user_info)
    }

    fn http(
        &self,
    ) -> impl Fn(openidconnect::HttpRequest) -> futures::future::BoxFuture<'static, Answer> + Send + Sync + 'static
    {
        let egress = self.egress.clone();
        move |request| Box::pin(send(egress.clone(), request))
    }
}

type Answer = Result<openidconnect::HttpResponse, Fault>;

async fn send(egress: Egress, request: openidconnect::HttpRequest) -> Answer {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string();
    let url =
        url.parse().map_err(|_| Fault::unsent(crate::http::FaultKind::Request, "The URL cannot be sent"))?;
    let request = OutboundRequest { method: parts.method, url, headers: parts.headers, body: body.into() };
    let answer = egress.send(request, LIMITS).await?;
    let mut response = openidconnect::HttpResponse::new(answer.body.to_vec());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

/// A token that came with the ID token is the one that it names, if it names one (OpenID Connect Core §3.1.3.8).
fn check_access_token(
    token: &IdToken,
    claims: &Claims,
    client: &Client,
    access: &AccessToken,
) -> Result<(), Error> {
    let Some(expected) = claims.access_token_hash() else { return Ok(()) };
    let verifier = client.id_token_verifier();
    let algorithm = token.signing_alg().map_err(Error::internal)?;
    // The keys may have been read anew since: a key that is not found here leaves the hash unchecked, and the token
    // itself was checked with the right one.
    let Ok(key) = token.signing_key(&verifier) else { return Ok(()) };
    let actual = AccessTokenHash::from_token(access, algorithm, key).map_err(Error::internal)?;
    match actual == *expected {
        true => Ok(()),
        false => Err(Error::new(ErrorCode::SsoTokenInvalid).because("at_hash")),
    }
}
