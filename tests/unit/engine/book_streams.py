"""Streams of operations for the books: drawn by hypothesis, or from a seed, and what is checked after one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from book_reference import ReferenceBook
from hypothesis import strategies as st

from evertide_engine.book import CANCELLATION, FILL, LEVELS, OPERATION, Book, Code, Outcome

BASE, OWNERS = 900, 4
EDGES = (BASE - 1, BASE, BASE + LEVELS - 1, BASE + LEVELS, 0, 1 << 40, -(1 << 62), (1 << 63) - 1)
SIZES = (0, -1, 1 << 40, (1 << 40) + 1, (1 << 63) - 1)
CODES = (
    [Code.LIMIT] * 8
    + [Code.MODIFY] * 4
    + [Code.PEGGED] * 4
    + [Code.ICEBERG] * 3
    + [Code.INDEX] * 3
    + [Code.CANCEL, Code.MARKET, Code.REST, Code.AMEND, 77]
)


def fitting(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with what its kind needs most of the time, so that most operations get past the first checks."""
    code, spice = fields["code"], fields.pop("spice")
    if spice == 0:
        return fields
    if code == Code.PEGGED:
        fields.update(time_in_force=3, terms=fields["terms"] % 13 - 6)
        fields["price_ticks"] = 1012 if fields["side"] == 0 else 988
    elif code == Code.ICEBERG:
        fields.update(time_in_force=fields["time_in_force"] // 4 * 3, terms=1 + fields["terms"] % 4)
    elif code == Code.MARKET:
        fields.update(time_in_force=1 + fields["time_in_force"] % 2)
    elif code == Code.INDEX:
        fields.update(price_ticks=996 + fields["terms"] % 9, lots=996 + fields["terms"] % 9 + fields["side"])
        fields.update(terms=fields["now_ms"])
    return fields


def operations() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Operations around few prices and ids, so that they meet; wild sizes and prices now and then."""
    one = st.fixed_dictionaries(
        {
            "code": st.sampled_from(CODES),
            "order_id": st.integers(0, 25),
            "price_ticks": st.one_of(st.integers(995, 1005), st.integers(995, 1005), st.sampled_from(EDGES)),
            "lots": st.one_of(st.integers(1, 12), st.integers(1, 12), st.sampled_from(SIZES)),
            "expiry_ms": st.sampled_from([0, 0, 0, 5, 10, 20]),
            "now_ms": st.integers(0, 30),
            "terms": st.one_of(st.integers(0, 12), st.integers(0, 12), st.sampled_from([-1, 1 << 40, -(1 << 63)])),
            "owner": st.sampled_from([0, 1, 2, 3, 3, OWNERS, -1]),
            "age_ms": st.sampled_from([0, 0, 3, 30]),
            "side": st.sampled_from([0, 1, 0, 1, 0, 1, 0, 1, 2]),
            "time_in_force": st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4, 5]),
            "self_trade": st.sampled_from([0, 1, 2, 0, 1, 2, 3]),
            "reduce_only": st.sampled_from([0, 0, 0, 1]),
            "spice": st.integers(0, 7),
        }
    )
    return st.lists(one.map(fitting), max_size=60)


def seeded(seed: int, count: int) -> list[dict[str, Any]]:
    """A stream of one seed: times move forward, ids are mostly new or live ones."""
    draw = random.Random(seed)
    now, stream = 0, []
    placed = [1]
    for at in range(count):
        now += draw.choice((0, 0, 0, 1, 2))
        wild = draw.random() < 0.02
        side, code = draw.randrange(2), draw.choice(CODES)
        old = code in (Code.CANCEL, Code.MODIFY, Code.AMEND)
        fields = {
            "code": code,
            "order_id": draw.choice(placed[-12:]) if old and draw.random() < 0.95 else at + 1,
            "price_ticks": draw.choice(EDGES) if wild else 1000 + draw.randrange(-6, 7),
            "lots": draw.choice(SIZES) if wild else draw.randrange(1, 13),
            "expiry_ms": draw.choice((0, 0, 0, 0, 0, 0, now + 8, now + 20, now + 4, now)),
            "now_ms": now,
            "terms": draw.randrange(0, 13),
            "owner": draw.randrange(OWNERS),
            "age_ms": draw.choice((0, 0, 5)),
            "side": side,
            "time_in_force": draw.choice((0, 0, 0, 0, 0, 0, 1, 2, 3, 4)),
            "self_trade": draw.randrange(3),
            "reduce_only": int(draw.random() < 0.15),
            "spice": draw.randrange(16),
        }
        if not old and code != Code.INDEX:
            placed.append(fields["order_id"])
        # A modification names side and owner of its order: they follow from the id.
        fields["side"], fields["owner"] = fields["order_id"] * 7 // 3 % 2, fields["order_id"] % OWNERS
        stream.append(fitting(fields))
    return stream


def records(drawn: list[dict[str, Any]]) -> np.ndarray:
    """Operations as one `OPERATION` array."""
    array = np.zeros(len(drawn), OPERATION)
    for name in OPERATION.names or ():
        if name != "reserved":
            array[name] = [fields.get(name, 0) for fields in drawn]
    return array


def rows_of(found: np.ndarray, names: tuple[str, ...], shift: int = 0) -> list[tuple[int, ...]]:
    """Records as tuples; the batch's operation numbers moved by `shift`."""
    columns = [found[name].astype(object) + (shift if name == "operation" else 0) for name in names]
    return [tuple(int(value) for value in row) for row in zip(*columns, strict=True)]


def check_storage(book: Book) -> None:
    """The arrays agree with each other: lists, level sums, id table, counts, and the lots that went in and out."""
    seen = 0
    for side in (0, 1):
        orders = book.orders(side)
        sums: dict[int, int] = {}
        for _, price, lots in orders:
            sums[price] = sums.get(price, 0) + lots
        assert list(sums.items()) == book.depth(side) and all(sums.values())
        seen += len(orders)
        assert book.best_ticks(side) == (orders[0][1] if orders else None)
    live = np.flatnonzero(book.rows["order_id"])
    waiting = int((book.rows["level"][live] < 0).sum())
    assert seen + waiting == book.order_count == len(live) == int((book.table["row"] >= 0).sum())
    assert sorted(book.table["row"][book.table["row"] >= 0].tolist()) == live.tolist()
    submitted, executed, cancelled = book.totals
    assert submitted == executed + cancelled + sum(book.open_lots().values())


def compare(drawn: list[dict[str, Any]], capacity: int, cuts: list[int]) -> tuple[Book, ReferenceBook]:
    """Run a stream through both books, the kernel's in batches that end at `cuts`; every answer must be the same."""
    book, plain = Book(capacity, OWNERS, BASE), ReferenceBook(capacity, OWNERS, BASE)
    array, expected = records(drawn), plain.run(drawn)
    fills: list[tuple[int, ...]] = []
    notes: list[tuple[int, ...]] = []
    outcomes: list[Outcome] = []
    first = 0
    for end in [*cuts, len(drawn)]:
        found, codes = book.run(array[first:end])
        fills += rows_of(found, FILL.names or (), first)
        notes += rows_of(book.cancellations, (CANCELLATION.names or ())[:4], first)
        outcomes += [Outcome(code) for code in codes.tolist()]
        first = max(first, end)
    assert outcomes == expected
    assert fills == plain.fills
    assert notes == plain.cancellations
    assert book.positions.tolist() == plain.positions
    for side in (0, 1):
        assert book.orders(side) == [(order.order_id, order.price, order.lots) for order in plain.side(side)]
    assert book.open_lots() == {order.order_id: order.open for order in plain.resting}
    check_conservation(book, plain)
    check_storage(book)
    return book, plain


def check_conservation(book: Book, plain: ReferenceBook) -> None:
    """Of each order and in all: submitted = executed + cancelled + resting, with the kernel's own open lots."""
    left = book.open_lots()
    for order_id, (submitted, executed, cancelled) in plain.ledger.items():
        assert submitted == executed + cancelled + left.pop(order_id, 0), order_id
    assert not left
    totals = tuple(sum(line[place] for line in plain.ledger.values()) for place in range(3))
    assert book.totals == totals
