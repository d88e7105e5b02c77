"""Accounts on their way down: found by the margin scan, valued as the program values them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from solders.pubkey import Pubkey

from evertide import LIQUIDATION_GRACE_MS, SILENCE_MS, Bankruptcy, MarketStatus, OracleAction
from evertide.math import (
    MarginTiers,
    MathError,
    SideIndex,
    Snapshot,
    dropped_value,
    fold_cached,
    maintenance_ratio_bps,
    notional_ceil,
    requirement,
    shortage,
)
from evertide_engine.layouts import MARKETS_MAX
from evertide_engine.liquidation import Rung
from evertide_engine.margin import MarginKind, Status, Valuation, value
from evertide_engine.markets import is_refused

from .state import State


@dataclass(frozen=True, slots=True)
class Holding:
    """One position in use, folded to its market's row. Amounts in quote atoms, at mark."""

    place: int
    market_index: int
    size_lots: int
    worth_atoms: int
    notional_atoms: int
    maintenance_bps: int
    bankruptcy: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account, its equity and the requirements of the ladder, all in quote atoms."""

    row: int
    user: str
    sequence: int
    liquidation_start_ms: int
    freed_atoms: int
    equity_atoms: int
    quote_atoms: int
    """Quote balance with the interest owed on it."""
    collateral_count: int
    losses_atoms: int
    """Sum of the position values below zero."""
    cancel_atoms: int
    maintenance_atoms: int
    backstop_atoms: int
    auto_deleverage_atoms: int
    holdings: tuple[Holding, ...]

    @property
    def in_liquidation(self) -> bool:
        """Whether its liquidation has begun: its orders are void."""
        return self.liquidation_start_ms != 0

    @property
    def shortage_atoms(self) -> int:
        """Missing to maintenance, with the buffer."""
        notional = sum(holding.notional_atoms for holding in self.holdings)
        return shortage(self.equity_atoms, self.maintenance_atoms, notional)

    def elapsed_ms(self, now_ms: int) -> int:
        """Time since its liquidation began; 0 before that."""
        return max(now_ms - self.liquidation_start_ms, 0) if self.in_liquidation else 0


def going_down(state: State, most: int) -> list[int]:
    """Rows below cancel margin with equity left, then rows whose liquidation is over; `most` of each, worst first."""
    if state.risk_cache is None or not len(state.users):
        return []
    found = state.liquidations()
    short = found.rows[found.rung < Rung.BANKRUPT][:most].tolist()
    # At maintenance again, an account may still be below cancel margin.
    return list(dict.fromkeys([*short, *found.recovered_rows[:most].tolist()]))


def bankrupt(state: State, most: int) -> list[int]:
    """Rows with equity below zero, the largest shortfall first, then rows with an open bankruptcy; `most` of each."""
    if state.risk_cache is None or not len(state.users):
        return []
    rows: list[int] = state.liquidations().at_least(Rung.BANKRUPT)[:most].tolist()
    if state.listed_markets()["bankruptcies_open"].any():
        opened = (state.users["positions"]["bankruptcy"] == Bankruptcy.OPEN).any(axis=1)
        rows += np.flatnonzero(opened)[:most].tolist()
    return list(dict.fromkeys(rows))


def waiting(state: State) -> dict[bytes, int]:
    """Users below maintenance margin, with the unix ms at which their liquidation began; 0: it has not."""
    if state.risk_cache is None or not len(state.users):
        return {}
    rows = state.liquidations().at_least(Rung.MAINTENANCE)
    return {state.user_keys[row]: int(state.users["liquidation_start_ms"][row]) for row in rows}


def accounts(state: State, rows: Iterable[int]) -> list[Account]:
    """The ladders of some rows, in the order given; rows that cannot be valued are left out."""
    chosen = np.fromiter(rows, np.int64)
    if not chosen.size or state.risk_cache is None:
        return []
    users, now_ms = state.users[chosen], state.time.unix_ms
    kinds = (MarginKind.MAINTENANCE, MarginKind.CANCEL, MarginKind.BACKSTOP, MarginKind.AUTO_DELEVERAGE)
    valuations = [value(users, state.risk_cache, kind, now_ms) for kind in kinds]
    found: list[Account] = []
    for at, row in enumerate(chosen):
        if valuations[0].status[at] == Status.VALUED:
            # What lies outside a guard, or in no market that can be, the program refuses too; it must not keep the
            # others from being served.
            with contextlib.suppress(MathError, IndexError):
                found.append(_account(state, int(row), at, valuations))
    return found


def _account(state: State, row: int, at: int, valuations: list[Valuation]) -> Account:
    user, (whole, cancel, backstop, deleverage) = state.users[row], valuations
    holdings = tuple(
        _holding(state, position, place, int(whole.worth_atoms[at, place]))
        for place, position in enumerate(user["positions"])
        if position["market_plus_one"]
    )
    return Account(
        row=row,
        user=address_of(state, row),
        sequence=int(user["sequence"]),
        liquidation_start_ms=int(user["liquidation_start_ms"]),
        freed_atoms=int(user["liquidation_freed_atoms"]),
        equity_atoms=int(whole.equity_atoms[at]),
        quote_atoms=int(whole.quote_atoms[at]),
        collateral_count=int(user["collateral_count"]),
        losses_atoms=int(whole.losses_atoms[at]),
        cancel_atoms=int(cancel.requirement_atoms[at]),
        maintenance_atoms=int(whole.requirement_atoms[at]),
        backstop_atoms=int(backstop.requirement_atoms[at]),
        auto_deleverage_atoms=int(deleverage.requirement_atoms[at]),
        holdings=holdings,
    )


def _holding(state: State, position: Any, place: int, worth_atoms: int) -> Holding:
    index = int(position["market_plus_one"]) - 1
    size_lots = folded(state, position)[0]
    notional_atoms, ratio_bps = 0, 0
    if size_lots:
        notional_atoms, ratio_bps = maintenance_terms(state, index, size_lots)
    return Holding(place, index, size_lots, worth_atoms, notional_atoms, ratio_bps, int(position["bankruptcy"]))


def maintenance_terms(state: State, market_index: int, size_lots: int) -> tuple[int, int]:
    """Notional in atoms and maintenance ratio in bps of a size at its market's mark."""
    row = state.risk_cache["markets"][market_index]
    notional_atoms = notional_ceil(size_lots, int(row["mark_price_q32"]))
    return notional_atoms, maintenance_ratio_bps(tiers(row).ratio_bps(notional_atoms))


