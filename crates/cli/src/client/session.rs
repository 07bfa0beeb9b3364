//! Requests to the server.

use std::time::Duration;

use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;
use valetkey_domain::{ExposeSecret, SecretString};

use super::{
    Common, error,
    target::{Key, Target},
};
use crate::failure::{Exit, Failure};

/// Longer than any deadline the server itself can be set to.
const TIMEOUT: Duration = Duration::from_secs(330);

/// A server, a key, and how answers are to be printed.
pub(super) struct Session {
    http: Client,
    url: Url,
    key: Key,
    bearer: OnceCell<SecretString>,
    /// What named the server.
    pub(super) by: &'static str,
    /// Whether answers are printed as JSON.
    pub(super) json: bool,
}

impl Session {
    pub(super) fn open(common: &Common) -> Result<Self, Failure> {
        let target = Target::find(common, |name| std::env::var(name).ok())?;
        let mut http = Client::builder()
            .user_agent(concat!("valetkey-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT)
            // The key goes to the server that was named and nowhere else.
            .redirect(redirect::Policy::none());
        if let Some(path) = &target.ca_file {
            let failed = |error: &dyn std::fmt::Display| {
                Failure::usage(format!("VALETKEY_CA_FILE {}: {error}", path.display()))
            };
            let pem = std::fs::read(path).map_err(|error| failed(&error))?;
            http = http.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(|error| failed(&error))?);
        }
        let http = http.build().map_err(|error| Failure::usage(format!("HTTP client: {error}")))?;
        let Target { url, key, by, .. } = target;
        Ok(Self { http, url, key, bearer: OnceCell::new(), by, json: common.json })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What it says to everybody about whether it is ready.
    pub(super) async fn ready(&self) -> Result<Value, Failure> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("readyz");
        }
        self.answer(self.http.get(url)).await
    }

    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value, Failure> {
        self.send(self.http.get(self.asked(path, query)?)).await
    }

    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(self.http.post(self.address(path)?).json(body)).await
    }

    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(self.http.patch(self.address(path)?).json(body)).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.delete_with(path, &[]).await
    }

    pub(super) async fn delete_with(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value, Failure> {
        self.send(self.http.request(Method::DELETE, self.asked(path, query)?)).await
    }

    /// An address below `/v1/connect` with the parameters that have a value.
    fn asked(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Result<Url, Failure> {
        let query: Vec<_> =
            query.iter().filter_map(|(name, value)| value.as_ref().map(|v| (*name, v))).collect();
        let mut url = self.address(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// An address below `/v1/connect`. Each part is escaped, so that a name with a slash stays one part.
    fn address(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(["v1", "connect"]).extend(path);
            }
            Err(()) => {
                return Err(Failure::usage("VALETKEY_URL must be a URL such as https://connect.example.com"));
            }
        }
        Ok(url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let bearer = self.bearer.get_or_try_init(|| self.sign_in()).await?;
        self.answer(request.bearer_auth(bearer.expose_secret())).await
    }

    /// The API token as it is, or an access token for the API client (RFC 6749 §4.4).
    async fn sign_in(&self) -> Result<SecretString, Failure> {
        let (id, secret) = match &self.key {
            Key::Token(token) => return Ok(token.clone()),
            Key::Client { id, secret } => (id, secret),
        };
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["oauth", "token"]);
        }
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str()),
            ("client_secret", secret.expose_secret()),
        ];
        let answer = self.answer(self.http.post(url).form(&form)).await?;
        let token = answer["access_token"].as_str().map(|token| SecretString::from(token.to_owned()));
        token.ok_or_else(|| Failure::new(Exit::Refused, "The server's token answer holds no access_token."))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let value = if body.is_empty() { Some(json!({})) } else { serde_json::from_slice(&body).ok() };
        match value {
            Some(value) if status.is_success() => Ok(value),
            Some(value) => Err(error::refused(status, &value)),
            None => Err(unreadable(status)),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // The innermost cause says what happened; the layers above only repeat that something did.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let mut text = format!("The server at {} cannot be reached: {cause}", self.url);
        let told = format!("{error:?}").to_ascii_lowercase();
        if told.contains("certificate") || told.contains("unknownissuer") {
            text += "\nIf it has a private certificate, name the authority in VALETKEY_CA_FILE.";
        } else if error.is_connect() {
            text += "\nIs it running, and is VALETKEY_URL right?";
        }
        Failure::new(Exit::Unreachable, text)
    }
}

fn unreadable(status: StatusCode) -> Failure {
    Failure::new(
        Exit::Refused,
        format!(
            "The server answered {status}, but not with JSON. Is VALETKEY_URL the address of a Valetkey server?"
        ),
    )
}
