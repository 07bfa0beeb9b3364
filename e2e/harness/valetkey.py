"""The real binary, started as its users start it."""

from __future__ import annotations

import pathlib
import shlex
from typing import Any

import requests

from .forms import forms_of
from .process import Process, wait_for


class ApiError(AssertionError):
    """A call of the native API was refused."""

    def __init__(self, response: requests.Response):
        super().__init__(f"{response.request.method} {response.request.path_url}: {response.status_code} {response.text[:2000]}")
        self.status = response.status_code
        self.error = response.json().get("error", {}) if response.headers.get("content-type", "").startswith("application/json") else {}

    @property
    def code(self) -> str:
        """The catalogue code."""
        return self.error.get("code", "")


class Valetkey:
    """A running `valetkey dev` and what its environment file says."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, *extra: str, env: dict[str, str] | None = None, port: int = 0):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.binary = binary
        self.env_file = folder / "env"
        self.env_file.unlink(missing_ok=True)
        self.process = Process(
            [str(binary), "dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(folder / "data"), "--env-file", str(self.env_file), *extra],
            folder / "server.log",
            env={"VALETKEY_LOG_LEVEL": "debug", **(env or {})},
            cwd=folder,
        )

        def ready() -> bool:
            self.process.require_running()
            return self.env_file.exists()

        try:
            wait_for(ready, "the server writes its environment file", 30)
        except AssertionError:
            self.process.stop()
            raise
        self.env = dict(token.split("=", 1) for line in self.env_file.read_text().splitlines() for token in shlex.split(line, comments=True) if "=" in token)
        self.url = self.env["VALETKEY_URL"].rstrip("/")
        self.client_id = self.env["VALETKEY_CLIENT_ID"]
        self.client_secret = self.env["VALETKEY_CLIENT_SECRET"]
        self.ca_file = self.env["VALETKEY_CA_FILE"]
        self.api_token = self.env["VALETKEY_API_TOKEN"]
        self.http = requests.Session()
        self.http.verify = self.ca_file
        self.http.trust_env = False
        self.http.headers["authorization"] = f"Bearer {self.api_token}"

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request to the server with the API token."""
        options.setdefault("timeout", 60)
        return self.http.request(method, self.url + path, **options)

    def api(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """A call of the native API; fails unless it succeeds."""
        response = self.raw(method, "/v1/connect" + path, json=body, **options)
        if not response.ok:
            raise ApiError(response)
        return response.json() if response.content else None

    def connection(self, name: str, connector: str, **fields: Any) -> dict[str, Any]:
        """A new connection."""
        return self.api("POST", "/connections", {"name": name, "connector": connector, **fields})

    def link(self, connection: str, identifier: str, **fields: Any) -> str:
        """A new authorization link."""
        return self.api("POST", "/authorization-links", {"connection_name": connection, "identifier": identifier, **fields})["link"]

    def account(self, connection: str, identifier: str) -> dict[str, Any]:
        """An account by its natural key."""
        items = self.api("GET", "/accounts", params={"connection_name": connection, "identifier": identifier})["items"]
        assert len(items) == 1, items
        return items[0]

    def events(self, account_id: str) -> list[dict[str, Any]]:
        """The newest events of an account."""
        return self.api("GET", f"/accounts/{account_id}/events", params={"page_size": 100})["items"]

    def execute(self, tool: str, identifier: str, tool_input: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Executes a tool."""
        return self.api("POST", "/tools/execute", {"tool_name": tool, "identifier": identifier, "tool_input": tool_input or {}, **fields})

    def browser_session(self) -> requests.Session:
        """An end user's browser without scripts: cookies, no API token."""
        session = requests.Session()
        session.verify = self.ca_file
        session.trust_env = False
        return session

    def start_authorization(self, link: str, session: requests.Session) -> str:
        """Opens the link, presses Continue and gives the provider's authorize URL."""
        page = session.get(link, timeout=30)
        assert page.status_code == 200, page.text
        started = forms_of(page)[0].submit(session)
        assert started.is_redirect, (started.status_code, started.text[:2000])
        return started.headers["location"]

    def stop(self) -> int:
        """Stops the server and gives its exit code."""
        return self.process.stop()
