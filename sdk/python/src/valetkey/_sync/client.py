"""The client."""

from __future__ import annotations

from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Optional, Union

import httpx

from .. import _config
from .._config import DEFAULT_MAX_RETRIES, DEFAULT_MAX_RETRY_AFTER, DEFAULT_TIMEOUT, Options
from .._system import System
from .accounts import Accounts
from .connections import Connections
from .executions import Executions
from .tokens import Tokens
from .tools import Tools
from .transport import Transport
from .webhooks import Webhooks


class Actions(Accounts, Tools, Executions, Connections):
    """Everything that a Valetkey server does for an agent's backend."""


class ValetkeyClient:
    """A client of one Valetkey server.

    Make one and keep it: it holds connections and its access token, and many threads may use it at once. Close it when
    done, or use it as a context manager.

    Args:
        env_url: the server's address. Left out: VALETKEY_URL.
        client_id: of the API client. Left out: VALETKEY_CLIENT_ID.
        client_secret: of the API client. Left out: VALETKEY_CLIENT_SECRET.
        api_token: `vk_…`, instead of client credentials. Left out (with them): VALETKEY_API_TOKEN.
        ca_file: certificates in PEM to trust besides the usual ones. Left out: VALETKEY_CA_FILE.
        proxy: an HTTP proxy's address. Left out: HTTPS_PROXY, HTTP_PROXY and NO_PROXY hold.
        timeout: of one call in all, repeats and waits included, in seconds.
        max_retries: how often a call that is safe to repeat is repeated at most.
        max_retry_after: the longest wait that the server may ask for, in seconds; asked for more, the call fails.
        http_client: used instead of one of its own, and not closed; `ca_file` and `proxy` are then its own business. Its
            cookies and its authentication are not used.

    Raises:
        ConfigurationError: address or credentials are missing or make no sense.
    """

    actions: Actions
    """Everything that the server does."""
    webhooks: Webhooks
    """Which addresses of your app are told of events."""

    def __init__(
        self,
        env_url: Optional[str] = None,
        client_id: Optional[str] = None,
        client_secret: Optional[str] = None,
        *,
        api_token: Optional[str] = None,
        ca_file: Union[str, Path, None] = None,
        proxy: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        max_retry_after: float = DEFAULT_MAX_RETRY_AFTER,
        http_client: Optional[httpx.Client] = None,
        _system: Optional[System] = None,
    ) -> None:
        options = Options(timeout, max_retries, max_retry_after)
        base_url = _config.base_url(env_url)
        credentials = _config.credentials(api_token, client_id, client_secret)
        system = _system or System()
        self._own_http = http_client is None
        http = http_client or httpx.Client(
            verify=_config.tls(ca_file),
            proxy=_config.proxy(proxy),
            # Providers' cookies come with proxied answers; one user's must never go out with another's request.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        )
        self._transport = Transport(http, base_url, Tokens(credentials, system), system, options)
        self.actions = Actions(self._transport)
        self.webhooks = Webhooks(self._transport)

    def with_options(
        self,
        *,
        timeout: Optional[float] = None,
        max_retries: Optional[int] = None,
        max_retry_after: Optional[float] = None,
    ) -> ValetkeyClient:
        """This client with other options; connections and token are shared, and this one closes them."""
        now = self._transport.options
        options = Options(
            now.timeout if timeout is None else timeout,
            now.max_retries if max_retries is None else max_retries,
            now.max_retry_after if max_retry_after is None else max_retry_after,
        )
        other = object.__new__(type(self))
        other._own_http = False
        other._transport = replace(self._transport, options=options)
        other.actions = Actions(other._transport)
        other.webhooks = Webhooks(other._transport)
        return other

    def close(self) -> None:
        """Closes the connections."""
        if self._own_http:
            self._transport.http.close()

    def __enter__(self) -> ValetkeyClient:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r})"
