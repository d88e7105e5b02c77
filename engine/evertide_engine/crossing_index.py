"""The crossing scan kept between changes of accounts: after a change only who could meet is looked at again.

    index = CrossingIndex(orders, capacity=100_000)       # once
    index.update(orders, changed_rows)                    # after accounts have changed: microseconds for each
    index.scan(orders, keys, users, markets, now_ms, slot)  # what crossing.scan finds, from the few that could meet

While no bid reaches an ask nothing is read at all, whatever the number of open orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import MARKETS_MAX
from .crossing import Match, scan
from .crossing_index_kernels import BLOCK, HIGHEST, LOWEST, meeting_rows, read_all, read_rows
from .decode import Records
from .errors import CapacityError, ShapeError
from .markets import MarketColumns


class CrossingIndex:
    """How far each account's orders reach, by market and side; one writer."""

    def __init__(self, orders: Records, capacity: int | None = None) -> None:
        """Index of all `ORDERS` records, with room for `capacity` of them (else for twice as many as there are).

        Raises:
            CapacityError: there are more than `capacity`.
        """
        self.capacity = max(2 * len(orders), BLOCK) if capacity is None else capacity
        self._blocks = -(-self.capacity // BLOCK)
        rows = self._blocks * BLOCK
        self._bid = np.full((MARKETS_MAX, rows), LOWEST, np.int64)
        self._ask = np.full((MARKETS_MAX, rows), HIGHEST, np.int64)
        self._touched = np.zeros(rows, np.uint64)
        self._block_bid = np.full((MARKETS_MAX, self._blocks), LOWEST, np.int64)
        self._block_ask = np.full((MARKETS_MAX, self._blocks), HIGHEST, np.int64)
        self._best = np.empty((MARKETS_MAX, 2), np.int64)
        self._best[:, 0], self._best[:, 1] = LOWEST, HIGHEST
        self._marks, self._found = np.zeros(rows, np.bool_), np.empty(rows, np.int64)
        self.count = 0
        """Accounts that the index holds."""
        self._admit(len(orders))
        arrays = (self._bid, self._ask, self._touched, self._block_bid, self._block_ask, self._best)
        read_all(orders, len(orders), self._blocks, *arrays)
        self.count = len(orders)

    def update(self, orders: Records, rows: NDArray[np.integer[Any]]) -> None:
        """Take in the rows whose account changed, and those that `orders` has got since.

        Raises:
            CapacityError: there are more accounts than the index has room for; it holds what it held.
            ShapeError: a row that `orders` does not have, or fewer accounts than the index holds.
        """
        self._admit(len(orders))
        if len(orders) < self.count:
            raise ShapeError("orders, of which none leaves", len(orders), self.count)
        changed = np.asarray(rows, np.int64)
        if changed.size and not 0 <= int(changed.min()) <= int(changed.max()) < len(orders):
            raise ShapeError("orders, by their changed rows", len(orders), int(changed.max()) + 1)
        if len(orders) > self.count:
            changed = np.concatenate([changed, np.arange(self.count, len(orders))])
        arrays = (self._bid, self._ask, self._touched, self._block_bid, self._block_ask, self._best)
        read_rows(orders, changed, self._blocks, *arrays)
        self.count = len(orders)

    def _admit(self, count: int) -> None:
        if count > self.capacity:
            raise CapacityError("order accounts of the crossing index", count, self.capacity)

    def meeting(self) -> NDArray[np.int64]:
        """Rows, rising, with an order that could meet one of another row or its own; empty while no bid reaches an ask.

        It may name too many: a reach leaves expiry, epochs, clock and index price aside. It never misses one.
        """
        found = meeting_rows(
            self.count, self._blocks, self._bid, self._ask, self._block_bid, self._block_ask, self._best,
            self._marks, self._found,
        )  # fmt: skip
        return self._found[:found].copy()

    def scan(
        self,
        orders: Records,
        keys: NDArray[np.uint64],
        users: Records,
        markets: MarketColumns,
        now_ms: int,
        slot: int,
        blocked: NDArray[np.bool_] | None = None,
    ) -> list[Match]:
        """`crossing.scan` of the same arrays: the same matches in the same order.

        Raises:
            ShapeError: the arrays do not belong together, or the index was not updated to their length.
        """
        if len(orders) != self.count:
            raise ShapeError("orders, as the index was updated to", len(orders), self.count)
        rows = self.meeting()
        if not rows.size:
            return []
        return scan(orders, keys, users, markets, now_ms, slot, blocked, rows=rows)


__all__ = ["CrossingIndex"]
