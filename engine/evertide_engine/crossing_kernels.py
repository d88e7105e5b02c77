"""Kernels of the crossing scan. Account arrays have shape `(n,)` or `(n, 32)`; a reference is `row * 32 + slot`."""

# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit

from ._generated.constants import (
    MARKETS_MAX,
    MATCH_DEADLINE_SLOTS,
    ORDER_FLAG_ASK,
    ORDER_FLAG_DORMANT,
    ORDER_FLAG_REDUCE_ONLY,
    ORDERS_MAX,
    OrderKind,
    TimeInForce,
)
from ._generated.layouts import USER
from .ahead import prefetch
from .folding import FOLDED, KEPT, LAST_EPOCH, fold_kind, fold_size
from .hashing import order_hash
from .prices import effective_maker_ticks, exceeds_slippage, price_of_ticks, taker_limit
from .wide import Int

MAKER, TAKER, IN_PHASE, PEGS = 1, 2, 4, 8
BID, ASK = 0, 1
KIND_MARKET, KIND_PEGGED, KIND_ICEBERG = int(OrderKind.MARKET), int(OrderKind.PEGGED), int(OrderKind.ICEBERG)
IMMEDIATE, FILL_OR_KILL = int(TimeInForce.IMMEDIATE_OR_CANCEL), int(TimeInForce.FILL_OR_KILL)
POST_ONLY, POST_ONLY_SLIDE = int(TimeInForce.POST_ONLY), int(TimeInForce.POST_ONLY_SLIDE)
DEADLINE_SLOTS = int(MATCH_DEADLINE_SLOTS)
MARKETS, SLOTS = int(MARKETS_MAX), int(ORDERS_MAX)
FLAG_ASK, FLAG_REDUCE_ONLY = int(ORDER_FLAG_ASK), int(ORDER_FLAG_REDUCE_ONLY)
FLAG_DORMANT = int(ORDER_FLAG_DORMANT)
NO_ORDER, MARKET_ROWS, LAST_SLOT = np.uint64(0), np.uint64(MARKETS_MAX), np.uint64(ORDERS_MAX)
HIGHEST = 1 << 62
AHEAD, LINES_AHEAD = 6, 10
"""Accounts that are fetched ahead, and cache lines of each: its head and its first four orders."""
LINE_OF_EPOCH = int(USER.fields["orders_epoch"][1]) if USER.fields else 0
MS_PER_SECOND = 1_000


@njit(cache=True)
def order_role(kind: Int, time_in_force: Int, age_ms: Int, phase_ms: Int, age_slots: Int) -> Int:
    """Role bits of a live order: post-only makes, short-lived takes, the rest takes and after its phase does both."""
    if time_in_force in (POST_ONLY, POST_ONLY_SLIDE):
        return MAKER
    in_phase = IN_PHASE if age_ms < phase_ms else 0
    if kind == KIND_MARKET or time_in_force in (IMMEDIATE, FILL_OR_KILL):
        return TAKER | IN_PHASE if age_slots <= DEADLINE_SLOTS else 0
    return TAKER | IN_PHASE if in_phase else TAKER | MAKER


@njit(cache=True)
def price_now(order: Int, role: Int, is_ask: bool, age_ms: Int, index_price: Int, tick_value: Int) -> Int:
    """Price in ticks: a taker's limit at its age, a pegged order's price of now, else the order's own."""
    own, what = np.int64(order.price_ticks), np.int64(order.kind)
    if what == KIND_PEGGED:
        return effective_maker_ticks(is_ask, own, index_price, np.int64(order.terms[0]), tick_value)
    if role & IN_PHASE == 0:
        return own
    # The first term is the start of the phase only in a plain order; no other kind has one.
    start = np.int64(order.terms[0]) if what <= KIND_MARKET else np.int64(0)
    phase_ms = np.int64(order.taker_phase_s) * MS_PER_SECOND
    return taker_limit(is_ask, index_price, start, own, age_ms, phase_ms, tick_value)


