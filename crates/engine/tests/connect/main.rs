//! The engine with storage, vault and a provider on loopback: connections, accounts, links, the authorization flow,
//! API clients.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod accounts;
mod api_clients;
mod callback_errors;
mod connections;
mod flow;
mod forms;
mod history;
mod identity;
mod named;
mod operators;
mod places;
mod preflight;
mod properties;
mod remedies;
mod scopes;
mod sealed_calls;
mod security;
mod siblings;
mod verification;

use std::collections::BTreeMap;

use valetkey_domain::{ErrorCode, Event};
use valetkey_engine::{CallbackOutcome, DonePage, FailurePage};

/// The page of a success.
fn done(outcome: CallbackOutcome) -> DonePage {
    match outcome {
        CallbackOutcome::Connected(page) => *page,
        other => panic!("expected a connected account, got {other:?}"),
    }
}

/// The page of a failure.
fn failed(outcome: CallbackOutcome) -> FailurePage {
    match outcome {
        CallbackOutcome::Failed(page) => *page,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// The names of events.
fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.event.kind.as_str()).collect()
}

/// The last event with this code.
fn event_with(events: &[Event], code: ErrorCode) -> &Event {
    let found = events.iter().rev().find(|event| event.event.code == Some(code));
    found.unwrap_or_else(|| panic!("no event with {} among {:?}", code.as_str(), kinds(events)))
}

/// Parameters of a callback.
fn params(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
