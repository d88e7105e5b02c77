"""Which markets may match, in which band, and what closes them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertide_engine._generated.constants import (
    DEFAULT_ACTION_MATRIX,
    PAUSE_MS,
    PRICE_BITS,
    TOO_VOLATILE,
    Gate,
    MarketStatus,
    OracleAction,
)
from evertide_engine._generated.layouts import EXCHANGE, MARKET
from evertide_engine.markets import NO_PEGS, MarketColumns, band_bps, band_ticks, market_columns, status_now

NOW_MS = 1_700_000_000_000


def one_market(**fields: Any) -> Any:
    """An active market at index 2 with a fresh index of 1,000 ticks of 10 atoms and a band of 10 %."""
    markets = np.zeros(1, MARKET)
    market = markets[0]
    market["index"], market["atoms_per_lot_tick"], market["publish_time_ms"] = 2, 10, NOW_MS
    market["index_price_q32"] = 10_000 << PRICE_BITS
    market["terms"]["band_bps"] = 1_000
    market["terms"]["oracle"]["stale_fill_ms"], market["terms"]["oracle"]["stale_margin_ms"] = 5_000, 60_000
    market["terms"]["oracle"]["refused"] = DEFAULT_ACTION_MATRIX
    for name, value in fields.items():
        market[name] = value
    return markets


def matches(markets: Any, exchange: Any | None = None, now_ms: int = NOW_MS) -> tuple[bool, bool]:
    """Whether market 2 matches, and only reductions."""
    columns = market_columns(markets, exchange if exchange is not None else np.zeros(1, EXCHANGE)[0], now_ms)
    assert not columns.index_price_q32[np.arange(48) != 2].any()
    return bool(columns.index_price_q32[2]), bool(columns.reduce_only[2])


def test_status_latch_cooldown_price_age_and_validity_decide() -> None:
    """F-15: nothing is matched at a price that the program refuses."""
    assert matches(one_market()) == (True, False)
    assert matches(one_market(status=MarketStatus.REDUCE_ONLY)) == (True, True)
    assert matches(one_market(latch=1)) == (True, True)
    for status in (MarketStatus.POST_ONLY, MarketStatus.HALTED, MarketStatus.SETTLING, MarketStatus.CLOSED):
        assert matches(one_market(status=status)) == (False, False)
    assert matches(one_market(cooldown_until_ms=NOW_MS + 1)) == (False, False)
    assert matches(one_market(cooldown_until_ms=NOW_MS)) == (True, False)
    assert matches(one_market(index_price_q32=0)) == (False, False)
    assert matches(one_market(), now_ms=NOW_MS + 5_000) == (True, False)
    assert matches(one_market(), now_ms=NOW_MS + 5_001) == (False, False)
    assert matches(one_market(validity=TOO_VOLATILE)) == (False, False)
    assert status_now(one_market(status=MarketStatus.HALTED, latch=1)[0], NOW_MS) == MarketStatus.HALTED


def test_pegged_makers_have_their_own_row_of_the_matrix() -> None:
    def publish_ms(now_ms: int = NOW_MS, **fields: Any) -> int:
        market = one_market(publish_time_ms=NOW_MS - 9, **fields)
        # Fills are always allowed here: what is asked is the row of pegged orders alone.
        market["terms"]["oracle"]["refused"][:, OracleAction.FILL] = 0
        return int(market_columns(market, np.zeros(1, EXCHANGE)[0], now_ms).peg_publish_ms[2])

    assert publish_ms() == NOW_MS - 9
    assert publish_ms(now_ms=NOW_MS - 9 + 5_000) == NOW_MS - 9
    assert publish_ms(now_ms=NOW_MS - 9 + 5_001) == NO_PEGS
    assert publish_ms(validity=TOO_VOLATILE) == NO_PEGS
    assert publish_ms(status=MarketStatus.HALTED) == NO_PEGS
    assert MarketColumns.empty().peg_publish_ms.tolist() == [NO_PEGS] * 48


def test_gates_and_pauses_leave_only_reductions() -> None:
    """F-26: a pause in flight leaves reductions."""
    exchange = np.zeros(1, EXCHANGE)[0]
    exchange["gates_closed"] = 1 << Gate.PLACE_ORDERS
    assert matches(one_market(), exchange) == (True, False)
    exchange["gates_closed"] = 1 << Gate.MATCH_ORDERS
    assert matches(one_market(), exchange) == (True, True)
    exchange["gates_closed"], exchange["pause_start_ms"] = 0, NOW_MS - PAUSE_MS + 1
    assert matches(one_market(), exchange) == (True, True)
    exchange["pause_start_ms"] = NOW_MS - PAUSE_MS
    assert matches(one_market(), exchange) == (True, False)


@given(
    index=st.integers(1, (1 << 62) - 1),
    twap=st.one_of(st.just(0), st.integers(1, (1 << 62) - 1)),
    tick=st.integers(1, 1 << 20),
    band=st.integers(0, 5_000),
)
def test_the_band_is_exact_at_both_ends(index: int, twap: int, tick: int, band: int) -> None:
    market = one_market(index_price_q32=index, index_twap_q32=twap, atoms_per_lot_tick=tick)[0]
    market["terms"]["band_bps"] = band
    low, high = band_ticks(market)

    def inside(ticks: int) -> bool:
        price = Fraction((ticks * tick) << PRICE_BITS)
        return all(abs(price - middle) * 10_000 <= middle * band for middle in (index, twap) if middle)

    if low <= high:
        assert inside(low) and inside(high)
    assert not inside(high + 1) or high == (1 << 40) - 1 or low > high
    assert low == 1 or not inside(low - 1) or low > high


@pytest.mark.parametrize(
    ("volatility", "width"), [(0, 1000), (1, 500), (10_000_000, 800), (12_500_000, 1000), (1 << 40, 2000)]
)
def test_volatility_scales_the_band_at_most_twofold(volatility: int, width: int) -> None:
    market = one_market(volatility_e9=volatility)[0]
    market["terms"]["stress_move_bps"] = 1_000
    assert band_bps(market) == width
