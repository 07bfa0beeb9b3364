//! From messages and statuses to JSON.

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Value, json};
use tonic::Status;
use valetkey_api::{Descriptors, proto::rpc};
use valetkey_domain::Error;

use super::super::{status::ERROR_INFO_URL, structs::whole};

/// An encoded message as JSON.
///
/// # Errors
/// `internal` if it is no such message.
pub(super) fn json(message: MessageDescriptor, bytes: &[u8]) -> Result<Value, Error> {
    // The names of the .proto files, and empty fields too: scripts index into answers without asking first.
    const OPTIONS: SerializeOptions =
        SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
    let message = DynamicMessage::decode(message, bytes).map_err(Error::internal)?;
    let mut value =
        message.serialize_with_options(serde_json::value::Serializer, &OPTIONS).map_err(Error::internal)?;
    integers(&mut value);
    Ok(value)
}

/// The free-form fields hold doubles only; `5.0` is written as `5`.
fn integers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(integer) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *value = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(integers),
        Value::Object(fields) => fields.values_mut().for_each(integers),
        _ => {}
    }
}

/// A status as JSON: `{"code": 5, "message": "…", "details": [{"@type": "…ErrorInfo", …}]}`.
pub(super) fn error(status: &Status) -> Value {
    let details: Vec<Value> = rpc::Status::decode(status.details())
        .map(|decoded| decoded.details)
        .unwrap_or_default()
        .into_iter()
        .filter(|detail| detail.type_url == ERROR_INFO_URL)
        .filter_map(|detail| {
            let name = "scalekit.v1.errdetails.ErrorInfo";
            let message = Descriptors::embedded().ok()?.pool().get_message_by_name(name)?;
            let mut value = json(message, &detail.value).ok()?;
            value.as_object_mut()?.insert("@type".to_owned(), detail.type_url.into());
            Some(value)
        })
        .collect();
    json!({"code": status.code() as i32, "message": status.message(), "details": details})
}
