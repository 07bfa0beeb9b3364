"""The official Python and Node SDKs, unmodified, against the real binary over TLS: their suites, and whole stories with a
real browser in the middle."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from harness.emulated import NODE
from harness.valetkey import Valetkey

E2E = pathlib.Path(__file__).resolve().parent.parent


def environment(server: Valetkey, **more: str) -> dict[str, str]:
    """What `valetkey dev` tells people to set."""
    return {
        **{name: value for name, value in os.environ.items() if name != "VALETKEY_BIN"},
        **server.env,
        "REQUESTS_CA_BUNDLE": server.ca_file,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": server.ca_file,
        "NODE_EXTRA_CA_CERTS": server.ca_file,
        **more,
    }


def run(command: list[str], server: Valetkey, **more: str) -> str:
    """Runs a client; gives what it printed."""
    done = subprocess.run(command, cwd=E2E, env=environment(server, **more), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_python_suite_passes(server: Valetkey) -> None:
    out = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "sdk-python"], server)
    assert " passed" in out and "skipped" not in out, out[-2000:]


def test_node_suite_passes(server: Valetkey) -> None:
    suites = sorted(str(path) for path in (E2E / "sdk-node").glob("*.test.mjs"))
    assert suites
    out = run([str(NODE), "--test", "--test-concurrency=1", *suites], server)
    assert "fail 0" in out and "skipped 0" in out, out[-2000:]


CLIENTS = {
    "python": lambda step, identifier: [sys.executable, str(E2E / "stories/sdk_story.py"), step, identifier],
    "node": lambda step, identifier: [str(NODE), str(E2E / "stories/sdk-story.mjs"), step, identifier],
}


@pytest.mark.parametrize("language", CLIENTS)
def test_user_consents_in_a_browser_and_the_sdk_calls_the_tool(server: Valetkey, chromium: Any, language: str) -> None:
    """get_or_create → link → consent in Chromium → ACTIVE → tool → list, update, delete → the documented exception."""
    identifier = f"user_sdk_{language}"
    link = run(CLIENTS[language]("link", identifier), server).strip()
    assert link.startswith(server.url + "/connect/"), link
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Grace").check()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    context.close()
    out = run(CLIENTS[language]("call", identifier), server).strip().splitlines()
    assert out == ["status ACTIVE", "tool grace@example.com", "listed", "updated", "deleted", "not found"], out
