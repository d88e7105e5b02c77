"""Risk caches and users of every kind that can be stored, for the tests of what the engine computes from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from evertide_engine.decode import int_to_wide
from evertide_engine.layouts import DISCRIMINATORS, RISK_CACHE, USER

ONE = 1 << 48
MARKETS, ASSETS = 3, 3
NOW_MS = 1_700_000_000_000
price_q32 = st.one_of(
    st.integers(1, 1 << 40), st.integers(1, (1 << 62) - 1), st.sampled_from([1 << 32, 100_000_000 << 32])
)
lots = st.one_of(
    st.integers(-(10**6), 10**6), st.sampled_from([0, 1, -1, 1 << 40, -(1 << 40)]), st.integers(-(1 << 40), 1 << 40)
)
atoms = st.one_of(st.integers(-(10**12), 10**12), st.sampled_from([0, 1 << 60, -(1 << 60)]))
index_j = st.one_of(st.just(0), st.integers(-(1 << 60), 1 << 60), st.integers(-(1 << 85), 1 << 85))
factor = st.one_of(st.just(ONE), st.integers(1, ONE))
bps = st.integers(0, 10_000)
validity_bits = st.one_of(st.just(0), st.integers(0, 63))
open_lots = st.one_of(st.just(0), st.integers(0, 10**6), st.sampled_from([1 << 40]))
ticks = st.one_of(st.integers(0, 10**6), st.sampled_from([(1 << 40) - 1]))


@st.composite
def tiers(draw: Any) -> tuple[list[int], list[int]]:
    """Four rising bounds and ratios that do not fall."""
    steps = draw(st.lists(st.integers(1, 1 << 20), min_size=4, max_size=4))
    ratios = sorted(draw(st.lists(st.integers(1, 10_000), min_size=4, max_size=4)))
    return [sum(steps[: at + 1]) for at in range(4)], ratios


@st.composite
def caches(draw: Any) -> np.ndarray:
    """A risk cache of three markets and three assets."""
    cache = np.zeros(1, RISK_CACHE)
    cache["discriminator"][0] = np.frombuffer(DISCRIMINATORS["RiskCache"], np.uint8)
    for index in range(MARKETS):
        row = cache["markets"][0, index]
        row["mark_price_q32"], row["market_plus_one"] = draw(price_q32), index + 1
        row["twap_price_q32"] = draw(st.one_of(st.just(0), price_q32))
        row["validity"] = draw(validity_bits)
        row["tier_bound_usd"], row["tier_ratio_bps"] = draw(tiers())
        row["open_interest_ratio_bps"], row["profit_weight_bps"] = draw(bps), draw(bps)
        for side in (0, 1):
            row["a"][side], row["epoch"][side] = draw(factor), draw(st.integers(0, 2))
            for name in ("j", "j_previous"):
                row[name][side]["low"], row[name][side]["high"] = int_to_wide(draw(index_j))
    for index in range(ASSETS):
        row = cache["collaterals"][0, index]
        for name in ("price_q48", "confidence_q48", "twap_q48"):
            row[name] = draw(st.one_of(st.integers(0, 1 << 50), st.integers(0, (1 << 64) - 1)))
        row["publish_time_ms"] = NOW_MS - draw(st.sampled_from([0, 59_999, 60_000]))
        row["validity"] = draw(validity_bits)
        row["weight_initial_bps"], row["weight_maintenance_bps"] = draw(bps), draw(bps)
        row["scale_thousand_usd"], row["collateral_plus_one"] = draw(st.sampled_from([0, 1, 1_000, 65_535])), index + 1
    cache["collaterals"]["debt_index_q48"][0, 0] = draw(st.sampled_from([ONE, ONE + 1, 1 << 49, 1 << 60]))
    return cache


@st.composite
def users(draw: Any) -> np.ndarray:
    """A user with up to three positions and two assets in arbitrary slots."""
    user = np.zeros(1, USER)
    user["discriminator"][0] = np.frombuffer(DISCRIMINATORS["User"], np.uint8)
    user["quote_atoms"], user["user_ratio_bps"] = draw(atoms), draw(st.sampled_from([0, 0, 500, 10_000]))
    user["debt_index_q48"] = draw(st.sampled_from([ONE, ONE, ONE + 1, 1 << 50]))
    for slot in draw(st.sets(st.integers(0, 11), max_size=3)):
        position = user["positions"][0, slot]
        position["market_plus_one"] = draw(st.integers(1, MARKETS))
        position["basis_lots"], position["a_snapshot"] = draw(lots), draw(factor)
        position["epoch"] = draw(st.integers(0, 2))
        position["j_snapshot"]["low"], position["j_snapshot"]["high"] = int_to_wide(draw(index_j))
        position["cash_atoms"] = draw(atoms)
        position["open_bid_lots"], position["open_ask_lots"] = draw(open_lots), draw(open_lots)
        position["max_bid_ticks"], position["min_ask_ticks"] = draw(ticks), draw(ticks)
        position["atoms_per_lot_tick"] = draw(st.sampled_from([1, 10, 1_000, 1 << 30]))
        position["user_ratio_bps"] = draw(st.sampled_from([0, 300, 9_999]))
        user["position_count"] += 1
    for slot in draw(st.sets(st.integers(0, 7), max_size=2)):
        user["collaterals"]["collateral_index"][0, slot] = draw(st.integers(1, ASSETS - 1))
        amount = st.one_of(st.integers(0, 10**12), st.integers(0, (1 << 64) - 1))
        user["collaterals"]["amount_atoms"][0, slot] = draw(amount)
        user["collateral_count"] += 1
    return user
