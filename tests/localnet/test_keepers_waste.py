"""What losing a race costs: the loser is refused before its transaction is sent, at no fee, and seldom after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sdk_world import World
from test_keepers import Trader, order, rest, staff, tick

from evertide import TimeInForce
from evertide_keepers import warm_up

pytestmark = pytest.mark.localnet

ROUNDS, PAIRS, WASTED_MAX = 6, 4, 2


async def crossing(world: World, pairs: Sequence[tuple[Trader, Trader]]) -> None:
    """An order of every maker that crosses one of its taker, all at one price."""
    for maker, taker in pairs:
        await order(world, maker, "ask", 40_000, "0.02", time_in_force=TimeInForce.POST_ONLY)
        await rest(world, 1)
        await order(world, taker, "bid", 40_000, "0.02", taker_phase_s=0)
    await rest(world, 1)


async def failed_on_chain(world: World) -> set[str]:
    """Latest transactions of the keepers' payer that landed and failed."""
    history = await world.client.rpc.get_signatures_for_address(world.client.address())
    return {one["signature"] for one in history if one["err"] is not None}


async def test_losers_of_a_race_seldom_pay(world: World) -> None:
    """Two matchers in lockstep plan the same and both pass their simulation: the last look before the send tells."""
    await asyncio.to_thread(warm_up)
    (one, first, _), (other, second, _) = staff(world), staff(world)
    pairs = [
        (await world.trader(f"waste-maker-{at}", usdc=80_000), await world.trader(f"waste-taker-{at}", usdc=80_000))
        for at in range(PAIRS)
    ]
    await tick(world, first)
    before = await failed_on_chain(world)
    confirmed = refused = 0
    for _ in range(ROUNDS):
        await tick(world, first)
        await crossing(world, pairs)
        reports = await asyncio.gather(first["matcher"].step(), second["matcher"].step())
        assert {report.planned for report in reports} == {1}, "both want the same"
        confirmed += sum(report.confirmed for report in reports)
        refused += sum(report.failed for report in reports)
        assert [(await keepers["matcher"].step()).planned for keepers in (first, second)] == [0, 0]
    assert (confirmed, refused) == (ROUNDS, ROUNDS)
    wasted = sum(spine.books.of("matcher").wasted for spine in (one, other))
    print(f"{refused} races lost, {wasted} of them at a fee")
    assert wasted == len(await failed_on_chain(world) - before)
    assert wasted <= WASTED_MAX
