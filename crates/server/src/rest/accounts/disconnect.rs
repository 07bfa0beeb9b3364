//! `POST /v1/connect/accounts/{account_id}/disconnect`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use valetkey_domain::Error;
use valetkey_engine::{AccountRef, End, Receipt, Siblings};

use super::AccountBody;
use crate::{
    auth::Authenticated,
    extract::{MaybeJson, Path},
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// How an account shall end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisconnectAccount {
    /// What shall become of other accounts that the revocation would end too: `revoke` ends them as well, `keep` leaves
    /// the grant alive at the provider. Left out, the request is refused if there are any.
    #[schema(example = "keep")]
    siblings: Option<String>,
}

/// An account that was disconnected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DisconnectedAccount)]
pub(crate) struct DisconnectedBody {
    #[serde(flatten)]
    account: AccountBody,
    /// What became of the grant at the provider; `null` if there was none.
    revocation: Option<ReceiptBody>,
}

/// What became of a grant at the provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevocationReceipt)]
pub(crate) struct ReceiptBody {
    /// `revoked_and_verified`, `revoked`, `not_offered`, `kept_for_siblings`, `failed_will_retry` or `given_up`.
    #[schema(example = "revoked_and_verified")]
    outcome: &'static str,
    /// The case in words, if there is more to say.
    detail: Option<String>,
    /// The kinds of tokens that the provider took back: `refresh_token`, `access_token`, `extra`.
    tokens: Vec<&'static str>,
    /// What a try failed with, as a code from the catalogue.
    code: Option<&'static str>,
    /// When it is tried again.
    #[serde(with = "time::serde::rfc3339::option")]
    retry_at: Option<OffsetDateTime>,
    /// The accounts for whose sake the grant was kept.
    siblings: Vec<String>,
}

impl From<Receipt> for ReceiptBody {
    fn from(receipt: Receipt) -> Self {
        Self {
            outcome: receipt.outcome.as_str(),
            detail: receipt.detail,
            tokens: receipt.tokens.iter().map(|token| token.as_str()).collect(),
            code: receipt.code.map(|code| code.as_str()),
            retry_at: receipt.retry_at,
            siblings: receipt.siblings,
        }
    }
}

/// Reads what shall become of siblings.
///
/// # Errors
/// `invalid_argument`.
pub(super) fn siblings(text: Option<&str>) -> Result<Siblings, Error> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(Siblings::Ask),
        Some(text) => Siblings::parse(text)
            .ok_or_else(|| Error::invalid("siblings", "must be \"revoke\" or \"keep\", or left out")),
    }
}

/// Disconnect an account
///
/// Erases the credential, revokes the grant at the provider as far as that lets us, and tries whether it is dead; the
/// account stays, with its history. A revocation that fails is tried again for a day. Needs
/// `connected_accounts:revoke`.
#[utoipa::path(
    post, path = "/v1/connect/accounts/{account_id}/disconnect", operation_id = "disconnectAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    request_body(content = Option<DisconnectAccount>),
    responses((status = OK, description = "The account, disconnected", body = DisconnectedBody), Errors)
)]
pub(crate) async fn disconnect(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    MaybeJson(body): MaybeJson<DisconnectAccount>,
) -> Reply<DisconnectedBody> {
    let siblings = siblings(body.siblings.as_deref())?;
    let account = AccountRef::id(account_id);
    let ended = app.engine.end_account(&caller, &account, End::Disconnect, siblings).await?;
    Ok(axum::Json(DisconnectedBody {
        account: ended.account.into(),
        revocation: ended.receipt.map(Into::into),
    }))
}
