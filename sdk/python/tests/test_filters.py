"""Filters of histories: instants go out with their time zone or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from scripted import Clock, FakeSystem, Server

from valetkey import InvalidRequestError, ValetkeyClient

SINCE = datetime(2026, 3, 1, 9, 0, tzinfo=timezone(timedelta(hours=2)))
UNTIL = datetime(2026, 3, 2, 9, 0, 0, 250000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("path", "call", "arguments"),
    [
        ("accounts/ca_1", "list_account_events", {"connected_account_id": "ca_1"}),
        ("connections/gmail", "list_connection_events", {"connection": "gmail"}),
    ],
)
def test_history_is_filtered(path: str, call: str, arguments: dict[str, Any]) -> None:
    query = {
        "kind": "account.expired,account.revoked",
        "code": "upstream_timeout",
        "since": "2026-03-01T09:00:00+02:00",
        "until": "2026-03-02T09:00:00.250000+00:00",
        "page_size": "5",
    }
    clock = Clock(0.5)
    server = Server(
        [
            {
                "request": {"method": "GET", "path": f"/v1/connect/{path}/events", "query": query},
                "response": {"status": 200, "json": {"items": []}},
            }
        ],
        clock,
    )
    http = httpx.Client(transport=httpx.MockTransport(server.handle))
    actions: Any = ValetkeyClient("https://valetkey.test", api_token="vk_1", http_client=http, _system=FakeSystem(clock)).actions
    filters = {"kind": query["kind"], "code": query["code"], "until": UNTIL, "page_size": 5}
    assert list(getattr(actions, call)(**arguments, **filters, since=SINCE)) == []
    assert server.done == 1
    assert not server.problems
    with pytest.raises(InvalidRequestError, match="time zone"):
        getattr(actions, call)(**arguments, since=datetime(2026, 3, 1))  # noqa: DTZ001 - that is the mistake
    assert server.done == 1
