"""The way down on the real program, through the SDK: each step does what the SDK said it would."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_way_down import Holder, bytes_of, leveraged, move_price, rest, stay
from sdk_world import World

from evertide import (
    LadderRung,
    LiquidationRung,
    NewOrder,
    Permission,
    TimeInForce,
    WhatIf,
    ladder,
    liquidation_view,
    max_liquidatable,
)
from evertide.errors import (
    AccountHealthy,
    LiquidationUnderWay,
    LiquidatorMarginTooLow,
    MakerPriorityViolated,
    OrderNotFound,
    UserInLiquidation,
)
from evertide.events import LiquidationMatched, OrdersLiquidated, PositionLiquidated

pytestmark = pytest.mark.localnet

CANCEL_USD, MAINTENANCE_USD = 39_600, 39_300


async def begin(world: World, victim: Holder) -> OrdersLiquidated:
    """Void the orders of an account below maintenance margin."""
    begun = (await world.client.liquidate_orders(victim.user)).events[0]
    assert isinstance(begun, OrdersLiquidated)
    assert begun.rung == LiquidationRung.VOID
    return begun


async def test_orders_are_cancelled_then_void_and_the_owner_is_free_again_at_the_end(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "orders")
    more = NewOrder(market=0, side="bid", size="0.05", price=39_000, time_in_force=TimeInForce.POST_ONLY)
    await client.place_orders(victim.user, [more], signer=victim.key)
    with pytest.raises(AccountHealthy) as healthy:
        await client.liquidate_orders(victim.user)
    found = await client.ladder(victim.user)
    assert (healthy.value.left, healthy.value.right) == (found.equity_atoms, found.cancel_atoms)

    await move_price(world, CANCEL_USD)
    found = await client.ladder(victim.user)
    assert found.rung is LadderRung.CANCEL
    cancelled = (await client.liquidate_orders(victim.user)).events[0]
    assert (cancelled.rung, len(cancelled.orders)) == (LiquidationRung.CANCEL, 1)
    assert (cancelled.equity_atoms, cancelled.requirement_atoms) == (found.equity_atoms, found.cancel_atoms)
    with pytest.raises(OrderNotFound):
        await client.liquidate_orders(victim.user)
    out = NewOrder(market=0, side="ask", size="0.05", price=41_000, time_in_force=TimeInForce.POST_ONLY)
    await client.place_orders(victim.user, [NewOrder(**{**_fields(out), "reduce_only": True})], signer=victim.key)

    await move_price(world, MAINTENANCE_USD)
    found = await client.ladder(victim.user)
    begun = await begin(world, victim)
    assert (begun.equity_atoms, begun.requirement_atoms) == (found.equity_atoms, found.maintenance_atoms)
    held = (await client.orders(victim.user)).orders
    assert {order.order_id for order in held if order.order_id} == {begun.orders_epoch - 1}
    with pytest.raises(LiquidationUnderWay) as again:
        await client.liquidate_orders(victim.user)
    assert (again.value.left, again.value.right) == (found.equity_atoms, found.maintenance_atoms)
    with pytest.raises(UserInLiquidation):
        await client.place_orders(victim.user, [out], signer=victim.key)
    assert (await client.book(0)).asks == ()

    await move_price(world, 39_950)
    ended = (await client.liquidate_orders(victim.user)).events[0]
    assert ended.rung == LiquidationRung.ENDED
    assert (await client.user(victim.user)).liquidation_start_ms == 0


def _fields(order: NewOrder) -> dict[str, Any]:
    return {name: getattr(order, name) for name in order.__dataclass_fields__}


async def test_a_liquidator_takes_over_what_the_sdk_says_is_open_and_for_the_fee_it_says(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "position")
    rich, rich_user = await world.trader("rich", usdc=100_000)
    poor, poor_user = await world.trader("poor-liquidator", usdc=30)
    await move_price(world, MAINTENANCE_USD)
    await begin(world, victim)
    await move_price(world, MAINTENANCE_USD)
    market = await client.market(0)

    view = await client.liquidation_view(0, victim.user)
    assert view is not None
    most = max_liquidatable(view, await client.what_if(poor_user))
    assert 0 < most < view.open_lots
    before = await bytes_of(world, victim.user, poor_user)
    lot = market.terms.lot_size_e9
    with pytest.raises(LiquidatorMarginTooLow) as caught:
        await client.liquidate_position(0, victim.user, size_max=lots(most * 11 // 10, lot), authority=poor)
    assert caught.value.left is not None
    assert caught.value.left < (caught.value.right or 0)
    assert await bytes_of(world, victim.user, poor_user) == before
    small = await client.liquidate_position(0, victim.user, size_max=lots(most, lot), authority=poor)
    assert small.events[-1].size_lots == most

    account, cache, _ = await client.valued(victim.user)
    liquidator = await client.what_if(rich_user)
    moved = (await client.liquidate_position("BTC-PERP", victim.user, authority=rich)).events[-1]
    assert isinstance(moved, PositionLiquidated)
    view = liquidation_view(account, cache, market, now_ms=moved.time_ms)
    assert view is not None
    assert (moved.size_lots, moved.price_q32) == (view.open_lots, view.price_q32)
    assert max_liquidatable(view, liquidator) == view.open_lots
    fees = view.fees()
    assert (moved.liquidator_fee_atoms, moved.insurance_fee_atoms) == (fees.liquidator_atoms, fees.insurance_atoms)
    assert view.profit_atoms(exit_price_q32=view.price_q32) == fees.liquidator_atoms
    found = ladder(account, cache, now_ms=moved.time_ms)
    assert (moved.equity_atoms, moved.requirement_atoms) == (found.equity_atoms, found.maintenance_atoms)
    expected = liquidator.take_over(0, moved.size_lots, moved.price_q32, fees.liquidator_atoms).health()
    actual = (await client.what_if(rich_user)).health()
    assert (actual.initial, actual.ladder, actual.positions) == (expected.initial, expected.ladder, expected.positions)


def lots(count: int, lot_size_e9: int) -> str:
    """Lots as text in base units."""
    return f"{count * lot_size_e9 // 10**9}.{count * lot_size_e9 % 10**9:09}"


async def test_a_position_closes_against_the_best_orders_of_the_book(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "matched")
    makers = [await world.trader(f"closer-{number}", usdc=20_000) for number in (1, 2)]
    earner = await world.trader("earner", usdc=10)
    # A reward takes a slot of its account, so that its owner must have consented to the key that names it.
    consent = Permission.LIQUIDATE
    await client.set_delegate(earner[1], client.address(), consent, authority=earner[0])
    await move_price(world, MAINTENANCE_USD)
    await stay(world)
    third = await rest(world, makers[0], "bid", MAINTENANCE_USD - 30, "0.5")
    second = await rest(world, makers[0], "bid", MAINTENANCE_USD - 20, "0.05")
    first = await rest(world, makers[1], "bid", MAINTENANCE_USD - 10, "0.05")
    best = await client.best_orders(0, "bid")
    assert best == [first, second, third]
    assert await client.best_orders(0, "bid", limit=2) == [first, second]
    assert await client.best_orders(0, "ask") == []
    refs = [(order.user, order.order_id) for order in best]
    await begin(world, victim)
    before = await bytes_of(world, victim.user, makers[0][1], makers[1][1])
    with pytest.raises(MakerPriorityViolated):
        await client.liquidate_with_orders(0, victim.user, list(reversed(refs[:2])))
    assert await bytes_of(world, victim.user, makers[0][1], makers[1][1]) == before

    account, cache, _ = await client.valued(victim.user)
    closed = await client.liquidate_with_orders("BTC", victim.user, refs, keeper_user=earner[1])
    event = closed.events[-1]
    assert isinstance(event, LiquidationMatched)
    view = liquidation_view(account, cache, await client.market(0), now_ms=event.time_ms)
    assert view is not None
    assert sum(fill.size_lots for fill in event.fills) == view.open_lots
    assert [fill.maker for fill in event.fills] == [makers[1][1], makers[0][1], makers[0][1]]
    assert event.ask
    assert event.user_position_lots_after == view.size_lots - view.open_lots
    assert event.keeper_reward_atoms > 0
    assert event.keeper == earner[1]
    for trader in makers:
        if (await client.orders(trader[1])).order_count:
            await client.cancel_orders(trader[1], signer=trader[0])


async def test_what_if_is_what_then_happens(world: World) -> None:
    """Deposits, orders, fills, moves of prices and withdrawals: first in thought, then on chain, to the atom."""
    client = world.client
    holder = await leveraged(world, "thinker", usdc=2_000, sol=5)
    thought = await client.what_if(holder.user)
    await same(world, holder, thought)

    order = NewOrder(market="BTC", side="bid", size="0.1", price=39_500, time_in_force=TimeInForce.POST_ONLY)
    await client.place_orders(holder.user, [order], signer=holder.key)
    thought = await same(world, holder, thought.order(order))
    await client.send(world.mint_instructions(world.usdc, holder.key.pubkey(), 250_000_000))
    await client.deposit(250, authority=holder.key)
    thought = await same(world, holder, thought.deposit(250))
    await client.withdraw("1.5", collateral=1, authority=holder.key)
    thought = await same(world, holder, thought.withdraw("1.5", collateral=1))

    resting = await rest(world, holder.other, "ask", START_USD_UP, "0.2", wait=False)
    sale = NewOrder(market=0, side="ask", size="0.3", price=START_USD_DOWN, reduce_only=True)
    bid = await rest(world, holder.other, "bid", START_USD_DOWN, "0.3", wait=False)
    taken = (await client.place_orders(holder.user, [sale], signer=holder.key)).orders[0]
    await client._wait_for_slot(taken.placed_slot + 1)
    await client.match_orders(0, (holder.user, taken.order_id), [(holder.other[1], bid.order_id)])
    await same(world, holder, thought.fill(sale), rows=False)
    await client.cancel_orders(holder.other[1], signer=holder.other[0])
    assert resting.order_id

    thought = await client.what_if(holder.user)
    await move_price(world, "39600", sol=95)
    after = await client.what_if(holder.user)
    guessed = thought.price("BTC-PERP", price="39600").collateral_price(1, percent=-5)
    assert guessed.health().ladder == after.health().ladder
    assert [p.liquidation_price_q32 for p in guessed.health().positions] == [
        p.liquidation_price_q32 for p in after.health().positions
    ]


START_USD_UP, START_USD_DOWN = 40_050, 39_990


async def same(world: World, holder: Holder, thought: WhatIf, *, rows: bool = True) -> WhatIf:
    """The thought's figures are those of the program's own view, at the prices that the thought has."""
    after = await world.client.what_if(holder.user)
    if not rows:
        # The fill moved mark and open interest with it.
        thought = WhatIf(**{**{name: getattr(thought, name) for name in thought.__slots__}, "cache": after.cache})
    view = await world.client.view_health(holder.user)
    health = thought.health()
    assert health.ladder == after.health().ladder
    assert (view.equity_initial_atoms, view.initial_requirement_atoms, view.free_collateral_atoms) == (
        health.initial.equity_atoms,
        health.initial.requirement_atoms,
        health.free_collateral_atoms,
    )
    assert (view.equity_maintenance_atoms, view.maintenance_requirement_atoms) == (
        health.ladder.equity_atoms,
        health.ladder.maintenance_atoms,
    )
    return after
