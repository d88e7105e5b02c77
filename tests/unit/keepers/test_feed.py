"""The feed: what it reads when, what a gap costs, and that a failure loses nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import keeper_world as kw
import pytest
import websockets
from solders.pubkey import Pubkey

from evertide import PROGRAM_ID, RpcUnreachable
from evertide_keepers.clock import ChainTime
from evertide_keepers.feed import Feed
from evertide_keepers.state import READ, State


def made(world: kw.World, **more: Any) -> tuple[kw.Node, Feed]:
    node = kw.Node(world)
    return node, Feed(node, PROGRAM_ID, State(), **more)  # type: ignore[arg-type]


async def test_without_a_socket_every_sync_is_a_snapshot() -> None:
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(), {})
    node, feed = made(world)
    first = await feed.sync()
    assert len(first) == len(world.accounts) and node.calls.count("snapshot") == len(READ)
    assert feed.state.time == world.time
    assert await feed.sync() == [] and feed.snapshots == 2
    del world.accounts[owner]
    world.time = ChainTime(kw.SLOT + 1, kw.NOW_MS + 1000)
    other = world.trader(2, kw.user(), {})
    changes = await feed.sync()
    assert {(change.address, change.data is None) for change in changes} == {
        (bytes(owner), True),
        (bytes(other), False),
        (kw.orders_key(other), False),
    }


async def test_a_failed_snapshot_is_read_again_and_keeps_what_is_dirty() -> None:
    """F-01: what was to be read is not forgotten."""
    world = kw.World.with_market()
    node, feed = made(world)
    feed.mark_dirty([kw.address(1)])
    node.failure = RpcUnreachable("http://x", "down")
    with pytest.raises(RpcUnreachable):
        await feed.sync()
    assert feed.state.exchange is None and feed.needs_snapshot and feed._dirty == {kw.address(1)}
    node.failure = None
    await feed.sync()
    assert feed.state.exchange is not None


class Socket:
    """A WebSocket server that acknowledges, and then says or does what a test tells it."""

    def __init__(self) -> None:
        self.connections: list[Any] = []
        self.url = ""

    async def tell(self, address: Pubkey) -> None:
        value = {"pubkey": str(address), "account": {}}
        message = {"method": "programNotification", "params": {"result": {"context": {"slot": 1}, "value": value}}}
        await self.connections[-1].send(json.dumps(message))


@asynccontextmanager
async def serving() -> AsyncIterator[Socket]:
    socket = Socket()

    async def handle(connection: Any) -> None:
        async for text in connection:
            request = json.loads(text)
            await connection.send(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": 7}))
            if request["method"] == "slotSubscribe":
                socket.connections.append(connection)

    async with websockets.serve(handle, "127.0.0.1", 0) as server:
        socket.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield socket


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_hints_read_single_accounts_and_a_lost_connection_reads_everything_again() -> None:
    """F-06: whatever was missed during a gap is read again."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(quote_atoms=1), {})
    async with serving() as socket:
        node, feed = made(world, ws_url=socket.url)
        await feed.start()
        await until(lambda: socket.connections)
        await asyncio.sleep(0.05)
        await feed.sync()
        node.calls.clear()
        assert await feed.sync() == [] and node.calls == ["clock"]

        world.put(owner, kw.user(quote_atoms=2))
        world.time = ChainTime(kw.SLOT + 1, kw.NOW_MS)
        feed.woken.clear()
        await socket.tell(owner)
        await asyncio.wait_for(feed.woken.wait(), 5)
        (change,) = await feed.sync()
        assert change.address == bytes(owner) and node.calls == ["clock", "accounts", "clock"]

        await socket.connections[-1].close()
        await until(lambda: feed.gaps == 1 and len(socket.connections) == 2)
        await asyncio.sleep(0.05)
        world.put(owner, kw.user(quote_atoms=3))
        world.time = ChainTime(kw.SLOT + 2, kw.NOW_MS)
        assert feed.needs_snapshot
        (change,) = await feed.sync()
        assert change.address == bytes(owner)
        await feed.close()


async def test_a_silent_connection_counts_as_lost_and_an_old_snapshot_as_due() -> None:
    """F-05: a socket that stays open and says nothing."""
    async with serving() as socket:
        _, feed = made(kw.World.with_market(), ws_url=socket.url, silence_ms=100, snapshot_interval_ms=1)
        await feed.start()
        await until(lambda: feed.gaps >= 1)
        await feed.sync()
        await asyncio.sleep(0.01)
        assert feed.needs_snapshot
        await feed.close()


async def test_accounts_read_after_an_action_are_those_that_it_wrote() -> None:
    world = kw.World.with_market()
    async with serving() as socket:
        node, feed = made(world, ws_url=socket.url)
        await feed.start()
        await until(lambda: socket.connections)
        await asyncio.sleep(0.05)
        await feed.sync()
        node.failure = RpcUnreachable("http://x", "down")
        feed.mark_dirty([kw.address(903)])
        with pytest.raises(RpcUnreachable):
            await feed.sync()
        node.failure = None
        node.calls.clear()
        await feed.sync()
        assert node.calls == ["accounts", "clock"]
        await feed.close()
