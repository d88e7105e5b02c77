//! Margin ratios and requirements: size tiers, the ladder, open-interest scale, profit weights.

use crate::error::{MathError, MathResult};
use crate::notional::{notional_ceil, position_value, worse_price};
use crate::units::{Atoms, AtomsPerLotTick, Bps, Lots, PriceQ32, BPS_ONE, BPS_ONE_WIDE};

/// One point of the size tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// Notional up to which (first point) or at which the ratio applies, in whole dollars.
    pub bound_usd: u32,
    /// Initial margin ratio there, in basis points.
    pub ratio_bps: u16,
}

/// Four points, bounds strictly rising, ratios not falling, from above zero to at most a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarginTiers(pub [Tier; 4]);

impl MarginTiers {
    /// Checks the points: `NotPositive`, `NotMonotone` or `OutOfRange` names what is wrong.
    pub fn validate(&self) -> MathResult<()> {
        let [first, second, third, last] = self.0;
        if first.bound_usd == 0 || first.ratio_bps == 0 {
            return Err(MathError::NotPositive);
        }
        if u32::from(last.ratio_bps) > BPS_ONE {
            return Err(MathError::OutOfRange);
        }
        for (low, high) in [(first, second), (second, third), (third, last)] {
            if low.bound_usd >= high.bound_usd || low.ratio_bps > high.ratio_bps {
                return Err(MathError::NotMonotone);
            }
        }
        Ok(())
    }

    /// Initial ratio of a notional by size alone, rounded up to a basis point.
    ///
    /// Flat up to the first bound, linear between the points, the last ratio up to twice the last
    /// bound, a whole beyond. The notional is rounded up to whole dollars first.
    #[inline]
    pub fn ratio(&self, notional: Atoms) -> MathResult<Bps> {
        let usd = notional.usd_ceil();
        let [first, second, third, last] = self.0;
        if usd <= u64::from(first.bound_usd) {
            return Bps::new(u32::from(first.ratio_bps));
        }
        for (low, high) in [(first, second), (second, third), (third, last)] {
            if usd <= u64::from(high.bound_usd) {
                return interpolate_ceil(low, high, usd);
            }
        }
        if usd <= u64::from(last.bound_usd).saturating_mul(2) {
            return Bps::new(u32::from(last.ratio_bps));
        }
        Bps::new(BPS_ONE)
    }
}

#[inline]
fn interpolate_ceil(low: Tier, high: Tier, usd: u64) -> MathResult<Bps> {
    let rise = high.ratio_bps.checked_sub(low.ratio_bps).ok_or(MathError::NotMonotone)?;
    let run = high.bound_usd.checked_sub(low.bound_usd).ok_or(MathError::NotMonotone)?;
    if run == 0 {
        return Err(MathError::NotMonotone);
    }
    let along = usd.checked_sub(u64::from(low.bound_usd)).ok_or(MathError::NotMonotone)?;
    // 2^16 * 2^32 fits 64 bits.
    let scaled = u64::from(rise).checked_mul(along).ok_or(MathError::Overflow)?;
    let step = u32::try_from(scaled.div_ceil(u64::from(run))).map_err(|_| MathError::Overflow)?;
    Bps::new(u32::from(low.ratio_bps).checked_add(step).ok_or(MathError::Overflow)?)
}

/// Which test an account has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MarginKind {
    /// Increasing risk.
    Initial = 0,
    /// Maker side of a fill: half way between initial and maintenance.
    Fill = 1,
    /// Below it anyone cancels risk-increasing orders.
    Cancel = 2,
    /// Below it the account is liquidated.
    Maintenance = 3,
    /// Below it the position moves to the backstop account.
    Backstop = 4,
    /// Below it the position is open to automatic deleveraging.
    AutoDeleverage = 5,
    /// Taking collateral out, and new debt: initial, with profits worth nothing.
    Withdrawal = 6,
}

/// Ladder fractions of the size-tier ratio, in basis points.
pub const CANCEL_FRACTION_BPS: u32 = 7_500;
/// Maintenance as a fraction of the size-tier ratio.
pub const MAINTENANCE_FRACTION_BPS: u32 = 5_000;
/// Backstop as a fraction of the size-tier ratio.
pub const BACKSTOP_FRACTION_BPS: u32 = 2_500;
/// Automatic deleveraging as a fraction of the size-tier ratio.
pub const AUTO_DELEVERAGE_FRACTION_BPS: u32 = 1_000;

