"""Connected accounts through the SDK."""

from __future__ import annotations

import datetime
import urllib.parse

import pytest
from scalekit.common.exceptions import ScalekitConflictException, ScalekitForbiddenException, ScalekitNotFoundException


def test_account_is_got_or_created_then_linked_then_active(actions, sandbox, identifier):
    created = actions.get_or_create_connected_account(connection_name="sandbox", identifier=identifier).connected_account
    assert (created.status, created.authorization_type, created.provider) == ("PENDING_AUTH", "OAUTH", "SANDBOX")
    assert (created.identifier, created.connector) == (identifier, "sandbox")
    again = actions.get_or_create_connected_account(connection_name="sandbox", identifier=identifier).connected_account
    assert again.id == created.id

    link = actions.get_authorization_link(connection_name="sandbox", identifier=identifier)
    assert link.link.startswith("https://")
    assert link.expiry > datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert sandbox.consent(link.link).status_code == 200

    active = actions.get_connected_account(connection_name="sandbox", identifier=identifier).connected_account
    assert (active.id, active.status) == (created.id, "ACTIVE")
    assert active.token_expires_at.year >= 2026
    # What an agent needs is the tool, not the token: an API client of the standard permissions sees scopes only.
    details = active.authorization_details["oauth_token"]
    assert "profile" in details["scopes"]
    assert not details.get("access_token") and not details.get("refresh_token")


def test_account_denied_by_its_user_is_not_active(actions, sandbox, identifier):
    link = actions.get_authorization_link(connection_name="sandbox", identifier=identifier)
    answer = sandbox.consent(link.link, decision="deny")
    assert answer.status_code == 403
    account = actions.get_connected_account_details(connection_name="sandbox", identifier=identifier)
    assert account.connected_account.status != "ACTIVE"


def test_account_is_verified_by_the_app(actions, sandbox, identifier):
    link = actions.get_authorization_link(
        connection_name="sandbox", identifier=identifier, state="st-1", user_verify_url="https://app.example/verify"
    )
    answer = sandbox.consent(link.link)
    assert answer.is_redirect, answer.text[:2000]
    address = urllib.parse.urlsplit(answer.headers["location"])
    query = dict(urllib.parse.parse_qsl(address.query))
    assert (address.netloc, query["state"]) == ("app.example", "st-1")
    account = lambda: actions.get_connected_account_details(connection_name="sandbox", identifier=identifier).connected_account  # noqa: E731
    assert account().status == "PENDING_VERIFICATION"

    with pytest.raises(ScalekitForbiddenException) as refused:
        actions.verify_connected_account_user(auth_request_id=query["auth_request_id"], identifier="somebody-else")
    assert refused.value.error_code == "verification_mismatch"
    verified = actions.verify_connected_account_user(auth_request_id=query["auth_request_id"], identifier=identifier)
    assert verified.post_user_verify_redirect_url.startswith("https://")
    assert account().status == "ACTIVE"


def test_account_is_created_listed_updated_and_deleted(actions, identifier):
    created = actions.create_connected_account(
        connection_name="sandbox",
        identifier=identifier,
        authorization_details={"oauth_token": {"access_token": "imported", "refresh_token": "imported-too", "scopes": ["profile"]}},
        organization_id="org_1",
        user_id="usr_1",
        api_config={"region": "eu", "shard": 7},
    ).connected_account
    assert created.status == "ACTIVE"
    assert created.api_config == {"region": "eu", "shard": 7}

    listed = actions.list_connected_accounts(connection_name="sandbox", identifier=identifier)
    assert (listed.total_count, listed.connected_accounts[0].identifier) == (1, identifier)
    assert actions.list_connected_accounts(connection_names=["sandbox"], identifier=identifier, provider="SANDBOX").total_count == 1
    assert actions.list_connected_accounts(connection_name="never-there").connected_accounts == []

    updated = actions.update_connected_account(
        connection_name="sandbox", identifier=identifier, organization_id="org_2", api_config={"region": "us"}
    ).connected_account
    assert (updated.id, updated.api_config) == (created.id, {"region": "us"})
    upserted = actions.upsert_connected_account(
        connection_name="sandbox",
        identifier=identifier,
        authorization_details={"oauth_token": {"access_token": "newer", "refresh_token": "", "scopes": ["profile"]}},
    ).connected_account
    assert (upserted.id, upserted.status) == (created.id, "ACTIVE")

    with pytest.raises(ScalekitConflictException) as taken:
        actions.create_connected_account(connection_name="sandbox", identifier=identifier, authorization_details={})
    assert taken.value.error_code == "account_already_exists"
    actions.delete_connected_account(connection_name="sandbox", identifier=identifier)
    with pytest.raises(ScalekitNotFoundException) as gone:
        actions.get_connected_account(connected_account_id=created.id)
    assert gone.value.error_code == "account_not_found"


def test_accounts_are_paged(actions, identifier):
    names = [f"{identifier}-{number}" for number in range(3)]
    for name in names:
        actions.get_or_create_connected_account(connection_name="sandbox", identifier=name)
    seen: list[str] = []
    token = None
    while True:
        page = actions.list_connected_accounts(connection_name="sandbox", page_size=2, page_token=token)
        assert len(page.connected_accounts) <= 2
        seen += [account.identifier for account in page.connected_accounts]
        token = page.next_page_token
        if not token:
            break
    assert set(names) <= set(seen)
    assert len(seen) == len(set(seen)) == page.total_count
