"""The lazy index rebuilt from events: deleveraging closes everybody's part, folding follows it, epochs start anew."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertide.math import SideIndex as MathSide
from evertide.math import Snapshot, deleverage, fold
from evertide_cli.quickstart.index import A_ONE, LONG, SHORT, SidesBook, value_ceil, value_floor

PRICE = 46 << 32


def held(**sizes: int) -> SidesBook:
    book = SidesBook()
    for user, lots in sizes.items():
        book.change(user, lots)
    return book


def test_a_fill_moves_open_interest_of_both_sides() -> None:
    book = held(a=10, b=-10)
    assert [side.interest_lots for side in book.sides] == [10, 10]
    book.change("a", -15)
    book.change("b", 15)
    assert (book.lots["a"], book.lots["b"]) == (-5, 5)
    assert [side.interest_lots for side in book.sides] == [5, 5]


def test_deleveraging_takes_a_part_of_everybody() -> None:
    book = held(bankrupt=50, other=50, x=-75, y=-25)
    assert book.close_against("bankrupt", 50, PRICE) == 50 * 46
    assert [Fraction(*book.now(user)) for user in ("x", "y")] == [Fraction(75, 2), Fraction(25, 2)]
    assert [side.interest_lots for side in book.sides] == [50, 50]
    fold_x = book.fold("x")
    assert (book.lots["x"], fold_x.closed_lots, fold_x.closing_atoms) == (-37, 38, -(75 * 46) // 2)
    assert fold_x.dropped_q16 == -(1 << 15)
    assert (book.dropped, book.sides[SHORT].dropped_q16) == (1, (1 << 15) - 1)


def test_lots_that_folding_dropped_are_closed_on_the_other_side() -> None:
    """Three halves of a lot dropped on the short side: a lot of the long side has no counterpart."""
    book = held(bankrupt=50, other=50, x=-75, y=-15, z=-5, w=-5)
    book.close_against("bankrupt", 50, PRICE)
    book.fold("x")
    book.fold("y")
    book.close_dropped(PRICE)
    assert book.sides[LONG].a == A_ONE
    book.fold("z")
    book.close_dropped(PRICE)
    assert [side.interest_lots for side in book.sides] == [49, 49]
    assert (book.sides[SHORT].dropped_q16, book.sides[LONG].a) == ((1 << 15) - 3, A_ONE * 49 // 50)
    # A was rounded down: of 49 lots but 48 are whole, and nearly one more is dropped.
    assert (book.fold("other").closing_atoms, book.lots["other"]) == (46, 48)
    assert book.sides[LONG].dropped_q16 == 0xFFFF


def test_a_short_drops_upwards_and_a_long_downwards() -> None:
    for sign in (1, -1):
        book = held(bankrupt=-sign, x=sign, y=sign, z=sign)
        book.change("w", -2 * sign)
        book.close_against("bankrupt", 1, PRICE)
        dropped = book.fold("x").dropped_q16
        assert abs(dropped) == (2 << 16) // 3 + (sign < 0)
        assert (dropped > 0) == (sign > 0)


def test_a_short_pays_the_ceiling_and_a_long_gets_the_floor() -> None:
    half = 1 << 31
    assert (value_floor(3, half), value_ceil(3, half)) == (1, 2)
    book = held(bankrupt=-3, x=3)
    assert book.close_against("bankrupt", 3, half) == -2
    assert book.fold("x").closing_atoms == 1


def test_a_side_closed_to_nothing_starts_anew_when_it_is_folded() -> None:
    book = held(bankrupt=10, x=-10)
    book.close_against("bankrupt", 10, PRICE)
    book.reset()
    short = book.sides[SHORT]
    assert (short.a, short.epoch) == (A_ONE, 1)
    assert book.counted(SHORT) == (0, 1)
    gone = book.fold("x")
    assert (book.lots["x"], gone.closed_lots, gone.closing_atoms) == (0, 10, -460)
    assert book.counted(SHORT) == (0, 0)


def test_nobody_on_the_other_side_leaves_its_factor() -> None:
    book = held(a=10, b=-10)
    book.sides[SHORT].interest_lots = 10
    book.lots["b"] = 0
    book.close_against("a", 10, 0)
    assert book.sides[SHORT].a == A_ONE
    assert [side.interest_lots for side in book.sides] == [0, 0]


@given(
    sizes=st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    parts=st.lists(st.tuples(st.integers(1, 99), st.integers(1, 1 << 45)), min_size=1, max_size=4),
    longs=st.booleans(),
)
def test_sizes_and_cash_follow_the_exchanges_own_arithmetic(
    sizes: list[int], parts: list[tuple[int, int]], longs: bool
) -> None:
    """Against the readable twin of the program's arithmetic, fold by fold."""
    sign, number = (1, LONG) if longs else (-1, SHORT)
    book = held(**{f"u{at}": sign * size for at, size in enumerate(sizes)})
    book.change("other", -sign * sum(sizes))
    twin = MathSide(A_ONE, 0, 0, 0)
    for percent, price in parts:
        interest = book.sides[number].interest_lots
        closed = interest * percent // 100
        if closed == 0:
            break
        twin = deleverage(twin, longs, interest, closed, price)
        book.close_against("other", closed, price)
        assert (book.sides[number].a, book.sides[number].closing) == (twin.a, twin.j)
    for at, size in enumerate(sizes):
        wanted = fold(Snapshot(sign * size, A_ONE, 0, 0), twin)
        found = book.fold(f"u{at}")
        assert (book.lots[f"u{at}"], found.closing_atoms) == (wanted.size_lots, wanted.cash_delta_atoms)


@pytest.mark.parametrize("number", [LONG, SHORT])
def test_a_side_with_stale_positions_waits(number: int) -> None:
    sign = 1 if number == LONG else -1
    book = held(bankrupt=-sign * 4, x=sign * 3, y=sign)
    book.close_against("bankrupt", 4, PRICE)
    book.reset()
    assert (book.sides[number].epoch, book.counted(number)) == (1, (0, 2))
    book.fold("x")
    book.reset()
    assert book.sides[number].epoch == 1
