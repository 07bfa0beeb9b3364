//! Gmail's message resource, made readable: headers by name, the text decoded, attachments listed.

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::filter::from_base64;

/// The headers worth giving, with their names in the answer.
const HEADERS: [(&str, &str); 10] = [
    ("From", "from"),
    ("To", "to"),
    ("Cc", "cc"),
    ("Bcc", "bcc"),
    ("Reply-To", "reply_to"),
    ("Subject", "subject"),
    ("Date", "date"),
    ("Message-ID", "message_id_header"),
    ("In-Reply-To", "in_reply_to"),
    ("References", "references"),
];

/// Deepest nesting of parts that is looked into; the message comes from outside.
const MAX_DEPTH: usize = 30;

#[derive(Default)]
struct Found {
    text: Vec<String>,
    html: Vec<String>,
    attachments: Vec<Value>,
}

/// The readable form. What the resource lacks (formats `minimal` and `metadata` have no body) is left out.
pub(crate) fn readable(message: &Value) -> Value {
    let mut out = Map::new();
    for (from, to) in [
        ("id", "id"),
        ("threadId", "thread_id"),
        ("labelIds", "label_ids"),
        ("snippet", "snippet"),
        ("sizeEstimate", "size_bytes"),
    ] {
        if let Some(value) = message.get(from).filter(|value| !value.is_null()) {
            out.insert(to.into(), value.clone());
        }
    }
    if let Some(received) = message.get("internalDate").and_then(received_at) {
        out.insert("received_at".into(), Value::String(received));
    }
    let payload = message.get("payload");
    let headers = payload.and_then(|p| p.get("headers")).and_then(Value::as_array);
    for (header, name) in HEADERS {
        let named = |h: &&Value| {
            h.get("name").and_then(Value::as_str).is_some_and(|n| n.eq_ignore_ascii_case(header))
        };
        if let Some(value) = headers.and_then(|h| h.iter().find(named)).and_then(|h| h.get("value")) {
            out.insert(name.into(), value.clone());
        }
    }
    if let Some(payload) = payload {
        let mut found = Found::default();
        walk(payload, 0, &mut found);
        if !found.text.is_empty() {
            out.insert("text".into(), Value::String(found.text.join("\n")));
        } else if !found.html.is_empty() {
            out.insert("html".into(), Value::String(found.html.join("\n")));
        }
        if !found.attachments.is_empty() {
            out.insert("attachments".into(), Value::Array(found.attachments));
        }
    }
    Value::Object(out)
}

fn received_at(millis: &Value) -> Option<String> {
    let millis = millis.as_i64().or_else(|| millis.as_str()?.parse().ok())?;
    OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok()?.format(&Rfc3339).ok()
}

fn walk(part: &Value, depth: usize, found: &mut Found) {
    if depth > MAX_DEPTH {
        return;
    }
    let text_of = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
    let body = part.get("body");
    let filename = text_of("filename");
    if !filename.is_empty() {
        found.attachments.push(json!({
            "filename": filename,
            "content_type": text_of("mimeType"),
            "size_bytes": body.and_then(|b| b.get("size")),
            "attachment_id": body.and_then(|b| b.get("attachmentId")),
        }));
    } else if let Some(data) = body.and_then(|b| b.get("data")).and_then(Value::as_str)
        && let Some(bytes) = from_base64(data)
    {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match text_of("mimeType") {
            "text/plain" => found.text.push(text),
            "text/html" => found.html.push(text),
            _ => {}
        }
    }
    for child in part.get("parts").and_then(Value::as_array).into_iter().flatten() {
        walk(child, depth + 1, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_multipart_becomes_readable() {
        let message = json!({
            "id": "m1", "threadId": "t1", "labelIds": ["INBOX"], "snippet": "Hi", "internalDate": "1767225600000",
            "payload": {
                "mimeType": "multipart/mixed",
                "headers": [{"name": "from", "value": "A <a@x>"}, {"name": "Message-Id", "value": "<1@x>"}],
                "parts": [
                    {"mimeType": "multipart/alternative", "parts": [
                        {"mimeType": "text/plain", "filename": "", "body": {"data": "w6TDtg"}},
                        {"mimeType": "text/html", "filename": "", "body": {"data": "PGI-PC9iPg=="}},
                    ]},
                    {"mimeType": "application/pdf", "filename": "r.pdf", "body": {"attachmentId": "att", "size": 9}},
                ],
            },
        });
        assert_eq!(
            readable(&message),
            json!({
                "id": "m1", "thread_id": "t1", "label_ids": ["INBOX"], "snippet": "Hi",
                "received_at": "2026-01-01T00:00:00Z", "from": "A <a@x>", "message_id_header": "<1@x>", "text": "äö",
                "attachments": [
                    {"filename": "r.pdf", "content_type": "application/pdf", "size_bytes": 9, "attachment_id": "att"},
                ],
            }),
        );
    }

    #[test]
    fn message_odd_shapes_never_fail() {
        for odd in
            [json!(null), json!([]), json!({"payload": 3}), json!({"payload": {"headers": {}, "parts": "x"}})]
        {
            readable(&odd);
        }
        let mut deep = json!({"mimeType": "text/plain", "body": {"data": "eA"}});
        for _ in 0..100 {
            deep = json!({"parts": [deep]});
        }
        assert_eq!(readable(&json!({"payload": deep})), json!({}));
    }
}
