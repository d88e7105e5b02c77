"""Margin: ratios by size, the ladder, open interest, open orders, and what a position adds to a test."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import IntEnum

from evertide._generated import math_constants as constants
from evertide._generated.math_constants import BPS_ONE, PRICE_BITS
from evertide.math._errors import NotMonotoneError, NotPositiveError, OutOfRangeError
from evertide.math._notional import notional_ceil, position_value
from evertide.math._prices import price_from_ticks, worse_price
from evertide.math._rounding import ceil_of, ratio_floor
from evertide.math._units import ATOMS, BPS, LOTS, PRICE, TICK_VALUE, TICKS, U16, U32, usd_ceil


class MarginKind(IntEnum):
    """Which test an account has to pass, from opening risk down the ladder."""

    INITIAL = constants.MARGIN_KIND_INITIAL
    FILL = constants.MARGIN_KIND_FILL
    CANCEL = constants.MARGIN_KIND_CANCEL
    MAINTENANCE = constants.MARGIN_KIND_MAINTENANCE
    BACKSTOP = constants.MARGIN_KIND_BACKSTOP
    AUTO_DELEVERAGE = constants.MARGIN_KIND_AUTO_DELEVERAGE
    WITHDRAWAL = constants.MARGIN_KIND_WITHDRAWAL

    @property
    def counts_orders(self) -> bool:
        """Open orders count when risk may rise; the ladder judges what is, not what may be filled."""
        return self in (MarginKind.INITIAL, MarginKind.FILL, MarginKind.WITHDRAWAL)

    @property
    def is_strict(self) -> bool:
        """Positions at the worse of mark and 5-minute TWAP, collateral at price minus confidence."""
        return self in (MarginKind.INITIAL, MarginKind.WITHDRAWAL)

    def profit_weight_bps(self, market_weight_bps: int) -> int:
        """Weight of a positive position value, given the market's own initial weight, in bps."""
        if self in (MarginKind.INITIAL, MarginKind.FILL):
            return market_weight_bps
        return 0 if self is MarginKind.WITHDRAWAL else BPS_ONE


_LADDER_BPS = {
    MarginKind.CANCEL: constants.CANCEL_FRACTION_BPS,
    MarginKind.MAINTENANCE: constants.MAINTENANCE_FRACTION_BPS,
    MarginKind.BACKSTOP: constants.BACKSTOP_FRACTION_BPS,
    MarginKind.AUTO_DELEVERAGE: constants.AUTO_DELEVERAGE_FRACTION_BPS,
}


def _between_ceil(low: tuple[int, int], high: tuple[int, int], usd: int) -> int:
    (low_usd, low_bps), (high_usd, high_bps) = low, high
    return low_bps + ceil_of((high_bps - low_bps) * (usd - low_usd), high_usd - low_usd)


@dataclass(frozen=True, slots=True)
class MarginTiers:
    """Four points of (notional in whole dollars, initial ratio in bps).

    Bounds rise strictly from above zero, ratios do not fall and end at a whole at most.

    Raises:
        NotPositiveError, NotMonotoneError, OutOfRangeError: the points are not such.
    """

    bounds_usd: tuple[int, int, int, int]
    ratios_bps: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        for bound_usd, ratio_bps in zip(self.bounds_usd, self.ratios_bps, strict=True):
            U32.check(bound_usd, "bounds_usd")
            U16.check(ratio_bps, "ratios_bps")
        if self.bounds_usd[0] == 0 or self.ratios_bps[0] == 0:
            raise NotPositiveError("the first tier point is positive", usd=self.bounds_usd[0], bps=self.ratios_bps[0])
        if self.ratios_bps[3] > BPS_ONE:
            raise OutOfRangeError("the last ratio is at most a whole", ratio_bps=self.ratios_bps[3], whole=BPS_ONE)
        for number in range(3):
            low_usd, high_usd = self.bounds_usd[number], self.bounds_usd[number + 1]
            low_bps, high_bps = self.ratios_bps[number], self.ratios_bps[number + 1]
            if low_usd >= high_usd or low_bps > high_bps:
                rule = "tier bounds rise and ratios do not fall"
                raise NotMonotoneError(rule, low_usd=low_usd, high_usd=high_usd, low_bps=low_bps, high_bps=high_bps)

    def ratio_bps(self, notional_atoms: int) -> int:
        """Initial ratio of a notional by size alone, rounded up to a basis point.

        Flat up to the first bound, linear between the points, the last ratio up to twice the last bound, a
        whole beyond; the notional is rounded up to whole dollars first.
        """
        usd = usd_ceil(notional_atoms)
        points = list(zip(self.bounds_usd, self.ratios_bps, strict=True))
        if usd <= points[0][0]:
            return points[0][1]
        for low, high in itertools.pairwise(points):
            if usd <= high[0]:
                return _between_ceil(low, high, usd)
        return points[3][1] if usd <= 2 * points[3][0] else BPS_ONE


