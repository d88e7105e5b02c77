"""One side of a market's book as rows of the accounts' arrays: an order becomes an object when somebody looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import ORDER_FLAG_REDUCE_ONLY, ORDER_FLAG_REVEALED


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """One order that rests in the book now: `orders["orders"][row, slot]`."""

    row: int
    slot: int
    order_id: int
    kind: int
    price_ticks: int
    #: What it displays.
    size_lots: int
    placed_slot: int
    reduce_only: bool
    #: It was hidden until `reveal_order` placed it: no evidence of a price.
    revealed: bool


class RestingBook(Sequence[RestingOrder]):
    """Orders of one side in priority."""

    def __init__(self, rows: NDArray[np.int64], slots: NDArray[np.int64], orders: NDArray[np.void]) -> None:
        """`orders[number]` is the order at `rows[number]`, `slots[number]` of the accounts, best first."""
        self.rows = rows
        """Row of each order's account."""
        self._slots = slots
        self._orders = orders

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> RestingOrder: ...

    @overload
    def __getitem__(self, at: slice) -> RestingBook: ...

    def __getitem__(self, at: int | slice) -> RestingOrder | RestingBook:
        if isinstance(at, slice):
            return RestingBook(self.rows[at], self._slots[at], self._orders[at])
        order = self._orders[at]
        flags = int(order["flags"])
        return RestingOrder(
            row=int(self.rows[at]),
            slot=int(self._slots[at]),
            order_id=int(order["order_id"]),
            kind=int(order["kind"]),
            price_ticks=int(order["price_ticks"]),
            size_lots=int(order["size_lots"]),
            placed_slot=int(order["placed_slot"]),
            reduce_only=bool(flags & ORDER_FLAG_REDUCE_ONLY),
            revealed=bool(flags & ORDER_FLAG_REVEALED),
        )
