"""Runs a strategy against a venue in real time: reads, decides, sends, and ends with nothing of its own left open.

What it promises: decisions only on a view just read; no order twice (client order ids, and after an unknown outcome no
new decision until that one is certain); orders that die by themselves when the runner does (the dead man's switch is
renewed, and nothing is placed without it); no more transactions than its rate; on the way out its own orders cancelled.
Time that waits is the event loop's, time that decides is the chain's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from evertide._client import EvertideClient
from evertide._errors import (
    AccountNotFound,
    DuplicateClientOrder,
    StaleRisk,
    TransactionError,
    TransactionOutcomeUnknown,
    TransportError,
)
from evertide._generated.constants import PLACED_MAX

from ._chain import ChainVenue
from ._intents import CancelOrder
from ._limits import RunLimits
from ._session import Batch, Session
from ._settings import in_range
from ._strategy import Strategy
from ._venue import Venue
from ._view import View

log = logging.getLogger("evertide.strategies")
MINUTE_MS = 60_000
BACKOFF_FIRST_MS = 250
STOP_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How a strategy is run in real time."""

    #: Wait between two steps.
    interval_ms: int = 1_000
    #: How long orders outlive the runner; renewed when half of it is gone.
    dead_man_ms: int = 60_000
    transactions_per_minute: int = 120
    #: Longest wait after the node failed.
    backoff_max_ms: int = 10_000
    #: The run ends after so many steps; None: when it is stopped.
    steps_max: int | None = None
    limits: RunLimits = field(default_factory=RunLimits)

    def __post_init__(self) -> None:
        in_range("interval_ms", self.interval_ms, 1, MINUTE_MS)
        in_range("dead_man_ms", self.dead_man_ms, 5_000, 60 * MINUTE_MS)
        in_range("transactions_per_minute", self.transactions_per_minute, 1, 60_000)
        in_range("backoff_max_ms", self.backoff_max_ms, BACKOFF_FIRST_MS, 10 * MINUTE_MS)
        if self.steps_max is not None:
            in_range("steps_max", self.steps_max, 1, 10**9)


@dataclass(slots=True)
class RunReport:
    """What a run did. `ended`: `stopped`, `steps` or `loss limit`; `left_open`: own orders it could not cancel."""

    strategy: str
    ended: str = "stopped"
    steps: int = 0
    fills: int = 0
    placed: int = 0
    modified: int = 0
    cancelled: int = 0
    limited: dict[str, int] = field(default_factory=dict)
    #: What the exchange refused, by error.
    refused: dict[str, int] = field(default_factory=dict)
    #: Failures of the node, unknown outcomes, transactions kept back by the rate.
    reconnects: int = 0
    unknown_outcomes: int = 0
    throttled: int = 0
    equity_start_atoms: int = 0
    equity_end_atoms: int = 0
    left_open: int = 0
    decisions_sha256: str = ""


class _Rate:
    """At most so many transactions in a minute, evenly refilled; integers of ms."""

    def __init__(self, per_minute: int, clock_ms: Callable[[], int]) -> None:
        self._cost_ms = MINUTE_MS // per_minute if per_minute <= MINUTE_MS else 1
        self._clock_ms = clock_ms
        self._most_ms = max(self._cost_ms * min(per_minute, 2 * PLACED_MAX), self._cost_ms)
        self._saved_ms, self._last_ms = self._most_ms, clock_ms()

    def take(self, *, needed: bool = False) -> bool:
        """Whether one more may go now; what is `needed` goes in any case and is counted."""
        now_ms = self._clock_ms()
        self._saved_ms = min(self._saved_ms + now_ms - self._last_ms, self._most_ms)
        self._last_ms = now_ms
        if not needed and self._saved_ms < self._cost_ms:
            return False
        self._saved_ms -= self._cost_ms
        return True


