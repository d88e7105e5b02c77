"""Settling profit and loss between a position, its owner's quote balance and the market's pool."""

from __future__ import annotations

from dataclasses import dataclass

from evertide.math._errors import NotPositiveError, OutOfRangeError
from evertide.math._rounding import floor_of
from evertide.math._units import ATOMS


@dataclass(frozen=True, slots=True)
class SettleInput:
    """What a settlement depends on, in atoms.

    Attributes:
        value_atoms: position value at the worse of mark and 5-minute TWAP.
        realised_atoms: realised profit, `cash + entry`.
        quote_atoms: the owner's quote balance, interest included.
        debt_room_atoms: room for new debt of the owner, not negative.
        pool_atoms: the market's pool, not negative.
    """

    value_atoms: int
    realised_atoms: int
    quote_atoms: int
    debt_room_atoms: int
    pool_atoms: int

    def __post_init__(self) -> None:
        for name in self.__slots__:
            ATOMS.check(getattr(self, name), name)


def settle_amount(given: SettleInput) -> int:
    """Signed atoms to move from the pool to the quote balance; the position's cash falls by them.

    A loss, realised or not, is taken as far as the owner's positive quote and the debt room reach
    (negative result). A profit is paid only where it is both realised and there at the worse price, as far
    as the pool reaches. For want of funds the amount is smaller, or zero; that is no error.

    Raises:
        NotPositiveError: debt room or pool is negative.
    """
    if given.debt_room_atoms < 0 or given.pool_atoms < 0:
        rule = "debt room and pool are not negative"
        raise NotPositiveError(rule, debt_room_atoms=given.debt_room_atoms, pool_atoms=given.pool_atoms)
    if given.value_atoms < 0:
        return -min(-given.value_atoms, ATOMS.fit(max(given.quote_atoms, 0) + given.debt_room_atoms))
    return min(max(min(given.value_atoms, given.realised_atoms), 0), given.pool_atoms)


@dataclass(frozen=True, slots=True)
class Settled:
    """Balances after a settlement, in atoms; `amount_atoms` moved from the pool to the owner."""

    amount_atoms: int
    quote_atoms: int
    cash_atoms: int
    pool_atoms: int


def settle(given: SettleInput, cash_atoms: int) -> Settled:
    """Settle: neither `quote + pool` nor `quote + cash` changes. Raises as `settle_amount`, MathOverflowError."""
    ATOMS.check(cash_atoms, "cash_atoms")
    amount = settle_amount(given)
    quote, cash, pool = given.quote_atoms + amount, cash_atoms - amount, given.pool_atoms - amount
    return Settled(amount, ATOMS.fit(quote), ATOMS.fit(cash), ATOMS.fit(pool))


def pro_rata(profit_atoms: int, pool_atoms: int, all_profits_atoms: int) -> int:
    """A winner's part while a recorded deficit is open: `floor(profit * pool / all profits)`, in atoms.

    Raises:
        OutOfRangeError: an amount is negative or one profit above all.
    """
    ATOMS.check(profit_atoms, "profit_atoms")
    ATOMS.check(pool_atoms, "pool_atoms")
    ATOMS.check(all_profits_atoms, "all_profits_atoms")
    if profit_atoms < 0 or pool_atoms < 0 or profit_atoms > all_profits_atoms:
        rule = "0 <= profit <= all profits, 0 <= pool"
        raise OutOfRangeError(rule, profit=profit_atoms, pool=pool_atoms, all_profits=all_profits_atoms)
    if pool_atoms >= all_profits_atoms:
        return profit_atoms
    return floor_of(profit_atoms * pool_atoms, all_profits_atoms)
