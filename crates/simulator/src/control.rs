//! The verbs by which tests and people make the provider misbehave. The HTTP control API is a thin shell over these.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ClientSetup, ClientView, Counters, Entry, Fault, Settings, Simulator, state::State};

/// The most clients that can be registered.
const MAX_CLIENTS: usize = 1_000;

/// A control request that makes no sense; the text names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ControlError(pub String);

/// Which grants: those that fit every given field; with none given, all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Of this user.
    pub user: Option<String>,
    /// Given to this client.
    pub client_id: Option<String>,
}

impl Selection {
    /// Every grant of a user.
    #[must_use]
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), client_id: None }
    }
}

/// A grant, as the control API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// Its number.
    pub id: u64,
    /// The client it was given to.
    pub client_id: String,
    /// The user who gave it.
    pub user: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Whether it was taken away.
    pub revoked: bool,
    /// Access tokens that work.
    pub live_access_tokens: usize,
    /// Refresh tokens that work.
    pub live_refresh_tokens: usize,
}

impl Simulator {
    /// Registers a client, or replaces it; its grants stay.
    ///
    /// # Errors
    /// When a field is not acceptable.
    pub fn register_client(&self, setup: ClientSetup) -> Result<ClientView, ControlError> {
        let client_id = setup.client_id.clone();
        let client = setup.into_client().map_err(ControlError)?;
        let view = client.view(&client_id);
        let mut state = self.state();
        if state.clients.len() >= MAX_CLIENTS && !state.clients.contains_key(&client_id) {
            return Err(ControlError(format!("at most {MAX_CLIENTS} clients")));
        }
        state.clients.insert(client_id, client);
        drop(state);
        self.touch();
        Ok(view)
    }

    /// The registered clients, without secrets.
    #[must_use]
    pub fn clients(&self) -> Vec<ClientView> {
        self.state().clients.iter().map(|(id, client)| client.view(id)).collect()
    }

    /// The provider's lasting traits.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Changes some of the lasting traits.
    ///
    /// # Errors
    /// When a field is unknown, of the wrong type or out of range; then nothing changes.
    pub fn configure(&self, patch: &Value) -> Result<Settings, ControlError> {
        let mut state = self.state();
        state.settings = state.settings.patched(patch).map_err(ControlError)?;
        let settings = state.settings.clone();
        drop(state);
        self.touch();
        Ok(settings)
    }

    /// What arrived after the entry `seq` (0: all that is kept), and the number of the newest entry.
    #[must_use]
    pub fn journal(&self, after: u64) -> (Vec<Entry>, u64) {
        let state = self.state();
        (state.journal.after(after), state.journal.last_seq())
    }

    /// Empties the journal.
    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// How often what happened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state().counters.clone()
    }

    /// Every grant, oldest first.
    #[must_use]
    pub fn grants(&self) -> Vec<GrantView> {
        let (state, now) = (self.state(), self.now());
        let view = |(id, grant): (u64, &crate::grants::Grant)| {
            let (live_access_tokens, live_refresh_tokens) = state.grants.live_tokens(id, now);
            GrantView {
                id,
                client_id: grant.client_id.clone(),
                user: grant.user.clone(),
                scopes: grant.scopes.clone(),
                revoked: grant.revoked,
                live_access_tokens,
                live_refresh_tokens,
            }
        };
        state.grants.iter().map(view).collect()
    }

    /// Makes the access tokens of the selected grants expire now; gives how many worked until then.
    pub fn expire_access_tokens(&self, selection: &Selection) -> usize {
        let now = self.now();
        self.each(selection, |state, id| state.grants.expire_access_tokens(id, now))
    }

    /// Takes the selected grants away, as a user does in their account settings; gives how many.
    pub fn revoke_grants(&self, selection: &Selection) -> usize {
        self.each(selection, |state, id| {
            let was_live = state.grants.get(id).is_some_and(|grant| !grant.revoked);
            state.grants.revoke_grant(id);
            usize::from(was_live)
        })
    }

    /// Takes scopes away from the selected grants; gives how many had one of them.
    pub fn drop_scopes(&self, selection: &Selection, scopes: &[String]) -> usize {
        self.each(selection, |state, id| usize::from(state.grants.drop_scopes(id, scopes)))
    }

    fn each(&self, selection: &Selection, mut act: impl FnMut(&mut State, u64) -> usize) -> usize {
        let mut state = self.state();
        let fits = |grant: &crate::grants::Grant| {
            selection.user.as_ref().is_none_or(|user| grant.user == *user)
                && selection.client_id.as_ref().is_none_or(|client| grant.client_id == *client)
        };
        let ids: Vec<u64> = state.grants.iter().filter(|(_, grant)| fits(grant)).map(|(id, _)| id).collect();
        let affected = ids.into_iter().map(|id| act(&mut state, id)).sum();
        drop(state);
        self.touch();
        affected
    }

    /// Lets something go wrong soon.
    ///
    /// # Errors
    /// When too many faults wait already.
    pub fn add_fault(&self, fault: Fault) -> Result<(), ControlError> {
        self.state().faults.add(fault).map_err(ControlError)
    }

    /// The faults that wait.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.state().faults.list().to_vec()
    }

    /// Calls all faults off.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// As at the start, but for the registered clients: they stand for the developer's console, which a reset of
    /// users' data does not touch.
    pub fn reset(&self) {
        let mut state = self.state();
        let clients = std::mem::take(&mut state.clients);
        let mut journal = std::mem::take(&mut state.journal);
        journal.clear();
        *state = State::seeded(self.now());
        state.clients = clients;
        // Emptied, but its numbers go on: a reader that remembers a number must not miss what comes next.
        state.journal = journal;
        drop(state);
        self.touch();
    }
}
