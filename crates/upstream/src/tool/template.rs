//! The template language of tools: JSON in which text in braces stands for values.
//!
//! - `"{a.b}"` alone is the value itself, with its type; amid other text it is the value as text.
//! - A field whose template has no value is omitted; so is an inner object or list of which no placeholder has one,
//!   constants beside them included.
//! - `"{a!}"` is needed: without it the whole object around is omitted, whatever else is in it.
//! - `"{a || b || 'text'}"` is the first that is there, `"{a | join}"` the value passed through a filter.
//! - `{$each: "{list}", as: …}` is the list with every item through the inner template, where `{.}` is the item and
//!   `{.name}` a field of it. `{$join: […], with: " and "}` is those items that are there, as one text. `$mime` builds a mail message (see [`super::mime`]).
//! - `{{` and `}}` are braces; a field name that begins with `$` is written `$$`.
//!
//! There is nothing more: no loops, no arithmetic, no conditions but presence.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    filter::{Filter, FilterFault},
    mime,
};
use crate::connector::{
    InvalidTemplate, JsonPath,
    text::{RawPiece, split_holes},
};

/// A parsed template.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    Constant(Value),
    Hole(Expr),
    Text(Vec<TextPiece>),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
    Each { list: Expr, of: Box<Template> },
    Join { items: Vec<Template>, with: String },
    Mime(Box<mime::MailTemplate>),
}

#[derive(Debug, Clone)]
pub(crate) enum TextPiece {
    Literal(String),
    Hole(Expr),
}

/// What is between two braces.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    terms: Vec<Term>,
    filters: Vec<Filter>,
    needed: bool,
}

#[derive(Debug, Clone)]
enum Term {
    /// A path from the root.
    Root(JsonPath),
    /// A path from the item of the innermost `$each`.
    Item(JsonPath),
    Literal(String),
}

/// What a template is filled from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) root: &'a Value,
    pub(crate) item: &'a Value,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(root: &'a Value) -> Self {
        Self { root, item: root }
    }
}

/// A value does not fit where the template puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The path of the input, such as `to`.
    pub(crate) path: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

/// A filled template: its value, and whether its placeholders found anything (`None` if it has none).
struct Filled {
    value: Option<Value>,
    found: Option<bool>,
}

impl Filled {
    fn of(value: Option<Value>) -> Self {
        Self { found: Some(value.is_some()), value }
    }
}

fn fill_fields(
    fields: &[(String, Template)],
    scope: Scope<'_>,
) -> Result<(Map<String, Value>, Option<bool>), Misfit> {
    let mut object = Map::new();
    let mut found = None;
    for (name, template) in fields {
        let filled = template.fill_inner(scope)?;
        found = match (found, filled.found) {
            (Some(any), Some(this)) => Some(any || this),
            (any, this) => any.or(this),
        };
        if let Some(value) = filled.value {
            object.insert(name.clone(), value);
        }
    }
    Ok((object, found))
}

fn fill_text(pieces: &[TextPiece], scope: Scope<'_>) -> Result<Option<String>, Misfit> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            TextPiece::Literal(literal) => out.push_str(literal),
            TextPiece::Hole(expr) => match expr.text(scope)? {
                Some(text) => out.push_str(&text),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(out))
}

/// Deepest nesting of a template.
const MAX_DEPTH: usize = 32;

impl Template {
    /// Reads a template from JSON.
    pub(crate) fn parse(json: &Value) -> Result<Self, InvalidTemplate> {
        Self::parse_at(json, 0)
    }

    fn parse_at(json: &Value, depth: usize) -> Result<Self, InvalidTemplate> {
        if depth > MAX_DEPTH {
            return Err(InvalidTemplate::new("…", "it is nested too deeply"));
        }
        match json {
            Value::String(text) => Self::parse_text(text),
            Value::Array(items) => {
                Ok(Self::Array(items.iter().map(|i| Self::parse_at(i, depth + 1)).collect::<Result<_, _>>()?))
            }
            Value::Object(fields) => Self::parse_object(fields, depth),
            constant => Ok(Self::Constant(constant.clone())),
        }
    }

