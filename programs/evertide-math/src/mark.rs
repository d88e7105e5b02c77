//! Mark price: median of three legs, each clamped around the index; basis average and TWAP.

use crate::error::{MathError, MathResult};
use crate::round::{mul_div_ceil, mul_div_floor, wide_mul};
use crate::units::{Bps, Millis, PriceQ32, BPS_ONE, PRICE_LIMIT_Q32};

/// Window of the average of (book mid - index), in milliseconds.
pub const BASIS_WINDOW_MS: i64 = 150_000;
/// Window of the short TWAP, in milliseconds.
pub const TWAP_WINDOW_MS: i64 = 300_000;

/// The middle one of three prices.
#[inline]
#[must_use]
pub fn median(first: PriceQ32, second: PriceQ32, third: PriceQ32) -> PriceQ32 {
    first.min(second).max(first.max(second).min(third))
}

/// `floor((left + right) / 2)`.
#[inline]
pub fn midpoint_floor(left: PriceQ32, right: PriceQ32) -> MathResult<PriceQ32> {
    PriceQ32::new(left.get().midpoint(right.get()))
}

/// Clamps a price into `[ceil(index (1 - radius)), floor(index (1 + radius))]`: never outside it.
#[inline]
pub fn clamp_to_radius(price: PriceQ32, index: PriceQ32, radius: Bps) -> MathResult<PriceQ32> {
    // Inside without a division: an integer is not below ceil(x) exactly when it is not below x.
    let distance = wide_mul(price.get().abs_diff(index.get()), u64::from(BPS_ONE));
    if distance <= wide_mul(index.get(), u64::from(radius.get())) {
        return Ok(price);
    }
    let (low, high) = (index.below_ceil(radius)?, radius_high(index, radius)?);
    Ok(price.max(low).min(high))
}

#[inline]
fn radius_high(index: PriceQ32, radius: Bps) -> MathResult<PriceQ32> {
    // At the very guard the radius would leave it; there the guard itself is the bound.
    match index.above_floor(radius) {
        Err(MathError::Overflow) => PriceQ32::new(PRICE_LIMIT_Q32.saturating_sub(1)),
        other => other,
    }
}

/// Moves a basis average toward (mid - index) by `min(dt, window) / window`; without a book toward 0.
///
/// Q32 atoms per lot, signed. The step is rounded away from zero, so that a dead book's basis ends at
/// exactly 0 and a live one ends at its sample.
pub fn update_basis(basis_q32: i64, mid: Option<PriceQ32>, index: PriceQ32, elapsed: Millis) -> MathResult<i64> {
    let limit = PRICE_LIMIT_Q32.cast_signed();
    if elapsed.is_negative() || basis_q32 <= limit.saturating_neg() || basis_q32 >= limit {
        return Err(MathError::OutOfRange);
    }
    let target = match mid {
        Some(mid) => mid.get().cast_signed().checked_sub(index.get().cast_signed()).ok_or(MathError::Overflow)?,
        None => 0,
    };
    let part = elapsed.get().min(BASIS_WINDOW_MS).unsigned_abs();
    let step = mul_div_ceil(target.abs_diff(basis_q32), part, BASIS_WINDOW_MS.unsigned_abs())?;
    step_toward(basis_q32, target, step)
}

#[inline]
fn step_toward(from: i64, target: i64, step: u64) -> MathResult<i64> {
    let moved = if target >= from { from.checked_add_unsigned(step) } else { from.checked_sub_unsigned(step) };
    moved.ok_or(MathError::Overflow)
}

/// What the mark is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkInputs {
    /// Current index price.
    pub index: PriceQ32,
    /// Average of (book mid - index), Q32, signed.
    pub basis_q32: i64,
    /// Best bid from evidence.
    pub best_bid: Option<PriceQ32>,
    /// Best ask from evidence.
    pub best_ask: Option<PriceQ32>,
    /// Last trade.
    pub last: Option<PriceQ32>,
    /// Radius around the index for every leg.
    pub radius: Bps,
}

/// Median of (index + basis), (median of best bid, best ask, last), index; each clamped to the radius.
///
/// Without both a bid and an ask there is no book leg, and the mark is the clamped first leg, whose
/// basis decays to zero; without a last trade the book leg is the mid, rounded down.
pub fn mark_price(inputs: &MarkInputs) -> MathResult<PriceQ32> {
    let index = inputs.index.positive()?;
    let shifted = index.get().checked_add_signed(inputs.basis_q32).unwrap_or(0);
    let shifted = PriceQ32::new(shifted.min(PRICE_LIMIT_Q32.saturating_sub(1)))?;
    let basis_leg = clamp_to_radius(shifted, index, inputs.radius)?;
    let (Some(bid), Some(ask)) = (inputs.best_bid, inputs.best_ask) else {
        return Ok(basis_leg);
    };
    let book = match inputs.last {
        Some(last) => median(bid, ask, last),
        None => midpoint_floor(bid, ask)?,
    };
    Ok(median(basis_leg, clamp_to_radius(book, index, inputs.radius)?, index))
}

/// Moves a TWAP toward a sample by `min(dt, window) / window`, toward zero; the sample is first clamped
/// to `step` around the TWAP. A TWAP of zero has no history and becomes the sample.
pub fn update_twap(
    twap: PriceQ32,
    sample: PriceQ32,
    elapsed: Millis,
    window: Millis,
    step: Bps,
) -> MathResult<PriceQ32> {
    if elapsed.is_negative() {
        return Err(MathError::OutOfRange);
    }
    if window.get() <= 0 {
        return Err(MathError::NotPositive);
    }
    let sample = sample.positive()?;
    if twap.is_zero() {
        return Ok(sample);
    }
    let clamped = clamp_to_radius(sample, twap, step)?;
    let part = elapsed.get().min(window.get()).unsigned_abs();
    let move_by = mul_div_floor(clamped.get().abs_diff(twap.get()), part, window.get().unsigned_abs())?;
    let moved = if clamped >= twap { twap.get().checked_add(move_by) } else { twap.get().checked_sub(move_by) };
    PriceQ32::new(moved.ok_or(MathError::Overflow)?)
}
