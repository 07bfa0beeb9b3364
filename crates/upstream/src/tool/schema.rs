//! Input schemas: made strict when loaded, and with errors that name the field.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::{Value, json};
use valetkey_domain::{Error, ErrorCode};

/// The keywords that a file may use. JSON Schema ignores unknown ones, so a misspelt `maxLenght` would check nothing.
const KEYWORDS: [&str; 25] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
];

/// Refuses unknown keywords and fields without a description, and closes every object that does not say otherwise: a
/// misspelt input is an error, not ignored.
pub(super) fn strict(schema: &mut Value, place: &str) -> Result<(), (String, String)> {
    let Some(object) = schema.as_object_mut() else { return Ok(()) };
    if let Some(unknown) = object.keys().find(|keyword| !KEYWORDS.contains(&keyword.as_str())) {
        return Err((format!("{place}.{unknown}"), "is not a keyword of input schemas".into()));
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            let place = format!("{place}.properties.{name}");
            if property.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err((place, "has no description; models read it".into()));
            }
            strict(property, &place)?;
        }
        object.entry("additionalProperties").or_insert(json!(false));
    }
    if let Some(items) = object.get_mut("items") {
        strict(items, &format!("{place}.items"))?;
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for branch in object.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten() {
            strict(branch, &format!("{place}.{keyword}"))?;
        }
    }
    Ok(())
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
