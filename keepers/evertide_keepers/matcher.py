"""Finds what crosses and submits it, best makers first, packed into as few transactions as hold it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from solders.pubkey import Pubkey

from evertide import MATCH_DEADLINE_SLOTS, OrderKind, TimeInForce
from evertide_engine.crossing import Match
from evertide_engine.layouts import MARKETS_MAX, ORDERS_MAX
from evertide_engine.margin import MarginKind, value
from evertide_engine.markets import market_columns

from .actions import FIRST_LANE, Action
from .fills import Expected, FillSimulator
from .memory import Memory
from .packing import Load, most_paid_first, packed, units_of
from .settings import MatcherSettings
from .state import State

IMMEDIATE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
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


def alone_key(user: str, order_id: int) -> str:
    """Names an order that is to be matched by itself for a while."""
    return f"alone:{user}:{order_id}"


def blamed(action: Action, error: str) -> list[str]:
    """Orders to leave alone for a while after a match failed; those of a batch are tried one by one before that."""
    arguments = action.arguments
    if action.ahead:
        steps = [arguments, *(step for _, step in action.ahead)]
        return [alone_key(step["taker_user"], step["taker_order_id"]) for step in steps]
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
    """Renewals of rows that have become too old for the matches, then the matches, those that bring most for their
    compute first. Pure.

    Several matches of one market share a transaction where that holds them. Dead orders of a party that is short of
    margin go before its matches: until they are cancelled they take it up.
    """
    chosen = [[match for match, _ in batch] for batch in _chosen(state, memory, settings)]
    matches = [match for batch in chosen for match in batch]
    actions: list[Action] = []
    dead = _dead_rows(state, matches)
    for batch in chosen:
        actions += _expiries(state, memory, batch, dead)
        actions.append(_action(state, batch, settings))
    return _renewals(state, memory, matches, settings) + actions


def expected(state: State, memory: Memory, settings: MatcherSettings) -> list[Expected]:
    """What the matches of `plan` will fill, in the order in which it sends them."""
    return [found for batch in _chosen(state, memory, settings) for _, found in batch]


def _chosen(state: State, memory: Memory, settings: MatcherSettings) -> list[list[tuple[Match, Expected]]]:
    """Matches that share a transaction, in the order to send, each with what it will fill."""
    if state.exchange is None or not int(state.exchange["opened"]):
        return []
    now_ms = state.time.unix_ms
    columns = market_columns(state.listed_markets(), state.exchange, now_ms)
    blocked = blocked_orders(state, memory)
    simulator = FillSimulator(state, settings.keeper_user)
    by_market: dict[int, list[tuple[Match, Expected]]] = {}
    arrays = (state.orders, state.keys, state.users)
    for match in state.crossing_index().scan(*arrays, columns, now_ms, state.time.slot, blocked):
        found = by_market.setdefault(match.market_index, [])
        if len(found) < settings.matches_max:
            found.append((match, simulator.run(match)))
    batches: dict[int, list[tuple[range, int, int]]] = {}
    for market, pairs in by_market.items():
        loads = [_load(state, memory, match, fills.charged_atoms) for match, fills in pairs]
        batches[market] = [
            (batch, sum(loads[at].charged_atoms for at in batch), sum(loads[at].units for at in batch))
            for batch in packed(loads, settings.batch_max)
        ]
    ordered = most_paid_first(batches, settings.matches_max)
    return [[by_market[market][at] for at in batch] for market, batch in ordered]


def _load(state: State, memory: Memory, match: Match, charged_atoms: int) -> Load:
    taker = str(Pubkey.from_bytes(state.user_keys[match.taker_row]))
    makers = tuple(fill.maker_row for fill in match.fills)
    rows = list({match.taker_row, *makers})
    units = units_of(state.users["position_count"][rows].tolist(), state.users["collateral_count"][rows].tolist())
    alone = memory.is_blocked(alone_key(taker, match.taker_order_id), state.time.unix_ms) or _is_ending(state, match)
    return Load(match.taker_row, makers, units, charged_atoms, alone)


def _is_ending(state: State, match: Match) -> bool:
    """Whether the taker may be dead before the match lands: it must not take others with it."""
    order = state.orders["orders"][match.taker_row, match.taker_slot]
    immediate = int(order["kind"]) == OrderKind.MARKET or int(order["time_in_force"]) in IMMEDIATE
    return immediate and state.time.slot - int(order["placed_slot"]) > MATCH_DEADLINE_SLOTS // 2


def _dead_rows(state: State, matches: list[Match]) -> set[int]:
    """Rows of parties whose margin does not reach for new risk while they have orders that are dead."""
    rows = np.array(sorted({row for match in matches for row in _rows(match)}), np.int64)
    if not rows.size or state.risk_cache is None:
        return set()
    rows = np.unique(state.waiting(rows).dead // ORDERS_MAX)
    if not rows.size:
        return set()
    # One more transaction delays the match: only where the dead orders may be what stands in its way.
    short = ~value(state.users[rows], state.risk_cache, MarginKind.INITIAL, state.time.unix_ms).is_met()
    return {int(row) for row in rows[short]}


def _rows(match: Match) -> list[int]:
    return [match.taker_row, *(fill.maker_row for fill in match.fills)]


def _expiries(state: State, memory: Memory, batch: list[Match], dead: set[int]) -> list[Action]:
    """Cancellations of the dead orders of a batch's parties, each account once, in its market's lane."""
    made = []
    for row in dict.fromkeys(row for match in batch for row in _rows(match)):
        if row not in dead:
            continue
        dead.discard(row)
        user, sequence = str(Pubkey.from_bytes(state.user_keys[row])), int(state.users["sequence"][row])
        key = f"expire_orders:{user}:{sequence}"
        if memory.is_free(key, state.time.unix_ms):
            made.append(Action("expire_orders", key, f"market:{batch[0].market_index}", {"user": user}))
    return made


def _action(state: State, batch: list[Match], settings: MatcherSettings) -> Action:
    """One transaction for the matches of a batch."""
    steps = [_arguments(state, match, settings) for match in batch]
    last, market = steps.pop(), batch[0].market_index
    key = order_key(last["taker_user"], last["taker_order_id"])
    ahead: list[list[Any]] = [["match_orders", arguments] for arguments in steps]
    return Action("match_orders", f"batch:{len(batch)}:{key}" if ahead else key, f"market:{market}", last, ahead)


def _arguments(state: State, match: Match, settings: MatcherSettings) -> dict[str, Any]:
    taker = str(Pubkey.from_bytes(state.user_keys[match.taker_row]))
    makers = [[str(Pubkey.from_bytes(state.user_keys[fill.maker_row])), fill.maker_order_id] for fill in match.fills]
    parties = {taker, *(user for user, _ in makers)}
    return {
        "market_index": match.market_index,
        "taker_user": taker,
        "taker_order_id": match.taker_order_id,
        "makers": makers,
        "keeper_user": settings.keeper_user if settings.keeper_user not in parties else None,
    }


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
