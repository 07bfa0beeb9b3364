//! The rows of findings: what a diagnosis says and no call fails with. They stand between the other rows, so that the
//! catalogue is one; a file of their own keeps both readable.

/// Makes the catalogue of the rows before, the rows of findings and the rows after.
macro_rules! with_findings {
    ({$($before:tt)*} {$($after:tt)*}) => {
catalogue! {
    $($before)*
    // Findings: what a diagnosis says and no call fails with. The answer that carries them is a 200.
    Healthy = "healthy", 200, Ok, Nobody, Never,
        "Everything that was looked at works.",
        "There is nothing to mend.",
        [(Retry, "Go on. If a call fails nevertheless, run a probe, which asks the provider, or ask for the diagnosis of the execution that failed.")];
    LinkNeverOpened = "link_never_opened", 200, Ok, EndUser, Never,
        "The user has not opened the authorization link.",
        "The link was made and perhaps never reached the user.",
        [(Authorize, "Send the link to the user again, or make a new one.")];
    AuthorizationUnfinished = "authorization_unfinished", 200, Ok, EndUser, Never,
        "The user opened the authorization link and did not finish.",
        "The user left the hosted page or the provider's consent page, or the provider showed an error of its own and did not send the user back.",
        [(Authorize, "Ask the user what the provider's page said, and send a new authorization link.")];
    OfflineAccessMissing = "offline_access_missing", 200, Ok, Developer, Never,
        "The connection never asked for access that lasts.",
        "Without the provider's scope or parameter for offline access there is no refresh token, and access ends with the access token.",
        [(ConfigureConnection, "Add the offline scope to the connection's scopes, then have its users authorize again.")];
    RefreshTokenMissing = "refresh_token_missing", 200, Ok, EndUser, Never,
        "The provider gave no refresh token.",
        "Some providers give one only at the first consent, only with rotation switched on, or not for imported tokens.",
        [(Reauthorize, "Have the user remove the app at the provider if it is listed there, then authorize again.")];
    RefreshTokenAged = "refresh_token_aged", 200, Ok, EndUser, Never,
        "The refresh token has reached the provider's longest lifetime.",
        "The provider ends every grant after a fixed time, however much it is used.",
        [(Reauthorize, "Send the user a new authorization link; it is due once per lifetime.")];
    RefreshTokenIdle = "refresh_token_idle", 200, Ok, EndUser, Never,
        "The refresh token was not used for longer than the provider allows.",
        "The provider ends grants that lie idle.",
        [(Reauthorize, "Send the user a new authorization link.")];
    AppInTesting = "app_in_testing", 200, Ok, Developer, Never,
        "The OAuth app is in testing mode at the provider.",
        "Grants of an app in testing end seven days after consent.",
        [(CheckProvider, "Publish the OAuth app in the provider's console (set it to production)."), (Reauthorize, "Then have the users authorize once more.")];
    GrantLimitReached = "grant_limit_reached", 200, Ok, Developer, Never,
        "The user has more grants for this OAuth client than the provider keeps.",
        "Each new authorization silently ended the user's oldest one.",
        [(FixRequest, "Use one connected account per user and provider account, and do not authorize again while it works."), (Reauthorize, "Send the user a new authorization link.")];
    PasswordChanged = "password_changed", 200, Ok, EndUser, Never,
        "The user's password was changed or reset, which ended the grant.",
        "The provider ends grants when the password changes.",
        [(Reauthorize, "Send the user a new authorization link.")];
    SignInRequired = "sign_in_required", 200, Ok, EndUser, Never,
        "The provider wants the user to sign in again.",
        "A session rule of the organization ended the grant, or a second factor is asked for now.",
        [(Reauthorize, "Send the user a new authorization link.")];
    AdminPolicy = "admin_policy", 200, Ok, ProviderAdmin, Never,
        "A policy of the user's organization does not allow this.",
        "An administrator restricts apps, devices, places or services.",
        [(CheckProvider, "Ask the organization's administrator to allow the app.")];
    AdminConsentRequired = "admin_consent_required", 200, Ok, ProviderAdmin, Never,
        "An administrator has to consent first.",
        "The organization lets only administrators allow this app or these permissions.",
        [(CheckProvider, "Ask an administrator of the organization to give consent for the app."), (Authorize, "Then send the user a new authorization link.")];
    ConsentRequired = "consent_required", 200, Ok, EndUser, Never,
        "Nobody has consented to what is asked for.",
        "The permissions were not configured, were changed since, or consent was withdrawn.",
        [(Authorize, "Send the user a new authorization link.")];
    AppNotVerified = "app_not_verified", 200, Ok, Developer, Never,
        "The provider blocks the OAuth app because it is not verified.",
        "Unverified apps may not ask strangers for sensitive scopes.",
        [(CheckProvider, "Finish the provider's verification of the app, or add the user as a tester.")];
    RestrictedScope = "restricted_scope", 200, Ok, Developer, Never,
        "A scope is restricted at the provider.",
        "The app has not been approved for it.",
        [(ConfigureConnection, "Ask for a less far-reaching scope, or have the app approved for this one.")];
    AppApprovalRequired = "app_approval_required", 200, Ok, ProviderAdmin, Never,
        "The workspace or organization must approve the app first.",
        "Its administrators decide which apps members may use.",
        [(CheckProvider, "Ask an administrator of the workspace to approve the app."), (Authorize, "Then send the user a new authorization link.")];
    WorkspaceRestricted = "workspace_restricted", 200, Ok, ProviderAdmin, Never,
        "The workspace or organization does not admit this app or user.",
        "Installation is restricted, single sign-on is enforced, or the app is limited to another workspace.",
        [(CheckProvider, "Ask the workspace's administrator, or use another workspace.")];
    ProviderAccountDisabled = "provider_account_disabled", 200, Ok, ProviderAdmin, Never,
        "The user's account at the provider is disabled or deleted.",
        "It was deactivated, suspended or removed there.",
        [(CheckProvider, "Ask the organization's administrator whether the user is still active.")];
    AccessRevokedByUser = "access_revoked_by_user", 200, Ok, EndUser, Never,
        "The user took access away at the provider.",
        "The app was removed in the user's account settings.",
        [(Reauthorize, "Explain why access is needed and send the user a new authorization link.")];
    AccessRevokedByAdmin = "access_revoked_by_admin", 200, Ok, ProviderAdmin, Never,
        "An administrator took access away at the provider.",
        "The app or the user's grant was removed by the organization.",
        [(CheckProvider, "Ask the organization's administrator to allow the app again."), (Reauthorize, "Then send the user a new authorization link.")];
    ClientUnknown = "client_unknown", 200, Ok, Developer, Never,
        "The provider does not know the OAuth client.",
        "The client id is mistyped, the app was deleted, or it belongs to another tenant.",
        [(ConfigureConnection, "Copy the client id again from the provider's console, and check the tenant.")];
    ClientSecretWrong = "client_secret_wrong", 200, Ok, Developer, Never,
        "The OAuth client's secret is not the one the provider has.",
        "It was regenerated, or its id was copied instead of its value.",
        [(ConfigureConnection, "Copy the secret's value from the provider's console and update the connection.")];
    ClientSecretExpired = "client_secret_expired", 200, Ok, Developer, Never,
        "The OAuth client's secret has expired.",
        "The provider gives secrets a limited life.",
        [(ConfigureConnection, "Make a new secret in the provider's console and update the connection.")];
    ClientSecretExpiring = "client_secret_expiring", 200, Ok, Developer, Never,
        "The OAuth client's secret expires soon.",
        "The provider gives secrets a limited life.",
        [(ConfigureConnection, "Make a new secret in the provider's console and update the connection before it expires.")];
    WrongTenant = "wrong_tenant", 200, Ok, Developer, Never,
        "User and OAuth app belong to different tenants.",
        "The app admits only users of its own tenant, or the connection names another tenant.",
        [(ConfigureConnection, "Check the connection's tenant, and which account types the app admits.")];
    CookiesBlocked = "cookies_blocked", 200, Ok, EndUser, Never,
        "The browser does not keep our cookies.",
        "The callback came from the browser that began, without the cookie it was given.",
        [(EnableCookies, "Allow cookies for this site."), (Authorize, "Then start again from a new authorization link.")];
    OtherBrowser = "other_browser", 200, Ok, EndUser, Never,
        "The authorization began in one browser and ended in another.",
        "The link was passed on, or the provider's app opened another browser or device.",
        [(Authorize, "Do all steps in one browser, from a new authorization link.")];
    ClockSkew = "clock_skew", 200, Ok, Operator, Never,
        "The clocks do not agree.",
        "This server's clock, or another process's on the same database, is off.",
        [(ConfigureServer, "Synchronize the clock of every machine that runs Valetkey (NTP).")];
    ActiveButRefused = "active_but_refused", 200, Ok, EndUser, Never,
        "The account is ACTIVE, yet the provider refuses its credential.",
        "Access ended at the provider a moment ago, or the credential does not reach this part of the API.",
        [(Refresh, "Refresh the account."), (Reauthorize, "If that does not help, send the user a new authorization link.")];
    ConnectionScopesMissing = "connection_scopes_missing", 200, Ok, Developer, Never,
        "The connection does not ask for every scope that its tools need.",
        "Calls of these tools will fail for every account of the connection.",
        [(ConfigureConnection, "Add the scopes to the connection, then have its users authorize again.")];
    ScopesNotGranted = "scopes_not_granted", 200, Ok, EndUser, Never,
        "The user did not grant every scope that was asked for.",
        "The user unticked some, the provider withheld them, or the connection's scopes were extended later.",
        [(Reauthorize, "Send the user a new authorization link.")];
    RenewalsFailing = "renewals_failing", 200, Ok, Nobody, Never,
        "The credential could not be renewed for a while; it is tried again.",
        "The provider, or the way to it, fails in passing.",
        [(Wait, "Wait for the next attempt.")];
    ExecutionOutcomeUnknown = "execution_outcome_unknown", 200, Ok, Developer, Never,
        "Nobody knows whether the call happened.",
        "The server ended while the call was under way.",
        [(FixRequest, "Check at the provider whether it happened before repeating it.")];
    SharedClientLimited = "shared_client_limited", 200, Ok, Developer, Never,
        "The quota of the shared OAuth client is used up.",
        "Everybody who uses the shared client draws on one quota.",
        [(ConfigureConnection, "Give the connection an OAuth client of its own.")];
    // Findings about webhooks.
    WebhookFailing = "webhook_failing", 200, Ok, Operator, Never,
        "A webhook gets no messages.",
        "Its endpoint does not answer with 2xx, or it was turned off because it was gone or failed for days.",
        [(ReadEvents, "Look at what the endpoint answered with `valetkey webhook deliveries WEBHOOK_ID --outcome failed`."),
         (ConfigureServer, "Mend the endpoint, try it with `valetkey webhook test WEBHOOK_ID`, turn it on again with `valetkey webhook update WEBHOOK_ID --enabled true` if it is off, and send what has failed once more with `valetkey webhook redeliver WEBHOOK_ID DELIVERY_ID`.")];
    // Findings about this server itself: `valetkey doctor system`.
    MasterKeyMissing = "master_key_missing", 200, Ok, Operator, Never,
        "The server has no usable master key.",
        "It is not set, cannot be fetched, or is no key of 32 bytes. Without it nothing that is stored can be opened.",
        [(ConfigureServer, "Set master_key, master_key_file or master_key_command to the key that this database was made with. For a new database make one with `openssl rand -base64 32` and keep a copy elsewhere.")];
    MasterKeyWrong = "master_key_wrong", 200, Ok, Operator, Never,
        "The master key is not the one of this database.",
        "It does not open the keyring in the database: another key is set, or the settings name another database.",
        [(ConfigureServer, "Set the key that this database was made with. To replace it by the present one, set the old one as previous_master_key and start the server once.")];
    SettingInvalid = "setting_invalid", 200, Ok, Operator, Never,
        "A setting is wrong.",
        "The server refuses to start with it.",
        [(ConfigureServer, "Correct the named setting; `valetkey settings` explains every one.")];
    DatabaseUnreachable = "database_unreachable", 200, Ok, Operator, Never,
        "The database cannot be reached.",
        "Host, port, name or password in database_url are wrong, the database server is down, or the network does not lead there.",
        [(ConfigureServer, "Check database_url and that the database server runs and accepts connections from this machine.")];
    DatabaseUnusable = "database_unusable", 200, Ok, Operator, Never,
        "The database cannot be used by this version.",
        "It is something else, damaged, or was written by a newer version.",
        [(ConfigureServer, "Name the right database in database_url or data_dir, start the newer version, or restore a backup.")];
    DatabaseMissing = "database_missing", 200, Ok, Operator, Never,
        "There is no database yet.",
        "The server has never been started with these settings, or they name another place than before.",
        [(ConfigureServer, "If there should be one, correct data_dir or database_url; otherwise start the server, which makes it.")];
    DatabaseFull = "database_full", 200, Ok, Operator, Never,
        "There is no room left for the database.",
        "The disk or the quota is used up: nothing can be stored, and so no call is made and no credential renewed.",
        [(ConfigureServer, "Make room on the disk of the database, or move data_dir to a larger one.")];
    DatabaseReadOnly = "database_read_only", 200, Ok, Operator, Never,
        "The database accepts no writes.",
        "The file, its folder or the file system is read-only for this user, or the PostgreSQL server is a standby.",
        [(ConfigureServer, "Give the user of the server the right to write there, or name the primary in database_url.")];
    DiskNearlyFull = "disk_nearly_full", 200, Ok, Operator, Never,
        "The disk of the database is nearly full.",
        "When it is full, nothing can be stored, and so no call is made and no credential renewed.",
        [(ConfigureServer, "Make room on the disk before it is full.")];
    MigrationsPending = "migrations_pending", 200, Ok, Operator, Never,
        "The database is of an older version.",
        "The new version was installed, but not started on this database yet.",
        [(ConfigureServer, "Make a backup, then start the server of this version: it migrates the database.")];
    DataFolderExposed = "data_folder_exposed", 200, Ok, Operator, Never,
        "Other users of this machine can get at the server's files.",
        "The rights of the file or folder are wider than its owner's.",
        [(ConfigureServer, "Take the rights away: chmod 700 for the folder, 600 for files, and see that the server's user owns them.")];
    DataFolderUnwritable = "data_folder_unwritable", 200, Ok, Operator, Never,
        "The data folder cannot be written to.",
        "It belongs to another user, or the file system is read-only.",
        [(ConfigureServer, "Give the user of the server the folder: chown, or another data_dir.")];
    PublicUrlUnreachable = "public_url_unreachable", 200, Ok, Operator, Never,
        "The server cannot be reached at its public URL.",
        "The server is not running, what stands in front of it does not pass requests on, or the name leads elsewhere. Callbacks of providers end there.",
        [(ConfigureServer, "Start the server; check public_url, DNS, the certificate and what stands in front of the server.")];
    PublicUrlElsewhere = "public_url_elsewhere", 200, Ok, Operator, Never,
        "Something else answers at the public URL.",
        "public_url names another server, or what stands in front passes requests on to another one.",
        [(ConfigureServer, "Correct public_url, or the route in front of the server.")];
    ServerNotReady = "server_not_ready", 200, Ok, Operator, Never,
        "The server runs, but cannot do its work.",
        "It answers that it is not ready: its database is gone, full or read-only.",
        [(ConfigureServer, "Look at the other findings, at the database, and at the server's log.")];
    BackgroundFailing = "background_failing", 200, Ok, Operator, Never,
        "The background of the server fails.",
        "Its last runs ended with an error: credentials are not renewed ahead of time, and revocations are not tried again.",
        [(ConfigureServer, "Read `valetkey background status` and the server's log.")];
    WorkerMissing = "worker_missing", 200, Ok, Operator, Never,
        "No process does the background's work.",
        "The processes that were found answer callers only (role = api).",
        [(ConfigureServer, "Start a process with role = worker or all on the same database.")];
    ListenerCertificateExpired = "listener_certificate_expired", 200, Ok, Operator, Never,
        "The certificate of this server is not valid now.",
        "It has expired or is not valid yet: browsers and clients refuse to speak to the server.",
        [(ConfigureServer, "Renew the certificate in tls_cert and start the server again.")];
    ListenerCertificateExpiring = "listener_certificate_expiring", 200, Ok, Operator, Never,
        "The certificate of this server expires soon.",
        "It is read when the server starts: a renewed file takes effect at the next start.",
        [(ConfigureServer, "Renew the certificate in tls_cert and start the server again.")];
    ListenerCertificateMismatch = "listener_certificate_mismatch", 200, Ok, Operator, Never,
        "The certificate of this server is not for its public URL.",
        "Its names do not include the host of public_url.",
        [(ConfigureServer, "Have a certificate made for the host of public_url, or correct public_url.")];
    // Findings before launch: `valetkey doctor connection --preflight`.
    RedirectUriUnsuitable = "redirect_uri_unsuitable", 200, Ok, Operator, Never,
        "Providers will not accept the redirect URI.",
        "It is plain http to another machine, or an address or name that only this machine knows.",
        [(ConfigureServer, "Set public_url to the https address under which browsers reach this server, then register the new redirect URI.")];
    PkceMissing = "pkce_missing", 200, Ok, Developer, Never,
        "The authorization is not protected by PKCE.",
        "The connector file says that the provider does not take it.",
        [(ConfigureConnection, "If the provider takes PKCE, correct the connector file: authorize.pkce: s256.")];
    TestModeRisk = "test_mode_risk", 200, Ok, Developer, Never,
        "Grants may end after seven days if the OAuth app is still in testing.",
        "At Google, an app of user type External in status Testing gets refresh tokens that live seven days.",
        [(CheckProvider, "In the Google Auth Platform, set the app's publishing status to In production (or its user type to Internal).")];
    VerificationNeeded = "verification_needed", 200, Ok, Developer, Never,
        "The provider has to verify the OAuth app before strangers may use it.",
        "The connection asks for sensitive or restricted scopes.",
        [(CheckProvider, "Start the provider's verification, or ask for less far-reaching scopes.")];
    ClientSecretOld = "client_secret_old", 200, Ok, Developer, Never,
        "The OAuth client's secret is old.",
        "It was set long ago. Some providers end secrets after a fixed time, and an old secret may have been seen by many.",
        [(ConfigureConnection, "Look up in the provider's console when it expires, make a new secret, and update the connection.")];
    $($after)*
}
    };
}

pub(super) use with_findings;
