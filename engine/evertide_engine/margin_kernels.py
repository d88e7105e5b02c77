"""Kernels of the margin scan: the program's valuation of an account, one pass over its occupied slots."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import (
    ATOMS_PER_THOUSAND_USD,
    ATOMS_PER_USD,
    AUTO_DELEVERAGE_FRACTION_BPS,
    BACKSTOP_FRACTION_BPS,
    BPS_ONE,
    CANCEL_FRACTION_BPS,
    COLLATERAL_PRICE_BITS,
    COLLATERAL_STALE_MS,
    COLLATERALS_MAX,
    DEBT_INDEX_ONE,
    MAINTENANCE_FRACTION_BPS,
    MARKETS_MAX,
    MAX_ATOMS,
    MAX_ATOMS_PER_LOT_TICK,
    MAX_DEBT_INDEX,
    MAX_LOTS,
    MAX_NOTIONAL_ATOMS,
    POSITIONS_MAX,
    PRICE_BITS,
    PRICE_LIMIT_Q32,
    TICKS_LIMIT,
    USER_COLLATERALS_MAX,
    WEIGHT_SCALE_BITS,
    MarginKind,
)
from .folding import FOLDED, KEPT, dropped_value, fold_cash, fold_kind, fold_size
from .margin_status import Status
from .prices import price_of_ticks
from .sober import sober_mark, sober_price
from .wide import (
    ONE,
    ZERO,
    Int,
    magnitude,
    multiply_divide_ceil,
    multiply_divide_floor,
    multiply_shift_ceil,
    multiply_shift_floor,
    with_sign,
)

INITIAL, FILL, WITHDRAWAL = int(MarginKind.INITIAL), int(MarginKind.FILL), int(MarginKind.WITHDRAWAL)
CANCEL, MAINTENANCE, BACKSTOP = int(MarginKind.CANCEL), int(MarginKind.MAINTENANCE), int(MarginKind.BACKSTOP)
AUTO_DELEVERAGE = int(MarginKind.AUTO_DELEVERAGE)
VALUED, OUT_OF_GUARD = int(Status.VALUED), int(Status.OUT_OF_GUARD)
NOT_PRICED, EPOCH_MISMATCH = int(Status.NOT_PRICED), int(Status.EPOCH_MISMATCH)
SHIFT, ASSET_SHIFT = np.uint64(PRICE_BITS), np.uint64(COLLATERAL_PRICE_BITS)
NOTIONAL_MOST, ATOMS_MOST, LOTS_MOST = np.uint64(MAX_NOTIONAL_ATOMS), np.uint64(MAX_ATOMS), np.uint64(MAX_LOTS)
PRICE_LIMIT, TICK_LIMIT = np.uint64(PRICE_LIMIT_Q32), np.uint64(TICKS_LIMIT)
TICK_VALUE_MOST = np.uint64(MAX_ATOMS_PER_LOT_TICK)
DEBT_ONE, DEBT_MOST = np.uint64(DEBT_INDEX_ONE), np.uint64(MAX_DEBT_INDEX)
THOUSAND_USD = np.uint64(ATOMS_PER_THOUSAND_USD)
WHOLE = np.uint64(BPS_ONE)
MARKETS, ASSETS = int(MARKETS_MAX), int(COLLATERALS_MAX)
POSITIONS, SLOTS = int(POSITIONS_MAX), int(USER_COLLATERALS_MAX)
SCALE_BITS = int(WEIGHT_SCALE_BITS)


@njit(cache=True)
def counts_orders(kind: Int) -> bool:
    """Open orders count when risk may rise."""
    return bool(kind in (INITIAL, FILL, WITHDRAWAL))


@njit(cache=True)
def is_strict(kind: Int) -> bool:
    """Positions at the worse of mark and TWAP, collateral less its confidence."""
    return bool(kind in (INITIAL, WITHDRAWAL))


@njit(cache=True)
def add(left: Int, right: Int) -> Int:
    """`(sum, ok)` of two `int64`; `ok` is False where it would wrap."""
    total = left + right
    return total, ((left ^ total) & (right ^ total)) >= 0


@njit(cache=True)
def in_atoms(value: Int) -> bool:
    """Whether an `int64` lies within the guard of atoms."""
    return bool(-MAX_ATOMS <= value <= MAX_ATOMS)


@njit(cache=True)
def notional_ceil(lots: Int, price: Int) -> Int:
    """`(ceil(lots * price), ok)` in atoms for `uint64` lots."""
    value, ok = multiply_shift_ceil(lots, price, SHIFT)
    return np.int64(value & ((ONE << np.uint64(62)) - ONE)), ok and value <= NOTIONAL_MOST


@njit(cache=True)
def signed_value_floor(size: Int, price: Int) -> Int:
    """`(floor(size * price) toward minus infinity, ok)` in atoms."""
    if size < 0:
        value, ok = multiply_shift_ceil(magnitude(size), price, SHIFT)
    else:
        value, ok = multiply_shift_floor(np.uint64(size), price, SHIFT)
    fits = ok and value <= NOTIONAL_MOST
    return with_sign(size < 0, value if fits else ZERO), fits


@njit(cache=True)
def ceil_ratio(value: Int, numerator: Int, denominator: Int) -> Int:
    """`ceil(value * numerator / denominator)` of non-negative `int64` whose product fits."""
    return (value * numerator + denominator - 1) // denominator


@njit(cache=True)
def size_ratio(notional: Int, bound_usd: Int, tier_bps: Int) -> Int:
    """Initial ratio of a notional by size, rounded up to a basis point; -1 where the tiers do not rise."""
    usd = np.int64(0) if notional <= 0 else (notional + (ATOMS_PER_USD - 1)) // ATOMS_PER_USD
    if usd <= np.int64(bound_usd[0]):
        return np.int64(tier_bps[0])
    for point in range(1, 4):
        if usd <= np.int64(bound_usd[point]):
            low_usd, low_bps = np.int64(bound_usd[point - 1]), np.int64(tier_bps[point - 1])
            rise, run = np.int64(tier_bps[point]) - low_bps, np.int64(bound_usd[point]) - low_usd
            if rise < 0 or run <= 0:
                return np.int64(-1)
            return low_bps + ceil_ratio(rise, usd - low_usd, run)
    return np.int64(tier_bps[3]) if usd <= 2 * np.int64(bound_usd[3]) else np.int64(BPS_ONE)


@njit(cache=True)
def margin_ratio(kind: Int, notional: Int, row: Int, own_bps: Int) -> Int:
    """The ratio that a kind of test demands of a notional, bps; -1 where the tiers do not rise."""
    size = size_ratio(notional, row.tier_bound_usd, row.tier_ratio_bps)
    if size < 0:
        return size
    if kind == CANCEL:
        return ceil_ratio(size, CANCEL_FRACTION_BPS, BPS_ONE)
    if kind == MAINTENANCE:
        return ceil_ratio(size, MAINTENANCE_FRACTION_BPS, BPS_ONE)
    if kind == BACKSTOP:
        return ceil_ratio(size, BACKSTOP_FRACTION_BPS, BPS_ONE)
    if kind not in (INITIAL, FILL, WITHDRAWAL):
        return ceil_ratio(size, AUTO_DELEVERAGE_FRACTION_BPS, BPS_ONE)
    initial = max(size, np.int64(row.open_interest_ratio_bps), own_bps)
    if kind == FILL:
        return (initial + ceil_ratio(size, MAINTENANCE_FRACTION_BPS, BPS_ONE) + 1) // 2
    return initial


@njit(cache=True)
def requirement(notional: Int, ratio_bps: Int) -> Int:
    """`ceil(notional * ratio / 10_000)` in atoms for a notional in its guard: quotient and remainder scaled apart."""
    return notional // BPS_ONE * ratio_bps + ceil_ratio(notional % BPS_ONE, ratio_bps, BPS_ONE)


@njit(cache=True)
def weigh_floor(value: Int, weight_bps: Int) -> Int:
    """`floor(value * weight / 10_000)` of a value in the guard of atoms that is not negative."""
    return value // BPS_ONE * weight_bps + value % BPS_ONE * weight_bps // BPS_ONE


@njit(cache=True)
def mark_of(kind: Int, row: Int) -> Int:
    """The mark that the kind of test values notional and worth at."""
    return row.mark_price_q32 if is_strict(kind) else sober_mark(row)


@njit(cache=True)
def side_demand(kind: Int, size: Int, change: Int, row: Int, own_bps: Int) -> Int:
    """`(requirement, ok)` of the size that results if one side's orders all filled, never less than the size held."""
    held, after = magnitude(size), magnitude(size + change)
    worst = max(held, after)
    notional, ok = notional_ceil(worst, mark_of(kind, row))
    ratio = margin_ratio(kind, notional, row, own_bps)
    if not ok or ratio < 0 or after > LOTS_MOST:
        return np.int64(0), False
    return requirement(notional, ratio), True


