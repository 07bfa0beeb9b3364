"""What can go wrong, as classes.

Every failure of the server has a code of one catalogue; the class follows from the code, then from the HTTP status. All
are `ValetkeyError`. As text an error says what happened, why, what to do and the id to look it up by:

    Access was taken away at the provider. [account_revoked]
    Cause: The user or an administrator removed the app's access.
    What to do:
      - Explain why access is needed and send the user a new authorization link. (the link: error.authorization_link)
    More: https://valetkey.example.com/docs/errors/account_revoked
    Request id: req_01m81s7f0w2m7a0xjz34e6zhfg
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, Callable, Optional

from .models import FieldViolation, ProviderEvidence, Remedy, ShortDiagnosis

__all__ = [
    "AccountDisconnectedError",
    "AccountExpiredError",
    "AccountFailedError",
    "AccountNotActiveError",
    "AccountPendingError",
    "AccountPendingVerificationError",
    "AccountRevokedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionError",
    "ForbiddenError",
    "InsufficientScopeError",
    "InvalidRequestError",
    "NotFoundError",
    "RateLimitedError",
    "ServerError",
    "TimeoutError",
    "ToolError",
    "ToolForbiddenError",
    "ToolRateLimitedError",
    "ToolTimeoutError",
    "ToolUnauthorizedError",
    "ToolUnreachableError",
    "UnauthorizedError",
    "ValetkeyError",
]

_LINK_ACTIONS = ("authorize", "reauthorize")


class ValetkeyError(Exception):
    """Something went wrong. The base of every error of this package."""

    code: str
    """The code of the catalogue; programs branch on it. Codes that begin with `client_` or `connection_…` of
    `ConnectionError` come from this package, `http_…` from answers that are not Valetkey's."""
    message: str
    """What happened, for people."""
    cause: Optional[str]
    """Why."""
    remedies: list[Remedy]
    """What to do, in order."""
    docs: Optional[str]
    """The page that explains the code."""
    request_id: Optional[str]
    """The id of the request, as in the server's log."""
    account_id: Optional[str]
    """The connected account concerned."""
    connection_id: Optional[str]
    """The connection concerned."""
    execution_id: Optional[str]
    """The execution that failed."""
    retry_after_ms: Optional[int]
    """When a retry may help, in milliseconds from the answer."""
    http_status: Optional[int]
    """The HTTP status of the answer, if there was one."""
    fields: list[FieldViolation]
    """The fields of the request at fault."""
    provider: Optional[ProviderEvidence]
    """What the provider said."""
    diagnosis: Optional[ShortDiagnosis]
    """Of a failed call: what a diagnosis says in short. `broken` means that repeating does not help before somebody acts."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        cause: Optional[str] = None,
        remedies: Optional[list[Remedy]] = None,
        docs: Optional[str] = None,
        request_id: Optional[str] = None,
        account_id: Optional[str] = None,
        connection_id: Optional[str] = None,
        execution_id: Optional[str] = None,
        retry_after_ms: Optional[int] = None,
        http_status: Optional[int] = None,
        fields: Optional[list[FieldViolation]] = None,
        provider: Optional[ProviderEvidence] = None,
        diagnosis: Optional[ShortDiagnosis] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.cause = cause
        self.remedies = remedies or []
        self.docs = docs
        self.request_id = request_id
        self.account_id = account_id
        self.connection_id = connection_id
        self.execution_id = execution_id
        self.retry_after_ms = retry_after_ms
        self.http_status = http_status
        self.fields = fields or []
        self.provider = provider
        self.diagnosis = diagnosis

    @property
    def retry_after(self) -> Optional[float]:
        """When a retry may help, in seconds from the answer."""
        return None if self.retry_after_ms is None else self.retry_after_ms / 1000

    @property
    def authorization_link(self) -> Optional[str]:
        """The link to send to the end user, where a remedy comes with one. It is a secret, so it is not in the text."""
        return next((r.url for r in self.remedies if r.action in _LINK_ACTIONS and r.url), None)

    def __str__(self) -> str:
        lines = [f"{self.message} [{self.code}]"]
        if self.cause:
            lines.append(f"Cause: {self.cause}")
        lines += [f"  {v.field}: {v.message}" for v in self.fields if v.field not in self.message]
        if self.provider is not None:
            said = [str(part) for part in (self.provider.status, self.provider.code, self.provider.message) if part is not None]
            if said:
                lines.append(f"The provider said: {' '.join(said)}")
        if self.diagnosis is not None and self.diagnosis.summary:
            lines.append(f"Diagnosis: {self.diagnosis.summary}")
        if self.remedies:
            lines.append("What to do:")
            lines += [f"  - {_with_link(remedy)}" for remedy in self.remedies]
        if self.retry_after_ms is not None:
            lines.append(f"Retry after: {self.retry_after_ms / 1000:g} s")
        for label, value in (
            ("More", self.docs),
            ("Request id", self.request_id),
            ("Execution", self.execution_id),
            ("Account", self.account_id),
        ):
            if value:
                lines.append(f"{label}: {value}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, message={self.message!r}, request_id={self.request_id!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.message, dict(self.__dict__))


def _revive(cls: type[ValetkeyError], message: str, state: dict[str, Any]) -> ValetkeyError:
    error = cls(message, code=state["code"])
    error.__dict__.update(state)
    return error


def _with_link(remedy: Remedy) -> str:
    if not remedy.url:
        return remedy.text
    if remedy.action in _LINK_ACTIONS:
        return f"{remedy.text} (the link: error.authorization_link)"
    return f"{remedy.text} ({remedy.url})"


class ConfigurationError(ValetkeyError, ValueError):
    """The client cannot be made from what it was given."""


class InvalidRequestError(ValetkeyError, ValueError):
    """The request is wrong: the server says so (see `fields`), or it could not even be sent."""


class UnauthorizedError(ValetkeyError):
    """The server does not know the caller: API token, client id or client secret are wrong."""


class ForbiddenError(ValetkeyError):
    """The caller may not do this."""


class InsufficientScopeError(ForbiddenError):
    """The account lacks a scope that the tool needs; its user must authorize again."""


class NotFoundError(ValetkeyError):
    """There is no such thing, or not any more."""


class ConflictError(ValetkeyError):
    """It does not fit the present state: it exists already, is in use, is not configured …"""


class AccountNotActiveError(ValetkeyError):
    """The account cannot be used as it is. `authorization_link` is there when the server made one."""

    account_status: str = ""
    """The account's status: `PENDING`, `EXPIRED` …"""


