//! Access that was taken away: at the provider, or here.

use valetkey_domain::{
    Error, ErrorCode, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind},
    event::EventKind,
};
use valetkey_upstream::connector::Place;

use super::{
    case::{Case, event_evidence},
    said::{Said, code_word},
};
use crate::Engine;

/// Accounts that end within this time of each other were likely ended by one hand.
const TOGETHER: time::Duration = time::Duration::hours(6);
/// So many others make an administrator likely.
const MANY: usize = 2;

impl Engine {
    /// `REVOKED`: by the provider's words, else by what happened to the others.
    pub(super) async fn revoked(&self, case: &Case<'_>) -> Result<Vec<Finding>, Error> {
        let Some(end) = case.newest(&[EventKind::AccountRevoked]) else {
            let finding = Finding::new(ErrorCode::AccountRevoked).evidence(case.status_evidence());
            return Ok(vec![finding.catalogue_remedies()]);
        };
        let places = [Place::Token, Place::Api];
        if let Some(finding) = places.into_iter().find_map(|place| case.explained_event(place, end)) {
            let mut finding = finding;
            finding.evidence.insert(0, case.status_evidence());
            return Ok(vec![finding]);
        }
        let others = self.others_that_ended(case, EventKind::AccountRevoked, end.at, TOGETHER).await?;
        let code = if others.len() >= MANY {
            ErrorCode::AccessRevokedByAdmin
        } else {
            ErrorCode::AccessRevokedByUser
        };
        let early = end.event.data["evidence"]["access_token_refused_before_expiry"] == true;
        let mut finding = Finding::new(code)
            .confidence(Confidence::Likely)
            .message(format!("{} was revoked at {}.", case.who(), case.provider()))
            .evidence(case.status_evidence())
            .evidence(event_evidence(end, code_word(end)));
        finding = if code == ErrorCode::AccessRevokedByAdmin {
            finding
                .cause(format!(
                    "{} other accounts of the connection lost their access within {} hours: one hand took it away.",
                    others.len(),
                    TOGETHER.whole_hours()
                ))
                .evidences(others.iter().take(5).map(|event| event_evidence(event, "another account")))
        } else if early {
            finding.cause(
                "The provider refused an access token that should still have worked, and the refresh token with it; only \
                 this account is affected. The user removed the app in their settings, or changed their password.",
            )
        } else {
            finding.cause("The provider says that the grant was revoked; only this account is affected.")
        };
        finding = finding.evidences(Said::of_event(end).evidence(Place::Token));
        let access = case.connector.as_ref().and_then(|connector| connector.links.user_access.clone());
        if let Some(url) = access.filter(|_| code == ErrorCode::AccessRevokedByUser) {
            finding = finding.evidence(
                Evidence::new(EvidenceKind::Connector, "Users see and remove the access of apps there.")
                    .reference(url),
            );
        }
        Ok(vec![finding.catalogue_remedies()])
    }
}

/// `DISCONNECTED`: who did it, and when.
pub(super) fn of_disconnected(case: &Case<'_>) -> Vec<Finding> {
    let event = case.newest(&[EventKind::AccountDisconnected]);
    let by = event.map_or("somebody", |event| event.event.actor.as_str());
    let when = event.map_or_else(String::new, |event| format!(" {}", case.ago(event.at)));
    let receipt = case.newest(&[EventKind::RevocationReceipt]);
    vec![
        Finding::new(ErrorCode::AccountDisconnected)
            .message(format!("{} was disconnected here{when} by {by}.", case.who()))
            .cause("Its credential is erased; only the user can connect it again.")
            .evidence(case.status_evidence())
            .evidences(event.map(|event| event_evidence(event, format!("by {by}"))))
            .evidences(receipt.map(|event| event_evidence(event, "what became of the grant at the provider")))
            .remedy(
                RemedyAction::Reauthorize,
                "If it is wanted again, send the user a new authorization link.",
            ),
    ]
}
