"""Takes accounts down the ladder: orders, then positions against resting orders, to a liquidator, to the backstop."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import BPS_ONE
from evertide.math import MathError, notional_ceil, notional_floor
from evertide_engine.liquidation import Rung

from .actions import Action
from .closing import Books, Closing, Terms, backstop_terms, repaired_atoms, terms_of
from .inventory import Inventory, Takeover, own_account
from .ladder import Account, Holding, accounts, going_down, is_liquidatable, may_begin, with_beginning
from .matcher import MAKERS_AT_FAULT, order_key, renewals
from .memory import Memory
from .settings import LiquidatorSettings
from .state import State

DAY_MS = 86_400_000
CAPITAL_AT_FAULT = {
    "LiquidatorMarginTooLow",
    "PositionLimitExceeded",
    "RowTooOld",
    "IsolatedMarketShared",
    "PositionSlotsFull",
    "UserInLiquidation",
    "NotAuthorityOrDelegate",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One thing that can be done about one position, and by how much it repairs its account."""

    action: Action
    holding: Holding
    terms: Terms
    lots: int
    repaired_atoms: int
    closing: Closing | None = None
    takeover: Takeover | None = None


def blamed(action: Action, error: str) -> list[str]:
    """What to leave alone for a while: makers that did not trade, own capital that may not be used, else the action."""
    if action.name == "liquidate_with_orders" and error in MAKERS_AT_FAULT:
        return [order_key(user, order_id) for user, order_id in action.arguments["makers"]]
    if action.name == "liquidate_position" and error in CAPITAL_AT_FAULT:
        return [action.key, capital_key(action.arguments["market_index"])]
    return [action.key]


def capital_key(market_index: int) -> str:
    """Names the use of own capital in a market in a keeper's memory."""
    return f"capital:{market_index}"


def plan(state: State, memory: Memory, settings: LiquidatorSettings) -> list[Action]:
    """One step for each account on its way down, the largest shortfall first, then sales of what was taken. Pure.

    Accounts below zero are left to the bankruptcy keeper. Keys hold the account's sequence: what has been confirmed is
    not done again to the same state of an account, and another's step makes a new decision.
    """
    if state.exchange is None or state.risk_cache is None:
        return []
    rows = dict.fromkeys([*_with_work(state, going_down(state, settings.accounts_max)), *_backstops_at_work(state)])
    found = [account for account in accounts(state, rows) if account.equity_atoms >= 0]
    planner = _Planner(state, memory, settings, found)
    actions: list[Action] = []
    for account in found:
        if len(actions) == settings.actions_max:
            break
        # What lies outside a guard the program refuses too; it must not keep the others from being served.
        with contextlib.suppress(MathError):
            action = planner.step(account)
            if action is not None:
                actions.append(action)
    sales = planner.inventory.sales(memory) if planner.inventory is not None else []
    if planner.inventory is None or not (planner.used or sales):
        return actions
    return renewals(state, memory, planner.inventory.markets(), settings.row_age_ms) + actions + sales


