"""Whole stories with the real server and its simulator."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from live import LiveServer, wait_for

from valetkey import (
    AccountExpiredError,
    AccountNotActiveError,
    AccountPendingError,
    AccountRevokedError,
    AsyncValetkeyClient,
    ConflictError,
    ConnectionError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidRequestError,
    NotFoundError,
    TimeoutError,
    ToolCall,
    ToolRateLimitedError,
    ToolTimeoutError,
    UnauthorizedError,
    ValetkeyClient,
    ValetkeyError,
)

PROFILE: dict[str, Any] = {"tool_name": "sandbox_get_profile", "tool_input": {}}


@pytest.fixture(autouse=True)
def calm(server: LiveServer) -> None:
    """Nothing is left of the test before."""
    server.simulate("faults/clear")
    server.simulate("settings", refresh_token_ttl_s=None)


def test_pending_account_becomes_active_through_its_link_and_calls_tools(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "valetkey")
    with server.client() as client:
        actions = client.actions
        account = actions.get_or_create_connected_account(identifier="user_1", connection_name="sandbox")
        assert account.status == "PENDING"
        assert actions.get_or_create_connected_account("user_1", "sandbox").id == account.id
        with pytest.raises(AccountPendingError) as pending:
            actions.execute_tool(identifier="user_1", **PROFILE)
        assert pending.value.execution_id
        assert pending.value.request_id
        assert pending.value.account_id == account.id

        link = actions.get_authorization_link(connection_name="sandbox", identifier="user_1").link
        server.authorize(link, "ada")
        account = actions.get_connected_account(identifier="user_1", connection_name="sandbox")
        assert account.status == "ACTIVE"
        assert "profile" in account.scopes
        assert actions.get_connected_account(connected_account_id=account.id).label == "ada@example.com"

        result = actions.execute_tool(identifier="user_1", **PROFILE)
        assert result.data["email"] == "ada@example.com"
        assert result.connected_account_id == account.id
        execution = actions.wait_for_execution(result.execution_id)
        assert (execution.status, execution.tool_name) == ("SUCCEEDED", "sandbox_get_profile")
        answer = actions.request("GET", "/me", identifier="user_1", connection_name="sandbox")
        assert answer.ok
        assert answer.json()["email"] == "ada@example.com"
        assert answer.execution_id
        missing = actions.request("GET", "/files/none", connected_account_id=account.id)
        assert missing.status_code == 404
        with pytest.raises(InvalidRequestError):
            missing.raise_for_status()
        records = list(actions.list_executions(connected_account_id=account.id, page_size=1))
        assert [record.status for record in records] == ["FAILED", "SUCCEEDED", "SUCCEEDED", "FAILED"]
        assert "account.activated" in [event.kind for event in actions.list_account_events("user_1", "sandbox", page_size=1)]
        found = actions.search_tools("who am I, my profile", identifier="user_1", limit=3)
        assert 0 < len(found) <= 3
        names = [tool.name for tool in actions.list_tools(connection_name="sandbox", page_size=3)]
        assert "sandbox_get_profile" in names
        assert len(set(names)) == len(names) > 3
        assert actions.get_tool("sandbox_get_profile").definition["input_schema"]["type"] == "object"

        assert actions.update_connected_account("user_1", "sandbox", user_id="u_1", api_config={"team": "blue"}).user_id == "u_1"
        assert [item.id for item in actions.list_connected_accounts(user_id="u_1")] == [account.id]
        assert actions.update_connected_account("user_1", "sandbox", user_id=None).user_id is None
        assert actions.disconnect_connected_account("user_1", "sandbox").status == "DISCONNECTED"
        actions.delete_connected_account("user_1", "sandbox")
        with pytest.raises(NotFoundError):
            actions.get_connected_account("user_1", "sandbox")
    # The test's own browser logs too, below httpx: the link is looked for in this package's lines.
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name == "valetkey")
    assert link.rsplit("/", 1)[1] not in ours
    for secret in (server.env["VALETKEY_CLIENT_SECRET"], "Bearer "):
        assert secret not in caplog.text
    assert "→ POST /v1/connect/tools/execute tool_name='sandbox_get_profile'" in ours


def test_asynchronous_client_does_the_same(server: LiveServer) -> None:
    async def story() -> None:
        async with AsyncValetkeyClient(**server.arguments) as client:
            actions = client.actions
            link = (await actions.get_authorization_link("user_2", "sandbox")).link
            await anyio.to_thread.run_sync(server.authorize, link, "grace")
            assert (await actions.get_connected_account("user_2", "sandbox")).status == "ACTIVE"
            emails: list[str] = []

            async def call() -> None:
                emails.append((await actions.execute_tool(identifier="user_2", **PROFILE)).data["email"])

            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(call)
            assert emails == ["grace@example.com"] * 8
            names = [tool.name async for tool in actions.list_tools(connector="sandbox", page_size=2)]
            assert "sandbox_send_message" in names
            with pytest.raises(InvalidRequestError) as wrong:
                await actions.execute_tool("sandbox_send_message", {"to": "ada@example.com"}, "user_2")
            assert {violation.field for violation in wrong.value.fields} == {"tool_input.subject", "tool_input.body"}
            assert (await actions.refresh_connected_account("user_2", "sandbox")).status == "ACTIVE"
            await actions.delete_connected_account("user_2", "sandbox")

    anyio.run(story)


def test_expired_account_is_refreshed_and_a_dead_one_says_so(server: LiveServer) -> None:
    client = server.client()
    actions = client.actions
    server.connect(client, "user_3", "ada")
    before = actions.get_connected_account("user_3", "sandbox").token_expires_at
    server.simulate("expire-access-tokens", user="ada")
    account = actions.refresh_connected_account(identifier="user_3", connection_name="sandbox")
    assert account.status == "ACTIVE"
    assert before is not None
    assert account.token_expires_at is not None
    assert account.token_expires_at > before
    assert actions.execute_tool(identifier="user_3", **PROFILE).data["email"] == "ada@example.com"

    # The refresh token of the next grant runs out at once.
    server.simulate("settings", refresh_token_ttl_s=1)
    server.connect(client, "user_3", "ada")

    def refused() -> Any:
        # Each refresh brings a new refresh token, which lives for a second; the wait outlives it.
        time.sleep(1.2)
        try:
            actions.refresh_connected_account("user_3", "sandbox")
        except (ConflictError, AccountNotActiveError) as error:
            return error
        return None

    wait_for(refused, "the refresh token runs out")
    assert actions.get_connected_account("user_3", "sandbox").status == "EXPIRED"
    with pytest.raises(AccountExpiredError) as expired:
        actions.execute_tool(identifier="user_3", **PROFILE)
    assert expired.value.account_status == "EXPIRED"
    server.simulate("settings", refresh_token_ttl_s=None)
    server.authorize(actions.get_authorization_link("user_3", "sandbox").link, "ada")
    assert actions.execute_tool(identifier="user_3", **PROFILE).data["email"] == "ada@example.com"


def test_revoked_account_is_authorized_again(server: LiveServer) -> None:
    client = server.client()
    actions = client.actions
    server.connect(client, "user_4", "grace")
    server.simulate("revoke-grants", user="grace")
    with pytest.raises(AccountRevokedError) as revoked:
        actions.execute_tool(identifier="user_4", **PROFILE)
    assert isinstance(revoked.value, AccountNotActiveError)
    assert revoked.value.request_id is not None
    assert revoked.value.request_id in str(revoked.value)
    assert "What to do:" in str(revoked.value)
    assert actions.get_connected_account("user_4", "sandbox").status == "REVOKED"
    link = revoked.value.authorization_link or actions.get_authorization_link("user_4", "sandbox").link
    server.authorize(link, "grace")
    assert actions.execute_tool(identifier="user_4", **PROFILE).data["email"] == "grace@example.com"


def test_missing_scope_is_told_and_granted_with_a_new_link(server: LiveServer) -> None:
    client = server.client()
    actions = client.actions
    server.connect(client, "user_5", "ada", scopes=["profile"])
    assert actions.get_connected_account("user_5", "sandbox").scopes == ["profile"]
    with pytest.raises(InsufficientScopeError) as missing:
        actions.execute_tool("sandbox_list_messages", {}, "user_5")
    assert isinstance(missing.value, ForbiddenError)
    assert "messages.read" in str(missing.value)
    server.connect(client, "user_5", "ada")
    assert actions.execute_tool("sandbox_list_messages", {}, "user_5").data


def test_rate_limit_is_waited_for_and_told_without_repeats(server: LiveServer) -> None:
    client = server.client()
    server.connect(client, "user_6", "ada")
    server.simulate("faults", endpoint="api", kind="status", status=429, retry_after_s=1)
    assert client.actions.execute_tool(identifier="user_6", **PROFILE).data["email"] == "ada@example.com"
    server.simulate("faults", endpoint="api", kind="status", status=429, retry_after_s=7)
    with pytest.raises(ToolRateLimitedError) as limited:
        client.with_options(max_retries=0).actions.execute_tool(identifier="user_6", **PROFILE)
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after <= 7
    assert limited.value.execution_id
    assert limited.value.provider is not None
    assert limited.value.provider.status == 429


def test_timeouts_of_both_sides_are_told(server: LiveServer) -> None:
    client = server.client()
    server.connect(client, "user_7", "ada")
    server.simulate("faults", endpoint="api", kind="delay", delay_ms=4000)
    with pytest.raises(ToolTimeoutError) as theirs:
        client.with_options(max_retries=0).actions.execute_tool(identifier="user_7", **PROFILE)
    assert theirs.value.code == "upstream_timeout"
    server.simulate("faults/clear")
    server.simulate("faults", endpoint="api", kind="delay", delay_ms=4000)
    with pytest.raises(TimeoutError) as ours:
        client.with_options(timeout=0.3).actions.execute_tool(identifier="user_7", **PROFILE)
    assert ours.value.code == "client_timeout"
    assert "list_executions" in str(ours.value)


class _LosesAnAnswer(httpx.HTTPTransport):
    """Lets the first tool call arrive, and loses its answer."""

    def __init__(self, ca_file: str) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=ca_file))
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.url.path.endswith("/execute"):
            self.calls += 1
            if self.calls == 1:
                response.read()
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        return response


def test_tool_call_whose_answer_is_lost_runs_once(server: LiveServer) -> None:
    arguments = dict(server.arguments)
    transport = _LosesAnAnswer(arguments.pop("ca_file"))
    with httpx.Client(transport=transport) as http, ValetkeyClient(**arguments, http_client=http) as client:
        actions = client.actions
        server.connect(client, "user_8", "ada")
        message = {"to": "grace@example.com", "subject": "Once", "body": "Only once."}
        call: dict[str, Any] = {"tool_name": "sandbox_send_message", "identifier": "user_8", "idempotency_key": "py-once"}
        sent = actions.execute_tool(tool_input=message, **call)
        assert transport.calls == 2
        assert actions.execute_tool(tool_input=message, **call).execution_id == sent.execution_id
        records = actions.list_executions(connected_account_id=sent.connected_account_id, tool_name=sent.tool_name)
        assert len(list(records)) == 1
        with pytest.raises(InvalidRequestError) as reused:
            actions.execute_tool(tool_input={**message, "subject": "Another"}, **call)
        assert reused.value.code == "idempotency_key_reused"


def test_tool_that_nobody_waits_for_is_waited_for_later(server: LiveServer) -> None:
    actions = server.client().actions
    server.connect(server.client(), "user_9", "grace")
    started = actions.execute_tool_async(identifier="user_9", **PROFILE)
    assert started.status == "RUNNING"
    ended = actions.wait_for_execution(started.execution_id, timeout=20)
    assert (ended.status, ended.data["email"]) == ("SUCCEEDED", "grace@example.com")
    missing = actions.execute_tool_async("sandbox_get_message", {"message_id": "none"}, "user_9")
    failed = actions.wait_for_execution(missing.execution_id, timeout=20)
    assert failed.status == "FAILED"
    assert failed.error is not None
    assert failed.error.code == "upstream_not_found"


def test_batch_gives_each_call_its_own_result(server: LiveServer) -> None:
    client = server.client()
    server.connect(client, "user_10", "ada", scopes=["profile"])
    profile, unknown, scope, nobody, again = client.actions.execute_tools(
        [
            ToolCall("sandbox_get_profile", identifier="user_10"),
            ToolCall("sandbox_no_such_tool", identifier="user_10"),
            ToolCall("sandbox_list_messages", identifier="user_10"),
            ToolCall("sandbox_get_profile", identifier="nobody"),
            ToolCall("sandbox_get_profile", identifier="user_10", timeout=1.5),
        ]
    )
    assert [one.unwrap().data["email"] for one in (profile, again)] == ["ada@example.com"] * 2
    assert isinstance(unknown.error, NotFoundError)
    assert unknown.error.code == "tool_not_found"
    assert isinstance(scope.error, InsufficientScopeError)
    assert scope.error.execution_id
    with pytest.raises(NotFoundError) as missing:
        nobody.unwrap()
    assert missing.value.code == "account_not_found"
    for one, tool, user in (
        (unknown, "sandbox_no_such_tool", "user_10"),
        (scope, "sandbox_list_messages", "user_10"),
        (nobody, "sandbox_get_profile", "nobody"),
    ):
        with pytest.raises(ValetkeyError) as alone:
            client.actions.execute_tool(tool, {}, user)
        assert one.error is not None
        assert (type(one.error), one.error.http_status) == (type(alone.value), alone.value.http_status)
        assert one.error.http_status in (403, 404)
    with pytest.raises(InvalidRequestError):
        client.actions.execute_tools([])


def test_batch_in_the_background_is_waited_for(server: LiveServer) -> None:
    client = server.client()
    server.connect(client, "user_16", "ada")
    calls = [ToolCall("sandbox_get_profile", identifier=user) for user in ("user_16", "nobody", "user_16")]
    first, nobody, last = client.actions.execute_tools_async(calls)
    for one in (first, last):
        ended = client.actions.wait_for_execution(one.unwrap().execution_id, timeout=60)
        assert (ended.status, ended.data["email"]) == ("SUCCEEDED", "ada@example.com")
    assert isinstance(nobody.error, NotFoundError)
    assert nobody.error.http_status == 404


def test_end_of_a_client_secret_is_kept_until_another_secret_comes(server: LiveServer) -> None:
    actions = server.client().actions
    end = datetime(2099, 1, 31, tzinfo=timezone.utc)
    name = "dated"
    made = actions.create_connection("gmail", name, client_id="c", client_secret="s", client_secret_expires_at=end)
    assert made.client_secret_expires_at == end
    assert actions.update_connection(name, enabled=False).client_secret_expires_at == end
    assert actions.update_connection(name, client_secret="other").client_secret_expires_at is None
    assert actions.update_connection(name, client_secret_expires_at=end).client_secret_expires_at == end
    assert actions.update_connection(name, client_secret_expires_at=None).client_secret_expires_at is None
    actions.delete_connection(name)


@pytest.fixture
def lone_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server whose accounts are this test's alone: many that are revoked at once are not their users' doing."""
    running = LiveServer(tmp_path / "server")
    yield running
    running.stop()


