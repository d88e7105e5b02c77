"""One strategy class on a chain, against another trader; and the same class on the engine's own book."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from sdk_world import World
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import EvertideClient, NewOrder, TimeInForce
from evertide.strategies import (
    AvellanedaStoikovMaker,
    ChainVenue,
    FundingNews,
    Intent,
    MakerSettings,
    RunLimits,
    RunReport,
    RunSettings,
    StrategyFill,
    StrategyRunner,
    View,
    parse_settings,
)
from evertide_cli.commands.strategy import market_named
from evertide_keepers.backtest import BacktestSettings, generated_feed, run_backtest

pytestmark = pytest.mark.localnet

SOL = "SOL-PERP"
WAIT_ROUNDS = 300


class Watched(AvellanedaStoikovMaker):
    """The maker, and what it was told."""

    def __init__(self, settings: MakerSettings) -> None:
        super().__init__(settings)
        self.fills: list[StrategyFill] = []
        self.funding: list[FundingNews] = []
        self.last: View | None = None

    def on_fill(self, view: View, fill: StrategyFill) -> Sequence[Intent]:
        self.fills.append(fill)
        return ()

    def on_funding(self, view: View, news: FundingNews) -> Sequence[Intent]:
        self.funding.append(news)
        return ()

    def on_clock(self, view: View) -> Sequence[Intent]:
        self.last = view
        return super().on_clock(view)


def make() -> Watched:
    """The same maker wherever it runs."""
    values = {"market": "SOL", "order_size": "1", "position_max": "2.5", "anchor": "index", "requote_bps": 5}
    return Watched(parse_settings(MakerSettings, values))


async def until(found: Callable[[], bool], task: asyncio.Task[RunReport]) -> None:
    """Wait for something that the runner does; its failure is the test's."""
    for _ in range(WAIT_ROUNDS):
        if task.done():
            task.result()
        if found():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen in time")


async def take(world: World, maker: Pubkey, taker: tuple[Keypair, Pubkey]) -> int:
    """Another trader buys what the maker asks for one unit, a keeper matches it; the price in ticks."""
    client = world.client
    resting = next(order for order in (await client.orders(maker)).orders if order.order_id and order.flags & 1)
    price = client_price(resting.price_ticks)
    force = TimeInForce.IMMEDIATE_OR_CANCEL
    wish = NewOrder(market=SOL, side="bid", size=1, price=price, time_in_force=force, taker_phase_s=0)
    await world.publish()
    placed = await client.place_orders(taker[1], [wish], signer=taker[0])
    await client._wait_for_slot(max(resting.placed_slot, placed.orders[0].placed_slot) + 1)
    await client.match_orders(1, (taker[1], placed.orders[0].order_id), [(maker, resting.order_id)])
    return resting.price_ticks


def client_price(ticks: int) -> str:
    """SOL-PERP: a tick is a cent."""
    return f"{ticks // 100}.{ticks % 100:02}"


async def test_a_maker_trades_against_another_trader_and_leaves_nothing(world: World) -> None:
    await world.publish()
    key, user = await world.trader("strategist", usdc=10_000)
    taker = await world.trader("strategy-taker", usdc=10_000)
    strategy = make()
    async with EvertideClient(world.net.rpc_url, payer=key, ws_url=world.net.ws_url) as client:
        venue = ChainVenue(client, strategy.symbols)
        limits = RunLimits(loss_max_atoms=1_000_000_000)
        runner = StrategyRunner(strategy, venue, RunSettings(interval_ms=150, limits=limits))
        task = asyncio.create_task(runner.run())

        def resting() -> int:
            return 0 if strategy.last is None else len(strategy.last.market(SOL).orders)

        await until(lambda: resting() == 2, task)
        assert (await world.client.orders(user)).cancel_all_after_ms > await world.client.chain_time_ms()
        ticks = await take(world, user, taker)
        await until(lambda: bool(strategy.fills) and resting() == 2, task)
        fill = strategy.fills[0]
        assert (fill.side, fill.price_ticks, fill.size_lots, fill.maker) == ("ask", ticks, 100, True)
        # 0.5 bps of the notional, rounded up: a tick of a lot is 100 atoms.
        assert fill.fee_atoms == -(-100 * ticks * 100 * 50 // 1_000_000)
        assert runner.session is not None and runner.session.is_own(fill.client_order_id)
        await until(lambda: strategy.last is not None and strategy.last.market(SOL).position_lots == -100, task)
        await take(world, user, taker)
        await until(lambda: len(strategy.fills) == 2, task)
        # 2.5 units are the limit: half a unit may still be sold.
        await until(lambda: {o.size_lots for o in strategy.last.market(SOL).orders if o.side == "ask"} <= {50}, task)  # type: ignore[union-attr]
        runner.stop()
        report = await task
    assert report.ended == "stopped" and report.fills == 2 and report.left_open == 0
    account = await world.client.orders(user)
    assert all(order.order_id == 0 for order in account.orders) and account.cancel_all_after_ms == 0
    held = await world.client.what_if(user)
    assert [item.size_lots for item in held.health().positions] == [-200]
    assert report.equity_end_atoms == (await world.client.ladder(user)).equity_atoms


def test_the_same_class_on_the_engines_book() -> None:
    strategy, market = make(), market_named(SOL)
    feed = generated_feed(market, price_micro=100_000_000, start_ms=1_767_571_200_000, duration_ms=120_000, seed=3)
    report = run_backtest(strategy, [market], feed, BacktestSettings(equity_atoms=10_000_000_000))
    assert report.fills == len(strategy.fills) > 0
    assert all(fill.maker for fill in strategy.fills)
    assert report.markets[0].position_most_lots <= 250
