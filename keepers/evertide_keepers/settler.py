"""Moves losses into their market's pool and pays profits out of it, losers first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from solders.pubkey import Pubkey

from evertide.math import SettleInput, settle_amount
from evertide_engine.margin import MarginKind, Status, Valuation, value

from .actions import Action
from .memory import Memory
from .settings import SettlerSettings
from .state import State

# Beyond every guard on amounts: what is larger is cut to it, so that a sum of two of them still fits.
BEYOND = 1 << 61


def plan(state: State, memory: Memory, settings: SettlerSettings) -> list[Action]:
    """`settle_pnl` where it would move enough: losses by size, then profits as far as the pools reach. Pure.

    The value of a position is the one that settling reads, at the worse of mark and TWAP. New debt is not counted on.
    """
    if state.risk_cache is None or not len(state.users):
        return []
    now_ms = state.time.unix_ms
    # Withdrawal values at the worse price too, and its per-position values are unweighted.
    valuation = value(state.users, state.risk_cache, MarginKind.WITHDRAWAL, now_ms)
    found: list[tuple[int, Action]] = []
    for row, place, most in _candidates(state, valuation, settings.minimum_atoms):
        if len(found) >= settings.settlements_max and _turn(most) > _turn(found[-1][0]):
            break
        amount, action = _settlement(state, valuation, row, place)
        since_ms = memory.since_done_ms(action.key, now_ms)
        recent = since_ms is not None and since_ms < settings.interval_ms
        if not recent and not memory.is_blocked(action.key, now_ms) and abs(amount) >= settings.minimum_atoms:
            found.append((amount, action))
    found.sort(key=lambda pair: (*_turn(pair[0]), pair[1].key))
    return [action for _, action in found[: settings.settlements_max]]


def _turn(amount_atoms: int) -> tuple[bool, int]:
    """Losses before profits, the largest first."""
    return amount_atoms > 0, -abs(amount_atoms)


def _candidates(state: State, valuation: Valuation, minimum_atoms: int) -> list[tuple[int, int, int]]:
    """`(row, slot, atoms)` of positions whose settlement moves at least so much: losses first, the largest first."""
    positions = state.users["positions"]
    row, place = np.nonzero((positions["market_plus_one"] != 0) & (valuation.status == Status.VALUED)[:, None])
    market = positions["market_plus_one"][row, place].astype(np.int64) - 1
    amounts = _amounts(state, valuation, row, place, market)
    # While a deficit is recorded, only the owner can ask for a profit.
    owners_choice = (amounts > 0) & (state.markets["deficit_atoms"][market] != 0)
    wanted = state.market_known[market] & (np.abs(amounts) >= minimum_atoms) & ~owners_choice
    row, place, amounts = row[wanted], place[wanted], amounts[wanted]
    order = np.lexsort((-np.abs(amounts), amounts > 0))
    return list(zip(row[order].tolist(), place[order].tolist(), amounts[order].tolist(), strict=True))


def _amounts(
    state: State,
    valuation: Valuation,
    row: NDArray[np.intp],
    place: NDArray[np.intp],
    market: NDArray[np.int64],
) -> NDArray[np.int64]:
    """What `settle_amount` answers without new debt, for every position; a test compares the two."""
    worth = np.clip(valuation.worth_atoms[row, place], -BEYOND, BEYOND)
    cash, entry = (state.users["positions"][name][row, place] for name in ("cash_atoms", "entry_atoms"))
    realised = np.clip(cash, -BEYOND, BEYOND) + np.clip(entry, -BEYOND, BEYOND)
    pool = np.minimum(state.markets["pool_atoms"][market], np.uint64(BEYOND)).astype(np.int64)
    profit = np.minimum(np.maximum(np.minimum(worth, realised), 0), pool)
    loss = np.minimum(-worth, np.clip(valuation.quote_atoms[row], 0, BEYOND))
    found: NDArray[np.int64] = np.where(worth < 0, -loss, profit)
    return found


def _settlement(state: State, valuation: Valuation, row: int, place: int) -> tuple[int, Action]:
    """The exact amount that a settlement moves, and the settlement."""
    position = state.users["positions"][row, place]
    market, user = int(position["market_plus_one"]) - 1, str(Pubkey.from_bytes(state.user_keys[row]))
    amount = settle_amount(
        SettleInput(
            value_atoms=int(valuation.worth_atoms[row, place]),
            realised_atoms=int(position["cash_atoms"]) + int(position["entry_atoms"]),
            quote_atoms=int(valuation.quote_atoms[row]),
            debt_room_atoms=0,
            pool_atoms=int(state.markets["pool_atoms"][market]),
        )
    )
    key = f"settle:{user}:{market}"
    return amount, Action("settle_pnl", key, f"market:{market}", {"market_index": market, "user": user})
