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
from .folding import FOLDED, KEPT, LAST_EPOCH, fold_kind, fold_size
from .hashing import order_hash
from .prices import effective_maker_ticks, exceeds_slippage, price_of_ticks, taker_limit
from .wide import Int

MAKER, TAKER, IN_PHASE = 1, 2, 4
BID, ASK = 0, 1
KIND_MARKET, KIND_PEGGED, KIND_ICEBERG = int(OrderKind.MARKET), int(OrderKind.PEGGED), int(OrderKind.ICEBERG)
IMMEDIATE, FILL_OR_KILL = int(TimeInForce.IMMEDIATE_OR_CANCEL), int(TimeInForce.FILL_OR_KILL)
POST_ONLY, POST_ONLY_SLIDE = int(TimeInForce.POST_ONLY), int(TimeInForce.POST_ONLY_SLIDE)
DEADLINE_SLOTS = int(MATCH_DEADLINE_SLOTS)
MARKETS, SLOTS = int(MARKETS_MAX), int(ORDERS_MAX)
FLAG_ASK, FLAG_REDUCE_ONLY = int(ORDER_FLAG_ASK), int(ORDER_FLAG_REDUCE_ONLY)
FLAG_DORMANT = int(ORDER_FLAG_DORMANT)
HIGHEST = 1 << 62
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
def classify(
    order_count, dead_after_ms, orders_epoch, liquidation_start_ms, order_id, price, size, placed_slot, placed_ms,
    expiry_ms, market, kind,
    time_in_force, flags, phase_s, terms, index_price, tick_value, now_ms, slot, blocked, refs, roles, limits,
):  # fmt: skip
    """Write reference, role and effective price of every order that may trade now; the number written.

    The price in ticks is a taker's limit now, and what an order asks as maker, which is never in its taker phase.
    """
    used = 0
    for row in range(order_id.shape[0]):
        left = np.int64(order_count[row])
        dead = liquidation_start_ms[row] != 0 or (dead_after_ms[row] != 0 and now_ms >= dead_after_ms[row])
        at = -1
        while left > 0 and at + 1 < SLOTS:
            at += 1
            if order_id[row, at] == np.uint64(0):
                continue
            left -= 1
            where = np.int64(market[row, at])
            if dead or where >= MARKETS or order_id[row, at] < orders_epoch[row] or size[row, at] == np.uint64(0):
                continue
            if expiry_ms[row, at] != 0 and now_ms >= expiry_ms[row, at]:
                continue
            what = np.int64(kind[row, at])
            if what > KIND_MARKET and what != KIND_PEGGED and what != KIND_ICEBERG:
                continue
            if np.int64(flags[row, at]) & FLAG_DORMANT != 0:
                continue
            if blocked.shape[0] != 0 and blocked[row, at]:
                continue
            if index_price[where] == np.uint64(0):
                continue
            age_ms = max(now_ms - placed_ms[row, at], 0)
            phase_ms = np.int64(phase_s[row, at]) * MS_PER_SECOND
            age_slots = slot - np.int64(placed_slot[row, at])
            role = order_role(what, time_in_force[row, at], age_ms, phase_ms, age_slots)
            limit = np.int64(price[row, at])
            is_ask = np.int64(flags[row, at]) & FLAG_ASK != 0
            if what == KIND_PEGGED:
                offset = np.int64(terms[row, at, 0])
                limit = effective_maker_ticks(is_ask, limit, index_price[where], offset, tick_value[where])
            elif role & IN_PHASE:
                # The first term is the start of the phase only in a plain order; no other kind has one.
                start = np.int64(terms[row, at, 0]) if what <= KIND_MARKET else np.int64(0)
                limit = taker_limit(is_ask, index_price[where], start, limit, age_ms, phase_ms, tick_value[where])
            if role != 0 and limit > 0:
                refs[used] = row * SLOTS + at
                roles[used] = role
                limits[used] = limit
                used += 1
    return used


@njit(cache=True)
def best_prices(refs, roles, limits, market, flags, best):
    """Per market: best maker bid, best maker ask, highest taker bid limit, lowest taker ask limit; ticks."""
    for where in range(MARKETS):
        best[where, 0], best[where, 1], best[where, 2], best[where, 3] = 0, HIGHEST, 0, HIGHEST
    for at in range(refs.shape[0]):
        row, place = refs[at] // SLOTS, refs[at] % SLOTS
        where = np.int64(market[row, place])
        if np.int64(flags[row, place]) & FLAG_ASK:
            if roles[at] & MAKER:
                best[where, 1] = min(best[where, 1], limits[at])
            if roles[at] & TAKER:
                best[where, 3] = min(best[where, 3], limits[at])
        else:
            if roles[at] & MAKER:
                best[where, 0] = max(best[where, 0], limits[at])
            if roles[at] & TAKER:
                best[where, 2] = max(best[where, 2], limits[at])


@njit(cache=True)
def select(refs, roles, limits, market, flags, best):
    """Indices of the live orders whose price meets the best of the other side, as taker or as maker."""
    kept = np.empty(refs.shape[0], np.int64)
    used = 0
    for at in range(refs.shape[0]):
        row, place = refs[at] // SLOTS, refs[at] % SLOTS
        where, own = np.int64(market[row, place]), limits[at]
        is_maker, is_taker = roles[at] & MAKER != 0, roles[at] & TAKER != 0
        if np.int64(flags[row, place]) & FLAG_ASK:
            keep = (is_maker and own <= best[where, 2]) or (is_taker and own <= best[where, 0])
        else:
            keep = (is_maker and own >= best[where, 3]) or (is_taker and own >= best[where, 1])
        if keep:
            kept[used] = at
            used += 1
    return kept[:used]


@njit(cache=True)
def candidate_hashes(keys, account, placed_slot, order_id):
    """Priority hash of each candidate."""
    hashes = np.empty(account.shape[0], np.uint64)
    for at in range(account.shape[0]):
        hashes[at] = order_hash(placed_slot[at], keys[account[at]], order_id[at])
    return hashes


@njit(cache=True)
def candidate_positions(holders, market_plus_one, basis, a_snapshot, epoch, a, market_epoch):
    """Folded signed lots of each `account * MARKETS_MAX + market`; 0 where the account has no position there."""
    lots = np.zeros(holders.shape[0], np.int64)
    for at in range(holders.shape[0]):
        row, where = holders[at] // MARKETS, holders[at] % MARKETS
        for place in range(market_plus_one.shape[1]):
            if np.int64(market_plus_one[row, place]) != where + 1:
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
            if lots[maker] == 0 or owners[maker] == owners[taker]:
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
