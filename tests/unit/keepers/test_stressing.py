"""The stress test of a keeper's state: exact at every shock, and refused where there is nothing to value by."""

from __future__ import annotations

import ladder_world as lw
import numpy as np
import pytest

from evertide_engine.margin import MarginKind, value
from evertide_keepers.errors import KeeperError
from evertide_keepers.state import State
from evertide_keepers.stressing import stress_test


def test_each_shock_counts_and_names_who_would_be_below() -> None:
    world = lw.crashed()
    for number, equity in ((1, 60 * lw.USD), (2, 5_000 * lw.USD), (3, 90 * lw.USD)):
        world.trader(number, lw.held(equity, number=number))
    state = world.state()
    shocks = [-5_000, -100, 0, 100]
    found = stress_test(state, shocks)
    assert [each.shock_bps for each in found] == shocks
    for each in found:
        cache = state.risk_cache.copy()
        row = cache["markets"]
        for name in ("mark_price_q32", "twap_price_q32"):
            row[name] = [int(price) * (10_000 + each.shock_bps) // 10_000 for price in row[name]]
        exact = value(state.users, cache, MarginKind.MAINTENANCE, state.time.unix_ms)
        missing = -exact.excess_atoms
        assert each.below == int((missing > 0).sum()) and each.bankrupt == int((exact.equity_atoms < 0).sum())
        assert each.shortfall_atoms == sum(int(atoms) for atoms in missing[missing > 0])
        assert each.worst_shortfall_atoms == max(0, int(missing.max()))
    assert found[0].below > found[2].below and found[0].worst is not None
    other = stress_test(state, [-5_000], [7])
    assert (other[0].below, other[0].shortfall_atoms) == (found[2].below, found[2].shortfall_atoms)
    assert np.array_equal(state.risk_cache, world.state().risk_cache)


def test_without_a_risk_cache_or_with_a_shock_that_is_none_nothing_is_told() -> None:
    with pytest.raises(KeeperError, match="risk cache: found none was read, needed one"):
        stress_test(State(), [0])
    with pytest.raises(KeeperError, match="shock, bps: found -10000, needed -9999 to 100000"):
        stress_test(lw.crashed().state(), [0, -10_000])
