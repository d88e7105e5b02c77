"""Prices at which an order may fill, in `int64` ticks: the on-chain formulas of bands and taker phase.

A price is a `uint64` of quote atoms per lot with 32 fractional bits, below 2^62. -1 stands for "no such price".
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import BPS_ONE, PRICE_LIMIT_Q32, TAKER_PHASE_START_BPS, TICKS_LIMIT
from .wide import ONE, Int, multiply_divide_ceil, multiply_divide_floor, multiply_high

WHOLE = np.uint64(BPS_ONE)
PRICE_LIMIT = np.uint64(PRICE_LIMIT_Q32)
TICK_LIMIT = np.uint64(TICKS_LIMIT)
MOST_TICKS = int(TICKS_LIMIT)
FRACTION_BITS = np.uint64(32)
FRACTION_MASK = np.uint64((1 << 32) - 1)
NONE = -1


@njit(cache=True)
def ticks_floor(price: Int, tick_value: Int) -> Int:
    """Highest number of ticks not above a price; -1 when `tick_value` is 0 or the ticks leave their guard."""
    if tick_value == np.uint64(0):
        return np.int64(NONE)
    ticks = (price >> FRACTION_BITS) // tick_value
    return np.int64(ticks) if ticks < TICK_LIMIT else np.int64(NONE)


@njit(cache=True)
def ticks_ceil(price: Int, tick_value: Int) -> Int:
    """Lowest number of ticks not below a price; -1 when `tick_value` is 0 or the ticks leave their guard."""
    if tick_value == np.uint64(0):
        return np.int64(NONE)
    atoms = price >> FRACTION_BITS
    if price & FRACTION_MASK != np.uint64(0):
        atoms = atoms + ONE
    ticks = atoms // tick_value
    if atoms % tick_value != np.uint64(0):
        ticks = ticks + ONE
    return np.int64(ticks) if ticks < TICK_LIMIT else np.int64(NONE)


@njit(cache=True)
def below_ceil(price: Int, ratio_bps: Int) -> Int:
    """`ceil(price * (10_000 - ratio) / 10_000)` as `uint64`; 0 when the ratio is a whole or more."""
    ratio = np.uint64(ratio_bps)
    if ratio >= WHOLE:
        return np.uint64(0)
    value, _ = multiply_divide_ceil(price, WHOLE - ratio, WHOLE)
    return value


@njit(cache=True)
def above_floor(price: Int, ratio_bps: Int) -> Int:
    """`(floor(price * (10_000 + ratio) / 10_000), ok)` as `uint64`; `ok` is False beyond the guard of prices."""
    value, ok = multiply_divide_floor(price, WHOLE + np.uint64(ratio_bps), WHOLE)
    return value, ok and value < PRICE_LIMIT


@njit(cache=True)
def offset_limit(is_ask: bool, index_price: Int, offset_bps: Int, tick_value: Int) -> Int:
    """Index plus (bid, floor) or minus (ask, ceil) an offset, in ticks; -1 beyond the guards."""
    if index_price == np.uint64(0):
        return np.int64(NONE)
    if is_ask:
        return ticks_ceil(below_ceil(index_price, offset_bps), tick_value)
    value, ok = above_floor(index_price, offset_bps)
    return ticks_floor(value, tick_value) if ok else np.int64(NONE)


@njit(cache=True)
def ramp(start_ticks: Int, end_ticks: Int, elapsed_ms: Int, duration_ms: Int) -> Int:
    """Price at `elapsed` of `duration` on the line from `start` to `end`, rounded toward `start`; -1 on bad times."""
    if elapsed_ms < 0 or duration_ms < 0:
        return np.int64(NONE)
    if elapsed_ms >= duration_ms:
        return np.int64(end_ticks)
    distance = np.uint64(abs(end_ticks - start_ticks))
    gone, _ = multiply_divide_floor(distance, np.uint64(elapsed_ms), np.uint64(duration_ms))
    return start_ticks + np.int64(gone) if end_ticks >= start_ticks else start_ticks - np.int64(gone)


@njit(cache=True)
def taker_limit(
    is_ask: bool, index_price: Int, start_ticks: Int, own_ticks: Int, elapsed_ms: Int, phase_ms: Int, tick_value: Int
) -> Int:
    """A taker's effective limit at `elapsed_ms` of its taker phase, in ticks; -1 where it has none.

    The line runs from `start_ticks`, or where that is 0 from index +- 5 bps, to the own limit; an own limit more
    passive than index +- 5 bps holds throughout.
    """
    if start_ticks != 0:
        return ramp(np.int64(start_ticks), np.int64(own_ticks), np.int64(elapsed_ms), np.int64(phase_ms))
    start = offset_limit(is_ask, index_price, np.int64(TAKER_PHASE_START_BPS), tick_value)
    if start < 0:
        return start
    if (own_ticks >= start) if is_ask else (own_ticks <= start):
        return np.int64(own_ticks)
    return ramp(start, np.int64(own_ticks), np.int64(elapsed_ms), np.int64(phase_ms))


@njit(cache=True)
def pegged_ticks(is_ask: bool, index_price: Int, offset_ticks: Int, tick_value: Int) -> Int:
    """Index in ticks (bid floor, ask ceil) plus a signed offset; -1 where that is no price."""
    if index_price == np.uint64(0):
        return np.int64(NONE)
    base = ticks_ceil(index_price, tick_value) if is_ask else ticks_floor(index_price, tick_value)
    # Both below the limit of ticks in what follows, so that no sum leaves int64 whatever offset an account holds.
    if base < 0 or not -MOST_TICKS < offset_ticks < MOST_TICKS:
        return np.int64(NONE)
    moved = base + offset_ticks
    return moved if 0 < moved < MOST_TICKS else np.int64(NONE)


@njit(cache=True)
def effective_maker_ticks(is_ask: bool, limit_ticks: Int, index_price: Int, offset_ticks: Int, tick_value: Int) -> Int:
    """Price of a pegged order: `pegged_ticks`, never beyond its own limit; -1 where it has none."""
    pegged = pegged_ticks(is_ask, index_price, offset_ticks, tick_value)
    if pegged < 0:
        return pegged
    return max(pegged, limit_ticks) if is_ask else min(pegged, limit_ticks)


@njit(cache=True)
def exceeds_slippage(is_ask: bool, price: Int, index_price: Int, limit_bps: Int) -> bool:
    """Whether a fill at `price` is worse than the index by more than `limit_bps`, compared exactly."""
    worse = np.uint64(0)
    if is_ask and index_price > price:
        worse = index_price - price
    if not is_ask and price > index_price:
        worse = price - index_price
    limit = np.uint64(limit_bps)
    left_high, right_high = multiply_high(worse, WHOLE), multiply_high(index_price, limit)
    if left_high != right_high:
        return bool(left_high > right_high)
    return bool(worse * WHOLE > index_price * limit)


@njit(cache=True)
def price_of_ticks(ticks: Int, tick_value: Int) -> Int:
    """Exact `uint64` price of a number of ticks; 0 beyond the guard of prices."""
    atoms = np.uint64(ticks) * tick_value
    overflow = multiply_high(np.uint64(ticks), tick_value) != np.uint64(0)
    return np.uint64(0) if overflow or atoms >= (PRICE_LIMIT >> FRACTION_BITS) else atoms << FRACTION_BITS
