"""Exchanges of thousands of users, most of them far from the line and many of them within an atom of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from evertide_engine.decode import int_to_wide
from evertide_engine.layouts import DISCRIMINATORS, RISK_CACHE, USER
from evertide_engine.margin import MarginKind, value

ONE = 1 << 48
NOW_MS = 1_700_000_000_000
MARKETS, ASSETS = 6, 4
BOUNDS_USD, RATIOS_BPS = [1_000, 5_000, 20_000, 60_000], [250, 500, 1_000, 2_500]


def exchange(generator: np.random.Generator) -> Any:
    """One risk cache: markets with whole and with deleveraged sides, a new epoch, stale and fresh assets."""
    cache = np.zeros(1, RISK_CACHE)
    cache["discriminator"] = np.frombuffer(DISCRIMINATORS["RiskCache"], np.uint8)
    rows = cache["markets"][0, :MARKETS]
    rows["market_plus_one"] = np.arange(1, MARKETS + 1)
    # From a fraction of an atom a lot to thousands, with all 32 fractional bits.
    rows["mark_price_q32"] = generator.integers(1 << 30, 1 << 34, MARKETS) * np.array([1, 1, 500, 500, 3_000, 3_000])
    rows["twap_price_q32"] = rows["mark_price_q32"] // 1_000 * generator.integers(950, 1_050, MARKETS)
    rows["twap_price_q32"][0] = 0
    rows["tier_bound_usd"], rows["tier_ratio_bps"] = BOUNDS_USD, RATIOS_BPS
    rows["a"] = ONE
    rows["a"][1::2] = generator.integers(ONE // 3, ONE, (MARKETS // 2, 2))
    rows["epoch"] = 3
    move_index(cache, generator)
    before = generator.integers(-(1 << 55), 1 << 55, (MARKETS, 2))
    rows["j_previous"]["low"], rows["j_previous"]["high"] = before.view(np.uint64), before >> 63
    assets = cache["collaterals"][0, :ASSETS]
    assets["price_q48"] = generator.integers(1 << 45, 1 << 48, ASSETS)
    assets["twap_q48"] = assets["price_q48"]
    assets["publish_time_ms"] = NOW_MS - np.array([0, 0, 60_000, 59_999])
    assets["weight_maintenance_bps"] = [10_000, 9_000, 8_001, 10_000]
    assets["scale_thousand_usd"] = [0, 0, 5, 1]
    cache["collaterals"]["debt_index_q48"][0, 0] = ONE + (1 << 40)
    return cache


def print_wildly(cache: Any) -> None:
    """Half of the markets, whole and deleveraged ones, and an asset print a price far from their TWAPs."""
    rows, assets = cache["markets"][0, :MARKETS], cache["collaterals"][0, :ASSETS]
    rows["validity"], rows["mark_price_q32"] = [2, 2, 0, 0, 1, 2], rows["mark_price_q32"] * [1, 2, 1, 1, 1, 1]
    rows["mark_price_q32"][4:] //= 3
    assets["validity"], assets["price_q48"] = [0, 2, 0, 1], assets["price_q48"] // [1, 2, 1, 4]


def move_index(cache: Any, generator: np.random.Generator) -> None:
    """Give every side a cash index up to some thousandths of an atom a lot away from the last."""
    for row in cache["markets"][0, :MARKETS]:
        for side in (0, 1):
            now = (int(row["j"][side]["high"]) << 64) | int(row["j"][side]["low"])
            moved = now + int(generator.integers(-(1 << 50), 1 << 50))
            row["j"][side]["low"], row["j"][side]["high"] = int_to_wide(moved)


def traders(generator: np.random.Generator, count: int, cache: Any) -> Any:
    """Users with up to twelve positions near their entry, debts, assets; some of the last epoch, some of the next."""
    users = np.zeros(count, USER)
    users["discriminator"] = np.frombuffer(DISCRIMINATORS["User"], np.uint8)
    users["debt_index_q48"] = generator.choice([ONE, ONE + 1, ONE + (1 << 39)], count)
    held = generator.choice([0, 1, 2, 3, 3, 3, 12], count)
    for slot in range(12):
        has = held > slot
        trade(generator, users["positions"][:, slot], has, cache["markets"][0])
    users["position_count"] = held
    for slot in (2, 5):
        has = generator.random(count) < 0.2
        users["collaterals"]["collateral_index"][:, slot] = np.where(has, generator.integers(1, ASSETS, count), 0)
        users["collaterals"]["amount_atoms"][:, slot] = np.where(has, generator.integers(0, 1 << 34, count), 0)
        users["collateral_count"] += has
    users["quote_atoms"] = generator.integers(-(10**8), 10**10, count)
    users["liquidation_start_ms"] = np.where(generator.random(count) < 0.02, NOW_MS - 1_000, 0)
    return users


def trade(generator: np.random.Generator, positions: Any, has: Any, rows: Any) -> None:
    """Fill one slot: sizes at the points of the tiers, ordinary ones and dust, cash near the price of entry."""
    count = len(positions)
    market = generator.integers(0, MARKETS, count)
    mark = rows["mark_price_q32"][market].astype(np.float64) / 2**32
    usd = generator.choice([1e-5, 10.0, 500.0, *map(float, BOUNDS_USD), 120_000.0], count)
    dollars = usd * np.where(generator.random(count) < 0.5, 1.0, generator.random(count) * 2)
    lots = np.maximum(dollars * 1e6 / mark, 1).astype(np.int64) * generator.choice([-1, 1], count)
    short = (lots < 0).astype(np.int64)
    factor = rows["a"][market, short].astype(np.int64)
    snapshot = factor + ((ONE - factor) * generator.choice([0.0, 0.3, 1.0], count)).astype(np.int64)
    # Newer than the row: a smaller factor or the next epoch. Of the epoch before: paid and closed.
    fate = generator.random(count)
    positions["a_snapshot"] = np.where(has, np.where(fate < 0.01, factor - factor // 5, snapshot), 0)
    epoch = np.where(fate > 0.99, 4, np.where(fate > 0.97, 2, 3))
    positions["epoch"] = np.where(has, epoch, 0)
    positions["market_plus_one"] = np.where(has, market + 1, 0)
    positions["basis_lots"] = np.where(has & (fate < 0.95), lots, 0)
    old = (fate > 0.97) & has
    positions["basis_lots"][old] = lots[old]
    entry = generator.normal(1.0, 0.02, count)
    positions["cash_atoms"] = np.where(has, (-lots * mark * entry * factor / ONE).astype(np.int64), 0)
    past = generator.integers(-(1 << 52), 1 << 52, count)
    positions["j_snapshot"]["low"], positions["j_snapshot"]["high"] = past.view(np.uint64), past >> 63


def toward_the_line(generator: np.random.Generator, users: Any, cache: Any, part: float) -> None:
    """Move the quote of a part of the users so that their equity lies within two atoms of cancel margin."""
    found = value(users, cache[0], MarginKind.CANCEL, NOW_MS)
    moved = users["quote_atoms"] - found.excess_atoms + generator.integers(-2, 3, len(users))
    fits = (found.status == 0) & (generator.random(len(users)) < part) & (users["quote_atoms"] > 0) & (moved > 0)
    users["quote_atoms"] = np.where(fits, moved, users["quote_atoms"])
