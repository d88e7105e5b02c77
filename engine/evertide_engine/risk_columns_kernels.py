"""Kernels that turn `User` records into the columns of `risk_columns`, and prices into coefficients of these.

The bound: equity less requirement at cancel margin is at least the sum, over a user's parts, of numbers that are each
rounded away from safety by more than every error of the floats. A position of `l` lots is worth at least
`l * (slope - bend * l) - slack`. Where l is the nearest single to the true size, slope and bend carry 2^-20 of
their own terms against the 2^-24 by which it can be off, and against every rounding of the sum.
"""

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
    PRICE_BITS,
)
from .exact_rows_kernels import (
    CASH_MOST,
    CLOSED,
    COUNT_SHIFT,
    CREDIT,
    DROPPED_MASK,
    FIRST,
    LOTS_SHIFT,
    QUOTE,
    RECORD,
    REST_MASK,
    SAYS,
    SIDE_SHIFT,
    SLOT_SHIFT,
    STALE,
    STARTED,
    WORDS_EACH,
)
from .folding import FOLDED, LAST_EPOCH, WHOLE, cash_index_in_guard, fold_cash, fold_kind, fold_size
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
ASSET_ROWS = int(COLLATERALS_MAX)
SIZE_MOST = 1 << 30
"""Lots below which a size goes into the vectors of the exact scan."""
PLAIN, CREDITED = 1, 2
"""Who is in these: with a quote that is not owed alone, or with a credit that only the record tells."""

SLOPE, BEND, SLACK, WEIGHT, WIDTH = 0, 1, 2, 3, 4
"""Coefficients of a side; the weight is the mark, or the slope's size where that is more: of no use to the bound."""
UNIT, FULL, FALL, REACH, ASSET_SLACK, ASSET_WIDTH = 0, 1, 2, 3, 4, 8
"""Coefficients of an asset: value of an atom, weight at nothing, its fall over the scale, one over that, slack."""
ROUNDED_ATOMS = 8.0
"""Atoms that the roundings of one position or asset can take: two folds, value, notional and requirement."""
SINGLE_ERROR = 2.0**-20
"""Part of each term that is taken off it: a size is off by 2^-24 of it, and a sum of 40 terms by 2^-47 of theirs."""
DOUBLE_ERROR = 2.0**-44
"""The same where a term and all that it is made of are doubles: fewer than 2^6 roundings of 2^-53, and the sum's."""
VALUE_MOST = 2.0**46
"""Notional, or worth of an asset, in atoms, below which no guard of the exact valuation can be passed."""
NEVER = np.nan
"""Makes every bound that it enters uncertain, so that the user is valued exactly."""

PRICE_ONE, TOKEN_ONE = float(1 << PRICE_BITS), float(1 << COLLATERAL_PRICE_BITS)
FACTOR_ONE, WORD = float(1 << INDEX_BITS), float(1 << 64)
CANCEL_FRACTION = CANCEL_FRACTION_BPS / BPS_ONE


@njit(cache=True)
def pack_position(position: Int, slot: Int, cache: Int, j_high: Int, j_low: Int) -> Int:
    """`(side, words, ok)` of one position: the three words of its exact row; not `ok` where only the record tells."""
    basis, cash, market = position.basis_lots, position.cash_atoms, np.int64(position.market_plus_one)
    ok = market <= MARKETS and -CASH_MOST <= cash <= CASH_MOST
    nothing = np.int64(0)
    if basis == 0 or not ok:
        return nothing, nothing, cash, nothing, ok
    short = 1 if basis < 0 else 0
    side = 2 * market - 1 + short
    row, snapshot = cache.markets[market - 1], position.a_snapshot
    kind = fold_kind(basis, snapshot, np.int64(position.epoch), row.a[short], np.int64(row.epoch[short]))
    past = position.j_snapshot
    if kind not in (FOLDED, LAST_EPOCH) or not cash_index_in_guard(past.high, past.low):
        return nothing, nothing, nothing, nothing, False
    more = np.int64(side << SIDE_SHIFT) | np.int64(slot << SLOT_SHIFT)
    if kind == LAST_EPOCH:
        before = row.j_previous[short]
        change, fits = fold_cash(basis, before.high, before.low, past.high, past.low, snapshot)
        fits = fits and magnitude(basis) <= LOTS_MOST and -CASH_MOST <= change <= CASH_MOST
        return side, nothing, cash + change, more | CLOSED, fits
    size, dropped, whole = fold_size(basis, row.a[short], snapshot)
    change, fits = fold_cash(basis, j_high[side], j_low[side], past.high, past.low, snapshot)
    _, moved = subtract_wide(j_high[side], j_low[side], past.high, past.low)
    # What the division left is below the snapshot of A, so that the low words tell it.
    rest = np.uint64(basis) * moved - np.uint64(change) * snapshot
    more = more | np.int64(rest) | (STALE if row.a[short] != snapshot else 0)
    fits = fits and whole and -CASH_MOST <= change <= CASH_MOST
    return side, (size << LOTS_SHIFT) | np.int64(dropped), cash + change, more, fits


@njit(cache=True)
def compact_quote(user: Int, index: Int) -> Int:
    """`(free, debt, ok)` of the quote balance: not negative, or what is owed over the debt index at its snapshot."""
    balance, snapshot = user.quote_atoms, user.debt_index_q48
    if balance >= 0:
        return balance, 0.0, in_atoms(balance)
    ok = in_atoms(balance) and DEBT_ONE <= snapshot <= index <= DEBT_MOST
    return np.int64(0), (-np.float64(balance) / np.float64(snapshot) if ok else 0.0), ok


