//! Answers as tables and lists for people.

use serde_json::Value;

/// Text from elsewhere must not steer the terminal: control characters become spaces.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A value in one cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => clean(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(cell).collect::<Vec<_>>().join(" ")
        }
        Value::Object(fields) if fields.is_empty() => "-".to_owned(),
        other => clean(&other.to_string()),
    }
}

/// A date without its fractions of a second.
fn shortened(text: String) -> String {
    match text.split_once('.') {
        Some((whole, rest)) if whole.len() == 19 && rest.ends_with('Z') => format!("{whole}Z"),
        _ => text,
    }
}

fn looked_up(row: &Value, path: &str) -> String {
    let value = path.split('.').fold(row, |value, name| &value[name]);
    shortened(cell(value))
}

/// The widest cell of a table: descriptions and evidence are cut off there; `--json` and `get` show all of it.
const MAX_CELL: usize = 100;

fn bounded(text: String) -> String {
    if text.chars().count() <= MAX_CELL {
        return text;
    }
    text.chars().take(MAX_CELL - 1).chain(['…']).collect()
}

/// A table of the answer's `items`: one column per path, headed by the path's last part.
pub(super) fn table(answer: &Value, columns: &[&str]) -> String {
    let rows = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return "Nothing found.\n".to_owned();
    }
    let heads =
        columns.iter().map(|path| path.rsplit('.').next().unwrap_or(path).to_uppercase().replace('_', " "));
    let lines: Vec<Vec<String>> = std::iter::once(heads.collect())
        .chain(rows.iter().map(|row| columns.iter().map(|path| bounded(looked_up(row, path))).collect()))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text + &rest_of(answer)
}

/// How to get at the rest of a list.
fn rest_of(answer: &Value) -> String {
    match answer["next_page_token"].as_str() {
        Some(token) => {
            let at_least = answer["total_size_is_at_least"] == true;
            let words = if at_least { "more than " } else { "" };
            let total = answer["total_size"].as_u64();
            let total = total.map(|n| format!(" of {words}{n} in all")).unwrap_or_default();
            format!("… more{total}: --page-token {}\n", clean(token))
        }
        None => String::new(),
    }
}

/// The fields of one thing, each on a line; those without a value are left out.
pub(super) fn details(thing: &Value, fields: &[&str]) -> String {
    let shown: Vec<_> = fields
        .iter()
        .map(|path| (path.rsplit('.').next().unwrap_or(path).replace('_', " "), looked_up(thing, path)))
        .filter(|(_, value)| value != "-")
        .collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    shown.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn table_aligns_columns_and_points_to_the_next_page() {
        let answer = json!({
            "items": [
                {"id": "conn_1", "name": "gmail", "enabled": true, "fault": {"code": "invalid_client"}},
                {"id": "conn_22", "name": "a\u{1b}b", "enabled": false, "scopes": ["x", "y"]},
            ],
            "next_page_token": "conn_22", "total_size": 7
        });
        let expected = "ID       NAME   ENABLED  CODE            SCOPES\n\
                        conn_1   gmail  yes      invalid_client  -\n\
                        conn_22  a b    no       -               x y\n\
                        … more of 7 in all: --page-token conn_22\n";
        assert_eq!(table(&answer, &["id", "name", "enabled", "fault.code", "scopes"]), expected);
        let long = json!({
            "items": [{"id": "a"}], "next_page_token": "b", "total_size": 10000, "total_size_is_at_least": true
        });
        assert_eq!(table(&long, &["id"]), "ID\na\n… more of more than 10000 in all: --page-token b\n");
        assert_eq!(table(&json!({"items": []}), &["id"]), "Nothing found.\n");
    }

    #[test]
    fn details_leave_out_what_is_not_there() {
        let thing = json!({"id": "ca_1", "label": null, "created_at": "2026-01-01T00:00:00.123456Z"});
        assert_eq!(
            details(&thing, &["id", "label", "created_at"]),
            "id          ca_1\ncreated at  2026-01-01T00:00:00Z\n"
        );
    }
}
