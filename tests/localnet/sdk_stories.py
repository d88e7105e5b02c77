"""What happens on an exchange, group by group, on the real program: each story returns the events that it saw."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_world import World
from solders.keypair import Keypair

from evertide import Confirmed, Permission, user_address
from evertide.errors import (
    DelegateMayNot,
    InsufficientBalance,
    NotAuthorityOrDelegate,
    OrderNotFound,
    PositionAssertionFailed,
)


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
