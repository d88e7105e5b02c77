"""The audit of matching on the real program: an honest keeper is clean, one that skips a better maker is found."""

from __future__ import annotations

import pytest
from sdk_world import World
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import NewOrder, TimeInForce
from evertide.audit import audit_matching

pytestmark = pytest.mark.localnet

Trader = tuple[Keypair, Pubkey]


async def quote(world: World, trader: Trader, price: str) -> int:
    order = NewOrder(market=1, side="ask", size=1, price=price, time_in_force=TimeInForce.POST_ONLY)
    return (await world.client.place_orders(trader[1], [order], signer=trader[0])).orders[0].order_id


async def take(world: World, trader: Trader, size: int) -> int:
    order = NewOrder(market=1, side="bid", size=size, price="100.4", taker_phase_s=0)
    placed = (await world.client.place_orders(trader[1], [order], signer=trader[0])).orders[0]
    await world.client._wait_for_slot(placed.placed_slot + 1)
    return placed.order_id


async def test_the_keeper_that_skips_is_found_and_the_hash_is_the_markets(world: World) -> None:
    client = world.client
    await world.publish()
    cheap, dear, taker = [await world.trader(f"audit-{name}", usdc=10_000) for name in ("cheap", "dear", "taker")]
    cheap_id, dear_id = await quote(world, cheap, "100.1"), await quote(world, dear, "100.2")
    first = await take(world, taker, 2)
    await client.match_orders(1, (taker[1], first), [(cheap[1], cheap_id), (dear[1], dear_id)])
    honest = await client.audit_matching("SOL")
    assert honest.clean
    assert honest.whole
    assert (honest.matches, honest.fills, honest.skipped) == (1, 2, ())

    await world.publish()
    cheap_id, dear_id = await quote(world, cheap, "100.1"), await quote(world, dear, "100.2")
    second = await take(world, taker, 1)
    await client.match_orders(1, (taker[1], second), [(dear[1], dear_id)])
    found = await client.audit_matching("SOL")
    (skipped,) = found.certain
    assert (skipped.user, skipped.order_id) == (cheap[1], cheap_id)
    assert (skipped.filled_user, skipped.filled_order_id) == (dear[1], dear_id)
    assert skipped.payer == str(client.address())
    # 1 SOL at 100.20 instead of 100.10.
    assert [record.taker_cost_atoms for record in found.keepers] == [100_000]
    assert (found.hash_breaks, found.gaps, found.mismatches) == ((), (), ())
    market = await client.market(1)
    assert market.event_hash == found.event_hash
    assert market.sequence == found.last_sequence + 1

    # Without the first match the hash breaks, and the gap is seen.
    events = [
        item for item in await client.event_history() if item.name != "OrdersMatched" or item.event.fills[1:] == ()
    ]
    cut = audit_matching(events, 1, program_id=client.program_id)
    assert len(cut.hash_breaks) == 1
    assert len(cut.gaps) == 1