@njit(cache=True)
def classify(orders, users, rows, index_price, tick_value, now_ms, slot, blocked, refs, roles, sides, limits, best):
    """Write reference, role, `2 * market + side` and price of every order of some accounts that may trade now.

    `rows`, rising: the accounts. Returns the number written.

    The price in ticks is a taker's limit now, and what an order asks as maker, which is never in its taker phase.
    `best`, shape `(MARKETS_MAX, 4)`, comes back with each market's best maker bid, best maker ask, highest taker bid
    limit and lowest taker ask limit.
    """
    best[:, 0], best[:, 1], best[:, 2], best[:, 3] = 0, HIGHEST, 0, HIGHEST
    used = 0
    for number in range(rows.shape[0]):
        row, soon = np.uint64(rows[number]), rows[min(number + AHEAD, rows.shape[0] - 1)]
        for line in range(LINES_AHEAD):
            prefetch(orders, soon, np.int64(64 * line))
        prefetch(users, soon, np.int64(LINE_OF_EPOCH))
        left = np.int64(orders[row].order_count)
        if left == 0:
            continue
        dead_ms, alive_from = orders[row].cancel_all_after_ms, users[row].orders_epoch
        if users[row].liquidation_start_ms != 0 or (dead_ms != 0 and now_ms >= dead_ms):
            continue
        for at in range(LAST_SLOT):
            order = orders[row].orders[at]
            if order.order_id == NO_ORDER:
                continue
            left -= 1
            where, what = np.uint64(order.market_index), np.int64(order.kind)
            tradable = what <= KIND_MARKET or what in (KIND_PEGGED, KIND_ICEBERG)
            alive = order.order_id >= alive_from and (order.expiry_ms == 0 or now_ms < order.expiry_ms)
            flags = np.int64(order.flags)
            if tradable and alive and where < MARKET_ROWS and order.size_lots != NO_ORDER and flags & FLAG_DORMANT == 0:
                price = index_price[where]
                if price != NO_ORDER and (blocked.shape[0] == 0 or not blocked[row, at]):
                    age_ms = max(now_ms - order.placed_ms, 0)
                    phase_ms = np.int64(order.taker_phase_s) * MS_PER_SECOND
                    age_slots = slot - np.int64(order.placed_slot)
                    role = order_role(what, order.time_in_force, age_ms, phase_ms, age_slots)
                    is_ask = flags & FLAG_ASK != 0
                    limit = price_now(order, role, is_ask, age_ms, price, tick_value[where])
                    if role != 0 and limit > 0:
                        refs[used], limits[used] = row * LAST_SLOT + at, limit
                        roles[used] = role | PEGS if what == KIND_PEGGED else role
                        sides[used] = 2 * np.int64(where) + is_ask
                        used += 1
                        raise_best(best, where, role, is_ask, limit)
            if left == 0:
                break
    return used


@njit(cache=True)
def raise_best(best, where, role, is_ask, limit):
    """Take one order into the best prices of its market."""
    if is_ask:
        if role & MAKER:
            best[where, 1] = min(best[where, 1], limit)
        if role & TAKER:
            best[where, 3] = min(best[where, 3], limit)
    else:
        if role & MAKER:
            best[where, 0] = max(best[where, 0], limit)
        if role & TAKER:
            best[where, 2] = max(best[where, 2], limit)


@njit(cache=True)
def select(roles, sides, limits, best, kept):
    """Write the indices of the live orders whose price meets the best of the other side, as taker or as maker."""
    used = 0
    for at in range(roles.shape[0]):
        where, own, role = sides[at] >> 1, limits[at], roles[at]
        is_maker, is_taker = role & MAKER != 0, role & TAKER != 0
        if sides[at] & ASK:
            keep = (is_maker and own <= best[where, 2]) or (is_taker and own <= best[where, 0])
        else:
            keep = (is_maker and own >= best[where, 3]) or (is_taker and own >= best[where, 1])
        kept[used] = at
        used += 1 if keep else 0
    return used


@njit(cache=True)
def candidate_hashes(keys, account, placed_slot, order_id):
    """Priority hash of each candidate."""
    hashes = np.empty(account.shape[0], np.uint64)
    for at in range(account.shape[0]):
        hashes[at] = order_hash(placed_slot[at], keys[account[at]], order_id[at])
    return hashes


@njit(cache=True)
def candidate_positions(holders, position_count, market_plus_one, basis, a_snapshot, epoch, a, market_epoch):
    """Folded signed lots of each `account * MARKETS_MAX + market`; 0 where the account has no position there."""
    lots = np.zeros(holders.shape[0], np.int64)
    for at in range(holders.shape[0]):
        row, where = holders[at] // MARKETS, holders[at] % MARKETS
        left = np.int64(position_count[row])
        for place in range(market_plus_one.shape[1]):
            if left == 0:
                break
            found = np.int64(market_plus_one[row, place])
            left -= 1 if found != 0 else 0
            if found != where + 1:
                continue
            size = basis[row, place]
            side = 1 if size < 0 else 0
            now, era = a[where, side], np.int64(market_epoch[where, side])
            kind = fold_kind(size, a_snapshot[row, place], np.int64(epoch[row, place]), now, era)
            if kind == KEPT:
                lots[at] = size
            elif kind == FOLDED:
                lots[at] = fold_size(size, now, a_snapshot[row, place])[0]
            elif kind == LAST_EPOCH:
                lots[at] = 0
    return lots


