"""The pytest recipe of docs/simulator.md, run as it is printed there."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

from harness.valetkey import Valetkey

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "simulator.md"


def recipes() -> list[str]:
    """The Python blocks below the heading Recipes."""
    _, text = DOCUMENT.read_text().split("\n## Recipes\n", 1)
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def own_server(binary: pathlib.Path, folder: pathlib.Path):
    """A server of its own: the recipe resets its simulator."""
    running = Valetkey(binary, folder / "recipes")
    yield running
    running.stop()


def test_recipes_in_python_pass_as_printed(own_server: Valetkey, binary: pathlib.Path, tmp_path: pathlib.Path) -> None:
    blocks = recipes()
    assert blocks, "the document has lost its recipe"
    for number, block in enumerate(blocks):
        (tmp_path / f"test_recipe_{number}.py").write_text(block)
    simulator = own_server.api("GET", "/connections/sandbox")["overrides"]["api_base_url"].removesuffix("/api/v1")
    env = {
        **os.environ,
        **own_server.env,
        "PATH": f"{binary.parent}:{os.environ['PATH']}",
        "SIMULATOR_URL": simulator,
        "SIMULATOR_CA_FILE": own_server.ca_file,
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed.group(1)) == sum(block.count("\ndef test_") for block in blocks), done.stdout
