//! Proxied calls: any request to a connector's API, with the account's credential.
//!
//! This is the hot path: three reads by key, one opened seal, one durable write shared with whoever calls at the same
//! time. See `docs/decisions/0004-recording-executions.md` for what is written when.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Limited};
use valetkey_domain::{
    Account, Caller, Connection, Credential, Error, ErrorCode, ExecutionId, SecretString,
    error::ProviderEvidence,
    execution::{PhaseKind, Source},
};
use valetkey_upstream::{
    connector::Connector,
    http::{BodyError, OutboundRequest, ResponseBody, StreamLimits},
    proxy, tool,
};

use crate::{
    AccountRef, Engine,
    context::target,
    execute::{
        call::{Deadline, Renewal, not_repeated},
        refusal,
    },
    executions::{CallOrigin, Run},
    refresh::Ready,
    status_page,
};

/// How much of a refusal is read for the evidence, in bytes.
const EVIDENCE_READ: usize = 16 << 10;
/// How much of it is kept, in characters.
const EVIDENCE_KEPT: usize = 300;
/// How long reading it may take.
const EVIDENCE_WAIT: Duration = Duration::from_secs(2);

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

/// A proxied call whose account is known.
struct Prepared<B> {
    caller: Caller,
    account: Account,
    connection: Connection,
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    body: B,
    deadline: Deadline,
}

impl Engine {
    /// Hands a request on to the connector's API. Needs `agent_connectors:execute`. The execution is durable before
    /// the head of the answer is given. The provider's own answer is passed on as it is, errors included, but for a
    /// 401: that would read as if *our* caller's token were bad, so it becomes `upstream_unauthorized`.
    ///
    /// # Errors
    /// `account_not_found`, `connection_not_found`, `ambiguous_connection`, `connection_disabled`, the error of the
    /// account's status, `proxy_path_invalid`, `upstream_unauthorized` and the errors of calls without an answer.
    pub async fn proxy_call<B>(&self, caller: &Caller, call: ProxyCall<B>) -> Result<ProxyReply, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        self.require_calls(caller, None).await?;
        self.require_user(caller, &call.account).await?;
        let deadline = self.deadline(call.deadline);
        let (account, connection) = self.resolve_account(&caller.environment, &call.account, None).await?;
        self.require_proxied_within(caller, &connection, &call.method).await?;
        let origin = CallOrigin {
            agent_run_id: call.agent_run_id,
            source: Source::Proxy,
            request_id: call.request_id,
        };
        let run = self.begin_run(caller, &account, &connection, None, origin);
        let prepared = Prepared {
            caller: caller.clone(),
            account,
            connection,
            method: call.method,
            path: call.path,
            query: call.query,
            headers: call.headers,
            body: call.body,
            deadline,
        };
        if prepared.method.is_safe() {
            self.hand_on(prepared, run).await
        } else {
            // A caller that hangs up must not leave the outcome of a call that has an effect unrecorded.
            let engine = self.clone();
            let task = self.0.tasks.spawn(async move { engine.hand_on(prepared, run).await });
            task.await.map_err(|failure| Error::internal(format!("a proxied call: {failure}")))?
        }
    }

    /// Calls, records, answers.
    async fn hand_on<B>(&self, prepared: Prepared<B>, mut run: Run) -> Result<ProxyReply, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let (caller, account) = (prepared.caller.clone(), prepared.account.clone());
        let connector = self.connector_of(&prepared.connection).ok().cloned();
        let connection = prepared.connection.clone();
        let changes_something = !prepared.method.is_safe();
        let exchanged = self.exchange(prepared, &mut run).await;
        if changes_something && run.has_left() {
            self.0.calls.reads.forget(&account.id);
        }
        let failure = match exchanged {
            Ok(response) => {
                let noted = failure_of(response.status());
                match self.finish_run(&mut run, noted.as_ref(), None).await {
                    Ok(()) => return Ok(ProxyReply { execution_id: run.id().clone(), response }),
                    Err(unrecorded) => unrecorded,
                }
            }
            Err(error) => {
                if let Err(unrecorded) = self.finish_run(&mut run, Some(&error), None).await {
                    tracing::error!(%unrecorded, execution = %run.id(), "a failed call could not be recorded");
                }
                error
            }
        };
        let failure = match &connector {
            Some(connector) => status_page::linked(connector, failure),
            None => failure,
        };
        let failure = self.with_link(&caller, &account, failure).await;
        let short = self.short_diagnosis(&caller, &account, &connection, None, &failure).await;
        Err(failure.account(&account.id).execution(run.id()).diagnosis(short))
    }

    async fn exchange<B>(&self, prepared: Prepared<B>, run: &mut Run) -> Result<Response<ResponseBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let Prepared { account, connection, method, path, query, headers, body, deadline, .. } = prepared;
        self.require_enabled(&connection)?;
        if let Some(error) = refusal::refusal(&account, &connection) {
            return Err(error);
        }
        let connector = self.connector_of(&connection)?;
        let deadline = self.bounded(deadline, connector, &connection);
        run.enter(PhaseKind::Credential);
        let ready = self.ready(&account, &connection, deadline).await?;
        let leg = Leg {
            connector,
            connection: &connection,
            method: &method,
            path: &path,
            query: query.as_deref(),
            headers: &headers,
        };
        let may_repeat = method.is_safe() && body.is_end_stream();
        let request = leg.request(&ready, body)?;
        if !method.is_safe() {
            run.enter(PhaseKind::Record);
            self.announce_run(run).await?;
        }
        run.enter(PhaseKind::Queue);
        let _at_once = self.admit_proxied(connector, &ready.account, &connection, deadline).await?;
        let response = self.send_leg(request, &ready, deadline, run).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            self.learn_from_reply(connector, &ready.account, &connection, &response);
            return Ok(response);
        }
        let refused = refusal_of(response).await;
        run.enter(PhaseKind::Credential);
        match deadline.hold(self.renew_refused(&ready, &connection, &refused)).await? {
            Renewal::Futile(error) => Err(error),
            Renewal::Renewed(_) if !may_repeat => Err(not_repeated(refused)),
            Renewal::Renewed(renewed) => {
                let request = leg.request(&renewed, Empty::<Bytes>::new())?;
                let response = self.send_leg(request, &renewed, deadline, run).await?;
                if response.status() != StatusCode::UNAUTHORIZED {
                    return Ok(response);
                }
                let refused = refusal_of(response).await;
                Err(self.refused_again(&renewed, &connection, refused).await)
            }
        }
    }

    /// Learns what an answer that is handed on tells of the provider's limits.
    fn learn_from_reply<B>(
        &self,
        connector: &Connector,
        account: &Account,
        connection: &Connection,
        response: &Response<B>,
    ) {
        let (rules, errors) = (&connector.api.limits, &connector.api.errors);
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let mut error = Error::new(ErrorCode::UpstreamRateLimited);
            if let Some(wait) = errors.wait_told(response.headers()) {
                error = error.retry_after_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            }
            self.learn_refused(rules, account, connection, error);
        } else if let Some(wait) = errors.exhausted(response.headers()) {
            self.learn_exhausted(rules, account, connection, wait);
        }
    }

    /// Sends a request and cleans what comes back of the credential.
    async fn send_leg<B>(
        &self,
        request: Request<B>,
        ready: &Ready,
        deadline: Deadline,
        run: &mut Run,
    ) -> Result<Response<ResponseBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let head_deadline = deadline.limits(self.call_limits())?.deadline;
        let limits = StreamLimits { head_deadline, ..StreamLimits::default() };
        run.enter(PhaseKind::Provider);
        run.leaves_for(request.method(), request.uri().path());
        let response = self.0.egress.stream(request, limits).await;
        run.enter(PhaseKind::Answer);
        let response = response.map_err(|fault| deadline.explain(fault.into()))?;
        run.answered(response.status());
        if response.status().as_u16() < 400 {
            run.proved(ready.generation);
        }
        Ok(proxy::clean_response(response, &secrets_of(&ready.credential)))
    }
}

