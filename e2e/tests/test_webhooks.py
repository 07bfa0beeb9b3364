"""Webhooks from the outside: a receiver that verifies with the official SDK, a revocation, an async call, and kill -9."""

from __future__ import annotations

import json
import pathlib
import signal

from harness.process import wait_for
from harness.valetkey import Valetkey

from .flows import connect_sandbox
from .hooks import Receiver, verified


def test_app_is_told_of_a_revocation_and_of_what_a_call_brought_also_after_kill_9(binary: pathlib.Path, folder: pathlib.Path, receiver: Receiver) -> None:
    """S53, S54: signed, at least once, under one id, whatever happens to the server in between."""
    home = folder / "webhooks"
    server = Valetkey(binary, home)
    try:
        types = ["account.revoked", "execution.finished"]
        made = server.api("POST", "/webhooks", {"url": receiver.url, "event_types": types})
        secret, webhook = made["secret"], made["webhook"]["id"]
        assert server.api("POST", f"/webhooks/{webhook}/test")["outcome"] == "delivered"
        assert verified(secret, *receiver.of("webhook.test")[0])["data"] == {"webhook_id": webhook}

        account = connect_sandbox(server, "hook_user", user="grace")
        call = {"tool_name": "sandbox_get_profile", "identifier": "hook_user", "tool_input": {}, "mode": "async"}
        execution = server.api("POST", "/tools/execute", call)["execution_id"]
        headers, body = wait_for(lambda: receiver.of("execution.finished"), "the end of the call is told", 60)[0]
        told = verified(secret, headers, body)["data"]
        record = server.api("GET", f"/executions/{execution}")
        assert (told["id"], told["status"], told["data"]) == (execution, "SUCCEEDED", record["data"])
        assert {name: told[name] for name in told if name != "connection_name"} == {name: record[name] for name in told if name != "connection_name"}

        # The first try fails, and the server is killed before the second.
        receiver.answers.put(503)
        simulator = server.api("GET", "/connections/sandbox")["overrides"]["api_base_url"].removesuffix("/api/v1")
        gone = server.http.post(f"{simulator}/_sim/revoke-grants", json={"user": "grace", "by": "user"}, timeout=30)
        assert gone.ok, gone.text
        call.pop("mode")
        refused = server.raw("POST", "/v1/connect/tools/execute", json=call)
        assert refused.json()["error"]["code"] == "account_revoked", refused.text
        wait_for(lambda: receiver.of("account.revoked"), "the first try", 60)
        server.process.stop(signal.SIGKILL)
        server = Valetkey(binary, home)
        tries = wait_for(lambda: receiver.of("account.revoked")[1:] and receiver.of("account.revoked"), "the second try", 120)
        events = [verified(secret, *one) for one in tries]
        assert events[0] == events[1] and tries[0][1] == tries[1][1]
        told = events[0]["data"]
        assert (told["account_id"], told["identifier"], told["status"], told["connection_name"]) == (account["id"], "hook_user", "REVOKED", "sandbox")
        assert told["code"] and told["remedies"]

        def delivered() -> bool:
            page = server.api("GET", f"/webhooks/{webhook}/deliveries", params={"outcome": "delivered"})
            return events[0]["id"] in [message["id"] for message in page["items"]]

        wait_for(delivered, "the server knows that it arrived", 30)
        assert server.api("GET", f"/webhooks/{webhook}")["status"] == "healthy"
    finally:
        server.stop()
