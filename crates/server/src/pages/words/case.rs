//! Which words an error gets on a page. The catalogue speaks to developers; here its codes are sorted by what somebody
//! who knows nothing of OAuth has to be told.

use valetkey_domain::{ErrorCode, catalogue::Actor};

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What an end user is told about a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(in crate::pages) enum Case { $($(#[$doc])* $name,)* }

        impl Case {
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

cases! {
    // The link itself, before anybody was sent anywhere.
    LinkInvalid,
    LinkExpired,
    LinkUsed,
    LinkWithdrawn,
    LinkOtherBrowser,
    FormExpired,
    ConnectionDisabled,
    ConnectionNotSetUp,
    // The way back from the provider.
    AccessDenied,
    StateMissing,
    StateUnknown,
    StateExpired,
    StateReused,
    BrowserMismatch,
    IssuerMismatch,
    CodeMissing,
    IdentityChanged,
    ExchangeRefused,
    ExchangeFailed,
    PlaceNotChosen,
    PlaceNotGranted,
    CredentialRejected,
    // What the provider reported.
    ProviderInvalidRequest,
    UnauthorizedClient,
    InvalidScope,
    InvalidClient,
    RedirectUriMismatch,
    ProviderServerError,
    ProviderBusy,
    ProviderRefused,
    /// Of the user or of an administrator.
    ConsentRequired,
    /// A session, an account to choose or a second factor.
    SignInRequired,
    /// Nobody else can admit the app.
    AdministratorRequired,
    // Any other error.
    AccountGone,
    RequestUnreadable,
    ProviderFailed,
    ProviderOutOfReach,
    OrganizationRule,
    NewLinkNeeded,
    ServerFailed,
    Passing,
    AppMustAct,
}

impl Case {
    /// The case of a code.
    pub(in crate::pages) fn of(code: ErrorCode) -> Self {
        Self::of_flow(code).unwrap_or_else(|| Self::in_general(code))
    }

    /// Errors that belong to the pages.
    pub(super) fn of_flow(code: ErrorCode) -> Option<Self> {
        Some(match code {
            ErrorCode::LinkInvalid => Self::LinkInvalid,
            ErrorCode::LinkExpired => Self::LinkExpired,
            ErrorCode::LinkUsed => Self::LinkUsed,
            ErrorCode::LinkWithdrawn => Self::LinkWithdrawn,
            ErrorCode::LinkOtherBrowser => Self::LinkOtherBrowser,
            ErrorCode::FormExpired => Self::FormExpired,
            ErrorCode::ConnectionDisabled => Self::ConnectionDisabled,
            // The end user cannot tell these two apart and need not.
            ErrorCode::ConnectionNotConfigured | ErrorCode::SharedCredentialsUnavailable => {
                Self::ConnectionNotSetUp
            }
            ErrorCode::AccessDenied => Self::AccessDenied,
            ErrorCode::StateMissing => Self::StateMissing,
            ErrorCode::StateUnknown => Self::StateUnknown,
            ErrorCode::StateExpired => Self::StateExpired,
            ErrorCode::StateReused => Self::StateReused,
            ErrorCode::BrowserMismatch => Self::BrowserMismatch,
            ErrorCode::IssuerMismatch => Self::IssuerMismatch,
            ErrorCode::CodeMissing => Self::CodeMissing,
            ErrorCode::ProviderIdentityChanged => Self::IdentityChanged,
            ErrorCode::ExchangeRefused => Self::ExchangeRefused,
            ErrorCode::ExchangeFailed => Self::ExchangeFailed,
            ErrorCode::PlaceNotChosen => Self::PlaceNotChosen,
            ErrorCode::PlaceNotGranted => Self::PlaceNotGranted,
            ErrorCode::CredentialRejected => Self::CredentialRejected,
            ErrorCode::ProviderInvalidRequest => Self::ProviderInvalidRequest,
            ErrorCode::UnauthorizedClient => Self::UnauthorizedClient,
            ErrorCode::InvalidScope => Self::InvalidScope,
            ErrorCode::InvalidClient => Self::InvalidClient,
            ErrorCode::RedirectUriMismatch => Self::RedirectUriMismatch,
            ErrorCode::ProviderServerError => Self::ProviderServerError,
            ErrorCode::ProviderTemporarilyUnavailable => Self::ProviderBusy,
            ErrorCode::ProviderRefusedAuthorization => Self::ProviderRefused,
            ErrorCode::ProviderConsentRequired => Self::ConsentRequired,
            ErrorCode::ProviderSignInRequired => Self::SignInRequired,
            ErrorCode::ProviderAdminRequired => Self::AdministratorRequired,
            _ => return None,
        })
    }

    /// Any other error, by whose it is and who must act.
    fn in_general(code: ErrorCode) -> Self {
        use ErrorCode as C;
        let entry = code.entry();
        match code {
            C::AccountNotFound | C::ConnectionNotFound | C::ConnectorNotFound => return Self::AccountGone,
            C::InvalidRequest
            | C::InvalidArgument
            | C::PayloadTooLarge
            | C::UnsupportedMediaType
            | C::MethodNotAllowed
            | C::RouteNotFound
            | C::RequestTimeout => return Self::RequestUnreadable,
            _ => {}
        }
        match entry.actor {
            Actor::ProviderAdmin => Self::OrganizationRule,
            Actor::Nobody if entry.code.starts_with("upstream_") => Self::ProviderFailed,
            Actor::Nobody => Self::Passing,
            _ if entry.code.starts_with("upstream_") => Self::ProviderOutOfReach,
            _ if entry.http_status >= 500 => Self::ServerFailed,
            Actor::EndUser => Self::NewLinkNeeded,
            Actor::Developer | Actor::Operator => Self::AppMustAct,
        }
    }
}

/// What stands above a form that has to be filled in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::pages) enum FormCase {
    /// A field is missing or does not look right.
    CheckEntries,
    /// The provider does not accept it.
    NotAccepted,
    /// The provider knows it, but it may too little.
    TooFewRights,
    /// Nothing is there where it leads.
    NothingThere,
    /// The provider could not be asked.
    NotTriedOut,
    /// Anything else.
    NotTaken,
}

impl FormCase {
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] = [
        Self::CheckEntries,
        Self::NotAccepted,
        Self::TooFewRights,
        Self::NothingThere,
        Self::NotTriedOut,
        Self::NotTaken,
    ];

    /// The case of a code.
    pub(in crate::pages) fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidArgument => Self::CheckEntries,
            ErrorCode::CredentialRejected | ErrorCode::UpstreamUnauthorized => Self::NotAccepted,
            ErrorCode::UpstreamForbidden => Self::TooFewRights,
            ErrorCode::UpstreamNotFound => Self::NothingThere,
            code if code.entry().http_status >= 500 => Self::NotTriedOut,
            _ => Self::NotTaken,
        }
    }
}
