"""Mark price: median of three legs, each clamped around the index; basis average and TWAP."""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated.math_constants import BASIS_WINDOW_MS, BPS_ONE, PRICE_LIMIT_Q32
from evertide.math._errors import NotPositiveError, OutOfRangeError
from evertide.math._prices import positive_price, price_below_ceil
from evertide.math._rounding import ceil_of, floor_of
from evertide.math._units import BPS, I64, MILLIS, PRICE


def median(first_q32: int, second_q32: int, third_q32: int) -> int:
    """The middle one of three prices, Q32."""
    prices = (first_q32, second_q32, third_q32)
    for price_q32 in prices:
        PRICE.check(price_q32, "price_q32")
    return sorted(prices)[1]


def clamp_to_radius(price_q32: int, index_q32: int, radius_bps: int) -> int:
    """A price clamped into `[ceil(index (1 - radius)), floor(index (1 + radius))]`, Q32: never outside it."""
    PRICE.check(price_q32, "price_q32")
    low_q32 = price_below_ceil(index_q32, radius_bps)
    high_q32 = floor_of(index_q32 * (BPS_ONE + radius_bps), BPS_ONE)
    return min(max(price_q32, low_q32), high_q32, PRICE_LIMIT_Q32 - 1)


def _check_basis(basis_q32: int) -> None:
    I64.check(basis_q32, "basis_q32")
    if not -PRICE_LIMIT_Q32 < basis_q32 < PRICE_LIMIT_Q32:
        raise OutOfRangeError("a basis is below the price guard", basis_q32=basis_q32, limit_q32=PRICE_LIMIT_Q32)


def update_basis(basis_q32: int, mid_q32: int | None, index_q32: int, elapsed_ms: int) -> int:
    """Move a basis average toward `mid - index` by `min(dt, 150 s) / 150 s`; without a book toward 0.

    Signed Q32 atoms per lot. The step is rounded away from zero, so that a dead book's basis ends at
    exactly 0. Source: Hyperliquid's mark, 150 s average.

    Raises:
        OutOfRangeError: time is negative or the basis outside its guard.
    """
    I64.check(basis_q32, "basis_q32")
    if mid_q32 is not None:
        PRICE.check(mid_q32, "mid_q32")
    PRICE.check(index_q32, "index_q32")
    if MILLIS.check(elapsed_ms, "elapsed_ms") < 0:
        raise OutOfRangeError("time is not negative", elapsed_ms=elapsed_ms)
    _check_basis(basis_q32)
    target_q32 = 0 if mid_q32 is None else mid_q32 - index_q32
    step_q32 = ceil_of(abs(target_q32 - basis_q32) * min(elapsed_ms, BASIS_WINDOW_MS), BASIS_WINDOW_MS)
    return basis_q32 + step_q32 if target_q32 >= basis_q32 else basis_q32 - step_q32


@dataclass(frozen=True, slots=True)
class MarkInputs:
    """What the mark is made of: Q32 prices (None where there is none), signed basis, radius in bps."""

    index_q32: int
    basis_q32: int
    best_bid_q32: int | None
    best_ask_q32: int | None
    last_q32: int | None
    radius_bps: int

    def __post_init__(self) -> None:
        PRICE.check(self.index_q32, "index_q32")
        I64.check(self.basis_q32, "basis_q32")
        for price_q32 in (self.best_bid_q32, self.best_ask_q32, self.last_q32):
            if price_q32 is not None:
                PRICE.check(price_q32, "price_q32")
        BPS.check(self.radius_bps, "radius_bps")


def mark_price(inputs: MarkInputs) -> int:
    """Median of (index + basis), (median of best bid, best ask, last), index; each clamped to the radius; Q32.

    Without both a bid and an ask there is no book leg, and the mark is the clamped first leg, whose basis
    decays to zero; without a last trade the book leg is the mid, rounded down. Source: Hyperliquid, Phoenix.

    Raises:
        NotPositiveError: the index is zero.
    """
    index_q32 = positive_price(inputs.index_q32, "index_q32")
    shifted_q32 = min(max(index_q32 + inputs.basis_q32, 0), PRICE_LIMIT_Q32 - 1)
    basis_leg_q32 = clamp_to_radius(shifted_q32, index_q32, inputs.radius_bps)
    bid_q32, ask_q32 = inputs.best_bid_q32, inputs.best_ask_q32
    if bid_q32 is None or ask_q32 is None:
        return basis_leg_q32
    if inputs.last_q32 is None:
        book_q32 = floor_of(bid_q32 + ask_q32, 2)
    else:
        book_q32 = median(bid_q32, ask_q32, inputs.last_q32)
    return median(basis_leg_q32, clamp_to_radius(book_q32, index_q32, inputs.radius_bps), index_q32)


def update_twap(twap_q32: int, sample_q32: int, elapsed_ms: int, window_ms: int, step_bps: int) -> int:
    """Move a TWAP toward a sample by `min(dt, window) / window`, toward zero; Q32.

    The sample is first clamped to `step` around the TWAP. A TWAP of 0 has no history and becomes the sample.

    Raises:
        OutOfRangeError: time is negative.
        NotPositiveError: window or sample is not positive.
    """
    PRICE.check(twap_q32, "twap_q32")
    PRICE.check(sample_q32, "sample_q32")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    MILLIS.check(window_ms, "window_ms")
    BPS.check(step_bps, "step_bps")
    if elapsed_ms < 0:
        raise OutOfRangeError("time is not negative", elapsed_ms=elapsed_ms)
    if window_ms <= 0:
        raise NotPositiveError("a window is positive", window_ms=window_ms)
    positive_price(sample_q32, "sample_q32")
    if twap_q32 == 0:
        return sample_q32
    clamped_q32 = clamp_to_radius(sample_q32, twap_q32, step_bps)
    move_q32 = floor_of(abs(clamped_q32 - twap_q32) * min(elapsed_ms, window_ms), window_ms)
    return twap_q32 + move_q32 if clamped_q32 >= twap_q32 else twap_q32 - move_q32
