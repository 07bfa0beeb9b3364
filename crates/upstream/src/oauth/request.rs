//! Putting requests to token and revocation endpoints together.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use valetkey_domain::{Error, ErrorCode, ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::ClientConfig;
use crate::{
    connector::{BodyFormat, ClientAuth, TextTemplate, TokenMethod, TokenRequest},
    http::OutboundRequest,
};

/// Names and values, in order.
pub(super) type Params = Vec<(String, String)>;

/// What templates of a request may ask for, beside the client and the connection.
#[derive(Default, Clone, Copy)]
pub(super) struct Values<'a> {
    pub code: Option<&'a SecretString>,
    pub refresh_token: Option<&'a SecretString>,
    pub access_token: Option<&'a SecretString>,
    pub callback: Option<&'a BTreeMap<String, String>>,
    pub token: Option<&'a SecretString>,
    pub token_type_hint: Option<&'a str>,
}

impl Values<'_> {
    pub(super) fn lookup(&self, c: &ClientConfig<'_>, name: &str) -> Option<String> {
        let expose = |secret: Option<&SecretString>| secret.map(|s| s.expose_secret().to_owned());
        match name {
            "client_id" => Some(c.client_id.to_owned()),
            "client_secret" => expose(c.client_secret),
            "redirect_uri" => Some(c.redirect_uri.to_owned()),
            "code" => expose(self.code),
            "refresh_token" => expose(self.refresh_token),
            "access_token" => expose(self.access_token),
            "token" => expose(self.token),
            "token_type_hint" => self.token_type_hint.map(str::to_owned),
            _ => match name.strip_prefix("callback.") {
                Some(param) => self.callback.and_then(|callback| callback.get(param).cloned()),
                None => c.target.value(name),
            },
        }
    }
}

/// A request to a token endpoint, as the connector wants it.
pub(super) fn token_request(
    c: &ClientConfig<'_>,
    shape: &TokenRequest,
    url: Url,
    mut params: Params,
    values: &Values<'_>,
) -> Result<OutboundRequest, Error> {
    let mut headers = HeaderMap::new();
    authenticate(c, shape.auth, &mut params, &mut headers)?;
    params.retain(|(name, _)| !shape.drop.contains(name));
    for (name, _) in &mut params {
        if let Some(renamed) = shape.rename.get(name) {
            name.clone_from(renamed);
        }
    }
    override_params(c, &shape.params, &mut params, values);
    for (name, template) in &shape.headers {
        if let Some(value) = template.render(|name| values.lookup(c, name)) {
            add_header(&mut headers, name, &value)?;
        }
    }
    let (in_query, in_body): (Params, Params) =
        params.into_iter().partition(|(name, _)| shape.in_query.contains(name));
    let (method, format) = match shape.method {
        TokenMethod::Get => (Method::GET, BodyFormat::Query),
        TokenMethod::Post => (Method::POST, shape.body),
    };
    let mut request = OutboundRequest { method, url, headers, body: Bytes::new() };
    append_query(&mut request.url, &in_query);
    write_params(&mut request, format, in_body)?;
    Ok(request)
}

/// Sets the parameters that a connector states. One whose value is not known here is left out: a connector may state
/// the parameters of code exchange and refresh together.
pub(super) fn override_params(
    c: &ClientConfig<'_>,
    templates: &BTreeMap<String, TextTemplate>,
    params: &mut Params,
    values: &Values<'_>,
) {
    for (name, template) in templates {
        if let Some(value) = template.render(|name| values.lookup(c, name)) {
            params.retain(|(known, _)| known != name);
            params.push((name.clone(), value));
        }
    }
}

/// Writes the parameters into the request in the given format.
pub(super) fn write_params(
    request: &mut OutboundRequest,
    format: BodyFormat,
    params: Params,
) -> Result<(), Error> {
    request.headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    let (content_type, body) = match format {
        BodyFormat::Query => {
            append_query(&mut request.url, &params);
            return Ok(());
        }
        BodyFormat::Form => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
            ("application/x-www-form-urlencoded", form.into_bytes())
        }
        BodyFormat::Json => {
            let object: Map<String, Value> =
                params.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            ("application/json", Value::Object(object).to_string().into_bytes())
        }
        BodyFormat::Xml => {
            return Err(Error::internal("XML token requests are refused when connectors load"));
        }
    };
    request.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
    request.body = body.into();
    Ok(())
}

fn append_query(url: &mut Url, params: &Params) {
    if !params.is_empty() {
        url.query_pairs_mut().extend_pairs(params);
    }
}

/// Proves who the client is.
pub(super) fn authenticate(
    c: &ClientConfig<'_>,
    auth: ClientAuth,
    params: &mut Params,
    headers: &mut HeaderMap,
) -> Result<(), Error> {
    let form = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match (auth, c.client_secret.map(|secret| secret.expose_secret())) {
        (ClientAuth::Nothing, _) => {}
        // A client without a secret is a public one, however the provider takes secrets (RFC 6749 §3.2.1).
        (ClientAuth::None, _) | (_, None) => params.push(("client_id".into(), c.client_id.into())),
        (ClientAuth::Post, Some(secret)) => {
            params.push(("client_id".into(), c.client_id.into()));
            params.push(("client_secret".into(), secret.into()));
        }
        // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
        (ClientAuth::Basic, Some(secret)) => basic(headers, &form(c.client_id), &form(secret))?,
        (ClientAuth::BasicRaw, Some(secret)) => basic(headers, c.client_id, secret)?,
        (ClientAuth::BasicSecretAsUsername, Some(secret)) => basic(headers, secret, "")?,
        (ClientAuth::PrivateKeyJwt | ClientAuth::TlsClientAuth | ClientAuth::SamlBearer, Some(_)) => {
            return Err(Error::internal("this client authentication is refused when connectors load"));
        }
    }
    Ok(())
}

/// `Authorization: Basic` (RFC 7617).
pub(super) fn basic(headers: &mut HeaderMap, user: &str, password: &str) -> Result<(), Error> {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    add_header(headers, "authorization", &value)
}

/// Adds a header whose value may be a secret.
pub(super) fn add_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Error> {
    let unfit = || {
        Error::new(ErrorCode::ConnectionNotConfigured)
            .message(format!("The header \"{name}\" of the token request cannot hold its value."))
    };
    let header = HeaderName::try_from(name).map_err(|_| unfit())?;
    let mut value = HeaderValue::try_from(value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    headers.insert(header, value);
    Ok(())
}
