//! What a page says about an error, to the person whose account it is. The catalogue speaks to developers; here the
//! same code is put so that somebody who knows nothing of OAuth can go on.

use valetkey_domain::{ErrorCode, catalogue::Actor};

/// The words of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// The heading.
    pub(super) title: &'static str,
    /// What happened.
    pub(super) text: &'static str,
    /// What to do.
    pub(super) todo: &'static str,
}

const ASK_FOR_NEW_LINK: &str = "Go back to the app that sent you here and ask for a new link.";
const TELL_THE_APP: &str =
    "This is not your fault. Tell the people who run the app; the reference below helps them find the cause.";
const TRY_IN_A_MOMENT: &str = "Wait a moment and try again. If it stays, tell the people who run the app.";

/// The page of an error.
pub(super) fn of_page(code: ErrorCode) -> Words {
    of_link(code)
        .or_else(|| of_callback(code))
        .or_else(|| of_provider(code))
        .unwrap_or_else(|| in_general(code))
}

/// Errors of the link itself, before anybody was sent anywhere.
fn of_link(code: ErrorCode) -> Option<Words> {
    let (title, text, todo) = match code {
        ErrorCode::LinkInvalid => (
            "This link is not valid",
            "The address is incomplete or was never handed out.",
            "Check that you opened the whole link. If you did, go back to the app and ask for a new one.",
        ),
        ErrorCode::LinkExpired => (
            "This link has expired",
            "Links work for a limited time, and this one's is over.",
            ASK_FOR_NEW_LINK,
        ),
        ErrorCode::LinkUsed => (
            "This link has been used already",
            "Every link works once.",
            "If your account is not connected yet, go back to the app and ask for a new link.",
        ),
        ErrorCode::LinkWithdrawn => (
            "This link has been withdrawn",
            "The account was disconnected after the link was made, so the link does not connect it again.",
            ASK_FOR_NEW_LINK,
        ),
        ErrorCode::LinkOtherBrowser => (
            "This link was opened in another browser",
            "A link belongs to the browser in which it was first used.",
            "Go on in that browser, or ask the app for a new link.",
        ),
        ErrorCode::FormExpired => (
            "Please open the link again",
            "The page was open for too long, or this browser did not keep its cookie.",
            "Allow cookies for this site, open the link again and repeat.",
        ),
        ErrorCode::ConnectionDisabled => {
            ("This connection is switched off", "The people who run it have paused it.", TELL_THE_APP)
        }
        ErrorCode::ConnectionNotConfigured | ErrorCode::SharedCredentialsUnavailable => (
            "This connection is not set up yet",
            "The app's set-up at the provider is incomplete.",
            TELL_THE_APP,
        ),
        _ => return None,
    };
    Some(Words { title, text, todo })
}

/// Errors of the way back from the provider that are found here.
fn of_callback(code: ErrorCode) -> Option<Words> {
    let (title, text, todo) = match code {
        ErrorCode::AccessDenied => (
            "Access was not allowed",
            "You, or a rule of your organization, declined. Nothing was connected.",
            "If you did not mean to decline, try again and choose to allow. If your organization declined, ask its administrator.",
        ),
        ErrorCode::StateMissing => (
            "Something is missing",
            "This page was opened without the answer that belongs to it.",
            "Start again from the link in the app.",
        ),
        ErrorCode::StateUnknown => (
            "This answer belongs to no request",
            "It was changed on the way, or does not come from here.",
            ASK_FOR_NEW_LINK,
        ),
        ErrorCode::StateExpired => (
            "That took too long",
            "The sign-in has to be finished within ten minutes.",
            "Start again; it only takes a moment.",
        ),
        ErrorCode::StateReused => (
            "This page was used already",
            "It was reloaded or opened a second time. What was connected stays connected.",
            "If your account is not connected, go back to the app and ask for a new link.",
        ),
        ErrorCode::BrowserMismatch => (
            "Another browser, or no cookie",
            "All steps have to happen in one browser, and this one did not bring the cookie of the first step.",
            "Allow cookies for this site, then open the link again and do everything in one browser.",
        ),
        ErrorCode::IssuerMismatch => (
            "The answer came from the wrong place",
            "It was not sent by the service that was asked. To be safe, nothing was connected.",
            TELL_THE_APP,
        ),
        ErrorCode::CodeMissing => (
            "The answer was incomplete",
            "The service sent you back without the code that connects your account.",
            "Try again. If it stays, tell the people who run the app.",
        ),
        ErrorCode::ProviderIdentityChanged => (
            "You signed in to another account",
            "The app stays with the account that you connected first, and the one you signed in to now is a different one.",
            "Try again and sign in to the account that was connected before. To use another one, tell the app.",
        ),
        ErrorCode::ExchangeRefused => (
            "The service did not accept the sign-in",
            "It sent you back, and then refused to finish.",
            "Try again. If it stays, tell the people who run the app.",
        ),
        ErrorCode::ExchangeFailed => (
            "The service could not be reached",
            "You were signed in, but the last step with the service failed.",
            TRY_IN_A_MOMENT,
        ),
        ErrorCode::CredentialRejected => {
            ("That was not accepted", "The service refused what was entered.", "Check it and enter it again.")
        }
        _ => return None,
    };
    Some(Words { title, text, todo })
}

