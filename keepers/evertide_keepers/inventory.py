"""A liquidator's own account: what it holds, how much more it may hold, and how it sells again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import MATCH_DEADLINE_SLOTS, MarketStatus, TimeInForce
from evertide.math import liquidation_fees, market_order_limit, notional_ceil, notional_floor
from evertide_engine.markets import band_ticks, status_now

from .actions import Action
from .closing import ASK, BID, PRICE_BITS, Books, Terms
from .exits import Exit
from .fills import FillSimulator
from .ladder import Account, Holding, folded
from .memory import Memory
from .own import is_own, limit_order, own_row, stands
from .settings import LiquidatorSettings
from .state import State

# A breaker's cool-down makes a market post-only: a sale waits until it is over.
SELLING = (MarketStatus.ACTIVE, MarketStatus.REDUCE_ONLY)


@dataclass(frozen=True, slots=True)
class Takeover:
    """Lots of a position to take over, and the profit expected of it."""

    lots: int
    profit_atoms: int


class Inventory:
    """The liquidator's account as it will be once what is planned has happened."""

    def __init__(self, state: State, user: str, row: int, settings: LiquidatorSettings) -> None:
        """`row`: where `state` holds `user`, as `own_row` finds it."""
        self._state, self._settings, self.user, self.row = state, settings, user, row
        self._record: NDArray[np.void] = state.users[row : row + 1].copy()

    def markets(self) -> set[int]:
        """Indices of the markets that its margin reads."""
        held = self._record["positions"]["market_plus_one"][0].astype(np.int64)
        return {int(index) for index in held[held != 0] - 1}

    def takeover(self, account: Account, holding: Holding, terms: Terms, books: Books) -> Takeover | None:
        """The lots of the greatest profit, as far as limits and margin allow; None: the least profit is not reached."""
        state, index = self._state, holding.market_index
        if is_own(state, self.row, account):
            return None
        sign = 1 if holding.size_lots > 0 else -1
        most = min(terms.lots, self._room_lots(index, sign, terms.mark_q32))
        if most <= 0 or not stands(state, self._after(holding, terms, 1, account)):
            return None
        lots = most
        if not stands(state, self._after(holding, terms, most, account)):
            lots = 1
            while most - lots > 1:
                middle = (lots + most) // 2
                if stands(state, self._after(holding, terms, middle, account)):
                    lots = middle
                else:
                    most = middle
        best = max(self._takeovers(account, holding, terms, lots, books), key=lambda one: (one.profit_atoms, one.lots))
        return best if best.profit_atoms >= self._settings.minimum_profit_atoms else None

    def take(self, account: Account, holding: Holding, terms: Terms, lots: int) -> None:
        """Count on a takeover."""
        after = self._after(holding, terms, lots, account)
        if after is not None:
            self._record = after

    def _room_lots(self, market_index: int, sign: int, mark_q32: int) -> int:
        """Lots that the limits on notional and the market's own limit leave room for."""
        market, total, held = self._settings.market_notional_max_atoms, 0, 0
        for position in self._record["positions"][0]:
            at = int(position["market_plus_one"]) - 1
            if at < 0:
                continue
            size = folded(self._state, position)[0]
            if at == market_index:
                held = size * sign
            elif size:
                total += notional_ceil(size, int(self._state.risk_cache["markets"][at]["mark_price_q32"]))
        budget = max(min(market, self._settings.total_notional_max_atoms - total), 0)
        limit = int(self._state.markets[market_index]["terms"]["position_max_lots"])
        return min((budget << PRICE_BITS) // mark_q32, limit) - held

    def _takeovers(
        self, account: Account, holding: Holding, terms: Terms, most: int, books: Books
    ) -> Iterator[Takeover]:
        """Takeovers of up to `most` lots, one for every end of an order that they would be sold to: the fee, less what
        selling again costs at what rests within the slippage of a sale, and by the setting where that is not enough.
        """
        index, ask, market = holding.market_index, holding.size_lots > 0, self._state.markets[holding.market_index]
        way_out = Exit(
            ask=ask,
            mark_q32=terms.mark_q32,
            index_q32=int(market["index_price_q32"]),
            tick_atoms=int(market["atoms_per_lot_tick"]),
            taker_tenth_bps=FillSimulator(self._state).taker_fee_tenth_bps(self.row),
            cost_bps=self._settings.exit_cost_bps,
        )
        levels = books.depth(self.row, index, ask=ask, limit_ticks=self._limit_ticks(market, ask))
        held = self._held_lots(index) * (1 if ask else -1)
        for lots, cost in way_out.costs(levels, most, held):
            notional = notional_floor(lots, terms.mark_q32)
            fees = liquidation_fees(notional, terms.liquidator_fee_bps, terms.insurance_fee_bps, account.equity_atoms)
            yield Takeover(lots, fees.liquidator_atoms - cost)

    def _held_lots(self, market_index: int) -> int:
        """Signed lots of a market that the account will hold once what is planned has happened."""
        for position in self._record["positions"][0]:
            if int(position["market_plus_one"]) == market_index + 1:
                return folded(self._state, position)[0]
        return 0

    def _limit_ticks(self, market: Any, ask: bool) -> int:
        """Worst price of a sale."""
        (low, high), tick = band_ticks(market), int(market["atoms_per_lot_tick"])
        index_q32, slippage_bps = int(market["index_price_q32"]), self._settings.exit_slippage_bps
        return min(max(market_order_limit(ASK if ask else BID, index_q32, slippage_bps, tick), low), high)

    def _after(self, holding: Holding, terms: Terms, lots: int, account: Account) -> NDArray[np.void] | None:
        """The account with lots taken over at mark, its fee received; None without a free slot."""
        record = self._record.copy()
        places = record["positions"]["market_plus_one"][0]
        found = np.flatnonzero(places == holding.market_index + 1)
        fresh = not found.size
        found = np.flatnonzero(places == 0) if fresh else found
        if not found.size:
            return None
        position = record["positions"][0, found[0] : found[0] + 1]
        size, cash = folded(self._state, position[0])
        notional = notional_floor(lots, terms.mark_q32)
        fees = liquidation_fees(notional, terms.liquidator_fee_bps, terms.insurance_fee_bps, account.equity_atoms)
        # A long is bought at the floor of its value, a short is sold at the ceiling.
        paid, sign = (notional, 1) if holding.size_lots > 0 else (-notional_ceil(lots, terms.mark_q32), -1)
        size, cash = size + sign * lots, cash + int(position["cash_atoms"][0]) - paid + fees.liquidator_atoms
        row, side = self._state.risk_cache["markets"][holding.market_index], int(size < 0)
        position["market_plus_one"], position["basis_lots"], position["cash_atoms"] = (
            holding.market_index + 1,
            size,
            cash,
        )
        position["a_snapshot"], position["j_snapshot"] = row["a"][side], row["j"][side]
        position["epoch"] = row["epoch"][side]
        position["atoms_per_lot_tick"] = self._state.markets[holding.market_index]["atoms_per_lot_tick"]
        if fresh:
            record["position_count"] += 1
        return record

    def sales(self, memory: Memory) -> list[Action]:
        """Immediate reduce-only orders for what is held above the target and has no order at work."""
        actions: list[Action] = []
        for position in self._state.users["positions"][self.row]:
            index = int(position["market_plus_one"]) - 1
            if index < 0 or not self._state.market_known[index]:
                continue
            key, now_ms = f"sale:{self.user}:{index}", self._state.time.unix_ms
            since_ms = memory.since_done_ms(key, now_ms)
            recent = since_ms is not None and since_ms < self._settings.exit_interval_ms
            action = None if recent or memory.is_blocked(key, now_ms) else self._sale(index, position, key)
            if action is not None:
                actions.append(action)
        return actions

    def _sale(self, index: int, position: Any, key: str) -> Action | None:
        market, size = self._state.markets[index], folded(self._state, position)[0]
        mark_q32 = int(self._state.risk_cache["markets"][index]["mark_price_q32"])
        if not size or not mark_q32 or not int(market["index_price_q32"]):
            return None
        if status_now(market, self._state.time.unix_ms) not in SELLING:
            return None
        lots = abs(size) - (self._settings.inventory_target_atoms << PRICE_BITS) // mark_q32
        left_over, at_work = self._orders(index)
        if lots < int(market["terms"]["order_size_min_lots"]) or at_work:
            return None
        ask, immediate = size > 0, TimeInForce.IMMEDIATE_OR_CANCEL
        price_ticks = self._limit_ticks(market, ask)
        order = limit_order(index, ask=ask, price_ticks=price_ticks, lots=lots, time_in_force=immediate)
        order["reduce_only"] = True
        ahead: list[list[Any]] = [["cancel_orders", {"user": self.user, "market_index": index}]] if left_over else []
        arguments = {"user": self.user, "orders": [order]}
        return Action("place_orders", key, f"user:{self.user}", arguments, ahead)

    def _orders(self, index: int) -> tuple[bool, bool]:
        """Whether the account has orders in a market at all, and one that may still fill at once."""
        rows, epoch = self._state.orders["orders"][self.row], int(self._state.users["orders_epoch"][self.row])
        here = [row for row in rows if int(row["order_id"]) >= max(epoch, 1) and int(row["market_index"]) == index]
        since = self._state.time.slot - MATCH_DEADLINE_SLOTS
        deadline_ms = int(self._state.orders["cancel_all_after_ms"][self.row])
        if deadline_ms and self._state.time.unix_ms >= deadline_ms:
            return bool(here), False
        return bool(here), any(int(row["placed_slot"]) >= since for row in here)


def own_account(state: State, settings: LiquidatorSettings) -> Inventory | None:
    """The inventory of a liquidator's own account, where it has one that can work."""
    user = settings.liquidator_user
    row = own_row(state, user)
    return None if user is None or row is None else Inventory(state, user, row, settings)
