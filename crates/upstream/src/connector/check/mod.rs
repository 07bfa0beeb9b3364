//! The sense of a connector file, beyond its shape: names that exist, templates that can be filled, patterns that
//! compile, places that carry the credential.

mod oauth;
mod placement;

use std::collections::BTreeSet;

use http::HeaderName;
use url::Url;
use valetkey_domain::connection::is_valid_name;

use super::{Auth, Connector, TextTemplate, UrlTemplate, load::Refusal, whole};
use crate::tool::Tool;

fn refuse<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T, Refusal> {
    Err((place.into(), message.into()))
}

/// Checks what the types alone cannot.
pub(super) fn check(file: &str, connector: &Connector) -> Result<(), Refusal> {
    names(file, connector)?;
    links(connector)?;
    variables(connector)?;
    match &connector.auth {
        Auth::OAuth(profile) => oauth::check("auth.oauth", connector, profile, true)?,
        Auth::ClientCredentials(profile) => {
            oauth::check("auth.client_credentials", connector, profile, false)?;
        }
        Auth::Static(kind, form) => {
            let kind = kind.as_str().to_ascii_lowercase();
            placement::form(&format!("auth.{kind}"), connector, form)?;
        }
        Auth::None => {}
    }
    api(connector)?;
    limits(connector)?;
    tools(connector)
}

fn limits(connector: &Connector) -> Result<(), Refusal> {
    if let Err((place, why)) = connector.api.limits.check(&connector.tools) {
        return refuse(format!("api.limits.{place}"), why);
    }
    match connector.api.timeout_ms {
        Some(millis) if !(1..=3_600_000).contains(&millis) => {
            refuse("api.timeout_ms", "expected 1 to 3600000 milliseconds")
        }
        _ => Ok(()),
    }
}

fn names(file: &str, connector: &Connector) -> Result<(), Refusal> {
    let slug = &connector.slug;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || slug.len() > 50 || !slug.chars().all(plain) || slug.starts_with('-') {
        return refuse("slug", "expected 1 to 50 lower-case letters, digits and hyphens");
    }
    if file.rsplit('/').next() != Some(&format!("{slug}.yaml")) {
        return refuse("slug", format!("the file must be named {slug}.yaml"));
    }
    let official = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if connector.provider.len() > 50 || !connector.provider.chars().all(official) {
        return refuse("provider", "expected at most 50 upper-case letters, digits and underscores");
    }
    if let Some(alias) = connector.aliases.iter().find(|alias| !is_valid_name(alias)) {
        return refuse("aliases", format!("\"{alias}\" is not a name"));
    }
    for (place, text) in [("display_name", &connector.display_name), ("description", &connector.description)]
    {
        if text.trim().is_empty() || text.len() > 500 || text.chars().any(char::is_control) {
            return refuse(place, "expected one line of at most 500 characters");
        }
    }
    Ok(())
}

fn links(connector: &Connector) -> Result<(), Refusal> {
    let links = &connector.links;
    for (name, link) in [
        ("docs", &links.docs),
        ("console", &links.console),
        ("status", &links.status),
        ("user_access", &links.user_access),
    ] {
        if let Some(link) = link {
            web_page(&format!("links.{name}"), link)?;
        }
    }
    Ok(())
}

/// A page that people are sent to.
fn web_page(place: &str, link: &str) -> Result<(), Refusal> {
    match Url::parse(link) {
        Ok(url) if url.scheme() == "https" && url.has_host() && url.username().is_empty() => Ok(()),
        _ => refuse(place, "is not an https address"),
    }
}

fn is_identifier(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=50).contains(&name.len()) && name.chars().all(plain)
}

fn variables(connector: &Connector) -> Result<(), Refusal> {
    for (name, variable) in &connector.variables {
        let place = format!("variables.{name}");
        if !is_identifier(name) {
            return refuse(place, "expected lower-case letters, digits and underscores");
        }
        pattern(&format!("{place}.pattern"), &variable.pattern)?;
        if !variable.accepts(&variable.example) {
            return refuse(format!("{place}.example"), "does not fit the pattern");
        }
        if variable.default.as_ref().is_some_and(|default| !variable.accepts(default)) {
            return refuse(format!("{place}.default"), "does not fit the pattern");
        }
    }
    Ok(())
}

fn pattern(place: &str, pattern: &str) -> Result<(), Refusal> {
    match whole(pattern) {
        Ok(_) => Ok(()),
        Err(_) => refuse(place, "is not a regular expression"),
    }
}

/// The names that every template of a connector may use: its variables, and the facts learned about an account.
struct Known {
    variables: BTreeSet<String>,
    facts: BTreeSet<String>,
}

impl Known {
    fn of(connector: &Connector) -> Self {
        let facts = connector.auth.oauth().map(oauth::facts).unwrap_or_default();
        Self { variables: connector.variables.keys().cloned().collect(), facts }
    }

