//! From a tool and its input to the request that leaves, without the credential.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};
use valetkey_domain::{Error, ErrorCode};

use super::{
    Tool,
    filter::from_base64,
    request::Body,
    template::{Misfit, Scope, Template, TextPiece},
};
use crate::{
    connector::Target,
    encode::{QUERY, path_segment},
    http::OutboundRequest,
};

/// The request that a tool sends for an input: method, URL, headers and body. The credential is attached afterwards,
/// with [`super::attach_credential`].
///
/// Inputs that are absent take the schema's defaults. Check the input with [`Tool::validate`] first; what the schema
/// cannot say (an address that is none, a path segment that would leave its place) is refused here.
///
/// # Errors
/// `tool_input_invalid` naming the field, or the errors of [`Target::api_base`].
pub fn render(target: &Target<'_>, tool: &Tool, input: &Value) -> Result<OutboundRequest, Error> {
    let input = with_defaults(tool, input);
    let scope = Scope::new(&input);
    let mut url = endpoint(target, tool, scope)?;
    let query = pairs(&tool.request.query, scope)?;
    if !query.is_empty() {
        let encoded: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
            .collect();
        url.set_query(Some(&encoded.join("&")));
    }
    let mut request = OutboundRequest::new(tool.request.method.clone(), url);
    request.headers = api_headers(target)?;
    request.headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    for (name, template) in &tool.request.headers {
        if let Some(text) = text_of(template, scope)? {
            let value = HeaderValue::from_str(&text)
                .map_err(|_| invalid(first_root(template), "cannot stand in a header".into()))?;
            request.headers.insert(name.clone(), value);
        }
    }
    if let Some((content_type, body)) = body(&tool.request.body, scope)? {
        let content_type = HeaderValue::from_str(&content_type).map_err(Error::internal)?;
        request.headers.insert(header::CONTENT_TYPE, content_type);
        request.body = body;
    }
    Ok(request)
}

/// The headers that every call to the connector's API carries, proxied calls too.
///
/// # Errors
/// When a value that a header needs is missing.
pub fn api_headers(target: &Target<'_>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, template) in &target.connector.api.headers {
        let text = template.render(|n| target.value(n)).ok_or_else(|| {
            Error::new(ErrorCode::ConnectionNotConfigured)
                .because(format!("header {name} of connector {} lacks a value", target.connector.slug))
        })?;
        let name = http::HeaderName::try_from(name.as_str()).map_err(Error::internal)?;
        headers.insert(name, HeaderValue::from_str(&text).map_err(Error::internal)?);
    }
    Ok(headers)
}

fn with_defaults(tool: &Tool, input: &Value) -> Value {
    let mut object = input.as_object().cloned().unwrap_or_default();
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(default) = schema.get("default").filter(|_| !object.contains_key(name)) {
            object.insert(name.clone(), default.clone());
        }
    }
    Value::Object(object)
}

fn invalid(path: String, message: String) -> Error {
    Error::new(ErrorCode::ToolInputInvalid).field(format!("tool_input.{path}"), message)
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        invalid(misfit.path, misfit.message)
    }
}

fn first_root(template: &Template) -> String {
    let mut roots = Vec::new();
    template.roots(&mut roots);
    roots.into_iter().next().unwrap_or_default()
}

/// The URL without query. Every value is one segment (or, with `| segments`, several), and the result is checked to
/// be below the API base once more.
fn endpoint(target: &Target<'_>, tool: &Tool, scope: Scope<'_>) -> Result<Url, Error> {
    let base = target.api_base()?;
    let mut text = base.as_str().trim_end_matches('/').to_owned();
    for piece in &tool.request.path {
        match piece {
            TextPiece::Literal(literal) => text.push_str(literal),
            TextPiece::Hole(expr) => {
                let refuse = |message: &str| Error::from(expr.misfit(message.to_owned()));
                let value = expr.text(scope)?.ok_or_else(|| refuse("is required"))?;
                let segments: Vec<&str> = if expr.is_segments() {
                    value.trim_matches('/').split('/').collect()
                } else {
                    vec![&value]
                };
                let encoded =
                    segments.into_iter().map(path_segment).collect::<Result<Vec<_>, _>>().map_err(refuse)?;
                text.push_str(&encoded.join("/"));
            }
        }
    }
    let url = Url::parse(&text).map_err(Error::internal)?;
    if !target.allows(&url)? {
        return Err(Error::internal(format!("tool {} left its API base", tool.name)));
    }
    Ok(url)
}

