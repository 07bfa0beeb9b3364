"""Shared fixtures: one server for the whole run, one emulator per provider, a browser."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.emulated import StrictProvider  # noqa: E402
from harness.valetkey import Valetkey  # noqa: E402
from tests.hooks import Receiver  # noqa: E402

E2E = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def binary() -> pathlib.Path:
    """The binary under test."""
    path = pathlib.Path(os.environ["VALETKEY_BIN"])
    assert path.exists(), f"{path} is missing: run e2e/run.sh"
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A place for logs and data of this run."""
    return tmp_path_factory.mktemp("valetkey")


@pytest.fixture(scope="session")
def server(binary: pathlib.Path, folder: pathlib.Path) -> Iterator[Valetkey]:
    """`valetkey dev`, for all tests that leave it as it was for the others."""
    running = Valetkey(binary, folder / "server", env={"VALETKEY_CONNECTORS_DIR": str(E2E / "connectors")})
    yield running
    code = running.stop()
    assert code == 0, f"the server ended with {code}:\n{running.process.output()[-4000:]}"


@pytest.fixture(scope="session")
def strict(folder: pathlib.Path) -> Iterator[StrictProvider]:
    """The strict OAuth provider."""
    provider = StrictProvider(folder / "strict")
    yield provider
    provider.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint of an app, for webhooks."""
    endpoint = Receiver()
    yield endpoint
    endpoint.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator["object"]:
    """Debian's Chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()
