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
from evertide.errors import RpcBehind
from evertide_keepers import feed as feeds
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


async def test_who_is_told_of_every_write_reads_no_more_than_that() -> None:
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(), {})
    node, feed = made(world, told=True)
    await feed.sync()
    assert feed.snapshots == 1
    world.time = ChainTime(kw.SLOT + 1, kw.NOW_MS + 1000)
    del world.accounts[owner]
    feed.mark_dirty([owner], kw.SLOT + 1)
    assert {(change.address, change.data) for change in await feed.sync()} == {(bytes(owner), None)}
    assert await feed.sync() == [] and feed.snapshots == 1 and node.calls.count("snapshot") == len(READ)
    feed.lost()
    await feed.sync()
    assert feed.snapshots == 2


async def test_a_failed_snapshot_is_read_again_and_keeps_what_is_dirty() -> None:
    """F-01: what was to be read is not forgotten."""
    world = kw.World.with_market()
    node, feed = made(world)
    feed.mark_dirty([kw.address(1)])
    node.failure = RpcUnreachable("http://x", "down")
    with pytest.raises(RpcUnreachable):
        await feed.sync()
    assert feed.state.exchange is None and feed.needs_snapshot and list(feed._dirty) == [kw.address(1)]
    node.failure = None
    await feed.sync()
    assert feed.state.exchange is not None


class Socket:
    """A WebSocket server that acknowledges, and then says or does what a test tells it."""

    def __init__(self) -> None:
        self.connections: list[Any] = []
        self.url = ""

    async def tell(self, address: Pubkey, slot: int = 1) -> None:
        value = {"pubkey": str(address), "account": {}}
        message = {"method": "programNotification", "params": {"result": {"context": {"slot": slot}, "value": value}}}
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


class Line:
    """A WebSocket without a network: what it says is put into it; None loses it."""

    def __init__(self, *messages: Any) -> None:
        self.waiting: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.url = ""
        for message in messages:
            self.waiting.put_nowait(message)

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def recv(self) -> str:
        message = await self.waiting.get()
        if message is None:
            raise OSError("lost")
        return message if isinstance(message, str) else json.dumps(message)

    async def close(self) -> None:
        self.waiting.put_nowait(None)


ACKNOWLEDGED = ({"id": 1, "result": 7}, {"id": 2, "result": 8})


def slot_message(slot: int) -> dict[str, Any]:
    return {"method": "slotNotification", "params": {"result": {"slot": slot, "parent": slot - 1, "root": slot - 31}}}


def hint(address: Pubkey, slot: int) -> dict[str, Any]:
    result = {"context": {"slot": slot}, "value": {"pubkey": str(address), "account": {}}}
    return {"method": "programNotification", "params": {"result": result}}


@asynccontextmanager
async def listening(world: kw.World, *lines: Line, **more: Any) -> AsyncIterator[tuple[kw.Node, Feed]]:
    """A feed that opens these lines one after the other and has read its first snapshot."""
    left = list(lines)

    async def connect(url: str) -> Line:
        if not left:
            raise OSError("nobody there")
        left[0].url = url
        return left.pop(0)

    node, feed = made(world, connect=connect, **{"ws_url": "ws://node", **more})
    await feed.start()
    await until(
        lambda: feed._listener is not None and len(lines[0].sent) == 2 and (feed.gaps or lines[0].waiting.empty())
    )
    await feed.sync()
    yield node, feed
    await feed.close()


@pytest.mark.parametrize("nonsense", ["no json", "[1]", {"method": "programNotification", "params": {}}, "[" * 9000])
async def test_a_message_that_is_none_costs_a_gap_and_no_more(nonsense: Any) -> None:
    """F-04: nonsense on the WebSocket."""
    line, other = Line(*ACKNOWLEDGED), Line(*ACKNOWLEDGED)
    async with listening(kw.World.with_market(), line, other) as (_, feed):
        line.waiting.put_nowait(nonsense)
        await until(lambda: feed.gaps == 1)
        assert feed.needs_snapshot and ("feed_lost", "feed") in feed.alarms.active
        await until(lambda: len(other.sent) == 2)
        await until(lambda: not feed.alarms.active)


