"""The search for accounts below the line as one would write it with numpy, and with polars: columns of all users.

Both read columns made beforehand, as our own search does. Notional, ratio and requirement are whole numbers rounded up
as the program rounds; funding is a float, as 128-bit products are beyond both. So an account within a few atoms of the
line may fall on its other side, and no other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide_engine._generated.constants import (
    ATOMS_PER_USD,
    BPS_ONE,
    CANCEL_FRACTION_BPS,
    INDEX_BITS,
    MAINTENANCE_FRACTION_BPS,
)

from .accounts import MARK_BITS, POSITIONS, Records

# One core for everybody: it is read when polars is imported.
os.environ["POLARS_MAX_THREADS"] = "1"

import polars as pl

TIERS = 4


@dataclass(frozen=True, slots=True)
class Columns:
    """What a price move does not change: one row per user, one column per position."""

    lots: NDArray[np.int64]
    cash: NDArray[np.int64]
    market: NDArray[np.int64]
    quote: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prices:
    """One row per market: atoms a lot, cash index of longs and shorts in atoms a lot, tiers."""

    mark: NDArray[np.int64]
    funding: NDArray[np.float64]
    bounds: NDArray[np.int64]
    ratios: NDArray[np.int64]


def columns_of(users: Records) -> Columns:
    """Columns of users whose size factor is one."""
    held = users["positions"][:, :POSITIONS]
    return Columns(
        np.ascontiguousarray(held["basis_lots"]),
        np.ascontiguousarray(held["cash_atoms"]),
        held["market_plus_one"].astype(np.int64) - 1,
        users["quote_atoms"].copy(),
    )


def prices_of(cache: Any) -> Prices:
    """Prices of a risk cache whose marks are whole."""
    rows = cache["markets"]
    return Prices(
        (rows["mark_price_q32"] >> np.uint64(MARK_BITS)).astype(np.int64),
        rows["j"]["low"].astype(np.float64) / (1 << INDEX_BITS),
        rows["tier_bound_usd"].astype(np.int64),
        rows["tier_ratio_bps"].astype(np.int64),
    )


def ceil_ratio(value: Any, numerator: Any, denominator: Any) -> Any:
    """`ceil(value * numerator / denominator)` of non-negative whole numbers, arrays or expressions."""
    return (value * numerator + (denominator - 1)) // denominator


def by_numpy(columns: Columns, prices: Prices) -> NDArray[np.int64]:
    """Rows below cancel margin, the largest shortfall to maintenance first."""
    lots, market = columns.lots, columns.market
    value = lots * prices.mark[market]
    funding = lots * prices.funding[market, (lots < 0).astype(np.int64)]
    equity = columns.quote + (value + columns.cash).sum(axis=1) + np.floor(funding).astype(np.int64).sum(axis=1)
    notional = np.abs(value)
    usd = -(-notional // ATOMS_PER_USD)
    bounds, ratios = prices.bounds[market], prices.ratios[market]
    size = np.where(usd <= 2 * bounds[..., 3], ratios[..., 3], BPS_ONE)
    for tier in range(TIERS - 1, 0, -1):
        low, high = ratios[..., tier - 1], ratios[..., tier]
        run = bounds[..., tier] - bounds[..., tier - 1]
        between = low + ceil_ratio(high - low, usd - bounds[..., tier - 1], run)
        size = np.where(usd <= bounds[..., tier], between, size)
    size = np.where(usd <= bounds[..., 0], ratios[..., 0], size)

    def required(fraction_bps: int) -> NDArray[np.int64]:
        found: NDArray[np.int64] = ceil_ratio(notional, ceil_ratio(size, fraction_bps, BPS_ONE), BPS_ONE).sum(axis=1)
        return found

    below = np.flatnonzero(equity < required(CANCEL_FRACTION_BPS))
    excess = equity[below] - required(MAINTENANCE_FRACTION_BPS)[below]
    ranked: NDArray[np.int64] = below[np.argsort(excess, kind="stable")]
    return ranked


def frame_of(columns: Columns) -> pl.DataFrame:
    """The same columns as a frame: one column for each position's lots, cash and market."""
    fields = {"quote": columns.quote}
    for at in range(POSITIONS):
        fields |= {f"{name}{at}": getattr(columns, name)[:, at] for name in ("lots", "cash", "market")}
    return pl.DataFrame(fields).with_row_index("row")


def by_polars(frame: pl.DataFrame, prices: Prices) -> NDArray[np.int64]:
    """The same by one lazy query."""

    def of_market(values: NDArray[Any], at: int) -> pl.Expr:
        return pl.lit(pl.Series(values)).gather(pl.col(f"market{at}"))

    def ratio(at: int) -> pl.Expr:
        usd = ceil_ratio(pl.col(f"notional{at}"), 1, ATOMS_PER_USD)
        bounds = [of_market(prices.bounds[:, tier], at) for tier in range(TIERS)]
        ratios = [of_market(prices.ratios[:, tier], at) for tier in range(TIERS)]
        found: Any = pl.when(usd <= bounds[0]).then(ratios[0])
        for tier in range(1, TIERS):
            low, run = ratios[tier - 1], bounds[tier] - bounds[tier - 1]
            between = low + ceil_ratio(ratios[tier] - low, usd - bounds[tier - 1], run)
            found = found.when(usd <= bounds[tier]).then(between)
        last: pl.Expr = found.when(usd <= 2 * bounds[3]).then(ratios[3]).otherwise(BPS_ONE)
        return last

    def required(fraction_bps: int) -> pl.Expr:
        parts = [
            ceil_ratio(pl.col(f"notional{at}"), ceil_ratio(pl.col(f"ratio{at}"), fraction_bps, BPS_ONE), BPS_ONE)
            for at in range(POSITIONS)
        ]
        total: pl.Expr = sum(parts[1:], parts[0])
        return total

    values = [(pl.col(f"lots{at}") * of_market(prices.mark, at)).alias(f"value{at}") for at in range(POSITIONS)]
    equity = pl.col("quote")
    for at in range(POSITIONS):
        side = pl.when(pl.col(f"lots{at}") < 0).then(of_market(prices.funding[:, 1], at))
        funding = (pl.col(f"lots{at}") * side.otherwise(of_market(prices.funding[:, 0], at))).floor().cast(pl.Int64)
        equity = equity + pl.col(f"value{at}") + pl.col(f"cash{at}") + funding
    query = (
        frame.lazy()
        .with_columns(values)
        .with_columns(*[pl.col(f"value{at}").abs().alias(f"notional{at}") for at in range(POSITIONS)], equity=equity)
        .with_columns(ratio(at).alias(f"ratio{at}") for at in range(POSITIONS))
        .filter(pl.col("equity") < required(CANCEL_FRACTION_BPS))
        .with_columns(excess=pl.col("equity") - required(MAINTENANCE_FRACTION_BPS))
        .sort("excess", "row")
        .select("row")
    )
    return query.collect().to_series().to_numpy().astype(np.int64)
