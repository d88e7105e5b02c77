"""Oracle prices into units, and what may be done on a price of doubtful quality."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from evertide._generated import math_constants as constants
from evertide._generated.math_constants import BPS_ONE, COLLATERAL_PRICE_BITS, MAX_POWER_OF_TEN, PRICE_BITS
from evertide.math._errors import NotPositiveError, OutOfRangeError
from evertide.math._rounding import ceil_of, floor_of
from evertide.math._units import BPS, COLLATERAL_PRICE, I32, I128, MILLIS, PRICE, U8, U32, U64, U128


def normalise(mantissa: int, factor: int, power: int, bits: int, *, up: bool) -> int:
    """`mantissa * factor * 10^power * 2^bits`, rounded down, or up if `up`, as a u64.

    Powers of two in `10^power` cancel against `bits` first; what is left must fit 128 bits on the way.

    Raises:
        NotPositiveError: the mantissa is negative.
        OutOfRangeError: `|power| > 54` or `bits > 64`.
        MathOverflowError: an intermediate or the result does not fit.
    """
    I128.check(mantissa, "mantissa")
    U64.check(factor, "factor")
    I32.check(power, "power")
    U32.check(bits, "bits")
    if abs(power) > MAX_POWER_OF_TEN or bits > 64:
        raise OutOfRangeError("power of ten or shift too large", power=power, bits=bits)
    if mantissa < 0:
        raise NotPositiveError("a price is not negative", mantissa=mantissa)
    numerator, divisor = U128.fit(mantissa * factor), 1
    if power >= 0:
        numerator = U128.fit(numerator * 5**power)
    else:
        divisor = 5**-power
    shift = bits + power
    if shift >= 0:
        numerator = U128.fit(numerator << shift)
    else:
        divisor = U128.fit(divisor << -shift)
    return U64.fit(ceil_of(numerator, divisor) if up else floor_of(numerator, divisor))


def price_per_lot(mantissa: int, exponent: int, lot_units: int, lot_decimals: int, *, up: bool = False) -> int:
    """A feed's `mantissa * 10^exponent` dollars per base asset as quote atoms per lot, Q32.

    A lot is `lot_units * 10^-lot_decimals` of the base asset. Prices round down, confidences `up`. Raises
    as `normalise`.
    """
    I32.check(exponent, "exponent")
    U64.check(lot_units, "lot_units")
    power = exponent + constants.QUOTE_DECIMALS - U8.check(lot_decimals, "lot_decimals")
    return PRICE.fit(normalise(mantissa, lot_units, power, PRICE_BITS, up=up))


def collateral_price(mantissa: int, exponent: int, token_decimals: int, *, up: bool = False) -> int:
    """A feed's `mantissa * 10^exponent` dollars per token as quote atoms per token atom, Q48. Raises as `normalise`."""
    I32.check(exponent, "exponent")
    power = exponent + constants.QUOTE_DECIMALS - U8.check(token_decimals, "token_decimals")
    return COLLATERAL_PRICE.fit(normalise(mantissa, 1, power, COLLATERAL_PRICE_BITS, up=up))


@dataclass(frozen=True, slots=True)
class OracleRules:
    """A market's limits for its oracle: ratios in bps, ages in ms, fewest samples."""

    max_confidence_bps: int
    max_divergence_bps: int
    stale_for_margin_ms: int
    stale_for_fills_ms: int
    min_samples: int

    def __post_init__(self) -> None:
        BPS.check(self.max_confidence_bps, "max_confidence_bps")
        BPS.check(self.max_divergence_bps, "max_divergence_bps")
        MILLIS.check(self.stale_for_margin_ms, "stale_for_margin_ms")
        MILLIS.check(self.stale_for_fills_ms, "stale_for_fills_ms")
        U32.check(self.min_samples, "min_samples")


@dataclass(frozen=True, slots=True)
class OracleReading:
    """One reading; price, confidence and TWAP in any one unit, the same for all three.

    Attributes:
        price: 0 when the feed's was not positive.
        confidence: rounded up.
        twap: short TWAP before this reading, 0 when there is no history.
        age_ms: now minus publish time.
        samples: samples or publishers behind it.
    """

    price: int
    confidence: int
    twap: int
    age_ms: int
    samples: int

    def __post_init__(self) -> None:
        U64.check(self.price, "price")
        U64.check(self.confidence, "confidence")
        U64.check(self.twap, "twap")
        MILLIS.check(self.age_ms, "age_ms")
        U32.check(self.samples, "samples")


def validity(reading: OracleReading, rules: OracleRules) -> int:
    """The validity bits of a reading; 0 is a good price. Ratios are compared by products, exactly."""
    bits = 0
    if reading.price == 0:
        bits |= constants.NOT_POSITIVE
    if reading.twap and abs(reading.price - reading.twap) * BPS_ONE > reading.twap * rules.max_divergence_bps:
        bits |= constants.TOO_VOLATILE
    if reading.confidence * BPS_ONE > reading.price * rules.max_confidence_bps:
        bits |= constants.TOO_UNCERTAIN
    if reading.age_ms > rules.stale_for_margin_ms:
        bits |= constants.STALE_FOR_MARGIN
    if reading.samples < rules.min_samples:
        bits |= constants.FEW_SAMPLES
    if reading.age_ms > rules.stale_for_fills_ms:
        bits |= constants.STALE_FOR_FILLS
    return bits


class OracleAction(IntEnum):
    """What somebody wants to do with an oracle price: the row of the matrix."""

    FILL = constants.ORACLE_ACTION_FILL
    MARGIN = constants.ORACLE_ACTION_MARGIN
    PEGGED_ORDER = constants.ORACLE_ACTION_PEGGED_ORDER
    FUNDING_OR_SETTLE = constants.ORACLE_ACTION_FUNDING_OR_SETTLE
    TRIGGER = constants.ORACLE_ACTION_TRIGGER
    LIQUIDATE = constants.ORACLE_ACTION_LIQUIDATE
    UPDATE_TWAP = constants.ORACLE_ACTION_UPDATE_TWAP
    UPDATE_MARK = constants.ORACLE_ACTION_UPDATE_MARK


def is_allowed(
    action: OracleAction, validity_bits: int, matrix: tuple[int, ...] = constants.DEFAULT_ACTION_MATRIX
) -> bool:
    """Whether a matrix (refused bits by action) allows an action on a price with these validity bits.

    An unknown bit refuses every action. Source: Drift's ladder of oracle validity.
    """
    U8.check(validity_bits, "validity_bits")
    return validity_bits & (matrix[action] | ~constants.ALL_VALIDITY_BITS) == 0
