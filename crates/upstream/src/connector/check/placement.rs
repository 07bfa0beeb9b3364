//! Where credentials go, and what is asked for.

use super::{Known, Refusal, header, is_identifier, pattern, refuse, web_page};
use crate::connector::{Connector, Placement, StaticAuth};

/// The form of a credential without OAuth.
pub(super) fn form(root: &str, connector: &Connector, form: &StaticAuth) -> Result<(), Refusal> {
    let known = Known::of(connector);
    if form.fields.is_empty() {
        return refuse(format!("{root}.fields"), "asks for nothing");
    }
    let names: Vec<&str> = form.fields.iter().map(|field| field.name.as_str()).collect();
    for (index, field) in form.fields.iter().enumerate() {
        let place = |name: &str| format!("{root}.fields[{index}].{name}");
        if !is_identifier(&field.name) || names[..index].contains(&field.name.as_str()) {
            return refuse(place("name"), "expected lower-case letters, digits and underscores, once");
        }
        if field.label.english().trim().is_empty() {
            return refuse(place("label"), "is empty");
        }
        if let Some(text) = &field.pattern {
            pattern(&place("pattern"), text)?;
        }
        if let Some(link) = &field.url {
            web_page(&place("url"), link)?;
        }
        let used = |placement: &Placement| placement.templates().any(|t| t.names().any(|n| n == field.name));
        if !form.attach.iter().any(used) {
            return refuse(place("name"), format!("\"{}\" is asked for but never sent", field.name));
        }
    }
    attach(&format!("{root}.attach"), &known, &form.attach, &names)
}

/// Places that carry a credential; `names` are its parts.
pub(super) fn attach(
    root: &str,
    known: &Known,
    placements: &[Placement],
    names: &[&str],
) -> Result<(), Refusal> {
    if placements.is_empty() {
        return refuse(root, "is empty, so the credential would never be sent");
    }
    for (index, placement) in placements.iter().enumerate() {
        let place = format!("{root}[{index}]");
        let given = [placement.header.is_some(), placement.query.is_some(), placement.basic.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return refuse(place, "expected exactly one of header, query, basic");
        }
        if let Some(target) = &placement.header {
            header(&format!("{place}.header.name"), &target.name)?;
        }
        if let Some(target) = &placement.query {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if target.name.is_empty() || !target.name.chars().all(plain) {
                return refuse(format!("{place}.query.name"), "is not a parameter name");
            }
        }
        for template in placement.templates() {
            known.text(&place, template, names)?;
        }
    }
    Ok(())
}
