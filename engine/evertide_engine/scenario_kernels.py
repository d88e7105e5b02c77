"""Kernels of the stress test: every account at every scenario's prices, by a bound in floats or exact to the atom."""

# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import ATOMS_PER_USD, BPS_ONE, MAINTENANCE_FRACTION_BPS, MAX_NOTIONAL_ATOMS
from .exact_rows_kernels import (
    BOUND,
    CLOSED_BIT,
    COUNT_BITS,
    CREDIT_MOST,
    DROPPED_MASK,
    EQUITY,
    FACTOR,
    FIRST,
    FIRST_ATOMS,
    FIRST_RATIO,
    FRACTION,
    INDEX_SHIFT,
    LADDER,
    LOTS_SHIFT,
    MAINTENANCE_AT,
    MAINTENANCE_FRACTION,
    MOVE,
    RATIO,
    RECORD,
    REST_BITS,
    SAYS,
    SHIFT,
    SIDE_BITS,
    SLOT_BITS,
    SLOT_MASK_BITS,
    STALE_BIT,
    UP,
    USABLE,
    WORDS_EACH,
    at_fraction,
    demanded,
    moved_cash,
    size_bps,
)
from .liquidation_kernels import credit_of, ladder_user
from .margin_kernels import ASSETS, MAINTENANCE, MARKETS, POSITIONS, PRICE_LIMIT, VALUED, credit_part
from .risk_columns_kernels import DOUBLE_ERROR, PRICE_ONE, ROUNDED_ATOMS, VALUE_MOST
from .sober import sober_mark
from .wide import ONE, ZERO, Int, multiply_divide_floor, multiply_high

NOTIONAL_MOST = np.uint64(MAX_NOTIONAL_ATOMS)
MAINTENANCE_PART = MAINTENANCE_FRACTION_BPS / BPS_ONE
WHOLE = np.uint64(BPS_ONE)
LOW_BITS = (1 << 32) - 1
LOTS_IN_VECTORS, NOTIONAL_IN_VECTORS = 2.0**31, 2.0**39
"""Below these every product of a vector fits in 63 bits, or in the 53 of a double."""
RATIO_IN_PARTS = 1 << 11
"""Ratio in bps whose product with such a notional is below 2^50."""
BPS_PART, HALF_PART = 1.0 / BPS_ONE, 0.5 / BPS_ONE


@njit(cache=True)
def shocked(price: Int, shock_bps: Int) -> Int:
    """`floor(price * (10_000 + shock) / 10_000)`; the limit of prices where it is not below that."""
    value, ok = multiply_divide_floor(price, np.uint64(BPS_ONE + shock_bps), WHOLE)
    return value if ok and value < PRICE_LIMIT else PRICE_LIMIT


@njit(cache=True)
def shocked_asset(price: Int, shock_bps: Int) -> Int:
    """As `shocked`, of an asset, whose prices have all 64 bits."""
    value, ok = multiply_divide_floor(price, np.uint64(BPS_ONE + shock_bps), WHOLE)
    return value if ok else ~ZERO


@njit(cache=True)
def shock_caches(market_shocks, asset_shocks, caches) -> None:
    """Move the prices of each of the copies of a risk cache by its scenario's shocks, marks and TWAPs alike."""
    for at in range(caches.shape[0]):
        for market in range(MARKETS):
            row = caches[at].markets[market]
            row.mark_price_q32 = shocked(row.mark_price_q32, market_shocks[at, market])
            row.twap_price_q32 = shocked(row.twap_price_q32, market_shocks[at, market])
        for asset in range(ASSETS):
            place = caches[at].collaterals[asset]
            place.price_q48 = shocked_asset(place.price_q48, asset_shocks[at, asset])
            place.twap_q48 = shocked_asset(place.twap_q48, asset_shocks[at, asset])


