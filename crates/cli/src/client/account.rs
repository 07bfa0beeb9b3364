//! `valetkey account …`

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    PageArgs, Session,
    history::{EventFilter, events},
    input::{filled, object},
    show,
    view::{clean, details, table},
};
use crate::failure::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an account; without a credential it waits for its user
    Create(Create),
    /// Show an account
    Get {
        #[command(flatten)]
        account: Pick,
    },
    /// Change what is kept with an account, or its credential
    Update(Update),
    /// List accounts, newest first
    List(List),
    /// Make an authorization link; the account is created if it does not exist
    Link(Link),
    /// Confirm the user who finished an authorization
    Verify {
        /// The auth_request_id that your user_verify_url received
        auth_request_id: String,
        /// Your own id of the user who is signed in
        #[arg(long)]
        identifier: String,
    },
    /// Renew an account's credential now
    Refresh {
        #[command(flatten)]
        account: Pick,
    },
    /// Show the attempts to renew an account's credential, newest first
    Refreshes {
        #[command(flatten)]
        account: Pick,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Revoke an account's grant at the provider and erase its credential here; the history stays
    Disconnect {
        #[command(flatten)]
        account: Pick,
        /// What shall become of other accounts that the revocation would end too
        #[arg(long)]
        siblings: Option<Siblings>,
        /// Only say what it would do at the provider
        #[arg(long, conflicts_with = "siblings")]
        dry_run: bool,
    },
    /// Disconnect an account and delete it
    Delete {
        #[command(flatten)]
        account: Pick,
        /// What shall become of other accounts that the revocation would end too
        #[arg(long)]
        siblings: Option<Siblings>,
    },
    /// Show the scopes of an account: asked for, granted, needed by tools, really used
    Scopes {
        #[command(flatten)]
        account: Pick,
        /// Look at the use of tools since this instant, such as 2026-01-01T00:00:00Z; 90 days back without it
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// List grants of ended accounts that could not be revoked yet and are tried again
    Revocations {
        /// Of this account: ca_…
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show the history of an account, newest first
    Events {
        #[command(flatten)]
        account: Pick,
        #[command(flatten)]
        filter: EventFilter,
        #[command(flatten)]
        page: PageArgs,
    },
}

/// An account: by id, or by identifier (and connection).
#[derive(Debug, Clone, Args)]
pub(crate) struct Pick {
    /// Its id: ca_…
    #[arg(required_unless_present = "identifier", conflicts_with = "identifier")]
    pub(super) account: Option<String>,
    /// Your own id of the end user
    #[arg(long)]
    pub(super) identifier: Option<String>,
    /// The connection's name or id; needed if the user has accounts on several
    #[arg(long, value_name = "NAME", requires = "identifier")]
    pub(super) connection: Option<String>,
    /// Which of several accounts of the user on the connection
    #[arg(long, value_name = "NAME", requires = "identifier")]
    pub(super) account_name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The connection's name or id
    #[arg(long, value_name = "NAME")]
    connection: String,
    /// Your own id of the end user
    #[arg(long)]
    identifier: String,
    /// A name that tells it apart from other accounts of the user on the connection
    #[arg(long, value_name = "NAME")]
    account_name: Option<String>,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    account: Pick,
    #[command(flatten)]
    kept: Kept,
}

/// What can be kept with an account.
#[derive(Debug, Args)]
struct Kept {
    /// Your own id of the user's organization
    #[arg(long)]
    organization_id: Option<String>,
    /// Your own further user id
    #[arg(long)]
    user_id: Option<String>,
    /// Free settings as a JSON object, @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    api_config: Option<String>,
    /// The credential to import as @FILE, or - for stdin: {"fields": {"api_key": "…"}} or
    /// {"oauth": {"access_token": "…", "refresh_token": "…"}}
    #[arg(long, value_name = "@FILE")]
    credential: Option<String>,
    /// Store imported fields without trying them out
    #[arg(long)]
    skip_probe: bool,
}

impl Kept {
    fn body(self) -> Result<Value, Failure> {
        if self.credential.as_deref().is_some_and(|text| text != "-" && !text.starts_with('@')) {
            return Err(Failure::usage(
                "--credential: give @FILE, or - for stdin; on the command line others could read it",
            ));
        }
        let config = self.api_config.map(|text| object(&text, "--api-config")).transpose()?;
        let credential = self.credential.map(|text| object(&text, "--credential")).transpose()?;
        Ok(filled(json!({
            "organization_id": self.organization_id,
            "user_id": self.user_id,
            "api_config": config,
            "credential": credential,
            "skip_probe": self.skip_probe.then_some(true),
        })))
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// With exactly this identifier
    #[arg(long)]
    identifier: Option<String>,
    /// With exactly this name among the accounts of its identifier
    #[arg(long, value_name = "NAME")]
    account_name: Option<String>,
    /// Of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Of a connection of this connector
    #[arg(long)]
    connector: Option<String>,
    /// In this status: PENDING, PENDING_VERIFICATION, ACTIVE, EXPIRED, REVOKED, ERROR or DISCONNECTED
    #[arg(long)]
    status: Option<String>,
    /// Of this organization
    #[arg(long)]
    organization_id: Option<String>,
    /// Of this user id
    #[arg(long)]
    user_id: Option<String>,
    /// Whose identifier, label or ids contain this
    #[arg(long)]
    query: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Link {
    #[command(flatten)]
    account: Pick,
    /// Handed through to the user_verify_url untouched
    #[arg(long)]
    state: Option<String>,
    /// Where the user goes afterwards, so that your app can confirm who it is
    #[arg(long, value_name = "URL")]
    user_verify_url: Option<String>,
    /// Ask for fewer scopes than the connection does. Repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Ask for this scope on top of what the connection asks for and the account has. Repeatable
    #[arg(long = "add-scope", value_name = "SCOPE", conflicts_with = "scopes")]
    add_scopes: Vec<String>,
}

/// What shall become of other accounts that a revocation would end too.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Siblings {
    /// End them as well
    Revoke,
    /// Leave the grant alive at the provider
    Keep,
}

impl Siblings {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Keep => "keep",
        }
    }
}

const COLUMNS: [&str; 7] =
    ["identifier", "account_name", "connection_name", "status", "label", "last_used_at", "id"];
const FIELDS: [&str; 21] = [
    "id",
    "status",
    "cause",
    "identifier",
    "account_name",
    "connection_name",
    "connector",
    "auth_type",
    "label",
    "scopes",
    "organization_id",
    "user_id",
    "api_config",
    "token_expires_at",
    "refresh_at",
    "degraded.code",
    "degraded.failures",
    "degraded.retry_at",
    "last_used_at",
    "created_at",
    "updated_at",
];

const REVOCATIONS: [&str; 8] =
    ["identifier", "connection_name", "attempts", "last_code", "next_at", "give_up_at", "account_id", "id"];

const REFRESHES: [&str; 8] =
    ["number", "reason", "outcome", "code", "started_at", "ended_at", "generation", "instance"];

fn one(account: &Value) -> String {
    details(account, &FIELDS)
}

/// What ending an account would do.
fn preview(answer: &Value) -> String {
    let mut text = details(answer, &["account_id", "label", "offered", "reach"]);
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        text += &format!("! {}\n", clean(warning.as_str().unwrap_or_default()));
    }
    if answer["siblings"].as_array().is_some_and(|siblings| !siblings.is_empty()) {
        text += "\nEnds too, unless --siblings keep:\n";
        text += &table(&json!({"items": answer["siblings"]}), &COLUMNS);
    }
    text
}

