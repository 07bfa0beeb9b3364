//! `valetkey token …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Session,
    input::filled,
    show,
    view::{details, table},
};
use crate::failure::Failure;

/// What a token that an agent holds is bounded to. It then finds and calls tools, and does nothing else
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// Only for the accounts of this user. Repeatable
    #[arg(long = "only-identifier", value_name = "IDENTIFIER")]
    identifiers: Vec<String>,
    /// Only tools of this connector. Repeatable
    #[arg(long = "only-connector", value_name = "CONNECTOR")]
    connectors: Vec<String>,
    /// Only this tool; then no proxied calls. Repeatable
    #[arg(long = "only-tool", value_name = "TOOL")]
    tools: Vec<String>,
    /// Only what changes nothing
    #[arg(long)]
    read_only: bool,
}

impl Bounds {
    /// As the API takes them; nothing if there are none.
    fn body(&self) -> Option<Value> {
        let open = self.identifiers.is_empty() && self.connectors.is_empty() && self.tools.is_empty();
        (!open || self.read_only).then(|| {
            json!({
                "identifiers": self.identifiers,
                "connectors": self.connectors,
                "tools": self.tools,
                "read_only": self.read_only,
            })
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a static API token; it is shown this once
    Create {
        /// A name for people
        name: String,
        /// The API client it acts for; your own without
        #[arg(long)]
        client_id: Option<String>,
        /// What it may do; without any, everything you and the client may. Repeatable
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// When it stops working, such as 2027-01-01T00:00:00Z; never without
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        #[command(flatten)]
        bounds: Bounds,
    },
    /// List static API tokens, oldest first
    List,
    /// Revoke a static API token
    Revoke {
        /// Its id: tok_…
        token_id: String,
    },
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Create { name, client_id, permissions, expires_at, bounds } => {
            let body = filled(json!({
                "name": name,
                "client_id": client_id,
                "permissions": (!permissions.is_empty()).then_some(permissions),
                "expires_at": expires_at,
                "bounds": bounds.body(),
            }));
            let answer = session.post(&["tokens"], &body).await?;
            show(session, &answer, |answer| {
                let fields = [
                    "token",
                    "api_token.id",
                    "api_token.name",
                    "api_token.client_id",
                    "api_token.expires_at",
                    "api_token.bounds",
                ];
                details(answer, &fields)
            })
        }
        Command::List => {
            let answer = session.get(&["tokens"], &[]).await?;
            let columns = ["id", "name", "hint", "client_id", "created_at", "expires_at", "revoked_at"];
            show(session, &answer, |a| table(a, &columns))
        }
        Command::Revoke { token_id } => {
            let answer = session.delete(&["tokens", &token_id]).await?;
            show(session, &answer, |token| details(token, &["id", "name", "revoked_at"]))
        }
    }
}
