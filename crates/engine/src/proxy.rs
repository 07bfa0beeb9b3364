//! Proxied calls: any request to a connector's API, with the account's credential.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body::Body;
use valetkey_domain::{Caller, Error, ExecutionId};
use valetkey_upstream::http::{BodyError, ResponseBody};

use crate::{AccountRef, Engine};

/// A request to hand on.
#[derive(Debug)]
pub struct ProxyCall<B> {
    /// Whose account: by id, or by connection name and identifier.
    pub account: AccountRef,
    /// The method.
    pub method: Method,
    /// The path below the connector's API base URL, as it came: percent-encoded, with a leading `/`.
    pub path: String,
    /// The query as it came, without the `?`.
    pub query: Option<String>,
    /// The headers as they came; what must not leave is taken out.
    pub headers: HeaderMap,
    /// The body as it comes.
    pub body: B,
    /// The caller's id of an agent run, handed through into the execution.
    pub agent_run_id: Option<String>,
    /// Our request id.
    pub request_id: String,
    /// How long the caller will wait for the head of the answer; never more than the server's own deadline.
    pub deadline: Option<Duration>,
}

/// The provider's answer, handed on as it comes.
pub struct ProxyReply {
    /// The record of the call, durable by now.
    pub execution_id: ExecutionId,
    /// The answer, without the headers that must not be handed on.
    pub response: Response<ResponseBody>,
}

impl Engine {
    /// Hands a request on to the connector's API. Needs `agent_connectors:execute`. The execution is durable before
    /// the head of the answer is given. The provider's own answer is passed on as it is, errors included, but for a
    /// 401: that would read as if *our* caller's token were bad, so it becomes `upstream_unauthorized`.
    ///
    /// # Errors
    /// `account_not_found`, `connection_not_found`, `ambiguous_connection`, `connection_disabled`, the error of the
    /// account's status, `proxy_path_invalid`, `upstream_unauthorized` and the errors of calls without an answer.
    pub async fn proxy_call<B>(&self, _caller: &Caller, _call: ProxyCall<B>) -> Result<ProxyReply, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Err(Error::internal("not written yet"))
    }
}
