"""Kernels that turn `User` records into the columns of `risk_columns`, and prices into coefficients of these."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import (
    ATOMS_PER_USD,
    BPS_ONE,
    CANCEL_FRACTION_BPS,
    COLLATERAL_PRICE_BITS,
    COLLATERAL_STALE_MS,
    COLLATERALS_MAX,
    INDEX_BITS,
    MAINTENANCE_FRACTION_BPS,
    MARKETS_MAX,
    PRICE_BITS,
)
from .folding import FOLDED, LAST_EPOCH, WHOLE, cash_index_in_guard, fold_cash, fold_kind
from .margin_kernels import (
    ASSETS,
    DEBT_MOST,
    DEBT_ONE,
    LOTS_MOST,
    MARKETS,
    POSITIONS,
    PRICE_LIMIT,
    SLOTS,
    THOUSAND_USD,
    in_atoms,
)
from .sober import sober_mark, sober_price
from .wide import ZERO, Int, magnitude, magnitude_wide, multiply_divide_floor, subtract_wide

BLOCK = 64
"""Users in a block of the columns."""
SIDES = 1 + 2 * MARKETS_MAX
"""Sides of all markets, and the one of positions without size."""
ASSET_ROWS = int(COLLATERALS_MAX)
CASH_MOST = 1 << 58
"""Cash and cash index beyond this, in atoms, are left to the exact valuation, where their sum could pass its guard."""

TOLD, EXACT, STARTED = 0, 1, 2
"""What the columns say of a user: enough; nothing; enough, but it is in liquidation and may have recovered."""
WORTH, PRICE, SPREAD, ALPHA, BETA, SLACK, LEAST, LEAST_SLACK, WIDTH = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Coefficients of a side: value, notional and rounding of one lot, the requirement's bound, slack of one position; and
the least ratio at maintenance, with the slack of what is more than the value and less than the requirement."""
UNIT, FULL, FALL, REACH, ASSET_SLACK, ASSET_WIDTH = 0, 1, 2, 3, 4, 8
"""Coefficients of an asset: value of an atom, weight at nothing, its fall over the scale, one over that, slack."""
ROUNDED_ATOMS = 8.0
"""Atoms that the roundings of one position or asset can take: two folds, value, notional and requirement."""
ROUNDED_WEIGHT = 0.000_203
"""Part of a value that roundings of its weight can take: a weight is a whole bp, and so is what it falls by."""
NEVER = np.nan
"""Makes every bound that it enters uncertain, so that the user is valued exactly."""

PRICE_ONE, TOKEN_ONE = float(1 << PRICE_BITS), float(1 << COLLATERAL_PRICE_BITS)
FACTOR_ONE, WORD = float(1 << INDEX_BITS), float(1 << 64)
CANCEL_FRACTION = CANCEL_FRACTION_BPS / BPS_ONE
MAINTENANCE_FRACTION = MAINTENANCE_FRACTION_BPS / BPS_ONE


@njit(cache=True)
def compact_position(position: Int, cache: Int, j_high: Int, j_low: Int) -> Int:
    """`(side, lots, cash, ok)` of one position; not `ok` where only the exact valuation can tell."""
    basis, cash, market = position.basis_lots, position.cash_atoms, np.int64(position.market_plus_one)
    ok = market <= MARKETS and -CASH_MOST <= cash <= CASH_MOST
    if basis == 0 or not ok:
        return 0, 0.0, np.float64(cash), ok
    short = 1 if basis < 0 else 0
    side = 2 * market - 1 + short
    row, snapshot = cache.markets[market - 1], position.a_snapshot
    kind = fold_kind(basis, snapshot, np.int64(position.epoch), row.a[short], np.int64(row.epoch[short]))
    if kind not in (FOLDED, LAST_EPOCH) or magnitude(basis) > LOTS_MOST:
        return 0, 0.0, 0.0, False
    past, lots = position.j_snapshot, 0.0
    if kind == FOLDED:
        change, fits = fold_cash(basis, j_high[side], j_low[side], past.high, past.low, snapshot)
        lots = np.float64(basis)
        if row.a[short] != snapshot:
            lots = lots * np.float64(row.a[short]) / np.float64(snapshot)
    else:
        before = row.j_previous[short]
        change, fits = fold_cash(basis, before.high, before.low, past.high, past.low, snapshot)
    ok = fits and -CASH_MOST <= change <= CASH_MOST and cash_index_in_guard(past.high, past.low)
    return side, lots, np.float64(cash + change), ok


