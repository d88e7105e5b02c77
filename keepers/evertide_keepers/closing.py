"""Closing a position in liquidation against resting orders: which makers to name, and how far they reach.

The program decides again about every one of them; what is chosen here is what should pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import BPS_ONE, MAKERS_MAX, MarketStatus
from evertide.math import (
    LiquidationInput,
    aged_fee_bps,
    liquidation_amount,
    liquidation_fees,
    market_order_limit,
    notional_floor,
)
from evertide_engine.crossing import resting
from evertide_engine.layouts import MARKETS_MAX
from evertide_engine.margin import MarginKind, value
from evertide_engine.markets import MarketColumns, band_ticks, increases_closed
from evertide_engine.resting_book import RestingOrder

from .ladder import Account, Holding, address_of, folded, maintenance_atoms
from .matcher import blocked_orders
from .memory import Memory
from .state import State

PRICE_BITS = 32
BID, ASK = 0, 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a position is open to liquidation now, and what that costs its account."""

    lots: int
    mark_q32: int
    liquidator_fee_bps: int
    insurance_fee_bps: int
    is_all: bool
    """Nothing more of it opens with time."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Makers in priority order, each the address of a `User` and an order id, and the lots that they should fill."""

    makers: list[list[Any]]
    lots: int
    repaired_atoms: int


def terms_of(state: State, account: Account, holding: Holding) -> Terms:
    """Terms of liquidating one position of an account now."""
    rules, now_ms = state.markets[holding.market_index]["terms"], state.time.unix_ms
    elapsed_ms, insurance_bps = account.elapsed_ms(now_ms), int(rules["insurance_fee_bps"])
    fee_bps = aged_fee_bps(int(rules["liquidation_fee_bps"]), elapsed_ms)
    mark_q32 = int(state.risk_cache["markets"][holding.market_index]["mark_price_q32"])
    given = LiquidationInput(
        size_lots=holding.size_lots,
        price_q32=mark_q32,
        shortage_atoms=account.shortage_atoms,
        repaired_atoms=account.freed_atoms if account.in_liquidation else 0,
        elapsed_ms=elapsed_ms,
        maintenance_bps=holding.maintenance_bps,
        liquidator_fee_bps=fee_bps,
        insurance_fee_bps=insurance_bps,
        below_backstop=account.equity_atoms < account.backstop_atoms,
    )
    lots = liquidation_amount(given)
    is_all = lots == liquidation_amount(dataclasses.replace(given, below_backstop=True))
    return Terms(lots, mark_q32, fee_bps, insurance_bps, is_all)


def backstop_terms(state: State, holding: Holding) -> Terms:
    """Terms on which a market's own backstop closes: all of it, the index less the fee at its beginning.

    It pays the taker fee of its tier and nothing to insurance; the fee is counted here as if it were the liquidator's.
    """
    fee_bps = int(state.markets[holding.market_index]["terms"]["liquidation_fee_bps"])
    mark_q32 = int(state.risk_cache["markets"][holding.market_index]["mark_price_q32"])
    return Terms(abs(holding.size_lots), mark_q32, fee_bps, 0, is_all=True)


def repaired_atoms(state: State, account: Account, holding: Holding, terms: Terms, lots: int, lost_atoms: int) -> int:
    """By how much an account's excess over maintenance rises when so many lots leave it and it loses so much beside.

    What is left of a requirement is rounded up, the rest down; fees take at most the equity.
    """
    sign = 1 if holding.size_lots > 0 else -1
    left = maintenance_atoms(state, holding.market_index, holding.size_lots - sign * lots)
    freed = maintenance_atoms(state, holding.market_index, holding.size_lots) - left
    notional, equity = notional_floor(lots, terms.mark_q32), account.equity_atoms - lost_atoms
    charged = liquidation_fees(notional, terms.liquidator_fee_bps, terms.insurance_fee_bps, equity)
    return freed - lost_atoms - charged.liquidator_atoms - charged.insurance_atoms