@njit(cache=True)
def reserve(lots: Int, loss: Int) -> Int:
    """`(ceil(lots * loss), ok)` in atoms: what a fill at the worst own price would lose at mark."""
    value, ok = multiply_shift_ceil(lots, loss, SHIFT)
    return np.int64(value & ((ONE << np.uint64(62)) - ONE)), ok and value <= ATOMS_MOST


@njit(cache=True)
def order_demand(kind: Int, position: Int, size: Int, row: Int, own_bps: Int) -> Int:
    """`(notional, requirement, ok)` of a position with its open orders: the worse of its two sides."""
    bid, ask, mark = position.open_bid_lots, position.open_ask_lots, mark_of(kind, row)
    high, low, tick = position.max_bid_ticks, position.min_ask_ticks, np.uint64(position.atoms_per_lot_tick)
    if bid > LOTS_MOST or ask > LOTS_MOST or high >= TICK_LIMIT or low >= TICK_LIMIT or tick > TICK_VALUE_MOST:
        return np.int64(0), np.int64(0), False
    up, fine = side_demand(kind, size, np.int64(bid), row, own_bps)
    down, also = side_demand(kind, size, -np.int64(ask), row, own_bps)
    fine = fine and also
    if bid != ZERO:
        worst = price_of_ticks(high, tick)
        part, ok = reserve(bid, worst - mark if worst > mark else ZERO)
        up, fine = up + part, fine and ok and (worst != ZERO or high == ZERO or tick == ZERO)
    if ask != ZERO:
        worst = price_of_ticks(low, tick)
        part, ok = reserve(ask, mark - worst if mark > worst else ZERO)
        down, fine = down + part, fine and ok and (worst != ZERO or low == ZERO or tick == ZERO)
    if up > MAX_ATOMS or down > MAX_ATOMS:
        fine = False
    reach = max(magnitude(size + np.int64(bid)), magnitude(size - np.int64(ask)))
    notional, ok = notional_ceil(reach, mark)
    return notional, max(up, down), fine and ok


