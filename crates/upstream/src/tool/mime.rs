//! Mail messages for APIs that take one whole (`$mime` in templates): RFC 5322 headers, MIME parts, as base64url.
//!
//! The parts are `from`, `to`, `cc`, `bcc`, `reply_to` (an address or a list of them, with or without a name),
//! `subject`, `text`, `html`, `in_reply_to`, `references` and `attachments` (a list of `{filename, content_type,
//! content}` with `content` in base64). No value can become a header of its own: control characters are refused.
//!
//! `Date` and `Message-ID` are left to the provider, which is who sends the message.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use mail_builder::{
    MessageBuilder,
    headers::{Header as _, HeaderType, address::Address, message_id::MessageId, text::Text},
    mime::MimePart,
};
use serde_json::{Map, Value};

use super::{
    filter::from_base64,
    template::{Misfit, Scope, Template},
};
use crate::connector::InvalidTemplate;

const PARTS: [&str; 11] = [
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject",
    "text",
    "html",
    "in_reply_to",
    "references",
    "attachments",
];

/// Most recipients in one message: Gmail's own limit per message.
const MAX_ADDRESSES: usize = 500;

/// The template of a message.
#[derive(Debug, Clone)]
pub(crate) struct MailTemplate {
    parts: Vec<(&'static str, Template)>,
}

impl MailTemplate {
    pub(super) fn parse(parts: &Map<String, Value>) -> Result<Self, InvalidTemplate> {
        let parts = parts
            .iter()
            .map(|(name, value)| {
                let known = PARTS.into_iter().find(|part| part == name);
                let known =
                    known.ok_or_else(|| InvalidTemplate::new(name, "it is no part of a $mime message"))?;
                Ok((known, Template::parse(value)?))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.parts.iter().map(|(_, template)| template)
    }

    /// The message, base64url with padding; `None` if it has neither text, nor attachments, nor a header.
    pub(super) fn fill(&self, scope: Scope<'_>) -> Result<Option<String>, Misfit> {
        let mut values = Map::new();
        for (name, template) in &self.parts {
            if let Some(value) = template.fill(scope)? {
                values.insert((*name).to_owned(), value);
            }
        }
        if values.is_empty() {
            return Ok(None);
        }
        build(&values).map(|message| Some(URL_SAFE.encode(message)))
    }
}

fn misfit<T>(path: impl Into<String>, message: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { path: path.into(), message: message.into() })
}

/// The message as bytes.
fn build(values: &Map<String, Value>) -> Result<Vec<u8>, Misfit> {
    let mut headers: Vec<(&str, HeaderType<'_>)> = Vec::new();
    for (part, header) in
        [("from", "From"), ("to", "To"), ("cc", "Cc"), ("bcc", "Bcc"), ("reply_to", "Reply-To")]
    {
        if let Some(value) = values.get(part) {
            let addresses = addresses(part, value)?;
            if !addresses.is_empty() {
                headers.push((header, Address::new_list(addresses).into()));
            }
        }
    }
    if let Some(subject) = values.get("subject") {
        headers.push(("Subject", Text::new(line("subject", subject)?.to_owned()).into()));
    }
    for (part, header) in [("in_reply_to", "In-Reply-To"), ("references", "References")] {
        if let Some(value) = values.get(part) {
            headers.push((header, MessageId { id: message_ids(part, value)? }.into()));
        }
    }
    let mut message = Vec::new();
    for (name, value) in headers {
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(b": ");
        value.write_header(&mut message, name.len() + 2);
    }
    message.extend_from_slice(b"MIME-Version: 1.0\r\n");
    body(values)?.serialize_body(&mut message);
    Ok(message)
}

fn body(values: &Map<String, Value>) -> Result<MessageBuilder<'static>, Misfit> {
    let mut builder = MessageBuilder::new();
    if let Some(text) = values.get("text") {
        builder = builder.text_body(string("text", text)?.to_owned());
    }
    if let Some(html) = values.get("html") {
        builder = builder.html_body(string("html", html)?.to_owned());
    }
    let attachments = match values.get("attachments") {
        None => &[],
        Some(Value::Array(attachments)) => attachments.as_slice(),
        Some(_) => return misfit("attachments", "is not a list"),
    };
    for (index, attachment) in attachments.iter().enumerate() {
        let field = |name: &str| format!("attachments.{index}.{name}");
        let member = |name: &str| attachment.get(name).unwrap_or(&Value::Null);
        let filename = line(&field("filename"), member("filename"))?.to_owned();
        let content = string(&field("content"), member("content"))?;
        let Some(bytes) = from_base64(content) else {
            return misfit(field("content"), "is not base64");
        };
        let content_type = match member("content_type") {
            Value::Null => "application/octet-stream",
            given => string(&field("content_type"), given)?,
        };
        if !is_media_type(content_type) {
            return misfit(field("content_type"), "is not a media type such as \"application/pdf\"");
        }
        let part = MimePart::new(content_type.to_owned(), bytes).attachment(filename);
        builder.attachments.get_or_insert_default().push(part);
    }
    Ok(builder)
}

fn string<'a>(path: &str, value: &'a Value) -> Result<&'a str, Misfit> {
    value.as_str().map_or_else(|| misfit(path, "is not text"), Ok)
}

