//! The path language: where in a JSON document a value is.
//!
//! `a.b` is a member of a member, `a[0]` an element, `a[*].b` that of every element, `h[name=Subject].value` that of
//! the first element (or member, of an object) whose `name` is `Subject` (whatever the case), `["odd name"]` a member whose
//! name is not plain. `.` is the whole document. `null` counts as absent.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(usize),
    Each,
    Where { member: String, equals: String },
}

/// The text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a path: {reason}")]
pub struct InvalidPath {
    text: String,
    reason: &'static str,
}

/// Longest path and most steps: files are data from others.
const MAX_LENGTH: usize = 300;

impl JsonPath {
    /// The path of one member of the document. `name` is taken as it is.
    #[must_use]
    pub fn member(name: &str) -> Self {
        Self { text: name.to_owned(), steps: vec![Step::Member(name.to_owned())] }
    }

    /// The path as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the first member, if the path begins with one.
    #[must_use]
    pub fn root_member(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Member(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether the path can find several values: it has a `[*]`.
    #[must_use]
    pub fn is_plural(&self) -> bool {
        self.steps.contains(&Step::Each)
    }

    /// Every value the path finds, in document order.
    #[must_use]
    pub fn select<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found.retain(|value| !value.is_null());
        found
    }

    /// The first value the path finds.
    #[must_use]
    pub fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.select(document).into_iter().next()
    }

    /// The first value as text: a string as it is, a number or boolean in JSON's writing; nothing else.
    #[must_use]
    pub fn text(&self, document: &Value) -> Option<String> {
        match self.first(document)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// The value; of a plural path an array of all that was found (absent if the array itself is).
    #[must_use]
    pub fn value<'a>(&self, document: &'a Value) -> Option<Cow<'a, Value>> {
        if !self.is_plural() {
            return self.first(document).map(Cow::Borrowed);
        }
        let before: Vec<_> = self.steps.iter().take_while(|step| **step != Step::Each).cloned().collect();
        let array = Self { text: String::new(), steps: before };
        array.first(document)?.as_array()?;
        Some(Cow::Owned(Value::Array(self.select(document).into_iter().cloned().collect())))
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Member(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => value.get(*index).into_iter().collect(),
            Self::Each => value.as_array().map(|items| items.iter().collect()).unwrap_or_default(),
            Self::Where { member, equals } => {
                let fits = |item: &&'a Value| {
                    item.get(member).and_then(Value::as_str).is_some_and(|v| v.eq_ignore_ascii_case(equals))
                };
                let found = match value {
                    Value::Array(items) => items.iter().find(fits),
                    Value::Object(members) => members.values().find(fits),
                    _ => None,
                };
                found.into_iter().collect()
            }
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$' | '#' | ':' | '/')
}

impl FromStr for JsonPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        parse_steps(text)
            .map(|steps| Self { text: text.to_owned(), steps })
            .map_err(|reason| InvalidPath { text: text.chars().take(80).collect(), reason })
    }
}

fn parse_steps(text: &str) -> Result<Vec<Step>, &'static str> {
    if text.len() > MAX_LENGTH {
        return Err("it is too long");
    }
    if text == "." {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    let mut rest = text.strip_prefix('.').unwrap_or(text);
    if rest.is_empty() {
        return Err("it is empty");
    }
    let mut member_due = true;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = parse_bracket(inner)?;
            steps.push(step);
            rest = after;
        } else {
            if !member_due {
                rest = rest.strip_prefix('.').ok_or("expected \".\" or \"[\" after \"]\"")?;
            }
            let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err("expected a member name");
            }
            steps.push(Step::Member(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        member_due = false;
    }
    Ok(steps)
}

