"""Exact products and quotients beyond 64 bits, for numba kernels.

Numba wraps `int64` silently and turns a mix of `int64` and `uint64` into a float. Nothing here does either:
every operand is cast, magnitudes are unsigned, and a result that does not fit comes back with `ok` False.
The formulas are those of the exchange's on-chain arithmetic; the direction of rounding is in each name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

Int = Any
"""An integer inside a kernel. Numba infers which; mypy cannot know."""

ZERO = np.uint64(0)
ONE = np.uint64(1)
DIGIT_BITS = np.uint64(16)
DIGIT_MASK = np.uint64(0xFFFF)
WORD_BITS = np.uint64(64)
SIGN_BIT = np.uint64(1 << 63)


def _multiply_high(typing_context: Any, left: Any, right: Any) -> Any:
    """Code for the high word of a product: one machine instruction."""
    if left != types.uint64 or right != types.uint64:
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = arguments[0].type
        double = type(word)(128)
        product = builder.mul(builder.zext(arguments[0], double), builder.zext(arguments[1], double))
        return builder.trunc(builder.lshr(product, double(64)), word)

    return types.uint64(types.uint64, types.uint64), generate


def _multiply_high_signed(typing_context: Any, left: Any, right: Any) -> Any:
    """Code for the high word of a signed product."""
    if left != types.int64 or right != types.int64:
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = arguments[0].type
        double = type(word)(128)
        product = builder.mul(builder.sext(arguments[0], double), builder.sext(arguments[1], double))
        return builder.trunc(builder.ashr(product, double(64)), word)

    return types.int64(types.int64, types.int64), generate


multiply_high_signed: Any = intrinsic(_multiply_high_signed)
"""High 64 bits of the product of two `int64`, as `int64`; the low ones are those of the `uint64` product."""
multiply_high: Any = intrinsic(_multiply_high)
"""High 64 bits of the product of two `uint64`."""


@njit(cache=True)
def magnitude(value: Int) -> Int:
    """Absolute value of an `int64` as `uint64`; right for the lowest one too."""
    bits = np.uint64(value)
    return ZERO - bits if value < 0 else bits


@njit(cache=True)
def with_sign(negative: bool, value: Int) -> Int:
    """`value` (`uint64` below 2^63) with a sign, as `int64`."""
    return -np.int64(value) if negative else np.int64(value)


@njit(cache=True)
def multiply_shift_floor(left: Int, right: Int, bits: Int) -> Int:
    """`(floor(left * right / 2^bits), ok)` of `uint64`, `0 < bits < 64`."""
    low, high = left * right, multiply_high(left, right)
    return (high << (WORD_BITS - bits)) | (low >> bits), high >> bits == ZERO


@njit(cache=True)
def multiply_shift_ceil(left: Int, right: Int, bits: Int) -> Int:
    """`(ceil(left * right / 2^bits), ok)` of `uint64`, `0 < bits < 64`."""
    floor, ok = multiply_shift_floor(left, right, bits)
    fraction = (left * right) & ((ONE << bits) - ONE)
    value = floor + ONE if fraction != ZERO else floor
    return value, ok and value >= floor


@njit(cache=True)
def divide_wide(high: Int, low: Int, divisor: Int) -> Int:
    """`(quotient, remainder, ok)` of a 128-bit magnitude by `0 < divisor`, schoolbook in base 2^16 or bit by bit.

    `ok` is False when the quotient needs more than 64 bits or the divisor is zero.
    """
    if divisor == ZERO or high >= divisor:
        return ZERO, ZERO, False
    if high == ZERO:
        return low // divisor, low % divisor, True
    quotient, remainder = ZERO, high
    if divisor >> np.uint64(48) == ZERO:
        for digit in range(3, -1, -1):
            shift = np.uint64(digit) * DIGIT_BITS
            part = (remainder << DIGIT_BITS) | ((low >> shift) & DIGIT_MASK)
            quotient = (quotient << DIGIT_BITS) | (part // divisor)
            remainder = part % divisor
        return quotient, remainder, True
    for bit in range(63, -1, -1):
        carry = remainder & SIGN_BIT
        remainder = (remainder << ONE) | ((low >> np.uint64(bit)) & ONE)
        quotient = quotient << ONE
        if carry != ZERO or remainder >= divisor:
            remainder = remainder - divisor
            quotient = quotient | ONE
    return quotient, remainder, True


@njit(cache=True)
def multiply_divide_floor(left: Int, right: Int, divisor: Int) -> Int:
    """`(floor(left * right / divisor), ok)` of `uint64`."""
    high = multiply_high(left, right)
    quotient, _, ok = divide_wide(high, left * right, divisor)
    return quotient, ok


@njit(cache=True)
def multiply_divide_ceil(left: Int, right: Int, divisor: Int) -> Int:
    """`(ceil(left * right / divisor), ok)` of `uint64`."""
    high = multiply_high(left, right)
    quotient, remainder, ok = divide_wide(high, left * right, divisor)
    value = quotient + ONE if remainder != ZERO else quotient
    return value, ok and value >= quotient


@njit(cache=True)
def signed_multiply_divide_floor(left: Int, right: Int, divisor: Int) -> Int:
    """`(floor(left * right / divisor), ok)` toward minus infinity for a signed `left`, as `int64`."""
    if left < 0:
        value, ok = multiply_divide_ceil(magnitude(left), right, divisor)
    else:
        value, ok = multiply_divide_floor(magnitude(left), right, divisor)
    return with_sign(left < 0, value & ~SIGN_BIT), ok and value < SIGN_BIT


@njit(cache=True)
def subtract_wide(left_high: Int, left_low: Int, right_high: Int, right_low: Int) -> Int:
    """`(high, low)` of a difference of signed 128-bit values, `high` as `int64`; guards exclude wrap."""
    borrow = np.int64(1) if left_low < right_low else np.int64(0)
    return left_high - right_high - borrow, left_low - right_low


@njit(cache=True)
def add_wide(left_high: Int, left_low: Int, right_high: Int, right_low: Int) -> Int:
    """`(high, low)` of a sum of signed 128-bit values, `high` as `int64`; guards exclude wrap."""
    low = left_low + right_low
    carry = np.int64(1) if low < left_low else np.int64(0)
    return left_high + right_high + carry, low


@njit(cache=True)
def magnitude_wide(high: Int, low: Int) -> Int:
    """`(high, low)` of the absolute value of a signed 128-bit value, both `uint64`."""
    if high >= 0:
        return np.uint64(high), low
    inverted = ~np.uint64(high)
    return (inverted + ONE if low == ZERO else inverted), ZERO - low


@njit(cache=True)
def negate_wide(high: Int, low: Int) -> Int:
    """`(high, low)` of the opposite of a signed 128-bit value, `high` as `int64`."""
    return subtract_wide(np.int64(0), ZERO, high, low)


@njit(cache=True)
def multiply_wide(high: Int, low: Int, factor: Int) -> Int:
    """`(high, low, ok)` of a 128-bit magnitude times a `uint64`; `ok` while the product stays below 2^127."""
    upper = high * factor
    carry = multiply_high(low, factor)
    total = upper + carry
    ok = multiply_high(high, factor) == ZERO and total >= upper and total < SIGN_BIT
    return total, low * factor, ok


@njit(cache=True)
def scale_wide_floor(high: Int, low: Int, factor: Int, divisor: Int, bits: Int) -> Int:
    """`(floor(factor * value / divisor), ok)` as `int64` for a signed 128-bit value and a signed `factor`.

    The divisor is `2^bits` where `bits` is not 0 (a shift), else `divisor`. Toward minus infinity.
    """
    negative = (high < 0) != (factor < 0)
    value_high, value_low = magnitude_wide(high, low)
    product_high, product_low, ok = multiply_wide(value_high, value_low, magnitude(factor))
    if bits != ZERO:
        quotient = (product_high << (WORD_BITS - bits)) | (product_low >> bits)
        remainder = product_low & ((ONE << bits) - ONE)
        fits = product_high >> bits == ZERO
    else:
        quotient, remainder, fits = divide_wide(product_high, product_low, divisor)
    if negative and remainder != ZERO:
        quotient = quotient + ONE
    return with_sign(negative, quotient & ~SIGN_BIT), ok and fits and quotient < SIGN_BIT
