//! Liquidation: shortage, amount, fees; bankruptcy price.

use crate::error::{MathError, MathResult};
use crate::notional::notional_ceil;
use crate::round::{mul_div_ceil, mul_div_floor, mul_shift_ceil, mul_shift_floor, wide_mul};
use crate::units::{
    Atoms, Bps, CollateralPriceQ48, Lots, Millis, PriceQ32, ATOMS_PER_USD, BPS_ONE, BPS_ONE_WIDE,
    COLLATERAL_PRICE_BITS, PRICE_BITS,
};

/// Buffer above maintenance that a liquidation restores: 2 % of the notional.
pub const BUFFER_BPS: u32 = 200;
/// Part of the shortage that may be liquidated at once.
pub const FIRST_STEP_BPS: u32 = 2_000;
/// Time after which all of it may.
pub const FULL_AFTER_MS: i64 = 60_000;
/// A shortage below this is liquidated at once, in atoms.
pub const SMALL_SHORTAGE_ATOMS: i64 = 50 * ATOMS_PER_USD.cast_signed();
/// A position below this notional is liquidated at once, in atoms.
pub const SMALL_POSITION_ATOMS: i64 = 100 * ATOMS_PER_USD.cast_signed();
/// Time over which the liquidator's fee rises to its double.
pub const FEE_RISE_MS: i64 = 60_000;

/// Atoms missing to maintenance plus the buffer; zero when nothing is.
///
/// `requirement + ceil(notional * 2 %) - equity`, where requirement and notional are the account's.
pub fn shortage(equity: Atoms, maintenance_requirement: Atoms, notional: Atoms) -> MathResult<Atoms> {
    let buffer = notional.ratio_ceil(Bps::new(BUFFER_BPS)?)?;
    let missing = maintenance_requirement.plus(buffer)?.minus(equity)?;
    Ok(missing.max(Atoms::ZERO))
}

/// Part of the shortage open to liquidation `elapsed` after it began: 20 % rising to a whole over 60 s, down.
pub fn open_fraction(elapsed: Millis) -> MathResult<Bps> {
    let risen = risen(BPS_ONE.saturating_sub(FIRST_STEP_BPS), elapsed, FULL_AFTER_MS)?;
    Bps::new(FIRST_STEP_BPS.checked_add(risen).ok_or(MathError::Overflow)?)
}

/// The part of `most` that has risen after `elapsed`: linear over `rise_ms > 0`, rounded down, basis points.
fn risen(most: u32, elapsed: Millis, rise_ms: i64) -> MathResult<u32> {
    let elapsed = elapsed.get().clamp(0, rise_ms).unsigned_abs();
    let risen = mul_div_floor(u64::from(most), elapsed, rise_ms.unsigned_abs())?;
    u32::try_from(risen).map_err(|_| MathError::Overflow)
}

/// What a position's liquidation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationInput {
    /// Signed size, in lots.
    pub size: Lots,
    /// Price at which the position is valued.
    pub price: PriceQ32,
    /// Shortage of the account now, buffer included, in atoms.
    pub shortage: Atoms,
    /// Shortage already repaired since the liquidation began, in atoms.
    pub repaired: Atoms,
    /// Time since the liquidation began.
    pub elapsed: Millis,
    /// Maintenance ratio of the position.
    pub maintenance: Bps,
    /// Liquidator's fee.
    pub liquidator_fee: Bps,
    /// Insurance fee.
    pub insurance_fee: Bps,
    /// The account is below backstop margin.
    pub below_backstop: bool,
}

/// Lots that may be liquidated now, at most the position.
///
/// The amount that repairs a shortage is `shortage / (P (MM + 2 % - liquidator fee) - P insurance fee)`,
/// rounded up. All of the position when the divisor is not positive, since then no part can repair it.
/// The shortage counted is a fraction of the whole (repaired part included) less what is repaired; all of
/// it below backstop, for a shortage under $50 or a position under $100.
pub fn amount(input: &LiquidationInput) -> MathResult<Lots> {
    let all = Lots::from_order(input.size.magnitude())?;
    if input.shortage.get() <= 0 || all.is_zero() {
        return Ok(Lots::ZERO);
    }
    if input.repaired.is_negative() {
        return Err(MathError::OutOfRange);
    }
    let whole = input.shortage.plus(input.repaired)?;
    let at_once = input.below_backstop
        || whole.get() < SMALL_SHORTAGE_ATOMS
        || notional_ceil(input.size, input.price)?.get() < SMALL_POSITION_ATOMS;
    let open = if at_once {
        input.shortage
    } else {
        whole.ratio_ceil(open_fraction(input.elapsed)?)?.minus(input.repaired)?.max(Atoms::ZERO)
    };
    let lots = lots_to_repair(open, input)?;
    Ok(lots.map_or(all, |lots| lots.min(all)))
}

