"""Quotes both sides of the index from an account of the keeper's own, and answers orders in their taker phase.

The centre of the quotes moves against what is held. Quotes are post-only, expire by themselves and die together when
the keeper is not heard of; where the index is old or the market does not fill, what is open is cancelled.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from solders.pubkey import Pubkey

from evertide import BPS_ONE, ORDER_FLAG_ASK, ORDERS_MAX, MarketStatus, OracleAction, TimeInForce
from evertide_engine.crossing import Auction, auctions
from evertide_engine.markets import MarketColumns, band_ticks, is_refused, market_columns, status_now

from .actions import Action
from .desk import ASK, BID, Desk, Place
from .matcher import renewals
from .memory import Memory
from .oracle import symbol_of
from .own import limit_order, own_row
from .settings import MakerSettings
from .state import State

NAME = "maker"
LEVELS_MAX = 4
QUOTING = (MarketStatus.ACTIVE, MarketStatus.POST_ONLY, MarketStatus.REDUCE_ONLY)


def plan(state: State, memory: Memory, settings: MakerSettings) -> list[Action]:
    """Cancellations first, then answers to auctions, then quotes; renewals of rows ahead of all. Pure."""
    row = own_row(state, settings.maker_user)
    if settings.maker_user is None or row is None or state.risk_cache is None or not int(state.exchange["opened"]):
        return []
    desk, now_ms = Desk(state, row, settings), state.time.unix_ms
    columns = market_columns(state.listed_markets(), state.exchange, now_ms)
    stopped = lost_too_much(state, desk, settings)
    away, answers, quotes, read = [], [], [], desk.markets()
    offered = _auctions(state, row, columns, settings)
    for market in state.listed_markets():
        index = int(market["index"])
        if settings.markets and symbol_of(market) not in settings.markets:
            continue
        live = _orders(state, row, index)
        if not _quotable(state, market, settings):
            away += _away(state, settings.maker_user, row, index, live)
            continue
        place = desk.place(market, stopped or bool(columns.reduce_only[index]) or _reduces(market, now_ms))
        found = _answers(desk, place, offered.get(index, []), state, settings)
        answers += found
        # What was answered changes what is held: quotes follow at the next step.
        quotes += [] if found else _quotes(desk, place, market, live, state, settings)
        read.add(index)
    chosen = [one for one in [*away, *answers, *quotes] if memory.is_free(one.key, now_ms)]
    risky = any(one.name in ("fill_auction", "place_orders") for one in chosen)
    first = renewals(state, memory, read, settings.row_age_ms) if risky else []
    return first + _guarded(chosen, settings.maker_user, _sequence(state, row))


def _guarded(actions: list[Action], user: str, sequence: int) -> list[Action]:
    """The actions, sent one after the other, each only onto the account as the one before it leaves it.

    Of two keepers of one account the slower is refused before it doubles what the faster did, and a quote that was
    filled meanwhile is thought about again. Cancellations go in any case.
    """
    made = []
    for action in actions:
        steps = 1 + len(action.ahead)
        if action.name in ("fill_auction", "place_orders"):
            guard = ["assert_sequence", {"user": user, "sequence": sequence}]
            action = dataclasses.replace(action, ahead=[guard, *action.ahead])
        made.append(action)
        # Each of these instructions counts the account's sequence up by one.
        sequence += steps
    return made


def lost_too_much(state: State, desk: Desk, settings: MakerSettings) -> bool:
    """Whether equity fell by more than the limit since the keeper first saw it; also while it cannot be told."""
    equity, start = desk.equity_atoms(), state.observed.get(NAME, {}).get("equity_start_atoms")
    return equity is None or start is None or start - equity > settings.loss_max_atoms


def _reduces(market: Any, now_ms: int) -> bool:
    return status_now(market, now_ms) == MarketStatus.REDUCE_ONLY


def _quotable(state: State, market: Any, settings: MakerSettings) -> bool:
    """Whether the index is young enough to quote, and the market takes orders and would fill them."""
    now_ms = state.time.unix_ms
    young = now_ms - int(market["publish_time_ms"]) <= settings.index_age_max_ms
    usable = int(market["index_price_q32"]) and not is_refused(market, OracleAction.FILL, now_ms)
    return bool(young and usable and status_now(market, now_ms) in QUOTING)


def _orders(state: State, row: int, market_index: int) -> list[Any]:
    """The account's orders in a market, dead ones too: they fill slots."""
    rows = state.orders["orders"][row]
    return [one for one in rows if int(one["order_id"]) and int(one["market_index"]) == market_index]


