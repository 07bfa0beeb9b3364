//! Authorization links.

use serde_json::json;
use url::{Host, Url};
use valetkey_domain::{
    Account, AuthPhase, AuthRequest, AuthRequestId, Caller, Change, Changes, Connection, Error, ErrorCode,
    Permission, Time,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::{connector::Auth, oauth::requested_scopes};

use crate::{
    AccountRef, AccountView, Engine,
    accounts::{created_event, given, optional_id},
    clients::{random_text, sha256},
    connections::check,
    execute::resolve::{ambiguous, pick},
    scopes,
};

/// The longest `state` of a caller, in characters; as the compatible API has it.
const MAX_STATE: usize = 512;
/// The longest `user_verify_url`, in characters; as the compatible API has it.
const MAX_VERIFY_URL: usize = 2048;

/// What a link shall do beside authorizing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// The caller's own state, handed through to `user_verify_url`; at most 512 characters.
    pub state: Option<String>,
    /// Where the user goes so that the app can confirm who it is. Without it the account is `ACTIVE` at once.
    pub user_verify_url: Option<String>,
    /// Fewer scopes than the connection asks for; empty means all of them.
    pub scopes: Vec<String>,
    /// A step up: these scopes on top of those that the connection asks for and those that the account has.
    pub add_scopes: Vec<String>,
}

/// A link, shown once.
#[derive(Debug, Clone)]
pub struct Link {
    /// `{public_url}/connect/{token}`. Whoever has it can authorize the account, once.
    pub url: Url,
    /// When it stops working.
    pub expires_at: Time,
    /// The account that it is for.
    pub account: AccountView,
}

/// What a link was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Somebody asked for it.
    Asked,
    /// It goes into the remedies of an error or a diagnosis.
    Remedy,
}

/// What a new attempt is made of.
pub(crate) struct NewAttempt<'a> {
    pub(crate) account: &'a Account,
    pub(crate) scopes: Vec<String>,
    pub(crate) caller_state: Option<String>,
    pub(crate) user_verify_url: Option<String>,
    pub(crate) expires_at: Time,
    /// When the link was made, which the repetition of an attempt keeps.
    pub(crate) created_at: Time,
    /// The browser it belongs to from the beginning, if it repeats an attempt of that browser.
    pub(crate) browser_hash: Option<[u8; 32]>,
}

impl Engine {
    /// Makes a link. Needs `connected_accounts:access`. The account is created if connection name and identifier are
    /// given and it does not exist. An `ACTIVE` account goes on working until the new grant has arrived.
    ///
    /// # Errors
    /// `account_not_found`, `ambiguous_account`, `connection_not_found`, `connection_disabled`,
    /// `connection_not_configured`, `shared_credentials_unavailable`, `invalid_argument`.
    pub async fn authorization_link(
        &self,
        caller: &Caller,
        account: &AccountRef,
        options: LinkOptions,
    ) -> Result<Link, Error> {
        caller.require(Permission::AccountsAccess)?;
        let options = checked_options(options)?;
        // A second round only if another caller created the account in between.
        match self.link_once(caller, account, options.clone(), Purpose::Asked).await {
            Err(error) if error.code() == ErrorCode::AccountAlreadyExists => {
                self.link_once(caller, account, options, Purpose::Asked).await
            }
            done => done,
        }
    }

    /// Makes a link that goes into a remedy. The history says so: a link that nobody asked for and nobody opened says
    /// nothing about the user.
    pub(crate) async fn remedy_link(&self, caller: &Caller, account: &AccountRef) -> Result<Link, Error> {
        caller.require(Permission::AccountsAccess)?;
        self.link_once(caller, account, LinkOptions::default(), Purpose::Remedy).await
    }

    async fn link_once(
        &self,
        caller: &Caller,
        wanted: &AccountRef,
        options: LinkOptions,
        purpose: Purpose,
    ) -> Result<Link, Error> {
        let (account, connection, created) = self.linked_account(caller, wanted).await?;
        let scopes = self.scopes_of_link(&connection, &account, options.scopes, options.add_scopes).await?;
        let expires_at = self.now() + self.0.settings.link_ttl;
        let (attempt, url) = self.new_attempt(NewAttempt {
            account: &account,
            scopes,
            caller_state: options.state,
            user_verify_url: options.user_verify_url,
            expires_at,
            created_at: self.now(),
            browser_hash: None,
        })?;
        let event = NewEvent::of_account(&account, EventKind::LinkCreated).by(caller.actor()).data(json!({
            "auth_request_id": attempt.id.as_str(),
            "expires_at": expires_at.unix_timestamp(),
            "scopes": attempt.scopes,
            "user_verify_host": host_of(attempt.user_verify_url.as_deref()),
            "remedy": purpose == Purpose::Remedy,
        }));
        let changes = created
            .and(Change::InsertAuthRequest(attempt))
            .and(self.event(event))
            .and_maybe(self.audit_person(caller, "account.link_created", account.id.as_str()));
        self.commit(changes).await?;
        Ok(Link { url, expires_at, account: self.account_view(account, &connection) })
    }

