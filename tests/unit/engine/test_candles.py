"""Candles against a plain reference: late, doubled and missing trades, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evertide_engine.candles import Candles
from evertide_engine.errors import CapacityError, ShapeError

INTERVAL_MS = 1_000
Trade = tuple[int, int, int, int]


def reference(trades: list[Trade], interval_ms: int, first: int, last: int) -> list[tuple[int, ...]]:
    """Every interval of all trades, each counted once, by sorting them."""
    by_interval: dict[int, list[Trade]] = {}
    for trade in sorted(set(trades), key=lambda each: each[1]):
        by_interval.setdefault(trade[0] // interval_ms, []).append(trade)
    out, close = [], 0
    for number in range(min(by_interval, default=0), last):
        held = by_interval.get(number, [])
        if held:
            prices = [trade[2] for trade in held]
            volume, notional = sum(t[3] for t in held), sum(t[2] * t[3] for t in held)
            row = (prices[0], max(prices), min(prices), prices[-1], volume, notional, len(held))
            close = prices[-1]
        else:
            row = (close, close, close, close, 0, 0, 0)
        if number >= first and close:
            out.append((number * interval_ms, *row))
    return out


def plain(found: Any) -> list[tuple[int, ...]]:
    names = ("start_ms", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots", "notional_lot_ticks")
    return [tuple(int(row[name]) for name in (*names, "trades")) for row in found]


def arrays(trades: list[Trade]) -> list[np.ndarray]:
    return [np.array([trade[at] for trade in trades], np.int64) for at in range(4)]


@pytest.mark.parametrize("seed", range(12))
def test_in_whatever_order_and_however_often_trades_come_the_candles_are_the_same(seed: int) -> None:
    generator = np.random.default_rng(seed)
    times = np.sort(generator.integers(5_000_000, 5_000_000 + 60 * INTERVAL_MS, 300))
    times[150:] += 9 * INTERVAL_MS
    trades = [
        (int(ms), 10 + 3 * at, int(generator.integers(90, 111)), int(generator.integers(1, 50)))
        for at, ms in enumerate(times)
    ]
    candles, given, fresh = Candles(INTERVAL_MS, 40), [], 0
    for start in range(0, 300, 20):
        batch = trades[start : start + 20]
        late = [trade for trade in trades[:start] if trade[0] // INTERVAL_MS > batch[-1][0] // INTERVAL_MS - 20]
        again = [late[at] for at in generator.integers(0, len(late), 10)] if late else []
        held_back = [trade for trade in batch if generator.random() < 0.2]
        mixed = [trade for trade in batch if trade not in held_back] + again
        generator.shuffle(mixed)
        mixed = [tuple(int(value) for value in trade) for trade in mixed]
        fresh += candles.add(*arrays(mixed)) + candles.add(*arrays(held_back)) + candles.add(*arrays(held_back))
        given += mixed + held_back
        newest = max(trade[0] for trade in given) // INTERVAL_MS
        first = newest - 39
        assert plain(candles.rows(0, 1 << 50)) == reference(given, INTERVAL_MS, first, newest + 1)
        middle = (newest - 7) * INTERVAL_MS
        assert plain(candles.rows(middle, middle + 3_000)) == reference(given, INTERVAL_MS, newest - 7, newest - 4)
    assert fresh == 300


def test_a_gap_shows_the_close_before_it_and_nothing_stands_before_the_first_trade() -> None:
    candles = Candles(INTERVAL_MS, 5)
    assert len(candles.rows(0, 10_000)) == 0
    candles.add(*arrays([(2_100, 1, 100, 5), (2_050, 2, 101, 1)]))
    candles.add(*arrays([(5_999, 3, 90, 2)]))
    assert plain(candles.rows(0, 10_000)) == [
        (2_000, 100, 101, 100, 101, 6, 601, 2),
        (3_000, 101, 101, 101, 101, 0, 0, 0),
        (4_000, 101, 101, 101, 101, 0, 0, 0),
        (5_000, 90, 90, 90, 90, 2, 180, 1),
    ]
    # The last trade with a price before the intervals that are kept still stands in their gaps.
    candles.add(*arrays([(11_000, 4, 80, 1)]))
    assert [row[4] for row in plain(candles.rows(0, 20_000))] == [90, 90, 90, 90, 80]


def test_what_does_not_fit_is_refused_and_nothing_of_it_taken() -> None:
    candles = Candles(INTERVAL_MS, 5, trades_capacity=4)
    candles.add(*arrays([(9_000, 7, 100, 5), (9_001, 8, 101, 1)]))
    before = plain(candles.rows(0, 20_000))
    for trade, text in (
        ((4_999, 9, 1, 1), "oldest time that is kept, ms: found 4999 entries, needed 5000"),
        ((-1, 9, 1, 1), "time_ms: found -1"),
        ((9_000, -9, 1, 1), "sequence: found -9"),
        ((9_000, 9, 0, 1), "price_ticks: found 0"),
        ((9_000, 9, 1, 0), "lots: found 0"),
        ((9_000, 9, 1 << 40, 1 << 40), "sum of lots times ticks"),
    ):
        with pytest.raises(ShapeError, match=text):
            candles.add(*arrays([(9_500, 11, 100, 1), trade]))
    with pytest.raises(ShapeError, match="lots: found 1 entries, needed 2"):
        candles.add(*arrays([(9_500, 11, 100, 1), (9_500, 12, 100, 1)])[:3], np.ones(1, np.int64))
    with pytest.raises(CapacityError, match="sequences of trades are full: 5 of 4 used"):
        candles.add(*arrays([(9_500, at, 100, 1) for at in (11, 12, 13)]))
    assert plain(candles.rows(0, 20_000)) == before
    candles.drop_before(8)
    assert candles.add(*arrays([(9_000, 7, 100, 5), (9_500, 11, 103, 1)])) == 1
    assert plain(candles.rows(0, 20_000))[0][5] == 7
    for numbers in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(ShapeError):
            Candles(numbers[0], numbers[1], trades_capacity=numbers[2])
