"""Builders and referrers, as the exchange's accounts tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solders.pubkey import Pubkey

from ._errors import UsageError
from ._generated.accounts import Exchange, Market


class UnknownBuilder(UsageError):
    """The builder table has no builder in this entry."""

    def __init__(self, entry: int, entries: int) -> None:
        super().__init__(f"entry {entry} of the builder table (0 to {entries - 1}) holds no builder")
        self.entry = entry


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderView:
    """One builder of the table."""

    entry: int
    #: What orders name.
    code: int
    #: The trading account that is paid.
    user: Pubkey
    #: Registered: orders may name it. Otherwise it was retired, and is paid out.
    registered: bool
    #: Markets that may still owe it something before the entry is free; none while it is registered.
    unpaid_markets: tuple[int, ...]
    #: Owed by market index, quote atoms; markets that owe nothing left out.
    owed_atoms: dict[int, int]


def builder_views(exchange: Exchange, markets: Sequence[Market]) -> list[BuilderView]:
    """Every builder that is registered or still to be paid, by entry."""
    return [
        BuilderView(
            entry=entry,
            code=builder.code,
            user=builder.user,
            registered=builder.unpaid_markets == 0,
            unpaid_markets=tuple(index for index in range(64) if builder.unpaid_markets >> index & 1),
            owed_atoms={
                market.index: market.builder_owed_atoms[entry] for market in markets if market.builder_owed_atoms[entry]
            },
        )
        for entry, builder in enumerate(exchange.builders)
        if builder.user != Pubkey.default()
    ]
