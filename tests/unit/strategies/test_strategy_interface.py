"""Intents are integers, limits hold against the worst case, calls come in order, settings are checked."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from strategy_world import START_MS, Ledger, market, order, view

from evertide import TimeInForce, UnknownMarket
from evertide.strategies import (
    CancelOrder,
    FundingNews,
    Intent,
    IntentInvalid,
    MarketView,
    ModifyOrder,
    PlaceOrder,
    RunLimits,
    Session,
    SettingInvalid,
    Strategy,
    StrategyFill,
    UnknownStrategy,
    View,
    make_strategy,
)

BTC = "BTC-PERP"


class Scripted(Strategy):
    """Answers what it is told to."""

    symbols = (BTC,)

    def __init__(self, answers: Sequence[Sequence[Intent]], position_max: int | None = None) -> None:
        self.answers = list(answers)
        self.position_max = position_max
        self.calls: list[str] = []

    def position_max_lots(self, market: MarketView) -> int | None:
        return self.position_max

    def on_start(self, view: View) -> Sequence[Intent]:
        self.calls.append("start")
        return ()

    def on_book(self, view: View, market: MarketView) -> Sequence[Intent]:
        self.calls.append(f"book {market.symbol}")
        return ()

    def on_fill(self, view: View, fill: StrategyFill) -> Sequence[Intent]:
        self.calls.append(f"fill {fill.size_lots}")
        return ()

    def on_funding(self, view: View, news: FundingNews) -> Sequence[Intent]:
        self.calls.append(f"funding {news.rate_e9}")
        return ()

    def on_clock(self, view: View) -> Sequence[Intent]:
        self.calls.append("clock")
        return self.answers.pop(0) if self.answers else ()


def place(side: str = "bid", lots: Any = 10, **more: Any) -> PlaceOrder:
    return PlaceOrder(symbol=BTC, side=side, size_lots=lots, **({"price_ticks": 9_990} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"lots": 1.5}, "size_lots must be a whole number, found 1.5"),
        ({"lots": 0}, "size_lots must be 1 to"),
        ({"lots": True}, "size_lots must be a whole number"),
        ({"lots": Decimal(3)}, "size_lots must be a whole number"),
        ({"price_ticks": 99.5}, "price_ticks must be a whole number"),
        ({"price_ticks": 0}, "price_ticks must be 1 to"),
        ({"side": "buy"}, "side must be 'bid' or 'ask', found 'buy'"),
        ({"price_ticks": None, "time_in_force": TimeInForce.POST_ONLY}, "given for POST_ONLY"),
        ({"time_in_force": TimeInForce.POST_ONLY, "taker_phase_s": 1}, "taker_phase_s must be 0 to 0"),
        ({"max_slippage_bps": 10_001}, "max_slippage_bps must be 0 to 10000"),
    ],
)
def test_what_is_no_order_is_refused_when_it_is_made(words: dict[str, Any], told: str) -> None:
    with pytest.raises(IntentInvalid, match=told):
        place(**words)


def test_changes_and_cancels_are_checked_too() -> None:
    with pytest.raises(IntentInvalid, match="order_id"):
        CancelOrder(order_id=0)
    with pytest.raises(IntentInvalid, match="size_lots"):
        ModifyOrder(order_id=1, price_ticks=5, size_lots=0.5)  # type: ignore[arg-type]
    session = Session(Scripted([["buy"]]), start_ms=1)  # type: ignore[list-item]
    with pytest.raises(IntentInvalid, match="intent must be PlaceOrder"):
        session.step(view(market()))


def test_calls_come_in_order_and_only_for_what_changed() -> None:
    strategy = Scripted([])
    session = Session(strategy, start_ms=START_MS)
    session.start(view(market()))
    fill = StrategyFill(
        symbol=BTC, side="bid", price_ticks=9_990, size_lots=3, fee_atoms=1, maker=True, order_id=1,
        client_order_id=7, time_ms=START_MS,
    )  # fmt: skip
    session.step(view(market()), [FundingNews(symbol=BTC, rate_e9=5, received_atoms=0, time_ms=START_MS), fill])
    session.step(view(market()))
    session.step(view(market(mid=10_001)))
    assert strategy.calls == [
        "start", "fill 3", "funding 5", f"book {BTC}", "clock", "clock", f"book {BTC}", "clock",
    ]  # fmt: skip


def test_an_unknown_market_is_refused_at_the_start() -> None:
    session = Session(Scripted([]), start_ms=1)
    with pytest.raises(UnknownMarket):
        session.start(view(market("ETH-PERP")))


def test_inventory_counts_every_open_order_also_one_that_is_cancelled() -> None:
    seen = view(market(position_lots=40, orders=(order(1, "bid", 9_980, 30), order(2, "ask", 10_020, 500))))
    batch = Session(Scripted([[CancelOrder(order_id=1), place(lots=50)]], 100), start_ms=1).step(seen)
    assert [item.order.size_lots for item in batch.places] == [30]
    assert [(item.rule, item.wanted, item.allowed) for item in batch.dropped] == [("inventory", 50, 30)]
    # A change without room becomes a cancel: the quote at the old price must not stay.
    full = view(market(position_lots=95, orders=(order(1, "bid", 9_980, 5),)))
    batch = Session(Scripted([[ModifyOrder(order_id=1, price_ticks=9_970, size_lots=5)]], 100), start_ms=1).step(full)
    assert batch.cancels == (CancelOrder(order_id=1),) and not batch.modifies
    # What only reduces needs no room.
    over = view(market(position_lots=150))
    batch = Session(Scripted([[place("ask", 150, reduce_only=True), place("bid", 1)]], 100), start_ms=1).step(over)
    assert [(item.order.side, item.order.size_lots) for item in batch.places] == [("ask", 150)]


def test_orders_that_are_not_open_are_left_alone_and_a_cancel_wins() -> None:
    seen = view(market(orders=(order(1, "bid", 9_980, 5), order(0, "bid", 9_970, 5))))
    asked = [
        ModifyOrder(order_id=1, price_ticks=9_981, size_lots=5),
        CancelOrder(order_id=1),
        CancelOrder(order_id=1),
        CancelOrder(order_id=99),
        ModifyOrder(order_id=98, price_ticks=1, size_lots=1),
    ]
    batch = Session(Scripted([asked]), start_ms=1).step(seen)
    assert batch.cancels == (CancelOrder(order_id=1),)
    assert batch.modifies == () and batch.places == ()


def test_limits_of_the_run() -> None:
    limits = RunLimits(order_max_lots=7, orders_max=2, loss_max_atoms=100)
    session = Session(Scripted([[place(), place(), place()]]), start_ms=1, limits=limits)
    session.start(view(market(), equity_atoms=1_000))
    batch = session.step(view(market(orders=(order(1, "ask", 10_050, 1),))))
    assert [item.order.size_lots for item in batch.places] == [7]
    assert session.counters.dropped_by_rule == {"lots of one order": 1, "open orders": 2}
    assert not session.lost_too_much(view(market(), equity_atoms=901))
    assert session.lost_too_much(view(market(), equity_atoms=900))
    for wrong in ({"orders_max": 33}, {"loss_max_atoms": 0}, {"order_max_lots": 1.0}):
        with pytest.raises(SettingInvalid):
            RunLimits(**wrong)  # type: ignore[arg-type]


@settings(max_examples=80, deadline=None)
@given(
    steps=draw.lists(
        draw.tuples(
            draw.lists(
                draw.tuples(draw.sampled_from(["bid", "ask"]), draw.integers(1, 60), draw.booleans(), draw.booleans()),
                max_size=4,
            ),
            draw.integers(0, 3),
            draw.integers(1, 60),
        ),
        max_size=12,
    ),
    position_max=draw.integers(1, 100),
)
def test_no_answer_whatever_exceeds_the_inventory_limit(steps: list[Any], position_max: int) -> None:
    """I: |position| never exceeds the limit, and no client order id is used twice, whatever a strategy asks for."""
    ledger = Ledger(market())
    strategy = Scripted([], position_max)
    session = Session(strategy, start_ms=START_MS)
    for asked, picked, lots in steps:
        found: list[Intent] = []
        for side, size, immediate, reduce_only in asked:
            force = TimeInForce.IMMEDIATE_OR_CANCEL if immediate else TimeInForce.GOOD_TILL_CANCELLED
            found.append(place(side, size, time_in_force=force, reduce_only=reduce_only and immediate))
        resting = ledger.markets[BTC].orders
        if resting:
            order_id = resting[picked % len(resting)].order_id
            found.append(
                CancelOrder(order_id=order_id)
                if lots % 2
                else ModifyOrder(order_id=order_id, price_ticks=9_000 + lots, size_lots=lots)
            )
        strategy.answers = [found]
        ledger.run(session)
        resting = ledger.markets[BTC].orders
        if resting:
            hit = resting[picked % len(resting)]
            ledger.fill(BTC, hit.order_id, min(lots, hit.size_lots))
        assert abs(ledger.markets[BTC].position_lots) <= position_max
    for resting_order in ledger.markets[BTC].orders:
        ledger.fill(BTC, resting_order.order_id, resting_order.size_lots)
        assert abs(ledger.markets[BTC].position_lots) <= position_max
    assert len(set(ledger.client_ids)) == len(ledger.client_ids)


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("grid", {}, "strategy 'grid' is none of maker, momentum, arbitrage"),
        ("maker", {"market": "BTC"}, "maker.order_size must be given, found 'nothing'"),
        ("maker", {"market": "BTC", "order_size": 0.1, "position_max": 1}, "must be a decimal number, found 0.1"),
        ("maker", {"market": "BTC", "order_size": "1", "position_max": "0.5"}, "position_max must be 1 to"),
        ("maker", {"market": "BTC", "order_size": "1", "position_max": "5", "level": 2}, "a setting of maker"),
        ("maker", {"market": "BTC", "order_size": "1", "position_max": "5", "levels": 9}, "levels must be 1 to 8"),
        ("maker", {"market": "BTC", "order_size": "1", "position_max": "5", "anchor": "last"}, "anchor must be mid or"),
        ("maker", {"market": 5, "order_size": "1", "position_max": "5"}, "maker.market must be text, found 5"),
        (
            "momentum",
            {"market": "BTC", "position": "1", "order_size": "1", "fast_half_life_s": 300},
            "below slow's 300",
        ),
        ("arbitrage", {"market_a": "BTC", "market_b": "btc", "leg_notional_usd": 5, "clip_usd": 1}, "another market"),
    ],
)
def test_settings_that_cannot_be_are_one_line(name: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises((SettingInvalid, UnknownStrategy)) as caught:
        make_strategy(name, values)
    assert told in str(caught.value) and "\n" not in str(caught.value)
