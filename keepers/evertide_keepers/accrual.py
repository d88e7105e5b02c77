"""Keeps funding, averages, cache rows and interest up to date."""

from __future__ import annotations

from .actions import Action
from .memory import Memory
from .settings import AccrualSettings
from .state import State


def plan(state: State, memory: Memory, settings: AccrualSettings) -> list[Action]:
    """`accrue_market` for each priced market whose last accrual is too old, `accrue_debt` when that is. Pure."""
    actions: list[Action] = []
    now_ms = state.time.unix_ms
    for market in state.listed_markets():
        index = int(market["index"])
        key = f"accrual:{index}"
        due = now_ms - int(market["accrued_ms"]) >= settings.market_interval_ms
        if int(market["index_price_q32"]) and due and not memory.is_blocked(key, now_ms):
            actions.append(Action("accrue_market", key, f"market:{index}", {"market_index": index}))
    if state.collateral_known[0]:
        quote = state.collaterals[0]
        due = now_ms - int(quote["debt_accrued_ms"]) >= settings.debt_interval_ms
        if due and not memory.is_blocked("accrual:debt", now_ms):
            actions.append(Action("accrue_debt", "accrual:debt", "debt", {}))
    return actions
