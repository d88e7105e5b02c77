"""Signals: exact decimals in, a decimal out. The last two functions are where a signal becomes integers.

A signal decides only *where* to trade. What is sent is ticks and lots, rounded in the direction that the name says, and
no balance is ever computed here. Decimals instead of floats, so that a run replays to the digit on every machine.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from evertide._generated.constants import TimeInForce
from evertide._orders import Side

from ._intents import PlaceOrder
from ._view import MarketView

BPS = Decimal(10_000)
E9_PER_BPS = 100_000
PPM_PER_BPS = 100


def clamp(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """`value` within `[low, high]`."""
    return max(low, min(value, high))


def ratio(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """`part / whole`."""
    return Decimal(part) / whole


def weight(elapsed_ms: int, half_life_s: int) -> Decimal:
    """Weight of a new sample in an exponential average: `1 - 2^(-elapsed / half life)`."""
    return 1 - Decimal(2) ** (-Decimal(elapsed_ms) / (1_000 * half_life_s))


def change_bps(now: Decimal, before: Decimal) -> Decimal:
    """`now / before - 1` in bps."""
    return (now / before - 1) * BPS


def moved(price_ticks: Decimal, by_bps: Decimal) -> Decimal:
    """A price moved by bps of itself."""
    return price_ticks * (BPS + by_bps) / BPS


def rate_bps(rate_e9: int) -> Decimal:
    """A rate in 1e-9 as bps."""
    return Decimal(rate_e9) / E9_PER_BPS


def fee_bps(fee_ppm: int) -> Decimal:
    """A fee in parts per million as bps."""
    return Decimal(fee_ppm) / PPM_PER_BPS


def reference_ticks(market: MarketView) -> Decimal:
    """Where the market is: the middle of the others' quotes, or the index where a side is missing."""
    mid = market.mid_ticks()
    return market.exact_index_ticks() if mid is None else mid


def floor_ticks(price_ticks: Decimal) -> int:
    """A bid's price: down, at least 1 tick."""
    return max(int(price_ticks.to_integral_value(ROUND_FLOOR)), 1)


def ceil_ticks(price_ticks: Decimal) -> int:
    """An ask's price: up, at least 1 tick."""
    return max(int(price_ticks.to_integral_value(ROUND_CEILING)), 1)


def taking_order(
    market: MarketView,
    side: Side,
    size_lots: int,
    slippage_max_bps: Decimal,
    *,
    reduce_only: bool = False,
    taker_phase_s: int = 0,
) -> PlaceOrder:
    """An immediate order whose limit is the reference moved by the slippage, rounded so that it is never exceeded."""
    reference = reference_ticks(market)
    worst = moved(reference, slippage_max_bps if side == "bid" else -slippage_max_bps)
    return PlaceOrder(
        symbol=market.symbol,
        side=side,
        size_lots=size_lots,
        price_ticks=floor_ticks(worst) if side == "bid" else ceil_ticks(worst),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        reduce_only=reduce_only,
        taker_phase_s=taker_phase_s,
    )
