//! What a fill costs: tiers by 30-day volume, and who gets a part of it.

use anchor_lang::prelude::*;
use evertide_math::fees::{fee, keeper_share_at, split, FeeClaims, FeeSplit, KeeperBounds};
use evertide_math::round::mul_div_floor;
use evertide_math::{Atoms, Bps, Millis, Ppm};

use super::rewards::Earners;
use crate::error::OrRefuse;
use crate::guards::clock::HOUR_MS;
use crate::state::{Exchange, FeeTier, Market, User};

/// Parts per million of one tenth of a basis point.
const PPM_PER_TENTH_BPS: i64 = 10;
/// Hours over which volume decays to nothing: 30 days.
const VOLUME_WINDOW_HOURS: u64 = 720;

/// Volume of the last 30 days now, and the time to store with it: it decays by whole hours.
///
/// The same line as `evertide_math::fees::decayed_volume` at whole hours, where the product stays in 64 bits.
pub fn volume_now(user: &User, now_ms: i64) -> Result<(u64, i64)> {
    if user.volume_30d_atoms == 0 {
        return Ok((0, now_ms));
    }
    let elapsed_ms = now_ms.saturating_sub(user.volume_updated_ms).max(0);
    let hours = elapsed_ms.checked_div(HOUR_MS).or_refuse()?;
    let left = VOLUME_WINDOW_HOURS.saturating_sub(hours.unsigned_abs());
    let volume = mul_div_floor(user.volume_30d_atoms, left, VOLUME_WINDOW_HOURS).or_refuse()?;
    let counted_ms = hours.checked_mul(HOUR_MS).or_refuse()?;
    Ok((volume, user.volume_updated_ms.checked_add(counted_ms).or_refuse()?))
}

/// Adds a fill's notional to a user's volume.
pub fn add_volume(user: &mut User, notional_atoms: u64, now_ms: i64) -> Result<()> {
    let (volume, updated_ms) = volume_now(user, now_ms)?;
    user.volume_30d_atoms = volume.saturating_add(notional_atoms);
    user.volume_updated_ms = updated_ms;
    Ok(())
}

/// The last tier whose volume the user has reached.
pub fn tier_of<'a>(exchange: &'a Exchange, user: &User, now_ms: i64) -> Result<&'a FeeTier> {
    let (volume, _) = volume_now(user, now_ms)?;
    let tiers = &exchange.terms.fee_tiers;
    let mut chosen = &tiers[0];
    for tier in tiers.iter().take(usize::from(exchange.terms.fee_tier_count)).skip(1) {
        if volume < tier.volume_atoms {
            break;
        }
        chosen = tier;
    }
    Ok(chosen)
}

/// What one fill is charged, and the split of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FillFees {
    /// Charged to the taker, atoms, the builder's fee included.
    pub taker_atoms: i64,
    /// Of it the builder's fee, atoms.
    pub builder_fee_atoms: u64,
    /// Charged to the maker, atoms; negative is a rebate.
    pub maker_atoms: i64,
    /// Who gets what.
    pub split: FeeSplit,
    /// Charged to the taker beside, for the market's insurance, atoms: liquidations only.
    pub insurance_atoms: i64,
}

/// Whose fees, and how old the taker's order is.
pub struct FeeTerms<'a> {
    pub exchange: &'a Exchange,
    pub taker: &'a FeeTier,
    pub maker: &'a FeeTier,
    /// Whether a keeper's account is there to be credited.
    pub keeper: bool,
    /// Age of the taker's order, ms.
    pub age_ms: i64,
    /// Who brought the taker.
    pub earners: Earners,
    /// Most that the taker can be charged; a liquidation charges no more than the equity that is left.
    pub taker_most: Option<Atoms>,
}

/// Fees of a fill. A share that does not fit the charge is cut, never refused.
pub fn fill_fees(terms: &FeeTerms, notional: Atoms) -> Result<FillFees> {
    let taker_fee = fee(notional, rate(i64::from(terms.taker.taker_fee_tenth_bps))?).or_refuse()?;
    let taker_fee = terms.taker_most.map_or(taker_fee, |most| taker_fee.min(most));
    let maker_fee = fee(notional, rate(i64::from(terms.maker.maker_fee_tenth_bps))?).or_refuse()?;
    let keeper = if terms.keeper {
        let shares = &terms.exchange.terms;
        let bounds = KeeperBounds {
            least: Atoms::from_unsigned(shares.keeper_reward_min_atoms).or_refuse()?,
            most: Atoms::from_unsigned(shares.keeper_reward_max_atoms).or_refuse()?,
        };
        let share = Bps::new(u32::from(shares.keeper_share_bps)).or_refuse()?;
        keeper_share_at(taker_fee, share, &bounds, Millis::new(terms.age_ms.max(0)).or_refuse()?).or_refuse()?
    } else {
        Atoms::ZERO
    };
    let builder_fee = match terms.earners.builder {
        Some((_, tenth_bps)) => fee(notional, rate(i64::from(tenth_bps))?).or_refuse()?,
        None => Atoms::ZERO,
    };
    let referrer = match terms.earners.referrer_share_bps {
        0 => Atoms::ZERO,
        share => taker_fee.ratio_floor(Bps::new(u32::from(share)).or_refuse()?).or_refuse()?,
    };
    let claims = FeeClaims {
        taker_fee,
        maker_fee: maker_fee.max(Atoms::ZERO),
        builder_fee,
        rebate: maker_fee.negate().max(Atoms::ZERO),
        keeper,
        referrer,
    };
    let split = split(&claims).or_refuse()?;
    let maker_atoms = if maker_fee.is_negative() { split.rebate.negate().get() } else { maker_fee.get() };
    Ok(FillFees {
        taker_atoms: taker_fee.plus(builder_fee).or_refuse()?.get(),
        builder_fee_atoms: builder_fee.magnitude(),
        maker_atoms,
        split,
        insurance_atoms: 0,
    })
}

fn rate(tenth_bps: i64) -> Result<Ppm> {
    Ppm::new(tenth_bps.checked_mul(PPM_PER_TENTH_BPS).or_refuse()?).or_refuse()
}

/// Keeps the protocol's part of a charge in the market, and marks the insurance fund's part of it.
pub fn keep_protocol_part(market: &mut Market, exchange: &Exchange, kept_atoms: u64) -> Result<()> {
    market.pending_fees_atoms = market.pending_fees_atoms.checked_add(kept_atoms).or_refuse()?;
    let share = u64::from(exchange.terms.insurance_share_bps);
    let insurance = mul_div_floor(kept_atoms, share, 10_000).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.checked_add(insurance).or_refuse()?;
    Ok(())
}
