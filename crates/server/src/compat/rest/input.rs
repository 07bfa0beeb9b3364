//! From path, query and body to the message of an RPC.

use std::borrow::Cow;

use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};
use valetkey_api::{
    Rpc,
    http_rules::{Body, HttpRoute},
    limits::is_list,
};
use valetkey_domain::{Error, ErrorCode};

use crate::extract::{invalid_field, malformed};

/// The largest integer up to which every integer is a double, and free-form fields know only doubles.
const MAX_EXACT: u64 = 1 << 53;

/// The encoded message. `path` is one that the route matches.
///
/// # Errors
/// `invalid_request` for what is not JSON, `invalid_argument` naming the field that is unknown or of the wrong type.
pub(super) fn message(
    rpc: &Rpc,
    route: &HttpRoute,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut fields = body_fields(&route.body, body)?;
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        if route.body == Body::Whole {
            return Err(Error::invalid(name, "this field goes into the body, not into the query"));
        }
        from_query(&rpc.input, &mut fields, &name, &text)?;
    }
    for (name, text) in route.matches(path).unwrap_or_default() {
        // The path is the address; the same field elsewhere does not change it.
        if let Some(field) = rpc.input.get_field_by_name(name) {
            fields.remove(field.json_name());
        }
        fields.insert(name.to_owned(), Value::String(text.into_owned()));
    }
    let value = Value::Object(fields);
    exact(&value, "")?;
    Ok(typed(&rpc.input, value)?.encode_to_vec())
}

fn body_fields(expected: &Body, body: &[u8]) -> Result<Map<String, Value>, Error> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let not_an_object = || Error::new(ErrorCode::InvalidRequest).message("The body must be a JSON object.");
    let value: Value = serde_json::from_slice(body).map_err(|fault| malformed(&fault))?;
    match expected {
        Body::None => Err(Error::new(ErrorCode::InvalidRequest).message("This call takes no body.")),
        Body::Whole => match value {
            Value::Object(fields) => Ok(fields),
            _ => Err(not_an_object()),
        },
        Body::Field(name) if value.is_object() => Ok(Map::from_iter([(name.clone(), value)])),
        Body::Field(_) => Err(not_an_object()),
    }
}

/// Puts one parameter of the query where it belongs: `filter.connector` into the message `filter`, a repeated one at
/// the end of its list.
fn from_query(
    message: &MessageDescriptor,
    fields: &mut Map<String, Value>,
    name: &str,
    text: &str,
) -> Result<(), Error> {
    let unknown = || Error::invalid(name, "this field is not known");
    let mut message = Cow::Borrowed(message);
    let mut fields = fields;
    let mut steps = name.split('.').peekable();
    while let Some(step) = steps.next() {
        let field = message
            .get_field_by_name(step)
            .or_else(|| message.get_field_by_json_name(step))
            .ok_or_else(unknown)?;
        if steps.peek().is_none() {
            return set(fields, &field, name, text);
        }
        let inner = match field.kind() {
            Kind::Message(inner) if !is_list(&field) && !field.is_map() => inner,
            _ => return Err(unknown()),
        };
        let next = fields.entry(field.name()).or_insert_with(|| Value::Object(Map::new()));
        fields = next.as_object_mut().ok_or_else(unknown)?;
        message = Cow::Owned(inner);
    }
    Err(unknown())
}

fn set(
    fields: &mut Map<String, Value>,
    field: &FieldDescriptor,
    name: &str,
    text: &str,
) -> Result<(), Error> {
    let value = match field.kind() {
        Kind::Bool => boolean(name, text)?,
        Kind::Message(inner) if inner.full_name() == "google.protobuf.BoolValue" => boolean(name, text)?,
        Kind::Message(_) => return Err(Error::invalid(name, "this field cannot be given in the query")),
        // The mapping of proto3 reads numbers and enums from text as well.
        _ => Value::String(text.to_owned()),
    };
    if is_list(field) {
        let list = fields.entry(field.name()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = list {
            items.push(value);
        }
    } else if fields.insert(field.name().to_owned(), value).is_some() {
        return Err(Error::invalid(name, "this field is given twice"));
    }
    Ok(())
}

fn boolean(name: &str, text: &str) -> Result<Value, Error> {
    text.parse().map(Value::Bool).map_err(|_| Error::invalid(name, "must be true or false"))
}

/// Refuses integers that a double would round: ids of 64 bits must not change on the way.
fn exact(value: &Value, path: &str) -> Result<(), Error> {
    match value {
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if magnitude.is_some_and(|magnitude| magnitude > MAX_EXACT) {
                return Err(Error::invalid(
                    path,
                    "integers beyond 2^53 are not exact in JSON; give it as a text",
                ));
            }
            Ok(())
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| exact(item, &format!("{path}[{index}]")))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| exact(inner, &below(path, name))),
        _ => Ok(()),
    }
}

fn typed(message: &MessageDescriptor, value: Value) -> Result<DynamicMessage, Error> {
    let mut track = serde_path_to_error::Track::new();
    let parser = serde_path_to_error::Deserializer::new(value, &mut track);
    DynamicMessage::deserialize_with_options(message.clone(), parser, &DeserializeOptions::new()).map_err(
        |fault: serde_json::Error| {
            let path = track.path().to_string();
            let path = if path == "." { "" } else { &path };
            refused(path, &fault.to_string())
        },
    )
}