    /// Reads the template of one line of text.
    pub(crate) fn parse_text(text: &str) -> Result<Self, InvalidTemplate> {
        let mut pieces = split_holes(text)?
            .into_iter()
            .map(|piece| match piece {
                RawPiece::Literal(literal) => Ok(TextPiece::Literal(literal)),
                RawPiece::Hole(inner) => Expr::parse(inner).map(TextPiece::Hole),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if pieces.iter().all(|piece| matches!(piece, TextPiece::Literal(_))) {
            return Ok(Self::Constant(Value::String(
                pieces
                    .into_iter()
                    .map(|piece| match piece {
                        TextPiece::Literal(literal) => literal,
                        TextPiece::Hole(_) => String::new(),
                    })
                    .collect(),
            )));
        }
        if pieces.len() == 1
            && let Some(TextPiece::Hole(expr)) = pieces.pop()
        {
            return Ok(Self::Hole(expr));
        }
        Ok(Self::Text(pieces))
    }

    fn parse_object(fields: &Map<String, Value>, depth: usize) -> Result<Self, InvalidTemplate> {
        let directive = fields.keys().find(|name| name.starts_with('$') && !name.starts_with("$$"));
        match directive.map(String::as_str) {
            None if fields.is_empty() => Ok(Self::Constant(Value::Object(Map::new()))),
            None => fields
                .iter()
                .map(|(name, value)| {
                    let name = name.strip_prefix('$').unwrap_or(name);
                    Ok((name.to_owned(), Self::parse_at(value, depth + 1)?))
                })
                .collect::<Result<_, _>>()
                .map(Self::Object),
            Some("$each") => {
                let (Some(Value::String(list)), Some(of), 2) =
                    (fields.get("$each"), fields.get("as"), fields.len())
                else {
                    return Err(InvalidTemplate::new("$each", "expected {$each: \"{list}\", as: …}"));
                };
                let Self::Hole(list) = Self::parse_text(list)? else {
                    return Err(InvalidTemplate::new(list, "$each needs one placeholder"));
                };
                Ok(Self::Each { list, of: Box::new(Self::parse_at(of, depth + 1)?) })
            }
            Some("$join") => {
                let (Some(Value::Array(items)), Some(Value::String(with)), 2) =
                    (fields.get("$join"), fields.get("with"), fields.len())
                else {
                    return Err(InvalidTemplate::new("$join", "expected {$join: […], with: \", \"}"));
                };
                let items =
                    items.iter().map(|item| Self::parse_at(item, depth + 1)).collect::<Result<_, _>>()?;
                Ok(Self::Join { items, with: with.clone() })
            }
            Some("$mime") => match fields.get("$mime") {
                Some(Value::Object(parts)) if fields.len() == 1 => {
                    Ok(Self::Mime(Box::new(mime::MailTemplate::parse(parts)?)))
                }
                _ => Err(InvalidTemplate::new(
                    "$mime",
                    "expected {$mime: {to: …, subject: …, …}} and nothing beside",
                )),
            },
            Some(other) => {
                Err(InvalidTemplate::new(other, "there is no such directive; write \"$$\" for a \"$\""))
            }
        }
    }

    /// The value; `None` if the template has none. The outermost object keeps its constants whatever happens.
    pub(crate) fn fill(&self, scope: Scope<'_>) -> Result<Option<Value>, Misfit> {
        let Self::Object(fields) = self else { return Ok(self.fill_inner(scope)?.value) };
        let (object, _) = fill_fields(fields, scope)?;
        Ok(if object.is_empty() { None } else { Some(Value::Object(object)) })
    }

    fn fill_inner(&self, scope: Scope<'_>) -> Result<Filled, Misfit> {
        Ok(match self {
            Self::Constant(value) => Filled { value: Some(value.clone()), found: None },
            Self::Hole(expr) => Filled::of(expr.value(scope)?.map(Cow::into_owned)),
            Self::Text(pieces) => Filled::of(fill_text(pieces, scope)?.map(Value::String)),
            Self::Object(fields) => {
                let (object, found) = fill_fields(fields, scope)?;
                if fields.iter().any(|(name, template)| template.is_needed() && !object.contains_key(name)) {
                    return Ok(Filled::of(None));
                }
                Filled { value: (found != Some(false)).then_some(Value::Object(object)), found }
            }
            Self::Array(items) => {
                let filled =
                    items.iter().map(|item| item.fill_inner(scope)).collect::<Result<Vec<_>, _>>()?;
                let found = filled.iter().filter_map(|item| item.found).reduce(|any, found| any || found);
                let values = filled.into_iter().filter_map(|item| item.value).collect();
                Filled { value: (found != Some(false)).then_some(Value::Array(values)), found }
            }
            Self::Each { list, of } => match list.value(scope)?.as_deref() {
                Some(Value::Array(items)) => {
                    let filled = items
                        .iter()
                        .map(|item| of.fill_inner(Scope { root: scope.root, item }))
                        .collect::<Result<Vec<_>, _>>()?;
                    Filled::of(Some(Value::Array(filled.into_iter().filter_map(|item| item.value).collect())))
                }
                _ => Filled::of(None),
            },
            Self::Join { items, with } => {
                let filled =
                    items.iter().map(|item| item.fill_inner(scope)).collect::<Result<Vec<_>, _>>()?;
                let texts: Vec<_> = filled
                    .iter()
                    .filter_map(|item| item.value.as_ref()?.as_str())
                    .filter(|text| !text.is_empty())
                    .collect();
                Filled::of(if texts.is_empty() { None } else { Some(Value::String(texts.join(with))) })
            }
            Self::Mime(mail) => Filled::of(mail.fill(scope)?.map(Value::String)),
        })
    }

    fn is_needed(&self) -> bool {
        match self {
            Self::Hole(expr) => expr.needed,
            Self::Text(pieces) => {
                pieces.iter().any(|piece| matches!(piece, TextPiece::Hole(expr) if expr.needed))
            }
            _ => false,
        }
    }

    /// Every first member of a path from the root, for checking that inputs exist.
    pub(crate) fn roots(&self, out: &mut Vec<String>) {
        match self {
            Self::Constant(_) => {}
            Self::Hole(expr) => expr.roots(out),
            Self::Text(pieces) => pieces.iter().for_each(|piece| {
                if let TextPiece::Hole(expr) = piece {
                    expr.roots(out);
                }
            }),
            Self::Object(fields) => fields.iter().for_each(|(_, template)| template.roots(out)),
            Self::Array(items) | Self::Join { items, .. } => {
                items.iter().for_each(|template| template.roots(out))
            }
            Self::Each { list, of } => {
                list.roots(out);
                of.roots(out);
            }
            Self::Mime(mail) => mail.templates().for_each(|template| template.roots(out)),
        }
    }
}

impl Expr {
    fn parse(inner: &str) -> Result<Self, InvalidTemplate> {
        // `||` separates terms, a single `|` filters; quoted text may hold either.
        let (content, needed) = inner.strip_suffix('!').map_or((inner, false), |content| (content, true));
        let mut terms = Vec::new();
        let mut filters = Vec::new();
        for (is_filter, part) in split_unquoted(content) {
            let part = part.trim();
            if is_filter {
                filters.push(
                    Filter::parse(part).ok_or_else(|| {
                        InvalidTemplate::new(inner, format!("there is no filter \"{part}\""))
                    })?,
                );
            } else {
                terms.push(Term::parse(part).map_err(|reason| InvalidTemplate::new(inner, reason))?);
            }
        }
        Ok(Self { terms, filters, needed })
    }

    /// The value of the first term that is there, through the filters.
    pub(crate) fn value<'a>(&self, scope: Scope<'a>) -> Result<Option<Cow<'a, Value>>, Misfit> {
        let mut value = self.terms.iter().find_map(|term| match term {
            Term::Root(path) => path.value(scope.root),
            Term::Item(path) => path.value(scope.item),
            Term::Literal(text) => Some(Cow::Owned(Value::String(text.clone()))),
        });
        for filter in &self.filters {
            let Some(present) = value else { return Ok(None) };
            value =
                filter.apply(&present).map_err(|FilterFault(message)| self.misfit(message))?.map(Cow::Owned);
        }
        Ok(value)
    }

