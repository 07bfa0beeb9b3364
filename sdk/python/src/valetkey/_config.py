"""What a client is made from: arguments first, then environment variables."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union
from urllib.parse import urlsplit

import httpx

from .errors import misconfigured

DEFAULT_TIMEOUT = 60.0
DEFAULT_MAX_RETRIES = 3
DEFAULT_MAX_RETRY_AFTER = 30.0


@dataclass(frozen=True)
class Credentials:
    """How the caller shows who it is: an API token, or client credentials."""

    api_token: Optional[str] = field(default=None, repr=False)
    """A static token."""
    client_id: str = ""
    """The id of an API client."""
    client_secret: str = field(default="", repr=False)
    """The secret of that API client."""


@dataclass(frozen=True)
class Options:
    """What may differ from call to call. Times are in seconds."""

    timeout: float = DEFAULT_TIMEOUT
    """Of one call in all, in seconds."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """How often a call is repeated at most."""
    max_retry_after: float = DEFAULT_MAX_RETRY_AFTER
    """The longest wait that the server may ask for, in seconds."""

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise misconfigured("timeout must be positive.", "Give the time-out of a call in seconds.")
        if self.max_retries < 0:
            raise misconfigured("max_retries must not be negative.", "Give 0 to switch repeats off.")


def base_url(env_url: Optional[str]) -> str:
    """The server's address without a trailing slash."""
    url = env_url or os.environ.get("VALETKEY_URL") or ""
    hint = "Give env_url, or set VALETKEY_URL, to the server's address, such as https://valetkey.example.com."
    if not url:
        raise misconfigured("The client does not know where the server is.", hint)
    try:
        parts = urlsplit(url)
        wrong = (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username is not None
            or parts.query
            or parts.fragment
            or (parts.port is not None and parts.port < 1)
        )
    except ValueError:
        wrong = True
    if wrong:
        raise misconfigured("The server's address must be https://HOST or http://HOST, without user, query or fragment.", hint)
    return url.rstrip("/")


def credentials(api_token: Optional[str], client_id: Optional[str], client_secret: Optional[str]) -> Credentials:
    """The caller's credentials. Arguments go before the environment, there the API token before client credentials."""
    if api_token and (client_id or client_secret):
        raise misconfigured("Two kinds of credentials were given: api_token, and client_id with client_secret.", "Give one of them.")
    if not (api_token or client_id or client_secret):
        api_token = os.environ.get("VALETKEY_API_TOKEN")
    if api_token:
        if not api_token.isascii() or not api_token.isprintable() or " " in api_token:
            # Told now: later only HTTP's own complaint about a header would be left.
            raise misconfigured("The API token holds characters that no token has.", "Check it for line ends and quotation marks.")
        return Credentials(api_token=api_token)
    client_id = client_id or os.environ.get("VALETKEY_CLIENT_ID")
    client_secret = client_secret or os.environ.get("VALETKEY_CLIENT_SECRET")
    if client_id and client_secret:
        return Credentials(client_id=client_id, client_secret=client_secret)
    if client_id or client_secret:
        missing = "client_secret" if client_id else "client_id"
        raise misconfigured(f"Half of the client credentials is missing: {missing}.", f"Give {missing}, or set VALETKEY_{missing.upper()}.")
    raise misconfigured(
        "The client has no credentials.",
        "Give client_id and client_secret (or set VALETKEY_CLIENT_ID and VALETKEY_CLIENT_SECRET), or api_token (VALETKEY_API_TOKEN).",
    )


def proxy(address: Optional[str]) -> Optional[httpx.Proxy]:
    """The proxy to go through."""
    if address is None:
        return None
    try:
        return httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL):
        # The address may hold a password.
        raise misconfigured("proxy is not the address of a proxy.", "Give it as http://HOST:PORT.") from None


def tls(ca_file: Union[str, Path, None]) -> ssl.SSLContext:
    """What to trust: the usual authorities, and those of `ca_file` or VALETKEY_CA_FILE besides."""
    context = httpx.create_ssl_context()
    path = ca_file or os.environ.get("VALETKEY_CA_FILE")
    if path:
        try:
            context.load_verify_locations(cafile=str(path))
        except (OSError, ssl.SSLError) as error:
            raise misconfigured(
                f"The CA file {path} cannot be read: {error.strerror or error}.",
                "Give ca_file (or set VALETKEY_CA_FILE) to a file with certificates in PEM.",
            ) from error
    return context
