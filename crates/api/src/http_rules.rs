//! Path templates and bodies of the HTTP rules: which request over plain HTTP is which RPC.
//!
//! The templates are the part of `google.api.HttpRule` that the compatible API uses: literal segments, `{field}` for
//! one segment, and a `:verb` after the last one.

use std::borrow::Cow;

use prost_reflect::MessageDescriptor;

use crate::proto::google_api::{HttpRule, http_rule::Pattern};

/// One way to reach an RPC over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// `GET`, `PUT`, `POST`, `DELETE` or `PATCH`.
    pub method: &'static str,
    /// The template as written, for messages.
    pub template: String,
    /// What the body is.
    pub body: Body,
    segments: Vec<Segment>,
    verb: Option<String>,
}

/// What the body of a request over plain HTTP is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// There is none; fields come from path and query.
    None,
    /// The whole request.
    Whole,
    /// One field of the request; the others come from path and query.
    Field(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Field(String),
}

/// The route of a rule and of its additional bindings.
///
/// # Errors
/// Says what is wrong with the rule.
pub fn routes(rule: &HttpRule, input: &MessageDescriptor) -> Result<Vec<HttpRoute>, String> {
    let mut routes = vec![route(rule, input)?];
    for additional in &rule.additional_bindings {
        routes.push(route(additional, input)?);
    }
    Ok(routes)
}

fn route(rule: &HttpRule, input: &MessageDescriptor) -> Result<HttpRoute, String> {
    let (method, template) = match rule.pattern.as_ref().ok_or("the rule has no path")? {
        Pattern::Get(path) => ("GET", path),
        Pattern::Put(path) => ("PUT", path),
        Pattern::Post(path) => ("POST", path),
        Pattern::Delete(path) => ("DELETE", path),
        Pattern::Patch(path) => ("PATCH", path),
    };
    let body = match rule.body.as_str() {
        "" => Body::None,
        "*" => Body::Whole,
        field => Body::Field(known(field, input)?),
    };
    let (path, verb) = split_verb(template);
    let path = path.strip_prefix('/').ok_or("a path starts with /")?;
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(field) => known(field, input).map(Segment::Field),
            None if segment.is_empty() || segment.contains(['{', '}', '*']) => {
                Err(format!("segment \"{segment}\" is not supported"))
            }
            None => Ok(Segment::Literal(segment.to_owned())),
        })
        .collect::<Result<_, _>>()?;
    Ok(HttpRoute { method, template: template.clone(), body, segments, verb: verb.map(str::to_owned) })
}

fn known(field: &str, input: &MessageDescriptor) -> Result<String, String> {
    input
        .get_field_by_name(field)
        .map(|f| f.name().to_owned())
        .ok_or_else(|| format!("{} has no field {field}", input.full_name()))
}

/// Splits `…/last:verb` after the last slash.
fn split_verb(path: &str) -> (&str, Option<&str>) {
    let last = path.rfind('/').map_or(0, |slash| slash + 1);
    match path[last..].rfind(':') {
        Some(colon) => (&path[..last + colon], Some(&path[last + colon + 1..])),
        None => (path, None),
    }
}

