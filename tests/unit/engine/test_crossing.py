"""The crossing scan against brute force, and each rule of matching on its own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from crossing_reference import TICKS_LIMIT, Market, Order, maker_price
from crossing_reference import scan as reference_scan
from engine_builders import authority_of, empty_accounts, key_of, open_markets, put_order, put_position
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide_engine._generated.constants import (
    INDEX_ONE,
    MARKETS_MAX,
    ORDER_FLAG_DORMANT,
    OrderKind,
    TimeInForce,
)
from evertide_engine.crossing import resting, scan
from evertide_engine.decode import key_words
from evertide_engine.errors import ShapeError
from evertide_engine.markets import NO_PEGS, MarketColumns

INDEX_TICKS, TICK_VALUE, NOW_MS, SLOT = 1000, 10, 1_000_000, 500
TIF = {
    "gtc": TimeInForce.GOOD_TILL_CANCELLED,
    "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fok": TimeInForce.FILL_OR_KILL,
    "post_only": TimeInForce.POST_ONLY,
}
ACCOUNTS = 5


# No price any more, the last one, and what leaves 64 bits.
FAR_OFFSETS = [-INDEX_TICKS, TICKS_LIMIT - INDEX_TICKS - 1, TICKS_LIMIT - INDEX_TICKS, 1 << 62, -(1 << 63)]


def drawn_order() -> st.SearchStrategy[dict[str, Any]]:
    """One order near the index, with every field that matching reads."""
    return st.fixed_dictionaries(
        {
            "row": st.integers(0, ACCOUNTS - 1),
            "is_ask": st.booleans(),
            "kind": st.sampled_from(["limit"] * 4 + ["market", "pegged", "pegged", "iceberg"]),
            "time_in_force": st.sampled_from(["gtc", "gtc", "gtc", "post_only", "post_only", "ioc", "fok"]),
            "reduce_only": st.integers(0, 4).map(lambda number: number == 0),
            "price": st.integers(990, 1010),
            "lots": st.integers(1, 30),
            "placed_slot": st.integers(SLOT - 40, SLOT),
            "phase_ms": st.sampled_from([0, 0, 12_000, 60_000]),
            "expiry_ms": st.sampled_from([0, 0, 0, NOW_MS - 1, NOW_MS, NOW_MS + 1]),
            "start": st.sampled_from([0, 0, 0, 995, 1005]),
            "dormant": st.integers(0, 9).map(lambda number: number == 0),
            "slippage_bps": st.sampled_from([0, 0, 0, 1, 20, 50]),
            "void": st.integers(0, 9).map(lambda number: number == 0),
            "offset": st.one_of(st.integers(-12, 12), st.sampled_from(FAR_OFFSETS)),
        }
    )


def completed(fields: dict[str, Any]) -> dict[str, Any]:
    """What was drawn as an order that an account can hold: pegged ones are post-only, icebergs may rest."""
    kind, time_in_force = fields["kind"], fields["time_in_force"]
    if kind == "pegged" or (kind == "market" and time_in_force == "post_only"):
        kind, time_in_force = ("pegged" if kind == "pegged" else "limit"), "post_only"
    if kind == "iceberg" and time_in_force in ("ioc", "fok"):
        time_in_force = "gtc"
    start = fields["start"] if kind in ("limit", "market") else 0
    offset = fields["offset"] if kind == "pegged" else 0
    return {**fields, "kind": kind, "time_in_force": time_in_force, "start": start, "offset": offset}


def terms_of(fields: dict[str, Any]) -> dict[str, int]:
    """The first two terms of an order of its kind."""
    if fields["kind"] == "pegged":
        return {"first_term": fields["offset"]}
    if fields["kind"] == "iceberg":
        # A display that read as the start of a taker phase would move the price.
        return {"first_term": INDEX_TICKS - 9, "second_term": 3}
    return {"auction_start_ticks": fields["start"]}


def build(drawn: list[dict[str, Any]], held: list[int]) -> tuple[Any, Any, list[Order]]:
    """The same orders as records and as reference objects; rows 0 and 1 share an authority."""
    orders, users = empty_accounts(ACCOUNTS)
    users["authority"][1] = authority_of(0)
    users["orders_epoch"][:] = 100
    for row, lots in enumerate(held):
        put_position(users, row, 3, 0, lots)
    plain: list[Order] = []
    for number, fields in enumerate(drawn):
        row, slot = fields["row"], int(orders["order_count"][fields["row"]]) * 2 % 32
        order_id = 50 if fields["void"] else 100 + number
        placed_ms = NOW_MS - (SLOT - fields["placed_slot"]) * 400
        phase_ms = 0 if fields["time_in_force"] == "post_only" else fields["phase_ms"]
        put_order(
            orders, row, slot, order_id=order_id, price_ticks=fields["price"], size_lots=fields["lots"],
            placed_slot=fields["placed_slot"], placed_ms=placed_ms, expiry_ms=fields["expiry_ms"],
            kind=OrderKind[fields["kind"].upper()],
            time_in_force=TIF[fields["time_in_force"]],
            flags=fields["is_ask"] | fields["reduce_only"] << 1 | (ORDER_FLAG_DORMANT if fields["dormant"] else 0),
            taker_phase_s=phase_ms // 1000, max_slippage_bps=fields["slippage_bps"], **terms_of(fields),
        )  # fmt: skip
        chosen = {name: fields[name] for name in fields if name not in ("row", "phase_ms")}
        plain.append(
            Order(
                row=row,
                slot=slot,
                key=key_of(row),
                owner=0 if row < 2 else row,
                order_id=order_id,
                placed_ms=placed_ms,
                phase_ms=phase_ms,
                **chosen,
            )
        )
    return orders, users, plain


@settings(max_examples=400, deadline=None)
@given(
    drawn=st.lists(drawn_order(), max_size=40),
    held=st.lists(st.integers(-20, 20), min_size=ACCOUNTS, max_size=ACCOUNTS),
    market_reduces=st.integers(0, 9).map(lambda number: number == 0),
    band=st.sampled_from([(900, 1100), (995, 1004)]),
    half_tick=st.booleans(),
    age_slots=st.integers(0, 40),
    pegs_refused=st.integers(0, 9).map(lambda number: number == 0),
)
def test_scan_equals_brute_force(
    drawn: Any, held: Any, market_reduces: bool, band: tuple[int, int], half_tick: bool, age_slots: int,
    pegs_refused: bool,
) -> None:  # fmt: skip
    drawn = [completed(fields) for fields in drawn]
    per_row = [0] * ACCOUNTS
    kept = []
    for fields in drawn:
        per_row[fields["row"]] += 1
        if per_row[fields["row"]] <= 16:
            kept.append(fields)
    orders, users, plain = build(kept, held)
    markets = open_markets(INDEX_TICKS, TICK_VALUE, band)
    markets.reduce_only[0] = market_reduces
    if half_tick:
        markets.index_price_q32[0] += np.uint64(TICK_VALUE << 31)
    publish_ms = NOW_MS - age_slots * 400
    markets.peg_publish_ms[0] = NO_PEGS if pegs_refused else publish_ms
    keys = key_words([key_of(row) for row in range(ACCOUNTS)])
    found = scan(orders, keys, users, markets, NOW_MS, SLOT)
    index = Fraction(2 * INDEX_TICKS + half_tick, 2)
    market = Market(index, *band, reduce_only=market_reduces, publish_ms=publish_ms, pegs_refused=pegs_refused)
    expected = reference_scan(plain, dict(enumerate(held)), market, NOW_MS, SLOT)
    got = [
        (
            match.taker_row,
            match.taker_order_id,
            [(fill.maker_row, fill.maker_order_id, fill.size_lots) for fill in match.fills],
        )
        for match in found
    ]
    assert got == [
        (taker.row, taker.order_id, [(maker.row, maker.order_id, size) for maker, size in fills])
        for taker, fills in expected
    ]
    prices = [fill.price_ticks for match in found for fill in match.fills]
    assert prices == [maker_price(maker, market) for _, fills in expected for maker, _ in fills]


def index_of_the_peg(**given: Any) -> Any:
    """All markets at the index, its price published just before the taker of `two_sided`, or as given."""
    markets = open_markets(INDEX_TICKS)
    markets.peg_publish_ms[:] = given.get("publish_ms", NOW_MS + 1)
    return markets


def two_sided(taker: dict[str, Any], maker: dict[str, Any], held: tuple[int, int] = (0, 0)) -> tuple[Any, Any, Any]:
    """One resting ask of account 1 and one bid of account 0 that would take it."""
    orders, users = empty_accounts(2)
    base = {"order_id": 1, "size_lots": 10, "price_ticks": 1000}
    put_order(orders, 0, 0, **{**base, "placed_slot": SLOT, "placed_ms": NOW_MS, **taker})
    put_order(orders, 1, 31, **{**base, "placed_slot": SLOT - 9, "placed_ms": NOW_MS - 3600, "flags": 1, **maker})
    for row, lots in enumerate(held):
        if lots:
            put_position(users, row, 0, 0, lots)
    return orders, users, key_words([key_of(0), key_of(1)])


CASES = [
    ("crosses at the maker's price", {}, {}, 10),
    ("does not cross", {"price_ticks": 999}, {}, 0),
    ("taker post-only", {"time_in_force": TIF["post_only"]}, {}, 0),
    ("maker in its taker phase", {}, {"taker_phase_s": 60}, 0),
    ("maker of the same slot, taker in its phase", {"taker_phase_s": 12}, {"placed_slot": SLOT}, 0),
    ("expired", {"expiry_ms": NOW_MS}, {}, 0),
    ("about to expire", {"expiry_ms": NOW_MS + 1}, {}, 10),
    ("dormant taker", {"flags": ORDER_FLAG_DORMANT}, {}, 0),
    ("dormant maker", {}, {"flags": ORDER_FLAG_DORMANT | 1}, 0),
    ("a kind that this scan does not match", {"kind": int(OrderKind.TWAP)}, {}, 0),
    ("an exit that waits for its entry", {"size_lots": 0}, {}, 0),
    ("market order at its deadline", {"kind": 1, "placed_slot": SLOT - 30}, {"placed_slot": SLOT - 31}, 10),
    ("market order past its deadline", {"kind": 1, "placed_slot": SLOT - 31}, {"placed_slot": SLOT - 32}, 0),
    ("fill-or-kill that fills", {"time_in_force": TIF["fok"]}, {}, 10),
    ("fill-or-kill that does not", {"time_in_force": TIF["fok"], "size_lots": 11}, {}, 0),
    ("ramp has not reached the maker", {"taker_phase_s": 60, "price_ticks": 1020}, {"price_ticks": 1010}, 0),
    ("ramp at 5 bps of 1000 is still 1000", {"taker_phase_s": 60, "price_ticks": 1020}, {"price_ticks": 1000}, 10),
    ("slippage within", {"price_ticks": 1005, "max_slippage_bps": 50}, {"price_ticks": 1005}, 10),
    ("slippage beyond", {"price_ticks": 1005, "max_slippage_bps": 49}, {"price_ticks": 1005}, 0),
]


@pytest.mark.parametrize(("name", "taker", "maker", "lots"), CASES, ids=[case[0] for case in CASES])
def test_one_rule(name: str, taker: dict[str, Any], maker: dict[str, Any], lots: int) -> None:
    orders, users, keys = two_sided(taker, maker)
    found = scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)
    assert sum(match.size_lots for match in found) == lots
    if lots:
        assert (found[0].taker_row, found[0].fills[0].maker_row, found[0].fills[0].maker_slot) == (0, 1, 31)


PEG = {"kind": int(OrderKind.PEGGED), "time_in_force": TIF["post_only"]}
PEGS = [
    ("an index younger than the taker", PEG | {"first_term": -2, "price_ticks": 990}, {}, 998),
    ("an index as old as the taker", PEG | {"first_term": -2, "price_ticks": 990}, {"publish_ms": NOW_MS}, None),
    ("a matrix that refuses", PEG | {"first_term": -2, "price_ticks": 990}, {"publish_ms": NO_PEGS}, None),
    ("its own limit", PEG | {"first_term": -20, "price_ticks": 999}, {}, 999),
    ("a limit beyond the taker's", PEG | {"first_term": -20, "price_ticks": 1001}, {}, None),
    ("no price at all", PEG | {"first_term": -1_000, "price_ticks": 990}, {}, None),
    ("a price past every price", PEG | {"first_term": 1 << 62, "price_ticks": 990}, {}, None),
    ("dormant", PEG | {"first_term": -2, "price_ticks": 990, "flags": ORDER_FLAG_DORMANT | 1}, {}, None),
]


@pytest.mark.parametrize(("name", "maker", "index", "price"), PEGS, ids=[case[0] for case in PEGS])
def test_a_pegged_maker(name: str, maker: dict[str, Any], index: dict[str, int], price: int | None) -> None:
    orders, users, keys = two_sided({}, maker)
    found = scan(orders, keys, users, index_of_the_peg(**index), NOW_MS, SLOT)
    assert [fill.price_ticks for match in found for fill in match.fills] == ([] if price is None else [price])


def test_pegged_makers_rank_at_their_price_and_neither_take_nor_show_in_a_book() -> None:
    orders, users = empty_accounts(4)
    put_order(orders, 0, 0, order_id=1, size_lots=30, price_ticks=1010, placed_slot=SLOT, placed_ms=NOW_MS)
    for row, fields in enumerate(
        ({"price_ticks": 998}, PEG | {"price_ticks": 900, "first_term": -3}, {"price_ticks": 996}), start=1
    ):
        put_order(orders, row, 0, **{"order_id": 1, "size_lots": 10, "placed_slot": SLOT - 9, "flags": 1, **fields})
    keys = key_words([key_of(row) for row in range(4)])
    (match,) = scan(orders, keys, users, index_of_the_peg(), NOW_MS, SLOT)
    assert [(fill.maker_row, fill.price_ticks) for fill in match.fills] == [(3, 996), (2, 997), (1, 998)]
    book = resting(orders, keys, users, index_of_the_peg(), NOW_MS + 60_000, SLOT)
    assert [(order.row, order.price_ticks) for order in book[0, 1]] == [(3, 996), (1, 998)]
    assert scan(orders[1:3], keys[1:3], users[1:3], index_of_the_peg(), NOW_MS, SLOT) == []


def test_an_iceberg_takes_and_makes_what_it_displays() -> None:
    iceberg = {"kind": int(OrderKind.ICEBERG), "first_term": 4, "second_term": 20, "size_lots": 4}
    orders, users, keys = two_sided({}, iceberg)
    assert [match.size_lots for match in scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)] == [4]
    (shown,) = resting(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)[0, 1]
    assert (shown.kind, shown.size_lots) == (OrderKind.ICEBERG, 4)
    orders, users, keys = two_sided(iceberg | {"price_ticks": 1020, "taker_phase_s": 60}, {"price_ticks": 1001})
    assert scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT) == []
    orders, users, keys = two_sided(iceberg | {"price_ticks": 1020, "taker_phase_s": 60}, {"price_ticks": 1000})
    assert [match.size_lots for match in scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)] == [4]


def test_reduce_only_is_clamped_by_the_folded_position() -> None:
    orders, users, keys = two_sided({"flags": 2}, {}, held=(-8, 0))
    markets = open_markets(INDEX_TICKS)
    assert scan(orders, keys, users, markets, NOW_MS, SLOT)[0].size_lots == 8
    markets.a[0, 1] = INDEX_ONE // 2
    assert scan(orders, keys, users, markets, NOW_MS, SLOT)[0].size_lots == 4
    markets.epoch[0, 1] = 1
    assert scan(orders, keys, users, markets, NOW_MS, SLOT) == []


def test_void_orders_self_trades_and_blocked_orders_are_left_out() -> None:
    orders, users, keys = two_sided({}, {})
    markets = open_markets(INDEX_TICKS)
    blocked = np.zeros((2, 32), np.bool_)
    blocked[1, 31] = True
    assert scan(orders, keys, users, markets, NOW_MS, SLOT, blocked) == []
    users["orders_epoch"][1] = 2
    assert scan(orders, keys, users, markets, NOW_MS, SLOT) == []
    users["orders_epoch"][1] = 1
    assert len(scan(orders, keys, users, markets, NOW_MS, SLOT)) == 1
    users["authority"][1] = users["authority"][0]
    assert scan(orders, keys, users, markets, NOW_MS, SLOT) == []


def test_a_taker_larger_than_eight_makers_comes_in_groups_best_first() -> None:
    orders, users = empty_accounts(12)
    put_order(orders, 0, 0, order_id=1, size_lots=11, price_ticks=1020, placed_slot=SLOT, placed_ms=NOW_MS - 60_000)
    for row in range(1, 12):
        put_order(orders, row, 0, order_id=1, size_lots=1, price_ticks=1012 - row, placed_slot=SLOT - 5, flags=1)
    found = scan(orders, key_words([key_of(row) for row in range(12)]), users, open_markets(1000), NOW_MS, SLOT)
    assert [len(match.fills) for match in found] == [8, 3]
    assert [fill.price_ticks for match in found for fill in match.fills] == list(range(1001, 1012))


def test_after_the_dead_mans_deadline_no_order_of_the_account_trades() -> None:
    for row in (0, 1):
        for deadline_ms, found in ((NOW_MS, 0), (NOW_MS + 1, 1)):
            orders, users, keys = two_sided({}, {})
            orders["cancel_all_after_ms"][row] = deadline_ms
            assert len(scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)) == found
            books = resting(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)
            assert ((0, 1 - row) in books, (0, row) in books) == (True, bool(found))


def test_an_account_under_liquidation_neither_takes_nor_makes() -> None:
    for row in (0, 1):
        orders, users, keys = two_sided({}, {})
        users["liquidation_start_ms"][row] = 1
        assert scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT) == []


def test_markets_do_not_meet_and_unpriced_markets_rest() -> None:
    orders, users, keys = two_sided({"market_index": MARKETS_MAX - 1}, {"market_index": 0})
    assert scan(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT) == []
    orders, users, keys = two_sided({}, {})
    assert scan(orders, keys, users, MarketColumns.empty(), NOW_MS, SLOT) == []


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    orders, users, keys = two_sided({}, {})
    with pytest.raises(ShapeError, match="keys: found 1 entries, needed 2"):
        scan(orders, keys[:1], users, open_markets(1000), NOW_MS, SLOT)
    with pytest.raises(ShapeError, match="users"):
        scan(orders, keys, users[:1], open_markets(1000), NOW_MS, SLOT)
    with pytest.raises(ShapeError, match="blocked"):
        scan(orders, keys, users, open_markets(1000), NOW_MS, SLOT, np.zeros((1, 32), np.bool_))
