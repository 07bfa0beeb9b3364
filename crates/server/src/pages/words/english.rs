//! English.

use super::{
    Texts, Words,
    case::{Case, FormCase},
    words,
};

pub(super) const TEXTS: Texts = Texts {
    connect_title: "Connect {connector}",
    error_title: "Error: {title}",
    asks: "{*app} asks to use your {connector} account on your behalf.",
    asks_unnamed: "The app that sent you this link asks to use your {connector} account on your behalf.",
    connected_now: "{*account} is connected now.",
    connected_now_unnamed: "An account is connected now.",
    same_account_only: "Sign in to the same account again: another one is not accepted.",
    replaces: "Going on replaces that connection.",
    scopes_heading: "It will be able to",
    for_whom: "For",
    sign_in_at: "You sign in at",
    back_to: "Then you go to",
    valid_until: "Valid until",
    optional: "(optional)",
    where_to_find: "Where to find it (opens in a new tab)",
    field_needed: "This is needed.",
    field_unfit: "This does not look right. Check that it was copied completely.",
    go_on: "Continue",
    connect: "Connect",
    try_again: "Try again",
    closing_provider: "You sign in at {connector} itself; {app} never sees your password. You can take access away again at any time in your settings there.",
    closing_provider_unnamed: "You sign in at {connector} itself; the app never sees your password. You can take access away again at any time in your settings there.",
    closing_key: "What you enter is stored encrypted and used for calls to {connector} only; {app} never sees it.",
    closing_key_unnamed: "What you enter is stored encrypted and used for calls to {connector} only; the app never sees it.",
    closing_nothing: "Nothing of yours is needed for this.",
    not_expected: "If you did not expect this, close the page: nothing happens until you go on.",
    connected_title: "{connector} is connected",
    done_title: "You are done here",
    you_connected: "You connected {*account}.",
    missing_one: "One right that was asked for was not allowed, so something may not work:",
    missing_many: "{count} rights that were asked for were not allowed, so some things may not work:",
    close_page: "You can close this page and go back to {app}.",
    close_page_unnamed: "You can close this page and go back to the app.",
    still_works: "{*account} goes on working.",
    still_works_unnamed: "The account that was connected before goes on working.",
    what_to_do: "What you can do",
    connecting: "Connecting {connector}.",
    status_page: "See whether {connector} has an outage (opens in a new tab)",
    reference: "If you ask for help, give this reference:",
    powered_by: "Powered by Valetkey",
    support: "Help",
    privacy: "Privacy",
    choose_language: "Language",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

const ASK_FOR_NEW_LINK: &str = "Go back to the app that sent you here and ask for a new link.";
const TELL_THE_APP: &str =
    "This is not your fault. Tell the people who run the app; the reference below helps them find the cause.";
const TRY_IN_A_MOMENT: &str = "Wait a moment and try again. If it stays, tell the people who run the app.";
const TRY_AGAIN: &str = "Try again. If it stays, tell the people who run the app.";

pub(super) const fn failure(case: Case) -> Words {
    match case {
        Case::LinkInvalid => words(
            "This link is not valid",
            "The address is incomplete or was never handed out.",
            "Check that you opened the whole link. If you did, go back to the app and ask for a new one.",
        ),
        Case::LinkExpired => words(
            "This link has expired",
            "Links work for a limited time, and this one's is over.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkUsed => words(
            "This link has been used already",
            "Every link works once.",
            "If your account is not connected yet, go back to the app and ask for a new link.",
        ),
        Case::LinkWithdrawn => words(
            "This link has been withdrawn",
            "The account was disconnected after the link was made, so the link does not connect it again.",
            ASK_FOR_NEW_LINK,
        ),
        Case::LinkOtherBrowser => words(
            "This link was opened in another browser",
            "A link belongs to the browser in which it was first used.",
            "Go on in that browser, or ask the app for a new link.",
        ),
        Case::FormExpired => words(
            "Please open the link again",
            "The page was open for too long, or this browser did not keep its cookie.",
            "Allow cookies for this site, open the link again and repeat.",
        ),
        Case::ConnectionDisabled => {
            words("This connection is switched off", "The people who run it have paused it.", TELL_THE_APP)
        }
        Case::ConnectionNotSetUp => words(
            "This connection is not set up yet",
            "The app's set-up at the provider is incomplete.",
            TELL_THE_APP,
        ),
        Case::AccessDenied => words(
            "Access was not allowed",
            "You, or a rule of your organization, declined. Nothing was connected.",
            "If you did not mean to decline, try again and choose to allow. If your organization declined, ask its administrator.",
        ),
        Case::StateMissing => words(
            "Something is missing",
            "This page was opened without the answer that belongs to it.",
            "Start again from the link in the app.",
        ),
        Case::StateUnknown => words(
            "This answer belongs to no request",
            "It was changed on the way, or does not come from here.",
            ASK_FOR_NEW_LINK,
        ),
        Case::StateExpired => words(
            "That took too long",
            "The sign-in has to be finished within ten minutes.",
            "Start again; it only takes a moment.",
        ),
        Case::StateReused => words(
            "This page was used already",
            "It was reloaded or opened a second time. What was connected stays connected.",
            "If your account is not connected, go back to the app and ask for a new link.",
        ),
        Case::BrowserMismatch => words(
            "Another browser, or no cookie",
            "All steps have to happen in one browser, and this one did not bring the cookie of the first step.",
            "Allow cookies for this site, then open the link again and do everything in one browser.",
        ),
        Case::IssuerMismatch => words(
            "The answer came from the wrong place",
            "It was not sent by the service that was asked. To be safe, nothing was connected.",
            TELL_THE_APP,
        ),
        Case::CodeMissing => words(
            "The answer was incomplete",
            "The service sent you back without the code that connects your account.",
            TRY_AGAIN,
        ),
        Case::IdentityChanged => words(
            "You signed in to another account",
            "The app stays with the account that you connected first, and the one you signed in to now is a different one.",
            "Try again and sign in to the account that was connected before. To use another one, tell the app.",
        ),
        Case::ExchangeRefused => words(
            "The service did not accept the sign-in",
            "It sent you back, and then refused to finish.",
            TRY_AGAIN,
        ),
        Case::ExchangeFailed => words(
            "The service could not be reached",
            "You were signed in, but the last step with the service failed.",
            TRY_IN_A_MOMENT,
        ),
        Case::PlaceNotChosen => words(
            "You have several workspaces there",
            "The service let the app into more than one of your sites or workspaces, and the app has not been told which one to use. To be safe, nothing was connected.",
            "Try again and choose only one if the service lets you. Otherwise tell the people who run the app which one you mean.",
        ),
        Case::PlaceNotGranted => words(
            "That is not the site the app is for",
            "The app is set up for one certain site or workspace at the service, and you did not choose it or do not have it.",
            "Try again and choose the right one when the service asks. If it is not offered to you, ask the app which one it needs.",
        ),
        Case::CredentialRejected => words(
            "That was not accepted",
            "The service refused what was entered.",
            "Check it and enter it again.",
        ),
        Case::ProviderInvalidRequest => words(
            "The service did not understand the request",
            "What the app asked for does not fit what the service expects.",
            TELL_THE_APP,
        ),
        Case::UnauthorizedClient => words(
            "The app is not allowed to ask",
            "The service does not let this app connect accounts in this way.",
            TELL_THE_APP,
        ),
        Case::InvalidScope => words(
            "The app asked for too much",
            "The service does not know or does not allow one of the rights that the app asks for.",
            TELL_THE_APP,
        ),
        Case::InvalidClient => words(
            "The app's own sign-in failed",
            "The service does not accept the app's id or password.",
            TELL_THE_APP,
        ),
        Case::RedirectUriMismatch => words(
            "The app's return address is not registered",
            "The service does not know the address to send you back to.",
            TELL_THE_APP,
        ),
        Case::ProviderServerError => {
            words("The service had a problem", "It failed while it was connecting you.", TRY_IN_A_MOMENT)
        }
        Case::ProviderBusy => {
            words("The service is busy", "It cannot connect accounts at the moment.", TRY_IN_A_MOMENT)
        }
        Case::ProviderRefused => {
            words("The service refused", "It answered with an error of its own.", TRY_AGAIN)
        }
        Case::ConsentRequired => words(
            "Somebody has to agree first",
            "The service connects nothing until what the app asks for has been agreed to, by you or by an administrator of your organization.",
            "Try again and agree to everything that you are asked. If you are not asked, send your administrator the name of the app and the reference below: they can allow it for you.",
        ),
        Case::SignInRequired => words(
            "The service wants you to sign in again",
            "It asks you to sign in, to choose an account or to confirm with a second step, and you were sent back before that was done.",
            "Try again and answer everything that the service's pages ask, the second step included.",
        ),
        Case::AdministratorRequired => words(
            "An administrator has to allow this app",
            "Your organization lets only its administrators admit apps like this one, or one of their rules keeps it out.",
            "Send your administrator the name of the app and the reference below. Once they have allowed it, ask the app for a new link.",
        ),
        Case::AccountGone => words(
            "This is not there any more",
            "What the link was made for has been removed in the meantime.",
            ASK_FOR_NEW_LINK,
        ),
        Case::RequestUnreadable => words(
            "This could not be read",
            "What your browser sent is incomplete or not what this page expects.",
            "Open the link again and repeat. If it stays, tell the people who run the app.",
        ),
        Case::ProviderFailed => words(
            "The service did not answer properly",
            "Its answer failed, was incomplete or took too long.",
            TRY_IN_A_MOMENT,
        ),
        Case::ProviderOutOfReach => {
            words("There is no way to the service", "This server could not talk to it.", TELL_THE_APP)
        }
        Case::OrganizationRule => words(
            "A rule stands in the way",
            "The service or your organization does not allow this.",
            "Ask the administrator of your organization.",
        ),
        Case::NewLinkNeeded => {
            words("This link cannot go on", "The account has changed since it was made.", ASK_FOR_NEW_LINK)
        }
        Case::ServerFailed => {
            words("Something went wrong", "The server could not do what was asked.", TRY_IN_A_MOMENT)
        }
        Case::Passing => words(
            "Not at this moment",
            "Something else is going on at the same time, or there is too much to do.",
            TRY_IN_A_MOMENT,
        ),
        Case::AppMustAct => {
            words("This did not work", "The app is not set up for what it tried.", TELL_THE_APP)
        }
    }
}

pub(super) const fn form(case: FormCase) -> &'static str {
    match case {
        FormCase::CheckEntries => "Please check what you entered.",
        FormCase::NotAccepted => "The service did not accept this. Check it and enter it again.",
        FormCase::TooFewRights => {
            "The service knows this, but does not let it do what is needed. Use one with more rights."
        }
        FormCase::NothingThere => {
            "The service answered, but knows nothing at this address. Check what you entered."
        }
        FormCase::NotTriedOut => {
            "What you entered could not be tried out: the service did not answer properly. Try again in a moment."
        }
        FormCase::NotTaken => "What you entered could not be used. Check it and enter it again.",
    }
}