/// `ceil(open * 10_000 / (P * net_bps))` in lots; none when no amount repairs it.
fn lots_to_repair(open: Atoms, input: &LiquidationInput) -> MathResult<Option<Lots>> {
    let gained = input.maintenance.get().checked_add(BUFFER_BPS).ok_or(MathError::Overflow)?;
    let fees = input.liquidator_fee.get().checked_add(input.insurance_fee.get()).ok_or(MathError::Overflow)?;
    let net = gained.saturating_sub(fees);
    if net == 0 || input.price.is_zero() {
        return Ok(None);
    }
    let scaled = wide_mul(open.magnitude(), BPS_ONE_WIDE);
    let scaled = scaled.checked_mul(1u128 << PRICE_BITS).ok_or(MathError::Overflow)?;
    let lots = scaled.div_ceil(wide_mul(input.price.get(), u64::from(net)));
    let bounded = lots.min(u128::from(input.size.magnitude()));
    Ok(Some(Lots::from_order(u64::try_from(bounded).map_err(|_| MathError::Overflow)?)?))
}

/// Liquidator's fee after `elapsed`: rising linearly to its double over 60 s, rounded down.
pub fn aged_fee(base: Bps, elapsed: Millis) -> MathResult<Bps> {
    let extra = risen(base.get(), elapsed, FEE_RISE_MS)?;
    Bps::new(base.get().checked_add(extra).ok_or(MathError::Overflow)?)
}

/// Discount on collateral after `elapsed`: rising linearly from nothing to `most` over `rise`, rounded down.
pub fn aged_discount(most: Bps, elapsed: Millis, rise: Millis) -> MathResult<Bps> {
    if rise.get() <= 0 || most.get() > BPS_ONE {
        return Err(MathError::OutOfRange);
    }
    Bps::new(risen(most.get(), elapsed, rise.get())?)
}

/// A sale of collateral for quote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sale {
    /// Token atoms sold.
    pub amount: u64,
    /// Quote atoms paid for them.
    pub paid: Atoms,
}

/// Collateral to sell so that it brings `need`, at most `most` token atoms, at the price less the discount.
///
/// Discounted price rounded down, amount `ceil(need / price)`, payment `ceil(amount * price)`: the buyer pays at least
/// what it gets. `NotPositive` when the discounted price is zero.
pub fn sale(need: Atoms, most: u64, price: CollateralPriceQ48, discount: Bps) -> MathResult<Sale> {
    let kept = BPS_ONE.checked_sub(discount.get()).ok_or(MathError::OutOfRange)?;
    let price = mul_div_floor(price.get(), u64::from(kept), BPS_ONE_WIDE)?;
    if price == 0 || need.is_negative() {
        return Err(MathError::NotPositive);
    }
    let wanted = wide_mul(need.magnitude(), 1 << COLLATERAL_PRICE_BITS).div_ceil(u128::from(price));
    let amount = u64::try_from(wanted.min(u128::from(most))).map_err(|_| MathError::Overflow)?;
    Ok(Sale { amount, paid: Atoms::from_unsigned(mul_shift_ceil(amount, price, COLLATERAL_PRICE_BITS)?)? })
}

/// Fees of one liquidation, in atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiquidationFees {
    /// To the liquidator.
    pub liquidator: Atoms,
    /// To the market's insurance.
    pub insurance: Atoms,
}

