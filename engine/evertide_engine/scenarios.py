"""The whole exchange under stress: every account at every scenario's prices, and what would be missing.

A scenario moves the mark of each market, and the price of each asset, by whole basis points at once; nobody acts in
between. Its answers are exact: each is the sum over all accounts of what the program itself would compute at those
prices. Floats only tell which accounts reach maintenance beyond any error of rounding, and these add nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import COLLATERALS_MAX, MARKETS_MAX
from .decode import Records
from .errors import ShapeError
from .exact_rows_kernels import SIDES, TABLE_WORDS, side_table
from .risk_columns import RiskColumns
from .scenario_kernels import shock_caches, stress_all

NOBODY, RESULTS = -1, 10
SHOCK_LEAST_BPS, SHOCK_MOST_BPS = -9_999, 100_000
"""A price falls by less than the whole of it, and rises to at most eleven times of it."""


@dataclass(frozen=True, slots=True)
class Stress:
    """One entry per scenario."""

    below: NDArray[np.int64]
    """Accounts below maintenance margin: they could be liquidated."""
    bankrupt: NDArray[np.int64]
    """Accounts whose equity is below zero."""
    unvalued: NDArray[np.int64]
    """Accounts that the program would refuse to value there; they are in no other number."""
    shortfall_atoms: tuple[int, ...]
    """Sum of what the accounts below lack to maintenance, quote atoms."""
    deficit_atoms: tuple[int, ...]
    """Sum of what the bankrupt accounts owe beyond all they have, quote atoms: the insurance fund's need."""
    worst_row: NDArray[np.int64]
    """The account that lacks most to maintenance, the first of equals; `NOBODY` where none is below."""
    worst_shortfall_atoms: NDArray[np.int64]
    worst_equity_atoms: NDArray[np.int64]


def stress(
    users: Records,
    cache: Any,
    now_ms: int,
    columns: RiskColumns,
    market_shocks_bps: NDArray[np.integer[Any]],
    asset_shocks_bps: NDArray[np.integer[Any]] | None = None,
) -> Stress:
    """Value a `USER` array in scenarios of prices, by one `RISK_CACHE` record at chain time.

    `market_shocks_bps` has shape `(scenarios, MARKETS_MAX)`, `asset_shocks_bps`, if any, `(scenarios,
    COLLATERALS_MAX)`; the first asset is the quote, which does not move. A price becomes
    `floor(price * (10_000 + shock) / 10_000)`, its TWAP too, and an ask price beyond the guard leaves its accounts
    unvalued. `columns` are those of `users`.

    Raises:
        ShapeError: shocks of another shape, beyond -9,999 or 100,000 bps, or one of the quote.
    """
    markets = _checked("market shocks", market_shocks_bps, MARKETS_MAX, len(market_shocks_bps))
    if asset_shocks_bps is None:
        assets = np.zeros((len(markets), COLLATERALS_MAX), np.int64)
    else:
        assets = _checked("asset shocks", asset_shocks_bps, COLLATERALS_MAX, len(markets))
        if assets[:, 0].any():
            raise ShapeError("shocks of the quote asset", int(np.count_nonzero(assets[:, 0])), 0)
    if columns.count != len(users) or not columns.follows(cache):
        columns.update(users, np.empty(0, np.int64), cache)
    table = np.empty((SIDES, TABLE_WORDS), np.int64)
    side_table(cache, columns.j_high, columns.j_low, table)
    scenarios = len(markets)
    caches = np.repeat(np.atleast_1d(np.asarray(cache)), scenarios)
    shock_caches(markets, assets, caches)
    results = tuple(np.zeros(scenarios, np.int64) for _ in range(RESULTS))
    below, bankrupt, unvalued, short_high, short_low, deficit_high, deficit_low, row, missing, equity = results
    row[:] = NOBODY
    if scenarios:
        moving = bool(assets.any())
        stress_all(users, len(users), columns.columns.exact, table, caches, now_ms, moving, results)
    short, deficit = _sums(short_high, short_low), _sums(deficit_high, deficit_low)
    return Stress(below, bankrupt, unvalued, short, deficit, row, missing, equity)


def _checked(what: str, shocks: NDArray[np.integer[Any]], width: int, count: int) -> NDArray[np.int64]:
    if shocks.ndim != 2 or shocks.shape[1] != width:
        raise ShapeError(f"{what} of a scenario", int(shocks.shape[-1]) if shocks.ndim else 0, width)
    if len(shocks) != count:
        raise ShapeError(f"scenarios of {what}", len(shocks), count)
    given = np.ascontiguousarray(shocks, np.int64)
    for beyond, limit in ((given < SHOCK_LEAST_BPS, SHOCK_LEAST_BPS), (given > SHOCK_MOST_BPS, SHOCK_MOST_BPS)):
        if beyond.any():
            raise ShapeError(f"{what}, bps", int(given[beyond][0]), limit)
    return given


def _sums(high: NDArray[np.int64], low: NDArray[np.int64]) -> tuple[int, ...]:
    """Sums of words of 32 bits and more: no number of accounts overflows them."""
    return tuple((int(upper) << 32) + int(lower) for upper, lower in zip(high, low, strict=True))


__all__ = ["NOBODY", "SHOCK_LEAST_BPS", "SHOCK_MOST_BPS", "Stress", "stress"]
