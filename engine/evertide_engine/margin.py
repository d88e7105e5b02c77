"""Health of every account in one pass: the program's own valuation, exact to the atom, ranked by shortfall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import POSITIONS_MAX, MarginKind
from .decode import Records
from .margin_kernels import value_all
from .margin_status import Status


@dataclass(frozen=True, slots=True)
class Valuation:
    """One row per user, all in quote atoms; meaningless where `status` is not `Status.VALUED`."""

    kind: MarginKind
    status: NDArray[np.uint8]
    equity_atoms: NDArray[np.int64]
    requirement_atoms: NDArray[np.int64]
    quote_atoms: NDArray[np.int64]
    """Quote balance with the interest owed on it."""
    collateral_atoms: NDArray[np.int64]
    """Weighted value of the collateral, the quote asset not included."""
    losses_atoms: NDArray[np.int64]
    """Sum of the position values below zero."""
    notional_atoms: NDArray[np.int64]
    """Notional of the positions at mark, each with the orders of its worse side filled."""
    worth_atoms: NDArray[np.int64]
    """Unweighted value of each position slot, shape `(users, POSITIONS_MAX)`; 0 where the slot is free."""

    @property
    def excess_atoms(self) -> NDArray[np.int64]:
        """Equity beyond the requirement, negative when it is missing."""
        excess: NDArray[np.int64] = self.equity_atoms - self.requirement_atoms
        return excess

    def is_met(self) -> NDArray[np.bool_]:
        """Whether each user could be valued and has the equity that the test demands."""
        met: NDArray[np.bool_] = (self.status == Status.VALUED) & (self.equity_atoms >= self.requirement_atoms)
        return met

    def shortest_first(self) -> NDArray[np.int64]:
        """Rows of the users below the requirement, the largest shortfall first, then by row."""
        short = np.flatnonzero((self.status == Status.VALUED) & (self.equity_atoms < self.requirement_atoms))
        ranked: NDArray[np.int64] = short[np.argsort(self.excess_atoms[short], kind="stable")]
        return ranked


def value(users: Records, cache: Any, kind: MarginKind, now_ms: int) -> Valuation:
    """Value `USER` records against one `RISK_CACHE` record at chain time `now_ms`, for one kind of test.

    Rows of the cache are taken as they are: the program refuses new risk on rows older than 10 s, a scan does not.
    """
    count = len(users)
    out = np.empty((count, 6), np.int64)
    statuses = np.empty(count, np.uint8)
    worths = np.empty((count, POSITIONS_MAX), np.int64)
    value_all(int(kind), users, cache, now_ms, out, statuses, worths)
    equity, demanded, quote, collateral, losses, notional = np.ascontiguousarray(out.T)
    return Valuation(MarginKind(kind), statuses, equity, demanded, quote, collateral, losses, notional, worths)


__all__ = ["MarginKind", "Status", "Valuation", "value"]
