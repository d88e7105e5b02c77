"""Every write method of the client lands on the real program, and every kind of event comes back."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

import pytest
from sdk_order_stories import auctions_and_commitments, orders_that_wait, signed_orders
from sdk_rewards import builders_and_referrers
from sdk_stories import (
    a_vault_that_misses_money,
    changes_and_their_times,
    delegates_and_transfers,
    queue_and_stakes,
    roles_and_their_clocks,
    the_end_of_a_market,
)
from sdk_way_down import WAY_DOWN_EVENTS, way_down
from sdk_world import World
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import LandedEvent, NewOrder, SequenceChecker, TimeInForce, by_side, settled_atoms, user_address
from evertide.errors import (
    ExchangeAlreadyOpen,
    HealthAssertionFailed,
    NotRoot,
    UserNotEmpty,
    UserNotionalCapExceeded,
)
from evertide.events import ALL, FeesCollected, InsuranceFunded, LimitsSet, MarkUpdated, PositionTouched
from evertide_cli.quickstart.collector import Landed, in_sequence
from evertide_cli.quickstart.replay import replay
from evertide_cli.terms import MARKETS, market_terms

pytestmark = pytest.mark.localnet

PRICE = 40_010
RESTED_SLOTS = 12


def post(side: str, price: int, size: str) -> NewOrder:
    return NewOrder(market=0, side=side, size=size, price=price, time_in_force=TimeInForce.POST_ONLY)  # type: ignore[arg-type]


async def test_a_life_from_the_first_deposit_to_the_last_withdrawal(world: World) -> None:
    client = world.client
    await world.publish()
    (maker, maker_user), (taker, taker_user) = (
        await world.trader("life-maker", usdc=20_000),
        await world.trader("life-taker", usdc=20_000),
    )
    await client.send(world.mint_instructions(world.usdc, world.root.pubkey(), 500_000_000))
    funded = (await client.fund_insurance(500, tranche=100)).events[0]
    assert isinstance(funded, InsuranceFunded)
    assert (funded.balance_atoms, funded.tranche_atoms) == (500_000_000, 100_000_000)

    limited = (await client.set_limits(taker_user, leverage_max=10, notional_cap=15_000, authority=taker)).events[0]
    assert isinstance(limited, LimitsSet)
    assert (limited.user_ratio_bps, limited.notional_cap_atoms) == (1_000, 15_000_000_000)
    with pytest.raises(UserNotionalCapExceeded) as caught:
        await client.place_orders(taker_user, [NewOrder(market=0, side="bid", size="0.5", price=PRICE)], signer=taker)
    assert caught.value.right == 15_000_000_000

    asks = (
        await client.place_orders(maker_user, [post("ask", PRICE, "0.7"), post("bid", 39_990, "0.7")], signer=maker)
    ).orders
    assert len(asks) == 2
    resting = {order.price_ticks: order for order in asks}
    changed = await client.modify_order(maker_user, resting[PRICE].order_id, post("ask", PRICE, "0.6"), signer=maker)
    assert changed.events[0].kept_priority
    await client._wait_for_slot(changed.slot + RESTED_SLOTS)
    await world.publish()
    shown = await client.update_mark(
        0, bids=[(maker_user, resting[39_990].order_id)], asks=[(maker_user, changed.events[0].order.order_id)]
    )
    mark = shown.events[0]
    assert isinstance(mark, MarkUpdated)
    assert (mark.bid_ticks, mark.ask_ticks) == (39_990, PRICE)

    take = NewOrder(market=0, side="bid", size="0.2", price=PRICE)
    taken = (await client.place_orders(taker_user, [take], signer=taker)).orders[0]
    await client.match_orders(
        0, (taker_user, taken.order_id), [(maker_user, changed.events[0].order.order_id)], keeper_user=None
    )
    # The first hour's rate is zero; the second has the interest, and folding it is something to do.
    for minutes in (61, 10):
        world.net.cheats.travel_to(await client.chain_time_ms() + minutes * 60_000)
        await world.publish()
        await client.accrue_market(0)
    paid = (await client.touch_position(0, taker_user)).events[0]
    assert isinstance(paid, PositionTouched)
    assert paid.funding_atoms < 0
    await client.accrue_debt()
    await client.assert_health(taker_user, minimum_excess=100)
    with pytest.raises(HealthAssertionFailed):
        await client.assert_health(taker_user, minimum_excess=10**9)
    with pytest.raises(UserNotEmpty):
        await client.close_user(authority=taker)
    await client.cancel_orders(maker_user, by_side(0, "ask"), signer=maker)
    await unwind(world, (maker, maker_user), (taker, taker_user))


async def unwind(world: World, maker: tuple[Keypair, Pubkey], taker: tuple[Keypair, Pubkey]) -> None:
    """The taker sells back to the maker's bid; both settle, losers first; fees are collected; all leave."""
    client = world.client
    bid = next(order for order in (await client.orders(maker[1])).orders if order.order_id)
    out = NewOrder(market=0, side="ask", size="0.2", price=39_990, reduce_only=True)
    selling = (await client.place_orders(taker[1], [out], signer=taker[0])).orders[0]
    await client._wait_for_slot(selling.placed_slot + 1)
    await world.publish()
    await client.match_orders(0, (taker[1], selling.order_id), [(maker[1], bid.order_id)])
    await client.cancel_orders(maker[1], signer=maker[0])
    lost = settled_atoms(await client.settle_pnl(0, taker[1]))
    won = settled_atoms(await client.settle_pnl(0, maker[1]))
    # 0.2 at 20 dollars apart, and the fees of both.
    assert lost < -4_000_000
    assert 0 < won < -lost
    collected = (await client.collect_fees(0)).events[0]
    assert isinstance(collected, FeesCollected)
    assert collected.treasury_atoms + collected.insurance_atoms == -lost - won - collected.pool_atoms
    for key, user in (maker, taker):
        left = (await client.user(user)).quote_atoms
        await client.withdraw(f"{left // 10**6}.{left % 10**6:06}", authority=key)
        await client.set_limits(user, authority=key)
        await client.close_user(authority=key)
    vault = await client.rpc.get_token_balance((await client.collateral(0)).vault)
    market = await client.market(0)
    assert vault == (await client.insurance()).balance_atoms + market.pool_atoms