@njit(cache=True)
def reducing_lots(lots: Int, is_ask: bool, position_lots: Int) -> Int:
    """The part of `lots` that only reduces a position."""
    room = position_lots if is_ask else -position_lots
    return min(lots, max(room, 0))


@njit(cache=True)
def may_meet(role: Int, taker_slot: Int, taker_hash: Int, maker_slot: Int, maker_hash: Int) -> bool:
    """In its phase a taker meets makers of earlier slots; of two resting orders the older one is the maker."""
    if role & IN_PHASE:
        return bool(maker_slot < taker_slot)
    return bool(maker_slot < taker_slot or (maker_slot == taker_slot and maker_hash < taker_hash))


@njit(cache=True)
def is_same(owners, left: Int, right: Int) -> bool:
    """Whether two candidates have one authority, four words each."""
    same = True
    for word in range(4):
        same = same and owners[left, word] == owners[right, word]
    return bool(same)


@njit(cache=True)
def group_bounds(makers, market, side):
    """First and one-past-last maker of each `(market, side)` in the ranked list."""
    bounds = np.zeros((MARKETS, 2, 2), np.int64)
    for at in range(makers.shape[0]):
        where, which = market[makers[at]], side[makers[at]]
        if bounds[where, which, 1] == 0:
            bounds[where, which, 0] = at
        bounds[where, which, 1] = at + 1
    return bounds


@njit(cache=True)
def pair(
    takers, makers, market, side, roles, limits, placed, placed_ms, hashes, lots, owners, flags, pegged, time_in_force,
    slippage, position_at, positions, index_price, tick_value, band_low, band_high, reduce_only, peg_publish_ms,
    makers_max,
):  # fmt: skip
    """Fill rows `(match, taker, maker, lots, price)`; consumes `lots` and moves `positions` as the fills would."""
    bounds = group_bounds(makers, market, side)
    fills = np.empty((16, 5), np.int64)
    used, matches = 0, 0
    for taker in takers:
        where, is_ask = market[taker], side[taker] == ASK
        shared = reduce_only[where]
        own_reduces = shared or np.int64(flags[taker]) & FLAG_REDUCE_ONLY != 0
        first, last = bounds[where, 1 - side[taker], 0], bounds[where, 1 - side[taker], 1]
        start, before = used, lots[taker]
        for at in range(first, last):
            maker = makers[at]
            if lots[maker] == 0 and at == bounds[where, 1 - side[taker], 0]:
                bounds[where, 1 - side[taker], 0] = at + 1
            if lots[taker] == 0 or (limits[maker] < limits[taker] if is_ask else limits[maker] > limits[taker]):
                break
            if lots[maker] == 0 or is_same(owners, maker, taker):
                continue
            if not band_low[where] <= limits[maker] <= band_high[where]:
                continue
            # Nobody picks a stale peg off: its index must be younger than whom it meets.
            if pegged[maker] and peg_publish_ms[where] <= placed_ms[taker]:
                continue
            if not may_meet(roles[taker], placed[taker], hashes[taker], placed[maker], hashes[maker]):
                continue
            size = min(lots[taker], lots[maker])
            if own_reduces:
                size = reducing_lots(size, is_ask, positions[position_at[taker]])
            if shared or np.int64(flags[maker]) & FLAG_REDUCE_ONLY != 0:
                size = reducing_lots(size, not is_ask, positions[position_at[maker]])
            if slippage[taker] != 0:
                paid = price_of_ticks(limits[maker], tick_value[where])
                if paid == np.uint64(0) or exceeds_slippage(is_ask, paid, index_price[where], slippage[taker]):
                    break
            if size <= 0:
                continue
            if used - start == makers_max:
                if time_in_force[taker] == FILL_OR_KILL:
                    break
                matches, start = matches + 1, used
            if used == fills.shape[0]:
                grown = np.empty((2 * used, 5), np.int64)
                grown[:used] = fills
                fills = grown
            fills[used, 0], fills[used, 1], fills[used, 2], fills[used, 3] = matches, taker, maker, size
            fills[used, 4] = limits[maker]
            used += 1
            apply_fill(taker, maker, size, is_ask, lots, position_at, positions)
        if time_in_force[taker] == FILL_OR_KILL and lots[taker] != 0:
            for at in range(start, used):
                apply_fill(taker, fills[at, 2], -fills[at, 3], is_ask, lots, position_at, positions)
            used = start
        if lots[taker] != before:
            matches += 1
    return fills[:used]


@njit(cache=True)
def apply_fill(taker, maker, size, is_ask, lots, position_at, positions):
    """Take a fill of `size` lots off both orders and move both positions; a negative size takes it back."""
    lots[taker] -= size
    lots[maker] -= size
    change = -size if is_ask else size
    positions[position_at[taker]] += change
    positions[position_at[maker]] -= change
