//! Scopes: what an account was asked for, has, lacks, needs and uses.

use std::collections::BTreeSet;

use valetkey_domain::{
    Account, AccountStatus, Caller, Connection, Error, PageRequest, Permission, Time,
    page::{Cursor, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE},
    store::{AccountFilter, ToolUse},
};
use valetkey_upstream::{
    connector::{Connector, OAuthProfile},
    oauth::requested_scopes,
};

use crate::{AccountRef, AccountView, Engine};

/// How far back the use of tools is looked at unless told otherwise, in days.
const USE_DAYS: i64 = 90;
/// How many accounts one page of gaps looks at, at most: it may hold fewer rows than asked for, and still lead on.
const LOOKED_AT: usize = 2000;

/// The scopes of an account, from every side.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountScopes {
    /// The account.
    pub account: AccountView,
    /// What its connection asks for now.
    pub asked: Vec<String>,
    /// What the provider granted. Empty where the provider does not tell.
    pub granted: Vec<String>,
    /// What is asked for and was not granted.
    pub missing: Vec<String>,
    /// What was granted and the connection does not ask for (any more).
    pub not_asked: Vec<String>,
    /// The tools of its connector that need a scope, by name.
    pub tools: Vec<ToolScopes>,
    /// The granted scopes that the tools used since [`AccountScopes::since`] need.
    pub used: Vec<String>,
    /// The granted scopes that no tool used since then needs. What proxied calls need nobody knows.
    pub unused: Vec<String>,
    /// From when on the use of tools was looked at.
    pub since: Time,
}

/// What one tool needs, and whether the account has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolScopes {
    /// The tool.
    pub tool: String,
    /// Every group must be met by at least one of its scopes.
    pub needs: Vec<Vec<String>>,
    /// Of each group that is not met, the narrowest scope.
    pub missing: Vec<String>,
    /// How it was used, if it was.
    pub used: Option<ToolUse>,
}

/// An account that lacks scopes which its connection asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeGap {
    /// The account.
    pub account: AccountView,
    /// What is asked for and was not granted.
    pub missing: Vec<String>,
    /// The tools that cannot be used with the account for want of a scope, by name.
    pub tools: Vec<String>,
}

/// One page of accounts that lack scopes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeGaps {
    /// The rows, newest account first.
    pub items: Vec<ScopeGap>,
    /// The cursor of the next page, if there may be more.
    pub next: Option<String>,
    /// How many accounts the connection has, those without a gap included.
    pub accounts: u64,
}

/// A scope without the prefix that providers add or leave out, in lower case.
fn bare(profile: &OAuthProfile, scope: &str) -> String {
    let prefixes = profile.scopes.prefixes.iter();
    let longest = prefixes.filter(|p| scope.starts_with(p.as_str())).map(String::len).max();
    scope[longest.unwrap_or(0)..].to_ascii_lowercase()
}

/// Whether `scopes` hold `scope` in whatever spelling.
pub(crate) fn holds(profile: &OAuthProfile, scopes: &[String], scope: &str) -> bool {
    let in_no_set = |scope: &str| {
        let sets = profile.scopes.sets.iter();
        let rest = sets.filter_map(|set| scope.strip_prefix(set.name.as_str())?.strip_prefix(':')).next();
        bare(profile, rest.unwrap_or(scope))
    };
    let wanted = in_no_set(scope);
    scopes.iter().any(|held| in_no_set(held) == wanted)
}

/// Requested scopes that were not granted. Those that the connector always adds for its own sake are no loss to a user:
/// providers often leave them out of their reply.
pub(crate) fn missing(profile: &OAuthProfile, requested: &[String], granted: &[String]) -> Vec<String> {
    let granted: Vec<_> = granted.iter().map(|scope| bare(profile, scope)).collect();
    requested
        .iter()
        .filter(|scope| !profile.scopes.always.contains(scope) && !granted.contains(&bare(profile, scope)))
        // A permission to stay connected shows in a refresh token, not in the list.
        .filter(|scope| *scope != "offline_access")
        .cloned()
        .collect()
}

/// Whether the connector's file speaks of a scope: as a default, in words for people, or as what a tool needs.
pub(crate) fn is_known(connector: &Connector, scope: &str) -> bool {
    let Some(profile) = connector.auth.oauth() else { return false };
    let scopes = &profile.scopes;
    let named = |known: &String| known == scope;
    scopes.default.iter().chain(&scopes.always).any(named)
        || scopes.describe.keys().any(named)
        || scopes.sets.iter().any(|set| {
            let in_set = scope.strip_prefix(set.name.as_str()).and_then(|rest| rest.strip_prefix(':'));
            in_set.is_some_and(|scope| set.default.iter().any(|known| known == scope))
        })
        || connector.tools.iter().any(|tool| tool.scopes.iter().flatten().any(named))
}

/// The granted scopes that meet a group of any of `needs`.
fn meeting(profile: &OAuthProfile, granted: &[String], needs: &BTreeSet<&str>) -> Vec<String> {
    let needs: BTreeSet<String> = needs.iter().map(|scope| bare(profile, scope)).collect();
    granted.iter().filter(|scope| needs.contains(&bare(profile, scope))).cloned().collect()
}

