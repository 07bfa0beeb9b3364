"""The README's five minutes work as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from live import LiveServer

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def test_five_minutes_work_as_printed(server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    before, after = re.split(r"# … the user opens the link.*\n", blocks[0])
    names: dict[str, Any] = {}
    exec(before, names)  # noqa: S102 - the README's own code
    server.authorize(capsys.readouterr().out.strip(), "ada")
    exec(after, names)  # noqa: S102
    names["client"].actions.delete_connected_account("user_123", "sandbox")
    names["client"].close()
    status, data = capsys.readouterr().out.strip().splitlines()
    assert status == "ACTIVE"
    assert "ada@example.com" in data


def test_every_block_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) > 4
    for block in blocks:
        # An ellipsis stands for a value of the reader's.
        compile(block.replace("…", "..."), "README.md", "exec")
