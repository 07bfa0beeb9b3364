//! What every call of the compatible API passes, whichever door it came through.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::Full;
use prost_reflect::DynamicMessage;
use tonic::{Code, Status, body::Body};
use tower::ServiceExt;
use valetkey_api::{
    Descriptors, Rpc,
    proto::{
        connected_accounts::connected_account_service_server::ConnectedAccountServiceServer,
        tools::tool_service_server::ToolServiceServer,
    },
};
use valetkey_domain::{Caller, Error, ErrorCode, Permission, execution::Source};
use valetkey_engine::Engine;

use super::{
    accounts::Accounts,
    call::Call,
    frame,
    status::{Facts, Failure},
    tools::Tools,
};
use crate::{RequestContext, ServerOptions, auth::bearer};

/// The services behind the checks.
pub(super) struct Gate {
    engine: Engine,
    docs_base: Arc<str>,
    accounts: ConnectedAccountServiceServer<Accounts>,
    tools: ToolServiceServer<Tools>,
}

/// How a call arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// The door.
    pub(super) source: Source,
    /// How long the caller waits.
    pub(super) deadline: Option<Duration>,
    /// The largest answer that the caller can take, in bytes.
    pub(super) max_answer: Option<usize>,
}

impl Gate {
    pub(super) fn new(engine: Engine, options: &ServerOptions) -> Self {
        // Read the descriptors now rather than in the first call.
        if let Err(error) = Descriptors::embedded() {
            tracing::error!(%error, "the compatible API is not available");
        }
        // The front has bounded the body already.
        let accounts = ConnectedAccountServiceServer::new(Accounts::new(engine.clone()))
            .max_decoding_message_size(usize::MAX);
        let tools = ToolServiceServer::new(Tools::new(engine.clone())).max_decoding_message_size(usize::MAX);
        Self { engine, docs_base: options.address_of("/docs/errors/").into(), accounts, tools }
    }

    /// What errors of this request say about it.
    pub(super) fn facts(&self, context: Option<&RequestContext>) -> Arc<Facts> {
        let request_id = context.map(|context| context.id().to_string()).unwrap_or_default();
        Arc::new(Facts { request_id, docs_base: Arc::clone(&self.docs_base) })
    }

    /// Lets in callers that are known, inside their limits, and have the permission of the RPC.
    ///
    /// # Errors
    /// `unauthenticated`, `authentication_too_often`, `rate_limited`, `permission_denied`.
    pub(super) async fn admit(
        &self,
        rpc: &Rpc,
        headers: &HeaderMap,
        context: Option<&RequestContext>,
    ) -> Result<Caller, Failure> {
        let address = context.and_then(RequestContext::address);
        let caller = self.engine.admit_call(bearer(headers), address).await?;
        if let Some(context) = context {
            context.note_client(&caller.client);
        }
        if let Some(name) = &rpc.permission {
            let permission = Permission::from_str(name).map_err(Error::internal)?;
            caller.require(permission).map_err(|error| Failure::from(error).lacking(permission.as_str()))?;
        }
        Ok(caller)
    }

    /// Checks the message against the limits and has the RPC answer it.
    ///
    /// # Errors
    /// `invalid_request` for bytes that are no such message, `invalid_argument` naming every field that breaks a limit.
    /// Errors of the RPC itself are in the response.
    pub(super) async fn call(
        &self,
        rpc: &Rpc,
        caller: Caller,
        facts: &Arc<Facts>,
        arrival: Arrival,
        message: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let descriptors = Descriptors::embedded().map_err(Error::internal)?;
        let decoded = DynamicMessage::decode(rpc.input.clone(), message).map_err(|fault| {
            Error::new(ErrorCode::InvalidRequest)
                .message(format!("The message is not a valid {}.", rpc.input.name()))
                .because(fault)
        })?;
        let violations = descriptors.limits().violations(&decoded);
        if !violations.is_empty() {
            return Err(Failure::of_limits(violations));
        }
        let call = Call {
            caller,
            facts: Arc::clone(facts),
            source: arrival.source,
            deadline: arrival.deadline,
            max_answer: arrival.max_answer,
        };
        let mut request = http::Request::new(Full::new(frame::write(message)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_str(&rpc.path).map_err(Error::internal)?;
        request.extensions_mut().insert(call);
        let answer = self.serve(rpc, request, arrival.deadline).await?;
        // What is not written yet answers with the bare status of a generated stub.
        match answer.extensions().get::<Status>() {
            Some(status) if status.code() == Code::Unimplemented && status.details().is_empty() => {
                Err(unimplemented(&rpc.path).into())
            }
            _ => Ok(answer),
        }
    }

    async fn serve(
        &self,
        rpc: &Rpc,
        request: http::Request<Full<Bytes>>,
        deadline: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let answer = async {
            if rpc.path.starts_with("/scalekit.v1.tools.ToolService/") {
                self.tools.clone().oneshot(request).await
            } else {
                self.accounts.clone().oneshot(request).await
            }
        };
        let answer = match deadline {
            None => answer.await,
            Some(deadline) => tokio::time::timeout(deadline, answer)
                .await
                .map_err(|_| Failure::from(Error::new(ErrorCode::DeadlineExceeded)))?,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(never) => match never {},
        }
    }
}

/// The error for an RPC that is not available here.
pub(super) fn unimplemented(path: &str) -> Error {
    // The path comes from the caller: bounded, and only what a method's name can hold.
    let name: String = path
        .trim_start_matches('/')
        .chars()
        .take(120)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/') { c } else { '?' })
        .collect();
    Error::new(ErrorCode::Unimplemented).message(format!("{name} is not available here."))
}
