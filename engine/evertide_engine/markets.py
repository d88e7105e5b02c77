"""Columns of all markets, one row per market index: what crossing reads of `Market` and `Exchange` accounts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._generated.constants import (
    BAND_SCALE_LIMIT,
    BPS_ONE,
    MARKETS_MAX,
    MAX_BPS,
    PAUSE_MS,
    PRICE_BITS,
    RATE_E9_PER_BPS,
    STALE_FOR_FILLS,
    STALE_FOR_MARGIN,
    STRESS_TO_REFERENCE,
    TICKS_LIMIT,
    Gate,
    MarketStatus,
    OracleAction,
)
from .decode import Records

NO_PEGS = -(1 << 62)
"""A publish time before every order's: the validity matrix refuses pegged orders now."""


class MarketColumns(NamedTuple):
    """What matching needs of each market, one row per market index, `MARKETS_MAX` rows."""

    index_price_q32: NDArray[np.uint64]
    """Index price, quote atoms per lot, 32 fractional bits; 0 = never priced, nothing matches."""
    tick_value: NDArray[np.uint64]
    """Quote atoms of one lot at one tick."""
    band_low_ticks: NDArray[np.int64]
    """Lowest price of a fill."""
    band_high_ticks: NDArray[np.int64]
    """Highest price of a fill; below `band_low_ticks` nothing matches."""
    reduce_only: NDArray[np.bool_]
    """Every fill must reduce both positions."""
    a: NDArray[np.uint64]
    """Size factor per side, shape `(MARKETS_MAX, 2)`."""
    epoch: NDArray[np.uint32]
    """Epoch per side, shape `(MARKETS_MAX, 2)`."""
    peg_publish_ms: NDArray[np.int64]
    """Publish time of the index, unix ms: pegged makers meet takers placed before it. `NO_PEGS`: none at all."""

    @classmethod
    def empty(cls) -> MarketColumns:
        """Columns of an exchange without markets: nothing matches."""
        return cls(
            np.zeros(MARKETS_MAX, np.uint64),
            np.zeros(MARKETS_MAX, np.uint64),
            np.ones(MARKETS_MAX, np.int64),
            np.zeros(MARKETS_MAX, np.int64),
            np.zeros(MARKETS_MAX, np.bool_),
            np.zeros((MARKETS_MAX, 2), np.uint64),
            np.zeros((MARKETS_MAX, 2), np.uint32),
            np.full(MARKETS_MAX, NO_PEGS, np.int64),
        )


def status_now(market: Any, now_ms: int) -> int:
    """The status that holds now: a bankruptcy latches reduce-only, a tripped breaker makes a market post-only."""
    listed = int(market["status"])
    if listed <= MarketStatus.REDUCE_ONLY and market["latch"]:
        return int(MarketStatus.REDUCE_ONLY)
    if listed == MarketStatus.ACTIVE and now_ms < int(market["cooldown_until_ms"]):
        return int(MarketStatus.POST_ONLY)
    return listed


def validity_now(market: Any, now_ms: int) -> int:
    """Validity bits of a market's price at its present age."""
    rules = market["terms"]["oracle"]
    age_ms = now_ms - int(market["publish_time_ms"])
    bits = int(market["validity"]) & ~(STALE_FOR_FILLS | STALE_FOR_MARGIN)
    if age_ms > int(rules["stale_fill_ms"]):
        bits |= STALE_FOR_FILLS
    if age_ms > int(rules["stale_margin_ms"]):
        bits |= STALE_FOR_MARGIN
    return bits


def is_refused(market: Any, action: OracleAction, now_ms: int) -> bool:
    """Whether the market's own matrix refuses an action at the price's present validity."""
    return bool(int(market["terms"]["oracle"]["refused"][action]) & validity_now(market, now_ms))


def band_bps(market: Any) -> int:
    """Half width of the fill band: the listed one, scaled by the market's volatility, at most twofold either way."""
    listed = int(market["terms"]["band_bps"])
    reference = int(market["terms"]["stress_move_bps"]) * RATE_E9_PER_BPS // STRESS_TO_REFERENCE
    volatility = int(market["volatility_e9"])
    if volatility == 0 or reference == 0:
        return listed
    scaled = listed * volatility // reference
    return min(max(scaled, -(-listed // BAND_SCALE_LIMIT)), min(listed * BAND_SCALE_LIMIT, MAX_BPS))


def band_ticks(market: Any, *, liquidation: bool = False) -> tuple[int, int]:
    """Lowest and highest fill price in ticks: within the band around the index and, where there is one, its TWAP.

    A `liquidation` keeps to the band around the index alone.
    """
    tick = int(market["atoms_per_lot_tick"]) << PRICE_BITS
    width, low, high = band_bps(market), 1, TICKS_LIMIT - 1
    for price in (int(market["index_price_q32"]), 0 if liquidation else int(market["index_twap_q32"])):
        if price:
            reach = price * width // BPS_ONE
            low, high = max(low, -(-(price - reach) // tick)), min(high, (price + reach) // tick)
    return low, high


def increases_closed(exchange: Any, now_ms: int) -> bool:
    """Whether fills that increase a position are gated or paused on the whole exchange."""
    closed = int(exchange["gates_closed"]) >> Gate.MATCH_ORDERS & 1
    start_ms = int(exchange["pause_start_ms"])
    return bool(closed) or (start_ms != 0 and now_ms < start_ms + PAUSE_MS)


def market_columns(markets: Records, exchange: Any, now_ms: int) -> MarketColumns:
    """Columns of `MARKET` records and one `EXCHANGE` record at chain time `now_ms`; a market that cannot match is 0."""
    columns = MarketColumns.empty()
    closed = increases_closed(exchange, now_ms)
    for market in markets:
        at = int(market["index"])
        columns.a[at], columns.epoch[at] = market["a"], market["epoch"]
        status = status_now(market, now_ms)
        matching = status in (MarketStatus.ACTIVE, MarketStatus.REDUCE_ONLY)
        if not matching or not market["index_price_q32"] or is_refused(market, OracleAction.FILL, now_ms):
            continue
        columns.index_price_q32[at] = market["index_price_q32"]
        columns.tick_value[at] = market["atoms_per_lot_tick"]
        columns.band_low_ticks[at], columns.band_high_ticks[at] = band_ticks(market)
        columns.reduce_only[at] = closed or status == MarketStatus.REDUCE_ONLY
        if not is_refused(market, OracleAction.PEGGED_ORDER, now_ms):
            columns.peg_publish_ms[at] = market["publish_time_ms"]
    return columns
