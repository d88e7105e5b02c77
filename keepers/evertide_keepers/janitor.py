"""Keeps the exchange tidy: what time alone has made due, what earns nobody anything. Anyone may do all of it."""

from __future__ import annotations

import numpy as np
from solders.pubkey import Pubkey

from evertide_engine.layouts import ORDERS_MAX

from . import due_payments, timelocks
from .actions import Action
from .memory import Memory
from .settings import JanitorSettings
from .state import State


def plan(state: State, memory: Memory, settings: JanitorSettings) -> list[Action]:
    """What a timelock has released, then withdrawals, payments and fees, then dead orders. Pure."""
    if state.exchange is None:
        return []
    wanted = timelocks.plan(state, memory, settings)
    if int(state.exchange["opened"]):
        wanted += due_payments.plan(state, memory, settings)
        wanted += _expiries(state, settings)
    now_ms = state.time.unix_ms
    return [action for action in wanted if memory.is_free(action.key, now_ms)][: settings.actions_max]


def _expiries(state: State, settings: JanitorSettings) -> list[Action]:
    """One `expire_orders` for each account with dead orders."""
    made = []
    for row in np.unique(state.waiting().dead // ORDERS_MAX)[: settings.accounts_max]:
        user = str(Pubkey.from_bytes(state.user_keys[row]))
        sequence = int(state.users["sequence"][row])
        made.append(Action("expire_orders", f"expire_orders:{user}:{sequence}", f"user:{user}", {"user": user}))
    return made
