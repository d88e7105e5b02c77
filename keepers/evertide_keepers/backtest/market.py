"""One market on the engine's book: the quotes of others, one's own orders, fills, mark and funding.

Matching is the numba book's. Prices and funding are `evertide.math`'s, at every step as `accrue_market` and
`update_mark` do it on chain, with the whole book as evidence. Size factors stay one: nothing is deleveraged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evertide import TimeInForce
from evertide.math import (
    MarkInputs,
    PremiumAverage,
    SideIndex,
    accrue_funding,
    div_ceil,
    hourly_rate,
    maintenance_ratio_bps,
    mark_price,
    premium,
    price_from_ticks,
    ticks_floor,
    update_basis,
    update_twap,
)
from evertide.strategies import NumberedOrder, OwnOrder, PriceLevel
from evertide_engine.book import LEVELS, OPERATION, Book, Code, Outcome

from .errors import BacktestError
from .feed import OthersQuotes, OthersTrade
from .terms import HOUR_MS, BacktestMarket

MAKERS, TAKERS, OWN = 0, 1, 2
CAPACITY = 4_096
LEVELS_SHOWN = 20
TWAP_WINDOW_MS = 300_000
TWAP_STEP_BPS = 500
Row: TypeAlias = "tuple[int, int, int, int, int]"
"""Code, order id, side, ticks, lots of an operation."""
LIMIT, MARKET, CANCEL, MODIFY = int(Code.LIMIT), int(Code.MARKET), int(Code.CANCEL), int(Code.MODIFY)
RESTED = int(Outcome.RESTED)
PLACED = (Outcome.RESTED, Outcome.FILLED, Outcome.CANCELLED)


@dataclass(frozen=True, slots=True)
class OwnFill:
    """A fill of one's own order; `side` 0 bought, 1 sold."""

    side: int
    price_ticks: int
    size_lots: int
    maker: bool
    order_id: int
    client_order_id: int


@dataclass(slots=True)
class _Resting:
    """An order in the book: whose, and what is left of it."""

    side: int
    price_ticks: int
    lots: int
    own: OwnOrder | None


