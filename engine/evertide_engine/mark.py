"""Mark price, basis average and TWAP, one market or many: the on-chain formulas, bit-equal.

Prices are `uint64`, quote atoms per lot with 32 fractional bits, below 2^62; 0 stands for "there is none".
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._generated.constants import BASIS_WINDOW_MS, PRICE_LIMIT_Q32
from .prices import above_floor, below_ceil
from .wide import ONE, ZERO, Int, magnitude, multiply_divide_ceil, multiply_divide_floor

LIMIT = np.uint64(PRICE_LIMIT_Q32)
SIGNED_LIMIT = int(PRICE_LIMIT_Q32)
BASIS_WINDOW = int(BASIS_WINDOW_MS)
Prices = NDArray[np.uint64]
Times = NDArray[np.int64]


@njit(cache=True)
def median(first: Int, second: Int, third: Int) -> Int:
    """The middle one of three prices."""
    return max(min(first, second), min(max(first, second), third))


@njit(cache=True)
def clamp_to_radius(price: Int, index: Int, radius_bps: Int) -> Int:
    """A price clamped into `[ceil(index (1 - radius)), floor(index (1 + radius))]` and below the guard."""
    high, ok = above_floor(index, radius_bps)
    return min(max(price, below_ceil(index, radius_bps)), high if ok else LIMIT - ONE)


@njit(cache=True)
def update_basis(basis: Int, mid: Int, index: Int, elapsed_ms: Int) -> Int:
    """Basis moved toward `mid - index` by `min(dt, 150 s) / 150 s`, the step away from zero; without a mid toward 0."""
    target = np.int64(0) if mid == ZERO else np.int64(mid) - np.int64(index)
    part = np.uint64(min(max(elapsed_ms, 0), BASIS_WINDOW))
    step, _ = multiply_divide_ceil(magnitude(target - basis), part, np.uint64(BASIS_WINDOW))
    return basis + np.int64(step) if target >= basis else basis - np.int64(step)


@njit(cache=True)
def mark_price(index: Int, basis: Int, bid: Int, ask: Int, last: Int, radius_bps: Int) -> Int:
    """Median of (index + basis), (median of bid, ask, last), index, each within the radius; 0 without an index."""
    if index == ZERO:
        return index
    shifted = np.int64(index) + basis
    first = np.uint64(min(max(shifted, 0), SIGNED_LIMIT - 1))
    leg = clamp_to_radius(first, index, radius_bps)
    if bid == ZERO or ask == ZERO:
        return leg
    book = (bid >> ONE) + (ask >> ONE) + (bid & ask & ONE) if last == ZERO else median(bid, ask, last)
    return median(leg, clamp_to_radius(book, index, radius_bps), index)


@njit(cache=True)
def update_twap(twap: Int, sample: Int, elapsed_ms: Int, window_ms: Int, step_bps: Int) -> Int:
    """TWAP moved toward a sample, clamped to `step` around it, by `min(dt, window) / window` toward zero.

    A TWAP of 0 becomes the sample; 0 for a sample of 0 or a window that is not positive.
    """
    if sample == ZERO or window_ms <= 0:
        return ZERO
    if twap == ZERO:
        return sample
    clamped = clamp_to_radius(sample, twap, step_bps)
    part = np.uint64(min(max(elapsed_ms, 0), window_ms))
    distance = clamped - twap if clamped >= twap else twap - clamped
    step, _ = multiply_divide_floor(distance, part, np.uint64(window_ms))
    return twap + step if clamped >= twap else twap - step


@njit(cache=True)
def update_bases(basis: Times, mid: Prices, index: Prices, elapsed_ms: Times) -> Times:
    """`update_basis` for each row; a new array."""
    moved = np.empty_like(basis)
    for row in range(basis.shape[0]):
        moved[row] = update_basis(basis[row], mid[row], index[row], elapsed_ms[row])
    return moved


@njit(cache=True)
def mark_prices(index: Prices, basis: Times, bid: Prices, ask: Prices, last: Prices, radius_bps: Times) -> Prices:
    """`mark_price` for each row; a new array."""
    marks = np.empty_like(index)
    for row in range(index.shape[0]):
        marks[row] = mark_price(index[row], basis[row], bid[row], ask[row], last[row], radius_bps[row])
    return marks


@njit(cache=True)
def update_twaps(twap: Prices, sample: Prices, elapsed_ms: Times, window_ms: Int, step_bps: Times) -> Prices:
    """`update_twap` for each row with one window; a new array."""
    moved = np.empty_like(twap)
    for row in range(twap.shape[0]):
        moved[row] = update_twap(twap[row], sample[row], elapsed_ms[row], window_ms, step_bps[row])
    return moved
