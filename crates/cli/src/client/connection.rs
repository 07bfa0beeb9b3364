//! `valetkey connection …`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    PageArgs, Session,
    history::{EventFilter, events},
    input::{ClientSecret, filled, pair, pairs},
    show,
    view::{details, table},
};
use crate::failure::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a connection; prints the redirect URI to register at the provider
    Create(Box<Create>),
    /// Show a connection
    Get {
        /// Its name or id
        connection: String,
    },
    /// Change a connection; what is not named stays as it is
    Update(Box<Update>),
    /// List connections, newest first
    List {
        /// Of this connector
        #[arg(long)]
        connector: Option<String>,
        /// Whose name contains this
        #[arg(long)]
        query: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Delete a connection that has no accounts
    Delete {
        /// Its name or id
        connection: String,
    },
    /// Check a connection's client credentials at the provider, as far as the provider lets one
    Test {
        /// Its name or id
        connection: String,
    },
    /// Show the history of a connection, newest first
    Events {
        /// Its name or id
        connection: String,
        #[command(flatten)]
        filter: EventFilter,
        #[command(flatten)]
        page: PageArgs,
    },
    /// List the accounts of a connection that lack scopes which it asks for
    ScopeGaps {
        /// Its name or id
        connection: String,
        #[command(flatten)]
        page: PageArgs,
    },
}

/// What to do when a user authorizes again with another account at the provider than before.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum IdentityPolicy {
    /// Take the new grant and tell of it in the history
    Flag,
    /// Refuse the new grant and keep the old one
    Refuse,
}

impl IdentityPolicy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Refuse => "refuse",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name; made up from the connector's name when left out
    name: Option<String>,
    /// The connector: gmail, slack, …
    #[arg(long)]
    connector: String,
    /// The OAuth client's id at the provider
    #[arg(long)]
    client_id: Option<String>,
    #[command(flatten)]
    client_secret: ClientSecret,
    /// When the provider ends the client secret: 2027-01-31, or an instant
    #[arg(long, value_name = "WHEN", value_parser = secret_end)]
    client_secret_expires_at: Option<String>,
    /// Use the operator's shared OAuth client
    #[arg(long)]
    shared: bool,
    /// A scope to ask for; the connector's defaults without any. Repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// A value for the connector's URL templates. Repeatable
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
    /// What to do when a user authorizes again with another account at the provider
    #[arg(long)]
    identity_policy: Option<IdentityPolicy>,
    /// The longest that a call may take, in milliseconds
    #[arg(long, value_name = "MS")]
    call_timeout_ms: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Its name or id
    connection: String,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Another OAuth client id
    #[arg(long)]
    client_id: Option<String>,
    #[command(flatten)]
    client_secret: ClientSecret,
    /// When the provider ends the client secret: 2027-01-31, an instant, or never
    #[arg(long, value_name = "WHEN|never", value_parser = secret_end)]
    client_secret_expires_at: Option<String>,
    /// Whether to use the operator's shared OAuth client
    #[arg(long, value_name = "true|false")]
    shared: Option<bool>,
    /// Other scopes, instead of all present ones. Repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Ask for the connector's default scopes again
    #[arg(long, conflicts_with = "scopes")]
    default_scopes: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// Go back to the connector's own URLs, but for those named here
    #[arg(long)]
    reset_urls: bool,
    /// A value for the connector's URL templates. Repeatable
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
    /// What to do when a user authorizes again with another account at the provider
    #[arg(long)]
    identity_policy: Option<IdentityPolicy>,
    /// The longest that a call may take, in milliseconds
    #[arg(long, value_name = "MS")]
    call_timeout_ms: Option<u32>,
    /// Leave it to connector and server again how long a call may take
    #[arg(long, conflicts_with = "call_timeout_ms")]
    default_call_timeout: bool,
    /// Let it be used, or not
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
}

