//! `valetkey audit …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Session, show};
use crate::failure::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Walk along the record of who did what; fails if an entry was altered or removed
    Verify,
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let Command::Verify = command;
    let answer = session.post(&["audit", "verify"], &json!({})).await?;
    show(session, &answer, text)?;
    if answer["whole"].as_bool() == Some(true) {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "The audit log was tampered with."))
}

fn text(answer: &Value) -> String {
    let entries = &answer["entries"];
    match answer["reason"].as_str() {
        Some(reason) => format!(
            "Entry {} does not fit: {reason}. The {entries} entries before it are whole.\n",
            answer["broken_at"]
        ),
        None => format!(
            "The audit log is whole: {entries} entries. {} sealed executions are as they were. Hash of the last entry, \
             to be noted elsewhere: {}\n",
            answer["executions"],
            answer["head"].as_str().unwrap_or("none")
        ),
    }
}
