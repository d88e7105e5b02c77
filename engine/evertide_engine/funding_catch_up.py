"""Funding after a gap: markets accrued hour by hour up to now, as the program does before it changes any of them.

A stretch that crosses an hour is cut there. Each part is charged once, at the rate that was in force and on the index
that was stored; the rate of the next hour is fixed at its beginning, from the premium up to then. A premium holds while
the evidence behind it lives, and is nothing afterwards. Source: `programs/evertide/src/engine/funding.rs`.
"""

# mypy: disable-error-code="no-untyped-def, assignment"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._generated.constants import (
    BPS_ONE,
    EVIDENCE_AGE_MAX_MS,
    FUNDING_DIVISOR,
    HOUR_MS,
    HOURS_ONE_BY_ONE,
    MAINTENANCE_FRACTION_BPS,
    MAX_ACCRUAL_MS,
    MAX_MILLIS,
    MAX_RATE_E9,
    RING_HOURS,
)
from ._generated.layouts import MARKET
from .decode import Records
from .errors import ShapeError
from .folding import WHOLE, cash_index_in_guard
from .funding import accumulate, average, charge_per_lot, hourly_rate_with, scaled_charge
from .mark import LIMIT
from .wide import ZERO, Int, add_wide, subtract_wide

HOUR, ONE_BY_ONE, RING = int(HOUR_MS), int(HOURS_ONE_BY_ONE), int(RING_HOURS)
EVIDENCE_AGE, ACCRUAL_MOST, TIME_MOST = int(EVIDENCE_AGE_MAX_MS), int(MAX_ACCRUAL_MS), int(MAX_MILLIS)
LAST_MS = (1 << 63) - 1


@njit(cache=True)
def is_word(wide: Int) -> bool:
    """Whether a signed 128-bit value fits a signed word."""
    return bool(wide.high == np.int64(wide.low) >> 63)


@njit(cache=True)
def set_wide(wide: Int, high: Int, low: Int) -> None:
    """Store a signed 128-bit value."""
    wide.high, wide.low = high, low


@njit(cache=True)
def charge(market, elapsed_ms: Int) -> bool:
    """Move both sides' cash index by the stored rate on the stored index; False beyond a guard, then nothing counts."""
    rate, rest = market.funding_rate_e9, np.int64(market.funding_remainder.low)
    if not is_word(market.funding_remainder) or not 0 <= rest < FUNDING_DIVISOR:
        return False
    if not 0 <= elapsed_ms <= ACCRUAL_MOST or not -MAX_RATE_E9 <= rate <= MAX_RATE_E9:
        return False
    if market.index_price_q32 >= LIMIT or market.a[0] > WHOLE or market.a[1] > WHOLE:
        return False
    high, low, rest, ok = charge_per_lot(rate, market.index_price_q32, elapsed_ms, rest)
    for side in range(2):
        moved_high, moved_low, fits = scaled_charge(high, low, market.a[side], side == 0)
        before = market.j[side]
        now_high, now_low = subtract_wide(before.high, before.low, moved_high, moved_low)
        ok = ok and fits and cash_index_in_guard(now_high, now_low)
        if side == 0:
            total = market.funding_total
            sum_high, sum_low = add_wide(total.high, total.low, moved_high, moved_low)
            ok = ok and ((total.high ^ sum_high) & (moved_high ^ sum_high)) >= 0
            set_wide(total, sum_high, sum_low)
        set_wide(before, now_high, now_low)
    set_wide(market.funding_remainder, np.int64(0), np.uint64(rest))
    return bool(ok)


@njit(cache=True)
def average_premium(market, until_ms: Int) -> bool:
    """Add the premium up to `until_ms` to the hour's average: as long as the evidence lives it holds, then it is 0."""
    bid, ask = market.evidence[0], market.evidence[1]
    holds_ms = np.int64(0)
    if bid.order_id != ZERO and ask.order_id != ZERO:
        shown = min(bid.shown_ms, ask.shown_ms)
        holds_ms = shown + EVIDENCE_AGE if shown <= LAST_MS - EVIDENCE_AGE else np.int64(LAST_MS)
    holds_ms = min(max(holds_ms, market.accrued_ms), until_ms)
    if not is_word(market.premium_sum) or not -MAX_RATE_E9 <= market.premium_e9 <= MAX_RATE_E9:
        return False
    total, elapsed = np.int64(market.premium_sum.low), market.premium_ms
    total, elapsed, held = accumulate(total, elapsed, market.premium_e9, holds_ms - market.accrued_ms)
    total, elapsed, empty = accumulate(total, elapsed, np.int64(0), until_ms - holds_ms)
    set_wide(market.premium_sum, total >> 63, np.uint64(total))
    market.premium_ms = elapsed
    return bool(held and empty)


