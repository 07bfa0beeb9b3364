"""Time, chance and locks: what clients take from the machine, so that tests can give them something else."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio


class _Chance:
    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def random(self) -> float:
        """A number in [0, 1)."""
        return random.random()

    def key(self) -> str:
        """A fresh idempotency key."""
        return str(uuid.uuid4())


class System(_Chance):
    """The machine, for clients that block."""

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)

    def lock(self) -> threading.Lock:
        """A lock between threads."""
        return threading.Lock()

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Nothing: a thread cannot be interrupted. The time-outs of the single socket operations hold instead."""
        yield


class AsyncSystem(_Chance):
    """The machine, for asynchronous clients."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await anyio.sleep(seconds)

    def lock(self) -> anyio.Lock:
        """A lock between tasks."""
        return anyio.Lock()

    @asynccontextmanager
    async def limit(self, seconds: float) -> AsyncIterator[None]:
        """Ends what is inside with `TimeoutError` when the time is over."""
        with anyio.fail_after(seconds):
            yield
