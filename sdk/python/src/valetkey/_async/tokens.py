"""The access token of client credentials (RFC 6749 §4.4): got when first needed, kept, renewed before it ends."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Callable, Optional

from .._config import Credentials
from .._request import Request, form
from .._system import AsyncSystem
from ..errors import unreadable

_LIFE_UNLESS_TOLD = 300.0
_LONGEST_MARGIN = 60.0


class AsyncTokens:
    """Gives out the bearer token; many tasks may ask at once, and one of them fetches."""

    def __init__(self, credentials: Credentials, system: AsyncSystem) -> None:
        self._credentials = credentials
        self._system = system
        self._lock = system.lock()
        self._token: Optional[str] = None
        self._renew_at = 0.0

    @property
    def renewable(self) -> bool:
        """Whether a refused token can be exchanged for a new one."""
        return self._credentials.api_token is None

    async def get(self, fetch: Callable[[Request], Awaitable[Any]]) -> str:
        """The token to send. `fetch` performs the request for a new one and gives the answer."""
        if self._credentials.api_token is not None:
            return self._credentials.api_token
        token = self._fresh()
        if token is not None:
            return token
        async with self._lock:
            # Somebody else may have fetched it while this one waited.
            token = self._fresh()
            if token is not None:
                return token
            answer = await fetch(
                form(
                    "/oauth/token",
                    {
                        "grant_type": "client_credentials",
                        "client_id": self._credentials.client_id,
                        "client_secret": self._credentials.client_secret,
                    },
                )
            )
            body = answer.object("the request for an access token")
            token = body.get("access_token")
            if not isinstance(token, str) or not token:
                raise unreadable(answer.status, "the request for an access token", answer.request_id)
            told = body.get("expires_in")
            life = float(told) if isinstance(told, (int, float)) and not isinstance(told, bool) and told > 0 else _LIFE_UNLESS_TOLD
            self._token = token
            self._renew_at = self._system.now() + life - min(life / 10, _LONGEST_MARGIN)
            return token

    def _fresh(self) -> Optional[str]:
        return self._token if self._token is not None and self._system.now() < self._renew_at else None

    def drop(self, token: str) -> None:
        """Forgets a token that was refused, unless a newer one has come since."""
        if self._token == token:
            self._token = None
