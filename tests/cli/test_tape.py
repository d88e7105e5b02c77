"""Tapes: the generator is the same everywhere, files are read exactly, and bad ones name the rule and the value."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from evertide_cli.quickstart import tape as tapes
from evertide_cli.quickstart.tape import MICRO, TapeProblem

HEADER = "timestamp,open,high,low,close,volume\n"
GOOD = [
    "2022-01-01 00:00:00.000000,46319.0,46385.0,46319.0,46377.0,2300413.7295",
    "2022-01-01 00:01:00.000000,46377.0,46412.0,46377.0,46411.25,1829623.1938",
    "2022-01-01 00:02:00.000000,46411.25,46425.0,46400.0,46425.0,466452.1722",
]


def written(folder: Path, rows: list[str], name: str = "tape.csv", header: str = HEADER) -> Path:
    path = folder / name
    text = header + "\n".join(rows) + "\n"
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["tape.csv", "tape.csv.gz"])
def test_reads_prices_exactly(tmp_path: Path, name: str) -> None:
    tape = tapes.load(written(tmp_path, GOOD, name), None, 3, 1)
    assert tape.interval_ms == 60_000
    assert [bar.close for bar in tape.bars] == [46377 * MICRO, 46411 * MICRO + 250_000, 46425 * MICRO]
    assert tape.bars[0].time_ms == 1_640_995_200_000
    assert tape.bars[1].volume == Decimal("1829623.1938")


def test_starts_at_the_time_asked_for(tmp_path: Path) -> None:
    tape = tapes.load(written(tmp_path, GOOD), "2022-01-01T00:01", 2, 1)
    assert [bar.open for bar in tape.bars] == [46377 * MICRO, 46411 * MICRO + 250_000]


@pytest.mark.parametrize(
    ("rows", "count", "words"),
    [
        ([GOOD[0], GOOD[1], "2022-01-01 00:04:00,1,1,1,1,1"], 3, ["hole", "180 s", "60 s", "line 4"]),
        ([GOOD[0], GOOD[0]], 2, ["not after"]),
        ([GOOD[1], GOOD[0]], 2, ["not after"]),
        ([GOOD[0], "2022-01-01 00:01:00,abc,1,1,1,1"], 2, ["open must be a number", "'abc'"]),
        ([GOOD[0], "2022-01-01 00:01:00,NaN,1,1,1,1"], 2, ["finite"]),
        ([GOOD[0], "2022-01-01 00:01:00,0,1,0,1,1"], 2, ["above 0", "found 0"]),
        ([GOOD[0], "2022-01-01 00:01:00,1,1,1,-2,1"], 2, ["close", "-2"]),
        ([GOOD[0], "2022-01-01 00:01:00,5,4,3,3,1"], 2, ["high", "found high 4", "below 5"]),
        ([GOOD[0], "2022-01-01 00:01:00,5,6,5.5,6,1"], 2, ["low", "5.5", "above 5"]),
        ([GOOD[0], "2022-01-01 00:01:00,5,6"], 2, ["6 fields", "found 3"]),
        ([GOOD[0], "yesterday,1,1,1,1,1"], 2, ["'yesterday'", "line 3"]),
        ([GOOD[0], "2022-01-01 00:01:00,1e40,1e40,1,1,1"], 2, ["at most", "1e40"]),
        (GOOD, 4, ["4 bars wanted", "3 there"]),
        ([], 1, ["no bars"]),
    ],
)
def test_refuses_bad_tapes(tmp_path: Path, rows: list[str], count: int, words: list[str]) -> None:
    with pytest.raises(TapeProblem) as caught:
        tapes.load(written(tmp_path, rows), None, count, 1)
    for word in words:
        assert word in str(caught.value)


def test_refuses_what_is_no_tape(tmp_path: Path) -> None:
    with pytest.raises(TapeProblem, match="does not exist"):
        tapes.load(tmp_path / "none.csv", None, 1, 1)
    with pytest.raises(TapeProblem, match="'open' is missing"):
        tapes.load(written(tmp_path, GOOD, header="timestamp,high,low,close,volume\n"), None, 1, 1)
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress((HEADER + GOOD[0] + "\n").encode() * 500)[:60])
    with pytest.raises(TapeProblem, match="cannot be read"):
        tapes.load(broken, None, 100, 1)
    with pytest.raises(TapeProblem, match="at least 1"):
        tapes.load(None, None, 0, 1)
    with pytest.raises(TapeProblem, match="'noon'"):
        tapes.load(None, "noon", 1, 1)


def test_generator_is_fixed_by_its_seed() -> None:
    one, again, other = (tapes.load(None, None, 180, seed) for seed in (7, 7, 8))
    assert one == again
    assert one.bars != other.bars
    start_ms = tapes.parse_time(tapes.DEFAULT_START, "start")
    fixed = tapes.generate(3, start_ms=start_ms, seed=tapes.DEFAULT_SEED, interval_ms=240_000)
    assert [bar.close - tapes.DEFAULT_PRICE for bar in fixed.bars] == EXPECTED_FIRST_CLOSES


EXPECTED_FIRST_CLOSES = [13_336_062, 21_875_270, 35_919_156]


def test_generator_has_an_hour_up_and_an_hour_down() -> None:
    tape = tapes.load(None, None, 40, tapes.DEFAULT_SEED)
    hour = 3_600_000 // tape.interval_ms
    bars = tape.bars
    assert bars[hour - 1].close > bars[0].open
    assert bars[2 * hour - 1].close < bars[hour].open
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


@pytest.mark.parametrize("interval_ms", [60_000, 300_000, 600_000])
@pytest.mark.parametrize("seed", [tapes.DEFAULT_SEED, 1, 2])
def test_generator_crashes_after_the_two_hours_and_recovers_in_part(seed: int, interval_ms: int) -> None:
    """6 % in ten minutes, 1.5 % more, 3 % back; the followers by their betas; the noise is small beside that."""
    bars = 4 * 3_600_000 // interval_ms
    tape = tapes.generate(bars, start_ms=1_700_000_000_000, seed=seed, interval_ms=interval_ms)
    prices = tapes.prices_of(tape, seed)

    def change_bps(symbol: str, from_minute: int, to_minute: int) -> int:
        before, after = (prices[symbol][minute * 60_000 // interval_ms - 1] for minute in (from_minute, to_minute))
        return (after - before) * 10_000 // before

    falls = {"BTC-PERP": -600, "ETH-PERP": -690, "SOL-PERP": -870}
    for symbol, fall in falls.items():
        assert abs(change_bps(symbol, 150, 160) - fall) < 60
        assert change_bps(symbol, 160, 170) < -80
        assert change_bps(symbol, 170, 180) > 220
        assert change_bps(symbol, 150, 180) < -300
        assert abs(change_bps(symbol, 120, 150)) < 60
    assert abs(change_bps("BTC-PERP", 180, 240) - 60) < 40


def test_the_crash_comes_once() -> None:
    tape = tapes.generate(36, start_ms=1_700_000_000_000, seed=1, interval_ms=600_000)
    deep = [at for at, bar in enumerate(tape.bars) if (bar.close - bar.open) * 100 < -bar.open]
    assert deep == [15, 16]


def test_followers_move_with_the_tape_by_their_beta() -> None:
    tape = tapes.load(None, None, 120, 3)
    fall = tapes.Tape(
        "test", 60_000, tuple(bar_scaled(bar, 100 - position // 12) for position, bar in enumerate(tape.bars))
    )
    prices = tapes.prices_of(fall, 3)
    assert set(prices) == {"BTC-PERP", "ETH-PERP", "SOL-PERP"}
    btc, eth, sol = (prices[name][-1] * 1000 // prices[name][0] for name in ("BTC-PERP", "ETH-PERP", "SOL-PERP"))
    assert btc < 930
    assert eth < btc
    assert sol < eth


def bar_scaled(bar: tapes.Bar, percent: int) -> tapes.Bar:
    price = tapes.DEFAULT_PRICE * percent // 100
    return tapes.Bar(bar.time_ms, price, price, price, price, bar.volume)


def test_bars_are_merged_to_a_longer_interval() -> None:
    tape = tapes.generate(7, start_ms=1_700_000_000_000, seed=3, interval_ms=60_000)
    merged = tapes.merge(tape, 3)
    assert (merged.interval_ms, len(merged.bars)) == (180_000, 3)
    first, parts = merged.bars[0], tape.bars[:3]
    assert (first.time_ms, first.open, first.close) == (parts[0].time_ms, parts[0].open, parts[2].close)
    assert (first.high, first.low) == (max(bar.high for bar in parts), min(bar.low for bar in parts))
    assert first.volume == sum(bar.volume for bar in parts)
    assert merged.bars[2] == tape.bars[6]


def test_a_longer_interval_comes_from_a_file_or_the_generator(tmp_path: Path) -> None:
    assert tapes.load(None, None, 4, 1, 20).interval_ms == 20 * 60_000
    path = tmp_path / "bars.csv"
    bars = tapes.generate(6, start_ms=1_700_000_000_000, seed=3, interval_ms=120_000).bars
    rows = [f"{tapes.format_time(bar.time_ms)},1,2,1,2,{number}" for number, bar in enumerate(bars)]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    loaded = tapes.load(path, None, 2, 1, 6)
    assert (loaded.interval_ms, [bar.volume for bar in loaded.bars]) == (360_000, [3, 12])
    for minutes, words in ((3, "multiple of its own 120 s, found 180 s"), (1, "120 s, found 60 s")):
        with pytest.raises(TapeProblem, match=words):
            tapes.load(path, None, 1, 1, minutes)
    for minutes in (0, 61):
        with pytest.raises(TapeProblem, match=f"must be 1 to 60, found {minutes}"):
            tapes.load(None, None, 1, 1, minutes)