@njit(cache=True)
def compact_assets(user: Int, block: Int, place: Int, columns: Int) -> Int:
    """Write a user's assets; `(slots used, ok)`."""
    used, left, told = 0, np.int64(user.collateral_count), True
    for slot in range(SLOTS):
        asset = np.int64(user.collaterals[slot].collateral_index)
        if asset == 0 or left == 0:
            continue
        left -= 1
        told = bool(told and asset < ASSETS)
        columns.asset[block, used, place] = asset if asset < ASSETS else 0
        columns.amount[block, used, place] = np.float64(user.collaterals[slot].amount_atoms)
        used += 1
    for slot in range(used, np.int64(columns.assets[block * BLOCK + place])):
        columns.asset[block, slot, place], columns.amount[block, slot, place] = 0, 0.0
    return used, told


@njit(cache=True)
def compact_rows(users: Int, rows: Int, cache: Int, j_high: Int, j_low: Int, columns: Int, most: Int) -> None:
    """Write columns and exact rows of some rows of a `USER` array; `most` keeps the largest size of each side."""
    index, exact = cache.collaterals[0].debt_index_q48, columns.exact
    for at in range(rows.shape[0]):
        row = rows[at]
        user, block, place = users[row], row // BLOCK, row % BLOCK
        total, debt, told = compact_quote(user, index)
        assets, fine = compact_assets(user, block, place, columns)
        told = bool(told and fine)
        used, left, plain, cash_of_all = 0, np.int64(user.position_count), True, np.int64(0)
        for slot in range(POSITIONS):
            if user.positions[slot].market_plus_one == 0 or left == 0:
                continue
            left -= 1
            side, packed, cash, more, ok = pack_position(user.positions[slot], slot, cache, j_high, j_low)
            word = FIRST + WORDS_EACH * used
            exact[row, word], exact[row, word + 1], exact[row, word + 2] = packed, cash, more
            held = magnitude(packed >> LOTS_SHIFT) + np.uint64(1 if packed & ((1 << LOTS_SHIFT) - 1) else 0)
            columns.side[block, used, place], columns.lots[block, used, place] = side, np.float32(held)
            most[side] = max(most[side], np.float64(held))
            told, total = bool(told and ok), total + cash
            size, rest, cash_of_all = packed >> LOTS_SHIFT, more & REST_MASK, cash_of_all + cash
            plain = plain and -SIZE_MOST < size < SIZE_MOST and packed & DROPPED_MASK == 0 and more & STALE == 0
            columns.size[block, used, place], columns.rest[block, used, place] = np.int32(size), rest
            used += 1
        for slot in range(used, np.int64(columns.positions[row])):
            columns.side[block, slot, place], columns.lots[block, slot, place] = 0, 0.0
            columns.size[block, slot, place], columns.rest[block, slot, place] = 0, 0
        columns.positions[row], columns.assets[row] = used, assets
        columns.debt[row] = debt
        # Rounded down by more than the sum of the bound can lose of it.
        columns.base[row] = np.float64(total) - abs(np.float64(total)) * DOUBLE_ERROR
        says = (0 if told else RECORD) | (CREDIT if assets or user.quote_atoms < 0 else 0)
        says = says | (STARTED if user.liquidation_start_ms != 0 else 0)
        columns.care[row] = says & (RECORD | STARTED)
        kind = CREDITED if says & CREDIT else PLAIN
        columns.total[row] = cash_of_all + (0 if says & CREDIT else user.quote_atoms)
        columns.plain[row] = kind if plain and says & RECORD == 0 else 0
        exact[row, QUOTE], exact[row, SAYS] = user.quote_atoms, says | (used << COUNT_SHIFT)


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
def side_coefficients(cache: Int, j_high: Int, j_low: Int, most: Int, out: Int) -> None:
    """Fill `out`, shape `(SIDES, WIDTH)`, from the rows of the cache; NaN for a side that has to be valued exactly."""
    out[0] = 0.0
    for market in range(MARKETS):
        row = cache.markets[market]
        alpha, beta, ok = requirement_line(row)
        price = sober_mark(row)
        ok = ok and row.mark_price_q32 != ZERO and max(row.mark_price_q32, price) < PRICE_LIMIT
        mark = np.float64(price) / PRICE_ONE
        for short in range(2):
            side, now = 1 + 2 * market + short, row.j[short]
            move = cash_index_move(now, j_high[side], j_low[side], row.a[short])
            slack, sign, fine = ROUNDED_ATOMS, (-1.0 if short else 1.0), ok and cash_index_in_guard(now.high, now.low)
            if row.a[short] != WHOLE:
                # A fraction of a lot that a fold dropped is a whole one in the columns. It is worth no less than
                # nothing, and to a short at most the mark, whatever the print.
                slack += 2.0 * (max(np.float64(row.mark_price_q32) / PRICE_ONE, mark) + abs(move))
            spread = mark + abs(move)
            fine = fine and most[side] * spread < VALUE_MOST
            # Of a notional `l * mark + 1` the requirement is at most that times (alpha + beta times that).
            linear = mark * (alpha + 2.0 * beta)
            slope = sign * (mark + move) - linear - (spread + linear) * SINGLE_ERROR
            out[side, SLOPE], out[side, WEIGHT] = slope if fine else NEVER, max(mark, abs(slope))
            out[side, BEND] = beta * mark * mark * (1.0 + SINGLE_ERROR)
            out[side, SLACK] = (slack + alpha + beta) * (1.0 + SINGLE_ERROR)


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