fn parse_bracket(inner: &str) -> Result<(Step, &str), &'static str> {
    if let Some(quoted) = inner.strip_prefix('"') {
        let (name, after) = quoted.split_once("\"]").ok_or("a quoted member lacks its end")?;
        return Ok((Step::Member(name.to_owned()), after));
    }
    let (content, after) = inner.split_once(']').ok_or("\"[\" lacks its \"]\"")?;
    let step = if content == "*" {
        Step::Each
    } else if let Some((member, equals)) = content.split_once('=') {
        if member.is_empty() || !member.chars().all(is_plain) {
            return Err("a condition lacks its member name");
        }
        Step::Where { member: member.to_owned(), equals: equals.to_owned() }
    } else {
        Step::Index(
            content
                .parse()
                .map_err(|_| "expected a number, \"*\", \"name=value\" or a quoted name in \"[]\"")?,
        )
    };
    Ok((step, after))
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A test of a JSON document: what is at `path` equals one of `equals`, or merely is (or is not) there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where to look.
    pub path: JsonPath,
    /// Fits when the value is exactly this.
    pub equals: Option<Value>,
    /// Fits when there is a value and it is not this.
    pub not_equals: Option<Value>,
    /// Fits when the value is there (`true`; the default if nothing else is said) or is not (`false`).
    pub exists: Option<bool>,
}

impl Condition {
    /// Whether the document fits.
    #[must_use]
    pub fn holds(&self, document: &Value) -> bool {
        let found = self.path.first(document);
        if let Some(wanted) = &self.equals {
            return found == Some(wanted);
        }
        if let Some(unwanted) = &self.not_equals {
            return found.is_some_and(|value| value != unwanted);
        }
        found.is_some() == self.exists.unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> JsonPath {
        text.parse().unwrap()
    }

    #[test]
    fn path_forms_find_what_they_say() {
        let document = json!({
            "a": {"b": [{"c": 1}, {"c": 2}, {"d": 3}]},
            "h": [{"name": "From", "value": "x"}, {"name": "subject", "value": "y"}],
            "o": {"Due": {"type": "date"}, "Topic": {"type": "title", "title": [{"t": "z"}]}},
            "odd.name": true, "@odata.nextLink": "z", "n": null,
        });
        assert_eq!(path("a.b[1].c").first(&document), Some(&json!(2)));
        assert_eq!(path("a.b[*].c").select(&document), [&json!(1), &json!(2)]);
        assert_eq!(path("a.b[*].c").value(&document).unwrap().into_owned(), json!([1, 2]));
        assert_eq!(path("h[name=Subject].value").text(&document).unwrap(), "y");
        assert_eq!(path("o[type=title].title[*].t").value(&document).unwrap().into_owned(), json!(["z"]));
        assert_eq!(path("o[type=none]").first(&document), None);
        assert_eq!(path("[\"odd.name\"]").text(&document).unwrap(), "true");
        assert_eq!(path("[\"@odata.nextLink\"]").text(&document).unwrap(), "z");
        assert_eq!(path(".").first(&document), Some(&document));
        assert_eq!(path("n").first(&document), None);
        assert_eq!(path("missing[*].x").value(&document), None);
    }

    #[test]
    fn path_malformed_is_refused() {
        for text in ["", "a..b", "a[", "a[x]", "a[=v]", "a]b", "a b", "a.", "[\"x", "a[0]b", &"a".repeat(400)]
        {
            assert!(text.parse::<JsonPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn condition_kinds_hold_as_documented() {
        let condition = |json: Value| serde_json::from_value::<Condition>(json).unwrap();
        let slack = condition(json!({"path": "ok", "equals": false}));
        assert!(
            slack.holds(&json!({"ok": false}))
                && !slack.holds(&json!({"ok": true}))
                && !slack.holds(&json!({}))
        );
        let coros = condition(json!({"path": "result", "not_equals": "0000"}));
        assert!(coros.holds(&json!({"result": "1"})) && !coros.holds(&json!({"result": "0000"})));
        let github = condition(json!({"path": "error"}));
        assert!(github.holds(&json!({"error": "x"})) && !github.holds(&json!({})));
    }
}
