"""What happens on an exchange, group by group, on the real program: each story returns the events that it saw."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sdk_world import World
from solders.keypair import Keypair

from conftest import take_from_vault
from evertide import (
    ChangeClass,
    ChangeStatus,
    Confirmed,
    Gate,
    MarketStatus,
    NewOrder,
    Permission,
    Role,
    TimeInForce,
    associated_token_address,
    constants,
    exchange_address,
    gate_views,
    listing_key,
    pause_view,
    role_views,
    stake_worth,
    user_address,
)
from evertide.errors import (
    AccountUpToDate,
    ChangeNotPending,
    ChangeNotYours,
    DelegateMayNot,
    GateClosed,
    InsufficientBalance,
    MarketNotSettling,
    NotAuthorityOrDelegate,
    OrderNotFound,
    PauseNotOver,
    PositionAssertionFailed,
    RoleForbids,
    SeasonNotDue,
    StakeSharesExceeded,
    StatusNeedsTimelock,
    TimelockNotOver,
    UnstakeNotDue,
    WithdrawNotRequested,
    WithdrawPending,
)
from evertide_cli.terms import MARKETS, market_terms


class Seen:
    """Events of confirmed transactions, by name."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def add(self, confirmed: Confirmed) -> Any:
        """Note a transaction's events; the last of them is usually the one that is meant."""
        self.events += confirmed.events
        return confirmed.events[-1]

    @property
    def names(self) -> set[str]:
        return {type(event).__name__ for event in self.events}


async def roles_and_their_clocks(world: World, name: str) -> set[str]:
    """A pause, a gate that closes at once and opens after 72 h, a role that passes on, a market made reduce-only."""
    client, seen = world.client, Seen()
    await world.publish()
    key, user = await world.trader(name, usdc=1_000)
    buy = NewOrder(market=0, side="bid", size="0.001", price=30_000, time_in_force=TimeInForce.POST_ONLY)
    paused = seen.add(await client.pause())
    assert paused.end_ms - paused.start_ms == constants.PAUSE_MS
    now_ms = await client.chain_time_ms()
    assert pause_view(await client.exchange(), now_ms=now_ms).running
    with pytest.raises(GateClosed):
        await client.place_orders(user, [buy], signer=key)
    with pytest.raises(PauseNotOver):
        await client.lift_pause(signer=key)
    seen.add(await client.lift_pause())
    placed = (await client.place_orders(user, [buy], signer=key)).orders
    await client.cancel_orders(user, signer=key)
    assert len(placed) == 1

    seen.add(await client.gate_disable(Gate.PLACE_ORDERS))
    with pytest.raises(GateClosed):
        await client.place_orders(user, [buy], signer=key)
    asked = seen.add(await client.gate_enable(Gate.PLACE_ORDERS))
    named = seen.add(await client.name_successor(Role.RISK, key.pubkey()))
    with pytest.raises(RoleForbids):
        await client.name_successor(Role.ROOT, key.pubkey(), signer=key)
    with pytest.raises(TimelockNotOver) as early:
        await client.gate_enable(Gate.PLACE_ORDERS, signer=key)
    assert early.value.right == asked.open_ms
    with pytest.raises(TimelockNotOver):
        await client.claim_role(Role.RISK, signer=key)
    world.net.cheats.travel_to(max(asked.open_ms, named.claimable_ms) + 1_000)
    opened = seen.add(await client.gate_enable(Gate.PLACE_ORDERS, signer=key))
    assert (opened.open_ms, opened.gates_closed) == (0, 0)
    claimed = seen.add(await client.claim_role(Role.RISK, signer=key))
    assert (claimed.before, claimed.holder) == (world.root.pubkey(), key.pubkey())
    exchange = await client.exchange()
    assert {view.role: view.holder for view in role_views(exchange)}[Role.RISK] == key.pubkey()
    assert not any(view.closed for view in gate_views(exchange))
    tightened = seen.add(await client.set_market_status(1, signer=key))
    assert tightened.status == MarketStatus.REDUCE_ONLY == (await client.market(1)).status
    with pytest.raises(StatusNeedsTimelock):
        await client.set_market_status(1, MarketStatus.HALTED, signer=key)
    return seen.names


