"""MCP with the official clients, in the revisions that they speak, against the real binary over TLS."""

from __future__ import annotations

import json
import pathlib
import re
import sys
import uuid
from typing import Any

import pytest

from harness.emulated import NODE
from harness.valetkey import Valetkey
from tests.flows import connect_sandbox, sandbox_callback
from tests.test_official_sdks import run

STORIES = pathlib.Path(__file__).resolve().parent.parent / "stories"
PYTHON = [sys.executable, str(STORIES / "mcp_client.py")]

CLIENTS = {
    "python-discovery": (PYTHON, ["auto"]),
    "python-handshake": (PYTHON, ["legacy"]),
    "typescript": ([str(NODE), str(STORIES / "mcp-client.mjs")], []),
}


class Agent:
    """A host of an agent: the official client, a URL and a token."""

    def __init__(self, server: Valetkey, client: str, query: str, token: str):
        self.server, self.query, self.token = server, query, token
        self.command, self.more = CLIENTS[client]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What the client is offered, and what the call brought."""
        url = f"{self.server.url}/mcp{self.query}"
        said = run([*self.command, url, self.token, tool, json.dumps(arguments), *self.more], self.server)
        return json.loads(said.splitlines()[-1])


def bounded(server: Valetkey, **bounds: Any) -> str:
    """A token that opens no more than this."""
    return server.api("POST", "/tokens", {"name": f"agent-{uuid.uuid4().hex[:8]}", "bounds": bounds})["token"]


@pytest.mark.parametrize("client", CLIENTS)
def test_agent_calls_loses_its_grant_and_is_told_what_to_do(server: Valetkey, client: str) -> None:
    identifier, user = f"user-{uuid.uuid4().hex[:12]}", "grace"
    account = connect_sandbox(server, identifier, user)
    agent = Agent(server, client, "", bounded(server, identifiers=[identifier], connectors=["sandbox"], read_only=True))
    said = agent.call("sandbox_get_profile")
    assert said["server"] == "valetkey"
    assert said["tools"] and all(tool["annotations"]["readOnlyHint"] for tool in said["tools"]), said["tools"]
    assert said["result"]["structuredContent"]["email"] == f"{user}@example.com"
    newest = server.api("GET", "/executions", params={"connected_account_id": account["id"]})["items"][0]
    assert (newest["source"], newest["status"]) == ("mcp", "SUCCEEDED")

    refused = agent.call("sandbox_send_message", to=["grace@example.com"], subject="Lunch", body="At noon?")["result"]
    assert refused["isError"] and refused["structuredContent"]["error"]["code"] == "permission_denied", refused

    simulator = "/".join(server.api("GET", "/connections/sandbox")["overrides"]["api_base_url"].split("/")[:3])
    assert server.http.post(f"{simulator}/_sim/revoke-grants", json={"user": user, "by": "user"}, timeout=30).ok
    failed = agent.call("sandbox_get_profile")["result"]
    assert failed["isError"] and failed["structuredContent"]["error"]["code"] == "account_revoked", failed
    text = failed["content"][0]["text"]
    assert "The user has to act." in text and "/connect/" not in text, "its token makes no links"

    # An app's own token may make links, and then there is one at hand.
    app = Agent(server, client, f"?identifier={identifier}&tool_name=sandbox_get_profile", server.api_token)
    text = app.call("sandbox_get_profile")["result"]["content"][0]["text"]
    link = re.search(rf"{re.escape(server.url)}/connect/\S+", text)
    assert link, text
    session = server.browser_session()
    assert session.get(sandbox_callback(server, link[0], session, user), timeout=60).status_code == 200
    again = agent.call("sandbox_get_profile")["result"]
    assert again["structuredContent"]["email"] == f"{user}@example.com", again


def test_agent_of_another_user_is_refused_before_anything_is_listed(server: Valetkey) -> None:
    agent = Agent(server, "python-handshake", "?identifier=somebody-else", bounded(server, identifiers=["user_123"]))
    with pytest.raises(AssertionError, match=r"bounded to the users user_123.*\[permission_denied\] More: https://"):
        agent.call("sandbox_get_profile")
