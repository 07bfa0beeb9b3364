//! Words of Valetkey: types, ids, the account state machine, the error catalogue and the storage traits. No I/O.
//!
//! Everything else in the workspace speaks in these types. The crate knows no database, no HTTP and no cipher;
//! time and randomness come in through [`Clock`] and [`Entropy`], so that every rule here can be tested at any
//! instant.

pub mod account;
pub mod answer;
pub mod api_client;
pub mod audit;
pub mod auth_request;
pub mod bounds;
pub mod branding;
pub mod bulk;
pub mod catalogue;
pub mod clock;
pub mod connection;
pub mod credential;
pub mod diagnosis;
pub mod entropy;
pub mod error;
pub mod event;
pub mod execution;
pub mod id;
pub mod keys;
pub mod language;
pub mod overview;
pub mod page;
pub mod permission;
pub mod refresh;
pub mod revocation;
pub mod sealed;
pub mod store;
pub mod user;
pub mod webhook;

pub use account::{Account, AccountStatus, AuthType};
pub use answer::KeptAnswer;
pub use api_client::{ApiClient, ApiToken, Caller};
pub use auth_request::{AuthPhase, AuthRequest};
pub use bounds::Bounds;
pub use branding::Branding;
pub use catalogue::ErrorCode;
pub use clock::{Clock, ManualClock, SystemClock, Time};
pub use connection::Connection;
pub use credential::Credential;
pub use diagnosis::{Diagnosis, Evidence, Finding, Step};
pub use entropy::Entropy;
pub use error::{Error, Remedy, Result};
pub use event::Event;
pub use execution::Execution;
pub use id::{
    AccountId, ApiClientId, ApiTokenId, AuthRequestId, ConnectionId, DeliveryId, EnvironmentId, EventId,
    ExecutionId, InvitationId, RefreshId, RequestId, RevocationId, SessionId, UserId, WebhookId,
};
pub use language::Language;
pub use page::{Page, PageRequest};
pub use permission::{Permission, Permissions};
pub use refresh::{InstanceId, RefreshAttempt, RefreshOutcome, RefreshReason};
pub use revocation::PendingRevocation;
pub use sealed::SealedBlob;
pub use secrecy::{ExposeSecret, SecretString};
pub use store::{Change, Changes, Store, StoreError};
pub use user::{Invitation, Role, Session, User};
