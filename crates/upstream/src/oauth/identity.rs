//! Who is behind a grant.

use std::collections::BTreeMap;

use valetkey_domain::{Credential, Error};

use super::Identity;
use crate::{connector::Target, http::Egress};

/// Asks the provider who the account is; `None` where the connector has no way to ask.
///
/// # Errors
/// An `upstream_…` code.
pub async fn identity(
    egress: &Egress,
    target: &Target<'_>,
    credential: &Credential,
) -> Result<Option<Identity>, Error> {
    let _ = (egress, target, credential);
    Ok(None)
}

/// Makes the connector's calls that follow an authorization, and gives the facts they tell. Empty for most connectors.
///
/// # Errors
/// An `upstream_…` code, or `upstream_response_invalid` where an answer lacks a fact.
pub async fn follow_up(
    egress: &Egress,
    target: &Target<'_>,
    credential: &Credential,
) -> Result<BTreeMap<String, String>, Error> {
    let _ = (egress, target, credential);
    Ok(BTreeMap::new())
}
