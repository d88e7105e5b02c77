"""Kernels of equity and requirement of all users: blocks of 64 in vectors, what does not fit these from its exact row.

What a vector computes is exact. Of a size below 2^30 lots every product below fits a signed word, and a requirement
is found as a double's quotient by 10,000, which is at most one away, and put right by what it leaves.
"""

# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import BPS_ONE, PRICE_BITS
from .exact_rows_kernels import (
    BPS,
    EQUITY,
    FACTOR,
    FIRST_ATOMS,
    FIRST_RATIO,
    LADDER,
    MOVE,
    NOTIONAL_MOST,
    PRICE,
    SIDES,
    USABLE,
    at_fraction,
    exact_margin,
    required,
    size_bps,
)
from .folding import WHOLE
from .liquidation_kernels import credit_of, ladder_user
from .margin_kernels import VALUED
from .risk_columns_kernels import BLOCK, CREDITED
from .wide import ONE, Int

LOW_BITS = (1 << PRICE_BITS) - 1
RATIO_BITS = 14
RATIO_MOST, TIER_MOST = (1 << RATIO_BITS) - 1, (1 << 49) - 1
"""A requirement ratio in bps and a first tier in atoms that share a word; their product is below 2^63 as well."""
BESIDE = -1
"""First tier of a side whose positions no vector values: every notional is above it."""
BPS_PART = 1.0 / BPS_ONE


@njit(cache=True)
def block_table(table, fraction: Int, prices, tiers, moves) -> bool:
    """Fill what the vectors read of each side: price, first tier with its ratio, move of J; whether any J moved."""
    at_fraction(table, fraction)
    moving = False
    prices[0], tiers[0], moves[0] = 0, 0, 0
    for side in range(1, SIDES):
        prices[side], moves[side] = table[side, PRICE], table[side, MOVE]
        moving = moving or moves[side] != 0
        plain = table[side, USABLE] != 0 and table[side, FIRST_RATIO] <= RATIO_MOST
        # The cash of a side with a size factor takes a division.
        plain = plain and (moves[side] == 0 or np.uint64(table[side, FACTOR]) == WHOLE)
        first = min(table[side, FIRST_ATOMS], TIER_MOST) if plain else BESIDE
        tiers[side] = (first << RATIO_BITS) | (table[side, FIRST_RATIO] & RATIO_MOST)
    return moving


@njit(cache=True)
def fetch(sides, words, out) -> None:
    """The word of each side."""
    for place in range(BLOCK):
        out[place] = words[sides[place]]


@njit(cache=True)
def add_moved_cash(sizes, rests, moves, equity) -> None:
    """Add `floor((size * move + rest) / 2^48)`: sizes below 2^30, moves below 2^62, rests below 2^48."""
    for place in range(BLOCK):
        size, move = np.int64(sizes[place]), moves[place]
        low = size * (move & LOW_BITS) + rests[place]
        equity[place] += (size * (move >> 32) + (low >> 32)) >> 16


@njit(cache=True)
def add_values(sizes, prices, tiers, equity, needed, notionals, above) -> None:
    """Add value and requirement of one position slot; notional, and whether it is above the first tier, come back.

    The requirement of one above the first tier is left out.
    """
    for place in range(BLOCK):
        size, price, tier = np.int64(sizes[place]), prices[place], tiers[place]
        negative = size >> 63
        held = (size ^ negative) - negative
        low = held * (price & LOW_BITS)
        floor = held * (price >> 32) + (low >> 32)
        more = np.int64((low & LOW_BITS) != 0)
        equity[place] += ((floor + (more & negative)) ^ negative) - negative
        notional = floor + more
        product = notional * (tier & RATIO_MOST)
        quotient = np.int64(np.float64(product) * BPS_PART)
        left = product - quotient * BPS_ONE
        whole = quotient + np.int64(left > 0) + np.int64(left > BPS_ONE)
        beyond = np.int64(notional > tier >> RATIO_BITS)
        needed[place] += whole & (beyond - 1)
        notionals[place], above[place] = notional, beyond


@njit(cache=True)
def add_above(sides, tiers, notionals, above, table, fraction: Int, needed, plain) -> None:
    """Add the requirements of what is above its first tier; `plain` becomes 0 where no vector may value."""
    chosen = np.empty(BLOCK + 1, np.int64)
    found = 0
    for place in range(BLOCK):
        chosen[found] = place
        found += above[place]
    for at in range(found):
        place = np.uint64(chosen[at])
        side, notional = np.uint64(sides[place]), np.uint64(notionals[place])
        if tiers[place] >> RATIO_BITS == BESIDE or notional > NOTIONAL_MOST:
            plain[place] = 0
        else:
            needed[place] += required(notional, (size_bps(notional, side, table) * fraction + BPS - ONE) // BPS)


@njit(cache=True)
def margin_row(row: Int, users, exact, table, cache, now_ms: Int, fraction: Int, at: Int, ladder) -> Int:
    """`(status, equity, requirement)` of an account in atoms, by its exact row or, where that is not enough, itself."""
    fine, credit = credit_of(exact, row, users, cache, now_ms)
    ok, worth, needed = exact_margin(exact, row, table, users, fraction)
    if fine and ok:
        return VALUED, credit + worth, needed
    status = ladder_user(users[row], cache, now_ms, ladder)
    return status, ladder[EQUITY], ladder[at]


@njit(cache=True)
def margin_rows(
    users, count: Int, columns, table, cache, now_ms: Int, fraction: Int, at: Int, equity, needed, statuses
) -> None:
    """Equity, and the requirement at a fraction of initial, of every row, in atoms; the arrays hold whole blocks.

    `at` is the place in the ladder that the fraction belongs to.
    """
    prices, tiers, moves = np.empty(SIDES, np.int64), np.empty(SIDES, np.int64), np.empty(SIDES, np.int64)
    moving = block_table(table, fraction, prices, tiers, moves)
    price, tier, move = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    notionals, above, ladder = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64), np.empty(LADDER, np.int64)
    plain = np.empty(BLOCK, np.uint8)
    for block in range((count + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        here = slice(first, first + BLOCK)
        worth, demand = equity[here], needed[here]
        worth[:], demand[:], plain[:] = columns.total[here], 0, columns.plain[here]
        for slot in range(columns.positions[here].max()):
            sides, sizes = columns.side[block, slot], columns.size[block, slot]
            fetch(sides, prices, price)
            fetch(sides, tiers, tier)
            if moving:
                fetch(sides, moves, move)
                add_moved_cash(sizes, columns.rest[block, slot], move, worth)
            add_values(sizes, price, tier, worth, demand, notionals, above)
            add_above(sides, tier, notionals, above, table, fraction, demand, plain)
        for place in range(min(BLOCK, count - first)):
            row = np.uint64(first + place)
            statuses[row] = VALUED
            if plain[place] == CREDITED:
                fine, credit = credit_of(columns.exact, row, users, cache, now_ms)
                equity[row] += credit
                plain[place] = CREDITED if fine else 0
            if plain[place] == 0:
                told = margin_row(row, users, columns.exact, table, cache, now_ms, fraction, at, ladder)
                statuses[row], equity[row], needed[row] = told