def test_diagnosis_says_what_is_wrong_and_whose_move_it_is(lone_server: LiveServer) -> None:
    server = lone_server
    client = server.client()
    actions = client.actions
    server.connect(client, "user_11", "grace")
    well = actions.diagnose("user_11", "sandbox", probe=True)
    assert (well.verdict, well.findings[0].code) == ("healthy", "healthy"), well.summary
    assert well.steps
    assert all(step.outcome != "failed" for step in well.steps)

    server.simulate("revoke-grants", user="grace")
    with pytest.raises(AccountRevokedError) as revoked:
        actions.execute_tool(identifier="user_11", **PROFILE)
    short = revoked.value.diagnosis
    assert short is not None
    assert (short.verdict, short.actor) == ("broken", "end_user")
    for found in (
        actions.diagnose(connected_account_id=revoked.value.account_id, probe=False),
        actions.diagnose(execution_id=revoked.value.execution_id),
    ):
        assert found.verdict == "broken", found.summary
        worst = found.findings[0]
        assert worst.actor == "end_user"
        assert worst.message
        assert worst.cause
        assert worst.evidence
        assert worst.remedies
        assert found.summary
    record = actions.get_execution(revoked.value.execution_id or "")
    assert record.diagnosis is not None
    assert record.diagnosis.verdict == "broken"
    assert actions.diagnose(connection_name="sandbox").subject["kind"] == "connection"


