"""The way down, driven and told: keepers between the bars, how quickly they were there, and what of it happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .books import Books

if TYPE_CHECKING:
    from .collector import Landed
    from .staff import Staff

KEEPERS = ("liquidator", "collateral", "bankruptcy")
LIQUIDATING = ("PositionLiquidated", "LiquidationMatched")
# What the project promises: the first liquidation within four slots of 400 ms after the price.
REACTION_MOST_MS = 4 * 400


async def go_down(staff: Staff, rounds_max: int) -> int:
    """Steps of the three keepers in turn until none finds anything to do; returns their confirmed actions."""
    total = 0
    for _ in range(rounds_max):
        done = sum((await staff.step(*KEEPERS)).values())
        total += done
        if done == 0:
            break
    return total


@dataclass(frozen=True, slots=True)
class Reaction:
    """How quickly keepers were there: slots from the first price of a bar to the run's first liquidation in it."""

    slots: int
    slot_ms: int

    @property
    def time_ms(self) -> int:
        """The same by the length of a slot."""
        return self.slots * self.slot_ms

    @property
    def in_time(self) -> bool:
        """Within what the project promises."""
        return self.time_ms <= REACTION_MOST_MS


def reaction(landed: Sequence[Landed], bars_ms: Iterable[int], slot_ms: int) -> Reaction | None:
    """From the first price of the bar of the run's first liquidation to that liquidation; None without one.

    `bars_ms`: chain times at which bars began.
    """
    first = next(
        ((item.slot, event.time_ms) for item in landed for event in item.events if type(event).__name__ in LIQUIDATING),
        None,
    )
    if first is None:
        return None
    slot, time_ms = first
    began_ms = max((bar_ms for bar_ms in bars_ms if bar_ms <= time_ms), default=0)
    priced = next(
        item.slot
        for item in landed
        for event in item.events
        if type(event).__name__ == "OracleUpdated" and event.publish_time_ms >= began_ms
    )
    return Reaction(slot - priced, slot_ms)


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that the way down has, and whether this run saw it."""

    what: str
    count: int

    @property
    def seen(self) -> bool:
        """Whether it happened."""
        return self.count > 0


def expected(books: Books) -> list[Expected]:
    """What the default tape shows; a tape of a user's own may not."""
    ways: dict[tuple[str, bool], int] = {}
    for item in books.liquidations:
        ways[item.way, item.whole] = ways.get((item.way, item.whole), 0) + 1
    to_backstop = ways.get(("backstop", True), 0) + ways.get(("backstop", False), 0)
    insured = sum(1 for item in books.bankruptcies if item.insurance_atoms)
    deleveraged = sum(1 for item in books.bankruptcies if item.deleveraged_atoms > 0)
    return [
        Expected("orders cancelled below cancel margin", books.orders_cancelled_in_danger),
        Expected("a part of a position closed against orders", ways.get(("orders", False), 0)),
        Expected("a whole position closed against orders", ways.get(("orders", True), 0)),
        Expected("a part of a position taken over by a liquidator", ways.get(("transfer", False), 0)),
        Expected("a whole position taken over by a liquidator", ways.get(("transfer", True), 0)),
        Expected("a position taken over by a backstop", to_backstop),
        Expected("collateral sold to a liquidator", len(books.sales)),
        Expected("a bankruptcy paid by the insurance fund", insured),
        Expected("a bankruptcy paid by deleveraging", deleveraged),
    ]
