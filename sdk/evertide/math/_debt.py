"""Debt in the quote asset: interest by one growing index, and how much new debt there may be."""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated.math_constants import (
    DEBT_INDEX_ONE,
    DEBT_OF_COLLATERAL_BPS,
    DEBT_OF_VAULT_BPS,
    MAX_ACCRUAL_MS,
    MAX_DEBT_INDEX,
    MAX_USER_DEBT_ATOMS,
    RATE_HOUR,
)
from evertide.math._errors import NotPositiveError, OutOfRangeError
from evertide.math._rounding import ceil_of, ratio_floor
from evertide.math._units import ATOMS, MILLIS, RATE, U64, Unit

_DEBT_INDEX = Unit("debt index", DEBT_INDEX_ONE, MAX_DEBT_INDEX)


def accrue_interest(debt_index_q48: int, rate_e9: int, elapsed_ms: int) -> int:
    """Grow the debt index: `index + ceil(index * rate * ms / (1e9 * 3.6e6))`, rate per hour, Q48.

    Raises:
        OutOfRangeError: index outside 2^48 … 2^60, a negative rate, time negative or above 2^32 ms.
        MathOverflowError: the index passes 2^60.
    """
    RATE.check(rate_e9, "rate_e9")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    _DEBT_INDEX.check(debt_index_q48, "debt_index_q48")
    if rate_e9 < 0 or not 0 <= elapsed_ms <= MAX_ACCRUAL_MS:
        raise OutOfRangeError("rate and time are not negative", rate_e9=rate_e9, elapsed_ms=elapsed_ms)
    return _DEBT_INDEX.fit(debt_index_q48 + ceil_of(debt_index_q48 * rate_e9 * elapsed_ms, RATE_HOUR))


def balance_with_interest(balance_atoms: int, snapshot_q48: int, debt_index_q48: int) -> int:
    """A quote balance with interest, in atoms: a debt grows by `index / snapshot`, up; credit stays.

    Raises:
        OutOfRangeError: for a debt, unless `2^48 <= snapshot <= index <= 2^60`.
        MathOverflowError: the debt leaves its guard.
    """
    ATOMS.check(balance_atoms, "balance_atoms")
    U64.check(snapshot_q48, "snapshot_q48")
    U64.check(debt_index_q48, "debt_index_q48")
    if balance_atoms >= 0 or snapshot_q48 == debt_index_q48:
        return balance_atoms
    if not DEBT_INDEX_ONE <= snapshot_q48 <= debt_index_q48 <= MAX_DEBT_INDEX:
        raise OutOfRangeError("one <= snapshot <= index", snapshot_q48=snapshot_q48, debt_index_q48=debt_index_q48)
    return -ATOMS.fit(ceil_of(-balance_atoms * debt_index_q48, snapshot_q48))


@dataclass(frozen=True, slots=True)
class DebtLimits:
    """What limits new debt, in atoms, none negative.

    Attributes:
        weighted_collateral_atoms: the user's collateral, weighted for withdrawal.
        user_debt_atoms: the user's debt now.
        exchange_debt_atoms: all users' debt now.
        quote_vault_atoms: quote vault balance.
    """

    weighted_collateral_atoms: int
    user_debt_atoms: int
    exchange_debt_atoms: int
    quote_vault_atoms: int

    def __post_init__(self) -> None:
        amounts = {name: getattr(self, name) for name in self.__slots__}
        for name, amount in amounts.items():
            ATOMS.check(amount, name)
        if min(amounts.values()) < 0:
            raise NotPositiveError("no amount is negative", **amounts)


def max_new_debt(limits: DebtLimits) -> int:
    """Most new debt, rounded down, not negative, in atoms.

    The least of 20 % of weighted collateral and $100,000, both less the user's debt, and the room under 10 %
    of the quote vault.
    """
    own = min(ratio_floor(limits.weighted_collateral_atoms, DEBT_OF_COLLATERAL_BPS), MAX_USER_DEBT_ATOMS)
    exchange = ratio_floor(limits.quote_vault_atoms, DEBT_OF_VAULT_BPS) - limits.exchange_debt_atoms
    return max(0, min(own - limits.user_debt_atoms, exchange))
