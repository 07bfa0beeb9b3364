//! `valetkey client …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Session,
    input::filled,
    show,
    view::{details, table},
};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an API client; its secret is shown this once
    Create {
        /// A name for people
        name: String,
        /// What it may do; without any, everything you may but reading access tokens. Repeatable
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
    },
    /// List API clients, oldest first
    List,
    /// Disable an API client: nothing it holds works from now on
    Disable {
        /// Its id
        client_id: String,
    },
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Create { name, permissions } => {
            let permissions = (!permissions.is_empty()).then_some(permissions);
            let body = filled(json!({"name": name, "permissions": permissions}));
            let answer = session.post(&["clients"], &body).await?;
            show(session, &answer, |answer| {
                details(answer, &["client.id", "client_secret", "client.name", "client.permissions"])
            })
        }
        Command::List => {
            let answer = session.get(&["clients"], &[]).await?;
            show(session, &answer, |a| table(a, &["id", "name", "created_at", "disabled_at", "permissions"]))
        }
        Command::Disable { client_id } => {
            let answer = session.post(&["clients", &client_id, "disable"], &json!({})).await?;
            show(session, &answer, |client: &Value| details(client, &["id", "name", "disabled_at"]))
        }
    }
}
