"""Units: the name and the guard of every kind of integer in the exchange.

Values are plain ints; their unit is the last word of their name (`size_lots`, `price_ticks`,
`mark_q32`). Each function checks what it is given against the guard of its unit, so that the
64-bit arithmetic on chain cannot overflow where Python's would not.

| suffix | unit | guard |
|---|---|---|
| `_lots` | base quantity in lots, signed | ± 2^40 |
| `_ticks` | order price in ticks | 0 … 2^40 - 1 |
| `_atoms` | quote in 1e-6 dollars, signed | ± 2^60; a notional 2^53 |
| `_q32` | quote atoms per lot with 32 fractional bits | 0 … 2^62 - 1 |
| `_q48` | quote atoms per collateral token atom with 48 fractional bits | 64 bits |
| `_bps` | ratio in 1e-4 | 0 … 100,000 |
| `_e9` | rate in 1e-9, per hour unless said otherwise | ± 1e9 |
| `_ppm` | fee rate in 1e-6 of a notional, negative is a rebate | ± 1e6 |
| `_ms` | time or duration in milliseconds | ± 2^42 |
"""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated import math_constants as constants
from evertide.math._errors import MathOverflowError, NotAnIntegerError, OutOfRangeError


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of integer: values lie in `low … high`."""

    name: str
    low: int
    high: int

    def check(self, value: int, argument: str) -> int:
        """Return `value`, an input called `argument`.

        Raises:
            NotAnIntegerError: it is a float, a bool or anything else but an int.
            OutOfRangeError: it lies outside the guard.
        """
        if type(value) is not int:
            raise NotAnIntegerError(argument, value)
        if not self.low <= value <= self.high:
            rule = f"{argument} lies outside the guard of {self.name}"
            raise OutOfRangeError(rule, value=value, low=self.low, high=self.high)
        return value

    def fit(self, value: int) -> int:
        """Return `value`, an exact result.

        Raises:
            MathOverflowError: it does not fit the unit.
        """
        if not self.low <= value <= self.high:
            rule = f"the result does not fit {self.name}"
            raise MathOverflowError(rule, value=value, low=self.low, high=self.high)
        return value


LOTS = Unit("lots", -constants.MAX_LOTS, constants.MAX_LOTS)
TICKS = Unit("ticks", 0, constants.TICKS_LIMIT - 1)
ATOMS = Unit("atoms", -constants.MAX_ATOMS, constants.MAX_ATOMS)
NOTIONAL = Unit("notional atoms", -constants.MAX_NOTIONAL_ATOMS, constants.MAX_NOTIONAL_ATOMS)
PRICE = Unit("price in Q32 atoms per lot", 0, constants.PRICE_LIMIT_Q32 - 1)
COLLATERAL_PRICE = Unit("collateral price in Q48 atoms per token atom", 0, 2**64 - 1)
BPS = Unit("basis points", 0, constants.MAX_BPS)
RATE = Unit("rate in 1e-9", -constants.MAX_RATE_E9, constants.MAX_RATE_E9)
PPM = Unit("fee rate in 1e-6", -constants.PPM_ONE, constants.PPM_ONE)
MILLIS = Unit("milliseconds", -constants.MAX_MILLIS, constants.MAX_MILLIS)
TICK_VALUE = Unit("atoms per lot and tick", 0, constants.MAX_ATOMS_PER_LOT_TICK)
SIZE_FACTOR = Unit("size factor A", 0, 2**64 - 1)
CASH_INDEX = Unit("cash index J", -constants.MAX_CASH_INDEX, constants.MAX_CASH_INDEX)
SIDE = Unit("side (0 bid, 1 ask)", constants.SIDE_BID, constants.SIDE_ASK)
U8 = Unit("u8", 0, 2**8 - 1)
U16 = Unit("u16", 0, 2**16 - 1)
U32 = Unit("u32", 0, 2**32 - 1)
U64 = Unit("u64", 0, 2**64 - 1)
I32 = Unit("i32", -(2**31), 2**31 - 1)
I64 = Unit("i64", -(2**63), 2**63 - 1)
U128 = Unit("u128", 0, 2**128 - 1)
I128 = Unit("i128", -(2**127), 2**127 - 1)


def usd_ceil(amount_atoms: int) -> int:
    """Whole dollars of an amount in atoms, rounded up; 0 for an amount not above zero."""
    ATOMS.check(amount_atoms, "amount_atoms")
    return max(0, -(-amount_atoms // constants.ATOMS_PER_USD))
