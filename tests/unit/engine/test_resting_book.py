"""A book ranks as far as somebody looks, and is in strict priority however far that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crossing_reference import order_hash
from engine_builders import empty_accounts, key_of, open_markets, put_order

from evertide_engine._generated.constants import MARKETS_MAX, ORDER_FLAG_ASK, OrderKind, TimeInForce
from evertide_engine.crossing import resting
from evertide_engine.decode import key_words

INDEX_TICKS, NOW_MS, SLOT, COUNT = 1_000, 1_000_000, 500, 60
FAR = np.tile(np.array([0, 1 << 62], np.int64), (MARKETS_MAX, 1))


def drawn(seed: int) -> tuple[Any, Any, dict[tuple[int, int], list[tuple[int, ...]]]]:
    """Accounts full of orders at few prices and slots; and by book what rests there, best first."""
    generator = np.random.default_rng(seed)
    orders, users = empty_accounts(COUNT)
    expected: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for row in range(COUNT):
        for slot in range(32):
            ask, pegged = bool(generator.integers(0, 2)), bool(generator.random() < 0.1)
            price, placed = INDEX_TICKS + int(generator.integers(-5, 6)), SLOT - int(generator.integers(1, 4))
            put_order(
                orders,
                row,
                slot,
                order_id=slot + 1,
                flags=int(ask) * ORDER_FLAG_ASK,
                kind=OrderKind.PEGGED if pegged else OrderKind.LIMIT,
                time_in_force=TimeInForce.POST_ONLY,
                price_ticks=price,
                size_lots=int(generator.integers(1, 9)),
                placed_slot=placed,
            )
            if not pegged:
                turn = (price if ask else -price, placed, order_hash(placed, key_of(row), slot + 1), row, slot)
                expected.setdefault((0, int(ask)), []).append(turn)
    return orders, users, {key: sorted(book) for key, book in expected.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_book_is_in_strict_priority_however_far_it_is_read(seed: int) -> None:
    orders, users, expected = drawn(seed)
    keys = key_words([key_of(row) for row in range(COUNT)])
    books = resting(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT)
    assert set(books) == set(expected)
    for key, wanted in expected.items():
        found = books[key]
        assert len(found) == len(wanted) > 500
        # One by one from the best, then one from the end, then all of it.
        near = [(found[at].row, found[at].slot) for at in range(3)]
        assert near == [turn[3:] for turn in wanted[:3]]
        assert (found[-1].row, found[-1].slot) == wanted[-1][3:]
        assert [(order.row, order.slot) for order in found] == [turn[3:] for turn in wanted]
        assert [order.slot for order in found[5:200:7]] == [turn[4] for turn in wanted[5:200:7]]
        with pytest.raises(IndexError, match=f"orders of a book: {len(wanted)}, asked for number {len(wanted)}"):
            found[len(wanted)]


def test_a_bound_leaves_out_what_is_worse() -> None:
    orders, users, expected = drawn(7)
    keys = key_words([key_of(row) for row in range(COUNT)])
    worst = FAR.copy()
    worst[0] = INDEX_TICKS - 1, INDEX_TICKS + 2
    books = resting(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT, worst_ticks=worst)
    for (market, side), wanted in expected.items():
        bound = INDEX_TICKS + 2 if side else -(INDEX_TICKS - 1)
        assert [(one.row, one.slot) for one in books[market, side]] == [turn[3:] for turn in wanted if turn[0] <= bound]
    whole = resting(orders, keys, users, open_markets(INDEX_TICKS), NOW_MS, SLOT, worst_ticks=FAR)
    assert {key: len(book) for key, book in whole.items()} == {key: len(book) for key, book in expected.items()}
