"""Where an account stands on its way down, and what a liquidator may do now: the program's numbers, computed here.

Everything comes from the account, the risk cache and the market's terms, through `evertide.math`. The program
liquidates on cached rows of any age, so that `liquidate_position` and `liquidate_with_orders` do exactly this at chain
time `now_ms`; `liquidate_to_backstop` and `resolve_bankruptcy` accrue funding first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ._errors import UnitOutOfRange
from ._generated.accounts import Market, RiskCache, User
from ._generated.constants import Bankruptcy
from ._generated.types import Position
from ._views import _collateral_part, _folded, _row, _sober_mark, _terms, _with_interest
from .math import (
    LiquidationFees,
    LiquidationInput,
    MarginKind,
    aged_fee_bps,
    fee,
    liquidation_amount,
    liquidation_fees,
    maintenance_ratio_bps,
    notional_ceil,
    notional_floor,
    position_value,
    requirement,
    shortage,
    signed_value_floor,
)


class LadderRung(StrEnum):
    """The lowest margin that an account's equity is below, from above to below."""

    HEALTHY = "healthy"
    CANCEL = "cancel"
    MAINTENANCE = "maintenance"
    BACKSTOP = "backstop"
    AUTO_DELEVERAGE = "auto_deleverage"
    BANKRUPT = "bankrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Equity of an account against the margins of its way down; quote atoms.

    Equity is quote with interest, collateral at maintenance weight, and positions at mark with profits in full.
    """

    equity_atoms: int
    #: Quote balance with the interest owed on it.
    quote_atoms: int
    #: Positions at mark, rounded up.
    notional_atoms: int
    cancel_atoms: int
    maintenance_atoms: int
    backstop_atoms: int
    auto_deleverage_atoms: int
    #: Sum of the position values below zero, never positive.
    losses_atoms: int
    #: Of these, in markets that have not borne their share of a bankruptcy yet.
    losses_unresolved_atoms: int

    @property
    def excess_atoms(self) -> int:
        """Equity beyond the maintenance requirement, negative when it is missing."""
        return self.equity_atoms - self.maintenance_atoms

    @property
    def shortage_atoms(self) -> int:
        """Missing to maintenance plus the buffer of 2 % of the notional that a liquidation restores; 0 when nothing."""
        return shortage(self.equity_atoms, self.maintenance_atoms, self.notional_atoms)

    @property
    def rung(self) -> LadderRung:
        """The lowest margin that equity is below."""
        if self.equity_atoms < 0:
            return LadderRung.BANKRUPT
        steps = (
            (self.auto_deleverage_atoms, LadderRung.AUTO_DELEVERAGE),
            (self.backstop_atoms, LadderRung.BACKSTOP),
            (self.maintenance_atoms, LadderRung.MAINTENANCE),
            (self.cancel_atoms, LadderRung.CANCEL),
        )
        return next((rung for demanded, rung in steps if self.equity_atoms < demanded), LadderRung.HEALTHY)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one position adds; atoms but the ratio."""

    size_lots: int = 0
    worth: int = 0
    notional: int = 0
    cancel: int = 0
    maintenance: int = 0
    backstop: int = 0
    auto_deleverage: int = 0
    maintenance_bps: int = 0


def _part(position: Position, cache: RiskCache) -> _Part:
    if position.basis_lots == 0:
        return _Part(worth=position.cash_atoms)
    row = _row(cache, position)
    size_lots, cash_atoms = _folded(position, row)
    mark = _sober_mark(row)
    notional = notional_ceil(size_lots, mark)
    terms = _terms(row, 0)

    def demand(kind: MarginKind) -> int:
        return requirement(notional, terms.ratio_bps(kind, notional))

    return _Part(
        size_lots=size_lots,
        worth=position_value(size_lots, cash_atoms, mark),
        notional=notional,
        cancel=demand(MarginKind.CANCEL),
        maintenance=demand(MarginKind.MAINTENANCE),
        backstop=demand(MarginKind.BACKSTOP),
        auto_deleverage=demand(MarginKind.AUTO_DELEVERAGE),
        maintenance_bps=maintenance_ratio_bps(terms.tiers.ratio_bps(notional)),
    )


