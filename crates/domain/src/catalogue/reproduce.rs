//! How to bring an error about on purpose, with `valetkey dev` and its simulator: so that an app's handling of it can
//! be tried out. The recipes that end with a command are followed by a test of the binary.

use super::ErrorCode;
use ErrorCode as C;

/// One step of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A request to the simulator's control API: the path below `/_sim/`, and the body.
    Simulator {
        /// Such as `faults`.
        path: &'static str,
        /// JSON.
        body: &'static str,
    },
    /// A command line.
    Run(&'static str),
    /// Something to do by hand, in a sentence.
    Do(&'static str),
}

/// How the pages write a request to the control API: the shell variable that comes before its path.
pub const SIMULATOR: &str =
    "SIM='curl --cacert .valetkey/ca.pem -H Content-Type:application/json https://127.0.0.1:7078/_sim'";

const PROFILE: Step = Step::Run("valetkey tool run sandbox_get_profile --identifier user_123");
const LINK: Step = Step::Run("valetkey account link --connection sandbox --identifier user_123");
const FOLLOW: Step = Step::Do("Open the link and press *Continue*.");

/// A step at the simulator. Not a function: the recipes are constants.
macro_rules! sim {
    ($path:literal, $body:literal) => {
        Step::Simulator { path: $path, body: $body }
    };
}

impl ErrorCode {
    /// The recipe, if one is known. It begins with `valetkey dev` running and `user_123` connected to `sandbox`.
    #[must_use]
    pub const fn recipe(self) -> Option<&'static [Step]> {
        Some(match self {
            C::AccountPending => &[
                Step::Run("valetkey account link --connection sandbox --identifier newcomer"),
                Step::Run("valetkey tool run sandbox_get_profile --identifier newcomer"),
            ],
            C::AccountRevoked => &[sim!("revoke-grants", "{}"), PROFILE],
            C::AccountExpired => &[
                sim!("settings", r#"{"issue_refresh_tokens": false, "access_token_ttl_s": 1}"#),
                LINK,
                Step::Do("Open the link, press *Continue*, then *Allow*; wait two seconds."),
                PROFILE,
            ],
            C::AccountNotFound => &[Step::Run("valetkey tool run sandbox_get_profile --identifier nobody")],
            C::ConnectionNotFound => {
                &[Step::Run("valetkey account link --connection nowhere --identifier user_123")]
            }
            C::ConnectorNotFound => &[Step::Run("valetkey connection create x --connector nothing")],
            C::ConnectionAlreadyExists => {
                &[Step::Run("valetkey connection create sandbox --connector sandbox")]
            }
            C::ConnectionInUse => &[Step::Run("valetkey connection delete sandbox")],
            C::InsufficientScope => &[
                sim!("drop-scopes", r#"{"scopes": ["messages.send"]}"#),
                Step::Run(
                    "valetkey tool run sandbox_send_message --identifier user_123 --set to=grace@example.com --set subject=Lunch --set body=Now",
                ),
            ],
            C::ToolNotFound => &[Step::Run("valetkey tool run sandbox_get_profil --identifier user_123")],
            C::ToolInputInvalid => &[Step::Run(
                "valetkey tool run sandbox_send_message --identifier user_123 --set subject=Lunch",
            )],
            C::ExecutionNotFound => &[Step::Run("valetkey execution get ex_00000000000000000000000000")],
            C::UpstreamRateLimited => &[
                sim!(
                    "faults",
                    r#"{"endpoint": "api", "kind": "status", "status": 429, "retry_after_s": 30, "times": 9}"#
                ),
                PROFILE,
            ],
            C::UpstreamError => &[
                sim!("faults", r#"{"endpoint": "api", "kind": "status", "status": 500, "times": 9}"#),
                PROFILE,
            ],
            C::UpstreamForbidden => &[
                sim!("faults", r#"{"endpoint": "api", "kind": "status", "status": 403, "times": 9}"#),
                PROFILE,
            ],
            C::UpstreamNotFound => &[Step::Run(
                "valetkey tool run sandbox_get_message --identifier user_123 --set message_id=msg_none",
            )],
            C::UpstreamUnreachable => {
                &[sim!("faults", r#"{"endpoint": "api", "kind": "cut", "times": 9}"#), PROFILE]
            }
            C::UpstreamTimeout => &[
                sim!("faults", r#"{"endpoint": "api", "kind": "delay", "delay_ms": 60000, "times": 9}"#),
                PROFILE,
            ],
            C::UpstreamResponseInvalid => {
                &[sim!("faults", r#"{"endpoint": "api", "kind": "malformed", "times": 9}"#), PROFILE]
            }
            C::AccessDenied => &[LINK, Step::Do("Open the link, press *Continue*, then *Deny*.")],
            C::InvalidScope => &[
                sim!(
                    "faults",
                    r#"{"endpoint": "authorize", "kind": "callback_error", "error": "invalid_scope"}"#
                ),
                LINK,
                FOLLOW,
            ],
            C::UnauthorizedClient => &[
                sim!(
                    "faults",
                    r#"{"endpoint": "authorize", "kind": "callback_error", "error": "unauthorized_client"}"#
                ),
                LINK,
                FOLLOW,
            ],
            C::ProviderInvalidRequest => &[
                sim!(
                    "faults",
                    r#"{"endpoint": "authorize", "kind": "callback_error", "error": "invalid_request"}"#
                ),
                LINK,
                FOLLOW,
            ],
            C::ProviderServerError => &[
                sim!(
                    "faults",
                    r#"{"endpoint": "authorize", "kind": "callback_error", "error": "server_error"}"#
                ),
                LINK,
                FOLLOW,
            ],
            C::ProviderTemporarilyUnavailable => &[
                sim!(
                    "faults",
                    r#"{"endpoint": "authorize", "kind": "callback_error", "error": "temporarily_unavailable"}"#
                ),
                LINK,
                FOLLOW,
            ],
            C::ExchangeFailed => &[
                sim!("faults", r#"{"endpoint": "token", "kind": "status", "status": 503, "times": 9}"#),
                LINK,
                Step::Do("Open the link, press *Continue*, then *Allow*."),
            ],
            C::LinkUsed => {
                &[LINK, Step::Do("Open the link and connect the account; then open the link again.")]
            }
            C::LinkOtherBrowser => {
                &[LINK, FOLLOW, Step::Do("Open the same link in another browser or a private window.")]
            }
            C::StateReused => {
                &[LINK, Step::Do("Open the link and connect the account; reload the last page.")]
            }
            C::BrowserMismatch => &[
                LINK,
                FOLLOW,
                Step::Do(
                    "Copy the address of the consent page into another browser, and press *Allow* there.",
                ),
            ],
            _ => return None,
        })
    }
}