fn text_of(template: &Template, scope: Scope<'_>) -> Result<Option<String>, Error> {
    match template.fill(scope)? {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Some(_) => Err(invalid(first_root(template), "cannot be written as text".into())),
    }
}

/// Parameters as pairs: absent ones omitted, a list repeated.
fn pairs<'a>(fields: &'a [(String, Template)], scope: Scope<'_>) -> Result<Vec<(&'a str, String)>, Error> {
    let mut pairs = Vec::new();
    for (name, template) in fields {
        let items = match template.fill(scope)? {
            None => continue,
            Some(Value::Array(items)) => items,
            Some(value) => vec![value],
        };
        for item in items {
            let text = match item {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                _ => return Err(invalid(first_root(template), "cannot be written as a parameter".into())),
            };
            pairs.push((name.as_str(), text));
        }
    }
    Ok(pairs)
}

fn body(body: &Body, scope: Scope<'_>) -> Result<Option<(String, Bytes)>, Error> {
    const JSON: &str = "application/json";
    Ok(match body {
        Body::None => None,
        Body::Json(template) => {
            let json = template.fill(scope)?.unwrap_or_else(|| Value::Object(Map::new()));
            Some((JSON.into(), json.to_string().into()))
        }
        Body::Form(fields) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(pairs(fields, scope)?);
            Some(("application/x-www-form-urlencoded".into(), form.finish().into()))
        }
        Body::Graphql { query, variables } => {
            let variables = variables.as_ref().map(|template| template.fill(scope)).transpose()?.flatten();
            let variables = variables.unwrap_or_else(|| Value::Object(Map::new()));
            Some((JSON.into(), json!({"query": query, "variables": variables}).to_string().into()))
        }
        Body::Related { metadata, content, content_base64, content_type } => {
            let metadata = metadata.fill(scope)?.unwrap_or_else(|| Value::Object(Map::new()));
            let encoded =
                content_base64.as_ref().map(|template| text_of(template, scope)).transpose()?.flatten();
            let content = match (encoded, content_base64) {
                (Some(encoded), Some(template)) => from_base64(&encoded)
                    .ok_or_else(|| invalid(first_root(template), "is not base64".into()))?,
                _ => text_of(content, scope)?.unwrap_or_default().into_bytes(),
            };
            let kind = text_of(content_type, scope)?.unwrap_or_else(|| "application/octet-stream".into());
            if kind.chars().any(|c| c.is_control() || !c.is_ascii()) {
                return Err(invalid(first_root(content_type), "is not a media type".into()));
            }
            Some(related(&metadata.to_string(), &kind, &content))
        }
    })
}

/// `multipart/related` (RFC 2387) of JSON metadata and content, with a boundary that occurs in neither.
fn related(metadata: &str, content_type: &str, content: &[u8]) -> (String, Bytes) {
    let mut number = 0_u32;
    let occurs = |boundary: &str| {
        metadata.contains(boundary)
            || content.windows(boundary.len()).any(|window| window == boundary.as_bytes())
    };
    let mut boundary = "valetkey-part-0".to_owned();
    while occurs(&boundary) {
        number += 1;
        boundary = format!("valetkey-part-{number}");
    }
    let mut body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{boundary}\r\nContent-Type: {content_type}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/related; boundary={boundary}"), body.into())
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