def test_accounts_with_names_are_told_apart_as_the_server_does(server: LiveServer) -> None:
    actions = server.client().actions
    key: dict[str, Any] = {"identifier": "user_12", "connection_name": "sandbox"}
    home = actions.get_or_create_connected_account(**key, account_name="home")
    assert actions.get_connected_account(**key).id == home.id
    work = actions.get_or_create_connected_account(**key, account_name="work")
    assert work.id != home.id
    assert actions.get_connected_account(**key, account_name="home").id == home.id
    with pytest.raises(ConflictError) as here:
        actions.get_connected_account(**key)
    with pytest.raises(ConflictError) as there:
        actions.execute_tool(**key, **PROFILE)
    assert [here.value.code, there.value.code] == ["ambiguous_account"] * 2
    plain = actions.create_connected_account(**key)
    assert actions.get_connected_account(**key).id == plain.id
    server.authorize(actions.get_authorization_link(**key, account_name="work").link, "grace")
    result = actions.execute_tool(**key, account_name="work", **PROFILE)
    assert (result.data["email"], result.connected_account_id) == ("grace@example.com", work.id)
    answer = actions.request("GET", "/me", **key, account_name="work")
    assert answer.json()["email"] == "grace@example.com"


def test_untrusted_certificate_is_refused_and_says_what_to_set(server: LiveServer) -> None:
    token = server.env["VALETKEY_API_TOKEN"]
    with ValetkeyClient(server.env["VALETKEY_URL"], api_token=token) as client, pytest.raises(ConnectionError) as refused:
        client.actions.get_tool("sandbox_get_profile")
    assert refused.value.code == "connection_tls_failed"
    assert "VALETKEY_CA_FILE" in str(refused.value)
    assert token not in str(refused.value)


