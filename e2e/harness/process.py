"""Child processes with their output kept, free ports, and waiting for conditions with a deadline."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = 20.0) -> T:
    """The first truthy value of `condition`, asked for until the deadline passes."""
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except Exception as error:  # noqa: BLE001 - any failure means "not yet"
            last = error
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s" + (f" (last: {last!r})" if last else ""))


class Process:
    """A child process in its own session, its output in a file."""

    def __init__(self, command: list[str], log: pathlib.Path, env: dict[str, str] | None = None, cwd: pathlib.Path | None = None):
        self.log = log
        self._out = log.open("ab")
        self.popen = subprocess.Popen(
            command,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )

    def output(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text(errors="replace")

    def require_running(self) -> None:
        """Fails with the output if the process has ended."""
        if self.popen.poll() is not None:
            raise AssertionError(f"process ended with {self.popen.returncode}:\n{self.output()[-4000:]}")

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Ends it and gives its exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(with_signal)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
                self.popen.wait()
        self._out.close()
        return self.popen.returncode
