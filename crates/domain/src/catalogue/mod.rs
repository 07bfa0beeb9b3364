//! The one catalogue of errors. Every failure that leaves the system, on any surface, is one of these.
//!
//! The table is data: code, meaning, cause, who must act, whether a retry helps, status codes and remedies. Pages,
//! SDK classes and status codes are derived from it. The code's text is part of the API and never changes.

mod codes;
mod findings;
mod page;
mod people;
mod related;
mod reproduce;
mod sdk;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use codes::ErrorCode;
pub use page::{index as index_page, page};
pub use related::{SECTIONS, Section};
pub use reproduce::{SIMULATOR, Step};
pub use sdk::SdkClass;

/// Who has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The person whose account it is.
    EndUser,
    /// Who builds the app or agent.
    Developer,
    /// An administrator at the provider.
    ProviderAdmin,
    /// Who runs this server.
    Operator,
    /// Nobody: wait, it passes.
    Nobody,
}

impl Actor {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndUser => "end_user",
            Self::Developer => "developer",
            Self::ProviderAdmin => "provider_admin",
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }

    /// Who that is, in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::EndUser => "the person whose account it is",
            Self::Developer => "who builds the app or agent",
            Self::ProviderAdmin => "an administrator at the provider",
            Self::Operator => "who runs this server",
            Self::Nobody => "nobody: it passes",
        }
    }
}

/// Whether the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It would fail again.
    Never,
    /// At once and safely: nothing was done.
    Safe,
    /// Later, with care: the call may have had an effect.
    Later,
}

impl Retry {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::Later => "later",
        }
    }

    /// Whether and when a retry helps, in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Never => "It does not help: the same request fails again until somebody has acted.",
            Self::Safe => {
                "It is safe, since nothing was done. Wait as long as `retry_after_ms` says, if it is there, and a \
                 growing, random time if it fails again."
            }
            Self::Later => {
                "It helps later: wait as long as `retry_after_ms` says, or a growing, random time. A call that changes \
                 something may have happened already; look first, or send an idempotency key with it."
            }
        }
    }
}

/// A kind of step that mends an error. Programs branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyAction {
    /// Correct the request.
    FixRequest,
    /// Check the caller's own credentials.
    CheckCredentials,
    /// Send the request again.
    Retry,
    /// Change the connection's configuration.
    ConfigureConnection,
    /// Register the redirect URI at the provider.
    RegisterRedirectUri,
    /// Have the user open an authorization link.
    Authorize,
    /// Confirm the user's identity.
    VerifyUser,
    /// Have the user authorize again.
    Reauthorize,
    /// Read the account's history.
    ReadEvents,
    /// Enter the credential again.
    EnterCredential,
    /// Allow cookies.
    EnableCookies,
    /// Refresh the credential.
    Refresh,
    /// Check rights and policies at the provider.
    CheckProvider,
    /// Wait.
    Wait,
    /// Check the network between this server and the provider.
    CheckNetwork,
    /// Change the server's settings.
    ConfigureServer,
    /// Report it.
    ReportBug,
}

impl RemedyAction {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FixRequest => "fix_request",
            Self::CheckCredentials => "check_credentials",
            Self::Retry => "retry",
            Self::ConfigureConnection => "configure_connection",
            Self::RegisterRedirectUri => "register_redirect_uri",
            Self::Authorize => "authorize",
            Self::VerifyUser => "verify_user",
            Self::Reauthorize => "reauthorize",
            Self::ReadEvents => "read_events",
            Self::EnterCredential => "enter_credential",
            Self::EnableCookies => "enable_cookies",
            Self::Refresh => "refresh",
            Self::CheckProvider => "check_provider",
            Self::Wait => "wait",
            Self::CheckNetwork => "check_network",
            Self::ConfigureServer => "configure_server",
            Self::ReportBug => "report_bug",
        }
    }
}

/// The canonical gRPC status codes that the catalogue uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum GrpcCode {
    /// 0: of findings, which no call fails with
    Ok = 0,
    /// 3
    InvalidArgument = 3,
    /// 4
    DeadlineExceeded = 4,
    /// 5
    NotFound = 5,
    /// 6
    AlreadyExists = 6,
    /// 7
    PermissionDenied = 7,
    /// 8
    ResourceExhausted = 8,
    /// 9
    FailedPrecondition = 9,
    /// 10
    Aborted = 10,
    /// 12
    Unimplemented = 12,
    /// 13
    Internal = 13,
    /// 14: only for errors before which no tool can have run, since clients repeat it
    Unavailable = 14,
    /// 16
    Unauthenticated = 16,
}

impl GrpcCode {
    /// The canonical name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The text of the code.
    pub code: &'static str,
    /// What it means, in one sentence for people.
    pub meaning: &'static str,
    /// The usual cause.
    pub cause: &'static str,
    /// Who must act.
    pub actor: Actor,
    /// Whether a retry helps.
    pub retry: Retry,
    /// The HTTP status on the native API and on pages.
    pub http_status: u16,
    /// The status on the compatible API.
    pub grpc_code: GrpcCode,
    /// What to do, in order.
    pub remedies: &'static [(RemedyAction, &'static str)],
}

impl ErrorCode {
    /// The text of the code, as on every wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// Where the page of the code is, below a server's public URL.
    #[must_use]
    pub fn docs_path(self) -> String {
        format!("/docs/errors/{}", self.as_str())
    }

    /// Whether only a diagnosis says it, and no call fails with it.
    #[must_use]
    pub const fn is_finding(self) -> bool {
        matches!(self.entry().grpc_code, GrpcCode::Ok)
    }

    /// Whether the code is the one that calls on an account in some status get.
    #[must_use]
    pub const fn is_account_status(self) -> bool {
        matches!(
            self,
            Self::AccountPending
                | Self::AccountPendingVerification
                | Self::AccountExpired
                | Self::AccountRevoked
                | Self::AccountError
                | Self::AccountDisconnected
        )
    }

    /// Reads the text of a code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}