/// Fees of a liquidated notional, each rounded down, together at most the equity that is left.
///
/// The liquidator comes first: without one there is no liquidation at all.
pub fn fees(notional: Atoms, liquidator: Bps, insurance: Bps, equity: Atoms) -> MathResult<LiquidationFees> {
    if notional.is_negative() {
        return Err(MathError::NotPositive);
    }
    let room = equity.max(Atoms::ZERO);
    let liquidator = notional.ratio_floor(liquidator)?.min(room);
    let insurance = notional.ratio_floor(insurance)?.min(room.minus(liquidator)?);
    Ok(LiquidationFees { liquidator, insurance })
}

/// The price at which a bankrupt position is closed against the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BankruptcyPrice {
    /// Price, Q32 atoms per lot.
    pub price: PriceQ32,
    /// Deficit that closing at this price covers, in atoms.
    pub covered: Atoms,
    /// Deficit left for the insurance tranche or the record, in atoms.
    pub uncovered: Atoms,
}

/// Mark moved against the other side by `deficit / size` (rounded up), at most `cap` of the mark a lot.
///
/// A bankrupt long sells above the mark, a bankrupt short buys below it. `covered` is rounded down,
/// so that no deficit is declared paid that is not.
pub fn bankruptcy_price(size: Lots, mark: PriceQ32, deficit: Atoms, cap: Bps) -> MathResult<BankruptcyPrice> {
    if size.is_zero() || deficit.is_negative() {
        return Err(MathError::NotPositive);
    }
    let lots = size.magnitude();
    let limit = mul_div_floor(mark.positive()?.get(), u64::from(cap.get().min(BPS_ONE)), BPS_ONE_WIDE)?;
    let exact = wide_mul(deficit.magnitude(), 1 << PRICE_BITS).div_ceil(u128::from(lots));
    let shift = u64::try_from(exact.min(u128::from(limit))).map_err(|_| MathError::Overflow)?;
    let price = if size.is_negative() { mark.get().checked_sub(shift) } else { mark.get().checked_add(shift) };
    let price = PriceQ32::new(price.ok_or(MathError::Overflow)?).map_err(|_| MathError::Overflow)?;
    let covered = Atoms::from_unsigned(mul_shift_floor(lots, shift, PRICE_BITS)?)?.min(deficit);
    Ok(BankruptcyPrice { price, covered, uncovered: deficit.minus(covered)? })
}

/// A market's part of an account's deficit, by its losses: `ceil(deficit * loss / losses)`.
pub fn deficit_share(deficit: Atoms, loss: Atoms, losses: Atoms) -> MathResult<Atoms> {
    if deficit.is_negative() || loss.is_negative() || loss > losses {
        return Err(MathError::OutOfRange);
    }
    let share = mul_div_ceil(deficit.magnitude(), loss.magnitude(), losses.magnitude())?;
    Ok(Atoms::from_unsigned(share)?.min(deficit))
}

/// Price at which the account meets its maintenance requirement exactly, all else equal; none when no
/// price below the guard does.
///
/// The mark moves against the position by `excess / (|size| (1 -+ MM))` (long minus, short plus), with
/// the ratio of today's size; rounded toward the mark, so that the warning comes early.
pub fn liquidation_price(size: Lots, mark: PriceQ32, excess: Atoms, maintenance: Bps) -> MathResult<Option<PriceQ32>> {
    if size.is_zero() || excess.is_negative() {
        return Err(MathError::NotPositive);
    }
    let kept = if size.is_negative() {
        BPS_ONE.checked_add(maintenance.get())
    } else {
        BPS_ONE.checked_sub(maintenance.get())
    };
    let loss_rate = wide_mul(size.magnitude(), u64::from(kept.ok_or(MathError::OutOfRange)?));
    if loss_rate == 0 {
        return Ok(None);
    }
    // 2^60 * 2^14 * 2^32 < 2^127.
    let scaled = wide_mul(excess.magnitude(), BPS_ONE_WIDE).checked_mul(1 << PRICE_BITS).ok_or(MathError::Overflow)?;
    let Ok(distance) = u64::try_from(scaled.checked_div(loss_rate).ok_or(MathError::DivisionByZero)?) else {
        return Ok(None);
    };
    let price = if size.is_negative() { mark.get().checked_add(distance) } else { mark.get().checked_sub(distance) };
    Ok(price.and_then(|price| PriceQ32::new(price).ok()))
}