def ladder(user: User, cache: RiskCache, *, now_ms: int) -> Ladder:
    """Where a sub-account stands at chain time `now_ms`. Raises `evertide.math.MathError` out of guard."""
    quote_atoms = _with_interest(user, cache)
    collateral_atoms = sum(
        _collateral_part(cache.collaterals[slot.collateral_index], slot.amount_atoms, MarginKind.MAINTENANCE, now_ms)
        for slot in user.collaterals
        if slot.collateral_index
    )
    held = [position for position in user.positions if position.market_plus_one]
    parts = [_part(position, cache) for position in held]
    unresolved = [
        part.worth for position, part in zip(held, parts, strict=True) if position.bankruptcy != Bankruptcy.RESOLVED
    ]
    return Ladder(
        equity_atoms=quote_atoms + collateral_atoms + sum(part.worth for part in parts),
        quote_atoms=quote_atoms,
        notional_atoms=sum(part.notional for part in parts),
        cancel_atoms=sum(part.cancel for part in parts),
        maintenance_atoms=sum(part.maintenance for part in parts),
        backstop_atoms=sum(part.backstop for part in parts),
        auto_deleverage_atoms=sum(part.auto_deleverage for part in parts),
        losses_atoms=sum(min(part.worth, 0) for part in parts),
        losses_unresolved_atoms=sum(min(worth, 0) for worth in unresolved),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationView:
    """What `liquidate_position` would do to one position now."""

    market_index: int
    #: Live size, signed.
    size_lots: int
    #: Price at which lots move: the mark of the market's row, quote atoms for each lot, 32 fractional bits.
    price_q32: int
    #: Liquidator's fee now, risen with the age of the liquidation; bps of the notional.
    liquidator_fee_bps: int
    insurance_fee_bps: int
    #: Lots open to liquidation now; 0 where `refused` names the error.
    open_lots: int
    #: Name of the error with which the program would refuse; None when lots are open.
    refused: str | None
    #: Equity of the account: the fees together take no more.
    equity_atoms: int

    def fees(self, lots: int | None = None) -> LiquidationFees:
        """Fees of liquidating so many lots now (default: all that are open), atoms, rounded down.

        Together at most the equity that is left once the lots are gone. Raises `UnitOutOfRange` beyond the lots that
        are open.
        """
        taken = self._lots(lots)
        sign, price = (1 if self.size_lots > 0 else -1), self.price_q32
        # Two values rounded down may be an atom less than their sum rounded down.
        kept = signed_value_floor(self.size_lots - sign * taken, price)
        left_atoms = self.equity_atoms - signed_value_floor(self.size_lots, price) + kept
        left_atoms += notional_floor(taken, price) if sign > 0 else -notional_ceil(taken, price)
        notional_atoms = notional_floor(taken, price)
        return liquidation_fees(notional_atoms, self.liquidator_fee_bps, self.insurance_fee_bps, left_atoms)

    def profit_atoms(
        self, lots: int | None = None, *, exit_price_q32: int, exit_fee_ppm: int = 0, cost_atoms: int = 0
    ) -> int:
        """A liquidator's profit from taking over lots and closing them at `exit_price_q32` (atoms for each lot, Q32).

        The fee, plus the difference of prices, less the taker fee of the way out (parts per million of its notional,
        rounded up) and other costs such as the transaction's. Each part is rounded against the liquidator.
        """
        taken = self._lots(lots)
        if taken == 0:
            return -cost_atoms
        # What a closing long is paid rounds down and what a closing short pays rounds up, for both parties in turn.
        if self.size_lots > 0:
            moved = notional_floor(taken, exit_price_q32) - notional_floor(taken, self.price_q32)
        else:
            moved = notional_ceil(taken, self.price_q32) - notional_ceil(taken, exit_price_q32)
        leaving = fee(notional_ceil(taken, exit_price_q32), exit_fee_ppm)
        return self.fees(taken).liquidator_atoms + moved - leaving - cost_atoms

    def _lots(self, lots: int | None) -> int:
        if lots is None:
            return self.open_lots
        if lots < 0:
            raise UnitOutOfRange("lots", lots, 0, above=False)
        if lots > self.open_lots:
            raise UnitOutOfRange("lots", lots, self.open_lots, above=True)
        return lots


def _refusal(user: User, found: Ladder) -> str | None:
    if user.liquidation_start_ms == 0:
        return "LiquidationNotStarted"
    if found.equity_atoms >= found.maintenance_atoms:
        return "AccountHealthy"
    return "UserBankrupt" if found.equity_atoms < 0 else None


def liquidation_view(user: User, cache: RiskCache, market: Market, *, now_ms: int) -> LiquidationView | None:
    """What may be liquidated of a user's position in a market, and for which fees; None when it holds none there."""
    held = next((item for item in user.positions if item.market_plus_one == market.index + 1), None)
    if held is None or held.basis_lots == 0:
        return None
    found, part = ladder(user, cache, now_ms=now_ms), _part(held, cache)
    elapsed_ms = max(0, now_ms - user.liquidation_start_ms) if user.liquidation_start_ms else 0
    fee_bps = aged_fee_bps(market.terms.liquidation_fee_bps, elapsed_ms)
    refused = _refusal(user, found)
    open_lots = 0
    if refused is None:
        open_lots = liquidation_amount(
            LiquidationInput(
                size_lots=part.size_lots,
                price_q32=cache.markets[market.index].mark_price_q32,
                shortage_atoms=found.shortage_atoms,
                repaired_atoms=user.liquidation_freed_atoms,
                elapsed_ms=elapsed_ms,
                maintenance_bps=part.maintenance_bps,
                liquidator_fee_bps=fee_bps,
                insurance_fee_bps=market.terms.insurance_fee_bps,
                below_backstop=found.equity_atoms < found.backstop_atoms,
            )
        )
    return LiquidationView(
        market_index=market.index,
        size_lots=part.size_lots,
        price_q32=cache.markets[market.index].mark_price_q32,
        liquidator_fee_bps=fee_bps,
        insurance_fee_bps=market.terms.insurance_fee_bps,
        open_lots=open_lots,
        refused=refused or (None if open_lots else "NothingToLiquidate"),
        equity_atoms=found.equity_atoms,
    )
