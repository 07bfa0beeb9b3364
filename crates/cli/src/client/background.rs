//! `valetkey background …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Session, show, view::table};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the jobs of the server process that answers, and how they are doing
    Status,
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let answer = match command {
        Command::Status => session.get(&["background"], &[]).await?,
    };
    show(session, &answer, text)
}

fn text(answer: &Value) -> String {
    if answer["running"] != Value::Bool(true) {
        return "This process has the role api: another one does the work in the background.\n".to_owned();
    }
    table(&json!({"items": answer["jobs"]}), &["name", "last_run_at", "done", "last_error"])
}
