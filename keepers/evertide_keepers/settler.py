"""Moves losses into their market's pool and pays profits out of it, losers first."""

from __future__ import annotations

import numpy as np
from solders.pubkey import Pubkey

from evertide.math import SettleInput, settle_amount
from evertide_engine.margin import MarginKind, Status, value

from .actions import Action
from .memory import Memory
from .settings import SettlerSettings
from .state import State


def plan(state: State, memory: Memory, settings: SettlerSettings) -> list[Action]:
    """`settle_pnl` where it would move enough: losses by size, then profits as far as the pools reach. Pure.

    The value of a position is the one that settling reads, at the worse of mark and TWAP. New debt is not counted on.
    """
    if state.risk_cache is None or not len(state.users):
        return []
    now_ms = state.time.unix_ms
    # Withdrawal values at the worse price too, and its per-position values are unweighted.
    valuation = value(state.users, state.risk_cache, MarginKind.WITHDRAWAL, now_ms)
    positions = state.users["positions"]
    found: list[tuple[int, Action]] = []
    listed = {int(market["index"]): market for market in state.listed_markets()}
    for row, place in np.argwhere(positions["market_plus_one"] != 0):
        market, user = int(positions["market_plus_one"][row, place]) - 1, str(Pubkey.from_bytes(state.user_keys[row]))
        key = f"settle:{user}:{market}"
        since_ms = memory.since_done_ms(key, now_ms)
        recent = since_ms is not None and since_ms < settings.interval_ms
        if recent or memory.is_blocked(key, now_ms) or valuation.status[row] != Status.VALUED or market not in listed:
            continue
        position = positions[row, place]
        amount = settle_amount(
            SettleInput(
                value_atoms=int(valuation.worth_atoms[row, place]),
                realised_atoms=int(position["cash_atoms"]) + int(position["entry_atoms"]),
                quote_atoms=int(valuation.quote_atoms[row]),
                debt_room_atoms=0,
                pool_atoms=int(listed[market]["pool_atoms"]),
            )
        )
        # While a deficit is recorded, only the owner can ask for a profit.
        owners_choice = amount > 0 and int(listed[market]["deficit_atoms"]) != 0
        if abs(amount) >= settings.minimum_atoms and not owners_choice:
            found.append(
                (amount, Action("settle_pnl", key, f"market:{market}", {"market_index": market, "user": user}))
            )
    found.sort(key=lambda pair: (pair[0] > 0, -abs(pair[0]), pair[1].key))
    return [action for _, action in found[: settings.settlements_max]]
