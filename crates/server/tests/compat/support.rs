//! Calling the router as the official SDKs do.

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use prost::Message;
use tonic::{
    Code, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};
use tower::ServiceExt;
use valetkey_api::proto::{
    connected_accounts::connected_account_service_client::ConnectedAccountServiceClient,
    errdetails::ErrorInfo, rpc, tools::tool_service_client::ToolServiceClient,
};
use valetkey_testkit::app::{Tenant, TestApp};

/// Puts the bearer token on each call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(crate) type Channel = InterceptedService<Router, Bearer>;

pub(crate) fn accounts(app: &TestApp, token: &str) -> ConnectedAccountServiceClient<Channel> {
    ConnectedAccountServiceClient::with_interceptor(app.router.clone(), bearer(token))
}

pub(crate) fn tools(app: &TestApp, token: &str) -> ToolServiceClient<Channel> {
    ToolServiceClient::with_interceptor(app.router.clone(), bearer(token))
}

fn bearer(token: &str) -> Bearer {
    Bearer(format!("Bearer {token}").parse().unwrap())
}

/// A server with one tenant.
pub(crate) async fn start() -> (TestApp, Tenant) {
    let app = TestApp::start().await;
    let tenant = app.tenant("one").await;
    (app, tenant)
}

/// The one detail of a status; checks what clients insist on.
pub(crate) fn info(status: &Status) -> ErrorInfo {
    let details = rpc::Status::decode(status.details()).unwrap();
    assert_eq!((details.code, details.message.as_str()), (status.code() as i32, status.message()));
    assert_eq!(details.details.len(), 1);
    assert_eq!(details.details[0].type_url, "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo");
    ErrorInfo::decode(details.details[0].value.as_slice()).unwrap()
}

/// One raw gRPC call: path, metadata and framed message as given.
pub(crate) async fn raw(
    app: &TestApp,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Response<Bytes> {
    let mut request =
        Request::post(path).header(header::CONTENT_TYPE, "application/grpc").header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::from(body)).unwrap()).await
}

/// A message with its head.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

/// One HTTP request.
pub(crate) async fn send(app: &TestApp, request: Request<Body>) -> Response<Bytes> {
    let (mut parts, body) = app.router.clone().oneshot(request).await.unwrap().into_parts();
    let collected = body.collect().await.unwrap();
    if let Some(trailers) = collected.trailers() {
        parts.headers.extend(trailers.clone());
    }
    Response::from_parts(parts, collected.to_bytes())
}

/// The gRPC status of a raw answer; a gRPC answer is HTTP 200 whatever happened.
pub(crate) fn status(response: &Response<Bytes>) -> Status {
    assert_eq!(response.status(), 200, "gRPC errors are no HTTP errors: {:?}", response.body());
    assert_eq!(header_text(response.headers(), "content-type"), "application/grpc");
    Status::from_header_map(response.headers()).expect("a gRPC status")
}

/// The outcome of a raw answer.
pub(crate) fn code(response: &Response<Bytes>) -> Code {
    status(response).code()
}

pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
