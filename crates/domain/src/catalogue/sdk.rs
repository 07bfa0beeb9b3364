//! Which class of our SDKs an error is: by its code first, by the HTTP status second. The SDKs decide it themselves,
//! from the wire; a test holds this table against theirs.

use super::ErrorCode;

/// The class of an error in our SDKs. All of them have the same names but for the ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdkClass(&'static str);

impl SdkClass {
    /// Its name in Python, JavaScript and Go: `AccountExpiredError`.
    #[must_use]
    pub fn error(self) -> String {
        format!("{}Error", self.0)
    }

    /// Its name in Java: `AccountExpiredException`.
    #[must_use]
    pub fn exception(self) -> String {
        format!("{}Exception", self.0)
    }
}

impl ErrorCode {
    /// The class in our SDKs; `None` for codes that no server answers a failing request with.
    #[must_use]
    pub fn sdk_class(self) -> Option<SdkClass> {
        if !self.is_answered() {
            return None;
        }
        Some(SdkClass(match self {
            Self::AccountPending => "AccountPending",
            Self::AccountPendingVerification => "AccountPendingVerification",
            Self::AccountExpired => "AccountExpired",
            Self::AccountRevoked => "AccountRevoked",
            Self::AccountError => "AccountFailed",
            Self::AccountDisconnected => "AccountDisconnected",
            Self::InsufficientScope => "InsufficientScope",
            Self::UpstreamRateLimited => "ToolRateLimited",
            Self::UpstreamUnauthorized => "ToolUnauthorized",
            Self::UpstreamForbidden => "ToolForbidden",
            Self::UpstreamTimeout | Self::UpstreamConnectTimeout => "ToolTimeout",
            Self::UpstreamUnreachable
            | Self::UpstreamRefused
            | Self::UpstreamDnsFailed
            | Self::UpstreamResolverFailed => "ToolUnreachable",
            code if code.as_str().starts_with("upstream_tls_") => "ToolUnreachable",
            code if code.as_str().starts_with("upstream_proxy_") => "ToolUnreachable",
            code if code.as_str().starts_with("upstream_") => "Tool",
            code => match code.entry().http_status {
                401 => "Unauthorized",
                403 => "Forbidden",
                404 | 410 => "NotFound",
                408 | 504 => "Timeout",
                409 => "Conflict",
                429 => "RateLimited",
                400..500 => "InvalidRequest",
                _ => "Server",
            },
        }))
    }

    /// Whether the code never comes from a server: it tells of a command that failed where it was typed.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::CommandInvalid | Self::CommandFailed | Self::ServerUnreachable)
    }

    /// Whether a server answers failing requests with it: neither a finding nor a matter of the command line.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        !self.is_local() && !self.is_finding()
    }
}
