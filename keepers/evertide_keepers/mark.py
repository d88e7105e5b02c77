"""Shows the best resting orders of each market as evidence, and with it has the mark computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from solders.pubkey import Pubkey

from evertide import EVIDENCE_ORDERS_MAX, REST_SLOTS, OrderKind
from evertide_engine.crossing import resting
from evertide_engine.margin import MarginKind, value
from evertide_engine.markets import MarketColumns, market_columns
from evertide_engine.resting_book import RestingOrder

from .actions import Action
from .memory import Memory
from .settings import MarkSettings
from .state import State

Refs = list[list[Any]]


def plan(state: State, memory: Memory, settings: MarkSettings) -> list[Action]:
    """`update_mark` for each market whose evidence has changed or is to be shown again. Pure."""
    if state.exchange is None or state.risk_cache is None or not int(state.exchange["opened"]):
        return []
    now_ms, slot = state.time.unix_ms, state.time.slot
    columns = market_columns(state.listed_markets(), state.exchange, now_ms)
    books = resting(state.orders, state.keys, state.users, columns, now_ms, slot)
    solvent = value(state.users, state.risk_cache, MarginKind.FILL, now_ms).is_met()
    actions: list[Action] = []
    for market in state.listed_markets():
        index = int(market["index"])
        key = f"mark:{index}"
        if not columns.index_price_q32[index] or columns.reduce_only[index] or memory.is_blocked(key, now_ms):
            continue
        sides = [_evidence(market, books.get((index, side), []), columns, solvent, slot, settings) for side in (0, 1)]
        sides = _within(sides, settings.users_max)
        if _crossed(sides) or not any(sides) or not _is_news(state, market, sides, settings):
            continue
        bids, asks = (_refs(state, side) for side in sides)
        arguments = {"market_index": index, "bids": bids, "asks": asks}
        actions.append(Action("update_mark", key, f"market:{index}", arguments))
    return actions


def _evidence(
    market: Any,
    book: Sequence[RestingOrder],
    columns: MarketColumns,
    solvent: NDArray[np.bool_],
    slot: int,
    settings: MarkSettings,
) -> list[RestingOrder]:
    """The best plain orders up to the impact notional; empty when they do not reach it."""
    index, tick = int(market["index"]), int(market["atoms_per_lot_tick"])
    missing, matchable = int(market["terms"]["impact_notional_atoms"]), int(market["matchable_since_slot"])
    low, high = int(columns.band_low_ticks[index]), int(columns.band_high_ticks[index])
    chosen: list[RestingOrder] = []
    for order in book:
        rested = slot - max(order.placed_slot, matchable)
        plain = order.kind == OrderKind.LIMIT and not order.reduce_only and not order.revealed and rested >= REST_SLOTS
        if not plain or not low <= order.price_ticks <= high or not solvent[order.row]:
            continue
        chosen.append(order)
        # Whole lots up to what is missing, as the program counts them.
        worth = order.price_ticks * tick
        missing -= min(order.size_lots, -(-missing // worth)) * worth
        if missing <= 0:
            return chosen
        if len(chosen) == EVIDENCE_ORDERS_MAX or len({kept.row for kept in chosen}) == settings.users_max:
            return []
    return []


def _within(sides: list[list[RestingOrder]], users_max: int) -> list[list[RestingOrder]]:
    """Both sides where one transaction holds them, else the one of fewer users."""
    users = [{order.row for order in side} for side in sides]
    if len(users[0] | users[1]) <= users_max:
        return sides
    return [sides[0], []] if len(users[0]) <= len(users[1]) else [[], sides[1]]


def _crossed(sides: list[list[RestingOrder]]) -> bool:
    """Evidence that crosses drops itself: leave it to the matcher."""
    bids, asks = sides
    return bool(bids and asks and bids[0].price_ticks >= asks[0].price_ticks)


def _is_news(state: State, market: Any, sides: list[list[RestingOrder]], settings: MarkSettings) -> bool:
    """Whether the best order differs from what is stored, or what is stored is to be shown again."""
    now_ms = state.time.unix_ms
    for side, stored in zip(sides, market["evidence"], strict=True):
        if not side:
            continue
        best = side[0]
        same = int(stored["order_id"]) == best.order_id and bytes(stored["orders"]) == state.orders_keys[best.row]
        if not same or now_ms - int(stored["shown_ms"]) >= settings.refresh_ms:
            return True
    return False


def _refs(state: State, side: list[RestingOrder]) -> Refs:
    return [[str(Pubkey.from_bytes(state.user_keys[order.row])), order.order_id] for order in side]