/// What a proxied call sends, but for credential and body.
struct Leg<'a> {
    connector: &'a Connector,
    connection: &'a Connection,
    method: &'a Method,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
}

impl Leg<'_> {
    /// The request with the credential of `ready`. It goes to the connector's API and nowhere else (S46).
    fn request<B>(&self, ready: &Ready, body: B) -> Result<Request<B>, Error> {
        let target = target(self.connector, self.connection, &ready.account.metadata);
        let url = proxy::url(&target.api_base()?, self.path, self.query)?;
        let mut headers = proxy::request_headers(self.headers);
        for (name, value) in &tool::api_headers(&target)? {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        let mut outbound = OutboundRequest { method: self.method.clone(), url, headers, body: Bytes::new() };
        tool::attach_credential(&target, None, &ready.credential, &mut outbound)?;
        let mut request = Request::new(body);
        *request.method_mut() = outbound.method;
        *request.uri_mut() = outbound.url.as_str().parse().map_err(|_| {
            Error::new(ErrorCode::ProxyPathInvalid).message("The path of the proxied call cannot be sent.")
        })?;
        *request.headers_mut() = outbound.headers;
        Ok(request)
    }
}

fn secrets_of(credential: &Credential) -> Vec<&SecretString> {
    match credential {
        Credential::OAuth(tokens) => std::iter::once(&tokens.access_token)
            .chain(&tokens.refresh_token)
            .chain(tokens.extra.values())
            .collect(),
        Credential::Static(fields) => fields.values().collect(),
        Credential::None => Vec::new(),
    }
}

/// How the record of a call shows an answer that is handed on all the same.
fn failure_of(status: StatusCode) -> Option<Error> {
    let code = match status.as_u16() {
        ..400 => return None,
        403 => ErrorCode::UpstreamForbidden,
        404 | 410 => ErrorCode::UpstreamNotFound,
        409 | 412 => ErrorCode::UpstreamConflict,
        429 => ErrorCode::UpstreamRateLimited,
        400..500 => ErrorCode::UpstreamInvalidRequest,
        _ => ErrorCode::UpstreamError,
    };
    Some(Error::new(code).message(format!("The provider answered {}.", status.as_u16())))
}

/// A 401 of the provider as our error, with the beginning of what it said. The answer has been cleaned of the
/// credential.
async fn refusal_of(response: Response<ResponseBody>) -> Error {
    let read = Limited::new(response.into_body(), EVIDENCE_READ).collect();
    let said = match tokio::time::timeout(EVIDENCE_WAIT, read).await {
        Ok(Ok(body)) => String::from_utf8(body.to_bytes().to_vec()).unwrap_or_default(),
        Ok(Err(_)) | Err(_) => String::new(),
    };
    let said: String = said.chars().filter(|c| !c.is_control()).take(EVIDENCE_KEPT).collect();
    Error::new(ErrorCode::UpstreamUnauthorized).provider(ProviderEvidence {
        status: Some(StatusCode::UNAUTHORIZED.as_u16()),
        code: None,
        message: Some(said).filter(|said| !said.trim().is_empty()),
        ..ProviderEvidence::default()
    })
}
