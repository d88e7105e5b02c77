"""Which orders wait for somebody to act on them, over all accounts: dormant ones, parents of slices, dead ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import (
    MATCH_DEADLINE_SLOTS,
    ORDER_FLAG_DORMANT,
    ORDER_FLAG_REDUCE_ONLY,
    ORDER_FLAG_SLICE,
    OrderKind,
    TimeInForce,
)
from evertide_engine.layouts import TWAP_TERMS

from .state import NO_USER_EPOCH, State

CONDITIONAL = (
    OrderKind.STOP_MARKET,
    OrderKind.STOP_LIMIT,
    OrderKind.TAKE_PROFIT_MARKET,
    OrderKind.TAKE_PROFIT_LIMIT,
    OrderKind.TRAILING_STOP,
)
IMMEDIATE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
GROUP_SHIFT = np.uint64(32)
MS_PER_SECOND = 1_000

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Masks over the orders, shape `(rows, 32)`."""

    dormant: Mask
    """Alive, with something to trade, and waiting for `trigger_order`."""
    parents: Mask
    """Alive, and waiting for `execute_slice`."""
    dead: Mask
    """Occupied slots of orders that can never do anything again."""


def waiting(state: State, rows: NDArray[np.int64] | None = None) -> Waiting:
    """Who waits now, of some rows or of all: then one pass over the columns, without a copy of the accounts."""
    now_ms, slot = state.time.unix_ms, state.time.slot
    chosen = slice(None) if rows is None else rows
    users, accounts = state.users[chosen], state.orders[chosen]
    orders = accounts["orders"]
    has_user = users["orders_epoch"] != NO_USER_EPOCH
    occupied = (orders["order_id"] != 0) & has_user[:, None]
    deadline = accounts["cancel_all_after_ms"]
    dead_accounts = (deadline != 0) & (deadline <= now_ms)
    dormant = orders["flags"] & np.uint8(ORDER_FLAG_DORMANT) != 0
    expiry, kinds, in_force = orders["expiry_ms"], orders["kind"], orders["time_in_force"]
    expired = (expiry != 0) & (expiry <= now_ms)
    immediate = (kinds == OrderKind.MARKET) | (in_force == IMMEDIATE[0]) | (in_force == IMMEDIATE[1])
    overdue = immediate & ~dormant & (orders["placed_slot"] + np.uint64(MATCH_DEADLINE_SLOTS) < slot)
    void = orders["order_id"] < users["orders_epoch"][:, None]
    alive = occupied & ~(void | expired | dead_accounts[:, None] | overdue)
    dead = (occupied & ~alive) | _purposeless(orders, alive, now_ms)
    # A liquidation makes all orders void: nobody wakes one then.
    wakes = alive & ~dead & dormant & (users["liquidation_start_ms"] == 0)[:, None] & (orders["size_lots"] != 0)
    parents = kinds == OrderKind.TWAP
    return Waiting(wakes & ~parents, wakes & parents, dead)


def _purposeless(orders: NDArray[np.void], alive: Mask, now_ms: int) -> Mask:
    """Living orders that only lived for another one: slices without their parent, exits of an entry that went unfilled,
    parents whose schedule is over without a slice under way."""
    found = np.zeros_like(alive)
    group = orders["terms"][:, :, 2] >> GROUP_SHIFT
    slices = orders["flags"] & np.uint8(ORDER_FLAG_SLICE) != 0
    reduces = orders["flags"] & np.uint8(ORDER_FLAG_REDUCE_ONLY) != 0
    parents = orders["kind"] == OrderKind.TWAP
    unborn = reduces & (orders["size_lots"] == 0)
    for row, at in np.argwhere(alive & (group != 0) & (slices | parents | unborn)):
        others = alive[row] & (group[row] == group[row, at])
        others[at] = False
        if slices[row, at]:
            lives_for = others & parents[row]
        elif parents[row, at]:
            lives_for = others & slices[row]
            if now_ms < _schedule_end_ms(orders[row, at]):
                continue
        else:
            lives_for = others & ~reduces[row]
        found[row, at] = not lives_for.any()
    return found


def _schedule_end_ms(order: Any) -> int:
    """End of a TWAP's last interval, unix ms."""
    terms = np.ascontiguousarray(order["terms"]).view(TWAP_TERMS)[0]
    return int(order["placed_ms"]) + int(terms["slice_interval_s"]) * int(terms["slice_count"]) * MS_PER_SECOND
