//! Microsoft's numbered errors that can be asked for by number. What each means is Microsoft's; the wording is ours.

/// One numbered error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aadsts {
    pub(crate) number: u32,
    /// The OAuth error it comes with.
    pub(crate) error: &'static str,
    pub(crate) suberror: Option<&'static str>,
    pub(crate) text: &'static str,
    /// At the authorization endpoint: whether the user sees it on a page there, instead of being sent back.
    pub(crate) on_page: bool,
}

const fn row(number: u32, error: &'static str, text: &'static str) -> Aadsts {
    Aadsts { number, error, suberror: None, text, on_page: false }
}

const fn page(number: u32, error: &'static str, text: &'static str) -> Aadsts {
    Aadsts { on_page: true, ..row(number, error, text) }
}

const fn sub(number: u32, error: &'static str, suberror: &'static str, text: &'static str) -> Aadsts {
    Aadsts { suberror: Some(suberror), ..row(number, error, text) }
}

const TABLE: [Aadsts; 40] = [
    page(
        50_011,
        "invalid_request",
        "The redirect URI of the request is not one of those registered for the application.",
    ),
    page(
        50_020,
        "invalid_grant",
        "The user account is from another identity provider and does not exist in this tenant.",
    ),
    page(50_034, "invalid_grant", "The user account does not exist in the directory."),
    row(
        50_053,
        "invalid_grant",
        "The account is locked: too many sign-ins with a wrong user name or password.",
    ),
    row(50_055, "invalid_grant", "The password is expired."),
    row(50_057, "invalid_grant", "The user account is disabled."),
    sub(
        50_076,
        "invalid_grant",
        "basic_action",
        "Multi-factor authentication is now required to reach the resource.",
    ),
    sub(50_078, "invalid_grant", "basic_action", "The presented multi-factor authentication has expired."),
    sub(50_079, "invalid_grant", "basic_action", "The user must enroll in multi-factor authentication."),
    page(50_105, "access_denied", "The signed-in user is not assigned to a role for the application."),
    row(50_126, "invalid_grant", "Invalid user name or password."),
    row(50_132, "invalid_grant", "The session is not valid any more: the password expired or was changed."),
    row(50_133, "invalid_grant", "The session is not valid any more: the password expired or was changed."),
    row(
        50_173,
        "invalid_grant",
        "The grant was revoked after it was issued, for example by a changed or reset password; a fresh sign-in is needed.",
    ),
    row(
        50_196,
        "temporarily_unavailable",
        "The server ended the operation because the same request was made in a loop.",
    ),
    sub(53_000, "invalid_grant", "message_only", "The device is not compliant with the policy."),
    sub(53_003, "access_denied", "message_only", "Access has been blocked by conditional access policies."),
    sub(
        65_001,
        "invalid_grant",
        "consent_required",
        "The user or administrator has not consented to use the application.",
    ),
    row(65_004, "access_denied", "The user declined to consent to access the application."),
    row(70_000, "invalid_grant", "The provided value for the grant is not valid."),
    row(70_002, "invalid_client", "The client credentials could not be validated."),
    row(70_003, "unsupported_grant_type", "The grant type is not supported."),
    row(70_008, "invalid_grant", "The refresh token has expired."),
    row(70_011, "invalid_scope", "The provided value for scope is not valid."),
    sub(
        70_043,
        "invalid_grant",
        "bad_token",
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    ),
    page(90_002, "invalid_request", "The tenant was not found."),
    row(90_033, "temporarily_unavailable", "A temporary error has occurred."),
    row(90_055, "temporarily_unavailable", "The tenant is throttled: too many requests."),
    page(90_072, "invalid_grant", "The user account must first be added as an external user of the tenant."),
    sub(
        90_094,
        "consent_required",
        "consent_required",
        "An administrator must grant consent to the application.",
    ),
    row(
        90_095,
        "consent_required",
        "The administrator's consent to the application is asked for and pending.",
    ),
    page(700_016, "unauthorized_client", "The application was not found in the tenant."),
    row(700_025, "invalid_client", "The client is public, so a secret must not be presented."),
    row(700_082, "invalid_grant", "The refresh token has expired due to inactivity."),
    row(700_084, "invalid_grant", "The refresh token was issued to a single page app and has expired."),
    row(900_144, "invalid_request", "The request body lacks a required parameter."),
    row(7_000_012, "invalid_grant", "The grant was obtained for a different tenant."),
    row(7_000_112, "unauthorized_client", "The application is disabled."),
    row(
        7_000_215,
        "invalid_client",
        "The provided client secret is invalid; send the secret's value and not its id.",
    ),
    row(7_000_222, "invalid_client", "The provided client secret is expired."),
];

impl Aadsts {
    /// The row of a number, if it is known.
    pub(crate) fn of(number: u32) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.number == number)
    }

    /// Every known number.
    pub(crate) fn numbers() -> impl Iterator<Item = u32> {
        TABLE.iter().map(|row| row.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_holds_no_number_twice() {
        assert!(TABLE.is_sorted_by(|a, b| a.number < b.number));
        assert_eq!(Aadsts::of(50_173).unwrap().error, "invalid_grant");
        assert_eq!(Aadsts::of(1), None);
    }
}
