"""Work on many accounts whose server is killed in the middle of it, against a slow provider that lives on."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import pathlib
import re
import signal
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from harness.forms import forms_of
from harness.process import Process, wait_for
from harness.valetkey import Valetkey

from .flows import sandbox_callback

ACCOUNTS = 200
"""How many there are."""
BETWEEN = 8
"""How many are worked on between two notes of the server: so many may be done twice."""
LEASE = 30
"""Seconds after which a server is succeeded of which nobody knows that it died."""
PASSWORD = "a calm and sunny morning"


class Simulator:
    """A provider in a process of its own, which knows what arrived also when the server has died."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        ready = folder / "ready.json"
        command = [str(binary), "simulate", "--listen", "127.0.0.1:0", "--ready-file", str(ready)]
        self.process = Process(command, folder / "simulator.log", cwd=folder)
        self.about = wait_for(lambda: json.loads(ready.read_text()), "the simulator is ready", 30)
        self.http = requests.Session()
        self.http.trust_env = False
        # What is asked is how often the server asks, not what the provider makes of a token that comes twice.
        self.do("settings", rotate_refresh_tokens=False)

    def do(self, verb: str, **fields: Any) -> None:
        """Commands it."""
        answer = self.http.post(f"{self.about['url']}/_sim/{verb}", json=fields, timeout=30)
        assert answer.ok, answer.text

    def slow(self, endpoint: str, **narrowed: Any) -> None:
        """It takes its time from here on."""
        self.do("faults/clear")
        self.do("faults", endpoint=endpoint, kind="delay", delay_ms=300, times=1_000_000, **narrowed)

    def served(self, endpoint: str) -> collections.Counter[str]:
        """How often each grant was served at an endpoint since the journal was cleared."""
        answer = self.http.get(f"{self.about['url']}/_sim/journal", params={"endpoint": endpoint, "status": 200}, timeout=30)
        assert answer.ok, answer.text
        return collections.Counter(str(entry["grant"]) for entry in answer.json()["entries"])

    def connection(self, server: Valetkey) -> None:
        """A connection `sandbox-slow` to it."""
        about = self.about
        made = server.connection(
            "sandbox-slow",
            about["connector"],
            client_id=about["client_id"],
            client_secret=about["client_secret"],
            overrides=about["overrides"],
        )
        self.do("clients", client_id=about["client_id"], client_secret=about["client_secret"], redirect_uris=[made["redirect_uri"]])


class Owner:
    """Whoever came in by the setup link, without scripts."""

    def __init__(self, server: Valetkey):
        self.server = server
        self.browser = server.browser_session()
        words = server.process.output().split()
        welcome = self.get(next(word for word in words if "/dashboard/welcome/" in word).removeprefix(server.url))
        fields = {"name": "Olga Owner", "email": "olga@example.com", "password": PASSWORD, "again": PASSWORD}
        self.send(welcome, "/welcome/", **fields)

    def get(self, path: str) -> requests.Response:
        """A page."""
        page = self.browser.get(self.server.url + path, timeout=30)
        assert page.status_code == 200, (path, page.status_code, page.text[:2000])
        return page

    def send(self, page: requests.Response, action: str, **values: str) -> str:
        """Sends the form of a page; gives the path that it leads to."""
        form = next(form for form in forms_of(page) if action in form.action)
        self.browser.headers["origin"] = self.server.url
        answer = form.submit(self.browser, **values)
        assert answer.is_redirect, (answer.status_code, answer.text[:3000])
        return answer.headers["location"].removeprefix(self.server.url)


def connect(server: Valetkey, number: int) -> None:
    """One more account."""
    session = server.browser_session()
    callback = sandbox_callback(server, server.link("sandbox-slow", f"user_{number}"), session)
    done = session.get(callback, timeout=60)
    assert done.status_code == 200, done.text[:3000]


@pytest.fixture
def simulator(binary: pathlib.Path, folder: pathlib.Path) -> Iterator[Simulator]:
    running = Simulator(binary, folder / "bulk-simulator")
    yield running
    running.process.stop()


def accounts(server: Valetkey, status: str) -> list[str]:
    """The ids of the accounts in a status."""
    found: list[str] = []
    token = ""
    while True:
        page = server.api("GET", "/accounts", params={"connection_name": "sandbox-slow", "status": status, "page_size": 100, "page_token": token})
        found += [account["id"] for account in page["items"]]
        token = page.get("next_page_token", "")
        if not token:
            return found


def progress(page: requests.Response) -> tuple[int, int]:
    """How many of how many."""
    found = re.search(r"<strong>(\d+) of (\d+)</strong>", page.text)
    assert found, page.text
    return int(found.group(1)), int(found.group(2))


def test_work_on_many_accounts_goes_on_at_once_after_kill_9(binary: pathlib.Path, folder: pathlib.Path, simulator: Simulator) -> None:
    """Two kinds of work, one of which takes the accounts out of the list that it goes along."""
    home = folder / "bulk"
    server = Valetkey(binary, home)
    try:
        simulator.connection(server)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: connect(server, number), range(ACCOUNTS)))
        owner = Owner(server)
        for action, endpoint, narrowed in [("refresh", "token", {"grant_type": "refresh_token"}), ("disconnect", "revoke", {})]:
            simulator.slow(endpoint, **narrowed)
            simulator.do("journal/clear")
            ask = owner.get(f"/dashboard/bulk?of=all&action={action}&connection=sandbox-slow&status=ACTIVE")
            work = owner.send(ask, "/dashboard/bulk", **({"sure": "yes"} if action == "disconnect" else {}))

            def at_least(count: int) -> int | None:
                done, total = progress(owner.get(work))
                assert total == ACCOUNTS
                return done if done >= count else None

            before = wait_for(lambda: at_least(ACCOUNTS // 5), f"{action}: some are done", 120)
            server.process.stop(signal.SIGKILL)
            killed = time.monotonic()
            at_kill = len(simulator.served(endpoint))
            assert before <= at_kill < ACCOUNTS, "the page tells of no more than was done, and there is more to do"

            server = Valetkey(binary, home)
            owner.server = server
            # Nobody waits for a lease: on this database the process before is known to be gone.
            left = LEASE - 5 - (time.monotonic() - killed)
            wait_for(lambda: at_least(before + 2 * BETWEEN), f"{action}: it goes on", left)
            wait_for(lambda: "data-again" not in owner.get(work).text, f"{action}: it ends", 180)
            page = owner.get(work)
            assert progress(page) == (ACCOUNTS, ACCOUNTS) and ">ended<" in page.text, page.text
            assert "did not work" not in page.text, page.text
            assert f"{ACCOUNTS} of {ACCOUNTS}" in owner.get("/dashboard/bulk").text

            # A revocation that was cut off is made up for by itself, after a minute.
            wait_for(lambda: len(simulator.served(endpoint)) == ACCOUNTS, f"{action}: the provider has heard of each", 120)
            served = simulator.served(endpoint)
            usual = statistics.mode(served.values())
            again = [grant for grant, times in served.items() if times > usual]
            assert len(again) <= BETWEEN and max(served.values()) <= 2 * usual, f"{action}: {again} of {served}"
            expected, event = {"refresh": ("ACTIVE", None), "disconnect": ("DISCONNECTED", "account.disconnected")}[action]
            there = accounts(server, expected)
            assert len(there) == ACCOUNTS
            if event:
                told = [[entry["kind"] for entry in server.events(account)].count(event) for account in there]
                assert set(told) == {1}, "each history tells it once"
    finally:
        server.stop()
