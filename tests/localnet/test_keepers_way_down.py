"""A crash on the real program: running keepers liquidate, sell collateral, resolve bankruptcies and deleverage."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sdk_world import World, open_world
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from conftest import ProgramNet, run_program_net
from evertide import NewOrder, TimeInForce, user_address
from evertide_cli.terms import MARKETS
from evertide_keepers import HeldSource, KeeperConfig, Spine, build_keepers, replay
from evertide_keepers.runner import run

pytestmark = pytest.mark.localnet

USD = 1_000_000
SLOT_MS = 100
LANDED_MS_MAX = 4 * 400
FUND_USDC = 1_500
BAND_BPS = 1_000
CALM = {"BTC-PERP": 40_000, "SOL-PERP": 100, "ETH-PERP": 2_500}
CRASH = {"BTC-PERP": 39_200, "SOL-PERP": 96, "ETH-PERP": 2_450}
DEEPER = {"BTC-PERP": 37_200, "SOL-PERP": 96, "ETH-PERP": 2_325}
MOVING = ("LiquidationMatched", "PositionLiquidated")
Trader = tuple[Keypair, Pubkey]


@dataclass
class Victims:
    """Traders that the crash brings down, each its own way."""

    by_orders: Pubkey
    by_capital: Pubkey
    to_backstop: Pubkey
    with_collateral: Pubkey
    bankrupt: tuple[Pubkey, Pubkey]

    def all(self) -> list[Pubkey]:
        """Every one of them."""
        return [self.by_orders, self.by_capital, self.to_backstop, self.with_collateral, *self.bankrupt]


@pytest.fixture(scope="module")
def slow_net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProgramNet]:
    """A network with the slots of the local network that people run."""
    yield from run_program_net(tmp_path_factory.mktemp("way-down-net"), SLOT_MS)


@pytest.fixture
async def crash_world(slow_net: ProgramNet) -> AsyncIterator[World]:
    """The exchange with three markets whose bands are wide enough for a crash within a minute."""
    world = await open_world(slow_net, (MARKETS[0], MARKETS[2], MARKETS[1]), BAND_BPS)
    yield world
    await world.client.close()


class Opening:
    """Brings the positions about, by orders and single steps of keepers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.source = HeldSource({"collateral:1": "SOL-PERP"})
        self.source.set({name: price * USD for name, price in CALM.items()})
        self.keepers = build_keepers(Spine(world.client), ("oracle", "cache", "matcher"), source=self.source)

    async def tick(self) -> None:
        """Fresh prices and rows."""
        for _ in range(40):
            if (await self.keepers["oracle"].step()).confirmed:
                break
            await asyncio.sleep(0.1)
        await self.keepers["cache"].step()

    async def place(self, trader: Trader, market: str, side: str, price: object, size: object, **more: Any) -> None:
        """Place one order."""
        order = NewOrder(market=market, side=side, size=size, price=price, **more)  # type: ignore[arg-type]
        await self.world.client.place_orders(trader[1], [order], signer=trader[0])

    async def buy(self, name: str, market: str, size: str, *, usdc: int = 0, sol: int = 0) -> Pubkey:
        """A new trader who is long at the calm price, against the whale."""
        trader = await self.world.trader(name, usdc=usdc, sol=sol)
        await self.tick()
        await self.place(trader, market, "bid", CALM[f"{market}-PERP"], size, taker_phase_s=0)
        lots = 0
        for _ in range(20):
            await self.keepers["matcher"].step()
            user = await self.world.client.user(trader[1])
            lots = user.positions[0].basis_lots
            if lots and not user.positions[0].open_order_count:
                break
        assert lots > 0, name
        return trader[1]


async def opened(world: World) -> Victims:
    """Everybody's positions, bids for the crash in one market, an insurance fund, the liquidator's account."""
    opening = Opening(world)
    await opening.tick()
    whale = await world.trader("whale", usdc=1_000_000)
    bidder = await world.trader("bidder", usdc=50_000)
    for market, size in (("ETH", 30), ("BTC", 5), ("SOL", 1_100)):
        price = CALM[f"{market}-PERP"]
        await opening.place(whale, market, "ask", price, size, time_in_force=TimeInForce.POST_ONLY)
    await opening.place(bidder, "ETH", "bid", 2_449, 20, time_in_force=TimeInForce.POST_ONLY)
    root = world.root.pubkey()
    await world.client.create_user(authority=world.root)
    await world.client.send(world.mint_instructions(world.usdc, root, 100_000 * USD))
    await world.client.deposit(30_000, authority=world.root)
    await world.client.fund_insurance(FUND_USDC)
    return Victims(
        by_orders=await opening.buy("by-orders", "ETH", "10", usdc=640),
        by_capital=await opening.buy("by-capital", "BTC", "0.5", usdc=520),
        to_backstop=await opening.buy("to-backstop", "SOL", "1000", usdc=4_050),
        with_collateral=await opening.buy("with-collateral", "BTC", "1.5", sol=20),
        bankrupt=(
            await opening.buy("bankrupt-first", "ETH", "12", usdc=1_350),
            await opening.buy("bankrupt-second", "BTC", "0.2", usdc=400),
        ),
    )


