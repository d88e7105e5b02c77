"""The backtest's matching, fees, funding, margin and latency by hand; and that a run repeats to the digit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backtest_world import BTC, START_MS, Timed, calm, index, limit, market, quotes, trade
from hypothesis import given, settings
from hypothesis import strategies as draw

from evertide import TimeInForce
from evertide.strategies import ModifyOrder, PlaceOrder, RunLimits, make_strategy
from evertide_keepers.backtest import (
    BacktestError,
    BacktestReport,
    BacktestSettings,
    BacktestVenue,
    FeedEvent,
    FlowSettings,
    OthersQuotes,
    RecordedTrade,
    TapeError,
    generated_feed,
    in_order,
    read_trades,
    run_backtest,
    trades_feed,
)

IOC = TimeInForce.IMMEDIATE_OR_CANCEL
AT_ONCE = BacktestSettings(latency_ms=0)


def run(strategy: Timed, feed: list[FeedEvent], **more: Any) -> BacktestReport:
    return run_backtest(strategy, [market()], feed, BacktestSettings(**({"latency_ms": 0} | more)))


def test_a_taker_pays_each_level_and_the_fee_rounded_up() -> None:
    strategy = Timed({1: [limit("bid", 10_020, 700, time_in_force=IOC)]})
    feed = calm(5_000)
    feed[1] = quotes(0, [(9_990, 500)], [(10_010, 500), (10_015, 150), (10_021, 900)])
    # Without a radius the mark is the index.
    report = run_backtest(strategy, [market(mark_radius_bps=0)], feed, AT_ONCE)
    assert [(fill.price_ticks, fill.size_lots, fill.maker) for fill in strategy.fills] == [
        (10_010, 500, False), (10_015, 150, False),
    ]  # fmt: skip
    # 500 * 10010 * 100 = 500,500,000 and 150 * 10015 * 100 = 150,225,000 atoms; 400 ppm: 200,200 and 60,090.
    assert report.volume_atoms == 650_725_000 and report.fees_atoms == 260_290
    assert report.pnl_atoms == 650 * 10_000 * 100 - 650_725_000 - 260_290
    assert report.markets[0].position_lots == 650 and report.equity_end_atoms == 100_000_000_000 + report.pnl_atoms


def test_a_quote_waits_behind_what_was_there_and_goes_first_at_a_better_price() -> None:
    strategy = Timed({1: [limit("bid", 9_990, 100), limit("bid", 9_991, 30)]})
    feed = [
        *calm(2_000),
        trade(2_100, "ask", 9_991, 20),
        trade(2_200, "ask", 9_990, 505),
        trade(2_300, "ask", 9_990, 40),
    ]
    report = run(strategy, [*feed, index(4_000, 10_000)])
    # 30 at 9,991 first; of 505 the last 10 of them and 495 of the 500 before us; 5 of theirs are before our 35.
    assert [(fill.price_ticks, fill.size_lots) for fill in strategy.fills] == [(9_991, 20), (9_991, 10), (9_990, 35)]
    assert all(fill.maker and fill.side == "bid" for fill in strategy.fills)
    assert report.markets[0].maker_fills == 3
    # 50 ppm, each rounded up: 999.1, 499.55 and 17,482.5 / 10 atoms and so on.
    assert report.fees_atoms == sum(
        -(-lots * ticks * 100 * 50 // 10**6) for ticks, lots in ((9991, 20), (9991, 10), (9990, 35))
    )


def test_lots_that_come_later_stand_behind_and_lots_that_go_leave_from_the_end() -> None:
    strategy = Timed({1: [limit("bid", 9_990, 100)]})
    feed = [
        *calm(2_000),
        quotes(2_100, [(9_990, 800)], [(10_010, 500)]),
        quotes(2_200, [(9_990, 600)], [(10_010, 500)]),
        trade(2_300, "ask", 9_990, 560),
        index(4_000, 10_000),
    ]
    run(strategy, feed)
    assert [fill.size_lots for fill in strategy.fills] == [60]


def test_a_quote_of_others_through_ones_own_order_trades_with_it() -> None:
    strategy = Timed({1: [limit("ask", 10_005, 40)]})
    run(strategy, [*calm(2_000), quotes(2_100, [(10_006, 100)], [(10_010, 500)]), index(4_000, 10_000)])
    assert [(fill.price_ticks, fill.size_lots, fill.maker, fill.side) for fill in strategy.fills] == [
        (10_005, 40, True, "ask"),
    ]  # fmt: skip
    assert strategy.views[-1].bids[0] == (10_006, 60)


def test_funding_of_an_hour_by_hand() -> None:
    """Both impact prices above the index by 20 bps for an hour fix the next hour's rate; a long pays it."""
    strategy = Timed({1: [limit("bid", 10_200, 100, time_in_force=IOC)]})
    feed: list[FeedEvent] = [index(0, 10_000), quotes(0, [(10_020, 5_000)], [(10_030, 5_000)])]
    feed += [index(at_ms, 10_000) for at_ms in range(10_000, 7_200_001, 10_000)]
    report = run_backtest(strategy, [market()], feed, BacktestSettings(latency_ms=0, interval_ms=10_000))
    # The premium is known from the first step on: 20 bps * 3590 / 3600 = 1,994,444; and 5 bps toward the interest.
    assert strategy.views[-2].funding_rate_e9 == (1_994_444 - 500_000) // 8 == 186_805
    # 100 lots are worth 100 dollars: 18,680.5 atoms, rounded up for who pays.
    assert report.funding_atoms == -18_681


