"""Why an account could not be valued."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Why an account could not be valued. The program refuses the same account for the same reason."""

    VALUED = 0
    OUT_OF_GUARD = 1
    """A quantity lies outside the guard of its unit, or a sum does not fit."""
    NOT_PRICED = 2
    """A market or asset that counts has no price or no row."""
    EPOCH_MISMATCH = 3
    """A position's epoch is neither its side's nor the one before."""
