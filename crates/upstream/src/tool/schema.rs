//! Input schemas: made strict when loaded, and with errors that name the field.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::{Value, json};
use valetkey_domain::{Error, ErrorCode};

/// Closes every object of the schema that does not say otherwise: a misspelt field is an error, not ignored.
pub(super) fn strict(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(strict);
        object.entry("additionalProperties").or_insert(json!(false));
    }
    if let Some(items) = object.get_mut("items") {
        strict(items);
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for branch in object.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten() {
            strict(branch);
        }
    }
}

/// Most faults named in one error.
const MAX_FAULTS: usize = 8;

/// The error for an input that does not fit. It names fields and never repeats values.
pub(super) fn refusal<'a>(faults: impl Iterator<Item = ValidationError<'a>>) -> Error {
    let mut error = Error::new(ErrorCode::ToolInputInvalid);
    for fault in faults.take(MAX_FAULTS) {
        let place = place(&fault.instance_path().to_string());
        error = match fault.kind() {
            ValidationErrorKind::Required { property } => {
                error.field(format!("{place}.{}", property.as_str().unwrap_or_default()), "is required")
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().take(MAX_FAULTS).fold(error, |error, name| {
                    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                    error.field(format!("{place}.{name}"), "is not a field of this tool")
                })
            }
            _ => error.field(place, words(&fault)),
        };
    }
    error
}

fn place(pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .fold("tool_input".to_owned(), |place, step| format!("{place}.{step}"))
}

fn words(fault: &ValidationError<'_>) -> String {
    match fault.kind() {
        ValidationErrorKind::Enum { options } => format!("must be one of {options}"),
        ValidationErrorKind::Pattern { pattern } => format!("does not fit the pattern {pattern}"),
        ValidationErrorKind::Format { format } => format!("is not a {format}"),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            "is none of the accepted forms; see the tool's input_schema".into()
        }
        _ => {
            let text = fault.masked_with("the value").to_string();
            text.strip_prefix("the value ").map_or(text.clone(), ToOwned::to_owned)
        }
    }
}
