"""What the way down refuses: a typed error that names the rule and both numbers, and nothing has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from sdk_way_down import bytes_of, leveraged, move_price
from sdk_world import World
from solders.pubkey import Pubkey

from evertide import Confirmed, ProgramError, backstop_address, instructions, market_address, orders_address
from evertide.errors import (
    AccountHealthy,
    AmountZero,
    BankruptcyMarketWrong,
    InsufficientBalance,
    LiquidationNotStarted,
    LiquidatorQuoteTooLow,
    NotAuthorityOrDelegate,
    NotBackstopOfMarket,
    NothingToCure,
    NothingToLiquidate,
    PositionNotFound,
    SelfLiquidation,
    UnitOutOfRange,
    UserSolvent,
)

pytestmark = pytest.mark.localnet


class Refusals:
    """Calls that must fail, with everything that they could have changed compared before and after."""

    def __init__(self, world: World, users: list[Pubkey]) -> None:
        self.world = world
        orders = [orders_address(user) for user in users]
        self.watched = [*users, *orders, market_address(0), market_address(1), backstop_address(0)]

    async def refused(
        self, error: type[ProgramError], call: Callable[[], Awaitable[Confirmed]], numbers: tuple[Any, Any] = (..., ...)
    ) -> ProgramError:
        """`numbers`: what is compared, `...` for any number, None where the rule compares none."""
        before = await bytes_of(self.world, *self.watched)
        with pytest.raises(error) as caught:
            await call()
        for found, wanted in zip((caught.value.left, caught.value.right), numbers, strict=True):
            assert found == wanted if wanted is not ... else isinstance(found, int), error
        assert caught.value.signature is None, "it was refused before it was sent"
        assert await bytes_of(self.world, *self.watched) == before
        return caught.value


NONE = (None, None)


async def test_a_healthy_account_is_left_alone(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "well", sol=3)
    buyer, buyer_user = await world.trader("hunter", usdc=5_000)
    refusals = Refusals(world, [victim.user, victim.other[1], buyer_user])
    found = await client.ladder(victim.user)
    refused = refusals.refused
    await refused(
        AccountHealthy, lambda: client.liquidate_orders(victim.user), (found.equity_atoms, found.cancel_atoms)
    )
    not_begun = (
        lambda: client.liquidate_position(0, victim.user, authority=buyer),
        lambda: client.liquidate_to_backstop(0, victim.user),
        lambda: client.liquidate_with_orders(0, victim.user, [(victim.other[1], 1)]),
    )
    for call in not_begun:
        await refused(LiquidationNotStarted, call, NONE)
    solvent = (found.equity_atoms, 0)
    await refused(UserSolvent, lambda: client.resolve_bankruptcy(0, victim.user), solvent)
    await refused(UserSolvent, lambda: client.resolve_bankruptcy("SOL", victim.user), solvent)
    # Nothing is owed: the quote balance against zero.
    nothing = (1_000_000_000, 0)
    await refused(NothingToCure, lambda: client.liquidate_collateral(1, victim.user, authority=buyer), nothing)


async def test_in_liquidation_only_the_rules_decide(world: World) -> None:
    client = world.client
    victim = await leveraged(world, "falling", usdc=500, sol=10)
    buyer, buyer_user = await world.trader("bold", usdc=2)
    await client.create_user(1, authority=victim.key)
    own = (await client.users_of(victim.key.pubkey())).keys()
    second = next(user for user in own if user != victim.user)
    await move_price(world, 38_850)
    await client.liquidate_orders(victim.user)
    await move_price(world, 38_850)
    refused = Refusals(world, [victim.user, victim.other[1], buyer_user]).refused
    await refused(
        SelfLiquidation,
        lambda: client.liquidate_position(0, victim.user, liquidator=second, authority=victim.key),
        NONE,
    )
    await refused(
        SelfLiquidation,
        lambda: client.liquidate_collateral(1, victim.user, liquidator=second, authority=victim.key),
        NONE,
    )
    await refused(
        NotAuthorityOrDelegate,
        lambda: client.liquidate_position(0, victim.user, liquidator=buyer_user, authority=victim.key),
        NONE,
    )
    zero = {"user": victim.user, "authority": buyer.pubkey(), "liquidator": buyer_user}
    steps = [
        instructions.liquidate_position(**zero, market_index=0, size_max_lots=0),
        instructions.liquidate_collateral(**zero, collateral_index=1, amount_max_atoms=0),
        instructions.liquidate_with_orders(
            keeper=buyer.pubkey(), market_index=0, user=victim.user, makers=[(victim.other[1], 1)], size_max_lots=0
        ),
    ]
    for step in steps:
        await refused(AmountZero, lambda step=step: client.send([step], signers=[buyer]), NONE)  # type: ignore[misc]
    with pytest.raises(UnitOutOfRange, match="size 0"):
        await client.liquidate_position(0, victim.user, size_max=0, authority=buyer)
    await refused(PositionNotFound, lambda: client.liquidate_position(1, victim.user, authority=buyer), NONE)
    found = await client.ladder(victim.user)
    assert 0 < found.backstop_atoms <= found.equity_atoms < found.maintenance_atoms
    higher = (found.equity_atoms, found.backstop_atoms)
    await refused(AccountHealthy, lambda: client.liquidate_to_backstop(0, victim.user), higher)
    wrong = backstop_address(1)
    await refused(NotBackstopOfMarket, lambda: client.liquidate_to_backstop(0, victim.user, backstop=wrong), NONE)
    await refused(UserSolvent, lambda: client.resolve_bankruptcy(0, victim.user), (found.equity_atoms, 0))
    await refused(
        LiquidatorQuoteTooLow, lambda: client.liquidate_collateral(1, victim.user, authority=buyer), (2_000_000, ...)
    )
    with pytest.raises(UnitOutOfRange, match="collateral_index 0"):
        await client.liquidate_collateral(0, victim.user, authority=buyer)
    await client.liquidate_collateral(1, victim.user, amount_max="0.01", authority=buyer)
    await nothing_is_open_twice(world, victim.user)


async def nothing_is_open_twice(world: World, user: Pubkey) -> None:
    """What is open now was taken: within the same second of chain time nothing more is."""
    client = world.client
    taker, taker_user = await world.trader("twice", usdc=50_000)
    await client.liquidate_position(0, user, authority=taker)
    refused = Refusals(world, [user, taker_user]).refused
    for _ in range(3):
        view = await client.liquidation_view(0, user)
        assert view is not None
        if view.open_lots == 0:
            await refused(NothingToLiquidate, lambda: client.liquidate_position(0, user, authority=taker), NONE)
            return
        await client.liquidate_position(0, user, authority=taker)
    raise AssertionError("something was open every time")


async def sink(world: World, usd: int) -> None:
    """SOL falls so slowly that its average follows: a wild print would sell nothing."""
    price = world.prices["collateral", 1]
    while price > usd:
        price = max(Decimal(usd), (price * Decimal("0.95")).quantize(Decimal("0.01")))
        world.prices["collateral", 1] = price
        world.net.cheats.travel_to(await world.client.chain_time_ms() + 300_000)
        signed = await world.price("collateral", 1)
        await world.client.update_oracle(oracle=world.oracle, price=signed, collateral_index=1)


async def test_a_deficit_without_position_is_borne_without_deleveraging(world: World) -> None:
    """Collateral that lost its worth leaves only a debt: nobody holds the other side of it."""
    client = world.client
    debtor = await leveraged(world, "debt-only", size="0.1", usdc=100, sol=2)
    buyer, buyer_user = await world.trader("picker", usdc=5_000)
    await move_price(world, 38_500)
    await client.settle_pnl(0, debtor.user)
    assert (await client.user(debtor.user)).quote_atoms < 0
    await sink(world, 20)
    await move_price(world, 38_500)
    await client.liquidate_orders(debtor.user)
    with pytest.raises(BankruptcyMarketWrong):
        await client.resolve_bankruptcy(1, debtor.user)
    await client.resolve_bankruptcy(0, debtor.user)
    await client.liquidate_collateral(1, debtor.user, authority=buyer)
    refused = Refusals(world, [debtor.user, buyer_user]).refused
    sold = lambda: client.liquidate_collateral(1, debtor.user, authority=buyer)  # noqa: E731
    await refused(InsufficientBalance, sold, (0, 0))
    borne = (await client.resolve_bankruptcy(0, debtor.user)).events[-1]
    assert (
        borne.share_atoms
        == borne.fees_atoms
        + borne.insurance_atoms
        + borne.tranche_atoms
        + borne.recorded_atoms
        + (borne.deleveraged_atoms)
    )
    assert (await client.user(debtor.user)).quote_atoms == 0