    /// The account that the link is for, and what creates it if it does not exist yet.
    async fn linked_account(
        &self,
        caller: &Caller,
        wanted: &AccountRef,
    ) -> Result<(Account, Connection, Changes), Error> {
        let (Some(name), Some(identifier), None) =
            (given(&wanted.connection_name), given(&wanted.identifier), given(&wanted.id))
        else {
            let (account, connection) = self.resolve_account(&caller.environment, wanted, None).await?;
            self.require_enabled(&connection).map_err(|error| self.fill(&connection, None, error))?;
            return Ok((account, connection, Changes::new()));
        };
        let connection = self.resolve_connection(&caller.environment, name).await?;
        self.require_enabled(&connection).map_err(|error| self.fill(&connection, None, error))?;
        let account_name = given(&wanted.name);
        let there = self.0.store.accounts_of_identifier(&connection.id, identifier).await?;
        if pick(there, account_name).map_err(|there| ambiguous(&there, &connection))?.is_some() {
            let (account, connection) = self.resolve_account(&caller.environment, wanted, None).await?;
            return Ok((account, connection, Changes::new()));
        }
        let mut account = self.blank_account(&connection, identifier, account_name)?;
        account.organization_id = given(&wanted.organization_id).map(str::to_owned);
        account.user_id = given(&wanted.user_id).map(str::to_owned);
        optional_id("organization_id", account.organization_id.as_deref())?;
        optional_id("user_id", account.user_id.as_deref())?;
        let changes = Changes::new()
            .and(Change::InsertAccount(account.clone()))
            .and(self.event(created_event(&account).by(caller.actor())));
        Ok((account, connection, changes))
    }

    /// The scopes that a link asks for. Only what the connection may ask for (S09); a step up adds to that what the
    /// account has already and what the connector knows.
    async fn scopes_of_link(
        &self,
        connection: &Connection,
        account: &Account,
        fewer: Vec<String>,
        more: Vec<String>,
    ) -> Result<Vec<String>, Error> {
        let connector = self.connector_of(connection)?;
        let none = fewer.is_empty() && more.is_empty();
        let field = if fewer.is_empty() { "add_scopes" } else { "scopes" };
        let Some(profile) = connector.auth.oauth() else {
            return match none {
                true => Ok(Vec::new()),
                false => Err(Error::invalid(field, "do not apply: the connector has no OAuth")),
            };
        };
        // Found out now, by whoever can mend it, and not by the user who opens the link.
        self.oauth_client(connection).await?;
        let configured = requested_scopes(profile, &connection.scopes);
        if none {
            return Ok(configured);
        }
        if matches!(connector.auth, Auth::ClientCredentials(_)) {
            return Err(Error::invalid(field, "are those of the connection; they cannot be chosen per link"));
        }
        if !fewer.is_empty() && !more.is_empty() {
            return Err(Error::invalid("add_scopes", "cannot be given together with scopes"));
        }
        for (index, scope) in fewer.iter().enumerate() {
            if !configured.contains(scope) {
                let message = "is not among the scopes of the connection; add it there first";
                return Err(Error::invalid(format!("scopes[{index}]"), message));
            }
        }
        if !fewer.is_empty() {
            return Ok(requested_scopes(profile, &fewer));
        }
        let more = check::scopes_of("add_scopes", profile, more)?;
        for (index, scope) in more.iter().enumerate() {
            if !configured.contains(scope) && !scopes::is_known(connector, scope) {
                let message = "is neither a scope of the connection nor one that the connector knows; \
                               add it to the connection first";
                return Err(Error::invalid(format!("add_scopes[{index}]"), message));
            }
        }
        // What the user has granted already stays granted: a new grant takes the place of the old one.
        let mut union = configured;
        for scope in account.scopes.iter().chain(&more) {
            if !scopes::holds(profile, &union, scope) {
                union.push(scope.clone());
            }
        }
        Ok(requested_scopes(profile, &union))
    }

    /// A new attempt and the address of its page, not stored yet. Of the token in the address only the hash is kept.
    pub(crate) fn new_attempt(&self, new: NewAttempt<'_>) -> Result<(AuthRequest, Url), Error> {
        let token = random_text(&*self.0.entropy);
        let url = self.public_address(&format!("/connect/{}", *token));
        let attempt = AuthRequest {
            id: AuthRequestId::new(&*self.0.clock, &*self.0.entropy),
            environment: new.account.environment.clone(),
            account: new.account.id.clone(),
            connection: new.account.connection.clone(),
            link_hash: sha256(token.as_bytes()),
            state_hash: None,
            browser_hash: new.browser_hash,
            code_verifier: None,
            scopes: new.scopes,
            caller_state: new.caller_state,
            user_verify_url: new.user_verify_url,
            phase: AuthPhase::Created,
            failure: None,
            generation: 0,
            version: 1,
            created_at: new.created_at,
            expires_at: new.expires_at,
            redirected_at: None,
        };
        let url = Url::parse(&url).map_err(|_| Error::internal("public_url makes no link"))?;
        Ok((attempt, url))
    }
}

