//! Value of collateral in quote, with confidence haircut and weights.

use crate::error::{MathError, MathResult};
use crate::round::mul_shift_floor;
use crate::units::{Atoms, Bps, CollateralPriceQ48, BPS_ONE, COLLATERAL_PRICE_BITS};

/// Significant bits that the cap keeps in [`scaled_weight`]; with a weight they fit 64 bits.
pub const WEIGHT_SCALE_BITS: u32 = 50;

/// `floor(amount * price)` in quote atoms; `amount` in atoms of the collateral's own token.
#[inline]
pub fn collateral_value(amount: u64, price: CollateralPriceQ48) -> MathResult<Atoms> {
    Atoms::from_unsigned(mul_shift_floor(amount, price.get(), COLLATERAL_PRICE_BITS)?)
}

/// Price minus confidence, not below zero: for initial margin and withdrawals.
#[inline]
pub fn price_less_confidence(
    price: CollateralPriceQ48,
    confidence: CollateralPriceQ48,
) -> MathResult<CollateralPriceQ48> {
    CollateralPriceQ48::new(price.get().saturating_sub(confidence.get()))
}

/// Stale collateral in a liquidation counts at its last TWAP minus 10 %, rounded down.
#[inline]
pub fn stale_price(twap: CollateralPriceQ48) -> MathResult<CollateralPriceQ48> {
    CollateralPriceQ48::new(crate::round::mul_div_floor(twap.get(), 9, 10)?)
}

/// `floor(value * weight)` in atoms of a value that is not negative.
#[inline]
pub fn weighted_collateral(value: Atoms, weight: Bps) -> MathResult<Atoms> {
    if value.is_negative() {
        return Err(MathError::NotPositive);
    }
    value.ratio_floor(weight)
}

/// Weight scaled by the owner's own balance against the exchange-wide cap, so that no other
/// depositor can change it: `full - ceil((full - least) * min(balance, cap) / cap)`.
///
/// A cap wider than 50 bits loses its low bits (the balance rounds up, the cap down, so that the weight
/// only falls), which keeps the product in 64 bits. A cap of zero allows nothing: the least weight.
#[inline]
pub fn scaled_weight(full: Bps, least: Bps, balance: u64, cap: u64) -> MathResult<Bps> {
    let range = full.get().checked_sub(least.get()).ok_or(MathError::NotMonotone)?;
    if full.get() > BPS_ONE {
        return Err(MathError::OutOfRange);
    }
    if balance >= cap || range == 0 {
        return Ok(least);
    }
    // Counting zeros takes the virtual machine forty steps: only a wide cap needs it.
    let drop_bits = if cap >> WEIGHT_SCALE_BITS == 0 {
        0
    } else {
        u64::BITS.saturating_sub(cap.leading_zeros()).saturating_sub(WEIGHT_SCALE_BITS)
    };
    let short_cap = cap.wrapping_shr(drop_bits);
    let short_balance = balance.div_ceil(1u64.wrapping_shl(drop_bits)).min(short_cap);
    let scaled = u64::from(range).checked_mul(short_balance).ok_or(MathError::Overflow)?;
    let discount = u32::try_from(scaled.div_ceil(short_cap)).map_err(|_| MathError::Overflow)?;
    Bps::new(full.get().checked_sub(discount).ok_or(MathError::Overflow)?)
}
