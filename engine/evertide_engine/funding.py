"""Funding: impact premium, its hourly rate, and the accrual into both sides' cash index; bit-equal to the program.

Rates are signed 1e-9; prices `uint64` with 32 fractional bits, 0 for "there is none"; a cash index is two words.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._generated.constants import (
    FUNDING_DIVISOR,
    FUNDING_PERIOD_HOURS,
    INDEX_BITS,
    INDEX_ONE,
    INTEREST_CLAMP_E9,
    INTEREST_RATE_E9,
    MAX_ACCRUAL_MS,
    MAX_AVERAGE_MS,
    MAX_CHARGE,
    MAX_RATE_E9,
    RATE_CAP_FACTOR,
    RATE_E9_PER_BPS,
    RATE_ONE_E9,
)
from .folding import cash_index_in_guard
from .wide import (
    ONE,
    WORD_BITS,
    ZERO,
    Int,
    add_wide,
    divide_wide,
    magnitude,
    magnitude_wide,
    multiply_divide_floor,
    multiply_high,
    multiply_wide,
    negate_wide,
    subtract_wide,
    with_sign,
)

DIVISOR = np.uint64(FUNDING_DIVISOR)
RATE_ONE = np.uint64(RATE_ONE_E9)
WHOLE = np.uint64(INDEX_ONE)
SHIFT = np.uint64(INDEX_BITS)
CHARGE_HIGH = np.uint64(MAX_CHARGE >> 64)
HOURS = int(FUNDING_PERIOD_HOURS)
ACCRUAL_MOST = int(MAX_ACCRUAL_MS)
AVERAGE_MOST = int(MAX_AVERAGE_MS)
Prices = NDArray[np.uint64]
Signed = NDArray[np.int64]


@njit(cache=True)
def premium(bid: Int, ask: Int, index: Int) -> Int:
    """`(max(bid - index, 0) - max(index - ask, 0)) / index` in 1e-9, toward zero; 0 without both sides of a book."""
    if bid == ZERO or ask == ZERO or index == ZERO:
        return np.int64(0)
    above = bid - index if bid > index else ZERO
    below = index - ask if index > ask else ZERO
    distance = min(above - below if above >= below else below - above, index)
    rate, _ = multiply_divide_floor(distance, RATE_ONE, index)
    return with_sign(bool(below > above), rate)


@njit(cache=True)
def toward_zero(value: Int, divisor: Int) -> Int:
    """`value / divisor` toward zero, `divisor > 0`; the lowest `int64` too."""
    floor = value // divisor
    return floor + 1 if value < 0 and floor * divisor != value else floor


@njit(cache=True)
def accumulate(sum_e9_ms: Int, elapsed_ms: Int, premium_e9: Int, held_ms: Int) -> Int:
    """`(sum, elapsed, ok)` with a premium that held for a time added; `ok` False beyond 2^32 ms or `int64`."""
    part = premium_e9 * held_ms
    total = sum_e9_ms + part
    inside = 0 <= elapsed_ms <= AVERAGE_MOST and 0 <= held_ms <= AVERAGE_MOST - elapsed_ms
    fits = abs(premium_e9) <= MAX_RATE_E9 and ((sum_e9_ms ^ total) & (part ^ total)) >= 0
    return total, elapsed_ms + held_ms, inside and fits


@njit(cache=True)
def average(sum_e9_ms: Int, elapsed_ms: Int) -> Int:
    """Average of a premium summed over time, toward zero; 0 when no time has passed."""
    return np.int64(0) if elapsed_ms <= 0 else toward_zero(sum_e9_ms, elapsed_ms)


@njit(cache=True)
def hourly_rate(premium_e9: Int, initial_bps: Int, maintenance_bps: Int) -> Int:
    """`hourly_rate_with` at the interest of the formula, 0.01 % for 8 hours."""
    return hourly_rate_with(premium_e9, np.int64(INTEREST_RATE_E9), initial_bps, maintenance_bps)


@njit(cache=True)
def hourly_rate_with(premium_e9: Int, interest_e9: Int, initial_bps: Int, maintenance_bps: Int) -> Int:
    """Rate per hour of an average premium at a market's interest: an eighth of what 6 (IM - MM) lets pass."""
    cap = (initial_bps - maintenance_bps) * RATE_E9_PER_BPS * RATE_CAP_FACTOR
    pull = min(max(interest_e9 - premium_e9, -INTEREST_CLAMP_E9), INTEREST_CLAMP_E9)
    capped = min(max(premium_e9 + pull, -cap), cap)
    return min(max(toward_zero(capped, HOURS), -MAX_RATE_E9), MAX_RATE_E9)


