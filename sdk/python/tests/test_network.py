"""Real sockets: what breaks below HTTP, time-outs, proxies, cookies, reuse of connections, many callers at once."""

from __future__ import annotations

import inspect
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

import anyio
import httpx
import pytest

from valetkey import (
    AsyncValetkeyClient,
    ConfigurationError,
    ConnectionError,
    InvalidRequestError,
    ServerError,
    TimeoutError,
    ValetkeyClient,
)

TOOL = {"name": "t", "connector": "c", "provider": "C", "definition": {}}


class Handler(BaseHTTPRequestHandler):
    """Behaves as the path says."""

    protocol_version = "HTTP/1.1"
    server: Local

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, *_: Any) -> None:
        """Nothing to the terminal."""

    def answer(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.tokens += 1
        time.sleep(0.05)  # long enough that all callers come to wait for it
        self.answer(json.dumps({"access_token": f"at_{self.server.tokens}", "expires_in": 3600}).encode())

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        name = self.path.rsplit("/", 1)[-1]
        if name == "silent":
            self.server.over.wait(20)
        elif name == "cut":
            self.close_connection = True
        elif name == "half":
            self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"name":')
            self.close_connection = True
        elif name == "trickle":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            try:
                while not self.server.over.wait(0.05):
                    self.wfile.write(b" ")
            except OSError:
                self.close_connection = True
        elif name == "garbled":
            self.answer(b"this is no gzip", content_encoding="gzip")
        else:
            self.answer(json.dumps(TOOL).encode(), set_cookie="session=one-users; Path=/")


class Local(ThreadingHTTPServer):
    """A server on this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.tokens = 0
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def local() -> Iterator[Local]:
    running = Local()
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    yield running
    running.over.set()
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def get_tools(kind: str, url: str, names: list[str], **options: Any) -> list[Any]:
    """What getting the tools one after the other gives; one client of the kind does it."""
    options = {"api_token": "vk_1", "max_retries": 0, **options}

    async def run() -> list[Any]:
        client: Any = ValetkeyClient(url, **options) if kind == "sync" else AsyncValetkeyClient(url, **options)
        try:
            results = []
            for name in names:
                result = client.actions.get_tool(name)
                results.append(await result if inspect.isawaitable(result) else result)
            return results
        finally:
            if kind == "sync":
                client.close()
            else:
                await client.aclose()

    return anyio.run(run)


both = pytest.mark.parametrize("kind", ["sync", "async"])


@both
def test_refused_connection_says_so(kind: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ConnectionError) as refused:
        get_tools(kind, url, ["t"])
    assert refused.value.code == "connection_refused"
    assert url in str(refused.value)


@both
def test_unknown_host_says_so(kind: str) -> None:
    with pytest.raises(ConnectionError) as unknown:
        get_tools(kind, "http://nowhere.invalid", ["t"])
    assert unknown.value.code == "connection_dns_failed"


@both
@pytest.mark.parametrize("name", ["cut", "half"])
def test_broken_answer_says_so(kind: str, name: str, local: Local) -> None:
    with pytest.raises(ConnectionError) as broken:
        get_tools(kind, local.url, [name])
    assert broken.value.code == "connection_failed"
    assert "may have been carried out" in str(broken.value)


@both
@pytest.mark.parametrize("name", ["silent", "trickle"])
def test_answer_that_does_not_end_is_timed_out(kind: str, name: str, local: Local) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError) as late:
        get_tools(kind, local.url, [name], timeout=0.4)
    assert late.value.code == "client_timeout"
    assert 0.35 < time.monotonic() - started < 5


@both
def test_body_that_cannot_be_decoded_is_unreadable(kind: str, local: Local) -> None:
    with pytest.raises(ServerError) as unreadable:
        get_tools(kind, local.url, ["garbled"])
    assert unreadable.value.code == "response_invalid"


@both
def test_connection_is_reused_and_cookies_are_not_kept(kind: str, local: Local) -> None:
    get_tools(kind, local.url, ["a", "b", "c"])
    assert local.connections == 1
    assert [path for path, _ in local.seen] == [f"/v1/connect/tools/{name}" for name in "abc"]
    assert not any(name.lower() == "cookie" for _, headers in local.seen for name in headers)


@both
def test_proxy_is_gone_through(kind: str, local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    get_tools(kind, "http://valetkey.invalid", ["t"], proxy=local.url)
    assert local.seen[-1][0] == "http://valetkey.invalid/v1/connect/tools/t"
    monkeypatch.setenv("HTTP_PROXY", local.url)
    get_tools(kind, "http://valetkey.invalid", ["u"])
    assert local.seen[-1][0] == "http://valetkey.invalid/v1/connect/tools/u"


def test_proxy_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        ValetkeyClient("https://valetkey.test", api_token="vk_1", proxy="ftp://me:canary@proxy.test")
    assert "canary" not in str(wrong.value)
    assert wrong.value.__cause__ is None


@pytest.mark.parametrize("value", ["a\nb: canary", "canary-ä"])
def test_header_that_cannot_be_sent_is_refused_without_showing_it(local: Local, value: str) -> None:
    with ValetkeyClient(local.url, api_token="vk_1") as client, pytest.raises(InvalidRequestError) as refused:
        client.actions.request("GET", "/t", connected_account_id="ca_1", headers={"x-secret": value})
    assert refused.value.code == "client_invalid_argument"
    assert "canary" not in str(refused.value)
    assert local.seen == []


def test_many_threads_share_one_token(local: Local) -> None:
    with ValetkeyClient(local.url, "vkc_1", "vks_1") as client, ThreadPoolExecutor(12) as pool:
        names = list(pool.map(lambda number: client.actions.get_tool(f"t{number}").name, range(24)))
    assert names == ["t"] * 24
    assert local.tokens == 1
    assert {headers["authorization"] for _, headers in local.seen} == {"Bearer at_1"}


def test_many_tasks_share_one_token(local: Local) -> None:
    async def run() -> None:
        async with AsyncValetkeyClient(local.url, "vkc_1", "vks_1") as client, anyio.create_task_group() as group:
            for number in range(24):
                group.start_soon(client.actions.get_tool, f"t{number}")

    anyio.run(run)
    assert local.tokens == 1
    assert len(local.seen) == 24


def test_cancelled_task_leaves_the_client_usable(local: Local) -> None:
    async def run() -> Optional[str]:
        async with AsyncValetkeyClient(local.url, "vkc_1", "vks_1") as client:
            with anyio.move_on_after(0.01) as gone:
                await client.actions.get_tool("silent")
            assert gone.cancelled_caught
            return (await client.actions.get_tool("t")).name

    assert anyio.run(run) == "t"


def test_clients_with_other_options_share_connection_and_token(local: Local) -> None:
    with ValetkeyClient(local.url, "vkc_1", "vks_1") as client:
        client.actions.get_tool("a")
        brief = client.with_options(timeout=0.3, max_retries=0)
        brief.actions.get_tool("b")
        with pytest.raises(TimeoutError, match=r"0\.3 s"):
            brief.actions.get_tool("silent")
        brief.close()
        client.actions.get_tool("c")
    assert local.tokens == 1


@both
def test_client_of_the_caller_adds_neither_cookies_nor_authentication(kind: str, local: Local) -> None:
    given: dict[str, Any] = {"cookies": {"a": "b"}, "auth": ("me", "canary"), "headers": {"x-gateway": "yes"}}
    http: Any = httpx.Client(**given) if kind == "sync" else httpx.AsyncClient(**given)
    get_tools(kind, local.url, ["a", "b"], http_client=http)
    for _, headers in local.seen:
        assert "cookie" not in headers
        assert headers["authorization"] == "Bearer vk_1"
        assert headers["x-gateway"] == "yes"


def test_client_of_the_caller_stays_open(local: Local) -> None:
    with httpx.Client() as http:
        with ValetkeyClient(local.url, api_token="vk_1", http_client=http) as client:
            client.actions.get_tool("a")
        assert not http.is_closed
