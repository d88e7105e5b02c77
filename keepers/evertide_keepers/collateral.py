"""Buys collateral of accounts in liquidation, and of those whose debt has outlived its grace, at a discount."""

from __future__ import annotations

import contextlib

import numpy as np

from evertide import DEBT_GRACE_MS, Bankruptcy
from evertide.math import MathError

from .actions import Action
from .ladder import Account, accounts, bankrupt, going_down
from .memory import Memory
from .own import is_own
from .purse import Purse, is_liquidating, need_atoms, offers, own_purse
from .settings import CollateralSettings
from .state import State


def plan(state: State, memory: Memory, settings: CollateralSettings) -> list[Action]:
    """`liquidate_collateral` where the discount is worth it, the largest shortfall first, then debts. Pure.

    An account below zero is left to a bankruptcy keeper until one has found that it cannot buy its collateral.
    """
    purse = own_purse(state, settings.liquidator_user, settings.quote_budget_atoms)
    if purse is None or state.risk_cache is None:
        return []
    most = settings.accounts_max
    rows = dict.fromkeys([*bankrupt(state, most), *going_down(state, most), *_old_debts(state)[:most]])
    actions: list[Action] = []
    counts = state.users["collateral_count"]
    for account in accounts(state, (row for row in rows if counts[row])):
        if is_own(state, purse.row, account) or not _is_for_sale(account):
            continue
        with contextlib.suppress(MathError):
            actions += _purchases(state, memory, settings, purse, account)
        if len(actions) >= settings.purchases_max:
            break
    return actions[: settings.purchases_max]


def _old_debts(state: State) -> list[int]:
    """Rows whose debt has outlived its grace, the largest first."""
    if not int(state.collaterals["debt_atoms"][0]):
        return []
    users, now_ms = state.users, state.time.unix_ms
    due = (users["quote_atoms"] < 0) & (users["debt_since_ms"] + DEBT_GRACE_MS <= now_ms)
    rows = np.flatnonzero(due)
    ranked: list[int] = rows[np.argsort(users["quote_atoms"][rows], kind="stable")].tolist()
    return ranked


def _is_for_sale(account: Account) -> bool:
    """Whether it has collateral and is, or nobody with capital has yet been found for, a bankruptcy."""
    if not account.collateral_count:
        return False
    at_stake = [one for one in account.holdings if one.size_lots or one.worth_atoms < 0]
    opened = not at_stake or any(one.bankruptcy == Bankruptcy.OPEN for one in account.holdings)
    return account.equity_atoms >= 0 or opened


def _purchases(
    state: State, memory: Memory, settings: CollateralSettings, purse: Purse, account: Account
) -> list[Action]:
    liquidating = is_liquidating(account)
    need, found = need_atoms(account, liquidating), []
    for offer in offers(state, account, liquidating):
        key = f"collateral:{account.user}:{account.sequence}:{offer.collateral_index}"
        if offer.discount_bps < settings.minimum_discount_bps or not memory.is_free(key, state.time.unix_ms):
            continue
        purchase = purse.purchase(offer, need)
        if purchase is None or purchase.profit_atoms < settings.minimum_profit_atoms:
            continue
        purse.pay(purchase)
        need -= purchase.paid_atoms
        arguments = purse.arguments(account, purchase)
        found.append(Action("liquidate_collateral", key, f"user:{account.user}", arguments))
    return found
