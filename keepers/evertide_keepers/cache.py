"""Keeps the rows of the risk cache young, with the marks and averages in them: all margin is valued from them."""

from __future__ import annotations

from .actions import Action
from .memory import Memory
from .settings import CacheSettings
from .state import State


def plan(state: State, memory: Memory, settings: CacheSettings) -> list[Action]:
    """`accrue_market` for each priced market whose row or averages are too old. Pure.

    A price writes the row without moving the averages; evidence of the book and any accrual do both, and whoever is
    first spares the others theirs.
    """
    if state.risk_cache is None:
        return []
    actions: list[Action] = []
    now_ms, rows = state.time.unix_ms, state.risk_cache["markets"]
    for market in state.listed_markets():
        index = int(market["index"])
        key = f"cache:{index}"
        oldest_ms = min(int(rows[index]["updated_ms"]), int(market["accrued_ms"]))
        old = now_ms - oldest_ms >= settings.interval_ms
        if int(market["index_price_q32"]) and old and not memory.is_blocked(key, now_ms):
            actions.append(Action("accrue_market", key, f"market:{index}", {"market_index": index}))
    return actions
