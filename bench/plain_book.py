"""A price-time book in plain Python as one would write it: dictionaries, double-ended queues, heaps of prices."""

from __future__ import annotations

import heapq
from collections import deque


class PlainBook:
    """Limit, immediate-or-cancel, cancel, move. Enough for the benchmark's message mix."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        self.levels: tuple[dict[int, deque[int]], dict[int, deque[int]]] = ({}, {})
        self.heaps: tuple[list[int], list[int]] = ([], [])
        self.fills = 0

    def best(self, side: int) -> int | None:
        """Best price of a side."""
        heap, levels = self.heaps[side], self.levels[side]
        while heap:
            price = heap[0] if side else -heap[0]
            queue = levels.get(price)
            while queue and queue[0] not in self.orders:
                queue.popleft()
            if queue:
                return price
            levels.pop(price, None)
            heapq.heappop(heap)
        return None

    def place(self, order_id: int, side: int, price: int, lots: int, rests: bool) -> None:
        """Match and rest."""
        while lots:
            best = self.best(1 - side)
            if best is None or (best > price if side == 0 else best < price):
                break
            queue = self.levels[1 - side][best]
            maker = self.orders[queue[0]]
            size = min(lots, maker[2])
            lots -= size
            maker[2] -= size
            self.fills += 1
            if maker[2] == 0:
                del self.orders[queue.popleft()]
        if lots and rests:
            self.orders[order_id] = [side, price, lots]
            if price not in self.levels[side]:
                self.levels[side][price] = deque()
                heapq.heappush(self.heaps[side], price if side else -price)
            self.levels[side][price].append(order_id)

    def cancel(self, order_id: int) -> bool:
        """Remove; its queue forgets it lazily."""
        found = self.orders.pop(order_id, None)
        if found is not None:
            self.levels[found[0]][found[1]].remove(order_id)
        return found is not None

    def move(self, order_id: int, side: int, price: int, lots: int) -> None:
        """Cancel and place anew."""
        if self.cancel(order_id):
            self.place(order_id, side, price, lots, rests=True)
