"""API key, basic and bearer connectors: the same link opens a form, and what is entered is tried out first."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from harness.forms import forms_of
from harness.hop import Answer, Call, Hop
from harness.valetkey import Valetkey

_NAMES = itertools.count()
VARIABLES = {"freshdesk": {"domain": "acme", "subdomain": "acme"}}
GOOD = "good-secret-value-0123456789abcdef"


def connectors(server: Valetkey) -> dict[str, list[dict[str, Any]]]:
    """The shipped connectors without OAuth, by auth type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for connector in server.api("GET", "/connectors")["items"]:
        found.setdefault(connector["auth_type"], []).append(connector)
    return found


@pytest.fixture
def provider() -> Iterator[Hop]:
    """An API that knows one credential, wherever it is put."""

    class Guard(dict):
        def get(self, _key: object, _default: object = None) -> Any:
            def answer(call: Call) -> Answer:
                text = " ".join([*call.headers.values(), call.path])
                basic = call.headers.get("authorization", "")
                if basic.startswith("Basic "):
                    text += " " + base64.b64decode(basic.removeprefix("Basic ")).decode()
                return (200, {"id": 1, "name": "ok", "results": [], "items": []}) if GOOD in text else (401, {"error": "bad credential"})

            return answer

    hop = Hop(None, Guard())
    yield hop
    hop.stop()


@pytest.mark.parametrize("auth_type", ["API_KEY", "BASIC", "BEARER"])
def test_form_with_wrong_then_right_credential_is_active(server: Valetkey, provider: Hop, auth_type: str) -> None:
    shipped = [c for c in connectors(server).get(auth_type, []) if not c["slug"].startswith(("strict", "bench"))]
    assert shipped, f"no connector of type {auth_type} is shipped"
    slug = shipped[0]["slug"]
    detail = server.api("GET", f"/connectors/{slug}")
    variables = {variable["name"]: VARIABLES[slug][variable["name"]] for variable in detail["variables"]}
    name = f"{slug}-{next(_NAMES)}"
    server.connection(name, slug, overrides={"api_base_url": provider.url}, **({"variables": variables} if variables else {}))
    session = server.browser_session()
    page = session.get(server.link(name, "user_123"), timeout=30)
    assert page.status_code == 200
    form = forms_of(page)[0]
    asked = [field for field in form.fields if field in {f["name"] for f in detail["fields"]} or field.startswith("field")]
    assert asked, form.fields

    def fill(secret: str) -> dict[str, str]:
        return {field: secret for field in asked}

    refused = form.submit(session, **fill("wrong-" + GOOD[::-1]))
    assert refused.status_code in (400, 422), refused.text[:2000]
    assert GOOD[::-1] not in refused.text, "what was entered is not echoed"
    assert server.account(name, "user_123")["status"] == "PENDING"
    form = forms_of(refused)[0]
    accepted = form.submit(session, **fill(GOOD))
    if accepted.is_redirect:
        accepted = session.get(accepted.headers["location"] if accepted.headers["location"].startswith("http") else server.url + accepted.headers["location"], timeout=30)
    assert accepted.status_code == 200, accepted.text[:2000]
    account = server.account(name, "user_123")
    assert account["status"] == "ACTIVE" and account["auth_type"] == auth_type


def test_imported_credential_is_tried_out(server: Valetkey, provider: Hop) -> None:
    slug = next(c["slug"] for c in connectors(server)["BEARER"] if not c["slug"].startswith(("strict", "bench")))
    detail = server.api("GET", f"/connectors/{slug}")
    name = f"{slug}-{next(_NAMES)}"
    server.connection(name, slug, overrides={"api_base_url": provider.url})
    field = detail["fields"][0]["name"]
    refused = server.raw("POST", "/v1/connect/accounts", json={"connection_name": name, "identifier": "a", "credential": {"fields": {field: "wrong-secret-value-0123456789"}}})
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "credential_rejected", refused.text
    account = server.api("POST", "/accounts", {"connection_name": name, "identifier": "b", "credential": {"fields": {field: GOOD}}})
    assert account["status"] == "ACTIVE"
