"""Price tapes: bars of one market, from a file or a seeded generator, and the markets that follow it by betas.

All prices are whole micro-USD (1e-6 USD), all times unix milliseconds in UTC. Nothing here uses a float, so a seed
gives the same tape on every machine.

The generator's bar (see `generate`): return_e9 = drift_e9(time) + noise, price' = price * (1e9 + return_e9) / 1e9
rounded down, in four steps a bar; noise is the sum of twelve uniform draws (Irwin-Hall, close to normal). The drift is
up in the first hour of every three, down in the second, flat in the third, but for one crash: from 2 h 30 min to
2 h 40 min the price loses 6 %, in the next ten minutes 1.5 % more, and until 3 h it takes 3 % back. By their betas ETH
falls 1.15 and SOL 1.45 times as far: 6.9 % and 8.7 % in the first ten minutes.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TextIO

from evertide_cli.errors import UsageProblem

MICRO = 1_000_000
E9 = 1_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DEFAULT_INTERVAL_MS = 10 * MINUTE_MS
INTERVAL_MAX_MINUTES = HOUR_MS // MINUTE_MS
COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
PRICE_MAX = 10**9 * MICRO
VOLUME_MAX = Decimal(10) ** 18

DEFAULT_SEED = 20_220_120
DEFAULT_START = "2026-01-05T00:00:00"
DEFAULT_PRICE = 46_000 * MICRO
STEPS_PER_BAR = 4
STEP_NOISE_E9 = 130_000
HOURLY_DRIFT_E9 = (6_000_000, -6_000_000, 0)
# (from, to, change over all of it) since the first bar: a crash, what follows it, a partial recovery.
SHOCKS = (
    (150 * MINUTE_MS, 160 * MINUTE_MS, -60_000_000),
    (160 * MINUTE_MS, 170 * MINUTE_MS, -15_000_000),
    (170 * MINUTE_MS, 180 * MINUTE_MS, 30_000_000),
)


class TapeProblem(UsageProblem):
    """A tape cannot be used; names the file, the line, the rule and the value."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. Prices in micro-USD; volume in the file's own unit."""

    time_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Tape:
    """Bars at one distance from each other, without holes."""

    source: str
    interval_ms: int
    bars: tuple[Bar, ...]


def parse_time(text: str, source: str) -> int:
    """Unix ms of an ISO 8601 time; UTC when it names no zone. Raises TapeProblem."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TapeProblem(f"{source}: {text!r} is not a time such as 2022-01-20T22:53") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = int(moment.timestamp() // 1)
    if seconds <= 0:
        raise TapeProblem(f"{source}: time {text!r} must be after 1970")
    return seconds * 1000 + moment.microsecond // 1000


def format_time(time_ms: int) -> str:
    """`2022-01-20T22:53:00Z`."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(text: str, name: str, where: str, *, top: Decimal, positive: bool) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise TapeProblem(f"{where}: {name} must be a number, found {text!r}") from None
    if not value.is_finite():
        raise TapeProblem(f"{where}: {name} must be finite, found {text!r}")
    if value < 0 or (positive and value == 0):
        raise TapeProblem(f"{where}: {name} must be {'above' if positive else 'at least'} 0, found {text}")
    if value > top:
        raise TapeProblem(f"{where}: {name} must be at most {top:f}, found {text}")
    return value


