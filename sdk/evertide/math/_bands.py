"""Prices at which a fill may happen: the band, the taker-phase ramp, a market order's worst price."""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated.math_constants import (
    BAND_SCALE_LIMIT,
    BPS_ONE,
    MAX_BPS,
    RATE_ONE_E9,
    SIDE_BID,
    TAKER_PHASE_MAX_MS,
    TAKER_PHASE_START_BPS,
)
from evertide.math._errors import NotPositiveError, OutOfRangeError
from evertide.math._prices import (
    offset_ticks,
    positive_price,
    price_above_floor,
    price_below_ceil,
    ticks_ceil,
    ticks_floor,
)
from evertide.math._rounding import ceil_of, floor_of
from evertide.math._units import BPS, I64, MILLIS, PRICE, RATE, SIDE, TICK_VALUE, TICKS


@dataclass(frozen=True, slots=True)
class BandTerms:
    """A market's half widths around index and TWAP (bps) at its reference volatility (1e-9)."""

    index_band_bps: int
    twap_band_bps: int
    reference_volatility_e9: int

    def __post_init__(self) -> None:
        BPS.check(self.index_band_bps, "index_band_bps")
        BPS.check(self.twap_band_bps, "twap_band_bps")
        RATE.check(self.reference_volatility_e9, "reference_volatility_e9")


@dataclass(frozen=True, slots=True)
class Band:
    """Inclusive range of prices in ticks; empty when `low_ticks > high_ticks`."""

    low_ticks: int
    high_ticks: int

    def contains(self, price_ticks: int) -> bool:
        """Whether a fill at this price is inside."""
        return self.low_ticks <= price_ticks <= self.high_ticks


def scaled_band_bps(base_bps: int, volatility_e9: int, reference_e9: int) -> int:
    """`floor(base * volatility / reference)`, within `ceil(base / 2)` and `base * 2`, in bps.

    Raises:
        NotPositiveError: the reference is not positive.
        OutOfRangeError: the volatility is negative.
    """
    BPS.check(base_bps, "base_bps")
    RATE.check(volatility_e9, "volatility_e9")
    if RATE.check(reference_e9, "reference_e9") <= 0:
        raise NotPositiveError("a reference volatility is positive", reference_e9=reference_e9)
    if volatility_e9 < 0:
        raise OutOfRangeError("a volatility is not negative", volatility_e9=volatility_e9)
    narrowest = ceil_of(base_bps, BAND_SCALE_LIMIT)
    widest = min(base_bps * BAND_SCALE_LIMIT, MAX_BPS)
    return min(max(floor_of(base_bps * volatility_e9, reference_e9), narrowest), widest)


def price_band(index_q32: int, twap_q32: int, terms: BandTerms, volatility_e9: int, atoms_per_lot_tick: int) -> Band:
    """The price band: inside both the band around the index and the one around the 5-minute TWAP.

    Raises:
        NotPositiveError: index, TWAP or reference volatility is not positive.
        MathOverflowError: a bound leaves the price guard.
    """
    PRICE.check(index_q32, "index_q32")
    PRICE.check(twap_q32, "twap_q32")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    by_index_bps = scaled_band_bps(terms.index_band_bps, volatility_e9, terms.reference_volatility_e9)
    by_twap_bps = scaled_band_bps(terms.twap_band_bps, volatility_e9, terms.reference_volatility_e9)
    positive_price(index_q32, "index_q32")
    positive_price(twap_q32, "twap_q32")
    low_q32 = max(price_below_ceil(index_q32, by_index_bps), price_below_ceil(twap_q32, by_twap_bps))
    high_q32 = min(price_above_floor(index_q32, by_index_bps), price_above_floor(twap_q32, by_twap_bps))
    return Band(ticks_ceil(low_q32, atoms_per_lot_tick), ticks_floor(high_q32, atoms_per_lot_tick))


def update_volatility(volatility_e9: int, price_q32: int, twap_q32: int, elapsed_ms: int, window_ms: int) -> int:
    """Move a volatility toward `|price - twap| / twap` (1e-9, at most a whole) by `min(dt, window) / window`.

    Raises:
        OutOfRangeError: time or volatility is negative.
        NotPositiveError: window or TWAP is not positive.
    """
    RATE.check(volatility_e9, "volatility_e9")
    PRICE.check(price_q32, "price_q32")
    PRICE.check(twap_q32, "twap_q32")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    MILLIS.check(window_ms, "window_ms")
    if elapsed_ms < 0 or volatility_e9 < 0:
        raise OutOfRangeError("not negative", elapsed_ms=elapsed_ms, volatility_e9=volatility_e9)
    if window_ms <= 0:
        raise NotPositiveError("a window is positive", window_ms=window_ms)
    positive_price(twap_q32, "twap_q32")
    sample_e9 = floor_of(min(abs(price_q32 - twap_q32), twap_q32) * RATE_ONE_E9, twap_q32)
    step_e9 = floor_of(abs(sample_e9 - volatility_e9) * min(elapsed_ms, window_ms), window_ms)
    return volatility_e9 + step_e9 if sample_e9 >= volatility_e9 else volatility_e9 - step_e9


