//! How commands end.

use std::{fmt, process::ExitCode};

use serde_json::{Value, json};
use valetkey_domain::ErrorCode;

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
    code: ErrorCode,
    /// The error as the server answered with it.
    answer: Option<Value>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl fmt::Display) -> Self {
        let code = match exit {
            Exit::Refused => ErrorCode::CommandFailed,
            Exit::Usage => ErrorCode::CommandInvalid,
            Exit::Unreachable => ErrorCode::ServerUnreachable,
        };
        Self { exit, text: text.to_string(), code, answer: None }
    }

    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// The same failure, of this code of the catalogue.
    pub(crate) fn of(self, code: ErrorCode) -> Self {
        Self { code, ..self }
    }

    /// The server's own error, told by `text`.
    pub(crate) fn answered(text: impl fmt::Display, answer: Value) -> Self {
        Self { answer: Some(answer), ..Self::new(Exit::Refused, text) }
    }

    /// The server cannot start because of these settings.
    pub(crate) fn settings(problems: &[Problem]) -> Self {
        let many = if problems.len() == 1 { "this setting is" } else { "these settings are" };
        let mut text = format!("valetkey cannot start until {many} right:\n");
        for problem in problems {
            text += &format!("\n  {problem}");
        }
        text += "\n\n`valetkey settings` explains every setting.";
        Self { code: ErrorCode::SettingInvalid, ..Self::usage(text) }
    }

    /// The server cannot start because of one setting that only showed at work.
    pub(crate) fn setting(name: &str, message: impl fmt::Display) -> Self {
        Self::settings(&[Problem::new(name, message.to_string())])
    }

    /// The code of the catalogue: the server's own, where it answered with one.
    pub(crate) fn code(&self) -> ErrorCode {
        let answered = self.answer.as_ref().and_then(|answer| answer["error"]["code"].as_str());
        answered.and_then(ErrorCode::parse).unwrap_or(self.code)
    }

    /// For people. A failure that did not come from a server says where to read on.
    pub(crate) fn as_text(&self) -> String {
        match &self.answer {
            Some(_) => self.text.clone(),
            None => format!("{}\nMore: valetkey errors {}", self.text, self.code.as_str()),
        }
    }

    /// For programs: the shape of the native API, with a code of the catalogue.
    pub(crate) fn as_json(&self) -> Value {
        if let Some(answer) = &self.answer {
            return answer.clone();
        }
        let entry = self.code.entry();
        let remedies = entry.remedies.iter();
        let remedies: Vec<Value> =
            remedies.map(|(action, text)| json!({"action": action.as_str(), "text": text})).collect();
        json!({"error": {
            "code": entry.code,
            "message": self.text,
            "cause": entry.cause,
            "actor": entry.actor.as_str(),
            "retry": entry.retry.as_str(),
            "remedies": remedies,
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a command fails with: a code of the catalogue, and a page to read.
    #[test]
    fn failure_of_any_kind_has_a_code_of_the_catalogue() {
        let failures = [
            Failure::usage("wrong"),
            Failure::new(Exit::Refused, "no"),
            Failure::new(Exit::Unreachable, "nobody there"),
            Failure::setting("listen", "in use"),
        ];
        for failure in failures {
            let json = failure.as_json();
            let code = json["error"]["code"].as_str().unwrap();
            assert!(!ErrorCode::parse(code).unwrap().is_answered(), "{code}");
            assert_eq!(json["error"]["message"], failure.text.as_str());
            assert!(failure.as_text().ends_with(&format!("More: valetkey errors {code}")));
        }
    }

    #[test]
    fn failure_of_the_server_handed_on_as_it_came() {
        let body = json!({"error": {"code": "account_revoked", "message": "m", "request_id": "req_1"}});
        let failure = Failure::answered("Error: m", body.clone());
        assert_eq!((failure.as_json(), failure.as_text()), (body, "Error: m".to_owned()));
    }
}
