"""Stories of orders on the real program: each returns the names of the events that it saw."""

from __future__ import annotations

import pytest
from sdk_stories import Seen
from sdk_way_down import move_price, stay
from sdk_world import World

from evertide import NewOrder, OrderKind, TimeInForce, TriggerSource, WakeOutcome, bracket, order_terms
from evertide.errors import CancelAllAfterReached, NothingExpired, SliceNotDue, TrailingNotMoved, TriggerNotReached


async def orders_that_wait(world: World, name: str) -> set[str]:
    """A stop fires at its price, a trailing stop follows, a TWAP places slices, a bracket grows, a deadline kills."""
    client, seen = world.client, Seen()
    await move_price(world, 40_000)
    await stay(world, 600)
    key, user = await world.trader(name, usdc=50_000)
    other, maker = await world.trader(f"{name}-maker", usdc=50_000)
    index = TriggerSource.INDEX

    stop = NewOrder(market=0, side="bid", size="0.01", kind=OrderKind.STOP_MARKET, trigger=40_200, trigger_source=index)
    trail = NewOrder(
        market=0, side="bid", size="0.01", kind=OrderKind.TRAILING_STOP, trail_bps=200, trigger_source=index
    )
    placed = (await client.place_orders(user, [stop, trail], signer=key)).orders
    by_kind = {order.kind: order for order in placed}
    assert order_terms(by_kind[OrderKind.STOP_MARKET]).trigger_ticks == 40_200
    assert order_terms(by_kind[OrderKind.TRAILING_STOP]).trigger_ticks == 40_800
    with pytest.raises(TriggerNotReached) as early:
        await client.trigger_order(user, by_kind[OrderKind.STOP_MARKET].order_id)
    assert early.value.left is not None
    await move_price(world, 39_900)
    moved = seen.add(await client.update_trailing(user, by_kind[OrderKind.TRAILING_STOP].order_id))
    assert moved.trigger_ticks == 40_698
    with pytest.raises(TrailingNotMoved):
        await client.update_trailing(user, by_kind[OrderKind.TRAILING_STOP].order_id)
    await move_price(world, 40_250)
    fired = seen.add(await client.trigger_order(user, by_kind[OrderKind.STOP_MARKET].order_id))
    assert (fired.outcome, fired.order.size_lots) == (WakeOutcome.LIVE, 100)
    await client.cancel_orders(user, signer=key)

    twap = NewOrder(market=0, side="bid", size="0.01", kind=OrderKind.TWAP, slice_count=5, slice_interval_s=60)
    parent = (await client.place_orders(user, [twap], signer=key)).orders[0]
    first = seen.add(await client.execute_slice(user, parent.order_id))
    assert (first.slice_number, first.outcome, first.order.size_lots) == (1, WakeOutcome.LIVE, 20)
    with pytest.raises(SliceNotDue):
        await client.execute_slice(user, parent.order_id)
    await client.cancel_orders(user, signer=key)

    await move_price(world, 40_251)
    ask = NewOrder(market=0, side="ask", size="0.02", price=40_260, time_in_force=TimeInForce.POST_ONLY)
    resting = (await client.place_orders(maker, [ask], signer=other)).orders[0]
    entry = NewOrder(market=0, side="bid", size="0.02", price=40_260, taker_phase_s=0)
    orders = bracket(entry, stop=39_000, target_price=42_000)
    ids = (await client.place_orders(user, orders, signer=key)).order_ids
    assert [order.size_lots for order in (await client.orders(user)).orders if order.order_id in ids[1:]] == [0, 0]
    await client._wait_for_slot(resting.placed_slot + 2)
    matched = seen.add(await client.match_orders(0, (user, ids[0]), [(maker, resting.order_id)]))
    grown = {entry.order_id: entry.size_lots for entry in matched.linked if entry.user == user}
    assert grown == {ids[1]: 200, ids[2]: 200}

    deadline_ms = await client.chain_time_ms() + 5_000
    armed = seen.add(await client.cancel_all_after(user, deadline_ms, signer=key))
    assert armed.deadline_ms == deadline_ms
    with pytest.raises(NothingExpired):
        await client.expire_orders(user)
    world.net.cheats.travel_to(deadline_ms + 1_000)
    dead = seen.add(await client.expire_orders(user))
    assert {order.order_id for order in dead.orders} == set(ids[1:])
    await world.publish()
    with pytest.raises(CancelAllAfterReached):
        await client.place_orders(user, [stop], signer=key)
    await client.cancel_all_after(user, 0, signer=key)
    found = await client.audit_matching(0)
    assert (found.hash_breaks, found.gaps, found.mismatches) == ((), (), ())
    return seen.names