def _sequence(state: State, row: int) -> int:
    return int(state.users["sequence"][row])


def _away(state: State, user: str, row: int, market_index: int, live: list[Any]) -> list[Action]:
    """Cancels all that is open in a market that is not to be quoted now."""
    if not live:
        return []
    key = f"maker:away:{market_index}:{_sequence(state, row)}"
    arguments = {"user": user, "market_index": market_index}
    return [Action("cancel_orders", key, f"user:{user}", arguments)]


def _auctions(state: State, own: int, columns: MarketColumns, settings: MakerSettings) -> dict[int, list[Auction]]:
    """Other owners' orders in their taker phase, by market; none without a slot for the answer."""
    if not settings.auction_notional_max_atoms or int(state.orders["order_count"][own]) >= ORDERS_MAX:
        return {}
    found: dict[int, list[Auction]] = {}
    authority = bytes(state.users["authority"][own])
    for one in auctions(state.orders, state.keys, state.users, columns, state.time.unix_ms, state.time.slot):
        if bytes(state.users["authority"][one.row]) != authority:
            found.setdefault(one.market_index, []).append(one)
    return found


def _answers(desk: Desk, place: Place, offered: list[Auction], state: State, settings: MakerSettings) -> list[Action]:
    """The auctions of a market that pay at least the edge, the best first, within room and margin."""
    low, high = band_ticks(state.markets[place.market_index])
    edge = settings.auction_edge_bps
    best_bid, best_ask = place.centre_bps - edge, place.centre_bps + edge
    room, actions = list(place.room_lots), []
    for one in sorted(offered, key=lambda one: (one.limit_ticks if one.ask else -one.limit_ticks, one.row, one.slot)):
        # The taker sells: the maker buys at no more than below the centre; and the other way round.
        bound = place.ticks(best_bid, up=False) if one.ask else place.ticks(best_ask, up=True)
        worth = one.limit_ticks <= bound if one.ask else one.limit_ticks >= bound
        side = BID if one.ask else ASK
        most = place.lots(settings.auction_notional_max_atoms, one.limit_ticks)
        lots = min(one.size_lots, most, room[side])
        if not worth or lots <= 0 or not low <= one.limit_ticks <= high:
            continue
        record = desk.with_fill(place, ask=not one.ask, price_ticks=one.limit_ticks, lots=lots)
        if record is None or not (place.reduces or desk.stands(record)):
            continue
        desk.take(record)
        room[side] -= lots
        taker = str(Pubkey.from_bytes(state.user_keys[one.row]))
        arguments = {
            "market_index": place.market_index,
            "taker_user": taker,
            "taker_order_id": one.order_id,
            "maker_user": settings.maker_user,
            "price_ticks": one.limit_ticks,
            "size_max_lots": lots,
        }
        key = f"maker:answer:{taker}:{one.order_id}:{one.size_lots}"
        actions.append(Action("fill_auction", key, f"user:{settings.maker_user}", arguments))
    return actions


