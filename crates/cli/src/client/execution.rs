//! `valetkey execution …`

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    PageArgs, Session, show,
    view::{details, table},
};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List executions, newest first
    List(List),
    /// Show an execution
    Get {
        /// Its id: ex_…
        execution_id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this account: ca_…
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Of this connection: conn_…
    #[arg(long, value_name = "ID")]
    connection_id: Option<String>,
    /// Of this tool
    #[arg(long)]
    tool: Option<String>,
    /// With this end: RUNNING, SUCCEEDED, FAILED or UNKNOWN
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

const COLUMNS: [&str; 7] =
    ["started_at", "status", "tool_name", "identifier", "upstream_status", "error_code", "id"];
const FIELDS: [&str; 19] = [
    "id",
    "status",
    "tool_name",
    "connector",
    "connection_id",
    "connected_account_id",
    "identifier",
    "agent_run_id",
    "client_id",
    "source",
    "request_id",
    "upstream_request",
    "upstream_status",
    "upstream_request_id",
    "upstream_body",
    "error_code",
    "error_message",
    "started_at",
    "duration_us",
];

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            let [size, token] = list.page.query();
            let query = [
                ("connected_account_id", list.account),
                ("connection_id", list.connection_id),
                ("tool_name", list.tool),
                ("status", list.status),
                size,
                token,
            ];
            show(session, &session.get(&["executions"], &query).await?, |a| table(a, &COLUMNS))
        }
        Command::Get { execution_id } => {
            let answer = session.get(&["executions", &execution_id], &[]).await?;
            show(session, &answer, |execution| details(execution, &FIELDS) + &brought(execution))
        }
    }
}

/// What a call with mode async or an idempotency key brought, where the server has kept it for this caller.
fn brought(execution: &Value) -> String {
    match execution.get("data") {
        None => String::new(),
        Some(data) => {
            format!("\n{}\n", serde_json::to_string_pretty(data).unwrap_or_else(|_| data.to_string()))
        }
    }
}