def parse_bar(row: Sequence[str], order: Sequence[int], where: str) -> Bar:
    """One row of the file. Raises TapeProblem naming the rule and the value."""
    if len(row) < len(COLUMNS):
        raise TapeProblem(f"{where}: a row needs {len(COLUMNS)} fields, found {len(row)}")
    fields = [row[position] for position in order]
    limit = Decimal(PRICE_MAX // MICRO)
    prices = [
        int(_number(text, name, where, top=limit, positive=True) * MICRO)
        for name, text in zip(COLUMNS[1:5], fields[1:5], strict=True)
    ]
    first, high, low, last = prices
    if low <= 0:
        raise TapeProblem(f"{where}: low must be at least 0.000001, found {fields[3]}")
    top, bottom = max(first, last, low), min(first, last)
    if high < top:
        raise TapeProblem(
            f"{where}: high must be the greatest price, found high {fields[2]} below {Decimal(top) / MICRO}"
        )
    if low > bottom:
        raise TapeProblem(
            f"{where}: low must be the least price, found low {fields[3]} above {Decimal(bottom) / MICRO}"
        )
    volume = _number(fields[5], "volume", where, top=VOLUME_MAX, positive=False)
    return Bar(parse_time(fields[0], where), first, high, low, last, volume)


def _open(path: Path) -> TextIO:
    if not path.is_file():
        raise TapeProblem(f"tape {path} does not exist", path=path)
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open("rt", encoding="utf-8", newline="")


def _rows(path: Path) -> Iterator[tuple[str, Bar]]:
    """(where, bar) for every row of the file; the header decides the order of the columns."""
    with _open(path) as stream:
        reader = csv.reader(stream)
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise TapeProblem(f"tape {path}: the header must name {', '.join(COLUMNS)}; {missing[0]!r} is missing")
        order = [header.index(name) for name in COLUMNS]
        for row in reader:
            if row:
                where = f"tape {path} line {reader.line_num}"
                if len(row) != len(header):
                    raise TapeProblem(f"{where}: a row needs {len(header)} fields, found {len(row)}")
                yield where, parse_bar(row, order, where)


def read_tape(path: Path, start_ms: int | None, count: int) -> Tape:
    """`count` bars from the first at or after `start_ms` (None: from the first). The distance of the file's first two
    bars is the interval; any other distance up to the last bar used is a hole. Raises TapeProblem."""
    bars: list[Bar] = []
    previous: Bar | None = None
    interval_ms = 0
    try:
        for where, bar in _rows(path):
            if previous is not None:
                gap_ms = bar.time_ms - previous.time_ms
                if gap_ms <= 0:
                    before = format_time(previous.time_ms)
                    raise TapeProblem(f"{where}: time {format_time(bar.time_ms)} is not after {before}")
                interval_ms = interval_ms or gap_ms
                if gap_ms != interval_ms:
                    raise TapeProblem(
                        f"{where}: hole in the tape: {gap_ms // 1000} s after the bar of "
                        f"{format_time(previous.time_ms)}, must be {interval_ms // 1000} s"
                    )
            previous = bar
            if start_ms is None or bar.time_ms >= start_ms:
                bars.append(bar)
                if len(bars) == max(count, 2):
                    break
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TapeProblem(f"tape {path} cannot be read: {error}", path=path) from None
    if previous is None:
        raise TapeProblem(f"tape {path} has no bars")
    if len(bars) < count:
        since = "" if start_ms is None else f" from {format_time(start_ms)}"
        raise TapeProblem(f"tape {path}: {count} bars wanted, {len(bars)} there{since}")
    if interval_ms and not 1000 <= interval_ms <= HOUR_MS:
        raise TapeProblem(f"tape {path}: bars must be 1 s to 3600 s apart, found {Decimal(interval_ms) / 1000} s")
    return Tape(str(path), interval_ms or MINUTE_MS, tuple(bars[:count]))


def noise_e9(source: random.Random, deviation_e9: int) -> int:
    """A draw close to normal with mean 0 and the given deviation: twelve uniform integers, summed and centred."""
    scale = 1_000_000
    total = sum(source.randrange(scale) for _ in range(12)) - 6 * scale
    return total * deviation_e9 // scale


def drift_e9(from_ms: int, to_ms: int) -> int:
    """The generator's change between two times since the first bar, 1e-9: the hour's drift and the shocks' parts."""
    hourly = HOURLY_DRIFT_E9[from_ms // HOUR_MS % len(HOURLY_DRIFT_E9)] * (to_ms - from_ms) // HOUR_MS
    for begin_ms, end_ms, change_e9 in SHOCKS:
        shared_ms = min(to_ms, end_ms) - max(from_ms, begin_ms)
        if shared_ms > 0:
            hourly += change_e9 * shared_ms // (end_ms - begin_ms)
    return hourly


def generate(count: int, *, start_ms: int, seed: int = DEFAULT_SEED, interval_ms: int = DEFAULT_INTERVAL_MS) -> Tape:
    """The project's own tape: `count` bars from a seed."""
    source = random.Random(seed)
    price = DEFAULT_PRICE
    bars: list[Bar] = []
    for position in range(count):
        path = [price]
        for step in range(STEPS_PER_BAR):
            begin_ms = (position * STEPS_PER_BAR + step) * interval_ms // STEPS_PER_BAR
            drift = drift_e9(begin_ms, begin_ms + interval_ms // STEPS_PER_BAR)
            price = price * (E9 + drift + noise_e9(source, STEP_NOISE_E9)) // E9
            path.append(price)
        volume = Decimal(source.randrange(200_000, 2_500_000))
        bars.append(Bar(start_ms + position * interval_ms, path[0], max(path), min(path), path[-1], volume))
    return Tape(f"generator, seed {seed}", interval_ms, tuple(bars))


def merge(tape: Tape, size: int) -> Tape:
    """Bars of `size` bars each: the first's open and time, the last's close, the extremes, all volume."""
    groups = [tape.bars[at : at + size] for at in range(0, len(tape.bars), size)]
    bars = tuple(
        Bar(
            group[0].time_ms,
            group[0].open,
            max(bar.high for bar in group),
            min(bar.low for bar in group),
            group[-1].close,
            sum((bar.volume for bar in group), Decimal(0)),
        )
        for group in groups
    )
    return Tape(tape.source, tape.interval_ms * size, bars)


def load(path: Path | None, start: str | None, count: int, seed: int, interval_minutes: int | None = None) -> Tape:
    """The tape that the command line asks for; bars of a file are merged to the interval that it asks for."""
    if count < 1:
        raise TapeProblem(f"--bars must be at least 1, found {count}")
    if interval_minutes is not None and not 1 <= interval_minutes <= INTERVAL_MAX_MINUTES:
        raise TapeProblem(f"--interval-minutes must be 1 to {INTERVAL_MAX_MINUTES}, found {interval_minutes}")
    wanted_ms = None if interval_minutes is None else interval_minutes * MINUTE_MS
    if path is None:
        start_ms = parse_time(start or DEFAULT_START, "--from")
        return generate(count, start_ms=start_ms, seed=seed, interval_ms=wanted_ms or DEFAULT_INTERVAL_MS)
    first_ms = None if start is None else parse_time(start, "--from")
    if wanted_ms is None:
        return read_tape(path, first_ms, count)
    own_ms = read_tape(path, first_ms, 2).interval_ms
    size, rest = divmod(wanted_ms, own_ms)
    if rest or not size:
        raise TapeProblem(
            f"tape {path}: --interval-minutes must be a multiple of its own {own_ms // 1000} s, "
            f"found {wanted_ms // 1000} s"
        )
    return merge(read_tape(path, first_ms, count * size), size)


@dataclass(frozen=True, slots=True)
class Follower:
    """A market that follows the tape: starts at tape * ratio, moves by beta times the tape's return plus own noise."""

    symbol: str
    ratio_e9: int
    beta_e9: int
    own_noise_e9: int


FOLLOWERS = (
    Follower("ETH-PERP", ratio_e9=66_000_000, beta_e9=1_150_000_000, own_noise_e9=120_000),
    Follower("SOL-PERP", ratio_e9=3_300_000, beta_e9=1_450_000_000, own_noise_e9=200_000),
)


def follow(tape: Tape, follower: Follower, seed: int) -> tuple[int, ...]:
    """One price (micro-USD) for each bar: each bar's return is beta times the tape's, plus seeded noise."""
    source = random.Random(f"{seed}/{follower.symbol}")
    price = max(tape.bars[0].open * follower.ratio_e9 // E9, 1)
    last = tape.bars[0].open
    prices: list[int] = []
    for bar in tape.bars:
        move_e9 = (bar.close - last) * E9 // last
        step_e9 = move_e9 * follower.beta_e9 // E9 + noise_e9(source, follower.own_noise_e9)
        price = max(price * max(E9 + step_e9, 1) // E9, 1)
        last = bar.close
        prices.append(price)
    return tuple(prices)


def prices_of(tape: Tape, seed: int) -> dict[str, tuple[int, ...]]:
    """Closing prices (micro-USD) for each market, bar by bar."""
    leader = {"BTC-PERP": tuple(bar.close for bar in tape.bars)}
    return leader | {item.symbol: follow(tape, item, seed) for item in FOLLOWERS}