/// Other URLs than the connector's.
#[derive(Debug, Default, Args)]
struct Overrides {
    /// Another authorization endpoint
    #[arg(long, value_name = "URL")]
    authorize_url: Option<String>,
    /// Another token endpoint
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// Another revocation endpoint
    #[arg(long, value_name = "URL")]
    revoke_url: Option<String>,
    /// Another userinfo endpoint
    #[arg(long, value_name = "URL")]
    userinfo_url: Option<String>,
    /// Another base URL of the API
    #[arg(long, value_name = "URL")]
    api_base_url: Option<String>,
}

impl Overrides {
    fn given(self) -> Map<String, Value> {
        let urls = [
            ("authorize_url", self.authorize_url),
            ("token_url", self.token_url),
            ("revoke_url", self.revoke_url),
            ("userinfo_url", self.userinfo_url),
            ("api_base_url", self.api_base_url),
        ];
        urls.into_iter().filter_map(|(name, url)| Some((name.to_owned(), json!(url?)))).collect()
    }
}

const COLUMNS: [&str; 7] = ["name", "connector", "auth_type", "enabled", "fault.code", "id", "redirect_uri"];
const GAPS: [&str; 7] = [
    "account.identifier",
    "account.account_name",
    "account.label",
    "account.status",
    "missing",
    "tools",
    "account.id",
];
const FIELDS: [&str; 22] = [
    "id",
    "name",
    "connector",
    "display_name",
    "auth_type",
    "redirect_uri",
    "client_id",
    "has_client_secret",
    "client_secret_expires_at",
    "use_shared_credentials",
    "scopes",
    "overrides.authorize_url",
    "overrides.token_url",
    "overrides.revoke_url",
    "overrides.userinfo_url",
    "overrides.api_base_url",
    "variables",
    "identity_policy",
    "call_timeout_ms",
    "enabled",
    "fault.message",
    "created_at",
];

fn one(connection: &Value) -> String {
    details(connection, &FIELDS)
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            show(session, &session.post(&["connections"], &body(*create)?).await?, one)
        }
        Command::Get { connection } => {
            show(session, &session.get(&["connections", &connection], &[]).await?, one)
        }
        Command::Update(update) => show(session, &change(*update, session).await?, one),
        Command::List { connector, query, page } => {
            let [size, token] = page.query();
            let query = [("connector", connector), ("query", query), size, token];
            show(session, &session.get(&["connections"], &query).await?, |a| table(a, &COLUMNS))
        }
        Command::Delete { connection } => {
            let answer = session.delete(&["connections", &connection]).await?;
            show(session, &answer, |_| format!("The connection {connection} is deleted.\n"))
        }
        Command::Test { connection } => test(&connection, session).await,
        Command::Events { connection, filter, page } => {
            let answer = session.get(&["connections", &connection, "events"], &filter.query(page)).await?;
            show(session, &answer, events)
        }
        Command::ScopeGaps { connection, page } => {
            let answer = session.get(&["connections", &connection, "scope-gaps"], &page.query()).await?;
            show(session, &answer, |answer| table(answer, &GAPS))
        }
    }
}

/// A secret that does not end.
const NEVER: &str = "never";

/// Reads when a client secret ends. Consoles show a day: it counts from its beginning, so that nobody is late.
fn secret_end(text: &str) -> Result<String, String> {
    if text == NEVER {
        return Ok(text.to_owned());
    }
    let day = time::Date::parse(text, time::macros::format_description!("[year]-[month]-[day]"));
    let instant = OffsetDateTime::parse(text, &Rfc3339);
    match (day, instant) {
        (Ok(_), _) => Ok(format!("{text}T00:00:00Z")),
        (_, Ok(_)) => Ok(text.to_owned()),
        _ => {
            Err("give a day such as 2027-01-31, an instant such as 2027-01-31T12:00:00Z, or never".to_owned())
        }
    }
}

fn body(create: Create) -> Result<Value, Failure> {
    let overrides = create.overrides.given();
    Ok(filled(json!({
        "name": create.name,
        "connector": create.connector,
        "client_id": create.client_id,
        "client_secret": create.client_secret.read()?,
        "client_secret_expires_at": create.client_secret_expires_at.filter(|end| end != NEVER),
        "use_shared_credentials": create.shared,
        "scopes": create.scopes,
        "overrides": overrides,
        "variables": pairs(create.variables),
        "identity_policy": create.identity_policy.map(IdentityPolicy::as_str),
        "call_timeout_ms": create.call_timeout_ms,
    })))
}

