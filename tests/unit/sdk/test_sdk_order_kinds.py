"""Orders of every kind as people write them: what each needs, what means nothing for it, and groups of orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from audit_history import blank
from hypothesis import given
from hypothesis import strategies as st

from evertide import (
    KindArgs,
    Market,
    MarketTerms,
    NewOrder,
    Order,
    OrderKind,
    TimeInForce,
    TriggerSource,
    bracket,
    one_cancels_other,
    order_terms,
    placement,
    scale,
)
from evertide.errors import FloatRefused, NotExact, UnitOutOfRange, UsageError

# A tick of $1 and a lot of 0.0001.
TERMS = replace(blank(MarketTerms, symbol=bytes(16)), tick_size_atoms=10**6, lot_size_e9=10**5)
MARKET: Market = blank(Market, index=4, terms=TERMS)
MARKETS: dict[int | str, Market] = {"BTC": MARKET}


def order(**change: Any) -> NewOrder:
    return NewOrder(**({"market": "BTC", "side": "bid", "size": "0.01"} | change))


KINDS: list[tuple[dict[str, Any], dict[str, Any], TimeInForce]] = [
    ({"kind": OrderKind.STOP_MARKET, "trigger": 41_000}, {"trigger_ticks": 41_000}, TimeInForce.IMMEDIATE_OR_CANCEL),
    (
        {"kind": OrderKind.STOP_LIMIT, "trigger": 41_000, "price": 41_100, "trigger_source": TriggerSource.LAST},
        {"trigger_ticks": 41_000, "trigger_source": 2},
        TimeInForce.GOOD_TILL_CANCELLED,
    ),
    (
        {"kind": OrderKind.TAKE_PROFIT_MARKET, "trigger": 39_000, "trigger_source": TriggerSource.INDEX},
        {"trigger_ticks": 39_000, "trigger_source": 1},
        TimeInForce.IMMEDIATE_OR_CANCEL,
    ),
    (
        {"kind": OrderKind.TAKE_PROFIT_LIMIT, "trigger": 39_000, "price": 39_000},
        {"trigger_ticks": 39_000},
        TimeInForce.GOOD_TILL_CANCELLED,
    ),
    ({"kind": OrderKind.TRAILING_STOP, "trail_bps": 50}, {"trail_bps": 50}, TimeInForce.IMMEDIATE_OR_CANCEL),
    (
        {"kind": OrderKind.PEGGED, "price": 41_000, "peg_offset": "-25"},
        {"peg_offset_ticks": -25},
        TimeInForce.POST_ONLY,
    ),
    (
        {"kind": OrderKind.TWAP, "slice_count": 6, "slice_interval_s": 30},
        {"slice_count": 6, "slice_interval_s": 30},
        TimeInForce.IMMEDIATE_OR_CANCEL,
    ),
    (
        {"kind": OrderKind.ICEBERG, "price": 40_000, "display_size": "0.002"},
        {"display_lots": 20},
        TimeInForce.GOOD_TILL_CANCELLED,
    ),
    ({"price": 40_000, "not_before_ms": 9}, {"not_before_ms": 9}, TimeInForce.GOOD_TILL_CANCELLED),
]


@pytest.mark.parametrize(("given_", "part", "force"), KINDS, ids=lambda value: str(value)[:40])
def test_every_kind_has_its_part(given_: dict[str, Any], part: dict[str, Any], force: TimeInForce) -> None:
    made = order(**given_)
    (args,), parts = placement([made], MARKETS)
    assert parts == [blank(KindArgs, **part)]
    assert (args.kind, args.time_in_force) == (made.order_kind, force)
    assert args.kind_args_plus_one == 1
    assert args.taker_phase_s == (0 if force == TimeInForce.POST_ONLY else 12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trigger": 41_000}, "trigger means nothing for a market order"),
        ({"price": 40_000, "display_size": 1}, "display_size means nothing for a limit order"),
        ({"kind": OrderKind.PEGGED, "price": 1, "peg_offset": 1, "trail_bps": 5}, "trail_bps means nothing"),
        ({"kind": OrderKind.STOP_MARKET}, "a stop_market order needs trigger"),
        ({"kind": OrderKind.STOP_LIMIT, "trigger": 41_000}, "needs price"),
        ({"kind": OrderKind.TRAILING_STOP, "trigger": 41_000}, "needs trail_bps"),
        ({"kind": OrderKind.TWAP, "slice_count": 5}, "needs slice_interval_s"),
        ({"kind": OrderKind.TWAP, "slice_interval_s": 5}, "needs slice_count"),
        ({"kind": OrderKind.ICEBERG, "price": 40_000}, "needs display_size"),
        ({"kind": OrderKind.PEGGED, "price": 40_000}, "needs peg_offset"),
        ({"kind": OrderKind.PEGGED, "peg_offset": 5}, "needs price"),
    ],
)
def test_parts_that_are_missing_or_mean_nothing_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        placement([order(**change)], MARKETS)


def test_parts_off_the_grid_are_refused() -> None:
    with pytest.raises(NotExact, match="trigger"):
        placement([order(kind=OrderKind.STOP_MARKET, trigger="41000.5")], MARKETS)
    with pytest.raises(NotExact, match="peg_offset"):
        placement([order(kind=OrderKind.PEGGED, price=1, peg_offset="0.5")], MARKETS)
    with pytest.raises(FloatRefused, match="trigger"):
        placement([order(kind=OrderKind.STOP_MARKET, trigger=41_000.0)], MARKETS)


def test_equal_parts_are_shared_and_those_given_come_first() -> None:
    stop = order(kind=OrderKind.STOP_MARKET, trigger=41_000)
    own = blank(KindArgs, trail_bps=7)
    raw = replace(stop.to_args(MARKET), kind_args_plus_one=1)
    args, parts = placement([raw, stop, stop, order(price=5)], MARKETS, [own])
    assert [entry.kind_args_plus_one for entry in args] == [1, 2, 2, 0]
    assert parts == [own, stop.kind_args(MARKET)]


def test_a_bracket_is_an_entry_and_its_exits() -> None:
    entry = order(price=40_000)
    opened, stop, target = bracket(entry, stop=39_000, target=42_000, target_price=41_990)
    assert (opened.group, opened.side, opened.reduce_only) == (1, "bid", False)
    assert [exit_.side for exit_ in (stop, target)] == ["ask", "ask"]
    assert all(exit_.reduce_only and exit_.group == 1 and exit_.size == entry.size for exit_ in (stop, target))
    assert (stop.kind, stop.trigger, stop.price) == (OrderKind.STOP_MARKET, 39_000, None)
    assert (target.kind, target.price) == (OrderKind.TAKE_PROFIT_LIMIT, 41_990)
    limited = bracket(entry, stop=39_000, stop_price=38_900, target_price=42_000, group=7)
    assert [exit_.order_kind for exit_ in limited] == [OrderKind.LIMIT, OrderKind.STOP_LIMIT, OrderKind.LIMIT]
    assert {exit_.group for exit_ in limited} == {7}
    trailing = bracket(entry, trail_bps=80)[1]
    assert (trailing.kind, trailing.trail_bps, trailing.trigger) == (OrderKind.TRAILING_STOP, 80, None)
    with pytest.raises(UsageError, match="needs a stop, a target or both"):
        bracket(entry)
    with pytest.raises(UsageError, match="cannot be reduce-only"):
        bracket(replace(entry, reduce_only=True), stop=1)


def test_one_cancels_other_links_exits_of_one_position() -> None:
    exits = [order(price=40_000, reduce_only=True), order(kind=OrderKind.STOP_MARKET, trigger=41_000, reduce_only=True)]
    assert [linked.group for linked in one_cancels_other(exits, group=3)] == [3, 3]
    with pytest.raises(UnitOutOfRange, match="number of orders 1"):
        one_cancels_other(exits[:1])
    with pytest.raises(UsageError, match="one side"):
        one_cancels_other([exits[0], replace(exits[1], side="ask")])
    with pytest.raises(UsageError, match="reduce-only"):
        one_cancels_other([exits[0], replace(exits[1], reduce_only=False)])


@given(
    lots=st.integers(8, 10**9),
    low=st.integers(1, 10**6),
    span=st.integers(1, 10**5),
    count=st.integers(2, 8),
    skew=st.decimals("0.001", "1000", places=3),
    side=st.sampled_from(["bid", "ask"]),
)
def test_a_ladder_has_the_whole_size_between_its_ends(
    lots: int, low: int, span: int, count: int, skew: Decimal, side: str
) -> None:
    whole = order(side=side, size=Decimal(lots).scaleb(-4), price=low)
    try:
        rungs = scale(whole, MARKET, low=low, high=low + span, count=count, skew=skew)
    except UnitOutOfRange as error:
        # A rung of nothing: its share of the lots is below one.
        assert "size" in str(error)
        return
    args, _ = placement(rungs, MARKETS)
    assert sum(entry.size_lots for entry in args) == lots
    prices = [entry.price_ticks for entry in args]
    assert prices == sorted(prices)
    assert (prices[0], prices[-1]) == (low, low + span)
    assert len({entry.client_order_id for entry in args}) == count
    sizes = [entry.size_lots for entry in args]
    rising = sizes if skew >= 1 else sizes[::-1]
    # Rounding moves a lot or two, never the order of the rungs by more.
    assert all(first <= second + 2 for first, second in pairwise(rising))


def test_a_ladder_rounds_away_from_the_other_side() -> None:
    bids = scale(order(size="0.0007", price=1), MARKET, low=100, high=110, count=4)
    assert [(rung.price, rung.size) for rung in bids] == [
        (Decimal(price), Decimal(size))
        for price, size in ((100, "0.0001"), (103, "0.0002"), (106, "0.0002"), (110, "0.0002"))
    ]
    asks = scale(order(side="ask", size="0.0007", price=1), MARKET, low=100, high=110, count=4)
    assert [(rung.price, rung.size) for rung in asks] == [
        (Decimal(price), Decimal(size))
        for price, size in ((100, "0.0002"), (104, "0.0002"), (107, "0.0002"), (110, "0.0001"))
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 1}, "count 1"),
        ({"count": 9}, "greatest value 8"),
        ({"low": 110}, "high"),
        ({"skew": 0}, "skew"),
        ({"skew": -1}, "skew"),
        ({"size": "0.0003"}, "size"),
    ],
)
def test_ladders_that_cannot_be(change: dict[str, Any], words: str) -> None:
    given_ = {"low": 100, "high": 110, "count": 4, "skew": 1} | {k: v for k, v in change.items() if k != "size"}
    with pytest.raises(UnitOutOfRange, match=words):
        scale(order(size=change.get("size", "0.01"), price=1), MARKET, **given_)


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        (OrderKind.LIMIT, (77, 0), {"auction_start_ticks": 77}),
        (
            OrderKind.TRAILING_STOP,
            (5, 30 | 2 << 16),
            {"trigger_ticks": 5, "trail_bps": 30, "trigger_source": TriggerSource.LAST},
        ),
        (OrderKind.PEGGED, (2**64 - 3, 0), {"peg_offset_ticks": -3}),
        (OrderKind.TWAP, (6 | 2 << 16 | 30 << 32, 0), {"slice_count": 6, "slices_done": 2, "slice_interval_s": 30}),
        (OrderKind.ICEBERG, (20, 80), {"display_lots": 20, "hidden_lots": 80}),
    ],
)
def test_terms_are_read_by_kind(kind: OrderKind, words: tuple[int, int], expected: dict[str, Any]) -> None:
    tail = 150 | 25 << 16 | 9 << 32
    found = order_terms(blank(Order, kind=int(kind), terms=(*words, tail)))
    assert (found.max_slippage_bps, found.builder_fee_tenth_bps, found.group) == (150, 25, 9)
    assert {name: getattr(found, name) for name in expected} == expected
