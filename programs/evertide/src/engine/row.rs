//! A market's row of the risk cache: everything that valuing a position needs, copied from the market.

use anchor_lang::prelude::*;
use evertide_math::margin::open_interest_ratio;
use evertide_math::mark::clamp_to_radius;
use evertide_math::round::{mul_div_floor, mul_shift_ceil};
use evertide_math::units::PRICE_BITS;
use evertide_math::{Atoms, Bps, PriceQ32};

use super::oracle::with_staleness;
use super::season::weight_bps;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::Now;
use crate::state::{Collateral, CollateralRow, Market, MarketRow, MarketStatus, RiskCache};

/// Bit of `MarketRow::flags`: positions live in a sub-account of their own.
pub const FLAG_ISOLATED_ONLY: u16 = 1;

/// Copies the market into its row. The mark is clamped to its radius around the index, so that a row never holds a
/// mark that an index update has left behind.
#[inline(never)]
pub fn write_market_row(market: &Market, cache: &mut RiskCache, now: Now) -> Result<()> {
    let row = market_row_mut(cache, market.index)?;
    row.index_price_q32 = market.index_price_q32;
    row.mark_price_q32 = clamped_mark(market)?;
    row.twap_price_q32 = market.mark_twap_q32;
    row.publish_time_ms = market.publish_time_ms;
    row.updated_ms = now.ms;
    row.updated_slot = now.slot as u32;
    row.a = market.a;
    row.j = market.j;
    row.j_previous = market.j_previous;
    row.epoch = market.epoch;
    row.open_interest_ratio_bps = scaled_ratio_bps(market)?;
    row.profit_weight_bps = backed_profit_weight_bps(market)?;
    row.status = row_status(market);
    row.validity = with_staleness(market.validity, &market.terms.oracle, market.publish_time_ms, now.ms);
    Ok(())
}

/// Copies the status alone: prices keep the age that they have.
pub fn write_market_status(market: &Market, cache: &mut RiskCache) -> Result<()> {
    market_row_mut(cache, market.index)?.status = row_status(market);
    Ok(())
}

fn row_status(market: &Market) -> u8 {
    if market.latch == 0 {
        market.status
    } else {
        market.status.max(MarketStatus::ReduceOnly as u8)
    }
}

/// Copies the terms that listing and the timelock set.
pub fn write_market_terms(market: &Market, cache: &mut RiskCache) -> Result<()> {
    let row = market_row_mut(cache, market.index)?;
    row.tier_bound_usd = market.terms.tier_bound_usd;
    row.tier_ratio_bps = market.terms.tier_ratio_bps;
    row.profit_weight_bps = backed_profit_weight_bps(market)?;
    row.liquidation_fee_bps = market.terms.liquidation_fee_bps;
    row.market_plus_one = market.index.checked_add(1).or_refuse()?;
    row.flags = (market.terms.flags as u16) & FLAG_ISOLATED_ONLY;
    Ok(())
}

/// The row of a market.
pub fn market_row_mut(cache: &mut RiskCache, index: u16) -> Result<&mut MarketRow> {
    cache.markets.get_mut(usize::from(index)).ok_or_else(|| EvertideError::OutOfRange.into())
}

/// Copies an asset's terms into its row.
pub fn write_collateral_terms(collateral: &Collateral, cache: &mut RiskCache) -> Result<()> {
    let row = collateral_row_mut(cache, collateral.index)?;
    row.weight_initial_bps = weight_bps(collateral, collateral.terms.weight_initial_bps);
    row.weight_maintenance_bps = weight_bps(collateral, collateral.terms.weight_maintenance_bps);
    row.scale_thousand_usd = collateral.terms.scale_thousand_usd;
    let plus_one = collateral.index.checked_add(1).or_refuse()?;
    row.collateral_plus_one = u8::try_from(plus_one).map_err(|_| EvertideError::TooManyCollaterals)?;
    Ok(())
}

/// The row of a collateral asset.
pub fn collateral_row_mut(cache: &mut RiskCache, index: u16) -> Result<&mut CollateralRow> {
    cache.collaterals.get_mut(usize::from(index)).ok_or_else(|| EvertideError::OutOfRange.into())
}

/// The mark inside its radius around the index; the index while there is no mark; 0 while there is no index.
pub fn clamped_mark(market: &Market) -> Result<u64> {
    if market.index_price_q32 == 0 || market.mark_price_q32 == 0 {
        return Ok(market.index_price_q32);
    }
    let mark = PriceQ32::new(market.mark_price_q32).or_refuse()?;
    let index = PriceQ32::new(market.index_price_q32).or_refuse()?;
    let radius = Bps::new(u32::from(market.terms.mark_radius_bps)).or_refuse()?;
    Ok(clamp_to_radius(mark, index, radius).or_refuse()?.get())
}

/// Initial ratio that the market's open interest demands: the larger side at index, rounded up.
pub fn scaled_ratio_bps(market: &Market) -> Result<u16> {
    let lots = market.open_interest_lots[0].max(market.open_interest_lots[1]);
    let notional = mul_shift_ceil(lots, market.index_price_q32, PRICE_BITS).or_refuse()?;
    let notional = Atoms::from_unsigned(notional).or_refuse()?;
    let terms = &market.terms;
    let ratio = open_interest_ratio(notional, terms.open_interest_lower_usd, terms.open_interest_upper_usd);
    u16::try_from(ratio.or_refuse()?.get()).map_err(|_| EvertideError::Overflow.into())
}

/// Weight of unrealised profit for initial margin, times the part of all claims that the pool backs, rounded down. The cash
/// of all positions is what the pool owes, so that nothing but a recorded deficit is without backing.
pub fn backed_profit_weight_bps(market: &Market) -> Result<u16> {
    let weight = market.terms.profit_weight_bps;
    if market.deficit_atoms == 0 {
        return Ok(weight);
    }
    let claims = market.pool_atoms.checked_add(market.deficit_atoms).or_refuse()?;
    let backed = mul_div_floor(u64::from(weight), market.pool_atoms, claims).or_refuse()?;
    u16::try_from(backed).map_err(|_| EvertideError::Overflow.into())
}

/// The row of a collateral asset, to read.
pub fn collateral_row(cache: &RiskCache, index: u16) -> Result<&CollateralRow> {
    cache.collaterals.get(usize::from(index)).ok_or_else(|| EvertideError::OutOfRange.into())
}
