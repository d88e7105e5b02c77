"""A price-time book in plain Python as one would write it: dictionaries, double-ended queues, heaps of prices."""

from __future__ import annotations

import heapq
from collections import deque

Fill = tuple[int, int, int, int]
"""Taker's id, maker's id, price in ticks, lots."""

SIDE, PRICE, LOTS = 0, 1, 2


class PlainBook:
    """Limit, immediate-or-cancel and post-only orders, cancel, move: what the streams of messages hold."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        """Side (0 bid, 1 ask), price in ticks and open lots of each resting order, by its id."""
        self.levels: tuple[dict[int, deque[int]], dict[int, deque[int]]] = ({}, {})
        self.heaps: tuple[list[int], list[int]] = ([], [])
        self.fills: list[Fill] = []

    def best(self, side: int) -> int | None:
        """Best price of a side in ticks."""
        heap, levels = self.heaps[side], self.levels[side]
        while heap:
            price = heap[0] if side else -heap[0]
            if levels.get(price):
                return price
            levels.pop(price, None)
            heapq.heappop(heap)
        return None

    def place(self, order_id: int, side: int, price: int, lots: int, rests: bool = True) -> None:
        """Match while the limit is met; what is left rests when it may."""
        while lots:
            best = self.best(1 - side)
            if best is None or (best > price if side == 0 else best < price):
                break
            queue = self.levels[1 - side][best]
            maker = self.orders[queue[0]]
            size = min(lots, maker[LOTS])
            lots -= size
            maker[LOTS] -= size
            self.fills.append((order_id, queue[0], best, size))
            if maker[LOTS] == 0:
                del self.orders[queue.popleft()]
        if lots and rests:
            self.rest(order_id, side, price, lots)

    def rest(self, order_id: int, side: int, price: int, lots: int) -> None:
        """Put an order at the end of its level."""
        self.orders[order_id] = [side, price, lots]
        queue = self.levels[side].get(price)
        if queue is None:
            queue = self.levels[side][price] = deque()
            heapq.heappush(self.heaps[side], price if side else -price)
        queue.append(order_id)

    def post(self, order_id: int, side: int, price: int, lots: int) -> None:
        """Rest, or do nothing where the order would take."""
        best = self.best(1 - side)
        if best is None or (best > price if side == 0 else best < price):
            self.rest(order_id, side, price, lots)

    def cancel(self, order_id: int) -> None:
        """Remove an order, if it rests."""
        found = self.orders.pop(order_id, None)
        if found is not None:
            self.levels[found[SIDE]][found[PRICE]].remove(order_id)

    def move(self, order_id: int, side: int, price: int, lots: int) -> None:
        """Set price and lots: fewer lots at the same price keep the place, anything else is placed anew."""
        found = self.orders.get(order_id)
        if found is None:
            return
        if found[PRICE] == price and lots <= found[LOTS]:
            found[LOTS] = lots
            return
        self.cancel(order_id)
        self.place(order_id, side, price, lots)

    def depth(self) -> list[tuple[int, int, int]]:
        """Side, price in ticks and lots of each level, bids first, by price."""
        lots: dict[tuple[int, int], int] = {}
        for side, price, open_lots in self.orders.values():
            lots[side, price] = lots.get((side, price), 0) + open_lots
        return [(side, price, lots[side, price]) for side, price in sorted(lots)]
