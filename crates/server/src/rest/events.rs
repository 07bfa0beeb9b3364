//! Events as the history endpoints show them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use valetkey_domain::{Error, ErrorCode, Event, event::EventKind, store::EventFilter};

use super::common::{COUNTED, filled, instant, page_body};

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
    /// Of this kind, such as `account.expired`; several with commas between.
    kind: Option<String>,
    /// With this cause, a code from the catalogue.
    code: Option<String>,
    /// At or after this instant.
    #[param(format = DateTime, example = "2026-01-01T00:00:00Z")]
    since: Option<String>,
    /// Before this instant.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Rows of a page: 1 to 100. Default: 20.
    pub(crate) page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    pub(crate) page_token: Option<String>,
}

impl ListEvents {
    /// The filter, for an account or connection to be added.
    ///
    /// # Errors
    /// `invalid_argument` naming the parameter.
    pub(crate) fn filter(&self) -> Result<EventFilter, Error> {
        let given = |text: &Option<String>| filled(text.clone());
        let kind = |name: &str| {
            EventKind::parse(name).ok_or_else(|| {
                let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
                Error::invalid("kind", format!("must be one of {}", known.join(", ")))
            })
        };
        let kinds = given(&self.kind).unwrap_or_default();
        let kinds = kinds.split(',').map(str::trim).filter(|name| !name.is_empty());
        let code = |name: String| {
            ErrorCode::parse(&name).ok_or_else(|| Error::invalid("code", "is not a code of the catalogue"))
        };
        Ok(EventFilter {
            kinds: kinds.map(kind).collect::<Result<_, _>>()?,
            code: given(&self.code).map(code).transpose()?,
            since: instant("since", given(&self.since))?,
            until: instant("until", given(&self.until))?,
            count_at_most: Some(COUNTED + 1),
            ..EventFilter::default()
        })
    }
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