@njit(cache=True)
def compact_quote(user: Int, index: Int) -> Int:
    """`(free, debt, ok)` of the quote balance: not negative, or what is owed over the debt index at its snapshot."""
    balance, snapshot = user.quote_atoms, user.debt_index_q48
    if balance >= 0:
        return np.float64(balance), 0.0, in_atoms(balance)
    ok = in_atoms(balance) and DEBT_ONE <= snapshot <= index <= DEBT_MOST
    return 0.0, (-np.float64(balance) / np.float64(snapshot) if ok else 0.0), ok


@njit(cache=True)
def compact_rows(users: Int, rows: Int, cache: Int, j_high: Int, j_low: Int, columns: Int) -> None:
    """Write the columns of some rows of a `USER` array."""
    index = cache.collaterals[0].debt_index_q48
    for at in range(rows.shape[0]):
        row = rows[at]
        user, block, place = users[row], row // BLOCK, row % BLOCK
        free, debt, told = compact_quote(user, index)
        used, left = 0, np.int64(user.collateral_count)
        for slot in range(SLOTS):
            asset = np.int64(user.collaterals[slot].collateral_index)
            if asset == 0 or left == 0:
                continue
            left -= 1
            told = told and asset < ASSETS
            columns.asset[block, used, place] = asset if asset < ASSETS else 0
            columns.amount[block, used, place] = np.float64(user.collaterals[slot].amount_atoms)
            used += 1
        for slot in range(used, np.int64(columns.assets[row])):
            columns.asset[block, slot, place], columns.amount[block, slot, place] = 0, 0.0
        columns.assets[row] = used
        used, left = 0, np.int64(user.position_count)
        for slot in range(POSITIONS):
            if user.positions[slot].market_plus_one == 0 or left == 0:
                continue
            left -= 1
            side, lots, cash, ok = compact_position(user.positions[slot], cache, j_high, j_low)
            told = told and ok
            columns.side[block, used, place] = side
            columns.lots[block, used, place], columns.cash[block, used, place] = lots, cash
            used += 1
        for slot in range(used, np.int64(columns.positions[row])):
            columns.side[block, slot, place] = 0
            columns.lots[block, slot, place], columns.cash[block, slot, place] = 0.0, 0.0
        columns.positions[row] = used
        columns.free[row], columns.debt[row] = free, debt
        columns.care[row] = EXACT if not told else STARTED if user.liquidation_start_ms != 0 else TOLD


@njit(cache=True)
def requirement_line(row: Int) -> Int:
    """`(alpha, beta, ok)`: at cancel margin a notional of `n` atoms requires at most `n * (alpha + beta * n)`.

    From the first tier's ratio a straight line over the whole dollars that no later point passes: within a tier the
    rise over the notional is greatest at one of its ends. One bp and one dollar more for each rounding of the ratio.
    """
    first, steepest, ok = np.float64(row.tier_ratio_bps[0]), 0.0, True
    for point in range(1, 4):
        bound, ratio = np.float64(row.tier_bound_usd[point]), np.float64(row.tier_ratio_bps[point])
        ok = ok and row.tier_bound_usd[point] > row.tier_bound_usd[point - 1]
        ok = ok and row.tier_ratio_bps[point] >= row.tier_ratio_bps[point - 1]
        steepest = max(steepest, (ratio - first) / bound if ok else 0.0)
    if not ok:
        return 0.0, 0.0, False
    steepest = max(steepest, (BPS_ONE - first) / (2.0 * np.float64(row.tier_bound_usd[3])))
    alpha = (CANCEL_FRACTION * (first + steepest + 1.0) + 1.0) / BPS_ONE
    return alpha, CANCEL_FRACTION * steepest / (BPS_ONE * float(ATOMS_PER_USD)), True


