"""Kernels of the safe radius: how far prices may move before an account could be below cancel margin.

At an anchor, the coefficients of some prices, a user's bound is `E` and its gross `G`: what the terms of the bound are
at most, each counted as positive. Let every coefficient be worse than at the anchor by at most a part `d` of its own
weight in `G`. Then the bound is at least `E - d G`, and while `d < E / G` the user is safe: one number to compare
instead of all positions. `E / G` is rounded down, `d` up.
"""

# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit

from .liquidation_kernels import bound_block
from .risk_columns_kernels import (
    ASSET_ROWS,
    ASSET_SLACK,
    BEND,
    BLOCK,
    FALL,
    FULL,
    REACH,
    SLACK,
    SLOPE,
    UNIT,
    VALUE_MOST,
    WEIGHT,
)
from .wide import Int

NEVER_SAFE = -1.0
SUM_ERROR, DRIFT_ERROR = 2.0**-40, 2.0**-45
"""Parts taken off for the roundings of a sum of fewer than 64 doubles, and of the difference of two coefficients."""
SINGLE_DOWN = 1.0 - 2.0**-20
"""More than the rounding of a quotient to a single."""
LEAST_GROSS = 1e-9


@njit(cache=True)
def gross_block(block: Int, columns, sides, assets, debt_index, gross) -> None:
    """Fill `gross` for the users of a block, in atoms; NaN where an asset may come to be worth too much."""
    first = block * BLOCK
    positions, held = 0, 0
    for place in range(BLOCK):
        debt = columns.debt[first + place]
        gross[place] = debt * debt_index if debt != 0.0 else 0.0
        positions = max(positions, np.int64(columns.positions[first + place]))
        held = max(held, np.int64(columns.assets[first + place]))
    for slot in range(positions):
        for place in range(BLOCK):
            side, lots = np.int64(columns.side[block, slot, place]), np.float64(columns.lots[block, slot, place])
            gross[place] += lots * (sides[side, WEIGHT] + lots * sides[side, BEND]) + sides[side, SLACK]
    for slot in range(held):
        for place in range(BLOCK):
            asset = np.int64(columns.asset[block, slot, place])
            worth = columns.amount[block, slot, place] * assets[asset, UNIT]
            # A price that falls takes the weight's part with it, one that rises takes some of the weight.
            part = worth * (1.0 + abs(assets[asset, FULL]) + 3.0 * assets[asset, FALL])
            gross[place] += part if worth < 0.5 * VALUE_MOST else np.nan


@njit(cache=True)
def anchor_blocks(blocks, columns, sides, assets, debt_index) -> None:
    """Write the safe radius of every user of some blocks; `NEVER_SAFE` where nothing can be said."""
    excess, gross = np.empty(BLOCK), np.empty(BLOCK)
    for at in range(blocks.shape[0]):
        block = blocks[at]
        bound_block(block, columns, sides, assets, debt_index, excess)
        gross_block(block, columns, sides, assets, debt_index, gross)
        first = block * BLOCK
        for place in range(BLOCK):
            size = gross[place] * (1.0 + SUM_ERROR) + LEAST_GROSS
            least = excess[place] - (size + abs(columns.base[first + place])) * SUM_ERROR
            radius = least / size * SINGLE_DOWN
            known = (least >= 0.0) & (columns.care[first + place] == 0)
            columns.radius[first + place] = np.float32(radius) if known else np.float32(NEVER_SAFE)


@njit(cache=True)
def worse(now: float, before: float, weight: float) -> float:
    """By what part of its weight a coefficient has risen; infinite where it cannot be told."""
    if now <= before:
        return 0.0
    return (now - before) / weight if weight > 0.0 and now > before else np.inf


@njit(cache=True)
def drift(sides, before, most, assets, assets_before, index, index_before) -> float:
    """The greatest part by which a coefficient is worse than at the anchor, rounded up; infinite where none is told.

    A side that nobody holds, or whose users are never safe at the anchor, does not count.
    """
    far = 0.0
    for side in range(1, sides.shape[0]):
        if most[side] != 0.0 and not np.isnan(before[side, SLOPE]):
            far = max(far, worse(-sides[side, SLOPE], -before[side, SLOPE], before[side, WEIGHT]))
            far = max(far, worse(sides[side, BEND], before[side, BEND], before[side, BEND]))
            far = max(far, worse(sides[side, SLACK], before[side, SLACK], before[side, SLACK]))
    for asset in range(1, ASSET_ROWS):
        same = True
        for name in (FULL, FALL, REACH, ASSET_SLACK):
            # Not a number is no change either: whoever holds the asset is never safe at the anchor.
            same = same and (assets[asset, name] == assets_before[asset, name] or np.isnan(assets_before[asset, name]))
        unit = assets_before[asset, UNIT]
        far = max(far, worse(assets[asset, UNIT], unit, unit), worse(unit, assets[asset, UNIT], unit))
        far = far if same else np.inf
    far = max(far, worse(index, index_before, index_before) if not np.isnan(index_before) else 0.0)
    # Twice its price, and an asset's weight may have lost more than is reckoned with.
    return far * (1.0 + SUM_ERROR) + DRIFT_ERROR if far < 1.0 else np.inf


@njit(cache=True)
def uncertain_rows(count: Int, radius, far: float, out) -> Int:
    """Write the rows that are not certainly at or above cancel margin; their number."""
    found = 0
    for row in range(count):
        out[found] = row
        found += 0 if radius[row] > far else 1
    return found
