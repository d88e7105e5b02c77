"""Impact prices: what filling a market's impact notional costs on average, on either side of a book.

The program computes them in `update_mark` from the orders that a keeper shows, best first, and takes its premium from
them. Source: `programs/evertide/src/engine/evidence.rs`.
"""

# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._generated.constants import TICKS_LIMIT
from .errors import ShapeError
from .wide import ONE, ZERO, Int, add_wide, divide_wide, multiply_high

LIMIT = np.uint64(TICKS_LIMIT)
Unsigned = NDArray[np.uint64]


@njit(cache=True)
def impact_ticks(prices_ticks: Unsigned, lots: Unsigned, wanted_atoms: Int, atoms_per_lot_tick: Int, up: bool) -> Int:
    """Average price, ticks, of the best orders up to a notional; rounded up when `up` (asks), else down (bids).

    0 where the orders do not reach it, for a notional or a tick worth nothing, for a price or a sum beyond the guards.
    The last order is taken in whole lots, as many as reach the notional.
    """
    reached, taken_lots = ZERO, ZERO
    high, low = np.int64(0), ZERO
    for at in range(prices_ticks.shape[0]):
        if reached >= wanted_atoms:
            break
        price, atoms = prices_ticks[at], prices_ticks[at] * atoms_per_lot_tick
        if price >= LIMIT or multiply_high(price, atoms_per_lot_tick) != ZERO:
            return ZERO
        if atoms == ZERO:
            continue
        missing = wanted_atoms - reached
        needed = missing // atoms + (ONE if missing % atoms != ZERO else ZERO)
        taken = min(lots[at], needed)
        value = taken * atoms
        if multiply_high(taken, atoms) != ZERO or reached + value < reached:
            return ZERO
        # Lots are at most the atoms that they are worth, so that their sum fits where that of atoms does.
        reached, taken_lots = reached + value, taken_lots + taken
        high, low = add_wide(high, low, np.int64(multiply_high(taken, price)), taken * price)
    if reached < wanted_atoms or taken_lots == ZERO:
        return ZERO
    quotient, rest, ok = divide_wide(np.uint64(high), low, taken_lots)
    if not ok:
        return ZERO
    return quotient + ONE if up and rest != ZERO else quotient


@njit(cache=True)
def impact_rows(prices_ticks, lots, starts, sides, wanted_atoms, atoms_per_lot_tick, out) -> None:
    """`impact_ticks` of each list of orders, from one start to the next."""
    for row in range(out.shape[0]):
        here = slice(starts[row], starts[row + 1])
        out[row] = impact_ticks(
            prices_ticks[here], lots[here], wanted_atoms[row], atoms_per_lot_tick[row], sides[row] == 1
        )


def impact_prices(
    prices_ticks: Unsigned,
    lots: Unsigned,
    starts: NDArray[np.int64],
    sides: NDArray[np.uint8],
    wanted_atoms: Unsigned,
    atoms_per_lot_tick: Unsigned,
) -> Unsigned:
    """Impact price in ticks of many books' sides; 0 where there is none.

    `prices_ticks` and `lots` hold the orders of all lists, each best first; list `row` is from `starts[row]` to
    `starts[row + 1]`, of side `sides[row]`, 0 bids and 1 asks, to be filled for `wanted_atoms[row]` quote atoms at
    `atoms_per_lot_tick[row]`. A bid's average is rounded down, an ask's up, so that rounding never makes a premium.

    Raises:
        ShapeError: the arrays do not belong together.
    """
    rows, orders = len(sides), len(prices_ticks)
    for what, found, needed in (
        ("lots", len(lots), orders),
        ("starts", len(starts), rows + 1),
        ("notionals", len(wanted_atoms), rows),
        ("tick values", len(atoms_per_lot_tick), rows),
    ):
        if found != needed:
            raise ShapeError(what, found, needed)
    if starts[0] != 0 or starts[-1] != orders or (np.diff(starts) < 0).any():
        raise ShapeError("orders, by the last start", int(starts[-1]), orders)
    out = np.empty(rows, np.uint64)
    impact_rows(prices_ticks, lots, starts, sides, wanted_atoms, atoms_per_lot_tick, out)
    return out


__all__ = ["impact_prices", "impact_ticks"]
