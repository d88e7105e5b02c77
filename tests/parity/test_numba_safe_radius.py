"""The safe radius against the valuation: whoever is told apart without a look at his positions is above the line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crowds import ASSETS, MARKETS, NOW_MS, exchange, print_wildly, toward_the_line, traders

from evertide_engine._generated.constants import MAX_DEBT_INDEX
from evertide_engine.decode import int_to_wide, wide_to_int
from evertide_engine.liquidation import RiskColumns, liquidations
from evertide_engine.margin import MarginKind, Status, value
from evertide_engine.risk_columns import ANCHORED_ANEW

COUNT = 4_000


def moved(generator: np.random.Generator, cache: Any, part: float) -> Any:
    """Every price up to so much of it away from what it was, the assets' too; as much funding, and interest."""
    later = cache.copy()
    rows, assets = later["markets"][0, :MARKETS], later["collaterals"][0, :ASSETS]
    for place, names in ((rows, ("mark_price_q32", "twap_price_q32")), (assets, ("price_q48", "twap_q48"))):
        factor = 1.0 + part * generator.uniform(-1, 1, len(place))
        for name in names:
            place[name] = (place[name] * factor).astype(np.uint64)
    for row in rows:
        for side in (0, 1):
            move = int(float(row["mark_price_q32"]) * (1 << 16) * part * generator.uniform(-1, 1))
            row["j"][side]["low"], row["j"][side]["high"] = int_to_wide(wide_to_int(row["j"][side]) + move)
    later["collaterals"]["debt_index_q48"][0, 0] += int(generator.integers(0, 1 + int(part * (1 << 44))))
    return later


def told_safe(columns: RiskColumns, cache: Any, now_ms: int = NOW_MS) -> Any:
    """Who is safe by the anchor that the columns have."""
    safe = np.ones(columns.count, np.bool_)
    safe[columns._beyond(columns._coefficients(cache[0], now_ms))] = False
    return safe


@pytest.mark.parametrize("part", [0.0, 1e-6, 1e-4, 0.003, 0.03, 0.3, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_whoever_is_told_safe_is_above_the_line(seed: int, part: float) -> None:
    generator = np.random.default_rng(600 + seed)
    cache = exchange(generator)
    if seed == 3:
        print_wildly(cache)
    if seed < 2:
        # A price that is stale now and was not at the anchor has moved by a tenth.
        cache["collaterals"]["publish_time_ms"] = NOW_MS
    users = traders(generator, COUNT, cache)
    if seed % 2:
        toward_the_line(generator, users, cache, 0.5)
    columns = RiskColumns(users, cache[0])
    for _ in range(3):
        later = moved(generator, cache, part)
        safe, found = told_safe(columns, later), value(users, later[0], MarginKind.CANCEL, NOW_MS)
        assert (found.status[safe] == Status.VALUED).all() and (found.excess_atoms[safe] >= 0).all()
        assert not (users["liquidation_start_ms"][safe] != 0).any()
        if part <= 1e-4 and seed < 2:
            # Most of those who are above by more than that are told.
            assert safe.sum() > 0.6 * (found.excess_atoms > found.requirement_atoms).sum()


def test_prices_that_moved_far_become_the_anchor() -> None:
    generator = np.random.default_rng(610)
    cache = exchange(generator)
    users = traders(generator, COUNT, cache)
    users["quote_atoms"] = np.abs(users["quote_atoms"]) * 40
    columns = RiskColumns(users, cache[0])
    near = columns.uncertain(cache[0], NOW_MS)
    later = moved(generator, cache, 0.1)
    for name in ("mark_price_q32", "twap_price_q32"):
        later["markets"][name] *= 3
    far = COUNT - told_safe(columns, later).sum()
    anew = columns.uncertain(later[0], NOW_MS)
    assert far > len(near) + COUNT // ANCHORED_ANEW and len(anew) < far * 3 / 4
    assert told_safe(columns, later).sum() == COUNT - len(anew)
    assert set(np.flatnonzero(value(users, later[0], MarginKind.CANCEL, NOW_MS).excess_atoms < 0)) <= set(anew.tolist())
    # A change of an account is bounded at the anchor that the others have.
    users[:50] = users[50:100]
    columns.update(users, np.arange(50), later[0])
    assert (columns.columns.radius[:50] == columns.columns.radius[50:100]).all()


def test_what_cannot_be_told_from_the_anchor_is_told_by_nobody() -> None:
    """A weight that changed, a price that came or went, an index beyond its guard: all are looked at."""
    generator = np.random.default_rng(611)
    cache = exchange(generator)
    users = traders(generator, COUNT, cache)
    columns = RiskColumns(users, cache[0])
    assert told_safe(columns, cache).any()
    for table, name, value_of in (
        ("collaterals", "weight_maintenance_bps", 8_999),
        ("collaterals", "price_q48", 1 << 62),
        ("markets", "mark_price_q32", 0),
    ):
        later = cache.copy()
        later[table][name][0, 1] = value_of
        if table == "collaterals":
            later[table]["twap_q48"][0, 1] = later[table]["price_q48"][0, 1]
        assert not told_safe(columns, later).any(), name
    later = cache.copy()
    later["collaterals"]["debt_index_q48"][0, 0] = MAX_DEBT_INDEX + 1
    assert not told_safe(columns, later).any()
    # The search itself makes another anchor then, and finds what there is to find.
    found = liquidations(users, later[0], NOW_MS, columns)
    status = value(users, later[0], MarginKind.CANCEL, NOW_MS)
    short = (status.status == Status.VALUED) & (status.excess_atoms < 0)
    assert sorted(found.rows.tolist()) == np.flatnonzero(short).tolist()
