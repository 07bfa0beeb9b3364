"""An endpoint of an app that webhooks are sent to, and what it believes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import queue
import threading
from typing import Any

import pytest
import scalekit


class Receiver:
    """An endpoint of an app. `answers` are the next statuses; afterwards it is 204."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answers: queue.Queue[int] = queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
                try:
                    status = receiver.answers.get_nowait()
                except queue.Empty:
                    status = 204
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"

    def of(self, kind: str) -> list[tuple[dict[str, str], bytes]]:
        """What arrived of this type."""
        return [(headers, body) for headers, body in list(self.seen) if json.loads(body)["type"] == kind]

    def stop(self) -> None:
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


def verified(secret: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The event, if the official SDK and an independent HMAC both believe it, and neither an altered one."""
    client = object.__new__(scalekit.ScalekitClient)  # verifying needs no server
    assert client.verify_webhook_payload(secret, headers, body)
    with pytest.raises(Exception, match="(?i)signature"):
        client.verify_webhook_payload(secret, headers, body + b" ")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert expected in headers["webhook-signature"].split(" ")
    event = json.loads(body)
    assert event["id"] == headers["webhook-id"]
    return event
