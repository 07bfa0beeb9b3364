"""The shapes of the troubleshooting guide: its calls with its argument names, its attributes, its statuses, its loops.

They run against the real server, whose connector `gmail` talks to a provider on this machine.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gmail import SCOPES, Gmail
from live import Form, LiveServer

from valetkey import ValetkeyClient

SEND = "https://www.googleapis.com/auth/gmail.send"


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[ValetkeyClient]:
    with ValetkeyClient(
        env_url=server.env["VALETKEY_URL"],
        client_id=server.env["VALETKEY_CLIENT_ID"],
        client_secret=server.env["VALETKEY_CLIENT_SECRET"],
        ca_file=server.env["VALETKEY_CA_FILE"],
    ) as made:
        yield made


@pytest.fixture
def gmail(client: ValetkeyClient) -> Iterator[Gmail]:
    """A provider of its own for each test, and the connection `gmail` to it."""
    provider = Gmail()
    client.actions.create_connection("gmail", "gmail", client_id="c", client_secret="s", overrides=provider.overrides)
    yield provider
    for account in client.actions.list_connected_accounts(connection_name="gmail"):
        client.actions.delete_connected_account(connected_account_id=account.id)
    client.actions.delete_connection("gmail")
    provider.close()


@pytest.fixture
def actions(client: ValetkeyClient, gmail: Gmail) -> Any:
    """As the guide has it: untyped code must run too."""
    return client.actions


def open_link(server: LiveServer, link: str) -> None:
    """What the user does: the provider consents at once."""
    trust = ssl.create_default_context(cafile=server.env["VALETKEY_CA_FILE"])
    with httpx.Client(verify=trust, trust_env=False, timeout=30, follow_redirects=True) as browser:
        form = Form(browser.get(link))
        last = browser.request(form.method, form.action, data=form.fields)
        assert last.is_success, last.text[:2000]


def connect(server: LiveServer, actions: Any) -> None:
    open_link(server, actions.get_authorization_link(connection_name="gmail", identifier="user_123").link)


def test_quick_diagnostics_of_an_account(server: LiveServer, actions: Any) -> None:
    actions.get_or_create_connected_account(connection_name="gmail", identifier="user_123")
    account = actions.get_connected_account(identifier="user_123", connection_name="gmail")
    shown = f"{account.status} {account.connection_name} {account.created_at} {account.updated_at}"
    assert shown.startswith("PENDING gmail 20")

    if account.status == "PENDING":
        link_response = actions.get_authorization_link(connection_name="gmail", identifier="user_123")
        open_link(server, link_response.link)
    account = actions.get_connected_account(identifier="user_123", connection_name="gmail")
    assert account.status == "ACTIVE"

    result = actions.execute_tool(identifier="user_123", tool_name="gmail_get_profile", tool_input={})
    assert "ada@gmail.example" in f"{result}"
    assert result.data["email_address"] == "ada@gmail.example"


def test_failing_tool_call_gives_clues(actions: Any) -> None:
    actions.get_or_create_connected_account(connection_name="gmail", identifier="user_123")
    try:
        actions.execute_tool(identifier="user_123", tool_name="gmail_get_profile", tool_input={})
    except Exception as e:
        message = str(e)
    assert "user_123" in message
    assert "What to do:" in message


def test_refresh_brings_an_account_back_or_a_link_does(server: LiveServer, actions: Any, gmail: Gmail) -> None:
    connect(server, actions)
    account = actions.refresh_connected_account(identifier="user_123", connection_name="gmail")
    assert account.status == "ACTIVE"

    gmail.refusing = True
    refused = ""
    try:
        actions.refresh_connected_account(identifier="user_123", connection_name="gmail")
    except Exception as e:
        refused = f"{e}"
    assert "What to do:" in refused
    account = actions.get_connected_account(identifier="user_123", connection_name="gmail")
    assert account.status in ("EXPIRED", "REVOKED")

    gmail.refusing = False
    link_response = actions.get_authorization_link(connection_name="gmail", identifier="user_123")
    message = f"Please reconnect: {link_response.link}"
    assert server.env["VALETKEY_URL"] in message
    open_link(server, link_response.link)
    assert actions.get_connected_account(identifier="user_123", connection_name="gmail").status == "ACTIVE"


def test_active_account_whose_tool_fails_is_looked_into(server: LiveServer, actions: Any, gmail: Gmail) -> None:
    connect(server, actions)
    gmail.valid = set()
    account = actions.get_connected_account(identifier="user_123", connection_name="gmail")
    assert account.status == "ACTIVE"
    account = actions.refresh_connected_account(identifier="user_123", connection_name="gmail")
    assert "https://www.googleapis.com/auth/gmail.readonly" in account.scopes
    result = actions.execute_tool(identifier="user_123", tool_name="gmail_get_profile", tool_input={})
    assert result.data["messages_total"] == 3


def test_missing_scope_is_found_and_authorized(server: LiveServer, actions: Any, gmail: Gmail) -> None:
    connect(server, actions)
    account = actions.get_connected_account(identifier="user_123", connection_name="gmail")
    assert SEND not in account.scopes
    gmail.scopes = f"{SCOPES} {SEND}"
    link_response = actions.get_authorization_link(connection_name="gmail", identifier="user_123")
    open_link(server, link_response.link)
    assert SEND in actions.get_connected_account(identifier="user_123", connection_name="gmail").scopes


def test_hand_written_retry_loop_works_and_is_not_needed(server: LiveServer, client: ValetkeyClient, actions: Any, gmail: Gmail) -> None:
    gmail.scopes = f"{SCOPES} {SEND}"
    connect(server, actions)
    message = {"to": "user@example.com", "subject": "Test", "body": "Hello"}

    def with_retry(caller: Any, max_retries: int = 3) -> Any:
        for attempt in range(max_retries):
            try:
                return caller.execute_tool(identifier="user_123", tool_name="gmail_send_email", tool_input=message)
            except Exception as e:
                if "rate limit" in str(e).lower() and attempt < max_retries - 1:
                    time.sleep(2**attempt)
                else:
                    raise
        raise AssertionError("the loop ends with a result or an error")

    gmail.limited = 1
    assert with_retry(client.with_options(max_retries=0).actions).execution_id
    assert gmail.sent == 1
    gmail.limited = 1
    assert actions.execute_tool(identifier="user_123", tool_name="gmail_send_email", tool_input=message).execution_id
    assert gmail.sent == 2


def test_detailed_logging_shows_requests_and_answers(server: LiveServer, actions: Any, caplog: pytest.LogCaptureFixture) -> None:
    connect(server, actions)
    logger = logging.getLogger("valetkey")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG):
            actions.execute_tool(identifier="user_123", tool_name="gmail_get_profile", tool_input={})
    finally:
        logger.setLevel(before)
    assert "→ POST /v1/connect/tools/execute" in caplog.text
    assert "← POST /v1/connect/tools/execute 200" in caplog.text
    assert "Bearer" not in caplog.text
    assert "ya29" not in caplog.text