async def changes_and_their_times(world: World, name: str) -> set[str]:
    """What only stops risk is instant, the rest waits 72 h, what lowers health ramps; a market is listed later."""
    client, seen = world.client, Seen()
    stranger = (await world.trader(name))[0]
    await world.publish()
    before = (await client.market(0)).terms
    limit, ratio = before.open_interest_max_lots, before.tier_ratio_bps[3]
    instant = seen.add(await client.propose_change("open_interest_max_lots", limit - 1, market=0))
    assert instant.class_ == ChangeClass.INSTANT
    assert (await client.market(0)).terms.open_interest_max_lots == limit - 1
    delayed = seen.add(await client.propose_change("open_interest_max_lots", limit, market=0))
    rising = seen.add(await client.propose_change("tier_ratio_bps.3", ratio + 100, market=0))
    assert (delayed.class_, rising.class_) == (ChangeClass.DELAYED, ChangeClass.RAMPED)
    unwanted = seen.add(await client.propose_change("band_bps", 300, market=0))
    terms = market_terms(MARKETS[1], world.oracle.pubkey())
    listing = seen.add(await client.propose_change("list_market", listing_key(terms)))
    with pytest.raises(RoleForbids):
        await client.propose_change("band_bps", 200, market=0, signer=stranger)
    with pytest.raises(TimelockNotOver):
        await client.execute_change(delayed.number)
    with pytest.raises(ChangeNotYours):
        await client.cancel_change(unwanted.number, signer=stranger)
    cancelled = seen.add(await client.cancel_change(unwanted.number))
    assert (cancelled.number, cancelled.by) == (unwanted.number, world.root.pubkey())

    world.net.cheats.travel_to(listing.earliest_ms + 2_000)
    await world.publish()
    done = seen.add(await client.execute_change(delayed.number, signer=stranger))
    assert done.value == limit == (await client.market(0)).terms.open_interest_max_lots
    with pytest.raises(ChangeNotPending):
        await client.execute_change(unwanted.number)
    begun = seen.add(await client.execute_change(rising.number))
    assert (begun.status, begun.value) == (ChangeStatus.RAMPING, ratio)
    assert await client.listing_change(terms) == listing.number
    await client.list_market(terms, change=listing.number)
    index = (await client.exchange()).market_count - 1
    world.prices["market", index] = Decimal(3_000)
    states = {view.change.number: view.status for view in await client.changes()}
    assert states[rising.number] == ChangeStatus.RAMPING
    assert states[listing.number] == ChangeStatus.EXECUTED

    # Half a day later the ramp is half way, a day later the market's limit doubles.
    world.net.cheats.travel_to(await client.chain_time_ms() + 43_200_000)
    await world.publish()
    moved = seen.add(await client.apply_ramp(rising.number))
    assert ratio < moved.value < ratio + 100
    with pytest.raises(SeasonNotDue):
        await client.advance_season(market=index)
    world.net.cheats.travel_to(await client.chain_time_ms() + 43_260_000)
    await world.publish()
    ended = seen.add(await client.apply_ramp(rising.number))
    assert (ended.status, ended.value) == (ChangeStatus.EXECUTED, ratio + 100)
    assert (await client.market(0)).terms.tier_ratio_bps[3] == ratio + 100
    season = seen.add(await client.advance_season(market=index))
    assert (season.step, season.index) == (1, index)
    del world.prices["market", index]
    return seen.names


async def queue_and_stakes(world: World, name: str) -> set[str]:
    """A withdrawal waits in the queue and is paid by anyone; a stake is bought, asked out and paid 13 days later."""
    client, seen = world.client, Seen()
    key, user = await world.trader(name, usdc=1_000)
    asked = seen.add(await client.request_withdraw("400.5", authority=key))
    assert (asked.amount_atoms, asked.balance_atoms) == (400_500_000, 599_500_000)
    assert await client.first_in_queue() == user
    with pytest.raises(WithdrawPending):
        await client.request_withdraw(1, authority=key)
    before = await client.rpc.get_token_balance(associated_token_address(key.pubkey(), world.usdc))
    paid = seen.add(await client.claim_withdraw(user))
    assert (paid.amount_atoms, paid.left_atoms, paid.ticket) == (400_500_000, 0, asked.ticket)
    after = await client.rpc.get_token_balance(associated_token_address(key.pubkey(), world.usdc))
    assert after - before == 400_500_000
    assert await client.first_in_queue() is None
    with pytest.raises(WithdrawNotRequested):
        await client.claim_withdraw(user)

    assert await client.stake(key.pubkey()) is None
    staked = seen.add(await client.stake_insurance(300, authority=key))
    fund = await client.insurance()
    held = await client.stake(key.pubkey())
    assert held is not None
    assert held.shares == staked.shares == staked.stake_shares
    assert 300_000_000 - 2 <= stake_worth(fund, held.shares) <= 300_000_000
    with pytest.raises(StakeSharesExceeded) as caught:
        await client.request_unstake(held.shares + 1, authority=key)
    assert (caught.value.left, caught.value.right) == (held.shares + 1, held.shares)
    leaving = seen.add(await client.request_unstake(held.shares, authority=key))
    assert leaving.atoms == stake_worth(fund, held.shares)
    with pytest.raises(UnstakeNotDue):
        await client.claim_unstake(authority=key)
    world.net.cheats.travel_to(leaving.claimable_ms + 1_000)
    out = seen.add(await client.claim_unstake(authority=key))
    assert out.paid_atoms == leaving.atoms
    assert await client.stake(key.pubkey()) is None
    return seen.names


