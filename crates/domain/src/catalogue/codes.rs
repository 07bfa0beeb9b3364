//! The rows of the catalogue.

use serde::{Deserialize, Serialize};

use super::{Actor, Entry, GrpcCode, RemedyAction, Retry, findings::with_findings, people::with_people};

macro_rules! catalogue {
    ($($name:ident = $code:literal, $http:literal, $grpc:ident, $actor:ident, $retry:ident,
       $meaning:literal, $cause:literal, [$(($action:ident, $text:literal)),*];)*) => {
        /// A code of the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(#[doc = $meaning] #[serde(rename = $code)] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The row of the catalogue.
            #[must_use]
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$name => &Entry {
                        code: $code,
                        meaning: $meaning,
                        cause: $cause,
                        actor: Actor::$actor,
                        retry: Retry::$retry,
                        http_status: $http,
                        grpc_code: GrpcCode::$grpc,
                        remedies: &[$((RemedyAction::$action, $text)),*],
                    },)*
                }
            }
        }
    };
}

with_people! {
{
    // Requests.
    InvalidRequest = "invalid_request", 400, InvalidArgument, Developer, Never,
        "The request is malformed.",
        "The body or the query could not be read as the documented shape.",
        [(FixRequest, "Compare the request with the API description at /openapi.json.")];
    InvalidArgument = "invalid_argument", 400, InvalidArgument, Developer, Never,
        "A field of the request is wrong.",
        "The value does not fit what the field accepts.",
        [(FixRequest, "Correct the named field and send the request again.")];
    PayloadTooLarge = "payload_too_large", 413, ResourceExhausted, Developer, Never,
        "The request body is too large.",
        "Bodies are bounded.",
        [(FixRequest, "Send less at once, or raise the limit in the server's settings.")];
    UnsupportedMediaType = "unsupported_media_type", 415, InvalidArgument, Developer, Never,
        "The request body is not of a supported type.",
        "The API reads application/json.",
        [(FixRequest, "Set Content-Type: application/json.")];
    MethodNotAllowed = "method_not_allowed", 405, Unimplemented, Developer, Never,
        "This path does not answer to this method.",
        "The path exists, the method does not.",
        [(FixRequest, "Look the path up in /openapi.json.")];
    RouteNotFound = "route_not_found", 404, NotFound, Developer, Never,
        "There is nothing at this path.",
        "The path is not part of the API.",
        [(FixRequest, "Look the path up in /openapi.json.")];
    Unimplemented = "unimplemented", 501, Unimplemented, Developer, Never,
        "This call of the compatible API is not available here.",
        "Valetkey does not offer it yet.",
        [(FixRequest, "Use the native API instead; see /openapi.json.")];
    Unauthenticated = "unauthenticated", 401, Unauthenticated, Developer, Never,
        "The caller is not known.",
        "No valid bearer token came with the request.",
        [(CheckCredentials, "Send Authorization: Bearer with an API token (vk_…) or an access token from POST /oauth/token.")];
    InvalidClientCredentials = "invalid_client_credentials", 401, Unauthenticated, Developer, Never,
        "The client id or client secret is wrong.",
        "No enabled API client has this id and secret.",
        [(CheckCredentials, "Check the client id and secret, or make a new API client with `valetkey client create`.")];
    AuthenticationTooOften = "authentication_too_often", 429, ResourceExhausted, Developer, Never,
        "There were too many calls with a wrong key from this network address.",
        "An address may fail sixty times at once and then once a second. Only calls that fail are counted and refused: this one came without a valid token or client secret too.",
        [(CheckCredentials, "Correct the token or the client secret, or stop whatever goes on calling with an old one: the right one works at once.")];
    PermissionDenied = "permission_denied", 403, PermissionDenied, Developer, Never,
        "The caller may not do this.",
        "The API client or token lacks the permission.",
        [(CheckCredentials, "Use a token with the permission, or give the permission to the API client.")];
    RequestTimeout = "request_timeout", 408, DeadlineExceeded, Developer, Safe,
        "The request did not arrive in time.",
        "The client sent its request too slowly.",
        [(Retry, "Send the request again.")];
    DeadlineExceeded = "deadline_exceeded", 504, DeadlineExceeded, Developer, Later,
        "The caller's deadline passed before the answer was ready.",
        "The client set a shorter deadline than the call took.",
        [(Retry, "Set a longer deadline; for calls that change something, check first whether it happened.")];
    Overloaded = "overloaded", 503, Unavailable, Nobody, Safe,
        "The server has more work than it takes on at once.",
        "Queues are bounded so that accepted work is finished.",
        [(Retry, "Wait as long as Retry-After says and send the request again.")];
    RateLimited = "rate_limited", 429, ResourceExhausted, Developer, Safe,
        "There were too many calls of this server's API in a short time.",
        "The server limits how many calls a key, and all keys of an environment together, may make a second. It is not a provider's limit.",
        [(Wait, "Wait as long as retry_after_ms says, then send the call again."),
         (ConfigureServer, "If the calls are meant, have the operator raise api_rate_per_key or api_rate_per_environment.")];
    IdempotencyKeyReused = "idempotency_key_reused", 422, InvalidArgument, Developer, Never,
        "The Idempotency-Key was used for another call before.",
        "A key stands for one call: same account, same tool, same input.",
        [(FixRequest, "Use a new key for another call; keep the key only for repetitions of the same call.")];
    IdempotencyInProgress = "idempotency_in_progress", 409, Aborted, Nobody, Safe,
        "The first call with this Idempotency-Key is still running.",
        "It did not end before the deadline of this request.",
        [(Retry, "Send the same request again after retry_after_ms: it gets the answer of the first call.")];
    OutcomeUnknown = "outcome_unknown", 409, Aborted, Developer, Never,
        "Nobody knows whether the call happened.",
        "The server ended after the call left for the provider and before its outcome was recorded.",
        [(CheckProvider, "Check at the provider whether it happened. If it did not, send the call with a new Idempotency-Key.")];
    ExecutionInterrupted = "execution_interrupted", 503, Unavailable, Nobody, Safe,
        "The server ended before the call was carried out. Nothing was changed at the provider.",
        "It was stopped or crashed while the call was waiting for its turn.",
        [(Retry, "Send the call again.")];
    AnswerNotKept = "answer_not_kept", 409, FailedPrecondition, Developer, Never,
        "The call was carried out, but its answer is not kept any more.",
        "Answers are kept up to a size and for a time that the operator sets.",
        [(FixRequest, "Read what the call brought from the provider, or ask for less at once with a new Idempotency-Key.")];
    // Connections and connectors.
    ConnectorNotFound = "connector_not_found", 404, NotFound, Developer, Never,
        "There is no such connector.",
        "No connector file has this name.",
        [(FixRequest, "List the connectors with `valetkey connector list`.")];
    ConnectionNotFound = "connection_not_found", 404, NotFound, Developer, Never,
        "There is no such connection.",
        "No connection of this environment has this id or name.",
        [(FixRequest, "List the connections with `valetkey connection list`, or create one.")];
    ConnectionAlreadyExists = "connection_already_exists", 409, AlreadyExists, Developer, Never,
        "A connection of this name exists.",
        "Names are unique within an environment.",
        [(FixRequest, "Use another name, or update the existing connection.")];
    ConnectionInUse = "connection_in_use", 409, FailedPrecondition, Developer, Never,
        "The connection still has connected accounts.",
        "Deleting it would orphan them.",
        [(FixRequest, "Delete its connected accounts first.")];
    ConnectionDisabled = "connection_disabled", 409, FailedPrecondition, Operator, Never,
        "The connection is disabled.",
        "An operator switched it off.",
        [(ConfigureConnection, "Enable the connection.")];
    ConnectionNotConfigured = "connection_not_configured", 409, FailedPrecondition, Developer, Never,
        "The connection lacks OAuth client credentials.",
        "The connector needs a client id (and secret) from the provider's console.",
        [(ConfigureConnection, "Set client_id and client_secret of the connection.")];
    SharedCredentialsUnavailable = "shared_credentials_unavailable", 409, FailedPrecondition, Operator, Never,
        "There are no shared credentials for this connector.",
        "The operator has not set a shared OAuth client in the server's settings.",
        [(ConfigureConnection, "Set the connection's own client_id and client_secret, or ask the operator to set shared ones.")];
    AmbiguousConnection = "ambiguous_connection", 409, FailedPrecondition, Developer, Never,
        "More than one connection fits.",
        "The tool's connector has several connections with an account of this identifier.",
        [(FixRequest, "Name the connection in connection_name.")];
    InvalidClient = "invalid_client", 409, FailedPrecondition, Developer, Never,
        "The provider refuses the connection's OAuth client.",
        "The client id or secret is wrong, was regenerated or was deleted in the provider's console.",
        [(ConfigureConnection, "Copy client id and secret again from the provider's console and update the connection.")];
    UnauthorizedClient = "unauthorized_client", 409, FailedPrecondition, Developer, Never,
        "The provider does not let this OAuth client do this.",
        "The OAuth app is not allowed to use this grant type or is restricted.",
        [(ConfigureConnection, "In the provider's console, see that the app is a web application with a client secret, allows the authorization code and refresh grants, and is not suspended; then run `valetkey doctor connection NAME --preflight`.")];
    InvalidScope = "invalid_scope", 409, FailedPrecondition, Developer, Never,
        "The provider does not know or allow a requested scope.",
        "The connection asks for a scope that is misspelt, retired or not enabled for the OAuth app.",
        [(ConfigureConnection, "Correct the connection's scopes, or enable them in the provider's console.")];
    RedirectUriMismatch = "redirect_uri_mismatch", 409, FailedPrecondition, Developer, Never,
        "The provider does not know our redirect URI.",
        "The redirect URI registered at the provider differs from the connection's.",
        [(RegisterRedirectUri, "Register exactly the connection's redirect_uri in the provider's console: same scheme, host, port and path, no trailing slash.")];
    // Connected accounts.
    AccountNotFound = "account_not_found", 404, NotFound, Developer, Never,
        "There is no such connected account.",
        "No account of this environment has this id, or this identifier on this connection.",
        [(Authorize, "Create the account and send its user an authorization link.")];
    AccountAlreadyExists = "account_already_exists", 409, AlreadyExists, Developer, Never,
        "This identifier already has an account on this connection.",
        "Connection, identifier and account name are unique together.",
        [(FixRequest, "Use or update the existing account, or give another account_name.")];
    AccountPending = "account_pending", 409, FailedPrecondition, EndUser, Never,
        "The user has not authorized this account yet.",
        "An authorization link was never completed.",
        [(Authorize, "Make an authorization link and send it to the user.")];
    AccountPendingVerification = "account_pending_verification", 409, FailedPrecondition, Developer, Never,
        "The user's identity has not been confirmed yet.",
        "The authorization is complete, but the app has not confirmed who the user is.",
        [(VerifyUser, "Confirm the user with the auth_request_id that your user_verify_url received.")];
    AccountExpired = "account_expired", 409, FailedPrecondition, EndUser, Never,
        "The account's credential ran out and could not be renewed.",
        "The provider no longer accepts the refresh token, or there is none.",
        [(Reauthorize, "Send the user a new authorization link.")];
    AccountRevoked = "account_revoked", 409, FailedPrecondition, EndUser, Never,
        "Access was taken away at the provider.",
        "The user or an administrator removed the app's access.",
        [(Reauthorize, "Explain why access is needed and send the user a new authorization link.")];
    AccountError = "account_error", 409, FailedPrecondition, Developer, Never,
        "Authorizing this account failed.",
        "The failure was not the user's doing; the account's events say what it was.",
        [(ReadEvents, "Run `valetkey doctor account ID`, mend the cause that it names, and send a new authorization link.")];
    AccountDisconnected = "account_disconnected", 409, FailedPrecondition, EndUser, Never,
        "The account was disconnected.",
        "It was disconnected here; its credential is erased.",
        [(Reauthorize, "Send the user a new authorization link to connect again.")];
    AccountStatusConflict = "account_status_conflict", 409, FailedPrecondition, Developer, Never,
        "The account's status does not allow this.",
        "The step does not fit the account's present status.",
        [(ReadEvents, "Look at the status with `valetkey account get ID` and do the step that fits it: a link for PENDING, EXPIRED and REVOKED, nothing for ACTIVE.")];
    Conflict = "conflict", 409, Aborted, Nobody, Safe,
        "Somebody else changed this at the same moment.",
        "Two writers met; the first one won and nothing of the second was written.",
        [(Retry, "Read it again and repeat the change.")];
    InsufficientScope = "insufficient_scope", 403, PermissionDenied, EndUser, Never,
        "The account lacks a scope that the tool needs.",
        "The user did not grant it, or the connection did not ask for it.",
        [(Reauthorize, "Add the scope to the connection if it is missing there, then send the user a new authorization link.")];
    RefreshNotPossible = "refresh_not_possible", 409, FailedPrecondition, Developer, Never,
        "This account has nothing to refresh.",
        "Only OAuth accounts with a refresh token (or client credentials) can be refreshed.",
        [(Reauthorize, "If the credential no longer works, send the user a new authorization link.")];
    RefreshRefused = "refresh_refused", 409, FailedPrecondition, EndUser, Never,
        "The provider refused to renew the credential.",
        "The refresh token is expired, revoked or already used.",
        [(Reauthorize, "Send the user a new authorization link.")];
    RefreshTooEarly = "refresh_too_early", 429, ResourceExhausted, Nobody, Later,
        "The credential was renewed a moment ago.",
        "The provider allows a renewal only so often, or has asked for a pause; the access token still works.",
        [(Wait, "Wait as long as retry_after_ms says; calls go on working meanwhile.")];
    RefreshOutcomeLost = "refresh_outcome_lost", 409, FailedPrecondition, EndUser, Never,
        "The answer to a renewal was lost, and the grant with it.",
        "The connection broke or the server stopped after the provider had spent the refresh token and before its answer was stored. Nobody took access away.",
        [(Reauthorize, "Send the user a new authorization link.")];
    RenewalsPaused = "renewals_paused", 503, Unavailable, Nobody, Safe,
        "The provider is failing; its credentials are not renewed for a moment.",
        "Several renewals in a row failed at this provider. One is tried at a time until it answers again.",
        [(Wait, "Wait as long as retry_after_ms says; look at the provider's status page.")];
    GrantFrozen = "grant_frozen", 409, FailedPrecondition, Operator, Never,
        "This grant is frozen: the database was restored or copied.",
        "Its refresh token works once and may have been spent elsewhere since; using it again could end the grant.",
        [(ConfigureServer, "Make sure that no other server works on a copy of this database, then confirm with `valetkey store confirm`.")];
    RevocationReachesSiblings = "revocation_reaches_siblings", 409, FailedPrecondition, Developer, Never,
        "Revoking this grant would end other connected accounts too.",
        "The provider revokes every grant that this user gave this OAuth client.",
        [(FixRequest, "Repeat with siblings=\"revoke\" to end them as well, or with siblings=\"keep\" to forget the credential here and leave the grant at the provider.")];
    ProviderIdentityChanged = "provider_identity_changed", 409, FailedPrecondition, EndUser, Never,
        "The user signed in to another account at the provider than before.",
        "The connection keeps an account to the identity of its first authorization.",
        [(Reauthorize, "Sign in to the account that was connected before; to connect another one, disconnect first or use a named account.")];
    AmbiguousAccount = "ambiguous_account", 409, FailedPrecondition, Developer, Never,
        "More than one account fits.",
        "This identifier has several named accounts on the connection and none without a name.",
        [(FixRequest, "Name the account in account_name, or give its id.")];
    CredentialRejected = "credential_rejected", 400, FailedPrecondition, EndUser, Never,
        "The provider does not accept the credential that was entered.",
        "A test call with it was refused.",
        [(EnterCredential, "Copy the key or password again from the provider's settings, the whole of it and without spaces around it, and enter it once more.")];
    // Authorization flow.
    LinkInvalid = "link_invalid", 404, NotFound, EndUser, Never,
        "This authorization link is not valid.",
        "It was mistyped, cut off or never existed.",
        [(Authorize, "Ask the app that sent the link for a new one.")];
    LinkExpired = "link_expired", 410, FailedPrecondition, EndUser, Never,
        "This authorization link has expired.",
        "Links work for a limited time.",
        [(Authorize, "Ask the app that sent the link for a new one.")];
    LinkUsed = "link_used", 410, FailedPrecondition, EndUser, Never,
        "This authorization link has been used already.",
        "Every link works once.",
        [(Authorize, "Ask the app that sent the link for a new one.")];
    LinkWithdrawn = "link_withdrawn", 410, FailedPrecondition, EndUser, Never,
        "This authorization link has been withdrawn.",
        "The account was disconnected after the link was made.",
        [(Authorize, "Ask the app that sent the link for a new one.")];
    LinkOtherBrowser = "link_other_browser", 403, PermissionDenied, EndUser, Never,
        "This link was opened in another browser.",
        "A link belongs to the browser that opened it first.",
        [(Authorize, "Go on in that browser, or ask for a new link.")];
    StateMissing = "state_missing", 400, InvalidArgument, EndUser, Never,
        "The answer of the provider carries no state.",
        "Somebody opened the callback address by hand, or the provider dropped the parameter.",
        [(Authorize, "Start again from a new authorization link.")];
    StateUnknown = "state_unknown", 400, InvalidArgument, EndUser, Never,
        "The answer of the provider belongs to no attempt.",
        "Its state was altered, forged, or comes from another server.",
        [(Authorize, "Start again from a new authorization link.")];
    StateExpired = "state_expired", 400, FailedPrecondition, EndUser, Never,
        "The authorization took too long.",
        "The answer of the provider must come within ten minutes.",
        [(Authorize, "Start again from a new authorization link.")];
    StateReused = "state_reused", 400, FailedPrecondition, EndUser, Never,
        "This answer of the provider has been used already.",
        "The page was reloaded, or somebody replayed its address.",
        [(Authorize, "If the account is not connected, start again from a new authorization link.")];
    BrowserMismatch = "browser_mismatch", 403, PermissionDenied, EndUser, Never,
        "The authorization ended in another browser than it began in.",
        "The cookie that binds an attempt to its browser is missing or different: another browser or device, or cookies are blocked.",
        [(EnableCookies, "Allow cookies for this site and do all steps in one browser."), (Authorize, "Then start again from a new authorization link.")];
    IssuerMismatch = "issuer_mismatch", 400, FailedPrecondition, Operator, Never,
        "The answer comes from another authorization server than the one asked.",
        "The iss parameter is not the connector's issuer (RFC 9207): a mix-up, or a wrong configuration.",
        [(ConfigureConnection, "Compare the connection's authorize_url and its variable issuer (`valetkey connection get NAME`) with what the provider publishes. If they are right, somebody led the user to another server: do not go on.")];
    CodeMissing = "code_missing", 400, InvalidArgument, Nobody, Safe,
        "The answer of the provider carries neither a code nor an error.",
        "The provider's redirect was incomplete.",
        [(Authorize, "Start again from a new authorization link.")];
    AccessDenied = "access_denied", 403, PermissionDenied, EndUser, Never,
        "The authorization was declined.",
        "The user pressed deny, or the provider's policy declined for them.",
        [(Authorize, "Offer the user to try again.")];
    ProviderInvalidRequest = "provider_invalid_request", 400, FailedPrecondition, Developer, Never,
        "The provider found our authorization request malformed.",
        "A parameter, scope or redirect URI does not fit what the provider expects.",
        [(ConfigureConnection, "Run `valetkey doctor connection NAME --preflight` and mend what it finds: scopes, redirect URI, overrides.")];
    ProviderServerError = "provider_server_error", 502, Internal, Nobody, Later,
        "The provider failed while authorizing.",
        "The provider reported an internal error.",
        [(Retry, "Try again in a few minutes; look at the provider's status page.")];
    ProviderTemporarilyUnavailable = "provider_temporarily_unavailable", 503, Internal, Nobody, Later,
        "The provider cannot authorize at the moment.",
        "The provider reported that it is overloaded or under maintenance.",
        [(Retry, "Try again in a few minutes; look at the provider's status page.")];
    ProviderConsentRequired = "provider_consent_required", 403, PermissionDenied, EndUser, Never,
        "The permissions that are asked for need consent at the provider first.",
        "Neither the user nor an administrator of the user's organization has consented to them.",
        [(Authorize, "Start again from a new authorization link and agree to what the provider's page asks for.")];
    ProviderAdminRequired = "provider_admin_required", 403, PermissionDenied, ProviderAdmin, Never,
        "An administrator of the user's organization has to allow this first.",
        "The organization lets only administrators admit apps or grant these permissions, or a policy of theirs keeps this app out.",
        [(CheckProvider, "Ask an administrator of the organization to allow the app."), (Authorize, "Then start again from a new authorization link.")];
    ProviderSignInRequired = "provider_sign_in_required", 403, PermissionDenied, EndUser, Never,
        "The provider wants the user to sign in again.",
        "It asks for a session, an account to choose or a second factor, and the user was sent back without.",
        [(Authorize, "Start again from a new authorization link and answer what the provider's pages ask.")];
    ProviderRefusedAuthorization = "provider_refused_authorization", 400, FailedPrecondition, Developer, Never,
        "The provider refused the authorization.",
        "It answered with an error of its own.",
        [(ReadEvents, "Run `valetkey doctor account ID`: it reads the provider's code from the account's events and says what it means.")];
    ExchangeRefused = "exchange_refused", 400, FailedPrecondition, Developer, Never,
        "The provider refused to exchange the authorization code.",
        "The code was expired or used, or the redirect URI or PKCE verifier did not match.",
        [(Authorize, "Start again from a new authorization link.")];
    ExchangeFailed = "exchange_failed", 502, Internal, Nobody, Later,
        "The exchange of the authorization code failed.",
        "The provider could not be reached or its answer could not be read.",
        [(Authorize, "Try again from a new authorization link in a moment.")];
    PlaceNotChosen = "place_not_chosen", 409, FailedPrecondition, Developer, Never,
        "The user has several places at the provider, and nothing says which one is meant.",
        "An account works in one place (a site, a company, a workspace). The user granted several, and the connection names none, or a name that two of them have.",
        [(ConfigureConnection, "Name the place in the variable of the connection that is for it, or make one connection per place.")];
    PlaceNotGranted = "place_not_granted", 409, FailedPrecondition, EndUser, Never,
        "The user did not grant the place that the account is for.",
        "The place that the connection names, or that the account had before, is not among those that the user granted; or there is none at all.",
        [(Reauthorize, "Authorize again and choose that place where the provider asks for it; who has none there needs to be let in first."),
         (ConfigureConnection, "If another place is meant, change the variable of the connection that names it.")];
    AuthRequestNotFound = "auth_request_not_found", 404, NotFound, Developer, Never,
        "There is no such authorization attempt.",
        "The auth_request_id is unknown or belongs to another environment.",
        [(FixRequest, "Use the auth_request_id that your user_verify_url received.")];
    VerificationMismatch = "verification_mismatch", 403, PermissionDenied, Developer, Never,
        "The identifier is not the one that the link was made for.",
        "Another user finished the authorization than the one who was asked.",
        [(Authorize, "Make a new link for the user who is signed in to your app.")];
    VerificationNotPending = "verification_not_pending", 409, FailedPrecondition, Developer, Never,
        "This attempt does not wait for verification.",
        "It was confirmed already, failed or has expired.",
        [(ReadEvents, "Read the account's status and events.")];
    FormExpired = "form_expired", 403, PermissionDenied, EndUser, Never,
        "This form is no longer valid.",
        "It was open for too long, or was sent from elsewhere.",
        [(Authorize, "Open the link again and repeat.")];
    // Tools and calls.
    ToolNotFound = "tool_not_found", 404, NotFound, Developer, Never,
        "There is no such tool.",
        "No connector has a tool of this name.",
        [(FixRequest, "List the tools with `valetkey tool list`.")];
    ToolInputInvalid = "tool_input_invalid", 400, InvalidArgument, Developer, Never,
        "The tool's input does not fit its schema.",
        "A field is missing, unknown or of the wrong type.",
        [(FixRequest, "Correct the named fields; the tool's input_schema says what they accept.")];
    ExecutionNotFound = "execution_not_found", 404, NotFound, Developer, Never,
        "There is no such execution.",
        "No execution of this environment has this id.",
        [(FixRequest, "Use an execution_id that a call returned.")];
    UpstreamUnauthorized = "upstream_unauthorized", 502, Unauthenticated, Nobody, Later,
        "The provider refused the credential.",
        "The provider answered 401 although the credential should be good.",
        [(Refresh, "Refresh the account; if that fails, send the user a new authorization link.")];
    UpstreamForbidden = "upstream_forbidden", 403, PermissionDenied, ProviderAdmin, Never,
        "The provider does not allow this call.",
        "The user may not do this at the provider, a policy forbids it, or a scope is missing.",
        [(CheckProvider, "Have the user try the same at the provider itself. If it works there, compare the scopes with `valetkey doctor account ID`; if not, an administrator of the organization must give the right.")];
    UpstreamNotFound = "upstream_not_found", 422, NotFound, Developer, Never,
        "The provider does not know what the call is about.",
        "The resource does not exist, or this user may not see it.",
        [(FixRequest, "Take the ids in the input from a list or search tool called with the same account: what the user cannot see is not found either.")];
    UpstreamInvalidRequest = "upstream_invalid_request", 422, InvalidArgument, Developer, Never,
        "The provider finds the call wrong.",
        "A value in the input is not acceptable to the provider.",
        [(FixRequest, "Correct the input as the provider's message says.")];
    UpstreamConflict = "upstream_conflict", 409, Aborted, Developer, Never,
        "The provider reports a conflict.",
        "The resource was changed or exists already.",
        [(FixRequest, "Read the resource again and repeat the call with its present version; if it exists already, update it instead.")];
    UpstreamRateLimited = "upstream_rate_limited", 429, ResourceExhausted, Nobody, Later,
        "The provider's rate limit is reached.",
        "Too many calls in a short time for this account or OAuth client.",
        [(Wait, "Wait as long as retry_after_ms says; use an OAuth client of your own for a quota of your own.")];
    UpstreamError = "upstream_error", 502, Internal, Nobody, Later,
        "The provider failed.",
        "The provider answered with a server error.",
        [(Retry, "Try again in a moment; look at the provider's status page.")];
    UpstreamTimeout = "upstream_timeout", 504, DeadlineExceeded, Nobody, Later,
        "The provider did not answer in time.",
        "The connection stood, but the deadline of the call passed before the answer was complete.",
        [(Retry, "Try again, with a longer deadline if this one was short; for a call that changes something, look at the provider first whether it happened.")];
    UpstreamConnectTimeout = "upstream_connect_timeout", 504, DeadlineExceeded, Operator, Later,
        "No connection to the provider came about in time.",
        "Packets are dropped on the way, as firewalls do, or the provider's front is overloaded. Nothing was sent.",
        [(CheckNetwork, "Check that this server may reach the provider's host on its port: routes, firewall, https_proxy."),
         (Retry, "Nothing was sent: try again in a moment.")];
    UpstreamUnreachable = "upstream_unreachable", 502, Internal, Operator, Later,
        "The provider could not be reached.",
        "No route leads there, or the connection broke.",
        [(CheckNetwork, "Run `valetkey doctor system` on the server: it calls every provider in use and says where the way ends (route, firewall, https_proxy).")];
    UpstreamRefused = "upstream_refused", 502, Internal, Operator, Later,
        "The provider's host refused the connection.",
        "Nothing listens on that port there, or a firewall rejects it. Nothing was sent.",
        [(CheckNetwork, "Check host and port in the connection's overrides, and whether a firewall rejects the connection.")];
    UpstreamDnsFailed = "upstream_dns_failed", 502, Internal, Operator, Later,
        "The provider's host name could not be resolved.",
        "DNS has no address for it.",
        [(CheckNetwork, "Look for a typing error in the host of the connection's overrides (`valetkey connection get NAME`); then resolve the name on the server, for example with getent hosts.")];
    UpstreamResolverFailed = "upstream_resolver_failed", 502, Internal, Operator, Later,
        "This server's DNS resolver does not answer.",
        "The resolver is down, not reachable or not configured; it says nothing about the host name itself.",
        [(CheckNetwork, "Check the resolver of this server (/etc/resolv.conf, the container's DNS) and that port 53 is open to it.")];
    UpstreamProxyUnreachable = "upstream_proxy_unreachable", 502, Internal, Operator, Later,
        "The egress proxy cannot be reached.",
        "The proxy of https_proxy does not exist at that address, refuses the connection or does not answer. Nothing was sent.",
        [(ConfigureServer, "Check host and port in https_proxy and that the proxy runs; unset https_proxy if this server needs none.")];
    UpstreamProxyAuthRequired = "upstream_proxy_auth_required", 502, Internal, Operator, Never,
        "The egress proxy wants other credentials.",
        "It answered 407: https_proxy holds no user name and password, or wrong ones. Nothing was sent.",
        [(ConfigureServer, "Set https_proxy to http://user:password@host:port with the proxy's credentials and start the server again.")];
    UpstreamProxyRefused = "upstream_proxy_refused", 502, Internal, Operator, Later,
        "The egress proxy does not let this call through.",
        "It refused to open a tunnel to the provider's host. Nothing was sent.",
        [(CheckNetwork, "Have the provider's host and port 443 allowed on the proxy; look into the proxy's log.")];
    UpstreamTlsFailed = "upstream_tls_failed", 502, Internal, Operator, Never,
        "No trusted TLS connection to the provider.",
        "The handshake failed: the other side speaks no TLS that is still considered safe, or its certificate cannot be used.",
        [(CheckNetwork, "Behind a TLS-inspecting proxy set upstream_ca_file; otherwise look at who answers on this port, and with what.")];
    UpstreamTlsExpired = "upstream_tls_expired", 502, Internal, Operator, Never,
        "The provider's certificate has expired.",
        "It was not renewed in time, or this server's clock is ahead.",
        [(CheckNetwork, "Check this server's clock; if it is right, the provider (or the proxy in between) must renew its certificate.")];
    UpstreamTlsNotYetValid = "upstream_tls_not_yet_valid", 502, Internal, Operator, Never,
        "The provider's certificate is not valid yet.",
        "This server's clock is behind, as a rule; seldom a certificate was put up too early.",
        [(CheckNetwork, "Check this server's clock: it is probably behind.")];
    UpstreamTlsUnknownIssuer = "upstream_tls_unknown_issuer", 502, Internal, Operator, Never,
        "The provider's certificate is signed by an authority that this server does not know.",
        "A proxy that inspects TLS put its own certificate in place of the provider's, or the provider uses a private authority.",
        [(ConfigureServer, "Behind a TLS-inspecting proxy or with a private CA, set upstream_ca_file to its certificate and start the server again.")];
    UpstreamTlsHostMismatch = "upstream_tls_host_mismatch", 502, Internal, Operator, Never,
        "The provider's certificate is for another host name.",
        "The host in the connection's overrides is not the one that the certificate names, or DNS leads elsewhere.",
        [(ConfigureConnection, "Check the host name in the connection's overrides."),
         (CheckNetwork, "Check what the name resolves to from this server.")];
    ServerClockWrong = "server_clock_wrong", 502, Internal, Operator, Later,
        "This server's clock is wrong.",
        "The dates in providers' answers differ from it. Certificates, tokens and links are judged by the clock.",
        [(ConfigureServer, "Set this machine's clock and keep it right with NTP (timedatectl, chronyc tracking).")];
    UpstreamResponseInvalid = "upstream_response_invalid", 502, Internal, Nobody, Later,
        "The provider's answer could not be read.",
        "It is not what the connector expects.",
        [(Retry, "Try again. If it stays, write `valetkey support-bundle --execution ID` and report it: the provider has changed its answers, and the connector file must follow.")];
    UpstreamResponseTooLarge = "upstream_response_too_large", 502, Internal, Developer, Never,
        "The provider's answer is too large.",
        "Answers are bounded.",
        [(FixRequest, "Ask for less: a smaller page (limit, per_page, top), a narrower search, or one item instead of a list.")];
    UpstreamAddressBlocked = "upstream_address_blocked", 403, PermissionDenied, Operator, Never,
        "The address is not one that this server may call.",
        "It is private, loopback or otherwise special, and private upstreams are not allowed.",
        [(ConfigureServer, "If the address is meant to be called, add it as host:port to allowed_upstreams in the server's settings and start the server again; allow_private_upstreams opens all private addresses.")];
    UpstreamRedirected = "upstream_redirected", 502, Internal, Developer, Never,
        "The provider redirected the call elsewhere.",
        "Redirects are not followed, so that the credential goes nowhere else.",
        [(ConfigureConnection, "Let the connection's api_base_url be the address that the provider redirects to, with https and the final host; `valetkey connection get NAME` shows the present one.")];
    ProxyPathInvalid = "proxy_path_invalid", 400, InvalidArgument, Developer, Never,
        "The path of the proxied call is not acceptable.",
        "It leaves the connector's API, or holds forbidden characters.",
        [(FixRequest, "Give a path below the connector's API base URL, without `..`, `//` or control characters.")];
}
{
    // API clients.
    ApiClientNotFound = "api_client_not_found", 404, NotFound, Developer, Never,
        "There is no such API client.",
        "No API client of this environment has this id.",
        [(FixRequest, "List them with `valetkey client list`.")];
    ApiClientAlreadyExists = "api_client_already_exists", 409, AlreadyExists, Developer, Never,
        "An API client of this id exists.",
        "Client ids are unique.",
        [(FixRequest, "Use another id.")];
    ApiTokenNotFound = "api_token_not_found", 404, NotFound, Developer, Never,
        "There is no such API token.",
        "No API token of this environment has this id.",
        [(FixRequest, "List them with `valetkey token list`.")];
    WebhookNotFound = "webhook_not_found", 404, NotFound, Developer, Never,
        "There is no such webhook.",
        "No webhook of this environment has this id.",
        [(FixRequest, "List them with `valetkey webhook list`.")];
    WebhookLimitReached = "webhook_limit_reached", 409, FailedPrecondition, Developer, Never,
        "There are as many webhooks as an environment may have.",
        "Each event is written once for each webhook, so their number is bounded at 50.",
        [(FixRequest, "Delete webhooks that nobody needs with `valetkey webhook delete`, or let one endpoint hand on what it gets.")];
    DeliveryNotFound = "delivery_not_found", 404, NotFound, Developer, Never,
        "There is no such message to the webhook.",
        "It was removed by its age, or never was sent there.",
        [(FixRequest, "List them with `valetkey webhook deliveries`.")];
    RevocationNotFound = "revocation_not_found", 404, NotFound, Developer, Never,
        "There is no such pending revocation.",
        "It is over, or no revocation of this environment has this id.",
        [(FixRequest, "List them with `valetkey account revocations`.")];
}
{
    // The server itself.
    KeyTermNotFound = "key_term_not_found", 404, NotFound, Operator, Never,
        "The keyring has no such term.",
        "It was retired, or never existed.",
        [(FixRequest, "List the terms with `valetkey keys status`.")];
    KeyTermInUse = "key_term_in_use", 409, FailedPrecondition, Operator, Never,
        "This term of the keyring is still needed.",
        "It is the active one, or secrets are still sealed in it.",
        [(ConfigureServer, "Run `valetkey keys rotate`, wait until `valetkey keys status` shows no secret in the term, then retire it.")];
    SealRefused = "seal_refused", 500, Internal, Operator, Never,
        "A stored secret does not open.",
        "The record was moved or altered, or was sealed under another key.",
        [(ConfigureServer, "Run `valetkey doctor system`: it says whether the master key is the one of this database. If it is, the record that the event names was altered or comes from another database: restore it from a backup, or have the user authorize again.")];
    StorageUnavailable = "storage_unavailable", 503, Internal, Operator, Later,
        "The database is not available.",
        "It cannot be reached, is full or read-only.",
        [(ConfigureServer, "Run `valetkey doctor system` on the server: it says whether the database is unreachable, full or read-only, and where.")];
    ShuttingDown = "shutting_down", 503, Unavailable, Nobody, Safe,
        "The server is shutting down.",
        "It finishes what it began and takes on nothing new.",
        [(Retry, "Send the request again in a moment.")];
    Internal = "internal", 500, Internal, Operator, Later,
        "Something went wrong in the server.",
        "This is a bug; the log has the details under the request id.",
        [(ReportBug, "Look the request id up in the server's log and report it.")];
    // The command line. No server answers with these.
    CommandInvalid = "command_invalid", 400, InvalidArgument, Developer, Never,
        "The command line is wrong.",
        "A command, an argument or a value is missing, unknown or not acceptable.",
        [(FixRequest, "Add --help to the command to see what it takes.")];
    CommandFailed = "command_failed", 500, Internal, Operator, Later,
        "The command did not do what it was asked to.",
        "A file, the database or a check stood in the way; the message says which.",
        [(ReadEvents, "Read the message, mend what it names, and run the command again.")];
    ServerUnreachable = "server_unreachable", 503, Unavailable, Operator, Safe,
        "The Valetkey server cannot be reached.",
        "It does not run, the address is wrong, its certificate is not trusted, or something in between stops the way.",
        [(CheckNetwork, "Check VALETKEY_URL (or --url), VALETKEY_CA_FILE for a private certificate, and that the server runs: its /healthz answers.")];
}
}