def _wanted(place: Place, market: Any, settings: MakerSettings) -> list[dict[str, Any]]:
    """The quotes that a market should have, the nearest first, as the arguments of `place_orders`."""
    low, high = band_ticks(market)
    least = int(market["terms"]["order_size_min_lots"])
    wanted, room = [], list(place.room_lots)
    for level in range(min(settings.levels, LEVELS_MAX)):
        away_bps = settings.spread_bps + level * settings.level_step_bps
        bid = place.ticks(max(place.centre_bps - away_bps, 0), up=False)
        ask = max(place.ticks(place.centre_bps + away_bps, up=True), bid + 1)
        for side, price in ((BID, bid), (ASK, ask)):
            if not max(low, 1) <= price <= high:
                continue
            lots = min(place.lots(settings.quote_notional_atoms, price), room[side])
            if lots < max(least, 1):
                continue
            room[side] -= lots
            order = limit_order(
                place.market_index, ask=side == ASK, price_ticks=price, lots=lots, time_in_force=TimeInForce.POST_ONLY
            )
            wanted.append({**order, "reduce_only": place.reduces})
    return wanted


def _quotes(
    desk: Desk, place: Place, market: Any, live: list[Any], state: State, settings: MakerSettings
) -> list[Action]:
    """What makes the open orders of a market those that are wanted; the further quotes go first for want of margin."""
    wanted = _wanted(place, market, settings)
    while wanted and not place.reduces and not desk.stands(desk.with_orders(place, wanted)):
        wanted.pop()
    record = desk.with_orders(place, wanted)
    if record is not None and not place.reduces:
        desk.take(record)
    kept, missing = _kept(state, desk.row, live, wanted, place, settings)
    stale = [int(one["order_id"]) for one in live if int(one["order_id"]) not in kept]
    user, deadline_ms = str(settings.maker_user), _deadline_ms(state, desk.row, settings)
    heard: list[list[Any]] = [["cancel_all_after", {"user": user, "deadline_ms": deadline_ms}]] if deadline_ms else []
    cancels: list[list[Any]] = [["cancel_orders", {"user": user, "order_ids": stale}]] if stale else []
    key, lane = f"maker:{place.market_index}:{_sequence(state, desk.row)}", f"user:{user}"
    if missing:
        expiry_ms = state.time.unix_ms + settings.quote_life_ms
        orders = [{**one, "expiry_ms": expiry_ms} for one in missing]
        return [Action("place_orders", key, lane, {"user": user, "orders": orders}, [*heard, *cancels])]
    if stale:
        return [Action("cancel_orders", key, lane, cancels[0][1], heard)]
    if heard and kept:
        return [Action("cancel_all_after", key, lane, heard[0][1])]
    return []


def _kept(
    state: State, row: int, live: list[Any], wanted: list[dict[str, Any]], place: Place, settings: MakerSettings
) -> tuple[set[int], list[dict[str, Any]]]:
    """Ids of the open orders that will do, and the wanted quotes that none of them is."""
    now_ms, kept, missing = state.time.unix_ms, set(), []
    dead_ms, epoch = int(state.orders["cancel_all_after_ms"][row]), int(state.users["orders_epoch"][row])
    for quote in wanted:
        off = quote["price_ticks"] * settings.requote_bps // BPS_ONE
        for one in live:
            order_id = int(one["order_id"])
            fits = bool(int(one["flags"]) & ORDER_FLAG_ASK) == quote["ask"] and not (dead_ms and now_ms >= dead_ms)
            near = abs(int(one["price_ticks"]) - quote["price_ticks"]) <= off
            sized = quote["size_lots"] <= 2 * int(one["size_lots"]) and int(one["size_lots"]) <= quote["size_lots"]
            young = int(one["expiry_ms"]) - now_ms > settings.quote_life_ms // 2
            if order_id not in kept and order_id >= epoch and fits and near and sized and young:
                kept.add(order_id)
                break
        else:
            missing.append(quote)
    return kept, missing


def _deadline_ms(state: State, row: int, settings: MakerSettings) -> int:
    """The dead man's deadline to set; 0 while the present one is far enough."""
    now_ms = state.time.unix_ms
    left_ms = int(state.orders["cancel_all_after_ms"][row]) - now_ms
    return 0 if left_ms > settings.dead_man_ms // 2 else now_ms + settings.dead_man_ms
