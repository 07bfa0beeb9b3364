"""The cases that all SDKs share, played against both clients."""

from __future__ import annotations

import inspect
import json
import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Union

import anyio
import httpx
import pytest
from scripted import AsyncFakeSystem, Clock, FakeSystem, Server, differences

import valetkey
from valetkey import AsyncPager, AsyncValetkeyClient, Pager, ToolCall, ValetkeyClient, ValetkeyError, verify_webhook

FOLDER = Path(os.environ.get("VALETKEY_CONFORMANCE") or Path(__file__).resolve().parents[2] / "conformance")
CASES = [
    pytest.param(case, id=f"{path.stem}-{case['name']}")
    for path in sorted((FOLDER / "cases").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
WEBHOOKS = {
    "create_webhook": "create",
    "list_webhooks": "list",
    "get_webhook": "get",
    "update_webhook": "update",
    "delete_webhook": "delete",
    "rotate_webhook_secret": "rotate_secret",
    "test_webhook": "test",
    "list_webhook_deliveries": "deliveries",
    "redeliver_webhook": "redeliver",
}
VARIABLES = ("VALETKEY_URL", "VALETKEY_API_TOKEN", "VALETKEY_CLIENT_ID", "VALETKEY_CLIENT_SECRET", "VALETKEY_CA_FILE")


def test_cases_are_there_and_have_names_of_their_own() -> None:
    names = [param.values[0]["name"] for param in CASES]  # type: ignore[index]
    assert len(names) > 150
    assert len(set(names)) == len(names)


def make(case: dict[str, Any], clock: Clock, server: Server, kind: str) -> Union[ValetkeyClient, AsyncValetkeyClient]:
    given = dict(case.get("client", {"api_token": "vk_canary_token"}))
    options: dict[str, Any] = {"env_url": given.pop("env_url", "https://valetkey.test")}
    for name, value in given.items():
        options[name[:-3] if name.endswith("_ms") else name] = value / 1000 if name.endswith("_ms") else value
    if kind == "sync":
        http = httpx.Client(transport=httpx.MockTransport(server.handle))
        return ValetkeyClient(**options, http_client=http, _system=FakeSystem(clock))
    ahttp = httpx.AsyncClient(transport=httpx.MockTransport(server.ahandle))
    return AsyncValetkeyClient(**options, http_client=ahttp, _system=AsyncFakeSystem(clock))


def _named(call: dict[str, Any]) -> dict[str, Any]:
    named = dict(call)
    if "timeout_ms" in named:
        named["timeout"] = named.pop("timeout_ms") / 1000
    return named


def _method(client: Any, name: str) -> Any:
    return getattr(client.webhooks, WEBHOOKS[name]) if name in WEBHOOKS else getattr(client.actions, name)


async def perform(client: Any, step: dict[str, Any]) -> Any:
    arguments = dict(step.get("args", {}))
    if step["call"] == "verify_webhook":
        arguments["now"] = datetime.fromisoformat(arguments["now"].replace("Z", "+00:00"))
        if "tolerance_s" in arguments:
            arguments["tolerance"] = arguments.pop("tolerance_s")
        given = arguments.pop("payload")
        events = [verify_webhook(**arguments, payload=payload) for payload in (given, given.encode())]
        assert events[0] == events[1]
        return events[0]
    if "timeout_ms" in arguments:
        arguments["timeout"] = arguments.pop("timeout_ms") / 1000
    for name in ("since", "until", "client_secret_expires_at"):
        if isinstance(arguments.get(name), str):
            arguments[name] = datetime.fromisoformat(arguments[name].replace("Z", "+00:00"))
    if "calls" in arguments:
        arguments["calls"] = [ToolCall(**_named(call)) for call in arguments["calls"]]
    result = _method(client, step["call"])(**arguments)
    if inspect.isawaitable(result):
        result = await result
    take = step["expect"].get("take", 10_000)
    items: list[Any] = []
    if isinstance(result, Pager):
        for item in result:
            items.append(item)
            if len(items) == take:
                break
        return items
    if isinstance(result, AsyncPager):
        async for item in result:
            items.append(item)
            if len(items) == take:
                break
        return items
    return result


def check_error(expected: dict[str, Any], error: ValetkeyError) -> list[str]:
    problems = []
    for name in [expected["class"], *expected.get("is", []), "ValetkeyError"]:
        if not isinstance(error, getattr(valetkey, name)):
            problems.append(f"{type(error).__name__} is no {name}")
    if type(error).__name__ != expected["class"]:
        problems.append(f"expected {expected['class']}, got {error!r}")
    problems += differences(expected.get("fields", {}), error, "error")
    text = str(error)
    problems += [f"{piece!r} is not in: {text}" for piece in [*expected.get("text", []), error.message] if piece not in text]
    problems += [f"{piece!r} is in: {text}" for piece in [*expected.get("text_lacks", []), "canary"] if piece in text]
    return problems


async def play(case: dict[str, Any], kind: str) -> None:
    clock = Clock(case.get("random", 0.5))
    server = Server(case.get("exchanges", []), clock)
    client: Any = None
    for number, step in enumerate(case["steps"]):
        if "advance_ms" in step:
            clock.time += step["advance_ms"] / 1000
            continue
        expected = step["expect"]
        try:
            client = client or make(case, clock, server, kind)
            got = await perform(client, step)
        except ValetkeyError as error:
            assert "error" in expected, f"step {number}: {error!r}; {server.problems}"
            problems = check_error(expected["error"], error)
        else:
            assert "error" not in expected, f"step {number}: no error but {got!r}"
            problems = differences(expected["value"] if "value" in expected else expected["items"], got, f"step {number}")
        assert not problems + server.problems
    assert server.done == len(server.exchanges), "not every request was sent"
    assert clock.sleeps_ms == pytest.approx(case.get("sleeps_ms", []), abs=1)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in case.get("env", {}).items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "valetkey")
    anyio.run(play, case, kind)
    assert "canary" not in caplog.text
    if case.get("exchanges"):
        assert any(record.name == "valetkey" for record in caplog.records)
