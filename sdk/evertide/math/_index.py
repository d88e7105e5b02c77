"""One lazy index per side of a market: a size factor `A` and a cash index `J`, after Percolator.

A position stores its basis and the `A` and `J` it was last folded at. Whatever happened in between, it is
now `basis * A / A_snap` lots and has received `basis * (J - J_snap) / A_snap` atoms. `A` has 48 fractional
bits; `J` is in atoms per lot with 48 fractional bits, already multiplied by `A / ONE`. Sizes fold toward
zero and cash toward minus infinity. A fraction of a lot that folding drops is closed at the market's price: what is
left is the market's dust, never taken from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evertide._generated.math_constants import (
    DRAIN_ONLY_BELOW,
    DROPPED_BITS,
    FUNDING_DIVISOR,
    INDEX_ONE,
    MAX_ACCRUAL_MS,
    MAX_CHARGE,
    MAX_OPEN_INTEREST_LOTS,
    PRICE_BITS,
)
from evertide.math._errors import (
    DivisionByZeroError,
    EpochMismatchError,
    ExceedsOpenInterestError,
    OutOfRangeError,
    SideStillHeldError,
)
from evertide.math._rounding import ceil_of, floor_of
from evertide.math._units import ATOMS, CASH_INDEX, I64, I128, LOTS, MILLIS, PRICE, RATE, SIZE_FACTOR, U32, U64, Unit

_CHARGE = Unit("funding charge in Q48 atoms per lot", -MAX_CHARGE, MAX_CHARGE)


@dataclass(frozen=True, slots=True)
class SideIndex:
    """The index of one side of a market.

    Attributes:
        a: size factor, 48 fractional bits, at most 2^48; it only falls within an epoch.
        j: cash index, Q48 atoms per lot times `A / ONE`.
        j_previous: `J` at the end of the epoch before this one.
        epoch: number of the epoch.
    """

    a: int = INDEX_ONE
    j: int = 0
    j_previous: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        SIZE_FACTOR.check(self.a, "a")
        I128.check(self.j, "j")
        I128.check(self.j_previous, "j_previous")
        U32.check(self.epoch, "epoch")

    @property
    def is_drain_only(self) -> bool:
        """Whether positions on this side may only shrink: `A < 2^24`."""
        return self.a < DRAIN_ONLY_BELOW

    def snapshot(self, size_lots: int) -> Snapshot:
        """The snapshot of a position of `size_lots` folded now."""
        return Snapshot(size_lots, self.a, self.j, self.epoch)

    def next_epoch(self, open_positions: int) -> SideIndex:
        """The side at the start of its next epoch.

        Raises:
            SideStillHeldError: positions of this epoch are unfolded.
        """
        if U32.check(open_positions, "open_positions") != 0:
            raise SideStillHeldError("positions of the old epoch are unfolded", open_positions=open_positions)
        return SideIndex(INDEX_ONE, 0, self.j, U32.fit(self.epoch + 1))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a position remembers of its side: signed `basis_lots`, `a`, `j` and `epoch` of its last fold."""

    basis_lots: int
    a: int
    j: int
    epoch: int

    def __post_init__(self) -> None:
        LOTS.check(self.basis_lots, "basis_lots")
        SIZE_FACTOR.check(self.a, "a")
        I128.check(self.j, "j")
        U32.check(self.epoch, "epoch")


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold gives.

    Attributes:
        size_lots: signed size now.
        cash_delta_atoms: cash received since the snapshot, negative when paid.
        dropped_q16: fraction of a lot that was dropped, 16 fractional bits, down for a long and up for a short;
            the caller closes it at the market's price (see `dropped_value`).
    """

    size_lots: int
    cash_delta_atoms: int
    dropped_q16: int


def fold(position: Snapshot, side: SideIndex) -> Folded:
    """Fold a position against its side; a position of the epoch before has size zero now.

    Size = `basis * A / A_snap` toward zero; cash = `floor(basis * (J - J_snap) / A_snap)`. The fraction of a lot
    between the two is `dropped_q16`.

    Raises:
        EpochMismatchError: the position's epoch is neither the side's nor the one before.
        OutOfRangeError: the snapshot's `A` is zero, above one or below the side's; `J` outside its guard.
        MathOverflowError: the cash leaves its guard.
    """
    if position.basis_lots == 0:
        return Folded(0, 0, 0)
    if position.epoch == side.epoch:
        a_now, j_now = side.a, side.j
    elif position.epoch + 1 == side.epoch:
        a_now, j_now = 0, side.j_previous
    else:
        raise EpochMismatchError("epochs do not follow", position=position.epoch, side=side.epoch)
    if not 0 < position.a <= INDEX_ONE or a_now > position.a:
        raise OutOfRangeError("0 < A now <= A at the snapshot <= 2^48", now=a_now, snapshot=position.a)
    scaled = abs(position.basis_lots) * a_now
    kept = floor_of(scaled, position.a)
    cash = 0
    if j_now != position.j:
        difference = CASH_INDEX.check(j_now, "j") - CASH_INDEX.check(position.j, "snapshot j")
        cash = ATOMS.fit(floor_of(position.basis_lots * difference, position.a))
    rest = (scaled - kept * position.a) << DROPPED_BITS
    if position.basis_lots > 0:
        return Folded(kept, cash, floor_of(rest, position.a))
    return Folded(-kept, cash, ceil_of(rest, position.a))


def fold_cached(position: Snapshot, row: SideIndex) -> Folded:
    """Fold against a cached row: a snapshot newer than the row folds as no change. Raises as `fold`."""
    if position.epoch > row.epoch or (position.epoch == row.epoch and position.a < row.a):
        return Folded(position.basis_lots, 0, 0)
    return fold(position, row)


def dropped_value(basis_lots: int, dropped_q16: int, price_q32: int) -> int:
    """Value in atoms of the fraction of a lot that a fold dropped, at the market's price.

    A long receives `floor(fraction * price)`, a short pays the ceiling. Without it a short would lose its
    liability, and a long its lot, by truncation alone. The price is the market's mark.
    """
    LOTS.check(basis_lots, "basis_lots")
    U32.check(dropped_q16, "dropped_q16")
    PRICE.check(price_q32, "price_q32")
    if basis_lots < 0:
        return -ceil_of(dropped_q16 * price_q32, 1 << DROPPED_BITS + PRICE_BITS)
    return floor_of(dropped_q16 * price_q32, 1 << DROPPED_BITS + PRICE_BITS)


@dataclass(frozen=True, slots=True)
class Accrued:
    """Both sides after a funding accrual, and the remainder to carry (0 … FUNDING_DIVISOR - 1)."""

    long: SideIndex
    short: SideIndex
    remainder: int


def accrue_funding(
    long: SideIndex, short: SideIndex, rate_e9: int, index_q32: int, elapsed_ms: int, remainder: int
) -> Accrued:
    """Accrue funding at `rate_e9` per hour on the index price over `elapsed_ms`; positive: longs pay.

    Charge per lot in Q48 = `floor((rate * index * ms + remainder) / (1e9 * 3.6e6 / 2^16))`, the remainder
    is carried. Both sides' `J` falls by the charge times `A / ONE`: since the basis is signed, longs lose and
    shorts gain. The payer's change is rounded up, the receiver's down.

    Raises:
        OutOfRangeError: time is negative or above 2^32 ms, the remainder or an `A` outside its range.
        MathOverflowError: the charge passes 2^78 or a `J` leaves its guard.
    """
    RATE.check(rate_e9, "rate_e9")
    PRICE.check(index_q32, "index_q32")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    I64.check(remainder, "remainder")
    if not 0 <= elapsed_ms <= MAX_ACCRUAL_MS or not 0 <= remainder < FUNDING_DIVISOR:
        raise OutOfRangeError("time or remainder outside its range", elapsed_ms=elapsed_ms, remainder=remainder)
    if long.a > INDEX_ONE or short.a > INDEX_ONE:
        raise OutOfRangeError("a size factor is above one", long=long.a, short=short.a)
    charge, rest = divmod(rate_e9 * elapsed_ms * index_q32 + remainder, FUNDING_DIVISOR)
    _CHARGE.fit(charge)
    long_j = CASH_INDEX.fit(long.j - ceil_of(charge * long.a, INDEX_ONE))
    short_j = CASH_INDEX.fit(short.j - floor_of(charge * short.a, INDEX_ONE))
    return Accrued(replace(long, j=long_j), replace(short, j=short_j), rest)


def deleverage(side: SideIndex, is_long: bool, open_interest_lots: int, closed_lots: int, price_q32: int) -> SideIndex:
    """Close `closed_lots` of a side's open interest at a price, for all its holders at once.

    `A' = floor(A * (OI - closed) / OI)` and `J' = J + (A - A') * P` on either side: the basis is signed, so
    that a long is paid the price for each lot closed (rounded down) and a short pays it (rounded up).

    Raises:
        DivisionByZeroError: there is no open interest.
        ExceedsOpenInterestError: more is to be closed than is open.
        OutOfRangeError: open interest above 2^48 lots, or `A` above one.
        MathOverflowError: `J` leaves its guard.
    """
    U64.check(open_interest_lots, "open_interest_lots")
    U64.check(closed_lots, "closed_lots")
    PRICE.check(price_q32, "price_q32")
    if open_interest_lots == 0:
        raise DivisionByZeroError("the side has no open interest")
    if open_interest_lots > MAX_OPEN_INTEREST_LOTS or side.a > INDEX_ONE:
        raise OutOfRangeError("open interest or size factor too large", lots=open_interest_lots, a=side.a)
    if closed_lots > open_interest_lots:
        rule = "more lots are to be closed than are open"
        raise ExceedsOpenInterestError(rule, closed_lots=closed_lots, open_interest_lots=open_interest_lots)
    a = floor_of(side.a * (open_interest_lots - closed_lots), open_interest_lots)
    product = (side.a - a) * price_q32
    change = floor_of(product, 1 << PRICE_BITS) if is_long else ceil_of(product, 1 << PRICE_BITS)
    return replace(side, a=a, j=CASH_INDEX.fit(side.j + change))
