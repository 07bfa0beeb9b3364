"""The documented exception classes, and what they tell."""

from __future__ import annotations

import os

import pytest
from conftest import new_client
from scalekit.common import exceptions


def execute(actions, identifier, **tool_input):
    return actions.execute_tool(tool_input=tool_input, tool_name="sandbox_get_profile", identifier=identifier)


@pytest.mark.parametrize(
    ("status", "expected", "code", "times"),
    [
        # A 401 renews the credential and repeats a reading call once; so two are needed. What passes is tried three times.
        (401, exceptions.ScalekitToolUnauthorizedException, "upstream_unauthorized", 2),
        (403, exceptions.ScalekitToolForbiddenException, "upstream_forbidden", 1),
        (404, exceptions.ScalekitToolException, "upstream_not_found", 1),
        (422, exceptions.ScalekitToolException, "upstream_invalid_request", 1),
        (429, exceptions.ScalekitToolRateLimitException, "upstream_rate_limited", 3),
        (500, exceptions.ScalekitToolException, "upstream_error", 1),
        (503, exceptions.ScalekitToolException, "upstream_error", 3),
    ],
)
def test_tool_refused_by_the_provider_raises_a_tool_exception(actions, sandbox, connected, status, expected, code, times):
    sandbox.fail(status, times=times)
    before = sandbox.calls()
    with pytest.raises(exceptions.ScalekitToolException) as refused:
        execute(actions, connected)
    error = refused.value
    assert type(error) is expected
    assert (error.error_code, error.tool_error_code) == ("TOOL_ERROR", code)
    assert error.execution_id.startswith("ex_")
    assert error.tool_error_message == error.message
    assert sandbox.calls() - before == times, "the SDK repeats nothing"


def test_call_beyond_the_deadline_raises_gateway_timeout(client, sandbox, connected, monkeypatch):
    monkeypatch.setattr(client.core_client, "tool_call_timeout_s", 1)
    sandbox.fault(kind="delay", delay_ms=4000)
    with pytest.raises((exceptions.ScalekitGatewayTimeoutException, exceptions.ScalekitToolException)):
        execute(client.actions, connected)


def test_tool_input_wrong_raises_bad_request_naming_the_field(actions, connected):
    with pytest.raises(exceptions.ScalekitBadRequestException) as wrong:
        actions.execute_tool(tool_input={"limit": "many"}, tool_name="sandbox_list_messages", identifier=connected)
    assert wrong.value.error_code == "tool_input_invalid"
    assert "limit" in wrong.value.message and "integer" in wrong.value.message


def test_account_pending_raises_bad_request_with_the_remedy(actions, identifier):
    actions.get_or_create_connected_account(connection_name="sandbox", identifier=identifier)
    with pytest.raises(exceptions.ScalekitBadRequestException) as pending:
        execute(actions, identifier)
    assert pending.value.error_code == "account_pending"
    assert "authorization link" in str(pending.value)


def test_limit_broken_raises_bad_request_naming_the_field(actions):
    with pytest.raises(exceptions.ScalekitBadRequestException) as wrong:
        actions.list_connected_accounts(page_size=100)
    violation = wrong.value._unpacked_details[0].validation_error_info.field_violations[0]
    assert (violation.field, violation.constraint) == ("page_size", "lt")


def test_connection_unknown_raises_not_found(actions, identifier):
    with pytest.raises(exceptions.ScalekitNotFoundException) as unknown:
        actions.create_connected_account(connection_name="never-there", identifier=identifier, authorization_details={})
    assert unknown.value.error_code == "connection_not_found"


def test_rpc_not_offered_raises_not_implemented(client):
    with pytest.raises(exceptions.ScalekitNotImplementedException) as missing:
        client.actions.mcp.list_configs()
    assert missing.value.error_code == "unimplemented"


def test_secret_wrong_raises_at_the_first_call():
    with pytest.raises(exceptions.ScalekitException):
        new_client(secret="wrong-secret").actions.list_connected_accounts()


def test_token_gone_bad_is_renewed_by_the_sdk(identifier):
    client = new_client()
    client.actions.list_connected_accounts()
    # What a revoked or expired token looks like to the SDK: refused, new login, the same call again with both values.
    client.core_client.access_token = "vk_gone"
    assert client.actions.list_connected_accounts(identifier=identifier).connected_accounts == []


def test_address_with_a_trailing_slash_works(identifier):
    client = new_client(url=os.environ["VALETKEY_URL"].rstrip("/") + "/")
    assert client.actions.list_connected_accounts(identifier=identifier).connected_accounts == []


def test_access_token_validates_against_the_published_keys(client):
    client.actions.list_connected_accounts()
    claims = client.validate_access_token_and_get_claims(client.core_client.access_token)
    assert claims["iss"].rstrip("/") == os.environ["VALETKEY_URL"].rstrip("/")
    assert "agent_connectors:execute" in claims["scopes"]