class Books:
    """Orders that positions in liquidation can close against, best first. What is chosen once is not offered again."""

    def __init__(
        self, state: State, memory: Memory, markets: set[int], victims: set[int], exit_slippage_bps: int | None = None
    ) -> None:
        """The books of some markets. Orders of `victims`, rows below maintenance, are about to be void.

        `exit_slippage_bps`: how far from the index own capital sells again; None: it does not.
        """
        self._state, self._victims = state, victims
        self._columns = liquidation_columns(state, markets)
        now_ms, slot = state.time.unix_ms, state.time.slot
        self._books = resting(
            state.orders,
            state.keys,
            state.users,
            self._columns,
            now_ms,
            slot,
            blocked=blocked_orders(state, memory),
            worst_ticks=_worst_ticks(state, markets, exit_slippage_bps),
        )
        self._taken: dict[tuple[int, int], int] = {}
        self._solvent = value(state.users, state.risk_cache, MarginKind.FILL, now_ms).is_met() if self._books else None

    def closing(self, account: Account, holding: Holding, terms: Terms) -> Closing | None:
        """Up to 8 makers that should take lots of a position over so that its account stands better; None: nobody.

        Makers that stand below the margin of a fill are named only where there is no other.
        """
        for of_all in (False, True):
            chosen = self._choose(account, holding, terms, of_all)
            while chosen:
                lots, lost = sum(lots for _, lots, _ in chosen), sum(lost for _, _, lost in chosen)
                gain = repaired_atoms(self._state, account, holding, terms, lots, lost)
                if gain > 0 or lots == abs(holding.size_lots):
                    makers = [[address_of(self._state, order.row), order.order_id] for order, _, _ in chosen]
                    return Closing(makers, lots, gain)
                chosen.pop()
        return None

    def take(self, holding: Holding, closing: Closing) -> None:
        """Keep the lots of a closing from being offered to another account."""
        left, named = closing.lots, {(user, order_id) for user, order_id in closing.makers}
        for order in self._book(holding):
            if (address_of(self._state, order.row), order.order_id) in named:
                lots = min(left, self._left(order))
                self._taken[order.row, order.slot] = self._taken.get((order.row, order.slot), 0) + lots
                left -= lots

    def _choose(
        self, account: Account, holding: Holding, terms: Terms, of_all: bool
    ) -> list[tuple[RestingOrder, int, int]]:
        """Orders with the lots that they take and what the account loses against mark by it."""
        market, ask = self._state.markets[holding.market_index], holding.size_lots > 0
        tick = int(market["atoms_per_lot_tick"])
        index_q32 = int(market["index_price_q32"])
        limit = market_order_limit(ASK if ask else BID, index_q32, terms.liquidator_fee_bps, tick)
        left, equity = terms.lots, account.equity_atoms
        chosen: list[tuple[RestingOrder, int, int]] = []
        for order in self._book(holding):
            beyond = order.price_ticks < limit if ask else order.price_ticks > limit
            if left == 0 or len(chosen) == MAKERS_MAX or beyond:
                break
            if not self._may_make(account.row, holding.market_index, order, of_all):
                continue
            reduces = bool(self._columns.reduce_only[holding.market_index])
            lots = min(left, self._room(holding.market_index, order, ask, reduces))
            worse_q32 = terms.mark_q32 - (order.price_ticks * tick << PRICE_BITS)
            lost = -(-lots * (worse_q32 if ask else -worse_q32) >> PRICE_BITS)
            if lots == 0 or lost > equity:
                continue
            chosen.append((order, lots, lost))
            left, equity = left - lots, equity - lost
            fees = liquidation_fees(
                notional_floor(lots, terms.mark_q32), terms.liquidator_fee_bps, terms.insurance_fee_bps, equity
            )
            equity -= fees.liquidator_atoms + fees.insurance_atoms
        return chosen

    def depth(self, row: int, market_index: int, *, ask: bool, limit_ticks: int) -> Iterator[tuple[int, int]]:
        """What an immediate order of a row's account would meet now, best first: prices in ticks and lots.

        Pegged orders, which come and go with the index, are not counted on.
        """
        low, high = band_ticks(self._state.markets[market_index])
        closed = increases_closed(self._state.exchange, self._state.time.unix_ms)
        reduces = closed or bool(self._columns.reduce_only[market_index])
        for order in self._books.get((market_index, BID if ask else ASK), []):
            if order.price_ticks < limit_ticks if ask else order.price_ticks > limit_ticks:
                return
            if low <= order.price_ticks <= high and self._may_make(row, market_index, order, of_all=False):
                lots = self._room(market_index, order, ask, reduces)
                if lots > 0:
                    yield order.price_ticks, lots

    def _book(self, holding: Holding) -> Sequence[RestingOrder]:
        return self._books.get((holding.market_index, BID if holding.size_lots > 0 else ASK), [])

    def _left(self, order: RestingOrder) -> int:
        return order.size_lots - self._taken.get((order.row, order.slot), 0)

    def _may_make(self, row: int, market_index: int, order: RestingOrder, of_all: bool) -> bool:
        """Whether an order can trade with a row's account: another authority's, of an earlier slot, inside the band."""
        users, columns = self._state.users, self._columns
        inside = columns.band_low_ticks[market_index] <= order.price_ticks <= columns.band_high_ticks[market_index]
        own = bytes(users["authority"][order.row]) == bytes(users["authority"][row])
        fit = of_all or (self._solvent is not None and bool(self._solvent[order.row]))
        earlier = order.placed_slot <= self._state.time.slot
        return bool(inside) and not own and fit and earlier and order.row not in self._victims

    def _room(self, market_index: int, order: RestingOrder, maker_bids: bool, reduces: bool) -> int:
        """Lots that an order can still take: a reduce-only one, or any in a market that only reduces, its position."""
        lots = self._left(order)
        if not order.reduce_only and not reduces:
            return lots
        for position in self._state.users["positions"][order.row]:
            if int(position["market_plus_one"]) == market_index + 1:
                held = folded(self._state, position)[0]
                return min(lots, max(-held if maker_bids else held, 0))
        return 0


