//! `valetkey keys …`

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Session, show,
    view::{details, table},
};
use crate::{
    failure::{Exit, Failure},
    output,
};

/// How often it is asked whether everything is sealed anew.
const ASK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the keyring: its terms, which one seals, how many secrets are sealed in each
    Status,
    /// Add a term that does not seal yet; the next rotation takes it
    Add,
    /// Seal in the next term from now on, and seal everything that is stored anew in the background
    Rotate {
        /// Wait until nothing is sealed in an earlier term any more
        #[arg(long)]
        wait: bool,
    },
    /// Remove a term for good; refused while anything is sealed in it
    Retire {
        /// Its number
        term: u32,
    },
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Status => {
            let answer = session.get(&["keys"], &[]).await?;
            show(session, &answer, text)
        }
        Command::Add => {
            let answer = session.post(&["keys"], &json!({})).await?;
            show(session, &answer, text)
        }
        Command::Rotate { wait } => {
            let mut answer = session.post(&["keys", "rotate"], &json!({})).await?;
            while wait && answer["remaining"].as_u64() != Some(0) {
                if answer["resealing"]["failed"].as_u64().is_some_and(|failed| failed > 0) {
                    output::print(&text(&answer))?;
                    let text = "Some secrets do not open and stay as they are; the server's log names them.";
                    return Err(Failure::new(Exit::Refused, text));
                }
                tokio::time::sleep(ASK_EVERY).await;
                answer = session.get(&["keys"], &[]).await?;
            }
            show(session, &answer, text)
        }
        Command::Retire { term } => {
            let answer = session.post(&["keys", &term.to_string(), "retire"], &json!({})).await?;
            show(session, &answer, text)
        }
    }
}

fn text(answer: &Value) -> String {
    let head =
        details(answer, &["active_term", "seal_limit", "remaining", "resealing.running", "resealing.failed"]);
    let terms = json!({"items": answer["terms"]});
    let columns = ["term", "state", "sealed", "seals_reserved", "created_at", "sealed_by_kind"];
    format!("{head}\n{}", table(&terms, &columns))
}
