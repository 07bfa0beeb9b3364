//! `valetkey tool …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    PageArgs, Session,
    input::{filled, object, pair, typed},
    show,
    view::{clean, details, table},
};
use crate::{failure::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List tools
    List {
        /// Of this connector
        #[arg(long)]
        connector: Option<String>,
        /// Of the connector of this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
        /// Usable by this user now
        #[arg(long)]
        identifier: Option<String>,
        /// Whose name or description fits these words
        #[arg(long)]
        query: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a tool and its input
    Get {
        /// Its name
        name: String,
    },
    /// Run a tool on a user's account; prints what it answers
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The tool's name
    name: String,
    /// Your own id of the end user
    #[arg(long, required_unless_present = "account")]
    identifier: Option<String>,
    /// The connection's name, if the user has accounts on several that fit
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Which of several accounts of the user on the connection
    #[arg(long, value_name = "NAME")]
    account_name: Option<String>,
    /// The account's id, instead of --identifier
    #[arg(long, value_name = "ID", conflicts_with_all = ["identifier", "connection", "account_name"])]
    account: Option<String>,
    /// The input as a JSON object, @FILE, or - for stdin
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// One field of the input. Repeatable
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    fields: Vec<(String, String)>,
    /// Your own id of an agent run, kept with the execution
    #[arg(long, value_name = "ID")]
    agent_run_id: Option<String>,
    /// Your own key for this call: repeated with it, the call is not made again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// How old an answer may be that was given before, for a cacheable tool
    #[arg(long, value_name = "SECONDS", conflicts_with = "idempotency_key")]
    max_age: Option<u64>,
    /// The longest that the call may take
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: Option<u64>,
    /// Do not wait for the answer: `valetkey execution get ID` shows what it brought
    #[arg(long = "async", conflicts_with = "max_age")]
    is_async: bool,
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::List { connector, connection, identifier, query, page } => {
            let [size, token] = page.query();
            let query = [
                ("connector", connector),
                ("connection_name", connection),
                ("identifier", identifier),
                ("query", query),
                size,
                token,
            ];
            let answer = session.get(&["tools"], &query).await?;
            show(session, &answer, |a| table(a, &["name", "connector", "definition.description"]))
        }
        Command::Get { name } => show(session, &session.get(&["tools", &name], &[]).await?, explain),
        Command::Run(call) => execute(call, session).await,
    }
}

fn explain(tool: &Value) -> String {
    let definition = &tool["definition"];
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    let schema = &definition["input_schema"];
    let pretty = serde_json::to_string_pretty(schema).unwrap_or_else(|_| schema.to_string());
    format!(
        "{} ({})\n{}\n\nInput:\n{pretty}\n",
        text(&tool["name"]),
        text(&tool["connector"]),
        text(&definition["description"])
    )
}

async fn execute(call: Run, session: &Session) -> Result<(), Failure> {
    let mut input = call.input.map(|text| object(&text, "--input")).transpose()?.unwrap_or_default();
    if !call.fields.is_empty() {
        // The schema says whether 42 is a number or a text.
        let tool = session.get(&["tools", &call.name], &[]).await?;
        let properties = &tool["definition"]["input_schema"]["properties"];
        for (name, text) in &call.fields {
            input.insert(name.clone(), typed(text, &properties[name]));
        }
    }
    let body = filled(json!({
        "tool_name": call.name,
        "connected_account_id": call.account,
        "identifier": call.identifier,
        "connection_name": call.connection,
        "account_name": call.account_name,
        "tool_input": input,
        "agent_run_id": call.agent_run_id,
        "idempotency_key": call.idempotency_key,
        "max_age": call.max_age,
        "timeout_ms": call.timeout_ms,
        "mode": call.is_async.then_some("async"),
    }));
    let answer = session.post(&["tools", "execute"], &body).await?;
    if call.is_async {
        return show(session, &answer, |answer| details(answer, &["execution_id", "status"]));
    }
    show(session, &answer, |answer| {
        let data = &answer["data"];
        serde_json::to_string_pretty(data).unwrap_or_else(|_| data.to_string()) + "\n"
    })?;
    if !session.json {
        // Beside the answer, so that stdout holds nothing but JSON.
        let execution = clean(answer["execution_id"].as_str().unwrap_or("-"));
        let age = answer["age"].as_u64().map(|age| format!(", an answer given {age} s ago"));
        output::print_error(&format!("execution {execution}{}", age.unwrap_or_default()));
    }
    Ok(())
}
