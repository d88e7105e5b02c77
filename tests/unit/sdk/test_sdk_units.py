"""Decimal at the edge: exact or refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertide import (
    FloatRefused,
    NotExact,
    UnitError,
    UnitOutOfRange,
    atoms_to_token,
    atoms_to_usdc,
    lots_to_size,
    price_q32_to_decimal,
    price_to_ticks,
    size_to_lots,
    ticks_to_price,
    to_decimal,
    token_to_atoms,
    usdc_to_atoms,
)
from evertide._units import bps_from, scale, unscale

U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)


@given(U64, st.integers(0, 12))
def test_unsigned_integers_survive_the_way_out_and_back(atoms: int, decimals: int) -> None:
    assert token_to_atoms(atoms_to_token(atoms, decimals), decimals) == atoms
    assert token_to_atoms(f"{atoms_to_token(atoms, decimals):f}", decimals) == atoms


@given(I64)
def test_signed_quote_survives_the_way_out_and_back(atoms: int) -> None:
    assert usdc_to_atoms(atoms_to_usdc(atoms), signed=True) == atoms


@given(st.integers(1, 2**40 - 1), st.integers(1, 10**9))
def test_ticks_survive_the_way_out_and_back(ticks: int, tick_size_atoms: int) -> None:
    if ticks * tick_size_atoms < 2**64:
        price = ticks_to_price(ticks, tick_size_atoms=tick_size_atoms)
        assert price_to_ticks(price, tick_size_atoms=tick_size_atoms) == ticks


@given(st.integers(-(2**40), 2**40), st.integers(1, 10**7))
def test_lots_survive_the_way_out_and_back(lots: int, lot_size_e9: int) -> None:
    if lots and abs(lots * lot_size_e9) < 2**63:
        size = lots_to_size(lots, lot_size_e9=lot_size_e9)
        assert size_to_lots(size, lot_size_e9=lot_size_e9, signed=True) == lots


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14))
def test_scaling_agrees_with_fractions(value: Decimal) -> None:
    numerator, denominator = value.as_integer_ratio()
    exact = numerator * 10**6 % denominator == 0
    if exact and -(2**63) <= numerator * 10**6 // denominator < 2**63:
        assert scale(value, 6, signed=True) == numerator * 10**6 // denominator
    else:
        with pytest.raises(UnitError):
            scale(value, 6, signed=True)


@pytest.mark.parametrize("value", [1.5, 0.1, float("nan"), True, False, None, b"1", [1]])
def test_floats_and_bools_are_refused(value: object) -> None:
    with pytest.raises(FloatRefused, match="Decimal, an int or a decimal string"):
        usdc_to_atoms(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", "abc", "1e3", "0x10", "1,5", "١", "nan", "Infinity", "--1", "1.2.3"])
def test_text_that_is_no_plain_decimal_is_refused(value: str) -> None:
    with pytest.raises(UnitError) as caught:
        usdc_to_atoms(value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("sNaN")])
def test_decimals_that_are_not_finite_are_refused(value: Decimal) -> None:
    with pytest.raises(UnitError, match="not finite"):
        to_decimal(value)


def test_more_digits_than_the_unit_has_are_refused_with_the_step() -> None:
    with pytest.raises(NotExact) as caught:
        usdc_to_atoms("1.0000001")
    assert caught.value.step == Decimal("0.000001")
    with pytest.raises(NotExact):
        usdc_to_atoms(Decimal("1e-4000000"))


def test_the_ends_of_64_bits() -> None:
    assert usdc_to_atoms("18446744073709.551615") == 2**64 - 1
    for beyond in ("18446744073709.551616", Decimal("1e40"), Decimal("1e999999")):
        with pytest.raises(UnitOutOfRange, match=r"above the greatest value 18446744073709\.551615"):
            usdc_to_atoms(beyond)
    with pytest.raises(UnitOutOfRange, match="below the least value 0"):
        usdc_to_atoms(-1)


def test_a_price_must_be_on_the_tick_and_positive() -> None:
    assert price_to_ticks("40010", tick_size_atoms=1_000_000) == 40_010
    assert price_to_ticks("0.25", tick_size_atoms=10_000) == 25
    with pytest.raises(NotExact, match=r"not a multiple of the tick 0\.01"):
        price_to_ticks("0.255", tick_size_atoms=10_000)
    with pytest.raises(NotExact, match="the tick 100"):
        price_to_ticks("250", tick_size_atoms=100_000_000)
    for bad in (0, -1, "-0.01"):
        with pytest.raises(UnitOutOfRange):
            price_to_ticks(bad, tick_size_atoms=10_000)


def test_a_size_must_be_on_the_lot_and_not_zero() -> None:
    assert size_to_lots("0.0001", lot_size_e9=100_000) == 1
    assert size_to_lots("-0.5", lot_size_e9=100_000, signed=True) == -5_000
    with pytest.raises(NotExact, match=r"the lot 0\.0001"):
        size_to_lots("0.00015", lot_size_e9=100_000)
    with pytest.raises(UnitOutOfRange):
        size_to_lots(0, lot_size_e9=1)
    with pytest.raises(UnitOutOfRange):
        size_to_lots("-1", lot_size_e9=1)


def test_a_q32_price_is_shown_in_dollars_of_a_whole_unit() -> None:
    # 40,000 USD for each unit, lots of 0.0001: 4 USD, 4,000,000 atoms a lot.
    assert price_q32_to_decimal(4_000_000 << 32, lot_size_e9=100_000) == Decimal(40_000)
    assert price_q32_to_decimal(0, lot_size_e9=1) == 0


@pytest.mark.parametrize(("leverage", "bps"), [(1, 10_000), (10, 1_000), (3, 3_334), ("2.5", 4_000), (20_000, 1)])
def test_a_leverage_cap_rounds_to_the_safe_side(leverage: int | str, bps: int) -> None:
    assert bps_from(leverage) == bps


def test_a_leverage_below_one_is_refused() -> None:
    with pytest.raises(UnitOutOfRange):
        bps_from("0.99")


def test_unscale_refuses_what_is_not_an_integer() -> None:
    with pytest.raises(FloatRefused):
        unscale(1.0, 6)  # type: ignore[arg-type]