def breaker_trips(reference_q32: int, price_q32: int, limit_bps: int) -> bool:
    """Whether the price moved from `reference` by more than `limit`, exactly. Raises NotPositiveError."""
    PRICE.check(price_q32, "price_q32")
    BPS.check(limit_bps, "limit_bps")
    positive_price(reference_q32, "reference_q32")
    return abs(price_q32 - reference_q32) * BPS_ONE > reference_q32 * limit_bps


def ramp(start_ticks: int, end_ticks: int, elapsed_ms: int, duration_ms: int) -> int:
    """Price at `elapsed` of `duration` on the line from start to end, rounded toward the start, in ticks.

    Raises:
        OutOfRangeError: a time is negative.
    """
    TICKS.check(start_ticks, "start_ticks")
    TICKS.check(end_ticks, "end_ticks")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    MILLIS.check(duration_ms, "duration_ms")
    if elapsed_ms < 0 or duration_ms < 0:
        raise OutOfRangeError("time is not negative", elapsed_ms=elapsed_ms, duration_ms=duration_ms)
    if elapsed_ms >= duration_ms:
        return end_ticks
    gone = floor_of(abs(end_ticks - start_ticks) * elapsed_ms, duration_ms)
    return start_ticks + gone if end_ticks >= start_ticks else start_ticks - gone


def taker_limit(
    side: int, index_q32: int, own_limit_ticks: int, elapsed_ms: int, phase_ms: int, atoms_per_lot_tick: int
) -> int:
    """A taker's effective limit in its taker phase, in ticks: from index ± 5 bps to its own limit.

    The start is rounded down for a bid and up for an ask. An own limit more passive than the start holds
    throughout: a taker never pays beyond its limit.

    Raises:
        OutOfRangeError: the phase is above 60 s or a time is negative.
        NotPositiveError: the index is zero.
    """
    SIDE.check(side, "side")
    PRICE.check(index_q32, "index_q32")
    TICKS.check(own_limit_ticks, "own_limit_ticks")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    MILLIS.check(phase_ms, "phase_ms")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    if phase_ms > TAKER_PHASE_MAX_MS:
        raise OutOfRangeError("the taker phase is at most 60 s", phase_ms=phase_ms, limit_ms=TAKER_PHASE_MAX_MS)
    positive_price(index_q32, "index_q32")
    start_ticks = offset_ticks(side, index_q32, TAKER_PHASE_START_BPS, atoms_per_lot_tick)
    passive = own_limit_ticks <= start_ticks if side == SIDE_BID else own_limit_ticks >= start_ticks
    return own_limit_ticks if passive else ramp(start_ticks, own_limit_ticks, elapsed_ms, phase_ms)


def market_order_limit(side: int, index_q32: int, slippage_bps: int, atoms_per_lot_tick: int) -> int:
    """Worst price of a market order in ticks: index plus (bid, floor) or minus (ask, ceil) the slippage.

    Raises:
        NotPositiveError: the index is zero.
    """
    BPS.check(slippage_bps, "slippage_bps")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    SIDE.check(side, "side")
    positive_price(index_q32, "index_q32")
    return offset_ticks(side, index_q32, slippage_bps, atoms_per_lot_tick)


def pegged_ticks(side: int, index_q32: int, peg_offset_ticks: int, atoms_per_lot_tick: int) -> int:
    """Price of an oracle-pegged order: the index in ticks (bid down, ask up) plus a signed offset.

    Raises:
        OutOfRangeError: the price is not positive or leaves the ticks' guard.
        NotPositiveError: the index is zero.
    """
    SIDE.check(side, "side")
    PRICE.check(index_q32, "index_q32")
    I64.check(peg_offset_ticks, "peg_offset_ticks")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    positive_price(index_q32, "index_q32")
    convert = ticks_floor if side == SIDE_BID else ticks_ceil
    moved = convert(index_q32, atoms_per_lot_tick) + peg_offset_ticks
    if moved <= 0:
        raise OutOfRangeError("a pegged price is positive", price_ticks=moved)
    return TICKS.check(moved, "pegged price_ticks")


def exceeds_slippage(side: int, price_q32: int, index_q32: int, limit_bps: int) -> bool:
    """Whether a fill price is worse than the index by more than `limit`, exactly. Raises NotPositiveError."""
    SIDE.check(side, "side")
    PRICE.check(price_q32, "price_q32")
    BPS.check(limit_bps, "limit_bps")
    positive_price(index_q32, "index_q32")
    worse_q32 = price_q32 - index_q32 if side == SIDE_BID else index_q32 - price_q32
    return max(0, worse_q32) * BPS_ONE > index_q32 * limit_bps