impl MarginKind {
    /// Open orders count: when risk may rise. The ladder judges what is, not what may be filled.
    #[inline]
    pub const fn counts_orders(self) -> bool {
        matches!(self, Self::Initial | Self::Fill | Self::Withdrawal)
    }

    /// Positions are valued at the worse of mark and 5-minute TWAP, collateral at price minus confidence.
    #[inline]
    pub const fn is_strict(self) -> bool {
        matches!(self, Self::Initial | Self::Withdrawal)
    }

    /// Weight of a positive position value, given the market's own initial weight.
    #[inline]
    pub const fn profit_weight(self, market_weight: Bps) -> Bps {
        match self {
            Self::Initial | Self::Fill => market_weight,
            Self::Withdrawal => Bps::ZERO,
            _ => WHOLE,
        }
    }
}

const WHOLE: Bps = match Bps::new(BPS_ONE) {
    Ok(whole) => whole,
    Err(_) => Bps::ZERO,
};

/// `ceil(ratio * fraction)` in basis points.
#[inline]
pub fn ladder_ratio(size_ratio: Bps, fraction_bps: u32) -> MathResult<Bps> {
    let scaled = size_ratio.get().checked_mul(fraction_bps).ok_or(MathError::Overflow)?;
    Bps::new(scaled.div_ceil(BPS_ONE))
}

/// Maintenance ratio of a size-tier ratio.
#[inline]
pub fn maintenance_ratio(size_ratio: Bps) -> MathResult<Bps> {
    ladder_ratio(size_ratio, MAINTENANCE_FRACTION_BPS)
}

/// Initial ratio: the largest of size tier, open-interest scale and the user's own cap.
#[inline]
#[must_use]
pub fn initial_ratio(size_ratio: Bps, open_interest_ratio: Bps, user_ratio: Bps) -> Bps {
    size_ratio.max(open_interest_ratio).max(user_ratio)
}

/// Ratio that open interest alone demands: 0 up to `lower`, a whole from `upper`, linear between, up.
pub fn open_interest_ratio(open_interest: Atoms, lower_usd: u32, upper_usd: u32) -> MathResult<Bps> {
    let usd = open_interest.usd_ceil();
    if usd <= u64::from(lower_usd) {
        return Ok(Bps::ZERO);
    }
    if usd >= u64::from(upper_usd) {
        return Bps::new(BPS_ONE);
    }
    interpolate_ceil(Tier { bound_usd: lower_usd, ratio_bps: 0 }, Tier { bound_usd: upper_usd, ratio_bps: 10_000 }, usd)
}

/// Solvency envelope of a market: `MM >= stress + liquidator fee + insurance fee + hourly cap / 60`.
///
/// The hourly funding cap is `6 (IM - MM) / 8`; both sides are compared times 80, exactly.
pub fn solvency_envelope_holds(
    initial: Bps,
    maintenance: Bps,
    one_minute_stress: Bps,
    liquidator_fee: Bps,
    insurance_fee: Bps,
) -> MathResult<bool> {
    let gap = initial.get().checked_sub(maintenance.get()).ok_or(MathError::NotMonotone)?;
    let parts = [one_minute_stress, liquidator_fee, insurance_fee];
    let spent = parts.iter().fold(0u64, |sum, part| sum.saturating_add(u64::from(part.get())));
    let spent = spent.saturating_mul(80).saturating_add(u64::from(gap));
    Ok(u64::from(maintenance.get()).saturating_mul(80) >= spent)
}

/// What a market demands of a position in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarginTerms {
    /// Size tiers.
    pub tiers: MarginTiers,
    /// Ratio from open interest, as stored by the last accrual.
    pub open_interest_ratio: Bps,
    /// The user's own cap as a ratio; zero when none.
    pub user_ratio: Bps,
    /// Weight of profits in the initial test.
    pub profit_weight: Bps,
}

