"""Decimal at the edge, integers inside. Every conversion is exact or refused; a float is always refused.

Units of one market: a size is a whole number of lots of `lot_size_e9` 1e-9 base units; a price is a whole number of
ticks of `tick_size_atoms` quote atoms for each whole base unit; quote atoms are 1e-6 USDC.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import TypeAlias

from ._errors import FloatRefused, NotExact, UnitError, UnitOutOfRange

Exact: TypeAlias = "Decimal | int | str"

QUOTE_DECIMALS = 6
LOT_DIGITS = 9
_U64_MAX = 2**64 - 1
_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
# Enough digits for any 64-bit integer of any unit; the trap turns what does not fit into an error.
_DIGITS = 60


def to_decimal(value: Exact, name: str = "value") -> Decimal:
    """An exact Decimal from a Decimal, an int or plain decimal text ("1250.5").

    Raises `FloatRefused` for a float or a bool, `UnitError` for text that is not a number, NaN or infinity.
    """
    if isinstance(value, bool | float):
        raise FloatRefused(name, value)
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, str):
        text = value.strip().replace("_", "")
        if not _TEXT.fullmatch(text):
            raise UnitError(f"{name} {value!r} is not a decimal number", value=value, rule="plain decimal number")
        try:
            return Decimal(text)
        except InvalidOperation:
            raise UnitError(
                f"{name} {value!r} is not a decimal number", value=value, rule="plain decimal number"
            ) from None
    if not isinstance(value, Decimal):
        raise FloatRefused(name, value)
    if not value.is_finite():
        raise UnitError(f"{name} {value} is not finite", value=value, rule="finite number")
    return value


def scale(value: Exact, decimals: int, name: str = "value", *, signed: bool = False) -> int:
    """`value * 10**decimals` as an integer. Raises `NotExact`, or `UnitOutOfRange` beyond 64 bits."""
    number = to_decimal(value, name)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise UnitError(f"{name} {number} is not finite", value=value, rule="finite number")
    low, high = (-(2**63), 2**63 - 1) if signed else (0, _U64_MAX)
    magnitude = number.adjusted() + decimals
    if number and magnitude > 25:
        raise UnitOutOfRange(name, number, Decimal(high).scaleb(-decimals), above=True)
    coefficient = int("".join(map(str, digits)))
    shift = exponent + decimals
    if shift >= 0:
        scaled = coefficient * int(10**shift)
    elif number and magnitude < -1:
        raise NotExact(name, number, Decimal(1).scaleb(-decimals))
    else:
        scaled, rest = divmod(coefficient, 10**-shift)
        if rest:
            raise NotExact(name, number, Decimal(1).scaleb(-decimals))
    scaled = -scaled if sign else scaled
    if scaled < low:
        raise UnitOutOfRange(name, number, Decimal(low).scaleb(-decimals), above=False)
    if scaled > high:
        raise UnitOutOfRange(name, number, Decimal(high).scaleb(-decimals), above=True)
    return scaled


def unscale(units: int, decimals: int) -> Decimal:
    """`units / 10**decimals`, exact."""
    if isinstance(units, bool) or not isinstance(units, int):
        raise FloatRefused("units", units)
    with localcontext() as context:
        context.prec = _DIGITS
        return Decimal(units).scaleb(-decimals)


def usdc_to_atoms(value: Exact, name: str = "amount", *, signed: bool = False) -> int:
    """USDC to quote atoms (1e-6)."""
    return scale(value, QUOTE_DECIMALS, name, signed=signed)


def atoms_to_usdc(atoms: int) -> Decimal:
    """Quote atoms (1e-6) to USDC."""
    return unscale(atoms, QUOTE_DECIMALS)


def token_to_atoms(value: Exact, decimals: int, name: str = "amount") -> int:
    """Whole tokens to token atoms."""
    return scale(value, decimals, name)


def atoms_to_token(atoms: int, decimals: int) -> Decimal:
    """Token atoms to whole tokens."""
    return unscale(atoms, decimals)


def price_to_ticks(value: Exact, *, tick_size_atoms: int, name: str = "price") -> int:
    """USDC for each whole base unit to ticks. Raises `NotExact` off the tick, `UnitOutOfRange` when not positive."""
    number = to_decimal(value, name)
    if number <= 0:
        raise UnitOutOfRange(name, number, unscale(tick_size_atoms, QUOTE_DECIMALS), above=False)
    step = unscale(tick_size_atoms, QUOTE_DECIMALS)
    try:
        atoms = scale(number, QUOTE_DECIMALS, name)
    except NotExact:
        raise NotExact(name, number, f"the tick {step.normalize():f}") from None
    ticks, rest = divmod(atoms, tick_size_atoms)
    if rest:
        raise NotExact(name, number, f"the tick {step.normalize():f}")
    return ticks


def ticks_to_price(ticks: int, *, tick_size_atoms: int) -> Decimal:
    """Ticks to USDC for each whole base unit."""
    return unscale(ticks * tick_size_atoms, QUOTE_DECIMALS)


def size_to_lots(value: Exact, *, lot_size_e9: int, name: str = "size", signed: bool = False) -> int:
    """Whole base units to lots. Raises `NotExact` off the lot, `UnitOutOfRange` when zero or negative."""
    number = to_decimal(value, name)
    step = unscale(lot_size_e9, LOT_DIGITS)
    if number == 0 or (number < 0 and not signed):
        raise UnitOutOfRange(name, number, step, above=False)
    try:
        nanos = scale(number, LOT_DIGITS, name, signed=signed)
    except NotExact:
        raise NotExact(name, number, f"the lot {step.normalize():f}") from None
    lots, rest = divmod(abs(nanos), lot_size_e9)
    if rest:
        raise NotExact(name, number, f"the lot {step.normalize():f}")
    return lots if nanos >= 0 else -lots


def lots_to_size(lots: int, *, lot_size_e9: int) -> Decimal:
    """Lots to whole base units, sign kept."""
    return unscale(lots * lot_size_e9, LOT_DIGITS)


def price_q32_to_decimal(price_q32: int, *, lot_size_e9: int) -> Decimal:
    """A price in quote atoms for each lot with 32 fractional bits, as USDC for each whole base unit.

    For showing: rounded half even to 12 decimals, since a binary fraction of a lot may have no short decimal.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        value: Decimal = Decimal(price_q32) * 10**LOT_DIGITS / (Decimal(2**32) * lot_size_e9 * 10**QUOTE_DECIMALS)
        return +value.quantize(Decimal("1e-12")).normalize()


def bps_to_ratio(bps: int) -> Decimal:
    """Basis points as a ratio: 10,000 is 1."""
    return unscale(bps, 4)


def e9_to_ratio(rate_e9: int) -> Decimal:
    """A rate in 1e-9 as a ratio."""
    return unscale(rate_e9, 9)


def bps_from(leverage: Exact) -> int:
    """The initial ratio in bps that caps leverage: `ceil(10_000 / leverage)`, never allowing more."""
    number = to_decimal(leverage, "leverage")
    if number < 1:
        raise UnitOutOfRange("leverage", number, 1, above=False)
    numerator, denominator = number.as_integer_ratio()
    return -(-10_000 * denominator // numerator)
