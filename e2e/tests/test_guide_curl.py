"""The three curl lines of the troubleshooting guide: paths and bodies as printed there, host and token ours."""

from __future__ import annotations

import json
import subprocess

import pytest

from harness.valetkey import Valetkey

from .flows import connect_sandbox


@pytest.fixture(scope="module")
def account_id(server: Valetkey) -> str:
    return connect_sandbox(server, "user_curl")["id"]


def curl(server: Valetkey, *arguments: str) -> dict:
    out = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail-with-body", "--cacert", server.ca_file, *arguments], capture_output=True, text=True, timeout=60
    )
    assert out.returncode == 0, out.stdout + out.stderr
    return json.loads(out.stdout)


def test_get_connected_account_answers_the_account(server: Valetkey, account_id: str) -> None:
    account = curl(server, "-X", "GET", f"{server.url}/v1/connect/accounts/{account_id}", "-H", f"Authorization: Bearer {server.api_token}")
    assert account["id"] == account_id
    assert account["status"] == "ACTIVE"
    for field in ("connection_name", "provider", "identifier", "scopes", "created_at", "updated_at", "last_used_at", "token_expires_at", "organization_id", "user_id"):
        assert field in account, field
    assert "sat_" not in json.dumps(account)


def test_refresh_tokens_answers_the_account(server: Valetkey, account_id: str) -> None:
    account = curl(server, "-X", "POST", f"{server.url}/v1/connect/accounts/{account_id}/refresh", "-H", f"Authorization: Bearer {server.api_token}")
    assert account["status"] == "ACTIVE"


def test_execute_tool_answers_data(server: Valetkey, account_id: str) -> None:
    body = {"connected_account_id": account_id, "tool_name": "sandbox_get_profile", "tool_input": {}}
    answer = curl(
        server,
        "-X",
        "POST",
        f"{server.url}/v1/connect/tools/execute",
        "-H",
        f"Authorization: Bearer {server.api_token}",
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps(body),
    )
    assert answer["data"]["email"] == "ada@example.com"
    assert answer["execution_id"].startswith("ex_")
