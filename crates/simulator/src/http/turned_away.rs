//! How an authorization ends without a code, in the words of each profile: some providers send the user back with an
//! error, others keep them on a page of their own.

use super::shape::Aadsts;
use crate::{ErrorFault, FaultKind, Profile};

/// Where the user ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// At the redirect URI, with an error (RFC 6749 §4.1.2.1).
    Back { error: String, description: Option<String> },
    /// On a page of the provider.
    Page(String),
}

fn back(error: &str, description: &str) -> TurnedAway {
    TurnedAway::Back { error: error.to_owned(), description: Some(description.to_owned()) }
}

fn numbered(number: u32) -> TurnedAway {
    let row = Aadsts::of(number);
    let text = format!("AADSTS{number}: {}", row.map_or("", |row| row.text));
    match row {
        Some(row) if row.on_page => TurnedAway::Page(text),
        // Where the token endpoint says invalid_grant, the authorization endpoint has no such error.
        Some(row) if row.error != "invalid_grant" => back(row.error, &text),
        _ => back("access_denied", &text),
    }
}

/// The user pressed Deny.
pub(super) fn denied(profile: Profile) -> TurnedAway {
    match profile {
        Profile::Plain => back("access_denied", "the user refused"),
        Profile::Microsoft => numbered(65_004),
        Profile::Google | Profile::Slack => {
            TurnedAway::Back { error: "access_denied".to_owned(), description: None }
        }
    }
}

/// Users may not consent for themselves.
pub(super) fn needs_admin(profile: Profile) -> TurnedAway {
    match profile {
        Profile::Plain => back("consent_required", "an administrator must allow this app first"),
        Profile::Microsoft => numbered(90_094),
        Profile::Google => TurnedAway::Page(
            "Error 400: admin_policy_enforced. Your organization's administrator does not allow this app."
                .to_owned(),
        ),
        Profile::Slack => TurnedAway::Page(
            "This app must be approved by an administrator of the workspace first.".to_owned(),
        ),
    }
}

/// The app belongs to one organization, and the user to another.
pub(super) fn foreign(profile: Profile) -> TurnedAway {
    match profile {
        Profile::Plain => back("access_denied", "the app is for users of another organization"),
        Profile::Microsoft => numbered(50_020),
        Profile::Google => TurnedAway::Page(
            "Error 403: org_internal. The app is only for users within its organization.".to_owned(),
        ),
        Profile::Slack => {
            back("invalid_team_for_non_distributed_app", "the app is for its own workspace only")
        }
    }
}

/// An administrator has disabled the user.
pub(super) fn suspended(profile: Profile) -> TurnedAway {
    match profile {
        Profile::Microsoft => numbered(50_057),
        _ => TurnedAway::Page("This account is disabled. Ask your administrator.".to_owned()),
    }
}

/// Nobody knows the client.
pub(super) fn unknown_client(profile: Profile) -> String {
    match profile {
        Profile::Google => "Error 401: invalid_client. The OAuth client was not found.".to_owned(),
        Profile::Microsoft => {
            format!("AADSTS700016: {}", Aadsts::of(700_016).map_or("", |row| row.text))
        }
        Profile::Plain | Profile::Slack => "No app is registered under this client id.".to_owned(),
    }
}

/// The redirect URI is not registered: what is shown names it, and (as the developer's console would) those that are.
pub(super) fn mismatch(profile: Profile, asked: &str, client_id: &str, registered: &[String]) -> String {
    let asked = if asked.is_empty() { "(none)" } else { asked };
    let list = if registered.is_empty() { "none".to_owned() } else { registered.join(", ") };
    match profile {
        Profile::Plain | Profile::Slack => {
            format!("The redirect URI is not registered for this app: {asked}. Registered: {list}.")
        }
        Profile::Google => {
            format!(
                "Error 400: redirect_uri_mismatch. The request has redirect_uri={asked}. Registered: {list}."
            )
        }
        Profile::Microsoft => format!(
            "AADSTS50011: The redirect URI '{asked}' of the request is not one of those registered for the application \
             '{client_id}'. Registered: {list}."
        ),
    }
}

/// What a fault asks for.
pub(super) fn forced(fault: &FaultKind, profile: Profile) -> Option<TurnedAway> {
    Some(match fault {
        FaultKind::CallbackError { error, error_description } => {
            TurnedAway::Back { error: error.clone(), description: error_description.clone() }
        }
        FaultKind::Error(ErrorFault { aadsts: Some(number), page: false, .. }) => numbered(*number),
        FaultKind::Error(fault) if fault.page => {
            let text = fault.error_description.clone();
            TurnedAway::Page(match (fault.aadsts.and_then(Aadsts::of), fault.shape.unwrap_or(profile)) {
                (Some(row), _) => format!("AADSTS{}: {}", row.number, text.as_deref().unwrap_or(row.text)),
                (None, Profile::Google) => {
                    format!("Error 403: {}. {}", fault.error, text.unwrap_or_default()).trim_end().to_owned()
                }
                _ => format!("{}. {}", fault.error, text.unwrap_or_default()).trim_end().to_owned(),
            })
        }
        FaultKind::Error(fault) => {
            TurnedAway::Back { error: fault.error.clone(), description: fault.error_description.clone() }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_that_has_no_callback_error_denies_access_with_its_text() {
        let TurnedAway::Back { error, description } = numbered(53_003) else { panic!("sent back") };
        assert_eq!(error, "access_denied");
        assert!(description.unwrap().starts_with("AADSTS53003: "));
        assert!(matches!(numbered(700_016), TurnedAway::Page(text) if text.starts_with("AADSTS700016: ")));
    }

    #[test]
    fn mismatch_names_what_was_asked_and_what_is_registered() {
        let registered = ["https://a.example/cb".to_owned()];
        for (_, profile) in Profile::ALL {
            let text = mismatch(profile, "https://a.example/cb/", "app", &registered);
            assert!(
                text.contains("https://a.example/cb/") && text.contains("Registered: https://a.example/cb.")
            );
        }
    }
}
