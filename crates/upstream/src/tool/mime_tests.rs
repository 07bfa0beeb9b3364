//! Messages: what they hold, and what can never get into a header.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::template::{Misfit, Scope, Template};

/// The message that a `$mime` of the given parts makes.
fn message(parts: &Value) -> Result<String, Misfit> {
    let names: serde_json::Map<String, Value> = parts
        .as_object()
        .unwrap()
        .keys()
        .map(|name| (name.clone(), Value::String(format!("{{{name}}}"))))
        .collect();
    let template = Template::parse(&json!({"$mime": names})).unwrap();
    let encoded = template.fill(Scope::new(parts))?.unwrap();
    Ok(String::from_utf8(URL_SAFE.decode(encoded.as_str().unwrap()).unwrap()).unwrap())
}

/// The header lines, unfolded.
fn headers(message: &str) -> Vec<String> {
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n\t", " ").replace("\r\n ", " ").split("\r\n").map(ToOwned::to_owned).collect()
}

#[test]
fn message_plain_has_what_was_given_and_nothing_else() {
    let text = message(&json!({
        "to": "Ada Lovelace <ada@example.com>, grace@example.com", "cc": ["x@example.com"], "subject": "Lunch",
        "text": "At noon?",
    }))
    .unwrap();
    let lines = headers(&text);
    assert!(
        lines.contains(&"To: \"Ada Lovelace\" <ada@example.com>, <grace@example.com>".to_owned()),
        "{lines:?}"
    );
    assert!(lines.contains(&"Cc: <x@example.com>".to_owned()));
    assert!(lines.contains(&"Subject: Lunch".to_owned()));
    assert!(lines.contains(&"MIME-Version: 1.0".to_owned()));
    // The provider sets these; ours would tell this server's host name.
    assert!(!lines.iter().any(|line| line.starts_with("Message-ID") || line.starts_with("Date")));
    assert!(text.ends_with("At noon?") || text.trim_end().ends_with("At noon?"));
}

#[test]
fn message_utf8_is_encoded_in_headers_and_body() {
    let text = message(&json!({
        "to": "Jürgen Groß <j@example.com>", "subject": "Grüße aus Köln 🎉", "text": "Schöne Grüße",
    }))
    .unwrap();
    assert!(headers(&text).iter().all(|line| line.is_ascii()), "{text}");
    assert!(text.contains("=?utf-8?"), "{text}");
    assert!(text.contains("charset=\"utf-8\"") || text.contains("charset=utf-8"), "{text}");
}

#[test]
fn message_alternatives_and_attachments_nest() {
    let text = message(&json!({
        "to": "a@example.com", "text": "plain", "html": "<p>html</p>",
        "attachments": [{"filename": "Bericht ä.pdf", "content_type": "application/pdf", "content": "JVBERi0="}],
    }))
    .unwrap();
    let order = ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"];
    let places: Vec<_> =
        order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("JVBERi0=") && text.contains("attachment"));
}

#[test]
fn message_answer_names_what_it_answers() {
    let text = message(&json!({
        "to": "a@example.com", "in_reply_to": "<1@x.example>", "references": "<0@x.example> <1@x.example>",
    }))
    .unwrap();
    let lines = headers(&text);
    assert!(lines.contains(&"In-Reply-To: <1@x.example>".to_owned()), "{lines:?}");
    assert!(lines.contains(&"References: <0@x.example> <1@x.example>".to_owned()), "{lines:?}");
}

#[test]
fn message_bad_parts_are_refused_by_name() {
    for (parts, path) in [
        (json!({"to": "nobody"}), "to"),
        (json!({"to": "a@b\r\nBcc: evil@x"}), "to"),
        (json!({"to": ["a@b.example", "x <y"]}), "to"),
        (json!({"to": "a@b, c d@e"}), "to"),
        (json!({"subject": "x\r\nBcc: evil@x"}), "subject"),
        (json!({"in_reply_to": "<a>\r\nX: y"}), "in_reply_to"),
        (json!({"attachments": [{"filename": "a", "content": "%%"}]}), "attachments.0.content"),
        (json!({"attachments": [{"filename": "a\nb", "content": ""}]}), "attachments.0.filename"),
        (
            json!({"attachments": [{"filename": "a", "content_type": "text/x\r\nX: y", "content": ""}]}),
            "attachments.0.content_type",
        ),
        (
            json!({"attachments": [{"filename": "a", "content_type": "multipart/mixed", "content": ""}]}),
            "attachments.0.content_type",
        ),
        (json!({"to": 3}), "to"),
    ] {
        let misfit = message(&parts).unwrap_err();
        assert_eq!(misfit.path, path, "{parts}: {}", misfit.message);
    }
}

#[test]
fn address_lists_split_outside_of_quotes_only() {
    let text = message(&json!({"to": "\"Lovelace, Ada\" <ada@example.com>; b@example.com"})).unwrap();
    assert!(
        headers(&text).contains(&"To: \"Lovelace, Ada\" <ada@example.com>, <b@example.com>".to_owned()),
        "{text}"
    );
}

const KNOWN: [&str; 11] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is put into any part: either it is refused, or the message has only the headers that a message has,
    /// each once.
    #[test]
    fn message_headers_cannot_be_injected(
        to in "[a-z\\r\\n\\t :<>@,\";.ä]{0,40}", name in "\\PC{0,30}", subject in "(?s).{0,60}",
        reply in "[a-z<>@ \\r\\n:]{0,30}", file in "(?s).{0,30}",
    ) {
        let parts = json!({
            "to": [to, format!("{name} <a@example.com>")], "subject": subject, "in_reply_to": reply, "text": "x",
            "attachments": [{"filename": file, "content": "eA=="}],
        });
        for single in ["to", "subject", "in_reply_to", "attachments", ""] {
            let mut parts = parts.clone();
            if !single.is_empty() {
                parts = json!({single: parts[single].clone(), "text": "x"});
            }
            let Ok(message) = message(&parts) else { continue };
            let mut seen: Vec<String> = Vec::new();
            for line in headers(&message) {
                let header = line.split(':').next().unwrap().to_owned();
                prop_assert!(KNOWN.contains(&header.as_str()), "{:?} in {:?}", line, message);
                prop_assert!(!seen.contains(&header), "twice {:?}", line);
                seen.push(header);
            }
        }
    }

    /// A subject survives encoding and decoding by its words.
    #[test]
    fn message_subject_of_ascii_stays(subject in "[A-Za-z]{1,8}( [A-Za-z0-9,.!?-]{1,8}){0,8}") {
        let text = message(&json!({"subject": subject})).unwrap();
        let line = headers(&text).into_iter().find(|line| line.starts_with("Subject: ")).unwrap();
        let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(&line["Subject: ".len()..]), words(&subject));
    }
}
