"""Which accounts can be liquidated now, the worst first: every account below cancel margin, exact to the atom.

Most accounts are far from the line, which floats can tell (`risk_columns`). The others are valued as the program does
it, so that the result is that of valuing all of them.

    columns = RiskColumns(users, cache)                 # once
    columns.update(users, changed_rows, cache)          # after accounts have changed
    found = liquidations(users, cache, now_ms, columns)  # after prices have changed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import MAX_DEBT_INDEX
from .decode import Records
from .errors import ShapeError
from .liquidation_kernels import LADDER, ladder_rows, shortfalls, uncertain_rows
from .margin_status import Status
from .risk_columns import RiskColumns
from .risk_columns_kernels import ASSET_ROWS, ASSET_WIDTH, SIDES, STARTED, WIDTH, asset_coefficients, side_coefficients


class Rung(IntEnum):
    """How far down the ladder an account is: the lowest requirement that its equity does not reach."""

    CANCEL = 1
    """Below cancel margin: orders that could increase risk can be taken out."""
    MAINTENANCE = 2
    """Below maintenance margin: it can be liquidated."""
    BACKSTOP = 3
    """Below backstop margin: the market's backstop can take it over."""
    AUTO_DELEVERAGE = 4
    """Below auto-deleveraging margin: what the backstop cannot take can be closed against the other side."""
    BANKRUPT = 5
    """Equity below zero."""


@dataclass(frozen=True, slots=True)
class Liquidations:
    """Accounts below cancel margin, the largest shortfall to maintenance first, then by row; one entry each."""

    rows: NDArray[np.int64]
    """Rows of the `USER` array."""
    rung: NDArray[np.uint8]
    """`Rung` of each."""
    equity_atoms: NDArray[np.int64]
    requirement_atoms: NDArray[np.int64]
    """Requirement at maintenance."""
    cancel_requirement_atoms: NDArray[np.int64]
    recovered_rows: NDArray[np.int64]
    """Rows in liquidation whose equity reaches maintenance again: their liquidation can be ended."""
    unvalued_rows: NDArray[np.int64]
    """Rows that the program would refuse to value (`margin.value` says why); none of them is ranked."""

    @property
    def shortfall_atoms(self) -> NDArray[np.int64]:
        """Atoms missing to maintenance, not positive where only cancel margin is missed."""
        missing: NDArray[np.int64] = self.requirement_atoms - self.equity_atoms
        return missing

    def at_least(self, rung: Rung) -> NDArray[np.int64]:
        """Rows at this rung or below it, the worst first."""
        found: NDArray[np.int64] = self.rows[self.rung >= rung]
        return found


def liquidations(
    users: Records, cache: Any, now_ms: int, columns: RiskColumns | None = None, *, most: int | None = None
) -> Liquidations:
    """Find and rank the accounts of a `USER` array below cancel margin, by one `RISK_CACHE` record, at chain time.

    `columns` are those of `users`, kept up to date with `RiskColumns.update`; without them they are made anew, which
    takes longer than the search. They are made anew as well when A or an epoch of the cache moved. With `most` only
    the `most` worst are ranked, the same ones as without: in a crash the rest need not be valued.

    Raises:
        ShapeError: `most` is negative.
    """
    if most is not None and most < 0:
        raise ShapeError("accounts to rank", most, 0)
    if columns is None:
        columns = RiskColumns(users, cache)
    elif columns.count != len(users) or not columns.follows(cache):
        columns.update(users, np.empty(0, np.int64), cache)
    rows = _candidates(columns, cache, now_ms, most)
    out, statuses = np.empty((len(rows), LADDER), np.int64), np.empty(len(rows), np.uint8)
    ladder_rows(users, rows, cache, now_ms, out, statuses)
    return _ranked(users, rows, out, statuses, most)


def _candidates(columns: RiskColumns, cache: Any, now_ms: int, most: int | None) -> NDArray[np.int64]:
    """Rows that have to be valued."""
    sides, assets = np.empty((SIDES, WIDTH)), np.empty((ASSET_ROWS, ASSET_WIDTH))
    side_coefficients(cache, columns.j_high, columns.j_low, sides)
    asset_coefficients(cache, now_ms, assets)
    index = int(cache["collaterals"]["debt_index_q48"][0])
    # An index beyond its guard: whoever owes anything is valued exactly.
    debt_index = float(index) if index <= MAX_DEBT_INDEX else float("nan")
    given, rows = columns.columns, np.empty(columns.count, np.int64)
    low, high = np.empty(columns.count), np.empty(columns.count)
    found = uncertain_rows(columns.count, given, sides, assets, debt_index, rows, low, high)
    rows, low, high = rows[:found], low[:found], high[:found]
    if most is None or len(rows) <= most:
        return rows
    shortfalls(rows, given, sides, assets, low, high)
    sure = low[low > 0]
    if len(sure) < max(most, 1):
        return rows
    # `most` accounts certainly miss maintenance by at least this much; less than it is not among the worst.
    line = np.partition(sure, len(sure) - max(most, 1))[len(sure) - max(most, 1)]
    passed = (high < line) & ((low > 0) | (given.care[rows] != STARTED))
    kept: NDArray[np.int64] = rows[~passed]
    return kept


def _ranked(
    users: Records,
    rows: NDArray[np.int64],
    ladder: NDArray[np.int64],
    statuses: NDArray[np.uint8],
    most: int | None,
) -> Liquidations:
    valued, equity = statuses == Status.VALUED, ladder[:, 0]
    short = valued & (equity < ladder[:, 1])
    started = rows[valued & (equity >= ladder[:, 2])]
    recovered = started[users["liquidation_start_ms"][started] != 0]
    chosen = np.flatnonzero(short)
    # Stable, and rows rise: equal shortfalls stay in the order of their rows.
    chosen = chosen[np.argsort(equity[chosen] - ladder[chosen, 2], kind="stable")][:most]
    steps = ladder[chosen]
    missed = steps[:, :1] < steps[:, 1:]
    rung = missed.sum(axis=1, dtype=np.uint8) + (steps[:, 0] < 0).astype(np.uint8)
    return Liquidations(rows[chosen], rung, steps[:, 0], steps[:, 2], steps[:, 1], recovered, rows[~valued])


__all__ = ["Liquidations", "RiskColumns", "Rung", "liquidations"]
