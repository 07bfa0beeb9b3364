"""Custom user verification: the account waits until the app has confirmed who finished the authorization."""

from __future__ import annotations

import urllib.parse

import pytest

from harness.valetkey import ApiError, Valetkey

from .flows import sandbox_callback


def test_account_waits_for_the_app_and_state_is_handed_through(server: Valetkey) -> None:
    session = server.browser_session()
    link = server.link("sandbox", "user_verify", state="app state/✓", user_verify_url="http://localhost:5999/verify?keep=1")
    answer = session.get(sandbox_callback(server, link, session), allow_redirects=False, timeout=60)
    assert answer.is_redirect, answer.text[:1000]
    target = urllib.parse.urlsplit(answer.headers["location"])
    assert (target.scheme, target.netloc, target.path) == ("http", "localhost:5999", "/verify")
    query = urllib.parse.parse_qs(target.query)
    assert query["keep"] == ["1"] and query["state"] == ["app state/✓"]
    request_id = query["auth_request_id"][0]
    assert server.account("sandbox", "user_verify")["status"] == "PENDING_VERIFICATION"
    with pytest.raises(ApiError) as waiting:
        server.execute("sandbox_get_profile", "user_verify")
    assert waiting.value.code == "account_pending_verification"

    with pytest.raises(ApiError) as mismatch:
        server.api("POST", "/accounts/verify", {"auth_request_id": request_id, "identifier": "somebody_else"})
    assert mismatch.value.code == "verification_mismatch"
    assert server.account("sandbox", "user_verify")["status"] == "PENDING_VERIFICATION"

    verified = server.api("POST", "/accounts/verify", {"auth_request_id": request_id, "identifier": "user_verify"})
    assert verified["post_user_verify_redirect_url"].startswith(server.url)
    assert server.account("sandbox", "user_verify")["status"] == "ACTIVE"
    page = session.get(verified["post_user_verify_redirect_url"], timeout=30)
    assert page.status_code == 200

    with pytest.raises(ApiError) as again:
        server.api("POST", "/accounts/verify", {"auth_request_id": request_id, "identifier": "user_verify"})
    assert again.value.code == "verification_not_pending"
