//! What the server needs to know beside the engine.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use url::Url;
use valetkey_domain::{Clock, Entropy};
use valetkey_engine::Background;

/// What commands the provider for trials that runs beside a development server. The verbs and what they take are those of
/// its control API.
#[async_trait]
pub trait SimulatorDesk: Send + Sync + 'static {
    /// Asks (`None`) or tells (a body) the simulator, by the name of a verb: `faults`, `clock`, `revoke-grants`.
    ///
    /// # Errors
    /// What the simulator says against it, in words.
    async fn ask(&self, verb: &str, body: Option<Value>) -> Result<Value, String>;
}

/// Settings of the HTTP surfaces.
#[derive(Clone)]
pub struct ServerOptions {
    /// Where callers and browsers reach this server. `https` makes cookies `Secure` and `__Host-`.
    pub public_url: Url,
    /// Who asks, as end users read it on the hosted pages: the name of the company or app.
    pub app_name: Option<String>,
    /// Bytes of a request body.
    pub max_body_bytes: usize,
    /// Bytes of the body of a proxied call: uploads go through here.
    pub max_proxy_body_bytes: usize,
    /// Time for a request body to arrive.
    pub body_timeout: Duration,
    /// Time for the body of a proxied call to arrive.
    pub proxy_body_timeout: Duration,
    /// Requests being worked on at once; more are told to come back.
    pub max_in_flight: usize,
    /// Whether something in front ends TLS and says in `X-Forwarded-For` where requests come from.
    pub behind_proxy: bool,
    /// The background of this process, if it does that work.
    pub background: Option<Arc<Background>>,
    /// The provider for trials that runs beside this server, if there is one.
    pub simulator: Option<Arc<dyn SimulatorDesk>>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where request ids and browser cookies come from.
    pub entropy: Arc<dyn Entropy>,
}

impl ServerOptions {
    /// The defaults for a server that is reached at `public_url`.
    #[must_use]
    pub fn new(public_url: Url, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            public_url,
            app_name: None,
            max_body_bytes: 4 * 1024 * 1024,
            max_proxy_body_bytes: 64 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            proxy_body_timeout: Duration::from_secs(300),
            max_in_flight: 4096,
            behind_proxy: false,
            background: None,
            simulator: None,
            clock,
            entropy,
        }
    }

    /// Whether browsers reach this server over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// `path` (which begins with a slash) as browsers on this server write it: below the path of the public URL.
    #[must_use]
    pub fn path_of(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.path().trim_end_matches('/'))
    }

    /// The address of `path` (which begins with a slash) on this server.
    #[must_use]
    pub fn address_of(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("public_url", &self.public_url.as_str())
            .field("app_name", &self.app_name)
            .field("max_body_bytes", &self.max_body_bytes)
            .finish_non_exhaustive()
    }
}
