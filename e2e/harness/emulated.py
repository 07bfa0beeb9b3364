"""The emulated third-party providers (emulate), and consent at them without a browser."""

from __future__ import annotations

import json
import pathlib
import urllib.parse
from typing import Any

import requests

from .forms import forms_of
from .process import Process, free_port, wait_for

E2E = pathlib.Path(__file__).resolve().parent.parent
NODE = E2E / "node_modules/.bin/node"


class Emulated:
    """One emulator process serving one provider."""

    def __init__(self, service: str, seed: dict[str, Any], folder: pathlib.Path, port: int | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        seed_file = folder / f"{service}-{self.port}.json.yaml"
        seed_file.write_text(json.dumps({service: {"port": self.port, **seed}}))  # JSON is YAML
        self.process = Process(
            [str(NODE), str(E2E / "node_modules/emulate/dist/index.js"), "start", "--service", service, "--seed", str(seed_file)],
            folder / f"{service}-{self.port}.log",
            cwd=folder,
        )

        def answers() -> bool:
            self.process.require_running()
            requests.get(self.url, timeout=2)
            return True

        wait_for(answers, f"the {service} emulator answers", 30)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends it."""
        self.process.stop()


def consent(authorize_url: str, user: str) -> str:
    """Chooses `user` on an emulator's consent page; gives the callback URL it redirects to."""
    session = requests.Session()
    session.trust_env = False
    page = session.get(authorize_url, timeout=30)
    assert page.status_code == 200, (page.status_code, page.text[:1000])
    for form in forms_of(page):
        if user in form.text or user in urllib.parse.urlencode(form.fields) or user in form.fields.values():
            answer = form.submit(session)
            assert answer.is_redirect, (answer.status_code, answer.text[:1000])
            return answer.headers["location"]
    raise AssertionError(f"no form for {user} on {page.text[:2000]}")


class StrictProvider:
    """The certified OAuth server with single-use refresh tokens."""

    def __init__(self, folder: pathlib.Path, access_token_ttl: int = 2):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = Process(
            [str(NODE), str(E2E / "providers/strict.mjs"), "--port", str(self.port), "--access-token-ttl", str(access_token_ttl)],
            folder / f"strict-{self.port}.log",
        )

        def answers() -> bool:
            self.process.require_running()
            return requests.get(f"{self.url}/_control/state", timeout=2).ok

        wait_for(answers, "the strict provider answers", 30)

    @property
    def url(self) -> str:
        """The base URL and issuer."""
        return f"http://127.0.0.1:{self.port}"

    def register(self, redirect_uri: str, auth_method: str = "client_secret_post") -> tuple[str, str | None]:
        """A new OAuth client: id and secret."""
        reply = requests.post(
            f"{self.url}/reg",
            json={"redirect_uris": [redirect_uri], "token_endpoint_auth_method": auth_method, "grant_types": ["authorization_code", "refresh_token"]},
            timeout=10,
        )
        assert reply.status_code == 201, reply.text
        return reply.json()["client_id"], reply.json().get("client_secret")

    def fault(self, kind: str, count: int = 1, **fields: Any) -> None:
        """Queues a fault for the next token requests."""
        assert requests.post(f"{self.url}/_control/faults", json={"kind": kind, "count": count, **fields}, timeout=10).ok

    def state(self) -> dict[str, Any]:
        """Counters and the API call log."""
        return requests.get(f"{self.url}/_control/state", timeout=10).json()

    def reset(self) -> None:
        """Forgets counters, faults and the call log."""
        requests.get(f"{self.url}/_control/reset", timeout=10)

    def decide(self, authorize_url: str, decision: str = "allow", login: str = "ada") -> str:
        """Allows or denies; gives the callback URL it redirects to."""
        session = requests.Session()
        session.trust_env = False
        page = session.get(authorize_url, timeout=30)
        forms = forms_of(page)
        assert forms, (page.status_code, page.url, page.text[:2000])
        answer = session.post(forms[0].action, data={"login": login, "decision": decision}, allow_redirects=False, timeout=30)
        while answer.is_redirect and answer.headers["location"].startswith(self.url):
            answer = session.get(answer.headers["location"], allow_redirects=False, timeout=30)
        assert answer.is_redirect, (answer.status_code, answer.text[:2000])
        return answer.headers["location"]

    def stop(self) -> None:
        """Ends it."""
        self.process.stop()