def maintenance_atoms(state: State, market_index: int, size_lots: int) -> int:
    """Maintenance requirement of a size at its market's mark."""
    return requirement(*maintenance_terms(state, market_index, size_lots))


def folded(state: State, position: Any) -> tuple[int, int]:
    """Size in lots and change of cash in atoms of a `POSITION` record folded to its market's row."""
    basis = int(position["basis_lots"])
    if basis == 0:
        return 0, 0
    row = state.risk_cache["markets"][int(position["market_plus_one"]) - 1]
    snapshot = wide(position["j_snapshot"])
    found = fold_cached(
        Snapshot(basis, int(position["a_snapshot"]), snapshot, int(position["epoch"])), side_index(row, basis < 0)
    )
    dropped_atoms = 0
    if found.dropped_q16:
        dropped_atoms = dropped_value(basis, found.dropped_q16, int(row["mark_price_q32"]))
    return found.size_lots, found.cash_delta_atoms + dropped_atoms


def side_index(row: Any, short: bool) -> SideIndex:
    """The index of one side of a market's row."""
    side = int(short)
    return SideIndex(int(row["a"][side]), wide(row["j"][side]), wide(row["j_previous"][side]), int(row["epoch"][side]))


def wide(record: Any) -> int:
    """A 128-bit number of two words."""
    return (int(record["high"]) << 64) + int(record["low"])


def tiers(row: Any) -> MarginTiers:
    """The size tiers of a market's row."""
    return _tiers(*row["tier_bound_usd"].tolist(), *row["tier_ratio_bps"].tolist())


@functools.lru_cache(maxsize=2 * MARKETS_MAX)
def _tiers(first: int, second: int, third: int, last: int, low: int, middle: int, high: int, most: int) -> MarginTiers:
    return MarginTiers((first, second, third, last), (low, middle, high, most))


def address_of(state: State, row: int) -> str:
    """Address of a row's `User`."""
    return str(Pubkey.from_bytes(state.user_keys[row]))


def is_liquidatable(market: Any, now_ms: int) -> bool:
    """Whether the market's price is good enough to liquidate on, and the market is not settling or closed."""
    priced = bool(market["index_price_q32"]) and int(market["status"]) <= MarketStatus.HALTED
    return priced and not is_refused(market, OracleAction.LIQUIDATE, now_ms)


def may_begin(state: State, account: Account) -> bool:
    """Whether a liquidation of this account below maintenance has begun or could begin now.

    None begins in a silence of all feeds, nor in the grace after one unless the account is below backstop margin.
    """
    if account.in_liquidation:
        return True
    now_ms, cache = state.time.unix_ms, state.risk_cache
    if now_ms - int(cache["priced_ms"]) > SILENCE_MS:
        return False
    resumed_ms = int(cache["resumed_ms"])
    in_grace = resumed_ms != 0 and now_ms < resumed_ms + LIQUIDATION_GRACE_MS
    return not in_grace or account.equity_atoms < account.backstop_atoms


def with_beginning(account: Account) -> list[list[Any]]:
    """What an action on an account needs in front of it: its liquidation begun."""
    return [] if account.in_liquidation else [["liquidate_orders", {"user": account.user}]]
