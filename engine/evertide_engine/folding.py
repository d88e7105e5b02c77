"""Positions brought up to the lazy index of their side, as the program does it when it only values them.

A position keeps its signed basis and the size factor A (48 fractional bits), cash index J (128 bits) and epoch of its
side at its last fold. Sizes fold toward zero, cash toward minus infinity; a fraction of a lot that folding drops is
worth the market's price.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import DROPPED_BITS, INDEX_BITS, INDEX_ONE, MAX_ATOMS, MAX_CASH_INDEX, MAX_LOTS, PRICE_BITS
from .wide import (
    ONE,
    ZERO,
    Int,
    magnitude,
    magnitude_wide,
    multiply_divide_floor,
    multiply_shift_ceil,
    multiply_shift_floor,
    scale_wide_floor,
    subtract_wide,
    with_sign,
)

SHIFT = np.uint64(INDEX_BITS)
WHOLE = np.uint64(INDEX_ONE)
DROPPED_SHIFT, DROPPED_PRICE_SHIFT = np.uint64(DROPPED_BITS), np.uint64(DROPPED_BITS + PRICE_BITS)
CASH_INDEX_HIGH = np.uint64(MAX_CASH_INDEX >> 64)

KEPT, FOLDED, LAST_EPOCH = 0, 1, 2


@njit(cache=True)
def fold_kind(basis_lots: Int, a_snapshot: Int, epoch: Int, row_a: Int, row_epoch: Int) -> Int:
    """How a position folds against a row: `KEPT` (empty, or newer than the row), `FOLDED`, `LAST_EPOCH`; else -1.

    -1 stands for what the program refuses: an epoch more than one behind, a snapshot outside (0, ONE], a risen A.
    """
    if basis_lots == 0:
        return KEPT
    if epoch > row_epoch or (epoch == row_epoch and a_snapshot < row_a):
        return KEPT
    if a_snapshot == ZERO or a_snapshot > WHOLE:
        return -1
    if epoch == row_epoch:
        return FOLDED
    return LAST_EPOCH if epoch + 1 == row_epoch else -1


@njit(cache=True)
def fold_size(basis_lots: Int, a_now: Int, a_snapshot: Int) -> Int:
    """`(basis * a_now / a_snapshot toward zero, dropped, ok)` in lots; both factors `uint64`, `0 < a_snapshot`.

    `dropped` (`uint64`) is the fraction of a lot between the two, 16 fractional bits: down for a long, up for a short.
    """
    size = magnitude(basis_lots)
    if a_now == a_snapshot:
        return np.int64(basis_lots), ZERO, size <= np.uint64(MAX_LOTS)
    if a_snapshot == WHOLE:
        kept, ok = multiply_shift_floor(size, a_now, SHIFT)
    else:
        kept, ok = multiply_divide_floor(size, a_now, a_snapshot)
    # The rest is below A, so the low words tell it; with 16 more bits it still fits a word.
    rest = (size * a_now - kept * a_snapshot) << DROPPED_SHIFT
    dropped = rest // a_snapshot
    if basis_lots < 0 and dropped * a_snapshot != rest:
        dropped = dropped + ONE
    fits = ok and size <= np.uint64(MAX_LOTS) and kept <= np.uint64(MAX_LOTS)
    return with_sign(basis_lots < 0, kept), dropped, fits


@njit(cache=True)
def dropped_value(basis_lots: Int, dropped: Int, price: Int) -> Int:
    """Atoms that a dropped fraction of a lot is worth: a long receives the floor, a short pays the ceiling."""
    if basis_lots < 0:
        paid, _ = multiply_shift_ceil(dropped, price, DROPPED_PRICE_SHIFT)
        return -np.int64(paid)
    received, _ = multiply_shift_floor(dropped, price, DROPPED_PRICE_SHIFT)
    return np.int64(received)


@njit(cache=True)
def cash_index_in_guard(high: Int, low: Int) -> bool:
    """Whether a cash index lies within its guard of 2^85 on both sides."""
    size_high, size_low = magnitude_wide(high, low)
    return bool(size_high < CASH_INDEX_HIGH or (size_high == CASH_INDEX_HIGH and size_low == ZERO))


@njit(cache=True)
def fold_cash(
    basis_lots: Int, now_high: Int, now_low: Int, snapshot_high: Int, snapshot_low: Int, a_snapshot: Int
) -> Int:
    """`(floor(basis * (J_now - J_snapshot) / a_snapshot), ok)` in atoms."""
    if now_high == snapshot_high and now_low == snapshot_low:
        return np.int64(0), True
    if not (cash_index_in_guard(now_high, now_low) and cash_index_in_guard(snapshot_high, snapshot_low)):
        return np.int64(0), False
    high, low = subtract_wide(now_high, now_low, snapshot_high, snapshot_low)
    bits = SHIFT if a_snapshot == WHOLE else ZERO
    cash, ok = scale_wide_floor(high, low, basis_lots, a_snapshot, bits)
    return cash, ok and -MAX_ATOMS <= cash <= MAX_ATOMS
