"""Scripted answers, a clock that only moves when told, and comparison of values with what a case expects."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Optional
from urllib.parse import parse_qsl

import httpx

from valetkey import ProxyResponse
from valetkey._decode import parse_time
from valetkey._system import AsyncSystem, System


class Clock:
    """Time that stands still but for what is done to it."""

    def __init__(self, chance: float) -> None:
        self.time = 1000.0
        self.chance = chance
        self.sleeps_ms: list[float] = []

    def slept(self, seconds: float) -> None:
        self.sleeps_ms.append(seconds * 1000)
        self.time += seconds


class FakeSystem(System):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock.time

    def random(self) -> float:
        return self.clock.chance

    def sleep(self, seconds: float) -> None:
        self.clock.slept(seconds)


class AsyncFakeSystem(AsyncSystem):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock.time

    def random(self) -> float:
        return self.clock.chance

    async def sleep(self, seconds: float) -> None:
        self.clock.slept(seconds)


class Server:
    """Plays exchanges in order. What does not fit is remembered, since a client may swallow what a transport raises."""

    def __init__(self, exchanges: list[dict[str, Any]], clock: Clock) -> None:
        self.exchanges = exchanges
        self.clock = clock
        self.done = 0
        self.bound: dict[str, str] = {}
        self.problems: list[str] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        where = f"exchange {self.done}"
        if self.done >= len(self.exchanges):
            self.problems.append(f"{where}: nothing more was expected, but {request.method} {request.url} came")
            raise httpx.ReadError("nothing more was expected")
        exchange = self.exchanges[self.done]
        self.done += 1
        self._check(exchange["request"], request, where)
        self.clock.time += exchange.get("takes_ms", 0) / 1000
        if "fault" in exchange:
            raise _fault(exchange["fault"], request)
        answer = exchange["response"]
        headers = dict(answer.get("headers", {}))
        if "json" in answer:
            headers.setdefault("content-type", "application/json")
            content = json.dumps(answer["json"]).encode()
        else:
            content = answer.get("text", "").encode()
        return httpx.Response(answer["status"], headers=headers, content=content, request=request)

    async def ahandle(self, request: httpx.Request) -> httpx.Response:
        return self.handle(request)

    def _check(self, expected: Mapping[str, Any], request: httpx.Request, where: str) -> None:
        raw_path, _, raw_query = request.url.raw_path.decode().partition("?")
        query: dict[str, Any] = {}
        for name, value in parse_qsl(raw_query, keep_blank_values=True, strict_parsing=bool(raw_query)):
            query[name] = value if name not in query else [*(query[name] if isinstance(query[name], list) else [query[name]]), value]
        self._same(expected["method"], request.method, f"{where} method")
        self._same(expected["path"], raw_path, f"{where} path")
        self._same(expected.get("query", {}), query, f"{where} query", exact=True)
        for name, value in expected.get("headers", {}).items():
            self._same(value, request.headers.get(name), f"{where} header {name}")
        body = request.content
        if "json" in expected:
            self._same(expected["json"], json.loads(body) if body else None, f"{where} json", exact=True)
        elif "form" in expected:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
            if len(dict(pairs)) != len(pairs):
                self.problems.append(f"{where}: a form field came twice")
            self._same(expected["form"], dict(pairs), f"{where} form", exact=True)
        elif body:
            self.problems.append(f"{where}: a body came: {body!r}")

    def _same(self, expected: Any, actual: Any, where: str, *, exact: bool = False) -> None:
        self.problems += differences(expected, actual, where, exact=exact, bound=self.bound)


def _fault(kind: str, request: httpx.Request) -> httpx.TransportError:
    error: httpx.TransportError
    if kind == "timeout":
        return httpx.ReadTimeout("timed out", request=request)
    if kind == "cut":
        return httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
    error = httpx.ConnectError("failed", request=request)
    error.__cause__ = {
        "refused": ConnectionRefusedError(111, "Connection refused"),
        "dns": socket.gaierror(-2, "Name or service not known"),
        "tls": ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"),
    }[kind]
    return error


_NOTHING = object()


def _part(value: Any, name: str) -> Any:
    if isinstance(value, ProxyResponse):
        if name == "json":
            try:
                return value.json()
            except ValueError:
                return None
        return value.status_code if name == "status" else getattr(value, name, _NOTHING)
    if isinstance(value, Mapping):
        return value.get(name, _NOTHING)
    if name == "class" and isinstance(value, Exception):
        return type(value).__name__
    return getattr(value, name, _NOTHING)


def differences(expected: Any, actual: Any, where: str, *, exact: bool = False, bound: Optional[dict[str, str]] = None) -> list[str]:
    """What is other than expected. Objects may have more than is named unless it is `exact`."""
    if isinstance(expected, Mapping) and len(expected) == 1 and next(iter(expected)).startswith("$"):
        return _matches(*next(iter(expected.items())), actual, where, {} if bound is None else bound)
    if isinstance(expected, Mapping):
        if not isinstance(actual, (Mapping, ProxyResponse)) and not dataclasses.is_dataclass(actual) and not isinstance(actual, Exception):
            return [f"{where}: expected an object, got {actual!r}"]
        if exact and isinstance(actual, Mapping) and set(expected) != set(actual):
            return [f"{where}: expected {dict(expected)!r}, got {actual!r}"]
        return [
            line
            for name, value in expected.items()
            for line in differences(value, _part(actual, name), f"{where}.{name}", exact=exact, bound=bound)
        ]
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return [f"{where}: expected {len(expected)} items, got {actual!r}"]
        return [
            line
            for index, (value, got) in enumerate(zip(expected, actual))
            for line in differences(value, got, f"{where}[{index}]", exact=exact, bound=bound)
        ]
    if isinstance(actual, datetime):
        return [] if parse_time(expected) == actual else [f"{where}: expected {expected!r}, got {actual.isoformat()}"]
    if expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        return [f"{where}: expected {expected!r}, got {'nothing' if actual is _NOTHING else repr(actual)}"]
    return []


def _matches(kind: str, wanted: Any, actual: Any, where: str, bound: dict[str, str]) -> list[str]:
    there = actual is not None and actual is not _NOTHING
    if kind == "$absent":
        return [f"{where}: expected nothing, got {actual!r}"] if there else []
    if kind == "$any":
        return [] if there else [f"{where}: is not there"]
    if not isinstance(actual, str) or not actual:
        return [f"{where}: expected a string, got {actual!r}"]
    if kind == "$match":
        return [] if re.search(wanted, actual) else [f"{where}: {actual!r} does not match {wanted}"]
    if kind == "$bind":
        bound[wanted] = actual
        return []
    if kind == "$same":
        return [] if bound[wanted] == actual else [f"{where}: expected {bound[wanted]!r} again, got {actual!r}"]
    if kind == "$differs":
        return [] if bound[wanted] != actual else [f"{where}: {actual!r} came again"]
    return [f"{where}: unknown matcher {kind}"]
