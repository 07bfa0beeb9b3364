//! What a tool sends, as written in a file and as compiled.

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use serde::Deserialize;
use serde_json::Value;

use super::template::{Template, TextPiece};

/// `request` of a tool, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestFile {
    #[serde(default)]
    method: MethodName,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<BodyFile>,
    /// A further token of the grant instead of the access token.
    token: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum MethodName {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// Exactly one of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyFile {
    json: Option<Value>,
    form: Option<BTreeMap<String, Value>>,
    graphql: Option<GraphqlFile>,
    multipart_related: Option<RelatedFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphqlFile {
    query: String,
    variables: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelatedFile {
    metadata: Value,
    content: String,
    content_base64: Option<String>,
    content_type: String,
}

/// What a tool sends.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: Vec<TextPiece>,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) body: Body,
    pub(crate) token: Option<String>,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    None,
    Json(Template),
    Form(Vec<(String, Template)>),
    Graphql {
        query: String,
        variables: Option<Template>,
    },
    Related {
        metadata: Template,
        content: Template,
        content_base64: Option<Template>,
        content_type: Template,
    },
}

type Refusal = (String, String);

impl Request {
    pub(crate) fn new(file: RequestFile) -> Result<Self, Refusal> {
        let method = match file.method {
            MethodName::Get => Method::GET,
            MethodName::Post => Method::POST,
            MethodName::Put => Method::PUT,
            MethodName::Patch => Method::PATCH,
            MethodName::Delete => Method::DELETE,
        };
        let body = file.body.map_or(Ok(Body::None), Body::new)?;
        if method == Method::GET && !matches!(body, Body::None) {
            return Err(("request.body".into(), "a GET has no body".into()));
        }
        let headers = file
            .headers
            .iter()
            .map(|(name, value)| {
                let place = format!("request.headers.{name}");
                let header = HeaderName::try_from(name.as_str())
                    .map_err(|_| (place.clone(), "is not a header name".to_owned()))?;
                if header == http::header::AUTHORIZATION || header == http::header::HOST {
                    return Err((place, "is not a tool's to set".into()));
                }
                Ok((header, text(&place, value)?))
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(Self {
            method,
            path: path(&file.path)?,
            query: templates("request.query", &file.query)?,
            headers,
            body,
            token: file.token,
        })
    }

    /// Every template, for checking the inputs they name.
    pub(crate) fn roots(&self) -> Vec<String> {
        let mut out = Vec::new();
        Template::Text(self.path.clone()).roots(&mut out);
        self.query.iter().for_each(|(_, template)| template.roots(&mut out));
        self.headers.iter().for_each(|(_, template)| template.roots(&mut out));
        match &self.body {
            Body::None => {}
            Body::Json(template) => template.roots(&mut out),
            Body::Form(fields) => fields.iter().for_each(|(_, template)| template.roots(&mut out)),
            Body::Graphql { variables, .. } => variables.iter().for_each(|template| template.roots(&mut out)),
            Body::Related { metadata, content, content_base64, content_type } => {
                for template in [metadata, content, content_type].into_iter().chain(content_base64) {
                    template.roots(&mut out);
                }
            }
        }
        out
    }
}

impl Body {
    fn new(file: BodyFile) -> Result<Self, Refusal> {
        match file {
            BodyFile { json: Some(json), form: None, graphql: None, multipart_related: None } => {
                Ok(Self::Json(template("request.body.json", &json)?))
            }
            BodyFile { json: None, form: Some(form), graphql: None, multipart_related: None } => {
                Ok(Self::Form(templates("request.body.form", &form)?))
            }
            BodyFile { json: None, form: None, graphql: Some(graphql), multipart_related: None } => {
                let variables = graphql.variables.as_ref();
                let variables =
                    variables.map(|v| template("request.body.graphql.variables", v)).transpose()?;
                Ok(Self::Graphql { query: graphql.query, variables })
            }
            BodyFile { json: None, form: None, graphql: None, multipart_related: Some(related) } => {
                let place = "request.body.multipart_related";
                let base64 = related.content_base64.as_deref();
                Ok(Self::Related {
                    metadata: template(&format!("{place}.metadata"), &related.metadata)?,
                    content: text(&format!("{place}.content"), &related.content)?,
                    content_base64: base64
                        .map(|b| text(&format!("{place}.content_base64"), b))
                        .transpose()?,
                    content_type: text(&format!("{place}.content_type"), &related.content_type)?,
                })
            }
            _ => Err((
                "request.body".into(),
                "expected exactly one of json, form, graphql, multipart_related".into(),
            )),
        }
    }
}

fn template(place: &str, json: &Value) -> Result<Template, Refusal> {
    Template::parse(json).map_err(|error| (place.to_owned(), error.to_string()))
}

fn text(place: &str, text: &str) -> Result<Template, Refusal> {
    Template::parse_text(text).map_err(|error| (place.to_owned(), error.to_string()))
}

fn templates(place: &str, fields: &BTreeMap<String, Value>) -> Result<Vec<(String, Template)>, Refusal> {
    fields
        .iter()
        .map(|(name, json)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-.$[]@:".contains(c);
            let place = format!("{place}.{name}");
            if name.is_empty() || !name.chars().all(plain) {
                return Err((place, "is not a parameter name".into()));
            }
            if json.as_object().is_some_and(|fields| !fields.keys().any(|key| key.starts_with('$'))) {
                return Err((place, "a parameter is a text, a number or a list".into()));
            }
            Ok((name.clone(), template(&place, json)?))
        })
        .collect()
}

fn path(path: &str) -> Result<Vec<TextPiece>, Refusal> {
    let refuse = |message: &str| Err(("request.path".to_owned(), message.to_owned()));
    if !path.starts_with('/') || path.starts_with("//") {
        return refuse("must begin with one slash");
    }
    let pieces = match text("request.path", path)? {
        Template::Text(pieces) => pieces,
        Template::Hole(expr) => vec![TextPiece::Hole(expr)],
        _ => vec![TextPiece::Literal(path.to_owned())],
    };
    for piece in &pieces {
        if let TextPiece::Literal(literal) = piece
            && (literal.contains(['?', '#', '\\', '%']) || literal.split('/').any(|s| s == "." || s == ".."))
        {
            return refuse(
                "holds a character or segment that does not belong there; parameters go into query",
            );
        }
    }
    Ok(pieces)
}