/// Whether an account's scopes say anything: nothing was granted to the others, or it was taken back.
fn has_grant(account: &Account) -> bool {
    let standing = !matches!(account.status(), AccountStatus::Pending | AccountStatus::Disconnected);
    standing && account.generation > 0
}

impl Engine {
    /// The scopes of an account: asked for, granted, needed by the tools of its connector, really used. Needs
    /// `connected_accounts:read`.
    ///
    /// # Errors
    /// As [`Engine::find_account`].
    pub async fn account_scopes(
        &self,
        caller: &Caller,
        account: &AccountRef,
        since: Option<Time>,
    ) -> Result<AccountScopes, Error> {
        caller.require(Permission::AccountsRead)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        let since = since.unwrap_or_else(|| self.now() - time::Duration::days(USE_DAYS));
        let uses = self.0.store.tools_used(&account.id, since).await?;
        let connector = self.connector_of(&connection)?;
        let mut tools: Vec<_> = connector
            .tools
            .iter()
            .map(|tool| ToolScopes {
                tool: tool.name.clone(),
                needs: tool.scopes.clone(),
                missing: if has_grant(&account) { tool.missing_scopes(&account.scopes) } else { Vec::new() },
                used: uses.iter().find(|used| used.tool == tool.name).cloned(),
            })
            .filter(|tool| !tool.needs.is_empty() || tool.used.is_some())
            .collect();
        tools.sort_by(|a, b| a.tool.cmp(&b.tool));
        let granted = account.scopes.clone();
        let (mut asked, mut lacking, mut not_asked) = (Vec::new(), Vec::new(), Vec::new());
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        if let Some(profile) = connector.auth.oauth() {
            asked = requested_scopes(profile, &connection.scopes);
            if has_grant(&account) && !granted.is_empty() {
                lacking = missing(profile, &asked, &granted);
            }
            not_asked = granted.iter().filter(|scope| !holds(profile, &asked, scope)).cloned().collect();
            let needs = tools.iter().filter(|tool| tool.used.is_some()).flat_map(|tool| &tool.needs);
            let needs = needs.flatten().map(String::as_str).collect();
            used = meeting(profile, &granted, &needs);
            unused = granted
                .iter()
                .filter(|scope| !used.contains(scope) && !profile.scopes.always.contains(scope))
                .cloned()
                .collect();
        }
        let account = self.account_view(account, &connection);
        Ok(AccountScopes { account, asked, granted, missing: lacking, not_asked, tools, used, unused, since })
    }

    /// Which accounts of a connection lack what it asks for, newest first: what to look at after its scopes were
    /// changed. Needs `connections:read` and `connected_accounts:read`. A page may hold fewer rows than asked for,
    /// even none, and still lead on: accounts without a gap are passed over.
    ///
    /// # Errors
    /// `connection_not_found`.
    pub async fn scope_gaps(
        &self,
        caller: &Caller,
        id_or_name: &str,
        page: &PageRequest,
    ) -> Result<ScopeGaps, Error> {
        caller.require(Permission::ConnectionsRead)?;
        caller.require(Permission::AccountsRead)?;
        let connection = self.resolve_connection(&caller.environment, id_or_name).await?;
        let wanted = match page.size {
            0 => DEFAULT_PAGE_SIZE,
            size => size.min(MAX_PAGE_SIZE),
        } as usize;
        let filter = AccountFilter { connections: vec![connection.id.clone()], ..AccountFilter::default() };
        let mut request = PageRequest { size: MAX_PAGE_SIZE, cursor: page.cursor.clone() };
        let (mut items, mut looked_at) = (Vec::new(), 0);
        loop {
            let found = self.0.store.accounts(&caller.environment, &filter, &request).await?;
            let last_of_page = found.items.len();
            for (index, account) in found.items.into_iter().enumerate() {
                let id = account.id.clone();
                items.extend(self.gap(account, &connection)?);
                let more = index + 1 < last_of_page || found.next.is_some();
                if items.len() == wanted && more {
                    return Ok(ScopeGaps { items, next: Some(id.into()), accounts: found.total });
                }
            }
            looked_at += last_of_page;
            match found.next {
                Some(next) if looked_at < LOOKED_AT => request.cursor = Some(Cursor::After(next)),
                next => return Ok(ScopeGaps { items, next, accounts: found.total }),
            }
        }
    }

    /// What an account lacks, if it lacks anything.
    fn gap(&self, account: Account, connection: &Connection) -> Result<Option<ScopeGap>, Error> {
        let connector = self.connector_of(connection)?;
        let Some(profile) = connector.auth.oauth() else { return Ok(None) };
        // A provider that does not tell which scopes it granted leaves nothing to compare.
        if !has_grant(&account) || account.scopes.is_empty() {
            return Ok(None);
        }
        let asked = requested_scopes(profile, &connection.scopes);
        let missing = missing(profile, &asked, &account.scopes);
        if missing.is_empty() {
            return Ok(None);
        }
        let lacking = connector.tools.iter().filter(|tool| !tool.missing_scopes(&account.scopes).is_empty());
        let mut tools: Vec<_> = lacking.map(|tool| tool.name.clone()).collect();
        tools.sort();
        Ok(Some(ScopeGap { account: self.account_view(account, connection), missing, tools }))
    }
}
