"""Liquidation: shortage, amount, fees; bankruptcy price; liquidation price."""

from __future__ import annotations

from dataclasses import dataclass

from evertide._generated.math_constants import (
    BPS_ONE,
    BUFFER_BPS,
    COLLATERAL_PRICE_BITS,
    FEE_RISE_MS,
    FIRST_STEP_BPS,
    FULL_AFTER_MS,
    PRICE_BITS,
    SMALL_POSITION_ATOMS,
    SMALL_SHORTAGE_ATOMS,
)
from evertide.math._errors import DivisionByZeroError, NotPositiveError, OutOfRangeError
from evertide.math._notional import notional_ceil
from evertide.math._prices import positive_price
from evertide.math._rounding import ceil_of, floor_of, ratio_ceil, ratio_floor
from evertide.math._units import ATOMS, BPS, COLLATERAL_PRICE, LOTS, MILLIS, PRICE, U64


def shortage(equity_atoms: int, maintenance_atoms: int, notional_atoms: int) -> int:
    """Atoms missing to maintenance plus the buffer of 2 % of the notional; 0 when nothing is.

    Requirement and notional are the account's. Raises MathOverflowError.
    """
    ATOMS.check(equity_atoms, "equity_atoms")
    ATOMS.check(maintenance_atoms, "maintenance_atoms")
    wanted = ATOMS.fit(maintenance_atoms + ratio_ceil(notional_atoms, BUFFER_BPS))
    return max(0, ATOMS.fit(wanted - equity_atoms))


def open_fraction_bps(elapsed_ms: int) -> int:
    """Part of the shortage open to liquidation: 20 % at once, rising to a whole over 60 s, rounded down."""
    elapsed_ms = min(max(MILLIS.check(elapsed_ms, "elapsed_ms"), 0), FULL_AFTER_MS)
    return FIRST_STEP_BPS + floor_of((BPS_ONE - FIRST_STEP_BPS) * elapsed_ms, FULL_AFTER_MS)


@dataclass(frozen=True, slots=True)
class LiquidationInput:
    """What a position's liquidation depends on.

    Attributes:
        size_lots: signed size.
        price_q32: price at which the position is valued.
        shortage_atoms: shortage of the account now, buffer included.
        repaired_atoms: shortage already repaired since the liquidation began.
        elapsed_ms: time since it began.
        maintenance_bps: maintenance ratio of the position.
        liquidator_fee_bps, insurance_fee_bps: fees of the liquidated notional.
        below_backstop: whether the account is below backstop margin.
    """

    size_lots: int
    price_q32: int
    shortage_atoms: int
    repaired_atoms: int
    elapsed_ms: int
    maintenance_bps: int
    liquidator_fee_bps: int
    insurance_fee_bps: int
    below_backstop: bool

    def __post_init__(self) -> None:
        LOTS.check(self.size_lots, "size_lots")
        PRICE.check(self.price_q32, "price_q32")
        ATOMS.check(self.shortage_atoms, "shortage_atoms")
        ATOMS.check(self.repaired_atoms, "repaired_atoms")
        MILLIS.check(self.elapsed_ms, "elapsed_ms")
        BPS.check(self.maintenance_bps, "maintenance_bps")
        BPS.check(self.liquidator_fee_bps, "liquidator_fee_bps")
        BPS.check(self.insurance_fee_bps, "insurance_fee_bps")


def liquidation_amount(given: LiquidationInput) -> int:
    """Lots that may be liquidated now, at most the position.

    `shortage / (P (MM + 2 % - liquidator fee) - P insurance fee)`, rounded up; all of the position when the
    divisor is not positive, since then no part can repair it. The shortage counted is a fraction of the
    whole (repaired part included) less what is repaired; all of it below backstop, for a shortage under $50
    or a position under $100. Source: Drift's `calculate_base_asset_amount_to_cover_margin_shortage`.

    Raises:
        OutOfRangeError: the repaired part is negative.
        MathOverflowError: the notional leaves its guard.
    """
    all_lots = abs(given.size_lots)
    if given.shortage_atoms <= 0 or all_lots == 0:
        return 0
    if given.repaired_atoms < 0:
        raise OutOfRangeError("a repaired shortage is not negative", repaired_atoms=given.repaired_atoms)
    whole_atoms = ATOMS.fit(given.shortage_atoms + given.repaired_atoms)
    at_once = (
        given.below_backstop
        or whole_atoms < SMALL_SHORTAGE_ATOMS
        or notional_ceil(given.size_lots, given.price_q32) < SMALL_POSITION_ATOMS
    )
    open_atoms = given.shortage_atoms
    if not at_once:
        open_atoms = max(0, ratio_ceil(whole_atoms, open_fraction_bps(given.elapsed_ms)) - given.repaired_atoms)
    net_bps = given.maintenance_bps + BUFFER_BPS - given.liquidator_fee_bps - given.insurance_fee_bps
    if net_bps <= 0 or given.price_q32 == 0:
        return all_lots
    return min(all_lots, ceil_of(open_atoms * BPS_ONE << PRICE_BITS, given.price_q32 * net_bps))


