"""What the server answers with. Times are aware `datetime`s; ids are strings with a prefix that says what they are of.

Every object keeps the JSON that it was read from in `raw`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from ._decode import Model
from ._webhook_models import Webhook, WebhookDelivery, WebhookEvent, WebhookSecret

__all__ = [
    "AuthorizationLink",
    "ConnectedAccount",
    "Connection",
    "ConnectionCheck",
    "ConnectionFault",
    "ConnectionReadiness",
    "ConnectionTest",
    "Connector",
    "ConnectorField",
    "Degraded",
    "Diagnosis",
    "DiagnosisStep",
    "DisconnectedAccount",
    "Event",
    "Evidence",
    "Execution",
    "ExecutionFailure",
    "FieldViolation",
    "Finding",
    "FoundTool",
    "Place",
    "ProviderEvidence",
    "Remedy",
    "Revocation",
    "ShortDiagnosis",
    "StartedExecution",
    "Tool",
    "ToolResult",
    "UncheckedItem",
    "VerifiedUser",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookSecret",
]


@dataclass(frozen=True)
class Place(Model):
    """A site, company or workspace at the provider."""

    id: str
    """The provider's id of it."""
    name: Optional[str]
    """Its name."""
    url: Optional[str]
    """Its address for people."""


@dataclass(frozen=True)
class Degraded(Model):
    """Renewals fail in passing."""

    code: str
    """What the last one failed with, as a code of the catalogue."""
    since: Optional[datetime]
    """Since when they fail."""
    failures: int
    """How many failed in a row."""
    retry_at: Optional[datetime]
    """The provider is not asked again before."""
    asked_for: bool
    """Whether the provider named that time."""


@dataclass(frozen=True)
class ConnectedAccount(Model):
    """One end user's account at a provider, as far as it is connected."""

    id: str
    """`ca_…`"""
    status: str
    """`PENDING`, `PENDING_VERIFICATION`, `ACTIVE`, `EXPIRED`, `REVOKED`, `ERROR` or `DISCONNECTED`."""
    connection_name: str
    """The name of its connection."""
    connection_id: str
    """`conn_…`"""
    connector: str
    """The connector, such as `gmail`."""
    provider: str
    """The connector's official upper-case name."""
    identifier: str
    """Your own id of the end user."""
    auth_type: str
    """How it is authorized: `OAUTH`, `OAUTH_CLIENT_CREDENTIALS`, `API_KEY`, `BASIC`, `BEARER` or `NONE`."""
    scopes: list[str]
    """The scopes granted at the provider."""
    api_config: dict[str, Any]
    """Free settings that you keep with the account."""
    created_at: Optional[datetime]
    """When it was made."""
    updated_at: Optional[datetime]
    """When it last changed."""
    last_used_at: Optional[datetime]
    """When it was last used for a call, to the minute."""
    token_expires_at: Optional[datetime]
    """When the provider's access token stops working; `None` if unknown or never."""
    label: Optional[str]
    """The e-mail address or user name at the provider, if known."""
    cause: Optional[str]
    """Why it is not working, as a code of the catalogue."""
    organization_id: Optional[str]
    """Your own id of the user's organization."""
    user_id: Optional[str]
    """Your own further user id."""
    account_name: Optional[str]
    """What tells it apart from other accounts of the user on the connection; `None` for the unnamed one."""
    refresh_at: Optional[datetime]
    """When its credential is renewed next without anybody asking."""
    degraded: Optional[Degraded]
    """Set while renewals fail in passing; the account works as long as its access token lives."""
    place: Optional[Place]
    """The site, company or workspace at the provider that it works in; `None` where accounts have none."""


@dataclass(frozen=True)
class Revocation(Model):
    """What became of a grant at the provider."""

    outcome: str
    """`revoked_and_verified`, `revoked`, `not_offered`, `kept_for_siblings`, `failed_will_retry` or `given_up`."""
    tokens: list[str]
    """The kinds of tokens that the provider took back."""
    siblings: list[str]
    """The accounts for whose sake the grant was kept."""
    code: Optional[str]
    """What a try failed with, as a code of the catalogue."""
    detail: Optional[str]
    """The case in words, if there is more to say."""
    retry_at: Optional[datetime]
    """When it is tried again."""


