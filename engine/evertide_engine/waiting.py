"""Which orders wait for somebody to act on them, over all accounts, and which of those have come due.

References are `row * 32 + slot`, rising: `divmod(reference, ORDERS_MAX)` gives an order's row and slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import MARKETS_MAX, TriggerSource
from .decode import Records
from .errors import ShapeError
from .waiting_kernels import DEAD, DORMANT, FIRES, NO_USER_EPOCH, PARENT, TRAILS, read_due, read_waiting


class Waiting(NamedTuple):
    """References of the orders that wait, rising."""

    dormant: NDArray[np.int64]
    """Alive, with something to trade, and waiting for `trigger_order`."""
    parents: NDArray[np.int64]
    """Alive, and waiting for `execute_slice`."""
    dead: NDArray[np.int64]
    """Occupied slots of orders that can never do anything again."""


def waiting_orders(
    orders: Records, users: Records, now_ms: int, slot: int, rows: NDArray[np.int64] | None = None
) -> Waiting:
    """What waits at chain time `now_ms` and `slot`, of the accounts `rows` (rising) or of all.

    `orders` are `ORDERS` records, `users` the `USER` record that owns each; one whose `orders_epoch` is
    `NO_USER_EPOCH` is not there, and nothing of it waits. Raises `ShapeError` when they do not belong together.
    """
    if len(users) != len(orders):
        raise ShapeError("users", len(users), len(orders))
    chosen = np.arange(len(orders)) if rows is None else rows
    counts = orders["order_count"] if rows is None else orders["order_count"][rows]
    capacity = int(counts.sum(dtype=np.int64))
    refs, what = np.empty(capacity, np.int64), np.empty(capacity, np.uint8)
    used = read_waiting(orders, users, chosen, np.int64(now_ms), np.uint64(slot), refs, what) if capacity else 0
    refs, what = refs[:used], what[:used]
    return Waiting(refs[what == DORMANT], refs[what == PARENT], refs[what == DEAD])


def due_orders(
    orders: Records, dormant: NDArray[np.int64], prices: NDArray[np.int64], now_ms: int, step_bps: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the dormant orders' references: those that fire now, and the trailing stops whose trigger can follow the price
    by at least `step_bps` of itself.

    `prices`, shape `(MARKETS_MAX, sources, 2)`: prices in whole ticks at or below, and at or above, that may fire an
    order, by market and `TriggerSource`; 0 where there is none. Raises `ShapeError` for another shape.
    """
    if prices.shape != (MARKETS_MAX, len(TriggerSource), 2):
        raise ShapeError("prices", prices.size, 2 * MARKETS_MAX * len(TriggerSource))
    due = np.empty(len(dormant), np.uint8)
    read_due(orders, dormant, prices, np.int64(now_ms), np.int64(step_bps), due)
    return dormant[due == FIRES], dormant[due == TRAILS]


__all__ = ["NO_USER_EPOCH", "Waiting", "due_orders", "waiting_orders"]
