"""Buying collateral of accounts in liquidation: what a sale brings now, and what one's own account can pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import (
    BPS_ONE,
    COLLATERAL_STALE_MS,
    DEBT_DISCOUNT_RISE_MS,
    DEBT_GRACE_MS,
    DEFAULT_ACTION_MATRIX,
    FULL_AFTER_MS,
    ROW_AGE_MAX_MS,
    OracleAction,
)
from evertide.math import CollateralSale, aged_discount_bps, collateral_sale, stale_price

from .ladder import Account
from .own import own_row, stands
from .state import State

PRICE_BITS = 48
HALVINGS = 16


@dataclass(frozen=True, slots=True)
class Offer:
    """One asset of an account that is for sale now: token atoms, price of one with 48 fractional bits, discount."""

    collateral_index: int
    amount_atoms: int
    price_q48: int
    discount_bps: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """Token atoms to buy, the quote atoms paid for them, and the discount in quote atoms."""

    collateral_index: int
    amount_atoms: int
    paid_atoms: int
    profit_atoms: int


def is_liquidating(account: Account) -> bool:
    """Whether collateral is sold to cover losses; else only a debt beyond its grace is."""
    return account.in_liquidation and account.equity_atoms < account.maintenance_atoms


def need_atoms(account: Account, liquidating: bool) -> int:
    """Quote that sales of collateral have to bring; 0 or less: none."""
    return -(account.quote_atoms + account.losses_atoms) if liquidating else -account.quote_atoms


def offers(state: State, account: Account, liquidating: bool) -> list[Offer]:
    """What of an account's collateral can be bought now, by slot. `liquidating`: its losses are to be covered."""
    now_ms, user = state.time.unix_ms, state.users[account.row]
    since_ms, rise_ms = account.liquidation_start_ms or now_ms, FULL_AFTER_MS
    if not liquidating:
        since_ms, rise_ms = int(user["debt_since_ms"]) + DEBT_GRACE_MS, DEBT_DISCOUNT_RISE_MS
        if now_ms < since_ms:
            return []
    found: list[Offer] = []
    for slot in user["collaterals"]:
        index, amount = int(slot["collateral_index"]), int(slot["amount_atoms"])
        if not index or not amount or not state.collateral_known[index]:
            continue
        price = _price_q48(state.risk_cache["collaterals"][index], now_ms, liquidating)
        most_bps = int(state.collaterals[index]["terms"]["liquidation_discount_bps"])
        discount_bps = aged_discount_bps(most_bps, now_ms - since_ms, rise_ms)
        if price:
            found.append(Offer(index, amount, price, discount_bps))
    return found


def _price_q48(row: Any, now_ms: int, liquidating: bool) -> int:
    """In a liquidation a stale price counts at its TWAP less 10 %; a debt is only paid at a fresh one, else 0."""
    spot = int(row["price_q48"])
    if liquidating:
        stale = now_ms - int(row["publish_time_ms"]) >= COLLATERAL_STALE_MS
        return min(spot, stale_price(int(row["twap_q48"]))) if stale else spot
    fresh = now_ms - int(row["updated_ms"]) < ROW_AGE_MAX_MS
    return spot if fresh and not DEFAULT_ACTION_MATRIX[OracleAction.MARGIN] & int(row["validity"]) else 0


class Purse:
    """The quote that a step may spend, and the account that spends it as it will be afterwards."""

    def __init__(self, state: State, user: str, row: int, budget_atoms: int) -> None:
        self._state, self.user, self.row = state, user, row
        self._record: NDArray[np.void] = state.users[row : row + 1].copy()
        self._left = budget_atoms

    def purchase(self, offer: Offer, need: int) -> Purchase | None:
        """As much of an offer as is needed and as budget and margin allow; None: nothing."""
        if need <= 0:
            return None
        discounted_q48 = offer.price_q48 * (BPS_ONE - offer.discount_bps) // BPS_ONE
        budget = min(self._left, int(self._record["quote_atoms"][0]))
        if discounted_q48 == 0 or budget <= 0:
            return None
        most = min(offer.amount_atoms, (budget << PRICE_BITS) // discounted_q48)
        for _ in range(HALVINGS):
            if most == 0:
                return None
            sale = collateral_sale(need, most, offer.price_q48, offer.discount_bps)
            if stands(self._state, self._after(offer.collateral_index, sale)):
                worth = sale.amount * offer.price_q48 >> PRICE_BITS
                return Purchase(offer.collateral_index, sale.amount, sale.paid_atoms, worth - sale.paid_atoms)
            most = sale.amount // 2
        return None

    def pay(self, purchase: Purchase) -> None:
        """Count on a purchase."""
        after = self._after(purchase.collateral_index, CollateralSale(purchase.amount_atoms, purchase.paid_atoms))
        if after is not None:
            self._record, self._left = after, self._left - purchase.paid_atoms

    def _after(self, collateral_index: int, sale: CollateralSale) -> NDArray[np.void] | None:
        record = self._record.copy()
        if not moved(record, collateral_index, sale.amount):
            return None
        record["quote_atoms"] -= sale.paid_atoms
        return record

    def arguments(self, account: Account, purchase: Purchase) -> dict[str, Any]:
        """Of the `liquidate_collateral` that makes a purchase."""
        return {
            "liquidator": self.user,
            "user": account.user,
            "collateral_index": purchase.collateral_index,
            "amount_max_atoms": purchase.amount_atoms,
        }


def moved(record: NDArray[np.void], collateral_index: int, change: int) -> bool:
    """Change an asset's amount in a record of one user; False: it has no slot free for it."""
    places = record["collaterals"]["collateral_index"][0]
    found = np.flatnonzero(places == collateral_index)
    if not found.size:
        found = np.flatnonzero(places == 0)
        if not found.size:
            return False
        record["collateral_count"] += 1
    slot = record["collaterals"][0, found[0] : found[0] + 1]
    amount = (int(slot["amount_atoms"][0]) if places[found[0]] else 0) + change
    slot["collateral_index"], slot["amount_atoms"] = (collateral_index, amount) if amount else (0, 0)
    if not amount:
        record["collateral_count"] -= 1
    return True


def own_purse(state: State, user: str | None, budget_atoms: int) -> Purse | None:
    """The purse of a keeper's own account, where it has one that can work."""
    row = own_row(state, user)
    return None if user is None or row is None else Purse(state, user, row, budget_atoms)
