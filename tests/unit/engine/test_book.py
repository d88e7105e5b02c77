"""The book kernel against the plain book, operation by operation, and what only one of them can show."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from book_streams import BASE, OWNERS, check_storage, compare, operations, records, rows_of, seeded
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide_engine.book import LEVELS, OPERATION, Book, Code, Outcome, Reason
from evertide_engine.book_errors import error_of
from evertide_engine.book_layout import ORDER_ROW
from evertide_engine.errors import CapacityError, LayoutError

SEEDS = range(2_000)
FAILED_SEEDS: tuple[int, ...] = ()
"""Seeds outside `SEEDS` that once told the books apart."""


@settings(max_examples=400, deadline=None)
@given(drawn=operations(), capacity=st.sampled_from([3, 64]), cut=st.integers(0, 60))
def test_every_operation_equals_the_plain_book(drawn: list[dict[str, Any]], capacity: int, cut: int) -> None:
    compare(drawn, capacity, [min(cut, len(drawn))])


def test_thousands_of_seeded_streams_equal_the_plain_book() -> None:
    seen: Counter[tuple[int, Outcome]] = Counter()
    reasons: Counter[int] = Counter()
    makers: Counter[int] = Counter()
    for seed in [*SEEDS, *FAILED_SEEDS]:
        drawn = seeded(seed, 70)
        capacity = 4 if seed % 5 == 0 else 64
        try:
            _, plain = compare(drawn, capacity, [])
        except AssertionError as error:
            end = next(end for end in range(1, len(drawn) + 1) if differs(drawn[:end], capacity))
            raise AssertionError(f"seed {seed}: the books part at operation {end - 1}: {drawn[end - 1]}") from error
        seen.update((operation["code"], outcome) for operation, outcome in zip(drawn, plain.outcomes, strict=True))
        reasons.update(note[3] for note in plain.cancellations)
        makers.update(drawn[fill[1] - 1]["code"] for fill in plain.fills)
    assert set(reasons) == set(Reason) - {Reason.MARGIN}
    assert {outcome for _, outcome in seen} == set(Outcome) - {
        Outcome.MARGIN_TOO_LOW,
        Outcome.BAD_OWNER,
        Outcome.DUPLICATE_ID,
    }
    assert min(makers[code] for code in (Code.LIMIT, Code.ICEBERG, Code.PEGGED, Code.REST)) > 100
    assert min(seen[Code.MODIFY, outcome] for outcome in (Outcome.RESTED, Outcome.FILLED, Outcome.NOT_FILLABLE)) > 20


def differs(drawn: list[dict[str, Any]], capacity: int) -> bool:
    """Whether the books part on these operations."""
    try:
        compare(drawn, capacity, [])
    except AssertionError:
        return True
    return False


def test_a_row_and_an_operation_are_one_cache_line_and_a_batch_larger_than_the_fill_room_is_whole() -> None:
    assert ORDER_ROW.itemsize == OPERATION.itemsize == 64
    count = 9000
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


def place(order_id: int, side: int, price: int, lots: int, **more: Any) -> dict[str, Any]:
    """A limit order, its owner the tens of its id; `more` makes another of it."""
    return {
        "code": Code.LIMIT, "order_id": order_id, "side": side, "price_ticks": price, "lots": lots,
        "owner": order_id // 10 % OWNERS, **more,
    }  # fmt: skip


def index(ticks: int, now_ms: int) -> dict[str, Any]:
    """An index on a whole tick, published now."""
    return {"code": Code.INDEX, "price_ticks": ticks, "lots": ticks, "terms": now_ms, "now_ms": now_ms}


def outcomes_of(book: Book, drawn: list[dict[str, Any]]) -> tuple[list[tuple[int, ...]], list[Outcome]]:
    """`(fills as taker, maker, price, lots; outcomes)` of a batch."""
    fills, codes = book.run(records(drawn))
    check_storage(book)
    return rows_of(fills, ("taker_id", "maker_id", "price_ticks", "lots")), [Outcome(code) for code in codes.tolist()]


def test_an_iceberg_shows_a_part_and_goes_behind_all_when_it_refills() -> None:
    book = Book(16, OWNERS, BASE)
    iceberg = place(1, 1, 1000, 10, code=Code.ICEBERG, terms=4)
    fills, outcomes = outcomes_of(book, [iceberg, place(11, 1, 1000, 3), place(21, 0, 1000, 5)])
    assert fills == [(21, 1, 1000, 4), (21, 11, 1000, 1)] and outcomes[-1] == Outcome.FILLED
    assert book.orders(1) == [(11, 1000, 2), (1, 1000, 4)] and book.open_lots()[1] == 6
    fills, _ = outcomes_of(book, [place(31, 0, 1000, 9)])
    assert fills == [(31, 11, 1000, 2), (31, 1, 1000, 4), (31, 1, 1000, 2)]
    assert book.best_ticks(0) == 1000 and book.orders(0) == [(31, 1000, 1)]


def test_a_pegged_order_moves_keeps_its_turn_and_is_taken_only_at_a_younger_index() -> None:
    book = Book(16, OWNERS, BASE)
    pegged = place(1, 1, 990, 5, code=Code.PEGGED, terms=2, time_in_force=3)
    assert outcomes_of(book, [pegged])[1] == [Outcome.NO_INDEX]
    assert outcomes_of(book, [index(1000, 5), pegged, place(11, 1, 1003, 5)])[1] == [16, 0, 0]
    assert book.orders(1) == [(1, 1002, 5), (11, 1003, 5)]
    fills, outcomes = outcomes_of(book, [place(21, 0, 1002, 2, now_ms=5)])
    assert not fills and outcomes == [Outcome.RESTED], "its index is no younger than who would take"
    fills, _ = outcomes_of(book, [index(1001, 6)])
    assert not fills and book.orders(1) == [(1, 1003, 5), (11, 1003, 5)], "older, so ahead at the same price"
    fills, _ = outcomes_of(book, [index(1000, 7)])
    assert fills == [(21, 1, 1002, 2)] and book.best_ticks(0) is None
    fills, _ = outcomes_of(book, [place(22, 0, 1002, 1, now_ms=9, age_ms=3)])
    assert fills == [(22, 1, 1002, 1)], "placed before the index was published"
    outcomes_of(book, [index(980, 10)])
    assert book.orders(1)[0] == (1, 990, 2), "never beyond its limit"


def test_a_pegged_order_outside_the_book_waits_and_comes_back() -> None:
    book = Book(16, OWNERS, BASE)
    pegged = place(1, 0, 2000, 5, code=Code.PEGGED, terms=-20, time_in_force=3)
    outcomes_of(book, [index(1000, 1), pegged, index(910, 2)])
    assert book.orders(0) == [] and book.order_count == 1 and book.open_lots() == {1: 5}
    outcomes_of(book, [index(1010, 3)])
    assert book.orders(0) == [(1, 990, 5)]


def test_an_order_is_dead_at_its_expiry() -> None:
    book = Book(16, OWNERS, BASE)
    outcomes_of(book, [place(1, 1, 1000, 5, expiry_ms=10), place(11, 1, 1000, 5, expiry_ms=11)])
    fills, _ = outcomes_of(book, [place(21, 0, 1000, 5, now_ms=10)])
    assert fills == [(21, 11, 1000, 5)]
    assert rows_of(book.cancellations, ("order_id", "lots", "reason")) == [(1, 5, Reason.EXPIRED)]


def test_a_modification_keeps_priority_only_when_it_is_nothing_but_fewer_lots() -> None:
    book = Book(16, OWNERS, BASE)
    first, second = place(1, 1, 1000, 5), place(11, 1, 1000, 5)
    outcomes_of(book, [first, second, {**first, "code": Code.MODIFY, "lots": 4}])
    assert [order[0] for order in book.orders(1)] == [1, 11]
    outcomes_of(book, [{**first, "code": Code.MODIFY, "lots": 3, "expiry_ms": 99}])
    assert [order[0] for order in book.orders(1)] == [11, 1]
    outcomes_of(book, [{**second, "code": Code.MODIFY, "lots": 5}])
    assert [order[0] for order in book.orders(1)] == [1, 11]


def test_what_a_book_cannot_hold_is_refused_and_nothing_grows() -> None:
    for wanted in (0, -1, (1 << 24) + 1):
        with pytest.raises(CapacityError, match="order rows"):
            Book(wanted, 1, 0)
    with pytest.raises(CapacityError, match="owners are full: 0 of"):
        Book(1, 0, 0)
    with pytest.raises(CapacityError, match="lots of an order"):
        Book(1, 1, 0, lots_min=5, lots_max=4)
    with pytest.raises(LayoutError, match="records of a batch"):
        Book(4, 1, 0).run(np.zeros(1, np.uint8))
    book = Book(2, OWNERS, BASE, lots_min=2, lots_max=9)
    sizes = {id(array): array.nbytes for array in (book.rows, book.table, book.terms, book.accounts)}
    drawn = [place(at, 1, 1000 + at, 3) for at in range(1, 5)]
    drawn += [place(9, 1, 1000, 1), place(9, 1, 1000, 10), place(9, 1, BASE + LEVELS, 3), place(9, 1, 1000, 3, owner=4)]
    drawn += [place(9, 1, 1000, 9, code=Code.ICEBERG, terms=2)]
    _, outcomes = outcomes_of(book, drawn)
    full, bad, outside = Outcome.BOOK_FULL, Outcome.BAD_SIZE, Outcome.PRICE_OUTSIDE
    assert outcomes == [0, 0, full, full, bad, bad, outside, Outcome.BAD_OWNER, full]
    assert sizes == {id(array): array.nbytes for array in (book.rows, book.table, book.terms, book.accounts)}
    texts = [str(error_of(book, operation, code)) for operation, code in zip(records(drawn), outcomes, strict=True)]
    assert texts[0] == "None"
    assert texts[2] == "order rows are full: 2 of 2 used"
    assert texts[4] == "operation of order 9 refused, BAD_SIZE: found 1, needed 2 to 9"
    assert texts[6] == "operation of order 9 refused, PRICE_OUTSIDE: found 263044, needed 900 to 263043"
    assert texts[7] == "operation of order 9 refused, BAD_OWNER: found 4, needed 0 to 3"