@njit(cache=True)
def charge_per_lot(rate_e9: Int, index: Int, elapsed_ms: Int, remainder: Int) -> Int:
    """`(high, low, rest, ok)`: signed Q48 charge of one lot, floored, and the remainder to carry."""
    rate_time = rate_e9 * elapsed_ms
    size = magnitude(rate_time)
    high, low = np.int64(multiply_high(size, index)), size * index
    if rate_time < 0:
        high, low = negate_wide(high, low)
    high, low = add_wide(high, low, np.int64(0), np.uint64(remainder))
    top, bottom = magnitude_wide(high, low)
    upper = top // DIVISOR
    lower, rest, ok = divide_wide(top % DIVISOR, bottom, DIVISOR)
    if high >= 0:
        return np.int64(upper), lower, np.int64(rest), ok and in_charge_guard(upper, lower)
    if rest != ZERO:
        rest = DIVISOR - rest
        lower = lower + ONE
        upper = upper + ONE if lower == ZERO else upper
    fits = ok and in_charge_guard(upper, lower)
    high, low = negate_wide(np.int64(upper), lower)
    return high, low, np.int64(rest), fits


@njit(cache=True)
def in_charge_guard(high: Int, low: Int) -> bool:
    """Whether the magnitude of a charge lies within its guard."""
    return bool(high < CHARGE_HIGH or (high == CHARGE_HIGH and low == ZERO))


@njit(cache=True)
def scaled_charge(high: Int, low: Int, a: Int, up: bool) -> Int:
    """`(high, low, ok)` of a signed charge times `A / 2^48`, toward plus infinity when `up`, else minus infinity."""
    if a == WHOLE:
        return high, low, True
    top, bottom = magnitude_wide(high, low)
    top, bottom, ok = multiply_wide(top, bottom, a)
    fraction = bottom & (WHOLE - ONE)
    bottom = (top << (WORD_BITS - SHIFT)) | (bottom >> SHIFT)
    top = top >> SHIFT
    if fraction != ZERO and (high < 0) != up:
        bottom = bottom + ONE
        top = top + ONE if bottom == ZERO else top
    if high < 0:
        result_high, result_low = negate_wide(np.int64(top), bottom)
        return result_high, result_low, ok
    return np.int64(top), bottom, ok


@njit(cache=True)
def accrue(
    a: Prices, j_high: Signed, j_low: Prices, rate_e9: Signed, index: Prices, elapsed_ms: Signed, remainder: Signed
) -> NDArray[np.bool_]:
    """Accrue funding of many markets in place; which rows were within every guard (the others are unchanged).

    `a`, `j_high` and `j_low` have shape `(markets, 2)`, long then short. The payer's change is rounded up, the
    receiver's down; `remainder` carries what the division left.
    """
    done = np.zeros(rate_e9.shape[0], np.bool_)
    for row in range(rate_e9.shape[0]):
        if not (0 <= elapsed_ms[row] <= ACCRUAL_MOST and 0 <= remainder[row] < FUNDING_DIVISOR):
            continue
        if abs(rate_e9[row]) > MAX_RATE_E9 or a[row, 0] > WHOLE or a[row, 1] > WHOLE:
            continue
        high, low, rest, ok = charge_per_lot(rate_e9[row], index[row], elapsed_ms[row], remainder[row])
        long_high, long_low, fits = scaled_charge(high, low, a[row, 0], True)
        short_high, short_low, also = scaled_charge(high, low, a[row, 1], False)
        long_high, long_low = subtract_wide(j_high[row, 0], j_low[row, 0], long_high, long_low)
        short_high, short_low = subtract_wide(j_high[row, 1], j_low[row, 1], short_high, short_low)
        inside = cash_index_in_guard(long_high, long_low) and cash_index_in_guard(short_high, short_low)
        if ok and fits and also and inside:
            j_high[row, 0], j_low[row, 0] = long_high, long_low
            j_high[row, 1], j_low[row, 1] = short_high, short_low
            remainder[row], done[row] = rest, True
    return done


@njit(cache=True)
def premiums(bid: Prices, ask: Prices, index: Prices) -> Signed:
    """`premium` for each row; a new array."""
    found = np.empty(index.shape[0], np.int64)
    for row in range(index.shape[0]):
        found[row] = premium(bid[row], ask[row], index[row])
    return found


@njit(cache=True)
def hourly_rates(premium_e9: Signed, initial_bps: Signed, maintenance_bps: Signed) -> Signed:
    """`hourly_rate` for each row; a new array."""
    found = np.empty(premium_e9.shape[0], np.int64)
    for row in range(premium_e9.shape[0]):
        found[row] = hourly_rate(premium_e9[row], initial_bps[row], maintenance_bps[row])
    return found
