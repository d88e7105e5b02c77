"""Which orders to match now: from all open orders, every (taker, makers best first) that crosses.

A scan reads each live order once, keeps the few whose prices can meet at all, ranks those by price, slot and hash, and
pairs them. The cost is one pass over the orders plus a sort of what crosses. Nothing is decided here that the program
does not check again. A pegged order stands at its price of now; an iceberg trades what it displays, and what it shows
next ranks behind all, so that it belongs to a later scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import (
    MAKERS_MAX,
    MARKETS_MAX,
    ORDER_FLAG_ASK,
    ORDERS_MAX,
    OrderKind,
)
from .crossing_kernels import (
    ASK,
    IN_PHASE,
    MAKER,
    PEGS,
    TAKER,
    candidate_positions,
    classify,
    pair,
    select,
)
from .decode import Records
from .errors import ShapeError
from .markets import MarketColumns
from .resting_book import RestingBook, hashes_of


@dataclass(frozen=True, slots=True)
class Fill:
    """One expected fill: the maker order at `maker_row`, `maker_slot` of the scanned accounts."""

    maker_row: int
    maker_slot: int
    maker_order_id: int
    size_lots: int
    price_ticks: int


@dataclass(frozen=True, slots=True)
class Match:
    """One `match_orders` to submit: a taker order and its makers, best first."""

    market_index: int
    taker_row: int
    taker_slot: int
    taker_order_id: int
    fills: tuple[Fill, ...]

    @property
    def size_lots(self) -> int:
        """Lots that the taker should get."""
        return sum(fill.size_lots for fill in self.fills)


def scan(
    orders: Records,
    keys: NDArray[np.uint64],
    users: Records,
    markets: MarketColumns,
    now_ms: int,
    slot: int,
    blocked: NDArray[np.bool_] | None = None,
    *,
    rows: NDArray[np.int64] | None = None,
) -> list[Match]:
    """Every match that the open orders allow at chain time `now_ms` and `slot`, in the order to submit.

    `orders` are `ORDERS` records, `keys` their addresses as `(n, 4)` words, `users` the `USER` record that owns each
    row. `blocked`, shape `(n, 32)`, takes single orders out. Later matches assume that the earlier ones filled.
    `rows`, rising: the accounts whose orders are looked at; None: all.
    Raises `ShapeError` when the arrays do not belong together.
    """
    count = len(orders)
    for what, found in (("keys", len(keys)), ("users", len(users))):
        if found != count:
            raise ShapeError(what, found, count)
    if blocked is not None and blocked.shape != (count, ORDERS_MAX):
        raise ShapeError("blocked", blocked.size, count * ORDERS_MAX)
    if count == 0:
        return []
    live = _classify(orders, users, markets, now_ms, slot, blocked, rows)
    kept = np.empty(len(live.refs) + 1, np.int64)
    kept = kept[: select(live.roles, live.sides, live.limits, live.best, kept)]
    if not kept.size:
        return []
    return _pair(orders["orders"], keys, users, markets, live.refs[kept], live.roles[kept], live.limits[kept])


def resting(
    orders: Records,
    keys: NDArray[np.uint64],
    users: Records,
    markets: MarketColumns,
    now_ms: int,
    slot: int,
    *,
    blocked: NDArray[np.bool_] | None = None,
    worst_ticks: NDArray[np.int64] | None = None,
) -> dict[tuple[int, int], RestingBook]:
    """Orders that rest now by `(market index, side)`, side 0 bid and 1 ask, in priority. Arrays as for `scan`.

    A book looks into `orders` and `keys` when it is read: use it before they change.
    Without pegged ones: neither a liquidation nor the mark can use them, and whom else one meets is up to its time.
    `worst_ticks`, shape `(MARKETS_MAX, 2)`: lowest bid and highest ask that are wanted; None: all.
    """
    if len(orders) == 0:
        return {}
    live = _classify(orders, users, markets, now_ms, slot, blocked)
    rests = (live.roles & (MAKER | PEGS)) == MAKER
    if worst_ticks is not None:
        worst = worst_ticks.reshape(-1)[live.sides]
        rests &= np.where(live.sides & ASK, live.limits <= worst, live.limits >= worst)
    # A maker's price is its own: only takers and pegged orders have another one.
    refs, sides, limits = live.refs[rests], live.sides[rests], live.limits[rests]
    grouped = np.argsort(sides, kind="stable")
    refs, sides, limits = refs[grouped], sides[grouped], limits[grouped]
    books: dict[tuple[int, int], RestingBook] = {}
    for which, first in zip(*np.unique(sides, return_index=True), strict=True):
        whole, ask = slice(int(first), int(np.searchsorted(sides, which, "right"))), bool(which & ASK)
        better = limits[whole] if ask else -limits[whole]
        books[int(which) // 2, int(ask)] = RestingBook(orders["orders"], keys, refs[whole], better)
    return books


@dataclass(frozen=True, slots=True)
class Auction:
    """One order in its taker phase: whoever fills it at `limit_ticks` or better for it answers its auction."""

    row: int
    slot: int
    order_id: int
    market_index: int
    ask: bool
    #: Its effective limit now: it moves toward its own limit as the phase goes on.
    limit_ticks: int
    size_lots: int


def auctions(
    orders: Records, keys: NDArray[np.uint64], users: Records, markets: MarketColumns, now_ms: int, slot: int
) -> list[Auction]:
    """Orders in their taker phase now, by account and slot. Arrays as for `scan`."""
    if len(orders) == 0:
        return []
    live = _classify(orders, users, markets, now_ms, slot, None)
    chosen = np.flatnonzero(live.roles & IN_PHASE)
    found = []
    for ref, limit in zip(live.refs[chosen].tolist(), live.limits[chosen].tolist(), strict=True):
        row, at = divmod(ref, ORDERS_MAX)
        order = orders["orders"][row, at]
        ask = bool(int(order["flags"]) & ORDER_FLAG_ASK)
        market, lots = int(order["market_index"]), int(order["size_lots"])
        found.append(Auction(row, at, int(order["order_id"]), market, ask, limit, lots))
    return found


def _sort_columns(
    picked: NDArray[np.void],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Market, side, price and slot of orders, as `int64`."""
    names = ("market_index", "price_ticks", "placed_slot")
    market, price, placed = (picked[name].astype(np.int64) for name in names)
    return market, (picked["flags"] & np.uint8(ORDER_FLAG_ASK)).astype(np.int64), price, placed