class SimulatedMarket:
    """State of one market. `index` is its number, as on chain."""

    def __init__(self, terms: BacktestMarket, index: int) -> None:
        self.terms, self.index = terms, index
        self.index_q32 = self.mark_q32 = self.twap_q32 = 0
        self.basis_q32 = self.rate_e9 = 0
        self.last_ticks: int | None = None
        self.sides = (SideIndex(), SideIndex())
        self._average, self._premium_e9, self._remainder = PremiumAverage(), 0, 0
        self._accrued_ms = 0
        self._book: Book | None = None
        self._resting: dict[int, _Resting] = {}
        self._levels: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        self._depth: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._shown: list[tuple[PriceLevel, ...] | None] = [None, None]
        self._next_id = 1

    @property
    def book(self) -> Book:
        """The numba book. Raises `BacktestError` before the first index price."""
        if self._book is None:
            raise BacktestError(f"{self.terms.symbol}: an index price before anything else", "none", "one")
        return self._book

    def set_index(self, now_ms: int, price_q32: int) -> None:
        """A new index price; the first one places the book's window."""
        if price_q32 <= 0:
            raise BacktestError(f"{self.terms.symbol}: an index price", price_q32, "above 0")
        if self._book is None:
            first = ticks_floor(price_q32, self.terms.atoms_per_lot_tick)
            self._book = Book(CAPACITY, 3, max(first - LEVELS // 2, 0))
            self.mark_q32 = self.twap_q32 = price_q32
            self._accrued_ms = now_ms
        self.accrue(now_ms)
        self.index_q32 = price_q32

    def _run(self, now_ms: int, owner: int, **fields: int) -> tuple[Outcome, list[OwnFill]]:
        """One operation of the book, and one's own fills."""
        operations = np.zeros(1, OPERATION)
        for name, value in fields.items():
            operations[name] = value
        outcomes, own, _ = self._run_all(now_ms, owner, operations)
        return Outcome(int(outcomes[0])), own

    def _run_all(
        self, now_ms: int, owner: int, operations: NDArray[np.void]
    ) -> tuple[NDArray[np.uint8], list[OwnFill], dict[int, int]]:
        """Operations of one owner: outcomes, one's own fills, and lots by taker. Makers are brought up to date here."""
        operations["now_ms"], operations["owner"] = now_ms, owner
        fills, outcomes = self.book.run(operations)
        lost = (outcomes == Outcome.PRICE_OUTSIDE) | (outcomes == Outcome.BOOK_FULL)
        if lost.any():
            worst = int(np.flatnonzero(lost)[0])
            found = f"{Outcome(int(outcomes[worst])).name} at {int(operations['price_ticks'][worst])} ticks"
            raise BacktestError(f"{self.terms.symbol}: the book's {LEVELS} ticks and {CAPACITY} orders", found, "room")
        own: list[OwnFill] = []
        taken_lots: dict[int, int] = {}
        for fill in fills:
            taker_id = int(fill["taker_id"])
            taken_lots[taker_id] = taken_lots.get(taker_id, 0) + int(fill["lots"])
            maker_id, ticks, lots = int(fill["maker_id"]), int(fill["price_ticks"]), int(fill["lots"])
            self.last_ticks = ticks
            taken = self._resting[maker_id]
            self._resize(maker_id, taken.lots - lots)
            if taken.own is not None:
                own.append(OwnFill(taken.side, ticks, lots, True, maker_id, taken.own.client_order_id))
            if owner == OWN:
                own.append(OwnFill(1 - taken.side, ticks, lots, False, taker_id, 0))
        return outcomes, own, taken_lots

    def _rest(self, order_id: int, resting: _Resting) -> None:
        """An order came into the book."""
        self._resting[order_id] = resting
        if resting.own is None:
            self._levels[resting.side].setdefault(resting.price_ticks, []).append(order_id)
        self._deepen(resting.side, resting.price_ticks, resting.lots)

    def _resize(self, order_id: int, lots: int) -> None:
        """What is left of an order; at 0 it is gone."""
        held = self._resting[order_id]
        self._deepen(held.side, held.price_ticks, lots - held.lots)
        held.lots = lots
        if lots:
            if held.own is not None:
                held.own = replace(held.own, size_lots=lots)
            return
        del self._resting[order_id]
        if held.own is None:
            level = self._levels[held.side][held.price_ticks]
            level.remove(order_id)
            if not level:
                del self._levels[held.side][held.price_ticks]

    def _deepen(self, side: int, ticks: int, lots: int) -> None:
        depth = self._depth[side]
        depth[ticks] = depth.get(ticks, 0) + lots
        if not depth[ticks]:
            del depth[ticks]
        self._shown[side] = None

    def others_quote(self, quotes: OthersQuotes) -> list[OwnFill]:
        """Put the others' book in place of what is left of theirs; a quote through one's own order trades with it.

        What stays of a level keeps its priority: lots go from its end, and come behind all that is there. Raises
        `BacktestError` for quotes that cross each other.
        """
        if quotes.bids and quotes.asks and quotes.bids[0].price_ticks >= quotes.asks[0].price_ticks:
            found = f"{quotes.bids[0].price_ticks} over {quotes.asks[0].price_ticks}"
            raise BacktestError(
                f"{quotes.symbol}: quotes of others at {quotes.time_ms} ms", found, "a bid below the ask"
            )
        wanted = [{level.price_ticks: level.size_lots for level in side} for side in (quotes.bids, quotes.asks)]
        leaving: list[Row] = []
        for side in (0, 1):
            for ticks, order_ids in [*self._levels[side].items()]:
                held = sum(self._resting[order_id].lots for order_id in order_ids)
                leaving += self._leaving(side, ticks, held - wanted[side].get(ticks, 0))
        coming: list[Row] = []
        for side in (0, 1):
            for ticks, lots in wanted[side].items():
                held = sum(self._resting[order_id].lots for order_id in self._levels[side].get(ticks, ()))
                if lots > held:
                    coming.append((LIMIT, self._new_id(), side, ticks, lots - held))
        if not leaving and not coming:
            return []
        outcomes, own, taken = self._run_all(quotes.time_ms, MAKERS, _operations([*leaving, *coming]))
        for (_, order_id, side, ticks, lots), outcome in zip(coming, outcomes[len(leaving) :], strict=True):
            if outcome == RESTED:
                self._rest(order_id, _Resting(side, ticks, lots - taken.get(order_id, 0), None))
        return own

    def _leaving(self, side: int, ticks: int, lots: int) -> list[Row]:
        """Operations that take lots off the end of a level."""
        found: list[Row] = []
        for order_id in reversed([*self._levels[side][ticks]]):
            held = self._resting[order_id].lots
            if lots <= 0:
                break
            if held <= lots:
                found.append((CANCEL, order_id, side, ticks, 0))
            else:
                found.append((MODIFY, order_id, side, ticks, held - lots))
            self._resize(order_id, max(held - lots, 0))
            lots -= held
        return found

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def others_trade(self, trade: OthersTrade) -> list[OwnFill]:
        """Somebody takes what is there, one's own orders in their turn."""
        order_id = self._new_id()
        return self._run(
            trade.time_ms,
            TAKERS,
            code=LIMIT,
            order_id=order_id,
            side=int(trade.side == "ask"),
            price_ticks=trade.price_ticks,
            lots=trade.size_lots,
            time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL),
        )[1]

    def place(self, now_ms: int, numbered: NumberedOrder, worst_ticks: int) -> tuple[Outcome, list[OwnFill]]:
        """One's own order; `worst_ticks` is the limit of a market order."""
        order = numbered.order
        order_id = self._new_id()
        side = int(order.side == "ask")
        price = order.price_ticks or worst_ticks
        price = self._slid(side, price) if order.time_in_force == TimeInForce.POST_ONLY_SLIDE else price
        outcome, own = self._run(
            now_ms,
            OWN,
            code=MARKET if order.is_market else LIMIT,
            order_id=order_id,
            side=side,
            price_ticks=price,
            lots=order.size_lots,
            expiry_ms=order.expiry_ms,
            time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL if order.is_market else order.time_in_force),
            self_trade=int(order.self_trade),
            reduce_only=int(order.reduce_only),
        )
        own = [fill if fill.maker else replace(fill, client_order_id=numbered.client_order_id) for fill in own]
        if outcome == Outcome.RESTED:
            left = order.size_lots - sum(fill.size_lots for fill in own if not fill.maker)
            rested = OwnOrder(
                order_id=order_id,
                client_order_id=numbered.client_order_id,
                side=order.side,
                price_ticks=price,
                size_lots=left,
                time_in_force=order.time_in_force,
                reduce_only=order.reduce_only,
                expiry_ms=order.expiry_ms,
            )
            self._rest(order_id, _Resting(side, price, left, rested))
        return outcome, own

    def modify(self, now_ms: int, order_id: int, price_ticks: int, size_lots: int) -> tuple[Outcome, list[OwnFill]]:
        """Change one's own order; `UNKNOWN_ID` when it is gone."""
        held = self._resting.get(order_id)
        if held is None or held.own is None:
            return Outcome.UNKNOWN_ID, []
        order = held.own
        price = (
            self._slid(held.side, price_ticks) if order.time_in_force == TimeInForce.POST_ONLY_SLIDE else price_ticks
        )
        outcome, own = self._run(
            now_ms,
            OWN,
            code=MODIFY,
            order_id=order_id,
            side=held.side,
            price_ticks=price,
            lots=size_lots,
            expiry_ms=order.expiry_ms,
            time_in_force=int(order.time_in_force),
            reduce_only=int(order.reduce_only),
        )
        if outcome in PLACED:
            own = [fill if fill.maker else replace(fill, client_order_id=order.client_order_id) for fill in own]
            left = size_lots - sum(fill.size_lots for fill in own if not fill.maker)
            self._resize(order_id, 0)
            if outcome == Outcome.RESTED and left:
                self._rest(
                    order_id, _Resting(held.side, price, left, replace(order, price_ticks=price, size_lots=left))
                )
        return outcome, own

    def cancel(self, now_ms: int, order_id: int) -> bool:
        """Cancel one's own order; False when it is gone."""
        held = self._resting.get(order_id)
        if held is None or held.own is None:
            return False
        self._resize(order_id, 0)
        self._run(now_ms, OWN, code=CANCEL, order_id=order_id)
        return True

    def tidy(self, now_ms: int) -> None:
        """Take out one's own orders past their time, and forget those that the book took out by itself: by a self-trade
        rule, or with nothing left to reduce.
        """
        for order in self.own_orders():
            if order.expiry_ms and now_ms >= order.expiry_ms:
                self.cancel(now_ms, order.order_id)
        if self.book.order_count != len(self._resting):
            own = [order.order_id for order in self.own_orders()]
            alive = {order_id for side in (0, 1) for order_id, _, _ in self.book.orders(side)}
            for order_id in own:
                if order_id not in alive:
                    self._resize(order_id, 0)

    def _slid(self, side: int, ticks: int) -> int:
        """Where a sliding order of a limit rests."""
        other = self.book.best_ticks(1 - side)
        if other is None:
            return ticks
        return min(ticks, other - 1) if side == 0 else max(ticks, other + 1)

    def own_orders(self) -> list[OwnOrder]:
        """One's open orders, oldest first."""
        return [held.own for held in self._resting.values() if held.own is not None]

    def levels(self, side: int) -> tuple[PriceLevel, ...]:
        """The best levels of a side, everybody's."""
        shown = self._shown[side]
        if shown is None:
            depth = self._depth[side]
            best = sorted(depth, reverse=side == 0)[:LEVELS_SHOWN]
            shown = self._shown[side] = tuple(PriceLevel(ticks, depth[ticks]) for ticks in best)
        return shown

    def _impact_q32(self, levels: Sequence[PriceLevel], *, up: bool) -> int | None:
        """Average price up to the impact notional, rounded away from the mid; None where the book is thinner."""
        wanted, value, lots, tick = self.terms.impact_notional_atoms, 0, 0, self.terms.atoms_per_lot_tick
        for level in levels:
            taken = min(level.size_lots, div_ceil(max(wanted - value * tick, 0), level.price_ticks * tick))
            value, lots = value + taken * level.price_ticks, lots + taken
            if value * tick >= wanted:
                return price_from_ticks(div_ceil(value, lots) if up else value // lots, tick)
        return None

    def accrue(self, now_ms: int) -> None:
        """Funding, averages and mark up to now. A rate is fixed on the hour by the premium of the hour before."""
        while (turn_ms := (self._accrued_ms // HOUR_MS + 1) * HOUR_MS) <= now_ms:
            self._accrue_until(turn_ms)
            initial = self.terms.tier_ratio_bps[0]
            average, interest = self._average.average(), self.terms.interest_rate_e9
            self.rate_e9 = hourly_rate(average, initial, maintenance_ratio_bps(initial), interest)
            self._average = PremiumAverage()
        self._accrue_until(now_ms)

    def _accrue_until(self, now_ms: int) -> None:
        elapsed_ms = now_ms - self._accrued_ms
        if elapsed_ms <= 0 or not self.index_q32:
            return
        self._average = self._average.accumulate(self._premium_e9, elapsed_ms)
        done = accrue_funding(*self.sides, self.rate_e9, self.index_q32, elapsed_ms, self._remainder)
        self.sides, self._remainder = (done.long, done.short), done.remainder
        self._mark(elapsed_ms)
        self._accrued_ms = now_ms

    def _mark(self, elapsed_ms: int) -> None:
        tick, bids, asks = self.terms.atoms_per_lot_tick, self.levels(0), self.levels(1)
        whole = bool(bids and asks and bids[0].price_ticks < asks[0].price_ticks)
        bid = price_from_ticks(bids[0].price_ticks, tick) if whole else None
        ask = price_from_ticks(asks[0].price_ticks, tick) if whole else None
        mid = (bid + ask) // 2 if bid is not None and ask is not None else None
        self.basis_q32 = update_basis(self.basis_q32, mid, self.index_q32, elapsed_ms)
        last = None if self.last_ticks is None else price_from_ticks(self.last_ticks, tick)
        inputs = MarkInputs(self.index_q32, self.basis_q32, bid, ask, last, self.terms.mark_radius_bps)
        self.mark_q32 = mark_price(inputs)
        self.twap_q32 = update_twap(self.twap_q32, self.mark_q32, elapsed_ms, TWAP_WINDOW_MS, TWAP_STEP_BPS)
        impact = (self._impact_q32(bids, up=False), self._impact_q32(asks, up=True)) if whole else (None, None)
        self._premium_e9 = premium(*impact, self.index_q32)


def _operations(rows: Sequence[Row]) -> NDArray[np.void]:
    """Rows as the book takes them."""
    found = np.zeros(len(rows), OPERATION)
    for column, name in enumerate(("code", "order_id", "side", "price_ticks", "lots")):
        found[name] = [row[column] for row in rows]
    return found
