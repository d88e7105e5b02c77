"""The end of the way down on the real program, through the SDK: collateral, backstop, bankruptcy, deleveraging."""

from __future__ import annotations

import pytest
from sdk_way_down import Holder, bytes_of, leveraged, move_price, stay
from sdk_world import World

from evertide import (
    BankruptcyStep,
    LadderRung,
    SequenceChecker,
    backstop_address,
    ladder,
    market_address,
)
from evertide.errors import (
    AccountHealthy,
    CollateralRemains,
    DebtWithinGrace,
    LiquidationNotStarted,
    NotBackstopOfMarket,
    NothingToCure,
    UserBankrupt,
    UserSolvent,
)
from evertide.events import BankruptcyResolved, CollateralLiquidated, FeesCollected, PositionLiquidated

pytestmark = pytest.mark.localnet

BACKSTOP_USD, BANKRUPT_USD = 39_100, 38_500


async def resolve(world: World, victim: Holder) -> BankruptcyResolved:
    """Resolve a bankruptcy in BTC-PERP; what paid for it is the share."""
    borne = (await world.client.resolve_bankruptcy("BTC-PERP", victim.user)).events[-1]
    assert isinstance(borne, BankruptcyResolved)
    return borne


async def test_without_insurance_the_other_side_is_deleveraged(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "first-bankrupt")
    with pytest.raises(UserSolvent) as solvent:
        await client.resolve_bankruptcy(0, victim.user)
    assert (solvent.value.left, solvent.value.right) == ((await client.ladder(victim.user)).equity_atoms, 0)
    await move_price(world, BANKRUPT_USD)
    with pytest.raises(LiquidationNotStarted):
        await client.resolve_bankruptcy(0, victim.user)
    await client.liquidate_orders(victim.user)
    account, cache, now_ms = await client.valued(victim.user)
    found = ladder(account, cache, now_ms=now_ms)
    assert found.rung is LadderRung.BANKRUPT
    view = await client.liquidation_view(0, victim.user)
    assert view is not None
    assert (view.open_lots, view.refused) == (0, "UserBankrupt")
    taker, _ = await world.trader("too-late", usdc=1_000)
    with pytest.raises(UserBankrupt) as bankrupt:
        await client.liquidate_position(0, victim.user, authority=taker)
    assert (bankrupt.value.left, bankrupt.value.right) == (found.equity_atoms, 0)
    with pytest.raises(UserBankrupt):
        await client.liquidate_to_backstop(0, victim.user)

    fees = (await client.market(0)).pending_fees_atoms
    borne = await resolve(world, victim)
    assert borne.step == BankruptcyStep.RESOLVED
    assert (borne.deficit_atoms, borne.share_atoms) == (-found.equity_atoms, -found.equity_atoms)
    assert (borne.fees_atoms, borne.insurance_atoms, borne.tranche_atoms) == (fees, 0, 0)
    assert borne.closed_lots == 9_000
    assert 0 <= borne.fees_atoms + borne.deleveraged_atoms + borne.recorded_atoms - borne.share_atoms <= 1
    assert (borne.a[0], borne.open_interest_lots) == (1 << 48, (0, 0))
    assert borne.ended
    user = await client.user(victim.user)
    assert (user.quote_atoms, user.position_count, user.liquidation_start_ms) == (0, 0, 0)
    # The other side sold what it had to buy back at the bankruptcy price: it was paid less than the mark.
    assert borne.price_q32 > cache.markets[0].mark_price_q32
    await client.touch_position(0, victim.other[1])
    assert (await client.what_if(victim.other[1])).health().ladder.notional_atoms == 0


async def test_collateral_is_sold_first_and_then_insurance_pays(world: World) -> None:
    client = world.client
    await client.send(world.mint_instructions(world.usdc, world.root.pubkey(), 3_000 * 10**6))
    await client.fund_insurance(3_000, tranche=500)
    victim = await leveraged(world, "collateral", usdc=600, sol=4)
    buyer, buyer_user = await world.trader("buyer", usdc=2_000)
    with pytest.raises(NothingToCure) as nothing:
        await client.liquidate_collateral(1, victim.user, authority=buyer)
    assert nothing.value.left == 600_000_000
    await move_price(world, BANKRUPT_USD)
    await client.liquidate_orders(victim.user)
    opened = await resolve(world, victim)
    assert (opened.step, opened.bankruptcies_open) == (BankruptcyStep.OPENED, 1)
    before = await bytes_of(world, victim.user)
    with pytest.raises(CollateralRemains):
        await client.resolve_bankruptcy(0, victim.user)
    assert await bytes_of(world, victim.user) == before

    sold = (await client.liquidate_collateral(1, victim.user, amount_max="1.5", authority=buyer)).events[-1]
    assert isinstance(sold, CollateralLiquidated)
    assert (sold.amount_atoms, sold.user_collateral_atoms_after) == (1_500_000_000, 2_500_000_000)
    sold = (await client.liquidate_collateral(world.sol, victim.user, authority=buyer)).events[-1]
    assert sold.user_collateral_atoms_after == 0
    assert 0 <= sold.discount_bps <= 300
    assert (await client.user(buyer_user)).collaterals[0].amount_atoms == 4 * 10**9
    found = await client.ladder(victim.user)
    fund = await client.insurance()
    borne = await resolve(world, victim)
    assert (borne.step, borne.bankruptcies_open) == (BankruptcyStep.RESOLVED, 0)
    assert borne.deficit_atoms == -found.equity_atoms
    assert borne.insurance_atoms == borne.share_atoms - borne.fees_atoms > 0
    assert (borne.tranche_atoms, borne.recorded_atoms) == (0, 0)
    assert borne.insurance_balance_atoms == fund.balance_atoms - borne.insurance_atoms