@njit(cache=True)
def folded(position: Int, row: Int) -> Int:
    """`(status, size, cash)` of a position folded virtually against its row, what it drops at the TWAP (else mark)."""
    basis, cash, snapshot = position.basis_lots, position.cash_atoms, position.a_snapshot
    side = 1 if basis < 0 else 0
    kind = fold_kind(basis, snapshot, np.int64(position.epoch), row.a[side], np.int64(row.epoch[side]))
    if kind == KEPT:
        return (VALUED if magnitude(basis) <= LOTS_MOST else OUT_OF_GUARD), basis, cash
    if kind < 0:
        return EPOCH_MISMATCH, basis, cash
    worth = np.int64(0)
    if kind == FOLDED:
        size, dropped, fits = fold_size(basis, row.a[side], snapshot)
        now = row.j[side]
        if dropped != ZERO:
            price = row.mark_price_q32
            fits = fits and price < PRICE_LIMIT
            worth = dropped_value(basis, dropped, price)
    else:
        size, fits = np.int64(0), magnitude(basis) <= LOTS_MOST
        now = row.j_previous[side]
    change, ok = fold_cash(basis, now.high, now.low, position.j_snapshot.high, position.j_snapshot.low, snapshot)
    total, one = add(cash, change)
    total, two = add(total, worth)
    return (VALUED if fits and ok and one and two else OUT_OF_GUARD), size, total


