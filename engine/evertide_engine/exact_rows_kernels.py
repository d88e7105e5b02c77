"""Kernels that value accounts from their exact rows: 24 bytes a position instead of 1,664 an account, to the same atom.

An exact row is 40 words: the quote, what the row says of its account, then three words for each position. They hold
what a price move does not change: the size and the cash folded to the A and J that the columns were made with, the
fraction of a lot that the fold dropped, and what its division left. From these the value at other prices and at a later
J is that of the program, whatever the account. What they cannot tell is left to the account's own record.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import (
    ATOMS_PER_USD,
    AUTO_DELEVERAGE_FRACTION_BPS,
    BACKSTOP_FRACTION_BPS,
    BPS_ONE,
    CANCEL_FRACTION_BPS,
    INDEX_BITS,
    MAINTENANCE_FRACTION_BPS,
    MARKETS_MAX,
    MAX_NOTIONAL_ATOMS,
    PRICE_BITS,
)
from .folding import WHOLE, cash_index_in_guard, dropped_value
from .margin_kernels import MARKETS, PRICE_LIMIT
from .sober import sober_mark
from .wide import (
    ONE,
    ZERO,
    Int,
    divide_wide,
    multiply_high,
    multiply_high_signed,
    subtract_wide,
    with_sign,
)

SIDES = 1 + 2 * MARKETS_MAX
"""Sides of all markets, and the one of positions without size."""
QUOTE, SAYS, FIRST, WORDS_EACH = 0, 1, 2, 3
WORDS = 40
"""Words of a row: a multiple of a cache line, with room for every position slot."""
RECORD, CREDIT, STARTED = 1, 2, 4
"""Bits of the second word: only the record tells; the credit is in the record; in liquidation. The count is above."""
COUNT_SHIFT = 8
LOTS_SHIFT, DROPPED_MASK = 18, (1 << 18) - 1
REST_MASK, SIDE_SHIFT, SIDE_MASK = (1 << INDEX_BITS) - 1, INDEX_BITS, 0xFF
SLOT_SHIFT, SLOT_MASK, STALE, CLOSED = 56, 0xF, 1 << 60, 1 << 61
"""Third word: what the fold's division left, side, slot; folded from another A than the row's; of the last epoch."""
CASH_MOST = 1 << 57
"""Cash and moves of it beyond this are left to the record: three for each position and a credit stay in `int64`."""
HIGH_MOST = 1 << 41
"""High word of a product that is within that after its division by 2^48."""
CREDIT_MOST = 1 << 60
MOVE_MOST = np.uint64(1 << 62)

PRICE, MARK, MOVE, FACTOR, USABLE, BOUND, RATIO, FIRST_ATOMS, FIRST_RATIO, TABLE_WORDS = 0, 1, 2, 3, 4, 5, 9, 13, 14, 16
"""Words of a side in the table: sober price, mark, move of J since the columns, A, whether all is in guard, tiers."""
FIRST_WORD, TWO, THREE = np.uint64(FIRST), np.uint64(2), np.uint64(WORDS_EACH)
RECORD_BIT, COUNT_BITS, SIDE_BITS = np.uint64(RECORD), np.uint64(COUNT_SHIFT), np.uint64(SIDE_MASK)
REST_BITS, STALE_BIT, CLOSED_BIT = np.uint64(REST_MASK), np.uint64(STALE), np.uint64(CLOSED)
SLOT_BITS, SLOT_MASK_BITS = np.uint64(SLOT_SHIFT), np.uint64(SLOT_MASK)
PRODUCT_MOST = np.uint64(1 << 47)
"""Notional in atoms that a ratio of 16 bits can be multiplied with in 64."""
EQUITY, CANCEL_AT, MAINTENANCE_AT, BACKSTOP_AT, DELEVERAGE_AT, LADDER = 0, 1, 2, 3, 4, 5
SHIFT, UP = np.uint64(PRICE_BITS), np.uint64(64 - PRICE_BITS)
INDEX_SHIFT, INDEX_UP = np.uint64(INDEX_BITS), np.uint64(64 - INDEX_BITS)
FRACTION = np.uint64((1 << PRICE_BITS) - 1)
NOTIONAL_MOST = np.uint64(MAX_NOTIONAL_ATOMS)
USD, BPS = np.uint64(ATOMS_PER_USD), np.uint64(BPS_ONE)
CANCEL_FRACTION, MAINTENANCE_FRACTION = np.uint64(CANCEL_FRACTION_BPS), np.uint64(MAINTENANCE_FRACTION_BPS)
BACKSTOP_FRACTION, DELEVERAGE_FRACTION = np.uint64(BACKSTOP_FRACTION_BPS), np.uint64(AUTO_DELEVERAGE_FRACTION_BPS)


@njit(cache=True)
def side_table(cache: Int, j_high: Int, j_low: Int, out: Int) -> None:
    """Fill `out`, shape `(SIDES, TABLE_WORDS)` of `int64`, from the rows of the cache."""
    out[:] = 0
    for market in range(MARKETS):
        row = cache.markets[market]
        price, rising = sober_mark(row), True
        for point in range(1, 4):
            rising = rising and row.tier_bound_usd[point] > row.tier_bound_usd[point - 1]
            rising = rising and row.tier_ratio_bps[point] >= row.tier_ratio_bps[point - 1]
        priced = row.mark_price_q32 != ZERO and max(row.mark_price_q32, price) < PRICE_LIMIT
        for short in range(2):
            side, now = 1 + 2 * market + short, row.j[short]
            high, low = subtract_wide(now.high, now.low, j_high[side], j_low[side])
            small = (high == 0 and low < MOVE_MOST) or (high == -1 and low > ~MOVE_MOST)
            fine = priced and rising and small and cash_index_in_guard(now.high, now.low)
            whole = row.a[short] <= WHOLE and (row.a[short] != ZERO or low == ZERO)
            out[side, USABLE] = 1 if fine and whole else 0
            out[side, PRICE], out[side, MARK] = np.int64(price), np.int64(row.mark_price_q32)
            out[side, MOVE], out[side, FACTOR] = np.int64(low), np.int64(row.a[short])
            for point in range(4):
                out[side, BOUND + point] = row.tier_bound_usd[point]
                out[side, RATIO + point] = row.tier_ratio_bps[point]


@njit(cache=True, forceinline=True)
def moved_cash(basis: Int, move: Int, rest: Int, divisor: Int) -> Int:
    """`(floor((basis * move + rest) / divisor), ok)` in atoms; `rest` in `[0, divisor)`, `move` below 2^62."""
    high, low = multiply_high_signed(basis, move), np.uint64(basis) * np.uint64(move)
    low = low + rest
    high = high + np.int64(low < rest)
    if divisor == WHOLE:
        cash = np.int64((np.uint64(high) << INDEX_UP) | (low >> INDEX_SHIFT))
        return cash, (high + HIGH_MOST) >> 42 == 0
    return divided_cash(high, low, divisor)


@njit(cache=True)
def divided_cash(high: Int, low: Int, divisor: Int) -> Int:
    """`(floor(value / divisor), ok)` of a signed 128-bit value, in atoms."""
    if high >= 0:
        quotient, _, ok = divide_wide(np.uint64(high), low, divisor)
        return np.int64(quotient & ~(ONE << np.uint64(63))), ok and quotient < np.uint64(CASH_MOST)
    top = ~np.uint64(high) + (ONE if low == ZERO else ZERO)
    quotient, remainder, ok = divide_wide(top, ZERO - low, divisor)
    quotient = quotient + ONE if remainder != ZERO else quotient
    return with_sign(True, quotient & ~(ONE << np.uint64(63))), ok and quotient < np.uint64(CASH_MOST)


@njit(cache=True, error_model="numpy")
def size_bps(notional: Int, side: Int, table: Int) -> Int:
    """Initial ratio of a notional by size, rounded up to a basis point, by tiers that are known to rise."""
    usd = (notional + USD - ONE) // USD
    if usd <= np.uint64(table[side, BOUND]):
        return np.uint64(table[side, RATIO])
    for point in range(1, 4):
        if usd <= np.uint64(table[side, BOUND + point]):
            low = np.uint64(table[side, BOUND + point - 1])
            base = np.uint64(table[side, RATIO + point - 1])
            rise = np.uint64(table[side, RATIO + point]) - base
            run = np.uint64(table[side, BOUND + point]) - low
            return base + (rise * (usd - low) + run - ONE) // run
    return np.uint64(table[side, RATIO + 3]) if usd <= np.uint64(2 * table[side, BOUND + 3]) else BPS


@njit(cache=True)
def demanded(notional: Int, size_ratio: Int, fraction: Int) -> Int:
    """Requirement in atoms at a fraction of the initial ratio, both steps rounded up."""
    return required(notional, (size_ratio * fraction + BPS - ONE) // BPS)


@njit(cache=True, forceinline=True)
def required(notional: Int, ratio: Int) -> Int:
    """`ceil(notional * ratio / 10_000)` in atoms; quotient and remainder apart where the product would not fit."""
    if notional < PRODUCT_MOST:
        return np.int64((notional * ratio + BPS - ONE) // BPS)
    return np.int64(notional // BPS * ratio + (notional % BPS * ratio + BPS - ONE) // BPS)


@njit(cache=True, forceinline=True)
def exact_position(exact: Int, row: Int, at: Int, table: Int, users: Int) -> Int:
    """`(ok, worth, notional, side)` of a row's position; not `ok` where only the record tells.

    `row` and `at` are unsigned, as is every index here: a signed one is compared with 0 at each use.
    """
    base = FIRST_WORD + THREE * at
    packed, cash, more = exact[row, base], exact[row, base + ONE], np.uint64(exact[row, base + TWO])
    side = (more >> INDEX_SHIFT) & SIDE_BITS
    if side == ZERO:
        return True, cash, ZERO, side
    ok, size, move = table[side, USABLE] != 0, packed >> LOTS_SHIFT, table[side, MOVE]
    if (move != 0) & (more & CLOSED_BIT == ZERO):
        basis, divisor = size, np.uint64(table[side, FACTOR])
        if more & STALE_BIT != ZERO:
            slot = (more >> SLOT_BITS) & SLOT_MASK_BITS
            basis, divisor = users[row].positions[slot].basis_lots, users[row].positions[slot].a_snapshot
        change, fits = moved_cash(basis, move, more & REST_BITS, divisor)
        cash, ok = cash + change, ok & fits
    # All ones for a short, whose value is rounded up before it is taken off; a branch on it would be a guess.
    negative, price = size >> 63, np.uint64(table[side, PRICE])
    held = np.uint64((size ^ negative) - negative)
    low, high = held * price, multiply_high(held, price)
    floor = (high << UP) | (low >> SHIFT)
    more_than = np.uint64(low & FRACTION != ZERO)
    ceil = floor + more_than
    ok = ok & (high >> SHIFT == ZERO) & (ceil <= NOTIONAL_MOST)
    value = np.int64(floor + (more_than & np.uint64(negative)))
    worth = cash + ((value ^ negative) - negative)
    dropped = packed & DROPPED_MASK
    if dropped != 0:
        sign = np.int64(-1 if side & ONE == ZERO else 1)
        worth += dropped_value(sign, np.uint64(dropped), np.uint64(table[side, MARK]))
    return ok, worth, ceil, side


@njit(cache=True, forceinline=True)
def exact_margin(exact: Int, row: Int, table: Int, users: Int, fraction: Int) -> Int:
    """`(ok, worth of all positions, requirement at a fraction of initial)` of a row, in atoms.

    `at_fraction` has set the table to the same fraction.
    """
    says = np.uint64(exact[row, SAYS])
    ok, worth, needed = says & RECORD_BIT == ZERO, np.int64(0), np.int64(0)
    for at in range(says >> COUNT_BITS):
        fine, part, notional, side = exact_position(exact, row, at, table, users)
        ok, worth = ok & fine, worth + part
        ratio = np.uint64(table[side, FIRST_RATIO])
        if notional > np.uint64(table[side, FIRST_ATOMS]):
            ratio = (size_bps(notional, side, table) * fraction + BPS - ONE) // BPS
        needed += required(notional, ratio)
    return ok, worth, needed


@njit(cache=True)
def at_fraction(table: Int, fraction: Int) -> None:
    """Set the words of a table that `exact_margin` reads: the first tier in atoms and its ratio at a fraction, bps."""
    for side in range(SIDES):
        table[side, FIRST_ATOMS] = table[side, BOUND] * ATOMS_PER_USD
        table[side, FIRST_RATIO] = (table[side, RATIO] * np.int64(fraction) + BPS_ONE - 1) // BPS_ONE


@njit(cache=True)
def exact_ladder(exact: Int, row: Int, table: Int, users: Int, out: Int) -> bool:
    """Write the worth of a row's positions and the four requirements of the ladder; False: only the record tells."""
    says = np.uint64(exact[row, SAYS])
    ok, worth = says & RECORD_BIT == ZERO, np.int64(0)
    cancel, maintenance, backstop, deleverage = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for at in range(says >> COUNT_BITS):
        fine, part, notional, side = exact_position(exact, row, at, table, users)
        ok, worth = ok & fine, worth + part
        if notional != ZERO:
            ratio = size_bps(notional, side, table)
            cancel += demanded(notional, ratio, CANCEL_FRACTION)
            maintenance += demanded(notional, ratio, MAINTENANCE_FRACTION)
            backstop += demanded(notional, ratio, BACKSTOP_FRACTION)
            deleverage += demanded(notional, ratio, DELEVERAGE_FRACTION)
    out[EQUITY], out[CANCEL_AT], out[MAINTENANCE_AT] = worth, cancel, maintenance
    out[BACKSTOP_AT], out[DELEVERAGE_AT] = backstop, deleverage
    return bool(ok)
