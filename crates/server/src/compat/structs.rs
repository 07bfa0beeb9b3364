//! `google.protobuf.Struct` and JSON.
//!
//! A Struct knows numbers only as doubles. So that a JSON schema's `integer` holds and an id of 64 bits is not
//! silently rounded: whole numbers become integers on the way in, and integers that a double cannot hold become
//! strings on the way out.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number};
use valetkey_domain::Error;

/// The largest integer up to which every integer is a double.
const MAX_EXACT: u64 = 1 << 53;

/// Clients stop reading at 100 nested messages, and one level of JSON takes up to three. What lies deeper is given
/// as JSON text, so that an answer that was paid for arrives.
const MAX_DEPTH: usize = 30;

/// A Struct as JSON.
///
/// # Errors
/// `invalid_argument` naming the field, for numbers that JSON does not have.
pub(super) fn to_json(field: &str, structure: Struct) -> Result<serde_json::Value, Error> {
    object(field, structure).map(serde_json::Value::Object)
}

fn object(path: &str, structure: Struct) -> Result<Map<String, serde_json::Value>, Error> {
    structure
        .fields
        .into_iter()
        .map(|(name, value)| {
            let json = value_to_json(&format!("{path}.{name}"), value)?;
            Ok((name, json))
        })
        .collect()
}

fn value_to_json(path: &str, value: Value) -> Result<serde_json::Value, Error> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(flag)) => flag.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::NumberValue(number)) => {
            number_to_json(number).ok_or_else(|| Error::invalid(path, "must be a finite number"))?.into()
        }
        Some(Kind::StructValue(inner)) => object(path, inner)?.into(),
        Some(Kind::ListValue(list)) => list
            .values
            .into_iter()
            .enumerate()
            .map(|(index, item)| value_to_json(&format!("{path}[{index}]"), item))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
    })
}

fn number_to_json(number: f64) -> Option<Number> {
    whole(number).map(Number::from).or_else(|| Number::from_f64(number))
}

/// The integer that a double is, if it is one and is it exactly.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked to be exact")]
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT as f64).then_some(number as i64)
}

/// A JSON object as a Struct; anything else stands under `result`.
pub(super) fn answer_to_struct(value: serde_json::Value) -> Struct {
    match value {
        serde_json::Value::Object(fields) => to_struct(fields),
        other => to_struct(Map::from_iter([("result".to_owned(), other)])),
    }
}

/// A JSON object as a Struct.
pub(super) fn to_struct(fields: Map<String, serde_json::Value>) -> Struct {
    structure(fields, 1)
}

fn structure(fields: Map<String, serde_json::Value>, depth: usize) -> Struct {
    Struct { fields: fields.into_iter().map(|(name, value)| (name, from_json(value, depth))).collect() }
}

fn from_json(value: serde_json::Value, depth: usize) -> Value {
    let kind = match value {
        deep @ (serde_json::Value::Object(_) | serde_json::Value::Array(_)) if depth >= MAX_DEPTH => {
            Kind::StringValue(deep.to_string())
        }
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(flag),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Number(number) => number_kind(&number),
        serde_json::Value::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(|item| from_json(item, depth + 1)).collect(),
        }),
        serde_json::Value::Object(fields) => Kind::StructValue(structure(fields, depth + 1)),
    };
    Value { kind: Some(kind) }
}

fn number_kind(number: &Number) -> Kind {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    match (magnitude, number.as_f64()) {
        (Some(magnitude), _) if magnitude > MAX_EXACT => Kind::StringValue(number.to_string()),
        (_, Some(double)) => Kind::NumberValue(double),
        (_, None) => Kind::StringValue(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round_trip(value: serde_json::Value) -> serde_json::Value {
        to_json("params", answer_to_struct(value)).unwrap()
    }

    #[test]
    fn json_of_every_kind_round_trips() {
        let value = json!({"a": 1, "b": -2.5, "c": "x", "d": null, "e": [true, {"f": []}], "g": 9_007_199_254_740_992_i64});
        assert_eq!(round_trip(value.clone()), value);
    }

    #[test]
    fn number_whole_becomes_integer() {
        assert!(round_trip(json!({"n": 5.0}))["n"].is_i64());
        assert!(round_trip(json!({"n": 1e300}))["n"].is_f64());
    }

    #[test]
    fn integer_too_large_for_a_double_becomes_text() {
        assert_eq!(round_trip(json!({"id": 1_234_567_890_123_456_789_i64}))["id"], "1234567890123456789");
        assert_eq!(round_trip(json!({"id": i64::MIN}))["id"], i64::MIN.to_string());
        assert_eq!(round_trip(json!({"id": u64::MAX}))["id"], u64::MAX.to_string());
    }

    #[test]
    fn answer_not_an_object_stands_under_result() {
        assert_eq!(round_trip(json!([1, 2])), json!({"result": [1, 2]}));
        assert_eq!(round_trip(json!(null)), json!({"result": null}));
    }

    #[test]
    fn number_not_finite_is_refused_with_its_path() {
        let inner =
            Struct { fields: [("n".into(), Value { kind: Some(Kind::NumberValue(f64::NAN)) })].into() };
        let outer = Struct { fields: [("a".into(), Value { kind: Some(Kind::StructValue(inner)) })].into() };
        assert_eq!(to_json("params", outer).unwrap_err().details().fields[0].field, "params.a.n");
    }

    #[test]
    fn nesting_beyond_what_clients_read_becomes_text() {
        use prost::Message;
        let mut value = json!("core");
        for _ in 0..200 {
            value = json!({"x": [value]});
        }
        let bytes = answer_to_struct(value).encode_to_vec();
        assert!(Struct::decode(bytes.as_slice()).is_ok());
    }
}