    fn knows(&self, name: &str, extra: &[&str]) -> bool {
        if let Some(variable) = name.strip_prefix("var.") {
            return self.variables.contains(variable);
        }
        if let Some(fact) = name.strip_prefix("account.") {
            return self.facts.contains(fact);
        }
        extra.iter().any(|known| match known.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => *known == name,
        })
    }

    fn text(&self, place: &str, template: &TextTemplate, extra: &[&str]) -> Result<(), Refusal> {
        match template.names().find(|name| !self.knows(name, extra)) {
            Some(name) => refuse(place, format!("\"{name}\" is not known here")),
            None => Ok(()),
        }
    }

    fn url(
        &self,
        place: &str,
        template: &UrlTemplate,
        hosts: &[String],
        extra: &[&str],
    ) -> Result<(), Refusal> {
        if template.is_whole_base() && hosts.is_empty() {
            return refuse(place, "begins with a value, so api.hosts must list the hosts that it may name");
        }
        match template.names().find(|name| !self.knows(name, extra)) {
            Some(name) => refuse(place, format!("\"{name}\" is not known here")),
            None => Ok(()),
        }
    }
}

/// Headers that belong to the connection or to the credential.
const FORBIDDEN_HEADERS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "cookie", "te", "upgrade"];

fn header(place: &str, name: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    if HeaderName::try_from(name).is_err() || FORBIDDEN_HEADERS.contains(&lower.as_str()) {
        return refuse(place, format!("\"{name}\" is not a header that a connector may set"));
    }
    Ok(())
}

fn api(connector: &Connector) -> Result<(), Refusal> {
    let known = Known::of(connector);
    let api = &connector.api;
    if api.base_url.is_relative() {
        return refuse("api.base_url", "must be a whole URL");
    }
    for host in &api.hosts {
        let bare = host.strip_prefix("*.").unwrap_or(host);
        if !bare.contains('.') || bare.contains(['*', '/', ':', '@']) {
            return refuse("api.hosts", format!("\"{host}\" is not a host such as \"*.example.com\""));
        }
    }
    known.url("api.base_url", &api.base_url, &api.hosts, &[])?;
    for (name, template) in &api.headers {
        let place = format!("api.headers.{name}");
        header(&place, name)?;
        if name.eq_ignore_ascii_case("authorization") {
            return refuse(place, "is the credential's");
        }
        known.text(&place, template, &[])?;
    }
    let errors = &api.errors;
    let named = errors.reset_headers.iter().chain(&errors.remaining_header).chain(&errors.request_id_headers);
    for name in named {
        if HeaderName::try_from(name.as_str()).is_err() {
            return refuse("api.errors", format!("\"{name}\" is not a header name"));
        }
    }
    if !api.errors.codes.is_empty() && api.errors.code.is_empty() {
        return refuse("api.errors.code", "is missing, so codes would never be looked up");
    }
    Ok(())
}

fn tools(connector: &Connector) -> Result<(), Refusal> {
    let prefix = format!("{}_", connector.slug.replace('-', "_"));
    for (index, tool) in connector.tools.iter().enumerate() {
        let place = |field: &str| format!("tools[{index}].{field}");
        let rest = tool.name.strip_prefix(&prefix).unwrap_or_default();
        if !is_identifier(rest) || tool.name.len() > 64 {
            return refuse(
                place("name"),
                format!("\"{}\" must be {prefix}<verb>_<noun>, at most 64 long", tool.name),
            );
        }
        if let Some(alias) = tool.aliases.iter().find(|alias| !is_identifier(alias)) {
            return refuse(place("aliases"), format!("\"{alias}\" is not a tool name"));
        }
        tool_sense(connector, tool, place)?;
    }
    probe(connector)
}

fn tool_sense(connector: &Connector, tool: &Tool, place: impl Fn(&str) -> String) -> Result<(), Refusal> {
    if tool.title.trim().is_empty() || tool.title.len() > 100 {
        return refuse(place("title"), "expected 1 to 100 characters");
    }
    if !(20..=1024).contains(&tool.description.len()) {
        return refuse(place("description"), "expected 20 to 1024 characters; models choose by it");
    }
    if tool.scopes.iter().any(Vec::is_empty) {
        return refuse(place("scopes"), "a group without a scope could never be met");
    }
    if !tool.scopes.is_empty() && connector.auth.oauth().is_none() {
        return refuse(place("scopes"), "only OAuth accounts have scopes");
    }
    if tool.read_only && tool.destructive {
        return refuse(place("destructive"), "contradicts read_only");
    }
    if *tool.method() == http::Method::GET && !tool.read_only {
        return refuse(place("read_only"), "a GET changes nothing; say read_only: true");
    }
    if *tool.method() == http::Method::DELETE && !tool.destructive {
        return refuse(place("destructive"), "a DELETE destroys something; say destructive: true");
    }
    if let Some(token) = tool.token() {
        let known = connector.auth.oauth().is_some_and(|p| p.token.reply.extra_tokens.contains_key(token));
        if !known {
            return refuse(place("request.token"), format!("\"{token}\" is no further token of the grant"));
        }
    }
    Ok(())
}

fn probe(connector: &Connector) -> Result<(), Refusal> {
    let Some(probe) = &connector.probe else {
        // What a person enters is tried with it before the account counts as active.
        return match connector.auth {
            Auth::Static(..) => {
                refuse("probe", "is missing; the credential that is entered is tried with it")
            }
            _ => Ok(()),
        };
    };
    match connector.tools.iter().find(|tool| tool.name == *probe) {
        Some(tool) if tool.read_only && tool.validate(&serde_json::json!({})).is_ok() => Ok(()),
        Some(_) => refuse("probe", format!("{probe} must be read_only and need no input")),
        None => refuse("probe", format!("there is no tool {probe}")),
    }
}
