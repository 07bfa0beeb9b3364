"""Answers after they have come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Optional

from . import _retry
from .errors import (
    InvalidRequestError,
    ServerError,
    UnauthorizedError,
    ValetkeyError,
    class_of,
    from_body,
    remedy,
    unreadable,
    without_shape,
)


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower-case names) and body of an HTTP answer."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str] = field(repr=False)
    """The headers."""
    content: bytes = field(repr=False)
    """The body as it came."""

    @cached_property
    def body(self) -> Any:
        """The JSON of the body; `None` if it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def request_id(self) -> Optional[str]:
        """The server's id of the request."""
        return self.headers.get("x-request-id")

    @property
    def execution_id(self) -> Optional[str]:
        """Set on a provider's answer to a proxied request."""
        return self.headers.get("x-execution-id")

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """The error object of the body; empty without one."""
        error = self.body.get("error") if isinstance(self.body, Mapping) else None
        return error if isinstance(error, Mapping) else {}

    def object(self, what: str) -> Mapping[str, Any]:
        """The JSON object that a success must be."""
        if not isinstance(self.body, Mapping):
            raise unreadable(self.status, what, self.request_id)
        return self.body

    def error(self) -> ValetkeyError:
        """The error that an answer from 300 on is."""
        told = _retry.told(self.headers, self.said)
        known = from_body({"error": self.said}, self.status, request_id=self.request_id, retry_after_ms=told)
        return known or without_shape(self.status, request_id=self.request_id, retry_after_ms=told)

    def token_error(self) -> ValetkeyError:
        """The error of the token endpoint, which may have OAuth's shape (RFC 6749 §5.2) instead of the server's."""
        oauth = self.body.get("error") if isinstance(self.body, Mapping) else None
        if not isinstance(oauth, str) or not oauth:
            return self.error()
        described = self.body.get("error_description")
        message = described if isinstance(described, str) and described else f"The server refused to issue a token: {oauth}."
        told = _retry.told(self.headers, {})
        if oauth == "invalid_client":
            return UnauthorizedError(
                message,
                code="invalid_client_credentials",
                cause="No enabled API client has this id and secret.",
                remedies=[
                    remedy("check_credentials", "Check client_id and client_secret (VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET)."),
                    remedy("check_credentials", "Make a new API client with `valetkey client create`."),
                ],
                request_id=self.request_id,
                retry_after_ms=told,
                http_status=self.status,
            )
        code = f"token_{oauth}"
        return class_of(code, self.status)(message, code=code, request_id=self.request_id, retry_after_ms=told, http_status=self.status)


@dataclass(frozen=True)
class ProxyResponse:
    """A provider's answer to a proxied request, whatever its status."""

    status_code: int
    """The provider's HTTP status."""
    headers: Mapping[str, str] = field(repr=False)
    """The answer's headers, under lower-case names."""
    content: bytes = field(repr=False)
    """The body."""
    execution_id: Optional[str]
    """The record of the call: `ex_…`"""

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.content)

    def raise_for_status(self) -> ProxyResponse:
        """This answer, unless its status is 400 or more.

        Raises:
            InvalidRequestError: the provider answered with a 4xx status.
            ServerError: the provider answered with a 5xx status.
        """
        if self.ok:
            return self
        error = InvalidRequestError if self.status_code < 500 else ServerError
        raise error(
            f"The provider answered with HTTP {self.status_code}.",
            code=f"http_{self.status_code}",
            execution_id=self.execution_id,
            http_status=self.status_code,
        )