def test_orders_arrive_after_the_latency_and_what_is_gone_by_then_is_counted() -> None:
    strategy = Timed({1: [limit("bid", 9_995, 10)], 3: [ModifyOrder(order_id=4, price_ticks=9_996, size_lots=10)]})
    feed = [*calm(3_000), trade(3_200, "ask", 9_995, 10), index(9_000, 10_000)]
    report = run(strategy, feed, latency_ms=500)
    assert [order.order_id for order in strategy.views[1].orders] == [3]
    strategy = Timed({1: [limit("bid", 9_995, 10)], 3: [ModifyOrder(order_id=3, price_ticks=9_996, size_lots=10)]})
    report = run(strategy, feed, latency_ms=500)
    assert [fill.time_ms - START_MS for fill in strategy.fills] == [3_200]
    assert report.refused == {"UNKNOWN_ID": 1} and report.modified == 1
    on_its_way = Timed({1: [limit("bid", 9_995, 10)]})
    run(on_its_way, feed, latency_ms=1_500)
    assert [order.order_id for order in on_its_way.views[1].orders] == [0]


def test_margin_refuses_what_equity_cannot_carry_and_the_end_comes_at_maintenance() -> None:
    # 50 dollars carry 2,000 at 2.5 %: 2,000 lots at 10,000 ticks.
    strategy = Timed({1: [limit("bid", 10_000, 2_001)], 2: [limit("bid", 10_000, 1_990)]})
    report = run(strategy, calm(4_000), equity_atoms=50_000_000)
    assert report.refused == {"INITIAL_MARGIN": 1} and len(strategy.views[-1].orders) == 1
    feed = [*calm(3_000)]
    feed[1] = quotes(0, [(9_990, 500)], [(10_000, 5_000)])
    falling = [index(4_000 + 1_000 * step, 10_000 - 20 * step) for step in range(40)]
    strategy = Timed({1: [limit("bid", 10_000, 1_900, time_in_force=IOC)]})
    report = run(strategy, [*feed, quotes(3_500, [(5_000, 1)], [(20_000, 1)]), *falling], equity_atoms=50_000_000)
    assert report.ended == "liquidation" and report.end_ms < START_MS + 43_000
    assert report.max_drawdown_atoms >= 50_000_000 - report.equity_end_atoms > 0


def test_a_loss_limit_ends_the_run() -> None:
    feed = [*calm(3_000), *(index(4_000 + 1_000 * step, 10_000 - 20 * step) for step in range(40))]
    strategy = Timed({1: [limit("bid", 10_010, 500, time_in_force=IOC)]})
    report = run(strategy, feed, limits=RunLimits(loss_max_atoms=2_000_000))
    assert report.ended == "loss limit" and report.pnl_atoms <= -2_000_000


