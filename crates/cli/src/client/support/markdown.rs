//! A support bundle as text for people.

use serde_json::Value;

use super::super::view::clean;

/// Rows of a table; the JSON has all.
const ROWS: usize = 20;

pub(super) fn bundle(bundle: &Value) -> String {
    let diagnosis = &bundle["diagnosis"];
    let mut text = format!("# Support bundle\n\n{}\n\n", str_of(&diagnosis["summary"]));
    text += &facts(
        "About",
        &[
            ("Made at", &bundle["made_at"]),
            ("Verdict", &diagnosis["verdict"]),
            ("Connected account", &diagnosis["subject"]["account_id"]),
            ("Identifier", &diagnosis["subject"]["identifier"]),
            ("Status", &diagnosis["subject"]["status"]),
            ("Connection", &diagnosis["subject"]["connection_name"]),
            ("Connection id", &bundle["connection"]["id"]),
            ("Redirect URI", &bundle["connection"]["redirect_uri"]),
            ("Connector", &bundle["connector"]["display_name"]),
            ("Execution", &diagnosis["subject"]["execution_id"]),
            ("Environment id", &bundle["environment_id"]),
            ("Stage", &bundle["told"]["stage"]),
            ("Server", &bundle["server"]["version"]),
            ("Public URL", &bundle["server"]["public_url"]),
            ("Command line", &bundle["client"]["version"]),
            ("System", &bundle["client"]["system"]),
            ("Status page", &bundle["connector"]["status_page"]),
        ],
    );
    let execution = &bundle["execution"];
    if execution.is_object() {
        text += &facts(
            "Error",
            &[
                ("Code", &execution["error_code"]),
                ("Message", &execution["error_message"]),
                ("When", &execution["started_at"]),
                ("Tool", &execution["tool_name"]),
                ("Request", &execution["upstream_request"]),
                ("Provider's status", &execution["upstream_status"]),
                ("Provider's request id", &execution["upstream_request_id"]),
                ("Provider's answer", &execution["upstream_body"]),
                ("Request id", &execution["request_id"]),
            ],
        );
    }
    text += &told("Steps to reproduce", &bundle["told"]["steps"]);
    text += &told("Expected", &bundle["told"]["expected"]);
    text += &findings(&diagnosis["findings"]);
    text += &table("Steps of the diagnosis", &diagnosis["steps"], &["name", "outcome", "detail"]);
    text += &table("Recent events", &bundle["events"], &["at", "kind", "actor", "code", "data"]);
    text += &table(
        "Renewals",
        &bundle["refreshes"],
        &["started_at", "number", "reason", "outcome", "code", "generation"],
    );
    let calls = ["started_at", "id", "tool_name", "status", "error_code", "upstream_status"];
    text + &table("Recent calls", &bundle["executions"], &calls)
}

fn facts(title: &str, rows: &[(&str, &Value)]) -> String {
    let rows = rows.iter().filter(|(_, value)| !value.is_null());
    let rows: String = rows.map(|(name, value)| format!("- **{name}:** {}\n", cell(value))).collect();
    format!("## {title}\n\n{rows}\n")
}

fn told(title: &str, text: &Value) -> String {
    match text.as_str() {
        // Quoted line by line: what was typed is no markup of this page.
        Some(text) => {
            let lines: String = text.lines().map(|line| format!("> {}\n", clean(line))).collect();
            format!("## {title}\n\n{lines}\n")
        }
        None => String::new(),
    }
}

fn findings(findings: &Value) -> String {
    let mut text = "## Findings\n\n".to_owned();
    for finding in list(findings) {
        text += &format!(
            "### {} ({}, {}; {} must act)\n\n{}\n\n{}\n\n",
            str_of(&finding["code"]),
            str_of(&finding["severity"]),
            str_of(&finding["confidence"]),
            str_of(&finding["actor"]),
            str_of(&finding["message"]),
            str_of(&finding["cause"]),
        );
        for remedy in list(&finding["remedies"]) {
            let url = remedy["url"].as_str().map(|url| format!(" {}", clean(url))).unwrap_or_default();
            text += &format!("- To do: {}{url}\n", str_of(&remedy["text"]));
        }
        for evidence in list(&finding["evidence"]) {
            let parts = ["at", "kind", "ref", "detail"].iter().filter_map(|name| evidence[*name].as_str());
            text += &format!("- Evidence: {}\n", parts.map(clean).collect::<Vec<_>>().join(" "));
        }
        text.push('\n');
    }
    text
}

fn table(title: &str, rows: &Value, columns: &[&str]) -> String {
    let rows = list(rows);
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("## {title}\n\n");
    text += &line(columns.iter().map(|name| name.replace('_', " ")).collect());
    text += &line(columns.iter().map(|_| "---".to_owned()).collect());
    for row in rows.iter().take(ROWS) {
        text += &line(columns.iter().map(|name| cell(&row[*name]).replace('|', "\\|")).collect());
    }
    if rows.len() > ROWS {
        text += &format!("\n… and {} more in the JSON.\n", rows.len() - ROWS);
    }
    text + "\n"
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => clean(text),
        other => clean(&other.to_string()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn str_of(value: &Value) -> String {
    clean(value.as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bundle_says_what_a_helper_asks_for() {
        let text = bundle(&json!({
            "made_at": "2026-01-01T00:00:00Z",
            "server": {"version": "0.1.0", "public_url": "https://c.example/"},
            "told": {"steps": "I called it\n# twice", "expected": "a list", "stage": "staging"},
            "environment_id": "env_1",
            "connection": {"id": "conn_1", "redirect_uri": "https://c.example/oauth/callback/conn_1"},
            "connector": {"display_name": "Gmail", "status_page": "https://status.example/"},
            "diagnosis": {"summary": "It is over.", "verdict": "broken", "steps": [],
                "subject": {"account_id": "ca_1", "identifier": "user_1", "connection_name": "gmail", "status": "EXPIRED"},
                "findings": [{"code": "account_expired", "severity": "broken", "confidence": "certain", "actor": "end_user",
                    "message": "It ran out.", "cause": "Too old.", "remedies": [{"text": "Ask again."}],
                    "evidence": [{"kind": "event", "ref": "ev_1", "at": "2026-01-01T00:00:00Z", "detail": "account.expired"}]}]},
            "execution": {"error_code": "account_expired", "error_message": "no|pe", "started_at": "2026-01-01T00:00:01Z"},
            "events": [{"at": "2026-01-01T00:00:00Z", "kind": "account.expired", "actor": "system", "data": {"a": "x|y"}}],
        }));
        for piece in [
            "# Support bundle\n\nIt is over.",
            "- **Connected account:** ca_1",
            "- **Connection:** gmail",
            "- **Stage:** staging",
            "- **Code:** account_expired",
            "- **When:** 2026-01-01T00:00:01Z",
            "> I called it\n> # twice\n",
            "### account_expired (broken, certain; end_user must act)",
            "- To do: Ask again.",
            "- Evidence: 2026-01-01T00:00:00Z event ev_1 account.expired",
            "| 2026-01-01T00:00:00Z | account.expired | system | - | {\"a\":\"x\\|y\"} |",
        ] {
            assert!(text.contains(piece), "{piece:?} is not in\n{text}");
        }
    }
}
