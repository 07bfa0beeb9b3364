//! `POST /mcp`: the tools for one user, for an MCP client (streamable HTTP). Like every door it has no behaviour of its
//! own: who may call what is decided in the engine.
//!
//! There are no sessions: each request carries its token, and the query says for whom it is. So any replica answers any
//! request, and nothing but the token is a credential (S25).

mod prose;
mod query;
mod service;

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use http::header;
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde_json::json;
use tower::ServiceExt;
use valetkey_domain::{Error, ErrorCode, RequestId};

use self::service::ToolServer;
use crate::{
    auth::Authenticated,
    error::{ApiError, ErrorBody, respond},
    front::Foreign,
    same_site,
    state::App,
};

/// Where it is.
pub(crate) const PATH: &str = "/mcp";

type Service = StreamableHttpService<ToolServer, NeverSessionManager>;

/// The route. It goes to the closed ones: without a token it answers 401.
pub(crate) fn routes(app: &App) -> Router<App> {
    // Origin and host are looked at here; bodies are bounded by the front.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(app.options.max_body_bytes);
    let server = ToolServer::new(app.clone());
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    Router::new().route(PATH, post(answer)).layer(Extension(service))
}

async fn answer(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(service): Extension<Service>,
    mut request: Request,
) -> Result<Response, ApiError> {
    require_own_page(&request, &app)?;
    let offer = query::read(request.uri().query().unwrap_or_default())?;
    let offered = app.engine.offer(&caller, offer).await?;
    request.extensions_mut().insert(offered);
    let Ok(answer) = service.oneshot(request).await;
    let mut answer = answer.map(Body::new);
    // JSON-RPC says in its own words what is wrong with a message.
    if answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        answer.extensions_mut().insert(Foreign);
    } else if answer.status().is_client_error() {
        return Err(malformed(answer).await.into());
    }
    Ok(answer)
}

/// Writes out an error that is no result of a call as JSON-RPC: clients show its message, and nothing of a body in another
/// shape.
pub(crate) fn render(error: &Error, request_id: &RequestId, docs_base: &str) -> Response {
    let refusal = service::refusal(ErrorBody::of(error, request_id, docs_base), error.code());
    // JSON-RPC 2.0 §5.1: the id is null where the message was not read.
    respond(error, json!({"jsonrpc": "2.0", "id": null, "error": refusal}))
}

/// What the protocol's library says in plain text about the headers of a request, as an error of ours.
async fn malformed(answer: Response) -> Error {
    const LONGEST: usize = 1024;
    let error = Error::new(ErrorCode::InvalidRequest);
    let said = axum::body::to_bytes(answer.into_body(), LONGEST).await.unwrap_or_default();
    match str::from_utf8(&said).map(str::trim) {
        Ok(said) if !said.is_empty() => error.message(format!("{said}.")).cause(
            "The headers of the request do not fit MCP's streamable HTTP: Accept, Content-Type, Host and MCP-Protocol-Version.",
        ),
        _ => error,
    }
}

/// S44: no page of another site calls tools with a token that a browser or a proxy on the way adds, nor reaches a server
/// on the machine of whoever looks at it.
fn require_own_page(request: &Request, app: &App) -> Result<(), Error> {
    let public_url = &app.options.public_url;
    let ours = same_site::is_host_ours(request.headers(), request.uri(), public_url)
        && same_site::is_origin_ours(request.headers(), public_url).unwrap_or(true);
    if ours {
        return Ok(());
    }
    let message =
        "This request comes from a web page of another site, or names another host than this server.";
    let cause = "MCP clients send no Origin, and the Host of the address in public_url; only pages of this server may differ.";
    Err(Error::new(ErrorCode::CrossSiteRequest).message(message).cause(cause))
}
