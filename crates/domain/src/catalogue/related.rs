//! How the codes hang together: sections of the catalogue, and codes that are easily taken for one another.

use super::ErrorCode;
use ErrorCode as C;

/// A part of the catalogue. It holds the codes from its first one up to the first one of the next section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// The first code, in the order of the catalogue.
    pub first: ErrorCode,
}

/// The sections, in the order of the catalogue.
pub const SECTIONS: &[Section] = &[
    Section { title: "Requests", first: C::InvalidRequest },
    Section { title: "Connectors and connections", first: C::ConnectorNotFound },
    Section { title: "Connected accounts", first: C::AccountNotFound },
    Section { title: "Authorization", first: C::LinkInvalid },
    Section { title: "Tools and calls", first: C::ToolNotFound },
    Section { title: "People at the dashboard", first: C::LoginRefused },
    Section { title: "API clients", first: C::ApiClientNotFound },
    Section { title: "Findings of a diagnosis", first: C::Healthy },
    Section { title: "The server itself", first: C::KeyTermNotFound },
    Section { title: "The command line", first: C::CommandInvalid },
];

/// Codes that one looks at together. A code may be in several.
const FAMILIES: &[&[ErrorCode]] = &[
    &[C::Unauthenticated, C::InvalidClientCredentials, C::AuthenticationTooOften],
    &[C::RateLimited, C::Overloaded, C::UpstreamRateLimited],
    &[C::LoginRefused, C::LoginTooOften, C::InvitationInvalid],
    &[C::LoginRefused, C::PasswordLoginOff, C::SsoNotConfigured],
    &[C::SsoUnavailable, C::SsoProviderInvalid, C::SsoClientRefused],
    &[C::SsoStateLost, C::SsoCodeRefused, C::SsoTokenInvalid, C::SsoClockSkew, C::SsoRefused],
    &[C::SsoNotInvited, C::SsoEmailUnverified, C::SsoDomainRefused, C::SsoIdentityTaken],
    &[C::UserNotFound, C::UserAlreadyExists, C::LastOwner],
    &[C::CrossSiteRequest, C::FormExpired],
    &[
        C::AccountPending,
        C::AccountPendingVerification,
        C::AccountExpired,
        C::AccountRevoked,
        C::AccountError,
        C::AccountDisconnected,
    ],
    &[
        C::AccountExpired,
        C::RefreshRefused,
        C::RefreshOutcomeLost,
        C::RefreshNotPossible,
        C::RefreshTooEarly,
        C::RenewalsPaused,
        C::GrantFrozen,
    ],
    &[C::AccountRevoked, C::RefreshRefused, C::UpstreamUnauthorized],
    &[C::InsufficientScope, C::InvalidScope, C::UpstreamForbidden],
    &[C::InvalidClient, C::UnauthorizedClient, C::ConnectionNotConfigured, C::SharedCredentialsUnavailable],
    &[C::RedirectUriMismatch, C::ProviderInvalidRequest, C::ExchangeRefused],
    &[C::LinkInvalid, C::LinkExpired, C::LinkUsed, C::LinkWithdrawn, C::LinkOtherBrowser, C::FormExpired],
    &[
        C::StateMissing,
        C::StateUnknown,
        C::StateExpired,
        C::StateReused,
        C::BrowserMismatch,
        C::CodeMissing,
        C::IssuerMismatch,
    ],
    &[
        C::AccessDenied,
        C::ProviderInvalidRequest,
        C::UnauthorizedClient,
        C::InvalidScope,
        C::ProviderServerError,
        C::ProviderTemporarilyUnavailable,
        C::ProviderConsentRequired,
        C::ProviderAdminRequired,
        C::ProviderSignInRequired,
        C::ProviderRefusedAuthorization,
    ],
    &[C::ExchangeRefused, C::ExchangeFailed, C::InvalidClient],
    &[C::PlaceNotChosen, C::PlaceNotGranted, C::ProviderIdentityChanged],
    &[
        C::UpstreamUnreachable,
        C::UpstreamDnsFailed,
        C::UpstreamTlsFailed,
        C::UpstreamTimeout,
        C::UpstreamAddressBlocked,
    ],
    &[
        C::UpstreamError,
        C::UpstreamResponseInvalid,
        C::UpstreamResponseTooLarge,
        C::UpstreamRedirected,
        C::UpstreamTimeout,
    ],
    &[C::UpstreamUnauthorized, C::UpstreamForbidden, C::UpstreamNotFound, C::UpstreamInvalidRequest],
    &[C::UpstreamRateLimited, C::RefreshTooEarly, C::Overloaded, C::RenewalsPaused],
    &[C::WebhookNotFound, C::DeliveryNotFound, C::WebhookLimitReached, C::WebhookFailing],
    &[C::Unauthenticated, C::InvalidClientCredentials, C::PermissionDenied],
    &[
        C::InvalidRequest,
        C::InvalidArgument,
        C::UnsupportedMediaType,
        C::PayloadTooLarge,
        C::RouteNotFound,
        C::MethodNotAllowed,
    ],
    &[C::RequestTimeout, C::DeadlineExceeded, C::UpstreamTimeout],
    &[C::ToolNotFound, C::ToolInputInvalid, C::InsufficientScope],
    &[
        C::IdempotencyKeyReused,
        C::IdempotencyInProgress,
        C::OutcomeUnknown,
        C::ExecutionInterrupted,
        C::AnswerNotKept,
        C::ExecutionOutcomeUnknown,
    ],
    &[C::AmbiguousConnection, C::AmbiguousAccount, C::AccountNotFound, C::ConnectionNotFound],
    &[
        C::AuthRequestNotFound,
        C::VerificationMismatch,
        C::VerificationNotPending,
        C::AccountPendingVerification,
    ],
    &[C::CredentialRejected, C::UpstreamUnauthorized],
    &[C::ProviderIdentityChanged, C::AmbiguousAccount],
    &[C::ConnectionAlreadyExists, C::AccountAlreadyExists, C::ApiClientAlreadyExists, C::Conflict],
    &[C::ConnectionInUse, C::ConnectionDisabled, C::ConnectionNotConfigured],
    &[C::Internal, C::StorageUnavailable, C::SealRefused, C::ShuttingDown, C::Overloaded],
    &[C::KeyTermNotFound, C::KeyTermInUse, C::SealRefused],
    &[C::CommandInvalid, C::CommandFailed, C::SettingInvalid, C::ServerUnreachable],
    // Findings, with the codes that one has in hand when one looks for them.
    &[C::AccountPending, C::LinkNeverOpened, C::AuthorizationUnfinished, C::LinkExpired],
    &[
        C::AccountExpired,
        C::OfflineAccessMissing,
        C::RefreshTokenMissing,
        C::RefreshTokenAged,
        C::RefreshTokenIdle,
        C::AppInTesting,
        C::GrantLimitReached,
        C::PasswordChanged,
        C::SignInRequired,
    ],
    &[C::AccountRevoked, C::AccessRevokedByUser, C::AccessRevokedByAdmin, C::ProviderAccountDisabled],
    &[
        C::AccessDenied,
        C::ProviderConsentRequired,
        C::ProviderAdminRequired,
        C::AdminPolicy,
        C::AdminConsentRequired,
        C::ConsentRequired,
        C::AppNotVerified,
        C::RestrictedScope,
        C::AppApprovalRequired,
        C::WorkspaceRestricted,
    ],
    &[
        C::InvalidClient,
        C::ClientUnknown,
        C::ClientSecretWrong,
        C::ClientSecretExpired,
        C::ClientSecretExpiring,
        C::ClientSecretOld,
        C::WrongTenant,
    ],
    &[C::BrowserMismatch, C::CookiesBlocked, C::OtherBrowser],
    &[C::StateExpired, C::ClockSkew, C::ServerClockWrong],
    &[C::InsufficientScope, C::ConnectionScopesMissing, C::ScopesNotGranted],
    &[C::UpstreamUnauthorized, C::ActiveButRefused],
    &[C::UpstreamRateLimited, C::SharedClientLimited],
    &[C::AppInTesting, C::TestModeRisk, C::VerificationNeeded, C::AppNotVerified],
    &[C::RedirectUriMismatch, C::RedirectUriUnsuitable, C::PublicUrlUnreachable, C::PublicUrlElsewhere],
    &[C::UpstreamUnreachable, C::UpstreamConnectTimeout, C::UpstreamRefused, C::UpstreamResolverFailed],
    &[
        C::UpstreamTlsFailed,
        C::UpstreamTlsExpired,
        C::UpstreamTlsNotYetValid,
        C::UpstreamTlsUnknownIssuer,
        C::UpstreamTlsHostMismatch,
        C::ServerClockWrong,
    ],
    &[
        C::StorageUnavailable,
        C::DatabaseUnreachable,
        C::DatabaseFull,
        C::DatabaseReadOnly,
        C::MigrationsPending,
    ],
    &[C::SealRefused, C::MasterKeyMissing, C::MasterKeyWrong],
];

impl ErrorCode {
    /// The heading of the section that the code is in.
    #[must_use]
    pub fn section(self) -> &'static str {
        SECTIONS.iter().rev().find(|section| section.first <= self).map_or("", |section| section.title)
    }

    /// Codes to look at as well, in the order of the catalogue.
    #[must_use]
    pub fn related(self) -> Vec<Self> {
        let mut related: Vec<_> =
            FAMILIES.iter().filter(|family| family.contains(&self)).flat_map(|f| f.iter().copied()).collect();
        if related.is_empty() {
            // No family: the neighbours of the same section.
            let at = Self::ALL.iter().position(|code| *code == self).unwrap_or_default();
            let near = &Self::ALL[at.saturating_sub(2)..(at + 3).min(Self::ALL.len())];
            related.extend(near.iter().copied().filter(|code| code.section() == self.section()));
        }
        related.retain(|code| *code != self);
        related.sort_unstable();
        related.dedup();
        related
    }
}