@dataclass(frozen=True)
class DisconnectedAccount(ConnectedAccount):
    """An account that was disconnected."""

    revocation: Optional[Revocation]
    """What became of the grant at the provider; `None` if there was none."""


@dataclass(frozen=True)
class AuthorizationLink(Model):
    """A link for the end user. It is a secret: whoever opens it first may authorize."""

    link: str = field(repr=False)
    """The address to open."""
    expires_at: Optional[datetime]
    """When it stops working."""
    account: ConnectedAccount
    """The account that it is for."""


@dataclass(frozen=True)
class VerifiedUser(Model):
    """A user whose identity was confirmed."""

    account: ConnectedAccount
    """The account, now `ACTIVE`."""
    post_user_verify_redirect_url: str
    """Send the user here next: a page that says it is done."""


@dataclass(frozen=True)
class ToolResult(Model):
    """What a tool gave."""

    execution_id: str
    """The record of the call: `ex_…`"""
    connected_account_id: str
    """The account that was used."""
    tool_name: str
    """The tool's own name."""
    data: Any
    """The tool's answer."""
    cached: bool
    """Whether the answer was given before and the provider was not asked (`max_age`)."""
    age: Optional[int]
    """How old such an answer is, in seconds."""


@dataclass(frozen=True)
class StartedExecution(Model):
    """A tool call that goes on in the background."""

    execution_id: str
    """The record of the call: `ex_…`, for `wait_for_execution`."""
    status: str
    """`RUNNING`"""


@dataclass(frozen=True)
class ExecutionFailure(Model):
    """Why an execution failed."""

    code: str
    """The code of the catalogue."""
    message: str
    """What happened."""
    cause: str
    """Why."""


@dataclass(frozen=True)
class ShortDiagnosis(Model):
    """What a diagnosis says in short."""

    verdict: str
    """`healthy`, `degraded` or `broken`; broken: the same call fails again until somebody has acted."""
    code: str
    """The code of the first finding."""
    actor: str
    """Whose move it is: `end_user`, `developer`, `operator`, `provider_admin` or `nobody`."""
    summary: str
    """The answer in prose."""


@dataclass(frozen=True)
class Execution(Model):
    """The record of one tool call or proxied request."""

    id: str
    """`ex_…`"""
    status: str
    """`RUNNING`, `SUCCEEDED`, `FAILED` or `UNKNOWN` (the server ended before the outcome was known)."""
    connector: str
    """The connector, such as `gmail`."""
    connection_id: str
    """The connection that was used: `conn_…`."""
    connected_account_id: str
    """The account that was used: `ca_…`."""
    identifier: str
    """The account's identifier."""
    client_id: str
    """The API client that called."""
    source: str
    """Through which door the call came: `rest`, `grpc`, `compat_rest`, `proxy`, `mcp` …"""
    request_id: str
    """The id of the request, as in the server's log: `req_…`."""
    started_at: Optional[datetime]
    """When it began."""
    tool_name: Optional[str]
    """The tool's own name; `None` for a proxied request."""
    agent_run_id: Optional[str]
    """Your own id of an agent run."""
    duration_us: Optional[int]
    """How long it took, in microseconds."""
    upstream_request: Optional[str]
    """Method and path sent to the provider, without the query."""
    upstream_status: Optional[int]
    """The provider's HTTP status, if it answered."""
    upstream_request_id: Optional[str]
    """Of a tool call that failed: the provider's name for the request, which its support asks for."""
    upstream_body: Optional[str]
    """Of a tool call that failed: the beginning of the provider's answer, at most 2048 bytes, without secrets."""
    error_code: Optional[str]
    """Why it failed, as a code of the catalogue."""
    error_message: Optional[str]
    """The error message as the caller got it."""
    data: Any
    """The tool's answer, for executions in the background that succeeded."""
    error: Optional[ExecutionFailure]
    """Why it failed, for executions in the background."""
    diagnosis: Optional[ShortDiagnosis]
    """Of a failed call that was asked for alone: what a diagnosis says in short."""


