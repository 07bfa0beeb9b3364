//! How far a revocation reaches, and which other accounts it would end.

use valetkey_domain::{
    Account, AccountStatus, Caller, Connection, Error, ErrorCode, PageRequest, Permission,
    page::{Cursor, MAX_PAGE_SIZE},
    revocation::RevocationOutcome,
    store::AccountFilter,
};
use valetkey_upstream::connector::{Revoke, RevokeReach};

use super::Receipt;
use crate::{AccountRef, AccountView, Engine, context::target, execute::resolve::described};

/// How many siblings an error names.
const NAMED: usize = 10;
/// How many accounts of one identity at a provider are looked at.
const LOOKED_AT: usize = 1000;

/// What ending an account would do.
#[derive(Debug, Clone, PartialEq)]
pub struct EndPreview {
    /// The account.
    pub account: AccountView,
    /// Whether there is a grant, and the provider has a way to revoke it.
    pub offered: bool,
    /// How far that reaches; `None` if nobody has found out yet.
    pub reach: Option<RevokeReach>,
    /// The accounts that a revocation would end too: the request must say what shall become of them.
    pub siblings: Vec<AccountView>,
    /// What to know before, in sentences.
    pub warnings: Vec<String>,
}

/// Whether a revocation of somebody else's grant would end this account.
fn lives(account: &Account) -> bool {
    use AccountStatus as S;
    matches!(account.status(), S::Active | S::PendingVerification | S::Expired) && account.generation > 0
}

fn named(accounts: &[Account]) -> String {
    let names: Vec<_> = accounts.iter().take(NAMED).map(|a| format!("{} ({})", described(a), a.id)).collect();
    let more = accounts.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// The receipt of a grant that was left alive.
pub(super) fn kept(account: &Account, siblings: &[Account]) -> Receipt {
    let receipt = Receipt::new(RevocationOutcome::KeptForSiblings).label(account).detail(format!(
        "The grant lives on at the provider, since revoking it would have ended other accounts: {}.",
        named(siblings)
    ));
    Receipt { siblings: siblings.iter().map(|sibling| sibling.id.to_string()).collect(), ..receipt }
}

impl Engine {
    /// What ending an account would do at the provider. Changes nothing. Needs `connected_accounts:read`.
    ///
    /// # Errors
    /// As [`Engine::find_account`].
    pub async fn preview_end(&self, caller: &Caller, account: &AccountRef) -> Result<EndPreview, Error> {
        caller.require(Permission::AccountsRead)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        let connector = self.connector_of(&connection)?;
        let shape = connector.auth.oauth().and_then(|profile| profile.revoke.as_ref());
        let has_grant = self.0.store.credential(&account.id).await?.is_some();
        let url = target(connector, &connection, &account.metadata).revoke_url(|_| Some("-".into()));
        let offered = has_grant && connector.auth.oauth().is_some() && url.is_ok_and(|url| url.is_some());
        let reach = self.reach(&connection)?;
        let siblings = self.siblings(&account, &connection).await?;
        let mut warnings = Vec::new();
        if has_grant && !offered {
            warnings.push(
                "The provider has no way to revoke: the grant stays alive there until its owner takes it back."
                    .to_owned(),
            );
        }
        if offered && reach.is_none() {
            warnings.push(
                "It is not known how far a revocation reaches at this provider: it may end other grants that the \
                 same user gave the same OAuth client."
                    .to_owned(),
            );
        }
        if offered && reach == Some(RevokeReach::UserAndClient) && account.provider_subject.is_none() {
            warnings.push(
                "A revocation ends every grant that this user gave the OAuth client, and it is not known who the \
                 user is at the provider: other accounts may end too."
                    .to_owned(),
            );
        }
        if !siblings.is_empty() {
            warnings.push(format!("A revocation ends other accounts too: {}.", named(&siblings)));
        }
        warnings.extend(shape.and_then(|shape: &Revoke| shape.note.clone()).filter(|_| offered));
        let mut views = Vec::with_capacity(siblings.len());
        for sibling in siblings {
            let connection = self.connection_of(&sibling).await?;
            views.push(self.account_view(sibling, &connection));
        }
        let account = self.account_view(account, &connection);
        Ok(EndPreview { account, offered, reach, siblings: views, warnings })
    }

    /// How far a revocation of the connection's grants reaches, where the connector knows.
    pub(super) fn reach(&self, connection: &Connection) -> Result<Option<RevokeReach>, Error> {
        let profile = self.connector_of(connection)?.auth.oauth();
        Ok(profile.and_then(|profile| profile.revoke.as_ref()).and_then(|shape| shape.reach))
    }

    /// The living accounts of the environment that a revocation of this one's grant would end too.
    pub(super) async fn siblings(
        &self,
        account: &Account,
        connection: &Connection,
    ) -> Result<Vec<Account>, Error> {
        // A connector that is not installed any more says nothing; the revocation will fail for want of it.
        if self.connector_of(connection).is_err()
            || self.reach(connection)? != Some(RevokeReach::UserAndClient)
        {
            return Ok(Vec::new());
        }
        match &account.provider_subject {
            Some(subject) => self.accounts_behind(connection, subject, account).await,
            None => Ok(Vec::new()),
        }
    }

    /// The living accounts, other than `but`, behind which the provider named `subject` to the same OAuth client. A
    /// provider may have several connectors: Google's are told by their issuer.
    pub(crate) async fn accounts_behind(
        &self,
        connection: &Connection,
        subject: &str,
        but: &Account,
    ) -> Result<Vec<Account>, Error> {
        let client = self.oauth_client_id(connection);
        let filter = AccountFilter { provider_subject: Some(subject.to_owned()), ..AccountFilter::default() };
        let mut page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        let (mut behind, mut looked_at) = (Vec::new(), 0);
        loop {
            let found = self.0.store.accounts(&connection.environment, &filter, &page).await?;
            looked_at += found.items.len();
            for account in found.items.into_iter().filter(|found| found.id != but.id && lives(found)) {
                let other = self.connection_of(&account).await?;
                let same_client = self.oauth_client_id(&other) == client;
                if other.id == connection.id || (same_client && self.same_provider(connection, &other)) {
                    behind.push(account);
                }
            }
            match found.next {
                Some(next) if looked_at < LOOKED_AT => page.cursor = Some(Cursor::After(next)),
                _ => return Ok(behind),
            }
        }
    }

    /// Whether the grants of both connections are one provider's.
    fn same_provider(&self, one: &Connection, other: &Connection) -> bool {
        let issuer = |connection: &Connection| {
            let profile = self.connector_of(connection).ok()?.auth.oauth()?;
            profile.issuer.clone()
        };
        one.connector == other.connector || issuer(one).is_some_and(|one| issuer(other) == Some(one))
    }

    /// The id of the OAuth client that a connection works with.
    fn oauth_client_id(&self, connection: &Connection) -> Option<String> {
        if connection.use_shared_credentials {
            let shared = self.0.settings.shared_credentials.get(&connection.connector);
            return shared.map(|(id, _)| id.clone());
        }
        connection.client_id.clone()
    }

    /// The refusal that names the siblings.
    pub(super) async fn reaches(
        &self,
        account: &Account,
        connection: &Connection,
        siblings: &[Account],
    ) -> Result<Error, Error> {
        Ok(Error::new(ErrorCode::RevocationReachesSiblings)
            .message(format!(
                "Revoking the grant of {} on the connection \"{}\" would end other accounts too: {}.",
                described(account),
                connection.name,
                named(siblings)
            ))
            .account(&account.id)
            .connection(&connection.id))
    }
}
