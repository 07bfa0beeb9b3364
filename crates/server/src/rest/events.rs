//! Events as the history endpoints show them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use valetkey_domain::Event;

use super::common::page_body;

/// One entry of a history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    /// `ev_…`
    id: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// What happened.
    #[schema(example = "account.activated")]
    kind: &'static str,
    /// Who did it: `client:…`, `token:…`, `end_user` or `system`.
    actor: String,
    /// The cause, as a code from the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The account it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    /// The connection it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    /// Evidence and detail; never a secret.
    #[schema(value_type = Object)]
    data: Value,
}

page_body! {
    /// One page of a history, newest first.
    EventPage of EventBody
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEvents {
    /// Rows of a page: 1 to 100. Default: 20.
    pub(crate) page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    pub(crate) page_token: Option<String>,
}

impl From<Event> for EventBody {
    fn from(Event { id, at, event }: Event) -> Self {
        Self {
            id: id.into(),
            at,
            kind: event.kind.as_str(),
            actor: event.actor,
            code: event.code.map(|code| code.as_str()),
            account_id: event.account.map(Into::into),
            connection_id: event.connection.map(Into::into),
            data: event.data,
        }
    }
}
