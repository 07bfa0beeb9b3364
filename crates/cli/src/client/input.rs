//! What commands read: secrets, documents, `name=value` pairs.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// More than any secret, credential or tool input may have.
const MAX_INPUT: u64 = 32 << 20;

/// Where a client secret comes from. Not from the command line: the process list and the shell's history keep it.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct ClientSecret {
    /// Read the client secret from stdin
    #[arg(long)]
    client_secret_stdin: bool,
    /// Read the client secret from a file
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Take the client secret from this environment variable
    #[arg(long, value_name = "NAME")]
    client_secret_env: Option<String>,
}

impl ClientSecret {
    pub(super) fn read(&self) -> Result<Option<String>, Failure> {
        let text = match (self.client_secret_stdin, &self.client_secret_file, &self.client_secret_env) {
            (true, _, _) => stdin()?,
            (_, Some(path), _) => file(path)?,
            (_, _, Some(name)) => std::env::var(name)
                .map_err(|_| Failure::usage(format!("the environment variable {name} is not set")))?,
            _ => return Ok(None),
        };
        let secret = text.trim().to_owned();
        if secret.is_empty() {
            return Err(Failure::usage("the client secret is empty"));
        }
        Ok(Some(secret))
    }
}

fn stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("stdin cannot be read: {error}")))?;
    Ok(text)
}

fn file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))
}

/// A JSON object, given as text, as `@FILE`, or as `-` for stdin.
pub(super) fn object(argument: &str, what: &str) -> Result<Map<String, Value>, Failure> {
    let text = match argument.strip_prefix('@') {
        Some(path) => file(Path::new(path))?,
        None if argument == "-" => stdin()?,
        None => argument.to_owned(),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::usage(format!("{what} must be a JSON object"))),
        // The parser's own words could quote a secret.
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Failure::usage(format!("{what} is not JSON (line {line}, column {column})")))
        }
    }
}

/// `name=value`
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be name=value".to_owned()),
    }
}

pub(super) fn pairs(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().collect()
}

/// The text of `--set` as the type that the tool's schema asks for; without one, as JSON if it is that.
pub(super) fn typed(text: &str, schema: &Value) -> Value {
    let accepts = |wanted: &str| match &schema["type"] {
        Value::String(one) => one == wanted,
        Value::Array(several) => several.iter().any(|one| one == wanted),
        _ => false,
    };
    if accepts("string") {
        return json!(text);
    }
    match serde_json::from_str(text) {
        Ok(value) => value,
        // A list given as a single plain word.
        Err(_) if accepts("array") => json!([text]),
        Err(_) => json!(text),
    }
}

/// An object without the fields that are null.
pub(super) fn filled(object: Value) -> Value {
    match object {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn value_is_read_as_the_schema_says() {
        for (text, schema, expected) in [
            ("42", json!({"type": "string"}), json!("42")),
            ("42", json!({"type": "integer"}), json!(42)),
            ("true", json!({"type": ["boolean", "null"]}), json!(true)),
            ("[\"a\"]", json!({"type": "array"}), json!(["a"])),
            ("a@b.c", json!({"type": "array"}), json!(["a@b.c"])),
            ("plain", Value::Null, json!("plain")),
            ("7", Value::Null, json!(7)),
        ] {
            assert_eq!(typed(text, &schema), expected, "{text} as {schema}");
        }
    }

    #[test]
    fn document_that_is_broken_is_not_quoted() {
        let failure = object("{\"access_token\": \"hunter2", "--credential").unwrap_err();
        assert!(failure.text.contains("--credential") && !failure.text.contains("hunter2"));
        assert!(object("[1]", "--input").is_err());
    }
}
