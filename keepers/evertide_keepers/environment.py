"""What keepers take from the machine they run on, in one place: a test replaces it, and runs them in a time of its own.

Everything else that waits or measures does so by the event loop's clock, and everything decided by the chain's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import websockets

from evertide_engine.warm_up import warm_up

MESSAGE_BYTES_MAX = 1 << 24


class Socket(Protocol):
    """As much of a WebSocket as is used. Losing it raises an OSError or a WebSocketException."""

    async def send(self, text: str) -> None:
        """Send one message."""

    async def recv(self) -> str | bytes:
        """Wait for the next message."""

    async def close(self) -> None:
        """Close it."""


class Sink(Protocol):
    """Where a journal goes. Each call may block or raise an OSError."""

    def write(self, data: bytes) -> object:
        """Append bytes."""

    def flush(self) -> None:
        """Hand to the system what was written."""

    def close(self) -> None:
        """Close it."""


async def connect(url: str) -> Any:
    """A WebSocket to a node."""
    return await websockets.connect(url, max_size=MESSAGE_BYTES_MAX)


def wall_ms() -> int:
    """Unix time in ms by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The machine: network, wall clock, chance, files, the compiling of kernels."""

    transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda url: None
    """The transport for a node's URL; None: the network."""
    connect: Callable[[str], Awaitable[Any]] = connect
    """Opens a WebSocket (a `Socket`)."""
    wall_ms: Callable[[], int] = wall_ms
    """Only to notice that it and the chain's clock have come apart, and for the times in logs."""
    random: random.Random = field(default_factory=random.Random)
    """Jitter of back-offs, and which accounts are compared between nodes."""
    open_sink: Callable[[Path], Sink] = lambda path: path.open("wb")
    """Opens a journal's file, emptied."""
    warm_up: Callable[[], object] = warm_up
    """Compiles what is not in the cache of kernels yet."""
