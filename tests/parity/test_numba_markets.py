"""Batched mark, TWAP and funding kernels against the Python twin, up to the guards."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide import math
from evertide_engine import funding, mark
from evertide_engine._generated.constants import FUNDING_DIVISOR, INDEX_ONE

PRICE_MOST = (1 << 62) - 1
prices = st.one_of(st.sampled_from([1, 2, 1 << 32, PRICE_MOST]), st.integers(1, PRICE_MOST), st.integers(1, 1 << 45))
maybe_prices = st.one_of(st.just(0), prices)
times = st.one_of(st.sampled_from([0, 1, 150_000, 300_000, 1 << 32]), st.integers(0, 1 << 32))
bases = st.one_of(st.integers(-PRICE_MOST, PRICE_MOST), st.integers(-(1 << 40), 1 << 40))
ratios = st.integers(0, 10_000)
factors = st.one_of(st.sampled_from([INDEX_ONE, 1, 1 << 24]), st.integers(1, INDEX_ONE))
indices = st.one_of(st.sampled_from([0, 1 << 85, -(1 << 85)]), st.integers(-(1 << 85), 1 << 85), st.integers(-99, 99))
rates = st.one_of(st.sampled_from([-(10**9), 0, 10**9]), st.integers(-(10**9), 10**9), st.integers(-50_000, 50_000))
EXAMPLES = settings(max_examples=600, deadline=None)


def u64(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def wide(value: int) -> tuple[int, int]:
    return value >> 64, value & ((1 << 64) - 1)


@EXAMPLES
@given(index=prices, basis=bases, bid=maybe_prices, ask=maybe_prices, last=maybe_prices, radius=ratios)
def test_mark_prices(index: int, basis: int, bid: int, ask: int, last: int, radius: int) -> None:
    expected = math.mark_price(math.MarkInputs(index, basis, bid or None, ask or None, last or None, radius))
    found = mark.mark_prices(u64(index), i64(basis), u64(bid), u64(ask), u64(last), i64(radius))
    assert found.tolist() == [expected]


@EXAMPLES
@given(basis=bases, mid=maybe_prices, index=prices, elapsed=times)
def test_bases(basis: int, mid: int, index: int, elapsed: int) -> None:
    expected = math.update_basis(basis, mid or None, index, elapsed)
    assert mark.update_bases(i64(basis), u64(mid), u64(index), i64(elapsed)).tolist() == [expected]


@EXAMPLES
@given(twap=maybe_prices, sample=prices, elapsed=times, window=st.integers(1, 1 << 33), step=ratios)
def test_twaps(twap: int, sample: int, elapsed: int, window: int, step: int) -> None:
    expected = math.update_twap(twap, sample, elapsed, window, step)
    assert mark.update_twaps(u64(twap), u64(sample), i64(elapsed), window, i64(step)).tolist() == [expected]


@EXAMPLES
@given(bid=maybe_prices, ask=maybe_prices, index=prices)
def test_premiums(bid: int, ask: int, index: int) -> None:
    assert funding.premiums(u64(bid), u64(ask), u64(index)).tolist() == [math.premium(bid or None, ask or None, index)]


@EXAMPLES
@given(premium=rates, initial=ratios, part=st.integers(0, 10_000))
def test_hourly_rates(premium: int, initial: int, part: int) -> None:
    maintenance = initial * part // 10_000
    expected = math.hourly_rate(premium, initial, maintenance)
    assert funding.hourly_rates(i64(premium), i64(initial), i64(maintenance)).tolist() == [expected]


@EXAMPLES
@given(total=st.integers(-(1 << 62), 1 << 62), elapsed=st.integers(1, 1 << 32))
def test_averages_round_toward_zero(total: int, elapsed: int) -> None:
    expected = abs(total) // elapsed * (1 if total >= 0 else -1)
    assert int(funding.average(np.int64(total), np.int64(elapsed))) == expected


@EXAMPLES
@given(
    a=st.tuples(factors, factors), j=st.tuples(indices, indices), rate=rates, index=prices, elapsed=times,
    remainder=st.integers(0, FUNDING_DIVISOR - 1),
)  # fmt: skip
def test_funding_accrual(
    a: tuple[int, int], j: tuple[int, int], rate: int, index: int, elapsed: int, remainder: int
) -> None:
    high, low = (np.array([[wide(value)[word] for value in j]], kind) for word, kind in ((0, np.int64), (1, np.uint64)))
    carried = i64(remainder)
    done = funding.accrue(np.array([a], np.uint64), high, low, i64(rate), u64(index), i64(elapsed), carried)
    found = [(int(high[0, side]) << 64) + int(low[0, side]) for side in (0, 1)]
    try:
        sides = [math.SideIndex(a=a[side], j=j[side]) for side in (0, 1)]
        expected = math.accrue_funding(*sides, rate, index, elapsed, remainder)
    except math.MathError:
        assert not done[0] and found == list(j) and carried[0] == remainder
        return
    assert done[0] and found == [expected.long.j, expected.short.j] and carried[0] == expected.remainder


def test_rows_outside_a_guard_stay_as_they_are_and_their_neighbours_do_not() -> None:
    """F-24: one poisoned row harms no other."""
    a = np.full((3, 2), INDEX_ONE, np.uint64)
    high, low = np.zeros((3, 2), np.int64), np.zeros((3, 2), np.uint64)
    elapsed = i64(1000, -1, 1000)
    done = funding.accrue(a, high, low, i64(100, 100, 100), u64(1 << 40, 1 << 40, 1 << 40), elapsed, i64(0, 0, 0))
    assert done.tolist() == [True, False, True]
    assert low[0].tolist() == low[2].tolist() != [0, 0] and low[1].tolist() == [0, 0]
