//! How commands end.

use std::{fmt, process::ExitCode};

use crate::settings::Problem;

/// The exit codes, as the help documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The server refused, or a check found something.
    Refused = 1,
    /// The command line or a setting is wrong.
    Usage = 2,
    /// The server could not be reached.
    Unreachable = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to: what to print on stderr, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl fmt::Display) -> Self {
        Self { exit, text: text.to_string() }
    }

    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// The server cannot start because of these settings.
    pub(crate) fn settings(problems: &[Problem]) -> Self {
        let many = if problems.len() == 1 { "this setting is" } else { "these settings are" };
        let mut text = format!("valetkey cannot start until {many} right:\n");
        for problem in problems {
            text += &format!("\n  {problem}");
        }
        text += "\n\n`valetkey settings` explains every setting.";
        Self::usage(text)
    }

    /// The server cannot start because of one setting that only showed at work.
    pub(crate) fn setting(name: &str, message: impl fmt::Display) -> Self {
        Self::settings(&[Problem::new(name, message.to_string())])
    }
}
