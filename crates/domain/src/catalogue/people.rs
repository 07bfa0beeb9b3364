//! The rows about people at the dashboard: passwords, links, single sign-on. They stand between the other rows, so that the
//! catalogue is one; a file of their own keeps both readable.

/// Makes the catalogue of the rows before, the rows about people, the rows up to the findings and those after them.
macro_rules! with_people {
    ({$($before:tt)*} {$($between:tt)*} {$($after:tt)*}) => {
with_findings! {
{
    $($before)*
    // People at the dashboard.
    LoginRefused = "login_refused", 401, Unauthenticated, Operator, Never,
        "The address or the password is wrong.",
        "No user who may log in has this address and password.",
        [(CheckCredentials, "Try again, or ask an owner for a link to set a new password.")];
    LoginTooOften = "login_too_often", 429, ResourceExhausted, Operator, Later,
        "There were too many failed sign-ins.",
        "Guessing is slowed down: after five wrong passwords for one user each further try has to wait longer, and one network address has only so many failed sign-ins and wrong links a minute.",
        [(Wait, "Wait as long as the page says, or ask an owner for a link to set a new password.")];
    PasswordLoginOff = "password_login_off", 403, PermissionDenied, Operator, Never,
        "Passwords are switched off on this server.",
        "People sign in through the identity provider only: sso_require is set.",
        [(CheckCredentials, "Use the button for single sign-on."),
         (ConfigureServer, "If the identity provider does not let anybody in, start the server without sso_require: passwords and links work again.")];
    SsoNotConfigured = "sso_not_configured", 404, NotFound, Operator, Never,
        "Single sign-on is not set up on this server.",
        "The settings name no identity provider.",
        [(ConfigureServer, "Set sso_issuer, sso_client_id and sso_client_secret; the page /docs/single-sign-on says where they come from.")];
    SsoUnavailable = "sso_unavailable", 503, Unavailable, Operator, Safe,
        "The identity provider does not answer.",
        "This server asks the provider for its description, its keys and the person's token, and got no usable answer.",
        [(Retry, "Try again in a moment."),
         (CheckNetwork, "Run `valetkey doctor system` on the server's machine: it tells what stands between it and sso_issuer. A provider on a private address needs sso_allow_private.")];
    SsoProviderInvalid = "sso_provider_invalid", 502, FailedPrecondition, Operator, Never,
        "What the identity provider says about itself cannot be used.",
        "The document at /.well-known/openid-configuration below sso_issuer is not there, is not OpenID Connect, or names another issuer.",
        [(ConfigureServer, "Set sso_issuer to exactly what the document names as issuer, with or without the slash at the end.")];
    SsoClientRefused = "sso_client_refused", 502, FailedPrecondition, Operator, Never,
        "The identity provider does not accept this server as its client.",
        "The client id or client secret is wrong, or the secret has run out.",
        [(ConfigureServer, "Compare sso_client_id and sso_client_secret with the provider's console; make a new secret there if it has run out.")];
    SsoRefused = "sso_refused", 403, PermissionDenied, Operator, Never,
        "The identity provider ended the sign-in.",
        "It was cancelled, or the provider does not let this person use this application.",
        [(Retry, "Try again."),
         (CheckProvider, "Have an administrator of the identity provider assign the person to this application, and look into its sign-in log.")];
    SsoStateLost = "sso_state_lost", 400, FailedPrecondition, Operator, Never,
        "This sign-in was not begun in this browser, or it took too long.",
        "The cookie of the sign-in is missing or belongs to another one: it was begun in another browser or tab, cookies are blocked, more than ten minutes have passed, or the page was loaded twice.",
        [(Retry, "Go to the login and begin again."),
         (EnableCookies, "Allow cookies for this address, and open the login at the address in public_url.")];
    SsoCodeRefused = "sso_code_refused", 400, FailedPrecondition, Operator, Never,
        "The identity provider does not know this sign-in any more.",
        "Its code works once and for a short while, and only with the redirect URI that it was asked for.",
        [(Retry, "Go to the login and begin again."),
         (RegisterRedirectUri, "If it happens every time, compare the redirect URI at the provider with the public_url of this server followed by /dashboard/sso/callback.")];
    SsoTokenInvalid = "sso_token_invalid", 502, FailedPrecondition, Operator, Never,
        "What the identity provider vouches for cannot be trusted.",
        "The signature, issuer, audience or nonce of its token is not right: it was made for another application or sign-in, or by somebody else.",
        [(Retry, "Go to the login and begin again."),
         (ConfigureServer, "If it happens every time, compare sso_issuer and sso_client_id with the provider's console.")];
    SsoClockSkew = "sso_clock_skew", 502, FailedPrecondition, Operator, Never,
        "The identity provider's token is out of its time.",
        "By this server's clock the token has run out or was made in the future: one of the two clocks is wrong.",
        [(ConfigureServer, "Set this machine's clock and keep it right with NTP; `valetkey doctor system` compares it with others.")];
    SsoNotInvited = "sso_not_invited", 403, PermissionDenied, Operator, Never,
        "You may not use this dashboard.",
        "The identity provider knows who you are, but no owner of this server has let you in, or you were disabled.",
        [(Authorize, "Ask an owner to add your e-mail address under Settings, Users.")];
    SsoEmailUnverified = "sso_email_unverified", 403, PermissionDenied, Operator, Never,
        "The identity provider does not vouch for an e-mail address.",
        "The first sign-in is matched by a verified e-mail address, and the token has none, or one that is not marked as verified.",
        [(CheckProvider, "Verify the address at the identity provider, and let the application have the scope email."),
         (ConfigureServer, "If only administrators give out addresses there, as in Entra ID, set sso_trust_email.")];
    SsoDomainRefused = "sso_domain_refused", 403, PermissionDenied, Operator, Never,
        "E-mail addresses of this domain may not sign in.",
        "The domain is not one of sso_domains.",
        [(CheckCredentials, "Sign in with the account of your organization."),
         (ConfigureServer, "Add the domain to sso_domains.")];
    SsoIdentityTaken = "sso_identity_taken", 403, PermissionDenied, Operator, Never,
        "This user belongs to another account of an identity provider.",
        "After the first sign-in the account decides and not its address: addresses are given to other people.",
        [(Authorize, "If it is the same person with a new account, ask an owner to unlink the old one under Settings, Users.")];
    CrossSiteRequest = "cross_site_request", 403, PermissionDenied, Operator, Never,
        "The form was not sent from this dashboard's own page.",
        "The page was open before you logged in again, or another site tried to act in your name.",
        [(Retry, "Go back, load the page again and send the form once more. If that does not help, check that public_url is the address in your browser.")];
    InvitationInvalid = "invitation_invalid", 404, NotFound, Operator, Never,
        "This link does not work (any more).",
        "Links to set a password work once and for a day.",
        [(Authorize, "Ask an owner for a new link; on the server's own machine `valetkey user invite` makes one.")];
    UserNotFound = "user_not_found", 404, NotFound, Operator, Never,
        "There is no such user.",
        "No user of the dashboard has this id.",
        [(FixRequest, "Look the user up in the settings of the dashboard.")];
    UserAlreadyExists = "user_already_exists", 409, AlreadyExists, Operator, Never,
        "A user with this address exists.",
        "Addresses are unique.",
        [(CheckCredentials, "Log in with this address, or use another one.")];
    LastOwner = "last_owner", 409, FailedPrecondition, Operator, Never,
        "This is the last owner.",
        "Without an owner nobody could manage users and keys any more.",
        [(FixRequest, "Make somebody else an owner first.")];
    $($between)*
}
{
    $($after)*
}
}
    };
}

pub(super) use with_people;
