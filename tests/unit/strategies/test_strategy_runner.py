"""The runner against an exchange in memory that fails as nodes do: nothing twice, on a guess, or left behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from strategy_world import START_MS, Ledger, market, order

from evertide import RpcUnreachable, StaleRisk, TransactionOutcomeUnknown, TransactionRefused
from evertide.strategies import (
    Batch,
    CancelOrder,
    Intent,
    ModifyOrder,
    News,
    NumberedOrder,
    PlaceOrder,
    RunLimits,
    RunReport,
    RunSettings,
    SettingInvalid,
    Strategy,
    StrategyRunner,
    View,
    make_strategy,
)

BTC = "BTC-PERP"
#: Of a call: fails before anything is sent, is refused, is unknown and did land, is unknown and did not.
FAULTS = ("node", "refused", "landed", "lost")


class Memory:
    """A venue in memory. `faults`: what the next calls of a kind do, one after the other; then all goes well."""

    def __init__(self, ledger: Ledger, **faults: Sequence[str]) -> None:
        self.ledger = ledger
        self.faults = {kind: list(found) for kind, found in faults.items()}
        self.calls: list[str] = []
        self.deadlines: list[int] = []
        self.asked: Counter[str] = Counter()
        self.settle_after = 2
        self.clock_ms = 0

    def _fault(self, kind: str) -> str:
        self.calls.append(kind)
        waiting = self.faults.get(kind)
        fault = waiting.pop(0) if waiting else ""
        if fault == "node":
            raise RpcUnreachable("http://127.0.0.1:1", "no connection")
        if fault == "refused":
            raise TransactionRefused("no", signature="s")
        return fault

    def _done(self, fault: str, batch: Batch) -> None:
        if fault != "lost":
            self.ledger.apply(batch)
        if fault:
            raise TransactionOutcomeUnknown(f"{fault}-{len(self.calls)}", "no answer")

    async def look(self) -> tuple[View, list[News]]:
        self._fault("look")
        return self.ledger.view(), []

    async def arm(self, deadline_ms: int) -> None:
        self._done(self._fault("arm"), Batch())
        self.deadlines.append(deadline_ms)

    async def cancel(self, cancels: Sequence[CancelOrder]) -> None:
        self._done(self._fault("cancel"), Batch(cancels=tuple(cancels)))

    async def modify(self, change: ModifyOrder) -> None:
        self._done(self._fault("modify"), Batch(modifies=(change,)))

    async def place(self, orders: Sequence[NumberedOrder]) -> None:
        self._done(self._fault("place"), Batch(places=tuple(orders)))

    async def settled(self, signature: str) -> bool:
        self._fault("settled")
        self.asked[signature] += 1
        return self.asked[signature] >= self.settle_after

    async def sleep(self, seconds: float) -> None:
        """Time passes at once, the chain's and the machine's."""
        passed = round(seconds * 1_000)
        self.clock_ms += passed
        self.ledger.now_ms += passed
        await asyncio.sleep(0)


class Quote(Strategy):
    """Holds one bid: places it where there is none, moves it in every other step."""

    symbols = (BTC,)

    def __init__(self) -> None:
        self.stopped = 0

    def on_clock(self, view: View) -> Sequence[Intent]:
        seen = view.market(BTC)
        own = [item for item in seen.orders if item.side == "bid"]
        if not own:
            return [PlaceOrder(symbol=BTC, side="bid", size_lots=5, price_ticks=9_000)]
        if view.now_ms // 1_000 % 2:
            return [ModifyOrder(order_id=own[0].order_id, price_ticks=9_000 + view.now_ms // 1_000 % 50, size_lots=5)]
        return []

    def on_stop(self, view: View) -> Sequence[Intent]:
        self.stopped += 1
        return []


def run(memory: Memory, strategy: Strategy | None = None, **more: Any) -> RunReport:
    chosen = RunSettings(**({"steps_max": 12} | more))
    runner = StrategyRunner(strategy or Quote(), memory, chosen, clock_ms=lambda: memory.clock_ms, sleep=memory.sleep)
    return asyncio.run(runner.run())


def test_a_run_arms_the_switch_first_and_leaves_nothing_behind() -> None:
    memory, strategy = Memory(Ledger(market())), Quote()
    report = run(memory, strategy, steps_max=70, dead_man_ms=20_000)
    assert memory.calls.index("arm") < memory.calls.index("place")
    assert memory.ledger.markets[BTC].orders == () and report.left_open == 0
    assert report.ended == "steps" and report.placed == 1 and report.modified > 20
    # Renewed every ten seconds, and off at the end.
    assert len(memory.deadlines) == 8 and memory.deadlines[-1] == 0
    assert memory.deadlines[1] - memory.deadlines[0] == 10_000
    assert strategy.stopped == 1


def test_orders_of_others_in_the_account_stay_and_keep_the_switch() -> None:
    memory = Memory(Ledger(market(orders=(order(77, "ask", 11_000, 1),))))
    report = run(memory)
    assert [item.order_id for item in memory.ledger.markets[BTC].orders] == [77]
    assert report.left_open == 0 and memory.deadlines[-1] != 0


def test_nothing_is_placed_without_the_switch() -> None:
    memory = Memory(Ledger(market()), arm=["refused"] * 5)
    report = run(memory)
    assert memory.calls.count("place") == 1 and report.refused == {"TransactionRefused": 5}
    assert memory.calls.index("place") > 5


def test_a_node_that_fails_is_waited_for_longer_and_longer() -> None:
    memory = Memory(Ledger(market()), look=["node"] * 7)
    began = memory.ledger.now_ms
    report = run(memory, backoff_max_ms=4_000, steps_max=1)
    assert report.reconnects == 7
    assert memory.ledger.now_ms - began >= 250 + 500 + 1_000 + 2_000 + 3 * 4_000


@pytest.mark.parametrize("fault", ["landed", "lost"])
def test_after_an_unknown_outcome_nothing_is_decided_until_it_is_certain(fault: str) -> None:
    memory = Memory(Ledger(market()), place=[fault])
    memory.settle_after = 4
    report = run(memory)
    first = memory.calls.index("place")
    until = [n for n, call in enumerate(memory.calls) if call == "settled"][3]
    assert set(memory.calls[first + 1 : until]) == {"settled"}
    assert report.unknown_outcomes == 1
    # Landed: seen, and kept. Lost: placed once more, under another id.
    assert memory.calls.count("place") == (1 if fault == "landed" else 2)
    assert len(memory.ledger.client_ids) == 1
    assert memory.ledger.markets[BTC].orders == ()


def test_what_cannot_be_cancelled_at_the_end_is_told() -> None:
    memory = Memory(Ledger(market()), cancel=["refused"] * 99)
    report = run(memory)
    assert report.left_open == 1 and report.refused["TransactionRefused"] >= 10
    # The switch is still armed: the order dies by itself.
    assert memory.deadlines[-1] > memory.ledger.now_ms - 60_000


def test_a_failing_node_at_the_end_is_waited_for() -> None:
    memory = Memory(Ledger(market()), cancel=["node", "landed"])
    report = run(memory)
    assert report.left_open == 0 and memory.ledger.markets[BTC].orders == ()


def test_the_rate_keeps_back_all_but_cancels_and_the_switch() -> None:
    memory = Memory(Ledger(market()))
    report = run(memory, transactions_per_minute=2, steps_max=30)
    sent = [call for call in memory.calls if call in ("place", "modify")]
    assert len(sent) <= 3 and report.throttled > 5
    assert memory.ledger.markets[BTC].orders == ()


def test_stop_and_the_loss_limit_end_it() -> None:
    memory = Memory(Ledger(market()))
    runner = StrategyRunner(Quote(), memory, RunSettings(), clock_ms=lambda: memory.clock_ms, sleep=memory.sleep)

    async def both() -> RunReport:
        task = asyncio.create_task(runner.run())
        while not memory.ledger.markets[BTC].orders:  # noqa: ASYNC110
            await asyncio.sleep(0)
        runner.stop()
        return await task

    report = asyncio.run(both())
    assert report.ended == "stopped" and memory.ledger.markets[BTC].orders == ()

    class Losing(Ledger):
        def view(self) -> View:
            from dataclasses import replace

            return replace(super().view(), equity_atoms=10**9 - (self.now_ms - START_MS))

    memory = Memory(Losing(market()))
    report = run(memory, steps_max=None, limits=RunLimits(loss_max_atoms=5_000))
    assert report.ended == "loss limit" and report.steps == 5
    assert report.equity_start_atoms - report.equity_end_atoms >= 5_000


def test_a_cancelled_task_cancels_its_orders_on_the_way_out() -> None:
    memory = Memory(Ledger(market()))
    runner = StrategyRunner(Quote(), memory, RunSettings(), clock_ms=lambda: memory.clock_ms, sleep=memory.sleep)

    async def cut() -> None:
        task = asyncio.create_task(runner.run())
        while not memory.ledger.markets[BTC].orders:  # noqa: ASYNC110
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut())
    assert memory.ledger.markets[BTC].orders == ()


def test_a_fault_of_the_strategy_ends_the_run_with_nothing_left() -> None:
    class Broken(Quote):
        def on_clock(self, view: View) -> Sequence[Intent]:
            if view.market(BTC).orders:
                raise ZeroDivisionError("its own")
            return super().on_clock(view)

    memory = Memory(Ledger(market()))
    with pytest.raises(ZeroDivisionError):
        run(memory, Broken())
    assert memory.ledger.markets[BTC].orders == ()


def test_stale_rows_are_a_refusal_and_not_an_end() -> None:
    class Stale(Memory):
        async def place(self, orders: Sequence[NumberedOrder]) -> None:
            if "place" not in self.calls:
                self.calls.append("place")
                raise StaleRisk("market 0", 50_000, 10_000)
            await super().place(orders)

    report = run(Stale(Ledger(market())))
    assert report.refused == {"StaleRisk": 1} and report.ended == "steps"


PLANS = draw.lists(draw.sampled_from(["", *FAULTS]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(look=PLANS, arm=PLANS, cancel=PLANS, modify=PLANS, place=PLANS, settled=PLANS, limit=draw.integers(5, 60))
def test_under_any_faults_no_order_is_there_twice(limit: int, **faults: list[str]) -> None:
    """I: one maker quote a side at any time, no id twice, the inventory limit held, nothing left behind."""
    only_node = {kind: [fault if fault == "node" else "" for fault in faults[kind]] for kind in ("look", "settled")}
    memory = Memory(Ledger(market()), **(faults | only_node))
    maker = make_strategy("maker", {"market": BTC, "order_size": "1", "position_max": "6"})
    ledger, apply = memory.ledger, memory.ledger.apply

    def watched(batch: Batch) -> None:
        apply(batch)
        for side in ("bid", "ask"):
            assert sum(item.side == side for item in ledger.markets[BTC].orders) <= 1
        resting = ledger.markets[BTC].orders
        if resting:
            ledger.fill(BTC, resting[0].order_id, min(3, resting[0].size_lots))
        assert abs(ledger.markets[BTC].position_lots) <= limit

    ledger.apply = watched  # type: ignore[method-assign]
    report = run(memory, maker, limits=RunLimits(position_max_lots=limit))
    assert len(set(ledger.client_ids)) == len(ledger.client_ids)
    assert report.left_open == len(ledger.markets[BTC].orders) == 0


@pytest.mark.parametrize(
    "wrong", [{"interval_ms": 0}, {"dead_man_ms": 4_999}, {"transactions_per_minute": 0}, {"steps_max": 0}]
)
def test_settings_of_a_run_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingInvalid):
        RunSettings(**wrong)  # type: ignore[arg-type]
