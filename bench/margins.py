"""Health of all users: every account valued, and the search for those to liquidate, against numpy, polars, the SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide import RiskCache, User, math, valuation
from evertide_engine.liquidation import RiskColumns, liquidations, margins
from evertide_engine.margin import MarginKind, value

from .accounts import NOW_MS, POSITIONS, Records, leveraged, moved, risk_cache
from .frames import by_numpy, by_polars, columns_of, frame_of, prices_of
from .measure import Measure, Target, WorkDiffers, timed
from .run import Run

TABLE = "margin"
SAMPLE = 50
"""Users that the SDK's plain Python values, scaled up."""
ATOMS_APART = 8
"""Roundings of funding by a float: three positions, two roundings each, and their sums."""
USER_BYTES, POSITION_BYTES, RESULT_BYTES = 288, 104, 6 * 8 + 12 * 8
RADIUS_BYTES = 4
"""Of every user, for the search."""
EXACT_BYTES, RESULT_BYTES_EXACT = POSITIONS * (1 + 4 + 8) + 8 + 2, 2 * 8 + 1
"""Side, size and rest of each position, cash and flags of a user; and what is told of each."""
EXACT_TARGETS = {1_000_000: Target(most_s=0.040), 100_000: Target(most_s=0.004)}
SEARCH_TARGETS = {1_000_000: Target(most_s=0.012)}


def require_equal(found: NDArray[np.int64], other: NDArray[np.int64], excess: NDArray[np.int64], by: str) -> None:
    """The same accounts, but for some within a few atoms of the line. Raises `WorkDiffers`."""
    different = np.setxor1d(found, other)
    far = different[np.abs(excess[different]) > ATOMS_APART]
    if far.size:
        raise WorkDiffers(f"{by}: {far.size} accounts differ, row {far[0]} by {excess[far[0]]} atoms from the line")


def plain_seconds(users: Records, cache: Any, kind: math.MarginKind) -> tuple[int, Callable[[], object]]:
    """How many users, and the SDK's valuation of them."""
    plain_cache = RiskCache.decode(cache.tobytes())
    sample = [User.decode(record.tobytes()) for record in users[:SAMPLE]]
    return len(sample), lambda: [valuation(user, plain_cache, kind, now_ms=NOW_MS) for user in sample]


def line(run: Run, name: str, by: str, count: int, work: Callable[[], object], **more: Any) -> Measure:
    """One line: all users in one call."""
    timing = timed(work, calls=run.sizes.calls, budget_s=run.sizes.budget_s)
    return Measure(
        table=TABLE, name=name, by=by, count=count, unit="users", seconds=timing.best_s, timing=timing, **more
    )


def scans(run: Run, count: int, cache: Records) -> list[Measure]:
    """Every way of both scans for so many users, after the prices have moved."""
    users = leveraged(count, cache[0])
    columns = RiskColumns(users, cache[0])
    after = moved(cache)[0]
    excess = value(users, after, MarginKind.CANCEL, NOW_MS).excess_atoms
    valued, searched = f"value {count:,} users x {POSITIONS}", f"find to liquidate, {count:,} users x {POSITIONS}"
    floor_s = count * (USER_BYTES + POSITIONS * POSITION_BYTES + RESULT_BYTES) / run.bandwidth
    lines = [
        line(
            run, valued, "evertide", count, lambda: value(users, after, MarginKind.MAINTENANCE, NOW_MS), floor_s=floor_s
        )
    ]
    few, work = plain_seconds(users, after, math.MarginKind.MAINTENANCE)
    lines.append(line(run, valued, "plain Python (SDK)", few, work))
    exact = f"equity and requirement, {count:,} users x {POSITIONS}"
    whole, short = value(users, after, MarginKind.MAINTENANCE, NOW_MS), margins(users, after, NOW_MS, columns)
    for name in ("equity_atoms", "requirement_atoms"):
        if not np.array_equal(getattr(short, name), getattr(whole, name)):
            raise WorkDiffers(f"{exact}: the columns give other {name} than the accounts")
    lines.append(
        line(
            run,
            exact,
            "evertide",
            count,
            lambda: margins(users, after, NOW_MS, columns),
            floor_s=count * (EXACT_BYTES + RESULT_BYTES_EXACT) / run.bandwidth,
            target=EXACT_TARGETS.get(count),
        )
    )
    found = liquidations(users, after, NOW_MS, columns).rows
    floor_s = count * RADIUS_BYTES / run.bandwidth
    lines.append(
        line(
            run,
            searched,
            "evertide",
            count,
            lambda: liquidations(users, after, NOW_MS, columns),
            floor_s=floor_s,
            target=SEARCH_TARGETS.get(count),
            facts={"found": len(found)},
        )
    )
    flat, prices = columns_of(users), prices_of(after)
    peers: dict[str, Callable[[], NDArray[np.int64]]] = {"numpy": lambda: by_numpy(flat, prices)}
    frame = frame_of(flat)
    peers["polars"] = lambda: by_polars(frame, prices)
    for by, peer in peers.items():
        rows = peer()
        require_equal(found, rows, excess, by)
        lines.append(line(run, searched, by, count, peer, facts={"found": len(rows)}))
    anew = "find, all bounds anew, " + searched.partition(", ")[2]

    def anchored() -> object:
        columns.anchor(after, NOW_MS)
        return liquidations(users, after, NOW_MS, columns)

    lines.append(line(run, anew, "evertide", count, anchored, facts={"found": len(found)}))
    return lines


def measures(run: Run) -> list[Measure]:
    """All numbers of users."""
    cache = risk_cache()
    return [each for count in run.sizes.users for each in scans(run, count, cache)]
