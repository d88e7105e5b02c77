"""Trading fees and how they are split.

Fees round up for who pays and down for who receives; what is left, fractions included, is the protocol's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from evertide._generated.math_constants import (
    BPS_ONE,
    FEE_TIERS,
    KEEPER_AGE_FACTOR,
    KEEPER_AGE_MS,
    KEEPER_SHARE_BPS,
    PPM_ONE,
    SHARES_CAP_BPS,
    VOLUME_WINDOW_MS,
)
from evertide.math._errors import NotMonotoneError, NotPositiveError, OutOfRangeError
from evertide.math._rounding import ceil_of, floor_of, ratio_ceil, ratio_floor
from evertide.math._units import ATOMS, BPS, MILLIS, PPM, U64


def fee(notional_atoms: int, rate_ppm: int) -> int:
    """`ceil(notional * rate)` in atoms: a fee is rounded up, a rebate (negative) toward zero.

    Raises:
        NotPositiveError: the notional is negative.
    """
    ATOMS.check(notional_atoms, "notional_atoms")
    PPM.check(rate_ppm, "rate_ppm")
    if notional_atoms < 0:
        raise NotPositiveError("a notional is not negative", notional_atoms=notional_atoms)
    return ATOMS.fit(ceil_of(rate_ppm * notional_atoms, PPM_ONE))


def discounted_fee(fee_atoms: int, discount_bps: int) -> int:
    """`ceil(fee * (10_000 - discount) / 10_000)` in atoms. Raises OutOfRangeError above a whole."""
    ATOMS.check(fee_atoms, "fee_atoms")
    if BPS.check(discount_bps, "discount_bps") > BPS_ONE:
        raise OutOfRangeError("a discount is at most a whole", discount_bps=discount_bps, whole_bps=BPS_ONE)
    return ratio_ceil(fee_atoms, BPS_ONE - discount_bps)


@dataclass(frozen=True, slots=True)
class FeeTier:
    """One fee tier: least 30-day volume in whole dollars, taker and maker rates in ppm (negative: rebate)."""

    volume_usd: int
    taker_ppm: int
    maker_ppm: int

    def __post_init__(self) -> None:
        U64.check(self.volume_usd, "volume_usd")
        PPM.check(self.taker_ppm, "taker_ppm")
        PPM.check(self.maker_ppm, "maker_ppm")


def fee_tier(tiers: Sequence[FeeTier], volume_usd: int) -> FeeTier:
    """The last of the four tiers whose volume is reached; the first always is.

    Raises:
        OutOfRangeError: there are not four tiers.
        NotMonotoneError: their volumes do not rise.
    """
    U64.check(volume_usd, "volume_usd")
    if len(tiers) != FEE_TIERS:
        raise OutOfRangeError("there are four fee tiers", given=len(tiers), expected=FEE_TIERS)
    for low, high in itertools.pairwise(tiers):
        if high.volume_usd <= low.volume_usd:
            raise NotMonotoneError("tier volumes rise", low_usd=low.volume_usd, high_usd=high.volume_usd)
    reached = [tier for tier in tiers[1:] if volume_usd >= tier.volume_usd]
    return reached[-1] if reached else tiers[0]


@dataclass(frozen=True, slots=True)
class KeeperBounds:
    """Least and largest share of the keeper in a fill of a fresh order, in atoms."""

    least_atoms: int
    most_atoms: int

    def __post_init__(self) -> None:
        ATOMS.check(self.least_atoms, "least_atoms")
        ATOMS.check(self.most_atoms, "most_atoms")


def keeper_share(taker_fee_atoms: int, bounds: KeeperBounds, age_ms: int, share_bps: int = KEEPER_SHARE_BPS) -> int:
    """Keeper's share before the common cap, in atoms: 10 % of the taker fee unless set, within bounds.

    The upper bound grows with the order's age up to ten times in 60 s, so that nothing is starved. Source:
    Drift's filler reward.

    Raises:
        OutOfRangeError: the fee or the least share is negative, or the bounds cross.
    """
    ATOMS.check(taker_fee_atoms, "taker_fee_atoms")
    MILLIS.check(age_ms, "age_ms")
    BPS.check(share_bps, "share_bps")
    if taker_fee_atoms < 0 or bounds.least_atoms < 0 or bounds.most_atoms < bounds.least_atoms:
        rule = "0 <= fee, 0 <= least <= most"
        raise OutOfRangeError(rule, fee=taker_fee_atoms, least=bounds.least_atoms, most=bounds.most_atoms)
    age_ms = min(max(age_ms, 0), KEEPER_AGE_MS)
    grown_atoms = floor_of(bounds.most_atoms * (KEEPER_AGE_FACTOR - 1) * age_ms, KEEPER_AGE_MS)
    most_atoms = ATOMS.fit(bounds.most_atoms + ATOMS.fit(grown_atoms))
    return min(max(ratio_floor(taker_fee_atoms, share_bps), bounds.least_atoms), most_atoms)


@dataclass(frozen=True, slots=True)
class FeeClaims:
    """What a fill is charged (taker, maker, builder fees) and who wants a part of it; atoms, none negative.

    Raises:
        NotPositiveError: one of them is negative.
    """

    taker_fee_atoms: int
    maker_fee_atoms: int = 0
    builder_fee_atoms: int = 0
    rebate_atoms: int = 0
    keeper_atoms: int = 0
    referrer_atoms: int = 0

    def __post_init__(self) -> None:
        claims = {name: getattr(self, name) for name in self.__slots__}
        for name, amount in claims.items():
            ATOMS.check(amount, name)
        if min(claims.values()) < 0:
            raise NotPositiveError("no claim is negative", **claims)


@dataclass(frozen=True, slots=True)
class FeeSplit:
    """Who gets what, in atoms; the five parts sum to `charged_atoms` exactly."""

    charged_atoms: int
    rebate_atoms: int
    builder_atoms: int
    keeper_atoms: int
    referrer_atoms: int
    protocol_atoms: int


def split_fee(claims: FeeClaims) -> FeeSplit:
    """Split a charge: rebate, builder, keeper, referrer in this order, together at most 90 % of it.

    A claim beyond what is left is cut, never refused: a share can never make a fill fail.

    Raises:
        MathOverflowError: the charge leaves its guard.
    """
    charged = ATOMS.fit(claims.taker_fee_atoms + claims.maker_fee_atoms)
    charged = ATOMS.fit(charged + claims.builder_fee_atoms)
    room = ratio_floor(charged, SHARES_CAP_BPS)
    parts: list[int] = []
    for claim in (claims.rebate_atoms, claims.builder_fee_atoms, claims.keeper_atoms, claims.referrer_atoms):
        parts.append(min(claim, room))
        room -= parts[-1]
    rebate, builder, keeper, referrer = parts
    return FeeSplit(charged, rebate, builder, keeper, referrer, charged - sum(parts))


def decayed_volume(volume_usd: int, elapsed_ms: int) -> int:
    """30-day volume after `elapsed_ms`: it falls linearly to zero over 30 days, rounded down, whole dollars.

    Raises:
        OutOfRangeError: time is negative.
    """
    U64.check(volume_usd, "volume_usd")
    if MILLIS.check(elapsed_ms, "elapsed_ms") < 0:
        raise OutOfRangeError("time is not negative", elapsed_ms=elapsed_ms)
    return floor_of(volume_usd * max(0, VOLUME_WINDOW_MS - elapsed_ms), VOLUME_WINDOW_MS)
