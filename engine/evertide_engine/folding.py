"""Positions brought up to the lazy index of their side, as the program does it when it only values them.

A position keeps its signed basis and the size factor A (48 fractional bits), cash index J (128 bits) and epoch of its
side at its last fold. Sizes fold toward zero, cash toward minus infinity.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import INDEX_BITS, INDEX_ONE, MAX_ATOMS, MAX_CASH_INDEX, MAX_LOTS
from .wide import (
    ZERO,
    Int,
    magnitude,
    magnitude_wide,
    multiply_divide_floor,
    multiply_shift_floor,
    scale_wide_floor,
    subtract_wide,
    with_sign,
)

SHIFT = np.uint64(INDEX_BITS)
WHOLE = np.uint64(INDEX_ONE)
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
    """`(basis * a_now / a_snapshot toward zero, ok)` in lots; both factors `uint64`, `0 < a_snapshot`."""
    size = magnitude(basis_lots)
    if a_now == a_snapshot:
        return np.int64(basis_lots), size <= np.uint64(MAX_LOTS)
    if a_snapshot == WHOLE:
        kept, ok = multiply_shift_floor(size, a_now, SHIFT)
    else:
        kept, ok = multiply_divide_floor(size, a_now, a_snapshot)
    return with_sign(basis_lots < 0, kept), ok and size <= np.uint64(MAX_LOTS) and kept <= np.uint64(MAX_LOTS)


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
