"""The real server with its simulator, and an end user with just enough of a browser."""

from __future__ import annotations

import os
import shlex
import ssl
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from valetkey import ValetkeyClient

T = TypeVar("T")


def wait_for(condition: Callable[[], Optional[T]], what: str, seconds: float = 30.0) -> T:
    """The first truthy value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


class Form(HTMLParser):
    """The first form of a page: where it goes, its fields and its buttons."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.action = str(page.url)
        self.method = "get"
        self.fields: dict[str, str] = {}
        self._state = "before"
        self.feed(page.text)
        assert self._state == "after", page.text[:2000]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and self._state == "before":
            self._state = "in"
            self.action = urljoin(self.action, values.get("action") or self.action)
            self.method = values.get("method", "get")
        elif tag == "input" and self._state == "in" and values.get("name"):
            choice = values.get("type") in ("radio", "checkbox")
            if values.get("type") != "submit" and (not choice or "checked" in values):
                self.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._state == "in":
            self._state = "after"


class LiveServer:
    """A running `valetkey dev` in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        env_file = folder / "env"
        self.log = folder / "server.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
        command = [os.environ["VALETKEY_BIN"], "dev", "--listen", "127.0.0.1:0", "--data-dir", str(folder / "data")]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "--env-file", str(env_file), *options], stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=inherited
            )

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text(errors="replace")
            return env_file.exists()

        try:
            wait_for(ready, "the server writes its environment file")
            lines = env_file.read_text().splitlines()
            self.env = dict(word.split("=", 1) for line in lines for word in shlex.split(line, comments=True) if "=" in word)
            overrides = self.client().actions.get_connection("sandbox").overrides
        except BaseException:
            self.stop()
            raise
        parts = urlsplit(overrides["api_base_url"])
        self.simulator = f"{parts.scheme}://{parts.netloc}"
        trust = ssl.create_default_context(cafile=self.env["VALETKEY_CA_FILE"])
        self.control = httpx.Client(verify=trust, trust_env=False, timeout=30)

    def client(self, **options: Any) -> ValetkeyClient:
        """A client with the server's client credentials."""
        return ValetkeyClient(**self.arguments, **options)

    @property
    def arguments(self) -> dict[str, Any]:
        """What clients of this server are made with."""
        return {
            "env_url": self.env["VALETKEY_URL"],
            "client_id": self.env["VALETKEY_CLIENT_ID"],
            "client_secret": self.env["VALETKEY_CLIENT_SECRET"],
            "ca_file": self.env["VALETKEY_CA_FILE"],
        }

    def simulate(self, what: str, **fields: Any) -> Any:
        """Tells the simulator to do something."""
        answer = self.control.post(f"{self.simulator}/_sim/{what}", json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    def authorize(self, link: str, user: str) -> httpx.Response:
        """What an end user does with a link: Continue, choose who to be, Allow; gives the last page."""
        trust = ssl.create_default_context(cafile=self.env["VALETKEY_CA_FILE"])
        with httpx.Client(verify=trust, trust_env=False, timeout=30) as browser:
            first = Form(browser.get(link))
            consent = browser.request(first.method, first.action, data=first.fields, follow_redirects=True)
            assert consent.is_success, consent.text[:2000]
            second = Form(consent)
            answers = {name: value for name, value in second.fields.items() if name not in ("scopes_shown", "scope")}
            answers.update(user=user, decision="allow")
            last = browser.request(second.method, second.action, data=answers, follow_redirects=True)
            assert last.is_success, last.text[:2000]
            return last

    def connect(self, client: ValetkeyClient, identifier: str, user: str, **link: Any) -> None:
        """Makes an `ACTIVE` account of a user of the simulator."""
        self.authorize(client.actions.get_authorization_link(identifier, "sandbox", **link).link, user)
        assert client.actions.get_connected_account(identifier, "sandbox").status == "ACTIVE"

    def stop(self) -> None:
        """Stops the server."""
        if hasattr(self, "control"):
            self.control.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
