"""Against a certified OAuth server that forgives nothing: PKCE required, single-use refresh tokens, reuse kills the grant."""

from __future__ import annotations

import concurrent.futures
import itertools
import time
from typing import Any

import pytest

from harness.emulated import StrictProvider
from harness.process import wait_for
from harness.valetkey import ApiError, Valetkey

_NAMES = itertools.count()


class Strict:
    """A connection to the strict provider with an OAuth client of its own."""

    def __init__(self, server: Valetkey, provider: StrictProvider, auth_method: str = "client_secret_post", secret: str | None = None):
        self.server, self.provider = server, provider
        connector = {"client_secret_post": "strict", "client_secret_basic": "strict-basic", "none": "strict-public"}[auth_method]
        self.name = f"{connector}-{next(_NAMES)}"
        base = provider.url
        self.connection = server.connection(
            self.name,
            connector,
            client_id="to-be-registered",
            **({} if auth_method == "none" else {"client_secret": "to-be-registered"}),
            overrides={
                "authorize_url": f"{base}/auth",
                "token_url": f"{base}/token",
                "revoke_url": f"{base}/token/revocation",
                "userinfo_url": f"{base}/me",
                "api_base_url": f"{base}/api",
            },
            variables={"issuer": base},
        )
        self.client_id, client_secret = provider.register(self.connection["redirect_uri"], auth_method)
        update: dict[str, Any] = {"client_id": self.client_id}
        if client_secret:
            update["client_secret"] = secret or client_secret
        server.api("PATCH", f"/connections/{self.connection['id']}", update)

    def refreshes(self) -> int:
        """The refreshes of this connection alone: accounts of other tests are renewed in the background at any time."""
        by_client: dict[str, int] = self.provider.state()["counters"]["refreshes_by_client"]
        return by_client.get(self.client_id, 0)

    def callback(self, identifier: str, decision: str = "allow", **link: Any) -> tuple[Any, str]:
        """Goes through the flow up to the callback; gives the browser session and the callback URL."""
        session = self.server.browser_session()
        authorize_url = self.server.start_authorization(self.server.link(self.name, identifier, **link), session)
        return session, self.provider.decide(authorize_url, decision, login=identifier)

    def connect(self, identifier: str) -> dict[str, Any]:
        """A connected account."""
        session, callback = self.callback(identifier)
        done = session.get(callback, timeout=60)
        assert done.status_code == 200, done.text[:3000]
        return self.server.account(self.name, identifier)


@pytest.fixture
def post(server: Valetkey, strict: StrictProvider) -> Strict:
    strict.reset()
    return Strict(server, strict)


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", "none"])
def test_flow_with_each_client_authentication_is_active(server: Valetkey, strict: StrictProvider, method: str) -> None:
    strict.reset()
    account = Strict(server, strict, method).connect("ada")
    assert account["status"] == "ACTIVE"
    assert account["label"] == "ada@example.com"


def test_denied_consent_is_told_as_access_denied(post: Strict) -> None:
    session, callback = post.callback("denier", "deny")
    page = session.get(callback, timeout=60)
    assert page.status_code == 403
    assert "End-User aborted" not in page.text  # the provider's words are evidence, not page text
    account = post.server.account(post.name, "denier")
    assert account["status"] == "PENDING"
    assert any(event.get("code") == "access_denied" for event in post.server.events(account["id"]))


def test_wrong_client_secret_marks_the_connection_not_the_account(server: Valetkey, strict: StrictProvider) -> None:
    strict.reset()
    wrong = Strict(server, strict, secret="not-the-secret-" + "x" * 30)
    session, callback = wrong.callback("ada")
    page = session.get(callback, timeout=60)
    assert page.status_code >= 400
    connection = server.api("GET", f"/connections/{wrong.connection['id']}")
    assert connection["fault"]["code"] == "invalid_client", connection
    tested = server.api("POST", f"/connections/{wrong.connection['id']}/test", {})
    assert tested["ok"] is False and any(c.get("code") == "invalid_client" for c in tested["checked"])


def test_good_client_secret_passes_the_connection_test(post: Strict) -> None:
    tested = post.server.api("POST", f"/connections/{post.connection['id']}/test", {})
    assert tested["ok"] is True, tested
    assert tested["not_checked"], "says what it could not check"


def test_expired_token_is_rotated_before_the_call(post: Strict) -> None:
    account = post.connect("rotator")
    first = post.refreshes()
    for _ in range(3):
        data = post.server.execute("strict_get_me", "rotator", connection_name=post.name)["data"]
        assert data["subject"] == "rotator"
        time.sleep(2.1)  # the provider's own clock: its access tokens live two seconds
    counters = post.provider.state()["counters"]
    assert post.refreshes() > first
    assert counters["reuses"] == 0 and counters["grants_revoked"] == 0, counters
    assert post.server.api("GET", f"/accounts/{account['id']}")["status"] == "ACTIVE"
    assert all(call["accepted"] for call in post.provider.state()["calls"]), "every bearer that arrived was accepted"


def test_many_callers_at_expiry_refresh_once(post: Strict) -> None:
    post.connect("crowd")
    time.sleep(2.1)  # past the life of the access token, by the provider's own clock
    before, began = post.refreshes(), time.monotonic()

    def call(_n: int) -> str:
        return post.server.execute("strict_get_me", "crowd", connection_name=post.name)["data"]["subject"]

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert set(pool.map(call, range(200))) == {"crowd"}
    counters = post.provider.state()["counters"]
    assert counters["reuses"] == 0 and counters["grants_revoked"] == 0, counters
    took = time.monotonic() - began
    # The burst may itself outlive a two-second token: one refresh for each life that it lasted.
    assert post.refreshes() - before <= 2 + took / 1.0, (counters, took)