impl HttpRoute {
    /// The fields that the path gives, percent-decoded, if the path is this route's.
    ///
    /// A segment whose escapes are not UTF-8 matches nothing.
    #[must_use]
    pub fn matches<'p>(&'p self, path: &'p str) -> Option<Vec<(&'p str, Cow<'p, str>)>> {
        // A verb that belongs to the template only: an id may hold a colon as well.
        let path = match &self.verb {
            Some(verb) => path.strip_suffix(verb.as_str())?.strip_suffix(':')?,
            None => path,
        };
        let mut fields = Vec::new();
        let mut given = path.strip_prefix('/')?.split('/');
        for segment in &self.segments {
            let text = given.next()?;
            match segment {
                Segment::Literal(literal) if literal == text => {}
                Segment::Literal(_) => return None,
                Segment::Field(_) if text.is_empty() => return None,
                Segment::Field(name) => fields.push((name.as_str(), decode(text)?)),
            }
        }
        given.next().is_none().then_some(fields)
    }

    /// How specific the route is: of two that match, the higher one is meant.
    #[must_use]
    pub fn specificity(&self) -> usize {
        let literals = self.segments.iter().filter(|s| matches!(s, Segment::Literal(_))).count();
        literals * 2 + usize::from(self.verb.is_some())
    }

    /// A path of this route, with `value` for every field. For tests that walk all routes.
    #[must_use]
    pub fn example(&self, value: &str) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Field(_) => value,
            });
        }
        if let Some(verb) = &self.verb {
            path.push(':');
            path.push_str(verb);
        }
        path
    }
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Descriptors;

    fn find(method: &str, path: &str) -> Option<(String, Vec<(String, String)>)> {
        let descriptors = Descriptors::embedded().unwrap();
        descriptors
            .rpcs()
            .iter()
            .flat_map(|rpc| rpc.routes.iter().map(move |route| (rpc, route)))
            .filter(|(_, route)| route.method == method)
            .filter_map(|(rpc, route)| Some((route.specificity(), rpc, route.matches(path)?)))
            .max_by_key(|(specificity, ..)| *specificity)
            .map(|(_, rpc, fields)| {
                (rpc.name.clone(), fields.into_iter().map(|(k, v)| (k.to_owned(), v.into_owned())).collect())
            })
    }

    #[test]
    fn paths_literal_and_field_and_verb_find_their_rpc() {
        let cases = [
            ("GET", "/api/v1/connected_accounts", Some("ListConnectedAccounts")),
            ("GET", "/api/v1/connected_accounts:search", Some("SearchConnectedAccounts")),
            ("POST", "/api/v1/connected_accounts:delete", Some("DeleteConnectedAccount")),
            ("GET", "/api/v1/connected_accounts/this", Some("GetConnectedAccount")),
            ("GET", "/api/v1/connected_accounts/auth", Some("GetConnectedAccountAuth")),
            ("GET", "/api/v1/connected_accounts/details", Some("GetConnectedAccountDetails")),
            ("GET", "/api/v1/connected_accounts/ca_1", Some("GetConnectedAccount")),
            ("POST", "/api/v1/connected_accounts/ca_1:disconnect", Some("DisconnectConnectedAccount")),
            ("POST", "/api/v1/connected_accounts/this:disconnect", Some("DisconnectConnectedAccount")),
            ("POST", "/api/v1/connected_accounts/user/verify", Some("VerifyConnectedAccountUser")),
            ("POST", "/api/v1/execute_tool", Some("ExecuteTool")),
            ("GET", "/api/v1/tools/scoped", Some("ListScopedTools")),
            ("DELETE", "/api/v1/tools/tol_1", Some("DeleteTool")),
            ("DELETE", "/api/v1/connected_accounts", None),
            ("GET", "/api/v1/connected_accounts/", None),
            ("GET", "/api/v1/connected_accounts/a/b", None),
            ("GET", "/api/v1/connected_accounts/%ff", None),
        ];
        for (method, path, expected) in cases {
            assert_eq!(find(method, path).map(|f| f.0).as_deref(), expected, "{method} {path}");
        }
    }

    #[test]
    fn field_escaped_is_decoded() {
        let (_, fields) = find("GET", "/api/v1/connected_accounts/a%2Fb%3A1").unwrap();
        assert_eq!(fields, [("id".to_owned(), "a/b:1".to_owned())]);
    }

    #[test]
    fn examples_of_all_routes_match_themselves() {
        for rpc in Descriptors::embedded().unwrap().rpcs() {
            for route in &rpc.routes {
                assert!(route.matches(&route.example("x1")).is_some(), "{}", route.template);
            }
        }
    }

    #[test]
    fn rules_malformed_are_refused() {
        let input = Descriptors::embedded().unwrap().rpcs()[0].input.clone();
        for template in ["no-slash", "/a//b", "/a/{unknown}", "/a/{id=*}", "/a/**"] {
            let rule = HttpRule { pattern: Some(Pattern::Get(template.into())), ..Default::default() };
            assert!(routes(&rule, &input).is_err(), "{template}");
        }
        assert!(routes(&HttpRule::default(), &input).is_err());
    }
}
