//! The filters of the template language: small, total functions from value to value.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde_json::Value;

use super::gmail;

/// A filter of the template language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// A list as text with commas between; text stays.
    Join,
    /// A list as text with spaces between; text stays.
    JoinSpace,
    /// The value as JSON text.
    Json,
    /// Text in single quotes, with `\` and `'` escaped: Google Drive's query language.
    Quote,
    /// Text in single quotes, with `'` doubled: OData.
    Odata,
    /// Text in double quotes, with `\` and `"` escaped: Graph's `$search`.
    DoubleQuote,
    /// Text as a path of several segments: each is encoded, the slashes stay. Only in request paths.
    Segments,
    /// Only if the text is a date (`2026-01-31`).
    Date,
    /// Only if the text is not a date.
    NotDate,
    /// Text, encoded in base64.
    Base64,
    /// Base64 or base64url decoded; bytes that are no UTF-8 are replaced.
    FromBase64,
    /// A single value as a list of one.
    List,
    /// A Gmail message resource, made readable.
    GmailMessage,
    /// Upper case.
    Upper,
    /// `true` if there is a value, whatever it is.
    AsTrue,
    /// `false` if there is a value, whatever it is.
    AsFalse,
}

/// The value does not fit the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterFault(pub(crate) String);

/// Providers write base64url with and without padding, and line breaks in base64.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Decodes either alphabet, padded or not.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let compact: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(compact).ok()
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, b)| if at == 4 || at == 7 { *b == b'-' } else { b.is_ascii_digit() })
}

fn joined(value: &Value, separator: &str) -> Result<Value, FilterFault> {
    let Value::Array(items) = value else { return Ok(value.clone()) };
    let texts = items
        .iter()
        .map(|item| match item {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(FilterFault("holds an item that cannot be written as text".into())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Value::String(texts.join(separator)))
}

impl Filter {
    /// Reads the name of a filter.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "join" => Self::Join,
            "join_space" => Self::JoinSpace,
            "json" => Self::Json,
            "quote" => Self::Quote,
            "odata" => Self::Odata,
            "double_quote" => Self::DoubleQuote,
            "segments" => Self::Segments,
            "date" => Self::Date,
            "not_date" => Self::NotDate,
            "base64" => Self::Base64,
            "from_base64" => Self::FromBase64,
            "list" => Self::List,
            "gmail_message" => Self::GmailMessage,
            "upper" => Self::Upper,
            "as_true" => Self::AsTrue,
            "as_false" => Self::AsFalse,
            _ => return None,
        })
    }

    /// The filtered value; `None` where the filter lets nothing through.
    pub(crate) fn apply(self, value: &Value) -> Result<Option<Value>, FilterFault> {
        let text = || value.as_str().ok_or_else(|| FilterFault("is not text".into()));
        Ok(Some(match self {
            Self::Join => joined(value, ",")?,
            Self::JoinSpace => joined(value, " ")?,
            Self::Json => Value::String(value.to_string()),
            Self::Quote => Value::String(format!("'{}'", text()?.replace('\\', "\\\\").replace('\'', "\\'"))),
            Self::Odata => Value::String(format!("'{}'", text()?.replace('\'', "''"))),
            Self::DoubleQuote => {
                Value::String(format!("\"{}\"", text()?.replace('\\', "\\\\").replace('"', "\\\"")))
            }
            Self::Segments => value.clone(),
            Self::Date => return Ok(is_date(text()?).then(|| value.clone())),
            Self::NotDate => return Ok((!is_date(text()?)).then(|| value.clone())),
            Self::Base64 => Value::String(STANDARD.encode(text()?)),
            Self::FromBase64 => {
                let bytes = from_base64(text()?).ok_or_else(|| FilterFault("is not base64".into()))?;
                Value::String(String::from_utf8_lossy(&bytes).into_owned())
            }
            Self::List if value.is_array() => value.clone(),
            Self::List => Value::Array(vec![value.clone()]),
            Self::GmailMessage => gmail::readable(value),
            Self::Upper => Value::String(text()?.to_uppercase()),
            Self::AsTrue => Value::Bool(true),
            Self::AsFalse => Value::Bool(false),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(name: &str, value: Value) -> Option<Value> {
        Filter::parse(name).unwrap().apply(&value).unwrap()
    }

    #[test]
    fn filter_quotes_cannot_be_left() {
        assert_eq!(apply("quote", json!(r"it's \ x' or 'y")), Some(json!(r"'it\'s \\ x\' or \'y'")));
        assert_eq!(apply("odata", json!("it's")), Some(json!("'it''s'")));
        assert_eq!(apply("double_quote", json!(r#"a"b\"#)), Some(json!(r#""a\"b\\""#)));
    }

    #[test]
    fn filter_values_become_what_apis_want() {
        assert_eq!(apply("join", json!(["a", 2])), Some(json!("a,2")));
        assert_eq!(apply("join", json!("a")), Some(json!("a")));
        assert_eq!(apply("date", json!("2026-01-31")), Some(json!("2026-01-31")));
        assert_eq!(apply("date", json!("2026-01-31T10:00:00Z")), None);
        assert_eq!(apply("not_date", json!("2026-01-31T10:00:00Z")), Some(json!("2026-01-31T10:00:00Z")));
        assert_eq!(apply("from_base64", json!("w6TDtg")), Some(json!("äö")));
        assert_eq!(apply("list", json!("a")), Some(json!(["a"])));
        assert!(Filter::Join.apply(&json!([{}])).is_err());
        assert!(Filter::Quote.apply(&json!(3)).is_err());
    }
}
