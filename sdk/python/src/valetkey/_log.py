"""What is logged of requests and answers, to the logger `valetkey`: never a secret.

Of bodies only fields are written that are known to be harmless. Whatever is not listed here is not logged: tokens,
secrets, credentials, links, the input and output of tools.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Optional

from ._request import Request

log = logging.getLogger("valetkey")

_ASKED = ("tool_name", "identifier", "connection_name", "connected_account_id", "execution_id", "connector", "name", "mode", "probe")
_ANSWERED = ("id", "execution_id", "status", "tool_name", "connected_account_id", "verdict", "ok", "total_size", "name")
_REFUSED = ("code", "message", "request_id", "account_id", "execution_id", "retry_after_ms")


def _pick(data: Any, names: tuple[str, ...]) -> str:
    if not isinstance(data, Mapping):
        return ""
    picked = [f" {name}={data[name]!r}" for name in names if isinstance(data.get(name), (str, int, bool))]
    return "".join(picked)


def sending(request: Request, attempt: int) -> None:
    """A request goes out."""
    if log.isEnabledFor(logging.DEBUG):
        again = f" (attempt {attempt + 1})" if attempt else ""
        asked = "" if request.proxied else _pick(request.query, _ASKED) + _pick(request.fields, _ASKED)
        log.debug("→ %s%s%s", request.name, again, asked)


def received(request: Request, status: int, seconds: float, request_id: Optional[str], body: Any) -> None:
    """An answer has come."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    told = ""
    if not request.proxied and request.authenticated:
        error = body.get("error") if isinstance(body, Mapping) else None
        told = _pick(error, _REFUSED) if isinstance(error, Mapping) else _pick(body, _ANSWERED)
    log.debug("← %s %d in %.0f ms%s%s", request.name, status, seconds * 1000, f" {request_id}" if request_id else "", told)


def failed(request: Request, seconds: float, code: str) -> None:
    """No answer has come."""
    log.debug("← %s no answer after %.0f ms: %s", request.name, seconds * 1000, code)


def waiting(request: Request, seconds: float, code: str) -> None:
    """A request will be repeated."""
    log.debug("%s: %s, again in %.0f ms", request.name, code, seconds * 1000)
