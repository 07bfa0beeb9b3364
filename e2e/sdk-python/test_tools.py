"""Tools through the SDK."""

from __future__ import annotations

import pytest
from scalekit.common.exceptions import ScalekitNotFoundException
from scalekit.v1.tools.tools_pb2 import ScopedToolFilter


def test_tool_is_executed_by_name_and_by_id(actions, connected):
    result = actions.execute_tool(tool_input={}, tool_name="sandbox_get_profile", identifier=connected, connection_name="sandbox")
    assert result.execution_id.startswith("ex_")
    assert "@" in result.data["email"]
    # Without the connection it is found from the tool; the LangChain adapter gives the account's id alone.
    assert actions.execute_tool(tool_input={}, tool_name="sandbox_get_profile", identifier=connected).data == result.data
    account = actions.get_connected_account_details(connection_name="sandbox", identifier=connected).connected_account
    by_id = actions.execute_tool(tool_input={}, tool_name="sandbox_get_profile", connected_account_id=account.id)
    assert by_id.data == result.data


def test_tool_with_input_does_what_it_says(actions, connected):
    sent = actions.execute_tool(
        tool_input={"to": "grace@example.com", "subject": "Mittagessen — ¿mañana?", "body": "At noon? 🍜"},
        tool_name="sandbox_send_message",
        identifier=connected,
    )
    message = sent.data.get("message", sent.data)
    found = actions.execute_tool(tool_input={"message_id": message["id"]}, tool_name="sandbox_get_message", identifier=connected)
    assert found.data.get("message", found.data)["subject"] == "Mittagessen — ¿mañana?"
    # Every number in a Struct is a double; the schema asks for an integer.
    listed = actions.execute_tool(tool_input={"limit": 2}, tool_name="sandbox_list_messages", identifier=connected)
    assert listed.data


def test_tools_are_listed_with_their_schemas(actions, client):
    page = actions.list_tools(connection_name="sandbox", page_size=3)
    assert len(page.tools) == 3 and page.next_page_token and page.total_count > 3
    second = actions.list_tools(connection_name="sandbox", page_size=3, page_token=page.next_page_token)
    assert not {t.definition["name"] for t in page.tools} & {t.definition["name"] for t in second.tools}
    named = actions.list_tools(tool_name=["sandbox_send_message"]).tools
    assert [tool.definition["name"] for tool in named] == ["sandbox_send_message"]
    assert named[0].definition["input_schema"]["required"] == ["to", "subject", "body"]
    summary = actions.list_tools(tool_name=["sandbox_send_message"], summary=True).tools
    assert set(summary[0].definition) == {"name", "description"}
    assert client.tools.list_tools()[0].total_size >= page.total_count


def test_tools_are_scoped_to_a_user(client, connected):
    scoped = client.tools.list_scoped_tools(connected)[0]
    assert scoped.total_size > 3
    assert {tool.identifier for tool in scoped.tools} == {connected}
    assert scoped.tools[0].connected_account_id.startswith("ca_")
    narrowed = client.tools.list_scoped_tools(connected, ScopedToolFilter(connection_names=["sandbox"], tool_names=["sandbox_get_profile"]))[0]
    assert [tool.tool.definition["name"] for tool in narrowed.tools] == ["sandbox_get_profile"]
    assert client.tools.list_scoped_tools("nobody-at-all")[0].total_size == 0


def test_tools_are_found_by_what_they_do(client, connected):
    found = client.tools.search_tools("send a message", identifier=connected, top_k=5)[0].tools
    names = [tool.name for tool in found]
    assert "sandbox_send_message" in names and len(names) <= 5
    tool = next(tool for tool in found if tool.name == "sandbox_send_message")
    assert any(c.connection_name == "sandbox" and c.readiness_state == 1 for c in tool.connections)


def test_tool_unknown_is_not_found(actions, connected):
    with pytest.raises(ScalekitNotFoundException) as unknown:
        actions.execute_tool(tool_input={}, tool_name="sandbox_get_profil", identifier=connected)
    assert unknown.value.error_code == "tool_not_found"
    assert "sandbox_get_profile" in str(unknown.value)
