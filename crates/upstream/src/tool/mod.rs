//! Tools as data: what a tool takes, which scopes it needs, what it sends and what it gives back.

mod classify;
mod credential;
mod filter;
mod gmail;
mod mime;
mod quota;
mod render;
mod request;
mod schema;
mod shape;
pub(crate) mod template;

use std::{fmt, sync::Arc, time::Duration};

use jsonschema::Validator;
use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_domain::Error;

pub(crate) use self::credential::attach_to_named;
pub use self::{
    credential::{Mask, attach_credential},
    render::{api_headers, render},
    shape::shape,
};
use self::{
    request::{Request, RequestFile},
    shape::{ResponseFile, Shape},
};
use crate::{connector::ApiErrors, http::Response};

/// A named action of a connector.
#[derive(Clone)]
pub struct Tool {
    /// `gmail_send_email`.
    pub name: String,
    /// Further names under which it is found.
    pub aliases: Vec<String>,
    /// A short name for people.
    pub title: String,
    /// What it does, when to use it, what it returns; written for a model to choose by.
    pub description: String,
    /// The JSON Schema (2020-12) of its input.
    pub input_schema: Value,
    /// Whether it changes nothing at the provider.
    pub read_only: bool,
    /// Whether doing it twice is the same as doing it once. Such a call may be repeated after a fault.
    pub idempotent: bool,
    /// Whether it can destroy or overwrite something.
    pub destructive: bool,
    /// Whether an earlier answer may be given again to a caller that says how old it may be.
    pub cacheable: bool,
    /// Every group must be met by at least one of its scopes; the first one of a group is the narrowest.
    pub scopes: Vec<Vec<String>>,
    /// An input that fits, for tests and documentation.
    pub example: Value,
    provider_name: String,
    scope_prefixes: Vec<String>,
    validator: Validator,
    request: Request,
    response: Shape,
    errors: Arc<ApiErrors>,
    version: [u8; 32],
}

/// What a tool takes over from its connector.
pub(crate) struct Surroundings<'a> {
    pub(crate) provider_name: &'a str,
    pub(crate) errors: &'a Arc<ApiErrors>,
    pub(crate) scope_prefixes: &'a [String],
}

/// A tool as written in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolFile {
    name: String,
    title: String,
    #[serde(default)]
    aliases: Vec<String>,
    description: String,
    #[serde(default)]
    read_only: bool,
    idempotent: Option<bool>,
    #[serde(default)]
    destructive: bool,
    #[serde(default)]
    cacheable: bool,
    #[serde(default)]
    scopes: Vec<Vec<String>>,
    input: Value,
    example: Value,
    request: RequestFile,
    #[serde(default)]
    response: ResponseFile,
}

impl Tool {
    pub(crate) fn new(file: ToolFile, around: &Surroundings<'_>) -> Result<Self, (String, String)> {
        if file.cacheable && !file.read_only {
            return Err(("cacheable".into(), "only a tool that is read_only may be cacheable".into()));
        }
        let version = version_of(&file);
        let mut schema = file.input;
        let Some(object) = schema.as_object_mut() else {
            return Err(("input".into(), "is not a JSON Schema of an object".into()));
        };
        object.entry("type").or_insert(json!("object"));
        object.entry("properties").or_insert(json!({}));
        schema::strict(&mut schema, "input")?;
        let validator = jsonschema::draft202012::new(&schema)
            .map_err(|error| (format!("input{}", error.instance_path()), error.to_string()))?;
        let request = Request::new(file.request)?;
        for name in request.roots() {
            if schema.pointer(&format!("/properties/{name}")).is_none() {
                return Err(("request".into(), format!("\"{name}\" is used but is no property of input")));
            }
        }
        let tool = Self {
            idempotent: file.idempotent.unwrap_or(file.read_only),
            name: file.name,
            aliases: file.aliases,
            title: file.title,
            description: file.description.trim().to_owned(),
            input_schema: schema,
            read_only: file.read_only,
            destructive: file.destructive,
            cacheable: file.cacheable,
            version,
            scopes: file.scopes,
            example: file.example,
            provider_name: around.provider_name.to_owned(),
            scope_prefixes: around.scope_prefixes.to_vec(),
            validator,
            request,
            response: Shape::new(&file.response)?,
            errors: Arc::clone(around.errors),
        };
        tool.validate(&tool.example)
            .map_err(|error| ("example".to_owned(), error.details().message.clone()))?;
        Ok(tool)
    }

    /// Checks an input against the schema.
    ///
    /// # Errors
    /// `tool_input_invalid`, naming each field at fault as `tool_input.<path>`.
    pub fn validate(&self, input: &Value) -> Result<(), Error> {
        if self.validator.is_valid(input) {
            return Ok(());
        }
        Err(schema::refusal(self.validator.iter_errors(input)))
    }

    /// Tells this tool from an earlier or later one of the same name that sends something else or shapes it otherwise.
    #[must_use]
    pub fn version(&self) -> [u8; 32] {
        self.version
    }

    /// The HTTP method of the call.
    #[must_use]
    pub fn method(&self) -> &http::Method {
        &self.request.method
    }

    /// The further token of the grant that the tool is called with, if not the access token.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.request.token.as_deref()
    }

    /// How long the provider takes no more calls, if an answer says that nothing is left of a quota.
    #[must_use]
    pub fn exhausted(&self, response: &Response) -> Option<Duration> {
        self.errors.exhausted(&response.headers)
    }

    /// The scopes that are missing for this tool: of each group that no granted scope meets, the narrowest one. Empty
    /// if `granted` is, since then the provider does not tell which scopes it granted.
    #[must_use]
    pub fn missing_scopes(&self, granted: &[String]) -> Vec<String> {
        if granted.is_empty() {
            return Vec::new();
        }
        let bare = |scope: &str| {
            let prefix = self.scope_prefixes.iter().find(|prefix| scope.starts_with(prefix.as_str()));
            scope[prefix.map_or(0, String::len)..].to_ascii_lowercase()
        };
        let granted: Vec<_> = granted.iter().map(|scope| bare(scope)).collect();
        let met = |group: &&Vec<String>| group.iter().any(|scope| granted.contains(&bare(scope)));
        self.scopes.iter().filter(|group| !met(group)).filter_map(|group| group.first().cloned()).collect()
    }

    /// The definition as the compatible API and MCP give it: name, description, input schema, annotations.
    #[must_use]
    pub fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "input_schema": self.input_schema,
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.read_only,
                "destructiveHint": self.destructive,
                "idempotentHint": self.idempotent,
                "openWorldHint": true,
            },
        })
    }
}

/// A hash of what a tool sends and how it reads the answer. Files are read once, so their own words serve.
fn version_of(file: &ToolFile) -> [u8; 32] {
    let words = format!("{:?} {:?} {}", file.request, file.response, file.input);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, words.as_bytes());
    let mut version = [0; 32];
    version.copy_from_slice(digest.as_ref());
    version
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("name", &self.name).finish_non_exhaustive()
    }
}
