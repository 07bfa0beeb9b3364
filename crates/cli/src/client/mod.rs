//! Commands that speak to a running server over its native REST API.

mod account;
mod api_client;
mod audit;
mod background;
mod branding;
mod connection;
mod connector;
mod doctor;
mod error;
mod execution;
mod history;
mod input;
mod keys;
mod session;
mod store;
mod support;
mod target;
mod token;
mod tool;
mod user;
mod view;
mod webhook;

pub(crate) use target::values_of;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{failure::Failure, output};
use session::Session;

/// What every command that speaks to a server accepts.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Common {
    /// Print the server's answer as JSON
    #[arg(long, global = true, help_heading = "Server")]
    json: bool,
    /// The server; otherwise VALETKEY_URL, otherwise the `valetkey dev` of this folder
    #[arg(long, global = true, value_name = "URL", help_heading = "Server")]
    url: Option<String>,
    /// The certificate to trust; otherwise VALETKEY_CA_FILE
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    ca_file: Option<std::path::PathBuf>,
    /// Take URL, certificate and keys from this file, as `valetkey dev --env-file` writes it
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    env_file: Option<std::path::PathBuf>,
}

/// A noun's command with what it has in common with the others.
#[derive(Debug, Args)]
pub(crate) struct On<C: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: C,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Connections: configured connectors
    Connection(On<connection::Command>),
    /// Connected accounts of your users
    Account(On<account::Command>),
    /// Tools: named actions of connectors
    Tool(On<tool::Command>),
    /// Connectors: the definitions of third-party apps
    Connector(On<connector::Command>),
    /// API clients: who may call the API
    Client(On<api_client::Command>),
    /// Static API tokens
    Token(On<token::Command>),
    /// Executions: the records of tool and proxied calls
    Execution(On<execution::Command>),
    /// Webhooks: endpoints of your app that are told what happens
    Webhook(On<webhook::Command>),
    /// The keyring that everything stored is sealed with
    Keys(On<keys::Command>),
    /// The database: whether it was restored or copied
    Store(On<store::Command>),
    /// People who may use the dashboard
    User(On<user::Command>),
    /// The record of who did what
    Audit(On<audit::Command>),
    /// Find out why something does not work, and whose move it is
    Doctor(On<doctor::Command>),
    /// Write what somebody who helps needs to know about an account, a connection or a call: JSON and Markdown, redacted
    SupportBundle(support::SupportBundle),
    /// The work that nobody asks for: refreshes ahead of time, revocations tried again, old records removed
    Background(On<background::Command>),
    /// What stands on the pages for end users: name, logo, colours, own words
    Branding(On<branding::Command>),
}

pub(crate) async fn run(noun: Noun) -> Result<(), Failure> {
    match noun {
        Noun::Connection(on) => connection::run(on.command, &Session::open(&on.common)?).await,
        Noun::Account(on) => account::run(on.command, &Session::open(&on.common)?).await,
        Noun::Tool(on) => tool::run(on.command, &Session::open(&on.common)?).await,
        Noun::Connector(on) => connector::run(on.command, &on.common).await,
        Noun::Client(on) => api_client::run(on.command, &Session::open(&on.common)?).await,
        Noun::Token(on) => token::run(on.command, &Session::open(&on.common)?).await,
        Noun::Execution(on) => execution::run(on.command, &Session::open(&on.common)?).await,
        Noun::Webhook(on) => webhook::run(on.command, &Session::open(&on.common)?).await,
        Noun::Keys(on) => keys::run(on.command, &Session::open(&on.common)?).await,
        Noun::Store(on) => store::run(on.command, &Session::open(&on.common)?).await,
        Noun::User(on) => user::run(on.command, &Session::open(&on.common)?).await,
        Noun::Audit(on) => audit::run(on.command, &Session::open(&on.common)?).await,
        Noun::SupportBundle(command) => support::run(command).await,
        Noun::Doctor(on) => doctor::run(on.command, &on.common).await,
        Noun::Background(on) => background::run(on.command, &Session::open(&on.common)?).await,
        Noun::Branding(on) => branding::run(on.command, &Session::open(&on.common)?).await,
    }
}

/// Which page of a list.
#[derive(Debug, Clone, Args)]
pub(crate) struct PageArgs {
    /// Rows of a page, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 20)]
    page_size: u32,
    /// The page after an earlier one
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
}

impl PageArgs {
    fn query(self) -> [(&'static str, Option<String>); 2] {
        [("page_size", Some(self.page_size.to_string())), ("page_token", self.page_token)]
    }
}

fn pretty(answer: &Value) -> String {
    serde_json::to_string_pretty(answer).unwrap_or_else(|_| answer.to_string())
}

/// Prints an answer: as JSON if asked for, else as `text` makes it.
fn show(session: &Session, answer: &Value, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
    if session.json {
        return output::print_line(&pretty(answer));
    }
    output::print(&text(answer))
}