fn refused(path: &str, message: &str) -> Error {
    let quoted = |start: &str| message.strip_prefix(start).and_then(|rest| rest.strip_suffix('\''));
    if let Some(name) = quoted("unrecognized field name '") {
        return Error::invalid(below(path, name), "this field is not known");
    }
    if message.starts_with("unrecognized enum value") {
        return Error::invalid(path, "this is not one of the known values");
    }
    if let Some(oneof) = quoted("multiple fields provided for oneof '") {
        return Error::invalid(path, format!("only one of the fields of {oneof} may be given"));
    }
    invalid_field(if path.is_empty() { "." } else { path }, message)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use valetkey_api::Descriptors;

    use super::{super::answer, *};

    fn rpc(name: &str) -> &'static Rpc {
        Descriptors::embedded().unwrap().rpcs().iter().find(|rpc| rpc.name == name).unwrap()
    }

    fn read(name: &str, path: &str, query: &str, body: &str) -> Result<Value, Error> {
        let rpc = rpc(name);
        let route = rpc.routes.iter().find(|route| route.matches(path).is_some()).unwrap();
        let bytes = message(rpc, route, path, query, body.as_bytes())?;
        answer::json(rpc.input.clone(), &bytes)
    }

    #[test]
    fn query_nested_and_repeated_and_both_spellings_are_read() {
        let got = read(
            "ListTools",
            "/api/v1/tools",
            "pageSize=5&filter.connector=gmail&filter.tool_name=a&filter.toolName=b&filter.summary=true",
            "",
        )
        .unwrap();
        assert_eq!(got["page_size"], 5);
        assert_eq!(got["filter"]["connector"], "gmail");
        assert_eq!(got["filter"]["tool_name"], json!(["a", "b"]));
        assert_eq!(got["filter"]["summary"], true);
    }

    #[test]
    fn body_in_both_spellings_is_read() {
        for body in [
            r#"{"tool_name": "t", "connected_account_id": "ca_1", "params": {"n": 5, "a_b": {"cD": [1]}}}"#,
            r#"{"toolName": "t", "connectedAccountId": "ca_1", "params": {"n": 5, "a_b": {"cD": [1]}}}"#,
        ] {
            let got = read("ExecuteTool", "/api/v1/execute_tool", "", body).unwrap();
            assert_eq!(got["tool_name"], "t");
            assert_eq!(got["connected_account_id"], "ca_1");
            assert_eq!(got["params"], json!({"n": 5, "a_b": {"cD": [1]}}));
        }
    }

    #[test]
    fn path_field_wins_over_the_body() {
        let path = "/api/v1/connected_accounts/ca_1:disconnect";
        assert_eq!(read("DisconnectConnectedAccount", path, "", r#"{"id": "ca_2"}"#).unwrap()["id"], "ca_1");
        assert_eq!(read("DisconnectConnectedAccount", path, "", "").unwrap()["id"], "ca_1");
    }

    #[test]
    fn body_of_one_field_is_that_field() {
        let got = read("CreateTool", "/api/v1/tools", "", r#"{"definition": {"name": "x"}}"#).unwrap();
        assert_eq!(got["tool"]["definition"]["name"], "x");
    }

    #[test]
    fn input_wrong_is_refused_naming_the_field() {
        let list = ("ListTools", "/api/v1/tools");
        let execute = ("ExecuteTool", "/api/v1/execute_tool");
        let create = ("CreateConnectedAccount", "/api/v1/connected_accounts");
        let cases = [
            (list, "bogus=1", "", "bogus"),
            (list, "filter.bogus=1", "", "filter.bogus"),
            (list, "filter=1", "", "filter"),
            (list, "page_size.x=1", "", "page_size.x"),
            (list, "page_size=1&page_size=2", "", "page_size"),
            (list, "page_size=many", "", "page_size"),
            (list, "page_size=-1", "", "page_size"),
            (list, "filter.summary=yes", "", "filter.summary"),
            (execute, "tool_name=t", "{}", "tool_name"),
            (execute, "", r#"{"bogus": 1}"#, "bogus"),
            (execute, "", r#"{"tool_name": 5}"#, "tool_name"),
            (execute, "", r#"{"params": [1]}"#, "params"),
            (execute, "", r#"{"params": {"a": [{"b": 12345678901234567890}]}}"#, "params.a[0].b"),
            (create, "", r#"{"connected_account": {"bogus": 1}}"#, "connected_account.bogus"),
            (
                create,
                "",
                r#"{"connected_account": {"authorization_details": {"oauth_token": {"scopes": [1]}}}}"#,
                "connected_account.authorization_details.oauth_token.scopes[0]",
            ),
        ];
        for ((name, path), query, body, field) in cases {
            let error = read(name, path, query, body).expect_err(field);
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
            assert_eq!(error.details().fields[0].field, field, "{error}");
        }
    }

    /// S56: a secret in the wrong place is not quoted back.
    #[test]
    fn input_wrong_is_not_quoted() {
        let body = r#"{"connected_account": {"authorization_details": "hunter2"}}"#;
        let error = read("CreateConnectedAccount", "/api/v1/connected_accounts", "", body).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn body_not_an_object_is_refused() {
        for body in ["[1]", "1", "{", "nul", "\u{0}"] {
            let error = read("ExecuteTool", "/api/v1/execute_tool", "", body).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{body}");
        }
        let error = read("ListTools", "/api/v1/tools", "", "{}").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
    }

    #[test]
    fn body_nested_too_deeply_is_refused() {
        let body = format!(r#"{{"params": {}1{}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200));
        let error = read("ExecuteTool", "/api/v1/execute_tool", "", &body).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
    }
}
