//! `POST /oauth/token`: the client credentials grant (RFC 6749 §4.4), and `GET /keys`: the keys that sign its tokens.

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{Error, ErrorCode, ExposeSecret, SecretString};

use crate::{
    client_address::ClientAddress,
    error::{ApiError, retry_after_ms, status_of},
    extract::read_body,
    rest::Errors,
    state::App,
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(token)).routes(routes!(keys))
}

/// The keys that sign access tokens
///
/// A JWK set (RFC 7517).
#[utoipa::path(
    get, path = "/keys", operation_id = "getKeys", tag = "api clients", security(()),
    responses((status = OK, description = "The public keys", body = serde_json::Value), Errors)
)]
pub(crate) async fn keys(State(app): State<App>) -> Result<Response, ApiError> {
    let mut response = Json(app.engine.jwks().await?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}

/// What `POST /oauth/token` reads.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form, which is read by hand to follow RFC 6749 to the letter")]
struct TokenRequest {
    /// `client_credentials`
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Here, or in an HTTP Basic header.
    client_id: Option<String>,
    /// Here, or in an HTTP Basic header.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// An access token.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
struct TokenBody {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`
    token_type: &'static str,
    /// For how many seconds it works.
    expires_in: u64,
    /// What it allows, by name, with spaces between.
    scope: String,
}

/// What is wrong with a token request.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
struct RefusalBody {
    /// `invalid_request`, `invalid_client`, `unsupported_grant_type` or another code.
    error: &'static str,
    /// What is wrong, in words.
    error_description: String,
    /// The page that explains it.
    error_uri: String,
    /// The code of the error catalogue, which is finer than OAuth's.
    #[schema(example = "invalid_client_credentials")]
    code: &'static str,
}

/// Issue an access token
///
/// The client credentials grant of OAuth 2.0 (RFC 6749 §4.4); errors have the shape of its §5.2.
#[utoipa::path(
    post, path = "/oauth/token", operation_id = "issueAccessToken", tag = "api clients", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = OK, description = "The token", body = TokenBody),
        (status = "default", description = "Something is wrong", body = RefusalBody),
    )
)]
pub(crate) async fn token(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match read(&parts.headers, body).await {
        Ok(credentials) => issue(&app, credentials).await,
        Err(refusal) => Err(refusal),
    };
    answer.unwrap_or_else(|Refusal { error, oauth }| {
        Refusal { error: app.engine.count_failure(address, error), oauth }.answer(&app)
    })
}

struct Credentials {
    id: String,
    secret: SecretString,
}

/// An error on its way into the shape of RFC 6749 §5.2.
struct Refusal {
    error: Error,
    /// OAuth's own code, where the catalogue's does not say which.
    oauth: Option<&'static str>,
}

impl Refusal {
    fn new(oauth: &'static str, description: impl Into<String>) -> Self {
        Self { error: Error::new(ErrorCode::InvalidRequest).message(description), oauth: Some(oauth) }
    }

    fn answer(self, app: &App) -> Response {
        let code = self.error.code();
        // RFC 6749 §5.2 knows no code for our own faults; they keep the catalogue's.
        let oauth = self.oauth.unwrap_or(match code {
            ErrorCode::InvalidClientCredentials => "invalid_client",
            ErrorCode::InvalidRequest | ErrorCode::InvalidArgument | ErrorCode::PayloadTooLarge => {
                "invalid_request"
            }
            other => other.as_str(),
        });
        let details = self.error.details();
        if status_of(code).is_server_error() {
            tracing::warn!(code = code.as_str(), reason = details.internal, "no access token issued");
        }
        let body = RefusalBody {
            error: oauth,
            error_description: details.message.clone(),
            error_uri: app.options.address_of(&code.docs_path()),
            code: code.as_str(),
        };
        let mut response = (status_of(code), Json(body)).into_response();
        let headers = response.headers_mut();
        if code == ErrorCode::InvalidClientCredentials {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        if let Some(millis) = retry_after_ms(&self.error) {
            // RFC 9110 §10.2.3
            headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
        }
        response.extensions_mut().insert(code);
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, oauth: None }
    }
}

async fn issue(app: &App, credentials: Credentials) -> Result<Response, Refusal> {
    let token = app.engine.issue_access_token(&credentials.id, &credentials.secret).await?;
    let body = TokenBody {
        access_token: token.token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: token.expires_in,
        scope: token.scopes.join(" "),
    };
    // RFC 6749 §5.1: no-store (a header of every answer), and no-cache for HTTP/1.0 caches.
    Ok(([(header::PRAGMA, "no-cache")], Json(body)).into_response())
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Credentials, Refusal> {
    let body = read_body(body).await?;
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(Refusal::new("invalid_request", "The body must be application/x-www-form-urlencoded."));
    }
    let form = Form::read(&body)?;
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(Refusal::new("unsupported_grant_type", "Only client_credentials is offered here."));
        }
        None => return Err(Refusal::new("invalid_request", "grant_type is required.")),
    }
    match (basic(headers)?, form.client_id, form.client_secret) {
        // RFC 6749 §2.3: not more than one method. Repeating the id in the body is common and harmless.
        (Some(credentials), id, None) if id.as_ref().is_none_or(|id| *id == credentials.id) => {
            Ok(credentials)
        }
        (Some(_), _, _) => Err(Refusal::new(
            "invalid_request",
            "Send the client credentials in the header or in the body, not in both.",
        )),
        (None, Some(id), Some(secret)) => Ok(Credentials { id, secret }),
        (None, _, _) => Err(Error::new(ErrorCode::InvalidClientCredentials)
            .message("client_id and client_secret are required.")
            .into()),
    }
}

/// The parameters that count; others are ignored, as RFC 6749 §3.2 wants it.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let repeated = match &*name {
                "grant_type" => form.grant_type.replace(value.into_owned()).is_some(),
                "client_id" => form.client_id.replace(value.into_owned()).is_some(),
                "client_secret" => form.client_secret.replace(value.into_owned().into()).is_some(),
                _ => false,
            };
            if repeated {
                return Err(Refusal::new("invalid_request", format!("{name} is given twice.")));
            }
        }
        Ok(form)
    }
}

/// RFC 6749 §2.3.1: id and secret are form-encoded, then joined and base64-encoded as in RFC 7617.
fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = || Refusal::new("invalid_request", "The Authorization header is not a Basic one.");
    let (scheme, encoded) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        // A bearer of an earlier session may still be attached; it says nothing here.
        return Ok(None);
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| malformed())?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let plain = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| malformed())
    };
    Ok(Some(Credentials { id: plain(id)?, secret: plain(secret)?.into() }))
}