@njit(cache=True)
def cash_index_move(now: Int, high: Int, low: Int, factor: Int) -> Int:
    """Atoms that one lot at size factor `factor` has received since the cash index `(high, low)`; NaN at no factor."""
    move_high, move_low = subtract_wide(now.high, now.low, high, low)
    size_high, size_low = magnitude_wide(move_high, move_low)
    if size_high == ZERO and size_low == ZERO:
        return 0.0
    if factor == ZERO:
        return NEVER
    move = (np.float64(size_high) * WORD + np.float64(size_low)) / np.float64(factor)
    return -move if move_high < 0 else move


@njit(cache=True)
def side_coefficients(cache: Int, j_high: Int, j_low: Int, out: Int) -> None:
    """Fill `out`, shape `(SIDES, WIDTH)`, from the rows of the cache; NaN for a side that has to be valued exactly."""
    out[0] = 0.0
    for market in range(MARKETS):
        row = cache.markets[market]
        alpha, beta, ok = requirement_line(row)
        least = MAINTENANCE_FRACTION * np.float64(row.tier_ratio_bps[0]) / BPS_ONE
        price = sober_mark(row)
        ok = ok and row.mark_price_q32 != ZERO and max(row.mark_price_q32, price) < PRICE_LIMIT
        mark = np.float64(price) / PRICE_ONE
        for short in range(2):
            side, now = 1 + 2 * market + short, row.j[short]
            move = cash_index_move(now, j_high[side], j_low[side], row.a[short])
            slack, cut, fine = ROUNDED_ATOMS, 0.0, ok and cash_index_in_guard(now.high, now.low)
            if row.a[short] != WHOLE:
                # A dropped fraction of a lot counts in steps of 2^-16, at the mark whatever the print.
                cut = mark
                slack += mark / (1 << 14) + abs(np.float64(row.mark_price_q32) / PRICE_ONE - mark)
            out[side, WORTH], out[side, PRICE] = mark + move if fine else NEVER, mark
            out[side, SPREAD], out[side, SLACK] = mark + abs(move), slack
            out[side, ALPHA], out[side, BETA] = alpha, beta
            # The notional of whole lots: the fraction that is dropped requires nothing.
            out[side, LEAST], out[side, LEAST_SLACK] = least, slack + (1.0 + cut) * least


@njit(cache=True)
def asset_coefficients(cache: Int, now_ms: Int, out: Int) -> None:
    """Fill `out`, shape `(ASSET_ROWS, ASSET_WIDTH)`: weights at maintenance, a stale price at its TWAP less 10 %."""
    out[:] = 0.0
    for asset in range(1, ASSETS):
        row = cache.collaterals[asset]
        price, full = sober_price(row), np.int64(row.weight_maintenance_bps)
        if now_ms - row.publish_time_ms >= COLLATERAL_STALE_MS:
            stale, _ = multiply_divide_floor(row.twap_q48, np.uint64(9), np.uint64(10))
            price = min(price, stale)
        out[asset, ASSET_SLACK] = ROUNDED_ATOMS
        out[asset, UNIT] = np.float64(price) / TOKEN_ONE
        out[asset, FULL] = np.float64(full) / BPS_ONE
        if row.scale_thousand_usd != 0:
            scale = np.float64(row.scale_thousand_usd) * np.float64(THOUSAND_USD)
            # The weight is a whole bp, rounded down.
            out[asset, FULL] = (np.float64(full) - 1.01) / BPS_ONE if full <= BPS_ONE else NEVER
            out[asset, FALL], out[asset, REACH] = np.float64(full - (full >> 1)) / BPS_ONE, 1.0 / scale
