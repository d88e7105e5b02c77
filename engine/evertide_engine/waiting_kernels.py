"""Kernels of the scan for orders that wait: what each order waits for, and which conditional ones have come due.

A reference is `row * 32 + slot`. An order is read once, and so is the account around it where it belongs to a group.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ._generated.constants import (
    BPS_ONE,
    MARKETS_MAX,
    MATCH_DEADLINE_SLOTS,
    ORDER_FLAG_ASK,
    ORDER_FLAG_DORMANT,
    ORDER_FLAG_REDUCE_ONLY,
    ORDER_FLAG_SLICE,
    ORDERS_MAX,
    OrderKind,
    TimeInForce,
    TriggerSource,
)
from ._generated.layouts import CONDITIONAL_TERMS, TWAP_TERMS, USER
from .ahead import prefetch
from .wide import Int

NOTHING, DORMANT, PARENT, DEAD = 0, 1, 2, 3
"""What an order waits for: for `trigger_order`, for `execute_slice`, to be cancelled."""
FIRES, TRAILS = 1, 2
SLOTS, NO_ORDER, NO_LOTS = int(ORDERS_MAX), np.uint64(0), np.uint64(0)
NO_USER_EPOCH = np.uint64((1 << 64) - 1)
"""Epoch of a row without its `User`."""
DEADLINE_SLOTS = np.uint64(int(MATCH_DEADLINE_SLOTS))
FLAG_ASK, FLAG_DORMANT = int(ORDER_FLAG_ASK), int(ORDER_FLAG_DORMANT)
FLAG_SLICE, FLAG_REDUCE_ONLY = int(ORDER_FLAG_SLICE), int(ORDER_FLAG_REDUCE_ONLY)
KIND_MARKET, KIND_TWAP = int(OrderKind.MARKET), int(OrderKind.TWAP)
KIND_TRAILING = int(OrderKind.TRAILING_STOP)
FIRST_CONDITIONAL, LAST_CONDITIONAL = int(OrderKind.STOP_MARKET), int(OrderKind.TRAILING_STOP)
TAKE_PROFIT_MARKET, TAKE_PROFIT_LIMIT = int(OrderKind.TAKE_PROFIT_MARKET), int(OrderKind.TAKE_PROFIT_LIMIT)
IMMEDIATE, FILL_OR_KILL = int(TimeInForce.IMMEDIATE_OR_CANCEL), int(TimeInForce.FILL_OR_KILL)
MARKETS, SOURCES, WHOLE_BPS = int(MARKETS_MAX), len(TriggerSource), int(BPS_ONE)
MS_PER_SECOND = 1_000
AHEAD, LINES_AHEAD = 6, 10
WORD_BYTES, BYTE_BITS = 8, 8


def place_of(dtype: np.dtype[Any], name: str) -> tuple[int, np.uint64, np.uint64]:
    """Where a field of an order's terms lies: its word, the shift and the mask of its bits in it."""
    assert dtype.fields is not None, "terms have fields"
    kind, offset = dtype.fields[name][:2]
    bits = BYTE_BITS * kind.itemsize
    return offset // WORD_BYTES, np.uint64(BYTE_BITS * (offset % WORD_BYTES)), np.uint64((1 << bits) - 1)


COUNT_WORD, COUNT_SHIFT, COUNT_MASK = place_of(TWAP_TERMS, "slice_count")
LENGTH_WORD, LENGTH_SHIFT, LENGTH_MASK = place_of(TWAP_TERMS, "slice_interval_s")
GROUP_WORD, GROUP_SHIFT, GROUP_MASK = place_of(TWAP_TERMS, "group")
TRAIL_WORD, TRAIL_SHIFT, TRAIL_MASK = place_of(CONDITIONAL_TERMS, "trail_bps")
SOURCE_WORD, SOURCE_SHIFT, SOURCE_MASK = place_of(CONDITIONAL_TERMS, "source")
TRIGGER_WORD = place_of(CONDITIONAL_TERMS, "trigger_ticks")[0]
LINE_OF_EPOCH = int(USER.fields["orders_epoch"][1]) if USER.fields else 0


@njit(cache=True)
def group_of(order: Int) -> Int:
    """The group that an order belongs to; 0: none."""
    return order.terms[GROUP_WORD] >> GROUP_SHIFT & GROUP_MASK


@njit(cache=True)
def is_alive(order: Int, epoch: Int, account_dead: bool, now_ms: Int, slot: Int) -> bool:
    """Whether an occupied slot's order can still do anything by itself."""
    flags, kind = np.int64(order.flags), np.int64(order.kind)
    immediate = kind == KIND_MARKET or order.time_in_force in (IMMEDIATE, FILL_OR_KILL)
    overdue = immediate and flags & FLAG_DORMANT == 0 and order.placed_slot + DEADLINE_SLOTS < slot
    expired = order.expiry_ms != 0 and order.expiry_ms <= now_ms
    return not (account_dead or expired or overdue or order.order_id < epoch)


