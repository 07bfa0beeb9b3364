//! The one error of the system, as a value. Every surface turns it into its own wire shape in one place.

use std::{error::Error as StdError, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ConnectionId, ErrorCode, ExecutionId, catalogue::RemedyAction, diagnosis::ShortDiagnosis,
    execution::ProviderAnswer,
};

/// The result of nearly everything.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One thing to do about an error, with what the reader needs filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What kind of step it is; programs branch on it.
    pub action: RemedyAction,
    /// The step in words.
    pub text: String,
    /// A link that performs or explains the step: a new authorization link, a console page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One field of the input that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldViolation {
    /// The path of the field as the caller wrote it: `tool_input.to`, `overrides.token_url`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// What the provider said, for operators and for the caller's own diagnosis. Bounded and redacted where it is made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProviderEvidence {
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's own error code: `invalid_grant`, `AADSTS65001`, `missing_scope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of a tool call: its answer, for the record of the call. Of it callers get the request id.
    #[serde(skip)]
    pub answer: Option<Box<ProviderAnswer>>,
}

/// An error with a code from the catalogue.
#[derive(Debug, Clone)]
pub struct Error(Box<Details>);

/// What an error carries beside its code.
#[derive(Debug, Clone)]
pub struct Details {
    /// The catalogue code; status codes, meaning and default remedies hang on it.
    pub code: ErrorCode,
    /// What happened here, in one or two sentences that hold for this very case.
    pub message: String,
    /// Why, if more is known than the catalogue says.
    pub cause: Option<String>,
    /// What to do; when empty, the catalogue's own remedies are shown.
    pub remedies: Vec<Remedy>,
    /// The fields at fault.
    pub fields: Vec<FieldViolation>,
    /// The account concerned.
    pub account: Option<AccountId>,
    /// The connection concerned.
    pub connection: Option<ConnectionId>,
    /// The execution that failed.
    pub execution: Option<ExecutionId>,
    /// When a retry may help, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
    /// What the provider said.
    pub provider: Option<ProviderEvidence>,
    /// What a diagnosis of it says in short, where the engine made one.
    pub diagnosis: Option<ShortDiagnosis>,
    /// For the log only: never sent to a caller. Must hold no secret either.
    pub internal: Option<String>,
}

impl Error {
    /// An error with the catalogue's own words.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self(Box::new(Details {
            code,
            message: code.entry().meaning.to_owned(),
            cause: None,
            remedies: Vec::new(),
            fields: Vec::new(),
            account: None,
            connection: None,
            execution: None,
            retry_after_ms: None,
            provider: None,
            diagnosis: None,
            internal: None,
        }))
    }

    /// `invalid_argument` for one field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument).field(field, message)
    }

    /// `internal`, with the reason for the log.
    #[must_use]
    pub fn internal(reason: impl fmt::Display) -> Self {
        let mut error = Self::new(ErrorCode::Internal);
        error.0.internal = Some(reason.to_string());
        error
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// Everything the error carries.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// Replaces the message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// States the cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn remedy(mut self, action: RemedyAction, text: impl Into<String>) -> Self {
        self.0.remedies.push(Remedy { action, text: text.into(), url: None });
        self
    }

    /// Adds a remedy with a link.
    #[must_use]
    pub fn remedy_with_url(
        mut self,
        action: RemedyAction,
        text: impl Into<String>,
        url: impl Into<String>,
    ) -> Self {
        self.0.remedies.push(Remedy { action, text: text.into(), url: Some(url.into()) });
        self
    }

    /// Replaces the remedies.
    #[must_use]
    pub fn with_remedies(mut self, remedies: Vec<Remedy>) -> Self {
        self.0.remedies = remedies;
        self
    }

    /// Names a field at fault. With a single field the message becomes about that field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        if self.0.fields.is_empty() {
            self.0.message = format!("{field}: {message}");
        } else {
            self.0.message = format!("{}; {field}: {message}", self.0.message);
        }
        self.0.fields.push(FieldViolation { field, message });
        self
    }

    /// Names the account concerned.
    #[must_use]
    pub fn account(mut self, account: &AccountId) -> Self {
        self.0.account = Some(account.clone());
        self
    }

    /// Names the connection concerned.
    #[must_use]
    pub fn connection(mut self, connection: &ConnectionId) -> Self {
        self.0.connection = Some(connection.clone());
        self
    }

    /// Names the execution that failed.
    #[must_use]
    pub fn execution(mut self, execution: &ExecutionId) -> Self {
        self.0.execution = Some(execution.clone());
        self
    }

    /// Says when a retry may help.
    #[must_use]
    pub fn retry_after_ms(mut self, millis: u64) -> Self {
        self.0.retry_after_ms = Some(millis);
        self
    }

    /// Keeps what the provider said.
    #[must_use]
    pub fn provider(mut self, evidence: ProviderEvidence) -> Self {
        self.0.provider = Some(evidence);
        self
    }

    /// Adds what a diagnosis says in short.
    #[must_use]
    pub fn diagnosis(mut self, diagnosis: Option<ShortDiagnosis>) -> Self {
        self.0.diagnosis = diagnosis;
        self
    }

    /// Adds a reason for the log, never sent to a caller.
    #[must_use]
    pub fn because(mut self, reason: impl fmt::Display) -> Self {
        self.0.internal = Some(reason.to_string());
        self
    }

    /// What to do: the error's own remedies, else the catalogue's.
    #[must_use]
    pub fn remedies(&self) -> Vec<Remedy> {
        if !self.0.remedies.is_empty() {
            let own = self.0.remedies.iter();
            return own.map(|remedy| Remedy { text: self.timed(&remedy.text), ..remedy.clone() }).collect();
        }
        let entry = self.0.code.entry();
        entry
            .remedies
            .iter()
            .map(|(action, text)| Remedy { action: *action, text: self.timed(text), url: None })
            .collect()
    }

    /// The text of a remedy with the wait filled in, if it is known: in whole seconds, never shorter than meant.
    fn timed(&self, text: &str) -> String {
        let Some(millis) = self.0.retry_after_ms else { return text.to_owned() };
        let wait = match millis.div_ceil(1000) {
            1 => "1 second".to_owned(),
            seconds => format!("{seconds} seconds"),
        };
        let waited = ["as long as retry_after_ms says", "as long as Retry-After says"];
        waited.iter().fold(text.to_owned(), |text, phrase| text.replace(phrase, &wait))
    }

    /// Why: the error's own cause, else the catalogue's.
    #[must_use]
    pub fn cause_text(&self) -> &str {
        self.0.cause.as_deref().unwrap_or(self.0.code.entry().cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.message)
    }
}

impl StdError for Error {}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code && self.0.message == other.0.message
    }
}

impl From<crate::StoreError> for Error {
    fn from(failure: crate::StoreError) -> Self {
        match &failure {
            crate::StoreError::Conflict { .. } => Self::new(ErrorCode::Conflict).because(&failure),
            crate::StoreError::Unavailable(_) => Self::new(ErrorCode::StorageUnavailable).because(&failure),
            crate::StoreError::Inconsistent { .. } => Self::internal(&failure),
        }
    }
}
