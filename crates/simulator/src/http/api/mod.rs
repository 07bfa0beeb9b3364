//! A small mail, calendar and files API. Tokens and scopes are enforced on every path.

mod error;
mod events;
mod files;
mod me;
mod messages;
mod page;
mod people;

use axum::{
    Router,
    http::HeaderMap,
    routing::{get, put},
};
use valetkey_domain::Time;

use super::observe::bearer;
use crate::{Simulator, grants::Dead, profile::allows, state::State, world::Person};

pub(super) use error::{ApiError, Why};

pub(super) fn router() -> Router<Simulator> {
    let routes = Router::new()
        .route("/me", get(me::get))
        .route("/messages", get(messages::list).post(messages::send))
        .route("/messages/{id}", get(messages::get))
        .route("/events", get(events::list).post(events::create))
        .route("/files", get(files::list))
        .route("/files/{id}", get(files::get))
        .route("/files/by-name/{name}", put(files::put))
        .route("/people", get(people::list))
        .fallback(|| async { ApiError::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() });
    Router::new().nest("/api/v1", routes)
}

/// The owner of the bearer and the scopes it carries.
pub(super) fn person<'a>(
    state: &'a mut State,
    headers: &HeaderMap,
    now: Time,
) -> Result<(&'a mut Person, Vec<String>), ApiError> {
    let found = match bearer(headers) {
        None => Err(None),
        Some(token) => match state.grants.access(token, now) {
            Ok((token, grant)) => Ok((grant.user.clone(), token.scopes.clone())),
            Err(dead) => Err(Some(dead)),
        },
    };
    let (user, scopes) = found.map_err(ApiError::invalid_token)?;
    let person = state.world.people.get_mut(&user);
    let person = person.ok_or_else(|| ApiError::invalid_token(Some(Dead::Unknown)))?;
    if person.suspended {
        return Err(ApiError::new(Why::Suspended, "the user's account is suspended"));
    }
    Ok((person, scopes))
}

/// The owner of the bearer, if it carries `scope`. Counts what it refuses.
pub(super) fn person_with_scope<'a>(
    state: &'a mut State,
    headers: &HeaderMap,
    scope: &'static str,
    now: Time,
) -> Result<&'a mut Person, ApiError> {
    state.counters.api_calls += 1;
    let scopes = match person(state, headers, now) {
        Ok((_, scopes)) => scopes,
        Err(error) => {
            state.counters.api_unauthorized += 1;
            return Err(error);
        }
    };
    if !allows(&scopes, scope) {
        state.counters.api_insufficient_scope += 1;
        return Err(ApiError::insufficient_scope(scope, scopes));
    }
    person(state, headers, now).map(|(person, _)| person)
}
