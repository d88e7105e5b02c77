"""What a runner needs of an exchange, whatever is behind it: a chain, or memory in a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ._intents import CancelOrder, ModifyOrder
from ._session import News, NumberedOrder
from ._view import View


class Venue(Protocol):
    """One account on one exchange. What fails raises the SDK's errors, as `EvertideClient` does.

    A `TransportError` means that nothing was sent; `TransactionOutcomeUnknown` that it may have been: then `settled`
    tells when it is certain.
    """

    async def look(self) -> tuple[View, list[News]]:
        """The present moment, and what happened since the last look."""

    async def arm(self, deadline_ms: int) -> None:
        """Set the dead man's deadline, chain time in unix ms; 0 turns it off."""

    async def cancel(self, cancels: Sequence[CancelOrder]) -> None:
        """Cancel orders; those that are gone already are left alone."""

    async def modify(self, change: ModifyOrder) -> None:
        """Change one order."""

    async def place(self, orders: Sequence[NumberedOrder]) -> None:
        """Place at most `PLACED_MAX` orders, once: their client order ids make a repetition harmless."""

    async def settled(self, signature: str) -> bool:
        """Whether it is certain by now that a transaction has landed or never will."""