@njit(cache=True)
def position_worth(kind: Int, position: Int, row: Int) -> Int:
    """`(status, size, worth)`: folded size and value in atoms at the price that the kind of test reads."""
    status, size, cash = folded(position, row)
    if status != VALUED:
        return status, size, np.int64(0)
    price, twap = mark_of(kind, row), row.twap_price_q32
    if is_strict(kind) and twap != ZERO:
        price = max(price, twap) if size < 0 else min(price, twap)
    value, fits = signed_value_floor(size, price)
    if price >= PRICE_LIMIT or not (fits and in_atoms(cash) and in_atoms(value + cash)):
        return OUT_OF_GUARD, size, np.int64(0)
    return VALUED, size, value + cash


@njit(cache=True)
def position_part(kind: Int, position: Int, own_bps: Int, row: Int) -> Int:
    """`(status, worth, equity part, notional, requirement)` of one position."""
    cash, nothing = position.cash_atoms, np.int64(0)
    orders = counts_orders(kind) and (position.open_bid_lots != ZERO or position.open_ask_lots != ZERO)
    notional, demanded, size = nothing, nothing, nothing
    if position.basis_lots == 0 and not orders:
        status, worth = (VALUED if in_atoms(cash) else OUT_OF_GUARD), cash
    elif row.mark_price_q32 == ZERO:
        return NOT_PRICED, nothing, nothing, nothing, nothing
    else:
        status, size, worth = position_worth(kind, position, row)
        if status == VALUED and orders:
            notional, demanded, ok = order_demand(kind, position, size, row, own_bps)
            status = VALUED if ok else OUT_OF_GUARD
        elif status == VALUED:
            notional, ok = notional_ceil(magnitude(size), mark_of(kind, row))
            ratio = margin_ratio(kind, notional, row, own_bps)
            demanded = requirement(notional, ratio) if ratio >= 0 else nothing
            status = VALUED if ok and ratio >= 0 else OUT_OF_GUARD
    part = worth
    if worth > 0 and kind == WITHDRAWAL:
        part = nothing
    elif worth > 0 and kind in (INITIAL, FILL):
        part = weigh_floor(worth, np.int64(row.profit_weight_bps))
        status = status if in_atoms(part) else OUT_OF_GUARD
    return status, worth, part, notional, demanded


