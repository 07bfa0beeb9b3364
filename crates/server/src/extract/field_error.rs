//! From the parser's words to an error that names the field and quotes no value.

use valetkey_domain::Error;

/// The error for a field that could not be read. `path` is where the parser stood, `message` what it said.
pub(crate) fn invalid_field(path: &str, message: &str) -> Error {
    // "… at line 3 column 7": the field says it better.
    let message = message.split(" at line ").next().unwrap_or(message);
    let here = if path == "." { "" } else { path };
    if let Some((name, rest)) = quoted(message, "unknown field `") {
        let expected = rest.strip_prefix(", ").filter(|rest| !rest.is_empty());
        let hint = expected.map_or_else(String::new, |expected| format!("; {expected}"));
        return Error::invalid(within(here, name), format!("this field is not known{hint}"));
    }
    if let Some((name, _)) = quoted(message, "missing field `") {
        return Error::invalid(within(here, name), "this field is required");
    }
    if let Some((name, _)) = quoted(message, "duplicate field `") {
        return Error::invalid(within(here, name), "this field is given twice");
    }
    let field = if here.is_empty() { "body" } else { here };
    Error::invalid(field, without_value(message))
}

fn quoted<'a>(message: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(start)?.split_once('`')
}

/// The path of a field below `parent`. The parser may or may not have stepped into the field already.
fn within(parent: &str, name: &str) -> String {
    if parent.is_empty() || parent == name {
        name.to_owned()
    } else if parent.ends_with(&format!(".{name}")) {
        parent.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

/// `invalid type: string "hunter2", expected a sequence` without the value, which may be a secret in the wrong field.
fn without_value(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return match message.strip_prefix("invalid ") {
            // Messages of number parsers and the like quote nothing.
            Some(_) | None if !message.contains(['"', '`']) => message.to_owned(),
            _ => "this value is not acceptable".to_owned(),
        };
    };
    let found = found.strip_prefix("invalid type: ").or_else(|| found.strip_prefix("invalid value: "));
    let kind = found.map_or("", |found| found.split([' ', '"', '`']).next().unwrap_or_default());
    match kind {
        "" | "unknown" => format!("expected {expected}"),
        kind => format!("expected {expected}, not {kind}"),
    }
}
