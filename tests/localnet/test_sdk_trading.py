"""The SDK on the real program: accounts, money, orders, fills, views, events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sdk_world import World
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import (
    EventGap,
    EvertideClient,
    Feeds,
    NewOrder,
    SequenceChecker,
    TimeInForce,
    by_client_order_ids,
    instructions,
    position_views,
    user_address,
    valuation,
)
from evertide.errors import (
    AccountNotFound,
    ClientOrderIdInUse,
    DuplicateClientOrder,
    InitialMarginTooLow,
    InsufficientBalance,
    NotExact,
    OrderNotFound,
    ProgramError,
    SequenceAssertionFailed,
    SignerMissing,
    StaleRisk,
    UnknownCollateral,
    UnknownMarket,
)
from evertide.events import Deposited, OrdersMatched, OrdersPlaced
from evertide.math import MarginKind

pytestmark = pytest.mark.localnet


def quote(side: str, price: object, size: object = "0.5", **more: object) -> NewOrder:
    return NewOrder(market="BTC", side=side, size=size, price=price, time_in_force=TimeInForce.POST_ONLY, **more)  # type: ignore[arg-type]


async def crossed(world: World, name: str) -> tuple[tuple[Keypair, Pubkey], tuple[Keypair, Pubkey], OrdersMatched]:
    """A maker and a taker who have just traded 0.2 BTC at 40,010."""
    client = world.client
    await world.publish()
    maker, taker = await world.trader(f"{name}-maker", usdc=50_000), await world.trader(f"{name}-taker", usdc=50_000)
    resting = (await client.place_orders(maker[1], [quote("ask", 40_010)], signer=maker[0])).orders[0]
    taking = NewOrder(market="BTC", side="bid", size="0.2", price=40_010)
    taken = (await client.place_orders(taker[1], [taking], signer=taker[0])).orders[0]
    await client._wait_for_slot(resting.placed_slot + 2)
    filled = await client.match_orders(0, (taker[1], taken.order_id), [(maker[1], resting.order_id)])
    return maker, taker, next(event for event in filled.events if isinstance(event, OrdersMatched))


async def test_money_goes_in_and_out_to_the_atom(world: World) -> None:
    client = world.client
    key, user = await world.trader("saver", usdc=1_000, sol=3)
    account = await client.user(user)
    assert account.quote_atoms == 1_000_000_000
    assert account.collaterals[0].amount_atoms == 3_000_000_000
    before = await client.rpc.get_token_balance((await client.collateral(0)).vault)
    out = await client.withdraw("999.999999", authority=key)
    assert out.compute_units is not None
    assert before - await client.rpc.get_token_balance((await client.collateral(0)).vault) == 999_999_999
    assert (await client.user(user)).quote_atoms == 1
    with pytest.raises(InsufficientBalance) as caught:
        await client.withdraw("0.000002", authority=key)
    assert (caught.value.left, caught.value.right) == (2, 1)
    await client.withdraw("0.000001", authority=key)
    await client.withdraw(3, collateral=world.sol, authority=key)
    await client.close_user(authority=key)
    with pytest.raises(AccountNotFound):
        await client.user(user)
    again = await client.create_user(authority=key)
    assert again.events[0].sequence == 0


async def test_a_fill_is_told_by_its_event_and_found_in_both_accounts(world: World) -> None:
    client = world.client
    (_, maker), (_, taker), event = await crossed(world, "fill")
    assert [fill.size_lots for fill in event.fills] == [2_000]
    assert event.fills[0].price_ticks == 40_010
    assert (event.taker, event.fills[0].maker) == (taker, maker)
    cache, now_ms = await client.risk_cache(), await client.chain_time_ms()
    bought = position_views(await client.user(taker), cache, now_ms=now_ms)[0]
    sold = position_views(await client.user(maker), cache, now_ms=now_ms)[0]
    assert (bought.size_lots, sold.size_lots) == (2_000, -2_000)
    lot_size_e9 = (await client.market(0)).terms.lot_size_e9
    assert bought.entry_price(lot_size_e9=lot_size_e9) == sold.entry_price(lot_size_e9=lot_size_e9) == 40_010
    assert bought.cash_atoms == event.taker_cash_atoms_after
    # The taker paid 0.2 * 40,010 and the fee; at an index of 40,000 it is 2 dollars down before it.
    assert bought.unrealised_atoms == -2_000_000
    assert bought.liquidation_price_q32 is None
    assert sold.liquidation_price_q32 is not None
    assert sold.liquidation_price_q32 > cache.markets[0].mark_price_q32


async def test_our_valuation_is_the_programs(world: World) -> None:
    client = world.client
    maker, taker, _ = await crossed(world, "health")
    await client.place_orders(maker[1], [quote("bid", 39_000, "0.1")], signer=maker[0])
    for user in (maker[1], taker[1]):
        view = await client.view_health(user)
        account, cache, now_ms = await client.user(user), await client.risk_cache(), await client.chain_time_ms()
        initial = valuation(account, cache, MarginKind.INITIAL, now_ms=now_ms)
        maintenance = valuation(account, cache, MarginKind.MAINTENANCE, now_ms=now_ms)
        assert (view.equity_initial_atoms, view.initial_requirement_atoms) == (
            initial.equity_atoms,
            initial.requirement_atoms,
        )
        assert (view.equity_maintenance_atoms, view.maintenance_requirement_atoms) == (
            maintenance.equity_atoms,
            maintenance.requirement_atoms,
        )
        ours = {
            found.market_index: found.liquidation_price_q32
            for found in position_views(account, cache, now_ms=now_ms)
            if found.liquidation_price_q32 is not None
        }
        # The program's word for "no such price" is 0.
        theirs = {entry.market_index: entry.price_q32 for entry in view.liquidation_prices if entry.price_q32}
        assert theirs == ours


async def test_the_book_is_what_rests(world: World) -> None:
    client = world.client
    await world.publish()
    key, user = await world.trader("booker", usdc=50_000)
    orders = [
        NewOrder(market=1, side=side, size=size, price=price, time_in_force=TimeInForce.POST_ONLY)  # type: ignore[arg-type]
        for side, size, price in (("bid", 2, "99.5"), ("bid", 1, "99.6"), ("ask", 3, "100.4"), ("ask", 4, "100.4"))
    ]
    placed = await client.place_orders(user, orders, signer=key)
    assert placed.confirmed is not None
    assert isinstance(placed.confirmed.events[0], OrdersPlaced)
    book = await client.book("SOL-PERP")
    assert [(level.price_ticks, level.size_lots, level.order_count) for level in book.bids] == [
        (9_960, 100, 1),
        (9_950, 200, 1),
    ]
    assert [(level.price_ticks, level.size_lots, level.order_count) for level in book.asks] == [(10_040, 700, 2)]
    changed = replace(orders[0], size="1.5")
    assert placed.order_ids == tuple(order.order_id for order in placed.orders)
    assert replace(placed, orders=()).order_ids == placed.order_ids, "a filled order still has an id"
    assert replace(placed, confirmed=None).order_ids == placed.order_ids
    await client.modify_order(user, placed.order_ids[0], changed, signer=key)
    assert (await client.book(1)).bids[1].size_lots == 150
    await client.cancel_orders(user, by_client_order_ids([placed.orders[2].client_order_id]), signer=key)
    await client.cancel_orders(user, signer=key)
    book = await client.book(1)
    assert (book.bids, book.asks) == ((), ())
    with pytest.raises(OrderNotFound):
        await client.cancel_orders(user, signer=key)


async def test_placing_twice_places_once(world: World) -> None:
    """F-08, V-27: the client order id makes a repetition harmless."""
    client = world.client
    await world.publish()
    key, user = await world.trader("twice", usdc=50_000)
    order = quote("bid", 39_000, client_order_id=77)
    first = await client.place_orders(user, [order], signer=key)
    second = await client.place_orders(user, [order], signer=key)
    assert first.confirmed is not None
    assert second.confirmed is None
    assert first.orders == second.orders
    assert (await client.orders(user)).order_count == 1
    with pytest.raises(DuplicateClientOrder) as caught:
        await client.place_orders(user, [replace(order, price=38_000)], signer=key)
    assert caught.value.order_id == first.orders[0].order_id
    with pytest.raises(ClientOrderIdInUse):
        await client.place_orders(user, [order, replace(order, client_order_id=78)], signer=key)


async def test_a_margin_error_carries_both_numbers_and_changes_nothing(world: World) -> None:
    client = world.client
    await world.publish()
    key, user = await world.trader("poor", usdc=100)
    before = await client.rpc.get_accounts([user, user_address(key.pubkey())])
    with pytest.raises(InitialMarginTooLow) as caught:
        await client.place_orders(user, [quote("bid", 39_000, 1)], signer=key)
    error = caught.value
    assert error.left == 100_000_000
    # 2.5 % of one BTC at the mark.
    assert error.right is not None
    assert error.right >= 900_000_000
    assert error.signature is None
    assert [info.data for info in await client.rpc.get_accounts([user, user_address(key.pubkey())]) if info] == [
        info.data for info in before if info
    ]


async def test_names_and_amounts_that_do_not_exist(world: World) -> None:
    client = world.client
    key, user = await world.trader("clumsy", usdc=100)
    with pytest.raises(UnknownMarket, match=r"unknown market 'DOGE'; listed: BTC-PERP, SOL-PERP"):
        await client.place_orders(user, [NewOrder(market="DOGE", side="bid", size=1, price=1)], signer=key)
    with pytest.raises(UnknownMarket):
        await client.market(47)
    with pytest.raises(UnknownCollateral, match="2 listed"):
        await client.deposit(1, collateral=5, authority=key)
    with pytest.raises(NotExact, match="the tick 1"):
        await client.place_orders(user, [NewOrder(market="BTC", side="bid", size=1, price="39000.5")], signer=key)
    with pytest.raises(AccountNotFound, match="User"):
        await client.user(Keypair().pubkey())
    with pytest.raises(SignerMissing):
        await client.send([instructions.close_user(authority=Keypair().pubkey())])
    with pytest.raises(SequenceAssertionFailed) as caught:
        await client.assert_sequence(user, 40)
    assert 40 in (caught.value.left, caught.value.right)


async def test_old_rows_are_renewed_or_refused(world: World) -> None:
    """F-10: after a jump of the clock nothing is done on old rows."""
    client = world.client
    await world.publish()
    key, user = await world.trader("sleeper", usdc=1_000, sol=1)
    now_ms = await client.chain_time_ms()
    world.net.cheats.travel_to(now_ms + 60_000)
    steps = await client.refresh_instructions(user, markets=[0])
    assert [bytes(step.data[:8]) for step in steps] == [
        bytes(instructions.update_oracle(oracle=key.pubkey(), market_index=0).data[:8]),
        bytes(instructions.accrue_market(market_index=0).data[:8]),
        bytes(instructions.update_oracle(oracle=key.pubkey(), market_index=0).data[:8]),
    ]
    blind = EvertideClient(world.net.rpc_url, payer=world.root, feeds=Feeds())
    async with blind:
        with pytest.raises(StaleRisk, match="market 0") as caught:
            await blind.place_orders(user, [quote("bid", 39_000, "0.01")], signer=key)
        assert caught.value.age_ms >= 60_000
        unrefreshed = instructions.place_orders(
            signer=key.pubkey(), user=user, orders=(await blind.placement([quote("bid", 39_000, "0.01")]))[0]
        )
        with pytest.raises(ProgramError, match="RowTooOld"):
            await blind.send([unrefreshed], signers=[key])
    placed = await client.place_orders(user, [quote("bid", 39_000, "0.01")], signer=key)
    assert placed.confirmed is not None


async def test_the_history_of_events_has_no_gap(world: World) -> None:
    await crossed(world, "history")
    history = await world.client.event_history()
    names = {landed.name for landed in history}
    assert {"ExchangeInitialized", "MarketListed", "UserCreated", "Deposited", "OrdersPlaced", "OrdersMatched"} <= names
    checker = SequenceChecker()
    checker.check_all(history)
    for index, market in enumerate(await world.client.markets()):
        assert checker.expected[f"market {index}"] == market.sequence
    for address, user in (await world.client.fetch_all_by_address("User")).items():
        assert checker.expected[f"user {address}"] == user.sequence
    assert checker.expected["exchange"] == (await world.client.exchange()).sequence
    dropped = next(n for n, landed in enumerate(history) if landed.name == "Deposited")
    lossy = [*history[:dropped], *history[dropped + 1 :]]
    with pytest.raises(EventGap):
        SequenceChecker().check_all(lossy)


async def test_many_accounts_are_arrays(world: World) -> None:
    addresses, rows = await world.client.fetch_arrays("User")
    by_address = await world.client.fetch_all_by_address("User")
    assert set(addresses) == set(by_address)
    for address, row in zip(addresses, rows, strict=True):
        assert int(row["quote_atoms"]) == by_address[address].quote_atoms
        assert row["authority"].tobytes() == bytes(by_address[address].authority)
    saver = await world.trader("owner", usdc=1)
    assert set(await world.client.users_of(saver[0].pubkey())) == {saver[1]}


async def test_deposits_come_back_as_typed_events(world: World) -> None:
    key, user = await world.trader("typed", usdc=10)
    await world.client.send(world.mint_instructions(world.usdc, key.pubkey(), 7))
    confirmed = await world.client.deposit("0.000007", authority=key)
    event = confirmed.events[0]
    assert isinstance(event, Deposited)
    assert (event.user, event.amount_atoms, event.balance_atoms) == (user, 7, 10_000_007)
    assert confirmed.fee_lamports is not None
    assert confirmed.confirm_ms >= 0
    assert any("Program" in line for line in confirmed.logs)
