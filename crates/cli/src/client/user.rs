//! `valetkey user …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Session, show, view::details};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a one-time link by which a person sets a password for the dashboard
    Invite {
        /// What the person may do: owner, operator or viewer
        #[arg(long, default_value = "owner")]
        role: String,
    },
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let Command::Invite { role } = command;
    let answer = session.post(&["invitations"], &json!({ "role": role })).await?;
    show(session, &answer, |answer: &Value| details(answer, &["link", "expires_at"]))
}
