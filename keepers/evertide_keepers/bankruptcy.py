"""Resolves bankruptcies, one market after the other, and folds what keeps a side of a market from starting anew."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import Bankruptcy, OracleAction
from evertide.math import MathError
from evertide_engine.layouts import MARKETS_MAX
from evertide_engine.margin import MarginKind, value
from evertide_engine.markets import is_refused

from .actions import Action
from .ladder import Account, Holding, accounts, address_of, bankrupt, is_liquidatable, may_begin, with_beginning
from .memory import Memory
from .own import is_own
from .purse import Purchase, Purse, moved, need_atoms, offers, own_purse
from .settings import BankruptcySettings
from .state import State


def plan(state: State, memory: Memory, settings: BankruptcySettings) -> list[Action]:
    """What each account below zero needs next, the largest deficit first; then positions to fold. Pure.

    Collateral is bought first, in the transaction that resolves, where there is an account to pay for it. Without one
    the account's markets are latched, so that its deficit does not grow, until others have bought it.
    """
    if state.risk_cache is None:
        return []
    purse = own_purse(state, settings.liquidator_user, settings.quote_budget_atoms)
    actions: list[Action] = []
    for account in accounts(state, bankrupt(state, settings.accounts_max)):
        with contextlib.suppress(MathError):
            actions += _steps(state, account, purse)
    now_ms = state.time.unix_ms
    actions = [action for action in actions if memory.is_free(action.key, now_ms)]
    return actions + _touches(state, memory, settings.touches_max)


def _steps(state: State, account: Account, purse: Purse | None) -> list[Action]:
    """What an account needs next."""
    if account.equity_atoms >= 0:
        return _closings(state, account)
    if not may_begin(state, account):
        return []
    if account.collateral_count:
        own = purse is not None and not is_own(state, purse.row, account)
        return _with_collateral(state, account, purse if own else None)
    return _resolutions(state, account, account, with_beginning(account))


def _resolve(account: Account, what: str, market_index: int, ahead: list[list[Any]]) -> Action:
    key = f"{what}:{account.user}:{account.sequence}:{market_index}"
    arguments = {"user": account.user, "market_index": market_index}
    return Action("resolve_bankruptcy", key, f"user:{account.user}", arguments, ahead)


def _closings(state: State, account: Account) -> list[Action]:
    """The account is solvent again: takes the latch of its markets back."""
    opened = sorted(one.market_index for one in account.holdings if one.bankruptcy == Bankruptcy.OPEN)
    return [_resolve(account, "close", at, []) for at in opened if _can_act(state, at)]


def _with_collateral(state: State, account: Account, purse: Purse | None) -> list[Action]:
    """Buys what there is; resolves in the same transaction when that leaves the account below zero with nothing."""
    bought: list[Purchase] = []
    if purse is not None:
        need = need_atoms(account, liquidating=True)
        for offer in offers(state, account, liquidating=True):
            purchase = purse.purchase(offer, need)
            if purchase is not None:
                purse.pay(purchase)
                need -= purchase.paid_atoms
                bought.append(purchase)
    if purse is None or not bought:
        return _openings(state, account)
    sales: list[list[Any]] = [["liquidate_collateral", purse.arguments(account, one)] for one in bought]
    ahead = [*with_beginning(account), *sales]
    after = _after_sales(state, account, bought)
    if after.collateral_count == 0 and after.equity_atoms < 0:
        return _resolutions(state, account, after, ahead)
    last = ahead.pop()
    key = f"collateral:{account.user}:{account.sequence}"
    return [Action(last[0], key, f"user:{account.user}", last[1], ahead)]


def _after_sales(state: State, account: Account, bought: list[Purchase]) -> Account:
    """The account once its collateral has been bought."""
    record = state.users[account.row : account.row + 1].copy()
    for purchase in bought:
        moved(record, purchase.collateral_index, -purchase.amount_atoms)
    paid = sum(purchase.paid_atoms for purchase in bought)
    found = value(record, state.risk_cache, MarginKind.MAINTENANCE, state.time.unix_ms)
    return dataclasses.replace(
        account,
        equity_atoms=int(found.equity_atoms[0]) + paid,
        quote_atoms=account.quote_atoms + paid,
        collateral_count=int(record["collateral_count"][0]),
    )


def _openings(state: State, account: Account) -> list[Action]:
    """Latches every market in which the account has something at stake."""
    found = [one for one in account.holdings if one.bankruptcy != Bankruptcy.OPEN and _is_at_stake(one)]
    chosen = sorted(one.market_index for one in found if _can_act(state, one.market_index))
    return _chain(account, "open", chosen, with_beginning(account))


def _is_at_stake(holding: Holding) -> bool:
    return holding.size_lots != 0 or holding.worth_atoms < 0


def _resolutions(state: State, account: Account, after: Account, ahead: list[list[Any]]) -> list[Action]:
    """The markets that bear a part now, in the order of their indices: those with a loss; else those with lots; else
    the one that bears a debt."""
    held = after.holdings
    losing = [one for one in held if one.worth_atoms < 0 and one.bankruptcy != Bankruptcy.RESOLVED]
    chosen = [one.market_index for one in losing or [one for one in held if one.size_lots]]
    if not chosen:
        bearers = [one.market_index for one in held if after.losses_atoms == 0 or one.worth_atoms < 0]
        chosen = [min(bearers, default=0)]
    return _chain(account, "resolve", sorted(at for at in chosen if _can_act(state, at)), ahead)


def _chain(account: Account, what: str, markets: list[int], ahead: list[list[Any]]) -> list[Action]:
    """One transaction for each market; what has to come first goes with the first."""
    return [_resolve(account, what, at, [] if number else ahead) for number, at in enumerate(markets)]


def _can_act(state: State, market_index: int) -> bool:
    known = market_index < MARKETS_MAX and bool(state.market_known[market_index])
    return known and is_liquidatable(state.markets[market_index], state.time.unix_ms)


def _touches(state: State, memory: Memory, touches_max: int) -> list[Action]:
    """`touch_position` for positions of an epoch that has ended, and for those that nobody stands against."""
    now_ms = state.time.unix_ms
    actions: list[Action] = []
    for row, place in _stale_places(state):
        position = state.users["positions"][row, place]
        index, user = int(position["market_plus_one"]) - 1, address_of(state, row)
        key = f"touch:{user}:{int(state.users['sequence'][row])}:{index}"
        if len(actions) == touches_max:
            break
        if memory.is_free(key, now_ms):
            arguments = {"user": user, "market_index": index}
            actions.append(Action("touch_position", key, f"market:{index}", arguments))
    return actions


def _stale_places(state: State) -> list[list[int]]:
    """`[row, slot]` of the positions that only a touch can bring on."""
    if not len(state.users):
        return []
    listed = state.listed_markets()
    # One pass over all positions costs milliseconds: only where a market says that there is one to find.
    alone = (listed["position_count"] == 0) & (listed["position_count"][:, ::-1] != 0)
    if not listed["stale_count"].any() and not alone.any():
        return []
    positions, now_ms = state.users["positions"], state.time.unix_ms
    market = positions["market_plus_one"].astype(np.int64) - 1
    held = (market >= 0) & (market < MARKETS_MAX) & (positions["basis_lots"] != 0)
    market, side = np.where(held, market, 0), (positions["basis_lots"] < 0).astype(np.int64)
    known: NDArray[np.bool_] = state.market_known[market]
    markets = state.markets
    ended = markets["epoch"][market, side] != positions["epoch"]
    refused = [is_refused(one, OracleAction.FUNDING_OR_SETTLE, now_ms) or not one["index_price_q32"] for one in markets]
    alone = (markets["position_count"][market, 1 - side] == 0) & ~np.array(refused)[market]
    found: list[list[int]] = np.argwhere(held & known & (ended | alone)).tolist()
    return found
