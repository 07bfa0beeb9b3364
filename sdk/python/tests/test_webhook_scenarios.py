"""Webhooks with the real server: an endpoint of an app that verifies what it is told."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any, Optional

import pytest
from live import LiveServer, wait_for

from valetkey import InvalidRequestError, NotFoundError, WebhookEvent, WebhookVerificationError, verify_webhook


class Receiver:
    """An endpoint of an app; it answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.seen: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def do_POST(self) -> None:
                receiver.seen.append((dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"

    def told(self, secret: str, kind: str, nth: int = 0) -> Optional[WebhookEvent]:
        """The nth event of this type that arrived."""
        events = [verify_webhook(secret, headers, body) for headers, body in list(self.seen)]
        found = [event for event in events if event.type == kind]
        return found[nth] if len(found) > nth else None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint of its own."""
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_app_is_told_and_verifies_what_it_is_told(server: LiveServer, receiver: Receiver) -> None:
    client = server.client()
    hooks = client.webhooks
    types = ["account.activated", "execution.finished"]
    made = hooks.create(receiver.url, description="Tells the app", event_types=types)
    webhook, secret = made.webhook, made.secret
    assert secret.startswith("whsec_")
    assert made.old_secret_valid_until is None
    assert (webhook.event_types, webhook.enabled, webhook.status) == (types, True, "healthy")

    test = hooks.test(webhook.id)
    assert (test.type, test.outcome, test.attempts, test.response_status) == ("webhook.test", "delivered", 1, 200)
    assert (test.error, test.next_attempt_at) == (None, None)
    event = receiver.told(secret, "webhook.test")
    assert event is not None
    assert (event.id, event.data) == (test.id, {"webhook_id": webhook.id})
    headers, body = receiver.seen[0]
    with pytest.raises(WebhookVerificationError):
        verify_webhook(secret, headers, body + b" ")

    server.connect(client, "hooked_1", "grace")
    activated = wait_for(lambda: receiver.told(secret, "account.activated"), "the account is told")
    assert (activated.data["identifier"], activated.data["status"]) == ("hooked_1", "ACTIVE")
    started = client.actions.execute_tool_async(identifier="hooked_1", tool_name="sandbox_get_profile", tool_input={})
    finished = wait_for(lambda: receiver.told(secret, "execution.finished"), "the end of the call is told")
    assert (finished.data["id"], finished.data["data"]["email"]) == (started.execution_id, "grace@example.com")

    def delivered() -> Any:
        page = list(hooks.deliveries(webhook.id, outcome="delivered", page_size=1))
        return page if len(page) == 3 else None

    kinds = [delivery.type for delivery in wait_for(delivered, "all of it is noted")]
    assert sorted(kinds) == [*types, "webhook.test"]
    assert hooks.get(webhook.id).last_delivery_at is not None

    # The same message once more: its bytes are the same.
    before = [body for _, body in receiver.seen if b'"account.activated"' in body]
    again = hooks.redeliver(webhook.id, activated.id)
    assert (again.id, again.outcome) == (activated.id, "pending")
    wait_for(lambda: receiver.told(secret, "account.activated", 1), "it arrives again")
    assert [body for _, body in receiver.seen if b'"account.activated"' in body] == before * 2

    rotated = hooks.rotate_secret(webhook.id)
    assert rotated.old_secret_valid_until is not None
    receiver.status = 503
    failed = hooks.test(webhook.id)
    assert (failed.outcome, failed.response_status) == ("failed", 503)
    assert failed.error
    for valid in (secret, rotated.secret):
        assert verify_webhook(valid, *receiver.seen[-1]).id == failed.id
    assert [delivery.id for delivery in hooks.deliveries(webhook.id, outcome="failed")] == [failed.id]

    changed = hooks.update(webhook.id, description=None, enabled=False)
    assert (changed.description, changed.status, changed.disabled_reason) == (None, "disabled", "operator")
    assert webhook.id in [one.id for one in hooks.list(page_size=1)]
    with pytest.raises(NotFoundError) as unknown:
        hooks.redeliver(webhook.id, "dl_none")
    assert unknown.value.code == "delivery_not_found"
    hooks.delete(webhook.id)
    with pytest.raises(NotFoundError) as gone:
        hooks.get(webhook.id)
    assert gone.value.code == "webhook_not_found"
    with pytest.raises(InvalidRequestError) as wrong:
        hooks.create("ftp://app.example/hooks")
    assert [field.field for field in wrong.value.fields] == ["url"]
    with pytest.raises(InvalidRequestError):
        hooks.create(receiver.url, event_types=["account.renamed"])
