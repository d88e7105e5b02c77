"""Stories of orders on the real program: each returns the names of the events that it saw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sdk_stories import Seen
from sdk_way_down import move_price, stay
from sdk_world import World

from evertide import (
    HiddenOrder,
    NewOrder,
    OrderKind,
    SignedOrder,
    SignedOrderInvalid,
    TimeInForce,
    TriggerSource,
    WakeOutcome,
    bracket,
    committed_order_id,
    order_terms,
)
from evertide.errors import (
    AuctionPriceWorse,
    CancelAllAfterReached,
    NonceUsed,
    NothingExpired,
    SignedForAnother,
    SliceNotDue,
    TrailingNotMoved,
    TriggerNotReached,
    UsageError,
)


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


async def signed_orders(world: World, name: str) -> set[str]:
    """Two owners sign, somebody else places both in one transaction, nobody places one twice; a nonce is used up."""
    client, seen = world.client, Seen()
    first, second = await world.trader(f"{name}-1", usdc=2_000), await world.trader(f"{name}-2", usdc=2_000)
    # An account takes its first signed order 5 s after its creation.
    world.net.cheats.travel_to(await client.chain_time_ms() + 7_000)
    await world.publish()
    buy = NewOrder(market=0, side="bid", size="0.01", price=30_000, time_in_force=TimeInForce.POST_ONLY)
    sell = NewOrder(market=0, side="ask", size="0.01", price=60_000, time_in_force=TimeInForce.POST_ONLY)
    signed = [
        await client.sign_order(first[1], buy, signer=first[0]),
        await client.sign_order(second[1], sell, signer=second[0]),
    ]
    again = SignedOrder.from_json(signed[0].to_json())
    assert (await client.verify_order(again)).price_ticks == 30_000
    placed = seen.add(await client.place_signed_orders(signed))
    assert [entry.user for entry in placed.placements] == [first[1], second[1]]
    assert [entry.order.client_order_id for entry in placed.placements] == [order.terms.nonce_ms for order in signed]
    assert [order.price_ticks for order in (await client.orders(first[1])).orders if order.order_id] == [30_000]
    with pytest.raises(NonceUsed):
        await client.place_signed_orders(signed[:1])
    # Another account's message, and one whose signature is of somebody else.
    with pytest.raises(SignedOrderInvalid, match="another cluster, program, account"):
        await client.verify_order(replace(signed[0], user=second[1]))
    with pytest.raises(SignedForAnother):
        await client.place_signed_orders([replace(signed[0], user=second[1])])
    with pytest.raises(SignedOrderInvalid, match="signature"):
        await client.verify_order(replace(signed[0], signer=second[0].pubkey()))
    third = await client.sign_order(first[1], buy, signer=first[0])
    seen.add(await client.cancel_nonce(first[1], third.terms.nonce_ms, signer=first[0]))
    with pytest.raises(NonceUsed):
        await client.place_signed_orders([third])
    for key, user in (first, second):
        await client.cancel_orders(user, signer=key)
    return seen.names


async def auctions_and_commitments(world: World, name: str) -> set[str]:
    """A maker answers an order in its taker phase; an order is committed as a hash and revealed into its place."""
    client, seen = world.client, Seen()
    await move_price(world, 100, market=1)
    await stay(world, 600, market=1)
    key, user = await world.trader(name, usdc=20_000)
    other, maker = await world.trader(f"{name}-maker", usdc=20_000)
    hurry = NewOrder(market=1, side="bid", size=10, price="100.6", auction_start="100.4", taker_phase_s=60)
    taken = (await client.place_orders(user, [hurry], signer=key)).orders[0]
    await client._wait_for_slot(taken.placed_slot + 1)
    answer = {"maker_user": maker, "signer": other}
    with pytest.raises(AuctionPriceWorse):
        await client.fill_auction("SOL", (user, taken.order_id), price="100.6", size_max=4, **answer)
    filled = seen.add(await client.fill_auction("SOL", (user, taken.order_id), price="100.3", size_max=4, **answer))
    assert (filled.auction, filled.fills[0].price_ticks, filled.fills[0].size_lots) == (True, 10_030, 400)
    assert filled.fills[0].improvement_atoms >= 400_000
    await client.cancel_orders(user, signer=key)

    quiet = NewOrder(market=1, side="bid", size=1, price="99.5", time_in_force=TimeInForce.POST_ONLY)
    hidden = await client.hide_order(user, quiet)
    committed = seen.add(await client.commit_order(hidden, signer=key))
    assert committed.hash == hidden.hash
    assert committed_order_id(await client.orders(user), hidden.hash) == committed.order_id
    again = HiddenOrder.from_json(hidden.to_json())
    revealed = seen.add(await client.reveal_order(again, signer=key))
    assert (revealed.order.order_id, revealed.order.placed_slot) == (committed.order_id, committed.placed_slot)
    assert revealed.order.price_ticks == 9_950
    with pytest.raises(UsageError, match="has no commitment"):
        await client.reveal_order(again, signer=key)
    await client.cancel_orders(user, signer=key)
    found = await client.audit_matching(1)
    assert (found.hash_breaks, found.gaps, found.mismatches) == ((), (), ())
    return seen.names