def liquidation_columns(state: State, markets: set[int]) -> MarketColumns:
    """What closing needs of each market: neither a breaker's cool-down nor a gate nor a pause stops a liquidation."""
    columns = MarketColumns.empty()
    for at in markets:
        market = state.markets[at]
        if int(market["status"]) > MarketStatus.REDUCE_ONLY:
            continue
        columns.index_price_q32[at], columns.tick_value[at] = market["index_price_q32"], market["atoms_per_lot_tick"]
        columns.band_low_ticks[at], columns.band_high_ticks[at] = band_ticks(market, liquidation=True)
        columns.reduce_only[at] = bool(market["latch"]) or int(market["status"]) == MarketStatus.REDUCE_ONLY
        columns.a[at], columns.epoch[at] = market["a"], market["epoch"]
    return columns


def _worst_ticks(state: State, markets: set[int], exit_slippage_bps: int | None) -> NDArray[np.int64]:
    """Prices beyond which no liquidation closes and own capital does not sell again: the index less the fee at its
    highest or the slippage, and inside the band."""
    worst = np.tile(np.array([1 << 62, 0], np.int64), (MARKETS_MAX, 1))
    for at in markets:
        market = state.markets[at]
        fee_bps = min(max(2 * int(market["terms"]["liquidation_fee_bps"]), exit_slippage_bps or 0), BPS_ONE)
        index_q32, tick = int(market["index_price_q32"]), int(market["atoms_per_lot_tick"])
        low, high = band_ticks(market, liquidation=True)
        worst[at, BID] = max(low, market_order_limit(ASK, index_q32, fee_bps, tick))
        worst[at, ASK] = min(high, market_order_limit(BID, index_q32, fee_bps, tick))
    return worst
