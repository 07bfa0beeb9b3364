//! The provider's status page in the remedies of errors that an outage explains.

use valetkey_domain::{Error, ErrorCode, Remedy, catalogue::RemedyAction};
use valetkey_upstream::connector::Connector;

/// Whether an outage of the provider looks like this from here.
const fn may_be_an_outage(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UpstreamError
            | ErrorCode::UpstreamTimeout
            | ErrorCode::UpstreamConnectTimeout
            | ErrorCode::UpstreamUnreachable
            | ErrorCode::UpstreamRefused
            | ErrorCode::UpstreamTlsExpired
            | ErrorCode::UpstreamResponseInvalid
            | ErrorCode::ProviderServerError
            | ErrorCode::ProviderTemporarilyUnavailable
            | ErrorCode::RenewalsPaused
            | ErrorCode::ExchangeFailed
    )
}

/// The remedy that leads to the status page of `connector`, for errors with this code.
pub(crate) fn remedy(connector: &Connector, code: ErrorCode) -> Option<Remedy> {
    let url = connector.links.status.as_ref().filter(|_| may_be_an_outage(code))?;
    Some(Remedy {
        action: RemedyAction::CheckProvider,
        text: format!("Look at the status page of {} for an outage.", connector.display_name),
        url: Some(url.clone()),
    })
}

/// The same error with a link to the status page after its other remedies.
pub(crate) fn linked(connector: &Connector, error: Error) -> Error {
    let Some(remedy) = remedy(connector, error.code()) else { return error };
    let mut remedies = error.remedies();
    if remedies.iter().all(|known| known.url != remedy.url) {
        remedies.push(remedy);
    }
    error.with_remedies(remedies)
}
