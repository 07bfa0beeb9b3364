//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::settings::Flags;

/// Connects your users' third-party accounts, keeps their credentials sealed and fresh, and calls tools with them.
///
/// Exit codes: 0 done; 1 the server refused; 2 the command line or a setting is wrong; 3 the server cannot be reached.
#[derive(Debug, Parser)]
#[command(name = "valetkey", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server on this machine that needs nothing, with the simulator as a provider
    Dev {
        /// Write the server's URL and keys to this file as shell lines, once it is ready
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Start a server for production; refuses to start on a weak or missing setting
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Explain every setting
    Settings {
        /// As a Markdown table
        #[arg(long)]
        markdown: bool,
    },
}
