"""The plain book with margin: the SDK's valuation of whole accounts, on copies, before each order and each fill."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from book_reference import FOK, SLIDE, ReferenceBook
from book_reference_order import Resting

from evertide import RiskCache, User, math, valuation
from evertide_engine.book import Code, Outcome
from evertide_engine.layouts import DISCRIMINATORS, RISK_CACHE, USER

ONE = 1 << 48
TICK_VALUE = 10


def cache_record(mark_ticks: int) -> np.ndarray:
    """A risk cache whose first market has four tiers and a mark of whole ticks."""
    cache = np.zeros(1, RISK_CACHE)
    cache["discriminator"] = np.frombuffer(DISCRIMINATORS["RiskCache"], np.uint8)
    row = cache["markets"][0, 0]
    for name in ("index_price_q32", "mark_price_q32", "twap_price_q32"):
        row[name] = mark_ticks * TICK_VALUE << 32
    row["a"], row["profit_weight_bps"], row["market_plus_one"], row["liquidation_fee_bps"] = ONE, 5_000, 1, 100
    row["tier_bound_usd"], row["tier_ratio_bps"] = [1, 2, 3, 4], [500, 1_000, 2_000, 4_000]
    row["open_interest_ratio_bps"] = 700
    cache["collaterals"]["debt_index_q48"][0, 0] = ONE
    return cache


@dataclass
class Account:
    """One owner's position and funds."""

    lots: int = 0
    cash: int = 0
    quote: int = 0
    bid: int = 0
    ask: int = 0
    high: int = 0
    low: int = 0

    def count(self, side: int, price: int, lots: int) -> None:
        if side:
            self.ask += lots
            self.low = price if self.low == 0 else min(self.low, price)
        else:
            self.bid += lots
            self.high = max(self.high, price)

    def uncount(self, side: int, lots: int) -> None:
        if side:
            self.ask -= lots
            self.low = self.low if self.ask else 0
        else:
            self.bid -= lots
            self.high = self.high if self.bid else 0

    def user(self) -> User:
        record = np.zeros(1, USER)
        record["discriminator"] = np.frombuffer(DISCRIMINATORS["User"], np.uint8)
        record["quote_atoms"], record["debt_index_q48"], record["position_count"] = self.quote, ONE, 1
        position = record["positions"][0, 0]
        position["basis_lots"], position["cash_atoms"], position["a_snapshot"] = self.lots, self.cash, ONE
        position["open_bid_lots"], position["open_ask_lots"] = self.bid, self.ask
        position["max_bid_ticks"], position["min_ask_ticks"] = self.high, self.low
        position["market_plus_one"], position["atoms_per_lot_tick"] = 1, TICK_VALUE
        return User.decode(record.tobytes())


