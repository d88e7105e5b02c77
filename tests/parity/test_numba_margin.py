"""The margin scan against the SDK's valuation, the program's own in plain integers: bit-equal, or both refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from accounts import MARKETS, NOW_MS, ONE, caches, users
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide import RiskCache, User, math, valuation
from evertide_engine.layouts import RISK_CACHE, USER
from evertide_engine.margin import MarginKind, Status, value


@settings(max_examples=500, deadline=None)
@given(user=users(), cache=caches(), kind=st.sampled_from(MarginKind))
def test_a_scan_is_the_valuation(user: Any, cache: Any, kind: MarginKind) -> None:
    found = value(user, cache[0], kind, NOW_MS)
    try:
        account, rows = User.decode(user.tobytes()), RiskCache.decode(cache.tobytes())
        expected = valuation(account, rows, math.MarginKind(kind), now_ms=NOW_MS)
        # The program's sums are 64-bit integers; Python's have no end.
        fits = max(abs(expected.equity_atoms), abs(expected.requirement_atoms)) < 1 << 63
    except math.MathError:
        fits = False
    if not fits:
        assert found.status[0] != Status.VALUED
        return
    if found.status[0] != Status.VALUED:
        # Only a partial sum or the notional of all positions, which the valuation does not have, may not fit.
        parts = np.abs(found.worth_atoms[0].astype(object)).sum() + abs(int(user["quote_atoms"][0]))
        assert parts >= 1 << 60 or int(np.abs(user["positions"]["basis_lots"]).max()) >= 1 << 30
        return
    assert int(found.equity_atoms[0]) == expected.equity_atoms
    assert int(found.requirement_atoms[0]) == expected.requirement_atoms
    assert int(found.quote_atoms[0]) == expected.quote_atoms
    assert int(found.collateral_atoms[0]) == expected.collateral_atoms
    assert bool(found.is_met()[0]) == (expected.excess_atoms >= 0)
    if not kind.name.startswith("WITHDRAWAL"):
        assert int(found.losses_atoms[0]) == expected.losses_atoms


@pytest.mark.parametrize("kind", list(MarginKind))
def test_many_users_are_valued_as_each_alone_and_ranked_by_shortfall(kind: MarginKind) -> None:
    generator = np.random.default_rng(11)
    cache = np.zeros(1, RISK_CACHE)
    rows = cache["markets"][0, :MARKETS]
    rows["mark_price_q32"] = rows["twap_price_q32"] = [10_000 << 32, 20_000 << 32, 30_000 << 32]
    rows["a"], rows["profit_weight_bps"] = ONE, 10_000
    rows["tier_bound_usd"], rows["tier_ratio_bps"] = [1_000, 5_000, 20_000, 60_000], [250, 500, 1_000, 2_500]
    cache["collaterals"]["debt_index_q48"][0, 0] = ONE
    crowd = np.zeros(500, USER)
    crowd["debt_index_q48"], crowd["position_count"] = ONE, 2
    crowd["quote_atoms"] = generator.integers(0, 10**8, 500)
    for place in (1, 7):
        crowd["positions"]["market_plus_one"][:, place] = generator.integers(1, MARKETS + 1, 500)
        crowd["positions"]["basis_lots"][:, place] = generator.integers(-(10**5), 10**5, 500)
        crowd["positions"]["cash_atoms"][:, place] = generator.integers(-(10**9), 10**9, 500)
        crowd["positions"]["a_snapshot"][:, place] = ONE
    whole = value(crowd, cache[0], kind, NOW_MS)
    for row in range(0, 500, 50):
        alone = value(crowd[row : row + 1], cache[0], kind, NOW_MS)
        assert alone.excess_atoms[0] == whole.excess_atoms[row] and alone.status[0] == whole.status[row]
    ranked = whole.shortest_first()
    excess = whole.excess_atoms[ranked]
    assert len(ranked) and (np.diff(excess) >= 0).all() and (excess < 0).all()
    assert len(ranked) == 500 - int(whole.is_met().sum())
