"""A deficit that nobody could bear, on the real program: recorded, taken by choice, repaid from fees."""

from __future__ import annotations

import pytest
from sdk_way_down import leveraged, move_price
from sdk_world import World

from evertide import settled_atoms
from evertide.errors import NotAuthority
from evertide.events import BankruptcyResolved, FeesCollected, PnlSettled

pytestmark = pytest.mark.localnet


async def test_what_nobody_paid_is_recorded_and_given_up_only_by_choice(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "gap")
    await move_price(world, 37_900)
    await client.liquidate_orders(victim.user)
    borne = (await client.resolve_bankruptcy("BTC-PERP", victim.user)).events[-1]
    assert isinstance(borne, BankruptcyResolved)
    # The other side bears no more than the maintenance ratio of the mark for each lot.
    assert borne.recorded_atoms > 0
    assert borne.market_deficit_atoms == borne.recorded_atoms
    assert borne.deleveraged_atoms > 0
    winner_key, winner = victim.other
    await client.touch_position(0, winner)
    before = await client.user(winner)
    assert settled_atoms(await client.settle_pnl(0, winner)) == 0
    with pytest.raises(NotAuthority):
        await client.settle_pnl(0, winner, authority=victim.key)
    market = await client.market(0)
    taken = (await client.settle_pnl(0, winner, authority=winner_key)).events[-1]
    assert isinstance(taken, PnlSettled)
    profit = before.positions[0].cash_atoms
    backed = market.pool_atoms + market.deficit_atoms
    assert taken.amount_atoms == min(profit, backed) * market.pool_atoms // backed > 0
    assert taken.given_up_atoms == min(profit, backed) - taken.amount_atoms > 0
    assert taken.deficit_atoms == market.deficit_atoms - taken.given_up_atoms


async def test_fees_repay_what_was_recorded_before_anybody_is_paid(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "second-gap")
    await move_price(world, 37_900)
    await client.liquidate_orders(victim.user)
    await client.resolve_bankruptcy(0, victim.user)
    owed = (await client.market(0)).deficit_atoms
    assert owed > 0
    await leveraged(world, "trader", size="0.1")
    pending = (await client.market(0)).pending_fees_atoms
    await client.send(world.mint_instructions(world.usdc, world.root.pubkey(), 1))
    repaid = (await client.collect_fees(0)).events[-1]
    assert isinstance(repaid, FeesCollected)
    assert repaid.repaid_atoms == min(owed, pending) > 0
    assert repaid.deficit_atoms == owed - repaid.repaid_atoms
    if repaid.deficit_atoms:
        assert (repaid.treasury_atoms, repaid.insurance_atoms) == (0, 0)
