//! The authorization flow behind a link: the hosted page, the way to the provider and back, forms for static
//! credentials, confirmation of the user.
//!
//! A browser is named by a cookie (256 random bits) that the page hands out on its first `GET`. Looking at a link
//! changes nothing, so that mail scanners and link previews cannot burn it. Pressing *Continue* (a `POST` that
//! carries cookie and form token) binds the attempt to that browser for good; any other browser is refused from then
//! on.

mod agent;
mod attempt;
mod callback;
mod exchange;
mod grant;
mod open;
mod outcome;
mod probe;
mod start;
mod submit;
mod verify;

pub use callback::CallbackParams;
pub use open::{FormField, LinkPage, LinkStep, ScopeLine};
pub use outcome::{CallbackOutcome, DonePage, FailurePage};
pub use start::{Reader, StartOutcome};
pub use submit::SubmitOutcome;
pub use verify::VerifiedUser;

pub(crate) use grant::{Obtained, Source};
pub(crate) use start::PKCE_VERIFIER;
