"""Prices: from ticks to Q32 atoms per lot and back, and a ratio above or below."""

from __future__ import annotations

from evertide._generated.math_constants import BPS_ONE, PRICE_BITS, SIDE_BID
from evertide.math._errors import DivisionByZeroError, NotPositiveError
from evertide.math._rounding import ceil_of, floor_of
from evertide.math._units import BPS, LOTS, PRICE, SIDE, TICK_VALUE, TICKS


def positive_price(price_q32: int, argument: str = "price_q32") -> int:
    """Return a price in Q32 atoms per lot that must be positive. Raises NotPositiveError, OutOfRangeError."""
    if PRICE.check(price_q32, argument) == 0:
        raise NotPositiveError(f"{argument} must be positive", value=price_q32)
    return price_q32


def price_from_ticks(price_ticks: int, atoms_per_lot_tick: int) -> int:
    """The exact price of a number of ticks, in Q32 atoms per lot. Raises MathOverflowError."""
    atoms = TICKS.check(price_ticks, "price_ticks") * TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    return PRICE.fit(atoms << PRICE_BITS)


def ticks_floor(price_q32: int, atoms_per_lot_tick: int) -> int:
    """The highest number of ticks not above a price. Raises DivisionByZeroError, OutOfRangeError."""
    return TICKS.check(floor_of(PRICE.check(price_q32, "price_q32"), _tick_q32(atoms_per_lot_tick)), "price_ticks")


def ticks_ceil(price_q32: int, atoms_per_lot_tick: int) -> int:
    """The lowest number of ticks not below a price. Raises DivisionByZeroError, OutOfRangeError."""
    return TICKS.check(ceil_of(PRICE.check(price_q32, "price_q32"), _tick_q32(atoms_per_lot_tick)), "price_ticks")


def _tick_q32(atoms_per_lot_tick: int) -> int:
    if TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick") == 0:
        raise DivisionByZeroError("a tick is worth nothing", atoms_per_lot_tick=0)
    return atoms_per_lot_tick << PRICE_BITS


def price_below_floor(price_q32: int, ratio_bps: int) -> int:
    """`floor(price * (10_000 - ratio) / 10_000)`, Q32; 0 for a ratio of a whole or more."""
    kept = max(0, BPS_ONE - BPS.check(ratio_bps, "ratio_bps"))
    return floor_of(PRICE.check(price_q32, "price_q32") * kept, BPS_ONE)


def price_below_ceil(price_q32: int, ratio_bps: int) -> int:
    """`ceil(price * (10_000 - ratio) / 10_000)`, Q32; 0 for a ratio of a whole or more."""
    kept = max(0, BPS_ONE - BPS.check(ratio_bps, "ratio_bps"))
    return ceil_of(PRICE.check(price_q32, "price_q32") * kept, BPS_ONE)


def price_above_floor(price_q32: int, ratio_bps: int) -> int:
    """`floor(price * (10_000 + ratio) / 10_000)`, Q32. Raises MathOverflowError."""
    scaled = BPS_ONE + BPS.check(ratio_bps, "ratio_bps")
    return PRICE.fit(floor_of(PRICE.check(price_q32, "price_q32") * scaled, BPS_ONE))


def offset_ticks(side: int, index_q32: int, offset_bps: int, atoms_per_lot_tick: int) -> int:
    """Index plus (bid, rounded down) or minus (ask, rounded up) a ratio, in ticks."""
    if SIDE.check(side, "side") == SIDE_BID:
        return ticks_floor(price_above_floor(index_q32, offset_bps), atoms_per_lot_tick)
    return ticks_ceil(price_below_ceil(index_q32, offset_bps), atoms_per_lot_tick)


def worse_price(size_lots: int, mark_q32: int, twap_q32: int) -> int:
    """The worse of mark and TWAP for a position: the lower for a long, the higher for a short; Q32."""
    prices = (PRICE.check(mark_q32, "mark_q32"), PRICE.check(twap_q32, "twap_q32"))
    return max(prices) if LOTS.check(size_lots, "size_lots") < 0 else min(prices)
