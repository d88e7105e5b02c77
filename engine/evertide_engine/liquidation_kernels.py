"""Kernels of the search for accounts below cancel margin: a bound in floats for all, the valuation for the rest."""

from __future__ import annotations

import numpy as np
from numba import njit

from .ahead import prefetch
from .exact_rows_kernels import (
    BACKSTOP_AT,
    CANCEL_AT,
    CREDIT,
    CREDIT_MOST,
    DELEVERAGE_AT,
    EQUITY,
    MAINTENANCE_AT,
    QUOTE,
    RECORD,
    SAYS,
    STARTED,
    exact_ladder,
)
from .margin_kernels import (
    AUTO_DELEVERAGE,
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
    ASSET_SLACK,
    BEND,
    BLOCK,
    DOUBLE_ERROR,
    FALL,
    FULL,
    REACH,
    ROUNDED_ATOMS,
    SLACK,
    SLOPE,
    UNIT,
    VALUE_MOST,
)
from .wide import Int

AHEAD, LINE = 12, 64
"""Rows that are fetched ahead, and bytes of a cache line: the head and two positions, and two more."""


@njit(cache=True)
def add_positions(slot: Int, block: Int, columns: Int, sides: Int, excess: Int) -> None:
    """Add what one position slot of a block's users is worth at least, less what it requires; a free slot adds 0."""
    for place in range(BLOCK):
        side, lots = np.int64(columns.side[block, slot, place]), np.float64(columns.lots[block, slot, place])
        excess[place] += lots * (sides[side, SLOPE] - lots * sides[side, BEND]) - sides[side, SLACK]


@njit(cache=True)
def add_assets(slot: Int, block: Int, columns: Int, assets: Int, excess: Int) -> None:
    """Add the least weighted value of one asset slot of a block's users; a free slot adds 0."""
    for place in range(BLOCK):
        asset = np.int64(columns.asset[block, slot, place])
        worth = columns.amount[block, slot, place] * assets[asset, UNIT]
        weight = assets[asset, FULL] - assets[asset, FALL] * min(worth * assets[asset, REACH], 1.0)
        error = (1.0 + assets[asset, FULL] + assets[asset, FALL]) * DOUBLE_ERROR
        excess[place] += worth * (weight - error) - assets[asset, ASSET_SLACK] if worth < VALUE_MOST else np.nan


@njit(cache=True)
def bound_block(block: Int, columns: Int, sides: Int, assets: Int, debt_index: Int, excess: Int) -> None:
    """Fill `excess` for the users of a block: equity less requirement at cancel margin is at least that, in atoms.

    NaN where nothing can be said.
    """
    first: Int = block * BLOCK
    positions: Int = 0
    held: Int = 0
    owing = 0.0
    for place in range(BLOCK):
        excess[place] = columns.base[first + place]
        positions = max(positions, np.int64(columns.positions[first + place]))
        held = max(held, np.int64(columns.assets[first + place]))
        owing += columns.debt[first + place]
    if owing != 0.0:
        for place in range(BLOCK):
            debt = columns.debt[first + place]
            excess[place] -= debt * debt_index * (1.0 + DOUBLE_ERROR) + ROUNDED_ATOMS if debt != 0.0 else 0.0
    for slot in range(positions):
        add_positions(slot, block, columns, sides, excess)
    for slot in range(held):
        add_assets(slot, block, columns, assets, excess)


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


@njit(cache=True, forceinline=True)
def credit_of(exact: Int, row: Int, users: Int, cache: Int, now_ms: Int) -> Int:
    """`(ok, quote and collateral in atoms)` of an account by its exact row; not `ok` where only its record tells."""
    if exact[row, SAYS] & CREDIT == 0:
        return True, exact[row, QUOTE]
    status, _, credit, _ = credit_part(MAINTENANCE, users[row], cache, now_ms)
    return status == VALUED and -CREDIT_MOST <= credit <= CREDIT_MOST, credit


@njit(cache=True)
def ladder_rows(
    users: Int, rows: Int, exact: Int, table: Int, cache: Int, now_ms: Int, out: Int, statuses: Int
) -> None:
    """The ladder of some rows, each into its place of `out`, shape `(rows, LADDER)`."""
    for at in range(rows.shape[0]):
        row, soon = np.uint64(rows[at]), rows[min(at + AHEAD, rows.shape[0] - 1)]
        prefetch(exact, soon, np.int64(0))
        prefetch(exact, soon, np.int64(LINE))
        fine, credit = credit_of(exact, row, users, cache, now_ms)
        if fine and exact_ladder(exact, row, table, users, out[at]):
            out[at, EQUITY] += credit
            statuses[at] = VALUED
        else:
            statuses[at] = ladder_user(users[row], cache, now_ms, out[at])


__all__ = ["RECORD", "STARTED"]
