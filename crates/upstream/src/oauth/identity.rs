//! Who is behind a grant.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method, header};
use serde_json::Value;
use url::Url;
use valetkey_domain::{Credential, Error, ErrorCode};

use super::{FollowUpFailure, Identity, LIMITS, places, reply};
use crate::{
    connector::{CallMethod, JsonPath, ReplyFormat, Target},
    http::{Egress, OutboundRequest},
    tool::{Mask, attach_to_named},
};

/// Asks the provider who the account is; `None` where the connector has no way to ask.
///
/// # Errors
/// An `upstream_…` code.
pub async fn identity(
    egress: &Egress,
    target: &Target<'_>,
    credential: &Credential,
) -> Result<Option<Identity>, Error> {
    let Some(url) = target.userinfo_url()? else { return Ok(None) };
    let userinfo = target.connector.auth.oauth().and_then(|profile| profile.userinfo.as_ref());
    let mut request = OutboundRequest::new(method(userinfo.map(|u| u.method).unwrap_or_default()), url);
    for (name, value) in userinfo.iter().flat_map(|userinfo| &userinfo.headers) {
        let name = HeaderName::try_from(name).map_err(Error::internal)?;
        request.headers.insert(name, HeaderValue::try_from(value).map_err(Error::internal)?);
    }
    if let Some(json) = userinfo.and_then(|userinfo| userinfo.json.as_ref()) {
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = json.to_string().into();
    }
    let document = ask(egress, target, credential, request).await?;
    Ok(match userinfo {
        Some(userinfo) => {
            let metadata = reply::facts(&userinfo.metadata, &document);
            reply::identity(&userinfo.subject, &userinfo.label, metadata, &document)
        }
        // Only the connection names the endpoint: it speaks OpenID Connect (Core §5.1).
        None => {
            let paths = |names: &[&str]| names.iter().copied().map(JsonPath::member).collect::<Vec<_>>();
            let label = paths(&["email", "preferred_username", "name"]);
            reply::identity(&paths(&["sub"]), &label, BTreeMap::new(), &document)
        }
    })
}

/// Makes the connector's calls that follow an authorization, and gives the facts they tell. Empty for most connectors.
/// `before` are the facts of the grant that the account had, if one is on record: it stays in its place.
///
/// # Errors
/// An `upstream_…` code; `upstream_response_invalid` where an answer lacks a fact. A [`PlaceRefusal`](super::PlaceRefusal)
/// where a list of places does not say which one the account is of.
pub async fn follow_up(
    egress: &Egress,
    target: &Target<'_>,
    credential: &Credential,
    before: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, FollowUpFailure> {
    let mut learned = BTreeMap::new();
    let calls =
        target.connector.auth.oauth().map(|profile| profile.follow_ups.as_slice()).unwrap_or_default();
    // A later call's address may need what an earlier one told.
    let mut metadata = target.metadata.clone();
    for call in calls {
        let target = Target { metadata: &metadata, ..*target };
        let Some(url) = target.follow_up_url(&call.url)? else { continue };
        let document = ask(egress, &target, credential, request_to(call.method, url)).await?;
        let facts = match &call.places {
            Some(list) => places::facts(list, &call.metadata, &target, before, &document)?,
            None => reply::facts(&call.metadata, &document),
        };
        if let Some(missing) = call.metadata.keys().find(|name| !facts.contains_key(*name)) {
            let error = Error::new(ErrorCode::UpstreamResponseInvalid).message(format!(
                "The provider did not tell \"{missing}\" about the account, which its API needs."
            ));
            return Err(error.into());
        }
        metadata.extend(facts.clone());
        learned.extend(facts);
    }
    Ok(learned)
}

fn method(method: CallMethod) -> Method {
    match method {
        CallMethod::Get => Method::GET,
        CallMethod::Post => Method::POST,
    }
}

fn request_to(call: CallMethod, url: Url) -> OutboundRequest {
    OutboundRequest::new(method(call), url)
}

async fn ask(
    egress: &Egress,
    target: &Target<'_>,
    credential: &Credential,
    mut request: OutboundRequest,
) -> Result<Value, Error> {
    request.headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    attach_to_named(target, credential, &mut request)?;
    let response = egress.send(request, LIMITS).await?;
    let connector = target.connector;
    if let Some(error) = connector.api.errors.classify(&connector.display_name, &response) {
        return Err(Mask::of(credential).error(error));
    }
    reply::document(&response, ReplyFormat::Json).map_err(|reply::Unreadable(why)| {
        Error::new(ErrorCode::UpstreamResponseInvalid)
            .message(format!("The provider's answer about the account could not be read: {why}."))
    })
}
