"""A price-time book of one market, operated in batches.

    book = Book(capacity=4096, owners=16, base_ticks=90_000)
    fills, outcomes = book.run(operations)

Each batch is one kernel call. The book never raises for what an order does: every operation has an `Outcome`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .book_layout import (
    BASE_TICKS,
    FILL,
    FILL_COUNT,
    FREE_ROW,
    LEVELS,
    OPERATION,
    ORDER_ROW,
    ROW_COUNT,
    SCALARS,
    Arrays,
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
        self.arrays = Arrays(
            rows=rows,
            head=np.full((2, LEVELS), NONE, np.int32),
            tail=np.full((2, LEVELS), NONE, np.int32),
            level_lots=np.zeros((2, LEVELS), np.int64),
            low_bits=np.zeros((2, LEVELS // 64), np.uint64),
            middle_bits=np.zeros((2, 64), np.uint64),
            top_bits=np.zeros(2, np.uint64),
            table=np.full(table_size, NONE, np.int32),
            scalars=np.zeros(SCALARS, np.int64),
            positions=np.zeros(owners, np.int64),
        )
        self.arrays.scalars[FREE_ROW] = 0
        self.arrays.scalars[BASE_TICKS] = base_ticks
        self._fills = np.zeros(max(1024, 2 * capacity), FILL)

    def run(self, operations: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        """Run `OPERATION` records in order; `(FILL records, one Outcome per operation)`.

        Raises `ShapeError` when an operation names an owner that the book has no position for.
        """
        if len(operations):
            low, high = int(operations["owner"].min()), int(operations["owner"].max())
            if low < 0 or high >= len(self.arrays.positions):
                raise ShapeError("owners", high if low >= 0 else low, len(self.arrays.positions))
        outcomes = np.empty(len(operations), np.uint8)
        parts: list[NDArray[np.void]] = []
        done = 0
        while True:
            self.arrays.scalars[FILL_COUNT] = 0
            done = run(self.arrays, operations, self._fills, outcomes, done)
            parts.append(self._fills[: self.arrays.scalars[FILL_COUNT]].copy())
            if done == len(operations):
                break
        return (parts[0] if len(parts) == 1 else np.concatenate(parts)), outcomes

    @property
    def order_count(self) -> int:
        """Number of resting orders."""
        return int(self.arrays.scalars[ROW_COUNT])

    def best_ticks(self, side: int) -> int | None:
        """Best bid (side 0) or ask (side 1) price in ticks; None when the side is empty."""
        level = int(best_level(self.arrays, side))
        return None if level < 0 else level + int(self.arrays.scalars[BASE_TICKS])

    def depth(self, side: int) -> list[tuple[int, int]]:
        """`(price_ticks, lots)` of every occupied level, best first."""
        levels = np.flatnonzero(self.arrays.head[side] >= 0)
        base = int(self.arrays.scalars[BASE_TICKS])
        pairs = [(int(level) + base, int(self.arrays.level_lots[side, level])) for level in levels]
        return pairs[::-1] if side == 0 else pairs

    def orders(self, side: int) -> list[tuple[int, int, int]]:
        """`(order_id, price_ticks, lots)` of every resting order in priority."""
        found: list[tuple[int, int, int]] = []
        rows = self.arrays.rows
        for price_ticks, _ in self.depth(side):
            row = int(self.arrays.head[side, price_ticks - int(self.arrays.scalars[BASE_TICKS])])
            while row != NONE:
                found.append((int(rows[row]["order_id"]), int(rows[row]["price_ticks"]), int(rows[row]["lots"])))
                row = int(rows[row]["next"])
        return found


__all__ = ["FILL", "LEVELS", "OPERATION", "Book", "Code", "Outcome"]
