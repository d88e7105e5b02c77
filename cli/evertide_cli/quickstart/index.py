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
DROPPED_BITS = 16
# Dropped lots are closed on the other side once they are this part of the open interest (as a shift), or one lot.
DROPPED_SHARE_BITS = 12
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
    dropped_q16: int = 0
    """Fractions of lots that folding dropped and that are still open on the other side."""
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
    """What folding did: lots that deleveraging closed, the cash of it, and the signed fraction of a lot dropped."""

    closed_lots: int = 0
    closing_atoms: int = 0
    dropped_q16: int = 0


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
        # Down for a long, up for a short.
        dropped = sign * ((sign * rest << DROPPED_BITS) // denominator)
        # The sum of them is rounded down, so that it never passes what the other side holds in excess.
        side.dropped_q16 += max(dropped - (lots < 0), 0)
        self._set(user, sign * kept)
        return Fold(abs(lots) - kept, lots * (closing - taken.closing) // taken.a, sign * dropped)

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
        self.change(user, -lots if held > 0 else lots)
        self._deleverage(1 - side_of(held), lots, price_q32)
        return value_floor(lots, price_q32) if held > 0 else -value_ceil(lots, price_q32)

    def _deleverage(self, number: int, lots: int, price_q32: int) -> None:
        """Close lots of a side, each position by its part."""
        side = self.sides[number]
        against, kept = side.interest_lots, side.interest_lots - lots
        if self.counted(number)[0]:
            a = side.a * kept // against
            moved = (side.a - a) * price_q32
            side.closing += moved >> PRICE_BITS if number == LONG else -(-moved >> PRICE_BITS)
            side.a = a
            if a < side.a_least:
                side.a_least, side.closing_then = a, side.closing
        side.dropped_q16 = side.dropped_q16 * kept // max(against, 1)
        side.interest_lots = kept

    def close_dropped(self, price_q32: int) -> None:
        """Close on each side what folding dropped on the other, once it is whole lots that are worth it."""
        for number, side in enumerate(self.sides):
            open_lots = min(one.interest_lots for one in self.sides)
            lots = min(side.dropped_q16 >> DROPPED_BITS, open_lots)
            if lots < max(open_lots >> DROPPED_SHARE_BITS, 1):
                continue
            self._deleverage(1 - number, lots, price_q32)
            side.dropped_q16 -= lots << DROPPED_BITS
            side.interest_lots -= lots

    def close_all(self, price_q32: int) -> None:
        """Close every position of both sides at one price; each takes its part when it is folded."""
        for number, side in enumerate(self.sides):
            if side.interest_lots:
                self._deleverage(number, side.interest_lots, price_q32)

    @property
    def is_empty(self) -> bool:
        """Whether no lot is open and no position unfolded."""
        return not any(side.interest_lots or any(self.counted(number)) for number, side in enumerate(self.sides))

    def reset(self) -> None:
        """Start the next epoch of every side without open interest whose last positions are folded."""
        if all(self.counted(number)[0] == 0 for number in (LONG, SHORT)):
            for side in self.sides:
                side.interest_lots, side.dropped_q16 = 0, 0
        for number, side in enumerate(self.sides):
            if side.interest_lots == 0 and side.a < A_ONE and self.counted(number)[1] == 0:
                side.a, side.epoch = A_ONE, side.epoch + 1
                side.closing, side.closing_previous = 0, side.closing
                side.dropped_q16 = 0
