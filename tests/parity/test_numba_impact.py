"""Impact prices against whole numbers of any size, and the example that the program's own test has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide_engine._generated.constants import TICKS_LIMIT
from evertide_engine.errors import ShapeError
from evertide_engine.impact import impact_prices

Level = tuple[int, int]
WORD = 1 << 64


def plain(levels: Sequence[Level], wanted: int, tick: int, up: bool) -> int:
    """The average up to a notional, with Python's integers; 0 for none."""
    reached = lots = lot_ticks = 0
    for price, size in levels:
        if reached >= wanted:
            break
        if price >= TICKS_LIMIT or price * tick >= WORD:
            return 0
        taken = min(size, -((reached - wanted) // (price * tick))) if price * tick else 0
        reached, lots, lot_ticks = reached + taken * price * tick, lots + taken, lot_ticks + taken * price
        if reached >= WORD:
            return 0
    if not lots or reached < wanted:
        return 0
    return -(-lot_ticks // lots) if up else lot_ticks // lots


def kernel(books: Sequence[tuple[Sequence[Level], int, int, int]]) -> list[int]:
    """Books as `(levels, side, wanted, tick)`, all in one call."""
    flat = [level for levels, *_ in books for level in levels]
    starts = np.cumsum([0, *(len(levels) for levels, *_ in books)])
    prices, lots = (np.array([level[at] for level in flat], np.uint64) for at in (0, 1))
    sides = np.array([side for _, side, _, _ in books], np.uint8)
    wanted, tick = (np.array([book[at] for book in books], np.uint64) for at in (2, 3))
    return impact_prices(prices, lots, starts, sides, wanted, tick).tolist()


def test_the_programs_own_example() -> None:
    """1,000 atoms: 50 lots at 10, then ceil(500 / 9) = 56 at 9; a bid's average is rounded down, an ask's up."""
    levels = [(10, 50), (9, 1_000)]
    assert kernel([(levels, 0, 1_000, 1), (levels, 1, 1_000, 1)]) == [1_004 // 106, 1_004 // 106 + 1]


def test_a_book_too_thin_has_no_impact_price() -> None:
    thin = [(10, 50), (9, 55)]
    assert kernel([(thin, 0, 996, 1), (thin, 0, 995, 1), ([], 1, 1, 1), (thin, 0, 0, 1), (thin, 1, 5, 0)]) == [
        0,
        9,
        0,
        0,
        0,
    ]


numbers = st.one_of(st.integers(0, 50), st.integers(0, 1 << 40), st.integers(0, WORD - 1))
prices = st.one_of(st.integers(0, 50), st.integers(1, 1 << 40), st.sampled_from([TICKS_LIMIT - 1, TICKS_LIMIT]))
books = st.tuples(st.lists(st.tuples(prices, numbers), max_size=6), st.integers(0, 1), numbers, numbers)


@settings(max_examples=2_000, deadline=None)
@given(st.lists(books, min_size=1, max_size=4))
def test_it_is_what_whole_numbers_of_any_size_give(many: list[tuple[list[Level], int, int, int]]) -> None:
    expected = [plain(levels, wanted, tick, side == 1) for levels, side, wanted, tick in many]
    assert kernel(many) == expected


@pytest.mark.parametrize("name", ["lots", "starts", "notionals", "tick values", "last"])
def test_arrays_that_do_not_belong_together_are_refused(name: str) -> None:
    prices, lots, starts = np.ones(3, np.uint64), np.ones(3, np.uint64), np.array([0, 2, 3])
    sides, wanted, tick = np.zeros(2, np.uint8), np.ones(2, np.uint64), np.ones(2, np.uint64)
    if name == "last":
        starts[-1] = 2
    changed = {"lots": lots[:2], "starts": starts[:2], "notionals": wanted[:1], "tick values": tick[:1]}
    given = {
        "lots": lots,
        "starts": starts,
        "notionals": wanted,
        "tick values": tick,
        **({} if name == "last" else {name: changed[name]}),
    }
    with pytest.raises(ShapeError):
        impact_prices(prices, given["lots"], given["starts"], sides, given["notionals"], given["tick values"])
