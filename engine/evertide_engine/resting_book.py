"""One side of a market's book as rows of the accounts' arrays: an order is ranked and becomes an object when somebody
looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import ORDER_FLAG_REDUCE_ONLY, ORDER_FLAG_REVEALED, ORDERS_MAX
from .crossing_kernels import candidate_hashes

FIRST_RANKED = 64


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


def hashes_of(keys: NDArray[np.uint64], account: NDArray[np.int64], picked: NDArray[np.void]) -> NDArray[np.uint64]:
    """Priority hash of each of the orders `picked` from the accounts."""
    # One order alone counts as contiguous, several do not: without the copy the kernel would be compiled for both.
    placed, ids = np.ascontiguousarray(picked["placed_slot"]), np.ascontiguousarray(picked["order_id"])
    hashes: NDArray[np.uint64] = candidate_hashes(keys, account, placed, ids)
    return hashes


class RestingBook(Sequence[RestingOrder]):
    """Orders of one side in priority; ranked as far as somebody looks, since few look further than the best."""

    def __init__(
        self, orders: NDArray[np.void], keys: NDArray[np.uint64], refs: NDArray[np.int64], better: NDArray[np.int64]
    ) -> None:
        """`orders[row, slot]` of the accounts with addresses `keys`, of them those of `refs`, `row * 32 + slot`.

        `better`: price in ticks of each ask, and less it of each bid.
        """
        self._orders, self._keys = orders, keys
        self._count = len(refs)
        self._left, self._better = refs, better
        self._ranked: list[int] = []

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> RestingOrder: ...

    @overload
    def __getitem__(self, at: slice) -> list[RestingOrder]: ...

    def __getitem__(self, at: int | slice) -> RestingOrder | list[RestingOrder]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(self._count))]
        number = at + self._count if at < 0 else at
        if not 0 <= number < self._count:
            raise IndexError(f"orders of a book: {self._count}, asked for number {at}")
        while number >= len(self._ranked):
            self._rank_more()
        row, slot = divmod(self._ranked[number], ORDERS_MAX)
        order = self._orders[row, slot]
        flags = int(order["flags"])
        return RestingOrder(
            row=row,
            slot=slot,
            order_id=int(order["order_id"]),
            kind=int(order["kind"]),
            price_ticks=int(order["price_ticks"]),
            size_lots=int(order["size_lots"]),
            placed_slot=int(order["placed_slot"]),
            reduce_only=bool(flags & ORDER_FLAG_REDUCE_ONLY),
            revealed=bool(flags & ORDER_FLAG_REVEALED),
        )

    def _rank_more(self) -> None:
        """Rank the best of what is left, about as many as are ranked already, and all of their last price."""
        wanted = max(FIRST_RANKED, len(self._ranked))
        if wanted < len(self._left):
            chosen = self._better <= np.partition(self._better, wanted)[wanted]
        else:
            chosen = np.ones(len(self._left), np.bool_)
        refs, better = self._left[chosen], self._better[chosen]
        picked = self._orders[refs // ORDERS_MAX, refs % ORDERS_MAX]
        placed = picked["placed_slot"].astype(np.int64)
        hashes = hashes_of(self._keys, refs // ORDERS_MAX, picked)
        self._ranked += refs[np.lexsort((hashes, placed, better))].tolist()
        self._left, self._better = self._left[~chosen], self._better[~chosen]