def test_market_and_post_only_orders_reduce_only_and_expiry() -> None:
    asked: dict[int, Any] = {
        1: [PlaceOrder(symbol="BTC", side="bid", size_lots=50)],
        2: [limit("ask", 9_900, 10, time_in_force=TimeInForce.POST_ONLY)],
        3: [limit("ask", 9_900, 10, time_in_force=TimeInForce.POST_ONLY_SLIDE, expiry_ms=START_MS + 5_500)],
        4: [limit("ask", 9_900, 80, time_in_force=IOC, reduce_only=True)],
    }
    strategy = Timed(asked)
    report = run(strategy, calm(9_000))
    assert report.refused == {"WOULD_TAKE": 1}
    assert [order.price_ticks for order in strategy.views[3].orders] == [9_991]
    assert strategy.views[-1].orders == () and strategy.views[-1].position_lots == 0
    assert [(fill.side, fill.size_lots) for fill in strategy.fills] == [("bid", 50), ("ask", 50)]


BAD: list[tuple[list[FeedEvent], str]] = [
    ([], "a tape of at least one step"),
    ([index(0, 10_000)], "a tape of at least one step"),
    ([index(5, 10_000), index(4, 10_000)], "times do not go back"),
    ([index(0, 10_000, "DOGE-PERP")], "a market of the tape: found DOGE-PERP"),
    ([quotes(0, [(5, 1)], [])], "an index price before anything else"),
    ([index(0, 10_000), quotes(1, [(10, 1)], [(10, 1)])], "a bid below the ask"),
    ([index(0, 10_000), quotes(1, [], [(500_000, 1)])], "PRICE_OUTSIDE at 500000 ticks"),
    ([index(0, 0)], "an index price: found 0, needed above 0"),
]


@pytest.mark.parametrize(("feed", "told"), BAD)
def test_a_tape_that_cannot_be_is_one_line(feed: list[FeedEvent], told: str) -> None:
    with pytest.raises(BacktestError) as caught:
        run(Timed({}), feed)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def flow(seed: int, minutes: int, **more: Any) -> Iterator[FeedEvent]:
    """Two markets with pressure in opposite directions."""
    pair = ((BTC, (30, -30)), ("ETH-PERP", (-30, 30)))
    feeds = [
        generated_feed(
            market(symbol), price_micro=10_000_000, start_ms=START_MS, duration_ms=minutes * 60_000, seed=seed,
            settings=FlowSettings(pressure_bps=pressure, **more),
        )
        for symbol, pressure in pair
    ]  # fmt: skip
    return in_order(*feeds)


MAKER = ("maker", {"market": BTC, "order_size": "20", "position_max": "150", "levels": 2})
MOMENTUM = (
    "momentum",
    {"market": BTC, "position": "300", "order_size": "100", "fast_half_life_s": 5, "slow_half_life_s": 30},
)
ARBITRAGE = (
    "arbitrage",
    {"market_a": BTC, "market_b": "ETH", "leg_notional_usd": 500, "clip_usd": 120, "entry_bps": 0},
)
EVERY = [MAKER, MOMENTUM, ARBITRAGE]


@pytest.mark.parametrize(("name", "values"), EVERY)
def test_a_run_repeats_to_the_digit_and_keeps_its_books(name: str, values: dict[str, Any]) -> None:
    reports, journals = [], []
    for seed in (7, 7, 8):
        journal = io.StringIO()
        strategy = make_strategy(name, values)
        reports.append(
            run_backtest(strategy, [market(), market("ETH-PERP")], flow(seed, 8, noise_e9=300_000), journal=journal)
        )
        journals.append(journal.getvalue())
    assert reports[0] == reports[1] and journals[0] == journals[1]
    assert reports[0].decisions_sha256 != reports[2].decisions_sha256
    assert reports[0].fills > 0
    plain = reports[0].to_plain()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["pnl_atoms"] == str(reports[0].pnl_atoms) and plain["markets"][0]["pnl_atoms"].lstrip("-").isdigit()
    assert reports[0].pnl_atoms == sum(row.pnl_atoms for row in reports[0].markets)
    news = [item for line in journals[0].splitlines() for item in json.loads(line)["news"]]
    fills = [item for item in news if item["kind"] == "StrategyFill"]
    assert sum(item["fee_atoms"] for item in fills) == reports[0].fees_atoms
    for row in reports[0].markets:
        signed = [
            item["size_lots"] * (1 if item["side"] == "bid" else -1) for item in fills if item["symbol"] == row.symbol
        ]
        assert sum(signed) == row.position_lots


