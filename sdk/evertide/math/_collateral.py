"""Value of collateral in quote, with confidence haircut and weights."""

from __future__ import annotations

from evertide._generated.math_constants import BPS_ONE, COLLATERAL_PRICE_BITS, WEIGHT_SCALE_BITS
from evertide.math._errors import NotMonotoneError, NotPositiveError, OutOfRangeError
from evertide.math._rounding import ceil_of, floor_of, ratio_floor
from evertide.math._units import ATOMS, BPS, COLLATERAL_PRICE, U64


def collateral_value(amount: int, price_q48: int) -> int:
    """`floor(amount * price)` in quote atoms; `amount` in atoms of the token. Raises MathOverflowError."""
    U64.check(amount, "amount")
    COLLATERAL_PRICE.check(price_q48, "price_q48")
    return ATOMS.fit(floor_of(amount * price_q48, 1 << COLLATERAL_PRICE_BITS))


def price_less_confidence(price_q48: int, confidence_q48: int) -> int:
    """Price minus confidence, not below zero, Q48: for initial margin and withdrawals."""
    COLLATERAL_PRICE.check(price_q48, "price_q48")
    COLLATERAL_PRICE.check(confidence_q48, "confidence_q48")
    return max(0, price_q48 - confidence_q48)


def stale_price(twap_q48: int) -> int:
    """What stale collateral counts at in a liquidation: its last TWAP minus 10 %, rounded down, Q48."""
    return floor_of(COLLATERAL_PRICE.check(twap_q48, "twap_q48") * 9, 10)


def weighted_collateral(value_atoms: int, weight_bps: int) -> int:
    """`floor(value * weight)` in atoms. Raises NotPositiveError for a negative value."""
    ATOMS.check(value_atoms, "value_atoms")
    BPS.check(weight_bps, "weight_bps")
    if value_atoms < 0:
        raise NotPositiveError("a collateral value is not negative", value_atoms=value_atoms)
    return ratio_floor(value_atoms, weight_bps)


def scaled_weight(full_bps: int, least_bps: int, balance: int, cap: int) -> int:
    """Weight scaled by the owner's own balance against the exchange-wide cap, in bps.

    `full - ceil((full - least) * min(balance, cap) / cap)`, so that no other depositor can change it. Source:
    Phoenix Perps. Balance and cap in token atoms. A cap wider than 50 bits loses its low bits, the balance
    rounded up and the cap down, so that the weight only falls.

    Raises:
        NotMonotoneError: `least` is above `full`.
        OutOfRangeError: `full` is above a whole.
    """
    BPS.check(full_bps, "full_bps")
    BPS.check(least_bps, "least_bps")
    U64.check(balance, "balance")
    U64.check(cap, "cap")
    if least_bps > full_bps:
        raise NotMonotoneError("the least weight is at most the full one", least_bps=least_bps, full_bps=full_bps)
    if full_bps > BPS_ONE:
        raise OutOfRangeError("a weight is at most a whole", full_bps=full_bps, whole_bps=BPS_ONE)
    if balance >= cap or full_bps == least_bps:
        return least_bps
    drop_bits = max(0, cap.bit_length() - WEIGHT_SCALE_BITS)
    short_cap = cap >> drop_bits
    short_balance = min(ceil_of(balance, 1 << drop_bits), short_cap)
    return full_bps - ceil_of((full_bps - least_bps) * short_balance, short_cap)
