"""What went wrong below HTTP, told apart, with what to do about each."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from .errors import ConnectionError, remedy


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [inner for inner in (current.__cause__, current.__context__) if inner is not None]
        # Several addresses were tried: the group holds what happened to each.
        waiting += list(getattr(current, "exceptions", ()))


def was_sent(error: httpx.TransportError) -> bool:
    """Whether anything of the request can have reached the server."""
    return not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout))


def connection_error(error: httpx.TransportError, where: str) -> ConnectionError:
    """The error for a connection to `where` that was not made or broke."""
    causes = list(_chain(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None and not was_sent(error):
        reason = getattr(tls, "verify_message", "") or tls.reason or "the handshake failed"
        return ConnectionError(
            f"No trusted TLS connection to {where}.",
            code="connection_tls_failed",
            cause=f"The certificate was not accepted: {reason}.",
            remedies=[
                remedy("check_network", "With a private CA give ca_file, or set VALETKEY_CA_FILE, to its certificate in PEM."),
                remedy("check_network", "Otherwise check the host name in env_url, this machine's clock, and TLS-inspecting proxies."),
            ],
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return ConnectionError(
            f"The host name of {where} could not be resolved.",
            code="connection_dns_failed",
            cause="DNS has no answer for it, or cannot be reached.",
            remedies=[remedy("check_network", "Check the host name in env_url (VALETKEY_URL) and this machine's DNS.")],
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return ConnectionError(
            f"Nothing listens at {where}.",
            code="connection_refused",
            cause="The connection was refused.",
            remedies=[
                remedy("check_network", "Check that the server runs, and host and port in env_url (VALETKEY_URL)."),
                remedy("check_network", "Check firewalls between here and there."),
            ],
        )
    if was_sent(error):
        return ConnectionError(
            f"The connection to {where} broke before the answer was complete.",
            code="connection_failed",
            cause=f"{type(error).__name__}: the request may have been carried out.",
            remedies=[remedy("retry", "For calls that change something, look first whether it happened, then send it again.")],
        )
    return ConnectionError(
        f"No connection to {where}.",
        code="connection_failed",
        cause=f"{type(error).__name__}: the connection was not made.",
        remedies=[remedy("check_network", "Check network, firewall and proxy settings (HTTPS_PROXY) of this machine.")],
    )