def maintenance_ratio_bps(size_ratio_bps: int) -> int:
    """Maintenance ratio of a size-tier ratio: half of it, rounded up, in bps."""
    return ceil_of(BPS.check(size_ratio_bps, "size_ratio_bps") * constants.MAINTENANCE_FRACTION_BPS, BPS_ONE)


def open_interest_ratio_bps(open_interest_atoms: int, lower_usd: int, upper_usd: int) -> int:
    """Ratio that open interest alone demands: 0 up to `lower`, a whole from `upper`, linear between, up.

    Source: dYdX v4 liquidity tiers, in integer bps. Open interest is its notional in atoms.
    """
    U32.check(lower_usd, "lower_usd")
    U32.check(upper_usd, "upper_usd")
    usd = usd_ceil(open_interest_atoms)
    if usd <= lower_usd:
        return 0
    if usd >= upper_usd:
        return BPS_ONE
    return _between_ceil((lower_usd, 0), (upper_usd, BPS_ONE), usd)


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """What a market demands of one user's position in it.

    Attributes:
        tiers: size tiers.
        open_interest_ratio_bps: ratio from open interest, as stored by the last accrual.
        user_ratio_bps: the user's own cap as a ratio, 0 when none.
        profit_weight_bps: weight of profits in the initial test.
    """

    tiers: MarginTiers
    open_interest_ratio_bps: int = 0
    user_ratio_bps: int = 0
    profit_weight_bps: int = BPS_ONE

    def __post_init__(self) -> None:
        BPS.check(self.open_interest_ratio_bps, "open_interest_ratio_bps")
        BPS.check(self.user_ratio_bps, "user_ratio_bps")
        BPS.check(self.profit_weight_bps, "profit_weight_bps")

    def ratio_bps(self, kind: MarginKind, notional_atoms: int) -> int:
        """The ratio that `kind` demands of a notional, in bps, rounded up.

        Open interest and the user's cap raise only the initial ratio; the ladder takes fractions of the
        size-tier ratio alone, so that nobody is liquidated by inflating open interest.
        """
        size_ratio = self.tiers.ratio_bps(notional_atoms)
        if kind in _LADDER_BPS:
            return ceil_of(size_ratio * _LADDER_BPS[kind], BPS_ONE)
        initial = max(size_ratio, self.open_interest_ratio_bps, self.user_ratio_bps)
        if kind is MarginKind.FILL:
            return ceil_of(initial + maintenance_ratio_bps(size_ratio), 2)
        return initial


def requirement(notional_atoms: int, ratio_bps: int) -> int:
    """`ceil(notional * ratio / 10_000)` in atoms. Raises NotPositiveError, MathOverflowError."""
    ATOMS.check(notional_atoms, "notional_atoms")
    BPS.check(ratio_bps, "ratio_bps")
    if notional_atoms < 0:
        raise NotPositiveError("a notional is not negative", notional_atoms=notional_atoms)
    return ATOMS.fit(ceil_of(notional_atoms * ratio_bps, BPS_ONE))


def weighted_value(value_atoms: int, profit_weight_bps: int) -> int:
    """A position value as it counts in equity: losses fully, profits by weight, rounded down, in atoms."""
    if ATOMS.check(value_atoms, "value_atoms") <= 0 or BPS.check(profit_weight_bps, "profit_weight_bps") == BPS_ONE:
        BPS.check(profit_weight_bps, "profit_weight_bps")
        return value_atoms
    return ratio_floor(value_atoms, profit_weight_bps)


def solvency_envelope_holds(
    initial_bps: int, maintenance_bps: int, one_minute_stress_bps: int, liquidator_fee_bps: int, insurance_fee_bps: int
) -> bool:
    """Whether `MM >= stress + liquidator fee + insurance fee + hourly funding cap / 60`, exactly.

    The hourly cap is `6 (IM - MM) / 8`. Raises NotMonotoneError when `IM < MM`.
    """
    ratios = (initial_bps, maintenance_bps, one_minute_stress_bps, liquidator_fee_bps, insurance_fee_bps)
    for ratio_bps in ratios:
        BPS.check(ratio_bps, "ratio_bps")
    if initial_bps < maintenance_bps:
        rule = "initial is at least maintenance"
        raise NotMonotoneError(rule, initial_bps=initial_bps, maintenance_bps=maintenance_bps)
    spent = 80 * (one_minute_stress_bps + liquidator_fee_bps + insurance_fee_bps) + initial_bps - maintenance_bps
    return 80 * maintenance_bps >= spent


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """Aggregates of a user's live orders in one market; a price means something only where lots are.

    Reduce-only orders may be counted in: they add reserve, and no exposure.
    """

    bid_lots: int = 0
    ask_lots: int = 0
    max_bid_ticks: int = 0
    min_ask_ticks: int = 0

    def __post_init__(self) -> None:
        LOTS.check(self.bid_lots, "bid_lots")
        LOTS.check(self.ask_lots, "ask_lots")
        TICKS.check(self.max_bid_ticks, "max_bid_ticks")
        TICKS.check(self.min_ask_ticks, "min_ask_ticks")