async def test_what_only_roles_may_do_is_refused_to_others(world: World) -> None:
    stranger = Keypair()
    world.net.cheats.fund(stranger.pubkey(), 10**10)
    with pytest.raises(ExchangeAlreadyOpen):
        await world.client.list_market(market_terms(MARKETS[1], world.oracle.pubkey()))
    with pytest.raises(NotRoot):
        await world.client.open_exchange(root=stranger)


async def test_builders_and_referrers(world: World) -> None:
    assert await builders_and_referrers(world, "brought") == {
        "UserCreated",
        "ChangeProposed",
        "OrdersMatched",
        "RewardPaid",
    }


async def test_every_step_of_the_way_down_lands(world: World) -> None:
    assert await way_down(world, "fall") == WAY_DOWN_EVENTS


async def test_delegates_and_transfers(world: World) -> None:
    assert await delegates_and_transfers(world, "mover") == {"DelegateSet", "Transferred"}


async def test_changes_and_their_times(world: World) -> None:
    assert await changes_and_their_times(world, "stranger") == {
        "ChangeProposed",
        "ChangeCancelled",
        "ChangeExecuted",
        "MarketAccrued",
        "RampApplied",
        "SeasonAdvanced",
    }


async def test_queue_and_stakes(world: World) -> None:
    assert await queue_and_stakes(world, "leaver") == {
        "WithdrawRequested",
        "WithdrawClaimed",
        "InsuranceStaked",
        "UnstakeRequested",
        "UnstakeClaimed",
    }


async def test_orders_that_wait(world: World) -> None:
    assert await orders_that_wait(world, "waiter") >= {
        "CancelAllAfterSet",
        "OrderTriggered",
        "OrdersExpired",
        "SliceExecuted",
        "TrailingUpdated",
    }


async def test_signed_orders(world: World) -> None:
    assert await signed_orders(world, "signer") == {"SignedOrdersPlaced", "NonceCancelled"}


async def test_auctions_and_commitments(world: World) -> None:
    assert await auctions_and_commitments(world, "answered") >= {"OrderCommitted", "OrderRevealed", "OrdersMatched"}


async def test_roles_and_their_clocks(world: World) -> None:
    assert await roles_and_their_clocks(world, "heir") == {
        "ExchangePaused",
        "PauseLifted",
        "GateDisabled",
        "GateEnabled",
        "SuccessorNamed",
        "RoleClaimed",
        "MarketStatusSet",
    }


async def test_the_end_of_a_market(world: World) -> None:
    assert await the_end_of_a_market(world) == {"MarketSettled"}


async def test_a_vault_that_misses_money(world: World) -> None:
    assert await a_vault_that_misses_money(world, "finder") == {"InvariantBroken"}


async def books_follow(world: World, history: list[LandedEvent]) -> None:
    """Balances rebuilt from the events alone are those of the chain, account by account and token by token."""
    grouped: dict[str, list[LandedEvent]] = defaultdict(list)
    for landed in history:
        grouped[landed.signature].append(landed)
    transactions = [
        Landed(signature, found[0].slot, tuple(one.event for one in found), ()) for signature, found in grouped.items()
    ]
    books = replay(
        [event for one in slot for event in one.events]
        for _, slot in groupby(in_sequence(transactions), key=lambda one: one.slot)
    )
    assert books.mismatches == []
    client = world.client
    users = await client.fetch_all_by_address("User")
    for asset in await client.collaterals():
        rebuilt = books.assets[asset.index]
        assert await client.rpc.get_token_balance(asset.vault) == books.vault_atoms(asset.index)
        assert asset.total_atoms == rebuilt.total_atoms and asset.queued_atoms == rebuilt.queued_atoms
        for address, user in users.items():
            slots = {slot.collateral_index: slot.amount_atoms for slot in user.collaterals if slot.amount_atoms}
            held = user.quote_atoms if asset.index == 0 else slots.get(asset.index, 0)
            assert held == rebuilt.by_user[str(address)], (address, asset.index)
            waits = user.withdraw_atoms if user.withdraw_index == asset.index else 0
            assert waits == rebuilt.queue.get(str(address), 0)
    fund = await client.insurance()
    assert (fund.balance_atoms, fund.tranche_atoms) == (books.insurance_atoms, books.tranche_atoms)
    for market in await client.markets():
        book = books.markets[market.index]
        found = (market.pool_atoms, market.pending_fees_atoms, market.deficit_atoms, market.claims_atoms)
        assert found == (book.pool_atoms, book.pending_fees_atoms, book.deficit_atoms, book.claims_atoms)
        assert (market.a, market.epoch) == (
            tuple(s.a for s in book.index.sides),
            tuple(s.epoch for s in book.index.sides),
        )


async def test_every_kind_of_event_was_seen_without_a_gap(world: World) -> None:
    history = await world.client.event_history()
    SequenceChecker().check_all(history)
    # With one version of layouts no account can grow, and no cheat writes an account of the program.
    never = {"AccountExtended"}
    assert {landed.name for landed in history} == {cls.__name__ for cls in ALL} - never
    await books_follow(world, history)
    assert user_address(world.root.pubkey()) not in await world.client.fetch_all_by_address("User")
