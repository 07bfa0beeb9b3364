//! Connected accounts.

mod create;
mod credential;
mod delete;
mod disconnect;
mod events;
mod get;
mod list;
mod preview;
mod refresh;
mod refreshes;
mod scopes;
mod update;
mod verify;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::refresh::Degraded;
use valetkey_engine::{AccountPlace, AccountView};

use crate::{
    rest::common::{filled, page_body},
    state::App,
};

pub(crate) use refreshes::RefreshBody;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(verify::verify))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(refresh::refresh))
        .routes(routes!(refreshes::refreshes))
        .routes(routes!(disconnect::disconnect))
        .routes(routes!(preview::preview))
        .routes(routes!(scopes::scopes))
        .routes(routes!(events::events))
}

/// A connected account. Its credential is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountBody {
    /// `ca_…`
    id: String,
    /// `PENDING`, `PENDING_VERIFICATION`, `ACTIVE`, `EXPIRED`, `REVOKED`, `ERROR` or `DISCONNECTED`.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// Why it is not working, as a code from the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "refresh_refused")]
    cause: Option<&'static str>,
    /// The name of its connection.
    #[schema(example = "gmail")]
    connection_name: String,
    /// `conn_…`
    connection_id: String,
    /// The connector.
    #[schema(example = "gmail")]
    connector: String,
    /// The connector's official upper-case name.
    #[schema(example = "GMAIL")]
    provider: String,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: String,
    /// What tells it apart from other accounts of the identifier on the connection; `null` for the unnamed one.
    account_name: Option<String>,
    /// Your own id of the user's organization.
    organization_id: Option<String>,
    /// Your own further user id.
    user_id: Option<String>,
    /// How it is authorized: `OAUTH`, `OAUTH_CLIENT_CREDENTIALS`, `API_KEY`, `BASIC`, `BEARER` or `NONE`.
    #[schema(example = "OAUTH")]
    auth_type: &'static str,
    /// The scopes granted at the provider.
    scopes: Vec<String>,
    /// The e-mail address or user name at the provider, if known.
    label: Option<String>,
    /// The place at the provider (a site, a company, a workspace) that it works in; `null` where accounts have none.
    place: Option<PlaceBody>,
    /// Free settings that you keep with the account.
    #[schema(value_type = Object)]
    api_config: Value,
    /// When the access token stops working; `null` if unknown or never.
    #[serde(with = "time::serde::rfc3339::option")]
    token_expires_at: Option<OffsetDateTime>,
    /// When the credential is renewed next without anybody asking; `null` if it is not.
    #[serde(with = "time::serde::rfc3339::option")]
    refresh_at: Option<OffsetDateTime>,
    /// Set while renewals fail in passing. The account goes on working as long as its access token lives.
    degraded: Option<DegradedBody>,
    /// When it was last used for a call, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// A place at the provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Place)]
struct PlaceBody {
    /// The provider's id of it.
    #[schema(example = "1324a887-45db-1bf4-1e99-ef0ff456d421")]
    id: String,
    /// Its name.
    #[schema(example = "acme")]
    name: Option<String>,
    /// Its address for people.
    #[schema(example = "https://acme.atlassian.net")]
    url: Option<String>,
}

impl From<AccountPlace> for PlaceBody {
    fn from(place: AccountPlace) -> Self {
        let AccountPlace { id, name, url } = place;
        Self { id, name, url }
    }
}

/// Renewals fail in passing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Degraded)]
struct DegradedBody {
    /// What the last one failed with, as a code from the catalogue.
    #[schema(example = "upstream_timeout")]
    code: &'static str,
    /// Since when they fail.
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    /// How many failed in a row.
    failures: u32,
    /// The provider is not asked again before.
    #[serde(with = "time::serde::rfc3339")]
    retry_at: OffsetDateTime,
    /// Whether the provider named that time, so that nobody may ask earlier.
    asked_for: bool,
}

impl From<Degraded> for DegradedBody {
    fn from(degraded: Degraded) -> Self {
        Self {
            code: degraded.code.as_str(),
            since: degraded.since,
            failures: degraded.failures,
            retry_at: degraded.retry_at,
            asked_for: degraded.asked_for,
        }
    }
}

page_body! {
    /// One page of connected accounts, newest first.
    AccountPage of AccountBody
}

impl From<AccountView> for AccountBody {
    fn from(view: AccountView) -> Self {
        let account = view.account;
        Self {
            status: account.status().as_str(),
            id: account.id.into(),
            cause: account.cause.map(|code| code.as_str()),
            connection_name: view.connection_name,
            connection_id: account.connection.into(),
            connector: view.connector,
            provider: view.provider,
            identifier: account.identifier,
            account_name: filled(Some(account.name)),
            organization_id: account.organization_id,
            user_id: account.user_id,
            auth_type: account.auth_type.as_str(),
            scopes: account.scopes,
            label: account.label,
            place: view.place.map(Into::into),
            api_config: account.api_config,
            token_expires_at: account.token_expires_at,
            refresh_at: account.refresh_at,
            degraded: account.degraded.map(Into::into),
            last_used_at: account.last_used_at,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}