def write_tape(folder: Path, start_s: int, bars: list[tuple[int, dict[str, int]]]) -> None:
    """A row for each second; each price holds for so many seconds."""
    rows, at = ["timestamp," + ",".join(CALM)], start_s
    for seconds, prices in bars:
        for _ in range(seconds):
            rows.append(f"{at}," + ",".join(str(prices[name]) for name in CALM))
            at += 1
    (folder / "tape.csv").write_text("\n".join(rows) + "\n")


def write_config(world: World, folder: Path) -> KeeperConfig:
    """Every keeper, the root's account as capital."""
    (folder / "keeper.json").write_text(json.dumps(list(bytes(world.root))))
    (folder / "oracle.json").write_text(json.dumps(list(bytes(world.oracle))))
    own = user_address(world.root.pubkey())
    (folder / "keepers.toml").write_text(f"""
        rpc_url = "{world.net.rpc_url}"
        ws_url = "{world.net.ws_url}"
        keypair = "keeper.json"
        signers = ["oracle.json"]
        journal = "journal.jsonl"
        [oracle]
        tape = "tape.csv"
        aliases = {{ "collateral:1" = "SOL-PERP" }}
        [liquidator]
        liquidator_user = "{own}"
        market_notional_max_atoms = {45_000 * USD}
        total_notional_max_atoms = {80_000 * USD}
        [collateral]
        liquidator_user = "{own}"
        minimum_discount_bps = 0
        minimum_profit_atoms = 0
        [bankruptcy]
        liquidator_user = "{own}"
    """)
    return KeeperConfig.load(folder / "keepers.toml")


async def until(running: asyncio.Task[None], what: str, reached: Any, seconds: float) -> float:
    """Wait until a coroutine function says so; the clock's reading then, in seconds."""
    deadline = time.monotonic() + seconds
    while not await reached():
        assert not running.done(), running.result()
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)
    return time.monotonic()


async def test_running_keepers_carry_a_crash(crash_world: World, tmp_path: Path) -> None:
    world, client = crash_world, crash_world.client
    victims = await opened(world)
    before = [landed.signature for landed in await client.event_history()][-1]
    config = write_config(world, tmp_path)
    now_s = await client.chain_time_ms() // 1000
    write_tape(tmp_path, now_s, [(8, CALM), (25, CRASH), (300, DEEPER)])
    stop = asyncio.Event()
    running = asyncio.create_task(run(config, stop))

    async def crash_landed() -> bool:
        return (await client.risk_cache()).markets[2].index_price_q32 < markets[2]

    async def liquidated() -> bool:
        found = await asyncio.gather(*(client.user(user) for user in victims.all()))
        return any(user.liquidation_start_ms for user in found)

    async def nobody_below_zero() -> bool:
        ladders = await asyncio.gather(*(client.ladder(user) for user in victims.all()))
        indices = [market.index_price_q32 for market in await client.markets()]
        return indices[2] < deep and all(ladder.equity_atoms >= 0 for ladder in ladders)

    try:
        markets = [row.index_price_q32 for row in (await client.risk_cache()).markets]
        deep = markets[2] * 95 // 100
        crashed_at = await until(running, "crash price", crash_landed, 30)
        first_at = await until(running, "first liquidation", liquidated, 20)
        await until(running, "bankruptcies resolved", nobody_below_zero, 90)
        await asyncio.sleep(1)
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)
    landed = await client.event_history(until=before)
    assert_way_down(landed, victims)
    report = replay(tmp_path / "journal.jsonl")
    assert report.decisions >= 10 and not report.differences
    took_ms = (first_at - crashed_at) * 1000
    begun, moved = (slots_until(landed, names) for names in (("OrdersLiquidated",), MOVING))
    print(
        f"crash price to a liquidation: {took_ms:.0f} ms; begun after {begun}, moved after {moved} slots of {SLOT_MS}"
    )
    assert took_ms < LANDED_MS_MAX and moved * SLOT_MS < LANDED_MS_MAX


def slots_until(landed: list[Any], names: tuple[str, ...]) -> int:
    """Slots from the first crash price to the first of some events."""
    crash = next(one.slot for one in landed if one.name == "OracleUpdated" and is_low(one.event))
    return int(next(one.slot for one in landed if one.name in names) - crash)


def is_low(event: Any) -> bool:
    """Whether an oracle update brought a market's price down by more than noise."""
    calm = {0: "BTC-PERP", 1: "SOL-PERP", 2: "ETH-PERP"}[event.index]
    lot_e9 = {plan.symbol: plan.lot_size_e9 for plan in MARKETS}[calm]
    return bool(event.market) and event.price * 10**9 < CALM[calm] * USD * lot_e9 * 99 // 100 << 32


def assert_way_down(landed: list[Any], victims: Victims) -> None:
    """Every way was gone, by whom it was meant for."""
    by_name: dict[str, list[Any]] = {}
    for one in landed:
        by_name.setdefault(one.name, []).append(one.event)
    assert victims.by_orders in {event.user for event in by_name["LiquidationMatched"]}
    moved = by_name["PositionLiquidated"]
    assert victims.by_capital in {event.user for event in moved if not event.backstop}
    assert victims.to_backstop in {event.user for event in moved if event.backstop}
    assert victims.with_collateral in {event.user for event in by_name["CollateralLiquidated"]}
    resolved = by_name["BankruptcyResolved"]
    assert set(victims.bankrupt) <= {event.user for event in resolved}
    assert sum(event.insurance_atoms for event in resolved) > 0
    assert sum(event.deleveraged_atoms for event in resolved) > 0
