"""Funding rate: impact premium, its time average, the hourly rate."""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated.math_constants import (
    FUNDING_PERIOD_HOURS,
    INTEREST_CLAMP_E9,
    INTEREST_RATE_E9,
    MAX_AVERAGE_MS,
    MAX_RATE_E9,
    RATE_CAP_FACTOR,
    RATE_E9_PER_BPS,
    RATE_ONE_E9,
)
from evertide.math._errors import NotMonotoneError, NotPositiveError, OutOfRangeError
from evertide.math._prices import positive_price
from evertide.math._rounding import trunc_of
from evertide.math._units import BPS, I64, MILLIS, PRICE, RATE


def premium(bid_q32: int | None, ask_q32: int | None, index_q32: int) -> int:
    """`(max(bid - index, 0) - max(index - ask, 0)) / index` in 1e-9, toward zero, clamped to a whole.

    `bid` and `ask` are impact prices. An empty or one-sided book (None) has premium 0, so that pulling one
    side never moves funding. Source: Hyperliquid's impact premium.

    Raises:
        NotPositiveError: the index is zero.
    """
    for price_q32 in (bid_q32, ask_q32):
        if price_q32 is not None:
            PRICE.check(price_q32, "price_q32")
    positive_price(index_q32, "index_q32")
    if bid_q32 is None or ask_q32 is None:
        return 0
    distance = max(bid_q32 - index_q32, 0) - max(index_q32 - ask_q32, 0)
    distance = max(-index_q32, min(distance, index_q32))
    return trunc_of(distance * RATE_ONE_E9, index_q32)


@dataclass(frozen=True, slots=True)
class PremiumAverage:
    """A time-weighted sum of premiums since the hour began: in 1e-9 ms, over `elapsed_ms`."""

    sum_e9_ms: int = 0
    elapsed_ms: int = 0

    def __post_init__(self) -> None:
        I64.check(self.sum_e9_ms, "sum_e9_ms")
        I64.check(self.elapsed_ms, "elapsed_ms")

    def accumulate(self, premium_e9: int, elapsed_ms: int) -> PremiumAverage:
        """Add a premium that held for `elapsed_ms`.

        Raises:
            OutOfRangeError: time is negative, or the sum covers more than 2^32 ms.
        """
        RATE.check(premium_e9, "premium_e9")
        MILLIS.check(elapsed_ms, "elapsed_ms")
        covered_ms = self.elapsed_ms + elapsed_ms
        if elapsed_ms < 0 or self.elapsed_ms < 0 or I64.fit(covered_ms) > MAX_AVERAGE_MS:
            raise OutOfRangeError("an average covers 0 to 2^32 ms", covered_ms=covered_ms, elapsed_ms=elapsed_ms)
        return PremiumAverage(I64.fit(self.sum_e9_ms + I64.fit(premium_e9 * elapsed_ms)), covered_ms)

    def average(self) -> int:
        """The average premium in 1e-9, toward zero; 0 when no time has passed. Raises NotPositiveError."""
        if self.elapsed_ms == 0:
            return 0
        if self.elapsed_ms < 0:
            raise NotPositiveError("time is not negative", elapsed_ms=self.elapsed_ms)
        return RATE.check(trunc_of(self.sum_e9_ms, self.elapsed_ms), "average")


def hourly_rate(
    average_premium_e9: int, initial_bps: int, maintenance_bps: int, interest_e9: int = INTEREST_RATE_E9
) -> int:
    """Hourly rate of an average premium, in 1e-9, toward zero.

    Per 8 hours `premium + clamp(interest - premium, ± 0.05 %)` with the market's interest,
    0.01 % unless it has its own (Hyperliquid), clamped to
    `± 6 (IM - MM)` (dYdX); an eighth of it per hour.

    Raises:
        NotMonotoneError: initial is below maintenance.
    """
    RATE.check(average_premium_e9, "average_premium_e9")
    RATE.check(interest_e9, "interest_e9")
    BPS.check(initial_bps, "initial_bps")
    BPS.check(maintenance_bps, "maintenance_bps")
    if initial_bps < maintenance_bps:
        rule = "initial is at least maintenance"
        raise NotMonotoneError(rule, initial_bps=initial_bps, maintenance_bps=maintenance_bps)
    cap_e9 = RATE_CAP_FACTOR * (initial_bps - maintenance_bps) * RATE_E9_PER_BPS
    pull_e9 = max(-INTEREST_CLAMP_E9, min(interest_e9 - average_premium_e9, INTEREST_CLAMP_E9))
    eight_hours_e9 = max(-cap_e9, min(average_premium_e9 + pull_e9, cap_e9))
    return max(-MAX_RATE_E9, min(trunc_of(eight_hours_e9, FUNDING_PERIOD_HOURS), MAX_RATE_E9))
