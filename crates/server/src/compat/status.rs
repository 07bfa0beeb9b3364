//! The one place that turns a [`valetkey_domain::Error`] into the compatible API's shape: a gRPC status with
//! `ErrorInfo` as its only detail (clients unpack every detail as one). REST renders the same status as JSON.

use std::{error::Error as StdError, sync::Arc};

use prost::Message;
use prost_types::Any;
use tonic::{
    Code, Status,
    metadata::{MetadataMap, MetadataValue},
};
use valetkey_api::{
    limits::Violation,
    proto::{
        errdetails::{
            ErrorInfo, HelpInfo, RequestInfo, ResourceInfo, ToolErrorInfo, ValidationErrorInfo,
            help_info::Link, validation_error_info::FieldViolation,
        },
        rpc,
    },
};
use valetkey_domain::{Error, ErrorCode, catalogue::GrpcCode};

use super::{
    google,
    words::{compatible_field, cut, text},
};
use crate::error::retry_after_ms;

/// What marks an upstream failure of a tool for the SDKs: they raise their tool exceptions and never repeat the call.
const TOOL_ERROR: &str = "TOOL_ERROR";
/// The type of the one detail.
pub(super) const ERROR_INFO_URL: &str = "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo";
/// gRPC clients give up on trailers beyond 8 KiB, and message and details both go there, partly escaped threefold.
const MAX_MESSAGE: usize = 768;
const MAX_VIOLATIONS: usize = 10;
const MAX_VIOLATION_TEXT: usize = 120;

/// What errors of one request say about it.
#[derive(Debug)]
pub(super) struct Facts {
    /// `req_…`
    pub(super) request_id: String,
    /// Where the error pages are: `…/docs/errors/`.
    pub(super) docs_base: Arc<str>,
}

/// An error with what the compatible API adds to it.
#[derive(Debug)]
pub(super) struct Failure {
    error: Error,
    /// The limits that the fields broke, field by field.
    constraints: Vec<&'static str>,
    /// The permission that the caller lacks.
    lacking: Option<&'static str>,
    /// The provider failed a tool.
    tool: bool,
    /// Fields have the names of the engine.
    native: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, constraints: Vec::new(), lacking: None, tool: false, native: false }
    }
}

impl Failure {
    /// The failure of an RPC, in the words of the engine.
    pub(super) fn of_rpc(error: Error) -> Self {
        Self { native: true, ..Self::from(error) }
    }

    /// The failure of an RPC that executes a tool.
    pub(super) fn of_tool(error: Error) -> Self {
        let tool = failed_upstream(&error);
        Self { tool, ..Self::of_rpc(error) }
    }

    /// `invalid_argument` for all limits that a message breaks.
    pub(super) fn of_limits(violations: Vec<Violation>) -> Self {
        let constraints = violations.iter().map(|v| v.constraint).collect();
        let error = violations
            .into_iter()
            .fold(Error::new(ErrorCode::InvalidArgument), |error, v| error.field(v.field, v.message));
        Self { constraints, ..Self::from(error) }
    }

    /// Names the permission that the caller lacks.
    pub(super) fn lacking(mut self, permission: &'static str) -> Self {
        self.lacking = Some(permission);
        self
    }

    /// The error as the wire has it.
    pub(super) fn status(self, facts: &Facts) -> Status {
        let code = self.grpc_code();
        self.log(code);
        let message = self.message(facts);
        let info = self.info(&message, facts);
        // Byte for byte the same code and message as in the headers, or clients drop the details.
        let details = rpc::Status {
            code: code as i32,
            message: message.clone(),
            details: vec![Any { type_url: ERROR_INFO_URL.to_owned(), value: info.encode_to_vec() }],
        };
        let mut metadata = MetadataMap::new();
        if let Some(millis) = retry_after_ms(&self.error) {
            // Whole seconds, as in HTTP; never earlier than meant.
            metadata.insert("retry-after", MetadataValue::from(millis.div_ceil(1000)));
        }
        google::add(&self.error, &mut metadata);
        let mut status =
            Status::with_details_and_metadata(code, message, details.encode_to_vec().into(), metadata);
        status.set_source(Arc::new(self.error));
        status
    }

    fn grpc_code(&self) -> Code {
        match self.error.code().entry().grpc_code {
            // Clients answer UNAUTHENTICATED with a new login and the same call again. Only a tool's error is exempt,
            // and a provider's 401 says nothing about the caller.
            GrpcCode::Unauthenticated if failed_upstream(&self.error) && !self.tool => {
                Code::FailedPrecondition
            }
            code => Code::from_i32(code as i32),
        }
    }