def aged_fee_bps(base_bps: int, elapsed_ms: int) -> int:
    """Liquidator's fee after `elapsed_ms`: rising linearly to its double over 60 s, rounded down, in bps."""
    BPS.check(base_bps, "base_bps")
    elapsed_ms = min(max(MILLIS.check(elapsed_ms, "elapsed_ms"), 0), FEE_RISE_MS)
    return BPS.check(base_bps + floor_of(base_bps * elapsed_ms, FEE_RISE_MS), "aged fee")


def aged_discount_bps(most_bps: int, elapsed_ms: int, rise_ms: int) -> int:
    """Discount on collateral after `elapsed_ms`: rising linearly from 0 to `most` over `rise_ms`, rounded down, in bps.

    Raises:
        OutOfRangeError: there is no time to rise in, or the discount is above a whole.
    """
    BPS.check(most_bps, "most_bps")
    MILLIS.check(elapsed_ms, "elapsed_ms")
    MILLIS.check(rise_ms, "rise_ms")
    if rise_ms <= 0 or most_bps > BPS_ONE:
        raise OutOfRangeError("0 < rise, discount <= a whole", rise_ms=rise_ms, most_bps=most_bps, whole_bps=BPS_ONE)
    return floor_of(most_bps * min(max(elapsed_ms, 0), rise_ms), rise_ms)


@dataclass(frozen=True, slots=True)
class CollateralSale:
    """A sale of collateral: `amount` in atoms of the token, and the quote atoms paid for them."""

    amount: int
    paid_atoms: int


def collateral_sale(need_atoms: int, most: int, price_q48: int, discount_bps: int) -> CollateralSale:
    """Collateral to sell so that it brings `need_atoms`, at most `most` token atoms, at the price less the discount.

    Discounted price rounded down, amount `ceil(need / price)`, payment `ceil(amount * price)`: the buyer pays at
    least what it gets.

    Raises:
        OutOfRangeError: a discount above a whole.
        NotPositiveError: the discounted price is zero, or a negative need.
        MathOverflowError: the payment leaves its guard.
    """
    ATOMS.check(need_atoms, "need_atoms")
    U64.check(most, "most")
    COLLATERAL_PRICE.check(price_q48, "price_q48")
    if BPS.check(discount_bps, "discount_bps") > BPS_ONE:
        raise OutOfRangeError("a discount is at most a whole", discount_bps=discount_bps, whole_bps=BPS_ONE)
    discounted_q48 = floor_of(price_q48 * (BPS_ONE - discount_bps), BPS_ONE)
    if discounted_q48 == 0 or need_atoms < 0:
        rule = "a discounted price is positive, a need is not negative"
        raise NotPositiveError(rule, discounted_q48=discounted_q48, need_atoms=need_atoms)
    amount = min(ceil_of(need_atoms << COLLATERAL_PRICE_BITS, discounted_q48), most)
    return CollateralSale(amount, ATOMS.fit(ceil_of(amount * discounted_q48, 1 << COLLATERAL_PRICE_BITS)))


@dataclass(frozen=True, slots=True)
class LiquidationFees:
    """Fees of one liquidation, in atoms: to the liquidator and to the market's insurance."""

    liquidator_atoms: int
    insurance_atoms: int


def liquidation_fees(
    notional_atoms: int, liquidator_bps: int, insurance_bps: int, equity_atoms: int
) -> LiquidationFees:
    """Fees of a liquidated notional, each rounded down, together at most the equity left; liquidator first.

    Raises:
        NotPositiveError: the notional is negative.
    """
    ATOMS.check(notional_atoms, "notional_atoms")
    BPS.check(liquidator_bps, "liquidator_bps")
    BPS.check(insurance_bps, "insurance_bps")
    room = max(0, ATOMS.check(equity_atoms, "equity_atoms"))
    if notional_atoms < 0:
        raise NotPositiveError("a notional is not negative", notional_atoms=notional_atoms)
    liquidator_atoms = min(ratio_floor(notional_atoms, liquidator_bps), room)
    insurance_atoms = min(ratio_floor(notional_atoms, insurance_bps), room - liquidator_atoms)
    return LiquidationFees(liquidator_atoms, insurance_atoms)


