//! Extractors that refuse bad input with an error of the catalogue, naming the field.

mod field_error;
mod json;
mod path;
mod query;

pub(crate) use field_error::invalid_field;
pub(crate) use json::{Json, MaybeJson, is_json, malformed, parse_value, read_body};
pub(crate) use path::Path;
pub(crate) use query::Query;
