//! `ANY /proxy/{path}`: any request to a connector's API, with the account's credential.

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use valetkey_domain::Error;
use valetkey_engine::{AccountRef, ProxyCall};

use crate::{RequestContext, auth::Authenticated, error::ApiError, front::Foreign, state::App};

/// The header that names the record of a call.
const EXECUTION_ID: HeaderName = HeaderName::from_static("x-execution-id");

/// Hands the request on, streaming both ways.
pub(crate) async fn proxy(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let call = ProxyCall {
        account: account(&parts.headers)?,
        method: parts.method,
        path: parts.uri.path().strip_prefix("/proxy").unwrap_or_default().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        agent_run_id: named(&parts.headers, "agent_run_id")?,
        headers: parts.headers,
        body,
        request_id: context.id().to_string(),
        deadline: None,
    };
    let reply = app.engine.proxy_call(&caller, call).await.map_err(|error| {
        // A body that broke off on our side looks like a fault of the call.
        context.body_fault().map_or(error, Error::from)
    })?;
    let mut response = reply.response.map(Body::new);
    response.extensions_mut().insert(Foreign);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(reply.execution_id.as_str()) {
        headers.insert(EXECUTION_ID, id);
    }
    // Whatever the provider sends, a browser must not run it in this server's name.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Whose account: by id, or by connection name and identifier.
fn account(headers: &HeaderMap) -> Result<AccountRef, Error> {
    Ok(AccountRef {
        id: named(headers, "connected_account_id")?,
        connection_name: named(headers, "connection_name")?,
        identifier: named(headers, "identifier")?,
        name: named(headers, "account_name")?,
        organization_id: named(headers, "organization_id")?,
        user_id: named(headers, "user_id")?,
    })
}

/// A header of ours under any of its spellings: `connection_name` as the official SDKs send it, `connection-name` for
/// proxies that drop underscores, and both with `x-` in front.
fn named(headers: &HeaderMap, name: &str) -> Result<Option<String>, Error> {
    let dashed = name.replace('_', "-");
    let spellings = [name.to_owned(), dashed.clone(), format!("x-{dashed}"), format!("x_{name}")];
    let Some(value) = spellings.iter().find_map(|spelling| headers.get(spelling)) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Error::invalid(name, "this header is not valid UTF-8"))?
        .trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
