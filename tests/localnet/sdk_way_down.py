"""Accounts on their way down, for tests: leveraged positions, moves of the price, resting orders to close against."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sdk_world import World
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import Confirmed, NewOrder, Resting, TimeInForce

START_USD = 40_000
Trader = tuple[Keypair, Pubkey]


@dataclass(frozen=True)
class Holder:
    """Somebody with a leveraged position in BTC-PERP, and who is on the other side of it."""

    key: Keypair
    user: Pubkey
    other: Trader


async def move_price(world: World, usd: Decimal | int, *, market: int = 0, sol: Decimal | int | None = None) -> None:
    """Sign a new price of a market (and of the SOL collateral), younger than the last one."""
    world.prices["market", market] = Decimal(usd)
    if sol is not None:
        world.prices["collateral", 1] = Decimal(sol)
    # The chain's clock counts whole seconds, and nothing tells when it has moved on.
    while await world.client.chain_time_ms() <= world.published_ms:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    world.published_ms = 0
    await world.publish()
    await world.client.accrue_market(market)


async def stay(world: World, seconds: int = 150, *, market: int = 0) -> None:
    """The price stays where it is for a while: its average follows, and with it the band in which orders fill."""
    world.net.cheats.travel_to(await world.client.chain_time_ms() + seconds * 1_000)
    await move_price(world, world.prices["market", market], market=market)


async def rest(world: World, trader: Trader, side: str, usd: Decimal | int, size: str, *, wait: bool = True) -> Resting:
    """A post-only order in BTC-PERP that may be a maker in the next slot."""
    order = NewOrder(market=0, side=side, size=size, price=usd, time_in_force=TimeInForce.POST_ONLY)  # type: ignore[arg-type]
    placed = await world.client.place_orders(trader[1], [order], signer=trader[0])
    assert placed.confirmed is not None
    if wait:
        await world.client._wait_for_slot(placed.confirmed.slot + 1)
    return Resting(trader[1], placed.order_ids[0], placed.orders[0].price_ticks, placed.orders[0].size_lots)


async def leveraged(
    world: World,
    name: str,
    *,
    size: str = "0.9",
    usdc: int = 1_000,
    sol: int = 0,
    side: str = "bid",
    usd: int = START_USD,
) -> Holder:
    """Somebody who has just opened `size` BTC at `usd` with so much money; the index is there too."""
    client = world.client
    await move_price(world, usd, sol=100)
    row = (await client.risk_cache()).markets[0]
    tripped = (await client.market(0)).cooldown_until_ms > await client.chain_time_ms()
    if tripped or abs(row.twap_price_q32 - row.mark_price_q32) * 1_000 > row.mark_price_q32:
        # New risk is judged at the worse of the two, and a tripped breaker takes resting orders alone.
        await stay(world, 600)
    other = await world.trader(f"{name}-other", usdc=100_000)
    key, user = await world.trader(name, usdc=usdc, sol=sol)
    resting = await rest(world, other, "ask" if side == "bid" else "bid", usd, size, wait=False)
    order = NewOrder(market=0, side=side, size=size, price=usd)  # type: ignore[arg-type]
    taken = (await client.place_orders(user, [order], signer=key)).orders[0]
    await client._wait_for_slot(taken.placed_slot + 1)
    await client.match_orders(0, (user, taken.order_id), [(other[1], resting.order_id)])
    return Holder(key, user, other)


async def bytes_of(world: World, *addresses: Pubkey) -> list[bytes | None]:
    """The accounts as they are, to see that nothing changed."""
    found: list[Any] = await world.client.rpc.get_accounts(list(addresses))
    return [None if info is None else info.data for info in found]


async def way_down(world: World, name: str) -> list[str]:
    """Every instruction of the way down once, in one crash; the names of the events that told of them."""
    client = world.client
    told: list[Confirmed] = []
    await client.send(world.mint_instructions(world.usdc, world.root.pubkey(), 2_000 * 10**6))
    await client.fund_insurance(2_000)
    buyer = await world.trader(f"{name}-buyer", usdc=50_000)
    first = await leveraged(world, f"{name}-first")
    second = await leveraged(world, f"{name}-second", usdc=600, sol=4)
    await move_price(world, 39_300)
    await stay(world)
    bid = await rest(world, buyer, "bid", 39_290, "0.01")
    told.append(await client.liquidate_orders(first.user))
    told.append(await client.liquidate_with_orders(0, first.user, [(bid.user, bid.order_id)]))
    told.append(await client.liquidate_position(0, first.user, authority=buyer[0]))
    await move_price(world, 39_100)
    await client.liquidate_orders(second.user)
    told.append(await client.liquidate_collateral(1, second.user, authority=buyer[0]))
    told.append(await client.liquidate_to_backstop(0, second.user))
    last = await leveraged(world, f"{name}-last", usd=39_100)
    await move_price(world, 37_600)
    await client.liquidate_orders(last.user)
    told.append(await client.resolve_bankruptcy(0, last.user))
    return [type(confirmed.events[-1]).__name__ for confirmed in told]


WAY_DOWN_EVENTS = [
    "OrdersLiquidated",
    "LiquidationMatched",
    "PositionLiquidated",
    "CollateralLiquidated",
    "PositionLiquidated",
    "BankruptcyResolved",
]
