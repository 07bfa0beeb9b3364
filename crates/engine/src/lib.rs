//! Use cases: connections, connected accounts, authorization links and the flow behind them, credentials, tools,
//! proxied calls, API clients.
//!
//! [`Engine`] is the whole surface. Every use case is one of its methods, written in the file of its noun; most take
//! the [`Caller`](valetkey_domain::Caller) first, check its permission and stay inside its environment. An id of
//! another environment is answered exactly like an unknown one. The crate knows no HTTP framework and no database.

mod accounts;
mod audit;
mod authorize;
mod background;
mod branding;
mod bulk;
mod calls;
mod clients;
mod connection_test;
mod connections;
mod context;
mod credentials;
mod diagnosis;
mod events;
mod execute;
mod executions;
mod identity;
pub mod keyring;
mod keys;
mod limits;
mod links;
mod operators;
mod overview;
mod preflight;
mod proxy;
mod refresh;
mod remedies;
mod revoke;
mod scopes;
mod server_mark;
mod status_page;
mod store_state;
mod support;
mod tools;
mod webhooks;

pub use accounts::{AccountPlace, AccountRef, AccountUpdate, AccountView, NewAccount, NewCredential};
pub use audit::{AuditPage, AuditVerdict};
pub use authorize::{
    CallbackOutcome, CallbackParams, DonePage, FailurePage, FormField, LinkPage, LinkStep, Reader, ScopeLine,
    StartOutcome, SubmitOutcome, VerifiedUser,
};
pub use background::{Background, BackgroundSettings, JobStatus};
pub use branding::{BrandingUpdate, MAX_LOGO_BYTES};
pub use bulk::{BulkAction, BulkChoice, BulkFailure, BulkPreview, BulkView, MAX_BULK};
pub use clients::{AccessToken, CreatedApiClient, CreatedApiToken, NewApiClient, NewApiToken};
pub use connection_test::{ConnectionCheck, ConnectionTest, UncheckedItem};
pub use connections::{ConnectionUpdate, ConnectionView, NewConnection};
pub use context::{Engine, EngineParts, EngineSettings, Sealer};
pub use diagnosis::{DiagnosisOf, DiagnosisOptions};
pub use execute::{Accepted, ExecuteTool, ExecutionAnswer, MAX_AGE, MAX_BATCH, ToolOutcome};
pub use keys::{KeysStatus, ResealProgress, SecretKind, SecretsChecked, TermView, check_secrets};
pub use links::{Link, LinkOptions};
pub use operators::{
    DASHBOARD_CLIENT, InvitationPage, InviteLink, LoggedIn, NewPassword, NewUser, SSO_CALLBACK, SessionView,
    SignedOn, SsoAnswer, SsoSettings, SsoStart, UserUpdate, Visitor,
};
pub use overview::{Need, NeedCause, OverviewView};
pub use proxy::{ProxyCall, ProxyReply};
pub use revoke::{End, EndPreview, Ended, PendingView, Receipt, Siblings};
pub use scopes::{AccountScopes, ScopeGap, ScopeGaps, ToolScopes};
pub use server_mark::server_mark_of;
pub use store_state::StoreStatus;
pub use support::{Redactor, SupportConnector, SupportFacts};
pub use tools::{
    ConnectionReadiness, ConnectorField, ConnectorPage, ConnectorView, DescribedScope, FoundTool, Offer,
    Offered, Readiness, ScopedTool, ToolFilter, ToolLine, ToolView,
};
pub use webhooks::{MAX_WEBHOOKS, NewWebhook, WebhookUpdate, WebhookWithSecret};
