"""Sending, journal, replay, health: with a client that ends each transaction as a test tells it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import keeper_world as kw
import pytest
from solders.keypair import Keypair

from evertide import PROGRAM_ID, Confirmed, Failed, RpcUnreachable, TransactionOutcomeUnknown
from evertide.errors import NothingFilled
from evertide_keepers import Spine, build_keepers
from evertide_keepers.actions import FIRST_LANE, Action
from evertide_keepers.clock import ChainTime
from evertide_keepers.endpoint import respond, serve
from evertide_keepers.health import WAITING_MOST_MS
from evertide_keepers.keeper import KINDS, own_key, publish_time_ms
from evertide_keepers.memory import Memory


class Client:
    """As much of `EvertideClient` as a spine uses."""

    def __init__(self, world: kw.World) -> None:
        self.rpc = kw.Node(world)
        self.program_id = PROGRAM_ID
        self.key = Keypair.from_seed(bytes(32))
        self.ends: list[Any] = []
        self.sent: list[Any] = []
        self.open = 0
        self.open_most = 0

    def address(self) -> Any:
        return self.key.pubkey()

    async def try_send(self, instructions: list[Any], *, options: Any) -> Any:
        self.sent.append(instructions[0])
        self.open += 1
        self.open_most = max(self.open_most, self.open)
        await asyncio.sleep(0.001)
        self.open -= 1
        end = self.ends.pop(0) if self.ends else None
        if isinstance(end, RpcUnreachable):
            raise end
        if end is not None:
            return Failed(error=end, signature="sig", landed=False)
        return Confirmed(signature="sig", slot=self.rpc.world.time.slot, commitment="confirmed", confirm_ms=1)


def ended_by(kind: Any) -> Any:
    """An instance of an error class without going through its constructor: only its type and text are looked at."""
    made = kind.__new__(kind)
    Exception.__init__(made, kind.__name__)
    return made


def matching_world() -> kw.World:
    world = kw.World.with_market()
    world.trader(1, kw.user(number=1), {"flags": 1})
    world.trader(2, kw.user(number=2), {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 30})
    return world


def accrue(index: int, lane: str) -> Action:
    return Action("accrue_market", f"work:{index}", lane, {"market_index": index})


async def test_the_first_lane_goes_first_lanes_run_side_by_side_and_each_keeps_its_order() -> None:
    client = Client(kw.World.with_market())
    spine = Spine(client)  # type: ignore[arg-type]
    lanes = ["a", "b", "a", FIRST_LANE, "b", FIRST_LANE]
    results = await spine.execute("k", [accrue(at, lane) for at, lane in enumerate(lanes)], Memory(), own_key)
    order = [result.action.arguments["market_index"] for result in results]
    assert order[:2] == [3, 5] and order[2:] == [0, 2, 1, 4]
    assert client.open_most == 2 and all(result.error is None for result in results)


async def test_a_step_sends_confirms_and_reads_again_what_it_wrote() -> None:
    client = Client(matching_world())
    spine = Spine(client)  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    report = await matcher.step()
    assert (report.planned, report.confirmed, report.failed, report.signatures) == (1, 1, 0, ("sig",))
    assert kw.address(1) in spine.feed._dirty and kw.address(2) in spine.feed._dirty
    assert client.address() not in spine.feed._dirty


async def test_what_others_wrote_is_read_again_and_everything_where_an_account_may_be_new() -> None:
    spine = Spine(Client(matching_world()), told=True)  # type: ignore[arg-type]
    await spine.sync()
    spine.note_written([kw.address(1)], kw.SLOT)
    assert list(spine.feed._dirty) == [kw.address(1)] and not spine.feed.needs_snapshot
    spine.note_written([kw.address(2), kw.address(77)], kw.SLOT)
    assert list(spine.feed._dirty) == [kw.address(1), kw.address(2)] and spine.feed.needs_snapshot


@pytest.mark.parametrize("lost", [True, False])
async def test_a_failure_is_never_repeated_at_once_whatever_it_was(lost: bool) -> None:
    """F-09: an unknown outcome is not repeated either."""
    client = Client(matching_world())
    client.ends = [RpcUnreachable("http://x", "down") if lost else ended_by(TransactionOutcomeUnknown)]
    spine = Spine(client)  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    assert (await matcher.step()).failed == 1
    assert (await matcher.step()).planned == 0
    assert len(client.sent) == 1


async def test_health_is_confirmed_work_and_not_a_loop_that_runs() -> None:
    world = matching_world()
    client = Client(world)
    client.ends = [ended_by(NothingFilled) for _ in range(100)]
    spine = Spine(client)  # type: ignore[arg-type]
    matcher = build_keepers(spine, ["matcher"])["matcher"]
    healthy = []
    for step in range(0, 2 * WAITING_MOST_MS, WAITING_MOST_MS // 4):
        world.time = ChainTime(kw.SLOT + 1, kw.NOW_MS + step)
        spine.feed.mark_dirty([kw.address(903)])
        market = kw.market()
        market["publish_time_ms"] = kw.NOW_MS + step
        world.put(kw.address(903), market)
        await matcher.step()
        healthy.append(spine.health.report(spine.state.time.unix_ms)["healthy"])
    assert healthy[0] and not healthy[-1]
    status, _, body = respond(spine, "GET /health HTTP/1.1")
    assert status.startswith("503") and json.loads(body)["keepers"]["matcher"]["confirmed"] == 0
    client.ends = []
    world.time = ChainTime(kw.SLOT + 1, kw.NOW_MS + 4 * WAITING_MOST_MS)
    market["publish_time_ms"] = world.time.unix_ms
    world.put(kw.address(903), market)
    assert (await matcher.step()).confirmed >= 1
    assert respond(spine, "GET /health HTTP/1.1")[0] == "200 OK"
    metrics = respond(spine, "GET /metrics HTTP/1.1")[2].decode()
    assert 'evertide_keeper_confirmed_age_seconds{keeper="matcher"} 0.0' in metrics
    assert respond(spine, "GET / HTTP/1.1")[0].startswith("404")


async def test_the_endpoint_answers_and_survives_nonsense() -> None:
    """F-29: bytes that are no request harm nobody else."""
    spine = Spine(Client(kw.World.with_market()))  # type: ignore[arg-type]
    server = await serve(spine, 0)
    port = server.sockets[0].getsockname()[1]
    for request, expected in ((b"\xff\x00 bad\r\n\r\n", b"404"), (b"GET /metrics HTTP/1.1\r\n\r\n", b"200")):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        assert expected in await reader.readline()
        writer.close()
    server.close()


async def test_a_step_that_cannot_read_raises_and_plans_nothing() -> None:
    """F-01: without a reading there is no decision."""
    client = Client(matching_world())
    client.rpc.failure = RpcUnreachable("http://x", "down")
    for keeper in build_keepers(Spine(client)).values():  # type: ignore[arg-type]
        with pytest.raises(RpcUnreachable):
            await keeper.step()
    assert client.sent == []


def test_unknown_keepers_are_refused_and_feeds_are_parsed() -> None:
    with pytest.raises(KeyError):
        build_keepers(Spine(Client(kw.World.with_market())), ["butler"])  # type: ignore[arg-type]
    every_day = ("cache", "funding", "mark", "matcher", "settler", "trigger")
    ladder = ("liquidator", "collateral", "bankruptcy")
    assert tuple(KINDS) == ("oracle", *every_day, *ladder, "janitor", "guardian", "maker")
    pyth = bytearray(134)
    pyth[40] = 1
    pyth[93:101] = (1_700).to_bytes(8, "little")
    assert publish_time_ms(bytes(pyth)) == 1_700_000
    pyth[40] = 0
    assert publish_time_ms(bytes(pyth)) == 0 and publish_time_ms(b"") == 0
