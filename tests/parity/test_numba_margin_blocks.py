"""Equity and requirement by vectors at the edges of what these hold, against the valuation of every account."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crowds import BOUNDS_USD, NOW_MS, ONE, RATIOS_BPS

from evertide_engine.decode import int_to_wide
from evertide_engine.layouts import DISCRIMINATORS, MARKETS_MAX, RISK_CACHE, USER
from evertide_engine.liquidation import RiskColumns, margins
from evertide_engine.margin import MarginKind, Status, value
from evertide_engine.risk_columns_kernels import SIZE_MOST

LADDER = (MarginKind.CANCEL, MarginKind.MAINTENANCE, MarginKind.BACKSTOP, MarginKind.AUTO_DELEVERAGE)


def marked(generator: np.random.Generator) -> Any:
    """Markets from a ten-thousandth of an atom a lot to the guard, some with steep or useless tiers, some unpriced."""
    cache = np.zeros(1, RISK_CACHE)
    cache["discriminator"] = np.frombuffer(DISCRIMINATORS["RiskCache"], np.uint8)
    rows = cache["markets"][0]
    rows["market_plus_one"] = np.arange(1, MARKETS_MAX + 1)
    bits = np.linspace(18, 62, MARKETS_MAX).astype(int)
    rows["mark_price_q32"] = [int(generator.integers(1 << (top - 1), 1 << top)) for top in bits.tolist()]
    rows["twap_price_q32"], rows["a"] = rows["mark_price_q32"], ONE
    rows["tier_bound_usd"], rows["tier_ratio_bps"] = BOUNDS_USD, RATIOS_BPS
    rows["tier_bound_usd"][::5] = [1 << 28, 1 << 29, 1 << 30, 1 << 31]
    rows["tier_ratio_bps"][::7] = [250, 9_000, 20_000, 65_535]
    rows["tier_ratio_bps"][3::11] = [65_000, 65_001, 65_002, 65_003]
    rows["tier_bound_usd"][4::13] = [5, 4, 3, 2]
    rows["mark_price_q32"][6::13] = 0
    cache["collaterals"]["debt_index_q48"][0, 0] = ONE
    return cache


def holders(generator: np.random.Generator, count: int) -> Any:
    """Users of up to four positions, of one lot, up to and beyond the vectors' limit, and of round notionals."""
    users = np.zeros(count, USER)
    users["discriminator"] = np.frombuffer(DISCRIMINATORS["User"], np.uint8)
    users["debt_index_q48"] = ONE
    users["quote_atoms"] = generator.integers(-(10**6), 10**9, count)
    users["position_count"] = generator.integers(0, 5, count)
    for slot in range(4):
        position, has = users["positions"][:, slot], users["position_count"] > slot
        position["market_plus_one"] = np.where(has, generator.integers(1, MARKETS_MAX + 1, count), 0)
        near = SIZE_MOST - 2 + generator.integers(0, 5, count)
        lots = np.where(generator.random(count) < 0.2, near, 2 ** generator.integers(0, 32, count))
        lots = np.where(generator.random(count) < 0.4, generator.integers(0, 10**6, count), lots)
        position["basis_lots"] = np.where(has, lots * generator.choice([-1, 1], count), 0)
        position["cash_atoms"] = np.where(has, generator.integers(-(10**12), 10**12, count), 0)
        position["a_snapshot"] = ONE
    return users


def assert_equal(users: Any, cache: Any, columns: RiskColumns) -> Any:
    """Every kind of the ladder; comes back which users were valued."""
    for kind in LADDER:
        found, demanded = margins(users, cache[0], NOW_MS, columns, kind), value(users, cache[0], kind, NOW_MS)
        valued = demanded.status == Status.VALUED
        assert found.status.tolist() == demanded.status.tolist()
        assert found.equity_atoms[valued].tolist() == demanded.equity_atoms[valued].tolist()
        assert found.requirement_atoms[valued].tolist() == demanded.requirement_atoms[valued].tolist()
    return valued


@pytest.mark.parametrize("seed", range(6))
def test_margins_at_the_limits_of_the_vectors(seed: int) -> None:
    generator = np.random.default_rng(500 + seed)
    cache = marked(generator)
    users = holders(generator, 3_000 + seed)
    columns = RiskColumns(users, cache[0])
    valued = assert_equal(users, cache, columns)
    plain = columns.columns.plain[: len(users)] != 0
    assert 0.3 < plain.mean() < 1 and 0.3 < valued.mean() < 1
    for far in (1 << 40, 1 << 55, 1 << 61):
        later = cache.copy()
        for row in later["markets"][0]:
            for side in (0, 1):
                # Beyond the whole of 2^62 a move is no vector's, nor where a price fell away.
                row["j"][side]["low"], row["j"][side]["high"] = int_to_wide(int(generator.integers(-2 * far, 2 * far)))
        assert_equal(users, later, columns)


def test_a_ratio_of_a_notional_is_rounded_up_whatever_the_double_loses() -> None:
    """Notionals and ratios whose quotient by 10,000 is whole, an atom less and an atom more, up to the first tier's."""
    cache = marked(np.random.default_rng(1))
    rows = cache["markets"][0]
    rows["mark_price_q32"], rows["twap_price_q32"] = 1 << 44, 1 << 44
    rows["tier_bound_usd"] = [1 << 29, 1 << 30, 1 << 31, (1 << 32) - 1]
    rows["tier_ratio_bps"] = [9_999, 10_000, 10_000, 10_000]
    rows["mark_price_q32"][1::2] += 1
    rows["twap_price_q32"] = rows["mark_price_q32"]
    generator = np.random.default_rng(2)
    users = holders(generator, 4_000)
    tens = generator.integers(1, (1 << 29) * 10**6 // 4_096 // 10_000, 4_000)
    # Beside round ones any: where a double's quotient falls below a whole that the true one is a little above.
    lots = tens * 10_000 + np.where(tens % 2, generator.integers(-1, 2, 4_000), generator.integers(0, 10_000, 4_000))
    users["positions"]["basis_lots"][:, 0] = np.where(users["position_count"] > 0, lots, 0)
    columns = RiskColumns(users, cache[0])
    assert assert_equal(users, cache, columns).mean() > 0.9
