//! `valetkey store …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Session, show, view::details};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show whether the database counts as a restored backup or a copy, and how many grants are held back
    Status,
    /// Say that no other server works on the original or a copy of this database: everything is renewed again
    Confirm,
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let answer = match command {
        Command::Status => session.get(&["store"], &[]).await?,
        Command::Confirm => session.post(&["store", "confirm"], &json!({})).await?,
    };
    show(session, &answer, text)
}

fn text(answer: &Value) -> String {
    if answer["frozen"].is_null() {
        return "The database is not frozen: every grant is renewed.\n".to_owned();
    }
    let facts = details(answer, &["frozen.since", "frozen.reason", "frozen.accounts"]);
    format!(
        "The database is frozen: grants whose refresh token works once are served, but not renewed.\n{facts}\
         Make sure that no other server works on it or on a copy of it, then run `valetkey store confirm`.\n"
    )
}
