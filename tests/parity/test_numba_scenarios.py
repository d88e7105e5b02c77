"""The stress test against the valuation of every account at every scenario's prices: the same integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from accounts import caches
from accounts import users as any_users
from crowds import ASSETS, MARKETS, NOW_MS, exchange, move_index, print_wildly, traders
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide_engine._generated.constants import COLLATERALS_MAX, MARKETS_MAX, PRICE_LIMIT_Q32
from evertide_engine.errors import ShapeError
from evertide_engine.liquidation import RiskColumns
from evertide_engine.margin import MarginKind, Status, value
from evertide_engine.scenarios import NOBODY, Stress, stress


def shocked_cache(cache: Any, markets: Any, assets: Any) -> Any:
    """A copy of a risk cache at the prices of one scenario, in Python integers."""
    moved = cache.copy()
    for row, shock in zip(moved["markets"][0], markets, strict=True):
        for name in ("mark_price_q32", "twap_price_q32"):
            row[name] = min(int(row[name]) * (10_000 + int(shock)) // 10_000, PRICE_LIMIT_Q32)
    for row, shock in zip(moved["collaterals"][0], assets, strict=True):
        for name in ("price_q48", "twap_q48"):
            row[name] = min(int(row[name]) * (10_000 + int(shock)) // 10_000, (1 << 64) - 1)
    return moved


def assert_exact(found: Stress, users: Any, cache: Any, markets: Any, assets: Any) -> None:
    for at in range(len(markets)):
        each = value(users, shocked_cache(cache, markets[at], assets[at])[0], MarginKind.MAINTENANCE, NOW_MS)
        valued, missing = each.status == Status.VALUED, -each.excess_atoms
        below = valued & (missing > 0)
        owing = valued & (each.equity_atoms < 0)
        assert int(found.below[at]) == below.sum() and int(found.bankrupt[at]) == owing.sum()
        assert int(found.unvalued[at]) == (~valued).sum()
        assert found.shortfall_atoms[at] == sum(map(int, missing[below]))
        assert found.deficit_atoms[at] == -sum(map(int, each.equity_atoms[owing]))
        worst = max(np.flatnonzero(below), key=lambda row: (int(missing[row]), -row), default=NOBODY)
        assert int(found.worst_row[at]) == worst
        if worst != NOBODY:
            assert int(found.worst_shortfall_atoms[at]) == missing[worst]
            assert int(found.worst_equity_atoms[at]) == each.equity_atoms[worst]


def shocks(generator: np.random.Generator, scenarios: int, width_bps: int, columns: int, used: int) -> Any:
    drawn = np.zeros((scenarios, columns), np.int64)
    drawn[:, :used] = np.clip(generator.normal(0, width_bps, (scenarios, used)), -9_999, 100_000)
    drawn[0] = 0
    return drawn


@pytest.mark.parametrize("seed", range(6))
def test_every_scenario_is_the_valuation_at_its_prices(seed: int) -> None:
    """Deleveraged sides, debts, assets, old epochs, wild prints, whales and dust; mild shocks and wild ones."""
    generator = np.random.default_rng(500 + seed)
    cache = exchange(generator)
    if seed % 3 == 2:
        print_wildly(cache)
    users = traders(generator, 1_200, cache)
    if seed % 3 == 0:
        # Whole sides, so that nearly all accounts take the vectors.
        cache["markets"]["a"][0, :MARKETS] = 1 << 48
        users["positions"]["a_snapshot"] = np.where(users["positions"]["basis_lots"] != 0, 1 << 48, 0)
    whales = generator.choice(len(users), 30, replace=False)
    users["positions"]["basis_lots"][whales] *= generator.choice([1_000, 100_000], (30, 1))
    columns = RiskColumns(users, cache[0])
    move_index(cache, generator)
    markets = shocks(generator, 9, [100, 1_500, 6_000][seed % 3], MARKETS_MAX, MARKETS)
    assets = shocks(generator, 9, 2_000, COLLATERALS_MAX, ASSETS) if seed % 2 else np.zeros((9, COLLATERALS_MAX), int)
    assets[:, 0] = 0
    found = stress(users, cache[0], NOW_MS, columns, markets, assets if seed % 2 else None)
    assert_exact(found, users, cache, markets, assets)
    assert found.below.max() > 100 and max(found.deficit_atoms) > 0


@settings(max_examples=150, deadline=None)
@given(
    crowd=st.lists(any_users(), min_size=1, max_size=3),
    cache=caches(),
    moved=st.lists(st.sampled_from([-9_999, -5_000, -1, 0, 1, 3_333, 100_000]), min_size=3, max_size=3),
)
def test_whatever_is_stored_is_valued_or_counted_apart(crowd: Any, cache: Any, moved: list[int]) -> None:
    users = np.concatenate(crowd)
    markets, assets = np.zeros((2, MARKETS_MAX), np.int64), np.zeros((2, COLLATERALS_MAX), np.int64)
    markets[1, :3], assets[1, 1:3] = moved, moved[:2]
    columns = RiskColumns(users, cache[0])
    assert_exact(stress(users, cache[0], NOW_MS, columns, markets, assets), users, cache, markets, assets)
    assert_exact(stress(users, cache[0], NOW_MS, columns, markets), users, cache, markets, assets * 0)


def test_positions_at_the_tiers_take_the_programs_ratio_in_vectors() -> None:
    """Notionals within an atom of every bound, at prices that change them by an atom: the requirement to the atom."""
    generator = np.random.default_rng(600)
    cache = exchange(generator)
    rows = cache["markets"][0]
    rows["a"][:MARKETS] = 1 << 48
    rows["mark_price_q32"][0] = 1 << 32
    bounds = [int(usd) * 1_000_000 for usd in rows["tier_bound_usd"][0]]
    sizes = [b + d for b in (*bounds, 2 * bounds[3], 7_000_000) for d in (-10_001, -10_000, -1, 0, 1, 10_000, 999_999)]
    users = traders(generator, len(sizes) * 2, cache)
    users["position_count"], users["collateral_count"], users["positions"] = 1, 0, 0
    position = users["positions"][:, 0]
    position["market_plus_one"], position["epoch"], position["a_snapshot"] = 1, 3, 1 << 48
    position["basis_lots"] = [*sizes, *(-size for size in sizes)]
    position["j_snapshot"] = [rows["j"][0, 0]] * len(sizes) + [rows["j"][0, 1]] * len(sizes)
    users["quote_atoms"] = 0
    markets = np.zeros((5, MARKETS_MAX), np.int64)
    markets[:, 0] = [0, -1, 1, -2_500, 4_321]
    columns = RiskColumns(users, cache[0])
    found = stress(users, cache[0], NOW_MS, columns, markets)
    assert_exact(found, users, cache, markets, np.zeros((5, COLLATERALS_MAX), int))
    assert (found.below >= len(sizes)).all()


def test_shocks_that_are_none_are_refused() -> None:
    generator = np.random.default_rng(1)
    cache = exchange(generator)
    users = traders(generator, 5, cache)
    columns = RiskColumns(users, cache[0])
    none, quote = np.zeros((2, MARKETS_MAX), np.int64), np.ones((2, COLLATERALS_MAX), np.int64)
    for markets, assets, text in (
        (none[:, :-1], None, "market shocks of a scenario: found 47 entries, needed 48"),
        (none - 10_000, None, "market shocks, bps: found -10000 entries, needed -9999"),
        (none + 100_001, None, "market shocks, bps: found 100001 entries, needed 100000"),
        (none, quote, "shocks of the quote asset: found 2 entries, needed 0"),
        (none, quote[:1] * 0, "scenarios of asset shocks: found 1 entries, needed 2"),
    ):
        with pytest.raises(ShapeError, match=text):
            stress(users, cache[0], NOW_MS, columns, markets, assets)
    empty = stress(users, cache[0], NOW_MS, columns, none[:0])
    assert len(empty.below) == 0 and empty.deficit_atoms == ()
    assert stress(users[:0], cache[0], NOW_MS, RiskColumns(users[:0], cache[0]), none).worst_row.tolist() == [-1, -1]
