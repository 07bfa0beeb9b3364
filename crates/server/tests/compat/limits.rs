//! Every limit that `proto/` states is kept: one violating message for each, made from the descriptors.

use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};
use tonic::Code;
use valetkey_api::{Descriptors, Rpc, limits::is_list, proto::options::FieldLimits};
use valetkey_domain::Permissions;

use crate::support::{framed, info, raw, start, status};

/// A message of the type that breaks no limit.
fn fitting(descriptors: &Descriptors, message: &MessageDescriptor) -> DynamicMessage {
    let mut made = DynamicMessage::new(message.clone());
    for (field, limits) in descriptors.limits().of(message) {
        let needed = limits.required || limits.min_len.is_some() || limits.prefix.is_some();
        if !needed || (field.supports_presence() && !limits.required) || is_list(&field) {
            continue;
        }
        let value = match field.kind() {
            Kind::Message(inner) => Value::Message(fitting(descriptors, &inner)),
            _ => Value::String(text(&limits, limits.min_len.unwrap_or(0).max(1) as usize)),
        };
        made.set_field(&field, value);
    }
    made
}

/// A text of that many characters that fits prefix and pattern.
fn text(limits: &FieldLimits, length: usize) -> String {
    let start = match limits.pattern.as_deref() {
        Some(pattern) if pattern.contains("https?://") => "https://",
        _ => limits.prefix.as_deref().unwrap_or_default(),
    };
    let rest = length.saturating_sub(start.chars().count());
    format!("{start}{}", "a".repeat(rest))
}

/// Values that break one limit each, by the limit's name.
fn breaking(limits: &FieldLimits) -> Vec<(&'static str, Option<Value>)> {
    let mut values = Vec::new();
    if limits.required {
        values.push(("required", None));
    }
    if let Some(max) = limits.max_items {
        let item = Value::String("a".into());
        values.push(("max_items", Some(Value::List(vec![item; max as usize + 1]))));
    }
    if let Some(items) = limits.items.as_deref() {
        let of_items = breaking(items).into_iter().map(|(constraint, value)| {
            let value = value.map(|value| match value {
                Value::List(_) => value,
                single => Value::List(vec![single]),
            });
            (constraint, value)
        });
        values.extend(of_items);
        return values;
    }
    // Empty and required is "required"; shorter than its prefix breaks the prefix as well.
    let alone = |min: &u32| limits.prefix.is_none() && (*min > 1 || !limits.required);
    if let Some(min) = limits.min_len.filter(alone) {
        values.push(("min_len", Some(Value::String(text(limits, min as usize - 1)))));
    }
    if let Some(max) = limits.max_len {
        values.push(("max_len", Some(Value::String(text(limits, max as usize + 1)))));
    }
    if limits.prefix.is_some() {
        values.push(("prefix", Some(Value::String("zz_1".into()))));
    }
    match limits.pattern.as_deref() {
        Some(pattern) if pattern.contains("https?://") => {
            values.push(("pattern", Some(Value::String("javascript:alert(1)".into()))));
        }
        Some(_) => values.push(("pattern", Some(Value::String("/../".into())))),
        None => {}
    }
    if let Some(lt) = limits.lt {
        values.push(("lt", Some(Value::U32(u32::try_from(lt).unwrap()))));
    }
    if let Some(lte) = limits.lte {
        values.push(("lte", Some(Value::U32(u32::try_from(lte).unwrap() + 1))));
    }
    values
}

struct Case {
    rpc: &'static Rpc,
    field: String,
    constraint: &'static str,
    message: DynamicMessage,
}

/// All cases of a message type; `wrap` puts a message of the type into the request.
fn cases(
    descriptors: &'static Descriptors,
    rpc: &'static Rpc,
    of: &MessageDescriptor,
    prefix: &str,
    wrap: &dyn Fn(DynamicMessage) -> DynamicMessage,
    found: &mut Vec<Case>,
) {
    for (field, limits) in descriptors.limits().of(of) {
        for (constraint, value) in breaking(&limits) {
            let mut message = fitting(descriptors, of);
            match value {
                Some(value) => message.set_field(&field, value),
                None => message.clear_field(&field),
            }
            let field = format!("{prefix}{}", field.name());
            found.push(Case { rpc, field, constraint, message: wrap(message) });
        }
    }
    for field in of.fields() {
        let Kind::Message(inner) = field.kind() else { continue };
        if !inner.package_name().starts_with("scalekit.") || is_list(&field) {
            continue;
        }
        let within = |message: DynamicMessage| {
            let mut outer = fitting(descriptors, of);
            outer.set_field(&field, Value::Message(message));
            wrap(outer)
        };
        cases(descriptors, rpc, &inner, &format!("{prefix}{}.", field.name()), &within, found);
    }
}

#[tokio::test]
async fn limits_broken_one_by_one_are_invalid_arguments() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", app.token(&tenant, Permissions::all()).await);
    let descriptors = Descriptors::embedded().unwrap();
    let mut all = Vec::new();
    for rpc in descriptors.rpcs() {
        cases(descriptors, rpc, &rpc.input, "", &|message| message, &mut all);
    }
    assert!(all.len() > 80, "only {} limits found", all.len());
    for case in all {
        let body = framed(&case.message.encode_to_vec());
        let status = status(&raw(&app, &case.rpc.path, &[("authorization", &bearer)], body).await);
        let name = format!("{} {} {}", case.rpc.name, case.field, case.constraint);
        assert_eq!(status.code(), Code::InvalidArgument, "{name}: {status}");
        let violations = info(&status).validation_error_info.expect(&name).field_violations;
        assert_eq!(violations.len(), 1, "{name}: {violations:?}");
        let field = violations[0].field.split('[').next().unwrap();
        assert_eq!(
            (field, violations[0].constraint.as_str()),
            (case.field.as_str(), case.constraint),
            "{name}"
        );
        assert!(status.message().starts_with(&case.field), "{name}: {}", status.message());
    }
}

/// Exactly at the limit is within it, counted in characters.
#[tokio::test]
async fn limits_reached_exactly_are_kept() {
    let descriptors = Descriptors::embedded().unwrap();
    for rpc in descriptors.rpcs() {
        let message = fitting(descriptors, &rpc.input);
        assert_eq!(descriptors.limits().violations(&message), [], "{}", rpc.name);
        for (field, limits) in descriptors.limits().of(&rpc.input) {
            let Some(max) = limits.max_len.filter(|_| limits.prefix.is_none() && limits.pattern.is_none())
            else {
                continue;
            };
            let mut message = fitting(descriptors, &rpc.input);
            message.set_field(&field, Value::String("é".repeat(max as usize)));
            assert_eq!(descriptors.limits().violations(&message), [], "{} {}", rpc.name, field.name());
        }
    }
}

/// Clients send 0 for "no page size" and leave out what has presence.
#[test]
fn limits_of_what_is_not_given_are_not_checked() {
    let descriptors = Descriptors::embedded().unwrap();
    for name in ["ListConnectedAccounts", "ListTools", "DeleteConnectedAccount", "GetConnectedAccountAuth"] {
        let rpc = descriptors.rpcs().iter().find(|rpc| rpc.name == name).unwrap();
        let empty = DynamicMessage::new(rpc.input.clone());
        assert_eq!(descriptors.limits().violations(&empty), [], "{name}");
    }
}
