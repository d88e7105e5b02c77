"""Directed rounding: the direction is in the name.

`floor` is toward minus infinity, `ceil` toward plus infinity, `trunc` toward zero. Arguments are of
64 bits and so are results, as on chain; a negative divisor, or a zero one, is an error.
"""

from __future__ import annotations

from evertide._generated.math_constants import BPS_ONE
from evertide.math._errors import DivisionByZeroError, NotPositiveError, OutOfRangeError
from evertide.math._units import ATOMS, BPS, I64, U32, U64


def floor_of(numerator: int, divisor: int) -> int:
    """`floor(numerator / divisor)` of exact integers, `divisor > 0`."""
    return numerator // divisor


def ceil_of(numerator: int, divisor: int) -> int:
    """`ceil(numerator / divisor)` of exact integers, `divisor > 0`."""
    return -(-numerator // divisor)


def trunc_of(numerator: int, divisor: int) -> int:
    """`numerator / divisor` toward zero, of exact integers, `divisor > 0`."""
    return numerator // divisor if numerator >= 0 else -(-numerator // divisor)


def _divisor(divisor: int) -> int:
    if U64.check(divisor, "divisor") == 0:
        raise DivisionByZeroError("the divisor is zero")
    return divisor


def _power(bits: int) -> int:
    if U32.check(bits, "bits") > 127:
        raise OutOfRangeError("a shift is below 128 bits", bits=bits, limit=128)
    return 1 << bits


def mul_div_floor(left: int, right: int, divisor: int) -> int:
    """`floor(left * right / divisor)`, all u64. Raises MathOverflowError, DivisionByZeroError."""
    return U64.fit(floor_of(U64.check(left, "left") * U64.check(right, "right"), _divisor(divisor)))


def mul_div_ceil(left: int, right: int, divisor: int) -> int:
    """`ceil(left * right / divisor)`, all u64. Raises MathOverflowError, DivisionByZeroError."""
    return U64.fit(ceil_of(U64.check(left, "left") * U64.check(right, "right"), _divisor(divisor)))


def mul_shift_floor(left: int, right: int, bits: int) -> int:
    """`floor(left * right / 2^bits)`, u64, `bits < 128`. Raises MathOverflowError."""
    return U64.fit(floor_of(U64.check(left, "left") * U64.check(right, "right"), _power(bits)))


def mul_shift_ceil(left: int, right: int, bits: int) -> int:
    """`ceil(left * right / 2^bits)`, u64, `bits < 128`. Raises MathOverflowError."""
    return U64.fit(ceil_of(U64.check(left, "left") * U64.check(right, "right"), _power(bits)))


def _signed_fit(value: int) -> int:
    # On chain the sign is put on a magnitude, so that the one value without a positive twin is refused.
    I64.fit(abs(value))
    return value


def signed_mul_div_floor(left: int, right: int, divisor: int) -> int:
    """`floor(left * right / divisor)` for an i64 `left`. Raises MathOverflowError, DivisionByZeroError."""
    return _signed_fit(floor_of(I64.check(left, "left") * U64.check(right, "right"), _divisor(divisor)))


def signed_mul_div_ceil(left: int, right: int, divisor: int) -> int:
    """`ceil(left * right / divisor)` for an i64 `left`. Raises MathOverflowError, DivisionByZeroError."""
    return _signed_fit(ceil_of(I64.check(left, "left") * U64.check(right, "right"), _divisor(divisor)))


def signed_mul_div_trunc(left: int, right: int, divisor: int) -> int:
    """`left * right / divisor` toward zero for an i64 `left`. Raises MathOverflowError, DivisionByZeroError."""
    return _signed_fit(trunc_of(I64.check(left, "left") * U64.check(right, "right"), _divisor(divisor)))


def signed_mul_shift_floor(left: int, right: int, bits: int) -> int:
    """`floor(left * right / 2^bits)` for an i64 `left`, `bits < 128`. Raises MathOverflowError."""
    return _signed_fit(floor_of(I64.check(left, "left") * U64.check(right, "right"), _power(bits)))


def signed_mul_shift_ceil(left: int, right: int, bits: int) -> int:
    """`ceil(left * right / 2^bits)` for an i64 `left`, `bits < 128`. Raises MathOverflowError."""
    return _signed_fit(ceil_of(I64.check(left, "left") * U64.check(right, "right"), _power(bits)))


def _positive_divisor(divisor: int) -> int:
    if I64.check(divisor, "divisor") == 0:
        raise DivisionByZeroError("the divisor is zero")
    if divisor < 0:
        raise NotPositiveError("the divisor is negative", divisor=divisor)
    return divisor


def div_floor(value: int, divisor: int) -> int:
    """`floor(value / divisor)` of i64, `divisor > 0`. Raises DivisionByZeroError, NotPositiveError."""
    return floor_of(I64.check(value, "value"), _positive_divisor(divisor))


def div_ceil(value: int, divisor: int) -> int:
    """`ceil(value / divisor)` of i64, `divisor > 0`. Raises DivisionByZeroError, NotPositiveError."""
    return ceil_of(I64.check(value, "value"), _positive_divisor(divisor))


def div_trunc(value: int, divisor: int) -> int:
    """`value / divisor` toward zero of i64, `divisor > 0`. Raises DivisionByZeroError, NotPositiveError."""
    return trunc_of(I64.check(value, "value"), _positive_divisor(divisor))


def ratio_floor(value_atoms: int, ratio_bps: int) -> int:
    """`floor(value * ratio / 10_000)` in atoms, signed. Raises MathOverflowError."""
    return ATOMS.fit(floor_of(ATOMS.check(value_atoms, "value_atoms") * BPS.check(ratio_bps, "ratio_bps"), BPS_ONE))


def ratio_ceil(value_atoms: int, ratio_bps: int) -> int:
    """`ceil(value * ratio / 10_000)` in atoms, signed. Raises MathOverflowError."""
    return ATOMS.fit(ceil_of(ATOMS.check(value_atoms, "value_atoms") * BPS.check(ratio_bps, "ratio_bps"), BPS_ONE))
