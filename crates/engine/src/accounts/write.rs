//! Creating and changing accounts.

use serde_json::json;
use valetkey_domain::{
    Account, AccountId, Caller, Change, Changes, Connection, Error, ErrorCode, Permission,
    event::{EventKind, NewEvent},
};

use super::{AccountRef, AccountUpdate, AccountView, NewAccount, check, given};
use crate::Engine;

/// A change that meets another one is repeated on the newer state this often.
const ATTEMPTS: usize = 5;

impl Engine {
    /// Creates an account. Needs `connected_accounts:write`. With a credential (or a connector that needs no user) it
    /// is `ACTIVE` at once, else `PENDING`. If the credential is refused nothing is created.
    ///
    /// # Errors
    /// `invalid_argument` naming the field, `connection_not_found`, `connection_disabled`, `account_already_exists`,
    /// `credential_rejected`, and what a provider's token endpoint may answer.
    pub async fn create_account(&self, caller: &Caller, new: NewAccount) -> Result<AccountView, Error> {
        caller.require(Permission::AccountsWrite)?;
        let connection = self.resolve_connection(&caller.environment, &new.connection_name).await?;
        self.require_enabled(&connection)?;
        let mut account = self.blank_account(&connection, &new.identifier, given(&new.name))?;
        check::optional_id("organization_id", new.organization_id.as_deref())?;
        check::optional_id("user_id", new.user_id.as_deref())?;
        account.organization_id = new.organization_id;
        account.user_id = new.user_id;
        if let Some(config) = new.api_config {
            check::api_config(&config)?;
            account.api_config = config;
        }
        // Before the provider is asked anything.
        let others = self.0.store.accounts_of_identifier(&connection.id, &account.identifier).await?;
        if let Some(there) = others.iter().find(|other| other.name == account.name) {
            return Err(Error::new(ErrorCode::AccountAlreadyExists).account(&there.id));
        }
        let obtained = match new.credential {
            Some(credential) => Some(self.imported(&connection, &account, credential, new.probe).await?),
            None => self.userless(&connection).await?,
        };
        let created = self.event(created_event(&account).by(caller.actor()));
        let entry = self.audit_person(caller, "account.created", account.id.as_str());
        let account = match obtained {
            None => {
                let insert = Change::InsertAccount(account.clone());
                self.commit(Changes::new().and(insert).and(created).and_maybe(entry)).await?;
                account
            }
            Some(obtained) => {
                let stored = self.store_grant(account, &connection, obtained, false, &caller.actor()).await?;
                let insert = Change::InsertAccount(stored.account.clone());
                let changes = Changes::new().and(insert).and(created).and_maybe(entry);
                self.commit(stored.changes.into_iter().fold(changes, Changes::and)).await?;
                stored.account
            }
        };
        Ok(self.account_view(account, &connection))
    }

    /// Changes an account. Needs `connected_accounts:write`.
    ///
    /// # Errors
    /// `account_not_found`, `invalid_argument`, `credential_rejected`.
    pub async fn update_account(
        &self,
        caller: &Caller,
        account: &AccountRef,
        update: AccountUpdate,
    ) -> Result<AccountView, Error> {
        caller.require(Permission::AccountsWrite)?;
        check::optional_id("organization_id", update.organization_id.as_ref().and_then(|o| o.as_deref()))?;
        check::optional_id("user_id", update.user_id.as_ref().and_then(|u| u.as_deref()))?;
        if let Some(config) = &update.api_config {
            check::api_config(config)?;
        }
        let (mut before, connection) = self.resolve_account(&caller.environment, account, None).await?;
        let mut obtained = None;
        if let Some(credential) = update.credential.clone() {
            self.require_enabled(&connection)?;
            obtained = Some(self.imported(&connection, &before, credential, !update.skip_probe).await?);
        }
        for _ in 0..ATTEMPTS {
            let mut after = before.clone();
            let fields = set_fields(&mut after, &update);
            if fields.is_empty() && obtained.is_none() {
                return Ok(self.account_view(before, &connection));
            }
            after.version += 1;
            after.updated_at = self.now();
            let entry = self.audit_person(caller, "account.updated", after.id.as_str());
            let mut changes = Changes::new().and_maybe(entry);
            if !fields.is_empty() {
                let event = NewEvent::of_account(&after, EventKind::AccountUpdated);
                let event = event.by(caller.actor()).data(json!({ "changed": fields }));
                changes = changes.and(self.event(event));
            }
            if let Some(obtained) = &obtained {
                let stored =
                    self.store_grant(after, &connection, obtained.clone(), false, &caller.actor()).await?;
                after = stored.account;
                changes = stored.changes.into_iter().fold(changes, Changes::and);
            }
            match self.commit(Changes::from(Change::UpdateAccount(after.clone())).with(changes)).await {
                Ok(()) => return Ok(self.account_view(after, &connection)),
                // A refresh, say, was first: repeat on its outcome.
                Err(error) if error.code() == ErrorCode::Conflict => {
                    before = self.account_again(&before.id).await?;
                }
                Err(error) => return Err(error.account(&before.id)),
            }
        }
        Err(Error::new(ErrorCode::Conflict).account(&before.id))
    }

    /// An account for `identifier` that is not stored yet; without a name it is the unnamed one.
    ///
    /// # Errors
    /// `invalid_argument` for the identifier or the name.
    pub(crate) fn blank_account(
        &self,
        connection: &Connection,
        identifier: &str,
        name: Option<&str>,
    ) -> Result<Account, Error> {
        check::identifier(identifier)?;
        name.map_or(Ok(()), check::account_name)?;
        let connector = self.connector_of(connection)?;
        let mut account = Account::pending(
            AccountId::new(&*self.0.clock, &*self.0.entropy),
            connection.environment.clone(),
            connection.id.clone(),
            identifier.to_owned(),
            connector.auth.auth_type(),
            self.now(),
        );
        account.name = name.unwrap_or_default().to_owned();
        Ok(account)
    }

    /// The account as it stands now.
    ///
    /// # Errors
    /// `account_not_found` if it was deleted meanwhile.
    pub(crate) async fn account_again(&self, id: &AccountId) -> Result<Account, Error> {
        self.0.store.account(id).await?.ok_or_else(|| Error::new(ErrorCode::AccountNotFound))
    }
}

/// The event of a new account.
pub(crate) fn created_event(account: &Account) -> NewEvent {
    NewEvent::of_account(account, EventKind::AccountCreated).data(json!({
        "identifier": account.identifier,
        "account_name": account.name,
        "auth_type": account.auth_type.as_str(),
    }))
}

/// Applies the plain fields of `update`; gives the names of those that are different now.
fn set_fields(account: &mut Account, update: &AccountUpdate) -> Vec<&'static str> {
    let mut changed = Vec::new();
    if let Some(id) = &update.organization_id
        && *id != account.organization_id
    {
        account.organization_id.clone_from(id);
        changed.push("organization_id");
    }
    if let Some(id) = &update.user_id
        && *id != account.user_id
    {
        account.user_id.clone_from(id);
        changed.push("user_id");
    }
    if let Some(config) = &update.api_config
        && *config != account.api_config
    {
        account.api_config.clone_from(config);
        changed.push("api_config");
    }
    changed
}
