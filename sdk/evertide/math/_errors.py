"""Errors of the arithmetic. Each says which rule was broken and carries the values compared.

    MathError (ArithmeticError)
    ├── MathOverflowError          the exact result does not fit its unit
    ├── OutOfRangeError            an input lies outside the guard of its unit
    ├── DivisionByZeroError        a divisor is zero
    ├── NotPositiveError           a value that must be positive (or not negative) is not
    ├── EpochMismatchError         a position's epoch is neither its side's nor the one before
    ├── SideStillHeldError         a side has unfolded positions of the old epoch
    ├── NotMonotoneError           parameters that must rise do not
    └── ExceedsOpenInterestError   more lots are to be closed than are open
    NotAnIntegerError (TypeError)  a float, a bool or anything else that is not an int

`code` is the discriminant of the Rust enum `MathError`; the two agree on every test vector.
"""

from __future__ import annotations

from typing import ClassVar

from evertide._generated import math_constants as constants


class MathError(ArithmeticError):
    """Why a computation was refused: `rule` in words, and the `values` that were compared."""

    code: ClassVar[int] = 0

    def __init__(self, rule: str, **values: int) -> None:
        self.rule = rule
        self.values = values
        compared = ", ".join(f"{name} = {value}" for name, value in values.items())
        super().__init__(f"{rule} ({compared})" if compared else rule)


class MathOverflowError(MathError):
    """The exact result does not fit the type or the guard of its unit."""

    code = constants.MATH_ERROR_OVERFLOW


class OutOfRangeError(MathError):
    """An input lies outside the guard of its unit."""

    code = constants.MATH_ERROR_OUT_OF_RANGE


class DivisionByZeroError(MathError):
    """A divisor is zero."""

    code = constants.MATH_ERROR_DIVISION_BY_ZERO


class NotPositiveError(MathError):
    """A value that must be positive, or must not be negative, is not."""

    code = constants.MATH_ERROR_NOT_POSITIVE


class EpochMismatchError(MathError):
    """A position's epoch is neither its side's epoch nor the one before."""

    code = constants.MATH_ERROR_EPOCH_MISMATCH


class SideStillHeldError(MathError):
    """A side cannot start a new epoch while positions of the old one are unfolded."""

    code = constants.MATH_ERROR_SIDE_STILL_HELD


class NotMonotoneError(MathError):
    """Parameters that must rise (tier bounds, ratios, volumes) do not."""

    code = constants.MATH_ERROR_NOT_MONOTONE


class ExceedsOpenInterestError(MathError):
    """More lots are to be closed than are open."""

    code = constants.MATH_ERROR_EXCEEDS_OPEN_INTEREST


class NotAnIntegerError(TypeError):
    """The arithmetic takes integers only: a float would round silently, a bool is not a quantity."""

    def __init__(self, argument: str, value: object) -> None:
        self.argument = argument
        self.value = value
        super().__init__(f"{argument} must be an int, not {type(value).__name__} {value!r}")