/// Text that fits on one line.
fn line<'a>(path: &str, value: &'a Value) -> Result<&'a str, Misfit> {
    let text = string(path, value)?;
    if text.chars().any(char::is_control) {
        return misfit(path, "holds a line break or another control character");
    }
    Ok(text)
}

/// `type/subtype` of RFC 2045 tokens, without parameters.
fn is_media_type(text: &str) -> bool {
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && !text.starts_with("multipart/")
}

fn addresses(part: &str, value: &Value) -> Result<Vec<Address<'static>>, Misfit> {
    let texts: Vec<&str> = match value {
        Value::String(list) => split_list(list),
        Value::Array(items) => items.iter().map(|item| string(part, item)).collect::<Result<_, _>>()?,
        _ => return misfit(part, "is neither an address nor a list of addresses"),
    };
    if texts.len() > MAX_ADDRESSES {
        return misfit(part, format!("has more than {MAX_ADDRESSES} addresses"));
    }
    texts.into_iter().map(|text| address(part, text)).collect()
}

/// Splits `a@x, "B, C" <b@x>` at the commas that stand outside of quotes and angle brackets.
fn split_list(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut angled) = (Vec::new(), 0, false, false);
    let mut escaped = false;
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angled = true,
            '>' if !quoted => angled = false,
            ',' | ';' if !quoted && !angled => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// `a@x`, `<a@x>` or `Name <a@x>`.
fn address(part: &str, text: &str) -> Result<Address<'static>, Misfit> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return misfit(part, "holds a line break or another control character");
    }
    let (name, email) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, email)) => (unquoted(name.trim()), email.trim()),
        None => (String::new(), text),
    };
    if !is_address(email) {
        let shown: String = text.chars().take(60).collect();
        return misfit(part, format!("\"{shown}\" is not an e-mail address"));
    }
    let name = if name.is_empty() { None } else { Some(Cow::Owned(name)) };
    Ok(Address::new_address(name, email.to_owned()))
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
        Some(inner) => {
            let mut out = String::new();
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                out.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            out
        }
        None => name.to_owned(),
    }
}

/// The shape of an address: enough to be no header, no list and no route. The provider judges the rest.
fn is_address(email: &str) -> bool {
    email.len() <= 320
        && email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c))
}

/// One or more message ids, with or without angle brackets.
fn message_ids(part: &str, value: &Value) -> Result<Vec<Cow<'static, str>>, Misfit> {
    let texts: Vec<&str> = match value {
        Value::String(_) => line(part, value)?.split_whitespace().collect(),
        Value::Array(items) => items.iter().map(|item| string(part, item)).collect::<Result<_, _>>()?,
        _ => return misfit(part, "is not text"),
    };
    texts
        .into_iter()
        .map(|text| {
            let id = text.trim().trim_start_matches('<').trim_end_matches('>');
            let odd = |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii() || "<>".contains(c);
            if id.is_empty() || id.len() > 900 || id.chars().any(odd) {
                return misfit(part, "is not a message id such as \"<abc@mail.example.com>\"");
            }
            Ok(Cow::Owned(id.to_owned()))
        })
        .collect()
}

#[cfg(test)]
#[path = "mime_tests.rs"]
mod tests;
