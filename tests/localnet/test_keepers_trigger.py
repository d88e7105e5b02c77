"""The trigger keeper and the janitor on the real program: what waits is woken once, by whoever comes first, and dead
orders go.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from sdk_world import World
from test_keepers import USD, Trader, order, rest, staff, tick

from conftest import ProgramNet, run_program_net
from evertide import NewOrder, OrderKind, TimeInForce, TriggerSource
from evertide_keepers import warm_up
from evertide_keepers.keeper import Keeper

pytestmark = pytest.mark.localnet

# Orders that fire are dead after 30 slots: long enough for a match on a busy machine.
SLOT_MS = 400
SALE = NewOrder(market="BTC", side="ask", size="0.4", reduce_only=True, taker_phase_s=0)


@pytest.fixture(scope="module")
def program_net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProgramNet]:
    """A network of longer slots."""
    yield from run_program_net(tmp_path_factory.mktemp("trigger-net"), SLOT_MS)


async def race(*keepers: dict[str, Keeper], name: str = "trigger") -> tuple[list[int], int, set[str]]:
    """One step of everybody's keeper of a name at once: what each planned, confirmed together, names of refusals."""
    reports = await asyncio.gather(*(one[name].step() for one in keepers))
    refusals = {type(error).__name__ for report in reports for error in report.errors}
    return [report.planned for report in reports], sum(report.confirmed for report in reports), refusals


async def open_orders(world: World, trader: Trader) -> list[Any]:
    return [one for one in (await world.client.orders(trader[1])).orders if one.order_id]


async def held(world: World, trader: Trader) -> int:
    """Signed size in thousandths of a BTC."""
    market = await world.client.market("BTC")
    lots = sum(slot.basis_lots for slot in (await world.client.user(trader[1])).positions)
    return lots * market.terms.lot_size_e9 // 10**6


async def test_what_waits_is_woken_once_and_in_time(world: World) -> None:
    """F-19: two keepers race for a trailing step, for two triggers, for slices and for the dead; each happens once."""
    _, first, prices = staff(world)
    _, second, more_prices = staff(world)

    async def move(usd: int) -> None:
        for source in (prices, more_prices):
            source.set({"BTC-PERP": usd * USD})
        await tick(world, first)

    async def match() -> None:
        """Fill what crosses; on a busy machine prices get too old for it in between."""
        reports = []
        for _ in range(5):
            await tick(world, first)
            reports.append(await first["matcher"].step())
            if reports[-1].confirmed:
                return
        raise AssertionError(reports)

    await asyncio.to_thread(warm_up)
    await move(40_000)
    maker = await world.trader("waiting-maker", usdc=80_000)
    trader = await world.trader("waiting", usdc=20_000)
    await order(world, maker, "ask", 40_000, "1.2", time_in_force=TimeInForce.POST_ONLY)
    await order(world, maker, "bid", 39_900, "3", time_in_force=TimeInForce.POST_ONLY)
    await order(world, trader, "bid", 40_010, "1.2", taker_phase_s=0)
    await rest(world, 1)
    await match()
    assert await held(world, trader) == 1_200

    watched = dataclasses.replace(SALE, trigger_source=TriggerSource.INDEX)
    stop = dataclasses.replace(watched, kind=OrderKind.STOP_MARKET, trigger=39_960)
    trailing = dataclasses.replace(watched, kind=OrderKind.TRAILING_STOP, trail_bps=20)
    await world.client.place_orders(trader[1], [stop, trailing], signer=trader[0])
    assert await race(first, second) == ([0, 0], 0, set())

    await move(40_100)
    assert await race(first, second) == ([1, 1], 1, {"TrailingNotMoved"})
    tick_atoms = (await world.client.market("BTC")).terms.tick_size_atoms
    assert [one.terms[0] * tick_atoms // USD for one in await open_orders(world, trader)] == [39_960, 40_019]

    await move(39_950)
    planned, confirmed, refusals = await race(first, second)
    assert (planned, confirmed) == ([2, 2], 2) and refusals == {"OrderKindMismatch"}
    await match()
    assert await held(world, trader) == 400 and await open_orders(world, trader) == []

    twap = dataclasses.replace(SALE, kind=OrderKind.TWAP, slice_count=2, slice_interval_s=5)
    await world.client.place_orders(trader[1], [twap], signer=trader[0])
    for left in (200, 0):
        for _ in range(60):
            planned, confirmed, _ = await race(first, second)
            if confirmed:
                break
            await asyncio.sleep(0.2)
        assert confirmed == 1
        await match()
        assert await held(world, trader) == left
    assert await open_orders(world, trader) == []

    expiry_ms = await world.client.chain_time_ms() + 2_000
    await order(world, trader, "bid", 39_000, "0.1", expiry_ms=expiry_ms)
    await rest(world, 2_500 // SLOT_MS)
    assert await world.client.chain_time_ms() >= expiry_ms
    assert await race(first, second, name="janitor") == ([1, 1], 1, {"NothingExpired"})
    assert await open_orders(world, trader) == []