    /// What happened and what to do about it: many callers see nothing but this text.
    fn message(&self, facts: &Facts) -> String {
        let details = self.error.details();
        let mut message = text(&self.error, self.names());
        for remedy in self.error.remedies() {
            message.push(' ');
            message.push_str(&remedy.text);
            if let Some(url) = &remedy.url {
                message.push_str(&format!(" ({url})"));
            }
        }
        // The execution leads to the record, the request id to the log.
        let mut tail = String::new();
        if let Some(execution) = &details.execution {
            tail.push_str(&format!(" [{execution}]"));
        }
        if !facts.request_id.is_empty() {
            tail.push_str(&format!(" [{}]", facts.request_id));
        }
        cut(&message, MAX_MESSAGE.saturating_sub(tail.len())) + &tail
    }

    fn info(&self, message: &str, facts: &Facts) -> ErrorInfo {
        let details = self.error.details();
        let code = self.error.code().as_str();
        let resource = details.account.as_ref().map(|id| (id.to_string(), "connected account"));
        let resource =
            resource.or_else(|| details.connection.as_ref().map(|id| (id.to_string(), "connection")));
        ErrorInfo {
            error_code: if self.tool { TOOL_ERROR } else { code }.to_owned(),
            help_info: Some(self.help(facts)),
            resource_info: (resource.is_some() || self.lacking.is_some()).then(|| {
                let (name, description) = resource.unwrap_or_default();
                ResourceInfo {
                    resource_name: name,
                    description: description.to_owned(),
                    required_permissions: self.lacking.iter().map(|p| (*p).to_owned()).collect(),
                    ..ResourceInfo::default()
                }
            }),
            request_info: Some(RequestInfo {
                request_id: facts.request_id.clone(),
                serving_data: String::new(),
            }),
            validation_error_info: (!details.fields.is_empty()).then(|| self.violations()),
            tool_error_info: self.tool.then(|| ToolErrorInfo {
                execution_id: details.execution.as_ref().map(ToString::to_string).unwrap_or_default(),
                tool_error_message: message.to_owned(),
                tool_error_code: code.to_owned(),
            }),
            ..ErrorInfo::default()
        }
    }

    fn help(&self, facts: &Facts) -> HelpInfo {
        let code = self.error.code().as_str();
        let docs = Link {
            description: format!("What {code} means and what to do"),
            url: format!("{}{code}", facts.docs_base),
        };
        let remedies = self.error.remedies().into_iter().take(2).filter_map(|remedy| {
            let url = remedy.url.filter(|url| url.len() <= MAX_MESSAGE / 2)?;
            Some(Link { description: cut(&remedy.text, MAX_VIOLATION_TEXT), url })
        });
        HelpInfo { links: std::iter::once(docs).chain(remedies).collect() }
    }

    fn violations(&self) -> ValidationErrorInfo {
        let fields = self.error.details().fields.iter().take(MAX_VIOLATIONS).enumerate();
        ValidationErrorInfo {
            field_violations: fields
                .map(|(index, violation)| FieldViolation {
                    field: cut(&self.names()(&violation.field), MAX_VIOLATION_TEXT),
                    description: cut(&violation.message, MAX_VIOLATION_TEXT),
                    constraint: self.constraints.get(index).copied().unwrap_or_default().to_owned(),
                })
                .collect(),
        }
    }

    /// How fields are called on the wire.
    fn names(&self) -> fn(&str) -> String {
        if self.native { compatible_field } else { str::to_owned }
    }

    fn log(&self, code: Code) {
        let details = self.error.details();
        let name = details.code.as_str();
        if matches!(code, Code::Internal | Code::Unavailable) && !self.tool {
            tracing::warn!(code = name, message = %details.message, reason = details.internal, "request failed");
        } else {
            tracing::debug!(code = name, reason = details.internal, "request refused");
        }
    }
}

/// The error that a status was made of.
pub(super) fn error_in(status: &Status) -> Option<&Error> {
    status.source()?.downcast_ref()
}