async def test_a_refused_subscription_is_a_gap_with_a_pause_that_grows() -> None:
    refused = [Line({"id": 1, "error": {"code": -32601, "message": "no"}}) for _ in range(3)]
    async with listening(kw.World.with_market(), *refused) as (_, feed):
        await until(lambda: feed.gaps >= 2)
        assert "refused" in feed.alarms.active[("feed_lost", "feed")].message
        assert feed._listener is not None and feed._listener._pause_s >= 0.4


async def test_an_answer_from_before_the_hint_is_read_again() -> None:
    """F-03: the node that is asked is a little behind the one that told."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(quote_atoms=1), {})
    line = Line(*ACKNOWLEDGED)
    async with listening(world, line) as (node, feed):
        line.waiting.put_nowait(hint(owner, kw.SLOT + 2))
        await until(lambda: feed._dirty)
        assert await feed.sync() == [] and list(feed._dirty) == [owner] and not feed.needs_snapshot
        world.put(owner, kw.user(quote_atoms=2))
        world.time = ChainTime(kw.SLOT + 2, kw.NOW_MS)
        (change,) = await feed.sync()
        assert change.address == bytes(owner) and not feed._dirty and node.calls.count("accounts") == 2


async def test_answers_from_slots_long_past_are_refused_until_the_chain_itself_has_gone_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F-03, F-11: first it is the node that lags; when nothing else comes, the chain was rolled back."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(quote_atoms=7), {})
    _, feed = made(world)
    await feed.sync()
    world.time = ChainTime(kw.SLOT - feeds.LAG_SLOTS_MAX - 1, kw.NOW_MS - 20_000)
    world.put(owner, kw.user(quote_atoms=5))
    for _ in range(3):
        with pytest.raises(RpcBehind):
            await feed.sync()
    assert feed.state.time.slot == kw.SLOT and ("node_behind", "feed") in feed.alarms.active
    monkeypatch.setattr(feeds, "REWIND_WAIT_MS", 0)
    with pytest.raises(RpcBehind):
        await feed.sync()
    assert feed.state.time.slot == kw.SLOT, "never in the middle of a plan"
    await feed.sync()
    assert feed.rewinds == 1 and feed.state.time == world.time and not feed.alarms.active
    assert feed.alarms.raised["chain_rolled_back"] == 1
    row = feed.state.row_of(bytes(owner))
    assert int(feed.state.users["quote_atoms"][row]) == 5


async def test_a_processed_slot_that_comes_again_undoes_what_its_fork_told() -> None:
    """F-11: a fork of processed slots."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(quote_atoms=1), {})
    line = Line(*ACKNOWLEDGED)
    async with listening(world, line) as (node, feed):
        for commitment, rewinds in (("confirmed", 0), ("processed", 1)):
            node.commitment = commitment  # type: ignore[misc]
            world.put(owner, kw.user(quote_atoms=9))
            world.time = ChainTime(kw.SLOT + 3, kw.NOW_MS)
            feed.mark_dirty([owner])
            await feed.sync()
            world.put(owner, kw.user(quote_atoms=1))
            world.time = ChainTime(kw.SLOT + 2, kw.NOW_MS)
            for slot in (kw.SLOT + 3, kw.SLOT + 2):
                line.waiting.put_nowait(slot_message(slot))
            await until(line.waiting.empty)
            await feed.sync()
            assert feed.rewinds == rewinds
        assert int(feed.state.users["quote_atoms"][0]) == 1 and feed.state.time.slot == kw.SLOT + 2