/// The host alone: what an app writes into its URL may be meant for the user only.
pub(crate) fn host_of(url: Option<&str>) -> Option<String> {
    Url::parse(url?).ok()?.host_str().map(str::to_owned)
}

fn checked_options(options: LinkOptions) -> Result<LinkOptions, Error> {
    let state = options.state.filter(|state| !state.is_empty());
    if state.as_ref().is_some_and(|state| state.chars().count() > MAX_STATE) {
        return Err(Error::invalid("state", format!("is longer than {MAX_STATE} characters")));
    }
    let user_verify_url = options.user_verify_url.filter(|url| !url.is_empty());
    if let Some(url) = &user_verify_url {
        check_verify_url(url)?;
    }
    Ok(LinkOptions { state, user_verify_url, ..options })
}

/// Where a user may be sent for verification. The URL is kept as text and used as it is: a spelling that browsers
/// read differently from us must not get in (S06).
fn check_verify_url(text: &str) -> Result<(), Error> {
    let wrong = |message: &str| Err(Error::invalid("user_verify_url", message));
    if text.chars().count() > MAX_VERIFY_URL {
        return wrong("is longer than 2048 characters");
    }
    let Ok(url) = Url::parse(text) else { return wrong("is not an absolute URL") };
    let normal = url.as_str();
    if normal != text && normal.strip_suffix('/') != Some(text) {
        return wrong(
            "must be written in its normal form: lower-case host, no backslashes, dots or spaces to be resolved",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not hold a user name or password");
    }
    if url.fragment().is_some() {
        return wrong("must not have a fragment");
    }
    if url.query_pairs().any(|(name, _)| name == "auth_request_id" || name == "state") {
        return wrong("must not hold the parameters auth_request_id and state: they are added");
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return wrong("must name a host"),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => wrong("must be https (plain http only for localhost)"),
        _ => wrong("must be an https URL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_url_plain_is_accepted() {
        for url in [
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/verify?tenant=a&x=%20",
            "http://localhost:3000/verify",
            "http://127.0.0.1:8080/v",
            "http://[::1]:8080/v",
            "https://app.example.com:8443/a/b",
        ] {
            assert_eq!(check_verify_url(url), Ok(()), "{url}");
        }
    }

    /// S06: every way to write a scheme, a separator and an authority that some browser reads differently from us.
    #[test]
    fn verify_url_mutations_are_all_refused() {
        let schemes = ["https", "HTTPS", "hTTps", "http", "javascript", "data", "file", "ws", ""];
        let separators = [":", ":/", ":///", ":\\\\", ":/\\", "://", ":\t//", "//"];
        let authorities = [
            "app.example.com@evil.example",
            "app.example.com:x@evil.example",
            "app.example.com\\@evil.example",
            "app.example.com%2eevil.example",
            "app.example.com%00.evil.example",
            "EVIL.example",
            "evil.example/..//app.example.com",
            "evil.example\\app.example.com",
            "evil\u{3002}example",
        ];
        let mut refused = 0;
        for scheme in schemes {
            for separator in separators {
                for authority in authorities {
                    let url = format!("{scheme}{separator}{authority}");
                    assert!(check_verify_url(&url).is_err(), "{url:?} was accepted");
                    refused += 1;
                }
            }
        }
        assert!(refused >= 200, "{refused}");
    }

    /// S06: nothing that is read in two ways, and nowhere without TLS.
    #[test]
    fn verify_url_tricky_is_refused() {
        for url in [
            "//evil.example",
            "/verify",
            "verify",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://app.example.com/",
            "http://app.example.com/",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "https:\\\\evil.example",
            "https:/\\evil.example",
            "https:///evil.example",
            "https:evil.example",
            "https://app.example.com\\@evil.example/",
            "https://app.example.com@evil.example/",
            "https://user:pw@app.example.com/",
            "https://app.example.com/#fragment",
            "https://app.example.com/a/../b",
            "https://app.example.com/%2e%2e/b",
            "https://app.example.com/a\nb",
            "https://app.example.com/a\tb",
            " https://app.example.com/",
            "https://APP.example.com/",
            "HTTPS://app.example.com/",
            "https://app.example.com:443/",
            "https://app.example.com/?state=x",
            "https://app.example.com/?auth_request_id=x",
            "https://app.example.com/?%73tate=x",
            "https://",
            "https://exa mple.com/",
            "https://2130706433/",
            "http://0x7f.1/",
        ] {
            assert!(check_verify_url(url).is_err(), "{url}");
        }
        assert!(check_verify_url(&format!("https://app.example.com/{}", "a".repeat(2048))).is_err());
    }
}
