"""What an owner should know before taking the backed part of a profit while a market's deficit is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import NothingBacked

if TYPE_CHECKING:
    from ._generated.accounts import Market


def require_backed(market: Market) -> None:
    """Refuse with `NothingBacked` where a deficit is open and the pool is empty: waiting costs nothing, asking all."""
    if market.deficit_atoms and not market.pool_atoms:
        raise NothingBacked(market.index, market.pool_atoms, market.deficit_atoms)
