"""Kernels of the search for accounts below cancel margin: a bound in floats for all, the valuation for the rest."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import MarginKind
from .margin_kernels import (
    BACKSTOP,
    CANCEL,
    MAINTENANCE,
    MARKETS,
    NOT_PRICED,
    OUT_OF_GUARD,
    POSITIONS,
    VALUED,
    add,
    credit_part,
    margin_ratio,
    position_part,
    requirement,
)
from .risk_columns_kernels import (
    ALPHA,
    ASSET_SLACK,
    BETA,
    BLOCK,
    EXACT,
    FALL,
    FULL,
    LEAST,
    LEAST_SLACK,
    PRICE,
    REACH,
    ROUNDED_ATOMS,
    ROUNDED_WEIGHT,
    SLACK,
    SPREAD,
    TOLD,
    UNIT,
    WORTH,
)
from .wide import Int

AUTO_DELEVERAGE = int(MarginKind.AUTO_DELEVERAGE)
PART_ERROR = 2.0**-45
"""Bound of the error of a sum relative to the sum of its terms' sizes. A term comes from at most 24 roundings, its sum
passes at most 54 more, each of 2^-53: together less than 2^-46, and as much again for the sum of the sizes."""
SIZE_LIMIT = 2.0**51
"""Sum of the terms' sizes, in atoms, below which no guard of the exact valuation can be passed."""
EQUITY, CANCEL_AT, MAINTENANCE_AT, BACKSTOP_AT, DELEVERAGE_AT, LADDER = 0, 1, 2, 3, 4, 5


@njit(cache=True)
def add_positions(slot: Int, block: Int, columns: Int, sides: Int, excess: Int, size: Int) -> None:
    """Add what one position slot of a block's users is worth and requires; a free slot holds zeros."""
    for place in range(BLOCK):
        side = columns.side[block, slot, place]
        lots, cash = columns.lots[block, slot, place], columns.cash[block, slot, place]
        held = abs(lots)
        notional = held * sides[side, PRICE] + 1.0
        demanded = notional * (sides[side, ALPHA] + sides[side, BETA] * notional) + sides[side, SLACK]
        excess[place] += lots * sides[side, WORTH] + cash - demanded
        size[place] += held * sides[side, SPREAD] + abs(cash) + demanded


@njit(cache=True)
def add_position_gaps(slot: Int, block: Int, columns: Int, sides: Int, gap: Int) -> None:
    """Add how far the bound of one position slot can lie from equity less the requirement at maintenance."""
    for place in range(BLOCK):
        side = columns.side[block, slot, place]
        notional = abs(columns.lots[block, slot, place]) * sides[side, PRICE] + 1.0
        demanded = notional * (sides[side, ALPHA] + sides[side, BETA] * notional) + sides[side, SLACK]
        gap[place] += demanded + sides[side, LEAST_SLACK] - notional * sides[side, LEAST]


@njit(cache=True)
def add_assets(slot: Int, block: Int, columns: Int, assets: Int, excess: Int, size: Int) -> None:
    """Add the weighted value of one asset slot of a block's users; a free slot holds zeros."""
    for place in range(BLOCK):
        asset = columns.asset[block, slot, place]
        worth = columns.amount[block, slot, place] * assets[asset, UNIT]
        weight = assets[asset, FULL] - assets[asset, FALL] * min(worth * assets[asset, REACH], 1.0)
        excess[place] += worth * weight - assets[asset, ASSET_SLACK]
        size[place] += worth * (1.0 + assets[asset, FULL] + assets[asset, FALL])


@njit(cache=True)
def bound_block(block: Int, columns: Int, sides: Int, assets: Int, debt_index: Int, excess: Int, size: Int) -> None:
    """Fill `excess` and `size`, in atoms, for the users of a block.

    Equity less requirement at cancel margin is at least `excess - PART_ERROR * size`; NaN where nothing can be said.
    `size` is the sum of the terms' absolute values.
    """
    first: Int = block * BLOCK
    positions: Int = 0
    held: Int = 0
    for place in range(BLOCK):
        free, debt = columns.free[first + place], columns.debt[first + place]
        owed = debt * debt_index + ROUNDED_ATOMS if debt != 0.0 else 0.0
        excess[place], size[place] = free - owed, free + owed
        positions = max(positions, np.int64(columns.positions[first + place]))
        held = max(held, np.int64(columns.assets[first + place]))
    for slot in range(positions):
        add_positions(slot, block, columns, sides, excess, size)
    for slot in range(held):
        add_assets(slot, block, columns, assets, excess, size)