class AccountPendingError(AccountNotActiveError):
    """The user has not authorized the account yet."""

    account_status = "PENDING"


class AccountPendingVerificationError(AccountNotActiveError):
    """The user has authorized the account; your app must confirm who it was (`verify_connected_account_user`)."""

    account_status = "PENDING_VERIFICATION"


class AccountExpiredError(AccountNotActiveError):
    """The account's credential ran out and could not be renewed."""

    account_status = "EXPIRED"


class AccountRevokedError(AccountNotActiveError):
    """Access was taken away at the provider."""

    account_status = "REVOKED"


class AccountFailedError(AccountNotActiveError):
    """Authorizing the account failed, not through the user's doing; its events say why."""

    account_status = "ERROR"


class AccountDisconnectedError(AccountNotActiveError):
    """The account was disconnected here."""

    account_status = "DISCONNECTED"


class RateLimitedError(ValetkeyError):
    """Too many requests; see `retry_after`."""


class ToolError(ValetkeyError):
    """The provider did not do what the call asked for. `execution_id` names the record, `provider` what it said."""


class ToolRateLimitedError(ToolError, RateLimitedError):
    """The provider's rate limit is reached; see `retry_after`."""


class ToolUnauthorizedError(ToolError):
    """The provider refused the credential."""


class ToolForbiddenError(ToolError):
    """The provider does not allow the call."""


class TimeoutError(ValetkeyError, builtins.TimeoutError):
    """It took too long: the call's own time-out passed (`client_timeout`), or a server's."""


class ToolTimeoutError(ToolError, TimeoutError):
    """The provider did not answer in time. A call that changes something may have happened all the same."""


class ToolUnreachableError(ToolError):
    """The server could not reach the provider: DNS, network or TLS between the two."""


class ConnectionError(ValetkeyError, builtins.ConnectionError):
    """The Valetkey server could not be reached, or broke off.

    The code tells why: `connection_dns_failed`, `connection_refused`, `connection_tls_failed`, `connection_failed`.
    """


class ServerError(ValetkeyError):
    """The server failed, or something between that is not Valetkey answered."""


_BY_CODE: dict[str, type[ValetkeyError]] = {
    "account_pending": AccountPendingError,
    "account_pending_verification": AccountPendingVerificationError,
    "account_expired": AccountExpiredError,
    "account_revoked": AccountRevokedError,
    "account_error": AccountFailedError,
    "account_disconnected": AccountDisconnectedError,
    "insufficient_scope": InsufficientScopeError,
    "upstream_rate_limited": ToolRateLimitedError,
    "upstream_unauthorized": ToolUnauthorizedError,
    "upstream_forbidden": ToolForbiddenError,
    "upstream_timeout": ToolTimeoutError,
    "upstream_connect_timeout": ToolTimeoutError,
    "upstream_unreachable": ToolUnreachableError,
    "upstream_dns_failed": ToolUnreachableError,
    "upstream_tls_failed": ToolUnreachableError,
    "upstream_refused": ToolUnreachableError,
    "upstream_resolver_failed": ToolUnreachableError,
    "upstream_proxy_unreachable": ToolUnreachableError,
    "upstream_proxy_auth_required": ToolUnreachableError,
    "upstream_proxy_refused": ToolUnreachableError,
    "upstream_tls_expired": ToolUnreachableError,
    "upstream_tls_not_yet_valid": ToolUnreachableError,
    "upstream_tls_unknown_issuer": ToolUnreachableError,
    "upstream_tls_host_mismatch": ToolUnreachableError,
}

