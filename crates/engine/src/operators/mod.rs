//! People who use the dashboard: how the first one comes in, how others are invited, how they log in and out, and what
//! their role lets them do. What they do to connections and accounts are the same use cases that API clients have.

mod attempts;
mod invitations;
mod password;
mod sessions;
mod sso;
mod users;

pub use invitations::{InvitationPage, InviteLink, NewPassword};
pub use sessions::{LoggedIn, SessionView, Visitor};
pub use sso::{CALLBACK as SSO_CALLBACK, SignedOn, SsoAnswer, SsoSettings, SsoStart};
pub use users::{NewUser, UserUpdate};

pub(crate) use attempts::{Addresses, Attempts, network};
pub(crate) use password::Passwords;

/// What stands in records in the place of an API client for what people do.
pub const DASHBOARD_CLIENT: &str = "dashboard";

/// The longest address that is taken (RFC 5321 §4.5.3.1.3 allows 254 characters in effect).
const MAX_EMAIL: usize = 254;
/// The longest name of a person, in characters.
const MAX_NAME: usize = 100;

/// An address as it is kept: without blanks around it, in lower case.
fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}
