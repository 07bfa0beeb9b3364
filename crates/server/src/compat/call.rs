//! What the implementation of an RPC knows about the call beside its message.

use std::{future::Future, sync::Arc, time::Duration};

use tonic::{Request, Response, Status};
use valetkey_domain::{Caller, Error, execution::Source};

use super::status::{Facts, Failure};

/// One admitted call. The gate puts it into the extensions of the request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Who calls.
    pub(super) caller: Caller,
    /// What errors say about the request.
    pub(super) facts: Arc<Facts>,
    /// The door.
    pub(super) source: Source,
    /// How long the caller waits from now on.
    pub(super) deadline: Option<Duration>,
    /// The largest answer that the caller can take, in bytes.
    pub(super) max_answer: Option<usize>,
}

/// Runs one RPC: takes the call out of the request and turns the outcome into what tonic sends.
pub(super) async fn run<T, U, F>(
    request: Request<T>,
    rpc: impl FnOnce(Call, T) -> F,
) -> Result<Response<U>, Status>
where
    F: Future<Output = Result<U, Error>>,
{
    run_with(request, rpc, Failure::of_rpc).await
}

/// As [`run`], for the RPC that executes tools: what the provider refused is marked as the tool's error.
pub(super) async fn run_tool<T, U, F>(
    request: Request<T>,
    rpc: impl FnOnce(Call, T) -> F,
) -> Result<Response<U>, Status>
where
    F: Future<Output = Result<U, Error>>,
{
    run_with(request, rpc, Failure::of_tool).await
}

async fn run_with<T, U, F>(
    mut request: Request<T>,
    rpc: impl FnOnce(Call, T) -> F,
    failure: fn(Error) -> Failure,
) -> Result<Response<U>, Status>
where
    F: Future<Output = Result<U, Error>>,
{
    // Only the gate calls the services; a call that did not pass it has no caller and gets nothing.
    let Some(call) = request.extensions_mut().remove::<Call>() else {
        return Err(Status::unauthenticated("The call did not pass the gate."));
    };
    let facts = Arc::clone(&call.facts);
    rpc(call, request.into_inner()).await.map(Response::new).map_err(|error| failure(error).status(&facts))
}
