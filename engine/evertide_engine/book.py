"""A price-time book of one market, operated in batches.

    book = Book(capacity=4096, owners=16, base_ticks=90_000)
    fills, outcomes = book.run(operations)

Each batch is one kernel call. The book never raises for what an order does: every operation has an `Outcome`, and
`book_errors.error_of` says it in words. Nothing in it grows: what does not fit is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import MAX_ATOMS_PER_LOT_TICK, MAX_LOTS
from ._generated.layouts import MARKET_ROW
from .book_batch import best, run
from .book_layout import (
    ACCOUNT,
    BOOK,
    CANCELLATION,
    ENTRY,
    FILL,
    LEVEL,
    LEVELS,
    OPERATION,
    ORDER_ROW,
    TERMS_ROW,
    UNDO,
    Code,
    Kind,
    Outcome,
    Reason,
)
from .book_margin import initial_with
from .errors import CapacityError, LayoutError

NONE = -1
CAPACITY_MOST = 1 << 24
OWNERS_MOST = 1 << 30
SPARE_FILLS = 1 << 12
"""Room for fills beyond what one operation can need, so that a batch seldom ends early."""


def address_of(array: NDArray[Any]) -> int:
    """Where an array's bytes lie."""
    return int(array.ctypes.data)


class Book:
    """Bids and asks of one market within `LEVELS` ticks from `base_ticks`.

    One writer: a book must not be used from two threads at once.
    """

    def __init__(
        self, capacity: int, owners: int, base_ticks: int, *, lots_min: int = 1, lots_max: int = MAX_LOTS
    ) -> None:
        """Room for `capacity` resting orders of `owners` accounts, each of `lots_min` to `lots_max` lots.

        Icebergs share room for as many displayed parts again. Raises `CapacityError` for what no book can hold.
        """
        for what, wanted, most in (("order rows", capacity, CAPACITY_MOST), ("owners", owners, OWNERS_MOST)):
            if not 0 < wanted <= most:
                raise CapacityError(what, wanted, most)
        if not 0 < lots_min <= lots_max <= MAX_LOTS:
            raise CapacityError("lots of an order", lots_max if lots_min > 0 else lots_min, MAX_LOTS)
        if not 0 <= base_ticks < 1 << 62:
            raise CapacityError("base ticks", base_ticks, 1 << 62)
        table_size = 1 << max(4, (2 * capacity - 1).bit_length())
        part_room = 2 * capacity
        self._allocate(capacity, owners, table_size, part_room + SPARE_FILLS)
        state = self.state[0]
        state["capacity"], state["owner_count"], state["base_ticks"] = capacity, owners, base_ticks
        state["lots_min"], state["lots_max"] = lots_min, lots_max
        state["table_mask"], state["part_room"], state["fill_room"] = table_size - 1, part_room, len(self._fills)
        self.rows["next"] = np.arange(1, capacity + 1)
        self.rows["next"][-1] = NONE
        self.table["row"] = NONE

    def _allocate(self, capacity: int, owners: int, table_size: int, fill_room: int) -> None:
        """Every array that the book will ever use, and their addresses."""
        self.state = np.zeros(1, BOOK)
        """Limits, counters and addresses; the kernels' own."""
        self.rows = np.zeros(capacity, ORDER_ROW)
        """Order rows; one whose `order_id` is 0 is free."""
        self.terms = np.zeros(capacity, TERMS_ROW)
        """What an iceberg or a pegged order has beside its row."""
        self.table = np.zeros(table_size, ENTRY)
        """Open-addressed table of order ids; a power of two, at most half full."""
        self.accounts = np.zeros(owners, ACCOUNT)
        """What the book keeps of each owner."""
        self.market = np.zeros(1, MARKET_ROW)
        """Row of the risk cache that margin is checked by."""
        self._undo = np.zeros(2 * capacity + 8, UNDO)
        self._levels = np.zeros(2 * LEVELS, LEVEL)
        self._pegs = np.zeros(capacity, np.int32)
        self._fills = np.zeros(fill_room, FILL)
        self._cancellations = np.zeros(2 * fill_room, CANCELLATION)
        self.cancellations: NDArray[np.void] = self._cancellations[:0]
        """`CANCELLATION` records of the last batch."""
        arrays = {
            "rows": self.rows,
            "terms": self.terms,
            "table": self.table,
            "levels": self._levels,
            "pegs": self._pegs,
            "accounts": self.accounts,
            "market": self.market,
            "undo": self._undo,
            "fills": self._fills,
            "cancellations": self._cancellations,
        }
        for name, array in arrays.items():
            self.state[name] = address_of(array)
        self._address = address_of(self.state)

    @property
    def positions(self) -> NDArray[np.int64]:
        """Signed lots of each owner, moved by fills, read by reduce-only orders; may be written between batches."""
        lots: NDArray[np.int64] = self.accounts["basis_lots"]
        return lots

    def check_margin(self, row: np.void, atoms_per_lot_tick: int) -> None:
        """From now on every order and fill passes the program's margin test, by one row of the risk cache.

        Prices move with `MARK` operations, what owners have elsewhere with `FUNDS`. Positions are taken as folded:
        their lots and `cash_atoms` are of now. Raises `CapacityError` for a value of a tick beyond its guard.
        """
        if not 0 < atoms_per_lot_tick <= MAX_ATOMS_PER_LOT_TICK:
            raise CapacityError("atoms of a lot and tick", atoms_per_lot_tick, MAX_ATOMS_PER_LOT_TICK)
        self.market[0] = row
        self.accounts["atoms_per_lot_tick"] = atoms_per_lot_tick
        # An epoch beyond the row's says that there is nothing to fold.
        self.accounts["epoch"] = int(row["epoch"].max()) + 1
        self.state["margin"] = 1

    def initial_margin(self, owner: int, side: int, price_ticks: int, lots: int) -> tuple[int, int]:
        """`(equity less what all else demands, demand here)` of an owner with one more order, quote atoms.

        Meaningless without `check_margin`, and beyond the guards of the program.
        """
        elsewhere, part, demanded = initial_with(self._address, owner, side, price_ticks, lots)
        return int(elsewhere) + int(part), int(demanded)

    def run(self, operations: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        """Run `OPERATION` records in order; `(FILL records, one Outcome per operation)`.

        `cancellations` holds what ended without a fill. Raises `LayoutError`, and runs nothing, for another layout.
        """
        operations = self.checked(operations)
        count = len(operations)
        outcomes = np.empty(count, np.uint8)
        where, codes = address_of(operations), address_of(outcomes)
        fills: list[NDArray[np.void]] = []
        cancellations: list[NDArray[np.void]] = []
        done, state = 0, self.state
        while True:
            state["fill_count"] = state["cancellation_count"] = 0
            done = run(self._address, where, codes, done, count)
            fills.append(self._fills[: int(state["fill_count"][0])].copy())
            cancellations.append(self._cancellations[: int(state["cancellation_count"][0])].copy())
            if done == count:
                break
        state["operation_count"] += count
        self.cancellations = cancellations[0] if len(fills) == 1 else np.concatenate(cancellations)
        return (fills[0] if len(fills) == 1 else np.concatenate(fills)), outcomes

    @staticmethod
    def checked(operations: NDArray[np.void]) -> NDArray[np.void]:
        """The same operations without gaps in memory; `LayoutError` when they are no `OPERATION` records."""
        if operations.dtype != OPERATION or operations.ndim != 1:
            raise LayoutError("OPERATION", 0, "records of a batch", operations.dtype, OPERATION)
        return np.ascontiguousarray(operations)

    @property
    def order_count(self) -> int:
        """Number of live orders."""
        return int(self.state["row_count"][0])

    @property
    def capacity(self) -> int:
        """Most live orders."""
        return int(self.state["capacity"][0])

    @property
    def part_count(self) -> int:
        """Parts in which all live orders are displayed: one, or as many as an iceberg has left."""
        return int(self.state["part_count"][0])

    @property
    def part_room(self) -> int:
        """Most of these parts."""
        return int(self.state["part_room"][0])

    @property
    def lots_min(self) -> int:
        """Fewest lots of an order."""
        return int(self.state["lots_min"][0])

    @property
    def lots_max(self) -> int:
        """Most lots of an order."""
        return int(self.state["lots_max"][0])

    @property
    def operation_count(self) -> int:
        """Operations run since the beginning, whatever became of them."""
        return int(self.state["operation_count"][0])

    @property
    def base_ticks(self) -> int:
        """Price of the lowest level, ticks."""
        return int(self.state["base_ticks"][0])

    def best_ticks(self, side: int) -> int | None:
        """Best bid (side 0) or ask (side 1) price in ticks; None when the side is empty."""
        level = int(best(self._address, side))
        return None if level < 0 else level + self.base_ticks

    def depth(self, side: int) -> list[tuple[int, int]]:
        """`(price_ticks, displayed lots)` of every occupied level, best first."""
        words = self.state["low_bits"][0, side]
        used = np.flatnonzero(words)
        bits = np.unpackbits(words[used].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        word, bit = np.nonzero(bits)
        occupied = used[word] * 64 + bit
        lots = self._levels["lots"][side * LEVELS + occupied]
        pairs = list(zip((occupied + self.base_ticks).tolist(), lots.tolist(), strict=True))
        return pairs[::-1] if side == 0 else pairs

    def orders(self, side: int) -> list[tuple[int, int, int]]:
        """`(order_id, price_ticks, displayed lots)` of every order in the book in priority.

        A pegged order that the index puts outside the book's window is not among them.
        """
        return [
            (order_id, price_ticks, lots)
            for price_ticks, _ in self.depth(side)
            for order_id, lots in self.queue(side, price_ticks)
        ]

    def queue(self, side: int, price_ticks: int) -> list[tuple[int, int]]:
        """`(order_id, displayed lots)` of the orders of one price, first in first out; none outside the window."""
        level = price_ticks - self.base_ticks
        if not 0 <= level < LEVELS or self._levels["lots"][side * LEVELS + level] == 0:
            return []
        ids, lots, following = self.rows["order_id"], self.rows["lots"], self.rows["next"]
        found: list[tuple[int, int]] = []
        row = int(self._levels["head"][side * LEVELS + level])
        while row != NONE:
            found.append((int(ids[row]), int(lots[row])))
            row = int(following[row])
        return found

    def level_lots(self, side: int) -> NDArray[np.int64]:
        """Displayed lots of every level of a side, shape `(LEVELS,)`, lowest price first; a view, not to be written."""
        lots: NDArray[np.int64] = self._levels["lots"][side * LEVELS : (side + 1) * LEVELS]
        return lots

    def open_lots(self) -> dict[int, int]:
        """All lots of every live order by its id, hidden ones and those of waiting pegged orders among them."""
        live = np.flatnonzero(self.rows["order_id"])
        hidden = np.where(self.rows["kind"][live] == Kind.ICEBERG, self.terms["hidden_lots"][live], 0)
        lots = self.rows["lots"][live] + hidden
        return dict(zip(self.rows["order_id"][live].tolist(), lots.tolist(), strict=True))

    @property
    def totals(self) -> tuple[int, int, int]:
        """`(submitted, executed, cancelled)` lots since the beginning; submitted = executed + cancelled + open.

        A fill executes its lots on both sides; what a modification replaces counts as cancelled, and its new lots as
        submitted. Modulo 2^64.
        """
        names = ("submitted_lots", "executed_lots", "cancelled_lots")
        submitted, executed, cancelled = (int(self.state[name][0]) for name in names)
        return submitted, executed, cancelled


__all__ = ["CANCELLATION", "FILL", "LEVELS", "OPERATION", "Book", "Code", "Outcome", "Reason"]