@dataclass(frozen=True)
class Event(Model):
    """One entry in the history of an account or a connection."""

    id: str
    """`ev_…`"""
    at: Optional[datetime]
    """When it happened."""
    kind: str
    """What happened."""
    actor: str
    """Who did it: `client:…`, `token:…`, `end_user` or `system`."""
    data: dict[str, Any]
    """Evidence and detail."""
    code: Optional[str]
    """The cause, as a code of the catalogue."""
    account_id: Optional[str]
    """The account concerned: `ca_…`."""
    connection_id: Optional[str]
    """The connection concerned: `conn_…`."""


@dataclass(frozen=True)
class Tool(Model):
    """A named action of a connector."""

    name: str
    """Its name, such as `gmail_get_profile`."""
    connector: str
    """The connector that it belongs to."""
    provider: str
    """The connector's official upper-case name."""
    definition: dict[str, Any]
    """`name`, `description`, `input_schema` (JSON Schema) and `annotations`, to hand to a model as they are."""
    cacheable: bool
    """Whether it accepts `max_age`."""


@dataclass(frozen=True)
class ConnectionReadiness(Model):
    """How a connection stands for one user."""

    connection_name: str
    """The name of the connection."""
    state: str
    """`READY`, `NEEDS_CONNECTION` or `NEEDS_REAUTH`."""
    connected_account_id: Optional[str]
    """The user's account on it, if there is one."""
    account_name: Optional[str]
    """What tells that account apart from others of the user on the connection."""


@dataclass(frozen=True)
class FoundTool(Model):
    """A tool that fits a search."""

    tool: Tool
    """The tool."""
    description: str
    """What it does."""
    score: float
    """How well it fits, from 0 to 1."""
    connections: list[ConnectionReadiness]
    """The connections of its connector; empty when no user was named."""


@dataclass(frozen=True)
class ConnectionFault(Model):
    """What the provider refuses about a connection's own configuration."""

    code: str
    """The code of the catalogue, such as `invalid_client`."""
    message: str
    """What it means."""
    since: Optional[datetime]
    """Since when."""


@dataclass(frozen=True)
class Connection(Model):
    """A configured connector."""

    id: str
    """`conn_…`"""
    name: str
    """Its name, unique within the environment."""
    connector: str
    """The connector that it configures."""
    provider: str
    """The connector's official upper-case name."""
    display_name: str
    """The connector's name for people."""
    auth_type: str
    """How its accounts are authorized."""
    client_id: Optional[str]
    """The OAuth client at the provider."""
    has_client_secret: bool
    """Whether a client secret is stored."""
    client_secret_expires_at: Optional[datetime]
    """When the client secret ends at the provider, if somebody said so."""
    use_shared_credentials: bool
    """Whether the operator-wide OAuth client is used."""
    scopes: list[str]
    """The scopes asked for; empty means the connector's defaults."""
    overrides: dict[str, Any]
    """Other addresses than the connector's."""
    variables: dict[str, Any]
    """Values for the connector's URL templates."""
    enabled: bool
    """Whether it is enabled."""
    redirect_uri: str
    """Register exactly this at the provider."""
    created_at: Optional[datetime]
    """When it was made."""
    updated_at: Optional[datetime]
    """When it last changed."""
    call_timeout_ms: Optional[int]
    """The longest that a call may take, in milliseconds; `None` leaves it to connector and server."""
    identity_policy: str
    """What happens when a user authorizes again with another account at the provider: `flag` or `refuse`."""
    fault: Optional[ConnectionFault]
    """Set while the provider refuses the connection's own configuration."""


@dataclass(frozen=True)
class ConnectionCheck(Model):
    """One thing that was checked about a connection."""

    item: str
    """What: `client_credentials`, `token_endpoint` …"""
    ok: bool
    """Whether it is in order."""
    detail: str
    """What was found, in words."""
    code: Optional[str]
    """The code of the catalogue, if it is not in order."""


