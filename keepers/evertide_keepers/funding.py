"""Charges funding and interest on debt in time: an hour's rate is fixed when the hour is over, and not much later."""

from __future__ import annotations

from evertide import HOUR_MS

from .actions import Action
from .memory import Memory
from .settings import FundingSettings
from .state import State


def plan(state: State, memory: Memory, settings: FundingSettings) -> list[Action]:
    """`accrue_market` where an hour has passed or the last accrual is too old, `accrue_debt` when that is. Pure."""
    actions: list[Action] = []
    now_ms = state.time.unix_ms
    for market in state.listed_markets():
        index, accrued_ms = int(market["index"]), int(market["accrued_ms"])
        key = f"funding:{index}"
        new_hour = accrued_ms // HOUR_MS != now_ms // HOUR_MS
        due = new_hour or now_ms - accrued_ms >= settings.market_interval_ms
        if int(market["index_price_q32"]) and due and not memory.is_blocked(key, now_ms):
            actions.append(Action("accrue_market", key, f"market:{index}", {"market_index": index}))
    if state.collateral_known[0]:
        due = now_ms - int(state.collaterals[0]["debt_accrued_ms"]) >= settings.debt_interval_ms
        if due and not memory.is_blocked("funding:debt", now_ms):
            actions.append(Action("accrue_debt", "funding:debt", "debt", {}))
    return actions
