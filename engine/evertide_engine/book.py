"""A price-time book of one market, operated in batches.

    book = Book(capacity=4096, owners=16, base_ticks=90_000)
    fills, outcomes = book.run(operations)

Each batch is one kernel call. The book never raises for what an order does: every operation has an `Outcome`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .book_layout import (
    FILL,
    LEVELS,
    OPERATION,
    ORDER_ROW,
    STATE,
    Code,
    Outcome,
)
from .book_levels import best_level
from .book_match import run
from .errors import CapacityError, ShapeError

NONE = -1


class Book:
    """Bids and asks of one market within `LEVELS` ticks from `base_ticks`."""

    def __init__(self, capacity: int, owners: int, base_ticks: int) -> None:
        """Room for `capacity` resting orders of `owners` accounts; `CapacityError` beyond 2^30 orders."""
        if not 0 < capacity <= 1 << 30:
            raise CapacityError("order rows", capacity, 1 << 30)
        rows = np.zeros(capacity, ORDER_ROW)
        rows["next"] = np.arange(1, capacity + 1)
        rows["next"][-1] = NONE
        table_size = 1 << max(4, (2 * capacity - 1).bit_length())
        self.rows = rows
        self.table = np.full(table_size, NONE, np.int32)
        """Open-addressed table of order ids: row numbers, -1 = empty; a power of two, at most half full."""
        self.positions = np.zeros(owners, np.int64)
        """Signed lots of each owner, moved by fills, read by reduce-only orders."""
        self._state = np.zeros(1, STATE)
        self._state["head"], self._state["tail"], self._state["base_ticks"] = NONE, NONE, base_ticks
        self._fills = np.zeros(max(1024, 2 * capacity), FILL)

    def run(self, operations: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        """Run `OPERATION` records in order; `(FILL records, one Outcome per operation)`.

        Raises `ShapeError` when an operation names an owner that the book has no position for.
        """
        if len(operations):
            low, high = int(operations["owner"].min()), int(operations["owner"].max())
            if low < 0 or high >= len(self.positions):
                raise ShapeError("owners", high if low >= 0 else low, len(self.positions))
        outcomes = np.empty(len(operations), np.uint8)
        parts: list[NDArray[np.void]] = []
        done, state = 0, self._state[0]
        while True:
            state["fill_count"] = 0
            done = run(state, self.rows, self.table, self.positions, operations, self._fills, outcomes, done)
            parts.append(self._fills[: int(state["fill_count"])].copy())
            if done == len(operations):
                break
        return (parts[0] if len(parts) == 1 else np.concatenate(parts)), outcomes

    @property
    def order_count(self) -> int:
        """Number of resting orders."""
        return int(self._state["row_count"][0])

    def best_ticks(self, side: int) -> int | None:
        """Best bid (side 0) or ask (side 1) price in ticks; None when the side is empty."""
        level = int(best_level(self._state[0], side))
        return None if level < 0 else level + int(self._state["base_ticks"][0])

    def depth(self, side: int) -> list[tuple[int, int]]:
        """`(price_ticks, lots)` of every occupied level, best first."""
        levels = np.flatnonzero(self._state["head"][0, side] >= 0)
        base = int(self._state["base_ticks"][0])
        pairs = [(int(level) + base, int(self._state["level_lots"][0, side, level])) for level in levels]
        return pairs[::-1] if side == 0 else pairs

    def orders(self, side: int) -> list[tuple[int, int, int]]:
        """`(order_id, price_ticks, lots)` of every resting order in priority."""
        found: list[tuple[int, int, int]] = []
        rows = self.rows
        for price_ticks, _ in self.depth(side):
            row = int(self._state["head"][0, side, price_ticks - int(self._state["base_ticks"][0])])
            while row != NONE:
                found.append((int(rows[row]["order_id"]), int(rows[row]["price_ticks"]), int(rows[row]["lots"])))
                row = int(rows[row]["next"])
        return found


__all__ = ["FILL", "LEVELS", "OPERATION", "Book", "Code", "Outcome"]