/// Whether it was the provider, or the way to it, that failed the call.
fn failed_upstream(error: &Error) -> bool {
    match error.code() {
        ErrorCode::UpstreamUnauthorized
        | ErrorCode::UpstreamForbidden
        | ErrorCode::UpstreamNotFound
        | ErrorCode::UpstreamInvalidRequest
        | ErrorCode::UpstreamConflict
        | ErrorCode::UpstreamRateLimited
        | ErrorCode::UpstreamError
        | ErrorCode::UpstreamTimeout
        | ErrorCode::UpstreamConnectTimeout
        | ErrorCode::UpstreamUnreachable
        | ErrorCode::UpstreamRefused
        | ErrorCode::UpstreamDnsFailed
        | ErrorCode::UpstreamResolverFailed
        | ErrorCode::UpstreamProxyUnreachable
        | ErrorCode::UpstreamProxyAuthRequired
        | ErrorCode::UpstreamProxyRefused
        | ErrorCode::UpstreamTlsFailed
        | ErrorCode::UpstreamTlsExpired
        | ErrorCode::UpstreamTlsNotYetValid
        | ErrorCode::UpstreamTlsUnknownIssuer
        | ErrorCode::UpstreamTlsHostMismatch
        | ErrorCode::ServerClockWrong
        | ErrorCode::UpstreamResponseInvalid
        | ErrorCode::UpstreamResponseTooLarge
        | ErrorCode::UpstreamAddressBlocked
        | ErrorCode::UpstreamRedirected => true,
        // Missing at our own check it is a matter between the app and its user; only the provider's word makes it the
        // tool's.
        ErrorCode::InsufficientScope => error.details().provider.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use valetkey_domain::{catalogue::RemedyAction, error::ProviderEvidence};

    use super::*;

    fn facts() -> Facts {
        Facts { request_id: "req_1".into(), docs_base: "https://valetkey.test/docs/errors/".into() }
    }

    fn decode(status: &Status) -> (rpc::Status, ErrorInfo) {
        let details = rpc::Status::decode(status.details()).unwrap();
        let info = ErrorInfo::decode(details.details[0].value.as_slice()).unwrap();
        (details, info)
    }

    #[test]
    fn status_of_every_code_is_consistent_and_says_what_to_do() {
        for code in ErrorCode::ALL {
            for failure in [Failure::from(Error::new(*code)), Failure::of_tool(Error::new(*code))] {
                let tool = failure.tool;
                let status = failure.status(&facts());
                let (details, info) = decode(&status);
                assert_eq!(
                    (details.code, details.message.as_str()),
                    (status.code() as i32, status.message())
                );
                assert_eq!(details.details.len(), 1, "clients unpack every detail as ErrorInfo");
                let remedy = code.entry().remedies[0].1;
                assert!(status.message().contains(remedy), "{code:?}: {}", status.message());
                assert!(info.help_info.unwrap().links[0].url.ends_with(code.as_str()));
                assert_eq!(info.request_info.unwrap().request_id, "req_1");
                assert_eq!(info.error_code, if tool { TOOL_ERROR } else { code.as_str() });
                assert_eq!(info.tool_error_info.map(|t| t.tool_error_code).is_some(), tool);
            }
        }
    }

    #[test]
    fn unauthenticated_only_for_callers_and_tools() {
        let error = || Error::new(ErrorCode::UpstreamUnauthorized);
        assert_eq!(Failure::of_tool(error()).status(&facts()).code(), Code::Unauthenticated);
        assert_eq!(Failure::from(error()).status(&facts()).code(), Code::FailedPrecondition);
        let caller = Failure::from(Error::new(ErrorCode::Unauthenticated));
        assert_eq!(caller.status(&facts()).code(), Code::Unauthenticated);
    }

    #[test]
    fn unavailable_never_after_a_tool_may_have_run() {
        for code in ErrorCode::ALL {
            let failure = Failure::of_tool(Error::new(*code));
            if failure.tool {
                assert_ne!(failure.status(&facts()).code(), Code::Unavailable, "{code:?}");
            }
        }
    }

    #[test]
    fn scope_missing_is_the_tools_only_by_the_providers_word() {
        let ours = Error::new(ErrorCode::InsufficientScope);
        let theirs = ours.clone().provider(ProviderEvidence::default());
        assert!(!Failure::of_tool(ours).tool);
        assert!(Failure::of_tool(theirs).tool);
    }

    #[test]
    fn fields_get_their_compatible_names() {
        let error =
            Error::invalid("connection_name", "is required").field("tool_input.to", "is not an address");
        let status = Failure::of_rpc(error).status(&facts());
        let (_, info) = decode(&status);
        let fields: Vec<String> =
            info.validation_error_info.unwrap().field_violations.into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["connector", "params.to"]);
        assert!(status.message().starts_with("connector: is required; params.to: "), "{}", status.message());
    }

    #[test]
    fn retry_after_is_in_whole_seconds() {
        let error = Error::new(ErrorCode::UpstreamRateLimited).retry_after_ms(1200);
        let status = Failure::of_tool(error).status(&facts());
        assert_eq!(status.metadata().get("retry-after").unwrap(), "2");
    }

    #[test]
    fn status_with_endless_text_fits_into_trailers() {
        let long = "é".repeat(50_000);
        let mut error = Error::invalid(&long, &long).remedy_with_url(RemedyAction::Retry, &long, &long);
        for _ in 0..100 {
            error = error.field(&long, &long);
        }
        let response = Failure::of_tool(error).status(&facts()).into_http::<tonic::body::Body>();
        let size: usize = response.headers().iter().map(|(k, v)| k.as_str().len() + v.len() + 32).sum();
        assert!(size < 8192, "{size}");
    }

    #[test]
    fn error_is_found_in_its_status() {
        let status = Failure::from(Error::new(ErrorCode::ToolNotFound)).status(&facts());
        let response = status.into_http::<tonic::body::Body>();
        let status = response.extensions().get::<Status>().unwrap();
        assert_eq!(error_in(status).map(Error::code), Some(ErrorCode::ToolNotFound));
    }
}
