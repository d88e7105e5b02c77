"""A price-time book in plain Python: sorted scans over a list, no index, no cleverness. Slow and easy to check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from book_reference_order import Resting
from book_reference_recorded import RecordedRules

from evertide_engine.book import LEVELS, Code, Outcome, Reason

IOC, FOK, POST_ONLY, SLIDE = 1, 2, 3, 4
NEWEST, OLDEST, DECREMENT = 0, 1, 2
TICKS_MOST = LOTS_MOST = 1 << 40


@dataclass
class ReferenceBook(RecordedRules):
    """Same operations and outcomes as `evertide_engine.book.Book`."""

    capacity: int
    owners: int
    base_ticks: int
    lots_min: int = 1
    lots_max: int = LOTS_MOST
    resting: list[Resting] = field(default_factory=list)
    fills: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    cancellations: list[tuple[int, int, int, int]] = field(default_factory=list)
    ledger: dict[int, list[int]] = field(default_factory=dict)
    """Submitted, executed and cancelled lots of each order id since it was first used."""
    index: tuple[int, int] | None = None
    published_ms: int = 0
    turn: int = 0

    def __post_init__(self) -> None:
        self.positions = [0] * self.owners
        self.stopped = False

    def margin_refusal(self, op: dict[str, Any], kind: str, replaced: Resting | None) -> Outcome | None:
        """Why margin refuses an order: here, and for who does not check it, never."""
        return None

    def who_fails(self, taker: Resting, maker: Resting, size: int) -> Resting | None:
        """Which of the two a fill would leave without the margin that it needs."""
        return None

    def side(self, side: int) -> list[Resting]:
        """Orders of a side in priority."""
        standing = [order for order in self.resting if order.side == side and order.price is not None]
        return sorted(standing, key=lambda order: ((order.price or 0) * (1 if side else -1), order.turn))

    def run(self, operations: list[dict[str, Any]]) -> list[Outcome]:
        """Run operations in order."""
        self.outcomes = [self.apply(operation, at) for at, operation in enumerate(operations)]
        return self.outcomes

    def apply(self, op: dict[str, Any], at: int) -> Outcome:
        """Run one operation."""
        self.at, self.now_ms = at, op["now_ms"]
        code = op["code"]
        found = next((order for order in self.resting if order.order_id == op["order_id"]), None)
        if not 0 <= op["owner"] < self.owners:
            return Outcome.BAD_OWNER
        if code == Code.CANCEL:
            if found is None:
                return Outcome.UNKNOWN_ID
            self.cancel(found, Reason.OWNER)
            return Outcome.CANCELLED
        if code == Code.INDEX:
            return self.new_index(op)
        if code == Code.MODIFY:
            return self.modify(op, found)
        if code in (Code.REST, Code.AMEND):
            return self.rest(op, found) if code == Code.REST else self.amend(op, found)
        kinds = {Code.LIMIT: "plain", Code.MARKET: "plain", Code.ICEBERG: "iceberg", Code.PEGGED: "pegged"}
        if code not in kinds:
            return Outcome.BAD_CODE
        if found is not None or op["order_id"] == 0:
            return Outcome.DUPLICATE_ID
        refused = self.refusal(op, kinds[code], None) or self.margin_refusal(op, kinds[code], None)
        return refused if refused is not None else self.execute(op, kinds[code])

    # What is counted.

    def count(self, order_id: int, submitted: int = 0, executed: int = 0, cancelled: int = 0) -> None:
        line = self.ledger.setdefault(order_id, [0, 0, 0])
        for place, lots in enumerate((submitted, executed, cancelled)):
            line[place] += lots

    def note(self, order_id: int, lots: int, reason: Reason) -> None:
        self.cancellations.append((order_id, lots, self.at, int(reason)))
        self.count(order_id, cancelled=lots)

    def cancel(self, order: Resting, reason: Reason) -> None:
        self.note(order.order_id, order.open, reason)
        self.resting.remove(order)

    # Rules.

    def outside(self, price: int) -> bool:
        return not self.base_ticks <= price < self.base_ticks + LEVELS

    def reducing(self, owner: int, side: int, lots: int) -> int:
        room = self.positions[owner] if side else -self.positions[owner]
        return min(lots, max(room, 0))

    def slid(self, side: int, price: int) -> int:
        others = self.side(1 - side)
        if not others or others[0].price is None:
            return price
        return max(price, others[0].price + 1) if side else min(price, others[0].price - 1)

    def pegged_price(self, side: int, limit: int, offset: int) -> int | None:
        if self.index is None or not 0 < self.index[side] + offset < TICKS_MOST:
            return None
        price = self.index[side] + offset
        price = max(price, limit) if side else min(price, limit)
        return None if self.outside(price) else price

    def dead(self, order: Resting) -> bool:
        return order.expiry_ms != 0 and self.now_ms >= order.expiry_ms

    def crossing(self, side: int, limit: int) -> list[Resting]:
        reached = (lambda price: price >= limit) if side else (lambda price: price <= limit)
        return [order for order in self.side(1 - side) if reached(order.price)]

    def may_make(self, maker: Resting, placed_ms: int, turn: int | None) -> bool:
        older = turn is None or maker.turn < turn
        return older and (maker.kind != "pegged" or self.published_ms > placed_ms)

    def fillable(self, op: dict[str, Any]) -> bool:
        total = 0
        for maker in self.crossing(op["side"], op["price_ticks"]):
            if self.dead(maker) or not self.may_make(maker, op["now_ms"] - op["age_ms"], None):
                continue
            if maker.owner == op["owner"]:
                if op["self_trade"] != OLDEST:
                    return False
            elif not maker.reduce_only:
                total += maker.open
            if total >= op["lots"]:
                return True
        return False

    def refusal(self, op: dict[str, Any], kind: str, replaced: Resting | None) -> Outcome | None:
        side, lots, force = op["side"], op["lots"], op["time_in_force"]
        immediate = force in (IOC, FOK)
        if not self.lots_min <= lots <= self.lots_max:
            return Outcome.BAD_SIZE
        if side > 1 or force > SLIDE or op["self_trade"] > DECREMENT:
            return Outcome.BAD_TERMS
        if op["code"] == Code.MARKET and not immediate:
            return Outcome.BAD_TERMS
        if kind == "iceberg" and (immediate or not self.lots_min <= op["terms"] < lots):
            return Outcome.BAD_TERMS
        if kind == "pegged" and not (abs(op["terms"]) < TICKS_MOST and 0 < op["price_ticks"] < TICKS_MOST):
            return Outcome.BAD_TERMS
        if kind == "pegged" and force != POST_ONLY:
            return Outcome.BAD_TERMS
        if op["expiry_ms"] and op["now_ms"] >= op["expiry_ms"]:
            return Outcome.EXPIRED
        if kind == "pegged":
            if self.index is None:
                return Outcome.NO_INDEX
            price = self.pegged_price(side, op["price_ticks"], op["terms"])
            if price is None:
                return Outcome.PRICE_OUTSIDE
            if self.slid(side, price) != price:
                return Outcome.WOULD_TAKE
        elif self.outside(op["price_ticks"]):
            return Outcome.PRICE_OUTSIDE
        wanted = self.reducing(op["owner"], side, lots) if op["reduce_only"] else lots
        if wanted == 0:
            return Outcome.NOTHING_TO_REDUCE
        parts = sum(order.parts for order in self.resting if order is not replaced)
        if kind == "iceberg" and parts + -(-lots // op["terms"]) > 2 * self.capacity:
            return Outcome.BOOK_FULL
        if kind != "pegged" and force in (POST_ONLY, SLIDE):
            price = self.slid(side, op["price_ticks"])
            if price != op["price_ticks"] and force == POST_ONLY:
                return Outcome.WOULD_TAKE
            return Outcome.PRICE_OUTSIDE if self.outside(price) else None
        if force == FOK and (wanted < lots or not self.fillable(op)):
            return Outcome.NOT_FILLABLE
        return None

    # Operations.

    def execute(self, op: dict[str, Any], kind: str) -> Outcome:
        order_id, side, lots, force = op["order_id"], op["side"], op["lots"], op["time_in_force"]
        self.count(order_id, submitted=lots)
        if force not in (POST_ONLY, SLIDE):
            taker = self.as_order(op, "plain", op["price_ticks"], lots)
            wanted = self.reducing(op["owner"], side, lots) if op["reduce_only"] else lots
            left, lost = self.take(taker, wanted, None)
            lots = left + lots - wanted
            if lots == 0:
                return Outcome.CANCELLED if lost else Outcome.FILLED
            reason = None
            stopped, self.stopped = self.stopped, False
            if lost and op["self_trade"] == NEWEST:
                reason = Reason.SELF_TRADE
            elif stopped:
                reason = Reason.MARGIN
            elif op["reduce_only"] and self.positions[op["owner"]] == 0:
                reason = Reason.NOTHING_TO_REDUCE
            elif force in (IOC, FOK):
                reason = Reason.IMMEDIATE
            if reason is not None:
                self.note(order_id, lots, reason)
                return Outcome.CANCELLED
        if len(self.resting) == self.capacity:
            self.note(order_id, lots, Reason.BOOK_FULL)
            return Outcome.BOOK_FULL
        price: int | None = op["price_ticks"]
        if kind == "pegged":
            price = self.pegged_price(side, op["price_ticks"], op["terms"])
        elif force == SLIDE:
            price = self.slid(side, op["price_ticks"])
        self.resting.append(self.as_order(op, kind, price, lots))
        return Outcome.RESTED

    def as_order(self, op: dict[str, Any], kind: str, price: int | None, lots: int) -> Resting:
        names = ("expiry_ms", "reduce_only", "time_in_force", "self_trade")
        given = {name: op[name] for name in names}
        self.turn += 1
        order = Resting(
            op["order_id"], op["side"], op["owner"], price, lots,
            placed_ms=op["now_ms"] - op["age_ms"], turn=self.turn, kind=kind, **given,
        )  # fmt: skip
        if kind == "iceberg":
            shown = min(lots, op["terms"])
            return replace(order, lots=shown, hidden=lots - shown, display=op["terms"])
        return replace(order, offset=op["terms"], limit=op["price_ticks"]) if kind == "pegged" else order

    def take(self, taker: Resting, left: int, turn: int | None) -> tuple[int, int]:
        """`(lots left, lots lost)`; a refilled iceberg is met again after all others of its price."""
        passed: set[int] = set()
        lost = 0
        assert taker.price is not None
        while left:
            makers = [order for order in self.crossing(taker.side, taker.price) if id(order) not in passed]
            if not makers:
                break
            maker = makers[0]
            if self.dead(maker):
                self.cancel(maker, Reason.EXPIRED)
            elif not self.may_make(maker, taker.placed_ms, turn):
                passed.add(id(maker))
            elif maker.owner == taker.owner:
                part = self.meet_own(taker, maker, left)
                left, lost = left - part, lost + part
            else:
                size = min(left, maker.lots)
                if maker.reduce_only:
                    size = self.reducing(maker.owner, maker.side, size)
                if size == 0:
                    self.cancel(maker, Reason.NOTHING_TO_REDUCE)
                    continue
                failing = self.who_fails(taker, maker, size)
                if failing is taker:
                    self.stopped = True
                    break
                if failing is maker:
                    passed.add(id(maker))
                    continue
                self.trade(taker, maker, size)
                left -= size
                self.left = left
                self.settle(maker)
        return left, lost

    def meet_own(self, taker: Resting, maker: Resting, left: int) -> int:
        if taker.self_trade == OLDEST:
            self.cancel(maker, Reason.SELF_TRADE)
            return 0
        lost = left if taker.self_trade == NEWEST else min(left, maker.lots)
        if taker.self_trade == DECREMENT:
            if lost == maker.lots:
                self.cancel(maker, Reason.SELF_TRADE)
            else:
                maker.lots -= lost
                self.note(maker.order_id, lost, Reason.SELF_TRADE)
        self.note(taker.order_id, lost, Reason.SELF_TRADE)
        return lost

    def trade(self, taker: Resting, maker: Resting, size: int) -> None:
        assert maker.price is not None
        self.fills.append((taker.order_id, maker.order_id, maker.price, size, self.at))
        for order in (taker, maker):
            self.positions[order.owner] += -size if order.side else size
            self.count(order.order_id, executed=size)
        maker.lots -= size

    def settle(self, order: Resting) -> None:
        """What becomes of an order after lots of it were filled."""
        if order.reduce_only and self.positions[order.owner] == 0:
            if order.open:
                self.cancel(order, Reason.NOTHING_TO_REDUCE)
            else:
                self.resting.remove(order)
        elif order.lots == 0 and order.hidden:
            self.turn += 1
            order.turn, order.lots = self.turn, min(order.display, order.hidden)
            order.hidden -= order.lots
        elif order.lots == 0:
            self.resting.remove(order)

    def modify(self, op: dict[str, Any], found: Resting | None) -> Outcome:
        if found is None or (found.side, found.owner) != (op["side"], op["owner"]) or self.dead(found):
            return Outcome.UNKNOWN_ID
        same = all(
            getattr(found, name) == op[name] for name in ("expiry_ms", "time_in_force", "self_trade", "reduce_only")
        )
        if found.kind == "pegged":
            same = same and (found.limit, found.offset) == (op["price_ticks"], op["terms"])
        else:
            same = same and found.price == op["price_ticks"]
        if same and found.kind != "iceberg" and self.lots_min <= op["lots"] < found.lots:
            self.count(found.order_id, cancelled=found.lots - op["lots"])
            found.lots = op["lots"]
            return Outcome.RESTED
        refused = self.refusal(op, found.kind, found) or self.margin_refusal(op, found.kind, found)
        if refused is not None:
            return refused
        self.resting.remove(found)
        self.count(found.order_id, cancelled=found.open)
        return self.execute(op, found.kind)

    def new_index(self, op: dict[str, Any]) -> Outcome:
        low, high, published = op["price_ticks"], op["lots"], op["terms"]
        if not (0 < low <= high <= low + 1 and high < TICKS_MOST and published >= self.published_ms):
            return Outcome.BAD_TERMS
        self.index, self.published_ms = (low, high), published
        pegged = [order for order in self.resting if order.kind == "pegged"]
        for order in pegged:
            order.price = self.pegged_price(order.side, order.limit, order.offset)
        if pegged:
            for side in (0, 1):
                self.uncross(side)
        return Outcome.APPLIED

    def uncross(self, side: int) -> None:
        """Let each resting order that is no maker alone take what it crosses of older ones."""
        seen: set[tuple[int, int]] = set()
        while True:
            takers = [order for order in self.side(side) if (order.order_id, order.turn) not in seen]
            others = self.side(1 - side)
            if not takers or not others or not self.crossing(side, takers[0].price or 0):
                return
            taker = takers[0]
            seen.add((taker.order_id, taker.turn))
            if self.dead(taker):
                self.cancel(taker, Reason.EXPIRED)
                continue
            if taker.kind == "pegged" or taker.time_in_force in (POST_ONLY, SLIDE):
                continue
            wanted = taker.lots
            if taker.reduce_only:
                wanted = self.reducing(taker.owner, side, wanted)
                if wanted == 0:
                    self.cancel(taker, Reason.NOTHING_TO_REDUCE)
                    continue
            left, lost = self.take(taker, wanted, taker.turn)
            self.stopped = False
            taker.lots -= wanted - left
            if lost and (taker.self_trade == NEWEST or taker.lots == 0):
                if taker.open:
                    self.cancel(taker, Reason.SELF_TRADE)
                else:
                    self.resting.remove(taker)
            elif left != wanted:
                self.settle(taker)