@dataclass(frozen=True)
class UncheckedItem(Model):
    """One thing that could not be checked from the server."""

    item: str
    """What could not be checked."""
    reason: str
    """Why not, and how to find out."""


@dataclass(frozen=True)
class ConnectionTest(Model):
    """What a test of a connection found."""

    ok: bool
    """Whether everything that could be checked is in order."""
    checked: list[ConnectionCheck]
    """What was checked."""
    not_checked: list[UncheckedItem]
    """What could not be checked from the server."""


@dataclass(frozen=True)
class ConnectorField(Model):
    """A field of a static credential, or a variable of a connector's addresses."""

    name: str
    """Its name in requests."""
    label: str
    """Its label for people."""
    secret: bool
    """Whether it is a secret."""
    required: bool
    """Whether it must be given."""
    help: Optional[str]
    """Where to find the value."""


@dataclass(frozen=True)
class Connector(Model):
    """The definition of a third-party app."""

    slug: str
    """Its name."""
    provider: str
    """Its official upper-case name."""
    display_name: str
    """Its name for people."""
    description: str
    """What it is."""
    auth_type: str
    """How its accounts are authorized."""
    scopes: list[str]
    """The scopes that a connection asks for unless told otherwise."""
    fields: list[ConnectorField]
    """The fields of a static credential."""
    variables: list[ConnectorField]
    """The variables of its URL templates, to be set on the connection."""
    tools: list[str]
    """The names of its tools."""
    shared_credentials: bool
    """Whether the operator has set a shared OAuth client."""


@dataclass(frozen=True)
class Remedy(Model):
    """One thing to do about a failure."""

    action: str
    """The kind of step; programs branch on it: `reauthorize`, `wait`, `fix_request` …"""
    text: str
    """The step in words."""
    url: Optional[str] = field(repr=False)
    """A link that performs or explains the step. An authorization link is a secret."""


@dataclass(frozen=True)
class FieldViolation(Model):
    """A field of a request that is at fault."""

    field: str
    """The path of the field: `tool_input.to`."""
    message: str
    """What is wrong with it."""


@dataclass(frozen=True)
class ProviderEvidence(Model):
    """What the provider said."""

    status: Optional[int]
    """The HTTP status."""
    code: Optional[str]
    """The provider's own code."""
    message: Optional[str]
    """The provider's own words."""


@dataclass(frozen=True)
class Evidence(Model):
    """What a finding rests on."""

    kind: str
    """`event`, `execution`, `probe` …"""
    ref: Optional[str]
    """The id of the event or execution."""
    at: Optional[datetime]
    """When."""
    detail: str
    """What was seen, in words."""


@dataclass(frozen=True)
class Finding(Model):
    """One reason why it does not work."""

    code: str
    """The code of the catalogue."""
    severity: Optional[str]
    """What it means for the subject: `healthy`, `degraded` or `broken`."""
    confidence: str
    """`certain`, `likely` or `possible`."""
    actor: str
    """Whose move it is: `end_user`, `developer`, `operator`, `provider_admin` or `nobody`."""
    message: str
    """What is wrong."""
    cause: str
    """Why."""
    evidence: list[Evidence]
    """What it rests on: events, executions and probes, by their ids."""
    remedies: list[Remedy]
    """What to do, in order."""
    docs: Optional[str]
    """The page that explains the code."""


@dataclass(frozen=True)
class DiagnosisStep(Model):
    """One thing that a diagnosis looked at."""

    name: str
    """What was looked at."""
    outcome: str
    """What came of it."""
    detail: str
    """More about it, in words."""


@dataclass(frozen=True)
class Diagnosis(Model):
    """The answer to "why does it not work?"."""

    subject: dict[str, Any]
    """What was diagnosed: its ids."""
    verdict: str
    """`healthy`, `degraded` or `broken`."""
    summary: str
    """The answer in a few sentences."""
    findings: list[Finding]
    """The reasons, most certain first."""
    steps: list[DiagnosisStep]
    """What was looked at."""
