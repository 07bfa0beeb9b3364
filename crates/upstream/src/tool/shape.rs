//! From a provider's answer to the tool's result.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_domain::{Error, ErrorCode};

use super::{
    Tool,
    template::{Scope, Template},
};
use crate::http::Response;

/// `response` of a tool, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResponseFile {
    format: Format,
    shape: Option<Value>,
}

/// How the body of an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// JSON; an empty body is `null`.
    #[default]
    Json,
    /// Whatever it is: `{content_type, text}`, or `{content_type, base64}` if it is no UTF-8.
    File,
}

/// How a result is made of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    format: Format,
    template: Option<Template>,
}

impl Shape {
    pub(crate) fn new(file: &ResponseFile) -> Result<Self, (String, String)> {
        let template = file.shape.as_ref().map(Template::parse).transpose();
        let template = template.map_err(|error| ("response.shape".to_owned(), error.to_string()))?;
        Ok(Self { format: file.format, template })
    }
}

/// The result of a tool: an object always. A list becomes `{"items": […]}`, an empty answer `{"success": true}`.
///
/// # Errors
/// An `upstream_…` code or `insufficient_scope`, with bounded evidence of what the provider said, also when it says so
/// with a success status. `upstream_response_invalid` if the answer is not what the connector expects.
pub fn shape(tool: &Tool, response: &Response) -> Result<Value, Error> {
    if let Some(error) = tool.errors.classify(&tool.provider_name, response) {
        return Err(error);
    }
    let evidence = || tool.errors.evidence(response);
    let body = match tool.response.format {
        Format::Json if is_blank(response) => Value::Null,
        Format::Json => serde_json::from_slice(&response.body).map_err(|error| {
            Error::new(ErrorCode::UpstreamResponseInvalid)
                .message(format!("{} answered with something that is not JSON.", tool.provider_name))
                .because(error)
                .provider(evidence())
        })?,
        Format::File => file(response),
    };
    // 204 says that nothing is meant to be there; a reading that succeeded otherwise has read something.
    if body.is_null() && tool.read_only && is_blank(response) && response.status != StatusCode::NO_CONTENT {
        return Err(Error::new(ErrorCode::UpstreamResponseInvalid)
            .message(format!(
                "{} answered {} with nothing in it.",
                tool.provider_name,
                response.status.as_u16()
            ))
            .provider(evidence()));
    }
    if body.is_null() && tool.read_only && !is_blank(response) {
        // A few APIs say `null` with 200 where others say 404.
        return Err(Error::new(ErrorCode::UpstreamNotFound)
            .message(format!("{} has nothing under this id.", tool.provider_name))
            .provider(evidence()));
    }
    let Some(template) = &tool.response.template else { return Ok(as_object(body)) };
    if body.is_null() {
        return Ok(as_object(body));
    }
    let shaped = template.fill(Scope::new(&body)).map_err(|misfit| {
        Error::new(ErrorCode::UpstreamResponseInvalid)
            .message(format!("{}'s answer is not what the connector expects.", tool.provider_name))
            .because(format!("{} of the answer {}", misfit.path, misfit.message))
            .provider(evidence())
    })?;
    Ok(as_object(shaped.unwrap_or_else(|| Value::Object(Map::new()))))
}

fn is_blank(response: &Response) -> bool {
    response.body.iter().all(u8::is_ascii_whitespace)
}

fn as_object(value: Value) -> Value {
    match value {
        Value::Object(_) => value,
        Value::Null => json!({"success": true}),
        Value::Array(items) => json!({"items": items}),
        scalar => json!({"result": scalar}),
    }
}

fn file(response: &Response) -> Value {
    let kind = response.header(&header::CONTENT_TYPE).unwrap_or("application/octet-stream");
    match std::str::from_utf8(&response.body) {
        Ok(text) => json!({"content_type": kind, "size_bytes": response.body.len(), "text": text}),
        Err(_) => {
            json!({"content_type": kind, "size_bytes": response.body.len(), "base64": STANDARD.encode(&response.body)})
        }
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
