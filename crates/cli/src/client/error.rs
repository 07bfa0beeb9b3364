//! The server's errors, printed for people: what, why, what to do, where to read on.

use reqwest::StatusCode;
use serde_json::{Value, json};
use valetkey_domain::ErrorCode;

use super::view::clean;
use crate::failure::{Exit, Failure};

/// What an error answer says. The compatible token endpoint answers in RFC 6749 §5.2's shape.
pub(super) fn refused(status: StatusCode, body: &Value) -> Failure {
    let error = &body["error"];
    if error.is_object() { Failure::answered(native(error), body.clone()) } else { oauth(status, body) }
}

fn text_of<'a>(error: &'a Value, field: &str) -> Option<&'a str> {
    error[field].as_str().filter(|text| !text.is_empty())
}

fn native(error: &Value) -> String {
    let mut text = format!("Error: {}", clean(text_of(error, "message").unwrap_or("The server refused.")));
    if let Some(code) = text_of(error, "code") {
        text += &format!(" [{}]", clean(code));
    }
    for (name, label) in [("cause", "Cause"), ("docs", "More"), ("request_id", "Request id")] {
        if name == "docs" {
            text += &diagnosis(error);
            text += &remedies(error);
        }
        if let Some(value) = text_of(error, name) {
            text += &format!("\n{label}: {}", clean(value));
        }
    }
    for (name, label) in
        [("account_id", "Account"), ("connection_id", "Connection"), ("execution_id", "Execution")]
    {
        if let Some(value) = text_of(error, name) {
            text += &format!("\n{label}: {}", clean(value));
        }
    }
    if let Some(millis) = error["retry_after_ms"].as_u64() {
        text += &format!("\nTry again in: {:.1} s", std::time::Duration::from_millis(millis).as_secs_f64());
    }
    text
}

/// What the history says beyond the error itself, if it does.
fn diagnosis(error: &Value) -> String {
    let short = &error["diagnosis"];
    match (text_of(short, "summary"), text_of(short, "code")) {
        (Some(summary), Some(code)) if text_of(error, "code") != Some(code) => {
            format!("\nDiagnosis: {} [{}]", clean(summary), clean(code))
        }
        _ => String::new(),
    }
}

fn remedies(error: &Value) -> String {
    let remedies = error["remedies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lines = remedies.iter().filter_map(|remedy| {
        let url = text_of(remedy, "url").map(|url| format!(" {}", clean(url))).unwrap_or_default();
        Some(format!("\n  - {}{url}", clean(text_of(remedy, "text")?)))
    });
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\nWhat to do:{lines}") }
}

/// An error of the token endpoint, in words and in the shape of the native API.
fn oauth(status: StatusCode, body: &Value) -> Failure {
    let code =
        text_of(body, "code").or_else(|| text_of(body, "error")).map_or_else(|| status.to_string(), clean);
    let mut text = match text_of(body, "error_description") {
        Some(description) => format!("Error: {} [{code}]", clean(description)),
        None => format!("Error: the server answered {status} [{code}]"),
    };
    let Some(known) = text_of(body, "code").and_then(ErrorCode::parse) else {
        return Failure::new(Exit::Refused, text);
    };
    let entry = known.entry();
    let shown: Vec<Value> = entry
        .remedies
        .iter()
        .map(|(action, text)| json!({"action": action.as_str(), "text": text}))
        .collect();
    let error = json!({
        "code": known.as_str(),
        "message": text_of(body, "error_description").unwrap_or(entry.meaning),
        "cause": entry.cause,
        "actor": entry.actor.as_str(),
        "retry": entry.retry.as_str(),
        "remedies": shown,
        "docs": body["error_uri"],
    });
    text += &remedies(&error);
    if let Some(docs) = text_of(body, "error_uri") {
        text += &format!("\nMore: {}", clean(docs));
    }
    Failure::answered(text, json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn error_of_the_catalogue_is_told_in_full() {
        let body = json!({"error": {
            "code": "account_revoked",
            "message": "Access was taken away.",
            "cause": "The user removed the app.",
            "remedies": [{"action": "reauthorize", "text": "Send a new link.", "url": "https://x.example/l"}],
            "docs": "https://x.example/docs/errors/account_revoked",
            "request_id": "req_1", "account_id": "ca_1", "retry_after_ms": 1500
        }});
        let expected = "Error: Access was taken away. [account_revoked]\nCause: The user removed the app.\n\
                        What to do:\n  - Send a new link. https://x.example/l\n\
                        More: https://x.example/docs/errors/account_revoked\nRequest id: req_1\nAccount: ca_1\n\
                        Try again in: 1.5 s";
        assert_eq!(refused(StatusCode::CONFLICT, &body).text, expected);
    }

    #[test]
    fn error_with_a_diagnosis_of_another_code_tells_it_before_the_remedies() {
        let body = |code: &str| {
            json!({"error": {
                "code": "account_expired", "message": "It ran out.",
                "diagnosis": {"code": code, "summary": "The app is in testing mode."},
                "remedies": [{"action": "reauthorize", "text": "Send a new link."}],
            }})
        };
        let told = refused(StatusCode::CONFLICT, &body("app_in_testing")).text;
        let line = "[account_expired]\nDiagnosis: The app is in testing mode. [app_in_testing]\nWhat to do:";
        assert!(told.contains(line), "{told}");
        assert!(!refused(StatusCode::CONFLICT, &body("account_expired")).text.contains("Diagnosis"));
    }

    #[test]
    fn error_of_the_token_endpoint_is_told() {
        let body = json!({"error": "invalid_client", "error_description": "Unknown client."});
        assert_eq!(refused(StatusCode::UNAUTHORIZED, &body).text, "Error: Unknown client. [invalid_client]");
        let body = json!({
            "error": "invalid_client", "error_description": "Unknown client.", "code": "invalid_client_credentials",
            "error_uri": "https://x.example/docs/errors/invalid_client_credentials"
        });
        let failure = refused(StatusCode::UNAUTHORIZED, &body);
        assert!(
            failure
                .text
                .starts_with("Error: Unknown client. [invalid_client_credentials]\nWhat to do:\n  - ")
        );
        assert_eq!(failure.as_json()["error"]["code"], "invalid_client_credentials");
        assert_eq!(failure.as_json()["error"]["actor"], "developer");
    }

    #[test]
    fn error_with_control_characters_cannot_steer_the_terminal() {
        let body = json!({"error": {"code": "x", "message": "\u{1b}[2Jgone"}});
        assert!(!refused(StatusCode::BAD_REQUEST, &body).text.contains('\u{1b}'));
    }
}
