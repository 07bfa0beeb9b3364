//! Reading values one by one. What is wrong is noted and reading goes on, so that all of it can be told at once.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use figment::{Figment, value::Value};
use url::Url;
use valetkey_domain::SecretString;

use super::{Mode, table};

/// One setting that is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The setting.
    pub(crate) setting: String,
    /// What is wrong, and what would be right. Never the value of a secret.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Self { setting: setting.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

/// Reads settings and collects what is wrong with them.
pub(crate) struct Reader {
    figment: Figment,
    pub(crate) mode: Mode,
    pub(crate) problems: Vec<Problem>,
}

impl Reader {
    pub(crate) fn new(figment: Figment, mode: Mode, problems: Vec<Problem>) -> Self {
        Self { figment, mode, problems }
    }

    pub(crate) fn refuse(&mut self, setting: &str, message: impl fmt::Display) {
        let message = match self.origin(setting) {
            Some(origin) => format!("{message} (from {origin})"),
            None => message.to_string(),
        };
        self.problems.push(Problem::new(setting, message));
    }

    /// Where a value came from: `--listen`, `VALETKEY_LISTEN`, a file.
    fn origin(&self, setting: &str) -> Option<String> {
        let metadata = self.figment.find_metadata(setting)?;
        Some(match &metadata.source {
            Some(source) => source.to_string(),
            None => metadata.interpolate(&figment::Profile::Default, &[setting]),
        })
    }

    pub(crate) fn value(&self, setting: &str) -> Option<Value> {
        debug_assert!(
            table::find(setting).is_some() || setting == table::SHARED_CREDENTIALS,
            "{setting} is not in the table"
        );
        self.figment.find_value(setting).ok()
    }

    pub(crate) fn is_set(&self, setting: &str) -> bool {
        self.value(setting).is_some()
    }

    /// A text; TOML may also give a number or a truth value.
    pub(crate) fn text(&mut self, setting: &str) -> Option<String> {
        let text = match self.value(setting)? {
            Value::String(_, text) => text,
            Value::Bool(_, flag) => flag.to_string(),
            Value::Num(_, number) => match number.to_i128() {
                Some(whole) => whole.to_string(),
                None => number.to_f64().unwrap_or_default().to_string(),
            },
            _ => {
                self.refuse(setting, "must be a text");
                return None;
            }
        };
        let text = text.trim().to_owned();
        if text.is_empty() {
            self.refuse(setting, "is empty");
            return None;
        }
        Some(text)
    }

    pub(crate) fn parsed<T: FromStr>(&mut self, setting: &str, what: &str) -> Option<T> {
        let text = self.text(setting)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.refuse(setting, format!("{text:?} is not {what}"));
        }
        parsed
    }

    pub(crate) fn flag(&mut self, setting: &str) -> Option<bool> {
        self.parsed(setting, "true or false")
    }

    pub(crate) fn address(&mut self, setting: &str) -> Option<SocketAddr> {
        self.parsed(setting, "an address and port such as 127.0.0.1:7077 or [::]:7077")
    }

    pub(crate) fn path(&mut self, setting: &str) -> Option<PathBuf> {
        self.text(setting).map(PathBuf::from)
    }

    /// A secret. Its text is in no message.
    pub(crate) fn secret(&mut self, setting: &str) -> Option<SecretString> {
        match self.value(setting)? {
            Value::String(_, text) if !text.trim().is_empty() => Some(text.trim().to_owned().into()),
            _ => {
                self.refuse(setting, "must be a text that is not empty");
                None
            }
        }
    }

    /// A command: a TOML array, or a text whose words are parted by white space. Quotes, single or double, keep a word
    /// together; there is no other syntax.
    pub(crate) fn words(&mut self, setting: &str) -> Option<Vec<String>> {
        if let Some(Value::Array(_, items)) = self.value(setting) {
            let words: Vec<_> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
            if words.is_empty() || words.len() != items.len() {
                self.refuse(setting, "must be a list of texts: a program and its arguments");
                return None;
            }
            return Some(words);
        }
        let text = self.text(setting)?;
        let words = split(&text);
        if words.is_none() {
            self.refuse(setting, "has a quote without its end");
        }
        words
    }

    /// A whole number within bounds.
    pub(crate) fn number(&mut self, setting: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        let number: u64 = self.parsed(setting, &what)?;
        if range.contains(&number) {
            return Some(number);
        }
        self.refuse(setting, format!("{number} is not {what}"));
        None
    }

    pub(crate) fn seconds(
        &mut self,
        setting: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<Duration> {
        self.number(setting, range).map(Duration::from_secs)
    }

    pub(crate) fn url(&mut self, setting: &str, schemes: &[&str]) -> Option<Url> {
        let text = self.text(setting)?;
        // The text may hold a password (a proxy's, a database's): it is not repeated.
        match Url::parse(&text) {
            Ok(url) if schemes.contains(&url.scheme()) => Some(url),
            Ok(_) => {
                self.refuse(setting, format!("must begin with {}://", schemes.join(":// or ")));
                None
            }
            Err(error) => {
                self.refuse(setting, format!("is not a URL: {error}"));
                None
            }
        }
    }

    /// A file that must be readable now.
    pub(crate) fn file(&mut self, setting: &str) -> Option<Vec<u8>> {
        let path = self.path(setting)?;
        match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.refuse(setting, format!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    }

    /// Several values: a TOML array, or a text with commas.
    pub(crate) fn list<T: FromStr>(&mut self, setting: &str, what: &str) -> Vec<T> {
        let texts: Vec<String> = match self.value(setting) {
            None => return Vec::new(),
            Some(Value::Array(_, items)) => {
                items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
            }
            Some(_) => self.text(setting).unwrap_or_default().split(',').map(str::to_owned).collect(),
        };
        let mut values = Vec::new();
        for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            match text.parse() {
                Ok(value) => values.push(value),
                Err(_) => self.refuse(setting, format!("{text:?} is not {what}")),
            }
        }
        values
    }
}

/// The words of a command line; `None` if a quote has no end.
fn split(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn command_line_is_split_into_words() {
        let words = |text| split(text).unwrap_or_default();
        assert_eq!(words("pass show  valetkey/key"), ["pass", "show", "valetkey/key"]);
        assert_eq!(words("kms 'two words' \"it's\" a'b c'd ''"), ["kms", "two words", "it's", "ab cd", ""]);
        assert_eq!(split("kms 'open"), None);
    }
}