/// The scopes of an account, and below them its tools.
fn scopes(answer: &Value) -> String {
    let sides =
        ["account_id", "label", "asked", "granted", "missing", "not_asked", "used", "unused", "since"];
    let text = details(answer, &sides);
    if answer["tools"].as_array().is_none_or(Vec::is_empty) {
        return text;
    }
    let columns = ["name", "missing", "executions", "succeeded", "last_used_at"];
    format!("{text}\n{}", table(&json!({"items": answer["tools"]}), &columns))
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let mut body = create.kept.body()?;
            body["connection_name"] = json!(create.connection);
            body["identifier"] = json!(create.identifier);
            if let Some(name) = create.account_name {
                body["account_name"] = json!(name);
            }
            show(session, &session.post(&["accounts"], &body).await?, one)
        }
        Command::Get { account } => {
            let id = account.id(session).await?;
            show(session, &session.get(&["accounts", &id], &[]).await?, one)
        }
        Command::Update(update) => {
            let body = update.kept.body()?;
            if body == json!({}) {
                return Err(Failure::usage("Nothing to change: name at least one option."));
            }
            let id = update.account.id(session).await?;
            show(session, &session.patch(&["accounts", &id], &body).await?, one)
        }
        Command::List(list) => show(session, &listed(list, session).await?, |a| table(a, &COLUMNS)),
        Command::Link(link) => show(session, &linked(link, session).await?, |answer| {
            details(answer, &["link", "expires_at", "account.status", "account.id"])
        }),
        Command::Verify { auth_request_id, identifier } => {
            let body = json!({"auth_request_id": auth_request_id, "identifier": identifier});
            let answer = session.post(&["accounts", "verify"], &body).await?;
            show(session, &answer, |answer| one(&answer["account"]))
        }
        Command::Refresh { account } => {
            let id = account.id(session).await?;
            show(session, &session.post(&["accounts", &id, "refresh"], &json!({})).await?, one)
        }
        Command::Refreshes { account, page } => {
            let id = account.id(session).await?;
            let answer = session.get(&["accounts", &id, "refreshes"], &page.query()).await?;
            show(session, &answer, |answer| table(answer, &REFRESHES))
        }
        Command::Disconnect { account, dry_run: true, .. } => {
            let id = account.id(session).await?;
            show(session, &session.get(&["accounts", &id, "disconnect-preview"], &[]).await?, preview)
        }
        Command::Disconnect { account, siblings, .. } => {
            let id = account.id(session).await?;
            let body = filled(json!({"siblings": siblings.map(Siblings::as_str)}));
            show(session, &session.post(&["accounts", &id, "disconnect"], &body).await?, |answer| {
                one(answer)
                    + &details(answer, &["revocation.outcome", "revocation.detail", "revocation.retry_at"])
            })
        }
        Command::Delete { account, siblings } => {
            let id = account.id(session).await?;
            let query = [("siblings", siblings.map(|siblings| siblings.as_str().to_owned()))];
            let answer = session.delete_with(&["accounts", &id], &query).await?;
            show(session, &answer, |_| format!("The account {id} is deleted.\n"))
        }
        Command::Scopes { account, since } => {
            let id = account.id(session).await?;
            show(session, &session.get(&["accounts", &id, "scopes"], &[("since", since)]).await?, scopes)
        }
        Command::Revocations { account, page } => {
            let [size, token] = page.query();
            let answer = session.get(&["revocations"], &[("account_id", account), size, token]).await?;
            show(session, &answer, |answer| table(answer, &REVOCATIONS))
        }
        Command::Events { account, filter, page } => {
            let id = account.id(session).await?;
            let query = filter.query(page);
            show(session, &session.get(&["accounts", &id, "events"], &query).await?, events)
        }
    }
}

