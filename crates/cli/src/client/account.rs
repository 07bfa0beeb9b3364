//! `valetkey account …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    PageArgs, Session,
    connection::events,
    input::{filled, object},
    show,
    view::{details, table},
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
    /// Revoke an account's grant at the provider and erase its credential here; the history stays
    Disconnect {
        #[command(flatten)]
        account: Pick,
    },
    /// Disconnect an account and delete it
    Delete {
        #[command(flatten)]
        account: Pick,
    },
    /// Show the history of an account, newest first
    Events {
        #[command(flatten)]
        account: Pick,
        #[command(flatten)]
        page: PageArgs,
    },
}

/// An account: by id, or by identifier (and connection).
#[derive(Debug, Clone, Args)]
pub(crate) struct Pick {
    /// Its id: ca_…
    #[arg(required_unless_present = "identifier", conflicts_with = "identifier")]
    account: Option<String>,
    /// Your own id of the end user
    #[arg(long)]
    identifier: Option<String>,
    /// The connection's name or id; needed if the user has accounts on several
    #[arg(long, value_name = "NAME", requires = "identifier")]
    connection: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The connection's name or id
    #[arg(long, value_name = "NAME")]
    connection: String,
    /// Your own id of the end user
    #[arg(long)]
    identifier: String,
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
}

const COLUMNS: [&str; 6] = ["identifier", "connection_name", "status", "label", "last_used_at", "id"];
const FIELDS: [&str; 16] = [
    "id",
    "status",
    "cause",
    "identifier",
    "connection_name",
    "connector",
    "auth_type",
    "label",
    "scopes",
    "organization_id",
    "user_id",
    "api_config",
    "token_expires_at",
    "last_used_at",
    "created_at",
    "updated_at",
];

fn one(account: &Value) -> String {
    details(account, &FIELDS)
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let mut body = create.kept.body()?;
            body["connection_name"] = json!(create.connection);
            body["identifier"] = json!(create.identifier);
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
        Command::Disconnect { account } => {
            let id = account.id(session).await?;
            show(session, &session.post(&["accounts", &id, "disconnect"], &json!({})).await?, one)
        }
        Command::Delete { account } => {
            let id = account.id(session).await?;
            let answer = session.delete(&["accounts", &id]).await?;
            show(session, &answer, |_| format!("The account {id} is deleted.\n"))
        }
        Command::Events { account, page } => {
            let id = account.id(session).await?;
            show(session, &session.get(&["accounts", &id, "events"], &page.query()).await?, events)
        }
    }
}

async fn listed(list: List, session: &Session) -> Result<Value, Failure> {
    let [size, token] = list.page.query();
    let query = [
        ("identifier", list.identifier),
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
    }));
    if let (Some(connection), Some(identifier)) = (&link.account.connection, &link.account.identifier) {
        body["connection_name"] = json!(connection);
        body["identifier"] = json!(identifier);
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
        let query = [("identifier", self.identifier.clone()), ("connection_name", self.connection.clone())];
        let found = session.get(&["accounts"], &query).await?;
        let rows = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let identifier = self.identifier.as_deref().unwrap_or_default();
        match rows {
            [account] => Ok(account["id"].as_str().unwrap_or_default().to_owned()),
            [] => Err(Failure::new(Exit::Refused, format!("There is no account of {identifier}."))),
            _ => Err(Failure::new(
                Exit::Refused,
                format!(
                    "{identifier} has several accounts; name one by --connection or its id:\n{}",
                    table(&found, &COLUMNS)
                ),
            )),
        }
    }
}
