//! The same refusals in other providers' words. Handlers refuse plainly; on the way out, what they refused for is put
//! into the shape of the profile in force, or of the provider whose path was called.

mod aadsts;
mod google;
mod microsoft;
mod slack;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::Value;

use super::{api::ApiError, oauth_error::OAuthError};
use crate::{Profile, Simulator};

pub(crate) use aadsts::Aadsts;

/// What a shape needs beside the refusal: ids and the time, which some providers put into every error.
pub(super) struct Stamp {
    pub(super) at: valetkey_domain::Time,
    pub(super) trace_id: String,
    pub(super) correlation_id: String,
}

impl Stamp {
    fn new(simulator: &Simulator) -> Self {
        let uuid = || {
            let bytes: [u8; 16] = valetkey_domain::entropy::random_bytes(simulator.entropy());
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        };
        Self { at: simulator.now(), trace_id: uuid(), correlation_id: uuid() }
    }
}

/// Whose words an answer at this path is in: the provider's whose API lives there, else the profile in force.
pub(super) fn profile_at(path: &str, profile: Profile) -> Profile {
    let owners = [
        ("/gmail/", Profile::Google),
        ("/calendar/", Profile::Google),
        ("/drive/", Profile::Google),
        ("/v1.0/", Profile::Microsoft),
        ("/slack/", Profile::Slack),
    ];
    owners.iter().find(|(prefix, _)| path.starts_with(prefix)).map_or(profile, |(_, owner)| *owner)
}

/// Puts a refusal into the profile's shape; any other answer stays as it is.
pub(super) fn shaped(simulator: &Simulator, profile: Profile, mut response: Response) -> Response {
    if profile == Profile::Plain {
        return response;
    }
    let extensions = response.extensions_mut();
    let (status, body) = match (extensions.remove::<ApiError>(), extensions.remove::<OAuthError>()) {
        (Some(error), _) => match profile {
            Profile::Google => google::api(&error),
            Profile::Microsoft => microsoft::api(&error, &Stamp::new(simulator)),
            _ => slack::api(&error),
        },
        (_, Some(error)) => match profile {
            Profile::Google => google::oauth(&error),
            Profile::Microsoft => microsoft::oauth(&error, &Stamp::new(simulator)),
            _ => slack::oauth(&error),
        },
        _ => return response,
    };
    replace(response, status, &body)
}

fn replace(response: Response, status: StatusCode, body: &Value) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if status == StatusCode::OK {
        parts.headers.remove(header::WWW_AUTHENTICATE);
    }
    Response::from_parts(parts, Body::from(body.to_string()))
}
