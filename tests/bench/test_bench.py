"""Every case of the benchmark at a tiny size: it works, all books agree, and what is written is what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import matching, native
from bench.__main__ import TABLES, main, measured
from bench.chart import draw
from bench.measure import OURS, Measure, Target, Timing, WorkDiffers, shown, timing_of
from bench.plain_book import PlainBook
from bench.report import Report, as_json, tables
from bench.run import TINY
from bench.streams import EXCHANGE_CORE, MAKER_HEAVY, Kind, drawn

COPY_BYTES = 1 << 20


@pytest.fixture(scope="module", params=sorted(TABLES))
def report(request: pytest.FixtureRequest) -> Iterator[Report]:
    """One table, measured at the tiny size."""
    yield measured([request.param], TINY, None, COPY_BYTES)


def test_every_table_has_a_line_of_ours_for_each_work(report: Report) -> None:
    assert report.lines
    for line in report.lines:
        assert report.ours(line) is not None
        assert line.seconds > 0 and line.count > 0 and line.timing.calls > 0
        timing = line.timing
        assert timing.best_s <= timing.p50_s * 1.002 and timing.p50_s <= timing.p99_s <= timing.p999_s


def test_text_json_and_chart_hold_the_same_lines(report: Report, tmp_path: Path) -> None:
    text, plain = tables(report), json.loads(json.dumps(as_json(report)))
    assert [(each["name"], each["by"]) for each in plain["measures"]] == [(line.name, line.by) for line in report.lines]
    for line in report.lines:
        assert line.name in text and line.by in text
    for suffix in (".svg", ".png"):
        file = tmp_path / f"chart{suffix}"
        draw(report, file)
        assert file.stat().st_size > 1_000


@pytest.mark.parametrize("mix", [EXCHANGE_CORE, MAKER_HEAVY], ids=lambda mix: mix.name)
def test_a_stream_is_the_mix_that_it_says(mix: object) -> None:
    assert mix in (EXCHANGE_CORE, MAKER_HEAVY)
    chosen = EXCHANGE_CORE if mix is EXCHANGE_CORE else MAKER_HEAVY
    stream = drawn(chosen, 20_000)
    shares = stream.shares()
    wanted = {
        Kind.GTC: chosen.gtc,
        Kind.IOC: chosen.ioc,
        Kind.POST_ONLY: chosen.post_only,
        Kind.CANCEL: chosen.cancel,
        Kind.MOVE: 100 - chosen.gtc - chosen.ioc - chosen.post_only - chosen.cancel,
    }
    for kind, percent in wanted.items():
        assert abs(shares[kind.name] * 100 - percent) < 1, kind
    assert abs(len(stream.book.orders) - chosen.live) < chosen.live // 10
    # Every message does something: what it names rests, and what crosses is filled whole.
    book = PlainBook()
    for row in stream.messages.tolist():
        order_id, _, lots, _, kind, _, _ = row
        if kind >= Kind.CANCEL:
            assert order_id in book.orders
        before = len(book.fills)
        matching.step(book, row)
        filled = sum(fill[3] for fill in book.fills[before:])
        assert filled in (0, lots) and (kind != Kind.IOC or filled == lots)
    takers = len({fill[0] for fill in stream.book.fills})
    assert takers > (800 if chosen is EXCHANGE_CORE else 300)


def test_books_that_differ_are_never_compared() -> None:
    stream = drawn(EXCHANGE_CORE, 500)
    found = matching.ours(stream, 100, 1)
    matching.require_equal(stream, [found, matching.plain(stream, 100)])
    with pytest.raises(WorkDiffers, match=f"exchange-core's mix: lots of evertide is {found.lots + 1}, of"):
        matching.require_equal(stream, [replace(found, lots=found.lots + 1)])
    fills = np.array(stream.book.fills, np.uint64)
    assert matching.digest(fills) == found.fills_sha256 != matching.digest(fills[::-1])


@pytest.mark.data
def test_the_recorded_day_ends_with_the_book_of_the_feed(data_directory: Path) -> None:
    from bench.recorded import FILE, read, recorded, resting_at

    stream = recorded(data_directory / FILE)
    live = resting_at(read(data_directory / FILE))
    assert {key: tuple(order) for key, order in stream.book.orders.items()} == live
    assert int(stream.facts["trades as recorded"]) > 0.9 * int(stream.facts["trades"]) > 2_000
    batch = 1_000
    matching.require_equal(stream, [matching.ours(stream, batch, 1), matching.plain(stream, batch)])


@pytest.mark.data
def test_other_crates_play_the_recorded_day_alike(data_directory: Path, tmp_path: Path) -> None:
    from bench.recorded import FILE, recorded

    stream, program = recorded(data_directory / FILE), native.build()
    stream.messages.tofile(tmp_path / "stream.bin")
    found = [native.play(program, book, tmp_path / "stream.bin", stream.prefill, 1_000, 1) for book in native.BOOKS]
    matching.require_equal(stream, found)


def test_a_refused_message_fails_with_the_crates_words(tmp_path: Path) -> None:
    stream = drawn(EXCHANGE_CORE, 10)
    broken = stream.messages.copy()
    broken["lots"][0] = 0
    broken.tofile(tmp_path / "stream.bin")
    with pytest.raises(native.PeersUnavailable, match="matchcore could not play"):
        native.play(native.build(), "matchcore", tmp_path / "stream.bin", stream.prefill, 10, 1)


def test_quantiles_are_those_of_the_calls() -> None:
    timing = timing_of(range(1, 1_001))
    assert (timing.best_s, timing.calls) == (1e-9, 1_000)
    assert [round(part * 1e9) for part in (timing.p50_s, timing.p99_s, timing.p999_s)] == [500, 990, 999]


def test_targets_are_limits_of_time_or_rate() -> None:
    timing = Timing(1.0, 1.0, 1.0, 1.0, 1)
    line = Measure(table="t", name="n", count=10, unit="u", seconds=2.0, timing=timing)
    assert line.is_met is None
    assert [replace(line, target=Target(most_s=most)).is_met for most in (2.0, 1.9)] == [True, False]
    assert [replace(line, target=Target(least_per_second=least)).is_met for least in (5.0, 5.1)] == [True, False]
    other = replace(line, by="other", seconds=6.0)
    report = Report([line, other], [], 1e9, 0.0)
    assert (report.ratio(line), report.ratio(other)) == (None, 3.0)
    assert (line.by, shown(0.0123), shown(4e-8)) == (OURS, "12.3 ms", "40 ns")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "nothing"], "--only nothing: the tables are"),
        (["--data", "/no/such/folder"], "--data /no/such/folder: no such folder"),
        (["--chart", "chart.gif"], "--chart chart.gif: must end in .svg or .png"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
