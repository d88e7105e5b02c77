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

from ._generated.constants import (
    AUTO_DELEVERAGE_FRACTION_BPS,
    BACKSTOP_FRACTION_BPS,
    CANCEL_FRACTION_BPS,
    MAINTENANCE_FRACTION_BPS,
    MarginKind,
)
from .decode import Records
from .errors import ShapeError
from .exact_rows_kernels import (
    BACKSTOP_AT,
    CANCEL_AT,
    DELEVERAGE_AT,
    LADDER,
    MAINTENANCE_AT,
    SIDES,
    TABLE_WORDS,
    side_table,
)
from .liquidation_kernels import ladder_rows
from .margin_blocks_kernels import margin_rows
from .margin_status import Status
from .risk_columns import RiskColumns
from .risk_columns_kernels import BLOCK

FRACTIONS = {
    MarginKind.CANCEL: (CANCEL_AT, CANCEL_FRACTION_BPS),
    MarginKind.MAINTENANCE: (MAINTENANCE_AT, MAINTENANCE_FRACTION_BPS),
    MarginKind.BACKSTOP: (BACKSTOP_AT, BACKSTOP_FRACTION_BPS),
    MarginKind.AUTO_DELEVERAGE: (DELEVERAGE_AT, AUTO_DELEVERAGE_FRACTION_BPS),
}
"""Place in the ladder and fraction of the initial ratio, bps, of each kind."""


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


@dataclass(frozen=True, slots=True)
class Margins:
    """One entry per user, in quote atoms; meaningless where `status` is not `Status.VALUED`."""

    status: NDArray[np.uint8]
    equity_atoms: NDArray[np.int64]
    requirement_atoms: NDArray[np.int64]

    def shortest_first(self) -> NDArray[np.int64]:
        """Rows of the users below the requirement, the largest shortfall first, then by row."""
        excess = self.equity_atoms - self.requirement_atoms
        short = np.flatnonzero((self.status == Status.VALUED) & (excess < 0))
        ranked: NDArray[np.int64] = short[np.argsort(excess[short], kind="stable")]
        return ranked


def liquidations(
    users: Records, cache: Any, now_ms: int, columns: RiskColumns | None = None, *, most: int | None = None
) -> Liquidations:
    """Find and rank the accounts of a `USER` array below cancel margin, by one `RISK_CACHE` record, at chain time.

    `columns` are those of `users`, kept up to date with `RiskColumns.update`; without them they are made anew, which
    takes longer than the search. They are made anew as well when A or an epoch of the cache moved. With `most` only
    the `most` worst are ranked, the same ones as without.

    Raises:
        ShapeError: `most` is negative.
    """
    if most is not None and most < 0:
        raise ShapeError("accounts to rank", most, 0)
    if columns is None:
        columns = RiskColumns(users, cache)
    else:
        _follow(columns, users, cache)
    table = _table(columns, cache)
    rows = columns.uncertain(cache, now_ms)
    out, statuses = np.empty((len(rows), LADDER), np.int64), np.empty(len(rows), np.uint8)
    ladder_rows(users, rows, columns.columns.exact, table, cache, now_ms, out, statuses)
    return _ranked(users, rows, out, statuses, most)


def margins(
    users: Records, cache: Any, now_ms: int, columns: RiskColumns, kind: MarginKind = MarginKind.MAINTENANCE
) -> Margins:
    """Equity and requirement of every account of a `USER` array, exact to the atom, from `columns` kept up to date.

    What `margin.value` says for the four kinds of the ladder, some five times as fast: without the parts of the sums.

    Raises:
        ShapeError: `kind` is none of the ladder's, which count no orders.
    """
    if kind not in FRACTIONS:
        raise ShapeError("kind of margin, of the ladder's", int(kind), int(MarginKind.CANCEL))
    _follow(columns, users, cache)
    count, (place, fraction) = len(users), FRACTIONS[kind]
    room = -(-count // BLOCK) * BLOCK
    equity, needed, statuses = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(count, np.uint8)
    table, held = _table(columns, cache), columns.columns
    margin_rows(users, count, held, table, cache, now_ms, np.uint64(fraction), place, equity, needed, statuses)
    return Margins(statuses, equity[:count], needed[:count])


def _follow(columns: RiskColumns, users: Records, cache: Any) -> None:
    if columns.count != len(users) or not columns.follows(cache):
        columns.update(users, np.empty(0, np.int64), cache)


def _table(columns: RiskColumns, cache: Any) -> NDArray[np.int64]:
    """Prices, tiers and moves of the cash index of each side."""
    table = np.empty((SIDES, TABLE_WORDS), np.int64)
    side_table(cache, columns.j_high, columns.j_low, table)
    return table


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


__all__ = ["Liquidations", "Margins", "RiskColumns", "Rung", "liquidations", "margins"]
