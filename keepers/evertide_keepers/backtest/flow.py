"""Order flow to run against: recorded trades, or a generator with a seed. Integers only, so that it repeats everywhere.

Recorded trades tell no book, so one is put around them: the last buyer's price is the ask and the last seller's the
bid, with `levels` of `depth_lots` behind. One's own quote fills before it at a better price, and after it at the same.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from evertide.math import ticks_floor
from evertide.strategies import PriceLevel

from .errors import TapeError
from .feed import FeedEvent, IndexPrice, OthersQuotes, OthersTrade
from .terms import BacktestMarket

MICRO = 1_000_000
E9 = 1_000_000_000
BPS = 10_000
COLUMNS = ("time_ms", "price", "size", "side")


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """One trade of a tape: price in micro-USD, size in 1e-9 base units, `buy` when the taker bought."""

    time_ms: int
    price_micro: int
    size_e9: int
    buy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BookShape:
    """The others' book: levels on each side, ticks between them, lots on each."""

    levels: int = 10
    step_ticks: int = 1
    depth_lots: int = 1_000

    def side(self, best_ticks: int, lots: int, *, ask: bool) -> tuple[PriceLevel, ...]:
        """A side from its best price, where at least `lots` are."""
        step = self.step_ticks if ask else -self.step_ticks
        prices = [best_ticks + step * level for level in range(self.levels)]
        found = [PriceLevel(ticks, self.depth_lots) for ticks in prices if ticks > 0]
        return (PriceLevel(best_ticks, max(lots, self.depth_lots)), *found[1:])


def _scaled(text: str, scale: int, name: str, where: str) -> int:
    """A positive decimal in its unit, rounded down. Raises `TapeError`."""
    try:
        value = Decimal(text.strip())
        whole = int((value * scale).to_integral_value(ROUND_DOWN)) if value.is_finite() else 0
    except InvalidOperation:
        raise TapeError(f"{where}: {name}", repr(text), "a decimal number") from None
    if not 0 < whole < 2**62:
        raise TapeError(f"{where}: {name}", text, f"above 0 and below {2**62 // scale}")
    return whole