@njit(cache=True)
def outlives_its_purpose(account: Int, at: Int, alive, now_ms: Int) -> bool:
    """Whether a living order only lived for another one: a slice without its parent, an exit of an entry that went
    unfilled, a parent whose schedule is over without a slice under way."""
    order = account.orders[at]
    flags, group = np.int64(order.flags), group_of(order)
    is_slice, is_parent = flags & FLAG_SLICE != 0, order.kind == KIND_TWAP
    unborn = flags & FLAG_REDUCE_ONLY != 0 and order.size_lots == NO_LOTS
    if group == 0 or not (is_slice or is_parent or unborn):
        return False
    if is_parent and not is_slice:
        length_s = np.int64(order.terms[LENGTH_WORD] >> LENGTH_SHIFT & LENGTH_MASK)
        count = np.int64(order.terms[COUNT_WORD] >> COUNT_SHIFT & COUNT_MASK)
        if now_ms < order.placed_ms + length_s * count * MS_PER_SECOND:
            return False
    for other in range(SLOTS):
        if other == at or not alive[other] or group_of(account.orders[other]) != group:
            continue
        found = account.orders[other]
        if is_slice:
            lives_for = found.kind == KIND_TWAP
        elif is_parent:
            lives_for = np.int64(found.flags) & FLAG_SLICE != 0
        else:
            lives_for = np.int64(found.flags) & FLAG_REDUCE_ONLY == 0
        if lives_for:
            return False
    return True


@njit(cache=True)
def read_waiting(orders, users, rows, now_ms: Int, slot: Int, refs, what) -> Int:
    """Write reference and kind of every order of some accounts that waits; their number."""
    used, alive = 0, np.zeros(SLOTS, np.bool_)
    for number in range(rows.shape[0]):
        row, soon = rows[number], rows[min(number + AHEAD, rows.shape[0] - 1)]
        for line in range(LINES_AHEAD):
            prefetch(orders, soon, np.int64(64 * line))
        prefetch(users, soon, np.int64(LINE_OF_EPOCH))
        account, epoch, left = orders[row], users[row].orders_epoch, np.int64(orders[row].order_count)
        if left == 0 or epoch == NO_USER_EPOCH:
            continue
        dead_ms, sleeps = account.cancel_all_after_ms, users[row].liquidation_start_ms != 0
        account_dead, last, grouped = dead_ms != 0 and dead_ms <= now_ms, 0, False
        alive[:] = False
        for at in range(SLOTS):
            if left == 0:
                break
            order = account.orders[at]
            if order.order_id == NO_ORDER:
                continue
            left, last = left - 1, at
            alive[at] = is_alive(order, epoch, account_dead, now_ms, slot)
            grouped = grouped or (alive[at] and group_of(order) != 0)
        for at in range(last + 1):
            order = account.orders[at]
            if order.order_id == NO_ORDER:
                continue
            kind = NOTHING
            if not alive[at] or (grouped and outlives_its_purpose(account, at, alive, now_ms)):
                kind = DEAD
            elif not sleeps and np.int64(order.flags) & FLAG_DORMANT != 0 and order.size_lots != NO_LOTS:
                # A liquidation makes all orders void: nobody wakes one then.
                kind = PARENT if order.kind == KIND_TWAP else DORMANT
            if kind != NOTHING:
                refs[used], what[used] = row * SLOTS + at, kind
                used += 1
    return used


@njit(cache=True)
def has_reached(order: Int, below: Int, above: Int) -> bool:
    """Whether the price of now, in whole ticks at or below and at or above it, has reached an order's trigger."""
    trigger, kind = np.int64(order.terms[TRIGGER_WORD]), np.int64(order.kind)
    # Take-profits fire when the price moves in the order's favour; the other kinds when it moves against it.
    favourable = kind in (TAKE_PROFIT_MARKET, TAKE_PROFIT_LIMIT)
    if (np.int64(order.flags) & FLAG_ASK != 0) == favourable:
        return bool(below >= trigger)
    return bool(above <= trigger)


@njit(cache=True)
def gained_ticks(order: Int, below: Int, above: Int) -> Int:
    """By how much the trigger of a trailing stop could follow the price, in ticks."""
    trigger = np.int64(order.terms[TRIGGER_WORD])
    trail = np.int64(order.terms[TRAIL_WORD] >> TRAIL_SHIFT & TRAIL_MASK)
    if np.int64(order.flags) & FLAG_ASK != 0:
        return below * (WHOLE_BPS - trail) // WHOLE_BPS - trigger
    return trigger + -above * (WHOLE_BPS + trail) // WHOLE_BPS


@njit(cache=True)
def read_due(orders, refs, prices, now_ms: Int, step_bps: Int, due) -> None:
    """Write for each dormant order whether it fires, or its trigger can follow the price by a step, or neither."""
    for number in range(refs.shape[0]):
        order = orders[refs[number] // SLOTS].orders[refs[number] % SLOTS]
        kind, where = np.int64(order.kind), np.int64(order.market_index)
        due[number] = NOTHING
        if order.placed_ms > now_ms:
            continue
        if not FIRST_CONDITIONAL <= kind <= LAST_CONDITIONAL:
            due[number] = FIRES
            continue
        source = np.int64(order.terms[SOURCE_WORD] >> SOURCE_SHIFT & SOURCE_MASK)
        if where >= MARKETS or source >= SOURCES or prices[where, source, 1] == 0:
            continue
        below, above = prices[where, source, 0], prices[where, source, 1]
        if has_reached(order, below, above):
            due[number] = FIRES
        elif kind == KIND_TRAILING:
            gained = gained_ticks(order, below, above)
            if gained > 0 and gained * WHOLE_BPS >= np.int64(order.terms[TRIGGER_WORD]) * step_bps:
                due[number] = TRAILS