@njit(cache=True)
def scenario_prices(caches, exact_prices, upper, lower, prices, highest) -> None:
    """Fill `(markets, scenarios)`: prices as `uint64`, their upper and lower 32 bits, in atoms; each market's highest.

    The highest is infinite where a scenario leaves the market without a price within the guard.
    """
    highest[:] = 0.0
    for market in range(MARKETS):
        for at in range(caches.shape[0]):
            row = caches[at].markets[market]
            price = sober_mark(row)
            prices[market, at] = np.float64(price) / PRICE_ONE
            upper[market, at], lower[market, at] = np.int64(price >> SHIFT), np.int64(price & FRACTION)
            usable = row.mark_price_q32 != ZERO and max(price, row.mark_price_q32) < PRICE_LIMIT
            # Beyond the limit the account's own record says why: a market may lose its price in one scenario alone.
            exact_prices[market, at] = price if usable else PRICE_LIMIT
            highest[market] = max(highest[market], prices[market, at] if usable else np.inf)


@njit(cache=True)
def maintenance_lines(cache, lines) -> None:
    """Fill `(alpha, beta)` of each market: a notional of `n` atoms requires at most `n * (alpha + beta * n)`.

    As `risk_columns_kernels.requirement_line`, at maintenance.
    """
    for market in range(MARKETS):
        row = cache.markets[market]
        first, steepest = np.float64(row.tier_ratio_bps[0]), 0.0
        for point in range(1, 4):
            rise = np.float64(row.tier_ratio_bps[point]) - first
            steepest = max(steepest, rise / max(np.float64(row.tier_bound_usd[point]), 1.0))
        steepest = max(steepest, (BPS_ONE - first) / max(2.0 * np.float64(row.tier_bound_usd[3]), 1.0))
        lines[market, 0] = (MAINTENANCE_PART * (first + steepest + 1.0) + 1.0) / BPS_ONE
        lines[market, 1] = MAINTENANCE_PART * steepest / (BPS_ONE * float(ATOMS_PER_USD))


@njit(cache=True)
def open_row(exact, row: Int, table, users, sizes, sides) -> Int:
    """`(ok, plain, positions, cash)` of an account: folded sizes and sides into place, the cash of all in atoms.

    Not `ok` where only its record tells; not `plain` where a fold dropped part of a lot.
    """
    says = np.uint64(exact[row, SAYS])
    ok, plain, total, used = exact[row, SAYS] & RECORD == 0, True, np.int64(0), 0
    for at in range(np.int64(says >> COUNT_BITS)):
        base = FIRST + WORDS_EACH * at
        packed, cash, more = exact[row, base], exact[row, base + 1], np.uint64(exact[row, base + 2])
        side = np.int64((more >> INDEX_SHIFT) & SIDE_BITS)
        total += cash
        if side == 0:
            continue
        ok = ok and table[side, USABLE] != 0
        size = packed >> LOTS_SHIFT
        if table[side, MOVE] != 0 and more & CLOSED_BIT == ZERO:
            basis, divisor = size, np.uint64(table[side, FACTOR])
            if more & STALE_BIT != ZERO:
                slot = (more >> SLOT_BITS) & SLOT_MASK_BITS
                basis, divisor = users[row].positions[slot].basis_lots, users[row].positions[slot].a_snapshot
            change, fits = moved_cash(basis, table[side, MOVE], more & REST_BITS, divisor)
            total, ok = total + change, ok and fits
        plain = plain and packed & DROPPED_MASK == 0
        sizes[used], sides[used] = size, side
        used += 1
    return ok, plain, used, total


@njit(cache=True)
def trust(used: Int, sizes, sides, highest) -> Int:
    """What may compute an account: 2 vectors of integers and floats, exact; 1 floats as a bound; 0 neither."""
    level = 2
    for at in range(used):
        held = np.float64(abs(sizes[at]))
        notional = held * highest[(sides[at] - 1) >> 1]
        if not notional < VALUE_MOST:
            return 0
        level = min(level, 2 if held < LOTS_IN_VECTORS and notional < NOTIONAL_IN_VECTORS else 1)
    return level


