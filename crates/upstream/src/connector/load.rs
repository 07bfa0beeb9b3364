//! Reading connector files: strict, and with errors that name the place.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use valetkey_domain::AuthType;

use super::{
    Api, Auth, Connector, Links, OAuthProfile, StaticAuth, Variable, check,
    declared::{McpAuth, SessionAuth, Webhooks},
    reasons::{Reasons, ReasonsFile},
    supported,
};
use crate::tool::{Surroundings, Tool, ToolFile};

/// A connector file is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}: {message}")]
pub struct LoadError {
    /// The name of the file.
    pub file: String,
    /// The path of the field within the file, such as `tools[3].request.path`.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl LoadError {
    pub(super) fn new(file: &str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: place.into(), message: message.into() }
    }
}

/// Where, and what.
pub(super) type Refusal = (String, String);

/// Largest connector file.
const MAX_FILE_BYTES: usize = 1 << 20;

/// A connector file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectorFile {
    slug: String,
    provider: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    display_name: String,
    description: String,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    links: Links,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    auth: AuthFile,
    api: Api,
    probe: Option<String>,
    #[serde(default)]
    reasons: ReasonsFile,
    webhooks: Option<Webhooks>,
    #[serde(default)]
    tools: Vec<ToolFile>,
}

/// Exactly one of these. A struct and not an enum, since then errors name the path inside.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthFile {
    oauth: Option<Box<OAuthProfile>>,
    client_credentials: Option<Box<OAuthProfile>>,
    api_key: Option<StaticAuth>,
    basic: Option<StaticAuth>,
    bearer: Option<StaticAuth>,
    none: Option<NoAuth>,
    session: Option<Box<SessionAuth>>,
    mcp_oauth: Option<Box<McpAuth>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoAuth {}

impl AuthFile {
    fn into_auth(self) -> Result<Auth, String> {
        let mut given = Vec::new();
        given.extend(self.oauth.map(Auth::OAuth));
        given.extend(self.client_credentials.map(Auth::ClientCredentials));
        given.extend(self.api_key.map(|form| Auth::Static(AuthType::ApiKey, form)));
        given.extend(self.basic.map(|form| Auth::Static(AuthType::Basic, form)));
        given.extend(self.bearer.map(|form| Auth::Static(AuthType::Bearer, form)));
        given.extend(self.none.map(|NoAuth {}| Auth::None));
        // Refused by the caller before anything is done with it.
        given.extend(self.session.map(|_| Auth::None));
        given.extend(self.mcp_oauth.map(|_| Auth::None));
        match (given.pop(), given.is_empty()) {
            (Some(auth), true) => Ok(auth),
            _ => {
                Err("expected exactly one of oauth, client_credentials, api_key, basic, bearer, none".into())
            }
        }
    }
}

/// Reads one file and checks that everything in it can be carried out.
pub(super) fn read(file: &str, text: &str) -> Result<Connector, LoadError> {
    let (connector, supported) = parse(file, text)?;
    supported
        .and_then(|()| supported::check(&connector))
        .map_err(|(place, message)| LoadError::new(file, place, message))?;
    Ok(connector)
}

/// Reads one file: shape and sense. Beside the connector, whether its kind of authorization can be carried out.
pub(super) fn parse(file: &str, text: &str) -> Result<(Connector, Result<(), Refusal>), LoadError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(LoadError::new(file, "(file)", "is larger than 1 MiB"));
    }
    let raw: ConnectorFile = serde_norway::from_str(text).map_err(|error| {
        let place = error
            .location()
            .map_or_else(|| "(file)".to_owned(), |at| format!("line {}, column {}", at.line(), at.column()));
        LoadError::new(file, place, error.to_string())
    })?;
    let refuse = |place: &str, message: String| LoadError::new(file, place, message);
    let auth_supported = supported::check_auth(raw.auth.session.is_some(), raw.auth.mcp_oauth.is_some());
    let auth = raw.auth.into_auth().map_err(|message| refuse("auth", message))?;
    let prefixes = auth.oauth().map(|profile| profile.scopes.prefixes.clone()).unwrap_or_default();
    let errors = Arc::new(raw.api.errors.clone());
    let around =
        Surroundings { provider_name: &raw.display_name, errors: &errors, scope_prefixes: &prefixes };
    let mut tools = Vec::with_capacity(raw.tools.len());
    for (index, tool) in raw.tools.into_iter().enumerate() {
        let tool = Tool::new(tool, &around)
            .map_err(|(place, message)| LoadError::new(file, format!("tools[{index}].{place}"), message))?;
        tools.push(Arc::new(tool));
    }
    let reasons = Reasons::read(raw.reasons).map_err(|message| refuse("reasons", message))?;
    let connector = Connector {
        provider: raw.provider.unwrap_or_else(|| raw.slug.to_ascii_uppercase().replace('-', "_")),
        slug: raw.slug,
        aliases: raw.aliases,
        display_name: raw.display_name,
        description: raw.description,
        categories: raw.categories,
        links: raw.links,
        variables: raw.variables,
        auth,
        api: raw.api,
        probe: raw.probe,
        reasons,
        webhooks: raw.webhooks,
        tools,
    };
    check::check(file, &connector).map_err(|(place, message)| LoadError::new(file, place, message))?;
    Ok((connector, auth_supported))
}
