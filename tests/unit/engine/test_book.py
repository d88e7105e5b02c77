"""The book kernel against the plain book, operation by operation, and on a recorded day of order flow."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from book_reference import ReferenceBook
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide_engine.book import FILL, LEVELS, OPERATION, Book, Code, Outcome
from evertide_engine.book_layout import ORDER_ROW
from evertide_engine.errors import CapacityError, ShapeError

BASE, OWNERS = 900, 4


def operations() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Operations around few prices and ids, so that they meet; wild sizes and prices now and then."""
    one = st.fixed_dictionaries(
        {
            "code": st.sampled_from([Code.LIMIT] * 5 + [Code.MARKET, Code.CANCEL, Code.MODIFY, Code.MODIFY, 77]),
            "order_id": st.integers(0, 25),
            "price_ticks": st.one_of(
                st.integers(995, 1005), st.sampled_from([899, 900, 900 + LEVELS - 1, 900 + LEVELS])
            ),
            "lots": st.one_of(st.integers(1, 12), st.sampled_from([0, -1, 1 << 40])),
            "expiry_ms": st.sampled_from([0, 0, 0, 5, 10, 20]),
            "now_ms": st.integers(0, 30),
            "owner": st.integers(0, OWNERS - 1),
            "side": st.integers(0, 1),
            "time_in_force": st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4]),
            "self_trade": st.integers(0, 2),
            "reduce_only": st.sampled_from([0, 0, 0, 1]),
        }
    )
    return st.lists(one, max_size=60)


def records(drawn: list[dict[str, Any]]) -> np.ndarray:
    """Operations as one `OPERATION` array."""
    array = np.zeros(len(drawn), OPERATION)
    for at, fields in enumerate(drawn):
        for name, value in fields.items():
            array[name][at] = value
    return array


def check_storage(book: Book) -> None:
    """The arrays agree with each other: lists, level sums, id table, row count."""
    seen = 0
    for side in (0, 1):
        for price, lots in book.depth(side):
            listed = [order for order in book.orders(side) if order[1] == price]
            assert sum(order[2] for order in listed) == lots > 0
            seen += len(listed)
        best = book.depth(side)[0][0] if book.depth(side) else None
        assert book.best_ticks(side) == best
    live = np.flatnonzero(book.rows["order_id"])
    assert seen == book.order_count == len(live) == int((book.table >= 0).sum())
    assert all(book.table[book.rows["slot"][row]] == row for row in live)


@settings(max_examples=300, deadline=None)
@given(drawn=operations(), capacity=st.sampled_from([3, 64]), cut=st.integers(0, 60))
def test_every_operation_equals_the_plain_book(drawn: list[dict[str, Any]], capacity: int, cut: int) -> None:
    book, plain = Book(capacity, OWNERS, BASE), ReferenceBook(capacity, OWNERS, BASE)
    array = records(drawn)
    fills, outcomes = book.run(array[:cut])
    more_fills, more_outcomes = book.run(array[cut:])
    expected = plain.run(drawn)
    assert [Outcome(code) for code in [*outcomes, *more_outcomes]] == expected
    got = [tuple(int(fill[name]) for name in FILL.names) for fill in fills]
    got += [(*(int(fill[name]) for name in FILL.names[:4]), int(fill["operation"]) + cut) for fill in more_fills]
    assert got == plain.fills
    assert book.positions.tolist() == plain.positions
    for side in (0, 1):
        assert book.orders(side) == [(order.order_id, order.price, order.lots) for order in plain.side(side)]
    check_storage(book)


def test_a_row_is_one_cache_line_and_a_batch_larger_than_the_fill_room_is_whole() -> None:
    assert ORDER_ROW.itemsize == 64
    count = 3000
    array = np.zeros(2 * count, OPERATION)
    array["order_id"] = np.arange(1, 2 * count + 1)
    array["lots"], array["price_ticks"] = 1, 1000
    array["side"] = np.arange(2 * count) % 2
    array["owner"] = array["side"]
    book = Book(64, 2, BASE)
    fills, outcomes = book.run(array)
    assert len(fills) == count and book.order_count == 0
    assert fills["operation"].tolist() == list(range(1, 2 * count, 2))
    assert (outcomes.reshape(-1, 2) == [Outcome.RESTED, Outcome.FILLED]).all()


def test_bad_books_and_unknown_owners_are_refused() -> None:
    with pytest.raises(CapacityError, match="order rows are full: 0 of"):
        Book(0, 1, 0)
    array = records([{"code": Code.LIMIT, "order_id": 1, "price_ticks": 1000, "lots": 1, "owner": OWNERS}])
    with pytest.raises(ShapeError, match=f"owners: found {OWNERS} entries, needed {OWNERS}"):
        Book(4, OWNERS, BASE).run(array)


def recorded_operations(path: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The feed's own A, C, M rows as recorded operations; fill and trade rows leave the book unchanged."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="--data was given, so pyarrow must be there")
    table = parquet.read_table(path)
    action, side = (np.array(table[name].to_pylist()) for name in ("action", "side"))
    kept = np.isin(action, ["A", "C", "M"])
    array = np.zeros(int(kept.sum()), OPERATION)
    codes = {"A": Code.REST, "C": Code.CANCEL, "M": Code.AMEND}
    array["code"] = [codes[name] for name in action[kept]]
    array["side"] = side[kept] == "A"
    for ours, theirs in (("order_id", "order_id"), ("price_ticks", "price_ticks"), ("lots", "size")):
        array[ours] = table[theirs].to_numpy()[kept]
    return array, table["ts_event_ns"].to_numpy()[kept], action[kept]


@pytest.mark.data
def test_the_recorded_day_equals_an_independent_book(data_directory: Any) -> None:
    array, event_ns, action = recorded_operations(data_directory / "es_futures_l3_2023-12-25.parquet")
    book = Book(1 << 15, 1, 0)
    live: dict[int, list[int]] = {}
    turn, opened_ns = 0, 1_703_545_200_000_000_000
    checked, crossed = 0, 0
    # Whole events only: between the messages of one event the book may be crossed for a moment.
    events = np.flatnonzero(np.diff(event_ns, prepend=-1))
    cuts = [*events[::400].tolist(), len(array)]
    for start, end in itertools.pairwise(cuts):
        part = array[start:end]
        _, outcomes = book.run(part)
        expected = np.where(part["code"] == Code.CANCEL, Outcome.CANCELLED, Outcome.RESTED)
        assert (outcomes == expected).all(), "every cancel and modify names a live order"
        for row in part:
            order_id, turn = int(row["order_id"]), turn + 1
            if row["code"] == Code.CANCEL:
                del live[order_id]
                continue
            price, lots = int(row["price_ticks"]), int(row["lots"])
            before = live.get(order_id)
            kept = before is not None and before[1] == price and lots <= before[2]
            live[order_id] = [int(row["side"]), price, lots, before[3] if kept and before else turn]
        for side in (0, 1):
            ranked = sorted(
                (order[1] if side else -order[1], order[3], key, order[1], order[2])
                for key, order in live.items()
                if order[0] == side
            )
            assert book.orders(side) == [(key, price, lots) for _, _, key, price, lots in ranked]
        checked += len(live)
        bid, ask = book.best_ticks(0), book.best_ticks(1)
        if event_ns[end - 1] > opened_ns and bid is not None and ask is not None:
            crossed += bid >= ask
    assert checked > 100_000 and crossed == 0 and set(action) == {"A", "C", "M"}
