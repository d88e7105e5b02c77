"""The maker on the real program: two of one account quote, answer an auction once, and go away when prices stop."""

from __future__ import annotations

import asyncio

import pytest
from sdk_world import World
from test_keepers import PRICES, USD, order, staff, tick

from evertide import EvertideClient, is_live
from evertide_keepers import MakerSettings, Spine, build_keepers, warm_up
from evertide_keepers.keeper import Keeper

pytestmark = pytest.mark.localnet

# Slots of the test's network are short, and a machine that does other work too takes its time.
CALM_MS = 60_000


def desk(client: EvertideClient, user: object, **more: int) -> Keeper:
    """A maker of BTC on a spine of its own."""
    settings = MakerSettings(
        maker_user=str(user),
        markets=("BTC-PERP",),
        quote_notional_atoms=4_000 * USD,
        index_age_max_ms=CALM_MS,
        quote_life_ms=2 * CALM_MS,
        dead_man_ms=4 * CALM_MS,
        **more,
    )
    return build_keepers(Spine(client), ("maker",), settings={"maker": settings})["maker"]


async def live_prices(world: World, user: object) -> list[tuple[bool, int]]:
    """Side (ask) and price in USD of what the account has open in the book."""
    orders, account = await world.client.orders(user), await world.client.user(user)  # type: ignore[arg-type]
    now_ms, slot = await world.client.chain_time_ms(), await world.client.rpc.get_slot()
    tick_atoms = (await world.client.market("BTC")).terms.tick_size_atoms
    return sorted(
        (bool(one.flags & 1), one.price_ticks * tick_atoms // USD)
        for one in orders.orders
        if is_live(
            one,
            orders_epoch=account.orders_epoch,
            cancel_all_after_ms=orders.cancel_all_after_ms,
            now_ms=now_ms,
            slot=slot,
        )
    )


async def test_a_maker_quotes_answers_and_goes_away(world: World) -> None:
    """F-19: two keepers of one account never double its quotes, and the second to answer is refused."""
    await asyncio.to_thread(warm_up)
    _, keepers, source = staff(world)
    source.set(PRICES)
    await tick(world, keepers)
    key, user = await world.trader("quoting", usdc=50_000)
    taker = await world.trader("bidding", usdc=50_000)
    async with EvertideClient(world.net.rpc_url, payer=key) as client:
        first, second = desk(client, user), desk(client, user)
        reports = await asyncio.gather(first.step(), second.step())
        refused = [type(error).__name__ for report in reports for error in report.errors]
        assert [sum(report.confirmed for report in reports), refused] == [1, ["SequenceAssertionFailed"]], reports
        assert [(await one.step()).planned for one in (first, second)] == [0, 0]
        assert [price for _, price in await live_prices(world, user)] == [39_920, 39_960, 40_040, 40_080]
        deadline_ms = (await world.client.orders(user)).cancel_all_after_ms
        assert deadline_ms > await world.client.chain_time_ms() + 2 * CALM_MS

        await order(world, taker, "bid", 40_400, "0.2", taker_phase_s=30)
        now_ms = await world.client.chain_time_ms()
        await asyncio.to_thread(world.net.cheats.travel_to, now_ms + 8_000)
        await tick(world, keepers)
        reports = await asyncio.gather(first.step(), second.step())
        assert [report.planned for report in reports] == [1, 1], reports
        assert sum(report.confirmed for report in reports) == 1, [report.errors for report in reports]
        held = (await world.client.user(user)).positions[0].basis_lots
        assert held < 0 and held == -(await world.client.user(taker[1])).positions[0].basis_lots
        refused = [type(error).__name__ for report in reports for error in report.errors]
        assert refused == ["SequenceAssertionFailed"]

        await tick(world, keepers)
        assert (await first.step()).failed == 0
        assert len(await live_prices(world, user)) == 4
        old = desk(client, user)
        object.__setattr__(old.settings, "index_age_max_ms", 0)
        # The price must be of an earlier second of the chain's clock than the plan.
        now_ms = await world.client.chain_time_ms()
        await asyncio.to_thread(world.net.cheats.travel_to, now_ms + 2_000)
        gone = await old.step()
        assert (gone.planned, gone.confirmed) == (1, 1), gone.errors
        assert await live_prices(world, user) == []
