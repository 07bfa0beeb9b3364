//! Checks requests against the limits that `proto/` states. Generic: it knows the options, not the fields.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor,
    ReflectMessage, Value,
};
use regex::Regex;

use crate::{
    descriptors::{DescriptorError, extension, option},
    proto::options::{Exclusive, FieldLimits},
};

/// A field that breaks a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field: `filter.query`, `connection_names[2]`.
    pub field: String,
    /// What is wrong, for people.
    pub message: String,
    /// The limit: `required`, `min_len`, `max_len`, `pattern`, `prefix`, `lt`, `lte`, `max_items`, `exclusive`.
    pub constraint: &'static str,
}

/// The limits of all message types, ready to check.
#[derive(Debug)]
pub struct Limits {
    messages: HashMap<String, MessageRules>,
}

#[derive(Debug, Default)]
struct MessageRules {
    fields: Vec<(FieldDescriptor, FieldLimits, Option<Regex>)>,
    exclusive: Vec<Exclusive>,
    /// Fields whose messages have limits of their own, now or further down.
    nested: Vec<FieldDescriptor>,
}

impl Limits {
    pub(crate) fn read(pool: &DescriptorPool) -> Result<Self, DescriptorError> {
        let limits = extension(pool, "valetkey.options.v1.limits")?;
        let exclusive = extension(pool, "valetkey.options.v1.exclusive")?;
        let mut messages = HashMap::new();
        for message in pool.all_messages().filter(|m| m.package_name().starts_with("scalekit.")) {
            messages.insert(message.full_name().to_owned(), rules(&message, &limits, &exclusive)?);
        }
        Ok(Self { messages })
    }

    /// Every limit that the message breaks, in the order of the fields.
    #[must_use]
    pub fn violations(&self, message: &DynamicMessage) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check(message, "", &mut found);
        found
    }

    /// The limits of a message type, field by field. For tests that break each of them.
    #[must_use]
    pub fn of(&self, message: &MessageDescriptor) -> Vec<(FieldDescriptor, FieldLimits)> {
        self.messages
            .get(message.full_name())
            .map(|rules| {
                rules.fields.iter().map(|(field, limits, _)| (field.clone(), limits.clone())).collect()
            })
            .unwrap_or_default()
    }

    fn check(&self, message: &DynamicMessage, prefix: &str, found: &mut Vec<Violation>) {
        let descriptor = message.descriptor();
        let Some(rules) = self.messages.get(descriptor.full_name()) else { return };
        for exclusive in &rules.exclusive {
            let given: Vec<&str> = exclusive
                .fields
                .iter()
                .map(String::as_str)
                .filter(|name| message.has_field_by_name(name))
                .collect();
            if let [first, .., last] = given[..] {
                found.push(Violation {
                    field: format!("{prefix}{last}"),
                    message: format!("give either {prefix}{first} or {prefix}{last}, not both"),
                    constraint: "exclusive",
                });
            }
        }
        for (field, limits, pattern) in &rules.fields {
            let path = format!("{prefix}{}", field.name());
            let set = message.has_field(field);
            if !set && limits.required {
                found.push(Violation { field: path, message: "is required".into(), constraint: "required" });
            } else if set || !field.supports_presence() {
                check_value(&path, &message.get_field(field), limits, pattern.as_ref(), found);
            }
        }
        for field in &rules.nested {
            let path = format!("{prefix}{}", field.name());
            match message.get_field(field).as_ref() {
                Value::Message(inner) if message.has_field(field) => {
                    self.check(inner, &format!("{path}."), found);
                }
                Value::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        if let Some(inner) = item.as_message() {
                            self.check(inner, &format!("{path}[{index}]."), found);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn rules(
    message: &MessageDescriptor,
    limits: &ExtensionDescriptor,
    exclusive: &ExtensionDescriptor,
) -> Result<MessageRules, DescriptorError> {
    let mut rules = MessageRules::default();
    for field in message.fields() {
        if let Some(inner) = field.kind().as_message()
            && inner.package_name().starts_with("scalekit.")
        {
            rules.nested.push(field.clone());
        }
        let Some(stated) = option::<FieldLimits>(&field.options(), limits) else { continue };
        let text = stated.items.as_deref().unwrap_or(&stated).pattern.as_deref();
        let pattern = text
            .map(|text| Regex::new(text).map_err(|e| DescriptorError(format!("{}: {e}", field.full_name()))))
            .transpose()?;
        rules.fields.push((field, stated, pattern));
    }
    let options = message.options();
    if let Value::List(stated) = options.get_extension(exclusive).as_ref() {
        for one in stated.iter().filter_map(Value::as_message) {
            let one: Exclusive = one.transcode_to().map_err(|e| DescriptorError(e.to_string()))?;
            if let Some(name) = one.fields.iter().find(|name| message.get_field_by_name(name).is_none()) {
                return Err(DescriptorError(format!("{} has no field {name}", message.full_name())));
            }
            rules.exclusive.push(one);
        }
    }
    Ok(rules)
}

fn check_value(
    path: &str,
    value: &Value,
    limits: &FieldLimits,
    pattern: Option<&Regex>,
    found: &mut Vec<Violation>,
) {
    let mut broken = |message: String, constraint| {
        found.push(Violation { field: path.to_owned(), message, constraint });
    };
    match value {
        Value::String(text) => {
            // Characters, not bytes: that is what the callers count.
            let length = text.chars().count() as u64;
            if let Some(min) = limits.min_len.filter(|min| length < u64::from(*min)) {
                broken(format!("must have at least {min} characters, has {length}"), "min_len");
            }
            if let Some(max) = limits.max_len.filter(|max| length > u64::from(*max)) {
                broken(format!("must have at most {max} characters, has {length}"), "max_len");
            }
            if let Some(prefix) = limits.prefix.as_deref().filter(|prefix| !text.starts_with(prefix)) {
                broken(format!("must start with \"{prefix}\""), "prefix");
            }
            if let Some(pattern) = pattern.filter(|pattern| !pattern.is_match(text)) {
                broken(format!("must match {pattern}"), "pattern");
            }
        }
        Value::U32(_) | Value::U64(_) => {
            let number = value.as_u64().or_else(|| value.as_u32().map(u64::from)).unwrap_or_default();
            if let Some(lt) = limits.lt.filter(|lt| number >= *lt) {
                broken(format!("must be less than {lt}, is {number}"), "lt");
            }
            if let Some(lte) = limits.lte.filter(|lte| number > *lte) {
                broken(format!("must be at most {lte}, is {number}"), "lte");
            }
        }
        Value::List(items) => {
            if let Some(max) = limits.max_items.filter(|max| items.len() > *max as usize) {
                broken(format!("must have at most {max} items, has {}", items.len()), "max_items");
            } else if let Some(of_item) = limits.items.as_deref() {
                for (index, item) in items.iter().enumerate() {
                    check_value(&format!("{path}[{index}]"), item, of_item, pattern, found);
                }
            }
        }
        _ => {}
    }
}

/// Whether the field is repeated (a list, not a map). For tests that break each limit.
#[must_use]
pub fn is_list(field: &FieldDescriptor) -> bool {
    field.cardinality() == Cardinality::Repeated && !field.is_map()
}
