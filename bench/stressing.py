"""The whole exchange in hundreds of price scenarios, against numpy, one scenario after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide_engine._generated.constants import ATOMS_PER_USD, BPS_ONE, MAINTENANCE_FRACTION_BPS
from evertide_engine.layouts import MARKETS_MAX
from evertide_engine.liquidation import RiskColumns
from evertide_engine.scenarios import stress

from .accounts import NOW_MS, POSITIONS, leveraged, risk_cache
from .frames import Columns, Prices, columns_of, prices_of
from .measure import OURS, Measure, Target, WorkDiffers, timed
from .run import Run

TABLE = "scenarios"
PEER_SCENARIOS = 4
"""Scenarios that numpy is given."""
FULL_SIZE = (100_000, 256)
TARGET = Target(most_s=0.060)
EXACT_BYTES = (2 + 3 * POSITIONS) * 8
APART_PER_MILLION = 50
"""numpy rounds notionals as floats: so many accounts in a million may be told apart by an atom or a basis point."""


def shocks(count: int) -> NDArray[np.int64]:
    """Every market moves with the others and a little by itself, by up to some twenty percent."""
    generator = np.random.default_rng(12)
    common = generator.normal(0, 600, (count, 1))
    own = generator.normal(0, 200, (count, MARKETS_MAX))
    return np.clip(np.rint(common + own), -3_000, 3_000).astype(np.int64)


def below_by_numpy(columns: Columns, prices: Prices, moves: NDArray[np.int64]) -> int:
    """Accounts below maintenance in one scenario."""
    lots, market = columns.lots.astype(np.float64), columns.market
    mark = prices.mark * (BPS_ONE + moves) / BPS_ONE
    value = lots * mark[market]
    funding = lots * prices.funding[market, (lots < 0).astype(np.int64)]
    equity = columns.quote + (np.floor(value) + columns.cash + np.floor(funding)).sum(axis=1)
    notional = np.ceil(np.abs(value))
    usd = np.ceil(notional / ATOMS_PER_USD)
    bounds, ratios = prices.bounds[market], prices.ratios[market]
    size = np.where(usd <= 2 * bounds[..., 3], ratios[..., 3], BPS_ONE)
    for tier in (3, 2, 1):
        low, rise = ratios[..., tier - 1], ratios[..., tier] - ratios[..., tier - 1]
        run = bounds[..., tier] - bounds[..., tier - 1]
        size = np.where(usd <= bounds[..., tier], low + np.ceil(rise * (usd - bounds[..., tier - 1]) / run), size)
    size = np.where(usd <= bounds[..., 0], ratios[..., 0], size)
    ratio = np.ceil(size * MAINTENANCE_FRACTION_BPS / BPS_ONE)
    return int((equity < np.ceil(notional * ratio / BPS_ONE).sum(axis=1)).sum())


def measures(run: Run) -> list[Measure]:
    """Users times scenarios in one call."""
    users_count, scenarios = run.sizes.scenario_users, run.sizes.shocks
    cache = risk_cache()
    users = leveraged(users_count, cache[0])
    columns, moves = RiskColumns(users, cache[0]), shocks(scenarios)
    flat, prices = columns_of(users), prices_of(cache[0])
    few = moves[:PEER_SCENARIOS]

    def ours() -> Any:
        return stress(users, cache[0], NOW_MS, columns, moves)

    def numpys() -> list[int]:
        return [below_by_numpy(flat, prices, one) for one in few]

    found = ours().below
    for scenario, (one, other) in enumerate(zip(found.tolist(), numpys(), strict=False)):
        if abs(one - other) > 1 + users_count * APART_PER_MILLION // 1_000_000:
            raise WorkDiffers(f"scenario {scenario}: {one} accounts below by ours, {other} by numpy")
    name = f"{users_count:,} users x {scenarios} scenarios"
    target = TARGET if (users_count, scenarios) == FULL_SIZE else None
    return [
        line(
            run,
            name,
            OURS,
            users_count * scenarios,
            ours,
            floor_s=users_count * EXACT_BYTES / run.bandwidth,
            target=target,
            facts={"below at most": int(found.max()), "below at least": int(found.min())},
        ),
        line(run, name, "numpy", users_count * len(few), numpys),
    ]


def line(run: Run, name: str, by: str, count: int, work: Callable[[], object], **more: Any) -> Measure:
    """One line: all scenarios in one call."""
    timing = timed(work, calls=run.sizes.calls, budget_s=run.sizes.budget_s)
    seconds = timing.best_s
    return Measure(
        table=TABLE, name=name, by=by, count=count, unit="valuations", seconds=seconds, timing=timing, **more
    )
