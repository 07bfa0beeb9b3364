//! Extractors that refuse bad input with an error of the catalogue, naming the field.

mod field_error;
mod json;
mod path;
mod query;

pub(crate) use json::{Json, MaybeJson, read_body};
pub(crate) use path::Path;
pub(crate) use query::Query;
