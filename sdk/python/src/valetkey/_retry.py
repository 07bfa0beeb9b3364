"""When a request is sent again, and after which wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Optional

from ._config import Options
from ._request import Request
from .errors import ConnectionError, ValetkeyError

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0

_STATUSES = (429, 502, 503, 504)

# Of the codes with such a status, those that would fail again.
_FUTILE = re.compile(r"upstream_(?:tls_\w+|proxy_auth_required|response_too_large|redirected)")

# The first sending of the same call still runs: asked again, the server gives its answer.
_ONGOING = "idempotency_in_progress"

# The server says that nothing was done yet.
_NOTHING_DONE = ("overloaded", "shutting_down")

# The connection was not made, and the reason may pass.
_NOT_SENT = ("connection_dns_failed", "connection_refused")


def jitter(attempt: int, random: float) -> float:
    """How long to wait before repeat `attempt` (0, 1 …), in seconds: full jitter over an exponential bound."""
    bound: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
    return random * bound


def wait(attempt: int, random: float, error: ValetkeyError, options: Options) -> Optional[float]:
    """How long to wait before repeat `attempt`, in seconds; `None` if there is none any more."""
    said = (error.retry_after_ms or 0) / 1000
    if attempt >= options.max_retries or said > options.max_retry_after:
        return None
    return said + jitter(attempt, random)


def may_repeat(request: Request, error: ValetkeyError, said: Mapping[str, Any], *, sent: bool) -> bool:
    """Whether a request that ended in `error` may be sent again.

    `said` is the error object of the answer, `sent` whether anything can have reached the server.
    """
    if error.code == "connection_tls_failed":
        return False
    if error.code in _NOTHING_DONE or (isinstance(error, ConnectionError) and not sent):
        return True
    if not request.repeatable or _FUTILE.fullmatch(error.code) or said.get("retry") == "never":
        return False
    return isinstance(error, ConnectionError) or error.http_status in _STATUSES or error.code == _ONGOING


def told(headers: Mapping[str, str], said: Mapping[str, Any]) -> Optional[int]:
    """How long the answer says to wait, in milliseconds: the error's own figure, else Retry-After (RFC 9110 §10.2.3)."""
    exact = said.get("retry_after_ms")
    if isinstance(exact, int) and not isinstance(exact, bool) and exact >= 0:
        return exact
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return int(value) * 1000
    try:
        # The difference to the server's own clock: this machine's may be wrong.
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("date", ""))
        return max(0, int((until - now).total_seconds() * 1000))
    except (TypeError, ValueError, IndexError):
        return None
