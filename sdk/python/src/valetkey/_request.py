"""Requests before they are sent: paths that stay where they belong, queries, bodies, whether they may be repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional, Union
from urllib.parse import quote, urlencode

from .errors import invalid_argument

Query = Mapping[str, Union[str, int, float, bool, Sequence[Union[str, int, float, bool]], None]]
"""Query parameters. `None` is left out, a sequence repeats the name."""

API = "/v1/connect"


@dataclass(frozen=True)
class Request:
    """A request that can be sent any number of times."""

    method: str
    """The HTTP method."""
    path: str
    """From the root of the server on, percent-encoded."""
    query: Optional[Query] = None
    """Query parameters."""
    body: Optional[bytes] = field(default=None, repr=False)
    """The body as sent."""
    content_type: Optional[str] = None
    """The type of the body."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers of this request alone."""
    repeatable: bool = False
    """Whether sending it twice does what sending it once does."""
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The JSON body's object, for the log (which takes harmless fields of it only)."""
    proxied: bool = False
    """Whether the answer may be the provider's."""
    authenticated: bool = True
    """Whether it carries a token."""

    @property
    def target(self) -> str:
        """Path and query as sent."""
        pairs = [
            (name, _query_text(item))
            for name, value in (self.query or {}).items()
            if value is not None
            for item in ([value] if isinstance(value, (str, int, float, bool)) else value)
        ]
        return self.path + ("?" + urlencode(pairs, quote_via=quote, safe="") if pairs else "")

    @property
    def name(self) -> str:
        """Method and path, for people."""
        return f"{self.method} {self.path}"


def _query_text(value: Union[str, int, float, bool]) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def get(path: str, query: Optional[Query] = None) -> Request:
    """A GET of the API."""
    return Request("GET", API + path, query=query, repeatable=True)


def send(
    method: str,
    path: str,
    fields: Optional[Mapping[str, Any]] = None,
    *,
    repeatable: bool = False,
    headers: Optional[Mapping[str, str]] = None,
) -> Request:
    """A request of the API with a JSON body, or with none."""
    body = None if fields is None else encode(fields)
    return Request(
        method,
        API + path,
        body=body,
        content_type=None if body is None else "application/json",
        headers=headers or {},
        repeatable=repeatable,
        fields=fields or {},
    )


def encode(value: Any) -> bytes:
    """JSON as sent."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise invalid_argument(f"The body cannot be written as JSON: {error}.") from error


def form(path: str, fields: Mapping[str, str]) -> Request:
    """A form for the token endpoint."""
    return Request(
        "POST",
        path,
        body=urlencode(fields).encode(),
        content_type="application/x-www-form-urlencoded",
        repeatable=True,
        authenticated=False,
    )


def segment(what: str, value: str) -> str:
    """One segment of a path: whatever it holds, it stays one segment."""
    if not isinstance(value, str) or value in ("", ".", ".."):
        raise invalid_argument(f"{what} must be a name or an id; it is {value!r}.")
    return quote(value, safe="")


def given(**values: Any) -> dict[str, Any]:
    """The values that are not `None`."""
    return {name: value for name, value in values.items() if value is not None}


def instant(at: Optional[datetime]) -> Optional[str]:
    """A point in time as sent (RFC 3339)."""
    if at is None:
        return None
    if at.utcoffset() is None:
        raise invalid_argument("A point in time needs its time zone.", "Give an aware datetime: datetime.now(timezone.utc).")
    return at.isoformat()


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()
"""Leaves a field as it is, where `None` would remove it."""


def changed(**values: Any) -> dict[str, Any]:
    """The values that are set; `None` is one of them."""
    return {name: value for name, value in values.items() if value is not UNSET}


@dataclass(frozen=True)
class Who:
    """Which account: by id, or by identifier and connection name."""

    connected_account_id: Optional[str] = None
    """`ca_…`"""
    identifier: Optional[str] = None
    """Your own id of the end user."""
    connection_name: Optional[str] = None
    """The name of the connection."""
    account_name: Optional[str] = None
    """Which of several accounts that the user has on the connection."""

    def checked(self, also: str = "") -> Who:
        """This, once it is certain that it names one account in one way."""
        if self.connected_account_id and (self.identifier or self.connection_name or self.account_name):
            raise invalid_argument("The account is named twice: by connected_account_id, and by identifier or connection_name.")
        if not self.connected_account_id and not (self.identifier and self.connection_name):
            if not self.identifier and not self.connection_name:
                raise invalid_argument(f"No account is named: give identifier and connection_name, or connected_account_id{also}.")
            missing = "connection_name" if self.identifier else "identifier"
            raise invalid_argument(f"{missing} is missing: identifier and connection_name name an account together.")
        return self

    @property
    def key(self) -> dict[str, str]:
        """The natural key as fields."""
        key = {"identifier": self.identifier or "", "connection_name": self.connection_name or ""}
        return {**key, "account_name": self.account_name} if self.account_name else key

    @property
    def fits_headers(self) -> bool:
        """Whether the natural key consists of printable ASCII."""
        return all(value.isascii() and value.isprintable() for value in self.key.values())


_DOTS = re.compile(r"(?:\.|%2[eE]){1,2}")
_ESCAPE_OR_NOT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def proxied(
    method: str, path: str, query: Optional[Query], headers: Mapping[str, str], body: Optional[bytes], content_type: Optional[str]
) -> Request:
    """A request to a provider's API through the server."""
    method = method.upper()
    if not re.fullmatch(r"[A-Z]+", method):
        raise invalid_argument("method must be an HTTP method such as GET.")
    trimmed = path[1:] if path.startswith("/") else path
    if not trimmed:
        raise invalid_argument("path is empty: give the path below the connector's API base URL.")
    if re.search(r"[?#\\\x00-\x1f\x7f]", trimmed) or any(_DOTS.fullmatch(part) for part in trimmed.split("/")):
        raise invalid_argument(
            "path must stay below the connector's API: no `.` or `..` segments, `?`, `#`, backslash or control characters.",
            "Give the path alone, and query parameters in query.",
        )
    if any(name.lower() == "authorization" for name in headers):
        raise invalid_argument("The header Authorization is the server's to set: it adds the account's credential.")
    encoded = quote(_ESCAPE_OR_NOT.sub("%25", trimmed), safe="%/:@!$&'()*+,;=~")
    return Request(
        method,
        "/proxy/" + encoded,
        query=query,
        body=body,
        content_type=content_type,
        headers=headers,
        repeatable=method in ("GET", "HEAD"),
        proxied=True,
    )