async def the_end_of_a_market(world: World) -> set[str]:
    """Totals agree; no account is of an older layout; the last listed market, in which nobody trades, is closed."""
    client, seen = world.client, Seen()
    await world.publish()
    assert await client.invariants_hold(0)
    assert (await client.check_invariants(0)).events == ()
    with pytest.raises(AccountUpToDate):
        await client.extend_account(exchange_address())
    last = (await client.exchange()).market_count - 1
    with pytest.raises(MarketNotSettling):
        await client.settle_market(last)
    change = (await client.propose_change("status", "settling", market=last)).events[-1]
    world.net.cheats.travel_to(change.earliest_ms + 2_000)
    await world.publish()
    await client.execute_change(change.number)
    seen.add(await client.settle_market(last))
    closed = seen.add(await client.settle_market(last))
    assert closed.status == MarketStatus.CLOSED == (await client.market(last)).status
    return seen.names


async def a_vault_that_misses_money(world: World, name: str) -> set[str]:
    """The vault holds an atom less than is owed out of it: who shows that stops the market and is paid."""
    client, seen = world.client, Seen()
    key, user = await world.trader(name, usdc=100)
    vault = (await client.collateral(0)).vault
    # What the vault holds beside the totals of one market belongs to the pools of the others.
    spare = await client.rpc.get_token_balance(vault)
    take_from_vault(world.net.cheats, vault, spare)
    fees_atoms, most = (await client.market(0)).pending_fees_atoms, constants.BOUNTY_ATOMS
    assert not await client.invariants_hold(0)
    broken = seen.add(await client.check_invariants(0, keeper_user=user, keeper=key))
    assert (broken.invariant, broken.found, broken.keeper) == (constants.Invariant.VAULT, 0, user)
    assert 0 < broken.bound <= spare
    assert 0 < broken.bounty_atoms == min(fees_atoms, most)
    assert broken.pending_fees_atoms == fees_atoms - broken.bounty_atoms
    assert broken.status == MarketStatus.REDUCE_ONLY == (await client.market(0)).status
    assert broken.collateral_status == (await client.collateral(0)).status != 0
    # It is known now: nothing more happens, and nobody is paid twice.
    assert (await client.check_invariants(0, keeper_user=user, keeper=key)).events == ()
    take_from_vault(world.net.cheats, vault, -spare)
    assert await client.invariants_hold(0)
    return seen.names


async def delegates_and_transfers(world: World, name: str) -> set[str]:
    """A delegate does what it may and nothing else; balances move between two sub-accounts of one owner."""
    client, seen = world.client, Seen()
    key, first = await world.trader(name, usdc=1_000, sol=2)
    second = user_address(key.pubkey(), 1)
    await client.create_user(1, authority=key)
    delegate = Keypair()
    world.net.cheats.fund(delegate.pubkey(), 10**10)
    until_ms = await client.chain_time_ms() + 3_600_000
    named = seen.add(
        await client.set_delegate(first, delegate.pubkey(), Permission.CANCEL, expiry_ms=until_ms, authority=key)
    )
    assert (named.delegate, named.permissions, named.expiry_ms) == (delegate.pubkey(), 2, until_ms)
    # It may cancel, and there is nothing to cancel.
    with pytest.raises(OrderNotFound):
        await client.cancel_orders(first, signer=delegate)
    with pytest.raises(DelegateMayNot):
        await client.transfer(1, source=first, destination=second, signer=delegate)
    await client.set_delegate(first, delegate.pubkey(), Permission.TRANSFER, authority=key)
    moved = seen.add(await client.transfer("250.5", source=first, destination=second, signer=delegate))
    assert (moved.amount_atoms, moved.balance_atoms, moved.to_balance_atoms) == (250_500_000, 749_500_000, 250_500_000)
    with pytest.raises(InsufficientBalance) as caught:
        await client.transfer(750, source=first, destination=second, signer=delegate)
    assert (caught.value.left, caught.value.right) == (750_000_000, 749_500_000)
    await client.transfer("0.5", source=first, destination=second, collateral=world.sol, signer=key)
    assert [slot.amount_atoms for slot in (await client.user(second)).collaterals if slot.amount_atoms] == [500_000_000]
    taken_away = seen.add(await client.set_delegate(first, None, authority=key))
    assert taken_away.permissions == 0
    with pytest.raises(NotAuthorityOrDelegate):
        await client.cancel_orders(first, signer=delegate)
    await client.assert_position(first, 0, least=0, most=0)
    with pytest.raises(PositionAssertionFailed) as refused:
        await client.assert_position(first, "BTC", least="0.001")
    assert (refused.value.left, refused.value.right) == (0, 10)
    return seen.names
