//! Trading fees and how they are split. Fees round up for who pays and down for who receives; what
//! is left, fractions included, is the protocol's.

use crate::error::{MathError, MathResult};
use crate::round::{mul_div_ceil, mul_div_floor};
use crate::units::{Atoms, Bps, Millis, Ppm, BPS_ONE};

/// Rebate, keeper, builder and referrer together get at most this share of the fee charged.
pub const SHARES_CAP_BPS: u32 = 9_000;
/// Keeper's share of the taker fee.
pub const KEEPER_SHARE_BPS: u32 = 1_000;
/// Age after which the keeper's upper bound has grown to its full multiple.
pub const KEEPER_AGE_MS: i64 = 60_000;
/// The keeper's upper bound grows from once to this many times with the order's age.
pub const KEEPER_AGE_FACTOR: u64 = 10;
/// Parts in a whole of [`Ppm`].
pub const PPM_ONE: u64 = 1_000_000;
/// Fee tiers of the exchange.
pub const FEE_TIERS: usize = 4;

/// Fee of a notional: a fee is rounded up, a rebate (negative) toward zero: `ceil` for both.
#[inline]
pub fn fee(notional: Atoms, rate: Ppm) -> MathResult<Atoms> {
    if notional.is_negative() {
        return Err(MathError::NotPositive);
    }
    let value = crate::round::signed_mul_div_ceil(rate.get(), notional.magnitude(), PPM_ONE)?;
    Atoms::new(value).map_err(|_| MathError::Overflow)
}

/// Fee after a referee's discount: `ceil(fee * (10_000 - discount) / 10_000)`.
#[inline]
pub fn discounted(fee: Atoms, discount: Bps) -> MathResult<Atoms> {
    let kept = BPS_ONE.checked_sub(discount.get()).ok_or(MathError::OutOfRange)?;
    fee.ratio_ceil(Bps::new(kept)?)
}

/// One fee tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeTier {
    /// Least 30-day volume for this tier, in whole dollars.
    pub volume_usd: u64,
    /// Taker rate, not negative.
    pub taker: Ppm,
    /// Maker rate; negative is a rebate.
    pub maker: Ppm,
}

/// The last tier whose volume is reached; tier 0 always is. `NotMonotone` when volumes do not rise.
pub fn tier_of(tiers: &[FeeTier; FEE_TIERS], volume_usd: u64) -> MathResult<FeeTier> {
    let [mut chosen, ..] = *tiers;
    let mut previous = 0u64;
    for (number, tier) in tiers.iter().enumerate() {
        if number > 0 && tier.volume_usd <= previous {
            return Err(MathError::NotMonotone);
        }
        previous = tier.volume_usd;
        if number > 0 && volume_usd >= tier.volume_usd {
            chosen = *tier;
        }
    }
    Ok(chosen)
}

/// Bounds of the keeper's share, in atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeeperBounds {
    /// Least share of a fill, so that small orders are served.
    pub least: Atoms,
    /// Largest share of a fill of a fresh order; it grows with age up to ten times.
    pub most: Atoms,
}

/// Keeper's share before the common cap: 10 % of the taker fee, within bounds that rise with age.
pub fn keeper_share(taker_fee: Atoms, bounds: &KeeperBounds, age: Millis) -> MathResult<Atoms> {
    keeper_share_at(taker_fee, Bps::new(KEEPER_SHARE_BPS)?, bounds, age)
}

/// [`keeper_share`] at a share that the exchange sets.
pub fn keeper_share_at(taker_fee: Atoms, share: Bps, bounds: &KeeperBounds, age: Millis) -> MathResult<Atoms> {
    if taker_fee.is_negative() || bounds.least.is_negative() || bounds.most < bounds.least {
        return Err(MathError::OutOfRange);
    }
    let age = age.get().clamp(0, KEEPER_AGE_MS).unsigned_abs();
    let grown = mul_div_floor(
        bounds.most.magnitude(),
        KEEPER_AGE_FACTOR.saturating_sub(1).checked_mul(age).ok_or(MathError::Overflow)?,
        KEEPER_AGE_MS.unsigned_abs(),
    )?;
    let most = bounds.most.plus(Atoms::from_unsigned(grown)?)?;
    let share = taker_fee.ratio_floor(share)?;
    Ok(share.max(bounds.least).min(most))
}

/// What a fill is charged and who wants a part of it. All in atoms, none negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeClaims {
    /// Fee paid by the taker, builder's fee not included.
    pub taker_fee: Atoms,
    /// Fee paid by the maker; zero when the maker is rebated.
    pub maker_fee: Atoms,
    /// Builder's fee, paid by the taker on top.
    pub builder_fee: Atoms,
    /// Rebate the maker's tier promises.
    pub rebate: Atoms,
    /// Keeper's share as [`keeper_share`] gives it.
    pub keeper: Atoms,
    /// Referrer's share.
    pub referrer: Atoms,
}

/// Who gets what; the parts sum to the fee charged, to the atom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeSplit {
    /// All that was charged: taker, maker and builder fees.
    pub charged: Atoms,
    /// To the maker.
    pub rebate: Atoms,
    /// To the builder.
    pub builder: Atoms,
    /// To the keeper.
    pub keeper: Atoms,
    /// To the referrer.
    pub referrer: Atoms,
    /// To the market's pending fees: at least a tenth of the charge.
    pub protocol: Atoms,
}

/// Splits a charge: rebate, builder, keeper, referrer in this order, together at most 90 % of it.
///
/// A claim beyond what is left is cut, never refused: a share can never make a fill fail.
pub fn split(claims: &FeeClaims) -> MathResult<FeeSplit> {
    let all = [claims.taker_fee, claims.maker_fee, claims.builder_fee, claims.rebate, claims.keeper, claims.referrer];
    if all.iter().any(|claim| claim.is_negative()) {
        return Err(MathError::NotPositive);
    }
    let charged = claims.taker_fee.plus(claims.maker_fee)?.plus(claims.builder_fee)?;
    let room = charged.ratio_floor(Bps::new(SHARES_CAP_BPS)?)?;
    let rebate = claims.rebate.min(room);
    let room = room.minus(rebate)?;
    let builder = claims.builder_fee.min(room);
    let room = room.minus(builder)?;
    let keeper = claims.keeper.min(room);
    let room = room.minus(keeper)?;
    let referrer = claims.referrer.min(room);
    let given = rebate.plus(builder)?.plus(keeper)?.plus(referrer)?;
    Ok(FeeSplit { charged, rebate, builder, keeper, referrer, protocol: charged.minus(given)? })
}

/// 30-day volume after `elapsed` since its last update: it decays linearly to zero over 30 days, rounded down.
///
/// One number per user instead of thirty; it never overstates the true 30-day volume of equal days.
pub fn decayed_volume(volume_usd: u64, elapsed: Millis) -> MathResult<u64> {
    if elapsed.is_negative() {
        return Err(MathError::OutOfRange);
    }
    let left = VOLUME_WINDOW_MS.saturating_sub(elapsed.get()).max(0).unsigned_abs();
    mul_div_floor(volume_usd, left, VOLUME_WINDOW_MS.unsigned_abs())
}

/// Window of the volume that fee tiers look at: 30 days.
pub const VOLUME_WINDOW_MS: i64 = 30 * 24 * 3_600_000;

/// `ceil(part * 10_000 / whole)`: a share for messages.
pub fn share_bps_ceil(part: Atoms, whole: Atoms) -> MathResult<u64> {
    mul_div_ceil(part.magnitude(), u64::from(BPS_ONE), whole.magnitude())
}
