"""Several accounts of one user on one connection: a call never takes another than the one that is meant."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from scripted import Clock, FakeSystem, Server

from valetkey import ConflictError, NotFoundError, ValetkeyClient

KEY = {"identifier": "user_1", "connection_name": "gmail"}


def listed(*names: Any, query: Any = None, token: Any = None) -> dict[str, Any]:
    items = [{"id": f"ca_{name}", "status": "ACTIVE", "account_name": name} for name in names]
    return {
        "request": {"method": "GET", "path": "/v1/connect/accounts", "query": {**KEY, **(query or {})}},
        "response": {"status": 200, "json": {"items": items, "total_size": len(items), "next_page_token": token}},
    }


def play(*exchanges: dict[str, Any]) -> tuple[Any, Server]:
    clock = Clock(0.5)
    server = Server(list(exchanges), clock)
    http = httpx.Client(transport=httpx.MockTransport(server.handle))
    client = ValetkeyClient("https://valetkey.test", api_token="vk_1", http_client=http, _system=FakeSystem(clock))
    return client.actions, server


def test_key_alone_means_the_unnamed_account_wherever_it_stands() -> None:
    actions, server = play(listed("work", "home"), listed("work", "home", token="n"), listed(None, query={"page_token": "n"}))
    with pytest.raises(ConflictError) as several:
        actions.get_connected_account(**KEY)
    assert several.value.code == "ambiguous_account"
    assert "account_name" in str(several.value)
    assert actions.get_connected_account(**KEY).id == "ca_None"
    assert server.done == 3
    assert not server.problems


def test_key_alone_means_the_only_account() -> None:
    actions, server = play(listed("work"))
    assert actions.get_connected_account(**KEY).account_name == "work"
    assert not server.problems


def test_named_account_is_that_one_even_of_a_server_that_knows_no_names() -> None:
    name = {"account_name": "work"}
    refreshed = {
        "request": {"method": "POST", "path": "/v1/connect/accounts/ca_work/refresh"},
        "response": {"status": 200, "json": {"id": "ca_work", "status": "ACTIVE", "account_name": "work"}},
    }
    actions, server = play(listed("work", query=name), refreshed, listed(None, query=name))
    assert actions.refresh_connected_account(**KEY, account_name="work").id == "ca_work"
    with pytest.raises(NotFoundError):
        actions.refresh_connected_account(**KEY, account_name="work")
    assert not server.problems


def test_name_goes_along_wherever_the_server_finds_the_account() -> None:
    fields = {**KEY, "account_name": "work"}
    link = {"link": "https://valetkey.test/connect/x", "account": {}}
    result = {"execution_id": "ex_1", "connected_account_id": "ca_1", "tool_name": "t", "data": {}}
    answers: list[tuple[str, str, dict[str, Any], Any]] = [
        ("POST", "/v1/connect/authorization-links", {"json": {**fields, "add_scopes": ["a"]}}, link),
        ("POST", "/v1/connect/tools/execute", {"json": {**fields, "tool_name": "t", "tool_input": {}}}, result),
        ("GET", "/proxy/me", {"headers": fields}, {}),
        ("POST", "/v1/connect/diagnoses", {"json": fields}, {}),
        ("POST", "/v1/connect/accounts", {"json": fields}, {}),
    ]
    actions, server = play(*[{"request": {"method": m, "path": p, **r}, "response": {"status": 200, "json": a}} for m, p, r, a in answers])
    actions.get_authorization_link(**fields, add_scopes=["a"])
    actions.execute_tool("t", {}, **fields)
    assert actions.request("GET", "/me", **fields).status_code == 200
    actions.diagnose(**fields)
    actions.create_connected_account(**fields)
    assert server.done == len(answers)
    assert not server.problems


def test_siblings_are_sent_and_the_receipt_is_read() -> None:
    path = "/v1/connect/accounts/ca_1"
    receipt = {"outcome": "kept_for_siblings", "tokens": [], "siblings": ["ca_2"]}
    actions, server = play(
        {
            "request": {"method": "POST", "path": f"{path}/disconnect", "json": {"siblings": "keep"}},
            "response": {"status": 200, "json": {"id": "ca_1", "status": "DISCONNECTED", "revocation": receipt}},
        },
        {"request": {"method": "DELETE", "path": path, "query": {"siblings": "revoke"}}, "response": {"status": 204}},
    )
    revocation = actions.disconnect_connected_account(connected_account_id="ca_1", siblings="keep").revocation
    assert (revocation.outcome, revocation.siblings) == ("kept_for_siblings", ["ca_2"])
    actions.delete_connected_account(connected_account_id="ca_1", siblings="revoke")
    assert server.done == 2
    assert not server.problems