def test_manual_refresh_answers_the_active_account(post: Strict) -> None:
    account = post.connect("manual")
    refreshed = post.server.api("POST", f"/accounts/{account['id']}/refresh")
    assert refreshed["status"] == "ACTIVE"


def test_outage_of_the_token_endpoint_changes_no_status(post: Strict) -> None:
    account = post.connect("patient")
    # Before the token runs out: the background would renew it at that very moment.
    post.provider.fault("unavailable", 50)
    time.sleep(2.1)
    with pytest.raises(ApiError) as refused:
        post.server.execute("strict_get_me", "patient", connection_name=post.name)
    assert refused.value.status in (502, 503), refused.value
    assert post.server.api("GET", f"/accounts/{account['id']}")["status"] == "ACTIVE"
    assert 1 <= refused.value.error["retry_after_ms"] <= 10_000, "it says when to come again"
    post.provider.reset()

    def works() -> bool:
        return post.server.execute("strict_get_me", "patient", connection_name=post.name)["data"]["subject"] == "patient"

    wait_for(works, "the account works again once the outage is over", 10)


def test_grant_revoked_at_the_provider_is_noticed_and_named(post: Strict) -> None:
    import requests

    account = post.connect("revoked")
    assert requests.post(f"{post.provider.url}/_control/revoke", json={"subject": "revoked"}, timeout=10).ok
    time.sleep(2.1)
    with pytest.raises(ApiError) as refused:
        post.server.execute("strict_get_me", "revoked", connection_name=post.name)
    assert refused.value.code in ("account_expired", "account_revoked", "refresh_refused"), refused.value
    after = post.server.api("GET", f"/accounts/{account['id']}")
    assert after["status"] in ("EXPIRED", "REVOKED")
    remedies = refused.value.error["remedies"]
    assert any(remedy["action"] == "reauthorize" for remedy in remedies), remedies


def test_state_replayed_is_refused_without_a_token_request(post: Strict) -> None:
    """S02"""
    session, callback = post.callback("replayer")
    assert session.get(callback, timeout=60).status_code == 200
    requests_before = post.provider.state()["counters"]["code_requests"]
    assert requests_before >= 1, "codes are counted"
    again = session.get(callback, timeout=60)
    assert again.status_code == 400
    assert post.provider.state()["counters"]["code_requests"] == requests_before


def test_foreign_browser_is_refused_and_burns_nothing(post: Strict) -> None:
    """S02, S03"""
    session, callback = post.callback("victim")
    attacker = post.server.browser_session()
    requests_before = post.provider.state()["counters"]["code_requests"]
    refused = attacker.get(callback, timeout=60)
    assert refused.status_code == 403
    assert post.provider.state()["counters"]["code_requests"] == requests_before
    assert session.get(callback, timeout=60).status_code == 200, "the right browser can still finish"


@pytest.mark.parametrize(
    "change",
    ["{iss}/", "https://evil.example", "HTTP://127.0.0.1", ""],
)
def test_wrong_issuer_sends_the_code_nowhere(post: Strict, change: str) -> None:
    """S04, S05"""
    import urllib.parse

    session, callback = post.callback("mixup")
    parts = urllib.parse.urlsplit(callback)
    query = urllib.parse.parse_qs(parts.query)
    query["iss"] = [change.replace("{iss}", post.provider.url)]
    query["error_description"] = ["canary-words"]
    before = post.provider.state()["counters"]["code_requests"]
    answer = session.get(parts._replace(query=urllib.parse.urlencode(query, doseq=True)).geturl(), timeout=60)
    assert answer.status_code == 400, answer.text[:500]
    assert "canary-words" not in answer.text
    assert post.provider.state()["counters"]["code_requests"] == before


def test_client_hanging_up_does_not_lose_the_rotation(post: Strict) -> None:
    """Invariant: the refresh runs on when its caller is gone."""
    import requests

    post.connect("hanger")
    # Before the token runs out: the background may be the first to ask, and the caller waits with it.
    # So may renewals of other accounts.
    post.provider.fault("slow", 20, delay_ms=4000)
    time.sleep(2.1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        post.server.raw(
            "POST", "/v1/connect/tools/execute", json={"tool_name": "strict_get_me", "identifier": "hanger", "connection_name": post.name, "tool_input": {}}, timeout=0.4
        )
    wait_for(lambda: post.refreshes() >= 1, "the refresh arrives")
    assert post.server.execute("strict_get_me", "hanger", connection_name=post.name)["data"]["subject"] == "hanger"
    counters = post.provider.state()["counters"]
    assert counters["reuses"] == 0 and counters["grants_revoked"] == 0, counters


def test_restart_keeps_the_grant(binary: Any, folder: Any, strict: StrictProvider) -> None:
    import os
    import pathlib

    e2e = pathlib.Path(__file__).resolve().parent.parent
    env = {"VALETKEY_CONNECTORS_DIR": str(e2e / "connectors")}
    strict.reset()
    first = Valetkey(binary, folder / "restart", env=env)
    port = first.url.rsplit(":", 1)[1]
    fixture = Strict(first, strict)
    fixture.connect("sleeper")
    assert os.path.exists(first.folder / "data")
    assert first.stop() == 0
    second = Valetkey(binary, folder / "restart", env=env, port=int(port))
    try:
        assert second.client_id == first.client_id and second.client_secret == first.client_secret
        time.sleep(2.1)
        assert second.execute("strict_get_me", "sleeper", connection_name=fixture.name)["data"]["subject"] == "sleeper"
        assert strict.state()["counters"]["reuses"] == 0
    finally:
        assert second.stop() == 0
