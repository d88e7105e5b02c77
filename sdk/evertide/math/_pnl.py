"""How a fill or a transfer changes a position that has been folded to the current index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evertide._generated.math_constants import SIDE_BID
from evertide.math._errors import NotPositiveError, OutOfRangeError
from evertide.math._notional import fill_notional
from evertide.math._rounding import floor_of
from evertide.math._units import ATOMS, LOTS, SIDE, TICK_VALUE, TICKS


@dataclass(frozen=True, slots=True)
class Holding:
    """The part of a position that fills change.

    Attributes:
        size_lots: signed size.
        cash_atoms: signed sum of what trades, fees, funding and settlements moved.
        entry_atoms: signed cost of the open size, negative for a short; `cash + entry` is realised profit.
    """

    size_lots: int
    cash_atoms: int
    entry_atoms: int

    def __post_init__(self) -> None:
        LOTS.check(self.size_lots, "size_lots")
        ATOMS.check(self.cash_atoms, "cash_atoms")
        ATOMS.check(self.entry_atoms, "entry_atoms")


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did.

    Attributes:
        holding: the holding after it, fees not included.
        notional_atoms: exact notional, not negative.
        closed_lots: lots of the old size that were closed, not negative.
        opened_lots: lots that were opened, not negative.
        realised_atoms: change of the realised profit.
    """

    holding: Holding
    notional_atoms: int
    closed_lots: int
    opened_lots: int
    realised_atoms: int


def remaining_entry(entry_atoms: int, remaining_lots: int, size_lots: int) -> int:
    """The entry that stays with `remaining` of `size` lots: `floor(entry * |remaining| / |size|)`, in atoms.

    Toward minus infinity, so that the realised profit `cash + entry` is never overstated; the unrealised
    profit gains the same fraction of an atom.

    Raises:
        OutOfRangeError: more remains than there was.
    """
    ATOMS.check(entry_atoms, "entry_atoms")
    LOTS.check(remaining_lots, "remaining_lots")
    LOTS.check(size_lots, "size_lots")
    if remaining_lots == 0 or entry_atoms == 0:
        return 0
    if abs(remaining_lots) > abs(size_lots):
        raise OutOfRangeError("more lots remain than there were", remaining_lots=remaining_lots, size_lots=size_lots)
    return floor_of(entry_atoms * abs(remaining_lots), abs(size_lots))


def apply_fill(before: Holding, side: int, size_lots: int, price_ticks: int, atoms_per_lot_tick: int) -> Filled:
    """Apply one fill of `size_lots > 0` at `price_ticks > 0`: open, increase, reduce or flip.

    Buying pays the notional out of cash and adds it to the entry; selling the reverse. A reduction keeps
    the proportional entry (see `remaining_entry`); a flip keeps only the entry of the part beyond it.

    Raises:
        NotPositiveError: size or price is not positive.
        MathOverflowError: notional, size, cash or entry leaves its guard.
    """
    SIDE.check(side, "side")
    LOTS.check(size_lots, "size_lots")
    TICKS.check(price_ticks, "price_ticks")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    if size_lots <= 0 or price_ticks == 0:
        raise NotPositiveError("size and price of a fill are positive", size_lots=size_lots, price_ticks=price_ticks)
    sign = 1 if side == SIDE_BID else -1
    paid_atoms = sign * fill_notional(size_lots, price_ticks, atoms_per_lot_tick)

    def cost(opened_lots: int) -> int:
        return sign * fill_notional(opened_lots, price_ticks, atoms_per_lot_tick)

    return _apply(before, sign * size_lots, paid_atoms, cost)


def apply_transfer(before: Holding, change_lots: int, paid_atoms: int) -> Filled:
    """Apply a transfer of `change` signed lots for `paid` signed atoms at any price: a buy pays, a sale is paid.

    As `apply_fill`; the entry of what a flip opens is its part of what was paid, toward minus infinity.

    Raises:
        NotPositiveError: nothing is transferred.
        OutOfRangeError: the payment has the sign of the opposite transfer.
        MathOverflowError: size, cash or entry leaves its guard.
    """
    LOTS.check(change_lots, "change_lots")
    ATOMS.check(paid_atoms, "paid_atoms")
    if change_lots == 0:
        raise NotPositiveError("a transfer moves at least one lot", change_lots=change_lots)
    if paid_atoms * change_lots < 0:
        raise OutOfRangeError("a buy pays, a sale is paid", change_lots=change_lots, paid_atoms=paid_atoms)
    return _apply(
        before, change_lots, paid_atoms, lambda opened_lots: floor_of(paid_atoms * opened_lots, abs(change_lots))
    )


def _apply(before: Holding, change_lots: int, paid_atoms: int, cost: Callable[[int], int]) -> Filled:
    """`cost` gives the signed entry of the lots that a flip opens."""
    after_lots = LOTS.fit(before.size_lots + change_lots)
    closed_lots = min(abs(before.size_lots), abs(change_lots)) if before.size_lots * change_lots < 0 else 0
    opened_lots = abs(change_lots) - closed_lots
    if closed_lots == 0:
        entry_atoms = ATOMS.fit(before.entry_atoms + paid_atoms)
    elif opened_lots == 0:
        entry_atoms = remaining_entry(before.entry_atoms, after_lots, before.size_lots)
    else:
        entry_atoms = cost(opened_lots)
    cash_atoms = ATOMS.fit(before.cash_atoms - paid_atoms)
    realised_atoms = ATOMS.fit(ATOMS.fit(entry_atoms - before.entry_atoms) - paid_atoms)
    after = Holding(after_lots, cash_atoms, entry_atoms)
    return Filled(after, abs(paid_atoms), closed_lots, opened_lots, realised_atoms)
