"""Signature notifications over WebSocket, as a hint only: nodes lose some, so that polling goes on beside them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ._time import now_s

Connect = Callable[[str], Awaitable[Any]]
"""Opens a WebSocket: an object with `send`, `recv` and `close` of websockets' asyncio client."""

# After a failure the WebSocket is left alone for this long.
RETRY_AFTER_S = 5.0
SUBSCRIPTIONS_MAX = 4096


class SignatureHints:
    """Sets an event when the node says that a signature landed. Never raises for a broken WebSocket."""

    def __init__(self, url: str | None, *, timeout_s: float, connect: Connect | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._open = connect or _connect
        self._ids = itertools.count(1)
        self._socket: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._asked: dict[int, asyncio.Event] = {}
        self._subscribed: dict[int, asyncio.Event] = {}
        self._closed_until = 0.0
        self._lock = asyncio.Lock()

    async def watch(self, signature: str, commitment: str) -> asyncio.Event:
        """An event that is set when (if) the node reports the signature at the commitment."""
        event = asyncio.Event()
        if self._url is None or now_s() < self._closed_until:
            return event
        request_id = next(self._ids)
        params = [signature, {"commitment": commitment}]
        text = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "signatureSubscribe", "params": params})
        self._asked[request_id] = event
        try:
            async with self._lock:
                if self._socket is None:
                    await self._connect()
                async with asyncio.timeout(self._timeout_s):
                    await self._socket.send(text)
        except Exception:
            # Whatever broke, the poll finds the outcome; only the hint is missing.
            self._drop()
        return event

    async def _connect(self) -> None:
        async with asyncio.timeout(self._timeout_s):
            self._socket = await self._open(str(self._url))
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: Any) -> None:
        with contextlib.suppress(Exception):
            while True:
                self._take(json.loads(await socket.recv()))
        if socket is self._socket:
            self._drop()

    def _take(self, answer: dict[str, Any]) -> None:
        if "id" in answer:
            event = self._asked.pop(int(answer["id"]), None)
            if event is not None and isinstance(answer.get("result"), int):
                self._subscribed[int(answer["result"])] = event
                while len(self._subscribed) > SUBSCRIPTIONS_MAX:
                    # What was never notified by now was lost by the node or never landed.
                    del self._subscribed[next(iter(self._subscribed))]
        elif answer.get("method") == "signatureNotification":
            event = self._subscribed.pop(int(answer["params"]["subscription"]), None)
            if event is not None:
                event.set()

    def _drop(self) -> None:
        self._closed_until = now_s() + RETRY_AFTER_S
        self._socket = None
        self._asked.clear()
        self._subscribed.clear()

    async def close(self) -> None:
        """Close the WebSocket."""
        socket, self._socket = self._socket, None
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._reader
        if socket is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._timeout_s):
                    await socket.close()


async def _connect(url: str) -> Any:
    from websockets.asyncio.client import connect

    return await connect(url, max_size=2**22)