async fn change(update: Update, session: &Session) -> Result<Value, Failure> {
    let path = ["connections", update.connection.as_str()];
    let mut overrides = update.overrides.given();
    let mut variables: Map<String, Value> =
        update.variables.into_iter().map(|(name, value)| (name, json!(value))).collect();
    let touches_urls = update.reset_urls || !overrides.is_empty();
    let touches_variables = !variables.is_empty();
    if (!overrides.is_empty() && !update.reset_urls) || touches_variables {
        // The API replaces these as a whole; on the command line one is named and the others are meant to stay.
        let present = session.get(&path, &[]).await?;
        if !update.reset_urls {
            overrides = joined(&present["overrides"], overrides);
        }
        variables = joined(&present["variables"], variables);
    }
    let scopes = (update.default_scopes || !update.scopes.is_empty()).then_some(update.scopes);
    let mut body = filled(json!({
        "name": update.name,
        "client_id": update.client_id,
        "client_secret": update.client_secret.read()?,
        "client_secret_expires_at": update.client_secret_expires_at,
        "use_shared_credentials": update.shared,
        "scopes": scopes,
        "overrides": touches_urls.then_some(overrides),
        "variables": touches_variables.then_some(variables),
        "identity_policy": update.identity_policy.map(IdentityPolicy::as_str),
        "call_timeout_ms": update.call_timeout_ms,
        "enabled": update.enabled,
    }));
    if body["client_secret_expires_at"] == json!(NEVER) {
        body["client_secret_expires_at"] = Value::Null;
    }
    if update.default_call_timeout {
        body["call_timeout_ms"] = Value::Null;
    }
    if body == json!({}) {
        return Err(Failure::usage("Nothing to change: name at least one option."));
    }
    session.patch(&path, &body).await
}

fn joined(present: &Value, given: Map<String, Value>) -> Map<String, Value> {
    let mut all = present.as_object().cloned().unwrap_or_default();
    all.extend(given);
    all
}

async fn test(connection: &str, session: &Session) -> Result<(), Failure> {
    let answer = session.post(&["connections", connection, "test"], &json!({})).await?;
    show(session, &answer, report)?;
    if answer["ok"] == json!(true) {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("The connection {connection} is not in order.")))
}

fn report(answer: &Value) -> String {
    let rows = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let text = |row: &Value, name: &str| super::view::clean(row[name].as_str().unwrap_or_default());
    let mut report = String::new();
    for row in rows("checked") {
        let mark = if row["ok"] == json!(true) { "ok         " } else { "not ok     " };
        report += &format!("{mark}  {}: {}\n", text(&row, "item"), text(&row, "detail"));
    }
    for row in rows("not_checked") {
        report += &format!("not checked  {}: {}\n", text(&row, "item"), text(&row, "reason"));
    }
    report
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn end_of_a_secret_is_a_day_an_instant_or_never() {
        assert_eq!(secret_end("2027-01-31").unwrap(), "2027-01-31T00:00:00Z");
        for text in ["2027-01-31T12:00:00Z", "2027-01-31T12:00:00+02:00", NEVER] {
            assert_eq!(secret_end(text).unwrap(), text);
        }
        for text in ["31.1.2027", "2027-02-30", "tomorrow", ""] {
            assert!(secret_end(text).unwrap_err().contains("2027-01-31"), "{text}");
        }
    }

    #[test]
    fn report_tells_what_was_and_was_not_checked() {
        let answer = json!({"ok": false,
            "checked": [{"item": "token_endpoint", "ok": true, "detail": "answers"}, {"item": "client_credentials", "ok": false, "detail": "refused"}],
            "not_checked": [{"item": "redirect_uri", "reason": "only a user can"}]});
        let expected = "ok           token_endpoint: answers\nnot ok       client_credentials: refused\n\
                        not checked  redirect_uri: only a user can\n";
        assert_eq!(report(&answer), expected);
    }
}
