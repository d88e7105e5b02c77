"""Funding caught up after a gap: the program's own accounts, the SDK's formulas by the hour, what must never be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from market_vectors import COUNT, FILE, SEED, gaps, markets

from evertide import math
from evertide_engine._generated.constants import (
    EVIDENCE_AGE_MAX_MS,
    HOUR_MS,
    HOURS_ONE_BY_ONE,
    MAX_ACCRUAL_MS,
)
from evertide_engine.decode import wide_to_int
from evertide_engine.errors import ShapeError
from evertide_engine.funding_catch_up import catch_up
from evertide_engine.layouts import MARKET


def test_it_makes_of_every_market_what_the_program_makes() -> None:
    """Every byte of 600 accounts, refused ones unchanged."""
    with np.load(FILE) as held:
        before, after, now_ms, accepted = (held[name] for name in ("before", "after", "now_ms", "accepted"))
    drawn, times = markets(np.random.default_rng(SEED), COUNT)
    assert before.tobytes() == drawn.tobytes() and now_ms.tolist() == times.tolist()
    rows = before.view(MARKET).reshape(-1).copy()
    done = catch_up(rows, now_ms)
    assert done.tolist() == accepted.tolist()
    assert 30 < (~accepted).sum() < COUNT // 2
    found = rows.view(np.uint8).reshape(COUNT, -1)
    assert np.flatnonzero((found != after).any(axis=1)).tolist() == []
    assert (found != before).any(axis=1).sum() > COUNT // 3


def fitting(count: int, seed: int) -> tuple[Any, Any]:
    """Markets that the program accepts with whole sides, and their times."""
    rows, now_ms = markets(np.random.default_rng(seed), count)
    done = catch_up(rows.copy(), now_ms)
    rows, now_ms = rows[done & (rows["index_price_q32"] != 0)], now_ms[done & (rows["index_price_q32"] != 0)]
    return rows, now_ms


def by_sdk(market: Any, now_ms: int) -> tuple[int, int, int, int, int]:
    """Both sides' J, the remainder, the rate and the time, by the SDK's formulas of single intervals."""
    sides = [
        math.SideIndex(
            int(market["a"][side]), wide_to_int(market["j"][side]), wide_to_int(market["j_previous"][side]), 0
        )
        for side in (0, 1)
    ]
    rate, remainder, index = (
        int(market["funding_rate_e9"]),
        wide_to_int(market["funding_remainder"]),
        int(market["index_price_q32"]),
    )
    average = math.PremiumAverage(wide_to_int(market["premium_sum"]), int(market["premium_ms"]))
    at, turn = int(market["accrued_ms"]), int(market["funding_hour_ms"]) + HOUR_MS
    evidence = market["evidence"]
    lives = int(evidence["shown_ms"].min()) + EVIDENCE_AGE_MAX_MS if (evidence["order_id"] != 0).all() else 0
    initial, hours = int(market["terms"]["tier_ratio_bps"][0]), 0
    while at < now_ms:
        whole = (now_ms - at) // HOUR_MS
        at_once = hours >= HOURS_ONE_BY_ONE and at == turn - HOUR_MS and whole > 1
        until = at + whole * HOUR_MS if at_once else min(now_ms, turn)
        done = math.accrue_funding(sides[0], sides[1], rate, index, min(until - at, MAX_ACCRUAL_MS), remainder)
        sides, remainder = [done.long, done.short], done.remainder
        held = min(max(lives, at), until) - at
        if not at_once:
            average = average.accumulate(int(market["premium_e9"]), held).accumulate(0, until - at - held)
        if until == turn:
            interest = int(market["terms"]["interest_rate_e9"])
            rate = math.hourly_rate(average.average(), initial, math.maintenance_ratio_bps(initial), interest)
            average, hours = math.PremiumAverage(), hours + 1
        turn = until + HOUR_MS if at_once else (turn + HOUR_MS if until == turn else turn)
        at = until
    return sides[0].j, sides[1].j, remainder, rate, at


def test_it_is_the_sdks_formulas_interval_by_interval() -> None:
    rows, now_ms = fitting(400, 5)
    expected = [by_sdk(row, ms) for row, ms in zip(rows, now_ms.tolist(), strict=True)]
    moving = now_ms > rows["accrued_ms"]
    before = rows.copy()
    assert catch_up(rows, now_ms).all() and len(rows) > 150 and moving.sum() > 100
    for row, wanted in zip(rows, expected, strict=True):
        j = [wide_to_int(row["j"][side]) for side in (0, 1)]
        found = (*j, wide_to_int(row["funding_remainder"]), int(row["funding_rate_e9"]), int(row["accrued_ms"]))
        assert found == wanted
    assert (rows[~moving] == before[~moving]).all()


def test_no_interval_is_charged_twice() -> None:
    """Cut anywhere, and asked again for a time that has come, the charges of whole sides add up to those of one gap.

    One gap charges 2^32 ms at most."""
    rows, now_ms = fitting(600, 6)
    rows["a"] = 1 << 48
    fits = catch_up(rows.copy(), now_ms) & (now_ms - rows["accrued_ms"] < MAX_ACCRUAL_MS)
    rows, now_ms = rows[fits], now_ms[fits]
    at_once, cut = rows.copy(), rows.copy()
    assert catch_up(at_once, now_ms).all() and len(rows) > 150
    generator = np.random.default_rng(7)
    for part in np.sort(generator.random(4)):
        between = rows["accrued_ms"] + ((now_ms - rows["accrued_ms"]) * part).astype(np.int64)
        for _ in range(2):
            assert catch_up(cut, between).all()
        assert catch_up(cut, between - 1).all()
    assert catch_up(cut, now_ms).all()
    for name in ("j", "funding_remainder", "funding_total", "funding_rate_e9", "accrued_ms", "hourly_mark_q32"):
        assert (at_once[name] == cut[name]).all(), name


def test_no_interval_is_charged_at_a_rate_of_the_future() -> None:
    """What is charged up to the end of the hour is the stored rate's, whatever premium the hour will have had."""
    rows, _ = fitting(400, 8)
    rows["a"], rows["accrued_ms"] = 1 << 48, rows["funding_hour_ms"]
    rows["premium_sum"], rows["premium_ms"] = 0, 0
    rows = rows[catch_up(rows.copy(), rows["accrued_ms"] + 3 * HOUR_MS)]
    other = rows.copy()
    other["premium_e9"] = -rows["premium_e9"]
    end = rows["funding_hour_ms"] + HOUR_MS
    assert len(rows) > 150 and catch_up(rows, end).all() and catch_up(other, end).all()
    assert (rows["j"] == other["j"]).all()
    fixed_otherwise = rows["funding_rate_e9"] != other["funding_rate_e9"]
    assert fixed_otherwise.sum() > 20
    assert catch_up(rows, end + HOUR_MS).all() and catch_up(other, end + HOUR_MS).all()
    # The rate that the end of the hour fixed moves the hour after it.
    assert ((rows["j"] != other["j"]).any(axis=1) == fixed_otherwise).mean() > 0.9


def test_times_that_belong_to_other_markets_are_refused() -> None:
    rows, now_ms = markets(np.random.default_rng(1), 3)
    before = rows.copy()
    with pytest.raises(ShapeError, match="found 2 entries, needed 3"):
        catch_up(rows, now_ms[:2])
    assert (rows == before).all() and len(gaps(np.random.default_rng(1), 3)) == 3
    assert len(catch_up(rows[:0], now_ms[:0])) == 0