async def test_a_flood_of_hints_ends_in_one_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-22: what is remembered of hints is bounded, and others get their turn meanwhile."""
    monkeypatch.setattr(feeds, "DIRTY_MAX", 100)
    line = Line(*ACKNOWLEDGED)
    async with listening(kw.World.with_market(), line) as (node, feed):
        node.calls.clear()
        for number in range(5_000):
            line.waiting.put_nowait(hint(kw.address(number), kw.SLOT))
        turns = most = 0
        while feed._listener is not None and feed._listener._hints < 5_000:
            await asyncio.sleep(0)
            turns, most = turns + 1, max(most, len(feed._dirty))
        assert turns > 5_000 // 64 and 64 <= most <= 100 and feed.needs_snapshot
        await feed.sync()
        assert "accounts" not in node.calls and not feed._dirty and not feed.needs_snapshot


async def test_a_subscription_that_hears_slots_but_no_accounts_is_made_anew() -> None:
    """F-05: half of a silent death; the next snapshot finds it out."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(quote_atoms=1), {})
    line, other = Line(*ACKNOWLEDGED), Line(*ACKNOWLEDGED)
    async with listening(world, line, other, snapshot_interval_ms=0) as (_, feed):
        await asyncio.sleep(0.001)
        await feed.sync()
        assert feed.gaps == 0
        world.put(owner, kw.user(quote_atoms=2))
        world.time = ChainTime(kw.SLOT + 1, kw.NOW_MS)
        await asyncio.sleep(0.001)
        assert len(await feed.sync()) == 1
        line.waiting.put_nowait(slot_message(kw.SLOT + 1))
        await until(lambda: feed.gaps == 1 and len(other.sent) == 2)


async def test_a_subscription_that_lags_behind_the_answers_goes_to_the_next_node() -> None:
    """F-03: hints from slots long past delay all work; another WebSocket may be on time."""
    line, other = Line(*ACKNOWLEDGED), Line(*ACKNOWLEDGED)
    async with listening(kw.World.with_market(), line, other) as (_, feed):
        line.waiting.put_nowait(slot_message(kw.SLOT - feeds.LAG_SLOTS_MAX))
        await until(line.waiting.empty)
        assert feed.gaps == 0
        line.waiting.put_nowait(slot_message(kw.SLOT - feeds.LAG_SLOTS_MAX - 1))
        await until(lambda: feed.gaps == 1 and len(other.sent) == 2)


async def test_a_subscription_that_stands_far_behind_two_answers_goes_to_the_next_node() -> None:
    """F-03: it tells of no slot at all any more; that is found out long before the silence."""
    line, other = Line(*ACKNOWLEDGED), Line(*ACKNOWLEDGED)
    world = kw.World.with_market()
    async with listening(world, line, other) as (_, feed):
        line.waiting.put_nowait(slot_message(kw.SLOT))
        await until(line.waiting.empty)
        world.time = ChainTime(kw.SLOT + feeds.LAG_SLOTS_MAX, kw.NOW_MS)
        await feed.sync()
        await feed.sync()
        assert feed.gaps == 0
        world.time = ChainTime(kw.SLOT + feeds.LAG_SLOTS_MAX + 1, kw.NOW_MS)
        await feed.sync()
        await asyncio.sleep(0.001)
        assert feed.gaps == 0
        await feed.sync()
        await until(lambda: feed.gaps == 1 and len(other.sent) == 2)


async def test_the_node_of_a_subscription_that_is_put_aside_is_left_for_another() -> None:
    """F-03: hints of a node that lags or lies are late or wrong."""
    line, other = Line(*ACKNOWLEDGED), Line(*ACKNOWLEDGED)
    async with listening(kw.World.with_market(), line, other, ws_url=("ws://a", "ws://b")) as (_, feed):
        await until(lambda: len(line.sent) == 2)
        feed.avoid(["ws://b"])
        feed.avoid(["ws://a", "ws://b"])
        await asyncio.sleep(0.001)
        assert feed.gaps == 0
        feed.avoid(["ws://a"])
        await until(lambda: feed.gaps == 1 and len(other.sent) == 2)
        assert (line.url, other.url) == ("ws://a", "ws://b")
