"""Two whole sets of keepers on one exchange: every kind races its twin, nothing happens twice, the totals agree."""

from __future__ import annotations

import asyncio
import random

import pytest
from sdk_world import World
from test_keepers import PRICES, USD, order, rest, staff, tick

from evertide import ComputeExceeded, ProgramError, TimeInForce
from evertide.events import OrdersMatched
from evertide_keepers import warm_up
from evertide_keepers.keeper import GuardianKeeper

pytestmark = pytest.mark.localnet

SEED, ROUNDS, TRADERS = 7, 4, 4


async def test_two_of_every_kind_do_no_harm(world: World) -> None:
    """F-19: losers of a race are refused by the program, by name, and go on; each order fills once."""
    await asyncio.to_thread(warm_up)
    rng = random.Random(SEED)
    (one_spine, first, source), (other_spine, second, more) = staff(world), staff(world)
    await tick(world, first)
    traders = [await world.trader(f"racing-{number}", usdc=80_000) for number in range(TRADERS)]
    confirmed = refused = 0
    for _ in range(ROUNDS):
        usd = 40_000 + rng.randint(-200, 200)
        for one in (source, more):
            one.set({**PRICES, "BTC-PERP": usd * USD})
        await tick(world, first)
        for number, trader in enumerate(traders):
            side, away = ("bid", -10) if number % 2 else ("ask", 10)
            await order(world, trader, side, usd + away, "0.1", time_in_force=TimeInForce.POST_ONLY)
        await rest(world, 1)
        for number, trader in enumerate(traders):
            side, away = ("ask", -20) if number % 2 else ("bid", 20)
            await order(world, trader, side, usd + away, "0.05", taker_phase_s=0)
        await rest(world, 1)
        for name in [kind for kind in first if kind != "maker"]:
            reports = await asyncio.gather(first[name].step(), second[name].step())
            errors = [error for report in reports for error in report.errors]
            assert all(isinstance(error, (ProgramError, ComputeExceeded)) for error in errors), (name, errors)
            confirmed += sum(report.confirmed for report in reports)
            refused += len(errors)
    fills = [
        (fill.maker, fill.order_id, event.event.taker, event.event.taker_order_id)
        for event in await world.client.event_history()
        if isinstance(event.event, OrdersMatched) and event.event.taker in {user for _, user in traders}
        for fill in event.event.fills
    ]
    assert fills and len(fills) == len(set(fills))
    for market in ("BTC", "SOL"):
        assert await world.client.invariants_hold(market)
    watch = first["guardian"]
    assert isinstance(watch, GuardianKeeper) and not [one for one in watch.findings() if one.alarm]
    wasted = sum(account.wasted for spine in (one_spine, other_spine) for account in spine.books.accounts.values())
    print(f"{confirmed} confirmed, {refused} refused, {wasted} of them at a fee, {len(fills)} fills")
    assert confirmed > refused and wasted <= refused // 4