class _Live(NamedTuple):
    """The orders that may trade now: `row * 32 + slot`, role bits, `2 * market + side` and price in ticks of each."""

    refs: NDArray[np.int64]
    roles: NDArray[np.uint8]
    sides: NDArray[np.uint8]
    limits: NDArray[np.int64]
    best: NDArray[np.int64]
    """Best prices of each market, shape `(MARKETS_MAX, 4)`: see `crossing_kernels.classify`."""


def _classify(
    orders: Records,
    users: Records,
    markets: MarketColumns,
    now_ms: int,
    slot: int,
    blocked: NDArray[np.bool_] | None,
    rows: NDArray[np.int64] | None = None,
) -> _Live:
    chosen = np.arange(len(orders)) if rows is None else rows
    capacity = int((orders["order_count"] if rows is None else orders["order_count"][rows]).sum(dtype=np.int64))
    refs, limits = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    roles, sides = np.empty(capacity, np.uint8), np.empty(capacity, np.uint8)
    best = np.empty((MARKETS_MAX, 4), np.int64)
    stopped = blocked if blocked is not None else np.zeros((0, 0), np.bool_)
    price, tick = markets.index_price_q32, markets.tick_value
    used = classify(orders, users, chosen, price, tick, now_ms, slot, stopped, refs, roles, sides, limits, best)
    return _Live(refs[:used], roles[:used], sides[:used], limits[:used], best)


def _pair(
    rows: NDArray[np.void],
    keys: NDArray[np.uint64],
    users: Records,
    markets: MarketColumns,
    refs: NDArray[np.int64],
    roles: NDArray[np.uint8],
    limits: NDArray[np.int64],
) -> list[Match]:
    """Rank the candidates and pair them; arrays over candidates, one entry per order."""
    account, at = refs // ORDERS_MAX, refs % ORDERS_MAX
    picked = rows[account, at]
    market, side, _, placed = _sort_columns(picked)
    hashes = hashes_of(keys, account, picked)
    holders, position_at = np.unique(account * MARKETS_MAX + market, return_inverse=True)
    positions = candidate_positions(
        holders,
        users["position_count"],
        users["positions"]["market_plus_one"],
        users["positions"]["basis_lots"],
        users["positions"]["a_snapshot"],
        users["positions"]["epoch"],
        markets.a,
        markets.epoch,
    )
    owners = np.ascontiguousarray(users["authority"][account]).view(np.uint64)
    makers = _ranked(np.flatnonzero(roles & MAKER), market, side, limits, placed, hashes)
    takers = _ranked(np.flatnonzero(roles & TAKER), market, side, limits, placed, hashes)
    lots = np.minimum(picked["size_lots"], np.uint64(1 << 62)).astype(np.int64)
    fills = pair(
        takers, makers, market, side, roles, limits, placed, picked["placed_ms"], hashes, lots, owners,
        picked["flags"], picked["kind"] == OrderKind.PEGGED, picked["time_in_force"], slippage_bps(picked),
        position_at.astype(np.int64), positions, markets.index_price_q32, markets.tick_value, markets.band_low_ticks,
        markets.band_high_ticks, markets.reduce_only, markets.peg_publish_ms, MAKERS_MAX,
    )  # fmt: skip
    return _matches(fills, market, account, at, picked)


def slippage_bps(picked: NDArray[np.void]) -> NDArray[np.int64]:
    """Greatest slippage against the index of each order, bps; 0 = none. Low half-word of its third term."""
    return (picked["terms"][:, 2] & np.uint64(0xFFFF)).astype(np.int64)


def _ranked(
    chosen: NDArray[np.int64],
    market: NDArray[np.int64],
    side: NDArray[np.int64],
    price: NDArray[np.int64],
    placed: NDArray[np.int64],
    hashes: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Candidates by market, side, better price, earlier slot, lower hash."""
    better = np.where(side[chosen] == ASK, price[chosen], -price[chosen])
    return chosen[np.lexsort((hashes[chosen], placed[chosen], better, side[chosen], market[chosen]))]


def _matches(
    fills: NDArray[np.int64],
    market: NDArray[np.int64],
    account: NDArray[np.int64],
    at: NDArray[np.int64],
    picked: NDArray[np.void],
) -> list[Match]:
    """Group the fill rows `(match, taker, maker, lots, price)` of the kernel into `Match`es."""
    matches: list[Match] = []
    if not len(fills):
        return matches
    starts = np.flatnonzero(np.diff(fills[:, 0], prepend=-1))
    ids = picked["order_id"]
    for start, end in zip(starts, [*starts[1:], len(fills)], strict=True):
        taker = int(fills[start, 1])
        parts = tuple(
            Fill(int(account[maker]), int(at[maker]), int(ids[maker]), int(lots), int(price))
            for _, _, maker, lots, price in fills[start:end]
        )
        matches.append(Match(int(market[taker]), int(account[taker]), int(at[taker]), int(ids[taker]), parts))
    return matches


__all__ = ["Auction", "Fill", "MarketColumns", "Match", "auctions", "resting", "scan"]