@njit(cache=True)
def gap_block(block: Int, columns: Int, sides: Int, assets: Int, gap: Int) -> None:
    """Fill `gap`: equity less requirement at maintenance is at most `excess + gap + PART_ERROR * (size + gap)`."""
    first = block * BLOCK
    positions: Int = 0
    held: Int = 0
    for place in range(BLOCK):
        gap[place] = 2.0 * ROUNDED_ATOMS if columns.debt[first + place] != 0.0 else 0.0
        positions = max(positions, np.int64(columns.positions[first + place]))
        held = max(held, np.int64(columns.assets[first + place]))
    for slot in range(positions):
        add_position_gaps(slot, block, columns, sides, gap)
    for slot in range(held):
        for place in range(BLOCK):
            asset = columns.asset[block, slot, place]
            worth = columns.amount[block, slot, place] * assets[asset, UNIT]
            gap[place] += worth * ROUNDED_WEIGHT + 2.0 * assets[asset, ASSET_SLACK]


@njit(cache=True)
def shortfalls(rows: Int, columns: Int, sides: Int, assets: Int, least: Int, most: Int) -> None:
    """Least and most that each of rising `rows` lacks to maintenance, in atoms; NaN where the columns cannot tell.

    `least` comes in as the excess of each row and `most` as its size, from `uncertain_rows`.
    """
    gap, block = np.empty(BLOCK), -1
    for at in range(rows.shape[0]):
        row = rows[at]
        if row // BLOCK != block:
            block = row // BLOCK
            gap_block(block, columns, sides, assets, gap)
        excess, size, wide = least[at], most[at], gap[row % BLOCK]
        told = size + wide < SIZE_LIMIT and columns.care[row] != EXACT
        least[at] = -excess - wide - PART_ERROR * (size + wide) if told else np.nan
        most[at] = -excess + PART_ERROR * size if told else np.nan


@njit(cache=True)
def uncertain_rows(
    count: Int, columns: Int, sides: Int, assets: Int, debt_index: Int, out: Int, excesses: Int, sizes: Int
) -> Int:
    """Write the rows that are not certainly at or above cancel margin, with excess and size; their number."""
    found, excess, size = 0, np.empty(BLOCK), np.empty(BLOCK)
    for block in range((count + BLOCK - 1) // BLOCK):
        bound_block(block, columns, sides, assets, debt_index, excess, size)
        first = block * BLOCK
        for place in range(min(BLOCK, count - first)):
            far = (excess[place] >= size[place] * PART_ERROR) & (size[place] < SIZE_LIMIT)
            out[found], excesses[found], sizes[found] = first + place, excess[place], size[place]
            found += 0 if far & (columns.care[first + place] == TOLD) else 1
    return found


@njit(cache=True)
def ladder_user(user: Int, cache: Int, now_ms: Int, out: Int) -> Int:
    """Write equity and the four requirements of the ladder in atoms; the status of the valuation."""
    status, _, equity, _ = credit_part(MAINTENANCE, user, cache, now_ms)
    cancel, maintenance, backstop, deleverage = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    losses, notional, left = np.int64(0), np.int64(0), np.int64(user.position_count)
    for at in range(POSITIONS):
        market = np.int64(user.positions[at].market_plus_one)
        if market == 0 or left == 0:
            continue
        left -= 1
        if market > MARKETS:
            status = status if status != VALUED else NOT_PRICED
            continue
        row, own_bps = cache.markets[market - 1], np.int64(0)
        found, worth, part, size, need = position_part(MAINTENANCE, user.positions[at], own_bps, row)
        status = status if status != VALUED else found
        equity, one = add(equity, part)
        losses, two = add(losses, min(worth, 0))
        notional, three = add(notional, size)
        maintenance, four = add(maintenance, need)
        status = status if (one and two and three and four) or status != VALUED else OUT_OF_GUARD
        if status == VALUED and size != 0:
            # Within the guard of a notional no requirement passes that of the four that `need` has just kept.
            cancel += requirement(size, margin_ratio(CANCEL, size, row, own_bps))
            backstop += requirement(size, margin_ratio(BACKSTOP, size, row, own_bps))
            deleverage += requirement(size, margin_ratio(AUTO_DELEVERAGE, size, row, own_bps))
    out[EQUITY], out[CANCEL_AT], out[MAINTENANCE_AT] = equity, cancel, maintenance
    out[BACKSTOP_AT], out[DELEVERAGE_AT] = backstop, deleverage
    return status


@njit(cache=True)
def ladder_rows(users: Int, rows: Int, cache: Int, now_ms: Int, out: Int, statuses: Int) -> None:
    """The ladder of some rows, each into its place of `out`, shape `(rows, LADDER)`."""
    for at in range(rows.shape[0]):
        statuses[at] = ladder_user(users[rows[at]], cache, now_ms, out[at])
