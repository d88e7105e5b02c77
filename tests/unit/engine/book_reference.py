"""A price-time book in plain Python: sorted scans over a list, no index, no cleverness. Slow and easy to check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evertide_engine.book import LEVELS, Code, Outcome

IOC, FOK, POST_ONLY, SLIDE = 1, 2, 3, 4


@dataclass
class Resting:
    """One resting order; `turn` orders those of equal price."""

    order_id: int
    side: int
    owner: int
    price: int
    lots: int
    expiry_ms: int
    reduce_only: bool
    turn: int


@dataclass
class ReferenceBook:
    """Same operations and outcomes as `evertide_engine.book.Book`."""

    capacity: int
    owners: int
    base_ticks: int
    resting: list[Resting] = field(default_factory=list)
    fills: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    turn: int = 0

    def __post_init__(self) -> None:
        self.positions = [0] * self.owners

    def side(self, side: int) -> list[Resting]:
        """Orders of a side in priority."""
        return sorted(
            (order for order in self.resting if order.side == side),
            key=lambda order: (order.price if side else -order.price, order.turn),
        )

    def run(self, operations: list[dict[str, Any]]) -> list[Outcome]:
        """Run operations in order."""
        return [self.apply(operation, at) for at, operation in enumerate(operations)]

    def apply(self, op: dict[str, Any], at: int) -> Outcome:
        """Run one operation."""
        code = op["code"]
        found = next((order for order in self.resting if order.order_id == op["order_id"]), None)
        if code == Code.CANCEL:
            if found is None:
                return Outcome.UNKNOWN_ID
            self.resting.remove(found)
            return Outcome.CANCELLED
        if code in (Code.MODIFY, Code.AMEND):
            return self.modify(op, found, at)
        if code == Code.REST:
            return self.rest(op, found)
        if code not in (Code.LIMIT, Code.MARKET):
            return Outcome.BAD_CODE
        if found is not None or op["order_id"] == 0:
            return Outcome.DUPLICATE_ID
        refused = self.refusal(op)
        return refused if refused is not None else self.execute(op, at)

    def outside(self, price: int) -> bool:
        return not self.base_ticks <= price < self.base_ticks + LEVELS

    def rest(self, op: dict[str, Any], found: Resting | None) -> Outcome:
        if op["lots"] <= 0:
            return Outcome.BAD_SIZE
        if self.outside(op["price_ticks"]):
            return Outcome.PRICE_OUTSIDE
        if found is not None or op["order_id"] == 0:
            return Outcome.DUPLICATE_ID
        return self.add(op, op["price_ticks"], op["lots"])

    def modify(self, op: dict[str, Any], found: Resting | None, at: int) -> Outcome:
        if found is None or (found.side, found.owner) != (op["side"], op["owner"]):
            return Outcome.UNKNOWN_ID
        if op["lots"] <= 0:
            return Outcome.BAD_SIZE
        if op["price_ticks"] == found.price and op["lots"] <= found.lots:
            found.lots = op["lots"]
            return Outcome.RESTED
        if op["code"] == Code.AMEND:
            if self.outside(op["price_ticks"]):
                return Outcome.PRICE_OUTSIDE
            self.turn += 1
            found.price, found.lots, found.turn = op["price_ticks"], op["lots"], self.turn
            return Outcome.RESTED
        refused = self.refusal(op)
        if refused is not None:
            return refused
        self.resting.remove(found)
        return self.execute(op, at)

    def reducing(self, owner: int, side: int, lots: int) -> int:
        room = self.positions[owner] if side else -self.positions[owner]
        return min(lots, max(room, 0))

    def slid(self, side: int, price: int) -> int:
        others = self.side(1 - side)
        if not others:
            return price
        return max(price, others[0].price + 1) if side else min(price, others[0].price - 1)

    def available(self, order: Resting, now_ms: int) -> int:
        if order.expiry_ms and now_ms > order.expiry_ms:
            return 0
        return self.reducing(order.owner, order.side, order.lots) if order.reduce_only else order.lots

    def crossing(self, op: dict[str, Any]) -> list[Resting]:
        limit, side = op["price_ticks"], op["side"]
        return [order for order in self.side(1 - side) if (order.price >= limit if side else order.price <= limit)]

    def fillable(self, op: dict[str, Any]) -> bool:
        total = 0
        for order in self.crossing(op):
            if order.owner == op["owner"]:
                return False
            if not order.reduce_only:
                total += self.available(order, op["now_ms"])
            if total >= op["lots"]:
                return True
        return False

    def refusal(self, op: dict[str, Any]) -> Outcome | None:
        side, lots = op["side"], op["lots"]
        if lots <= 0:
            return Outcome.BAD_SIZE
        if op["expiry_ms"] and op["now_ms"] > op["expiry_ms"]:
            return Outcome.EXPIRED
        if self.outside(op["price_ticks"]):
            return Outcome.PRICE_OUTSIDE
        wanted = self.reducing(op["owner"], side, lots) if op["reduce_only"] else lots
        if wanted == 0:
            return Outcome.NOTHING_TO_REDUCE
        if op["time_in_force"] in (POST_ONLY, SLIDE):
            price = self.slid(side, op["price_ticks"])
            if price != op["price_ticks"] and op["time_in_force"] == POST_ONLY:
                return Outcome.WOULD_TAKE
            return Outcome.PRICE_OUTSIDE if self.outside(price) else None
        if op["time_in_force"] == FOK and (wanted < lots or not self.fillable(op)):
            return Outcome.NOT_FILLABLE
        return None

    def execute(self, op: dict[str, Any], at: int) -> Outcome:
        price, left, stopped = op["price_ticks"], op["lots"], False
        if op["time_in_force"] in (POST_ONLY, SLIDE):
            price = self.slid(op["side"], price)
        else:
            left, stopped = self.take(op, at)
            if left == 0:
                return Outcome.FILLED
            if stopped or op["code"] == Code.MARKET or op["time_in_force"] in (IOC, FOK):
                return Outcome.CANCELLED
        return self.add(op, price, left)

    def take(self, op: dict[str, Any], at: int) -> tuple[int, bool]:
        left, side, owner = op["lots"], op["side"], op["owner"]
        for maker in self.crossing(op):
            while maker in self.resting and left:
                size = self.available(maker, op["now_ms"])
                if size == 0:
                    self.resting.remove(maker)
                elif maker.owner == owner:
                    if op["self_trade"] == 0:
                        return left, True
                    part = 0 if op["self_trade"] == 1 else min(left, maker.lots)
                    left -= part
                    maker.lots -= part if op["self_trade"] == 2 else maker.lots
                    if maker.lots == 0:
                        self.resting.remove(maker)
                else:
                    size = min(left, size)
                    if op["reduce_only"]:
                        size = self.reducing(owner, side, size)
                        if size == 0:
                            return left, True
                    self.fills.append((op["order_id"], maker.order_id, maker.price, size, at))
                    self.positions[owner] += -size if side else size
                    self.positions[maker.owner] += size if side else -size
                    maker.lots -= size
                    left -= size
                    if maker.lots == 0:
                        self.resting.remove(maker)
        return left, False

    def add(self, op: dict[str, Any], price: int, lots: int) -> Outcome:
        if len(self.resting) == self.capacity:
            return Outcome.BOOK_FULL
        self.turn += 1
        names = ("order_id", "side", "owner")
        self.resting.append(
            Resting(*(op[name] for name in names), price, lots, op["expiry_ms"], bool(op["reduce_only"]), self.turn)
        )
        return Outcome.RESTED
