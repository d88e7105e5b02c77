//! Exposure of the whole exchange: the sum of all markets' open interest in the risk cache, counted market by market with
//! each accrual. A fill adds what its own market gained since; no account that all trades would have to write is needed.

use anchor_lang::prelude::*;
use evertide_math::round::mul_shift_ceil;
use evertide_math::units::PRICE_BITS;

use crate::error::OrRefuse;
use crate::state::{Exchange, Market, RiskCache};

/// Atoms of 1,000 dollars: the unit in which open interest is counted, rounded up.
pub const COUNTED_ATOMS: u64 = 1_000_000_000;

/// Open interest of a market at index, thousands of dollars, the larger side, rounded up; saturates.
fn thousands(market: &Market, lots: [u64; 2]) -> Result<u32> {
    let atoms = mul_shift_ceil(lots[0].max(lots[1]), market.index_price_q32, PRICE_BITS).or_refuse()?;
    Ok(u32::try_from(atoms.div_ceil(COUNTED_ATOMS)).unwrap_or(u32::MAX))
}

/// Replaces what the cache counts of this market by what it is now.
pub fn count_open_interest(market: &mut Market, cache: &mut RiskCache) -> Result<()> {
    let now = thousands(market, market.open_interest_lots)?;
    let others = cache.open_interest_thousand_usd.saturating_sub(u64::from(market.counted_thousand_usd));
    cache.open_interest_thousand_usd = others.checked_add(u64::from(now)).or_refuse()?;
    market.counted_thousand_usd = now;
    Ok(())
}

/// Whether a side of this market grows and takes the whole exchange beyond its cap.
#[inline(never)]
pub fn exceeds_exchange_cap(
    exchange: &Exchange,
    cache: &RiskCache,
    market: &Market,
    lots_after: [u64; 2],
) -> Result<bool> {
    let most = exchange.terms.exchange_notional_max_atoms;
    let grows = (0..2).any(|side| lots_after[side] > market.open_interest_lots[side]);
    if most == 0 || !grows {
        return Ok(false);
    }
    let others = cache.open_interest_thousand_usd.saturating_sub(u64::from(market.counted_thousand_usd));
    let all = others.saturating_add(u64::from(thousands(market, lots_after)?));
    Ok(all.saturating_mul(COUNTED_ATOMS) > most)
}
