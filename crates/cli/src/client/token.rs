//! `valetkey token …`

use clap::Subcommand;
use serde_json::json;

use super::{
    Session,
    input::filled,
    show,
    view::{details, table},
};
use crate::failure::Failure;

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
        Command::Create { name, client_id, permissions, expires_at } => {
            let body = filled(json!({
                "name": name,
                "client_id": client_id,
                "permissions": (!permissions.is_empty()).then_some(permissions),
                "expires_at": expires_at,
            }));
            let answer = session.post(&["tokens"], &body).await?;
            show(session, &answer, |answer| {
                let fields = [
                    "token",
                    "api_token.id",
                    "api_token.name",
                    "api_token.client_id",
                    "api_token.expires_at",
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