@dataclass(frozen=True, slots=True)
class BankruptcyPrice:
    """Price of closing a bankrupt position (Q32), and the deficit it covers and does not cover, in atoms."""

    price_q32: int
    covered_atoms: int
    uncovered_atoms: int


def bankruptcy_price(size_lots: int, mark_q32: int, deficit_atoms: int, cap_bps: int) -> BankruptcyPrice:
    """The mark moved against the other side by `deficit / size` (rounded up), at most `cap` of the mark a lot.

    A bankrupt long sells above the mark, a bankrupt short buys below it. The covered deficit is rounded
    down, so that none is declared paid that is not.

    Raises:
        NotPositiveError: no size, a negative deficit, or a mark of zero.
        MathOverflowError: the price leaves its guard.
    """
    LOTS.check(size_lots, "size_lots")
    PRICE.check(mark_q32, "mark_q32")
    ATOMS.check(deficit_atoms, "deficit_atoms")
    BPS.check(cap_bps, "cap_bps")
    if size_lots == 0 or deficit_atoms < 0:
        rule = "a bankrupt position has a size, its deficit is not negative"
        raise NotPositiveError(rule, size_lots=size_lots, deficit_atoms=deficit_atoms)
    positive_price(mark_q32, "mark_q32")
    limit_q32 = floor_of(mark_q32 * min(cap_bps, BPS_ONE), BPS_ONE)
    shift_q32 = min(ceil_of(deficit_atoms << PRICE_BITS, abs(size_lots)), limit_q32)
    price_q32 = PRICE.fit(mark_q32 + shift_q32 if size_lots > 0 else mark_q32 - shift_q32)
    covered_atoms = min(ATOMS.fit(floor_of(abs(size_lots) * shift_q32, 1 << PRICE_BITS)), deficit_atoms)
    return BankruptcyPrice(price_q32, covered_atoms, deficit_atoms - covered_atoms)


def deficit_share(deficit_atoms: int, loss_atoms: int, losses_atoms: int) -> int:
    """A market's part of an account's deficit, by its losses: `ceil(deficit * loss / losses)`, in atoms.

    Raises:
        OutOfRangeError: an amount is negative or one loss above all.
        DivisionByZeroError: there are no losses.
    """
    ATOMS.check(deficit_atoms, "deficit_atoms")
    ATOMS.check(loss_atoms, "loss_atoms")
    ATOMS.check(losses_atoms, "losses_atoms")
    if deficit_atoms < 0 or loss_atoms < 0 or loss_atoms > losses_atoms:
        rule = "0 <= deficit, 0 <= loss <= losses"
        raise OutOfRangeError(rule, deficit=deficit_atoms, loss=loss_atoms, losses=losses_atoms)
    if losses_atoms == 0:
        raise DivisionByZeroError("there are no losses to split by")
    return ceil_of(deficit_atoms * loss_atoms, losses_atoms)


def liquidation_price(size_lots: int, mark_q32: int, excess_atoms: int, maintenance_bps: int) -> int | None:
    """Mark at which the account meets maintenance exactly, all else equal, Q32; None when there is none.

    The mark moves against the position by `excess / (|size| (1 -+ MM))` (long minus, short plus), with the
    ratio of today's size and `excess = equity - requirement`; rounded toward the mark.

    Raises:
        NotPositiveError: no size, or a negative excess.
        OutOfRangeError: a maintenance ratio above a whole for a long.
    """
    LOTS.check(size_lots, "size_lots")
    PRICE.check(mark_q32, "mark_q32")
    ATOMS.check(excess_atoms, "excess_atoms")
    BPS.check(maintenance_bps, "maintenance_bps")
    if size_lots == 0 or excess_atoms < 0:
        rule = "a position has a size, the excess is not negative"
        raise NotPositiveError(rule, size_lots=size_lots, excess_atoms=excess_atoms)
    kept_bps = BPS_ONE - maintenance_bps if size_lots > 0 else BPS_ONE + maintenance_bps
    if kept_bps < 0:
        raise OutOfRangeError("maintenance is at most a whole", maintenance_bps=maintenance_bps, whole_bps=BPS_ONE)
    if kept_bps == 0:
        return None
    distance_q32 = floor_of(excess_atoms * BPS_ONE << PRICE_BITS, abs(size_lots) * kept_bps)
    price_q32 = mark_q32 - distance_q32 if size_lots > 0 else mark_q32 + distance_q32
    return price_q32 if PRICE.low <= price_q32 <= PRICE.high else None
