//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{archive, client, errors, settings::Flags, simulate::Simulate};

/// Connects your users' third-party accounts, keeps their credentials sealed and fresh, and calls tools with them.
#[derive(Debug, Parser)]
#[command(name = "valetkey", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Commands about connections, accounts, tools, … speak to a running server. It is found by VALETKEY_URL (and
VALETKEY_CA_FILE, if its certificate is private); the key is VALETKEY_API_TOKEN, or VALETKEY_CLIENT_ID with
VALETKEY_CLIENT_SECRET. Without VALETKEY_URL, the `valetkey dev` of the present folder is used.

`backup`, `restore`, `verify`, `export` and `import` do not speak to a server: they work on the database and the master
key that the settings of `valetkey serve` name. `doctor system` reads the same settings, or what the `valetkey dev` of the
present folder keeps, and works where no server runs; the server that client commands would speak to is asked too.

`simulate` needs neither: it is a provider of its own, for tests; its commands find it by SIMULATOR_URL.

Exit codes: 0 done; 1 the server refused, or a check found something; 2 the command line or a setting is wrong;
3 the server cannot be reached.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server on this machine that needs nothing, with the simulator as a provider
    Dev {
        /// Write the server's URL and keys to this file as shell lines, once it is ready
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
        /// Let the simulator listen on further ports too, with certificates that clients must refuse
        #[arg(long)]
        bad_tls: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Start a server for production; refuses to start on a weak or missing setting
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Start the simulator alone, for your own tests, or tell a running one what to do
    Simulate(Box<Simulate>),
    #[command(flatten)]
    Archive(Box<archive::Command>),
    #[command(flatten)]
    Client(Box<client::Noun>),
    /// Explain errors: what a code means, who must act, what to do
    Errors(errors::Errors),
    /// Explain every setting
    Settings {
        /// As a Markdown table
        #[arg(long)]
        markdown: bool,
    },
}
