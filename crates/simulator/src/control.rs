//! The verbs by which tests and people make the provider misbehave. The HTTP control API is a thin shell over these.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ClientSetup, ClientView, ClockMove, ClockView, Counters, Ending, Entry, Fault, JournalFilter, Settings,
    Simulator, TokenUse, grants::TokenKind, state::State,
};

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
    /// The one of this number.
    pub grant: Option<u64>,
}

impl Selection {
    /// Every grant of a user.
    #[must_use]
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), ..Self::default() }
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
    /// What ended it.
    pub ending: Option<Ending>,
    /// Access tokens that work.
    pub live_access_tokens: usize,
    /// Refresh tokens that work.
    pub live_refresh_tokens: usize,
}

/// A user, as the control API shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonView {
    /// The name to say whom a verb or a fault is about.
    pub username: String,
    /// The full name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The organization.
    pub tenant: String,
    /// Whether an administrator has disabled them.
    pub suspended: bool,
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
        self.journal_of(&JournalFilter::after(after))
    }

    /// What arrived and fits the filter, oldest first, and the number of the newest entry of all.
    #[must_use]
    pub fn journal_of(&self, filter: &JournalFilter) -> (Vec<Entry>, u64) {
        let state = self.state();
        (state.journal.select(filter), state.journal.last_seq())
    }

    /// Which token reached which path, of what fits the filter.
    #[must_use]
    pub fn tokens_of(&self, filter: &JournalFilter) -> Vec<TokenUse> {
        self.state().journal.tokens(filter)
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
                ending: grant.ending,
                live_access_tokens,
                live_refresh_tokens,
            }
        };
        state.grants.iter().map(view).collect()
    }

    /// Makes the access tokens of the selected grants expire now; gives how many worked until then.
    pub fn expire_access_tokens(&self, selection: &Selection) -> usize {
        let now = self.now();
        self.each(selection, |state, id| state.grants.expire_tokens(id, TokenKind::Access, now))
    }

    /// Makes the refresh tokens of the selected grants expire now; gives how many worked until then.
    pub fn expire_refresh_tokens(&self, selection: &Selection) -> usize {
        let now = self.now();
        self.each(selection, |state, id| state.grants.expire_tokens(id, TokenKind::Refresh, now))
    }

    /// Lets the selected grants run out, access and refresh tokens at once; gives how many.
    pub fn expire_grants(&self, selection: &Selection) -> usize {
        let now = self.now();
        self.each(selection, |state, id| {
            let access = state.grants.expire_tokens(id, TokenKind::Access, now);
            let refresh = state.grants.expire_tokens(id, TokenKind::Refresh, now);
            usize::from(access + refresh > 0)
        })
    }

    /// Takes the selected grants away, as a user does in their account settings; gives how many.
    pub fn revoke_grants(&self, selection: &Selection) -> usize {
        self.end_grants(selection, Ending::User)
    }

    /// Ends the selected grants for a reason; gives how many were not over yet.
    pub fn end_grants(&self, selection: &Selection, ending: Ending) -> usize {
        self.each(selection, |state, id| {
            let was_live = state.grants.get(id).is_some_and(|grant| !grant.revoked);
            state.grants.end_grant(id, ending);
            usize::from(was_live)
        })
    }

    /// Changes a user's password, which ends all their grants; gives how many.
    ///
    /// # Errors
    /// When nobody has this name.
    pub fn change_password(&self, user: &str) -> Result<usize, ControlError> {
        self.require_person(user)?;
        Ok(self.end_grants(&Selection::user(user), Ending::PasswordChange))
    }

    /// Disables a user, or enables them again. Their grants stay, and are of no use meanwhile.
    ///
    /// # Errors
    /// When nobody has this name.
    pub fn suspend(&self, user: &str, suspended: bool) -> Result<(), ControlError> {
        self.require_person(user)?;
        if let Some(person) = self.state().world.people.get_mut(user) {
            person.suspended = suspended;
        }
        self.touch();
        Ok(())
    }

    fn require_person(&self, user: &str) -> Result<(), ControlError> {
        let state = self.state();
        if state.world.people.contains_key(user) {
            return Ok(());
        }
        let names: Vec<&str> = state.world.people.keys().map(String::as_str).collect();
        Err(ControlError(format!("user: {user} is none of {}", names.join(", "))))
    }

    /// Everybody who lives here.
    #[must_use]
    pub fn people(&self) -> Vec<PersonView> {
        let state = self.state();
        let view = |person: &crate::world::Person| PersonView {
            username: person.username.clone(),
            name: person.name.clone(),
            email: person.email.clone(),
            tenant: person.tenant.clone(),
            suspended: person.suspended,
        };
        state.world.people.values().map(view).collect()
    }

    /// What time it is here.
    #[must_use]
    pub fn clock(&self) -> ClockView {
        self.shift().view(self.0.clock.now())
    }

    /// Moves the clock.
    ///
    /// # Errors
    /// When it would go too far; then it stays.
    pub fn move_clock(&self, change: &ClockMove) -> Result<ClockView, ControlError> {
        let host = self.0.clock.now();
        let mut shift = self.shift();
        *shift = shift.moved(change, host).map_err(ControlError)?;
        let view = shift.view(host);
        drop(shift);
        self.touch();
        Ok(view)
    }

    /// Removes a client, as its owner does in the developer's console; `false` when there is none of this id.
    pub fn remove_client(&self, client_id: &str) -> bool {
        let removed = self.state().clients.remove(client_id).is_some();
        self.touch();
        removed
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
        let numbered = |id: u64| selection.grant.is_none_or(|wanted| wanted == id);
        let fitting = state.grants.iter().filter(|(id, grant)| numbered(*id) && fits(grant));
        let ids: Vec<u64> = fitting.map(|(id, _)| id).collect();
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

    /// As at the start, clock included, but for the registered clients: they stand for the developer's console, which
    /// a reset of users' data does not touch.
    pub fn reset(&self) {
        let start = self.0.start;
        self.set_shift(start);
        let now = self.now();
        let mut state = self.state();
        let clients = std::mem::take(&mut state.clients);
        let mut journal = std::mem::take(&mut state.journal);
        journal.clear();
        *state = State::seeded(now, state.initial.clone());
        state.clients = clients;
        // Emptied, but its numbers go on: a reader that remembers a number must not miss what comes next.
        state.journal = journal;
        drop(state);
        self.touch();
    }
}