def test_wrong_credentials_are_refused(server: LiveServer) -> None:
    wrong = {**server.arguments, "client_secret": "vks_wrong"}
    with ValetkeyClient(**wrong) as client, pytest.raises(UnauthorizedError) as refused:
        client.actions.get_tool("sandbox_get_profile")
    assert refused.value.code == "invalid_client_credentials"
    other = ValetkeyClient(server.env["VALETKEY_URL"], api_token="vk_wrong", ca_file=server.env["VALETKEY_CA_FILE"])
    with other as client, pytest.raises(UnauthorizedError):
        client.actions.get_tool("sandbox_get_profile")


def test_environment_is_enough(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VALETKEY_URL", "VALETKEY_API_TOKEN", "VALETKEY_CA_FILE"):
        monkeypatch.setenv(name, server.env[name])
    with ValetkeyClient() as client:
        assert client.actions.get_connector("sandbox").tools


def test_connections_are_managed(server: LiveServer) -> None:
    actions = server.client().actions
    overrides = actions.get_connection("sandbox").overrides
    made = actions.create_connection("sandbox", "second", client_id="valetkey-dev", client_secret="wrong", overrides=overrides)
    assert made.has_client_secret
    assert made.redirect_uri.startswith(server.env["VALETKEY_URL"])
    tested = actions.test_connection("second")
    assert not tested.ok
    assert tested.checked
    changed = actions.update_connection(made.id, client_secret=None, enabled=False)
    assert (changed.has_client_secret, changed.enabled) == (False, False)
    assert {"second", "sandbox"} <= {item.name for item in actions.list_connections(page_size=1)}
    assert any(item.slug == "gmail" for item in actions.list_connectors())
    actions.delete_connection("second")
    with pytest.raises(NotFoundError) as gone:
        actions.get_connection("second")
    assert gone.value.code == "connection_not_found"
