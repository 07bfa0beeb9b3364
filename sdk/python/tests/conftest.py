"""Fixtures. Tests against the real server need VALETKEY_BIN, the path of the binary."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from live import LiveServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for all tests that can share it; each uses identifiers and simulator users of its own."""
    if not os.environ.get("VALETKEY_BIN"):
        pytest.skip("VALETKEY_BIN is not set")
    running = LiveServer(tmp_path_factory.mktemp("server"), "--call-deadline-s", "2")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "API_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "CA_FILE"):
        monkeypatch.delenv(f"VALETKEY_{name}", raising=False)
