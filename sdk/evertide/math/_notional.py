"""Notional of fills, value and profit of positions."""

from __future__ import annotations

from evertide._generated.math_constants import PRICE_BITS
from evertide.math._rounding import ceil_of, floor_of
from evertide.math._units import ATOMS, LOTS, NOTIONAL, PRICE, TICK_VALUE, TICKS

_ONE = 1 << PRICE_BITS


def fill_notional(size_lots: int, price_ticks: int, atoms_per_lot_tick: int) -> int:
    """`|lots| * ticks * atoms_per_lot_tick`, exact, in atoms, at most 2^53.

    Raises:
        MathOverflowError: the notional passes its guard.
    """
    LOTS.check(size_lots, "size_lots")
    TICKS.check(price_ticks, "price_ticks")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    return NOTIONAL.fit(abs(size_lots) * price_ticks * atoms_per_lot_tick)


def notional_floor(size_lots: int, price_q32: int) -> int:
    """`floor(|lots| * price)` in atoms, at most 2^53. Raises MathOverflowError."""
    return NOTIONAL.fit(floor_of(abs(LOTS.check(size_lots, "size_lots")) * PRICE.check(price_q32, "price_q32"), _ONE))


def notional_ceil(size_lots: int, price_q32: int) -> int:
    """`ceil(|lots| * price)` in atoms, at most 2^53: for requirements. Raises MathOverflowError."""
    return NOTIONAL.fit(ceil_of(abs(LOTS.check(size_lots, "size_lots")) * PRICE.check(price_q32, "price_q32"), _ONE))


def signed_value_floor(size_lots: int, price_q32: int) -> int:
    """`floor(lots * price)` in atoms, signed like the position, against its holder. Raises MathOverflowError."""
    return NOTIONAL.fit(floor_of(LOTS.check(size_lots, "size_lots") * PRICE.check(price_q32, "price_q32"), _ONE))


def position_value(size_lots: int, cash_atoms: int, price_q32: int) -> int:
    """Position value `floor(size * price) + cash`, in atoms. Raises MathOverflowError."""
    ATOMS.check(cash_atoms, "cash_atoms")
    return ATOMS.fit(signed_value_floor(size_lots, price_q32) + cash_atoms)


def unrealised(size_lots: int, entry_atoms: int, price_q32: int) -> int:
    """Unrealised profit `floor(size * price) - entry`, in atoms. Raises MathOverflowError."""
    ATOMS.check(entry_atoms, "entry_atoms")
    return ATOMS.fit(signed_value_floor(size_lots, price_q32) - entry_atoms)


def realised(cash_atoms: int, entry_atoms: int) -> int:
    """Realised profit not yet settled: `cash + entry`, in atoms. Raises MathOverflowError."""
    return ATOMS.fit(ATOMS.check(cash_atoms, "cash_atoms") + ATOMS.check(entry_atoms, "entry_atoms"))