async fn listed(list: List, session: &Session) -> Result<Value, Failure> {
    let [size, token] = list.page.query();
    let query = [
        ("identifier", list.identifier),
        ("account_name", list.account_name),
        ("connection_name", list.connection),
        ("connector", list.connector),
        ("status", list.status),
        ("organization_id", list.organization_id),
        ("user_id", list.user_id),
        ("query", list.query),
        size,
        token,
    ];
    session.get(&["accounts"], &query).await
}

async fn linked(link: Link, session: &Session) -> Result<Value, Failure> {
    let mut body = filled(json!({
        "state": link.state,
        "user_verify_url": link.user_verify_url,
        "scopes": (!link.scopes.is_empty()).then_some(link.scopes),
        "add_scopes": (!link.add_scopes.is_empty()).then_some(link.add_scopes),
    }));
    if let (Some(connection), Some(identifier)) = (&link.account.connection, &link.account.identifier) {
        body["connection_name"] = json!(connection);
        body["identifier"] = json!(identifier);
        if let Some(name) = &link.account.account_name {
            body["account_name"] = json!(name);
        }
        return session.post(&["authorization-links"], &body).await;
    }
    let id = link.account.id(session).await?;
    session.post(&["accounts", &id, "authorization-link"], &body).await
}

impl Pick {
    /// The account's id, looked up if it was named otherwise.
    async fn id(&self, session: &Session) -> Result<String, Failure> {
        if let Some(id) = &self.account {
            return Ok(id.clone());
        }
        let query = [
            ("identifier", self.identifier.clone()),
            ("connection_name", self.connection.clone()),
            ("account_name", self.account_name.clone()),
        ];
        let found = session.get(&["accounts"], &query).await?;
        let mut rows: Vec<&Value> = found["items"].as_array().into_iter().flatten().collect();
        // As the server does it: the unnamed one of several on one connection.
        let unnamed: Vec<_> = rows.iter().copied().filter(|row| row["account_name"].is_null()).collect();
        let one_connection = rows.iter().all(|row| row["connection_id"] == rows[0]["connection_id"]);
        if one_connection && unnamed.len() == 1 {
            rows = unnamed;
        }
        let identifier = self.identifier.as_deref().unwrap_or_default();
        match rows.as_slice() {
            [account] => Ok(account["id"].as_str().unwrap_or_default().to_owned()),
            [] => Err(Failure::new(Exit::Refused, format!("There is no account of {identifier}."))),
            _ => Err(Failure::new(
                Exit::Refused,
                format!(
                    "{identifier} has several accounts; name one by --connection, --account-name or its id:\n{}",
                    table(&found, &COLUMNS)
                ),
            )),
        }
    }
}