@njit(cache=True)
def scaled_weight(full: Int, least: Int, balance: Int, cap: Int) -> Int:
    """Weight of a balance against its scale: linear from `full` to `least`, rounded down."""
    if balance >= cap or full == least:
        return least
    width = 0
    while width < 64 and (cap >> np.uint64(width)) != ZERO:
        width += 1
    dropped = np.uint64(max(width - SCALE_BITS, 0))
    short_cap = cap >> dropped
    # Rounded up without a sum that could pass 64 bits.
    short = balance >> dropped
    short = min(short + ONE if short << dropped != balance else short, short_cap)
    scaled = np.uint64(full - least) * short
    return full - np.int64((scaled + short_cap - ONE) // short_cap)


@njit(cache=True)
def collateral_part(kind: Int, amount: Int, row: Int, now_ms: Int) -> Int:
    """`(status, weighted value in atoms)` of an amount of one asset."""
    price, full = row.price_q48, np.int64(row.weight_maintenance_bps)
    if not is_strict(kind):
        price = sober_price(row)
    if is_strict(kind):
        price = price - row.confidence_q48 if price > row.confidence_q48 else ZERO
        full = np.int64(row.weight_initial_bps)
    elif now_ms - row.publish_time_ms >= COLLATERAL_STALE_MS:
        stale, _ = multiply_divide_floor(row.twap_q48, np.uint64(9), np.uint64(10))
        price = min(price, stale)
    worth, ok = multiply_shift_floor(amount, price, ASSET_SHIFT)
    if not ok or worth > ATOMS_MOST:
        return OUT_OF_GUARD, np.int64(0)
    if row.scale_thousand_usd != 0:
        if full > BPS_ONE:
            return OUT_OF_GUARD, np.int64(0)
        full = scaled_weight(full, full >> 1, worth, np.uint64(row.scale_thousand_usd) * THOUSAND_USD)
    part = weigh_floor(np.int64(worth), full)
    return (VALUED if in_atoms(part) else OUT_OF_GUARD), part


@njit(cache=True)
def balance_with_interest(balance: Int, snapshot: Int, index: Int) -> Int:
    """`(balance, ok)`: a debt grown by `index / snapshot`, away from zero; credit as it is."""
    if balance >= 0 or snapshot == index:
        return balance, in_atoms(balance)
    if snapshot < DEBT_ONE or index < snapshot or index > DEBT_MOST or not in_atoms(balance):
        return balance, False
    owed, ok = multiply_divide_ceil(magnitude(balance), index, snapshot)
    fits = ok and owed <= ATOMS_MOST
    return -np.int64(owed if fits else ZERO), fits


@njit(cache=True)
def credit_part(kind: Int, user: Int, cache: Int, now_ms: Int) -> Int:
    """`(status, quote, quote and collateral, collateral)` of a user in atoms: all of its equity but the positions."""
    index = max(cache.collaterals[0].debt_index_q48, user.debt_index_q48)
    quote, ok = balance_with_interest(user.quote_atoms, user.debt_index_q48, index)
    status = VALUED if ok else OUT_OF_GUARD
    equity, collateral = quote, np.int64(0)
    left = np.int64(user.collateral_count)
    for at in range(SLOTS):
        asset = np.int64(user.collaterals[at].collateral_index)
        if asset == 0 or left == 0:
            continue
        left -= 1
        found, part = NOT_PRICED, np.int64(0)
        if asset < ASSETS:
            found, part = collateral_part(kind, user.collaterals[at].amount_atoms, cache.collaterals[asset], now_ms)
        status = status if status != VALUED else found
        collateral, one = add(collateral, part)
        equity, two = add(equity, part)
        status = status if (one and two) or status != VALUED else OUT_OF_GUARD
    return status, quote, equity, collateral


@njit(cache=True)
def value_user(kind: Int, user: Int, cache: Int, now_ms: Int, out: Int, worths: Int) -> Int:
    """Value one user into `out` (equity, requirement, quote, collateral, losses, notional); its status."""
    status, quote, equity, collateral = credit_part(kind, user, cache, now_ms)
    demanded, losses, notional = np.int64(0), np.int64(0), np.int64(0)
    left = np.int64(user.position_count)
    for at in range(POSITIONS):
        worths[at] = 0
        market = np.int64(user.positions[at].market_plus_one)
        if market == 0 or left == 0:
            continue
        left -= 1
        found, worth, part, size, need = NOT_PRICED, np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        if market <= MARKETS:
            position = user.positions[at]
            own_bps = np.int64(max(user.user_ratio_bps, position.user_ratio_bps))
            found, worth, part, size, need = position_part(kind, position, own_bps, cache.markets[market - 1])
        worths[at] = worth
        status = status if status != VALUED else found
        equity, one = add(equity, part)
        demanded, two = add(demanded, need)
        losses, three = add(losses, min(worth, 0))
        notional, four = add(notional, size)
        status = status if (one and two and three and four) or status != VALUED else OUT_OF_GUARD
    out[0], out[1], out[2], out[3], out[4], out[5] = equity, demanded, quote, collateral, losses, notional
    return status


@njit(cache=True)
def value_all(kind: Int, users: Int, cache: Int, now_ms: Int, out: Int, statuses: Int, worths: Int) -> None:
    """Value every user of a record array against one record of the risk cache."""
    for row in range(users.shape[0]):
        statuses[row] = value_user(kind, users[row], cache, now_ms, out[row], worths[row])