@njit(cache=True)
def fix_rate(market, hour_end_ms: Int) -> bool:
    """The rate of the hour that begins, from the premium of the one that ends."""
    found = average(np.int64(market.premium_sum.low), market.premium_ms)
    initial = np.int64(market.terms.tier_ratio_bps[0])
    maintenance = (initial * MAINTENANCE_FRACTION_BPS + BPS_ONE - 1) // BPS_ONE
    interest = np.int64(market.terms.interest_rate_e9)
    if not -MAX_RATE_E9 <= found <= MAX_RATE_E9 or interest > MAX_RATE_E9:
        return False
    market.funding_rate_e9 = hourly_rate_with(found, interest, initial, maintenance)
    market.funding_hour_ms = hour_end_ms
    set_wide(market.premium_sum, np.int64(0), ZERO)
    market.premium_ms = 0
    return True


@njit(cache=True)
def roll_hourly_marks(market, now_ms: Int) -> None:
    """Store the mark for every hour of the day that began since the last accrual."""
    hour = now_ms // HOUR
    missed = min(max(hour - market.accrued_ms // HOUR, 0), RING)
    for back in range(missed):
        market.hourly_mark_q32[(hour - back) % RING] = market.mark_price_q32


@njit(cache=True)
def step(market, now_ms: Int, hours: Int) -> bool:
    """Accrue up to the next hour or to now; many hours without evidence at once. False beyond a guard."""
    whole_hours = (now_ms - market.accrued_ms) // HOUR
    if hours >= ONE_BY_ONE and market.accrued_ms == market.funding_hour_ms and whole_hours > 1:
        # All evidence is long dead, and the rate stays what the first of these hours fixed.
        if not charge(market, min(whole_hours * HOUR, ACCRUAL_MOST)):
            return False
        market.accrued_ms += whole_hours * HOUR
        market.funding_hour_ms = market.accrued_ms
        return True
    hour_end_ms = market.funding_hour_ms + HOUR
    until_ms = min(now_ms, hour_end_ms)
    if not charge(market, until_ms - market.accrued_ms) or not average_premium(market, until_ms):
        return False
    market.accrued_ms = until_ms
    return fix_rate(market, hour_end_ms) if until_ms == hour_end_ms else True


@njit(cache=True)
def catch_up_market(market, now_ms: Int) -> bool:
    """Accrue one market up to now; False where the program refuses, and what it holds then is lost."""
    if market.index_price_q32 == ZERO or now_ms <= market.accrued_ms:
        return True
    # Times of a chain: within these no sum of two leaves a word, and divisions meet nothing below zero.
    if market.accrued_ms < 0 or not 0 <= market.funding_hour_ms <= TIME_MOST or now_ms > TIME_MOST:
        return False
    roll_hourly_marks(market, now_ms)
    hours = 0
    while market.accrued_ms < now_ms:
        hour_before = market.funding_hour_ms
        if not step(market, now_ms, hours):
            return False
        hours += 1 if market.funding_hour_ms != hour_before else 0
    return True


@njit(cache=True)
def catch_up_rows(markets, now_ms, scratch, done) -> None:
    """Accrue every market to its time; a refused one stays as it is."""
    for row in range(markets.shape[0]):
        scratch[0] = markets[row]
        done[row] = catch_up_market(scratch[0], now_ms[row])
        if done[row]:
            markets[row] = scratch[0]


def catch_up(markets: Records, now_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Accrue funding of `MARKET` records in place, each to its own chain time in ms, hour by hour.

    Cash indices, remainder, total, the premium's average, the rate and its hour, the ring of hourly marks and the time
    of the accrual become what the program's `accrue_market` would make of them; a market without an index, or whose
    time has come already, stays. Which rows the program would not have refused; the others are unchanged.

    Raises:
        ShapeError: there are not as many times as markets.
    """
    if len(now_ms) != len(markets):
        raise ShapeError("times", len(now_ms), len(markets))
    done = np.zeros(len(markets), np.bool_)
    catch_up_rows(markets, np.asarray(now_ms, np.int64), np.empty(1, MARKET), done)
    return done


__all__ = ["catch_up"]
