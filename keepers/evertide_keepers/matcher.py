"""Finds what crosses and submits it, best makers first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from solders.pubkey import Pubkey

from evertide_engine.crossing import Match, scan
from evertide_engine.layouts import MARKETS_MAX, ORDERS_MAX
from evertide_engine.markets import market_columns

from .actions import FIRST_LANE, Action
from .memory import Memory
from .settings import MatcherSettings
from .state import State

# With these the taker is not to blame: none of its makers could trade.
MAKERS_AT_FAULT = {
    "NothingFilled",
    "PriceOutsideBand",
    "OpenInterestLimitExceeded",
    "PositionLimitExceeded",
    "MakerPriorityViolated",
}


def order_key(user: str, order_id: int) -> str:
    """Names an order in a keeper's memory."""
    return f"order:{user}:{order_id}"


def blamed(action: Action, error: str) -> list[str]:
    """Orders to leave alone for a while after a match failed."""
    arguments = action.arguments
    if action.name == "match_orders" and error in MAKERS_AT_FAULT:
        return [order_key(user, order_id) for user, order_id in arguments["makers"]]
    return [action.key]


def blocked_orders(state: State, memory: Memory) -> NDArray[np.bool_] | None:
    """Orders that are to be left alone now, shape `(rows, 32)`; None when there are none."""
    now_ms = state.time.unix_ms
    mask: NDArray[np.bool_] | None = None
    for key in memory.blocked_until_ms:
        if not key.startswith("order:") or not memory.is_blocked(key, now_ms):
            continue
        _, user, order_id = key.split(":")
        row = state.row_of(bytes(Pubkey.from_string(user)))
        if row is not None:
            mask = np.zeros((len(state.orders), ORDERS_MAX), np.bool_) if mask is None else mask
            mask[row] |= state.orders["orders"]["order_id"][row] == int(order_id)
    return mask


def plan(state: State, memory: Memory, settings: MatcherSettings) -> list[Action]:
    """Renewals of rows that have become too old for the matches, then the matches. Pure."""
    if state.exchange is None or not int(state.exchange["opened"]):
        return []
    now_ms = state.time.unix_ms
    columns = market_columns(state.listed_markets(), state.exchange, now_ms)
    blocked = blocked_orders(state, memory)
    matches = scan(state.orders, state.keys, state.users, columns, now_ms, state.time.slot, blocked)
    matches = matches[: settings.matches_max]
    return _renewals(state, memory, matches, settings) + [_action(state, match, settings) for match in matches]


def _action(state: State, match: Match, settings: MatcherSettings) -> Action:
    taker = str(Pubkey.from_bytes(state.user_keys[match.taker_row]))
    makers = [[str(Pubkey.from_bytes(state.user_keys[fill.maker_row])), fill.maker_order_id] for fill in match.fills]
    parties = {taker, *(user for user, _ in makers)}
    earner = settings.keeper_user if settings.keeper_user not in parties else None
    arguments = {
        "market_index": match.market_index,
        "taker_user": taker,
        "taker_order_id": match.taker_order_id,
        "makers": makers,
        "keeper_user": earner,
    }
    return Action("match_orders", order_key(taker, match.taker_order_id), f"market:{match.market_index}", arguments)


def _renewals(state: State, memory: Memory, matches: list[Match], settings: MatcherSettings) -> list[Action]:
    """Renewals for what valuing a party of these matches reads."""
    if not matches:
        return []
    parties = {match.taker_row for match in matches} | {fill.maker_row for match in matches for fill in match.fills}
    held = state.users["positions"]["market_plus_one"][sorted(parties)].astype(np.int64).ravel() - 1
    read = np.union1d(held[held >= 0], [match.market_index for match in matches])
    return renewals(state, memory, read.tolist(), settings.row_age_ms)


def renewals(state: State, memory: Memory, markets: Iterable[int], row_age_ms: int) -> list[Action]:
    """`accrue_market` for the rows of some markets that are too old, before everything else."""
    if state.risk_cache is None:
        return []
    now_ms, rows = state.time.unix_ms, state.risk_cache["markets"]
    actions: list[Action] = []
    for index in sorted(markets):
        if index >= MARKETS_MAX:
            continue
        key = f"renewal:{index}"
        stale = now_ms - int(rows[index]["updated_ms"]) >= row_age_ms
        if stale and not memory.is_blocked(key, now_ms):
            actions.append(Action("accrue_market", key, FIRST_LANE, {"market_index": index}))
    return actions
