//! A diagnosis as text for somebody who is tired.

use serde_json::Value;

use super::super::view::clean;

/// Where text is broken.
const WIDTH: usize = 100;

/// The whole diagnosis: verdict and summary, then each finding with evidence and remedies, then the steps.
pub(super) fn diagnosis(answer: &Value) -> String {
    let mut text = format!("{}{}\n", verdict(answer), subject(&answer["subject"]));
    text += &wrapped("", &str_of(&answer["summary"]));
    for (index, finding) in list(&answer["findings"]).iter().enumerate() {
        text += &self::finding(index + 1, finding);
    }
    let steps = list(&answer["steps"]);
    if !steps.is_empty() {
        text += "\nSteps\n";
    }
    for step in steps {
        let mark = match step["outcome"].as_str() {
            Some("ok") => "ok     ",
            Some("failed") => "FAILED ",
            _ => "skipped",
        };
        text += &wrapped(&format!("  {mark}  {}: ", str_of(&step["name"])), &str_of(&step["detail"]));
    }
    text
}

fn verdict(answer: &Value) -> &'static str {
    match answer["verdict"].as_str() {
        Some("healthy") => "HEALTHY",
        Some("degraded") => "DEGRADED",
        _ => "BROKEN",
    }
}

/// What the diagnosis is about, in one line.
fn subject(subject: &Value) -> String {
    let alone = subject["account_id"].is_null() && subject["identifier"].is_null();
    let parts = [
        ("account_id", ""),
        ("identifier", "of "),
        ("connection_name", if alone { "connection " } else { "on " }),
        ("execution_id", "in "),
        ("status", "status "),
    ];
    let parts = parts.iter().filter_map(|(name, before)| {
        let value = subject[*name].as_str()?;
        Some(format!("{before}{}", clean(value)))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() && subject["kind"] == "system" {
        return "  this server".to_owned();
    }
    if parts.is_empty() { String::new() } else { format!("  {}", parts.join(" ")) }
}

fn finding(number: usize, finding: &Value) -> String {
    let (severity, confidence) = (str_of(&finding["severity"]), str_of(&finding["confidence"]));
    let how = if severity == "healthy" { String::new() } else { format!(" ({severity}, {confidence})") };
    let mut text = format!("\n{number}. {}{how}\n", str_of(&finding["code"]));
    text += &wrapped("   ", &str_of(&finding["message"]));
    let cause = str_of(&finding["cause"]);
    if cause != str_of(&finding["message"]) {
        text += &wrapped("   Cause: ", &cause);
    }
    let whose = if severity == "healthy" { "nobody's" } else { actor(&finding["actor"]) };
    text += &format!("   Whose move: {whose}\n");
    for remedy in list(&finding["remedies"]) {
        text += &wrapped("   -> ", &str_of(&remedy["text"]));
        if let Some(url) = remedy["url"].as_str() {
            // Never broken: it is to be copied.
            text += &format!("      {}\n", clean(url));
        }
    }
    for evidence in list(&finding["evidence"]) {
        text += &wrapped("   evidence: ", &self::evidence(evidence));
    }
    if let Some(docs) = finding["docs"].as_str() {
        text += &format!("   {}\n", clean(docs));
    }
    text
}

fn evidence(evidence: &Value) -> String {
    let mut text = String::new();
    if let Some(at) = evidence["at"].as_str() {
        text += &format!("{} ", to_millis(&clean(at)));
    }
    text += &str_of(&evidence["kind"]);
    if let Some(reference) = evidence["ref"].as_str() {
        text += &format!(" {}", clean(reference));
    }
    text + ": " + &str_of(&evidence["detail"])
}

/// A time without what is below a millisecond: nobody reads it.
fn to_millis(at: &str) -> String {
    match at.strip_suffix('Z').and_then(|at| at.split_once('.')) {
        Some((seconds, part)) => format!("{seconds}.{}Z", part.get(..3).unwrap_or(part)),
        None => at.to_owned(),
    }
}

fn actor(actor: &Value) -> &'static str {
    match actor.as_str() {
        Some("end_user") => "the user's",
        Some("developer") => "the developer's",
        Some("provider_admin") => "an administrator's at the provider",
        Some("operator") => "the operator's of this server",
        _ => "nobody's: it passes",
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn str_of(value: &Value) -> String {
    clean(value.as_str().unwrap_or_default())
}

/// `text` in lines of at most [`WIDTH`] characters, the first after `head` and the others indented below it.
fn wrapped(head: &str, text: &str) -> String {
    let indent = head.chars().count().min(12);
    let mut out = String::new();
    let mut line = head.to_owned();
    let mut is_empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = line.chars().count() + usize::from(!is_empty) + word.chars().count();
        if !is_empty && length > WIDTH {
            out += line.trim_end();
            out.push('\n');
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    out += line.trim_end();
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "subject": {"kind": "account", "account_id": "ca_1", "identifier": "user_1", "connection_name": "gmail",
                "status": "REVOKED"},
            "verdict": "broken",
            "summary": "The user took access away at the provider. The user must act: send a new link.",
            "findings": [{
                "code": "access_revoked_by_user", "severity": "broken", "confidence": "likely", "actor": "end_user",
                "message": "The user took access away at the provider.",
                "cause": "The app was removed in the user's account settings.",
                "evidence": [{"kind": "event", "ref": "ev_1", "at": "2026-01-02T00:00:00Z", "detail": "account.revoked"}],
                "remedies": [{"action": "reauthorize", "text": "Send a new link.", "url": "https://x.example/connect/t"}],
                "docs": "https://x.example/docs/errors/access_revoked_by_user"
            }],
            "steps": [{"name": "status", "outcome": "failed", "detail": "REVOKED"},
                {"name": "refresh", "outcome": "skipped", "detail": "not asked for"}]
        })
    }

    #[test]
    fn diagnosis_says_verdict_move_remedy_and_evidence() {
        let text = diagnosis(&answer());
        assert!(text.starts_with("BROKEN  ca_1 of user_1 on gmail status REVOKED\nThe user took"), "{text}");
        for piece in [
            "1. access_revoked_by_user (broken, likely)",
            "Whose move: the user's",
            "-> Send a new link.\n      https://x.example/connect/t\n",
            "evidence: 2026-01-02T00:00:00Z event ev_1: account.revoked",
            "FAILED   status: REVOKED",
            "skipped  refresh: not asked for",
        ] {
            assert!(text.contains(piece), "{piece} is not in\n{text}");
        }
    }

    #[test]
    fn diagnosis_of_a_connection_names_what_it_is_about() {
        let mut answer = answer();
        answer["subject"] = json!({"kind": "connection", "connection_name": "gmail"});
        assert!(diagnosis(&answer).starts_with("BROKEN  connection gmail\n"), "{}", diagnosis(&answer));
    }

    #[test]
    fn text_long_is_wrapped_and_links_are_not() {
        let mut answer = answer();
        answer["summary"] = json!("word ".repeat(60));
        answer["findings"][0]["remedies"][0]["url"] = json!(format!("https://x.example/{}", "a".repeat(150)));
        let text = diagnosis(&answer);
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > WIDTH).collect();
        assert_eq!(long.len(), 1);
        assert!(long[0].trim_start().starts_with("https://x.example/aaa"));
    }

    #[test]
    fn diagnosis_of_what_is_well_asks_nobody_and_times_are_short() {
        let mut answer = answer();
        answer["verdict"] = json!("healthy");
        answer["findings"][0]["severity"] = json!("healthy");
        answer["findings"][0]["actor"] = json!("nobody");
        for (at, shown) in [
            ("2026-01-02T00:00:00.123456789Z", "2026-01-02T00:00:00.123Z"),
            ("2026-01-02T00:00:00.1Z", "2026-01-02T00:00:00.1Z"),
            ("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
        ] {
            answer["findings"][0]["evidence"][0]["at"] = json!(at);
            let text = diagnosis(&answer);
            assert!(text.contains("Whose move: nobody's\n"), "{text}");
            assert!(text.contains(&format!("evidence: {shown} event")), "{text}");
        }
    }

    #[test]
    fn text_from_elsewhere_does_not_steer_the_terminal() {
        let mut answer = answer();
        answer["findings"][0]["message"] = json!("a\u{1b}[2Jb");
        assert!(!diagnosis(&answer).contains('\u{1b}'));
    }
}
