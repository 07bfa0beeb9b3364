//! The valetkey binary: settings, wiring, commands.

mod archive;
mod args;
mod client;
mod dev;
mod doctor;
#[cfg(test)]
mod documented;
mod errors;
mod failure;
mod files;
mod logging;
mod master_key;
mod output;
mod serve;
mod settings;
mod shutdown;
mod simulate;
mod wiring;

use std::{ffi::OsString, future::Future, process::ExitCode};

use args::{Args, Command};
use clap::Parser as _;
use failure::{Exit, Failure};
use settings::{Flags, Mode, Settings};

fn main() -> ExitCode {
    let json = wants_json(std::env::args_os());
    let outcome = match Args::try_parse() {
        Ok(args) => run(args.command),
        // Help and version are asked for, and people read clap's own words.
        Err(error) if !json || !error.use_stderr() => error.exit(),
        Err(error) => Err(Failure::usage(error.render().to_string().trim_end())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = if json { failure.as_json().to_string() } else { failure.as_text() };
            output::print_error(&text);
            failure.exit.into()
        }
    }
}

/// Whether answers are asked for as JSON: then failures are too, those of the command line included.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    arguments.skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev { env_file, bad_tls, flags } => {
            let settings = load(Mode::Dev, &flags)?;
            block_on(dev::run(&settings, env_file, bad_tls))
        }
        Command::Serve { flags } => {
            let settings = load(Mode::Serve, &flags)?;
            block_on(serve::run(&settings))
        }
        Command::Simulate(command) => block_on(simulate::run(*command)),
        Command::Archive(command) => {
            let settings = load(Mode::Beside, command.flags())?;
            block_on(archive::run(*command, &settings))
        }
        Command::Client(noun) => block_on(client::run(*noun)),
        Command::Errors(wanted) => errors::run(&wanted),
        Command::Settings { markdown } => {
            output::print(&if markdown { settings::as_markdown() } else { settings::as_text() })
        }
    }
}

fn load(mode: Mode, flags: &Flags) -> Result<Settings, Failure> {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let settings = Settings::load(mode, flags, environment).map_err(|p| Failure::settings(&p))?;
    logging::start(settings.logging);
    Ok(settings)
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    // The libraries that speak TLS must agree on one cryptographic provider; a second call changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Refused, format!("no runtime: {error}")))?.block_on(work)
}