impl MarginTerms {
    /// The ratio that `kind` demands of a notional.
    #[inline]
    pub fn ratio(&self, kind: MarginKind, notional: Atoms) -> MathResult<Bps> {
        let size_ratio = self.tiers.ratio(notional)?;
        kind_ratio(kind, size_ratio, initial_ratio(size_ratio, self.open_interest_ratio, self.user_ratio))
    }
}

/// The ratio that `kind` demands, of the size tier's ratio and the initial ratio that it is part of.
#[inline]
pub fn kind_ratio(kind: MarginKind, size_ratio: Bps, initial: Bps) -> MathResult<Bps> {
    match kind {
        MarginKind::Initial | MarginKind::Withdrawal => Ok(initial),
        MarginKind::Fill => {
            let sum = initial.get().checked_add(maintenance_ratio(size_ratio)?.get());
            Bps::new(sum.ok_or(MathError::Overflow)?.div_ceil(2))
        }
        MarginKind::Cancel => ladder_ratio(size_ratio, CANCEL_FRACTION_BPS),
        MarginKind::Maintenance => maintenance_ratio(size_ratio),
        MarginKind::Backstop => ladder_ratio(size_ratio, BACKSTOP_FRACTION_BPS),
        MarginKind::AutoDeleverage => ladder_ratio(size_ratio, AUTO_DELEVERAGE_FRACTION_BPS),
    }
}

/// `ceil(notional * ratio / 10_000)` in pure 64-bit arithmetic, for every notional in its guard.
///
/// The quotient and the remainder of the notional by 10,000 are scaled apart; the sum is exact.
#[inline]
pub fn requirement(notional: Atoms, ratio: Bps) -> MathResult<Atoms> {
    if notional.is_negative() {
        return Err(MathError::NotPositive);
    }
    let value = notional.magnitude();
    let (whole, rest) = (value / BPS_ONE_WIDE, value % BPS_ONE_WIDE);
    let ratio = u64::from(ratio.get());
    let scaled_rest = rest.checked_mul(ratio).ok_or(MathError::Overflow)?.div_ceil(BPS_ONE_WIDE);
    let scaled = whole.checked_mul(ratio).and_then(|product| product.checked_add(scaled_rest));
    Atoms::from_unsigned(scaled.ok_or(MathError::Overflow)?)
}

/// A position value as it counts in equity: losses fully, profits by weight, rounded down.
#[inline]
pub fn weighted_value(value: Atoms, profit_weight: Bps) -> MathResult<Atoms> {
    if value.get() <= 0 || profit_weight.get() == BPS_ONE {
        return Ok(value);
    }
    value.ratio_floor(profit_weight)
}

/// Everything that the margin of one position depends on, already folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionInput {
    /// Signed size, in lots.
    pub size: Lots,
    /// Signed cash, in atoms.
    pub cash: Atoms,
    /// Open-order aggregates of the position.
    pub orders: crate::orders::OpenOrders,
    /// Mark price of the market.
    pub mark: PriceQ32,
    /// 5-minute TWAP of the market.
    pub twap: PriceQ32,
    /// Value of a tick for a lot.
    pub tick_value: AtomsPerLotTick,
    /// The market's terms for this user.
    pub terms: MarginTerms,
}

/// What one position adds to equity and to the requirement, in atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarginPart {
    /// Weighted position value.
    pub equity: Atoms,
    /// Requirement, open orders included where `kind` counts them.
    pub requirement: Atoms,
}

/// Equity and requirement of one position for one kind of test.
#[inline]
pub fn position_margin(kind: MarginKind, position: &PositionInput) -> MathResult<MarginPart> {
    let price = if kind.is_strict() { worse_price(position.size, position.mark, position.twap) } else { position.mark };
    let value = position_value(position.size, position.cash, price)?;
    let equity = weighted_value(value, kind.profit_weight(position.terms.profit_weight))?;
    let demanded = if kind.counts_orders() && !position.orders.is_empty() {
        crate::orders::requirement_with_orders(kind, position)?
    } else {
        let notional = notional_ceil(position.size, position.mark)?;
        requirement(notional, position.terms.ratio(kind, notional)?)?
    };
    Ok(MarginPart { equity, requirement: demanded })
}
