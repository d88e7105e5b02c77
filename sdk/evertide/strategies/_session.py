"""One strategy at work: calls in a fixed order, limits, client order ids, and a digest of all that was decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import ROUND_HALF_EVEN, Context, DivisionByZero, FloatOperation, InvalidOperation, Overflow, localcontext
from typing import Any, TypeAlias

from ._errors import IntentInvalid
from ._intents import CancelOrder, Intent, Intents, ModifyOrder, PlaceOrder
from ._limits import Dropped, RunLimits, check
from ._strategy import Strategy
from ._view import FundingNews, MarketView, StrategyFill, View

News: TypeAlias = "StrategyFill | FundingNews"

# Signals are computed in it whatever the caller's context is: 28 digits, half even. A float among them raises.
SIGNAL_CONTEXT = Context(
    prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)
# Client order ids of a run begin at its start in ms times this: no two runs of an account share one.
IDS_PER_MS = 1 << 20


@dataclass(frozen=True, slots=True)
class NumberedOrder:
    """An order to place, under the client order id that makes placing it idempotent."""

    client_order_id: int
    order: PlaceOrder


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sends, in this order: cancels, changes, new orders."""

    cancels: tuple[CancelOrder, ...] = ()
    modifies: tuple[ModifyOrder, ...] = ()
    places: tuple[NumberedOrder, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.cancels or self.modifies or self.places)


@dataclass(slots=True)
class Counters:
    """What a session did."""

    steps: int = 0
    placed: int = 0
    modified: int = 0
    cancelled: int = 0
    dropped: int = 0
    fills: int = 0
    dropped_by_rule: dict[str, int] = field(default_factory=dict)


class Session:
    """Drives one strategy. `start_ms` is the chain time at which the run begins: client order ids follow from it."""

    def __init__(self, strategy: Strategy, *, start_ms: int, limits: RunLimits | None = None) -> None:
        self.strategy = strategy
        self.limits = limits or RunLimits()
        self.counters = Counters()
        self.first_client_id = start_ms * IDS_PER_MS + 1
        self.next_client_id = self.first_client_id
        self.start_equity_atoms: int | None = None
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._digest = hashlib.sha256()

    @property
    def decisions_sha256(self) -> str:
        """Digest of every step's time and batch so far: equal for runs that decided the same."""
        return self._digest.hexdigest()

    def is_own(self, client_order_id: int) -> bool:
        """Whether this session gave that id to an order."""
        return self.first_client_id <= client_order_id < self.next_client_id

    def lost_too_much(self, view: View) -> bool:
        """Whether equity fell by the limit's amount since the start."""
        most = self.limits.loss_max_atoms
        return most is not None and (self.start_equity_atoms or 0) - view.equity_atoms >= most

    def start(self, view: View) -> Batch:
        """The first view. Raises `UnknownMarket` when a market of the strategy is not in it."""
        for symbol in self.strategy.symbols:
            view.market(symbol)
        self.start_equity_atoms = view.equity_atoms
        with localcontext(SIGNAL_CONTEXT):
            return self._batch(view, [self.strategy.on_start(view)])

    def step(self, view: View, news: Sequence[News] = ()) -> Batch:
        """Everything that happened since the step before, and the moment now."""
        strategy, answers = self.strategy, list[Intents]()
        with localcontext(SIGNAL_CONTEXT):
            for item in news:
                if isinstance(item, StrategyFill):
                    self.counters.fills += 1
                    answers.append(strategy.on_fill(view, item))
            answers += [strategy.on_funding(view, item) for item in news if isinstance(item, FundingNews)]
            answers += [strategy.on_book(view, market) for market in self._changed(view)]
            answers.append(strategy.on_clock(view))
            return self._batch(view, answers)

    def stop(self, view: View) -> Batch:
        """The strategy's last word. What it left open is cancelled by the runner."""
        with localcontext(SIGNAL_CONTEXT):
            return self._batch(view, [self.strategy.on_stop(view)])

    def _changed(self, view: View) -> Iterable[MarketView]:
        for symbol, market in view.markets.items():
            now = (market.bids, market.asks, market.index_price_q32, market.mark_price_q32)
            if self._seen.get(symbol) != now:
                self._seen[symbol] = now
                yield market

    def _batch(self, view: View, answers: Sequence[Intents]) -> Batch:
        intents: list[Intent] = []
        for answer in answers:
            for intent in answer:
                if not isinstance(intent, PlaceOrder | ModifyOrder | CancelOrder):
                    raise IntentInvalid("intent", intent, "PlaceOrder, ModifyOrder or CancelOrder")
                intents.append(intent)
        own_max = self._own_limits(view)
        for intent in intents:
            if isinstance(intent, PlaceOrder) and view.market(intent.symbol).symbol not in own_max:
                raise IntentInvalid("symbol", intent.symbol, f"one of the strategy's: {', '.join(own_max)}")
        checked = check(intents, view, self.limits, own_max)
        numbered = tuple(NumberedOrder(self._new_id(), order) for order in checked.places)
        batch = Batch(tuple(checked.cancels), tuple(checked.modifies), numbered, tuple(checked.dropped))
        self._count(view, batch)
        return batch

    def _own_limits(self, view: View) -> dict[str, int | None]:
        own = [view.market(symbol) for symbol in self.strategy.symbols]
        return {market.symbol: self.strategy.position_max_lots(market) for market in own}

    def _new_id(self) -> int:
        self.next_client_id += 1
        return self.next_client_id - 1

    def _count(self, view: View, batch: Batch) -> None:
        counters = self.counters
        counters.steps += 1
        counters.placed += len(batch.places)
        counters.modified += len(batch.modifies)
        counters.cancelled += len(batch.cancels)
        counters.dropped += len(batch.dropped)
        for dropped in batch.dropped:
            counters.dropped_by_rule[dropped.rule] = counters.dropped_by_rule.get(dropped.rule, 0) + 1
        self._digest.update(json.dumps([view.now_ms, asdict(batch)], sort_keys=True).encode() + b"\n")


__all__ = ["Batch", "Counters", "News", "NumberedOrder", "Session"]
