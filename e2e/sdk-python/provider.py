"""The simulator behind the connection `sandbox`, and the pages an end user sees, without a browser."""

from __future__ import annotations

import html.parser
import os
import urllib.parse
from typing import Any

import requests


class _Forms(html.parser.HTMLParser):
    """The first form of a page: where it goes and what it holds."""

    def __init__(self, base: str):
        super().__init__()
        self.base = base
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = urllib.parse.urljoin(self.base, values.get("action") or self.base)
        elif tag == "input" and values.get("type") == "hidden" and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")


def _form(page: requests.Response) -> _Forms:
    assert page.status_code == 200, (page.status_code, page.text[:2000])
    form = _Forms(page.url)
    form.feed(page.text)
    assert form.action, page.text[:2000]
    return form


def native_session() -> requests.Session:
    """A session for the native API, with an access token of the API client."""
    session = _browser()
    token = session.post(
        os.environ["VALETKEY_URL"].rstrip("/") + "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": os.environ["VALETKEY_CLIENT_ID"],
            "client_secret": os.environ["VALETKEY_CLIENT_SECRET"],
        },
        timeout=30,
    )
    assert token.ok, token.text
    session.headers["authorization"] = f"Bearer {token.json()['access_token']}"
    return session


def _browser() -> requests.Session:
    session = requests.Session()
    session.verify = os.environ["VALETKEY_CA_FILE"]
    session.trust_env = False
    return session


class Sandbox:
    """The provider: consents for its users, and misbehaves when told to."""

    def __init__(self, native: requests.Session):
        url = os.environ["VALETKEY_URL"].rstrip("/") + "/v1/connect/connections/sandbox"
        connection = native.get(url, timeout=30)
        assert connection.ok, connection.text
        api = connection.json()["overrides"]["api_base_url"]
        self.base = api.removesuffix("/api/v1").rstrip("/")

    def consent(self, link: str, user: str = "ada", decision: str = "allow") -> requests.Response:
        """Goes through a link as an end user does; gives the answer to the callback, redirects not followed."""
        session = _browser()
        page = _form(session.get(link, timeout=30))
        started = session.post(page.action, data=page.fields, allow_redirects=False, timeout=30)
        assert started.is_redirect, (started.status_code, started.text[:2000])
        consent = _form(session.get(started.headers["location"], timeout=30))
        fields = {name: value for name, value in consent.fields.items() if name != "scopes_shown"}
        answer = session.post(
            consent.action,
            data={**fields, "user": user, "decision": decision},
            allow_redirects=False,
            timeout=30,
        )
        assert answer.is_redirect, (answer.status_code, answer.text[:2000])
        return session.get(answer.headers["location"], allow_redirects=False, timeout=60)

    def fault(self, **fault: Any) -> None:
        """Has the next API call go wrong."""
        self._control("faults", {"endpoint": "api", **fault})

    def fail(self, status: int, **fault: Any) -> None:
        """Has the next API calls answered with an HTTP status."""
        self.fault(kind="status", status=status, **fault)

    def clear_faults(self) -> None:
        """Forgets faults that were not used up."""
        self._control("faults/clear", {})

    def calls(self) -> int:
        """How many API calls have arrived."""
        journal = _browser().get(f"{self.base}/_sim/journal", timeout=30).json()
        entries = journal["entries"] if isinstance(journal, dict) else journal
        return sum(1 for entry in entries if entry["path"].startswith("/api/"))

    def _control(self, path: str, body: dict[str, Any]) -> None:
        answer = _browser().post(f"{self.base}/_sim/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