/// Errors that the provider reported.
fn of_provider(code: ErrorCode) -> Option<Words> {
    let (title, text, todo) = match code {
        ErrorCode::ProviderInvalidRequest => (
            "The service did not understand the request",
            "What the app asked for does not fit what the service expects.",
            TELL_THE_APP,
        ),
        ErrorCode::UnauthorizedClient => (
            "The app is not allowed to ask",
            "The service does not let this app connect accounts in this way.",
            TELL_THE_APP,
        ),
        ErrorCode::InvalidScope => (
            "The app asked for too much",
            "The service does not know or does not allow one of the rights that the app asks for.",
            TELL_THE_APP,
        ),
        ErrorCode::InvalidClient => (
            "The app's own sign-in failed",
            "The service does not accept the app's id or password.",
            TELL_THE_APP,
        ),
        ErrorCode::RedirectUriMismatch => (
            "The app's return address is not registered",
            "The service does not know the address to send you back to.",
            TELL_THE_APP,
        ),
        ErrorCode::ProviderServerError => {
            ("The service had a problem", "It failed while it was connecting you.", TRY_IN_A_MOMENT)
        }
        ErrorCode::ProviderTemporarilyUnavailable => {
            ("The service is busy", "It cannot connect accounts at the moment.", TRY_IN_A_MOMENT)
        }
        ErrorCode::ProviderRefusedAuthorization => (
            "The service refused",
            "It answered with an error of its own.",
            "Try again. If it stays, tell the people who run the app.",
        ),
        _ => return None,
    };
    Some(Words { title, text, todo })
}

/// Any other error: the catalogue's meaning, and a way on that fits whoever must act.
fn in_general(code: ErrorCode) -> Words {
    let entry = code.entry();
    let todo = match entry.actor {
        Actor::EndUser => ASK_FOR_NEW_LINK,
        Actor::ProviderAdmin => "Ask the administrator of your organization.",
        Actor::Nobody => TRY_IN_A_MOMENT,
        Actor::Developer | Actor::Operator => TELL_THE_APP,
    };
    let title = if entry.http_status >= 500 { "Something went wrong" } else { "This did not work" };
    Words { title, text: entry.meaning, todo }
}

/// What stands above a form that has to be filled in again.
pub(super) fn of_form(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidArgument => "Please check what you entered.",
        ErrorCode::CredentialRejected | ErrorCode::UpstreamUnauthorized => {
            "The service did not accept this. Check it and enter it again."
        }
        ErrorCode::UpstreamForbidden => {
            "The service knows this, but does not let it do what is needed. Use one with more rights."
        }
        ErrorCode::UpstreamNotFound => {
            "The service answered, but knows nothing at this address. Check what you entered."
        }
        code if code.entry().http_status >= 500 => {
            "What you entered could not be tried out: the service did not answer properly. Try again in a moment."
        }
        code => code.entry().meaning,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn words_of_flow_errors_each_have_their_own_title() {
        let mut titles: HashMap<&str, Vec<ErrorCode>> = HashMap::new();
        for code in ErrorCode::ALL {
            if of_link(*code).or_else(|| of_callback(*code)).or_else(|| of_provider(*code)).is_some() {
                titles.entry(of_page(*code).title).or_default().push(*code);
            }
        }
        // The end user cannot tell these two apart and need not.
        titles.remove("This connection is not set up yet");
        for (title, codes) in titles {
            assert_eq!(codes.len(), 1, "{title}: {codes:?}");
        }
    }

    #[test]
    fn words_complete_for_every_code() {
        for code in ErrorCode::ALL {
            let words = of_page(*code);
            assert!(
                !words.title.ends_with('.') && words.text.ends_with('.') && words.todo.ends_with('.'),
                "{code:?}"
            );
            assert!(of_form(*code).ends_with('.'));
        }
    }
}