def read_trades(path: Path) -> Iterator[RecordedTrade]:
    """Trades of a CSV (plain or gzip) with a header: time_ms, price (USD), size (base units), side (buy or sell).

    Raises `TapeError` with the line.
    """
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as rows:
            reader = csv.DictReader(rows)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise TapeError(f"{path}: columns", ", ".join(reader.fieldnames or ("none",)), ", ".join(COLUMNS))
            for row in reader:
                yield _trade(row, f"{path} line {reader.line_num}")
    except OSError as error:
        raise TapeError(f"tape {path}", error.strerror or error, "a readable CSV") from None
    except (EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TapeError(f"tape {path}", error, "a readable CSV") from None


def _trade(row: Mapping[str, Any], where: str) -> RecordedTrade:
    texts = {name: row[name] for name in COLUMNS}
    absent = [name for name, text in texts.items() if text is None]
    if absent:
        raise TapeError(f"{where}: {absent[0]}", "nothing", "a value")
    if texts["side"] not in ("buy", "sell"):
        raise TapeError(f"{where}: side", repr(texts["side"]), "buy or sell")
    time_ms = _scaled(texts["time_ms"], 1, "time_ms", where)
    price, size = _scaled(texts["price"], MICRO, "price", where), _scaled(texts["size"], E9, "size", where)
    return RecordedTrade(time_ms, price, size, texts["side"] == "buy")


def trades_feed(
    trades: Iterable[RecordedTrade], market: BacktestMarket, shape: BookShape | None = None
) -> Iterator[FeedEvent]:
    """Index, book and takers of recorded trades. The index is the last trade's price; prices to ticks down, sizes to
    lots down, at least one.
    """
    chosen, bid, ask = shape or BookShape(), 0, 0
    for trade in trades:
        index = market.price_q32(trade.price_micro)
        ticks = max(ticks_floor(index, market.atoms_per_lot_tick), 1)
        lots = max(trade.size_e9 // market.lot_size_e9, 1)
        if trade.buy:
            ask, bid = ticks, min(bid or ticks - 1, ticks - 1)
        else:
            bid, ask = ticks, max(ask or ticks + 1, ticks + 1)
        yield IndexPrice(trade.time_ms, market.symbol, index)
        bids = chosen.side(bid, 0 if trade.buy else lots, ask=False) if bid > 0 else ()
        asks = chosen.side(ask, lots if trade.buy else 0, ask=True)
        yield OthersQuotes(trade.time_ms, market.symbol, bids, asks)
        yield OthersTrade(trade.time_ms, market.symbol, "bid" if trade.buy else "ask", ticks, lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSettings:
    """The generator's market: how far apart its events are, how wild, how wide, how busy."""

    interval_ms: int = 1_000
    #: Standard deviation of the index's change in one event, 1e-9.
    noise_e9: int = 60_000
    #: Where others see the price against the index by hour, in bps: it makes premium and funding.
    pressure_bps: tuple[int, ...] = (15, -15, 0)
    half_spread_bps: int = 2
    #: Chance of a taker in one event, percent, and its usual size.
    taker_percent: int = 40
    taker_notional_atoms: int = 2_000 * MICRO
    depth_notional_atoms: int = 20_000 * MICRO
    levels: int = 8
    step_bps: int = 2


def _noise(source: random.Random, deviation: int) -> int:
    """Close to normal: twelve uniform integers, summed and centred."""
    scale = 1_000_000
    return (sum(source.randrange(scale) for _ in range(12)) - 6 * scale) * deviation // scale


def generated_feed(
    market: BacktestMarket,
    *,
    price_micro: int,
    start_ms: int,
    duration_ms: int,
    seed: int,
    settings: FlowSettings | None = None,
    path: Sequence[tuple[int, int]] = (),
) -> Iterator[FeedEvent]:
    """A market from a seed: index, the others' book around where they see the price, and takers.

    `path` gives the index at some times (ms, micro-USD), between which it goes in a straight line, noise apart; without
    one it walks from `price_micro`.
    """
    chosen, source = settings or FlowSettings(), random.Random(f"{seed}/{market.symbol}")
    price, points = price_micro, [*path]
    for now_ms in range(start_ms, start_ms + duration_ms, chosen.interval_ms):
        if points:
            price = _along(points, now_ms)
        else:
            price = max(price * (E9 + _noise(source, chosen.noise_e9)) // E9, 1)
        yield IndexPrice(now_ms, market.symbol, market.price_q32(price))
        hour = (now_ms - start_ms) // 3_600_000
        pressure = chosen.pressure_bps[hour % len(chosen.pressure_bps)] if chosen.pressure_bps else 0
        fair = price * (BPS + pressure) // BPS
        bids, asks = (_generated_side(market, fair, chosen, source, ask=ask) for ask in (False, True))
        yield OthersQuotes(now_ms, market.symbol, bids, asks)
        if source.randrange(100) < chosen.taker_percent:
            buys = source.randrange(100) < (50 if not pressure else 60 if pressure > 0 else 40)
            lots = max(
                chosen.taker_notional_atoms * source.randrange(20, 300) // 100 * E9 // (price * market.lot_size_e9), 1
            )
            worst = fair * (BPS + (30 if buys else -30)) // BPS // market.tick_size_atoms
            yield OthersTrade(now_ms, market.symbol, "bid" if buys else "ask", max(worst, 1), lots)


def _along(points: Sequence[tuple[int, int]], now_ms: int) -> int:
    """The price of a path at a time: in a straight line between its points, rounded down, flat beyond its ends."""
    before = points[0]
    for point in points:
        if point[0] >= now_ms:
            span = point[0] - before[0]
            return point[1] if span <= 0 else before[1] + (point[1] - before[1]) * (now_ms - before[0]) // span
        before = point
    return points[-1][1]


def _generated_side(
    market: BacktestMarket, fair_micro: int, settings: FlowSettings, source: random.Random, *, ask: bool
) -> tuple[PriceLevel, ...]:
    sign, found, last = (1 if ask else -1), list[PriceLevel](), 0
    for level in range(settings.levels):
        distance = settings.half_spread_bps + level * settings.step_bps
        exact = fair_micro * (BPS + sign * distance)
        ticks = exact // (BPS * market.tick_size_atoms) if not ask else -(-exact // (BPS * market.tick_size_atoms))
        lots = (
            settings.depth_notional_atoms * source.randrange(50, 151) // 100 * E9 // (fair_micro * market.lot_size_e9)
        )
        if ticks > 0 and ticks != last:
            found.append(PriceLevel(ticks, max(lots, 1)))
        last = ticks
    return tuple(found)