async def test_a_debt_is_cured_only_after_its_grace(world: World) -> None:
    client = world.client
    debtor = await leveraged(world, "debtor", usdc=150, sol=30)
    buyer, _ = await world.trader("debt-buyer", usdc=2_000)
    await move_price(world, 39_700)
    await client.settle_pnl(0, debtor.user)
    account = await client.user(debtor.user)
    assert account.quote_atoms < 0
    with pytest.raises(DebtWithinGrace) as young:
        await client.liquidate_collateral(1, debtor.user, authority=buyer)
    assert young.value.right == account.debt_since_ms + 3_600_000
    assert young.value.left is not None
    assert account.debt_since_ms <= young.value.left < account.debt_since_ms + 60_000
    await stay(world, 3_600 + 600)
    sold = (await client.liquidate_collateral(1, debtor.user, authority=buyer)).events[-1]
    assert isinstance(sold, CollateralLiquidated)
    # A sixth of an hour of the discount's rise to 3 %.
    assert 50 <= sold.discount_bps <= 60
    assert 0 <= sold.user_quote_atoms_after <= 1


async def test_the_backstop_takes_over_and_its_profit_goes_to_insurance(world: World) -> None:
    client = world.client
    backstop = backstop_address(0)
    victim = await leveraged(world, "to-backstop")
    await move_price(world, 39_300)
    await client.liquidate_orders(victim.user)
    with pytest.raises(AccountHealthy) as healthy:
        await client.liquidate_to_backstop(0, victim.user)
    found = await client.ladder(victim.user)
    assert (healthy.value.left, healthy.value.right) == (found.equity_atoms, found.backstop_atoms)
    await move_price(world, BACKSTOP_USD)
    before = await bytes_of(world, victim.user, backstop)
    with pytest.raises(NotBackstopOfMarket):
        await client.liquidate_to_backstop(0, victim.user, backstop=backstop_address(1))
    assert await bytes_of(world, victim.user, backstop) == before
    moved = (await client.liquidate_to_backstop(0, victim.user)).events[-1]
    assert isinstance(moved, PositionLiquidated)
    assert (moved.backstop, moved.liquidator, moved.size_lots, moved.deleveraged_lots) == (True, backstop, 9_000, 0)
    assert moved.ended
    assert (await client.users_of(market_address(0)))[backstop].position_count == 1

    # A short that goes down as well closes what the backstop holds; what it earned is the insurance fund's.
    short = await leveraged(world, "short-to-backstop", usdc=950, side="ask", usd=BACKSTOP_USD)
    await move_price(world, 39_950)
    await client.liquidate_orders(short.user)
    moved = (await client.liquidate_to_backstop(0, short.user)).events[-1]
    assert (moved.size_lots, moved.liquidator_position_lots_after) == (-9_000, 0)
    for party in (short.user, victim.user, backstop):
        if (await client.user(party)).position_count:
            await client.settle_pnl(0, party)
    holder = await client.user(backstop)
    assert holder.position_count == 0
    profit = holder.quote_atoms
    assert profit > 0
    fund = await client.insurance()
    token = world.mint_instructions(world.usdc, world.root.pubkey(), 1)
    await client.send(token)
    collected = (await client.collect_fees(0)).events[-1]
    assert isinstance(collected, FeesCollected)
    assert collected.backstop_atoms == profit
    assert collected.insurance_balance_atoms == fund.balance_atoms + profit + collected.insurance_atoms + (
        collected.interest_atoms
    )
    assert (await client.user(backstop)).quote_atoms == 0


async def test_the_history_of_the_way_down_has_no_gap(world: World) -> None:
    history = await world.client.event_history()
    checker = SequenceChecker()
    checker.check_all(history)
    for index, market in enumerate(await world.client.markets()):
        assert checker.expected[f"market {index}"] == market.sequence
    for address, user in (await world.client.fetch_all_by_address("User")).items():
        assert checker.expected[f"user {address}"] == user.sequence
