"""Candles from trades: open, high, low, close, volume, notional and count of each interval, in integers.

    candles = Candles(interval_ms=60_000, capacity=10_000)
    candles.add(time_ms, sequence, price_ticks, lots)   # arrays, as they come
    candles.rows(from_ms, to_ms)                        # every interval, the empty ones too

Rules. A trade belongs to the interval `time_ms // interval_ms`. Trades are told apart and ordered by their sequence, a
number that rises with every trade of the market (the slot and place of its event): one that was taken already is
passed over, whatever came between. A late one is taken as long as its interval is kept: volume, high and low take it
at once, open and close only where its sequence is the lowest or highest of the interval. An interval without a trade
shows the close before it as all four prices and no volume; before the first trade there are none. The last `capacity`
intervals are kept; a trade older than these is refused with all of its batch. So are trades beyond the room for
sequences, until `drop_before` says which of them cannot come again.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .errors import CapacityError, ShapeError
from .wide import Int

CANDLE = np.dtype(
    [
        ("start_ms", "<i8"),
        ("open_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("close_ticks", "<i8"),
        ("volume_lots", "<i8"),
        ("notional_lot_ticks", "<i8"),
        ("trades", "<i8"),
        ("first_sequence", "<i8"),
        ("last_sequence", "<i8"),
    ]
)
"""One interval; `notional_lot_ticks` is the sum of lots times ticks."""
VALUE_MOST = float(1 << 62)
NO_SEQUENCE = np.int64(-1)
MIXER = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def place_of(seen, sequence: Int) -> Int:
    """Where a sequence stands in a table of open addressing, or the free place where it would."""
    mask = np.uint64(seen.shape[0] - 1)
    at = (np.uint64(sequence) * MIXER >> np.uint64(20)) & mask
    while seen[at] != NO_SEQUENCE and seen[at] != sequence:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@njit(cache=True)
def take_trades(time_ms, sequence, ticks, lots, interval_ms: Int, rows, seen, floor: Int, dropped) -> Int:
    """Take trades whose intervals are in the window into the ring `rows`; how many were new.

    `dropped` keeps start and close of the latest interval that had to make room.
    """
    fresh = 0
    for at in range(time_ms.shape[0]):
        where = place_of(seen, sequence[at])
        if seen[where] == sequence[at] or sequence[at] < floor:
            continue
        seen[where] = sequence[at]
        fresh += 1
        start = time_ms[at] // interval_ms * interval_ms
        row = rows[time_ms[at] // interval_ms % rows.shape[0]]
        price, size = ticks[at], lots[at]
        if row.trades != 0 and row.start_ms != start and row.start_ms > dropped[0]:
            dropped[0], dropped[1] = row.start_ms, row.close_ticks
        if row.start_ms != start or row.trades == 0:
            row.start_ms, row.open_ticks, row.close_ticks = start, price, price
            row.high_ticks, row.low_ticks, row.volume_lots, row.notional_lot_ticks, row.trades = price, price, 0, 0, 0
            row.first_sequence, row.last_sequence = sequence[at], sequence[at]
        row.high_ticks, row.low_ticks = max(row.high_ticks, price), min(row.low_ticks, price)
        if sequence[at] < row.first_sequence:
            row.first_sequence, row.open_ticks = sequence[at], price
        if sequence[at] > row.last_sequence:
            row.last_sequence, row.close_ticks = sequence[at], price
        row.volume_lots += size
        row.notional_lot_ticks += size * price
        row.trades += 1
    return fresh


@njit(cache=True)
def fill_gaps(rows, first: Int, last: Int, interval_ms: Int, before: Int, out) -> Int:
    """Write intervals `first` to `last` (numbers, the last not included) with gaps at the close before; their number.

    `before` is the close before the first, 0 where there is none yet.
    """
    used, close = 0, before
    for number in range(first, last):
        row = rows[number % rows.shape[0]]
        if row.trades != 0 and row.start_ms == number * interval_ms:
            out[used] = row
            close, used = row.close_ticks, used + 1
        elif close != 0:
            gap = out[used]
            gap.start_ms, gap.open_ticks, gap.high_ticks = number * interval_ms, close, close
            gap.low_ticks, gap.close_ticks, gap.volume_lots = close, close, 0
            gap.notional_lot_ticks, gap.trades, gap.first_sequence, gap.last_sequence = 0, 0, -1, -1
            used += 1
    return used


class Candles:
    """Candles of one market and interval; one writer."""

    def __init__(self, interval_ms: int, capacity: int, *, trades_capacity: int = 1 << 20) -> None:
        """Room for `capacity` intervals and the sequences of `trades_capacity` trades.

        Raises:
            ShapeError: one of them is not above 0.
        """
        for what, given in (("interval, ms", interval_ms), ("intervals", capacity), ("trades", trades_capacity)):
            if given < 1:
                raise ShapeError(f"candles: {what}", given, 1)
        self.interval_ms, self.capacity, self.trades_capacity = interval_ms, capacity, trades_capacity
        self._rows = np.zeros(capacity, CANDLE)
        self._seen = np.full(1 << (2 * trades_capacity - 1).bit_length(), NO_SEQUENCE, np.int64)
        self._dropped = np.array([-1, 0], np.int64)
        self._taken, self._floor, self._newest = 0, 0, -1

    def add(
        self,
        time_ms: NDArray[np.int64],
        sequence: NDArray[np.int64],
        price_ticks: NDArray[np.int64],
        lots: NDArray[np.int64],
    ) -> int:
        """Take trades in, in any order, again or for the first time; how many were new.

        Raises:
            ShapeError: the arrays differ in length; a time or sequence is negative, a price or size not positive, a
                trade older than the intervals that are kept, or a sum of notional beyond 2^62.
            CapacityError: more sequences than there is room for. Either way nothing is taken.
        """
        arrays = [np.ascontiguousarray(each, np.int64) for each in (time_ms, sequence, price_ticks, lots)]
        for name, each in zip(("sequence", "price_ticks", "lots"), arrays[1:], strict=True):
            if len(each) != len(arrays[0]):
                raise ShapeError(f"trades: {name}", len(each), len(arrays[0]))
        if not len(arrays[0]):
            return 0
        self._require(arrays)
        times, numbers, prices, sizes = arrays
        ring, seen = self._rows, self._seen
        taken = take_trades(times, numbers, prices, sizes, self.interval_ms, ring, seen, self._floor, self._dropped)
        self._taken += taken
        self._newest = max(self._newest, int(times.max()) // self.interval_ms)
        return int(taken)

    def _require(self, arrays: list[NDArray[np.int64]]) -> None:
        for name, each, least in zip(("time_ms", "sequence", "price_ticks", "lots"), arrays, (0, 0, 1, 1), strict=True):
            if int(each.min()) < least:
                raise ShapeError(f"trades: {name}", int(each.min()), least)
        newest = max(self._newest, int(arrays[0].max()) // self.interval_ms)
        oldest_ms = max(newest - self.capacity + 1, 0) * self.interval_ms
        if int(arrays[0].min()) < oldest_ms:
            raise ShapeError("trades: oldest time that is kept, ms", int(arrays[0].min()), oldest_ms)
        sum_of = float((arrays[2].astype(np.float64) * arrays[3]).sum()) + float(self._rows["notional_lot_ticks"].max())
        if sum_of >= VALUE_MOST:
            raise ShapeError("trades: sum of lots times ticks", int(sum_of), int(VALUE_MOST))
        if self._taken + len(arrays[0]) > self.trades_capacity:
            raise CapacityError("sequences of trades", self._taken + len(arrays[0]), self.trades_capacity)

    def drop_before(self, sequence: int) -> None:
        """Make room: trades of lower sequences are from now on passed over as taken."""
        self._floor = max(self._floor, sequence)
        kept = self._seen[self._seen >= self._floor]
        self._seen[:] = NO_SEQUENCE
        for each in kept:
            self._seen[place_of(self._seen, each)] = each
        self._taken = len(kept)

    def rows(self, from_ms: int, to_ms: int) -> NDArray[np.void]:
        """The kept intervals that begin in `[from_ms, to_ms)`, rising, up to the newest trade's; a new array.

        An interval without a trade shows the close before it; before the first trade there is none.
        """
        first = max(-(-from_ms // self.interval_ms), self._newest - self.capacity + 1, 0)
        last = min(-(-to_ms // self.interval_ms), self._newest + 1)
        if last <= first:
            return np.empty(0, CANDLE)
        earlier = self._rows[(self._rows["trades"] != 0) & (self._rows["start_ms"] < first * self.interval_ms)]
        before = tuple(self._dropped)
        if len(earlier):
            latest = earlier[int(earlier["start_ms"].argmax())]
            before = max(before, (latest["start_ms"], latest["close_ticks"]))
        out = np.zeros(last - first, CANDLE)
        return out[: fill_gaps(self._rows, first, last, self.interval_ms, before[1], out)]


__all__ = ["CANDLE", "Candles"]
