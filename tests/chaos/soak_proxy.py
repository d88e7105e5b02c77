"""A real proxy before a real node: every byte of HTTP and WebSocket passes the faults of `faulty_rpc`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from faulty_rpc import Dropped, Faults, FaultyRpc, FaultySocket, Reply

BODY_BYTES_MAX = 1 << 22
MESSAGE_BYTES_MAX = 1 << 24
UPSTREAM_TIMEOUT_S = 30.0
RESTING_S = 300.0


@dataclass
class FaultyEndpoint:
    """One node's address as its users see it: `url` and `ws_url` of this machine, with faults of its own."""

    upstream: str
    upstream_ws: str
    faults: Faults
    secret: str = ""
    """Stands in the URL's query, as the key of a node that is paid for does."""
    url: str = ""
    ws_url: str = ""
    calls: int = 0
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _http: httpx.AsyncClient | None = None
    _rpc: FaultyRpc | None = None

    async def _forward(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._http is not None
        try:
            answer = await self._http.post(self.upstream, json=request)
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Dropped from error
        return found

    def _spawn(self, work: Awaitable[Any]) -> None:
        async def quiet() -> None:
            with contextlib.suppress(Dropped):
                await work

        task = asyncio.ensure_future(quiet())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: request after request until either side ends it."""
        assert self._rpc is not None
        try:
            while (body := await _read_body(reader)) is not None:
                self.calls += 1
                try:
                    reply = await self._rpc.serve(json.loads(body))
                except Dropped:
                    break
                writer.write(_http_bytes(reply))
                await writer.drain()
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def relay(self, down: Any) -> None:
        """One WebSocket: what the reader says goes up as it is, what the node says passes the faults."""
        filtered = FaultySocket(self.faults, now=asyncio.get_running_loop().time)
        try:
            async with websockets.connect(self.upstream_ws, max_size=MESSAGE_BYTES_MAX) as up:
                rising = asyncio.create_task(_copy(down, up))
                try:
                    async for message in up:
                        for each in filtered.pass_on(str(message)):
                            await down.send(each)
                finally:
                    rising.cancel()
                    await down.close()
        except (Dropped, OSError, websockets.WebSocketException):
            await down.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FaultyEndpoint]:
        """Listen on free ports of 127.0.0.1 until the block ends."""
        loop = asyncio.get_running_loop()
        self._rpc = FaultyRpc(self._forward, self.faults, now=loop.time, sleep=asyncio.sleep, spawn=self._spawn)
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        async with httpx.AsyncClient(trust_env=False, timeout=UPSTREAM_TIMEOUT_S, limits=limits) as http:
            self._http = http
            server = await asyncio.start_server(self.answer, "127.0.0.1", 0, limit=BODY_BYTES_MAX)
            async with websockets.serve(self.relay, "127.0.0.1", 0, max_size=MESSAGE_BYTES_MAX) as sockets:
                query = f"/?api-key={self.secret}" if self.secret else ""
                self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{query}"
                self.ws_url = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}{query}"
                try:
                    yield self
                finally:
                    server.close()
                    for task in list(self._tasks):
                        task.cancel()


async def _copy(source: Any, target: Any) -> None:
    """What one side says, to the other; when it is gone, so is the other."""
    with contextlib.suppress(OSError, websockets.WebSocketException):
        async for message in source:
            await target.send(message)
    await target.close()


async def _read_body(reader: asyncio.StreamReader) -> bytes | None:
    """Body of the next request; None when the connection is over."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), RESTING_S)
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return await reader.readexactly(int(line.split(b":", 1)[1]))
    return None


def _http_bytes(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} .", f"content-length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + reply.body
