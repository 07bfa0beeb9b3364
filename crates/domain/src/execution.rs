//! The durable record of one tool or proxy call.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ApiClientId, ConnectionId, EnvironmentId, ErrorCode, ExecutionId, InstanceId, Time};

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// Begun, not ended. After a crash it becomes [`ExecutionStatus::Unknown`].
    Running,
    /// The provider answered and the tool accepted the answer.
    Succeeded,
    /// It failed; the code says why.
    Failed,
    /// The server ended before the outcome was known: the call may or may not have happened.
    Unknown,
}

impl ExecutionStatus {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Failed, Self::Unknown].into_iter().find(|s| s.as_str() == text)
    }
}

/// Which door a call came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Native REST.
    Rest,
    /// The compatible gRPC API.
    Grpc,
    /// The compatible REST API.
    CompatRest,
    /// The proxy.
    Proxy,
    /// MCP.
    Mcp,
}

impl Source {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::CompatRest => "compat_rest",
            Self::Proxy => "proxy",
            Self::Mcp => "mcp",
        }
    }

    /// Reads the name in storage.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rest, Self::Grpc, Self::CompatRest, Self::Proxy, Self::Mcp]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// What a call was about during a stretch of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Looked at here: account, connection, input, scopes.
    Check,
    /// Waited for a credential that is good, which may have been a renewal.
    Credential,
    /// Waited for its turn at the provider.
    Queue,
    /// Its record was made durable before it left.
    Record,
    /// With the provider: name, connection, request, answer.
    Provider,
    /// Waited before it was made again.
    BackOff,
    /// The answer was read and shaped.
    Answer,
}

impl PhaseKind {
    /// The name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Credential => "credential",
            Self::Queue => "queue",
            Self::Record => "record",
            Self::Provider => "provider",
            Self::BackOff => "back_off",
            Self::Answer => "answer",
        }
    }
}

/// A stretch of a call's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// What it was spent on.
    pub kind: PhaseKind,
    /// When it began, in microseconds since the call did.
    pub from_us: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// What a provider answered to a tool call that failed, for operators. Bounded, and without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProviderAnswer {
    /// The provider's name for the request, which its support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The beginning of the body, at most [`ProviderAnswer::MAX_BODY`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl ProviderAnswer {
    /// The longest body that is kept, in bytes.
    pub const MAX_BODY: usize = 2048;
}

/// The durable record of one tool or proxy call. It holds no input, and no output but for the beginning of an answer that was
/// an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// `ex_…`
    pub id: ExecutionId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The tool as resolved (aliases give the tool's own name); `None` for a proxied call.
    pub tool: Option<String>,
    /// The slug of the connector.
    pub connector: String,
    /// The connection.
    pub connection: ConnectionId,
    /// The account whose credential was used.
    pub account: AccountId,
    /// The account's identifier.
    pub identifier: String,
    /// The caller's id of an agent run, handed through.
    pub agent_run_id: Option<String>,
    /// Who called.
    pub client: ApiClientId,
    /// Through which door.
    pub source: Source,
    /// Our request id.
    pub request_id: String,
    /// Method and path sent upstream, without query and secrets: `GET /gmail/v1/users/me/profile`.
    pub upstream_request: Option<String>,
    /// The provider's HTTP status, if it answered.
    pub upstream_status: Option<u16>,
    /// How it ended.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub error_code: Option<ErrorCode>,
    /// The error message as the caller got it, bounded, with the provider's own code where it had one.
    pub error_message: Option<String>,
    /// Of a tool call that the provider answered with an error, or with something that could not be read.
    pub provider_answer: Option<ProviderAnswer>,
    /// The process that began it; if that is gone, nobody will end it.
    pub instance: Option<InstanceId>,
    /// When it began.
    pub started_at: Time,
    /// How long it took, in microseconds.
    pub duration_us: Option<u64>,
    /// Where that time went, in order; empty if nobody noted it.
    pub phases: Vec<Phase>,
}

impl Execution {
    /// The bytes that a seal of the audit log covers: every field, in this order, each kept apart from its neighbours by
    /// JSON whatever is in it (S57). What the provider answered counts where there is some: executions that were sealed before
    /// it was kept have the same bytes as ever.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        let micros =
            i64::try_from(self.started_at.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX);
        let mut fields = serde_json::json!([
            self.id.as_str(),
            self.environment.as_str(),
            self.tool,
            self.connector,
            self.connection.as_str(),
            self.account.as_str(),
            self.identifier,
            self.agent_run_id,
            self.client.as_str(),
            self.source.as_str(),
            self.request_id,
            self.upstream_request,
            self.upstream_status,
            self.status.as_str(),
            self.error_code.map(ErrorCode::as_str),
            self.error_message,
            self.instance.map(|instance| instance.0),
            micros,
            self.duration_us,
            self.phases,
        ]);
        if let (Some(fields), Some(answer)) = (fields.as_array_mut(), &self.provider_answer) {
            fields.push(serde_json::json!(answer));
        }
        fields.to_string().into_bytes()
    }
}