@settings(max_examples=6, deadline=None)
@given(seed=draw.integers(0, 10**9), limit_lots=draw.integers(20, 1_500), latency_ms=draw.sampled_from([0, 400, 2_500]))
def test_inventory_limits_hold_on_the_engines_book(seed: int, limit_lots: int, latency_ms: int) -> None:
    """I: with orders on their way, partial fills and quotes that are hit while they are moved."""
    chosen = BacktestSettings(latency_ms=latency_ms, limits=RunLimits(position_max_lots=limit_lots))
    for name, values in EVERY:
        strategy = make_strategy(name, values)
        feed = flow(seed, 3, taker_percent=90, noise_e9=400_000)
        report = run_backtest(strategy, [market(), market("ETH-PERP")], feed, chosen)
        assert all(row.position_most_lots <= limit_lots for row in report.markets)


@settings(max_examples=10, deadline=None)
@given(seed=draw.integers(0, 10**9))
def test_what_is_shown_is_what_the_book_holds(seed: int) -> None:
    venue = BacktestVenue([market(), market("ETH-PERP")], BacktestSettings())
    for event in flow(seed, 2, taker_percent=80):
        venue.take(event)
        for simulated in venue.markets.values():
            for side in (0, 1) if simulated.index_q32 else ():
                assert [tuple(level) for level in simulated.levels(side)] == simulated.book.depth(side)[:20]


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["time_ms,price,size,side", *rows]) + "\n")
    return path


def test_trades_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "trades.csv", "1000,10.0004,1.25,buy", "1500,9.99,0.01,sell")
    trades = list(read_trades(path))
    assert trades == [
        RecordedTrade(1_000, 10_000_400, 1_250_000_000, True),
        RecordedTrade(1_500, 9_990_000, 10_000_000, False),
    ]
    events = list(trades_feed(trades, market()))
    books = [event for event in events if isinstance(event, OthersQuotes)]
    assert (books[0].bids[0], books[0].asks[0]) == ((9_999, 1_000), (10_000, 1_000))
    assert (books[1].bids[0], books[1].asks[0]) == ((9_990, 1_000), (10_000, 1_000))
    assert events[2] == trade(1_000 - START_MS, "bid", 10_000, 12)
    assert events[5] == trade(1_500 - START_MS, "ask", 9_990, 1)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1000,ten,1,buy", "line 2: price: found 'ten', needed a decimal number"),
        ("1000,10,0,buy", "line 2: size: found 0, needed above 0"),
        ("1000,nan,1,buy", "line 2: price: found nan"),
        ("1000,10,1,long", "line 2: side: found 'long', needed buy or sell"),
        ("1000,10", "line 2: size: found nothing"),
    ],
)
def test_a_bad_row_of_a_tape_is_named(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(TapeError) as caught:
        list(read_trades(write(tmp_path / "trades.csv", row)))
    assert told in str(caught.value)


def test_a_file_that_is_no_tape(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="a readable CSV"):
        list(read_trades(tmp_path / "absent.csv"))
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(TapeError, match="columns: found a, b"):
        list(read_trades(path))


@pytest.mark.data
def test_a_maker_on_recorded_trades(tmp_path: Path, data_directory: Path) -> None:
    """2,001 trades of a real market in 46 s, through the CSV reader; twice, to the digit."""
    import pyarrow.parquet as parquet

    path = tmp_path / "trades.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("time_ms", "price", "size", "side"))
        for row in parquet.read_table(data_directory / "binance_btcusdt_trades.parquet").to_pylist():
            time_ms = int(row["timestamp"].timestamp() * 1_000)
            side = "sell" if row["buyer_maker"] == "True" else "buy"
            rows.writerow((time_ms, f"{row['price']:.2f}", f"{row['quantity']:.9f}", side))
    terms = market(tick_size_atoms=1_000_000, lot_size_e9=100_000, impact_notional_atoms=20_000_000_000)
    values = {"market": BTC, "order_size": "0.01", "position_max": "0.05", "half_spread_max_bps": 5}
    reports = [
        run_backtest(make_strategy("maker", values), [terms], trades_feed(read_trades(path), terms), AT_ONCE)
        for _ in range(2)
    ]
    assert reports[0] == reports[1]
    assert reports[0].fills > 10 and reports[0].markets[0].position_most_lots <= 500
    assert reports[0].steps >= 45
