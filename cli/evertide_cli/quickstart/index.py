"""The lazy index of a market's two sides, rebuilt from events: who holds how many lots, and what deleveraging closed.

A side's factor A starts at 2^48. Closing D of its OI lots at a price makes it `floor(A (OI - D) / OI)` and moves the
side's cash index by `(A - A') price`, rounded against the side. A position is folded when an event names it:
`size = basis A / A_snapshot` toward zero. Sizes in lots, prices in quote atoms per lot with 32 fractional bits.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

A_ONE = 1 << 48
PRICE_BITS = 32
LONG, SHORT = 0, 1


def side_of(lots: int) -> int:
    """0 for a long, 1 for a short."""
    return LONG if lots > 0 else SHORT


def value_floor(lots: int, price_q32: int) -> int:
    """Quote atoms of so many lots (not negative), rounded down."""
    return lots * price_q32 >> PRICE_BITS


def value_ceil(lots: int, price_q32: int) -> int:
    """Quote atoms of so many lots (not negative), rounded up."""
    return -(-lots * price_q32 >> PRICE_BITS)


@dataclass(slots=True)
class Side:
    """One side: `closing` is the part of its cash index that deleveraging moved. `a_least` and `closing_then` keep the
    deepest that it ever was deleveraged."""

    a: int = A_ONE
    epoch: int = 0
    closing: int = 0
    closing_previous: int = 0
    interest_lots: int = 0
    a_least: int = A_ONE
    closing_then: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a position last met its side."""

    a: int
    epoch: int
    closing: int


@dataclass(frozen=True, slots=True)
class Fold:
    """What folding did: lots that deleveraging closed, the cash of it, and the fraction of a lot dropped (Q32)."""

    closed_lots: int = 0
    closing_atoms: int = 0
    dropped_q32: int = 0


@dataclass(slots=True)
class SidesBook:
    """Sizes of all positions of one market, as of each one's last fold."""

    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    lots: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    dropped: int = 0
    """Folds that dropped a fraction of a lot."""

    def now(self, user: str) -> tuple[int, int]:
        """(numerator, denominator) of a position's size now, without a sign."""
        lots = self.lots.get(user, 0)
        if lots == 0:
            return 0, 1
        side, taken = self.sides[side_of(lots)], self.snapshots[user]
        return abs(lots) * (side.a if side.epoch == taken.epoch else 0), taken.a

    def fold(self, user: str) -> Fold:
        """Bring a position to its side's index."""
        lots = self.lots.get(user, 0)
        if lots == 0:
            return Fold()
        side, taken = self.sides[side_of(lots)], self.snapshots[user]
        closing = side.closing if side.epoch == taken.epoch else side.closing_previous
        numerator, denominator = self.now(user)
        kept, rest = divmod(numerator, denominator)
        self.dropped += rest != 0
        sign = 1 if lots > 0 else -1
        self._set(user, sign * kept)
        return Fold(
            abs(lots) - kept, lots * (closing - taken.closing) // taken.a, (rest << PRICE_BITS) // denominator * sign
        )

    def _set(self, user: str, lots: int) -> None:
        self.lots[user] = lots
        if lots == 0:
            self.snapshots.pop(user, None)
            return
        side = self.sides[side_of(lots)]
        self.snapshots[user] = Snapshot(side.a, side.epoch, side.closing)

    def change(self, user: str, lots: int) -> None:
        """Add signed lots to a folded position, and to the open interest of its side."""
        before = self.lots.get(user, 0)
        if before:
            self.sides[side_of(before)].interest_lots -= abs(before)
        if before + lots:
            self.sides[side_of(before + lots)].interest_lots += abs(before + lots)
        self._set(user, before + lots)

    def counted(self, number: int) -> tuple[int, int]:
        """Positions of a side: of its present epoch, and of the one before that nobody folded yet."""
        held = [user for user, lots in self.lots.items() if lots and side_of(lots) == number]
        current = sum(self.snapshots[user].epoch == self.sides[number].epoch for user in held)
        return current, len(held) - current

    def close_against(self, user: str, lots: int, price_q32: int) -> int:
        """Close lots of a folded position against everybody on the other side; returns the cash it gets."""
        held = self.lots[user]
        number = 1 - side_of(held)
        other = self.sides[number]
        against = other.interest_lots
        anybody = self.counted(number)[0] != 0
        self.change(user, -lots if held > 0 else lots)
        if anybody:
            a = other.a * (against - lots) // against
            moved = (other.a - a) * price_q32
            other.closing += moved >> PRICE_BITS if number == LONG else -(-moved >> PRICE_BITS)
            other.a = a
            if a < other.a_least:
                other.a_least, other.closing_then = a, other.closing
        other.interest_lots = against - lots
        return value_floor(lots, price_q32) if held > 0 else -value_ceil(lots, price_q32)

    def reset(self) -> None:
        """Start the next epoch of every side without open interest whose last positions are folded."""
        if all(self.counted(number)[0] == 0 for number in (LONG, SHORT)):
            for side in self.sides:
                side.interest_lots = 0
        for number, side in enumerate(self.sides):
            if side.interest_lots == 0 and side.a < A_ONE and self.counted(number)[1] == 0:
                side.a, side.epoch = A_ONE, side.epoch + 1
                side.closing, side.closing_previous = 0, side.closing