class _Planner:
    """Steps of one plan: later ones count on the earlier ones."""

    def __init__(self, state: State, memory: Memory, settings: LiquidatorSettings, found: list[Account]) -> None:
        self.state, self.memory, self.settings = state, memory, settings
        self.now_ms = state.time.unix_ms
        self.inventory: Inventory | None = own_account(state, settings) if state.exchange["opened"] else None
        self.used = False
        backstops = state.backstops()
        self.backstops = {market: row for row, market in backstops.items()}
        victims = [one for one in found if one.equity_atoms < one.maintenance_atoms]
        open_accounts = [*victims, *(one for one in found if one.row in backstops)]
        markets = {held.market_index for account in open_accounts for held in account.holdings if held.size_lots}
        self.markets = {
            at for at in markets if state.market_known[at] and is_liquidatable(state.markets[at], self.now_ms)
        }
        slippage_bps = settings.exit_slippage_bps if self.inventory is not None else None
        rows = {account.row for account in victims}
        self.books = Books(state, memory, self.markets, rows, slippage_bps) if self.markets else None

    def step(self, account: Account) -> Action | None:
        """What to do about an account now."""
        if account.equity_atoms >= account.maintenance_atoms:
            if account.in_liquidation:
                return self._orders_only(account, "end")
            for holding in account.holdings:
                way = self._own_backstop(account, holding)
                if way is not None:
                    self._count_on(account, way)
                    return way.action
            below = (
                account.equity_atoms < account.cancel_atoms and could_increase(self.state, np.array([account.row]))[0]
            )
            return self._orders_only(account, "cancel") if below else None
        begins = may_begin(self.state, account)
        ways = [way for holding in account.holdings for way in self._ways(account, holding)] if begins else []
        ways += [way for holding in account.holdings if (way := self._own_backstop(account, holding)) is not None]
        best = max(ways, key=lambda way: (way.repaired_atoms, -way.holding.market_index), default=None)
        last_resort = begins and account.equity_atoms < account.backstop_atoms
        backstop = self._to_backstop(account) if last_resort else None
        # Somebody who takes but a little must not keep the whole from the backstop.
        if backstop is not None and (best is None or 2 * best.lots < best.terms.lots):
            return backstop
        if best is None:
            return self._orders_only(account, "begin") if begins and not account.in_liquidation else None
        self._count_on(account, best)
        return best.action

    def _ways(self, account: Account, holding: Holding) -> list[Way]:
        """Against orders and with own capital, each where it is possible."""
        if holding.market_index not in self.markets or not holding.size_lots or self.books is None:
            return []
        terms, ways = terms_of(self.state, account, holding), []
        if terms.lots == 0:
            return []
        own = self.backstops.get(holding.market_index) == account.row
        closing = None if own else self.books.closing(account, holding, terms)
        if closing is not None and self._is_worth_it(holding, terms, closing.lots):
            ways.append(self._against_orders(account, holding, terms, closing))
        taking = self.inventory is not None and not self.memory.is_blocked(
            capital_key(holding.market_index), self.now_ms
        )
        # What rests in the book needs nobody's capital.
        if taking and self.inventory is not None and (closing is None or closing.lots < terms.lots):
            takeover = self.inventory.takeover(account, holding, terms, self.books)
            if takeover is not None:
                ways.append(self._with_capital(account, holding, terms, takeover))
        better = [way for way in ways if way.repaired_atoms > 0 or way.lots == abs(holding.size_lots)]
        return [way for way in better if self.memory.is_free(way.action.key, self.now_ms)]

    def _own_backstop(self, account: Account, holding: Holding) -> Way | None:
        """A market's own backstop closes against orders at any health, all of it, without its liquidation begun."""
        own = self.backstops.get(holding.market_index) == account.row
        if not own or holding.market_index not in self.markets or not holding.size_lots or self.books is None:
            return None
        terms = backstop_terms(self.state, holding)
        closing = self.books.closing(account, holding, terms)
        if closing is None or not self._is_worth_it(holding, terms, closing.lots):
            return None
        way = self._against_orders(account, holding, terms, closing)
        action = dataclasses.replace(way.action, ahead=[])
        return dataclasses.replace(way, action=action) if self.memory.is_free(action.key, self.now_ms) else None

    def _is_worth_it(self, holding: Holding, terms: Terms, lots: int) -> bool:
        """A little is left to grow, unless it is all there will be."""
        whole = lots == abs(holding.size_lots) or (terms.is_all and lots == terms.lots)
        return whole or notional_floor(lots, terms.mark_q32) >= self.settings.minimum_close_atoms

    def _against_orders(self, account: Account, holding: Holding, terms: Terms, closing: Closing) -> Way:
        parties = {account.user, *(user for user, _ in closing.makers)}
        earner = self.settings.keeper_user if self.settings.keeper_user not in parties else None
        arguments = {**_place(account, holding), "makers": closing.makers, "size_max_lots": closing.lots}
        action = _action("liquidate_with_orders", account, holding, {**arguments, "keeper_user": earner})
        return Way(action, holding, terms, closing.lots, closing.repaired_atoms, closing=closing)

    def _with_capital(self, account: Account, holding: Holding, terms: Terms, takeover: Takeover) -> Way:
        arguments = {**_place(account, holding), "liquidator": self.settings.liquidator_user}
        arguments["size_max_lots"] = takeover.lots
        action = _action("liquidate_position", account, holding, arguments)
        repaired = repaired_atoms(self.state, account, holding, terms, takeover.lots, 0)
        return Way(action, holding, terms, takeover.lots, repaired, takeover=takeover)

    def _to_backstop(self, account: Account) -> Action | None:
        """The position of the largest notional that its backstop, or else the other side, can take."""
        if account.elapsed_ms(self.now_ms) < self.settings.backstop_wait_ms:
            return None
        for holding in sorted(account.holdings, key=lambda one: -one.notional_atoms):
            backstop = self.backstops.get(holding.market_index)
            if holding.market_index not in self.markets or not holding.size_lots or backstop in (None, account.row):
                continue
            action = _action("liquidate_to_backstop", account, holding, _place(account, holding))
            possible = account.equity_atoms < account.auto_deleverage_atoms
            if (possible or self._backstop_room(holding, backstop)) and self.memory.is_free(action.key, self.now_ms):
                return action
        return None

    def _backstop_room(self, holding: Holding, backstop: int) -> int:
        """Lots that a backstop can take: a stress move of all it then holds stays within its equity and insurance."""
        state, market = self.state, self.state.markets[holding.market_index]
        found = accounts(state, [backstop])
        if not found or state.insurance is None:
            return 0
        own = found[0]
        day = min(self.now_ms // DAY_MS, 0xFFFF_FFFF)
        used = int(market["insurance_used_atoms"]) if int(market["insurance_day"]) == day else 0
        capped = max(int(market["terms"]["insurance_day_max_atoms"]) - used, 0)
        fund = max(int(state.insurance["balance_atoms"]) - int(state.insurance["tranche_atoms"]), 0)
        stress_bps = int(market["terms"]["stress_move_bps"])
        one = notional_ceil(1, int(state.risk_cache["markets"][holding.market_index]["mark_price_q32"]))
        # A backstop that is under water has spent of the cover already.
        budget = max(own.equity_atoms + min(fund, capped), 0)
        most = min(budget // max(-(-one * stress_bps // BPS_ONE), 1), int(market["terms"]["position_max_lots"]))
        held = sum(abs(part.size_lots) for part in own.holdings if part.market_index == holding.market_index)
        return int(max(most - held, 0))

    def _orders_only(self, account: Account, what: str) -> Action | None:
        key = f"{what}:{account.user}:{account.sequence}"
        action = Action("liquidate_orders", key, f"user:{account.user}", {"user": account.user})
        return action if self.memory.is_free(key, self.now_ms) else None

    def _count_on(self, account: Account, way: Way) -> None:
        if way.closing is not None and self.books is not None:
            self.books.take(way.holding, way.closing)
        if way.takeover is not None and self.inventory is not None:
            self.inventory.take(account, way.holding, way.terms, way.lots)
            self.used = True


def _backstops_at_work(state: State) -> list[int]:
    """Rows of the backstops that hold a position."""
    basis = state.users["positions"]["basis_lots"]
    return [row for row in state.backstops() if basis[row].any()]


def _with_work(state: State, rows: list[int]) -> list[int]:
    """Rows of `going_down` without those that are only below cancel margin and have no order to be taken out: on a
    volatile day they are most."""
    if not rows:
        return rows
    found = state.liquidations()
    idle = set(found.rows[found.rung == Rung.CANCEL].tolist())
    chosen = np.array(sorted(idle.intersection(rows)), np.int64)
    busy = could_increase(state, chosen) | (state.users["liquidation_start_ms"][chosen] != 0)
    idle.difference_update(chosen[busy].tolist())
    return [row for row in rows if row not in idle]


def could_increase(state: State, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether counted orders of a side could make one of a row's positions larger, as stored: what rung 1 takes out."""
    positions = state.users["positions"]
    basis = positions["basis_lots"][rows]
    bids, asks = (positions[name][rows] for name in ("open_bid_lots", "open_ask_lots"))
    held = np.abs(basis).astype(np.uint64)
    larger = (bids != 0) & ((basis >= 0) | (bids > held)) | (asks != 0) & ((basis <= 0) | (asks > held))
    found: NDArray[np.bool_] = larger.any(axis=1)
    return found


def _place(account: Account, holding: Holding) -> dict[str, Any]:
    return {"market_index": holding.market_index, "user": account.user}


def _action(name: str, account: Account, holding: Holding, arguments: dict[str, Any]) -> Action:
    key = f"{name}:{account.user}:{account.sequence}:{holding.market_index}"
    return Action(name, key, f"user:{account.user}", arguments, with_beginning(account))