    /// The value as text. Lists and objects have none.
    pub(crate) fn text(&self, scope: Scope<'_>) -> Result<Option<String>, Misfit> {
        match self.value(scope)?.as_deref() {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(_) => Err(self.misfit("cannot be written as text".into())),
        }
    }

    /// Whether the last filter keeps slashes as separators of path segments.
    pub(crate) fn is_segments(&self) -> bool {
        matches!(self.filters.last(), Some(Filter::Segments))
    }

    pub(crate) fn misfit(&self, message: String) -> Misfit {
        let path = self.terms.iter().find_map(|term| match term {
            Term::Root(path) | Term::Item(path) => Some(path.as_str().trim_start_matches('.').to_owned()),
            Term::Literal(_) => None,
        });
        Misfit { path: path.unwrap_or_default(), message }
    }

    fn roots(&self, out: &mut Vec<String>) {
        for term in &self.terms {
            if let Term::Root(path) = term
                && let Some(member) = path.root_member()
            {
                out.push(member.to_owned());
            }
        }
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(literal) = text.strip_prefix('\'') {
            let literal = literal.strip_suffix('\'').ok_or("a quoted text lacks its end")?;
            return Ok(Self::Literal(literal.to_owned()));
        }
        let path: JsonPath =
            text.parse().map_err(|error: crate::connector::InvalidPath| error.to_string())?;
        Ok(if text.starts_with('.') { Self::Item(path) } else { Self::Root(path) })
    }
}

/// Splits at `||` (a further term) and `|` (a filter), outside quotes. The flag says whether the part is a filter.
fn split_unquoted(text: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut is_filter) = (0, false, false);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' => quoted = !quoted,
            b'|' if !quoted => {
                parts.push((is_filter, &text[start..at]));
                is_filter = bytes.get(at + 1) != Some(&b'|');
                at += usize::from(!is_filter);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push((is_filter, &text[start..]));
    parts
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