@njit(cache=True, error_model="numpy")
def coefficients(size: Int, line):
    """`(slope, bend, rest)`: a position worth `v` atoms leaves at least `v * (slope - bend * v) - rest` of them."""
    alpha, beta = line[0], line[1]
    sign, linear = (-1.0 if size < 0 else 1.0), alpha + 2.0 * beta
    return sign - linear - (1.0 + linear) * DOUBLE_ERROR, beta * (1.0 + DOUBLE_ERROR), alpha + beta


@njit(cache=True, error_model="numpy")
def is_far(used: Int, credit: Int, sizes, sides, lowest, highest, lines) -> bool:
    """Whether an account reaches maintenance at the worst of its prices in each market: at one end, as `v` bends."""
    least = np.float64(credit) - abs(np.float64(credit)) * DOUBLE_ERROR - ROUNDED_ATOMS * (used + 1)
    for at in range(used):
        market, held = (sides[at] - 1) >> 1, np.float64(abs(sizes[at]))
        slope, bend, rest = coefficients(sizes[at], lines[market])
        low, high = held * lowest[market], held * highest[market]
        least += min(low * (slope - bend * low), high * (slope - bend * high)) - rest
    return bool(least >= 0.0)


@njit(cache=True, error_model="numpy")
def bound_row(used: Int, credit: Int, sizes, sides, prices, lines, excess) -> bool:
    """Fill the least equity less maintenance in every scenario, in atoms; whether none of it is negative."""
    excess[:] = np.float64(credit) - abs(np.float64(credit)) * DOUBLE_ERROR - ROUNDED_ATOMS * (used + 1)
    for at in range(used):
        market, held = (sides[at] - 1) >> 1, np.float64(abs(sizes[at]))
        slope, bend, rest = coefficients(sizes[at], lines[market])
        row = prices[market]
        for scenario in range(excess.shape[0]):
            value = held * row[scenario]
            excess[scenario] += value * (slope - bend * value) - rest
    # Counted, not the least of them: a minimum of floats is taken one after the other, for what a NaN would be in it.
    short = 0
    for scenario in range(excess.shape[0]):
        short += np.int64(not excess[scenario] >= 0.0)
    return bool(short == 0)


@njit(cache=True, error_model="numpy")
def add_small(size: Int, ratio: Int, upper, lower, equity, needed) -> None:
    """Add a position within the first tier in every scenario: `ratio` bps of its notional, rounded up.

    Below 2^31 lots and 2^39 atoms each product fits. Of one below 2^50 the quotient by 10,000 is below 2^37, and its
    product with the double next to a ten-thousandth off by less than 2^-16: half a ten-thousandth taken off, it rounds
    up to the right whole, without a division.
    """
    negative, bps = size >> 63, np.float64(ratio)
    held = (size ^ negative) - negative
    for scenario in range(upper.shape[0]):
        low = held * lower[scenario]
        floor = held * upper[scenario] + (low >> 32)
        more = np.int64((low & LOW_BITS) != 0)
        equity[scenario] += ((floor + (more & negative)) ^ negative) - negative
        needed[scenario] += np.int64(np.ceil(np.float64(floor + more) * bps * BPS_PART - HALF_PART))