def increase_lots(size_lots: int, change_lots: int) -> int:
    """Lots by which `|size|` would grow if orders of `change` lots (signed) all filled. Raises MathOverflowError."""
    after = LOTS.fit(LOTS.check(size_lots, "size_lots") + LOTS.check(change_lots, "change_lots"))
    return max(0, abs(after) - abs(size_lots))


def bid_reserve(orders: OpenOrders, mark_q32: int, atoms_per_lot_tick: int) -> int:
    """Loss at the mark if every bid filled at the highest bid, rounded up, in atoms. Raises MathOverflowError."""
    PRICE.check(mark_q32, "mark_q32")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    if orders.bid_lots == 0:
        return 0
    worst_q32 = price_from_ticks(orders.max_bid_ticks, atoms_per_lot_tick)
    return ATOMS.fit(ceil_of(abs(orders.bid_lots) * max(0, worst_q32 - mark_q32), 1 << PRICE_BITS))


def ask_reserve(orders: OpenOrders, mark_q32: int, atoms_per_lot_tick: int) -> int:
    """Loss at the mark if every ask filled at the lowest ask, rounded up, in atoms. Raises MathOverflowError."""
    PRICE.check(mark_q32, "mark_q32")
    TICK_VALUE.check(atoms_per_lot_tick, "atoms_per_lot_tick")
    if orders.ask_lots == 0:
        return 0
    worst_q32 = price_from_ticks(orders.min_ask_ticks, atoms_per_lot_tick)
    return ATOMS.fit(ceil_of(abs(orders.ask_lots) * max(0, mark_q32 - worst_q32), 1 << PRICE_BITS))


@dataclass(frozen=True, slots=True)
class PositionInput:
    """Everything that the margin of one position depends on, already folded; prices in Q32 atoms per lot."""

    size_lots: int
    cash_atoms: int
    orders: OpenOrders
    mark_q32: int
    twap_q32: int
    atoms_per_lot_tick: int
    terms: MarginTerms

    def __post_init__(self) -> None:
        LOTS.check(self.size_lots, "size_lots")
        ATOMS.check(self.cash_atoms, "cash_atoms")
        PRICE.check(self.mark_q32, "mark_q32")
        PRICE.check(self.twap_q32, "twap_q32")
        TICK_VALUE.check(self.atoms_per_lot_tick, "atoms_per_lot_tick")


@dataclass(frozen=True, slots=True)
class MarginPart:
    """What one position adds to equity and to the requirement, in atoms."""

    equity_atoms: int
    requirement_atoms: int


def requirement_with_orders(kind: MarginKind, position: PositionInput) -> int:
    """Requirement of a position with its open orders, in atoms: the worse of its two sides.

    Each side: the requirement of the absolute size that would result if its orders all filled (never less
    than the size held), at the ratio of that size, plus the adverse-fill reserve. Source: Phoenix Perps.

    Raises:
        NotPositiveError: an aggregate is negative.
        MathOverflowError: size, notional or reserve leaves its guard.
    """
    orders = position.orders
    if orders.bid_lots < 0 or orders.ask_lots < 0:
        rule = "open lots are not negative"
        raise NotPositiveError(rule, bid_lots=orders.bid_lots, ask_lots=orders.ask_lots)
    bid = _side_requirement(kind, position, orders.bid_lots)
    bid = ATOMS.fit(bid + bid_reserve(orders, position.mark_q32, position.atoms_per_lot_tick))
    ask = _side_requirement(kind, position, -orders.ask_lots)
    ask = ATOMS.fit(ask + ask_reserve(orders, position.mark_q32, position.atoms_per_lot_tick))
    return max(bid, ask)


def _side_requirement(kind: MarginKind, position: PositionInput, change_lots: int) -> int:
    worst_lots = LOTS.fit(abs(position.size_lots) + increase_lots(position.size_lots, change_lots))
    notional_atoms = notional_ceil(worst_lots, position.mark_q32)
    return requirement(notional_atoms, position.terms.ratio_bps(kind, notional_atoms))


def position_margin(kind: MarginKind, position: PositionInput) -> MarginPart:
    """Equity and requirement of one position for one kind of test. Raises as the parts it is made of."""
    price_q32 = position.mark_q32
    if kind.is_strict:
        price_q32 = worse_price(position.size_lots, position.mark_q32, position.twap_q32)
    value_atoms = position_value(position.size_lots, position.cash_atoms, price_q32)
    equity_atoms = weighted_value(value_atoms, kind.profit_weight_bps(position.terms.profit_weight_bps))
    if kind.counts_orders and (position.orders.bid_lots or position.orders.ask_lots):
        return MarginPart(equity_atoms, requirement_with_orders(kind, position))
    notional_atoms = notional_ceil(position.size_lots, position.mark_q32)
    return MarginPart(equity_atoms, requirement(notional_atoms, position.terms.ratio_bps(kind, notional_atoms)))
