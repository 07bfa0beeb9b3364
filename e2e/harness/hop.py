"""A recording hop: a reverse proxy that notes which bearer reached which path.

The emulated providers accept any bearer, so a green call proves only the shape of a request. What arrives here proves
whose token was sent. The hop also answers the few paths that an emulator lacks.
"""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import json
import threading
from collections.abc import Callable


@dataclasses.dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def bearer(self) -> str | None:
        """The bearer token, if any."""
        value = self.headers.get("authorization", "")
        return value.removeprefix("Bearer ") if value.startswith("Bearer ") else None


Answer = tuple[int, dict]


class Hop:
    """Listens on a port of its own and forwards to `upstream_port`, except for what `answers` covers."""

    def __init__(self, upstream_port: int | None, answers: dict[tuple[str, str], Callable[[Call], Answer]] | None = None):
        self.calls: list[Call] = []
        hop = self
        table = answers if answers is not None else {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                pass

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else b""
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, body)
                hop.calls.append(call)
                answer = table.get((self.command, self.path.partition("?")[0]))
                if answer is not None:
                    status, value = answer(call)
                    self._reply(status, [("content-type", "application/json")], json.dumps(value).encode())
                    return
                if upstream_port is None:
                    self._reply(404, [("content-type", "application/json")], b'{"error": {"code": 404, "message": "not here"}}')
                    return
                forward = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=30)
                try:
                    forward.request(self.command, self.path, body or None, {k: v for k, v in headers.items() if k not in ("connection",)})
                    reply = forward.getresponse()
                    self._reply(reply.status, reply.getheaders(), reply.read())
                finally:
                    forward.close()

            def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The base URL of the hop."""
        return f"http://127.0.0.1:{self.port}"

    def last(self, path_prefix: str) -> Call:
        """The latest call whose path starts so."""
        for call in reversed(self.calls):
            if call.path.startswith(path_prefix):
                return call
        raise AssertionError(f"no call to {path_prefix}; saw {[c.path for c in self.calls]}")

    def stop(self) -> None:
        """Closes the port."""
        self._server.shutdown()
        self._server.server_close()
