"""Wakes what waits for its price or its time: fires triggers, moves trailing stops, executes slices.

Anyone may do all of this, late, twice or several at once: the program checks each step itself, and refuses one that was
taken already at the price of a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from solders.pubkey import Pubkey

from evertide import (
    ORDER_FLAG_ASK,
    ORDER_FLAG_REDUCE_ONLY,
    PRICE_BITS,
    OracleAction,
    TriggerSource,
)
from evertide.math import clamp_to_radius
from evertide_engine.layouts import MARKETS_MAX, ORDERS_MAX, TWAP_TERMS
from evertide_engine.markets import is_refused
from evertide_engine.waiting import due_orders

from .actions import Action
from .matcher import renewals
from .memory import Memory
from .settings import TriggerSettings
from .state import State

MS_PER_SECOND = 1_000


@dataclass(frozen=True, slots=True)
class Waiter:
    """One order that waits, with its account's row and address."""

    row: int
    user: str
    order: Any

    @property
    def order_id(self) -> int:
        """Its id."""
        return int(self.order["order_id"])

    @property
    def ask(self) -> bool:
        """Whether it sells."""
        return bool(int(self.order["flags"]) & ORDER_FLAG_ASK)

    @property
    def reduces(self) -> bool:
        """Whether it only reduces: that takes no margin."""
        return bool(int(self.order["flags"]) & ORDER_FLAG_REDUCE_ONLY)

    def terms(self, dtype: np.dtype[Any]) -> Any:
        """What only its kind has."""
        return np.ascontiguousarray(self.order["terms"]).view(dtype)[0]

    def action(self, name: str, key: str) -> Action:
        """An action on this order."""
        market = int(self.order["market_index"])
        arguments = {"market_index": market, "user": self.user, "order_id": self.order_id}
        return Action(name, f"{name}:{self.user}:{key}", f"user:{self.user}", arguments)


def plan(state: State, memory: Memory, settings: TriggerSettings) -> list[Action]:
    """Triggers first, then trailing stops, then slices. Pure."""
    if state.exchange is None or not int(state.exchange["opened"]):
        return []
    found, now_ms = state.waiting(), state.time.unix_ms
    fires, trails = due_orders(state.orders, found.dormant, _prices(state), now_ms, settings.trailing_step_bps)
    firing = _waiters(state, fires)
    wanted = [one.action("trigger_order", str(one.order_id)) for one in firing]
    wanted += [
        one.action("update_trailing", f"{one.order_id}:{int(one.order['terms'][0])}") for one in _waiters(state, trails)
    ]
    parents = _waiters(state, found.parents)
    due = [(one, number) for one in parents if (number := _due_slice(state, one)) is not None]
    wanted += [one.action("execute_slice", f"{one.order_id}:{number}") for one, number in due]
    chosen = [action for action in wanted if memory.is_free(action.key, now_ms)][: settings.actions_max]
    users = {action.arguments["user"] for action in chosen}
    risky = [one for one in [*firing, *(one for one, _ in due)] if one.user in users and not one.reduces]
    return _renewals(state, memory, risky, settings) + chosen


def _renewals(state: State, memory: Memory, risky: list[Waiter], settings: TriggerSettings) -> list[Action]:
    """Renewals for what the margin check of new risk reads: a row that is too old would refuse it."""
    if not risky:
        return []
    held = state.users["positions"]["market_plus_one"][sorted({one.row for one in risky})].astype(np.int64).ravel() - 1
    read = np.union1d(held[held >= 0], [int(one.order["market_index"]) for one in risky])
    return renewals(state, memory, read.tolist(), settings.row_age_ms)


def _waiters(state: State, refs: NDArray[np.int64]) -> list[Waiter]:
    """The orders of some references; the oldest first: who has waited longest is served first."""
    rows, slots = np.divmod(refs, ORDERS_MAX)
    orders = state.orders["orders"][rows, slots]
    order_of = np.lexsort((orders["order_id"], rows, orders["placed_slot"]))
    return [
        Waiter(int(row), str(Pubkey.from_bytes(state.user_keys[row])), order)
        for row, order in zip(rows[order_of], orders[order_of], strict=True)
    ]


def _prices(state: State) -> NDArray[np.int64]:
    """Prices that may fire an order now, by market, `TriggerSource` and rounding: whole ticks at or below, and at or
    above. Zero where there is none, or the market's oracle does not vouch for it."""
    prices = np.zeros((MARKETS_MAX, len(TriggerSource), 2), np.int64)
    for market in state.listed_markets():
        tick = int(market["atoms_per_lot_tick"]) << PRICE_BITS
        if not int(market["index_price_q32"]) or is_refused(market, OracleAction.TRIGGER, state.time.unix_ms):
            continue
        last_q32 = int(market["last_fill_ticks"]) * tick
        for source, price_q32 in (
            (TriggerSource.MARK, _mark_q32(market)),
            (TriggerSource.INDEX, int(market["index_price_q32"])),
            (TriggerSource.LAST, last_q32),
        ):
            prices[int(market["index"]), source] = price_q32 // tick, -(-price_q32 // tick)
    return prices


def _mark_q32(market: Any) -> int:
    """The mark as triggers see it: within its radius around the index; the index where there is none."""
    mark, index = int(market["mark_price_q32"]), int(market["index_price_q32"])
    return clamp_to_radius(mark, index, int(market["terms"]["mark_radius_bps"])) if mark else index


def _due_slice(state: State, waiter: Waiter) -> int | None:
    """Number, from 1, of the interval that runs now where its slice is due: not executed, and lots behind schedule."""
    order, terms = waiter.order, waiter.terms(TWAP_TERMS)
    elapsed_ms, count = state.time.unix_ms - int(order["placed_ms"]), int(terms["slice_count"])
    length_ms = int(terms["slice_interval_s"]) * MS_PER_SECOND
    if not 0 <= elapsed_ms < length_ms * count:
        return None
    running, filled = elapsed_ms // length_ms + 1, int(order["filled_lots"])
    behind = (int(order["size_lots"]) + filled) * running // count - filled
    return running if running > int(terms["slices_done"]) and behind > 0 else None
