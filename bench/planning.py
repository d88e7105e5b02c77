"""How long each keeper's pure plan takes on a large exchange, and how long the state takes to take changes in."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from evertide_keepers.clock import ChainTime
from evertide_keepers.keeper import KINDS
from evertide_keepers.memory import Memory
from evertide_keepers.state import Change, State

from .accounts import NOW_MS, SLOT, Records
from .exchange import USER_KEYS, address, changes, exchange, user_address
from .measure import NS, Measure, processor_ns, timing_of
from .run import Run

TABLE = "planning"
CHANGED = 8
"""Traders whose accounts change between two plans."""
OWN = 0
"""The trader with whose account the keepers work that need one."""


def settings_of(name: str) -> Any:
    """A keeper's settings, with an account to work with where it takes one."""
    given = KINDS[name].settings
    fields = {field.name for field in dataclasses.fields(given)} & {"liquidator_user", "maker_user"}
    return dataclasses.replace(given, **dict.fromkeys(fields, user_address(OWN)))


class Life:
    """The exchange while it goes on: each turn some traders' accounts change, and time passes."""

    def __init__(self, state: State, users: Records, orders: Records) -> None:
        self.state, self.users, self.orders = state, users, orders
        self.slot, self.now_ms = SLOT, NOW_MS
        self.random = np.random.default_rng(9)

    def turn(self) -> int:
        """Nanoseconds that the state took for the changes of one turn."""
        rows = self.random.choice(len(self.users), min(CHANGED, len(self.users)), replace=False).tolist()
        self.slot, self.now_ms = self.slot + 1, self.now_ms + 1_000
        self.users["quote_atoms"][rows] += 1
        self.users["sequence"][rows] += 1
        self.orders["orders"]["size_lots"][rows, 1] += 1
        found = [Change(one.address, self.slot, one.data) for one in changes(self.users, self.orders, rows)]
        start = processor_ns()
        self.state.apply(found)
        elapsed = processor_ns() - start
        self.state.time = ChainTime(self.slot, self.now_ms)
        return elapsed


def measures(run: Run) -> list[Measure]:
    """One line for each keeper: a plan on a state that changed since the last one."""
    sizes = run.sizes
    users, orders = sizes.exchange_users, sizes.exchange_orders
    state, user_records, order_records = exchange(users, orders)
    state.observed |= {"maker": {"equity_start_atoms": 0}, "janitor": {"token_accounts": {}}}
    assert state.row_of(address(USER_KEYS, OWN)) is not None, "the keepers' own account is one of the traders'"
    life, lines, applied = Life(state, user_records, order_records), [], []
    for name, kind in KINDS.items():
        memory, settings = Memory(), settings_of(name)
        kind.plan(state, memory, settings)
        elapsed: list[int] = []
        actions = 0
        end = time.perf_counter_ns() + int(sizes.budget_s * NS)
        while len(elapsed) < 3 or (len(elapsed) < sizes.plans and time.perf_counter_ns() < end):
            applied.append(life.turn())
            start = processor_ns()
            found = kind.plan(state, memory, settings)
            elapsed.append(processor_ns() - start)
            actions = max(actions, len(found))
        lines.append(plan_line(f"{name} plans", elapsed, {"actions at most": actions}))
    return [*lines, plan_line(f"state takes in {2 * min(CHANGED, users)} accounts", applied, {})]


def plan_line(name: str, elapsed: list[int], facts: dict[str, int | str]) -> Measure:
    """One line: one of something, its quantiles over all turns."""
    timing = timing_of(elapsed)
    return Measure(table=TABLE, name=name, count=1, unit="plans", seconds=timing.best_s, timing=timing, facts=facts)
