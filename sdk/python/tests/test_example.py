"""The example app tells its story against the real server."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from live import LiveServer

MAIN = Path(__file__).resolve().parent.parent / "examples" / "assistant" / "main.py"


def test_example_connects_breaks_and_recovers(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("assistant", MAIN)
    assert spec is not None
    assert spec.loader is not None
    assistant = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(assistant)
    server.simulate("faults/clear")
    shown: list[str] = []

    def open_link(link: str) -> None:
        shown.append(link)
        server.authorize(link, "grace")

    with server.client() as client:
        assistant.story(client, server.env["VALETKEY_CA_FILE"], "user_example", open_link, seconds=10)
    output = capsys.readouterr().out
    assert "hello, Grace" in output
    assert "account_revoked" in output
    assert "broken: " in output
    assert "it is up to: end_user" in output
    assert "hello again, Grace" in output
    assert len(shown) == 2
    assert not any(link in output for link in shown)


def test_example_without_a_server_says_what_to_do() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    run = subprocess.run([sys.executable, str(MAIN)], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 1
    assert "VALETKEY_URL" in run.stderr
    assert "Traceback" not in run.stderr
