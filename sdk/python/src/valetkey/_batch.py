"""Many tool calls in one request: what goes in, and what comes back for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ._answer import Answer
from ._request import given
from .errors import ValetkeyError, from_body, invalid_argument, unreadable
from .models import StartedExecution, ToolResult

__all__ = ["BatchResult", "BatchStart", "ToolCall"]


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool; the fields are the arguments of `execute_tool`."""

    tool_name: str
    """Such as `gmail_get_profile`."""
    tool_input: Optional[Mapping[str, Any]] = field(default=None, repr=False)
    """What the tool's `input_schema` asks for."""
    identifier: Optional[str] = None
    """Your own id of the end user."""
    connection_name: Optional[str] = None
    """Needed only where the user has accounts on several connections of the tool's connector."""
    account_name: Optional[str] = None
    """Which of several accounts that the user has on the connection."""
    connected_account_id: Optional[str] = None
    """Names the account instead of `identifier`."""
    organization_id: Optional[str] = None
    """Your own id of the user's organization."""
    user_id: Optional[str] = None
    """Your own further id of the user."""
    agent_run_id: Optional[str] = None
    """Your own id of the agent's run, for the records."""
    timeout: Optional[float] = None
    """The longest that the call may take at the server, in seconds."""
    max_age: Optional[int] = None
    """How old an answer may be that was given before, in seconds, for a tool that is `cacheable`."""
    idempotency_key: Optional[str] = None
    """Your own name of this very act. Left out: a fresh one."""

    def fields(self) -> dict[str, Any]:
        """What is sent, but for the key."""
        if not self.tool_name:
            raise invalid_argument("tool_name is empty.")
        return {
            "tool_name": self.tool_name,
            "tool_input": {} if self.tool_input is None else self.tool_input,
            **given(
                connected_account_id=self.connected_account_id,
                identifier=self.identifier,
                connection_name=self.connection_name,
                account_name=self.account_name,
                organization_id=self.organization_id,
                user_id=self.user_id,
                agent_run_id=self.agent_run_id,
                timeout_ms=None if self.timeout is None else round(self.timeout * 1000),
                max_age=self.max_age,
            ),
        }

    def key(self, fresh: Callable[[], str]) -> Optional[str]:
        """The key to send: the given one, else a fresh one. A call that may be answered from before needs none."""
        return self.idempotency_key or (fresh() if self.max_age is None else None)


@dataclass(frozen=True)
class BatchResult:
    """What one call of a batch brought: one of the two."""

    result: Optional[ToolResult]
    """What the tool gave."""
    error: Optional[ValetkeyError]
    """Why it gave nothing; of the class that `execute_tool` would have raised."""

    def unwrap(self) -> ToolResult:
        """What the tool gave.

        Raises:
            ValetkeyError: the error, if it gave nothing.
        """
        if self.result is None:
            raise self.error or unreadable(None, "a call of the batch")
        return self.result


@dataclass(frozen=True)
class BatchStart:
    """What became of one call of a batch that goes on in the background: one of the two."""

    started: Optional[StartedExecution]
    """The call that goes on; get its outcome with `wait_for_execution`."""
    error: Optional[ValetkeyError]
    """Why it was not taken on; of the class that `execute_tool_async` would have raised."""

    def unwrap(self) -> StartedExecution:
        """The call that goes on.

        Raises:
            ValetkeyError: the error, if it was not taken on.
        """
        if self.started is None:
            raise self.error or unreadable(None, "a call of the batch")
        return self.started


# The class of a call in a batch whose error comes without a status of its own, as older servers send it.
_STATUS_OF_CODE: dict[str, int] = {
    "unauthenticated": 401,
    "permission_denied": 403,
    "invalid_request": 400,
    "invalid_argument": 400,
    "tool_input_invalid": 400,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "refresh_too_early": 429,
    "deadline_exceeded": 504,
    "internal": 500,
    "seal_refused": 500,
    "overloaded": 503,
    "shutting_down": 503,
    "storage_unavailable": 503,
    "execution_interrupted": 503,
}


def status_of(code: str) -> int:
    """The status that a call would have failed with alone, as far as its class depends on it."""
    return 404 if code.endswith("_not_found") else _STATUS_OF_CODE.get(code, 409)


def results_of(answer: Answer, what: str, count: int) -> list[BatchResult]:
    """The results in an answer, one for each call."""
    return [
        BatchResult(ToolResult.from_wire(item), None) if error is None else BatchResult(None, error)
        for item, error in _items(answer, what, count)
    ]


def starts_of(answer: Answer, what: str, count: int) -> list[BatchStart]:
    """What became of each call, where none was waited for."""
    return [
        BatchStart(StartedExecution.from_wire(item), None) if error is None else BatchStart(None, error)
        for item, error in _items(answer, what, count)
    ]


def _items(answer: Answer, what: str, count: int) -> list[tuple[Mapping[str, Any], Optional[ValetkeyError]]]:
    results = answer.object(what).get("results")
    if not isinstance(results, list) or len(results) != count:
        raise unreadable(answer.status, what, answer.request_id)
    objects: list[Mapping[str, Any]] = [item if isinstance(item, Mapping) else {} for item in results]
    return [(item, _error_of(item, answer)) for item in objects]


def _error_of(item: Mapping[str, Any], answer: Answer) -> Optional[ValetkeyError]:
    said = item.get("error")
    if not isinstance(said, Mapping):
        return None
    wait, status = said.get("retry_after_ms"), item.get("http_status")
    told = wait if isinstance(wait, int) else None
    status = status if isinstance(status, int) and 400 <= status < 600 else None
    error = from_body(item, status, request_id=answer.request_id, retry_after_ms=told, status_of=status_of)
    return error or unreadable(answer.status, "a call of the batch", answer.request_id)