_BY_STATUS: dict[int, type[ValetkeyError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    408: TimeoutError,
    409: ConflictError,
    410: NotFoundError,
    429: RateLimitedError,
    504: TimeoutError,
}


def class_of(code: str, status: int) -> type[ValetkeyError]:
    """The class of an error: by its code first, then by the HTTP status."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code.startswith("upstream_"):
        return ToolError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return InvalidRequestError if 400 <= status < 500 else ServerError


def remedy(action: str, text: str) -> Remedy:
    """A remedy that this package itself suggests."""
    return Remedy.from_wire({"action": action, "text": text})


def from_body(
    body: Mapping[str, Any],
    status: Optional[int],
    *,
    request_id: Optional[str],
    retry_after_ms: Optional[int],
    status_of: Callable[[str], int] = lambda _: 500,
) -> Optional[ValetkeyError]:
    """The error in an answer of the server; `None` if the answer does not have the error shape.

    Where it comes without a status of its own, `status_of` says by its code which one counts for its class.
    """
    error = body.get("error")
    if not isinstance(error, Mapping) or not isinstance(error.get("code"), str) or not error["code"]:
        return None
    code: str = error["code"]
    provider, diagnosis = error.get("provider"), error.get("diagnosis")
    return class_of(code, status_of(code) if status is None else status)(
        _text(error, "message") or f"The server refused the request with {code}.",
        code=code,
        cause=_text(error, "cause"),
        remedies=[Remedy.from_wire(item) for item in _objects(error, "remedies")],
        docs=_text(error, "docs"),
        request_id=_text(error, "request_id") or request_id,
        account_id=_text(error, "account_id"),
        connection_id=_text(error, "connection_id"),
        execution_id=_text(error, "execution_id"),
        retry_after_ms=retry_after_ms,
        http_status=status,
        fields=[FieldViolation.from_wire(item) for item in _objects(error, "fields")],
        provider=ProviderEvidence.from_wire(provider) if isinstance(provider, Mapping) else None,
        diagnosis=ShortDiagnosis.from_wire(diagnosis) if isinstance(diagnosis, Mapping) else None,
    )


def _text(data: Mapping[str, Any], key: str) -> Optional[str]:
    value = data.get(key)
    return value if isinstance(value, str) and value else None


def _objects(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = data.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def without_shape(status: int, *, request_id: Optional[str], retry_after_ms: Optional[int]) -> ValetkeyError:
    """The error for an answer that is not in the server's error shape."""
    if 300 <= status < 400:
        message = f"The server answered with a redirect (HTTP {status}), which is not followed."
        remedies = [remedy("fix_request", "Set env_url to the server's own address; check what is in front of it.")]
    else:
        message = f"The server answered with HTTP {status} and no Valetkey error."
        remedies = [remedy("check_network", "Check env_url, and what stands between here and the server: proxy, balancer, gateway.")]
    code = f"http_{status}"
    return class_of(code, status)(
        message,
        code=code,
        cause="The answer does not come from Valetkey itself.",
        remedies=remedies,
        request_id=request_id,
        retry_after_ms=retry_after_ms,
        http_status=status,
    )


def unreadable(status: Optional[int], what: str, request_id: Optional[str] = None) -> ServerError:
    """The error for a success whose body cannot be read."""
    return ServerError(
        f"The answer to {what} could not be read.",
        code="response_invalid",
        cause="It is not the JSON that the API description promises; something between may have replaced it.",
        remedies=[remedy("check_network", "Check env_url, and what stands between here and the server.")],
        request_id=request_id,
        http_status=status,
    )


def invalid_argument(message: str, action: str = "Correct the arguments of the call.") -> InvalidRequestError:
    """The error for a call that cannot be sent as it is."""
    return InvalidRequestError(message, code="client_invalid_argument", remedies=[remedy("fix_request", action)])


def misconfigured(message: str, action: str) -> ConfigurationError:
    """The error for a client that cannot be made."""
    return ConfigurationError(message, code="client_misconfigured", remedies=[remedy("check_credentials", action)])


def timed_out(
    what: str, seconds: float, execution_id: Optional[str] = None, *, repeatable: bool = True, tool: bool = False
) -> TimeoutError:
    """The error for a call whose own time-out has passed."""
    if tool:
        text = (
            "The tool may have run: look for its execution with list_executions before you call it again, or call it under "
            "the same idempotency_key. Run slow tools with execute_tool_async, or give a longer timeout."
        )
    elif repeatable:
        text = "Try again, with a longer timeout if it takes long."
    else:
        text = "Look first whether it happened before you send it again; give a longer timeout."
    first = remedy("retry", text)
    return TimeoutError(
        f"{what} was not done within {seconds:g} s.",
        code="client_timeout",
        cause="The time-out of the call passed before an answer came.",
        remedies=[first, remedy("check_network", "If it stays, check the network and the server's load.")],
        execution_id=execution_id,
    )