@njit(cache=True, error_model="numpy")
def add_large(size: Int, side: Int, table, upper, lower, equity, needed) -> None:
    """As `add_small`, through all tiers: quotients of integers below 2^48 by ones below 2^32 are exact too."""
    negative = size >> 63
    held = (size ^ negative) - negative
    b0, b1, b2 = float(table[side, BOUND]), float(table[side, BOUND + 1]), float(table[side, BOUND + 2])
    r0, r1, r2 = float(table[side, RATIO]), float(table[side, RATIO + 1]), float(table[side, RATIO + 2])
    b3, r3 = float(table[side, BOUND + 3]), float(table[side, RATIO + 3])
    for scenario in range(upper.shape[0]):
        low = held * lower[scenario]
        floor = held * upper[scenario] + (low >> 32)
        more = np.int64((low & LOW_BITS) != 0)
        equity[scenario] += ((floor + (more & negative)) ^ negative) - negative
        notional = np.float64(floor + more)
        usd = np.ceil(notional / 1e6)
        at = b0 if usd <= b1 else (b1 if usd <= b2 else b2)
        to = b1 if usd <= b1 else (b2 if usd <= b2 else b3)
        base = r0 if usd <= b1 else (r1 if usd <= b2 else r2)
        top = r1 if usd <= b1 else (r2 if usd <= b2 else r3)
        initial = base + np.ceil((top - base) * (usd - at) / (to - at))
        initial = r0 if usd <= b0 else initial
        initial = initial if usd <= b3 else (r3 if usd <= 2.0 * b3 else 10_000.0)
        part = np.ceil(initial * float(MAINTENANCE_FRACTION_BPS) / 10_000.0)
        needed[scenario] += np.int64(np.ceil(notional * part / 10_000.0))


@njit(cache=True)
def value_in_all(used: Int, credit: Int, sizes, sides, table, upper, lower, highest, equity, needed) -> None:
    """Fill equity and maintenance requirement of an account in every scenario, in atoms, as the program would."""
    equity[:], needed[:] = credit, 0
    for at in range(used):
        size, side = sizes[at], sides[at]
        market = (side - 1) >> 1
        # A price is at most 2^-50 of itself more than its double.
        within = np.float64(abs(size)) * highest[market] + 2.0 < np.float64(table[side, FIRST_ATOMS])
        if within and table[side, FIRST_RATIO] < RATIO_IN_PARTS:
            add_small(size, table[side, FIRST_RATIO], upper[market], lower[market], equity, needed)
        else:
            add_large(size, side, table, upper[market], lower[market], equity, needed)


@njit(cache=True)
def add_up(amounts, count, high, low) -> None:
    """Count the positive amounts of each scenario and add them; few enough arrays that the loop runs in vectors."""
    for scenario in range(amounts.shape[0]):
        amount = max(amounts[scenario], 0)
        count[scenario] += np.int64(amount > 0)
        high[scenario] += amount >> 32
        low[scenario] += amount & LOW_BITS


@njit(cache=True)
def take_off(missing, equity, worst):
    """Take the equity off what is required in each scenario; whether any is short, bankrupt, or more so than any."""
    short, bankrupt, record = 0, 0, 0
    for scenario in range(equity.shape[0]):
        own = equity[scenario]
        lacks = missing[scenario] - own
        missing[scenario] = lacks
        short |= np.int64(lacks > 0)
        bankrupt |= np.int64(own < 0)
        record |= np.int64(lacks > worst[scenario])
    return short != 0, bankrupt != 0, record != 0


@njit(cache=True)
def count_all(row: Int, equity, missing, results) -> None:
    """Take one account in every scenario into the results; `missing` comes in as its requirements."""
    below, bankrupt, _, short_high, short_low, deficit_high, deficit_low, worst_row, worst, worst_equity = results
    short, owes, record = take_off(missing, equity, worst)
    if short:
        add_up(missing, below, short_high, short_low)
    if record:
        for scenario in range(equity.shape[0]):
            if missing[scenario] > worst[scenario]:
                worst_row[scenario], worst[scenario] = row, missing[scenario]
                worst_equity[scenario] = equity[scenario]
    # No requirement is negative: who owes lacks.
    if owes:
        for scenario in range(equity.shape[0]):
            missing[scenario] = -equity[scenario]
        add_up(missing, bankrupt, deficit_high, deficit_low)


