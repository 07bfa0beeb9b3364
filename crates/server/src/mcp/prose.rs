//! A failed call in words, for a model: what happened, why, whose move it is, and what to do.

use std::fmt::Write as _;

use crate::error::ErrorBody;

/// The text of an error. It ends with ids for whoever looks the call up.
pub(super) fn of(error: &ErrorBody) -> String {
    let mut text = format!("{} [{}]\n{}", error.message, error.code, error.cause);
    for field in &error.fields {
        let _ = write!(text, "\n- {}: {}", field.field, field.message);
    }
    // What the history says beyond the error itself.
    if let Some(short) = error.diagnosis.as_ref().filter(|short| short.code != error.code) {
        let _ = write!(text, "\nDiagnosis: {} [{}]", short.summary, short.code);
    }
    if !error.remedies.is_empty() {
        text.push_str("\nWhat to do:");
        for remedy in &error.remedies {
            let link = remedy.url.as_deref().map(|url| format!(" {url}")).unwrap_or_default();
            let _ = write!(text, "\n- {}{link}", remedy.text);
        }
    }
    let _ = write!(text, "\n{}", whose_move(error.actor));
    text.push_str(match error.retry {
        "safe" => " The call had no effect and can be made again.",
        "later" => " The call may have had an effect: look before you make it again.",
        _ => " Do not make the same call again before that.",
    });
    if let Some(millis) = error.retry_after_ms {
        let _ = write!(text, " Wait {} s first.", millis.div_ceil(1000));
    }
    let _ = write!(text, "\nMore: {}\nRequest: {}", error.docs, error.request_id);
    if let Some(execution) = &error.execution_id {
        let _ = write!(text, "\nExecution: {execution}");
    }
    text
}

/// The error in one line, for clients that show no more.
pub(super) fn line(error: &ErrorBody) -> String {
    format!("{} [{}] More: {}", error.message, error.code, error.docs)
}

fn whose_move(actor: &str) -> &'static str {
    match actor {
        "end_user" => "The user has to act.",
        "developer" => "Whoever made this call has to mend it.",
        "provider_admin" => "An administrator at the provider has to act.",
        "operator" => "The operator of this server has to act.",
        _ => "Nobody has to act.",
    }
}
