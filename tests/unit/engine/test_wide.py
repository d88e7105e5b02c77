"""Numba's 128-bit helpers against Python's integers, at the edges and everywhere between."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evertide_engine import wide

LIMIT = 1 << 64
EDGES = [0, 1, 2, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, LIMIT - 1]
words = st.one_of(st.sampled_from(EDGES), st.integers(0, LIMIT - 1), st.integers(0, 1 << 40))
divisors = words.map(lambda word: word or 1)
bits = st.integers(1, 63)
signed = st.one_of(st.sampled_from([-(1 << 63), -1, 0, 1, (1 << 63) - 1]), st.integers(-(1 << 40), 1 << 40))
wides = st.one_of(st.integers(-(1 << 86), 1 << 86), st.integers(-(1 << 125), 1 << 125), st.integers(-3, 3))
U = np.uint64


def equal(found: tuple[np.uint64, bool], expected: int, limit: int = LIMIT) -> None:
    value, ok = found
    assert ok == (expected < limit)
    assert not ok or int(value) == expected


@settings(max_examples=500, deadline=None)
@given(left=words, right=words, shift=bits, divisor=divisors)
def test_products_and_quotients(left: int, right: int, shift: int, divisor: int) -> None:
    product = left * right
    equal(wide.multiply_shift_floor(U(left), U(right), U(shift)), product >> shift)
    equal(wide.multiply_shift_ceil(U(left), U(right), U(shift)), -(-product >> shift))
    equal(wide.multiply_divide_floor(U(left), U(right), U(divisor)), product // divisor)
    equal(wide.multiply_divide_ceil(U(left), U(right), U(divisor)), -(-product // divisor))


@settings(max_examples=500, deadline=None)
@given(value=wides, factor=signed, divisor=divisors, shift=bits)
def test_scaling_a_wide_value_rounds_to_minus_infinity(value: int, factor: int, divisor: int, shift: int) -> None:
    high, low = np.int64(value >> 64), U(value & (LIMIT - 1))
    for by, number in ((0, divisor), (shift, 1 << shift)):
        found, ok = wide.scale_wide_floor(high, low, np.int64(factor), U(divisor), U(by))
        expected = value * factor // number
        if ok:
            assert int(found) == expected
        else:
            assert abs(value * factor) >= 1 << 127 or not -(1 << 63) < expected < 1 << 63


@settings(max_examples=300, deadline=None)
@given(left=wides, right=wides)
def test_sums_differences_and_signs(left: int, right: int) -> None:
    def words_of(value: int) -> tuple[np.int64, np.uint64]:
        return np.int64(value >> 64), U(value & (LIMIT - 1))

    def value_of(pair: tuple[int, int]) -> int:
        return (int(pair[0]) << 64) + int(pair[1])

    assert value_of(wide.add_wide(*words_of(left), *words_of(right))) == left + right
    assert value_of(wide.subtract_wide(*words_of(left), *words_of(right))) == left - right
    assert value_of(wide.negate_wide(*words_of(left))) == -left
    assert value_of(wide.magnitude_wide(*words_of(left))) == abs(left)


@given(value=signed)
def test_magnitudes_take_the_lowest_integer_too(value: int) -> None:
    assert int(wide.magnitude(np.int64(value))) == abs(value)


@settings(max_examples=300, deadline=None)
@given(left=signed, right=words, divisor=divisors)
def test_signed_quotients_round_to_minus_infinity(left: int, right: int, divisor: int) -> None:
    found, ok = wide.signed_multiply_divide_floor(np.int64(left), U(right), U(divisor))
    expected = left * right // divisor
    assert ok == (-(1 << 63) < expected < 1 << 63)
    assert not ok or int(found) == expected
