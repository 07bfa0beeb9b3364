"""Sends requests: with the token, within the call's time-out, again where that is safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

import httpx

from .. import _log, _retry
from .._answer import Answer
from .._config import Options
from .._faults import connection_error, was_sent
from .._request import Request
from .._system import AsyncSystem
from .._version import __version__
from ..errors import ValetkeyError, invalid_argument, timed_out, unreadable, without_shape
from .tokens import AsyncTokens

USER_AGENT = f"valetkey-python/{__version__}"


@dataclass(frozen=True)
class AsyncTransport:
    """One client's way to the server. Copies with other options share connections and token."""

    http: httpx.AsyncClient
    """Sends."""
    base_url: str
    """The server's address."""
    tokens: AsyncTokens
    """Gives access tokens."""
    system: AsyncSystem
    """Clock, sleep and randomness."""
    options: Options
    """Time-out and repeats."""

    def begin(self, at_most: Optional[float] = None) -> AsyncCall:
        """A call: one or more requests under one time-out, which begins now; it is not longer than `at_most` seconds."""
        timeout = self.options.timeout if at_most is None else min(self.options.timeout, at_most)
        return AsyncCall(self, self.system.now() + timeout)


class AsyncCall:
    """The requests of one call of the API."""

    def __init__(self, transport: AsyncTransport, deadline: float) -> None:
        self._transport = transport
        self._deadline = deadline

    async def send(self, request: Request) -> Answer:
        """The answer to a request: a success, or a provider's own answer whatever it is.

        Raises:
            ValetkeyError: everything else.
        """
        options = self._transport.options
        renewed = False
        attempt = 0
        while True:
            token = await self._transport.tokens.get(self.send) if request.authenticated else None
            answer: Optional[Answer] = None
            said: Mapping[str, Any] = {}
            sent = True
            try:
                answer = await self._exchange(request, token, attempt)
            except httpx.TransportError as failure:
                error: ValetkeyError = connection_error(failure, self._transport.base_url)
                error.__cause__ = failure
                sent = was_sent(failure)
            else:
                if answer.status < 300:
                    return answer
                if request.proxied and answer.execution_id:
                    # The provider's own: its body is not the server's to explain.
                    error = without_shape(answer.status, request_id=answer.request_id, retry_after_ms=_retry.told(answer.headers, {}))
                else:
                    error, said = (answer.error(), answer.said) if request.authenticated else (answer.token_error(), answer.said)
                    if token is not None and self._refused(answer, error, token) and not renewed:
                        # Nothing was done, so that any request may go out once more, at once.
                        renewed = True
                        continue
                    answer = None
            wait = _retry.wait(attempt, self._transport.system.random(), error, options)
            late = wait is None or self._transport.system.now() + wait > self._deadline
            if wait is None or late or not _retry.may_repeat(request, error, said, sent=sent):
                if answer is not None:
                    return answer
                raise error
            _log.waiting(request, wait, error.code)
            await self._transport.system.sleep(wait)
            attempt += 1

    def _refused(self, answer: Answer, error: ValetkeyError, token: str) -> bool:
        """Whether the server refused an access token that another can be got for. It is forgotten then."""
        if answer.status != 401 or error.code.startswith("upstream_") or not self._transport.tokens.renewable:
            return False
        self._transport.tokens.drop(token)
        return True

    async def _exchange(self, request: Request, token: Optional[str], attempt: int) -> Answer:
        system = self._transport.system
        started = system.now()
        left = self._deadline - started
        if left <= 0:
            raise self._timed_out(request)
        _log.sending(request, attempt)
        try:
            async with system.limit(left):
                answer = await self._roundtrip(request, token, left)
        except ValetkeyError:
            raise
        except (httpx.TimeoutException, TimeoutError) as failure:
            _log.failed(request, system.now() - started, "client_timeout")
            raise self._timed_out(request) from failure
        except httpx.LocalProtocolError:
            # Its text would show the header at fault, which may be a secret.
            raise invalid_argument("The request cannot be sent: a header holds characters that HTTP does not allow.") from None
        except httpx.DecodingError as failure:
            raise unreadable(None, request.name) from failure
        except httpx.TransportError as failure:
            _log.failed(request, system.now() - started, type(failure).__name__)
            raise
        _log.received(request, answer, system.now() - started)
        return answer

    async def _roundtrip(self, request: Request, token: Optional[str], left: float) -> Answer:
        headers = {"accept": "application/json", "user-agent": USER_AGENT, **request.headers}
        if request.content_type is not None:
            headers["content-type"] = request.content_type
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        try:
            prepared = self._transport.http.build_request(
                request.method,
                self._transport.base_url + request.target,
                headers=headers,
                content=request.body,
                timeout=httpx.Timeout(left),
            )
        except UnicodeEncodeError:
            raise invalid_argument("The request cannot be sent: a header holds characters outside of ASCII.") from None
        if not any(name.lower() == "cookie" for name in request.headers):
            # A client of the caller's may keep the cookies that providers send with proxied answers, of all users.
            prepared.headers.pop("cookie", None)
        response = await self._transport.http.send(prepared, stream=True, auth=None, follow_redirects=False)
        try:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                # A time-out holds for one read; an answer that trickles in must end too.
                if self._transport.system.now() > self._deadline:
                    raise self._timed_out(request)
        finally:
            await response.aclose()
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, names, bytes(content))

    def _timed_out(self, request: Request) -> ValetkeyError:
        tool = "idempotency-key" in request.headers
        return timed_out(request.name, self._transport.options.timeout, repeatable=request.method in ("GET", "HEAD"), tool=tool)
