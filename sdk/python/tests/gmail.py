"""A mail provider on this machine in the shape of Gmail's API and of an OAuth server, for the connector `gmail`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

SCOPES = "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/gmail.readonly"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gmail

    def log_message(self, *_: Any) -> None:
        """Nothing to the terminal."""

    def _answer(self, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            back = urlencode({"code": "code", "state": query["state"], "scope": SCOPES})
            self._answer(302, {}, location=f"{query['redirect_uri']}?{back}")
        elif parts.path == "/userinfo":
            self._answer(200, {"sub": "1", "email": "ada@gmail.example"})
        else:
            self._api()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/token":
            if b"grant_type=refresh_token" in body and self.server.refusing:
                self._answer(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
                return
            self.server.tokens += 1
            token = f"ya29.{self.server.tokens}"
            self.server.valid = {f"Bearer {token}"}
            grant = {"access_token": token, "refresh_token": "1//r", "expires_in": 3600, "token_type": "Bearer"}
            self._answer(200, {**grant, "scope": self.server.scopes})
        elif self.path == "/revoke":
            self._answer(200, {})
        else:
            self._api()

    def _api(self) -> None:
        if self.headers.get("authorization") not in self.server.valid:
            self._answer(401, {"error": {"code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED"}})
        elif self.server.limited > 0:
            self.server.limited -= 1
            error = {"code": 429, "message": "Rate Limit Exceeded", "errors": [{"reason": "rateLimitExceeded"}]}
            self._answer(429, {"error": error}, **{"retry-after": "1"})
        elif self.path.endswith("/profile"):
            self._answer(200, {"emailAddress": "ada@gmail.example", "messagesTotal": 3, "threadsTotal": 2, "historyId": "7"})
        elif self.path.endswith("/messages/send"):
            self.server.sent += 1
            self._answer(200, {"id": "m_1", "threadId": "t_1", "labelIds": ["SENT"]})
        else:
            self._answer(404, {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}})


class Gmail(ThreadingHTTPServer):
    """The provider. Tests set how it behaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens = 0
        self.sent = 0
        self.limited = 0
        """So many requests are refused for the rate limit."""
        self.refusing = False
        """Refreshes are refused."""
        self.scopes = SCOPES
        """What the next grant gets."""
        self.valid: set[str] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def overrides(self) -> dict[str, str]:
        """The addresses for a connection."""
        url = f"http://127.0.0.1:{self.server_port}"
        return {
            "api_base_url": url,
            "authorize_url": f"{url}/authorize",
            "token_url": f"{url}/token",
            "userinfo_url": f"{url}/userinfo",
            "revoke_url": f"{url}/revoke",
        }

    def close(self) -> None:
        """Ends it."""
        self.shutdown()
        self.server_close()
        self._thread.join()
