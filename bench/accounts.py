"""Seeded accounts: users with positions, the risk cache, orders of one market."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide_engine._generated.constants import LAYOUT_VERSION, MarginKind
from evertide_engine.decode import key_words
from evertide_engine.layouts import DISCRIMINATORS, MARKETS_MAX, ORDERS, RISK_CACHE, USER
from evertide_engine.margin import value
from evertide_engine.markets import MarketColumns

ONE = 1 << 48
"""Size factor A and debt index at their start, and one atom a lot of the cash index J."""
MARK_BITS = 32
NOW_MS, SLOT = 1_700_000_000_000, 1_000_000
POSITIONS = 3
MID_TICKS, TICK_VALUE = 100_000, 10
CROSSING = 100
"""Bids above the best ask among the orders."""

Records = NDArray[np.void]


def discriminated(count: int, name: str, dtype: Any) -> Records:
    """`count` empty records of one kind of account."""
    records = np.zeros(count, dtype)
    records["discriminator"] = np.frombuffer(DISCRIMINATORS[name], np.uint8)
    records["version"] = LAYOUT_VERSION
    return records


def risk_cache() -> Records:
    """A risk cache of 48 markets with funding under way; marks are whole atoms a lot."""
    generator = np.random.default_rng(2)
    cache = discriminated(1, "RiskCache", RISK_CACHE)
    rows = cache["markets"]
    marks = generator.integers(1_000, 20_000, MARKETS_MAX).astype(np.uint64)
    rows["mark_price_q32"] = marks << np.uint64(MARK_BITS)
    rows["twap_price_q32"], rows["a"], rows["profit_weight_bps"] = rows["mark_price_q32"], ONE, 10_000
    rows["j"]["low"] = generator.integers(0, 1 << 50, (1, MARKETS_MAX, 2))
    rows["market_plus_one"] = np.arange(1, MARKETS_MAX + 1)
    rows["tier_bound_usd"], rows["tier_ratio_bps"] = [1_000, 5_000, 20_000, 60_000], [250, 500, 1_000, 2_500]
    cache["collaterals"]["debt_index_q48"][0, 0] = ONE
    return cache


def leveraged(count: int, cache: Any, markets: int = MARKETS_MAX) -> Records:
    """Users with three positions near their entry, margined so that about one in a hundred is below cancel margin."""
    generator = np.random.default_rng(5)
    users = discriminated(count, "User", USER)
    users["debt_index_q48"], users["position_count"] = ONE, POSITIONS
    marks = (cache["markets"]["mark_price_q32"] >> np.uint64(MARK_BITS)).astype(np.int64)
    first = generator.integers(0, markets, count)
    for place in range(POSITIONS):
        position = users["positions"][:, place]
        position["market_plus_one"] = (first + place * (markets // POSITIONS)) % markets + 1
        position["basis_lots"] = generator.integers(-(10**5), 10**5, count)
        position["a_snapshot"] = ONE
        cost = position["basis_lots"] * marks[position["market_plus_one"] - 1]
        position["cash_atoms"] = (-cost * generator.normal(1.0, 0.01, count)).astype(np.int64)
    found = value(users, cache, MarginKind.CANCEL, NOW_MS)
    wanted = found.requirement_atoms * generator.lognormal(2.0, 0.86, count)
    users["quote_atoms"] = np.maximum(wanted.astype(np.int64) - found.equity_atoms, 0)
    return users


def moved(cache: Records) -> Records:
    """The cache after a price move of up to a percent either way, and funding of up to a quarter of an atom a lot."""
    after = cache.copy()
    marks = after["markets"]["mark_price_q32"]
    change = np.random.default_rng(6).integers(-100, 101, marks.shape)
    whole = (marks >> np.uint64(MARK_BITS)).astype(np.int64)
    marks[:] = (whole + whole * change // 10_000).astype(np.uint64) << np.uint64(MARK_BITS)
    after["markets"]["twap_price_q32"] = marks
    after["markets"]["j"]["low"] += np.random.default_rng(7).integers(0, ONE >> 2, (*marks.shape, 2)).astype(np.uint64)
    return after


def order_book(
    accounts: int, each: int, most_crossing: int = CROSSING
) -> tuple[Records, NDArray[np.uint64], Records, MarketColumns]:
    """Orders, the words of their addresses, their users and the market: the hundred youngest, all bids, cross."""
    generator = np.random.default_rng(3)
    orders, users = discriminated(accounts, "Orders", ORDERS), discriminated(accounts, "User", USER)
    users["authority"][:, :8] = np.arange(accounts, dtype="<u8").view(np.uint8).reshape(-1, 8)
    orders["order_count"] = each
    rows = orders["orders"][:, :each]
    shape = rows["order_id"].shape
    rows["order_id"] = np.arange(1, each + 1)
    rows["flags"] = generator.integers(0, 2, shape)
    away = generator.integers(1, 5_000, shape)
    rows["price_ticks"] = np.where(rows["flags"] == 1, MID_TICKS + away, MID_TICKS - away)
    rows["size_lots"] = generator.integers(1, 1_000, shape)
    # No two of one slot: the rank of orders is clear without their hashes.
    rows["placed_slot"] = generator.permutation(rows["order_id"].size).reshape(shape) + SLOT // 2
    crossing = min(most_crossing, accounts // 2)
    young = rows[:crossing, 0]
    young["price_ticks"], young["flags"], young["placed_slot"] = MID_TICKS + 50, 0, SLOT - 200 + np.arange(crossing)
    markets = MarketColumns.empty()
    markets.index_price_q32[0], markets.tick_value[0], markets.a[0] = (
        MID_TICKS * TICK_VALUE << MARK_BITS,
        TICK_VALUE,
        ONE,
    )
    markets.band_low_ticks[0], markets.band_high_ticks[0] = 1, 1 << 39
    keys = key_words([number.to_bytes(32, "little") for number in range(accounts)])
    return orders, keys, users, markets