class StrategyRunner:
    """One strategy on one venue. `run` returns when `stop` was called, the steps are done, or the loss limit is hit."""

    def __init__(
        self,
        strategy: Strategy,
        venue: Venue,
        settings: RunSettings | None = None,
        *,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self.strategy, self.venue = strategy, venue
        self.settings = settings or RunSettings()
        self.report = RunReport(strategy=strategy.name or type(strategy).__name__)
        self.session: Session | None = None
        self._sleep = sleep
        self._rate = _Rate(self.settings.transactions_per_minute, clock_ms)
        self._refused: Counter[str] = Counter()
        self._deadline_ms = 0
        self._unknown: set[str] = set()
        self._stopping = asyncio.Event()
        self._backoff_ms = BACKOFF_FIRST_MS

    def stop(self) -> None:
        """End the run after the step that is under way."""
        self._stopping.set()

    async def run(self) -> RunReport:
        """Step until the end; then cancel one's own orders. Raises what is no fault of the node or the exchange."""
        try:
            while not self._stopping.is_set():
                if not await self._attempt():
                    continue
                if self.settings.steps_max is not None and self.report.steps >= self.settings.steps_max:
                    self.report.ended = "steps"
                    break
                await self._pause(self.settings.interval_ms)
        finally:
            await self._leave()
        return self._told()

    async def _attempt(self) -> bool:
        """One step; False when the node failed and the wait for it is over."""
        try:
            await self._step()
        except TransportError as error:
            self.report.reconnects += 1
            log.warning("node failed: %s; next attempt in %d ms", error, self._backoff_ms)
            await self._pause(self._backoff_ms)
            self._backoff_ms = min(2 * self._backoff_ms, self.settings.backoff_max_ms)
            return False
        self._backoff_ms = BACKOFF_FIRST_MS
        return True

    async def _pause(self, wait_ms: int) -> None:
        """Wait, or until stopped."""
        sleeping = asyncio.ensure_future(self._sleep(wait_ms / 1_000))
        stopping = asyncio.ensure_future(self._stopping.wait())
        done, waiting = await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for task in done:
            task.result()

    async def _step(self) -> None:
        if not await self._certain():
            return
        view, news = await self.venue.look()
        if self.session is None:
            self.session = Session(self.strategy, start_ms=view.now_ms, limits=self.settings.limits)
            self.report.equity_start_atoms = view.equity_atoms
            await self._send(self.session.start(view), view)
            return
        self.report.steps += 1
        self.report.equity_end_atoms = view.equity_atoms
        if self.session.lost_too_much(view):
            self.report.ended = "loss limit"
            self._stopping.set()
            return
        await self._send(self.session.step(view, news), view)

    async def _certain(self) -> bool:
        """Whether no transaction is left whose outcome is unknown."""
        for signature in [*self._unknown]:
            if await self.venue.settled(signature):
                self._unknown.discard(signature)
        return not self._unknown

    async def _send(self, batch: Batch, view: View) -> None:
        """Cancels, changes, orders; each is refused, or becomes unknown, by itself, and unknown ends the step."""
        if batch.cancels:
            self._rate.take(needed=True)
            await self._try(self.venue.cancel(batch.cancels))
        # Only an account that has or gets orders needs the switch.
        resting = any(market.orders for market in view.markets.values())
        if (batch.modifies or batch.places or resting) and not await self._arm(view.now_ms):
            return
        for change in batch.modifies:
            if self._unknown or not self._may_send():
                return
            await self._try(self.venue.modify(change))
        for start in range(0, len(batch.places), PLACED_MAX):
            if self._unknown or not self._may_send():
                return
            await self._try(self.venue.place(batch.places[start : start + PLACED_MAX]))

    def _may_send(self) -> bool:
        if self._rate.take():
            return True
        self.report.throttled += 1
        return False

    async def _arm(self, now_ms: int) -> bool:
        """Renew the dead man's switch once half of its time is gone; whether it is set."""
        if self._unknown:
            return False
        if self._deadline_ms - now_ms > self.settings.dead_man_ms // 2:
            return True
        self._rate.take(needed=True)
        deadline_ms = now_ms + self.settings.dead_man_ms
        if not await self._try(self.venue.arm(deadline_ms)):
            return False
        self._deadline_ms = deadline_ms
        return True

    async def _try(self, sending: Awaitable[None]) -> bool:
        """Whether it was done. What the exchange refuses is counted; an unknown outcome is remembered."""
        try:
            await sending
        except TransactionOutcomeUnknown as error:
            self.report.unknown_outcomes += 1
            self._unknown.add(str(error.signature))
        except (TransactionError, StaleRisk, DuplicateClientOrder) as error:
            self._refused[type(error).__name__] += 1
            log.info("refused: %s", error)
        else:
            return True
        return False

    async def _leave(self) -> None:
        """The strategy's last word, then cancel its orders; tried again while the node fails, for a while."""
        if self.session is None:
            return
        said = False
        for _ in range(STOP_ATTEMPTS):
            try:
                await self._certain()
                view, _news = await self.venue.look()
                self.report.equity_end_atoms = view.equity_atoms
                if not said and not self._unknown:
                    said = True
                    await self._send(self.session.stop(view), view)
                    view, _news = await self.venue.look()
                own = [
                    CancelOrder(order_id=order.order_id)
                    for market in view.markets.values()
                    for order in market.orders
                    if self.session.is_own(order.client_order_id)
                ]
                self.report.left_open = len(own)
                if not own and not self._unknown:
                    await self._disarm(view)
                    return
                if own and await self._try(self.venue.cancel(own)):
                    self.report.cancelled += len(own)
                    continue
            except TransportError as error:
                self.report.reconnects += 1
                log.warning("node failed while stopping: %s", error)
            except AccountNotFound as error:
                log.warning("while stopping: %s", error)
                return
            await self._sleep(self.settings.interval_ms / 1_000)

    async def _disarm(self, view: View) -> None:
        """Turn the switch off, unless somebody else's orders in the account would lose it."""
        if self._deadline_ms and not any(market.orders for market in view.markets.values()):
            await self._try(self.venue.arm(0))

    def _told(self) -> RunReport:
        report = self.report
        report.refused = dict(sorted(self._refused.items()))
        if self.session is not None:
            counters = self.session.counters
            report.fills, report.placed, report.modified = counters.fills, counters.placed, counters.modified
            report.cancelled += counters.cancelled
            report.limited = dict(sorted(counters.dropped_by_rule.items()))
            report.decisions_sha256 = self.session.decisions_sha256
        return report


async def run_on_chain(
    strategy: Strategy, client: EvertideClient, settings: RunSettings | None = None, *, sub_id: int = 0
) -> RunReport:
    """Run a strategy with a sub-account of the client's payer until the task is cancelled or the run ends.

    The sub-account must exist and is the strategy's alone. `StrategyRunner` gives `stop` to end it from outside.
    """
    return await StrategyRunner(strategy, ChainVenue(client, strategy.symbols, sub_id=sub_id), settings).run()