@njit(cache=True)
def value_at(used: Int, credit: Int, sizes, sides, exact_prices, scenario: Int, table) -> Int:
    """`(ok, equity, maintenance requirement)` of an account in one scenario, in atoms, whatever its sizes."""
    ok, equity, needed = True, credit, np.int64(0)
    for at in range(used):
        size, side = sizes[at], np.uint64(sides[at])
        price = exact_prices[np.uint64(side - ONE) >> ONE, scenario]
        negative = size >> 63
        held = np.uint64((size ^ negative) - negative)
        low, high = held * price, multiply_high(held, price)
        floor = (high << UP) | (low >> SHIFT)
        part = np.uint64(low & FRACTION != ZERO)
        ceil = floor + part
        ok = ok and price < PRICE_LIMIT and (high >> SHIFT == ZERO) and ceil <= NOTIONAL_MOST
        equity += (np.int64(floor + (part & np.uint64(negative))) ^ negative) - negative
        needed += demanded(ceil, size_bps(ceil, side, table), MAINTENANCE_FRACTION)
    return ok, equity, needed


@njit(cache=True)
def value_each(row: Int, users, caches, now_ms: Int, ok: bool, credit: Int, cash: Int, moving: bool, account, state):
    """Fill equity and requirement one scenario at a time; what cannot be valued counts apart and lacks nothing."""
    used, sizes, sides, table = account
    exact_prices, equity, needed, unvalued, ladder = state
    for scenario in range(equity.shape[0]):
        told, own, need, here = ok, np.int64(0), np.int64(0), credit
        if told and moving:
            status, _, here, _ = credit_part(MAINTENANCE, users[row], caches[scenario], now_ms)
            told = status == VALUED and -CREDIT_MOST <= here <= CREDIT_MOST
        if told:
            told, own, need = value_at(used, here + cash, sizes, sides, exact_prices, scenario, table)
        if not told:
            told = ladder_user(users[row], caches[scenario], now_ms, ladder) == VALUED
            own, need = ladder[EQUITY], ladder[MAINTENANCE_AT]
        equity[scenario], needed[scenario] = (own, need) if told else (np.int64(0), np.int64(0))
        unvalued[scenario] += np.int64(not told)


@njit(cache=True)
def stress_all(users, count: Int, exact, table, caches, now_ms: Int, assets_move: bool, results) -> None:
    """Every account in every scenario into `results`: arrays of the scenarios, as `count_all` names them."""
    scenarios = caches.shape[0]
    exact_prices, prices = np.empty((MARKETS, scenarios), np.uint64), np.empty((MARKETS, scenarios))
    upper, lower = np.empty((MARKETS, scenarios), np.int64), np.empty((MARKETS, scenarios), np.int64)
    highest, lines, excess = np.empty(MARKETS), np.empty((MARKETS, 2)), np.empty(scenarios)
    scenario_prices(caches, exact_prices, upper, lower, prices, highest)
    maintenance_lines(caches[0], lines)
    lowest = np.array([prices[market].min() for market in range(MARKETS)])
    at_fraction(table, MAINTENANCE_FRACTION)
    sizes, sides, ladder = np.empty(POSITIONS, np.int64), np.empty(POSITIONS, np.int64), np.empty(LADDER, np.int64)
    equity, needed = np.empty(scenarios, np.int64), np.empty(scenarios, np.int64)
    for row in range(count):
        fine, credit = credit_of(exact, np.uint64(row), users, caches[0], now_ms)
        ok, plain, used, cash = open_row(exact, row, table, users, sizes, sides)
        ok = ok and fine and plain
        moving = assets_move and users[row].collateral_count != 0
        level = trust(used, sizes, sides, highest) if ok and not moving else 0
        if level > 0 and is_far(used, credit + cash, sizes, sides, lowest, highest, lines):
            continue
        if level > 0 and bound_row(used, credit + cash, sizes, sides, prices, lines, excess):
            continue
        if level == 2:
            value_in_all(used, credit + cash, sizes, sides, table, upper, lower, highest, equity, needed)
        else:
            account, state = (used, sizes, sides, table), (exact_prices, equity, needed, results[2], ladder)
            value_each(row, users, caches, now_ms, ok, credit, cash, moving, account, state)
        count_all(row, equity, needed, results)
