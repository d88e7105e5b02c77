"""An account that always fails: it waits longer each time, the others go on, and somebody is told."""

from __future__ import annotations

import keeper_world as kw
from test_spine import Client, ended_by

from evertide.errors import TakerMarginTooLow
from evertide_keepers import MatcherSettings, Spine, build_keepers, matcher
from evertide_keepers.clock import ChainTime
from evertide_keepers.keeper import Keeper
from evertide_keepers.memory import BACKOFF_MOST_MS, POISONED_FAILURES


def crowd() -> kw.World:
    """A maker and a taker in each of two markets: the first market's taker is poisoned."""
    world = kw.World.with_market()
    world.put(kw.address(904), kw.market(1))
    cache = kw.risk_cache()
    cache["markets"][0, 1] = cache["markets"][0, 0]
    world.put(kw.address(901), cache)
    for index in range(2):
        world.trader(2 * index, kw.user(number=2 * index), {"flags": 1, "market_index": index})
        taker = {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 30, "market_index": index}
        world.trader(2 * index + 1, kw.user(number=2 * index + 1), taker)
    return world


def poison_is_due(keeper: Keeper) -> bool:
    """Whether the poisoned order is not waiting now: then its market's match is sent first."""
    key = matcher.order_key(str(kw.address(1)), 1)
    return not keeper.memory.is_blocked(key, keeper.spine.client.rpc.world.time.unix_ms)  # type: ignore[attr-defined]


async def test_poison_is_isolated_backs_off_and_sounds_an_alarm() -> None:
    """F-23."""
    world = crowd()
    client = Client(world)
    spine = Spine(client)  # type: ignore[arg-type]
    keeper = build_keepers(spine, ("matcher",), settings={"matcher": MatcherSettings(row_age_ms=10**9)})["matcher"]
    tries, others, first = 0, 0, world.time
    for second in range(200):
        world.time = ChainTime(first.slot, first.unix_ms + 1_000 * second)
        for at, record in ((903, kw.market(0)), (904, kw.market(1))):
            record["publish_time_ms"] = world.time.unix_ms
            world.put(kw.address(at), record)
        client.ends = [ended_by(TakerMarginTooLow)] if poison_is_due(keeper) else []
        report = await keeper.step()
        poisoned = report.failed
        tries, others = tries + poisoned, others + report.confirmed
        if poisoned:
            failed_again = tries >= POISONED_FAILURES
            assert bool([kind for kind, _ in spine.alarms.active if kind == "work_poisoned"]) == failed_again
    assert spine.alarms.active
    # 2, 4, 8, 16, 32, 60, 60 s: eight tries in 200 s, and the other market served all the time.
    assert tries <= 200_000 // BACKOFF_MOST_MS + 6
    assert others >= 100
    client.ends = [None, None]
    world.time = ChainTime(first.slot, first.unix_ms + 10**6)
    for at, record in ((903, kw.market(0)), (904, kw.market(1))):
        record["publish_time_ms"] = world.time.unix_ms
        world.put(kw.address(at), record)
    assert (await keeper.step()).failed == 0 and not spine.alarms.active