@dataclass
class MarginBook(ReferenceBook):
    """The plain book, all of whose orders and fills pass margin."""

    prices: tuple[int, int, int] = (1, 1, 1)
    meta: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    refilled_early: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.accounts = [Account() for _ in range(self.owners)]
        self.failed, self.left = [0, 0], 0

    def apply(self, op: dict[str, Any], at: int) -> Outcome:
        known = 0 <= op["owner"] < self.owners
        if known and op["code"] == Code.MARK:
            prices = (op["price_ticks"], op["lots"], op["terms"])
            if min(prices) <= 0 or max(prices) >= 1 << 62:
                return Outcome.BAD_TERMS
            self.prices = prices
            return Outcome.APPLIED
        if known and op["code"] == Code.FUNDS:
            self.accounts[op["owner"]].quote = op["terms"]
            return Outcome.APPLIED
        return super().apply(op, at)

    def valued(self, account: Account, kind: math.MarginKind) -> tuple[int, int] | None:
        cache = cache_record(1)
        row = cache["markets"][0, 0]
        row["mark_price_q32"], row["twap_price_q32"], row["index_price_q32"] = self.prices
        try:
            found = valuation(account.user(), RiskCache.decode(cache.tobytes()), kind, now_ms=1)
        except math.MathError:
            return None
        return found.equity_atoms, found.requirement_atoms

    def stands(self, account: Account, kind: math.MarginKind) -> bool:
        found = self.valued(account, kind)
        return found is not None and found[0] >= found[1]

    def counted_price(self, op: dict[str, Any], kind: str) -> int:
        slides = kind != "pegged" and op["time_in_force"] == SLIDE
        return self.slid(op["side"], op["price_ticks"]) if slides else op["price_ticks"]

    def margin_refusal(self, op: dict[str, Any], kind: str, replaced: Resting | None) -> Outcome | None:
        owner, price = op["owner"], self.counted_price(op, kind)
        account = copy.copy(self.accounts[owner])
        if not op["reduce_only"]:
            if replaced is not None and not replaced.reduce_only:
                account.uncount(replaced.side, replaced.open)
            account.count(op["side"], price, op["lots"])
            if not self.stands(account, math.MarginKind.INITIAL):
                return Outcome.MARGIN_TOO_LOW
        if op["time_in_force"] == FOK:
            trial = copy.deepcopy(self)
            if replaced is not None:
                twin = next(order for order in trial.resting if order.order_id == replaced.order_id)
                trial.resting.remove(twin)
                trial.count(twin.order_id, cancelled=twin.open)
            trial.meta[op["order_id"]] = (owner, op["side"], op["reduce_only"], price)
            trial.refilled_early = False
            if trial.execute(op, kind) != Outcome.FILLED or trial.refilled_early:
                return Outcome.NOT_FILLABLE
        return None

    def execute(self, op: dict[str, Any], kind: str) -> Outcome:
        price = self.counted_price(op, kind)
        self.meta[op["order_id"]] = (op["owner"], op["side"], op["reduce_only"], price)
        return super().execute(op, kind)

    def rest(self, op: dict[str, Any], found: Resting | None) -> Outcome:
        if found is None:
            self.meta[op["order_id"]] = (op["owner"], op["side"], op["reduce_only"], op["price_ticks"])
        return super().rest(op, found)

    def amend(self, op: dict[str, Any], found: Resting | None) -> Outcome:
        before = None if found is None else (found.price, found.turn)
        if found is not None and found.kind == "plain" and found.price is not None:
            self.meta[found.order_id] = (found.owner, found.side, found.reduce_only, found.price)
        outcome = super().amend(op, found)
        moved = found is not None and outcome == Outcome.RESTED and (found.price, found.turn) != before
        if found is not None and moved and not found.reduce_only:
            self.accounts[found.owner].count(found.side, op["price_ticks"], 0)
        return outcome

    def count(self, order_id: int, submitted: int = 0, executed: int = 0, cancelled: int = 0) -> None:
        super().count(order_id, submitted, executed, cancelled)
        owner, side, reduce_only, price = self.meta[order_id]
        if reduce_only:
            return
        if submitted:
            self.accounts[owner].count(side, price, submitted)
        if executed + cancelled:
            self.accounts[owner].uncount(side, executed + cancelled)

    def filled(self, account: Account, order: Resting, price: int, size: int) -> bool:
        """Apply a fill to an account; whether some of it opened."""
        before = account.lots
        account.lots += -size if order.side else size
        account.cash += (size if order.side else -size) * price * TICK_VALUE
        return abs(account.lots) > abs(before) or before * account.lots < 0

    def who_fails(self, taker: Resting, maker: Resting, size: int) -> Resting | None:
        assert maker.price is not None
        for order, kind in ((maker, math.MarginKind.FILL), (taker, math.MarginKind.INITIAL)):
            account = copy.copy(self.accounts[order.owner])
            opened = self.filled(account, order, maker.price, size)
            if not order.reduce_only:
                account.uncount(order.side, size)
            if not self.may_stand(account, order.side, maker.price, opened, kind):
                self.failed[order is taker] += 1
                return order
        return None

    def may_stand(self, account: Account, side: int, price: int, opened: bool, kind: math.MarginKind) -> bool:
        if opened:
            return self.stands(account, kind)
        if self.stands(account, math.MarginKind.MAINTENANCE):
            return True
        found = self.valued(account, math.MarginKind.MAINTENANCE)
        if found is None or found[0] < 0:
            return False
        return not math.exceeds_slippage(side, price * TICK_VALUE << 32, self.prices[2], 100)

    def trade(self, taker: Resting, maker: Resting, size: int) -> None:
        assert maker.price is not None
        for order in (taker, maker):
            self.filled(self.accounts[order.owner], order, maker.price, size)
        super().trade(taker, maker, size)

    def settle(self, order: Resting) -> None:
        # Whoever is left to fill meets others before the next part: what then happens is not certain beforehand.
        self.refilled_early |= order.hidden != 0 and self.left > 0
        super().settle(order)
